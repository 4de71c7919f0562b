// SPDX-License-Identifier: GPL-2.0
/*
 * ctl.c - the generic netlink family of <linux/vhost_xdp.h>, spoken directly.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "ktap.h"
#include "vmm.h"
#include "wire.h"

#define A(x) VHOST_XDP_A_##x
#define BUF_LEN 32768

static char last_error[256];
static uint16_t family;
static uint32_t group;

const char *ctl_last_error(void)
{
	return last_error;
}

static struct mnl_socket *ctl_open(void)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_GENERIC,
						 SOCK_CLOEXEC);
	int one = 1;

	NEED(nl);
	NEED(mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) >= 0);
	NEED(!mnl_socket_setsockopt(nl, NETLINK_EXT_ACK, &one, sizeof(one)));
	return nl;
}

static void find_group(const struct nlattr *list)
{
	const struct nlattr *g, *a;

	mnl_attr_for_each_nested(g, list) {
		const char *name = NULL;
		uint32_t id = 0;

		mnl_attr_for_each_nested(a, g) {
			if (mnl_attr_get_type(a) == CTRL_ATTR_MCAST_GRP_NAME)
				name = mnl_attr_get_str(a);
			if (mnl_attr_get_type(a) == CTRL_ATTR_MCAST_GRP_ID)
				id = mnl_attr_get_u32(a);
		}
		if (name && !strcmp(name, VHOST_XDP_GENL_MCGRP))
			group = id;
	}
}

static int family_cb(const struct nlmsghdr *h, void *data)
{
	const struct nlattr *a;

	(void)data;
	mnl_attr_for_each(a, h, GENL_HDRLEN) {
		if (mnl_attr_get_type(a) == CTRL_ATTR_FAMILY_ID)
			family = mnl_attr_get_u16(a);
		if (mnl_attr_get_type(a) == CTRL_ATTR_MCAST_GROUPS)
			find_group(a);
	}
	return MNL_CB_OK;
}

static void note_ext_ack(const struct nlmsghdr *h)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);
	const struct nlattr *a;
	unsigned int off = sizeof(*e);

	last_error[0] = 0;
	if (!(h->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(h->nlmsg_flags & NLM_F_CAPPED))
		off += mnl_nlmsg_get_payload_len(h) > sizeof(*e) ?
		       e->msg.nlmsg_len - sizeof(struct nlmsghdr) : 0;
	mnl_attr_for_each(a, h, off)
		if (mnl_attr_get_type(a) == NLMSGERR_ATTR_MSG)
			snprintf(last_error, sizeof(last_error), "%s",
				 mnl_attr_get_str(a));
}

/* Answers up to the acknowledgement or the end of the dump; 0 or -errno. */
static int talk(struct mnl_socket *nl, struct nlmsghdr *req, mnl_cb_t cb,
		void *data)
{
	static unsigned int seq;
	char *buf = malloc(BUF_LEN);
	int n, r = MNL_CB_OK, e = 0;

	NEED(buf);
	last_error[0] = 0;
	req->nlmsg_seq = ++seq;
	NEED(mnl_socket_sendto(nl, req, req->nlmsg_len) > 0);
	while (r > MNL_CB_STOP) {
		struct nlmsghdr *h = (void *)buf;

		n = mnl_socket_recvfrom(nl, buf, BUF_LEN);
		NEED(n > 0);
		if (h->nlmsg_type == NLMSG_ERROR)
			note_ext_ack(h);
		r = mnl_cb_run(buf, n, seq, mnl_socket_get_portid(nl), cb,
			       data);
		if (r < 0)
			e = -errno;
	}
	free(buf);
	return e;
}

static struct nlmsghdr *start(char *buf, uint16_t type, uint8_t cmd,
			      uint16_t flags)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct genlmsghdr *g;

	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | flags;
	g = mnl_nlmsg_put_extra_header(h, sizeof(*g));
	g->cmd = cmd;
	g->version = VHOST_XDP_GENL_VERSION;
	return h;
}

bool ctl_present(void)
{
	struct mnl_socket *nl = ctl_open();
	char buf[1024];
	struct nlmsghdr *h;
	int e;

	h = start(buf, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, NLM_F_ACK);
	mnl_attr_put_strz(h, CTRL_ATTR_FAMILY_NAME, VHOST_XDP_GENL_NAME);
	family = 0;
	e = talk(nl, h, family_cb, NULL);
	mnl_socket_close(nl);
	return !e && family;
}

