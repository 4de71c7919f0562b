// SPDX-License-Identifier: GPL-2.0
/*
 * rx.c - the worker's receive side: from the backlog, and from the VMM's socket,
 * into the guest's buffers.
 */
#include <linux/etherdevice.h>
#include "queue.h"
#include "sock.h"

/* One frame in so many comes from the socket, if it has one. */
#define SOCK_TURN	32

/* From this length on a frame's buffers are taken many at a time, if not longer. */
#define PLAIN_FROM	4096
#define PLAIN_MAX	65536

enum outcome {
	DONE,		/* a frame was delivered, or dropped and counted */
	NONE,		/* there is no frame */
	WAIT,		/* there is, but the guest has no buffers for it */
	BROKEN,		/* ring->vr.error says why; or vr.miss, what the IOTLB lacks */
};

/* The buffers collected for one frame. */
struct room {
	u16 heads;
	u16 steps;		/* to go back */
	u32 iovs;
	u32 segs;
	u64 len;
};

struct rx {
	struct vxdp_queue *q;
	struct vxdp_ring *ring;
	u32 used;		/* entries of scratch->used that wait to be published */
	u32 frames;
	u32 bytes;
	u32 descs;
};

static bool mergeable(const struct vxdp_queue *q)
{
	return q->features & (1ULL << VIRTIO_NET_F_MRG_RXBUF);
}

static void give_back(struct rx *rx, struct room *room)
{
	vxdp_vring_rewind(&rx->ring->vr, room->steps);
	room->heads = 0;
	room->steps = 0;
}

static int take_chain(struct rx *rx, struct room *room, u64 need)
{
	struct vxdp_scratch *s = rx->q->scratch;
	struct vxdp_vring *vr = &rx->ring->vr;
	struct vxdp_chain chain = {
		.iov = s->iov + room->iovs,
		.iov_max = VXDP_CHAIN_IOV_MAX - room->iovs,
		.seg = vr->log_all || vxdp_fast_possible(rx->q) ?
		       s->seg + room->segs : NULL,
	};
	int ret = vxdp_vring_next(vr, &chain);

	rx->descs++;
	if (ret <= 0)
		return ret;
	rx->descs += chain.desc_num;
	room->heads++;
	room->steps += vxdp_vring_steps(vr, chain.head);
	if (chain.out_num) {
		vr->error = VHOST_XDP_STAT_RING_ORDER;
		return -EINVAL;
	}
	s->used[rx->used + room->heads - 1] = (struct vxdp_used){
		.id = chain.head,
		.len = min(need - room->len, chain.in_len),
	};
	room->iovs += chain.in_num;
	room->segs += chain.seg_num;
	room->len += chain.in_len;
	return 1;
}

/* For a long frame: buffers that are one piece each, many at a time. */
static void take_plain(struct rx *rx, struct room *room, u64 need)
{
	struct vxdp_scratch *s = rx->q->scratch;
	struct vxdp_plain *chain = s->plain;
	u32 n, i;

	do {
		n = min_t(u32, ARRAY_SIZE(s->plain), VXDP_CHAIN_IOV_MAX - room->iovs);
		n = vxdp_plain_next(&rx->ring->vr, chain, n, VRING_DESC_F_WRITE, 1, PLAIN_MAX);
		for (i = 0; i < n && room->len < need; i++) {
			s->used[rx->used + room->heads++] = (struct vxdp_used){
				.id = chain[i].head,
				.len = min_t(u64, need - room->len, chain[i].len),
			};
			s->iov[room->iovs++] = vxdp_iovec(chain[i].uaddr, chain[i].len);
			room->len += chain[i].len;
		}
		rx->descs += i;
		room->steps += i;
		vxdp_vring_rewind(&rx->ring->vr, n - i);
	} while (n && room->len < need);
}

/* DONE: there is room. NONE: there will never be, drop the frame. */
static enum outcome collect(struct rx *rx, struct room *room, u64 need)
{
	int ret;

	*room = (struct room){};
	if (need > PLAIN_FROM && mergeable(rx->q) && !rx->ring->vr.log_all)
		take_plain(rx, room, need);
	while (room->len < need) {
		ret = take_chain(rx, room, need);
		if (ret < 0) {
			give_back(rx, room);
			return BROKEN;
		}
		if (!ret) {
			ret = room->steps == rx->ring->vr.num;
			give_back(rx, room);
			return ret ? NONE : WAIT;
		}
		if (!mergeable(rx->q) && room->len < need) {
			give_back(rx, room);
			return NONE;
		}
	}
	return DONE;
}

