// SPDX-License-Identifier: GPL-2.0
/*
 * tunnel.c - GSO frames in a UDP tunnel (virtio 1.4), VXLAN here: out of the uplink cut
 * by the kernel, from guest to guest whole where the receiver's tap was told so and cut
 * by us where not. Every length and checksum of what comes is looked at, outer and
 * inner. And that all else goes as ever behind the longer header.
 *
 * Skipped where the kernel's taps and vhost-net do not have it, before 6.17.
 */
#define _GNU_SOURCE
#include <linux/if_tun.h>
#include <unistd.h>

#include "tunnel.h"

static void all_to_wire(bool hardware)
{
	struct bench b;
	unsigned int i;

	bench_open(&b, LANE_XDP, guest);
	long_wire(&b);
	for (i = 0; i < KINDS; i++) {
		ktap_case(60, "%s, uplink %s offloads", kinds[i].name,
			  hardware ? "with" : "without");
		ktap_ok(tunnel_to_wire(&b, &b.wire, &kinds[i], &kinds[i], hardware) &&
			bench_quiet(&b));
	}
	bench_close(&b);
}

static void uplinks(void)
{
	all_to_wire(true);
	slow_uplink(true);
	all_to_wire(false);
	slow_uplink(false);
}

/* An access port, which has our program put a tag in front of them. */
static void tagged(bool hardware)
{
	struct bench b;
	unsigned int i;
	bool ok = true;

	ktap_case(60, "an access port, uplink %s offloads", hardware ? "with" : "without");
	bench_open(&b, LANE_XDP, guest);
	long_wire(&b);
	for (i = 0; i < KINDS && ok; i++) {
		struct kind came = kinds[i];

		came.tags = 1;
		ok = tunnel_to_wire(&b, &b.wire, &kinds[i], &came, hardware);
	}
	ktap_ok(ok && bench_quiet(&b));
	bench_close(&b);
}

static void tagged_port(void)
{
	port_detach(LANE_XDP, PORT);
	port_attach(LANE_XDP, PORT, mac_guest, TUNNEL_VLAN, "");
	tagged(true);
	slow_uplink(true);
	tagged(false);
	slow_uplink(false);
	port_detach(LANE_XDP, PORT);
	port_attach(LANE_XDP, PORT, mac_guest, 0, "");
}

static void told(struct two *t, unsigned int offloads, const char *what)
{
	bool tunnel = offloads & TUN_F_UDP_TUNNEL_GSO && t->b.nic.cfg.tunnel;
	bool csum = offloads & TUN_F_UDP_TUNNEL_GSO_CSUM, ok = true;
	unsigned int i;

	ktap_case(60, "to a guest %s", what);
	two_takes(t, offloads);
	for (i = 0; i < KINDS && ok; i++)
		ok = tunnel_to_guest(t, &kinds[i], &kinds[i],
				     tunnel && (csum || !kinds[i].csum));
	ktap_ok(ok);
}

static void guests(void)
{
	const unsigned int plain = all_offloads & ~(TUN_F_UDP_TUNNEL_GSO |
						    TUN_F_UDP_TUNNEL_GSO_CSUM);
	struct nic_cfg other = guest;
	struct two t;

	two_open(&t, LANE_XDP, guest, guest);
	told(&t, 0, "that takes nothing");
	told(&t, plain, "that takes GSO frames, but in no tunnel");
	told(&t, plain | TUN_F_UDP_TUNNEL_GSO, "that takes tunnels without a checksum");
	told(&t, all_offloads, "that takes all tunnels");
	two_close(&t);
	other.tunnel = false;
	two_open(&t, LANE_XDP, guest, other);
	told(&t, all_offloads, "whose header has no room for a tunnel");
	two_close(&t);
}

/* One that is for all: the wire, the other guest, and the host. */
static bool to_all(struct two *t, struct pkt *host, const struct kind *k, bool whole)
{
	static const uint8_t all[6] = { 255, 255, 255, 255, 255, 255 };
	unsigned int i, frames;
	bool ok = true;

	tunnel_claim(&t->a, k);
	for (i = 0; i < 6 && ok; i++) {
		struct inet_spec s = tunnel_spec(k, all, i);
		struct virtio_net_hdr_v1 h = tunnel_header(k, &s);

		tunnel_send(&t->a, k, &s, &h, NIC_ONE);
		ok = tunnel_from(&t->a.wire, k, &s, &frames) && CHECK(frames == 1) &&
		     tunnel_at_guest(t, k, &s, whole) &&
		     tunnel_from(host, k, &s, &frames) && CHECK(frames == 1);
		if (!ok)
			ktap_diag("%s, %u bytes", k->name, s.payload);
	}
	return ok;
}

static void floods(void)
{
	struct pkt host;
	struct two t;
	unsigned int i;
	bool ok = true;

	two_open(&t, LANE_XDP, guest, guest);
	long_wire(&t.a);
	NEED(!net_run("ip link set " TAP " mtu 9000 up"));
	pkt_open(&host, TAP, 66000, true);
	two_takes(&t, all_offloads);
	ktap_case(60, "to all: the wire, the other guest, the host");
	for (i = 0; i < KINDS && ok; i++)
		ok = to_all(&t, &host, &kinds[i], true);
	ktap_ok(ok);
	pkt_close(&host);
	two_close(&t);
}

