// SPDX-License-Identifier: GPL-2.0
/*
 * core.c - kmod/core as a device side: what the worker does for each frame, with
 * plain copies in place of the kernel's accesses to user memory.
 */
#include "vring.h"
#include "net_hdr.h"
#include "native.h"

#define HEADROOM 256
#define FRAME_ROOM 2048

static struct vxdp_vring ring[2];
static struct vxdp_memory *memory;
static struct iovec iov[VXDP_CHAIN_IOV_MAX];
static struct vxdp_used used[BURST];
static const uint8_t *frame_to_send;
static unsigned int frame_len;

/* As page_pool frames: headroom in front. */
static uint8_t got[BURST][FRAME_ROOM];
static unsigned int got_len[BURST];

static void open_core(struct nic *n)
{
	struct vhost_memory_region r = {
		.guest_phys_addr = n->mem.region[0].gpa,
		.memory_size = n->mem.region[0].size,
		.userspace_addr = (uintptr_t)n->mem.region[0].hva,
	};
	int i, err;

	memory = vxdp_memory_create(&r, 1, &err);
	NEED(memory);
	for (i = 0; i < 2; i++) {
		struct vxdp_vring *vr = &ring[i];

		memset(vr, 0, sizeof(*vr));
		vr->num = n->ring[i].num;
		vr->desc = (uintptr_t)n->ring[i].desc;
		vr->avail = (uintptr_t)n->ring[i].avail;
		vr->used = (uintptr_t)n->ring[i].used;
		vr->features = n->cfg.features;
		vr->mem = memory;
		vr->last_avail = ring_base(&n->ring[i]);
		vr->last_used = ring_base(&n->ring[i]) >> 16;
		NEED(!vxdp_vring_start(vr));
		vxdp_vring_disable_kick(vr);
	}
}

static void prepare(const uint8_t *frame, unsigned int len)
{
	frame_to_send = frame;
	frame_len = len;
}

static inline __attribute__((always_inline)) void
copy(const struct iovec *v, unsigned int nr, unsigned int off, uint8_t *at,
     unsigned int len, bool to_guest)
{
	unsigned int part;
	uintptr_t user;

	for (; nr && len; v++, nr--) {
		if (off >= v->iov_len) {
			off -= v->iov_len;
			continue;
		}
		part = min_t(unsigned int, len, v->iov_len - off);
		user = (uintptr_t)v->iov_base + off;
		if (to_guest)
			vxdp_copy_to_user(user, at, part);
		else
			vxdp_copy_from_user(at, user, part);
		at += part;
		len -= part;
		off = 0;
	}
}

static void copy_to(const struct vxdp_chain *c, unsigned int off, const void *from,
		    unsigned int len)
{
	copy(iov + c->out_num, c->in_num, off, (uint8_t *)from, len, true);
}

static void copy_from(const struct vxdp_chain *c, unsigned int off, void *to,
		      unsigned int len)
{
	copy(iov, c->out_num, off, to, len, false);
}

static void finish(struct vxdp_vring *vr, unsigned int n)
{
	if (!n)
		return;
	vxdp_vring_add_used(vr, used, n);
	/* Nobody sleeps: what would be a call is not made. */
	vxdp_vring_need_signal(vr);
}

static unsigned int rx(void)
{
	struct virtio_net_hdr_mrg_rxbuf hdr = { .num_buffers = 1 };
	struct vxdp_chain c = { .iov_max = VXDP_CHAIN_IOV_MAX, .iov = iov };
	unsigned int i;

	for (i = 0; i < BURST; i++) {
		if (vxdp_vring_next(&ring[NIC_RX], &c) <= 0 ||
		    c.in_len < sizeof(hdr) + frame_len)
			break;
		copy_to(&c, 0, &hdr, sizeof(hdr));
		copy_to(&c, sizeof(hdr), frame_to_send, frame_len);
		used[i] = (struct vxdp_used){ c.head, sizeof(hdr) + frame_len };
	}
	finish(&ring[NIC_RX], i);
	return i;
}

static unsigned int tx(void)
{
	struct vxdp_chain c = { .iov_max = VXDP_CHAIN_IOV_MAX, .iov = iov };
	struct virtio_net_hdr_mrg_rxbuf hdr;
	unsigned int i, len;

	for (i = 0; i < BURST; i++) {
		if (vxdp_vring_next(&ring[NIC_TX], &c) <= 0 ||
		    c.out_len < sizeof(hdr))
			break;
		len = c.out_len - sizeof(hdr);
		if (len > FRAME_ROOM - HEADROOM)
			break;
		copy_from(&c, 0, &hdr, sizeof(hdr));
		copy_from(&c, sizeof(hdr), got[i] + HEADROOM, len);
		if (vxdp_net_hdr_check(&hdr.hdr, len, len))
			break;
		got_len[i] = len;
		used[i] = (struct vxdp_used){ c.head, 0 };
	}
	finish(&ring[NIC_TX], i);
	return i;
}

static void done(const uint8_t *frame, unsigned int len)
{
	unsigned int i;

	for (i = 0; i < BURST; i++)
		NEED(got_len[i] == len &&
		     !memcmp(got[i] + HEADROOM, frame, len));
}

static void close_core(struct nic *n)
{
	(void)n;
	vxdp_memory_free(memory);
}

const struct side side_core = {
	.name = "core",
	.open = open_core,
	.prepare = prepare,
	.rx = rx,
	.tx = tx,
	.done = done,
	.close = close_core,
};
