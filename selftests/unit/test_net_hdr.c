// SPDX-License-Identifier: GPL-2.0
/*
 * test_net_hdr.c - the lies a virtio-net header can tell (kmod/core/net_hdr.c).
 */
#include <linux/vhost_xdp.h>

#include "ktap.h"
#include "packet.h"
#include "random.h"

#define OK		0
#define SHORT		VHOST_XDP_STAT_TX_DROP_SHORT
#define OVERSIZE	VHOST_XDP_STAT_TX_DROP_OVERSIZE
#define CSUM		VHOST_XDP_STAT_TX_DROP_CSUM
#define GSO		VHOST_XDP_STAT_TX_DROP_GSO

static bool checks(struct virtio_net_hdr hdr, u32 len, u32 linear, u32 want)
{
	u32 got = vxdp_net_hdr_check(&hdr, len, linear);

	if (got == want)
		return true;
	ktap_diag("start %u offset %u hdr_len %u gso %u, frame of %u: %u, not %u",
		  hdr.csum_start, hdr.csum_offset, hdr.hdr_len, hdr.gso_type, len, got, want);
	return false;
}

static struct virtio_net_hdr csum_at(u16 start, u16 offset)
{
	return (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = start,
		.csum_offset = offset,
	};
}

static bool short_frames(void)
{
	struct virtio_net_hdr hdr = {};

	return checks(hdr, 0, 4000, SHORT) && checks(hdr, 13, 4000, SHORT) &&
	       checks(hdr, 14, 4000, OK);
}

static bool long_frames(void)
{
	struct virtio_net_hdr hdr = {}, gso = { .gso_type = VIRTIO_NET_HDR_GSO_TCPV4 };

	return checks(hdr, VHOST_XDP_FRAME_MAX, 3500, OK) &&
	       checks(hdr, VHOST_XDP_FRAME_MAX + 1, 3500, OVERSIZE) &&
	       checks(gso, VXDP_GSO_FRAME_MAX, 3500, OK) &&
	       checks(gso, VXDP_GSO_FRAME_MAX + 1, 3500, OVERSIZE) &&
	       CHECK(VXDP_GSO_FRAME_MAX == 65553);
}

static bool csum_fields(void)
{
	struct virtio_net_hdr unasked = csum_at(0xffff, 0xffff);

	unasked.flags = VIRTIO_NET_HDR_F_DATA_VALID;
	return checks(csum_at(14, 0), 16, 4000, OK) && checks(csum_at(14, 0), 15, 4000, CSUM) &&
	       checks(csum_at(13, 1), 100, 4000, CSUM) && checks(csum_at(0, 50), 100, 4000, CSUM) &&
	       checks(csum_at(34, 16), 52, 4000, OK) && checks(csum_at(34, 16), 51, 4000, CSUM) &&
	       checks(csum_at(0xffff, 0xffff), 9000, 9000, CSUM) &&
	       checks(csum_at(0xfff0, 0x20), 9000, 9000, CSUM) &&
	       checks(csum_at(100, 0xffff), 9000, 9000, CSUM) && checks(unasked, 60, 4000, OK);
}

/* Only what lies in the first page can be addressed. */
static bool csum_beyond_linear(void)
{
	return checks(csum_at(3000, 498), 9000, 3500, OK) &&
	       checks(csum_at(3000, 499), 9000, 3500, CSUM) &&
	       checks(csum_at(5000, 6), 9000, 3500, CSUM);
}

static bool hdr_len(void)
{
	struct virtio_net_hdr hdr = { .hdr_len = 60 };

	return checks(hdr, 60, 4000, OK) && checks(hdr, 59, 4000, GSO) &&
	       checks((struct virtio_net_hdr){ .hdr_len = 0xffff }, 9000, 4000, GSO);
}

/* The frame after one lie; the rest of it is true. */
static bool lies(void (*lie)(struct packet *p), struct spec spec, u32 want)
{
	struct vxdp_gso gso;
	struct packet p;
	u32 got;

	packet_make(&p, &spec);
	lie(&p);
	got = vxdp_gso_parse(&gso, &p.claim, p.data, p.len, p.len);
	free(p.data);
	return CHECK(got == want);
}

static struct spec tcp4(void)
{
	return (struct spec){ .mss = 1000, .payload = 3000, .tcp_flags = TH_ACK };
}

