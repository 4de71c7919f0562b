// SPDX-License-Identifier: GPL-2.0
/*
 * vring.c - the device side of a virtqueue: of a split one here; that of a packed one,
 * which has the same calls, is in packed.c.
 *
 * Order of accesses, the driver being the guest (virtio 1.2, 2.7.13 and 2.7.7):
 *
 *	driver				device (here)
 *
 *	write descriptors, ring[]	(B) read avail->idx
 *	(A) write barrier		    smp_rmb, in read_avail_idx()
 *	write avail->idx		    read ring[], descriptors
 *
 *	read used->idx			(C) write buffers, used->ring[]
 *	(D) read barrier		    smp_wmb, in vxdp_vring_add_used()
 *	read used->ring[], buffers	    write used->idx
 *
 *	write avail->used_event		(E) write used->idx
 *	(F) full barrier		    smp_mb, in vxdp_vring_need_signal()
 *	read used->idx			    read used_event or avail->flags
 *
 *	write avail->idx		(G) write avail_event or used->flags
 *	(H) full barrier		    smp_mb, in vxdp_vring_enable_kick()
 *	read avail_event, used->flags	    read avail->idx
 *
 * (A) pairs with (B), (C) with (D), (E) with (F), (G) with (H).
 *
 * Guest memory is read once into a local and then checked. What is found wrong
 * is kept in vr->error, after which nothing is taken from the ring until it is
 * started anew; an error return always comes with one, or with a miss of the IOTLB.
 */
#include "chain.h"
#include "packed.h"
#include "parts.h"

static u64 avail_entry_off(const struct vxdp_vring *vr, u16 idx)
{
	return offsetof(struct vring_avail, ring) + (idx & (vr->num - 1)) * sizeof(u16);
}

static u64 used_event_off(const struct vxdp_vring *vr)
{
	return offsetof(struct vring_avail, ring) + vr->num * sizeof(u16);
}

static u64 used_entry_off(const struct vxdp_vring *vr, u16 idx)
{
	return offsetof(struct vring_used, ring) +
	       (idx & (vr->num - 1)) * sizeof(struct vring_used_elem);
}

static u64 avail_event_off(const struct vxdp_vring *vr)
{
	return offsetof(struct vring_used, ring) +
	       vr->num * sizeof(struct vring_used_elem);
}

/**
 * vxdp_vring_desc_size() - bytes of the descriptor table
 * @num: entries
 *
 * Return: bytes.
 */
u64 vxdp_vring_desc_size(u32 num)
{
	return sizeof(struct vring_desc) * (u64)num;
}

/**
 * vxdp_vring_avail_size() - bytes of the driver area, used_event included
 * @vr: for its features
 * @num: entries
 *
 * Return: bytes.
 */
u64 vxdp_vring_avail_size(const struct vxdp_vring *vr, u32 num)
{
	if (vxdp_vring_packed(vr))
		return sizeof(struct vring_packed_desc_event);
	return offsetof(struct vring_avail, ring) + sizeof(u16) * (u64)num +
	       (vxdp_vring_has(vr, VIRTIO_RING_F_EVENT_IDX) ? sizeof(u16) : 0);
}

/**
 * vxdp_vring_used_size() - bytes of the device area, avail_event included
 * @vr: for its features
 * @num: entries
 *
 * Return: bytes.
 */
u64 vxdp_vring_used_size(const struct vxdp_vring *vr, u32 num)
{
	if (vxdp_vring_packed(vr))
		return sizeof(struct vring_packed_desc_event);
	return offsetof(struct vring_used, ring) +
	       sizeof(struct vring_used_elem) * (u64)num +
	       (vxdp_vring_has(vr, VIRTIO_RING_F_EVENT_IDX) ? sizeof(u16) : 0);
}

/**
 * vxdp_vring_access_ok() - may the ring's parts be where the VMM says?
 * @vr: for its size and features
 * @desc: user address of the descriptor table
 * @avail: user address of the driver area
 * @used: user address of the device area
 *
 * Return: false where one is not in user space. Behind an IOTLB that is not known yet:
 * see vxdp_vring_ready().
 */
bool vxdp_vring_access_ok(const struct vxdp_vring *vr, u64 desc, u64 avail, u64 used)
{
	if (vr->iotlb)
		return true;
	return vxdp_access_ok(desc, vxdp_vring_desc_size(vr->num)) &&
	       vxdp_access_ok(avail, vxdp_vring_avail_size(vr, vr->num)) &&
	       vxdp_access_ok(used, vxdp_vring_used_size(vr, vr->num));
}

/**
 * vxdp_vring_log_used() - log what was written into the device area
 * @vr: the ring
 * @off: where in there
 * @len: bytes
 *
 * Return: 0, or -EFAULT.
 */