/*
 * The guest's buffers have the frame: they are used, and logged. Where the log
 * fails the ring is broken, but the frame is delivered.
 */
static enum outcome commit(struct rx *rx, const struct room *room, u64 len)
{
	struct vxdp_vring *vr = &rx->ring->vr;
	struct vxdp_chain all = {
		.seg = rx->q->scratch->seg,
		.seg_num = room->segs,
	};

	rx->used += room->heads;
	rx->bytes += len;
	/* Buffers come again: the fast lane is to find these next time. */
	if (vxdp_fast_possible(rx->q))
		vxdp_fast_fetch(rx->q, all.seg, room->segs, len);
	if (vr->log_all && !vxdp_vring_log_chain(vr, &all, len) && rx->q->log_fd)
		eventfd_signal(rx->q->log_fd);
	return DONE;
}

static void publish(struct rx *rx)
{
	vxdp_ring_publish(rx->ring, rx->used);
	rx->used = 0;
	if (rx->q->xsk)
		vxdp_xsk_rx_flush(&rx->q->xsk->rx);
}

static enum outcome fault(struct rx *rx, struct room *room)
{
	give_back(rx, room);
	rx->ring->vr.error = VHOST_XDP_STAT_RING_FAULT;
	return BROKEN;
}

/* A frame where it waits. */
struct source {
	const struct vxdp_claim *claim;		/* all zero unless it is a GSO frame */
	const struct vxdp_piece *piece;
	u32 nr;
	u32 len;
	enum vhost_xdp_stat stat;		/* of frames; that of bytes is the next */
};

static bool copy_pieces(const struct source *from, struct iov_iter *it)
{
	const struct vxdp_piece *piece = from->piece;
	u32 nr = from->nr;

	for (; nr; nr--, piece++) {
		if (copy_to_iter(piece->at, piece->len, it) != piece->len)
			return false;
	}
	return true;
}

static enum outcome put_frame(struct rx *rx, const struct source *from)
{
	struct vxdp_queue *q = rx->q;
	u64 need = q->hdr_len + from->len;
	struct vxdp_net_hdr hdr;
	enum outcome ret;
	struct iov_iter it;
	struct room room;

	/* The VMM has changed the features since it came. */
	if (unlikely(!vxdp_claim_fits(from->claim, q->hdr_len)))
		ret = NONE;
	else
		ret = collect(rx, &room, need);
	if (ret == NONE) {
		vxdp_count(q, VHOST_XDP_STAT_RX_DROP_NO_ROOM, 1);
		return DONE;
	}
	if (ret != DONE)
		return ret;

	hdr = vxdp_net_hdr_of(from->claim, room.heads);
	iov_iter_init(&it, ITER_DEST, q->scratch->iov, room.iovs, room.len);
	if (copy_to_iter(&hdr, q->hdr_len, &it) != q->hdr_len || !copy_pieces(from, &it))
		return fault(rx, &room);
	vxdp_stats_packet(q->port->stats, from->stat, from->len);
	return commit(rx, &room, need);
}

static u32 find_pieces(const struct vxdp_frame *frame, struct vxdp_piece *piece)
{
	u32 i;

	piece[0] = (struct vxdp_piece){ frame->data, frame->head };
	for (i = 0; i < frame->nr_frags; i++)
		piece[i + 1] = (struct vxdp_piece){ skb_frag_address(&frame->frag[i]),
						    skb_frag_size(&frame->frag[i]) };
	return i + 1;
}

static enum outcome from_backlog(struct rx *rx)
{
	struct vxdp_piece piece[MAX_SKB_FRAGS + 1];
	struct vxdp_queue *q = rx->q;
	struct vxdp_frame *frame;
	struct source from;
	enum outcome ret;
	u32 weight;

	if (list_empty(&q->rx_held))
		vxdp_backlog_take(&q->backlog, &q->rx_held);
	frame = list_first_entry_or_null(&q->rx_held, struct vxdp_frame, node);
	if (!frame)
		return NONE;
	from = (struct source){
		.claim = &frame->claim,
		.piece = piece,
		.nr = find_pieces(frame, piece),
		.len = frame->len,
		.stat = frame->local ? VHOST_XDP_STAT_RX_LOCAL_PACKETS :
				       VHOST_XDP_STAT_RX_XDP_PACKETS,
	};
	ret = put_frame(rx, &from);
	if (ret == DONE) {
		list_del(&frame->node);
		weight = vxdp_frame_weight(frame);
		vxdp_frame_free(frame);
		vxdp_backlog_done(&q->backlog, weight);
	}
	return ret;
}

