// SPDX-License-Identifier: GPL-2.0
/*
 * kfunc.c - bpf_vhost_xdp_deliver(): from an XDP program to a guest.
 *
 * Runs where programs do: in a driver's NAPI, in generic XDP, in a worker that
 * runs the egress program, in BPF_PROG_TEST_RUN; softirqs are off in all of them.
 * A port is found by RCU. Its queue pair is found in a set that is replaced before
 * a grace period and the purge of the backlog, see stop_rx() in queue.c; so a
 * frame put in here is delivered or purged.
 */
#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/module.h>
#include "egress.h"
#include "kfunc.h"
#include "put.h"

/*
 * Frames that a GSO frame may become for each other guest that gets it: enough for
 * 64 KiB at an MSS of 536. All of it happens with softirqs off.
 */
#define LOCAL_SEGS_MAX	128

/* Datagrams of a frame that any receiver takes: the limit of Linux before it was 128. */
#define UDP_WHOLE_MAX	64

static struct vxdp_queue *pick_queue(const struct vxdp_port *port, u32 from)
{
	const struct vxdp_rx_set *set = rcu_dereference(port->rx_set);
	struct vxdp_queue *q;
	u32 i;

	/* The flow's own, or the next that runs: only then flows change queues. */
	for (i = 0; set && i < set->nr; i++) {
		q = READ_ONCE(set->queue[(from + i) % set->nr]);
		if (q && READ_ONCE(q->rx_live))
			return q;
	}
	return NULL;
}

/* Only a look, to save the work: what decides is vxdp_backlog_add(). */
static bool is_full(const struct vxdp_port *port, const struct vxdp_queue *q)
{
	return READ_ONCE(q->backlog.len) >= READ_ONCE(port->conf.backlog);
}

static int refuse(const struct vxdp_port *port, enum vhost_xdp_stat why, int err)
{
	vxdp_stats_add(port->stats, why, 1);
	return err;
}

static int enqueue(struct vxdp_port *port, struct vxdp_queue *q,
		   struct list_head *frames, u32 nr)
{
	if (!vxdp_backlog_add(&q->backlog, frames, nr, READ_ONCE(port->conf.backlog))) {
		vxdp_frames_free(frames);
		return refuse(port, VHOST_XDP_STAT_RX_DROP_BACKLOG, -ENOBUFS);
	}
	/* Not before: see fast.c. */
	vxdp_fast_yield(q);
	vxdp_worker_queue(&q->worker, VXDP_WORK_RX);
	return 0;
}

static void read_stripped(const struct xdp_buff *xdp, struct vxdp_frame *frame)
{
	const u32 macs = 2 * ETH_ALEN;

	vxdp_buff_read(xdp, 0, frame->data, macs);
	vxdp_buff_read(xdp, macs + VLAN_HLEN, frame->data + macs, frame->len - macs);
}

static int deliver(struct vxdp_port *port, struct vxdp_queue *q,
		   const struct xdp_buff *xdp, bool local, bool strip)
{
	u32 len = xdp_get_buff_len(xdp);
	struct vxdp_frame *frame;
	LIST_HEAD(frames);

	if (strip) {
		if (len < VLAN_ETH_HLEN)
			return -EINVAL;
		len -= VLAN_HLEN;
	}
	if (len > VHOST_XDP_FRAME_MAX)
		return refuse(port, VHOST_XDP_STAT_RX_DROP_OVERSIZE, -EMSGSIZE);
	if (vxdp_put(q, xdp, len, strip, local))
		return 0;
	if (is_full(port, q))
		return refuse(port, VHOST_XDP_STAT_RX_DROP_BACKLOG, -ENOBUFS);
	frame = vxdp_frame_alloc(len, GFP_ATOMIC);
	if (!frame)
		return refuse(port, VHOST_XDP_STAT_RX_DROP_NOMEM, -ENOMEM);

	frame->local = local;
	if (strip)
		read_stripped(xdp, frame);
	else
		vxdp_buff_read(xdp, 0, frame->data, len);
	list_add(&frame->node, &frames);
	return enqueue(port, q, &frames, 1);
}

