// SPDX-License-Identifier: GPL-2.0
/*
 * fast.c - the receive lane that needs no worker: who owns the ring, and when the
 * guest is told. The frames themselves are put in by put.h and put.c.
 *
 * The receive ring has one owner at a time. While fast.on, it is whoever holds
 * fast.pages.lock with softirqs off; otherwise the holder of the ring's mutex. The
 * mutex's holder takes it over by vxdp_fast_end() and gives it back by
 * vxdp_fast_begin(), which the worker does when nothing waits any more. The ring's
 * state moves along: from vr to fast and back.
 *
 * Frames that find the ring in other hands, or cannot be put in, go to the backlog,
 * and while anything is in there all do: so their order is kept. Whoever puts
 * something into the backlog takes the ring from softirqs afterwards, by
 * vxdp_fast_yield(); vxdp_fast_begin() gives it back, under the same lock, only
 * where the backlog is empty. So the ring is never softirqs' with a frame waiting,
 * after that frame's program has ended, and only then does the next of its flow run.
 *
 * Used elements are written at once, the used index and the call eventfd once a
 * round: a NAPI of ours, which the one that receives has scheduled and which is
 * polled behind it, in the same run of the softirq, publishes for every queue pair
 * that has got something on its CPU. A frame that seems to be alone does not wait for
 * that. The barriers are those of core/vring.c: (B) is in vxdp_fast_more(), (C) and
 * (E) in publish().
 *
 * What is written is logged where the VMM wants it: buffers with each frame, under the
 * lock that the frame was put in under; the used ring with publish(), which comes
 * before anybody else owns the ring, and before a page of the log or of the ring goes.
 * So who has changed the log, by an ioctl or by taking its memory away, finds no write
 * that is not logged. Where a page of the log is not known a frame is the worker's.
 */
#include <linux/eventfd.h>
#include <linux/kernel_stat.h>
#include <linux/moduleparam.h>
#include <linux/netdevice.h>
#include <linux/wait_bit.h>
#include "put.h"

/* For owners that come after the change. */
static bool fast_rx = true;
module_param(fast_rx, bool, 0644);
MODULE_PARM_DESC(fast_rx, "frames go to the guest's buffers where the program runs (default: Y)");

/* Chains that wait to be published at most: this part of the ring. */
#define PENDING_SHARE	4

/* Chains, and buffers of one, whose pages are looked for ahead. */
#define AHEAD_MAX	1024
#define AGAIN_MAX	64
#define AHEAD_CHAIN_MAX	8U
/* Pages faulted in meanwhile. */
#define FAULTS_MAX	128

/* Softirqs off, this CPU; scheduled where it has a queue pair. */
struct flush {
	struct vxdp_queue *first;
	struct napi_struct napi;
};

static DEFINE_PER_CPU(struct flush, flush);
/* A NAPI must have one. */
static struct net_device *flush_dev;

static struct vxdp_ring *rx_ring(struct vxdp_queue *q)
{
	return &q->ring[VXDP_RING_RX];
}

static void count(struct vxdp_queue *q, u32 frames)
{
	struct vxdp_stats __percpu *stats = q->port->stats;
	struct vxdp_fast *f = &q->fast;

	vxdp_stats_add(stats, VHOST_XDP_STAT_RX_XDP_PACKETS, frames);
	vxdp_stats_add(stats, VHOST_XDP_STAT_RX_XDP_BYTES, f->bytes - frames * f->hdr_len);
	vxdp_stats_add(stats, VHOST_XDP_STAT_RX_FAST_PACKETS, frames);
	f->bytes = 0;
	f->uncounted = 0;
}

/*
 * What is written to the used ring is logged before publish() ends, and the ring's
 * owner changes only after that: so nothing is missed, whoever changes the log.
 */
static noinline void log_elements(struct vxdp_queue *q, u32 n)
{
	const size_t elem = sizeof(struct vring_used_elem);
	const struct vxdp_vring *vr = &rx_ring(q)->vr;
	struct vxdp_pages *p = &q->fast.pages;
	u32 first = (u16)(vr->last_used - n) & q->fast.mask;
	u32 run = min(n, vr->num - first);
	u64 at = vr->log_addr + offsetof(struct vring_used, ring);

	if (!vr->log_used)
		return;
	vxdp_pages_log_used(p, vr->log_base, at + first * elem, run * elem);
	if (n > run)
		vxdp_pages_log_used(p, vr->log_base, at, (n - run) * elem);
}

