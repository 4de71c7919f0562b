// SPDX-License-Identifier: GPL-2.0
/*
 * memory_files.c - guest memory that is a file: pages that are the guest's no more
 * can still be seen, and from then on must not change. They are filled with
 * canaries as soon as the call that took them away has returned.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "memory_load.h"

#define CANARY 0xa5

static bool untouched(const uint8_t *p, size_t size)
{
	size_t i;

	for (i = 0; i < size && p[i] == CANARY; i++)
		;
	if (i == size)
		return true;
	ktap_diag("byte %zu of a page that is not the guest's is %02x", i, p[i]);
	return false;
}

/* Which half of the file the guest has, a slot or a ring at a time. */
static bool half[SLOTS];

static void map_at(struct part_mem *p, size_t at, size_t size, bool second)
{
	NEED(mmap(p->at + at, size, PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_FIXED, p->file, at + second * p->size) ==
	     p->at + at);
}

/* The guest's half is the first again, its mapping one. */
static void one_half(struct guest *g, enum part part)
{
	struct part_mem *p = &g->part[part];

	map_at(p, 0, p->size, false);
	memset(half, 0, sizeof(half));
	memset(p->view + p->size, CANARY, p->size);
}

/* The guest has the other half now, by its mapping or by the memory table. */
static int flip(struct shake *s, bool by_table)
{
	struct part_mem *p = &s->g->part[s->part];
	uint8_t *mine = p->view + half[0] * p->size;
	uint8_t *other = p->view + !half[0] * p->size;

	if (!untouched(other, p->size))
		return -1;
	memcpy(other, mine, p->size);
	if (by_table)
		guest_moved(s->g, s->part, other);
	else
		map_at(p, 0, p->size, !half[0]);
	memset(mine, CANARY, p->size);
	half[0] = !half[0];
	guest_poke(s->g);
	return 1;
}

/* All of it, and what is in it stays. */
static int flip_all(struct shake *s, unsigned int round)
{
	(void)round;
	return flip(s, false);
}

/*
 * The same by nothing but the memory table: the VMM has both halves, and keeps them
 * where they are, so no notifier tells.
 */
static int flip_table(struct shake *s, unsigned int round)
{
	(void)round;
	return flip(s, true);
}

/* One buffer, and what was in it is lost. */
static int flip_slot(struct shake *s, unsigned int round)
{
	struct part_mem *p = &s->g->part[BUFS];
	unsigned int i = round * 37 % SLOTS;
	uint8_t *mine = p->view + i * SLOT + half[i] * p->size;
	uint8_t *other = p->view + i * SLOT + !half[i] * p->size;

	if (!untouched(other, SLOT))
		return -1;
	memset(other, 0, SLOT);
	map_at(p, i * SLOT, SLOT, !half[i]);
	memset(mine, CANARY, SLOT);
	half[i] = !half[i];
	return 1;
}

static void punch(struct part_mem *p, size_t at, size_t size)
{
	NEED(!fallocate(p->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at,
			size));
}

static int punch_slot(struct shake *s, unsigned int round)
{
	punch(&s->g->part[BUFS], round * 37 % SLOTS * SLOT, SLOT);
	return 1;
}

static int punch_ring(struct shake *s, unsigned int round)
{
	punch(&s->g->part[RING], round % 3 * 4096, 4096);
	return 1;
}

/* Of a file that loses nothing: but all must be found again. */
static int dontneed(struct shake *s, unsigned int round)
{
	struct part_mem *p = &s->g->part[s->part];

	(void)round;
	NEED(!madvise(p->at, p->size, MADV_DONTNEED));
	return 1;
}

static int nothing(struct shake *s, unsigned int round)
{
	(void)s;
	(void)round;
	return 1;
}

