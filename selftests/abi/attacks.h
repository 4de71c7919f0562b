/* SPDX-License-Identifier: GPL-2.0 */
/*
 * attacks.h - a guest and a VMM that do what once hurt vhost.
 */
#ifndef SELFTESTS_ATTACKS_H
#define SELFTESTS_ATTACKS_H

#include <pthread.h>

#include "../vmm/flow.h"

extern enum lane lane;
extern const struct nic_cfg small;

/* Something that is done as fast as it can be, beside the test itself. */
struct beside {
	pthread_t thread;
	struct bench *b;
	bool stop;
	int fd;
	unsigned long laps, used;
};

/* beside_start - returns when the first lap is done */
void beside_start(struct beside *s, struct bench *b, void *(*fn)(void *));
/* beside_goes_on - false when it is to end; called once a lap */
bool beside_goes_on(struct beside *s);
void beside_stop(struct beside *s);

/* used_up_to - wait until the ring's used index is @idx */
bool used_up_to(struct ring *r, uint16_t idx);

/* renew - both rings afresh, whatever has become of them */
void renew(struct bench *b);

/* attacks_tx.c */
bool backend_swapped_beneath(void);
bool short_frames(void);
bool nothing_leaks(void);
bool header_changes(void);
bool right_header_changes(void);

#endif
