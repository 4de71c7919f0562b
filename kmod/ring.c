// SPDX-License-Identifier: GPL-2.0
/*
 * ring.c - a virtqueue with its eventfds and its socket: the VHOST_*_VRING_*
 * ioctls, start and stop, and signalling.
 *
 * The order of checks, and so the error a VMM gets, is that of in-tree vhost.
 */
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/nospec.h>
#include <linux/vhost.h>
#include "core/packed.h"
#include "queue.h"

static void kick_seen(struct vxdp_poll *p)
{
	struct vxdp_ring *ring = container_of(p, struct vxdp_ring, kick_poll);

	vxdp_count(ring->queue, VHOST_XDP_STAT_KICKS, 1);
}

static void set_defaults(struct vxdp_ring *ring)
{
	memset(&ring->vr, 0, sizeof(ring->vr));
	ring->vr.num = 1;
	ring->busyloop_us = 0;
}

/**
 * vxdp_ring_init() - make a ring that nothing is attached to
 * @ring: zeroed memory
 * @q: what it is part of
 * @work: what its events ask of the worker
 */
void vxdp_ring_init(struct vxdp_ring *ring, struct vxdp_queue *q, enum vxdp_work work)
{
	ring->queue = q;
	mutex_init(&ring->lock);
	vxdp_poll_init(&ring->kick_poll, &q->worker, work, EPOLLIN, kick_seen);
	vxdp_poll_init(&ring->sock_poll, &q->worker, work,
		       work == VXDP_WORK_RX ? EPOLLIN : EPOLLOUT, NULL);
	set_defaults(ring);
}

static bool is_rx(const struct vxdp_ring *ring)
{
	return ring == &ring->queue->ring[VXDP_RING_RX];
}

/**
 * vxdp_ring_lock() - take a ring, from softirqs too
 * @ring: the ring
 *
 * Context: process. Of a queue pair's rings the receive ring comes first.
 */
void vxdp_ring_lock(struct vxdp_ring *ring)
{
	mutex_lock_nested(&ring->lock, is_rx(ring) ? 0 : SINGLE_DEPTH_NESTING);
	if (is_rx(ring))
		vxdp_fast_end(ring->queue);
}

/**
 * vxdp_ring_unlock() - undo vxdp_ring_lock()
 * @ring: the ring
 *
 * The worker gives a receive ring back to softirqs, once it has looked at what
 * changed.
 */
void vxdp_ring_unlock(struct vxdp_ring *ring)
{
	bool runs = is_rx(ring) && ring->backend;

	mutex_unlock(&ring->lock);
	if (runs)
		vxdp_worker_queue(&ring->queue->worker, VXDP_WORK_RX);
}

static void put_eventfd(struct eventfd_ctx **ctx)
{
	if (*ctx)
		eventfd_ctx_put(*ctx);
	*ctx = NULL;
}

/**
 * vxdp_ring_reset() - detach all and forget all, as after open
 * @ring: stopped
 *
 * Context: process; queue->lock; the worker is stopped or cannot get at the ring.
 */
void vxdp_ring_reset(struct vxdp_ring *ring)
{
	vxdp_ring_lock(ring);
	vxdp_poll_stop(&ring->kick_poll);
	if (ring->kick)
		fput(ring->kick);
	ring->kick = NULL;
	put_eventfd(&ring->call);
	put_eventfd(&ring->err);
	set_defaults(ring);
	vxdp_ring_unlock(ring);
}

/**
 * vxdp_ring_log_ok() - can the ring be logged where the VMM says?
 * @ring: the ring; its lock held
 * @base: user address of the log
 *
 * Return: false where a bit would lie outside of user space, and where there is
 * no memory table.
 */
