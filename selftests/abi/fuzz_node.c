// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz_node.c - calls on nodes, and what a guest and a VMM do to the memory.
 *
 * Half of each argument is what a VMM would say, or rings would never run.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../vmm/flow.h"
#include "fuzz.h"

#define MEM_GPA 0x100000ULL
#define RING_ROOM 8192		/* of one ring: descriptors, then avail, then used */
#define BUFFERS (2 * RING_ROOM)
#define BUFFER_LEN 1536

static int node_of(struct fuzz_thread *t)
{
	return t->w->node[fuzz_below(t, FUZZ_SLOTS)];
}

static int answer(int r)
{
	return r < 0 ? -errno : r;
}

static unsigned int index_of(struct fuzz_thread *t)
{
	return fuzz_odds(t, 16) ? fuzz_u64(t) >> fuzz_below(t, 64) : fuzz_below(t, 2);
}

/* An address that may be guest memory, its edge, nothing or the kernel. */
static uint64_t address(struct fuzz_thread *t)
{
	uint64_t mem = (uintptr_t)t->w->mem;

	switch (fuzz_below(t, 8)) {
	case 0: return fuzz_u64(t);
	case 1: return fuzz_below(t, 4096);
	case 2: return mem + 2 * FUZZ_MEM - fuzz_below(t, 8192);
	case 3: return ~0ULL << (47 + fuzz_below(t, 17));
	default: return (mem + fuzz_below(t, FUZZ_MEM)) & ~(uint64_t)(fuzz_odds(t, 4) ? 0 : 15);
	}
}

static uint8_t *ring_at(struct fuzz_thread *t, unsigned int ring)
{
	return t->w->mem + (ring & 1) * RING_ROOM;
}

static struct vring_avail *avail_at(struct fuzz_thread *t, unsigned int ring)
{
	return (void *)(ring_at(t, ring) + FUZZ_RING * sizeof(struct vring_desc));
}

static struct vring_used *used_at(struct fuzz_thread *t, unsigned int ring)
{
	return (void *)(ring_at(t, ring) + 4096);
}

static int do_open(struct fuzz_thread *t)
{
	const char *name = fuzz_port[fuzz_odds(t, 3) ? fuzz_below(t, FUZZ_PORTS) : 0];
	char path[64];
	int fd, old;

	snprintf(path, sizeof(path), "/dev/vhost-xdp/%s", name);
	fd = open(path, O_RDWR | O_CLOEXEC | (fuzz_odds(t, 2) ? O_NONBLOCK : 0));
	if (fd < 0)
		return -errno;
	old = __atomic_exchange_n(&t->w->node[fuzz_below(t, FUZZ_SLOTS)], fd,
				  __ATOMIC_RELAXED);
	if (old >= 0)
		close(old);
	return 0;
}

static int send_message(int fd, const struct vhost_iotlb_msg *iotlb, bool v2)
{
	struct vhost_msg_v2 m2 = { .type = VHOST_IOTLB_MSG_V2 };
	struct vhost_msg m = { .type = VHOST_IOTLB_MSG };

	m2.iotlb = *iotlb;
	m.iotlb = *iotlb;
	return answer(v2 ? write(fd, &m2, sizeof(m2)) : write(fd, &m, sizeof(m)));
}

/* As a VMM behind a virtual IOMMU that has all in it, at its place and at the VMM's. */
static int map_all(struct fuzz_thread *t, int fd, bool v2)
{
	struct vhost_iotlb_msg m = {
		.iova = MEM_GPA, .size = FUZZ_MEM, .uaddr = (uintptr_t)t->w->mem,
		.perm = VHOST_ACCESS_RW, .type = VHOST_IOTLB_UPDATE,
	};
	int r = send_message(fd, &m, v2);

	m.iova = m.uaddr;
	return r < 0 ? r : send_message(fd, &m, v2);
}

/*
 * Only the reader's: it may wait for a message that nobody has, until the round ends
 * with it in there. What is asked for it says.
 */
