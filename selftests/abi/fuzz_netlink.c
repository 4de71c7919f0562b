// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz_netlink.c - requests to the netlink family, written by hand: attributes of
 * any type and length, or those that belong there.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "../vmm/flow.h"
#include "fuzz.h"

#define ROOM 1024

struct request {
	union {
		struct nlmsghdr h;
		uint8_t bytes[ROOM];
	};
};

static void begin(struct fuzz_thread *t, struct request *q, uint8_t cmd, uint16_t flags)
{
	struct genlmsghdr *g = NLMSG_DATA(&q->h);

	memset(q, 0, sizeof(*q));
	q->h.nlmsg_len = NLMSG_LENGTH(sizeof(*g));
	q->h.nlmsg_type = t->w->family;
	q->h.nlmsg_flags = NLM_F_REQUEST | flags;
	g->cmd = cmd;
	g->version = VHOST_XDP_GENL_VERSION;
}

/* Where it does not fit, it is left out. */
static void put(struct request *q, uint16_t type, const void *data, unsigned int len)
{
	struct nlattr *a = (void *)(q->bytes + NLMSG_ALIGN(q->h.nlmsg_len));

	if (NLMSG_ALIGN(q->h.nlmsg_len) + NLA_HDRLEN + NLA_ALIGN(len) > ROOM)
		return;
	a->nla_type = type;
	a->nla_len = NLA_HDRLEN + len;
	memcpy((uint8_t *)a + NLA_HDRLEN, data, len);
	q->h.nlmsg_len = NLMSG_ALIGN(q->h.nlmsg_len) + NLA_ALIGN(a->nla_len);
}

static void put_u32(struct request *q, uint16_t type, uint32_t v)
{
	put(q, type, &v, sizeof(v));
}

static void put_name(struct fuzz_thread *t, struct request *q, unsigned int first)
{
	const char *name = fuzz_port[first + fuzz_below(t, FUZZ_PORTS - first)];
	char odd[80];
	unsigned int len = fuzz_below(t, sizeof(odd));

	if (!fuzz_odds(t, 12)) {
		put(q, VHOST_XDP_A_NAME, name, strlen(name) + 1);
		return;
	}
	memset(odd, fuzz_odds(t, 2) ? 'x' : fuzz_u64(t), sizeof(odd));
	odd[sizeof(odd) - 1] = 0;
	put(q, VHOST_XDP_A_NAME, odd, len);
}

/* What a port may be set to, or nearly. */
static void put_some(struct fuzz_thread *t, struct request *q)
{
	uint64_t features = fuzz_u64(t), more = fuzz_u64(t);

	if (fuzz_odds(t, 3))
		put_u32(q, VHOST_XDP_A_QUEUES, fuzz_below(t, 6));
	if (fuzz_odds(t, 3))
		put_u32(q, VHOST_XDP_A_BACKLOG, 1U << fuzz_below(t, 18));
	if (fuzz_odds(t, 4))
		put(q, VHOST_XDP_A_FEATURES, &features, 8);
	if (fuzz_odds(t, 4))
		put(q, VHOST_XDP_A_FEATURES_MORE, &more, 8);
	if (fuzz_odds(t, 4))
		put_u32(q, VHOST_XDP_A_MODE, fuzz_below(t, 01000));
	if (fuzz_odds(t, 4))
		put_u32(q, VHOST_XDP_A_UID, fuzz_u64(t));
	if (fuzz_odds(t, 3))
		put_u32(q, VHOST_XDP_A_EGRESS_FD, fuzz_odds(t, 3) ? (uint32_t)fuzz_below(t, 64) - 1 :
			(uint32_t)t->w->prog[fuzz_below(t, FUZZ_PROGS)]);
}

