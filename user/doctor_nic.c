// SPDX-License-Identifier: GPL-2.0
/*
 * doctor_nic.c - what `vhost-xdp doctor UPLINK` looks at (doctor.h).
 */
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <net/if_arp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "doctor.h"
#include "prog.h"
#include "../include/uapi/linux/vhost_xdp.h"

/* Above this a driver without frags refuses a program; drivers differ a bit. */
#define MTU_ONE_PAGE	3498
/* Ethernet header and two VLAN tags. */
#define HEADERS		22

struct patient {
	struct findings *f;
	const struct link *link;
	char mend[160];
};

__attribute__((format(printf, 2, 0)))
static const char *mend(struct patient *p, const char *fmt)
{
	snprintf(p->mend, sizeof(p->mend), fmt, p->link->name);
	return p->mend;
}

static void examine_kind(struct patient *p)
{
	char driver[64];

	ethtool_driver(p->link->name, driver, sizeof(driver));
	if (p->link->flags & IFF_LOOPBACK || p->link->type != ARPHRD_ETHER)
		found(p->f, FOUND_BLOCK, "interface", "name an Ethernet NIC",
		      "%s is not an Ethernet interface", p->link->name);
	else
		found(p->f, FOUND_OK, "interface", NULL, "%s, driver %s",
		      p->link->name, driver[0] ? driver : "unknown");
}

static void examine_link(struct patient *p)
{
	if (!(p->link->flags & IFF_UP))
		found(p->f, FOUND_WARN, "link",
		      mend(p, "ip link set %s up"), "it is down");
	else if (!p->link->carrier)
		found(p->f, FOUND_WARN, "link", "look at the cable or the peer",
		      "it is up but has no carrier");
	else
		found(p->f, FOUND_OK, "link", NULL, "up, with carrier");
}

static void examine_native(struct patient *p, uint64_t can)
{
	if (can & XDP_CAN_BASIC)
		found(p->f, FOUND_OK, "xdp", NULL, "the driver runs XDP natively%s",
		      can & XDP_CAN_ZEROCOPY ? ", and has AF_XDP zero copy" : "");
	else
		found(p->f, FOUND_BLOCK, "xdp",
		      "attach with --mode skb: slower, but all else works",
		      "the driver has no native XDP");
}

static void examine_xmit(struct patient *p, uint64_t can)
{
	bool veth = !strcmp(p->link->kind, "veth");

	if (can & XDP_CAN_XMIT)
		found(p->f, FOUND_OK, "xmit", NULL,
		      "frames leave by ndo_xdp_xmit%s",
		      can & XDP_CAN_XMIT_FRAGS ? ", jumbo frames too" :
		      "; jumbo frames as skbs");
	else
		found(p->f, FOUND_WARN, "xmit", veth ?
		      "turn GRO on at the veth's peer: 'ethtool -K PEER gro on'" :
		      "some drivers offer it once an XDP program is attached; look again then",
		      "the driver takes no frames by ndo_xdp_xmit now; they leave as skbs, which costs more");
}

/* Queues that receive, as the kernel lists them; 0: it does not, without CONFIG_RPS. */
static unsigned int rx_queues(const char *ifname)
{
	char pattern[128];
	unsigned int n = 0;
	glob_t queues;

	snprintf(pattern, sizeof(pattern), "/sys/class/net/%s/queues/rx-*",
		 ifname);
	if (!glob(pattern, 0, NULL, &queues)) {
		n = queues.gl_pathc;
		globfree(&queues);
	}
	return n;
}

static void examine_xsk(struct patient *p, uint64_t can)
{
	int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	unsigned int queues = rx_queues(p->link->name);
	char count[16] = "each";

	if (queues)
		snprintf(count, sizeof(count), "%u", queues);
	if (fd < 0 && errno == EAFNOSUPPORT)
		found(p->f, FOUND_WARN, "xsk",
		      "boot a kernel with CONFIG_XDP_SOCKETS for --lane xsk",
		      "the kernel has no AF_XDP");
	else if (can & XDP_CAN_BASIC && !(can & XDP_CAN_REDIRECT))
		found(p->f, FOUND_WARN, "xsk",
		      "with --lane xsk attach with --mode skb",
		      "the driver does not redirect to AF_XDP sockets");
	else
		found(p->f, FOUND_OK, "xsk", NULL,
		      "%s queue%s for --lane xsk, by copying%s", count,
		      queues < 2 ? "" : "s", can & XDP_CAN_ZEROCOPY ?
		      "; the driver's zero copy is not used" : "");
	if (fd >= 0)
		close(fd);
}

