// SPDX-License-Identifier: GPL-2.0
/*
 * differ_ring.c - a guest's chains, and frames for the guest.
 *
 * Nothing is looked at before it is settled: the used index has come to where it
 * must, and an answer to GET_VRING_BASE has waited for the worker to be done with
 * the ring. A batch of transmit chains is published at once and its chains are
 * used at once, so the number of signals is fixed; where a receive ring is used in
 * one go or in several is not, so there, before the rules of virtio 1.2, 2.7.7 fix
 * it, only whether there was one is compared.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <string.h>
#include <time.h>

#include "../vmm/ktap.h"
#include "differ.h"

#define LOAD(p)		__atomic_load_n((p), __ATOMIC_ACQUIRE)
#define PATIENCE	8	/* seconds; what has not come by then is lost */
#define UNTOUCHED	0xa5
#define FRAME_MAX	3000	/* to the guest; longer ones from it go another way */
#define RX_LEAST	64	/* bytes of a receive buffer */

static bool has(const struct drun *t, int bit)
{
	return t->seq->features & BIT64(bit);
}

static time_t seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static void stuck(struct drun *t, uint64_t at)
{
	note(t, SAW_STUCK, 0, at);
	t->stuck = true;
}

bool await_used(struct drun *t, const struct ring *r, uint16_t idx)
{
	time_t until = seconds() + PATIENCE;

	while (LOAD(&r->used->idx) != idx) {
		if (seconds() > until) {
			stuck(t, (uint16_t)(idx - r->used->idx));
			return false;
		}
		iotlb_serve(t);
		sched_yield();
	}
	return true;
}

/* With nothing left to send the device has to ask for a kick. */
static void await_kick_wanted(struct drun *t, const struct ring *r)
{
	time_t until = seconds() + PATIENCE;

	for (;;) {
		if (r->event_idx ? LOAD(r->avail_event) == r->avail_idx :
		    !(LOAD(&r->used->flags) & VRING_USED_F_NO_NOTIFY))
			return;
		if (seconds() > until) {
			stuck(t, ~0ULL);
			return;
		}
		iotlb_serve(t);
		sched_yield();
	}
}

void publish(struct drun *t, struct ring *r)
{
	uint16_t old = r->kicked;

	ring_publish(r);
	if (!t->seq->polite && old != r->avail_idx)
		ring_kick(r);
}

static void note_calls(struct drun *t, unsigned int index, bool one_batch)
{
	struct ring *r = &t->ring[index];
	uint64_t a = eventfd_take(r->call), b = eventfd_take(r->call2);
	bool on_empty = has(t, VIRTIO_F_NOTIFY_ON_EMPTY);
	/* Behind an IOMMU a batch is used in as many goes as there are misses in it. */
	bool once = one_batch && t->seq->kind != SEQ_IOTLB;
	/*
	 * Who tells because nothing is left does not remember that it told, so that what
	 * comes later depends on how the chains before were divided into batches.
	 */
	bool exact = on_empty ? once && !r->event_idx :
				once || (r->event_idx && t->steady[index]);

	t->steady[index] = true;
	if (on_empty && (index == NIC_RX || r->avail_idx != r->last_used))
		return;
	if (!exact) {
		a = !!a;
		b = !!b;
	}
	note(t, SAW_CALLS, 0, a << 32 | b);
}

static void note_error(struct drun *t, unsigned int index)
{
	note(t, SAW_ERROR, 0, !!eventfd_take(t->ring[index].err));
}

void note_wire(struct drun *t)
{
	struct pkt *p = &t->w->pkt[has(t, VHOST_NET_F_VIRTIO_NET_HDR)];
	uint64_t h = HASH_INIT;
	unsigned int len, n = 0;
	uint8_t *f;

	while ((f = pkt_recv(p, &len, NULL))) {
		h = hash_more(h, &len, sizeof(len));
		h = hash_more(h, f, len);
		n++;
	}
	note(t, SAW_WIRE, n, h);
}

/*
 * Of the ring's own page we know only from its first used element on: the device
 * may write flags at any time.
 */
void note_log(struct drun *t)
{
	uint8_t bits[LOG_SIZE];
	unsigned int k, i;

	for (k = 0; k < 2; k++) {
		memcpy(bits, log_area(k), LOG_SIZE);
		for (i = 0; i < 2; i++) {
			uint64_t page = mem_gpa(&t->mem, t->ring[i].used) / PAGE;

			if (!t->log_used[i] || k != t->log_at)
				bits[page / 8] &= ~(1U << (page % 8));
		}
		note(t, SAW_LOG, k, hash_more(HASH_INIT, bits, LOG_SIZE));
	}
}

