// SPDX-License-Identifier: GPL-2.0
/*
 * differ_ctl.c - steps that are one ioctl or one system call each.
 *
 * Rings that are started here have nothing in them, so that the worker has
 * nothing to do that would race with what is asked next.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../vmm/ktap.h"
#include "differ.h"

static void answer(struct drun *t, long ret, uint64_t val)
{
	note(t, SAW_ANSWER, ret, ret < 0 ? 0 : val);
}

/* -1, files of each right kind, and of many wrong ones. */
int file_of(struct drun *t, unsigned int kind)
{
	switch (kind) {
	case 0: return -1;
	case 1: return t->ring[0].kick;
	case 2: return t->ring[1].kick;
	case 3: return t->ring[0].call;
	case 4: return t->ring[1].err;
	case 5: return t->w->tap[0];
	case 6: return t->w->tap[1];
	case 7: return -2;
	case 8: return 9999;
	case 9: return t->fd;
	default: return t->w->odd[kind % 8];
	}
}

static void set_u64(struct drun *t, unsigned long req, uint64_t val)
{
	answer(t, dev_ioctl(t->fd, req, &val), 0);
}

static void get_u64(struct drun *t, unsigned long req)
{
	uint64_t val = 0x5555555555555555;
	long ret = dev_ioctl(t->fd, req, &val);

	answer(t, ret, val);
}

static void get_state(struct drun *t, unsigned long req, unsigned int ring)
{
	struct vhost_vring_state s = { .index = ring, .num = 0xdeadbeef };
	long ret = dev_ioctl(t->fd, req, &s);
	bool unsure = req == VHOST_GET_VRING_BASE && ring < 2 && t->moved[ring];

	answer(t, ret, unsure ? 0 : ((uint64_t)s.index << 32) | s.num);
}

/* Kinds of table: good ones, odd ones, and those that are refused. */
static void set_mem(struct drun *t, unsigned int kind, uint64_t val)
{
	struct {
		struct vhost_memory m;
		struct vhost_memory_region r[66];
	} b = { .m.nregions = 1 };
	uint64_t hva = (uintptr_t)ring_part(0, 0);
	unsigned int i;

	for (i = 0; i < 66; i++)
		b.r[i] = (struct vhost_memory_region){ i << 20, 4096, hva, 0 };
	switch (kind) {
	case 0: break;
	case 1: b.m.nregions = 1 + val % 64; break;
	case 2: b.r[0].memory_size = 1 + val % GUEST_SIZE; break;
	case 3: b.r[0].guest_phys_addr = val; break;
	case 4: b.m.nregions = 0; break;
	case 5: b.m.nregions = 65 + val % 2; break;
	case 6: b.m.padding = 1; break;
	case 7: b.r[0].flags_padding = val; break;
	case 8: b.r[0].memory_size = 0; break;
	case 9: b.r[0].userspace_addr = 0xffff888000000000 + val % 4096; break;
	case 10: b.r[0].guest_phys_addr = ~0ULL - val % 4095; break;
	default: b.r[0].memory_size = ~0ULL; break;
	}
	answer(t, dev_ioctl(t->fd, VHOST_SET_MEM_TABLE, &b), 0);
}

static void set_addr(struct drun *t, unsigned int ring, unsigned int kind,
		     uint64_t val)
{
	unsigned int r = ring & 1;
	struct vhost_vring_addr a = {
		.index = ring,
		.desc_user_addr = (uintptr_t)ring_part(r, 0),
		.avail_user_addr = (uintptr_t)ring_part(r, 1),
		.used_user_addr = (uintptr_t)ring_part(r, 2),
		.log_guest_addr = GUEST_GPA,
	};
	__u64 *field[] = { &a.desc_user_addr, &a.avail_user_addr,
			   &a.used_user_addr, &a.log_guest_addr };
	long ret;

	switch (kind) {
	case 0: break;
	case 1: a.flags = 1; break;
	case 2: a.flags = val; break;
	case 3: *field[val % 4] += 1 + val % 15; break;
	case 4: *field[val % 4] = (uintptr_t)nowhere(); break;
	case 5: *field[val % 4] = 0x7ffffffff000; break;
	case 6: *field[val % 4] = 0xffff888000000000; break;
	default: *field[val % 4] = ~0ULL - 15; break;
	}
	ret = dev_ioctl(t->fd, VHOST_SET_VRING_ADDR, &a);
	answer(t, ret, 0);
	if (!ret)
		t->plain_addr[r] = kind < 2;
}

