// SPDX-License-Identifier: GPL-2.0
/*
 * headers.c - a guest that lies in its virtio-net header, or sends what is no
 * frame. Each such chain is used with length 0, counted under its cause, sent
 * nowhere; the next good frame passes, and the ring does not stop for it.
 *
 * On the xdp lane; a tap or another socket judges headers by itself.
 */
#define _GNU_SOURCE
#include <linux/if_ether.h>
#include <string.h>
#include <sys/mman.h>

#include "../vmm/flow.h"

#define CSUM VIRTIO_NET_HDR_F_NEEDS_CSUM
#define TSO4 VIRTIO_NET_HDR_GSO_TCPV4
#define TSO6 VIRTIO_NET_HDR_GSO_TCPV6

struct lie {
	const char *name;
	unsigned int stat;
	unsigned int len;	/* bytes behind the header */
	struct virtio_net_hdr_v1 h;
	bool v6;
};

#define HDR(fl, gt, hl, gs, cs, co)					\
	{ .flags = fl, .gso_type = gt, .hdr_len = hl, .gso_size = gs,	\
	  .csum_start = cs, .csum_offset = co }

#define D(x) VHOST_XDP_STAT_TX_DROP_##x

/* An IPv4/TCP frame has its TCP header at 34, its checksum at 16 from there. */
static const struct lie lies[] = {
	{ "no frame behind the header", D(SHORT), 0, HDR(0, 0, 0, 0, 0, 0), 0 },
	{ "frame of 1 byte", D(SHORT), 1, HDR(0, 0, 0, 0, 0, 0), 0 },
	{ "frame of 13 bytes", D(SHORT), 13, HDR(0, 0, 0, 0, 0, 0), 0 },
	{ "checksum start at the end", D(CSUM), 100, HDR(CSUM, 0, 0, 0, 100, 0),
	  0 },
	{ "checksum start beyond", D(CSUM), 100, HDR(CSUM, 0, 0, 0, 65535, 0),
	  0 },
	{ "checksum at the last byte", D(CSUM), 100, HDR(CSUM, 0, 0, 0, 34, 65),
	  0 },
	{ "checksum offset beyond", D(CSUM), 100, HDR(CSUM, 0, 0, 0, 34, 65534),
	  0 },
	{ "gso size 0", D(GSO), 3000, HDR(CSUM, TSO4, 54, 0, 34, 16), 0 },
	{ "gso type 2", D(GSO), 3000, HDR(CSUM, 2, 54, 1400, 34, 16), 0 },
	{ "gso type 6", D(GSO), 3000, HDR(CSUM, 6, 54, 1400, 34, 16), 0 },
	{ "gso type 127", D(GSO), 3000, HDR(CSUM, 127, 54, 1400, 34, 16), 0 },
	{ "TSO4 of an IPv6 frame", D(GSO), 3000, HDR(CSUM, TSO4, 74, 1400, 54,
	  16), 1 },
	{ "TSO6 of an IPv4 frame", D(GSO), 3000, HDR(CSUM, TSO6, 54, 1400, 34,
	  16), 0 },
	{ "USO of a TCP frame", D(GSO), 3000, HDR(CSUM,
	  VIRTIO_NET_HDR_GSO_UDP_L4, 42, 1400, 34, 6), 0 },
	{ "TSO without a checksum to complete", D(GSO), 3000, HDR(0, TSO4, 54,
	  1400, 0, 0), 0 },
};

static struct inet_spec spec(bool v6, unsigned int payload)
{
	struct inet_spec s = { .v6 = v6, .payload = payload, .seq = 1 };

	memcpy(s.dst, mac_wire, 6);
	memcpy(s.src, mac_guest, 6);
	return s;
}

/* What was written must be 0. */
static bool all_used(struct nic *n)
{
	return flow_all_sent(n) && CHECK(!n->tx_used_len);
}

static bool dropped_as(const struct ctl_port *before, const char *port,
		       unsigned int stat, unsigned int count)
{
	struct ctl_port now;
	unsigned int i;
	bool ok = true;

	NEED(!ctl_get(port, &now));
	for (i = D(SHORT); i <= VHOST_XDP_STAT_RING_ORDER; i++) {
		uint64_t rise = now.stats[i] - before->stats[i];

		if (rise == (i == stat ? count : 0))
			continue;
		ktap_diag("%s rose by %llu", ctl_stat_name(i),
			  (unsigned long long)rise);
		ok = false;
	}
	return ok;
}

static bool tell(struct bench *b, const struct lie *l, enum nic_layout layout)
{
	struct inet_spec s = spec(l->v6, 3000);
	struct ctl_port before;
	uint8_t *p = nic_tx_slot(&b->nic);

	NEED(!ctl_get(b->port, &before));
	inet_build(&s, p, true);
	NEED(nic_tx(&b->nic, &l->h, l->len, l->len ? layout : NIC_ONE, false));
	ring_publish(&b->nic.ring[NIC_TX]);
	return all_used(&b->nic) && dropped_as(&before, b->port, l->stat, 1) &&
	       flow_run(b, 3, 3);
}

