/* SPDX-License-Identifier: GPL-2.0 */
/*
 * bench.h - what a packet costs, in instructions, on the paths to and from a
 * guest.
 *
 * The VM runs under QEMU's `-icount shift=0,sleep=off` with one CPU: the time
 * stamp counter counts instructions, and time in which the CPU is halted. One
 * thread, of the SCHED_IDLE class, plays the guest and the wire in turn: whoever
 * else has work (softirqs, the vhost worker) runs at once, and when nobody has,
 * the thread runs on. So nothing is lost for want of room, nobody waits for a
 * clock, and the CPU is hardly ever halted (by a grace period of RCU, when the
 * source takes itself down); what it is halted all the same is taken off.
 *
 * meter	counters before and after
 * path		what lies between guest and wire
 * dpdk		the path that is DPDK's, by vhost_user
 * load		rounds of frames over a path, measured
 * fair		a port that floods, and its neighbour
 * prog		the programs by themselves
 * memory	what a port at rest keeps of the host's memory
 * cases	which loads on which paths
 */
#ifndef SELFTESTS_BENCH_H
#define SELFTESTS_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include "../vmm/ktap.h"
#include "../vmm/vmm.h"
#include "../vmm/wire.h"

/* meter.c */

struct meter {
	uint64_t switches;	/* context switches */
	uint64_t wakeups;	/* times that a worker thread of ours slept */
};

static inline uint64_t tsc(void)
{
	return __builtin_ia32_rdtsc();
}

/* meter_read - reading them costs, so they frame the rounds */
void meter_read(struct meter *m);

/* meter_idle - ns that the CPU was halted, up to now */
uint64_t meter_idle(void);

/*
 * meter_count - what runs from here on counts, or no more, where QEMU has plugin.c.
 * meter_count_write - the @nr-th load is done: have the counts written, and the
 * symbols to the directory of environment variable BENCH_COUNT; nothing without it
 */
void meter_count(bool on);
void meter_count_write(unsigned int nr);

/* meter_arrived - frames that a device has received, up to now */
uint64_t meter_arrived(const char *ifname);

/* Bytes of memory. */
struct meter_memory {
	int64_t kernel;		/* neither free nor a process's nor cache: all below */
	int64_t slab, percpu, stack;
};

void meter_memory(struct meter_memory *m);

/* meter_median - of @n values, which it sorts */
uint64_t meter_median(uint64_t *v, unsigned int n);

/* path.c */

enum path_kind {
	PATH_DROP,		/* the uplink drops: what the source costs */
	PATH_FLOOR,		/* XDP_REDIRECT to another veth, dropped there */
	PATH_OURS,		/* as the module is by default */
	PATH_OURS_WORKER,	/* fast_rx=N */
	PATH_OURS_XSK,		/* attach --lane xsk; where there is one */
	PATH_TAP_XDP,		/* vhost_net, tap, XDP_REDIRECT both ways */
	PATH_TAP_BRIDGE,	/* vhost_net, tap, bridge with the uplink in it */
	PATH_DPDK,		/* testpmd, vhost-user to AF_XDP; where installed */
};

#define PATH_NICS_MAX 256
#define PATH_UPLINK "up0"
#define PATH_WIRE "wire0"

/* A queue pair of a guest; a guest's are one after another. */
struct guest {
	struct nic nic;
	int tap;
	uint8_t mac[6];
	char port[32];
};

struct path {
	enum path_kind kind;
	unsigned int guests, pairs;
	unsigned int nics;	/* guests * pairs */
	bool gso;		/* taps and wire take GSO frames */
	struct guest guest[PATH_NICS_MAX];
	struct dpdk *dpdk;
	struct bench_bpf *bpf;
	unsigned int wire_ifindex;
};

extern const uint8_t bench_mac_wire[6];

/* path_available - this VM, module and tool can do it */
bool path_available(enum path_kind kind);

static inline bool path_is_ours(enum path_kind kind)
{
	return kind >= PATH_OURS && kind <= PATH_OURS_XSK;
}

/*
 * path_prepare - namespaces, devices, programs, the guests' memory and taps.
 * path_attach - what lies in the middle; ports for guests @from to @to - 1.
 * path_start - open their nodes and start their rings, filled.
 * path_open - all three, for all guests.
 */
void path_prepare(struct path *p, enum path_kind kind, unsigned int guests,
		  unsigned int pairs, bool gso);
