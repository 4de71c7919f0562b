// SPDX-License-Identifier: GPL-2.0
/*
 * egress.c - what a guest may send, and where it goes.
 */
#include <string.h>

#include "progs.h"

#define NO_TAG	0, 0
#define Q(tci)	0x8100, tci
#define AD(tci)	0x88a8, tci

#define CHECKED	VXDP_PORT_SPOOF_CHECK
#define TRUSTED	0
#define TO_HOST	VHOST_XDP_META_TO_HOST
#define GSO	VHOST_XDP_META_GSO

/* The counter of the sender that is to move, by one where not said else. */
#define COUNT(field)	(offsetof(struct vxdp_counters, field) / 8 + 1)

struct egress_case {
	const char *name;
	unsigned int from;
	uint16_t policy;
	const uint8_t *dst, *src;
	uint16_t tpid, tci;
	unsigned int len;
	uint32_t flags;			/* VHOST_XDP_META_* */
	uint32_t verdict;
	unsigned int got;		/* ports whose guests get it */
	unsigned int count;		/* COUNT(), 0: none moves */
	uint16_t tag;			/* VLAN that is pushed */
};

#define FROM(p)	.from = PORT_##p, .src = ports[PORT_##p].mac
#define TO(p)	.dst = ports[PORT_##p].mac
#define TAG(...) TAG_(__VA_ARGS__)
#define TAG_(t, v) .tpid = t, .tci = v

