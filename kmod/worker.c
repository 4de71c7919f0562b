// SPDX-License-Identifier: GPL-2.0
/*
 * worker.c - one vhost_task a queue pair.
 *
 * A vhost_task is a thread of the VMM: it lives in its cgroup, has its address
 * space, so that guest memory is ordinary user memory, and dies with it.
 *
 * Sleep and wake: vhost_task_fn() sets TASK_INTERRUPTIBLE before it calls run(),
 * which then reads @pending; vxdp_worker_queue() sets a bit of @pending, a full
 * barrier, before it wakes. So either run() sees the bit or the wake undoes the
 * sleep.
 */
#include <linux/sched.h>
#include "compat.h"
#include "queue.h"

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

	if (todo & BIT(VXDP_WORK_TX))
		vxdp_tx_run(q);
	if (todo & BIT(VXDP_WORK_RX))
		vxdp_rx_run(q);
	cond_resched();
	return true;
}

/*
 * The VMM was killed; the rings will not be served again. Its fds are closed
 * later, which is when everything is freed.
 */
static void killed(void *data)
{
	struct vxdp_worker *w = data;
	struct vxdp_queue *q = container_of(w, struct vxdp_queue, worker);

	WRITE_ONCE(q->rx_live, false);
}

/**
 * vxdp_worker_start() - make the thread, in the process of the caller
 * @w: without a thread
 *
 * Context: process; queue->lock.
 * Return: 0, or -ENOMEM and what else making a thread may answer.
 */
int vxdp_worker_start(struct vxdp_worker *w)
{
	struct vhost_task *task;
	char name[TASK_COMM_LEN];

	snprintf(name, sizeof(name), "vxdp-%d", current->pid);
	w->asleep = true;
	task = vxdp_vhost_task_create(run, killed, w, name);
	if (IS_ERR(task))
		return PTR_ERR(task);
	rcu_assign_pointer(w->task, task);
	vhost_task_start(task);
	return 0;
}

/**
 * vxdp_worker_stop() - end the thread and wait for it
 * @w: with a thread, or without
 *
 * Context: process; queue->lock, no ring's lock: the thread takes those.
 *
 * Who may still run: (1) wakers that read @task before it became NULL: the grace
 * period waits for them; (2) the thread in run(): vhost_task_stop() waits for it;
 * (3) wakers after that find NULL. Their bits in @pending stay and mean nothing.
 */
void vxdp_worker_stop(struct vxdp_worker *w)
{
	struct vhost_task *task = rcu_dereference_protected(w->task, true);

	if (!task)
		return;
	RCU_INIT_POINTER(w->task, NULL);
	synchronize_rcu();
	vhost_task_stop(task);
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
	struct vhost_task *task;

	if (test_and_set_bit(work, &w->pending))
		return;
	rcu_read_lock();
	task = rcu_dereference(w->task);
	if (task)
		vhost_task_wake(task);
	rcu_read_unlock();
}
