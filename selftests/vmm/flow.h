/* SPDX-License-Identifier: GPL-2.0 */
/*
 * flow.h - a guest on one side, a wire on the other, and frames in between that
 * must all arrive, once, in order, unchanged.
 */
#ifndef SELFTESTS_FLOW_H
#define SELFTESTS_FLOW_H

#include "ktap.h"
#include "vmm.h"
#include "wire.h"

enum lane {
	LANE_XDP,		/* port with an uplink; the CLI attaches it */
	LANE_XSK,		/* the same, by an AF_XDP socket on queue 0 */
	LANE_SOCK,		/* port without; the tap is the wire */
	LANE_INTREE,		/* /dev/vhost-net, to prove the test itself */
};

/*
 * Frames under way at once. A veth's ring has 256 places and the port's backlog
 * 1024: with fewer than that under way nothing may be lost.
 */
#define FLOW_WINDOW 160

/*
 * An AF_XDP socket of a port has 1024 chunks, of which a frame of 9014 bytes takes six,
 * and which come back some time after the guest has the frame.
 */
#define FLOW_WINDOW_XSK 80

#define UPLINK "up0"
#define WIRE "wire0"
#define PORT "tr0"
#define TAP "trtap"

#define F_MODERN (BIT64(VIRTIO_F_VERSION_1) | BIT64(VIRTIO_RING_F_EVENT_IDX) | \
		  BIT64(VIRTIO_RING_F_INDIRECT_DESC))
#define F_MRG BIT64(VIRTIO_NET_F_MRG_RXBUF)
#define F_PACKED BIT64(VIRTIO_F_RING_PACKED)
#define F_IN_ORDER BIT64(VIRTIO_F_IN_ORDER)

extern const uint8_t mac_guest[6], mac_wire[6];

struct bench {
	enum lane lane;
	struct nic nic;
	struct pkt wire;
	int tap;
	char port[32], node[64];
	struct frame_stream to_guest, at_guest;	/* as sent, as expected */
	struct frame_stream to_wire, at_wire;
	enum nic_layout tx_layout;
	bool tx_indirect;
	unsigned int window;
	struct ctl_port last;	/* the counters bench_quiet() saw last */
	bool tolerant;		/* what the port counted is not flow_run()'s */
};

static inline bool has_uplink(enum lane lane)
{
	return lane == LANE_XDP || lane == LANE_XSK;
}

/* lane_of - by name; bails out on an unknown one */
enum lane lane_of(const char *name);

/* net_ready - the uplink, or for the other lanes nothing */
void net_ready(enum lane lane);

/* port_attach - what a user does: the CLI, or PORT_NEW where no uplink is */
void port_attach(enum lane lane, const char *name, const uint8_t mac[6],
		 unsigned int vlan, const char *more);
void port_detach(enum lane lane, const char *name);

/* A guest that runs with @cfg (backend and node are filled in) on port PORT. */
void bench_open(struct bench *b, enum lane lane, struct nic_cfg cfg);
void bench_open_on(struct bench *b, enum lane lane, struct nic_cfg cfg,
		   const char *port, const char *tap);
void bench_close(struct bench *b);

/* bench_abandon - close without a word to the device, as a killed VMM does */
void bench_abandon(struct bench *b);

/* bench_hello - send one frame to the guest that is of no stream */
void bench_hello(struct bench *b);

/* bench_resync - streams and counters go on from here, whatever has happened */
void bench_resync(struct bench *b);

/* bench_len - frames of @len bytes from now on, in both directions */
void bench_len(struct bench *b, unsigned int len);

/* flow_run - so many frames to the guest and so many from it, at once */
bool flow_run(struct bench *b, unsigned int to_guest, unsigned int to_wire);

/* Frames of @s until it is at @count, the guest's or the wire's next; false: not so. */
bool flow_expect_guest(struct bench *b, struct frame_stream *s, unsigned int count);
bool flow_expect_wire(struct pkt *w, struct frame_stream *s, unsigned int count);

/* flow_all_sent - wait until the device has given back all that is to be sent */
bool flow_all_sent(struct nic *n);

/*
 * A frame of 14 to 60 bytes that is of no stream, at @p, other bytes behind it; and what
 * the wire is to get of it: zeroes behind it, 60 bytes in all.
 */
void flow_short_fill(uint8_t *p, unsigned int len);
bool flow_short_expect(struct pkt *w, unsigned int len);

/* bench_quiet - since the last call no queue stopped and nothing was dropped */
bool bench_quiet(struct bench *b);


#endif
