// SPDX-License-Identifier: GPL-2.0
/*
 * traffic_policy.c - several ports on one uplink: who gets which frame. VLANs,
 * broadcast and multicast, from guest to guest, and the exception path.
 */
#define _GNU_SOURCE
#include <string.h>
#include <unistd.h>


#include "traffic.h"

static const uint8_t mac_b[6] = { 0x02, 0x76, 0x78, 0, 0, 0x02 };
static const uint8_t mac_host[6] = { 0x02, 0x76, 0x78, 0, 0, 0x77 };
static const uint8_t mac_bcast[6] = { 255, 255, 255, 255, 255, 255 };
static const uint8_t mac_mcast[6] = { 0x01, 0x00, 0x5e, 1, 2, 3 };

static const struct nic_cfg guest = {
	.features = F_MODERN | F_MRG, .rx_num = 256, .tx_num = 256,
	.rx_len = 1536, .tx_len = 9018,
};

/* An access port: tagged on the wire, untagged in the guest. */
static void access_vlan(enum lane lane)
{
	static const unsigned int lens[] = { 60, 1514, 9000 };
	struct bench b;
	bool ok = true;
	unsigned int i;

	ktap_case(90, "access port in VLAN 5");
	/* The uplink has one queue, and PORT has it. */
	if (lane == LANE_XSK)
		port_detach(lane, PORT);
	port_attach(lane, "vl5", mac_guest, 5, "");
	bench_open_on(&b, lane, guest, "vl5", "vltap");
	b.to_guest.vlan = 5;
	b.at_wire.vlan = 5;
	for (i = 0; i < 3 && ok; i++) {
		bench_len(&b, lens[i]);
		ok = flow_run(&b, 2000, 2000);
	}
	/* Another VLAN, or none, is not this port's. */
	if (ok) {
		struct frame_stream other = b.to_guest;

		other.id = 9;
		other.vlan = 6;
		for (i = 0; i < 32; i++) {
			other.vlan = i & 1 ? 6 : 0;
			frame_fill(&other, pkt_room(&b.wire));
			pkt_queue(&b.wire, frame_len(&other));
		}
		ok = flow_run(&b, 50, 50);
	}
	bench_close(&b);
	port_detach(lane, "vl5");
	if (lane == LANE_XSK)
		port_attach(lane, PORT, mac_guest, 0, "");
	ktap_ok(ok);
}

static struct frame_stream stream(const uint8_t dst[6], const uint8_t src[6],
				  unsigned int id)
{
	struct frame_stream s = { .id = id, .len = 1000 };

	memcpy(s.dst, dst, 6);
	memcpy(s.src, src, 6);
	return s;
}

static void guest_add(struct bench *b, struct frame_stream *s)
{
	static const struct virtio_net_hdr_v1 plain = { 0 };
	uint8_t *p = nic_tx_slot(&b->nic);

	NEED(p);
	frame_fill(s, p);
	NEED(nic_tx(&b->nic, &plain, frame_len(s), NIC_ONE, false));
}

static void guest_burst(struct bench *b, struct frame_stream *s,
			unsigned int count)
{
	unsigned int i;

	nic_tx_reclaim(&b->nic);
	for (i = 0; i < count; i++)
		guest_add(b, s);
	ring_publish(&b->nic.ring[NIC_TX]);
}

/* From the wire to everybody: both guests and the host's own stack. */
static bool flood_in(struct bench *a, struct bench *b, struct pkt *host,
		     const uint8_t dst[6], unsigned int id)
{
	struct frame_stream s = stream(dst, mac_wire, id), ga = s, gb = s,
			    gh = s;
	unsigned int i;

	for (i = 0; i < 64; i++) {
		frame_fill(&s, pkt_room(&a->wire));
		pkt_queue(&a->wire, s.len);
	}
	pkt_flush(&a->wire);
	return flow_expect_guest(a, &ga, 64) && flow_expect_guest(b, &gb, 64) &&
	       flow_expect_wire(host, &gh, 64);
}

