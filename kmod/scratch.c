// SPDX-License-Identifier: GPL-2.0
/*
 * scratch.c - room that workers work in: one at a time of those that are at work, not
 * one a queue pair, for it is much, and most guests rest.
 *
 * A CPU keeps one that nobody uses, so that a worker which wakes finds it, still in
 * the cache.
 */
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include "queue.h"

/* Taken and put back by one instruction each, which nothing on the CPU tears. */
static DEFINE_PER_CPU(struct vxdp_scratch *, spare);

/**
 * vxdp_scratch_get() - room for a turn of a worker
 *
 * Whatever an earlier user has left is in it.
 *
 * Context: process, may sleep: a worker that has no room could not say so to anybody.
 * Return: the room.
 */
struct vxdp_scratch *vxdp_scratch_get(void)
{
	struct vxdp_scratch *s = this_cpu_xchg(spare, NULL);

	return likely(s) ? s : kvmalloc(sizeof(*s), GFP_KERNEL | __GFP_NOFAIL);
}

/**
 * vxdp_scratch_put() - the turn is over
 * @s: what vxdp_scratch_get() gave
 *
 * Context: process, may sleep.
 */
void vxdp_scratch_put(struct vxdp_scratch *s)
{
	if (unlikely(this_cpu_cmpxchg(spare, NULL, s)))
		kvfree(s);
}

/**
 * vxdp_scratch_exit() - at module unload, when no queue pair is left
 */
void vxdp_scratch_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		kvfree(per_cpu(spare, cpu));
}