static void set_base(struct drun *t, unsigned int ring, unsigned int val)
{
	long ret = dev_vring_state(t->fd, VHOST_SET_VRING_BASE, ring, val);

	answer(t, ret, 0);
	if (ret || ring > 1)
		return;
	t->set_base[ring] = val;
	t->moved[ring] = false;
}

static void set_backend(struct drun *t, unsigned int ring, int file)
{
	long ret = dev_backend(t->fd, ring, file);

	answer(t, ret, 0);
	if (!ret && ring < 2 && file != -1 &&
	    (t->set_base[ring] || !t->plain_addr[ring]))
		t->moved[ring] = true;
}

static void reset(struct drun *t)
{
	long ret = dev_ioctl(t->fd, VHOST_RESET_OWNER, NULL);

	answer(t, ret, 0);
	if (ret)
		return;
	memset(t->moved, 0, sizeof(t->moved));
	memset(t->plain_addr, 0, sizeof(t->plain_addr));
	memset(t->set_base, 0, sizeof(t->set_base));
}

static const unsigned long requests[] = {
	VHOST_GET_FEATURES, VHOST_SET_FEATURES, VHOST_SET_MEM_TABLE,
	VHOST_SET_LOG_BASE, VHOST_SET_LOG_FD, VHOST_SET_VRING_NUM,
	VHOST_SET_VRING_ADDR, VHOST_SET_VRING_BASE, VHOST_GET_VRING_BASE,
	VHOST_SET_VRING_KICK, VHOST_SET_VRING_CALL, VHOST_SET_VRING_ERR,
	VHOST_SET_VRING_ENDIAN, VHOST_GET_VRING_ENDIAN,
	VHOST_SET_VRING_BUSYLOOP_TIMEOUT, VHOST_GET_VRING_BUSYLOOP_TIMEOUT,
	VHOST_SET_BACKEND_FEATURES, VHOST_GET_BACKEND_FEATURES,
	VHOST_NET_SET_BACKEND, VHOST_GET_FORK_FROM_OWNER,
};

/* A request with an argument that cannot be read or written. */
static void bad_pointer(struct drun *t, unsigned int which, unsigned int kind)
{
	void *p[] = { NULL, nowhere(), (void *)0xffff888000000000UL,
		      (void *)-8L };

	answer(t, dev_ioctl(t->fd, requests[which % 20], p[kind % 4]), 0);
}

static void unknown(struct drun *t, unsigned int which, uint32_t index)
{
	const unsigned long req[] = {
		0xaf7f, 0, 0x5401, VHOST_SCSI_SET_ENDPOINT,
		VHOST_VSOCK_SET_RUNNING, VHOST_VDPA_GET_STATUS,
		VHOST_NEW_WORKER, VHOST_FREE_WORKER, VHOST_ATTACH_VRING_WORKER,
		VHOST_GET_VRING_WORKER, _IOW(VHOST_VIRTIO, 0x10, uint32_t),
		VHOST_GET_VRING_ENDIAN,
	};
	uint32_t arg[32] = { index };

	answer(t, dev_ioctl(t->fd, req[which % 12], arg), arg[0]);
}

static void file_call(struct drun *t, unsigned int kind)
{
	struct pollfd p = { .fd = t->fd, .events = POLLIN | POLLOUT };
	char buf[128] = { 0 };
	ssize_t n = 0;

	NEED(!fcntl(t->fd, F_SETFL, O_RDWR | (kind & 1 ? O_NONBLOCK : 0)));
	switch (kind / 2 % 4) {
	case 0:
		n = read(t->fd, buf, sizeof(buf));
		break;
	case 1:
		n = read(t->fd, buf, kind % 72);
		break;
	case 2:
		buf[0] = kind % 3;
		n = write(t->fd, buf, kind % sizeof(buf));
		break;
	default:
		n = poll(&p, 1, 0);
		buf[0] = p.revents;
	}
	answer(t, n < 0 ? -errno : n, buf[0]);
}

