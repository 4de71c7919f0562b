// SPDX-License-Identifier: GPL-2.0
/*
 * differ.c - the differential test: thousands of made-up sequences, legal, odd and
 * wrong, played on in-tree /dev/vhost-net and on a port; answers, rings, frames,
 * notifications, logged pages and all of guest memory are compared. The in-tree
 * driver is the specification; what is meant to differ is in differ_allow.c.
 *
 *	differ [COUNT | SECONDSs] [SEED] [self]
 *
 * COUNT sequences, or as many as fit into so many seconds, for each of the four
 * parts (behind an IOMMU half as many); SEED is that of the first, the next one's is
 * one more. So "differ 1 SEED" plays again what went wrong. "self" has vhost-net on
 * both sides, to see what the test itself makes differ. DIFFER_VERBOSE=1 prints each
 * step and all it showed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../vmm/ktap.h"
#include "differ.h"

#define INTREE "/dev/vhost-net"
#define COUNT 100
#define MANY 1000	/* from so many on each allowed difference has to show */
#define SEED 1
#define SHOWN 10	/* sequences that are told of, a part */

const char *const op_name[OP_END] = {
	[OP_OWNER] = "SET_OWNER", [OP_RESET] = "RESET_OWNER",
	[OP_FEATURES] = "SET_FEATURES", [OP_GET_FEATURES] = "GET_FEATURES",
	[OP_BACKEND_FEATURES] = "SET_BACKEND_FEATURES",
	[OP_GET_BACKEND_FEATURES] = "GET_BACKEND_FEATURES",
	[OP_ARRAY] = "GET_FEATURES_ARRAY", [OP_MEM] = "SET_MEM_TABLE",
	[OP_LOG_BASE] = "SET_LOG_BASE", [OP_LOG_FD] = "SET_LOG_FD",
	[OP_NUM] = "SET_VRING_NUM", [OP_BASE] = "SET_VRING_BASE",
	[OP_GET_BASE] = "GET_VRING_BASE", [OP_ADDR] = "SET_VRING_ADDR",
	[OP_KICK_FD] = "SET_VRING_KICK", [OP_CALL_FD] = "SET_VRING_CALL",
	[OP_ERR_FD] = "SET_VRING_ERR", [OP_BUSYLOOP] = "SET_BUSYLOOP",
	[OP_GET_BUSYLOOP] = "GET_BUSYLOOP", [OP_ENDIAN] = "SET_VRING_ENDIAN",
	[OP_BACKEND] = "SET_BACKEND", [OP_POINTER] = "bad pointer",
	[OP_UNKNOWN] = "unknown ioctl", [OP_FILE] = "read/write/poll",
	[OP_FORK] = "SET_FORK_FROM_OWNER", [OP_GET_FORK] = "GET_FORK_FROM_OWNER",
	[OP_STRANGER] = "another process", [OP_TX] = "transmit",
	[OP_POST] = "post buffers", [OP_FRAMES] = "frames to the guest",
	[OP_CALLS_WANTED] = "calls wanted", [OP_RESTART] = "restart",
	[OP_LOG] = "log", [OP_REMAP] = "memory table", [OP_SWAP] = "eventfds",
	[OP_BAD] = "bad chain", [OP_SPURIOUS] = "kick for nothing",
	[OP_REBIRTH] = "reset and start", [OP_ENTRIES] = "IOTLB entries",
};

const char *const what_name[SAW_KINDS] = {
	[SAW_ANSWER] = "answer", [SAW_USED] = "used index",
	[SAW_ELEMENTS] = "used elements", [SAW_NUM_BUFFERS] = "num_buffers",
	[SAW_DATA] = "received data", [SAW_WIRE] = "frames on the wire",
	[SAW_CALLS] = "calls", [SAW_ERROR] = "error eventfd",
	[SAW_BASE] = "base", [SAW_LOG] = "log", [SAW_LOG_CALL] = "log eventfd",
	[SAW_STUCK] = "stuck", [SAW_IMAGE] = "guest memory",
};

/* What a part of the test has seen. */
struct tally {
	unsigned int sequences, cut_short, failed;
	unsigned long steps[OP_END], differences[SAW_KINDS];
};

static struct world world;
static bool was_seen[2][16];
static unsigned long op_total[OP_END], note_total;

