// SPDX-License-Identifier: GPL-2.0
/*
 * compat.c - every ioctl, in and out of order, right and wrong, is put to the
 * in-tree /dev/vhost-net and to a port, and the answers are compared step by
 * step. The in-tree driver is the specification; what we mean to answer
 * otherwise is in allowed[], with the reason.
 *
 *	compat [NODE]	compare NODE, instead of a port, with /dev/vhost-net
 */
#define _GNU_SOURCE
#include <linux/if_tun.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../vmm/ktap.h"
#include "../vmm/vmm.h"
#include "../vmm/wire.h"
#include "compat.h"

#define INTREE "/dev/vhost-net"

/*
 * Of the kernel we run on: does its vhost-net have what came with 6.17? And where a
 * page table has five levels a log for all guest addresses is within a user's reach.
 */
enum kernel { ANY, BEFORE, SINCE, LEVELS5 };

struct allowance {
	const char *scenario, *label;
	struct step intree, ours;
	const char *why;
	enum kernel kernel;
};

static enum kernel kernel;
static bool levels5;

static bool was_seen[64];

#define NOTPACKED "no packed rings"
#define ITHASNOT "neither packed rings nor buffers in order"

#define NOTUSER "in-tree looks only while a ring runs; what is no user memory is no use"
#define NOBYTES "in-tree takes this for the whole address space"
#define ARRAYEND "in-tree takes any count, and reads and writes that many words"
#define NOLOG "in-tree starts with a log that it cannot write, and loses pages"

#define MEMVALUE(label, why)						\
	{ "memory table: values", label, { .ret = 0 }, { .ret = -14 }, why, ANY }

static const struct allowance allowed[] = {
	MEMVALUE("no bytes at 0", NOBYTES),
	MEMVALUE("all bytes, hva 0", NOTUSER),
	MEMVALUE("all bytes", NOTUSER),
	MEMVALUE("all bytes from 1", NOTUSER),
	MEMVALUE("2^62 bytes, hva 0", NOTUSER),
	MEMVALUE("more than a user has, hva 0", NOTUSER),
	MEMVALUE("behind the last user page", NOTUSER),
	MEMVALUE("kernel address", NOTUSER),
	MEMVALUE("hva that wraps", NOTUSER),
	{ "log while running", "used ring logged at the end of all",
	  { .ret = 0 }, { .ret = -22 }, NOLOG, LEVELS5 },
	{ "log while running", "backend with a log that is not there",
	  { .ret = 0 }, { .ret = -14 }, NOLOG, ANY },
	{ "features", "VHOST_GET_FEATURES",
	  { .val = 0x1033d008000 }, { .val = 0x10f3d008000 }, ITHASNOT, BEFORE },
	{ "features", "VHOST_GET_FEATURES",
	  { .val = 0x10b3d008000 }, { .val = 0x10f3d008000 }, NOTPACKED, SINCE },
	{ "features", "VHOST_SET_FEATURES(bit 34)", { .ret = -95 }, { .ret = 0 }, ITHASNOT, ANY },
	{ "features", "VHOST_SET_FEATURES(bit 35)", { .ret = -95 }, { .ret = 0 }, ITHASNOT, BEFORE },
	{ "features array", "the first word",
	  { .val = 0x10b3d008000 }, { .val = 0x10f3d008000 }, NOTPACKED, SINCE },
	{ "features array", "VHOST_GET_FEATURES_ARRAY, 65 words", { .ret = -14 }, { .ret = -7 },
	  ARRAYEND, SINCE },
	{ "features array", "VHOST_SET_FEATURES_ARRAY, 65 words", { .ret = -14 }, { .ret = -7 },
	  ARRAYEND, SINCE },
};

void step_note(struct run *t, long ret, uint64_t val, const char *fmt, ...)
{
	struct step *s = &t->step[t->n];
	va_list ap;

	NEED(t->n < STEPS_MAX);
	t->n++;
	va_start(ap, fmt);
	vsnprintf(s->label, sizeof(s->label), fmt, ap);
	va_end(ap);
	s->ret = ret;
	s->val = ret < 0 ? 0 : val;
}

