// SPDX-License-Identifier: GPL-2.0
/*
 * attacks.c - the classes of bugs that vhost has had and that no other test is
 * about; docs/testing.md has the whole list. Each ends with frames that flow as if
 * nothing had been.
 *
 *	attacks xdp|sock [NAME]
 */
#define _GNU_SOURCE
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "attacks.h"

#define F_N VRING_DESC_F_NEXT
#define F_W VRING_DESC_F_WRITE
#define PAGE 4096UL
#define LOG_SIZE (1UL << 20)

enum lane lane;

const struct nic_cfg small = {
	.features = F_MODERN, .rx_num = 256, .tx_num = 256, .rx_len = 2048,
	.tx_len = 2048,
};

static const struct nic_cfg merged = {
	.features = F_MODERN | F_MRG, .rx_num = 1024, .tx_num = 256,
	.rx_len = 1536, .tx_len = 2048,
};

void beside_start(struct beside *s, struct bench *b, void *(*fn)(void *))
{
	s->b = b;
	s->stop = false;
	s->laps = 0;
	NEED(!pthread_create(&s->thread, NULL, fn, s));
	while (__atomic_load_n(&s->laps, __ATOMIC_RELAXED) < 2)
		sched_yield();
}

bool beside_goes_on(struct beside *s)
{
	__atomic_fetch_add(&s->laps, 1, __ATOMIC_RELAXED);
	return !__atomic_load_n(&s->stop, __ATOMIC_RELAXED);
}

void beside_stop(struct beside *s)
{
	__atomic_store_n(&s->stop, true, __ATOMIC_RELAXED);
	NEED(!pthread_join(s->thread, NULL));
}

/* Until the ring has used that much. */
bool used_up_to(struct ring *r, uint16_t idx)
{
	while (r->used->idx != idx) {
		*r->used_event = idx - 1;
		r->avail->flags = 0;
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (r->used->idx != idx && !wait_fd(r->call, 8000))
			return CHECK(!"used in time");
		eventfd_take(r->call);
	}
	return true;
}

/* The receive ring without a buffer, but known to be in use. */
static bool empty_rx(struct bench *b)
{
	struct ring *r = &b->nic.ring[NIC_RX];
	unsigned int bufs = b->nic.rx_bufs;
	struct nic_frame f;

	b->nic.rx_bufs = 1;
	NEED(!nic_reset(&b->nic));
	b->nic.rx_bufs = bufs;
	bench_hello(b);
	return used_up_to(r, 1) && CHECK(nic_rx(&b->nic, &f));
}

void renew(struct bench *b)
{
	NEED(!nic_reset(&b->nic));
	eventfd_take(b->nic.ring[NIC_RX].err);
	eventfd_take(b->nic.ring[NIC_TX].err);
	bench_resync(b);
}

#define TINY 16U
#define FIRST 64U

static void post_many(struct bench *b, unsigned int n)
{
	uint8_t *p = mem_alloc(&b->nic.mem, n * 128, 64, 0);
	struct ring *r = &b->nic.ring[NIC_RX];
	unsigned int i;

	for (i = 0; i < n; i++) {
		struct ring_seg s = { .hva = p + i * 128,
				      .len = i < FIRST ? 128 : TINY };

		NEED(ring_add(r, &s, 0, 1, false, i));
	}
	ring_publish(r);
}

/* The long frame's buffers are those from the FIRST on. */
static bool many_buffers(struct bench *b, const uint8_t *frame,
			 unsigned int len)
{
	unsigned int want = (12 + len + TINY - 1) / TINY, at = 0, i;
	struct ring *r = &b->nic.ring[NIC_RX];
	struct virtio_net_hdr_mrg_rxbuf h;
	static uint8_t data[1 << 16];

	for (i = 0; i < FIRST + want; i++) {
		const struct vring_used_elem *e = &r->used->ring[(r->last_used +
								  i) % r->num];
		const struct vring_desc *d = &r->desc[e->id];

		if (i < FIRST) {
			if (!CHECK(e->len == 72))
				return false;
			continue;
		}
		if (!CHECK(e->len <= TINY) || !CHECK(d->len == TINY))
			return false;
		memcpy(data + at, b->nic.mem.region[0].hva +
		       (d->addr - b->nic.mem.region[0].gpa), e->len);
		at += e->len;
	}
	memcpy(&h, data, sizeof(h));
	return CHECK(h.num_buffers == want) && CHECK(at == 12 + len) &&
	       CHECK(!memcmp(data + 12, frame, len));
}

/*
 * CVE-2018-16880: one frame over more than five hundred buffers, behind so many
 * that what is collected for the used ring is nearly full.
 */