uint64_t hash_more(uint64_t h, const void *p, size_t len)
{
	const uint8_t *b = p;
	uint64_t v;

	for (; len >= 8; len -= 8, b += 8) {
		memcpy(&v, b, 8);
		h = (h ^ v) * 0x100000001b3ULL;
		h ^= h >> 29;
	}
	for (; len; len--, b++)
		h = (h ^ *b) * 0x100000001b3ULL;
	return h;
}

void note(struct drun *t, enum what what, long ret, uint64_t val)
{
	NEED(t->n < NOTES);
	t->note[t->n++] = (struct note){ t->at, what, ret, val };
}

/* Nothing of the last sequence may be left for the next. */
static void drain(struct world *w)
{
	unsigned int i, len;
	char buf[4096];

	for (i = 0; i < 2; i++) {
		while (read(w->tap[i], buf, sizeof(buf)) > 0)
			;
		NEED(errno == EAGAIN);
		while (pkt_recv(&w->pkt[i], &len, NULL))
			;
	}
}

static void play_ctl(struct drun *t)
{
	unsigned int i;

	t->mem.count = 1;
	t->mem.region[0] = (struct mem_region){
		.gpa = GUEST_GPA, .hva = guest_hva(t->seq, 0),
		.size = RINGS_SIZE, .fd = -1,
	};
	for (i = 0; i < 2; i++)
		ring_init(&t->ring[i], &t->mem, 16, 0, 0, false, false);
	for (t->at = 0; t->at < t->seq->n; t->at++)
		ctl_step(t, &t->seq->step[t->at]);
	for (i = 0; i < 2; i++)
		ring_free(&t->ring[i]);
}

static void play_frames(struct drun *t)
{
	const struct dstep *s = t->seq->step;

	t->at = DSTEPS;
	guest_start(t);
	for (t->at = 0; t->at < t->seq->n && !t->stuck; t->at++, s++) {
		if (s->op < OP_CTL_END)
			ctl_step(t, s);
		else
			guest_step(t, s);
	}
	t->at = DSTEPS;
	guest_end(t);
}

static void play(struct drun *t, const struct dseq *s, const char *node)
{
	memset(t, 0, offsetof(struct drun, image));
	memset(&t->moved, 0, sizeof(*t) - offsetof(struct drun, moved));
	t->seq = s;
	t->w = &world;
	arena_clear();
	drain(&world);
	t->fd = dev_open(node);
	if (t->fd < 0)
		ktap_bail("open %s: %s", node, strerror(-t->fd));
	if (s->kind != SEQ_CTL)
		play_frames(t);
	else
		play_ctl(t);
	close(t->fd);
}

static const char *where(const struct dseq *q, const struct note *n)
{
	static char text[120];
	const struct dstep *s = &q->step[n->step];

	if (n->step >= q->n)
		return "start or end";
	snprintf(text, sizeof(text), "step %u, %s ring %u %s%#x %#llx", n->step,
		 op_name[s->op], s->ring,
		 s->op == OP_BAD ? bad_name(s->n) : "", s->n,
		 (unsigned long long)s->val);
	return text;
}

static const char *error_name(long ret)
{
	return ret < 0 ? strerrorname_np(-ret) : "";
}

static void tell(const struct dseq *q, const struct note *a,
		 const struct note *b)
{
	ktap_diag("seed %#llx, %s: %s: in-tree %ld %s %#llx, port %ld %s %#llx",
		  (unsigned long long)q->seed, where(q, a),
		  a->what == b->what ? what_name[a->what] : "not the same kind",
		  a->ret, error_name(a->ret), (unsigned long long)a->val,
		  b->ret, error_name(b->ret), (unsigned long long)b->val);
}

/* Where the two images differ first, and how far. */
static void tell_image(const struct drun *a, const struct drun *b)
{
	size_t i = 0, n = 0, first = 0;

	for (; i < GUEST_SIZE; i++) {
		if (a->image[i] == b->image[i])
			continue;
		if (!n++)
			first = i;
	}
	ktap_diag("guest memory: %zu bytes differ, the first at %#zx: in-tree %#x, port %#x",
		  n, first, a->image[first], b->image[first]);
}

