// SPDX-License-Identifier: GPL-2.0
/*
 * test_packed.c - a packed virtqueue (kmod/core/packed.c), case by case: what is
 * available and what is not, every way in which a chain can be wrong, when the driver
 * sees what is used, who tells whom, what is logged. vring_random has the whole.
 */
#include <linux/vhost_xdp.h>

#include "guest.h"
#include "ktap.h"

#define WRAP	0x8000
#define AVAIL	0x80
#define USED	0x8000
#define NUM	8
#define BUF	GPA_HIGH
#define TABLE	(GPA_HIGH + 0x8000)

static struct guest guest, *g = &guest;

static u16 avail_bits(u16 place)
{
	return place & WRAP ? AVAIL : USED;
}

static void put(u16 place, u64 gpa, u32 len, u16 id, u16 flags)
{
	g->packed[place & ~WRAP] = (struct vring_packed_desc){
		.addr = gpa, .len = len, .id = id, .flags = flags | avail_bits(place)
	};
	us_allow(UA_DESC + (place & ~WRAP) * 16ULL + 8, 8, true);
}

static void entry(u32 i, u64 gpa, u32 len, u16 flags)
{
	struct vring_packed_desc *t = guest_at(TABLE, (i + 1) * sizeof(*t));

	t[i] = (struct vring_packed_desc){ .addr = gpa, .len = len, .flags = flags };
}

static struct vxdp_used used(u32 len)
{
	return (struct vxdp_used){ .id = g->chain.head, .len = len };
}

/* All sixteen ways of counter and bits, and the other bits. */
static bool which_is_available(void)
{
	u32 i;

	for (i = 0; i < 16; i++) {
		u16 place = i & 1 ? WRAP : 0, flags = (i & 2 ? AVAIL : 0) | (i & 4 ? USED : 0);
		bool want = !(i & 2) != !(i & 4) && !(i & 2) == !(i & 1);

		guest_make(g, NUM, F_PACKED, place);
		put(place, BUF, 100, 7, 0);
		g->packed[0].flags = flags | (i & 8 ? 0x7f78 : 0);
		if (!CHECK(vxdp_vring_empty(&g->vr) == !want) || !CHECK(guest_next(g) == want) ||
		    !CHECK(!g->vr.error))
			return false;
		guest_drop(g);
	}
	return true;
}

/* Over the end of the ring, with a table in between; the ID is the last one's. */
static bool chain_over_the_end(void)
{
	guest_make(g, NUM, F_PACKED, WRAP | 6);
	put(WRAP | 6, BUF, 10, 1, D_NEXT);
	entry(0, BUF + 100, 20, D_INDIRECT | D_NEXT);
	entry(1, BUF + 200, 30, D_WRITE);
	put(WRAP | 7, TABLE, 32, 2, D_INDIRECT | D_NEXT);
	put(0, BUF + 300, 40, 0xabcd, D_WRITE);
	return CHECK(guest_next(g) == 1) && CHECK(g->chain.head == (3 << 16 | 0xabcd)) &&
	       CHECK(g->chain.out_len == 30) && CHECK(g->chain.in_len == 70) &&
	       CHECK(g->chain.out_num == 2) && CHECK(g->chain.in_num == 2) &&
	       CHECK(vxdp_vring_steps(&g->vr, g->chain.head) == 3) &&
	       CHECK(g->vr.last_avail == 1) && CHECK(guest_next(g) == 0);
}

static bool table_to_send(bool out_only)
{
	guest_make(g, NUM, F_PACKED, WRAP);
	entry(0, BUF, 12, D_WRITE);
	entry(1, BUF + 100, 60, 0);
	put(WRAP, TABLE, 32, 7, D_INDIRECT);
	g->out_only = out_only;
	return guest_next(g) == 1 && CHECK(g->chain.out_len == 72) && CHECK(!g->chain.in_num);
}

