// SPDX-License-Identifier: GPL-2.0
/*
 * xsk.c - the AF_XDP sockets of a port: their life, and who gives them frames.
 *
 * The sockets are made here, not by the loader, for who outlives what:
 * - A socket of the loader's holds its network namespace. The port would hold the
 *   socket, so a namespace with such a port would never go, nor could anybody enter
 *   it to delete the port. A socket of the kernel's does not hold it, and the port
 *   goes with the namespace (vxdp_port_delete_net()), before AF_XDP looks whether
 *   there is any left.
 * - Nobody else has a descriptor, so when the port goes the socket does, at once,
 *   and the queue is the uplink's again.
 * - Memory over which a NIC writes straight into a guest must be registered in the
 *   VMM's address space, so by us, in an ioctl of the VMM's. This is the same code.
 * Privileges are still the loader's: AF_XDP asks for CAP_NET_RAW in the namespace,
 * and counts the memory as the caller's.
 *
 * An XSKMAP takes descriptors, of which there is none. But all that a program does
 * by it is to name the socket to xdp_do_redirect(), which bpf_vhost_xdp_deliver()
 * does as well: vxdp_xsk_redirect().
 *
 * Memory and rings outlive the socket, which waits for nobody when it goes, until
 * the port is freed: a worker may be in the middle of a frame, for as long as its
 * VMM likes. What is left there nobody reads.
 */
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/filter.h>
#include <linux/if_vlan.h>
#include <linux/if_xdp.h>
#include <linux/net.h>
#include <net/sock.h>
#include <net/xdp_sock.h>
#include <net/xdp_sock_drv.h>
#include "compat.h"
#include "queue.h"
#include "xsk.h"

/* Bytes under way that the socket allows: never less than there are chunks. */
#define SNDBUF		(VXDP_XSK_TX_CHUNKS * (PAGE_SIZE + SZ_1K))

/* How long the queues of a port may take to become the uplink's again, in ms. */
#define QUEUE_FREE_MS	1000

static struct xdp_sock *to_xdp(struct sock *sk)
{
	/* Its first member, see <net/xdp_sock.h>. */
	return (struct xdp_sock *)sk;
}

static void wake_worker(struct vxdp_xsk *x, enum vxdp_work work)
{
	struct vxdp_queue *q;

	rcu_read_lock();
	q = rcu_dereference(x->queue);
	if (q)
		vxdp_worker_queue(&q->worker, work);
	rcu_read_unlock();
}

/*
 * Frames have come, or chunks have gone out. In the socket's
 * wait queue from open_socket() to release(), so that none is missed.
 *
 * A frame that the uplink does not take wakes as well, from inside of the call that
 * was to send it. Heard, that would have the worker try again for as long as there
 * is no room.
 */
static int wake(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	struct vxdp_xsk *x = container_of(wait, struct vxdp_xsk, wait);
	__poll_t events = key_to_poll(key);

	/* Pairs with vxdp_xsk_kick() and vxdp_xsk_tx_ready(). */
	smp_mb();
	if (events & EPOLLIN)
		wake_worker(x, VXDP_WORK_RX);
	if (events & EPOLLOUT && READ_ONCE(x->tx_waits) && !READ_ONCE(x->pushing))
		wake_worker(x, VXDP_WORK_TX);
	return 0;
}

static void retry(struct timer_list *timer)
{
	wake_worker(container_of(timer, struct vxdp_xsk, retry), VXDP_WORK_TX);
}

static int bind_socket(struct vxdp_xsk *x, struct socket *sock, u32 ifindex, const char **why)
{
	struct sockaddr_xdp addr = {
		.sxdp_family = AF_XDP,
		/*
		 * Zero copy is for memory laid over the guest's. To have drivers
		 * fill ours by themselves has not been tried.
		 */
		.sxdp_flags = XDP_COPY | XDP_USE_SG,
		.sxdp_ifindex = ifindex,
		.sxdp_queue_id = x->nic_queue,
	};
	int ret = kernel_bind(sock, (void *)&addr, sizeof(addr));

	if (ret == -EBUSY)
		*why = "an AF_XDP socket has that queue of the uplink";
	else if (ret == -EINVAL)
		*why = "the uplink has no such queue";
	return ret;
}

/*
 * Was the file seen by us alone? A thread of the caller could have kept a mapping
 * of it, with which it could call upon the socket later on, or have forked while
 * there was one. Such a socket is left to the mapping, and holds its namespace for
 * as long, as one of the caller's own does.
 */
