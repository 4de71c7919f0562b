// SPDX-License-Identifier: GPL-2.0
/*
 * packed.c - the device side of a packed virtqueue.
 *
 * Order of accesses, the driver being the guest (virtio 1.3, 2.8.21 and 2.8.22):
 *
 *	driver				device (here)
 *
 *	write descriptors		(B) read flags of the chain's first
 *	(A) write barrier		    smp_rmb, in read_head()
 *	write flags of the first	    read descriptors
 *
 *	read flags of the next used	(C) write buffers, used descriptors
 *	(D) read barrier		    smp_wmb, in put_first()
 *	read its id, len; buffers	    write flags of the first
 *
 *	write its event structure	(E) write flags of what is used
 *	(F) full barrier		    smp_mb, in vxdp_packed_need_signal()
 *	read flags of the next used	    read its event structure
 *
 *	write flags of the first	(G) write our event structure
 *	(H) full barrier		    smp_mb, in vxdp_packed_enable_kick()
 *	read our event structure	    read flags of the next to take
 *
 * (A) pairs with (B), (C) with (D), (E) with (F), (G) with (H). Whoever reads an event
 * structure reads its flags before off_wrap, with a read barrier in between, whoever
 * writes it writes them behind.
 *
 * As in vring.c guest memory is read once and then checked, and what is found wrong is
 * kept in vr->error.
 */
#include "chain.h"
#include "packed.h"
#include "parts.h"

#define WRAP		((u16)(1 << VRING_PACKED_EVENT_F_WRAP_CTR))
#define DESC_AVAIL	((u16)(1 << VRING_PACKED_DESC_F_AVAIL))
#define DESC_USED	((u16)(1 << VRING_PACKED_DESC_F_USED))
/* virtio 1.3, 2.8.10.1. */
#define DESC_ALIGN	16
#define EVENT_ALIGN	4
/* The others of an event structure's flags are reserved. */
#define EVENT_FLAGS	3

static u32 index_of(u16 place)
{
	return place & ~WRAP;
}

/* The place @n descriptors on, at most once around. */
static u16 forward(const struct vxdp_vring *vr, u16 place, u32 n)
{
	u32 i = index_of(place) + n;

	place &= WRAP;
	if (i >= vr->num) {
		i -= vr->num;
		place ^= WRAP;
	}
	return i | place;
}

static u16 backward(const struct vxdp_vring *vr, u16 place, u32 n)
{
	u32 i = index_of(place);

	place &= WRAP;
	if (i < n) {
		i += vr->num;
		place ^= WRAP;
	}
	return (i - n) | place;
}

/* Descriptors from one place to another, below twice the ring: the counter is a bit. */
static u32 distance(const struct vxdp_vring *vr, u16 from, u16 to)
{
	u32 a = index_of(from) + (from & WRAP ? vr->num : 0);
	u32 b = index_of(to) + (to & WRAP ? vr->num : 0);

	return b >= a ? b - a : b + 2 * vr->num - a;
}

/* Taken and not yet given back. */
static u32 outstanding(const struct vxdp_vring *vr)
{
	return distance(vr, vr->last_used, vr->last_avail);
}

static u64 desc_off(u16 place)
{
	return index_of(place) * sizeof(struct vring_packed_desc);
}

static int read_flags(struct vxdp_vring *vr, u16 place, u16 *flags)
{
	if (vxdp_part_get_u16(vr, flags, VXDP_PART_DESC, desc_off(place) +
			      offsetof(struct vring_packed_desc, flags)))
		return BROKEN(vr, FAULT);
	return 0;
}

/* virtio 1.3, 2.8.1: the one bit as the counter, the other not. */
static bool is_avail(u16 flags, u16 place)
{
	bool avail = flags & DESC_AVAIL, used = flags & DESC_USED;

	return avail != used && avail == !!(place & WRAP);
}

static bool avail_at(struct vxdp_vring *vr, u16 place)
{
	u16 flags;

	return !read_flags(vr, place, &flags) && is_avail(flags, place);
}

