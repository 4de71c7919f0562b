// SPDX-License-Identifier: GPL-2.0
/*
 * tunnel_frame.c - such frames made, and each length and checksum of what comes of them
 * looked at, outer and inner.
 */
#define _GNU_SOURCE
#include <linux/ethtool.h>
#include <linux/if_tun.h>
#include <string.h>
#include <unistd.h>

#include "tunnel.h"

#define ROUNDS 8
#define ETH 14
#define TAG 4
#define UDP 8
#define VXLAN 8

const struct nic_cfg guest = {
	.features = F_MODERN | F_MRG, .rx_num = 256, .tx_num = 256,
	.rx_len = 1536, .tx_len = 65600, .tx_bufs = 40, .tunnel = true,
};

const unsigned int all_offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_USO4 |
				  TUN_F_USO6 | TUN_F_UDP_TUNNEL_GSO |
				  TUN_F_UDP_TUNNEL_GSO_CSUM;

const struct kind kinds[KINDS] = {
	{ "TSO4 over IPv4", 0, 0, 0, 0, VIRTIO_NET_HDR_GSO_TCPV4, 0 },
	{ "TSO4 over IPv4, outer checksum", 0, 1, 0, 0, VIRTIO_NET_HDR_GSO_TCPV4, 0 },
	{ "TSO6 over IPv4", 0, 0, 1, 0, VIRTIO_NET_HDR_GSO_TCPV6, 0 },
	{ "TSO4 over IPv6, outer checksum", 1, 1, 0, 0, VIRTIO_NET_HDR_GSO_TCPV4, 0 },
	{ "TSO6 over IPv6", 1, 0, 1, 0, VIRTIO_NET_HDR_GSO_TCPV6, 0 },
	{ "USO over IPv4", 0, 0, 0, 1, VIRTIO_NET_HDR_GSO_UDP_L4, 0 },
	{ "USO over IPv6, outer checksum", 1, 1, 1, 1, VIRTIO_NET_HDR_GSO_UDP_L4, 0 },
};

/* The last are of one piece, which the kernel takes for no GSO frames. */
static const unsigned int payloads[] = {
	3000, 20000, 50000, TUNNEL_GSO_SIZE + 1, 500, TUNNEL_GSO_SIZE,
};

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

static unsigned int outer_l3(const struct kind *k)
{
	return ETH + TAG * k->tags;
}

unsigned int outer_l4(const struct kind *k)
{
	return outer_l3(k) + (k->outer_v6 ? 40 : 20);
}

unsigned int outer_len(const struct kind *k)
{
	return outer_l4(k) + UDP + VXLAN;
}

/* Of the outer addresses, length and protocol. */
static unsigned int pseudo(const struct kind *k, const uint8_t *frame, unsigned int len)
{
	return sum(frame + outer_l3(k) + (k->outer_v6 ? 8 : 12), k->outer_v6 ? 32 : 8,
		   (len + 17) % 65535);
}

uint32_t tunnel_tag(unsigned int i)
{
	return (i ? 0x88a8U : 0x8100U) << 16 | (TUNNEL_VLAN + i);
}

static void put_eth(const struct kind *k, const uint8_t *addrs, uint8_t *p)
{
	unsigned int i;

	memcpy(p, addrs, 12);
	p += 12;
	for (i = k->tags; i--; p += TAG) {
		put16(p, tunnel_tag(i) >> 16);
		put16(p + 2, tunnel_tag(i));
	}
	put16(p, k->outer_v6 ? 0x86dd : 0x0800);
}

