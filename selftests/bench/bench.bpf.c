// SPDX-License-Identifier: GPL-2.0
/*
 * bench.bpf.c - the programs around the paths that are compared: the source of
 * frames on the wire, what drops them, and what redirects between two devices.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char _license[] SEC("license") = "GPL";

#define SIZES_MAX 16

/* The frames' lengths in turn; nr_sizes 0: as they are. */
__u32 sizes[SIZES_MAX];
__u32 nr_sizes;
__u32 next;

/* The last byte of the destination is 1 for one frame of so many, else 0; 0: as is. */
__u32 quiet_every;

/* To so many ports in turn, a burst to each, from this one on; 0: as it is. */
__u32 ports;
__u32 first_port;
__u32 burst = 1;

/* By the last byte of the source. */
__u64 arrived[2];

/* From the source to the next call eventfd, where timing is asked for; or from the kick,
 * which the load generator notes, to the wire.
 */
bool timing;
__u64 sent_at, latency_sum, latency_count;

/* By the device a frame came in by: the one it goes out by. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 16);
} peers SEC(".maps");

static __always_inline int source_mixed(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;

	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	eth->h_dest[5] = !(next++ % quiet_every);
	return XDP_TX;
}

/* The addresses are those of path_mac(). */
static __always_inline int source_ports(struct xdp_md *ctx)
{
	__u32 k = (first_port + next++ / burst) % ports;
	struct ethhdr *eth = (void *)(long)ctx->data;

	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	eth->h_dest[4] = 1 + k / 128;
	eth->h_dest[5] = k % 128;
	return XDP_TX;
}

/* Run on the wire's end by BPF_PROG_TEST_RUN: XDP_TX is out to the uplink. */
SEC("xdp")
int bench_source(struct xdp_md *ctx)
{
	__u32 len = ctx->data_end - ctx->data, i;

	if (timing)
		sent_at = bpf_ktime_get_ns();
	if (quiet_every)
		return source_mixed(ctx);
	if (ports)
		return source_ports(ctx);
	if (!nr_sizes)
		return XDP_TX;
	/* By a mask, which every verifier follows. */
	i = next++ % nr_sizes & (SIZES_MAX - 1);
	bpf_xdp_adjust_tail(ctx, (int)sizes[i] - (int)len);
	return XDP_TX;
}

SEC("xdp")
int bench_drop(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_DROP;
}

SEC("xdp")
int bench_count(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;

	if ((void *)(eth + 1) <= (void *)(long)ctx->data_end)
		arrived[eth->h_source[5] & 1]++;
	return XDP_DROP;
}

SEC("xdp")
int bench_redirect(struct xdp_md *ctx)
{
	return bpf_redirect_map(&peers, ctx->ingress_ifindex, XDP_DROP);
}

static __always_inline int arrives(void)
{
	if (sent_at) {
		latency_sum += bpf_ktime_get_ns() - sent_at;
		latency_count++;
		sent_at = 0;
	}
	return 0;
}

/* The guest is called. */
SEC("fentry/eventfd_signal_mask")
int BPF_PROG(bench_signalled)
{
	(void)ctx;
	return arrives();
}

/* The far end of the wire looks what has come. */
SEC("fentry/veth_poll")
int BPF_PROG(bench_polled)
{
	(void)ctx;
	return arrives();
}