void path_attach(struct path *p, unsigned int from, unsigned int to);
void path_start(struct path *p, unsigned int from, unsigned int to);
void path_open(struct path *p, enum path_kind kind, unsigned int guests,
	       unsigned int pairs, bool gso);
void path_close(struct path *p);

/* path_stat - a counter of the guests' ports; 0 where they are not ours */
uint64_t path_stat(const struct path *p, unsigned int stat);

/* dpdk.c: testpmd between a vhost-user socket and the uplink's AF_XDP */

struct dpdk;
bool dpdk_available(void);

/* dpdk_start - testpmd in a process of its own, forwarding once a guest is there */
struct dpdk *dpdk_start(const char *uplink);
void dpdk_connect(struct dpdk *d, struct nic *n);
void dpdk_stop(struct dpdk *d);

/* vhost_user.c: the VMM's side of the vhost-user protocol */

/* vhost_user_start - on a connected socket, what nic_start() does on a node */
void vhost_user_start(int sock, struct nic *n);
void vhost_user_stop(int sock, struct nic *n);

/* load.c */

enum direction {
	LOAD_RX,
	LOAD_TX,
	LOAD_FORWARD,		/* what came in goes out */
	LOAD_LOCAL,		/* from the first guest to the second */
	LOAD_PORTS,		/* a batch to each guest in turn */
	LOAD_LATENCY,		/* as RX, but from the source to the call eventfd */
	LOAD_LATENCY_TX,	/* as TX, but from before the kick to the wire */
	LOAD_IDLE,		/* nothing for a second, which is the one frame */
	LOAD_MEMORY,		/* not a load: memory_run() */
	LOAD_FAIR_RX,		/* fair_run() */
	LOAD_FAIR_TX,
	LOAD_PROG_PASS,		/* prog_run(): ingress, a frame of the host's */
	LOAD_PROG_DELIVER,	/* ingress, a frame for a port, with what delivers it */
	LOAD_PROG_EGRESS,	/* egress, to the uplink */
};

#define LOAD_IMIX 0	/* as size: 7 of 64, 4 of 594, 1 of 1514 bytes */
#define LOAD_SAMPLES_MAX 64

struct load {
	enum direction dir;
	unsigned int size;	/* bytes of a frame, without FCS; LOAD_IMIX */
	unsigned int batch;	/* frames a NAPI round, or a kick */
	unsigned int frames;	/* a round */
	unsigned int rounds;
};

struct result {
	unsigned int samples;
	uint64_t cost[LOAD_SAMPLES_MAX];	/* a round's, without guest and idle */
	uint64_t frames, bytes;			/* a round's */
	uint64_t guest;				/* the guest's own, median */
	uint64_t idle;				/* all rounds', taken off */
	double switches, wakeups, kicks, calls;	/* a frame's */
};

/* load_run - a round to warm up, then @l->rounds; bails out where frames are lost */
void load_run(struct path *p, const struct load *l, struct result *r);

/* load_inject - one system call that puts @frames on the wire, a round @batch */
void load_inject(struct path *p, const uint8_t *frame, unsigned int len,
		 unsigned int frames, unsigned int batch);

/* load_touch - some frames to each guest and from it */
void load_touch(struct path *p);

/* memory.c */

#define MEMORY_GUESTS 36

/* A guest's. */
struct memory {
	struct meter_memory attached;	/* its port is made */
	struct meter_memory started;	/* and opened, its rings run */
	struct meter_memory used;	/* and some frames went both ways */
};

/* memory_run - of the guests after the first few, which find all ready */
void memory_run(enum path_kind kind, struct memory *m);

/* fair.c */

struct fair {
	uint64_t offered, arrived;	/* the quiet guest's frames */
	uint64_t flood;			/* of the other's, what arrived */
};

/* fair_run - of two guests, while the first floods; the caller is SCHED_FIFO */
void fair_run(struct path *p, enum direction dir, struct fair *f);

/* prog.c */

/* prog_run - nanoseconds a run of a program, on a path of ours */
unsigned int prog_run(struct path *p, enum direction dir);

/* cases.c */

struct bench_case {
	const char *path;
	enum path_kind kind;
	unsigned int guests, pairs;
	bool gso;
	struct load load;
};

/*
 * cases_build - those that fit one of @patterns (substrings of
 * "path/load/size/batch"; none: all), those of one path one after another; their
 * count
 */
unsigned int cases_build(struct bench_case *c, unsigned int max, bool quick,
			 const char *const *patterns, unsigned int nr_patterns);
void case_name(const struct bench_case *c, char *name, unsigned int size);

#endif
