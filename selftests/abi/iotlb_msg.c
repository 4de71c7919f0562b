// SPDX-License-Identifier: GPL-2.0
/*
 * iotlb_msg.c - what a VMM may write to the IOTLB and read from it, right and wrong,
 * to the last byte.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "iotlb.h"

#define KERNEL 0xffff888000000000ULL

/* One message as bytes: kind, asid (or nothing), contents, so many bytes of it. */
struct raw {
	const char *what;
	uint32_t kind, asid;
	struct vhost_iotlb_msg m;
	unsigned int len;
	int want;
};

static int write_raw(int dev, const struct raw *r)
{
	union {
		struct vhost_msg_v2 m;
		uint8_t byte[256];
	} u = { .m = { .type = r->kind, .asid = r->asid, .iotlb = r->m } };
	ssize_t n = write(dev, u.byte, r->len);

	return n < 0 ? -errno : n;
}

static bool all_raw(int dev, const struct raw *r, unsigned int n, uint64_t uaddr)
{
	bool ok = true;

	for (; n; n--, r++) {
		struct raw x = *r;
		int got;

		if (x.m.uaddr == 1)
			x.m.uaddr = uaddr;
		got = write_raw(dev, &x);
		if (got == r->want)
			continue;
		ktap_diag("%s: %d, not %d", r->what, got, r->want);
		ok = false;
	}
	return ok;
}

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define UP(a, s, u) { .type = VHOST_IOTLB_UPDATE, .perm = RW, .iova = (a), .size = (s), .uaddr = (u) }
#define INV(a, s) { .type = VHOST_IOTLB_INVALIDATE, .iova = (a), .size = (s) }
#define TYPE(t) { .type = (t), .perm = RW, .iova = FAR, .size = 4096, .uaddr = 1 }

/* An address of 1 stands for a page of ours. */
static const struct raw good_or_bad[] = {
	{ "first kind", 1, 0, UP(FAR, 4096, 1), 72, 72 },
	{ "second kind", 2, 0, UP(FAR, 4096, 1), 72, 72 },
	{ "an asid where there are none", 2, 5, UP(FAR, 4096, 1), 72, 72 },
	{ "too long", 2, 0, UP(FAR, 4096, 1), 200, 72 },
	{ "no padding", 1, 0, UP(FAR, 4096, 1), 40, 72 },
	{ "no padding, second kind", 2, 0, UP(FAR, 4096, 1), 40, 72 },
	{ "contents cut", 1, 0, UP(FAR, 4096, 1), 39, -EINVAL },
	{ "contents cut, second kind", 2, 0, UP(FAR, 4096, 1), 39, -EINVAL },
	{ "only a kind", 1, 0, UP(FAR, 4096, 1), 4, -EINVAL },
	{ "half a kind", 1, 0, UP(FAR, 4096, 1), 2, -EINVAL },
	{ "nothing", 1, 0, UP(FAR, 4096, 1), 0, -EINVAL },
	{ "kind 0", 0, 0, UP(FAR, 4096, 1), 72, -EINVAL },
	{ "kind 3", 3, 0, UP(FAR, 4096, 1), 72, -EINVAL },
	{ "kind 0x80000001", 0x80000001, 0, UP(FAR, 4096, 1), 72, -EINVAL },
	{ "type 0", 2, 0, TYPE(0), 72, -EFAULT },
	{ "a miss", 2, 0, TYPE(VHOST_IOTLB_MISS), 72, -EFAULT },
	{ "access failed", 2, 0, TYPE(VHOST_IOTLB_ACCESS_FAIL), 72, -EFAULT },
	{ "a batch begins", 2, 0, TYPE(5), 72, -EFAULT },
	{ "a batch ends", 2, 0, TYPE(6), 72, -EFAULT },
	{ "type 255", 2, 0, TYPE(255), 72, -EFAULT },
	{ "one byte", 2, 0, UP(FAR + 1, 1, 1), 72, 72 },
	{ "the same again", 2, 0, UP(FAR, 4096, 1), 72, 72 },
	{ "the last page of all", 2, 0, UP(-4096ULL, 4096, 1), 72, 72 },
	{ "invalidate", 2, 0, INV(FAR, 4096), 72, 72 },
	{ "invalidate what is not there", 2, 0, INV(FAR, 4096), 72, 72 },
	{ "invalidate, first kind", 1, 0, INV(-4096ULL, 4096), 72, 72 },
};

/* Without an IOTLB there is nothing to write to, but a wrong message is wrong first. */
static const struct raw without[] = {
	{ "first kind", 1, 0, UP(FAR, 4096, 1), 72, -EFAULT },
	{ "second kind", 2, 0, UP(FAR, 4096, 1), 72, -EFAULT },
	{ "invalidate", 2, 0, INV(FAR, 4096), 72, -EFAULT },
	{ "size 0", 2, 0, UP(FAR, 0, 1), 72, -EINVAL },
	{ "kind 3", 3, 0, UP(FAR, 4096, 1), 72, -EINVAL },
	{ "contents cut", 2, 0, UP(FAR, 4096, 1), 20, -EINVAL },
};

