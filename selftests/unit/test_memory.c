// SPDX-License-Identifier: GPL-2.0
/*
 * test_memory.c - the memory table (kmod/core/memory.c).
 */
#include "ktap.h"
#include "memory.h"
#include "random.h"

#define UA	0x7f0000000000ULL

static struct vhost_memory_region region(u64 gpa, u64 size, u64 uaddr)
{
	return (struct vhost_memory_region){
		.guest_phys_addr = gpa, .memory_size = size, .userspace_addr = uaddr,
	};
}

static struct vxdp_memory *make(const struct vhost_memory_region *r, u32 nr)
{
	int err = 1;
	struct vxdp_memory *mem = vxdp_memory_create(r, nr, &err);

	NEED(mem && !err);
	return mem;
}

static bool refused(struct vhost_memory_region r)
{
	struct vhost_memory_region both[] = { region(0, 0x1000, UA), r };
	int err = 0;

	return !vxdp_memory_create(both, 2, &err) && err == -EFAULT;
}

static bool accepted(struct vhost_memory_region r)
{
	int err = 1;
	struct vxdp_memory *mem = vxdp_memory_create(&r, 1, &err);

	vxdp_memory_free(mem);
	return mem && !err;
}

static bool piece_is(const struct iovec *iov, u64 uaddr, u64 len)
{
	return CHECK((u64)iov->iov_base == uaddr) && CHECK(iov->iov_len == len);
}

static bool sorts(void)
{
	struct vhost_memory_region r[] = {
		region(0x30000, 0x1000, UA), region(0x1000, 0x1000, UA + 0x1000),
		region(0x20000, 0x1000, UA + 0x2000),
	};
	struct vhost_memory_region before[ARRAY_SIZE(r)];
	struct vxdp_memory *mem;
	bool ok;

	memcpy(before, r, sizeof(r));
	mem = make(r, ARRAY_SIZE(r));
	ok = CHECK(mem->nr == 3) && CHECK(mem->region[0].guest_phys_addr == 0x1000) &&
	     CHECK(mem->region[1].guest_phys_addr == 0x20000) &&
	     CHECK(mem->region[2].guest_phys_addr == 0x30000) &&
	     CHECK(mem->region[1].userspace_addr == UA + 0x2000) &&
	     CHECK(!memcmp(before, r, sizeof(r)));
	vxdp_memory_free(mem);
	return ok;
}

static bool empty_table(void)
{
	struct vxdp_memory *mem = make(NULL, 0);
	struct iovec iov;
	bool ok;

	ok = CHECK(vxdp_memory_translate(mem, 0, 1, &iov, 1) == -EFAULT) &&
	     CHECK(vxdp_memory_translate(mem, 0, 0, &iov, 1) == 0) &&
	     CHECK(vxdp_memory_translate(NULL, 0, 1, &iov, 1) == -EFAULT);
	vxdp_memory_free(mem);
	vxdp_memory_free(NULL);
	return ok;
}

static bool bad_regions(void)
{
	return CHECK(refused(region(0x1000, 0, UA))) &&
	       CHECK(refused(region(0, 0, 0))) &&
	       CHECK(refused(region(~0ULL, 2, UA))) &&
	       CHECK(refused(region(0x1000, ~0ULL, UA))) &&
	       CHECK(refused(region(0x1000, 2, ~0ULL)));
}

static bool kernel_addresses(void)
{
	return CHECK(accepted(region(0, 0x1000, US_TASK_SIZE - 0x1000))) &&
	       CHECK(refused(region(0, 0x1001, US_TASK_SIZE - 0x1000))) &&
	       CHECK(refused(region(0, 1, US_TASK_SIZE))) &&
	       CHECK(refused(region(0, 0x1000, 0xffff888000000000ULL)));
}

static bool top_of_guest_memory(void)
{
	struct vhost_memory_region r[] = {
		region(0ULL - 0x1000, 0x1000, UA), region(0, 0x1000, UA + 0x10000),
	};
	struct vxdp_memory *mem = make(r, 2);
	struct iovec iov[4];
	bool ok;

	ok = CHECK(vxdp_memory_translate(mem, 0ULL - 0x10, 0x10, iov, 4) == 1) &&
	     piece_is(&iov[0], UA + 0xff0, 0x10) &&
	     CHECK(vxdp_memory_translate(mem, 0ULL - 0x10, 0x11, iov, 4) == -EFAULT) &&
	     CHECK(vxdp_memory_translate(mem, 0ULL - 1, ~0ULL, iov, 4) == -EFAULT);
	vxdp_memory_free(mem);
	return ok;
}

static bool overlap(void)
{
	struct vhost_memory_region r[] = {
		region(0x2000, 0x2000, UA + 0x100000), region(0x1000, 0x2000, UA),
	};
	struct vxdp_memory *mem = make(r, 2);
	struct iovec iov[4];
	bool ok;

	ok = CHECK(vxdp_memory_translate(mem, 0x1000, 0x3000, iov, 4) == 2) &&
	     piece_is(&iov[0], UA, 0x2000) &&
	     piece_is(&iov[1], UA + 0x101000, 0x1000);
	vxdp_memory_free(mem);
	return ok;
}

static bool same_start(void)
{
	struct vhost_memory_region r[] = {
		region(0x1000, 0x1000, UA), region(0x1000, 0x1000, UA + 0x100000),
	};
	struct vxdp_memory *mem = make(r, 2);
	struct iovec iov;
	bool ok;

	ok = CHECK(vxdp_memory_translate(mem, 0x1800, 0x800, &iov, 1) == 1) &&
	     CHECK(((u64)iov.iov_base & ~0x100000ULL) == UA + 0x800);
	vxdp_memory_free(mem);
	return ok;
}

