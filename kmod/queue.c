// SPDX-License-Identifier: GPL-2.0
/*
 * queue.c - life of a queue pair: open, owner, start, stop, close.
 *
 * queue->lock is taken by every ioctl and by close. The worker never takes it: it
 * takes one ring's lock at a time, and finds what it needs under it (vr.mem,
 * vr.features, log_fd, header lengths); who changes those holds both. So a VMM may
 * change all while its rings run.
 */
#include <linux/net.h>
#include <linux/nospec.h>
#include <linux/sched/mm.h>
#include <linux/vhost.h>
#include "queue.h"
#include "sock.h"

static void lock_rings(struct vxdp_queue *q)
{
	vxdp_ring_lock(&q->ring[VXDP_RING_RX]);
	vxdp_ring_lock(&q->ring[VXDP_RING_TX]);
}

static void unlock_rings(struct vxdp_queue *q)
{
	vxdp_ring_unlock(&q->ring[VXDP_RING_TX]);
	vxdp_ring_unlock(&q->ring[VXDP_RING_RX]);
}

/**
 * vxdp_queue_create() - a queue pair for a new open
 * @port: the port; gets one more reference on success
 *
 * Return: the queue pair, or -ENOMEM, -EBUSY (all its queue pairs are open),
 * -ENODEV (it was deleted).
 */
struct vxdp_queue *vxdp_queue_create(struct vxdp_port *port)
{
	struct vxdp_queue *q;
	int ret;

	q = kvzalloc(sizeof(*q), GFP_KERNEL_ACCOUNT);
	if (!q)
		return ERR_PTR(-ENOMEM);
	mutex_init(&q->lock);
	INIT_LIST_HEAD(&q->node);
	INIT_LIST_HEAD(&q->rx_held);
	INIT_LIST_HEAD(&q->host_frames);
	vxdp_backlog_init(&q->backlog);
	vxdp_messages_init(&q->messages);
	vxdp_fast_setup(q);
	vxdp_taker_init_one(&q->taker);
	vxdp_ring_init(&q->ring[VXDP_RING_RX], q, VXDP_WORK_RX);
	vxdp_ring_init(&q->ring[VXDP_RING_TX], q, VXDP_WORK_TX);
	q->hdr_len = sizeof(struct virtio_net_hdr);
	q->sock_hlen = q->hdr_len;
	q->vmm_thread = true;
	q->port = port;

	ret = vxdp_port_add_queue(port, q);
	if (ret) {
		kvfree(q);
		return ERR_PTR(ret);
	}
	q->xsk = vxdp_xsk_of(port, q->index);
	vxdp_xsk_join(q->xsk, q);
	return q;
}

/**
 * vxdp_queue_set_owner() - VHOST_SET_OWNER
 * @q: the queue pair; its lock held
 *
 * Return: 0, -EBUSY (it has one), -ENOMEM, -ERESTARTNOINTR.
 */
int vxdp_queue_set_owner(struct vxdp_queue *q)
{
	int ret;

	lockdep_assert_held(&q->lock);
	if (q->mm)
		return -EBUSY;
	if (q->port->xdp) {
		q->rxq.queue_index = q->index;
		ret = vxdp_fast_start(q);
		if (ret)
			return ret;
	}
	mmgrab(current->mm);
	q->mm = current->mm;
	ret = vxdp_worker_start(&q->worker, q->vmm_thread);
	if (ret) {
		vxdp_pages_stop(&q->fast.pages, q->mm);
		mmdrop(q->mm);
		q->mm = NULL;
	}
	return ret;
}

/**
 * vxdp_queue_check_owner() - is the caller's address space the owner's?
 * @q: the queue pair; its lock held
 *
 * Return: 0, or -EPERM.
 */
int vxdp_queue_check_owner(struct vxdp_queue *q)
{
	lockdep_assert_held(&q->lock);
	return q->mm == current->mm ? 0 : -EPERM;
}

/*
 * Stop the receive ring. Who may still put frames in: programs that saw rx_live
 * true; the grace period waits for them, they run with softirqs off. The worker
 * finds no backend once we had the ring's lock. So the purge gets all. A CPU
 * may still have the queue pair in its list, with nothing to publish.
 */
static struct socket *stop_rx(struct vxdp_queue *q)
{
	struct vxdp_ring *ring = &q->ring[VXDP_RING_RX];
	struct socket *old;

	vxdp_ring_lock(ring);
	old = ring->backend;
	WRITE_ONCE(q->rx_live, false);
	vxdp_ring_set_backend(ring, NULL);
	vxdp_ring_unlock(ring);

