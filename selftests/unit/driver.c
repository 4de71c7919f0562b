// SPDX-License-Identifier: GPL-2.0
/*
 * driver.c - a guest's driver for one virtqueue. See driver.h.
 */
#include "driver.h"
#include "ktap.h"
#include "random.h"

/* Buffers of small rings lie across two regions of the memory table. */
#define BUFS_SMALL	(GPA_MID - 0x8000)
#define BUFS_LARGE	GPA_HIGH
#define TABLES		(GPA_HIGH + 0xc0000)

#define EXPECT(d, cond)							\
	do {								\
		if (!CHECK(cond))					\
			(d)->failed = true;				\
	} while (0)

u8 driver_out_byte(u64 serial, u32 k)
{
	return serial * 131 + k * 7 + 1;
}

u8 driver_in_byte(u64 serial, u32 k)
{
	return serial * 17 + k * 3 + 5;
}

struct driver_chain *driver_chain(struct driver *d, u64 serial)
{
	return &d->chain[d->head_of[serial % d->num]];
}

void driver_dirty(struct driver *d, u64 gpa, u64 len)
{
	u8 *log;
	u64 page;

	if (!d->logs)
		return;
	log = us_at(UA_LOG, LOG_BYTES);
	for (page = gpa / 4096; page <= (gpa + len - 1) / 4096; page++)
		log[page / 8] |= 1 << page % 8;
}

static u8 *byte_at(u64 gpa)
{
	return guest_at(gpa, 1);
}

/* Nobody but the device writes into what it may write, until it gives it back. */
static void allow(const struct driver_buf *b, bool may)
{
	u64 low = b->gpa < GPA_MID ? min((u64)b->len, GPA_MID - b->gpa) : b->len;

	if (b->gpa >= GPA_HIGH) {
		us_allow(UA_HIGH + (b->gpa - GPA_HIGH), b->len, may);
		return;
	}
	if (b->gpa >= GPA_MID) {
		us_allow(UA_MID + (b->gpa - GPA_MID), b->len, may);
		return;
	}
	us_allow(UA_LOW + b->gpa, low, may);
	if (low < b->len)
		us_allow(UA_MID, b->len - low, may);
}

static void make_bufs(struct driver *d, struct driver_chain *c, u32 max)
{
	u64 base = d->num <= 32 ? BUFS_SMALL : BUFS_LARGE;
	u32 i, j, k = 0;

	c->nr = 1 + random_below(max);
	c->out = random_below(c->nr + 1);
	/* In order is worth something where most are only read. */
	if (d->in_order && random_below(4))
		c->out = c->nr;
	for (i = 0; i < c->nr; i++) {
		struct driver_buf *b = &c->buf[i];

		b->gpa = base + (c->slot * DRIVER_BUFS_MAX + i) * DRIVER_BUF_SIZE;
		b->gpa += random_below(16);
		b->len = 1 + random_below(DRIVER_BUF_SIZE - 16);
		if (i == c->out)
			k = 0;
		for (j = 0; j < b->len; j++, k++)
			*byte_at(b->gpa + j) = i < c->out ? driver_out_byte(c->serial, k) : 0xee;
		driver_dirty(d, b->gpa, b->len);
		if (i >= c->out)
			allow(b, true);
	}
}

u16 driver_flags(const struct driver_chain *c, u32 i)
{
	return (i >= c->out ? D_WRITE : 0) | (i + 1 < c->nr ? D_NEXT : 0);
}

static void split_table(struct driver *d, struct driver_chain *c, u64 gpa)
{
	struct vring_desc *t = guest_at(gpa, c->nr * sizeof(*t));
	u32 i;

	(void)d;
	for (i = 0; i < c->nr; i++)
		guest_desc(t, i, c->buf[i].gpa, c->buf[i].len, driver_flags(c, i), i + 1);
}

static void split_offer(struct driver *d, struct driver_chain *c, u64 table)
{
	u32 i;

	if (table)
		guest_desc(d->g->desc, c->ids[0], table, c->nr * sizeof(struct vring_desc),
			   D_INDIRECT, 0);
	for (i = 0; i < c->nr && !table; i++)
		guest_desc(d->g->desc, c->ids[i], c->buf[i].gpa, c->buf[i].len,
			   driver_flags(c, i), i + 1 < c->nr ? c->ids[i + 1] : 0);
	guest_offer(d->g, c->ids[0]);
}

static bool split_wants_kick(struct driver *d)
{
	const struct vring_used *used = d->g->used;
	u16 new = d->g->avail->idx, old = d->kick_old;

	d->kick_old = new;
	if (d->event_idx)
		return vring_need_event(*(u16 *)&used->ring[d->num], new, old);
	return !(used->flags & VRING_USED_F_NO_NOTIFY);
}

static bool split_next_used(struct driver *d, u32 *id, u32 *len)
{
	const struct vring_used_elem *e = &d->g->used->ring[d->used_seen % d->num];

	*id = e->id;
	*len = e->len;
	return d->used_seen != d->g->used->idx;
}

static u32 split_used(struct driver *d)
{
	return (u16)(d->g->used->idx - d->used_seen);
}

static void split_done(struct driver *d, struct driver_chain *c)
{
	(void)c;
	d->used_seen++;
}

static void split_ask(struct driver *d, u16 delay)
{
	if (d->event_idx)
		d->g->avail->ring[d->num] = d->used_seen + delay;
	else
		d->g->avail->flags = 0;
}

