/* SPDX-License-Identifier: GPL-2.0 */
/*
 * port.h - ports as the module knows them: the "vhost_xdp" netlink family.
 */
#ifndef VHOST_XDP_PORT_H
#define VHOST_XDP_PORT_H

#include <stdbool.h>
#include <stdint.h>

#include "netlink.h"
#include "text.h"
#include "../include/uapi/linux/vhost_xdp.h"

struct queue {
	uint32_t index;
	uint64_t features[FEATURE_WORDS];
	uint32_t backlog;
	uint32_t rx_error;	/* enum vhost_xdp_stat; 0: none */
	uint32_t tx_error;
	bool rx_running;
	bool tx_running;
};

struct port {
	uint32_t id;
	char name[VHOST_XDP_NAME_MAX];
	uint32_t ifindex;	/* 0: no uplink, or it is gone */
	uint32_t queues;
	uint64_t features[FEATURE_WORDS];
	uint32_t uid;
	uint32_t gid;
	uint32_t mode;
	uint32_t egress_id;	/* 0: no program */
	uint32_t backlog;
	uint32_t opens;
	bool xsk;		/* it is on the xsk lane */
	uint32_t nic_queue;	/* then: its first queue of the uplink */
	uint64_t stats[VHOST_XDP_STAT_MAX + 1];
	struct queue *queue;
	unsigned int n_queue;
};

struct port_list {
	struct port *port;
	unsigned int n;
};

/* What a new port is to be; what is 0 is left to the kernel. */
struct port_request {
	const char *name;
	uint32_t ifindex;
	uint32_t queues;
	uint32_t uid;
	uint32_t gid;
	int egress_fd;		/* -1: none */
	uint64_t features[FEATURE_WORDS]; /* no others are offered */
	bool xsk;		/* by AF_XDP, from @nic_queue of the uplink on */
	uint32_t nic_queue;
};

/* The connection to the module. */
struct control {
	struct nl nl;
	uint16_t family;
};

/* Told errors, exit codes: see cli.h. */
int control_open(struct control *ctl);
void control_close(struct control *ctl);
int port_list_get(struct control *ctl, struct port_list *list);
int port_find(struct control *ctl, const char *name, struct port *port);

/* port_show - the same for who asks nothing else: control opened and closed */
int port_show(const char *name, struct port *port);

/* These return 0 or -errno and leave the telling to the caller (nl_why()). */
int port_new(struct control *ctl, const struct port_request *req,
	     struct port *port);
int port_del(struct control *ctl, uint32_t id);
int port_get(struct control *ctl, const char *name, struct port *port);

void port_free(struct port *port);
void port_list_free(struct port_list *list);
const struct port *port_list_by_id(const struct port_list *list, uint32_t id);

/* Is this a name that the module takes? */
bool port_name_ok(const char *name);

/* "/dev/vhost-xdp/NAME", in a static buffer. */
const char *port_node(const char *name);

/* "NAME-tap", the VMM's tap, of which a name is longer than an interface's may be. */
const char *port_tap(const char *name);

/* The first that is free; up to 9, so to 7 queue pairs, any shell will do. */
#define PORT_FIRST_FD	3

/* The name and the meaning of a counter of enum vhost_xdp_stat. */
const char *stat_name(unsigned int stat);
const char *stat_meaning(unsigned int stat);

#endif /* VHOST_XDP_PORT_H */
