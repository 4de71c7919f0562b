// SPDX-License-Identifier: GPL-2.0
/*
 * message.c - messages between the IOTLB and the VMM: what the node's read, write and
 * poll are for.
 *
 * A ring that misses an address asks for it, rests, and keeps what it waits for in
 * vr.miss, under its lock. What it asked may be read, or lost to newer messages: an
 * update that brings the address wakes it in either case, and so does a kick, whereupon
 * it asks again. So nobody waits for the VMM but by resting, and there never are more
 * messages than there is room for, whatever guest and VMM do.
 */
#include <linux/sched/signal.h>
#include <linux/vhost_types.h>
#include "message.h"
#include "queue.h"

/* Either kind of message is as long, and has the same at the same place behind its type. */
static_assert(sizeof(struct vhost_msg) == sizeof(struct vhost_msg_v2));
static_assert(offsetof(struct vhost_msg, iotlb) == offsetof(struct vhost_msg_v2, iotlb));

/**
 * vxdp_messages_init() - no messages yet
 * @ms: zeroed memory
 */
void vxdp_messages_init(struct vxdp_messages *ms)
{
	spin_lock_init(&ms->lock);
	init_waitqueue_head(&ms->wait);
}

static void wake(struct vxdp_messages *ms)
{
	wake_up_interruptible_poll(&ms->wait, EPOLLIN | EPOLLRDNORM);
}

/**
 * vxdp_messages_clear() - the IOTLB is gone, and who waits for a message is to see that
 * @ms: the messages
 *
 * Context: process; queue->iotlb is NULL already.
 */
void vxdp_messages_clear(struct vxdp_messages *ms)
{
	spin_lock(&ms->lock);
	ms->nr = 0;
	spin_unlock(&ms->lock);
	wake(ms);
}

/* Context: ms->lock. */
static void drop(struct vxdp_messages *ms, u32 i)
{
	ms->nr--;
	memmove(ms->entry + i, ms->entry + i + 1, (ms->nr - i) * sizeof(*ms->entry));
}

/**
 * vxdp_message_forget() - a ring stops, and asks for nothing any more
 * @ring: the ring; its lock held
 */
void vxdp_message_forget(struct vxdp_ring *ring)
{
	struct vxdp_messages *ms = &ring->queue->messages;
	u32 i;

	lockdep_assert_held(&ring->lock);
	spin_lock(&ms->lock);
	for (i = ms->nr; i--; ) {
		if (ms->entry[i].ring == ring - ring->queue->ring)
			drop(ms, i);
	}
	spin_unlock(&ms->lock);
}

static bool same(const struct vxdp_message *a, const struct vxdp_message *b)
{
	return a->iova == b->iova && a->ring == b->ring && a->perm == b->perm &&
	       a->type == b->type;
}

/* Unless that is said already. */
static void append(struct vxdp_messages *ms, const struct vxdp_message *m)
{
	u32 i;

	spin_lock(&ms->lock);
	for (i = 0; i < ms->nr; i++) {
		if (same(&ms->entry[i], m)) {
			spin_unlock(&ms->lock);
			return;
		}
	}
	if (ms->nr == VXDP_MESSAGES_MAX)
		drop(ms, 0);
	ms->entry[ms->nr++] = *m;
	spin_unlock(&ms->lock);
	wake(ms);
}

/**
 * vxdp_message_ask() - ask the VMM for what a ring misses
 * @ring: the ring; its lock held
 *
 * Nothing is asked where nothing is missing, or where the VMM has said that what the
 * ring wants to do there may not be done.
 */
void vxdp_message_ask(struct vxdp_ring *ring)
{
	bool v2 = ring->queue->backend_features & (1ULL << VHOST_BACKEND_F_IOTLB_MSG_V2);
	const struct vxdp_miss *miss = &ring->vr.miss;
	struct vxdp_queue *q = ring->queue;
	struct vxdp_message m = {
		.iova = miss->iova,
		.ring = ring - q->ring,
		.perm = miss->perm,
		.type = v2 ? VHOST_IOTLB_MSG_V2 : VHOST_IOTLB_MSG,
	};

	lockdep_assert_held(&ring->lock);
	if (!miss->perm)
		return;
	vxdp_count(q, VHOST_XDP_STAT_IOTLB_MISSES, 1);
	if (miss->ask)
		append(&q->messages, &m);
}

static bool take(struct vxdp_messages *ms, struct vxdp_message *m)
{
	bool any;

	spin_lock(&ms->lock);
	any = ms->nr;
	if (any) {
		*m = ms->entry[0];
		drop(ms, 0);
	}
	spin_unlock(&ms->lock);
	return any;
}

/* There is one, or there cannot be one. */
static bool settled(struct vxdp_queue *q, struct vxdp_message *m, bool *any)
{
	*any = take(&q->messages, m);
	return *any || !READ_ONCE(q->iotlb);
}

/* All bytes of it were written here, also those that mean nothing. */
static ssize_t put(const struct vxdp_message *m, struct iov_iter *to)
{
	struct vhost_msg_v2 msg;

	memset(&msg, 0, sizeof(msg));
	msg.type = m->type;
	msg.iotlb.iova = m->iova;
	msg.iotlb.perm = m->perm;
	msg.iotlb.type = VHOST_IOTLB_MISS;
	return copy_to_iter_full(&msg, sizeof(msg), to) ? sizeof(msg) : -EFAULT;
}

