// SPDX-License-Identifier: GPL-2.0
/*
 * netlink.c - the control protocol, as <linux/vhost_xdp.h> specifies it.
 */
#include <linux/filter.h>
#include <net/genetlink.h>
#include "netlink.h"
#include "queue.h"
#include "xsk.h"

static struct genl_family family;

static const struct netlink_range_validation queues_range = {
	.min = 1,
	.max = VHOST_XDP_QUEUES_MAX,
};

static const struct netlink_range_validation backlog_range = {
	.min = VHOST_XDP_BACKLOG_MIN,
	.max = VHOST_XDP_BACKLOG_MAX,
};

static const struct netlink_range_validation nic_queue_range = {
	.max = U16_MAX,
};

static const struct nla_policy policy[VHOST_XDP_A_MAX + 1] = {
	[VHOST_XDP_A_ID]	= NLA_POLICY_MIN(NLA_U32, 1),
	[VHOST_XDP_A_NAME]	= { .type = NLA_NUL_STRING, .len = VHOST_XDP_NAME_MAX - 1 },
	[VHOST_XDP_A_IFINDEX]	= NLA_POLICY_MIN(NLA_U32, 1),
	[VHOST_XDP_A_QUEUES]	= NLA_POLICY_FULL_RANGE(NLA_U32, &queues_range),
	[VHOST_XDP_A_FEATURES]	= { .type = NLA_U64 },
	[VHOST_XDP_A_UID]	= { .type = NLA_U32 },
	[VHOST_XDP_A_GID]	= { .type = NLA_U32 },
	[VHOST_XDP_A_MODE]	= NLA_POLICY_MAX(NLA_U32, 0777),
	[VHOST_XDP_A_EGRESS_FD]	= NLA_POLICY_MIN(NLA_S32, -1),
	[VHOST_XDP_A_XSK_QUEUE]	= NLA_POLICY_FULL_RANGE(NLA_U32, &nic_queue_range),
	[VHOST_XDP_A_BACKLOG]	= NLA_POLICY_FULL_RANGE(NLA_U32, &backlog_range),
	[VHOST_XDP_A_FEATURES_MORE] = { .type = NLA_U64 },
};

static int parse_ids(struct genl_info *info, struct vxdp_port_conf *conf)
{
	struct nlattr **a = info->attrs;

	if (a[VHOST_XDP_A_UID]) {
		conf->uid = make_kuid(current_user_ns(), nla_get_u32(a[VHOST_XDP_A_UID]));
		if (!uid_valid(conf->uid)) {
			NL_SET_ERR_MSG_ATTR(info->extack, a[VHOST_XDP_A_UID], "no such user here");
			return -EINVAL;
		}
		conf->set |= VXDP_SET_UID;
	}
	if (a[VHOST_XDP_A_GID]) {
		conf->gid = make_kgid(current_user_ns(), nla_get_u32(a[VHOST_XDP_A_GID]));
		if (!gid_valid(conf->gid)) {
			NL_SET_ERR_MSG_ATTR(info->extack, a[VHOST_XDP_A_GID], "no such group here");
			return -EINVAL;
		}
		conf->set |= VXDP_SET_GID;
	}
	return 0;
}

/*
 * What a driver's hook refuses, we refuse: helpers and kfuncs of such a program
 * expect more behind the frame than there is. And guests send frames in many
 * buffers, of which a program without frags would judge the first alone.
 */
static bool egress_ok(const struct bpf_prog *prog)
{
	return prog->aux->xdp_has_frags && !bpf_prog_is_dev_bound(prog->aux) &&
	       prog->expected_attach_type != BPF_XDP_DEVMAP &&
	       prog->expected_attach_type != BPF_XDP_CPUMAP;
}

static int parse_egress(struct genl_info *info, struct vxdp_port_conf *conf)
{
	struct nlattr *attr = info->attrs[VHOST_XDP_A_EGRESS_FD];
	struct bpf_prog *prog;
	int fd;

	if (!attr)
		return 0;
	fd = nla_get_s32(attr);
	if (fd >= 0) {
		prog = bpf_prog_get_type_dev(fd, BPF_PROG_TYPE_XDP, false);
		if (IS_ERR(prog)) {
			NL_SET_ERR_MSG_ATTR(info->extack, attr, "not an XDP program");
			return PTR_ERR(prog);
		}
		if (!egress_ok(prog)) {
			NL_SET_ERR_MSG_ATTR(info->extack, attr,
					    "wants an XDP program with frags, for no device and no map");
			bpf_prog_put(prog);
			return -EINVAL;
		}
		conf->egress = prog;
	}
	conf->set |= VXDP_SET_EGRESS;
	return 0;
}

