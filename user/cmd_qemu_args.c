// SPDX-License-Identifier: GPL-2.0
/*
 * cmd_qemu_args.c - vhost-xdp qemu-args: what to type to start QEMU on a port.
 *
 * QEMU takes an open vhost descriptor beside a tap: the shell opens the node for
 * it, once a queue pair. The tap is the exception path, between guest and host
 * only; a VMM without CAP_NET_ADMIN needs it made beforehand.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "describe.h"
#include "text.h"

/* The first that is free; up to 9, so to 7 queue pairs, any shell will do. */
#define FIRST_FD	3

struct qemu {
	char tap[16];
	char fds[2048];		/* "3:4:..." */
	char opens[16384];	/* "3<>/dev/vhost-xdp/vm0 4<>..." */
};

/* An interface's name holds 15 characters, a port's 31. */
static void fill(const struct port *port, struct qemu *q)
{
	size_t fds = 0, opens = 0;
	unsigned int i;

	snprintf(q->tap, sizeof(q->tap), "%.11s-tap", port->name);
	for (i = 0; i < port->queues; i++) {
		fds += snprintf(q->fds + fds, sizeof(q->fds) - fds, "%s%u",
				i ? ":" : "", FIRST_FD + i);
		opens += snprintf(q->opens + opens, sizeof(q->opens) - opens,
				  "%s%u<>%s", i ? " " : "", FIRST_FD + i,
				  port_node(port->name));
	}
}

static char *netdev_option(const struct port *port, const struct qemu *q)
{
	char queues[24] = "", *text = NULL;

	if (port->queues > 1)
		snprintf(queues, sizeof(queues), ",queues=%u", port->queues);
	if (asprintf(&text,
		     "tap,id=n0,ifname=%s,script=no,downscript=no%s,vhost=on,%s=%s",
		     q->tap, queues, port->queues > 1 ? "vhostfds" : "vhostfd",
		     q->fds) < 0)
		return NULL;
	return text;
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

static char *tap_command(const struct port *port, const struct qemu *q)
{
	char *text = NULL;

	if (asprintf(&text,
		     "ip tuntap add dev %s mode tap vnet_hdr%s user %s && ip link set %s up",
		     q->tap, port->queues > 1 ? " multi_queue" : "",
		     user_text(port->uid), q->tap) < 0)
		return NULL;
	return text;
}

static int print_args(const struct port *port, json_t *doc,
		      const struct qemu *q)
{
	char *netdev = netdev_option(port, q);
	char *tap = tap_command(port, q);
	char *device = device_option(port, json_string_value(
		json_array_get(json_object_get(doc, "macs"), 0)));
	int ret = EXIT_OK;

	if (!netdev || !device || !tap)
		ret = fail(EXIT_FAILED, "no memory");
	else if (options.json)
		ret = print_json(json_pack("{ss ss ss ss ss ss}", "tap_command",
			tap, "tap", q->tap, "netdev", netdev, "device", device,
			"node", port_node(port->name), "redirections",
			q->opens));
	else
		printf("# Once, as root: the tap is the way between guest and host.\n"
		       "%s\n"
		       "# Then, as user %s, add this to QEMU's command line:\n"
		       "  -netdev %s \\\n"
		       "  -device %s \\\n"
		       "  %s\n", tap, user_text(port->uid), netdev, device,
		       q->opens);
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
