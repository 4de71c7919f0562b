// SPDX-License-Identifier: GPL-2.0
/*
 * traffic.c - frames in both directions at once, each with a sequence number
 * and a sum over its payload: all arrive, once, in order and unchanged, for
 * every size of frame and every kind of ring a guest may have.
 *
 *	traffic xdp|xsk|sock|intree [FRAMES]
 *
 * A slow kernel (ktap_slow()) has fewer FRAMES to move.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "traffic.h"

/* The guest that the long runs use: what Linux' driver asks for. */
static const struct nic_cfg linux_guest = {
	.features = F_MODERN | F_MRG,
	.rx_num = 256, .tx_num = 256, .rx_len = 1536, .tx_len = 9018,
};

static void sizes(enum lane lane, unsigned int frames)
{
	/* 9014: an MTU of 9000, frags on the way, several buffers a frame. */
	static const unsigned int lens[] = { 60, 64, 1514, 9014 };
	struct bench b;
	unsigned int i;

	bench_open(&b, lane, linux_guest);
	for (i = 0; i < 4; i++) {
		ktap_case(300, "%u frames of %u bytes each way", frames,
			  lens[i]);
		bench_len(&b, lens[i]);
		ktap_ok(flow_run(&b, frames, frames));
	}
	bench_close(&b);
}

struct variant {
	const char *name;
	struct nic_cfg cfg;
	enum nic_layout tx_layout;
	bool tx_indirect, jumbo;
	unsigned int frames;
};

#define BIG .rx_len = 9216, .tx_len = 9018
#define RINGS(n) .rx_num = n, .tx_num = n

static const struct variant variants[] = {
	{ "ring of 1", { .features = F_MODERN, RINGS(1), BIG }, 0, 0, 1, 300 },
	{ "ring of 1, mergeable", { .features = F_MODERN | F_MRG, RINGS(1),
	  BIG }, 0, 0, 1, 300 },
	{ "ring of 1, indirect tables", { .features = F_MODERN, RINGS(1), BIG,
	  .indirect = true, .rx_layout = NIC_PIECES }, NIC_PIECES, 1, 1, 300 },
	{ "ring of 2", { .features = F_MODERN | F_MRG, RINGS(2), BIG },
	  NIC_SPLIT, 0, 1, 500 },
	{ "ring of 32768", { .features = F_MODERN | F_MRG, RINGS(32768),
	  .rx_len = 1536, .tx_len = 9018 }, 0, 0, 1, 4000 },
	{ "ring of 32768, base 65530", { .features = F_MODERN, RINGS(32768),
	  .rx_len = 2048, .tx_len = 9018, .base = 65530 }, 0, 0, 0, 4000 },
	{ "not mergeable", { .features = F_MODERN, RINGS(256), BIG },
	  0, 0, 1, 3000 },
	{ "not mergeable, chains", { .features = F_MODERN, RINGS(256), BIG,
	  .rx_layout = NIC_PIECES }, NIC_PIECES, 0, 1, 3000 },
	{ "mergeable, small buffers", { .features = F_MODERN | F_MRG,
	  RINGS(256), .rx_len = 300, .tx_len = 9018 }, 0, 0, 1, 2000 },
	{ "mergeable, chains", { .features = F_MODERN | F_MRG, RINGS(256),
	  .rx_len = 1536, .tx_len = 9018, .rx_layout = NIC_SPLIT },
	  NIC_SPLIT, 0, 1, 3000 },
	{ "indirect tables", { .features = F_MODERN, RINGS(256), BIG,
	  .indirect = true, .rx_layout = NIC_PIECES }, NIC_PIECES, 1, 1,
	  3000 },
	{ "no event idx", { .features = BIT64(VIRTIO_F_VERSION_1) | F_MRG,
	  RINGS(256), BIG }, 0, 0, 1, 3000 },
	{ "legacy", { .features = 0, RINGS(256), BIG,
	  .rx_layout = NIC_SPLIT }, NIC_SPLIT, 0, 1, 3000 },
	{ "legacy, event idx, one descriptor", { .features =
	  BIT64(VIRTIO_RING_F_EVENT_IDX), RINGS(256), BIG }, 0, 0, 1, 3000 },
	{ "socket without headers", { .features =
	  BIT64(VIRTIO_F_VERSION_1) | BIT64(VHOST_NET_F_VIRTIO_NET_HDR),
	  RINGS(256), BIG }, 0, 0, 1, 2000 },
	{ "legacy, mergeable", { .features = F_MRG |
	  BIT64(VIRTIO_RING_F_EVENT_IDX), RINGS(256), BIG }, NIC_SPLIT, 0, 1,
	  3000 },
	{ "notify on empty", { .features = BIT64(VIRTIO_F_VERSION_1) |
	  BIT64(VIRTIO_F_NOTIFY_ON_EMPTY), RINGS(256), BIG }, 0, 0, 1, 2000 },
	{ "three memory regions, index wraps", { .features = F_MODERN | F_MRG,
	  RINGS(64), BIG, .regions = 3, .base = 65500 }, 0, 0, 1, 3000 },
	{ "in order", { .features = F_MODERN | F_MRG | F_IN_ORDER, RINGS(256), BIG },
	  NIC_SPLIT, 0, 1, 3000 },
	{ "packed", { .features = F_MODERN | F_MRG | F_PACKED, RINGS(256),
	  .rx_len = 1536, .tx_len = 9018 }, 0, 0, 1, 3000 },
	{ "packed, ring of 1", { .features = F_MODERN | F_PACKED, RINGS(1), BIG }, 0, 0, 1, 300 },
	{ "packed, ring of 1000, chains", { .features = F_MODERN | F_PACKED, RINGS(1000), BIG,
	  .rx_layout = NIC_PIECES, .base = 997 }, NIC_PIECES, 0, 1, 3000 },
	{ "packed, mergeable, chains", { .features = F_MODERN | F_MRG | F_PACKED, RINGS(255),
	  .rx_len = 600, .tx_len = 9018, .rx_layout = NIC_SPLIT }, NIC_SPLIT, 0, 1, 3000 },
	{ "packed, indirect tables", { .features = F_MODERN | F_PACKED, RINGS(256), BIG,
	  .indirect = true, .rx_layout = NIC_PIECES }, NIC_PIECES, 1, 1, 3000 },
	{ "packed, no event idx", { .features = BIT64(VIRTIO_F_VERSION_1) | F_MRG | F_PACKED,
	  RINGS(256), BIG, .regions = 3 }, 0, 0, 1, 3000 },
	{ "packed, in order", { .features = F_MODERN | F_MRG | F_PACKED | F_IN_ORDER, RINGS(256),
	  .rx_len = 1536, .tx_len = 9018 }, NIC_SPLIT, 0, 1, 3000 },
	{ "packed, ring of 32768", { .features = F_MODERN | F_MRG | F_PACKED, RINGS(32768),
	  .rx_len = 1536, .tx_len = 9018, .base = 32760 }, 0, 0, 1, 4000 },
};

