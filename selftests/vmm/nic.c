// SPDX-License-Identifier: GPL-2.0
/*
 * nic.c - a queue pair with its buffers: a virtio-net driver in miniature.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ktap.h"
#include "vmm.h"

#define TX_HEADROOM 64		/* the virtio-net header, room to spare */

static bool has(const struct nic *n, int bit)
{
	return n->cfg.features & BIT64(bit);
}

static unsigned int segs_of(enum nic_layout layout)
{
	return layout == NIC_ONE ? 1 : layout == NIC_SPLIT ? 2 : 7;
}

/* How many buffers the ring holds, one descriptor or a chain each. */
static unsigned int room(unsigned int num, enum nic_layout layout,
			 bool indirect)
{
	unsigned int n = indirect ? num : num / segs_of(layout);

	return n ? n : 1;
}

static size_t memory_wanted(const struct nic *n)
{
	size_t s = 1 << 20;
	int i;

	for (i = 0; i < 2; i++) {
		size_t num = i ? n->cfg.tx_num : n->cfg.rx_num;

		s += num * 26 + 3 * 4096;
		if (n->cfg.indirect)
			s += num * 16 * RING_INDIRECT_MAX;
	}
	return s + n->rx_bufs * n->rx_stride + n->tx_bufs * n->tx_stride;
}

static void plan_buffers(struct nic *n)
{
	const struct nic_cfg *c = &n->cfg;

	n->rx_bufs = room(c->rx_num, c->rx_layout, c->indirect);
	if (c->rx_bufs && c->rx_bufs < n->rx_bufs)
		n->rx_bufs = c->rx_bufs;
	n->tx_bufs = c->tx_bufs ? c->tx_bufs :
		     c->tx_num < 256 ? c->tx_num : 256;
	n->rx_stride = (c->rx_len + 63) & ~63UL;
	n->tx_stride = (c->tx_len + TX_HEADROOM + 63) & ~63UL;
}

static void alloc_buffers(struct nic *n)
{
	/* Behind an IOMMU what is given and taken is pages. */
	size_t align = n->mem.iommu ? MEM_PAGE : 64;
	unsigned int i;

	n->rx_buf = mem_alloc(&n->mem, n->rx_bufs * n->rx_stride, align, 0);
	n->tx_buf = mem_alloc(&n->mem, n->tx_bufs * n->tx_stride, align,
			      n->mem.count - 1);
	n->tx_free = calloc(n->tx_bufs, sizeof(*n->tx_free));
	n->scratch = malloc(1 << 17);
	NEED(n->tx_free && n->scratch);
	for (i = 0; i < n->tx_bufs; i++)
		n->tx_free[i] = n->tx_bufs - 1 - i;
	n->tx_nfree = n->tx_bufs;
}

void nic_init(struct nic *n, const struct nic_cfg *cfg)
{
	bool ind;

	memset(n, 0, sizeof(*n));
	n->cfg = *cfg;
	if (!n->cfg.regions)
		n->cfg.regions = 1;
	ind = cfg->indirect;
	n->hlen = has(n, VIRTIO_F_VERSION_1) || has(n, VIRTIO_NET_F_MRG_RXBUF) ?
		  12 : 10;
	if (cfg->tunnel)
		n->hlen = TUNNEL_HLEN;
	plan_buffers(n);
	if (cfg->iommu.on) {
		n->cfg.features |= BIT64(VIRTIO_F_ACCESS_PLATFORM);
		mem_init_iommu(&n->mem, n->cfg.regions, memory_wanted(n));
	} else {
		mem_init(&n->mem, n->cfg.regions, memory_wanted(n), cfg->shared);
	}
	/* The rings in the first and the last region, buffers likewise. */
	ring_init(&n->ring[NIC_RX], &n->mem, cfg->rx_num, 0, cfg->base,
		  cfg->features, ind);
	ring_init(&n->ring[NIC_TX], &n->mem, cfg->tx_num, n->mem.count - 1,
		  cfg->base, cfg->features, ind);
	alloc_buffers(n);
	n->dev = -1;
	if (cfg->node)
		nic_open(n, cfg->node);
}

void nic_open(struct nic *n, const char *node)
{
	n->dev = dev_open(node);
	if (n->dev < 0)
		ktap_bail("open %s: %s", node, strerror(-n->dev));
}

int nic_setup_ring(struct nic *n, unsigned int index, unsigned int base)
{
	struct ring *r = &n->ring[index];
	int e;

	e = dev_vring_state(n->dev, VHOST_SET_VRING_NUM, index, r->num);
	if (!e)
		e = dev_vring_state(n->dev, VHOST_SET_VRING_BASE, index, base);
	if (!e)
		e = dev_vring_addr(n->dev, index, r, false, 0);
	if (!e)
		e = dev_vring_file(n->dev, VHOST_SET_VRING_KICK, index,
				   r->kick);
	if (!e)
		e = dev_vring_file(n->dev, VHOST_SET_VRING_CALL, index,
				   r->call);
	if (!e)
		e = dev_vring_file(n->dev, VHOST_SET_VRING_ERR, index, r->err);
	return e;
}

