// SPDX-License-Identifier: GPL-2.0
/*
 * port.c - ports: the table of them, their life, and who of their queue pairs
 * receives.
 *
 * ports_lock serialises making, changing and deleting. The table itself is an
 * xarray, so that programs look a port up by RCU.
 *
 * Teardown, in vxdp_port_delete(): (1) out of the table: no program, no netlink
 * request finds it; (2) the node goes: no new open, for misc_deregister() waits
 * for one under way; (3) its AF_XDP sockets and the uplink go: nobody sends; (4) the
 * set of receivers goes: nobody receives; (5) the opens' workers are told, and the
 * opens keep the memory by their references until they are closed.
 */
#include <linux/ctype.h>
#include <linux/module.h>
#include <linux/slab.h>
#include "netlink.h"
#include "node.h"
#include "queue.h"
#include "uplink.h"
#include "xsk.h"

DEFINE_XARRAY_ALLOC1(vxdp_ports);

/* Written under rx_slot_lock, inside port->lock; read by RCU. */
struct vxdp_rx_set __rcu *vxdp_rx_slot[VXDP_RX_SLOTS];
static DEFINE_SPINLOCK(rx_slot_lock);

/* In slots that no port has, so that one look less is needed; 0 is no port. */
static struct {
	struct vxdp_rx_set set;
	struct vxdp_queue *none;
} nobody = { .set.nr = 1 };
static DEFINE_MUTEX(ports_lock);
static u32 next_id;

/**
 * vxdp_ports_lock() - keep every port from being made, changed or deleted
 *
 * Context: process; outermost of our locks.
 */
void vxdp_ports_lock(void)
{
	mutex_lock(&ports_lock);
}

/**
 * vxdp_ports_unlock() - undo vxdp_ports_lock()
 */
void vxdp_ports_unlock(void)
{
	mutex_unlock(&ports_lock);
}

/**
 * vxdp_port_by_name() - find a port
 * @net: whose; NULL: anybody's
 * @name: its name
 *
 * Context: ports_lock, which also keeps the port.
 * Return: the port, or NULL.
 */
struct vxdp_port *vxdp_port_by_name(struct net *net, const char *name)
{
	struct vxdp_port *port;
	unsigned long id;

	lockdep_assert_held(&ports_lock);
	xa_for_each(&vxdp_ports, id, port) {
		if ((!net || port->net == net) && !strcmp(port->name, name))
			return port;
	}
	return NULL;
}

/**
 * vxdp_port_by_id() - find a port
 * @net: whose
 * @id: its number
 *
 * Context: ports_lock, which also keeps the port.
 * Return: the port, or NULL.
 */
struct vxdp_port *vxdp_port_by_id(struct net *net, u32 id)
{
	struct vxdp_port *port;

	lockdep_assert_held(&ports_lock);
	port = xa_load(&vxdp_ports, id);
	return port && port->net == net ? port : NULL;
}

static bool name_ok(const char *name)
{
	if (!isalnum(name[0]) || !isascii(name[0]))
		return false;
	for (; *name; name++) {
		if (!isascii(*name) || (!isalnum(*name) && !strchr("._-", *name)))
			return false;
	}
	return true;
}

static void free_port_rcu(struct rcu_head *rcu)
{
	struct vxdp_port *port = container_of(rcu, struct vxdp_port, rcu);

	free_percpu(port->stats);
	kfree(port->xsk);
	kfree(port);
}

static void free_port(struct kref *ref)
{
	struct vxdp_port *port = container_of(ref, struct vxdp_port, ref);
	struct bpf_prog *prog = rcu_dereference_protected(port->egress, true);

	if (prog)
		bpf_prog_put(prog);
	vxdp_xsk_free(port);
	mutex_destroy(&port->lock);
	call_rcu(&port->rcu, free_port_rcu);
}

/**
 * vxdp_port_put() - drop a reference
 * @port: the port
 *
 * Context: process.
 */
void vxdp_port_put(struct vxdp_port *port)
{
	kref_put(&port->ref, free_port);
}

static struct vxdp_port *alloc_port(struct net *net, const struct vxdp_port_conf *conf)
{
	struct vxdp_port *port = kzalloc(sizeof(*port), GFP_KERNEL_ACCOUNT);

