// SPDX-License-Identifier: GPL-2.0
/*
 * memory.c - memory that goes away, moves or is shared while frames come into it,
 * because the VMM or the kernel wants it so. What the guest then reads is right,
 * or the ring stops and says so; and nothing is written to a page that is not the
 * guest's any more.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memory_load.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE 101
#endif

static bool put_word(const char *path, const char *word)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = write(fd, word, strlen(word));
	close(fd);
	return n > 0;
}

static long get_number(const char *path, const char *key)
{
	FILE *f = fopen(path, "re");
	char line[128];
	long val = -1;

	NEED(f);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			val = atol(line + strlen(key));
	fclose(f);
	return val;
}

static struct part_mem *part_of(struct shake *s)
{
	return &s->g->part[s->part];
}

static int dontneed_all(struct shake *s, unsigned int round)
{
	(void)round;
	NEED(!madvise(part_of(s)->at, part_of(s)->size, MADV_DONTNEED));
	return 1;
}

static int dontneed_slot(struct shake *s, unsigned int round)
{
	NEED(!madvise(part_of(s)->at + round * 37 % SLOTS * SLOT, SLOT,
		      MADV_DONTNEED));
	return 1;
}

static int dontneed_ring(struct shake *s, unsigned int round)
{
	NEED(!madvise(part_of(s)->at + round % 3 * 4096, 4096, MADV_DONTNEED));
	return 1;
}

/* Lazily freed, and then half of it really. */
static int free_all(struct shake *s, unsigned int round)
{
	struct part_mem *p = part_of(s);

	NEED(!madvise(p->at, p->size, MADV_FREE));
	if (round & 1)
		NEED(!madvise(p->at, p->size / 2, MADV_PAGEOUT));
	return 1;
}

