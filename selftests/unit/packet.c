// SPDX-License-Identifier: GPL-2.0
/*
 * packet.c - GSO frames and what must come of them. See packet.h.
 *
 * Checksums are verified here by other means than those under test: as a number in
 * base 65536 that must be a multiple of 65535, summed byte by byte.
 */
#include "ktap.h"
#include "packet.h"

/* UDP, VXLAN, Ethernet. */
#define TUNNEL_LEN	(8 + 8 + 14)
/* The outer packets have other numbers than the inner ones. */
#define OUTER_ID	0x7777

static u32 sum_bytes(const u8 *p, u32 len, u32 sum)
{
	u32 i;

	for (i = 0; i < len; i++)
		sum = (sum + (i % 2 ? p[i] : p[i] << 8)) % 65535;
	return sum;
}

static void put16(u8 *p, u32 val)
{
	p[0] = val >> 8;
	p[1] = val;
}

static void put32(u8 *p, u32 val)
{
	put16(p, val >> 16);
	put16(p + 2, val);
}

static u32 get16(const u8 *p)
{
	return p[0] << 8 | p[1];
}

static u32 get32(const u8 *p)
{
	return get16(p) << 16 | get16(p + 2);
}

static u8 proto_of(const struct spec *s)
{
	return s->udp ? IPPROTO_UDP : IPPROTO_TCP;
}

/* The pseudo header: addresses, length, protocol. */
static u32 pseudo_sum_of(const u8 *ip, u32 l4_len, u8 proto)
{
	bool v6 = ip[0] >> 4 == 6;
	u32 sum = sum_bytes(ip + (v6 ? 8 : 12), v6 ? 32 : 8, 0);

	return (sum + (l4_len >> 16) + (l4_len & 0xffff) + proto) % 65535;
}

static u32 pseudo_sum(const struct packet *p, const u8 *frame, u32 l4_len)
{
	return pseudo_sum_of(frame + p->l3, l4_len, proto_of(&p->spec));
}

static void put_ethernet(struct packet *p)
{
	u8 *at = p->data;
	u32 i;

	for (i = 0; i < 12; i++)
		at[i] = 0x02 + i * 16;
	at += 12;
	for (i = 0; i < p->spec.tags; i++, at += 4) {
		put16(at, i + 1 < p->spec.tags ? ETH_P_8021AD : ETH_P_8021Q);
		put16(at + 2, 0x2064 + i);
	}
	put16(at, (p->spec.tunnel ? p->spec.tunnel == 6 : p->spec.v6) ? ETH_P_IPV6 : ETH_P_IP);
}

/* Of the tunnel: its IP and UDP headers, VXLAN's, and the Ethernet header within. */
static void put_outer(struct packet *p)
{
	u8 *ip = p->data + p->outer_l3, *udp = p->data + p->outer_l4;
	u32 i, len = p->len - p->outer_l4;

	for (i = 0; i < p->outer_l4 - p->outer_l3; i++)
		ip[i] = 0x30 + i * 3;
	if (p->spec.tunnel == 6) {
		ip[0] = 0x60;
		put16(ip + 4, len);
		ip[6] = IPPROTO_UDP;
	} else {
		ip[0] = 0x45;
		put16(ip + 2, p->len - p->outer_l3);
		put16(ip + 4, p->spec.id + OUTER_ID);
		put16(ip + 6, 0x4000);
		ip[9] = IPPROTO_UDP;
	}
	put16(udp, 50000);
	put16(udp + 2, 4789);
	put16(udp + 4, len);
	put16(udp + 6, p->spec.outer_csum ? pseudo_sum_of(ip, len, IPPROTO_UDP) : 0);
	put32(udp + 8, 0x08000000);
	put32(udp + 12, 0x12345600);
	for (i = 0; i < 12; i++)
		udp[16 + i] = 0xf0 + i;
	put16(udp + 28, p->spec.v6 ? ETH_P_IPV6 : ETH_P_IP);
}

static void put_ipv4(struct packet *p)
{
	u8 *ip = p->data + p->l3;

	ip[0] = 0x40 | (20 + p->spec.l3_opts) / 4;
	ip[1] = 0x2a;
	put16(ip + 2, p->len - p->l3);
	put16(ip + 4, p->spec.id);
	put16(ip + 6, 0x4000);
	ip[8] = 63;
	ip[9] = proto_of(&p->spec);
	put32(ip + 12, 0xc0a80102);
	put32(ip + 16, 0x0a6340ff);
	memset(ip + 20, 1, p->spec.l3_opts);
	put16(ip + 10, 65535 - sum_bytes(ip, 20 + p->spec.l3_opts, 0));
}

