// SPDX-License-Identifier: GPL-2.0
/*
 * tx.c - the worker's transmit side: from the guest's buffers into frames of our
 * own (a port with an uplink), or straight into the VMM's socket (one without).
 */
#include <linux/sched/clock.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include "buf.h"
#include "egress.h"
#include "sock.h"

/* Longest that a worker spins for the guest's next chain, whatever the VMM asks. */
#define BUSYLOOP_MAX_US	10000

/* With this part of the time it begins to spin. */
#define POLL_SHARE	8

struct tx {
	struct vxdp_queue *q;
	struct vxdp_ring *ring;
	u32 used;		/* entries of scratch->used that wait to be published */
	u32 slots;		/* frames that wait to be sent */
	u32 packets;
	u32 bytes;
	u32 descs;
	u32 ask;		/* plain chains to look for at a time */
};

static void to_slot(struct tx *tx, const struct vxdp_chain *chain)
{
	u32 why = vxdp_slot_build(tx->q, &tx->q->scratch->slot[tx->slots], chain);

	if (why)
		vxdp_count(tx->q, why, 1);
	else
		tx->slots++;
}

/* Return: false where the socket has no room; the chain is to be tried again. */
static bool to_sock(struct tx *tx, const struct vxdp_chain *chain)
{
	struct vxdp_queue *q = tx->q;
	struct iov_iter it;
	int ret;

	if (chain->out_len < q->hdr_len) {
		vxdp_count(q, VHOST_XDP_STAT_TX_DROP_HDR, 1);
		return true;
	}
	if (chain->out_len - q->hdr_len < ETH_HLEN) {
		vxdp_count(q, VHOST_XDP_STAT_TX_DROP_SHORT, 1);
		return true;
	}
	iov_iter_init(&it, ITER_SOURCE, chain->iov, chain->out_num, chain->out_len);
	iov_iter_advance(&it, q->vhost_hlen);
	ret = vxdp_sock_send(tx->ring->backend, &it);
	if (ret == -EAGAIN)
		return false;
	if (ret)
		vxdp_count(q, ret == -EFAULT ? VHOST_XDP_STAT_TX_DROP_FAULT :
					       VHOST_XDP_STAT_TX_DROP_SOCK, 1);
	else
		vxdp_stats_packet(q->port->stats, VHOST_XDP_STAT_TX_SOCK_PACKETS,
				  chain->out_len - q->hdr_len);
	return true;
}

static void flush(struct tx *tx)
{
	vxdp_egress_run(tx->q, tx->slots);
	tx->slots = 0;
	vxdp_ring_publish(tx->ring, tx->used);
	tx->used = 0;
}

static u64 poll_max(const struct vxdp_ring *ring)
{
	return min_t(u32, ring->busyloop_us, BUSYLOOP_MAX_US) * (u64)NSEC_PER_USEC;
}

/*
 * VHOST_SET_VRING_BUSYLOOP_TIMEOUT: spin for the next chain before we sleep, at most
 * so long. What spinning brought decides how long the next time: twice as long
 * where it helped, half where it did not, until not at all.
 */
static bool busy_wait(struct tx *tx)
{
	struct vxdp_ring *ring = tx->ring;
	u64 max = poll_max(ring), now = local_clock(), end;
	bool came = false;

	ring->poll_ns = min(ring->poll_ns, max);
	end = now + ring->poll_ns;
	while (now < end && !came && !ring->vr.error && !need_resched() &&
	       !signal_pending(current) && !READ_ONCE(tx->q->worker.pending)) {
		came = !vxdp_vring_empty(&ring->vr);
		cpu_relax();
		now = local_clock();
	}
	ring->poll_ns = came ? min(ring->poll_ns * 2, max) : ring->poll_ns / 2;
	ring->slept_at = now;
	return came;
}

/* We were woken: had we better spun? Then we do so from now on. */
static void learn_to_wait(struct vxdp_ring *ring)
{
	u64 max = poll_max(ring);

	if (max && ring->poll_ns < max / POLL_SHARE && local_clock() - ring->slept_at < max)
		ring->poll_ns = max / POLL_SHARE;
}

/* The ring is empty: is there more after all, before we wait for a kick? */
static bool more(struct tx *tx)
{
	flush(tx);
	if (tx->ring->busyloop_us && busy_wait(tx))
		return true;
	if (!vxdp_vring_enable_kick(&tx->ring->vr))
		return false;
	vxdp_vring_disable_kick(&tx->ring->vr);
	return true;
}

static bool in_budget(const struct tx *tx)
{
	return tx->packets < VXDP_BUDGET && tx->bytes < VXDP_BUDGET_BYTES &&
	       tx->descs < VXDP_BUDGET_DESCS;
}