/* Each is refused and counted, and the next frame passes. */
static bool refused(struct bench *b, const struct kind *k, int outer, int inner, uint8_t type)
{
	uint64_t before = ctl_stat(PORT, VHOST_XDP_STAT_TX_DROP_GSO);
	struct inet_spec s = tunnel_spec(k, mac_wire, 0);
	struct virtio_net_hdr_v1 h = tunnel_header(k, &s);
	unsigned int frames;

	tunnel_claim(b, k);
	b->nic.outer_l4 += outer;
	b->nic.inner_l3 += inner;
	h.gso_type ^= type;
	tunnel_send(b, k, &s, &h, NIC_SPLIT);
	h.gso_type ^= type;
	tunnel_claim(b, k);
	tunnel_send(b, k, &s, &h, NIC_SPLIT);
	return tunnel_from(&b->wire, k, &s, &frames) &&
	       CHECK(ctl_stat(PORT, VHOST_XDP_STAT_TX_DROP_GSO) == before + 1);
}

static bool all_refused(void)
{
	static const struct { int outer, inner; uint8_t type; } lies[] = {
		{ -4, 0, 0 }, { 8, 0, 0 }, { -1000, 0, 0 }, { 0, 4, 0 }, { 0, -14, 0 },
		{ 0, 0x7000, 0 }, { 0, 0, 0x60 }, { 0, 0, 0x40 },
	};
	struct bench b;
	unsigned int i;
	bool ok = true;

	bench_open(&b, LANE_XDP, guest);
	long_wire(&b);
	for (i = 0; ok && i < sizeof(lies) / sizeof(lies[0]); i++)
		ok = refused(&b, &kinds[0], lies[i].outer, lies[i].inner, lies[i].type);
	bench_close(&b);
	return ok;
}

/* The tunnel's frame, and then one that leaves only its inner checksum to us. */
static bool not_agreed(void)
{
	uint64_t before = ctl_stat(PORT, VHOST_XDP_STAT_TX_DROP_GSO);
	struct inet_spec s = tunnel_spec(&kinds[0], mac_wire, 0);
	struct virtio_net_hdr_v1 h = tunnel_header(&kinds[0], &s), csum = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.csum_start = h.csum_start, .csum_offset = h.csum_offset,
	};
	struct nic_cfg cfg = guest;
	unsigned int frames;
	struct bench b;
	bool ok;

	cfg.tunnel = false;
	s.payload = 500;
	bench_open(&b, LANE_XDP, cfg);
	tunnel_send(&b, &kinds[0], &s, &h, NIC_ONE);
	tunnel_send(&b, &kinds[0], &s, &csum, NIC_ONE);
	ok = tunnel_from(&b.wire, &kinds[0], &s, &frames) && CHECK(frames == 1) &&
	     CHECK(ctl_stat(PORT, VHOST_XDP_STAT_TX_DROP_GSO) == before + 1);
	bench_close(&b);
	return ok;
}

/* All other frames, behind a header of 24 bytes. */
static void plain_frames(const char *rings, uint64_t features)
{
	static const char *const lanes[] = { "xdp", "xsk", "sock" };
	static const unsigned int lens[] = { 60, 64, 1514 };
	struct nic_cfg cfg = guest;
	struct bench b;
	unsigned int i, j;

	cfg.tx_len = 1600;
	cfg.features |= features;
	for (i = 0; i < 3; i++) {
		enum lane lane = lane_of(lanes[i]);

		port_attach(lane, PORT, mac_guest, 0, "");
		bench_open(&b, lane, cfg);
		for (j = 0; j < 3; j++) {
			ktap_case(60, "%s, %s: frames of %u bytes behind the longer header",
				  lanes[i], rings, lens[j]);
			bench_len(&b, lens[j]);
			ktap_ok(flow_run(&b, 2000, 2000) && bench_quiet(&b));
		}
		bench_close(&b);
		port_detach(lane, PORT);
	}
}

static bool kernel_has_it(void)
{
	uint64_t more;
	int fd;

	fd = dev_open(port_node(PORT));
	NEED(fd >= 0);
	NEED(!dev_features_more(fd, &more));
	close(fd);
	return more & TUNNEL_MORE;
}

int main(void)
{
	ktap_case(60, "setup");
	net_ready(LANE_XDP);
	port_attach(LANE_XDP, PORT, mac_guest, 0, "");
	if (!kernel_has_it()) {
		ktap_skip("GSO frames in a UDP tunnel", "taps of this kernel do not know them");
		port_detach(LANE_XDP, PORT);
		return ktap_done();
	}
	uplinks();
	tagged_port();
	guests();
	floods();
	programs();
	packed();
	narrowed();
	ktap_case(60, "lies about a tunnel are refused and counted");
	ktap_ok(all_refused());
	ktap_case(60, "a tunnel that was not agreed on");
	ktap_ok(not_agreed());
	port_detach(LANE_XDP, PORT);
	sockets();
	plain_frames("split", 0);
	plain_frames("packed", F_PACKED);
	return ktap_done();
}
