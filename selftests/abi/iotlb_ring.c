// SPDX-License-Identifier: GPL-2.0
/*
 * iotlb_ring.c - rings behind an IOMMU whose entries move, allow too little, or are
 * gone all at once; and the log of what is written by way of them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "iotlb.h"

#define ROUNDS 12
#define BURST 64

/* Frames are under way in both directions while pages are moved; none is lost. */
static bool moved(struct iommu_cfg how)
{
	struct bench b;
	struct nic *n = &b.nic;
	unsigned int i, k;
	bool ok = true;

	iotlb_bench(&b, behind, how);
	ok = flow_run(&b, 100, 100);
	for (i = 0; i < ROUNDS && ok; i++) {
		rx_offer(&b, BURST);
		tx_offer(&b, BURST);
		for (k = 0; k < 2; k++) {
			struct ring *r = &n->ring[k];

			iommu_move(&n->iommu, r->desc, 16UL * r->num);
			iommu_move(&n->iommu, r->used, 6 + 8UL * r->num);
			iommu_move(&n->iommu, r->avail, 6 + 2UL * r->num);
		}
		iommu_move(&n->iommu, n->rx_buf + i * 20 * MEM_PAGE, 20 * MEM_PAGE);
		iommu_move(&n->iommu, n->tx_buf, 20 * MEM_PAGE);
		ok = flow_run(&b, BURST, BURST);
	}
	ktap_diag("%lu misses, %lu entries", n->iommu.misses, n->iommu.updates);
	return iotlb_close(&b) && ok;
}

bool moved_ahead(void)
{
	return moved((struct iommu_cfg){ .ahead = true, .how = IOMMU_POLL });
}

bool moved_asked(void)
{
	return moved((struct iommu_cfg){ .how = IOMMU_NONBLOCK });
}

/* Give a part of memory other rights; the device has no entry for it any more. */
static void allow_only(struct bench *b, void *p, size_t size, uint8_t perm)
{
	struct iommu *u = &b->nic.iommu;

	iommu_take(u, p, size);
	iommu_allow(u, p, size, perm);
	iommu_tell(u, p, size);
}

static void anew(struct bench *b)
{
	struct nic *n = &b->nic;
	int i;

	for (i = 0; i < 2; i++)
		iommu_tell(&n->iommu, n->ring[i].used, 6 + 8UL * n->ring[i].num);
	NEED(!nic_reset(n));
	for (i = 0; i < 2; i++)
		eventfd_take(n->ring[i].err);
	bench_resync(b);
}

static bool all_are(const uint8_t *p, uint8_t byte, size_t len)
{
	return p[0] == byte && !memcmp(p, p + 1, len - 1);
}

/* Behind an IOMMU, some frames are through; what follows is counted. */
static bool at_work(struct bench *b)
{
	iotlb_bench(b, behind, (struct iommu_cfg){ .ahead = true, .how = IOMMU_POLL });
	b->tolerant = true;
	return flow_run(b, 10, 10);
}

/* With all rights to that memory, and new rings, frames pass again. */
static bool heals(struct bench *b, void *p, size_t size)
{
	bool ok;

	allow_only(b, p, size, RW);
	anew(b);
	ok = flow_run(b, 50, 50);
	return iotlb_close(b) && ok;
}

#define MARK 0x3c

/* Nothing is written; the ring waits for a better entry, or stops and says so. */
bool rights_rx(void)
{
	unsigned long before;
	struct bench b;
	struct nic *n = &b.nic;
	size_t size;
	bool ok;

	ok = at_work(&b);
	size = n->rx_bufs * n->rx_stride;
	memset(n->rx_buf, MARK, size);
	allow_only(&b, n->rx_buf, size, VHOST_ACCESS_RO);
	before = faults(&b);
	bench_hello(&b);
	ok = told_of(&b, before, NIC_RX) && ok;
	ok = CHECK(!dev_backend(n->dev, NIC_RX, -1)) && ok;
	ok = CHECK(all_are(n->rx_buf, MARK, size)) && ok;
	ok = CHECK(n->ring[NIC_RX].used->idx == 10) && ok;
	return heals(&b, n->rx_buf, size) && ok;
}

/* A frame is not read from where the device may only write. */
bool rights_tx(void)
{
	unsigned long before;
	struct bench b;
	struct nic *n = &b.nic;
	unsigned int len;
	size_t size;
	bool ok;

	ok = at_work(&b);
	size = n->tx_bufs * n->tx_stride;
	allow_only(&b, n->tx_buf, size, VHOST_ACCESS_WO);
	before = faults(&b);
	tx_offer(&b, 1);
	ok = told_of(&b, before, NIC_TX) && ok;
	ok = CHECK(!dev_backend(n->dev, NIC_TX, -1)) && ok;
	ok = CHECK(!pkt_recv(&b.wire, &len, NULL)) && ok;
	ok = CHECK(n->ring[NIC_TX].used->idx == 10) && ok;
	return heals(&b, n->tx_buf, size) && ok;
}

