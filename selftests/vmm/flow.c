// SPDX-License-Identifier: GPL-2.0
/*
 * flow.c - both ends of the path in one thread, which waits for either.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "flow.h"

#define PATIENCE_MS 8000	/* nothing moves for so long: it is lost */

const uint8_t mac_guest[6] = { 0x02, 0x76, 0x78, 0, 0, 0x01 };
const uint8_t mac_wire[6] = { 0x02, 0x76, 0x78, 0, 0, 0xfe };

enum lane lane_of(const char *name)
{
	if (!strcmp(name, "xdp"))
		return LANE_XDP;
	if (!strcmp(name, "xsk"))
		return LANE_XSK;
	if (!strcmp(name, "sock"))
		return LANE_SOCK;
	if (!strcmp(name, "intree"))
		return LANE_INTREE;
	ktap_bail("no lane %s: xdp, xsk, sock or intree", name);
}

void net_ready(enum lane lane)
{
	net_init();
	if (has_uplink(lane))
		net_uplink(UPLINK, WIRE, 9000);
}

void port_attach(enum lane lane, const char *name, const uint8_t mac[6],
		 unsigned int vlan, const char *more)
{
	char tag[32] = "";

	if (lane == LANE_INTREE)
		return;
	if (lane == LANE_SOCK) {
		NEED(!ctl_new(name, NULL, NULL));
		return;
	}
	if (vlan)
		snprintf(tag, sizeof(tag), "--vlan %u", vlan);
	if (net_run("vhost-xdp attach " UPLINK
		    " --port %s --mac %02x:%02x:%02x:%02x:%02x:%02x %s %s %s"
		    " > /dev/null",
		    name, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], tag,
		    lane == LANE_XSK ? "--lane xsk --queue 0" : "", more))
		ktap_bail("vhost-xdp attach failed");
}

void port_detach(enum lane lane, const char *name)
{
	if (lane == LANE_SOCK)
		NEED(!ctl_del(name));
	else if (has_uplink(lane))
		NEED(!net_run("vhost-xdp detach %s", name));
}

static void streams(struct bench *b)
{
	struct frame_stream in = { .id = 1, .len = 60 }, out = { .id = 2,
								.len = 60 };

	memcpy(in.dst, mac_guest, 6);
	memcpy(in.src, mac_wire, 6);
	memcpy(out.dst, mac_wire, 6);
	memcpy(out.src, mac_guest, 6);
	b->to_guest = b->at_guest = in;
	b->to_wire = b->at_wire = out;
}

static void open_wire(struct bench *b, const char *tap)
{
	if (!has_uplink(b->lane)) {
		NEED(!net_run("ip link set %s mtu 9000 up", tap));
		pkt_open(&b->wire, tap, 9100, false);
		return;
	}
	net_enter_wire();
	pkt_open(&b->wire, WIRE, 9100, false);
	net_enter_host();
}

void bench_open_on(struct bench *b, enum lane lane, struct nic_cfg cfg,
		   const char *port, const char *tap)
{
	bool long_hdr = cfg.features &
			(BIT64(VIRTIO_F_VERSION_1) | F_MRG);
	int e;

	memset(b, 0, sizeof(*b));
	b->lane = lane;
	b->window = lane == LANE_XSK ? FLOW_WINDOW_XSK : FLOW_WINDOW;
	streams(b);
	snprintf(b->port, sizeof(b->port), "%s", port);
	snprintf(b->node, sizeof(b->node), "%s",
		 lane == LANE_INTREE ? "/dev/vhost-net" : port_node(port));
	if (cfg.features & BIT64(VHOST_NET_F_VIRTIO_NET_HDR))
		b->tap = tap_open(tap, 0, 0);
	else
		b->tap = tap_open(tap, IFF_VNET_HDR, cfg.tunnel ? TUNNEL_HLEN :
				  long_hdr ? 12 : 10);
	if (lane != LANE_INTREE)
		NEED(!ctl_get(port, &b->last));
	cfg.node = b->node;
	cfg.backend = b->tap;
	open_wire(b, tap);
	nic_init(&b->nic, &cfg);
	nic_rx_fill(&b->nic);
	e = nic_start(&b->nic);
	if (e)
		ktap_bail("start of %s: %s", b->node, strerror(-e));
}

void bench_open(struct bench *b, enum lane lane, struct nic_cfg cfg)
{
	bench_open_on(b, lane, cfg, PORT, TAP);
}

void bench_close(struct bench *b)
{
	NEED(!nic_stop(&b->nic));
	bench_abandon(b);
}

void bench_resync(struct bench *b)
{
	b->at_guest.next = b->to_guest.next;
	b->at_wire.next = b->to_wire.next;
	if (b->lane != LANE_INTREE)
		NEED(!ctl_get(b->port, &b->last));
}

void bench_abandon(struct bench *b)
{
	nic_free(&b->nic);
	pkt_close(&b->wire);
	close(b->tap);
}

void bench_len(struct bench *b, unsigned int len)
{
	b->to_guest.len = b->at_guest.len = len;
	b->to_wire.len = b->at_wire.len = len;
}