bool vxdp_ring_log_ok(const struct vxdp_ring *ring, u64 base)
{
	const struct vxdp_vring *vr = &ring->vr;

	lockdep_assert_held(&ring->lock);
	if (!vr->mem)
		return false;
	/* What we write into a packed ring is logged wherever memory has it. */
	if ((vxdp_vring_has(vr, VHOST_F_LOG_ALL) || (vr->log_used && vxdp_vring_packed(vr))) &&
	    !vxdp_log_memory_ok(base, vr->mem))
		return false;
	/* Behind an IOTLB, what is written there is, too, whatever address was given. */
	return !vr->log_used || vr->iotlb ||
	       vxdp_log_access_ok(base, vr->log_addr, vxdp_vring_used_size(vr, vr->num));
}

/**
 * vxdp_ring_set_backend() - start, stop or re-plug a ring
 * @ring: the ring; its lock held
 * @sock: the VMM's socket, which becomes the ring's on success; NULL: stop
 *
 * Where the ring cannot be started it stays as it was; what an IOTLB lacks for that, the
 * VMM is asked. A stop does not fail.
 *
 * Return: 0, -EFAULT (the ring cannot be accessed), -EINVAL (dead socket; a size,
 * alignment or base that its kind of ring cannot have).
 */
int vxdp_ring_set_backend(struct vxdp_ring *ring, struct socket *sock)
{
	const struct vxdp_vring was = ring->vr;
	struct socket *old = ring->backend;
	int ret;

	lockdep_assert_held(&ring->lock);
	vxdp_poll_stop(&ring->sock_poll);
	if (!sock) {
		ring->backend = NULL;
		ring->vr.miss = (struct vxdp_miss){};
		vxdp_message_forget(ring);
		return 0;
	}

	/* In that order, as vhost-net answers where both would fail. */
	ret = vxdp_vring_start(&ring->vr);
	if (!ret)
		ret = vxdp_poll_start(&ring->sock_poll, sock->file);
	if (ret) {
		vxdp_message_ask(ring);
		ring->vr = was;
		if (old)
			vxdp_poll_start(&ring->sock_poll, old->file);
		return ret;
	}
	ring->backend = sock;
	/* What came before there was a backend got no answer. */
	vxdp_worker_queue(&ring->queue->worker, ring->sock_poll.work);
	return 0;
}

/**
 * vxdp_ring_runs() - is the worker to serve the ring?
 * @ring: the ring; its lock held
 *
 * Where the port was deleted, the VMM is told by the error eventfd. Where an IOTLB does
 * not know the ring, the VMM is asked.
 *
 * Return: true where it has a backend, is whole, its port is still there, and it is known
 * where it is: until the lock is given up. Then vxdp_ring_settle() ends the turn.
 */
bool vxdp_ring_runs(struct vxdp_ring *ring)
{
	lockdep_assert_held(&ring->lock);
	if (!ring->backend || ring->vr.error)
		return false;
	if (unlikely(READ_ONCE(ring->queue->port->dead))) {
		if (ring->err)
			eventfd_signal(ring->err);
		return false;
	}
	if (likely(vxdp_vring_ready(&ring->vr)))
		return true;
	vxdp_ring_settle(ring);
	return false;
}

/**
 * vxdp_ring_settle() - a turn is over: tell of what has ended it before its time
 * @ring: the ring, which was whole when the turn began; its lock held
 *
 * If it was found broken, it is not served any more. If it misses an address, the VMM is
 * asked.
 */
void vxdp_ring_settle(struct vxdp_ring *ring)
{
	lockdep_assert_held(&ring->lock);
	if (unlikely(ring->vr.miss.perm))
		vxdp_message_ask(ring);
	if (likely(!ring->vr.error))
		return;
	vxdp_count(ring->queue, ring->vr.error, 1);
	if (is_rx(ring))
		WRITE_ONCE(ring->queue->rx_live, false);
	if (ring->err)
		eventfd_signal(ring->err);
}

/**
 * vxdp_ring_publish() - give chains back, and notify the driver if it wants it
 * @ring: the ring; its lock held
 * @n: entries of scratch->used; 0 does nothing
 */
