// SPDX-License-Identifier: GPL-2.0
/*
 * local.c - GSO frames from guest to guest: whole where the VMM has told the
 * receiver's tap that the guest takes them, cut where not, whatever else the tap
 * goes through, and never more of them waiting than the backlog is allowed.
 */
#define _GNU_SOURCE
#include <linux/if_tun.h>
#include <linux/vhost.h>
#include <net/if.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "local.h"

#define GSO_SIZE 1400
#define LARGE 65160
#define ROUNDS 10

const struct nic_cfg guest = {
	.features = F_MODERN | F_MRG, .rx_num = 256, .tx_num = 256,
	.rx_len = 1536, .tx_len = 65600, .tx_bufs = 40,
};

struct kind {
	const char *name;
	bool v6, udp, ecn;
	uint8_t type;
	unsigned int takes;	/* TUN_F_* that b needs for it */
};

static const struct kind kinds[] = {
	{ "TSO4", 0, 0, 0, VIRTIO_NET_HDR_GSO_TCPV4, TUN_F_TSO4 },
	{ "TSO6", 1, 0, 0, VIRTIO_NET_HDR_GSO_TCPV6, TUN_F_TSO6 },
	{ "TSO4 with ECN", 0, 0, 1, VIRTIO_NET_HDR_GSO_TCPV4,
	  TUN_F_TSO4 | TUN_F_TSO_ECN },
	{ "USO, IPv4", 0, 1, 0, VIRTIO_NET_HDR_GSO_UDP_L4,
	  TUN_F_USO4 | TUN_F_USO6 },
	{ "USO, IPv6", 1, 1, 0, VIRTIO_NET_HDR_GSO_UDP_L4,
	  TUN_F_USO4 | TUN_F_USO6 },
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static uint32_t seq;		/* of the payload that comes next */
static uint8_t more_flags;	/* that a sets in headers besides */

static struct inet_spec spec_of(const struct kind *k, unsigned int payload)
{
	struct inet_spec s = {
		.v6 = k->v6, .udp = k->udp, .payload = payload,
		.seq = seq, .first = seq * 7919,
	};

	memcpy(s.dst, mac_b, 6);
	memcpy(s.src, mac_guest, 6);
	return s;
}

static struct virtio_net_hdr_v1 header(const struct kind *k,
				       const struct inet_spec *s)
{
	unsigned int hlen = inet_hlen(s);

	return (struct virtio_net_hdr_v1){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = k->type | (k->ecn ? VIRTIO_NET_HDR_GSO_ECN : 0),
		.gso_size = GSO_SIZE,
		.hdr_len = hlen,
		.csum_start = hlen - (s->udp ? 8 : 20),
		.csum_offset = s->udp ? 6 : 16,
	};
}

/* To be published by the caller. */
static void offer(struct two *t, const struct inet_spec *s,
		  const struct virtio_net_hdr_v1 *h, enum nic_layout layout)
{
	struct virtio_net_hdr_v1 sent = *h;
	uint8_t *p;

	nic_tx_reclaim(&t->a.nic);
	p = nic_tx_slot(&t->a.nic);
	NEED(p);
	if (sent.flags)
		sent.flags |= more_flags;
	NEED(nic_tx(&t->a.nic, &sent, inet_build(s, p, h->flags), layout, false));
}

/* The payload of @s is complete, in @frames frames. */
static bool collect(struct two *t, const struct inet_spec *s,
		    const struct virtio_net_hdr_v1 *whole, unsigned int *frames)
{
	unsigned int got = 0, bytes;
	struct nic_frame f;
	uint32_t at;
	bool ok;

	for (*frames = 0; got < s->payload; ++*frames) {
		bool partial;

		if (!two_next(t, &f))
			return false;
		partial = f.hdr.hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;
		at = got;
		ok = inet_verify(s, f.data, f.len, partial, &at, &bytes) &&
		     CHECK(at == got) &&
		     CHECK(f.hdr.hdr.gso_type == (whole ? whole->gso_type : 0)) &&
		     CHECK(f.hdr.hdr.flags ==
			   (whole ? VIRTIO_NET_HDR_F_NEEDS_CSUM : 0));
		if (ok && whole)
			ok = CHECK(f.hdr.hdr.gso_size == whole->gso_size) &&
			     CHECK(f.hdr.hdr.csum_start == whole->csum_start) &&
			     CHECK(f.hdr.hdr.csum_offset == whole->csum_offset) &&
			     CHECK(f.hdr.hdr.hdr_len == inet_hlen(s));
		two_done(t);
		if (!ok)
			return false;
		got += bytes;
	}
	return CHECK(got == s->payload);
}

/* Each kind, of several lengths, comes whole or cut as it should. */
static bool send_kind(struct two *t, const struct kind *k, bool whole)
{
	static const unsigned int payload[] = { LARGE, 3000, 20000, 65400 };
	unsigned int i, frames, pieces;

	for (i = 0; i < ROUNDS; i++) {
		struct inet_spec s = spec_of(k, payload[i % 4]);
		struct virtio_net_hdr_v1 h = header(k, &s);

		pieces = (s.payload + GSO_SIZE - 1) / GSO_SIZE;
		offer(t, &s, &h, i % 3);
		ring_publish(&t->a.nic.ring[NIC_TX]);
		seq += s.payload;
		if (!collect(t, &s, whole ? &h : NULL, &frames) ||
		    !CHECK(frames == (whole ? 1 : pieces))) {
			ktap_diag("%s, %u bytes, %s", k->name, s.payload,
				  whole ? "whole" : "cut");
			return false;
		}
	}
	return true;
}

static bool send_all(struct two *t, unsigned int offloads)
{
	unsigned int i, need;

	for (i = 0; i < KINDS; i++) {
		need = kinds[i].takes | TUN_F_CSUM;
		if (!send_kind(t, &kinds[i], (offloads & need) == need))
			return false;
	}
	return true;
}

/* While it runs, the guest acknowledges this and that, and takes it back. */
static void as_told(struct two *t)
{
	static const unsigned int told[] = {
		0, TUN_F_CSUM,
		TUN_F_CSUM | TUN_F_TSO4,
		TUN_F_CSUM | TUN_F_TSO6,
		TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN,
		TUN_F_CSUM | TUN_F_USO4 | TUN_F_USO6,
		TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN |
			TUN_F_USO4 | TUN_F_USO6,
		0,
	};
	unsigned int i;

	for (i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
		ktap_case(60, "the tap was told 0x%02x", told[i]);
		two_takes(t, told[i]);
		ktap_ok(send_all(t, told[i]));
	}
}

/* A guest with an older Linux would drop a frame of more datagrams. */
static void datagrams(struct two *t)
{
	const struct kind *k = &kinds[3];
	unsigned int nr, frames;
	bool ok = true;

	ktap_case(60, "USO, whole up to 64 datagrams");
	two_takes(t, TUN_F_CSUM | k->takes);
	for (nr = 62; nr <= 66 && ok; nr++) {
		struct inet_spec s = spec_of(k, nr * 500);
		struct virtio_net_hdr_v1 h = header(k, &s);
		bool whole = nr <= 64;

		h.gso_size = 500;
		offer(t, &s, &h, NIC_ONE);
		ring_publish(&t->a.nic.ring[NIC_TX]);
		seq += s.payload;
		ok = collect(t, &s, whole ? &h : NULL, &frames) &&
		     CHECK(frames == (whole ? 1 : nr));
	}
	ktap_ok(ok);
}

/* Whatever a writes there: b hears of nothing but the checksum. */
static void other_flags(struct two *t)
{
	const unsigned int told = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 |
				  TUN_F_TSO_ECN | TUN_F_USO4 | TUN_F_USO6;
	bool ok;

	ktap_case(60, "a sender that sets all flags");
	more_flags = 0xff;
	two_takes(t, told);
	ok = send_all(t, told);
	two_takes(t, 0);
	ktap_ok(ok && send_all(t, 0));
	more_flags = 0;
}

/* In one piece, still to be cut. */
static bool whole_at(struct pkt *w, const struct inet_spec *s,
		     const struct virtio_net_hdr_v1 *h)
{
	struct virtio_net_hdr got;
	unsigned int len, bytes;
	uint32_t at = 0;
	uint8_t *p;

	while (!(p = pkt_recv(w, &len, &got)))
		if (!wait_fd(w->fd, 8000)) {
			ktap_diag("%u bytes did not come", s->payload);
			return false;
		}
	return CHECK(got.gso_type == h->gso_type) && CHECK(got.gso_size == h->gso_size) &&
	       CHECK(got.csum_start == h->csum_start) &&
	       inet_verify(s, p, len, true, &at, &bytes) && CHECK(bytes == s->payload);
}

static bool send_to_all(struct two *t, struct pkt *host, const struct kind *k,
			unsigned int payload, bool whole)
{
	struct inet_spec s = spec_of(k, payload);
	struct virtio_net_hdr_v1 h = header(k, &s);
	unsigned int frames;

	memset(s.dst, 255, 6);
	offer(t, &s, &h, NIC_ONE);
	ring_publish(&t->a.nic.ring[NIC_TX]);
	seq += s.payload;
	return whole_at(&t->a.wire, &s, &h) && whole_at(host, &s, &h) &&
	       collect(t, &s, whole ? &h : NULL, &frames);
}

/* There is no such thing as TCP to a group. */
static void to_all(void)
{
	struct pkt host;
	struct two t;
	unsigned int i;
	bool ok = true;

	ktap_case(60, "USO to all: the wire, the other guest, the host");
	two_open(&t, LANE_XDP, guest, guest);
	long_wire(&t.a);
	NEED(!net_run("ip link set " TAP " mtu 9000 up"));
	pkt_open(&host, TAP, 66000, true);
	for (i = 0; i < 8 && ok; i++) {
		const struct kind *k = &kinds[3 + i % 2];
		bool whole = i & 4;

		two_takes(&t, whole ? TUN_F_CSUM | k->takes : 0);
		ok = send_to_all(&t, &host, k, i & 2 ? LARGE : 3000, whole);
	}
	ktap_ok(ok);
	pkt_close(&host);
	two_close(&t);
}

/* It is still the same tap; what was said before the start counts, too. */
static void renamed(struct two *t)
{
	bool ok;

	ktap_case(60, "renamed, then told");
	NEED(!net_run("ip link set " OTHER_TAP " name elsewhere"));
	two_takes(t, TUN_F_CSUM | TUN_F_TSO4);
	ok = send_all(t, TUN_F_CSUM | TUN_F_TSO4);
	NEED(!nic_stop(&t->b.nic) && !nic_resume(&t->b.nic));
	ktap_ok(ok && send_all(t, TUN_F_CSUM | TUN_F_TSO4));

	ktap_case(60, "an administrator switches its TSO off");
	NEED(!net_run("ethtool -K elsewhere tso off > /dev/null"));
	ok = send_all(t, TUN_F_CSUM);
	NEED(!net_run("ethtool -K elsewhere tso on > /dev/null"));
	ktap_ok(ok && send_all(t, TUN_F_CSUM | TUN_F_TSO4));

	ktap_case(60, "deleted while it is the backend");
	NEED(!net_run("ip link del elsewhere"));
	ktap_ok(send_all(t, 0));
}

/* What another one is told, before and after, is not ours. */
static void not_ours(struct two *t)
{
	const unsigned int told = TUN_F_CSUM | TUN_F_TSO4;
	int other = tap_open("other", IFF_VNET_HDR, 12);
	bool ok;

	ktap_case(60, "another tap is told");
	two_takes(t, told);
	NEED(!ioctl(other, TUNSETOFFLOAD, told));
	NEED(!ioctl(other, TUNSETOFFLOAD, 0));
	ok = send_all(t, told);
	two_takes(t, 0);
	NEED(!ioctl(other, TUNSETOFFLOAD, told));
	ok = send_all(t, 0) && ok;
	two_takes(t, told);
	close(other);
	ktap_ok(send_all(t, told) && ok);
	two_takes(t, 0);
}

struct storm {
	bool stop;
	unsigned int turns;
};

static void rename_link(int sock, const char *from, const char *to)
{
	struct ifreq r = { 0 };

	strcpy(r.ifr_name, from);
	strcpy(r.ifr_newname, to);
	NEED(!ioctl(sock, SIOCSIFNAME, &r));
}

/* Another tap has the name for a moment, again and again. */
static void *rename_all(void *arg)
{
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct storm *s = arg;

	NEED(sock >= 0);
	while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
		rename_link(sock, OTHER_TAP, "aside");
		rename_link(sock, "impostor", OTHER_TAP);
		rename_link(sock, OTHER_TAP, "impostor");
		rename_link(sock, "aside", OTHER_TAP);
		__atomic_fetch_add(&s->turns, 1, __ATOMIC_RELAXED);
	}
	close(sock);
	return NULL;
}