/* From a guest to everybody: the other guest and the wire. */
static bool flood_out(struct bench *a, struct bench *b, const uint8_t dst[6],
		      unsigned int id)
{
	struct frame_stream s = stream(dst, mac_guest, id), gb = s, gw = s;

	guest_burst(a, &s, 64);
	return flow_expect_guest(b, &gb, 64) && flow_expect_wire(&a->wire, &gw, 64);
}

static bool local(struct bench *a, struct bench *b)
{
	struct frame_stream s = stream(mac_b, mac_guest, 30), at = s;
	struct frame_stream back = stream(mac_guest, mac_b, 31), bat = back;
	unsigned int i;

	for (i = 0; i < 20; i++) {
		guest_burst(a, &s, 64);
		guest_burst(b, &back, 64);
		if (!flow_expect_guest(b, &at, s.next) || !flow_expect_guest(a, &bat, back.next))
			return false;
	}
	return CHECK(!wait_fd(a->wire.fd, 0)) &&
	       CHECK(ctl_stat(a->port, VHOST_XDP_STAT_TX_LOCAL_PACKETS) ==
		     s.next);
}

/* A guest that lies about its source address is not heard anywhere. */
static bool spoof(struct bench *a, struct bench *b)
{
	struct frame_stream lie = stream(mac_wire, mac_b, 40);
	struct frame_stream s = stream(mac_wire, mac_guest, 41), at = s;
	uint64_t before = ctl_stat(a->port, VHOST_XDP_STAT_TX_DROP_POLICY);

	(void)b;
	guest_burst(a, &lie, 32);
	guest_burst(a, &s, 32);
	return flow_expect_wire(&a->wire, &at, 32) &&
	       CHECK(ctl_stat(a->port, VHOST_XDP_STAT_TX_DROP_POLICY) ==
		     before + 32);
}

/*
 * Frames of all sorts in one kick, a few of each in a row, the next like those before
 * but for one thing: each is decided by what it is.
 */
static bool mixed(struct bench *a, struct bench *b)
{
	enum { WIRE_OK, WIRE_LIE, B_OK, B_LIE, WIRE_TAGGED, SORTS };
	static const uint8_t turn[] = {
		WIRE_OK, WIRE_LIE, WIRE_OK, B_OK, B_LIE, B_OK, WIRE_OK,
		WIRE_TAGGED, WIRE_OK, B_OK, WIRE_TAGGED, WIRE_LIE, B_LIE, B_OK,
	};
	struct frame_stream s[SORTS] = {
		[WIRE_OK] = stream(mac_wire, mac_guest, 70),
		[WIRE_LIE] = stream(mac_wire, mac_b, 71),
		[B_OK] = stream(mac_b, mac_guest, 72),
		[B_LIE] = stream(mac_b, mac_wire, 73),
		[WIRE_TAGGED] = stream(mac_wire, mac_guest, 74),
	}, at_wire = s[WIRE_OK], at_b = s[B_OK];
	uint64_t drops = ctl_stat(a->port, VHOST_XDP_STAT_TX_DROP_POLICY);
	unsigned int i, round;
	bool ok = true;

	s[WIRE_TAGGED].vlan = 5;
	for (round = 0; round < 20 && ok; round++) {
		nic_tx_reclaim(&a->nic);
		for (i = 0; i < 4 * sizeof(turn); i++)
			guest_add(a, &s[turn[i / 4]]);
		ring_publish(&a->nic.ring[NIC_TX]);
		ok = flow_expect_wire(&a->wire, &at_wire, s[WIRE_OK].next) &&
		     flow_expect_guest(b, &at_b, s[B_OK].next);
	}
	/* The last frame was for B, so all before it are decided. */
	return ok && CHECK(ctl_stat(a->port, VHOST_XDP_STAT_TX_DROP_POLICY) ==
			   drops + s[WIRE_LIE].next + s[B_LIE].next +
			   s[WIRE_TAGGED].next);
}

