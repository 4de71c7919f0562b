// SPDX-License-Identifier: GPL-2.0
/*
 * driver_packed.c - how a driver writes and reads a packed ring. See driver.h.
 */
#include "driver.h"
#include "random.h"

#define WRAP	0x8000

/* Of a descriptor, what the device may write: length, ID, flags. */
#define USED_OFF	8
#define USED_LEN	8

static u16 next_place(const struct driver *d, u16 place)
{
	if ((place & ~WRAP) + 1u < d->num)
		return place + 1;
	return (place & WRAP) ^ WRAP;
}

static u16 place_after(const struct driver *d, u16 place, u32 n)
{
	while (n--)
		place = next_place(d, place);
	return place;
}

static struct vring_packed_desc *desc_at(const struct driver *d, u16 place)
{
	return &d->g->packed[place & ~WRAP];
}

static bool is_used(const struct driver *d, u16 place)
{
	u16 flags = desc_at(d, place)->flags, want = place & WRAP ? 0x8080 : 0;

	return (flags & 0x8080) == want;
}

/* What is reserved there is noise: the device has to ignore it. */
static void packed_table(struct driver *d, struct driver_chain *c, u64 gpa)
{
	struct vring_packed_desc *t = guest_at(gpa, c->nr * sizeof(*t));
	u32 i;

	(void)d;
	for (i = 0; i < c->nr; i++) {
		t[i] = (struct vring_packed_desc){ .addr = c->buf[i].gpa, .len = c->buf[i].len };
		t[i].id = random_u64();
		t[i].flags = (random_u64() & ~D_WRITE) | (driver_flags(c, i) & D_WRITE);
	}
}

static void packed_offer(struct driver *d, struct driver_chain *c, u64 table)
{
	u16 place = d->avail_place, flags, first = 0;
	u32 i;

	c->place = place;
	for (i = 0; i < c->descs; i++, place = next_place(d, place)) {
		struct vring_packed_desc *desc = desc_at(d, place);

		driver_dirty(d, GPA_RING + (place & ~WRAP) * sizeof(*desc), sizeof(*desc));
		flags = (table ? D_INDIRECT : driver_flags(c, i)) | (place & WRAP ? 0x80 : 0x8000);
		desc->addr = table ? table : c->buf[i].gpa;
		desc->len = table ? c->nr * sizeof(*desc) : c->buf[i].len;
		/* That of the last one counts. */
		desc->id = i + 1 == c->descs ? c->ids[0] : random_u64();
		if (i)
			desc->flags = flags;
		else
			first = flags;
	}
	us_allow(UA_DESC + (c->place & ~WRAP) * sizeof(struct vring_packed_desc) + USED_OFF,
		 USED_LEN, true);
	desc_at(d, c->place)->flags = first;
	d->avail_place = place;
	d->kick_old += c->descs;
}

/* As Linux' drivers reckon it, in indexes that may be negative. */
static bool packed_wants_kick(struct driver *d)
{
	const struct vring_packed_desc_event *e = d->g->device_event;
	u16 new = d->avail_place & ~WRAP, off = e->off_wrap & ~WRAP;
	u16 old = new - d->kick_old;

	d->kick_old = 0;
	if (e->flags != VRING_PACKED_EVENT_FLAG_DESC)
		return e->flags == VRING_PACKED_EVENT_FLAG_ENABLE;
	if ((e->off_wrap ^ d->avail_place) & WRAP)
		off -= d->num;
	return vring_need_event(off, new, old);
}

static bool packed_next_used(struct driver *d, u32 *id, u32 *len)
{
	const struct vring_packed_desc *desc = desc_at(d, d->used_seen);

	*id = desc->id;
	*len = desc->len;
	if (d->offered == d->reaped || !is_used(d, d->used_seen))
		return false;
	/* Whether anything was written is in the flags, too. */
	if (!(desc->flags & D_WRITE) != !desc->len)
		d->failed = true;
	return true;
}

/* In order the ID may be that of a later chain: all up to there. */
static u32 packed_used(struct driver *d)
{
	u16 place = d->used_seen;
	u64 serial = d->reaped;
	u32 n = 0, id;

	while (serial != d->offered && is_used(d, place)) {
		id = desc_at(d, place)->id;
		do {
			struct driver_chain *c = driver_chain(d, serial++);

			place = place_after(d, place, c->descs);
			n += c->descs;
			if (!d->in_order || c == &d->chain[id % d->num])
				break;
		} while (serial != d->offered);
	}
	return n;
}

static void packed_done(struct driver *d, struct driver_chain *c)
{
	us_allow(UA_DESC + (c->place & ~WRAP) * sizeof(struct vring_packed_desc) + USED_OFF,
		 USED_LEN, false);
	if (c->place != d->used_seen)
		d->failed = true;
	d->used_seen = place_after(d, d->used_seen, c->descs);
}

static void packed_ask(struct driver *d, u16 delay)
{
	struct vring_packed_desc_event *e = d->g->driver_event;

	if (!d->event_idx) {
		e->flags = VRING_PACKED_EVENT_FLAG_ENABLE;
		return;
	}
	e->off_wrap = place_after(d, d->used_seen, delay);
	e->flags = VRING_PACKED_EVENT_FLAG_DESC;
}

static void packed_mute(struct driver *d)
{
	if (!d->event_idx)
		d->g->driver_event->flags = VRING_PACKED_EVENT_FLAG_DISABLE;
}

const struct driver_ops driver_packed = {
	.table = packed_table,
	.offer = packed_offer,
	.wants_kick = packed_wants_kick,
	.next_used = packed_next_used,
	.used = packed_used,
	.done = packed_done,
	.ask = packed_ask,
	.mute = packed_mute,
};