static int set_backends(struct nic *n, int fd)
{
	int e = dev_backend(n->dev, NIC_RX, fd);

	return e ? e : dev_backend(n->dev, NIC_TX, fd);
}

static size_t ring_used_size(const struct nic *n, int i)
{
	return n->ring[i].is_packed ? sizeof(struct vring_packed_desc_event) :
	       6 + 8UL * n->ring[i].num;
}

int nic_start(struct nic *n)
{
	uint64_t msg_v2 = BIT64(VHOST_BACKEND_F_IOTLB_MSG_V2);
	uint8_t kind = VHOST_FORK_OWNER_KTHREAD;
	int i, e = 0;

	if (n->cfg.kthread)
		e = dev_ioctl(n->dev, VHOST_SET_FORK_FROM_OWNER, &kind);
	if (!e)
		e = dev_ioctl(n->dev, VHOST_SET_OWNER, NULL);
	if (!e && n->cfg.iommu.on && !n->cfg.iommu.v1)
		e = dev_ioctl(n->dev, VHOST_SET_BACKEND_FEATURES, &msg_v2);
	if (!e)
		e = n->cfg.tunnel ?
		    dev_set_features_more(n->dev, n->cfg.features, TUNNEL_MORE) :
		    dev_set_features(n->dev, n->cfg.features);
	if (!e)
		e = dev_set_mem(n->dev, &n->mem);
	if (!e && n->cfg.iommu.on)
		iommu_start(&n->iommu, &n->cfg.iommu, &n->mem, n->dev);
	/* What QEMU does: the start reads and writes the used ring. */
	for (i = 0; i < 2 && !e && n->cfg.iommu.on; i++)
		iommu_tell(&n->iommu, n->ring[i].used, ring_used_size(n, i));
	for (i = 0; i < 2 && !e; i++)
		e = nic_setup_ring(n, i, ring_base(&n->ring[i]));
	return e ? e : set_backends(n, n->cfg.backend);
}

int nic_stop(struct nic *n)
{
	unsigned int base;
	int i, e = set_backends(n, -1);

	for (i = 0; i < 2 && !e; i++) {
		e = dev_vring_base(n->dev, i, &base);
		/* All that was taken is used when no backend is left. */
		if (n->ring[i].is_packed && base >> 16 == (uint16_t)base)
			n->ring[i].packed.base = base;
		if (!e && base != ring_base(&n->ring[i]))
			ktap_bail("ring %d: base %#x, not %#x", i, base,
				  ring_base(&n->ring[i]));
	}
	return e;
}

int nic_resume(struct nic *n)
{
	int i, e = 0;

	for (i = 0; i < 2 && !e; i++)
		e = nic_setup_ring(n, i, ring_base(&n->ring[i]));
	return e ? e : set_backends(n, n->cfg.backend);
}

int nic_reset(struct nic *n)
{
	unsigned int i;
	int e = set_backends(n, -1);

	for (i = 0; i < 2 && !e; i++) {
		ring_reset(&n->ring[i], 0);
		e = nic_setup_ring(n, i, ring_base(&n->ring[i]));
	}
	n->held = 0;
	for (i = 0; i < n->tx_bufs; i++)
		n->tx_free[i] = i;
	n->tx_nfree = n->tx_bufs;
	nic_rx_fill(n);
	return e ? e : set_backends(n, n->cfg.backend);
}

void nic_free(struct nic *n)
{
	if (n->iommu.mem)
		iommu_stop(&n->iommu);
	if (n->dev >= 0)
		close(n->dev);
	ring_free(&n->ring[NIC_RX]);
	ring_free(&n->ring[NIC_TX]);
	mem_free(&n->mem);
	free(n->tx_free);
	free(n->scratch);
}

static void rx_post(struct nic *n, uint32_t i)
{
	uint8_t *p = n->rx_buf + i * n->rx_stride;
	unsigned int data = n->cfg.rx_len - n->hlen, part = data / 6 + 1;
	struct ring_seg s[7] = { { .hva = p, .len = n->cfg.rx_len } };
	unsigned int k = 1, at = 0;

	if (n->cfg.rx_layout != NIC_ONE) {
		s[0].len = n->hlen;
		if (n->cfg.rx_layout == NIC_SPLIT)
			part = data;
		for (; at < data; at += s[k++].len) {
			s[k].hva = p + n->hlen + at;
			s[k].len = data - at < part ? data - at : part;
		}
	}
	NEED(ring_add(&n->ring[NIC_RX], s, 0, k, n->cfg.indirect, i));
}

void nic_rx_fill(struct nic *n)
{
	unsigned int i;

	for (i = 0; i < n->rx_bufs; i++)
		rx_post(n, i);
	ring_publish(&n->ring[NIC_RX]);
}

