// SPDX-License-Identifier: GPL-2.0
/*
 * repeat.c - VHOST_XDP_META_REPEAT: an egress program is not asked again where it
 * said so and nothing differs, it is asked where anything does, and the frames go
 * the same way in either case.
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <string.h>
#include <unistd.h>

#include "../vmm/flow.h"
#include "repeat.skel.h"

#define OTHER "pb"
#define BATCH 64	/* frames that one kick brings and one batch takes */
#define NOBODY 0x7ffffff0

static const uint8_t mac_b[6] = { 0x02, 0x76, 0x78, 0, 0, 0x02 };

static const struct nic_cfg guest = {
	.features = F_MODERN | F_MRG, .rx_num = 256, .tx_num = 256,
	.rx_len = 1536, .tx_len = 9018,
};

struct two {
	struct bench a, b;
	struct repeat_bpf *bpf;
	uint32_t b_id;
};

static void open_two(struct two *t)
{
	struct ctl_port p;

	memset(t, 0, sizeof(*t));
	net_ready(LANE_XDP);
	port_attach(LANE_XDP, PORT, mac_guest, 0, "");
	port_attach(LANE_XDP, OTHER, mac_b, 0, "");
	bench_open(&t->a, LANE_XDP, guest);
	bench_open_on(&t->b, LANE_XDP, guest, OTHER, "pbtap");
	NEED(!ctl_get(OTHER, &p));
	t->b_id = p.id;
	t->bpf = repeat_bpf__open_and_load();
	NEED(t->bpf);
	NEED(!ctl_egress(PORT, bpf_program__fd(t->bpf->progs.repeat)));
}

static void close_two(struct two *t)
{
	bench_close(&t->b);
	bench_close(&t->a);
	repeat_bpf__destroy(t->bpf);
	port_detach(LANE_XDP, OTHER);
	port_detach(LANE_XDP, PORT);
}

static struct frame_stream stream(unsigned int id)
{
	struct frame_stream s = { .id = id, .len = 100 };

	memcpy(s.dst, mac_wire, 6);
	memcpy(s.src, mac_guest, 6);
	return s;
}

static void add(struct two *t, struct frame_stream *s, unsigned int before, unsigned int more)
{
	static const struct virtio_net_hdr_v1 plain = { 0 };
	uint8_t *p = nic_tx_slot(&t->a.nic);

	NEED(p);
	memset(p, 0, before);
	frame_fill(s, p + before);
	NEED(nic_tx(&t->a.nic, &plain, before + frame_len(s) + more, NIC_ONE, false));
}

static bool kick(struct two *t)
{
	t->bpf->bss->runs = 0;
	ring_publish(&t->a.nic.ring[NIC_TX]);
	return flow_all_sent(&t->a.nic);
}

static void tell(struct two *t, uint32_t verdict, uint32_t to, uint32_t then,
		 uint64_t flags, uint32_t cut)
{
	struct repeat_bpf__bss *bss = t->bpf->bss;

	bss->verdict = verdict;
	bss->deliver_to = to;
	bss->deliver_then = then;
	bss->deliver_flags = flags;
	bss->cut = cut;
	bss->move = 0;
}

enum { WIRE_GETS = 1, B_GETS = 2 };

struct what {
	const char *name;
	uint32_t verdict;
	bool to_b, then;	/* deliver to B; then to nobody */
	uint64_t flags;
	uint32_t cut, move;
	unsigned int runs, gets;
	int stat;		/* counts each of them */
};

