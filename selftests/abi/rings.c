// SPDX-License-Identifier: GPL-2.0
/*
 * rings.c - a guest that writes nonsense into its rings. That ring stops, its
 * error eventfd is signalled and the counter named for the cause rises by one;
 * the other ring goes on; a fresh start heals; and the kernel has nothing to
 * say about it (the runner reads its log).
 *
 *	rings xdp|xsk|sock|intree [packed]
 */
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>

#include "rings.h"

#define F_N VRING_DESC_F_NEXT
#define F_W VRING_DESC_F_WRITE
#define F_I VRING_DESC_F_INDIRECT

uint8_t *pad;
uint64_t pad_gpa;

static void head_beyond(struct bench *b, struct ring *r)
{
	(void)b;
	ring_avail(r, r->num);
}

static void head_far_beyond(struct bench *b, struct ring *r)
{
	(void)b;
	ring_avail(r, 0xffff);
}

static void next_beyond(struct bench *b, struct ring *r)
{
	(void)b;
	ring_desc(r, 0, pad_gpa, 64, F_N, r->num);
	ring_avail(r, 0);
}

static void loop_of_two(struct bench *b, struct ring *r)
{
	uint16_t w = r == &b->nic.ring[NIC_RX] ? F_W : 0;

	ring_desc(r, 0, pad_gpa, 64, F_N | w, 1);
	ring_desc(r, 1, pad_gpa, 64, F_N | w, 0);
	ring_avail(r, 0);
}

static void loop_on_itself(struct bench *b, struct ring *r)
{
	uint16_t w = r == &b->nic.ring[NIC_RX] ? F_W : 0;

	ring_desc(r, 3, pad_gpa, 64, F_N | w, 3);
	ring_avail(r, 3);
}

static struct vring_desc *table(void)
{
	return (struct vring_desc *)(pad + 4096);
}

static void indirect(struct ring *r, uint64_t gpa, uint32_t len)
{
	ring_desc(r, 0, gpa, len, F_I, 0);
	ring_avail(r, 0);
}

static void indirect_empty(struct bench *b, struct ring *r)
{
	(void)b;
	indirect(r, pad_gpa + 4096, 0);
}

static void indirect_odd(struct bench *b, struct ring *r)
{
	(void)b;
	*table() = (struct vring_desc){ pad_gpa, 64, 0, 0 };
	indirect(r, pad_gpa + 4096, 24);
}

static void indirect_huge(struct bench *b, struct ring *r)
{
	(void)b;
	*table() = (struct vring_desc){ pad_gpa, 64, 0, 0 };
	indirect(r, pad_gpa + 4096, 0xfffffff0);
}

static void indirect_nested(struct bench *b, struct ring *r)
{
	(void)b;
	*table() = (struct vring_desc){ pad_gpa + 8192, 16, F_I, 0 };
	indirect(r, pad_gpa + 4096, 16);
}

static void indirect_outside(struct bench *b, struct ring *r)
{
	(void)b;
	indirect(r, 0x1000, 16);
}

static void indirect_next_beyond(struct bench *b, struct ring *r)
{
	uint16_t w = r == &b->nic.ring[NIC_RX] ? F_W : 0;

	*table() = (struct vring_desc){ pad_gpa, 64, F_N | w, 1 };
	indirect(r, pad_gpa + 4096, 16);
}

static void indirect_loop(struct bench *b, struct ring *r)
{
	uint16_t w = r == &b->nic.ring[NIC_RX] ? F_W : 0;

	*table() = (struct vring_desc){ pad_gpa, 64, F_N | w, 0 };
	indirect(r, pad_gpa + 4096, 32);
}

static void zero_length(struct bench *b, struct ring *r)
{
	uint16_t w = r == &b->nic.ring[NIC_RX] ? F_W : 0;

	ring_desc(r, 0, pad_gpa, 0, w, 0);
	ring_avail(r, 0);
}

static void outside(struct bench *b, struct ring *r)
{
	uint16_t w = r == &b->nic.ring[NIC_RX] ? F_W : 0;

	ring_desc(r, 0, 0x1000, 2048, w, 0);
	ring_avail(r, 0);
}

static void over_the_end(struct bench *b, struct ring *r)
{
	const struct mem_region *m = &b->nic.mem.region[0];
	uint16_t w = r == &b->nic.ring[NIC_RX] ? F_W : 0;

	ring_desc(r, 0, m->gpa + m->size - 100, 2048, w, 0);
	ring_avail(r, 0);
}

static void wraps(struct bench *b, struct ring *r)
{
	uint16_t w = r == &b->nic.ring[NIC_RX] ? F_W : 0;

	ring_desc(r, 0, ~0ULL - 100, 2048, w, 0);
	ring_avail(r, 0);
}

