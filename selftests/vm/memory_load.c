// SPDX-License-Identifier: GPL-2.0
/*
 * memory_load.c - do something to the guest's memory, between or under frames.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <string.h>

#include "memory_load.h"

static void *shake_thread(void *arg)
{
	struct shake *s = arg;
	unsigned int i = 0;
	int r;

	while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
		r = s->op(s, i++);
		if (r < 0)
			s->bad = true;
		if (r > 0)
			__atomic_fetch_add(&s->rounds, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

bool shake_under(struct guest *g, enum part p, shake_op *op)
{
	struct shake s = { .g = g, .part = p, .op = op };
	unsigned int frames = 0;
	pthread_t t;
	bool ok;

	NEED(!pthread_create(&t, NULL, shake_thread, &s));
	do {
		ok = g->may_lose ? guest_stream(g, 600) :
		     flow_run(&g->b, 600, 50);
		frames += 600;
	} while (ok && (frames < SHAKE_FRAMES ||
			__atomic_load_n(&s.rounds, __ATOMIC_RELAXED) <
			SHAKE_ROUNDS));
	__atomic_store_n(&s.stop, true, __ATOMIC_RELAXED);
	NEED(!pthread_join(t, NULL));
	ktap_diag("%u times in %u frames, %u of them erased", s.rounds, frames,
		  g->erased);
	g->erased = 0;
	return ok && CHECK(!s.bad);
}

bool shake_between(struct guest *g, enum part p, shake_op *op)
{
	struct shake s = { .g = g, .part = p, .op = op };
	unsigned int i;
	int r;

	for (i = 0; i < SHAKE_ROUNDS; i++) {
		r = op(&s, i);
		/* Each buffer once, and some more. */
		if (!CHECK(r > 0) || !flow_run(&g->b, SLOTS + 50, 10))
			return false;
	}
	return true;
}

#define BLAST 512

static void *blast_thread(void *arg)
{
	struct bench *b = arg;
	unsigned int i;

	for (i = 0; i < BLAST; i++) {
		frame_fill(&b->to_guest, pkt_room(&b->wire));
		pkt_queue(&b->wire, frame_len(&b->to_guest));
		if (b->wire.queued == 16)
			pkt_flush(&b->wire);
	}
	pkt_flush(&b->wire);
	return NULL;
}

bool shake_blast(struct guest *g, enum part p, shake_op *op, shake_op *after)
{
	struct shake s = { .g = g, .part = p, .op = op };
	unsigned int i, stopped = 0;
	pthread_t t;
	uint32_t at;

	for (i = 0; i < SHAKE_ROUNDS; i++) {
		g->b.wire.lossy = true;
		at = g->b.to_guest.next + i * 7;
		NEED(!pthread_create(&t, NULL, blast_thread, &g->b));
		while (__atomic_load_n(&g->b.to_guest.next, __ATOMIC_RELAXED) <
		       at)
			poll(NULL, 0, 0);
		s.bad = op(&s, i) < 0;
		NEED(!pthread_join(t, NULL));
		g->b.wire.lossy = false;
		guest_poke(g);
		NEED(!dev_backend(g->b.nic.dev, NIC_RX, -1));
		stopped += wait_fd(g->b.nic.ring[NIC_RX].err, 0);
		if (!CHECK(!s.bad) || !guest_stopped_well(g) ||
		    !CHECK(after(&s, i) >= 0) || !guest_renew(g))
			return false;
	}
	ktap_diag("%u of %u times the ring stopped", stopped, i);
	return true;
}
