// SPDX-License-Identifier: GPL-2.0
/*
 * net_hdr.c - check the virtio-net header of a frame from the guest, and cut a GSO
 * frame into frames for who cannot take it whole.
 *
 * The header is a claim. What it says of checksum and segments is held against
 * the frame itself before anybody acts on it.
 */
#include <linux/vhost_xdp.h>
#include "net_hdr.h"

#define IPV6_HDR_LEN	40
/* Offset of "segments left" in a routing header (RFC 8200, 4.4). */
#define IPV6_RT_SEGS_LEFT	3

/**
 * vxdp_net_hdr_check() - is what the header says possible at all?
 * @hdr: the header, our copy
 * @len: the frame, bytes
 * @linear: how much of it can be addressed, from its start
 *
 * Return: 0, or the enum vhost_xdp_stat to count the dropped frame under.
 */
u32 vxdp_net_hdr_check(const struct virtio_net_hdr *hdr, u32 len, u32 linear)
{
	u32 field = hdr->csum_start + hdr->csum_offset;

	if (len < ETH_HLEN)
		return VHOST_XDP_STAT_TX_DROP_SHORT;
	if (hdr->hdr_len > len)
		return VHOST_XDP_STAT_TX_DROP_GSO;
	if (hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM &&
	    (hdr->csum_start < ETH_HLEN || field + sizeof(__sum16) > min(len, linear)))
		return VHOST_XDP_STAT_TX_DROP_CSUM;
	if (hdr->gso_type != VIRTIO_NET_HDR_GSO_NONE) {
		if (len > VXDP_GSO_FRAME_MAX)
			return VHOST_XDP_STAT_TX_DROP_OVERSIZE;
		return 0;
	}
	return len > VHOST_XDP_FRAME_MAX ? VHOST_XDP_STAT_TX_DROP_OVERSIZE : 0;
}

static bool is_tcp(const struct vxdp_gso *gso)
{
	return gso->type != VIRTIO_NET_HDR_GSO_UDP_L4;
}

/* At most two tags, as ETH_P_8021AD over ETH_P_8021Q. */
static __be16 find_l3(struct vxdp_gso *gso, const u8 *head, u32 avail)
{
	u32 off = 2 * ETH_ALEN;
	__be16 proto = 0;
	int tags;

	for (tags = 0; tags <= 2; tags++) {
		if (off + sizeof(proto) > avail)
			return 0;
		memcpy(&proto, head + off, sizeof(proto));
		off += sizeof(proto);
		if (proto != htons(ETH_P_8021Q) && proto != htons(ETH_P_8021AD))
			break;
		off += VLAN_HLEN - sizeof(proto);
	}
	gso->l3 = off;
	return proto;
}

static bool ipv4_ok(const struct vxdp_gso *gso, const u8 *head, u8 proto)
{
	struct iphdr ip;

	if (gso->l3 + sizeof(ip) > gso->l4)
		return false;
	memcpy(&ip, head + gso->l3, sizeof(ip));
	return ip.version == 4 && gso->l3 + ip.ihl * 4 == gso->l4 &&
	       ip.protocol == proto && !(ip.frag_off & htons(0x3fff));
}

/*
 * Walk the extension headers that may be repeated in each segment; the walk must
 * end where the transport header is said to be. A routing header that is not yet
 * at its end would have the checksum cover another address than the one we see.
 */
static bool ipv6_ok(const struct vxdp_gso *gso, const u8 *head, u8 proto)
{
	u32 off = gso->l3 + IPV6_HDR_LEN;
	u8 next;

	if (off > gso->l4 || head[gso->l3] >> 4 != 6)
		return false;
	next = head[gso->l3 + offsetof(struct ipv6hdr, nexthdr)];
	/* @l4 and a transport header behind it can be read. */
	while (off < gso->l4) {
		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING &&
		    next != IPPROTO_DSTOPTS)
			return false;
		if (next == IPPROTO_ROUTING && head[off + IPV6_RT_SEGS_LEFT])
			return false;
		next = head[off];
		off += (head[off + 1] + 1) * 8;
	}
	return off == gso->l4 && next == proto;
}

static bool l3_ok(const struct vxdp_gso *gso, const u8 *head, __be16 l3)
{
	u8 proto = is_tcp(gso) ? IPPROTO_TCP : IPPROTO_UDP;

	if (l3 == htons(ETH_P_IP))
		return gso->type != VIRTIO_NET_HDR_GSO_TCPV6 && ipv4_ok(gso, head, proto);
	if (l3 == htons(ETH_P_IPV6))
		return gso->type != VIRTIO_NET_HDR_GSO_TCPV4 && ipv6_ok(gso, head, proto);
	return false;
}

