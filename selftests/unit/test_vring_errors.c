// SPDX-License-Identifier: GPL-2.0
/*
 * test_vring_errors.c - each way in which a ring can be wrong, the counter it is
 * counted under, and that a broken ring is left alone.
 */
#include <linux/vhost_xdp.h>

#include "guest.h"
#include "ktap.h"
#include "random.h"

static struct guest guest, *g = &guest;

/* The ring breaks now, for this reason, and stays so: nothing more is read. */
static bool breaks(u32 error)
{
	u16 taken = g->vr.last_avail;
	unsigned long before;

	if (!CHECK(guest_next(g) < 0) || !CHECK(g->vr.error == error) ||
	    !CHECK(g->vr.last_avail == taken)) {
		ktap_diag("error %u, expected %u", g->vr.error, error);
		return false;
	}
	us_fail_access(0);
	before = us_accesses();
	return CHECK(guest_next(g) < 0) && CHECK(vxdp_vring_empty(&g->vr)) &&
	       CHECK(!vxdp_vring_enable_kick(&g->vr)) && CHECK(g->vr.error == error) &&
	       CHECK((vxdp_vring_disable_kick(&g->vr), us_accesses() == before));
}

static bool next_breaks(u32 error)
{
	bool ok;

	guest_offer(g, 0);
	ok = breaks(error);
	guest_drop(g);
	return ok;
}

static bool one_desc_breaks(u32 error, u64 gpa, u32 len, u16 flags, u16 next)
{
	guest_make(g, 4, 0, 0);
	guest_desc(g->desc, 0, gpa, len, flags, next);
	return next_breaks(error);
}

static bool head(void)
{
	u16 heads[] = { 4, 5, 0x7fff, 0xffff };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(heads); i++) {
		guest_make(g, 4, 0, 0);
		guest_offer(g, heads[i]);
		if (!breaks(VHOST_XDP_STAT_RING_HEAD))
			return false;
		guest_drop(g);
	}
	return true;
}

static bool next(void)
{
	return one_desc_breaks(VHOST_XDP_STAT_RING_NEXT, 0, 1, D_NEXT, 4) &&
	       one_desc_breaks(VHOST_XDP_STAT_RING_NEXT, 0, 1, D_NEXT, 0xffff);
}

/* What ends the walk is a bound: the accesses show that it is the one we state. */
static bool loops_after(u32 descs)
{
	guest_offer(g, 0);
	return breaks(VHOST_XDP_STAT_RING_LOOP) && CHECK(us_accesses() <= descs + 5);
}

static bool loop_to_itself(void)
{
	guest_make(g, 1, 0, 0);
	guest_desc(g->desc, 0, 0, 0, D_NEXT, 0);
	return loops_after(1025);
}

static bool loop_of_a_ring(void)
{
	u32 i;

	guest_make(g, 1024, 0, 0);
	for (i = 0; i < 1024; i++)
		guest_desc(g->desc, i, 0, 0, D_NEXT, (i + 1) % 1024);
	return loops_after(1025);
}

static bool no_loop_of_a_ring(void)
{
	u32 i;

	guest_make(g, 1024, 0, 0);
	for (i = 0; i < 1024; i++)
		guest_desc(g->desc, i, 0, i == 1023, i < 1023 ? D_NEXT : 0, i + 1);
	guest_offer(g, 0);
	return CHECK(guest_next(g) == 1);
}

static bool loop_in_a_table(void)
{
	guest_make(g, 4, 0, 0);
	guest_desc(guest_at(0x1000, 32), 0, 0, 0, D_NEXT, 1);
	guest_desc(guest_at(0x1000, 32), 1, 0, 0, D_NEXT, 0);
	guest_desc(g->desc, 0, 0x1000, 32, D_INDIRECT, 0);
	return loops_after(1025 + 1);
}

/* Each of the ring's descriptors is a table, over and over. */
static bool loop_of_tables(void)
{
	guest_make(g, 2, 0, 0);
	guest_desc(guest_at(0x1000, 16), 0, 0, 0, 0, 0);
	guest_desc(g->desc, 0, 0x1000, 16, D_INDIRECT | D_NEXT, 1);
	guest_desc(g->desc, 1, 0x1000, 16, D_INDIRECT | D_NEXT, 0);
	return loops_after(2 * 1025);
}

