// SPDX-License-Identifier: GPL-2.0
/*
 * slot.c - from the guest's buffers into a frame of our own, once.
 */
#include <linux/filter.h>
#include <linux/gfp.h>
#include <linux/uaccess.h>
#include <linux/udp.h>
#include "buf.h"
#include "compat.h"
#include "queue.h"

/* Pages of the longest frame, a GSO frame. */
#define PAGES_MAX	DIV_ROUND_UP(VXDP_GSO_FRAME_MAX, PAGE_SIZE)
static_assert(PAGES_MAX <= MAX_SKB_FRAGS);

/*
 * Its place is in @start, of @size bytes; nothing is copied yet. It is what drivers
 * take from the beginning: most frames need not be an xdp_buff, see egress.c.
 * Return: where the data goes.
 */
static __always_inline void *set_frame(struct vxdp_tx_slot *slot, const struct vxdp_buf *buf,
				       void *start, u32 size, u32 len)
{
	/*
	 * Where the frame ends, a word ends: then it is copied in words and not,
	 * at its end, in bytes.
	 */
	u32 headroom = XDP_PACKET_HEADROOM + (-len & (sizeof(u64) - 1));
	struct xdp_frame *frame = start;
	void *data = start + headroom;

	frame->data = data;
	frame->len = len;
	frame->headroom = headroom - sizeof(*frame);
	frame->metasize = 0;
	vxdp_frame_set_mem(frame, &buf->mem);
	frame->frame_sz = size;
	frame->flags = 0;
	slot->frame = frame;
	slot->flags = 0;
	return data;
}

static void set_frags(struct xdp_frame *frame, struct page **page, u32 len)
{
	struct skb_shared_info *sinfo = xdp_get_shared_info_from_frame(frame);
	u32 part;

	vxdp_init_frags(sinfo);
	frame->flags |= XDP_FLAGS_HAS_FRAGS;
	sinfo->xdp_frags_size = len;
	for (; len; len -= part) {
		part = min_t(u32, len, PAGE_SIZE);
		skb_frag_fill_page_desc(&sinfo->frags[sinfo->nr_frags++], *page++, 0, part);
		vxdp_add_frags_truesize(sinfo, PAGE_SIZE);
	}
}

/*
 * Its first @head bytes, at most VXDP_BUF_MAX, lie together.
 * Context: softirqs off. Return: false where there is no memory.
 */
static bool take_room(struct vxdp_tx_slot *slot, u32 head, u32 len)
{
	struct vxdp_buf *buf = this_cpu_ptr(&vxdp_buf);
	struct page *page[PAGES_MAX] __uninitialized;
	u32 size = vxdp_buf_size(head);
	void *start = vxdp_buf_cut(buf, size);

	if (!start)
		return false;
	if (len > head && !vxdp_buf_pages(buf, page, DIV_ROUND_UP(len - head, PAGE_SIZE))) {
		vxdp_buf_put(start);
		return false;
	}
	set_frame(slot, buf, start, size, head);
	if (len > head)
		set_frags(slot->frame, page, len - head);
	return true;
}

/* Have memory freed that can be. Context: may sleep. Return: false: there is none. */
static bool reclaim(void)
{
	struct page *page = alloc_page(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);

	if (!page)
		return false;
	__free_page(page);
	return true;
}

static bool try_room(struct vxdp_tx_slot *slot, u32 head, u32 len)
{
	bool room;

	local_bh_disable();
	room = take_room(slot, head, len);
	local_bh_enable();
	return room;
}

/*
 * A CPU's room is its own with softirqs off only, when nobody may wait for memory. So
 * we wait in between, for a page that is not needed, and look again, once.
 */
static bool find_room(struct vxdp_tx_slot *slot, u32 head, u32 len)
{
	return try_room(slot, head, len) || (reclaim() && try_room(slot, head, len));
}

/* Of a GSO frame the headers, of another as much as there is room for. */
static u32 head_of(const struct virtio_net_hdr *hdr, u32 len)
{
	bool gso = hdr->gso_type != VIRTIO_NET_HDR_GSO_NONE;

	return min_t(u32, len, gso ? VXDP_GSO_HDR_MAX : VXDP_BUF_MAX);
}

