/* SPDX-License-Identifier: GPL-2.0 */
/*
 * egress.h - a frame of a guest while the egress program looks at it.
 */
#ifndef VXDP_EGRESS_H
#define VXDP_EGRESS_H

#include "queue.h"

/**
 * struct vxdp_egress - what the kfunc may know of the frame
 * @q: who sends
 * @slot: the frame, as it was before the program
 * @xdp: what the program has of it
 * @port: the only port that the program has offered it so far, without flags; 0: none;
 *	VHOST_XDP_PORT_HOST: something else, or more than one
 * @offered: some other port has taken it, or has counted why not
 * @delivered: some other port has taken it
 * @to_host: a copy for the exception path was made
 * @copies: how often a port was offered this frame, or another one, since softirqs
 *	were switched off; a long frame counts as VHOST_XDP_FRAME_MAX says
 *
 * One a CPU, set while a program runs with softirqs off; no lock.
 */
struct vxdp_egress {
	struct vxdp_queue *q;
	struct vxdp_tx_slot *slot;
	struct xdp_buff xdp;
	u32 port;
	bool offered;
	bool delivered;
	bool to_host;
	u32 copies;
};

/* Whose egress program runs on this CPU, or NULL. Softirqs are off. */
DECLARE_PER_CPU(struct vxdp_egress *, vxdp_egress_now);

bool vxdp_egress_gso(const struct vxdp_egress *e, struct vxdp_gso *gso,
		     struct vxdp_claim *claim);
int vxdp_egress_copy_to_host(struct vxdp_egress *e);
void vxdp_egress_run(struct vxdp_queue *q, u32 nr);

/*
 * Is this frame, which a program was given, one that a guest is sending just now?
 * Context: softirqs off.
 * Return: what is known of it, or NULL: it was received.
 */
static inline struct vxdp_egress *vxdp_egress_current(const struct xdp_buff *xdp)
{
	struct vxdp_egress *e = this_cpu_read(vxdp_egress_now);

	return e && &e->xdp == xdp ? e : NULL;
}

#endif /* VXDP_EGRESS_H */