/* On success @conf->egress is a reference that the caller has to put or give on. */
static int parse_conf(struct genl_info *info, struct vxdp_port_conf *conf)
{
	struct nlattr **a = info->attrs;
	int ret;

	if (a[VHOST_XDP_A_QUEUES]) {
		conf->queues = nla_get_u32(a[VHOST_XDP_A_QUEUES]);
		conf->set |= VXDP_SET_QUEUES;
	}
	if (a[VHOST_XDP_A_BACKLOG]) {
		conf->backlog = nla_get_u32(a[VHOST_XDP_A_BACKLOG]);
		conf->set |= VXDP_SET_BACKLOG;
	}
	if (a[VHOST_XDP_A_FEATURES]) {
		conf->features = nla_get_u64(a[VHOST_XDP_A_FEATURES]);
		conf->set |= VXDP_SET_FEATURES;
	}
	if (a[VHOST_XDP_A_FEATURES_MORE]) {
		conf->features_more = nla_get_u64(a[VHOST_XDP_A_FEATURES_MORE]);
		conf->set |= VXDP_SET_FEATURES_MORE;
	}
	if (a[VHOST_XDP_A_MODE]) {
		conf->mode = nla_get_u32(a[VHOST_XDP_A_MODE]);
		conf->set |= VXDP_SET_MODE;
	}
	ret = parse_ids(info, conf);
	if (ret)
		return ret;
	return parse_egress(info, conf);
}

static void put_conf(struct vxdp_port_conf *conf)
{
	if (conf->egress)
		bpf_prog_put(conf->egress);
}

static bool put_stats(struct sk_buff *msg, const struct vxdp_port *port)
{
	struct nlattr *nest = nla_nest_start(msg, VHOST_XDP_A_STATS);
	u64 sum;
	int i, cpu;

	if (!nest)
		return false;
	for (i = 1; i < VHOST_XDP_STAT_PAD; i++) {
		sum = 0;
		if (i == VHOST_XDP_STAT_RX_DROP_XSK)
			sum = vxdp_xsk_dropped(port);
		for_each_possible_cpu(cpu)
			sum += READ_ONCE(per_cpu_ptr(port->stats, cpu)->val[i]);
		if (nla_put_u64_64bit(msg, i, sum, VHOST_XDP_STAT_PAD))
			return false;
	}
	nla_nest_end(msg, nest);
	return true;
}

/* A look at rings that go on meanwhile: without their locks, a VMM may sit on those. */
static bool put_ring(struct sk_buff *msg, const struct vxdp_ring *ring, int running,
		     int error)
{
	u32 what = READ_ONCE(ring->vr.error);

	if (READ_ONCE(ring->backend) && nla_put_flag(msg, running))
		return false;
	return !what || !nla_put_u32(msg, error, what);
}

static bool put_queue(struct sk_buff *msg, const struct vxdp_queue *q)
{
	struct nlattr *nest = nla_nest_start(msg, VHOST_XDP_A_QUEUE);

	if (!nest || nla_put_u32(msg, VHOST_XDP_QA_INDEX, q->index) ||
	    !put_ring(msg, &q->ring[VXDP_RING_RX], VHOST_XDP_QA_RX_RUNNING,
		      VHOST_XDP_QA_RX_ERROR) ||
	    !put_ring(msg, &q->ring[VXDP_RING_TX], VHOST_XDP_QA_TX_RUNNING,
		      VHOST_XDP_QA_TX_ERROR) ||
	    nla_put_u64_64bit(msg, VHOST_XDP_QA_FEATURES, READ_ONCE(q->features),
			      VHOST_XDP_QA_PAD) ||
	    nla_put_u64_64bit(msg, VHOST_XDP_QA_FEATURES_MORE, READ_ONCE(q->features_more),
			      VHOST_XDP_QA_PAD) ||
	    nla_put_u32(msg, VHOST_XDP_QA_BACKLOG, READ_ONCE(q->backlog.len)))
		return false;
	nla_nest_end(msg, nest);
	return true;
}

static bool put_uplink(struct sk_buff *msg, const struct vxdp_port *port)
{
	const struct net_device *dev;
	bool ok;

	rcu_read_lock();
	dev = rcu_dereference(port->uplink);
	ok = !dev || !nla_put_u32(msg, VHOST_XDP_A_IFINDEX, dev->ifindex);
	rcu_read_unlock();
	return ok;
}