static int do_read(struct fuzz_thread *t)
{
	int fd = node_of(t);
	char buf[80];
	long r;

	fcntl(fd, F_SETFL, fuzz_odds(t, 4) ? O_NONBLOCK : 0);
	r = read(fd, buf, fuzz_odds(t, 4) ? fuzz_below(t, sizeof(buf) + 1) : sizeof(buf));
	if (r > 0 && !fuzz_odds(t, 4))
		map_all(t, fd, r == sizeof(struct vhost_msg_v2));
	return answer(r);
}

static int do_close(struct fuzz_thread *t)
{
	int old = __atomic_exchange_n(&t->w->node[fuzz_below(t, FUZZ_SLOTS)], -1,
				      __ATOMIC_RELAXED);

	return old < 0 ? -EBADF : answer(close(old));
}

static int do_owner(struct fuzz_thread *t)
{
	return dev_ioctl(node_of(t), VHOST_SET_OWNER, NULL);
}

static int do_reset(struct fuzz_thread *t)
{
	return dev_ioctl(node_of(t), VHOST_RESET_OWNER, NULL);
}

static int do_features(struct fuzz_thread *t)
{
	int fd = node_of(t);
	uint64_t offered;
	int r = dev_features(fd, &offered);

	if (r)
		return r;
	return dev_set_features(fd, fuzz_odds(t, 8) ? fuzz_u64(t) : offered & fuzz_u64(t));
}

/* The same by words, of which there may be more than the kernel knows. */
static int do_features_array(struct fuzz_thread *t)
{
	uint64_t a[80] = { fuzz_odds(t, 8) ? fuzz_u64(t) >> fuzz_below(t, 64) : 1 + fuzz_below(t, 4) };
	int fd = node_of(t);
	int r = dev_ioctl(fd, VHOST_GET_FEATURES_ARRAY, a);

	if (r)
		return r;
	a[1] &= fuzz_u64(t);
	if (fuzz_odds(t, 8))
		a[1 + fuzz_below(t, 70)] = fuzz_u64(t);
	return dev_ioctl(fd, VHOST_SET_FEATURES_ARRAY, a);
}

/* A thread of the VMM, or of the kernel. */
static int do_fork_from_owner(struct fuzz_thread *t)
{
	uint8_t kind = fuzz_below(t, fuzz_odds(t, 8) ? 256 : 2);

	return dev_ioctl(node_of(t), fuzz_odds(t, 4) ? VHOST_GET_FORK_FROM_OWNER :
			 VHOST_SET_FORK_FROM_OWNER, &kind);
}

static int do_backend_features(struct fuzz_thread *t)
{
	int fd = node_of(t);
	uint64_t v = 0;
	int r = dev_ioctl(fd, VHOST_GET_BACKEND_FEATURES, &v);

	if (r || fuzz_odds(t, 2))
		return r;
	v = fuzz_odds(t, 4) ? fuzz_u64(t) : v & fuzz_u64(t);
	return dev_ioctl(fd, VHOST_SET_BACKEND_FEATURES, &v);
}

static int do_iotlb(struct fuzz_thread *t)
{
	struct vhost_iotlb_msg m = {
		.iova = MEM_GPA + (fuzz_below(t, FUZZ_MEM) & ~4095U),
		.size = 4096ULL << fuzz_below(t, 8), .uaddr = address(t),
		.perm = fuzz_below(t, fuzz_odds(t, 8) ? 256 : 4),
		.type = fuzz_below(t, fuzz_odds(t, 8) ? 256 : 7),
	};
	bool v2 = !fuzz_odds(t, 4);
	int fd = node_of(t);

	/* Most have no IOTLB, and nothing to say here but no. */
	if (fuzz_odds(t, 4))
		dev_set_features(fd, F_MODERN | BIT64(VIRTIO_F_ACCESS_PLATFORM));
	if (fuzz_odds(t, 3))
		return map_all(t, fd, v2);
	if (fuzz_odds(t, 2))
		m.iova = address(t);
	if (fuzz_odds(t, 8))
		m.iova = fuzz_u64(t) >> fuzz_below(t, 64);
	if (fuzz_odds(t, 8))
		m.size = fuzz_u64(t) >> fuzz_below(t, 64);
	return send_message(fd, &m, v2);
}

