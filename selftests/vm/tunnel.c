// SPDX-License-Identifier: GPL-2.0
/*
 * tunnel.c - GSO frames in a UDP tunnel (virtio 1.4), VXLAN here: out of the uplink cut
 * by the kernel, from guest to guest whole where the receiver's tap was told so and cut
 * by us where not. Every length and checksum of what comes is looked at, outer and
 * inner. And that all else goes as ever behind the longer header.
 *
 * Skipped where the kernel's taps and vhost-net do not have it, before 6.17.
 */
#define _GNU_SOURCE
#include <linux/ethtool.h>
#include <linux/if_tun.h>
#include <linux/vhost_xdp.h>
#include <string.h>
#include <unistd.h>

#include "two.h"

#define GSO_SIZE 1300
#define ROUNDS 8
#define ETH 14
#define UDP 8
#define VXLAN 8

#define PLAIN (TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_USO4 | TUN_F_USO6)

static const struct nic_cfg guest = {
	.features = F_MODERN | F_MRG, .rx_num = 256, .tx_num = 256,
	.rx_len = 1536, .tx_len = 65600, .tx_bufs = 40, .tunnel = true,
};

struct kind {
	const char *name;
	bool outer_v6, csum;	/* of the outer UDP header */
	bool v6, udp;
	uint8_t type;
};

