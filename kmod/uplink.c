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
#include <linux/virtio_net.h>
#include <net/gso.h>
#include "netlink.h"
#include "uplink.h"

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
	if (!skb_is_gso(skb))
		return skb->len <= max_len(dev);
	return skb_gso_validate_mac_len(skb, max_len(dev));
}

static void drop(struct vxdp_port *port, struct xdp_frame *frame, u32 why)
{
	vxdp_stats_add(port->stats, why, 1);
	xdp_return_frame(frame);
}

/**
 * vxdp_uplink_send_skb() - send a plain frame as an skb
 * @port: who counts
 * @dev: its uplink
 * @frame: the frame, which is gone afterwards
 *
 * Context: as vxdp_uplink_send().
 */
void vxdp_uplink_send_skb(struct vxdp_port *port, struct net_device *dev,
			  struct xdp_frame *frame)
{
	u32 len = xdp_get_frame_len(frame), problem = link_problem(dev);
	struct sk_buff *skb;

	if (!problem && len > max_len(dev))
		problem = VHOST_XDP_STAT_TX_DROP_MTU;
	if (problem) {
		drop(port, frame, problem);
		return;
	}
	skb = to_skb(frame, dev);
	if (!skb)
		drop(port, frame, VHOST_XDP_STAT_TX_DROP_NOMEM);
	else if (!xmit_skb(skb, dev))
		vxdp_stats_add(port->stats, VHOST_XDP_STAT_TX_DROP_UPLINK, 1);
	else
		vxdp_stats_packet(port->stats, VHOST_XDP_STAT_TX_SKB_PACKETS, len);
}

/*
 * Can the driver take the frame as it is? A device without ndo_xdp_xmit, or one
 * that has no XDP resources set up for it just now, gets skbs.
 */
static bool takes_frames(struct net_device *dev, struct xdp_frame *frame)
{
	if (!dev->netdev_ops->ndo_xdp_xmit || !(dev->xdp_features & NETDEV_XDP_ACT_NDO_XMIT))
		return false;
	return !xdp_frame_has_frags(frame) || dev->xdp_features & NETDEV_XDP_ACT_NDO_XMIT_SG;
}

static void xmit_frames(struct vxdp_port *port, struct net_device *dev,
			struct xdp_frame **frames, u32 nr)
{
	u64 bytes[2] = {};
	int i, sent;
	u32 len;

	if (!nr)
		return;
	for (i = 0; i < nr; i++)
		bytes[0] += xdp_get_frame_len(frames[i]);
	sent = dev->netdev_ops->ndo_xdp_xmit(dev, nr, frames, XDP_XMIT_FLUSH);
	if (sent < 0)
		sent = 0;
	/* Those before @sent are the driver's; the rest is still ours. */
	for (i = sent; i < nr; i++) {
		len = xdp_get_frame_len(frames[i]);
		bytes[1] += len;
		drop(port, frames[i], VHOST_XDP_STAT_TX_DROP_UPLINK);
	}
	vxdp_stats_add(port->stats, VHOST_XDP_STAT_TX_XDP_PACKETS, sent);
	vxdp_stats_add(port->stats, VHOST_XDP_STAT_TX_XDP_BYTES, bytes[0] - bytes[1]);
}

/**
 * vxdp_uplink_send() - send frames, in order
 * @port: who counts
 * @dev: its uplink
 * @frames: the frames, which are gone afterwards; the array is scratch
 * @nr: how many
 *
 * Context: softirqs off, RCU, a bpf_net_context set.
 */
void vxdp_uplink_send(struct vxdp_port *port, struct net_device *dev,
		      struct xdp_frame **frames, u32 nr)
{
	u32 problem = link_problem(dev);
	u32 i, n = 0;

	for (i = 0; i < nr; i++) {
		struct xdp_frame *frame = frames[i];

		if (problem) {
			drop(port, frame, problem);
		} else if (xdp_get_frame_len(frame) > max_len(dev)) {
			drop(port, frame, VHOST_XDP_STAT_TX_DROP_MTU);
		} else if (takes_frames(dev, frame)) {
			frames[n++] = frame;
		} else {
			/* What came before goes out before. */
			xmit_frames(port, dev, frames, n);
			n = 0;
			vxdp_uplink_send_skb(port, dev, frame);
		}
	}
	xmit_frames(port, dev, frames, n);
}

/**
 * vxdp_uplink_send_gso() - send a GSO frame through the uplink's own offloads, or
 * segmented by the kernel where it has none
 * @port: who counts
 * @dev: its uplink
 * @frame: the frame, which is gone afterwards
 * @hdr: its header, held against the frame by vxdp_gso_parse()
 * @shift: bytes that the egress program put in front; negative: took away
 *
 * Context: as vxdp_uplink_send().
 */
void vxdp_uplink_send_gso(struct vxdp_port *port, struct net_device *dev,
			  struct xdp_frame *frame, const struct virtio_net_hdr *hdr,
			  int shift)
{
	u32 len = xdp_get_frame_len(frame), problem = link_problem(dev);
	struct virtio_net_hdr moved = *hdr;
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

	if (move_tag(skb))
		shift -= VLAN_HLEN;
	skb_reset_mac_header(skb);
	skb_set_network_header(skb, ETH_HLEN);
	moved.csum_start += shift;
	moved.hdr_len = 0;
	if (virtio_net_hdr_to_skb(skb, &moved, true))
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