	vxdp_port_rx_disable(q->port, q);
	vxdp_taker_forget(&q->taker);
	synchronize_net();
	vxdp_fast_drain(q);
	vxdp_ring_lock(ring);
	vxdp_rx_purge(q);
	vxdp_ring_unlock(ring);
	return old;
}

static struct socket *stop_tx(struct vxdp_queue *q)
{
	struct vxdp_ring *ring = &q->ring[VXDP_RING_TX];
	struct socket *old;

	vxdp_ring_lock(ring);
	old = ring->backend;
	vxdp_ring_set_backend(ring, NULL);
	vxdp_ring_unlock(ring);
	return old;
}

static void put_socket(struct socket *sock)
{
	if (sock)
		sockfd_put(sock);
}

static void stop(struct vxdp_queue *q)
{
	lockdep_assert_held(&q->lock);
	put_socket(stop_tx(q));
	put_socket(stop_rx(q));
}

/* No ring uses the old one. */
static void replace_iotlb(struct vxdp_queue *q, struct vxdp_iotlb *iotlb)
{
	struct vxdp_iotlb *old = q->iotlb;

	/* Who waits for a message looks without a lock whether there still is a table. */
	WRITE_ONCE(q->iotlb, iotlb);
	vxdp_iotlb_free(old);
	if (!iotlb)
		vxdp_messages_clear(&q->messages);
}

/* Back to what open made. No ring runs, so the worker has nothing to lose. */
static void cleanup(struct vxdp_queue *q)
{
	lockdep_assert_held(&q->lock);
	vxdp_worker_stop(&q->worker);
	vxdp_ring_reset(&q->ring[VXDP_RING_RX]);
	vxdp_ring_reset(&q->ring[VXDP_RING_TX]);
	vxdp_queue_set_log_fd(q, NULL);
	vxdp_pages_set_memory(&q->fast.pages, NULL);
	vxdp_memory_free(q->mem);
	q->mem = NULL;
	replace_iotlb(q, NULL);
	q->backend_features = 0;
	vxdp_pages_stop(&q->fast.pages, q->mm);
	if (q->mm)
		mmdrop(q->mm);
	q->mm = NULL;
}

/**
 * vxdp_queue_close() - the last close of the open
 * @q: the queue pair, gone afterwards
 *
 * Context: process, perhaps one that is exiting and not the owner.
 */
void vxdp_queue_close(struct vxdp_queue *q)
{
	/* stop() waits for the grace period. */
	vxdp_xsk_leave(q->xsk);
	mutex_lock(&q->lock);
	stop(q);
	cleanup(q);
	mutex_unlock(&q->lock);
	vxdp_port_del_queue(q->port, q);
	vxdp_port_put(q->port);
	kvfree(q);
}

/**
 * vxdp_queue_sever() - the port goes: have the worker find out
 * @q: the queue pair; port->dead is set
 *
 * Does not wait for it and takes no lock: a VMM may block its ioctls and its
 * worker for as long as it likes. What passes frames goes with the port itself,
 * its uplink and its set of receivers; the worker touches no socket any more and
 * signals the rings' error eventfds.
 */
void vxdp_queue_sever(struct vxdp_queue *q)
{
	vxdp_worker_queue(&q->worker, VXDP_WORK_RX);
	vxdp_worker_queue(&q->worker, VXDP_WORK_TX);
}

/**
 * vxdp_queue_reset_owner() - VHOST_RESET_OWNER: as after open, without an owner
 * @q: the queue pair; its lock held
 *
 * As in-tree vhost leaves it, there is a memory table afterwards, an empty one.
 *
 * Return: 0, -EPERM, -ENOMEM.
 */
int vxdp_queue_reset_owner(struct vxdp_queue *q)
{
	struct vxdp_memory *mem;
	int ret;

	ret = vxdp_queue_check_owner(q);
	if (ret)
		return ret;
	mem = vxdp_memory_create(NULL, 0, &ret);
	if (!mem)
		return ret;
	stop(q);
	cleanup(q);
	q->vmm_thread = true;
	vxdp_queue_set_features(q, 0, 0);
	vxdp_queue_set_memory(q, mem);
	return 0;
}

static bool log_all_ok(struct vxdp_queue *q, u64 features)
{
	struct vxdp_ring *ring;
	bool ok = true;
	int i;

	if (!(features & (1ULL << VHOST_F_LOG_ALL)))
		return true;
	for (i = 0; i < VXDP_RINGS; i++) {
		ring = &q->ring[i];
		if (ring->backend && !vxdp_log_memory_ok(ring->vr.log_base, q->mem))
			ok = false;
	}
	return ok;
}

