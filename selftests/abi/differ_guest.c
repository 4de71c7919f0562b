// SPDX-License-Identifier: GPL-2.0
/*
 * differ_guest.c - the VMM of a guest at work: start and stop, log, memory table
 * and eventfds changed while its rings run.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <linux/if_tun.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../vmm/ktap.h"
#include "differ.h"

#define BOUNDED (16 << 20)

static bool has(const struct drun *t, int bit)
{
	return t->seq->features & BIT64(bit);
}

static unsigned int backend(const struct drun *t)
{
	return has(t, VHOST_NET_F_VIRTIO_NET_HDR);
}

static void answer(struct drun *t, long ret)
{
	note(t, SAW_ANSWER, ret, 0);
}

/* The answer waits for the worker to be done with the ring, on either node. */
unsigned int ring_barrier(struct drun *t, unsigned int index)
{
	unsigned int base = 0;

	NEED(!dev_vring_base(t->fd, index, &base));
	return base;
}

static int set_addr(struct drun *t, unsigned int index)
{
	const struct ring *r = &t->ring[index];

	return dev_vring_addr(t->fd, index, r, t->logging,
			      mem_gpa(&t->mem, r->used));
}

static int set_call(struct drun *t, unsigned int index)
{
	const struct ring *r = &t->ring[index];

	return dev_vring_file(t->fd, VHOST_SET_VRING_CALL, index,
			      t->other_call[index] ? r->call2 : r->call);
}

int ring_setup(struct drun *t, unsigned int index, uint16_t base)
{
	const struct ring *r = &t->ring[index];
	int e;

	e = dev_vring_state(t->fd, VHOST_SET_VRING_NUM, index, r->num);
	if (!e)
		e = dev_vring_state(t->fd, VHOST_SET_VRING_BASE, index, base);
	if (!e)
		e = set_addr(t, index);
	if (!e)
		e = dev_vring_file(t->fd, VHOST_SET_VRING_KICK, index, r->kick);
	if (!e)
		e = set_call(t, index);
	if (!e)
		e = dev_vring_file(t->fd, VHOST_SET_VRING_ERR, index, r->err);
	return e;
}

int ring_stop(struct drun *t, unsigned int index)
{
	int e = dev_backend(t->fd, index, -1);

	/* With it vhost-net forgets what the other ring has asked for. */
	if (t->seq->kind == SEQ_IOTLB)
		ring_kick(&t->ring[!index]);
	t->steady[index] = false;
	eventfd_take(t->ring[index].err);
	return e;
}

int ring_begin(struct drun *t, unsigned int index)
{
	iotlb_ring(t, index);
	return dev_backend(t->fd, index, t->w->tap[backend(t)]);
}

/* The guest's side as after a reset: nothing is out. */
void ring_anew(struct drun *t, unsigned int index, uint16_t base)
{
	ring_reset(&t->ring[index], base);
	eventfd_take(t->ring[index].call);
	eventfd_take(t->ring[index].call2);
	if (index != NIC_RX)
		return;
	memset(t->slot, 0, sizeof(t->slot));
	t->fifo_n = 0;
}

static int start_all(struct drun *t)
{
	int e, i;

	e = dev_ioctl(t->fd, VHOST_SET_OWNER, NULL);
	if (!e)
		e = iotlb_start(t);
	if (!e)
		e = dev_set_features(t->fd, t->seq->features |
				     (t->logging ? BIT64(VHOST_F_LOG_ALL) : 0));
	if (!e)
		e = guest_set_mem(t, 0, false);
	if (!e)
		e = dev_ioctl(t->fd, VHOST_SET_LOG_FD, &t->log_call);
	for (i = 0; i < 2 && !e; i++)
		e = ring_setup(t, i, t->ring[i].avail_idx);
	for (i = 0; i < 2 && !e; i++)
		e = ring_begin(t, i);
	return e;
}

static void ready_tap(struct drun *t)
{
	int fd = t->w->tap[backend(t)];
	int size = t->hlen, sndbuf = t->seq->bounded ? BOUNDED : INT_MAX;

	if (!backend(t))
		NEED(!ioctl(fd, TUNSETVNETHDRSZ, &size));
	NEED(!ioctl(fd, TUNSETSNDBUF, &sndbuf));
}

static void make_rings(struct drun *t)
{
	unsigned int i;

	t->mem.count = 1;
	t->mem.iommu = t->seq->kind == SEQ_IOTLB;
	t->mem.region[0] = (struct mem_region){
		.gpa = GUEST_GPA, .hva = guest_hva(t->seq, 0),
		.size = RINGS_SIZE, .fd = -1,
	};
	for (i = 0; i < 2; i++) {
		struct ring *r = &t->ring[i];

		ring_init(r, &t->mem, t->seq->num[i], 0, t->seq->base[i], 0,
			  has(t, VIRTIO_RING_F_INDIRECT_DESC));
		r->event_idx = has(t, VIRTIO_RING_F_EVENT_IDX);
		r->call2 = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		NEED(r->call2 >= 0);
	}
	t->log_call = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	NEED(t->log_call >= 0);
}

