// SPDX-License-Identifier: GPL-2.0
/*
 * test_plain.c - kmod/core/plain.c: it takes what is plain, in order, and leaves all
 * else for vxdp_vring_next() to judge.
 */
#include <linux/vhost_xdp.h>

#include "guest.h"
#include "ktap.h"
#include "plain.h"

#define MIN	10
#define MAX	1000

static struct guest guest, *g = &guest;
static struct vxdp_plain got[300];

static u32 take(u32 max)
{
	memset(got, 0xee, sizeof(got));
	return vxdp_plain_next(&g->vr, got, max, 0, MIN, MAX);
}

static void offer(u16 head, u64 gpa, u32 len, u16 flags)
{
	guest_desc(g->desc, head, gpa, len, flags, 0);
	guest_offer(g, head);
}

static bool is(u32 i, u32 head, u64 uaddr, u32 len)
{
	return CHECK(got[i].head == head) && CHECK(got[i].uaddr == uaddr) &&
	       CHECK(got[i].len == len);
}

static bool in_order(void)
{
	guest_make(g, 8, 0, 0);
	if (!CHECK(take(8) == 0))
		return false;
	offer(5, 0x1000, 64, 0);
	offer(2, GPA_MID + 3, MIN, 0);
	offer(7, GPA_HIGH + SIZE_HIGH - MAX, MAX, 0);
	return CHECK(take(8) == 3) && is(0, 5, UA_LOW + 0x1000, 64) &&
	       is(1, 2, UA_MID + 3, MIN) && is(2, 7, UA_HIGH + SIZE_HIGH - MAX, MAX) &&
	       CHECK(g->vr.last_avail == 3) && CHECK(take(8) == 0) && CHECK(!g->vr.error);
}

/* Over the wrap of the ring and of the index, at any number at a time. */
static bool laps(u32 num, u32 max)
{
	u16 base = 0xfff0, next = base, seen = base;
	u32 i, k, n;

	guest_make(g, num, 0, base);
	for (i = 0; i < 500; i++) {
		for (k = 0; k < 1 + i % num && (u16)(next - seen) < num; k++, next++)
			offer(next % num, next % 512, MIN + next % 64, 0);
		n = take(max);
		if (!CHECK(n == min_t(u32, max, (u16)(next - seen))))
			return false;
		for (k = 0; k < n; k++, seen++) {
			if (!is(k, seen % num, UA_LOW + seen % 512, MIN + seen % 64))
				return false;
		}
		if (!CHECK(g->vr.last_avail == seen))
			return false;
	}
	return CHECK(!g->vr.error);
}

static bool all_laps(void)
{
	static const u32 nums[] = { 1, 2, 8, 256 };
	u32 i, max;
	bool ok = true;

	for (i = 0; i < ARRAY_SIZE(nums) && ok; i++) {
		for (max = 1; max <= 64 && ok; max += 7) {
			ok = laps(nums[i], max);
			guest_drop(g);
		}
	}
	return ok;
}

/* Behind a plain one: it is taken, the other is not, and nothing is broken. */
static bool left(u16 head, u64 gpa, u32 len, u16 flags)
{
	bool ok;

	guest_make(g, 8, 0, 0);
	offer(4, 0x100, 64, 0);
	guest_desc(g->desc, head & 7, gpa, len, flags, 2);
	guest_offer(g, head);
	offer(1, 0x100, 64, 0);
	ok = CHECK(take(8) == 1) && is(0, 4, UA_LOW + 0x100, 64) && CHECK(take(8) == 0) &&
	     CHECK(g->vr.last_avail == 1) && CHECK(!g->vr.error);
	guest_drop(g);
	if (!ok)
		ktap_diag("head %u, address %llx, %u bytes, flags %x", head,
			  (unsigned long long)gpa, len, flags);
	return ok;
}

static bool others_are_left(void)
{
	return left(3, 0x1000, 64, D_NEXT) && left(3, 0x1000, 64, D_WRITE) &&
	       left(3, 0x1000, 64, D_INDIRECT) && left(3, 0x1000, 64, 0x8000) &&
	       left(3, 0x1000, MIN - 1, 0) && left(3, 0x1000, 0, 0) &&
	       left(3, 0x1000, MAX + 1, 0) && left(3, 0x1000, ~0U, 0) &&
	       left(8, 0x1000, 64, 0) && left(0xffff, 0x1000, 64, 0) &&
	       left(3, GPA_HOLE, 64, 0) && left(3, GPA_HOLE - 1, 64, 0) &&
	       left(3, GPA_HIGH + SIZE_HIGH - 63, 64, 0) && left(3, ~0ULL, 64, 0) &&
	       left(3, ~0ULL - 63, 64, 0) && left(3, GPA_MID - 1, 64, 0);
}

