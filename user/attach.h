/* SPDX-License-Identifier: GPL-2.0 */
/*
 * attach.h - the command line of `vhost-xdp attach`, taken apart.
 */
#ifndef VHOST_XDP_ATTACH_H
#define VHOST_XDP_ATTACH_H

#include <stdbool.h>
#include <stdint.h>
#include <xdp/libxdp.h>

#include "text.h"

#define ATTACH_MACS_MAX	64

struct attach_options {
	const char *uplink;		/* NULL: --no-uplink */
	const char *name;
	uint8_t mac[ATTACH_MACS_MAX][6];
	unsigned int n_mac;
	uint16_t vlan;			/* 0: untagged */
	uint32_t queues;
	bool xsk;			/* lane: AF_XDP, not xdp */
	bool nic_queue_said;
	uint32_t nic_queue;		/* the first that is the port's; xsk only */
	enum xdp_attach_mode mode;	/* XDP_MODE_UNSPEC: not said */
	uint32_t uid;
	uint32_t gid;
	bool owner;			/* uid and gid were said */
	bool spoof_check;
	uint64_t features[FEATURE_WORDS]; /* what may be offered to the guest */
	uint64_t must_offer[FEATURE_WORDS]; /* and of that what was named */
};

/* Tells its errors. Without --mac, one is made up. */
int attach_parse(int argc, char **argv, struct attach_options *o);

#endif /* VHOST_XDP_ATTACH_H */
