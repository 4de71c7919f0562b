// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz_iotlb.c - any table of a virtual IOMMU, and a ring behind it of which VMM and
 * driver say anything (kmod/core/iotlb.c, parts.c, chain.c): what is found is what the
 * plainest search finds, what is missing is missing, nothing is written that may only be
 * read, each turn ends.
 */
#include <linux/vhost_xdp.h>

#include "feed.h"
#include "vring.h"

#define ARENA		0x7f0000000000ULL
#define ARENA_SIZE	0x4000ULL
/* The first half may only be read, whoever says what. */
#define ARENA_RO	0x2000ULL
#define LOG		0x300000000000ULL
#define LOG_SIZE	64
#define RANGES_MAX	256
#define OPS_MAX		256
#define IOV_MAX		64
/* A chain of tables of one descriptor each, every byte of all in another range. */
#define ACCESSES_MAX	(100 + 17 * 2 * (VXDP_CHAIN_DESC_MAX + 1))

static const u64 iovas[] = { 0x1000, 0x1100, 0x8000, 0, ~0ULL };
static const u64 sizes[] = { 0x10, 0x100, 0x1000, 2, 0, ~0ULL };

struct range {
	u64 start, last, uaddr;
	u32 perm;
};

struct fuzz {
	struct vxdp_iotlb *t;
	struct range range[RANGES_MAX];		/* as they came */
	u32 nr;
	struct vxdp_memory *mem;
	struct vxdp_vring vr;
	u8 *arena;
	struct iovec iov[IOV_MAX];
	struct vxdp_seg seg[IOV_MAX];
};

static struct fuzz fuzz;

static const struct range *plain_find(const struct fuzz *z, u64 iova)
{
	const struct range *best = NULL;
	u32 i;

	for (i = 0; i < z->nr; i++) {
		if (iova >= z->range[i].start && iova <= z->range[i].last &&
		    (!best || z->range[i].start < best->start))
			best = &z->range[i];
	}
	return best;
}

static void add(struct fuzz *z, struct feed *f)
{
	u64 iova = feed_near(f, iovas, ARRAY_SIZE(iovas));
	u64 size = feed_near(f, sizes, ARRAY_SIZE(sizes));
	u64 off = feed_u16(f) % ARENA_SIZE, uaddr = ARENA + off;
	u32 perm = feed_u8(f);
	bool ok;
	int ret;

	if (z->nr == RANGES_MAX)
		return;
	/* A VMM tells of memory that it has, or of what is none of it. */
	if (perm & 0x80)
		uaddr = ~0ULL - off;
	else
		size = min(size, ARENA_SIZE - off);
	if (off < ARENA_RO)
		perm &= ~(u32)VHOST_ACCESS_WO;
	ok = size && iova + (size - 1) >= iova && uaddr + (size - 1) >= uaddr &&
	     (!(perm & VHOST_ACCESS_RW) || us_access_ok(uaddr, size));
	ret = vxdp_iotlb_add(z->t, iova, size, uaddr, perm);
	MUST(ok ? !ret : ret == (size ? -EFAULT : -EINVAL));
	if (ok)
		z->range[z->nr++] = (struct range){ iova, iova + (size - 1), uaddr,
						    perm & VHOST_ACCESS_RW };
	MUST(z->t->nr == z->nr);
}

static void take_out(struct fuzz *z, struct feed *f)
{
	u64 iova = feed_near(f, iovas, ARRAY_SIZE(iovas));
	u64 size = feed_near(f, sizes, ARRAY_SIZE(sizes)), last = iova + size - 1;
	u32 i, n = 0;

	vxdp_iotlb_remove(z->t, iova, size);
	for (i = 0; i < z->nr; i++) {
		if (z->range[i].start > last || z->range[i].last < iova)
			z->range[n++] = z->range[i];
	}
	z->nr = n;
	MUST(z->t->nr == n);
}

/* An iovec is in one range, and may be what it is wanted for. */
static void piece_ok(const struct fuzz *z, u64 iova, const struct iovec *iov, u32 perm)
{
	const struct range *r = plain_find(z, iova);

	MUST(iov->iov_len && r && (r->perm & perm) == perm);
	MUST((u64)iov->iov_base == r->uaddr + (iova - r->start));
	MUST(iov->iov_len - 1 <= r->last - iova);
}

static void is_missing(const struct fuzz *z, u64 iova, u32 perm, bool known)
{
	const struct range *r = plain_find(z, iova);

	MUST(known ? r && (r->perm & perm) != perm : !r);
}

