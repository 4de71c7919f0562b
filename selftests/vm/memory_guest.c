// SPDX-License-Identifier: GPL-2.0
/*
 * memory_guest.c - the guest of the memory tests. See memory.h.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memory.h"

#define FRAME 1400
#define WINDOW 48

static const struct nic_cfg cfg = {
	.features = F_MODERN | F_MRG, .rx_num = SLOTS, .tx_num = 64,
	.rx_len = 1536, .tx_len = FRAME, .regions = 2,
};

static void map_part(struct part_mem *p, size_t size, bool shared)
{
	uint8_t *room;

	p->size = size;
	p->file = -1;
	/* Aligned for a huge page. */
	room = mmap(NULL, size + (2UL << 20), PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	NEED(room != MAP_FAILED);
	p->at = (void *)(((uintptr_t)room + (2UL << 20) - 1) &
			 ~((2UL << 20) - 1));
	if (!shared) {
		NEED(mmap(p->at, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
		     p->at);
		return;
	}
	p->file = memfd_create("guest", MFD_CLOEXEC);
	NEED(p->file >= 0 && !ftruncate(p->file, 2 * size));
	NEED(mmap(p->at, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		  p->file, 0) == p->at);
	p->view = mmap(NULL, 2 * size, PROT_READ | PROT_WRITE, MAP_SHARED,
		       p->file, 0);
	NEED(p->view != MAP_FAILED);
}

/* The driver's pointers, from where the part is mapped. */
static void point(struct guest *g, enum part p)
{
	struct ring *r = &g->b.nic.ring[NIC_RX];
	uint8_t *at = g->part[p].at;

	g->b.nic.mem.region[cfg.regions + p].hva = at;
	if (p == BUFS) {
		g->b.nic.rx_buf = at + BUF_AT;
		g->b.nic.rx_stride = SLOT;
		return;
	}
	r->desc = (void *)at;
	r->avail = (void *)(at + 4096);
	r->used = (void *)(at + 8192);
	r->used_event = &r->avail->ring[r->num];
	r->avail_event = (uint16_t *)&r->used->ring[r->num];
}

static void add_region(struct guest *g, enum part p)
{
	struct mem *m = &g->b.nic.mem;
	struct mem_region *last = &m->region[m->count - 1];

	m->region[m->count++] = (struct mem_region){
		.gpa = (last->gpa + last->size + (256UL << 20)) &
		       ~((2UL << 20) - 1),
		.size = g->part[p].size,
		.used = g->part[p].size,
	};
	point(g, p);
}

void guest_open(struct guest *g, bool shared)
{
	memset(g, 0, sizeof(*g));
	g->shared = shared;
	bench_open(&g->b, LANE_XDP, cfg);
	bench_len(&g->b, FRAME);
	g->b.window = WINDOW;
	NEED(!nic_stop(&g->b.nic));
	map_part(&g->part[BUFS], BUFS_SIZE, shared);
	map_part(&g->part[RING], RING_SIZE, shared);
	add_region(g, BUFS);
	add_region(g, RING);
	NEED(!dev_set_mem(g->b.nic.dev, &g->b.nic.mem));
	NEED(guest_renew(g));
}

void guest_close(struct guest *g)
{
	unsigned int i;

	NEED(!dev_backend(g->b.nic.dev, NIC_RX, -1));
	NEED(!dev_backend(g->b.nic.dev, NIC_TX, -1));
	/* It unmaps the parts, too. */
	bench_abandon(&g->b);
	for (i = 0; i < PARTS && g->shared; i++) {
		munmap(g->part[i].view, 2 * g->part[i].size);
		close(g->part[i].file);
	}
}

void guest_poke(struct guest *g)
{
	uint64_t one = 1;

	ring_kick(&g->b.nic.ring[NIC_RX]);
	NEED(write(g->b.nic.ring[NIC_RX].call, &one, sizeof(one)) ==
	     sizeof(one));
}

void guest_moved(struct guest *g, enum part p, uint8_t *at)
{
	struct nic *n = &g->b.nic;

	g->part[p].at = at;
	point(g, p);
	NEED(!dev_set_mem(n->dev, &n->mem));
	if (p == RING)
		NEED(!dev_vring_addr(n->dev, NIC_RX, &n->ring[NIC_RX], false,
				     0));
	guest_poke(g);
}

/* Frames that were under way before may still come: until this one does. */
static bool settle(struct guest *g)
{
	struct bench *b = &g->b;
	struct ring *r = &b->nic.ring[NIC_RX];
	struct frame_stream want;
	struct nic_frame f;
	bool found = false;

	bench_resync(b);
	want = b->at_guest;
	frame_fill(&b->to_guest, pkt_room(&b->wire));
	pkt_queue(&b->wire, frame_len(&b->to_guest));
	pkt_flush(&b->wire);
	ktap_mute(true);
	while (!found) {
		while (!found && nic_rx(&b->nic, &f)) {
			found = frame_check(&want, f.data, f.len) > 0;
			nic_rx_done(&b->nic);
		}
		ring_publish(r);
		if (found || !ring_call_on(r))
			continue;
		if (!wait_fd(r->call, 8000))
			break;
		eventfd_take(r->call);
	}
	ring_call_off(r);
	ktap_mute(false);
	bench_resync(b);
	return CHECK(found);
}

bool guest_renew(struct guest *g)
{
	struct bench *b = &g->b;

	NEED(!nic_reset(&b->nic));
	eventfd_take(b->nic.ring[NIC_RX].err);
	eventfd_take(b->nic.ring[NIC_TX].err);
	return settle(g) && flow_run(b, 2 * SLOTS, 20);
}

/* Right, or zero where the VMM threw it away. */
static bool frame_good(struct guest *g, const struct nic_frame *f)
{
	uint8_t want[FRAME];
	unsigned int i, zeros = 0;
	uint8_t c;

	if (!g->may_lose)
		return frame_check(&g->b.at_guest, f->data, f->len) > 0;
	if (!CHECK(f->len == FRAME))
		return false;
	frame_fill(&g->b.at_guest, want);
	for (i = 0; i < FRAME; i++) {
		/* Once: it may be thrown away just now. */
		c = __atomic_load_n(&f->data[i], __ATOMIC_RELAXED);
		if (c == want[i])
			continue;
		zeros++;
		if (c) {
			ktap_diag("frame %u byte %u is %02x, not %02x nor zero",
				  g->b.at_guest.next - 1, i, c, want[i]);
			return false;
		}
	}
	g->erased += !!zeros;
	return true;
}

/*
 * The buffer's number by the guest's own count, for a header that was thrown away
 * has no num_buffers: each frame here has one buffer.
 */
static int receive(struct guest *g)
{
	struct nic *n = &g->b.nic;
	struct nic_frame f = { .buffers = 1 };
	uint32_t i, len;
	int got = 0;

	while (ring_reap(&n->ring[NIC_RX], &i, &len)) {
		f.data = n->rx_buf + i * n->rx_stride + n->hlen;
		f.len = len - n->hlen;
		if (!frame_good(g, &f))
			return -1;
		n->hold[0] = i;
		n->held = 1;
		nic_rx_done(n);
		got++;
	}
	ring_publish(&n->ring[NIC_RX]);
	return got;
}

bool guest_stream(struct guest *g, unsigned int n)
{
	struct bench *b = &g->b;
	struct frame_stream *s = &b->to_guest;
	struct ring *r = &b->nic.ring[NIC_RX];
	uint32_t goal = s->next + n;
	int got;

	while (b->at_guest.next != goal) {
		while (s->next != goal &&
		       s->next - b->at_guest.next < b->window) {
			frame_fill(s, pkt_room(&b->wire));
			pkt_queue(&b->wire, frame_len(s));
		}
		pkt_flush(&b->wire);
		got = receive(g);
		if (got < 0)
			return false;
		if (got || !ring_call_on(r))
			continue;
		if (!CHECK(wait_fd(r->call, 8000))) {
			ktap_diag("sent %u, got %u", s->next, b->at_guest.next);
			bench_quiet(b);
			return false;
		}
		eventfd_take(r->call);
		ring_call_off(r);
	}
	return bench_quiet(b);
}

bool guest_stopped_well(struct guest *g)
{
	bool told = eventfd_take(g->b.nic.ring[NIC_RX].err);
	uint64_t counted = 0;
	struct ctl_port p;
	unsigned int i;

	NEED(!ctl_get(PORT, &p));
	for (i = VHOST_XDP_STAT_RING_FAULT; i <= VHOST_XDP_STAT_RING_ORDER; i++)
		counted += p.stats[i] - g->b.last.stats[i];
	g->b.last = p;
	if (told == !!counted)
		return true;
	ktap_diag("error told: %d, counted: %llu", told,
		  (unsigned long long)counted);
	return false;
}
