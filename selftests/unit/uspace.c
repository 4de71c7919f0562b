// SPDX-License-Identifier: GPL-2.0
/*
 * uspace.c - an address space for the core to work in. See uspace.h.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ktap.h"
#include "uspace.h"

#define AREAS_MAX	128

struct area {
	__u64 base;
	__u64 len;
	unsigned char *mem;
	unsigned char *may;	/* one a byte: the core may write it */
	bool read_only;
	bool alias;		/* mem and may are another's */
};

static struct area areas[AREAS_MAX];
static unsigned int nr_areas, fail_access, fail_alloc, noted;
static unsigned long accesses;
static long allocated;
static void (*hook)(void);

static void note(const char *what, __u64 uaddr, __u64 len)
{
	if (noted++ < 5)
		ktap_diag("%s: %#llx, %llu bytes", what, (unsigned long long)uaddr,
			  (unsigned long long)len);
}

static struct area *find(__u64 uaddr)
{
	unsigned int i;

	for (i = 0; i < nr_areas; i++) {
		if (uaddr >= areas[i].base && uaddr - areas[i].base < areas[i].len)
			return &areas[i];
	}
	return NULL;
}

static void drop(struct area *a)
{
	if (!a->alias) {
		free(a->mem);
		free(a->may);
	}
	*a = areas[--nr_areas];
}

void us_reset(void)
{
	while (nr_areas)
		drop(&areas[0]);
	fail_access = 0;
	fail_alloc = 0;
	noted = 0;
	accesses = 0;
	hook = NULL;
}

void *us_map(__u64 uaddr, __u64 len)
{
	struct area *a = &areas[nr_areas];

	NEED(nr_areas < AREAS_MAX && !find(uaddr) && !find(uaddr + len - 1));
	a->base = uaddr;
	a->len = len;
	a->mem = calloc(1, len);
	a->may = calloc(1, len);
	a->read_only = false;
	a->alias = false;
	NEED(a->mem && a->may);
	nr_areas++;
	return a->mem;
}

void us_alias(__u64 to, __u64 uaddr)
{
	const struct area *from = find(uaddr);
	struct area *a = &areas[nr_areas];

	NEED(nr_areas < AREAS_MAX && from && from->base == uaddr && !find(to));
	*a = *from;
	a->base = to;
	a->alias = true;
	nr_areas++;
}

void us_unmap(__u64 uaddr)
{
	struct area *a = find(uaddr);

	NEED(a);
	drop(a);
}

void us_allow(__u64 uaddr, __u64 len, bool may)
{
	struct area *a = find(uaddr);

	NEED(a && len <= a->len - (uaddr - a->base));
	memset(a->may + (uaddr - a->base), may, len);
}

void us_read_only(__u64 uaddr)
{
	struct area *a = find(uaddr);

	NEED(a);
	a->read_only = true;
}

void *us_at(__u64 uaddr, __u64 len)
{
	struct area *a = find(uaddr);

	NEED(a && len <= a->len - (uaddr - a->base));
	return a->mem + (uaddr - a->base);
}

void us_fail_access(unsigned int n)
{
	fail_access = n;
}

void us_fail_alloc(unsigned int n)
{
	fail_alloc = n;
}

void us_hook(void (*fn)(void))
{
	hook = fn;
}

unsigned long us_accesses(void)
{
	return accesses;
}

bool us_clean(void)
{
	if (allocated)
		ktap_diag("%ld allocations were not freed", allocated);
	return !noted && !allocated;
}

bool us_access_ok(__u64 uaddr, __u64 len)
{
	return len <= US_TASK_SIZE && uaddr <= US_TASK_SIZE - len;
}

void us_barrier(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (hook)
		hook();
}

void us_aligned(__u64 uaddr, unsigned int to)
{
	if (uaddr % to)
		note("misaligned access", uaddr, to);
}

/* The next piece of a range within one mapping, or NULL. */
static struct area *begin(__u64 uaddr, size_t len, size_t *part)
{
	struct area *a = find(uaddr);

	if (a)
		*part = a->len - (uaddr - a->base);
	if (a && *part > len)
		*part = len;
	return a;
}

static bool fails(void)
{
	if (hook)
		hook();
	accesses++;
	return fail_access && !--fail_access;
}

int us_read(void *dst, __u64 uaddr, size_t len)
{
	unsigned char *to = dst;
	struct area *a;
	size_t part;

	if (fails())
		return -EFAULT;
	for (; len; len -= part, uaddr += part, to += part) {
		a = begin(uaddr, len, &part);
		if (!a)
			return -EFAULT;
		memcpy(to, a->mem + (uaddr - a->base), part);
	}
	return 0;
}

int us_write(__u64 uaddr, const void *src, size_t len)
{
	const unsigned char *from = src;
	struct area *a;
	size_t part;

	if (fails())
		return -EFAULT;
	for (; len; len -= part, uaddr += part, from += part) {
		a = begin(uaddr, len, &part);
		if (!a || a->read_only)
			return -EFAULT;
		if (memchr(a->may + (uaddr - a->base), 0, part))
			note("write where the core may not", uaddr, part);
		memcpy(a->mem + (uaddr - a->base), from, part);
	}
	return 0;
}

/* A byte of the word that no bit goes to is not written. */
int us_or(__u64 uaddr, __u32 bits)
{
	struct area *a = find(uaddr);
	__u64 off;
	int i;

	if (fails() || !us_access_ok(uaddr, sizeof(bits)))
		return -EFAULT;
	if (!a || a->read_only || a->len - (uaddr - a->base) < sizeof(bits))
		return -EFAULT;
	off = uaddr - a->base;
	for (i = 0; i < 4; i++, bits >>= 8) {
		if (bits & 0xff && !a->may[off + i])
			note("bit set where the core may not", uaddr + i, 1);
		a->mem[off + i] |= bits & 0xff;
	}
	return 0;
}

void *us_zalloc(size_t size)
{
	void *p;

	if (fail_alloc && !--fail_alloc)
		return NULL;
	p = calloc(1, size);
	NEED(p);
	allocated++;
	return p;
}

void us_free(const void *p)
{
	if (!p)
		return;
	allocated--;
	free((void *)p);
}
