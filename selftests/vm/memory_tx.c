// SPDX-License-Identifier: GPL-2.0
/*
 * memory_tx.c - memory that goes away while frames are read from it. What leaves is
 * what the guest wrote, in order; what cannot be read is dropped and counted, and
 * the ring goes on.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../vmm/flow.h"

#define PAGE 4096UL
#define FRAMES 64U
#define LEN_MAX 9014U
#define STRIDE (4 * PAGE)
#define HDR 12U
#define MOVES 200U	/* at least so often, and with so many batches */
#define BATCHES 300U

static const struct nic_cfg guest = {
	.features = F_MODERN | F_MRG, .rx_num = 256, .tx_num = 256,
	.rx_len = 1536, .tx_len = 9018,
};

struct shake {
	uint8_t *at, *away;
	size_t size;
	bool (*op)(struct shake *s);
	unsigned int times;
	bool stop, bad;
};

static void *shake_thread(void *arg)
{
	struct shake *s = arg;

	while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
		if (!s->op(s))
			s->bad = true;
		__atomic_fetch_add(&s->times, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static unsigned int times(struct shake *s)
{
	return __atomic_load_n(&s->times, __ATOMIC_RELAXED);
}

static pthread_t shake_start(struct shake *s)
{
	pthread_t t;

	NEED(!pthread_create(&t, NULL, shake_thread, s));
	return t;
}

static bool shake_end(struct shake *s, pthread_t t)
{
	__atomic_store_n(&s->stop, true, __ATOMIC_RELAXED);
	NEED(!pthread_join(t, NULL));
	return CHECK(!s->bad);
}

/* The same bytes at the same place, but in a file: they outlive their mapping. */
static void put_into_file(struct mem_region *r)
{
	int fd = memfd_create("guest", MFD_CLOEXEC);

	NEED(fd >= 0 && !ftruncate(fd, r->size));
	NEED(pwrite(fd, r->hva, r->size, 0) == (ssize_t)r->size);
	NEED(mmap(r->hva, r->size, PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_FIXED, fd, 0) == r->hva);
	close(fd);
}

static bool forget_pages(struct shake *s)
{
	return !madvise(s->at, s->size, MADV_DONTNEED);
}

/* Rings and buffers leave the page tables, again and again: nothing is lost. */
static void from_page_tables(void)
{
	static const unsigned int lens[] = { 60, 1514, 9014 };
	struct shake s = { .op = forget_pages };
	struct bench b;
	unsigned int i;
	pthread_t t;
	bool ok;

	for (i = 0; i < 3; i++) {
		ktap_case(120, "out of the page tables, %u bytes", lens[i]);
		bench_open(&b, LANE_XDP, guest);
		bench_len(&b, lens[i]);
		put_into_file(&b.nic.mem.region[0]);
		s = (struct shake){ .op = forget_pages,
				    .at = b.nic.mem.region[0].hva,
				    .size = b.nic.mem.region[0].size };
		t = shake_start(&s);
		do
			ok = flow_run(&b, 20, 2000);
		while (ok && times(&s) < MOVES);
		ok &= shake_end(&s, t);
		ktap_ok(ok);
		bench_close(&b);
	}
}

/* Where the pages are now is no business of the guest's. */
static bool move_away_and_back(struct shake *s)
{
	int flags = MREMAP_MAYMOVE | MREMAP_FIXED;

	return mremap(s->at, s->size, s->size, flags, s->away) == s->away &&
	       mremap(s->away, s->size, s->size, flags, s->at) == s->at;
}

struct burst {
	struct bench b;
	uint8_t *slot;			/* FRAMES, each @len bytes of STRIDE */
	unsigned int len;
	uint8_t copy[FRAMES][LEN_MAX];
};

/* Header and frame over the border of two pages. */
static uint8_t *slot_at(const struct burst *u, unsigned int i)
{
	return u->slot + i * STRIDE + PAGE - HDR - 500;
}

/* Written once: nobody but the device looks at them when they may be away. */
static void write_slots(struct burst *u)
{
	struct frame_stream st = u->b.to_wire;
	unsigned int i;

	st.len = u->len;
	u->slot = mem_alloc(&u->b.nic.mem, FRAMES * STRIDE, PAGE, 0);
	for (i = 0; i < FRAMES; i++) {
		uint8_t *p = slot_at(u, i);

		memset(p, 0, HDR);
		frame_fill(&st, p + HDR);
		memcpy(u->copy[i], p + HDR, u->len);
	}
}

static void offer(struct burst *u)
{
	struct ring *r = &u->b.nic.ring[NIC_TX];
	unsigned int i;

	for (i = 0; i < FRAMES; i++) {
		struct ring_seg seg = {
			.hva = slot_at(u, i), .len = HDR + u->len,
		};

		NEED(ring_add(r, &seg, 1, 0, false, i));
	}
	ring_publish(r);
}

static bool wait_used(struct burst *u)
{
	struct ring *r = &u->b.nic.ring[NIC_TX];
	unsigned int n = 0;
	uint32_t token, len;

	while (n < FRAMES) {
		if (ring_reap(r, &token, &len)) {
			n++;
			continue;
		}
		if (ring_call_on(r) && !wait_fd(r->call, 8000))
			return CHECK(n == FRAMES);
		eventfd_take(r->call);
	}
	return true;
}

/* What came is what was sent, in order, though some may be left out. */
static bool count_wire(struct burst *u, unsigned int *came)
{
	unsigned int len, next = 0;
	uint8_t *p;

	while ((p = pkt_recv(&u->b.wire, &len, NULL))) {
		while (next < FRAMES &&
		       (len != u->len || memcmp(p, u->copy[next], len)))
			next++;
		if (!CHECK(next < FRAMES))
			return false;
		next++;
		++*came;
	}
	return true;
}

static uint64_t sent(void)
{
	return ctl_stat(PORT, VHOST_XDP_STAT_TX_XDP_PACKETS) +
	       ctl_stat(PORT, VHOST_XDP_STAT_TX_SKB_PACKETS);
}

static bool one_batch(struct burst *u, unsigned int *came)
{
	unsigned int want, before = *came;
	uint64_t since = sent();

	offer(u);
	if (!wait_used(u))
		return false;
	/* The veth has them; its softirq may be a moment late. */
	want = sent() - since;
	while (*came - before < want) {
		if (!count_wire(u, came))
			return false;
		if (*came - before < want && !wait_fd(u->b.wire.fd, 8000))
			return CHECK(*came - before == want);
	}
	return true;
}

/* Away for the VMM, too: what is read then is dropped and counted. */
static void moved(unsigned int frame_len)
{
	uint64_t lost, before = ctl_stat(PORT, VHOST_XDP_STAT_TX_DROP_FAULT);
	unsigned int came = 0, batches = 0, last;
	struct nic_cfg cfg = guest;
	static struct burst u;
	struct shake s;
	pthread_t t;
	bool ok;

	ktap_case(180, "buffers moved away and back, %u bytes", frame_len);
	cfg.tx_bufs = 64;
	cfg.rx_num = 32;
	bench_open(&u.b, LANE_XDP, cfg);
	u.len = frame_len;
	write_slots(&u);
	s = (struct shake){ .op = move_away_and_back, .at = u.slot,
			    .size = FRAMES * STRIDE };
	s.away = mmap(NULL, s.size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	NEED(s.away != MAP_FAILED);
	t = shake_start(&s);
	do {
		ok = one_batch(&u, &came);
		batches++;
		lost = ctl_stat(PORT, VHOST_XDP_STAT_TX_DROP_FAULT) - before;
	} while (ok && (batches < BATCHES || times(&s) < MOVES || !lost));
	ok &= shake_end(&s, t);
	ok = ok && CHECK(came + lost == (uint64_t)batches * FRAMES) &&
	     CHECK(came > 0);
	/* They are there again. */
	last = came;
	ok = ok && one_batch(&u, &came) && CHECK(came - last == FRAMES);
	ktap_diag("%u moves, %u frames came, %llu did not", times(&s), came,
		  (unsigned long long)lost);
	ktap_ok(ok);
	munmap(s.away, s.size);
	bench_close(&u.b);
}

int main(void)
{
	ktap_case(60, "setup");
	net_ready(LANE_XDP);
	port_attach(LANE_XDP, PORT, mac_guest, 0, "");
	from_page_tables();
	moved(1000);
	moved(LEN_MAX);
	port_detach(LANE_XDP, PORT);
	return ktap_done();
}
