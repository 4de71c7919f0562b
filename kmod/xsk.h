/* SPDX-License-Identifier: GPL-2.0 */
/*
 * xsk.h - the AF_XDP lane: a queue of the uplink of one's own, through a socket
 * that is the port's.
 *
 * This is all that the rest knows of it: ports make and drop the sockets, a queue
 * pair joins the one of its index while it receives, the kfunc sends frames there,
 * rx.c takes them out, egress.c puts others in.
 */
#ifndef VXDP_XSK_H
#define VXDP_XSK_H

#include <linux/mutex.h>
#include <linux/timer.h>
#include <linux/wait.h>
#include <net/xdp.h>
#include "core/xsk_ring.h"
#include "xsk_map.h"

struct file;
struct net_device;
struct socket;
struct vxdp_port;
struct vxdp_queue;

/* FILL and RX, TX and COMPLETION have as many entries as there are chunks. */
#define VXDP_XSK_RX_CHUNKS	1024
#define VXDP_XSK_TX_CHUNKS	512

/**
 * struct vxdp_xsk - one socket, bound to one queue of the uplink
 * @port: whose; immutable
 * @nic_queue: which queue of the uplink; immutable
 * @sk: for the kfunc; written before the port is found and as it goes, read by RCU
 * @queue: the queue pair to wake; NULL while none receives. Written under the
 *	receive ring's lock, read by RCU
 * @tx_waits: the transmit ring waits for chunks to be sent; no lock, see xsk_io.c
 * @pushing: the worker has the socket send just now; no lock, see xsk_io.c
 * @retry: tries again what the uplink had no room for; armed by the worker
 * @lock: protects what follows, down to @pool
 * @sock: NULL when the port has gone, or the uplink never was
 * @file: the socket's; nobody else has a reference
 * @pool: what held the queue of the uplink until the release
 * @wait: in the socket's wait queue for as long as @sock is there
 * @map: memory and rings, which outlive the socket; immutable
 * @rx: receive ring's lock
 * @tx: transmit ring's lock
 * @tx_free: behind @tx
 * @tx_busy: behind @tx
 */
struct vxdp_xsk {
	struct vxdp_port *port;
	u32 nic_queue;
	struct sock __rcu *sk;
	struct vxdp_queue __rcu *queue;
	bool tx_waits;
	bool pushing;
	struct timer_list retry;

	struct mutex lock;
	struct socket *sock;
	struct file *file;
	const void *pool;
	wait_queue_entry_t wait;

	struct vxdp_xsk_map map[VXDP_XSK_MAPS];
	struct vxdp_xsk_rx rx;
	struct vxdp_xsk_tx tx;
	u16 tx_free[VXDP_XSK_TX_CHUNKS];
	bool tx_busy[VXDP_XSK_TX_CHUNKS];
};

/**
 * struct vxdp_xsks - the sockets of a port
 * @first: queue of the uplink of the first one
 * @nr: how many, for as many queues from there on
 * @xsk: that of each queue pair, by its index
 *
 * Immutable; freed with the port.
 */
struct vxdp_xsks {
	u32 first;
	u32 nr;
	struct vxdp_xsk *xsk[] __counted_by(nr);
};

/* xsk.c: ports */
int vxdp_xsk_create(struct vxdp_port *port, u32 ifindex, u32 first, u32 nr, const char **why);
void vxdp_xsk_release(struct vxdp_port *port);
void vxdp_xsk_free(struct vxdp_port *port);
void vxdp_xsk_uplink_gone(const struct vxdp_port *port);
u64 vxdp_xsk_dropped(const struct vxdp_port *port);

/* xsk.c: queue pairs */
struct vxdp_xsk *vxdp_xsk_of(const struct vxdp_port *port, u32 index);
void vxdp_xsk_join(struct vxdp_xsk *x, struct vxdp_queue *q);
void vxdp_xsk_leave(struct vxdp_xsk *x);
bool vxdp_xsk_redirect(const struct vxdp_port *port, struct xdp_buff *xdp, bool strip);

/* xsk_io.c: frames */
bool vxdp_xsk_peek(struct vxdp_xsk *x, struct vxdp_xsk_frame *frame);
u32 vxdp_xsk_purge(struct vxdp_xsk *x);
bool vxdp_xsk_tx_ready(struct vxdp_xsk *x);
void vxdp_xsk_send(struct vxdp_xsk *x, struct xdp_frame **frames, u32 nr);
bool vxdp_xsk_kick(struct vxdp_xsk *x);

#endif /* VXDP_XSK_H */
