// SPDX-License-Identifier: GPL-2.0
/*
 * local_flood.c - as many frames at a time as a worker takes, from guest to guests: the
 * softirqs between have their turn, and what is written is logged.
 */
#define _GNU_SOURCE
#include <linux/vhost.h>
#include <string.h>

#include "local.h"

/* One kick's frames. */
#define FLOOD 64
#define FLOODED 3

static const char *const flooded_port[FLOODED][2] = {
	{ "fl0", "fl0tap" }, { "fl1", "fl1tap" }, { "fl2", "fl2tap" },
};

static void send_flood(struct nic *n, const uint8_t to[6], unsigned int len)
{
	const struct virtio_net_hdr_v1 none = { 0 };
	unsigned int i;
	uint8_t *p;

	nic_tx_reclaim(n);
	for (i = 0; i < FLOOD; i++) {
		p = nic_tx_slot(n);
		NEED(p);
		memcpy(p, to, 6);
		memcpy(p + 6, mac_guest, 6);
		memset(p + 12, 0x55, len - 12);
		NEED(nic_tx(n, &none, len, NIC_ONE, false));
	}
	ring_publish(&n->ring[NIC_TX]);
}

static bool take_flood(struct nic *n)
{
	struct ring *r = &n->ring[NIC_RX];
	unsigned int got = 0;
	struct nic_frame f;

	while (got < FLOOD) {
		if (nic_rx(n, &f)) {
			nic_rx_done(n);
			got += f.len == 60;
		} else if (!wait_fd(r->call, 8000)) {
			return false;
		} else {
			eventfd_take(r->call);
		}
	}
	ring_publish(r);
	return true;
}

/*
 * Frames for everybody, all by the fast lane. Softirqs have their turn after more than
 * 64 copies, which is when guests are told: so several times in these.
 */
void flooded(void)
{
	static const uint8_t all[6] = { 255, 255, 255, 255, 255, 255 };
	struct nic_cfg cfg = guest;
	struct bench a, b[FLOODED];
	uint64_t fast, calls, told = 0;
	unsigned int i, tries = 0;
	bool ok = true;

	ktap_case(120, "a flood lets softirqs have their turn");
	cfg.features = BIT64(VIRTIO_F_VERSION_1) | F_MRG;
	cfg.tx_len = 256;
	cfg.tx_bufs = 2 * FLOOD;
	bench_open(&a, LANE_XDP, cfg);
	for (i = 0; i < FLOODED; i++) {
		const uint8_t mac[6] = { 0x02, 0x76, 0x78, 0, 1, i };

		port_attach(LANE_XDP, flooded_port[i][0], mac, 0, "");
		bench_open_on(&b[i], LANE_XDP, cfg, flooded_port[i][0],
			      flooded_port[i][1]);
	}
	/* The first ones find a ring that the worker has yet to give away. */
	while (ok && !told && tries++ < 200) {
		fast = ctl_stat(flooded_port[0][0], VHOST_XDP_STAT_RX_FAST_PACKETS);
		calls = ctl_stat(flooded_port[0][0], VHOST_XDP_STAT_CALLS);
		send_flood(&a.nic, all, 60);
		for (i = 0; i < FLOODED; i++)
			ok = ok && CHECK(take_flood(&b[i].nic));
		fast = ctl_stat(flooded_port[0][0], VHOST_XDP_STAT_RX_FAST_PACKETS) - fast;
		calls = ctl_stat(flooded_port[0][0], VHOST_XDP_STAT_CALLS) - calls;
		if (fast == FLOOD)
			told = calls;
	}
	ktap_diag("told %llu times, after %u", (unsigned long long)told, tries);
	ktap_ok(ok && CHECK(told >= FLOOD * FLOODED / 72));
	for (i = 0; i < FLOODED; i++) {
		bench_close(&b[i]);
		port_detach(LANE_XDP, flooded_port[i][0]);
	}
	bench_close(&a);
}

#define LOG_BYTES 65536

static bool logged(const uint8_t *log, struct nic *n, const void *hva)
{
	uint64_t page = mem_gpa(&n->mem, hva) / 4096;

	NEED(page / 8 < LOG_BYTES);
	return log[page / 8] & 1 << page % 8;
}

/* Before the guest sees a frame its buffer is logged; the used ring before we go on. */
static bool take_logged(struct nic *n, const uint8_t *log)
{
	struct ring *r = &n->ring[NIC_RX];
	unsigned int got = 0, base;
	struct nic_frame f;

	while (got < FLOOD) {
		if (!nic_rx(n, &f)) {
			ring_publish(r);
			if (ring_call_on(r) && !CHECK(wait_fd(r->call, 8000)))
				return false;
			eventfd_take(r->call);
			continue;
		}
		/* A buffer that was used twice looks like two, once it is given back. */
		if (!CHECK((int16_t)(r->used->idx - r->avail->idx) <= 0) ||
		    !CHECK(f.buffers == 1) || !CHECK(f.data[f.len - 1] == 0x55) ||
		    !CHECK(logged(log, n, f.data)) ||
		    !CHECK(logged(log, n, f.data + f.len - 1)))
			return false;
		nic_rx_done(n);
		got++;
	}
	ring_publish(r);
	NEED(!dev_vring_base(n->dev, NIC_RX, &base));
	return CHECK(logged(log, n, &r->used->idx));
}

/*
 * Many frames between two looks at the guest: each is logged, and none but these. The
 * last find no buffer, until the guest has looked.
 */
void logged_flood(void)
{
	static _Alignas(4096) uint8_t log[LOG_BYTES];
	uint64_t base = (uintptr_t)log, fast;
	struct nic_cfg cfg = guest, few;
	unsigned int i;
	struct two t;
	bool ok = true;

	ktap_case(120, "logged, many at a time");
	cfg.tx_bufs = 2 * FLOOD;
	cfg.tx_len = 2048;
	few = cfg;
	few.rx_bufs = FLOOD - 8;
	two_open(&t, LANE_XDP, cfg, few);
	NEED(!dev_ioctl(t.b.nic.dev, VHOST_SET_LOG_BASE, &base));
	NEED(!dev_set_features(t.b.nic.dev, t.b.nic.cfg.features | BIT64(VHOST_F_LOG_ALL)));
	for (i = 0; i < 2; i++)
		NEED(!dev_vring_addr(t.b.nic.dev, i, &t.b.nic.ring[i], true,
				     mem_gpa(&t.b.nic.mem, t.b.nic.ring[i].used)));
	fast = ctl_stat(OTHER, VHOST_XDP_STAT_RX_FAST_PACKETS);
	for (i = 0; i < 40 && ok; i++) {
		memset(log, 0, sizeof(log));
		send_flood(&t.a.nic, mac_b, i % 2 ? 1400 : 64);
		ok = take_logged(&t.b.nic, log);
	}
	fast = ctl_stat(OTHER, VHOST_XDP_STAT_RX_FAST_PACKETS) - fast;
	ktap_diag("%llu of %u by the fast lane", (unsigned long long)fast, 40 * FLOOD);
	ktap_ok(ok && CHECK(fast >= FLOOD));
	two_close(&t);
}
