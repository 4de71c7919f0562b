/* SPDX-License-Identifier: GPL-2.0 */
/*
 * feed.h - what the fuzzer made up, taken off piece by piece, and what must hold.
 *
 * Behind the end of it all is 0, so that every input means something.
 */
#ifndef FUZZ_FEED_H
#define FUZZ_FEED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "platform.h"

struct feed {
	const u8 *at;
	size_t left;
};

static inline void feed_bytes(struct feed *f, void *to, size_t len)
{
	size_t part = min(len, f->left);

	memset(to, 0, len);
	memcpy(to, f->at, part);
	f->at += part;
	f->left -= part;
}

#define FEED(name, type)				\
static inline type name(struct feed *f)			\
{							\
	type val;					\
							\
	feed_bytes(f, &val, sizeof(val));		\
	return val;					\
}

FEED(feed_u8, u8)
FEED(feed_u16, u16)
FEED(feed_u32, u32)
FEED(feed_u64, u64)

/* One of the @n of @values, or, now and then, anything. */
static inline u64 feed_near(struct feed *f, const u64 *values, u32 n)
{
	u8 which = feed_u8(f);

	if (which >= 0xf0)
		return feed_u64(f);
	return values[which % n] + (s32)(int16_t)feed_u16(f);
}

/* A heap copy of exactly @len bytes: a step beside it is noticed. */
static inline void *exactly(const void *from, size_t len)
{
	void *p = malloc(len);

	if (!p)
		abort();
	if (from)
		memcpy(p, from, len);
	return p;
}

#define MUST(cond)							\
	do {								\
		if (!(cond)) {						\
			fprintf(stderr, "%s:%d: not so: %s\n",		\
				__FILE__, __LINE__, #cond);		\
			abort();					\
		}							\
	} while (0)

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#endif
