/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * vhost_xdp: control protocol, kfuncs and counters.
 *
 * A *port* is what one guest NIC plugs into. It appears as a misc device node,
 * /dev/vhost-xdp/<name>, that speaks the ioctl ABI of <linux/vhost.h> as
 * /dev/vhost-net does; one open is one queue pair. This header is the
 * specification of everything vhost-net does not have: how a port is made and
 * watched, what an XDP program may ask of it, and what it counts.
 *
 * Control goes through the generic netlink family "vhost_xdp", version 1.
 *
 * ============  ====================================================  =======
 * command       attributes (! required, -> in the answer only)        reply
 * ============  ====================================================  =======
 * PORT_NEW      NAME!, IFINDEX, XSK_QUEUE, QUEUES, FEATURES, BACKLOG, PORT_NEW
 *               UID, GID, MODE, EGRESS_FD
 * PORT_DEL      ID or NAME                                            ack
 * PORT_GET      ID or NAME; with NLM_F_DUMP none: every port of the   PORT_NEW
 *               network namespace, in order of ID
 * PORT_SET      ID or NAME; QUEUES, FEATURES, BACKLOG, UID, GID,      PORT_NEW
 *               MODE, EGRESS_FD: those present change, all or none
 * ============  ====================================================  =======
 *
 * A port belongs to the network namespace it was made in; another one neither
 * sees nor changes it, though names are unique over all of them, as /dev is.
 * PORT_NEW, PORT_DEL and PORT_SET want CAP_NET_ADMIN in the user namespace that
 * owns that network namespace; and also in the initial one PORT_NEW, because /dev has
 * no namespaces, and PORT_SET with QUEUES or BACKLOG, because these say how much of
 * the host's memory a port may have. PORT_GET wants nothing. A port with an IFINDEX
 * is on the xdp lane: IFINDEX must exist in the same namespace and not be a
 * loopback. With XSK_QUEUE it is on the xsk lane: the module makes as many AF_XDP
 * sockets as there are QUEUES, for so many queues of the uplink from XSK_QUEUE on,
 * one for each queue pair; the caller's memory limits, its cgroup and CAP_NET_RAW
 * count for them. A port without is plain vhost-net over the socket that the VMM hands
 * to VHOST_NET_SET_BACKEND. EGRESS_FD is a BPF_PROG_TYPE_XDP program with
 * BPF_F_XDP_HAS_FRAGS, neither bound to a device nor for a map, or -1 to take it
 * out; the answer names the program by EGRESS_ID.
 *
 * Errors, each with an extended-ack text that names the attribute: EEXIST (the
 * name is taken), ENODEV (no such port, no such uplink), ERANGE (a value out of
 * range), EINVAL (a bad name, an attribute missing), EBADF and EINVAL (EGRESS_FD),
 * EPERM, ENOMEM, ENOSPC (no minor or port number left); of XSK_QUEUE: EBUSY (the
 * queue has an AF_XDP socket), EINVAL (there is no such queue), EAFNOSUPPORT
 * (CONFIG_XDP_SOCKETS), ENOBUFS (limit of locked memory).
 *
 * The multicast group "ports" carries PORT_NEW, PORT_SET (with all attributes
 * but STATS and QUEUE) and PORT_DEL (ID, NAME) for each change in the namespace,
 * the loss of the uplink (PORT_SET without IFINDEX) among them.
 */
#ifndef _UAPI_LINUX_VHOST_XDP_H
#define _UAPI_LINUX_VHOST_XDP_H

#include <linux/types.h>

#define VHOST_XDP_GENL_NAME	"vhost_xdp"
#define VHOST_XDP_GENL_VERSION	1
#define VHOST_XDP_GENL_MCGRP	"ports"

/* The directory under /dev that holds the ports' nodes. */
#define VHOST_XDP_DEV_DIR	"vhost-xdp"

/* With the final NUL. First a letter or digit, then also '.', '_' and '-'. */
#define VHOST_XDP_NAME_MAX	32

#define VHOST_XDP_QUEUES_MAX	256	/* queue pairs a port, as with tap */
#define VHOST_XDP_QUEUES_DEFAULT 1

