// SPDX-License-Identifier: GPL-2.0
/*
 * backlog.c - the bounded, ordered queue between XDP programs and the worker.
 */
#include <linux/slab.h>
#include <net/page_pool/helpers.h>
#include "backlog.h"
#include "buf.h"

/**
 * vxdp_frame_alloc() - room for a frame
 * @len: bytes, at most VHOST_XDP_FRAME_MAX
 * @gfp: GFP_ATOMIC where a program runs
 *
 * Return: the frame, or NULL. Without memory there is no warning: guests decide
 * how often that happens, so it is counted instead.
 */
struct vxdp_frame *vxdp_frame_alloc(u32 len, gfp_t gfp)
{
	struct vxdp_frame *frame;

	frame = kmalloc(struct_size(frame, data, len), gfp | __GFP_NOWARN);
	if (!frame)
		return NULL;
	INIT_LIST_HEAD(&frame->node);
	frame->len = len;
	frame->head = len;
	frame->local = false;
	frame->nr_frags = 0;
	frame->claim = (struct vxdp_claim){};
	frame->frag = NULL;
	return frame;
}

/**
 * vxdp_frame_share() - a GSO frame of another port, whole
 * @xdp: the frame, in memory of a page_pool
 * @claim: what its header says
 * @gfp: GFP_ATOMIC where a program runs
 *
 * What is in frags is not copied but shared with who sends it, who marks the frame with
 * VXDP_SLOT_SHARED. We write to it no more; a program that does, does it knowingly.
 *
 * Return: the frame, or NULL.
 */
struct vxdp_frame *vxdp_frame_share(const struct xdp_buff *xdp,
				    const struct vxdp_claim *claim, gfp_t gfp)
{
	u32 head = xdp->data_end - xdp->data, at, i, nr = 0;
	const struct skb_shared_info *sinfo = NULL;
	struct vxdp_frame *frame;

	if (xdp_buff_has_frags(xdp)) {
		sinfo = xdp_get_shared_info_from_buff(xdp);
		nr = sinfo->nr_frags;
	}
	at = ALIGN(struct_size(frame, data, head), __alignof__(skb_frag_t));
	frame = kmalloc(at + nr * sizeof(skb_frag_t), gfp | __GFP_NOWARN);
	if (!frame)
		return NULL;
	INIT_LIST_HEAD(&frame->node);
	frame->len = head;
	frame->head = head;
	frame->local = true;
	frame->nr_frags = nr;
	frame->claim = *claim;
	frame->frag = nr ? (void *)frame + at : NULL;
	memcpy(frame->data, xdp->data, head);
	for (i = 0; i < nr; i++) {
		frame->frag[i] = sinfo->frags[i];
		frame->len += skb_frag_size(&frame->frag[i]);
		page_pool_ref_page(virt_to_head_page(skb_frag_address(&frame->frag[i])));
	}
	return frame;
}

/**
 * vxdp_frame_free() - free a frame that is in no list
 * @frame: the frame
 */
void vxdp_frame_free(struct vxdp_frame *frame)
{
	u32 i;

	if (frame->nr_frags) {
		/* Then they can be used again on this CPU without a lock. */
		local_bh_disable();
		for (i = 0; i < frame->nr_frags; i++)
			vxdp_buf_put(skb_frag_address(&frame->frag[i]));
		local_bh_enable();
	}
	kfree(frame);
}

/**
 * vxdp_frames_free() - free a list of frames
 * @frames: the list, empty afterwards
 *
 * Return: how many there were.
 */
u32 vxdp_frames_free(struct list_head *frames)
{
	struct vxdp_frame *frame, *next;
	u32 nr = 0;

	list_for_each_entry_safe(frame, next, frames, node) {
		list_del(&frame->node);
		vxdp_frame_free(frame);
		nr++;
	}
	return nr;
}

/**
 * vxdp_buff_read() - copy out of a frame, be it in one buffer or in many
 * @xdp: the frame
 * @off: from its start
 * @to: where to
 * @len: bytes; @off + @len is within the frame
 */
void vxdp_buff_read(const struct xdp_buff *xdp, u32 off, void *to, u32 len)
{
	u32 linear = xdp->data_end - xdp->data;
	const struct skb_shared_info *sinfo;
	u32 part, size;
	int i;

	if (off < linear) {
		part = min(len, linear - off);
		memcpy(to, xdp->data + off, part);
		to += part;
		len -= part;
		off += part;
	}
	if (!len)
		return;

	off -= linear;
	sinfo = xdp_get_shared_info_from_buff(xdp);
	for (i = 0; i < sinfo->nr_frags && len; i++) {
		size = skb_frag_size(&sinfo->frags[i]);
		if (off >= size) {
			off -= size;
			continue;
		}
		part = min(len, size - off);
		memcpy(to, skb_frag_address(&sinfo->frags[i]) + off, part);
		to += part;
		len -= part;
		off = 0;
	}
}

/**
 * vxdp_backlog_init() - make an empty backlog
 * @b: the backlog
 */
void vxdp_backlog_init(struct vxdp_backlog *b)
{
	spin_lock_init(&b->lock);
	INIT_LIST_HEAD(&b->frames);
	b->len = 0;
}

/**
 * vxdp_backlog_add() - put frames in, all or none
 * @b: the backlog
 * @frames: what to put in; empty afterwards on success
 * @nr: their weight; whatever it is, it fits into an empty backlog
 * @max: what it may hold
 *
 * Context: softirq, or softirqs off.
 * Return: false where they do not fit.
 */
bool vxdp_backlog_add(struct vxdp_backlog *b, struct list_head *frames, u32 nr, u32 max)
{
	bool fits;

	spin_lock(&b->lock);
	fits = b->len + nr <= max || !b->len;
	if (fits) {
		list_splice_tail_init(frames, &b->frames);
		WRITE_ONCE(b->len, b->len + nr);
	}
	spin_unlock(&b->lock);
	return fits;
}

/**
 * vxdp_backlog_take() - take all frames out, for the worker
 * @b: the backlog
 * @to: they are put behind what is there
 *
 * They count for the bound until vxdp_backlog_done().
 *
 * Context: process.
 */
void vxdp_backlog_take(struct vxdp_backlog *b, struct list_head *to)
{
	spin_lock_bh(&b->lock);
	list_splice_tail_init(&b->frames, to);
	spin_unlock_bh(&b->lock);
}

/**
 * vxdp_backlog_done() - frames that were taken are delivered or dropped
 * @b: the backlog
 * @nr: their weight
 *
 * Context: process.
 */
void vxdp_backlog_done(struct vxdp_backlog *b, u32 nr)
{
	spin_lock_bh(&b->lock);
	WRITE_ONCE(b->len, b->len - nr);
	spin_unlock_bh(&b->lock);
}
