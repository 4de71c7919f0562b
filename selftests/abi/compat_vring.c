// SPDX-License-Identifier: GPL-2.0
/*
 * compat_vring.c - the ioctls of one ring: size, addresses, base, eventfds.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "../vmm/ktap.h"
#include "compat.h"

static void num(struct run *t)
{
	const unsigned int n[] = { 0, 1, 2, 3, 4, 5, 6, 255, 256, 257, 1024,
				   32767, 32768, 32769, 65535, 65536,
				   0x80000000, 0xffffffff };
	unsigned int i;

	IO(t, VHOST_SET_OWNER, NULL);
	for (i = 0; i < sizeof(n) / sizeof(n[0]); i++)
		STATE(t, VHOST_SET_VRING_NUM, i & 1, n[i]);
}

static void index_range(struct run *t)
{
	const unsigned int at[] = { 2, 3, 255, 256, 0x7fffffff, 0x80000000,
				    0xffffffff };
	unsigned int i;

	IO(t, VHOST_SET_OWNER, NULL);
	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		struct vhost_vring_addr a = run_addr(t, 0);

		a.index = at[i];
		STATE(t, VHOST_SET_VRING_NUM, at[i], 16);
		STATE(t, VHOST_SET_VRING_BASE, at[i], 0);
		GET_STATE(t, VHOST_GET_VRING_BASE, at[i]);
		ADDR(t, &a);
		VFILE(t, VHOST_SET_VRING_KICK, at[i], t->ring[0].kick);
		VFILE(t, VHOST_SET_VRING_CALL, at[i], t->ring[0].call);
		VFILE(t, VHOST_SET_VRING_ERR, at[i], t->ring[0].err);
		STATE(t, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, at[i], 1);
		GET_STATE(t, VHOST_GET_VRING_BUSYLOOP_TIMEOUT, at[i]);
		STATE(t, VHOST_SET_VRING_ENDIAN, at[i], 0);
		GET_STATE(t, VHOST_GET_VRING_ENDIAN, at[i]);
		BACKEND(t, at[i], t->tap);
		BACKEND(t, at[i], -1);
	}
}

/* Each spoils one field of a good address and says what it was. */
static void spoil(struct run *t, size_t field, uint64_t val)
{
	struct vhost_vring_addr a = run_addr(t, 0);

	*(uint64_t *)((uint8_t *)&a + field) = val;
	step_note(t, dev_ioctl(t->fd, VHOST_SET_VRING_ADDR, &a), 0,
		  "VHOST_SET_VRING_ADDR field at %zu = %#llx", field,
		  (unsigned long long)val);
}

static void spoil_all(struct run *t)
{
	const size_t fields[] = {
		offsetof(struct vhost_vring_addr, desc_user_addr),
		offsetof(struct vhost_vring_addr, used_user_addr),
		offsetof(struct vhost_vring_addr, avail_user_addr),
		offsetof(struct vhost_vring_addr, log_guest_addr),
	};
	struct vhost_vring_addr a = run_addr(t, 0);
	uint64_t good = a.desc_user_addr;
	const uint64_t vals[] = {
		0, 1, 2, 4, 8, 16, good + 1, good + 2, good + 4, good + 8,
		0x7ffffffff000, 0x800000000000, 0xffff888000000000, ~0ULL,
		~0ULL - 1, ~0ULL - 3, ~0ULL - 4095,
		(uintptr_t)unmapped_page(),
	};
	unsigned int i, k;

	for (i = 0; i < 4; i++)
		for (k = 0; k < sizeof(vals) / sizeof(vals[0]); k++)
			spoil(t, fields[i], vals[k]);
	for (i = 0; i < 32; i++) {
		a = run_addr(t, 0);
		a.flags = 1U << i;
		step_note(t, dev_ioctl(t->fd, VHOST_SET_VRING_ADDR, &a), 0,
			  "VHOST_SET_VRING_ADDR flag %u", i);
	}
}

static void addr(struct run *t)
{
	IO(t, VHOST_SET_OWNER, NULL);
	spoil_all(t);
}

static void addr_running(struct run *t)
{
	struct vhost_vring_addr a = run_addr(t, 0);

	run_setup(t);
	BACKEND(t, 0, t->tap);
	spoil_all(t);
	a.flags = 1;
	ADDR(t, &a);
	a.flags = 0;
	ADDR(t, &a);
}

static void base(struct run *t)
{
	const unsigned int n[] = { 0, 1, 255, 0x7fff, 0x8000, 0xffff, 0x10000,
				   0x10001, 0x80000000, 0xffffffff };
	unsigned int i;

	IO(t, VHOST_SET_OWNER, NULL);
	GET_STATE(t, VHOST_GET_VRING_BASE, 0);
	for (i = 0; i < sizeof(n) / sizeof(n[0]); i++) {
		STATE(t, VHOST_SET_VRING_BASE, 1, n[i]);
		GET_STATE(t, VHOST_GET_VRING_BASE, 1);
		GET_STATE(t, VHOST_GET_VRING_BASE, 0);
	}
}

