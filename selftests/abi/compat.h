/* SPDX-License-Identifier: GPL-2.0 */
/*
 * compat.h - the same steps against two nodes, the answers compared.
 */
#ifndef SELFTESTS_COMPAT_H
#define SELFTESTS_COMPAT_H

#include "../vmm/vmm.h"

#define STEPS_MAX 256

struct step {
	char label[80];
	long ret;		/* 0 or more, or -errno */
	uint64_t val;		/* what came back through the argument */
};

/* One scenario on one node. */
struct run {
	const char *node;
	int fd, tap;
	struct mem mem;
	struct ring ring[2];
	struct step step[STEPS_MAX];
	unsigned int n;
};

struct scenario {
	const char *name;
	void (*play)(struct run *t);
};

extern const struct scenario scenarios_setup[], scenarios_vring[],
	scenarios_run[], scenarios_later[];

/* step_note - record an answer */
void step_note(struct run *t, long ret, uint64_t val, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Each issues one ioctl and records it under the request's own name. */
#define IO(t, req, arg)							\
	step_note(t, dev_ioctl((t)->fd, req, (void *)(uintptr_t)(arg)), 0,	\
		  "%s(%s)", #req, #arg)
#define STATE(t, req, index, num)					\
	step_note(t, dev_vring_state((t)->fd, req, index, num), 0,	\
		  "%s(%s, %s)", #req, #index, #num)
#define VFILE(t, req, index, file)					\
	step_note(t, dev_vring_file((t)->fd, req, index, file), 0,	\
		  "%s(%s, %s)", #req, #index, #file)
#define ADDR(t, a)							\
	step_note(t, dev_ioctl((t)->fd, VHOST_SET_VRING_ADDR, a), 0,	\
		  "VHOST_SET_VRING_ADDR(%s) at line %d", #a, __LINE__)
#define MEMTABLE(t, m)							\
	step_note(t, dev_ioctl((t)->fd, VHOST_SET_MEM_TABLE, m), 0,	\
		  "VHOST_SET_MEM_TABLE(%s) at line %d", #m, __LINE__)
#define FEATURES(t, f)							\
	step_note(t, dev_set_features((t)->fd, f), 0,			\
		  "VHOST_SET_FEATURES(%s)", #f)
#define BACKEND(t, index, sock) VFILE(t, VHOST_NET_SET_BACKEND, index, sock)
#define GET_STATE(t, req, idx)						\
	do {								\
		struct vhost_vring_state s_ = { .index = (idx),		\
						.num = 0xdeadbeef };	\
		long r_ = dev_ioctl((t)->fd, req, &s_);			\
		step_note(t, r_, ((uint64_t)s_.index << 32) | s_.num,	\
			  "%s(%s)", #req, #idx);			\
	} while (0)

/* A proper device up to, not including, SET_BACKEND. Steps of its own. */
void run_setup(struct run *t);
struct vhost_vring_addr run_addr(struct run *t, unsigned int index);

/* unmapped_page - address space that nothing can be read from */
void *unmapped_page(void);

/*
 * user_end - where a user's addresses end, to a page: what 4 or 5 levels of page tables
 * hold, of which the upper half is the kernel's
 */
uint64_t user_end(void);

#endif
