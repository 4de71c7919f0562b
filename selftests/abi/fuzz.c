// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz.c - VMMs without sense: threads that make any call on nodes of ports and to
 * the netlink family, on the same descriptors at once, with rings in one memory
 * that all of them write to, while frames come in and the VMM is killed anywhere.
 * Where the kernel has fault injection, one call of three has something fail in it.
 *
 *	fuzz [SECONDS [SEED [ROUNDS]]]
 *
 * The kernel has nothing to say (the runner reads its log), afterwards frames pass
 * as before, and every port can be deleted. It goes on until it has seen enough,
 * which the last lines count.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../vmm/flow.h"
#include "fuzz.h"

#define ROUND_CALLS 120		/* of a thread */

const char *const fuzz_port[FUZZ_PORTS] = { PORT, "fz1", "fz2", "fz3" };

static struct fuzz_count *counts;	/* shared with the rounds' processes */
static unsigned int ncalls;
static int kmsg = -1;

/* splitmix64 */
uint64_t fuzz_u64(struct fuzz_thread *t)
{
	uint64_t z = t->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

unsigned int fuzz_below(struct fuzz_thread *t, unsigned int n)
{
	return fuzz_u64(t) % n;
}

bool fuzz_odds(struct fuzz_thread *t, unsigned int n)
{
	return !fuzz_below(t, n);
}

static const struct fuzz_call *call_at(unsigned int i)
{
	return i < fuzz_node_count ? &fuzz_node_calls[i] :
				     &fuzz_netlink_calls[i - fuzz_node_count];
}

/*
 * The first of a thread's calls is the first of the list: to open a node. The second of
 * the list is all that the reader does then, and nobody else.
 */
static unsigned int draw(struct fuzz_thread *t, bool first)
{
	unsigned int i, sum = 0, pick;

	if (first)
		return 0;
	if (t->reads)
		return 1;
	for (i = 0; i < ncalls; i++)
		sum += call_at(i)->weight;
	pick = fuzz_below(t, sum);
	for (i = 0; pick >= call_at(i)->weight; i++)
		pick -= call_at(i)->weight;
	return i;
}

/* The nth thing that can fail in the calls that follow does; 0: none. */
static void fail_nth(struct fuzz_thread *t, unsigned int n)
{
	char word[12];
	int len = snprintf(word, sizeof(word), "%u", n);

	if (t->fail_nth >= 0)
		(void)!pwrite(t->fail_nth, word, len, 0);
}

static void *thread_main(void *arg)
{
	struct fuzz_thread *t = arg;
	unsigned int i, n, nth;
	int r;

	t->fail_nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	t->netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 16);
	for (n = 0; n < ROUND_CALLS; n++) {
		i = draw(t, !n);
		nth = fuzz_odds(t, 3) ? 1 + fuzz_below(t, 24) : 0;
		fail_nth(t, nth);
		r = call_at(i)->make(t);
		fail_nth(t, 0);
		__atomic_fetch_add(r < 0 ? &counts[i].no : &counts[i].yes, 1,
				   __ATOMIC_RELAXED);
	}
	close(t->fail_nth);
	close(t->netlink);
	return NULL;
}

