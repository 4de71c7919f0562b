// SPDX-License-Identifier: GPL-2.0
/*
 * fast.c - the receive lane that needs no worker: the program's call copies the
 * frame into the guest's buffer, once.
 *
 * The receive ring has one owner at a time. While fast.on, it is whoever holds
 * fast.pages.lock with softirqs off; otherwise the holder of the ring's mutex. The
 * mutex's holder takes it over by vxdp_fast_end() and gives it back by
 * vxdp_fast_begin(), which the worker does when nothing waits any more. Frames that
 * find the ring in other hands, or cannot be put by the simple rules here, go to
 * the backlog, and while anything is in there all do: so their order is kept.
 *
 * What is out of the ordinary is left to the worker, which finds it again and knows
 * all the rules: an empty ring, a page that is not there, an indirect table, a
 * dirty log, any mistake of the guest's.
 *
 * Used elements are written at once, the used index and the call eventfd once a
 * round: a tasklet, which softirqs run after the NAPI that raised it, publishes
 * for every queue pair that has got something on its CPU.
 */
#include <linux/eventfd.h>
#include <linux/interrupt.h>
#include <linux/moduleparam.h>
#include <linux/unaligned.h>
#include <linux/wait_bit.h>
#include "queue.h"

/*
 * For owners that come after the change. Off until a nested guest has run on it for
 * longer than it has: see docs/design.md.
 */
static bool fast_rx;
module_param(fast_rx, bool, 0644);
MODULE_PARM_DESC(fast_rx, "frames go to the guest's buffers where the program runs (default: N)");

/* Chains that wait for the tasklet at most: this part of the ring. */
#define PENDING_SHARE	4

/* Buffers one frame may need here; more are the worker's. */
#define PIECES_MAX	24
#define CHAIN_MAX	8

struct flush {
	struct list_head queues;	/* softirqs off, this CPU */
	struct tasklet_struct tasklet;
};

static DEFINE_PER_CPU(struct flush, flush);

/* Where a frame goes: pieces of the guest's buffers. */
struct place {
	u32 nr;
	u32 heads;
	u16 avail;
	struct piece {
		void *at;
		u32 len;
	} piece[PIECES_MAX];
	struct vxdp_used used[PIECES_MAX];
};

static struct vxdp_ring *rx_ring(struct vxdp_queue *q)
{
	return &q->ring[VXDP_RING_RX];
}

static void *area(const struct vxdp_queue *q, enum vxdp_area_index i)
{
	return q->fast.pages.area[i].at;
}

/* Context: fast.pages.lock, on. See (C) to (F) in core/vring.c. */
static void publish(struct vxdp_queue *q)
{
	struct vxdp_ring *ring = rx_ring(q);
	struct vring_avail *avail = area(q, VXDP_AREA_AVAIL);
	struct vring_used *used = area(q, VXDP_AREA_USED);
	struct vxdp_vring *vr = &ring->vr;

	if (!q->fast.pending)
		return;
	q->fast.pending = 0;
	/* (C) */
	smp_wmb();
	WRITE_ONCE(used->idx, vr->last_used);
	if (!ring->call)
		return;
	/* (E) */
	smp_mb();
	if (vxdp_vring_wants_signal(vr, READ_ONCE(avail->flags),
				    READ_ONCE(avail->ring[vr->num]))) {
		vxdp_count(q, VHOST_XDP_STAT_CALLS, 1);
		eventfd_signal(ring->call);
	}
}

/* Context: fast.pages.lock. */
static void end_locked(struct vxdp_queue *q)
{
	lockdep_assert_held(&q->fast.pages.lock);
	if (!q->fast.on)
		return;
	publish(q);
	/* Pairs with vxdp_fast_end(): who sees it off sees the ring as we left it. */
	smp_store_release(&q->fast.on, false);
}

/* The worker maps it anew, and with it undoes the old mapping. */
static void area_lost(struct vxdp_pages *p)
{
	struct vxdp_queue *q = container_of(p, struct vxdp_queue, fast.pages);

	end_locked(q);
	vxdp_worker_queue(&q->worker, VXDP_WORK_RX);
}