/* A tunnel is a UDP datagram of its own, around all that comes behind. */
static struct vxdp_gso outer_of(const struct vxdp_gso *gso)
{
	return (struct vxdp_gso){
		.type = VIRTIO_NET_HDR_GSO_UDP_L4,
		.l3 = gso->outer_l3,
		.l4 = gso->outer_l4,
	};
}

/*
 * The headers must come one behind the other: the outer ones, which are held to what
 * is claimed as those of any UDP frame, whatever the tunnel has, the inner ones. Of the
 * outer checksum either we make it, or there is none: it could not be the same for each
 * frame.
 */
static bool tunnel_ok(struct vxdp_gso *gso, const struct vxdp_claim *claim,
		      const u8 *head, u32 avail)
{
	u8 kind = claim->hdr.gso_type & VIRTIO_NET_HDR_GSO_UDP_TUNNEL;
	struct vxdp_gso outer;
	struct udphdr udp;
	__be16 l3;

	gso->outer_l4 = claim->outer_l4;
	gso->outer_csum = claim->hdr.flags & VIRTIO_NET_HDR_F_UDP_TUNNEL_CSUM;
	gso->l3 = claim->inner_l3;
	if (gso->outer_l4 + sizeof(udp) > gso->l3 || gso->l3 >= gso->l4)
		return false;
	outer = outer_of(gso);
	l3 = find_l3(&outer, head, avail);
	gso->outer_l3 = outer.l3;
	if (kind != (l3 == htons(ETH_P_IP) ? VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV4 :
					     VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV6) ||
	    !l3_ok(&outer, head, l3))
		return false;
	memcpy(&udp, head + gso->outer_l4, sizeof(udp));
	return gso->outer_csum || !udp.check;
}

/* What the type does not say of what is within, the IP header does. */
static bool headers_ok(struct vxdp_gso *gso, const struct vxdp_claim *claim,
		       const u8 *head, u32 avail)
{
	if (!(claim->hdr.gso_type & VIRTIO_NET_HDR_GSO_UDP_TUNNEL))
		return l3_ok(gso, head, find_l3(gso, head, avail));
	return tunnel_ok(gso, claim, head, avail) &&
	       l3_ok(gso, head, htons(head[gso->l3] >> 4 == 4 ? ETH_P_IP : ETH_P_IPV6));
}

static u16 l4_len(const struct vxdp_gso *gso, const u8 *head)
{
	u16 doff;

	if (!is_tcp(gso))
		return sizeof(struct udphdr);
	doff = (head[gso->l4 + 12] >> 4) * 4;
	return doff < sizeof(struct tcphdr) ? 0 : doff;
}

/**
 * vxdp_gso_parse() - find the headers of a GSO frame, and hold the claim to them
 * @gso: out: the frame's shape
 * @claim: what its header says, passed by vxdp_net_hdr_check()
 * @head: the frame's first bytes
 * @avail: how many of them
 * @len: the frame, bytes
 *
 * virtio 1.2, 5.1.6.2.1: a GSO frame also needs its checksum; csum_start points
 * at the transport header, of a frame in a UDP tunnel (virtio 1.4) at the inner one.
 * hdr_len is a hint that we work out by ourselves; one that is beyond the frame was
 * refused before.
 *
 * Return: 0, or VHOST_XDP_STAT_TX_DROP_GSO.
 */
