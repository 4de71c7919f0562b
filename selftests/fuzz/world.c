// SPDX-License-Identifier: GPL-2.0
/*
 * world.c - a guest for the fuzzers. See world.h.
 */
#include "world.h"

#define UA_DESC		0x200000000000ULL
#define UA_AVAIL	0x210000000000ULL
#define UA_USED		0x220000000000ULL
#define UA_LOG		0x300000000000ULL
#define LOG_BYTES	(WORLD_LOG_END / VXDP_LOG_PAGE / 8)
#define PAGE		4096ULL
#define BLOCK		16ULL
/* The used ring, to the log: across two of its pages. */
#define USED_GPA	(2 * PAGE - 24)
/* A packed ring, in the memory table too. */
#define RING_GPA	(16 * PAGE)

/* The second follows on the first, but not for the VMM; the third overlaps both. */
static const struct vhost_memory_region regions[] = {
	{ .guest_phys_addr = 0, .memory_size = PAGE, .userspace_addr = 0x100000000000ULL },
	{ .guest_phys_addr = PAGE, .memory_size = PAGE, .userspace_addr = 0x7a0000000000ULL },
	{ .guest_phys_addr = 0x800, .memory_size = PAGE, .userspace_addr = 0x600000000000ULL },
	{ .guest_phys_addr = ~0ULL - PAGE + 1, .memory_size = PAGE,
	  .userspace_addr = 0x500000000000ULL },
};

static u32 limit;

static void count_access(void)
{
	if (limit)
		MUST(--limit);
}

void world_limit(u32 accesses)
{
	limit = accesses;
	us_hook(accesses ? count_access : NULL);
}

static void make_memory(struct world *w, u8 which)
{
	struct vhost_memory_region r[ARRAY_SIZE(regions) + 1];
	u32 i, nr = 0;
	int err;

	for (i = 0; i < ARRAY_SIZE(regions); i++) {
		us_map(regions[i].userspace_addr, regions[i].memory_size);
		if (!(which & 1 << i))
			r[nr++] = regions[i];
	}
	if (vxdp_vring_packed(&w->vr))
		r[nr++] = (struct vhost_memory_region){
			.guest_phys_addr = RING_GPA,
			.memory_size = vxdp_vring_desc_size(w->vr.num),
			.userspace_addr = UA_DESC
		};
	w->mem = vxdp_memory_create(r, nr, &err);
	MUST(w->mem);
}

static void make_log(struct world *w)
{
	w->log = us_map(UA_LOG, LOG_BYTES);
	us_allow(UA_LOG, LOG_BYTES, true);
	w->vr.log_base = UA_LOG;
	w->vr.log_addr = USED_GPA;
	w->vr.log_used = true;
	w->vr.log_all = true;
}

static void make_split(struct world *w, u16 base)
{
	struct vxdp_vring *vr = &w->vr;

	w->desc = us_map(UA_DESC, vxdp_vring_desc_size(vr->num));
	w->avail = us_map(UA_AVAIL, vxdp_vring_avail_size(vr, vr->num));
	w->used = us_map(UA_USED, vxdp_vring_used_size(vr, vr->num));
	vr->last_avail = base;
	w->avail->idx = base;
	w->used->idx = base;
}

static void make_packed(struct world *w, u16 base)
{
	struct vxdp_vring *vr = &w->vr;

	w->packed = us_map(UA_DESC, vxdp_vring_desc_size(vr->num));
	us_allow(UA_DESC, vxdp_vring_desc_size(vr->num), true);
	w->driver_event = us_map(UA_AVAIL, sizeof(*w->driver_event));
	w->device_event = us_map(UA_USED, sizeof(*w->device_event));
	vr->last_avail = (base & 0x7fff) % vr->num | (base & 0x8000);
	vr->last_used = vr->last_avail;
}

