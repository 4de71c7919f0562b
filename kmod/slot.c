// SPDX-License-Identifier: GPL-2.0
/*
 * slot.c - from the guest's buffers into a frame of our own, once.
 */
#include <linux/filter.h>
#include <linux/uaccess.h>
#include "buf.h"
#include "compat.h"
#include "queue.h"

/* Pages of the longest frame, a GSO frame. */
#define PAGES_MAX	(1 + DIV_ROUND_UP(VXDP_GSO_FRAME_MAX, PAGE_SIZE))

/* Its place is in @start, of @size bytes; nothing is copied yet. */
static void set_frame(struct vxdp_queue *q, struct vxdp_tx_slot *slot,
		      const struct vxdp_buf *buf, void *start, u32 size, u32 len)
{
	struct xdp_buff *xdp = &slot->xdp;
	/*
	 * Where the frame ends, a word ends: then it is copied in words and not,
	 * at its end, in bytes.
	 */
	void *data = start + XDP_PACKET_HEADROOM + (-len & (sizeof(u64) - 1));

	xdp->data_hard_start = start;
	xdp->data = data;
	xdp->data_meta = data;
	xdp->data_end = data + len;
	xdp->frame_sz = size;
	xdp->flags = 0;
	xdp->rxq = &q->rxq;
	slot->mem = buf->mem;
	slot->data = data;
	slot->len = len;
	slot->flags = 0;
}

static void set_frags(struct vxdp_tx_slot *slot, struct page **page, u32 len)
{
	struct skb_shared_info *sinfo = xdp_get_shared_info_from_buff(&slot->xdp);
	u32 part;

	vxdp_init_frags(sinfo);
	xdp_buff_set_frags_flag(&slot->xdp);
	sinfo->xdp_frags_size = len;
	for (; len; len -= part) {
		part = min_t(u32, len, PAGE_SIZE);
		skb_frag_fill_page_desc(&sinfo->frags[sinfo->nr_frags++], *page++, 0, part);
		vxdp_add_frags_truesize(sinfo, PAGE_SIZE);
	}
}

/* Context: softirqs off. Return: false where there is no memory. */
static bool find_room(struct vxdp_queue *q, struct vxdp_tx_slot *slot, u32 len)
{
	struct vxdp_buf *buf = this_cpu_ptr(&vxdp_buf);
	struct page *page[PAGES_MAX] __uninitialized;
	u32 more, size;
	void *start;

	if (len <= VXDP_BUF_MAX) {
		size = vxdp_buf_size(len);
		start = vxdp_buf_cut(buf, size);
		if (start)
			set_frame(q, slot, buf, start, size, len);
		return start;
	}
	more = len - VXDP_BUF_MAX;
	if (!vxdp_buf_pages(buf, page, 1 + DIV_ROUND_UP(more, PAGE_SIZE)))
		return false;
	set_frame(q, slot, buf, page_address(page[0]), PAGE_SIZE, VXDP_BUF_MAX);
	slot->len = len;
	set_frags(slot, page + 1, more);
	return true;
}

static u32 copy_frame(struct vxdp_tx_slot *slot, struct iov_iter *it)
{
	struct xdp_buff *xdp = &slot->xdp;
	u32 part = xdp->data_end - xdp->data;
	struct skb_shared_info *sinfo;
	skb_frag_t *frag;
	int i;

	if (copy_from_iter(xdp->data, part, it) != part)
		return VHOST_XDP_STAT_TX_DROP_FAULT;
	if (!xdp_buff_has_frags(xdp))
		return 0;
	sinfo = xdp_get_shared_info_from_buff(xdp);
	for (i = 0; i < sinfo->nr_frags; i++) {
		frag = &sinfo->frags[i];
		part = skb_frag_size(frag);
		if (copy_from_iter(skb_frag_address(frag), part, it) != part)
			return VHOST_XDP_STAT_TX_DROP_FAULT;
	}
	return 0;
}

/* What csum_start and csum_offset ask for; both lie in the first page. */
static void complete_csum(struct vxdp_tx_slot *slot)
{
	struct xdp_buff *xdp = &slot->xdp;
	void *start = xdp->data + slot->hdr.csum_start;
	u32 done = xdp->data_end - start, size;
	__wsum sum = csum_partial(start, done, 0);
	struct skb_shared_info *sinfo;
	__sum16 folded;
	int i;

	if (xdp_buff_has_frags(xdp)) {
		sinfo = xdp_get_shared_info_from_buff(xdp);
		for (i = 0; i < sinfo->nr_frags; i++) {
			size = skb_frag_size(&sinfo->frags[i]);
			sum = csum_block_add(sum, csum_partial(skb_frag_address(&sinfo->frags[i]),
							       size, 0), done);
			done += size;
		}
	}
	folded = csum_fold(sum);
	if (!folded)
		folded = CSUM_MANGLED_0;
	memcpy(start + slot->hdr.csum_offset, &folded, sizeof(folded));
}

