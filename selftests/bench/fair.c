// SPDX-License-Identifier: GPL-2.0
/*
 * fair.c - does a guest that floods take from its neighbour on the same uplink?
 *
 * Two guests: one sends, or is sent, more than there is CPU for; the other a steady
 * trickle, a small part of the CPU. What is measured is how much of the trickle
 * arrives while it lasts. Time is the VM's, where a nanosecond is an instruction:
 * so this comes out the same each time. Who plays guests and wire is of the class
 * SCHED_FIFO here and wakes by a timer, as if it were on another CPU.
 */
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <string.h>
#include <time.h>

#include "bench.h"
#include "bench.skel.h"

#define LEN 64
#define FLOODING 0
#define QUIET 1

/* To the wire: so many frames of the quiet guest's each 100 us, for 100 ms. */
#define TX_PERIOD 100000
#define TX_QUIET 8
#define TX_TICKS 1000

/* To the guests: so many frames each 2 ms, one of 16 the quiet guest's, for 100 ms. */
#define RX_PERIOD 2000000
#define RX_FRAMES 960
#define RX_QUIET_EVERY 16
#define RX_TICKS 50

static void sleep_until(struct timespec *t, long period)
{
	t->tv_nsec += period;
	if (t->tv_nsec >= 1000000000) {
		t->tv_nsec -= 1000000000;
		t->tv_sec++;
	}
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, t, NULL);
}

static void build(const uint8_t *dst, const uint8_t *src, uint8_t *frame)
{
	struct inet_spec s = { .udp = true };

	s.payload = LEN - inet_hlen(&s);
	memcpy(s.dst, dst, 6);
	memcpy(s.src, src, 6);
	inet_build(&s, frame, false);
}

static void write_slots(struct guest *g)
{
	unsigned int i;

	for (i = 0; i < g->nic.tx_bufs; i++)
		build(bench_mac_wire, g->mac,
		      g->nic.tx_buf + i * g->nic.tx_stride + 64);
	ring_call_off(&g->nic.ring[NIC_TX]);
}

static void send_some(struct nic *n, unsigned int frames)
{
	struct virtio_net_hdr_v1 hdr = { 0 };

	nic_tx_reclaim(n);
	while (frames-- && nic_tx_slot(n))
		nic_tx(n, &hdr, LEN, NIC_ONE, false);
	ring_publish(&n->ring[NIC_TX]);
}

static uint64_t take_all(struct nic *n)
{
	struct nic_frame f;
	uint64_t got = 0;

	while (nic_rx(n, &f)) {
		nic_rx_done(n);
		got++;
	}
	ring_publish(&n->ring[NIC_RX]);
	return got;
}

static void run_tx(struct path *p, struct fair *f)
{
	struct bench_bpf__bss *bss = p->bpf->bss;
	struct timespec t;
	unsigned int i;

	write_slots(&p->guest[FLOODING]);
	write_slots(&p->guest[QUIET]);
	NEED(!bpf_xdp_attach(p->wire_ifindex,
			     bpf_program__fd(p->bpf->progs.bench_count),
			     XDP_FLAGS_DRV_MODE, NULL));
	clock_gettime(CLOCK_MONOTONIC, &t);
	for (i = 0; i < TX_TICKS; i++) {
		send_some(&p->guest[FLOODING].nic, ~0U);
		send_some(&p->guest[QUIET].nic, TX_QUIET);
		sleep_until(&t, TX_PERIOD);
	}
	f->offered = TX_TICKS * TX_QUIET;
	f->arrived = bss->arrived[QUIET];
	f->flood = bss->arrived[FLOODING];
}

static void run_rx(struct path *p, struct fair *f)
{
	uint8_t frame[LEN];
	struct timespec t;
	unsigned int i;

	build(p->guest[FLOODING].mac, bench_mac_wire, frame);
	p->bpf->bss->quiet_every = RX_QUIET_EVERY;
	clock_gettime(CLOCK_MONOTONIC, &t);
	for (i = 0; i < RX_TICKS; i++) {
		load_inject(p, frame, LEN, RX_FRAMES, 64);
		sleep_until(&t, RX_PERIOD);
		f->flood += take_all(&p->guest[FLOODING].nic);
		f->arrived += take_all(&p->guest[QUIET].nic);
	}
	f->offered = RX_TICKS * RX_FRAMES / RX_QUIET_EVERY;
}

void fair_run(struct path *p, enum direction dir, struct fair *f)
{
	memset(f, 0, sizeof(*f));
	net_enter_wire();
	if (dir == LOAD_FAIR_TX)
		run_tx(p, f);
	else
		run_rx(p, f);
	net_enter_host();
}