static enum outcome from_xsk(struct rx *rx)
{
	static const struct vxdp_claim plain;
	struct vxdp_xsk *x = rx->q->xsk;
	struct vxdp_xsk_frame frame;
	struct source from;
	enum outcome ret;

	if (!x || !vxdp_xsk_peek(x, &frame))
		return NONE;
	from = (struct source){
		.claim = &plain,
		.piece = frame.piece,
		.nr = frame.nr,
		.len = frame.len,
		.stat = VHOST_XDP_STAT_RX_XSK_PACKETS,
	};
	ret = put_frame(rx, &from);
	if (ret == DONE)
		vxdp_xsk_rx_done(&x->rx, &frame);
	return ret;
}

/* No buffers of the guest: it must not see a frame that it has no room for. */
static void discard(struct socket *sock)
{
	struct iov_iter it;
	struct kvec kv;
	u8 byte;

	kv = (struct kvec){ &byte, sizeof(byte) };
	iov_iter_kvec(&it, ITER_DEST, &kv, 1, sizeof(byte));
	vxdp_sock_recv(sock, &it, sizeof(byte));
}

static bool put_num_buffers(struct vxdp_queue *q, struct iov_iter *it, u16 heads)
{
	struct vxdp_net_hdr hdr = { .num_buffers = cpu_to_le16(heads) };

	if (q->vhost_hlen)
		return copy_to_iter(&hdr, q->vhost_hlen, it) == q->vhost_hlen;
	if (q->sock_hlen < sizeof(struct virtio_net_hdr_mrg_rxbuf))
		return true;
	iov_iter_advance(it, offsetof(typeof(hdr), num_buffers));
	return copy_to_iter(&hdr.num_buffers, sizeof(hdr.num_buffers), it) ==
	       sizeof(hdr.num_buffers);
}

/*
 * Who is behind the exception path? Read back from the guest's buffer, so a guest
 * can lie here: it can but have its own frames passed to the host.
 */
static void learn_host(struct vxdp_queue *q, const struct room *room)
{
	struct iov_iter it;
	u8 mac[ETH_ALEN];

	iov_iter_init(&it, ITER_SOURCE, q->scratch->iov, room->iovs, room->len);
	iov_iter_advance(&it, q->hdr_len + ETH_ALEN);
	if (copy_from_iter(mac, ETH_ALEN, &it) == ETH_ALEN && is_valid_ether_addr(mac))
		WRITE_ONCE(q->port->host_mac, vxdp_mac_word(mac));
}

static enum outcome receive(struct rx *rx, struct room *room, int len)
{
	struct vxdp_queue *q = rx->q;
	struct iov_iter it, head;
	int ret;

	iov_iter_init(&it, ITER_DEST, q->scratch->iov, room->iovs, room->len);
	head = it;
	iov_iter_advance(&it, q->vhost_hlen);
	ret = vxdp_sock_recv(rx->ring->backend, &it, q->sock_hlen + len);
	if (ret == -EAGAIN) {
		give_back(rx, room);
		return NONE;
	}
	if (ret) {
		vxdp_count(q, VHOST_XDP_STAT_RX_DROP_SOCK, 1);
		if (ret == -EFAULT)
			return fault(rx, room);
		give_back(rx, room);
		return DONE;
	}
	if (!put_num_buffers(q, &head, room->heads))
		return fault(rx, room);
	if (q->port->xdp)
		learn_host(q, room);
	vxdp_stats_packet(q->port->stats, VHOST_XDP_STAT_RX_SOCK_PACKETS, len);
	return commit(rx, room, q->hdr_len + len);
}

static enum outcome from_sock(struct rx *rx)
{
	int len = vxdp_sock_peek(rx->ring->backend);
	struct room room;
	enum outcome ret;

	if (len <= 0)
		return NONE;
	ret = collect(rx, &room, rx->q->hdr_len + len);
	if (ret == DONE)
		return receive(rx, &room, len);
	if (ret == NONE) {
		discard(rx->ring->backend);
		vxdp_count(rx->q, VHOST_XDP_STAT_RX_DROP_NO_ROOM, 1);
		return DONE;
	}
	return ret;
}

