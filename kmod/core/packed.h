/* SPDX-License-Identifier: GPL-2.0 */
/*
 * packed.h - the device side of a packed virtqueue (virtio 1.3, section 2.8), behind
 * the calls of vring.h.
 *
 * A place in the ring is a u16: the index of a descriptor, and in bit 15 the wrap
 * counter with which one gets there. So VHOST_SET_VRING_BASE has it, and off_wrap of
 * the event structures. The head of a chain is its buffer ID and, in the upper half,
 * how many descriptors of the ring it has.
 */
#ifndef VXDP_PACKED_H
#define VXDP_PACKED_H

#include "vring.h"

bool vxdp_packed_aligned(u64 desc, u64 avail, u64 used);
int vxdp_packed_start(struct vxdp_vring *vr);
int vxdp_packed_next(struct vxdp_vring *vr, struct vxdp_chain *chain);
void vxdp_packed_rewind(struct vxdp_vring *vr, u16 n);
bool vxdp_packed_empty(struct vxdp_vring *vr);
int vxdp_packed_add_used(struct vxdp_vring *vr, const struct vxdp_used *elem, u16 n);
bool vxdp_packed_wants_signal(struct vxdp_vring *vr, u16 flags, u16 off_wrap);
bool vxdp_packed_need_signal(struct vxdp_vring *vr);
bool vxdp_packed_enable_kick(struct vxdp_vring *vr);
void vxdp_packed_disable_kick(struct vxdp_vring *vr);

#endif /* VXDP_PACKED_H */
