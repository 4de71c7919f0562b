// SPDX-License-Identifier: GPL-2.0
/*
 * memory.c - the memory table: guest-physical to the VMM's user addresses.
 */
#include "memory.h"

static bool region_ok(const struct vhost_memory_region *r)
{
	if (!r->memory_size)
		return false;
	if (r->guest_phys_addr + (r->memory_size - 1) < r->guest_phys_addr)
		return false;
	if (r->userspace_addr + (r->memory_size - 1) < r->userspace_addr)
		return false;
	return vxdp_access_ok(r->userspace_addr, r->memory_size);
}

static int region_cmp(const void *a, const void *b)
{
	const struct vhost_memory_region *x = a, *y = b;

	if (x->guest_phys_addr == y->guest_phys_addr)
		return 0;
	return x->guest_phys_addr < y->guest_phys_addr ? -1 : 1;
}

/**
 * vxdp_memory_create() - check and keep what VHOST_SET_MEM_TABLE brought
 * @regions: the VMM's regions, already copied in, in any order
 * @nr: how many, at most VXDP_MEM_REGIONS_MAX; 0 is a table without memory
 * @err: out: -EFAULT (an empty, wrapping or kernel range), -ENOMEM
 *
 * Context: process, may sleep. Regions may overlap, as with in-tree vhost; the
 * one that starts lowest wins.
 *
 * Return: the table, or NULL with @err set.
 */
struct vxdp_memory *vxdp_memory_create(const struct vhost_memory_region *regions,
				       u32 nr, int *err)
{
	struct vxdp_memory *mem;
	u32 i;

	for (i = 0; i < nr; i++) {
		if (!region_ok(&regions[i])) {
			*err = -EFAULT;
			return NULL;
		}
	}

	mem = vxdp_zalloc(struct_size(mem, region, nr));
	if (!mem) {
		*err = -ENOMEM;
		return NULL;
	}
	mem->nr = nr;
	if (nr) {
		memcpy(mem->region, regions, nr * sizeof(*regions));
		sort(mem->region, nr, sizeof(*regions), region_cmp, NULL);
	}
	*err = 0;
	return mem;
}

/**
 * vxdp_memory_free() - free a table that no ring uses any more
 * @mem: the table, or NULL
 */
void vxdp_memory_free(struct vxdp_memory *mem)
{
	vxdp_free(mem);
}

static const struct vhost_memory_region *
find_region(const struct vxdp_memory *mem, u64 gpa)
{
	const struct vhost_memory_region *r = mem->region;
	const struct vhost_memory_region *end = r + mem->nr;

	for (; r < end && r->guest_phys_addr <= gpa; r++) {
		if (gpa - r->guest_phys_addr < r->memory_size)
			return r;
	}
	return NULL;
}

/**
 * vxdp_memory_translate() - find the user addresses of a guest buffer
 * @mem: the table, or NULL: nothing is mapped
 * @gpa: guest-physical address, any value
 * @len: bytes, any value; 0 gives no iovec
 * @iov: out: a piece for each region that the buffer crosses
 * @max: room in @iov
 *
 * Context: any; does not touch guest memory.
 *
 * Return: iovecs written; -EFAULT where a byte is outside the table; -ENOBUFS
 * where @max is too small.
 */
int vxdp_memory_translate(const struct vxdp_memory *mem, u64 gpa, u64 len,
			  struct iovec *iov, unsigned int max)
{
	const struct vhost_memory_region *r;
	unsigned int n = 0;
	u64 off, part;

	if (!mem)
		return -EFAULT;

	while (len) {
		r = find_region(mem, gpa);
		if (!r)
			return -EFAULT;
		if (n == max)
			return -ENOBUFS;
		off = gpa - r->guest_phys_addr;
		part = min(len, r->memory_size - off);
		iov[n++] = vxdp_iovec(r->userspace_addr + off, part);
		len -= part;
		/* A range that would wrap leaves the table before it does. */
		if (len && gpa + part < gpa)
			return -EFAULT;
		gpa += part;
	}
	return n;
}