/* Only in a table, and only where nothing is received. */
static bool tables_to_send(void)
{
	bool ok = CHECK(table_to_send(true));

	guest_drop(g);
	ok = CHECK(!table_to_send(false)) &&
	     CHECK(g->vr.error == VHOST_XDP_STAT_RING_ORDER) && ok;
	guest_drop(g);
	guest_make(g, NUM, F_PACKED, WRAP);
	put(WRAP, BUF, 10, 0, D_WRITE);
	g->out_only = true;
	return CHECK(guest_next(g) == 1) && CHECK(g->chain.in_num == 1) && ok;
}

static bool breaks(u32 error)
{
	return CHECK(guest_next(g) < 0) && CHECK(g->vr.error == error) &&
	       CHECK(vxdp_vring_empty(&g->vr)) && CHECK(guest_next(g) < 0) &&
	       CHECK(!vxdp_vring_enable_kick(&g->vr));
}

#define BREAKS(what) breaks(VHOST_XDP_STAT_RING_##what)

static bool one_wrong(u64 gpa, u32 len, u16 flags, u32 error)
{
	bool ok;
	u32 i;

	guest_make(g, NUM, F_PACKED, WRAP);
	put(WRAP, gpa, len, 0, flags);
	put(WRAP | 1, BUF, 10, 0, 0);
	for (i = 0; i < 2; i++)
		entry(i, BUF, 10, 0);
	ok = breaks(error);
	guest_drop(g);
	return ok;
}

static bool wrong_chains(void)
{
	return one_wrong(GPA_HOLE, 10, 0, VHOST_XDP_STAT_RING_ADDR) &&
	       one_wrong(BUF, 0, 0, VHOST_XDP_STAT_RING_LEN) &&
	       one_wrong(BUF, 10, D_WRITE | D_NEXT, VHOST_XDP_STAT_RING_ORDER) &&
	       one_wrong(TABLE, 0, D_INDIRECT, VHOST_XDP_STAT_RING_INDIRECT) &&
	       one_wrong(TABLE, 24, D_INDIRECT, VHOST_XDP_STAT_RING_INDIRECT) &&
	       one_wrong(GPA_HOLE, 16, D_INDIRECT, VHOST_XDP_STAT_RING_INDIRECT) &&
	       one_wrong(GPA_UNMAPPED, 16, D_INDIRECT, VHOST_XDP_STAT_RING_FAULT) &&
	       /* Of nothing, many. */
	       one_wrong(TABLE, 16 * 65535, D_INDIRECT, VHOST_XDP_STAT_RING_LOOP);
}

static bool chain_without_end(void)
{
	u32 i;

	guest_make(g, NUM, F_PACKED, WRAP | 3);
	for (i = 0; i < NUM; i++)
		put(i < 3 ? i : WRAP | i, BUF, 10, 0, D_NEXT);
	if (!BREAKS(LOOP))
		return false;
	guest_drop(g);
	/* Into what we still have, where it would end. */
	guest_make(g, NUM, F_PACKED, WRAP);
	put(WRAP, BUF, 10, 0, 0);
	for (i = 1; i < NUM; i++)
		put(WRAP | i, BUF, 10, 0, D_NEXT);
	return CHECK(guest_next(g) == 1) && BREAKS(LOOP);
}

/* Twice around: what we have is made available again. */
static bool more_than_the_ring(void)
{
	u16 place;
	u32 i;

	guest_make(g, NUM, F_PACKED, WRAP);
	for (i = 0; i < NUM; i++)
		put(WRAP | i, BUF, 10, i, 0);
	for (i = 0; i < NUM; i++) {
		if (!CHECK(guest_next(g) == 1))
			return false;
	}
	place = g->vr.last_avail;
	put(place, BUF, 10, 0, 0);
	return CHECK(place == 0) && BREAKS(AVAIL);
}

static u32 accesses;

/* Behind the first access the driver makes something else of them. */
static void spoil(void)
{
	if (accesses++)
		g->packed[0].flags |= D_INDIRECT | D_WRITE | D_NEXT;
}

