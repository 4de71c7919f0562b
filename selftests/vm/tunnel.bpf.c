// SPDX-License-Identifier: GPL-2.0
/*
 * tunnel.bpf.c - an egress program that has its hands on a frame's front, and then does
 * with it as it is told.
 */
#include "../../bpf/vmlinux.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define _LINUX_TYPES_H
#include "../../include/uapi/linux/vhost_xdp.h"
#include "tunnel_prog.h"

#define ADDRS 12
#define TAG 4
#define OUTER_V4 50
#define OUTER_V6 70

char _license[] SEC("license") = "GPL";

extern int bpf_vhost_xdp_deliver(struct xdp_md *ctx, __u32 port,
				 __u64 flags) __ksym;

/* Written by tunnel_prog.c between two frames. */
__u32 change;
__u32 tag;				/* that is pushed: TPID and ID */
__u32 outer_len;
__u32 surplus;				/* bytes that are trimmed */
__u32 deliver_to;			/* a port; 0: none */
__u32 verdict;
__u32 failures;

static int push_tag(struct xdp_md *ctx)
{
	__u8 head[ADDRS + TAG];
	__be32 word = bpf_htonl(tag);

	if (bpf_xdp_adjust_head(ctx, -TAG) || bpf_xdp_load_bytes(ctx, TAG, head, ADDRS))
		return -1;
	__builtin_memcpy(head + ADDRS, &word, TAG);
	return bpf_xdp_store_bytes(ctx, 0, head, sizeof(head));
}

static int pop_tag(struct xdp_md *ctx)
{
	__u8 addrs[ADDRS];

	if (bpf_xdp_load_bytes(ctx, 0, addrs, ADDRS) || bpf_xdp_adjust_head(ctx, TAG))
		return -1;
	return bpf_xdp_store_bytes(ctx, 0, addrs, ADDRS);
}

static int push_tunnel(struct xdp_md *ctx)
{
	__u8 outer[OUTER_V6];

	if (outer_len == OUTER_V6) {
		if (bpf_xdp_adjust_head(ctx, -OUTER_V6) ||
		    bpf_xdp_load_bytes(ctx, OUTER_V6, outer, OUTER_V6))
			return -1;
		return bpf_xdp_store_bytes(ctx, 0, outer, OUTER_V6);
	}
	if (bpf_xdp_adjust_head(ctx, -OUTER_V4) ||
	    bpf_xdp_load_bytes(ctx, OUTER_V4, outer, OUTER_V4))
		return -1;
	return bpf_xdp_store_bytes(ctx, 0, outer, OUTER_V4);
}

static int do_change(struct xdp_md *ctx)
{
	switch (change) {
	case PUSH_TAG:
		return push_tag(ctx);
	case POP_TAG:
		return pop_tag(ctx);
	case PUSH_TUNNEL:
		return push_tunnel(ctx);
	case POP_TUNNEL:
		return bpf_xdp_adjust_head(ctx, outer_len);
	case PUSH_NOTHING:
		return bpf_xdp_adjust_head(ctx, -TAG);
	case TRIM:
		return bpf_xdp_adjust_tail(ctx, -(int)surplus);
	}
	return 0;
}

SEC("xdp.frags")
int tunnel(struct xdp_md *ctx)
{
	if (do_change(ctx)) {
		failures++;
		return XDP_ABORTED;
	}
	if (deliver_to)
		bpf_vhost_xdp_deliver(ctx, deliver_to, 0);
	return verdict;
}