static const struct what whats[] = {
	{ "XDP_TX", XDP_TX, .runs = 1, .gets = WIRE_GETS,
	  .stat = VHOST_XDP_STAT_TX_XDP_PACKETS },
	{ "deliver, XDP_DROP", XDP_DROP, .to_b = true, .runs = 1,
	  .gets = B_GETS, .stat = VHOST_XDP_STAT_TX_LOCAL_PACKETS },
	{ "a frame cut, XDP_TX", XDP_TX, .cut = 4, .runs = BATCH,
	  .gets = WIRE_GETS, .stat = VHOST_XDP_STAT_TX_XDP_PACKETS },
	{ "a frame cut, deliver, XDP_DROP", XDP_DROP, .cut = 4, .to_b = true,
	  .runs = BATCH, .gets = B_GETS,
	  .stat = VHOST_XDP_STAT_TX_LOCAL_PACKETS },
	{ "a frame's start moved, XDP_TX", XDP_TX, .move = 4, .runs = BATCH,
	  .gets = WIRE_GETS, .stat = VHOST_XDP_STAT_TX_XDP_PACKETS },
	{ "deliver, XDP_TX", XDP_TX, .to_b = true, .runs = BATCH,
	  .gets = WIRE_GETS | B_GETS, .stat = VHOST_XDP_STAT_TX_XDP_PACKETS },
	{ "deliver twice, XDP_DROP", XDP_DROP, .to_b = true, .then = true,
	  .runs = BATCH, .gets = B_GETS,
	  .stat = VHOST_XDP_STAT_TX_LOCAL_PACKETS },
	{ "deliver to nobody, XDP_DROP", XDP_DROP, .then = true, .runs = 1,
	  .stat = VHOST_XDP_STAT_TX_DROP_POLICY },
	{ "deliver with a flag, XDP_DROP", XDP_DROP, .to_b = true,
	  .flags = VHOST_XDP_DELIVER_REDIRECT, .runs = BATCH,
	  .stat = VHOST_XDP_STAT_TX_DROP_POLICY },
	{ "XDP_DROP", XDP_DROP, .runs = BATCH,
	  .stat = VHOST_XDP_STAT_TX_DROP_POLICY },
	{ "XDP_ABORTED", XDP_ABORTED, .runs = BATCH,
	  .stat = VHOST_XDP_STAT_TX_DROP_ABORTED },
	{ "XDP_REDIRECT to nowhere", XDP_REDIRECT, .runs = BATCH,
	  .stat = VHOST_XDP_STAT_TX_DROP_REDIRECT },
};

static void what_it_did(struct two *t, const struct what *w)
{
	struct frame_stream s = stream(w - whats), gw = s, gb = s;
	uint64_t before;
	unsigned int i;

	ktap_case(20, "%s: asked %s", w->name,
		  w->runs == 1 ? "once" : "for each frame");
	tell(t, w->verdict, w->to_b ? t->b_id : 0, w->then ? NOBODY : 0,
	     w->flags, w->cut);
	t->bpf->bss->move = w->move;
	before = ctl_stat(PORT, w->stat);
	for (i = 0; i < BATCH; i++)
		add(t, &s, w->move, w->cut);
	ktap_ok(kick(t) && CHECK(t->bpf->bss->runs == w->runs) &&
		CHECK(ctl_stat(PORT, w->stat) == before + BATCH) &&
		(!(w->gets & WIRE_GETS) ||
		 flow_expect_wire(&t->a.wire, &gw, BATCH)) &&
		(!(w->gets & B_GETS) || flow_expect_guest(&t->b, &gb, BATCH)));
}

/* Two streams, @block frames of each in turn. */
static bool in_turn(struct two *t, struct frame_stream a, struct frame_stream b,
		    unsigned int block, unsigned int runs)
{
	struct frame_stream at_wire[2] = { a, b };
	unsigned int i;
	bool ok;

	tell(t, XDP_TX, 0, 0, 0, 0);
	for (i = 0; i < BATCH; i++)
		add(t, i / block & 1 ? &b : &a, 0, 0);
	ok = kick(t) && CHECK(t->bpf->bss->runs == runs);
	for (i = 0; i < BATCH && ok; i++) {
		struct frame_stream *s = &at_wire[i / block & 1];

		ok = flow_expect_wire(&t->a.wire, s, s->next + 1);
	}
	return ok;
}

/*
 * Frames of zeroes, but for @byte in half of them, @block in turn. As an empty place
 * of the module's memory looks: and yet nothing is known of them.
 */
static bool zeroes(struct two *t, unsigned int byte, unsigned int block,
		   unsigned int runs)
{
	static const struct virtio_net_hdr_v1 plain = { 0 };
	uint64_t before = ctl_stat(PORT, VHOST_XDP_STAT_TX_XDP_PACKETS);
	unsigned int i;

	tell(t, XDP_TX, 0, 0, 0, 0);
	for (i = 0; i < BATCH; i++) {
		uint8_t *p = nic_tx_slot(&t->a.nic);

		NEED(p);
		memset(p, 0, 60);
		p[byte] = i / block & 1 ? 0x40 : 0;
		NEED(nic_tx(&t->a.nic, &plain, 60, NIC_ONE, false));
	}
	return kick(t) && CHECK(t->bpf->bss->runs == runs) &&
	       CHECK(ctl_stat(PORT, VHOST_XDP_STAT_TX_XDP_PACKETS) ==
		     before + BATCH);
}