void world_make(struct world *w, struct feed *f, u64 features)
{
	struct vxdp_vring *vr = &w->vr;
	u8 shape = feed_u8(f), fail;

	us_reset();
	memset(w, 0, sizeof(*w));
	vr->features = features;
	vr->num = vxdp_vring_packed(vr) ? 1 + shape % 64 : 1U << shape % 7;
	if (shape & 0x80)
		vr->features |= 1ULL << VIRTIO_RING_F_EVENT_IDX;
	if (shape & 0x40)
		vr->features |= 1ULL << VIRTIO_F_NOTIFY_ON_EMPTY;
	make_memory(w, feed_u8(f));
	fail = feed_u8(f);
	if (fail & 1)
		make_log(w);
	vr->mem = w->mem;
	vr->desc = UA_DESC;
	vr->avail = UA_AVAIL;
	vr->used = UA_USED;
	if (vxdp_vring_packed(vr))
		make_packed(w, feed_u16(f));
	else
		make_split(w, feed_u16(f));
	us_allow(UA_USED, vxdp_vring_used_size(vr, vr->num), true);
	MUST(vxdp_vring_access_ok(vr, vr->desc, vr->avail, vr->used));
	MUST(!vxdp_vring_start(vr));
	if (fail & 0x80) {
		us_fail_access(1 + fail / 2 % 64);
		w->faults = true;
	}
}

void world_drop(struct world *w)
{
	vxdp_memory_free(w->mem);
	MUST(us_clean());
}

u64 world_gpa(struct feed *f)
{
	static const u64 near[] = { 0, PAGE, 0x800, 2 * PAGE, ~0ULL - PAGE + 1 };

	return feed_near(f, near, ARRAY_SIZE(near));
}

static struct vring_desc feed_desc(struct feed *f)
{
	struct vring_desc d = { .addr = world_gpa(f), .len = feed_u16(f), .flags = feed_u8(f),
				.next = feed_u8(f) };

	/* Each of its bits can be wrong, the seldom ones seldom. */
	if (d.flags & 0x80)
		d.len <<= 16;
	if (d.flags & 0x40)
		d.next |= 0x8000;
	if (!(d.flags & 0x20))
		d.flags &= 0x7;
	return d;
}

void world_write(u64 gpa, const void *from, u32 len)
{
	u32 i, k;

	for (k = 0; k < len; k++) {
		for (i = 0; i < ARRAY_SIZE(regions); i++) {
			u64 off = gpa + k - regions[i].guest_phys_addr;

			if (off < PAGE)
				*(u8 *)us_at(regions[i].userspace_addr + off, 1) =
					((const u8 *)from)[k];
		}
	}
}

void world_read(const struct world *w, u64 gpa, void *to, u32 len)
{
	u8 *byte = to;

	for (; len; len--, gpa++, byte++) {
		const struct vhost_memory_region *r = w->mem->region;

		while (gpa - r->guest_phys_addr >= r->memory_size)
			r++;
		*byte = *(u8 *)us_at(r->userspace_addr + gpa - r->guest_phys_addr, 1);
	}
}

void world_act(struct world *w, struct feed *f, u8 op)
{
	u32 num = w->vr.num, n;
	struct vring_desc d;
	u64 gpa;

	switch (op % 8) {
	case 0:
	case 1:
		n = feed_u8(f) % num;
		w->desc[n] = feed_desc(f);
		break;
	case 2:
		gpa = world_gpa(f);
		for (n = feed_u8(f) % 8; n; n--, gpa += sizeof(d)) {
			d = feed_desc(f);
			world_write(gpa, &d, sizeof(d));
		}
		break;
	case 3:
	case 4:
		w->avail->ring[w->avail->idx++ % num] = feed_u8(f) % num;
		break;
	case 5:
		w->avail->ring[w->avail->idx++ % num] = feed_u16(f);
		break;
	case 6:
		w->avail->idx += (int8_t)feed_u8(f);
		break;
	default:
		w->avail->flags = feed_u8(f);
		if (vxdp_vring_has(&w->vr, VIRTIO_RING_F_EVENT_IDX))
			w->avail->ring[num] = w->used->idx + (int8_t)feed_u8(f);
	}
}

