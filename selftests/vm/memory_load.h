/* SPDX-License-Identifier: GPL-2.0 */
/*
 * memory_load.h - do something to the guest's memory, between or under frames.
 */
#ifndef SELFTESTS_MEMORY_LOAD_H
#define SELFTESTS_MEMORY_LOAD_H

#include "memory.h"

/* At least so often, and with so many frames. */
#define SHAKE_ROUNDS 24
#define SHAKE_FRAMES 3000

struct shake;

/* 1: done; 0: this time it could not be done; -1: something is wrong */
typedef int shake_op(struct shake *s, unsigned int round);

struct shake {
	struct guest *g;
	enum part part;
	shake_op *op;
	bool stop, bad;
	unsigned int rounds;
};

/* shake_under - by another thread, while frames come that must all be right */
bool shake_under(struct guest *g, enum part p, shake_op *op);

/* shake_between - when no frame is under way, then frames into each buffer */
bool shake_between(struct guest *g, enum part p, shake_op *op);

/*
 * shake_blast - while frames come that nobody looks at, for @op spoils what the
 * guest would look at. Then @after, and all starts anew.
 */
bool shake_blast(struct guest *g, enum part p, shake_op *op, shake_op *after);

#endif
