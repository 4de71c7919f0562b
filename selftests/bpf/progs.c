// SPDX-License-Identifier: GPL-2.0
/*
 * progs.c - see progs.h. The programs and maps are those that vhost-xdp loads,
 * but not pinned; the ports and their guests are real, so that who got a frame is
 * known twice: by the programs' counters and by what the guest finds in its ring.
 */
#include <errno.h>
#include <net/if.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../../bpf/vhost_xdp_egress.skel.h"
#include "../../bpf/vhost_xdp_ingress.skel.h"
#include "progs.h"

const uint8_t mac_stranger[6] = { 0x02, 0x99, 0, 0, 0, 0x01 };
const uint8_t mac_broadcast[6] = { 255, 255, 255, 255, 255, 255 };
const uint8_t mac_multicast[6] = { 0x33, 0x33, 0, 0, 0, 0x01 };

#define UPLINK	"uplink0"

struct test_port ports[PORTS];

static struct vhost_xdp_ingress *ingress;
static struct vhost_xdp_egress *egress;
static unsigned int uplink;
static int pass_fd;

/* The two objects share their maps by descriptor, as they do by pins else. */
static void share_map(const char *name)
{
	struct bpf_map *from = bpf_object__find_map_by_name(egress->obj, name);
	struct bpf_map *to = bpf_object__find_map_by_name(ingress->obj, name);

	NEED(from && to && !bpf_map__reuse_fd(to, bpf_map__fd(from)));
}

static void unpin(struct bpf_object *obj)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, obj)
		NEED(!bpf_map__set_pin_path(map, NULL));
}

static void load_programs(void)
{
	egress = vhost_xdp_egress__open();
	NEED(egress);
	unpin(egress->obj);
	NEED(!vhost_xdp_egress__load(egress));
	ingress = vhost_xdp_ingress__open();
	NEED(ingress);
	unpin(ingress->obj);
	share_map("vxdp_fdb");
	share_map("vxdp_flood");
	share_map("vxdp_ports");
	share_map("vxdp_counters");
	share_map(".data.epoch");
	NEED(!vhost_xdp_ingress__load(ingress));
}

static void put(struct bpf_map *map, const void *key, const void *value)
{
	NEED(!bpf_map_update_elem(bpf_map__fd(map), key, value, BPF_ANY));
}

/* As whoever changes what programs look up has to. */
static void next_epoch(void)
{
	egress->data_epoch->vxdp_epoch++;
}

static void zero_counters(uint32_t id)
{
	int cpus = libbpf_num_possible_cpus();
	struct vxdp_counters *zero = calloc(cpus, sizeof(*zero));

	NEED(zero);
	put(egress->maps.vxdp_counters, &id, zero);
	free(zero);
}

static void get_counters(uint32_t id, struct vxdp_counters *sum)
{
	int cpus = libbpf_num_possible_cpus(), cpu;
	struct vxdp_counters *all = calloc(cpus, sizeof(*all));
	unsigned int i;

	NEED(all);
	NEED(!bpf_map_lookup_elem(bpf_map__fd(egress->maps.vxdp_counters), &id,
				  all));
	memset(sum, 0, sizeof(*sum));
	for (cpu = 0; cpu < cpus; cpu++)
		for (i = 0; i < sizeof(*sum) / 8; i++)
			((__u64 *)sum)[i] += ((__u64 *)&all[cpu])[i];
	free(all);
}

void port_policy(unsigned int port, uint16_t flags)
{
	struct test_port *p = &ports[port];
	struct vxdp_port entry = {
		.ifindex = uplink,
		.vlan = p->vlan,
		.flags = flags,
	};

	strcpy(entry.name, p->ctl.name);
	put(egress->maps.vxdp_ports, &p->ctl.id, &entry);
	next_epoch();
}

static void join_flood(const struct test_port *p)
{
	struct vxdp_flood_key key = { .ifindex = uplink, .vlan = p->vlan };
	struct vxdp_flood_entry list = {};

	bpf_map_lookup_elem(bpf_map__fd(egress->maps.vxdp_flood), &key, &list);
	list.port[list.count++] = p->ctl.id;
	put(egress->maps.vxdp_flood, &key, &list);
}

