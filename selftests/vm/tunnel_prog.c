// SPDX-License-Identifier: GPL-2.0
/*
 * tunnel_prog.c - an egress program moves the start of GSO frames in a tunnel. Those that
 * it leaves in order come with each header where it is now, whole or cut. What there is
 * no way to cut any more, or nothing to cut of, is dropped and counted.
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tunnel.h"
#include "tunnel_prog.h"
#include "tunnel.skel.h"

/* Where the program sends them. */
enum way { TO_WIRE, TO_GUEST, TO_HOST };

struct prog {
	struct two t;
	struct tunnel_bpf *bpf;
	uint32_t b_id;
	struct pkt host;	/* a's tap */
};

enum fate {
	COMES,
	IS_DROPPED,
	IS_SENT,	/* what comes is the program's doing: its headers are not true */
};

struct what {
	const char *name;
	enum change change;
	unsigned int tags, come;	/* as sent, and then */
	enum fate fate;
	unsigned int payload;		/* of what is trimmed, */
	int left;			/* and then; below 0 headers are gone, too */
};

static const struct what whats[] = {
	{ "a tag of the guest's", KEEP, 1, 1, .fate = COMES },
	{ "two tags of the guest's", KEEP, 2, 2, .fate = COMES },
	{ "a tag put in front", PUSH_TAG, 0, 1, .fate = COMES },
	{ "a tag put in front of one", PUSH_TAG, 1, 2, .fate = COMES },
	{ "a tag taken away", POP_TAG, 1, 0, .fate = COMES },
	{ "the first of two tags taken away", POP_TAG, 2, 1, .fate = COMES },
	{ "a tag put in front of two", PUSH_TAG, 2, 3, .fate = IS_DROPPED },
	{ "a tunnel around the tunnel", PUSH_TUNNEL, 0, 0, .fate = IS_DROPPED },
	{ "the tunnel taken away", POP_TUNNEL, 0, 0, .fate = IS_DROPPED },
	{ "a start that is none", PUSH_NOTHING, 0, 0, .fate = IS_DROPPED },
	{ "trimmed to two frames", TRIM, 0, 0, .fate = IS_SENT, .payload = 20000, .left = TUNNEL_GSO_SIZE + 1 },
	{ "trimmed to one frame", TRIM, 0, 0, .fate = IS_DROPPED, .payload = 20000, .left = TUNNEL_GSO_SIZE },
	{ "trimmed but for its first bytes", TRIM, 0, 0, .fate = IS_DROPPED, .payload = 50000, .left = 10 },
	{ "trimmed of its headers", TRIM, 0, 0, .fate = IS_DROPPED, .payload = 3000, .left = -10 },
};

#define WHATS (sizeof(whats) / sizeof(whats[0]))

static void prog_open(struct prog *p)
{
	struct ctl_port b;

	two_open(&p->t, LANE_XDP, guest, guest);
	long_wire(&p->t.a);
	NEED(!net_run("ip link set " TAP " mtu 9000 up"));
	pkt_open(&p->host, TAP, 66000, true);
	NEED(!ctl_get(OTHER, &b));
	p->b_id = b.id;
	p->bpf = tunnel_bpf__open_and_load();
	NEED(p->bpf);
	NEED(!ctl_egress(PORT, bpf_program__fd(p->bpf->progs.tunnel)));
}

static void prog_close(struct prog *p)
{
	pkt_close(&p->host);
	two_close(&p->t);
	tunnel_bpf__destroy(p->bpf);
	/* With our own program again. */
	port_detach(LANE_XDP, PORT);
	port_attach(LANE_XDP, PORT, mac_guest, 0, "");
}

static void tell(struct prog *p, const struct kind *k, enum change change, enum way way)
{
	struct tunnel_bpf__bss *bss = p->bpf->bss;

	bss->change = change;
	bss->tag = tunnel_tag(k->tags);
	bss->outer_len = outer_len(k);
	bss->deliver_to = way == TO_GUEST ? p->b_id : 0;
	bss->verdict = way == TO_WIRE ? XDP_TX : way == TO_HOST ? XDP_PASS : XDP_DROP;
}