	if (!port)
		return NULL;
	port->stats = alloc_percpu_gfp(struct vxdp_stats, GFP_KERNEL_ACCOUNT);
	if (!port->stats) {
		kfree(port);
		return NULL;
	}
	kref_init(&port->ref);
	mutex_init(&port->lock);
	INIT_LIST_HEAD(&port->queues);
	INIT_LIST_HEAD(&port->uplink_node);
	port->net = net;
	port->xdp = conf->ifindex;
	port->conf = *conf;
	port->conf.egress = NULL;
	strscpy(port->name, conf->name, sizeof(port->name));
	snprintf(port->nodename, sizeof(port->nodename), "%s/%s", VHOST_XDP_DEV_DIR,
		 conf->name);
	return port;
}

static int add_node(struct vxdp_port *port)
{
	int ret;

	port->misc.minor = MISC_DYNAMIC_MINOR;
	port->misc.fops = &vxdp_node_fops;
	port->misc.mode = port->conf.mode;
	port->misc.nodename = port->nodename;
	port->misc.name = kasprintf(GFP_KERNEL, "vhost-xdp-%s", port->name);
	if (!port->misc.name)
		return -ENOMEM;
	ret = misc_register(&port->misc);
	if (ret)
		kfree(port->misc.name);
	return ret;
}

static void del_node(struct vxdp_port *port)
{
	misc_deregister(&port->misc);
	kfree(port->misc.name);
}

static int check_conf(const struct vxdp_port_conf *conf, const char **why)
{
	if (!name_ok(conf->name)) {
		*why = "name must begin with a letter or digit and go on with those, '.', '_' or '-'";
		return -EINVAL;
	}
	if (vxdp_port_by_name(NULL, conf->name)) {
		*why = "name is taken";
		return -EEXIST;
	}
	return 0;
}

static int take_uplink(struct vxdp_port *port, const struct vxdp_port_conf *conf,
		       const char **why)
{
	int ret = 0;

	if (conf->ifindex)
		ret = vxdp_uplink_attach(port, conf->ifindex);
	if (ret)
		*why = ret == -ENODEV ? "no such uplink" : "uplink is not an Ethernet device";
	else if (conf->xsk)
		ret = vxdp_xsk_create(port, conf->ifindex, conf->nic_queue, conf->queues, why);
	return ret;
}

static void leave_uplink(struct vxdp_port *port)
{
	vxdp_xsk_release(port);
	vxdp_uplink_detach(port);
}

/**
 * vxdp_port_create() - PORT_NEW
 * @net: its namespace
 * @conf: what it is to be, all fields filled in; @conf->egress goes to the port on
 *	success
 * @portp: out: the port, which ports_lock keeps
 * @why: out: on failure, what the user is told; or unchanged
 *
 * Context: process; ports_lock; takes RTNL.
 * Return: 0, -EINVAL, -EEXIST, -ENODEV, -ENOMEM, -ENOSPC; and what
 * vxdp_xsk_create() says.
 */
int vxdp_port_create(struct net *net, struct vxdp_port_conf *conf,
		     struct vxdp_port **portp, const char **why)
{
	struct vxdp_port *port;
	int ret;

	lockdep_assert_held(&ports_lock);
	ret = check_conf(conf, why);
	if (ret)
		return ret;
	if (!try_module_get(THIS_MODULE))
		return -ENODEV;

	ret = -ENOMEM;
	port = alloc_port(net, conf);
	if (!port)
		goto put_module;
	ret = take_uplink(port, conf, why);
	if (ret)
		goto leave;

	/* Found by number only when it is whole: reserve, publish, fill. */
	ret = xa_alloc_cyclic(&vxdp_ports, &port->id, NULL, xa_limit_32b, &next_id,
			      GFP_KERNEL);
	if (ret < 0) {
		ret = ret == -EBUSY ? -ENOSPC : ret;
		goto leave;
	}
	/* Before anybody can open it, or frames would go out unseen. */
	rcu_assign_pointer(port->egress, conf->egress);
	ret = add_node(port);
	if (ret) {
		*why = "no device node";
		ret = ret == -EBUSY ? -ENOSPC : ret;
		goto erase;
	}
	conf->egress = NULL;
	xa_store(&vxdp_ports, port->id, port, GFP_KERNEL);
	*portp = port;
	vxdp_netlink_notify(port, VHOST_XDP_CMD_PORT_NEW);
	return 0;

erase:
	RCU_INIT_POINTER(port->egress, NULL);
	xa_erase(&vxdp_ports, port->id);
leave:
	leave_uplink(port);
	vxdp_port_put(port);
put_module:
	module_put(THIS_MODULE);
	return ret;
}

/**
 * vxdp_port_change() - PORT_SET
 * @port: the port
 * @conf: @conf->set says what of it counts; @conf->egress goes to the port if so
 *
 * Fewer queue pairs than are open hold for opens to come.
 *
 * Context: process; ports_lock.
 */
