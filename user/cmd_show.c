// SPDX-License-Identifier: GPL-2.0
/*
 * cmd_show.c - vhost-xdp show: all about one port.
 */
#include "cli.h"
#include "describe.h"

int cmd_show(int argc, char **argv)
{
	const char *name = one_operand("show", "NAME", argc, argv);
	struct maps maps;
	struct port port;
	json_t *doc;
	int ret;

	if (!name)
		return EXIT_USAGE;
	ret = port_show(name, &port);
	if (ret)
		return ret;
	maps_open(&maps);
	doc = describe_port_fully(&port, &maps);
	maps_close(&maps);
	port_free(&port);
	if (options.json)
		return print_json(doc);
	print_port(doc);
	json_decref(doc);
	return EXIT_OK;
}
