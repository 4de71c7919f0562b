// SPDX-License-Identifier: GPL-2.0
/*
 * load.c - rounds of frames over a path, measured.
 *
 * A round is measured from its first instruction to its last; what the guest's
 * driver spends on filling and emptying its rings is measured by itself in small
 * sections, the median of which is taken off (a section that an interrupt or a
 * worker broke into is longer, and must not be). Its system calls, the kick, are
 * part of the path: a kick costs the host as much.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "bench.skel.h"

#define SECTIONS_MAX 2048
#define BURSTS 8	/* to ports in turn, by one call of the source */
#define CHUNK 16	/* received frames a section; divides every round */
#define TCP_HEADERS 54
#define PATIENCE 4000000000ULL	/* instructions until what is missing is lost */

static const uint16_t imix[12] = { 64, 594, 64, 64, 594, 64, 1514, 64, 594, 64,
				   64, 594 };

struct sections {
	uint64_t v[SECTIONS_MAX];
	unsigned int n;
};

struct run {
	struct path *p;
	const struct load *l;
	struct sections fill, empty;
	uint8_t frame[65550];
	uint64_t got_frames, got_payload;
	uint64_t calls;		/* taken while waiting */
	unsigned int seq;
};

static unsigned int size_of(const struct load *l, unsigned int i)
{
	return l->size == LOAD_IMIX ? imix[i % 12] : l->size;
}

static void section(struct sections *s, uint64_t since)
{
	NEED(s->n < SECTIONS_MAX);
	s->v[s->n++] = tsc() - since;
}

/* Sections of a few large frames differ: those are summed up. */
static uint64_t sections_take(struct sections *s, bool alike)
{
	uint64_t sum = 0;
	unsigned int i;

	if (alike && s->n)
		sum = meter_median(s->v, s->n) * s->n;
	for (i = 0; i < s->n && !alike; i++)
		sum += s->v[i];
	s->n = 0;
	return sum;
}

static bool is_gso(const struct load *l)
{
	return l->size > 1514;
}

void load_inject(struct path *p, const uint8_t *frame, unsigned int len,
		 unsigned int frames, unsigned int batch)
{
	struct xdp_md ctx = {
		.data_end = len,
		.ingress_ifindex = p->wire_ifindex,
	};
	LIBBPF_OPTS(bpf_test_run_opts, o,
		.data_in = frame,
		.data_size_in = len,
		.ctx_in = &ctx,
		.ctx_size_in = sizeof(ctx),
		.repeat = frames,
		.batch_size = batch,
		.flags = BPF_F_TEST_XDP_LIVE_FRAMES,
	);
	int e;

	p->bpf->bss->next = 0;
	e = bpf_prog_test_run_opts(bpf_program__fd(p->bpf->progs.bench_source),
				   &o);
	if (e)
		ktap_bail("BPF_PROG_TEST_RUN: %s", strerror(-e));
}

static void inject(struct run *r, unsigned int frames, unsigned int batch)
{
	unsigned int len = r->l->size == LOAD_IMIX ? 1514 : r->l->size;

	load_inject(r->p, r->frame, len, frames, batch);
}

static unsigned int tx_one(struct run *r, struct nic *n,
			   const struct virtio_net_hdr_v1 *hdr)
{
	unsigned int len = size_of(r->l, r->seq++);

	NEED(nic_tx(n, hdr, len, NIC_ONE, false));
	return len;
}

static struct virtio_net_hdr_v1 header_for(const struct load *l)
{
	struct virtio_net_hdr_v1 h = { 0 };

	if (is_gso(l)) {
		h.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		h.csum_start = 34;
		h.csum_offset = 16;
		h.hdr_len = 54;
		h.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
		h.gso_size = 1448;
	}
	return h;
}