int vxdp_vring_log_used(const struct vxdp_vring *vr, u64 off, u64 len)
{
	if (!vr->log_used)
		return 0;
	if (vr->iotlb)
		return vxdp_parts_log(vr, VXDP_PART_USED, off, len);
	return vxdp_log_write(vr->log_base, vr->log_addr + off, len);
}

/**
 * vxdp_vring_put_used_u16() - write into the device area, and log that
 * @vr: the ring
 * @off: where in there, even
 * @val: what
 *
 * Return: 0, or negative where the ring broke.
 */
int vxdp_vring_put_used_u16(struct vxdp_vring *vr, u64 off, u16 val)
{
	if (vxdp_part_put_u16(vr, val, VXDP_PART_USED, off) ||
	    vxdp_vring_log_used(vr, off, sizeof(val)))
		return BROKEN(vr, FAULT);
	return 0;
}

/**
 * vxdp_vring_start() - begin to serve a ring that a backend was given
 * @vr: with its addresses and base set
 *
 * Takes the used index over from the ring, as migration wants (that of a packed ring
 * is in its base), and suppresses kicks until vxdp_vring_enable_kick().
 *
 * Return: 0; -EFAULT where the ring cannot be accessed (vr->miss may say what the IOTLB
 * lacks); -EINVAL where size, base or alignment are not for its kind. Then it is as
 * before.
 */
int vxdp_vring_start(struct vxdp_vring *vr)
{
	const u64 off = offsetof(struct vring_used, idx);
	u16 idx;

	if (vxdp_vring_packed(vr))
		return vxdp_packed_start(vr);
	if (vr->num & (vr->num - 1))
		return -EINVAL;
	if ((vr->iotlb && !vxdp_parts_start(vr)) ||
	    vxdp_part_put_u16(vr, vr->used_flags, VXDP_PART_USED, 0) ||
	    vxdp_vring_log_used(vr, 0, sizeof(u16)) ||
	    vxdp_part_get_u16(vr, &idx, VXDP_PART_USED, off))
		return -EFAULT;
	vr->last_used = idx;
	vr->avail_idx = vr->last_avail;
	vr->signalled_valid = false;
	vr->moved = false;
	vr->error = 0;
	return 0;
}

static int read_avail_idx(struct vxdp_vring *vr)
{
	u16 idx;

	if (vxdp_part_get_u16(vr, &idx, VXDP_PART_AVAIL, offsetof(struct vring_avail, idx)))
		return BROKEN(vr, FAULT);
	if ((u16)(idx - vr->last_avail) > vr->num)
		return BROKEN(vr, AVAIL);
	vr->avail_idx = idx;
	/* (B) */
	smp_rmb();
	return 0;
}

static int add_buffer(struct vxdp_vring *vr, struct vxdp_chain *c,
		      const struct vring_desc *desc)
{
	return vxdp_chain_add(vr, c, desc->addr, desc->len, desc->flags & VRING_DESC_F_WRITE);
}

/* virtio 1.2, 2.7.5.3: one table, no table in a table, F_WRITE of it ignored. */
static int add_indirect(struct vxdp_vring *vr, struct vxdp_chain *c,
			const struct vring_desc *table)
{
	u32 count = table->len / sizeof(struct vring_desc);
	struct vring_desc desc;
	u32 i = 0;

	if (table->len % sizeof(struct vring_desc) || !count || count > U16_MAX + 1)
		return BROKEN(vr, INDIRECT);
	if (!vxdp_chain_has_table(vr, table->addr, table->len))
		return -EINVAL;

	for (;;) {
		if (vxdp_chain_read_table(vr, table->addr + i * sizeof(desc), &desc,
					  sizeof(desc)))
			return -EINVAL;
		if (desc.flags & VRING_DESC_F_INDIRECT)
			return BROKEN(vr, INDIRECT);
		if (add_buffer(vr, c, &desc))
			return -EINVAL;
		if (!(desc.flags & VRING_DESC_F_NEXT))
			return 0;
		i = desc.next;
		if (i >= count)
			return BROKEN(vr, NEXT);
	}
}

static int walk_chain(struct vxdp_vring *vr, struct vxdp_chain *c)
{
	struct vring_desc desc;
	u32 i = c->head;

	for (;;) {
		if (vxdp_part_read(vr, &desc, VXDP_PART_DESC, i * sizeof(desc), sizeof(desc)))
			return BROKEN(vr, FAULT);
		if (desc.flags & VRING_DESC_F_INDIRECT) {
			if (add_indirect(vr, c, &desc))
				return -EINVAL;
		} else if (add_buffer(vr, c, &desc)) {
			return -EINVAL;
		}
		if (!(desc.flags & VRING_DESC_F_NEXT))
			return 0;
		i = desc.next;
		if (i >= vr->num)
			return BROKEN(vr, NEXT);
	}
}