/* Another process has another memory: it is not the owner. */
static void stranger(struct drun *t, const struct dstep *s)
{
	int status;
	pid_t pid = fork();

	NEED(pid >= 0);
	if (!pid) {
		int r;

		ktap_child();
		if (s->n % 3 == 0)
			r = dev_vring_state(t->fd, VHOST_SET_VRING_NUM,
					    s->ring, 8);
		else if (s->n % 3 == 1)
			r = dev_backend(t->fd, s->ring, -1);
		else
			r = dev_ioctl(t->fd, VHOST_RESET_OWNER, NULL);
		_exit(-r);
	}
	NEED(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	answer(t, -WEXITSTATUS(status), 0);
}

static void get_array(struct drun *t, uint64_t count)
{
	uint64_t a[3] = { count };
	long ret = dev_ioctl(t->fd, VHOST_GET_FEATURES_ARRAY, a);

	answer(t, ret, a[1]);
}

static void fork_owner(struct drun *t, const struct dstep *s)
{
	uint8_t kind = s->val;
	long ret;

	if (s->op == OP_FORK) {
		answer(t, dev_ioctl(t->fd, VHOST_SET_FORK_FROM_OWNER, &kind),
		       0);
		return;
	}
	ret = dev_ioctl(t->fd, VHOST_GET_FORK_FROM_OWNER, &kind);
	answer(t, ret, kind);
}

static void state(struct drun *t, unsigned long req, const struct dstep *s)
{
	answer(t, dev_vring_state(t->fd, req, s->ring, s->val), 0);
}

static void vring_file(struct drun *t, unsigned long req, const struct dstep *s)
{
	answer(t, dev_vring_file(t->fd, req, s->ring, file_of(t, s->n)), 0);
}

static void device_step(struct drun *t, const struct dstep *s)
{
	int file;

	switch (s->op) {
	case OP_OWNER:
		answer(t, dev_ioctl(t->fd, VHOST_SET_OWNER, NULL), 0);
		break;
	case OP_RESET: reset(t); break;
	case OP_FEATURES: set_u64(t, VHOST_SET_FEATURES, s->val); break;
	case OP_GET_FEATURES: get_u64(t, VHOST_GET_FEATURES); break;
	case OP_BACKEND_FEATURES:
		set_u64(t, VHOST_SET_BACKEND_FEATURES, s->val);
		break;
	case OP_GET_BACKEND_FEATURES:
		get_u64(t, VHOST_GET_BACKEND_FEATURES);
		break;
	case OP_ARRAY: get_array(t, s->val); break;
	case OP_MEM: set_mem(t, s->n, s->val); break;
	case OP_LOG_BASE: set_u64(t, VHOST_SET_LOG_BASE, s->val); break;
	case OP_LOG_FD:
		file = file_of(t, s->n);
		answer(t, dev_ioctl(t->fd, VHOST_SET_LOG_FD, &file), 0);
		break;
	case OP_POINTER: bad_pointer(t, s->n, s->val); break;
	case OP_UNKNOWN: unknown(t, s->n, s->val); break;
	case OP_FILE: file_call(t, s->n); break;
	case OP_STRANGER: stranger(t, s); break;
	default: fork_owner(t, s);
	}
}

void ctl_step(struct drun *t, const struct dstep *s)
{
	switch (s->op) {
	case OP_NUM: state(t, VHOST_SET_VRING_NUM, s); break;
	case OP_BASE: set_base(t, s->ring, s->val); break;
	case OP_GET_BASE: get_state(t, VHOST_GET_VRING_BASE, s->ring); break;
	case OP_ADDR: set_addr(t, s->ring, s->n, s->val); break;
	case OP_KICK_FD: vring_file(t, VHOST_SET_VRING_KICK, s); break;
	case OP_CALL_FD: vring_file(t, VHOST_SET_VRING_CALL, s); break;
	case OP_ERR_FD: vring_file(t, VHOST_SET_VRING_ERR, s); break;
	case OP_BUSYLOOP:
		state(t, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, s);
		break;
	case OP_GET_BUSYLOOP:
		get_state(t, VHOST_GET_VRING_BUSYLOOP_TIMEOUT, s->ring);
		break;
	case OP_ENDIAN: state(t, VHOST_SET_VRING_ENDIAN, s); break;
	case OP_BACKEND: set_backend(t, s->ring, file_of(t, s->n)); break;
	default: device_step(t, s);
	}
}