/* What is refused has changed nothing. */
static const struct raw overflow[] = {
	{ "size 0", 2, 0, UP(FAR, 0, 1), 72, -EINVAL },
	{ "size 0 at 0", 2, 0, UP(0, 0, 1), 72, -EINVAL },
	{ "size 0, first kind", 1, 0, UP(0, 0, 1), 72, -EINVAL },
	{ "wraps by a byte", 2, 0, UP(-4096ULL, 4097, 1), 72, -EFAULT },
	{ "wraps by a page", 2, 0, UP(-4096ULL, 8192, 1), 72, -EFAULT },
	{ "wraps from the last byte", 2, 0, UP(-1ULL, 2, 1), 72, -EFAULT },
	{ "wraps, first kind", 1, 0, UP(-4096ULL, 8192, 1), 72, -EFAULT },
	{ "all but a byte", 2, 0, UP(0, -1ULL, 0), 72, -EFAULT },
	{ "wraps to itself", 2, 0, UP(FAR, -1ULL, 0), 72, -EFAULT },
	{ "address wraps", 2, 0, UP(FAR, 8192, -4096ULL), 72, -EFAULT },
	{ "address wraps by a byte", 2, 0, UP(FAR, 4096, -4095ULL), 72, -EFAULT },
	{ "the kernel's address", 2, 0, UP(FAR, 4096, KERNEL), 72, -EFAULT },
	{ "no address at all", 2, 0, UP(FAR, 4096, 1ULL << 62), 72, -EFAULT },
	{ "from ours into the kernel's", 2, 0, UP(FAR, KERNEL, 4096), 72, -EFAULT },
};

/* To a device at work, which goes on as before; their memory is the decoy, or real. */
static bool raw_at_work(const struct raw *m, unsigned int n, bool decoy)
{
	struct iommu_cfg how = { .ahead = true, .how = IOMMU_POLL };
	struct mem_pages *pages;
	struct bench b;
	bool ok;

	iotlb_bench(&b, behind, how);
	pages = b.nic.mem.region[0].pages;
	ok = flow_run(&b, 10, 10);
	ok = all_raw(b.nic.dev, m, n, (uintptr_t)(decoy ? pages->decoy : pages->view)) && ok;
	ok = flow_run(&b, 100, 100) && CHECK(!b.nic.iommu.misses) && ok;
	return iotlb_close(&b) && ok;
}

bool messages(void)
{
	bool ok = raw_at_work(good_or_bad, N(good_or_bad), false);
	int dev = dev_open(lane == LANE_INTREE ? "/dev/vhost-net" : port_node(PORT));

	NEED(dev >= 0);
	ok = all_raw(dev, without, N(without), 4096) && ok;
	NEED(!dev_ioctl(dev, VHOST_SET_OWNER, NULL));
	ok = all_raw(dev, without, N(without), 4096) && ok;
	NEED(!dev_set_features(dev, F_MODERN));
	ok = all_raw(dev, without, N(without), 4096) && ok;
	close(dev);
	return ok;
}

/* CVE-2026-74713 */
bool ranges(void)
{
	return raw_at_work(overflow, N(overflow), true);
}

unsigned int drain(int dev)
{
	uint8_t buf[MSG_SIZE];
	unsigned int n = 0;

	while (wait_fd(dev, 0)) {
		NEED(iommu_read(dev, buf, sizeof(buf)) == sizeof(buf));
		n++;
	}
	return n;
}

/* A ring that has something to do, and no entry: a message to be read. */
static bool provoke(struct bench *b)
{
	ring_kick(&b->nic.ring[NIC_TX]);
	return CHECK(wait_fd(b->nic.dev, 8000));
}

/* What was asked for is told, taken again, and so asked for again. */
static bool ask_again(struct bench *b)
{
	struct iommu *u = &b->nic.iommu;
	void *desc = b->nic.ring[NIC_TX].desc;

	iommu_allow(u, desc, MEM_PAGE, RW);
	iommu_tell(u, desc, MEM_PAGE);
	iommu_take(u, desc, MEM_PAGE);
	return provoke(b);
}

static void nothing(int sig)
{
	(void)sig;
}

/* A signal ends a read that waits. */
static bool interrupted(int dev)
{
	struct itimerspec often = { .it_interval = { .tv_nsec = 100000000 },
				    .it_value = { .tv_nsec = 100000000 } };
	struct sigevent e = { .sigev_notify = SIGEV_SIGNAL,
			      .sigev_signo = SIGUSR1 };
	struct sigaction a = { .sa_handler = nothing };
	uint8_t buf[MSG_SIZE];
	timer_t timer;
	bool ok;

	NEED(!sigaction(SIGUSR1, &a, NULL));
	NEED(!timer_create(CLOCK_MONOTONIC, &e, &timer));
	NEED(!timer_settime(timer, 0, &often, NULL));
	ok = CHECK(iommu_read(dev, buf, sizeof(buf)) == -EINTR);
	timer_delete(timer);
	return ok;
}