/* Gone from the VMM; buffers from the table, too. */
static int unmap(struct shake *s, unsigned int round)
{
	struct part_mem *p = &s->g->part[s->part];
	struct mem m = s->g->b.nic.mem;

	(void)round;
	NEED(mmap(p->at, p->size, PROT_NONE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p->at);
	memset(p->view, CANARY, p->size);
	if (s->part == RING)
		return 1;
	m.region[2] = m.region[3];
	m.count--;
	NEED(!dev_set_mem(s->g->b.nic.dev, &m));
	return 1;
}

static int remap(struct shake *s, unsigned int round)
{
	struct part_mem *p = &s->g->part[s->part];

	(void)round;
	if (!untouched(p->view, p->size))
		return -1;
	map_at(p, 0, p->size, false);
	NEED(!dev_set_mem(s->g->b.nic.dev, &s->g->b.nic.mem));
	return 1;
}

static bool other_halves_untouched(struct guest *g)
{
	struct part_mem *p = &g->part[BUFS];
	unsigned int i;

	for (i = 0; i < SLOTS; i++)
		if (!untouched(p->view + i * SLOT + !half[i] * p->size, SLOT))
			return false;
	return true;
}

/* At the end the part is where it was. */
static bool flips_by_table(struct guest *g, enum part p)
{
	struct part_mem *m = &g->part[p];
	uint8_t *at = m->at;
	bool ok;

	ok = shake_between(g, p, flip_table);
	ok = CHECK(untouched(m->view + !half[0] * m->size, m->size)) && ok;
	NEED(!dev_backend(g->b.nic.dev, NIC_RX, -1));
	guest_moved(g, p, at);
	one_half(g, p);
	NEED(guest_renew(g));
	return ok;
}

static void table_flips(struct guest *g)
{
	ktap_case(60, "file: a table with other pages for the buffers");
	ktap_ok(flips_by_table(g, BUFS));
	ktap_case(60, "file: a table with other pages for the ring");
	ktap_ok(flips_by_table(g, RING));
}

static void flips(struct guest *g)
{
	bool ok;

	one_half(g, BUFS);
	ktap_case(60, "file: other pages for the buffers between frames");
	ok = shake_between(g, BUFS, flip_all);
	ktap_ok(CHECK(untouched(g->part[BUFS].view +
				!half[0] * g->part[BUFS].size, BUFS_SIZE)) &&
		ok);
	one_half(g, RING);
	ktap_case(60, "file: other pages for the ring between frames");
	ok = shake_between(g, RING, flip_all);
	ktap_ok(CHECK(untouched(g->part[RING].view +
				!half[0] * g->part[RING].size, RING_SIZE)) &&
		ok);
	NEED(!dev_backend(g->b.nic.dev, NIC_RX, -1));
	one_half(g, RING);
	one_half(g, BUFS);
	NEED(guest_renew(g));
	ktap_case(60, "file: other pages for buffers under load");
	g->may_lose = true;
	ok = shake_under(g, BUFS, flip_slot);
	ktap_ok(CHECK(other_halves_untouched(g)) && ok);
	g->may_lose = false;
	one_half(g, BUFS);
}

void memory_files(void)
{
	struct guest g;

	ktap_case(60, "file: setup");
	guest_open(&g, true);
	flips(&g);
	table_flips(&g);
	ktap_case(60, "file: MADV_DONTNEED of buffers under load");
	ktap_ok(shake_under(&g, BUFS, dontneed));
	ktap_case(60, "file: MADV_DONTNEED of the ring under load");
	ktap_ok(shake_under(&g, RING, dontneed));
	ktap_case(60, "file: holes in buffers under load");
	g.may_lose = true;
	ktap_ok(shake_under(&g, BUFS, punch_slot));
	g.may_lose = false;
	ktap_case(60, "file: holes in the ring under load");
	ktap_ok(shake_blast(&g, RING, punch_ring, nothing));
	ktap_case(60, "file: buffers unmapped and out of the table under load");
	ktap_ok(shake_blast(&g, BUFS, unmap, remap));
	ktap_case(60, "file: ring unmapped under load");
	ktap_ok(shake_blast(&g, RING, unmap, remap));
	guest_close(&g);
}
