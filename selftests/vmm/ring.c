// SPDX-License-Identifier: GPL-2.0
/*
 * ring.c - the driver's side of a virtqueue. That of a packed one differs in
 * ring_packed.c.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "ktap.h"
#include "vmm.h"

#define LOAD(p)		__atomic_load_n((p), __ATOMIC_ACQUIRE)
#define STORE(p, v)	__atomic_store_n((p), (v), __ATOMIC_RELEASE)

static void alloc_tables(struct ring *r, unsigned int region, bool indirect)
{
	unsigned int num = r->num;

	if (r->is_packed) {
		packed_alloc(r, region, indirect);
		return;
	}
	r->desc = mem_alloc(r->mem, 16UL * num, 4096, region);
	r->avail = mem_alloc(r->mem, 6 + 2UL * num, 4096, region);
	r->used = mem_alloc(r->mem, 6 + 8UL * num, 4096, region);
	if (indirect)
		r->indirect = mem_alloc(r->mem,
					16UL * num * RING_INDIRECT_MAX, 4096,
					region);
	r->used_event = &r->avail->ring[num];
	r->avail_event = (uint16_t *)&r->used->ring[num];
}

void ring_init(struct ring *r, struct mem *mem, unsigned int num,
	       unsigned int region, uint16_t base, uint64_t features,
	       bool indirect)
{
	memset(r, 0, sizeof(*r));
	r->mem = mem;
	r->num = num;
	r->event_idx = features & BIT64(VIRTIO_RING_F_EVENT_IDX);
	r->is_packed = features & BIT64(VIRTIO_F_RING_PACKED);
	r->in_order = features & BIT64(VIRTIO_F_IN_ORDER);
	alloc_tables(r, region, indirect);
	r->token = calloc(num, sizeof(*r->token));
	r->chain = calloc(num, sizeof(*r->chain));
	r->order = calloc(num, sizeof(*r->order));
	NEED(r->token && r->chain && r->order);
	ring_reset(r, base);
	r->kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	r->call = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	r->err = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	r->kick2 = r->call2 = -1;
	NEED(r->kick >= 0 && r->call >= 0 && r->err >= 0);
}

void ring_reset(struct ring *r, uint16_t base)
{
	unsigned int i;

	memset(r->desc, 0, 16UL * r->num);
	memset(r->chain, 0, r->num * sizeof(*r->chain));
	r->out = r->reaped = 0;
	r->batch = false;
	if (r->is_packed) {
		packed_reset(r, base);
		return;
	}
	memset(r->avail, 0, 6 + 2UL * r->num);
	memset(r->used, 0, 6 + 8UL * r->num);
	for (i = 0; i < r->num; i++)
		r->desc[i].next = i + 1;
	r->free_count = r->num;
	r->free_head = 0;
	r->avail_idx = base;
	r->last_used = base;
	r->kicked = base;
	r->avail->idx = base;
	r->used->idx = base;
	*r->used_event = base;
}

unsigned int ring_base(const struct ring *r)
{
	return r->is_packed ? r->packed.base : r->used->idx;
}

void ring_desc(struct ring *r, unsigned int i, uint64_t gpa, uint32_t len,
	       uint16_t flags, uint16_t next)
{
	r->desc[i] = (struct vring_desc){ gpa, len, flags, next };
}

void ring_avail(struct ring *r, uint16_t head)
{
	r->avail->ring[r->avail_idx % r->num] = head;
	STORE(&r->avail->idx, ++r->avail_idx);
	r->kicked = r->avail_idx;
	ring_kick(r);
}

void ring_free(struct ring *r)
{
	free(r->token);
	free(r->chain);
	free(r->order);
	free(r->packed.id);
	close(r->kick);
	close(r->call);
	close(r->err);
}

static void fill(struct ring *r, struct vring_desc *d,
		 const struct ring_seg *seg, uint16_t flags)
{
	d->addr = seg->hva ? mem_dma(r->mem, seg->hva) : seg->gpa;
	d->len = seg->len;
	d->flags = flags;
}

static void add_indirect(struct ring *r, const struct ring_seg *seg,
			 unsigned int out, unsigned int in)
{
	struct vring_desc *head = &r->desc[r->free_head];
	struct vring_desc *tab;
	unsigned int i, n = out + in;

	NEED(n <= RING_INDIRECT_MAX);
	tab = r->indirect + (size_t)r->free_head * RING_INDIRECT_MAX;
	for (i = 0; i < n; i++) {
		fill(r, &tab[i], &seg[i],
		     (i < n - 1 ? VRING_DESC_F_NEXT : 0) |
		     (i >= out ? VRING_DESC_F_WRITE : 0));
		tab[i].next = i + 1;
	}
	head->addr = mem_dma(r->mem, tab);
	head->len = n * 16;
	head->flags = VRING_DESC_F_INDIRECT;
	r->free_head = head->next;
}

static void add_direct(struct ring *r, const struct ring_seg *seg,
		       unsigned int out, unsigned int in)
{
	unsigned int i, n = out + in;

	for (i = 0; i < n; i++) {
		struct vring_desc *d = &r->desc[r->free_head];

		fill(r, d, &seg[i], (i < n - 1 ? VRING_DESC_F_NEXT : 0) |
		     (i >= out ? VRING_DESC_F_WRITE : 0));
		r->free_head = d->next;
	}
}

bool ring_add(struct ring *r, const struct ring_seg *seg, unsigned int out,
	      unsigned int in, bool indirect, uint32_t token)
{
	unsigned int n = indirect ? 1 : out + in;
	uint16_t head = r->free_head;

	if (r->free_count < n)
		return false;
	if (r->is_packed)
		head = packed_add(r, seg, out, in, indirect);
	else if (indirect)
		add_indirect(r, seg, out, in);
	else
		add_direct(r, seg, out, in);
	r->free_count -= n;
	r->token[head] = token;
	r->chain[head] = n;
	r->order[r->out++ % r->num] = head;
	if (r->is_packed)
		return true;
	r->avail->ring[r->avail_idx % r->num] = head;
	r->avail_idx++;
	return true;
}

void ring_kick(struct ring *r)
{
	uint64_t one = 1;

	NEED(write(r->kick, &one, sizeof(one)) == sizeof(one));
	if (r->kick2 >= 0)
		NEED(write(r->kick2, &one, sizeof(one)) == sizeof(one));
	r->kicks++;
}

void ring_publish(struct ring *r)
{
	uint16_t old = r->kicked;

	if (r->is_packed) {
		packed_publish(r);
		return;
	}
	if (r->avail->idx == r->avail_idx && old == r->avail_idx)
		return;
	STORE(&r->avail->idx, r->avail_idx);
	/* The device stores its wish, fences, reads idx: pairs with that. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	r->kicked = r->avail_idx;
	if (r->event_idx) {
		if (vring_need_event(LOAD(r->avail_event), r->avail_idx, old))
			ring_kick(r);
	} else if (!(LOAD(&r->used->flags) & VRING_USED_F_NO_NOTIFY)) {
		ring_kick(r);
	}
}

static bool next_used(struct ring *r, uint32_t *head, uint32_t *len)
{
	struct vring_used_elem *e = &r->used->ring[r->last_used % r->num];

	if (r->is_packed)
		return packed_has_used(r, head, len);
	if (LOAD(&r->used->idx) == r->last_used)
		return false;
	*head = e->id;
	*len = e->len;
	return true;
}

bool ring_has_used(struct ring *r)
{
	uint32_t head, len;

	return r->batch || next_used(r, &head, &len);
}

static void put_chain(struct ring *r, uint16_t head)
{
	uint16_t last = head;
	unsigned int i;

	r->reaped++;
	if (r->is_packed) {
		packed_put(r, head);
		return;
	}
	r->last_used++;
	for (i = 1; i < r->chain[head]; i++)
		last = r->desc[last].next;
	r->desc[last].next = r->free_head;
	r->free_head = head;
	r->free_count += r->chain[head];
	r->chain[head] = 0;
}

bool ring_reap(struct ring *r, uint32_t *token, uint32_t *len)
{
	uint32_t head = r->batch_head;

	if (!r->batch && !next_used(r, &head, &r->batch_len))
		return false;
	if (head >= r->num || !r->chain[head])
		ktap_bail("the device used head %u, which is not out", head);
	r->batch_head = head;
	if (r->in_order)
		head = r->order[r->reaped % r->num];
	/* Of those before it the device has written nothing. */
	r->batch = head != r->batch_head;
	*token = r->token[head];
	*len = r->batch ? 0 : r->batch_len;
	put_chain(r, head);
	return true;
}

bool ring_call_on(struct ring *r)
{
	if (r->is_packed) {
		packed_call(r, true);
		return !ring_has_used(r);
	}
	STORE(&r->avail->flags, 0);
	STORE(r->used_event, r->last_used);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return !ring_has_used(r);
}

void ring_call_off(struct ring *r)
{
	if (r->is_packed)
		packed_call(r, false);
	else if (r->event_idx)
		STORE(r->used_event, r->last_used - 1);
	else
		STORE(&r->avail->flags, VRING_AVAIL_F_NO_INTERRUPT);
}

uint64_t eventfd_take(int fd)
{
	uint64_t v;

	if (read(fd, &v, sizeof(v)) == sizeof(v))
		return v;
	NEED(errno == EAGAIN);
	return 0;
}

bool wait_fd(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int r;

	do
		r = poll(&p, 1, timeout_ms * (int)ktap_slow());
	while (r < 0 && errno == EINTR);
	NEED(r >= 0);
	return r == 1;
}
