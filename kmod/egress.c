// SPDX-License-Identifier: GPL-2.0
/*
 * egress.c - a batch of frames through the egress program, and on to where it
 * says: the uplink, a redirect target, the VMM's socket, or nowhere.
 *
 * The program runs with softirqs off, as in a driver. What may sleep, the socket,
 * has its turn after the batch.
 */
#include <linux/filter.h>
#include "buf.h"
#include "egress.h"
#include "kfunc.h"
#include "sock.h"
#include "uplink.h"

/* How long after a GSO frame its flow's plain frames go the same way. */
#define SKBS_AFTER_GSO	(HZ / 50)

/*
 * After so many offers to other ports, softirqs have their turn before the next frame.
 * A batch in which each frame has one receiver does not get there, but for long ones.
 */
#define COPIES_MAX	VXDP_TX_BATCH

DEFINE_PER_CPU(struct vxdp_egress *, vxdp_egress_now);

/* Bytes that the program has put in front; negative: taken away. */
static int shift_of(const struct vxdp_egress *e)
{
	return e->slot->frame->data - e->xdp.data;
}

/**
 * vxdp_egress_gso() - find the headers of a GSO frame again: a program has had its
 * hands on it
 * @e: the frame
 * @gso: out: its shape
 * @claim: out: what is said of it, where it begins now
 *
 * Return: false where they are in no order any more, or there is nothing left to cut of a
 * frame in a tunnel.
 */
bool vxdp_egress_gso(const struct vxdp_egress *e, struct vxdp_gso *gso,
		     struct vxdp_claim *claim)
{
	const struct xdp_buff *xdp = &e->xdp;

	*claim = e->slot->claim;
	vxdp_claim_shift(claim, shift_of(e));
	return !vxdp_gso_parse(gso, claim, xdp->data, xdp->data_end - xdp->data,
			       xdp_get_buff_len(xdp)) &&
	       !vxdp_gso_is_whole_in_tunnel(gso);
}

static struct vxdp_frame *copy(const struct xdp_buff *xdp, u32 len)
{
	struct vxdp_frame *frame = vxdp_frame_alloc(len, GFP_ATOMIC);

	if (frame)
		vxdp_buff_read(xdp, 0, frame->data, len);
	return frame;
}

/**
 * vxdp_egress_copy_to_host() - have a copy go by the exception path as well
 * @e: the frame; a GSO frame goes whole, its header in front
 *
 * Once a frame; more often has no effect.
 *
 * Context: softirqs off.
 * Return: 0, -EMSGSIZE, -ENOMEM; -EINVAL where vxdp_egress_gso() gives false.
 */
int vxdp_egress_copy_to_host(struct vxdp_egress *e)
{
	struct xdp_buff *xdp = &e->xdp;
	u32 len = xdp_get_buff_len(xdp);
	struct vxdp_claim claim;
	struct vxdp_frame *frame;
	struct vxdp_gso gso;

	if (e->to_host)
		return 0;
	if (vxdp_slot_is_gso(e->slot)) {
		if (!vxdp_egress_gso(e, &gso, &claim))
			return -EINVAL;
		claim = vxdp_gso_claim(&gso, &claim);
		frame = vxdp_frame_share(xdp, &claim, GFP_ATOMIC);
		e->slot->flags |= VXDP_SLOT_SHARED;
	} else if (len > VHOST_XDP_FRAME_MAX) {
		vxdp_count(e->q, VHOST_XDP_STAT_TX_DROP_OVERSIZE, 1);
		return -EMSGSIZE;
	} else {
		frame = copy(xdp, len);
	}
	if (!frame) {
		vxdp_count(e->q, VHOST_XDP_STAT_TX_DROP_NOMEM, 1);
		return -ENOMEM;
	}
	list_add_tail(&frame->node, &e->q->host_frames);
	e->to_host = true;
	return 0;
}

static void drop(struct vxdp_queue *q, struct vxdp_tx_slot *slot, enum vhost_xdp_stat why)
{
	vxdp_count(q, why, 1);
	vxdp_slot_free(slot);
}

/* Beginnings of frames that a batch remembers what the program said of; power of two. */
#define REPEATS		8

/* What the program said with VHOST_XDP_META_REPEAT that it would do again in this batch. */
struct repeat {
	u64 to;		/* destination, the source's first two bytes */
	u64 from;	/* the source, the EtherType */
	u32 act;	/* XDP_TX; XDP_DROP: to @port; 0: nothing is remembered here */
	u32 port;
};
static_assert(ETH_HLEN - sizeof(u64) == ETH_ALEN);

