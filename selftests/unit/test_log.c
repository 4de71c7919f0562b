// SPDX-License-Identifier: GPL-2.0
/*
 * test_log.c - the dirty log (kmod/core/log.c), bit by bit.
 */
#include "ktap.h"
#include "log.h"
#include "random.h"

#define UA	0x7f0000000000ULL
#define AREA	0x2000		/* bytes mapped around the log */
#define LOG	0x800		/* where in them it begins, at most 7 further */
#define BYTES	0x400		/* of the log: 8192 pages */
#define PAGES	(BYTES * 8ULL)

static u8 want[AREA];
static u8 *area;

/* A log @skew bytes off alignment, what is around it not to be touched. */
static u64 make_log(unsigned int skew)
{
	us_reset();
	area = us_map(UA, AREA);
	memset(want, 0, sizeof(want));
	us_allow(UA + LOG + skew, BYTES, true);
	return UA + LOG + skew;
}

static void expect_page(unsigned int skew, u64 page)
{
	want[LOG + skew + page / 8] |= 1 << page % 8;
}

static bool as_expected(void)
{
	return CHECK(!memcmp(area, want, AREA));
}

static bool exact(unsigned int skew, u64 gpa, u64 len)
{
	u64 base = make_log(skew), page;

	for (page = gpa / 4096; len && page <= (gpa + len - 1) / 4096; page++)
		expect_page(skew, page);
	if (CHECK(!vxdp_log_write(base, gpa, len)) && as_expected() && us_clean())
		return true;
	ktap_diag("skew %u, gpa %#llx, length %#llx", skew, gpa, len);
	return false;
}

static bool page_boundaries(void)
{
	return exact(0, 0, 1) && exact(0, 0xfff, 1) && exact(0, 0x1000, 1) &&
	       exact(0, 0xfff, 2) && exact(0, 0, 0x1000) && exact(0, 0, 0x1001) &&
	       exact(0, 0x1fff, 0x1002);
}

static bool word_boundaries(void)
{
	u64 first, nr;

	for (first = 28; first <= 68; first++) {
		for (nr = 1; nr <= 100; nr++) {
			if (!exact(0, first * 4096, nr * 4096))
				return false;
		}
	}
	return true;
}

static bool unaligned_bases(void)
{
	unsigned int skew;
	u64 first, nr;

	for (skew = 1; skew < 8; skew++) {
		for (first = 0; first < 40; first++) {
			for (nr = 1; nr < 70; nr += 3) {
				if (!exact(skew, first * 4096 + 17, nr * 4096))
					return false;
			}
		}
	}
	return true;
}

static bool ends_of_the_log(void)
{
	unsigned int skew;

	for (skew = 0; skew < 8; skew++) {
		if (!exact(skew, 0, PAGES * 4096) ||
		    !exact(skew, (PAGES - 1) * 4096, 4096) || !exact(skew, 0, 4096))
			return false;
	}
	return true;
}

static bool any_range(void)
{
	u64 gpa, len;
	int i;

	for (i = 0; i < 5000; i++) {
		gpa = random_below(PAGES * 4096);
		len = random_below(min(PAGES * 4096 - gpa, 1ULL << random_below(26)) + 1);
		if (!exact(random_below(8), gpa, len))
			return false;
	}
	return true;
}

static bool length_0(void)
{
	return exact(0, 0x5000, 0) && CHECK(us_accesses() == 0) &&
	       CHECK(!vxdp_log_write(~0ULL, ~0ULL, 0));
}

/* The VMM's own bits stay; ours come on top. */
static bool only_sets(void)
{
	u64 base = make_log(0), page;
	u32 i;

	for (i = 0; i < BYTES; i++)
		area[LOG + i] = want[LOG + i] = random_u64();
	for (page = 13; page < 77; page++)
		expect_page(0, page);
	return CHECK(!vxdp_log_write(base, 13 * 4096, 64 * 4096)) && as_expected();
}

/* While we set a long run, the VMM fetches and clears: no bit is lost. */
static u8 fetched[AREA];

static void fetch_and_clear(void)
{
	u32 at = LOG + random_below(BYTES);

	fetched[at] |= area[at];
	area[at] = 0;
}

