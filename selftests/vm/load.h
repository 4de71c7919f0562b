/* SPDX-License-Identifier: GPL-2.0 */
/*
 * load.h - a VMM in a process of its own, busy in both directions until it is
 * told to stop, or killed; and threads that disturb a VMM from within.
 */
#ifndef SELFTESTS_LOAD_H
#define SELFTESTS_LOAD_H

#include <pthread.h>
#include <sys/types.h>

#include "../vmm/flow.h"

struct load {
	pid_t pid;
	int progress, stop;	/* pipes, our ends */
};

/* load_start - on port PORT; returns when frames flow */
void load_start(struct load *l, enum lane lane, const struct nic_cfg *guest);

/* load_progress - wait until more has arrived than when this was called */
bool load_progress(struct load *l);

/* load_stop - let it end by itself; was all well with it? load_kill - SIGKILL */
bool load_stop(struct load *l);

/* load_severed - the same where its port is gone: its rings must have told it */
bool load_severed(struct load *l);
bool load_kill(struct load *l);

struct disturber {
	pthread_t thread;
	struct bench *b;
	void (*op)(struct bench *b, unsigned int round);
	bool stop;
	unsigned int rounds;
};

void disturb_start(struct disturber *d, struct bench *b,
		   void (*op)(struct bench *b, unsigned int round));
unsigned int disturb_rounds(struct disturber *d);
void disturb_stop(struct disturber *d);

#endif