/**
 * vxdp_packed_aligned() - can a packed ring be there?
 * @desc: address of the descriptor ring
 * @avail: address of the driver's event structure
 * @used: address of the device's event structure
 *
 * Return: false where one is not aligned (virtio 1.3, 2.8.10.1).
 */
bool vxdp_packed_aligned(u64 desc, u64 avail, u64 used)
{
	return !(desc % DESC_ALIGN) && !(avail % EVENT_ALIGN) && !(used % EVENT_ALIGN);
}

static bool parts_aligned(const struct vxdp_vring *vr)
{
	if (vr->iotlb)
		return vxdp_packed_aligned(vr->iova[VXDP_PART_DESC], vr->iova[VXDP_PART_AVAIL],
					   vr->iova[VXDP_PART_USED]);
	return vxdp_packed_aligned(vr->desc, vr->avail, vr->used);
}

/* Is it there? What is behind an IOTLB may come later. */
static bool can_read(const struct vxdp_vring *vr)
{
	u16 word;

	return vr->iotlb || (!vxdp_get_u16(&word, vr->avail) &&
			     !vxdp_get_u16(&word, vr->desc + desc_off(vr->last_avail)));
}

/**
 * vxdp_packed_start() - as vxdp_vring_start()
 * @vr: with its addresses and base set
 *
 * Return: 0; -EINVAL where the ring is not aligned, where the base is not in it or says
 * that more than it holds was taken; -EFAULT where the ring cannot be accessed (vr->miss
 * may say what the IOTLB lacks).
 */
int vxdp_packed_start(struct vxdp_vring *vr)
{
	const u64 off = offsetof(struct vring_packed_desc_event, flags);

	if (!parts_aligned(vr) || index_of(vr->last_avail) >= vr->num ||
	    index_of(vr->last_used) >= vr->num || outstanding(vr) > vr->num)
		return -EINVAL;
	if ((vr->iotlb && !vxdp_parts_start(vr)) ||
	    vxdp_part_put_u16(vr, vr->used_flags, VXDP_PART_USED, off) ||
	    vxdp_vring_log_used(vr, 0, sizeof(struct vring_packed_desc_event)) || !can_read(vr))
		return -EFAULT;
	vr->ahead = 0;
	vr->signalled_valid = false;
	vr->moved = false;
	vr->error = 0;
	return 0;
}

/* virtio 1.3, 2.8.7: all of the table; of its flags only F_WRITE means anything. */
static int add_indirect(struct vxdp_vring *vr, struct vxdp_chain *c,
			const struct vring_packed_desc *table)
{
	u32 i, count = table->len / sizeof(*table);
	u16 write = c->out_only ? 0 : VRING_DESC_F_WRITE;
	struct vring_packed_desc desc;

	if (table->len % sizeof(*table) || !count)
		return BROKEN(vr, INDIRECT);
	if (!vxdp_chain_has_table(vr, table->addr, table->len))
		return -EINVAL;
	/* Bounded by what vxdp_chain_add() takes. */
	for (i = 0; i < count; i++) {
		if (vxdp_chain_read_table(vr, table->addr + i * sizeof(desc), &desc,
					  sizeof(desc)) ||
		    vxdp_chain_add(vr, c, desc.addr, desc.len, desc.flags & write))
			return -EINVAL;
	}
	return 0;
}

/* read_head(), where the ring is in pieces. */
static int read_scattered(struct vxdp_vring *vr, u16 place, struct vring_packed_desc *desc)
{
	u16 flags;

	if (read_flags(vr, place, &flags))
		return -EINVAL;
	if (!is_avail(flags, place))
		return 0;
	/* (B) */
	smp_rmb();
	if (vxdp_part_read(vr, desc, VXDP_PART_DESC, desc_off(place), sizeof(*desc)))
		return BROKEN(vr, FAULT);
	desc->flags = flags;
	return 1;
}