static bool flags_are_read_once(void)
{
	guest_make(g, NUM, F_PACKED, WRAP);
	put(WRAP, BUF, 100, 5, 0);
	accesses = 0;
	us_hook(spoil);
	return CHECK(guest_next(g) == 1) && CHECK(accesses > 2) &&
	       CHECK(g->chain.out_len == 100) && CHECK(!g->chain.in_len) &&
	       CHECK(g->chain.head == (1 << 16 | 5));
}

static bool faults(void)
{
	struct vxdp_used u;
	u32 n;

	for (n = 1; n < 20; n++) {
		guest_make(g, NUM, F_PACKED | F_EVENT_IDX, WRAP);
		put(WRAP, TABLE, 16, 5, D_INDIRECT);
		entry(0, BUF, 100, D_WRITE);
		us_fail_access(n);
		if (guest_next(g) == 1) {
			u = used(10);
			vxdp_vring_add_used(&g->vr, &u, 1);
			if (!vxdp_vring_need_signal(&g->vr))
				return CHECK(!"too much is safe");
			vxdp_vring_enable_kick(&g->vr);
		}
		us_fail_access(0);
		if (g->vr.error && !CHECK(g->vr.error == VHOST_XDP_STAT_RING_FAULT))
			return false;
		if (!g->vr.error && n > 12)
			return true;
		guest_drop(g);
	}
	return CHECK(!"all of them were made to fail");
}

/* A base that cannot be. */
static bool base(u16 last_avail, u16 last_used, int want)
{
	g->vr.last_avail = last_avail;
	g->vr.last_used = last_used;
	return CHECK(vxdp_vring_start(&g->vr) == want);
}

static bool bases(void)
{
	guest_make(g, NUM, F_PACKED, WRAP);
	return base(WRAP | NUM, WRAP, -EINVAL) && base(WRAP, NUM, -EINVAL) &&
	       base(0x7fff, 0, -EINVAL) && base(1, WRAP, -EINVAL) &&
	       base(0, WRAP, 0) && base(WRAP | 7, WRAP | 7, 0) && base(5, WRAP | 6, 0);
}

/* And sizes, which a VMM may set before it says which kind of ring it is. */
static bool alignment(void)
{
	u64 *const parts[] = { &g->vr.desc, &g->vr.avail, &g->vr.used };
	u32 i;

	guest_make(g, NUM, F_PACKED, WRAP);
	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		u32 align = i ? 4 : 16;

		*parts[i] += align / 2;
		if (!CHECK(vxdp_vring_start(&g->vr) == -EINVAL))
			return false;
		*parts[i] -= align / 2;
	}
	if (!CHECK(!vxdp_vring_start(&g->vr)))
		return false;
	g->vr.num = 3;
	g->vr.features = 0;
	return CHECK(vxdp_vring_start(&g->vr) == -EINVAL);
}

static bool start_faults(void)
{
	u32 n;

	guest_make(g, NUM, F_PACKED, WRAP);
	g->vr.error = VHOST_XDP_STAT_RING_LOOP;
	for (n = 1; n < 4; n++) {
		us_fail_access(n);
		if (!CHECK(vxdp_vring_start(&g->vr) == -EFAULT) || !CHECK(g->vr.error))
			return false;
	}
	us_fail_access(0);
	return CHECK(!vxdp_vring_start(&g->vr)) && CHECK(!g->vr.error);
}

static u32 seen_early;

static bool is_used(u32 i, bool wrap)
{
	return (g->packed[i].flags & (AVAIL | USED)) == (wrap ? AVAIL | USED : 0);
}

/* The driver looks at the first: once it is used, the others must be, and whole. */
static void look(void)
{
	if (is_used(6, true) && !(is_used(7, true) && is_used(0, false) &&
				  g->packed[6].len == 3 && g->packed[7].id == 11))
		seen_early++;
}