static const struct egress_case cases[] = {
	{ "to the wire, untagged", FROM(A), .policy = CHECKED,
	  .dst = mac_stranger, .len = 60, .verdict = XDP_TX },
	{ "to the wire from an access port: tag pushed", FROM(C),
	  .policy = CHECKED, .dst = mac_stranger, .len = 60,
	  .verdict = XDP_TX, .tag = VLAN },
	{ "14 bytes from an access port: tag pushed", FROM(C),
	  .policy = CHECKED, .dst = mac_stranger, .len = 14,
	  .verdict = XDP_TX, .tag = VLAN },
	{ "another's source address", .from = PORT_A, .policy = CHECKED,
	  .src = ports[PORT_B].mac, .dst = mac_stranger, .len = 60,
	  .verdict = XDP_DROP, .count = COUNT(egress_spoof_mac) },
	{ "a stranger's source address", .from = PORT_C, .policy = CHECKED,
	  .src = mac_stranger, .dst = mac_stranger, .len = 60,
	  .verdict = XDP_DROP, .count = COUNT(egress_spoof_mac) },
	{ "own address, but of another VLAN", .from = PORT_A,
	  .policy = CHECKED, .src = ports[PORT_C].mac, .dst = mac_stranger,
	  .len = 60, .verdict = XDP_DROP, .count = COUNT(egress_spoof_mac) },
	{ "a stranger's source address, check off", .from = PORT_A,
	  .policy = TRUSTED, .src = mac_stranger, .dst = mac_stranger,
	  .len = 60, .verdict = XDP_TX },
	{ "tagged from an access port", FROM(C), .policy = CHECKED,
	  .dst = mac_stranger, TAG(Q(7)), .len = 64, .verdict = XDP_DROP,
	  .count = COUNT(egress_spoof_vlan) },
	{ "tagged from an access port, check off", FROM(C), .policy = TRUSTED,
	  .dst = mac_stranger, TAG(Q(7)), .len = 64, .verdict = XDP_DROP,
	  .count = COUNT(egress_spoof_vlan) },
	{ "service tag from an access port", FROM(C), .policy = TRUSTED,
	  .dst = mac_stranger, TAG(AD(7)), .len = 64, .verdict = XDP_DROP,
	  .count = COUNT(egress_spoof_vlan) },
	{ "tagged from an untagged port", FROM(A), .policy = CHECKED,
	  .dst = mac_stranger, TAG(Q(5)), .len = 64, .verdict = XDP_DROP,
	  .count = COUNT(egress_spoof_vlan) },
	{ "tagged broadcast from an untagged port", FROM(A), .policy = CHECKED,
	  .dst = mac_broadcast, TAG(Q(5)), .len = 64, .verdict = XDP_DROP,
	  .count = COUNT(egress_spoof_vlan) },
	{ "tagged from an untagged port, check off: as it is", FROM(A),
	  .policy = TRUSTED, .dst = ports[PORT_C].mac, TAG(Q(5)), .len = 64,
	  .verdict = XDP_TX },
	{ "to another port of the uplink", FROM(A), .policy = CHECKED, TO(B),
	  .len = 60, .verdict = XDP_DROP, .got = B },
	{ "to another port of the VLAN: untagged", FROM(C), .policy = CHECKED,
	  TO(D), .len = 1514, .verdict = XDP_DROP, .got = D },
	{ "to a port of another VLAN: the wire's", FROM(A), .policy = CHECKED,
	  TO(C), .len = 60, .verdict = XDP_TX },
	{ "to itself", FROM(A), .policy = CHECKED, TO(A), .len = 60,
	  .verdict = XDP_DROP },
	{ "to a port that nobody has open", FROM(A), .policy = CHECKED,
	  TO(IDLE), .len = 60, .verdict = XDP_DROP },
	{ "9000 bytes in frags to another port", FROM(A), .policy = CHECKED,
	  TO(B), .len = 9014, .verdict = XDP_DROP, .got = B },
	{ "65000 bytes in frags, to be segmented, tag pushed", FROM(C),
	  .policy = CHECKED, .dst = mac_stranger, .len = JUMBO, .flags = GSO,
	  .verdict = XDP_TX, .tag = VLAN },
	{ "broadcast: the other ports and the wire", FROM(A),
	  .policy = CHECKED, .dst = mac_broadcast, .len = 60,
	  .verdict = XDP_TX, .got = B, .count = COUNT(egress_flood) },
	{ "multicast from an access port: untagged to ports, tag to the wire",
	  FROM(D), .policy = CHECKED, .dst = mac_multicast, .len = 86,
	  .verdict = XDP_TX, .got = C, .count = COUNT(egress_flood),
	  .tag = VLAN },
	{ "to the host", FROM(A), .policy = CHECKED, .dst = mac_stranger,
	  .len = 60, .flags = TO_HOST, .verdict = XDP_PASS,
	  .count = COUNT(egress_host) },
	{ "to the host from an access port: no tag", FROM(C),
	  .policy = CHECKED, .dst = mac_stranger, .len = 60, .flags = TO_HOST,
	  .verdict = XDP_PASS, .count = COUNT(egress_host) },
	{ "to the host, with another's source address", .from = PORT_A,
	  .policy = CHECKED, .src = ports[PORT_B].mac, .dst = mac_stranger,
	  .len = 60, .flags = TO_HOST, .verdict = XDP_DROP,
	  .count = COUNT(egress_spoof_mac) },
	{ "to another port, though the host was seen with its address",
	  FROM(A), .policy = CHECKED, TO(B), .len = 60, .flags = TO_HOST,
	  .verdict = XDP_DROP, .got = B },
};

/* The frame as it leaves: the tag behind the addresses. */
static bool left_as(const struct run *r, uint16_t tag)
{
	const uint8_t want[4] = { 0x81, 0x00, tag >> 8, tag & 0xff };

	if (!tag)
		return CHECK(r->out_len == r->in_len) &&
		       CHECK(!memcmp(r->out, r->in, r->in_len));
	return CHECK(r->out_len == r->in_len + 4) &&
	       CHECK(!memcmp(r->out, r->in, 12)) &&
	       CHECK(!memcmp(r->out + 12, want, 4)) &&
	       CHECK(!memcmp(r->out + 16, r->in + 12, r->in_len - 12));
}

