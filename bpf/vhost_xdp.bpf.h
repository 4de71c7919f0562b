/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vhost_xdp.bpf.h - what the ingress and the egress program share: the maps, what
 * is remembered of them, and the module's kfunc.
 *
 * Both objects define every map; pinning by name makes them the same maps, but for
 * the memos: each object has its own.
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

/* Map "vxdp_epoch": the loader pins this section by that name. */
volatile __u64 vxdp_epoch SEC(".data.epoch");

/*
 * What was found last in vxdp_fdb and vxdp_ports, by a hash of the key: a tenth of
 * the cost of a hash map's lookup. A CPU runs one of our programs at a time, with
 * softirqs off, and nobody else sees its entries.
 */
#define MEMO_BITS	8

struct fdb_memo {
	__u64 address;		/* MAC and VLAN (ingress: EtherType), see address_of() */
	__u32 ifindex;
	__u32 stamp;		/* see stamp_at() */
	__u32 port;		/* 0: nothing is remembered here */
	__u32 pad;
};

struct port_memo {
	__u32 id;		/* 0: nothing is remembered here */
	__u32 stamp;
	__u32 ifindex;
	__u16 vlan;
	__u16 flags;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1 << MEMO_BITS);
	__type(key, __u32);
	__type(value, struct fdb_memo);
} vxdp_fdb_memo SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1 << MEMO_BITS);
	__type(key, __u32);
	__type(value, struct port_memo);
} vxdp_port_memo SEC(".maps");

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

/*
 * What is remembered with another stamp is forgotten. It moves on with the epoch,
 * and by itself every 32 jiffies, for changes by hand. As both only grow, their
 * sum is the same only if both are. Taken before what is remembered is looked up:
 * so a change in between makes it forgotten, and not remembered.
 */
static __always_inline __u32 stamp_at(__u64 ticks)
{
	return vxdp_epoch + (ticks >> 5);
}

static __always_inline __u32 now_stamp(void)
{
	return stamp_at(bpf_jiffies64());
}

static __always_inline __u32 memo_index(__u64 key)
{
	return key * 0x9e3779b97f4a7c15ULL >> (64 - MEMO_BITS);
}

/* The MAC address in the upper 48 bits, the VLAN below. Two bytes more are read. */
static __always_inline __u64 address_of(const __u8 *mac, __u16 vlan)
{
	return *(const __u64 *)mac << 16 | vlan;
}

static __noinline __u32 fdb_look(__u32 ifindex, __u64 address)
{
	struct vxdp_fdb_key key = { .ifindex = ifindex, .vlan = (__u16)address };
	struct vxdp_fdb_entry *entry;

	address >>= 16;
	__builtin_memcpy(key.mac, &address, ETH_ALEN);
	entry = bpf_map_lookup_elem(&vxdp_fdb, &key);
	return entry ? entry->port : 0;
}

static __always_inline struct fdb_memo *fdb_memo_of(__u64 address)
{
	__u32 index = memo_index(address);

	return bpf_map_lookup_elem(&vxdp_fdb_memo, &index);
}

static __always_inline bool fdb_memo_is(const struct fdb_memo *memo, __u32 ifindex,
					__u64 address, __u64 ticks)
{
	return memo->address == address && memo->ifindex == ifindex &&
	       memo->stamp == stamp_at(ticks);
}

/* Not what nobody has: strangers' addresses would push out the ports'. */
static __always_inline void fdb_remember(__u32 ifindex, __u64 address, __u32 stamp,
					 __u32 port)
{
	struct fdb_memo *memo = fdb_memo_of(address);

	if (memo)
		*memo = (struct fdb_memo){ address, ifindex, stamp, port, 0 };
}

/*
 * Finds the port that has an address. @mac points into the Ethernet header, of
 * which the caller knows that it is there.
 * Return: its number, or 0.
 */
static __always_inline __u32 fdb_find(__u32 ifindex, __u16 vlan, const __u8 *mac)
{
	__u64 address = address_of(mac, vlan);
	struct fdb_memo *memo = fdb_memo_of(address);
	__u32 stamp, port;

	if (memo && fdb_memo_is(memo, ifindex, address, bpf_jiffies64()))
		return memo->port;
	stamp = now_stamp();
	port = fdb_look(ifindex, address);
	if (port)
		fdb_remember(ifindex, address, stamp, port);
	return port;
}

static __noinline int port_look(__u32 id, struct port_memo *memo)
{
	__u32 stamp = now_stamp();
	struct vxdp_port *port;

	if (!memo)
		return -1;
	port = bpf_map_lookup_elem(&vxdp_ports, &id);
	if (!port)
		return -1;
	memo->id = id;
	memo->stamp = stamp;
	memo->ifindex = port->ifindex;
	memo->vlan = port->vlan;
	memo->flags = port->flags;
	return 0;
}

/*
 * Finds a port's policy.
 * Return: what is remembered of it, true until this run of the program ends; NULL
 * where there is no such port.
 */
static __always_inline const struct port_memo *port_find(__u32 id)
{
	__u32 index = id & ((1 << MEMO_BITS) - 1);
	struct port_memo *memo;

	memo = bpf_map_lookup_elem(&vxdp_port_memo, &index);
	if (!memo || !id)
		return NULL;
	if (memo->id == id && memo->stamp == now_stamp())
		return memo;
	return port_look(id, memo) ? NULL : memo;
}

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