/*
 * Raised by a queue pair's first frame of a round. Softirqs that were raised while
 * they ran have another pass, where this one comes before NET_RX.
 *
 * A CPU that goes leaves its tasklet, and so its list, to another one; nothing is
 * added by a CPU that is not there.
 */
static void flush_queues(struct tasklet_struct *t)
{
	struct flush *f = from_tasklet(f, t, tasklet);
	struct vxdp_queue *q;
	bool closing;

	while (!list_empty(&f->queues)) {
		q = list_first_entry(&f->queues, struct vxdp_queue, fast.node);
		spin_lock(&q->fast.pages.lock);
		list_del(&q->fast.node);
		if (q->fast.on)
			publish(q);
		closing = q->fast.closing;
		q->fast.queued = false;
		/* Not after the unlock: then it may be gone. */
		if (closing)
			wake_up_var(&q->fast.queued);
		spin_unlock(&q->fast.pages.lock);
	}
}

static void raise(struct vxdp_queue *q)
{
	struct flush *f;

	if (q->fast.queued)
		return;
	q->fast.queued = true;
	f = this_cpu_ptr(&flush);
	list_add_tail(&q->fast.node, &f->queues);
	tasklet_hi_schedule(&f->tasklet);
}

/* Return: user address of a buffer in one region, or 0. */
static u64 translate(const struct vxdp_memory *mem, u64 gpa, u32 len)
{
	const struct vhost_memory_region *r = mem->region;
	struct iovec iov;

	/* Nearly all of a guest's memory is in one region, often the first. */
	if (likely(mem->nr && gpa - r->guest_phys_addr < r->memory_size &&
		   r->memory_size - (gpa - r->guest_phys_addr) >= len))
		return gpa - r->guest_phys_addr + r->userspace_addr;
	if (vxdp_memory_translate(mem, gpa, len, &iov, 1) != 1)
		return 0;
	return (u64)iov.iov_base;
}

static bool add_buffer(struct vxdp_queue *q, struct place *to, u64 gpa, u32 len)
{
	u64 uaddr = translate(rx_ring(q)->vr.mem, gpa, len);
	u32 part;
	void *at;

	/* The first page is none that is remembered. */
	if (uaddr < PAGE_SIZE)
		return false;
	while (len) {
		at = vxdp_pages_find(&q->fast.pages, uaddr);
		if (!at)
			q->fast.missed = true;
		if (!at || to->nr == PIECES_MAX)
			return false;
		part = min_t(u32, len, PAGE_SIZE - offset_in_page(uaddr));
		to->piece[to->nr++] = (struct piece){ at, part };
		uaddr += part;
		len -= part;
	}
	return true;
}

/* Only what is needed of it; more would be pages that nobody touches. */
static bool add_chain(struct vxdp_queue *q, struct place *to, u16 head, u32 need, u32 *got)
{
	const struct vring_desc *table = area(q, VXDP_AREA_DESC);
	u32 num = rx_ring(q)->vr.num, left = CHAIN_MAX;
	struct vring_desc desc;
	u16 i = head;

	*got = 0;
	while (left--) {
		/* Masked, for speculation ignores the check below. */
		i &= num - 1;
		desc.addr = READ_ONCE(table[i].addr);
		desc.len = READ_ONCE(table[i].len);
		desc.flags = READ_ONCE(table[i].flags);
		if ((desc.flags & (VRING_DESC_F_WRITE | VRING_DESC_F_INDIRECT)) !=
		    VRING_DESC_F_WRITE || !desc.len)
			return false;
		desc.len = min(desc.len, need - *got);
		if (!add_buffer(q, to, desc.addr, desc.len))
			return false;
		*got += desc.len;
		if (*got == need || !(desc.flags & VRING_DESC_F_NEXT))
			return true;
		i = READ_ONCE(table[i].next);
		if (i >= num)
			return false;
	}
	return false;
}

