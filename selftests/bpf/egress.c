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
	unsigned int count2;
	uint16_t tag;			/* VLAN that is pushed */
};

#define FROM(p)	.from = PORT_##p, .src = ports[PORT_##p].mac
#define TO(p)	.dst = ports[PORT_##p].mac
#define TAG(...) TAG_(__VA_ARGS__)
#define TAG_(t, v) .tpid = t, .tci = v

static const struct egress_case cases[] = {
	{ "to the wire, untagged", FROM(A), .policy = CHECKED,
	  .dst = mac_stranger, .len = 60, .verdict = XDP_TX,
	  .count = COUNT(egress_uplink) },
	{ "to the wire from an access port: tag pushed", FROM(C),
	  .policy = CHECKED, .dst = mac_stranger, .len = 60,
	  .verdict = XDP_TX, .count = COUNT(egress_uplink), .tag = VLAN },
	{ "14 bytes from an access port: tag pushed", FROM(C),
	  .policy = CHECKED, .dst = mac_stranger, .len = 14,
	  .verdict = XDP_TX, .count = COUNT(egress_uplink), .tag = VLAN },
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
	  .len = 60, .verdict = XDP_TX, .count = COUNT(egress_uplink) },
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
	  .verdict = XDP_TX, .count = COUNT(egress_uplink) },
	{ "to another port of the uplink", FROM(A), .policy = CHECKED, TO(B),
	  .len = 60, .verdict = XDP_DROP, .got = B,
	  .count = COUNT(egress_local) },
	{ "to another port of the VLAN: untagged", FROM(C), .policy = CHECKED,
	  TO(D), .len = 1514, .verdict = XDP_DROP, .got = D,
	  .count = COUNT(egress_local) },
	{ "to a port of another VLAN: the wire's", FROM(A), .policy = CHECKED,
	  TO(C), .len = 60, .verdict = XDP_TX,
	  .count = COUNT(egress_uplink) },
	{ "to itself", FROM(A), .policy = CHECKED, TO(A), .len = 60,
	  .verdict = XDP_DROP },
	{ "to a port that nobody has open", FROM(A), .policy = CHECKED,
	  TO(IDLE), .len = 60, .verdict = XDP_DROP },
	{ "9000 bytes in frags to another port", FROM(A), .policy = CHECKED,
	  TO(B), .len = 9014, .verdict = XDP_DROP, .got = B,
	  .count = COUNT(egress_local) },
	{ "65000 bytes in frags, to be segmented, tag pushed", FROM(C),
	  .policy = CHECKED, .dst = mac_stranger, .len = JUMBO, .flags = GSO,
	  .verdict = XDP_TX, .count = COUNT(egress_uplink), .tag = VLAN },
	{ "broadcast: the other ports and the wire", FROM(A),
	  .policy = CHECKED, .dst = mac_broadcast, .len = 60,
	  .verdict = XDP_TX, .got = B, .count = COUNT(egress_uplink),
	  .count2 = COUNT(egress_flood) },
	{ "multicast from an access port: untagged to ports, tag to the wire",
	  FROM(D), .policy = CHECKED, .dst = mac_multicast, .len = 86,
	  .verdict = XDP_TX, .got = C, .count = COUNT(egress_uplink),
	  .count2 = COUNT(egress_flood), .tag = VLAN },
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
	  .verdict = XDP_DROP, .got = B, .count = COUNT(egress_local) },
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
		bool want = i + 1 == c->count || i + 1 == c->count2;

		if (have[i] == want)
			continue;
		ktap_diag("counter %u is %llu", i,
			  (unsigned long long)have[i]);
		ok = false;
	}
	return ok;
}

static bool check(const struct egress_case *c)
{
	static struct run r;
	unsigned int i;
	bool ok;

	port_policy(c->from, c->policy);
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
	broken_contract();
}