/* Nor is anything used where that cannot be written. */
bool rights_used(void)
{
	struct bench b;
	struct nic *n = &b.nic;
	struct ring *r = &n->ring[NIC_TX];
	unsigned int len, base;
	bool ok;

	ok = at_work(&b);
	allow_only(&b, r->used, 6 + 8UL * r->num, VHOST_ACCESS_RO);
	tx_hello(&b);
	/* Which waits until the worker has seen the kick. */
	ok = CHECK(!dev_backend(n->dev, NIC_TX, -1)) && ok;
	ok = CHECK(!dev_vring_base(n->dev, NIC_TX, &base)) && ok;
	ok = CHECK(base == 10 && r->used->idx == 10) && ok;
	ok = CHECK(!pkt_recv(&b.wire, &len, NULL)) && ok;
	ok = CHECK(dev_backend(n->dev, NIC_TX, b.tap) == -EFAULT ||
		   lane == LANE_INTREE) && ok;
	ok = CHECK(!dev_backend(n->dev, NIC_TX, -1)) && ok;
	return heals(&b, r->used, 6 + 8UL * r->num) && ok;
}

#define LOG_SIZE (1UL << 20)

/* Whether the device may write to the page, and whether it has. */
static bool page_logged_right(struct bench *b, const uint8_t *log,
			      const uint8_t *old, uint8_t *page)
{
	const struct nic *n = &b->nic;
	uint64_t bit = mem_gpa(&n->mem, page) / MEM_PAGE;
	bool is = log[bit / 8] >> bit % 8 & 1;
	bool changed = memcmp(old, page, MEM_PAGE);
	const uint8_t *end = n->rx_buf + n->rx_bufs * n->rx_stride;
	bool rx = page >= n->rx_buf && page + MEM_PAGE <= end;
	bool used = false;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		const uint8_t *u = (const uint8_t *)n->ring[i].used;

		used |= page >= u && page < u + 6 + 8UL * n->ring[i].num;
	}
	/* The last of the buffers ends where the guest writes, too. */
	if (!rx && !used)
		return (page < end && page + MEM_PAGE > end) || CHECK(!is);
	/* In-tree logs the whole of a buffer that was used. */
	return CHECK(is || !changed) &&
	       (lane == LANE_INTREE || used || CHECK(changed || !is));
}

static bool log_right(struct bench *b, const uint8_t *log, const uint8_t *old)
{
	struct mem_region *r = &b->nic.mem.region[0];
	size_t at;

	for (at = 0; at < r->size; at += MEM_PAGE)
		if (!page_logged_right(b, log, old + at, r->hva + at)) {
			ktap_diag("page %zu of %zu", at / MEM_PAGE,
				  r->size / MEM_PAGE);
			return false;
		}
	return true;
}

/* The memory table says what of the guest's an address of ours is. */
bool logged(void)
{
	uint8_t *log = mem_map(NULL, LOG_SIZE, -1, 0), *old;
	uint64_t base = (uintptr_t)log;
	unsigned int i, bits = 0;
	struct bench b;
	struct nic *n = &b.nic;
	bool ok;

	iotlb_bench(&b, behind, (struct iommu_cfg){ .how = IOMMU_POLL });
	ok = flow_run(&b, 10, 10);
	memset(n->rx_buf, MARK, n->rx_bufs * n->rx_stride);
	old = malloc(n->mem.region[0].size);
	NEED(old);
	memcpy(old, n->mem.region[0].hva, n->mem.region[0].size);
	NEED(!dev_ioctl(n->dev, VHOST_SET_LOG_BASE, &base));
	NEED(!dev_set_features(n->dev, n->cfg.features | BIT64(VHOST_F_LOG_ALL)));
	for (i = 0; i < 2; i++)
		NEED(!dev_vring_addr(n->dev, i, &n->ring[i], true,
				     mem_dma(&n->mem, n->ring[i].used)));
	bench_len(&b, 1514);
	ok = ok && flow_run(&b, 100, 100);
	NEED(!nic_stop(n));
	for (i = 0; i < LOG_SIZE; i++)
		bits += __builtin_popcount(log[i]);
	ktap_diag("%u pages logged", bits);
	ok = ok && CHECK(bits >= 30) && log_right(&b, log, old);
	/* Features set are an IOTLB anew. */
	NEED(!dev_set_features(n->dev, n->cfg.features));
	for (i = 0; i < 2; i++)
		iommu_tell(&n->iommu, n->ring[i].used, 6 + 8UL * n->ring[i].num);
	ok = CHECK(!nic_resume(n)) && flow_run(&b, 50, 50) && ok;
	ok = iotlb_close(&b) && ok;
	free(old);
	munmap(log, LOG_SIZE);
	return ok;
}