void vxdp_ring_publish(struct vxdp_ring *ring, u16 n)
{
	struct vxdp_queue *q = ring->queue;

	lockdep_assert_held(&ring->lock);
	if (!n || vxdp_vring_add_used(&ring->vr, q->scratch->used, n))
		return;
	if (ring->vr.log_used && q->log_fd)
		eventfd_signal(q->log_fd);
	if (ring->call && vxdp_vring_need_signal(&ring->vr)) {
		vxdp_count(q, VHOST_XDP_STAT_CALLS, 1);
		eventfd_signal(ring->call);
	}
}

static long set_num(struct vxdp_ring *ring, void __user *argp)
{
	struct vhost_vring_state s;

	if (ring->backend)
		return -EBUSY;
	if (copy_from_user(&s, argp, sizeof(s)))
		return -EFAULT;
	if (!s.num || s.num > 0xffff)
		return -EINVAL;
	/* virtio 1.3, 2.8.10.1: of a packed ring any number up to 2^15. */
	if (vxdp_vring_packed(&ring->vr) ? s.num > 0x8000 : s.num & (s.num - 1))
		return -EINVAL;
	ring->vr.num = s.num;
	return 0;
}

static long set_addr(struct vxdp_ring *ring, void __user *argp)
{
	struct vxdp_vring *vr = &ring->vr;
	struct vhost_vring_addr a;
	bool log, rests;

	if (copy_from_user(&a, argp, sizeof(a)))
		return -EFAULT;
	if (a.flags & ~(1U << VHOST_VRING_F_LOG))
		return -EOPNOTSUPP;
	if (a.avail_user_addr & (VRING_AVAIL_ALIGN_SIZE - 1) ||
	    a.used_user_addr & (VRING_USED_ALIGN_SIZE - 1) ||
	    a.log_guest_addr & (VRING_USED_ALIGN_SIZE - 1))
		return -EINVAL;

	/* A ring that does not run is checked when it starts. */
	if (ring->backend && vxdp_vring_packed(vr) &&
	    !vxdp_packed_aligned(a.desc_user_addr, a.avail_user_addr, a.used_user_addr))
		return -EINVAL;
	log = a.flags & (1U << VHOST_VRING_F_LOG);
	if (ring->backend &&
	    (!vxdp_vring_access_ok(vr, a.desc_user_addr, a.avail_user_addr,
				   a.used_user_addr) ||
	     (log && !vr->iotlb &&
	      !vxdp_log_access_ok(vr->log_base, a.log_guest_addr,
				  vxdp_vring_used_size(vr, vr->num)))))
		return -EINVAL;

	vr->log_used = log;
	vr->log_addr = a.log_guest_addr;
	/* It may have been kicked without addresses, or wait for the old ones. */
	rests = vr->iotlb || !(vr->desc | vr->avail | vr->used);
	vxdp_vring_set_addr(vr, a.desc_user_addr, a.avail_user_addr, a.used_user_addr);
	if (ring->backend && rests)
		vxdp_worker_queue(&ring->queue->worker, ring->sock_poll.work);
	return 0;
}

static long set_base(struct vxdp_ring *ring, void __user *argp)
{
	struct vhost_vring_state s;

	if (ring->backend)
		return -EBUSY;
	if (copy_from_user(&s, argp, sizeof(s)))
		return -EFAULT;
	if (vxdp_vring_packed(&ring->vr)) {
		ring->vr.last_avail = s.num;
		/* Who says nothing of what is used means the same place. */
		ring->vr.last_used = s.num >> 16 ?: s.num;
		return 0;
	}
	if (s.num > 0xffff)
		return -EINVAL;
	ring->vr.last_avail = s.num;
	ring->vr.avail_idx = s.num;
	return 0;
}