static void note_logged(struct drun *t, unsigned int index)
{
	uint64_t signals = eventfd_take(t->log_call);

	if (!t->logging)
		return;
	t->log_used[index] = true;
	note(t, SAW_LOG_CALL, 0, !!signals);
	note_log(t);
}

/* A random frame: broadcast or not, long or short, of no protocol. */
static void frame_make(struct rng *g, uint8_t *p, unsigned int len)
{
	unsigned int i;

	for (i = 0; i < len; i += 8) {
		uint64_t v = rng_next(g);

		memcpy(p + i, &v, len - i < 8 ? len - i : 8);
	}
	if (len < 14)
		return;
	p[0] = rng_chance(g, 20) ? 0xff : 0x02;
	p[6] = 0x02;
	p[12] = FRAME_ETHERTYPE >> 8;
	p[13] = FRAME_ETHERTYPE & 0xff;
}

/*
 * Headers with something to do; and, where vhost-net sends frames one by one, wrong
 * ones: in batches it tries some of those for ever.
 */
static unsigned int header_make(const struct drun *t, struct rng *g,
				struct virtio_net_hdr_v1 *h, uint8_t *p,
				unsigned int len)
{
	struct inet_spec spec = { .udp = rng_chance(g, 30),
				  .v6 = rng_chance(g, 30), .seq = 1,
				  .dst = { 2 }, .src = { 2, 1 } };
	unsigned int hl;

	memset(h, 0, sizeof(*h));
	if (has(t, VHOST_NET_F_VIRTIO_NET_HDR) || len < 100 ||
	    rng_chance(g, 70))
		return len;
	spec.payload = len - 80;
	len = inet_build(&spec, p, true);
	hl = len - spec.payload;
	h->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	h->csum_start = spec.v6 ? 54 : 34;
	h->csum_offset = spec.udp ? 6 : 16;
	if (!spec.udp && rng_chance(g, 40)) {
		h->gso_type = spec.v6 ? VIRTIO_NET_HDR_GSO_TCPV6 :
			      VIRTIO_NET_HDR_GSO_TCPV4;
		h->gso_size = 100 + rng_below(g, 1300);
		h->hdr_len = hl;
	}
	if (!t->seq->bounded || !rng_chance(g, 25))
		return len;
	switch (rng_below(g, 6)) {
	case 0: h->csum_start = len; break;
	case 1: h->csum_start = rng_next(g); break;
	case 2: h->csum_offset = rng_next(g); break;
	case 3: h->gso_type = rng_next(g); break;
	case 4: h->gso_size = rng_below(g, 2); break;
	default: h->hdr_len = rng_next(g);
	}
	return len;
}

/* Cut @len bytes at @off into segments, some of them empty. */
static unsigned int segments(struct rng *g, struct ring_seg *s, uint64_t off,
			     unsigned int len, unsigned int most)
{
	unsigned int k = 0;

	while (len) {
		unsigned int part = len;

		if (k + 1 < most && rng_chance(g, 50))
			part = rng_chance(g, 10) ? 0 : 1 + rng_below(g, len);
		s[k++] = (struct ring_seg){ .gpa = GUEST_GPA + off,
					    .len = part };
		off += part;
		len -= part;
	}
	return k;
}

static unsigned int tx_len(const struct drun *t, struct rng *g)
{
	switch (rng_below(g, 20)) {
	case 0:
		return 14;
	case 1: /* No frame at all, to a tap. */
		return rng_below(g, 14) + has(t, VHOST_NET_F_VIRTIO_NET_HDR);
	case 2:
		return 3500 + rng_below(g, 1000);
	case 3:
		return rng_chance(g, 20) ? 60000 : 9000;
	default:
		return 14 + rng_below(g, 1500);
	}
}

static unsigned int most_segs(const struct drun *t, const struct ring *r,
			      bool indirect)
{
	(void)t;
	if (indirect)
		return 8;
	return r->free_count < 8 ? r->free_count : 8;
}

/* Up to @n good chains, as far as ring and memory go; how many. */
unsigned int tx_good(struct drun *t, struct rng *g, unsigned int n,
		     bool *one_batch)
{
	static uint8_t frame[65600];
	struct ring *r = &t->ring[NIC_TX];
	unsigned int i, at = 0;

	*one_batch = true;
	for (i = 0; i < n && r->free_count; i++) {
		bool indirect = r->indirect && rng_chance(g, 30);
		unsigned int k, len = tx_len(t, g);
		struct virtio_net_hdr_v1 h;
		struct ring_seg s[8];

		at += rng_below(g, 64);
		if (at + t->hlen + len + 100 > TX_SIZE)
			break;
		frame_make(g, frame, len);
		len = header_make(t, g, &h, frame, len);
		guest_put(t->seq, TX_AT + at, &h, t->hlen);
		guest_put(t->seq, TX_AT + at + t->hlen, frame, len);
		k = segments(g, s, TX_AT + at, t->hlen + len,
			     most_segs(t, r, indirect));
		NEED(ring_add(r, s, k, 0, indirect, i));
		at += t->hlen + len;
		/* vhost-net sends what came before a long one first. */
		if (len > FRAME_MAX)
			*one_batch = false;
	}
	return i;
}

