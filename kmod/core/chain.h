/* SPDX-License-Identifier: GPL-2.0 */
/*
 * chain.h - what split and packed rings share: a chain put together descriptor by
 * descriptor, what is wrong with it, the log of what a ring itself writes.
 *
 * For vring.c and packed.c; the functions are in chain.c and vring.c.
 */
#ifndef VXDP_CHAIN_H
#define VXDP_CHAIN_H

#include <linux/vhost_xdp.h>
#include "vring.h"

/* The first thing that was found wrong stays. Always negative. */
static inline int vxdp_vring_broken(struct vxdp_vring *vr, u32 error)
{
	if (!vr->error)
		vr->error = error;
	return -EINVAL;
}

#define BROKEN(vr, what) vxdp_vring_broken(vr, VHOST_XDP_STAT_RING_##what)

static inline void vxdp_chain_clear(struct vxdp_chain *c)
{
	c->out_num = 0;
	c->in_num = 0;
	c->out_len = 0;
	c->in_len = 0;
	c->desc_num = 0;
	c->seg_num = 0;
}

int vxdp_chain_add(struct vxdp_vring *vr, struct vxdp_chain *c, u64 addr, u32 len, bool write);
bool vxdp_chain_has_table(struct vxdp_vring *vr, u64 addr, u32 len);
int vxdp_chain_read_table(struct vxdp_vring *vr, u64 addr, void *to, u32 len);
int vxdp_vring_log_used(const struct vxdp_vring *vr, u64 off, u64 len);
int vxdp_vring_put_used_u16(struct vxdp_vring *vr, u64 off, u16 val);
bool vxdp_vring_one_for_all(const struct vxdp_vring *vr, const struct vxdp_used *elem, u16 n);

#endif /* VXDP_CHAIN_H */