/* What a ring is made of cannot change under it. */
static bool layout_ok(struct vxdp_queue *q, u64 features)
{
	int i;

	if (!((features ^ q->features) & (1ULL << VIRTIO_F_RING_PACKED)))
		return true;
	for (i = 0; i < VXDP_RINGS; i++) {
		if (q->ring[i].backend)
			return false;
	}
	return true;
}

/**
 * vxdp_queue_set_features() - VHOST_SET_FEATURES
 * @q: the queue pair; its lock held
 * @features: a subset of what was offered
 * @more: likewise, from the 64th feature on
 *
 * With VIRTIO_F_ACCESS_PLATFORM there is an IOTLB afterwards, an empty one.
 *
 * Return: 0; -EFAULT where all is to be logged and the log has no room; -EBUSY where
 * a ring that runs would become packed, or cease to be; -ENOMEM.
 */
int vxdp_queue_set_features(struct vxdp_queue *q, u64 features, u64 more)
{
	bool mrg = features & ((1ULL << VIRTIO_NET_F_MRG_RXBUF) |
			       (1ULL << VIRTIO_F_VERSION_1));
	struct vxdp_iotlb *iotlb = NULL;
	u8 hdr_len = mrg ? sizeof(struct virtio_net_hdr_mrg_rxbuf) :
			   sizeof(struct virtio_net_hdr);
	int i, ret = -EFAULT;

	lockdep_assert_held(&q->lock);
	if (more)
		hdr_len = sizeof(struct vxdp_net_hdr);
	if (features & (1ULL << VIRTIO_F_ACCESS_PLATFORM)) {
		iotlb = vxdp_iotlb_create();
		if (!iotlb)
			return -ENOMEM;
	}
	lock_rings(q);
	if (!log_all_ok(q, features))
		goto unlock;
	ret = -EBUSY;
	if (!layout_ok(q, features))
		goto unlock;

	q->features = features;
	q->features_more = more;
	/* A program looks without a lock whether a GSO frame could be taken whole. */
	WRITE_ONCE(q->hdr_len, hdr_len);
	q->vhost_hlen = 0;
	q->sock_hlen = 0;
	if (features & (1ULL << VHOST_NET_F_VIRTIO_NET_HDR))
		q->vhost_hlen = q->hdr_len;
	else
		q->sock_hlen = q->hdr_len;
	for (i = 0; i < VXDP_RINGS; i++) {
		q->ring[i].vr.features = features;
		q->ring[i].vr.log_all = features & (1ULL << VHOST_F_LOG_ALL);
		vxdp_vring_set_iotlb(&q->ring[i].vr, iotlb);
	}
	/* What a ring has waited for means something else now, or can be asked for. */
	if (iotlb || q->iotlb)
		vxdp_worker_queue(&q->worker, VXDP_WORK_TX);
	replace_iotlb(q, iotlb);
	iotlb = NULL;
	ret = 0;
unlock:
	unlock_rings(q);
	vxdp_iotlb_free(iotlb);
	return ret;
}

/**
 * vxdp_queue_set_backend_features() - VHOST_SET_BACKEND_FEATURES
 * @q: the queue pair; its lock held
 * @features: a subset of VXDP_BACKEND_FEATURES
 */
void vxdp_queue_set_backend_features(struct vxdp_queue *q, u64 features)
{
	lockdep_assert_held(&q->lock);
	lock_rings(q);
	q->backend_features = features;
	unlock_rings(q);
}

/**
 * vxdp_queue_set_memory() - VHOST_SET_MEM_TABLE
 * @q: the queue pair; its lock held
 * @mem: the new table, the queue pair's on success
 *
 * Return: 0, or -EFAULT where all is logged and the log has no room for it.
 */
int vxdp_queue_set_memory(struct vxdp_queue *q, struct vxdp_memory *mem)
{
	struct vxdp_memory *old = q->mem;
	int ret = 0;

	lockdep_assert_held(&q->lock);
	lock_rings(q);
	q->mem = mem;
	if (log_all_ok(q, q->features)) {
		q->ring[VXDP_RING_RX].vr.mem = mem;
		q->ring[VXDP_RING_TX].vr.mem = mem;
		vxdp_pages_set_memory(&q->fast.pages, mem);
	} else {
		q->mem = old;
		ret = -EFAULT;
	}
	unlock_rings(q);
	if (!ret)
		vxdp_memory_free(old);
	return ret;
}

/**
 * vxdp_queue_set_log_base() - VHOST_SET_LOG_BASE
 * @q: the queue pair; its lock held
 * @base: user address
 *
 * Return: 0, or -EFAULT where a running ring could not be logged there.
 */