/* The next @want are not used yet: whoever makes them so shall run. */
static void let_run(struct run *r, struct ring *k, unsigned int want)
{
	if (!r->p->dpdk) {
		sched_yield();
		return;
	}
	*k->used_event = k->last_used + want - 1;
	/* The device writes used idx, fences, reads used_event: pairs with that. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if ((uint16_t)(*(volatile uint16_t *)&k->used->idx - k->last_used) < want)
		wait_fd(k->call, 1000);
	r->calls += eventfd_take(k->call);
}

/* The worker has sent them when we run again, or nearly: it goes first. */
static void reclaim(struct run *r, struct nic *n, unsigned int want)
{
	uint64_t since = tsc(), end = since + PATIENCE;
	unsigned int done = nic_tx_reclaim(n);

	section(&r->empty, since);
	while (done < want) {
		let_run(r, &n->ring[NIC_TX], want - done);
		done += nic_tx_reclaim(n);
		if (tsc() > end)
			ktap_bail("sent %u of %u", done, want);
	}
}

/* The clock that programs have. */
static uint64_t now_ns(void)
{
	struct timespec t;

	NEED(!clock_gettime(CLOCK_MONOTONIC, &t));
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static void send_batch(struct run *r, struct nic *n, unsigned int frames)
{
	struct virtio_net_hdr_v1 hdr = header_for(r->l);
	uint64_t since = tsc();
	unsigned int i;

	for (i = 0; i < frames; i++)
		tx_one(r, n, &hdr);
	section(&r->fill, since);
	if (r->l->dir == LOAD_LATENCY_TX)
		r->p->bpf->bss->sent_at = now_ns();
	ring_publish(&n->ring[NIC_TX]);
	reclaim(r, n, frames);
}

/* Takes up to @max received frames; how many there were. */
static unsigned int receive_some(struct run *r, struct nic *n,
				 unsigned int max)
{
	uint64_t since = tsc();
	struct nic_frame f;
	unsigned int k = 0;

	while (k < max && nic_rx(n, &f)) {
		r->got_frames++;
		r->got_payload += f.len - TCP_HEADERS;
		nic_rx_done(n);
		k++;
	}
	if (k == max || (k && is_gso(r->l)))
		section(&r->empty, since);
	return k;
}

/* The payload is what counts where a frame may come in pieces. */
static bool all_here(const struct run *r, uint64_t frames)
{
	if (is_gso(r->l))
		return r->got_payload >= frames * (r->l->size - TCP_HEADERS);
	return r->got_frames >= frames;
}

/* What came for the guest whose first queue pair is @g. */
static bool receive_any(struct run *r, struct guest *g)
{
	bool some = false;
	unsigned int i;

	for (i = 0; i < r->p->pairs; i++) {
		if (!receive_some(r, &g[i].nic, CHUNK))
			continue;
		ring_publish(&g[i].nic.ring[NIC_RX]);
		some = true;
	}
	return some;
}

static void receive(struct run *r, struct guest *g, unsigned int frames)
{
	uint64_t end = tsc() + PATIENCE;

	while (!all_here(r, frames)) {
		if (receive_any(r, g))
			continue;
		let_run(r, &g->nic.ring[NIC_RX], frames - r->got_frames);
		if (tsc() > end)
			ktap_bail("received %llu frames, %llu bytes of payload, of %u frames",
				  (unsigned long long)r->got_frames,
				  (unsigned long long)r->got_payload,
				  frames);
	}
}

/* The queue pairs take turns. */
static void round_tx(struct run *r)
{
	unsigned int at, k, turn = 0;

	for (at = 0; at < r->l->frames; at += k) {
		k = r->l->frames - at < r->l->batch ? r->l->frames - at :
						      r->l->batch;
		send_batch(r, &r->p->guest[turn++ % r->p->pairs].nic, k);
	}
}

static void round_rx(struct run *r)
{
	inject(r, r->l->frames, r->l->batch);
	if (r->p->guests)
		receive(r, &r->p->guest[0], r->l->frames);
}

/* What came in goes out again, as a router would send it. */
static void round_forward(struct run *r)
{
	round_rx(r);
	round_tx(r);
}

static void round_local(struct run *r)
{
	round_tx(r);
	receive(r, &r->p->guest[r->p->pairs], r->l->frames);
}

/* As many calls of the source for each number of ports, so that its cost is the same. */
static void round_ports(struct run *r)
{
	struct bench_bpf__bss *bss = r->p->bpf->bss;
	unsigned int batch = r->l->batch, bursts = r->l->frames / batch, i, k, n;

	bss->ports = r->p->guests ? r->p->guests : 1;
	for (i = 0; i < bursts; i += n) {
		n = bursts - i < BURSTS ? bursts - i : BURSTS;
		bss->first_port = i % bss->ports;
		inject(r, n * batch, batch);
		for (k = i; k < i + n && r->p->guests; k++) {
			r->got_frames = 0;
			receive(r, &r->p->guest[k % bss->ports * r->p->pairs], batch);
		}
	}
	bss->ports = 0;
}

static void one_round(struct run *r)
{
	r->got_frames = r->got_payload = 0;
	r->seq = 0;
	switch (r->l->dir) {
	case LOAD_RX:
	case LOAD_LATENCY:
		round_rx(r);
		break;
	case LOAD_TX:
	case LOAD_LATENCY_TX:
		round_tx(r);
		break;
	case LOAD_FORWARD:
		round_forward(r);
		break;
	case LOAD_LOCAL:
		round_local(r);
		break;
	case LOAD_PORTS:
		round_ports(r);
		break;
	case LOAD_IDLE:
		sleep(1);
		break;
	case LOAD_MEMORY:
	case LOAD_FAIR_RX:
	case LOAD_FAIR_TX:
	case LOAD_PROG_PASS:
	case LOAD_PROG_DELIVER:
	case LOAD_PROG_EGRESS:
		break;
	}
}

/* The guest's frames are written once; no path changes them. */
static void write_slots(struct nic *n, const uint8_t *frame, unsigned int len)
{
	unsigned int i;

	for (i = 0; i < n->tx_bufs; i++)
		memcpy(n->tx_buf + i * n->tx_stride + 64, frame, len);
}

static void write_frames(struct run *r)
{
	unsigned int len = r->l->size == LOAD_IMIX ? 1514 : r->l->size;
	struct inet_spec s = { .udp = len <= 1514 };
	bool local = r->l->dir == LOAD_LOCAL;
	struct path *p = r->p;
	unsigned int i;

	s.payload = len - inet_hlen(&s);
	if (p->guests) {
		memcpy(s.src, p->guest[0].mac, 6);
		memcpy(s.dst, local ? p->guest[p->pairs].mac : bench_mac_wire, 6);
		inet_build(&s, r->frame, !s.udp);
	}
	for (i = 0; i < p->pairs && p->guests; i++)
		write_slots(&p->guest[i].nic, r->frame, len);
	memcpy(s.src, bench_mac_wire, 6);
	if (p->guests)
		memcpy(s.dst, p->guest[0].mac, 6);
	inet_build(&s, r->frame, false);
}

static uint64_t sum_kicks(const struct path *p)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < p->nics; i++)
		sum += p->guest[i].nic.ring[NIC_RX].kicks +
		       p->guest[i].nic.ring[NIC_TX].kicks;
	return sum;
}

