// SPDX-License-Identifier: GPL-2.0
/*
 * uplink.c - hold the uplink while it is there, let go when it goes, and send.
 *
 * port->uplink is written under RTNL. Whoever sends reads it by RCU; taking it
 * away waits for them (synchronize_net()) before the reference is dropped.
 */
#include <linux/etherdevice.h>
#include <linux/filter.h>
#include <linux/if_arp.h>
#include <linux/if_vlan.h>
#include <linux/rtnetlink.h>
#include <net/gso.h>
#include "compat.h"
#include "netlink.h"
#include "uplink.h"
#include "xsk.h"

/* Ports with an uplink; RTNL. */
static LIST_HEAD(attached);

/**
 * vxdp_uplink_attach() - give a port its uplink
 * @port: without one
 * @ifindex: in the port's namespace
 *
 * Context: process; takes RTNL.
 * Return: 0; -ENODEV; -EINVAL for a loopback, or what is not Ethernet.
 */
int vxdp_uplink_attach(struct vxdp_port *port, u32 ifindex)
{
	struct net_device *dev;
	int ret = 0;

	rtnl_lock();
	dev = __dev_get_by_index(port->net, ifindex);
	if (!dev || dev->reg_state != NETREG_REGISTERED) {
		ret = -ENODEV;
	} else if (dev->flags & IFF_LOOPBACK || dev->type != ARPHRD_ETHER) {
		ret = -EINVAL;
	} else {
		netdev_hold(dev, &port->uplink_tracker, GFP_KERNEL);
		rcu_assign_pointer(port->uplink, dev);
		list_add_tail(&port->uplink_node, &attached);
	}
	rtnl_unlock();
	return ret;
}

/* Context: RTNL. Others may still send by the uplink until a grace period ends. */
static void hide(struct vxdp_port *port, struct list_head *hidden)
{
	list_move(&port->uplink_node, hidden);
	RCU_INIT_POINTER(port->uplink, NULL);
}

/* Context: RTNL. Sleeps until nobody sends by the uplink any more. */
static void let_go(struct list_head *hidden, struct net_device *dev)
{
	struct vxdp_port *port, *next;

	synchronize_net();
	list_for_each_entry_safe(port, next, hidden, uplink_node) {
		list_del_init(&port->uplink_node);
		netdev_put(dev, &port->uplink_tracker);
		/* AF_XDP has heard of it before us. */
		vxdp_xsk_uplink_gone(port);
		vxdp_netlink_notify(port, VHOST_XDP_CMD_PORT_SET);
	}
}

/**
 * vxdp_uplink_detach() - take a port's uplink away
 * @port: with one, or without
 *
 * Context: process; takes RTNL.
 */
void vxdp_uplink_detach(struct vxdp_port *port)
{
	struct net_device *dev;
	LIST_HEAD(hidden);

	rtnl_lock();
	dev = rtnl_dereference(port->uplink);
	if (dev) {
		hide(port, &hidden);
		synchronize_net();
		list_del_init(&port->uplink_node);
		netdev_put(dev, &port->uplink_tracker);
	}
	rtnl_unlock();
}

static int netdev_event(struct notifier_block *nb, unsigned long event, void *ptr)
{
	struct net_device *dev = netdev_notifier_info_to_dev(ptr);
	struct vxdp_port *port, *next;
	LIST_HEAD(hidden);

	/* Also when it moves to another namespace: there it is not ours. */
	if (event != NETDEV_UNREGISTER)
		return NOTIFY_DONE;
	list_for_each_entry_safe(port, next, &attached, uplink_node) {
		if (rtnl_dereference(port->uplink) == dev)
			hide(port, &hidden);
	}
	if (!list_empty(&hidden))
		let_go(&hidden, dev);
	return NOTIFY_DONE;
}

static struct notifier_block notifier = {
	.notifier_call = netdev_event,
};

/**
 * vxdp_uplink_init() - at module load
 *
 * Return: 0 or an error.
 */
int vxdp_uplink_init(void)
{
	return register_netdevice_notifier(&notifier);
}

/**
 * vxdp_uplink_exit() - at module unload, when no port is left
 */
void vxdp_uplink_exit(void)
{
	unregister_netdevice_notifier(&notifier);
}