uint16_t ctl_family(void)
{
	NEED(family || ctl_present());
	return family;
}

static void get_stats(struct ctl_port *p, const struct nlattr *nest)
{
	const struct nlattr *a;

	mnl_attr_for_each_nested(a, nest) {
		unsigned int t = mnl_attr_get_type(a);

		if (t < __VHOST_XDP_STAT_MAX && t != VHOST_XDP_STAT_PAD)
			p->stats[t] = mnl_attr_get_u64(a);
	}
}

static void get_queue(struct ctl_port *p, const struct nlattr *nest)
{
	const struct nlattr *a;
	unsigned int i = p->nqueues++;

	if (i >= sizeof(p->queue) / sizeof(p->queue[0]))
		return;
	mnl_attr_for_each_nested(a, nest) {
		switch (mnl_attr_get_type(a)) {
		case VHOST_XDP_QA_INDEX:
			p->queue[i].index = mnl_attr_get_u32(a);
			break;
		case VHOST_XDP_QA_RX_RUNNING:
			p->queue[i].rx_running = true;
			break;
		case VHOST_XDP_QA_TX_RUNNING:
			p->queue[i].tx_running = true;
			break;
		case VHOST_XDP_QA_RX_ERROR:
			p->queue[i].rx_error = mnl_attr_get_u32(a);
			break;
		case VHOST_XDP_QA_TX_ERROR:
			p->queue[i].tx_error = mnl_attr_get_u32(a);
			break;
		case VHOST_XDP_QA_FEATURES:
			p->queue[i].features = mnl_attr_get_u64(a);
			break;
		case VHOST_XDP_QA_FEATURES_MORE:
			p->queue[i].features_more = mnl_attr_get_u64(a);
			break;
		case VHOST_XDP_QA_BACKLOG:
			p->queue[i].backlog = mnl_attr_get_u32(a);
			break;
		}
	}
}

static uint32_t *word_of(struct ctl_port *p, unsigned int type)
{
	switch (type) {
	case A(ID): return &p->id;
	case A(IFINDEX): return &p->ifindex;
	case A(QUEUES): return &p->queues;
	case A(UID): return &p->uid;
	case A(GID): return &p->gid;
	case A(MODE): return &p->mode;
	case A(EGRESS_ID): return &p->egress_id;
	case A(BACKLOG): return &p->backlog;
	case A(OPENS): return &p->opens;
	case A(XSK_QUEUE): return &p->xsk_queue;
	}
	return NULL;
}

static void get_port(struct ctl_port *p, const struct nlmsghdr *h)
{
	const struct genlmsghdr *g = mnl_nlmsg_get_payload(h);
	const struct nlattr *a;

	memset(p, 0, sizeof(*p));
	p->cmd = g->cmd;
	mnl_attr_for_each(a, h, GENL_HDRLEN) {
		unsigned int t = mnl_attr_get_type(a);
		uint32_t *w = word_of(p, t);

		if (t < 32)
			p->seen |= 1U << t;
		if (w)
			*w = mnl_attr_get_u32(a);
		else if (t == A(FEATURES))
			p->features = mnl_attr_get_u64(a);
		else if (t == A(FEATURES_MORE))
			p->features_more = mnl_attr_get_u64(a);
		else if (t == A(NAME))
			snprintf(p->name, sizeof(p->name), "%s",
				 mnl_attr_get_str(a));
		else if (t == A(STATS))
			get_stats(p, a);
		else if (t == A(QUEUE))
			get_queue(p, a);
	}
}

static int port_cb(const struct nlmsghdr *h, void *data)
{
	if (data)
		get_port(data, h);
	return MNL_CB_OK;
}

static void put_req(struct nlmsghdr *h, const struct ctl_req *r)
{
	const struct { unsigned int type; uint32_t val; } words[] = {
		{ A(ID), r->id }, { A(IFINDEX), r->ifindex },
		{ A(QUEUES), r->queues }, { A(UID), r->uid },
		{ A(GID), r->gid }, { A(MODE), r->mode },
		{ A(BACKLOG), r->backlog }, { A(XSK_QUEUE), r->xsk_queue },
		{ A(EGRESS_FD), (uint32_t)r->egress_fd },
	};
	unsigned int i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (r->has & (1U << words[i].type))
			mnl_attr_put_u32(h, words[i].type, words[i].val);
	if (r->has & (1U << A(FEATURES)))
		mnl_attr_put_u64(h, A(FEATURES), r->features);
	if (r->has & (1U << A(FEATURES_MORE)))
		mnl_attr_put_u64(h, A(FEATURES_MORE), r->features_more);
	if (r->name)
		mnl_attr_put_strz(h, A(NAME), r->name);
}