/* The tap is looked for while its name comes and goes: never is another one taken. */
static void names_in_turn(struct two *t)
{
	const struct kind *k = &kinds[0];
	struct storm storm = { 0 };
	unsigned int i, frames;
	int impostor = tap_open("impostor", IFF_VNET_HDR, 12);
	pthread_t thread;
	bool ok = true;

	ktap_case(120, "another tap has its name in turn");
	two_takes(t, 0);
	NEED(!ioctl(impostor, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4));
	NEED(!pthread_create(&thread, NULL, rename_all, &storm));
	for (i = 0; ok && (i < 100 ||
			   __atomic_load_n(&storm.turns, __ATOMIC_RELAXED) < 100); i++) {
		struct inet_spec s = spec_of(k, 4 * GSO_SIZE);
		struct virtio_net_hdr_v1 h = header(k, &s);

		NEED(!nic_stop(&t->b.nic) && !nic_resume(&t->b.nic));
		offer(t, &s, &h, NIC_ONE);
		ring_publish(&t->a.nic.ring[NIC_TX]);
		seq += s.payload;
		ok = collect(t, &s, NULL, &frames) && CHECK(frames == 4);
	}
	__atomic_store_n(&storm.stop, true, __ATOMIC_RELAXED);
	NEED(!pthread_join(thread, NULL));
	close(impostor);
	ktap_diag("%u starts, %u times four names", i, storm.turns);
	NEED(!nic_stop(&t->b.nic) && !nic_resume(&t->b.nic));
	two_takes(t, TUN_F_CSUM | TUN_F_TSO4);
	ktap_ok(ok && send_all(t, TUN_F_CSUM | TUN_F_TSO4));
	two_takes(t, 0);
}

