// SPDX-License-Identifier: GPL-2.0
/*
 * selfcheck.c - do the checks of the traffic tests see what they are for? Every
 * flipped bit, lost, doubled, swapped, shortened frame must be found.
 */
#include <string.h>

#include "ktap.h"
#include "wire.h"

static const struct frame_stream plain = {
	.id = 3, .len = 1514,
	.dst = { 2, 0, 0, 0, 0, 1 }, .src = { 2, 0, 0, 0, 0, 2 },
};

static uint8_t one[65600], two[65600];

static bool frames_pass(void)
{
	struct frame_stream tx = plain, rx = plain;
	bool ok = true;

	for (tx.len = rx.len = 60; tx.len <= 9014; rx.len = ++tx.len) {
		tx.vlan = rx.vlan = tx.len & 1 ? 0 : 7;
		frame_fill(&tx, one);
		ok = ok && CHECK(frame_check(&rx, one, frame_len(&rx)) == 1);
	}
	return ok && CHECK(!rx.alien);
}

static bool flips_found(unsigned int len, uint16_t vlan)
{
	struct frame_stream tx = plain, rx = plain;
	unsigned int i;
	bool ok = true;

	tx.len = rx.len = len;
	tx.vlan = rx.vlan = vlan;
	frame_fill(&tx, one);
	for (i = 0; i < frame_len(&tx) * 8; i++) {
		one[i / 8] ^= 1 << (i % 8);
		ktap_mute(true);
		ok = frame_check(&rx, one, frame_len(&rx)) != 1 && ok;
		ktap_mute(false);
		one[i / 8] ^= 1 << (i % 8);
	}
	return CHECK(ok) && CHECK(frame_check(&rx, one, frame_len(&rx)) == 1);
}

static int check_muted(struct frame_stream *s, const uint8_t *p,
		       unsigned int len)
{
	int r;

	ktap_mute(true);
	r = frame_check(s, p, len);
	ktap_mute(false);
	return r;
}

static bool order_kept(void)
{
	struct frame_stream tx = plain, rx = plain, other = plain;

	frame_fill(&tx, one);
	frame_fill(&tx, two);
	other.id++;
	return CHECK(check_muted(&rx, two, 1514) == -1) &&
	       CHECK(check_muted(&rx, one, 1513) == -1) &&
	       CHECK(check_muted(&other, one, 1514) == -1) &&
	       CHECK(check_muted(&rx, one, 1514) == 1) &&
	       CHECK(check_muted(&rx, one, 1514) == -1) &&
	       CHECK(check_muted(&rx, two, 1514) == 1);
}

static bool segments(bool v6, bool udp, bool partial)
{
	struct inet_spec s = { .v6 = v6, .udp = udp, .payload = 1111,
			       .seq = 77, .first = 5 };
	unsigned int len = inet_build(&s, one, partial), i, bytes;
	uint32_t at = 0;
	bool ok, missed = false;

	ok = CHECK(inet_verify(&s, one, len, partial, &at, &bytes)) &&
	     CHECK(bytes == 1111) && CHECK(at == 0);
	/* Payload and checksum; some header bits are nobody's to check. */
	for (i = (inet_hlen(&s) - 4) * 8; i < len * 8; i++) {
		if (!udp && i / 8 >= inet_hlen(&s) - 2 &&
		    i / 8 < inet_hlen(&s))
			continue;	/* the urgent pointer */
		if (udp && i / 8 < inet_hlen(&s) - 2)
			continue;	/* the length */
		one[i / 8] ^= 1 << (i % 8);
		at = 0;
		ktap_mute(true);
		missed |= inet_verify(&s, one, len, partial, &at, &bytes);
		ktap_mute(false);
		one[i / 8] ^= 1 << (i % 8);
	}
	return CHECK(!missed) && ok;
}

int main(void)
{
	unsigned int i;

	ktap_case(60, "frames of every length pass");
	ktap_ok(frames_pass());
	ktap_case(60, "flipped bits are found");
	ktap_ok(flips_found(60, 0) && flips_found(1514, 0) &&
		flips_found(1515, 9) && flips_found(9014, 0));
	ktap_case(60, "loss, doubling, reordering, truncation are found");
	ktap_ok(order_kept());
	for (i = 0; i < 8; i++) {
		ktap_case(60, "IPv%c, %s, %s checksum", i & 1 ? '6' : '4',
			  i & 2 ? "UDP" : "TCP", i & 4 ? "partial" : "whole");
		ktap_ok(segments(i & 1, i & 2, i & 4));
	}
	return ktap_done();
}
