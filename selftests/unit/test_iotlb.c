// SPDX-License-Identifier: GPL-2.0
/*
 * test_iotlb.c - the table of a virtual IOMMU (kmod/core/iotlb.c).
 */
#include "iotlb.h"
#include "ktap.h"
#include "random.h"

#define UA	0x7f0000000000ULL
#define KERNEL	0xffff888000000000ULL
#define RO	VHOST_ACCESS_RO
#define WO	VHOST_ACCESS_WO
#define RW	VHOST_ACCESS_RW
#define END	(~0ULL)

static struct vxdp_iotlb *t;

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
};

int main(void)
{
	unsigned int i;
	bool ok;

	random_seed("selftests/unit/iotlb");
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		us_reset();
		t = vxdp_iotlb_create();
		NEED(t);
		ktap_case(30, "iotlb: %s", cases[i].name);
		ok = cases[i].run();
		vxdp_iotlb_free(t);
		ktap_ok(us_clean() && ok);
	}
	us_reset();
	return ktap_done();
}
