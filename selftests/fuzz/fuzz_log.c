// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz_log.c - any range of guest memory, marked in a log at any place
 * (kmod/core/log.c): these bits and no others.
 */
#include "feed.h"
#include "log.h"

#define UA_LOG		0x300000000000ULL
#define LOG_BYTES	64
#define WRITES_MAX	16

static const u64 gpas[] = { 0, 32 * VXDP_LOG_PAGE, LOG_BYTES * 8 * VXDP_LOG_PAGE, ~0ULL };
static const u64 lens[] = { 1, VXDP_LOG_PAGE, 40 * VXDP_LOG_PAGE, ~0ULL };
static const u64 bases[] = { UA_LOG, US_TASK_SIZE, 0, ~0ULL };

/* As an access to [base + first, base + last] in numbers that do not wrap. */
static bool fits(u64 base, u64 gpa, u64 len)
{
	unsigned __int128 end = (unsigned __int128)gpa + len;

	if (!len)
		return true;
	if (end > (unsigned __int128)1 << 64)
		return false;
	return (unsigned __int128)base + (u64)((end - 1) / VXDP_LOG_PAGE / 8) < US_TASK_SIZE;
}

static void judge(struct feed *f)
{
	struct vhost_memory_region r = { .userspace_addr = 0x1000 };
	u64 base = feed_near(f, bases, ARRAY_SIZE(bases));
	u64 gpa = feed_near(f, gpas, ARRAY_SIZE(gpas));
	u64 len = feed_near(f, lens, ARRAY_SIZE(lens));
	struct vxdp_memory *mem;
	int err;

	MUST(vxdp_log_access_ok(base, gpa, len) == fits(base, gpa, len));
	r.guest_phys_addr = gpa;
	r.memory_size = len;
	mem = vxdp_memory_create(&r, 1, &err);
	if (mem)
		MUST(vxdp_log_memory_ok(base, mem) == fits(base, gpa, len));
	vxdp_memory_free(mem);
}

/* @off bytes into its page, as a VMM's log may lie. */
static void mark(struct feed *f, u32 off)
{
	u64 gpa = feed_near(f, gpas, ARRAY_SIZE(gpas));
	u64 len = feed_near(f, lens, ARRAY_SIZE(lens)), page;
	u8 want[LOG_BYTES], *log = us_at(UA_LOG + off, LOG_BYTES);
	bool beyond;
	int ret;

	memset(log, 0, LOG_BYTES);
	memset(want, 0, LOG_BYTES);
	beyond = len && gpa + (len - 1) >= LOG_BYTES * 8 * VXDP_LOG_PAGE;
	if (off % 4)
		us_allow(UA_LOG + off + LOG_BYTES, -off & 3, beyond);
	ret = vxdp_log_write(UA_LOG + off, gpa, len);
	if (!len || gpa + (len - 1) < gpa) {
		MUST(ret == (len ? -EFAULT : 0));
		MUST(!memcmp(log, want, LOG_BYTES));
		return;
	}
	MUST(ret == 0 || ret == -EFAULT);
	if (beyond) {
		/* Refused, but for what the last word has room for. */
		MUST(ret || (gpa + (len - 1)) / VXDP_LOG_PAGE / 8 < LOG_BYTES + (-off & 3));
		return;
	}
	MUST(!ret);
	for (page = gpa / VXDP_LOG_PAGE; page <= (gpa + (len - 1)) / VXDP_LOG_PAGE; page++)
		want[page / 8] |= 1 << page % 8;
	MUST(!memcmp(log, want, LOG_BYTES));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct feed f = { data, size };
	u32 i, off = feed_u8(&f) % 8;

	us_reset();
	/* Words are aligned: up to three bytes behind its end are read. */
	us_map(UA_LOG, (off + LOG_BYTES + 3) & ~3U);
	us_allow(UA_LOG + off, LOG_BYTES, true);
	for (i = 0; i < WRITES_MAX && f.left; i++) {
		judge(&f);
		mark(&f, off);
	}
	us_unmap(UA_LOG);
	MUST(us_clean());
	return 0;
}
