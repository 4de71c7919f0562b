// SPDX-License-Identifier: GPL-2.0
/*
 * test_gso.c - GSO frames cut by kmod/core/net_hdr.c, each frame that comes of it
 * looked at in every field.
 */
#include <linux/vhost_xdp.h>

#include "ktap.h"
#include "packet.h"
#include "random.h"

/* As kmod/kfunc.c cuts: headers and a slice, allocated to the byte, off alignment. */
static bool segment_ok(const struct packet *p, const struct vxdp_gso *gso, u32 i, u32 nr)
{
	u32 len = vxdp_gso_seg_len(gso, i), skew = i % 4;
	u8 *room = malloc(len + skew), *seg = room + skew;
	bool ok;

	NEED(room);
	NEED(len > p->hdr_len && i * gso->size + len <= p->len);
	memcpy(seg, p->data, gso->hdr_len);
	memcpy(seg + gso->hdr_len, p->data + gso->hdr_len + i * gso->size, len - gso->hdr_len);
	vxdp_gso_seg_finish(gso, seg, i);
	ok = packet_seg_ok(p, seg, len, i, nr);
	free(room);
	return ok;
}

static bool packet_ok(const struct packet *p)
{
	u32 want = (p->spec.payload + p->spec.mss - 1) / p->spec.mss, i;
	struct vxdp_gso gso;

	if (!CHECK(!vxdp_net_hdr_check(&p->claim.hdr, p->len, p->len)) ||
	    !CHECK(!vxdp_gso_parse(&gso, &p->claim, p->data, p->len, p->len)) ||
	    !CHECK(gso.l3 == p->l3) || !CHECK(gso.l4 == p->l4) ||
	    !CHECK(gso.hdr_len == p->hdr_len) || !CHECK(vxdp_gso_segs(&gso) == want))
		return false;
	for (i = 0; i < want; i++) {
		if (!segment_ok(p, &gso, i, want))
			return false;
	}
	return true;
}

static bool cuts(struct spec spec)
{
	struct packet p;
	bool ok;

	packet_make(&p, &spec);
	ok = packet_ok(&p);
	free(p.data);
	return ok;
}

/* The same for every protocol; the rest of the spec is the case's. */
static bool all_cut(struct spec spec)
{
	u32 i, all = spec.tunnel ? 16 : 4;

	for (i = 0; i < all; i++) {
		spec.v6 = i & 1;
		spec.udp = i & 2;
		spec.outer_csum = i & 4;
		if (spec.tunnel)
			spec.tunnel = i & 8 ? 6 : 4;
		if (!cuts(spec))
			return false;
	}
	return true;
}

static struct spec usual(void)
{
	return (struct spec){
		.tcp_opts = 12, .tcp_flags = TH_ACK, .mss = 1448, .id = 100,
		.seq = 1000, .payload = 20000,
	};
}

static bool tcpv4(void)
{
	return cuts(usual());
}

static bool tcpv6(void)
{
	struct spec s = usual();

	s.v6 = true;
	return cuts(s);
}

static bool usov4(void)
{
	struct spec s = usual();

	s.udp = true;
	return cuts(s);
}

static bool usov6(void)
{
	struct spec s = usual();

	s.udp = s.v6 = true;
	return cuts(s);
}

static bool tags(void)
{
	struct spec s = usual();

	s.tags = 1;
	if (!all_cut(s))
		return false;
	s.tags = 2;
	return all_cut(s);
}

static bool tunnels(void)
{
	struct spec s = usual();

	s.tunnel = 4;
	for (s.tags = 0; s.tags <= 2; s.tags++) {
		for (s.l3_opts = 0; s.l3_opts <= 24; s.l3_opts += 8) {
			if (!all_cut(s))
				return false;
		}
	}
	return true;
}

static bool is_whole(const struct spec *spec)
{
	struct vxdp_gso gso;
	struct packet p;
	bool whole;

	packet_make(&p, spec);
	NEED(!vxdp_gso_parse(&gso, &p.claim, p.data, p.len, p.len));
	whole = vxdp_gso_is_whole_in_tunnel(&gso);
	free(p.data);
	return whole;
}

