// SPDX-License-Identifier: GPL-2.0
/*
 * test_iotlb_ring.c - a ring behind a virtual IOMMU (kmod/core/parts.c, chain.c): what
 * it asks for, and what it does with the answers.
 */
#include <linux/vhost_xdp.h>

#include "iommu.h"
#include "ktap.h"

#define RO	VHOST_ACCESS_RO
#define WO	VHOST_ACCESS_WO
#define RW	VHOST_ACCESS_RW
#define NUM	8
#define USED_GPA GPA_HIGH

static struct guest guest, *g = &guest;
static struct iommu iommu;

static void make(u64 features, u64 chunk)
{
	guest_make(g, NUM, features, features & F_PACKED ? 0x8000 : 0);
	iommu_make(&iommu, g, chunk, USED_GPA);
}

static bool misses(u64 iova, u32 perm, bool ask)
{
	const struct vxdp_miss *miss = &g->vr.miss;

	return CHECK(miss->perm == perm) && CHECK(miss->iova == iova) && CHECK(miss->ask == ask) &&
	       CHECK(!g->vr.error);
}

static bool asks_in_turn(u64 features, u32 desc)
{
	u64 asked = 0;

	make(features, 32);
	/* From the start it knows the used ring's first range. */
	vxdp_iotlb_remove(iommu.table, 0, 0);
	if (!CHECK(!vxdp_vring_ready(&g->vr)) || !misses(UA_DESC, desc, true))
		return false;
	while (!vxdp_vring_ready(&g->vr) && asked++ < 100) {
		if (g->vr.miss.iova == UA_AVAIL && !misses(UA_AVAIL, RO, true))
			return false;
		if (g->vr.miss.iova == UA_USED && !misses(UA_USED, WO, true))
			return false;
		if (!iommu_answer(&iommu))
			return false;
	}
	/* Descriptors, then 20 or 4 bytes, then 68 or 4. */
	return CHECK(asked == (features & F_PACKED ? 4 + 1 + 1 : 4 + 1 + 3)) &&
	       CHECK(vxdp_vring_ready(&g->vr)) && CHECK(!g->vr.miss.perm) && CHECK(!iommu.failed);
}

static bool asks_split(void)
{
	return asks_in_turn(0, RO);
}

static bool asks_packed(void)
{
	return asks_in_turn(F_PACKED, RW);
}

static bool starts(void)
{
	guest_make(g, NUM, 0, 0);
	iommu_make(&iommu, g, 4, USED_GPA);
	g->vr.error = VHOST_XDP_STAT_RING_LOOP;
	vxdp_iotlb_remove(iommu.table, 0, 0);
	if (!CHECK(vxdp_vring_start(&g->vr) == -EFAULT) || !CHECK(g->vr.error))
		return false;
	g->vr.error = 0;
	if (!misses(UA_USED, RO, true))
		return false;
	/* It must read and write there. What it may not, it does not ask for again. */
	iommu_map(&iommu, UA_USED, RO);
	if (!CHECK(vxdp_vring_start(&g->vr) == -EFAULT) || !CHECK(!g->vr.miss.perm))
		return false;
	vxdp_iotlb_remove(iommu.table, 0, 0);
	iommu_map(&iommu, UA_USED, WO);
	if (!CHECK(vxdp_vring_start(&g->vr) == -EFAULT) || !CHECK(!g->vr.miss.perm))
		return false;
	vxdp_iotlb_remove(iommu.table, 0, 0);
	iommu_map(&iommu, UA_USED, RW);
	g->used->idx = 77;
	return CHECK(!vxdp_vring_start(&g->vr)) && CHECK(g->vr.last_used == 77);
}

/* A part that it may not use so is no error: the VMM may yet think better of it. */
static bool rights(void)
{
	make(0, 4096);
	iommu_map(&iommu, UA_DESC, WO);
	if (!CHECK(!vxdp_vring_ready(&g->vr)) || !misses(UA_DESC, RO, false))
		return false;
	vxdp_iotlb_remove(iommu.table, UA_DESC, 1);
	iommu_map(&iommu, UA_DESC, RO);
	iommu_map(&iommu, UA_AVAIL, RO);
	vxdp_iotlb_remove(iommu.table, UA_USED, 1);
	iommu_map(&iommu, UA_USED, RO);
	if (!CHECK(!vxdp_vring_ready(&g->vr)) || !misses(UA_USED, WO, false))
		return false;
	vxdp_iotlb_remove(iommu.table, UA_USED, 1);
	iommu_map(&iommu, UA_USED, WO);
	return CHECK(vxdp_vring_ready(&g->vr)) && CHECK(!g->vr.scattered);
}

