// SPDX-License-Identifier: GPL-2.0
/*
 * test_vring.c - what a well-behaved driver sees of kmod/core/vring.c.
 */
#include <linux/vhost_xdp.h>

#include "guest.h"
#include "ktap.h"

static struct guest guest, *g = &guest;

static bool piece_is(u32 i, u64 uaddr, u64 len)
{
	return CHECK((u64)g->iov[i].iov_base == uaddr) && CHECK(g->iov[i].iov_len == len);
}

static bool chain_is(u32 head, u32 out_num, u64 out_len, u32 in_num, u64 in_len)
{
	const struct vxdp_chain *c = &g->chain;

	return CHECK(c->head == head) && CHECK(c->out_num == out_num) &&
	       CHECK(c->out_len == out_len) && CHECK(c->in_num == in_num) &&
	       CHECK(c->in_len == in_len);
}

static bool sizes(void)
{
	struct vxdp_vring plain = { .num = 4 }, event = { .num = 4, .features = F_EVENT_IDX };

	return CHECK(vxdp_vring_desc_size(1) == 16) &&
	       CHECK(vxdp_vring_desc_size(32768) == 524288) &&
	       CHECK(vxdp_vring_avail_size(&plain, 256) == 4 + 512) &&
	       CHECK(vxdp_vring_avail_size(&event, 256) == 4 + 512 + 2) &&
	       CHECK(vxdp_vring_used_size(&plain, 256) == 4 + 2048) &&
	       CHECK(vxdp_vring_used_size(&event, 256) == 4 + 2048 + 2);
}

static bool access_ok_parts(void)
{
	struct vxdp_vring vr = { .num = 256, .features = F_EVENT_IDX };
	u64 end = US_TASK_SIZE, d = end - 4096, a = end - 518, u = end - 2054;

	return CHECK(vxdp_vring_access_ok(&vr, d, a, u)) &&
	       CHECK(!vxdp_vring_access_ok(&vr, d + 1, a, u)) &&
	       CHECK(!vxdp_vring_access_ok(&vr, d, a + 1, u)) &&
	       CHECK(!vxdp_vring_access_ok(&vr, d, a, u + 1)) &&
	       CHECK(!vxdp_vring_access_ok(&vr, ~0ULL, a, u));
}

static bool start(void)
{
	guest_make(g, 4, 0, 7);
	g->used->idx = 0xfffe;
	g->used->flags = 0x77;
	g->vr.error = VHOST_XDP_STAT_RING_HEAD;
	g->vr.signalled_valid = true;
	g->vr.avail_idx = 99;
	g->vr.used_flags = VRING_USED_F_NO_NOTIFY;
	return CHECK(!vxdp_vring_start(&g->vr)) && CHECK(g->vr.last_used == 0xfffe) &&
	       CHECK(g->vr.avail_idx == 7) && CHECK(g->vr.last_avail == 7) &&
	       CHECK(!g->vr.error) && CHECK(!g->vr.signalled_valid) &&
	       CHECK(g->used->flags == VRING_USED_F_NO_NOTIFY);
}

static bool start_fails(void)
{
	struct vxdp_vring before;
	unsigned int n;

	guest_make(g, 4, 0, 7);
	g->used->idx = 55;
	before = g->vr;
	guest_log(g, GPA_HIGH);
	before.log_base = g->vr.log_base;
	before.log_addr = g->vr.log_addr;
	before.log_used = before.log_all = true;
	for (n = 1; n <= 3; n++) {
		us_fail_access(n);
		if (!CHECK(vxdp_vring_start(&g->vr) == -EFAULT) ||
		    !CHECK(!memcmp(&before, &g->vr, sizeof(before))))
			return false;
	}
	us_fail_access(0);
	return CHECK(!vxdp_vring_start(&g->vr)) && CHECK(g->vr.last_used == 55);
}

static bool chain_of_both(void)
{
	guest_make(g, 8, 0, 0);
	guest_desc(g->desc, 5, 0x1000, 12, D_NEXT, 2);
	guest_desc(g->desc, 2, 0xfff0, 0x20, D_NEXT, 7);
	guest_desc(g->desc, 7, GPA_HIGH + 3, 100, D_NEXT | D_WRITE, 0);
	guest_desc(g->desc, 0, GPA_MID, 1, D_WRITE, 6);
	if (!CHECK(guest_next(g) == 0) || !CHECK(!g->vr.error))
		return false;
	guest_offer(g, 5);
	return CHECK(guest_next(g) == 1) && chain_is(5, 3, 44, 2, 101) &&
	       piece_is(0, UA_LOW + 0x1000, 12) && piece_is(1, UA_LOW + 0xfff0, 0x10) &&
	       piece_is(2, UA_MID, 0x10) && piece_is(3, UA_HIGH + 3, 100) &&
	       piece_is(4, UA_MID, 1) && CHECK(g->vr.last_avail == 1) &&
	       CHECK(guest_next(g) == 0);
}