u32 vxdp_gso_parse(struct vxdp_gso *gso, const struct vxdp_claim *claim,
		   const u8 *head, u32 avail, u32 len)
{
	const struct virtio_net_hdr *hdr = &claim->hdr;
	u32 l4_min, off;

	avail = min_t(u32, avail, VXDP_GSO_HDR_MAX);
	gso->type = hdr->gso_type & ~(VIRTIO_NET_HDR_GSO_ECN | VIRTIO_NET_HDR_GSO_UDP_TUNNEL);
	gso->l4 = hdr->csum_start;
	gso->size = hdr->gso_size;
	gso->len = len;
	gso->outer_csum = false;
	gso->outer_l3 = 0;
	gso->outer_l4 = 0;

	switch (gso->type) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
	case VIRTIO_NET_HDR_GSO_TCPV6:
		l4_min = sizeof(struct tcphdr);
		off = offsetof(struct tcphdr, check);
		break;
	case VIRTIO_NET_HDR_GSO_UDP_L4:
		if (hdr->gso_type & VIRTIO_NET_HDR_GSO_ECN)
			return VHOST_XDP_STAT_TX_DROP_GSO;
		l4_min = sizeof(struct udphdr);
		off = offsetof(struct udphdr, check);
		break;
	default:
		return VHOST_XDP_STAT_TX_DROP_GSO;
	}

	if (!(hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) || hdr->csum_offset != off ||
	    gso->l4 + l4_min > avail || !headers_ok(gso, claim, head, avail))
		return VHOST_XDP_STAT_TX_DROP_GSO;
	/*
	 * No such thing as TCP to a group: it would be cut for each member. But tunnels
	 * flood what they know no way for.
	 */
	if (is_tcp(gso) && !gso->outer_l4 && head[0] & 1)
		return VHOST_XDP_STAT_TX_DROP_GSO;

	off = l4_len(gso, head);
	gso->hdr_len = gso->l4 + off;
	if (!off || gso->hdr_len > avail || gso->hdr_len >= len || !gso->size ||
	    gso->hdr_len + gso->size > VHOST_XDP_FRAME_MAX ||
	    vxdp_gso_segs(gso) > VXDP_GSO_SEGS_MAX)
		return VHOST_XDP_STAT_TX_DROP_GSO;
	return 0;
}

/**
 * vxdp_gso_claim() - say again what was found true
 * @gso: the frame
 * @from: what vxdp_gso_parse() was given
 *
 * Return: what a header for who gets the frame whole is to say; nothing else that the
 * sender wrote is in it.
 */
struct vxdp_claim vxdp_gso_claim(const struct vxdp_gso *gso, const struct vxdp_claim *from)
{
	const u8 kept = VIRTIO_NET_HDR_GSO_ECN | VIRTIO_NET_HDR_GSO_UDP_TUNNEL;
	struct vxdp_claim claim = {
		.hdr = {
			.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
			.gso_type = gso->type | (from->hdr.gso_type & kept),
			.hdr_len = gso->hdr_len,
			.gso_size = gso->size,
			.csum_start = gso->l4,
			.csum_offset = from->hdr.csum_offset,
		},
	};

	if (!gso->outer_l4)
		return claim;
	if (gso->outer_csum)
		claim.hdr.flags |= VIRTIO_NET_HDR_F_UDP_TUNNEL_CSUM;
	claim.outer_l4 = gso->outer_l4;
	claim.inner_l3 = gso->l3;
	return claim;
}

/**
 * vxdp_claim_shift() - bytes were put in front of the frame
 * @claim: what was said of it
 * @by: how many; negative: taken away
 */
void vxdp_claim_shift(struct vxdp_claim *claim, int by)
{
	claim->hdr.csum_start += by;
	claim->outer_l4 += by;
	claim->inner_l3 += by;
}

/**
 * vxdp_gso_is_whole_in_tunnel() - is there nothing to cut of a frame in a tunnel?
 * @gso: the frame
 *
 * Then it is for the kernel no GSO frame, but has the marks of one: nobody would complete
 * the outer checksum, and a tap warn of it.
 */
bool vxdp_gso_is_whole_in_tunnel(const struct vxdp_gso *gso)
{
	u32 least = is_tcp(gso) ? TCP_MIN_GSO_SIZE : 0;

	return gso->outer_l4 && gso->len - gso->hdr_len <= max_t(u32, gso->size, least);
}

/**
 * vxdp_gso_segs() - how many frames a GSO frame becomes
 * @gso: the frame
 *
 * Return: at least 1.
 */
u32 vxdp_gso_segs(const struct vxdp_gso *gso)
{
	return DIV_ROUND_UP(gso->len - gso->hdr_len, gso->size);
}

/**
 * vxdp_gso_seg_len() - how long one of those frames is
 * @gso: the frame
 * @i: which, from 0
 *
 * Return: bytes, headers included.
 */
u32 vxdp_gso_seg_len(const struct vxdp_gso *gso, u32 i)
{
	u32 payload = gso->len - gso->hdr_len;

	return gso->hdr_len + min_t(u32, gso->size, payload - i * gso->size);
}

static void finish_ipv4(const struct vxdp_gso *gso, u8 *frame, u32 len, u32 i)
{
	struct iphdr ip;

	memcpy(&ip, frame + gso->l3, sizeof(ip));
	ip.tot_len = htons(len - gso->l3);
	ip.id = htons(ntohs(ip.id) + i);
	ip.check = 0;
	memcpy(frame + gso->l3, &ip, sizeof(ip));
	ip.check = ip_fast_csum(frame + gso->l3, ip.ihl);
	memcpy(frame + gso->l3, &ip, sizeof(ip));
}