/* To the kernel no GSO frame; of TCP neither where there are but 8 bytes to cut. */
static bool whole_in_tunnel(void)
{
	struct spec s = usual();

	for (s.payload = 1; s.payload < 20; s.payload++) {
		for (s.mss = 1; s.mss < 22; s.mss++) {
			s.tunnel = 0;
			s.udp = false;
			if (!CHECK(!is_whole(&s)))
				return false;
			s.tunnel = 4;
			if (!CHECK(is_whole(&s) == (s.payload <= s.mss || s.payload <= 8)))
				return false;
			s.udp = true;
			if (!CHECK(is_whole(&s) == (s.payload <= s.mss)))
				return false;
		}
	}
	return true;
}

/* The outer packets have numbers, too, and each frame a checksum of its own. */
static bool tunnel_sizes(void)
{
	struct spec s = usual();

	s.tunnel = 4;
	s.id = 0xfffd - 0x7777;
	for (s.payload = 1; s.payload < 20; s.payload++) {
		for (s.mss = 1; s.mss < 22; s.mss++) {
			if (!all_cut(s))
				return false;
		}
	}
	return true;
}

/* What is said to who gets it whole is what would have been honest. */
static bool claimed(struct spec spec)
{
	struct vxdp_claim claim;
	struct vxdp_gso gso;
	struct packet p;
	bool ok;

	packet_make(&p, &spec);
	p.claim.hdr.flags |= 0xf0 | VIRTIO_NET_HDR_F_DATA_VALID;
	p.claim.hdr.hdr_len = 1;
	NEED(!vxdp_gso_parse(&gso, &p.claim, p.data, p.len, p.len));
	claim = vxdp_gso_claim(&gso, &p.claim);
	p.claim.hdr.flags &= ~(0xf0 | VIRTIO_NET_HDR_F_DATA_VALID);
	p.claim.hdr.hdr_len = p.hdr_len;
	ok = CHECK(!memcmp(&claim, &p.claim, sizeof(claim)));
	free(p.data);
	return ok;
}

static bool claims(void)
{
	struct spec s = usual();
	u32 i;

	for (i = 0; i < 24; i++) {
		s.v6 = i & 1;
		s.udp = i & 2;
		s.outer_csum = i & 4;
		s.tunnel = i < 8 ? 0 : i < 16 ? 4 : 6;
		s.outer_csum &= !!s.tunnel;
		s.tcp_flags = i & 1 ? TH_CWR : 0;
		if (!claimed(s))
			return false;
	}
	return true;
}

static bool options(void)
{
	struct spec s = usual();

	for (s.l3_opts = 8; s.l3_opts <= 40; s.l3_opts += 8) {
		for (s.tcp_opts = 0; s.tcp_opts <= 40; s.tcp_opts += 4) {
			if (!all_cut(s))
				return false;
		}
	}
	return true;
}

static bool sizes(void)
{
	struct spec s = usual();

	for (s.payload = 1; s.payload < 40; s.payload++) {
		for (s.mss = 1; s.mss < 42; s.mss++) {
			if (!all_cut(s))
				return false;
		}
	}
	return true;
}

static bool last_short(void)
{
	struct spec s = usual();

	for (s.payload = 1448 * 3 - 2; s.payload <= 1448 * 3 + 2; s.payload++) {
		if (!all_cut(s))
			return false;
	}
	s.mss = 1447;
	s.payload = 1447 * 4 + 1;
	return all_cut(s);
}

/* The longest that IPv4 can say, cut as small as we allow. */
static bool longest(void)
{
	struct spec s = usual();

	s.tcp_opts = 0;
	s.tags = 1;
	s.payload = 65535 - 20 - 20;
	if (!cuts(s))
		return false;
	s.mss = 32;
	if (!cuts(s))
		return false;
	s.v6 = true;
	s.payload = 65535 - 40 - 20;
	return cuts(s);
}

static bool jumbo(void)
{
	struct spec s = usual();

	s.tcp_opts = 0;
	s.payload = 60000;
	s.mss = VHOST_XDP_FRAME_MAX - 14 - 40;
	return cuts(s);
}

