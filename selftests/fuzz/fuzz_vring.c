// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz_vring.c - a split virtqueue (kmod/core/vring.c) of a driver that does anything:
 * each chain is what the specification makes of it, or the ring breaks for the right
 * reason; nothing is written but the used ring; each call ends.
 */
#include "world.h"

#define OPS_MAX		512
#define HELD_MAX	256
#define IOV_MAX		12
/* An entry, and a chain of indirect tables of one descriptor in two pieces each. */
#define ACCESSES_MAX	(16 + 3 * (VXDP_CHAIN_DESC_MAX + 1))

struct device {
	struct world w;
	struct vxdp_chain chain;
	u32 iov_max;
	u32 held;
	u16 head[HELD_MAX];	/* of those held */
};

static void chain_ok(const struct device *d, const struct expected *e)
{
	const struct vxdp_chain *c = &d->chain;
	u64 sum[2] = { 0 };
	u32 i;

	MUST(!e->error);
	MUST(c->out_len == e->out_len && c->in_len == e->in_len);
	MUST(c->out_num + c->in_num == e->iovs && e->iovs <= d->iov_max);
	for (i = 0; i < e->iovs; i++) {
		MUST(us_at((u64)c->iov[i].iov_base, c->iov[i].iov_len));
		sum[i >= c->out_num] += c->iov[i].iov_len;
	}
	MUST(sum[0] == c->out_len && sum[1] == c->in_len);
	for (sum[1] = i = 0; c->seg && i < c->seg_num; i++)
		sum[1] += c->seg[i].len;
	MUST(!c->seg || sum[1] == c->in_len);
}

static void take(struct device *d)
{
	struct vxdp_vring *vr = &d->w.vr;
	u16 last = vr->last_avail, ready = d->w.avail->idx - last;
	u16 head = d->w.avail->ring[last % vr->num];
	struct expected e = world_chain(&d->w, head, d->iov_max);
	bool was_broken = vr->error, seen = vr->avail_idx != last;
	int ret;

	world_limit(ACCESSES_MAX);
	ret = vxdp_vring_next(vr, &d->chain);
	world_limit(0);
	if (was_broken || vr->error == VHOST_XDP_STAT_RING_FAULT) {
		MUST(ret < 0);
	} else if (!seen && ready > vr->num) {
		MUST(ret < 0 && vr->error == VHOST_XDP_STAT_RING_AVAIL);
	} else if (!seen && !ready) {
		MUST(!ret && !vr->error);
	} else {
		MUST(e.error ? ret < 0 && vr->error == e.error : ret == 1);
	}
	MUST(vr->last_avail == (u16)(last + (ret == 1)));
	if (ret != 1)
		return;
	MUST(d->chain.head == head);
	chain_ok(d, &e);
	d->head[d->held++ % HELD_MAX] = head;
}

static void give(struct device *d, u32 n)
{
	struct vxdp_used *elem = exactly(NULL, n * sizeof(*elem));
	struct vxdp_vring *vr = &d->w.vr;
	u16 last = vr->last_used;
	u32 i, num = vr->num;
	int ret;

	for (i = 0; i < n; i++)
		elem[i] = (struct vxdp_used){ .id = d->head[i], .len = i * 3 };
	ret = vxdp_vring_add_used(vr, elem, n);
	MUST(ret ? vr->error : n <= num);
	for (i = 0; i < n && !ret; i++) {
		MUST(d->w.used->ring[(u16)(last + i) % num].id == d->head[i]);
		MUST(d->w.used->ring[(u16)(last + i) % num].len == i * 3);
	}
	MUST(ret || d->w.used->idx == (u16)(last + n));
	MUST(ret || !d->w.log || d->w.log[0] & 2);
	d->held -= n;
	memmove(d->head, d->head + n, d->held * sizeof(*d->head));
	free(elem);
}

static void signal(struct device *d)
{
	struct vxdp_vring *vr = &d->w.vr;
	bool event_idx = vxdp_vring_has(vr, VIRTIO_RING_F_EVENT_IDX);
	bool valid = vr->signalled_valid, want;
	u16 old = vr->signalled_used;
	bool ret = vxdp_vring_need_signal(vr);

	if (event_idx)
		want = !valid || (u16)(vr->last_used - d->w.avail->ring[vr->num] - 1) <
				 (u16)(vr->last_used - old);
	else
		want = !(d->w.avail->flags & VRING_AVAIL_F_NO_INTERRUPT);
	if (vxdp_vring_has(vr, VIRTIO_F_NOTIFY_ON_EMPTY) && vr->avail_idx == vr->last_avail)
		want = true;
	MUST(ret == want || (ret && d->w.faults));
}

/* The log holds the pages of low memory only. */
static void log_chain(struct device *d, u64 len)
{
	u32 i;

	if (!d->chain.seg || !d->held)
		return;
	for (i = 0; i < d->chain.seg_num; i++)
		d->w.faults |= d->chain.seg[i].addr >= WORLD_LOG_END;
	MUST(!vxdp_vring_log_chain(&d->w.vr, &d->chain, len) || d->w.vr.error);
}

static void serve(struct device *d, struct feed *f, u8 op)
{
	struct vxdp_vring *vr = &d->w.vr;
	u32 n;

	switch (op) {
	case 0:
	case 1:
		if (d->held < HELD_MAX)
			take(d);
		break;
	case 2:
		give(d, feed_u8(f) % (d->held + 1));
		break;
	case 3:
		n = feed_u8(f) % (d->held + 1);
		vxdp_vring_rewind(vr, n);
		d->held -= n;
		break;
	case 4:
		MUST(vxdp_vring_empty(vr) || !vr->error);
		break;
	case 5:
		MUST(!vxdp_vring_enable_kick(vr) || !vr->error);
		break;
	case 6:
		vxdp_vring_disable_kick(vr);
		break;
	default:
		signal(d);
		log_chain(d, feed_u16(f));
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct feed f = { data, size };
	struct device d = { 0 };
	u32 i;
	u8 op;

	world_make(&d.w, &f, 0);
	op = feed_u8(&f);
	d.iov_max = 1 + op % IOV_MAX;
	d.chain.iov_max = d.iov_max;
	d.chain.iov = exactly(NULL, d.iov_max * sizeof(*d.chain.iov));
	if (op & 0x80)
		d.chain.seg = exactly(NULL, d.iov_max * sizeof(*d.chain.seg));
	for (i = 0; i < OPS_MAX && f.left; i++) {
		op = feed_u8(&f);
		if (op & 8)
			serve(&d, &f, op % 8);
		else
			world_act(&d.w, &f, op % 8);
		world_ok(&d.w);
	}
	free(d.chain.iov);
	free(d.chain.seg);
	world_drop(&d.w);
	return 0;
}
