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
 * load		rounds of frames over a path, measured
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
 * meter_profile - switch perf on or off, which listens on the FIFO of environment
 * variable BENCH_PERF and answers on the one of BENCH_PERF_ACK; if they are set
 */
void meter_profile(bool on);

/* meter_median - of @n values, which it sorts */
uint64_t meter_median(uint64_t *v, unsigned int n);

/* path.c */

enum path_kind {
	PATH_DROP,		/* the uplink drops: what the source costs */
	PATH_FLOOR,		/* XDP_REDIRECT to another veth, dropped there */
	PATH_OURS,
	PATH_TAP_XDP,		/* vhost_net, tap, XDP_REDIRECT both ways */
	PATH_TAP_BRIDGE,	/* vhost_net, tap, bridge with the uplink in it */
};

#define PATH_GUESTS_MAX 256

struct guest {
	struct nic nic;
	int tap;
	uint8_t mac[6];
	char port[32];
};

struct path {
	enum path_kind kind;
	unsigned int guests;
	bool gso;		/* taps and wire take GSO frames */
	struct guest guest[PATH_GUESTS_MAX];
	struct bench_bpf *bpf;
	unsigned int wire_ifindex;
};

extern const uint8_t bench_mac_wire[6];

/* path_open - namespaces, devices, programs, ports, guests with rings filled */
void path_open(struct path *p, enum path_kind kind, unsigned int guests,
	       bool gso);
void path_close(struct path *p);

/* path_stat - a counter of the guests' ports; 0 where they are not ours */
uint64_t path_stat(const struct path *p, unsigned int stat);

/* load.c */

enum direction {
	LOAD_RX,
	LOAD_TX,
	LOAD_FORWARD,		/* what came in goes out */
	LOAD_LOCAL,		/* from the first guest to the second */
	LOAD_PORTS,		/* a batch to each guest in turn */
	LOAD_LATENCY,		/* as RX, but from the source to the call eventfd */
	LOAD_IDLE,		/* nothing for a second, which is the one frame */
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

/* cases.c */

struct bench_case {
	const char *path;
	enum path_kind kind;
	unsigned int guests;
	bool gso;
	struct load load;
};

/*
 * cases_build - those that fit @pattern (a substring of "path/load/size/batch",
 * NULL: all), those of one path one after another; their count
 */
unsigned int cases_build(struct bench_case *c, unsigned int max, bool quick,
			 const char *pattern);
void case_name(const struct bench_case *c, char *name, unsigned int size);

#endif