static bool reads_of_a_message(struct bench *b)
{
	uint8_t buf[3 * MSG_SIZE];
	struct iovec v[3] = { { buf, 5 }, { buf + 5, 30 }, { buf + 35, 100 } };
	void *none = mmap(NULL, MEM_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	struct vhost_iotlb_msg m;
	int dev = b->nic.dev, n;
	bool ok;

	tx_offer(b, 1);
	ok = provoke(b);
	/* A room too small takes nothing away. */
	for (n = 0; n < (int)MSG_SIZE; n++)
		ok = CHECK(iommu_read(dev, buf, n) == 0) && ok;
	ok = CHECK(wait_fd(dev, 0)) && ok;
	ok = CHECK(iommu_read(dev, buf, sizeof(buf)) == MSG_SIZE) &&
	     CHECK(iommu_miss(buf, &m)) && ok;
	drain(dev);
	ok = ask_again(b) && ok;
	/* What could not be put there in-tree has lost, until the next kick. */
	n = iommu_read(dev, none, MSG_SIZE);
	ok = CHECK(lane == LANE_INTREE ? !n : n == -EFAULT && wait_fd(dev, 0)) && ok;
	drain(dev);
	ok = ask_again(b) && CHECK(readv(dev, v, 3) == MSG_SIZE) &&
	     CHECK(iommu_miss(buf, &m)) && ok;
	munmap(none, MEM_PAGE);
	return ok;
}

bool reads(void)
{
	struct iommu_cfg how = { .how = IOMMU_SILENT };
	uint8_t buf[MSG_SIZE];
	struct bench b;
	int dev;
	bool ok;

	iotlb_bench(&b, behind, how);
	dev = b.nic.dev;
	/* The first kick was before the start: the receive ring has asked. */
	ok = CHECK(wait_fd(dev, 8000));
	drain(dev);
	ok = reads_of_a_message(&b) && ok;
	NEED(!dev_backend(dev, NIC_RX, -1) && !dev_backend(dev, NIC_TX, -1));
	drain(dev);
	ok = interrupted(dev) && ok;
	NEED(!fcntl(dev, F_SETFL, O_RDWR | O_NONBLOCK));
	ok = CHECK(iommu_read(dev, buf, sizeof(buf)) == -EAGAIN) && ok;
	NEED(!dev_set_features(dev, F_MODERN));
	ok = CHECK(iommu_read(dev, buf, sizeof(buf)) == -EAGAIN) && ok;
	NEED(!fcntl(dev, F_SETFL, O_RDWR));
	ok = CHECK(iommu_read(dev, buf, sizeof(buf)) == -EBADFD) && ok;
	ok = CHECK(!wait_fd(dev, 0)) && ok;
	bench_abandon(&b);
	return ok;
}

/* Every byte is what it has to be, and behind them is what was there. */
static bool message_clean(const uint8_t *p, size_t room, bool v1,
			  struct vhost_iotlb_msg *m)
{
	static const struct vhost_msg_v2 zero;
	struct vhost_msg_v2 want = zero;
	size_t i;

	if (!CHECK(iommu_miss(p, m)))
		return false;
	want.type = v1 ? VHOST_IOTLB_MSG : VHOST_IOTLB_MSG_V2;
	want.iotlb.type = VHOST_IOTLB_MISS;
	want.iotlb.iova = m->iova;
	want.iotlb.perm = m->perm;
	if (!CHECK(m->perm == VHOST_ACCESS_RO || m->perm == VHOST_ACCESS_WO) ||
	    !CHECK(!memcmp(p, &want, sizeof(want))))
		return false;
	for (i = sizeof(want); i < room; i++)
		if (!CHECK(p[i] == 0xff))
			return false;
	return true;
}

/* CVE-2018-1118, CVE-2024-0340 */
static bool bytes(bool v1)
{
	struct iommu_cfg how = { .v1 = v1, .how = IOMMU_SILENT };
	uint8_t buf[1024];
	struct bench b;
	struct vhost_iotlb_msg m;
	struct mem_region *g = &b.nic.mem.region[0];
	unsigned int i;
	bool ok = true;

	iotlb_bench(&b, behind, how);
	tx_offer(&b, 200);
	for (i = 0; i < 60 && ok; i++) {
		size_t room = MSG_SIZE + i * 13;

		memset(buf, 0xff, sizeof(buf));
		ok = CHECK(wait_fd(b.nic.dev, 8000)) &&
		     CHECK(iommu_read(b.nic.dev, buf, room) == MSG_SIZE) &&
		     message_clean(buf, sizeof(buf), v1, &m) &&
		     CHECK(m.iova - (uintptr_t)g->pages->decoy < g->size);
		if (ok)
			iommu_tell(&b.nic.iommu, g->hva +
				   (m.iova - (uintptr_t)g->pages->decoy), 1);
	}
	ok = mem_untouched(&b.nic.mem) && ok;
	bench_abandon(&b);
	return ok;
}

bool bytes_v1(void)
{
	return bytes(true);
}

bool bytes_v2(void)
{
	return bytes(false);
}