static void out_after_in(struct bench *b, struct ring *r)
{
	(void)b;
	ring_desc(r, 0, pad_gpa, 64, F_N | F_W, 1);
	ring_desc(r, 1, pad_gpa, 64, 0, 0);
	ring_avail(r, 0);
}

/* Writable in the transmit ring, readable in the receive ring. */
static void wrong_way(struct bench *b, struct ring *r)
{
	uint16_t w = r == &b->nic.ring[NIC_RX] ? 0 : F_W;

	ring_desc(r, 0, pad_gpa, 2048, w, 0);
	ring_avail(r, 0);
}

static void jump(struct bench *b, struct ring *r)
{
	(void)b;
	r->avail_idx += r->num + 1;
	ring_avail(r, 0);
}

static void backwards(struct bench *b, struct ring *r)
{
	(void)b;
	r->avail_idx -= 2;
	ring_avail(r, 0);
}

void protect(void *at, int prot)
{
	NEED(!mprotect(at, 4096, prot));
}

static void desc_gone(struct bench *b, struct ring *r)
{
	(void)b;
	ring_desc(r, 0, pad_gpa, 64, 0, 0);
	r->avail->ring[r->avail_idx % r->num] = 0;
	r->avail->idx = ++r->avail_idx;
	protect(r->desc, PROT_NONE);
	ring_kick(r);
}

static void avail_gone(struct bench *b, struct ring *r)
{
	(void)b;
	protect(r->avail, PROT_NONE);
	ring_kick(r);
}

/* A good frame, but nowhere to say that it was used. */
static void used_readonly(struct bench *b, struct ring *r)
{
	static const struct virtio_net_hdr_v1 plain = { 0 };

	if (r == &b->nic.ring[NIC_TX]) {
		memset(nic_tx_slot(&b->nic), 0, 60);
		NEED(nic_tx(&b->nic, &plain, 60, NIC_ONE, false));
		r->avail->idx = r->avail_idx;
		r->kicked = r->avail_idx;
	}
	protect(r->used, PROT_READ);
	ring_kick(r);
}

/* In the memory table, yet nothing is mapped there. */
static void buffer_gone(struct bench *b, struct ring *r)
{
	(void)b;
	protect(pad + 12288, PROT_NONE);
	ring_desc(r, 0, pad_gpa + 12288, 2048, F_W, 0);
	ring_avail(r, 0);
}

static const struct hostile hostiles[] = {
	BOTH("head beyond the ring", HEAD, head_beyond),
	BOTH("head 65535", HEAD, head_far_beyond),
	{ "next beyond the table", NIC_TX, VHOST_XDP_STAT_RING_NEXT,
	  next_beyond, false },
	BOTH("loop of two", LOOP, loop_of_two),
	BOTH("loop on itself", LOOP, loop_on_itself),
	BOTH("indirect, empty table", INDIRECT, indirect_empty),
	BOTH("indirect, 24 bytes", INDIRECT, indirect_odd),
	BOTH("indirect, 4 GiB", INDIRECT, indirect_huge),
	BOTH("indirect in indirect", INDIRECT, indirect_nested),
	BOTH("indirect, outside the memory table", INDIRECT, indirect_outside),
	BOTH("indirect, next beyond the table", NEXT, indirect_next_beyond),
	BOTH("indirect, loop", LOOP, indirect_loop),
	BOTH("zero length", LEN, zero_length),
	BOTH("outside the memory table", ADDR, outside),
	BOTH("over the end of a region", ADDR, over_the_end),
	BOTH("address that wraps", ADDR, wraps),
	BOTH("readable after writable", ORDER, out_after_in),
	BOTH("wrong direction", ORDER, wrong_way),
	BOTH("avail index jumps", AVAIL, jump),
	BOTH("avail index goes back", AVAIL, backwards),
	BOTH("descriptors unmapped", FAULT, desc_gone),
	BOTH("avail ring unmapped", FAULT, avail_gone),
	{ "used ring read-only", NIC_TX, VHOST_XDP_STAT_RING_FAULT, used_readonly, false },
	{ "used ring read-only", NIC_RX, VHOST_XDP_STAT_RING_FAULT, used_readonly,
	  true },
	{ "buffer unmapped", NIC_RX, VHOST_XDP_STAT_RING_FAULT, buffer_gone, false },
};

/*
 * A receive ring looks at its next buffer when there is a frame for it; and there
 * is one only from when the worker has seen the guest's first buffer.
 */
