// SPDX-License-Identifier: GPL-2.0
/*
 * compat_run.c - backends, write logging, and whole lives of a device.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../vmm/ktap.h"
#include "../vmm/wire.h"
#include "compat.h"

static int packet_socket(int type, bool bound)
{
	struct sockaddr_ll a = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = net_ifindex("lo"),
	};
	int fd = socket(AF_PACKET, type | SOCK_CLOEXEC, 0);

	NEED(fd >= 0);
	NEED(!bound || !bind(fd, (struct sockaddr *)&a, sizeof(a)));
	return fd;
}

/* Every kind of file that is no backend, then those that are. */
static void backend_files(struct run *t)
{
	int unix_pair[2], null = open("/dev/null", O_RDWR | O_CLOEXEC);
	const int fds[] = {
		-2, 9999, null, t->fd, t->ring[0].kick,
		socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0),
		socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
		socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_UDP),
		socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0),
		open("/dev/net/tun", O_RDWR | O_CLOEXEC),
		packet_socket(SOCK_DGRAM, false),
		packet_socket(SOCK_DGRAM, true),
		packet_socket(SOCK_RAW, false),
		packet_socket(SOCK_RAW, true),
		tap_open("abitap1", 0, 0),
		tap_open("abitap2", IFF_VNET_HDR, 12),
	};
	unsigned int i, k, n = sizeof(fds) / sizeof(fds[0]);

	NEED(!socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, unix_pair));
	run_setup(t);
	for (k = 0; k < 2; k++) {
		step_note(t, dev_backend(t->fd, k, unix_pair[0]), 0,
			  "backend pair ring %u", k);
		for (i = 0; i < n; i++)
			step_note(t, dev_backend(t->fd, k, fds[i]), 0,
				  "backend file %u ring %u", i, k);
		step_note(t, dev_backend(t->fd, k, -1), 0, "unbind");
	}
	for (i = 2; i < n; i++)
		if (fds[i] != t->fd && fds[i] != t->ring[0].kick)
			close(fds[i]);
	close(unix_pair[0]);
	close(unix_pair[1]);
}

static void backend_early(struct run *t)
{
	struct vhost_vring_addr a = run_addr(t, 0);

	IO(t, VHOST_SET_OWNER, NULL);
	BACKEND(t, 0, -1);
	BACKEND(t, 0, -1);
	BACKEND(t, 0, t->tap);
	BACKEND(t, 0, -1);
	FEATURES(t, BIT64(VIRTIO_F_VERSION_1));
	BACKEND(t, 0, t->tap);
	STATE(t, VHOST_SET_VRING_NUM, 0, 16);
	BACKEND(t, 0, t->tap);
	ADDR(t, &a);
	/* The rings are readable, but there is no memory table. */
	BACKEND(t, 0, t->tap);
	BACKEND(t, 0, -1);
	step_note(t, dev_set_mem(t->fd, &t->mem), 0, "memory table");
	/* No eventfd at all is allowed: a guest may be polled for. */
	BACKEND(t, 0, t->tap);
	GET_STATE(t, VHOST_GET_VRING_BASE, 0);
	BACKEND(t, 0, -1);
	BACKEND(t, 0, -1);
	BACKEND(t, 0, t->tap);
	BACKEND(t, 0, t->tap);
	BACKEND(t, 1, t->tap);
}

/* One of the ring's three parts lies where nothing is mapped. */
static void backend_unmapped(struct run *t)
{
	uint64_t none = (uintptr_t)unmapped_page();
	struct vhost_vring_addr a;
	unsigned int i;

	run_setup(t);
	for (i = 0; i < 4; i++) {
		a = run_addr(t, 0);
		if (i == 0 || i == 3)
			a.desc_user_addr = none;
		if (i == 1 || i == 3)
			a.avail_user_addr = none;
		if (i == 2 || i == 3)
			a.used_user_addr = none;
		ADDR(t, &a);
		step_note(t, dev_backend(t->fd, 0, t->tap), 0,
			  "backend, unmapped part %u", i);
		step_note(t, dev_backend(t->fd, 0, -1), 0, "unbind");
	}
	a = run_addr(t, 0);
	ADDR(t, &a);
	BACKEND(t, 0, t->tap);
}

/* used is mapped for reading only. */
static void backend_readonly(struct run *t)
{
	struct vhost_vring_addr a = run_addr(t, 0);
	void *ro = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);

	NEED(ro != MAP_FAILED);
	run_setup(t);
	a.used_user_addr = (uintptr_t)ro;
	ADDR(t, &a);
	BACKEND(t, 0, t->tap);
	BACKEND(t, 0, -1);
	munmap(ro, 4096);
}

static void backend_swap(struct run *t)
{
	int other = tap_open("abitap1", IFF_VNET_HDR, 12);

	run_setup(t);
	BACKEND(t, 0, t->tap);
	BACKEND(t, 1, t->tap);
	BACKEND(t, 0, other);
	BACKEND(t, 1, other);
	BACKEND(t, 0, -1);
	BACKEND(t, 1, t->tap);
	BACKEND(t, 0, 9999);
	BACKEND(t, 1, 9999);
	GET_STATE(t, VHOST_GET_VRING_BASE, 1);
	BACKEND(t, 1, -1);
	BACKEND(t, 1, -1);
	close(other);
}