static noinline void log_index(struct vxdp_queue *q)
{
	const struct vxdp_vring *vr = &rx_ring(q)->vr;

	if (vr->log_used)
		vxdp_pages_log_used(&q->fast.pages, vr->log_base,
				    vr->log_addr + offsetof(struct vring_used, idx),
				    sizeof(u16));
	if (q->log_fd)
		eventfd_signal(q->log_fd);
}

/* Context: fast.pages.lock, on. See (C) to (F) in core/vring.c. */
static void publish(struct vxdp_queue *q)
{
	struct vxdp_ring *ring = rx_ring(q);
	struct vxdp_vring *vr = &ring->vr;
	struct vxdp_fast *f = &q->fast;
	u16 n = f->next - f->published;

	if (!n)
		return;
	/* Who sees the frames sees them counted. */
	count(q, n - f->uncounted);
	f->published = f->next;
	vr->last_avail = f->next;
	vr->avail_idx = f->seen_avail;
	vxdp_vring_advance_used(vr, n);
	if (unlikely(f->log))
		log_elements(q, n);
	/* (C) */
	smp_wmb();
	WRITE_ONCE(f->used->idx, vr->last_used);
	if (unlikely(f->log))
		log_index(q);
	if (!ring->call)
		return;
	/* (E) */
	smp_mb();
	if (vxdp_vring_wants_signal(vr, READ_ONCE(f->avail->flags),
				    READ_ONCE(f->avail->ring[vr->num]))) {
		vxdp_count(q, VHOST_XDP_STAT_CALLS, 1);
		eventfd_signal(ring->call);
	}
}

/**
 * vxdp_fast_end_locked() - softirqs own the ring no more
 * @q: the queue pair
 *
 * Context: fast.pages.lock.
 */
void vxdp_fast_end_locked(struct vxdp_queue *q)
{
	lockdep_assert_held(&q->fast.pages.lock);
	if (!q->fast.on)
		return;
	publish(q);
	q->fast.stop = q->fast.next;
	/* Pairs with vxdp_fast_end(): who sees it off sees the ring as we left it. */
	smp_store_release(&q->fast.on, false);
}

/* The worker maps it anew, and with it undoes the old mapping. */
static void area_lost(struct vxdp_pages *p)
{
	struct vxdp_queue *q = container_of(p, struct vxdp_queue, fast.pages);

	vxdp_fast_end_locked(q);
	vxdp_worker_queue(&q->worker, VXDP_WORK_RX);
}

static void flush_queue(struct vxdp_queue *q)
{
	struct vxdp_fast *f = &q->fast;
	bool closing;

	vxdp_lock(&f->pages.lock);
	if (f->on) {
		f->alone = (u16)(f->next - f->published) == 1;
		publish(q);
	}
	/* The next frame is the first of its round, and puts it in a list. */
	f->stop = f->next;
	closing = f->closing;
	f->queued = false;
	/* Not after the unlock: then it may be gone. */
	if (unlikely(closing))
		wake_up_var(&f->queued);
	vxdp_unlock(&f->pages.lock);
}

/*
 * Scheduled by a queue pair's first frame of a round. A CPU that goes leaves its
 * NAPIs to another one, and so its list; nothing is added by a CPU that is not there.
 */
static int flush_queues(struct napi_struct *napi, int budget)
{
	struct flush *f = container_of(napi, struct flush, napi);
	struct vxdp_queue *q;

	while (f->first) {
		q = f->first;
		f->first = q->fast.behind;
		flush_queue(q);
	}
	napi_complete_done(napi, 0);
	return 0;
}

static void enlist(struct vxdp_queue *q)
{
	struct flush *f;

	if (q->fast.queued)
		return;
	q->fast.queued = true;
	f = this_cpu_ptr(&flush);
	q->fast.behind = f->first;
	f->first = q;
	if (!q->fast.behind)
		napi_schedule(&f->napi);
}

/**
 * vxdp_fast_more() - has the driver made more available?
 * @q: the queue pair; softirqs own its ring, or are about to
 *
 * (B) of core/vring.c.
 *
 * Context: fast.pages.lock.
 * Return: false where it has not, or where it lies.
 */