/* Frames a queue pair holds for a guest that is slow to refill its ring. */
#define VHOST_XDP_BACKLOG_MIN	1
#define VHOST_XDP_BACKLOG_MAX	65536
#define VHOST_XDP_BACKLOG_DEFAULT 1024

/*
 * The longest frame on the xdp lane that is not a GSO frame, Ethernet header
 * and VLAN tag included: MTU 9000 and room for what jumbo NICs really send.
 */
#define VHOST_XDP_FRAME_MAX	9728

enum vhost_xdp_cmd {
	VHOST_XDP_CMD_UNSPEC,
	VHOST_XDP_CMD_PORT_NEW,
	VHOST_XDP_CMD_PORT_DEL,
	VHOST_XDP_CMD_PORT_GET,
	VHOST_XDP_CMD_PORT_SET,

	__VHOST_XDP_CMD_MAX,
	VHOST_XDP_CMD_MAX = __VHOST_XDP_CMD_MAX - 1,
};

/**
 * enum vhost_xdp_attr - attributes of a port
 * @VHOST_XDP_A_ID: u32, never 0, not used again before 2^32 others were; this is
 *	the number a program gives to bpf_vhost_xdp_deliver()
 * @VHOST_XDP_A_NAME: string, see VHOST_XDP_NAME_MAX
 * @VHOST_XDP_A_IFINDEX: u32, the uplink; absent where there is none or it is gone
 * @VHOST_XDP_A_QUEUES: u32, how many queue pairs (opens) there may be at once,
 *	1 to VHOST_XDP_QUEUES_MAX
 * @VHOST_XDP_A_FEATURES: u64, mask over what VHOST_GET_FEATURES offers. The answer
 *	holds what is really offered. A change counts for opens that come after
 * @VHOST_XDP_A_UID: u32, owner the node is to have, in the caller's user namespace
 * @VHOST_XDP_A_GID: u32, group the node is to have, likewise
 * @VHOST_XDP_A_MODE: u32, mode of the node, 0600 where absent. The kernel makes
 *	the node root's with this mode; the loader then gives it to UID and GID
 * @VHOST_XDP_A_EGRESS_FD: s32, request only
 * @VHOST_XDP_A_EGRESS_ID: u32, answer only
 * @VHOST_XDP_A_BACKLOG: u32, frames, see VHOST_XDP_BACKLOG_MAX
 * @VHOST_XDP_A_OPENS: u32, answer only: queue pairs that are open
 * @VHOST_XDP_A_STATS: nested enum vhost_xdp_stat, each a u64; answer only
 * @VHOST_XDP_A_QUEUE: nested enum vhost_xdp_queue_attr, one a queue pair that is
 *	open; answer only
 * @VHOST_XDP_A_PAD: alignment of the u64s
 * @VHOST_XDP_A_XSK_QUEUE: u32, the first queue of the uplink that is the port's by
 *	an AF_XDP socket; absent where the port is not on the xsk lane
 * @VHOST_XDP_A_FEATURES_MORE: u64, as FEATURES, of features 64 to 127: mask over the
 *	second word of VHOST_GET_FEATURES_ARRAY. A port that was told neither offers all
 */
enum vhost_xdp_attr {
	VHOST_XDP_A_UNSPEC,
	VHOST_XDP_A_ID,
	VHOST_XDP_A_NAME,
	VHOST_XDP_A_IFINDEX,
	VHOST_XDP_A_QUEUES,
	VHOST_XDP_A_FEATURES,
	VHOST_XDP_A_UID,
	VHOST_XDP_A_GID,
	VHOST_XDP_A_MODE,
	VHOST_XDP_A_EGRESS_FD,
	VHOST_XDP_A_EGRESS_ID,
	VHOST_XDP_A_BACKLOG,
	VHOST_XDP_A_OPENS,
	VHOST_XDP_A_STATS,
	VHOST_XDP_A_QUEUE,
	VHOST_XDP_A_PAD,
	VHOST_XDP_A_XSK_QUEUE,
	VHOST_XDP_A_FEATURES_MORE,

	__VHOST_XDP_A_MAX,
	VHOST_XDP_A_MAX = __VHOST_XDP_A_MAX - 1,
};