static void open_socks(struct fuzz_world *w)
{
	int pair[2];

	w->sock[0] = tap_open("fztap0", IFF_VNET_HDR, 12);
	w->sock[1] = tap_open("fztap1", 0, 0);
	w->sock[2] = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	w->sock[3] = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	w->sock[4] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	NEED(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	w->sock[5] = pair[0];
	w->sock[6] = pair[1];
	w->sock[7] = open("/dev/null", O_RDWR | O_CLOEXEC);
}

static void make_world(struct fuzz_world *w)
{
	int i;

	memset(w, 0, sizeof(*w));
	for (i = 0; i < FUZZ_SLOTS; i++)
		w->node[i] = -1;
	for (i = 0; i < FUZZ_EVENTS; i++)
		w->event[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	open_socks(w);
	w->prog[0] = net_xdp_prog(1);
	w->prog[1] = net_xdp_prog(2);
	w->uplink = net_ifindex(UPLINK);
	w->family = ctl_family();
	w->mem = mmap(NULL, 2 * FUZZ_MEM, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	NEED(w->mem != MAP_FAILED);
	w->log = w->mem + FUZZ_MEM;
}

static void round_main(uint64_t seed)
{
	struct fuzz_thread t[FUZZ_THREADS + 1];
	pthread_t id[FUZZ_THREADS + 1];
	struct fuzz_world w;
	int i;

	make_world(&w);
	for (i = 0; i <= FUZZ_THREADS; i++) {
		t[i] = (struct fuzz_thread){ .w = &w, .reads = i == FUZZ_THREADS,
					     .state = seed * (FUZZ_THREADS + 1) + i };
		NEED(!pthread_create(&id[i], NULL, thread_main, &t[i]));
	}
	/* The last may wait for ever. */
	for (i = 0; i < FUZZ_THREADS; i++)
		pthread_join(id[i], NULL);
	_exit(0);
}

/* What the kernel's last words will have behind them. */
static void tell_kernel(uint64_t seed, unsigned int round)
{
	char line[100];
	int n = snprintf(line, sizeof(line), "<4>fuzz: round %u, again by: fuzz 0 %#llx 1\n",
			 round, (unsigned long long)seed);

	(void)!write(kmsg, line, n);
}

/* Frames come in until the process has ended, or for so many batches: then kill it. */
static int watch(struct bench *b, pid_t pid, unsigned int batches)
{
	struct pollfd p = { .fd = syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };
	int status, i;

	NEED(p.fd >= 0);
	/* Or a slow kernel would be at frames all the time. */
	while (!poll(&p, 1, 5 * ktap_slow())) {
		if (batches && !--batches)
			kill(pid, SIGKILL);
		for (i = 0; i < 8; i++) {
			frame_fill(&b->to_guest, pkt_room(&b->wire));
			pkt_queue(&b->wire, frame_len(&b->to_guest));
		}
		pkt_flush(&b->wire);
	}
	close(p.fd);
	NEED(waitpid(pid, &status, 0) == pid);
	/* What it forked has its files, too, and is ours now: setup(). */
	while (waitpid(-1, NULL, 0) > 0)
		;
	return status;
}

static bool one_round(struct bench *b, uint64_t seed, unsigned int round)
{
	struct fuzz_thread t = { .state = ~seed };
	unsigned int batches = fuzz_odds(&t, 2) ? 1 + fuzz_below(&t, 200) : 0;
	pid_t pid;
	int status;

	tell_kernel(seed, round);
	fflush(stdout);
	pid = fork();
	NEED(pid >= 0);
	if (!pid) {
		ktap_child();
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		round_main(seed);
	}
	status = watch(b, pid, batches);
	if (WIFEXITED(status))
		return CHECK(!WEXITSTATUS(status));
	/* A guest's memory that was taken away kills its owner, too. */
	return CHECK(WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGSEGV);
}

/* What the port counted, as far as it was there at the end of a round. */
static uint64_t seen_rx, seen_tx;

static void note_frames(void)
{
	struct ctl_port p;

	if (ctl_get(PORT, &p))
		return;
	if (p.stats[VHOST_XDP_STAT_RX_XDP_PACKETS] > seen_rx)
		seen_rx = p.stats[VHOST_XDP_STAT_RX_XDP_PACKETS];
	if (p.stats[VHOST_XDP_STAT_TX_XDP_PACKETS] > seen_tx)
		seen_tx = p.stats[VHOST_XDP_STAT_TX_XDP_PACKETS];
}

static bool delete_ports(void)
{
	struct ctl_port p[32];
	int i, n = ctl_dump(p, 32);

	for (i = 0; i < n; i++)
		ctl_del(p[i].name);
	return CHECK(n >= 0 && n < 32) && CHECK(!ctl_dump(p, 32));
}

/*
 * The kernel forgets to take a node away where it has no memory for its name, which
 * it is told to have none for: devtmpfs_delete_node().
 */
static void delete_node(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/dev/vhost-xdp/%s", name);
	if (!access("/proc/self/fail-nth", F_OK) && !unlink(path))
		ktap_diag("%s was left where memory was refused", path);
}

/* A call may have deleted the port behind the tool's back, or set the link down. */
static void restore(void)
{
	struct ctl_port p;

	net_link(UPLINK, true);
	if (!ctl_get(PORT, &p))
		return;
	net_run("vhost-xdp detach " PORT " > /dev/null 2>&1");
	delete_node(PORT);
	port_attach(LANE_XDP, PORT, mac_guest, 0, "--queues 4");
}

static bool enough(void)
{
	unsigned int i;

	for (i = 0; i < ncalls; i++)
		if (!counts[i].yes && !counts[i].no)
			return false;
	return seen_rx && seen_tx;
}

static void say_counts(unsigned int rounds, uint64_t seed)
{
	unsigned long long yes = 0, no = 0;
	unsigned int i;

	for (i = 0; i < ncalls; i++) {
		ktap_diag("%-15s %8llu yes %8llu no", call_at(i)->name,
			  (unsigned long long)counts[i].yes,
			  (unsigned long long)counts[i].no);
		yes += counts[i].yes;
		no += counts[i].no;
	}
	ktap_diag("%u rounds from seed %#llx: %llu calls, %llu of them refused", rounds,
		  (unsigned long long)seed, yes + no, no);
	ktap_diag("at least %llu frames received, %llu sent", (unsigned long long)seen_rx,
		  (unsigned long long)seen_tx);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void fault_option(const char *file, const char *word)
{
	char path[80];
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/debug/%s", file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)!write(fd, word, strlen(word));
	close(fd);
}

/* Allocations that may sleep fail as well, and nobody prints where. */
static void faults_on(void)
{
	fault_option("failslab/ignore-gfp-wait", "N");
	fault_option("fail_page_alloc/ignore-gfp-wait", "N");
	fault_option("fail_page_alloc/min-order", "0");
	fault_option("failslab/verbose", "0");
	fault_option("fail_page_alloc/verbose", "0");
	fault_option("fail_usercopy/verbose", "0");
	if (access("/proc/self/fail-nth", F_OK))
		ktap_diag("this kernel has no fault injection");
}

static bool frames_pass(void)
{
	struct nic_cfg linux_guest = {
		.features = F_MODERN | F_MRG,
		.rx_num = 256, .tx_num = 256, .rx_len = 1536, .tx_len = 9018,
	};
	struct bench b;
	bool ok;

	port_attach(LANE_XDP, PORT, mac_guest, 0, "");
	bench_open(&b, LANE_XDP, linux_guest);
	ok = flow_run(&b, 2000, 2000) && bench_quiet(&b);
	bench_close(&b);
	port_detach(LANE_XDP, PORT);
	return ok;
}

static void setup(struct bench *b)
{
	ktap_case(60, "setup");
	NEED(!prctl(PR_SET_CHILD_SUBREAPER, 1));
	net_ready(LANE_XDP);
	ncalls = fuzz_node_count + fuzz_netlink_count;
	NEED(ncalls <= FUZZ_CALLS_MAX);
	counts = mmap(NULL, sizeof(*counts) * ncalls, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	NEED(counts != MAP_FAILED);
	kmsg = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	faults_on();
	memset(b, 0, sizeof(*b));
	net_enter_wire();
	pkt_open(&b->wire, WIRE, 9100, false);
	net_enter_host();
	b->wire.lossy = true;
	b->to_guest = (struct frame_stream){ .id = 1, .len = 600 };
	memcpy(b->to_guest.dst, mac_guest, 6);
	memcpy(b->to_guest.src, mac_wire, 6);
}

int main(int argc, char **argv)
{
	unsigned int seconds = argc > 1 ? atoi(argv[1]) : 15, round = 0;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : (uint64_t)time(NULL) << 20;
	unsigned int rounds = argc > 3 ? (unsigned int)atoi(argv[3]) : ~0U, i;
	struct bench b;
	double until;
	bool ok = true;

	setup(&b);
	ktap_case(2 * seconds + 120, "calls at random");
	until = now() + seconds;
	while (ok && round < rounds && (rounds != ~0U || now() < until || !enough())) {
		restore();
		ok = one_round(&b, seed + round, round);
		note_frames();
		round++;
	}
	say_counts(round, seed);
	net_link(UPLINK, true);
	ktap_ok(ok);
	ktap_case(60, "all ports can be deleted");
	ktap_ok(delete_ports());
	for (i = 0; i < FUZZ_PORTS; i++)
		delete_node(fuzz_port[i]);
	pkt_close(&b.wire);
	ktap_case(60, "frames pass afterwards");
	ktap_ok(frames_pass());
	return ktap_done();
}