bool vxdp_fast_more(struct vxdp_queue *q)
{
	struct vxdp_fast *f = &q->fast;
	u16 idx = READ_ONCE(f->avail->idx);

	if (idx == f->seen_avail || (u16)(idx - f->next) > f->mask + 1)
		return false;
	f->seen_avail = idx;
	smp_rmb();
	return true;
}

/* Counts the runs of the softirq that NAPIs are polled in. */
static u32 this_round(void)
{
	return this_cpu_read(kstat.softirqs[NET_RX_SOFTIRQ]);
}

/**
 * vxdp_fast_ready() - make ready for the next frames: see @stop in fast.h
 * @q: the queue pair
 * @wire: it is a driver's NAPI that asks
 *
 * After a round with one frame the next one's first frame is taken to be alone too:
 * it is published at once, for half the cost of what is to run after the driver's
 * NAPI. If another one follows in the same round, that is published with the rest of
 * it; so a round is published twice at most.
 *
 * Context: fast.pages.lock. vxdp_fast_done() comes when the frame is put in.
 * Return: false where there can be none.
 */
bool vxdp_fast_ready(struct vxdp_queue *q, bool wire)
{
	struct vxdp_fast *f = &q->fast;
	u16 room, there;

	if (!f->on)
		return false;
	if ((u16)f->next == f->seen_avail && !vxdp_fast_more(q))
		return false;
	f->now = wire && f->alone && !f->queued && f->round != this_round();
	if (f->now) {
		/* On several CPUs by turns, rounds cannot be told apart. */
		f->alone = f->round_cpu == smp_processor_id();
		f->round_cpu = smp_processor_id();
		f->round = this_round();
		return true;
	}
	enlist(q);
	room = f->mask / PENDING_SHARE + 1;
	if ((u16)(f->next - f->published) >= room)
		publish(q);
	there = f->seen_avail - f->next;
	room -= f->next - f->published;
	if (likely(!f->log))
		f->stop = f->next + min(room, there);
	return true;
}

/**
 * vxdp_fast_done() - the first frame after vxdp_fast_ready() is put in
 * @q: the queue pair
 *
 * Context: fast.pages.lock, not given up since.
 */
void vxdp_fast_done(struct vxdp_queue *q)
{
	struct vxdp_fast *f = &q->fast;

	if (!f->now)
		return;
	f->now = false;
	f->stop = f->next;
	publish(q);
}

/* The words of the log that stand for the used ring. The range was checked. */
static struct vxdp_area log_area(const struct vxdp_vring *vr)
{
	u64 first = vr->log_addr / VXDP_LOG_PAGE, last;
	struct vxdp_log_word from, to;

	if (!vr->log_used)
		return (struct vxdp_area){};
	last = (vr->log_addr + vxdp_vring_used_size(vr, vr->num) - 1) / VXDP_LOG_PAGE;
	vxdp_log_word(vr->log_base, first, first, &from);
	vxdp_log_word(vr->log_base, last, last, &to);
	return (struct vxdp_area){ from.addr, to.addr + sizeof(u32) - from.addr };
}

static bool map_ring(struct vxdp_queue *q)
{
	const struct vxdp_vring *vr = &rx_ring(q)->vr;
	const struct vxdp_area want[VXDP_AREAS] = {
		[VXDP_AREA_DESC] = { vr->desc, vxdp_vring_desc_size(vr->num) },
		/* With used_event and avail_event, be they used or not. */
		[VXDP_AREA_AVAIL] = { vr->avail, 6 + 2ULL * vr->num },
		[VXDP_AREA_USED] = { vr->used, vxdp_vring_used_size(vr, vr->num) },
		[VXDP_AREA_LOG] = log_area(vr),
	};
	struct vxdp_pages *p = &q->fast.pages;
	bool same;
	int i;

	if (vr->log_used && !vxdp_log_access_ok(vr->log_base, vr->log_addr,
						vxdp_vring_used_size(vr, vr->num)))
		return false;
	spin_lock_bh(&p->lock);
	same = p->areas_ok;
	for (i = 0; i < VXDP_AREAS; i++)
		same = same && p->area[i].uaddr == want[i].uaddr && p->area[i].len == want[i].len;
	spin_unlock_bh(&p->lock);
	return same || vxdp_pages_map(p, want);
}

