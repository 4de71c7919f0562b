// SPDX-License-Identifier: GPL-2.0
/*
 * port.c - see port.h.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/genetlink.h>

#include "cli.h"
#include "port.h"

static const struct {
	const char *name;
	const char *meaning;
} stats[VHOST_XDP_STAT_MAX + 1] = {
#define STAT_TEXT(sym, name, doc) [VHOST_XDP_STAT_##sym] = { name, doc },
	VHOST_XDP_STATS(STAT_TEXT)
#undef STAT_TEXT
};

const char *stat_name(unsigned int stat)
{
	if (stat > VHOST_XDP_STAT_MAX || !stats[stat].name)
		return NULL;
	return stats[stat].name;
}

const char *stat_meaning(unsigned int stat)
{
	return stat_name(stat) ? stats[stat].meaning : NULL;
}

bool port_name_ok(const char *name)
{
	size_t len = strlen(name);
	size_t i;

	if (!len || len >= VHOST_XDP_NAME_MAX)
		return false;
	for (i = 0; i < len; i++) {
		unsigned char c = name[i];

		if (isascii(c) && isalnum(c))
			continue;
		if (!i || !strchr("._-", c))
			return false;
	}
	return true;
}

const char *port_node(const char *name)
{
	static char path[64];

	snprintf(path, sizeof(path), "/dev/" VHOST_XDP_DEV_DIR "/%s", name);
	return path;
}

const char *port_tap(const char *name)
{
	static char tap[16];

	snprintf(tap, sizeof(tap), "%.11s-tap", name);
	return tap;
}

int control_open(struct control *ctl)
{
	int err = nl_open(&ctl->nl, NETLINK_GENERIC);

	if (err)
		return fail(exit_of(err), "cannot open a netlink socket: %s",
			    strerror(-err));
	err = nl_family(&ctl->nl, VHOST_XDP_GENL_NAME, &ctl->family);
	if (!err)
		return EXIT_OK;
	control_close(ctl);
	if (err == -ENOENT)
		return fail(EXIT_UNSUPPORTED,
			    "module vhost_xdp is not loaded; try 'modprobe vhost_xdp', or 'insmod kmod/vhost_xdp.ko' where it was built");
	return fail(exit_of(err), "cannot find netlink family %s: %s",
		    VHOST_XDP_GENL_NAME, strerror(-err));
}

void control_close(struct control *ctl)
{
	nl_close(&ctl->nl);
}

static uint32_t get_u32(const struct nlattr *attr)
{
	return attr ? mnl_attr_get_u32(attr) : 0;
}

static uint64_t get_u64(const struct nlattr *attr)
{
	return attr ? mnl_attr_get_u64(attr) : 0;
}

static void parse_stats(const struct nlattr *nest, struct port *port)
{
	const struct nlattr *tb[VHOST_XDP_STAT_MAX + 1] = {};
	unsigned int i;

	nl_nested(nest, tb, VHOST_XDP_STAT_MAX);
	for (i = 0; i <= VHOST_XDP_STAT_MAX; i++)
		if (stat_name(i))
			port->stats[i] = get_u64(tb[i]);
}

static int parse_queue(const struct nlattr *nest, struct port *port)
{
	const struct nlattr *tb[VHOST_XDP_QA_MAX + 1] = {};
	struct queue *q;

	q = realloc(port->queue, (port->n_queue + 1) * sizeof(*q));
	if (!q)
		return MNL_CB_ERROR;
	port->queue = q;
	q += port->n_queue++;
	nl_nested(nest, tb, VHOST_XDP_QA_MAX);
	*q = (struct queue){
		.index = get_u32(tb[VHOST_XDP_QA_INDEX]),
		.features = { get_u64(tb[VHOST_XDP_QA_FEATURES]),
			      get_u64(tb[VHOST_XDP_QA_FEATURES_MORE]) },
		.backlog = get_u32(tb[VHOST_XDP_QA_BACKLOG]),
		.rx_error = get_u32(tb[VHOST_XDP_QA_RX_ERROR]),
		.tx_error = get_u32(tb[VHOST_XDP_QA_TX_ERROR]),
		.rx_running = tb[VHOST_XDP_QA_RX_RUNNING],
		.tx_running = tb[VHOST_XDP_QA_TX_RUNNING],
	};
	return MNL_CB_OK;
}

/* A queue is an attribute that repeats, so nl_attrs() would keep the last. */
static int parse_queues(const struct nlmsghdr *nlh, struct port *port)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr))
		if (mnl_attr_get_type(attr) == VHOST_XDP_A_QUEUE &&
		    parse_queue(attr, port) != MNL_CB_OK)
			return MNL_CB_ERROR;
	return MNL_CB_OK;
}