static struct vxdp_frame *cut_segment(const struct vxdp_gso *gso,
				      const struct xdp_buff *xdp, u32 i)
{
	u32 len = vxdp_gso_seg_len(gso, i);
	struct vxdp_frame *frame = vxdp_frame_alloc(len, GFP_ATOMIC);

	if (!frame)
		return NULL;
	frame->local = true;
	vxdp_buff_read(xdp, 0, frame->data, gso->hdr_len);
	vxdp_buff_read(xdp, gso->hdr_len + i * gso->size, frame->data + gso->hdr_len,
		       len - gso->hdr_len);
	vxdp_gso_seg_finish(gso, frame->data, i);
	return frame;
}

static bool takes_whole(const struct vxdp_queue *q, const struct vxdp_gso *gso,
			const struct vxdp_claim *claim)
{
	/* It may change until the frame is in the ring, where it is looked at again. */
	if (!vxdp_claim_fits(claim, READ_ONCE(q->hdr_len)))
		return false;
	if (gso->type == VIRTIO_NET_HDR_GSO_UDP_L4 && vxdp_gso_segs(gso) > UDP_WHOLE_MAX)
		return false;
	return vxdp_taker_takes(&q->taker, &claim->hdr);
}

/*
 * For a guest that takes it: into its buffers, or the backlog. The header is made of
 * what was held against the frame: whatever else the sender has written into its own
 * is no business of this guest's.
 */
static int deliver_whole(struct vxdp_port *port, struct vxdp_queue *q,
			 const struct xdp_buff *xdp, const struct vxdp_gso *gso,
			 const struct vxdp_claim *from)
{
	const struct vxdp_claim claim = vxdp_gso_claim(gso, from);
	struct vxdp_frame *frame;
	LIST_HEAD(frames);

	if (vxdp_put_gso(q, xdp, gso->len, &claim))
		return 0;
	if (is_full(port, q))
		return refuse(port, VHOST_XDP_STAT_RX_DROP_BACKLOG, -ENOBUFS);
	frame = vxdp_frame_share(xdp, &claim, GFP_ATOMIC);
	if (!frame)
		return refuse(port, VHOST_XDP_STAT_RX_DROP_NOMEM, -ENOMEM);
	list_add(&frame->node, &frames);
	return enqueue(port, q, &frames, vxdp_frame_weight(frame));
}

/*
 * A GSO frame of another guest: as it is, or cut for a guest that does not take it. Not
 * inlined, or plain frames would pay for its room on the stack.
 */
static noinline int deliver_gso(struct vxdp_port *port, struct vxdp_queue *q,
				const struct vxdp_egress *e)
{
	const struct xdp_buff *xdp = &e->xdp;
	struct vxdp_claim claim;
	struct vxdp_frame *frame;
	struct vxdp_gso gso;
	LIST_HEAD(frames);
	u32 i, nr;

	if (!vxdp_egress_gso(e, &gso, &claim))
		return -EINVAL;
	if (takes_whole(q, &gso, &claim)) {
		e->slot->flags |= VXDP_SLOT_SHARED;
		return deliver_whole(port, q, xdp, &gso, &claim);
	}
	if (is_full(port, q))
		return refuse(port, VHOST_XDP_STAT_RX_DROP_BACKLOG, -ENOBUFS);
	nr = vxdp_gso_segs(&gso);
	if (nr > LOCAL_SEGS_MAX)
		return refuse(port, VHOST_XDP_STAT_RX_DROP_OVERSIZE, -EMSGSIZE);
	for (i = 0; i < nr; i++) {
		frame = cut_segment(&gso, xdp, i);
		if (!frame) {
			vxdp_frames_free(&frames);
			return refuse(port, VHOST_XDP_STAT_RX_DROP_NOMEM, -ENOMEM);
		}
		list_add_tail(&frame->node, &frames);
	}
	return enqueue(port, q, &frames, nr);
}

/*
 * The flow's own queue pair, or NULL: then pick_queue() is to look. Softirqs are off,
 * which RCU takes for a reader. A queue pair that does not run is not softirqs'
 * either, and gets nothing from vxdp_put(); see stop_rx() in queue.c.
 */
static __always_inline struct vxdp_queue *find_queue(u32 port_id, unsigned long from)
{
	const struct vxdp_rx_set *set;

	set = rcu_dereference_bh(vxdp_rx_slot[port_id % VXDP_RX_SLOTS]);
	if (unlikely(set->port != port_id))
		return NULL;
	if (unlikely(from >= set->nr))
		from %= set->nr;
	return READ_ONCE(set->queue[from]);
}

