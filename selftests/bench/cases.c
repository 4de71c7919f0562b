// SPDX-License-Identifier: GPL-2.0
/*
 * cases.c - which loads run on which paths, and what they are called.
 */
#include <stdio.h>
#include <string.h>

#include "bench.h"

#define ROUND 960	/* frames: nearly a ring */
#define BIT(n) (1U << (n))
#define WIRE_LOADS (BIT(LOAD_RX) | BIT(LOAD_TX) | BIT(LOAD_FORWARD))
#define TAP_LOADS (WIRE_LOADS | BIT(LOAD_LATENCY) | BIT(LOAD_LATENCY_TX) | \
		   BIT(LOAD_IDLE) | PAIRS)
#define GUEST_LOADS (TAP_LOADS | BIT(LOAD_LOCAL) | GSO | BIT(LOAD_MEMORY))
#define FAIR (BIT(LOAD_FAIR_RX) | BIT(LOAD_FAIR_TX))

#define PROGS (BIT(LOAD_PROG_PASS) | BIT(LOAD_PROG_DELIVER) | \
	       BIT(LOAD_PROG_EGRESS))

/* Beside the bits of enum direction. */
#define PAIRS BIT(30)		/* two and four queue pairs */
#define GSO BIT(31)

static const struct {
	const char *name;
	enum path_kind kind;
	unsigned int loads;
} paths[] = {
	{ "drop", PATH_DROP, BIT(LOAD_RX) | BIT(LOAD_IDLE) | BIT(LOAD_PORTS) },
	{ "redirect", PATH_FLOOR, BIT(LOAD_RX) | BIT(LOAD_IDLE) },
	{ "ours", PATH_OURS, GUEST_LOADS | BIT(LOAD_PORTS) | FAIR |
	  PROGS },
	/* It sends as the other one does. */
	{ "ours-worker", PATH_OURS_WORKER,
	  BIT(LOAD_RX) | BIT(LOAD_LATENCY) | BIT(LOAD_IDLE) },
	/* Its queue is the port's own: there is no neighbour. */
	{ "ours-xsk", PATH_OURS_XSK, TAP_LOADS & ~PAIRS },
	{ "tap-xdp", PATH_TAP_XDP, TAP_LOADS },
	{ "tap-bridge", PATH_TAP_BRIDGE, GUEST_LOADS },
	{ "dpdk", PATH_DPDK, WIRE_LOADS | BIT(LOAD_IDLE) },
};

static const char *const dir_name[] = {
	"rx", "tx", "forward", "local", "ports", "latency", "latency-tx", "idle", "memory",
	"fair-rx", "fair-tx", "prog-pass", "prog-deliver", "prog-egress",
};

struct list {
	struct bench_case *c;
	unsigned int n, max;
	const char *const *patterns;
	unsigned int nr_patterns;
	bool quick;
};

static bool wanted(const struct list *l, const char *name)
{
	unsigned int i;

	for (i = 0; i < l->nr_patterns; i++)
		if (strstr(name, l->patterns[i]))
			return true;
	return !l->nr_patterns;
}

static void add(struct list *l, struct bench_case c)
{
	char name[64];

	case_name(&c, name, sizeof(name));
	if (!wanted(l, name))
		return;
	NEED(l->n < l->max);
	c.load.rounds = l->quick ? 5 : 11;
	l->c[l->n++] = c;
}

static struct bench_case on_path(unsigned int path, enum direction dir)
{
	return (struct bench_case){
		.path = paths[path].name,
		.kind = paths[path].kind,
		.guests = 1,
		.pairs = 1,
		.load = { .dir = dir, .size = 64, .batch = 64,
			  .frames = ROUND },
	};
}

static bool in_quick(enum direction dir, unsigned int size)
{
	return size == 64 || (size == 1514 && dir != LOAD_FORWARD);
}

static void add_wire_cases(struct list *l, unsigned int path,
			   enum direction dir)
{
	static const unsigned int size[] = { 64, 256, 1514, LOAD_IMIX };
	struct bench_case c = on_path(path, dir);
	unsigned int i;

	for (i = 0; i < 4; i++) {
		if (l->quick && !in_quick(dir, size[i]))
			continue;
		c.load.size = size[i];
		add(l, c);
	}
	if (dir == LOAD_FORWARD)
		return;
	c.load.size = 64;
	c.load.batch = 1;
	c.load.frames = ROUND / 4;
	add(l, c);
	if (dir == LOAD_RX || l->quick)
		return;
	/* As when the guest keeps the worker busy: no kicks to speak of. */
	c.load.batch = ROUND;
	c.load.frames = ROUND;
	add(l, c);
}

