// SPDX-License-Identifier: GPL-2.0
/*
 * test_iotlb.c - the table of a virtual IOMMU (kmod/core/iotlb.c), and a ring behind one
 * (kmod/core/parts.c, chain.c).
 */
#include <linux/vhost_xdp.h>

#include "iommu.h"
#include "ktap.h"
#include "packed.h"
#include "random.h"

#define UA	0x7f0000000000ULL
#define KERNEL	0xffff888000000000ULL
#define RO	VHOST_ACCESS_RO
#define WO	VHOST_ACCESS_WO
#define RW	VHOST_ACCESS_RW
#define END	(~0ULL)
#define NUM	8
#define USED_GPA GPA_HIGH

static struct vxdp_iotlb *t;
static struct guest guest, *g = &guest;
static struct iommu iommu;

static bool added(u64 iova, u64 size, u64 uaddr, u32 perm)
{
	return CHECK(!vxdp_iotlb_add(t, iova, size, uaddr, perm));
}

/* Bytes on end from there, and that they are there; 0: not known; or an error. */
static long look(u64 iova, u64 uaddr, u32 perm)
{
	struct iovec piece;
	int ret = vxdp_iotlb_piece(t, iova, END, perm, &piece);

	if (ret)
		return ret == -EAGAIN ? 0 : ret;
	return (u64)piece.iov_base == uaddr ? (long)piece.iov_len : -ENXIO;
}

static bool knows_nothing(void)
{
	struct iovec iov;
	u64 missing = 7, uaddr;

	return CHECK(!look(0, 0, RO)) && CHECK(!look(END, 0, RO)) &&
	       CHECK(vxdp_iotlb_translate(t, 5, 0, RO, &iov, 0, &missing) == 0) &&
	       CHECK(missing == 7) &&
	       CHECK(vxdp_iotlb_translate(t, 5, 1, RO, &iov, 1, &missing) == -EAGAIN) &&
	       CHECK(missing == 5) &&
	       CHECK(vxdp_iotlb_cover(t, 6, 1, RO, &uaddr, &missing) == -EAGAIN) &&
	       CHECK(missing == 6);
}

static bool to_the_byte(void)
{
	return added(0x1000, 0x1000, UA, RW) && CHECK(!look(0xfff, 0, RO)) &&
	       CHECK(look(0x1000, UA, RO) == 0x1000) && CHECK(look(0x1fff, UA + 0xfff, RO) == 1) &&
	       CHECK(!look(0x2000, 0, RO));
}

static bool refused(u64 iova, u64 size, u64 uaddr, u32 perm, int why)
{
	u64 gen = t->gen;

	return CHECK(vxdp_iotlb_add(t, iova, size, uaddr, perm) == why) && CHECK(!t->nr) &&
	       CHECK(t->gen == gen);
}

static bool bad_ranges(void)
{
	return refused(0, 0, UA, RW, -EINVAL) && refused(0x1000, 0, UA, RW, -EINVAL) &&
	       refused(END, 2, UA, RW, -EFAULT) && refused(2, END, UA, 0, -EFAULT) &&
	       refused(0x1000, END, UA, RW, -EFAULT) && refused(0, END, UA, RW, -EFAULT) &&
	       refused(0, 2, END, 0, -EFAULT) && refused(0, 0x1000, KERNEL, RO, -EFAULT) &&
	       refused(0, 0x1000, KERNEL, WO, -EFAULT) &&
	       refused(0, 0x1001, US_TASK_SIZE - 0x1000, RO, -EFAULT);
}

/* What may not be accessed may be anywhere, and is not. */
static bool edges(void)
{
	return added(0, 0x1000, US_TASK_SIZE - 0x1000, RO) && added(END, 1, UA, RW) &&
	       CHECK(look(END, UA, RW) == 1) && CHECK(look(0xfff, US_TASK_SIZE - 1, RO) == 1) &&
	       added(0x2000, 0x1000, KERNEL, 0) && CHECK(look(0x2000, 0, RO) == -EPERM) &&
	       added(1, END, 0, 0xfc) && CHECK(look(0x1000, 0, RO) == -EPERM) &&
	       CHECK(look(0, US_TASK_SIZE - 0x1000, RO) == 0x1000);
}

static bool permissions(void)
{
	return added(0x1000, 0x1000, UA, RO) && added(0x2000, 0x1000, UA, WO) &&
	       added(0x3000, 0x1000, UA, RW | 0x80) &&
	       CHECK(look(0x1000, UA, RO) > 0) && CHECK(look(0x1000, UA, WO) == -EPERM) &&
	       CHECK(look(0x1000, UA, RW) == -EPERM) && CHECK(look(0x2000, UA, RO) == -EPERM) &&
	       CHECK(look(0x2000, UA, WO) > 0) && CHECK(look(0x3000, UA, RW) > 0);
}

