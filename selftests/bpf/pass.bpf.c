// SPDX-License-Identifier: GPL-2.0
/*
 * pass.bpf.c - somebody else's XDP program, for cli.sh.
 */
#include "../../bpf/vmlinux.h"
#include <bpf/bpf_helpers.h>

char _license[] SEC("license") = "GPL";

SEC("xdp")
int neighbour(struct xdp_md *ctx)
{
	return ctx->data_end ? XDP_PASS : XDP_DROP;
}
