/* SPDX-License-Identifier: GPL-2.0 */
/*
 * backlog.h - frames that wait, in order, for a guest to have room for them.
 */
#ifndef VXDP_BACKLOG_H
#define VXDP_BACKLOG_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/vhost_xdp.h>
#include "compat.h"

/**
 * struct vxdp_frame - a frame that waits
 * @node: in a backlog, or a list of the thread that holds it
 * @len: bytes, all in all
 * @head: bytes of @data
 * @local: another port sent it
 * @nr_frags: entries of @frag
 * @claim: what its header says; all zero unless it is a GSO frame
 * @frag: what follows @data, in references to memory of a page_pool; NULL where
 *	@data is all
 * @data: from the Ethernet header on
 */
struct vxdp_frame {
	struct list_head node;
	u32 len;
	u32 head;
	bool local;
	u8 nr_frags;
	struct vxdp_claim claim;
	skb_frag_t *frag;
	u8 data[] __counted_by(head);
};

/**
 * struct vxdp_backlog - a bounded queue
 * @lock: producers are in softirq or have it off, the consumer is the worker
 * @frames: under @lock
 * @len: frames that were put in and not yet done with, the worker's included, by
 *	vxdp_frame_weight(); written under @lock, read without
 */
struct vxdp_backlog {
	spinlock_t lock;
	struct list_head frames;
	u32 len;
};

struct vxdp_frame *vxdp_frame_alloc(u32 len, gfp_t gfp);
struct vxdp_frame *vxdp_frame_share(const struct xdp_buff *xdp,
				    const struct vxdp_claim *claim, gfp_t gfp);
void vxdp_frame_free(struct vxdp_frame *frame);
u32 vxdp_frames_free(struct list_head *frames);
void vxdp_buff_read(const struct xdp_buff *xdp, u32 off, void *to, u32 len);

/*
 * For how many frames it counts: so that a backlog's bytes are bounded by its frames,
 * too.
 */
static inline u32 vxdp_frame_weight(const struct vxdp_frame *frame)
{
	return likely(!frame->nr_frags) ? 1 : DIV_ROUND_UP(frame->len, VHOST_XDP_FRAME_MAX);
}

void vxdp_backlog_init(struct vxdp_backlog *b);
bool vxdp_backlog_add(struct vxdp_backlog *b, struct list_head *frames, u32 nr, u32 max);
void vxdp_backlog_take(struct vxdp_backlog *b, struct list_head *to);
void vxdp_backlog_done(struct vxdp_backlog *b, u32 nr);

#endif /* VXDP_BACKLOG_H */
