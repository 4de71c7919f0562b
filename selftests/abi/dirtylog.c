// SPDX-License-Identifier: GPL-2.0
/*
 * dirtylog.c - write logging for migration: every page that the device wrote
 * has its bit set in the log, and no page that it did not. The guest's memory
 * is compared with a copy of it from before, so nothing need be believed.
 *
 * A packed ring's descriptors are written by both sides: of them it is known which the
 * device has had to write, each as often as there are frames.
 *
 *	dirtylog xdp|sock|intree
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../vmm/flow.h"

#define PAGE 4096UL
/* Descriptors of a frame at most, header and pieces. */
#define FRAME_DESCS_MAX 7

struct log {
	uint8_t *bits;
	uint8_t *moved;		/* pages that were the log's once */
	size_t size;
};

static bool logged(const struct log *l, uint64_t gpa)
{
	uint64_t page = gpa / PAGE;

	NEED(page / 8 < l->size);
	return l->bits[page / 8] & (1U << (page % 8));
}

static void log_open(struct log *l, const struct mem *m)
{
	const struct mem_region *last = &m->region[m->count - 1];

	l->moved = NULL;
	l->size = (last->gpa + last->size) / PAGE / 8 + 4096;
	l->bits = mmap(NULL, l->size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	NEED(l->bits != MAP_FAILED);
}

/* As QEMU does it while the guest runs: base, features, then the rings. */
static void log_on(struct bench *b, struct log *l, bool on)
{
	uint64_t base = (uintptr_t)l->bits, f = b->nic.cfg.features;
	unsigned int i;

	NEED(!dev_ioctl(b->nic.dev, VHOST_SET_LOG_BASE, &base));
	NEED(!dev_set_features(b->nic.dev, f | (on ? BIT64(VHOST_F_LOG_ALL) :
						0)));
	for (i = 0; i < 2; i++) {
		struct ring *r = &b->nic.ring[i];

		NEED(!dev_vring_addr(b->nic.dev, i, r, on,
				     mem_gpa(r->mem, r->used)));
	}
}

static uint8_t *snapshot(const struct mem *m)
{
	uint8_t *copy, *p;
	size_t all = 0;
	unsigned int i;

	for (i = 0; i < m->count; i++)
		all += m->region[i].size;
	copy = p = malloc(all);
	NEED(copy);
	for (i = 0; i < m->count; i++) {
		memcpy(p, m->region[i].hva, m->region[i].size);
		p += m->region[i].size;
	}
	return copy;
}

static bool in_desc(const struct ring *r, const uint8_t *page)
{
	return page >= (uint8_t *)r->desc && page < (uint8_t *)r->desc + 16UL * r->num;
}

static bool in_tables(const struct ring *r, const uint8_t *page)
{
	const void *t = r->is_packed ? (void *)r->packed.indirect : r->indirect;

	return t && page >= (uint8_t *)t &&
	       page < (uint8_t *)t + 16UL * r->num * RING_INDIRECT_MAX;
}

/* Pages that the guest itself writes: they differ without the device. */
static bool guests_own(const struct bench *b, const uint8_t *page)
{
	const struct nic *n = &b->nic;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		const struct ring *r = &n->ring[i];

		if (in_desc(r, page))
			return true;
		if (page >= (uint8_t *)r->avail &&
		    page < (uint8_t *)r->avail + 6 + 2UL * r->num)
			return true;
		if (in_tables(r, page))
			return true;
	}
	return page >= (uint8_t *)((uintptr_t)n->tx_buf & ~(PAGE - 1)) &&
	       page < n->tx_buf + n->tx_bufs * n->tx_stride;
}

static bool in_rx_or_used(const struct bench *b, const uint8_t *page)
{
	const struct nic *n = &b->nic;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		const struct ring *r = &n->ring[i];

		if (r->is_packed && in_desc(r, page))
			return true;
		if (page >= (uint8_t *)r->used &&
		    page < (uint8_t *)r->used + 6 + 8UL * r->num)
			return true;
	}
	return page + PAGE > n->rx_buf &&
	       page < n->rx_buf + n->rx_bufs * n->rx_stride;
}

struct tally {
	unsigned int changed, missed, stray, set;
};

static struct tally compare(const struct bench *b, const struct log *l,
			    const uint8_t *before)
{
	const struct mem *m = &b->nic.mem;
	struct tally t = { 0 };
	unsigned int i;
	size_t at;

	for (i = 0; i < m->count; i++) {
		const struct mem_region *r = &m->region[i];

		for (at = 0; at < r->size; at += PAGE, before += PAGE) {
			bool diff = memcmp(before, r->hva + at, PAGE);
			bool bit = logged(l, r->gpa + at);

			t.set += bit;
			if (bit && !in_rx_or_used(b, r->hva + at))
				t.stray++;
			if (!diff || guests_own(b, r->hva + at))
				continue;
			t.changed++;
			t.missed += !bit;
		}
	}
	return t;
}