static bool indirect_length(void)
{
	u32 e = VHOST_XDP_STAT_RING_INDIRECT;

	return one_desc_breaks(e, 0x1000, 0, D_INDIRECT, 0) &&
	       one_desc_breaks(e, 0x1000, 15, D_INDIRECT, 0) &&
	       one_desc_breaks(e, 0x1000, 17, D_INDIRECT, 0) &&
	       one_desc_breaks(e, GPA_HIGH, 65537 * 16, D_INDIRECT, 0) &&
	       one_desc_breaks(e, GPA_HIGH, 0xfffffff0, D_INDIRECT, 0);
}

static bool indirect_address(void)
{
	u32 e = VHOST_XDP_STAT_RING_INDIRECT;

	return one_desc_breaks(e, GPA_HOLE, 16, D_INDIRECT, 0) &&
	       one_desc_breaks(e, GPA_HOLE - 15, 16, D_INDIRECT, 0) &&
	       one_desc_breaks(e, ~0ULL - 7, 16, D_INDIRECT, 0);
}

/* A table that wraps, entered by way of its first entry. */
static bool indirect_wraps(void)
{
	struct vhost_memory_region r = {
		.guest_phys_addr = 0ULL - 16, .memory_size = 16, .userspace_addr = UA_HIGH,
	};
	bool ok;
	int err;

	guest_make(g, 4, 0, 0);
	vxdp_memory_free(g->mem);
	g->mem = vxdp_memory_create(&r, 1, &err);
	NEED(g->mem);
	g->vr.mem = g->mem;
	guest_desc(us_at(UA_HIGH, 16), 0, 0ULL - 16, 1, D_NEXT, 1);
	guest_desc(g->desc, 0, 0ULL - 16, 32, D_INDIRECT, 0);
	guest_offer(g, 0);
	ok = breaks(VHOST_XDP_STAT_RING_INDIRECT);
	return ok;
}

static bool indirect_nested(void)
{
	guest_make(g, 4, 0, 0);
	guest_desc(guest_at(0x1000, 32), 0, 0, 8, D_NEXT, 1);
	guest_desc(guest_at(0x1000, 32), 1, 0x1000, 32, D_INDIRECT, 0);
	guest_desc(g->desc, 0, 0x1000, 32, D_INDIRECT, 0);
	return next_breaks(VHOST_XDP_STAT_RING_INDIRECT);
}

static bool indirect_next(void)
{
	guest_make(g, 4, 0, 0);
	guest_desc(guest_at(0x1000, 32), 0, 0, 8, D_NEXT, 2);
	guest_desc(g->desc, 0, 0x1000, 32, D_INDIRECT, 0);
	return next_breaks(VHOST_XDP_STAT_RING_NEXT);
}

static bool indirect_fault(void)
{
	return one_desc_breaks(VHOST_XDP_STAT_RING_FAULT, GPA_UNMAPPED, 16, D_INDIRECT, 0);
}

static bool addr(void)
{
	u32 e = VHOST_XDP_STAT_RING_ADDR;

	return one_desc_breaks(e, GPA_HOLE, 1, 0, 0) &&
	       one_desc_breaks(e, GPA_HOLE, 1, D_WRITE, 0) &&
	       one_desc_breaks(e, GPA_HOLE - 1, 2, 0, 0) &&
	       one_desc_breaks(e, GPA_HIGH + SIZE_HIGH - 1, 2, 0, 0) &&
	       one_desc_breaks(e, 0, 0xffffffff, D_WRITE, 0) &&
	       one_desc_breaks(e, ~0ULL, 1, 0, 0);
}

static bool no_table(void)
{
	guest_make(g, 4, 0, 0);
	g->vr.mem = NULL;
	guest_desc(g->desc, 0, 0, 1, 0, 0);
	return next_breaks(VHOST_XDP_STAT_RING_ADDR);
}

/* The core does not touch buffers: that one is unmapped is found by who copies. */
static bool unmapped_buffer(void)
{
	guest_make(g, 4, 0, 0);
	guest_desc(g->desc, 0, GPA_UNMAPPED, 8, 0, 0);
	guest_offer(g, 0);
	return CHECK(guest_next(g) == 1);
}

static bool len_zero(void)
{
	guest_make(g, 4, 0, 0);
	guest_desc(g->desc, 0, 0, 0, D_NEXT, 1);
	guest_desc(g->desc, 1, 0, 0, D_WRITE, 0);
	return next_breaks(VHOST_XDP_STAT_RING_LEN);
}