int vxdp_queue_set_log_base(struct vxdp_queue *q, u64 base)
{
	int i, ret = 0;

	lockdep_assert_held(&q->lock);
	lock_rings(q);
	for (i = 0; i < VXDP_RINGS; i++) {
		if (q->ring[i].backend && !vxdp_ring_log_ok(&q->ring[i], base))
			ret = -EFAULT;
	}
	for (i = 0; i < VXDP_RINGS && !ret; i++)
		q->ring[i].vr.log_base = base;
	unlock_rings(q);
	return ret;
}

/**
 * vxdp_queue_set_log_fd() - VHOST_SET_LOG_FD
 * @q: the queue pair; its lock held
 * @ctx: an eventfd, whose reference goes to the queue pair, or NULL
 */
void vxdp_queue_set_log_fd(struct vxdp_queue *q, struct eventfd_ctx *ctx)
{
	lockdep_assert_held(&q->lock);
	lock_rings(q);
	swap(q->log_fd, ctx);
	unlock_rings(q);
	if (ctx)
		eventfd_ctx_put(ctx);
}

static int check_ring(struct vxdp_ring *ring)
{
	const struct vxdp_vring *vr = &ring->vr;
	int ret = 0;

	vxdp_ring_lock(ring);
	if (!vxdp_ring_log_ok(ring, vr->log_base) ||
	    !vxdp_vring_access_ok(vr, vr->desc, vr->avail, vr->used))
		ret = -EFAULT;
	vxdp_ring_unlock(ring);
	return ret;
}

static int start(struct vxdp_queue *q, struct vxdp_ring *ring, struct socket *sock)
{
	bool rx = ring == &q->ring[VXDP_RING_RX];
	struct socket *old;
	int ret = 0;

	if (rx)
		ret = vxdp_port_rx_enable(q->port, q);
	if (ret)
		return ret;
	if (rx && q->port->xdp && q->sock_hlen)
		vxdp_taker_learn(&q->taker, sock);

	vxdp_ring_lock(ring);
	old = ring->backend;
	ret = vxdp_ring_set_backend(ring, sock);
	/* No frame is lost from here on, if there are buffers for it. */
	if (!ret && rx && vxdp_ring_runs(ring)) {
		vxdp_rx_look(q);
		vxdp_ring_settle(ring);
	} else if (!ret && rx && ring->vr.miss.perm && !READ_ONCE(q->rx_live)) {
		/* Until the VMM has said where to look. */
		q->rx_unseen = true;
		WRITE_ONCE(q->rx_live, true);
	}
	vxdp_ring_unlock(ring);

	if (!ret)
		put_socket(old);
	else if (rx && old && q->port->xdp && q->sock_hlen)
		vxdp_taker_learn(&q->taker, old);
	else if (rx)
		vxdp_taker_forget(&q->taker);
	if (ret && rx && !old)
		vxdp_port_rx_disable(q->port, q);
	return ret;
}

/**
 * vxdp_queue_set_backend() - VHOST_NET_SET_BACKEND: start or stop a ring
 * @q: the queue pair; its lock held
 * @index: VXDP_RING_RX or _TX
 * @fd: of the VMM's socket; -1 stops the ring
 *
 * A ring that runs can always be stopped: QEMU takes no for a bug of its own.
 *
 * Return: as in-tree vhost-net, and -ENODEV where the port was deleted.
 */
int vxdp_queue_set_backend(struct vxdp_queue *q, u32 index, int fd)
{
	struct vxdp_ring *ring;
	struct socket *sock;
	int ret;

	ret = vxdp_queue_check_owner(q);
	if (ret)
		return ret;
	if (index >= VXDP_RINGS)
		return -ENOBUFS;
	ring = &q->ring[array_index_nospec(index, VXDP_RINGS)];
	/* ring->backend changes under queue->lock too, which we hold. */
	if (fd == -1 && ring->backend) {
		put_socket(index == VXDP_RING_RX ? stop_rx(q) : stop_tx(q));
		return 0;
	}

	if (fd == -1) {
		vxdp_ring_lock(ring);
		vxdp_message_forget(ring);
		vxdp_ring_unlock(ring);
	}
	ret = check_ring(ring);
	if (ret || fd == -1)
		return ret;
	sock = vxdp_sock_get(fd);
	if (IS_ERR(sock))
		return PTR_ERR(sock);
	if (READ_ONCE(q->port->dead))
		ret = -ENODEV;
	else if (sock != ring->backend)
		ret = start(q, ring, sock);
	else
		put_socket(sock);
	if (ret)
		put_socket(sock);
	return ret;
}
