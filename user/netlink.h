/* SPDX-License-Identifier: GPL-2.0 */
/*
 * netlink.h - a netlink socket on libmnl: one request, its answers, and what the
 * kernel says about an error (extended ack).
 */
#ifndef VHOST_XDP_NETLINK_H
#define VHOST_XDP_NETLINK_H

#include <libmnl/libmnl.h>

struct nl {
	struct mnl_socket *sock;
	unsigned int seq;
	char extack[256];	/* of the last request, "" where none came */
	char buf[16384];	/* requests are built here */
};

/* 0 or -errno. @bus: NETLINK_ROUTE or NETLINK_GENERIC. */
int nl_open(struct nl *nl, int bus);
void nl_close(struct nl *nl);

/* Begins a request in nl->buf. */
struct nlmsghdr *nl_begin(struct nl *nl, uint16_t type, uint16_t flags);
struct nlmsghdr *nl_begin_genl(struct nl *nl, uint16_t family, uint8_t cmd,
			       uint16_t flags);

/*
 * Sends @req and hands each answer to @cb, which may be NULL. Returns 0 or the
 * kernel's -errno; nl->extack then has its text.
 */
int nl_request(struct nl *nl, struct nlmsghdr *req, mnl_cb_t cb, void *arg);

/* The number of a generic netlink family; -ENOENT where there is none. */
int nl_family(struct nl *nl, const char *name, uint16_t *family);

/* Puts attribute type -> attribute into @tb, as far as types up to @max go. */
void nl_nested(const struct nlattr *nest, const struct nlattr **tb, int max);
void nl_attrs(const struct nlmsghdr *nlh, size_t skip, const struct nlattr **tb,
	      int max);

/* " (text of the kernel)" or "". */
const char *nl_why(const struct nl *nl);

#endif /* VHOST_XDP_NETLINK_H */