/* 512 buffers over two regions of the table fill the room, one more does not fit. */
static bool too_many_pieces(void)
{
	u32 i, n;

	for (n = 512; n <= 513; n++) {
		guest_make(g, 1024, 0, 0);
		for (i = 0; i < n; i++)
			guest_desc(g->desc, i, GPA_MID - 1, 2, i < n - 1 ? D_NEXT : 0, i + 1);
		guest_offer(g, 0);
		if (n == 512 ? !CHECK(guest_next(g) == 1) : !breaks(VHOST_XDP_STAT_RING_LEN))
			return false;
		guest_drop(g);
	}
	return true;
}

/* The caller's room, not ours: one piece of two fits. */
static bool no_room(void)
{
	struct vxdp_chain c = { .iov = g->iov, .iov_max = 1 };

	guest_make(g, 4, 0, 0);
	guest_desc(g->desc, 0, GPA_MID - 1, 2, 0, 0);
	guest_offer(g, 0);
	g->iov[1].iov_len = 77;
	return CHECK(vxdp_vring_next(&g->vr, &c) < 0) &&
	       CHECK(g->vr.error == VHOST_XDP_STAT_RING_LEN) && CHECK(g->iov[1].iov_len == 77);
}

static bool order(void)
{
	guest_make(g, 4, 0, 0);
	guest_desc(g->desc, 0, 0, 1, D_NEXT | D_WRITE, 1);
	guest_desc(g->desc, 1, 0, 1, 0, 0);
	return next_breaks(VHOST_XDP_STAT_RING_ORDER);
}

static bool order_in_a_table(void)
{
	guest_make(g, 4, 0, 0);
	guest_desc(guest_at(0x1000, 32), 0, 0, 8, D_WRITE, 0);
	guest_desc(g->desc, 0, 0x1000, 32, D_INDIRECT | D_NEXT, 1);
	guest_desc(g->desc, 1, 0, 1, 0, 0);
	return next_breaks(VHOST_XDP_STAT_RING_ORDER);
}

static bool avail(void)
{
	u32 nums[] = { 1, 4, 32768 }, i;

	for (i = 0; i < ARRAY_SIZE(nums); i++) {
		guest_make(g, nums[i], 0, 0xfffe);
		g->avail->idx = 0xfffe + nums[i];
		if (!CHECK(!vxdp_vring_empty(&g->vr)) || !CHECK(!g->vr.error))
			return false;
		guest_drop(g);
		guest_make(g, nums[i], 0, 0xfffe);
		g->avail->idx = 0xfffe + nums[i] + 1;
		if (!breaks(VHOST_XDP_STAT_RING_AVAIL))
			return false;
		guest_drop(g);
		guest_make(g, nums[i], 0, 0xfffe);
		g->avail->idx = 0xfffd;
		if (!CHECK(vxdp_vring_empty(&g->vr)) ||
		    !breaks(VHOST_XDP_STAT_RING_AVAIL))
			return false;
		guest_drop(g);
	}
	return true;
}

static bool enable_kick_sees_it(void)
{
	guest_make(g, 4, 0, 0);
	g->avail->idx = 5;
	return CHECK(!vxdp_vring_enable_kick(&g->vr)) && breaks(VHOST_XDP_STAT_RING_AVAIL);
}

/* Every access of vxdp_vring_next() in its turn: idx, entry, table, descriptors. */
static bool faults_of_next(void)
{
	unsigned int n;

	for (n = 1; n <= 6; n++) {
		guest_make(g, 4, 0, 0);
		guest_desc(guest_at(0x1000, 32), 0, 0, 8, D_NEXT, 1);
		guest_desc(guest_at(0x1000, 32), 1, 0, 8, 0, 0);
		guest_desc(g->desc, 0, 0x1000, 32, D_INDIRECT | D_NEXT, 1);
		guest_desc(g->desc, 1, 0, 8, 0, 0);
		guest_offer(g, 0);
		us_fail_access(n);
		if (!breaks(VHOST_XDP_STAT_RING_FAULT))
			return false;
		guest_drop(g);
	}
	return true;
}

static bool faults_of_parts(void)
{
	u64 parts[] = { UA_AVAIL, UA_DESC };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		guest_make(g, 4, 0, 0);
		guest_offer(g, 0);
		us_unmap(parts[i]);
		if (!breaks(VHOST_XDP_STAT_RING_FAULT))
			return false;
		guest_drop(g);
	}
	return true;
}

