// SPDX-License-Identifier: GPL-2.0
/*
 * compat_setup.c - the device as a whole: owner, features, arguments that
 * cannot be read, memory table, and what an open file does besides.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../vmm/ktap.h"
#include "compat.h"

static void before_owner(struct run *t)
{
	struct vhost_vring_addr a = run_addr(t, 0);
	uint64_t u = 0;

	IO(t, VHOST_RESET_OWNER, NULL);
	step_note(t, dev_set_mem(t->fd, &t->mem), 0, "memory table");
	STATE(t, VHOST_SET_VRING_NUM, 0, 16);
	STATE(t, VHOST_SET_VRING_BASE, 0, 0);
	GET_STATE(t, VHOST_GET_VRING_BASE, 0);
	ADDR(t, &a);
	VFILE(t, VHOST_SET_VRING_KICK, 0, t->ring[0].kick);
	VFILE(t, VHOST_SET_VRING_CALL, 0, t->ring[0].call);
	VFILE(t, VHOST_SET_VRING_ERR, 0, -1);
	STATE(t, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, 0, 1);
	GET_STATE(t, VHOST_GET_VRING_BUSYLOOP_TIMEOUT, 0);
	IO(t, VHOST_SET_LOG_BASE, &u);
	IO(t, VHOST_SET_LOG_FD, &u);
	BACKEND(t, 0, t->tap);
	BACKEND(t, 0, -1);
	BACKEND(t, 2, t->tap);
	IO(t, 0xaf7f, NULL);
	FEATURES(t, BIT64(VIRTIO_F_VERSION_1));
	FEATURES(t, BIT64(63));
	u = 2;
	step_note(t, dev_ioctl(t->fd, VHOST_SET_BACKEND_FEATURES, &u), 0,
		  "VHOST_SET_BACKEND_FEATURES(2)");
	IO(t, VHOST_SET_OWNER, NULL);
}

static void owner(struct run *t)
{
	int status;
	pid_t pid;

	IO(t, VHOST_SET_OWNER, NULL);
	IO(t, VHOST_SET_OWNER, NULL);
	STATE(t, VHOST_SET_VRING_NUM, 0, 16);
	STATE(t, VHOST_SET_VRING_BASE, 0, 7);
	IO(t, VHOST_RESET_OWNER, NULL);
	IO(t, VHOST_RESET_OWNER, NULL);
	STATE(t, VHOST_SET_VRING_NUM, 0, 16);
	IO(t, VHOST_SET_OWNER, 1);
	GET_STATE(t, VHOST_GET_VRING_BASE, 0);
	/* Another process has another memory: it is not the owner. */
	pid = fork();
	NEED(pid >= 0);
	if (!pid)
		_exit(-dev_vring_state(t->fd, VHOST_SET_VRING_NUM, 0, 8));
	NEED(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	step_note(t, -WEXITSTATUS(status), 0, "VRING_NUM by another process");
	pid = fork();
	NEED(pid >= 0);
	if (!pid)
		_exit(-dev_ioctl(t->fd, VHOST_SET_OWNER, NULL));
	NEED(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	step_note(t, -WEXITSTATUS(status), 0, "SET_OWNER by another process");
}

static void reset_while_running(struct run *t)
{
	run_setup(t);
	BACKEND(t, 0, t->tap);
	BACKEND(t, 1, t->tap);
	IO(t, VHOST_RESET_OWNER, NULL);
	BACKEND(t, 0, -1);
	run_setup(t);
	BACKEND(t, 0, t->tap);
	BACKEND(t, 1, t->tap);
	GET_STATE(t, VHOST_GET_VRING_BASE, 0);
}

static void features(struct run *t)
{
	uint64_t f = 0;
	int i, r;

	r = dev_features(t->fd, &f);
	step_note(t, r, f, "VHOST_GET_FEATURES");
	/* Each bit alone; what is only ours or only theirs shows. */
	for (i = 0; i < 64; i++)
		step_note(t, dev_set_features(t->fd, BIT64(i)), 0,
			  "VHOST_SET_FEATURES(bit %d)", i);
	FEATURES(t, 0);
	FEATURES(t, ~0ULL);
	FEATURES(t, 0x1013d008000ULL);
	f = 0;
	r = dev_ioctl(t->fd, VHOST_GET_BACKEND_FEATURES, &f);
	step_note(t, r, f, "VHOST_GET_BACKEND_FEATURES");
	f = 2;
	step_note(t, dev_ioctl(t->fd, VHOST_SET_BACKEND_FEATURES, &f), 0,
		  "VHOST_SET_BACKEND_FEATURES(2)");
	f = 4;
	step_note(t, dev_ioctl(t->fd, VHOST_SET_BACKEND_FEATURES, &f), 0,
		  "VHOST_SET_BACKEND_FEATURES(4)");
	f = 0;
	step_note(t, dev_ioctl(t->fd, VHOST_SET_BACKEND_FEATURES, &f), 0,
		  "VHOST_SET_BACKEND_FEATURES(0)");
}

static void get_fork(struct run *t)
{
	uint8_t kind = 0xee;
	int r = dev_ioctl(t->fd, VHOST_GET_FORK_FROM_OWNER, &kind);

	step_note(t, r, kind, "VHOST_GET_FORK_FROM_OWNER");
}

static void set_fork(struct run *t, uint8_t kind)
{
	step_note(t, dev_ioctl(t->fd, VHOST_SET_FORK_FROM_OWNER, &kind), 0,
		  "VHOST_SET_FORK_FROM_OWNER(%u)", kind);
	get_fork(t);
}

/* A whole life with a kernel thread as worker, and what may not be asked for. */
static void fork_from_owner(struct run *t)
{
	IO(t, VHOST_SET_FORK_FROM_OWNER, unmapped_page());
	IO(t, VHOST_GET_FORK_FROM_OWNER, unmapped_page());
	get_fork(t);
	set_fork(t, 2);
	set_fork(t, 255);
	set_fork(t, VHOST_FORK_OWNER_TASK);
	set_fork(t, VHOST_FORK_OWNER_KTHREAD);
	run_setup(t);
	set_fork(t, VHOST_FORK_OWNER_TASK);
	IO(t, VHOST_SET_FORK_FROM_OWNER, unmapped_page());
	BACKEND(t, 0, t->tap);
	BACKEND(t, 1, t->tap);
	get_fork(t);
	IO(t, VHOST_RESET_OWNER, NULL);
	get_fork(t);
	run_setup(t);
	BACKEND(t, 0, t->tap);
}

static const unsigned long all[] = {
	VHOST_GET_FEATURES, VHOST_SET_FEATURES, VHOST_SET_MEM_TABLE,
	VHOST_SET_LOG_BASE, VHOST_SET_LOG_FD, VHOST_SET_VRING_NUM,
	VHOST_SET_VRING_ADDR, VHOST_SET_VRING_BASE, VHOST_GET_VRING_BASE,
	VHOST_SET_VRING_KICK, VHOST_SET_VRING_CALL, VHOST_SET_VRING_ERR,
	VHOST_SET_VRING_ENDIAN, VHOST_GET_VRING_ENDIAN,
	VHOST_SET_VRING_BUSYLOOP_TIMEOUT, VHOST_GET_VRING_BUSYLOOP_TIMEOUT,
	VHOST_SET_BACKEND_FEATURES, VHOST_GET_BACKEND_FEATURES,
	VHOST_NET_SET_BACKEND,
};

/* An argument of which the first 4 bytes, the index, can be read. */
static void *cut_off(void)
{
	static uint8_t *p;

	if (!p) {
		p = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		NEED(p != MAP_FAILED && !mprotect(p + 4096, 4096, PROT_NONE));
	}
	return p + 4096 - 4;
}

static void bad_arguments(struct run *t)
{
	void *where[] = { NULL, unmapped_page(), cut_off(),
			  (void *)0xffff888000000000UL, (void *)-8L };
	unsigned int i, k, pass;

	for (pass = 0; pass < 2; pass++) {
		for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
			for (k = 0; k < 5; k++)
				step_note(t, dev_ioctl(t->fd, all[i],
						       where[k]), 0,
					  "ioctl %#lx argument %u pass %u",
					  all[i], k, pass);
		if (!pass)
			IO(t, VHOST_SET_OWNER, NULL);
	}
}

static void unknown(struct run *t)
{
	uint64_t arg[16] = { 0 };
	unsigned int nr;

	for (nr = 0; nr < 2; nr++) {
		IO(t, 0xaf7f, arg);
		IO(t, 0, arg);
		IO(t, 0x5401, arg);
		IO(t, VHOST_SCSI_SET_ENDPOINT, arg);
		IO(t, VHOST_VSOCK_SET_RUNNING, arg);
		IO(t, VHOST_VDPA_GET_STATUS, arg);
		IO(t, VHOST_NEW_WORKER, arg);
		IO(t, VHOST_FREE_WORKER, arg);
		IO(t, VHOST_ATTACH_VRING_WORKER, arg);
		IO(t, VHOST_GET_VRING_WORKER, arg);
		IO(t, _IOR(VHOST_VIRTIO, 0x83, uint32_t), arg);
		IO(t, _IOW(VHOST_VIRTIO, 0x84, uint64_t), arg);
		IO(t, _IOW(VHOST_VIRTIO, 0x10, uint32_t), arg);
		arg[0] = 2;	/* no such ring */
		IO(t, 0xaf7f, arg);
		arg[0] = 0;
		if (!nr)
			IO(t, VHOST_SET_OWNER, NULL);
	}
}

static bool is_known(unsigned long request)
{
	static const unsigned long more[] = {
		VHOST_SET_OWNER, VHOST_RESET_OWNER,
		VHOST_GET_FEATURES_ARRAY, VHOST_SET_FEATURES_ARRAY,
		VHOST_GET_FORK_FROM_OWNER, VHOST_SET_FORK_FROM_OWNER,
	};
	unsigned int i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i] == request)
			return true;
	for (i = 0; i < sizeof(more) / sizeof(more[0]); i++)
		if (more[i] == request)
			return true;
	return false;
}

