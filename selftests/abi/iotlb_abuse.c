// SPDX-License-Identifier: GPL-2.0
/*
 * iotlb_abuse.c - a VMM that says too much, what is not so, or nothing any more.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "iotlb.h"

#define FLOOD 8000
#define BOUND_KB (FLOOD / 16)	/* a slab object of 64 bytes each would be that */

/* So many are not kept; whether they are refused or replace others, all goes on. */
bool flood_updates(void)
{
	struct iommu_cfg how = { .how = IOMMU_POLL };
	unsigned int i, taken = 0;
	long before, after;
	struct bench b;
	struct nic *n = &b.nic;
	bool ok;
	int e;

	iotlb_bench(&b, behind, how);
	ok = flow_run(&b, 50, 50);
	before = proc_number("/proc/meminfo", "MemAvailable");
	for (i = 0; i < FLOOD && ok; i++) {
		e = iommu_send(&n->iommu, VHOST_IOTLB_UPDATE, FAR + i * 8192ULL,
			       MEM_PAGE, (uintptr_t)n->mem.region[0].pages->view,
			       RW);
		taken += !e;
		ok = CHECK(!e || e == -EFAULT);
	}
	after = proc_number("/proc/meminfo", "MemAvailable");
	ktap_diag("%u of %u entries taken: %ld kB available before, %ld kB after",
		  taken, FLOOD, before, after);
	ok = ok && CHECK(before - after < BOUND_KB);
	ok = flow_run(&b, 100, 100) && ok;
	NEED(!iommu_send(&n->iommu, VHOST_IOTLB_INVALIDATE, FAR, FLOOD * 8192ULL,
			 0, 0));
	ok = flow_run(&b, 100, 100) && ok;
	return iotlb_close(&b) && ok;
}

#define KICKS 20000
#define ASKED (2 * 3)

/*
 * However often a guest kicks, a ring's question waits once. While those are read the
 * worker may be in a turn, and have another to come: in each a ring asks again. In-tree
 * has a message a kick.
 */
bool flood_misses(void)
{
	struct iommu_cfg how = { .how = IOMMU_SILENT };
	struct bench b;
	struct nic *n = &b.nic;
	unsigned int i, got;
	bool ok = true;

	iotlb_bench(&b, behind, how);
	for (i = 0; i < KICKS; i++)
		ring_kick(&n->ring[i % 2]);
	/* A stop throws away what was not read. */
	got = drain(n->dev);
	ok = CHECK(!dev_backend(n->dev, NIC_RX, -1)) &&
	     CHECK(!dev_backend(n->dev, NIC_TX, -1));
	drain(n->dev);
	ktap_diag("%u kicks, %u misses", KICKS, got);
	ok = CHECK(got && (got <= ASKED || lane == LANE_INTREE)) && ok;
	how.on = true;
	how.how = IOMMU_POLL;
	iommu_start(&n->iommu, &how, &n->mem, n->dev);
	for (i = 0; i < 2; i++)
		iommu_tell(&n->iommu, n->ring[i].used, 6 + 8UL * n->ring[i].num);
	ok = CHECK(!nic_reset(n)) && flow_run(&b, 100, 100) && ok;
	return iotlb_close(&b) && ok;
}

#define KEPT 32			/* messages that wait to be read (docs/abi.md) */
#define MISSED (KEPT + 20)	/* pages, one after another */
#define WAITING 20		/* frames behind those */

/* All of the transmit ring, but none of its buffers; nothing is received. */
static void only_sends(struct nic *n)
{
	struct ring *r = &n->ring[NIC_TX];

	NEED(!dev_backend(n->dev, NIC_RX, -1));
	iommu_tell(&n->iommu, r->desc, 16UL * r->num);
	iommu_tell(&n->iommu, r->avail, 6 + 2UL * r->num);
	iommu_tell(&n->iommu, r->used, 6 + 8UL * r->num);
}

static bool one_sent(struct nic *n)
{
	struct ring *r = &n->ring[NIC_TX];

	while (!nic_tx_reclaim(n)) {
		if (ring_call_on(r) && !wait_fd(r->call, 8000))
			return CHECK(!"the frame was sent whose page was told");
		eventfd_take(r->call);
	}
	return true;
}

