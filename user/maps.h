/* SPDX-License-Identifier: GPL-2.0 */
/*
 * maps.h - the pinned BPF maps: opening them and changing what is in them.
 *
 * One directory of pins serves a network namespace, because interface numbers
 * mean nothing outside of theirs: VXDP_PIN_DIR itself where init lives, a
 * directory "netns-<inode>" below it elsewhere.
 */
#ifndef VHOST_XDP_MAPS_USER_H
#define VHOST_XDP_MAPS_USER_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/types.h>

#include "../include/vhost_xdp_maps.h"

struct maps {
	int fdb;		/* each -1 where it is not there */
	int flood;
	int ports;
	int counters;
	int epoch;
	bool hidden;		/* they may be there, but not for this user */
};

#define MAPS_NONE	{ .fdb = -1, .flood = -1, .ports = -1, .counters = -1, \
			  .epoch = -1 }

/* Where this namespace's objects are pinned. */
const char *pin_dir(void);
/* "<pin_dir()>/NAME", in a static buffer. */
const char *pin_path(const char *name);

/*
 * Opens what is pinned. Returns 0 or -errno: -ENOENT where any is not there,
 * as before the first attach; the file descriptors are then -1 or valid.
 */
int maps_open(struct maps *m);
void maps_close(struct maps *m);
/* Takes maps and directory away; the egress program's pin must be gone. */
void maps_unpin(void);

/* The policy entry of a port; -ENOENT where there is none. */
int maps_port_get(const struct maps *m, uint32_t id, struct vxdp_port *port);
int maps_port_put(const struct maps *m, uint32_t id,
		  const struct vxdp_port *port);
/* Walks all entries: start with *id = 0. */
bool maps_port_next(const struct maps *m, uint32_t *id,
		    struct vxdp_port *port);
/* Finds an entry by the port's name; -ENOENT where there is none. */
int maps_port_by_name(const struct maps *m, const char *name, uint32_t *id,
		      struct vxdp_port *port);
/* Does a port other than @but use the uplink? NULL @other: only the answer. */
bool maps_uplink_shared(const struct maps *m, uint32_t ifindex, uint32_t but,
			uint32_t *other);
void maps_port_forget(const struct maps *m, uint32_t id);

int maps_fdb_add(const struct maps *m, const struct vxdp_fdb_key *key,
		 uint32_t port);
void maps_fdb_del(const struct maps *m, const struct vxdp_fdb_key *key);
/* The port that has this address, or 0. */
uint32_t maps_fdb_owner(const struct maps *m, const struct vxdp_fdb_key *key);
/* Walks a port's addresses: start with a zeroed key. */
bool maps_fdb_next(const struct maps *m, uint32_t port,
		   struct vxdp_fdb_key *key);
/* Is the address in use on the uplink under another VLAN, too? */
bool maps_mac_shared(const struct maps *m, const struct vxdp_fdb_key *mine);

/* 0 or -errno, -ENOSPC where the VLAN is full. */
int maps_flood_join(const struct maps *m, uint32_t ifindex, uint16_t vlan,
		    uint32_t port);
void maps_flood_leave(const struct maps *m, uint32_t port);

int maps_counters_new(const struct maps *m, uint32_t port);
/* Sums over the CPUs; false where the port has none. */
bool maps_counters_get(const struct maps *m, uint32_t port,
		       struct vxdp_counters *sum);

#endif /* VHOST_XDP_MAPS_USER_H */