static const struct kind kinds[] = {
	{ "TSO4 over IPv4", 0, 0, 0, 0, VIRTIO_NET_HDR_GSO_TCPV4 },
	{ "TSO4 over IPv4, outer checksum", 0, 1, 0, 0, VIRTIO_NET_HDR_GSO_TCPV4 },
	{ "TSO6 over IPv4", 0, 0, 1, 0, VIRTIO_NET_HDR_GSO_TCPV6 },
	{ "TSO4 over IPv6, outer checksum", 1, 1, 0, 0, VIRTIO_NET_HDR_GSO_TCPV4 },
	{ "TSO6 over IPv6", 1, 0, 1, 0, VIRTIO_NET_HDR_GSO_TCPV6 },
	{ "USO over IPv4", 0, 0, 0, 1, VIRTIO_NET_HDR_GSO_UDP_L4 },
	{ "USO over IPv6, outer checksum", 1, 1, 1, 1, VIRTIO_NET_HDR_GSO_UDP_L4 },
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* The last are of one piece, which the kernel takes for no GSO frames. */
static const unsigned int payloads[] = { 3000, 20000, 50000, GSO_SIZE + 1, 500, GSO_SIZE };

#define PAYLOADS (sizeof(payloads) / sizeof(payloads[0]))

static void put16(uint8_t *p, unsigned int val)
{
	p[0] = val >> 8;
	p[1] = val;
}

static unsigned int get16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

/* A number in base 65536, modulo 65535: 0 where it has its right checksum in it. */
static unsigned int sum(const uint8_t *p, unsigned int len, unsigned int from)
{
	unsigned int i;

	for (i = 0; i < len; i++)
		from = (from + (i % 2 ? p[i] : p[i] << 8)) % 65535;
	return from;
}

static unsigned int outer_l4(const struct kind *k)
{
	return ETH + (k->outer_v6 ? 40 : 20);
}

/* All in front of the inner Ethernet header. */
static unsigned int outer_len(const struct kind *k)
{
	return outer_l4(k) + UDP + VXLAN;
}

/* Of the outer addresses, length and protocol. */
static unsigned int pseudo(const struct kind *k, const uint8_t *frame, unsigned int len)
{
	return sum(frame + ETH + (k->outer_v6 ? 8 : 12), k->outer_v6 ? 32 : 8,
		   (len + 17) % 65535);
}

static void put_outer(const struct kind *k, uint8_t *p, unsigned int len)
{
	uint8_t *ip = p + ETH, *udp = p + outer_l4(k);
	unsigned int udp_len = len - outer_l4(k);

	memcpy(p, p + outer_len(k), 12);
	put16(p + 12, k->outer_v6 ? 0x86dd : 0x0800);
	memset(ip, 0, outer_l4(k) - ETH);
	if (k->outer_v6) {
		ip[0] = 0x60;
		put16(ip + 4, udp_len);
		ip[6] = 17;
		ip[7] = 64;
		memset(ip + 8, 0x21, 16);
		memset(ip + 24, 0x22, 16);
	} else {
		ip[0] = 0x45;
		put16(ip + 2, len - ETH);
		ip[8] = 64;
		ip[9] = 17;
		memset(ip + 12, 10, 4);
		memset(ip + 16, 11, 4);
		put16(ip + 10, 65535 - sum(ip, 20, 0));
	}
	put16(udp, 51000);
	put16(udp + 2, 4789);
	put16(udp + 4, udp_len);
	put16(udp + 6, k->csum ? pseudo(k, p, udp_len) : 0);
	memset(udp + UDP, 0, VXLAN);
	udp[UDP] = 8;
	udp[UDP + 6] = 42;
}

static struct inet_spec spec_of(const struct kind *k, const uint8_t *to, unsigned int round)
{
	struct inet_spec s = {
		.v6 = k->v6, .udp = k->udp, .payload = payloads[round % PAYLOADS],
		.seq = round * 70000, .first = round * 7919,
	};

	memcpy(s.dst, to, 6);
	memcpy(s.src, mac_guest, 6);
	return s;
}

static struct virtio_net_hdr_v1 header(const struct kind *k, const struct inet_spec *s)
{
	unsigned int hlen = outer_len(k) + inet_hlen(s);

	return (struct virtio_net_hdr_v1){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM |
			 (k->csum ? VIRTIO_NET_HDR_F_UDP_TUNNEL_CSUM : 0),
		.gso_type = k->type | (k->outer_v6 ? VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV6 :
						     VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV4),
		.gso_size = GSO_SIZE,
		.hdr_len = hlen,
		.csum_start = hlen - (s->udp ? 8 : 20),
		.csum_offset = s->udp ? 6 : 16,
	};
}

static void send_frame(struct bench *b, const struct kind *k, const struct inet_spec *s,
		       const struct virtio_net_hdr_v1 *h, enum nic_layout layout)
{
	uint8_t *p;
	unsigned int len;

	nic_tx_reclaim(&b->nic);
	p = nic_tx_slot(&b->nic);
	NEED(p);
	len = outer_len(k) + inet_build(s, p + outer_len(k), true);
	put_outer(k, p, len);
	NEED(nic_tx(&b->nic, h, len, layout, false));
	ring_publish(&b->nic.ring[NIC_TX]);
}

static void claim(struct bench *b, const struct kind *k)
{
	b->nic.outer_l4 = outer_l4(k);
	b->nic.inner_l3 = outer_len(k) + ETH;
}

/* @whole: checksums are still to be completed. */
static bool outer_ok(const struct kind *k, const uint8_t *p, unsigned int len, bool whole)
{
	const uint8_t *ip = p + ETH, *udp = p + outer_l4(k);
	unsigned int l4 = outer_l4(k), got = get16(udp + 6);

	if (!CHECK(len > outer_len(k)) || !CHECK(get16(udp + 4) == len - l4) ||
	    !CHECK(get16(udp) == 51000 && get16(udp + 2) == 4789 && udp[UDP + 6] == 42))
		return false;
	if (k->outer_v6 ? !CHECK(ip[0] >> 4 == 6 && get16(ip + 4) == len - l4) :
			  !CHECK(get16(ip + 2) == len - ETH && !sum(ip, 20, 0)))
		return false;
	if (!k->csum)
		return CHECK(!got);
	return whole || (CHECK(got) && CHECK(!sum(udp, len - l4, pseudo(k, p, len - l4))));
}

/* One frame of the payload, of which @got bytes have come. */
static bool frame_ok(const struct kind *k, const struct inet_spec *s, const uint8_t *p,
		     unsigned int len, bool whole, unsigned int *got)
{
	unsigned int bytes, skip = outer_len(k);
	uint32_t at = *got;

	if (!outer_ok(k, p, len, whole) ||
	    !inet_verify(s, p + skip, len - skip, whole, &at, &bytes) || !CHECK(at == *got))
		return false;
	*got += bytes;
	return true;
}

static bool from_wire(struct bench *b, const struct kind *k, const struct inet_spec *s,
		      unsigned int *frames)
{
	unsigned int got = 0, len;
	uint8_t *p;

	for (*frames = 0; got < s->payload;) {
		p = pkt_recv(&b->wire, &len, NULL);
		if (!p && !wait_fd(b->wire.fd, 8000)) {
			ktap_diag("%u of %u bytes came", got, s->payload);
			return false;
		}
		if (!p)
			continue;
		++*frames;
		if (!frame_ok(k, s, p, len, len > outer_len(k) + inet_hlen(s) + GSO_SIZE, &got))
			return false;
	}
	return CHECK(got == s->payload);
}

static unsigned int pieces(const struct inet_spec *s)
{
	return (s->payload + GSO_SIZE - 1) / GSO_SIZE;
}

static bool to_wire(struct bench *b, const struct kind *k, bool hardware)
{
	unsigned int i, frames;

	claim(b, k);
	for (i = 0; i < ROUNDS; i++) {
		struct inet_spec s = spec_of(k, mac_wire, i);
		struct virtio_net_hdr_v1 h = header(k, &s);

		send_frame(b, k, &s, &h, i % 3);
		if (!from_wire(b, k, &s, &frames) ||
		    !CHECK(hardware ? frames <= pieces(&s) : frames == pieces(&s)))
			return false;
	}
	return true;
}

static void all_to_wire(bool hardware)
{
	struct bench b;
	unsigned int i;

	bench_open(&b, LANE_XDP, guest);
	pkt_close(&b.wire);
	net_enter_wire();
	pkt_open(&b.wire, WIRE, 66000, false);
	net_enter_host();
	for (i = 0; i < KINDS; i++) {
		ktap_case(60, "%s, uplink %s offloads", kinds[i].name,
			  hardware ? "with" : "without");
		ktap_ok(to_wire(&b, &kinds[i], hardware) && bench_quiet(&b));
	}
	bench_close(&b);
}

static void uplinks(void)
{
	int xdp;

	all_to_wire(true);
	net_offloads(UPLINK, false);
	net_enter_wire();
	net_ethtool(WIRE, ETHTOOL_SGRO, 0);
	xdp = net_xdp_pass(WIRE);
	net_enter_host();
	all_to_wire(false);
	close(xdp);
	net_enter_wire();
	net_ethtool(WIRE, ETHTOOL_SGRO, 1);
	net_enter_host();
	net_offloads(UPLINK, true);
}

/* What the header of a frame says, whole or cut. */
static bool said_ok(const struct nic_frame *f, const struct kind *k,
		    const struct virtio_net_hdr_v1 *h, bool whole)
{
	if (!whole)
		return CHECK(!f->hdr.hdr.gso_type && !f->hdr.hdr.flags) &&
		       CHECK(!f->outer_l4 && !f->inner_l3);
	return CHECK(f->hdr.hdr.gso_type == h->gso_type) &&
	       CHECK(f->hdr.hdr.flags == h->flags) &&
	       CHECK(f->hdr.hdr.gso_size == h->gso_size) &&
	       CHECK(f->hdr.hdr.hdr_len == h->hdr_len) &&
	       CHECK(f->hdr.hdr.csum_start == h->csum_start) &&
	       CHECK(f->hdr.hdr.csum_offset == h->csum_offset) &&
	       CHECK(f->outer_l4 == outer_l4(k)) && CHECK(f->inner_l3 == outer_len(k) + ETH);
}

/* What is of one piece is not cut, and no GSO frame: its checksums are complete. */
static bool to_guest(struct two *t, const struct kind *k, bool takes)
{
	unsigned int i, got, frames;
	struct nic_frame f;
	bool ok = true;

	claim(&t->a, k);
	for (i = 0; i < ROUNDS; i++) {
		struct inet_spec s = spec_of(k, mac_b, i);
		struct virtio_net_hdr_v1 h = header(k, &s);
		bool whole = takes && pieces(&s) > 1;

		send_frame(&t->a, k, &s, &h, i % 3);
		for (got = frames = 0; ok && got < s.payload; frames++) {
			ok = two_next(t, &f) && said_ok(&f, k, &h, whole) &&
			     frame_ok(k, &s, f.data, f.len, whole, &got);
			two_done(t);
		}
		if (!ok || !CHECK(frames == (whole ? 1 : pieces(&s)))) {
			ktap_diag("%s, %u bytes", k->name, s.payload);
			return false;
		}
	}
	return true;
}

static void told(struct two *t, unsigned int offloads, const char *what)
{
	bool tunnel = offloads & TUN_F_UDP_TUNNEL_GSO && t->b.nic.cfg.tunnel;
	bool csum = offloads & TUN_F_UDP_TUNNEL_GSO_CSUM, ok = true;
	unsigned int i;

	ktap_case(60, "to a guest %s", what);
	two_takes(t, offloads);
	for (i = 0; i < KINDS && ok; i++)
		ok = to_guest(t, &kinds[i], tunnel && (csum || !kinds[i].csum));
	ktap_ok(ok);
}

static void guests(void)
{
	struct nic_cfg other = guest;
	struct two t;

	two_open(&t, guest, guest);
	told(&t, 0, "that takes nothing");
	told(&t, PLAIN, "that takes GSO frames, but in no tunnel");
	told(&t, PLAIN | TUN_F_UDP_TUNNEL_GSO, "that takes tunnels without a checksum");
	told(&t, PLAIN | TUN_F_UDP_TUNNEL_GSO | TUN_F_UDP_TUNNEL_GSO_CSUM,
	     "that takes all tunnels");
	two_close(&t);
	other.tunnel = false;
	two_open(&t, guest, other);
	told(&t, PLAIN | TUN_F_UDP_TUNNEL_GSO | TUN_F_UDP_TUNNEL_GSO_CSUM,
	     "whose header has no room for a tunnel");
	two_close(&t);
}

/* Each is refused and counted, and the next frame passes. */
static bool refused(struct bench *b, const struct kind *k, int outer, int inner, uint8_t type)
{
	uint64_t before = ctl_stat(PORT, VHOST_XDP_STAT_TX_DROP_GSO);
	struct inet_spec s = spec_of(k, mac_wire, 0);
	struct virtio_net_hdr_v1 h = header(k, &s);
	unsigned int frames;

	claim(b, k);
	b->nic.outer_l4 += outer;
	b->nic.inner_l3 += inner;
	h.gso_type ^= type;
	send_frame(b, k, &s, &h, NIC_SPLIT);
	h.gso_type ^= type;
	claim(b, k);
	send_frame(b, k, &s, &h, NIC_SPLIT);
	return from_wire(b, k, &s, &frames) &&
	       CHECK(ctl_stat(PORT, VHOST_XDP_STAT_TX_DROP_GSO) == before + 1);
}

static bool all_refused(void)
{
	static const struct { int outer, inner; uint8_t type; } lies[] = {
		{ -4, 0, 0 }, { 8, 0, 0 }, { -1000, 0, 0 }, { 0, 4, 0 }, { 0, -14, 0 },
		{ 0, 0x7000, 0 }, { 0, 0, 0x60 }, { 0, 0, 0x40 },
	};
	struct bench b;
	unsigned int i;
	bool ok = true;

	bench_open(&b, LANE_XDP, guest);
	pkt_close(&b.wire);
	net_enter_wire();
	pkt_open(&b.wire, WIRE, 66000, false);
	net_enter_host();
	for (i = 0; ok && i < sizeof(lies) / sizeof(lies[0]); i++)
		ok = refused(&b, &kinds[0], lies[i].outer, lies[i].inner, lies[i].type);
	bench_close(&b);
	return ok;
}

/* The tunnel's frame, and then one that leaves only its inner checksum to us. */
static bool not_agreed(void)
{
	uint64_t before = ctl_stat(PORT, VHOST_XDP_STAT_TX_DROP_GSO);
	struct inet_spec s = spec_of(&kinds[0], mac_wire, 0);
	struct virtio_net_hdr_v1 h = header(&kinds[0], &s), csum = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.csum_start = h.csum_start, .csum_offset = h.csum_offset,
	};
	struct nic_cfg cfg = guest;
	unsigned int frames;
	struct bench b;
	bool ok;

	cfg.tunnel = false;
	s.payload = 500;
	bench_open(&b, LANE_XDP, cfg);
	send_frame(&b, &kinds[0], &s, &h, NIC_ONE);
	send_frame(&b, &kinds[0], &s, &csum, NIC_ONE);
	ok = from_wire(&b, &kinds[0], &s, &frames) && CHECK(frames == 1) &&
	     CHECK(ctl_stat(PORT, VHOST_XDP_STAT_TX_DROP_GSO) == before + 1);
	bench_close(&b);
	return ok;
}