static bool against_the_vmm(void)
{
	u64 base = make_log(3), page;
	u32 i;

	memset(fetched, 0, sizeof(fetched));
	us_hook(fetch_and_clear);
	for (i = 0; i < 100; i++) {
		if (!CHECK(!vxdp_log_write(base, 0, PAGES * 4096)))
			return false;
	}
	for (page = 0; page < PAGES; page++)
		expect_page(3, page);
	for (i = 0; i < AREA; i++)
		area[i] |= fetched[i];
	return as_expected();
}

/* 8192 pages are 256 words, and one more where the log is not aligned. */
static bool a_word_at_a_time(void)
{
	u64 base = make_log(0);

	if (!CHECK(!vxdp_log_write(base, 0, PAGES * 4096)) || !CHECK(us_accesses() == 256))
		return false;
	base = make_log(1);
	return CHECK(!vxdp_log_write(base, 0, PAGES * 4096)) && CHECK(us_accesses() == 257);
}

static bool faults(void)
{
	u64 base = make_log(0);
	unsigned int n;

	for (n = 1; n <= 4; n++) {
		us_fail_access(n);
		if (!CHECK(vxdp_log_write(base, 0, 128 * 4096) == -EFAULT))
			return false;
	}
	us_fail_access(0);
	us_read_only(base);
	return CHECK(vxdp_log_write(base, 0, 1) == -EFAULT) &&
	       CHECK(vxdp_log_write(UA + AREA, 0, 1) == -EFAULT) &&
	       CHECK(vxdp_log_write(0, 0, 1) == -EFAULT) &&
	       CHECK(vxdp_log_write(US_TASK_SIZE, 0, 1) == -EFAULT);
}

static bool wraps(void)
{
	u64 base = make_log(0);

	return CHECK(vxdp_log_write(base, ~0ULL, 2) == -EFAULT) &&
	       CHECK(vxdp_log_write(base, 2, ~0ULL) == -EFAULT) &&
	       CHECK(vxdp_log_write(~0ULL, 8 * 4096, 1) == -EFAULT) &&
	       CHECK(us_accesses() == 0) && CHECK(!vxdp_log_access_ok(base, ~0ULL, 2)) &&
	       CHECK(!vxdp_log_access_ok(~0ULL - 1, 8 * 4096 * 4, 1));
}

/* The last byte of user space holds eight pages' bits. */
static bool access_limit(void)
{
	u64 last = US_TASK_SIZE - 1;

	return CHECK(vxdp_log_access_ok(last, 0, 8 * 4096)) &&
	       CHECK(!vxdp_log_access_ok(last, 0, 8 * 4096 + 1)) &&
	       CHECK(!vxdp_log_access_ok(last, 8 * 4096, 1)) &&
	       CHECK(vxdp_log_access_ok(last - 1, 8 * 4096, 1)) &&
	       CHECK(!vxdp_log_access_ok(last + 1, 0, 1)) &&
	       CHECK(vxdp_log_access_ok(~0ULL, ~0ULL, 0)) &&
	       CHECK(vxdp_log_access_ok(0, last * 8 * 4096, 8 * 4096)) &&
	       CHECK(!vxdp_log_access_ok(0, last * 8 * 4096, 8 * 4096 + 1)) &&
	       CHECK(!vxdp_log_access_ok(0, ~0ULL, 1));
}

static bool memory_fits(void)
{
	struct vhost_memory_region r[] = {
		{ .guest_phys_addr = 0, .memory_size = 0x8000, .userspace_addr = UA },
		{ .guest_phys_addr = 0x10000, .memory_size = 0x8000, .userspace_addr = UA },
	};
	u64 end = US_TASK_SIZE;
	struct vxdp_memory *mem;
	bool ok;
	int err;

	mem = vxdp_memory_create(r, 2, &err);
	NEED(mem);
	ok = CHECK(vxdp_log_memory_ok(end - 3, mem)) &&
	     CHECK(!vxdp_log_memory_ok(end - 2, mem)) && CHECK(!vxdp_log_memory_ok(end, mem));
	vxdp_memory_free(mem);
	mem = vxdp_memory_create(r, 1, &err);
	NEED(mem);
	ok &= CHECK(vxdp_log_memory_ok(end - 1, mem));
	vxdp_memory_free(mem);
	return ok;
}

