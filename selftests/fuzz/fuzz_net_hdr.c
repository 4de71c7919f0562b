// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz_net_hdr.c - any virtio-net header before any frame (kmod/core/net_hdr.c): what
 * is taken can be done within the frame, and what a GSO frame is cut into adds up.
 *
 * Checksums are verified by other means than those under test: as numbers in base
 * 65536 that must be a multiple of 65535.
 */
#include <linux/vhost_xdp.h>
#include "feed.h"
#include "net_hdr.h"

static u32 sum_bytes(const u8 *p, u32 len, u32 sum)
{
	u32 i;

	for (i = 0; i < len; i++)
		sum = (sum + (i % 2 ? p[i] : p[i] << 8)) % 65535;
	return sum;
}

static u32 get16(const u8 *p)
{
	return p[0] << 8 | p[1];
}

static u32 get32(const u8 *p)
{
	return get16(p) << 16 | get16(p + 2);
}

/* The whole of it and its pseudo header. */
static bool l4_sum_ok(const u8 *ip, const u8 *l4, u32 l4_len, u32 proto)
{
	bool v6 = ip[0] >> 4 == 6;
	u32 sum = sum_bytes(ip + (v6 ? 8 : 12), v6 ? 32 : 8, l4_len + proto);

	return !sum_bytes(l4, l4_len, sum);
}

static void judge_l3(const u8 *head, const u8 *frame, u32 l3, u32 len, u32 i)
{
	const u8 *ip = frame + l3;

	if (ip[0] >> 4 == 6) {
		MUST(get16(ip + 4) == len - l3 - 40);
	} else {
		MUST(get16(ip + 2) == len - l3);
		MUST(get16(ip + 4) == (u16)(get16(head + l3 + 4) + i));
		MUST(!sum_bytes(ip, (ip[0] & 15) * 4, 0));
	}
}

/* What is in front of the inner headers. */
static void judge_outer(const struct vxdp_gso *gso, const u8 *head, const u8 *frame, u32 i)
{
	u32 len = vxdp_gso_seg_len(gso, i), l3 = gso->outer_l3, l4 = gso->outer_l4;
	const u8 *udp = frame + l4;

	if (!l4) {
		MUST(!memcmp(frame, head, gso->l3));
		return;
	}
	MUST(!memcmp(frame, head, l3) && !memcmp(udp + 8, head + l4 + 8, gso->l3 - l4 - 8));
	judge_l3(head, frame, l3, len, i);
	MUST(!memcmp(udp, head + l4, 4) && get16(udp + 4) == len - l4);
	MUST(gso->outer_csum == !!get16(udp + 6));
	MUST(!gso->outer_csum || l4_sum_ok(frame + l3, udp, len - l4, IPPROTO_UDP));
}

static void judge(const struct vxdp_gso *gso, const u8 *head, const u8 *frame, u32 i)
{
	u32 proto = gso->type == VIRTIO_NET_HDR_GSO_UDP_L4 ? IPPROTO_UDP : IPPROTO_TCP;
	u32 len = vxdp_gso_seg_len(gso, i);
	const u8 *ip = frame + gso->l3, *l4 = frame + gso->l4;

	MUST(l4_sum_ok(ip, l4, len - gso->l4, proto));
	judge_l3(head, frame, gso->l3, len, i);
	if (gso->type == VIRTIO_NET_HDR_GSO_UDP_L4) {
		MUST(get16(l4 + 4) == len - gso->l4);
		MUST(get16(l4 + 6));
	} else {
		MUST(get32(l4 + 4) == get32(head + gso->l4 + 4) + i * gso->size);
	}
	judge_outer(gso, head, frame, i);
}

static void cut_one(const struct vxdp_gso *gso, const u8 *head, u32 i)
{
	u32 len = vxdp_gso_seg_len(gso, i);
	u8 *frame;

	MUST(len > gso->hdr_len && len <= VHOST_XDP_FRAME_MAX);
	frame = exactly(NULL, len);
	memcpy(frame, head, gso->hdr_len);
	memset(frame + gso->hdr_len, i * 37 + 1, len - gso->hdr_len);
	vxdp_gso_seg_finish(gso, frame, i);
	judge(gso, head, frame, i);
	free(frame);
}

static void cut(const struct vxdp_gso *gso, const u8 *head, u32 avail, u32 some)
{
	u32 i, nr = vxdp_gso_segs(gso), sum = 0;

	MUST(gso->l3 >= ETH_HLEN && gso->l3 + 20 <= gso->l4 && gso->l4 < gso->hdr_len);
	MUST(gso->hdr_len <= avail && gso->hdr_len <= VXDP_GSO_HDR_MAX);
	MUST(gso->hdr_len < gso->len && nr >= 1 && nr <= VXDP_GSO_SEGS_MAX);
	for (i = 0; i < nr; i++)
		sum += vxdp_gso_seg_len(gso, i) - gso->hdr_len;
	MUST(sum == gso->len - gso->hdr_len);
	if (gso->outer_l4) {
		MUST(gso->outer_l3 >= ETH_HLEN && gso->outer_l3 + 20 <= gso->outer_l4);
		MUST(gso->outer_l4 + 8 <= gso->l3);
	}
	cut_one(gso, head, 0);
	cut_one(gso, head, some % nr);
	cut_one(gso, head, nr - 1);
}

/* What was not refused. */
static void within(const struct virtio_net_hdr *hdr, u32 len, u32 linear)
{
	u32 field = hdr->csum_start + hdr->csum_offset;
	bool gso = hdr->gso_type != VIRTIO_NET_HDR_GSO_NONE;

	MUST(len >= ETH_HLEN && hdr->hdr_len <= len);
	MUST(len <= (gso ? VXDP_GSO_FRAME_MAX : VHOST_XDP_FRAME_MAX));
	if (hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		MUST(hdr->csum_start >= ETH_HLEN && field + 2 <= len && field + 2 <= linear);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct feed f = { data, size };
	struct vxdp_claim claim = {}, again;
	const struct virtio_net_hdr *hdr = &claim.hdr;
	struct vxdp_gso gso;
	u32 len, more, some, avail, bad;
	u8 *head;

	feed_bytes(&f, &claim.hdr, sizeof(claim.hdr));
	if (hdr->gso_type & VIRTIO_NET_HDR_GSO_UDP_TUNNEL) {
		claim.outer_l4 = feed_u16(&f);
		claim.inner_l3 = feed_u16(&f);
	}
	more = feed_u32(&f) % (VXDP_GSO_FRAME_MAX + 1000);
	some = feed_u16(&f);
	avail = f.left;
	len = avail + more;
	head = exactly(f.at, avail);
	bad = vxdp_net_hdr_check(hdr, len, avail);
	if (bad) {
		MUST(bad >= VHOST_XDP_STAT_TX_DROP_SHORT && bad <= VHOST_XDP_STAT_TX_DROP_GSO);
	} else {
		within(hdr, len, avail);
		bad = vxdp_gso_parse(&gso, &claim, head, avail, len);
		MUST(!bad || bad == VHOST_XDP_STAT_TX_DROP_GSO);
		if (!bad) {
			cut(&gso, head, avail, some);
			again = vxdp_gso_claim(&gso, &claim);
			MUST(!vxdp_gso_parse(&gso, &again, head, avail, len));
		}
	}
	free(head);
	return 0;
}