static int on_port(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *tb[VHOST_XDP_A_MAX + 1] = {};
	struct port *port = data;

	memset(port, 0, sizeof(*port));
	nl_attrs(nlh, sizeof(struct genlmsghdr), tb, VHOST_XDP_A_MAX);
	port->id = get_u32(tb[VHOST_XDP_A_ID]);
	port->ifindex = get_u32(tb[VHOST_XDP_A_IFINDEX]);
	port->queues = get_u32(tb[VHOST_XDP_A_QUEUES]);
	port->features[0] = get_u64(tb[VHOST_XDP_A_FEATURES]);
	port->features[1] = get_u64(tb[VHOST_XDP_A_FEATURES_MORE]);
	port->uid = get_u32(tb[VHOST_XDP_A_UID]);
	port->gid = get_u32(tb[VHOST_XDP_A_GID]);
	port->mode = get_u32(tb[VHOST_XDP_A_MODE]);
	port->egress_id = get_u32(tb[VHOST_XDP_A_EGRESS_ID]);
	port->backlog = get_u32(tb[VHOST_XDP_A_BACKLOG]);
	port->opens = get_u32(tb[VHOST_XDP_A_OPENS]);
	port->xsk = tb[VHOST_XDP_A_XSK_QUEUE];
	port->nic_queue = get_u32(tb[VHOST_XDP_A_XSK_QUEUE]);
	if (tb[VHOST_XDP_A_NAME])
		snprintf(port->name, sizeof(port->name), "%s",
			 mnl_attr_get_str(tb[VHOST_XDP_A_NAME]));
	if (tb[VHOST_XDP_A_STATS])
		parse_stats(tb[VHOST_XDP_A_STATS], port);
	return parse_queues(nlh, port);
}

static int on_port_of_list(const struct nlmsghdr *nlh, void *data)
{
	struct port_list *list = data;
	struct port *port;

	port = realloc(list->port, (list->n + 1) * sizeof(*port));
	if (!port)
		return MNL_CB_ERROR;
	list->port = port;
	return on_port(nlh, &port[list->n++]);
}

static struct nlmsghdr *begin(struct control *ctl, uint8_t cmd, uint16_t flags)
{
	return nl_begin_genl(&ctl->nl, ctl->family, cmd, flags);
}

int port_list_get(struct control *ctl, struct port_list *list)
{
	struct nlmsghdr *req = begin(ctl, VHOST_XDP_CMD_PORT_GET, NLM_F_DUMP);
	int err;

	memset(list, 0, sizeof(*list));
	err = nl_request(&ctl->nl, req, on_port_of_list, list);
	if (!err)
		return EXIT_OK;
	port_list_free(list);
	return fail(exit_of(err), "cannot list the ports: %s%s",
		    strerror(-err), nl_why(&ctl->nl));
}

int port_get(struct control *ctl, const char *name, struct port *port)
{
	struct nlmsghdr *req = begin(ctl, VHOST_XDP_CMD_PORT_GET, 0);

	memset(port, 0, sizeof(*port));
	mnl_attr_put_strz(req, VHOST_XDP_A_NAME, name);
	return nl_request(&ctl->nl, req, on_port, port);
}

int port_find(struct control *ctl, const char *name, struct port *port)
{
	int err = port_name_ok(name) ? port_get(ctl, name, port) : -ENODEV;

	if (err == -ENODEV)
		return fail(EXIT_NOT_FOUND,
			    "%s: no such port; see 'vhost-xdp list'", name);
	if (err)
		return fail(exit_of(err), "cannot ask for port %s: %s%s", name,
			    strerror(-err), nl_why(&ctl->nl));
	return EXIT_OK;
}

int port_show(const char *name, struct port *port)
{
	struct control ctl;
	int ret = control_open(&ctl);

	if (ret)
		return ret;
	ret = port_find(&ctl, name, port);
	control_close(&ctl);
	return ret;
}

int port_new(struct control *ctl, const struct port_request *want,
	     struct port *port)
{
	struct nlmsghdr *req = begin(ctl, VHOST_XDP_CMD_PORT_NEW, 0);

	memset(port, 0, sizeof(*port));
	mnl_attr_put_strz(req, VHOST_XDP_A_NAME, want->name);
	if (want->ifindex)
		mnl_attr_put_u32(req, VHOST_XDP_A_IFINDEX, want->ifindex);
	if (want->xsk)
		mnl_attr_put_u32(req, VHOST_XDP_A_XSK_QUEUE, want->nic_queue);
	if (want->queues)
		mnl_attr_put_u32(req, VHOST_XDP_A_QUEUES, want->queues);
	mnl_attr_put_u64(req, VHOST_XDP_A_FEATURES, want->features[0]);
	/* Not all modules know it. */
	if (want->features[1] != ~0ULL)
		mnl_attr_put_u64(req, VHOST_XDP_A_FEATURES_MORE, want->features[1]);
	mnl_attr_put_u32(req, VHOST_XDP_A_UID, want->uid);
	mnl_attr_put_u32(req, VHOST_XDP_A_GID, want->gid);
	if (want->egress_fd >= 0)
		mnl_attr_put_u32(req, VHOST_XDP_A_EGRESS_FD, want->egress_fd);
	return nl_request(&ctl->nl, req, on_port, port);
}

int port_del(struct control *ctl, uint32_t id)
{
	struct nlmsghdr *req = begin(ctl, VHOST_XDP_CMD_PORT_DEL, 0);

	mnl_attr_put_u32(req, VHOST_XDP_A_ID, id);
	return nl_request(&ctl->nl, req, NULL, NULL);
}

void port_free(struct port *port)
{
	free(port->queue);
	port->queue = NULL;
	port->n_queue = 0;
}

void port_list_free(struct port_list *list)
{
	unsigned int i;

	for (i = 0; i < list->n; i++)
		port_free(&list->port[i]);
	free(list->port);
	memset(list, 0, sizeof(*list));
}

const struct port *port_list_by_id(const struct port_list *list, uint32_t id)
{
	unsigned int i;

	for (i = 0; i < list->n; i++)
		if (list->port[i].id == id)
			return &list->port[i];
	return NULL;
}