/* Each is told unread; the device sends the frame in it and misses that of the next. */
static bool miss_pages(struct nic *n, unsigned int pages)
{
	unsigned int i;

	for (i = 0; i < pages; i++) {
		iommu_tell(&n->iommu, n->tx_buf + i * MEM_PAGE, MEM_PAGE);
		if (!one_sent(n))
			return false;
	}
	/* It waits for the end of the turn that has missed the last. */
	iommu_tell(&n->iommu, n->ring[NIC_TX].used, 1);
	return true;
}

/* As many as are kept, each of another page, up to @last. */
static bool newest_kept(struct nic *n, unsigned int last)
{
	uint64_t first = mem_dma(&n->mem, n->tx_buf) + (last - KEPT + 1) * MEM_PAGE;
	struct vhost_iotlb_msg m;
	uint8_t buf[MSG_SIZE];
	unsigned int i;
	bool ok = true;

	for (i = 0; wait_fd(n->dev, 0); i++) {
		NEED(iommu_read(n->dev, buf, sizeof(buf)) == MSG_SIZE);
		ok = CHECK(iommu_miss(buf, &m)) &&
		     CHECK((m.iova - first) / MEM_PAGE == i) &&
		     CHECK(m.perm == VHOST_ACCESS_RO) && ok;
	}
	ktap_diag("%u messages of %u misses or more", i, last + 1);
	return CHECK(i == KEPT) && ok;
}

/* However many addresses are missed, of what waits to be read the oldest goes. */
bool many_misses(void)
{
	struct iommu_cfg how = { .how = IOMMU_SILENT };
	struct nic_cfg cfg = behind;
	struct bench b;
	struct nic *n = &b.nic;
	uint64_t before;
	bool ok;

	cfg.tx_len = MEM_PAGE - 64;
	iotlb_bench(&b, cfg, how);
	NEED(n->tx_stride == MEM_PAGE);
	before = ctl_stat(PORT, VHOST_XDP_STAT_IOTLB_MISSES);
	only_sends(n);
	tx_offer(&b, MISSED + WAITING);
	ok = miss_pages(n, MISSED) && newest_kept(n, MISSED);
	ok = ok && CHECK(ctl_stat(PORT, VHOST_XDP_STAT_IOTLB_MISSES) - before >= MISSED);
	all_memory(&b, iommu_tell);
	ok = ok && flow_expect_wire(&b.wire, &b.at_wire, b.to_wire.next);
	NEED(!dev_backend(n->dev, NIC_RX, b.tap));
	ok = ok && flow_run(&b, 100, 100);
	return iotlb_close(&b) && ok;
}