static struct spec tcp6(void)
{
	return (struct spec){ .v6 = true, .mss = 1000, .payload = 3000 };
}

static struct spec udp4(void)
{
	return (struct spec){ .udp = true, .mss = 1000, .payload = 3000 };
}

static struct spec udp6(void)
{
	return (struct spec){ .udp = true, .v6 = true, .mss = 1000, .payload = 3000 };
}

static bool all_lie(void (*lie)(struct packet *p))
{
	return lies(lie, tcp4(), GSO) && lies(lie, tcp6(), GSO) &&
	       lies(lie, udp4(), GSO) && lies(lie, udp6(), GSO);
}

static void truth(struct packet *p)		{ (void)p; }
static void no_csum(struct packet *p)		{ p->claim.hdr.flags = 0; }
static void csum_offset_less(struct packet *p)	{ p->claim.hdr.csum_offset--; }
static void csum_offset_other(struct packet *p)	{ p->claim.hdr.csum_offset ^= 16 ^ 6; }
static void csum_start_less(struct packet *p)	{ p->claim.hdr.csum_start -= 4; }
static void csum_start_more(struct packet *p)	{ p->claim.hdr.csum_start += 1; }
static void csum_start_l3(struct packet *p)	{ p->claim.hdr.csum_start = p->l3; }
static void csum_start_far(struct packet *p)	{ p->claim.hdr.csum_start = 300; }
static void csum_start_max(struct packet *p)	{ p->claim.hdr.csum_start = 0xffff; }
static void size_zero(struct packet *p)		{ p->claim.hdr.gso_size = 0; }
static void ecn(struct packet *p)		{ p->claim.hdr.gso_type |= VIRTIO_NET_HDR_GSO_ECN; }
static void type_ufo(struct packet *p)		{ p->claim.hdr.gso_type = VIRTIO_NET_HDR_GSO_UDP; }
static void type_none(struct packet *p)		{ p->claim.hdr.gso_type = 0; }
static void type_noise(struct packet *p)	{ p->claim.hdr.gso_type = 0x12; }
static void type_tcp4(struct packet *p)		{ p->claim.hdr.gso_type = VIRTIO_NET_HDR_GSO_TCPV4; }
static void type_tcp6(struct packet *p)		{ p->claim.hdr.gso_type = VIRTIO_NET_HDR_GSO_TCPV6; }
static void ethertype(struct packet *p)		{ p->data[p->l3 - 2] = 0x09; }
static void version(struct packet *p)		{ p->data[p->l3] ^= 0x10; }
static void ihl_more(struct packet *p)		{ p->data[p->l3]++; }
static void ihl_less(struct packet *p)		{ p->data[p->l3]--; }
static void protocol4(struct packet *p)		{ p->data[p->l3 + 9] = 1; }
static void protocol6(struct packet *p)		{ p->data[p->l3 + 6] = 58; }
static void more_fragments(struct packet *p)	{ p->data[p->l3 + 6] |= 0x20; }
static void fragment_offset(struct packet *p)	{ p->data[p->l3 + 7] = 1; }
static void fragment_far(struct packet *p)	{ p->data[p->l3 + 6] |= 0x10; }
static void may_fragment(struct packet *p)	{ p->data[p->l3 + 6] = 0; }
static void doff_4(struct packet *p)		{ p->data[p->l4 + 12] = 0x40; }
static void doff_0(struct packet *p)		{ p->data[p->l4 + 12] = 0; }
static void to_group(struct packet *p)		{ p->data[0] |= 1; }
static void no_payload(struct packet *p)	{ p->len = p->hdr_len; }
static void one_byte(struct packet *p)		{ p->len = p->hdr_len + 1; }
static void fragment6(struct packet *p)		{ p->data[p->l3 + 6] = 44; }
static void ext_too_long(struct packet *p)	{ p->data[p->l3 + 41]++; }
static void ext_too_short(struct packet *p)	{ p->data[p->l3 + 41]--; }
static void ext_protocol(struct packet *p)	{ p->data[p->l3 + 40] = 58; }
static void ext_unknown(struct packet *p)	{ p->data[p->l3 + 6] = 99; }
static void routing_done(struct packet *p)
{
	p->data[p->l3 + 6] = 43;
	p->data[p->l3 + 43] = 0;
}
static void routing(struct packet *p)
{
	p->data[p->l3 + 6] = 43;
	p->data[p->l3 + 43] = 1;
}
static void ext_skipped(struct packet *p)	{ p->data[p->l3 + 6] = p->data[p->l3 + 40]; }
static void other_l3(struct packet *p)
{
	bool v6 = !p->spec.v6;

	p->data[p->l3 - 2] = v6 ? 0x86 : 0x08;
	p->data[p->l3 - 1] = v6 ? 0xdd : 0x00;
}

