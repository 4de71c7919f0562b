// SPDX-License-Identifier: GPL-2.0
/*
 * xsk_io.c - the worker's side of a port's AF_XDP socket: frames out of its rings
 * and into them.
 */
#include <linux/if_xdp.h>
#include <linux/net.h>
#include <net/sock.h>
#include <net/xdp_sock.h>
#include "queue.h"
#include "xsk.h"

/* Chunks that a batch of the longest frames takes. */
#define BATCH_CHUNKS	(VXDP_TX_BATCH * DIV_ROUND_UP(VHOST_XDP_FRAME_MAX, VXDP_XSK_CHUNK))

/* Lies in a row that are put up with, before there is no frame. */
#define REFUSED_MAX	64

/* Descriptors that the socket sends at a time (TX_BATCH_SIZE in net/xdp/xsk.c). */
#define SEND_MAX	32

static_assert(BATCH_CHUNKS <= VXDP_XSK_TX_CHUNKS);

static void count(struct vxdp_xsk *x, enum vhost_xdp_stat stat, u64 n)
{
	vxdp_stats_add(x->port->stats, stat, n);
}

/**
 * vxdp_xsk_peek() - the next frame from the wire
 * @x: the socket
 * @frame: out: the frame, to be given back by vxdp_xsk_rx_done()
 *
 * Context: the worker, the receive ring's lock held.
 * Return: false where there is none.
 */
bool vxdp_xsk_peek(struct vxdp_xsk *x, struct vxdp_xsk_frame *frame)
{
	int ret, i;

	for (i = 0; i < REFUSED_MAX; i++) {
		ret = vxdp_xsk_rx_peek(&x->rx, frame);
		if (ret >= 0)
			return ret;
		count(x, VHOST_XDP_STAT_XSK_REFUSED, 1);
	}
	return false;
}

/**
 * vxdp_xsk_purge() - throw away what waits
 * @x: the socket
 *
 * Context: process, the receive ring's lock held, and nobody gives it frames.
 * Return: how many frames it was.
 */
u32 vxdp_xsk_purge(struct vxdp_xsk *x)
{
	struct vxdp_xsk_frame frame;
	u32 nr = 0;

	while (nr < VXDP_XSK_RX_CHUNKS && vxdp_xsk_peek(x, &frame)) {
		vxdp_xsk_rx_done(&x->rx, &frame);
		nr++;
	}
	vxdp_xsk_rx_flush(&x->rx);
	return nr;
}

static void reap(struct vxdp_xsk *x)
{
	u32 refused = vxdp_xsk_tx_reap(&x->tx);

	if (unlikely(refused))
		count(x, VHOST_XDP_STAT_XSK_REFUSED, refused);
}

static struct xdp_sock *to_xdp(const struct vxdp_xsk *x)
{
	/* Its first member, see <net/xdp_sock.h>. */
	return (struct xdp_sock *)x->sock->sk;
}

static bool is_bound(struct vxdp_xsk *x)
{
	lockdep_assert_held(&x->lock);
	return x->sock && READ_ONCE(to_xdp(x)->state) == XSK_BOUND;
}

/* What the driver has refused it would refuse again. */
static bool is_stopped(struct vxdp_xsk *x)
{
	bool stopped;

	/* The device stays as long as a socket that is bound, and a grace period. */
	rcu_read_lock();
	stopped = is_bound(x) &&
		  netif_tx_queue_stopped(netdev_get_tx_queue(to_xdp(x)->dev, x->nic_queue));
	rcu_read_unlock();
	return stopped;
}

/*
 * Of what is in the ring, as much as the uplink takes. Return: there is more, which
 * it will take; not where it is down, then the guest's frames are dropped as on any
 * lane, and what is left goes with the first that are not.
 */
static bool push(struct vxdp_xsk *x)
{
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT };
	u32 left = vxdp_xsk_tx_waiting(&x->tx), turns = DIV_ROUND_UP(left, SEND_MAX);
	u32 most = left, lost = 0;
	int ret = 0;

	if (!left)
		return false;
	mutex_lock(&x->lock);
	WRITE_ONCE(x->pushing, true);
	while (x->sock && turns && lost <= most) {
		ret = x->sock->ops->sendmsg(x->sock, &msg, 0);
		if (ret == -EAGAIN)	/* it has had its share, or the queue is full */
			turns = is_stopped(x) ? 0 : turns - 1;
		else if (ret == -EBUSY)
			lost++;		/* the driver has dropped one */
		else
			break;
	}
	if (unlikely(lost))
		count(x, VHOST_XDP_STAT_TX_DROP_UPLINK, lost);
	WRITE_ONCE(x->pushing, false);
	left = vxdp_xsk_tx_waiting(&x->tx);
	/* What the uplink takes along as it goes. */
	if (left && !is_bound(x)) {
		count(x, VHOST_XDP_STAT_TX_DROP_NO_UPLINK, vxdp_xsk_tx_abandon(&x->tx));
		left = 0;
	}
	mutex_unlock(&x->lock);
	return left && ret && ret != -ENETDOWN;
}