static void examine_mtu(struct patient *p, uint64_t can)
{
	uint32_t mtu = p->link->mtu;

	if (mtu + HEADERS > VHOST_XDP_FRAME_MAX)
		found(p->f, FOUND_WARN, "mtu",
		      mend(p, "ip link set %s mtu 9000"),
		      "MTU %u: frames above %d bytes are dropped", mtu,
		      VHOST_XDP_FRAME_MAX);
	else if (mtu > MTU_ONE_PAGE && can & XDP_CAN_BASIC &&
		 !(can & XDP_CAN_FRAGS))
		found(p->f, FOUND_BLOCK, "mtu",
		      mend(p, "ip link set %s mtu 1500, or attach with --mode skb"),
		      "MTU %u is above a page and the driver has no multi-buffer XDP",
		      mtu);
	else
		found(p->f, FOUND_OK, "mtu", NULL, "%u%s", mtu,
		      can & XDP_CAN_FRAGS ? ", multi-buffer XDP is there" : "");
}

static void examine_xdp(struct patient *p)
{
	uint64_t can;

	if (link_xdp_features(p->link->ifindex, &can)) {
		found(p->f, FOUND_WARN, "xdp", "boot a kernel 6.12 or later",
		      "the kernel does not say what the driver can do with XDP");
		return;
	}
	examine_native(p, can);
	examine_xmit(p, can);
	examine_xsk(p, can);
	examine_mtu(p, can);
}

/* One offload that has to be off. */
static void examine_offload(struct patient *p, const char *feature,
			    const char *check, const char *how,
			    const char *harm)
{
	if (ethtool_feature_on(p->link->name, feature))
		found(p->f, FOUND_WARN, check, mend(p, how), "%s", harm);
	else
		found(p->f, FOUND_OK, check, NULL, "off");
}

static void examine_offloads(struct patient *p)
{
	examine_offload(p, "rx-vlan-hw-parse", "rxvlan",
			"ethtool -K %s rxvlan off",
			"the NIC takes VLAN tags off before XDP sees them: ports with --vlan hear nothing, others hear all VLANs");
	examine_offload(p, "rx-vlan-filter", "vlan-filter",
			"ethtool -K %s rx-vlan-filter off",
			"the NIC drops VLANs that the host has no interface for; only of weight for ports with --vlan");
	examine_offload(p, "rx-lro", "lro", "ethtool -K %s lro off",
			"the NIC joins frames into larger ones; most drivers refuse XDP then");
	examine_offload(p, "rx-gro-hw", "gro-hw",
			"ethtool -K %s rx-gro-hw off",
			"the NIC joins frames into larger ones; some drivers refuse XDP then");
}

static void examine_veth(struct patient *p)
{
	if (strcmp(p->link->kind, "veth"))
		return;
	found(p->f, FOUND_WARN, "veth",
	      "at the peer: 'ethtool -K PEER tx off txvlan off tso off gso off'",
	      "what the peer leaves to offloads (checksums, VLAN tags, segments) is missing from the frames XDP sees");
}

static void examine_programs(struct patient *p)
{
	struct ingress in;

	ingress_query(p->link->ifindex, &in);
	if (in.mode != XDP_MODE_UNSPEC)
		found(p->f, FOUND_OK, "programs", NULL,
		      "the ingress program runs in %s mode%s%s",
		      mode_name(in.mode),
		      in.dispatcher ? ", by libxdp's dispatcher" : ", alone",
		      in.others ? " with others" : "");
	else if (in.others && !in.dispatcher)
		found(p->f, FOUND_BLOCK, "programs",
		      mend(p, "load it with xdp-loader, or 'ip link set dev %s xdp off'"),
		      "another XDP program is attached that does not share");
	else
		found(p->f, FOUND_OK, "programs", NULL, "%s",
		      in.others ? "others run by libxdp's dispatcher; ours will join" :
		      "no XDP program is attached");
	if (in.mode != XDP_MODE_UNSPEC && in.stale)
		found(p->f, FOUND_WARN, "pins",
		      "the next attach on this uplink replaces it",
		      "the ingress program there is of a forgotten run: its maps are not the pinned ones");
}

void examine_uplink(struct findings *f, const struct link *link)
{
	struct patient p = { .f = f, .link = link };

	examine_kind(&p);
	examine_link(&p);
	examine_xdp(&p);
	examine_offloads(&p);
	examine_veth(&p);
	examine_programs(&p);
}
