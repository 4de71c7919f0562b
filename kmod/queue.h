/* SPDX-License-Identifier: GPL-2.0 */
/*
 * queue.h - a queue pair: one open of a port's node.
 */
#ifndef VXDP_QUEUE_H
#define VXDP_QUEUE_H

#include <linux/eventfd.h>
#include <linux/net.h>
#include <net/xdp.h>
#include "core/net_hdr.h"
#include "core/vring.h"
#include "backlog.h"
#include "fast.h"
#include "message.h"
#include "poll.h"
#include "port.h"
#include "slot.h"
#include "taker.h"
#include "xsk.h"

/* What VHOST_GET_BACKEND_FEATURES answers. */
#define VXDP_BACKEND_FEATURES	(1ULL << VHOST_BACKEND_F_IOTLB_MSG_V2)

#define VXDP_FEATURES							      \
	((1ULL << VIRTIO_F_NOTIFY_ON_EMPTY) | (1ULL << VHOST_F_LOG_ALL) |     \
	 (1ULL << VIRTIO_F_ANY_LAYOUT) | (1ULL << VIRTIO_RING_F_INDIRECT_DESC) | \
	 (1ULL << VIRTIO_RING_F_EVENT_IDX) | (1ULL << VIRTIO_F_VERSION_1) |   \
	 (1ULL << VIRTIO_F_RING_RESET) | (1ULL << VIRTIO_NET_F_MRG_RXBUF) |   \
	 (1ULL << VIRTIO_F_RING_PACKED) | (1ULL << VIRTIO_F_IN_ORDER) |	      \
	 (1ULL << VIRTIO_F_ACCESS_PLATFORM) |				      \
	 (1ULL << VHOST_NET_F_VIRTIO_NET_HDR))

/* Of the second word of features: bit 65 is here bit 1. */
#define VXDP_FEATURES_MORE							      \
	(VXDP_TUNNEL_GSO ? (1ULL << (VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO - 64)) |	      \
			   (1ULL << (VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO - 64)) : 0)

/* Packets a ring may use of the worker before the other ring has its turn. */
#define VXDP_BUDGET		256
/* Bytes likewise, as in-tree vhost. */
#define VXDP_BUDGET_BYTES	0x80000
/* Descriptors likewise: frames may be cut into very many. */
#define VXDP_BUDGET_DESCS	16384
/* Frames from the guest that go through program and driver together. */
#define VXDP_TX_BATCH		64
/* Chains given back together. */
#define VXDP_USED_BATCH		64

enum vxdp_ring_index {
	VXDP_RING_RX,
	VXDP_RING_TX,
	VXDP_RINGS,
};

/**
 * struct vxdp_ring - a virtqueue and what the VMM has attached to it
 * @queue: what it is part of; immutable
 * @lock: protects all below. The worker holds it while it serves the ring. While
 *	softirqs own a receive ring (fast.on) its @vr and @call are theirs;
 *	vxdp_ring_lock() takes them back
 * @vr: the virtqueue itself
 * @backend: the VMM's socket; NULL while the ring does not run
 * @kick: eventfd, or NULL
 * @call: likewise
 * @err: likewise
 * @kick_poll: waits on @kick
 * @sock_poll: waits on @backend's file
 * @busyloop_us: VHOST_SET_VRING_BUSYLOOP_TIMEOUT
 * @poll_ns: how long the worker spins for more on the transmit ring just now
 * @slept_at: local_clock() when it last ceased to
 */
struct vxdp_ring {
	struct vxdp_queue *queue;
	struct mutex lock;
	struct vxdp_vring vr;
	struct socket *backend;
	struct file *kick;
	struct eventfd_ctx *call;
	struct eventfd_ctx *err;
	struct vxdp_poll kick_poll;
	struct vxdp_poll sock_poll;
	u32 busyloop_us;
	u64 poll_ns;
	u64 slept_at;
};

/**
 * struct vxdp_scratch - working room of the worker
 *
 * Used under one ring's lock at a time, by the worker only, and only for a turn: so a
 * port at rest has none.
 */
struct vxdp_scratch {
	struct iovec iov[VXDP_CHAIN_IOV_MAX];
	struct vxdp_seg seg[VXDP_CHAIN_IOV_MAX];
	struct vxdp_used used[VXDP_CHAIN_IOV_MAX + VXDP_USED_BATCH];
	struct vxdp_plain plain[VXDP_TX_BATCH];
	struct vxdp_tx_slot slot[VXDP_TX_BATCH];
	struct xdp_frame *out[VXDP_TX_BATCH];
};