static void split_mute(struct driver *d)
{
	if (!d->event_idx)
		d->g->avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
}

static const struct driver_ops split = {
	.table = split_table,
	.offer = split_offer,
	.wants_kick = split_wants_kick,
	.next_used = split_next_used,
	.used = split_used,
	.done = split_done,
	.ask = split_ask,
	.mute = split_mute,
};

void driver_init(struct driver *d, struct guest *g)
{
	u16 i;

	memset(d, 0, sizeof(*d));
	d->g = g;
	d->num = g->vr.num;
	d->event_idx = vxdp_vring_has(&g->vr, VIRTIO_RING_F_EVENT_IDX);
	d->in_order = vxdp_vring_has(&g->vr, VIRTIO_F_IN_ORDER);
	d->ops = vxdp_vring_packed(&g->vr) ? &driver_packed : &split;
	if (vxdp_vring_packed(&g->vr)) {
		d->used_seen = d->avail_place = g->vr.last_avail;
	} else {
		d->used_seen = g->used->idx;
		d->kick_old = g->avail->idx;
	}
	d->nr_free = d->num;
	for (i = 0; i < d->num; i++)
		d->free[i] = i;
}

static u16 take_free(struct driver *d)
{
	u16 at = random_below(d->nr_free), i = d->free[at];

	d->free[at] = d->free[--d->nr_free];
	return i;
}

static void offer(struct driver *d)
{
	bool indirect = random_below(2);
	u16 id = take_free(d);
	struct driver_chain *c = &d->chain[id];
	u64 table = 0;
	u32 i;

	memset(c, 0, sizeof(*c));
	c->serial = d->offered++;
	c->slot = id;
	c->ids[0] = id;
	make_bufs(d, c, indirect ? DRIVER_BUFS_MAX : min_t(u32, DRIVER_BUFS_MAX, d->nr_free + 1));
	c->descs = indirect ? 1 : c->nr;
	for (i = 1; i < c->descs; i++)
		c->ids[i] = take_free(d);
	if (indirect) {
		/* A descriptor has the same size in both kinds of ring. */
		table = TABLES + c->slot * DRIVER_BUFS_MAX * sizeof(struct vring_desc);
		d->ops->table(d, c, table);
		driver_dirty(d, table, c->nr * sizeof(struct vring_desc));
	}
	d->head_of[c->serial % d->num] = id;
	d->ops->offer(d, c, table);
	d->kick_due = true;
}

static void look_whether_to_kick(struct driver *d)
{
	d->kicked |= d->ops->wants_kick(d);
	d->kick_due = false;
}

static void check_in(struct driver *d, const struct driver_chain *c)
{
	u32 i, j, k = 0;

	for (i = c->out; i < c->nr; i++) {
		for (j = 0; j < c->buf[i].len; j++, k++) {
			u8 want = k < c->used_len ? driver_in_byte(c->serial, k) : 0xee;

			if (*byte_at(c->buf[i].gpa + j) != want) {
				EXPECT(d, !"the buffer holds what the device wrote");
				return;
			}
		}
		allow(&c->buf[i], false);
	}
}

static void done(struct driver *d, struct driver_chain *c, u32 len)
{
	u32 i;

	EXPECT(d, c->taken);
	EXPECT(d, c->serial == d->reaped);
	EXPECT(d, len == c->used_len);
	check_in(d, c);
	for (i = 0; i < c->descs; i++)
		d->free[d->nr_free++] = c->ids[i];
	d->ops->done(d, c);
	c->descs = 0;
	d->reaped++;
}

/* In order it may stand for those before it: they were used to their ends. */
static void reap_one(struct driver *d, u32 id, u32 len)
{
	struct driver_chain *c;

	if (!CHECK(id < d->num) || !CHECK(d->chain[id].descs)) {
		d->failed = true;
		return;
	}
	while (d->in_order && !d->failed) {
		c = driver_chain(d, d->reaped);
		if (c == &d->chain[id])
			break;
		d->skipped++;
		EXPECT(d, c->out == c->nr);
		done(d, c, 0);
	}
	done(d, &d->chain[id], len);
}

void driver_reap(struct driver *d)
{
	u32 id, len;

	while (!d->failed && d->ops->next_used(d, &id, &len))
		reap_one(d, id, len);
}

static void ask_for_interrupt(struct driver *d)
{
	u64 out = d->num - d->nr_free;

	d->delay = 0;
	if (d->event_idx)
		d->delay = d->offered != d->reaped && !random_below(3) ?
			   random_below(vxdp_vring_packed(&d->g->vr) ? out :
					d->offered - d->reaped) : 0;
	d->ops->ask(d, d->delay);
	d->state = DRIVER_ASKED;
}

static void wake_up(struct driver *d)
{
	d->interrupted = false;
	d->state = DRIVER_AWAKE;
	d->ops->mute(d);
	driver_reap(d);
}

void driver_step(struct driver *d)
{
	if (d->kick_due && random_below(2)) {
		look_whether_to_kick(d);
	} else if (d->state == DRIVER_ASKED) {
		d->state = d->ops->used(d) > d->delay ? DRIVER_AWAKE : DRIVER_ASLEEP;
	} else if (d->state == DRIVER_ASLEEP && d->interrupted) {
		wake_up(d);
	} else if (d->nr_free && random_below(3)) {
		offer(d);
	} else if (d->state == DRIVER_AWAKE) {
		if (random_below(2))
			ask_for_interrupt(d);
		else
			driver_reap(d);
	}
}
