// SPDX-License-Identifier: GPL-2.0
/*
 * vhost_xdp_ingress - on the uplink: which frames from the wire are a port's.
 *
 * A unicast frame whose (uplink, VLAN, destination) is in vxdp_fdb goes to that
 * port and nowhere else. Broadcast and multicast go to every port of the VLAN
 * and to the host. All the rest is the host's, which keeps its NIC.
 *
 * Frags-capable: only the headers are read, and they are in the linear part.
 */
#include "vhost_xdp.bpf.h"

char _license[] SEC("license") = "GPL";

/*
 * Finds the VLAN of a frame: 0 for an untagged and for a priority-tagged one
 * (VID 0), which belongs to no VLAN either. Fails for a frame that is cut short
 * and for an outer tag that is not 802.1Q: nobody here owns a service VLAN, and
 * calling it untagged would let it leak into the untagged ports.
 */
static __always_inline int frame_vlan(const struct ethhdr *eth,
				      const void *end, __u16 *vlan)
{
	const struct vlan_hdr *tag = (const void *)(eth + 1);

	*vlan = 0;
	if (eth->h_proto == bpf_htons(ETH_P_8021AD))
		return -1;
	if (eth->h_proto != bpf_htons(ETH_P_8021Q))
		return 0;
	if ((const void *)(tag + 1) > end)
		return -1;
	*vlan = bpf_ntohs(tag->h_vlan_TCI) & VLAN_VID_MASK;
	return 0;
}

static __always_inline void flood(struct xdp_md *ctx, __u32 ifindex,
				  __u16 vlan, __u64 flags)
{
	struct vxdp_flood_key key = { .ifindex = ifindex, .vlan = vlan };
	struct vxdp_flood_entry *list;
	__u32 i;

	list = bpf_map_lookup_elem(&vxdp_flood, &key);
	if (!list)
		return;
	for (i = 0; i < VXDP_FLOOD_MAX && i < list->count; i++) {
		if (bpf_vhost_xdp_deliver(ctx, list->port[i], flags))
			vxdp_count(list->port[i], ingress_refused);
		else
			vxdp_count(list->port[i], ingress_flood);
	}
}

/* The port did not take it: or its AF_XDP socket takes it from here. */
static __noinline int not_delivered(__u32 port, int ret)
{
	if (ret == XDP_REDIRECT)
		return XDP_REDIRECT;
	vxdp_count(port, ingress_refused);
	return XDP_DROP;
}

static __always_inline int deliver(struct xdp_md *ctx, __u32 port, __u64 flags)
{
	int ret = bpf_vhost_xdp_deliver(ctx, port, flags | VHOST_XDP_DELIVER_REDIRECT);

	return ret ? not_delivered(port, ret) : XDP_DROP;
}

/*
 * An address and, instead of the VLAN, the EtherType: what is remembered so had no
 * tag, and one look at it is saved.
 */
static __always_inline __u64 untagged_address(const struct ethhdr *eth)
{
	return address_of(eth->h_dest, eth->h_proto);
}

/* What is not the usual case; the Ethernet header is there. */
static __noinline int any_frame(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	__u32 ifindex = ctx->ingress_ifindex, stamp = now_stamp(), port;
	__u64 flags;
	__u16 vlan;

	if ((void *)(eth + 1) > end || frame_vlan(eth, end, &vlan))
		return XDP_PASS;
	flags = vlan ? VHOST_XDP_DELIVER_STRIP_VLAN : 0;
	if (is_group(eth->h_dest)) {
		flood(ctx, ifindex, vlan, flags);
		return XDP_PASS;
	}
	port = fdb_look(ifindex, address_of(eth->h_dest, vlan));
	if (!port)
		return XDP_PASS;
	if (!is_tag(eth->h_proto))
		fdb_remember(ifindex, untagged_address(eth), stamp, port);
	return deliver(ctx, port, flags);
}

/*
 * The usual case: no tag, and an address that was looked up before. The time last, when
 * the address need not be kept over the call for it: a register saved is a push and a
 * pop less.
 */
SEC("xdp.frags")
int vhost_xdp_ingress(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	const struct fdb_memo *found, *memo;
	__u64 address;
	__u32 stamp;

	if ((void *)(eth + 1) > end)
		return XDP_PASS;
	address = untagged_address(eth);
	found = fdb_memo_of(address);
	if (!found || found->address != address || found->ifindex != ctx->ingress_ifindex)
		return any_frame(ctx);
	/* To where the address was. */
	asm volatile("%0 = %1" : "=r"(memo) : "r"(found));
	stamp = now_stamp();
	if (memo->stamp != stamp)
		return any_frame(ctx);
	return deliver(ctx, memo->port, 0);
}