/* The guest's memory in one region or several, or regions of any kind. */
static int do_mem_table(struct fuzz_thread *t)
{
	struct {
		struct vhost_memory head;
		struct vhost_memory_region region[72];
	} m = { .head.nregions = 1 + fuzz_below(t, 4) };
	uint64_t size = FUZZ_MEM / m.head.nregions & ~4095ULL;
	unsigned int i;

	for (i = 0; i < m.head.nregions; i++) {
		m.region[i].guest_phys_addr = MEM_GPA + i * size;
		m.region[i].memory_size = size;
		m.region[i].userspace_addr = (uintptr_t)t->w->mem + i * size;
	}
	if (fuzz_odds(t, 4)) {
		m.head.nregions = fuzz_below(t, 72);
		i = fuzz_below(t, 72);
		m.region[i].guest_phys_addr = fuzz_u64(t) >> fuzz_below(t, 64);
		m.region[i].memory_size = fuzz_u64(t) >> fuzz_below(t, 64);
		m.region[i].userspace_addr = address(t);
	}
	if (fuzz_odds(t, 16))
		m.head.nregions = fuzz_u64(t);
	return dev_ioctl(node_of(t), VHOST_SET_MEM_TABLE,
			 fuzz_odds(t, 32) ? (void *)(uintptr_t)address(t) : &m);
}

static int do_log_base(struct fuzz_thread *t)
{
	uint64_t base = fuzz_odds(t, 3) ? address(t) : (uintptr_t)t->w->log;

	return dev_ioctl(node_of(t), VHOST_SET_LOG_BASE, &base);
}

static int some_event(struct fuzz_thread *t)
{
	switch (fuzz_below(t, 8)) {
	case 0: return -1;
	case 1: return fuzz_below(t, 64);
	case 2: return t->w->sock[fuzz_below(t, FUZZ_SOCKS)];
	default: return t->w->event[fuzz_below(t, FUZZ_EVENTS)];
	}
}

static int do_log_fd(struct fuzz_thread *t)
{
	int fd = some_event(t);

	return dev_ioctl(node_of(t), VHOST_SET_LOG_FD, &fd);
}

static int do_num(struct fuzz_thread *t)
{
	unsigned int num = fuzz_odds(t, 4) ? fuzz_u64(t) >> fuzz_below(t, 32) :
					     1U << fuzz_below(t, 7);

	return dev_vring_state(node_of(t), VHOST_SET_VRING_NUM, index_of(t), num);
}

static int do_base(struct fuzz_thread *t)
{
	unsigned int base;

	if (fuzz_odds(t, 2))
		return dev_vring_base(node_of(t), index_of(t), &base);
	return dev_vring_state(node_of(t), VHOST_SET_VRING_BASE, index_of(t),
			       fuzz_u64(t) >> fuzz_below(t, 64));
}

static void good_addr(struct fuzz_thread *t, unsigned int index, struct vhost_vring_addr *a)
{
	*a = (struct vhost_vring_addr){
		.index = index,
		.desc_user_addr = (uintptr_t)ring_at(t, index),
		.avail_user_addr = (uintptr_t)avail_at(t, index),
		.used_user_addr = (uintptr_t)used_at(t, index),
		.log_guest_addr = MEM_GPA,
	};
}

static int do_addr(struct fuzz_thread *t)
{
	struct vhost_vring_addr a;

	good_addr(t, index_of(t), &a);
	a.flags = fuzz_odds(t, 2) ? 0 : fuzz_odds(t, 8) ? fuzz_u64(t) : 1;
	switch (fuzz_below(t, 6)) {
	case 0: a.desc_user_addr = address(t); break;
	case 1: a.avail_user_addr = address(t); break;
	case 2: a.used_user_addr = address(t); break;
	case 3: a.log_guest_addr = fuzz_u64(t) >> fuzz_below(t, 64); break;
	}
	return dev_ioctl(node_of(t), VHOST_SET_VRING_ADDR, &a);
}

