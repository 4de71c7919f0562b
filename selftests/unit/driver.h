/* SPDX-License-Identifier: GPL-2.0 */
/*
 * driver.h - a guest's driver for one virtqueue, after the specification (virtio
 * 1.2, 2.7.13 and 2.7.14), that checks all it gets back.
 *
 * What a real driver does in one go is cut into steps, so that the device can act
 * between any two: publish, then look whether to kick; ask for interrupts, then
 * look whether to sleep.
 */
#ifndef UNIT_DRIVER_H
#define UNIT_DRIVER_H

#include "guest.h"

#define DRIVER_NUM_MAX	256
#define DRIVER_BUFS_MAX	6
#define DRIVER_BUF_SIZE	256

struct driver_buf {
	u64 gpa;
	u32 len;
};

/* A chain that the device has; the first @out of @buf are for it to read. */
struct driver_chain {
	u64 serial;
	u32 out;
	u32 nr;
	u32 descs;
	u16 slot;
	bool taken;
	struct driver_buf buf[DRIVER_BUFS_MAX];
	u32 used_len;		/* by the device: what it will say in the used ring */
};

enum driver_state {
	DRIVER_AWAKE,
	DRIVER_ASKED,		/* has asked for an interrupt, not yet looked again */
	DRIVER_ASLEEP,
};

struct driver {
	struct guest *g;
	u32 num;
	bool event_idx;
	bool logs;
	u64 offered;		/* chains; each one's serial is the count before it */
	u64 reaped;
	u16 used_seen;
	u16 kick_old;		/* avail->idx when it last looked whether to kick */
	bool kick_due;
	bool kicked;
	bool interrupted;
	enum driver_state state;
	u16 delay;
	u16 nr_free;
	u16 free[DRIVER_NUM_MAX];
	struct driver_chain chain[DRIVER_NUM_MAX];	/* by head */
	u16 head_of[DRIVER_NUM_MAX];			/* by serial */
	bool failed;
};

void driver_init(struct driver *d, struct guest *g);

/* driver_step - one random step of those it may take now */
void driver_step(struct driver *d);

/* driver_chain - what the device must find as the chain of that serial */
struct driver_chain *driver_chain(struct driver *d, u64 serial);

/* driver_reap - take back all that is used; driver_step() does it too */
void driver_reap(struct driver *d);

/* driver_out_byte, driver_in_byte - the kth byte of a chain's two parts */
u8 driver_out_byte(u64 serial, u32 k);
u8 driver_in_byte(u64 serial, u32 k);

/* driver_dirty - note in the log that the guest itself wrote, as KVM does */
void driver_dirty(struct driver *d, u64 gpa, u64 len);

#endif
