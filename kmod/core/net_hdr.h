/* SPDX-License-Identifier: GPL-2.0 */
/*
 * net_hdr.h - the virtio-net header (virtio 1.2, 5.1.6) and what it asks for.
 */
#ifndef VXDP_NET_HDR_H
#define VXDP_NET_HDR_H

#include "platform.h"

/* Headers of a GSO frame must lie in its first bytes: as the kernel's limit. */
#define VXDP_GSO_HDR_MAX	256
/* Frames one GSO frame may become: what 64 KiB needs at an MSS of 32. */
#define VXDP_GSO_SEGS_MAX	2048
/* Longest GSO frame: 64 KiB of IP packet behind Ethernet and a VLAN tag. */
#define VXDP_GSO_FRAME_MAX	(ETH_HLEN + VLAN_HLEN + 65535)

/**
 * struct vxdp_gso - a GSO frame, its headers checked
 * @type: VIRTIO_NET_HDR_GSO_TCPV4, _TCPV6 or _UDP_L4
 * @l3: offset of the IP header
 * @l4: offset of the TCP or UDP header
 * @hdr_len: bytes of all headers; the payload follows
 * @size: payload bytes of each frame but the last
 * @len: the whole frame, bytes
 */
struct vxdp_gso {
	u8 type;
	u16 l3;
	u16 l4;
	u16 hdr_len;
	u16 size;
	u32 len;
};

u32 vxdp_net_hdr_check(const struct virtio_net_hdr *hdr, u32 len, u32 linear);
u32 vxdp_gso_parse(struct vxdp_gso *gso, const struct virtio_net_hdr *hdr,
		   const u8 *head, u32 avail, u32 len);
u32 vxdp_gso_segs(const struct vxdp_gso *gso);
u32 vxdp_gso_seg_len(const struct vxdp_gso *gso, u32 i);
void vxdp_gso_seg_finish(const struct vxdp_gso *gso, u8 *frame, u32 i);

#endif /* VXDP_NET_HDR_H */