/*
 * Whatever else has vhost's number, in every direction and likely size: a kernel whose
 * vhost-net has learnt another ioctl is told from this module by it.
 */
static void every_number(struct run *t)
{
	static const unsigned int size[] = { 0, 1, 4, 8, 16, 24, 40 };
	unsigned long request;
	unsigned int nr, dir, i;
	uint64_t arg[16], fold;

	for (nr = 0; nr < 256; nr++) {
		fold = 0;
		for (dir = 0; dir < 4; dir++) {
			for (i = 0; i < sizeof(size) / sizeof(size[0]); i++) {
				request = _IOC(dir, VHOST_VIRTIO, nr, size[i]);
				if (is_known(request))
					continue;
				memset(arg, 0, sizeof(arg));
				fold = fold * 31 - dev_ioctl(t->fd, request, arg);
			}
		}
		step_note(t, 0, fold, "ioctl number %#x", nr);
	}
}

static void every_number_owned(struct run *t)
{
	NEED(!dev_ioctl(t->fd, VHOST_SET_OWNER, NULL));
	every_number(t);
}

/* A memory table with room for more regions than are allowed. */
struct table {
	struct vhost_memory m;
	struct vhost_memory_region r[70];
};

static struct vhost_memory *one(struct table *b, uint64_t gpa, uint64_t size,
				uint64_t hva)
{
	memset(b, 0, sizeof(*b));
	b->m.nregions = 1;
	b->r[0].guest_phys_addr = gpa;
	b->r[0].memory_size = size;
	b->r[0].userspace_addr = hva;
	return &b->m;
}

