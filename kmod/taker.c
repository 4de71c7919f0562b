// SPDX-License-Identifier: GPL-2.0
/*
 * taker.c - which GSO frames a guest takes whole.
 *
 * A VMM does not tell vhost what its guest has acknowledged of the offloads: it
 * tells the tap, by TUNSETOFFLOAD, and the tap's device then has those features. The
 * tap behind a fd is found by the name that /proc would show for the fd, in the
 * namespace of its socket; one that was moved elsewhere is not found. From then on
 * it is known by its index, until it is unregistered there, so that a new name does
 * no harm. What is not known to be taken whole is cut.
 */
#include <linux/if_tun.h>
#include <linux/net.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/seq_file.h>
#include <linux/virtio_net.h>
#include <net/sock.h>
#include <vhost_later.h>
#include "taker.h"

/* Protects the list and what is in it; inside RTNL. */
static DEFINE_MUTEX(takers_lock);
static LIST_HEAD(takers);

/* Devices that have lost their name so far; written under RTNL. */
static u32 names_lost;

/* Who renames devices all the time gets GSO frames cut. */
#define LEARN_TRIES	16

static u32 takes_of(const struct net_device *dev)
{
	netdev_features_t f = READ_ONCE(dev->features);
	u32 takes = 0;

	/* Such a frame's checksum is still to be completed. */
	if (!(f & NETIF_F_HW_CSUM))
		return 0;
	if (f & NETIF_F_TSO)
		takes |= BIT(VIRTIO_NET_HDR_GSO_TCPV4);
	if (f & NETIF_F_TSO6)
		takes |= BIT(VIRTIO_NET_HDR_GSO_TCPV6);
	if (f & NETIF_F_GSO_UDP_L4)
		takes |= BIT(VIRTIO_NET_HDR_GSO_UDP_L4);
	if (f & NETIF_F_TSO_ECN)
		takes |= VXDP_TAKES_ECN;
	/* A tap has them from 6.17 on. */
	if (f & NETIF_F_GSO_UDP_TUNNEL)
		takes |= VXDP_TAKES_TUNNEL;
	if (f & NETIF_F_GSO_UDP_TUNNEL_CSUM)
		takes |= VXDP_TAKES_TUNNEL_CSUM;
	return takes;
}

/* Context: process; takes RTNL. Return: false where the file is no tap's. */
static bool read_name(struct file *file, char name[IFNAMSIZ])
{
	char buf[IFNAMSIZ + sizeof("iff:\t\n")] = {};
	struct seq_file m = { .buf = buf, .size = sizeof(buf) - 1 };

	if (IS_ERR(tun_get_socket(file)) || !file->f_op->show_fdinfo)
		return false;
	file->f_op->show_fdinfo(&m, file);
	return !seq_has_overflowed(&m) && sscanf(buf, "iff:\t%15s", name) == 1;
}

/**
 * vxdp_taker_init_one() - nothing is known
 * @t: whose
 */
void vxdp_taker_init_one(struct vxdp_taker *t)
{
	INIT_LIST_HEAD(&t->node);
	t->takes = 0;
}

/* Context: RTNL, so that it neither goes nor is moved unseen before we are in the list. */
static void follow(struct vxdp_taker *t, struct net *net, const char *name)
{
	struct net_device *dev = __dev_get_by_name(net, name);

	ASSERT_RTNL();
	if (!dev || dev->reg_state != NETREG_REGISTERED || !dev->rtnl_link_ops ||
	    strcmp(dev->rtnl_link_ops->kind, "tun"))
		return;
	mutex_lock(&takers_lock);
	t->net = net;
	t->ifindex = dev->ifindex;
	list_add(&t->node, &takers);
	WRITE_ONCE(t->takes, takes_of(dev));
	mutex_unlock(&takers_lock);
}

/**
 * vxdp_taker_learn() - find the tap, and follow what it is told
 * @t: whose
 * @sock: of the receive ring, with the virtio-net header that the guest sees
 *
 * Context: process; takes RTNL.
 */
void vxdp_taker_learn(struct vxdp_taker *t, struct socket *sock)
{
	struct net *net = sock_net(sock->sk);
	char name[IFNAMSIZ];
	bool same = false;
	u32 before, i;

	vxdp_taker_forget(t);
	for (i = 0; i < LEARN_TRIES && !same; i++) {
		/* Whoever has lost its name since may be ours, and another have it now. */
		before = READ_ONCE(names_lost);
		if (!sock->file || !read_name(sock->file, name))
			return;
		rtnl_lock();
		same = names_lost == before;
		if (same)
			follow(t, net, name);
		rtnl_unlock();
	}
}

static void forget(struct vxdp_taker *t)
{
	list_del_init(&t->node);
	WRITE_ONCE(t->takes, 0);
}

/**
 * vxdp_taker_forget() - everything is cut from now on
 * @t: whose
 *
 * Context: process.
 */
void vxdp_taker_forget(struct vxdp_taker *t)
{
	mutex_lock(&takers_lock);
	forget(t);
	mutex_unlock(&takers_lock);
}

/**
 * vxdp_taker_takes() - does the guest take such a frame whole?
 * @t: whose
 * @hdr: what is said of it
 *
 * Context: any.
 * Return: false also where nothing is known.
 */
bool vxdp_taker_takes(const struct vxdp_taker *t, const struct virtio_net_hdr *hdr)
{
	const u8 more = VIRTIO_NET_HDR_GSO_ECN | VIRTIO_NET_HDR_GSO_UDP_TUNNEL;
	u32 takes = READ_ONCE(t->takes), needs = BIT(hdr->gso_type & ~more);

	if (hdr->gso_type & VIRTIO_NET_HDR_GSO_ECN)
		needs |= VXDP_TAKES_ECN;
	if (hdr->gso_type & VIRTIO_NET_HDR_GSO_UDP_TUNNEL) {
		needs |= VXDP_TAKES_TUNNEL;
		if (hdr->flags & VIRTIO_NET_HDR_F_UDP_TUNNEL_CSUM)
			needs |= VXDP_TAKES_TUNNEL_CSUM;
	}
	return (takes & needs) == needs;
}

static int netdev_event(struct notifier_block *nb, unsigned long event, void *ptr)
{
	struct net_device *dev = netdev_notifier_info_to_dev(ptr);
	struct vxdp_taker *t, *next;

	if (event == NETDEV_CHANGENAME || event == NETDEV_UNREGISTER)
		WRITE_ONCE(names_lost, names_lost + 1);
	if (event != NETDEV_FEAT_CHANGE && event != NETDEV_UNREGISTER)
		return NOTIFY_DONE;
	mutex_lock(&takers_lock);
	list_for_each_entry_safe(t, next, &takers, node) {
		if (t->net != dev_net(dev) || t->ifindex != dev->ifindex)
			continue;
		if (event == NETDEV_UNREGISTER)
			forget(t);
		else
			WRITE_ONCE(t->takes, takes_of(dev));
	}
	mutex_unlock(&takers_lock);
	return NOTIFY_DONE;
}

static struct notifier_block notifier = {
	.notifier_call = netdev_event,
};

/**
 * vxdp_taker_init() - at module load
 *
 * Return: 0 or an error.
 */
int vxdp_taker_init(void)
{
	return register_netdevice_notifier(&notifier);
}

/**
 * vxdp_taker_exit() - at module unload, when no queue pair is left
 */
void vxdp_taker_exit(void)
{
	unregister_netdevice_notifier(&notifier);
}