void vxdp_port_change(struct vxdp_port *port, struct vxdp_port_conf *conf)
{
	struct bpf_prog *old = NULL;

	lockdep_assert_held(&ports_lock);
	mutex_lock(&port->lock);
	if (conf->set & VXDP_SET_QUEUES)
		port->conf.queues = conf->queues;
	if (conf->set & VXDP_SET_BACKLOG)
		WRITE_ONCE(port->conf.backlog, conf->backlog);
	if (conf->set & VXDP_SET_FEATURES)
		port->conf.features = conf->features;
	if (conf->set & VXDP_SET_FEATURES_MORE)
		port->conf.features_more = conf->features_more;
	if (conf->set & VXDP_SET_UID)
		port->conf.uid = conf->uid;
	if (conf->set & VXDP_SET_GID)
		port->conf.gid = conf->gid;
	if (conf->set & VXDP_SET_MODE)
		port->conf.mode = conf->mode;
	if (conf->set & VXDP_SET_EGRESS) {
		old = rcu_replace_pointer(port->egress, conf->egress,
					  lockdep_is_held(&port->lock));
		conf->egress = NULL;
	}
	mutex_unlock(&port->lock);
	/* A program's memory goes by RCU, after who runs it now. */
	if (old)
		bpf_prog_put(old);
	vxdp_netlink_notify(port, VHOST_XDP_CMD_PORT_SET);
}

/* Ports that share a slot do not share port->lock. */
static void replace_rx_slot(u32 id, struct vxdp_rx_set *old, struct vxdp_rx_set *set)
{
	struct vxdp_rx_set __rcu **slot = &vxdp_rx_slot[id % VXDP_RX_SLOTS];
	struct vxdp_rx_set *has;

	spin_lock(&rx_slot_lock);
	has = rcu_dereference_protected(*slot, lockdep_is_held(&rx_slot_lock));
	if (has == &nobody.set || has == old)
		rcu_assign_pointer(*slot, set ?: &nobody.set);
	spin_unlock(&rx_slot_lock);
}

/**
 * vxdp_ports_init() - at module load
 */
void vxdp_ports_init(void)
{
	u32 i;

	for (i = 0; i < VXDP_RX_SLOTS; i++)
		RCU_INIT_POINTER(vxdp_rx_slot[i], &nobody.set);
}

static void replace_rx_set(struct vxdp_port *port, struct vxdp_rx_set *set)
{
	struct vxdp_rx_set *old;

	old = rcu_replace_pointer(port->rx_set, set, lockdep_is_held(&port->lock));
	/* The AF_XDP socket comes first there, and the worker has the ring. */
	if (!port->xsk)
		replace_rx_slot(port->id, old, set);
	if (old)
		kfree_rcu(old, rcu);
}

/**
 * vxdp_port_delete() - PORT_DEL
 * @port: the port, which may be gone afterwards
 *
 * Context: process; ports_lock; takes RTNL.
 */
void vxdp_port_delete(struct vxdp_port *port)
{
	struct vxdp_queue *q;

	lockdep_assert_held(&ports_lock);
	vxdp_netlink_notify(port, VHOST_XDP_CMD_PORT_DEL);
	xa_erase(&vxdp_ports, port->id);
	del_node(port);
	leave_uplink(port);

	mutex_lock(&port->lock);
	WRITE_ONCE(port->dead, true);
	replace_rx_set(port, NULL);
	list_for_each_entry(q, &port->queues, node)
		vxdp_queue_sever(q);
	mutex_unlock(&port->lock);

	vxdp_port_put(port);
	module_put(THIS_MODULE);
}

/**
 * vxdp_port_delete_net() - a namespace goes: its ports go with it
 * @net: the namespace
 *
 * Context: process; takes ports_lock and RTNL.
 */
void vxdp_port_delete_net(struct net *net)
{
	struct vxdp_port *port;
	unsigned long id;

	vxdp_ports_lock();
	xa_for_each(&vxdp_ports, id, port) {
		if (port->net == net)
			vxdp_port_delete(port);
	}
	vxdp_ports_unlock();
}

static u32 free_index(struct vxdp_port *port)
{
	struct vxdp_queue *q;
	u32 index = 0;

	/* Sorted by index: the first gap. */
	list_for_each_entry(q, &port->queues, node) {
		if (q->index != index)
			break;
		index++;
	}
	return index;
}