/* A batch on its way through the program; on the stack. */
struct batch {
	struct vxdp_egress e;
	struct net_device *dev;
	struct bpf_prog *prog;
	u64 host_mac;
	struct repeat repeat[REPEATS];
	bool more;		/* the frame at hand is not the last */
	struct vxdp_out out;
	void *done;		/* a page; @nr_done pieces of it are to be given back */
	u32 nr_done;
	u32 local;
	u64 local_bytes;
	bool redirected;
	bool host;
};

static __always_inline u64 word_at(const void *p)
{
	return get_unaligned((const u64 *)p);
}

/* By the last byte of the destination. */
static __always_inline struct repeat *repeat_at(struct batch *b, u64 to)
{
	return &b->repeat[(to >> 8 * (ETH_ALEN - 1)) % REPEATS];
}

/* Return: what was done with one like it, or NULL: the program is to be asked. */
static __always_inline const struct repeat *find_repeat(struct batch *b,
							 const struct vxdp_tx_slot *slot)
{
	const void *eth = slot->frame->data;
	const u64 to = word_at(eth);
	const struct repeat *r = repeat_at(b, to);

	if (!r->act || r->to != to || r->from != word_at(eth + ETH_ALEN) ||
	    unlikely(vxdp_slot_is_gso(slot)))
		return NULL;
	return r;
}

static u32 meta_flags(const struct batch *b, const struct vxdp_tx_slot *slot, const void *data)
{
	u32 flags = 0;

	if (vxdp_slot_is_gso(slot))
		flags |= VHOST_XDP_META_GSO;
	if (b->host_mac && vxdp_mac_word(data) == b->host_mac)
		flags |= VHOST_XDP_META_TO_HOST;
	return flags;
}

/* Its word counts only where what it did is what is going to be done again. */
static void remember(struct batch *b, u32 act)
{
	const struct xdp_frame *frame = b->e.slot->frame;
	const struct xdp_buff *xdp = &b->e.xdp;
	u32 port = b->e.port;
	u64 to;

	if (act == XDP_TX ? port : act != XDP_DROP || !port || port == VHOST_XDP_PORT_HOST)
		return;
	/* Of frags it does not show here whether they are all there still. */
	if (xdp->data != frame->data || xdp->data_end != frame->data + frame->len ||
	    xdp_frame_has_frags(frame) || vxdp_slot_is_gso(b->e.slot))
		return;
	to = word_at(frame->data);
	*repeat_at(b, to) = (struct repeat){
		.to = to,
		.from = word_at(frame->data + ETH_ALEN),
		.act = act,
		.port = port,
	};
}

/* What program and kfunc have of a frame. */
static __always_inline void show(struct batch *b, struct vxdp_tx_slot *slot)
{
	const struct xdp_frame *frame = slot->frame;
	struct xdp_buff *xdp = &b->e.xdp;
	u32 len = frame->len, size = frame->frame_sz, flags = frame->flags;
	void *data = frame->data;

	xdp->data_hard_start = (void *)frame;
	xdp->data = data;
	xdp->data_meta = data;
	xdp->data_end = data + len;
	xdp->frame_sz = size;
	xdp->flags = flags;
	b->e.slot = slot;
	b->e.port = 0;
	b->e.offered = false;
	b->e.delivered = false;
	b->e.to_host = false;
}

/* Context: this CPU's vxdp_egress_now is @b's. */
static u32 run_program(struct batch *b, struct vxdp_tx_slot *slot)
{
	struct xdp_frame *frame = slot->frame;
	struct xdp_buff *xdp = &b->e.xdp;
	struct vxdp_queue *q = b->e.q;
	struct vhost_xdp_meta *meta;
	u32 act;

	show(b, slot);
	q->rxq.mem = vxdp_frame_mem(frame);
	meta = xdp->data - sizeof(*meta);
	xdp->data_meta = meta;
	meta->flags = meta_flags(b, slot, meta + 1);
	meta->port = q->port->id;
	/* Not bpf_prog_run_xdp(): XDP_TX has its own meaning here, bond or not. */
	act = bpf_prog_run(b->prog, xdp);
	if (b->more && xdp->data_meta == meta && meta->flags & VHOST_XDP_META_REPEAT)
		remember(b, act);
	/* Ours, not for who receives the frame. */
	xdp->data_meta = xdp->data;
	return act;
}

/*
 * The kernel cuts what is in one tunnel, not what the program has put into another; and
 * what it has trimmed until there is nothing to cut has the marks of a GSO frame still.
 */
