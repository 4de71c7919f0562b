// SPDX-License-Identifier: GPL-2.0
/*
 * mem.c - guest memory: regions that are far apart both in the guest's and in
 * the VMM's address space, so that an address used for the other shows.
 */
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ktap.h"
#include "vmm.h"

#define GPA_FIRST 0x40000000ULL
#define GPA_HOLE  0x10000000ULL

static void map_region(struct mem_region *r, bool shared)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS;

	r->fd = -1;
	if (shared) {
		flags = MAP_SHARED;
		r->fd = memfd_create("guest", MFD_CLOEXEC);
		NEED(r->fd >= 0 && !ftruncate(r->fd, r->size));
	}
	r->hva = mmap(NULL, r->size, PROT_READ | PROT_WRITE,
		      flags | MAP_NORESERVE, r->fd, 0);
	NEED(r->hva != MAP_FAILED);
}

void mem_init(struct mem *m, unsigned int count, size_t size, bool shared)
{
	uint64_t gpa = GPA_FIRST;
	unsigned int i;

	NEED(count && count <= MEM_REGIONS_MAX);
	memset(m, 0, sizeof(*m));
	size = (size + 4095) & ~4095UL;
	for (i = 0; i < count; i++) {
		struct mem_region *r = &m->region[i];

		r->gpa = gpa;
		r->size = size;
		map_region(r, shared);
		gpa += size + GPA_HOLE;
	}
	m->count = count;
}

void mem_free(struct mem *m)
{
	unsigned int i;

	for (i = 0; i < m->count; i++) {
		munmap(m->region[i].hva, m->region[i].size);
		if (m->region[i].fd >= 0)
			close(m->region[i].fd);
	}
	memset(m, 0, sizeof(*m));
}

void *mem_alloc(struct mem *m, size_t size, size_t align, unsigned int region)
{
	unsigned int i;

	for (i = region; i < m->count; i++) {
		struct mem_region *r = &m->region[i];
		size_t at = (r->used + align - 1) & ~(align - 1);

		if (at + size > r->size)
			continue;
		r->used = at + size;
		return r->hva + at;
	}
	ktap_bail("guest memory too small for %zu bytes more", size);
}

uint64_t mem_gpa(const struct mem *m, const void *hva)
{
	const uint8_t *p = hva;
	unsigned int i;

	for (i = 0; i < m->count; i++) {
		const struct mem_region *r = &m->region[i];

		if (p >= r->hva && p < r->hva + r->size)
			return r->gpa + (p - r->hva);
	}
	ktap_bail("%p is not guest memory", hva);
}