void address_move(unsigned int of, unsigned int to, bool tell)
{
	struct test_port *p = &ports[of];
	struct vxdp_fdb_entry entry = { .port = ports[to].ctl.id };
	struct vxdp_fdb_key key = { .ifindex = uplink, .vlan = p->vlan };

	memcpy(key.mac, p->mac, sizeof(key.mac));
	put(egress->maps.vxdp_fdb, &key, &entry);
	if (tell)
		next_epoch();
}

static void fill_maps(unsigned int port)
{
	struct test_port *p = &ports[port];

	address_move(port, port, true);
	port_policy(port, VXDP_PORT_SPOOF_CHECK);
	join_flood(p);
	zero_counters(p->ctl.id);
}

static void start_guest(struct test_port *p)
{
	struct nic_cfg cfg = {
		.features = BIT64(VIRTIO_F_VERSION_1) |
			    BIT64(VIRTIO_NET_F_MRG_RXBUF),
		.rx_num = 256,
		.tx_num = 64,
		.rx_len = 2048,
		.tx_len = 2048,
	};
	char tap[IFNAMSIZ];

	snprintf(tap, sizeof(tap), "t%.13s", p->ctl.name);
	p->tap = tap_open(tap, IFF_VNET_HDR, 12);
	cfg.node = port_node(p->ctl.name);
	cfg.backend = p->tap;
	nic_init(&p->nic, &cfg);
	nic_rx_fill(&p->nic);
	NEED(!nic_start(&p->nic));
}

static void make_port(unsigned int port)
{
	struct test_port *p = &ports[port];
	char name[8];

	snprintf(name, sizeof(name), "bpf%c", 'a' + port);
	NEED(!ctl_new(name, UPLINK, &p->ctl));
	memcpy(p->mac, (uint8_t[]){ 2, 0, 0, 0, 1, port + 1 }, 6);
	p->vlan = port == PORT_C || port == PORT_D ? VLAN : 0;
	fill_maps(port);
	if (port != PORT_IDLE)
		start_guest(p);
}

void progs_init(void)
{
	unsigned int i;

	net_init();
	net_uplink(UPLINK, "wire0", 1500);
	/* A test run wants a device with a receive queue that does XDP. */
	pass_fd = net_xdp_pass(UPLINK);
	uplink = net_ifindex(UPLINK);
	load_programs();
	for (i = 0; i < PORTS; i++)
		make_port(i);
}

void progs_exit(void)
{
	unsigned int i;

	for (i = 0; i < PORTS; i++) {
		if (i != PORT_IDLE) {
			nic_stop(&ports[i].nic);
			nic_free(&ports[i].nic);
			close(ports[i].tap);
		}
		ctl_del(ports[i].ctl.name);
	}
	vhost_xdp_ingress__destroy(ingress);
	vhost_xdp_egress__destroy(egress);
	close(pass_fd);
}

void frame_build(struct run *r, const uint8_t *dst, const uint8_t *src,
		 uint16_t tpid, uint16_t tci, unsigned int len)
{
	unsigned int at = 12, i;

	memcpy(r->in, dst, 6);
	memcpy(r->in + 6, src, 6);
	if (tpid) {
		r->in[at++] = tpid >> 8;
		r->in[at++] = tpid;
		r->in[at++] = tci >> 8;
		r->in[at++] = tci;
	}
	r->in[at++] = FRAME_ETHERTYPE >> 8;
	r->in[at++] = FRAME_ETHERTYPE & 0xff;
	for (i = at; i < len; i++)
		r->in[i] = i * 7 + (i >> 8);
	r->in_len = len;
}

static void read_counts(struct counts *c)
{
	unsigned int i;

	memset(c, 0, sizeof(*c));
	for (i = 0; i < PORTS; i++) {
		get_counters(ports[i].ctl.id, &c->port[i]);
		zero_counters(ports[i].ctl.id);
		c->flood |= !!c->port[i].ingress_flood << i;
		c->refused |= !!c->port[i].ingress_refused << i;
	}
}