static int do_eventfd(struct fuzz_thread *t)
{
	static const unsigned long req[] = {
		VHOST_SET_VRING_KICK, VHOST_SET_VRING_CALL, VHOST_SET_VRING_ERR,
	};

	return dev_vring_file(node_of(t), req[fuzz_below(t, 3)], index_of(t), some_event(t));
}

static int do_busyloop(struct fuzz_thread *t)
{
	return dev_vring_state(node_of(t), fuzz_odds(t, 4) ? VHOST_GET_VRING_BUSYLOOP_TIMEOUT :
			       VHOST_SET_VRING_BUSYLOOP_TIMEOUT, index_of(t),
			       fuzz_u64(t) >> (32 + fuzz_below(t, 32)));
}

static int some_sock(struct fuzz_thread *t)
{
	switch (fuzz_below(t, 6)) {
	case 0: return t->w->sock[fuzz_below(t, FUZZ_SOCKS)];
	case 1: return fuzz_below(t, 64);
	case 2:
	case 3: return -1;
	default: return t->w->sock[fuzz_below(t, 2)];
	}
}

static int do_backend(struct fuzz_thread *t)
{
	return dev_backend(node_of(t), index_of(t), some_sock(t));
}

/* As a VMM starts a device: what has to be said, in its order. */
static int do_start(struct fuzz_thread *t)
{
	struct vhost_memory_region all = { MEM_GPA, FUZZ_MEM, (uintptr_t)t->w->mem, 0 };
	struct { struct vhost_memory head; struct vhost_memory_region all; } m = {
		.head.nregions = 1, .all = all };
	uint64_t features = F_MODERN | (fuzz_odds(t, 2) ? F_MRG : 0);
	bool iommu = fuzz_odds(t, 3);
	struct vhost_vring_addr a;
	int fd = node_of(t), i, r = 0;

	if (fuzz_odds(t, 8))
		features |= BIT64(VIRTIO_F_RING_PACKED);
	if (iommu)
		features |= BIT64(VIRTIO_F_ACCESS_PLATFORM);
	dev_ioctl(fd, VHOST_SET_OWNER, NULL);
	dev_set_features(fd, features);
	dev_ioctl(fd, VHOST_SET_MEM_TABLE, &m);
	if (iommu)
		map_all(t, fd, true);
	for (i = 0; i < 2; i++) {
		dev_backend(fd, i, -1);
		memset(ring_at(t, i), 0, RING_ROOM);
		good_addr(t, i, &a);
		dev_vring_state(fd, VHOST_SET_VRING_NUM, i, FUZZ_RING);
		dev_vring_state(fd, VHOST_SET_VRING_BASE, i, 0);
		dev_ioctl(fd, VHOST_SET_VRING_ADDR, &a);
		dev_vring_file(fd, VHOST_SET_VRING_KICK, i, t->w->event[i]);
		dev_vring_file(fd, VHOST_SET_VRING_CALL, i, t->w->event[2]);
		r |= dev_backend(fd, i, t->w->sock[0]);
	}
	return r;
}

/* As a driver: every buffer that the device is done with is offered again. */
static int do_refill(struct fuzz_thread *t)
{
	unsigned int ring = fuzz_below(t, 2), i;
	struct vring_desc *d = (void *)ring_at(t, ring);
	struct vring_avail *avail = avail_at(t, ring);

	for (i = 0; i < FUZZ_RING; i++) {
		unsigned int at = BUFFERS + (ring * FUZZ_RING + i) * BUFFER_LEN;

		d[i] = (struct vring_desc){ .addr = MEM_GPA + at, .len = BUFFER_LEN,
					    .flags = ring ? 0 : VRING_DESC_F_WRITE };
		avail->ring[i] = i;
		if (!ring)
			continue;
		memset(t->w->mem + at, 0, 12);
		memcpy(t->w->mem + at + 12, mac_wire, ETH_ALEN);
		memcpy(t->w->mem + at + 12 + ETH_ALEN, mac_guest, ETH_ALEN);
	}
	__atomic_store_n(&avail->idx, used_at(t, ring)->idx + FUZZ_RING, __ATOMIC_RELEASE);
	return answer(eventfd_write(t->w->event[ring], 1));
}

