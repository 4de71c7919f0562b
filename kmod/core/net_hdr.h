/* SPDX-License-Identifier: GPL-2.0 */
/*
 * net_hdr.h - the virtio-net header (virtio 1.2, 5.1.6) and what it asks for.
 */
#ifndef VXDP_NET_HDR_H
#define VXDP_NET_HDR_H

#include "platform.h"
#include <vhost_later.h>

/* Headers of a GSO frame must lie in its first bytes: as the kernel's limit. */
#define VXDP_GSO_HDR_MAX	256
/* Frames one GSO frame may become: what 64 KiB needs at an MSS of 32. */
#define VXDP_GSO_SEGS_MAX	2048
/* Longest GSO frame: 64 KiB of IP packet behind Ethernet and a VLAN tag. */
#define VXDP_GSO_FRAME_MAX	(ETH_HLEN + VLAN_HLEN + 65535)

/**
 * struct vxdp_net_hdr - the longest virtio-net header (virtio 1.4, 5.1.6)
 * @hdr: what every header begins with
 * @num_buffers: of 12 bytes and more: buffers of the guest's that the frame is over
 * @hash_value: not ours to make: 0, as the next
 * @hash_report: see above
 * @padding: see above
 * @outer_l4: of a GSO frame in a tunnel: offset of the tunnel's UDP header
 * @inner_l3: and of the IP header within
 */
struct vxdp_net_hdr {
	struct virtio_net_hdr hdr;
	__le16 num_buffers;
	__le32 hash_value;
	__le16 hash_report;
	__le16 padding;
	__le16 outer_l4;
	__le16 inner_l3;
};
static_assert(sizeof(struct vxdp_net_hdr) == 24, "as on the ring");

/**
 * struct vxdp_claim - what such a header says of a frame
 * @hdr: as above
 * @outer_l4: as above; 0 where the driver may not send GSO frames in a tunnel
 * @inner_l3: likewise
 */
struct vxdp_claim {
	struct virtio_net_hdr hdr;
	u16 outer_l4;
	u16 inner_l3;
};

/**
 * struct vxdp_gso - a GSO frame, its headers checked
 * @type: VIRTIO_NET_HDR_GSO_TCPV4, _TCPV6 or _UDP_L4
 * @outer_csum: of a tunnel: its UDP header is to have a checksum
 * @l3: offset of the IP header, the inner one
 * @l4: offset of the TCP or UDP header within
 * @outer_l3: of a tunnel: offset of its own IP header
 * @outer_l4: of a tunnel: offset of its UDP header; 0: there is no tunnel
 * @hdr_len: bytes of all headers; the payload follows
 * @size: payload bytes of each frame but the last
 * @len: the whole frame, bytes
 */
struct vxdp_gso {
	u8 type;
	bool outer_csum;
	u16 l3;
	u16 l4;
	u16 outer_l3;
	u16 outer_l4;
	u16 hdr_len;
	u16 size;
	u32 len;
};

static inline struct vxdp_claim vxdp_claim_of(const struct vxdp_net_hdr *hdr)
{
	return (struct vxdp_claim){
		.hdr = hdr->hdr,
		.outer_l4 = le16_to_cpu(hdr->outer_l4),
		.inner_l3 = le16_to_cpu(hdr->inner_l3),
	};
}

static inline struct vxdp_net_hdr vxdp_net_hdr_of(const struct vxdp_claim *claim, u16 buffers)
{
	return (struct vxdp_net_hdr){
		.hdr = claim->hdr,
		.num_buffers = cpu_to_le16(buffers),
		.outer_l4 = cpu_to_le16(claim->outer_l4),
		.inner_l3 = cpu_to_le16(claim->inner_l3),
	};
}

/* Has a header of @hdr_len bytes room for all that is said? */
static inline bool vxdp_claim_fits(const struct vxdp_claim *claim, u32 hdr_len)
{
	return hdr_len >= sizeof(struct vxdp_net_hdr) ||
	       !(claim->hdr.gso_type & VIRTIO_NET_HDR_GSO_UDP_TUNNEL);
}

u32 vxdp_net_hdr_check(const struct virtio_net_hdr *hdr, u32 len, u32 linear);
u32 vxdp_gso_parse(struct vxdp_gso *gso, const struct vxdp_claim *claim,
		   const u8 *head, u32 avail, u32 len);
struct vxdp_claim vxdp_gso_claim(const struct vxdp_gso *gso, const struct vxdp_claim *from);
void vxdp_claim_shift(struct vxdp_claim *claim, int by);
bool vxdp_gso_is_whole_in_tunnel(const struct vxdp_gso *gso);
u32 vxdp_gso_segs(const struct vxdp_gso *gso);
u32 vxdp_gso_seg_len(const struct vxdp_gso *gso, u32 i);
void vxdp_gso_seg_finish(const struct vxdp_gso *gso, u8 *frame, u32 i);

#endif /* VXDP_NET_HDR_H */
