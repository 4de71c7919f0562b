// SPDX-License-Identifier: GPL-2.0
/*
 * rings_packed.c - the nonsense that a guest can write into packed rings, and what a
 * VMM may say of them. See rings.c.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/mman.h>

#include "rings.h"

#define F_N VRING_DESC_F_NEXT
#define F_W VRING_DESC_F_WRITE
#define F_I VRING_DESC_F_INDIRECT
#define WRAP 0x8000

static uint16_t direction(const struct bench *b, const struct ring *r)
{
	return r == &b->nic.ring[NIC_RX] ? F_W : 0;
}

/* As it stands, where the device looks next. */
static void put(struct ring *r, uint64_t gpa, uint32_t len, uint16_t flags)
{
	struct ring_packed *p = &r->packed;
	struct vring_packed_desc *d = &p->desc[p->next & ~WRAP];

	d->addr = gpa;
	d->len = len;
	d->id = 0;
	flags |= p->next & WRAP ? 0x80 : 0x8000;
	__atomic_store_n(&d->flags, flags, __ATOMIC_RELEASE);
	p->next = (p->next & ~WRAP) + 1u < r->num ? p->next + 1 : (p->next & WRAP) ^ WRAP;
}

static void put_one(struct ring *r, uint64_t gpa, uint32_t len, uint16_t flags)
{
	put(r, gpa, len, flags);
	ring_kick(r);
}

static void around(struct bench *b, struct ring *r)
{
	unsigned int i;

	for (i = 0; i < r->num; i++)
		put(r, pad_gpa, 64, F_N | direction(b, r));
	ring_kick(r);
}

static struct vring_packed_desc *table(void)
{
	return (struct vring_packed_desc *)(pad + 4096);
}

static void indirect_empty(struct bench *b, struct ring *r)
{
	(void)b;
	put_one(r, pad_gpa + 4096, 0, F_I);
}

static void indirect_odd(struct bench *b, struct ring *r)
{
	*table() = (struct vring_packed_desc){ .addr = pad_gpa, .len = 64,
					       .flags = direction(b, r) };
	put_one(r, pad_gpa + 4096, 24, F_I);
}

/* Of descriptors without a byte. */
static void indirect_huge(struct bench *b, struct ring *r)
{
	(void)b;
	*table() = (struct vring_packed_desc){ 0 };
	put_one(r, pad_gpa + 4096, 0xfffffff0, F_I);
}

static void indirect_outside(struct bench *b, struct ring *r)
{
	(void)b;
	put_one(r, 0x1000, 16, F_I);
}

static void zero_length(struct bench *b, struct ring *r)
{
	put_one(r, pad_gpa, 0, direction(b, r));
}

static void outside(struct bench *b, struct ring *r)
{
	put_one(r, 0x1000, 2048, direction(b, r));
}

static void wraps(struct bench *b, struct ring *r)
{
	put_one(r, ~0ULL - 100, 2048, direction(b, r));
}

static void out_after_in(struct bench *b, struct ring *r)
{
	struct ring_packed *p = &r->packed;
	uint16_t at = p->next;

	/* The second first: the device looks once it sees the other. */
	(void)b;
	p->next = (at & ~WRAP) + 1u < r->num ? at + 1 : (at & WRAP) ^ WRAP;
	put(r, pad_gpa, 64, 0);
	p->next = at;
	put_one(r, pad_gpa, 64, F_W | F_N);
}

static void wrong_way(struct bench *b, struct ring *r)
{
	put_one(r, pad_gpa, 2048, direction(b, r) ^ F_W);
}

static void ring_gone(struct bench *b, struct ring *r)
{
	(void)b;
	protect(r->packed.desc, PROT_NONE);
	ring_kick(r);
}

static void ring_readonly(struct bench *b, struct ring *r)
{
	put(r, pad_gpa, 2048, direction(b, r));
	protect(r->packed.desc, PROT_READ);
	ring_kick(r);
}

static void event_gone(struct bench *b, struct ring *r)
{
	put(r, pad_gpa, 2048, direction(b, r));
	protect(r->packed.device, PROT_NONE);
	ring_kick(r);
}

const struct hostile packed_hostiles[] = {
	BOTH("chain that goes around", LOOP, around),
	BOTH("indirect, empty table", INDIRECT, indirect_empty),
	BOTH("indirect, 24 bytes", INDIRECT, indirect_odd),
	BOTH("indirect, 4 GiB of nothing", LOOP, indirect_huge),
	BOTH("indirect, outside the memory table", INDIRECT, indirect_outside),
	BOTH("zero length", LEN, zero_length),
	BOTH("outside the memory table", ADDR, outside),
	BOTH("address that wraps", ADDR, wraps),
	BOTH("readable after writable", ORDER, out_after_in),
	BOTH("wrong direction", ORDER, wrong_way),
	BOTH("ring unmapped", FAULT, ring_gone),
	BOTH("ring read-only", FAULT, ring_readonly),
	{ "event structure unmapped", NIC_TX, VHOST_XDP_STAT_RING_FAULT, event_gone, false },
};

