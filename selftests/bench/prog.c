// SPDX-License-Identifier: GPL-2.0
/*
 * prog.c - the programs by themselves: BPF_PROG_TEST_RUN with repeat, on a port that
 * runs. The kernel times it; in a VM that counts instructions its nanoseconds are
 * instructions.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <string.h>

#include "bench.h"

#define REPEAT 4000
#define REPEAT_DELIVER 500	/* what the ring takes, nobody empties it */
#define LEN 64

/* What is attached to the uplink: the dispatcher, with the ingress program behind. */
static int ingress_fd(void)
{
	uint32_t id;
	int fd;

	NEED(!bpf_xdp_query_id(net_ifindex(PATH_UPLINK), 0, &id) && id);
	fd = bpf_prog_get_fd_by_id(id);
	NEED(fd >= 0);
	return fd;
}

static int egress_fd(const char *port)
{
	struct ctl_port c;
	int fd;

	NEED(!ctl_get(port, &c));
	fd = bpf_prog_get_fd_by_id(c.egress_id);
	NEED(fd >= 0);
	return fd;
}

static void write_frame(struct path *p, enum direction dir, uint8_t *at)
{
	struct inet_spec s = { .udp = true };
	bool from_guest = dir == LOAD_PROG_EGRESS;

	s.payload = LEN - inet_hlen(&s);
	memcpy(s.src, from_guest ? p->guest[0].mac : bench_mac_wire, 6);
	memcpy(s.dst, from_guest ? bench_mac_wire : p->guest[0].mac, 6);
	if (dir == LOAD_PROG_PASS)
		s.dst[5] ^= 0x80;	/* nobody's */
	inet_build(&s, at, false);
}

unsigned int prog_run(struct path *p, enum direction dir)
{
	static uint8_t in[sizeof(struct vhost_xdp_meta) + LEN];
	unsigned int meta = dir == LOAD_PROG_EGRESS ? sizeof(struct vhost_xdp_meta) : 0;
	struct xdp_md ctx = {
		.data = meta,
		.data_end = meta + LEN,
		.ingress_ifindex = meta ? 0 : net_ifindex(PATH_UPLINK),
	};
	LIBBPF_OPTS(bpf_test_run_opts, o,
		.data_in = in,
		.data_size_in = meta + LEN,
		.ctx_in = &ctx,
		.ctx_size_in = sizeof(ctx),
		.repeat = dir == LOAD_PROG_DELIVER ? REPEAT_DELIVER : REPEAT,
	);
	unsigned int want = dir == LOAD_PROG_PASS ? XDP_PASS :
			    meta ? XDP_TX : XDP_DROP;
	struct ctl_port c;
	int e;

	NEED(!ctl_get(p->guest[0].port, &c));
	*(struct vhost_xdp_meta *)in = (struct vhost_xdp_meta){ .port = c.id };
	write_frame(p, dir, in + meta);
	e = bpf_prog_test_run_opts(meta ? egress_fd(p->guest[0].port) :
					  ingress_fd(), &o);
	if (e || o.retval != want)
		ktap_bail("BPF_PROG_TEST_RUN: %s, verdict %u", strerror(-e),
			  o.retval);
	return o.duration;
}
