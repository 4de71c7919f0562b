// SPDX-License-Identifier: GPL-2.0
/*
 * iommu.c - the VMM's half of a virtual IOMMU: it knows what the guest has mapped,
 * answers the device's misses from that, and tells it what is no more.
 *
 * Each page is an entry of its own. The lock makes what the device is told follow
 * what the guest's table says, as the VMM's big lock does.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "ktap.h"
#include "vmm.h"

#define BOTH (VHOST_ACCESS_RO | VHOST_ACCESS_WO)

int iommu_send(struct iommu *u, uint8_t type, uint64_t iova, uint64_t size,
	       uint64_t uaddr, uint8_t perm)
{
	struct vhost_iotlb_msg body = { .iova = iova, .size = size,
					.uaddr = uaddr, .perm = perm,
					.type = type };
	struct vhost_msg one = { .type = VHOST_IOTLB_MSG, .iotlb = body };
	struct vhost_msg_v2 two = { .type = VHOST_IOTLB_MSG_V2, .iotlb = body };
	ssize_t n;

	if (u->cfg.v1)
		n = write(u->dev, &one, sizeof(one));
	else
		n = write(u->dev, &two, sizeof(two));
	if (n < 0)
		return -errno;
	NEED(n == sizeof(two));
	return 0;
}

int iommu_read(int dev, void *buf, size_t len)
{
	ssize_t n = read(dev, buf, len);

	return n < 0 ? -errno : n;
}

bool iommu_miss(const void *buf, struct vhost_iotlb_msg *m)
{
	const struct vhost_msg_v2 *two = buf;
	const struct vhost_msg *one = buf;

	*m = two->type == VHOST_IOTLB_MSG_V2 ? two->iotlb : one->iotlb;
	return m->type == VHOST_IOTLB_MISS &&
	       (two->type == VHOST_IOTLB_MSG_V2 || one->type == VHOST_IOTLB_MSG);
}

/* Pages of one region: the first, and in *@n how many. */
static size_t pages_of(const struct iommu *u, const void *hva, size_t size,
		       struct mem_pages **g, size_t *n)
{
	const struct mem_region *r = mem_region_of(u->mem, hva);
	size_t off = (const uint8_t *)hva - r->hva;

	NEED(size && off + size <= r->size);
	*g = r->pages;
	*n = (off % MEM_PAGE + size - 1) / MEM_PAGE + 1;
	return off / MEM_PAGE;
}

/* Under the lock. */
static void update(struct iommu *u, const struct mem_pages *g, size_t page)
{
	u->updates++;
	NEED(!iommu_send(u, VHOST_IOTLB_UPDATE,
			 (uintptr_t)g->decoy + page * MEM_PAGE, MEM_PAGE,
			 (uintptr_t)g->view + g->slot[page] * MEM_PAGE,
			 g->perm[page]));
}

void iommu_allow(struct iommu *u, const void *hva, size_t size, uint8_t perm)
{
	struct mem_pages *g;
	size_t n, page = pages_of(u, hva, size, &g, &n);

	pthread_mutex_lock(&u->lock);
	memset(g->perm + page, perm, n);
	pthread_mutex_unlock(&u->lock);
}

void iommu_tell(struct iommu *u, const void *hva, size_t size)
{
	struct mem_pages *g;
	size_t n, page = pages_of(u, hva, size, &g, &n);

	pthread_mutex_lock(&u->lock);
	for (; n; n--, page++)
		if (g->perm[page])
			update(u, g, page);
	pthread_mutex_unlock(&u->lock);
}

void iommu_take(struct iommu *u, const void *hva, size_t size)
{
	struct mem_pages *g;
	size_t n, page = pages_of(u, hva, size, &g, &n);

	pthread_mutex_lock(&u->lock);
	memset(g->perm + page, 0, n);
	NEED(!iommu_send(u, VHOST_IOTLB_INVALIDATE,
			 (uintptr_t)g->decoy + page * MEM_PAGE, n * MEM_PAGE,
			 0, 0));
	pthread_mutex_unlock(&u->lock);
}

/* Under the lock, and the device knows nothing of the page. */
static void move(struct iommu *u, const struct mem_region *r, size_t page)
{
	struct mem_pages *g = r->pages;
	uint32_t from = g->slot[page], to = g->spare[g->next];
	uint8_t *old = g->view + from * MEM_PAGE;

	(void)u;
	memcpy(g->view + to * MEM_PAGE, old, MEM_PAGE);
	memset(old, MEM_DECOY, MEM_PAGE);
	mem_map(r->hva + page * MEM_PAGE, MEM_PAGE, r->fd, to * MEM_PAGE);
	g->slot[page] = to;
	g->spare[g->next] = from;
	g->next = (g->next + 1) % MEM_SPARE;
}

