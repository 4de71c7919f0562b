// SPDX-License-Identifier: GPL-2.0
/*
 * differ_bad.c - chains that stop a ring, and one that both nodes take but read
 * differently. Good chains may come before the bad one and are used first. Where
 * the ring then stands is compared; after that it is started afresh.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <string.h>
#include <sys/mman.h>

#include "../vmm/ktap.h"
#include "differ.h"

#define F_N VRING_DESC_F_NEXT
#define F_W VRING_DESC_F_WRITE
#define F_I VRING_DESC_F_INDIRECT
#define PAD (GUEST_GPA + PAD_AT)
#define TABLE (PAD + 4096)

/* A bad chain in the making: two descriptors that are free (perhaps one twice). */
struct bad {
	struct drun *t;
	struct ring *r;
	uint16_t a, b, head;
	uint16_t w;		/* F_W on a receive ring */
	uint16_t skip;		/* added to the avail index */
};

struct bad_kind {
	const char *name;
	bool alone;		/* with good chains in front they would fail, too */
	void (*make)(struct bad *b);
};

static void head_beyond(struct bad *b)
{
	b->head = b->r->num;
}

static void head_far_beyond(struct bad *b)
{
	b->head = 0xffff;
}

static void next_beyond(struct bad *b)
{
	ring_desc(b->r, b->a, PAD, 64, F_N | b->w, b->r->num);
}

static void loop_of_two(struct bad *b)
{
	ring_desc(b->r, b->a, PAD, 64, F_N | b->w, b->b);
	ring_desc(b->r, b->b, PAD, 64, F_N | b->w, b->a);
}

static void table(struct bad *b, unsigned int i, struct vring_desc d)
{
	guest_put(b->t->seq, TABLE - GUEST_GPA + i * sizeof(d), &d, sizeof(d));
}

static void indirect(struct bad *b, uint64_t gpa, uint32_t len)
{
	ring_desc(b->r, b->a, gpa, len, F_I, 0);
}

static void indirect_empty(struct bad *b)
{
	indirect(b, TABLE, 0);
}

static void indirect_odd(struct bad *b)
{
	table(b, 0, (struct vring_desc){ PAD, 64, b->w, 0 });
	indirect(b, TABLE, 24);
}

static void indirect_huge(struct bad *b)
{
	table(b, 0, (struct vring_desc){ PAD, 64, b->w, 0 });
	indirect(b, TABLE, 0xfffffff0);
}

static void indirect_nested(struct bad *b)
{
	table(b, 0, (struct vring_desc){ PAD, 16, F_I, 0 });
	indirect(b, TABLE, 16);
}

static void indirect_outside(struct bad *b)
{
	indirect(b, 0x1000, 16);
}

static void indirect_over(struct bad *b)
{
	table(b, 0, (struct vring_desc){ PAD, 64, F_N | b->w, 1 });
	indirect(b, TABLE, 16);
}

static void zero_length(struct bad *b)
{
	ring_desc(b->r, b->a, PAD, 0, b->w, 0);
}

static void outside(struct bad *b)
{
	ring_desc(b->r, b->a, 0x1000, 2048, b->w, 0);
}

static void over_the_end(struct bad *b)
{
	ring_desc(b->r, b->a, GUEST_GPA + GUEST_SIZE - 100, 2048, b->w, 0);
}

static void wraps(struct bad *b)
{
	ring_desc(b->r, b->a, ~0ULL - 100, 2048, b->w, 0);
}

static void out_after_in(struct bad *b)
{
	ring_desc(b->r, b->a, PAD, 64, F_N | F_W, b->b);
	ring_desc(b->r, b->b, PAD, 64, 0, 0);
	/* With one descriptor there is no such thing. */
	if (b->a == b->b)
		head_beyond(b);
}

static void wrong_way(struct bad *b)
{
	ring_desc(b->r, b->a, PAD, 2048, b->w ^ F_W, 0);
}

static void jump(struct bad *b)
{
	b->skip = b->r->num;
}

static void backwards(struct bad *b)
{
	b->skip = -2;
}

static void desc_gone(struct bad *b)
{
	NEED(!mprotect(b->r->desc, PAGE, PROT_NONE));
}

static void avail_gone(struct bad *b)
{
	NEED(!mprotect(b->r->avail, PAGE, PROT_NONE));
}

