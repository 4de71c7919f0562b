// SPDX-License-Identifier: GPL-2.0
/*
 * native - nanoseconds a frame of each side, in turns, on one CPU.
 *
 *	native CPU [ROUNDS]	prints JSON on stdout, progress on stderr
 *
 * A figure is the median over all bursts of a round, so that what breaks in (this
 * is a machine with other work) does not count, and then the median of the rounds.
 * The sides take turns by rounds, so that what slows the machine for longer slows
 * both; the ratio is the median of the rounds' ratios.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "native.h"

#define BURSTS 4000
#define WARM_UP 400
#define ROUNDS_MAX 101
#define FEATURES (BIT64(VIRTIO_F_VERSION_1) | BIT64(VIRTIO_NET_F_MRG_RXBUF) | \
		  BIT64(VIRTIO_RING_F_INDIRECT_DESC))

static const struct side *const sides[] = {
	&side_core,
#ifdef WITH_DPDK
	&side_dpdk,
#endif
};

#define NR_SIDES (sizeof(sides) / sizeof(sides[0]))

static uint8_t frame[1514];
static struct nic nics[NR_SIDES];
static double tsc_per_ns;

static uint64_t tsc(void)
{
	unsigned int aux;

	return __builtin_ia32_rdtscp(&aux);
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *v, unsigned int n)
{
	qsort(v, n, sizeof(*v), ascending);
	return v[n / 2];
}

static void take_burst(struct nic *n, unsigned int len)
{
	struct nic_frame f;
	unsigned int i;

	for (i = 0; i < BURST; i++) {
		NEED(nic_rx(n, &f));
		NEED(f.len == len && !memcmp(f.data, frame, len));
		nic_rx_done(n);
	}
	ring_publish(&n->ring[NIC_RX]);
}

static double rx_burst(const struct side *s, struct nic *n, unsigned int len)
{
	uint64_t since = tsc(), took;

	NEED(s->rx() == BURST);
	took = tsc() - since;
	take_burst(n, len);
	return took;
}

static double tx_burst(const struct side *s, struct nic *n, unsigned int len)
{
	struct virtio_net_hdr_v1 hdr = { 0 };
	uint64_t since, took;
	unsigned int i;

	for (i = 0; i < BURST; i++)
		NEED(nic_tx(n, &hdr, len, NIC_ONE, false));
	ring_publish(&n->ring[NIC_TX]);
	since = tsc();
	NEED(s->tx() == BURST);
	took = tsc() - since;
	s->done(frame, len);
	NEED(nic_tx_reclaim(n) == BURST);
	return took;
}

static double one_round(unsigned int side, bool rx, unsigned int len)
{
	static double took[BURSTS];
	unsigned int i;

	sides[side]->prepare(frame, len);
	for (i = 0; i < WARM_UP + BURSTS; i++) {
		double t = (rx ? rx_burst : tx_burst)(sides[side], &nics[side], len);

		if (i >= WARM_UP)
			took[i - WARM_UP] = t;
	}
	return median(took, BURSTS) / BURST / tsc_per_ns;
}

static void open_sides(uint64_t features)
{
	struct nic_cfg cfg = {
		.shared = true, .features = FEATURES | features, .rx_num = 256,
		.tx_num = 256, .rx_len = 1536, .tx_len = 1514,
	};
	struct nic *n;
	unsigned int i, b;

	for (i = 0; i < NR_SIDES; i++) {
		n = &nics[i];
		nic_init(n, &cfg);
		memset(n->rx_buf, 0, n->rx_bufs * n->rx_stride);
		for (b = 0; b < n->tx_bufs; b++)
			memcpy(n->tx_buf + b * n->tx_stride + 64, frame,
			       sizeof(frame));
		nic_rx_fill(n);
		sides[i]->open(n);
		ring_call_off(&n->ring[NIC_RX]);
		ring_call_off(&n->ring[NIC_TX]);
	}
}

static void close_sides(void)
{
	unsigned int i;

	for (i = 0; i < NR_SIDES; i++) {
		sides[i]->close(&nics[i]);
		nic_free(&nics[i]);
	}
}

static void calibrate(void)
{
	struct timespec a, b;
	uint64_t since;

	clock_gettime(CLOCK_MONOTONIC_RAW, &a);
	since = tsc();
	do
		clock_gettime(CLOCK_MONOTONIC_RAW, &b);
	while (b.tv_sec - a.tv_sec < 1);
	tsc_per_ns = (tsc() - since) /
		     ((b.tv_sec - a.tv_sec) * 1e9 + b.tv_nsec - a.tv_nsec);
}

static void compare(const char *kind, bool rx, unsigned int len, unsigned int rounds, bool last)
{
	static double ns[NR_SIDES][ROUNDS_MAX], ratio[ROUNDS_MAX];
	unsigned int r, i;

	for (r = 0; r < rounds; r++) {
		for (i = 0; i < NR_SIDES; i++)
			ns[i][r] = one_round(i, rx, len);
		ratio[r] = ns[0][r] / ns[NR_SIDES - 1][r];
	}
	printf("{\"what\": \"%s %u B%s\", \"ours\": %.2f", rx ? "to the guest," :
	       "from the guest,", len, kind, median(ns[0], rounds));
	if (NR_SIDES > 1)
		printf(", \"dpdk\": %.2f, \"ratio\": %.3f",
		       median(ns[1], rounds), median(ratio, rounds));
	printf("}%s\n", last ? "" : ",");
	fprintf(stderr, "  %s %4u B%s: %.1f ns a frame", rx ? "RX" : "TX", len, kind,
		ns[0][rounds / 2]);
	if (NR_SIDES > 1)
		fprintf(stderr, ", DPDK's vhost %.1f, ratio %.3f",
			ns[1][rounds / 2], ratio[rounds / 2]);
	fputc('\n', stderr);
}

int main(int argc, char **argv)
{
	unsigned int rounds = argc > 2 ? atoi(argv[2]) : 21, i, packed;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(argc > 1 ? atoi(argv[1]) : 0, &set);
	NEED(rounds && rounds <= ROUNDS_MAX);
	NEED(!sched_setaffinity(0, sizeof(set), &set));
	for (i = 0; i < sizeof(frame); i++)
		frame[i] = i * 7;
	calibrate();
	printf("\"rows\": [\n");
	for (packed = 0; packed < 2; packed++) {
		open_sides(packed ? BIT64(VIRTIO_F_RING_PACKED) : 0);
		for (i = 0; i < 4; i++)
			compare(packed ? ", packed" : "", !(i & 1), i < 2 ? 64 : 1514, rounds,
				packed && i == 3);
		close_sides();
	}
	printf("]\n");
	return 0;
}