/* As an attacker: descriptors that lie, loop, or lie elsewhere. */
static int do_spoil(struct fuzz_thread *t)
{
	unsigned int ring = fuzz_below(t, 2), n;
	struct vring_desc *d = (void *)ring_at(t, ring);
	struct vring_avail *avail = avail_at(t, ring);

	for (n = fuzz_below(t, 6); n; n--)
		d[fuzz_below(t, FUZZ_RING)] = (struct vring_desc){
			.addr = fuzz_odds(t, 2) ? MEM_GPA + fuzz_below(t, FUZZ_MEM) : fuzz_u64(t),
			.len = fuzz_u64(t) >> (32 + fuzz_below(t, 32)),
			.flags = fuzz_below(t, fuzz_odds(t, 4) ? 65536 : 8),
			.next = fuzz_below(t, FUZZ_RING + 2),
		};
	if (fuzz_odds(t, 4))
		avail->ring[fuzz_below(t, FUZZ_RING)] = fuzz_below(t, FUZZ_RING + 2);
	if (fuzz_odds(t, 4))
		avail->flags = fuzz_u64(t);
	avail->idx += fuzz_odds(t, 8) ? fuzz_u64(t) : fuzz_below(t, 4);
	if (fuzz_odds(t, 8))
		t->w->mem[fuzz_below(t, FUZZ_MEM)] ^= 1 << fuzz_below(t, 8);
	return answer(eventfd_write(t->w->event[ring], 1));
}

/* As a host that is short of memory, or a balloon, or a VMM with bugs. */
static int do_memory(struct fuzz_thread *t)
{
	static const int advice[] = {
		MADV_DONTNEED, MADV_DONTNEED, MADV_MERGEABLE, MADV_UNMERGEABLE,
		MADV_DONTFORK, MADV_DOFORK, MADV_HUGEPAGE, MADV_PAGEOUT,
	};
	uint8_t *at = t->w->mem + (fuzz_below(t, 2 * FUZZ_MEM) & ~4095U);
	size_t len = 4096ULL << fuzz_below(t, 4);

	switch (fuzz_below(t, 6)) {
	case 0:
		/* Only the device writes there. */
		at = t->w->mem + BUFFERS + (fuzz_below(t, FUZZ_RING * BUFFER_LEN) & ~4095U);
		if (mprotect(at, 4096, PROT_READ))
			return -errno;
		sched_yield();
		return answer(mprotect(at, 4096, PROT_READ | PROT_WRITE));
	case 1:
		return mmap(at, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS |
			    MAP_FIXED, -1, 0) == MAP_FAILED ? -errno : 0;
	default:
		return answer(madvise(at, len, advice[fuzz_below(t, 8)]));
	}
}

/* Another process, with the same descriptors and a copy of the memory. */
static int do_child(struct fuzz_thread *t)
{
	int fd = node_of(t), status;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (!pid) {
		uint64_t f;

		t->w->mem[fuzz_below(t, FUZZ_MEM)]++;
		dev_features(fd, &f);
		_exit(!dev_set_mem(fd, &(struct mem){ .count = 0 }));
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) && WEXITSTATUS(status) ? 0 : -EPERM;
}