static void look(struct fuzz *z, struct feed *f)
{
	u64 iova = feed_near(f, iovas, ARRAY_SIZE(iovas)), at = iova, missing = 0, uaddr = 0;
	u64 len = feed_near(f, sizes, ARRAY_SIZE(sizes));
	u32 i, max = feed_u8(f) % 8, perm = 1 + feed_u8(f) % 3;
	struct iovec *iov = exactly(NULL, max * sizeof(*iov));
	int ret = vxdp_iotlb_translate(z->t, iova, len, perm, iov, max, &missing);

	MUST(ret <= (int)max);
	for (i = 0; (int)i < ret; at += iov[i++].iov_len)
		piece_ok(z, at, &iov[i], perm);
	MUST(ret < 0 || at == iova + len);
	if (len && iova + (len - 1) < iova)
		MUST(ret == -EFAULT);
	else if (ret == -EAGAIN || ret == -EPERM)
		is_missing(z, missing, perm, ret == -EPERM);
	else
		MUST(ret >= 0 || ret == -ENOBUFS);
	if (len)
		i = vxdp_iotlb_cover(z->t, iova, len, perm, &uaddr, &missing) == 1;
	if (len && i)
		MUST(plain_find(z, iova) && uaddr == plain_find(z, iova)->uaddr +
		     (iova - plain_find(z, iova)->start));
	free(iov);
}

/* Every descriptor's buffer is somewhere; the iovecs know no IO virtual address. */
static void chain_ok(const struct fuzz *z, const struct vxdp_chain *c)
{
	u64 sum[2] = { 0 };
	u32 i;

	MUST(c->out_num + c->in_num <= IOV_MAX && c->seg_num <= c->in_num);
	for (i = 0; i < c->out_num + c->in_num; i++) {
		u64 off = (u64)c->iov[i].iov_base - ARENA;

		MUST(off < ARENA_SIZE && c->iov[i].iov_len <= ARENA_SIZE - off);
		MUST(i < c->out_num || off >= ARENA_RO);
		sum[i >= c->out_num] += c->iov[i].iov_len;
	}
	MUST(sum[0] == c->out_len && sum[1] == c->in_len);
	(void)z;
}

static void miss_ok(const struct fuzz *z)
{
	const struct vxdp_miss *miss = &z->vr.miss;

	MUST(!miss->perm || !z->vr.error);
	if (miss->perm)
		is_missing(z, miss->iova, miss->perm, !miss->ask);
}

static void serve(struct fuzz *z, struct feed *f)
{
	struct vxdp_vring *vr = &z->vr;
	struct vxdp_chain c = { .iov = z->iov, .iov_max = IOV_MAX, .seg = z->seg };
	u32 n = feed_u8(f) % 4;
	struct vxdp_used used;
	int ret;

	vxdp_vring_disable_kick(vr);
	while (n--) {
		ret = vxdp_vring_next(vr, &c);
		miss_ok(z);
		MUST(ret < 0 ? vr->error || vr->miss.perm : !vr->error && !vr->miss.perm);
		if (ret <= 0)
			break;
		chain_ok(z, &c);
		used = (struct vxdp_used){ c.head, c.in_len };
		if (vr->log_all)
			MUST(!vxdp_vring_log_chain(vr, &c, c.in_len) || vr->error);
		MUST(!vxdp_vring_add_used(vr, &used, 1) || vr->error);
		vxdp_vring_need_signal(vr);
	}
	vxdp_vring_enable_kick(vr);
}

/* What is on end is where the table says now. */
static void parts_ok(const struct fuzz *z)
{
	const u64 at[VXDP_PARTS] = { z->vr.desc, z->vr.avail, z->vr.used };
	const struct range *r;
	u32 i;

	for (i = 0; i < VXDP_PARTS && z->vr.iotlb && !z->vr.scattered; i++) {
		r = plain_find(z, z->vr.iova[i]);
		MUST(r && at[i] == r->uaddr + (z->vr.iova[i] - r->start));
	}
}

static void turn(struct fuzz *z, struct feed *f)
{
	unsigned long before = us_accesses();

	if (z->vr.error)
		return;
	if (vxdp_vring_ready(&z->vr)) {
		parts_ok(z);
		serve(z, f);
	} else {
		miss_ok(z);
	}
	MUST(us_accesses() - before <= 4 * ACCESSES_MAX);
}