static struct vhost_memory *many(struct run *t, struct table *b, unsigned int n)
{
	unsigned int i;

	memset(b, 0, sizeof(*b));
	b->m.nregions = n;
	for (i = 0; i < n && i < 70; i++) {
		b->r[i].guest_phys_addr = 0x100000ULL * i;
		b->r[i].memory_size = 4096;
		b->r[i].userspace_addr = (uintptr_t)t->mem.region[0].hva;
	}
	return &b->m;
}

static void mem_table_shape(struct run *t)
{
	uint64_t hva = (uintptr_t)t->mem.region[0].hva;
	struct table b;
	unsigned int n[] = { 0, 1, 2, 63, 64, 65, 70, 0x7fffffff, 0xffffffff };
	unsigned int i;

	IO(t, VHOST_SET_OWNER, NULL);
	for (i = 0; i < sizeof(n) / sizeof(n[0]); i++)
		step_note(t, dev_ioctl(t->fd, VHOST_SET_MEM_TABLE,
				       many(t, &b, n[i])), 0,
			  "memory table of %u regions", n[i]);
	one(&b, 0, 4096, hva)->padding = 1;
	MEMTABLE(t, &b);
	one(&b, 0, 4096, hva)->regions[0].flags_padding = 1;
	MEMTABLE(t, &b);
	/* The header can be read, the regions cannot. */
	{
		struct vhost_memory *m = (void *)((uint8_t *)cut_off() - 4);

		m->nregions = 1;
		m->padding = 0;
		MEMTABLE(t, m);
	}
}

