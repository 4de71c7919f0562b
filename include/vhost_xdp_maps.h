/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vhost_xdp_maps.h - the types of the BPF maps, shared by bpf/ and user/.
 *
 * The maps are pinned under VXDP_PIN_DIR and hold the policy: who gets which
 * frame, and who may send what. One set of maps serves every uplink and port of
 * the host. Numbers are in host byte order, MAC addresses in wire order. Each
 * struct is without holes, so that a key compares and prints as it looks.
 */
#ifndef VHOST_XDP_MAPS_H
#define VHOST_XDP_MAPS_H

#define VXDP_PIN_DIR		"/sys/fs/bpf/vhost-xdp"
#define VXDP_FDB_MAX		16384	/* (uplink, VLAN, MAC) entries */
#define VXDP_PORTS_MAX		4096
#define VXDP_FLOOD_MAX		256	/* ports that share an uplink and a VLAN */

/* Map "vxdp_fdb", hash: which port has this address. */
struct vxdp_fdb_key {
	__u32 ifindex;		/* uplink */
	__u16 vlan;		/* 1..4094; 0: untagged on the wire */
	__u8 mac[6];
};

struct vxdp_fdb_entry {
	__u32 port;		/* VHOST_XDP_A_ID */
};

/* Map "vxdp_flood", hash: who gets broadcast and multicast. */
struct vxdp_flood_key {
	__u32 ifindex;
	__u32 vlan;
};

struct vxdp_flood_entry {
	__u32 count;		/* of port[], at most VXDP_FLOOD_MAX */
	__u32 port[VXDP_FLOOD_MAX];
};

/* Map "vxdp_ports", hash by VHOST_XDP_A_ID: the port's own policy. */
struct vxdp_port {
	__u32 ifindex;
	__u16 vlan;		/* access VLAN; 0: none */
	__u16 flags;		/* VXDP_PORT_* */
	char name[32];
};

/* Drop what the guest sends from a (VLAN, MAC) that is not its own. */
#define VXDP_PORT_SPOOF_CHECK	(1U << 0)
/* The uplink hears all multicast because this port made it; for the loader. */
#define VXDP_PORT_ALLMULTI	(1U << 1)
/* Half made or half taken down; the next run of the loader removes the rest. */
#define VXDP_PORT_UNFINISHED	(1U << 2)

/*
 * Map "vxdp_epoch", array of one __u64: whoever changes vxdp_fdb or vxdp_ports adds
 * one to it afterwards. Each CPU remembers what its programs looked up there, for
 * as long as this stays the same; after a change without it (by hand), for some
 * tenths of a second.
 */

/*
 * Map "vxdp_counters", per-CPU hash by VHOST_XDP_A_ID: what the programs did and
 * the module cannot know. Frames delivered to the port by its address are not
 * among them: counting one here takes as long as delivering it, and the module
 * counts it (rx_xdp_packets). Nor are frames that went to the uplink, or to another
 * port by its address (tx_xdp_packets, tx_skb_packets, tx_local_packets).
 */
struct vxdp_counters {
	__u64 ingress_flood;	/* delivered as broadcast or multicast */
	__u64 ingress_refused;	/* the port did not take it; see its own counters */
	__u64 egress_flood;	/* copies to other ports */
	__u64 egress_host;	/* passed to the exception path */
	__u64 egress_spoof_mac;	/* dropped: source address not the port's */
	__u64 egress_spoof_vlan;/* dropped: tagged frame on an access port */
};

#endif /* VHOST_XDP_MAPS_H */
