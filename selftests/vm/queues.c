// SPDX-License-Identifier: GPL-2.0
/*
 * queues.c - several queue pairs on one port: frames from each receive queue of
 * the uplink reach their pair, all pairs send, pairs that do not run are left out,
 * and one whose driver is mad or broken holds up no other.
 *
 * Each flow has a transmit queue of the wire's end to itself, by its priority, and
 * so a receive queue of the uplink. What pairs send may change places on the wire,
 * whose end has several queues, too: a veth picks one by CPU.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/filter.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

#define PAIRS 4
#define FLOWS 4
#define WINDOW 32		/* frames under way, a flow */
#define SEQS (1 << 20)
#define IN_ID 10		/* of the first flow to the guest */
#define OUT_ID 20		/* of the first pair's to the wire */
#define TIMES 24
#define ENDLESS 32768		/* chains of a ring that is always full */
#define MUCH 50000		/* frames of it */

static const struct nic_cfg guest = {
	.features = F_MODERN | F_MRG, .rx_num = 256, .tx_num = 256,
	.rx_len = 1536, .tx_len = 1514,
};

/* Frames of one stream: who has got which. */
struct track {
	struct frame_stream sent;
	uint32_t got, goal;
	uint32_t at[PAIRS];		/* by the pairs, each */
	uint32_t next[PAIRS];		/* a pair gets them in order */
	uint8_t seen[SEQS / 8];
};

static enum lane lane;
static struct bench pair[PAIRS];
static unsigned int pairs;
static struct track in[FLOWS], out[PAIRS];
static bool lossy;		/* what a stopped pair had is dropped and counted */
static bool rogue;		/* the first pair's transmit ring is not as it should be */
static bool crowded;		/* and leaves the wire no room for some frames of others */
static uint64_t lost, lost_before;

static void uplink(void)
{
	int ns;

	net_enter_wire();
	ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	NEED(ns >= 0);
	net_enter_host();
	NEED(!net_run("ip link add " UPLINK " numrxqueues 4 numtxqueues 4 type"
		      " veth peer name " WIRE " numrxqueues 4 numtxqueues 4"
		      " netns /proc/%d/fd/%d", getpid(), ns));
	close(ns);
	net_link(UPLINK, true);
	net_enter_wire();
	net_link(WIRE, true);
	NEED(!net_ethtool(WIRE, ETHTOOL_SGRO, 1));
	NEED(!net_run("tc qdisc add dev " WIRE " root mqprio num_tc 4"
		      " map 0 1 2 3 queues 1@0 1@1 1@2 1@3 hw 0"));
	net_enter_host();
}

static void start_track(struct track *t, unsigned int id, const uint8_t *dst,
			const uint8_t *src)
{
	memset(t, 0, sizeof(*t));
	t->sent = (struct frame_stream){ .id = id, .len = 300 };
	memcpy(t->sent.dst, dst, 6);
	memcpy(t->sent.src, src, 6);
}

/* The first pair's socket hears all that the wire gets; the others only send. */
static void deafen(int fd)
{
	struct sock_filter none = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog prog = { 1, &none };

	NEED(!setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog,
			 sizeof(prog)));
}

/* Nor does that one, then, hear frames that are of no stream. */
static void only_streams(int fd)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FRAME_ETHERTYPE, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0xffff),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog prog = { 4, f };

	NEED(!setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog,
			 sizeof(prog)));
}

static void open_pairs(unsigned int n)
{
	struct nic_cfg cfg = guest;
	char tap[16];
	int i;

	pairs = n;
	/* The first: such a ring is not empty at once when the guest is off its CPU. */
	cfg.tx_num = ENDLESS;
	/* All four, for their sockets are the flows' senders. */
	for (i = 0; i < PAIRS; i++) {
		snprintf(tap, sizeof(tap), "qt%d", i);
		bench_open_on(&pair[i], lane, crowded && !i ? cfg : guest, PORT, tap);
		NEED(!setsockopt(pair[i].wire.fd, SOL_SOCKET, SO_PRIORITY, &i,
				 sizeof(i)));
		if (i)
			deafen(pair[i].wire.fd);
		start_track(&in[i], IN_ID + i, mac_guest, mac_wire);
		start_track(&out[i], OUT_ID + i, mac_wire, mac_guest);
		if (i >= (int)n)
			NEED(!nic_stop(&pair[i].nic));
	}
	if (crowded)
		only_streams(pair[0].wire.fd);
	lost = 0;
	NEED(!ctl_get(PORT, &pair[0].last));
	lost_before = pair[0].last.stats[VHOST_XDP_STAT_RX_DROP_STOPPED];
}

