// SPDX-License-Identifier: GPL-2.0
/*
 * two.c - two guests on two ports, the one sends to the other.
 */
#define _GNU_SOURCE
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>

#include "two.h"

const uint8_t mac_b[6] = { 0x02, 0x76, 0x78, 0, 0, 0x02 };

void two_open(struct two *t, enum lane lane, struct nic_cfg a, struct nic_cfg b)
{
	port_attach(lane, OTHER, mac_b, 0, "");
	bench_open(&t->a, lane, a);
	bench_open_on(&t->b, lane, b, OTHER, OTHER_TAP);
}

void two_close(struct two *t)
{
	bench_close(&t->b);
	bench_close(&t->a);
	port_detach(t->b.lane, OTHER);
}

void long_wire(struct bench *b)
{
	pkt_close(&b->wire);
	net_enter_wire();
	pkt_open(&b->wire, WIRE, 66000, true);
	net_enter_host();
}

void two_takes(struct two *t, unsigned int offloads)
{
	NEED(!ioctl(t->b.tap, TUNSETOFFLOAD, offloads));
}

bool two_sent(struct two *t)
{
	struct nic *n = &t->a.nic;
	struct ring *r = &n->ring[NIC_TX];

	for (;;) {
		nic_tx_reclaim(n);
		if (n->tx_nfree == n->tx_bufs)
			return true;
		if (ring_call_on(r) && !wait_fd(r->call, 8000)) {
			ktap_diag("%u frames were not sent", n->tx_bufs - n->tx_nfree);
			return false;
		}
		eventfd_take(r->call);
	}
}

bool two_next(struct two *t, struct nic_frame *f)
{
	struct ring *r = &t->b.nic.ring[NIC_RX];

	while (!nic_rx(&t->b.nic, f)) {
		if (ring_call_on(r) && !wait_fd(r->call, 8000)) {
			ktap_diag("nothing more came");
			return false;
		}
		eventfd_take(r->call);
	}
	return true;
}

void two_done(struct two *t)
{
	nic_rx_done(&t->b.nic);
	ring_publish(&t->b.nic.ring[NIC_RX]);
}