/* Neither unicast to others nor what the port sent itself. */
static bool not_mine(struct bench *a)
{
	struct frame_stream other = stream(mac_host, mac_wire, 50);
	struct frame_stream mine = stream(mac_guest, mac_wire, 51), at = mine;
	unsigned int i;

	for (i = 0; i < 32; i++) {
		frame_fill(&other, pkt_room(&a->wire));
		pkt_queue(&a->wire, other.len);
		frame_fill(&mine, pkt_room(&a->wire));
		pkt_queue(&a->wire, mine.len);
	}
	pkt_flush(&a->wire);
	return flow_expect_guest(a, &at, 32);
}

/* The other one is on the xdp lane, whatever the first is on. */
static void two_ports(enum lane lane)
{
	struct bench a, b;
	struct pkt host;

	ktap_case(60, "two ports: setup");
	port_attach(LANE_XDP, "pb", mac_b, 0, "");
	bench_open(&a, lane, guest);
	bench_open_on(&b, LANE_XDP, guest, "pb", "pbtap");
	memcpy(b.to_guest.dst, mac_b, 6);
	pkt_open(&host, UPLINK, 2000, false);
	ktap_case(60, "broadcast from the wire: every guest and the host");
	ktap_ok(flood_in(&a, &b, &host, mac_bcast, 20));
	ktap_case(60, "multicast from the wire: every guest and the host");
	ktap_ok(flood_in(&a, &b, &host, mac_mcast, 21));
	ktap_case(60, "broadcast from a guest: the other and the wire");
	ktap_ok(flood_out(&a, &b, mac_bcast, 22));
	ktap_case(60, "multicast from a guest: the other and the wire");
	ktap_ok(flood_out(&a, &b, mac_mcast, 23));
	ktap_case(60, "guest to guest, not on the wire");
	ktap_ok(local(&a, &b));
	ktap_case(60, "spoofed source address");
	ktap_ok(spoof(&a, &b));
	ktap_case(60, "frames of all sorts in one kick");
	ktap_ok(mixed(&a, &b));
	ktap_case(60, "unicast to somebody else");
	ktap_ok(not_mine(&a));
	pkt_close(&host);
	bench_close(&b);
	bench_close(&a);
	port_detach(LANE_XDP, "pb");
}

void traffic_policy(enum lane lane)
{
	access_vlan(lane);
	two_ports(lane);
}

/* The host sends into the tap; the guest answers to where that came from. */
void traffic_exception(enum lane lane)
{
	struct frame_stream in = stream(mac_guest, mac_host, 60), at = in;
	struct frame_stream out = stream(mac_host, mac_guest, 61), oat = out;
	struct bench b;
	struct pkt tap;
	bool ok = true;
	unsigned int i;

	ktap_case(60, "exception path, both directions");
	bench_open(&b, lane, guest);
	NEED(!net_run("ip link set " TAP " mtu 9000 up"));
	pkt_open(&tap, TAP, 9100, false);
	for (i = 0; i < 20 && ok; i++) {
		unsigned int k;

		for (k = 0; k < 64; k++) {
			frame_fill(&in, pkt_room(&tap));
			pkt_queue(&tap, in.len);
		}
		pkt_flush(&tap);
		ok = flow_expect_guest(&b, &at, in.next);
		guest_burst(&b, &out, 64);
		ok = ok && flow_expect_wire(&tap, &oat, out.next) &&
		     flow_run(&b, 50, 50);
	}
	ok = ok && CHECK(ctl_stat(PORT, VHOST_XDP_STAT_RX_SOCK_PACKETS) >=
			 in.next) &&
	     CHECK(ctl_stat(PORT, VHOST_XDP_STAT_TX_SOCK_PACKETS) >= out.next);
	pkt_close(&tap);
	bench_close(&b);
	ktap_ok(ok);
}