/* Nobody waits on the call eventfds, so they count. */
static uint64_t take_calls(struct path *p)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < p->nics; i++)
		sum += eventfd_take(p->guest[i].nic.ring[NIC_RX].call) +
		       eventfd_take(p->guest[i].nic.ring[NIC_TX].call);
	return sum;
}

static uint64_t frame_bytes(const struct load *l)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < l->frames; i++)
		sum += size_of(l, i);
	return sum;
}

static void prepare(struct run *r)
{
	struct bench_bpf__bss *bss = r->p->bpf->bss;
	unsigned int i;

	write_frames(r);
	bss->nr_sizes = r->l->size == LOAD_IMIX ? 12 : 0;
	r->p->bpf->data->burst = r->l->batch;
	for (i = 0; i < 12; i++)
		bss->sizes[i] = imix[i];
	/* A driver of today asks for no call when a frame is sent. */
	for (i = 0; i < r->p->nics; i++)
		ring_call_off(&r->p->guest[i].nic.ring[NIC_TX]);
}

static bool is_latency(const struct load *l)
{
	return l->dir == LOAD_LATENCY || l->dir == LOAD_LATENCY_TX;
}

static uint64_t take_latency(struct run *r)
{
	struct bench_bpf__bss *bss = r->p->bpf->bss;
	uint64_t mean;

	if (bss->latency_count != r->l->frames)
		ktap_bail("%llu arrivals of %u frames",
			  (unsigned long long)bss->latency_count, r->l->frames);
	mean = bss->latency_sum / bss->latency_count;
	bss->latency_sum = bss->latency_count = 0;
	return mean;
}

