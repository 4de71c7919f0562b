// SPDX-License-Identifier: GPL-2.0
/*
 * differ_mem.c - memory at fixed addresses, so that a sequence has the same
 * arguments on each node. Pieces of guest memory follow one another for the
 * guest, but are far apart in the VMM's address space.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../vmm/ktap.h"
#include "differ.h"

#define ARENA		((uint8_t *)0x200000000000UL)
#define SPAN		(16UL << 20)	/* from piece to piece */
#define PIECES		4
#define LOGS		(ARENA + PIECES * SPAN)
#define PARTS		(LOGS + SPAN)	/* rings for ioctls in any order */
#define PART		(1UL << 20)
#define NOWHERE		(PARTS + SPAN)
#define ARENA_SIZE	((size_t)(NOWHERE + SPAN - ARENA))

static void map(uint8_t *at, size_t size)
{
	NEED(!mprotect(at, size, PROT_READ | PROT_WRITE));
}

void arena_init(void)
{
	unsigned int i;
	void *p = mmap(ARENA, ARENA_SIZE, PROT_NONE, MAP_PRIVATE |
		       MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE,
		       -1, 0);

	NEED(p == ARENA);
	for (i = 0; i < PIECES; i++)
		map(ARENA + i * SPAN, GUEST_SIZE);
	map(LOGS, 2 * LOG_SIZE);
	map(PARTS, 6 * PART);
}

/* Pages that were never written are not touched: that is most of them. */
void arena_clear(void)
{
	unsigned int i;

	for (i = 0; i < PIECES; i++)
		NEED(!madvise(ARENA + i * SPAN, GUEST_SIZE, MADV_DONTNEED));
	NEED(!madvise(LOGS, 2 * LOG_SIZE, MADV_DONTNEED));
	NEED(!madvise(PARTS, 6 * PART, MADV_DONTNEED));
}

static unsigned int piece_of(const struct dseq *s, uint64_t off)
{
	unsigned int i = 0;

	while (i + 1 < s->pieces && off >= s->cut[i])
		i++;
	return i;
}

static uint64_t piece_start(const struct dseq *s, unsigned int piece)
{
	return piece ? s->cut[piece - 1] : 0;
}

static uint64_t piece_end(const struct dseq *s, unsigned int piece)
{
	return piece + 1 < s->pieces ? s->cut[piece] : GUEST_SIZE;
}

uint8_t *guest_hva(const struct dseq *s, uint64_t off)
{
	unsigned int i = piece_of(s, off);

	return ARENA + i * SPAN + (off - piece_start(s, i));
}

size_t guest_together(const struct dseq *s, uint64_t off, size_t len)
{
	size_t part = piece_end(s, piece_of(s, off)) - off;

	NEED(off + len <= GUEST_SIZE);
	return part < len ? part : len;
}

void guest_put(const struct dseq *s, uint64_t off, const void *p, size_t len)
{
	const uint8_t *from = p;
	size_t part;

	for (; len; len -= part, off += part, from += part) {
		part = guest_together(s, off, len);
		memcpy(guest_hva(s, off), from, part);
	}
}

void guest_get(const struct dseq *s, uint64_t off, void *p, size_t len)
{
	uint8_t *to = p;
	size_t part;

	for (; len; len -= part, off += part, to += part) {
		part = guest_together(s, off, len);
		memcpy(to, guest_hva(s, off), part);
	}
}

void guest_fill(const struct dseq *s, uint64_t off, uint8_t byte, size_t len)
{
	size_t part;

	for (; len; len -= part, off += part) {
		part = guest_together(s, off, len);
		memset(guest_hva(s, off), byte, part);
	}
}

uint8_t *log_area(unsigned int which)
{
	return LOGS + which * LOG_SIZE;
}

uint8_t *ring_part(unsigned int ring, unsigned int part)
{
	return PARTS + (ring * 3 + part) * PART;
}

void *nowhere(void)
{
	return NOWHERE;
}

/* The same memory in another table: pieces cut once more, another order. */
int guest_set_mem(struct drun *t, unsigned int more_cuts, bool backwards)
{
	const struct dseq *s = t->seq;
	struct vhost_memory *m;
	unsigned int i, n = 0;
	uint64_t off = 0, end;
	int ret;

	m = calloc(1, sizeof(*m) + 64 * sizeof(m->regions[0]));
	NEED(m);
	for (; off < GUEST_SIZE; off = end) {
		uint64_t step = GUEST_SIZE / (more_cuts + 1);

		end = piece_end(s, piece_of(s, off));
		if (end > (off / step + 1) * step)
			end = (off / step + 1) * step;
		m->regions[n++] = (struct vhost_memory_region){
			.guest_phys_addr = off + (s->kind == SEQ_IOTLB ?
						  TABLE_GPA : GUEST_GPA),
			.memory_size = end - off,
			.userspace_addr = (uintptr_t)guest_hva(s, off),
		};
	}
	m->nregions = n;
	for (i = 0; backwards && i < n / 2; i++) {
		struct vhost_memory_region r = m->regions[i];

		m->regions[i] = m->regions[n - 1 - i];
		m->regions[n - 1 - i] = r;
	}
	ret = dev_ioctl(t->fd, VHOST_SET_MEM_TABLE, m);
	free(m);
	return ret;
}
