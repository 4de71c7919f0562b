// SPDX-License-Identifier: GPL-2.0
/*
 * ingress.c - who gets which frame from the wire.
 */
#include <string.h>

#include "progs.h"

#define NO_TAG	0, 0
#define Q(tci)	0x8100, tci
#define AD(tci)	0x88a8, tci
#define NOBODY	.unicast = 0

struct ingress_case {
	const char *name;
	const uint8_t *dst;
	uint16_t tpid, tci;
	unsigned int len;
	uint32_t verdict;
	unsigned int unicast, flood, refused;
};

static const struct ingress_case cases[] = {
	{ "untagged, to A", ports[PORT_A].mac, NO_TAG, 60,
	  XDP_DROP, .unicast = A },
	{ "untagged, to B", ports[PORT_B].mac, NO_TAG, 1514,
	  XDP_DROP, .unicast = B },
	{ "untagged, to a port of a VLAN: the host's", ports[PORT_C].mac,
	  NO_TAG, 60, XDP_PASS, NOBODY },
	{ "untagged, to nobody: the host's", mac_stranger, NO_TAG, 60,
	  XDP_PASS, NOBODY },
	{ "VLAN 5, to C: without the tag", ports[PORT_C].mac, Q(5), 64,
	  XDP_DROP, .unicast = C },
	{ "VLAN 5 with priority and DEI, to D", ports[PORT_D].mac, Q(0xf005),
	  1518, XDP_DROP, .unicast = D },
	{ "VLAN 5, to an untagged port: the host's", ports[PORT_A].mac, Q(5),
	  64, XDP_PASS, NOBODY },
	{ "VLAN 6, to C: the host's", ports[PORT_C].mac, Q(6), 64, XDP_PASS, NOBODY },
	{ "VLAN 4095, to C: the host's", ports[PORT_C].mac, Q(0x0fff), 64,
	  XDP_PASS, NOBODY },
	{ "priority-tagged, to A: tag kept", ports[PORT_A].mac, Q(0xe000), 64,
	  XDP_DROP, .unicast = A },
	{ "priority-tagged, to C: the host's", ports[PORT_C].mac, Q(0xe000),
	  64, XDP_PASS, NOBODY },
	{ "service tag, to A: the host's", ports[PORT_A].mac, AD(0), 64,
	  XDP_PASS, NOBODY },
	{ "service tag 5, to C: the host's", ports[PORT_C].mac, AD(5), 64,
	  XDP_PASS, NOBODY },
	{ "broadcast: A, B and the host", mac_broadcast, NO_TAG, 60, XDP_PASS,
	  .flood = A | B, .refused = IDLE },
	{ "multicast: A, B and the host", mac_multicast, NO_TAG, 86, XDP_PASS,
	  .flood = A | B, .refused = IDLE },
	{ "broadcast in VLAN 5: C, D and the host", mac_broadcast, Q(5), 64,
	  XDP_PASS, .flood = C | D },
	{ "broadcast in VLAN 6: the host", mac_broadcast, Q(6), 64, XDP_PASS, NOBODY },
	{ "broadcast with a service tag: the host", mac_broadcast, AD(5), 64,
	  XDP_PASS, NOBODY },
	{ "to a port that nobody has open: dropped and counted",
	  ports[PORT_IDLE].mac, NO_TAG, 60, XDP_DROP, .refused = IDLE },
	{ "14 bytes, to A", ports[PORT_A].mac, NO_TAG, 14, XDP_DROP,
	  .unicast = A },
	{ "17 bytes, cut in the tag: the host's", ports[PORT_C].mac, Q(5), 17,
	  XDP_PASS, NOBODY },
	{ "18 bytes, to C", ports[PORT_C].mac, Q(5), 18, XDP_DROP,
	  .unicast = C },
	{ "9018 bytes in frags, to C", ports[PORT_C].mac, Q(5), 9018, XDP_DROP,
	  .unicast = C },
	{ "9014 bytes in frags, broadcast", mac_broadcast, NO_TAG, 9014,
	  XDP_PASS, .flood = A | B, .refused = IDLE },
	{ "65000 bytes in frags, to A: refused by the port",
	  ports[PORT_A].mac, NO_TAG, JUMBO, XDP_DROP, .refused = A },
};

/* What the guest of an access port sees: the tag cut out. */
static unsigned int as_delivered(const struct run *r, bool strip, uint8_t *to)
{
	if (!strip) {
		memcpy(to, r->in, r->in_len);
		return r->in_len;
	}
	memcpy(to, r->in, 12);
	memcpy(to + 12, r->in + 16, r->in_len - 16);
	return r->in_len - 4;
}

static bool check(const struct ingress_case *c)
{
	unsigned int got = c->unicast | c->flood, len, i;
	static uint8_t want[FRAME_SIZE_MAX];
	static struct run r;
	bool ok;

	frame_build(&r, c->dst, mac_stranger, c->tpid, c->tci, c->len);
	if (!run_ingress(&r))
		return false;
	ok = CHECK(r.verdict == c->verdict) &
	     CHECK(r.counts.flood == c->flood) &
	     CHECK(r.counts.refused == c->refused) &
	     CHECK(r.out_len == r.in_len) &
	     CHECK(!memcmp(r.out, r.in, r.in_len));
	len = as_delivered(&r, c->tpid && c->tci & 0xfff, want);
	for (i = 0; i < PORTS; i++)
		if (got & 1U << i)
			ok &= guest_got(i, want, len);
	return ok & CHECK(guests_empty());
}

/* One frame to A's address: it must reach @port, and nobody else. */
static bool reaches(unsigned int port)
{
	static struct run r;

	frame_build(&r, ports[PORT_A].mac, mac_stranger, NO_TAG, 60);
	return run_ingress(&r) && CHECK(r.verdict == XDP_DROP) &&
	       guest_got(port, r.in, r.in_len) && CHECK(guests_empty());
}

/* One frame to A's address: who has it? */
static int who_gets(void)
{
	static struct run r;

	frame_build(&r, ports[PORT_A].mac, mac_stranger, NO_TAG, 60);
	NEED(run_ingress(&r));
	return guest_which();
}

/* Programs remember what they found; they must not do so for long. */
static bool follows_by_itself(unsigned int port)
{
	uint64_t end = now_ms() + 5000;
	int who;

	do
		who = who_gets();
	while (who >= 0 && who != (int)port && now_ms() < end);
	return CHECK(who == (int)port);
}

static void moved_address(void)
{
	bool ok;

	ktap_case(20, "ingress: an address goes to another port, and back");
	ok = reaches(PORT_A);
	address_move(PORT_A, PORT_B, true);
	ok &= reaches(PORT_B);
	address_move(PORT_A, PORT_A, true);
	ktap_ok(ok & reaches(PORT_A));

	ktap_case(20, "ingress: the same, changed by hand: soon");
	address_move(PORT_A, PORT_B, false);
	ok = follows_by_itself(PORT_B);
	address_move(PORT_A, PORT_A, false);
	ktap_ok(ok & follows_by_itself(PORT_A));
}

void ingress_cases(void)
{
	unsigned int i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ktap_case(20, "ingress: %s", cases[i].name);
		ktap_ok(check(&cases[i]));
	}
	moved_address();
}
