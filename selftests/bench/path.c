// SPDX-License-Identifier: GPL-2.0
/*
 * path.c - sets up what lies between the guest and the wire.
 *
 *	wire0 ==veth== up0 ... the path ... the guest's rings
 *
 * The far end of the uplink drops what it gets by XDP, at the least cost there
 * is. Where GSO frames are to leave whole it must not have a program (a veth
 * takes its peer's TSO away then), so IP drops them there, as not addressed to
 * it, the same for all.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bench.h"
#include "bench.skel.h"

#define UP PATH_UPLINK
#define WIRE PATH_WIRE
#define FAST_RX "/sys/module/vhost_xdp/parameters/fast_rx"

const uint8_t bench_mac_wire[6] = { 0x02, 0x76, 0x62, 0, 0, 0xfe };

static void attach(const char *ifname, struct bpf_program *prog)
{
	int e = bpf_xdp_attach(net_ifindex(ifname), bpf_program__fd(prog),
			       XDP_FLAGS_DRV_MODE, NULL);

	if (e)
		ktap_bail("attach XDP to %s: %s", ifname, strerror(-e));
}

static void peer(struct path *p, const char *in, const char *out)
{
	uint32_t key = net_ifindex(in), value = net_ifindex(out);

	NEED(!bpf_map__update_elem(p->bpf->maps.peers, &key, sizeof(key),
				   &value, sizeof(value), BPF_ANY));
}

static void set_fast(bool on)
{
	FILE *f = fopen(FAST_RX, "we");

	NEED(f && fputs(on ? "Y" : "N", f) > 0 && !fclose(f));
}

bool path_available(enum path_kind kind)
{
	switch (kind) {
	case PATH_OURS_XSK:
		return !net_run("vhost-xdp attach --help | grep -q -e --lane");
	case PATH_DPDK:
		return dpdk_available();
	default:
		return true;
	}
}

/* As the source in bench.bpf.c has it. */
static void path_mac(unsigned int guest, uint8_t mac[6])
{
	memcpy(mac, bench_mac_wire, 6);
	mac[4] = 1 + guest / 128;
	mac[5] = guest % 128;
}

static void make_tap(struct path *p, unsigned int i)
{
	unsigned int multi = p->pairs > 1 ? IFF_MULTI_QUEUE : 0;
	struct guest *g = &p->guest[i];
	char name[16];

	snprintf(name, sizeof(name), "tap%u", i / p->pairs);
	g->tap = tap_open(name, IFF_VNET_HDR | multi, 12);
	if (p->gso)
		NEED(!ioctl(g->tap, TUNSETOFFLOAD,
			    TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6));
	net_link(name, true);
}

#define MAC_FMT "%02x:%02x:%02x:%02x:%02x:%02x"
#define MAC(m) m[0], m[1], m[2], m[3], m[4], m[5]

static void setup_bridge(struct path *p)
{
	unsigned int i;

	NEED(!net_run("ip link add br0 type bridge mcast_snooping 0"));
	NEED(!net_run("ip link set " UP " master br0"));
	NEED(!net_run("bridge fdb add " MAC_FMT " dev " UP " master static",
		      MAC(bench_mac_wire)));
	for (i = 0; i < p->guests; i++) {
		NEED(!net_run("ip link set tap%u master br0", i));
		NEED(!net_run("bridge fdb add " MAC_FMT
			      " dev tap%u master static", MAC(p->guest[i * p->pairs].mac),
			      i));
	}
	NEED(!net_run("ip link set br0 up"));
	/* So that the uplink takes xdp_frames from its peer: NAPI. */
	NEED(!net_run("ethtool -K " UP " gro on"));
}

static void setup_redirect(struct path *p)
{
	peer(p, UP, "tap0");
	peer(p, "tap0", UP);
	attach(UP, p->bpf->progs.bench_redirect);
	attach("tap0", p->bpf->progs.bench_redirect);
}

static void setup_floor(struct path *p)
{
	net_uplink("up1", "wire1", 1500);
	net_enter_wire();
	attach("wire1", p->bpf->progs.bench_drop);
	net_enter_host();
	peer(p, UP, "up1");
	attach(UP, p->bpf->progs.bench_redirect);
}

static void attach_ours(struct path *p, unsigned int from, unsigned int to)
{
	const char *xsk = p->kind == PATH_OURS_XSK ? "--lane xsk --queue 0" : "";
	unsigned int i;

	set_fast(p->kind != PATH_OURS_WORKER);
	for (i = from * p->pairs; i < to * p->pairs; i++) {
		struct guest *g = &p->guest[i];

		snprintf(g->port, sizeof(g->port), "bench%u", i / p->pairs);
		if (i % p->pairs)
			continue;
		if (net_run("vhost-xdp attach " UP " --port %s --mac " MAC_FMT
			    " --queues %u %s > /dev/null", g->port,
			    MAC(g->mac), p->pairs, xsk))
			ktap_bail("vhost-xdp attach failed");
	}
}