void bench_hello(struct bench *b)
{
	struct frame_stream s = b->to_guest;
	uint8_t *p = pkt_room(&b->wire);

	s.len = 60;
	frame_fill(&s, p);
	/* Without the magic it is nobody's. */
	memset(p + frame_len(&s) - 46, 0, 46);
	pkt_queue(&b->wire, frame_len(&s));
	pkt_flush(&b->wire);
}

struct goal {
	uint32_t to_guest, to_wire;	/* sequence numbers to reach */
	bool moved, bad;
};

static void wire_sends(struct bench *b, struct goal *g)
{
	struct frame_stream *s = &b->to_guest;

	while (s->next != g->to_guest &&
	       s->next - b->at_guest.next < b->window) {
		frame_fill(s, pkt_room(&b->wire));
		pkt_queue(&b->wire, frame_len(s));
		g->moved = true;
	}
	pkt_flush(&b->wire);
}

/*
 * num_buffers is 1 also where nothing is merged (virtio 1.2, 5.1.6.4.1), which
 * the in-tree driver of 6.12 forgets.
 */
static bool hdr_good(const struct bench *b, const struct nic_frame *f)
{
	bool counted = b->nic.hlen == 12 && b->lane != LANE_INTREE;

	return CHECK(f->hdr.hdr.gso_type == VIRTIO_NET_HDR_GSO_NONE) &&
	       CHECK(!(f->hdr.hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)) &&
	       (!counted || CHECK(f->hdr.num_buffers >= 1));
}

static void guest_receives(struct bench *b, struct goal *g)
{
	struct nic *n = &b->nic;
	struct nic_frame f;
	unsigned int k = 0;

	while (!g->bad && nic_rx(n, &f)) {
		int r = frame_check(&b->at_guest, f.data, f.len);

		g->bad = r < 0 || !hdr_good(b, &f);
		g->moved = true;
		nic_rx_done(n);
		if (!(++k % 32))
			ring_publish(&n->ring[NIC_RX]);
	}
	ring_publish(&n->ring[NIC_RX]);
}

static void guest_sends(struct bench *b, struct goal *g)
{
	static const struct virtio_net_hdr_v1 plain = { .num_buffers = 0 };
	struct frame_stream *s = &b->to_wire;
	struct nic *n = &b->nic;
	uint8_t *p;

	if (nic_tx_reclaim(n))
		g->moved = true;
	while (s->next != g->to_wire &&
	       s->next - b->at_wire.next < b->window) {
		struct frame_stream mark = *s;

		p = nic_tx_slot(n);
		if (!p)
			break;
		frame_fill(s, p);
		if (!nic_tx(n, &plain, frame_len(s), b->tx_layout,
			    b->tx_indirect)) {
			*s = mark;
			break;
		}
		g->moved = true;
	}
	ring_publish(&n->ring[NIC_TX]);
}

static void wire_receives(struct bench *b, struct goal *g)
{
	unsigned int len;
	uint8_t *p;

	while (!g->bad && (p = pkt_recv(&b->wire, &len, NULL))) {
		g->bad = frame_check(&b->at_wire, p, len) < 0;
		g->moved = true;
	}
}

/* Only where nothing moved: wait for used elements or frames. */
static bool wait_any(struct bench *b)
{
	struct nic *n = &b->nic;
	struct pollfd p[5] = {
		{ .fd = n->ring[NIC_RX].call, .events = POLLIN },
		{ .fd = n->ring[NIC_TX].call, .events = POLLIN },
		{ .fd = n->ring[NIC_RX].call2, .events = POLLIN },
		{ .fd = n->ring[NIC_TX].call2, .events = POLLIN },
		{ .fd = b->wire.fd, .events = POLLIN },
	};
	int i, r;

	for (i = 0; i < 2; i++)
		if (!ring_call_on(&n->ring[i]))
			return true;
	do
		r = poll(p, 5, PATIENCE_MS * (int)ktap_slow());
	while (r < 0 && errno == EINTR);
	NEED(r >= 0);
	for (i = 0; i < 4; i++)
		if (p[i].revents)
			eventfd_take(p[i].fd);
	for (i = 0; i < 2; i++)
		ring_call_off(&n->ring[i]);
	return r > 0;
}

static void report(struct bench *b, const struct goal *g)
{
	struct nic *n = &b->nic;
	struct ctl_port p;
	unsigned int i;

	ktap_diag("to guest: sent %u, got %u of %u; to wire: sent %u, got %u of %u",
		  b->to_guest.next, b->at_guest.next, g->to_guest,
		  b->to_wire.next, b->at_wire.next, g->to_wire);
	for (i = 0; i < 2; i++)
		ktap_diag("ring %u: avail %u used %u seen %u, free %u, kicks %llu, err %llu",
			  i, n->ring[i].avail->idx, ring_base(&n->ring[i]),
			  n->ring[i].last_used, n->ring[i].free_count,
			  (unsigned long long)n->ring[i].kicks,
			  (unsigned long long)eventfd_take(n->ring[i].err));
	ktap_diag("wire socket dropped %u", pkt_dropped(&b->wire));
	if (b->lane == LANE_INTREE || ctl_get(b->port, &p))
		return;
	for (i = 1; i < VHOST_XDP_STAT_PAD; i++)
		if (p.stats[i])
			ktap_diag("%s: %llu", ctl_stat_name(i),
				  (unsigned long long)p.stats[i]);
}