static bool put_xsk(struct sk_buff *msg, const struct vxdp_port *port)
{
	return !port->xsk || !nla_put_u32(msg, VHOST_XDP_A_XSK_QUEUE, port->xsk->first);
}

static bool put_egress(struct sk_buff *msg, const struct vxdp_port *port)
{
	const struct bpf_prog *prog;
	bool ok;

	rcu_read_lock();
	prog = rcu_dereference(port->egress);
	ok = !prog || !nla_put_u32(msg, VHOST_XDP_A_EGRESS_ID, prog->aux->id);
	rcu_read_unlock();
	return ok;
}

static bool put_name(struct sk_buff *msg, const struct vxdp_port *port)
{
	return !nla_put_u32(msg, VHOST_XDP_A_ID, port->id) &&
	       !nla_put_string(msg, VHOST_XDP_A_NAME, port->name);
}

static bool put_conf_attrs(struct sk_buff *msg, const struct vxdp_port *port)
{
	const struct vxdp_port_conf *conf = &port->conf;

	return !nla_put_u32(msg, VHOST_XDP_A_QUEUES, conf->queues) &&
	       !nla_put_u32(msg, VHOST_XDP_A_BACKLOG, conf->backlog) &&
	       !nla_put_u64_64bit(msg, VHOST_XDP_A_FEATURES, conf->features & VXDP_FEATURES,
				  VHOST_XDP_A_PAD) &&
	       !nla_put_u64_64bit(msg, VHOST_XDP_A_FEATURES_MORE,
				  conf->features_more & VXDP_FEATURES_MORE, VHOST_XDP_A_PAD) &&
	       !nla_put_u32(msg, VHOST_XDP_A_UID, from_kuid_munged(current_user_ns(), conf->uid)) &&
	       !nla_put_u32(msg, VHOST_XDP_A_GID, from_kgid_munged(current_user_ns(), conf->gid)) &&
	       !nla_put_u32(msg, VHOST_XDP_A_MODE, conf->mode) &&
	       !nla_put_u32(msg, VHOST_XDP_A_OPENS, port->opens);
}

static bool put_queues(struct sk_buff *msg, struct vxdp_port *port)
{
	struct vxdp_queue *q;
	bool ok = true;

	mutex_lock(&port->lock);
	list_for_each_entry(q, &port->queues, node)
		ok = ok && put_queue(msg, q);
	mutex_unlock(&port->lock);
	return ok;
}

static int put_port(struct sk_buff *msg, struct vxdp_port *port, u32 portid, u32 seq,
		    int flags, u8 cmd, bool live)
{
	void *head = genlmsg_put(msg, portid, seq, &family, flags, cmd);

	if (!head)
		return -EMSGSIZE;
	if (!put_name(msg, port))
		goto cancel;
	if (cmd != VHOST_XDP_CMD_PORT_DEL &&
	    (!put_conf_attrs(msg, port) || !put_uplink(msg, port) || !put_xsk(msg, port) ||
	     !put_egress(msg, port)))
		goto cancel;
	if (live && (!put_stats(msg, port) || !put_queues(msg, port)))
		goto cancel;
	genlmsg_end(msg, head);
	return 0;
cancel:
	genlmsg_cancel(msg, head);
	return -EMSGSIZE;
}

/*
 * A reply is allocated before the deed, so that this cannot fail after it: with
 * room for the statistics and for every queue pair that may be open.
 */
static struct sk_buff *new_reply(void)
{
	return genlmsg_new(NLMSG_GOODSIZE + VXDP_STATS_NR * nla_total_size_64bit(sizeof(u64)) +
			   VHOST_XDP_QUEUES_MAX * 96, GFP_KERNEL);
}

/*
 * Consumes @msg. Where the port does not fit after all, the deed stands alone; where
 * @port is an error there is nothing to say but that.
 */
static int reply(struct genl_info *info, struct sk_buff *msg, struct vxdp_port *port)
{
	if (IS_ERR(port) || put_port(msg, port, info->snd_portid, info->snd_seq, 0,
				     VHOST_XDP_CMD_PORT_NEW, true))
		nlmsg_free(msg);
	else
		genlmsg_reply(msg, info);
	return PTR_ERR_OR_ZERO(port);
}