static bool is_ours(struct vxdp_xsk *x, struct socket *sock, struct file *file)
{
	if (file_count(file) == 1)
		return true;
	vxdp_sk_hold_net(sock->sk);
	pr_warn("port %s: a thread of the loader's holds its AF_XDP socket\n", x->port->name);
	return false;
}

/*
 * It is closed under ports_lock, in a netlink request, while the close of a netlink
 * socket waits for requests. Both take the inode's lock, but each has its own: a class
 * of its own says so to lockdep.
 */
static struct lock_class_key inode_key;

static int open_socket(struct vxdp_xsk *x, u32 ifindex, const char **why)
{
	struct socket *sock;
	struct file *file;
	int ret;

	ret = sock_create_kern(x->port->net, PF_XDP, SOCK_RAW, 0, &sock);
	if (ret) {
		if (ret == -EPERM)
			*why = "an AF_XDP socket wants CAP_NET_RAW";
		else if (ret == -EAFNOSUPPORT)
			*why = "no AF_XDP sockets: CONFIG_XDP_SOCKETS?";
		return ret;
	}
	file = sock_alloc_file(sock, O_RDWR | O_CLOEXEC, NULL);
	if (IS_ERR(file))
		return PTR_ERR(file);
	lockdep_set_class(&file_inode(file)->i_rwsem, &inode_key);
	ret = vxdp_xsk_map(x, sock, file);
	if (!is_ours(x, sock, file)) {
		fput(file);
		*why = "another thread or a child got hold of the AF_XDP socket";
		return -EBUSY;
	}
	if (ret == -ENOBUFS)
		*why = "limit of locked memory (ulimit -l)";
	if (!ret) {
		sock->sk->sk_sndbuf = SNDBUF;
		vxdp_xsk_rx_start(&x->rx);
		vxdp_xsk_tx_start(&x->tx);
		ret = bind_socket(x, sock, ifindex, why);
	}
	if (ret) {
		__fput_sync(file);
		return ret;
	}
	x->sock = sock;
	x->file = file;
	init_waitqueue_func_entry(&x->wait, wake);
	add_wait_queue(sk_sleep(sock->sk), &x->wait);
	rcu_assign_pointer(x->sk, sock->sk);
	return 0;
}

/*
 * AF_XDP would bind to a queue that only sends, or would take the lower bits of
 * the number. A queue that only receives will do, see egress.c.
 */
static bool has_queues(const struct vxdp_port *port, u32 nr)
{
	const struct net_device *dev;
	bool has;

	rcu_read_lock();
	dev = rcu_dereference(port->uplink);
	/* One that has gone is left to the bind. */
	has = nr <= U16_MAX + 1 && (!dev || nr <= READ_ONCE(dev->real_num_rx_queues));
	rcu_read_unlock();
	return has;
}

static struct vxdp_xsk *new_xsk(struct vxdp_port *port, u32 nic_queue)
{
	struct vxdp_xsk *x = kzalloc(sizeof(*x), GFP_KERNEL_ACCOUNT);

	if (!x)
		return NULL;
	mutex_init(&x->lock);
	timer_setup(&x->retry, retry, 0);
	x->port = port;
	x->nic_queue = nic_queue;
	return x;
}

/**
 * vxdp_xsk_create() - bind a port to queues of its uplink
 * @port: new, nobody knows it; gets sockets that vxdp_xsk_release() and
 *	vxdp_xsk_free() take again, also where this fails
 * @ifindex: the uplink
 * @first: the first queue
 * @nr: how many
 * @why: out: on failure, what the user is told; or unchanged
 *
 * Context: process, with an address space; takes RTNL and that one's lock.
 * Return: 0; -EBUSY, -EINVAL (see @why); -EPERM, -EAFNOSUPPORT, -ENOMEM, -ENOBUFS.
 */
int vxdp_xsk_create(struct vxdp_port *port, u32 ifindex, u32 first, u32 nr, const char **why)
{
	struct vxdp_xsks *all;
	struct vxdp_xsk *x;
	u32 i;
	int ret;

	if (!current->mm)
		return -EINVAL;
	if (!has_queues(port, first + nr)) {
		*why = "the uplink has no such queue";
		return -EINVAL;
	}
	all = kzalloc(struct_size(all, xsk, nr), GFP_KERNEL_ACCOUNT);
	if (!all)
		return -ENOMEM;
	all->first = first;
	all->nr = nr;
	/* Pairs with vxdp_xsk_uplink_gone(): the uplink may go just now. */
	smp_store_release(&port->xsk, all);
	for (i = 0; i < nr; i++) {
		x = new_xsk(port, first + i);
		if (!x)
			return -ENOMEM;
		smp_store_release(&all->xsk[i], x);
		ret = open_socket(x, ifindex, why);
		if (ret)
			return ret;
	}
	return 0;
}

