// SPDX-License-Identifier: GPL-2.0
/*
 * traffic_offload.c - what a guest leaves to the device: checksums to complete
 * and frames up to 64 KiB to segment. Whatever way they leave, by the uplink's
 * own offload or cut up here, the far end must be able to put together exactly
 * the bytes the guest sent, every checksum right.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <linux/ethtool.h>

#include "traffic.h"

#define ROUNDS 40
#define GSO_SIZE 1400

/* What Linux makes: with its headers just under a device's gso_max_size. */
#define LARGE 65160

struct offload {
	const char *name;
	bool v6, udp;
	unsigned int payload;
	uint8_t gso_type;	/* 0: only the checksum */
	enum { NOTHING_MORE, WITH_ECN, SUM_IS_0 } more;
};

static const struct offload offloads[] = {
	{ "TCP checksum, IPv4", 0, 0, 1000, 0, 0 },
	{ "TCP checksum, IPv6, odd length", 1, 0, 777, 0, 0 },
	{ "UDP checksum, IPv4", 0, 1, 1001, 0, 0 },
	{ "UDP checksum, IPv6", 1, 1, 1400, 0, 0 },
	{ "UDP checksum of 0, which means none", 0, 1, 64, 0, SUM_IS_0 },
	{ "UDP checksum, 8900 bytes", 0, 1, 8900, 0, 0 },
	{ "TSO4, 64 KiB", 0, 0, LARGE, VIRTIO_NET_HDR_GSO_TCPV4, 0 },
	{ "TSO6, 64 KiB", 1, 0, LARGE, VIRTIO_NET_HDR_GSO_TCPV6, 0 },
	{ "TSO4, largest IPv4 packet", 0, 0, 65495, VIRTIO_NET_HDR_GSO_TCPV4,
	  0 },
	{ "TSO6, 65550 bytes", 1, 0, 65476, VIRTIO_NET_HDR_GSO_TCPV6, 0 },
	{ "TSO4 with ECN", 0, 0, 14000, VIRTIO_NET_HDR_GSO_TCPV4, WITH_ECN },
	{ "TSO4, two segments, last of one byte", 0, 0, GSO_SIZE + 1,
	  VIRTIO_NET_HDR_GSO_TCPV4, 0 },
	{ "TSO4, one segment", 0, 0, GSO_SIZE, VIRTIO_NET_HDR_GSO_TCPV4, 0 },
	{ "USO, IPv4, 64 KiB", 0, 1, LARGE, VIRTIO_NET_HDR_GSO_UDP_L4, 0 },
	{ "USO, IPv6, 64 KiB", 1, 1, LARGE, VIRTIO_NET_HDR_GSO_UDP_L4, 0 },
};

/*
 * From which byte on the payload's checksum comes out as 0, and so goes out as 0xffff.
 * Not every length has one: 64 bytes do, from 1607 on.
 */
static uint32_t first_of_sum_0(struct inet_spec s)
{
	const unsigned int csum = inet_hlen(&s) - 2;
	static uint32_t first;
	static bool found;
	uint8_t p[256];

	for (s.first = 0; !found; s.first++) {
		NEED(inet_build(&s, p, false) <= sizeof(p));
		found = p[csum] == 0xff && p[csum + 1] == 0xff;
		first = s.first;
	}
	return first;
}

static struct inet_spec spec_of(const struct offload *o, unsigned int round)
{
	struct inet_spec s = {
		.v6 = o->v6, .udp = o->udp, .payload = o->payload,
		.seq = o->udp ? round * 64 : 0xfffff000U + round * o->payload,
		.first = round * 7919,
	};

	memcpy(s.dst, mac_wire, 6);
	memcpy(s.src, mac_guest, 6);
	if (o->more == SUM_IS_0)
		s.first = first_of_sum_0(s);
	return s;
}

static bool send_one(struct bench *b, const struct offload *o,
		     const struct inet_spec *s, enum nic_layout layout)
{
	unsigned int len, hlen = inet_hlen(s);
	struct virtio_net_hdr_v1 h = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = o->gso_type |
			    (o->more == WITH_ECN ? VIRTIO_NET_HDR_GSO_ECN : 0),
		.gso_size = o->gso_type ? GSO_SIZE : 0,
		.hdr_len = o->gso_type ? hlen : 0,
		.csum_start = hlen - (s->udp ? 8 : 20),
		.csum_offset = s->udp ? 6 : 16,
	};
	uint8_t *p = nic_tx_slot(&b->nic);

	NEED(p);
	len = inet_build(s, p, true);
	if (!CHECK(nic_tx(&b->nic, &h, len, layout, false)))
		return false;
	ring_publish(&b->nic.ring[NIC_TX]);
	return true;
}