static bool batch_is_seen_whole(void)
{
	struct vxdp_used u[3];
	u32 i;

	guest_make(g, NUM, F_PACKED, WRAP | 6);
	put(WRAP | 6, BUF, 10, 10, D_WRITE);
	put(WRAP | 7, BUF, 10, 11, 0);
	put(0, BUF, 10, 12, D_WRITE);
	for (i = 0; i < 3; i++) {
		NEED(guest_next(g) == 1);
		u[i] = used(i == 1 ? 0 : 3 + i);
	}
	seen_early = 0;
	us_hook(look);
	if (!CHECK(!vxdp_vring_add_used(&g->vr, u, 3)))
		return false;
	us_hook(NULL);
	look();
	return CHECK(!seen_early) && CHECK(g->packed[6].flags == (AVAIL | USED | D_WRITE)) &&
	       CHECK(g->packed[7].flags == (AVAIL | USED)) &&
	       CHECK(g->packed[0].flags == D_WRITE) && CHECK(g->packed[0].id == 12) &&
	       CHECK(g->packed[0].len == 5) && CHECK(g->vr.last_used == 1) &&
	       CHECK(g->packed[6].addr == BUF);
}

static bool too_much_used(void)
{
	struct vxdp_used u = { .id = 2 << 16 };

	guest_make(g, NUM, F_PACKED, WRAP);
	put(WRAP, BUF, 10, 0, 0);
	NEED(guest_next(g) == 1);
	return CHECK(vxdp_vring_add_used(&g->vr, &u, 1) < 0) &&
	       CHECK(g->vr.error == VHOST_XDP_STAT_RING_AVAIL) && CHECK(!is_used(0, true));
}

/* What was written is said; the rest in one. */
static bool in_order(void)
{
	struct vxdp_used u[2];
	u32 i, k;

	for (k = 0; k < 2; k++) {
		guest_make(g, NUM, F_PACKED | F_IN_ORDER, WRAP);
		for (i = 0; i < 2; i++)
			put(WRAP | i, BUF, 10, 20 + i, D_WRITE);
		for (i = 0; i < 2; i++) {
			NEED(guest_next(g) == 1);
			u[i] = used(i || k ? 9 : 0);
		}
		if (!CHECK(!vxdp_vring_add_used(&g->vr, u, 2)) ||
		    !CHECK(g->packed[0].id == (k ? 20 : 21)) || !CHECK(g->packed[0].len == 9) ||
		    !CHECK(is_used(1, true) == k) || !CHECK(g->vr.last_used == (WRAP | 2)))
			return false;
		guest_drop(g);
	}
	return true;
}

static u16 place_of(u32 pos, u32 num)
{
	return pos % num | (pos / num % 2 ? 0 : WRAP);
}

/* Every old and new, every event, by counting from the one to the other. */
static bool all_events(u32 num)
{
	u32 old, n, at, i;

	guest_make(g, num, F_PACKED | F_EVENT_IDX, WRAP);
	for (old = 0; old < 2 * num; old++) {
		for (n = 0; n <= num; n++) {
			for (at = 0; at < 2 * num; at++) {
				bool want = false, got;

				for (i = 0; i < n; i++)
					want |= place_of(old + i, num) == place_of(at, num);
				g->vr.signalled_used = place_of(old, num);
				g->vr.signalled_valid = true;
				g->vr.last_used = place_of(old + n, num);
				got = vxdp_vring_wants_signal(&g->vr, VRING_PACKED_EVENT_FLAG_DESC,
							      place_of(at, num));
				if (!CHECK(got == want) ||
				    !CHECK(g->vr.signalled_used == g->vr.last_used))
					return false;
			}
		}
	}
	guest_drop(g);
	return true;
}

static bool events(void)
{
	return all_events(1) && all_events(3) && all_events(8);
}