/* One, changed as the program is told. */
static bool send_one(struct prog *p, const struct kind *k, const struct what *w, enum way way)
{
	struct inet_spec s = tunnel_spec(k, way == TO_GUEST ? mac_b : mac_wire, 0);
	struct virtio_net_hdr_v1 h;

	if (w->change == TRIM) {
		s.payload = w->payload;
		p->bpf->bss->surplus = w->payload - w->left;
	}
	h = tunnel_header(k, &s);
	tell(p, k, w->change, way);
	tunnel_claim(&p->t.a, k);
	tunnel_send(&p->t.a, k, &s, &h, NIC_ONE);
	return two_sent(&p->t);
}

/* Frames of all lengths. */
static bool send(struct prog *p, const struct kind *sent, const struct kind *came,
		 enum way way, bool whole)
{
	struct bench *a = &p->t.a;

	if (way == TO_GUEST)
		return tunnel_to_guest(&p->t, sent, came, whole);
	return tunnel_to_wire(a, way == TO_HOST ? &p->host : &a->wire, sent, came, whole);
}

static bool come(struct prog *p, const struct what *w, enum way way, bool whole)
{
	unsigned int i;
	bool ok = true;

	for (i = 0; i < KINDS && ok; i++) {
		struct kind sent = kinds[i], came = kinds[i];

		sent.tags = w->tags;
		came.tags = w->come;
		tell(p, &sent, w->change, way);
		ok = send(p, &sent, &came, way, whole);
	}
	return ok && CHECK(!p->bpf->bss->failures);
}

/* One is dropped, and the next ones come, as they are. */
static bool is_dropped(struct prog *p, const struct kind *k, const struct what *w,
		       enum way way, bool whole)
{
	/* Where nobody has taken what is delivered, dropping it is the program's doing. */
	unsigned int stat = way == TO_GUEST ? VHOST_XDP_STAT_TX_DROP_POLICY :
					      VHOST_XDP_STAT_TX_DROP_ABORTED;
	uint64_t before = ctl_stat(PORT, stat);

	if (!send_one(p, k, w, way) || !CHECK(ctl_stat(PORT, stat) == before + 1))
		return false;
	tell(p, k, KEEP, way);
	return send(p, k, k, way, whole) && CHECK(!p->bpf->bss->failures) &&
	       CHECK(ctl_stat(PORT, stat) == before + 1);
}

static bool is_sent(struct prog *p, const struct kind *k, const struct what *w, bool whole)
{
	struct pkt *wire = &p->t.a.wire;
	unsigned int n = 0, len;

	if (!send_one(p, k, w, TO_WIRE))
		return false;
	while (n < (whole ? 1 : 2)) {
		if (pkt_recv(wire, &len, NULL))
			n++;
		else if (!CHECK(wait_fd(wire->fd, 8000)))
			return false;
	}
	tell(p, k, KEEP, TO_WIRE);
	return send(p, k, k, TO_WIRE, whole) && CHECK(!p->bpf->bss->failures);
}

static bool one_by_one(struct prog *p, const struct what *w, enum way way, bool whole)
{
	unsigned int i;
	bool ok = true;

	for (i = 0; i < KINDS && ok; i++) {
		struct kind k = kinds[i];

		k.tags = w->tags;
		ok = w->fate == IS_SENT ? is_sent(p, &k, w, whole) : is_dropped(p, &k, w, way, whole);
		if (!ok)
			ktap_diag("%s", k.name);
	}
	return ok;
}

static void all_whats(struct prog *p, const char *where, enum way way, bool whole)
{
	unsigned int i;

	for (i = 0; i < WHATS; i++) {
		const struct what *w = &whats[i];

		if (w->fate == IS_SENT && way != TO_WIRE)
			continue;
		ktap_case(60, "%s, %s", w->name, where);
		ktap_ok(w->fate == COMES ? come(p, w, way, whole) : one_by_one(p, w, way, whole));
	}
}

void programs(void)
{
	struct prog p;

	prog_open(&p);
	all_whats(&p, "to an uplink with offloads", TO_WIRE, true);
	slow_uplink(true);
	all_whats(&p, "to an uplink without", TO_WIRE, false);
	slow_uplink(false);
	/* Where nobody has read them, they keep memory of the program that was there. */
	long_wire(&p.t.b);
	two_takes(&p.t, all_offloads);
	all_whats(&p, "to a guest that takes tunnels", TO_GUEST, true);
	two_takes(&p.t, 0);
	all_whats(&p, "to a guest that takes none", TO_GUEST, false);
	all_whats(&p, "to the VMM's tap", TO_HOST, true);
	prog_close(&p);
}