static void tell_guest(const struct dseq *q)
{
	ktap_diag("seed %#llx: features %#llx, rings %u and %u, %u pieces, sndbuf %s, kicks %s",
		  (unsigned long long)q->seed, (unsigned long long)q->features,
		  q->num[0], q->num[1], q->pieces,
		  q->bounded ? "bounded" : "unlimited",
		  q->polite ? "as asked for" : "always");
}

static void dump(const struct drun *t, const char *node)
{
	unsigned int i;

	for (i = 0; i < t->n; i++)
		ktap_diag("%s: %s: %s: %ld %#llx", node,
			  where(t->seq, &t->note[i]),
			  what_name[t->note[i].what], t->note[i].ret,
			  (unsigned long long)t->note[i].val);
}

static void mark(const struct dseq *q, const struct allowed *w)
{
	bool frames = w >= allowed_frames && w < allowed_frames + 16 &&
		      q->kind != SEQ_CTL;

	was_seen[frames][w - (frames ? allowed_frames : allowed_ctl)] = true;
}

/* 0: the same, or as allowed; 1: not. */
static int compare(const struct drun *a, const struct drun *b, struct tally *c)
{
	const struct dseq *q = a->seq;
	unsigned int i, n = a->n < b->n ? a->n : b->n;

	for (i = 0; i < n; i++) {
		const struct note *x = &a->note[i], *y = &b->note[i];
		const struct allowed *w;

		if (x->step == y->step && x->what == y->what &&
		    x->ret == y->ret && x->val == y->val)
			continue;
		w = allowance(q, x, y);
		c->differences[x->what]++;
		if (w) {
			mark(q, w);
			if (!w->parts)
				continue;
			c->cut_short++;
			return 0;
		}
		if (c->failed < SHOWN) {
			if (q->kind != SEQ_CTL)
				tell_guest(q);
			tell(q, x, y);
			if (x->what == SAW_IMAGE)
				tell_image(a, b);
		}
		return 1;
	}
	if (a->n != b->n)
		ktap_diag("seed %#llx: in-tree showed %u things, port %u",
			  (unsigned long long)q->seed, a->n, b->n);
	return a->n != b->n;
}

static void count(const struct dseq *s, const struct drun *t, struct tally *c)
{
	unsigned int i;

	c->sequences++;
	for (i = 0; i < s->n; i++)
		c->steps[s->step[i].op]++;
	note_total += t->n;
}

static void one(uint64_t seed, enum kind kind, const char *node, struct tally *c)
{
	static struct drun a, b;
	static struct dseq s;
	int bad;

	seq_make(&s, seed, kind);
	play(&a, &s, INTREE);
	play(&b, &s, node);
	if (getenv("DIFFER_VERBOSE")) {
		dump(&a, "in-tree");
		dump(&b, "port");
	}
	bad = compare(&a, &b, c);
	if (a.stuck || b.stuck || a.wrong || b.wrong) {
		ktap_diag("seed %#llx: stuck: in-tree %d, port %d; wrong frames: in-tree %u, port %u",
			  (unsigned long long)seed, a.stuck, b.stuck, a.wrong,
			  b.wrong);
		bad = 1;
	}
	count(&s, &b, c);
	c->failed += bad;
}

static void print_tally(const struct tally *c)
{
	unsigned int i;

	ktap_diag("%u sequences, %u differ and must not, %u compared up to an allowed difference that parts them",
		  c->sequences, c->failed, c->cut_short);
	for (i = 0; i < OP_END; i++)
		op_total[i] += c->steps[i];
	for (i = 0; i < SAW_KINDS; i++)
		if (c->differences[i])
			ktap_diag("differences of %s: %lu", what_name[i],
				  c->differences[i]);
}

struct amount {
	unsigned int count, seconds;
	uint64_t seed;
};

static time_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static void part(const struct amount *m, enum kind kind, const char *node,
		 const char *name)
{
	struct tally c = { 0 };
	time_t until = now() + m->seconds;
	/* Misses take their time. */
	unsigned int i, count = kind == SEQ_IOTLB ? (m->count + 1) / 2 : m->count;

	for (i = 0; m->seconds ? now() < until : i < count; i++) {
		ktap_case(120, "%s, from seed %#llx", name,
			  (unsigned long long)m->seed);
		one(m->seed + i, kind, node, &c);
	}
	print_tally(&c);
	ktap_ok(c.sequences && !c.failed);
}

