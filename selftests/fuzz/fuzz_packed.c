// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz_packed.c - a packed virtqueue (kmod/core/packed.c) of a driver that does
 * anything: as fuzz_vring.c.
 */
#include "world.h"

#define OPS_MAX		512
#define HELD_MAX	256
#define IOV_MAX		12
#define WRAP		0x8000
#define AVAIL		0x80
#define USED		0x8000
/* The ring, and a table that is as long as can be, in two pieces each. */
#define ACCESSES_MAX	(16 + 64 + 2 * (VXDP_CHAIN_DESC_MAX + 1))

struct device {
	struct world w;
	struct vxdp_chain chain;
	u32 iov_max;
	u16 next;		/* where an honest driver would go on */
	u32 held;
	u32 head[HELD_MAX];
};

static u16 step(const struct device *d, u16 place)
{
	if ((place & ~WRAP) + 1u < d->w.vr.num)
		return place + 1;
	return (place & WRAP) ^ WRAP;
}

static u16 steps(const struct device *d, u16 place, u32 n)
{
	while (n--)
		place = step(d, place);
	return place;
}

static bool is_avail(u16 flags, u16 place)
{
	return (flags & (AVAIL | USED)) == (place & WRAP ? AVAIL : USED);
}

static u32 expect_table(const struct device *d, const struct vring_packed_desc *table,
			u32 *descs, struct expected *e)
{
	u32 count = table->len / sizeof(*table), i, error;
	struct vring_packed_desc desc;

	if (table->len % sizeof(*table) || !count)
		return VHOST_XDP_STAT_RING_INDIRECT;
	for (i = 0; i < count; i++) {
		u64 gpa = table->addr + i * sizeof(desc);

		if (world_pieces(&d->w, gpa, sizeof(desc), 2) < 0)
			return VHOST_XDP_STAT_RING_INDIRECT;
		world_read(&d->w, gpa, &desc, sizeof(desc));
		error = world_buffer(&d->w, desc.addr, desc.len, desc.flags & VRING_DESC_F_WRITE,
				     d->iov_max, descs, e);
		if (error)
			return error;
	}
	return 0;
}

/* @room: descriptors of the ring that the device does not have. */
static struct expected expect_chain(const struct device *d, u32 room, u32 *nr, u16 *id)
{
	struct expected e = { 0 };
	u16 place = d->w.vr.last_avail;
	const struct vring_packed_desc *desc;
	u32 descs = 0;

	for (*nr = 0; !e.error; place = step(d, place)) {
		desc = &d->w.packed[place & ~WRAP];
		if (*nr == room) {
			e.error = room && *nr ? VHOST_XDP_STAT_RING_LOOP :
						VHOST_XDP_STAT_RING_AVAIL;
			break;
		}
		++*nr;
		*id = desc->id;
		if (desc->flags & VRING_DESC_F_INDIRECT)
			e.error = expect_table(d, desc, &descs, &e);
		else
			e.error = world_buffer(&d->w, desc->addr, desc->len,
					       desc->flags & VRING_DESC_F_WRITE, d->iov_max,
					       &descs, &e);
		if (e.error || !(desc->flags & VRING_DESC_F_NEXT))
			break;
	}
	if (!e.error && !(e.out_len + e.in_len))
		e.error = VHOST_XDP_STAT_RING_LEN;
	return e;
}

static u32 held_descs(const struct device *d)
{
	u32 i, n = 0;

	for (i = 0; i < d->held; i++)
		n += d->head[i] >> 16;
	return n;
}

static void take(struct device *d)
{
	struct vxdp_vring *vr = &d->w.vr;
	u16 last = vr->last_avail, id = 0;
	bool there = is_avail(d->w.packed[last & ~WRAP].flags, last), was_broken = vr->error;
	u32 nr;
	struct expected e = expect_chain(d, vr->num - held_descs(d), &nr, &id);
	int ret;

	world_limit(ACCESSES_MAX);
	ret = vxdp_vring_next(vr, &d->chain);
	world_limit(0);
	if (was_broken || vr->error == VHOST_XDP_STAT_RING_FAULT)
		MUST(ret < 0);
	else if (!there)
		MUST(!ret && !vr->error);
	else
		MUST(e.error ? ret < 0 && vr->error == e.error : ret == 1);
	MUST(vr->last_avail == (ret == 1 ? steps(d, last, nr) : last));
	if (ret != 1)
		return;
	MUST(d->chain.head == (nr << 16 | id));
	MUST(d->chain.out_len == e.out_len && d->chain.in_len == e.in_len);
	MUST(d->chain.out_num + d->chain.in_num == e.iovs && e.iovs <= d->iov_max);
	d->head[d->held++] = d->chain.head;
}

/* In the place of each, or in order one for all. */
static void used_ok(const struct device *d, const struct vxdp_used *elem, u32 n, u16 place)
{
	bool one = vxdp_vring_has(&d->w.vr, VIRTIO_F_IN_ORDER) && n > 1;
	u32 i;

	for (i = 0; i + 1 < n; i++)
		one &= !elem[i].len;
	for (i = 0; i < n; place = steps(d, place, elem[i++].id >> 16)) {
		const struct vring_packed_desc *desc = &d->w.packed[place & ~WRAP];
		const struct vxdp_used *want = one ? &elem[n - 1] : &elem[i];

		MUST((desc->flags & (AVAIL | USED)) == (place & WRAP ? AVAIL | USED : 0));
		MUST(desc->id == (u16)want->id && desc->len == want->len);
		MUST(!(desc->flags & VRING_DESC_F_WRITE) == !want->len);
		if (one)
			break;
	}
}