static void mem_values(struct run *t)
{
	uint64_t hva = (uintptr_t)t->mem.region[0].hva;
	const uint64_t end = user_end();
	const struct { const char *what; uint64_t gpa, size, hva; } v[] = {
		{ "no bytes at 0", 0, 0, hva },
		{ "no bytes at 4096", 0x1000, 0, hva },
		{ "one byte", 0, 1, hva },
		{ "odd", 5, 4097, hva + 3 },
		{ "the last byte", ~0ULL, 1, hva },
		{ "the last page", ~0ULL - 4095, 4096, hva },
		{ "one more than the last page", ~0ULL - 4095, 4097, hva },
		{ "gpa that wraps", ~0ULL, 4096, hva },
		{ "all bytes, hva 0", 0, ~0ULL, 0 },
		{ "all bytes", 0, ~0ULL, hva },
		{ "all bytes from 1", 1, ~0ULL, 1 },
		{ "2^46 bytes, hva 0", 0, 1ULL << 46, 0 },
		{ "all that a user has, hva 0", 0, end - 4096, 0 },
		{ "more than a user has, hva 0", 0, end + 8192, 0 },
		{ "2^62 bytes, hva 0", 0, 1ULL << 62, 0 },
		{ "hva 0", 0, 4096, 0 },
		{ "the last user pages", 0, 4096, end - 8192 },
		{ "behind the last user page", 0, 4096, end + 4096 },
		{ "kernel address", 0, 4096, 0xffff888000000000UL },
		{ "hva that wraps", 0, 4096, ~0ULL },
		{ "unmapped", 0, 4096, (uintptr_t)unmapped_page() },
	};
	struct table b;
	unsigned int i;

	for (i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		step_note(t, dev_ioctl(t->fd, VHOST_SET_MEM_TABLE,
				       one(&b, v[i].gpa, v[i].size,
					   v[i].hva)), 0, "%s", v[i].what);
}

static void mem_table_values(struct run *t)
{
	IO(t, VHOST_SET_OWNER, NULL);
	mem_values(t);
}

static void mem_table_running(struct run *t)
{
	run_setup(t);
	BACKEND(t, 0, t->tap);
	BACKEND(t, 1, t->tap);
	mem_values(t);
}

static void mem_table_overlap(struct run *t)
{
	uint64_t hva = (uintptr_t)t->mem.region[0].hva;
	const struct { uint64_t gpa, size; } second[] = {
		{ 0x10000, 0x10000 }, { 0x11000, 0x1000 }, { 0x8000, 0x20000 },
		{ 0x1f000, 0x2000 }, { 0xf000, 0x1001 }, { 0xf000, 0x1000 },
		{ 0x20000, 0x1000 },
	};
	struct table b;
	unsigned int i;

	IO(t, VHOST_SET_OWNER, NULL);
	for (i = 0; i < sizeof(second) / sizeof(second[0]); i++) {
		one(&b, 0x10000, 0x10000, hva)->nregions = 2;
		b.r[1].guest_phys_addr = second[i].gpa;
		b.r[1].memory_size = second[i].size;
		b.r[1].userspace_addr = hva;
		step_note(t, dev_ioctl(t->fd, VHOST_SET_MEM_TABLE, &b), 0,
			  "memory table, overlap %u", i);
	}
}

static void file_operations(struct run *t)
{
	struct pollfd p = { .fd = t->fd, .events = POLLIN | POLLOUT };
	char buf[128] = { 0 };
	unsigned int i;
	ssize_t n;

	NEED(!fcntl(t->fd, F_SETFL, O_RDWR | O_NONBLOCK));
	for (i = 0; i < 2; i++) {
		n = poll(&p, 1, 0);
		step_note(t, n, p.revents, "poll");
		n = read(t->fd, buf, sizeof(buf));
		step_note(t, n < 0 ? -errno : n, 0, "read");
		n = read(t->fd, buf, 0);
		step_note(t, n < 0 ? -errno : n, 0, "read nothing");
		n = write(t->fd, buf, sizeof(buf));
		step_note(t, n < 0 ? -errno : n, 0, "write");
		n = write(t->fd, buf, 3);
		step_note(t, n < 0 ? -errno : n, 0, "write 3 bytes");
		n = write(t->fd, buf, 0);
		step_note(t, n < 0 ? -errno : n, 0, "write nothing");
		n = lseek(t->fd, 100, SEEK_SET);
		step_note(t, n < 0 ? -errno : 0, 0, "lseek");
		n = mmap(NULL, 4096, PROT_READ, MAP_SHARED, t->fd, 0) ==
		    MAP_FAILED ? -errno : 0;
		step_note(t, n, 0, "mmap");
		if (!i)
			run_setup(t);
	}
}

const struct scenario scenarios_setup[] = {
	{ "before the owner", before_owner },
	{ "owner", owner },
	{ "reset while running", reset_while_running },
	{ "features", features },
	{ "fork from owner", fork_from_owner },
	{ "bad arguments", bad_arguments },
	{ "unknown ioctls", unknown },
	{ "every ioctl number", every_number },
	{ "every ioctl number, with an owner", every_number_owned },
	{ "memory table: shape", mem_table_shape },
	{ "memory table: values", mem_table_values },
	{ "memory table: values, running", mem_table_running },
	{ "memory table: overlap", mem_table_overlap },
	{ "file operations", file_operations },
	{ 0 }
};

static void get_array(struct run *t, uint64_t count)
{
	uint64_t a[67];
	unsigned int i;
	long ret;

	memset(a, 0xee, sizeof(a));
	a[0] = count;
	ret = dev_ioctl(t->fd, VHOST_GET_FEATURES_ARRAY, a);
	step_note(t, ret, 0, "VHOST_GET_FEATURES_ARRAY, %u words", (unsigned int)count);
	step_note(t, 0, ret ? 0 : a[1], "the first word");
	for (i = 2; i < 5; i++)
		step_note(t, 0, ret ? 0 : a[i], "word %u of %u", i, (unsigned int)count);
}

static void set_array(struct run *t, uint64_t count, unsigned int word, uint64_t val)
{
	uint64_t a[66] = { count };

	a[word] = val;
	step_note(t, dev_ioctl(t->fd, VHOST_SET_FEATURES_ARRAY, a), 0,
		  "VHOST_SET_FEATURES_ARRAY, %u words, %#llx at %u", (unsigned int)count,
		  (unsigned long long)val, word);
}

/* One word, on the last bytes that can be touched, and more of them said to follow. */
static void array_at_edge(struct run *t)
{
	uint64_t *two = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			     -1, 0), *a = two + 510;

	NEED(two != MAP_FAILED && !mprotect(two + 512, 4096, PROT_NONE));
	a[0] = 1;
	IO(t, VHOST_GET_FEATURES_ARRAY, a);
	a[1] = BIT64(VIRTIO_F_VERSION_1);
	IO(t, VHOST_SET_FEATURES_ARRAY, a);
	a[0] = 2;
	IO(t, VHOST_GET_FEATURES_ARRAY, a);
	IO(t, VHOST_SET_FEATURES_ARRAY, a);
	a[0] = 65;
	step_note(t, dev_ioctl(t->fd, VHOST_GET_FEATURES_ARRAY, a), 0,
		  "VHOST_GET_FEATURES_ARRAY, 65 words");
	memset(a + 1, 0, sizeof(*a));
	step_note(t, dev_ioctl(t->fd, VHOST_SET_FEATURES_ARRAY, a), 0,
		  "VHOST_SET_FEATURES_ARRAY, 65 words");
	IO(t, VHOST_GET_FEATURES_ARRAY, two + 512);
	IO(t, VHOST_SET_FEATURES_ARRAY, two + 512);
	munmap(two, 8192);
}

/* Of kernels whose vhost-net has it: words that it knows, and others. */
static void features_array(struct run *t)
{
	const uint64_t modern = BIT64(VIRTIO_F_VERSION_1);
	unsigned int bit;

	for (bit = 0; bit < 5; bit++)
		get_array(t, bit);
	set_array(t, 0, 1, BIT64(63));
	set_array(t, 1, 1, modern);
	set_array(t, 1, 1, modern | BIT64(63));
	set_array(t, 1, 2, BIT64(0));
	for (bit = 0; bit < 64; bit++)
		set_array(t, 2, 2, BIT64(bit));
	set_array(t, 3, 3, 1);
	set_array(t, 64, 64, 1);
	set_array(t, 64, 1, modern);
	array_at_edge(t);
}

const struct scenario scenarios_later[] = {
	{ "features array", features_array },
	{ NULL, NULL },
};