/* A flow of GSO frames and others, on the fast lane where whole: nothing overtakes. */
static void in_order(struct two *t, unsigned int offloads)
{
	uint64_t fast = ctl_stat(OTHER, VHOST_XDP_STAT_RX_FAST_PACKETS);
	const struct virtio_net_hdr_v1 none = { 0 };
	const struct kind *k = &kinds[0];
	struct inet_spec s[16];
	unsigned int i, round, frames;
	bool ok = true;

	two_takes(t, offloads);
	for (round = 0; round < 20 && ok; round++) {
		for (i = 0; i < 16; i++) {
			bool gso = (i ^ round) & 1;
			struct virtio_net_hdr_v1 h;

			s[i] = spec_of(k, gso ? 9000 : 100 + i);
			h = header(k, &s[i]);
			offer(t, &s[i], gso ? &h : &none, i % 3);
			seq += s[i].payload;
		}
		ring_publish(&t->a.nic.ring[NIC_TX]);
		for (i = 0; i < 16 && ok; i++) {
			bool whole = offloads && (i ^ round) & 1;
			struct virtio_net_hdr_v1 h = header(k, &s[i]);

			ok = collect(t, &s[i], whole ? &h : NULL, &frames);
		}
	}
	fast = ctl_stat(OTHER, VHOST_XDP_STAT_RX_FAST_PACKETS) - fast;
	ktap_diag("%llu of %u by the fast lane", (unsigned long long)fast, 20 * 16);
	ktap_ok(ok && CHECK(!offloads || fast >= 20 * 16 / 2));
}