static bool run(struct run *r, int fd, struct xdp_md *ctx, const void *in)
{
	static uint8_t out[FRAME_SIZE_MAX + sizeof(struct vhost_xdp_meta)];
	struct xdp_md ctx_out = {};
	LIBBPF_OPTS(bpf_test_run_opts, opts,
		    .data_in = in,
		    .data_size_in = ctx->data_end,
		    .data_out = out,
		    .data_size_out = sizeof(out),
		    .ctx_in = ctx,
		    .ctx_size_in = sizeof(*ctx),
		    .ctx_out = &ctx_out,
		    .ctx_size_out = sizeof(ctx_out),
		    .repeat = 1);
	int err = bpf_prog_test_run_opts(fd, &opts);

	if (err) {
		ktap_diag("BPF_PROG_TEST_RUN: %s", strerror(-err));
		return false;
	}
	r->verdict = opts.retval;
	/* The metadata comes in front, if there is any. */
	r->out_len = opts.data_size_out - ctx_out.data;
	memcpy(r->out, out + ctx_out.data, r->out_len);
	read_counts(&r->counts);
	return true;
}

bool run_ingress(struct run *r)
{
	struct xdp_md ctx = {
		.data_end = r->in_len,
		.ingress_ifindex = uplink,
	};

	return run(r, bpf_program__fd(ingress->progs.vhost_xdp_ingress), &ctx,
		   r->in);
}

bool run_egress(struct run *r, unsigned int from, uint32_t flags)
{
	static uint8_t in[FRAME_SIZE_MAX + sizeof(struct vhost_xdp_meta)];
	const struct vhost_xdp_meta meta = {
		.port = from < PORTS ? ports[from].ctl.id : from,
		.flags = flags,
	};
	struct xdp_md ctx = {
		.data = r->meta ? sizeof(meta) : 0,
		.ingress_ifindex = uplink,
	};

	memcpy(in, &meta, sizeof(meta));
	memcpy(in + ctx.data, r->in, r->in_len);
	ctx.data_end = ctx.data + r->in_len;
	return run(r, bpf_program__fd(egress->progs.vhost_xdp_egress), &ctx,
		   in);
}

bool guest_got(unsigned int port, const uint8_t *data, unsigned int len)
{
	struct nic *nic = &ports[port].nic;
	struct ring *rx = &nic->ring[NIC_RX];
	struct nic_frame f;
	bool ok;

	while (!nic_rx(nic, &f)) {
		if (ring_call_on(rx) && !wait_fd(rx->call, 5000)) {
			ktap_diag("port %c: no frame", 'a' + port);
			return false;
		}
		eventfd_take(rx->call);
	}
	ok = f.len == len && !memcmp(f.data, data, len);
	if (!ok)
		ktap_diag("port %c: %u bytes, not the %u expected, or others",
			  'a' + port, f.len, len);
	nic_rx_done(nic);
	ring_publish(rx);
	return ok;
}

uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ULL + t.tv_nsec / 1000000;
}

int guest_which(void)
{
	uint64_t end = now_ms() + 5000;
	struct nic_frame f;
	unsigned int i;

	while (now_ms() < end) {
		for (i = 0; i < PORT_IDLE; i++) {
			if (!nic_rx(&ports[i].nic, &f))
				continue;
			nic_rx_done(&ports[i].nic);
			ring_publish(&ports[i].nic.ring[NIC_RX]);
			return i;
		}
		sched_yield();
	}
	ktap_diag("nobody got the frame");
	return -1;
}

bool guests_empty(void)
{
	struct nic_frame f;
	unsigned int i;
	bool ok = true;

	for (i = 0; i < PORT_IDLE; i++) {
		if (!nic_rx(&ports[i].nic, &f))
			continue;
		ktap_diag("port %c: a frame too many, %u bytes", 'a' + i,
			  f.len);
		ok = false;
	}
	return ok;
}
