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

/* As vxdp_memory_translate(), for a buffer in one region. False: it is not. */
static __always_inline bool find(const struct vxdp_memory *mem, u64 gpa, u32 len, u64 *uaddr)
{
	const struct vhost_memory_region *r = mem->region, *end = r + mem->nr;
	u64 off;

	for (; r < end && r->guest_phys_addr <= gpa; r++) {
		off = gpa - r->guest_phys_addr;
		if (off >= r->memory_size)
			continue;
		/* What speculation reads is the guest's, too. */
		*uaddr = r->userspace_addr + vxdp_nospec(off, r->memory_size);
		return r->memory_size - off >= len;
	}
	return false;
}

/**
 * vxdp_plain_next() - take plain chains that the driver made available
 * @vr: the ring
 * @to: out: the chains
 * @max: how many at most
 * @min_len: bytes that a buffer must have, at least 1
 * @max_len: bytes that it may have
 *
 * They count as taken, as with vxdp_vring_next().
 *
 * Context: process, the VMM's address space. Does not fault pages in where the
 * caller has switched that off.
 * Return: how many; 0 where the next chain is another kind, or there is none.
 */
u32 vxdp_plain_next(struct vxdp_vring *vr, struct vxdp_plain *to, u32 max,
		    u32 min_len, u32 max_len)
{
	const u64 ring = vr->avail + offsetof(struct vring_avail, ring);
	const struct vxdp_memory *mem = vr->mem;
	u16 next = vr->last_avail, idx = vr->avail_idx, head;
	u64 desc, addr, rest;
	u32 n = 0;

	if (vr->error || !mem ||
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
	for (; n < max && next != idx; n++, next++) {
		vxdp_user_get(head, ring + (next & (vr->num - 1)) * sizeof(u16), u16, out);
		if (head >= vr->num)
			break;
		desc = vr->desc + (head & (vr->num - 1)) * sizeof(struct vring_desc);
		vxdp_user_get(addr, desc, u64, out);
		/* Length, flags, next: one read. */
		vxdp_user_get(rest, desc + offsetof(struct vring_desc, len), u64, out);
		if ((u16)(rest >> 32) || (u32)rest < min_len || (u32)rest > max_len ||
		    !find(mem, addr, rest, &to[n].uaddr))
			break;
		to[n].len = rest;
		to[n].head = head;
	}
out:
	vxdp_user_end();
	vr->last_avail = next;
	return n;
}
