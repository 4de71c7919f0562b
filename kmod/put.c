// SPDX-License-Identifier: GPL-2.0
/*
 * put.c - any frame into any of the guest's buffers, where the program runs.
 *
 * What is out of the ordinary is left to the worker, which finds it again and knows
 * all the rules: an empty ring, a page that is not there, an indirect table, any
 * mistake of the guest's. So nothing is taken from the ring before all is found.
 *
 * All here is under fast.pages.lock, and softirqs own the ring (fast.on).
 */
#include "put.h"

/* Buffers one frame may need here; more are the worker's. */
#define PIECES_MAX	24
#define CHAIN_MAX	8

/* Where a frame goes: pieces of the guest's buffers. */
struct place {
	u32 nr;
	u32 heads;
	struct piece {
		void *at;
		u32 len;
	} piece[PIECES_MAX];
	struct vxdp_used used[PIECES_MAX];
};

static bool add_buffer(struct vxdp_queue *q, struct place *to, u64 gpa, u32 len)
{
	u32 part;
	void *at;

	while (len) {
		at = vxdp_pages_find(&q->fast.pages, gpa);
		if (!at)
			q->fast.missed = true;
		if (!at || to->nr == PIECES_MAX)
			return false;
		part = min_t(u32, len, PAGE_SIZE - offset_in_page(gpa));
		to->piece[to->nr++] = (struct piece){ at, part };
		gpa += part;
		len -= part;
	}
	return true;
}

/* Only what is needed of it; more would be pages that nobody touches. */
static bool add_chain(struct vxdp_queue *q, struct place *to, u16 head, u32 need, u32 *got)
{
	const struct vring_desc *table = q->fast.desc;
	u32 mask = q->fast.mask, left = CHAIN_MAX;
	struct vring_desc desc;
	u16 i = head;

	*got = 0;
	while (left--) {
		/* Masked, for speculation ignores the check below. */
		i &= mask;
		desc.addr = READ_ONCE(table[i].addr);
		desc.len = READ_ONCE(table[i].len);
		desc.flags = READ_ONCE(table[i].flags);
		if ((desc.flags & (VRING_DESC_F_WRITE | VRING_DESC_F_INDIRECT)) !=
		    VRING_DESC_F_WRITE || !desc.len)
			return false;
		desc.len = min(desc.len, need - *got);
		if (!add_buffer(q, to, desc.addr, desc.len))
			return false;
		*got += desc.len;
		if (*got == need || !(desc.flags & VRING_DESC_F_NEXT))
			return true;
		i = READ_ONCE(table[i].next);
		if (i > mask)
			return false;
	}
	return false;
}

static bool find_place(struct vxdp_queue *q, struct place *to, u32 need)
{
	struct vxdp_fast *f = &q->fast;
	bool merge = vxdp_vring_has(&q->ring[VXDP_RING_RX].vr, VIRTIO_NET_F_MRG_RXBUF);
	u32 got, head, next = f->next;

	to->nr = 0;
	to->heads = 0;
	while (need) {
		if ((u16)next == f->seen_avail && !vxdp_fast_more(q))
			return false;
		head = READ_ONCE(f->avail->ring[next++ & f->mask]);
		if (head > f->mask || to->heads == PIECES_MAX ||
		    !add_chain(q, to, head, need, &got))
			return false;
		to->used[to->heads++] = (struct vxdp_used){ head, got };
		need -= got;
		if (need && !merge)
			return false;
	}
	return to->heads + (u16)(f->next - f->published) <= f->mask + 1;
}

static void write_bytes(struct place *to, u32 *piece, u32 *off, const void *from, u32 len)
{
	u32 part;

	while (len) {
		part = min(len, to->piece[*piece].len - *off);
		vxdp_put_bytes(to->piece[*piece].at + *off, from, part);
		from += part;
		len -= part;
		*off += part;
		if (*off == to->piece[*piece].len) {
			*off = 0;
			(*piece)++;
		}
	}
}

