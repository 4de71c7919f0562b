// SPDX-License-Identifier: GPL-2.0
/*
 * differ_iotlb.c - a guest at work behind an IOMMU: its addresses are those of the
 * other parts, but only entries say where they are, one for each page or what of it
 * is in one piece. The memory table has all of it elsewhere.
 *
 * What the device asks for, and how often, is its own affair and not compared; what
 * comes of it is, however late the answers come.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../vmm/ktap.h"
#include "differ.h"

#define PATIENCE_MS 8000

static void send(struct drun *t, uint8_t type, uint64_t off, uint64_t size,
		 uint64_t uaddr)
{
	struct vhost_iotlb_msg m = { .type = type, .iova = GUEST_GPA + off,
				     .size = size, .uaddr = uaddr,
				     .perm = VHOST_ACCESS_RW };
	struct vhost_msg_v2 two = { .type = VHOST_IOTLB_MSG_V2, .iotlb = m };
	struct vhost_msg one = { .type = VHOST_IOTLB_MSG, .iotlb = m };
	bool v2 = t->seq->msg_v2;

	NEED(write(t->fd, v2 ? (void *)&two : &one, sizeof(two)) == sizeof(two));
}

/* Entries for a part of guest memory, which may overlap those that are there. */
static void tell(struct drun *t, uint64_t off, uint64_t size)
{
	uint64_t end = off + size, next;

	for (off &= ~(PAGE - 1); off < end; off = next) {
		size_t part = (off / PAGE + 1) * PAGE - off;

		next = off + guest_together(t->seq, off, part);
		send(t, VHOST_IOTLB_UPDATE, off, next - off,
		     (uintptr_t)guest_hva(t->seq, off));
	}
}

static void forget(struct drun *t, uint64_t off, uint64_t size)
{
	send(t, VHOST_IOTLB_INVALIDATE, off, size, 0);
}

/* The next miss, if there is one; false: there is none. */
static bool miss(struct drun *t, struct vhost_iotlb_msg *m)
{
	struct pollfd p = { .fd = t->fd, .events = POLLIN };
	struct vhost_msg_v2 buf;
	const struct vhost_msg *one = (void *)&buf;

	if (poll(&p, 1, 0) != 1)
		return false;
	NEED(read(t->fd, &buf, sizeof(buf)) == sizeof(buf));
	NEED(buf.type == (t->seq->msg_v2 ? VHOST_IOTLB_MSG_V2 : VHOST_IOTLB_MSG));
	*m = t->seq->msg_v2 ? buf.iotlb : one->iotlb;
	NEED(m->type == VHOST_IOTLB_MISS);
	return true;
}

void iotlb_serve(struct drun *t)
{
	struct vhost_iotlb_msg m;

	if (t->seq->kind != SEQ_IOTLB)
		return;
	while (miss(t, &m))
		if (m.iova - GUEST_GPA < GUEST_SIZE)
			tell(t, m.iova - GUEST_GPA, 1);
}

void iotlb_ring(struct drun *t, unsigned int index)
{
	const struct ring *r = &t->ring[index];

	if (t->seq->kind == SEQ_IOTLB)
		tell(t, mem_gpa(&t->mem, r->used) - GUEST_GPA, 6 + 8UL * r->num);
}

int iotlb_start(struct drun *t)
{
	uint64_t features = BIT64(VHOST_BACKEND_F_IOTLB_MSG_V2);

	if (t->seq->kind != SEQ_IOTLB || !t->seq->msg_v2)
		return 0;
	return dev_ioctl(t->fd, VHOST_SET_BACKEND_FEATURES, &features);
}

/*
 * Nothing is known and nothing is told: what is sent meanwhile waits, the ring can be
 * stopped and is where it was, cannot be started, and then goes on.
 */
static void withhold(struct drun *t, const struct dstep *s)
{
	struct pollfd p = { .fd = t->fd, .events = POLLIN };
	struct ring *r = &t->ring[NIC_TX];
	struct rng g = { s->seed };
	struct vhost_iotlb_msg m;
	bool one_batch;
	unsigned int n;

	forget(t, 0, GUEST_SIZE);
	while (miss(t, &m))
		;
	n = tx_good(t, &g, 1 + s->val % 8, &one_batch);
	ring_publish(r);
	ring_kick(r);
	note(t, SAW_ANSWER, poll(&p, 1, PATIENCE_MS), 0);
	note(t, SAW_USED, 0, (uint16_t)(r->used->idx - r->last_used));
	note(t, SAW_ANSWER, ring_stop(t, NIC_TX), 0);
	note(t, SAW_BASE, 0, (uint16_t)(ring_barrier(t, NIC_TX) - r->used->idx));
	note_wire(t);
	note(t, SAW_ANSWER, dev_backend(t->fd, NIC_TX, t->w->tap[!!(t->seq->features &
			    BIT64(VHOST_NET_F_VIRTIO_NET_HDR))]), 0);
	/* Of which vhost-net signals an error, too. */
	eventfd_take(r->err);
	note(t, SAW_ANSWER, ring_begin(t, NIC_TX), 0);
	ring_kick(r);
	tx_settle(t, n, false);
}

void do_entries(struct drun *t, const struct dstep *s)
{
	struct rng g = { s->seed };
	uint64_t off = rng_below(&g, GUEST_SIZE);
	uint64_t size = 1 + rng_below(&g, GUEST_SIZE - off);

	switch (s->n) {
	case 0: forget(t, 0, GUEST_SIZE); break;
	case 1: forget(t, off, size); break;
	case 2: tell(t, 0, GUEST_SIZE); break;
	case 3: tell(t, off, size); break;
	default: withhold(t, s);
	}
}
