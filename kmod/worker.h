/* SPDX-License-Identifier: GPL-2.0 */
/*
 * worker.h - the thread that serves a queue pair.
 */
#ifndef VXDP_WORKER_H
#define VXDP_WORKER_H

#include <linux/types.h>

struct vxdp_thread;

enum vxdp_work {
	VXDP_WORK_RX,
	VXDP_WORK_TX,
};

/**
 * struct vxdp_worker - a thread and what it is to do
 * @thread: who is woken; NULL where there is nobody, or where it was killed. Written
 *	under queue->lock, and by the thread that is killed; read by RCU
 * @own: the thread, killed or not, until vxdp_worker_stop(); queue->lock
 * @pending: bits of enum vxdp_work; atomic
 * @asleep: the thread's own: it found nothing to do last time
 */
struct vxdp_worker {
	struct vxdp_thread __rcu *thread;
	struct vxdp_thread *own;
	unsigned long pending;
	bool asleep;
};

int vxdp_worker_start(struct vxdp_worker *w, bool of_vmm);
void vxdp_worker_stop(struct vxdp_worker *w);
void vxdp_worker_queue(struct vxdp_worker *w, enum vxdp_work work);

#endif /* VXDP_WORKER_H */