static void measure(struct run *r, struct result *res)
{
	uint64_t guest[LOAD_SAMPLES_MAX], since, idle;
	bool alike = !is_gso(r->l);
	unsigned int i;

	for (i = 0; i < r->l->rounds; i++) {
		idle = meter_idle();
		meter_count(true);
		since = tsc();
		one_round(r);
		res->cost[i] = tsc() - since;
		meter_count(false);
		idle = meter_idle() - idle;
		guest[i] = sections_take(&r->fill, alike) +
			   sections_take(&r->empty, alike);
		res->cost[i] -= guest[i] + idle;
		res->idle += idle;
		if (is_latency(r->l))
			res->cost[i] = take_latency(r) * r->l->frames;
	}
	res->samples = r->l->rounds;
	res->guest = meter_median(guest, r->l->rounds);
}

/*
 * A frame that was dropped would have been cheap. Of GSO frames we do not know how
 * many the far end counts.
 */
static void see_them_arrive(struct run *r, uint64_t before)
{
	uint64_t want = r->l->frames * (r->l->rounds + 1), end = tsc() + PATIENCE;
	uint64_t got;

	while ((got = meter_arrived(PATH_WIRE) - before) < want && !is_gso(r->l)) {
		usleep(1000);
		if (tsc() > end)
			ktap_bail("%llu of %llu frames came to the wire",
				  (unsigned long long)got,
				  (unsigned long long)want);
	}
}

void load_touch(struct path *p)
{
	static struct run r;
	struct load l = { .dir = LOAD_PORTS, .size = 64, .batch = 32,
			  .frames = 32 * p->guests };
	unsigned int i;

	memset(&r, 0, sizeof(r));
	r.p = p;
	r.l = &l;
	prepare(&r);
	net_enter_wire();
	one_round(&r);
	net_enter_host();
	for (i = 0; i < p->nics; i++) {
		write_slots(&p->guest[i].nic, r.frame, l.size);
		send_batch(&r, &p->guest[i].nic, l.batch);
		r.fill.n = r.empty.n = 0;
	}
}

void load_run(struct path *p, const struct load *l, struct result *res)
{
	static struct run r;
	struct meter before, after;
	struct bpf_link *timer = NULL;
	uint64_t kicks, calls, arrived;
	double n;

	memset(&r, 0, sizeof(r));
	memset(res, 0, sizeof(*res));
	r.p = p;
	r.l = l;
	prepare(&r);
	p->bpf->bss->timing = l->dir == LOAD_LATENCY;
	if (is_latency(l)) {
		timer = bpf_program__attach(l->dir == LOAD_LATENCY ?
					    p->bpf->progs.bench_signalled :
					    p->bpf->progs.bench_polled);
		NEED(timer);
	}
	/* BPF_PROG_TEST_RUN looks for its device in the caller's namespace. */
	net_enter_wire();
	arrived = meter_arrived(PATH_WIRE);
	one_round(&r);
	r.fill.n = r.empty.n = r.calls = 0;
	r.p->bpf->bss->latency_sum = r.p->bpf->bss->latency_count = 0;
	take_calls(p);
	kicks = sum_kicks(p);
	meter_read(&before);
	measure(&r, res);
	meter_read(&after);
	kicks = sum_kicks(p) - kicks;
	calls = take_calls(p) + r.calls;
	if (l->dir == LOAD_TX || l->dir == LOAD_FORWARD ||
	    l->dir == LOAD_LATENCY_TX)
		see_them_arrive(&r, arrived);
	net_enter_host();
	bpf_link__destroy(timer);

	n = (double)l->frames * l->rounds;
	res->frames = l->frames;
	res->bytes = frame_bytes(l);
	res->switches = (after.switches - before.switches) / n;
	res->wakeups = (after.wakeups - before.wakeups) / n;
	res->kicks = kicks / n;
	res->calls = calls / n;
}
