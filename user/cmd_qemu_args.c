// SPDX-License-Identifier: GPL-2.0
/*
 * cmd_qemu_args.c - vhost-xdp qemu-args: what to type to start QEMU on a port.
 *
 * QEMU takes an open vhost descriptor beside a tap: the shell opens the node for
 * it. Several it takes only beside as many descriptors of the tap, which a shell
 * cannot open: vhost-xdp run does. The tap is the exception path, between guest and
 * host only; a VMM without CAP_NET_ADMIN needs it made beforehand.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "describe.h"
#include "text.h"

/* Who opens the descriptors: the shell behind the command, or another before it. */
struct qemu {
	char opens[128];	/* "3<>/dev/vhost-xdp/vm0" */
	char runs[64];		/* "vhost-xdp run vm0 --" */
};

static void fill(const struct port *port, struct qemu *q)
{
	if (port->queues > 1)
		snprintf(q->runs, sizeof(q->runs), "vhost-xdp run %s --",
			 port->name);
	else
		snprintf(q->opens, sizeof(q->opens), "%u<>%s", PORT_FIRST_FD,
			 port_node(port->name));
}

/* So many descriptors, "3:4:...". */
static void put_fds(char *text, size_t size, unsigned int first, unsigned int n)
{
	size_t at = 0;
	unsigned int i;

	for (i = 0; i < n; i++)
		at += snprintf(text + at, size - at, "%s%u", i ? ":" : "",
			       first + i);
}

static char *netdev_option(const struct port *port)
{
	char taps[2048], nodes[2048], *text = NULL;
	int ret;

	put_fds(taps, sizeof(taps), PORT_FIRST_FD, port->queues);
	put_fds(nodes, sizeof(nodes), PORT_FIRST_FD + port->queues, port->queues);
	if (port->queues > 1)
		ret = asprintf(&text, "tap,id=n0,fds=%s,vhost=on,vhostfds=%s",
			       taps, nodes);
	else
		ret = asprintf(&text,
			       "tap,id=n0,ifname=%s,script=no,downscript=no,vhost=on,vhostfd=%u",
			       port_tap(port->name), PORT_FIRST_FD);
	return ret < 0 ? NULL : text;
}

static char *device_option(const struct port *port, const char *mac)
{
	char mq[40] = "", *text = NULL;

	/* A vector for each ring, one for changes, one for control. */
	if (port->queues > 1)
		snprintf(mq, sizeof(mq), ",mq=on,vectors=%u",
			 2 * port->queues + 2);
	if (asprintf(&text, "virtio-net-pci,netdev=n0%s%s%s", mac ? ",mac=" : "",
		     mac ? mac : "", mq) < 0)
		return NULL;
	return text;
}

static char *tap_command(const struct port *port)
{
	const char *tap = port_tap(port->name);
	char *text = NULL;

	if (asprintf(&text,
		     "ip tuntap add dev %s mode tap vnet_hdr%s user %s && ip link set %s up",
		     tap, port->queues > 1 ? " multi_queue" : "",
		     user_text(port->uid), tap) < 0)
		return NULL;
	return text;
}

static void print_words(const struct port *port, const struct qemu *q,
			const char *tap, const char *netdev, const char *device)
{
	printf("# Once, as root: the tap is the way between guest and host.\n"
	       "%s\n"
	       "# Then, as user %s, ", tap, user_text(port->uid));
	if (*q->runs)
		printf("start QEMU by this, with these options:\n"
		       "  %s qemu-system-x86_64 ... \\\n", q->runs);
	else
		printf("add this to QEMU's command line:\n");
	printf("  -netdev %s \\\n"
	       "  -device %s%s%s\n", netdev, device,
	       *q->opens ? " \\\n  " : "", q->opens);
}

static int print_args(const struct port *port, json_t *doc,
		      const struct qemu *q)
{
	char *netdev = netdev_option(port);
	char *tap = tap_command(port);
	char *device = device_option(port, json_string_value(
		json_array_get(json_object_get(doc, "macs"), 0)));
	int ret = EXIT_OK;

	if (!netdev || !device || !tap)
		ret = fail(EXIT_FAILED, "no memory");
	else if (options.json)
		ret = print_json(json_pack("{ss ss ss ss ss ss ss}",
			"tap_command", tap, "tap", port_tap(port->name),
			"netdev", netdev, "device", device,
			"node", port_node(port->name), "redirections",
			q->opens, "run_by", q->runs));
	else
		print_words(port, q, tap, netdev, device);
	free(netdev);
	free(device);
	free(tap);
	return ret;
}

int cmd_qemu_args(int argc, char **argv)
{
	const char *name = one_operand("qemu-args", "NAME", argc, argv);
	static struct qemu q;
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
	doc = describe_port(&port, &maps);
	maps_close(&maps);
	fill(&port, &q);
	ret = print_args(&port, doc, &q);
	json_decref(doc);
	port_free(&port);
	return ret;
}
