/* SPDX-License-Identifier: GPL-2.0 */
/*
 * iommu.h - a guest behind an IOMMU, and a VMM that answers for it.
 *
 * IO virtual addresses are guest.h's: guest-physical ones of buffers, UA_DESC, UA_AVAIL
 * and UA_USED of the ring. For the core what they name lies in chunks, of which every
 * second one is somewhere else: at an alias of the same memory. So whatever is on end
 * for the driver is in pieces for the device.
 */
#ifndef UNIT_IOMMU_H
#define UNIT_IOMMU_H

#include "guest.h"

struct iommu {
	struct guest *g;
	struct vxdp_iotlb *table;
	u64 chunk;		/* bytes of a range: even, as no 16 bits may be torn */
	u64 used_gpa;		/* where the log has the used ring */
	bool failed;
	u64 answered, retracted;
};

/* iommu_make - from now on the guest is behind it; its ring is started anew, nothing known */
void iommu_make(struct iommu *m, struct guest *g, u64 chunk, u64 used_gpa);
void iommu_drop(struct iommu *m);

/* iommu_map - tell of the chunk that has an address, and what may be done there */
void iommu_map(struct iommu *m, u64 iova, u32 perm);

/* iommu_answer - the ring misses something: tell; false: it does not, or does not ask */
bool iommu_answer(struct iommu *m);

/* iommu_turn - take something away, perhaps; then have the ring find all it needs of itself */
void iommu_turn(struct iommu *m);

#endif
