/* SPDX-License-Identifier: GPL-2.0 */
/*
 * prog.h - the two XDP programs: loading them, and the ingress program's life at
 * an uplink.
 */
#ifndef VHOST_XDP_PROG_H
#define VHOST_XDP_PROG_H

#include <stdbool.h>
#include <stdint.h>
#include <xdp/libxdp.h>

/*
 * Gives the egress program of this namespace, loading and pinning it (and with
 * it the maps) where it is not yet there. Tells its errors.
 */
int egress_open(int *fd);
/* The kernel's number of the pinned program, 0 where there is none. */
uint32_t egress_pinned_id(void);
void egress_unpin(void);

/* How XDP runs at an uplink. */
struct ingress {
	enum xdp_attach_mode mode;	/* XDP_MODE_UNSPEC: we are not there */
	bool dispatcher;		/* shared with others by libxdp */
	bool others;			/* somebody else's program is there */
	bool stale;			/* ours, but not on the pinned maps */
};

void ingress_query(uint32_t ifindex, struct ingress *in);
const char *mode_name(enum xdp_attach_mode mode);

/* Attaches (once is enough); tells its errors. */
int ingress_attach(uint32_t ifindex, const char *ifname,
		   enum xdp_attach_mode mode);
/* Takes it off again; nothing to do where it or the uplink is gone. */
void ingress_detach(uint32_t ifindex);

#endif /* VHOST_XDP_PROG_H */