/* The skb's own metadata carries the tag: so offsets are those of the guest. */
static bool move_tag(struct sk_buff *skb)
{
	struct vlan_ethhdr *veth = skb_vlan_eth_hdr(skb);
	u16 tci;

	if (!eth_type_vlan(skb->protocol))
		return false;
	tci = ntohs(veth->h_vlan_TCI);
	__vlan_hwaccel_put_tag(skb, skb->protocol, tci);
	skb->protocol = veth->h_vlan_encapsulated_proto;
	memmove(skb->data + VLAN_HLEN, skb->data, 2 * ETH_ALEN);
	skb_pull(skb, VLAN_HLEN);
	return true;
}

/* What it really holds; XDP takes each frag to be as large as the first buffer. */
static void set_truesize(struct sk_buff *skb)
{
	const struct skb_shared_info *sinfo = skb_shinfo(skb);
	u32 size = SKB_TRUESIZE(skb_end_offset(skb));
	int i;

	for (i = 0; i < sinfo->nr_frags; i++)
		size += page_size(skb_frag_page(&sinfo->frags[i]));
	skb->truesize = size;
}

static struct sk_buff *to_skb(struct xdp_frame *frame, struct net_device *dev)
{
	struct sk_buff *skb = xdp_build_skb_from_frame(frame, dev);

	if (!skb)
		return NULL;
	/* It was built as if received: the header is behind its back. */
	skb_push(skb, ETH_HLEN);
	skb_reset_mac_header(skb);
	skb_set_network_header(skb, ETH_HLEN);
	skb->pkt_type = PACKET_OUTGOING;
	if (skb_is_nonlinear(skb))
		set_truesize(skb);
	return skb;
}

/* Segments and completes what the device cannot, then bypasses the qdisc. */
static bool xmit_skb(struct sk_buff *skb, struct net_device *dev)
{
	bool again = false, ok = true;
	struct sk_buff *next;
	u16 txq;

	txq = netdev_pick_tx(dev, skb, NULL);
	skb_set_queue_mapping(skb, txq);
	skb = validate_xmit_skb_list(skb, dev, &again);
	if (!skb)
		return false;
	for (; skb; skb = next) {
		next = skb->next;
		skb_mark_not_on_list(skb);
		skb_set_queue_mapping(skb, txq);
		if (dev_direct_xmit(skb, txq) != NETDEV_TX_OK)
			ok = false;
	}
	return ok;
}

static u32 link_problem(struct net_device *dev)
{
	if (!(dev->flags & IFF_UP) || !netif_carrier_ok(dev))
		return VHOST_XDP_STAT_TX_DROP_LINK_DOWN;
	return 0;
}

static u32 max_len(const struct net_device *dev)
{
	return dev->mtu + dev->hard_header_len + VLAN_HLEN;
}

static bool gso_fits(const struct sk_buff *skb, const struct net_device *dev)
{
	u32 max = max_len(dev);

	if (!skb_is_gso(skb))
		return skb->len <= max;
	/* Of UDP in a tunnel the kernel does not count the inner UDP header. */
	if (skb->encapsulation && skb_shinfo(skb)->gso_type & SKB_GSO_UDP_L4)
		max -= sizeof(struct udphdr);
	return skb_gso_validate_mac_len(skb, max);
}

static void drop(struct vxdp_port *port, struct xdp_frame *frame, u32 why)
{
	vxdp_stats_add(port->stats, why, 1);
	xdp_return_frame(frame);
}

/**
 * vxdp_uplink_begin() - prepare to send
 * @out: out
 * @port: who counts
 * @dev: its uplink
 * @frame: room for as many frames as are added before the flush
 * @xsk: the AF_XDP socket that is to send them, by vxdp_xsk_kick(); NULL: the driver
 *
 * A device without ndo_xdp_xmit, or one that has no XDP resources set up for it just
 * now, gets skbs.
 *
 * Context: softirqs off, RCU, a bpf_net_context set, until vxdp_uplink_flush().
 */
void vxdp_uplink_begin(struct vxdp_out *out, struct vxdp_port *port,
		       struct net_device *dev, struct xdp_frame **frame, struct vxdp_xsk *xsk)
{
	bool frames = xsk || (dev->netdev_ops->ndo_xdp_xmit &&
			      dev->xdp_features & NETDEV_XDP_ACT_NDO_XMIT);

