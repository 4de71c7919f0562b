// SPDX-License-Identifier: GPL-2.0
/*
 * cmd_list.c - vhost-xdp list: all ports of this network namespace.
 */
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "describe.h"
#include "text.h"

static void print_line(json_t *doc)
{
	const char *uplink = json_string_value(json_object_get(doc, "uplink"));
	int vlan = json_integer_value(json_object_get(doc, "vlan"));
	char *macs = join(json_object_get(doc, "macs"), ",");
	char vlan_text[8] = "-";
	const char *name, *state, *owner, *lane;
	int open, queues;

	if (json_unpack(doc, "{ss ss ss ss si si}", "name", &name, "state",
			&state, "owner", &owner, "lane", &lane, "open_queues",
			&open, "queues", &queues))
		return;
	if (vlan)
		snprintf(vlan_text, sizeof(vlan_text), "%d", vlan);
	printf("%-16s %-12s %-4s %-5s %3d/%-3d %-12s %-12s %s\n", name,
	       uplink ? uplink : "-", lane, vlan_text, open, queues, owner, state,
	       macs && *macs ? macs : "-");
	free(macs);
}

static void print_lines(json_t *ports)
{
	json_t *doc;
	size_t i;

	if (!json_array_size(ports)) {
		puts("No ports. See 'vhost-xdp help attach'.");
		return;
	}
	printf("%-16s %-12s %-4s %-5s %-7s %-12s %-12s %s\n", "PORT", "UPLINK",
	       "LANE", "VLAN", "QUEUES", "OWNER", "STATE", "MAC");
	json_array_foreach(ports, i, doc)
		print_line(doc);
}

int cmd_list(int argc, char **argv)
{
	json_t *ports = json_array();
	struct port_list list;
	struct control ctl;
	struct maps maps;
	unsigned int i;
	int ret;

	if (argc > 1)
		return usage("list", "list: '%s' is too much", argv[1]);
	ret = control_open(&ctl);
	if (ret)
		return ret;
	ret = port_list_get(&ctl, &list);
	control_close(&ctl);
	if (ret)
		return ret;
	maps_open(&maps);
	for (i = 0; i < list.n; i++)
		json_array_append_new(ports,
				      describe_port(&list.port[i], &maps));
	maps_close(&maps);
	port_list_free(&list);
	if (options.json)
		return print_json(ports);
	print_lines(ports);
	json_decref(ports);
	return EXIT_OK;
}