static bool crossing(void)
{
	struct vhost_memory_region r[] = {
		region(0x1000, 0x1000, UA), region(0x2000, 0x1000, UA + 0x50000),
		region(0x3000, 0x1000, UA + 0x20000), region(0x5000, 0x1000, UA + 0x90000),
	};
	struct vxdp_memory *mem = make(r, 4);
	struct iovec iov[5] = { [3] = { .iov_len = 77 } };
	bool ok;

	ok = CHECK(vxdp_memory_translate(mem, 0x1ffe, 0x1004, iov, 3) == 3) &&
	     piece_is(&iov[0], UA + 0xffe, 2) && piece_is(&iov[1], UA + 0x50000, 0x1000) &&
	     piece_is(&iov[2], UA + 0x20000, 2) && CHECK(iov[3].iov_len == 77) &&
	     CHECK(vxdp_memory_translate(mem, 0x1ffe, 0x1004, iov, 2) == -ENOBUFS) &&
	     CHECK(vxdp_memory_translate(mem, 0x1ffe, 2, iov, 0) == -ENOBUFS) &&
	     CHECK(vxdp_memory_translate(mem, 0x3000, 0x1000, iov, 1) == 1) &&
	     CHECK(vxdp_memory_translate(mem, 0x3000, 0x1001, iov, 5) == -EFAULT) &&
	     CHECK(vxdp_memory_translate(mem, 0x0fff, 2, iov, 5) == -EFAULT) &&
	     CHECK(vxdp_memory_translate(mem, 0x4000, 1, iov, 5) == -EFAULT) &&
	     CHECK(vxdp_memory_translate(mem, 0x6000, 1, iov, 5) == -EFAULT) &&
	     CHECK(vxdp_memory_translate(mem, 0x9000, 0, iov, 0) == 0);
	vxdp_memory_free(mem);
	return ok;
}

static bool no_memory(void)
{
	struct vhost_memory_region r = region(0, 0x1000, UA);
	int err = 0;

	us_fail_alloc(1);
	return CHECK(!vxdp_memory_create(&r, 1, &err)) && CHECK(err == -ENOMEM);
}

/* The user address of one guest byte, found by looking at every region. */
static bool byte_at(const struct vhost_memory_region *r, u32 nr, u64 gpa, u64 *uaddr)
{
	const struct vhost_memory_region *best = NULL;
	u32 i;

	for (i = 0; i < nr; i++) {
		if (gpa < r[i].guest_phys_addr ||
		    gpa - r[i].guest_phys_addr >= r[i].memory_size)
			continue;
		if (!best || r[i].guest_phys_addr < best->guest_phys_addr)
			best = &r[i];
	}
	if (best)
		*uaddr = best->userspace_addr + (gpa - best->guest_phys_addr);
	return best;
}

static bool one_range(const struct vxdp_memory *mem, const struct vhost_memory_region *r,
		      u32 nr, u64 gpa, u64 len)
{
	struct iovec iov[64];
	int n = vxdp_memory_translate(mem, gpa, len, iov, 64);
	u64 i, at, want = 0;
	int k = 0;

	for (i = 0; i < len; i++) {
		if (!byte_at(r, nr, gpa + i, &want))
			return CHECK(n == -EFAULT);
	}
	for (i = 0, at = 0; i < len; i++, at++) {
		byte_at(r, nr, gpa + i, &want);
		while (k < n && at == iov[k].iov_len) {
			at = 0;
			k++;
		}
		if (!CHECK(k < n && (u64)iov[k].iov_base + at == want))
			return false;
	}
	return CHECK(n == k + 1) && CHECK(at == iov[k].iov_len);
}

/* Regions side by side and with holes, but not on top of each other. */
static bool against_reference(void)
{
	struct vhost_memory_region r[VXDP_MEM_REGIONS_MAX];
	struct vxdp_memory *mem;
	u64 gpa = random_below(50), start = gpa;
	bool ok = true;
	u32 i, j;

	for (i = 0; i < ARRAY_SIZE(r); i++) {
		r[i] = region(gpa, 1 + random_below(20), UA + i * 0x1000 + random_below(64));
		gpa += r[i].memory_size + (random_below(6) ? 0 : random_below(8));
	}
	for (i = 0; i < ARRAY_SIZE(r); i++) {
		struct vhost_memory_region tmp = r[i];

		j = random_below(ARRAY_SIZE(r));
		r[i] = r[j];
		r[j] = tmp;
	}
	mem = make(r, ARRAY_SIZE(r));
	for (i = 0; i < 2000 && ok; i++)
		ok = one_range(mem, r, ARRAY_SIZE(r),
			       start + random_below(gpa + 10 - start),
			       1 + random_below(random_below(4) ? 30 : 400));
	vxdp_memory_free(mem);
	return ok;
}

static const struct {
	const char *name;
	bool (*run)(void);
} cases[] = {
	{ "regions are sorted, the caller's are left alone", sorts },
	{ "an empty table and none map nothing", empty_table },
	{ "empty and wrapping regions are refused", bad_regions },
	{ "kernel addresses are refused, to the byte", kernel_addresses },
	{ "the last guest byte can be used, a wrap cannot", top_of_guest_memory },
	{ "of regions that overlap the lowest wins", overlap },
	{ "of regions with the same start one is used", same_start },
	{ "a buffer over regions and holes; too little room", crossing },
	{ "no memory for the table", no_memory },
	{ "64 regions, byte by byte against a plain search", against_reference },
};

int main(void)
{
	unsigned int i;
	bool ok;

	random_seed("selftests/unit/memory");
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		us_reset();
		ktap_case(30, "memory: %s", cases[i].name);
		ok = cases[i].run();
		ktap_ok(us_clean() && ok);
	}
	us_reset();
	return ktap_done();
}