static unsigned int packed_pages(const struct bench *b)
{
	unsigned int i, n = 0;

	for (i = 0; i < 2; i++)
		if (b->nic.ring[i].is_packed)
			n += (16UL * b->nic.ring[i].num + PAGE - 1) / PAGE;
	return n;
}

/* Pages of descriptors of packed rings, of which @frames of each ring's are used. */
static bool packed_logged(const struct bench *b, const struct log *l, unsigned int frames)
{
	unsigned int i, set, pages;
	size_t at;

	for (i = 0; i < 2; i++) {
		const struct ring *r = &b->nic.ring[i];

		if (!r->is_packed)
			continue;
		for (at = 0, set = 0, pages = 0; at < 16UL * r->num; at += PAGE, pages++)
			set += logged(l, mem_gpa(r->mem, (uint8_t *)r->desc + at));
		if (!CHECK(set > 0) || (frames >= r->num && !CHECK(set == pages)))
			return false;
		if (frames < PAGE / 16 / FRAME_DESCS_MAX && !CHECK(set <= 2))
			return false;
	}
	return true;
}

static unsigned int bits_of(const uint8_t *bits, size_t size)
{
	unsigned int n = 0;
	size_t i;

	for (i = 0; i < size; i++)
		n += __builtin_popcount(bits[i]);
	return n;
}

static unsigned int bits_set(const struct log *l)
{
	return bits_of(l->bits, l->size);
}

/* An element that says what the last one in its place said is written, too. */
static void spoil_used(struct ring *r)
{
	if (!r->is_packed)
		memset(r->used->ring, 0xff, 8UL * r->num);
}

/*
 * The guest sees an index before it is logged: who asks for a ring's base waits for
 * who is at it.
 */
static void wait_logged(const struct bench *b)
{
	unsigned int i, base;

	for (i = 0; i < 2; i++)
		NEED(!dev_vring_base(b->nic.dev, i, &base));
}

static bool logs_what_is_written(struct bench *b, struct log *l,
				 unsigned int len, unsigned int frames)
{
	uint8_t *before;
	struct tally t;

	wait_logged(b);
	memset(l->bits, 0, l->size);
	spoil_used(&b->nic.ring[NIC_RX]);
	before = snapshot(&b->nic.mem);
	bench_len(b, len);
	if (!flow_run(b, frames, frames))
		return false;
	wait_logged(b);
	t = compare(b, l, before);
	free(before);
	ktap_diag("%u pages changed, %u bits, %u all in all", t.changed, t.set, bits_set(l));
	return CHECK(t.changed) && CHECK(!t.missed) && CHECK(!t.stray) &&
	       CHECK(bits_set(l) == t.set) &&
	       CHECK(t.set <= t.changed + 2 + packed_pages(b)) &&
	       packed_logged(b, l, frames);
}

/*
 * The same, by the fast lane, once round the ring: the worker gives it away only when
 * nothing waits, so runs in which it had a part do not count.
 */
static bool fast_logs(struct bench *b, struct log *l)
{
	unsigned int tries, fast = 0, num = b->nic.ring[NIC_RX].num;
	uint64_t from, n;
	bool ok = true;

	for (tries = 0; ok && fast < num && tries < num; tries++) {
		from = ctl_stat(PORT, VHOST_XDP_STAT_RX_FAST_PACKETS);
		ok = logs_what_is_written(b, l, tries % 2 ? 1514 : 60, 50);
		n = ctl_stat(PORT, VHOST_XDP_STAT_RX_FAST_PACKETS) - from;
		if (n == 50)
			fast += n;
	}
	ktap_diag("%u by the fast lane, %u runs", fast, tries);
	return ok && CHECK(fast >= num);
}

