// SPDX-License-Identifier: GPL-2.0
/*
 * differ_gen.c - the sequence of a seed. Most of what is made up is right, or the
 * sequence would not get far; the rest is odd or wrong.
 */
#include <string.h>

#include "../vmm/ktap.h"
#include "differ.h"

/* By both, without the IOTLB's bit: what is behind one is another kind of sequence. */
#define OFFERED 0x1013d008000ULL
/* That, and packed rings and buffers in order, which only a port has. */
#define NOT_BOTH (7ULL << VIRTIO_F_ACCESS_PLATFORM)

/* splitmix64 */
uint64_t rng_next(struct rng *r)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

uint64_t rng_below(struct rng *r, uint64_t n)
{
	return rng_next(r) % n;
}

bool rng_chance(struct rng *r, unsigned int percent)
{
	return rng_below(r, 100) < percent;
}

static struct dstep *add(struct dseq *s, struct rng *g, enum op op)
{
	struct dstep *x = &s->step[s->n];

	NEED(s->n < DSTEPS);
	s->n++;
	*x = (struct dstep){ .op = op, .seed = rng_next(g) };
	return x;
}

static unsigned int some_ring(struct rng *g)
{
	return rng_chance(g, 95) ? rng_below(g, 2) : 2 + rng_below(g, 254);
}

/* Mostly of the right kind, and of the kinds that there are. */
static unsigned int some_file(struct rng *g, unsigned int right)
{
	if (rng_chance(g, 60))
		return right;
	return rng_chance(g, 40) ? 0 : rng_below(g, 18);
}

static uint64_t odd_number(struct rng *g)
{
	const uint64_t odd[] = { 0, 1, 2, 3, 255, 0x7fff, 0x8000, 0xffff,
				 0x10000, 0x10001, 0x80000000, 0xffffffff };

	return odd[rng_below(g, sizeof(odd) / sizeof(odd[0]))];
}

static uint64_t some_features(struct rng *g)
{
	uint64_t f = rng_next(g) & OFFERED;

	if (rng_chance(g, 70))
		f |= BIT64(VIRTIO_F_VERSION_1);
	if (rng_chance(g, 60))
		f &= ~BIT64(VHOST_F_LOG_ALL);
	if (rng_chance(g, 10))
		f |= BIT64(rng_below(g, 64)) & ~NOT_BOTH;
	return f;
}

static uint64_t some_log(struct rng *g)
{
	const uint64_t odd[] = { 0, 0x7ffffffff000, 0x800000000000,
				 0xffff888000000000, ~0ULL };

	if (rng_chance(g, 80))
		return (uintptr_t)log_area(rng_below(g, 2));
	return odd[rng_below(g, 5)];
}

static void make_vring(struct dstep *x, struct rng *g)
{
	x->ring = some_ring(g);
	switch (x->op) {
	case OP_NUM:
		x->val = rng_chance(g, 75) ? 1U << rng_below(g, 16) :
			 odd_number(g);
		break;
	case OP_BASE:
		x->val = rng_chance(g, 75) ? 0 : odd_number(g);
		break;
	case OP_ADDR:
		x->n = rng_chance(g, 60) ? 0 : rng_below(g, 8);
		x->val = rng_next(g);
		if (x->n == 2)
			x->val = 1U << (x->val % 32);
		break;
	case OP_BUSYLOOP:
		x->val = rng_below(g, 200);
		break;
	case OP_ENDIAN:
		x->val = rng_below(g, 3);
		break;
	case OP_KICK_FD:
		x->n = some_file(g, 1 + rng_below(g, 2));
		break;
	case OP_CALL_FD:
		x->n = some_file(g, 3);
		break;
	case OP_ERR_FD:
		x->n = some_file(g, 4);
		break;
	case OP_BACKEND:
		x->n = some_file(g, 5 + rng_below(g, 2));
	}
}

static void make_device(struct dstep *x, struct rng *g)
{
	x->n = rng_next(g) >> 48;
	x->val = rng_next(g);
	switch (x->op) {
	case OP_FEATURES:
		x->val = some_features(g);
		break;
	case OP_BACKEND_FEATURES:
		x->val = rng_chance(g, 50) ? 0 : BIT64(rng_below(g, 64));
		break;
	case OP_ARRAY:
		x->val = rng_below(g, 3);
		break;
	case OP_MEM:
		x->n = rng_chance(g, 70) ? rng_below(g, 3) : rng_below(g, 12);
		break;
	case OP_LOG_BASE:
		x->val = some_log(g);
		break;
	case OP_LOG_FD:
		x->n = some_file(g, 3);
		break;
	case OP_UNKNOWN:
		x->val = rng_below(g, 4);
		break;
	case OP_FORK:
		x->val = rng_below(g, 4);
		break;
	case OP_STRANGER:
		x->ring = rng_below(g, 3);
	}
}