/**
 * vxdp_fast_fetch() - fault in what a frame needs, with what of the log stands for it
 * @q: the queue pair
 * @seg: guest-physical ranges, in the memory table
 * @nr: how many
 * @len: bytes that are wanted of them
 *
 * Context: the worker; the receive ring's lock; may sleep.
 * Return: pages that were not known.
 */
u32 vxdp_fast_fetch(struct vxdp_queue *q, const struct vxdp_seg *seg, u32 nr, u64 len)
{
	const struct vxdp_vring *vr = &rx_ring(q)->vr;
	struct vxdp_pages *p = &q->fast.pages;
	u32 i, faults = 0;
	u64 part;

	for (i = 0; i < nr && len; i++) {
		part = min(len, seg[i].len);
		faults += vxdp_pages_fetch(p, seg[i].addr, part);
		if (vr->log_all)
			vxdp_pages_fetch_log(p, vr->log_base, seg[i].addr, part);
		len -= part;
	}
	return faults;
}

/*
 * Fault in what the driver has made available, each chain once, and hold it against
 * the rules: vr.error says where it breaks one. Where a page was not known, those
 * that come next may be gone, too.
 *
 * Whoever waits for the ring's lock, or for the worker, is not to wait for all of it:
 * the worker then comes again for the rest.
 */
static void fetch_buffers(struct vxdp_queue *q)
{
	struct vxdp_vring *vr = &rx_ring(q)->vr;
	struct vxdp_scratch *s = q->scratch;
	struct vxdp_fast *f = &q->fast;
	struct vxdp_chain chain = {
		.iov = s->iov, .iov_max = VXDP_CHAIN_IOV_MAX, .seg = s->seg,
	};
	u32 n, descs = 0, faults = 0, max = f->missed ? AGAIN_MAX : AHEAD_MAX;
	u16 first = vr->last_avail;
	bool rest = false;

	if (!f->missed && (u16)(f->fetched - first) <= (u16)(vr->avail_idx - first))
		vr->last_avail = f->fetched;
	for (n = 0; n < max && !rest && vxdp_vring_next(vr, &chain) > 0; n++) {
		faults += vxdp_fast_fetch(q, chain.seg, min(chain.seg_num, AHEAD_CHAIN_MAX),
					  q->hdr_len + VHOST_XDP_FRAME_MAX);
		descs += chain.desc_num;
		rest = faults >= FAULTS_MAX || descs >= VXDP_BUDGET_DESCS ||
		       (n >= AGAIN_MAX && READ_ONCE(q->worker.pending));
	}
	if (!f->missed) {
		f->fetched = vr->last_avail;
		if (rest)
			vxdp_worker_queue(&q->worker, VXDP_WORK_RX);
	}
	f->missed = false;
	vr->last_avail = first;
}

/* Context: fast.pages.lock, the areas mapped. */
static void take_over(struct vxdp_queue *q)
{
	const struct vxdp_vring *vr = &rx_ring(q)->vr;
	struct vxdp_fast *f = &q->fast;

	f->desc = f->pages.area[VXDP_AREA_DESC].at;
	f->avail = f->pages.area[VXDP_AREA_AVAIL].at;
	f->used = f->pages.area[VXDP_AREA_USED].at;
	f->mask = vr->num - 1;
	f->hdr_len = q->hdr_len;
	f->log = vr->log_all || vr->log_used;
	f->next = vr->last_avail;
	f->stop = f->next;
	f->published = f->next;
	f->shift = vr->last_used - f->next;
	f->seen_avail = vr->avail_idx;
}

/**
 * vxdp_fast_begin() - give the receive ring to softirqs, if nothing speaks against it
 * @q: the queue pair; the receive ring runs and is whole, its lock held
 *
 * Context: the worker, with nothing left to deliver; may sleep.
 */
void vxdp_fast_begin(struct vxdp_queue *q)
{
	struct vxdp_vring *vr = &rx_ring(q)->vr;
	struct vxdp_fast *f = &q->fast;

	lockdep_assert_held(&rx_ring(q)->lock);
	if (!vxdp_fast_possible(q))
		return;
	if (vr->log_all && !vxdp_pages_start_log(&f->pages))
		return;
	fetch_buffers(q);
	if (vr->error || !map_ring(q))
		return;
	spin_lock_bh(&f->pages.lock);
	if (f->pages.areas_ok && !READ_ONCE(q->backlog.len)) {
		take_over(q);
		WRITE_ONCE(f->on, vxdp_put_possible(q));
	}
	spin_unlock_bh(&f->pages.lock);
}

