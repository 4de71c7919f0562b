// SPDX-License-Identifier: GPL-2.0
/*
 * cmd_stats.c - vhost-xdp stats: what went by which lane, what was dropped, why.
 *
 * Lanes are the pairs of counters NAME_packets and NAME_bytes; all the others
 * are a line each with their meaning, the drops that did not happen left out.
 */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "describe.h"

#define PACKETS	"_packets"
#define BYTES	"_bytes"

struct stats_options {
	const char *name;	/* NULL: all ports */
	bool all;
};

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && !strcmp(text + n - m, end);
}

static json_int_t value_of(json_t *counter)
{
	return json_integer_value(json_object_get(counter, "value"));
}

static const char *text_of(json_t *counter, const char *key)
{
	const char *text = json_string_value(json_object_get(counter, key));

	return text ? text : "";
}

/* The bytes stand right behind the packets. */
static void print_lanes(json_t *counters)
{
	json_t *c;
	size_t i;

	printf("  %-14s %14s %18s\n", "lane", "packets", "bytes");
	json_array_foreach(counters, i, c) {
		const char *name = text_of(c, "name");

		if (!ends_with(name, PACKETS))
			continue;
		printf("  %-14.*s %14lld %18lld  %s\n",
		       (int)(strlen(name) - strlen(PACKETS)), name, value_of(c),
		       value_of(json_array_get(counters, i + 1)),
		       text_of(c, "meaning"));
	}
}

static void print_rest(const char *title, json_t *counters, bool all)
{
	bool titled = false;
	json_t *c;
	size_t i;

	json_array_foreach(counters, i, c) {
		const char *name = text_of(c, "name");

		if (ends_with(name, PACKETS) || ends_with(name, BYTES) ||
		    (!all && !value_of(c)))
			continue;
		if (!titled)
			printf("  %s\n", title);
		titled = true;
		printf("    %-20s %14lld  %s\n", name, value_of(c),
		       text_of(c, "meaning"));
	}
}

static void print_stats(json_t *doc, bool all)
{
	json_t *port = json_object_get(doc, "port");

	printf("%s:\n", text_of(doc, "name"));
	print_lanes(port);
	print_rest("drops, stopped rings, wake-ups:", port, all);
	print_rest("by the XDP programs:", json_object_get(doc, "programs"),
		   all);
}

static int parse(int argc, char **argv, struct stats_options *o)
{
	int i;

	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--all"))
			o->all = true;
		else if (argv[i][0] == '-')
			return usage("stats", "stats: unknown option '%s'",
				     argv[i]);
		else if (o->name)
			return usage("stats", "stats: '%s' is too much",
				     argv[i]);
		else
			o->name = argv[i];
	}
	return EXIT_OK;
}

/* One question a port: a dump need not carry the counters, an answer does. */
static int add_port(struct control *ctl, const char *name,
		    const struct maps *maps, json_t *all)
{
	struct port port;
	int ret = port_find(ctl, name, &port);

	if (ret)
		return ret;
	json_array_append_new(all, describe_stats(&port, maps));
	port_free(&port);
	return EXIT_OK;
}

static int add_all_ports(struct control *ctl, const struct maps *maps,
			 json_t *all)
{
	struct port_list list;
	unsigned int i;
	int ret = port_list_get(ctl, &list);

	for (i = 0; !ret && i < list.n; i++)
		ret = add_port(ctl, list.port[i].name, maps, all);
	port_list_free(&list);
	return ret;
}

static int gather(const char *name, json_t *all)
{
	struct control ctl;
	struct maps maps;
	int ret = control_open(&ctl);

	if (ret)
		return ret;
	maps_open(&maps);
	ret = name ? add_port(&ctl, name, &maps, all) :
	      add_all_ports(&ctl, &maps, all);
	maps_close(&maps);
	control_close(&ctl);
	return ret;
}

int cmd_stats(int argc, char **argv)
{
	struct stats_options o = {};
	json_t *all, *doc;
	size_t i;
	int ret;

	ret = parse(argc, argv, &o);
	if (ret)
		return ret;
	all = json_array();
	ret = gather(o.name, all);
	if (!ret && options.json)
		return print_json(all);
	if (!ret && !json_array_size(all))
		puts("No ports. See 'vhost-xdp help attach'.");
	json_array_foreach(all, i, doc)
		print_stats(doc, o.all);
	json_decref(all);
	return ret;
}