#define HERE	0x10000000ULL	/* user addresses of memory, which nobody touches */

/* Memory of which parts are the guest's twice, beside each other, and not at all. */
static const struct vhost_memory_region twice[] = {
	{ .guest_phys_addr = 0x0, .memory_size = 0x4000, .userspace_addr = HERE },
	{ .guest_phys_addr = 0x20000, .memory_size = 0x4000, .userspace_addr = HERE + 0x2000 },
	{ .guest_phys_addr = 0x40000, .memory_size = 0x1000, .userspace_addr = HERE + 0x6000 },
	{ .guest_phys_addr = 0x60000, .memory_size = 0x1000, .userspace_addr = HERE + 0x8000 },
};

/* @pages: what is expected of them, ended by ~0. What is written before an error counts. */
static bool by_user_address(u64 uaddr, u64 len, int ret, const u64 *pages)
{
	u64 base = make_log(1);
	struct vxdp_memory *mem;
	bool ok;
	int err;

	mem = vxdp_memory_create(twice, ARRAY_SIZE(twice), &err);
	NEED(mem);
	for (; *pages != ~0ULL; pages++)
		expect_page(1, *pages);
	ok = CHECK(vxdp_log_write_user(base, mem, uaddr, len) == ret) && as_expected();
	vxdp_memory_free(mem);
	return ok && us_clean();
}

#define PAGES_ARE(...)	((const u64[]){ __VA_ARGS__, ~0ULL })

static bool user_addresses(void)
{
	static const u64 none[] = { ~0ULL };

	return by_user_address(HERE, 1, 0, PAGES_ARE(0)) &&
	       by_user_address(HERE + 0xfff, 2, 0, PAGES_ARE(0, 1)) &&
	       by_user_address(HERE + 0x2000, 1, 0, PAGES_ARE(2, 0x20)) &&
	       by_user_address(HERE + 0x1fff, 0x4001, 0, PAGES_ARE(1, 2, 3, 0x20, 0x21, 0x22, 0x23)) &&
	       by_user_address(HERE + 0x5fff, 0x1001, 0, PAGES_ARE(0x23, 0x40)) &&
	       by_user_address(HERE + 0x6fff, 2, -EFAULT, PAGES_ARE(0x40)) &&
	       by_user_address(HERE + 0x6fff, 0x1001, -EFAULT, PAGES_ARE(0x40)) &&
	       by_user_address(HERE + 0x7fff, 2, -EFAULT, none) &&
	       by_user_address(HERE - 1, 2, -EFAULT, none) &&
	       by_user_address(HERE + 0x7000, 0, 0, none) &&
	       by_user_address(~0ULL, 1, -EFAULT, none);
}

static bool no_table(void)
{
	return CHECK(vxdp_log_write_user(make_log(0), NULL, HERE, 1) == -EFAULT) && as_expected();
}

static const struct {
	const char *name;
	bool (*run)(void);
} cases[] = {
	{ "bits at page boundaries", page_boundaries },
	{ "bits at word boundaries", word_boundaries },
	{ "a log that is not aligned, nothing beside it", unaligned_bases },
	{ "first and last bit of the log", ends_of_the_log },
	{ "5000 random ranges", any_range },
	{ "length 0 marks nothing", length_0 },
	{ "bits are only ever set", only_sets },
	{ "no bit is lost to a VMM that fetches and clears", against_the_vmm },
	{ "a word at a time", a_word_at_a_time },
	{ "memory that cannot be written", faults },
	{ "addresses that wrap", wraps },
	{ "the end of user space, to the page", access_limit },
	{ "a log for every region of a table", memory_fits },
	{ "by user address: memory that is the guest's once, twice, not at all", user_addresses },
	{ "by user address, without a table", no_table },
};

int main(void)
{
	unsigned int i;
	bool ok;

	random_seed("selftests/unit/log");
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		us_reset();
		ktap_case(30, "log: %s", cases[i].name);
		ok = cases[i].run();
		ktap_ok(us_clean() && ok);
	}
	us_reset();
	return ktap_done();
}
