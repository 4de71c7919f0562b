// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz_memory.c - any memory table, and any buffer looked for in it
 * (kmod/core/memory.c), held against a search byte by byte.
 */
#include "feed.h"
#include "memory.h"

#define REGIONS_MAX	8
#define LOOKS_MAX	16

static const u64 gpas[] = { 0x1000, 0x10000, 0, ~0xffffULL, ~0ULL };
static const u64 uas[] = { 0x7f0000000000ULL, 0x10000, US_TASK_SIZE, ~0ULL };
static const u64 sizes[] = { 0x1000, 0x8000, 1, 0x10000, ~0ULL };

static bool wraps(u64 start, u64 len)
{
	return len && start + (len - 1) < start;
}

static bool may_stand(const struct vhost_memory_region *r)
{
	return r->memory_size && !wraps(r->guest_phys_addr, r->memory_size) &&
	       !wraps(r->userspace_addr, r->memory_size) &&
	       us_access_ok(r->userspace_addr, r->memory_size);
}

/* The region that starts lowest has it. Two that start there: either. */
static bool is_at(const struct vhost_memory_region *r, u32 nr, u64 gpa, u64 ua)
{
	u64 low = ~0ULL;
	bool found = false;
	u32 i;

	for (i = 0; i < nr; i++) {
		if (gpa - r[i].guest_phys_addr < r[i].memory_size)
			low = min(low, (u64)r[i].guest_phys_addr);
	}
	for (i = 0; i < nr; i++) {
		u64 off = gpa - r[i].guest_phys_addr;

		if (r[i].guest_phys_addr == low && off < r[i].memory_size)
			found |= r[i].userspace_addr + off == ua;
	}
	return found;
}

static bool is_nowhere(const struct vhost_memory_region *r, u32 nr, u64 gpa)
{
	u32 i;

	for (i = 0; i < nr; i++) {
		if (gpa - r[i].guest_phys_addr < r[i].memory_size)
			return false;
	}
	return true;
}

static void look(const struct vxdp_memory *mem, const struct vhost_memory_region *r, u32 nr,
		 struct feed *f)
{
	u64 gpa = feed_near(f, gpas, ARRAY_SIZE(gpas));
	u64 len = feed_near(f, sizes, ARRAY_SIZE(sizes)), at = gpa, sum = 0;
	/* No region has two pieces of a buffer. */
	u32 max = feed_u8(f) % (REGIONS_MAX + 1);
	struct iovec *iov = exactly(NULL, max * sizeof(*iov));
	int i, n = vxdp_memory_translate(mem, gpa, len, iov, max);

	MUST(n >= 0 ? n <= (int)max : n == -EFAULT || (n == -ENOBUFS && max < nr));
	for (i = 0; i < n; i++) {
		MUST(iov[i].iov_len);
		MUST(is_at(r, nr, at, (u64)iov[i].iov_base));
		sum += iov[i].iov_len;
		at += iov[i].iov_len;
		MUST(is_at(r, nr, at - 1, (u64)iov[i].iov_base + (iov[i].iov_len - 1)));
	}
	MUST(n < 0 || sum == len);
	/* A buffer of which an end is nowhere is refused. */
	if (len && is_nowhere(r, nr, gpa))
		MUST(n == -EFAULT);
	if (len && (wraps(gpa, len) || is_nowhere(r, nr, gpa + (len - 1))))
		MUST(n < 0);
	free(iov);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct feed f = { data, size };
	struct vhost_memory_region *r;
	u32 i, nr = feed_u8(&f) % (REGIONS_MAX + 1);
	struct vxdp_memory *mem;
	bool ok = true;
	int err = 1;

	us_reset();
	r = exactly(NULL, nr * sizeof(*r));
	for (i = 0; i < nr; i++) {
		r[i].guest_phys_addr = feed_near(&f, gpas, ARRAY_SIZE(gpas));
		r[i].memory_size = feed_near(&f, sizes, ARRAY_SIZE(sizes));
		r[i].userspace_addr = feed_near(&f, uas, ARRAY_SIZE(uas));
		ok &= may_stand(&r[i]);
	}
	if (feed_u8(&f) == 0xff)
		us_fail_alloc(1);
	mem = vxdp_memory_create(r, nr, &err);
	MUST(mem ? ok && !err : err == (ok ? -ENOMEM : -EFAULT));
	if (mem)
		MUST(mem->nr == nr);
	for (i = 0; i < LOOKS_MAX && f.left; i++)
		look(mem, r, mem ? nr : 0, &f);
	vxdp_memory_free(mem);
	free(r);
	MUST(us_clean());
	return 0;
}