/**
 * vxdp_vring_next() - take the next chain that the driver made available
 * @vr: the ring
 * @chain: in: iov, iov_max, seg; out: the chain
 *
 * The chain counts as taken until vxdp_vring_rewind() or vxdp_vring_add_used().
 * Bounded by VXDP_CHAIN_DESC_MAX, whatever the guest links.
 *
 * Return: 1, 0 where none is available, negative where the ring broke (vr->error), or
 * the IOTLB lacks an address (vr->miss): then nothing has changed.
 */
int vxdp_vring_next(struct vxdp_vring *vr, struct vxdp_chain *chain)
{
	u16 head;

	if (vxdp_vring_packed(vr))
		return vxdp_packed_next(vr, chain);
	if (vr->error)
		return -EINVAL;
	if (vr->avail_idx == vr->last_avail) {
		if (read_avail_idx(vr))
			return -EINVAL;
		if (vr->avail_idx == vr->last_avail)
			return 0;
	}

	if (vxdp_part_get_u16(vr, &head, VXDP_PART_AVAIL, avail_entry_off(vr, vr->last_avail)))
		return BROKEN(vr, FAULT);
	if (head >= vr->num)
		return BROKEN(vr, HEAD);

	chain->head = head;
	vxdp_chain_clear(chain);
	if (walk_chain(vr, chain))
		return -EINVAL;
	if (!(chain->out_len + chain->in_len))
		return BROKEN(vr, LEN);
	vr->last_avail++;
	return 1;
}

/**
 * vxdp_vring_rewind() - put back the chains taken last
 * @vr: the ring
 * @n: how many; of a packed ring, vxdp_vring_steps() of them together
 */
void vxdp_vring_rewind(struct vxdp_vring *vr, u16 n)
{
	if (vxdp_vring_packed(vr)) {
		vxdp_packed_rewind(vr, n);
		return;
	}
	vr->last_avail -= n;
}

/**
 * vxdp_vring_empty() - is there nothing to take?
 * @vr: the ring
 *
 * Return: true where there is not, and where the ring is broken.
 */
bool vxdp_vring_empty(struct vxdp_vring *vr)
{
	if (vxdp_vring_packed(vr))
		return vxdp_packed_empty(vr);
	if (vr->error)
		return true;
	if (vr->avail_idx != vr->last_avail)
		return false;
	return read_avail_idx(vr) || vr->avail_idx == vr->last_avail;
}

static int put_used_run(struct vxdp_vring *vr, const struct vxdp_used *elem, u16 n)
{
	u64 off = used_entry_off(vr, vr->last_used);
	size_t bytes = n * sizeof(*elem);

	if (vxdp_part_write(vr, VXDP_PART_USED, off, elem, bytes) ||
	    vxdp_vring_log_used(vr, off, bytes))
		return BROKEN(vr, FAULT);
	vr->last_used += n;
	return 0;
}

/**
 * vxdp_vring_one_for_all() - may the last of a batch be given back for all?
 * @vr: the ring
 * @elem: the batch, in the order in which it was made available
 * @n: how many
 *
 * VIRTIO_F_IN_ORDER (virtio 1.3, 2.7.9 and 2.8.9). The driver takes the others for
 * used to their ends, so it must not be told so of those in which we have written.
 *
 * Return: true where it may.
 */
bool vxdp_vring_one_for_all(const struct vxdp_vring *vr, const struct vxdp_used *elem, u16 n)
{
	u16 i;

	if (!vxdp_vring_has(vr, VIRTIO_F_IN_ORDER))
		return false;
	for (i = 0; i + 1 < n; i++) {
		if (elem[i].len)
			return false;
	}
	return n > 1;
}

/**
 * vxdp_vring_add_used() - give chains back to the driver
 * @vr: the ring
 * @elem: heads and bytes written, in the order of use
 * @n: how many, not 0, at most the ring's size
 *
 * Also on a ring that broke meanwhile: what was taken before is given back.
 *
 * Return: 0, or negative where the ring broke.
 */
int vxdp_vring_add_used(struct vxdp_vring *vr, const struct vxdp_used *elem, u16 n)
{
	u16 old = vr->last_used;
	u16 run = min_t(u32, n, vr->num - (old & (vr->num - 1)));
	bool one;

	if (vxdp_vring_packed(vr))
		return vxdp_packed_add_used(vr, elem, n);
	/* Only a driver that lies about its ring gets us to hold more. */
	if (n > vr->num)
		return BROKEN(vr, AVAIL);
	/* In the place of the first. */
	one = vxdp_vring_one_for_all(vr, elem, n);
	if (one && put_used_run(vr, elem + (n - 1), 1))
		return -EINVAL;
	if (!one && (put_used_run(vr, elem, run) ||
		     (n > run && put_used_run(vr, elem + run, n - run))))
		return -EINVAL;

	vr->last_used = old;
	vxdp_vring_advance_used(vr, n);

	/* (C) */
	smp_wmb();
	return vxdp_vring_put_used_u16(vr, offsetof(struct vring_used, idx), vr->last_used);
}