static u32 finish_frame(struct vxdp_tx_slot *slot)
{
	struct xdp_buff *xdp = &slot->xdp;
	struct vxdp_gso gso;

	if (slot->hdr.gso_type != VIRTIO_NET_HDR_GSO_NONE) {
		slot->flags |= VXDP_SLOT_GSO;
		return vxdp_gso_parse(&gso, &slot->hdr, xdp->data,
				      xdp->data_end - xdp->data, slot->len);
	}
	if (slot->hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		slot->flags |= VXDP_SLOT_CSUM;
		complete_csum(slot);
	}
	return 0;
}

/**
 * vxdp_slot_build() - read a chain once, into a slot
 * @q: the queue pair
 * @slot: where to; on failure it holds no memory
 * @chain: the chain, without buffers to write
 *
 * Context: the worker, softirqs on; faults pages in.
 * Return: 0, or the enum vhost_xdp_stat of why the frame is dropped.
 */
u32 vxdp_slot_build(struct vxdp_queue *q, struct vxdp_tx_slot *slot,
		    const struct vxdp_chain *chain)
{
	struct iov_iter it;
	bool room;
	u32 len, why;

	if (chain->out_len < q->hdr_len)
		return VHOST_XDP_STAT_TX_DROP_HDR;
	if (chain->out_len - q->hdr_len > VXDP_GSO_FRAME_MAX)
		return VHOST_XDP_STAT_TX_DROP_OVERSIZE;
	len = chain->out_len - q->hdr_len;
	iov_iter_init(&it, ITER_SOURCE, chain->iov, chain->out_num, chain->out_len);
	if (copy_from_iter(&slot->hdr, sizeof(slot->hdr), &it) != sizeof(slot->hdr))
		return VHOST_XDP_STAT_TX_DROP_FAULT;
	iov_iter_advance(&it, q->hdr_len - sizeof(slot->hdr));
	why = vxdp_net_hdr_check(&slot->hdr, len, VXDP_BUF_MAX);
	if (why)
		return why;

	local_bh_disable();
	room = find_room(q, slot, len);
	local_bh_enable();
	if (!room)
		return VHOST_XDP_STAT_TX_DROP_NOMEM;
	why = copy_frame(slot, &it);
	if (!why)
		why = finish_frame(slot);
	if (why)
		vxdp_slot_free(slot);
	return why;
}

/**
 * vxdp_slot_plain() - read a plain chain once, into a slot
 * @q: the queue pair
 * @slot: where to; on failure it holds no memory
 * @buf: this CPU's
 * @chain: the chain: a header and at least an Ethernet header, at most what a page
 *	has room for
 * @why: out: the enum vhost_xdp_stat of why the frame is dropped, or 0
 *
 * Header and frame are read in one go: the header lies in front of the frame, where
 * the program will find its metadata.
 *
 * Context: the worker, softirqs off: a page that is not there is not faulted in.
 * Return: false where this is not the way: use vxdp_slot_build().
 */
bool vxdp_slot_plain(struct vxdp_queue *q, struct vxdp_tx_slot *slot,
		     struct vxdp_buf *buf, const struct vxdp_plain *chain, u32 *why)
{
	u32 hdr_len = q->hdr_len, len = chain->len - hdr_len;
	u32 size = vxdp_buf_size(len);
	void *start = vxdp_buf_cut(buf, size);
	struct virtio_net_hdr *hdr;

	*why = 0;
	if (unlikely(!start))
		return false;
	set_frame(q, slot, buf, start, size, len);
	hdr = slot->data - hdr_len;
	/* Nothing to check: the range is in the memory table, the room is ours. */
	if (unlikely(raw_copy_from_user(hdr, (void __user *)chain->uaddr, chain->len)))
		goto other;
	/* Nothing is asked for. */
	if (likely(!*(u64 *)hdr))
		return true;
	if (hdr->gso_type != VIRTIO_NET_HDR_GSO_NONE)
		goto other;
	slot->hdr = *hdr;
	*why = vxdp_net_hdr_check(hdr, len, VXDP_BUF_MAX);
	if (!*why)
		*why = finish_frame(slot);
	if (*why)
		vxdp_slot_free(slot);
	return true;

other:
	vxdp_slot_free(slot);
	return false;
}

/**
 * vxdp_slot_free() - give a frame's memory back
 * @slot: the frame, still an xdp_buff
 */
void vxdp_slot_free(struct vxdp_tx_slot *slot)
{
	struct xdp_buff *xdp = &slot->xdp;
	struct skb_shared_info *sinfo;
	int i;

	if (xdp_buff_has_frags(xdp)) {
		sinfo = xdp_get_shared_info_from_buff(xdp);
		for (i = 0; i < sinfo->nr_frags; i++)
			vxdp_buf_put(skb_frag_address(&sinfo->frags[i]));
	}
	vxdp_buf_put(xdp->data_hard_start);
}
