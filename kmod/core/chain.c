// SPDX-License-Identifier: GPL-2.0
/*
 * chain.c - a chain put together, buffer by buffer, for split and packed rings: where
 * its bytes are, what is logged of them.
 *
 * As in vring.c, what is found wrong is kept in vr->error. What an IOTLB does not know
 * yet is no error: it is kept in vr->miss, and the chain is not taken.
 */
#include "chain.h"
#include "parts.h"

/* -EAGAIN: the IOTLB does not know all of it. */
static int find_buffer(struct vxdp_vring *vr, u64 addr, u64 len, bool write, struct iovec *iov,
		       u32 max)
{
	u32 perm = write ? VHOST_ACCESS_WO : VHOST_ACCESS_RO;
	u64 missing;
	int n;

	if (likely(!vr->iotlb))
		return vxdp_memory_translate(vr->mem, addr, len, iov, max);
	n = vxdp_iotlb_translate(vr->iotlb, addr, len, perm, iov, max, &missing);
	if (n == -EAGAIN)
		vr->miss = (struct vxdp_miss){ .iova = missing, .perm = perm, .ask = true };
	return n;
}

/* What is logged of it, should it be written: user addresses behind an IOTLB. */
static void add_segs(const struct vxdp_vring *vr, struct vxdp_chain *c, u64 addr, u64 len,
		     const struct iovec *iov, u32 n)
{
	u32 i;

	if (likely(!vr->iotlb)) {
		c->seg[c->seg_num++] = (struct vxdp_seg){ addr, len };
		return;
	}
	for (i = 0; i < n; i++)
		c->seg[c->seg_num++] = (struct vxdp_seg){ (u64)iov[i].iov_base, iov[i].iov_len };
}

/**
 * vxdp_chain_add() - one more buffer
 * @vr: the ring
 * @c: the chain
 * @addr: guest-physical; behind an IOTLB, IO virtual
 * @len: bytes, or 0
 * @write: for us to write
 *
 * Return: 0, or negative where the ring broke, or misses.
 */
int vxdp_chain_add(struct vxdp_vring *vr, struct vxdp_chain *c, u64 addr, u32 len, bool write)
{
	u32 used = c->out_num + c->in_num;
	int n;

	if (++c->desc_num > VXDP_CHAIN_DESC_MAX)
		return BROKEN(vr, LOOP);
	if (!write && c->in_num)
		return BROKEN(vr, ORDER);

	n = find_buffer(vr, addr, len, write, c->iov + used, c->iov_max - used);
	if (n == -EAGAIN)
		return n;
	if (n == -ENOBUFS)
		return BROKEN(vr, LEN);
	if (n < 0)
		return BROKEN(vr, ADDR);
	if (!write) {
		c->out_num += n;
		c->out_len += len;
		return 0;
	}
	if (n && c->seg)
		add_segs(vr, c, addr, len, c->iov + used, n);
	c->in_num += n;
	c->in_len += len;
	return 0;
}

/**
 * vxdp_chain_has_table() - can all of an indirect table be read?
 * @vr: the ring
 * @addr: the table's address
 * @len: bytes of it, not 0
 *
 * Only an IOTLB is asked: as in-tree vhost does, before anything that the table is
 * about. For all of it, or as much as a chain can have; the rest is asked for if need be.
 *
 * Return: false where the ring broke, or misses.
 */
bool vxdp_chain_has_table(struct vxdp_vring *vr, u64 addr, u32 len)
{
	u64 uaddr, missing;
	int ret;

	if (likely(!vr->iotlb))
		return true;
	len = min_t(u32, len, VXDP_CHAIN_DESC_MAX * sizeof(struct vring_desc));
	ret = vxdp_iotlb_cover(vr->iotlb, addr, len, VHOST_ACCESS_RO, &uaddr, &missing);
	if (ret == -EAGAIN)
		vr->miss = (struct vxdp_miss){ missing, VHOST_ACCESS_RO, true };
	else if (ret < 0)
		BROKEN(vr, INDIRECT);
	return ret >= 0;
}

/**
 * vxdp_chain_read_table() - read a descriptor of an indirect table
 * @vr: the ring
 * @addr: address of the descriptor, guest-physical or, behind an IOTLB, IO virtual
 * @to: out: the descriptor
 * @len: bytes of it
 *
 * On end for the guest, but perhaps not so for us: read piece by piece.
 *
 * Return: 0, or negative where the ring broke, or misses.
 */
int vxdp_chain_read_table(struct vxdp_vring *vr, u64 addr, void *to, u32 len)
{
	struct iovec iov[2];
	int i, n;

	if (vr->iotlb && !vxdp_chain_has_table(vr, addr, len))
		return -EINVAL;
	if (vr->iotlb)
		return vxdp_iova_read(vr, addr, to, len) ? BROKEN(vr, FAULT) : 0;
	n = vxdp_memory_translate(vr->mem, addr, len, iov, ARRAY_SIZE(iov));
	if (n < 0)
		return BROKEN(vr, INDIRECT);
	for (i = 0; i < n; i++) {
		if (vxdp_copy_from_user(to, (u64)iov[i].iov_base, iov[i].iov_len))
			return BROKEN(vr, FAULT);
		to += iov[i].iov_len;
	}
	return 0;
}

/**
 * vxdp_vring_log_chain() - log what was written into a chain
 * @vr: the ring
 * @chain: as vxdp_vring_next() filled it, with its segments
 * @len: bytes written, from the chain's start
 *
 * Return: 0, or negative where the ring broke because the log is not writable.
 */
int vxdp_vring_log_chain(struct vxdp_vring *vr, const struct vxdp_chain *chain, u64 len)
{
	u32 i;
	u64 part;

	if (!vr->log_all || !chain->seg)
		return 0;
	for (i = 0; i < chain->seg_num && len; i++) {
		part = min(len, chain->seg[i].len);
		if (vr->iotlb ? vxdp_log_write_user(vr->log_base, vr->mem, chain->seg[i].addr, part) :
				vxdp_log_write(vr->log_base, chain->seg[i].addr, part))
			return BROKEN(vr, FAULT);
		len -= part;
	}
	return 0;
}