static bool too_many_heads(void)
{
	static uint8_t frame[9100];
	struct bench b;
	struct ring *r;
	unsigned int i, len;
	bool ok;

	bench_open(&b, lane, merged);
	b.tolerant = true;
	r = &b.nic.ring[NIC_RX];
	ok = empty_rx(&b);
	for (i = 0; i < FIRST; i++)
		bench_hello(&b);
	bench_len(&b, 9014);
	len = frame_len(&b.to_guest);
	frame_fill(&b.to_guest, frame);
	memcpy(pkt_room(&b.wire), frame, len);
	pkt_queue(&b.wire, len);
	pkt_flush(&b.wire);
	post_many(&b, 1000);
	ok = ok && used_up_to(r, r->last_used + FIRST +
			      (12 + len + TINY - 1) / TINY) &&
	     many_buffers(&b, frame, len);
	bench_len(&b, 60);
	renew(&b);
	ok = flow_run(&b, 100, 100) && ok;
	bench_close(&b);
	return ok;
}

/*
 * A transmit ring that is always full, whatever is taken from it. Where the device
 * was quicker for once and has gone to sleep, it is kicked.
 */
static void *refill(void *arg)
{
	struct beside *s = arg;
	struct ring *r = &s->b->nic.ring[NIC_TX];
	uint16_t seen = r->used->idx;

	while (beside_goes_on(s)) {
		uint16_t used = __atomic_load_n(&r->used->idx, __ATOMIC_ACQUIRE);
		bool empty = used == r->avail->idx;

		__atomic_fetch_add(&s->used, (uint16_t)(used - seen),
				   __ATOMIC_RELAXED);
		seen = used;
		__atomic_store_n(&r->avail->idx, used + r->num,
				 __ATOMIC_RELEASE);
		if (empty)
			ring_kick(r);
	}
	return NULL;
}

static void full_for_ever(struct bench *b, struct beside *s)
{
	struct ring *r = &b->nic.ring[NIC_TX];
	uint8_t *p = nic_tx_slot(&b->nic);
	int little = 1 << 16;
	unsigned int i;

	NEED(!setsockopt(b->wire.fd, SOL_SOCKET, SO_RCVBUF, &little,
			 sizeof(little)));
	memset(p - b->nic.hlen, 0, b->nic.hlen + 60);
	memcpy(p, mac_wire, 6);
	memcpy(p + 6, mac_guest, 6);
	for (i = 0; i < r->num; i++) {
		ring_desc(r, i, mem_gpa(&b->nic.mem, p - b->nic.hlen),
			  b->nic.hlen + 60, 0, 0);
		r->avail->ring[i] = i;
	}
	beside_start(s, b, refill);
}

/* One frame to the guest, there and back again. */
static bool hello(struct bench *b)
{
	struct ring *r = &b->nic.ring[NIC_RX];
	struct nic_frame f;

	bench_hello(b);
	while (!nic_rx(&b->nic, &f)) {
		if (ring_call_on(r) && !wait_fd(r->call, 8000))
			return CHECK(!"a frame came while the other ring was full");
		eventfd_take(r->call);
	}
	nic_rx_done(&b->nic);
	ring_publish(r);
	return true;
}

static unsigned long used_meanwhile(const struct beside *s)
{
	return __atomic_load_n(&s->used, __ATOMIC_RELAXED);
}

#define MUCH 10000

/* CVE-2019-3900: a guest that never stops sending. */
static bool endless_sender(void)
{
	struct beside s = { .used = 0 };
	struct nic_cfg cfg = small;
	struct bench b;
	unsigned int i;
	bool ok = true;

	/* So many that it does not run dry while the guest is not on a CPU. */
	cfg.tx_num = 32768;
	bench_open(&b, lane, cfg);
	b.tolerant = true;
	full_for_ever(&b, &s);
	for (i = 0; ok && (i < 100 || used_meanwhile(&s) < MUCH); i++)
		ok = hello(&b);
	/* It can be stopped in the middle of it. */
	ok = CHECK(!dev_backend(b.nic.dev, NIC_TX, -1)) && ok;
	beside_stop(&s);
	ktap_diag("%u frames came while %lu were sent", i, s.used);
	renew(&b);
	ok = flow_run(&b, 20, 0) && ok;
	bench_abandon(&b);
	return ok;
}

/* Frames for which no buffer is long enough, without end. */
static void *flood(void *arg)
{
	struct beside *s = arg;
	struct frame_stream stream = s->b->to_guest;
	struct pkt p;
	unsigned int i;

	if (has_uplink(lane))
		net_enter_wire();
	pkt_open(&p, has_uplink(lane) ? WIRE : TAP, 9100, false);
	p.lossy = true;
	stream.len = 1514;
	while (beside_goes_on(s)) {
		for (i = 0; i < PKT_BATCH; i++) {
			frame_fill(&stream, pkt_room(&p));
			pkt_queue(&p, frame_len(&stream));
		}
		pkt_flush(&p);
	}
	pkt_close(&p);
	return NULL;
}

#define DROPS 5000