/* Two runs, with the log of each, then the index and its log. */
static bool faults_of_add_used(void)
{
	struct vxdp_used used[3] = {};
	unsigned int n;

	for (n = 1; n <= 6; n++) {
		guest_make(g, 4, 0, 2);
		guest_log(g, GPA_HIGH);
		us_fail_access(n);
		if (!CHECK(vxdp_vring_add_used(&g->vr, used, 3) < 0) ||
		    !CHECK(g->vr.error == VHOST_XDP_STAT_RING_FAULT))
			return false;
		guest_drop(g);
	}
	guest_make(g, 4, 0, 2);
	us_read_only(UA_USED);
	return CHECK(vxdp_vring_add_used(&g->vr, used, 1) < 0) &&
	       CHECK(g->vr.error == VHOST_XDP_STAT_RING_FAULT);
}

static bool faults_of_kick(void)
{
	u64 features[] = { 0, F_EVENT_IDX };
	unsigned int n;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(features); i++) {
		for (n = 1; n <= 3; n++) {
			guest_make(g, 4, features[i], 0);
			guest_log(g, GPA_HIGH);
			us_fail_access(n);
			if (!CHECK(!vxdp_vring_enable_kick(&g->vr)) ||
			    !CHECK(g->vr.error == VHOST_XDP_STAT_RING_FAULT))
				return false;
			guest_drop(g);
		}
	}
	guest_make(g, 4, 0, 0);
	us_fail_access(1);
	vxdp_vring_disable_kick(&g->vr);
	return CHECK(g->vr.error == VHOST_XDP_STAT_RING_FAULT);
}

static bool fault_of_the_log(void)
{
	guest_make(g, 4, 0, 0);
	guest_log(g, GPA_HIGH);
	guest_desc(g->desc, 0, 0, 8, D_WRITE, 0);
	guest_offer(g, 0);
	if (!CHECK(guest_next(g) == 1))
		return false;
	us_unmap(UA_LOG);
	return CHECK(vxdp_vring_log_chain(&g->vr, &g->chain, 8) < 0) &&
	       CHECK(g->vr.error == VHOST_XDP_STAT_RING_FAULT);
}

static bool more_than_the_ring(void)
{
	struct vxdp_used used[5] = {};

	guest_make(g, 4, 0, 0);
	return CHECK(vxdp_vring_add_used(&g->vr, used, 5) < 0) &&
	       CHECK(g->vr.error == VHOST_XDP_STAT_RING_AVAIL) && CHECK(!g->used->idx) &&
	       CHECK(us_accesses() == 2);
}

/* What was taken before it broke can still be given back, and the first error stays. */
static bool gives_back_when_broken(void)
{
	struct vxdp_used used = { 1, 2 };

	guest_make(g, 4, 0, 0);
	guest_offer(g, 9);
	if (!breaks(VHOST_XDP_STAT_RING_HEAD) ||
	    !CHECK(!vxdp_vring_add_used(&g->vr, &used, 1)) || !CHECK(g->used->idx == 1))
		return false;
	us_read_only(UA_USED);
	return CHECK(vxdp_vring_add_used(&g->vr, &used, 1) < 0) &&
	       CHECK(g->vr.error == VHOST_XDP_STAT_RING_HEAD);
}

static bool starts_again(void)
{
	guest_make(g, 4, 0, 0);
	guest_desc(g->desc, 0, 0, 8, 0, 0);
	guest_offer(g, 9);
	if (!breaks(VHOST_XDP_STAT_RING_HEAD))
		return false;
	g->avail->ring[0] = 0;
	return CHECK(!vxdp_vring_start(&g->vr)) && CHECK(guest_next(g) == 1) &&
	       CHECK(g->chain.head == 0);
}

/* Every piece lies in the table's user addresses; lengths and counts agree. */
static bool chain_is_sound(void)
{
	const struct vxdp_chain *c = &g->chain;
	u64 len = 0;
	u32 i;

	if (!CHECK(c->head < g->vr.num) || !CHECK(c->out_num + c->in_num <= c->iov_max))
		return false;
	for (i = 0; i < c->out_num + c->in_num; i++) {
		u64 a = (u64)g->iov[i].iov_base, n = g->iov[i].iov_len;

		len += n;
		if (!CHECK(n && ((a >= UA_LOW && a + n <= UA_LOW + SIZE_LOW) ||
				 (a >= UA_MID && a + n <= UA_MID + SIZE_MID) ||
				 (a >= UA_HIGH && a + n <= UA_HIGH + SIZE_HIGH) ||
				 (a >= UA_UNMAPPED && a + n <= UA_UNMAPPED + SIZE_UNMAPPED))))
			return false;
	}
	return CHECK(len == c->out_len + c->in_len);
}