/* So that what a batch does with softirqs off stays small. */
static bool last_is_gso(const struct tx *tx)
{
	return tx->slots && vxdp_slot_is_gso(&tx->q->scratch->slot[tx->slots - 1]);
}

/* The plain chains that come next, as many as a batch has room for. */
static void take_plain(struct tx *tx)
{
	u32 hdr_len = tx->q->hdr_len, room = min(tx->ask, VXDP_TX_BATCH - tx->used), n, i;
	struct vxdp_scratch *s = tx->q->scratch;
	struct vxdp_plain *chain = s->plain;

	/* A page that is not there is left to vxdp_slot_build(), which may sleep. */
	local_bh_disable();
	pagefault_disable();
	n = vxdp_plain_next(&tx->ring->vr, chain, room, 0, hdr_len + ETH_HLEN,
			    hdr_len + VXDP_BUF_MAX);
	tx->slots += vxdp_slot_plain(tx->q, s->slot + tx->slots, chain, n, &i);
	pagefault_enable();
	local_bh_enable();

	vxdp_vring_rewind(&tx->ring->vr, n - i);
	/* What was found in vain is found again: no more of it than of what was read. */
	if (unlikely(i < n))
		tx->ask = max(i, 1);
	else if (unlikely(tx->ask < VXDP_TX_BATCH))
		tx->ask *= 2;
	n = i;
	for (i = 0; i < n; i++) {
		s->used[tx->used++] = (struct vxdp_used){ .id = chain[i].head };
		tx->bytes += chain[i].len;
	}
	tx->packets += n;
	tx->descs += n;
	if (tx->used == VXDP_TX_BATCH)
		flush(tx);
}

/* Return: false where the ring is done with for now. */
static bool serve_one(struct tx *tx)
{
	struct vxdp_vring *vr = &tx->ring->vr;
	struct vxdp_chain chain = {
		.iov = tx->q->scratch->iov,
		.iov_max = VXDP_CHAIN_IOV_MAX,
		.out_only = true,
	};
	int ret = vxdp_vring_next(vr, &chain);

	if (ret < 0)
		return false;
	tx->descs++;
	if (!ret)
		return more(tx);
	tx->descs += chain.desc_num;
	if (chain.in_num) {
		vxdp_vring_rewind(vr, vxdp_vring_steps(vr, chain.head));
		vr->error = VHOST_XDP_STAT_RING_ORDER;
		return false;
	}

	if (tx->q->port->xdp) {
		to_slot(tx, &chain);
	} else if (!to_sock(tx, &chain)) {
		vxdp_vring_rewind(vr, vxdp_vring_steps(vr, chain.head));
		/* Room that came between the two would wake nobody. */
		if (vxdp_sock_writable(tx->ring->backend))
			vxdp_worker_queue(&tx->q->worker, VXDP_WORK_TX);
		return false;
	}
	tx->q->scratch->used[tx->used++] = (struct vxdp_used){ .id = chain.head };
	tx->packets++;
	tx->bytes += min_t(u64, chain.out_len, VXDP_BUDGET_BYTES);
	if (tx->used == VXDP_TX_BATCH || last_is_gso(tx))
		flush(tx);
	return true;
}

/**
 * vxdp_tx_run() - send what the guest has made available, as far as budget goes
 * @q: the queue pair
 *
 * Context: the worker; takes the transmit ring's lock.
 */
void vxdp_tx_run(struct vxdp_queue *q)
{
	struct vxdp_ring *ring = &q->ring[VXDP_RING_TX];
	struct tx tx = { .q = q, .ring = ring, .ask = VXDP_TX_BATCH };
	bool again = true, plain;

	mutex_lock(&ring->lock);
	if (vxdp_ring_runs(ring)) {
		/* See vxdp_plain_next(). */
		plain = q->port->xdp && !ring->vr.iotlb && !vxdp_vring_packed(&ring->vr);
		vxdp_vring_disable_kick(&ring->vr);
		if (ring->busyloop_us)
			learn_to_wait(ring);
		do {
			/* Its wake-up comes in place of a kick. */
			if (q->xsk && !tx.slots && !vxdp_xsk_tx_ready(q->xsk))
				break;
			if (plain)
				take_plain(&tx);
			again = in_budget(&tx);
		} while (again && serve_one(&tx));
		flush(&tx);
		if (!again)
			vxdp_worker_queue(&q->worker, VXDP_WORK_TX);
		vxdp_ring_settle(ring);
	} else if (q->xsk) {
		/* What the guest sent before goes all the same. */
		vxdp_xsk_kick(q->xsk);
	}
	mutex_unlock(&ring->lock);
}