/**
 * enum vhost_xdp_queue_attr - one open queue pair
 * @VHOST_XDP_QA_INDEX: u32, its number on the port
 * @VHOST_XDP_QA_RX_RUNNING: flag, the receive ring has a backend
 * @VHOST_XDP_QA_TX_RUNNING: flag, the transmit ring has a backend
 * @VHOST_XDP_QA_RX_ERROR: u32, enum vhost_xdp_stat of what stopped the ring;
 *	absent where nothing did
 * @VHOST_XDP_QA_TX_ERROR: u32, likewise
 * @VHOST_XDP_QA_FEATURES: u64, what the VMM acknowledged
 * @VHOST_XDP_QA_BACKLOG: u32, frames waiting for the guest now; one longer than
 *	VHOST_XDP_FRAME_MAX counts as so many as would hold it
 * @VHOST_XDP_QA_PAD: alignment of the u64s
 * @VHOST_XDP_QA_FEATURES_MORE: u64, what the VMM acknowledged of features 64 to 127
 */
enum vhost_xdp_queue_attr {
	VHOST_XDP_QA_UNSPEC,
	VHOST_XDP_QA_INDEX,
	VHOST_XDP_QA_RX_RUNNING,
	VHOST_XDP_QA_TX_RUNNING,
	VHOST_XDP_QA_RX_ERROR,
	VHOST_XDP_QA_TX_ERROR,
	VHOST_XDP_QA_FEATURES,
	VHOST_XDP_QA_BACKLOG,
	VHOST_XDP_QA_PAD,
	VHOST_XDP_QA_FEATURES_MORE,

	__VHOST_XDP_QA_MAX,
	VHOST_XDP_QA_MAX = __VHOST_XDP_QA_MAX - 1,
};

/*
 * Every counter of a port: X(symbol, name, meaning). "rx" is to the guest, "tx"
 * from it. Lanes count what went all the way; each frame that did not is in
 * exactly one *_drop_*; each ring_* stopped one ring and signalled its error
 * eventfd. Bytes are of the frame, without the virtio-net header. A new counter
 * goes at the end.
 */
