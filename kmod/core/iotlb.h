/* SPDX-License-Identifier: GPL-2.0 */
/*
 * iotlb.h - what the VMM has told of a virtual IOMMU: where the addresses are that a
 * guest behind it uses for rings and buffers.
 */
#ifndef VXDP_IOTLB_H
#define VXDP_IOTLB_H

#include "platform.h"

/* As in-tree vhost by default (max_iotlb_entries). One more, and the oldest goes. */
#define VXDP_IOTLB_MAX	2048

/**
 * struct vxdp_iotlb_range - IO virtual addresses on end
 * @start: the first
 * @last: the last, not before @start
 * @uaddr: user address of @start
 * @reach: the highest @last of this one and of those before it in the table
 * @age: of ranges, the oldest has the lowest
 * @perm: VHOST_ACCESS_RO, VHOST_ACCESS_WO, both, or neither
 */
struct vxdp_iotlb_range {
	u64 start;
	u64 last;
	u64 uaddr;
	u64 reach;
	u64 age;
	u32 perm;
};

/**
 * struct vxdp_iotlb - the table
 * @gen: another one after each change; never 0
 * @age: of the next range
 * @nr: ranges
 * @range: sorted by @start, of equal ones the older first. They may overlap
 *
 * Rings have a pointer to it: who changes it holds all their locks.
 */
struct vxdp_iotlb {
	u64 gen;
	u64 age;
	u32 nr;
	struct vxdp_iotlb_range range[VXDP_IOTLB_MAX];
};

struct vxdp_iotlb *vxdp_iotlb_create(void);
void vxdp_iotlb_free(struct vxdp_iotlb *t);
int vxdp_iotlb_add(struct vxdp_iotlb *t, u64 iova, u64 size, u64 uaddr, u32 perm);
void vxdp_iotlb_remove(struct vxdp_iotlb *t, u64 iova, u64 size);
int vxdp_iotlb_piece(const struct vxdp_iotlb *t, u64 iova, u64 len, u32 perm,
		     struct iovec *piece);
int vxdp_iotlb_cover(const struct vxdp_iotlb *t, u64 iova, u64 len, u32 perm, u64 *uaddr,
		     u64 *missing);
int vxdp_iotlb_translate(const struct vxdp_iotlb *t, u64 iova, u64 len, u32 perm,
			 struct iovec *iov, unsigned int max, u64 *missing);

#endif /* VXDP_IOTLB_H */