/* CVE-2019-3900 again, from the other side. */
static bool endless_drops(void)
{
	struct nic_cfg cfg = small;
	struct beside s;
	struct bench b;
	unsigned int rounds = 0;
	bool ok;

	cfg.rx_len = 128;
	bench_open(&b, lane, cfg);
	b.tolerant = true;
	ok = flow_run(&b, 10, 10);
	beside_start(&s, &b, flood);
	do
		ok = ok && flow_run(&b, 0, 100);
	while (ok && (++rounds < 5 || (lane != LANE_INTREE &&
	       ctl_stat(PORT, VHOST_XDP_STAT_RX_DROP_NO_ROOM) < DROPS)));
	ok = CHECK(!dev_backend(b.nic.dev, NIC_RX, -1)) && ok;
	beside_stop(&s);
	ktap_diag("100 frames sent, %u times, while %lu times 64 came", rounds,
		  s.laps);
	bench_abandon(&b);
	return ok;
}

static uint8_t *log_all(struct bench *b)
{
	uint8_t *log = mmap(NULL, LOG_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t base = (uintptr_t)log;

	NEED(log != MAP_FAILED);
	NEED(!dev_ioctl(b->nic.dev, VHOST_SET_LOG_BASE, &base));
	NEED(!dev_set_features(b->nic.dev, b->nic.cfg.features |
			       BIT64(VHOST_F_LOG_ALL)));
	return log;
}

/* One page is written and logged, of a chain of many buffers without a byte. */
static bool one_page_logged(struct bench *b, const uint8_t *log,
			    const uint8_t *page)
{
	uint64_t bit = mem_gpa(&b->nic.mem, page) / PAGE;
	struct ring *r = &b->nic.ring[NIC_RX];
	unsigned int n = 0;
	size_t i;

	bench_hello(b);
	if (!used_up_to(r, r->last_used + 1))
		return false;
	for (i = 0; i < LOG_SIZE; i++)
		n += __builtin_popcount(log[i]);
	return CHECK(r->used->ring[r->last_used % r->num].len == 72) &&
	       CHECK(n == 1) && CHECK(log[bit / 8] & 1 << bit % 8);
}

/* CVE-2019-14835, CVE-2023-5158: @n - 1 empty descriptors, then a real one. */
static bool empty_descriptors(bool indirect, unsigned int n)
{
	struct vring_desc *d;
	struct bench b;
	struct ring *r;
	uint8_t *log, *page;
	unsigned int i;
	bool ok;

	bench_open(&b, lane, small);
	b.tolerant = true;
	r = &b.nic.ring[NIC_RX];
	page = mem_alloc(&b.nic.mem, PAGE, PAGE, 0);
	d = indirect ? mem_alloc(&b.nic.mem, n * 16, 16, 0) : r->desc;
	ok = empty_rx(&b);
	log = log_all(&b);
	for (i = 0; i < n; i++)
		d[i] = (struct vring_desc){
			.addr = mem_gpa(&b.nic.mem, page),
			.len = i == n - 1 ? 2048 : 0,
			.flags = F_W | (i < n - 1 ? F_N : 0), .next = i + 1,
		};
	if (indirect)
		ring_desc(r, 0, mem_gpa(&b.nic.mem, d), n * 16,
			  VRING_DESC_F_INDIRECT, 0);
	ring_avail(r, 0);
	ok = ok && one_page_logged(&b, log, page);
	NEED(!dev_set_features(b.nic.dev, small.features));
	renew(&b);
	ok = flow_run(&b, 20, 20) && ok;
	bench_close(&b);
	munmap(log, LOG_SIZE);
	return ok;
}

static bool empty_indirect(void)
{
	return empty_descriptors(true, 1024);
}

static bool empty_direct(void)
{
	return empty_descriptors(false, 256);
}

int main(int argc, char **argv)
{
	static const struct { const char *name; bool (*fn)(void); } tests[] = {
		{ "a frame over 565 buffers", too_many_heads },
		{ "a sender without end", endless_sender },
		{ "drops without end", endless_drops },
		{ "255 empty descriptors, logged", empty_direct },
		{ "1023 empty descriptors in a table, logged", empty_indirect },
		{ "the backend's number names another file", backend_swapped_beneath },
		{ "frames of less than 14 bytes", short_frames },
		{ "refused frames leave nothing behind", nothing_leaks },
		{ "headers that change", header_changes },
		{ "headers that change, each right", right_header_changes },
	};
	unsigned int i;

	lane = lane_of(argc > 1 ? argv[1] : "xdp");
	ktap_case(60, "setup");
	net_ready(lane);
	port_attach(lane, PORT, mac_guest, 0, "");
	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		if (argc > 2 && !strstr(tests[i].name, argv[2]))
			continue;
		ktap_case(90, "%s", tests[i].name);
		ktap_ok(tests[i].fn());
	}
	port_detach(lane, PORT);
	return ktap_done();
}