/* An empty buffer beside a full one is no error, and no piece. */
static bool empty_buffers(void)
{
	guest_make(g, 8, 0, 0);
	guest_desc(g->desc, 0, GPA_HOLE, 0, D_NEXT, 1);
	guest_desc(g->desc, 1, 0x1000, 5, D_NEXT, 2);
	guest_desc(g->desc, 2, 0, 0, D_WRITE, 0);
	guest_offer(g, 0);
	return CHECK(guest_next(g) == 1) && chain_is(0, 1, 5, 0, 0);
}

static bool longest_chain(void)
{
	u32 i;

	guest_make(g, 2048, 0, 0);
	for (i = 0; i < 1024; i++)
		guest_desc(g->desc, i, i, 1, i < 1023 ? D_NEXT : 0, i + 1);
	guest_offer(g, 0);
	return CHECK(guest_next(g) == 1) && chain_is(0, 1024, 1024, 0, 0) &&
	       piece_is(1023, UA_LOW + 1023, 1);
}

/* Once around the index for rings that are small, once around the ring for all. */
static bool lap(u32 num, u16 base)
{
	u32 i, rounds = num > 256 ? num + 3 : 70000;
	struct vxdp_used used;

	guest_make(g, num, 0, base);
	for (i = 0; i < rounds; i++) {
		u16 head = (i * 7) & (num - 1);
		u32 at = (u16)(base + i) % num;

		guest_desc(g->desc, head, 0x100 + i % 512, 1 + i % 99, 0, 0);
		guest_offer(g, head);
		if (!CHECK(!vxdp_vring_empty(&g->vr)) || !CHECK(guest_next(g) == 1) ||
		    !chain_is(head, 1, 1 + i % 99, 0, 0))
			break;
		used = (struct vxdp_used){ head, i };
		if (!CHECK(!vxdp_vring_add_used(&g->vr, &used, 1)) ||
		    !CHECK(g->used->ring[at].id == head) ||
		    !CHECK(g->used->ring[at].len == i) ||
		    !CHECK(g->used->idx == (u16)(base + i + 1)) ||
		    !CHECK(vxdp_vring_empty(&g->vr)))
			break;
	}
	if (i == rounds)
		return true;
	ktap_diag("num %u, base %u, round %u", num, base, i);
	return false;
}

static bool laps_of(u32 num)
{
	bool ok;

	ok = lap(num, 0);
	guest_drop(g);
	ok = ok && lap(num, 0xfff0);
	guest_drop(g);
	return ok && lap(num, 0xffff);
}

static bool laps_1(void)	{ return laps_of(1); }
static bool laps_2(void)	{ return laps_of(2); }
static bool laps_256(void)	{ return laps_of(256); }
static bool laps_32768(void)	{ return laps_of(32768); }

/* All of the ring offered at once, over the wrap of the index. */
static bool full_ring(u32 num)
{
	static struct vxdp_used used[32768];
	u16 base = 0 - num / 2 - 1;
	u32 i;

	guest_make(g, num, 0, base);
	for (i = 0; i < num; i++) {
		guest_desc(g->desc, i, i, 1, D_WRITE, 0);
		guest_offer(g, num - 1 - i);
	}
	for (i = 0; i < num; i++) {
		if (!CHECK(guest_next(g) == 1) || !chain_is(num - 1 - i, 0, 0, 1, 1))
			return false;
		used[i] = (struct vxdp_used){ g->chain.head, i };
	}
	if (!CHECK(guest_next(g) == 0) || !CHECK(!vxdp_vring_add_used(&g->vr, used, num)))
		return false;
	for (i = 0; i < num; i++) {
		if (!CHECK(g->used->ring[(u16)(base + i) % num].id == num - 1 - i))
			return false;
	}
	return CHECK(g->used->idx == (u16)(base + num));
}

static bool full_rings(void)
{
	static const u32 nums[] = { 1, 2, 4, 256, 32768 };
	bool ok = true;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(nums) && ok; i++) {
		ok = full_ring(nums[i]);
		guest_drop(g);
	}
	return ok;
}