/* All other frames, behind a header of 24 bytes. */
static void plain_frames(void)
{
	static const char *const lanes[] = { "xdp", "xsk", "sock" };
	static const unsigned int lens[] = { 60, 64, 1514 };
	struct nic_cfg cfg = guest;
	struct bench b;
	unsigned int i, j;

	cfg.tx_len = 1600;
	for (i = 0; i < 3; i++) {
		enum lane lane = lane_of(lanes[i]);

		port_attach(lane, PORT, mac_guest, 0, "");
		bench_open(&b, lane, cfg);
		for (j = 0; j < 3; j++) {
			ktap_case(60, "%s: frames of %u bytes behind the longer header",
				  lanes[i], lens[j]);
			bench_len(&b, lens[j]);
			ktap_ok(flow_run(&b, 2000, 2000) && bench_quiet(&b));
		}
		bench_close(&b);
		port_detach(lane, PORT);
	}
}

static bool kernel_has_it(void)
{
	uint64_t more;
	int fd;

	fd = dev_open(port_node(PORT));
	NEED(fd >= 0);
	NEED(!dev_features_more(fd, &more));
	close(fd);
	return more & TUNNEL_MORE;
}

int main(void)
{
	ktap_case(60, "setup");
	net_ready(LANE_XDP);
	port_attach(LANE_XDP, PORT, mac_guest, 0, "");
	if (!kernel_has_it()) {
		ktap_skip("GSO frames in a UDP tunnel", "taps of this kernel do not know them");
		port_detach(LANE_XDP, PORT);
		return ktap_done();
	}
	uplinks();
	guests();
	ktap_case(60, "lies about a tunnel are refused and counted");
	ktap_ok(all_refused());
	ktap_case(60, "a tunnel that was not agreed on");
	ktap_ok(not_agreed());
	port_detach(LANE_XDP, PORT);
	plain_frames();
	return ktap_done();
}