/* The log's pages are other memory from now on, and others are where it is. */
static bool fast_logs_elsewhere(struct bench *b, struct log *l)
{
	l->moved = mremap(l->bits, l->size, l->size, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
	NEED(l->moved != MAP_FAILED);
	memset(l->moved, 0, l->size);
	return fast_logs(b, l) && CHECK(!bits_of(l->moved, l->size));
}

static void scenario(enum lane lane, const char *name, struct nic_cfg cfg)
{
	struct bench b;
	struct log l;

	ktap_case(60, "%s: off by default", name);
	bench_open(&b, lane, cfg);
	log_open(&l, &b.nic.mem);
	ktap_ok(flow_run(&b, 100, 100) && CHECK(!bits_set(&l)));

	ktap_case(60, "%s: few frames, few bits", name);
	log_on(&b, &l, true);
	ktap_ok(logs_what_is_written(&b, &l, 60, 3));
	ktap_case(60, "%s: all pages of the ring", name);
	ktap_ok(logs_what_is_written(&b, &l, 1514, 600));
	ktap_case(60, "%s: frames over page borders", name);
	ktap_ok(logs_what_is_written(&b, &l, 9014, 40));

	if (lane == LANE_XDP && !cfg.indirect && !(cfg.features & F_PACKED)) {
		ktap_case(60, "%s: by the fast lane", name);
		ktap_ok(fast_logs(&b, &l));
		ktap_case(60, "%s: by the fast lane, the log's pages moved", name);
		ktap_ok(fast_logs_elsewhere(&b, &l));
	}

	ktap_case(60, "%s: off again while running", name);
	log_on(&b, &l, false);
	memset(l.bits, 0, l.size);
	ktap_ok(flow_run(&b, 100, 100) && CHECK(!bits_set(&l)));
	bench_close(&b);
	munmap(l.bits, l.size);
	if (l.moved)
		munmap(l.moved, l.size);
}

/* LOG_ALL and nowhere to log to: refused, and nothing changed. */
static void no_log(enum lane lane)
{
	uint64_t bad = 0xffff888000000000ULL;
	struct nic_cfg cfg = {
		.features = F_MODERN, .rx_num = 64, .tx_num = 64,
		.rx_len = 2048, .tx_len = 2048,
	};
	struct bench b;

	ktap_case(30, "logging to where no log can be is refused");
	bench_open(&b, lane, cfg);
	/* With vhost-net the first of the two may or may not be refused. */
	dev_ioctl(b.nic.dev, VHOST_SET_LOG_BASE, &bad);
	ktap_ok(CHECK(dev_set_features(b.nic.dev, cfg.features |
				       BIT64(VHOST_F_LOG_ALL)) == -EFAULT) &&
		flow_run(&b, 50, 50));
	bench_close(&b);
}

/* The log itself goes away: the queue stops, as for any memory. */
static void log_unmapped(enum lane lane)
{
	struct nic_cfg cfg = {
		.features = F_MODERN, .rx_num = 64, .tx_num = 64,
		.rx_len = 2048, .tx_len = 2048,
	};
	struct ring *r;
	struct bench b;
	struct log l;
	bool ok;

	ktap_case(30, "log unmapped while running");
	bench_open(&b, lane, cfg);
	b.tolerant = true;
	log_open(&l, &b.nic.mem);
	log_on(&b, &l, true);
	ok = flow_run(&b, 50, 50);
	NEED(!mprotect(l.bits, l.size, PROT_NONE));
	frame_fill(&b.to_guest, pkt_room(&b.wire));
	pkt_queue(&b.wire, frame_len(&b.to_guest));
	pkt_flush(&b.wire);
	r = &b.nic.ring[NIC_RX];
	ok = ok && CHECK(wait_fd(r->err, 8000)) && CHECK(eventfd_take(r->err));
	NEED(!mprotect(l.bits, l.size, PROT_READ | PROT_WRITE));
	NEED(!nic_reset(&b.nic));
	eventfd_take(b.nic.ring[NIC_TX].err);
	/* The frame may have stayed in line or be lost: start past it. */
	if (ok && lane != LANE_INTREE)
		ok = CHECK(ctl_stat(PORT, VHOST_XDP_STAT_RING_FAULT) >= 1);
	bench_abandon(&b);
	munmap(l.bits, l.size);
	ktap_ok(ok);
}

int main(int argc, char **argv)
{
	enum lane lane = lane_of(argc > 1 ? argv[1] : "xdp");
	/* Used rings of one page would be logged with their index: here it is three. */
	struct nic_cfg merged = {
		.features = F_MODERN | F_MRG, .rx_num = 1024, .tx_num = 256,
		.rx_len = 1536, .tx_len = 9018, .regions = 3,
	};
	struct nic_cfg big = {
		.features = F_MODERN, .rx_num = 64, .tx_num = 64,
		.rx_len = 9216, .tx_len = 9018, .rx_layout = NIC_PIECES,
		.indirect = true,
	};

	ktap_case(60, "setup");
	net_ready(lane);
	port_attach(lane, PORT, mac_guest, 0, "");
	scenario(lane, "mergeable", merged);
	scenario(lane, "big buffers in pieces", big);
	big.indirect = false;
	big.rx_num = 512;
	scenario(lane, "big buffers in pieces, in the ring", big);
	if (lane != LANE_INTREE) {
		merged.features |= F_PACKED;
		merged.rx_num = 500;
		scenario(lane, "packed, mergeable", merged);
		big.features |= F_PACKED | F_IN_ORDER;
		scenario(lane, "packed and in order, big buffers in pieces", big);
		big.indirect = true;
		scenario(lane, "packed and in order, indirect tables", big);
	}
	no_log(lane);
	if (lane != LANE_INTREE)
		log_unmapped(lane);
	port_detach(lane, PORT);
	return ktap_done();
}