/* (B) of core/vring.c. */
static bool more_avail(struct vxdp_queue *q, u16 next)
{
	const struct vring_avail *avail = area(q, VXDP_AREA_AVAIL);
	struct vxdp_vring *vr = &rx_ring(q)->vr;
	u16 idx = READ_ONCE(avail->idx);

	if (idx == next || (u16)(idx - next) > vr->num)
		return false;
	vr->avail_idx = idx;
	smp_rmb();
	return true;
}

/* Nothing is taken before commit(): where this fails, nothing has happened. */
static bool find_place(struct vxdp_queue *q, struct place *to, u32 need)
{
	const struct vring_avail *avail = area(q, VXDP_AREA_AVAIL);
	struct vxdp_vring *vr = &rx_ring(q)->vr;
	bool merge = vxdp_vring_has(vr, VIRTIO_NET_F_MRG_RXBUF);
	u32 got;
	u16 head;

	to->nr = 0;
	to->heads = 0;
	to->avail = vr->last_avail;
	while (need) {
		if (to->avail == vr->avail_idx && !more_avail(q, to->avail))
			return false;
		head = READ_ONCE(avail->ring[to->avail & (vr->num - 1)]);
		if (head >= vr->num || to->heads == PIECES_MAX ||
		    !add_chain(q, to, head, need, &got))
			return false;
		to->used[to->heads++] = (struct vxdp_used){ head, got };
		to->avail++;
		need -= got;
		if (need && !merge)
			return false;
	}
	return to->heads + q->fast.pending <= vr->num;
}

static void write_bytes(struct place *to, u32 *piece, u32 *off, const void *from, u32 len)
{
	u32 part;

	while (len) {
		part = min(len, to->piece[*piece].len - *off);
		memcpy(to->piece[*piece].at + *off, from, part);
		from += part;
		len -= part;
		*off += part;
		if (*off == to->piece[*piece].len) {
			*off = 0;
			(*piece)++;
		}
	}
}

static void write_frame(struct vxdp_queue *q, struct place *to,
			const struct xdp_buff *xdp, bool strip)
{
	struct virtio_net_hdr_mrg_rxbuf hdr = { .num_buffers = cpu_to_le16(to->heads) };
	const u32 macs = 2 * ETH_ALEN;
	const struct skb_shared_info *sinfo;
	const void *data = xdp->data;
	u32 piece = 0, off = 0, i;

	write_bytes(to, &piece, &off, &hdr, q->hdr_len);
	if (strip) {
		write_bytes(to, &piece, &off, data, macs);
		data += macs + VLAN_HLEN;
	}
	write_bytes(to, &piece, &off, data, xdp->data_end - data);
	if (likely(!xdp_buff_has_frags(xdp)))
		return;
	sinfo = xdp_get_shared_info_from_buff(xdp);
	for (i = 0; i < sinfo->nr_frags; i++)
		write_bytes(to, &piece, &off, skb_frag_address(&sinfo->frags[i]),
			    skb_frag_size(&sinfo->frags[i]));
}

static void commit(struct vxdp_queue *q, const struct place *to)
{
	struct vring_used *used = area(q, VXDP_AREA_USED);
	struct vxdp_vring *vr = &rx_ring(q)->vr;
	u32 i;

	for (i = 0; i < to->heads; i++) {
		struct vring_used_elem *elem = &used->ring[(vr->last_used + i) & (vr->num - 1)];

		elem->id = to->used[i].id;
		elem->len = to->used[i].len;
	}
	vr->last_avail = to->avail;
	vxdp_vring_advance_used(vr, to->heads);
	q->fast.pending += to->heads;
}

/* Any frame, any buffers. */
static noinline bool put_any(struct vxdp_queue *q, const struct xdp_buff *xdp, u32 len,
			     bool strip)
{
	struct place to __uninitialized;

	/* The linear part has both addresses and the tag, or we are too clever. */
	if (strip && xdp->data_end - xdp->data < VLAN_ETH_HLEN)
		return false;
	if (!find_place(q, &to, q->hdr_len + len))
		return false;
	write_frame(q, &to, xdp, strip);
	commit(q, &to);
	return true;
}

