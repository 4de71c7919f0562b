// SPDX-License-Identifier: GPL-2.0
/*
 * cmd_attach.c - vhost-xdp attach: makes a port, whole or not at all.
 *
 * All that can be refused is looked at before anything is changed. What then
 * fails half way is taken down by state_teardown(), which is also what mends a
 * run that was killed.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <net/if_arp.h>

#include "attach.h"
#include "cli.h"
#include "describe.h"
#include "link.h"
#include "prog.h"
#include "state.h"
#include "text.h"

struct attach {
	struct attach_options o;
	struct control ctl;
	struct maps maps;
	struct link link;
	struct port port;
	int egress_fd;
};

static const char *vlan_text(uint16_t vlan)
{
	static char text[32];

	snprintf(text, sizeof(text), vlan ? " in VLAN %u" : "", vlan);
	return text;
}

static struct vxdp_fdb_key fdb_key(const struct attach *a, unsigned int i)
{
	struct vxdp_fdb_key key = {
		.ifindex = a->link.ifindex,
		.vlan = a->o.vlan,
	};

	memcpy(key.mac, a->o.mac[i], sizeof(key.mac));
	return key;
}

static int check_link(const struct link *link)
{
	if (link->flags & IFF_LOOPBACK)
		return fail(EXIT_UNSUPPORTED,
			    "attach %s: a loopback leads nowhere; name a NIC",
			    link->name);
	if (link->type != ARPHRD_ETHER)
		return fail(EXIT_UNSUPPORTED,
			    "attach %s: not an Ethernet interface",
			    link->name);
	return EXIT_OK;
}

static int check_macs(const struct attach *a)
{
	struct vxdp_fdb_key key;
	struct vxdp_port owner = {};
	unsigned int i;
	uint32_t id;

	for (i = 0; i < a->o.n_mac; i++) {
		key = fdb_key(a, i);
		if (!memcmp(key.mac, a->link.mac, sizeof(key.mac)))
			return fail(EXIT_TAKEN,
				    "attach %s: %s is the interface's own address and the host would be cut off; choose another",
				    a->link.name, mac_text(key.mac));
		id = maps_fdb_owner(&a->maps, &key);
		if (!id)
			continue;
		maps_port_get(&a->maps, id, &owner);
		return fail(EXIT_TAKEN,
			    "attach %s: %s%s is port %.*s's already; choose another, or 'vhost-xdp detach %.*s'",
			    a->link.name, mac_text(key.mac),
			    vlan_text(a->o.vlan), (int)sizeof(owner.name),
			    owner.name, (int)sizeof(owner.name), owner.name);
	}
	return EXIT_OK;
}

/* Offloads that hide the VLAN from XDP: one says it, the traffic would not. */
static void warn_offloads(const struct attach *a)
{
	const char *dev = a->link.name;

	if ((a->o.vlan || !a->link.kind[0]) &&
	    ethtool_feature_on(dev, "rx-vlan-hw-parse"))
		warn("%s takes VLAN tags off before XDP sees them, so tagged frames look untagged; 'ethtool -K %s rxvlan off'",
		     dev, dev);
	if (a->o.vlan && ethtool_feature_on(dev, "rx-vlan-filter"))
		warn("%s drops VLANs it was not told of; 'ethtool -K %s rx-vlan-filter off'",
		     dev, dev);
	if (!(a->link.flags & IFF_UP))
		warn("%s is down; 'ip link set %s up'", dev, dev);
}

static int write_journal(struct attach *a, uint16_t more_flags)
{
	struct vxdp_port entry = {
		.ifindex = a->link.ifindex,
		.vlan = a->o.vlan,
		.flags = more_flags,
	};
	int err;

	if (a->o.spoof_check)
		entry.flags |= VXDP_PORT_SPOOF_CHECK;
	/* Somebody else's wish to hear all multicast is not ours to end. */
	if (!(a->link.flags & IFF_ALLMULTI))
		entry.flags |= VXDP_PORT_ALLMULTI;
	snprintf(entry.name, sizeof(entry.name), "%s", a->o.name);
	err = maps_port_put(&a->maps, a->port.id, &entry);
	if (err)
		return fail(exit_of(err),
			    "attach %s: cannot write the port's entry: %s",
			    a->link.name, strerror(-err));
	return EXIT_OK;
}