static void reap(struct drun *t, struct ring *r, unsigned int n)
{
	uint64_t h = HASH_INIT;
	uint32_t token, len;
	unsigned int i;

	for (i = 0; i < n; i++) {
		const struct vring_used_elem *e =
			&r->used->ring[r->last_used % r->num];

		h = hash_more(h, e, sizeof(*e));
		NEED(ring_reap(r, &token, &len));
	}
	note(t, SAW_ELEMENTS, n, h);
}

void tx_settle(struct drun *t, unsigned int n, bool one_batch)
{
	struct ring *r = &t->ring[NIC_TX];

	if (!await_used(t, r, r->last_used + n))
		return;
	ring_barrier(t, NIC_TX);
	note(t, SAW_USED, 0, n);
	reap(t, r, n);
	note_calls(t, NIC_TX, one_batch);
	note_wire(t);
	note_logged(t, NIC_TX);
}

void do_tx(struct drun *t, const struct dstep *s)
{
	struct ring *r = &t->ring[NIC_TX];
	struct rng g = { s->seed };
	bool one_batch;
	unsigned int n = tx_good(t, &g, s->n, &one_batch);

	publish(t, r);
	tx_settle(t, n, one_batch);
	if (t->stuck)
		return;
	note_error(t, NIC_TX);
	await_kick_wanted(t, r);
}

/* Long enough for the longest frame to find room in a full ring, where merged. */
static unsigned int rx_size(const struct drun *t, struct rng *g)
{
	const unsigned int num = t->ring[NIC_RX].num;
	unsigned int least = RX_LEAST;

	if (has(t, VIRTIO_NET_F_MRG_RXBUF) && (FRAME_MAX + 12) / num >= least)
		least = (FRAME_MAX + 12) / num + 1;
	if (rng_chance(g, 50))
		return least > FRAME_MAX + 12 ? least : FRAME_MAX + 12;
	return least + rng_below(g, RX_SLOT - least);
}

static int free_slot(const struct drun *t)
{
	int i;

	for (i = 0; i < RX_SLOTS; i++)
		if (!t->slot[i].out)
			return i;
	return -1;
}

static void post_one(struct drun *t, struct rng *g, unsigned int i)
{
	struct ring *r = &t->ring[NIC_RX];
	bool indirect = r->indirect && rng_chance(g, 30);
	struct rx_slot *x = &t->slot[i];

	x->size = rx_size(t, g);
	/* Mergeable ones are one descriptor each: a full ring has as many. */
	x->segs = segments(g, x->seg, RX_AT + i * RX_SLOT, x->size,
			   has(t, VIRTIO_NET_F_MRG_RXBUF) && !indirect ? 1 :
			   most_segs(t, r, indirect));
	x->out = true;
	guest_fill(t->seq, RX_AT + i * RX_SLOT, UNTOUCHED, RX_SLOT);
	NEED(ring_add(r, x->seg, 0, x->segs, indirect, i));
	t->fifo[(t->fifo_first + t->fifo_n++) % RX_SLOTS] = i;
}

static struct rx_slot *nth_out(struct drun *t, unsigned int n)
{
	return &t->slot[t->fifo[(t->fifo_first + n) % RX_SLOTS]];
}

/* Buffers that a frame takes; 0: it has to wait; -1: it will be dropped. */
static int buffers_for(struct drun *t, unsigned int skip, unsigned int len)
{
	unsigned int need = t->hlen + len, got = 0, n;

	for (n = 0; skip + n < t->fifo_n; n++) {
		got += nth_out(t, skip + n)->size;
		if (got >= need)
			return n + 1;
		if (!has(t, VIRTIO_NET_F_MRG_RXBUF))
			return -1;
	}
	return 0;
}