/* What the far end saw of one frame of the guest. */
struct seen {
	unsigned int frames, largest;
	bool partial;		/* some checksum was left to do */
};

/* Frames come until the payload is complete, in order. */
static bool collect(struct bench *b, const struct inet_spec *s,
		    struct seen *seen)
{
	unsigned int got = 0, len, bytes;
	struct virtio_net_hdr h;
	uint8_t *p;

	while (got < s->payload) {
		uint32_t at = got;
		bool partial;

		p = pkt_recv(&b->wire, &len, &h);
		if (!p) {
			if (!wait_fd(b->wire.fd, 8000)) {
				ktap_diag("%u of %u bytes came", got,
					  s->payload);
				return false;
			}
			continue;
		}
		partial = h.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;
		if (!inet_verify(s, p, len, partial, &at, &bytes))
			return false;
		if (!CHECK(at == got))
			return false;
		got += bytes;
		seen->frames++;
		seen->partial |= partial;
		if (len > seen->largest)
			seen->largest = len;
	}
	return CHECK(got == s->payload);
}

static bool rounds(struct bench *b, const struct offload *o, bool hardware)
{
	unsigned int i, pieces = 1, size;
	struct seen seen;
	bool ok = true;

	if (o->gso_type)
		pieces = (o->payload + GSO_SIZE - 1) / GSO_SIZE;
	for (i = 0; i < ROUNDS && ok; i++) {
		struct inet_spec s = spec_of(o, i);

		size = inet_hlen(&s) + (o->gso_type ? GSO_SIZE : o->payload);
		memset(&seen, 0, sizeof(seen));
		nic_tx_reclaim(&b->nic);
		ok = send_one(b, o, &s, i % 3) && collect(b, &s, &seen);
		if (hardware || !ok)
			continue;
		/* Nobody else can have completed it: it was done here. */
		ok = CHECK(!seen.partial) && CHECK(seen.frames == pieces) &&
		     CHECK(seen.largest <= size);
	}
	/* By the uplink's own offload a 64 KiB frame crosses in one. */
	if (ok && hardware && o->payload == LARGE)
		ok = CHECK(seen.frames < pieces);
	return ok;
}

static void open_vnet_wire(struct bench *b)
{
	pkt_close(&b->wire);
	if (has_uplink(b->lane))
		net_enter_wire();
	pkt_open(&b->wire, has_uplink(b->lane) ? WIRE : TAP, 66000, true);
	if (has_uplink(b->lane))
		net_enter_host();
}

static void all_offloads(enum lane lane, bool hardware)
{
	struct nic_cfg cfg = {
		.features = F_MODERN | F_MRG, .rx_num = 256, .tx_num = 256,
		.tx_bufs = 16, .rx_len = 1536, .tx_len = 65600,
	};
	struct bench b;
	unsigned int i;

	ktap_case(60, "offloads: setup");
	bench_open(&b, lane, cfg);
	open_vnet_wire(&b);
	for (i = 0; i < sizeof(offloads) / sizeof(offloads[0]); i++) {
		ktap_case(60, "%s, %s", offloads[i].name, hardware ?
			  "uplink with offloads" : "uplink without offloads");
		ktap_ok(rounds(&b, &offloads[i], hardware) &&
			bench_quiet(&b));
	}
	bench_close(&b);
}

void traffic_offload(enum lane lane)
{
	int xdp;

	all_offloads(lane, true);
	if (!has_uplink(lane))
		return;
	/* A program on the far end takes TSO away from the near one; */
	net_offloads(UPLINK, false);
	net_enter_wire();
	net_ethtool(WIRE, ETHTOOL_SGRO, 0);
	xdp = net_xdp_pass(WIRE);
	net_enter_host();
	all_offloads(lane, false);
	/* and things are as they were. */
	close(xdp);
	net_enter_wire();
	net_ethtool(WIRE, ETHTOOL_SGRO, 1);
	net_enter_host();
	net_offloads(UPLINK, true);
}