/* The entry comes before the filter: from it the teardown knows the address. */
static int add_mac(const struct attach *a, unsigned int i)
{
	const struct vxdp_fdb_key key = fdb_key(a, i);
	bool heard = maps_mac_shared(&a->maps, &key);
	int err = maps_fdb_add(&a->maps, &key, a->port.id);

	if (err)
		return fail(exit_of(err),
			    "attach %s: cannot add %s to vxdp_fdb: %s%s",
			    a->link.name, mac_text(key.mac), strerror(-err),
			    err == -E2BIG ? "; the table is full" : "");
	if (heard)
		return EXIT_OK;
	err = link_add_mac(key.ifindex, key.mac);
	if (err == -EEXIST) {
		maps_fdb_del(&a->maps, &key);
		return fail(EXIT_TAKEN,
			    "attach %s: %s is in use there already, by a macvlan maybe; see 'bridge fdb show dev %s'",
			    a->link.name, mac_text(key.mac), a->link.name);
	}
	if (err == -EOPNOTSUPP) {
		warn("%s keeps no list of addresses to hear; frames to %s may not arrive: 'ip link set %s promisc on'",
		     a->link.name, mac_text(key.mac), a->link.name);
		return EXIT_OK;
	}
	if (err)
		return fail(exit_of(err),
			    "attach %s: cannot make it hear %s: %s",
			    a->link.name, mac_text(key.mac), strerror(-err));
	return EXIT_OK;
}

static int join_flood(const struct attach *a)
{
	int err;

	err = link_set_allmulti(a->link.ifindex, true);
	if (err)
		warn("cannot make %s hear all multicast: %s", a->link.name,
		     strerror(-err));
	err = maps_flood_join(&a->maps, a->link.ifindex, a->o.vlan, a->port.id);
	if (!err)
		return EXIT_OK;
	if (err == -ENOSPC)
		return fail(EXIT_FAILED,
			    "attach %s: %d ports%s, more are not possible",
			    a->link.name, VXDP_FLOOD_MAX,
			    vlan_text(a->o.vlan));
	return fail(exit_of(err), "attach %s: cannot add to vxdp_flood: %s",
		    a->link.name, strerror(-err));
}

static int start_ingress(const struct attach *a)
{
	enum xdp_attach_mode want = a->o.mode;
	struct ingress in;

	ingress_query(a->link.ifindex, &in);
	if (in.mode != XDP_MODE_UNSPEC && in.stale) {
		warn("%s has the ingress program of a forgotten run; replacing it",
		     a->link.name);
		ingress_detach(a->link.ifindex);
		in.mode = XDP_MODE_UNSPEC;
	}
	if (in.mode == XDP_MODE_UNSPEC)
		return ingress_attach(a->link.ifindex, a->link.name,
				      want == XDP_MODE_UNSPEC ?
				      XDP_MODE_NATIVE : want);
	if (want != XDP_MODE_UNSPEC && want != in.mode)
		return fail(EXIT_TAKEN,
			    "attach %s: XDP runs there in %s mode for other ports; leave --mode out, or detach them first",
			    a->link.name, mode_name(in.mode));
	return EXIT_OK;
}

static int give_node(const struct attach *a)
{
	const char *node = port_node(a->o.name);

	if (!a->o.owner || !chown(node, a->o.uid, a->o.gid))
		return EXIT_OK;
	return fail(exit_of(errno),
		    "attach: cannot give %s to user %s: %s; is /dev a devtmpfs?",
		    node, user_text(a->o.uid), strerror(errno));
}

static int wire_up(struct attach *a)
{
	unsigned int i;
	int ret;

	ret = write_journal(a, VXDP_PORT_UNFINISHED);
	if (!ret && maps_counters_new(&a->maps, a->port.id))
		ret = fail(EXIT_FAILED, "attach %s: cannot make counters: %s",
			   a->link.name, strerror(errno));
	for (i = 0; !ret && i < a->o.n_mac; i++)
		ret = add_mac(a, i);
	if (!ret)
		ret = join_flood(a);
	if (!ret)
		ret = start_ingress(a);
	if (!ret)
		ret = give_node(a);
	if (!ret)
		ret = write_journal(a, 0);
	return ret;
}