void *unmapped_page(void)
{
	static void *p;

	if (!p)
		p = mmap(NULL, 1 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	NEED(p != MAP_FAILED);
	return p;
}

uint64_t user_end(void)
{
	FILE *f = fopen("/proc/cpuinfo", "r");
	bool levels5 = false;
	char *line = NULL;
	size_t room = 0;

	NEED(f);
	/* The kernel takes out what it does not use. */
	while (!levels5 && getline(&line, &room, f) > 0)
		levels5 = !strncmp(line, "flags", 5) && strstr(line, " la57 ");
	free(line);
	fclose(f);
	return (1ULL << (levels5 ? 56 : 47)) - 4096;
}

struct vhost_vring_addr run_addr(struct run *t, unsigned int index)
{
	const struct ring *r = &t->ring[index];

	return (struct vhost_vring_addr){
		.index = index,
		.desc_user_addr = (uintptr_t)r->desc,
		.avail_user_addr = (uintptr_t)r->avail,
		.used_user_addr = (uintptr_t)r->used,
	};
}

void run_setup(struct run *t)
{
	unsigned int i;

	IO(t, VHOST_SET_OWNER, NULL);
	FEATURES(t, BIT64(VIRTIO_F_VERSION_1));
	step_note(t, dev_set_mem(t->fd, &t->mem), 0, "memory table");
	for (i = 0; i < 2; i++) {
		struct vhost_vring_addr a = run_addr(t, i);

		STATE(t, VHOST_SET_VRING_NUM, i, 16);
		STATE(t, VHOST_SET_VRING_BASE, i, 0);
		ADDR(t, &a);
		VFILE(t, VHOST_SET_VRING_KICK, i, t->ring[i].kick);
		VFILE(t, VHOST_SET_VRING_CALL, i, t->ring[i].call);
		VFILE(t, VHOST_SET_VRING_ERR, i, t->ring[i].err);
	}
}

static void play(struct run *t, const struct scenario *s, const char *node)
{
	int i;

	memset(t, 0, sizeof(*t));
	t->node = node;
	mem_init(&t->mem, 2, 1 << 20, false);
	for (i = 0; i < 2; i++)
		ring_init(&t->ring[i], &t->mem, 16, i, 0, 0, false);
	t->tap = tap_open("abitap", IFF_VNET_HDR, 12);
	t->fd = dev_open(node);
	if (t->fd < 0)
		ktap_bail("open %s: %s", node, strerror(-t->fd));
	s->play(t);
	close(t->fd);
	close(t->tap);
	for (i = 0; i < 2; i++)
		ring_free(&t->ring[i]);
	mem_free(&t->mem);
}

static bool same(const struct step *a, const struct step *b)
{
	return a->ret == b->ret && a->val == b->val;
}

static bool is_allowed(const char *scenario, const struct step *a,
		       const struct step *b)
{
	unsigned int i;

	for (i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		const struct allowance *w = &allowed[i];

		if (!strcmp(w->scenario, scenario) &&
		    !strcmp(w->label, a->label) && same(&w->intree, a) &&
		    same(&w->ours, b)) {
			ktap_diag("%s: %s: allowed: %s", scenario, a->label,
				  w->why);
			was_seen[i] = true;
			return true;
		}
	}
	return false;
}

static bool compare(const char *name, const struct run *a, const struct run *b)
{
	bool ok = true;
	unsigned int i;

	if (!CHECK(a->n == b->n))
		return false;
	for (i = 0; i < a->n; i++) {
		const struct step *x = &a->step[i], *y = &b->step[i];

		if (same(x, y) || is_allowed(name, x, y))
			continue;
		ktap_diag("step %u, %s: in-tree %ld (%s) value %#llx, port %ld (%s) value %#llx",
			  i, x->label, x->ret,
			  strerrorname_np(x->ret < 0 ? -x->ret : 0),
			  (unsigned long long)x->val, y->ret,
			  strerrorname_np(y->ret < 0 ? -y->ret : 0),
			  (unsigned long long)y->val);
		ok = false;
	}
	return ok;
}

static void dump(const struct scenario *s, const struct run *t)
{
	unsigned int i;

	for (i = 0; i < t->n; i++)
		ktap_diag("%s: %s = %ld %#llx", s->name, t->step[i].label,
			  t->step[i].ret, (unsigned long long)t->step[i].val);
}

static void compare_all(const struct scenario *s, const char *node,
			const char *what)
{
	static struct run a, b;

	for (; s->name; s++) {
		ktap_case(30, "%s: %s", what, s->name);
		play(&a, s, INTREE);
		play(&b, s, node);
		if (getenv("COMPAT_VERBOSE"))
			dump(s, &a);
		ktap_ok(compare(s->name, &a, &b));
	}
}

static void every_scenario(const char *node, const char *what)
{
	compare_all(scenarios_setup, node, what);
	compare_all(scenarios_vring, node, what);
	compare_all(scenarios_run, node, what);
	if (kernel == SINCE)
		compare_all(scenarios_later, node, what);
}

/* By what it offers: buffers in order came with the features' array. */
static enum kernel find_kernel(void)
{
	int fd = dev_open(INTREE);
	uint64_t features;

	NEED(fd >= 0);
	NEED(!dev_features(fd, &features));
	close(fd);
	return features & BIT64(35) ? SINCE : BEFORE;
}

static bool applies(enum kernel on)
{
	return on == ANY || (on == LEVELS5 ? levels5 : on == kernel);
}

/* A difference that is no more must not stay allowed. */
static void allowances_needed(const char *what)
{
	unsigned int i, n = sizeof(allowed) / sizeof(allowed[0]);
	bool ok = CHECK(n <= sizeof(was_seen));

	for (i = 0; i < n; i++) {
		if (!applies(allowed[i].kernel))
			continue;
		if (!was_seen[i])
			ktap_diag("%s: %s: allowed, but there is no difference",
				  allowed[i].scenario, allowed[i].label);
		ok = ok && was_seen[i];
	}
	memset(was_seen, 0, sizeof(was_seen));
	ktap_result(ok, "%s: every allowed difference is there", what);
}

int main(int argc, char **argv)
{
	char node[64];

	ktap_case(60, "setup");
	net_init();
	kernel = find_kernel();
	levels5 = user_end() > 1ULL << 47;
	if (argc > 1) {
		every_scenario(argv[1], argv[1]);
		return ktap_done();
	}
	net_uplink("up0", "wire0", 1500);
	NEED(!ctl_new("abi-xdp", "up0", NULL));
	NEED(!ctl_new("abi-sock", NULL, NULL));
	snprintf(node, sizeof(node), "%s", port_node("abi-xdp"));
	every_scenario(node, "port with uplink");
	allowances_needed("port with uplink");
	snprintf(node, sizeof(node), "%s", port_node("abi-sock"));
	every_scenario(node, "port without uplink");
	allowances_needed("port without uplink");
	NEED(!ctl_del("abi-xdp"));
	NEED(!ctl_del("abi-sock"));
	return ktap_done();
}