static struct socket *take_socket(struct vxdp_xsk *x)
{
	struct socket *sock;

	mutex_lock(&x->lock);
	sock = x->sock;
	x->sock = NULL;
	mutex_unlock(&x->lock);
	return sock;
}

/* Frames that found the ring full, or no chunk to be put in. */
static u64 dropped(struct socket *sock)
{
	struct xdp_sock *xs = to_xdp(sock->sk);

	return READ_ONCE(xs->rx_dropped) + READ_ONCE(xs->rx_queue_full);
}

/*
 * The socket's pool of chunks holds the queue until RCU and a work item of AF_XDP
 * have freed it, and until the last frame is sent. Who detaches to attach again
 * should not find it taken; nobody tells, so look.
 */
static void await_queue(struct net_device *dev, const struct vxdp_xsk *x, unsigned long until)
{
	while (x->pool && xsk_get_pool_from_qid(dev, x->nic_queue) == x->pool &&
	       time_before(jiffies, until))
		usleep_range(1000, 1500);
}

static void release(struct vxdp_xsk *x)
{
	struct socket *sock = take_socket(x);

	if (!sock)
		return;
	vxdp_stats_add(x->port->stats, VHOST_XDP_STAT_RX_DROP_XSK, dropped(sock));
	x->pool = to_xdp(sock->sk)->pool;
	remove_wait_queue(sk_sleep(sock->sk), &x->wait);
	/* At once, not from a work queue: a namespace that goes waits for no socket. */
	__fput_sync(x->file);
}

static struct net_device *hold_uplink(const struct vxdp_port *port)
{
	struct net_device *dev;

	rcu_read_lock();
	dev = rcu_dereference(port->uplink);
	if (dev)
		dev_hold(dev);
	rcu_read_unlock();
	return dev;
}

/**
 * vxdp_xsk_release() - a port's sockets go
 * @port: in no table any more, still with its uplink if it has one
 *
 * Who may still be at a socket: (1) a program that names it to a redirect, and the
 * redirect itself: both with softirqs off, synchronize_net() waits for them; the
 * port is not found any more; (2) a worker that kicks it: under x->lock; afterwards
 * it finds none; (3) the socket's wake-ups: remove_wait_queue() waits for one that
 * runs.
 *
 * Context: process; takes RTNL; sleeps up to a second.
 */
void vxdp_xsk_release(struct vxdp_port *port)
{
	struct net_device *dev;
	unsigned long until;
	u32 i;

	if (!port->xsk)
		return;
	for (i = 0; i < port->xsk->nr && port->xsk->xsk[i]; i++)
		RCU_INIT_POINTER(port->xsk->xsk[i]->sk, NULL);
	synchronize_net();
	dev = hold_uplink(port);
	for (i = 0; i < port->xsk->nr && port->xsk->xsk[i]; i++)
		release(port->xsk->xsk[i]);
	if (!dev)
		return;
	until = jiffies + msecs_to_jiffies(QUEUE_FREE_MS);
	for (i = 0; i < port->xsk->nr && port->xsk->xsk[i]; i++)
		await_queue(dev, port->xsk->xsk[i], until);
	dev_put(dev);
}

/**
 * vxdp_xsk_free() - memory and rings go
 * @port: without opens, its sockets released
 *
 * Context: process.
 */
void vxdp_xsk_free(struct vxdp_port *port)
{
	u32 i;

	if (!port->xsk)
		return;
	for (i = 0; i < port->xsk->nr && port->xsk->xsk[i]; i++) {
		/* No worker is left to arm it. */
		timer_shutdown_sync(&port->xsk->xsk[i]->retry);
		vxdp_xsk_unmap(port->xsk->xsk[i]);
		mutex_destroy(&port->xsk->xsk[i]->lock);
		kfree(port->xsk->xsk[i]);
	}
}

/**
 * vxdp_xsk_dropped() - frames that a port's sockets had no room for
 * @port: the port
 *
 * Context: process.
 * Return: how many, of those that are open.
 */
