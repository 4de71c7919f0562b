/* SPDX-License-Identifier: GPL-2.0 */
/*
 * local.h - two guests on two ports, the one sends to the other.
 */
#ifndef SELFTESTS_LOCAL_H
#define SELFTESTS_LOCAL_H

#include "../vmm/flow.h"

#define OTHER "pb"
#define OTHER_TAP "pbtap"

extern const uint8_t mac_b[6];

extern const struct nic_cfg guest;

struct two {
	struct bench a, b;	/* a sends to b */
	uint32_t seq;
	uint8_t flags;		/* that a sets in headers besides */
};

/* open_two - both as @guest, but the second as @other; the second's port is made */
void open_two(struct two *t, struct nic_cfg other);
void close_two(struct two *t);

/* local_flood.c: many frames at a time, to several guests, and logged */
void flooded(void);
void logged_flood(void);

#endif
