// SPDX-License-Identifier: GPL-2.0
/*
 * vhost_xdp_egress - on each frame a guest sends: may it, and where to.
 *
 * The module runs this with struct vhost_xdp_meta in front of the frame. It
 * polices the source (MAC and VLAN), hands frames between the ports of one VLAN
 * and pushes the port's VLAN tag on what leaves by the uplink.
 *
 * A port with a VLAN is an access port: the guest sees untagged frames, and a
 * tag of its own would put it into a VLAN behind ours, so tagged frames are
 * dropped. A port without a VLAN owns the untagged traffic only; with the spoof
 * check off it is trusted with tags, which then go to the uplink as they are.
 */
#include "vhost_xdp.bpf.h"

char _license[] SEC("license") = "GPL";

/*
 * What became of the last frame with these addresses from this port: untagged, from
 * one port to one address, so nearly every frame.
 */
struct way_memo {
	__u64 to_from;		/* destination, the source's first two bytes */
	__u32 from;		/* the rest of the source */
	__u32 id;		/* the sender; 0: nothing is remembered here */
	__u32 stamp;		/* see now_stamp() */
	__u32 port;		/* who gets it; 0: the uplink */
	__u32 vlan;		/* the tag it leaves with; 0: none */
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1 << MEMO_BITS);
	__type(key, __u32);
	__type(value, struct way_memo);
} vxdp_way_memo SEC(".maps");

/* One frame on its way; on the stack of the program. */
struct frame {
	struct xdp_md *ctx;
	const struct ethhdr *eth;
	const struct port_memo *port;
	__u32 id;			/* of the sender */
	bool to_host;			/* VHOST_XDP_META_TO_HOST */
};

static __always_inline __u32 find_address(const struct frame *f, const __u8 *mac)
{
	return fdb_find(f->port->ifindex, f->port->vlan, mac);
}

/* Copies to every other port of the VLAN and to the exception path. */
static __always_inline void flood(const struct frame *f)
{
	struct vxdp_flood_key key = {
		.ifindex = f->port->ifindex,
		.vlan = f->port->vlan,
	};
	struct vxdp_flood_entry *list;
	__u32 i;

	if (!bpf_vhost_xdp_deliver(f->ctx, VHOST_XDP_PORT_HOST, 0))
		vxdp_count(f->id, egress_host);
	list = bpf_map_lookup_elem(&vxdp_flood, &key);
	if (!list)
		return;
	for (i = 0; i < VXDP_FLOOD_MAX && i < list->count; i++) {
		if (list->port[i] == f->id)
			continue;
		if (!bpf_vhost_xdp_deliver(f->ctx, list->port[i], 0))
			vxdp_count(f->id, egress_flood);
	}
}

static __always_inline int pass_to_host(const struct frame *f)
{
	vxdp_count(f->id, egress_host);
	return XDP_PASS;
}

/* Makes room in front (the metadata moves along) and puts the tag in. */
static __always_inline int push_vlan(struct xdp_md *ctx, __u16 vlan)
{
	struct vlan_ethhdr *veth;
	__u8 addrs[2 * ETH_ALEN];

	if (bpf_xdp_adjust_head(ctx, -VLAN_HLEN))
		return -1;
	veth = (void *)(long)ctx->data;
	if ((void *)(veth + 1) > (void *)(long)ctx->data_end)
		return -1;
	__builtin_memcpy(addrs, (void *)veth + VLAN_HLEN, sizeof(addrs));
	__builtin_memcpy(veth, addrs, sizeof(addrs));
	veth->h_vlan_proto = bpf_htons(ETH_P_8021Q);
	veth->h_vlan_TCI = bpf_htons(vlan);
	return 0;
}

static __always_inline int to_uplink(struct xdp_md *ctx, __u16 vlan)
{
	if (vlan && push_vlan(ctx, vlan))
		return XDP_ABORTED;
	return XDP_TX;
}

/* To itself: nowhere. */
static __always_inline int to_port(struct xdp_md *ctx, __u32 from, __u32 to)
{
	if (to != from)
		bpf_vhost_xdp_deliver(ctx, to, 0);
	return XDP_DROP;
}