	out->port = port;
	out->dev = dev;
	out->xsk = xsk;
	out->problem = link_problem(dev);
	out->max_len = max_len(dev);
	/* So that all go the long way where none can leave. */
	out->frames = frames && !out->problem;
	out->frags = out->frames && (xsk || dev->xdp_features & NETDEV_XDP_ACT_NDO_XMIT_SG);
	out->nr = 0;
	out->bytes = 0;
	out->frame = frame;
}

/**
 * vxdp_uplink_send_skb() - send a plain frame as an skb
 * @out: without frames that wait
 * @frame: the frame, which is gone afterwards
 *
 * Context: as vxdp_uplink_begin().
 */
void vxdp_uplink_send_skb(struct vxdp_out *out, struct xdp_frame *frame)
{
	u32 len = xdp_get_frame_len(frame), problem = out->problem;
	struct vxdp_port *port = out->port;
	struct sk_buff *skb;

	if (!problem && len > out->max_len)
		problem = VHOST_XDP_STAT_TX_DROP_MTU;
	if (problem) {
		drop(port, frame, problem);
		return;
	}
	skb = to_skb(frame, out->dev);
	if (!skb)
		drop(port, frame, VHOST_XDP_STAT_TX_DROP_NOMEM);
	else if (!xmit_skb(skb, out->dev))
		vxdp_stats_add(port->stats, VHOST_XDP_STAT_TX_DROP_UPLINK, 1);
	else
		vxdp_stats_packet(port->stats, VHOST_XDP_STAT_TX_SKB_PACKETS, len);
}

/*
 * Zeroes behind a short frame, up to @end at most. Where there is too little room behind
 * it, it moves into what is in front of it, which is more. Return: where it begins then.
 */
static void *fill(void *data, u32 len, void *end)
{
	void *at = min(data, end - ETH_ZLEN);

	if (at != data)
		memmove(at, data, len);
	memset(at + len, 0, ETH_ZLEN - len);
	return at;
}

/*
 * Drivers pad skbs that are too short for their NIC, but not frames: i40e and ice say
 * that it cannot have less than 17 bytes, bnxt than 52. Return: the length then.
 */
static u32 pad(struct xdp_frame *frame, u32 len)
{
	void *data;

	if (xdp_frame_has_frags(frame))
		return len;
	data = fill(frame->data, len, xdp_get_shared_info_from_frame(frame));
	frame->headroom -= frame->data - data;
	frame->data = data;
	frame->len = ETH_ZLEN;
	return ETH_ZLEN;
}

/**
 * vxdp_uplink_add_other() - what vxdp_uplink_add() does with other frames than most
 * @out: begun
 * @frame: the frame, which is gone afterwards
 *
 * Context: as vxdp_uplink_begin().
 */
void vxdp_uplink_add_other(struct vxdp_out *out, struct xdp_frame *frame)
{
	u32 len = xdp_get_frame_len(frame);

	if (out->frames && len < ETH_ZLEN)
		len = pad(frame, len);
	if (out->frames && len >= ETH_ZLEN && len <= out->max_len &&
	    (out->frags || !xdp_frame_has_frags(frame))) {
		out->bytes += len;
		out->frame[out->nr++] = frame;
		return;
	}
	/* What came before goes out before. */
	vxdp_uplink_flush(out);
	vxdp_uplink_send_skb(out, frame);
}

/**
 * vxdp_uplink_may_redirect() - make a frame fit for where a program redirects it to
 * @xdp: the frame, the helper called; padded for a NIC's driver, where it is short
 * @gso: it is a GSO frame: a target takes no metadata, so nobody would segment it
 *
 * Not for an AF_XDP socket: its rings are those of the NAPI of its queue, and have no
 * lock. We are not that NAPI, whichever queue the program takes us for.
 *
 * Context: as vxdp_uplink_begin().
 * Return: false where it may not go there, or cannot be padded.
 */
