/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tunnel.h - GSO frames in a UDP tunnel (virtio 1.4), VXLAN here.
 */
#ifndef SELFTESTS_TUNNEL_H
#define SELFTESTS_TUNNEL_H

#include "two.h"

#define TUNNEL_GSO_SIZE 1300

struct kind {
	const char *name;
	bool outer_v6, csum;	/* of the outer UDP header */
	bool v6, udp;
	uint8_t type;
	unsigned int tags;	/* VLAN tags in front of it all */
};

#define KINDS 7
extern const struct kind kinds[KINDS];

/* A guest that may send and receive them. */
extern const struct nic_cfg guest;

/* All that there is for a tap to be told. */
extern const unsigned int all_offloads;

/* The last tag has this ID, each in front of it the next. */
#define TUNNEL_VLAN 5
uint32_t tunnel_tag(unsigned int i);	/* TPID and ID, of @i tags in front of the last */

/* outer_l4 - where the outer UDP header is; outer_len - and the inner Ethernet header */
unsigned int outer_l4(const struct kind *k);
unsigned int outer_len(const struct kind *k);

/* The frame number @round of a kind, in how many pieces it is cut, its header. */
struct inet_spec tunnel_spec(const struct kind *k, const uint8_t *to, unsigned int round);
unsigned int tunnel_pieces(const struct inet_spec *s);
struct virtio_net_hdr_v1 tunnel_header(const struct kind *k, const struct inet_spec *s);

/* tunnel_claim - what the longer header says of the next frames */
void tunnel_claim(struct bench *b, const struct kind *k);
void tunnel_send(struct bench *b, const struct kind *k, const struct inet_spec *s,
		 const struct virtio_net_hdr_v1 *h, enum nic_layout layout);

/*
 * tunnel_from - all of a frame's payload, in that many frames: every length, checksum
 * and byte of them is right; or, of a whole one, what @w tells of its header
 */
bool tunnel_from(struct pkt *w, const struct kind *k, const struct inet_spec *s,
		 unsigned int *frames);

/* tunnel_at_guest - the same at b: whole, its header as it should be, or cut */
bool tunnel_at_guest(struct two *t, const struct kind *k, const struct inet_spec *s,
		     bool whole);

/*
 * Frames of kind @sent, of all lengths, that come as kind @came, whole or cut: on @w, or
 * at b.
 */
bool tunnel_to_wire(struct bench *b, struct pkt *w, const struct kind *sent,
		    const struct kind *came, bool whole);
bool tunnel_to_guest(struct two *t, const struct kind *sent, const struct kind *came,
		     bool whole);

/* slow_uplink - the uplink has no offloads, so that the kernel cuts; or has them again */
void slow_uplink(bool slow);

/* tunnel_prog.c: an egress program has its hands on them */
void programs(void);

/* tunnel_ring.c: packed rings, the VMM's socket, features that change */
void packed(void);
void sockets(void);
void narrowed(void);

#endif