/*
 * The flags first; once they say that the driver has written the rest, that. They are
 * not read again. Return: 1, 0 where there is nothing yet, or negative.
 */
static int read_head(struct vxdp_vring *vr, u16 place, struct vring_packed_desc *desc)
{
	const u64 at = vr->desc + desc_off(place);
	int ret = 0;

	if (unlikely(vr->scattered))
		return read_scattered(vr, place, desc);
	if (!vxdp_user_begin(at, sizeof(*desc)))
		return BROKEN(vr, FAULT);
	vxdp_user_get(desc->flags, at + offsetof(struct vring_packed_desc, flags), u16, fault);
	if (is_avail(desc->flags, place)) {
		/* (B) */
		smp_rmb();
		vxdp_user_get(desc->addr, at, u64, fault);
		vxdp_user_get(desc->len, at + offsetof(struct vring_packed_desc, len), u32, fault);
		vxdp_user_get(desc->id, at + offsetof(struct vring_packed_desc, id), u16, fault);
		ret = 1;
	}
	vxdp_user_end();
	return ret;
fault:
	vxdp_user_end();
	return BROKEN(vr, FAULT);
}

static int read_next(struct vxdp_vring *vr, u16 place, struct vring_packed_desc *desc)
{
	if (vxdp_part_read(vr, desc, VXDP_PART_DESC, desc_off(place), sizeof(*desc)))
		return BROKEN(vr, FAULT);
	return 0;
}

static int add_desc(struct vxdp_vring *vr, struct vxdp_chain *c,
		    const struct vring_packed_desc *desc)
{
	if (desc->flags & VRING_DESC_F_INDIRECT)
		return add_indirect(vr, c, desc);
	return vxdp_chain_add(vr, c, desc->addr, desc->len, desc->flags & VRING_DESC_F_WRITE);
}

/* From its first on. Return: descriptors of the ring, or negative; @desc is the last. */
static int walk_chain(struct vxdp_vring *vr, struct vxdp_chain *c, struct vring_packed_desc *desc)
{
	u32 n, room = vr->num - outstanding(vr);
	u16 place = vr->last_avail;

	/* Only a driver that lies makes what we still have available again. */
	if (!room)
		return BROKEN(vr, AVAIL);
	for (n = 1; !add_desc(vr, c, desc); n++) {
		if (!(desc->flags & VRING_DESC_F_NEXT))
			return n;
		if (n == room)
			return BROKEN(vr, LOOP);
		place = forward(vr, place, 1);
		if (read_next(vr, place, desc))
			return -EINVAL;
	}
	return -EINVAL;
}

/**
 * vxdp_packed_next() - as vxdp_vring_next()
 * @vr: the ring
 * @chain: in: iov, iov_max, seg; out: the chain
 *
 * Return: 1, 0 where none is available, negative where the ring broke, or misses.
 */
int vxdp_packed_next(struct vxdp_vring *vr, struct vxdp_chain *chain)
{
	struct vring_packed_desc desc;
	int n;

	if (vr->error)
		return -EINVAL;
	n = read_head(vr, vr->last_avail, &desc);
	if (n <= 0)
		return n;
	vxdp_chain_clear(chain);
	n = walk_chain(vr, chain, &desc);
	if (n < 0)
		return n;
	if (!(chain->out_len + chain->in_len))
		return BROKEN(vr, LEN);
	chain->head = (u32)n << 16 | desc.id;
	vr->last_avail = forward(vr, vr->last_avail, n);
	vr->ahead -= min_t(u16, vr->ahead, n);
	return 1;
}

/**
 * vxdp_packed_rewind() - as vxdp_vring_rewind()
 * @vr: the ring
 * @n: descriptors
 */
void vxdp_packed_rewind(struct vxdp_vring *vr, u16 n)
{
	vr->last_avail = backward(vr, vr->last_avail, n);
	vr->ahead += n;
}

/**
 * vxdp_packed_empty() - as vxdp_vring_empty()
 * @vr: the ring
 *
 * Return: true where there is nothing to take, and where the ring is broken.
 */
