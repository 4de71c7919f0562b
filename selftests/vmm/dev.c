// SPDX-License-Identifier: GPL-2.0
/*
 * dev.c - the vhost ioctls as functions that return 0 or -errno.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "ktap.h"
#include "vmm.h"

int dev_open(const char *node)
{
	int fd = open(node, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int dev_ioctl(int fd, unsigned long req, void *arg)
{
	int r = ioctl(fd, req, arg);

	return r < 0 ? -errno : r;
}

int dev_features(int fd, uint64_t *features)
{
	return dev_ioctl(fd, VHOST_GET_FEATURES, features);
}

int dev_set_features(int fd, uint64_t features)
{
	return dev_ioctl(fd, VHOST_SET_FEATURES, &features);
}

int dev_features_more(int fd, uint64_t *more)
{
	uint64_t a[3] = { 2 };
	int e = dev_ioctl(fd, VHOST_GET_FEATURES_ARRAY, a);

	*more = e ? 0 : a[2];
	return e;
}

int dev_set_features_more(int fd, uint64_t features, uint64_t more)
{
	uint64_t a[3] = { 2, features, more };

	return dev_ioctl(fd, VHOST_SET_FEATURES_ARRAY, a);
}

int dev_set_mem(int fd, const struct mem *m)
{
	struct vhost_memory *t;
	unsigned int i;
	int r;

	t = calloc(1, sizeof(*t) + m->count * sizeof(t->regions[0]));
	NEED(t);
	t->nregions = m->count;
	for (i = 0; i < m->count; i++) {
		const struct mem_region *g = &m->region[i];
		const struct mem_pages *p = g->pages;

		t->regions[i].guest_phys_addr = g->gpa;
		t->regions[i].memory_size = p ? p->slots * MEM_PAGE : g->size;
		t->regions[i].userspace_addr = (uintptr_t)(p ? p->view : g->hva);
	}
	r = dev_ioctl(fd, VHOST_SET_MEM_TABLE, t);
	free(t);
	return r;
}

int dev_vring_state(int fd, unsigned long req, unsigned int index,
		    unsigned int num)
{
	struct vhost_vring_state s = { .index = index, .num = num };

	return dev_ioctl(fd, req, &s);
}

int dev_vring_file(int fd, unsigned long req, unsigned int index, int file)
{
	struct vhost_vring_file f = { .index = index, .fd = file };

	return dev_ioctl(fd, req, &f);
}

int dev_vring_base(int fd, unsigned int index, unsigned int *base)
{
	struct vhost_vring_state s = { .index = index };
	int r = dev_ioctl(fd, VHOST_GET_VRING_BASE, &s);

	*base = s.num;
	return r;
}

/* Of a ring behind an IOMMU these are no addresses of ours. */
static uint64_t ring_addr(const struct ring *r, const void *p)
{
	return r->mem && r->mem->iommu ? mem_dma(r->mem, p) : (uintptr_t)p;
}

int dev_vring_addr(int fd, unsigned int index, const struct ring *r,
		   bool log, uint64_t log_gpa)
{
	struct vhost_vring_addr a = {
		.index = index,
		.flags = log ? 1U << VHOST_VRING_F_LOG : 0,
		.desc_user_addr = ring_addr(r, r->desc),
		.avail_user_addr = ring_addr(r, r->avail),
		.used_user_addr = ring_addr(r, r->used),
		.log_guest_addr = log_gpa,
	};

	return dev_ioctl(fd, VHOST_SET_VRING_ADDR, &a);
}

int dev_backend(int fd, unsigned int index, int sock)
{
	return dev_vring_file(fd, VHOST_NET_SET_BACKEND, index, sock);
}
