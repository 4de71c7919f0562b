// SPDX-License-Identifier: GPL-2.0
/*
 * repeat.bpf.c - an egress program that does as it is told, says of each frame that
 * it need not see more like it, and counts those that it sees.
 */
#include "../../bpf/vmlinux.h"
#include <bpf/bpf_helpers.h>

#define _LINUX_TYPES_H
#include "../../include/uapi/linux/vhost_xdp.h"

char _license[] SEC("license") = "GPL";

extern int bpf_vhost_xdp_deliver(struct xdp_md *ctx, __u32 port,
				 __u64 flags) __ksym;

/* Written by repeat.c between two batches. */
__u32 verdict;
__u32 deliver_to, deliver_then;		/* ports; 0: to none */
__u64 deliver_flags;
__u32 cut;				/* bytes, off the end */
__u32 move;				/* bytes, off the start; the metadata stays */
__u64 runs;

SEC("xdp.frags")
int repeat(struct xdp_md *ctx)
{
	struct vhost_xdp_meta *meta;

	if (move && (bpf_xdp_adjust_head(ctx, move) || bpf_xdp_adjust_meta(ctx, -(int)move)))
		return XDP_ABORTED;
	meta = (void *)(long)ctx->data_meta;
	if ((void *)(meta + 1) > (void *)(long)ctx->data)
		return XDP_ABORTED;
	runs++;
	meta->flags |= VHOST_XDP_META_REPEAT;
	if (cut && bpf_xdp_adjust_tail(ctx, -(int)cut))
		return XDP_ABORTED;
	if (deliver_to)
		bpf_vhost_xdp_deliver(ctx, deliver_to, deliver_flags);
	if (deliver_then)
		bpf_vhost_xdp_deliver(ctx, deliver_then, 0);
	return verdict;
}