static void write_frame(struct vxdp_queue *q, struct place *to,
			const struct xdp_buff *xdp, bool strip)
{
	struct virtio_net_hdr_mrg_rxbuf hdr = { .num_buffers = cpu_to_le16(to->heads) };
	const u32 macs = 2 * ETH_ALEN;
	const struct skb_shared_info *sinfo;
	const void *data = xdp->data;
	u32 piece = 0, off = 0, i;

	write_bytes(to, &piece, &off, &hdr, q->hdr_len);
	if (strip) {
		write_bytes(to, &piece, &off, data, macs);
		data += macs + VLAN_HLEN;
	}
	write_bytes(to, &piece, &off, data, xdp->data_end - data);
	if (likely(!xdp_buff_has_frags(xdp)))
		return;
	sinfo = xdp_get_shared_info_from_buff(xdp);
	for (i = 0; i < sinfo->nr_frags; i++)
		write_bytes(to, &piece, &off, skb_frag_address(&sinfo->frags[i]),
			    skb_frag_size(&sinfo->frags[i]));
}

static void commit(struct vxdp_fast *f, const struct place *to)
{
	struct vring_used_elem *elem;
	u32 i;

	for (i = 0; i < to->heads; i++) {
		elem = &f->used->ring[(f->next + f->shift + i) & f->mask];
		WRITE_ONCE(elem->id, to->used[i].id);
		WRITE_ONCE(elem->len, to->used[i].len);
	}
	f->next += to->heads;
	f->uncounted += to->heads - 1;
	/* Where @stop is behind now, the next frame is to look anew. */
	f->stop = f->next;
}

/* Any frame, any buffers. */
static noinline bool put_any(struct vxdp_queue *q, const struct xdp_buff *xdp, u32 len,
			     bool strip)
{
	struct place to __uninitialized;

	/* The linear part has both addresses and the tag, or we are too clever. */
	if (strip && xdp->data_end - xdp->data < VLAN_ETH_HLEN)
		return false;
	if (!find_place(q, &to, q->hdr_len + len))
		return false;
	write_frame(q, &to, xdp, strip);
	commit(&q->fast, &to);
	return true;
}

static bool put(struct vxdp_queue *q, const struct xdp_buff *xdp, u32 len, bool strip)
{
	if (!strip && !xdp_buff_has_frags(xdp) && vxdp_put_simple(&q->fast, xdp->data, len, true))
		return true;
	return put_any(q, xdp, len, strip);
}

/**
 * vxdp_put() - put a frame into the guest's buffers, if that is possible here
 * @q: whose guest
 * @xdp: the frame
 * @len: its length, without the tag where that is left out
 * @strip: leave out the VLAN tag
 * @local: another guest sent it
 *
 * Context: softirq, or softirqs off.
 * Return: false where it is the backlog's; softirqs do not own the ring then.
 */
bool vxdp_put(struct vxdp_queue *q, const struct xdp_buff *xdp, u32 len, bool strip,
	      bool local)
{
	struct vxdp_fast *f = &q->fast;
	bool done = false;

	if (!READ_ONCE(f->on))
		return false;
	spin_lock(&f->pages.lock);
	if (f->on) {
		done = vxdp_fast_ready(q, !local) && put(q, xdp, len, strip);
		if (done && local) {
			f->uncounted++;
			vxdp_stats_packet(q->port->stats, VHOST_XDP_STAT_RX_LOCAL_PACKETS, len);
			vxdp_count(q, VHOST_XDP_STAT_RX_FAST_PACKETS, 1);
		} else if (done) {
			f->bytes += len;
		}
		if (done)
			vxdp_fast_done(q);
		else
			vxdp_fast_end_locked(q);
	}
	spin_unlock(&f->pages.lock);
	return done;
}

/**
 * vxdp_put_possible() - would the next frame find a place?
 * @q: whose guest
 *
 * A guest whose buffers are of a kind that is the worker's is left to it, at no cost
 * for each frame.
 *
 * Context: fast.pages.lock.
 * Return: true where it would.
 */
bool vxdp_put_possible(struct vxdp_queue *q)
{
	struct place to __uninitialized;

	return find_place(q, &to, q->hdr_len + ETH_ZLEN);
}