static bool signal_flags(void)
{
	struct vring_packed_desc_event *e;

	guest_make(g, NUM, F_PACKED | F_EVENT_IDX, WRAP);
	e = g->driver_event;
	e->flags = VRING_PACKED_EVENT_FLAG_DISABLE;
	if (!CHECK(!vxdp_vring_need_signal(&g->vr)))
		return false;
	e->flags = 0xfffc | VRING_PACKED_EVENT_FLAG_DISABLE;
	if (!CHECK(!vxdp_vring_need_signal(&g->vr)))
		return false;
	e->flags = VRING_PACKED_EVENT_FLAG_ENABLE;
	if (!CHECK(vxdp_vring_need_signal(&g->vr)))
		return false;
	e->flags = VRING_PACKED_EVENT_FLAG_DESC;
	e->off_wrap = WRAP | 1;
	if (!CHECK(!vxdp_vring_need_signal(&g->vr)))
		return false;
	/* It may be so, but could not be read. */
	us_fail_access(2);
	if (!CHECK(vxdp_vring_need_signal(&g->vr)))
		return false;
	/* Where no place is, and where nobody negotiated places. */
	e->off_wrap = WRAP | NUM;
	if (!CHECK(vxdp_vring_need_signal(&g->vr)))
		return false;
	e->off_wrap = WRAP | 1;
	g->vr.features = F_PACKED;
	return CHECK(vxdp_vring_need_signal(&g->vr));
}

/* So often used without a look that the event may be from an earlier time around. */
static bool forgotten_event(void)
{
	struct vxdp_used u;
	u16 place = WRAP;
	u32 i;

	guest_make(g, NUM, F_PACKED | F_EVENT_IDX, WRAP);
	g->driver_event->flags = VRING_PACKED_EVENT_FLAG_DESC;
	g->driver_event->off_wrap = WRAP | 4;
	vxdp_vring_need_signal(&g->vr);
	for (i = 0; i < 2 * NUM; i++) {
		place = place_of(i, NUM);
		put(place, BUF, 10, 0, 0);
		NEED(guest_next(g) == 1);
		u = used(0);
		NEED(!vxdp_vring_add_used(&g->vr, &u, 1));
	}
	return CHECK(g->vr.last_used == WRAP) && CHECK(vxdp_vring_need_signal(&g->vr)) &&
	       CHECK(!vxdp_vring_need_signal(&g->vr));
}

static bool kicks(u64 features)
{
	bool event = features & F_EVENT_IDX;
	u16 on = event ? VRING_PACKED_EVENT_FLAG_DESC : VRING_PACKED_EVENT_FLAG_ENABLE;
	u16 steps;

	guest_make(g, NUM, F_PACKED | features, WRAP | 6);
	put(WRAP | 6, BUF, 10, 0, D_NEXT);
	put(WRAP | 7, BUF, 10, 0, 0);
	vxdp_vring_disable_kick(&g->vr);
	if (!CHECK(event || g->device_event->flags == VRING_PACKED_EVENT_FLAG_DISABLE) ||
	    !CHECK(vxdp_vring_enable_kick(&g->vr)) || !CHECK(guest_next(g) == 1))
		return false;
	/* Not enough: put back. The driver is to kick for what comes behind it. */
	steps = vxdp_vring_steps(&g->vr, g->chain.head);
	vxdp_vring_rewind(&g->vr, steps);
	if (!CHECK(g->vr.last_avail == (WRAP | 6)) || !CHECK(!vxdp_vring_enable_kick(&g->vr)) ||
	    !CHECK(g->device_event->flags == on) || !CHECK(!event || g->device_event->off_wrap == 0))
		return false;
	put(0, BUF, 10, 0, 0);
	if (!CHECK(vxdp_vring_enable_kick(&g->vr)) || !CHECK(guest_next(g) == 1) ||
	    !CHECK(guest_next(g) == 1) || !CHECK(!g->vr.ahead))
		return false;
	if (!CHECK(!vxdp_vring_enable_kick(&g->vr)) ||
	    !CHECK(!event || g->device_event->off_wrap == 1))
		return false;
	guest_drop(g);
	return true;
}

static bool all_kicks(void)
{
	return kicks(0) && kicks(F_EVENT_IDX);
}

static u64 logged(const u8 *log, u64 gpa)
{
	return log[gpa / 4096 / 8] >> gpa / 4096 % 8 & 1;
}