/* Near the one before, but not where a longest buffer has room behind it. */
static bool over_the_end(void)
{
	guest_make(g, 8, 0, 0);
	offer(0, GPA_HIGH, 64, 0);
	offer(1, GPA_HIGH + SIZE_HIGH - MAX, MAX, 0);
	offer(2, GPA_HIGH + SIZE_HIGH - 64, 64, 0);
	offer(3, GPA_HIGH + SIZE_HIGH - MAX + 1, MAX, 0);
	return CHECK(take(8) == 3) && is(1, 1, UA_HIGH + SIZE_HIGH - MAX, MAX) &&
	       is(2, 2, UA_HIGH + SIZE_HIGH - 64, 64) && CHECK(!g->vr.error);
}

static bool from(const struct vhost_memory_region *r, u32 nr, u64 gpa, u64 uaddr)
{
	struct vxdp_memory *mem;
	int err;
	bool ok;

	guest_make(g, 8, 0, 0);
	mem = vxdp_memory_create(r, nr, &err);
	NEED(mem);
	g->vr.mem = mem;
	/* One to come near by, then the other. */
	offer(0, r[0].guest_phys_addr, MIN, 0);
	offer(1, gpa, MIN, 0);
	ok = CHECK(take(8) == 2) && is(0, 0, r[0].userspace_addr, MIN) &&
	     is(1, 1, uaddr, MIN);
	g->vr.mem = g->mem;
	vxdp_memory_free(mem);
	guest_drop(g);
	return ok;
}

/* Regions that are odd: shorter than the longest buffer, and one in another. */
static bool odd_regions(void)
{
	static const struct vhost_memory_region two[] = {
		{ .guest_phys_addr = 0x1000, .memory_size = 100, .userspace_addr = 0x70000 },
		{ .guest_phys_addr = 0x1064, .memory_size = 4096, .userspace_addr = 0x90000 },
	};
	static const struct vhost_memory_region over[] = {
		{ .guest_phys_addr = 0x3000, .memory_size = 8192, .userspace_addr = 0x70000 },
		{ .guest_phys_addr = 0x1000, .memory_size = 0x2800, .userspace_addr = 0x90000 },
	};

	return from(two, 2, 0x1064, 0x90000) && from(two, 2, 0x1000 + 90, 0x70000 + 90) &&
	       from(over, 1, 0x3400, 0x70400) && from(over + 1, 1, 0x3400, 0x92400);
}

/* In both: the lower one's, also behind one that is the higher one's alone. */
static bool overlap(void)
{
	struct vxdp_memory *mem;
	int err;
	const struct vhost_memory_region over[] = {
		{ .guest_phys_addr = 0x3000, .memory_size = 8192, .userspace_addr = 0x70000 },
		{ .guest_phys_addr = 0x1000, .memory_size = 0x2800, .userspace_addr = 0x90000 },
	};
	bool ok;

	guest_make(g, 8, 0, 0);
	mem = vxdp_memory_create(over, 2, &err);
	NEED(mem);
	g->vr.mem = mem;
	offer(0, 0x3900, MIN, 0);
	offer(1, 0x3400, MIN, 0);
	ok = CHECK(take(8) == 2) && is(0, 0, 0x70900, MIN) && is(1, 1, 0x92400, MIN);
	g->vr.mem = g->mem;
	vxdp_memory_free(mem);
	return ok;
}

/* For the other direction it is the other way round. */
static bool to_write(void)
{
	guest_make(g, 8, 0, 0);
	offer(0, 0x100, 64, D_WRITE);
	offer(1, 0x200, 65, D_WRITE);
	offer(2, 0x300, 66, 0);
	memset(got, 0xee, sizeof(got));
	return CHECK(take(8) == 0) &&
	       CHECK(vxdp_plain_next(&g->vr, got, 8, D_WRITE, MIN, MAX) == 2) &&
	       is(0, 0, UA_LOW + 0x100, 64) && is(1, 1, UA_LOW + 0x200, 65) &&
	       CHECK(take(8) == 1) && is(0, 2, UA_LOW + 0x300, 66);
}

