// SPDX-License-Identifier: GPL-2.0
/*
 * tx.c - the worker's transmit side: from the guest's buffers into frames of our
 * own (a port with an uplink), or straight into the VMM's socket (one without).
 */
#include <linux/filter.h>
#include <linux/sched/clock.h>
#include <linux/sched/signal.h>
#include <net/page_pool/helpers.h>
#include "compat.h"
#include "egress.h"
#include "sock.h"

/* Bytes of a frame's first page: headroom in front, skb_shared_info behind. */
#define LINEAR_MAX	(PAGE_SIZE - XDP_PACKET_HEADROOM - \
			 SKB_DATA_ALIGN(sizeof(struct skb_shared_info)))

/* Longest that a worker spins for the guest's next chain, whatever the VMM asks. */
#define BUSYLOOP_MAX_US	10000

struct tx {
	struct vxdp_queue *q;
	struct vxdp_ring *ring;
	u32 used;		/* entries of scratch->used that wait to be published */
	u32 slots;		/* frames that wait to be sent */
	u32 packets;
	u32 bytes;
	u32 descs;
};

static struct page *alloc_page_for(struct vxdp_queue *q)
{
	return page_pool_alloc_pages(q->pool, GFP_KERNEL | __GFP_NOWARN);
}

static enum vhost_xdp_stat add_frag(struct vxdp_queue *q, struct xdp_buff *xdp,
				    struct iov_iter *it, u32 len)
{
	struct skb_shared_info *sinfo = xdp_get_shared_info_from_buff(xdp);
	struct page *page = alloc_page_for(q);

	if (!page)
		return VHOST_XDP_STAT_TX_DROP_NOMEM;
	if (!xdp_buff_has_frags(xdp)) {
		vxdp_init_frags(sinfo);
		xdp_buff_set_frags_flag(xdp);
	}
	skb_frag_fill_page_desc(&sinfo->frags[sinfo->nr_frags++], page, 0, len);
	sinfo->xdp_frags_size += len;
	vxdp_add_frags_truesize(sinfo, PAGE_SIZE);
	if (copy_page_from_iter(page, 0, len, it) != len)
		return VHOST_XDP_STAT_TX_DROP_FAULT;
	return 0;
}

/* On failure the slot holds no pages. */
static enum vhost_xdp_stat copy_frame(struct vxdp_queue *q, struct vxdp_tx_slot *slot,
				      struct iov_iter *it, u32 len)
{
	u32 part = min_t(u32, len, LINEAR_MAX);
	struct page *page = alloc_page_for(q);
	struct xdp_buff *xdp = &slot->xdp;
	enum vhost_xdp_stat why = 0;

	if (!page)
		return VHOST_XDP_STAT_TX_DROP_NOMEM;
	xdp_init_buff(xdp, PAGE_SIZE, &q->rxq);
	xdp_prepare_buff(xdp, page_address(page), XDP_PACKET_HEADROOM, part, true);
	slot->data = xdp->data;
	slot->len = len;
	slot->host = false;
	if (copy_from_iter(xdp->data, part, it) != part)
		why = VHOST_XDP_STAT_TX_DROP_FAULT;
	for (len -= part; len && !why; len -= part) {
		part = min_t(u32, len, PAGE_SIZE);
		why = add_frag(q, xdp, it, part);
	}
	if (why)
		vxdp_egress_free(q, slot);
	return why;
}

/* What csum_start and csum_offset ask for; both lie in the first page. */
static void complete_csum(struct vxdp_tx_slot *slot)
{
	struct xdp_buff *xdp = &slot->xdp;
	void *start = xdp->data + slot->hdr.csum_start;
	u32 done = xdp->data_end - start, size;
	__wsum sum = csum_partial(start, done, 0);
	struct skb_shared_info *sinfo;
	__sum16 folded;
	int i;

	if (xdp_buff_has_frags(xdp)) {
		sinfo = xdp_get_shared_info_from_buff(xdp);
		for (i = 0; i < sinfo->nr_frags; i++) {
			size = skb_frag_size(&sinfo->frags[i]);
			sum = csum_block_add(sum, csum_partial(skb_frag_address(&sinfo->frags[i]),
							       size, 0), done);
			done += size;
		}
	}
	folded = csum_fold(sum);
	if (!folded)
		folded = CSUM_MANGLED_0;
	memcpy(start + slot->hdr.csum_offset, &folded, sizeof(folded));
}

static enum vhost_xdp_stat finish_frame(struct vxdp_tx_slot *slot)
{
	struct xdp_buff *xdp = &slot->xdp;
	struct vxdp_gso gso;

