// SPDX-License-Identifier: GPL-2.0
/*
 * ring_packed.c - the driver's side of a packed virtqueue (virtio 1.3, 2.8), for ring.c.
 *
 * What is added is written at once, but for the flags of the first since the last
 * ring_publish(): the device cannot see past that.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "ktap.h"
#include "vmm.h"

#define LOAD(p)		__atomic_load_n((p), __ATOMIC_ACQUIRE)
#define STORE(p, v)	__atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define WRAP		0x8000
#define AVAIL		0x80
#define USED		0x8000

void packed_alloc(struct ring *r, unsigned int region, bool indirect)
{
	struct ring_packed *p = &r->packed;

	p->desc = mem_alloc(r->mem, sizeof(*p->desc) * r->num, 4096, region);
	p->driver = mem_alloc(r->mem, sizeof(*p->driver), 4096, region);
	p->device = mem_alloc(r->mem, sizeof(*p->device), 4096, region);
	if (indirect)
		p->indirect = mem_alloc(r->mem, sizeof(*p->desc) * r->num * RING_INDIRECT_MAX,
					4096, region);
	p->id = calloc(r->num, sizeof(*p->id));
	NEED(p->id);
	r->desc = (struct vring_desc *)p->desc;
	r->avail = (struct vring_avail *)p->driver;
	r->used = (struct vring_used *)p->device;
}

static uint16_t forward(const struct ring *r, uint16_t place, unsigned int n)
{
	unsigned int i = (place & ~WRAP) + n;

	place &= WRAP;
	return i < r->num ? i | place : (i - r->num) | (place ^ WRAP);
}

void packed_reset(struct ring *r, uint16_t base)
{
	struct ring_packed *p = &r->packed;
	unsigned int i;

	memset(p->driver, 0, sizeof(*p->driver));
	memset(p->device, 0, sizeof(*p->device));
	p->next = base % r->num | WRAP;
	p->used = p->next;
	p->base = p->next * 0x10001U;
	p->added = 0;
	r->free_count = r->num;
	for (i = 0; i < r->num; i++)
		p->id[i] = i;
	p->ids = r->num;
	/* What is before the base was used once. */
	for (i = 0; i < (p->next & ~WRAP); i++)
		p->desc[i].flags = AVAIL | USED;
}

static void fill(struct ring *r, struct vring_packed_desc *d, const struct ring_seg *seg)
{
	d->addr = seg->hva ? mem_dma(r->mem, seg->hva) : seg->gpa;
	d->len = seg->len;
}

static void write_table(struct ring *r, struct vring_packed_desc *t,
			const struct ring_seg *seg, unsigned int out, unsigned int in)
{
	unsigned int i;

	NEED(out + in <= RING_INDIRECT_MAX);
	for (i = 0; i < out + in; i++) {
		fill(r, &t[i], &seg[i]);
		t[i].flags = i >= out ? VRING_DESC_F_WRITE : 0;
	}
}

uint16_t packed_add(struct ring *r, const struct ring_seg *seg, unsigned int out,
		    unsigned int in, bool indirect)
{
	struct ring_packed *p = &r->packed;
	unsigned int i, n = indirect ? 1 : out + in;
	uint16_t id = p->id[--p->ids], flags;
	struct vring_packed_desc *d, *t;

	for (i = 0; i < n; i++, p->next = forward(r, p->next, 1)) {
		d = &p->desc[p->next & ~WRAP];
		flags = p->next & WRAP ? AVAIL : USED;
		d->id = id;
		if (indirect) {
			t = p->indirect + (size_t)id * RING_INDIRECT_MAX;
			write_table(r, t, seg, out, in);
			d->addr = mem_dma(r->mem, t);
			d->len = (out + in) * sizeof(*t);
			flags |= VRING_DESC_F_INDIRECT;
		} else {
			fill(r, d, &seg[i]);
			flags |= (i >= out ? VRING_DESC_F_WRITE : 0) |
				 (i < n - 1 ? VRING_DESC_F_NEXT : 0);
		}
		if (p->added++) {
			STORE(&d->flags, flags);
		} else {
			p->held = p->next;
			p->held_flags = flags;
		}
	}
	return id;
}

static bool wants_kick(struct ring *r)
{
	struct ring_packed *p = &r->packed;
	uint16_t flags = LOAD(&p->device->flags), event = LOAD(&p->device->off_wrap);
	uint16_t off = event & ~WRAP, new = p->next & ~WRAP;

	if (flags != VRING_PACKED_EVENT_FLAG_DESC)
		return flags != VRING_PACKED_EVENT_FLAG_DISABLE;
	if ((event ^ p->next) & WRAP)
		off -= r->num;
	return vring_need_event(off, new, new - p->added);
}

void packed_publish(struct ring *r)
{
	struct ring_packed *p = &r->packed;

	if (!p->added)
		return;
	STORE(&p->desc[p->held & ~WRAP].flags, p->held_flags);
	/* The device stores its wish, fences, reads flags: pairs with that. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (wants_kick(r))
		ring_kick(r);
	p->added = 0;
}

bool packed_has_used(struct ring *r, uint32_t *head, uint32_t *len)
{
	struct ring_packed *p = &r->packed;
	struct vring_packed_desc *d = &p->desc[p->used & ~WRAP];
	uint16_t flags = LOAD(&d->flags), want = p->used & WRAP ? AVAIL | USED : 0;

	if (r->free_count == r->num || (flags & (AVAIL | USED)) != want)
		return false;
	*head = d->id;
	/* virtio 1.3, 2.8.6: without the flag the length is reserved. */
	*len = flags & VRING_DESC_F_WRITE ? d->len : 0;
	return true;
}

void packed_put(struct ring *r, uint16_t head)
{
	struct ring_packed *p = &r->packed;

	p->used = forward(r, p->used, r->chain[head]);
	p->id[p->ids++] = head;
	r->free_count += r->chain[head];
	r->chain[head] = 0;
}

void packed_call(struct ring *r, bool on)
{
	struct ring_packed *p = &r->packed;

	if (!on) {
		STORE(&p->driver->flags, VRING_PACKED_EVENT_FLAG_DISABLE);
		return;
	}
	STORE(&p->driver->off_wrap, p->used);
	STORE(&p->driver->flags, r->event_idx ? VRING_PACKED_EVENT_FLAG_DESC :
						VRING_PACKED_EVENT_FLAG_ENABLE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}