bool restarted(void)
{
	unsigned int i;
	struct bench b;
	bool ok = true;

	iotlb_bench(&b, behind, (struct iommu_cfg){ .how = IOMMU_BLOCK });
	for (i = 0; i < 10 && ok; i++) {
		ok = flow_run(&b, 50, 50);
		nic_tx_reclaim(&b.nic);
		ok = ok && CHECK(!nic_stop(&b.nic)) && CHECK(!nic_resume(&b.nic));
	}
	return iotlb_close(&b) && ok;
}

/* What it was told is forgotten, the reader is sent away, and all begins again. */
static bool reset_once(struct bench *b)
{
	struct nic *n = &b->nic;
	unsigned int i;
	bool ok;

	ok = flow_run(b, 50, 50) &&
	     CHECK(!dev_ioctl(n->dev, VHOST_RESET_OWNER, NULL));
	ok = CHECK(iommu_send(&n->iommu, VHOST_IOTLB_UPDATE, 0, MEM_PAGE,
			      (uintptr_t)n->rx_buf, RW) == -EFAULT) && ok;
	iommu_stop(&n->iommu);
	for (i = 0; i < 2; i++)
		ring_reset(&n->ring[i], 0);
	n->held = 0;
	for (i = 0; i < n->tx_bufs; i++)
		n->tx_free[i] = i;
	n->tx_nfree = n->tx_bufs;
	nic_rx_fill(n);
	bench_resync(b);
	return CHECK(!nic_start(n)) && ok;
}

bool owner_reset(void)
{
	struct bench b;
	unsigned int i;
	bool ok = true;

	iotlb_bench(&b, behind, (struct iommu_cfg){ .how = IOMMU_BLOCK });
	b.tolerant = true;
	for (i = 0; i < 3 && ok; i++)
		ok = reset_once(&b);
	ok = ok && flow_run(&b, 50, 50);
	return iotlb_close(&b) && ok;
}

/* Both rings are kicked and have something to do; nothing of it is done. */
static bool idle(struct bench *b, uint16_t rx, uint16_t tx)
{
	struct nic *n = &b->nic;
	unsigned int i, len;
	bool ok = true;

	bench_hello(b);
	for (i = 0; i < 2; i++)
		ring_kick(&n->ring[i]);
	for (i = 0; i < 2; i++)
		ok = CHECK(!dev_backend(n->dev, i, -1)) && ok;
	return CHECK(n->ring[NIC_RX].used->idx == rx) &&
	       CHECK(n->ring[NIC_TX].used->idx == tx) &&
	       CHECK(!pkt_recv(&b->wire, &len, NULL)) &&
	       mem_untouched(&n->mem) && ok;
}

/*
 * CVE-2026-97988: a ring's addresses are of the device before the IOMMU is switched
 * off, and of the VMM before it is switched on; what they were is not what they are.
 */
bool switched(void)
{
	struct iommu_cfg how = { .how = IOMMU_POLL };
	struct bench b;
	struct nic *n = &b.nic;
	struct mem_region *g = &n->mem.region[0];
	bool ok;

	iotlb_bench(&b, behind, how);
	b.tolerant = true;
	ok = flow_run(&b, 10, 10);
	nic_tx_reclaim(n);
	/* The ring's addresses are the decoy's from here on, if anybody used them. */
	ok = CHECK(!dev_set_features(n->dev, behind.features)) && ok;
	ok = idle(&b, 10, 10) && ok;
	ok = CHECK(iommu_send(&n->iommu, VHOST_IOTLB_UPDATE, 0, MEM_PAGE,
			      (uintptr_t)g->pages->view, RW) == -EFAULT) && ok;
	/* As the VMM's they are the driver's view; as the device's they are mapped. */
	n->mem.iommu = false;
	ok = CHECK(!dev_vring_addr(n->dev, NIC_RX, &n->ring[NIC_RX], false, 0)) && ok;
	ok = CHECK(!dev_vring_addr(n->dev, NIC_TX, &n->ring[NIC_TX], false, 0)) && ok;
	ok = CHECK(!dev_backend(n->dev, NIC_RX, b.tap)) && ok;
	ok = CHECK(!dev_backend(n->dev, NIC_TX, b.tap)) && ok;
	n->mem.iommu = true;
	ok = CHECK(!dev_set_features(n->dev, n->cfg.features)) && ok;
	NEED(!iommu_send(&n->iommu, VHOST_IOTLB_UPDATE, (uintptr_t)g->hva, g->size,
			 (uintptr_t)g->pages->decoy, RW));
	ok = idle(&b, n->ring[NIC_RX].used->idx, 10) && ok;
	anew(&b);
	ok = flow_run(&b, 50, 50) && ok;
	return iotlb_close(&b) && ok;
}