static bool honest(void)
{
	return lies(truth, tcp4(), OK) && lies(truth, tcp6(), OK) && lies(truth, udp4(), OK) &&
	       lies(truth, udp6(), OK) && lies(ecn, tcp4(), OK) && lies(ecn, tcp6(), OK) &&
	       lies(may_fragment, tcp4(), OK) && lies(one_byte, tcp4(), OK);
}

static bool csum_lies(void)
{
	return all_lie(no_csum) && all_lie(csum_offset_less) && all_lie(csum_offset_other) &&
	       all_lie(csum_start_less) && all_lie(csum_start_l3) && all_lie(csum_start_far) &&
	       all_lie(csum_start_max) && lies(csum_start_more, tcp4(), GSO) &&
	       lies(csum_start_more, udp4(), GSO);
}

static bool type_lies(void)
{
	return all_lie(type_ufo) && all_lie(type_none) && all_lie(type_noise) &&
	       lies(type_tcp6, tcp4(), GSO) && lies(type_tcp4, tcp6(), GSO) &&
	       lies(type_tcp4, udp4(), GSO) && lies(type_tcp6, udp6(), GSO) &&
	       lies(ecn, udp4(), GSO) && lies(ecn, udp6(), GSO);
}

static bool l3_lies(void)
{
	return all_lie(ethertype) && all_lie(version) && all_lie(other_l3) &&
	       lies(ihl_more, tcp4(), GSO) && lies(ihl_less, tcp4(), GSO) &&
	       lies(protocol4, tcp4(), GSO) && lies(protocol4, udp4(), GSO) &&
	       lies(protocol6, tcp6(), GSO) && lies(protocol6, udp6(), GSO) &&
	       lies(more_fragments, tcp4(), GSO) && lies(fragment_offset, udp4(), GSO) &&
	       lies(fragment_far, tcp4(), GSO);
}

/* TCP has one peer; UDP to a group is fine. */
static bool group_lies(void)
{
	return lies(to_group, tcp4(), GSO) && lies(to_group, tcp6(), GSO) &&
	       lies(to_group, udp4(), OK) && lies(to_group, udp6(), OK);
}

/* What lies between the IPv6 and the transport header must lead from one to the other. */
static bool extension_lies(void)
{
	struct spec s = tcp6(), u = udp6();

	s.l3_opts = u.l3_opts = 16;
	return lies(truth, s, OK) && lies(truth, u, OK) && lies(csum_start_more, udp6(), GSO) &&
	       lies(csum_start_more, tcp6(), GSO) && lies(csum_start_less, s, GSO) &&
	       lies(routing_done, s, OK) && lies(routing, s, GSO) &&
	       lies(fragment6, s, GSO) && lies(fragment6, u, GSO) &&
	       lies(ext_too_long, s, GSO) && lies(ext_too_short, s, GSO) &&
	       lies(ext_protocol, s, GSO) && lies(ext_unknown, u, GSO) &&
	       lies(ext_skipped, u, GSO);
}

static bool l4_lies(void)
{
	return lies(doff_4, tcp4(), GSO) && lies(doff_0, tcp6(), GSO) &&
	       all_lie(no_payload) && all_lie(size_zero);
}

