/* SPDX-License-Identifier: GPL-2.0 */
/*
 * port.h - what one guest NIC plugs into.
 */
#ifndef VXDP_PORT_H
#define VXDP_PORT_H

#include <linux/bpf.h>
#include <linux/kref.h>
#include <linux/miscdevice.h>
#include <linux/netdevice.h>
#include <linux/unaligned.h>
#include <linux/xarray.h>
#include "stats.h"

struct vxdp_queue;
struct vxdp_xsks;

/**
 * struct vxdp_rx_set - the queue pairs of a port that may receive
 * @port: VHOST_XDP_A_ID
 * @nr: the highest index of them, and one
 * @queue: by index, so that a flow keeps its queue pair while others come and go;
 *	NULL where one does not receive
 *
 * Replaced as a whole and freed by RCU; where there is no memory for another one, @queue
 * loses its entry in place. Under port->lock; programs look without.
 */
struct vxdp_rx_set {
	struct rcu_head rcu;
	u32 port;
	u32 nr;
	struct vxdp_queue *queue[] __counted_by(nr);
};

/**
 * struct vxdp_port_conf - what PORT_NEW and PORT_SET can say of a port
 * @name: PORT_NEW only
 * @ifindex: PORT_NEW only; 0: no uplink
 * @xsk: PORT_NEW only; by AF_XDP sockets, from queue @nic_queue of the uplink on
 * @nic_queue: PORT_NEW only
 * @set: the fields below that are to be taken over
 * @egress: program, its reference goes to the port; NULL takes it out
 */
struct vxdp_port_conf {
	char name[VHOST_XDP_NAME_MAX];
	u32 ifindex;
	bool xsk;
	u32 nic_queue;
	u32 set;
	u32 queues;
	u32 backlog;
	u64 features;
	u64 features_more;
	kuid_t uid;
	kgid_t gid;
	u16 mode;
	struct bpf_prog *egress;
};

#define VXDP_SET_QUEUES		BIT(0)
#define VXDP_SET_BACKLOG	BIT(1)
#define VXDP_SET_FEATURES	BIT(2)
#define VXDP_SET_UID		BIT(3)
#define VXDP_SET_GID		BIT(4)
#define VXDP_SET_MODE		BIT(5)
#define VXDP_SET_EGRESS		BIT(6)
#define VXDP_SET_FEATURES_MORE	BIT(7)

/**
 * struct vxdp_port - a port
 * @ref: one for being in the table, one for each open
 * @rcu: the kfunc finds ports by RCU
 * @id: VHOST_XDP_A_ID; immutable
 * @net: its namespace; immutable, valid until the port has left the table
 * @name: immutable
 * @nodename: below /dev; immutable
 * @xdp: it was made with an uplink: this is the xdp lane; immutable
 * @xsk: its AF_XDP sockets, where it is on the xsk lane; immutable
 * @misc: the node
 * @lock: protects what follows, down to @dead
 * @queues: the open queue pairs
 * @opens: how many
 * @conf: limits, mask and ownership; @backlog is read without the lock
 * @rx_set: who receives; written under @lock, read by RCU
 * @egress: program for what guests send; written under @lock, read by RCU
 * @dead: the port was deleted, its opens have lost it; read without the lock
 * @uplink: written under RTNL, read by RCU
 * @uplink_tracker: RTNL
 * @uplink_node: RTNL; in the list of ports with an uplink, or empty
 * @host_mac: last source seen on the exception path, as vxdp_mac_word(); no lock, one
 *	word
 * @stats: no lock
 *
 * Locks nest: ports_lock (port.c), misc_mtx of the misc core, queue->lock, RTNL,
 * ring->lock, port->lock. The last is a leaf. A socket's lock (xsk.h) is below
 * ring->lock, and AF_XDP's own inside.
 */
struct vxdp_port {
	struct kref ref;
	struct rcu_head rcu;
	u32 id;
	struct net *net;
	char name[VHOST_XDP_NAME_MAX];
	char nodename[sizeof(VHOST_XDP_DEV_DIR "/") + VHOST_XDP_NAME_MAX];
	bool xdp;
	struct vxdp_xsks *xsk;
	struct miscdevice misc;

	struct mutex lock;
	struct list_head queues;
	u32 opens;
	struct vxdp_port_conf conf;
	struct vxdp_rx_set __rcu *rx_set;
	struct bpf_prog __rcu *egress;
	bool dead;

	struct net_device __rcu *uplink;
	netdevice_tracker uplink_tracker;
	struct list_head uplink_node;

	u64 host_mac;
	struct vxdp_stats __percpu *stats;
};

/* A MAC address as one word, to compare with another; 0 is none's. */
static inline u64 vxdp_mac_word(const u8 *mac)
{
	return get_unaligned((const u32 *)mac) |
	       (u64)get_unaligned((const u16 *)(mac + sizeof(u32))) << 32;
}

extern struct xarray vxdp_ports;

/*
 * The sets of most ports again, by number % VXDP_RX_SLOTS, for who has no time for
 * an xarray. A port that finds its slot taken is not in here. Never NULL.
 */
#define VXDP_RX_SLOTS	1024

extern struct vxdp_rx_set __rcu *vxdp_rx_slot[VXDP_RX_SLOTS];

void vxdp_ports_init(void);

int vxdp_port_create(struct net *net, struct vxdp_port_conf *conf,
		     struct vxdp_port **portp, const char **why);
void vxdp_port_change(struct vxdp_port *port, struct vxdp_port_conf *conf);
void vxdp_port_delete(struct vxdp_port *port);
void vxdp_port_delete_net(struct net *net);
void vxdp_port_put(struct vxdp_port *port);

void vxdp_ports_lock(void);
void vxdp_ports_unlock(void);
struct vxdp_port *vxdp_port_by_name(struct net *net, const char *name);
struct vxdp_port *vxdp_port_by_id(struct net *net, u32 id);

int vxdp_port_add_queue(struct vxdp_port *port, struct vxdp_queue *q);
void vxdp_port_del_queue(struct vxdp_port *port, struct vxdp_queue *q);
int vxdp_port_rx_enable(struct vxdp_port *port, struct vxdp_queue *q);
void vxdp_port_rx_disable(struct vxdp_port *port, struct vxdp_queue *q);

#endif /* VXDP_PORT_H */