/**
 * struct vxdp_queue - a queue pair
 * @port: holds a reference; immutable
 * @index: number on the port; port->lock
 * @node: in port->queues; port->lock
 * @xsk: the port's AF_XDP socket for this index, or NULL; immutable
 * @offered: features that VHOST_GET_FEATURES offers; immutable
 * @offered_more: those from the 64th on; immutable
 * @lock: taken by every ioctl; protects what follows, down to @hdr_len
 * @mm: the owner's, or NULL
 * @mem: the memory table; rings have the same pointer, under their own locks
 * @features: what the VMM acknowledged; rings have it too
 * @features_more: of those from the 64th on
 * @backend_features: what the VMM acknowledged of VXDP_BACKEND_FEATURES; written under
 *	both rings' locks too, read under either
 * @iotlb: the table of a virtual IOMMU, or NULL; likewise, and readers of messages look
 *	without a lock whether there is one. Rings have the same pointer
 * @messages: to be read; own lock
 * @log_fd: signalled when something was logged; written under both rings' locks too,
 *	read under either, as the next three, and by softirqs while the receive ring
 *	is theirs
 * @vhost_hlen: header bytes that we make because the socket does not
 * @sock_hlen: header bytes that the socket makes and takes
 * @hdr_len: bytes of the header in the guest's buffers; programs look without a lock
 * @vmm_thread: the worker is, or will be, a thread of the VMM, not one of the
 *	kernel; @lock
 * @worker: the thread
 * @scratch: its working room, the worker's own; NULL while it has nothing to do
 * @rx_live: the guest has posted buffers, frames may be put into @backlog: a guest
 *	that uses fewer queue pairs than it has leaves the others empty. Written
 *	under the receive ring's lock and by the dying worker, read by programs
 * @rx_unseen: @rx_live is a guess: the receive ring could not be looked at yet, for its
 *	IOTLB does not know where it is; its lock
 * @fast: the receive ring in the hands of softirqs; own lock
 * @taker: which GSO frames the guest takes whole; own lock
 * @backlog: own lock
 * @rx_held: frames taken out of the backlog and not yet delivered; receive
 *	ring's lock
 * @host_frames: copies for the exception path, made by the egress program;
 *	transmit ring's lock
 * @skbs_until: jiffies; until then checksummed frames follow GSO frames as skbs, so
 *	that no flow is overtaken by itself; transmit ring's lock
 * @rxq: what the egress program sees as receive queue; transmit ring's lock
 */
struct vxdp_queue {
	struct vxdp_port *port;
	u32 index;
	struct list_head node;
	struct vxdp_xsk *xsk;
	u64 offered;
	u64 offered_more;

	struct mutex lock;
	struct mm_struct *mm;
	struct vxdp_memory *mem;
	u64 features;
	u64 features_more;
	u64 backend_features;
	struct vxdp_iotlb *iotlb;
	struct vxdp_messages messages;
	struct eventfd_ctx *log_fd;
	u8 vhost_hlen;
	u8 sock_hlen;
	u8 hdr_len;
	bool vmm_thread;

	struct vxdp_ring ring[VXDP_RINGS];
	struct vxdp_worker worker;
	struct vxdp_scratch *scratch;

	bool rx_live;
	bool rx_unseen;
	struct vxdp_fast fast;
	struct vxdp_taker taker;
	struct vxdp_backlog backlog;
	struct list_head rx_held;

	struct list_head host_frames;
	unsigned long skbs_until;
	struct xdp_rxq_info rxq;
};

static inline void vxdp_count(struct vxdp_queue *q, enum vhost_xdp_stat stat, u64 n)
{
	vxdp_stats_add(q->port->stats, stat, n);
}

/* queue.c: life of a queue pair */
struct vxdp_queue *vxdp_queue_create(struct vxdp_port *port);
void vxdp_queue_close(struct vxdp_queue *q);
void vxdp_queue_sever(struct vxdp_queue *q);
int vxdp_queue_set_owner(struct vxdp_queue *q);
int vxdp_queue_check_owner(struct vxdp_queue *q);
int vxdp_queue_reset_owner(struct vxdp_queue *q);
int vxdp_queue_set_features(struct vxdp_queue *q, u64 features, u64 more);
void vxdp_queue_set_backend_features(struct vxdp_queue *q, u64 features);
int vxdp_queue_set_memory(struct vxdp_queue *q, struct vxdp_memory *mem);
int vxdp_queue_set_log_base(struct vxdp_queue *q, u64 base);
void vxdp_queue_set_log_fd(struct vxdp_queue *q, struct eventfd_ctx *ctx);
int vxdp_queue_set_backend(struct vxdp_queue *q, u32 index, int fd);

/* scratch.c: working room */
struct vxdp_scratch *vxdp_scratch_get(void);
void vxdp_scratch_put(struct vxdp_scratch *s);
void vxdp_scratch_exit(void);

/* ring.c: one virtqueue */
void vxdp_ring_init(struct vxdp_ring *ring, struct vxdp_queue *q, enum vxdp_work work);
void vxdp_ring_lock(struct vxdp_ring *ring);
void vxdp_ring_unlock(struct vxdp_ring *ring);
void vxdp_ring_reset(struct vxdp_ring *ring);
long vxdp_ring_ioctl(struct vxdp_queue *q, unsigned int cmd, void __user *argp);
bool vxdp_ring_log_ok(const struct vxdp_ring *ring, u64 base);
int vxdp_ring_set_backend(struct vxdp_ring *ring, struct socket *sock);
bool vxdp_ring_runs(struct vxdp_ring *ring);
void vxdp_ring_settle(struct vxdp_ring *ring);
void vxdp_ring_publish(struct vxdp_ring *ring, u16 n);

/* rx.c, tx.c: what the worker does */
void vxdp_rx_run(struct vxdp_queue *q);
bool vxdp_rx_look(struct vxdp_queue *q);
void vxdp_rx_purge(struct vxdp_queue *q);
void vxdp_tx_run(struct vxdp_queue *q);

#endif /* VXDP_QUEUE_H */
