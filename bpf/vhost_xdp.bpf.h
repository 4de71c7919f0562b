/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vhost_xdp.bpf.h - what the ingress and the egress program share: the maps, the
 * module's kfunc, and the copying of a frame to all ports of a VLAN.
 *
 * Both objects define every map; pinning by name makes them the same maps.
 */
#ifndef VHOST_XDP_BPF_H
#define VHOST_XDP_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

/* vmlinux.h has the types that the UAPI header would fetch from here. */
#define _LINUX_TYPES_H
#include "../include/uapi/linux/vhost_xdp.h"
#include "../include/vhost_xdp_maps.h"

#define ETH_P_8021Q	0x8100
#define ETH_P_8021AD	0x88A8
#define ETH_ALEN	6
#define VLAN_HLEN	4
#define VLAN_VID_MASK	0x0fff

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, VXDP_FDB_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, struct vxdp_fdb_key);
	__type(value, struct vxdp_fdb_entry);
} vxdp_fdb SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, VXDP_PORTS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, struct vxdp_flood_key);
	__type(value, struct vxdp_flood_entry);
} vxdp_flood SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, VXDP_PORTS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, __u32);
	__type(value, struct vxdp_port);
} vxdp_ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, VXDP_PORTS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, __u32);
	__type(value, struct vxdp_counters);
} vxdp_counters SEC(".maps");

extern int bpf_vhost_xdp_deliver(struct xdp_md *ctx, __u32 port,
				 __u64 flags) __ksym;

/*
 * Counts one frame for a port. The loader makes the entry; a program only adds
 * to it, and does nothing for a port that is on its way out.
 */
#define vxdp_count(id, field)						       \
	do {								       \
		__u32 count_key = (id);					       \
		struct vxdp_counters *count_val;			       \
									       \
		count_val = bpf_map_lookup_elem(&vxdp_counters, &count_key);   \
		if (count_val)						       \
			count_val->field++;				       \
	} while (0)

/* Broadcast and multicast: the group bit of the first byte on the wire. */
static __always_inline bool is_group(const __u8 *mac)
{
	return mac[0] & 1;
}

static __always_inline bool is_tag(__be16 proto)
{
	return proto == bpf_htons(ETH_P_8021Q) ||
	       proto == bpf_htons(ETH_P_8021AD);
}

#endif /* VHOST_XDP_BPF_H */