#define VHOST_XDP_STATS(X)						       \
	X(RX_XDP_PACKETS, "rx_xdp_packets", "frames from an XDP program")      \
	X(RX_XDP_BYTES, "rx_xdp_bytes", "their bytes")			       \
	X(RX_LOCAL_PACKETS, "rx_local_packets", "frames from another port")    \
	X(RX_LOCAL_BYTES, "rx_local_bytes", "their bytes")		       \
	X(RX_SOCK_PACKETS, "rx_sock_packets", "frames from the VMM's socket")  \
	X(RX_SOCK_BYTES, "rx_sock_bytes", "their bytes")		       \
	X(TX_XDP_PACKETS, "tx_xdp_packets", "frames sent by ndo_xdp_xmit")     \
	X(TX_XDP_BYTES, "tx_xdp_bytes", "their bytes")			       \
	X(TX_SKB_PACKETS, "tx_skb_packets", "frames sent as skbs: GSO, or "    \
	  "an uplink without ndo_xdp_xmit")				       \
	X(TX_SKB_BYTES, "tx_skb_bytes", "their bytes")			       \
	X(TX_LOCAL_PACKETS, "tx_local_packets", "frames to other ports only")  \
	X(TX_LOCAL_BYTES, "tx_local_bytes", "their bytes")		       \
	X(TX_REDIRECT_PACKETS, "tx_redirect_packets", "frames redirected")     \
	X(TX_REDIRECT_BYTES, "tx_redirect_bytes", "their bytes")	       \
	X(TX_SOCK_PACKETS, "tx_sock_packets", "frames to the VMM's socket")    \
	X(TX_SOCK_BYTES, "tx_sock_bytes", "their bytes")		       \
	X(RX_DROP_BACKLOG, "rx_drop_backlog", "backlog full")		       \
	X(RX_DROP_NOMEM, "rx_drop_nomem", "no memory for the backlog")	       \
	X(RX_DROP_STOPPED, "rx_drop_stopped", "no queue pair is running")      \
	X(RX_DROP_OVERSIZE, "rx_drop_oversize", "above VHOST_XDP_FRAME_MAX")   \
	X(RX_DROP_NO_ROOM, "rx_drop_no_room", "above what the guest posted")   \
	X(RX_DROP_SOCK, "rx_drop_sock", "the socket changed its mind")	       \
	X(TX_DROP_SHORT, "tx_drop_short", "under an Ethernet header")	       \
	X(TX_DROP_OVERSIZE, "tx_drop_oversize", "above what a frame can be")   \
	X(TX_DROP_HDR, "tx_drop_hdr", "no whole virtio-net header")	       \
	X(TX_DROP_CSUM, "tx_drop_csum", "csum_start or csum_offset lies")      \
	X(TX_DROP_GSO, "tx_drop_gso",					      \
	  "gso_type, gso_size, hdr_len or what is said of a tunnel lies")	      \
	X(TX_DROP_NOMEM, "tx_drop_nomem", "no memory for the frame")	       \
	X(TX_DROP_FAULT, "tx_drop_fault", "guest buffer not readable")	       \
	X(TX_DROP_POLICY, "tx_drop_policy", "egress program: XDP_DROP")	       \
	X(TX_DROP_ABORTED, "tx_drop_aborted", "egress program: other verdict, or a tunnel's GSO frame in disorder") \
	X(TX_DROP_REDIRECT, "tx_drop_redirect", "redirect failed")	       \
	X(TX_DROP_NO_UPLINK, "tx_drop_no_uplink", "uplink gone")	       \
	X(TX_DROP_LINK_DOWN, "tx_drop_link_down", "uplink down")	       \
	X(TX_DROP_MTU, "tx_drop_mtu", "above the uplink's MTU")		       \
	X(TX_DROP_UPLINK, "tx_drop_uplink", "the uplink's driver refused")     \
	X(TX_DROP_NO_SOCK, "tx_drop_no_sock", "no socket, or one without "     \
	  "offloads, to pass to")					       \
	X(TX_DROP_SOCK, "tx_drop_sock", "the socket refused")		       \
	X(RING_FAULT, "ring_fault", "ring or log memory not accessible")       \
	X(RING_AVAIL, "ring_avail", "avail index further than the ring")       \
	X(RING_HEAD, "ring_head", "head beyond the ring")		       \
	X(RING_NEXT, "ring_next", "next beyond the table")		       \
	X(RING_LOOP, "ring_loop", "chain longer than the table")	       \
	X(RING_INDIRECT, "ring_indirect", "bad indirect descriptor")	       \
	X(RING_ADDR, "ring_addr", "buffer outside of the guest's memory, or "  \
	  "that its IOMMU forbids")					       \
	X(RING_LEN, "ring_len", "zero-length or too many buffers")	       \
	X(RING_ORDER, "ring_order", "readable after writable, or the wrong "   \
	  "direction")							       \
	X(KICKS, "kicks", "kick eventfds seen by the worker")		       \
	X(CALLS, "calls", "call eventfds signalled")			       \
	X(WAKEUPS, "wakeups", "times the worker was woken")		       \
	X(RX_XSK_PACKETS, "rx_xsk_packets", "frames from an AF_XDP socket")    \
	X(RX_XSK_BYTES, "rx_xsk_bytes", "their bytes")			       \
	X(TX_XSK_PACKETS, "tx_xsk_packets", "frames to an AF_XDP socket")      \
	X(TX_XSK_BYTES, "tx_xsk_bytes", "their bytes")			       \
	X(RX_DROP_XSK, "rx_drop_xsk", "AF_XDP socket full")		       \
	X(TX_DROP_XSK, "tx_drop_xsk", "no room towards the AF_XDP socket")     \
	X(XSK_REFUSED, "xsk_refused", "AF_XDP ring entries that were wrong")   \
	X(RX_FAST_PACKETS, "rx_fast_packets", "of rx_xdp_packets and "	       \
	  "rx_local_packets, those that no worker touched")		       \
	X(IOTLB_MISSES, "iotlb_misses", "times a ring found that the IOTLB "   \
	  "lacks an address, or the right to use it")