static void both_tunnels(struct packet *p)	{ p->claim.hdr.gso_type |= 0x60; }
static void other_tunnel(struct packet *p)	{ p->claim.hdr.gso_type ^= 0x60; }
static void no_tunnel(struct packet *p)	{ p->claim.hdr.gso_type &= ~0x60; }
static void a_tunnel(struct packet *p)		{ p->claim.hdr.gso_type |= 0x20; }
static void tunnel_only(struct packet *p)	{ p->claim.hdr.gso_type &= 0x60; }
static void not_agreed(struct packet *p)	{ p->claim.outer_l4 = p->claim.inner_l3 = 0; }
static void outer_at_l3(struct packet *p)	{ p->claim.outer_l4 = p->outer_l3; }
static void outer_less(struct packet *p)	{ p->claim.outer_l4 -= 4; }
static void outer_more(struct packet *p)	{ p->claim.outer_l4 += 8; }
static void outer_far(struct packet *p)	{ p->claim.outer_l4 = 0xffff; }
static void outer_within(struct packet *p)	{ p->claim.outer_l4 = p->l3 - 7; }
static void inner_less(struct packet *p)	{ p->claim.inner_l3 -= 4; }
static void inner_more(struct packet *p)	{ p->claim.inner_l3 += 4; }
static void inner_at_l4(struct packet *p)	{ p->claim.inner_l3 = p->l4; }
static void inner_far(struct packet *p)	{ p->claim.inner_l3 = 0xffff; }
static void inner_at_outer(struct packet *p)	{ p->claim.inner_l3 = p->outer_l3; }
/* An IP header that begins in the tunnel's UDP header, and is else as it must be. */
static void inner_over_udp(struct packet *p)
{
	u8 *ip = p->data + p->outer_l4 + 6;

	memset(ip, 0, 20);
	ip[0] = 0x40 | (p->l4 - p->outer_l4 - 6) / 4;
	ip[9] = IPPROTO_TCP;
	p->claim.inner_l3 = p->outer_l4 + 6;
	p->claim.hdr.flags |= VIRTIO_NET_HDR_F_UDP_TUNNEL_CSUM;
}
static void outer_check(struct packet *p)	{ p->data[p->outer_l4 + 7] = 1; }
static void outer_ethertype(struct packet *p)	{ p->data[p->outer_l3 - 2] = 0x09; }
static void outer_version(struct packet *p)	{ p->data[p->outer_l3] ^= 0x20; }
static void outer_protocol(struct packet *p)
{
	p->data[p->outer_l3 + (p->spec.tunnel == 6 ? 6 : 9)] = IPPROTO_TCP;
}
static void outer_fragment(struct packet *p)	{ p->data[p->outer_l3 + 6] |= 0x20; }
static void with_outer_csum(struct packet *p)
{
	p->claim.hdr.flags |= VIRTIO_NET_HDR_F_UDP_TUNNEL_CSUM;
}

static struct spec in_tunnel(struct spec s, u8 tunnel)
{
	s.tunnel = tunnel;
	return s;
}

static bool all_tunnels(void (*lie)(struct packet *p), u32 want)
{
	u8 tunnel;

	for (tunnel = 4; tunnel <= 6; tunnel += 2) {
		if (!lies(lie, in_tunnel(tcp4(), tunnel), want) ||
		    !lies(lie, in_tunnel(tcp6(), tunnel), want) ||
		    !lies(lie, in_tunnel(udp4(), tunnel), want) ||
		    !lies(lie, in_tunnel(udp6(), tunnel), want))
			return false;
	}
	return true;
}

static bool honest_tunnels(void)
{
	return all_tunnels(truth, OK) && all_tunnels(with_outer_csum, OK) &&
	       all_tunnels(to_group, OK) && lies(ecn, in_tunnel(tcp4(), 6), OK);
}

/* What holds of a frame holds of one in a tunnel. */
static bool lies_within(void)
{
	return all_tunnels(no_csum, GSO) && all_tunnels(csum_offset_less, GSO) &&
	       all_tunnels(csum_start_less, GSO) && all_tunnels(csum_start_max, GSO) &&
	       all_tunnels(size_zero, GSO) && all_tunnels(version, GSO) &&
	       all_tunnels(no_payload, GSO) && lies(ecn, in_tunnel(udp4(), 4), GSO) &&
	       lies(type_ufo, in_tunnel(udp4(), 4), GSO) &&
	       lies(protocol4, in_tunnel(tcp4(), 6), GSO) &&
	       lies(protocol6, in_tunnel(udp6(), 4), GSO) &&
	       lies(more_fragments, in_tunnel(tcp4(), 4), GSO) &&
	       lies(doff_4, in_tunnel(tcp6(), 6), GSO);
}

static bool tunnel_type_lies(void)
{
	return all_tunnels(both_tunnels, GSO) && all_tunnels(other_tunnel, GSO) &&
	       all_tunnels(no_tunnel, GSO) && all_tunnels(tunnel_only, GSO) &&
	       all_tunnels(not_agreed, GSO) && all_lie(a_tunnel);
}