	if (vxdp_slot_is_gso(slot))
		return vxdp_gso_parse(&gso, &slot->hdr, xdp->data,
				      xdp->data_end - xdp->data, slot->len);
	slot->csum = slot->hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;
	if (slot->csum)
		complete_csum(slot);
	return 0;
}

/* Read the guest's chain once, into a slot. Return: 0, or why it is dropped. */
static enum vhost_xdp_stat build_frame(struct tx *tx, const struct vxdp_chain *chain)
{
	struct vxdp_queue *q = tx->q;
	struct vxdp_tx_slot *slot = &q->scratch->slot[tx->slots];
	enum vhost_xdp_stat why;
	struct iov_iter it;
	u32 len;

	if (chain->out_len < q->hdr_len)
		return VHOST_XDP_STAT_TX_DROP_HDR;
	if (chain->out_len - q->hdr_len > VXDP_GSO_FRAME_MAX)
		return VHOST_XDP_STAT_TX_DROP_OVERSIZE;
	len = chain->out_len - q->hdr_len;
	iov_iter_init(&it, ITER_SOURCE, chain->iov, chain->out_num, chain->out_len);
	if (copy_from_iter(&slot->hdr, sizeof(slot->hdr), &it) != sizeof(slot->hdr))
		return VHOST_XDP_STAT_TX_DROP_FAULT;
	iov_iter_advance(&it, q->hdr_len - sizeof(slot->hdr));

	why = vxdp_net_hdr_check(&slot->hdr, len, LINEAR_MAX);
	if (!why)
		why = copy_frame(q, slot, &it, len);
	if (why)
		return why;
	why = finish_frame(slot);
	if (why)
		vxdp_egress_free(q, slot);
	return why;
}

static void to_slot(struct tx *tx, const struct vxdp_chain *chain)
{
	enum vhost_xdp_stat why = build_frame(tx, chain);

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

/* VHOST_SET_VRING_BUSYLOOP_TIMEOUT: spin for the next chain before we sleep. */
static bool busy_wait(struct tx *tx)
{
	u64 us = min_t(u32, tx->ring->busyloop_us, BUSYLOOP_MAX_US);
	u64 end = local_clock() + us * NSEC_PER_USEC;

	while (us && local_clock() < end && !need_resched() && !signal_pending(current) &&
	       !READ_ONCE(tx->q->worker.pending)) {
		if (!vxdp_vring_empty(&tx->ring->vr))
			return true;
		if (tx->ring->vr.error)
			return false;
		cpu_relax();
	}
	return false;
}

/* The ring is empty: is there more after all, before we wait for a kick? */
static bool more(struct tx *tx)
{
	flush(tx);
	if (busy_wait(tx))
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

/* Return: false where the ring is done with for now. */
static bool serve_one(struct tx *tx)
{
	struct vxdp_vring *vr = &tx->ring->vr;
	struct vxdp_chain chain = {
		.iov = tx->q->scratch->iov,
		.iov_max = VXDP_CHAIN_IOV_MAX,
	};
	int ret = vxdp_vring_next(vr, &chain);

	if (ret < 0)
		return false;
	tx->descs++;
	if (!ret)
		return more(tx);
	tx->descs += chain.desc_num;
	if (chain.in_num) {
		vxdp_vring_rewind(vr, 1);
		vr->error = VHOST_XDP_STAT_RING_ORDER;
		return false;
	}

	if (tx->q->port->xdp) {
		to_slot(tx, &chain);
	} else if (!to_sock(tx, &chain)) {
		vxdp_vring_rewind(vr, 1);
		/* Room that came between the two would wake nobody. */
		if (vxdp_sock_writable(tx->ring->backend))
			vxdp_worker_queue(&tx->q->worker, VXDP_WORK_TX);
		return false;
	}
	tx->q->scratch->used[tx->used++] = (struct vxdp_used){ .id = chain.head };
	tx->packets++;
	tx->bytes += min_t(u64, chain.out_len, VXDP_BUDGET_BYTES);
	if (tx->slots == VXDP_TX_BATCH || tx->used == VXDP_USED_BATCH || last_is_gso(tx))
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
	struct tx tx = { .q = q, .ring = ring };
	bool again;

	mutex_lock(&ring->lock);
	if (vxdp_ring_runs(ring)) {
		vxdp_vring_disable_kick(&ring->vr);
		do {
			again = in_budget(&tx);
		} while (again && serve_one(&tx));
		flush(&tx);
		if (!again)
			vxdp_worker_queue(&q->worker, VXDP_WORK_TX);
		if (ring->vr.error)
			vxdp_ring_break(ring);
	}
	mutex_unlock(&ring->lock);
}