static bool wraps(void)
{
	make(0, 4096);
	vxdp_vring_set_addr(&g->vr, 0ULL - 16, UA_AVAIL, UA_USED);
	return CHECK(!vxdp_vring_ready(&g->vr)) &&
	       CHECK(g->vr.error == VHOST_XDP_STAT_RING_ADDR);
}

/* What 16 bits are is read by one instruction or not at all. */
static bool torn(void)
{
	make(0, 4096);
	vxdp_iotlb_remove(iommu.table, 0, 0);
	NEED(!vxdp_iotlb_add(iommu.table, UA_DESC, 0x1000, UA_DESC, RO));
	NEED(!vxdp_iotlb_add(iommu.table, UA_USED, 0x1000, UA_USED, RW));
	NEED(!vxdp_iotlb_add(iommu.table, UA_AVAIL, 3, UA_AVAIL, RO));
	NEED(!vxdp_iotlb_add(iommu.table, UA_AVAIL + 3, 0x1000, UA_AVAIL + 3, RO));
	/* On end after all. */
	if (!CHECK(vxdp_vring_ready(&g->vr)) || !CHECK(!g->vr.scattered) ||
	    !CHECK(guest_next(g) == 0))
		return false;
	vxdp_iotlb_remove(iommu.table, UA_AVAIL + 3, 1);
	NEED(!vxdp_iotlb_add(iommu.table, UA_AVAIL + 3, 0x1000, UA_AVAIL + 13, RO));
	if (!CHECK(vxdp_vring_ready(&g->vr)) || !CHECK(g->vr.scattered) ||
	    !CHECK(guest_next(g) < 0) || !CHECK(g->vr.error == VHOST_XDP_STAT_RING_FAULT))
		return false;
	/* Nor where it is at an odd address for us. */
	g->vr.error = 0;
	vxdp_iotlb_remove(iommu.table, UA_AVAIL, 0x1000);
	NEED(!vxdp_iotlb_add(iommu.table, UA_AVAIL, 0x1000, UA_AVAIL + 1, RO));
	return CHECK(vxdp_vring_ready(&g->vr)) && CHECK(g->vr.scattered) &&
	       CHECK(guest_next(g) < 0) && CHECK(g->vr.error == VHOST_XDP_STAT_RING_FAULT);
}

/* Addresses mean something else then. */
static bool transitions(void)
{
	struct vxdp_iotlb *other;

	guest_make(g, NUM, 0, 0);
	if (!CHECK(vxdp_vring_ready(&g->vr)))
		return false;
	guest_log(g, USED_GPA);
	iommu_make(&iommu, g, 4096, USED_GPA);
	if (!CHECK(!g->vr.log_used) || !CHECK(!g->vr.desc) || !CHECK(!g->vr.used))
		return false;
	while (!vxdp_vring_ready(&g->vr))
		NEED(iommu_answer(&iommu));
	/* Another table: the same addresses, of which nothing is known. */
	other = vxdp_iotlb_create();
	other->gen = g->vr.seen;
	vxdp_vring_set_iotlb(&g->vr, other);
	if (!CHECK(!vxdp_vring_ready(&g->vr)) || !misses(UA_DESC, RO, true))
		return false;
	vxdp_vring_set_iotlb(&g->vr, NULL);
	vxdp_iotlb_free(other);
	if (!CHECK(!vxdp_vring_ready(&g->vr)) || !CHECK(!g->vr.miss.perm) ||
	    !CHECK(vxdp_vring_start(&g->vr) == -EFAULT))
		return false;
	vxdp_vring_set_iotlb(&g->vr, iommu.table);
	if (!CHECK(!vxdp_vring_ready(&g->vr)) || !CHECK(!g->vr.miss.perm))
		return false;
	vxdp_vring_set_iotlb(&g->vr, NULL);
	vxdp_vring_set_addr(&g->vr, UA_DESC, UA_AVAIL, UA_USED);
	return CHECK(vxdp_vring_ready(&g->vr)) && CHECK(!vxdp_vring_start(&g->vr)) &&
	       CHECK(guest_next(g) == 0);
}