/* A guest that does not refill: what waits for it is bounded, the rest counted. */
static void bounded(struct two *t)
{
	const struct kind *k = &kinds[0];
	unsigned int i, sent = 400, frames, came = 0;
	uint64_t before, dropped;
	struct ctl_port p;
	bool ok = true;
	struct inet_spec s;
	struct nic_frame f;

	two_takes(t, TUN_F_CSUM | TUN_F_TSO4);
	before = ctl_stat(OTHER, VHOST_XDP_STAT_RX_DROP_BACKLOG);
	s = spec_of(k, LARGE);
	for (i = 0; i < sent; i++) {
		struct virtio_net_hdr_v1 h = header(k, &s);

		offer(t, &s, &h, NIC_ONE);
		ring_publish(&t->a.nic.ring[NIC_TX]);
		if (!two_sent(t)) {
			ktap_ok(false);
			return;
		}
	}
	NEED(!ctl_get(OTHER, &p));
	dropped = ctl_stat(OTHER, VHOST_XDP_STAT_RX_DROP_BACKLOG) - before;
	ok = CHECK(p.nqueues == 1) &&
	     CHECK(p.queue[0].backlog <= p.backlog) &&
	     CHECK(p.queue[0].backlog > p.backlog - 7) && CHECK(dropped > 0);
	/* What was not refused comes, whole and once. */
	for (i = 0; i < sent - dropped && ok; i++, came++)
		ok = collect(t, &s, &(struct virtio_net_hdr_v1){
				.gso_type = k->type, .gso_size = GSO_SIZE,
				.csum_start = 34, .csum_offset = 16 }, &frames) &&
		     CHECK(frames == 1);
	ktap_ok(ok && CHECK(!nic_rx(&t->b.nic, &f)));
	if (!ok)
		ktap_diag("%u of %u came, %llu dropped, backlog %u of %u", came,
			  sent, (unsigned long long)dropped,
			  p.queue[0].backlog, p.backlog);
}