/* Exactly the counters that were named have moved, and by one. */
static bool counted(const struct egress_case *c, const struct run *r)
{
	const __u64 *have = (const __u64 *)&r->counts.port[c->from];
	unsigned int i;
	bool ok = true;

	for (i = 0; i < sizeof(struct vxdp_counters) / 8; i++) {
		bool want = i + 1 == c->count;

		if (have[i] == want)
			continue;
		ktap_diag("counter %u is %llu", i,
			  (unsigned long long)have[i]);
		ok = false;
	}
	return ok;
}

static bool check_once(const struct egress_case *c)
{
	static struct run r;
	unsigned int i;
	bool ok;

	frame_build(&r, c->dst, c->src, c->tpid, c->tci, c->len);
	r.meta = true;
	if (!run_egress(&r, c->from, c->flags))
		return false;
	ok = CHECK(r.verdict == c->verdict) & counted(c, &r) &
	     left_as(&r, c->tag);
	for (i = 0; i < PORTS; i++)
		if (c->got & 1U << i)
			ok &= guest_got(i, r.in, r.in_len);
	return ok & CHECK(guests_empty());
}

/* The first time from the maps, then from what is remembered of it, if it is. */
static bool check(const struct egress_case *c)
{
	port_policy(c->from, c->policy);
	return check_once(c) && check_once(c);
}

/* What is like a frame that is remembered, but for one thing. */
static void not_remembered(void)
{
	static const struct egress_case known = {
		FROM(A), .dst = mac_stranger, .len = 60, .verdict = XDP_TX,
	};
	struct egress_case tagged = known, spoofed = known, to_host = known;
	struct egress_case to_b = known, from_b = known;
	bool ok;

	tagged.tpid = 0x8100;
	tagged.tci = 5;
	tagged.len = 64;
	tagged.verdict = XDP_DROP;
	tagged.count = COUNT(egress_spoof_vlan);
	spoofed.src = ports[PORT_B].mac;
	spoofed.verdict = XDP_DROP;
	spoofed.count = COUNT(egress_spoof_mac);
	to_host.flags = TO_HOST;
	to_host.verdict = XDP_PASS;
	to_host.count = COUNT(egress_host);
	from_b.from = PORT_B;
	from_b.verdict = XDP_DROP;
	from_b.count = COUNT(egress_spoof_mac);
	to_b.dst = ports[PORT_B].mac;
	to_b.verdict = XDP_DROP;

	ktap_case(20, "egress: like a remembered frame, but not the same");
	port_policy(PORT_B, CHECKED);
	port_policy(PORT_A, CHECKED);
	ok = check_once(&known) && check_once(&tagged) && check_once(&spoofed) &&
	     check_once(&to_host) && check_once(&from_b) && check_once(&known);
	ktap_ok(ok);

	ktap_case(20, "egress: an address goes to another port, and back");
	to_b.got = B;
	ok = check(&to_b);
	address_move(PORT_B, PORT_D, true);
	to_b.got = D;
	ok = ok && check_once(&to_b) && check_once(&to_b);
	address_move(PORT_B, PORT_B, true);
	to_b.got = B;
	ktap_ok(ok && check_once(&to_b));
}

/* A program that is run without what the contract promises must not guess. */
static void broken_contract(void)
{
	static struct run r;

	ktap_case(20, "egress: no metadata: XDP_ABORTED");
	frame_build(&r, mac_stranger, ports[PORT_A].mac, NO_TAG, 60);
	r.meta = false;
	ktap_ok(run_egress(&r, PORT_A, 0) && CHECK(r.verdict == XDP_ABORTED));

	ktap_case(20, "egress: a port that has no entry: XDP_ABORTED");
	r.meta = true;
	ktap_ok(run_egress(&r, 0xfffffff0, 0) &&
		CHECK(r.verdict == XDP_ABORTED));
}

void egress_cases(void)
{
	unsigned int i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ktap_case(20, "egress: %s", cases[i].name);
		ktap_ok(check(&cases[i]));
	}
	not_remembered();
	broken_contract();
}