/* As in-tree vhost: the lowest start, of equal ones the oldest; so until it is taken out. */
static bool overlaps(void)
{
	bool ok = added(0x2000, 0x1000, UA + 0x10000, RW) && added(0x1000, 0x2000, UA, RW) &&
		  added(0x1000, 0x3000, UA + 0x20000, RW);

	ok = ok && CHECK(look(0x2000, UA + 0x1000, RW) == 0x1000) &&
	     CHECK(look(0x1000, UA, RW) == 0x2000) &&
	     CHECK(look(0x3000, UA + 0x22000, RW) == 0x1000);
	vxdp_iotlb_remove(t, 0x1800, 1);
	return ok && CHECK(!look(0x1000, 0, RW)) && CHECK(!look(0x3000, 0, RW)) &&
	       CHECK(look(0x2000, UA + 0x10000, RW) == 0x1000);
}

/* The one that starts lowest counts, even where it ends before a longer one in front. */
static bool nested(void)
{
	return added(0, 0x10000, UA, RW) && added(0x1000, 0x1000, UA + 0x100000, RO) &&
	       added(0x20000, 0x1000, UA + 0x200000, RW) &&
	       CHECK(look(0x1800, UA + 0x1800, RW) == 0xe800) &&
	       CHECK(look(0x5000, UA + 0x5000, RW) == 0xb000) && CHECK(!look(0x10000, 0, RW)) &&
	       CHECK(look(0x20000, UA + 0x200000, RW) == 0x1000);
}

static bool removal(void)
{
	u64 i;
	bool ok = true;

	for (i = 1; i < 9; i++)
		ok = ok && added(i * 0x1000, 0x1000, UA + i * 0x10000, RW);
	vxdp_iotlb_remove(t, 0x2fff, 2);
	ok = ok && CHECK(t->nr == 6) && CHECK(look(0x1000, UA + 0x10000, RW) == 0x1000) &&
	     CHECK(!look(0x2000, 0, RW)) && CHECK(!look(0x3fff, 0, RW)) &&
	     CHECK(look(0x4000, UA + 0x40000, RW) == 0x1000);
	/* Nothing there; and what wraps takes nothing that does not reach so far. */
	vxdp_iotlb_remove(t, 0x2000, 0x2000);
	vxdp_iotlb_remove(t, 0x9000, END);
	ok = ok && CHECK(t->nr == 6);
	vxdp_iotlb_remove(t, 0, 0);
	return ok && CHECK(!t->nr) && CHECK(!look(0x1000, 0, RW));
}

static bool oldest_goes(void)
{
	u64 i, at;
	bool ok = true;

	/* Not in the order in which they lie. */
	for (i = 0; i < VXDP_IOTLB_MAX; i++)
		ok = ok && added((i * 7 % VXDP_IOTLB_MAX) * 0x1000, 0x1000, UA + i * 0x1000, RW);
	ok = ok && CHECK(t->nr == VXDP_IOTLB_MAX);
	for (i = 0; i < 3; i++) {
		at = (i * 7 % VXDP_IOTLB_MAX) * 0x1000;
		ok = ok && CHECK(look(at, UA + i * 0x1000, RW) == 0x1000) &&
		     added((VXDP_IOTLB_MAX + i) * 0x1000, 0x1000, UA, RW) && CHECK(!look(at, 0, RW));
	}
	at = 3 * 7 * 0x1000;
	return ok && CHECK(t->nr == VXDP_IOTLB_MAX) && CHECK(look(at, UA + 3 * 0x1000, RW) == 0x1000);
}

/* What is left of the table does not reach as far as the one that went. */
static bool longest_goes(void)
{
	u64 i;
	bool ok = added(0, 0x10000000, UA, RW);

	for (i = 1; i < VXDP_IOTLB_MAX; i++)
		ok = ok && added(i * 0x2000, 0x1000, UA + 0x20000000 + i * 0x1000, RW);
	ok = ok && CHECK(look(0x3000, UA + 0x3000, RW) > 0) &&
	     added(0x20000000, 0x1000, UA, RW) && CHECK(!look(0x1000, 0, RW)) &&
	     CHECK(look(0x2000, UA + 0x20001000, RW) == 0x1000) && CHECK(!look(0x3000, 0, RW)) &&
	     CHECK(look(0x4000, UA + 0x20002000, RW) == 0x1000) && CHECK(!look(0x5000, 0, RW));
	return ok;
}