/**
 * vxdp_message_read() - read() of the node
 * @q: the queue pair
 * @to: where to
 * @nonblock: do not wait
 *
 * Context: process; takes no lock that an ioctl holds for long.
 * Return: bytes; 0 where there is no room for a message; -EAGAIN, -EBADFD where there is
 * none and no IOTLB that could have one, -ERESTARTSYS, -EFAULT.
 */
ssize_t vxdp_message_read(struct vxdp_queue *q, struct iov_iter *to, bool nonblock)
{
	struct vxdp_messages *ms = &q->messages;
	struct vxdp_message m;
	bool any;
	int ret;

	if (iov_iter_count(to) < sizeof(struct vhost_msg))
		return 0;
	any = take(ms, &m);
	if (!any && nonblock)
		return -EAGAIN;
	if (!any) {
		ret = wait_event_interruptible(ms->wait, settled(q, &m, &any));
		if (ret)
			return ret;
	}
	if (!any)
		return -EBADFD;
	ret = put(&m, to);
	/* Not lost: the ring may rest until it is answered. */
	if (ret < 0)
		append(ms, &m);
	return ret;
}

/**
 * vxdp_message_poll() - poll() of the node
 * @q: the queue pair
 * @file: the open
 * @table: who polls
 *
 * Return: that there is a message to read, or nothing.
 */
__poll_t vxdp_message_poll(struct vxdp_queue *q, struct file *file, poll_table *table)
{
	poll_wait(file, &q->messages.wait, table);
	return READ_ONCE(q->messages.nr) ? EPOLLIN | EPOLLRDNORM : 0;
}

/*
 * The fast lane has no ring with an IOTLB, so there is nothing to give back to it, as
 * vxdp_ring_unlock() does: that would have the receive ring ask again, each time.
 */
static void hold_rings(struct vxdp_queue *q)
{
	vxdp_ring_lock(&q->ring[VXDP_RING_RX]);
	vxdp_ring_lock(&q->ring[VXDP_RING_TX]);
}

static void let_go(struct vxdp_queue *q)
{
	mutex_unlock(&q->ring[VXDP_RING_TX].lock);
	mutex_unlock(&q->ring[VXDP_RING_RX].lock);
}

/*
 * Those that have waited for one of these addresses try again. Where they are taken back,
 * those that had other rights there: they can ask now.
 */
static void wake_rings(struct vxdp_queue *q, u64 iova, u64 size, bool taken_back)
{
	struct vxdp_miss *miss;
	int i;

	for (i = 0; i < VXDP_RINGS; i++) {
		miss = &q->ring[i].vr.miss;
		if (!miss->perm || (taken_back ? miss->ask : miss->iova - iova >= size))
			continue;
		*miss = (struct vxdp_miss){};
		vxdp_worker_queue(&q->worker, q->ring[i].sock_poll.work);
	}
}

static int update(struct vxdp_queue *q, const struct vhost_iotlb_msg *msg)
{
	int ret = vxdp_iotlb_add(q->iotlb, msg->iova, msg->size, msg->uaddr, msg->perm);

	if (!ret)
		wake_rings(q, msg->iova, msg->size, false);
	return ret;
}

static int obey(struct vxdp_queue *q, const struct vhost_iotlb_msg *msg)
{
	int ret = 0;

	lockdep_assert_held(&q->lock);
	if (!q->iotlb)
		return -EFAULT;
	/* No ring sees half of it: see core/parts.c. */
	hold_rings(q);
	switch (msg->type) {
	case VHOST_IOTLB_UPDATE:
		ret = update(q, msg);
		break;
	case VHOST_IOTLB_INVALIDATE:
		vxdp_iotlb_remove(q->iotlb, msg->iova, msg->size);
		wake_rings(q, msg->iova, msg->size, true);
		break;
	default:
		ret = -EINVAL;
	}
	let_go(q);
	return ret;
}

/**
 * vxdp_message_write() - write() of the node: the VMM changes the IOTLB
 * @q: the queue pair
 * @from: a message of either kind, or its first 40 bytes
 *
 * Context: process, not necessarily the owner; takes queue->lock and both rings'.
 * Return: bytes of a message; -EINVAL where it is short, cannot be read, is of no known
 * kind or brings no bytes; -EFAULT where there is no IOTLB, or what it says of it cannot
 * be. Then nothing has changed.
 */
ssize_t vxdp_message_write(struct vxdp_queue *q, struct iov_iter *from)
{
	struct vhost_iotlb_msg msg;
	int type, ret;

	if (!copy_from_iter_full(&type, sizeof(type), from) ||
	    (type != VHOST_IOTLB_MSG && type != VHOST_IOTLB_MSG_V2))
		return -EINVAL;
	/* A hole, or an address space's number, which nobody has agreed on. */
	iov_iter_advance(from, offsetof(struct vhost_msg, iotlb) - sizeof(type));
	if (!copy_from_iter_full(&msg, sizeof(msg), from) ||
	    (msg.type == VHOST_IOTLB_UPDATE && !msg.size))
		return -EINVAL;

	mutex_lock(&q->lock);
	ret = obey(q, &msg);
	mutex_unlock(&q->lock);
	return ret ? -EFAULT : sizeof(struct vhost_msg);
}