static u32 get_base(const struct vxdp_ring *ring)
{
	const struct vxdp_vring *vr = &ring->vr;

	return vxdp_vring_packed(vr) ? vr->last_avail | (u32)vr->last_used << 16 :
				       vr->last_avail;
}

static long put_state(void __user *argp, u32 index, u32 num)
{
	struct vhost_vring_state s = { .index = index, .num = num };

	return copy_to_user(argp, &s, sizeof(s)) ? -EFAULT : 0;
}

static long set_busyloop(struct vxdp_ring *ring, void __user *argp)
{
	struct vhost_vring_state s;

	if (copy_from_user(&s, argp, sizeof(s)))
		return -EFAULT;
	ring->busyloop_us = s.num;
	return 0;
}

static long set_kick(struct vxdp_ring *ring, void __user *argp)
{
	struct vhost_vring_file f;
	struct file *file = NULL;

	if (copy_from_user(&f, argp, sizeof(f)))
		return -EFAULT;
	if (f.fd != VHOST_FILE_UNBIND) {
		file = eventfd_fget(f.fd);
		if (IS_ERR(file))
			return PTR_ERR(file);
	}
	if (file == ring->kick) {
		if (file)
			fput(file);
		return 0;
	}

	vxdp_poll_stop(&ring->kick_poll);
	if (ring->kick)
		fput(ring->kick);
	ring->kick = file;
	return file ? vxdp_poll_start(&ring->kick_poll, file) : 0;
}

static long set_eventfd(struct eventfd_ctx **slot, void __user *argp)
{
	struct eventfd_ctx *ctx = NULL;
	struct vhost_vring_file f;

	if (copy_from_user(&f, argp, sizeof(f)))
		return -EFAULT;
	if (f.fd != VHOST_FILE_UNBIND) {
		ctx = eventfd_ctx_fdget(f.fd);
		if (IS_ERR(ctx))
			return PTR_ERR(ctx);
	}
	swap(*slot, ctx);
	put_eventfd(&ctx);
	return 0;
}

/**
 * vxdp_ring_ioctl() - the ioctls that name a virtqueue
 * @q: the queue pair; its lock held
 * @cmd: any
 * @argp: user pointer; every argument starts with the virtqueue's index
 *
 * Return: as in-tree vhost; -ENOIOCTLCMD for what is none of them.
 */
long vxdp_ring_ioctl(struct vxdp_queue *q, unsigned int cmd, void __user *argp)
{
	struct vxdp_ring *ring;
	u32 index;
	long ret;

	lockdep_assert_held(&q->lock);
	if (get_user(index, (u32 __user *)argp))
		return -EFAULT;
	if (index >= VXDP_RINGS)
		return -ENOBUFS;

	ring = &q->ring[array_index_nospec(index, VXDP_RINGS)];
	vxdp_ring_lock(ring);
	switch (cmd) {
	case VHOST_SET_VRING_NUM:
		ret = set_num(ring, argp);
		break;
	case VHOST_SET_VRING_ADDR:
		ret = set_addr(ring, argp);
		break;
	case VHOST_SET_VRING_BASE:
		ret = set_base(ring, argp);
		break;
	case VHOST_GET_VRING_BASE:
		ret = put_state(argp, index, get_base(ring));
		break;
	case VHOST_SET_VRING_KICK:
		ret = set_kick(ring, argp);
		break;
	case VHOST_SET_VRING_CALL:
		ret = set_eventfd(&ring->call, argp);
		break;
	case VHOST_SET_VRING_ERR:
		ret = set_eventfd(&ring->err, argp);
		break;
	case VHOST_SET_VRING_BUSYLOOP_TIMEOUT:
		ret = set_busyloop(ring, argp);
		break;
	case VHOST_GET_VRING_BUSYLOOP_TIMEOUT:
		ret = put_state(argp, index, ring->busyloop_us);
		break;
	default:
		ret = -ENOIOCTLCMD;
	}
	vxdp_ring_unlock(ring);
	return ret;
}