static int do_file(struct fuzz_thread *t)
{
	int fd = node_of(t);
	char buf[80] = "";
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };
	void *map;

	switch (fuzz_below(t, 4)) {
	case 0: return answer(write(fd, buf, fuzz_below(t, sizeof(buf) + 1)));
	case 1: return answer(poll(&p, 1, 0));
	case 2: return answer(lseek(fd, 1, SEEK_SET));
	}
	map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	return map == MAP_FAILED ? -errno : answer(munmap(map, 4096));
}

/* Any number, or one that there is; any argument. */
static int do_ioctl(struct fuzz_thread *t)
{
	static const unsigned long known[] = {
		VHOST_GET_FEATURES, VHOST_SET_FEATURES, VHOST_SET_MEM_TABLE, VHOST_SET_LOG_BASE,
		VHOST_SET_LOG_FD, VHOST_SET_VRING_NUM, VHOST_SET_VRING_ADDR, VHOST_SET_VRING_BASE,
		VHOST_GET_VRING_BASE, VHOST_SET_VRING_ENDIAN, VHOST_GET_VRING_ENDIAN,
		VHOST_SET_VRING_KICK, VHOST_SET_VRING_CALL, VHOST_SET_VRING_ERR,
		VHOST_SET_VRING_BUSYLOOP_TIMEOUT, VHOST_GET_VRING_BUSYLOOP_TIMEOUT,
		VHOST_SET_BACKEND_FEATURES, VHOST_GET_BACKEND_FEATURES, VHOST_NET_SET_BACKEND,
		VHOST_SET_FEATURES_ARRAY, VHOST_GET_FEATURES_ARRAY,
		VHOST_SET_FORK_FROM_OWNER, VHOST_GET_FORK_FROM_OWNER,
	};
	unsigned long req = known[fuzz_below(t, sizeof(known) / sizeof(known[0]))];
	struct { uint32_t word[16]; } arg;

	if (fuzz_odds(t, 3))
		req = _IOC(fuzz_below(t, 4), VHOST_VIRTIO, fuzz_below(t, 0x90),
			   1U << fuzz_below(t, 6));
	else if (fuzz_odds(t, 8))
		req = fuzz_u64(t) >> 32;
	memset(&arg, (int)fuzz_below(t, 3) - 1, sizeof(arg));
	arg.word[0] = index_of(t);
	return dev_ioctl(node_of(t), req, fuzz_odds(t, 8) ? (void *)-4096L : &arg);
}

static int do_link(struct fuzz_thread *t)
{
	struct ifreq ifr = { .ifr_flags = fuzz_odds(t, 3) ? 0 : IFF_UP };

	strcpy(ifr.ifr_name, fuzz_odds(t, 2) ? UPLINK : "fztap0");
	return answer(ioctl(t->w->sock[4], SIOCSIFFLAGS, &ifr));
}

const struct fuzz_call fuzz_node_calls[] = {
	{ "open", 10, do_open },
	{ "read", 0, do_read },
	{ "close", 3, do_close },
	{ "owner", 6, do_owner },
	{ "reset owner", 2, do_reset },
	{ "features", 6, do_features },
	{ "features array", 2, do_features_array },
	{ "fork from owner", 2, do_fork_from_owner },
	{ "backend feat.", 2, do_backend_features },
	{ "iotlb message", 8, do_iotlb },
	{ "memory table", 6, do_mem_table },
	{ "log base", 4, do_log_base },
	{ "log eventfd", 3, do_log_fd },
	{ "ring size", 4, do_num },
	{ "ring base", 4, do_base },
	{ "ring address", 6, do_addr },
	{ "ring eventfd", 8, do_eventfd },
	{ "busyloop", 2, do_busyloop },
	{ "backend", 6, do_backend },
	{ "start", 10, do_start },
	{ "refill", 20, do_refill },
	{ "spoil", 8, do_spoil },
	{ "memory", 8, do_memory },
	{ "child", 1, do_child },
	{ "file", 3, do_file },
	{ "any ioctl", 4, do_ioctl },
	{ "link", 1, do_link },
};
const unsigned int fuzz_node_count = sizeof(fuzz_node_calls) / sizeof(fuzz_node_calls[0]);