bool vxdp_packed_empty(struct vxdp_vring *vr)
{
	return vr->error || !avail_at(vr, vr->last_avail);
}

/*
 * VHOST_SET_VRING_ADDR brings the guest's address of the device area only, so that of a
 * descriptor, or what we write of it, is looked for in the memory table.
 */
static int log_desc(struct vxdp_vring *vr, u64 off)
{
	if (!vr->log_used)
		return 0;
	return vxdp_parts_log(vr, VXDP_PART_DESC,
			      off + offsetof(struct vring_packed_desc, len), sizeof(u64));
}

static u16 used_flags(u16 place, u32 len)
{
	return (place & WRAP ? DESC_AVAIL | DESC_USED : 0) | (len ? VRING_DESC_F_WRITE : 0);
}

static int put_used(struct vxdp_vring *vr, u16 place, u32 id, u32 len)
{
	u64 off = desc_off(place);
	/* Length, ID and flags as they lie in memory. */
	u64 word = len | (u64)(u16)id << 32 | (u64)used_flags(place, len) << 48;

	if (vxdp_part_write(vr, VXDP_PART_DESC, off + offsetof(struct vring_packed_desc, len),
			    &word, sizeof(word)) || log_desc(vr, off))
		return BROKEN(vr, FAULT);
	return 0;
}

/* Its flags come last: only they let the driver see it, and all behind it. */
static int put_first(struct vxdp_vring *vr, u16 place, u32 id, u32 len)
{
	u64 off = desc_off(place), word = len | (u64)(u16)id << 32;

	if (vxdp_part_write(vr, VXDP_PART_DESC, off + offsetof(struct vring_packed_desc, len),
			    &word, sizeof(u32) + sizeof(u16)))
		return BROKEN(vr, FAULT);
	/* (C) */
	smp_wmb();
	if (vxdp_part_put_u16(vr, used_flags(place, len), VXDP_PART_DESC,
			      off + offsetof(struct vring_packed_desc, flags)) ||
	    log_desc(vr, off))
		return BROKEN(vr, FAULT);
	return 0;
}

static void advance_used(struct vxdp_vring *vr, u32 n)
{
	/* Past the driver's event once around: it cannot tell old from new. */
	if (distance(vr, vr->signalled_used, vr->last_used) + n >= 2 * vr->num)
		vr->signalled_valid = false;
	vr->last_used = forward(vr, vr->last_used, n);
}

static int put_batch(struct vxdp_vring *vr, const struct vxdp_used *elem, u16 n)
{
	u16 place = vr->last_used;
	u32 i;

	if (vxdp_vring_one_for_all(vr, elem, n))
		return put_first(vr, place, elem[n - 1].id, elem[n - 1].len);
	for (i = 1; i < n; i++) {
		place = forward(vr, place, elem[i - 1].id >> 16);
		if (put_used(vr, place, elem[i].id, elem[i].len))
			return -EINVAL;
	}
	return put_first(vr, vr->last_used, elem[0].id, elem[0].len);
}

/**
 * vxdp_packed_add_used() - as vxdp_vring_add_used()
 * @vr: the ring
 * @elem: heads and bytes written, in the order of use
 * @n: how many, not 0
 *
 * The driver sees all of them, or none.
 *
 * Return: 0, or negative where the ring broke.
 */
int vxdp_packed_add_used(struct vxdp_vring *vr, const struct vxdp_used *elem, u16 n)
{
	u32 i, descs = 0;

	for (i = 0; i < n; i++)
		descs += elem[i].id >> 16;
	/* More than was taken would be the caller's fault, not the driver's. */
	if (descs > outstanding(vr))
		return BROKEN(vr, AVAIL);
	if (put_batch(vr, elem, n))
		return -EINVAL;
	advance_used(vr, descs);
	return 0;
}

