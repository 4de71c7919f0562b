/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fast.h - frames put into the guest's buffers where the program runs.
 */
#ifndef VXDP_FAST_H
#define VXDP_FAST_H

#include <net/xdp.h>
#include "pages.h"

struct vxdp_queue;

/**
 * struct vxdp_fast - the receive ring in the hands of softirqs
 * @pages: the ring's and the buffers' pages; pages.lock protects all here
 * @on: softirqs own the ring's state (vr), its call eventfd and the header's
 *	length, and the worker and ioctls do not touch them
 * @missed: a page was not known: look for those of all buffers again
 * @fetched: the avail index up to which buffers' pages were looked for
 * @pending: chains written to the used ring, the index not; 0 unless @on
 * @queued: @node is in some CPU's list
 * @closing: somebody waits for @queued to be false
 * @node: in the list of the CPU that is to publish
 */
struct vxdp_fast {
	struct vxdp_pages pages;
	bool on;
	bool missed;
	u16 fetched;
	u32 pending;
	bool queued;
	bool closing;
	struct list_head node;
};

void vxdp_fast_setup(struct vxdp_queue *q);
int vxdp_fast_start(struct vxdp_queue *q);
bool vxdp_fast_put(struct vxdp_queue *q, const struct xdp_buff *xdp, u32 len,
		   bool strip, bool local);
void vxdp_fast_begin(struct vxdp_queue *q);
void vxdp_fast_end(struct vxdp_queue *q);
void vxdp_fast_drain(struct vxdp_queue *q);
void vxdp_fast_init(void);
void vxdp_fast_exit(void);

#endif /* VXDP_FAST_H */