/* What the driver had made available in the old ring, it has not in the new one. */
static bool left_behind(void)
{
	struct vxdp_iotlb *t = vxdp_iotlb_create();
	bool ok;

	guest_make(g, NUM, 0, 0);
	guest_desc(g->desc, 0, GPA_LOW, 8, 0, 0);
	guest_offer(g, 0);
	guest_offer(g, 0);
	ok = CHECK(guest_next(g) == 1) && CHECK(g->vr.avail_idx == 2);
	vxdp_vring_set_iotlb(&g->vr, t);
	vxdp_vring_set_iotlb(&g->vr, NULL);
	vxdp_iotlb_free(t);
	vxdp_vring_set_addr(&g->vr, UA_DESC, UA_AVAIL, UA_USED);
	g->avail->idx = 1;
	return ok && CHECK(guest_next(g) == 0) && CHECK(!g->vr.error);
}

/* Where a packed ring is moved to, the driver reads flags that nobody has written. */
static bool flags_moved(void)
{
	guest_make(g, NUM, F_PACKED, 0x8000);
	vxdp_vring_disable_kick(&g->vr);
	if (!CHECK(g->device_event->flags == VRING_PACKED_EVENT_FLAG_DISABLE))
		return false;
	g->device_event->flags = VRING_PACKED_EVENT_FLAG_ENABLE;
	vxdp_vring_disable_kick(&g->vr);
	if (!CHECK(g->device_event->flags == VRING_PACKED_EVENT_FLAG_ENABLE))
		return false;
	vxdp_vring_set_addr(&g->vr, UA_DESC, UA_AVAIL, UA_USED);
	vxdp_vring_disable_kick(&g->vr);
	return CHECK(g->device_event->flags == VRING_PACKED_EVENT_FLAG_DISABLE);
}

static void find_ring(void)
{
	while (!vxdp_vring_ready(&g->vr))
		NEED(iommu_answer(&iommu));
}

/* One offer for the tests that follow; nothing of it is known. */
static void offer(u64 gpa, u32 len, u16 flags)
{
	if (g->packed) {
		g->packed[0] = (struct vring_packed_desc){
			.addr = gpa, .len = len, .id = 3,
			.flags = flags | 1 << VRING_PACKED_DESC_F_AVAIL,
		};
		return;
	}
	guest_desc(g->desc, 3, gpa, len, flags, 0);
	guest_offer(g, 3);
}

static bool missed(u64 iova, u32 perm)
{
	u16 before = g->vr.last_avail;
	bool ok = CHECK(guest_next(g) < 0) && misses(iova, perm, true) &&
		  CHECK(g->vr.last_avail == before);

	NEED(iommu_answer(&iommu));
	find_ring();
	return ok;
}

static bool buffer(u64 features)
{
	make(features, 64);
	find_ring();
	offer(GPA_LOW + 60, 10, D_WRITE);
	return missed(GPA_LOW + 60, WO) && missed(GPA_LOW + 64, WO) &&
	       CHECK(guest_next(g) == 1) && CHECK(g->chain.in_num == 2) &&
	       CHECK(g->chain.in_len == 10) && CHECK(!g->vr.error);
}

static bool buffer_split(void)
{
	return buffer(0);
}

static bool buffer_packed(void)
{
	return buffer(F_PACKED);
}

/* All of the table, before anything that is in it. */
static bool table(u64 features)
{
	struct vring_desc *d;

	make(features, 16);
	find_ring();
	d = guest_at(GPA_MID, 2 * sizeof(*d));
	guest_desc(d, 0, GPA_LOW, 1, 0, 0);
	guest_desc(d, 1, GPA_LOW + 16, 1, 0, 0);
	offer(GPA_MID, 32, D_INDIRECT);
	return missed(GPA_MID, RO) && missed(GPA_MID + 16, RO) && missed(GPA_LOW, RO) &&
	       (!(features & F_PACKED) || missed(GPA_LOW + 16, RO)) &&
	       CHECK(guest_next(g) == 1);
}

static bool table_split(void)
{
	return table(0);
}

static bool table_packed(void)
{
	return table(F_PACKED);
}