static void one_variant(enum lane lane, const struct variant *v)
{
	struct bench b;
	bool ok;

	/* In-tree vhost has neither. */
	if (lane == LANE_INTREE && v->cfg.features & (F_PACKED | F_IN_ORDER))
		return;
	ktap_case(60, "%s", v->name);
	bench_open(&b, lane, v->cfg);
	b.tx_layout = v->tx_layout;
	b.tx_indirect = v->tx_indirect;
	bench_len(&b, 60);
	ok = flow_run(&b, v->frames, v->frames);
	bench_len(&b, 1514);
	ok = ok && flow_run(&b, v->frames, v->frames);
	bench_len(&b, 9014);
	if (ok && v->jumbo)
		ok = flow_run(&b, v->frames / 4, v->frames / 4);
	bench_close(&b);
	ktap_ok(ok);
}

/* Stopped and started again, as by a guest that reboots. */
static void restarts(enum lane lane, uint64_t features)
{
	struct nic_cfg cfg = linux_guest;
	struct bench b;
	bool ok = true;
	int i;

	ktap_case(60, "stop and resume between frames%s", features ? ", packed" : "");
	cfg.features |= features;
	bench_open(&b, lane, cfg);
	bench_len(&b, 1514);
	for (i = 0; i < 10 && ok; i++) {
		ok = flow_run(&b, 300, 300) && CHECK(!nic_stop(&b.nic)) &&
		     CHECK(!nic_resume(&b.nic));
	}
	ok = ok && flow_run(&b, 300, 300);
	bench_close(&b);
	ktap_ok(ok);
}

/* Generic XDP, for drivers without: the whole path once more, shorter. */
static void generic(enum lane lane)
{
	struct bench b;
	bool ok;

	ktap_case(90, "uplink in skb mode");
	port_attach(lane, PORT, mac_guest, 0, "--mode skb");
	bench_open(&b, lane, linux_guest);
	bench_len(&b, 60);
	ok = flow_run(&b, 3000, 3000);
	bench_len(&b, 1514);
	ok = ok && flow_run(&b, 3000, 3000);
	bench_len(&b, 9014);
	ok = ok && flow_run(&b, 1000, 1000);
	bench_close(&b);
	port_detach(lane, PORT);
	ktap_ok(ok);
}

int main(int argc, char **argv)
{
	enum lane lane = lane_of(argc > 1 ? argv[1] : "xdp");
	unsigned int frames = argc > 2 ? atoi(argv[2]) : 100000;
	unsigned int i, slow = ktap_slow();

	ktap_case(60, "setup");
	net_ready(lane);
	port_attach(lane, PORT, mac_guest, 0, "");
	sizes(lane, slow > 1 ? frames / (4 * slow) : frames);
	for (i = 0; i < sizeof(variants) / sizeof(variants[0]); i++)
		one_variant(lane, &variants[i]);
	restarts(lane, 0);
	if (lane != LANE_INTREE)
		restarts(lane, F_PACKED);
	traffic_offload(lane);
	if (has_uplink(lane)) {
		traffic_exception(lane);
		traffic_policy(lane);
	} else {
		traffic_backends(lane);
	}
	port_detach(lane, PORT);
	if (has_uplink(lane))
		generic(lane);
	return ktap_done();
}