static u64 random_gpa(void)
{
	static const u64 bases[] = { 0, GPA_MID, GPA_HOLE, GPA_UNMAPPED, GPA_HIGH };

	return bases[random_below(ARRAY_SIZE(bases))] + random_below(0x10000) -
	       random_below(64);
}

static void random_table(struct vring_desc *t, u32 nr)
{
	u32 i;

	for (i = 0; i < nr; i++) {
		u32 len = random_below(4) ? random_below(3000) : random_below(9) * 16;

		guest_desc(t, i, random_gpa(), len, random_below(8) ^ 2 * random_below(2),
			   random_below(nr + !random_below(8)));
	}
}

static bool random_rings(void)
{
	u32 i, taken = 0, seen[128] = {};
	int ret;

	for (i = 0; i < 4000; i++) {
		guest_make(g, 1 << random_below(8), 0, random_u64());
		random_table(g->desc, g->vr.num);
		random_table(guest_at(GPA_LOW, 0x10000), 64);
		random_table(guest_at(GPA_MID, 0x10000), 64);
		guest_offer(g, random_below(g->vr.num + 1));
		ret = guest_next(g);
		if (!CHECK(ret == 1 || ret == -EINVAL) || !CHECK((ret < 0) == !!g->vr.error) ||
		    !CHECK(us_accesses() < 6000) || (ret == 1 && !chain_is_sound()))
			return false;
		taken += ret == 1;
		seen[g->vr.error % 128]++;
		guest_drop(g);
	}
	/* Else this tries less than it says. */
	return CHECK(taken > 20) && CHECK(seen[VHOST_XDP_STAT_RING_HEAD]) &&
	       CHECK(seen[VHOST_XDP_STAT_RING_NEXT]) && CHECK(seen[VHOST_XDP_STAT_RING_ADDR]) &&
	       CHECK(seen[VHOST_XDP_STAT_RING_INDIRECT]) && CHECK(seen[VHOST_XDP_STAT_RING_ORDER]);
}

static const struct {
	const char *name;
	bool (*run)(void);
} cases[] = {
	{ "ring_head: beyond the ring", head },
	{ "ring_next: beyond the ring", next },
	{ "ring_loop: a descriptor to itself", loop_to_itself },
	{ "ring_loop: the whole ring", loop_of_a_ring },
	{ "the whole ring without a loop is fine", no_loop_of_a_ring },
	{ "ring_loop: in an indirect table", loop_in_a_table },
	{ "ring_loop: of indirect tables", loop_of_tables },
	{ "ring_indirect: length", indirect_length },
	{ "ring_indirect: address", indirect_address },
	{ "ring_indirect: table wraps", indirect_wraps },
	{ "ring_indirect: table in a table", indirect_nested },
	{ "ring_next: beyond the indirect table", indirect_next },
	{ "ring_fault: indirect table not mapped", indirect_fault },
	{ "ring_addr: outside the memory table", addr },
	{ "ring_addr: no memory table", no_table },
	{ "a buffer is not touched", unmapped_buffer },
	{ "ring_len: no bytes at all", len_zero },
	{ "ring_len: more than 1024 pieces", too_many_pieces },
	{ "ring_len: more than the caller has room for", no_room },
	{ "ring_order: readable after writable", order },
	{ "ring_order: readable after a writable table", order_in_a_table },
	{ "ring_avail: index further than the ring", avail },
	{ "ring_avail: seen by who enables kicks", enable_kick_sees_it },
	{ "ring_fault: each read of a chain", faults_of_next },
	{ "ring_fault: each part of the ring", faults_of_parts },
	{ "ring_fault: each write of used entries", faults_of_add_used },
	{ "ring_fault: enabling and disabling kicks", faults_of_kick },
	{ "ring_fault: the log", fault_of_the_log },
	{ "ring_avail: given back more than the ring", more_than_the_ring },
	{ "a broken ring takes back what was taken", gives_back_when_broken },
	{ "a broken ring starts anew", starts_again },
	{ "4000 rings of noise", random_rings },
};

int main(void)
{
	unsigned int i;
	bool ok;

	random_seed("selftests/unit/vring_errors");
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
