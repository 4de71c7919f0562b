/* SPDX-License-Identifier: GPL-2.0 */
/*
 * space.h - the VMM's address space as it is: what selftests/unit/platform.h takes
 * from uspace.h (same guard), but with nothing between the core and the memory, as
 * in the kernel. Barriers are what they are in the kernel on x86.
 */
#ifndef UNIT_USPACE_H
#define UNIT_USPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <linux/types.h>

#ifndef __x86_64__
#error "the barriers below are x86's"
#endif
#define smp_mb()	asm volatile("lock addl $0, -4(%%rsp)" ::: "memory", "cc")
#define smp_wmb()	asm volatile("" ::: "memory")
#define smp_rmb()	asm volatile("" ::: "memory")

static inline bool us_access_ok(__u64 uaddr, __u64 len)
{
	return uaddr + len >= uaddr && !((uaddr + len) >> 47);
}

static inline int us_read(void *dst, __u64 uaddr, size_t len)
{
	memcpy(dst, (const void *)uaddr, len);
	return 0;
}

static inline int us_write(__u64 uaddr, const void *src, size_t len)
{
	memcpy((void *)uaddr, src, len);
	return 0;
}

static inline int us_or(__u64 uaddr, __u32 bits)
{
	__atomic_fetch_or((__u32 *)uaddr, bits, __ATOMIC_SEQ_CST);
	return 0;
}

static inline void us_aligned(__u64 uaddr, unsigned int to)
{
	(void)uaddr;
	(void)to;
}

static inline void *us_zalloc(size_t size)
{
	return calloc(1, size);
}

static inline void us_free(const void *p)
{
	free((void *)p);
}

#endif