static void put_outer(const struct kind *k, uint8_t *p, unsigned int len)
{
	uint8_t *ip = p + outer_l3(k), *udp = p + outer_l4(k);
	unsigned int udp_len = len - outer_l4(k);

	put_eth(k, p + outer_len(k), p);
	memset(ip, 0, udp - ip);
	if (k->outer_v6) {
		ip[0] = 0x60;
		put16(ip + 4, udp_len);
		ip[6] = 17;
		ip[7] = 64;
		memset(ip + 8, 0x21, 16);
		memset(ip + 24, 0x22, 16);
	} else {
		ip[0] = 0x45;
		put16(ip + 2, len - outer_l3(k));
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

struct inet_spec tunnel_spec(const struct kind *k, const uint8_t *to, unsigned int round)
{
	struct inet_spec s = {
		.v6 = k->v6, .udp = k->udp, .payload = payloads[round % PAYLOADS],
		.seq = round * 70000, .first = round * 7919,
	};

	memcpy(s.dst, to, 6);
	memcpy(s.src, mac_guest, 6);
	return s;
}

unsigned int tunnel_pieces(const struct inet_spec *s)
{
	return (s->payload + TUNNEL_GSO_SIZE - 1) / TUNNEL_GSO_SIZE;
}

struct virtio_net_hdr_v1 tunnel_header(const struct kind *k, const struct inet_spec *s)
{
	unsigned int hlen = outer_len(k) + inet_hlen(s);

	return (struct virtio_net_hdr_v1){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM |
			 (k->csum ? VIRTIO_NET_HDR_F_UDP_TUNNEL_CSUM : 0),
		.gso_type = k->type | (k->outer_v6 ? VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV6 :
						     VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV4),
		.gso_size = TUNNEL_GSO_SIZE,
		.hdr_len = hlen,
		.csum_start = hlen - (s->udp ? 8 : 20),
		.csum_offset = s->udp ? 6 : 16,
	};
}

void tunnel_claim(struct bench *b, const struct kind *k)
{
	b->nic.outer_l4 = outer_l4(k);
	b->nic.inner_l3 = outer_len(k) + ETH;
}

void tunnel_send(struct bench *b, const struct kind *k, const struct inet_spec *s,
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

/* @whole: checksums are still to be completed. */
static bool outer_ok(const struct kind *k, const struct inet_spec *s, const uint8_t *p,
		     unsigned int len, bool whole)
{
	const uint8_t *ip = p + outer_l3(k), *udp = p + outer_l4(k);
	unsigned int l4 = outer_l4(k), got = get16(udp + 6);
	uint8_t eth[ETH + 2 * TAG], addrs[12];

	memcpy(addrs, s->dst, 6);
	memcpy(addrs + 6, s->src, 6);
	put_eth(k, addrs, eth);
	if (!CHECK(len > outer_len(k)) || !CHECK(!memcmp(p, eth, outer_l3(k))) ||
	    !CHECK(get16(udp + 4) == len - l4) ||
	    !CHECK(get16(udp) == 51000 && get16(udp + 2) == 4789 && udp[UDP + 6] == 42))
		return false;
	if (k->outer_v6 ? !CHECK(ip[0] >> 4 == 6 && get16(ip + 4) == len - l4) :
			  !CHECK(get16(ip + 2) == len - outer_l3(k) && !sum(ip, 20, 0)))
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

	if (!outer_ok(k, s, p, len, whole) ||
	    !inet_verify(s, p + skip, len - skip, whole, &at, &bytes) || !CHECK(at == *got))
		return false;
	*got += bytes;
	return true;
}

/* What the kernel knows of it, which keeps one tag beside the frame. */
static bool kernel_knows(const struct virtio_net_hdr *got, const struct kind *k,
			 const struct inet_spec *s, bool whole)
{
	struct virtio_net_hdr_v1 h = tunnel_header(k, s);

	if (!whole)
		return CHECK(!got->gso_type) &&
		       CHECK(!(got->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM));
	return CHECK(got->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) &&
	       CHECK(got->gso_type == k->type) && CHECK(got->gso_size == h.gso_size) &&
	       CHECK(got->csum_start == h.csum_start - (k->tags ? TAG : 0)) &&
	       CHECK(got->csum_offset == h.csum_offset);
}

bool tunnel_from(struct pkt *w, const struct kind *k, const struct inet_spec *s,
		 unsigned int *frames)
{
	const unsigned int longest = outer_len(k) + inet_hlen(s) + TUNNEL_GSO_SIZE;
	struct virtio_net_hdr hdr;
	unsigned int got = 0, len;
	uint8_t *p;
	bool whole;

	for (*frames = 0; got < s->payload;) {
		p = pkt_recv(w, &len, &hdr);
		if (!p && !wait_fd(w->fd, 8000)) {
			ktap_diag("%u of %u bytes came", got, s->payload);
			return false;
		}
		if (!p)
			continue;
		++*frames;
		whole = len > longest;
		if (!frame_ok(k, s, p, len, whole, &got) ||
		    (w->vnet && !kernel_knows(&hdr, k, s, whole)))
			return false;
	}
	return CHECK(got == s->payload);
}

/*
 * Where the kernel alone is between guest and tap, nobody completes the checksums of what
 * is of one piece: it takes that for no GSO frame, and the next tap would warn of it.
 */
static bool left_out(const struct bench *b, const struct inet_spec *s)
{
	return b->lane == LANE_SOCK && tunnel_pieces(s) == 1;
}

bool tunnel_to_wire(struct bench *b, struct pkt *w, const struct kind *sent,
		    const struct kind *came, bool whole)
{
	unsigned int i, frames;

	tunnel_claim(b, sent);
	for (i = 0; i < ROUNDS; i++) {
		struct inet_spec s = tunnel_spec(sent, mac_wire, i);
		struct virtio_net_hdr_v1 h = tunnel_header(sent, &s);

		if (left_out(b, &s))
			continue;
		tunnel_send(b, sent, &s, &h, i % 3);
		if (!tunnel_from(w, came, &s, &frames) ||
		    !CHECK(frames == (whole ? 1 : tunnel_pieces(&s)))) {
			ktap_diag("%s, %u bytes", sent->name, s.payload);
			return false;
		}
	}
	return true;
}

/* What the header of a frame says, whole or cut. A tap's says of hdr_len what it likes. */
static bool said_ok(const struct nic_frame *f, const struct kind *k,
		    const struct virtio_net_hdr_v1 *h, bool whole, bool by_tap)
{
	if (!whole)
		return CHECK(!f->hdr.hdr.gso_type && !f->hdr.hdr.flags) &&
		       CHECK(!f->outer_l4 && !f->inner_l3);
	return CHECK(f->hdr.hdr.gso_type == h->gso_type) &&
	       CHECK(f->hdr.hdr.flags == h->flags) &&
	       CHECK(f->hdr.hdr.gso_size == h->gso_size) &&
	       CHECK(by_tap || f->hdr.hdr.hdr_len == h->hdr_len) &&
	       CHECK(f->hdr.hdr.csum_start == h->csum_start) &&
	       CHECK(f->hdr.hdr.csum_offset == h->csum_offset) &&
	       CHECK(f->outer_l4 == outer_l4(k)) && CHECK(f->inner_l3 == outer_len(k) + ETH);
}

/* What is of one piece is not cut, and no GSO frame: its checksums are complete. */
bool tunnel_at_guest(struct two *t, const struct kind *k, const struct inet_spec *s, bool whole)
{
	struct virtio_net_hdr_v1 h = tunnel_header(k, s);
	unsigned int got = 0, frames, pieces = tunnel_pieces(s);
	struct nic_frame f;
	bool ok = true;

	whole = whole && pieces > 1;
	for (frames = 0; ok && got < s->payload; frames++) {
		ok = two_next(t, &f) &&
		     said_ok(&f, k, &h, whole, t->b.lane == LANE_SOCK) &&
		     frame_ok(k, s, f.data, f.len, whole, &got);
		two_done(t);
	}
	return ok && CHECK(frames == (whole ? 1 : pieces));
}

bool tunnel_to_guest(struct two *t, const struct kind *sent, const struct kind *came,
		     bool whole)
{
	unsigned int i;

	tunnel_claim(&t->a, sent);
	for (i = 0; i < ROUNDS; i++) {
		struct inet_spec s = tunnel_spec(sent, mac_b, i);
		struct virtio_net_hdr_v1 h = tunnel_header(sent, &s);

		if (left_out(&t->a, &s))
			continue;
		tunnel_send(&t->a, sent, &s, &h, i % 3);
		if (!tunnel_at_guest(t, came, &s, whole)) {
			ktap_diag("%s, %u bytes", sent->name, s.payload);
			return false;
		}
	}
	return true;
}

/*
 * On the wire nobody may put together again what was cut. As long as it has a program the
 * uplink can have no TSO.
 */
void slow_uplink(bool slow)
{
	static int xdp;

	if (slow)
		net_offloads(UPLINK, false);
	net_enter_wire();
	if (slow) {
		net_ethtool(WIRE, ETHTOOL_SGRO, 0);
		xdp = net_xdp_pass(WIRE);
	} else {
		close(xdp);
		net_ethtool(WIRE, ETHTOOL_SGRO, 1);
	}
	net_enter_host();
	if (!slow)
		net_offloads(UPLINK, true);
}