static bool index_too_far(void)
{
	guest_make(g, 4, 0, 0);
	offer(0, 0x100, 64, 0);
	g->avail->idx = 5;
	if (!CHECK(take(8) == 0) || !CHECK(!g->vr.error) || !CHECK(g->vr.last_avail == 0))
		return false;
	return CHECK(guest_next(g) < 0) && CHECK(g->vr.error == VHOST_XDP_STAT_RING_AVAIL) &&
	       CHECK(take(8) == 0);
}

static bool broken_ring(void)
{
	guest_make(g, 4, 0, 0);
	offer(0, 0x100, 64, 0);
	g->vr.error = VHOST_XDP_STAT_RING_HEAD;
	return CHECK(take(8) == 0) && CHECK(g->vr.last_avail == 0);
}

static bool without_memory(void)
{
	guest_make(g, 4, 0, 0);
	offer(0, 0x100, 64, 0);
	g->vr.mem = NULL;
	return CHECK(take(8) == 0) && CHECK(!g->vr.error);
}

/* Whichever access faults: what came before is taken, the rest is still there. */
static bool faults(void)
{
	u32 n, i;

	for (n = 1; n <= 10; n++) {
		guest_make(g, 4, 0, 0);
		for (i = 0; i < 3; i++)
			offer(i, 0x100 * i, 64, 0);
		us_fail_access(n);
		/* avail->idx, then an entry and two words of a descriptor for each. */
		if (!CHECK(take(8) == (n == 1 ? 0 : (n - 2) / 3)) || !CHECK(!g->vr.error))
			return false;
		us_fail_access(0);
		for (i = g->vr.last_avail; i < 3; i++) {
			if (!CHECK(guest_next(g) == 1) || !CHECK(g->chain.head == i))
				return false;
		}
		guest_drop(g);
	}
	return true;
}

static bool not_user_space(void)
{
	guest_make(g, 4, 0, 0);
	offer(0, 0x100, 64, 0);
	g->vr.desc = US_TASK_SIZE - 63;
	if (!CHECK(take(8) == 0))
		return false;
	g->vr.desc = UA_DESC;
	g->vr.avail = US_TASK_SIZE - 11;
	return CHECK(take(8) == 0) && CHECK(!g->vr.error);
}

/* The order of (B): nothing that was read before the index is believed after it. */
static u32 accesses;

static void driver_acts(void)
{
	/* Between the index and the barrier: too late for this round. */
	if (++accesses == 2)
		offer(1, 0x200, 65, 0);
}

static bool index_is_read_once(void)
{
	guest_make(g, 4, 0, 0);
	offer(0, 0x100, 64, 0);
	accesses = 0;
	us_hook(driver_acts);
	if (!CHECK(take(8) == 1) || !is(0, 0, UA_LOW + 0x100, 64))
		return false;
	us_hook(NULL);
	return CHECK(take(8) == 1) && is(0, 1, UA_LOW + 0x200, 65);
}

/* Where enough are known there is no look at the index, as of the others. */
static bool index_is_cached(void)
{
	unsigned long before;
	u32 i;

	guest_make(g, 8, 0, 0);
	for (i = 0; i < 6; i++)
		offer(i, 0x100, 64, 0);
	before = us_accesses();
	if (!CHECK(take(2) == 2) || !CHECK(us_accesses() - before == 7))
		return false;
	before = us_accesses();
	return CHECK(take(2) == 2) && CHECK(us_accesses() - before == 6);
}

static const struct {
	const char *name;
	bool (*run)(void);
} cases[] = {
	{ "in order", in_order },
	{ "over every wrap, any number at a time", all_laps },
	{ "what is not plain is left", others_are_left },
	{ "over the end of the region before", over_the_end },
	{ "odd regions", odd_regions },
	{ "regions that overlap", overlap },
	{ "to write", to_write },
	{ "an index too far is left", index_too_far },
	{ "nothing of a broken ring", broken_ring },
	{ "nothing without a memory table", without_memory },
	{ "a fault leaves the rest", faults },
	{ "parts outside of user space", not_user_space },
	{ "the index is read once, and first", index_is_read_once },
	{ "the index is not read where enough is known", index_is_cached },
};

int main(void)
{
	unsigned int i;
	bool ok;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		us_reset();
		ktap_case(60, "plain: %s", cases[i].name);
		ok = cases[i].run();
		guest_drop(g);
		ktap_ok(us_clean() && ok);
	}
	us_reset();
	return ktap_done();
}
