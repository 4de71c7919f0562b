// SPDX-License-Identifier: GPL-2.0
/*
 * plain.c - many plain chains at a time off a split virtqueue.
 *
 * What is not plain, or wrong, ends the run of them, and is left for
 * vxdp_vring_next(), which knows all the rules and finds it again. So nothing is
 * refused here and nothing breaks a ring.
 *
 * The barrier is (B) of vring.c.
 */
#include "plain.h"

/*
 * A region that the last buffer was found in, where the next one likely is, too: the
 * addresses at which the longest buffer begins that still lies in it.
 */
struct near {
	u64 first;
	u64 count;
	u64 uaddr;
};

/* Nobody else's, though regions may overlap: then the one that starts lowest wins. */
static __always_inline void come_near(struct near *near, const struct vxdp_memory *mem,
				      const struct vhost_memory_region *here, u32 max_len)
{
	const struct vhost_memory_region *r;

	near->count = 0;
	for (r = mem->region; r < here; r++) {
		if (r->guest_phys_addr + (r->memory_size - 1) >= here->guest_phys_addr)
			return;
	}
	near->first = here->guest_phys_addr;
	near->uaddr = here->userspace_addr;
	if (here->memory_size > max_len)
		near->count = here->memory_size - max_len;
}

/* As vxdp_memory_translate(), for a buffer in one region. False: it is not. */
static __always_inline bool find(const struct vxdp_memory *mem, struct near *near, u64 gpa,
				 u32 len, u32 max_len, u64 *uaddr)
{
	const struct vhost_memory_region *r, *end;
	u64 off = gpa - near->first;

	/* What speculation reads is the guest's, too. */
	if (likely(off < near->count)) {
		*uaddr = near->uaddr + vxdp_nospec(off, near->count);
		return true;
	}
	end = mem->region + mem->nr;
	for (r = mem->region; r < end && r->guest_phys_addr <= gpa; r++) {
		off = gpa - r->guest_phys_addr;
		if (off >= r->memory_size)
			continue;
		*uaddr = r->userspace_addr + vxdp_nospec(off, r->memory_size);
		come_near(near, mem, r, max_len);
		return r->memory_size - off >= len;
	}
	return false;
}

/**
 * vxdp_plain_next() - take plain chains that the driver made available
 * @vr: the ring
 * @to: out: the chains
 * @max: how many at most
 * @flags: of the descriptor, all of them: VRING_DESC_F_WRITE, or 0
 * @min_len: bytes that a buffer must have, at least 1
 * @max_len: bytes that it may have, at least @min_len
 *
 * They count as taken, as with vxdp_vring_next().
 *
 * Context: process, the VMM's address space. Does not fault pages in where the
 * caller has switched that off.
 * Return: how many; 0 where the next chain is another kind, or there is none, and
 * of a packed ring and of one behind an IOTLB.
 */
u32 vxdp_plain_next(struct vxdp_vring *vr, struct vxdp_plain *to, u32 max, u16 flags,
		    u32 min_len, u32 max_len)
{
	const u64 ring = vr->avail + offsetof(struct vring_avail, ring), desc = vr->desc;
	const struct vxdp_memory *mem = vr->mem;
	const u64 least = (u64)flags << 32 | min_len, span = max_len - min_len;
	const u32 mask = vr->num - 1;
	struct vxdp_plain *at = to, *end;
	u32 next = vr->last_avail, head;
	u16 idx = vr->avail_idx, entry;
	struct near near = {};
	u64 addr, rest, d;

	if (vr->error || !mem || vr->iotlb || vxdp_vring_packed(vr) ||
	    !vxdp_access_ok(vr->avail, vxdp_vring_avail_size(vr, vr->num)) ||
	    !vxdp_user_begin(vr->desc, vxdp_vring_desc_size(vr->num)))
		return 0;
	if ((u16)(idx - next) < max) {
		vxdp_user_get(idx, vr->avail + offsetof(struct vring_avail, idx), u16, out);
		if ((u16)(idx - next) > vr->num)
			goto out;
		vr->avail_idx = idx;
		/* (B) */
		smp_rmb();
	}
	for (end = to + min_t(u32, (u16)(idx - next), max); at < end; at++, next++) {
		vxdp_user_get(entry, ring + (next & mask) * sizeof(u16), u16, out);
		/* So that what speculation reads is in the ring, too. */
		head = entry & mask;
		if (head != entry)
			break;
		d = desc + head * sizeof(struct vring_desc);
		vxdp_user_get(addr, d, u64, out);
		/* Length, flags, next: one read; next means nothing here. */
		vxdp_user_get(rest, d + offsetof(struct vring_desc, len), u64, out);
		if ((rest << 16 >> 16) - least > span ||
		    !find(mem, &near, addr, rest, max_len, &at->uaddr))
			break;
		at->len = rest;
		at->head = head;
	}
out:
	vxdp_user_end();
	vr->last_avail = next;
	return at - to;
}
