// SPDX-License-Identifier: GPL-2.0
/*
 * attacks_tx.c - a backend that changes beneath its number, and what a guest sends:
 * frames that are none, lies, headers that change while they are read.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
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

static bool all_used(struct nic *n)
{
	struct ring *r = &n->ring[NIC_TX];

	while (nic_tx_reclaim(n), n->tx_nfree != n->tx_bufs) {
		if (ring_call_on(r) && !wait_fd(r->call, 8000))
			return CHECK(!"transmit chain was used");
		eventfd_take(r->call);
	}
	return true;
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
	return all_used(&b->nic);
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

static uint64_t sent_or_dropped(void)
{
	struct ctl_port p;
	uint64_t n;
	unsigned int i;

	NEED(!ctl_get(PORT, &p));
	n = p.stats[VHOST_XDP_STAT_TX_XDP_PACKETS] +
	    p.stats[VHOST_XDP_STAT_TX_SKB_PACKETS] +
	    p.stats[VHOST_XDP_STAT_TX_LOCAL_PACKETS] +
	    p.stats[VHOST_XDP_STAT_TX_SOCK_PACKETS];
	for (i = VHOST_XDP_STAT_TX_DROP_SHORT; i <= VHOST_XDP_STAT_TX_DROP_SOCK;
	     i++)
		n += p.stats[i];
	return n;
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