static bool rewinds(void)
{
	u32 i;

	guest_make(g, 8, 0, 0xfffe);
	for (i = 0; i < 5; i++) {
		guest_desc(g->desc, i, i * 16, 8, 0, 0);
		guest_offer(g, i);
	}
	for (i = 0; i < 5; i++) {
		if (!CHECK(guest_next(g) == 1))
			return false;
	}
	if (!CHECK(vxdp_vring_empty(&g->vr)))
		return false;
	vxdp_vring_rewind(&g->vr, 3);
	if (!CHECK(!vxdp_vring_empty(&g->vr)))
		return false;
	for (i = 2; i < 5; i++) {
		if (!CHECK(guest_next(g) == 1) || !chain_is(i, 1, 8, 0, 0))
			return false;
	}
	return CHECK(guest_next(g) == 0);
}

/* Once seen, chains are not looked for again: avail->idx is read when they end. */
static bool index_is_cached(void)
{
	unsigned long before;
	u32 i;

	guest_make(g, 8, 0, 0);
	for (i = 0; i < 3; i++) {
		guest_desc(g->desc, i, 0, 8, 0, 0);
		guest_offer(g, i);
	}
	before = us_accesses();
	/* idx, entry, descriptor; then entry, descriptor. */
	return CHECK(guest_next(g) == 1) && CHECK(us_accesses() - before == 3) &&
	       CHECK(!vxdp_vring_empty(&g->vr)) && CHECK(us_accesses() - before == 3) &&
	       CHECK(guest_next(g) == 1) && CHECK(us_accesses() - before == 5);
}

static struct vring_desc *table_at(u64 gpa, u32 count)
{
	return guest_at(gpa, count * sizeof(struct vring_desc));
}

static bool indirect(void)
{
	struct vring_desc *t;

	guest_make(g, 4, 0, 0);
	t = table_at(GPA_HIGH, 4);
	guest_desc(t, 0, 0x1000, 12, D_NEXT, 3);
	guest_desc(t, 3, 0x2000, 30, D_NEXT | D_WRITE, 1);
	guest_desc(t, 1, 0x3000, 40, D_WRITE, 2);
	guest_desc(g->desc, 2, GPA_HIGH, 4 * 16, D_INDIRECT, 0);
	guest_offer(g, 2);
	/* virtio 1.2, 2.7.5.3.2: the device ignores F_WRITE beside F_INDIRECT. */
	guest_desc(g->desc, 3, GPA_HIGH, 4 * 16, D_INDIRECT | D_WRITE, 0);
	guest_offer(g, 3);
	return CHECK(guest_next(g) == 1) && chain_is(2, 1, 12, 2, 70) &&
	       piece_is(0, UA_LOW + 0x1000, 12) && piece_is(1, UA_LOW + 0x2000, 30) &&
	       piece_is(2, UA_LOW + 0x3000, 40) && CHECK(guest_next(g) == 1) &&
	       chain_is(3, 1, 12, 2, 70);
}

static bool indirect_after_direct(void)
{
	struct vring_desc *t;

	guest_make(g, 4, 0, 0);
	t = table_at(0x100, 2);
	guest_desc(t, 0, 0x2000, 3, D_NEXT, 1);
	guest_desc(t, 1, 0x3000, 4, 0, 0);
	guest_desc(g->desc, 0, 0x1000, 2, D_NEXT, 1);
	guest_desc(g->desc, 1, 0x100, 32, D_INDIRECT | D_NEXT, 2);
	guest_desc(g->desc, 2, 0x4000, 5, D_WRITE, 0);
	guest_offer(g, 0);
	return CHECK(guest_next(g) == 1) && chain_is(0, 3, 9, 1, 5);
}

/* Each split of a descriptor between two regions of the memory table. */
static bool indirect_crosses(void)
{
	u32 skew, i;
	bool ok;
	u8 *low, *mid;

	for (skew = 1; skew < 48; skew++) {
		struct vring_desc t[3];

		guest_make(g, 4, 0, 0);
		for (i = 0; i < 3; i++)
			guest_desc(t, i, 0x1000 * i, 7 + i, i < 2 ? D_NEXT : 0, i + 1);
		low = guest_at(GPA_MID - skew, skew);
		mid = guest_at(GPA_MID, sizeof(t) - skew);
		memcpy(low, t, skew);
		memcpy(mid, (u8 *)t + skew, sizeof(t) - skew);
		guest_desc(g->desc, 1, GPA_MID - skew, sizeof(t), D_INDIRECT, 0);
		guest_offer(g, 1);
		ok = CHECK(guest_next(g) == 1) && chain_is(1, 3, 24, 0, 0) &&
		     piece_is(2, UA_LOW + 0x2000, 9);
		guest_drop(g);
		if (!ok)
			return false;
	}
	return true;
}

