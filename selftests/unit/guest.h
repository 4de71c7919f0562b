/* SPDX-License-Identifier: GPL-2.0 */
/*
 * guest.h - guest memory and a virtqueue in it, laid out by hand.
 *
 * The parts of the ring are mapped to the byte, so that an access beside them is a
 * fault, and only the device area may be written.
 */
#ifndef UNIT_GUEST_H
#define UNIT_GUEST_H

#include "vring.h"

/* Guest-physical ranges. LOW and MID are neighbours, but not for the VMM. */
#define GPA_LOW		0x0ULL
#define GPA_MID		0x10000ULL
#define GPA_HOLE	0x20000ULL	/* not in the table */
#define GPA_UNMAPPED	0x30000ULL	/* in the table, but the VMM has unmapped it */
#define GPA_RING	0x4fe00ULL	/* a packed ring, which the log finds there */
#define GPA_HIGH	0x100000000ULL
#define SIZE_LOW	0x10000ULL
#define SIZE_MID	0x10000ULL
#define SIZE_UNMAPPED	0x10000ULL
#define SIZE_HIGH	0x100000ULL

#define UA_LOW		0x100000000000ULL
#define UA_MID		0x7a0000000000ULL
#define UA_UNMAPPED	0x600000000000ULL
#define UA_HIGH		0x500000000000ULL
#define UA_DESC		0x200000000000ULL
#define UA_AVAIL	0x210000000000ULL
#define UA_USED		0x220000000000ULL
#define UA_LOG		0x300000000000ULL
#define LOG_BYTES	((GPA_HIGH + SIZE_HIGH) / 4096 / 8)

#define F_EVENT_IDX	(1ULL << VIRTIO_RING_F_EVENT_IDX)
#define F_ON_EMPTY	(1ULL << VIRTIO_F_NOTIFY_ON_EMPTY)

#define F_PACKED	(1ULL << VIRTIO_F_RING_PACKED)
#define F_IN_ORDER	(1ULL << VIRTIO_F_IN_ORDER)

#define D_NEXT		VRING_DESC_F_NEXT
#define D_WRITE		VRING_DESC_F_WRITE
#define D_INDIRECT	VRING_DESC_F_INDIRECT

struct guest {
	struct vxdp_vring vr;
	struct vxdp_memory *mem;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	/* Of a packed ring, in place of those. */
	struct vring_packed_desc *packed;
	struct vring_packed_desc_event *driver_event;
	struct vring_packed_desc_event *device_event;
	struct iovec iov[VXDP_CHAIN_IOV_MAX];
	struct vxdp_seg seg[VXDP_CHAIN_IOV_MAX];
	struct vxdp_chain chain;
	bool out_only;		/* of the chains to come */
};

/* guest_make - memory and a started, empty ring; both indexes, or places, begin at @base */
void guest_make(struct guest *g, u32 num, u64 features, u16 base);

/* guest_drop - free it all, so that us_clean() can judge */
void guest_drop(struct guest *g);

/* guest_desc - write descriptor @i of a table */
void guest_desc(struct vring_desc *table, u32 i, u64 gpa, u32 len, u16 flags, u16 next);

/* guest_offer - put a chain into the available ring */
void guest_offer(struct guest *g, u16 head);

/* guest_at - the test's pointer to guest memory */
void *guest_at(u64 gpa, u64 len);

/* guest_next - vxdp_vring_next() into g->chain, with all the room there is */
int guest_next(struct guest *g);

/* guest_log - map a log for all memory and log the used ring, said to be at @gpa */
u8 *guest_log(struct guest *g, u64 gpa);

#endif