/* One buffer, whatever is there, is dropped for that reason. */
static bool one_buffer(struct bench *b, uint8_t *at, unsigned int len, unsigned int stat)
{
	struct ring *r = &b->nic.ring[NIC_TX];
	struct ring_seg s = { .hva = at, .len = len };
	struct ctl_port before;

	NEED(!ctl_get(b->port, &before));
	NEED(ring_add(r, &s, 1, 0, false,
		      b->nic.tx_free[b->nic.tx_nfree - 1]));
	b->nic.tx_nfree--;
	ring_publish(r);
	return all_used(&b->nic) && dropped_as(&before, b->port, stat, 1) &&
	       flow_run(b, 3, 3);
}

/* Less than a whole virtio-net header. */
static bool cut_header(struct bench *b, unsigned int len)
{
	return one_buffer(b, nic_tx_slot(&b->nic), len, D(HDR));
}

/* A frame longer than any that may leave, and not to be segmented. */
static bool too_long(struct bench *b)
{
	static const struct virtio_net_hdr_v1 plain = { 0 };
	struct ctl_port before, now;
	uint8_t *p = nic_tx_slot(&b->nic);

	NEED(!ctl_get(b->port, &before));
	memset(p, 0, 60000);
	memcpy(p, mac_wire, 6);
	memcpy(p + 6, mac_guest, 6);
	NEED(nic_tx(&b->nic, &plain, 60000, NIC_PIECES, false));
	ring_publish(&b->nic.ring[NIC_TX]);
	if (!all_used(&b->nic))
		return false;
	NEED(!ctl_get(b->port, &now));
	return CHECK(now.stats[D(OVERSIZE)] + now.stats[D(MTU)] ==
		     before.stats[D(OVERSIZE)] + before.stats[D(MTU)] + 1) &&
	       flow_run(b, 3, 3);
}

/* The frame's buffer is in the memory table, but nothing is mapped there. */
static bool unreadable(struct bench *b, uint8_t *page)
{
	return one_buffer(b, page, 100, D(FAULT));
}

static bool padded(struct bench *b, unsigned int len, enum nic_layout layout)
{
	static const struct virtio_net_hdr_v1 plain = { 0 };

	flow_short_fill(nic_tx_slot(&b->nic), len);
	NEED(nic_tx(&b->nic, &plain, len, layout, false));
	ring_publish(&b->nic.ring[NIC_TX]);
	return flow_short_expect(&b->wire, len) && all_used(&b->nic);
}

static bool short_ones(struct bench *b)
{
	struct ctl_port before, now;
	unsigned int len, k;

	NEED(!ctl_get(b->port, &before));
	for (len = ETH_HLEN; len <= ETH_ZLEN; len++)
		for (k = 0; k < 3; k++)
			if (!padded(b, len, k))
				return false;
	NEED(!ctl_get(b->port, &now));
	return CHECK(now.stats[VHOST_XDP_STAT_TX_XDP_PACKETS] ==
		     before.stats[VHOST_XDP_STAT_TX_XDP_PACKETS] + 3 * (ETH_ZLEN - ETH_HLEN + 1)) &&
	       flow_run(b, 3, 3);
}

static void lies_all(struct bench *b)
{
	unsigned int i, k;
	bool ok;

	for (i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		ktap_case(30, "%s", lies[i].name);
		for (k = 0, ok = true; k < 3 && ok; k++)
			ok = tell(b, &lies[i], k);
		ktap_ok(ok);
	}
}

int main(void)
{
	const enum lane lane = LANE_XDP;
	struct nic_cfg cfg = {
		.features = F_MODERN | F_MRG, .rx_num = 64, .tx_num = 64,
		.rx_len = 1536, .tx_len = 65600, .tx_bufs = 16,
	};
	struct bench b;
	uint8_t *page;

	ktap_case(60, "setup");
	net_ready(lane);
	port_attach(lane, PORT, mac_guest, 0, "");
	bench_open(&b, lane, cfg);
	b.window = 8;
	b.tolerant = true;
	page = mem_alloc(&b.nic.mem, 4096, 4096, 0);
	NEED(!mprotect(page, 4096, PROT_NONE));
	lies_all(&b);
	ktap_case(30, "header of 11 bytes");
	ktap_ok(cut_header(&b, 11));
	ktap_case(30, "header of 1 byte");
	ktap_ok(cut_header(&b, 1));
	ktap_case(30, "buffer unmapped");
	ktap_ok(unreadable(&b, page));
	ktap_case(30, "60000 bytes not to be segmented");
	ktap_ok(too_long(&b));
	ktap_case(30, "frames of 14 to 60 bytes, padded with zeroes");
	ktap_ok(short_ones(&b));
	bench_close(&b);
	port_detach(lane, PORT);
	return ktap_done();
}