static void one_queue_only(struct run *t)
{
	run_setup(t);
	BACKEND(t, 1, t->tap);
	BACKEND(t, 1, -1);
	BACKEND(t, 0, t->tap);
	BACKEND(t, 0, -1);
	BACKEND(t, 1, t->tap);
}

static void restart(struct run *t)
{
	unsigned int round, i;

	run_setup(t);
	for (round = 0; round < 3; round++) {
		BACKEND(t, 0, t->tap);
		BACKEND(t, 1, t->tap);
		BACKEND(t, 0, -1);
		BACKEND(t, 1, -1);
		for (i = 0; i < 2; i++) {
			struct vhost_vring_addr a = run_addr(t, i);

			GET_STATE(t, VHOST_GET_VRING_BASE, i);
			STATE(t, VHOST_SET_VRING_NUM, i, 16);
			STATE(t, VHOST_SET_VRING_BASE, i, 0);
			ADDR(t, &a);
			VFILE(t, VHOST_SET_VRING_CALL, i, -1);
			VFILE(t, VHOST_SET_VRING_CALL, i, t->ring[i].call);
			VFILE(t, VHOST_SET_VRING_KICK, i, t->ring[i].kick);
		}
	}
	IO(t, VHOST_RESET_OWNER, NULL);
	STATE(t, VHOST_SET_VRING_NUM, 0, 16);
}

/* As the traces of QEMU's migration have it, and then wrong in each place. */
static void log_base(struct run *t)
{
	uint8_t *log = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t bases[] = { (uintptr_t)log, 0, (uintptr_t)log + 1,
			     0x7ffffffff000, 0x800000000000,
			     0xffff888000000000, ~0ULL,
			     (uintptr_t)unmapped_page() };
	unsigned int i, k;

	NEED(log != MAP_FAILED);
	IO(t, VHOST_SET_OWNER, NULL);
	for (k = 0; k < 3; k++) {
		for (i = 0; i < sizeof(bases) / sizeof(bases[0]); i++)
			step_note(t, dev_ioctl(t->fd, VHOST_SET_LOG_BASE,
					       &bases[i]), 0,
				  "log base %u, pass %u", i, k);
		FEATURES(t, BIT64(VHOST_F_LOG_ALL));
		FEATURES(t, 0);
		if (k == 0)
			step_note(t, dev_set_mem(t->fd, &t->mem), 0, "memory");
		if (k == 1)
			step_note(t, dev_ioctl(t->fd, VHOST_SET_LOG_BASE,
					       &bases[0]), 0, "log base");
	}
	munmap(log, 1 << 20);
}

static void log_running(struct run *t)
{
	uint8_t *log = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t base = (uintptr_t)log, wrong = 1ULL << 45;	/* nothing is there */
	struct vhost_vring_addr a = run_addr(t, 0);

	NEED(log != MAP_FAILED);
	run_setup(t);
	BACKEND(t, 0, t->tap);
	BACKEND(t, 1, t->tap);
	FEATURES(t, BIT64(VIRTIO_F_VERSION_1) | BIT64(VHOST_F_LOG_ALL));
	IO(t, VHOST_SET_LOG_BASE, &base);
	FEATURES(t, BIT64(VIRTIO_F_VERSION_1) | BIT64(VHOST_F_LOG_ALL));
	IO(t, VHOST_SET_LOG_BASE, &wrong);
	a.flags = 1;
	a.log_guest_addr = mem_gpa(&t->mem, t->ring[0].used);
	ADDR(t, &a);
	a.log_guest_addr = ~0ULL - 3;
	step_note(t, dev_ioctl(t->fd, VHOST_SET_VRING_ADDR, &a), 0,
		  "used ring logged at the end of all");
	a.log_guest_addr = 1ULL << 50;
	ADDR(t, &a);
	step_note(t, dev_set_mem(t->fd, &t->mem), 0, "memory table");
	BACKEND(t, 0, -1);
	step_note(t, dev_backend(t->fd, 0, t->tap), 0,
		  "backend with a log that is not there");
	FEATURES(t, BIT64(VIRTIO_F_VERSION_1));
	a.flags = 0;
	ADDR(t, &a);
	IO(t, VHOST_SET_LOG_BASE, &wrong);
	munmap(log, 1 << 20);
}

static void log_fd(struct run *t)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int fds[] = { -1, -2, 9999, null, t->tap, t->ring[0].kick,
		      t->ring[0].kick, t->ring[0].call, -1, -1 };
	unsigned int i;

	IO(t, VHOST_SET_LOG_FD, &null);
	IO(t, VHOST_SET_OWNER, NULL);
	for (i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		step_note(t, dev_ioctl(t->fd, VHOST_SET_LOG_FD, &fds[i]), 0,
			  "log fd %u", i);
	close(null);
}

const struct scenario scenarios_run[] = {
	{ "backend: kinds of file", backend_files },
	{ "backend: too early", backend_early },
	{ "backend: unmapped ring", backend_unmapped },
	{ "backend: read-only used ring", backend_readonly },
	{ "backend: swapped", backend_swap },
	{ "backend: one queue only", one_queue_only },
	{ "start, stop, restart", restart },
	{ "log base", log_base },
	{ "log while running", log_running },
	{ "log eventfd", log_fd },
	{ 0 }
};
