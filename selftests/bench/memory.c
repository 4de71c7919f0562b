// SPDX-License-Identifier: GPL-2.0
/*
 * memory.c - what a port at rest keeps of the host's memory.
 *
 * The memory and the taps of all guests are there before. A few guests run
 * already, so that what all share (maps, programs, caches) is there too; then the
 * rest start, and the difference is theirs. What a process has, its page tables and
 * caches are not counted, so the guest's rings and buffers are not.
 */
#include "bench.h"

#define FIRST 4

static struct meter_memory before;

static void each(struct meter_memory *m)
{
	const int n = MEMORY_GUESTS - FIRST;

	meter_memory(m);
	m->kernel = (m->kernel - before.kernel) / n;
	m->slab = (m->slab - before.slab) / n;
	m->percpu = (m->percpu - before.percpu) / n;
	m->stack = (m->stack - before.stack) / n;
}

void memory_run(enum path_kind kind, struct memory *m)
{
	static struct path p;

	path_prepare(&p, kind, MEMORY_GUESTS, 1, false);
	path_attach(&p, 0, FIRST);
	path_start(&p, 0, FIRST);
	meter_memory(&before);
	path_attach(&p, FIRST, MEMORY_GUESTS);
	each(&m->attached);
	path_start(&p, FIRST, MEMORY_GUESTS);
	each(&m->started);
	load_touch(&p);
	each(&m->used);
	path_close(&p);
}