static void add_ctl(struct dseq *s, struct rng *g, enum op op)
{
	struct dstep *x = add(s, g, op);

	if ((op >= OP_NUM && op <= OP_BACKEND))
		make_vring(x, g);
	else
		make_device(x, g);
}

/* All that a ring needs to run, in one go, as it should be. */
static void add_start(struct dseq *s, struct rng *g)
{
	const struct dstep good[] = {
		{ .op = OP_OWNER }, { .op = OP_MEM }, { .op = OP_NUM, .val = 16 },
		{ .op = OP_BASE }, { .op = OP_ADDR },
		{ .op = OP_KICK_FD, .n = 1 }, { .op = OP_BACKEND, .n = 5 },
	};
	unsigned int i, ring = rng_below(g, 2);

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct dstep *x = add(s, g, good[i].op);

		x->ring = ring;
		x->n = good[i].n;
		x->val = good[i].val;
	}
}

/* Of one hundred. */
static enum op some_ctl(struct rng *g)
{
	static const uint8_t often[OP_CTL_END] = {
		[OP_OWNER] = 4, [OP_RESET] = 2, [OP_FEATURES] = 7,
		[OP_GET_FEATURES] = 2, [OP_BACKEND_FEATURES] = 1,
		[OP_GET_BACKEND_FEATURES] = 1, [OP_ARRAY] = 1, [OP_MEM] = 6,
		[OP_LOG_BASE] = 5, [OP_LOG_FD] = 3, [OP_NUM] = 7,
		[OP_BASE] = 6, [OP_GET_BASE] = 4, [OP_ADDR] = 9,
		[OP_KICK_FD] = 5, [OP_CALL_FD] = 5, [OP_ERR_FD] = 4,
		[OP_BUSYLOOP] = 2, [OP_GET_BUSYLOOP] = 2, [OP_ENDIAN] = 1,
		[OP_BACKEND] = 12, [OP_POINTER] = 3, [OP_UNKNOWN] = 2,
		[OP_FILE] = 3, [OP_FORK] = 1, [OP_GET_FORK] = 1,
		[OP_STRANGER] = 1,
	};
	int left = rng_below(g, 100);
	unsigned int op = 0;

	while (left >= often[op])
		left -= often[op++];
	NEED(op < OP_CTL_END);
	return op;
}

static void make_ctl(struct dseq *s, struct rng *g)
{
	unsigned int length = 10 + rng_below(g, 40);

	if (rng_chance(g, 85))
		add_ctl(s, g, OP_OWNER);
	while (s->n < length) {
		if (rng_chance(g, 6))
			add_start(s, g);
		else
			add_ctl(s, g, some_ctl(g));
	}
	/* Now and then an IOTLB comes at the end. */
	if (rng_chance(g, 5)) {
		add_ctl(s, g, OP_FEATURES);
		s->step[s->n - 1].val = BIT64(VIRTIO_F_ACCESS_PLATFORM);
	}
}

static void make_guest(struct dseq *s, struct rng *g)
{
	const unsigned int num[] = { 1, 2, 4, 8, 16, 64, 256 };
	unsigned int i;

	s->features = rng_chance(g, 70) ? BIT64(VIRTIO_F_VERSION_1) : 0;
	s->features |= rng_chance(g, 50) ? BIT64(VIRTIO_RING_F_EVENT_IDX) : 0;
	s->features |= rng_chance(g, 60) ? BIT64(VIRTIO_RING_F_INDIRECT_DESC) : 0;
	s->features |= rng_chance(g, 50) ? BIT64(VIRTIO_NET_F_MRG_RXBUF) : 0;
	s->features |= rng_chance(g, 15) ? BIT64(VIRTIO_F_NOTIFY_ON_EMPTY) : 0;
	s->features |= rng_chance(g, 15) ? BIT64(VHOST_NET_F_VIRTIO_NET_HDR) : 0;
	for (i = 0; i < 2; i++) {
		s->num[i] = num[rng_below(g, 7)];
		s->base[i] = rng_chance(g, 50) ? 0 : rng_chance(g, 50) ?
			     65536 - rng_below(g, 64) : rng_next(g);
	}
	s->pieces = 1 + rng_below(g, 4);
	for (i = 0; i < 3; i++) {
		uint32_t third = (GUEST_SIZE - RINGS_SIZE) / 3;

		s->cut[i] = RINGS_SIZE + i * third + rng_below(g, third);
		if (rng_chance(g, 50))
			s->cut[i] &= ~(PAGE - 1);
	}
	s->bounded = rng_chance(g, 50);
	s->polite = rng_chance(g, 60);
}