void path_attach(struct path *p, unsigned int from, unsigned int to)
{
	if (path_is_ours(p->kind)) {
		attach_ours(p, from, to);
		return;
	}
	if (from)
		return;
	switch (p->kind) {
	case PATH_DROP:
		attach(UP, p->bpf->progs.bench_drop);
		break;
	case PATH_FLOOR:
		setup_floor(p);
		break;
	case PATH_TAP_XDP:
		setup_redirect(p);
		break;
	case PATH_TAP_BRIDGE:
		setup_bridge(p);
		break;
	case PATH_DPDK:
		p->dpdk = dpdk_start(UP);
		break;
	default:
		break;
	}
}

/*
 * Without EVENT_IDX: the guest does not run while the frames of a round come in,
 * so it could not move used_event on, and there would be one call a round.
 */
#define FEATURES (BIT64(VIRTIO_F_VERSION_1) | BIT64(VIRTIO_NET_F_MRG_RXBUF) | \
		  BIT64(VIRTIO_RING_F_INDIRECT_DESC))

/*
 * DPDK polls and never sleeps, so its guest cannot just run when it has no work:
 * it waits for the call at the last frame of what it expects, and for no other.
 */
#define FEATURES_DPDK (FEATURES | BIT64(VIRTIO_RING_F_EVENT_IDX))

static void make_guest(struct path *p, struct guest *g)
{
	bool dpdk = p->kind == PATH_DPDK;
	struct nic_cfg cfg = {
		.shared = dpdk,
		.backend = g->tap,
		.features = dpdk ? FEATURES_DPDK : FEATURES,
		.rx_num = p->guests > 2 ? 256 : 1024,
		.tx_num = p->guests > 2 ? 64 : 1024,
		.rx_len = 1536,
		.tx_len = p->gso ? 65550 : 1514,
		.tx_bufs = p->gso || p->guests > 2 ? 64 : 1024,
	};
	unsigned int i;

	nic_init(&g->nic, &cfg);
	/* Every page is there before anybody asks for it. */
	for (i = 0; i < g->nic.mem.count; i++)
		memset(g->nic.mem.region[i].hva + g->nic.mem.region[i].used, 0,
		       g->nic.mem.region[i].size - g->nic.mem.region[i].used);
	memset(g->nic.rx_buf, 0, g->nic.rx_bufs * g->nic.rx_stride);
	memset(g->nic.tx_buf, 0, g->nic.tx_bufs * g->nic.tx_stride);
}

void path_start(struct path *p, unsigned int from, unsigned int to)
{
	unsigned int i;
	int e;

	for (i = from * p->pairs; i < to * p->pairs; i++) {
		struct guest *g = &p->guest[i];

		nic_rx_fill(&g->nic);
		if (p->dpdk) {
			dpdk_connect(p->dpdk, &g->nic);
			continue;
		}
		nic_open(&g->nic, path_is_ours(p->kind) ? port_node(g->port) :
							  "/dev/vhost-net");
		e = nic_start(&g->nic);
		if (e)
			ktap_bail("start of guest %u: %s", i, strerror(-e));
	}
}

static int quiet_libbpf(enum libbpf_print_level level, const char *fmt,
			va_list ap)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, fmt, ap) : 0;
}

void path_prepare(struct path *p, enum path_kind kind, unsigned int guests,
		  unsigned int pairs, bool gso)
{
	bool has_guest = kind != PATH_DROP && kind != PATH_FLOOR;
	unsigned int i;

	memset(p, 0, sizeof(*p));
	p->kind = kind;
	p->guests = has_guest ? guests : 0;
	p->pairs = pairs;
	p->nics = p->guests * pairs;
	p->gso = gso;
	NEED(p->nics <= PATH_NICS_MAX);
	libbpf_set_print(quiet_libbpf);
	p->bpf = bench_bpf__open_and_load();
	NEED(p->bpf);
	net_init();
	net_uplink(UP, WIRE, 1500);
	net_enter_wire();
	p->wire_ifindex = net_ifindex(WIRE);
	if (!gso)
		attach(WIRE, p->bpf->progs.bench_drop);
	net_enter_host();
	for (i = 0; i < p->nics; i++) {
		path_mac(i / pairs, p->guest[i].mac);
		make_tap(p, i);
		make_guest(p, &p->guest[i]);
	}
}

void path_open(struct path *p, enum path_kind kind, unsigned int guests,
	       unsigned int pairs, bool gso)
{
	path_prepare(p, kind, guests, pairs, gso);
	path_attach(p, 0, p->guests);
	path_start(p, 0, p->guests);
}

void path_close(struct path *p)
{
	unsigned int i;

	for (i = 0; i < p->nics; i++) {
		if (!p->dpdk)
			NEED(!nic_stop(&p->guest[i].nic));
	}
	if (p->dpdk)
		dpdk_stop(p->dpdk);
	for (i = 0; i < p->nics; i++) {
		nic_free(&p->guest[i].nic);
		close(p->guest[i].tap);
		if (path_is_ours(p->kind) && !(i % p->pairs))
			NEED(!net_run("vhost-xdp detach %s",
				      p->guest[i].port));
	}
	if (path_is_ours(p->kind))
		set_fast(true);
	bench_bpf__destroy(p->bpf);
}

uint64_t path_stat(const struct path *p, unsigned int stat)
{
	uint64_t sum = 0;
	unsigned int i;

	if (!path_is_ours(p->kind))
		return 0;
	for (i = 0; i < p->guests; i++)
		sum += ctl_stat(p->guest[i].port, stat);
	return sum;
}