static bool tunnel_stands(const struct vxdp_egress *e)
{
	struct vxdp_claim claim;
	struct vxdp_gso gso;

	return !(e->slot->claim.hdr.gso_type & VIRTIO_NET_HDR_GSO_UDP_TUNNEL) ||
	       vxdp_egress_gso(e, &gso, &claim);
}

/*
 * What the program has changed of the frame. It cannot have written over the
 * xdp_frame, which lies below all that it may reach.
 */
static bool take_back(struct batch *b, struct vxdp_tx_slot *slot)
{
	struct xdp_frame *frame = slot->frame;
	struct xdp_buff *xdp = &b->e.xdp;

	if (unlikely(vxdp_slot_is_gso(slot)) && !tunnel_stands(&b->e))
		return false;
	if (likely(xdp->data == frame->data && xdp->data_end == frame->data + frame->len &&
		   xdp->flags == frame->flags))
		return true;
	vxdp_claim_shift(&slot->claim, shift_of(&b->e));
	return !xdp_update_frame_from_buff(xdp, frame);
}

/*
 * A driver's queues for frames and for skbs are not the same, so a TCP flow whose
 * long segments are GSO frames and whose last one is not would overtake itself.
 */
static __always_inline void to_uplink(struct batch *b, struct vxdp_tx_slot *slot)
{
	struct vxdp_queue *q = b->e.q;

	if (likely(!(slot->flags & (VXDP_SLOT_GSO | VXDP_SLOT_CSUM)))) {
		vxdp_uplink_add(&b->out, slot->frame);
	} else if (vxdp_slot_is_gso(slot)) {
		vxdp_uplink_flush(&b->out);
		vxdp_uplink_send_gso(q->port, b->dev, slot->frame, &slot->claim,
				     slot->flags & VXDP_SLOT_SHARED);
		q->skbs_until = jiffies + SKBS_AFTER_GSO;
	} else if (time_before(jiffies, q->skbs_until)) {
		vxdp_uplink_flush(&b->out);
		vxdp_uplink_send_skb(&b->out, slot->frame);
	} else {
		vxdp_uplink_add(&b->out, slot->frame);
	}
}

static void redirect(struct batch *b, struct vxdp_tx_slot *slot)
{
	bool may = vxdp_uplink_may_redirect(&b->e.xdp, vxdp_slot_is_gso(slot));
	u32 len = xdp_get_buff_len(&b->e.xdp);

	if (!may || xdp_do_redirect(b->dev, &b->e.xdp, b->prog)) {
		drop(b->e.q, slot, VHOST_XDP_STAT_TX_DROP_REDIRECT);
		return;
	}
	b->redirected = true;
	vxdp_stats_packet(b->e.q->port->stats, VHOST_XDP_STAT_TX_REDIRECT_PACKETS, len);
}

/* Pieces of a page come one behind the other: given back together. */
static void free_done(struct batch *b, struct vxdp_tx_slot *slot)
{
	void *page = PTR_ALIGN_DOWN((void *)slot->frame, PAGE_SIZE);

	if (unlikely(xdp_frame_has_frags(slot->frame))) {
		vxdp_slot_free(slot);
		return;
	}
	if (page != b->done) {
		vxdp_buf_put_many(b->done, b->nr_done);
		b->done = page;
		b->nr_done = 0;
	}
	b->nr_done++;
}

/* XDP_DROP: it is somebody else's now, or nobody's. */
static void dropped(struct batch *b, struct vxdp_tx_slot *slot)
{
	if (!b->e.offered && !b->e.to_host) {
		drop(b->e.q, slot, VHOST_XDP_STAT_TX_DROP_POLICY);
		return;
	}
	if (b->e.delivered) {
		b->local++;
		b->local_bytes += xdp_get_frame_len(slot->frame);
	}
	free_done(b, slot);
}

/* The program's verdict, or the answer to a frame that it left in disorder. */
static u32 ask(struct batch *b, struct vxdp_tx_slot *slot)
{
	u32 act = run_program(b, slot);

	if ((act == XDP_TX || act == XDP_PASS) && unlikely(!take_back(b, slot)))
		return XDP_ABORTED;
	return act;
}

static void decide(struct batch *b, struct vxdp_tx_slot *slot)
{
	switch (b->prog ? ask(b, slot) : XDP_TX) {
	case XDP_TX:
		to_uplink(b, slot);
		break;
	case XDP_REDIRECT:
		redirect(b, slot);
		break;
	case XDP_PASS:
		slot->flags |= VXDP_SLOT_HOST;
		b->host = true;
		break;
	case XDP_DROP:
		dropped(b, slot);
		break;
	default:
		drop(b->e.q, slot, VHOST_XDP_STAT_TX_DROP_ABORTED);
	}
}

