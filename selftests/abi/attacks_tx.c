// SPDX-License-Identifier: GPL-2.0
/*
 * attacks_tx.c - a backend that changes beneath its number, and what a guest sends:
 * frames that are none, lies, headers that change while they are read.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "attacks.h"

/* The same number is a tap, a socket that is none, and nothing at all. */
static void *shuffle(void *arg)
{
	int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct beside *s = arg;

	NEED(udp >= 0);
	while (beside_goes_on(s)) {
		NEED(dup3(s->b->tap, s->fd, O_CLOEXEC) == s->fd);
		NEED(dup3(udp, s->fd, O_CLOEXEC) == s->fd);
		close(s->fd);
	}
	close(udp);
	return NULL;
}

/*
 * CVE-2023-1838: the backend's number names another file from one look to the
 * next. A reference too many keeps the tap for ever, one too few ends it early.
 */
bool backend_swapped_beneath(void)
{
	unsigned int i, ring, taken = 0, refused = 0;
	struct beside s = { .fd = 500 };
	struct bench b;
	bool ok = true;
	int r;

	bench_open(&b, lane, small);
	b.tolerant = true;
	beside_start(&s, &b, shuffle);
	for (i = 0; ok && (i < 1000 || taken < 50 || refused < 50); i++) {
		ring = i % 16 ? NIC_TX : NIC_RX;
		r = dev_backend(b.nic.dev, ring, s.fd);
		taken += !r;
		refused += r == -ENOTSOCK;
		ok = CHECK(!r || r == -ENOTSOCK) &&
		     CHECK(!dev_backend(b.nic.dev, ring, -1));
	}
	beside_stop(&s);
	ktap_diag("taken %u times, refused %u times, in %lu laps", taken, refused,
		  s.laps);
	renew(&b);
	ok = flow_run(&b, 50, 50) && ok;
	bench_close(&b);
	return CHECK(!if_nametoindex(TAP)) && ok;
}

/* As many frames as the ring holds, @len bytes each, with that header. */
static bool send_all(struct bench *b, const struct virtio_net_hdr_v1 *h,
		     unsigned int len)
{
	struct ring *r = &b->nic.ring[NIC_TX];
	uint8_t *p;

	while ((p = nic_tx_slot(&b->nic))) {
		uint8_t *start = p - b->nic.hlen;
		struct ring_seg s = { .hva = start, .len = b->nic.hlen + len };

		memcpy(start, h, b->nic.hlen);
		memset(p, 0, len);
		NEED(ring_add(r, &s, 1, 0, false,
			      b->nic.tx_free[--b->nic.tx_nfree]));
	}
	ring_publish(r);
	return flow_all_sent(&b->nic);
}

/* CVE-2024-41090, CVE-2024-41091: less than an Ethernet header. */
bool short_frames(void)
{
	static const struct virtio_net_hdr_v1 plain = { 0 };
	unsigned int len, n;
	struct bench b;
	uint64_t before;
	bool ok = true;

	bench_open(&b, lane, small);
	b.tolerant = true;
	for (len = 0; len < 14 && ok; len++) {
		before = lane == LANE_INTREE ? 0 :
			 ctl_stat(PORT, VHOST_XDP_STAT_TX_DROP_SHORT);
		ok = send_all(&b, &plain, len);
		if (lane != LANE_INTREE)
			ok = ok && CHECK(ctl_stat(PORT,
					 VHOST_XDP_STAT_TX_DROP_SHORT) ==
					 before + b.nic.tx_bufs);
	}
	ok = CHECK(!pkt_recv(&b.wire, &n, NULL)) && ok;
	ok = flow_run(&b, 20, 20) && CHECK(!b.nic.tx_used_len) && ok;
	bench_close(&b);
	return ok;
}

#define LOST 40000		/* frames; a leak would be of 512 bytes each at least */

/* CVE-2026-46320: frames that are refused leave no memory behind. */
bool nothing_leaks(void)
{
	static const struct virtio_net_hdr_v1 plain = { 0 }, lie = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 1400,
		.csum_offset = 65000,
	};
	struct nic_cfg cfg = small;
	long before, after;
	struct bench b;
	unsigned int i;
	bool ok;

	cfg.tx_num = 256;
	bench_open(&b, lane, cfg);
	b.tolerant = true;
	ok = send_all(&b, &plain, 13) && send_all(&b, &lie, 1500);
	before = proc_number("/proc/meminfo", "MemAvailable");
	for (i = 0; i < LOST && ok; i += 2 * b.nic.tx_bufs)
		ok = send_all(&b, &plain, 13) && send_all(&b, &lie, 1500);
	after = proc_number("/proc/meminfo", "MemAvailable");
	ktap_diag("%u frames: %ld kB available before, %ld kB after", i, before,
		  after);
	ok = ok && CHECK(before - after < LOST / 4);
	ok = flow_run(&b, 20, 20) && ok;
	bench_close(&b);
	return ok;
}