/* Extension headers as one destination options header of padding. */
static void put_ipv6(struct packet *p)
{
	u8 *ip = p->data + p->l3, *ext = ip + 40;
	u32 i;

	put32(ip, 0x62a12345);
	put16(ip + 4, p->len - p->l3 - 40);
	ip[6] = p->spec.l3_opts ? 60 : proto_of(&p->spec);
	ip[7] = 61;
	for (i = 8; i < 40; i++)
		ip[i] = 0x20 + i * 5;
	if (!p->spec.l3_opts)
		return;
	ext[0] = proto_of(&p->spec);
	ext[1] = p->spec.l3_opts / 8 - 1;
	ext[2] = 1;
	ext[3] = p->spec.l3_opts - 4;
}

static void put_tcp(struct packet *p)
{
	u8 *t = p->data + p->l4;

	put16(t, 40000);
	put16(t + 2, 80);
	put32(t + 4, p->spec.seq);
	put32(t + 8, 0x89abcdef);
	t[12] = (20 + p->spec.tcp_opts) / 4 << 4 | 0x01;
	t[13] = p->spec.tcp_flags;
	put16(t + 14, 0x7fff);
	put16(t + 16, pseudo_sum(p, p->data, p->len - p->l4));
	put16(t + 18, 0x0102);
	memset(t + 20, 1, p->spec.tcp_opts);
}

static void put_udp(struct packet *p)
{
	u8 *u = p->data + p->l4;

	put16(u, 5000);
	put16(u + 2, 443);
	put16(u + 4, p->len - p->l4);
	put16(u + 6, pseudo_sum(p, p->data, p->len - p->l4));
}

static void set_hdr(struct packet *p)
{
	u8 type = p->spec.udp ? VIRTIO_NET_HDR_GSO_UDP_L4 :
		  p->spec.v6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;

	if (p->spec.tcp_flags & TH_CWR && !p->spec.udp)
		type |= VIRTIO_NET_HDR_GSO_ECN;
	p->claim.hdr = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .gso_type = type,
		.hdr_len = p->hdr_len, .gso_size = p->spec.mss,
		.csum_start = p->l4, .csum_offset = p->spec.udp ? 6 : 16,
	};
	if (!p->spec.tunnel)
		return;
	p->claim.hdr.gso_type |= p->spec.tunnel == 6 ? VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV6 :
						       VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV4;
	if (p->spec.outer_csum)
		p->claim.hdr.flags |= VIRTIO_NET_HDR_F_UDP_TUNNEL_CSUM;
	p->claim.outer_l4 = p->outer_l4;
	p->claim.inner_l3 = p->l3;
}

void packet_make(struct packet *p, const struct spec *spec)
{
	u32 i;

	*p = (struct packet){ .spec = *spec };
	p->l3 = 14 + 4 * spec->tags;
	if (spec->tunnel) {
		p->outer_l3 = p->l3;
		p->outer_l4 = p->outer_l3 + (spec->tunnel == 6 ? 40 : 20);
		p->l3 = p->outer_l4 + TUNNEL_LEN;
	}
	p->l4 = p->l3 + (spec->v6 ? 40 : 20) + spec->l3_opts;
	p->hdr_len = p->l4 + (spec->udp ? 8 : 20 + spec->tcp_opts);
	p->len = p->hdr_len + spec->payload;
	p->data = calloc(1, p->len);
	NEED(p->data);
	put_ethernet(p);
	if (spec->tunnel)
		put_outer(p);
	if (spec->v6)
		put_ipv6(p);
	else
		put_ipv4(p);
	if (spec->udp)
		put_udp(p);
	else
		put_tcp(p);
	for (i = 0; i < spec->payload; i++)
		p->data[p->hdr_len + i] = i * 7 + (i >> 8) * 3;
	set_hdr(p);
}

/* Same bytes but for those from @from to @to, which are to be as they must. */
static bool same_but(const struct packet *p, const u8 *seg, u32 start, u32 end,
		     u32 from, u32 to)
{
	return CHECK(!memcmp(p->data + start, seg + start, from - start)) &&
	       CHECK(!memcmp(p->data + to, seg + to, end - to));
}

static bool ipv4_ok(const struct packet *p, const u8 *seg, u32 len, u32 i)
{
	const u8 *ip = seg + p->l3;
	u32 l3 = p->l3;

	return CHECK(get16(ip + 2) == len - l3) &&
	       CHECK(get16(ip + 4) == ((p->spec.id + i) & 0xffff)) &&
	       CHECK(sum_bytes(ip, p->l4 - l3, 0) == 0) &&
	       CHECK(ip[0] == p->data[l3] && ip[1] == p->data[l3 + 1]) &&
	       same_but(p, seg, l3 + 6, p->l4, l3 + 10, l3 + 12);
}

