// SPDX-License-Identifier: GPL-2.0
/*
 * describe.c - see describe.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "describe.h"
#include "link.h"
#include "prog.h"
#include "text.h"

static json_t *describe_uplink(uint32_t ifindex)
{
	struct link link;

	if (!ifindex || !link_by_index(ifindex, &link))
		return json_null();
	return json_string(link.name);
}

/* The way of its frames: it is said when a port is made, and stays. */
static const char *port_lane(const struct port *port,
			     const struct vxdp_port *entry)
{
	if (port->xsk)
		return "xsk";
	return port->ifindex || entry ? "xdp" : "sock";
}

static json_t *describe_macs(uint32_t id, const struct maps *maps)
{
	struct vxdp_fdb_key key = {};
	json_t *macs = json_array();

	while (maps->fdb >= 0 && maps_fdb_next(maps, id, &key))
		json_array_append_new(macs, json_string(mac_text(key.mac)));
	return macs;
}

/*
 * "no uplink": made without one; "uplink gone": it had one once; "unfinished":
 * an attach or detach was interrupted; "foreign": on an uplink, yet no entry in
 * the maps, so not from this tool and hearing nothing from the ingress program.
 * Who may not read the maps is told what the module alone knows.
 */
static const char *port_state(const struct port *port,
			      const struct maps *maps,
			      const struct vxdp_port *entry)
{
	if (maps->hidden)
		return port->ifindex ? "ok" : "no uplink";
	if (entry && entry->flags & VXDP_PORT_UNFINISHED)
		return "unfinished";
	if (port->ifindex)
		return entry ? "ok" : "foreign";
	return entry ? "uplink gone" : "no uplink";
}

json_t *describe_port(const struct port *port, const struct maps *maps)
{
	struct vxdp_port buf, *entry = NULL;
	char mode[8];
	json_t *doc;

	if (maps->ports >= 0 && !maps_port_get(maps, port->id, &buf))
		entry = &buf;
	snprintf(mode, sizeof(mode), "%04o", port->mode & 07777);
	doc = json_pack("{ss si ss ss so ss so si ss ss si si}",
		"name", port->name,
		"id", port->id,
		"state", port_state(port, maps, entry),
		"node", port_node(port->name),
		"uplink", describe_uplink(port->ifindex),
		"lane", port_lane(port, entry),
		"macs", describe_macs(port->id, maps),
		"vlan", entry ? entry->vlan : 0,
		"owner", user_text(port->uid),
		"node_mode", mode,
		"queues", port->queues,
		"open_queues", port->opens);
	if (doc && port->xsk)
		json_object_set_new(doc, "nic_queue",
				    json_integer(port->nic_queue));
	if (doc && maps->hidden)
		json_object_set_new(doc, "maps_hidden", json_true());
	if (doc && entry)
		json_object_set_new(doc, "spoof_check", json_boolean(
			entry->flags & VXDP_PORT_SPOOF_CHECK));
	return doc;
}

static json_t *describe_ring(bool running, uint32_t error)
{
	const char *name = stat_name(error);

	if (!name)
		return json_pack("{sb}", "running", running);
	return json_pack("{sb ss ss}", "running", running,
			 "stopped_by", name, "meaning", stat_meaning(error));
}

static json_t *describe_queue(const struct queue *q)
{
	return json_pack("{si so so si so}",
		"index", q->index,
		"rx", describe_ring(q->rx_running, q->rx_error),
		"tx", describe_ring(q->tx_running, q->tx_error),
		"backlog", q->backlog,
		"features", feature_names(q->features));
}

json_t *describe_port_fully(const struct port *port, const struct maps *maps)
{
	json_t *doc = describe_port(port, maps);
	json_t *queues = json_array();
	struct ingress in = {};
	unsigned int i;

	if (port->ifindex)
		ingress_query(port->ifindex, &in);
	for (i = 0; i < port->n_queue; i++)
		json_array_append_new(queues, describe_queue(&port->queue[i]));
	json_object_set_new(doc, "xdp_mode", json_string(mode_name(in.mode)));
	json_object_set_new(doc, "xdp_shared", json_boolean(in.dispatcher));
	json_object_set_new(doc, "egress_program",
			    json_integer(port->egress_id));
	json_object_set_new(doc, "backlog", json_integer(port->backlog));
	json_object_set_new(doc, "features", feature_names(port->features));
	json_object_set_new(doc, "queue_pairs", queues);
	return doc;
}

#define COUNTERS(X)							\
	X(ingress_flood, "broadcast and multicast delivered to it")	\
	X(ingress_refused, "not taken by the port; see its drops")	\
	X(egress_flood, "copies of broadcast and multicast to ports")	\
	X(egress_host, "passed to the VMM's socket")			\
	X(egress_spoof_mac, "dropped: source address not the port's")	\
	X(egress_spoof_vlan, "dropped: tagged frame, VLAN not the port's")

static json_t *describe_counter(const char *name, uint64_t value,
				const char *meaning)
{
	return json_pack("{ss sI ss}", "name", name, "value",
			 (json_int_t)value, "meaning", meaning);
}