/* The buffers of one frame lie apart: bring them together. */
static void gather(struct nic *n, struct nic_frame *f, uint32_t first,
		   uint32_t len)
{
	struct ring *r = &n->ring[NIC_RX];
	uint32_t i = first;
	unsigned int k;

	f->len = 0;
	f->data = n->scratch;
	for (k = 0; k < f->buffers; k++) {
		unsigned int skip = k ? 0 : n->hlen;

		if (k && !ring_reap(r, &i, &len))
			ktap_bail("only %u of %u merged buffers", k,
				  f->buffers);
		NEED(len >= skip && len <= n->cfg.rx_len);
		memcpy(n->scratch + f->len,
		       n->rx_buf + i * n->rx_stride + skip, len - skip);
		f->len += len - skip;
		n->hold[n->held++] = i;
	}
}

static void read_header(const struct nic *n, struct nic_frame *f, const uint8_t *p)
{
	static const uint8_t no_hash[8];

	memset(&f->hdr, 0, sizeof(f->hdr));
	memcpy(&f->hdr, p, n->cfg.tunnel ? sizeof(f->hdr) : n->hlen);
	f->outer_l4 = f->inner_l3 = 0;
	if (!n->cfg.tunnel)
		return;
	if (memcmp(p + sizeof(f->hdr), no_hash, sizeof(no_hash)))
		ktap_bail("a hash that nobody asked for");
	memcpy(&f->outer_l4, p + 20, 2);
	memcpy(&f->inner_l3, p + 22, 2);
}

static void write_header(const struct nic *n, const struct virtio_net_hdr_v1 *hdr, uint8_t *p)
{
	if (!n->cfg.tunnel) {
		memcpy(p, hdr, n->hlen);
		return;
	}
	memcpy(p, hdr, sizeof(*hdr));
	memset(p + sizeof(*hdr), 0, 8);
	memcpy(p + 20, &n->outer_l4, 2);
	memcpy(p + 22, &n->inner_l3, 2);
}

bool nic_rx(struct nic *n, struct nic_frame *f)
{
	struct ring *r = &n->ring[NIC_RX];
	uint32_t i, len;
	uint8_t *p;

	if (!ring_reap(r, &i, &len))
		return false;
	if (len < n->hlen || len > n->cfg.rx_len)
		ktap_bail("receive buffer %u used with length %u", i, len);
	p = n->rx_buf + i * n->rx_stride;
	read_header(n, f, p);
	f->buffers = 1;
	n->held = 0;
	if (has(n, VIRTIO_NET_F_MRG_RXBUF))
		f->buffers = f->hdr.num_buffers;
	if (f->buffers < 1 || f->buffers > 64)
		ktap_bail("num_buffers %u", f->buffers);
	if (f->buffers > 1) {
		gather(n, f, i, len);
		return true;
	}
	f->data = p + n->hlen;
	f->len = len - n->hlen;
	n->hold[n->held++] = i;
	return true;
}

void nic_rx_done(struct nic *n)
{
	unsigned int i;

	for (i = 0; i < n->held; i++)
		rx_post(n, n->hold[i]);
	n->held = 0;
}

uint8_t *nic_tx_slot(struct nic *n)
{
	if (!n->tx_nfree)
		return NULL;
	return n->tx_buf + n->tx_free[n->tx_nfree - 1] * n->tx_stride +
	       TX_HEADROOM;
}

static unsigned int tx_pieces(struct ring_seg *s, uint8_t *p, unsigned int len)
{
	unsigned int k = 0, at = 0, part = (len - 14) / 5 + 1;

	while (at < len) {
		unsigned int l = k ? part : 14;

		s[k].hva = p + at;
		s[k].len = len - at < l ? len - at : l;
		at += s[k++].len;
	}
	return k;
}

bool nic_tx(struct nic *n, const struct virtio_net_hdr_v1 *hdr,
	    unsigned int len, enum nic_layout layout, bool indirect)
{
	struct ring_seg s[8] = { 0 };
	uint8_t *p = nic_tx_slot(n);
	unsigned int k = 1;

	NEED(p && len <= n->cfg.tx_len);
	write_header(n, hdr, p - n->hlen);
	s[0].hva = p - n->hlen;
	s[0].len = n->hlen;
	if (layout == NIC_ONE)
		s[0].len += len;
	else if (layout == NIC_SPLIT)
		s[k++] = (struct ring_seg){ .hva = p, .len = len };
	else
		k += tx_pieces(s + 1, p, len);
	if (!ring_add(&n->ring[NIC_TX], s, k, 0, indirect,
		      n->tx_free[n->tx_nfree - 1]))
		return false;
	n->tx_nfree--;
	return true;
}

unsigned int nic_tx_reclaim(struct nic *n)
{
	unsigned int done = 0;
	uint32_t i, len;

	while (ring_reap(&n->ring[NIC_TX], &i, &len)) {
		n->tx_free[n->tx_nfree++] = i;
		n->tx_used_len += len;
		done++;
	}
	return done;
}
