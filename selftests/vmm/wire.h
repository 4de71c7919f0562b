/* SPDX-License-Identifier: GPL-2.0 */
/*
 * wire.h - the network around the port: namespaces, the uplink and what is on
 * the far end of it, tap devices, frames that can be checked, and control.
 *
 * The test program moves into a network namespace of its own, "the host"; the
 * far end of the uplink lives in another, "the wire". Both go away with the
 * program, and so does everything in them.
 */
#ifndef SELFTESTS_WIRE_H
#define SELFTESTS_WIRE_H

#include <linux/vhost_xdp.h>
#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* net.c: namespaces and links */

/* net_init - a fresh host namespace and a fresh wire namespace */
void net_init(void);
void net_enter_wire(void);
void net_enter_host(void);

/* net_run - a command, its output as diagnostics; the exit status */
int net_run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* net_uplink - a veth pair, up, host end @up, far end @wire, that MTU */
void net_uplink(const char *up, const char *wire, unsigned int mtu);
void net_link(const char *ifname, bool up);

/* net_ethtool - one of the legacy switches (ETHTOOL_STXCSUM, ...); 0 or -errno */
int net_ethtool(const char *ifname, unsigned int cmd, unsigned int on);

/* net_xdp_prog - an XDP program that only says so; its descriptor */
int net_xdp_prog(unsigned int verdict);

/*
 * net_xdp_pass - an XDP program that passes everything, attached until the
 * returned descriptor is closed. Gives a veth NAPI without GRO.
 */
int net_xdp_pass(const char *ifname);
unsigned int net_ifindex(const char *ifname);
void net_mac(const char *ifname, uint8_t mac[6]);

/* net_offloads - checksum, TSO and USO of a device on or off */
void net_offloads(const char *ifname, bool on);

/* tap.c */

/* tap_open - create or attach; IFF_TAP | IFF_NO_PI and @flags; hdrsz 0: default */
int tap_open(const char *name, unsigned int flags, int hdrsz);
int macvtap_open(const char *name, int hdrsz);

/* packet.c: an AF_PACKET socket on a device */

struct pkt {
	int fd;
	bool vnet;		/* PACKET_VNET_HDR: each frame has a header */
	bool lossy;		/* what cannot be sent is thrown away */
	unsigned int size;	/* of one receive buffer */
	uint8_t *buf;
	struct mmsghdr *msg;
	struct iovec *iov;
	uint8_t *ctl;
	unsigned int have, at;
	unsigned int queued;	/* to send */
	uint64_t drops;
};

#define PKT_BATCH 64

/* pkt_open - frames up to @size; everything the device gets, nothing it sends */
void pkt_open(struct pkt *p, const char *ifname, unsigned int size, bool vnet);
void pkt_close(struct pkt *p);

/* pkt_room - where the next frame to send goes; pkt_queue() it; pkt_flush() */
uint8_t *pkt_room(struct pkt *p);
void pkt_queue(struct pkt *p, unsigned int len);
void pkt_flush(struct pkt *p);

/*
 * pkt_recv - the next frame, the VLAN tag put back, valid until the next call
 * once the batch is used up. NULL: none now. @hdr may be NULL.
 */
uint8_t *pkt_recv(struct pkt *p, unsigned int *len,
		  struct virtio_net_hdr *hdr);

/* pkt_dropped - frames the socket had no room for, since the last call */
unsigned int pkt_dropped(struct pkt *p);

/* frame.c */

#define FRAME_ETHERTYPE 0x88b5	/* IEEE: local experiments */
#define FRAME_MIN 60

struct frame_stream {
	uint32_t id;
	uint32_t next;		/* sequence number to send or to expect */
	uint32_t len;
	uint8_t dst[6], src[6];
	uint16_t vlan;		/* 0: untagged; the tag is not in len */
	uint64_t alien;		/* frames that were not of these tests */
};

/* frame_len - bytes of a whole frame, tag included */
unsigned int frame_len(const struct frame_stream *s);

/* frame_fill - write the stream's next frame */
void frame_fill(struct frame_stream *s, uint8_t *p);

/*
 * frame_check - @p is the frame the stream expects next, to the last bit.
 * 1: yes; 0: not ours (counted); -1: no, and a diagnostic says why.
 */
int frame_check(struct frame_stream *s, const uint8_t *p, unsigned int len);

/* inet.c: TCP and UDP frames, to see what offloads make of them */

struct inet_spec {
	bool v6, udp;
	uint8_t dst[6], src[6];
	uint32_t seq;		/* TCP sequence number; UDP: IPv4 id */
	unsigned int payload;	/* bytes; the n-th byte is a function of n */
	uint32_t first;		/* n of the first payload byte */
};

/* inet_build - whole frame, checksum partial or complete; its length */
unsigned int inet_build(const struct inet_spec *s, uint8_t *p, bool partial);
unsigned int inet_hlen(const struct inet_spec *s);

/*
 * inet_verify - lengths, IP header and L4 checksum of a frame are right (or,
 * with @partial, the pseudo-header sum is), its payload is the spec's bytes from
 * the place on that the sequence number tells. Gives that place and the number.
 */
bool inet_verify(const struct inet_spec *s, const uint8_t *p, unsigned int len,
		 bool partial, uint32_t *at, unsigned int *bytes);

/* ctl.c: the netlink family */

struct ctl_port {
	char name[VHOST_XDP_NAME_MAX];
	uint32_t id, ifindex, queues, uid, gid, mode, backlog, opens;
	uint32_t egress_id, xsk_queue;
	uint64_t features, features_more;
	uint64_t stats[__VHOST_XDP_STAT_MAX];
	unsigned int nqueues;
	struct {
		uint32_t index, rx_error, tx_error, backlog;
		uint64_t features, features_more;
		bool rx_running, tx_running;
	} queue[16];
	uint32_t seen;		/* bit a VHOST_XDP_A_* that was there */
	uint8_t cmd;		/* of the message, for notifications */
};

/* What a request carries: bit VHOST_XDP_A_* of @has says which. */
struct ctl_req {
	uint32_t has;
	uint32_t id, ifindex, queues, uid, gid, mode, backlog, xsk_queue;
	int32_t egress_fd;
	uint64_t features, features_more;
	const char *name;
};

bool ctl_present(void);		/* the family is there */
uint16_t ctl_family(void);	/* its number, for who writes messages by hand */

/* Each returns 0 or -errno; @answer may be NULL. */
int ctl_do(int cmd, const struct ctl_req *r, struct ctl_port *answer);
int ctl_new(const char *name, const char *uplink, struct ctl_port *answer);
int ctl_del(const char *name);
int ctl_egress(const char *name, int prog);	/* a program for what it sends */
int ctl_get(const char *name, struct ctl_port *p);
int ctl_dump(struct ctl_port *p, unsigned int max);	/* count or -errno */

/* ctl_last_error - the extended-ack text of the last failure */
const char *ctl_last_error(void);

/* ctl_listen - a socket on the multicast group; ctl_event - next, or -ETIME */
int ctl_listen(void);
int ctl_event(int fd, struct ctl_port *p, int timeout_ms);
void ctl_unlisten(int fd);

/* ctl_stat - one counter now; ctl_stat_name - how it is called */
uint64_t ctl_stat(const char *name, unsigned int stat);
const char *ctl_stat_name(unsigned int stat);

/* port_node - "/dev/vhost-xdp/NAME", in a static buffer */
const char *port_node(const char *name);

#endif