static bool error_comes(struct bench *b, unsigned int ring)
{
	unsigned int i;

	if (ring == NIC_TX)
		return wait_fd(b->nic.ring[ring].err, 8000);
	for (i = 0; i < 400; i++) {
		bench_hello(b);
		if (wait_fd(b->nic.ring[ring].err, 20))
			return true;
	}
	return false;
}

static bool other_ring(struct bench *b, const struct hostile *h)
{
	return flow_run(b, h->ring == NIC_TX ? 20 : 0,
			h->ring == NIC_RX ? 20 : 0);
}

static void unprotect(struct bench *b)
{
	const struct mem_region *m = &b->nic.mem.region[0];

	NEED(!mprotect(m->hva, m->size, PROT_READ | PROT_WRITE));
}

static bool counted(struct bench *b, const struct hostile *h,
		    const struct ctl_port *before)
{
	struct ctl_port now;
	unsigned int i;
	bool ok = true;

	NEED(!ctl_get(b->port, &now));
	for (i = VHOST_XDP_STAT_RING_FAULT; i <= VHOST_XDP_STAT_RING_ORDER;
	     i++) {
		uint64_t rise = now.stats[i] - before->stats[i];

		if (rise == (i == h->stat))
			continue;
		ktap_diag("%s rose by %llu", ctl_stat_name(i),
			  (unsigned long long)rise);
		ok = false;
	}
	if (!CHECK(now.nqueues == 1))
		return false;
	return ok && CHECK((h->ring == NIC_RX ? now.queue[0].rx_error :
			    now.queue[0].tx_error) == h->stat) &&
	       CHECK((h->ring == NIC_RX ? now.queue[0].tx_error :
		      now.queue[0].rx_error) == 0);
}

static bool play(struct bench *b, const struct hostile *h)
{
	struct ring *r = &b->nic.ring[h->ring];
	struct ctl_port before;
	bool ours = b->lane != LANE_INTREE, ok;

	if (ours)
		NEED(!ctl_get(b->port, &before));
	h->spoil(b, r);
	ok = CHECK(error_comes(b, h->ring)) && CHECK(eventfd_take(r->err));
	ok = ok && (!ours || counted(b, h, &before));
	unprotect(b);
	ok = ok && other_ring(b, h);
	if (!ok || !ours)
		return ok;
	/* A ring that is stopped stays so: a kick does not count again. */
	ring_kick(r);
	return other_ring(b, h) && counted(b, h, &before) &&
	       CHECK(!eventfd_take(r->err));
}

/* Fresh rings; a receive case finds no good buffers before its bad one. */
static void renew(struct bench *b, bool empty_rx)
{
	unsigned int bufs = b->nic.rx_bufs;

	if (empty_rx)
		b->nic.rx_bufs = 0;
	NEED(!nic_reset(&b->nic));
	b->nic.rx_bufs = bufs;
	bench_resync(b);
}

static void one(struct bench *b, const struct hostile *h)
{
	bool ok;

	ktap_case(60, "%s ring: %s", h->ring == NIC_RX ? "receive" :
		  "transmit", h->name);
	if (h->ring == NIC_RX && !h->after_good)
		renew(b, true);
	ok = play(b, h);
	renew(b, false);
	eventfd_take(b->nic.ring[NIC_RX].err);
	eventfd_take(b->nic.ring[NIC_TX].err);
	ktap_ok(CHECK(flow_run(b, 20, 20)) && ok);
}

int main(int argc, char **argv)
{
	enum lane lane = lane_of(argc > 1 ? argv[1] : "xdp");
	struct nic_cfg cfg = {
		.features = BIT64(VIRTIO_F_VERSION_1) |
			    BIT64(VIRTIO_RING_F_INDIRECT_DESC),
		.rx_num = NUM, .tx_num = NUM, .rx_len = 2048, .tx_len = 2048,
	};
	bool packed = argc > 2 && !strcmp(argv[2], "packed");
	const struct hostile *h = packed ? packed_hostiles : hostiles;
	unsigned int i, n = packed ? packed_hostiles_nr : sizeof(hostiles) / sizeof(hostiles[0]);
	struct bench b;

	if (packed)
		cfg.features |= BIT64(VIRTIO_F_RING_PACKED);
	ktap_case(60, "setup");
	net_ready(lane);
	port_attach(lane, PORT, mac_guest, 0, "");
	bench_open(&b, lane, cfg);
	b.tolerant = true;
	pad = mem_alloc(&b.nic.mem, 65536, 4096, 0);
	pad_gpa = mem_gpa(&b.nic.mem, pad);
	for (i = 0; i < n; i++)
		one(&b, &h[i]);
	if (packed)
		packed_abi(&b);
	bench_close(&b);
	port_detach(lane, PORT);
	return ktap_done();
}