static uint8_t *elsewhere(size_t size)
{
	const size_t huge = 2UL << 20;
	uint8_t *p = mmap(NULL, size + huge, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	NEED(p != MAP_FAILED);
	return (void *)(((uintptr_t)p + huge - 1) & ~(huge - 1));
}

static void move(struct guest *g, enum part p)
{
	size_t size = g->part[p].size;
	uint8_t *old = g->part[p].at, *to = elsewhere(size);

	NEED(mremap(old, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
	guest_moved(g, p, to);
}

static int move_part(struct shake *s, unsigned int round)
{
	(void)round;
	move(s->g, s->part);
	return 1;
}

static int nothing(struct shake *s, unsigned int round)
{
	(void)s;
	(void)round;
	return 1;
}

static uint64_t sum_of(const struct guest *g)
{
	uint64_t sum = 0;
	unsigned int i;
	size_t k;

	for (i = 0; i < PARTS; i++)
		for (k = 0; k < g->part[i].size / 8; k++)
			sum = sum * 31 + ((uint64_t *)g->part[i].at)[k];
	return sum;
}

/* The child has the memory as it was; frames to the parent are none of its own. */
static void watch_own_copy(const struct guest *g, int ready, int go)
{
	uint64_t sum = sum_of(g);
	char c;

	if (write(ready, "", 1) != 1 || read(go, &c, 1) != 1)
		_exit(2);
	_exit(sum_of(g) == sum ? 0 : 1);
}

static void await_frames(struct shake *s, unsigned int n)
{
	uint32_t *next = &s->g->b.at_guest.next;
	uint32_t from = __atomic_load_n(next, __ATOMIC_RELAXED);

	while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED) &&
	       __atomic_load_n(next, __ATOMIC_RELAXED) - from < n)
		poll(NULL, 0, 1);
}

static int fork_child(struct shake *s, unsigned int round)
{
	int ready[2], go[2], status;
	pid_t pid;
	char c;

	(void)round;
	NEED(!pipe2(ready, O_CLOEXEC) && !pipe2(go, O_CLOEXEC));
	pid = fork();
	NEED(pid >= 0);
	if (!pid)
		watch_own_copy(s->g, ready[1], go[0]);
	NEED(read(ready[0], &c, 1) == 1);
	await_frames(s, SLOTS);
	NEED(write(go[1], "", 1) == 1);
	NEED(waitpid(pid, &status, 0) == pid);
	close(ready[0]);
	close(ready[1]);
	close(go[0]);
	close(go[1]);
	if (status)
		ktap_diag("the child ended with %#x: its memory changed", status);
	return status ? -1 : 1;
}

/* Each page moves to another place; the old one is not used again. */
static int migrate(struct shake *s, unsigned int round)
{
	struct part_mem *p = part_of(s);
	size_t at = round * 37 % (p->size / 4096) * 4096;

	if (s->rounds > 2 * SHAKE_ROUNDS || !(round % 16))
		return put_word("/proc/sys/vm/compact_memory", "1") ? 0 : -1;
	return !madvise(p->at + at, 4096, MADV_SOFT_OFFLINE);
}

static int page_out(struct shake *s, unsigned int round)
{
	(void)round;
	NEED(!madvise(part_of(s)->at, part_of(s)->size, MADV_PAGEOUT));
	return 1;
}

/* A huge page, and small ones again. */
static int collapse(struct shake *s, unsigned int round)
{
	struct part_mem *p = part_of(s);

	/* Where a page is in use just now it cannot be done. */
	if (madvise(p->at, p->size, MADV_COLLAPSE))
		return 0;
	await_frames(s, 100);
	NEED(!madvise(p->at + round * 37 % SLOTS * SLOT, 4096, MADV_PAGEOUT));
	return 1;
}

#define KSM "/sys/kernel/mm/ksm/"

/* Nothing in any of them: KSM makes them one page. */
static int merge(struct shake *s, unsigned int round)
{
	struct part_mem *p = part_of(s);

	if (!round)
		NEED(!madvise(p->at, p->size, MADV_MERGEABLE));
	memset(p->at, 0, p->size);
	while (get_number(KSM "pages_sharing", "") < (long)SLOTS)
		poll(NULL, 0, 1);
	return 1;
}

static void with_ksm(struct guest *g)
{
	ktap_case(90, "KSM merges buffers");
	if (!put_word(KSM "sleep_millisecs", "1") ||
	    !put_word(KSM "pages_to_scan", "1000") ||
	    !put_word(KSM "run", "1")) {
		ktap_skip("KSM merges buffers", "the kernel has no KSM");
		return;
	}
	put_word(KSM "smart_scan", "0");
	ktap_ok(shake_between(g, BUFS, merge));
	put_word(KSM "run", "2");
}

/* Swap in memory: zram, 64 MiB. */
static bool swap_on(void)
{
	return !net_run("modprobe zram && echo 64M > /sys/block/zram0/disksize"
			" && mkswap /dev/zram0 > /dev/null") &&
	       !swapon("/dev/zram0", 0);
}

static void swap_off(void)
{
	NEED(!swapoff("/dev/zram0"));
	NEED(!net_run("echo 1 > /sys/block/zram0/reset && rmmod zram"));
}

static void with_swap(struct guest *g)
{
	static const char *const names[] = {
		"buffers swapped out under load",
		"ring swapped out under load",
		"buffers made a huge page and small ones under load",
	};
	long before;
	int i;

	ktap_case(60, "swap on");
	if (!swap_on()) {
		for (i = 0; i < 3; i++)
			ktap_skip(names[i], "no swap: needs zram and mkswap");
		return;
	}
	before = get_number("/proc/vmstat", "pswpout ");
	ktap_case(90, "%s", names[0]);
	ktap_ok(shake_under(g, BUFS, page_out));
	ktap_case(90, "%s", names[1]);
	ktap_ok(shake_under(g, RING, page_out) &&
		CHECK(get_number("/proc/vmstat", "pswpout ") - before >=
		      SHAKE_ROUNDS));
	ktap_diag("%ld pages swapped out",
		  get_number("/proc/vmstat", "pswpout ") - before);
	ktap_case(90, "%s", names[2]);
	ktap_ok(shake_under(g, BUFS, collapse));
	swap_off();
}

static void by_the_vmm(struct guest *g)
{
	ktap_case(60, "MADV_DONTNEED of buffers between frames");
	ktap_ok(shake_between(g, BUFS, dontneed_all));
	ktap_case(60, "MADV_DONTNEED of buffers under load");
	g->may_lose = true;
	ktap_ok(shake_under(g, BUFS, dontneed_slot));
	g->may_lose = false;
	ktap_case(60, "MADV_DONTNEED of the ring under load");
	ktap_ok(shake_blast(g, RING, dontneed_ring, nothing));
	ktap_case(60, "MADV_FREE of buffers between frames");
	ktap_ok(shake_between(g, BUFS, free_all));
	ktap_case(60, "mremap of buffers between frames");
	ktap_ok(shake_between(g, BUFS, move_part));
	ktap_case(60, "mremap of buffers under load");
	ktap_ok(shake_blast(g, BUFS, move_part, nothing));
	ktap_case(60, "mremap of the ring under load");
	ktap_ok(shake_blast(g, RING, move_part, nothing));
	ktap_case(60, "fork under load");
	ktap_ok(shake_under(g, BUFS, fork_child));
}

/* Not every kernel can take a page out of use. */
static bool can_migrate(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	bool can;

	NEED(page != MAP_FAILED);
	can = !madvise(page, 4096, MADV_SOFT_OFFLINE) || errno != EINVAL;
	munmap(page, 4096);
	return can;
}

static void migrations(struct guest *g)
{
	static const char *const name[] = {
		[BUFS] = "pages of buffers migrated under load",
		[RING] = "pages of the ring migrated under load",
	};
	bool can = can_migrate();
	enum part part;

	for (part = BUFS; part < PARTS; part++) {
		if (!can) {
			ktap_skip(name[part], "no CONFIG_MEMORY_FAILURE");
			continue;
		}
		ktap_case(60, "%s", name[part]);
		ktap_ok(shake_under(g, part, migrate));
	}
}

static void by_the_kernel(struct guest *g)
{
	long before = get_number("/proc/vmstat", "pgmigrate_success ");

	migrations(g);
	ktap_diag("%ld pages migrated",
		  get_number("/proc/vmstat", "pgmigrate_success ") - before);
	with_ksm(g);
	with_swap(g);
}

/* All the above is worth little where frames did not go where they should. */
static bool right_lane(void)
{
	uint64_t fast = ctl_stat(PORT, VHOST_XDP_STAT_RX_FAST_PACKETS);
	uint64_t all = ctl_stat(PORT, VHOST_XDP_STAT_RX_XDP_PACKETS);
	FILE *f = fopen("/sys/module/vhost_xdp/parameters/fast_rx", "re");
	bool on;

	NEED(f);
	on = fgetc(f) == 'Y';
	fclose(f);
	ktap_diag("%llu of %llu frames put in by the program's call",
		  (unsigned long long)fast, (unsigned long long)all);
	return CHECK(all) && (on ? CHECK(fast > all / 8) : CHECK(!fast));
}

int main(void)
{
	struct guest g;

	ktap_case(60, "setup");
	net_ready(LANE_XDP);
	port_attach(LANE_XDP, PORT, mac_guest, 0, "");
	guest_open(&g, false);
	by_the_vmm(&g);
	by_the_kernel(&g);
	guest_close(&g);
	memory_files();
	ktap_case(60, "frames took the lane that is on");
	ktap_ok(right_lane());
	ktap_case(60, "port removed");
	port_detach(LANE_XDP, PORT);
	ktap_ok(true);
	return ktap_done();
}