/* A frame is in its buffers: is it the one that was sent? */
static void take_frame(struct drun *t, unsigned int buffers,
		       const struct waiting *f)
{
	struct ring *r = &t->ring[NIC_RX];
	uint8_t data[RX_SLOT * 2];
	unsigned int i, at = 0;

	for (i = 0; i < buffers; i++) {
		uint32_t slot, len;

		NEED(ring_reap(r, &slot, &len));
		if (len > RX_SLOT || at + len > sizeof(data))
			ktap_bail("buffer used with %u bytes", len);
		guest_get(t->seq, RX_AT + slot * RX_SLOT, data + at, len);
		at += len;
		t->slot[slot].out = false;
		/* The guest's again: what num_buffers was is noted, see below. */
		if (!i && t->hlen == 12 && !has(t, VIRTIO_NET_F_MRG_RXBUF)) {
			uint16_t v;

			memcpy(&v, data + 10, 2);
			note(t, SAW_NUM_BUFFERS, 0, v);
			guest_fill(t->seq, RX_AT + slot * RX_SLOT + 10, 0, 2);
			memset(data + 10, 0, 2);
		}
	}
	note(t, SAW_DATA, at, hash_more(HASH_INIT, data, at));
	if (at != t->hlen + f->len ||
	    hash_more(HASH_INIT, data + t->hlen, f->len) != f->hash)
		t->wrong++;
}

/* Hash of ids and lengths before anything of it is taken. */
static void note_elements(struct drun *t, const struct ring *r, unsigned int n)
{
	uint64_t h = HASH_INIT;
	unsigned int i;

	for (i = 0; i < n; i++)
		h = hash_more(h, &r->used->ring[(r->last_used + i) % r->num],
			      sizeof(r->used->ring[0]));
	note(t, SAW_ELEMENTS, n, h);
}

void send_frame(struct drun *t, struct rng *g, unsigned int len)
{
	struct pkt *p = &t->w->pkt[has(t, VHOST_NET_F_VIRTIO_NET_HDR)];
	struct waiting *f =
		&t->waiting[(t->wait_first + t->wait_n++) % WAITING_MAX];
	uint8_t *room = pkt_room(p);

	NEED(t->wait_n <= WAITING_MAX);
	frame_make(g, room, len);
	f->len = len;
	f->hash = hash_more(HASH_INIT, room, len);
	pkt_queue(p, len);
}

/* What becomes of the frames that wait; how many of them are settled by that. */
static unsigned int foresee(struct drun *t, int *take, unsigned int *buffers)
{
	unsigned int n;

	*buffers = 0;
	for (n = 0; n < t->wait_n; n++) {
		const struct waiting *f =
			&t->waiting[(t->wait_first + n) % WAITING_MAX];

		take[n] = buffers_for(t, *buffers, f->len);
		if (!take[n])
			break;
		if (take[n] > 0)
			*buffers += take[n];
	}
	return n;
}

/*
 * What of the frames that wait has buffers comes, in order. That one was dropped is
 * known when one behind it has come.
 */
static void rx_settle(struct drun *t, struct rng *g)
{
	struct ring *r = &t->ring[NIC_RX];
	unsigned int n, i, buffers;
	int take[WAITING_MAX];

	n = foresee(t, take, &buffers);
	if (n && take[n - 1] < 0) {
		send_frame(t, g, RX_LEAST - 12);
		n = foresee(t, take, &buffers);
	}
	pkt_flush(&t->w->pkt[has(t, VHOST_NET_F_VIRTIO_NET_HDR)]);
	if (!await_used(t, r, r->last_used + buffers))
		return;
	ring_barrier(t, NIC_RX);
	note(t, SAW_USED, 0, buffers);
	note_elements(t, r, buffers);
	for (i = 0; i < n; i++) {
		if (take[i] > 0) {
			take_frame(t, take[i], &t->waiting[t->wait_first]);
			t->fifo_first += take[i];
			t->fifo_n -= take[i];
		}
		t->wait_first = (t->wait_first + 1) % WAITING_MAX;
		t->wait_n--;
	}
	if (!buffers)
		return;
	note_calls(t, NIC_RX, false);
	note_logged(t, NIC_RX);
	note_error(t, NIC_RX);
}

void do_post(struct drun *t, const struct dstep *s)
{
	struct ring *r = &t->ring[NIC_RX];
	struct rng g = { s->seed };
	unsigned int i;
	int slot;

	for (i = 0; i < s->n && r->free_count; i++) {
		slot = free_slot(t);
		if (slot < 0)
			break;
		post_one(t, &g, slot);
	}
	publish(t, r);
	rx_settle(t, &g);
}

void do_frames(struct drun *t, const struct dstep *s)
{
	struct rng g = { s->seed };
	unsigned int i;

	for (i = 0; i < s->n && t->wait_n < WAITING_MAX / 2; i++)
		send_frame(t, &g, rng_chance(&g, 30) ?
			   14 + rng_below(&g, 50) :
			   14 + rng_below(&g, FRAME_MAX - 14));
	rx_settle(t, &g);
}