#define FLIPS 64

/* The header of each slot, now one thing, now another. */
static void *flip(void *arg)
{
	static const struct virtio_net_hdr_v1 h[] = {
		{ 0 },
		{ .flags = 1, .csum_start = 34, .csum_offset = 16 },
		{ .flags = 1, .csum_start = 65000, .csum_offset = 16 },
		{ .flags = 1, .csum_start = 34, .csum_offset = 65000 },
		{ .flags = 1, .csum_start = 34, .csum_offset = 16,
		  .gso_type = 2, .gso_size = 100 },
	};
	struct beside *s = arg;
	struct nic *n = &s->b->nic;
	unsigned int i, k = 0;

	while (beside_goes_on(s)) {
		for (i = 0; i < FLIPS; i++) {
			uint8_t *p = n->tx_buf + i * n->tx_stride + 64 - 12;

			/* One store and one: never a mixture of more than two. */
			memcpy(p, &h[(i + k) % 5], 8);
			memcpy(p + 8, (uint8_t *)&h[(i + k) % 5] + 8, 4);
		}
		k++;
	}
	return NULL;
}

static uint64_t dropped(void)
{
	struct ctl_port p;
	uint64_t n = 0;
	unsigned int i;

	NEED(!ctl_get(PORT, &p));
	for (i = VHOST_XDP_STAT_TX_DROP_SHORT; i <= VHOST_XDP_STAT_TX_DROP_SOCK;
	     i++)
		n += p.stats[i];
	return n;
}

static uint64_t sent_or_dropped(void)
{
	struct ctl_port p;

	NEED(!ctl_get(PORT, &p));
	return p.stats[VHOST_XDP_STAT_TX_XDP_PACKETS] +
	       p.stats[VHOST_XDP_STAT_TX_SKB_PACKETS] +
	       p.stats[VHOST_XDP_STAT_TX_LOCAL_PACKETS] +
	       p.stats[VHOST_XDP_STAT_TX_SOCK_PACKETS] + dropped();
}

/* The byte of a frame that is not as sent, from @i on; or its length. */
static unsigned int not_as_sent(const uint8_t *f, unsigned int len, unsigned int i)
{
	while (i < len && f[i] == (uint8_t)i)
		i++;
	return i;
}

/*
 * Each frame that arrives is whole, but for a checksum. That can be anywhere: the
 * header may have been half one thing and half another when it was read.
 */
static bool whole(struct bench *b, unsigned int *arrived)
{
	unsigned int len, at;
	uint8_t *f;

	while ((f = pkt_recv(&b->wire, &len, NULL))) {
		at = not_as_sent(f, len, 14);
		if (!CHECK(len == 1000) ||
		    !CHECK(not_as_sent(f, len, at + 2) >= len)) {
			ktap_diag("first at %u, then at %u", at,
				  not_as_sent(f, len, at + 2));
			return false;
		}
		++*arrived;
	}
	return true;
}

static void offer(struct bench *b)
{
	struct ring *r = &b->nic.ring[NIC_TX];
	unsigned int i;

	for (i = 0; i < FLIPS; i++) {
		uint8_t *p = b->nic.tx_buf + i * b->nic.tx_stride + 64;
		struct ring_seg s = { .hva = p - b->nic.hlen,
				      .len = b->nic.hlen + 1000 };
		unsigned int k;

		for (k = 14; k < 1000; k++)
			p[k] = k;
		memcpy(p, mac_wire, 6);
		memcpy(p + 6, mac_guest, 6);
		p[12] = FRAME_ETHERTYPE >> 8;
		p[13] = FRAME_ETHERTYPE & 0xff;
		NEED(ring_add(r, &s, 1, 0, false, i));
	}
	ring_publish(r);
}

