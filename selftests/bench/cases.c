// SPDX-License-Identifier: GPL-2.0
/*
 * cases.c - which loads run on which paths, and what they are called.
 */
#include <stdio.h>
#include <string.h>

#include "bench.h"

#define ROUND 960	/* frames: nearly a ring */

static const struct {
	const char *name;
	enum path_kind kind;
	unsigned int dirs;	/* bit an enum direction */
} paths[] = {
	{ "drop", PATH_DROP, 1 << LOAD_RX },
	{ "redirect", PATH_FLOOR, 1 << LOAD_RX },
	{ "ours", PATH_OURS, 1 << LOAD_RX | 1 << LOAD_TX | 1 << LOAD_FORWARD },
	{ "tap-xdp", PATH_TAP_XDP,
	  1 << LOAD_RX | 1 << LOAD_TX | 1 << LOAD_FORWARD },
	{ "tap-bridge", PATH_TAP_BRIDGE,
	  1 << LOAD_RX | 1 << LOAD_TX | 1 << LOAD_FORWARD },
};

static const char *const dir_name[] = {
	"rx", "tx", "forward", "local", "ports", "latency", "idle",
};

struct list {
	struct bench_case *c;
	unsigned int n, max;
	const char *pattern;
	bool quick;
};

static void add(struct list *l, struct bench_case c)
{
	char name[64];

	case_name(&c, name, sizeof(name));
	if (l->pattern && !strstr(name, l->pattern))
		return;
	NEED(l->n < l->max);
	c.load.rounds = l->quick ? 5 : 11;
	l->c[l->n++] = c;
}

static bool in_quick(enum direction dir, unsigned int size)
{
	return size == 64 || (size == 1514 && dir != LOAD_FORWARD);
}

static void add_wire_cases(struct list *l, unsigned int path,
			   enum direction dir)
{
	static const unsigned int size[] = { 64, 256, 1514, LOAD_IMIX };
	struct bench_case c = {
		.path = paths[path].name,
		.kind = paths[path].kind,
		.guests = 1,
		.load = { .dir = dir },
	};
	unsigned int i;

	for (i = 0; i < 4; i++) {
		if (l->quick && !in_quick(dir, size[i]))
			continue;
		c.load.size = size[i];
		c.load.batch = 64;
		c.load.frames = ROUND;
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

static void add_local_cases(struct list *l, const char *path,
			    enum path_kind kind)
{
	struct bench_case c = {
		.path = path,
		.kind = kind,
		.guests = 2,
		.load = { .dir = LOAD_LOCAL, .size = 64, .batch = 64,
			  .frames = ROUND },
	};

	add(l, c);
	if (l->quick)
		return;
	c.load.size = 1514;
	add(l, c);
}

static void add_gso_cases(struct list *l, const char *path,
			  enum path_kind kind)
{
	struct bench_case c = {
		.path = path,
		.kind = kind,
		.guests = 2,
		.gso = true,
		.load = { .dir = LOAD_TX, .size = 65214, .batch = 8,
			  .frames = 16 },
	};

	add(l, c);
	c.load.dir = LOAD_LOCAL;
	add(l, c);
}

static void add_ports_cases(struct list *l)
{
	static const unsigned int ports[] = { 1, 8, 64, 256 };
	struct bench_case c = {
		.path = "drop",
		.kind = PATH_DROP,
		.load = { .dir = LOAD_PORTS, .size = 64, .batch = 64,
			  .frames = 16 * 64 },
	};
	unsigned int i;

	if (l->quick)
		return;
	add(l, c);
	c.path = "ours";
	c.kind = PATH_OURS;
	for (i = 0; i < 4; i++) {
		c.guests = ports[i];
		c.load.frames = 64 * ports[i];
		add(l, c);
	}
}

static void add_idle_case(struct list *l, unsigned int path)
{
	struct bench_case c = {
		.path = paths[path].name,
		.kind = paths[path].kind,
		.guests = 1,
		.load = { .dir = LOAD_IDLE, .frames = 1 },
	};

	add(l, c);
}

static void add_latency_case(struct list *l, unsigned int path)
{
	struct bench_case c = {
		.path = paths[path].name,
		.kind = paths[path].kind,
		.guests = 1,
		.load = { .dir = LOAD_LATENCY, .size = 64, .batch = 1,
			  .frames = ROUND / 4 },
	};

	add(l, c);
}

unsigned int cases_build(struct bench_case *c, unsigned int max, bool quick,
			 const char *pattern)
{
	struct list l = { .c = c, .max = max, .quick = quick,
			  .pattern = pattern };
	unsigned int i;
	int dir;

	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		for (dir = LOAD_RX; dir <= LOAD_FORWARD; dir++)
			if (paths[i].dirs & 1 << dir)
				add_wire_cases(&l, i, dir);
		if (paths[i].dirs & 1 << LOAD_TX)
			add_latency_case(&l, i);
		add_idle_case(&l, i);
	}
	add_local_cases(&l, "ours", PATH_OURS);
	add_local_cases(&l, "tap-bridge", PATH_TAP_BRIDGE);
	add_gso_cases(&l, "ours", PATH_OURS);
	add_gso_cases(&l, "tap-bridge", PATH_TAP_BRIDGE);
	add_ports_cases(&l);
	return l.n;
}

void case_name(const struct bench_case *c, char *name, unsigned int size)
{
	char len[16] = "imix", ports[16] = "";

	if (c->load.size)
		snprintf(len, sizeof(len), "%u", c->load.size);
	if (c->load.dir == LOAD_PORTS && c->guests)
		snprintf(ports, sizeof(ports), "%u", c->guests);
	if (c->load.dir == LOAD_IDLE)
		snprintf(name, size, "%s/idle", c->path);
	else
		snprintf(name, size, "%s/%s%s/%s/%u", c->path,
			 dir_name[c->load.dir], ports, len, c->load.batch);
}
