// SPDX-License-Identifier: GPL-2.0
/*
 * worker.c - one thread a queue pair, with the VMM's address space, so that guest
 * memory is ordinary user memory; see thread.c.
 *
 * Sleep and wake: the thread sets TASK_INTERRUPTIBLE before it calls run(), which
 * then reads @pending; vxdp_worker_queue() sets a bit of @pending, a full barrier,
 * before it wakes. So either run() sees the bit or the wake undoes the sleep.
 */
#include <linux/sched.h>
#include "queue.h"
#include "thread.h"

static bool run(void *data)
{
	struct vxdp_worker *w = data;
	struct vxdp_queue *q = container_of(w, struct vxdp_queue, worker);
	unsigned long todo = xchg(&w->pending, 0);

	if (!todo) {
		w->asleep = true;
		return false;
	}
	__set_current_state(TASK_RUNNING);
	if (w->asleep) {
		w->asleep = false;
		vxdp_stats_add(q->port->stats, VHOST_XDP_STAT_WAKEUPS, 1);
	}

	q->scratch = vxdp_scratch_get();
	if (todo & BIT(VXDP_WORK_TX))
		vxdp_tx_run(q);
	if (todo & BIT(VXDP_WORK_RX))
		vxdp_rx_run(q);
	vxdp_scratch_put(q->scratch);
	q->scratch = NULL;
	cond_resched();
	return true;
}

/*
 * The VMM was killed; the rings will not be served again. Its fds are closed
 * later, which is when everything is freed: where another process has them, too,
 * much later. Until then kicks come in, but nobody may wake a task that is gone, and
 * not every kernel's vhost_task keeps its own: so whoever still wakes has ended first.
 */
static void killed(void *data)
{
	struct vxdp_worker *w = data;
	struct vxdp_queue *q = container_of(w, struct vxdp_queue, worker);

	WRITE_ONCE(q->rx_live, false);
	RCU_INIT_POINTER(w->thread, NULL);
	synchronize_rcu();
}

static const struct vxdp_thread_ops thread_ops = {
	.run	= run,
	.killed	= killed,
};

/**
 * vxdp_worker_start() - make the thread, with the address space of the caller
 * @w: without a thread
 * @of_vmm: one of the caller's process; else one of the kernel's
 *
 * Context: process; queue->lock.
 * Return: 0, -ENOMEM, -ERESTARTNOINTR.
 */
int vxdp_worker_start(struct vxdp_worker *w, bool of_vmm)
{
	struct vxdp_thread *thread = vxdp_thread_create(&thread_ops, w, of_vmm);

	if (IS_ERR(thread))
		return PTR_ERR(thread);
	w->asleep = true;
	w->own = thread;
	rcu_assign_pointer(w->thread, thread);
	vxdp_thread_start(thread);
	return 0;
}

/**
 * vxdp_worker_stop() - end the thread and wait for it
 * @w: with a thread, or without
 *
 * Context: process; queue->lock, no ring's lock: the thread takes those.
 *
 * Who may still run: (1) wakers that read @thread before it became NULL: the grace
 * period waits for them; (2) the thread in run() or killed(): vxdp_thread_stop()
 * waits for it; (3) wakers after that find NULL. Their bits in @pending stay and mean
 * nothing.
 */
void vxdp_worker_stop(struct vxdp_worker *w)
{
	if (!w->own)
		return;
	RCU_INIT_POINTER(w->thread, NULL);
	synchronize_rcu();
	vxdp_thread_stop(w->own);
	w->own = NULL;
	w->pending = 0;
}

/**
 * vxdp_worker_queue() - there is work
 * @w: whose
 * @work: which
 *
 * Context: any, interrupts on or off.
 */
void vxdp_worker_queue(struct vxdp_worker *w, enum vxdp_work work)
{
	struct vxdp_thread *thread;

	if (test_and_set_bit(work, &w->pending))
		return;
	rcu_read_lock();
	thread = rcu_dereference(w->thread);
	if (thread)
		vxdp_thread_wake(thread);
	rcu_read_unlock();
}
