/* SPDX-License-Identifier: GPL-2.0 */
/*
 * random.h - random numbers that come again with the same seed.
 */
#ifndef UNIT_RANDOM_H
#define UNIT_RANDOM_H

#include <linux/types.h>

/* random_seed - the seed, from UNIT_SEED or the clock; prints how to replay it */
void random_seed(const char *program);

/* random_u64 - the next number */
__u64 random_u64(void);

/* random_below - one of 0 to @n - 1 */
__u64 random_below(__u64 n);

#endif