static bool tunnel_offset_lies(void)
{
	return all_tunnels(outer_at_l3, GSO) && all_tunnels(outer_less, GSO) &&
	       all_tunnels(outer_more, GSO) && all_tunnels(outer_far, GSO) &&
	       all_tunnels(outer_within, GSO) && all_tunnels(inner_less, GSO) &&
	       all_tunnels(inner_more, GSO) && all_tunnels(inner_at_l4, GSO) &&
	       all_tunnels(inner_far, GSO) && all_tunnels(inner_at_outer, GSO) &&
	       lies(inner_over_udp, in_tunnel(tcp4(), 4), GSO);
}

static bool outer_header_lies(void)
{
	return all_tunnels(outer_check, GSO) && all_tunnels(outer_ethertype, GSO) &&
	       all_tunnels(outer_version, GSO) && all_tunnels(outer_protocol, GSO) &&
	       lies(outer_fragment, in_tunnel(tcp4(), 4), GSO);
}

static bool three_tags(void)
{
	struct spec s = tcp4();

	s.tags = 2;
	if (!lies(truth, s, OK))
		return false;
	s.tags = 3;
	return lies(truth, s, GSO);
}

/* Two extension headers of 96 put the end of TCP at 254 and beyond 256. */
static bool headers_too_far(void)
{
	struct spec s = tcp6();

	s.l3_opts = 176;
	if (!lies(truth, s, OK))
		return false;
	s.l3_opts = 184;
	if (!lies(truth, s, GSO))
		return false;
	s.l3_opts = 176;
	s.tcp_opts = 8;
	return lies(truth, s, GSO);
}

static bool size_limits(void)
{
	struct spec s = tcp4();

	s.payload = 65535 - 40;
	s.mss = VHOST_XDP_FRAME_MAX - 54;
	if (!lies(truth, s, OK))
		return false;
	s.mss++;
	if (!lies(truth, s, GSO))
		return false;
	s.mss = 0xffff;
	if (!lies(truth, s, GSO))
		return false;
	s.mss = 10;
	s.payload = 20480;
	if (!lies(truth, s, OK))
		return false;
	s.payload++;
	return lies(truth, s, GSO);
}

/* However little of the frame can be addressed, nothing beyond it is read. */
static bool short_heads(void)
{
	struct spec all[] = {
		tcp4(), tcp6(), udp4(), udp6(), in_tunnel(tcp4(), 6), in_tunnel(udp6(), 4),
	};
	struct vxdp_gso gso;
	struct packet p;
	bool ok = true;
	u8 *room, *head;
	u32 i, avail;

	for (i = 0; i < ARRAY_SIZE(all) && ok; i++) {
		all[i].tags = 1;
		all[i].tcp_opts = 8;
		packet_make(&p, &all[i]);
		for (avail = 0; avail <= p.hdr_len && ok; avail++) {
			room = malloc(avail + 1);
			NEED(room);
			head = room + 1;	/* malloc(0) has a byte */
			memcpy(head, p.data, avail);
			ok = CHECK(vxdp_gso_parse(&gso, &p.claim, head, avail, p.len) ==
				   (avail < p.hdr_len ? GSO : OK));
			free(room);
		}
		free(p.data);
	}
	return ok;
}

/* Nor is it where the transport header is said to be among the tags. */
static bool short_heads_of_tags(void)
{
	struct spec s = udp4();
	struct vxdp_gso gso;
	struct packet p;
	bool ok = true;
	u8 *room, *head;
	u32 avail;

	s.tags = 2;
	packet_make(&p, &s);
	for (avail = 0; avail < 22 && ok; avail++) {
		p.claim.hdr.csum_start = avail < 8 ? 0 : avail - 8;
		room = malloc(avail + 1);
		NEED(room);
		head = room + 1;
		memcpy(head, p.data, avail);
		ok = CHECK(vxdp_gso_parse(&gso, &p.claim, head, avail, p.len) == GSO);
		free(room);
	}
	free(p.data);
	return ok;
}

static u8 *noisy_copy(const struct packet *p, u32 avail)
{
	u8 *head = malloc(avail);
	u32 i, n = random_below(4);

	NEED(head);
	memcpy(head, p->data, avail);
	for (i = 0; i < n && avail; i++)
		head[random_below(avail)] = random_u64();
	return head;
}