/* A header is judged and followed as it was read, once, whatever it is by then. */
bool header_changes(void)
{
	unsigned int i, arrived = 0, sent = 0;
	uint32_t token, len;
	struct beside s;
	struct bench b;
	uint64_t before;
	struct ring *r;
	bool ok = true;

	bench_open(&b, lane, small);
	b.tolerant = true;
	r = &b.nic.ring[NIC_TX];
	before = sent_or_dropped();
	beside_start(&s, &b, flip);
	for (i = 0; i < 300 && ok; i++) {
		offer(&b);
		ok = used_up_to(r, r->last_used + FLIPS);
		while (ring_reap(r, &token, &len))
			ok = CHECK(!len) && ok;
		sent += FLIPS;
		ok = ok && whole(&b, &arrived);
	}
	beside_stop(&s);
	ktap_diag("%u frames with headers that changed: %u arrived", sent,
		  arrived);
	ok = ok && CHECK(arrived && arrived < sent) &&
	     CHECK(sent_or_dropped() == before + sent) &&
	     CHECK(!eventfd_take(r->err));
	renew(&b);
	ok = flow_run(&b, 20, 20) && ok;
	bench_close(&b);
	return ok;
}

#define PAYLOAD 2946		/* bytes of a frame of 3000 */
#define SIZE_A 0x300
#define SIZE_B 0x400
#define ROUNDS 100

/* All of these are right for a TCP frame, and so is what is half one and half another. */
#define TCP_HDR(f, t, s) { .flags = (f), .gso_type = (t), .gso_size = (s),	\
			   .hdr_len = 54, .csum_start = 34, .csum_offset = 16 }

static const struct virtio_net_hdr_v1 right[] = {
	TCP_HDR(0, VIRTIO_NET_HDR_GSO_NONE, SIZE_A),
	TCP_HDR(VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_GSO_NONE, SIZE_A),
	TCP_HDR(VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_GSO_TCPV4, SIZE_A),
	TCP_HDR(VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_GSO_TCPV4, SIZE_B),
};

static void *flip_right(void *arg)
{
	struct beside *s = arg;
	struct nic *n = &s->b->nic;
	unsigned int i, k = 0;

	for (; beside_goes_on(s); k++)
		for (i = 0; i < FLIPS; i++)
			memcpy(n->tx_buf + i * n->tx_stride + 64 - 12,
			       &right[(i + k) % 4], 12);
	return NULL;
}

/* What has come of the frames of a round. */
struct tcp_round {
	uint32_t first;		/* of their numbers */
	unsigned int got[FLIPS], size[FLIPS];	/* bytes; bytes of a segment */
	unsigned int whole, done[3];	/* uncut, cut at SIZE_A, at SIZE_B */
};

static struct inet_spec tcp_spec(uint32_t number)
{
	struct inet_spec s = { .payload = PAYLOAD, .seq = number << 16, .first = number };

	memcpy(s.dst, mac_wire, 6);
	memcpy(s.src, mac_guest, 6);
	return s;
}

static void offer_tcp(struct bench *b, const struct tcp_round *t)
{
	struct ring *r = &b->nic.ring[NIC_TX];
	unsigned int i;

	for (i = 0; i < FLIPS; i++) {
		uint8_t *p = b->nic.tx_buf + i * b->nic.tx_stride + 64;
		struct inet_spec spec = tcp_spec(t->first + i);
		struct ring_seg s = { .hva = p - b->nic.hlen };

		s.len = b->nic.hlen + inet_build(&spec, p, true);
		NEED(ring_add(r, &s, 1, 0, false, i));
	}
	ring_publish(r);
}