int ctl_do(int cmd, const struct ctl_req *r, struct ctl_port *answer)
{
	struct mnl_socket *nl;
	char buf[1024];
	struct nlmsghdr *h;
	int e;

	if (!family && !ctl_present())
		return -ENOENT;
	nl = ctl_open();
	h = start(buf, family, cmd, NLM_F_ACK);
	put_req(h, r);
	e = talk(nl, h, port_cb, answer);
	mnl_socket_close(nl);
	return e;
}

int ctl_new(const char *name, const char *uplink, struct ctl_port *answer)
{
	struct ctl_req r = { .name = name };

	if (uplink) {
		r.has = 1U << A(IFINDEX);
		r.ifindex = net_ifindex(uplink);
	}
	return ctl_do(VHOST_XDP_CMD_PORT_NEW, &r, answer);
}

int ctl_del(const char *name)
{
	struct ctl_req r = { .name = name };

	return ctl_do(VHOST_XDP_CMD_PORT_DEL, &r, NULL);
}

int ctl_egress(const char *name, int prog)
{
	struct ctl_req r = {
		.name = name, .has = 1U << A(EGRESS_FD), .egress_fd = prog,
	};

	return ctl_do(VHOST_XDP_CMD_PORT_SET, &r, NULL);
}

int ctl_get(const char *name, struct ctl_port *p)
{
	struct ctl_req r = { .name = name };

	return ctl_do(VHOST_XDP_CMD_PORT_GET, &r, p);
}

struct dump {
	struct ctl_port *p;
	unsigned int n, max;
};

static int dump_cb(const struct nlmsghdr *h, void *data)
{
	struct dump *d = data;

	if (d->n < d->max)
		get_port(&d->p[d->n], h);
	d->n++;
	return MNL_CB_OK;
}

int ctl_dump(struct ctl_port *p, unsigned int max)
{
	struct dump d = { .p = p, .max = max };
	struct mnl_socket *nl;
	char buf[1024];
	int e;

	if (!family && !ctl_present())
		return -ENOENT;
	nl = ctl_open();
	e = talk(nl, start(buf, family, VHOST_XDP_CMD_PORT_GET, NLM_F_DUMP),
		 dump_cb, &d);
	mnl_socket_close(nl);
	return e ? e : (int)d.n;
}

static struct mnl_socket *listener;

int ctl_listen(void)
{
	NEED(!listener && (family || ctl_present()) && group);
	listener = ctl_open();
	NEED(!mnl_socket_setsockopt(listener, NETLINK_ADD_MEMBERSHIP, &group,
				    sizeof(group)));
	return mnl_socket_get_fd(listener);
}

int ctl_event(int fd, struct ctl_port *p, int timeout_ms)
{
	char buf[BUF_LEN];
	int n;

	if (!wait_fd(fd, timeout_ms))
		return -ETIME;
	n = mnl_socket_recvfrom(listener, buf, sizeof(buf));
	NEED(n > 0);
	get_port(p, (void *)buf);
	return 0;
}

void ctl_unlisten(int fd)
{
	NEED(mnl_socket_get_fd(listener) == fd);
	mnl_socket_close(listener);
	listener = NULL;
}

uint64_t ctl_stat(const char *name, unsigned int stat)
{
	struct ctl_port p;

	NEED(!ctl_get(name, &p));
	return p.stats[stat];
}

const char *ctl_stat_name(unsigned int stat)
{
	static const char *const names[] = {
#define X(sym, name, doc) [VHOST_XDP_STAT_##sym] = name,
		VHOST_XDP_STATS(X)
#undef X
	};

	return stat < sizeof(names) / sizeof(names[0]) && names[stat] ?
	       names[stat] : "none";
}

const char *port_node(const char *name)
{
	static char path[64];

	snprintf(path, sizeof(path), "/dev/" VHOST_XDP_DEV_DIR "/%s", name);
	return path;
}