/**
 * vxdp_port_add_queue() - a queue pair opens
 * @port: the port; gets one more reference on success
 * @q: the queue pair; gets its index, and what it offers for good
 *
 * Return: 0, -EBUSY (all are open), -ENODEV (the port is deleted).
 */
int vxdp_port_add_queue(struct vxdp_port *port, struct vxdp_queue *q)
{
	struct vxdp_queue *after;
	int ret = 0;

	mutex_lock(&port->lock);
	if (port->dead) {
		ret = -ENODEV;
	} else if (port->opens >= port->conf.queues) {
		ret = -EBUSY;
	} else {
		q->index = free_index(port);
		q->offered = VXDP_FEATURES & port->conf.features;
		q->offered_more = VXDP_FEATURES_MORE & port->conf.features_more;
		list_for_each_entry(after, &port->queues, node) {
			if (after->index > q->index)
				break;
		}
		list_add_tail(&q->node, &after->node);
		port->opens++;
		kref_get(&port->ref);
	}
	mutex_unlock(&port->lock);
	return ret;
}

/**
 * vxdp_port_del_queue() - a queue pair closes
 * @port: the port
 * @q: the queue pair, whose reference to the port stays until it is freed
 */
void vxdp_port_del_queue(struct vxdp_port *port, struct vxdp_queue *q)
{
	mutex_lock(&port->lock);
	list_del_init(&q->node);
	port->opens--;
	mutex_unlock(&port->lock);
}

static struct vxdp_rx_set *alloc_rx_set(u32 port, u32 nr)
{
	struct vxdp_rx_set *set;

	set = kzalloc(struct_size(set, queue, nr), GFP_KERNEL_ACCOUNT);
	if (set) {
		set->port = port;
		set->nr = nr;
	}
	return set;
}

/* Entries that are needed when @q is in the set, or out of it. */
static u32 rx_set_size(const struct vxdp_rx_set *old, const struct vxdp_queue *q, bool in)
{
	u32 i, nr = in ? q->index + 1 : 0;

	for (i = 0; old && i < old->nr; i++) {
		if (old->queue[i] && old->queue[i] != q)
			nr = max(nr, i + 1);
	}
	return nr;
}

static int change_rx_set(struct vxdp_port *port, struct vxdp_queue *q, bool in)
{
	struct vxdp_rx_set *old, *set = NULL;
	u32 nr;

	lockdep_assert_held(&port->lock);
	old = rcu_dereference_protected(port->rx_set, lockdep_is_held(&port->lock));
	nr = rx_set_size(old, q, in);
	if (nr) {
		set = alloc_rx_set(port->id, nr);
		if (!set && in)
			return -ENOMEM;
		if (!set) {
			/* Programs find NULL there, or @q for the grace period still. */
			WRITE_ONCE(old->queue[q->index], NULL);
			return 0;
		}
	}
	if (set) {
		if (old)
			memcpy(set->queue, old->queue, min(nr, old->nr) * sizeof(q));
		if (q->index < nr)
			set->queue[q->index] = in ? q : NULL;
	}
	replace_rx_set(port, set);
	return 0;
}

static bool in_rx_set(struct vxdp_port *port, const struct vxdp_queue *q)
{
	const struct vxdp_rx_set *set;

	set = rcu_dereference_protected(port->rx_set, lockdep_is_held(&port->lock));
	return set && q->index < set->nr && set->queue[q->index] == q;
}

/**
 * vxdp_port_rx_enable() - programs may give frames to a queue pair from now on
 * @port: the port
 * @q: one of its queue pairs; already enabled is fine
 *
 * Return: 0, -ENOMEM, -ENODEV (the port is deleted).
 */
int vxdp_port_rx_enable(struct vxdp_port *port, struct vxdp_queue *q)
{
	int ret = 0;

	mutex_lock(&port->lock);
	if (port->dead)
		ret = -ENODEV;
	else if (!in_rx_set(port, q))
		ret = change_rx_set(port, q, true);
	mutex_unlock(&port->lock);
	return ret;
}

/**
 * vxdp_port_rx_disable() - programs give no more frames to a queue pair
 * @port: the port
 * @q: one of its queue pairs, enabled or not
 *
 * Those under way still may; wait for a grace period before @q goes. Cannot fail:
 * without memory for another set it is taken out of this one.
 */
void vxdp_port_rx_disable(struct vxdp_port *port, struct vxdp_queue *q)
{
	mutex_lock(&port->lock);
	if (in_rx_set(port, q))
		change_rx_set(port, q, false);
	mutex_unlock(&port->lock);
}