/* It is where that is still to be done, and where nobody was asked to do it. */
static bool sum_is_partial(const struct inet_spec *s, const uint8_t *p, unsigned int len,
			   const struct virtio_net_hdr *h)
{
	static uint8_t sent[4096];

	if (h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		return true;
	return len == inet_build(s, sent, true) && !memcmp(p + 50, sent + 50, 2);
}

/* The part of a frame that this is: right in itself, next in turn, of one length. */
static bool tcp_part(struct tcp_round *t, const uint8_t *p, unsigned int len,
		     const struct virtio_net_hdr *h)
{
	unsigned int bytes, size, i = ((uint32_t)p[38] << 8 | p[39]) - (t->first & 0xffff);
	struct inet_spec s = tcp_spec(t->first + i);
	bool cut;
	uint32_t at;

	if (!CHECK(len >= inet_hlen(&s)) || !CHECK(i < FLIPS) ||
	    !inet_verify(&s, p, len, sum_is_partial(&s, p, len, h), &at, &bytes))
		return false;
	cut = h->gso_type != VIRTIO_NET_HDR_GSO_NONE;
	size = cut ? h->gso_size : bytes;
	if (!t->size[i])
		t->size[i] = size;
	if (!CHECK(at == t->got[i]) ||
	    !CHECK(size == t->size[i] || (!cut && at + bytes == PAYLOAD && size < t->size[i])) ||
	    !CHECK(!cut || h->gso_type == VIRTIO_NET_HDR_GSO_TCPV4))
		return false;
	t->got[i] += bytes;
	if (t->got[i] < PAYLOAD)
		return true;
	t->whole++;
	t->done[t->size[i] == SIZE_A ? 1 : t->size[i] == SIZE_B ? 2 : 0]++;
	return CHECK(t->size[i] == SIZE_A || t->size[i] == SIZE_B || t->size[i] == PAYLOAD);
}

/* Those of the round that were not dropped, each in all its parts, and nothing else. */
static bool collect_tcp(struct bench *b, struct tcp_round *t, unsigned int want)
{
	struct virtio_net_hdr h;
	unsigned int len, i;
	uint8_t *p;

	while (t->whole < want) {
		p = pkt_recv(&b->wire, &len, &h);
		if (!p && !wait_fd(b->wire.fd, 8000)) {
			ktap_diag("%u of %u frames came", t->whole, want);
			return false;
		}
		if (p && !tcp_part(t, p, len, &h))
			return false;
	}
	for (i = 0; i < FLIPS; i++)
		if (!CHECK(t->got[i] == PAYLOAD || !t->got[i]))
			return false;
	return CHECK(!pkt_recv(&b->wire, &len, &h));
}

static bool tcp_round(struct bench *b, struct tcp_round *t, uint32_t first)
{
	struct ring *r = &b->nic.ring[NIC_TX];
	uint64_t sum = sent_or_dropped(), drops = dropped();
	uint32_t token, len;
	bool ok;

	memset(t, 0, sizeof(*t));
	t->first = first;
	offer_tcp(b, t);
	ok = used_up_to(r, r->last_used + FLIPS);
	while (ring_reap(r, &token, &len))
		ok = CHECK(!len) && ok;
	return ok && CHECK(sent_or_dropped() == sum + FLIPS) &&
	       collect_tcp(b, t, FLIPS - (dropped() - drops));
}

static void vnet_wire(struct bench *b)
{
	pkt_close(&b->wire);
	if (has_uplink(lane))
		net_enter_wire();
	pkt_open(&b->wire, has_uplink(lane) ? WIRE : TAP, 9100, true);
	if (has_uplink(lane))
		net_enter_host();
}

/* Whatever a header is by then: of a frame that is cut, all parts are of one length. */
static bool right_headers(void)
{
	struct nic_cfg cfg = small;
	unsigned int i, k, done[3] = { 0 };
	struct tcp_round t;
	struct beside s;
	struct bench b;
	bool ok = true;

	cfg.tx_len = 3000;
	cfg.tx_bufs = FLIPS;
	bench_open(&b, lane, cfg);
	vnet_wire(&b);
	beside_start(&s, &b, flip_right);
	for (i = 0; i < ROUNDS && ok; i++) {
		ok = tcp_round(&b, &t, i * FLIPS);
		for (k = 0; k < 3; k++)
			done[k] += t.done[k];
	}
	beside_stop(&s);
	ktap_diag("%u frames with headers that changed: %u came uncut, %u in parts of %u, %u of %u",
		  i * FLIPS, done[0], done[1], SIZE_A, done[2], SIZE_B);
	ok = ok && CHECK(done[0] && done[1] && done[2]) &&
	     CHECK(!eventfd_take(b.nic.ring[NIC_TX].err));
	bench_close(&b);
	return ok;
}

/* The same where the uplink cuts nothing: a far end with a program takes no more. */
static bool right_headers_cut(void)
{
	bool ok;
	int xdp;

	net_offloads(UPLINK, false);
	net_enter_wire();
	net_ethtool(WIRE, ETHTOOL_SGRO, 0);
	xdp = net_xdp_pass(WIRE);
	net_enter_host();
	ok = right_headers();
	close(xdp);
	net_enter_wire();
	net_ethtool(WIRE, ETHTOOL_SGRO, 1);
	net_enter_host();
	net_offloads(UPLINK, true);
	return ok;
}

bool right_header_changes(void)
{
	return right_headers() && (!has_uplink(lane) || right_headers_cut());
}