/**
 * vxdp_fast_end() - take the receive ring over from softirqs
 * @q: the queue pair; the receive ring's lock held
 *
 * Afterwards the ring is as if the worker had served it: nothing is pending.
 */
void vxdp_fast_end(struct vxdp_queue *q)
{
	lockdep_assert_held(&rx_ring(q)->lock);
	/* Pairs with end_locked(). */
	if (!smp_load_acquire(&q->fast.on))
		return;
	spin_lock_bh(&q->fast.pages.lock);
	vxdp_fast_end_locked(q);
	spin_unlock_bh(&q->fast.pages.lock);
}

/**
 * vxdp_fast_yield() - a frame is in the backlog: the next ones go there too
 * @q: the queue pair
 *
 * Context: softirq, or softirqs off. Not before the frame is in there, see the top.
 */
void vxdp_fast_yield(struct vxdp_queue *q)
{
	spin_lock(&q->fast.pages.lock);
	vxdp_fast_end_locked(q);
	spin_unlock(&q->fast.pages.lock);
}

/**
 * vxdp_fast_possible() - may softirqs own this queue pair's ring at all?
 * @q: the queue pair
 *
 * Context: the worker, or the owner.
 * Return: true where they may.
 */
bool vxdp_fast_possible(const struct vxdp_queue *q)
{
	const struct vxdp_vring *vr = &q->ring[VXDP_RING_RX].vr;

	/* Packed rings, and those behind an IOTLB, are the worker's. */
	return q->fast.pages.page && !vxdp_vring_packed(vr) && !vr->iotlb;
}

static bool is_queued(struct vxdp_queue *q)
{
	bool queued;

	spin_lock_bh(&q->fast.pages.lock);
	queued = q->fast.queued;
	q->fast.closing = queued;
	spin_unlock_bh(&q->fast.pages.lock);
	return queued;
}

/**
 * vxdp_fast_drain() - wait until no CPU's list has the queue pair
 * @q: the queue pair; not on, and a grace period has passed since
 *
 * Context: process, may sleep.
 */
void vxdp_fast_drain(struct vxdp_queue *q)
{
	wait_var_event(&q->fast.queued, !is_queued(q));
}

/**
 * vxdp_fast_start() - a queue pair has got an owner: make the lane possible
 * @q: the queue pair
 *
 * Context: process, the owner.
 * Return: 0, -ENOMEM, or -ERESTARTNOINTR where a signal came.
 */
int vxdp_fast_start(struct vxdp_queue *q)
{
	/* Not where an AF_XDP socket is the bulk: that is for the worker. */
	return READ_ONCE(fast_rx) && !q->port->xsk ? vxdp_pages_start(&q->fast.pages) : 0;
}

/**
 * vxdp_fast_setup() - prepare a queue pair
 * @q: the queue pair, new
 */
void vxdp_fast_setup(struct vxdp_queue *q)
{
	vxdp_pages_init(&q->fast.pages, area_lost);
}

/**
 * vxdp_fast_init() - at module load
 *
 * Return: 0 or -ENOMEM.
 */
int vxdp_fast_init(void)
{
	struct flush *f;
	int cpu;

	flush_dev = alloc_netdev_dummy(0);
	if (!flush_dev)
		return -ENOMEM;
	for_each_possible_cpu(cpu) {
		f = per_cpu_ptr(&flush, cpu);
		/* By the one that keeps it from being polled by who waits for a socket. */
		netif_napi_add_tx(flush_dev, &f->napi, flush_queues);
		napi_enable(&f->napi);
	}
	return 0;
}

/**
 * vxdp_fast_exit() - at module unload, when no queue pair is left
 */
void vxdp_fast_exit(void)
{
	struct flush *f;
	int cpu;

	for_each_possible_cpu(cpu) {
		f = per_cpu_ptr(&flush, cpu);
		napi_disable(&f->napi);
		__netif_napi_del(&f->napi);
	}
	/* As netif_napi_del() does for each. */
	synchronize_net();
	free_netdev(flush_dev);
}