/**
 * enum vhost_xdp_stat - attribute types inside VHOST_XDP_A_STATS
 */
enum vhost_xdp_stat {
	VHOST_XDP_STAT_UNSPEC,
#define VHOST_XDP_STAT_ENUM(sym, name, doc) VHOST_XDP_STAT_##sym,
	VHOST_XDP_STATS(VHOST_XDP_STAT_ENUM)
#undef VHOST_XDP_STAT_ENUM
	VHOST_XDP_STAT_PAD,

	__VHOST_XDP_STAT_MAX,
	VHOST_XDP_STAT_MAX = __VHOST_XDP_STAT_MAX - 1,
};

/*
 * The egress program of a port sees each frame the guest sends, the virtio-net
 * header taken off, with this in its metadata area (ctx->data_meta). Its
 * verdicts: XDP_TX, out by the uplink; XDP_REDIRECT, where a redirect helper
 * said; XDP_PASS, to the socket of the VMM (the exception path); XDP_DROP,
 * dropped, unless bpf_vhost_xdp_deliver() gave it to somebody.
 * ctx->ingress_ifindex is the uplink, ctx->rx_queue_index the queue pair.
 */
struct vhost_xdp_meta {
	__u32 port;	/* VHOST_XDP_A_ID of the sender */
	__u32 flags;	/* VHOST_XDP_META_* */
};

/* The frame is to be segmented (its length is above the MTU). */
#define VHOST_XDP_META_GSO	(1U << 0)
/* Its destination was last seen as a source on the exception path. */
#define VHOST_XDP_META_TO_HOST	(1U << 1)
/*
 * Set by the program, with the frame left as it was and either XDP_TX, or XDP_DROP after
 * one bpf_vhost_xdp_deliver() without flags: it would do the same with other frames that
 * begin with the same 14 bytes and have the same flags, and need not see them. Then the
 * module does that without asking it, in the batch at hand: at most 64 frames, which are
 * dealt with before any other work of this CPU. So the program must have decided by these
 * 14 bytes, @port, the flags, and state that it may take as it was a batch earlier, and
 * by nothing else. Without effect on a GSO frame.
 */
#define VHOST_XDP_META_REPEAT	(1U << 2)

/*
 * kfunc, for BPF_PROG_TYPE_XDP:
 *
 *	int bpf_vhost_xdp_deliver(struct xdp_md *ctx, __u32 port, __u64 flags);
 *
 * Queues a copy of the frame for a port's guest; the frame stays the caller's,
 * who returns XDP_DROP when it should go nowhere else. Frames of one receive
 * queue of one uplink reach the guest in order. @port is VHOST_XDP_A_ID, or, in
 * an egress program, VHOST_XDP_PORT_HOST for the exception path of the sender
 * (the frame goes there as well as where the verdict says).
 *
 * 0, or: -EINVAL flags, a frame too short for a tag that is to be left out, or a GSO
 * frame that the program has left in no order, or in a tunnel with nothing to cut;
 * -ENOENT no such port; -ENETDOWN none of its queue pairs is running; -EMSGSIZE above
 * VHOST_XDP_FRAME_MAX; -ENOBUFS backlog full; -ENOMEM; with VHOST_XDP_DELIVER_REDIRECT also XDP_REDIRECT: the frame is for the
 * port's AF_XDP socket, nothing was copied, and the program returns this verdict at
 * once. The port counts each failure but the first two. A GSO frame is handed
 * over whole where the VMM has told its tap that the guest takes such frames, and a
 * program that writes to it afterwards, behind the first 256 bytes, may write to
 * what is handed over; for other guests it is cut into frames, at most 128. With
 * @flags it is -EINVAL. To the exception path it goes whole, with its header.
 */
#define VHOST_XDP_PORT_HOST	0U

/* Leave out the 4 bytes of the 802.1Q tag behind the MAC addresses. */
#define VHOST_XDP_DELIVER_STRIP_VLAN	(1ULL << 0)
/* Not in an egress program: the answer may be XDP_REDIRECT. */
#define VHOST_XDP_DELIVER_REDIRECT	(1ULL << 1)

#endif /* _UAPI_LINUX_VHOST_XDP_H */
