/* SPDX-License-Identifier: GPL-2.0 */
/*
 * two.h - two guests on two ports, the one sends to the other.
 */
#ifndef SELFTESTS_TWO_H
#define SELFTESTS_TWO_H

#include "../vmm/flow.h"

/* Those of b; a has what every guest here has. */
#define OTHER "pb"
#define OTHER_TAP "pbtap"
extern const uint8_t mac_b[6];

struct two {
	struct bench a, b;	/* a sends to b */
};

/* two_open - b's port is made, a's is there */
void two_open(struct two *t, enum lane lane, struct nic_cfg a, struct nic_cfg b);
void two_close(struct two *t);

/* long_wire - the wire is looked at anew: long frames, and what the kernel knows of them */
void long_wire(struct bench *b);

/* two_takes - b's VMM tells its tap what the guest takes: TUN_F_* */
void two_takes(struct two *t, unsigned int offloads);

/* two_sent - a has all of its buffers back: what it sent is dealt with */
bool two_sent(struct two *t);

/* two_next - a frame that b gets; false: none comes. two_done - b is done with it */
bool two_next(struct two *t, struct nic_frame *f);
void two_done(struct two *t);

#endif
