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

void two_open(struct two *t, struct nic_cfg a, struct nic_cfg b)
{
	port_attach(LANE_XDP, OTHER, mac_b, 0, "");
	bench_open(&t->a, LANE_XDP, a);
	bench_open_on(&t->b, LANE_XDP, b, OTHER, OTHER_TAP);
}

void two_close(struct two *t)
{
	bench_close(&t->b);
	bench_close(&t->a);
	port_detach(LANE_XDP, OTHER);
}

void two_takes(struct two *t, unsigned int offloads)
{
	NEED(!ioctl(t->b.tap, TUNSETOFFLOAD, offloads));
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