/* As they stand in an Ethernet header, 12 bytes. */
static __always_inline void read_addresses(const struct ethhdr *eth, __u64 *to_from,
					   __u32 *from)
{
	*to_from = *(const __u64 *)eth;
	*from = *(const __u32 *)((const void *)eth + sizeof(*to_from));
}

static __always_inline struct way_memo *way_find(__u64 to_from, __u32 id)
{
	__u32 index = memo_index((to_from << 16) ^ id);

	return bpf_map_lookup_elem(&vxdp_way_memo, &index);
}

/* @stamp is from before the way was looked up. */
static __always_inline void remember(const struct frame *f, __u32 stamp, __u32 port)
{
	struct way_memo way = { .id = f->id, .stamp = stamp, .port = port };
	struct way_memo *memo;

	read_addresses(f->eth, &way.to_from, &way.from);
	way.vlan = port ? 0 : f->port->vlan;
	memo = way_find(way.to_from, f->id);
	if (memo)
		*memo = way;
}

static __always_inline int forward(const struct frame *f, __u32 stamp)
{
	__u32 to;

	if (is_group(f->eth->h_dest)) {
		flood(f);
	} else {
		to = find_address(f, f->eth->h_dest);
		if (!to && f->to_host)
			return pass_to_host(f);
		remember(f, stamp, to);
		if (to)
			return to_port(f->ctx, f->id, to);
	}
	return to_uplink(f->ctx, f->port->vlan);
}

/* Any frame, by the maps. */
static __noinline int decide(struct xdp_md *ctx)
{
	struct vhost_xdp_meta *meta = (void *)(long)ctx->data_meta;
	void *end = (void *)(long)ctx->data_end;
	void *data = (void *)(long)ctx->data;
	struct frame f = { .ctx = ctx, .eth = data };
	__u32 stamp = now_stamp();
	bool checked, tagged;

	if ((void *)(meta + 1) > data || (void *)(f.eth + 1) > end)
		return XDP_ABORTED;
	f.id = meta->port;
	f.to_host = meta->flags & VHOST_XDP_META_TO_HOST;
	f.port = port_find(f.id);
	if (!f.port)
		return XDP_ABORTED;

	checked = f.port->flags & VXDP_PORT_SPOOF_CHECK;
	tagged = is_tag(f.eth->h_proto);
	if (tagged && (f.port->vlan || checked)) {
		vxdp_count(f.id, egress_spoof_vlan);
		return XDP_DROP;
	}
	if (checked && find_address(&f, f.eth->h_source) != f.id) {
		vxdp_count(f.id, egress_spoof_mac);
		return XDP_DROP;
	}
	if (tagged)
		return f.to_host ? pass_to_host(&f) : to_uplink(ctx, f.port->vlan);
	return forward(&f, stamp);
}

SEC("xdp.frags")
int vhost_xdp_egress(struct xdp_md *ctx)
{
	struct vhost_xdp_meta *meta = (void *)(long)ctx->data_meta;
	const void *end = (void *)(long)ctx->data_end;
	const void *data = (void *)(long)ctx->data;
	const struct ethhdr *eth = data;
	const struct way_memo *memo;
	__u64 to_from;
	__u32 from;

	if ((void *)(meta + 1) > data || (void *)(eth + 1) > end)
		return XDP_ABORTED;
	read_addresses(eth, &to_from, &from);
	memo = way_find(to_from, meta->port);
	if (!memo || memo->to_from != to_from || memo->from != from ||
	    memo->id != meta->port || memo->stamp != now_stamp() ||
	    is_tag(eth->h_proto) || (meta->flags & VHOST_XDP_META_TO_HOST && !memo->port))
		return decide(ctx);
	if (memo->vlan)
		return to_uplink(ctx, memo->vlan);
	/* All that was looked at is what that allows, and nothing was counted. */
	meta->flags |= VHOST_XDP_META_REPEAT;
	return memo->port ? to_port(ctx, memo->id, memo->port) : XDP_TX;
}
