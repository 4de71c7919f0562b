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

/*
 * Pieces of pages that one frame may need here; more are the worker's. It is enough
 * for 64 KiB in buffers of 1500 bytes that lie anywhere.
 */
#define PIECES_MAX	128
/* Descriptors of a chain: for 64 KiB in pages. */
#define CHAIN_MAX	(MAX_SKB_FRAGS + 2)

/* Where a frame goes: pieces of the guest's buffers. */
struct place {
	u32 nr;
	u32 heads;
	struct piece {
		void *at;
		u64 gpa;
		u32 len;
	} piece[PIECES_MAX];
	struct vxdp_used used[PIECES_MAX];
};

/*
 * Too much for the stack, and for the 8 KiB that a kernel has for the per-CPU variables
 * of all its modules. Softirqs off, and nobody keeps anything in it.
 */
static struct place __percpu *places;

static bool add_buffer(struct vxdp_queue *q, struct place *to, u64 gpa, u32 len)
{
	const struct vxdp_vring *vr = &q->ring[VXDP_RING_RX].vr;
	struct vxdp_pages *p = &q->fast.pages;
	u32 part;
	void *at;

	while (len) {
		part = min_t(u32, len, PAGE_SIZE - offset_in_page(gpa));
		at = vxdp_pages_find(p, gpa);
		if (!at || (vr->log_all && !vxdp_pages_has_log(p, vr->log_base, gpa, part))) {
			q->fast.missed = true;
			return false;
		}
		if (to->nr == PIECES_MAX)
			return false;
		to->piece[to->nr++] = (struct piece){ at, gpa, part };
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

/* How far a place is written. */
struct cursor {
	const struct piece *piece;
	const struct piece *end;
	u32 off;
};

static void write_bytes(struct cursor *to, const void *from, u32 len)
{
	u32 part;

	while (len && to->piece != to->end) {
		part = min(len, to->piece->len - to->off);
		vxdp_put_bytes(to->piece->at + to->off, from, part);
		from += part;
		len -= part;
		to->off += part;
		if (to->off == to->piece->len) {
			to->off = 0;
			to->piece++;
		}
	}
}

static void write_frame(struct vxdp_queue *q, const struct place *place,
			const struct xdp_buff *xdp, const struct vxdp_claim *claim, bool strip)
{
	struct vxdp_net_hdr hdr = { .num_buffers = cpu_to_le16(place->heads) };
	struct cursor to = { place->piece, place->piece + place->nr };
	const u32 macs = 2 * ETH_ALEN;
	const struct skb_shared_info *sinfo;
	const void *data = xdp->data;
	u32 i;

	if (claim)
		hdr = vxdp_net_hdr_of(claim, place->heads);
	write_bytes(&to, &hdr, q->hdr_len);
	if (strip) {
		write_bytes(&to, data, macs);
		data += macs + VLAN_HLEN;
	}
	write_bytes(&to, data, xdp->data_end - data);
	if (likely(!xdp_buff_has_frags(xdp)))
		return;
	sinfo = xdp_get_shared_info_from_buff(xdp);
	for (i = 0; i < sinfo->nr_frags; i++)
		write_bytes(&to, skb_frag_address(&sinfo->frags[i]),
			    skb_frag_size(&sinfo->frags[i]));
}

/* All of it is written, and what stands for it in the log was found. */
static void log_place(struct vxdp_queue *q, const struct place *place)
{
	const struct vxdp_vring *vr = &q->ring[VXDP_RING_RX].vr;
	u32 i;

	for (i = 0; i < place->nr && vr->log_all; i++)
		vxdp_pages_log(&q->fast.pages, vr->log_base, place->piece[i].gpa,
			       place->piece[i].len);
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
static noinline bool put_any(struct vxdp_queue *q, const struct xdp_buff *xdp,
			     const struct vxdp_claim *claim, u32 len, bool strip)
{
	struct place *to = this_cpu_ptr(places);

	/* The linear part has both addresses and the tag, or we are too clever. */
	if (strip && xdp->data_end - xdp->data < VLAN_ETH_HLEN)
		return false;
	if (!find_place(q, to, q->hdr_len + len))
		return false;
	write_frame(q, to, xdp, claim, strip);
	if (q->fast.log)
		log_place(q, to);
	commit(&q->fast, to);
	q->fast.bytes += q->hdr_len + len;
	return true;
}

static bool put(struct vxdp_queue *q, const struct xdp_buff *xdp, u32 len, bool strip)
{
	const struct vxdp_vring *vr = &q->ring[VXDP_RING_RX].vr;
	struct vxdp_fast *f = &q->fast;
	bool done = false;

	if (!strip && !xdp_buff_has_frags(xdp))
		done = f->log ? vxdp_put_simple(f, xdp->data, len, false, false, vr) :
				vxdp_put_simple(f, xdp->data, len, false, true, NULL);
	/* See @log in fast.h. */
	if (f->log)
		f->stop = f->next;
	return done || put_any(q, xdp, NULL, len, strip);
}

/* Do softirqs own the ring? Then with fast.pages.lock, which the caller releases. */
static bool take_ring(struct vxdp_fast *f)
{
	if (!READ_ONCE(f->on))
		return false;
	vxdp_lock(&f->pages.lock);
	if (f->on)
		return true;
	vxdp_unlock(&f->pages.lock);
	return false;
}

/* It is in already, as if it came from the wire. */
static void count_local(struct vxdp_queue *q, u32 len)
{
	q->fast.uncounted++;
	q->fast.bytes -= q->fast.hdr_len + len;
	vxdp_stats_packet(q->port->stats, VHOST_XDP_STAT_RX_LOCAL_PACKETS, len);
	vxdp_count(q, VHOST_XDP_STAT_RX_FAST_PACKETS, 1);
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
	bool done;

	if (!take_ring(f))
		return false;
	done = (f->next != f->stop || vxdp_fast_ready(q, !local)) && put(q, xdp, len, strip);
	if (done && local)
		count_local(q, len);
	if (done)
		vxdp_fast_done(q);
	else
		vxdp_fast_end_locked(q);
	vxdp_unlock(&f->pages.lock);
	return done;
}

/**
 * vxdp_put_gso() - put another guest's GSO frame, whole, into the guest's buffers
 * @q: whose guest, which takes it
 * @xdp: the frame
 * @len: its length
 * @claim: what its header is to say
 *
 * As vxdp_put(), which see. The ring stays softirqs', so such frames and others
 * between two guests need no worker's turn to stay in order.
 *
 * Context: softirqs off.
 * Return: false where it is the backlog's; softirqs do not own the ring then.
 */
bool vxdp_put_gso(struct vxdp_queue *q, const struct xdp_buff *xdp, u32 len,
		  const struct vxdp_claim *claim)
{
	struct vxdp_fast *f = &q->fast;
	bool done;

	if (!take_ring(f))
		return false;
	/* Nobody changes the header's length while softirqs have the ring. */
	done = vxdp_claim_fits(claim, q->hdr_len) && vxdp_fast_ready(q, false) &&
	       put_any(q, xdp, claim, len, false);
	if (done)
		count_local(q, len);
	else
		vxdp_fast_end_locked(q);
	vxdp_unlock(&f->pages.lock);
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
	return find_place(q, this_cpu_ptr(places), q->hdr_len + ETH_ZLEN);
}

/**
 * vxdp_put_init() - at module load
 *
 * Return: 0 or -ENOMEM.
 */
int vxdp_put_init(void)
{
	places = alloc_percpu(struct place);
	return places ? 0 : -ENOMEM;
}

/**
 * vxdp_put_exit() - at module unload, when no queue pair is left
 */
void vxdp_put_exit(void)
{
	free_percpu(places);
}