static const struct bad_kind kinds[] = {
	{ "head beyond the ring", false, head_beyond },
	{ "head 65535", false, head_far_beyond },
	{ "next beyond the table", false, next_beyond },
	{ "loop", false, loop_of_two },
	{ "indirect, empty table", false, indirect_empty },
	{ "indirect, 24 bytes", false, indirect_odd },
	{ "indirect, 4 GiB", false, indirect_huge },
	{ "indirect in indirect", false, indirect_nested },
	{ "indirect, outside the memory table", false, indirect_outside },
	{ "indirect, more than the table", false, indirect_over },
	{ "zero length", false, zero_length },
	{ "outside the memory table", false, outside },
	{ "over the end of memory", false, over_the_end },
	{ "address that wraps", false, wraps },
	{ "readable after writable", false, out_after_in },
	{ "wrong direction", false, wrong_way },
	{ "avail index jumps", true, jump },
	{ "avail index goes back", true, backwards },
	{ "descriptors unmapped", true, desc_gone },
	{ "avail ring unmapped", true, avail_gone },
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* One more: a good chain, whose table is not in the order of its links. */
const unsigned int bad_kinds = KINDS + 1;

/* Of other addresses an IOMMU is asked for ever. */
unsigned int bad_kind_iotlb(struct rng *g)
{
	static const uint8_t fit[] = { 0, 1, 2, 3, 4, 5, 7, 9, 10, 14, 15, 16, 17 };

	return fit[rng_below(g, sizeof(fit))];
}

const char *bad_name(unsigned int kind)
{
	return kind < KINDS ? kinds[kind].name : "indirect, out of order";
}

static void show(struct bad *b)
{
	struct ring *r = b->r;

	r->avail->ring[r->avail_idx % r->num] = b->head;
	r->avail_idx += 1 + b->skip;
	__atomic_store_n(&r->avail->idx, r->avail_idx, __ATOMIC_RELEASE);
	r->kicked = r->avail_idx;
}

static void restore(struct ring *r)
{
	NEED(!mprotect(r->desc, PAGE, PROT_READ | PROT_WRITE));
	NEED(!mprotect(r->avail, PAGE, PROT_READ | PROT_WRITE));
}

/* A receive ring that has nothing else in it. */
static int empty_rx(struct drun *t)
{
	int e = ring_stop(t, NIC_RX);

	ring_anew(t, NIC_RX, t->seq->base[NIC_RX]);
	if (!e)
		e = ring_setup(t, NIC_RX, t->seq->base[NIC_RX]);
	return e ? e : ring_begin(t, NIC_RX);
}

static bool await_error(struct drun *t, const struct ring *r)
{
	struct pollfd p[2] = { { .fd = r->err, .events = POLLIN },
			       { .fd = t->fd, .events = POLLIN } };
	bool iotlb = t->seq->kind == SEQ_IOTLB;

	if (!iotlb)
		return wait_fd(r->err, 8000);
	while (poll(p, 2, 8000) > 0 && !p[0].revents)
		iotlb_serve(t);
	return p[0].revents;
}

/* @good chains are used; then the ring stands, and says so. */
static bool stands(struct drun *t, unsigned int index, unsigned int good,
		   bool one_batch)
{
	struct ring *r = &t->ring[index];
	unsigned int base;
	bool told;

	if (good) {
		tx_settle(t, good, one_batch);
		if (t->stuck)
			return false;
	}
	told = await_error(t, r);
	base = ring_barrier(t, index);
	note(t, SAW_ERROR, 0, told);
	note(t, SAW_BASE, 0, (uint16_t)(base - r->last_used));
	if (!told)
		t->stuck = true;
	return told;
}

static void afresh(struct drun *t, unsigned int index, uint16_t base)
{
	note(t, SAW_ANSWER, ring_stop(t, index), 0);
	if (index == NIC_TX)
		note_wire(t);
	ring_anew(t, index, base);
	note(t, SAW_ANSWER, ring_setup(t, index, base), 0);
	note(t, SAW_ANSWER, ring_begin(t, index), 0);
}

static void stop_ring(struct drun *t, const struct dstep *s)
{
	const struct bad_kind *k = &kinds[s->n];
	struct bad b = { .t = t, .r = &t->ring[s->ring] };
	struct rng g = { s->seed };
	bool one_batch = true, ok;
	unsigned int good = 0;

	if (s->ring == NIC_RX) {
		b.w = F_W;
		note(t, SAW_ANSWER, empty_rx(t), 0);
	} else if (!k->alone && b.r->num > 8) {
		good = tx_good(t, &g, s->val % 4, &one_batch);
	}
	if (!b.r->free_count)
		return;
	b.a = b.r->free_head;
	b.b = b.r->free_count > 1 ? b.r->desc[b.a].next : b.a;
	b.head = b.a;
	k->make(&b);
	if (k->make == avail_gone)
		NEED(!mprotect(b.r->avail, PAGE, PROT_READ | PROT_WRITE));
	show(&b);
	if (k->make == avail_gone)
		avail_gone(&b);
	ring_kick(b.r);
	if (s->ring == NIC_RX) {
		send_frame(t, &g, 60);
		pkt_flush(&t->w->pkt[!!(t->seq->features &
					BIT64(VHOST_NET_F_VIRTIO_NET_HDR))]);
	}
	ok = stands(t, s->ring, good, one_batch);
	restore(b.r);
	if (ok)
		afresh(t, s->ring, t->seq->base[s->ring]);
}

/* Links of a table: first, third, second. */
static void out_of_order(struct drun *t)
{
	struct bad b = { .t = t, .r = &t->ring[NIC_TX] };
	uint8_t frame[300] = { 0 };
	unsigned int i;

	for (i = 12; i < sizeof(frame); i++)
		frame[i] = i / 100 + 2;
	guest_put(t->seq, PAD_AT, frame, sizeof(frame));
	table(&b, 0, (struct vring_desc){ PAD, t->hlen, F_N, 2 });
	table(&b, 1, (struct vring_desc){ PAD + 200, 100, 0, 0 });
	table(&b, 2, (struct vring_desc){ PAD + 100, 100, F_N, 1 });
	b.a = b.head = b.r->free_head;
	indirect(&b, TABLE, 48);
	show(&b);
	ring_kick(b.r);
	if (!await_used(t, b.r, b.r->last_used + 1))
		return;
	ring_barrier(t, NIC_TX);
	afresh(t, NIC_TX, t->seq->base[NIC_TX]);
}

void do_bad(struct drun *t, const struct dstep *s)
{
	if (s->n < KINDS)
		stop_ring(t, s);
	else
		out_of_order(t);
}
