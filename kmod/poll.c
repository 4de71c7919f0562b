// SPDX-License-Identifier: GPL-2.0
/*
 * poll.c - wait on eventfds and sockets by their wait queues.
 */
#include "poll.h"

static int wake(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	struct vxdp_poll *p = container_of(wait, struct vxdp_poll, wait);

	if (!(key_to_poll(key) & p->mask))
		return 0;
	if (p->seen)
		p->seen(p);
	vxdp_worker_queue(p->worker, p->work);
	return 0;
}

static void enter(struct file *file, wait_queue_head_t *head, poll_table *table)
{
	struct vxdp_poll *p = container_of(table, struct vxdp_poll, table);

	/* Both kinds of file have one queue; a second could not be left. */
	if (p->head)
		return;
	p->head = head;
	add_wait_queue(head, &p->wait);
}

/**
 * vxdp_poll_init() - prepare to wait
 * @p: what to prepare
 * @w: who is to be woken
 * @work: for what
 * @mask: the events that matter
 * @seen: called for each, or NULL
 */
void vxdp_poll_init(struct vxdp_poll *p, struct vxdp_worker *w,
		    enum vxdp_work work, __poll_t mask,
		    void (*seen)(struct vxdp_poll *p))
{
	init_waitqueue_func_entry(&p->wait, wake);
	init_poll_funcptr(&p->table, enter);
	p->table._key = mask;
	p->head = NULL;
	p->worker = w;
	p->work = work;
	p->mask = mask;
	p->seen = seen;
}

/**
 * vxdp_poll_start() - wait on a file, which must stay open until the stop
 * @p: prepared; not waiting, or nothing happens
 * @file: an eventfd or a socket
 *
 * What is ready already is queued at once.
 *
 * Context: process; the ring's lock.
 * Return: 0, or -EINVAL where the file is in error; then it does not wait.
 */
int vxdp_poll_start(struct vxdp_poll *p, struct file *file)
{
	__poll_t mask;

	if (p->head)
		return 0;
	mask = vfs_poll(file, &p->table);
	if (mask & p->mask)
		vxdp_worker_queue(p->worker, p->work);
	if (mask & EPOLLERR) {
		vxdp_poll_stop(p);
		return -EINVAL;
	}
	return 0;
}

/**
 * vxdp_poll_stop() - wait no more
 * @p: waiting or not
 *
 * When it returns no wakeup is running or will come from this file.
 * Context: process; the ring's lock.
 */
void vxdp_poll_stop(struct vxdp_poll *p)
{
	if (!p->head)
		return;
	remove_wait_queue(p->head, &p->wait);
	p->head = NULL;
}
