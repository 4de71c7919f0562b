// SPDX-License-Identifier: GPL-2.0
/*
 * packet.c - GSO frames and what must come of them. See packet.h.
 *
 * Checksums are verified here by other means than those under test: as a number in
 * base 65536 that must be a multiple of 65535, summed byte by byte.
 */
#include "ktap.h"
#include "packet.h"

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
static u32 pseudo_sum(const struct packet *p, const u8 *frame, u32 l4_len)
{
	u32 addrs = p->l3 + (p->spec.v6 ? 8 : 12);
	u32 sum = sum_bytes(frame + addrs, p->spec.v6 ? 32 : 8, 0);

	return (sum + (l4_len >> 16) + (l4_len & 0xffff) + proto_of(&p->spec)) % 65535;
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
	put16(at, p->spec.v6 ? ETH_P_IPV6 : ETH_P_IP);
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
	p->hdr = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .gso_type = type,
		.hdr_len = p->hdr_len, .gso_size = p->spec.mss,
		.csum_start = p->l4, .csum_offset = p->spec.udp ? 6 : 16,
	};
}

void packet_make(struct packet *p, const struct spec *spec)
{
	u32 i;

	*p = (struct packet){ .spec = *spec };
	p->l3 = 14 + 4 * spec->tags;
	p->l4 = p->l3 + (spec->v6 ? 40 : 20) + spec->l3_opts;
	p->hdr_len = p->l4 + (spec->udp ? 8 : 20 + spec->tcp_opts);
	p->len = p->hdr_len + spec->payload;
	p->data = calloc(1, p->len);
	NEED(p->data);
	put_ethernet(p);
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

bool packet_seg_ok(const struct packet *p, const u8 *seg, u32 len, u32 i, u32 nr)
{
	u32 off = i * p->spec.mss, part = min_t(u32, p->spec.mss, p->spec.payload - off);
	bool ok;

	ok = CHECK(off < p->spec.payload) && CHECK(len == p->hdr_len + part) &&
	     CHECK(!memcmp(seg, p->data, p->l3)) &&
	     CHECK(!memcmp(seg + p->hdr_len, p->data + p->hdr_len + off, part));
	ok = ok && (p->spec.v6 ? ipv6_ok(p, seg, len) : ipv4_ok(p, seg, len, i));
	ok = ok && (p->spec.udp ? udp_ok(p, seg, len) : tcp_ok(p, seg, i, nr));
	ok = ok && CHECK(sum_bytes(seg + p->l4, len - p->l4,
				   pseudo_sum(p, seg, len - p->l4)) == 0);
	if (!ok)
		ktap_diag("segment %u of %u: v6 %d udp %d tags %u opts %u+%u flags %#x mss %u payload %u",
			  i, nr, p->spec.v6, p->spec.udp, p->spec.tags, p->spec.l3_opts,
			  p->spec.tcp_opts, p->spec.tcp_flags, p->spec.mss, p->spec.payload);
	return ok;
}