static void without_header(void)
{
	struct nic_cfg cfg = guest;
	struct two t;

	ktap_case(60, "a tap without header is not asked");
	cfg.features = BIT64(VIRTIO_F_VERSION_1) | F_MRG |
		       BIT64(VHOST_NET_F_VIRTIO_NET_HDR);
	two_open(&t, LANE_XDP, guest, cfg);
	two_takes(&t, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6);
	ktap_ok(send_all(&t, 0));
	two_close(&t);
}

int main(void)
{
	struct two t;

	ktap_case(60, "setup");
	net_ready(LANE_XDP);
	port_attach(LANE_XDP, PORT, mac_guest, 0, "");
	two_open(&t, LANE_XDP, guest, guest);
	as_told(&t);
	other_flags(&t);
	datagrams(&t);
	ktap_case(60, "in order, whole");
	in_order(&t, TUN_F_CSUM | TUN_F_TSO4);
	ktap_case(60, "in order, cut");
	in_order(&t, 0);
	ktap_case(120, "a guest that does not refill");
	bounded(&t);
	not_ours(&t);
	names_in_turn(&t);
	renamed(&t);
	two_close(&t);
	without_header();
	to_all();
	flooded();
	logged_flood();
	port_detach(LANE_XDP, PORT);
	return ktap_done();
}