static bool ipv6_ok(const struct packet *p, const u8 *seg, u32 len)
{
	u32 l3 = p->l3;

	return CHECK(get16(seg + l3 + 4) == len - l3 - 40) &&
	       same_but(p, seg, l3, p->l4, l3 + 4, l3 + 6);
}

static u8 flags_of(const struct packet *p, u32 i, u32 nr)
{
	u8 flags = p->spec.tcp_flags;

	if (i)
		flags &= ~TH_CWR;
	if (i + 1 < nr)
		flags &= ~(TH_FIN | TH_PSH);
	return flags;
}

static bool tcp_ok(const struct packet *p, const u8 *seg, u32 i, u32 nr)
{
	const u8 *t = seg + p->l4;

	return CHECK(get32(t + 4) == (u32)(p->spec.seq + i * p->spec.mss)) &&
	       CHECK(t[13] == flags_of(p, i, nr)) && CHECK(t[12] == p->data[p->l4 + 12]) &&
	       same_but(p, seg, p->l4, p->l4 + 12, p->l4 + 4, p->l4 + 8) &&
	       same_but(p, seg, p->l4 + 14, p->hdr_len, p->l4 + 16, p->l4 + 18);
}

static bool udp_ok(const struct packet *p, const u8 *seg, u32 len)
{
	const u8 *u = seg + p->l4;

	/* virtio and RFC 768: 0 would be "no checksum". */
	return CHECK(get16(u + 4) == len - p->l4) && CHECK(get16(u + 6) != 0) &&
	       CHECK(!memcmp(u, p->data + p->l4, 4));
}

static bool outer_l3_ok(const struct packet *p, const u8 *seg, u32 len, u32 i)
{
	const u8 *ip = seg + p->outer_l3;
	u32 l3 = p->outer_l3, l4 = p->outer_l4;

	if (p->spec.tunnel == 6)
		return CHECK(get16(ip + 4) == len - l4) && same_but(p, seg, l3, l4, l3 + 4, l3 + 6);
	return CHECK(get16(ip + 2) == len - l3) && CHECK(sum_bytes(ip, 20, 0) == 0) &&
	       CHECK(get16(ip + 4) == ((p->spec.id + OUTER_ID + i) & 0xffff)) &&
	       CHECK(ip[0] == p->data[l3] && ip[1] == p->data[l3 + 1]) &&
	       same_but(p, seg, l3 + 6, l4, l3 + 10, l3 + 12);
}

/* All in front of the inner IP header. */
static bool outer_ok(const struct packet *p, const u8 *seg, u32 len, u32 i)
{
	u32 l4 = p->outer_l4, rest = len - l4;

	if (!p->spec.tunnel)
		return CHECK(!memcmp(seg, p->data, p->l3));
	return CHECK(!memcmp(seg, p->data, p->outer_l3)) && outer_l3_ok(p, seg, len, i) &&
	       CHECK(get16(seg + l4 + 4) == rest) &&
	       same_but(p, seg, l4, p->l3, l4 + 4, l4 + 8) &&
	       CHECK(p->spec.outer_csum == !!get16(seg + l4 + 6)) &&
	       (!p->spec.outer_csum ||
		CHECK(!sum_bytes(seg + l4, rest,
				 pseudo_sum_of(seg + p->outer_l3, rest, IPPROTO_UDP))));
}

bool packet_seg_ok(const struct packet *p, const u8 *seg, u32 len, u32 i, u32 nr)
{
	u32 off = i * p->spec.mss, part = min_t(u32, p->spec.mss, p->spec.payload - off);
	bool ok;

	ok = CHECK(off < p->spec.payload) && CHECK(len == p->hdr_len + part) &&
	     outer_ok(p, seg, len, i) &&
	     CHECK(!memcmp(seg + p->hdr_len, p->data + p->hdr_len + off, part));
	ok = ok && (p->spec.v6 ? ipv6_ok(p, seg, len) : ipv4_ok(p, seg, len, i));
	ok = ok && (p->spec.udp ? udp_ok(p, seg, len) : tcp_ok(p, seg, i, nr));
	ok = ok && CHECK(sum_bytes(seg + p->l4, len - p->l4,
				   pseudo_sum(p, seg, len - p->l4)) == 0);
	if (!ok)
		ktap_diag("segment %u of %u: tunnel %u v6 %d udp %d tags %u opts %u+%u flags %#x mss %u payload %u",
			  i, nr, p->spec.tunnel, p->spec.v6, p->spec.udp, p->spec.tags, p->spec.l3_opts,
			  p->spec.tcp_opts, p->spec.tcp_flags, p->spec.mss, p->spec.payload);
	return ok;
}
