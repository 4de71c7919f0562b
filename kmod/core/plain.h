/* SPDX-License-Identifier: GPL-2.0 */
/*
 * plain.h - many chains at a time off a split virtqueue, as long as each is as
 * plain as can be: one descriptor, in one region of memory.
 */
#ifndef VXDP_PLAIN_H
#define VXDP_PLAIN_H

#include "vring.h"

/**
 * struct vxdp_plain - such a chain
 * @uaddr: user address of its buffer
 * @len: bytes
 * @head: its number, to give back
 */
struct vxdp_plain {
	u64 uaddr;
	u32 len;
	u32 head;
};

u32 vxdp_plain_next(struct vxdp_vring *vr, struct vxdp_plain *to, u32 max, u16 flags,
		    u32 min_len, u32 max_len);

#endif /* VXDP_PLAIN_H */
