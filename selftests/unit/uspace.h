/* SPDX-License-Identifier: GPL-2.0 */
/*
 * uspace.h - an address space for the core to work in.
 *
 * A user address is a number that only these functions resolve: into a mapping
 * that the test made, or -EFAULT. A mapping says of each byte whether the core may
 * write it; a write elsewhere, a misaligned access and a wrong free are noted and
 * fail the case (us_clean()). The nth access or allocation can be made to fail, and
 * a hook runs before each access and barrier, where the other side may act.
 */
#ifndef UNIT_USPACE_H
#define UNIT_USPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

/* What access_ok() knows: addresses below are user space, as on x86-64. */
#define US_TASK_SIZE	0x7ffffffff000ULL

/* us_reset - an empty address space; nothing fails, no hook */
void us_reset(void);

/* us_map - map zeroed memory that the core may read; the test's pointer to it */
void *us_map(__u64 uaddr, __u64 len);

/* us_alias - the whole mapping at @uaddr a second time, at @to; only the first can be unmapped */
void us_alias(__u64 to, __u64 uaddr);

/* us_unmap - what covers @uaddr is gone, in whole */
void us_unmap(__u64 uaddr);

/* us_allow - from now on the core may (not) write these bytes */
void us_allow(__u64 uaddr, __u64 len, bool may);

/* us_read_only - writes to the mapping are -EFAULT, as with mprotect() */
void us_read_only(__u64 uaddr);

/* us_at - the test's pointer to mapped bytes; aborts where they are not mapped */
void *us_at(__u64 uaddr, __u64 len);

/* us_fail_access - the nth access from now (1: the next) is -EFAULT; 0: none */
void us_fail_access(unsigned int n);

/* us_fail_alloc - likewise for allocations */
void us_fail_alloc(unsigned int n);

/* us_hook - what the other side does before each access and barrier, or NULL */
void us_hook(void (*fn)(void));

/* us_accesses - how many there were since us_reset() */
unsigned long us_accesses(void);

/* us_clean - true where nothing was noted and nothing is allocated; says what was */
bool us_clean(void);

/* For platform.h. */
bool us_access_ok(__u64 uaddr, __u64 len);
int us_read(void *dst, __u64 uaddr, size_t len);
int us_write(__u64 uaddr, const void *src, size_t len);
int us_or(__u64 uaddr, __u32 bits);
void us_aligned(__u64 uaddr, unsigned int to);
void us_barrier(void);
void *us_zalloc(size_t size);
void us_free(const void *p);

#endif