/*
 * The AF_XDP socket sends after the batch. A GSO frame, always the last of its
 * batch, goes at once, as do frames that follow one: what comes before those must
 * not come behind. An uplink may have fewer queues to send by than to receive by.
 */
static struct vxdp_xsk *socket_for(struct vxdp_queue *q, const struct net_device *dev,
				   const struct vxdp_tx_slot *last)
{
	if (likely(!q->xsk) || vxdp_slot_is_gso(last) || time_before(jiffies, q->skbs_until))
		return NULL;
	return q->xsk->nic_queue < READ_ONCE(dev->real_num_tx_queues) ? q->xsk : NULL;
}

/* What the program did with one like it, without the program. */
static __always_inline void repeat(struct batch *b, const struct repeat *r,
				   struct vxdp_tx_slot *slot)
{
	if (likely(r->act == XDP_TX)) {
		to_uplink(b, slot);
		return;
	}
	show(b, slot);
	vxdp_kfunc_deliver_again(&b->e, r->port);
	dropped(b, slot);
}

/* Return: how many frames were dealt with, at least one. */
static u32 decide_each(struct batch *b, struct vxdp_tx_slot *slot, u32 nr)
{
	struct vxdp_queue *q = b->e.q;
	const struct repeat *r;
	u32 i;

	q->rxq.dev = b->dev;
	vxdp_uplink_begin(&b->out, q->port, b->dev, q->scratch->out,
			  socket_for(q, b->dev, &slot[nr - 1]));
	this_cpu_write(vxdp_egress_now, &b->e);
	for (i = 0; i < nr && b->e.copies <= COPIES_MAX; i++) {
		r = find_repeat(b, &slot[i]);
		if (likely(r)) {
			repeat(b, r, &slot[i]);
			continue;
		}
		b->more = i + 1 < nr;
		decide(b, &slot[i]);
	}
	this_cpu_write(vxdp_egress_now, NULL);
	vxdp_uplink_flush(&b->out);
	vxdp_buf_put_many(b->done, b->nr_done);
	if (b->redirected)
		xdp_do_flush();
	if (b->local) {
		vxdp_count(q, VHOST_XDP_STAT_TX_LOCAL_PACKETS, b->local);
		vxdp_count(q, VHOST_XDP_STAT_TX_LOCAL_BYTES, b->local_bytes);
	}
	q->rxq.dev = NULL;
	return i;
}

/* By hand, for it is large, and most of it is written before it is read. */
static __always_inline void begin(struct batch *b, struct vxdp_queue *q)
{
	u32 i;

	b->e.q = q;
	b->e.copies = 0;
	b->e.xdp.rxq = &q->rxq;
	b->e.xdp.txq = NULL;
	for (i = 0; i < REPEATS; i++)
		b->repeat[i].act = 0;
	b->host_mac = READ_ONCE(q->port->host_mac);
	b->done = NULL;
	b->nr_done = 0;
	b->local = 0;
	b->local_bytes = 0;
	b->redirected = false;
	b->host = false;
}

/*
 * The first frames of @nr, as many as may go with softirqs off for so long. Sets
 * @host where one of them is for the socket.
 * Return: how many, at least one.
 */
static u32 decide_some(struct vxdp_queue *q, struct vxdp_tx_slot *slot, u32 nr, bool *host)
{
	struct bpf_net_context ctx_mem, *ctx;
	u32 done = nr, i;
	struct batch b;

	begin(&b, q);
	local_bh_disable();
	ctx = bpf_net_ctx_set(&ctx_mem);
	/*
	 * We are no NAPI, and a frame may have room of the CPU that we ran on before: its
	 * pool's cache is not ours. What is of this CPU the pool finds out by itself.
	 */
	xdp_set_return_frame_no_direct();
	rcu_read_lock();
	b.dev = rcu_dereference(q->port->uplink);
	b.prog = rcu_dereference(q->port->egress);
	if (b.dev)
		done = decide_each(&b, slot, nr);
	for (i = 0; i < nr && !b.dev; i++)
		drop(q, &slot[i], VHOST_XDP_STAT_TX_DROP_NO_UPLINK);
	rcu_read_unlock();
	xdp_clear_return_frame_no_direct();
	bpf_net_ctx_clear(ctx);
	local_bh_enable();
	*host |= b.host;
	return done;
}