static void give(struct device *d, u32 n, u8 len)
{
	struct vxdp_used *elem = exactly(NULL, n * sizeof(*elem));
	struct vxdp_vring *vr = &d->w.vr;
	u16 last = vr->last_used;
	u32 i, descs = 0;

	for (i = 0; i < n; i++) {
		elem[i] = (struct vxdp_used){ .id = d->head[i], .len = len >> i % 8 & 1 };
		descs += elem[i].id >> 16;
	}
	if (n && !vxdp_vring_add_used(vr, elem, n)) {
		MUST(vr->last_used == steps(d, last, descs));
		used_ok(d, elem, n, last);
		/* The log knows the ring as it lies in the guest. */
		MUST(!d->w.log || d->w.log[2] & 1);
	} else {
		/* The ring may have been broken before, for another reason. */
		MUST(!n || (vr->error && d->w.faults));
		/* What a fault leaves behind is lost. */
		vr->last_used = steps(d, last, descs);
	}
	d->held -= n;
	memmove(d->head, d->head + n, d->held * sizeof(*d->head));
	free(elem);
}

static void rewind_some(struct device *d, u32 n)
{
	u32 descs = 0;

	for (; n; n--)
		descs += d->head[--d->held] >> 16;
	vxdp_vring_rewind(&d->w.vr, descs);
}

static void kick(struct device *d)
{
	struct vxdp_vring *vr = &d->w.vr;
	u16 place = steps(d, vr->last_avail, vr->ahead);
	bool there = is_avail(d->w.packed[place & ~WRAP].flags, place), was_broken = vr->error;
	bool ret = vxdp_vring_enable_kick(vr);

	MUST(ret == (there && !vr->error));
	if (was_broken || vr->error)
		return;
	MUST(d->w.device_event->flags != VRING_PACKED_EVENT_FLAG_DISABLE);
	if (vxdp_vring_has(vr, VIRTIO_RING_F_EVENT_IDX))
		MUST(d->w.device_event->off_wrap == place);
}

static void serve(struct device *d, struct feed *f, u8 op)
{
	struct vxdp_vring *vr = &d->w.vr;

	switch (op) {
	case 0:
	case 1:
		if (d->held < HELD_MAX)
			take(d);
		break;
	case 2:
		give(d, feed_u8(f) % (d->held + 1), feed_u8(f));
		break;
	case 3:
		rewind_some(d, feed_u8(f) % (d->held + 1));
		break;
	case 4:
		MUST(vxdp_vring_empty(vr) || !vr->error);
		break;
	case 5:
		kick(d);
		break;
	case 6:
		vxdp_vring_disable_kick(vr);
		break;
	default:
		if ((d->w.driver_event->flags & 3) == VRING_PACKED_EVENT_FLAG_DISABLE)
			MUST(!vxdp_vring_need_signal(vr) || d->w.faults);
		else
			vxdp_vring_need_signal(vr);
	}
}

static struct vring_packed_desc feed_desc(struct feed *f)
{
	struct vring_packed_desc desc = { .addr = world_gpa(f), .len = feed_u16(f),
					  .flags = feed_u8(f), .id = feed_u8(f) };

	if (desc.flags & 0x40)
		desc.len <<= 16;
	if (!(desc.flags & 0x20))
		desc.flags &= 0x7;
	desc.flags &= ~(AVAIL | USED);
	return desc;
}

/* The driver: honest, or not. */
static void act(struct device *d, struct feed *f, u8 op)
{
	u32 num = d->w.vr.num, n;
	struct vring_packed_desc desc;
	u64 gpa;

	switch (op) {
	case 0:
	case 1:
	case 2:
		/* In its place; a chain's last, or not. */
		desc = feed_desc(f);
		desc.flags |= d->next & WRAP ? AVAIL : USED;
		d->w.packed[d->next & ~WRAP] = desc;
		d->next = step(d, d->next);
		break;
	case 3:
		n = feed_u8(f) % num;
		desc = feed_desc(f);
		desc.flags |= feed_u16(f) & (AVAIL | USED);
		d->w.packed[n] = desc;
		break;
	case 4:
		gpa = world_gpa(f);
		for (n = feed_u8(f) % 8; n; n--, gpa += sizeof(desc)) {
			desc = feed_desc(f);
			world_write(gpa, &desc, sizeof(desc));
		}
		break;
	case 5:
		d->w.packed[feed_u8(f) % num].flags ^= feed_u16(f);
		break;
	case 6:
		d->next = d->w.vr.last_avail;
		break;
	default:
		d->w.driver_event->flags = feed_u8(f);
		d->w.driver_event->off_wrap = feed_u16(f);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct feed f = { data, size };
	struct device d = { 0 };
	u8 op = feed_u8(&f);
	u32 i;

	d.iov_max = 1 + op % IOV_MAX;
	world_make(&d.w, &f, 1ULL << VIRTIO_F_RING_PACKED |
			     (op & 0x40 ? 1ULL << VIRTIO_F_IN_ORDER : 0));
	d.next = d.w.vr.last_avail;
	d.chain.iov_max = d.iov_max;
	d.chain.iov = exactly(NULL, d.iov_max * sizeof(*d.chain.iov));
	if (op & 0x80)
		d.chain.seg = exactly(NULL, d.iov_max * sizeof(*d.chain.seg));
	for (i = 0; i < OPS_MAX && f.left; i++) {
		op = feed_u8(&f);
		if (op & 8)
			serve(&d, &f, op % 8);
		else
			act(&d, &f, op % 8);
		world_ok(&d.w);
	}
	free(d.chain.iov);
	free(d.chain.seg);
	world_drop(&d.w);
	return 0;
}