static u32 copy_frame(struct xdp_frame *frame, struct iov_iter *it)
{
	struct skb_shared_info *sinfo;
	u32 part = frame->len;
	skb_frag_t *frag;
	int i;

	if (copy_from_iter(frame->data, part, it) != part)
		return VHOST_XDP_STAT_TX_DROP_FAULT;
	if (!xdp_frame_has_frags(frame))
		return 0;
	sinfo = xdp_get_shared_info_from_frame(frame);
	for (i = 0; i < sinfo->nr_frags; i++) {
		frag = &sinfo->frags[i];
		part = skb_frag_size(frag);
		if (copy_page_from_iter(skb_frag_page(frag), skb_frag_off(frag), part, it) != part)
			return VHOST_XDP_STAT_TX_DROP_FAULT;
	}
	return 0;
}

/* From there to the end; what it starts at and where it goes lie in the first page. */
static void complete_csum(struct xdp_frame *frame, u32 csum_start, u32 csum_offset)
{
	void *start = frame->data + csum_start;
	u32 done = frame->len - csum_start, size;
	__wsum sum = csum_partial(start, done, 0);
	struct skb_shared_info *sinfo;
	__sum16 folded;
	int i;

	if (xdp_frame_has_frags(frame)) {
		sinfo = xdp_get_shared_info_from_frame(frame);
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
	memcpy(start + csum_offset, &folded, sizeof(folded));
}

static u32 finish_gso(struct vxdp_tx_slot *slot)
{
	struct xdp_frame *frame = slot->frame;
	struct virtio_net_hdr *hdr = &slot->claim.hdr;
	struct vxdp_gso gso;
	u32 why = vxdp_gso_parse(&gso, &slot->claim, frame->data, frame->len,
				 xdp_get_frame_len(frame));

	if (why)
		return why;
	if (likely(!vxdp_gso_is_whole_in_tunnel(&gso))) {
		slot->flags |= VXDP_SLOT_GSO;
		return 0;
	}
	/* The inner one first: the outer one is over it. */
	complete_csum(frame, hdr->csum_start, hdr->csum_offset);
	if (gso.outer_csum)
		complete_csum(frame, gso.outer_l4, offsetof(struct udphdr, check));
	slot->flags |= VXDP_SLOT_CSUM;
	return 0;
}

static u32 finish_frame(struct vxdp_tx_slot *slot)
{
	const struct virtio_net_hdr *hdr = &slot->claim.hdr;

	if (hdr->gso_type != VIRTIO_NET_HDR_GSO_NONE)
		return finish_gso(slot);
	if (hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		slot->flags |= VXDP_SLOT_CSUM;
		complete_csum(slot->frame, hdr->csum_start, hdr->csum_offset);
	}
	return 0;
}

/**
 * vxdp_slot_build() - read a chain once, into a slot
 * @q: the queue pair
 * @slot: where to; on failure it holds no memory
 * @chain: the chain, without buffers to write
 *
 * Context: the worker, softirqs on; faults pages in, waits for memory.
 * Return: 0, or the enum vhost_xdp_stat of why the frame is dropped.
 */
u32 vxdp_slot_build(struct vxdp_queue *q, struct vxdp_tx_slot *slot,
		    const struct vxdp_chain *chain)
{
	struct vxdp_net_hdr hdr = {};
	struct iov_iter it;
	u32 len, head, why;

	if (chain->out_len < q->hdr_len)
		return VHOST_XDP_STAT_TX_DROP_HDR;
	if (chain->out_len - q->hdr_len > VXDP_GSO_FRAME_MAX)
		return VHOST_XDP_STAT_TX_DROP_OVERSIZE;
	len = chain->out_len - q->hdr_len;
	iov_iter_init(&it, ITER_SOURCE, chain->iov, chain->out_num, chain->out_len);
	if (copy_from_iter(&hdr, q->hdr_len, &it) != q->hdr_len)
		return VHOST_XDP_STAT_TX_DROP_FAULT;
	slot->claim = vxdp_claim_of(&hdr);
	head = head_of(&slot->claim.hdr, len);
	why = vxdp_net_hdr_check(&slot->claim.hdr, len, VXDP_BUF_MAX);
	if (why)
		return why;

	if (!find_room(slot, head, len))
		return VHOST_XDP_STAT_TX_DROP_NOMEM;
	why = copy_frame(slot->frame, &it);
	if (!why)
		why = finish_frame(slot);
	if (why)
		vxdp_slot_free(slot);
	return why;
}

/* Its header, in front of the frame, asks for something. Return: as read_plain(). */
static noinline int finish_plain(struct vxdp_queue *q, struct vxdp_tx_slot *slot)
{
	u32 why;

	memcpy(&slot->claim.hdr, slot->frame->data - q->hdr_len, sizeof(slot->claim.hdr));
	if (slot->claim.hdr.gso_type != VIRTIO_NET_HDR_GSO_NONE) {
		vxdp_slot_free(slot);
		return 0;
	}
	why = vxdp_net_hdr_check(&slot->claim.hdr, slot->frame->len, VXDP_BUF_MAX);
	if (!why)
		why = finish_frame(slot);
	if (!why)
		return 1;
	vxdp_slot_free(slot);
	vxdp_count(q, why, 1);
	return -1;
}

/*
 * Header and frame are read in one go: the header lies in front of the frame, where
 * the program will find its metadata.
 * Return: 1: it is in the slot; -1: it was dropped and counted; 0: not the way.
 */
static __always_inline int read_plain(struct vxdp_queue *q, struct vxdp_tx_slot *slot,
				      struct vxdp_buf *buf, const struct vxdp_plain *chain,
				      u32 hdr_len)
{
	u32 all = chain->len, len = all - hdr_len, size = vxdp_buf_size(len);
	void *start = vxdp_buf_cut(buf, size), *hdr;
	void __user *from = (void __user *)chain->uaddr;

	if (unlikely(!start))
		return 0;
	hdr = set_frame(slot, buf, start, size, len) - hdr_len;
	/* Nothing to check: the range is in the memory table, the room is ours. */
	if (unlikely(raw_copy_from_user(hdr, from, all))) {
		vxdp_slot_free(slot);
		return 0;
	}
	/* Nothing is asked for, as nearly always. */
	if (likely(!*(u64 *)hdr))
		return 1;
	return finish_plain(q, slot);
}

/**
 * vxdp_slot_plain() - read plain chains, once, into slots
 * @q: the queue pair
 * @slot: where to, room for @nr
 * @chain: the chains: each a header and at least an Ethernet header, at most what a
 *	page has room for
 * @nr: how many
 * @done: out: how many were read; the next one is not to be read like this, but by
 *	vxdp_slot_build()
 *
 * Frames that are dropped are counted.
 *
 * Context: the worker, softirqs and page faults off.
 * Return: how many slots are filled.
 */
u32 vxdp_slot_plain(struct vxdp_queue *q, struct vxdp_tx_slot *slot,
		    const struct vxdp_plain *chain, u32 nr, u32 *done)
{
	struct vxdp_buf *buf = this_cpu_ptr(&vxdp_buf);
	struct vxdp_tx_slot *next = slot;
	u32 hdr_len = q->hdr_len, i;
	int ret;

	for (i = 0; i < nr; i++) {
		ret = read_plain(q, next, buf, &chain[i], hdr_len);
		if (!ret)
			break;
		if (likely(ret > 0))
			next++;
	}
	*done = i;
	return next - slot;
}

/**
 * vxdp_slot_free() - give a frame's memory back
 * @slot: the frame, which nobody else has been given
 *
 * Context: any but hard interrupts.
 */
void vxdp_slot_free(struct vxdp_tx_slot *slot)
{
	struct xdp_frame *frame = slot->frame;
	struct skb_shared_info *sinfo;
	int i;

	if (xdp_frame_has_frags(frame)) {
		sinfo = xdp_get_shared_info_from_frame(frame);
		for (i = 0; i < sinfo->nr_frags; i++)
			vxdp_buf_put(skb_frag_address(&sinfo->frags[i]));
	}
	vxdp_buf_put(frame);
}