/* An ioctl that a running device refuses, or that changes nothing. */
static void add_noise(struct dseq *s, struct rng *g)
{
	static const struct dstep noise[] = {
		{ .op = OP_OWNER }, { .op = OP_NUM, .val = 16 },
		{ .op = OP_NUM, .ring = 1, .val = 3 }, { .op = OP_BASE },
		{ .op = OP_BASE, .ring = 1, .val = 0x10000 },
		{ .op = OP_GET_FEATURES }, { .op = OP_GET_BASE, .ring = 2 },
		{ .op = OP_ADDR, .n = 6 }, { .op = OP_ADDR, .ring = 1, .n = 6,
		  .val = 1 }, { .op = OP_ADDR, .n = 7, .val = 2 },
		{ .op = OP_MEM, .n = 5 }, { .op = OP_MEM, .n = 6 },
		{ .op = OP_KICK_FD, .n = 8 }, { .op = OP_CALL_FD, .n = 9 },
		{ .op = OP_ERR_FD, .n = 10 }, { .op = OP_BACKEND, .n = 1 },
		{ .op = OP_BACKEND, .ring = 1, .n = 8 },
		{ .op = OP_BACKEND, .n = 5 }, { .op = OP_BACKEND, .ring = 7 },
		{ .op = OP_FEATURES, .val = BIT64(63) }, { .op = OP_FORK },
		{ .op = OP_POINTER, .n = 3, .val = 1 },
		{ .op = OP_POINTER, .n = 18, .val = 2 },
		{ .op = OP_UNKNOWN, .n = 3 }, { .op = OP_FILE, .n = 1 },
	};
	const struct dstep *x = &noise[rng_below(g, sizeof(noise) /
						 sizeof(noise[0]))];

	/* The tap with a header is the backend only where the guest wants one. */
	if (x->op == OP_BACKEND && x->n == 5 &&
	    s->features & BIT64(VHOST_NET_F_VIRTIO_NET_HDR))
		return;
	/* Behind an IOMMU an address is looked at when it is used; a read takes a miss. */
	if (s->kind == SEQ_IOTLB && (x->op == OP_ADDR || x->op == OP_FILE))
		return;
	*add(s, g, x->op) = *x;
}

static unsigned int some_count(struct rng *g)
{
	return rng_chance(g, 60) ? 1 + rng_below(g, 8) : 1 + rng_below(g, 64);
}

static void add_frames(struct dseq *s, struct rng *g, enum op op)
{
	struct dstep *x = add(s, g, op);

	x->ring = rng_below(g, 2);
	x->val = rng_next(g);
	switch (op) {
	case OP_TX: case OP_POST: case OP_FRAMES:
		x->n = some_count(g);
		break;
	case OP_CALLS_WANTED:
		x->n = rng_below(g, 3);
		x->val %= 8;
		break;
	case OP_RESTART: case OP_LOG:
		x->n = rng_below(g, 3);
		break;
	case OP_REMAP:
		x->n = rng_below(g, 8);
		x->val &= 1;
		break;
	case OP_SWAP:
		x->n = rng_below(g, 4);
		break;
	case OP_ENTRIES:
		x->n = rng_below(g, 5);
		break;
	case OP_BAD:
		x->n = s->kind == SEQ_IOTLB ? bad_kind_iotlb(g) :
					      rng_below(g, bad_kinds);
		if (x->n == bad_kinds - 1)
			x->ring = NIC_TX;
		break;
	default:
		break;
	}
}

static void make_frames(struct dseq *s, struct rng *g)
{
	/* What is logged behind an IOMMU is another test's. */
	static const uint8_t often_iotlb[OP_END] = {
		[OP_TX] = 22, [OP_POST] = 16, [OP_FRAMES] = 16,
		[OP_CALLS_WANTED] = 6, [OP_RESTART] = 4, [OP_REMAP] = 2,
		[OP_SWAP] = 3, [OP_BAD] = 3, [OP_SPURIOUS] = 3,
		[OP_REBIRTH] = 1, [OP_ENTRIES] = 18,
	}, often_frames[OP_END] = {
		[OP_TX] = 27, [OP_POST] = 18, [OP_FRAMES] = 18,
		[OP_CALLS_WANTED] = 8, [OP_RESTART] = 4, [OP_LOG] = 3,
		[OP_REMAP] = 3, [OP_SWAP] = 3, [OP_BAD] = 3, [OP_SPURIOUS] = 3,
		[OP_REBIRTH] = 1,
	};
	const uint8_t *often = s->kind == SEQ_IOTLB ? often_iotlb : often_frames;
	unsigned int length = 10 + rng_below(g, 30);

	make_guest(s, g);
	if (s->kind == SEQ_IOTLB) {
		s->features |= BIT64(VIRTIO_F_ACCESS_PLATFORM);
		s->msg_v2 = rng_chance(g, 50);
	}
	while (s->n < length) {
		int left = rng_below(g, 100);
		unsigned int op = OP_TX;

		while (op < OP_END && left >= often[op])
			left -= often[op++];
		if (op < OP_END)
			add_frames(s, g, op);
		else
			add_noise(s, g);
	}
}

void seq_make(struct dseq *s, uint64_t seed, enum kind kind)
{
	struct rng g = { seed };

	memset(s, 0, sizeof(*s));
	s->seed = seed;
	s->kind = kind;
	if (kind == SEQ_CTL)
		make_ctl(s, &g);
	else
		make_frames(s, &g);
}
