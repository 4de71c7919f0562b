/* SPDX-License-Identifier: GPL-2.0 */
/*
 * link.h - uplinks as rtnetlink and ethtool know them.
 */
#ifndef VHOST_XDP_LINK_H
#define VHOST_XDP_LINK_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

struct link {
	uint32_t ifindex;
	char name[IF_NAMESIZE];
	uint8_t mac[6];
	uint16_t type;		/* ARPHRD_* */
	uint32_t flags;		/* IFF_* */
	uint32_t mtu;
	char kind[16];		/* "veth", "bridge"; "" for hardware */
	bool carrier;
};

/* By name; tells, as cli.h has it. @what is the command that asks. */
int link_find(const char *what, const char *name, struct link *link);
/* By number, without a word: false where there is none. */
bool link_by_index(uint32_t ifindex, struct link *link);

/*
 * Make the uplink hear one more unicast address, or all multicast, and undo
 * that. All return 0 or -errno, -EEXIST where the address is there already; the
 * lists are the kernel's own.
 */
int link_add_mac(uint32_t ifindex, const uint8_t *mac);
int link_del_mac(uint32_t ifindex, const uint8_t *mac);
int link_set_allmulti(uint32_t ifindex, bool on);

/* What the driver says it can do with XDP: NETDEV_XDP_ACT_* bits. */
#define XDP_CAN_BASIC		(1U << 0)
#define XDP_CAN_REDIRECT	(1U << 1)
#define XDP_CAN_XMIT		(1U << 2)
#define XDP_CAN_ZEROCOPY	(1U << 3)
#define XDP_CAN_FRAGS		(1U << 5)
#define XDP_CAN_XMIT_FRAGS	(1U << 6)
int link_xdp_features(uint32_t ifindex, uint64_t *features);

/* The driver's name; "" where it has none. */
void ethtool_driver(const char *ifname, char *driver, size_t size);
/* Is offload @feature ("rx-vlan-hw-parse") on? False where it is unknown. */
bool ethtool_feature_on(const char *ifname, const char *feature);

#endif /* VHOST_XDP_LINK_H */