void iommu_move(struct iommu *u, const void *hva, size_t size)
{
	const struct mem_region *r = mem_region_of(u->mem, hva);
	struct mem_pages *g;
	size_t n, page = pages_of(u, hva, size, &g, &n);

	pthread_mutex_lock(&u->lock);
	for (; n; n--, page++) {
		NEED(!iommu_send(u, VHOST_IOTLB_INVALIDATE,
				 (uintptr_t)g->decoy + page * MEM_PAGE,
				 MEM_PAGE, 0, 0));
		move(u, r, page);
		if (u->cfg.ahead)
			update(u, g, page);
	}
	pthread_mutex_unlock(&u->lock);
}

/* What the guest has not mapped is not answered, and the device waits. */
static void answer(struct iommu *u, const struct vhost_iotlb_msg *m)
{
	unsigned int i;

	pthread_mutex_lock(&u->lock);
	u->misses++;
	for (i = 0; i < u->mem->count; i++) {
		const struct mem_region *r = &u->mem->region[i];
		uint64_t off = m->iova - (uintptr_t)r->pages->decoy;
		size_t page = off / MEM_PAGE;

		if (off >= r->size)
			continue;
		if (r->pages->perm[page] & m->perm)
			update(u, r->pages, page);
		else
			u->faults++;
		break;
	}
	if (i == u->mem->count && u->cfg.stray)
		u->faults++;
	else if (i == u->mem->count)
		ktap_bail("a miss for %#llx, which is not the guest's",
			  (unsigned long long)m->iova);
	pthread_mutex_unlock(&u->lock);
}

/* One message; false: there is none, or will be none. */
static bool take_one(struct iommu *u)
{
	struct vhost_msg_v2 buf;
	struct vhost_iotlb_msg m;
	int n = iommu_read(u->dev, &buf, sizeof(buf));

	if (n == -EAGAIN || n == -EBADFD)
		return false;
	if (n != sizeof(buf) || !iommu_miss(&buf, &m) ||
	    (buf.type == VHOST_IOTLB_MSG) != u->cfg.v1)
		ktap_bail("read() of a message: %d %s", n,
			  n < 0 ? strerror(-n) : "");
	answer(u, &m);
	return true;
}

static void *serve(void *arg)
{
	struct iommu *u = arg;
	struct pollfd p[2] = { { .fd = u->dev, .events = POLLIN },
			       { .fd = u->stop, .events = POLLIN } };

	if (u->cfg.how == IOMMU_BLOCK) {
		while (take_one(u))
			;
		return NULL;
	}
	while (poll(p, 2, -1) > 0 && !p[1].revents) {
		if (!take_one(u))
			continue;
		while (u->cfg.how == IOMMU_NONBLOCK && take_one(u))
			;
	}
	return NULL;
}

void iommu_start(struct iommu *u, const struct iommu_cfg *cfg, struct mem *m,
		 int dev)
{
	unsigned int i;

	if (u->mem)
		iommu_stop(u);
	*u = (struct iommu){ .cfg = *cfg, .mem = m, .dev = dev };
	NEED(!pthread_mutex_init(&u->lock, NULL));
	u->stop = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	NEED(u->stop >= 0);
	for (i = 0; i < m->count; i++) {
		iommu_allow(u, m->region[i].hva, m->region[i].size,
			    cfg->closed ? 0 : BOTH);
		if (cfg->ahead)
			iommu_tell(u, m->region[i].hva, m->region[i].size);
	}
	NEED(!fcntl(dev, F_SETFL, O_RDWR |
		    (cfg->how == IOMMU_NONBLOCK ? O_NONBLOCK : 0)));
	if (cfg->how != IOMMU_SILENT)
		NEED(!pthread_create(&u->thread, NULL, serve, u));
}

/* A blocked reader ends when there is no IOTLB any more. */
void iommu_stop(struct iommu *u)
{
	uint64_t one = 1;

	if (u->cfg.how == IOMMU_BLOCK) {
		dev_backend(u->dev, NIC_RX, -1);
		dev_backend(u->dev, NIC_TX, -1);
		NEED(!dev_set_features(u->dev, 0));
	}
	NEED(write(u->stop, &one, sizeof(one)) == sizeof(one));
	if (u->cfg.how != IOMMU_SILENT)
		NEED(!pthread_join(u->thread, NULL));
	close(u->stop);
	u->mem = NULL;
}