/*
 * A port was offered the frame, on whichever lane: for the bound on what is copied with
 * softirqs off, long frames count by their length, as in the backlog.
 */
static __always_inline void offered(struct vxdp_egress *e, u32 len, bool delivered)
{
	e->offered = true;
	e->delivered |= delivered;
	e->copies += likely(len <= VHOST_XDP_FRAME_MAX) ? 1 :
		     DIV_ROUND_UP(len, VHOST_XDP_FRAME_MAX);
}

/* A plain frame of another guest. */
static __always_inline bool deliver_local(struct vxdp_egress *e, const struct xdp_buff *xdp,
					  u32 port_id)
{
	struct vxdp_queue *q = find_queue(port_id, e->q->index);
	u32 len = xdp_get_buff_len(xdp);

	if (!q || len > VHOST_XDP_FRAME_MAX || !vxdp_put(q, xdp, len, false, true))
		return false;
	offered(e, len, true);
	return true;
}

/* What is not the usual case of bpf_vhost_xdp_deliver(), which see. */
static noinline int deliver_any(struct xdp_buff *xdp, u32 port_id, u64 flags)
{
	struct vxdp_egress *e = vxdp_egress_current(xdp);
	bool gso = e && vxdp_slot_is_gso(e->slot);
	struct vxdp_port *port;
	struct vxdp_queue *q;
	int ret;

	if (e)
		e->port = e->port || flags ? VHOST_XDP_PORT_HOST : port_id;
	if (flags & ~(VHOST_XDP_DELIVER_STRIP_VLAN | VHOST_XDP_DELIVER_REDIRECT) ||
	    (gso && flags) || (e && flags & VHOST_XDP_DELIVER_REDIRECT))
		return -EINVAL;
	if (port_id == VHOST_XDP_PORT_HOST)
		return e ? vxdp_egress_copy_to_host(e) : -EINVAL;
	if (e && !gso && !flags && deliver_local(e, xdp, port_id))
		return 0;

	rcu_read_lock();
	port = xa_load(&vxdp_ports, port_id);
	if (!port) {
		ret = -ENOENT;
		goto unlock;
	}
	if (flags & VHOST_XDP_DELIVER_REDIRECT &&
	    vxdp_xsk_redirect(port, xdp, flags & VHOST_XDP_DELIVER_STRIP_VLAN)) {
		ret = XDP_REDIRECT;
		goto unlock;
	}
	q = pick_queue(port, e ? e->q->index : xdp->rxq->queue_index);
	if (!q)
		ret = refuse(port, VHOST_XDP_STAT_RX_DROP_STOPPED, -ENETDOWN);
	else if (gso)
		ret = deliver_gso(port, q, e);
	else
		ret = deliver(port, q, xdp, e, flags & VHOST_XDP_DELIVER_STRIP_VLAN);
	if (e && ret != -EINVAL)
		offered(e, xdp_get_buff_len(xdp), !ret);
unlock:
	rcu_read_unlock();
	return ret;
}

/**
 * vxdp_kfunc_deliver_again() - what an egress program would call for the next frame, too
 * @e: the frame, not a GSO frame; this CPU's vxdp_egress_now
 * @port_id: a port's, to be offered it without flags
 *
 * Context: as programs, softirqs off.
 */
void vxdp_kfunc_deliver_again(struct vxdp_egress *e, u32 port_id)
{
	if (unlikely(!deliver_local(e, &e->xdp, port_id)))
		deliver_any(&e->xdp, port_id, 0);
}

/* A frame that is not so simple, or finds the ring locked. */
static noinline int deliver_more(struct vxdp_queue *q, struct xdp_buff *xdp, u32 port_id)
{
	u32 len = xdp_get_buff_len(xdp);

	if (len <= VHOST_XDP_FRAME_MAX && vxdp_put(q, xdp, len, false, false))
		return 0;
	return deliver_any(xdp, port_id, 0);
}

/*
 * The first frame of a round, or any that is logged. The queue pair's lock is held, and
 * not afterwards.
 */
