/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fast.h - frames put into the guest's buffers where the program runs.
 */
#ifndef VXDP_FAST_H
#define VXDP_FAST_H

#include <linux/virtio_ring.h>
#include "compat.h"
#include "pages.h"

struct vxdp_queue;
struct vxdp_seg;

/**
 * struct vxdp_fast - the receive ring in the hands of softirqs
 * @pages: the ring's and the buffers' pages; pages.lock protects all here
 * @next: the next available chain to take, and with @shift the next used one to
 *	give back: as many are given back as are taken
 * @stop: where @next gets to before anything must be looked at but the buffer: there
 *	are chains for that many frames, the queue pair is in this CPU's list, and the
 *	used ring has room before it must be published. @next itself unless @on.
 * @shift: of used indices against available ones
 * @mask: entries of the ring, less one
 * @hdr_len: bytes of the header in the guest's buffers
 * @desc: the descriptor table
 * @avail: the driver area
 * @used: the device area; all three are what @pages has mapped
 * @bytes: of frames that were put in from the wire and not yet counted, with their
 *	headers
 * @uncounted: chains that were used since the last publish and are no such frame's
 *	first
 * @seen_avail: the driver's index as we last read it
 * @published: @next when the used index was written last
 * @log: what is written is logged, by the rules of vr: @stop is always @next, so that
 *	only vxdp_put() puts frames in
 * @on: softirqs own the ring's state (vr), its call eventfd and the header's
 *	length, and the worker and ioctls do not touch them
 * @missed: a page was not known: look for those of the next buffers again
 * @fetched: the avail index up to which buffers' pages were looked for
 * @queued: it is in some CPU's list of those to publish
 * @alone: the last round brought one frame, so perhaps the next one does
 * @now: the frame that is being put in is published at once; see vxdp_fast_ready()
 * @round: in which such a one came last
 * @round_cpu: on which CPU
 * @closing: somebody waits for @queued to be false
 * @behind: the next in that list
 *
 * Indices run freely; of their differences the low 16 bits count.
 */
struct vxdp_fast {
	struct vxdp_pages pages;
	u32 next;
	u32 stop;
	u32 shift;
	u32 mask;
	u32 uncounted;
	const struct vring_desc *desc;
	const struct vring_avail *avail;
	struct vring_used *used;
	u64 bytes;
	unsigned long hdr_len;

	u16 seen_avail;
	u16 fetched;
	u32 published;
	bool log;
	bool on;
	bool missed;
	bool queued;
	bool alone;
	bool now;
	u32 round;
	u32 round_cpu;
	bool closing;
	struct vxdp_queue *behind;
};

void vxdp_fast_setup(struct vxdp_queue *q);
int vxdp_fast_start(struct vxdp_queue *q);
bool vxdp_fast_possible(const struct vxdp_queue *q);
u32 vxdp_fast_fetch(struct vxdp_queue *q, const struct vxdp_seg *seg, u32 nr, u64 len);
void vxdp_fast_begin(struct vxdp_queue *q);
void vxdp_fast_end(struct vxdp_queue *q);
void vxdp_fast_yield(struct vxdp_queue *q);
void vxdp_fast_end_locked(struct vxdp_queue *q);
bool vxdp_fast_more(struct vxdp_queue *q);
bool vxdp_fast_ready(struct vxdp_queue *q, bool wire);
void vxdp_fast_done(struct vxdp_queue *q);
void vxdp_fast_drain(struct vxdp_queue *q);
int vxdp_fast_init(void);
void vxdp_fast_exit(void);

#endif /* VXDP_FAST_H */