static void start(struct fuzz *z, struct feed *f)
{
	struct vxdp_vring *vr = &z->vr;
	int ret;

	vr->last_avail = feed_u16(f);
	vr->last_used = vxdp_vring_packed(vr) ? feed_u16(f) : 0;
	vr->error = 0;
	ret = vxdp_vring_start(vr);
	if (!ret)
		MUST(!vr->error);
	else
		MUST(ret == -EFAULT || ret == -EINVAL);
	if (vr->iotlb && ret == -EFAULT && vr->miss.perm)
		miss_ok(z);
	/* Who could not start it does not serve it. */
	if (ret)
		vr->error = VHOST_XDP_STAT_RING_FAULT;
}

static void set(struct fuzz *z, struct feed *f)
{
	u64 desc = feed_near(f, iovas, ARRAY_SIZE(iovas));
	u64 avail = feed_near(f, iovas, ARRAY_SIZE(iovas)) & ~1ULL;
	u64 used = feed_near(f, iovas, ARRAY_SIZE(iovas)) & ~3ULL;

	/* As VHOST_SET_VRING_ADDR sees to it. */
	if (vxdp_vring_packed(&z->vr)) {
		desc &= ~15ULL;
		avail &= ~3ULL;
	}
	vxdp_vring_set_addr(&z->vr, desc, avail, used);
}

static void write_bytes(struct fuzz *z, struct feed *f)
{
	u16 at = feed_u16(f) % ARENA_SIZE;
	u32 len = min_t(u64, feed_u8(f) % 64, ARENA_SIZE - at);

	feed_bytes(f, z->arena + at, len);
}

static void step(struct fuzz *z, struct feed *f)
{
	switch (feed_u8(f) % 12) {
	case 0:
	case 1:
	case 2:
		add(z, f);
		break;
	case 3:
		take_out(z, f);
		break;
	case 4:
		look(z, f);
		break;
	case 5:
		set(z, f);
		break;
	case 6:
		start(z, f);
		break;
	case 7:
	case 8:
		write_bytes(z, f);
		break;
	case 9:
		vxdp_vring_set_iotlb(&z->vr, feed_u8(f) == 0xff ? NULL : z->t);
		break;
	default:
		turn(z, f);
	}
}

static void make(struct fuzz *z, struct feed *f)
{
	struct vhost_memory_region r = {
		.guest_phys_addr = 0x1000, .memory_size = ARENA_SIZE / 2,
		.userspace_addr = ARENA + ARENA_SIZE / 2,
	};
	u8 how = feed_u8(f);
	int err;

	us_reset();
	memset(z, 0, sizeof(*z));
	z->arena = us_map(ARENA, ARENA_SIZE);
	us_allow(ARENA + ARENA_RO, ARENA_SIZE - ARENA_RO, true);
	us_map(LOG, LOG_SIZE);
	us_allow(LOG, LOG_SIZE, true);
	z->t = vxdp_iotlb_create();
	z->mem = vxdp_memory_create(&r, 1, &err);
	MUST(z->t && z->mem);
	z->vr.mem = z->mem;
	z->vr.num = how & 1 ? 4 : 1;
	z->vr.features = (how & 2 ? 1ULL << VIRTIO_RING_F_EVENT_IDX : 0) |
			 (how & 4 ? 1ULL << VIRTIO_F_RING_PACKED : 0) |
			 (how & 8 ? 1ULL << VIRTIO_F_IN_ORDER : 0);
	vxdp_vring_set_iotlb(&z->vr, z->t);
	z->vr.log_base = LOG;
	z->vr.log_all = how & 16;
	z->vr.log_used = how & 32;
	/* It begins with a ring that can be served, or with nothing. */
	if (how & 64)
		return;
	vxdp_vring_set_addr(&z->vr, 0x1000, 0x1100, 0x1200);
	MUST(!vxdp_iotlb_add(z->t, 0x1000, 0x1000, ARENA + ARENA_RO, VHOST_ACCESS_RW));
	z->range[z->nr++] = (struct range){ 0x1000, 0x1fff, ARENA + ARENA_RO, VHOST_ACCESS_RW };
	z->vr.last_avail = how & 4 ? 0x8000 : 0;
	z->vr.last_used = z->vr.last_avail;
	MUST(!vxdp_vring_start(&z->vr));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct feed f = { data, size };
	u32 i;

	make(&fuzz, &f);
	for (i = 0; i < OPS_MAX && f.left; i++)
		step(&fuzz, &f);
	vxdp_iotlb_free(fuzz.t);
	vxdp_memory_free(fuzz.mem);
	MUST(us_clean());
	return 0;
}
