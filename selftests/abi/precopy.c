// SPDX-License-Identifier: GPL-2.0
/*
 * precopy.c - the guest's memory copied as a VMM does it that migrates: all of it, and
 * then, by the dirty log, what was written since, while frames flow both ways and the
 * log is switched off and on, its base moved, its eventfd swapped, its pages taken from
 * under it; of every kind of ring, and behind a virtual IOMMU. Whenever the frames pause,
 * and in the end, the copy is what the guest has, page by page: so nothing that is copied
 * or written again later hides a page that the log forgot.
 *
 *	precopy xdp|sock|intree [NAME]
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/vhost.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../vmm/flow.h"

#define PAGE 4096UL
#define ROUNDS 120
#define FLOWS 16
#define NO_PAGE UINT64_MAX
/* Frames may be through before the last of their pages is logged; it is in a moment. */
#define PASSES 500

/* Two logs and two eventfds, to change between. */
struct vmm {
	struct bench *b;
	pthread_t thread;
	uint64_t *log[2];
	size_t words;
	int fd[2];
	unsigned int now;
	uint8_t *copy;
	unsigned int rounds, pages;
	bool often;		/* the log is switched every few rounds */
	bool stop;
	bool pause;		/* the thread is to say so, and wait */
	sem_t paused, go;
};

/* As the VMM has it: behind an IOMMU it has the pages in another order, and spare ones. */
static size_t size_of(const struct mem_region *r)
{
	return r->pages ? r->pages->slots * PAGE : r->size;
}

static uint8_t *view_of(const struct mem_region *r)
{
	return r->pages ? r->pages->view : r->hva;
}

static void copy_all(struct vmm *v)
{
	const struct mem *m = &v->b->nic.mem;
	uint8_t *to = v->copy;
	unsigned int i;

	for (i = 0; i < m->count; to += size_of(&m->region[i++]))
		memcpy(to, view_of(&m->region[i]), size_of(&m->region[i]));
}

static void copy_page(struct vmm *v, uint64_t gpa)
{
	const struct mem *m = &v->b->nic.mem;
	uint8_t *to = v->copy;
	unsigned int i;

	for (i = 0; i < m->count; to += size_of(&m->region[i++])) {
		const struct mem_region *r = &m->region[i];

		if (gpa < r->gpa || gpa - r->gpa >= size_of(r))
			continue;
		memcpy(to + (gpa - r->gpa), view_of(r) + (gpa - r->gpa), PAGE);
		v->pages++;
		return;
	}
	ktap_bail("a bit is set where there is no memory");
}

/* Each word is fetched and cleared before its pages are read. */
static void copy_logged(struct vmm *v, uint64_t *log)
{
	uint64_t bits;
	size_t i;

	for (i = 0; i < v->words; i++) {
		bits = __atomic_exchange_n(&log[i], 0, __ATOMIC_SEQ_CST);
		for (; bits; bits &= bits - 1)
			copy_page(v, (i * 64 + __builtin_ctzll(bits)) * PAGE);
	}
}

static void log_on(struct vmm *v, bool on)
{
	struct nic *n = &v->b->nic;
	unsigned int i;

	NEED(!dev_set_features(n->dev, n->cfg.features |
				       (on ? BIT64(VHOST_F_LOG_ALL) : 0)));
	for (i = 0; i < 2; i++)
		NEED(!dev_vring_addr(n->dev, i, &n->ring[i], on,
				     mem_gpa(n->ring[i].mem, n->ring[i].used)));
}

static void move_log(struct vmm *v)
{
	uint64_t *old = v->log[v->now], base;

	v->now ^= 1;
	base = (uintptr_t)v->log[v->now];
	NEED(!dev_ioctl(v->b->nic.dev, VHOST_SET_LOG_BASE, &base));
	copy_logged(v, old);
}

/*
 * While there is a child the log's pages are shared with it, and who writes to one gets
 * another: so the VMM does here, whose bits must not go to the child's from then on.
 */
static void fork_once(struct vmm *v)
{
	int until[2], status;
	pid_t pid;
	char c;

	NEED(!pipe2(until, O_CLOEXEC));
	pid = fork();
	NEED(pid >= 0);
	if (!pid) {
		close(until[1]);
		_exit(read(until[0], &c, 1));
	}
	close(until[0]);
	copy_logged(v, v->log[v->now]);
	copy_logged(v, v->log[v->now]);
	close(until[1]);
	NEED(waitpid(pid, &status, 0) == pid && !status);
}

