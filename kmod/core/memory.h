/* SPDX-License-Identifier: GPL-2.0 */
/*
 * memory.h - the memory table: where the VMM has put guest-physical memory.
 */
#ifndef VXDP_MEMORY_H
#define VXDP_MEMORY_H

#include "platform.h"

/* As in-tree vhost: VHOST_SET_MEM_TABLE answers E2BIG above. */
#define VXDP_MEM_REGIONS_MAX	64

/**
 * struct vxdp_memory - an immutable memory table
 * @nr: regions
 * @region: sorted by guest-physical address
 *
 * Replaced as a whole; a ring's pointer to it is protected by the ring's lock.
 */
struct vxdp_memory {
	u32 nr;
	struct vhost_memory_region region[] __counted_by(nr);
};

struct vxdp_memory *vxdp_memory_create(const struct vhost_memory_region *regions,
				       u32 nr, int *err);
void vxdp_memory_free(struct vxdp_memory *mem);
int vxdp_memory_translate(const struct vxdp_memory *mem, u64 gpa, u64 len,
			  struct iovec *iov, unsigned int max);

#endif /* VXDP_MEMORY_H */