/* By its address came what came, but for what came as broadcast or multicast. */
static uint64_t ingress_unicast(const struct port *port,
				const struct vxdp_counters *sum)
{
	uint64_t all = port->stats[VHOST_XDP_STAT_RX_XDP_PACKETS];

	return all > sum->ingress_flood ? all - sum->ingress_flood : 0;
}

static void add_counter(json_t *all, const char *name, uint64_t value,
			const char *meaning)
{
	json_array_append_new(all, describe_counter(name, value, meaning));
}

/* What the module counts, so the programs need not: as if they did. */
static void describe_counted(json_t *all, const struct port *port,
			     const struct vxdp_counters *sum)
{
	const uint64_t *stats = port->stats;

	add_counter(all, "ingress_unicast", ingress_unicast(port, sum),
		    "delivered to the guest by its address");
	add_counter(all, "egress_uplink",
		    stats[VHOST_XDP_STAT_TX_XDP_PACKETS] +
		    stats[VHOST_XDP_STAT_TX_SKB_PACKETS], "sent to the uplink");
	add_counter(all, "egress_local", stats[VHOST_XDP_STAT_TX_LOCAL_PACKETS],
		    "sent to another port by its address");
}

static json_t *describe_programs(const struct port *port, const struct maps *maps)
{
	json_t *all = json_array();
	struct vxdp_counters sum;

	if (!maps_counters_get(maps, port->id, &sum))
		return all;
	describe_counted(all, port, &sum);
#define DESCRIBE(field, doc)						\
	add_counter(all, #field, sum.field, doc);
	COUNTERS(DESCRIBE)
#undef DESCRIBE
	return all;
}

json_t *describe_stats(const struct port *port, const struct maps *maps)
{
	json_t *counters = json_array();
	unsigned int i;

	for (i = 1; i <= VHOST_XDP_STAT_MAX; i++)
		if (stat_name(i))
			json_array_append_new(counters, describe_counter(
				stat_name(i), port->stats[i],
				stat_meaning(i)));
	return json_pack("{ss si so so}", "name", port->name, "id", port->id,
			 "port", counters,
			 "programs", describe_programs(port, maps));
}

static const char *text_of(json_t *doc, const char *key)
{
	const char *text = json_string_value(json_object_get(doc, key));

	return text ? text : "none";
}

static int int_of(json_t *doc, const char *key)
{
	return json_integer_value(json_object_get(doc, key));
}

static void print_list(const char *label, json_t *strings)
{
	char *text = join(strings, " ");

	printf("  %-10s %s\n", label, text && *text ? text : "none");
	free(text);
}

static void print_ring(const char *label, json_t *ring)
{
	const char *why = json_string_value(json_object_get(ring,
							     "stopped_by"));

	printf(", %s %s", label,
	       json_is_true(json_object_get(ring, "running")) ? "running" :
	       "stopped");
	if (why)
		printf(" by %s (%s)", why, text_of(ring, "meaning"));
}

static void print_queues(json_t *queues)
{
	json_t *q;
	size_t i;

	json_array_foreach(queues, i, q) {
		printf("  queue %-4d backlog %d", int_of(q, "index"),
		       int_of(q, "backlog"));
		print_ring("rx", json_object_get(q, "rx"));
		print_ring("tx", json_object_get(q, "tx"));
		putchar('\n');
		print_list("  guest", json_object_get(q, "features"));
	}
}

void print_port(json_t *doc)
{
	int vlan = int_of(doc, "vlan");

	printf("%s: %s\n", text_of(doc, "name"), text_of(doc, "state"));
	printf("  %-10s %d\n", "id", int_of(doc, "id"));
	printf("  %-10s %s, owner %s, mode %s\n", "node", text_of(doc, "node"),
	       text_of(doc, "owner"), text_of(doc, "node_mode"));
	printf("  %-10s %s", "uplink", text_of(doc, "uplink"));
	if (json_is_string(json_object_get(doc, "uplink")))
		printf(", XDP %s%s", text_of(doc, "xdp_mode"),
		       json_is_true(json_object_get(doc, "xdp_shared")) ?
		       " by libxdp's dispatcher" : "");
	putchar('\n');
	printf("  %-10s %s", "lane", text_of(doc, "lane"));
	if (json_is_integer(json_object_get(doc, "nic_queue")))
		printf(", queue %d of the uplink%s", int_of(doc, "nic_queue"),
		       int_of(doc, "queues") > 1 ? " and those behind" : "");
	putchar('\n');
	if (vlan)
		printf("  %-10s %d\n", "vlan", vlan);
	if (json_is_true(json_object_get(doc, "maps_hidden")))
		printf("  %-10s only root may see them\n", "mac, vlan");
	else
		print_list("mac", json_object_get(doc, "macs"));
	if (json_is_false(json_object_get(doc, "spoof_check")))
		printf("  %-10s off\n", "spoofcheck");
	printf("  %-10s %d of %d open, backlog up to %d frames\n", "queues",
	       int_of(doc, "open_queues"), int_of(doc, "queues"),
	       int_of(doc, "backlog"));
	print_list("features", json_object_get(doc, "features"));
	print_queues(json_object_get(doc, "queue_pairs"));
}