u64 vxdp_xsk_dropped(const struct vxdp_port *port)
{
	struct vxdp_xsk *x;
	u64 sum = 0;
	u32 i;

	for (i = 0; port->xsk && i < port->xsk->nr; i++) {
		x = port->xsk->xsk[i];
		mutex_lock(&x->lock);
		if (x->sock)
			sum += dropped(x->sock);
		mutex_unlock(&x->lock);
	}
	return sum;
}

/**
 * vxdp_xsk_uplink_gone() - the uplink has gone, and the sockets are bound to nothing
 * @port: the port
 *
 * A guest that waits for chunks would for ever: see vxdp_xsk_tx_ready().
 */
void vxdp_xsk_uplink_gone(const struct vxdp_port *port)
{
	const struct vxdp_xsks *all = smp_load_acquire(&port->xsk);
	struct vxdp_xsk *x;
	u32 i;

	for (i = 0; all && i < all->nr; i++) {
		x = smp_load_acquire(&all->xsk[i]);
		if (x)
			wake_worker(x, VXDP_WORK_TX);
	}
}

/**
 * vxdp_xsk_of() - the socket of a queue pair
 * @port: the port
 * @index: the queue pair's
 *
 * Return: the socket, for as long as the port is there, or NULL.
 */
struct vxdp_xsk *vxdp_xsk_of(const struct vxdp_port *port, u32 index)
{
	return port->xsk && index < port->xsk->nr ? port->xsk->xsk[index] : NULL;
}

/**
 * vxdp_xsk_join() - a queue pair opens: it is woken from now on
 * @x: the socket of its index, or NULL
 * @q: the queue pair
 */
void vxdp_xsk_join(struct vxdp_xsk *x, struct vxdp_queue *q)
{
	if (x)
		rcu_assign_pointer(x->queue, q);
}

/**
 * vxdp_xsk_leave() - a queue pair closes
 * @x: as in vxdp_xsk_join()
 *
 * Wait for a grace period before it goes.
 */
void vxdp_xsk_leave(struct vxdp_xsk *x)
{
	if (x)
		RCU_INIT_POINTER(x->queue, NULL);
}

static void strip_tag(struct xdp_buff *xdp)
{
	bool meta = !xdp_data_meta_unsupported(xdp);

	memmove(xdp->data + VLAN_HLEN, xdp->data, 2 * ETH_ALEN);
	xdp->data += VLAN_HLEN;
	/* Other programs' notes are not for the guest. */
	xdp->data_meta = meta ? xdp->data : xdp->data + 1;
}

static struct sock *socket_for(const struct vxdp_port *port, const struct xdp_buff *xdp)
{
	const struct vxdp_xsks *all = port->xsk;
	const struct vxdp_queue *q;
	const struct vxdp_xsk *x;
	u32 i = xdp->rxq->queue_index - all->first;

	if (i >= all->nr || xdp->rxq->dev != rcu_access_pointer(port->uplink))
		return NULL;
	x = all->xsk[i];
	q = rcu_dereference(x->queue);
	return q && READ_ONCE(q->rx_live) ? rcu_dereference(x->sk) : NULL;
}

/**
 * vxdp_xsk_redirect() - is a frame from the wire for one of a port's sockets?
 * @port: the port
 * @xdp: the frame; on success without its tag
 * @strip: leave out the VLAN tag
 *
 * Does what bpf_redirect_map() does with an XSKMAP.
 *
 * A program in a cpumap or devmap has no queue to speak of: it is told 0, and runs
 * on another CPU than who fills the ring of queue 0.
 *
 * Context: an XDP program on received frames; RCU, softirqs off.
 * Return: true where the program now has to return XDP_REDIRECT.
 */
bool vxdp_xsk_redirect(const struct vxdp_port *port, struct xdp_buff *xdp, bool strip)
{
	struct bpf_redirect_info *ri;
	struct sock *sk;

	if (!port->xsk || !xdp_rxq_info_is_reg(xdp->rxq) ||
	    xdp_get_buff_len(xdp) > VHOST_XDP_FRAME_MAX ||
	    (strip && xdp->data_end - xdp->data < VLAN_ETH_HLEN))
		return false;
	sk = socket_for(port, xdp);
	if (!sk)
		return false;
	if (strip)
		strip_tag(xdp);
	ri = bpf_net_ctx_get_ri();
	ri->tgt_value = to_xdp(sk);
	ri->tgt_index = xdp->rxq->queue_index;
	/* No map: numbers of maps are below. */
	ri->map_id = INT_MAX;
	ri->map_type = BPF_MAP_TYPE_XSKMAP;
	ri->flags = 0;
	WRITE_ONCE(ri->map, NULL);
	return true;
}
