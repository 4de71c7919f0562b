/* SPDX-License-Identifier: GPL-2.0 */
/*
 * poll.h - a file whose readiness is work for the worker.
 */
#ifndef VXDP_POLL_H
#define VXDP_POLL_H

#include <linux/poll.h>
#include "worker.h"

/**
 * struct vxdp_poll - an eventfd or socket we wait on, without reading it
 * @table: for vfs_poll(), only while it runs
 * @wait: our entry in the file's wait queue
 * @head: that queue; NULL while not waiting
 * @mask: what is work
 * @work: which
 * @worker: whose
 * @seen: called in any context, perhaps with interrupts off, for each event
 *
 * All but the wait entry belongs to the lock of the ring it is in.
 */
struct vxdp_poll {
	poll_table table;
	wait_queue_entry_t wait;
	wait_queue_head_t *head;
	__poll_t mask;
	enum vxdp_work work;
	struct vxdp_worker *worker;
	void (*seen)(struct vxdp_poll *p);
};

void vxdp_poll_init(struct vxdp_poll *p, struct vxdp_worker *w,
		    enum vxdp_work work, __poll_t mask,
		    void (*seen)(struct vxdp_poll *p));
int vxdp_poll_start(struct vxdp_poll *p, struct file *file);
void vxdp_poll_stop(struct vxdp_poll *p);

#endif /* VXDP_POLL_H */