/*
 * What nearly every frame is: in one buffer itself, for one buffer on one page.
 * Return: false where it is not so, or there is none; nothing has happened then.
 */
static __always_inline bool put_simple(struct vxdp_queue *q, const struct xdp_buff *xdp,
				       u32 len)
{
	const struct vring_avail *avail = area(q, VXDP_AREA_AVAIL);
	const struct vring_desc *desc = area(q, VXDP_AREA_DESC);
	struct vring_used *used = area(q, VXDP_AREA_USED);
	struct vxdp_vring *vr = &rx_ring(q)->vr;
	u32 mask = vr->num - 1, need = q->hdr_len + len;
	struct vring_used_elem *elem;
	u64 uaddr;
	void *at;
	u16 head;

	if (xdp_buff_has_frags(xdp) ||
	    (vr->last_avail == vr->avail_idx && !more_avail(q, vr->last_avail)))
		return false;
	head = READ_ONCE(avail->ring[vr->last_avail & mask]);
	if (head > mask)
		return false;
	desc += head & mask;
	if (READ_ONCE(desc->flags) != VRING_DESC_F_WRITE || READ_ONCE(desc->len) < need)
		return false;
	uaddr = translate(vr->mem, READ_ONCE(desc->addr), need);
	if (uaddr < PAGE_SIZE || offset_in_page(uaddr) + need > PAGE_SIZE)
		return false;
	at = vxdp_pages_find(&q->fast.pages, uaddr);
	if (!at)
		return false;

	/* The header: nothing, but one buffer where that is said. */
	put_unaligned(0ULL, (u64 *)at);
	if (q->hdr_len == sizeof(struct virtio_net_hdr))
		put_unaligned(0, (u16 *)(at + 8));
	else
		put_unaligned_le32(1U << 16, at + 8);
	memcpy(at + q->hdr_len, xdp->data, len);
	elem = &used->ring[vr->last_used & mask];
	WRITE_ONCE(elem->id, head);
	WRITE_ONCE(elem->len, need);
	vr->last_avail++;
	vxdp_vring_advance_used(vr, 1);
	q->fast.pending++;
	return true;
}

static __always_inline bool put(struct vxdp_queue *q, const struct xdp_buff *xdp, u32 len,
				bool strip)
{
	return (!strip && put_simple(q, xdp, len)) || put_any(q, xdp, len, strip);
}

/**
 * vxdp_fast_put() - put a frame into the guest's buffers, if that is simple
 * @q: whose guest
 * @xdp: the frame
 * @len: its length, without the tag where that is left out
 * @strip: leave out the VLAN tag
 * @local: another guest sent it
 *
 * Context: softirq, or softirqs off.
 * Return: false where it is the backlog's.
 */
bool vxdp_fast_put(struct vxdp_queue *q, const struct xdp_buff *xdp, u32 len,
		   bool strip, bool local)
{
	bool done = false;

	if (!READ_ONCE(q->fast.on))
		return false;
	spin_lock(&q->fast.pages.lock);
	if (likely(q->fast.on && !READ_ONCE(q->backlog.len))) {
		done = put(q, xdp, len, strip);
		if (unlikely(!done))
			end_locked(q);
		else if (q->fast.pending > rx_ring(q)->vr.num / PENDING_SHARE)
			publish(q);
		else
			raise(q);
	}
	spin_unlock(&q->fast.pages.lock);
	if (done)
		vxdp_stats_packet(q->port->stats,
				  local ? VHOST_XDP_STAT_RX_LOCAL_PACKETS :
					  VHOST_XDP_STAT_RX_XDP_PACKETS, len);
	return done;
}

/*
 * Would the next frame find a place? A guest whose buffers are of a kind that is
 * the worker's is left to it, at no cost for each frame.
 */
static bool try(struct vxdp_queue *q)
{
	struct place to;

	return find_place(q, &to, q->hdr_len + ETH_ZLEN);
}