/**
 * vxdp_vring_wants_signal() - does the driver want to hear of what was used?
 * @vr: the ring, its used index written, and a full barrier since
 * @flags: flags of the driver area
 * @event: used_event of the driver area, of a packed ring off_wrap; anything without
 *	VIRTIO_RING_F_EVENT_IDX
 *
 * virtio 1.2, 2.7.7; VIRTIO_F_NOTIFY_ON_EMPTY of legacy drivers first.
 *
 * Return: true where the call eventfd is to be signalled.
 */
bool vxdp_vring_wants_signal(struct vxdp_vring *vr, u16 flags, u16 event)
{
	u16 old = vr->signalled_used;
	bool valid = vr->signalled_valid;

	if (vxdp_vring_packed(vr))
		return vxdp_packed_wants_signal(vr, flags, event);
	if (vxdp_vring_has(vr, VIRTIO_F_NOTIFY_ON_EMPTY) &&
	    vr->avail_idx == vr->last_avail)
		return true;
	if (!vxdp_vring_has(vr, VIRTIO_RING_F_EVENT_IDX))
		return !(flags & VRING_AVAIL_F_NO_INTERRUPT);

	vr->signalled_used = vr->last_used;
	vr->signalled_valid = true;
	return !valid || vring_need_event(event, vr->last_used, old);
}

/**
 * vxdp_vring_need_signal() - does the driver want to hear of what was used?
 * @vr: the ring, after vxdp_vring_add_used()
 *
 * As vxdp_vring_wants_signal(), which see. Where the driver's wish cannot be read,
 * it is told: too much is safe.
 *
 * Return: true where the call eventfd is to be signalled.
 */
bool vxdp_vring_need_signal(struct vxdp_vring *vr)
{
	u16 event = 0, flags = 0;
	bool unknown;

	if (vxdp_vring_packed(vr))
		return vxdp_packed_need_signal(vr);
	/* (E) */
	smp_mb();
	if (vxdp_vring_has(vr, VIRTIO_RING_F_EVENT_IDX))
		unknown = vxdp_part_get_u16(vr, &event, VXDP_PART_AVAIL, used_event_off(vr));
	else
		unknown = vxdp_part_get_u16(vr, &flags, VXDP_PART_AVAIL, 0);
	return vxdp_vring_wants_signal(vr, flags, event) || unknown;
}

static int tell_driver(struct vxdp_vring *vr)
{
	if (vxdp_vring_has(vr, VIRTIO_RING_F_EVENT_IDX))
		return vxdp_vring_put_used_u16(vr, avail_event_off(vr), vr->avail_idx);
	return vxdp_vring_put_used_u16(vr, 0, vr->used_flags);
}

/**
 * vxdp_vring_enable_kick() - ask the driver to kick for the next chain
 * @vr: the ring, seen empty (or, after a rewind, without enough)
 *
 * Return: true where chains came in meanwhile: disable kicks again and go on.
 */
bool vxdp_vring_enable_kick(struct vxdp_vring *vr)
{
	u16 seen = vr->avail_idx;

	if (vxdp_vring_packed(vr))
		return vxdp_packed_enable_kick(vr);
	if (vr->error)
		return false;
	vr->used_flags &= ~VRING_USED_F_NO_NOTIFY;
	if (tell_driver(vr))
		return false;
	/* (G) */
	smp_mb();
	return !read_avail_idx(vr) && vr->avail_idx != seen;
}

/**
 * vxdp_vring_disable_kick() - tell the driver that we look by ourselves
 * @vr: the ring
 *
 * With VIRTIO_RING_F_EVENT_IDX there is nothing to write: the event stays behind.
 */
void vxdp_vring_disable_kick(struct vxdp_vring *vr)
{
	if (vxdp_vring_packed(vr)) {
		vxdp_packed_disable_kick(vr);
		return;
	}
	if (vr->error || vr->used_flags & VRING_USED_F_NO_NOTIFY)
		return;
	vr->used_flags |= VRING_USED_F_NO_NOTIFY;
	if (!vxdp_vring_has(vr, VIRTIO_RING_F_EVENT_IDX))
		vxdp_vring_put_used_u16(vr, 0, vr->used_flags);
}
