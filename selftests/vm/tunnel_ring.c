// SPDX-License-Identifier: GPL-2.0
/*
 * tunnel_ring.c - GSO frames in a tunnel on other ways than the usual one: by packed
 * rings, by the VMM's socket alone, and to a guest that has other features than when
 * they were sent.
 */
#define _GNU_SOURCE
#include <string.h>

#include "tunnel.h"

static bool all_to_guest(struct two *t, bool whole)
{
	unsigned int i;
	bool ok = true;

	two_takes(t, whole ? all_offloads : 0);
	for (i = 0; i < KINDS && ok; i++)
		ok = tunnel_to_guest(t, &kinds[i], &kinds[i], whole);
	return ok;
}

void packed(void)
{
	struct nic_cfg cfg = guest;
	struct two t;
	unsigned int i;
	bool ok = true;

	cfg.features |= F_PACKED;
	two_open(&t, LANE_XDP, cfg, cfg);
	long_wire(&t.a);
	ktap_case(60, "packed rings, to the wire");
	for (i = 0; i < KINDS && ok; i++)
		ok = tunnel_to_wire(&t.a, &t.a.wire, &kinds[i], &kinds[i], true);
	ktap_ok(ok && bench_quiet(&t.a));
	ktap_case(60, "packed rings, to a guest that takes tunnels");
	ktap_ok(all_to_guest(&t, true) && bench_quiet(&t.b));
	ktap_case(60, "packed rings, to a guest that takes nothing");
	ktap_ok(all_to_guest(&t, false) && bench_quiet(&t.b));
	two_close(&t);
}

/* Ports without an uplink: what their taps are for is between them and the kernel. */
void sockets(void)
{
	struct two t;
	struct pkt w;
	unsigned int i;
	bool ok = true;

	port_attach(LANE_SOCK, PORT, mac_guest, 0, "");
	two_open(&t, LANE_SOCK, guest, guest);
	pkt_open(&w, TAP, 66000, true);
	ktap_case(60, "sock: to the VMM's tap");
	for (i = 0; i < KINDS && ok; i++)
		ok = tunnel_to_wire(&t.a, &w, &kinds[i], &kinds[i], true);
	ktap_ok(ok && bench_quiet(&t.a));
	pkt_close(&w);
	NEED(!net_run("ip link add br0 type bridge mcast_snooping 0"
		      " && ip link set " TAP " master br0"
		      " && ip link set " OTHER_TAP " master br0"
		      " && ip link set br0 mtu 9000 up"));
	ktap_case(60, "sock: over a bridge to a guest that takes tunnels");
	ktap_ok(all_to_guest(&t, true) && bench_quiet(&t.b));
	ktap_case(60, "sock: over a bridge to a guest that takes nothing");
	ktap_ok(all_to_guest(&t, false) && bench_quiet(&t.b));
	NEED(!net_run("ip link del br0"));
	two_close(&t);
	port_detach(LANE_SOCK, PORT);
}

/* The header of all that b gets from now on; the rings go on. */
static void agree(struct bench *b, bool tunnel)
{
	struct nic *n = &b->nic;

	NEED(!(tunnel ? dev_set_features_more(n->dev, n->cfg.features, TUNNEL_MORE) :
			dev_set_features(n->dev, n->cfg.features)));
	n->cfg.tunnel = tunnel;
	n->hlen = tunnel ? TUNNEL_HLEN : sizeof(struct virtio_net_hdr_v1);
}

/* What waits: a frame in a tunnel that there are not buffers enough for, and a plain one. */
static bool two_wait(struct two *t, const struct kind *k, struct frame_stream *plain)
{
	static const struct virtio_net_hdr_v1 none = { 0 };
	struct inet_spec s = tunnel_spec(k, mac_b, 1);
	struct virtio_net_hdr_v1 h = tunnel_header(k, &s);
	struct ctl_port p;
	unsigned int len;

	tunnel_send(&t->a, k, &s, &h, NIC_ONE);
	frame_fill(plain, nic_tx_slot(&t->a.nic));
	NEED(nic_tx(&t->a.nic, &none, frame_len(plain), NIC_ONE, false));
	ring_publish(&t->a.nic.ring[NIC_TX]);
	if (!two_sent(t))
		return false;
	NEED(!ctl_get(OTHER, &p));
	len = outer_len(k) + inet_hlen(&s) + s.payload;
	return CHECK(p.queue[0].backlog == len / VHOST_XDP_FRAME_MAX + 2);
}

/*
 * The features that b's VMM agrees to change while frames wait: their header is the new
 * one, and what that cannot say must not come as if it could.
 */
static bool narrow(struct two *t)
{
	uint64_t before = ctl_stat(OTHER, VHOST_XDP_STAT_RX_DROP_NO_ROOM);
	struct frame_stream plain = { .id = 1, .len = 1000 }, at;
	const struct kind *k = &kinds[0];
	struct inet_spec s = tunnel_spec(k, mac_b, 2);
	struct virtio_net_hdr_v1 h = tunnel_header(k, &s);
	struct nic_frame f;

	memcpy(plain.dst, mac_b, 6);
	memcpy(plain.src, mac_guest, 6);
	at = plain;
	tunnel_claim(&t->a, k);
	tunnel_send(&t->a, k, &s, &h, NIC_ONE);
	/* Most of the buffers, which it keeps for a while. */
	if (!two_next(t, &f) || !CHECK(f.inner_l3 == t->a.nic.inner_l3) || !two_sent(t))
		return false;
	if (!two_wait(t, k, &plain))
		return false;
	agree(&t->b, false);
	two_done(t);
	return flow_expect_guest(&t->b, &at, 1) &&
	       CHECK(ctl_stat(OTHER, VHOST_XDP_STAT_RX_DROP_NO_ROOM) == before + 1);
}

void narrowed(void)
{
	struct nic_cfg cfg = guest;
	unsigned int i;
	struct two t;
	bool ok;

	cfg.rx_bufs = 40;
	two_open(&t, LANE_XDP, guest, cfg);
	two_takes(&t, all_offloads);
	ktap_case(60, "features without tunnels while a frame in one waits");
	ok = narrow(&t);
	ktap_ok(ok);
	if (ok) {
		ktap_case(60, "features without tunnels, from then on");
		for (i = 0; i < KINDS && ok; i++)
			ok = tunnel_to_guest(&t, &kinds[i], &kinds[i], false);
		ktap_ok(ok);
		agree(&t.b, true);
		ktap_case(60, "features with tunnels again");
		ktap_ok(all_to_guest(&t, true));
	}
	two_close(&t);
}