/* The ring twice in the guest's memory, and the device's event somewhere else. */
static bool log_finds_the_ring(void)
{
	static const struct vhost_memory_region r[] = {
		{ .guest_phys_addr = 0x7000, .memory_size = 4096, .userspace_addr = UA_DESC },
		{ .guest_phys_addr = GPA_HIGH, .memory_size = 4096, .userspace_addr = UA_HIGH },
		{ .guest_phys_addr = 0x52000, .memory_size = 64, .userspace_addr = UA_DESC + 64 },
	};
	struct vxdp_memory *old;
	struct vxdp_used u[2];
	int err;
	u32 i;
	u8 *log;

	guest_make(g, NUM, F_PACKED | F_EVENT_IDX, WRAP | 3);
	old = g->mem;
	g->mem = vxdp_memory_create(r, ARRAY_SIZE(r), &err);
	g->vr.mem = g->mem;
	vxdp_memory_free(old);
	log = guest_log(g, 0x9004);
	for (i = 3; i < 6; i++)
		put(WRAP | i, BUF, 10, 0, 0);
	/* The second of the batch is where the third memory is. */
	for (i = 0; i < 2; i++) {
		NEED(guest_next(g) == 1);
		u[i] = used(0);
	}
	if (!CHECK(!vxdp_vring_add_used(&g->vr, u, 2)) || !CHECK(logged(log, 0x7000)) ||
	    !CHECK(logged(log, 0x52000)) || !CHECK(!logged(log, 0x9000)) ||
	    !CHECK(!logged(log, 0x8000)))
		return false;
	vxdp_vring_enable_kick(&g->vr);
	if (!CHECK(logged(log, 0x9000)))
		return false;
	/* In nobody's memory. */
	NEED(guest_next(g) == 1);
	g->mem->nr = 1;
	g->mem->region[0].userspace_addr = UA_HIGH;
	u[0] = used(0);
	return CHECK(vxdp_vring_add_used(&g->vr, u, 1) < 0) &&
	       CHECK(g->vr.error == VHOST_XDP_STAT_RING_FAULT);
}

static bool sizes(void)
{
	struct vxdp_vring vr = { .num = 32768, .features = F_PACKED | F_EVENT_IDX };

	return CHECK(vxdp_vring_desc_size(32768) == 16 * 32768) &&
	       CHECK(vxdp_vring_avail_size(&vr, 32768) == 4) &&
	       CHECK(vxdp_vring_used_size(&vr, 32768) == 4) &&
	       CHECK(vxdp_vring_access_ok(&vr, 0, US_TASK_SIZE - 4, US_TASK_SIZE - 4)) &&
	       CHECK(!vxdp_vring_access_ok(&vr, 0, US_TASK_SIZE - 3, 0));
}

static const struct {
	const char *name;
	bool (*run)(void);
} cases[] = {
	{ "areas of the event structures", sizes },
	{ "available is what the wrap counter says, whatever else is set", which_is_available },
	{ "a chain over the end of the ring, with a table", chain_over_the_end },
	{ "what is sent may be in a table with F_WRITE", tables_to_send },
	{ "each way in which a chain is wrong, and its counter", wrong_chains },
	{ "a chain that goes around", chain_without_end },
	{ "what we still have made available again", more_than_the_ring },
	{ "flags of a chain are read once", flags_are_read_once },
	{ "any access may fault", faults },
	{ "a base that cannot be is refused", bases },
	{ "what is not aligned does not start, nor a split ring of 3", alignment },
	{ "a ring that cannot be accessed does not start", start_faults },
	{ "a batch is seen whole, or not at all", batch_is_seen_whole },
	{ "no more is given back than was taken", too_much_used },
	{ "in order, one for all, but not for what was written", in_order },
	{ "all events of rings of 1, 3 and 8", events },
	{ "flags of the driver's event structure", signal_flags },
	{ "an event twice around ago", forgotten_event },
	{ "kicks are asked for behind what was put back", all_kicks },
	{ "the log finds the ring wherever the guest has it", log_finds_the_ring },
};

int main(void)
{
	unsigned int i;
	bool ok;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		us_reset();
		memset(g, 0, sizeof(*g));
		ktap_case(30, "packed: %s", cases[i].name);
		ok = cases[i].run();
		us_hook(NULL);
		guest_drop(g);
		ktap_ok(us_clean() && ok);
	}
	us_reset();
	return ktap_done();
}
