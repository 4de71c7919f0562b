// SPDX-License-Identifier: GPL-2.0
/*
 * link.c - see link.h; the rtnetlink and netdev-family half.
 *
 * A NIC hears only its own address. The guest's is put into its unicast filter
 * as `bridge fdb add MAC dev X self` does: exact, visible in `bridge fdb`, no
 * promiscuous mode, and there is nobody who has to stay alive for it. Multicast
 * has no such list per guest, so the uplink is set to hear all of it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "cli.h"
#include "link.h"
#include "netlink.h"

/* <linux/netdev.h> is younger than Debian 12's headers. */
#define NETDEV_FAMILY		"netdev"
#define NETDEV_CMD_DEV_GET	1
#define NETDEV_A_DEV_IFINDEX	1
#define NETDEV_A_DEV_XDP_FEATURES 3

static void parse_kind(const struct nlattr *info, struct link *link)
{
	const struct nlattr *tb[IFLA_INFO_KIND + 1] = {};

	nl_nested(info, tb, IFLA_INFO_KIND);
	if (tb[IFLA_INFO_KIND])
		snprintf(link->kind, sizeof(link->kind), "%s",
			 mnl_attr_get_str(tb[IFLA_INFO_KIND]));
}

static int on_link(const struct nlmsghdr *nlh, void *data)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[IFLA_MAX + 1] = {};
	struct link *link = data;

	nl_attrs(nlh, sizeof(*ifi), tb, IFLA_MAX);
	link->ifindex = ifi->ifi_index;
	link->flags = ifi->ifi_flags;
	link->type = ifi->ifi_type;
	if (tb[IFLA_IFNAME])
		snprintf(link->name, sizeof(link->name), "%s",
			 mnl_attr_get_str(tb[IFLA_IFNAME]));
	if (tb[IFLA_ADDRESS] &&
	    mnl_attr_get_payload_len(tb[IFLA_ADDRESS]) == sizeof(link->mac))
		memcpy(link->mac, mnl_attr_get_payload(tb[IFLA_ADDRESS]),
		       sizeof(link->mac));
	if (tb[IFLA_MTU])
		link->mtu = mnl_attr_get_u32(tb[IFLA_MTU]);
	if (tb[IFLA_CARRIER])
		link->carrier = mnl_attr_get_u8(tb[IFLA_CARRIER]);
	if (tb[IFLA_LINKINFO])
		parse_kind(tb[IFLA_LINKINFO], link);
	return MNL_CB_OK;
}

static int link_get(const char *name, uint32_t ifindex, struct link *link)
{
	struct ifinfomsg *ifi;
	struct nlmsghdr *req;
	struct nl nl;
	int err;

	memset(link, 0, sizeof(*link));
	err = nl_open(&nl, NETLINK_ROUTE);
	if (err)
		return err;
	req = nl_begin(&nl, RTM_GETLINK, 0);
	ifi = mnl_nlmsg_put_extra_header(req, sizeof(*ifi));
	ifi->ifi_index = ifindex;
	if (name)
		mnl_attr_put_strz(req, IFLA_IFNAME, name);
	err = nl_request(&nl, req, on_link, link);
	nl_close(&nl);
	return err;
}

int link_find(const char *what, const char *name, struct link *link)
{
	int err = strlen(name) < IF_NAMESIZE ? link_get(name, 0, link) :
		  -ENODEV;

	if (err == -ENODEV)
		return fail(EXIT_NOT_FOUND,
			    "%s %s: no such interface; see 'ip link'", what,
			    name);
	if (err)
		return fail(exit_of(err), "%s %s: cannot ask for it: %s", what,
			    name, strerror(-err));
	return EXIT_OK;
}

bool link_by_index(uint32_t ifindex, struct link *link)
{
	return ifindex && !link_get(NULL, ifindex, link);
}

static int change_filter(uint16_t type, uint16_t flags, uint32_t ifindex,
			 const uint8_t *mac)
{
	struct nlmsghdr *req;
	struct ndmsg *ndm;
	struct nl nl;
	int err = nl_open(&nl, NETLINK_ROUTE);

	if (err)
		return err;
	req = nl_begin(&nl, type, flags);
	ndm = mnl_nlmsg_put_extra_header(req, sizeof(*ndm));
	ndm->ndm_family = PF_BRIDGE;
	ndm->ndm_ifindex = ifindex;
	ndm->ndm_state = NUD_PERMANENT;
	ndm->ndm_flags = NTF_SELF;
	mnl_attr_put(req, NDA_LLADDR, 6, mac);
	err = nl_request(&nl, req, NULL, NULL);
	nl_close(&nl);
	return err;
}

int link_add_mac(uint32_t ifindex, const uint8_t *mac)
{
	return change_filter(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_EXCL, ifindex,
			     mac);
}

int link_del_mac(uint32_t ifindex, const uint8_t *mac)
{
	return change_filter(RTM_DELNEIGH, 0, ifindex, mac);
}

int link_set_allmulti(uint32_t ifindex, bool on)
{
	struct ifinfomsg *ifi;
	struct nlmsghdr *req;
	struct nl nl;
	int err = nl_open(&nl, NETLINK_ROUTE);

	if (err)
		return err;
	req = nl_begin(&nl, RTM_NEWLINK, 0);
	ifi = mnl_nlmsg_put_extra_header(req, sizeof(*ifi));
	ifi->ifi_index = ifindex;
	ifi->ifi_change = IFF_ALLMULTI;
	ifi->ifi_flags = on ? IFF_ALLMULTI : 0;
	err = nl_request(&nl, req, NULL, NULL);
	nl_close(&nl);
	return err;
}

static int on_netdev(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *tb[NETDEV_A_DEV_XDP_FEATURES + 1] = {};

	nl_attrs(nlh, sizeof(struct genlmsghdr), tb, NETDEV_A_DEV_XDP_FEATURES);
	if (tb[NETDEV_A_DEV_XDP_FEATURES])
		*(uint64_t *)data =
			mnl_attr_get_u64(tb[NETDEV_A_DEV_XDP_FEATURES]);
	return MNL_CB_OK;
}

int link_xdp_features(uint32_t ifindex, uint64_t *features)
{
	struct nlmsghdr *req;
	uint16_t family;
	struct nl nl;
	int err = nl_open(&nl, NETLINK_GENERIC);

	*features = 0;
	if (err)
		return err;
	err = nl_family(&nl, NETDEV_FAMILY, &family);
	if (!err) {
		req = nl_begin_genl(&nl, family, NETDEV_CMD_DEV_GET, 0);
		mnl_attr_put_u32(req, NETDEV_A_DEV_IFINDEX, ifindex);
		err = nl_request(&nl, req, on_netdev, features);
	}
	nl_close(&nl);
	return err;
}