static void close_pairs(void)
{
	unsigned int i;

	for (i = 0; i < PAIRS; i++)
		bench_abandon(&pair[i]);
}

/* Whole, of that stream, for the first time; and for a pair in order. */
static bool take(struct track *all, unsigned int nr, unsigned int id,
		 const uint8_t *p, unsigned int len, int by)
{
	struct frame_stream want;
	uint32_t head[3];
	struct track *t;

	if (len < 14 + sizeof(head))
		return CHECK(!"a frame is short");
	memcpy(head, p + 14, sizeof(head));
	if (head[1] < id || head[1] >= id + nr)
		return CHECK(!"of a stream that is not here");
	t = &all[head[1] - id];
	want = t->sent;
	want.next = head[2];
	if (frame_check(&want, p, len) <= 0 || !CHECK(head[2] < t->sent.next))
		return false;
	if (!CHECK(!(t->seen[head[2] / 8] & (1 << head[2] % 8))))
		return false;
	t->seen[head[2] / 8] |= 1 << head[2] % 8;
	t->got++;
	if (by < 0)
		return true;
	t->at[by]++;
	if (!CHECK(head[2] >= t->next[by]))
		return false;
	t->next[by] = head[2] + 1;
	return true;
}

static bool send_in(void)
{
	unsigned int i, under_way = 0;
	bool moved = false;

	for (i = 0; i < FLOWS; i++)
		under_way += in[i].sent.next - in[i].got;
	if (under_way - lost >= FLOWS * WINDOW)
		return false;
	for (i = 0; i < FLOWS; i++) {
		struct track *t = &in[i];
		unsigned int k;

		for (k = 0; k < 8 && t->sent.next != t->goal; k++) {
			frame_fill(&t->sent, pkt_room(&pair[i].wire));
			pkt_queue(&pair[i].wire, t->sent.len);
			moved = true;
		}
		pkt_flush(&pair[i].wire);
	}
	return moved;
}

/* Where frames are lost others are sent, until enough have come. */
static bool is_due(const struct track *t, const struct nic *n)
{
	if (crowded)
		return t->got < t->goal && n->tx_bufs - n->tx_nfree < WINDOW;
	return t->sent.next != t->goal && t->sent.next - t->got < WINDOW;
}

static bool send_out(unsigned int i)
{
	static const struct virtio_net_hdr_v1 plain;
	struct nic *n = &pair[i].nic;
	struct track *t = &out[i];
	bool moved = nic_tx_reclaim(n);
	uint8_t *p;

	while (is_due(t, n) && (p = nic_tx_slot(n))) {
		frame_fill(&t->sent, p);
		NEED(nic_tx(n, &plain, t->sent.len, NIC_ONE, false));
		moved = true;
	}
	ring_publish(&n->ring[NIC_TX]);
	return moved;
}

/* 1: something came. -1: something is wrong. */
static int receive(void)
{
	struct nic_frame f;
	unsigned int i, len;
	int moved = 0;
	uint8_t *p;

	for (i = 0; i < PAIRS; i++) {
		while (nic_rx(&pair[i].nic, &f)) {
			if (!take(in, FLOWS, IN_ID, f.data, f.len, i))
				return -1;
			nic_rx_done(&pair[i].nic);
			moved = 1;
		}
		ring_publish(&pair[i].nic.ring[NIC_RX]);
	}
	while ((p = pkt_recv(&pair[0].wire, &len, NULL))) {
		if (!take(out, PAIRS, OUT_ID, p, len, -1))
			return -1;
		moved = 1;
	}
	return moved;
}