/**
 * vxdp_packed_wants_signal() - as vxdp_vring_wants_signal()
 * @vr: the ring, flags of what is used written, and a full barrier since
 * @flags: of the driver's event structure
 * @off_wrap: of the same, read behind the flags
 *
 * virtio 1.3, 2.8.10. Reserved flags, and places that the ring does not have, are taken
 * as a wish to hear: too much is safe.
 *
 * Return: true where the call eventfd is to be signalled.
 */
bool vxdp_packed_wants_signal(struct vxdp_vring *vr, u16 flags, u16 off_wrap)
{
	u16 old = vr->signalled_used;
	bool valid = vr->signalled_valid;

	vr->signalled_used = vr->last_used;
	vr->signalled_valid = true;
	flags &= EVENT_FLAGS;
	if (flags == VRING_PACKED_EVENT_FLAG_DISABLE)
		return false;
	if (flags != VRING_PACKED_EVENT_FLAG_DESC || !valid ||
	    !vxdp_vring_has(vr, VIRTIO_RING_F_EVENT_IDX) || index_of(off_wrap) >= vr->num)
		return true;
	return distance(vr, old, off_wrap) < distance(vr, old, vr->last_used);
}

/**
 * vxdp_packed_need_signal() - as vxdp_vring_need_signal()
 * @vr: the ring, after vxdp_packed_add_used()
 *
 * Return: true where the call eventfd is to be signalled.
 */
bool vxdp_packed_need_signal(struct vxdp_vring *vr)
{
	u16 flags = VRING_PACKED_EVENT_FLAG_ENABLE, off_wrap = 0;
	bool unknown;

	/* (E) */
	smp_mb();
	unknown = vxdp_part_get_u16(vr, &flags, VXDP_PART_AVAIL,
				    offsetof(struct vring_packed_desc_event, flags));
	if ((flags & EVENT_FLAGS) == VRING_PACKED_EVENT_FLAG_DESC) {
		smp_rmb();
		unknown |= !!vxdp_part_get_u16(vr, &off_wrap, VXDP_PART_AVAIL, 0);
	}
	return vxdp_packed_wants_signal(vr, flags, off_wrap) || unknown;
}

static int put_event_flags(struct vxdp_vring *vr, u16 flags)
{
	if (vr->used_flags == flags && !vr->moved)
		return 0;
	vr->used_flags = flags;
	vr->moved = false;
	return vxdp_vring_put_used_u16(vr, offsetof(struct vring_packed_desc_event, flags),
				       flags);
}

static int tell_driver(struct vxdp_vring *vr, u16 place)
{
	if (!vxdp_vring_has(vr, VIRTIO_RING_F_EVENT_IDX))
		return put_event_flags(vr, VRING_PACKED_EVENT_FLAG_ENABLE);
	if (vxdp_vring_put_used_u16(vr, 0, place))
		return -EINVAL;
	smp_wmb();
	return put_event_flags(vr, VRING_PACKED_EVENT_FLAG_DESC);
}

/**
 * vxdp_packed_enable_kick() - as vxdp_vring_enable_kick()
 * @vr: the ring, seen empty (or, after a rewind, without enough)
 *
 * Return: true where chains came in meanwhile: disable kicks again and go on.
 */
bool vxdp_packed_enable_kick(struct vxdp_vring *vr)
{
	u16 place = forward(vr, vr->last_avail, vr->ahead);

	if (vr->error || tell_driver(vr, place))
		return false;
	/* (G) */
	smp_mb();
	return avail_at(vr, place);
}

/**
 * vxdp_packed_disable_kick() - as vxdp_vring_disable_kick()
 * @vr: the ring
 *
 * With VIRTIO_RING_F_EVENT_IDX there is nothing to write: the place stays behind.
 */
void vxdp_packed_disable_kick(struct vxdp_vring *vr)
{
	if (!vr->error && !vxdp_vring_has(vr, VIRTIO_RING_F_EVENT_IDX))
		put_event_flags(vr, VRING_PACKED_EVENT_FLAG_DISABLE);
}