/* Return: true where the socket's turn comes. */
static bool decide_all(struct vxdp_queue *q, u32 nr)
{
	bool host = false;
	u32 done;

	done = decide_some(q, q->scratch->slot, nr, &host);
	while (unlikely(done < nr)) {
		cond_resched();
		done += decide_some(q, q->scratch->slot + done, nr - done, &host);
	}
	return host || !list_empty(&q->host_frames);
}

static void sent_to_host(struct vxdp_queue *q, u32 len, int ret)
{
	if (ret)
		vxdp_count(q, VHOST_XDP_STAT_TX_DROP_SOCK, 1);
	else
		vxdp_stats_packet(q->port->stats, VHOST_XDP_STAT_TX_SOCK_PACKETS, len);
}

static u32 fill_kvec(struct kvec *kv, const struct xdp_frame *frame)
{
	struct skb_shared_info *sinfo;
	u32 i, n = 0;

	kv[n++] = (struct kvec){ frame->data, frame->len };
	if (!(frame->flags & XDP_FLAGS_HAS_FRAGS))
		return n;
	sinfo = xdp_get_shared_info_from_frame(frame);
	for (i = 0; i < sinfo->nr_frags; i++)
		kv[n++] = (struct kvec){ skb_frag_address(&sinfo->frags[i]),
					 skb_frag_size(&sinfo->frags[i]) };
	return n;
}

/* The socket has the header that the VMM agreed with it: put it in front. */
static void pass(struct vxdp_queue *q, struct vxdp_tx_slot *slot)
{
	u32 len = xdp_get_frame_len(slot->frame), n;
	struct vxdp_net_hdr hdr = {};
	struct kvec kv[MAX_SKB_FRAGS + 2];
	struct iov_iter it;

	if (vxdp_slot_is_gso(slot)) {
		if (!q->sock_hlen) {
			drop(q, slot, VHOST_XDP_STAT_TX_DROP_NO_SOCK);
			return;
		}
		hdr = vxdp_net_hdr_of(&slot->claim, 0);
		hdr.hdr.hdr_len = 0;
	}
	kv[0] = (struct kvec){ &hdr, q->sock_hlen };
	n = fill_kvec(kv + 1, slot->frame) + 1;
	iov_iter_kvec(&it, ITER_SOURCE, kv, n, len + q->sock_hlen);
	sent_to_host(q, len, vxdp_sock_send(q->ring[VXDP_RING_TX].backend, &it));
	vxdp_slot_free(slot);
}

static void pass_copy(struct vxdp_queue *q, struct vxdp_frame *frame)
{
	struct vxdp_net_hdr hdr = vxdp_net_hdr_of(&frame->claim, 0);
	struct kvec kv[MAX_SKB_FRAGS + 2];
	struct iov_iter it;
	u32 i;

	if (hdr.hdr.gso_type != VIRTIO_NET_HDR_GSO_NONE && !q->sock_hlen) {
		vxdp_count(q, VHOST_XDP_STAT_TX_DROP_NO_SOCK, 1);
		return;
	}
	kv[0] = (struct kvec){ &hdr, q->sock_hlen };
	kv[1] = (struct kvec){ frame->data, frame->head };
	for (i = 0; i < frame->nr_frags; i++)
		kv[i + 2] = (struct kvec){ skb_frag_address(&frame->frag[i]),
					   skb_frag_size(&frame->frag[i]) };
	iov_iter_kvec(&it, ITER_SOURCE, kv, i + 2, q->sock_hlen + frame->len);
	sent_to_host(q, frame->len, vxdp_sock_send(q->ring[VXDP_RING_TX].backend, &it));
}

static void pass_copies(struct vxdp_queue *q)
{
	struct vxdp_frame *frame;

	list_for_each_entry(frame, &q->host_frames, node)
		pass_copy(q, frame);
	vxdp_frames_free(&q->host_frames);
}

/**
 * vxdp_egress_run() - send what is in the slots, in order
 * @q: the queue pair; scratch->slot holds the frames, which are gone afterwards
 * @nr: how many, at most VXDP_TX_BATCH
 *
 * Context: the worker, the transmit ring's lock held, the ring running.
 */
void vxdp_egress_run(struct vxdp_queue *q, u32 nr)
{
	bool host;
	u32 i;

	lockdep_assert_held(&q->ring[VXDP_RING_TX].lock);
	if (!nr)
		return;
	host = decide_all(q, nr);
	if (q->xsk)
		vxdp_xsk_kick(q->xsk);
	if (!host)
		return;
	for (i = 0; i < nr; i++) {
		if (q->scratch->slot[i].flags & VXDP_SLOT_HOST)
			pass(q, &q->scratch->slot[i]);
	}
	pass_copies(q);
}