void world_ok(const struct world *w)
{
	u32 error = w->vr.error;

	MUST(!error || (error >= VHOST_XDP_STAT_RING_FAULT && error <= VHOST_XDP_STAT_RING_ORDER));
	MUST(error != VHOST_XDP_STAT_RING_FAULT || w->faults);
	MUST(w->packed || w->used->idx == w->vr.last_used || error);
}

int world_pieces(const struct world *w, u64 gpa, u64 len, u32 room)
{
	const struct vxdp_memory *mem = w->mem;
	u32 i, n = 0, last = ~0U;
	u64 part;

	for (; len; len -= part, gpa += part) {
		/* All begin and end at multiples of this. */
		part = min(len, BLOCK - gpa % BLOCK);
		for (i = 0; i < mem->nr; i++) {
			if (gpa - mem->region[i].guest_phys_addr < mem->region[i].memory_size)
				break;
		}
		if (i == mem->nr)
			return -EFAULT;
		if (i != last && n++ == room)
			return -ENOBUFS;
		last = i;
		if (len > part && gpa + part < gpa)
			return -EFAULT;
	}
	return n;
}

u32 world_buffer(const struct world *w, u64 gpa, u32 len, bool write, u32 iov_max, u32 *descs,
		 struct expected *e)
{
	int n;

	if (++*descs > VXDP_CHAIN_DESC_MAX)
		return VHOST_XDP_STAT_RING_LOOP;
	if (!write && e->in_len)
		return VHOST_XDP_STAT_RING_ORDER;
	n = world_pieces(w, gpa, len, iov_max - e->iovs);
	if (n < 0)
		return n == -EFAULT ? VHOST_XDP_STAT_RING_ADDR : VHOST_XDP_STAT_RING_LEN;
	e->iovs += n;
	*(write ? &e->in_len : &e->out_len) += len;
	return 0;
}

static u32 expect_buffer(const struct world *w, const struct vring_desc *d, u32 iov_max,
			 u32 *descs, struct expected *e)
{
	return world_buffer(w, d->addr, d->len, d->flags & VRING_DESC_F_WRITE, iov_max, descs, e);
}

static u32 expect_table(const struct world *w, const struct vring_desc *table, u32 iov_max,
			u32 *descs, struct expected *e)
{
	u32 count = table->len / sizeof(struct vring_desc), i = 0, error;
	struct vring_desc d;

	if (table->len % sizeof(d) || !count || count > 65536)
		return VHOST_XDP_STAT_RING_INDIRECT;
	for (;;) {
		u64 gpa = table->addr + i * sizeof(d);

		if (world_pieces(w, gpa, sizeof(d), 2) < 0)
			return VHOST_XDP_STAT_RING_INDIRECT;
		world_read(w, gpa, &d, sizeof(d));
		if (d.flags & VRING_DESC_F_INDIRECT)
			return VHOST_XDP_STAT_RING_INDIRECT;
		error = expect_buffer(w, &d, iov_max, descs, e);
		if (error || !(d.flags & VRING_DESC_F_NEXT))
			return error;
		i = d.next;
		if (i >= count)
			return VHOST_XDP_STAT_RING_NEXT;
	}
}

struct expected world_chain(const struct world *w, u16 head, u32 iov_max)
{
	struct expected e = { 0 };
	u32 i = head, descs = 0;

	if (head >= w->vr.num)
		e.error = VHOST_XDP_STAT_RING_HEAD;
	while (!e.error) {
		const struct vring_desc *d = &w->desc[i];

		if (d->flags & VRING_DESC_F_INDIRECT)
			e.error = expect_table(w, d, iov_max, &descs, &e);
		else
			e.error = expect_buffer(w, d, iov_max, &descs, &e);
		if (e.error || !(d->flags & VRING_DESC_F_NEXT))
			break;
		i = d->next;
		if (i >= w->vr.num)
			e.error = VHOST_XDP_STAT_RING_NEXT;
	}
	if (!e.error && !(e.out_len + e.in_len))
		e.error = VHOST_XDP_STAT_RING_LEN;
	return e;
}
