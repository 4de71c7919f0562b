/* SPDX-License-Identifier: GPL-2.0 */
/*
 * slot.h - a frame of the guest's on its way out.
 */
#ifndef VXDP_SLOT_H
#define VXDP_SLOT_H

#include <net/xdp.h>
#include "core/net_hdr.h"
#include "core/plain.h"

struct vxdp_queue;

/* It is a GSO frame: @claim says of what kind. */
#define VXDP_SLOT_GSO	BIT(0)
/* Its checksum was ours to complete. */
#define VXDP_SLOT_CSUM	BIT(1)
/* It goes to the exception path. */
#define VXDP_SLOT_HOST	BIT(2)
/* A receiver has its pages: vxdp_frame_share(). */
#define VXDP_SLOT_SHARED	BIT(3)

/**
 * struct vxdp_tx_slot - a frame of the guest's on its way out
 * @frame: the frame, as drivers take it, in memory of a page_pool, which begins with it
 * @flags: VXDP_SLOT_*
 * @claim: what its header says, where it is a GSO frame or had a checksum to complete
 */
struct vxdp_tx_slot {
	struct xdp_frame *frame;
	u32 flags;
	struct vxdp_claim claim;
};

static inline bool vxdp_slot_is_gso(const struct vxdp_tx_slot *slot)
{
	return slot->flags & VXDP_SLOT_GSO;
}

u32 vxdp_slot_build(struct vxdp_queue *q, struct vxdp_tx_slot *slot,
		    const struct vxdp_chain *chain);
u32 vxdp_slot_plain(struct vxdp_queue *q, struct vxdp_tx_slot *slot,
		    const struct vxdp_plain *chain, u32 nr, u32 *done);
void vxdp_slot_free(struct vxdp_tx_slot *slot);

#endif /* VXDP_SLOT_H */