static bool await(void)
{
	struct pollfd p[2 * PAIRS + 1];
	unsigned int i;
	int r;

	p[2 * PAIRS] = (struct pollfd){ pair[0].wire.fd, POLLIN, 0 };
	for (i = 0; i < 2 * PAIRS; i++) {
		struct ring *ring = &pair[i / 2].nic.ring[i % 2];

		p[i] = (struct pollfd){ ring->call, POLLIN, 0 };
		if (rogue && i == NIC_TX)
			p[i].fd = -1;
		else if (!ring_call_on(ring))
			return true;
	}
	/* Nobody tells of a frame that is lost. */
	r = poll(p, 2 * PAIRS + 1, lossy ? 20 : 8000 * (int)ktap_slow());
	for (i = 0; i < 2 * PAIRS; i++)
		if (p[i].revents)
			eventfd_take(p[i].fd);
	if (lossy)
		lost = ctl_stat(PORT, VHOST_XDP_STAT_RX_DROP_STOPPED) -
		       lost_before;
	return r > 0 || lossy;
}

static bool all_there(void)
{
	uint64_t missing = 0;
	unsigned int i;
	bool there = true;

	for (i = 0; i < FLOWS; i++) {
		missing += in[i].goal - in[i].got;
		there = there && (out[i].got == out[i].goal ||
				  (crowded && out[i].got > out[i].goal));
	}
	return there && missing == lost;
}

static void report(void)
{
	unsigned int i;

	for (i = 0; i < FLOWS; i++)
		ktap_diag("flow %u: sent %u, got %u (%u %u %u %u); pair %u: sent %u, got %u",
			  i, in[i].sent.next, in[i].got, in[i].at[0],
			  in[i].at[1], in[i].at[2], in[i].at[3], i,
			  out[i].sent.next, out[i].got);
	ktap_diag("lost and counted: %llu", (unsigned long long)lost);
}

static bool run(unsigned int to_guest, unsigned int to_wire)
{
	unsigned int i;
	int r;

	for (i = 0; i < FLOWS; i++)
		in[i].goal += to_guest;
	for (i = rogue; i < pairs; i++)
		out[i].goal += to_wire;
	while (!all_there()) {
		bool moved = send_in();

		for (i = rogue; i < pairs; i++)
			moved = send_out(i) || moved;
		r = receive();
		if (r < 0 || (!r && !moved && !await())) {
			report();
			return false;
		}
	}
	return receive() >= 0 && (lossy || rogue || bench_quiet(&pair[0]));
}

/* Each flow at one pair, whole. */
static bool only_at(unsigned int flow, unsigned int by)
{
	if (in[flow].at[by] == in[flow].got)
		return true;
	report();
	return CHECK(!"a flow is at its own pair");
}

static void all_run(unsigned int n)
{
	unsigned int i;
	bool ok;

	ktap_case(90, "%u queue pairs: each flow at its own, in order; all send",
		  n);
	open_pairs(n);
	ok = run(3000, 1000);
	for (i = 0; i < FLOWS; i++)
		ok = only_at(i, i % n) && ok;
	close_pairs();
	ktap_ok(ok);
}

static void one_never_filled(void)
{
	unsigned int i, bufs;
	bool ok;

	ktap_case(90, "a pair without buffers gets nothing and loses nothing");
	open_pairs(4);
	bufs = pair[2].nic.rx_bufs;
	pair[2].nic.rx_bufs = 0;
	NEED(!nic_reset(&pair[2].nic));
	ok = run(2000, 500);
	for (i = 0; i < FLOWS; i++)
		ok = only_at(i, i == 2 ? 3 : i) && ok;
	pair[2].nic.rx_bufs = bufs;
	close_pairs();
	ktap_ok(ok);
}

static void stop_start(struct bench *b, unsigned int round)
{
	(void)round;
	NEED(!nic_stop(&b->nic));
	NEED(!nic_resume(&b->nic));
}

static void one_stops(void)
{
	struct disturber d;
	unsigned int i;
	bool ok;

	ktap_case(120, "a pair stops and starts under load");
	open_pairs(4);
	lossy = true;
	disturb_start(&d, &pair[1], stop_start);
	do
		ok = run(1000, 300);
	while (ok && disturb_rounds(&d) <= TIMES);
	disturb_stop(&d);
	ok = ok && run(1000, 300);
	ktap_diag("%u times", disturb_rounds(&d));
	/* Its own flow goes to the next meanwhile, and none else moves. */
	for (i = 0; i < FLOWS; i++)
		ok = (i == 1 ? CHECK(!in[1].at[0] && !in[1].at[3]) :
			       only_at(i, i)) && ok;
	report();
	lossy = false;
	close_pairs();
	ktap_ok(ok);
}