static bool buffers(void)
{
	struct iovec iov[4] = { [3] = { .iov_len = 77 } };
	u64 missing = 0, uaddr = 0;
	bool ok = added(0x1000, 0x1000, UA, RW) && added(0x2000, 0x1000, UA + 0x1000, RW) &&
		  added(0x3000, 0x1000, UA + 0x90000, RO);

	return ok && CHECK(vxdp_iotlb_translate(t, 0x1ffe, 0x1004, RO, iov, 3, &missing) == 3) &&
	       CHECK((u64)iov[0].iov_base == UA + 0xffe && iov[0].iov_len == 2) &&
	       CHECK((u64)iov[1].iov_base == UA + 0x1000 && iov[1].iov_len == 0x1000) &&
	       CHECK((u64)iov[2].iov_base == UA + 0x90000 && iov[2].iov_len == 2) &&
	       CHECK(iov[3].iov_len == 77) &&
	       CHECK(vxdp_iotlb_translate(t, 0x1ffe, 0x1004, RO, iov, 2, &missing) == -ENOBUFS) &&
	       CHECK(vxdp_iotlb_translate(t, 0x1ffe, 0x1004, WO, iov, 3, &missing) == -EPERM) &&
	       CHECK(vxdp_iotlb_translate(t, 0x3000, 0x1001, RO, iov, 3, &missing) == -EAGAIN) &&
	       CHECK(missing == 0x4000) &&
	       CHECK(vxdp_iotlb_translate(t, 0x1000, END, RO, iov, 3, &missing) == -EFAULT) &&
	       CHECK(vxdp_iotlb_cover(t, 0x1800, 0x1800, RW, &uaddr, &missing) == 1) &&
	       CHECK(uaddr == UA + 0x800) &&
	       CHECK(vxdp_iotlb_cover(t, 0x1800, 0x1801, RO, &uaddr, &missing) == 0) &&
	       CHECK(vxdp_iotlb_cover(t, 0x1800, 0x1801, RW, &uaddr, &missing) == -EPERM) &&
	       CHECK(missing == 0x3000) &&
	       CHECK(vxdp_iotlb_cover(t, 0x1000, END, RO, &uaddr, &missing) == -EFAULT);
}

/* Ranges as they came, and the plainest search there is. */
static struct vxdp_iotlb_range came[VXDP_IOTLB_MAX];
static u32 nr_came;

static const struct vxdp_iotlb_range *plain_find(u64 iova)
{
	const struct vxdp_iotlb_range *best = NULL;
	u32 i;

	for (i = 0; i < nr_came; i++) {
		if (iova >= came[i].start && iova <= came[i].last &&
		    (!best || came[i].start < best->start))
			best = &came[i];
	}
	return best;
}

static void plain_remove(u64 start, u64 last)
{
	u32 i, n = 0;

	for (i = 0; i < nr_came; i++) {
		if (came[i].start > last || came[i].last < start)
			came[n++] = came[i];
	}
	nr_came = n;
}

static bool same(u64 iova)
{
	const struct vxdp_iotlb_range *r = plain_find(iova);

	if (!r)
		return CHECK(!look(iova, 0, RO));
	return CHECK(look(iova, r->uaddr + (iova - r->start), RO) == (long)(r->last - iova + 1));
}

static bool against_reference(void)
{
	u64 iova, size, uaddr, i;
	bool ok = true;

	nr_came = 0;
	for (i = 0; i < 20000 && ok; i++) {
		iova = random_below(500);
		size = 1 + random_below(random_below(4) ? 10 : 200);
		uaddr = UA + random_below(1 << 20);
		switch (random_below(8)) {
		case 0:
			vxdp_iotlb_remove(t, iova, size);
			plain_remove(iova, iova + size - 1);
			break;
		case 1:
		case 2:
			if (nr_came == 64)
				break;
			ok = added(iova, size, uaddr, RW);
			came[nr_came++] = (struct vxdp_iotlb_range){
				.start = iova, .last = iova + size - 1, .uaddr = uaddr,
			};
			break;
		default:
			ok = same(iova);
		}
		ok = ok && CHECK(t->nr == nr_came);
	}
	return ok;
}

static bool no_memory(void)
{
	us_fail_alloc(1);
	return CHECK(!vxdp_iotlb_create());
}

/* A ring behind it. */

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
	{ "an empty table knows nothing", knows_nothing },
	{ "a range is known to the byte", to_the_byte },
	{ "no bytes, what wraps, kernel addresses are refused", bad_ranges },
	{ "the first and the last address; what may not be accessed", edges },
	{ "what may be done", permissions },
	{ "ranges that overlap: the lowest, then the oldest, until it is taken out", overlaps },
	{ "a range within another", nested },
	{ "ranges go as a whole, and all by one message", removal },
	{ "2048 ranges; with one more the oldest goes", oldest_goes },
	{ "the oldest goes, and with it its reach", longest_goes },
	{ "buffers over ranges; too little room", buffers },
	{ "20000 steps against a plain search", against_reference },
	{ "no memory for the table", no_memory },
	{ "a ring asks for its parts, one address after the other", asks_split },
	{ "a packed ring likewise", asks_packed },
	{ "a start wants to read and write four bytes", starts },
	{ "a part that must not be used so is waited for", rights },
	{ "a part that wraps breaks the ring", wraps },
	{ "16 bits in two ranges, or not aligned for us, break it", torn },
	{ "switched on and off, addresses are forgotten", transitions },
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

	random_seed("selftests/unit/iotlb");
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		us_reset();
		iommu = (struct iommu){};
		t = vxdp_iotlb_create();
		NEED(t);
		ktap_case(30, "iotlb: %s", cases[i].name);
		ok = cases[i].run();
		vxdp_iotlb_free(t);
		if (iommu.table)
			iommu_drop(&iommu);
		guest_drop(g);
		ktap_ok(us_clean() && ok);
	}
	us_reset();
	return ktap_done();
}