/*
 * Each of the 14 bytes counts. Where the last three bits of the destination are the
 * same, one pushes out what was remembered of the other.
 */
static void what_differs(struct two *t)
{
	unsigned int i;
	bool ok = true;

	ktap_case(60, "a byte of the addresses differs: asked");
	for (i = 0; i < 12 && ok; i++) {
		struct frame_stream a = stream(20), b = stream(21);

		/* Not the group bit. */
		*(i < 6 ? &b.dst[i] : &b.src[i - 6]) ^= 0x40;
		ok = in_turn(t, a, b, 1, BATCH) &&
		     in_turn(t, a, b, 8, BATCH / 8);
		if (!ok)
			ktap_diag("byte %u", i);
	}
	ktap_ok(ok);

	ktap_case(60, "the EtherType differs: asked");
	ktap_ok(zeroes(t, 12, 1, BATCH) && zeroes(t, 13, 1, BATCH) &&
		zeroes(t, 12, 4, BATCH / 4) && zeroes(t, 13, 16, BATCH / 16));

	ktap_case(60, "what is behind it differs: not asked");
	ktap_ok(zeroes(t, 14, 1, 1) && zeroes(t, 59, 4, 1));

	ktap_case(60, "two destinations in turn: asked once for each");
	ok = true;
	for (i = 1; i <= 16 && ok; i *= 2) {
		struct frame_stream a = stream(24), b = stream(25);

		b.dst[5] ^= 1;
		ok = in_turn(t, a, b, i, 2);
	}
	ktap_ok(ok);
}

static void add_tcp(struct two *t, bool gso)
{
	struct inet_spec s = { .payload = gso ? 4000 : 100 };
	struct virtio_net_hdr_v1 h = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.csum_start = 34, .csum_offset = 16,
	};
	uint8_t *p = nic_tx_slot(&t->a.nic);

	NEED(p);
	if (gso) {
		h.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
		h.gso_size = 1000;
		h.hdr_len = 54;
	}
	memcpy(s.dst, mac_wire, 6);
	memcpy(s.src, mac_guest, 6);
	NEED(nic_tx(&t->a.nic, &h, inet_build(&s, p, true), NIC_ONE, false));
}

/* It ends its batch; frames whose checksum is to be completed are like others. */
static void gso(struct two *t)
{
	unsigned int i;

	ktap_case(20, "a GSO frame among others: asked");
	tell(t, XDP_TX, 0, 0, 0, 0);
	for (i = 0; i < 40; i++)
		add_tcp(t, i == 20);
	ktap_ok(kick(t) && CHECK(t->bpf->bss->runs == 3));
}

/* A batch is all that it holds for. */
static void next_batch(struct two *t)
{
	uint64_t drops = ctl_stat(PORT, VHOST_XDP_STAT_TX_DROP_POLICY);
	struct frame_stream s = stream(30), g = s;
	unsigned int i;
	bool ok;

	ktap_case(20, "the next batch: asked");
	tell(t, XDP_TX, 0, 0, 0, 0);
	for (i = 0; i < 3 * BATCH; i++)
		add(t, &s, 0, 0);
	ok = kick(t) && CHECK(t->bpf->bss->runs == 3);
	ok = flow_expect_wire(&t->a.wire, &g, 3 * BATCH) && ok;
	/* What it says now is what counts. */
	tell(t, XDP_DROP, 0, 0, 0, 0);
	add(t, &s, 0, 0);
	ok = kick(t) && CHECK(t->bpf->bss->runs == 1) && ok;
	ktap_ok(ok && CHECK(ctl_stat(PORT, VHOST_XDP_STAT_TX_DROP_POLICY) ==
			    drops + 1));
}

int main(void)
{
	struct two t;
	unsigned int i;

	ktap_case(60, "setup");
	open_two(&t);
	for (i = 0; i < sizeof(whats) / sizeof(whats[0]); i++)
		what_it_did(&t, &whats[i]);
	what_differs(&t);
	next_batch(&t);
	gso(&t);
	close_two(&t);
	return ktap_done();
}