bool vxdp_uplink_may_redirect(struct xdp_buff *xdp, bool gso)
{
	struct bpf_redirect_info *ri = bpf_net_ctx_get_ri();
	u32 len = xdp_get_buff_len(xdp);

	if (gso || ri->map_type == BPF_MAP_TYPE_XSKMAP ||
	    (len < ETH_ZLEN && xdp_buff_has_frags(xdp))) {
		ri->map_id = 0;
		ri->map_type = BPF_MAP_TYPE_UNSPEC;
		return false;
	}
	if (len < ETH_ZLEN) {
		xdp->data = fill(xdp->data, len, xdp_data_hard_end(xdp));
		xdp->data_meta = xdp->data;
		xdp->data_end = xdp->data + ETH_ZLEN;
	}
	return true;
}

/* Return: how many of @nr frames the driver took, the first ones. */
static u32 xmit_frames(struct vxdp_out *out, struct xdp_frame **frame, u32 nr, u32 flags)
{
	int i, sent = out->dev->netdev_ops->ndo_xdp_xmit(out->dev, nr, frame, flags);

	if (sent < 0)
		sent = 0;
	/* The rest is still ours. */
	for (i = sent; i < nr; i++) {
		out->bytes -= xdp_get_frame_len(frame[i]);
		drop(out->port, frame[i], VHOST_XDP_STAT_TX_DROP_UPLINK);
	}
	return sent;
}

/**
 * vxdp_uplink_flush() - hand driver or socket what was added
 * @out: begun; empty afterwards
 *
 * As many frames a call as a devmap sends: drivers have arrays of that size.
 *
 * Context: as vxdp_uplink_begin().
 */
void vxdp_uplink_flush(struct vxdp_out *out)
{
	u32 at, part, sent = 0;

	if (!out->nr)
		return;
	if (unlikely(out->xsk)) {
		vxdp_xsk_send(out->xsk, out->frame, out->nr);
		out->nr = 0;
		out->bytes = 0;
		return;
	}
	for (at = 0; at < out->nr; at += part) {
		part = min_t(u32, out->nr - at, DEV_MAP_BULK_SIZE);
		sent += xmit_frames(out, out->frame + at, part,
				    at + part == out->nr ? XDP_XMIT_FLUSH : 0);
	}
	vxdp_stats_add(out->port->stats, VHOST_XDP_STAT_TX_XDP_PACKETS, sent);
	vxdp_stats_add(out->port->stats, VHOST_XDP_STAT_TX_XDP_BYTES, out->bytes);
	out->nr = 0;
	out->bytes = 0;
}

/**
 * vxdp_uplink_send_gso() - send a GSO frame through the uplink's own offloads, or
 * segmented by the kernel where it has none
 * @port: who counts
 * @dev: its uplink
 * @frame: the frame, which is gone afterwards
 * @claim: what its header says, held against the frame by vxdp_gso_parse(); what a
 *	program put in front since is in its offsets
 * @shared: somebody else has its pages, too: who would write to them is to copy them
 *
 * Context: as vxdp_uplink_begin().
 */
void vxdp_uplink_send_gso(struct vxdp_port *port, struct net_device *dev,
			  struct xdp_frame *frame, const struct vxdp_claim *claim,
			  bool shared)
{
	u32 len = xdp_get_frame_len(frame), problem = link_problem(dev);
	struct vxdp_claim moved = *claim;
	struct sk_buff *skb;

	if (problem) {
		drop(port, frame, problem);
		return;
	}
	skb = to_skb(frame, dev);
	if (!skb) {
		drop(port, frame, VHOST_XDP_STAT_TX_DROP_NOMEM);
		return;
	}

	if (shared)
		skb_shinfo(skb)->flags |= SKBFL_SHARED_FRAG;
	if (move_tag(skb))
		vxdp_claim_shift(&moved, -VLAN_HLEN);
	skb_reset_mac_header(skb);
	skb_set_network_header(skb, ETH_HLEN);
	moved.hdr.hdr_len = 0;
	if (vxdp_claim_to_skb(skb, &moved))
		problem = VHOST_XDP_STAT_TX_DROP_GSO;
	else if (!gso_fits(skb, dev))
		problem = VHOST_XDP_STAT_TX_DROP_MTU;
	if (problem) {
		vxdp_stats_add(port->stats, problem, 1);
		kfree_skb(skb);
		return;
	}
	if (xmit_skb(skb, dev))
		vxdp_stats_packet(port->stats, VHOST_XDP_STAT_TX_SKB_PACKETS, len);
	else
		vxdp_stats_add(port->stats, VHOST_XDP_STAT_TX_DROP_UPLINK, 1);
}