/**
 * vxdp_netlink_notify() - tell who listens that a port changed
 * @port: the port
 * @cmd: VHOST_XDP_CMD_PORT_NEW, _SET or _DEL
 *
 * Context: process, may hold RTNL. A message that cannot be made is lost, as any
 * to a full socket is.
 */
void vxdp_netlink_notify(struct vxdp_port *port, u8 cmd)
{
	struct sk_buff *msg = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);

	if (!msg)
		return;
	if (put_port(msg, port, 0, 0, 0, cmd, false))
		nlmsg_free(msg);
	else
		genlmsg_multicast_netns(&family, port->net, msg, 0, 0, GFP_KERNEL);
}

/* Context: ports_lock. */
static struct vxdp_port *find(struct genl_info *info)
{
	struct nlattr *id = info->attrs[VHOST_XDP_A_ID];
	struct nlattr *name = info->attrs[VHOST_XDP_A_NAME];
	struct vxdp_port *port;

	if (!id && !name) {
		NL_SET_ERR_MSG(info->extack, "ID or NAME is needed");
		return ERR_PTR(-EINVAL);
	}
	if (id)
		port = vxdp_port_by_id(genl_info_net(info), nla_get_u32(id));
	else
		port = vxdp_port_by_name(genl_info_net(info), nla_data(name));
	if (port)
		return port;
	NL_SET_ERR_MSG_ATTR(info->extack, id ? id : name, "no such port");
	return ERR_PTR(-ENODEV);
}

/* What only a new port is told; all else is as for PORT_SET. */
static int parse_new(struct sk_buff *skb, struct genl_info *info,
		     struct vxdp_port_conf *conf)
{
	struct nlattr *uplink = info->attrs[VHOST_XDP_A_IFINDEX];
	struct nlattr *xsk = info->attrs[VHOST_XDP_A_XSK_QUEUE];

	if (GENL_REQ_ATTR_CHECK(info, VHOST_XDP_A_NAME)) {
		NL_SET_ERR_MSG(info->extack, "NAME is needed");
		return -EINVAL;
	}
	/* /dev has no namespaces: whoever puts a node there is the host's admin. */
	if (!netlink_capable(skb, CAP_NET_ADMIN)) {
		NL_SET_ERR_MSG(info->extack, "a node in /dev wants CAP_NET_ADMIN of the host");
		return -EPERM;
	}
	if (xsk && !uplink) {
		NL_SET_ERR_MSG_ATTR(info->extack, xsk, "XSK_QUEUE wants IFINDEX");
		return -EINVAL;
	}
	nla_strscpy(conf->name, info->attrs[VHOST_XDP_A_NAME], sizeof(conf->name));
	if (uplink)
		conf->ifindex = nla_get_u32(uplink);
	if (xsk) {
		conf->xsk = true;
		conf->nic_queue = nla_get_u32(xsk);
	}
	return 0;
}

static int port_new(struct sk_buff *skb, struct genl_info *info)
{
	struct vxdp_port_conf conf = {
		.queues = VHOST_XDP_QUEUES_DEFAULT,
		.backlog = VHOST_XDP_BACKLOG_DEFAULT,
		.features = VXDP_FEATURES,
		.features_more = VXDP_FEATURES_MORE,
		.uid = GLOBAL_ROOT_UID,
		.gid = GLOBAL_ROOT_GID,
		.mode = 0600,
	};
	struct nlattr *uplink = info->attrs[VHOST_XDP_A_IFINDEX];
	struct vxdp_port *port;
	const char *why = NULL;
	struct sk_buff *msg;
	int ret;

	ret = parse_new(skb, info, &conf);
	if (ret)
		return ret;
	msg = new_reply();
	if (!msg)
		return -ENOMEM;
	ret = parse_conf(info, &conf);
	if (ret) {
		nlmsg_free(msg);
		return ret;
	}

	vxdp_ports_lock();
	ret = vxdp_port_create(genl_info_net(info), &conf, &port, &why);
	reply(info, msg, ret ? ERR_PTR(ret) : port);
	vxdp_ports_unlock();
	if (why) {
		NL_SET_BAD_ATTR(info->extack, ret == -ENODEV && uplink ? uplink :
				info->attrs[VHOST_XDP_A_NAME]);
		info->extack->_msg = why;
	}
	put_conf(&conf);
	return ret;
}