/* Whatever passes can be cut without reading or writing beside the frame. */
static bool cut_all(const struct vxdp_gso *gso, const u8 *head, u32 avail)
{
	u32 nr = vxdp_gso_segs(gso), i, len;
	u8 *seg;

	if (!CHECK(nr >= 1 && nr <= VXDP_GSO_SEGS_MAX) || !CHECK(gso->hdr_len <= avail) ||
	    !CHECK(gso->l3 < gso->l4) || !CHECK(gso->l4 < gso->hdr_len))
		return false;
	for (i = 0; i < nr; i += 1 + nr / 4) {
		len = vxdp_gso_seg_len(gso, i);
		if (!CHECK(len > gso->hdr_len && len <= VHOST_XDP_FRAME_MAX))
			return false;
		seg = calloc(1, len);
		NEED(seg);
		memcpy(seg, head, gso->hdr_len);
		vxdp_gso_seg_finish(gso, seg, i);
		free(seg);
	}
	return true;
}

static bool noise(void)
{
	u32 i, passed = 0, len, avail;
	struct vxdp_claim claim;
	struct vxdp_gso gso;
	struct packet p;
	struct spec s;
	bool ok = true;
	u8 *head;

	for (i = 0; i < 100000 && ok; i++) {
		s = (struct spec){
			.v6 = random_below(2), .udp = random_below(2), .tags = random_below(4),
			.l3_opts = random_below(4) * 8, .tcp_opts = random_below(11) * 4,
			.mss = random_u64() >> random_below(16), .payload = 200,
			.tunnel = random_below(3) * 2, .outer_csum = random_below(2),
		};
		s.tunnel = s.tunnel == 2 ? 6 : s.tunnel;
		packet_make(&p, &s);
		avail = random_below(4) ? p.len : random_below(p.len);
		len = random_below(2) ? p.len : avail + random_below(VXDP_GSO_FRAME_MAX - avail);
		claim = p.claim;
		if (!random_below(3))
			((u8 *)&claim)[random_below(sizeof(claim))] = random_u64();
		head = noisy_copy(&p, avail);
		if (!vxdp_net_hdr_check(&claim.hdr, len, avail) &&
		    !vxdp_gso_parse(&gso, &claim, head, avail, len)) {
			passed++;
			ok = cut_all(&gso, head, avail);
		}
		free(head);
		free(p.data);
	}
	return ok && CHECK(passed > 1000);
}

static const struct {
	const char *name;
	bool (*run)(void);
} cases[] = {
	{ "tx_drop_short: under an Ethernet header", short_frames },
	{ "tx_drop_oversize: above what a frame can be", long_frames },
	{ "tx_drop_csum: fields outside of the frame", csum_fields },
	{ "tx_drop_csum: fields beyond what can be addressed", csum_beyond_linear },
	{ "tx_drop_gso: hdr_len beyond the frame", hdr_len },
	{ "honest GSO frames pass", honest },
	{ "honest GSO frames in a UDP tunnel pass", honest_tunnels },
	{ "tx_drop_gso: lies about the frame within a tunnel", lies_within },
	{ "tx_drop_gso: lies about the kind of tunnel", tunnel_type_lies },
	{ "tx_drop_gso: lies about where a tunnel's headers are", tunnel_offset_lies },
	{ "tx_drop_gso: a tunnel's own headers are something else", outer_header_lies },
	{ "tx_drop_gso: lies about the checksum", csum_lies },
	{ "tx_drop_gso: lies about the type", type_lies },
	{ "tx_drop_gso: another IP header than said", l3_lies },
	{ "tx_drop_gso: IPv6 extension headers", extension_lies },
	{ "tx_drop_gso: TCP header, payload and size", l4_lies },
	{ "tx_drop_gso: TCP to a group", group_lies },
	{ "tx_drop_gso: a third VLAN tag", three_tags },
	{ "tx_drop_gso: headers beyond 256 bytes", headers_too_far },
	{ "tx_drop_gso: frames too long or too many", size_limits },
	{ "tx_drop_gso: less than the headers can be read", short_heads },
	{ "tx_drop_gso: a transport header among the tags", short_heads_of_tags },
	{ "noise: what passes can be cut", noise },
};

int main(void)
{
	unsigned int i;

	random_seed("selftests/unit/net_hdr");
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		ktap_case(60, "net_hdr: %s", cases[i].name);
		ktap_ok(cases[i].run());
	}
	return ktap_done();
}