/* The answer to this request: its acknowledgement, or the end of a dump. */
static int ask(struct fuzz_thread *t, struct request *q)
{
	static __thread uint32_t seq;
	char buf[16384];
	const struct nlmsghdr *h = (void *)buf;
	ssize_t n;

	q->h.nlmsg_flags |= NLM_F_ACK;
	q->h.nlmsg_seq = ++seq;
	if (send(t->netlink, q, q->h.nlmsg_len, 0) < 0)
		return -errno;
	while ((n = recv(t->netlink, buf, sizeof(buf), 0)) >= (ssize_t)sizeof(*h)) {
		if (h->nlmsg_seq == seq && h->nlmsg_type == NLMSG_ERROR)
			return ((const struct nlmsgerr *)NLMSG_DATA(h))->error;
		if (h->nlmsg_seq == seq && h->nlmsg_type == NLMSG_DONE)
			return 0;
	}
	return n < 0 ? -errno : -EPROTO;
}

static int do_new(struct fuzz_thread *t)
{
	struct request q;

	begin(t, &q, VHOST_XDP_CMD_PORT_NEW, 0);
	put_name(t, &q, 1);
	if (fuzz_odds(t, 2))
		put_u32(&q, VHOST_XDP_A_IFINDEX, fuzz_odds(t, 4) ? fuzz_below(t, 16) : t->w->uplink);
	/* One in four with AF_XDP sockets, in another's way or past the last queue now and then. */
	if (fuzz_odds(t, 4))
		put_u32(&q, VHOST_XDP_A_XSK_QUEUE, fuzz_below(t, 3));
	put_some(t, &q);
	return ask(t, &q);
}

static int do_del(struct fuzz_thread *t)
{
	struct request q;

	begin(t, &q, VHOST_XDP_CMD_PORT_DEL, 0);
	put_name(t, &q, !fuzz_odds(t, 24));
	return ask(t, &q);
}

static int do_set(struct fuzz_thread *t)
{
	struct request q;

	begin(t, &q, VHOST_XDP_CMD_PORT_SET, 0);
	put_name(t, &q, 0);
	put_some(t, &q);
	return ask(t, &q);
}

static int do_get(struct fuzz_thread *t)
{
	struct request q;

	begin(t, &q, VHOST_XDP_CMD_PORT_GET, 0);
	if (fuzz_odds(t, 2))
		put_name(t, &q, 0);
	else
		put_u32(&q, VHOST_XDP_A_ID, fuzz_below(t, 64));
	return ask(t, &q);
}

/* The next request may come while the dump is not read to its end. */
static int do_dump(struct fuzz_thread *t)
{
	struct request q;

	begin(t, &q, VHOST_XDP_CMD_PORT_GET, NLM_F_DUMP);
	if (fuzz_odds(t, 2))
		return ask(t, &q);
	return send(t->netlink, &q, q.h.nlmsg_len, 0) < 0 ? -errno : 0;
}

static int do_noise(struct fuzz_thread *t)
{
	struct request q;
	uint8_t data[200];
	unsigned int i, n;

	begin(t, &q, fuzz_below(t, 8), fuzz_u64(t) & NLM_F_DUMP);
	for (n = fuzz_below(t, 8); n; n--) {
		for (i = 0; i < sizeof(data); i++)
			data[i] = fuzz_u64(t);
		put(&q, fuzz_odds(t, 8) ? fuzz_u64(t) : fuzz_below(t, VHOST_XDP_A_MAX + 3), data,
		    fuzz_odds(t, 4) ? fuzz_below(t, sizeof(data)) : 4);
	}
	if (fuzz_odds(t, 8))
		q.h.nlmsg_len -= fuzz_below(t, 8);
	return ask(t, &q);
}

const struct fuzz_call fuzz_netlink_calls[] = {
	{ "port new", 3, do_new },
	{ "port del", 2, do_del },
	{ "port set", 3, do_set },
	{ "port get", 3, do_get },
	{ "port dump", 2, do_dump },
	{ "netlink noise", 3, do_noise },
};
const unsigned int fuzz_netlink_count = sizeof(fuzz_netlink_calls) / sizeof(fuzz_netlink_calls[0]);