static int port_del(struct sk_buff *skb, struct genl_info *info)
{
	struct vxdp_port *port;
	int ret = 0;

	vxdp_ports_lock();
	port = find(info);
	if (IS_ERR(port))
		ret = PTR_ERR(port);
	else
		vxdp_port_delete(port);
	vxdp_ports_unlock();
	return ret;
}

static int port_get(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg = new_reply();
	int ret;

	if (!msg)
		return -ENOMEM;
	vxdp_ports_lock();
	ret = reply(info, msg, find(info));
	vxdp_ports_unlock();
	return ret;
}

/* What a port may have of the host's memory is said by who may make one. */
static int may_set(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *queues = info->attrs[VHOST_XDP_A_QUEUES];
	struct nlattr *backlog = info->attrs[VHOST_XDP_A_BACKLOG];

	if ((!queues && !backlog) || netlink_capable(skb, CAP_NET_ADMIN))
		return 0;
	NL_SET_ERR_MSG_ATTR(info->extack, queues ?: backlog,
			    "QUEUES and BACKLOG want CAP_NET_ADMIN of the host");
	return -EPERM;
}

static int port_set(struct sk_buff *skb, struct genl_info *info)
{
	struct vxdp_port_conf conf = {};
	struct vxdp_port *port;
	struct sk_buff *msg;
	int ret;

	ret = may_set(skb, info);
	if (ret)
		return ret;
	msg = new_reply();
	if (!msg)
		return -ENOMEM;
	ret = parse_conf(info, &conf);
	if (ret) {
		nlmsg_free(msg);
		return ret;
	}
	vxdp_ports_lock();
	port = find(info);
	if (!IS_ERR(port))
		vxdp_port_change(port, &conf);
	ret = reply(info, msg, port);
	vxdp_ports_unlock();
	put_conf(&conf);
	return ret;
}

/* ctx[0]: the number to go on behind. A port with all its queue pairs open may be
 * too long for the socket's buffer; then it comes without them.
 */
static int port_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct net *net = sock_net(skb->sk);
	unsigned long id = cb->args[0];
	struct vxdp_port *port;
	int ret = 0;

	vxdp_ports_lock();
	xa_for_each_start(&vxdp_ports, id, port, cb->args[0]) {
		if (port->net != net)
			continue;
		ret = put_port(skb, port, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
			       NLM_F_MULTI, VHOST_XDP_CMD_PORT_NEW, true);
		if (ret && !skb->len)
			ret = put_port(skb, port, NETLINK_CB(cb->skb).portid,
				       cb->nlh->nlmsg_seq, NLM_F_MULTI,
				       VHOST_XDP_CMD_PORT_NEW, false);
		if (ret)
			break;
		cb->args[0] = id + 1;
	}
	vxdp_ports_unlock();
	return skb->len ? skb->len : ret;
}

static const struct genl_small_ops ops[] = {
	{
		.cmd = VHOST_XDP_CMD_PORT_NEW,
		.flags = GENL_UNS_ADMIN_PERM,
		.doit = port_new,
	}, {
		.cmd = VHOST_XDP_CMD_PORT_DEL,
		.flags = GENL_UNS_ADMIN_PERM,
		.doit = port_del,
	}, {
		.cmd = VHOST_XDP_CMD_PORT_GET,
		.doit = port_get,
		.dumpit = port_dump,
	}, {
		.cmd = VHOST_XDP_CMD_PORT_SET,
		.flags = GENL_UNS_ADMIN_PERM,
		.doit = port_set,
	},
};

static const struct genl_multicast_group groups[] = {
	{ .name = VHOST_XDP_GENL_MCGRP },
};

static struct genl_family family __ro_after_init = {
	.name		= VHOST_XDP_GENL_NAME,
	.version	= VHOST_XDP_GENL_VERSION,
	.maxattr	= VHOST_XDP_A_MAX,
	.policy		= policy,
	.netnsok	= true,
	.parallel_ops	= true,
	.module		= THIS_MODULE,
	.small_ops	= ops,
	.n_small_ops	= ARRAY_SIZE(ops),
	.resv_start_op	= VHOST_XDP_CMD_PORT_SET + 1,
	.mcgrps		= groups,
	.n_mcgrps	= ARRAY_SIZE(groups),
};

/**
 * vxdp_netlink_init() - at module load
 *
 * Return: 0 or an error.
 */
int __init vxdp_netlink_init(void)
{
	return genl_register_family(&family);
}

/**
 * vxdp_netlink_exit() - at module unload
 */
void vxdp_netlink_exit(void)
{
	genl_unregister_family(&family);
}