/* A feature that was asked for by name and is not there fails now, not in a guest. */
static int check_features(struct attach *a)
{
	uint64_t missing[FEATURE_WORDS], any = 0;
	json_t *names;
	char *text;
	int i;

	for (i = 0; i < FEATURE_WORDS; i++)
		any |= missing[i] = a->o.must_offer[i] & ~a->port.features[i];
	if (!any)
		return EXIT_OK;
	names = feature_names(missing);
	text = join(names, ", ");
	fail(EXIT_UNSUPPORTED,
	     "attach: this module does not offer %s; leave it out of --features",
	     text ? text : "all of --features");
	free(text);
	json_decref(names);
	port_del(&a->ctl, a->port.id);
	return EXIT_UNSUPPORTED;
}

static int new_port(struct attach *a)
{
	const struct port_request req = {
		.name = a->o.name,
		.ifindex = a->link.ifindex,
		.queues = a->o.queues,
		.uid = a->o.uid,
		.gid = a->o.gid,
		.egress_fd = a->egress_fd,
		.features = { a->o.features[0], a->o.features[1] },
		.xsk = a->o.xsk,
		.nic_queue = a->o.nic_queue,
	};
	int err = port_new(&a->ctl, &req, &a->port);

	if (!err)
		return check_features(a);
	if (err == -EEXIST)
		return fail(EXIT_TAKEN,
			    "attach: there is a port %s already; choose another name, or 'vhost-xdp detach %s'",
			    a->o.name, a->o.name);
	if (err == -EBUSY && a->o.xsk)
		return fail(EXIT_TAKEN,
			    "attach %s: of its queues %u to %u one has an AF_XDP socket already; choose another --queue, see 'ss --xdp'",
			    a->link.name, a->o.nic_queue,
			    a->o.nic_queue + a->o.queues - 1);
	return fail(exit_of(err), "attach: cannot make port %s: %s%s",
		    a->o.name, strerror(-err), nl_why(&a->ctl.nl));
}

static int make_with_uplink(struct attach *a)
{
	int ret = check_macs(a);

	if (ret)
		return ret;
	warn_offloads(a);
	ret = new_port(a);
	if (ret)
		return ret;
	ret = wire_up(a);
	if (ret)
		state_teardown(&a->ctl, &a->maps, a->port.id, a->o.name);
	return ret;
}

static int attach_uplink(struct attach *a)
{
	int ret;

	/* First, for it may change the uplink's flags. */
	ret = state_clean(&a->ctl);
	if (!ret)
		ret = link_find("attach", a->o.uplink, &a->link);
	if (!ret)
		ret = check_link(&a->link);
	if (!ret)
		ret = egress_open(&a->egress_fd);
	if (ret)
		return ret;
	if (maps_open(&a->maps))
		ret = fail(EXIT_FAILED,
			   "attach: the pins below %s are incomplete; detach all ports, then remove that directory",
			   pin_dir());
	else
		ret = make_with_uplink(a);
	close(a->egress_fd);
	return ret;
}

static int attach_plain(struct attach *a)
{
	int ret = state_clean(&a->ctl);

	if (!ret)
		ret = new_port(a);
	if (ret)
		return ret;
	ret = give_node(a);
	if (ret)
		port_del(&a->ctl, a->port.id);
	return ret;
}

/* From what PORT_NEW answered: a question that fails now would come too late. */
static int report(const struct attach *a)
{
	json_t *doc = describe_port_fully(&a->port, &a->maps);

	if (options.json)
		return print_json(doc);
	print_port(doc);
	json_decref(doc);
	return EXIT_OK;
}

int cmd_attach(int argc, char **argv)
{
	struct attach a = {
		.maps = MAPS_NONE,
		.egress_fd = -1,
	};
	int ret;

	ret = attach_parse(argc, argv, &a.o);
	if (!ret)
		ret = state_begin("attach");
	if (!ret)
		ret = control_open(&a.ctl);
	if (ret)
		return ret;
	ret = a.o.uplink ? attach_uplink(&a) : attach_plain(&a);
	if (ret)
		state_unpin_if_unused(&a.ctl);
	else
		ret = report(&a);
	port_free(&a.port);
	maps_close(&a.maps);
	control_close(&a.ctl);
	return ret;
}