/**
 * vxdp_xsk_kick() - have what vxdp_xsk_send() queued sent
 * @x: the socket
 *
 * In copy mode the socket sends when it is told to, and only then. What it does not
 * want now, for the uplink's queue is full, goes when something else of it has gone.
 * The queue may be full of other people's frames, too, of which nobody tells: so it
 * is tried again every tick.
 *
 * Context: the worker, the transmit ring's lock held; may sleep, not for room.
 * Return: true where something is left, and a wake-up is to come.
 */
bool vxdp_xsk_kick(struct vxdp_xsk *x)
{
	bool left;

	vxdp_xsk_tx_flush(&x->tx);
	left = push(x);
	/* Pairs with wake(): it sees that push() is over, or we see what has gone out. */
	smp_mb();
	reap(x);
	if (unlikely(left)) {
		WRITE_ONCE(x->tx_waits, true);
		mod_timer(&x->retry, jiffies + 1);
	}
	return left;
}

static bool enough(const struct vxdp_xsk *x)
{
	return x->tx.nr_free >= BATCH_CHUNKS;
}

/* All that is not free is on its way out, and will tell when it is. */
static bool will_wake(struct vxdp_xsk *x)
{
	bool bound;

	mutex_lock(&x->lock);
	bound = is_bound(x);
	mutex_unlock(&x->lock);
	return bound && !vxdp_xsk_tx_waiting(&x->tx);
}

/**
 * vxdp_xsk_tx_ready() - is there room for a batch of frames?
 * @x: the socket
 *
 * So guests wait while the uplink is busy, with what they sent or with others'. They
 * do not wait for one that is down or gone: what finds no room then is dropped, as
 * it is by any driver.
 *
 * Context: the worker, the transmit ring's lock held.
 * Return: false where there is not, with a wake-up to come.
 */
bool vxdp_xsk_tx_ready(struct vxdp_xsk *x)
{
	if (likely(enough(x) && !x->tx_waits))
		return true;
	WRITE_ONCE(x->tx_waits, true);
	/* Pairs with wake(): it sees that we wait, or we see what has gone out. */
	smp_mb();
	if (vxdp_xsk_kick(x) || (!enough(x) && will_wake(x)))
		return false;
	WRITE_ONCE(x->tx_waits, false);
	return true;
}

static void add(struct vxdp_xsk *x, const struct xdp_frame *frame)
{
	const struct skb_shared_info *sinfo;
	struct vxdp_piece piece[MAX_SKB_FRAGS + 1];
	u32 i, nr = 1, len = frame->len;

	piece[0] = (struct vxdp_piece){ frame->data, frame->len };
	if (xdp_frame_has_frags(frame)) {
		sinfo = xdp_get_shared_info_from_frame(frame);
		for (i = 0; i < sinfo->nr_frags; i++) {
			piece[nr++] = (struct vxdp_piece){
				skb_frag_address(&sinfo->frags[i]),
				skb_frag_size(&sinfo->frags[i]),
			};
			len += skb_frag_size(&sinfo->frags[i]);
		}
	}
	if (vxdp_xsk_tx_add(&x->tx, piece, len))
		vxdp_stats_packet(x->port->stats, VHOST_XDP_STAT_TX_XSK_PACKETS, len);
	else
		count(x, VHOST_XDP_STAT_TX_DROP_XSK, 1);
}

/**
 * vxdp_xsk_send() - queue frames, in order; vxdp_xsk_kick() sends them
 * @x: the socket
 * @frames: the frames, which are gone afterwards
 * @nr: how many
 *
 * Context: the worker, the transmit ring's lock held; softirqs off, RCU.
 */
void vxdp_xsk_send(struct vxdp_xsk *x, struct xdp_frame **frames, u32 nr)
{
	u32 i;

	for (i = 0; i < nr; i++) {
		add(x, frames[i]);
		xdp_return_frame(frames[i]);
	}
}