static bool flags(void)
{
	struct spec s = usual();
	u32 all;

	s.payload = 3000;
	for (all = 0; all < 256; all++) {
		s.tcp_flags = all;
		s.v6 = all & 1;
		if (!cuts(s))
			return false;
	}
	return true;
}

static bool wraps(void)
{
	struct spec s = usual();

	s.id = 0xfffd;
	s.seq = 0xffffffff - 2000;
	return all_cut(s);
}

/* For each sum there is a last word that brings the checksum to 0: sent as ffff. */
static bool udp_zero(bool v6)
{
	struct spec s = { .udp = true, .v6 = v6, .mss = 64, .payload = 64 };
	u32 word, mangled = 0, off;
	struct vxdp_gso gso;
	struct packet p;
	bool ok = true;
	u8 seg[256];

	packet_make(&p, &s);
	off = p.l4 + 6;
	NEED(!vxdp_gso_parse(&gso, &p.claim, p.data, p.len, p.len));
	for (word = 0; word < 65536 && ok; word++) {
		p.data[p.len - 2] = word >> 8;
		p.data[p.len - 1] = word;
		memcpy(seg, p.data, p.len);
		vxdp_gso_seg_finish(&gso, seg, 0);
		ok = packet_seg_ok(&p, seg, p.len, 0, 1);
		mangled += seg[off] == 0xff && seg[off + 1] == 0xff;
	}
	free(p.data);
	return ok && CHECK(mangled > 0);
}

static bool udp_zero_v4(void)	{ return udp_zero(false); }
static bool udp_zero_v6(void)	{ return udp_zero(true); }

static bool anything(void)
{
	struct spec s;
	u32 i;

	for (i = 0; i < 3000; i++) {
		s = (struct spec){
			.v6 = random_below(2), .udp = random_below(2),
			.tags = random_below(3), .l3_opts = random_below(6) * 8,
			.tcp_opts = random_below(11) * 4, .tcp_flags = random_u64(),
			.id = random_u64(), .seq = random_u64(),
			.tunnel = random_below(4) * 2, .outer_csum = random_below(2),
			.payload = 1 + random_below(1 << random_below(16)),
		};
		/* As little of a tunnel has room for all of its headers. */
		if (s.tunnel == 2)
			s.tunnel = 0;
		if (s.tunnel) {
			s.l3_opts = 0;
			s.tcp_opts %= 16;
		}
		s.outer_csum &= !!s.tunnel;
		s.mss = 1 + s.payload / 500 + random_below(9000 - s.payload / 500);
		if (!cuts(s))
			return false;
	}
	return true;
}

static const struct {
	const char *name;
	bool (*run)(void);
} cases[] = {
	{ "TCP over IPv4", tcpv4 },
	{ "TCP over IPv6", tcpv6 },
	{ "UDP over IPv4", usov4 },
	{ "UDP over IPv6", usov6 },
	{ "one and two VLAN tags", tags },
	{ "in a VXLAN over IPv4 and IPv6, with and without an outer checksum", tunnels },
	{ "in a VXLAN, what there is nothing to cut of", whole_in_tunnel },
	{ "in a VXLAN, payloads of 1 to 19, each cut in every way", tunnel_sizes },
	{ "what is said of a frame to who gets it whole", claims },
	{ "IPv4 options, IPv6 extension headers, TCP options", options },
	{ "payloads of 1 to 39, each cut in every way", sizes },
	{ "a last frame that is short, full or nearly so", last_short },
	{ "64 KiB, in frames of 1448 and of 32", longest },
	{ "frames of the longest there are", jumbo },
	{ "every combination of TCP flags", flags },
	{ "IP identification and sequence wrap", wraps },
	{ "a UDP checksum of 0, over IPv4", udp_zero_v4 },
	{ "a UDP checksum of 0, over IPv6", udp_zero_v6 },
	{ "3000 random frames", anything },
};

int main(void)
{
	unsigned int i;

	random_seed("selftests/unit/gso");
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		ktap_case(60, "gso: %s", cases[i].name);
		ktap_ok(cases[i].run());
	}
	return ktap_done();
}