/* A difference that is no more must not stay allowed. */
static void allowances_needed(const struct amount *m)
{
	int fd = dev_open(INTREE);
	uint64_t offered = 0;
	unsigned int i, k;
	bool ok = true;

	NEED(fd >= 0 && !dev_features(fd, &offered));
	close(fd);

	for (k = 0; k < 2; k++) {
		const struct allowed *a = k ? allowed_frames : allowed_ctl;

		for (i = 0; a[i].what; i++) {
			ktap_diag("%s: %s: %s", a[i].what, a[i].why,
				  was_seen[k][i] ? "seen" : "not seen");
			ok = ok && (was_seen[k][i] || !allowance_needed(&a[i], offered));
		}
	}
	if (m->seconds || m->count >= MANY)
		ktap_result(ok, "every allowed difference is there");
}

static void setup(void)
{
	unsigned int i;

	net_init();
	net_uplink("up0", "wire0", 1500);
	arena_init();
	world.tap[0] = tap_open("dftap0", IFF_VNET_HDR, 12);
	world.tap[1] = tap_open("dftap1", 0, 0);
	for (i = 0; i < 2; i++) {
		NEED(!net_run("ip link set dftap%u mtu 9000 up", i));
		pkt_open(&world.pkt[i], i ? "dftap1" : "dftap0", 66000, false);
	}
	world.odd[0] = open("/dev/null", O_RDWR | O_CLOEXEC);
	world.odd[1] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	world.odd[2] = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_UDP);
	world.odd[3] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	world.odd[4] = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
	world.odd[5] = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	world.odd[6] = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	world.odd[7] = open("/", O_RDONLY | O_CLOEXEC);
	for (i = 0; i < 8; i++)
		NEED(world.odd[i] >= 0);
}

/* Grace periods are what a sequence takes its time for. */
static void expedite(bool on)
{
	int f = open("/sys/kernel/rcu_expedited", O_WRONLY | O_CLOEXEC);

	NEED(f >= 0 && write(f, on ? "1" : "0", 1) == 1);
	close(f);
}

static void print_totals(void)
{
	unsigned int i;

	for (i = 0; i < OP_END; i++)
		ktap_diag("steps: %s: %lu", op_name[i], op_total[i]);
	ktap_diag("%lu observations compared", note_total);
}

/* With itself vhost-net has no difference, or the test has made it. */
static void self(const struct amount *m)
{
	part(m, SEQ_CTL, INTREE, "ioctls, in-tree twice");
	part(m, SEQ_FRAMES, INTREE, "a guest at work, in-tree twice");
	part(m, SEQ_IOTLB, INTREE, "behind an IOMMU, in-tree twice");
}

static void ports(const struct amount *m)
{
	char xdp[64], sock[64];

	NEED(!ctl_new("df-xdp", "up0", NULL));
	NEED(!ctl_new("df-sock", NULL, NULL));
	snprintf(xdp, sizeof(xdp), "%s", port_node("df-xdp"));
	snprintf(sock, sizeof(sock), "%s", port_node("df-sock"));
	part(m, SEQ_CTL, sock, "ioctls, port without an uplink");
	part(m, SEQ_CTL, xdp, "ioctls, port with an uplink");
	part(m, SEQ_FRAMES, sock, "a guest at work, port without an uplink");
	part(m, SEQ_IOTLB, sock, "behind an IOMMU, port without an uplink");
	NEED(!ctl_del("df-xdp"));
	NEED(!ctl_del("df-sock"));
}

int main(int argc, char **argv)
{
	struct amount m = { .count = COUNT, .seed = SEED };
	bool alone = argc > 3 && !strcmp(argv[3], "self");
	char *unit;

	ktap_case(60, "setup");
	if (argc > 1) {
		m.count = strtoul(argv[1], &unit, 0);
		if (*unit == 's')
			m.seconds = m.count;
	}
	if (argc > 2)
		m.seed = strtoull(argv[2], NULL, 0);
	setup();
	expedite(true);
	if (alone)
		self(&m);
	else
		ports(&m);
	expedite(false);
	print_totals();
	if (!alone)
		allowances_needed(&m);
	return ktap_done();
}