static bool map_ring(struct vxdp_queue *q)
{
	const struct vxdp_vring *vr = &rx_ring(q)->vr;
	const struct vxdp_area want[VXDP_AREAS] = {
		[VXDP_AREA_DESC] = { vr->desc, vxdp_vring_desc_size(vr->num) },
		/* With used_event and avail_event, be they used or not. */
		[VXDP_AREA_AVAIL] = { vr->avail, 6 + 2ULL * vr->num },
		[VXDP_AREA_USED] = { vr->used, vxdp_vring_used_size(vr, vr->num) },
	};
	struct vxdp_pages *p = &q->fast.pages;
	bool same;
	int i;

	spin_lock_bh(&p->lock);
	same = p->areas_ok;
	for (i = 0; i < VXDP_AREAS; i++)
		same = same && p->area[i].uaddr == want[i].uaddr && p->area[i].len == want[i].len;
	spin_unlock_bh(&p->lock);
	return same || vxdp_pages_map(p, want);
}

/* Fault in what the driver has made available: of each chain what a frame needs. */
static void fetch_chain(struct vxdp_queue *q, const struct vxdp_chain *chain)
{
	u64 part, left = q->hdr_len + VHOST_XDP_FRAME_MAX;
	u32 i;

	for (i = 0; i < chain->in_num && i < CHAIN_MAX && left; i++) {
		part = min_t(u64, chain->iov[i].iov_len, left);
		if (!vxdp_pages_fetch(&q->fast.pages, (u64)chain->iov[i].iov_base, part))
			return;
		left -= part;
	}
}

static void fetch_buffers(struct vxdp_queue *q)
{
	struct vxdp_vring *vr = &rx_ring(q)->vr;
	struct vxdp_scratch *s = q->scratch;
	struct vxdp_chain chain = { .iov = s->iov, .iov_max = VXDP_CHAIN_IOV_MAX };
	u16 first = vr->last_avail;
	u32 n;

	/* What was looked for before is there, unless one was missed. */
	if (!q->fast.missed &&
	    (u16)(q->fast.fetched - first) <= (u16)(vr->avail_idx - first))
		vr->last_avail = q->fast.fetched;
	q->fast.missed = false;
	for (n = 0; n < VXDP_BUDGET; n++) {
		if (vxdp_vring_next(vr, &chain) <= 0)
			break;
		fetch_chain(q, &chain);
	}
	q->fast.fetched = vr->last_avail;
	vr->last_avail = first;
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

	lockdep_assert_held(&rx_ring(q)->lock);
	if (!q->fast.pages.page || vr->log_all || vr->log_used)
		return;
	fetch_buffers(q);
	if (vr->error || !map_ring(q))
		return;
	spin_lock_bh(&q->fast.pages.lock);
	if (q->fast.pages.areas_ok && !READ_ONCE(q->backlog.len))
		WRITE_ONCE(q->fast.on, try(q));
	spin_unlock_bh(&q->fast.pages.lock);
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
	end_locked(q);
	spin_unlock_bh(&q->fast.pages.lock);
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
	return READ_ONCE(fast_rx) ? vxdp_pages_start(&q->fast.pages) : 0;
}

/**
 * vxdp_fast_setup() - prepare a queue pair
 * @q: the queue pair, new
 */
void vxdp_fast_setup(struct vxdp_queue *q)
{
	INIT_LIST_HEAD(&q->fast.node);
	vxdp_pages_init(&q->fast.pages, area_lost);
}

/**
 * vxdp_fast_init() - at module load
 */
void vxdp_fast_init(void)
{
	struct flush *f;
	int cpu;

	for_each_possible_cpu(cpu) {
		f = per_cpu_ptr(&flush, cpu);
		INIT_LIST_HEAD(&f->queues);
		tasklet_setup(&f->tasklet, flush_queues);
	}
}

/**
 * vxdp_fast_exit() - at module unload, when no queue pair is left
 */
void vxdp_fast_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		tasklet_kill(&per_cpu_ptr(&flush, cpu)->tasklet);
}
