/* SPDX-License-Identifier: GPL-2.0 */
/*
 * packet.h - GSO frames as a guest's stack makes them, and what must come of them.
 */
#ifndef UNIT_PACKET_H
#define UNIT_PACKET_H

#include "net_hdr.h"

#define TH_FIN	0x01
#define TH_SYN	0x02
#define TH_PSH	0x08
#define TH_ACK	0x10
#define TH_URG	0x20
#define TH_ECE	0x40
#define TH_CWR	0x80

struct spec {
	bool v6;
	bool udp;
	u8 tags;		/* VLAN */
	u8 l3_opts;		/* bytes: IPv4 options (4s), IPv6 extension headers (8s) */
	u8 tcp_opts;		/* bytes, 4s */
	u8 tcp_flags;
	u8 tunnel;		/* 4, 6: in a VXLAN over that; 0: in none */
	bool outer_csum;	/* whose UDP header has a checksum */
	u16 mss;
	u16 id;
	u32 seq;
	u32 payload;
};

struct packet {
	struct spec spec;
	struct vxdp_claim claim;
	u8 *data;		/* allocated to the byte */
	u32 len;
	u32 outer_l3;		/* 0 where there is no tunnel */
	u32 outer_l4;
	u32 l3;
	u32 l4;
	u32 hdr_len;
};

/* packet_make - the frame, its payload a pattern; free p->data */
void packet_make(struct packet *p, const struct spec *spec);

/* packet_seg_ok - is this the ith of @nr frames that @p is to become? Says why not */
bool packet_seg_ok(const struct packet *p, const u8 *seg, u32 len, u32 i, u32 nr);

#endif
