// SPDX-License-Identifier: GPL-2.0
/*
 * parts.c - a ring behind an IOTLB: where its three parts are, and access to them where
 * they are in pieces.
 *
 * A ring is looked for at the start of each turn, all of it, and who changes the table
 * waits for the turn's end (struct vxdp_iotlb). So whatever is found then stays, and no
 * access during the turn misses.
 */
#include "chain.h"
#include "parts.h"

/* What an address is aligned to for us as for the guest, or it counts as in pieces. */
#define ALIGN_MASK	3

/**
 * vxdp_vring_set_addr() - where the ring's parts are
 * @vr: the ring, not running or checked by vxdp_vring_access_ok()
 * @desc: address of the descriptor table: the VMM's, behind an IOTLB the guest's
 * @avail: likewise of the driver area
 * @used: likewise of the device area
 */
void vxdp_vring_set_addr(struct vxdp_vring *vr, u64 desc, u64 avail, u64 used)
{
	vr->seen = 0;
	vr->moved = true;
	if (vr->iotlb) {
		vr->iova[VXDP_PART_DESC] = desc;
		vr->iova[VXDP_PART_AVAIL] = avail;
		vr->iova[VXDP_PART_USED] = used;
		return;
	}
	vr->desc = desc;
	vr->avail = avail;
	vr->used = used;
}

/**
 * vxdp_vring_set_iotlb() - the guest is behind an IOMMU from now on, or no longer
 * @vr: the ring, running or not
 * @iotlb: its table, perhaps another one, or NULL
 *
 * Addresses that were set mean something else then: they are forgotten, with what they
 * were logged by. A ring that runs is not ready until they are set again.
 */
void vxdp_vring_set_iotlb(struct vxdp_vring *vr, const struct vxdp_iotlb *iotlb)
{
	bool other = !iotlb != !vr->iotlb;

	vr->iotlb = iotlb;
	vr->seen = 0;
	if (!other)
		return;
	vr->desc = 0;
	vr->avail = 0;
	vr->used = 0;
	memset(vr->iova, 0, sizeof(vr->iova));
	vr->scattered = false;
	vr->miss = (struct vxdp_miss){};
	vr->log_used = false;
	vr->log_addr = 0;
	/* What the driver had made available, it had there. */
	vr->avail_idx = vr->last_avail;
}

/* The VMM is asked where that is. -EPERM: it has said, and has not been of help. */
static bool misses(struct vxdp_vring *vr, u64 iova, u32 perm, bool ask)
{
	vr->miss = (struct vxdp_miss){ .iova = iova, .perm = perm, .ask = ask };
	return false;
}

static bool find_part(struct vxdp_vring *vr, enum vxdp_part part, u64 *at, u64 len, u32 perm)
{
	const u64 iova = vr->iova[part];
	u64 missing;

	switch (vxdp_iotlb_cover(vr->iotlb, iova, len, perm, at, &missing)) {
	case -EAGAIN:
		return misses(vr, missing, perm, true);
	case -EPERM:
		return misses(vr, missing, perm, false);
	case 0:
		vr->scattered = true;
		return true;
	case 1:
		if ((*at ^ iova) & ALIGN_MASK)
			vr->scattered = true;
		return true;
	default:
		BROKEN(vr, ADDR);
		return false;
	}
}

static bool find_parts(struct vxdp_vring *vr)
{
	u32 desc = vxdp_vring_packed(vr) ? VHOST_ACCESS_RW : VHOST_ACCESS_RO;

	vr->miss = (struct vxdp_miss){};
	if (vr->seen == vr->iotlb->gen)
		return true;
	if (!(vr->iova[VXDP_PART_DESC] | vr->iova[VXDP_PART_AVAIL] | vr->iova[VXDP_PART_USED]))
		return false;
	vr->seen = 0;
	vr->scattered = false;
	if (!find_part(vr, VXDP_PART_DESC, &vr->desc, vxdp_vring_desc_size(vr->num), desc) ||
	    !find_part(vr, VXDP_PART_AVAIL, &vr->avail, vxdp_vring_avail_size(vr, vr->num),
		       VHOST_ACCESS_RO) ||
	    !find_part(vr, VXDP_PART_USED, &vr->used, vxdp_vring_used_size(vr, vr->num),
		       VHOST_ACCESS_WO))
		return false;
	vr->seen = vr->iotlb->gen;
	return true;
}

/**
 * vxdp_vring_ready() - can the ring be served?
 * @vr: the ring, started
 *
 * To be asked at the start of each turn; the IOTLB does not change until its end.
 *
 * Return: false where it has no addresses (any more); where its IOTLB does not know all
 * of them, and vr->miss says what; where the ring broke.
 */
bool vxdp_vring_ready(struct vxdp_vring *vr)
{
	if (unlikely(vr->iotlb))
		return find_parts(vr);
	return vr->desc | vr->avail | vr->used;
}