const unsigned int packed_hostiles_nr = sizeof(packed_hostiles) / sizeof(packed_hostiles[0]);

static int set_base(struct bench *b, unsigned int base)
{
	return dev_vring_state(b->nic.dev, VHOST_SET_VRING_BASE, NIC_TX, base);
}

static int set_num(struct bench *b, unsigned int num)
{
	return dev_vring_state(b->nic.dev, VHOST_SET_VRING_NUM, NIC_TX, num);
}

/* A base is stored as it comes; a start looks at it. */
static bool starts(struct bench *b, unsigned int base, int want)
{
	int fd = b->nic.dev;

	return CHECK(!set_base(b, base)) &&
	       CHECK(dev_backend(fd, NIC_TX, b->nic.cfg.backend) == want) &&
	       CHECK(!dev_backend(fd, NIC_TX, -1));
}

static bool bases(struct bench *b)
{
	unsigned int base = 0;

	/* The upper half is where used buffers go next; left out, the same place. */
	if (!starts(b, 0x80058005, 0) || !starts(b, 0x8005, 0) ||
	    !CHECK(!dev_vring_base(b->nic.dev, NIC_TX, &base)) || !CHECK(base == 0x80058005))
		return false;
	return starts(b, (0x8000 | NUM) * 0x10001U, -EINVAL) &&
	       starts(b, 0x80038002, -EINVAL) && starts(b, 0x80028003, 0);
}

static bool numbers(struct bench *b)
{
	return CHECK(set_num(b, 0) == -EINVAL) && CHECK(set_num(b, 0x8001) == -EINVAL) &&
	       CHECK(!set_num(b, 0x8000)) && CHECK(!set_num(b, 15)) && CHECK(!set_num(b, NUM));
}

static bool alignment(struct bench *b)
{
	struct ring r = b->nic.ring[NIC_TX];
	bool ok;

	r.avail = (struct vring_avail *)((char *)r.avail + 2);
	ok = CHECK(!dev_vring_addr(b->nic.dev, NIC_TX, &r, false, 0)) &&
	     starts(b, 0x80008000, -EINVAL);
	r = b->nic.ring[NIC_TX];
	r.desc = (struct vring_desc *)((char *)r.desc + 8);
	return ok && CHECK(!dev_vring_addr(b->nic.dev, NIC_TX, &r, false, 0)) &&
	       starts(b, 0x80008000, -EINVAL);
}

/* The same while it runs: it goes on where it was. */
static bool alignment_running(struct bench *b)
{
	struct ring r = b->nic.ring[NIC_TX];
	bool ok;

	r.used = (struct vring_used *)((char *)r.used + 2);
	ok = CHECK(dev_vring_addr(b->nic.dev, NIC_TX, &r, false, 0) == -EINVAL);
	r = b->nic.ring[NIC_TX];
	r.desc = (struct vring_desc *)((char *)r.desc + 8);
	return ok && CHECK(dev_vring_addr(b->nic.dev, NIC_TX, &r, false, 0) == -EINVAL) &&
	       CHECK(flow_run(b, 20, 20));
}

void packed_abi(struct bench *b)
{
	uint64_t features = b->nic.cfg.features;
	int fd = b->nic.dev;

	ktap_case(60, "a ring that runs stays packed");
	ktap_ok(CHECK(dev_set_features(fd, features & ~BIT64(VIRTIO_F_RING_PACKED)) == -EBUSY) &&
		CHECK(!dev_set_features(fd, features)));
	ktap_case(60, "alignment of a packed ring that runs");
	ktap_ok(alignment_running(b));
	NEED(!nic_stop(&b->nic));
	ktap_case(60, "sizes of packed rings");
	ktap_ok(numbers(b));
	ktap_case(60, "bases of packed rings");
	ktap_ok(bases(b));
	ktap_case(60, "alignment of packed rings");
	ktap_ok(alignment(b));
	ktap_case(60, "a ring that was stopped need not stay packed");
	ktap_ok(CHECK(!set_num(b, 15)) &&
		CHECK(!dev_set_features(fd, features & ~BIT64(VIRTIO_F_RING_PACKED))) &&
		CHECK(dev_backend(fd, NIC_TX, b->nic.cfg.backend) == -EINVAL) &&
		CHECK(!set_num(b, NUM)) && CHECK(!dev_set_features(fd, features)));
	ktap_case(60, "and all goes on from the beginning");
	NEED(!nic_reset(&b->nic));
	bench_resync(b);
	ktap_ok(CHECK(flow_run(b, 20, 20)));
}