/* What must not change while the ring has a backend, and what may. */
static void running(struct run *t)
{
	unsigned int i;

	run_setup(t);
	BACKEND(t, 0, t->tap);
	BACKEND(t, 1, t->tap);
	for (i = 0; i < 2; i++) {
		STATE(t, VHOST_SET_VRING_NUM, i, 16);
		STATE(t, VHOST_SET_VRING_NUM, i, 3);
		STATE(t, VHOST_SET_VRING_BASE, i, 0);
		STATE(t, VHOST_SET_VRING_BASE, i, 0x10000);
		GET_STATE(t, VHOST_GET_VRING_BASE, i);
		VFILE(t, VHOST_SET_VRING_CALL, i, -1);
		VFILE(t, VHOST_SET_VRING_CALL, i, t->ring[i].call);
		VFILE(t, VHOST_SET_VRING_KICK, i, -1);
		VFILE(t, VHOST_SET_VRING_KICK, i, t->ring[i].kick);
		VFILE(t, VHOST_SET_VRING_KICK, i, t->ring[i].kick);
		VFILE(t, VHOST_SET_VRING_ERR, i, -1);
	}
	FEATURES(t, BIT64(VIRTIO_F_VERSION_1));
	FEATURES(t, BIT64(VHOST_F_LOG_ALL));
	FEATURES(t, 0);
	step_note(t, dev_set_mem(t->fd, &t->mem), 0, "memory table");
	IO(t, VHOST_SET_OWNER, NULL);
	BACKEND(t, 0, t->tap);
	BACKEND(t, 0, -1);
	STATE(t, VHOST_SET_VRING_NUM, 0, 16);
	STATE(t, VHOST_SET_VRING_NUM, 1, 16);
}

/* One of the three eventfd ioctls with all kinds of files. */
static void eventfds(struct run *t, unsigned long req, const char *name)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), p[2];
	int ep = epoll_create1(EPOLL_CLOEXEC);
	const int bad[] = { -2, -100, 0x7fffffff, 9999, null, ep, t->tap,
			    t->fd };
	unsigned int i;

	NEED(null >= 0 && ep >= 0 && !pipe2(p, O_CLOEXEC));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		step_note(t, dev_vring_file(t->fd, req, 0, bad[i]), 0,
			  "%s with bad file %u", name, i);
	step_note(t, dev_vring_file(t->fd, req, 0, p[0]), 0, "%s pipe", name);
	step_note(t, dev_vring_file(t->fd, req, 0, -1), 0, "%s -1", name);
	step_note(t, dev_vring_file(t->fd, req, 0, t->ring[0].kick), 0,
		  "%s good", name);
	step_note(t, dev_vring_file(t->fd, req, 0, t->ring[0].kick), 0,
		  "%s the same again", name);
	step_note(t, dev_vring_file(t->fd, req, 1, t->ring[0].kick), 0,
		  "%s shared with the other ring", name);
	step_note(t, dev_vring_file(t->fd, req, 0, t->ring[1].call), 0,
		  "%s another", name);
	step_note(t, dev_vring_file(t->fd, req, 0, -1), 0, "%s -1", name);
	step_note(t, dev_vring_file(t->fd, req, 0, -1), 0, "%s -1", name);
	close(null);
	close(ep);
	close(p[0]);
	close(p[1]);
}

static void eventfds_all(struct run *t)
{
	IO(t, VHOST_SET_OWNER, NULL);
	eventfds(t, VHOST_SET_VRING_KICK, "kick");
	eventfds(t, VHOST_SET_VRING_CALL, "call");
	eventfds(t, VHOST_SET_VRING_ERR, "err");
	IO(t, VHOST_RESET_OWNER, NULL);
	run_setup(t);
	BACKEND(t, 0, t->tap);
	BACKEND(t, 1, t->tap);
	eventfds(t, VHOST_SET_VRING_KICK, "kick");
	eventfds(t, VHOST_SET_VRING_CALL, "call");
	eventfds(t, VHOST_SET_VRING_ERR, "err");
}

static void busyloop(struct run *t)
{
	IO(t, VHOST_SET_OWNER, NULL);
	GET_STATE(t, VHOST_GET_VRING_BUSYLOOP_TIMEOUT, 0);
	STATE(t, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, 0, 50);
	GET_STATE(t, VHOST_GET_VRING_BUSYLOOP_TIMEOUT, 0);
	GET_STATE(t, VHOST_GET_VRING_BUSYLOOP_TIMEOUT, 1);
	STATE(t, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, 0, 0xffffffff);
	GET_STATE(t, VHOST_GET_VRING_BUSYLOOP_TIMEOUT, 0);
	STATE(t, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, 0, 0);
	IO(t, VHOST_RESET_OWNER, NULL);
	IO(t, VHOST_SET_OWNER, NULL);
	GET_STATE(t, VHOST_GET_VRING_BUSYLOOP_TIMEOUT, 0);
}

static void endian(struct run *t)
{
	IO(t, VHOST_SET_OWNER, NULL);
	STATE(t, VHOST_SET_VRING_ENDIAN, 0, VHOST_VRING_LITTLE_ENDIAN);
	STATE(t, VHOST_SET_VRING_ENDIAN, 0, VHOST_VRING_BIG_ENDIAN);
	STATE(t, VHOST_SET_VRING_ENDIAN, 0, 2);
	GET_STATE(t, VHOST_GET_VRING_ENDIAN, 0);
}

const struct scenario scenarios_vring[] = {
	{ "ring size", num },
	{ "ring index", index_range },
	{ "ring addresses", addr },
	{ "ring addresses, running", addr_running },
	{ "ring base", base },
	{ "running", running },
	{ "eventfds", eventfds_all },
	{ "busy loop", busyloop },
	{ "endian", endian },
	{ 0 }
};