/* The VMM has said that this may not be: that is the guest's fault. */
static bool forbidden(u64 gpa, u32 len, u16 flags, u32 perm, u32 error)
{
	make(0, 4096);
	find_ring();
	iommu_map(&iommu, GPA_MID, perm);
	offer(gpa, len, flags);
	return CHECK(guest_next(g) < 0) && CHECK(g->vr.error == error) && CHECK(!g->vr.miss.perm);
}

static bool forbidden_all(void)
{
	bool ok = forbidden(GPA_MID, 8, D_WRITE, RO, VHOST_XDP_STAT_RING_ADDR);
	u32 i;

	static const struct {
		u64 gpa;
		u32 len;
		u16 flags;
		u32 perm, error;
	} others[] = {
		{ GPA_MID, 8, 0, WO, VHOST_XDP_STAT_RING_ADDR },
		{ GPA_MID, 32, D_INDIRECT, WO, VHOST_XDP_STAT_RING_INDIRECT },
		{ 0ULL - 8, 16, 0, RW, VHOST_XDP_STAT_RING_ADDR },
		{ 0ULL - 16, 32, D_INDIRECT, RW, VHOST_XDP_STAT_RING_INDIRECT },
	};
	for (i = 0; i < ARRAY_SIZE(others) && ok; i++) {
		iommu_drop(&iommu);
		guest_drop(g);
		ok = forbidden(others[i].gpa, others[i].len, others[i].flags, others[i].perm,
			       others[i].error);
	}
	return ok;
}

/* More ranges than there is room for. */
static bool many_pieces(void)
{
	bool ok;
	u32 i;

	make(0, 4096);
	find_ring();
	for (i = 0; i < VXDP_CHAIN_IOV_MAX + 1; i++)
		NEED(!vxdp_iotlb_add(iommu.table, GPA_HIGH + i * 2, 2, UA_HIGH + i * 16, RW));
	offer(GPA_HIGH, VXDP_CHAIN_IOV_MAX * 2, 0);
	find_ring();
	ok = CHECK(guest_next(g) == 1) && CHECK(g->chain.out_num == VXDP_CHAIN_IOV_MAX);
	offer(GPA_HIGH, VXDP_CHAIN_IOV_MAX * 2 + 1, 0);
	return ok && CHECK(guest_next(g) < 0) && CHECK(g->vr.error == VHOST_XDP_STAT_RING_LEN);
}

/* What is written where memory has no guest page cannot be logged. */
static bool no_page(void)
{
	make(0, 4096);
	guest_log(g, 0);
	find_ring();
	NEED(!vxdp_iotlb_add(iommu.table, GPA_LOW, 0x1000, UA_LOG, RW));
	offer(GPA_LOW, 8, D_WRITE);
	return CHECK(guest_next(g) == 1) && CHECK(!vxdp_vring_log_chain(&g->vr, &g->chain, 0)) &&
	       CHECK(vxdp_vring_log_chain(&g->vr, &g->chain, 1) < 0) &&
	       CHECK(g->vr.error == VHOST_XDP_STAT_RING_FAULT);
}

static const struct {
	const char *name;
	bool (*run)(void);
} cases[] = {
	{ "a ring asks for its parts, one address after the other", asks_split },
	{ "a packed ring likewise", asks_packed },
	{ "a start wants to read and write four bytes", starts },
	{ "a part that must not be used so is waited for", rights },
	{ "a part that wraps breaks the ring", wraps },
	{ "16 bits in two ranges, or not aligned for us, break it", torn },
	{ "switched on and off, addresses are forgotten", transitions },
	{ "what another ring had available is forgotten, too", left_behind },
	{ "a packed ring that moves says anew whether to kick", flags_moved },
	{ "a buffer is asked for, range by range, and then taken", buffer_split },
	{ "a packed ring's buffer likewise", buffer_packed },
	{ "an indirect table is asked for before what is in it", table_split },
	{ "a packed ring's table likewise", table_packed },
	{ "what must not be done, or wraps, breaks the ring", forbidden_all },
	{ "a buffer in more ranges than there is room for", many_pieces },
	{ "a write without a guest page breaks a ring that is logged", no_page },
};

int main(void)
{
	unsigned int i;
	bool ok;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		us_reset();
		iommu = (struct iommu){};
		ktap_case(30, "iotlb_ring: %s", cases[i].name);
		ok = cases[i].run();
		if (iommu.table)
			iommu_drop(&iommu);
		guest_drop(g);
		ktap_ok(us_clean() && ok);
	}
	us_reset();
	return ktap_done();
}