void guest_start(struct drun *t)
{
	t->hlen = has(t, VIRTIO_F_VERSION_1) || has(t, VIRTIO_NET_F_MRG_RXBUF) ?
		  12 : 10;
	make_rings(t);
	ready_tap(t);
	answer(t, start_all(t));
}

/* The device may write at will to what flags and avail_event are for. */
static void level(struct drun *t)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		struct ring *r = &t->ring[i];

		r->used->flags = 0;
		*r->avail_event = 0;
	}
	/* And to a buffer that it has not used yet. */
	for (i = 0; i < t->fifo_n; i++)
		guest_fill(t->seq, RX_AT + RX_SLOT *
			   t->fifo[(t->fifo_first + i) % RX_SLOTS], 0, RX_SLOT);
}

void guest_end(struct drun *t)
{
	unsigned int i;

	for (i = 0; i < 2; i++)
		answer(t, ring_stop(t, i));
	level(t);
	guest_get(t->seq, 0, t->image, GUEST_SIZE);
	note(t, SAW_IMAGE, 0, hash_more(HASH_INIT, t->image, GUEST_SIZE));
	for (i = 0; i < 2; i++) {
		close(t->ring[i].call2);
		ring_free(&t->ring[i]);
	}
	close(t->log_call);
}

/* Stopped and started again, as it is, set up again, or as after a reset. */
static void restart(struct drun *t, const struct dstep *s)
{
	unsigned int i = s->ring;
	struct ring *r = &t->ring[i];

	answer(t, ring_stop(t, i));
	note(t, SAW_BASE, 0, (uint16_t)(ring_barrier(t, i) - r->used->idx));
	if (s->n == 2)
		ring_anew(t, i, s->val);
	if (s->n)
		answer(t, ring_setup(t, i, r->used->idx));
	answer(t, ring_begin(t, i));
}

/* The device forgets all; the guest starts afresh. */
static void rebirth(struct drun *t)
{
	unsigned int i;

	answer(t, dev_ioctl(t->fd, VHOST_RESET_OWNER, NULL));
	for (i = 0; i < 2; i++) {
		t->steady[i] = false;
		t->other_call[i] = false;
		t->log_used[i] = false;
		ring_anew(t, i, t->seq->base[i]);
	}
	t->logging = false;
	eventfd_take(t->log_call);
	answer(t, start_all(t));
}

/* As QEMU does it while the guest runs: base, features, then the rings. */
static void switch_log(struct drun *t, const struct dstep *s)
{
	uint64_t base;
	unsigned int i;

	if (s->n < 2) {
		t->log_at = s->n;
		base = (uintptr_t)log_area(t->log_at);
		answer(t, dev_ioctl(t->fd, VHOST_SET_LOG_BASE, &base));
	}
	t->logging = s->n < 2;
	answer(t, dev_set_features(t->fd, t->seq->features |
				   (t->logging ? BIT64(VHOST_F_LOG_ALL) : 0)));
	for (i = 0; i < 2; i++)
		answer(t, set_addr(t, i));
	memset(t->log_used, 0, sizeof(t->log_used));
	eventfd_take(t->log_call);
}

static void swap_eventfd(struct drun *t, const struct dstep *s)
{
	const struct ring *r = &t->ring[s->ring];
	unsigned int i = s->ring;

	switch (s->n) {
	case 0:
		t->other_call[i] = !t->other_call[i];
		answer(t, set_call(t, i));
		break;
	case 1:
		answer(t, dev_vring_file(t->fd, VHOST_SET_VRING_KICK, i, -1));
		answer(t, dev_vring_file(t->fd, VHOST_SET_VRING_KICK, i,
					 r->kick));
		break;
	case 2:
		answer(t, dev_vring_file(t->fd, VHOST_SET_VRING_ERR, i, -1));
		answer(t, dev_vring_file(t->fd, VHOST_SET_VRING_ERR, i,
					 r->err));
		break;
	default:
		answer(t, dev_vring_file(t->fd, VHOST_SET_VRING_CALL, i, -1));
		answer(t, set_call(t, i));
	}
}

/* Calls wanted at the next used element, not wanted, or some elements on. */
static void want_calls(struct drun *t, const struct dstep *s)
{
	struct ring *r = &t->ring[s->ring];

	r->avail->flags = s->n == 1 ? VRING_AVAIL_F_NO_INTERRUPT : 0;
	*r->used_event = r->last_used;
	if (s->n)
		*r->used_event += s->n == 1 ? 0xffff : s->val;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void guest_step(struct drun *t, const struct dstep *s)
{
	switch (s->op) {
	case OP_TX: do_tx(t, s); break;
	case OP_POST: do_post(t, s); break;
	case OP_FRAMES: do_frames(t, s); break;
	case OP_CALLS_WANTED: want_calls(t, s); break;
	case OP_RESTART: restart(t, s); break;
	case OP_LOG: switch_log(t, s); break;
	case OP_REMAP: answer(t, guest_set_mem(t, s->n, s->val)); break;
	case OP_SWAP: swap_eventfd(t, s); break;
	case OP_BAD: do_bad(t, s); break;
	case OP_ENTRIES: do_entries(t, s); break;
	case OP_SPURIOUS: ring_kick(&t->ring[s->ring]); break;
	default: rebirth(t);
	}
}