bool flow_run(struct bench *b, unsigned int to_guest, unsigned int to_wire)
{
	struct goal g = {
		.to_guest = b->to_guest.next + to_guest,
		.to_wire = b->to_wire.next + to_wire,
	};

	while (b->at_guest.next != g.to_guest ||
	       b->at_wire.next != g.to_wire) {
		g.moved = false;
		wire_sends(b, &g);
		guest_receives(b, &g);
		guest_sends(b, &g);
		wire_receives(b, &g);
		if (g.bad || (!g.moved && !wait_any(b))) {
			report(b, &g);
			return false;
		}
	}
	/* Exactly once: nothing may come after the last. */
	guest_receives(b, &g);
	wire_receives(b, &g);
	return !g.bad && (b->tolerant || bench_quiet(b));
}

/* Counters of frames that were dropped, and of rings that were wrong. */
static bool is_trouble(unsigned int stat)
{
	return stat <= VHOST_XDP_STAT_RING_ORDER ||
	       stat == VHOST_XDP_STAT_RX_DROP_XSK ||
	       stat == VHOST_XDP_STAT_TX_DROP_XSK ||
	       stat == VHOST_XDP_STAT_XSK_REFUSED;
}

bool flow_expect_guest(struct bench *b, struct frame_stream *s, unsigned int count)
{
	struct ring *r = &b->nic.ring[NIC_RX];
	struct nic_frame f;

	while (s->next != count) {
		if (!nic_rx(&b->nic, &f)) {
			if (ring_call_on(r) && !wait_fd(r->call, PATIENCE_MS)) {
				ktap_diag("%s: got %u of %u", b->port, s->next,
					  count);
				return false;
			}
			eventfd_take(r->call);
			continue;
		}
		if (frame_check(s, f.data, f.len) < 0)
			return false;
		nic_rx_done(&b->nic);
		ring_publish(r);
	}
	return true;
}

bool flow_expect_wire(struct pkt *w, struct frame_stream *s, unsigned int count)
{
	unsigned int len;
	uint8_t *p;

	while (s->next != count) {
		p = pkt_recv(w, &len, NULL);
		if (!p && !wait_fd(w->fd, PATIENCE_MS)) {
			ktap_diag("wire: got %u of %u", s->next, count);
			return false;
		}
		if (p && frame_check(s, p, len) < 0)
			return false;
	}
	return true;
}

bool flow_all_sent(struct nic *n)
{
	struct ring *r = &n->ring[NIC_TX];

	while (nic_tx_reclaim(n), n->tx_nfree != n->tx_bufs) {
		if (ring_call_on(r) && !wait_fd(r->call, PATIENCE_MS))
			return CHECK(!"transmit chain was used");
		eventfd_take(r->call);
	}
	return true;
}

static void short_frame(uint8_t frame[ETH_ZLEN], unsigned int len)
{
	memset(frame, 0, ETH_ZLEN);
	memset(frame, 0xa5, len);
	memcpy(frame, mac_wire, 6);
	memcpy(frame + 6, mac_guest, 6);
	memcpy(frame + 12, "\x88\xb5", 2);
}

void flow_short_fill(uint8_t *p, unsigned int len)
{
	uint8_t frame[ETH_ZLEN];

	short_frame(frame, len);
	memset(p, 0xee, 2 * ETH_ZLEN);
	memcpy(p, frame, len);
}

bool flow_short_expect(struct pkt *w, unsigned int len)
{
	uint8_t want[ETH_ZLEN], *p;
	unsigned int got;

	short_frame(want, len);
	while (!(p = pkt_recv(w, &got, NULL)))
		if (!wait_fd(w->fd, PATIENCE_MS))
			return CHECK(!"a short frame arrived");
	if (CHECK(got == ETH_ZLEN) && CHECK(!memcmp(p, want, ETH_ZLEN)))
		return true;
	ktap_diag("of %u bytes, %u arrived", len, got);
	return false;
}

bool bench_quiet(struct bench *b)
{
	struct ctl_port p;
	bool ok = CHECK(!eventfd_take(b->nic.ring[NIC_RX].err)) &&
		  CHECK(!eventfd_take(b->nic.ring[NIC_TX].err)) &&
		  CHECK(!b->nic.tx_used_len);
	unsigned int i;

	if (b->lane == LANE_INTREE)
		return ok;
	NEED(!ctl_get(b->port, &p));
	for (i = VHOST_XDP_STAT_RX_DROP_BACKLOG; i < VHOST_XDP_STAT_PAD; i++) {
		uint64_t rise = p.stats[i] - b->last.stats[i];

		if (!rise || !is_trouble(i))
			continue;
		ktap_diag("%s rose by %llu", ctl_stat_name(i),
			  (unsigned long long)rise);
		ok = false;
	}
	b->last = p;
	return ok;
}