static void finish_ipv6(const struct vxdp_gso *gso, u8 *frame, u32 len)
{
	__be16 payload = htons(len - gso->l3 - IPV6_HDR_LEN);

	memcpy(frame + gso->l3 + offsetof(struct ipv6hdr, payload_len), &payload,
	       sizeof(payload));
}

static void finish_l3(const struct vxdp_gso *gso, u8 *frame, u32 len, u32 i)
{
	if (frame[gso->l3] >> 4 == 4)
		finish_ipv4(gso, frame, len, i);
	else
		finish_ipv6(gso, frame, len);
}

static __sum16 l4_csum(const struct vxdp_gso *gso, const u8 *frame, u32 len)
{
	u8 proto = is_tcp(gso) ? IPPROTO_TCP : IPPROTO_UDP;
	__wsum sum = csum_partial(frame + gso->l4, len - gso->l4, 0);
	struct ipv6hdr ip6;
	struct iphdr ip;

	if (frame[gso->l3] >> 4 == 4) {
		memcpy(&ip, frame + gso->l3, sizeof(ip));
		return csum_tcpudp_magic(ip.saddr, ip.daddr, len - gso->l4, proto, sum);
	}
	memcpy(&ip6, frame + gso->l3, sizeof(ip6));
	return csum_ipv6_magic(&ip6.saddr, &ip6.daddr, len - gso->l4, proto, sum);
}

static void finish_tcp(const struct vxdp_gso *gso, u8 *frame, u32 len, u32 i)
{
	bool last = i + 1 == vxdp_gso_segs(gso);
	struct tcphdr tcp;

	memcpy(&tcp, frame + gso->l4, sizeof(tcp));
	tcp.seq = htonl(ntohl(tcp.seq) + i * gso->size);
	if (!last) {
		tcp.fin = 0;
		tcp.psh = 0;
	}
	if (i)
		tcp.cwr = 0;
	tcp.check = 0;
	memcpy(frame + gso->l4, &tcp, sizeof(tcp));
	tcp.check = l4_csum(gso, frame, len);
	memcpy(frame + gso->l4, &tcp, sizeof(tcp));
}

static void finish_udp(const struct vxdp_gso *gso, u8 *frame, u32 len)
{
	struct udphdr udp;

	memcpy(&udp, frame + gso->l4, sizeof(udp));
	udp.len = htons(len - gso->l4);
	udp.check = 0;
	memcpy(frame + gso->l4, &udp, sizeof(udp));
	udp.check = l4_csum(gso, frame, len);
	if (!udp.check)
		udp.check = CSUM_MANGLED_0;
	memcpy(frame + gso->l4, &udp, sizeof(udp));
}

/* Where no checksum is asked for there is none, which says so to who receives it. */
static void finish_outer(const struct vxdp_gso *gso, u8 *frame, u32 len, u32 i)
{
	struct vxdp_gso outer = outer_of(gso);
	struct udphdr udp;

	finish_l3(&outer, frame, len, i);
	finish_udp(&outer, frame, len);
	if (gso->outer_csum)
		return;
	memcpy(&udp, frame + outer.l4, sizeof(udp));
	udp.check = 0;
	memcpy(frame + outer.l4, &udp, sizeof(udp));
}

/**
 * vxdp_gso_seg_finish() - make a frame of its own out of copied bytes
 * @gso: the GSO frame it is cut from
 * @frame: the GSO frame's headers and this segment's payload, one behind the
 *	other: vxdp_gso_seg_len() bytes. No alignment is asked for
 * @i: which segment, from 0
 *
 * Sets lengths, IPv4 identification, TCP sequence and flags, and the checksums.
 * FIN and PSH stay on the last frame only, CWR on the first (RFC 3168, 6.1.2). Of a
 * tunnel the same is done to its own headers.
 */
void vxdp_gso_seg_finish(const struct vxdp_gso *gso, u8 *frame, u32 i)
{
	u32 len = vxdp_gso_seg_len(gso, i);

	finish_l3(gso, frame, len, i);
	if (is_tcp(gso))
		finish_tcp(gso, frame, len, i);
	else
		finish_udp(gso, frame, len);
	if (gso->outer_l4)
		finish_outer(gso, frame, len, i);
}
