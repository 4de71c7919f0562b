/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fuzz.h - what the fuzzer's threads share, and the calls that they make.
 *
 * A round is a process, a VMM without sense, and its threads. Each thread draws
 * its calls from numbers of its own, so that a seed gives the same calls again;
 * how they meet is the scheduler's.
 */
#ifndef SELFTESTS_FUZZ_H
#define SELFTESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FUZZ_THREADS 5
#define FUZZ_SLOTS 4		/* opens of nodes */
#define FUZZ_EVENTS 4
#define FUZZ_SOCKS 8
#define FUZZ_PROGS 2
#define FUZZ_RING 64		/* entries of the rings that run */
#define FUZZ_MEM (256 << 10)	/* of the guest; then as much of log */

/* The ports: one that the tool attached, others that come and go. */
#define FUZZ_PORTS 4
extern const char *const fuzz_port[FUZZ_PORTS];

/* Of all rounds: how often a call said yes and no. */
struct fuzz_count {
	uint64_t yes, no;
};

#define FUZZ_CALLS_MAX 64

/* What a round's threads share; nothing in it has a lock. */
struct fuzz_world {
	int node[FUZZ_SLOTS];
	int event[FUZZ_EVENTS];
	int sock[FUZZ_SOCKS];
	int prog[FUZZ_PROGS];
	unsigned int uplink;	/* its ifindex */
	uint8_t *mem, *log;
	uint16_t family;
};

struct fuzz_thread {
	struct fuzz_world *w;
	uint64_t state;
	int fail_nth;		/* where the kernel can be told to fail, or -1 */
	int netlink;
	bool reads;		/* messages of IOTLBs, and does nothing else */
};

/* A call: 0 or more is yes, less is no. */
struct fuzz_call {
	const char *name;
	unsigned int weight;
	int (*make)(struct fuzz_thread *t);
};

extern const struct fuzz_call fuzz_node_calls[], fuzz_netlink_calls[];
extern const unsigned int fuzz_node_count, fuzz_netlink_count;

/* fuzz_u64 - the thread's next number; fuzz_below - of 0 to @n - 1 */
uint64_t fuzz_u64(struct fuzz_thread *t);
unsigned int fuzz_below(struct fuzz_thread *t, unsigned int n);

/* fuzz_odds - true once in @n times */
bool fuzz_odds(struct fuzz_thread *t, unsigned int n);

#endif