static unsigned long endless;	/* frames of it that were sent */

/* Always full, whatever is taken from it; where the device has gone to sleep, kicked. */
static void refill(struct bench *b, unsigned int round)
{
	struct ring *r = &b->nic.ring[NIC_TX];
	uint16_t used = __atomic_load_n(&r->used->idx, __ATOMIC_ACQUIRE);
	bool empty = used == r->avail->idx;
	static uint16_t seen;

	if (!round)
		seen = 0;
	__atomic_fetch_add(&endless, (uint16_t)(used - seen), __ATOMIC_RELAXED);
	seen = used;
	__atomic_store_n(&r->avail->idx, used + r->num, __ATOMIC_RELEASE);
	if (empty)
		ring_kick(r);
}

/* One frame for all chains; of no stream, and so not heard. */
static void fill_endless(struct nic *n)
{
	struct ring *r = &n->ring[NIC_TX];
	uint8_t *p = nic_tx_slot(n);
	unsigned int i;

	memset(p - n->hlen, 0, n->hlen + 60);
	memcpy(p, mac_wire, 6);
	memcpy(p + 6, mac_guest, 6);
	for (i = 0; i < r->num; i++) {
		ring_desc(r, i, mem_gpa(&n->mem, p - n->hlen), n->hlen + 60, 0, 0);
		r->avail->ring[i] = i;
	}
}

static void one_sends_for_ever(void)
{
	unsigned long before;
	struct disturber d;
	unsigned int i;
	bool ok;

	ktap_case(180, "a pair sends without end: the others send on, all receive");
	rogue = crowded = true;
	open_pairs(4);
	fill_endless(&pair[0].nic);
	endless = 0;
	disturb_start(&d, &pair[0], refill);
	do {
		before = __atomic_load_n(&endless, __ATOMIC_RELAXED);
		ok = run(500, 200);
		/* It was at it all the while. */
		ok = ok && CHECK(__atomic_load_n(&endless, __ATOMIC_RELAXED) > before);
	} while (ok && endless < MUCH);
	ok = CHECK(!dev_backend(pair[0].nic.dev, NIC_TX, -1)) && ok;
	disturb_stop(&d);
	for (i = 0; i < FLOWS; i++)
		ok = only_at(i, i) && ok;
	ktap_diag("%lu of its frames, meanwhile of the others %u, %u and %u", endless,
		  out[1].got, out[2].got, out[3].got);
	rogue = crowded = false;
	close_pairs();
	ktap_ok(ok);
}

/* More than it has room for was made available: the ring stops, and says so. */
static bool break_tx(struct nic *n)
{
	struct ring *r = &n->ring[NIC_TX];

	__atomic_store_n(&r->avail->idx, r->avail->idx + r->num + 1, __ATOMIC_RELEASE);
	ring_kick(r);
	return CHECK(wait_fd(r->err, 8000));
}

static void one_is_broken(void)
{
	struct nic *n = &pair[0].nic;
	unsigned int i;
	bool ok;

	ktap_case(120, "a pair's transmit ring is broken: the others send on, all receive");
	open_pairs(4);
	ok = run(500, 200) && break_tx(n);
	rogue = true;
	ok = ok && run(2000, 500) && run(2000, 500);
	for (i = 0; i < FLOWS; i++)
		ok = only_at(i, i) && ok;
	rogue = false;
	ok = ok && CHECK(!nic_reset(n));
	eventfd_take(n->ring[NIC_TX].err);
	NEED(!ctl_get(PORT, &pair[0].last));
	ok = ok && run(500, 200);
	close_pairs();
	ktap_ok(ok);
}

/* queues xdp|xsk */
int main(int argc, char **argv)
{
	lane = lane_of(argc > 1 ? argv[1] : "xdp");
	ktap_case(60, "setup");
	net_ready(LANE_SOCK);
	uplink();
	port_attach(lane, PORT, mac_guest, 0, "--queues 4");
	all_run(1);
	all_run(2);
	all_run(4);
	one_never_filled();
	one_stops();
	one_sends_for_ever();
	one_is_broken();
	ktap_case(60, "port removed");
	port_detach(lane, PORT);
	ktap_ok(true);
	return ktap_done();
}
