// SPDX-License-Identifier: GPL-2.0
/*
 * redirect.bpf.c - an egress program that redirects all: to a device, or to the AF_XDP
 * socket of the queue that it is shown.
 */
#include "../../bpf/vmlinux.h"
#include <bpf/bpf_helpers.h>

char _license[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 1);
} devices SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 1);
} sockets SEC(".maps");

/* Written by redirect.c between two batches. */
__u32 to_socket;
__u32 move;		/* bytes, off the start */
__u32 by_uplink;	/* what is moved is not redirected */

SEC("xdp.frags")
int redirect(struct xdp_md *ctx)
{
	if (move && bpf_xdp_adjust_head(ctx, move))
		return XDP_ABORTED;
	if (by_uplink)
		return XDP_TX;
	if (to_socket)
		return bpf_redirect_map(&sockets, ctx->rx_queue_index, 0);
	return bpf_redirect_map(&devices, 0, 0);
}
