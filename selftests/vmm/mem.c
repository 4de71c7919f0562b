// SPDX-License-Identifier: GPL-2.0
/*
 * mem.c - guest memory: regions that are far apart both in the guest's and in
 * the VMM's address space, so that an address used for the other shows.
 *
 * Behind an IOMMU (mem_init_iommu) an address is one of four: what the driver uses
 * (hva), what it tells the device (iova), the guest's (gpa), and the VMM's (view).
 * Driver and device see the pages one after another, guest and VMM in another order;
 * and at the address that the VMM has where the device has an iova is other memory,
 * so that none can be taken for another unnoticed.
 */
#define _GNU_SOURCE
#include <stdlib.h>
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

void *mem_map(void *at, size_t size, int fd, size_t off)
{
	int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	void *p = mmap(at, size, PROT_READ | PROT_WRITE,
		       flags | MAP_NORESERVE | (at ? MAP_FIXED : 0), fd, off);

	NEED(p != MAP_FAILED);
	return p;
}

static void map_scattered(struct mem_region *r)
{
	struct mem_pages *g = calloc(1, sizeof(*g));
	unsigned int i;

	NEED(g);
	r->pages = g;
	g->count = r->size / MEM_PAGE;
	g->slots = g->count + MEM_SPARE;
	r->fd = memfd_create("guest", MFD_CLOEXEC);
	NEED(r->fd >= 0 && !ftruncate(r->fd, g->slots * MEM_PAGE));
	g->view = mem_map(NULL, g->slots * MEM_PAGE, r->fd, 0);
	g->decoy = mem_map(NULL, r->size, -1, 0);
	memset(g->decoy, MEM_DECOY, r->size);
	r->hva = mem_map(NULL, r->size, -1, 0);
	g->slot = calloc(g->count, sizeof(*g->slot));
	g->perm = calloc(g->count, 1);
	NEED(g->slot && g->perm);
	for (i = 0; i < g->count; i++) {
		g->slot[i] = g->slots - 1 - i;
		mem_map(r->hva + i * MEM_PAGE, MEM_PAGE, r->fd,
			g->slot[i] * MEM_PAGE);
	}
	for (i = 0; i < MEM_SPARE; i++)
		g->spare[i] = i;
	memset(g->view, MEM_DECOY, MEM_SPARE * MEM_PAGE);
}

void mem_init_iommu(struct mem *m, unsigned int count, size_t size)
{
	unsigned int i;

	NEED(count && count <= MEM_REGIONS_MAX);
	memset(m, 0, sizeof(*m));
	m->iommu = true;
	for (i = 0; i < count; i++) {
		struct mem_region *r = &m->region[i];

		r->size = (size + MEM_PAGE - 1) & ~(MEM_PAGE - 1);
		r->gpa = GPA_FIRST + i * (GPA_HOLE + 2 * r->size);
		map_scattered(r);
	}
	m->count = count;
}

static bool all_decoy(const uint8_t *p, size_t len)
{
	return p[0] == MEM_DECOY && !memcmp(p, p + 1, len - 1);
}

bool mem_untouched(const struct mem *m)
{
	bool ok = true;
	unsigned int i, k;

	for (i = 0; i < m->count; i++) {
		const struct mem_pages *g = m->region[i].pages;

		ok = CHECK(all_decoy(g->decoy, m->region[i].size)) && ok;
		for (k = 0; k < MEM_SPARE; k++)
			ok = CHECK(all_decoy(g->view + g->spare[k] * MEM_PAGE,
					     MEM_PAGE)) && ok;
	}
	return ok;
}

static void free_pages(struct mem_region *r)
{
	struct mem_pages *g = r->pages;

	if (!g)
		return;
	munmap(g->view, g->slots * MEM_PAGE);
	munmap(g->decoy, r->size);
	free(g->slot);
	free(g->perm);
	free(g);
}

void mem_free(struct mem *m)
{
	unsigned int i;

	for (i = 0; i < m->count; i++) {
		munmap(m->region[i].hva, m->region[i].size);
		if (m->region[i].fd >= 0)
			close(m->region[i].fd);
		free_pages(&m->region[i]);
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

const struct mem_region *mem_region_of(const struct mem *m, const void *hva)
{
	const uint8_t *p = hva;
	unsigned int i;

	for (i = 0; i < m->count; i++) {
		const struct mem_region *r = &m->region[i];

		if (p >= r->hva && p < r->hva + r->size)
			return r;
	}
	ktap_bail("%p is not guest memory", hva);
}

/* Where in the region the guest has what the driver sees there. */
static uint64_t guest_offset(const struct mem_region *r, const void *hva)
{
	size_t off = (const uint8_t *)hva - r->hva;

	if (!r->pages)
		return off;
	return r->pages->slot[off / MEM_PAGE] * MEM_PAGE + off % MEM_PAGE;
}

uint64_t mem_gpa(const struct mem *m, const void *hva)
{
	const struct mem_region *r = mem_region_of(m, hva);

	return r->gpa + guest_offset(r, hva);
}

uint8_t *mem_view(const struct mem *m, const void *hva)
{
	const struct mem_region *r = mem_region_of(m, hva);

	return (r->pages ? r->pages->view : r->hva) + guest_offset(r, hva);
}

uint64_t mem_dma(const struct mem *m, const void *hva)
{
	const struct mem_region *r = mem_region_of(m, hva);

	if (!r->pages)
		return mem_gpa(m, hva);
	return (uintptr_t)r->pages->decoy + ((const uint8_t *)hva - r->hva);
}