static void add_local_cases(struct list *l, unsigned int path)
{
	struct bench_case c = on_path(path, LOAD_LOCAL);

	c.guests = 2;
	add(l, c);
	if (l->quick)
		return;
	c.load.size = 1514;
	add(l, c);
}

static void add_gso_cases(struct list *l, unsigned int path)
{
	struct bench_case c = on_path(path, LOAD_TX);

	c.guests = 2;
	c.gso = true;
	c.load.size = 65214;
	c.load.batch = 8;
	c.load.frames = 64;
	add(l, c);
	c.load.dir = LOAD_LOCAL;
	c.load.frames = 16;	/* what the other's buffers take */
	add(l, c);
}

static void add_ports_cases(struct list *l, unsigned int path)
{
	static const unsigned int ports[] = { 1, 8, 64, 256 };
	struct bench_case c = on_path(path, LOAD_PORTS);
	bool has_ports = paths[path].kind != PATH_DROP;
	unsigned int i;

	/* As many frames for each, so that ticks take the same part of a round. */
	c.load.frames = 64 * 256;
	for (i = 0; i < (has_ports ? 4 : 1) && !l->quick; i++) {
		c.guests = has_ports ? ports[i] : 0;
		add(l, c);
	}
}

static void add_pairs_cases(struct list *l, unsigned int path)
{
	unsigned int pairs;
	int dir;

	for (pairs = 2; pairs <= 4 && !l->quick; pairs *= 2) {
		for (dir = LOAD_RX; dir <= LOAD_TX; dir++) {
			struct bench_case c = on_path(path, dir);

			c.pairs = pairs;
			add(l, c);
		}
	}
}

static void add_special_cases(struct list *l, unsigned int path)
{
	struct bench_case c = on_path(path, LOAD_LATENCY);

	c.load.batch = 1;
	c.load.frames = ROUND / 4;
	for (; c.load.dir <= LOAD_LATENCY_TX; c.load.dir++)
		if (paths[path].loads & BIT(c.load.dir))
			add(l, c);
	c.load = (struct load){ .dir = LOAD_IDLE, .frames = 1 };
	if (paths[path].loads & BIT(LOAD_IDLE))
		add(l, c);
	c.guests = MEMORY_GUESTS;
	c.load.dir = LOAD_MEMORY;
	if (paths[path].loads & BIT(LOAD_MEMORY) && !l->quick)
		add(l, c);
}

static void add_other_cases(struct list *l, unsigned int path)
{
	struct bench_case c = on_path(path, LOAD_FAIR_RX);

	c.guests = 2;
	c.load.frames = 1;
	for (; c.load.dir <= LOAD_FAIR_TX; c.load.dir++)
		if (paths[path].loads & BIT(c.load.dir))
			add(l, c);
	c.guests = 1;
	for (; c.load.dir <= LOAD_PROG_EGRESS && !l->quick; c.load.dir++)
		if (paths[path].loads & BIT(c.load.dir))
			add(l, c);
}

static void add_path(struct list *l, unsigned int path)
{
	unsigned int loads = paths[path].loads;
	int dir;

	for (dir = LOAD_RX; dir <= LOAD_FORWARD; dir++)
		if (loads & BIT(dir))
			add_wire_cases(l, path, dir);
	add_special_cases(l, path);
	if (loads & BIT(LOAD_LOCAL))
		add_local_cases(l, path);
	add_other_cases(l, path);
	if (loads & GSO)
		add_gso_cases(l, path);
	if (loads & PAIRS)
		add_pairs_cases(l, path);
	if (loads & BIT(LOAD_PORTS))
		add_ports_cases(l, path);
}

unsigned int cases_build(struct bench_case *c, unsigned int max, bool quick,
			 const char *const *patterns, unsigned int nr_patterns)
{
	struct list l = { .c = c, .max = max, .quick = quick,
			  .patterns = patterns,
			  .nr_patterns = nr_patterns };
	unsigned int i;

	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (path_available(paths[i].kind))
			add_path(&l, i);
	return l.n;
}

void case_name(const struct bench_case *c, char *name, unsigned int size)
{
	enum direction dir = c->load.dir;
	char len[16] = "imix", many[24] = "";

	if (c->load.size)
		snprintf(len, sizeof(len), "%u", c->load.size);
	if (dir == LOAD_PORTS && c->guests)
		snprintf(many, sizeof(many), "%u", c->guests);
	if (c->pairs > 1)
		snprintf(many, sizeof(many), "-pairs%u", c->pairs);
	if (dir >= LOAD_IDLE)
		snprintf(name, size, "%s/%s", c->path, dir_name[dir]);
	else
		snprintf(name, size, "%s/%s%s/%s/%u", c->path, dir_name[dir],
			 many, len, c->load.batch);
}