/* Memory that the VMM has not, or may not, or that ends. */
static void *bad_memory(unsigned int kind)
{
	void *p;
	int fd;

	switch (kind) {
	case 0: /* Nothing there. */
		return (void *)0x10000UL;
	case 1:
		return mmap(NULL, 16 * MEM_PAGE, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	case 2: /* A file that has become shorter. */
		fd = memfd_create("short", MFD_CLOEXEC);
		NEED(fd >= 0);
		p = mem_map(NULL, 16 * MEM_PAGE, fd, 0);
		break;
	default: /* What the kernel does not write for us. */
		fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
		NEED(fd >= 0);
		p = mmap(NULL, 16 * MEM_PAGE, PROT_READ, MAP_SHARED, fd, 0);
	}
	close(fd);
	return p;
}

/* The parts of a ring and its buffers, sixteen pages of the latter. */
static void *part_of(struct nic *n, unsigned int ring, unsigned int part,
		     size_t *size)
{
	struct ring *r = &n->ring[ring];

	switch (part) {
	case 0: *size = 16UL * r->num; return r->desc;
	case 1: *size = 6 + 2UL * r->num; return r->avail;
	case 2: *size = 6 + 8UL * r->num; return r->used;
	default:
		*size = 16 * MEM_PAGE;
		return ring == NIC_RX ? n->rx_buf : n->tx_buf;
	}
}

static bool bad_entry(struct bench *b, unsigned int kind, unsigned int ring,
		      unsigned int part)
{
	struct nic *n = &b->nic;
	size_t size, i;
	uint8_t *p = part_of(n, ring, part, &size), *bad = bad_memory(kind);
	uint64_t iova = mem_dma(&n->mem, p) & ~(MEM_PAGE - 1);
	bool ok = true;

	NEED(bad != MAP_FAILED);
	if (size > 16 * MEM_PAGE)
		size = 16 * MEM_PAGE;
	iommu_take(&n->iommu, p, size);
	for (i = 0; i < size; i += MEM_PAGE)
		NEED(!iommu_send(&n->iommu, VHOST_IOTLB_UPDATE, iova + i, MEM_PAGE,
				 (uintptr_t)bad + i, RW));
	tx_hello(b);
	bench_hello(b);
	for (i = 0; i < 2; i++)
		ring_kick(&n->ring[i]);
	/* A ring that cannot be accessed stops; of the rest it says nothing. */
	if (part < 3 && kind < 3)
		ok = CHECK(wait_fd(n->ring[ring].err, 8000)) && ok;
	/* It returns when the worker is done with the ring. */
	for (i = 0; i < 2; i++)
		ok = CHECK(!dev_backend(n->dev, i, -1)) && ok;
	iommu_take(&n->iommu, p, size);
	iommu_allow(&n->iommu, p, size, RW);
	iommu_tell(&n->iommu, p, size);
	for (i = 0; i < 2; i++)
		iommu_tell(&n->iommu, n->ring[i].used, 6 + 8UL * n->ring[i].num);
	ok = CHECK(!nic_reset(n)) && ok;
	bench_resync(b);
	for (i = 0; i < 2; i++)
		eventfd_take(n->ring[i].err);
	if (kind)
		munmap(bad, 16 * MEM_PAGE);
	return ok;
}

bool bad_entries(void)
{
	/* What is in a file is no descriptor. */
	struct iommu_cfg how = { .how = IOMMU_POLL, .stray = true };
	int sndbuf = 16 << 20;
	unsigned int i;
	struct bench b;
	bool ok;

	iotlb_bench(&b, behind, how);
	b.tolerant = true;
	/* Else in-tree tries a frame that cannot be read for ever. */
	NEED(!ioctl(b.tap, TUNSETSNDBUF, &sndbuf));
	ok = flow_run(&b, 20, 20);
	for (i = 0; i < 4 * 2 * 4 && ok; i++) {
		ok = bad_entry(&b, i % 4, i / 4 % 2, i / 8) && flow_run(&b, 20, 20);
		if (!ok)
			ktap_diag("kind %u, ring %u, part %u", i % 4, i / 4 % 2,
				  i / 8);
	}
	return iotlb_close(&b) && ok;
}

/* Of who has the descriptor, but other memory. */
bool stranger(void)
{
	struct iommu_cfg how = { .how = IOMMU_POLL };
	struct bench b;
	int status;
	pid_t pid;
	bool ok;

	iotlb_bench(&b, behind, how);
	ok = flow_run(&b, 20, 20);
	pid = fork();
	NEED(pid >= 0);
	if (!pid) {
		ktap_child();
		_exit(-iommu_send(&b.nic.iommu, VHOST_IOTLB_UPDATE, FAR, MEM_PAGE,
				  (uintptr_t)b.nic.rx_buf, RW));
	}
	NEED(waitpid(pid, &status, 0) == pid);
	ktap_diag("another process: %s", strerror(WEXITSTATUS(status)));
	ok = CHECK(WIFEXITED(status) && (!WEXITSTATUS(status) ||
		   (lane != LANE_INTREE && WEXITSTATUS(status) == EPERM))) && ok;
	ok = flow_run(&b, 100, 100) && ok;
	return iotlb_close(&b) && ok;
}

/* The VMM's process: it works, and waits for a message that does not come. */
static void work_and_wait(int tell)
{
	struct iommu_cfg how = { .how = IOMMU_BLOCK };
	struct bench b;

	ktap_child();
	iotlb_bench(&b, behind, how);
	if (!flow_run(&b, 50, 50))
		_exit(1);
	iommu_take(&b.nic.iommu, b.nic.ring[NIC_TX].desc, MEM_PAGE);
	tx_offer(&b, 10);
	NEED(write(tell, "x", 1) == 1);
	for (;;)
		pause();
}

bool killed(void)
{
	struct iommu_cfg how = { .how = IOMMU_BLOCK };
	int p[2], status;
	struct bench b;
	char c;
	pid_t pid;
	bool ok;

	NEED(!pipe2(p, O_CLOEXEC));
	pid = fork();
	NEED(pid >= 0);
	if (!pid)
		work_and_wait(p[1]);
	close(p[1]);
	ok = CHECK(read(p[0], &c, 1) == 1);
	close(p[0]);
	kill(pid, SIGKILL);
	NEED(waitpid(pid, &status, 0) == pid);
	ok = CHECK(WIFSIGNALED(status)) && ok;
	iotlb_bench(&b, behind, how);
	b.tolerant = true;
	ok = flow_run(&b, 50, 50) && ok;
	return iotlb_close(&b) && ok;
}