static void one_round(struct vmm *v)
{
	copy_logged(v, v->log[v->now]);
	switch (v->rounds % 8) {
	case 1:
	case 5:
		move_log(v);
		break;
	case 2:
		NEED(!dev_ioctl(v->b->nic.dev, VHOST_SET_LOG_FD,
				&v->fd[v->rounds / 8 % 2]));
		break;
	case 3:
		fork_once(v);
		break;
	case 7:
		/* Not often, or it would hide what is forgotten before it. */
		if (!v->often && v->rounds % 40 != 39)
			break;
		/* What is written now is not logged, so all is to be copied. */
		log_on(v, false);
		log_on(v, true);
		copy_all(v);
	}
	__atomic_add_fetch(&v->rounds, 1, __ATOMIC_RELEASE);
}

static void *migrate(void *arg)
{
	struct vmm *v = arg;

	log_on(v, true);
	copy_all(v);
	while (!__atomic_load_n(&v->stop, __ATOMIC_ACQUIRE)) {
		one_round(v);
		if (__atomic_load_n(&v->pause, __ATOMIC_ACQUIRE)) {
			sem_post(&v->paused);
			sem_wait(&v->go);
		}
	}
	return NULL;
}

static void begin(struct vmm *v, struct bench *b, bool often)
{
	const struct mem_region *last = &b->nic.mem.region[b->nic.mem.count - 1];
	size_t all = 0;
	uint64_t base;
	unsigned int i;

	memset(v, 0, sizeof(*v));
	v->b = b;
	v->often = often;
	v->words = (last->gpa + size_of(last)) / PAGE / 64 + 1;
	for (i = 0; i < 2; i++) {
		v->log[i] = mmap(NULL, v->words * 8, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		NEED(v->log[i] != MAP_FAILED);
		v->fd[i] = eventfd(0, EFD_NONBLOCK);
		NEED(v->fd[i] >= 0);
	}
	for (i = 0; i < b->nic.mem.count; i++)
		all += size_of(&b->nic.mem.region[i]);
	v->copy = malloc(all);
	NEED(v->copy);
	NEED(!sem_init(&v->paused, 0, 0) && !sem_init(&v->go, 0, 0));
	base = (uintptr_t)v->log[0];
	NEED(!dev_ioctl(b->nic.dev, VHOST_SET_LOG_BASE, &base));
	NEED(!pthread_create(&v->thread, NULL, migrate, v));
}

static void end(struct vmm *v)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		munmap(v->log[i], v->words * 8);
		close(v->fd[i]);
	}
	free(v->copy);
}

/* Where the driver has the page that the VMM has there; NULL: a spare one. */
static const uint8_t *driver_page(const struct mem_region *r, size_t at)
{
	size_t i;

	if (!r->pages)
		return r->hva + at;
	for (i = 0; i < r->pages->count; i++) {
		if (r->pages->slot[i] == at / PAGE)
			return r->hva + i * PAGE;
	}
	return NULL;
}

static bool within(const uint8_t *page, const void *start, size_t size)
{
	uintptr_t first = (uintptr_t)start & ~(PAGE - 1);

	return start && (uintptr_t)page >= first && (uintptr_t)page < (uintptr_t)start + size;
}

static bool rings_own(const struct ring *r, const uint8_t *page)
{
	const void *tables = r->is_packed ? (void *)r->packed.indirect : r->indirect;

	return within(page, r->desc, 16UL * r->num) ||
	       within(page, r->avail, r->is_packed ? 4 : 6 + 2UL * r->num) ||
	       within(page, tables, 16UL * r->num * RING_INDIRECT_MAX);
}

/* Pages that the guest itself writes, of which its vCPUs' log would know. */
static bool guests_own(const struct nic *n, const uint8_t *page)
{
	return page && (rings_own(&n->ring[NIC_RX], page) || rings_own(&n->ring[NIC_TX], page) ||
			within(page, n->tx_buf, n->tx_bufs * n->tx_stride));
}

/* Return: the first page whose copy is another, or NO_PAGE. */
static uint64_t differs(const struct vmm *v)
{
	const struct mem *m = &v->b->nic.mem;
	const uint8_t *copy = v->copy;
	unsigned int i;
	size_t at;

	for (i = 0; i < m->count; copy += size_of(&m->region[i++])) {
		const struct mem_region *r = &m->region[i];

		for (at = 0; at < size_of(r); at += PAGE) {
			if (memcmp(copy + at, view_of(r) + at, PAGE) &&
			    !guests_own(&v->b->nic, driver_page(r, at)))
				return r->gpa + at;
		}
	}
	return NO_PAGE;
}

/* Nothing flows. */
static bool all_copied(struct vmm *v)
{
	uint64_t gpa = NO_PAGE;
	unsigned int i;

	for (i = 0; i < PASSES; i++) {
		copy_logged(v, v->log[v->now]);
		gpa = differs(v);
		if (gpa == NO_PAGE)
			return true;
		sched_yield();
	}
	ktap_diag("round %u: page 0x%llx differs, and no bit is set for it", v->rounds,
		  (unsigned long long)gpa);
	return false;
}