/* The largest table there is: 65536 entries, though a chain uses few of them. */
static bool indirect_largest(void)
{
	struct vring_desc *t;

	guest_make(g, 4, 0, 0);
	t = table_at(GPA_HIGH, 65536);
	guest_desc(t, 0, 0, 1, D_NEXT, 65535);
	guest_desc(t, 65535, 1, 1, 0, 0);
	guest_desc(g->desc, 0, GPA_HIGH, 65536 * 16, D_INDIRECT, 0);
	guest_offer(g, 0);
	return CHECK(guest_next(g) == 1) && chain_is(0, 2, 2, 0, 0);
}

/* Linux chains more buffers over indirect tables than a small ring has entries. */
static bool indirect_longer_than_ring(void)
{
	struct vring_desc *t;
	u32 i;

	guest_make(g, 1, 0, 0);
	t = table_at(GPA_HIGH, 1024);
	for (i = 0; i < 1024; i++)
		guest_desc(t, i, i, 1, i < 1023 ? D_NEXT : 0, i + 1);
	guest_desc(g->desc, 0, GPA_HIGH, 1024 * 16, D_INDIRECT, 0);
	guest_offer(g, 0);
	return CHECK(guest_next(g) == 1) && chain_is(0, 1024, 1024, 0, 0);
}

static bool used_batches(void)
{
	struct vxdp_used used[8];
	u32 at, n, i;

	for (at = 0; at < 8; at++) {
		for (n = 0; n <= 8; n++) {
			guest_make(g, 8, 0, 0xfff8 + at);
			for (i = 0; i < n; i++)
				used[i] = (struct vxdp_used){ 100 + i, 1000 + i };
			if (!CHECK(!vxdp_vring_add_used(&g->vr, used, n)) ||
			    !CHECK(g->used->idx == (u16)(0xfff8 + at + n)))
				return false;
			for (i = 0; i < 8; i++) {
				u32 k = (i - at) & 7;

				if (!CHECK(g->used->ring[i].id == (k < n ? 100 + k : 0)) ||
				    !CHECK(g->used->ring[i].len == (k < n ? 1000 + k : 0)))
					return false;
			}
			guest_drop(g);
		}
	}
	return true;
}

/* The entries are there before the index says so: look at each write. */
static u16 seen_idx;
static bool seen_early;

static void driver_looks(void)
{
	u16 i;

	for (i = seen_idx; i != g->used->idx; i++) {
		if (g->used->ring[i % 8].id != 7)
			seen_early = true;
	}
}

static bool index_comes_last(void)
{
	struct vxdp_used used[5] = { { 7, 1 }, { 7, 2 }, { 7, 3 }, { 7, 4 }, { 7, 5 } };

	guest_make(g, 8, 0, 5);
	seen_idx = 5;
	seen_early = false;
	us_hook(driver_looks);
	return CHECK(!vxdp_vring_add_used(&g->vr, used, 5)) && CHECK(g->used->idx == 10) &&
	       CHECK(!seen_early);
}

static const struct {
	const char *name;
	bool (*run)(void);
} cases[] = {
	{ "sizes of the parts", sizes },
	{ "the end of user space, for each part", access_ok_parts },
	{ "start takes the used index over", start },
	{ "a start that fails changes nothing", start_fails },
	{ "a chain to read and write, over two regions", chain_of_both },
	{ "empty buffers beside full ones", empty_buffers },
	{ "a chain of 1024 buffers", longest_chain },
	{ "a ring of 1, around the index", laps_1 },
	{ "a ring of 2, around the index", laps_2 },
	{ "a ring of 256, around the index", laps_256 },
	{ "a ring of 32768, around the ring", laps_32768 },
	{ "a full ring taken and given back at once", full_rings },
	{ "rewind", rewinds },
	{ "the index is read when what it said is used up", index_is_cached },
	{ "an indirect table", indirect },
	{ "an indirect table in the midst of a chain", indirect_after_direct },
	{ "an indirect table over two regions, at every byte", indirect_crosses },
	{ "an indirect table of 65536", indirect_largest },
	{ "a table longer than the ring", indirect_longer_than_ring },
	{ "batches at every place of the used ring", used_batches },
	{ "used entries come before the used index", index_comes_last },
};

int main(void)
{
	unsigned int i;
	bool ok;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		us_reset();
		ktap_case(60, "vring: %s", cases[i].name);
		ok = cases[i].run();
		guest_drop(g);
		ktap_ok(us_clean() && ok);
	}
	us_reset();
	return ktap_done();
}
