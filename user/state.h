/* SPDX-License-Identifier: GPL-2.0 */
/*
 * state.h - changing what there is, so that a crash at any point is mended.
 *
 * A port's entry in vxdp_ports is its journal: written with UNFINISHED before
 * anything else is done for it and again without when all is done, set again
 * before it is taken down, and deleted last. What an interrupted run left is
 * hence found by the next one and taken down by the same code.
 */
#ifndef VHOST_XDP_STATE_H
#define VHOST_XDP_STATE_H

#include <stdint.h>

#include "maps.h"
#include "port.h"

/*
 * Root, one at a time, and not to be interrupted by a signal from the terminal.
 * Tells its errors. The lock goes with the process.
 */
int state_begin(const char *what);

/*
 * Takes a port down whole: @id in the kernel, all map entries, its addresses at
 * the uplink and, with the last port there, the ingress program. Each part may
 * be missing already. Tells what goes wrong; returns non-zero only where the
 * port itself could not be deleted, and nothing was changed.
 */
int state_teardown(struct control *ctl, const struct maps *m, uint32_t id,
		   const char *name);

/* Takes down what earlier runs left half made. */
int state_clean(struct control *ctl);

/*
 * What state_clean() would take down, for doctor: how many ports' remains, with
 * a name for one of them.
 */
unsigned int state_stale(struct control *ctl, char *name, size_t size);

/* Is there no port left? Then the pins go. */
void state_unpin_if_unused(struct control *ctl);

#endif /* VHOST_XDP_STATE_H */