/* WAIT: the guest sees what it has got, and is asked to say when it has room. */
static bool refilled(struct rx *rx)
{
	publish(rx);
	if (!vxdp_vring_enable_kick(&rx->ring->vr))
		return false;
	vxdp_vring_disable_kick(&rx->ring->vr);
	return true;
}

/*
 * The AF_XDP socket or the backlog is the bulk, and they take turns; but must not
 * keep the VMM's socket from its own.
 */
static enum outcome next_frame(struct rx *rx)
{
	bool xsk_first = rx->frames & 1;
	enum outcome ret;

	if (rx->frames % SOCK_TURN == SOCK_TURN - 1) {
		ret = from_sock(rx);
		if (ret != NONE)
			return ret;
	}
	ret = xsk_first ? from_xsk(rx) : from_backlog(rx);
	if (ret == NONE)
		ret = xsk_first ? from_backlog(rx) : from_xsk(rx);
	return ret == NONE ? from_sock(rx) : ret;
}

static bool in_budget(const struct rx *rx)
{
	return rx->frames < VXDP_BUDGET && rx->bytes < VXDP_BUDGET_BYTES &&
	       rx->descs < VXDP_BUDGET_DESCS;
}

/* Return: true where nothing waits any more, and the ring is whole. */
static bool serve(struct rx *rx)
{
	bool again, idle = false;

	vxdp_vring_disable_kick(&rx->ring->vr);
	do {
		switch (next_frame(rx)) {
		case DONE:
			rx->frames++;
			again = true;
			break;
		case WAIT:
			again = refilled(rx);
			break;
		case NONE:
			idle = true;
			fallthrough;
		default:
			again = false;
		}
		if (rx->used >= VXDP_USED_BATCH)
			publish(rx);
	} while (again && !rx->ring->vr.error && in_budget(rx));
	publish(rx);
	if (again)
		vxdp_worker_queue(&rx->q->worker, VXDP_WORK_RX);
	return idle && !rx->ring->vr.error;
}

/**
 * vxdp_rx_look() - does the guest use this ring?
 * @q: the queue pair; the receive ring has a backend, its lock held
 *
 * Where it does, programs may put frames into the backlog from now on; where it
 * does not, its first kick will tell. They may also, and then it is looked at here once
 * more, as long as the ring's IOTLB has not said where to look.
 *
 * Context: process, in the VMM's address space.
 * Return: true where it does.
 */
bool vxdp_rx_look(struct vxdp_queue *q)
{
	struct vxdp_vring *vr = &q->ring[VXDP_RING_RX].vr;
	bool live = READ_ONCE(q->rx_live);

	if (live && !q->rx_unseen)
		return true;
	q->rx_unseen = false;
	live = !vxdp_vring_empty(vr) || vxdp_vring_enable_kick(vr);
	WRITE_ONCE(q->rx_live, live);
	return live;
}

/**
 * vxdp_rx_run() - deliver what waits, as far as buffers and budget go
 * @q: the queue pair
 *
 * Context: the worker; takes the receive ring's lock.
 */
void vxdp_rx_run(struct vxdp_queue *q)
{
	struct vxdp_ring *ring = &q->ring[VXDP_RING_RX];
	struct rx rx = { .q = q, .ring = ring };

	mutex_lock(&ring->lock);
	vxdp_fast_end(q);
	if (vxdp_ring_runs(ring)) {
		if (vxdp_rx_look(q) && serve(&rx))
			vxdp_fast_begin(q);
		vxdp_ring_settle(ring);
	}
	mutex_unlock(&ring->lock);
}

/**
 * vxdp_rx_purge() - drop what waits
 * @q: the queue pair; the receive ring's lock held, and nobody puts frames in
 */
void vxdp_rx_purge(struct vxdp_queue *q)
{
	struct vxdp_frame *frame;
	u32 weight = 0, nr;

	lockdep_assert_held(&q->ring[VXDP_RING_RX].lock);
	vxdp_backlog_take(&q->backlog, &q->rx_held);
	list_for_each_entry(frame, &q->rx_held, node)
		weight += vxdp_frame_weight(frame);
	nr = vxdp_frames_free(&q->rx_held);
	vxdp_backlog_done(&q->backlog, weight);
	if (q->xsk)
		nr += vxdp_xsk_purge(q->xsk);
	vxdp_count(q, VHOST_XDP_STAT_RX_DROP_STOPPED, nr);
}
