// SPDX-License-Identifier: GPL-2.0
/*
 * netlink.c - see netlink.h.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>

#include "cli.h"
#include "netlink.h"

/* A port with 256 open queue pairs is some 20 KiB; one read must hold it. */
#define ANSWER_MAX	(128 * 1024)

int nl_open(struct nl *nl, int bus)
{
	int one = 1;

	memset(nl, 0, sizeof(*nl));
	nl->sock = mnl_socket_open2(bus, SOCK_CLOEXEC);
	if (!nl->sock)
		return -errno;
	if (mnl_socket_bind(nl->sock, 0, MNL_SOCKET_AUTOPID) < 0) {
		int err = -errno;

		nl_close(nl);
		return err;
	}
	/* Only better messages hang on these. */
	mnl_socket_setsockopt(nl->sock, NETLINK_EXT_ACK, &one, sizeof(one));
	mnl_socket_setsockopt(nl->sock, NETLINK_CAP_ACK, &one, sizeof(one));
	return 0;
}

void nl_close(struct nl *nl)
{
	if (nl->sock)
		mnl_socket_close(nl->sock);
	nl->sock = NULL;
}

struct nlmsghdr *nl_begin(struct nl *nl, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *req = mnl_nlmsg_put_header(nl->buf);

	req->nlmsg_type = type;
	req->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	req->nlmsg_seq = ++nl->seq;
	return req;
}

struct nlmsghdr *nl_begin_genl(struct nl *nl, uint16_t family, uint8_t cmd,
			       uint16_t flags)
{
	struct nlmsghdr *req = nl_begin(nl, family, flags);
	struct genlmsghdr *genl = mnl_nlmsg_put_extra_header(req, sizeof(*genl));

	genl->cmd = cmd;
	genl->version = 1;
	return req;
}

/* With NETLINK_CAP_ACK the TLVs follow right behind struct nlmsgerr. */
static void keep_extack(struct nl *nl, const struct nlmsghdr *nlh)
{
	const struct nlattr *attr;

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	mnl_attr_for_each(attr, nlh, sizeof(struct nlmsgerr)) {
		if (mnl_attr_get_type(attr) != NLMSGERR_ATTR_MSG ||
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) < 0)
			continue;
		snprintf(nl->extack, sizeof(nl->extack), "%s",
			 mnl_attr_get_str(attr));
	}
}

static int on_error(const struct nlmsghdr *nlh, void *data)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);

	keep_extack(data, nlh);
	if (!e->error)
		return MNL_CB_STOP;
	errno = e->error < 0 ? -e->error : e->error;
	return MNL_CB_ERROR;
}

/* A dump that ends in an error carries it where the type is NLMSG_DONE. */
static int on_done(const struct nlmsghdr *nlh, void *data)
{
	const int *err = mnl_nlmsg_get_payload(nlh);

	(void)data;
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*err) || *err >= 0)
		return MNL_CB_STOP;
	errno = -*err;
	return MNL_CB_ERROR;
}

/* Both the answers' callback and ours for control messages want a pointer. */
struct dispatch {
	struct nl *nl;
	mnl_cb_t cb;
	void *arg;
};

static int on_ctl_error(const struct nlmsghdr *nlh, void *data)
{
	return on_error(nlh, ((struct dispatch *)data)->nl);
}

static int on_answer(const struct nlmsghdr *nlh, void *data)
{
	struct dispatch *d = data;

	return d->cb ? d->cb(nlh, d->arg) : MNL_CB_OK;
}

int nl_request(struct nl *nl, struct nlmsghdr *req, mnl_cb_t cb, void *arg)
{
	static char answer[ANSWER_MAX];
	mnl_cb_t ctl[NLMSG_MIN_TYPE] = {
		[NLMSG_ERROR] = on_ctl_error,
		[NLMSG_DONE] = on_done,
	};
	struct dispatch d = { .nl = nl, .cb = cb, .arg = arg };
	unsigned int portid = mnl_socket_get_portid(nl->sock);
	ssize_t n;
	int ret;

	nl->extack[0] = '\0';
	if (mnl_socket_sendto(nl->sock, req, req->nlmsg_len) < 0)
		return -errno;
	do {
		n = mnl_socket_recvfrom(nl->sock, answer, sizeof(answer));
		if (n < 0)
			return -errno;
		ret = mnl_cb_run2(answer, n, req->nlmsg_seq, portid, on_answer,
				  &d, ctl, ARRAY_SIZE(ctl));
	} while (ret > MNL_CB_STOP);
	return ret < 0 ? -errno : 0;
}

static int on_family(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *tb[CTRL_ATTR_FAMILY_ID + 1] = {};

	nl_attrs(nlh, sizeof(struct genlmsghdr), tb, CTRL_ATTR_FAMILY_ID);
	if (tb[CTRL_ATTR_FAMILY_ID])
		*(uint16_t *)data = mnl_attr_get_u16(tb[CTRL_ATTR_FAMILY_ID]);
	return MNL_CB_OK;
}

int nl_family(struct nl *nl, const char *name, uint16_t *family)
{
	struct nlmsghdr *req;
	int err;

	*family = 0;
	req = nl_begin_genl(nl, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 0);
	mnl_attr_put_strz(req, CTRL_ATTR_FAMILY_NAME, name);
	err = nl_request(nl, req, on_family, family);
	if (err)
		return err;
	return *family ? 0 : -ENOENT;
}

static void keep_attr(const struct nlattr *attr, const struct nlattr **tb,
		      int max)
{
	int type = mnl_attr_get_type(attr);

	if (type <= max)
		tb[type] = attr;
}

void nl_attrs(const struct nlmsghdr *nlh, size_t skip, const struct nlattr **tb,
	      int max)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, skip)
		keep_attr(attr, tb, max);
}

void nl_nested(const struct nlattr *nest, const struct nlattr **tb, int max)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, nest)
		keep_attr(attr, tb, max);
}

const char *nl_why(const struct nl *nl)
{
	static char text[sizeof(nl->extack) + 4];

	if (!nl->extack[0])
		return "";
	snprintf(text, sizeof(text), " (%s)", nl->extack);
	return text;
}