/**
 * vxdp_parts_start() - may the start of a ring behind an IOTLB access what it has to?
 * @vr: the ring
 *
 * That is the first four bytes of the device area; they are accessed as if in pieces.
 * The rest may still be asked for. As in-tree vhost does, it is asked for leave to read.
 *
 * Return: false where it may not (vr->miss says where the VMM can help).
 */
bool vxdp_parts_start(struct vxdp_vring *vr)
{
	const u64 iova = vr->iova[VXDP_PART_USED], len = 2 * sizeof(u16);
	u64 uaddr, missing;
	int ret;

	vr->miss = (struct vxdp_miss){};
	vr->seen = 0;
	vr->scattered = true;
	ret = vxdp_iotlb_cover(vr->iotlb, iova, len, VHOST_ACCESS_RO, &uaddr, &missing);
	if (ret == -EAGAIN)
		return misses(vr, missing, VHOST_ACCESS_RO, true);
	return ret >= 0 &&
	       vxdp_iotlb_cover(vr->iotlb, iova, len, VHOST_ACCESS_WO, &uaddr, &missing) >= 0;
}

/**
 * vxdp_iova_read() - read what may be in pieces
 * @vr: the ring, behind an IOTLB
 * @iova: address
 * @to: out: the bytes
 * @len: how many
 *
 * Return: 0, or -EFAULT, also where it misses.
 */
int vxdp_iova_read(const struct vxdp_vring *vr, u64 iova, void *to, u64 len)
{
	struct iovec piece;

	for (; len; len -= piece.iov_len, iova += piece.iov_len, to += piece.iov_len) {
		if (vxdp_iotlb_piece(vr->iotlb, iova, len, VHOST_ACCESS_RO, &piece) ||
		    vxdp_copy_from_user(to, (u64)piece.iov_base, piece.iov_len))
			return -EFAULT;
	}
	return 0;
}

/**
 * vxdp_iova_write() - write what may be in pieces
 * @vr: the ring, behind an IOTLB
 * @iova: address
 * @from: the bytes
 * @len: how many
 *
 * Return: 0, or -EFAULT, also where it misses.
 */
int vxdp_iova_write(const struct vxdp_vring *vr, u64 iova, const void *from, u64 len)
{
	struct iovec piece;

	for (; len; len -= piece.iov_len, iova += piece.iov_len, from += piece.iov_len) {
		if (vxdp_iotlb_piece(vr->iotlb, iova, len, VHOST_ACCESS_WO, &piece) ||
		    vxdp_copy_to_user((u64)piece.iov_base, from, piece.iov_len))
			return -EFAULT;
	}
	return 0;
}

/* Where 16 bits are that can be accessed by one instruction. False: they cannot. */
static bool word_at(const struct vxdp_vring *vr, u64 iova, u32 perm, u64 *at)
{
	struct iovec piece;

	if (vxdp_iotlb_piece(vr->iotlb, iova, sizeof(u16), perm, &piece) ||
	    piece.iov_len < sizeof(u16))
		return false;
	*at = (u64)piece.iov_base;
	return !(*at % sizeof(u16));
}

/**
 * vxdp_iova_get_u16() - read 16 bits, never torn
 * @vr: the ring, behind an IOTLB
 * @val: out: what is there
 * @iova: address
 *
 * Return: 0, or -EFAULT, also where they are not on end, or not aligned.
 */
int vxdp_iova_get_u16(const struct vxdp_vring *vr, u16 *val, u64 iova)
{
	u64 at;

	return word_at(vr, iova, VHOST_ACCESS_RO, &at) ? vxdp_get_u16(val, at) : -EFAULT;
}

/**
 * vxdp_iova_put_u16() - write 16 bits, never torn
 * @vr: the ring, behind an IOTLB
 * @val: what
 * @iova: address
 *
 * Return: as vxdp_iova_get_u16().
 */
int vxdp_iova_put_u16(const struct vxdp_vring *vr, u16 val, u64 iova)
{
	u64 at;

	return word_at(vr, iova, VHOST_ACCESS_WO, &at) ? vxdp_put_u16(val, at) : -EFAULT;
}

/**
 * vxdp_parts_log() - log what was written into a part, by its user addresses
 * @vr: the ring, behind an IOTLB or not
 * @part: which
 * @off: where in there
 * @len: bytes
 *
 * Return: 0, or -EFAULT, also where memory has no guest page for it.
 */
int vxdp_parts_log(const struct vxdp_vring *vr, enum vxdp_part part, u64 off, u64 len)
{
	u64 iova = vr->iova[part] + off;
	struct iovec piece;

	if (!vr->scattered)
		return vxdp_log_write_user(vr->log_base, vr->mem, vxdp_part_at(vr, part) + off,
					   len);
	for (; len; len -= piece.iov_len, iova += piece.iov_len) {
		if (vxdp_iotlb_piece(vr->iotlb, iova, len, VHOST_ACCESS_WO, &piece) ||
		    vxdp_log_write_user(vr->log_base, vr->mem, (u64)piece.iov_base,
					piece.iov_len))
			return -EFAULT;
	}
	return 0;
}