static noinline int deliver_first(struct vxdp_queue *q, struct xdp_buff *xdp, u32 port_id)
{
	bool done = !q->fast.log && vxdp_fast_ready(q, true) &&
		    vxdp_put_simple(&q->fast, xdp->data, xdp->data_end - xdp->data, false, false,
				    NULL);

	if (likely(done))
		vxdp_fast_done(q);
	vxdp_unlock(&q->fast.pages.lock);
	return likely(done) ? 0 : deliver_more(q, xdp, port_id);
}

/* The lock's address is hidden, or it would be kept in a register all the time. */
static __always_inline int deliver_one(struct vxdp_queue *q, struct xdp_buff *xdp,
				       u32 port_id, const void *data, unsigned long len,
				       bool is_short)
{
	struct vxdp_fast *f = &q->fast;

	if (unlikely(xdp_buff_has_frags(xdp)))
		return deliver_more(q, xdp, port_id);
	if (unlikely(!vxdp_trylock(&f->pages.lock)))
		return deliver_more(q, xdp, port_id);
	if (unlikely(f->next == f->stop))
		return deliver_first(q, xdp, port_id);
	if (likely(vxdp_put_simple(f, data, len, is_short, false, NULL))) {
		OPTIMIZER_HIDE_VAR(q);
		vxdp_unlock(&q->fast.pages.lock);
		return 0;
	}
	OPTIMIZER_HIDE_VAR(q);
	vxdp_unlock(&q->fast.pages.lock);
	return deliver_more(q, xdp, port_id);
}

static noinline int deliver_long(struct vxdp_queue *q, struct xdp_buff *xdp, u32 port_id)
{
	return deliver_one(q, xdp, port_id, xdp->data, xdp->data_end - xdp->data, false);
}

/*
 * The usual frame: no call is made on its way, so that no register is saved, but for
 * those at the end. A short one needs fewer of them.
 */
static __always_inline int deliver_usual(struct vxdp_queue *q, struct xdp_buff *xdp,
					 u32 port_id)
{
	const void *data = xdp->data;
	unsigned long len = xdp->data_end - data;

	if (!vxdp_is_short(len))
		return deliver_long(q, xdp, port_id);
	return deliver_one(q, xdp, port_id, data, len, true);
}

__bpf_kfunc_start_defs();

/**
 * bpf_vhost_xdp_deliver() - queue a copy of a frame for a port's guest
 * @ctx: the frame, which stays the caller's
 * @port_id: VHOST_XDP_A_ID, or VHOST_XDP_PORT_HOST in an egress program
 * @flags: VHOST_XDP_DELIVER_*; 0 for a GSO frame
 *
 * See <linux/vhost_xdp.h>, which is the specification.
 *
 * Context: an XDP program; softirqs off.
 * Return: 0, a negative error, or XDP_REDIRECT.
 */
__bpf_kfunc int bpf_vhost_xdp_deliver(struct xdp_md *ctx, u32 port_id, u64 flags)
{
	struct xdp_buff *xdp = (struct xdp_buff *)ctx;
	struct vxdp_queue *q;

	/* One look at both. A port on the xsk lane is not found below. */
	if (unlikely((flags & ~VHOST_XDP_DELIVER_REDIRECT) |
		     (unsigned long)this_cpu_read(vxdp_egress_now)))
		return deliver_any(xdp, port_id, flags);
	q = find_queue(port_id, xdp->rxq->queue_index);
	if (unlikely(!q))
		return deliver_any(xdp, port_id, flags);
	return deliver_usual(q, xdp, port_id);
}

__bpf_kfunc_end_defs();

BTF_KFUNCS_START(kfuncs)
BTF_ID_FLAGS(func, bpf_vhost_xdp_deliver)
BTF_KFUNCS_END(kfuncs)

static const struct btf_kfunc_id_set kfunc_set = {
	.owner = THIS_MODULE,
	.set = &kfuncs,
};

/**
 * vxdp_kfunc_init() - at module load: let XDP programs call it
 *
 * Return: 0, or -ENOENT where the module has no BTF: then no program could ever
 * find the kfunc, though registering it would not say so.
 */
int vxdp_kfunc_init(void)
{
	if (!THIS_MODULE->btf_data_size) {
		pr_err("built without BTF (pahole and vmlinux are needed): no program could deliver\n");
		return -ENOENT;
	}
	return register_btf_kfunc_id_set(BPF_PROG_TYPE_XDP, &kfunc_set);
}
