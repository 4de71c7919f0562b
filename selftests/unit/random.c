// SPDX-License-Identifier: GPL-2.0
/*
 * random.c - random numbers that come again with the same seed. See random.h.
 */
#include <stdlib.h>
#include <time.h>

#include "ktap.h"
#include "random.h"

static __u64 state;

void random_seed(const char *program)
{
	const char *word = getenv("UNIT_SEED");
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	state = word ? strtoull(word, NULL, 0) : now.tv_sec * 1000000000ULL + now.tv_nsec;
	ktap_diag("to see this run again: UNIT_SEED=%#llx %s",
		  (unsigned long long)state, program);
}

/* splitmix64 */
__u64 random_u64(void)
{
	__u64 z = state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

__u64 random_below(__u64 n)
{
	return random_u64() % n;
}