static bool copied_so_far(struct vmm *v)
{
	bool ok;

	__atomic_store_n(&v->pause, true, __ATOMIC_RELEASE);
	sem_wait(&v->paused);
	ok = all_copied(v);
	__atomic_store_n(&v->pause, false, __ATOMIC_RELEASE);
	sem_post(&v->go);
	return ok;
}

struct scenario {
	const char *name;
	struct nic_cfg cfg;
	bool often;		/* see struct vmm */
	bool intree;		/* vhost-net has it, too */
};

/* The fast lane has a log of its own; some of its frames are to be among them. */
static bool has_fast_lane(enum lane lane, const struct nic_cfg *cfg)
{
	return lane == LANE_XDP && !(cfg->features & F_PACKED) && !cfg->indirect &&
	       !cfg->iommu.on;
}

static void scenario(enum lane lane, const struct scenario *s)
{
	static const unsigned int len[] = { 60, 1514, 9014 };
	bool has_fast = has_fast_lane(lane, &s->cfg);
	uint64_t fast = 0, signals;
	unsigned int run = 0;
	struct bench b;
	struct vmm v;
	bool ok = true;

	ktap_case(300, "%s", s->name);
	bench_open(&b, lane, s->cfg);
	if (s->cfg.indirect) {
		b.tx_layout = NIC_PIECES;
		b.tx_indirect = true;
	}
	ok = flow_run(&b, 100, 100);
	if (has_fast)
		fast = ctl_stat(PORT, VHOST_XDP_STAT_RX_FAST_PACKETS);
	begin(&v, &b, s->often);
	while (ok && (__atomic_load_n(&v.rounds, __ATOMIC_ACQUIRE) < ROUNDS ||
		     run < FLOWS)) {
		bench_len(&b, len[run++ % 3]);
		ok = flow_run(&b, 200, 50) && copied_so_far(&v);
	}
	__atomic_store_n(&v.stop, true, __ATOMIC_RELEASE);
	NEED(!pthread_join(v.thread, NULL));
	NEED(!nic_stop(&b.nic));
	if (has_fast)
		fast = ctl_stat(PORT, VHOST_XDP_STAT_RX_FAST_PACKETS) - fast;
	signals = eventfd_take(v.fd[0]) + eventfd_take(v.fd[1]);
	ktap_diag("%u rounds, %u flows, %u pages copied, %llu frames fast, told %llu times",
		  v.rounds, run, v.pages, (unsigned long long)fast,
		  (unsigned long long)signals);
	ktap_ok(ok && CHECK(all_copied(&v)) && CHECK(v.pages) && CHECK(signals) &&
		CHECK(!has_fast || fast));
	end(&v);
	bench_abandon(&b);
}

#define MERGED_AND(f) .features = F_MODERN | F_MRG | (f), .rx_num = 256, .tx_num = 256,	\
		      .rx_len = 1536, .tx_len = 9018, .regions = 3
#define MERGED MERGED_AND(0)
#define PIECES .features = F_MODERN, .rx_num = 512, .tx_num = 64, .rx_len = 9216,	\
	       .tx_len = 9018, .rx_layout = NIC_PIECES
#define BEHIND .iommu = { .on = true, .how = IOMMU_POLL }

static const struct scenario scenarios[] = {
	{ .name = "buffers of 1536 bytes", .cfg = { MERGED }, .intree = true },
	{ .name = "buffers of several pages, in pieces", .cfg = { PIECES }, .intree = true },
	{ .name = "indirect, buffers of several pages, in pieces",
	  .cfg = { PIECES, .indirect = true }, .intree = true },
	{ .name = "log often switched, buffers of 1536 bytes", .cfg = { MERGED },
	  .often = true, .intree = true },
	{ .name = "behind an IOMMU, buffers of 1536 bytes", .cfg = { MERGED, BEHIND },
	  .intree = true },
	{ .name = "packed, buffers of 1536 bytes", .cfg = { MERGED_AND(F_PACKED) } },
	{ .name = "packed, in order, indirect, buffers of 1536 bytes",
	  .cfg = { MERGED_AND(F_PACKED | F_IN_ORDER), .indirect = true } },
	{ .name = "packed, indirect, behind an IOMMU, buffers of 1536 bytes",
	  .cfg = { MERGED_AND(F_PACKED), .indirect = true, BEHIND } },
	{ .name = NULL },
};

int main(int argc, char **argv)
{
	enum lane lane = lane_of(argc > 1 ? argv[1] : "xdp");
	const struct scenario *s;

	ktap_case(60, "setup");
	net_ready(lane);
	port_attach(lane, PORT, mac_guest, 0, "");
	for (s = scenarios; s->name; s++) {
		if ((argc < 3 || strstr(s->name, argv[2])) && (lane != LANE_INTREE || s->intree))
			scenario(lane, s);
	}
	port_detach(lane, PORT);
	return ktap_done();
}
