/* SPDX-License-Identifier: GPL-2.0 */
/*
 * driver.h - a guest's driver for one virtqueue, after the specification (virtio
 * 1.2, 2.7.13 and 2.7.14; packed, in driver_packed.c: 1.3, 2.8.21 and 2.8.22), that
 * checks all it gets back.
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
	u32 descs;		/* of the ring; 0: nobody has it */
	u16 ids[DRIVER_BUFS_MAX];	/* of those; the first is the chain's */
	u16 slot;
	u16 place;		/* packed: where it begins */
	bool taken;
	struct driver_buf buf[DRIVER_BUFS_MAX];
	u32 used_len;		/* by the device: what it will say in the used ring */
};

enum driver_state {
	DRIVER_AWAKE,
	DRIVER_ASKED,		/* has asked for an interrupt, not yet looked again */
	DRIVER_ASLEEP,
};

struct driver;

/* How a ring of that kind is written and read. */
struct driver_ops {
	void (*table)(struct driver *d, struct driver_chain *c, u64 gpa);
	void (*offer)(struct driver *d, struct driver_chain *c, u64 table);
	bool (*wants_kick)(struct driver *d);
	/* next_used - has the device given more back? Which, and bytes written */
	bool (*next_used)(struct driver *d, u32 *id, u32 *len);
	/* used - descriptors given back and not reaped; split: chains */
	u32 (*used)(struct driver *d);
	void (*done)(struct driver *d, struct driver_chain *c);
	void (*ask)(struct driver *d, u16 delay);
	void (*mute)(struct driver *d);
};

struct driver {
	struct guest *g;
	const struct driver_ops *ops;
	u32 num;
	bool event_idx;
	bool in_order;
	bool logs;
	u64 offered;		/* chains; each one's serial is the count before it */
	u64 reaped;
	u64 skipped;		/* of those, in order: no used entry was theirs */
	u16 used_seen;		/* packed: a place */
	u16 avail_place;	/* packed: where the next chain goes */
	u16 kick_old;		/* avail->idx when it last looked whether to kick; packed: what
				 * came since */
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

/* driver_flags - of the ith buffer of a chain */
u16 driver_flags(const struct driver_chain *c, u32 i);

extern const struct driver_ops driver_packed;

/* driver_dirty - note in the log that the guest itself wrote, as KVM does */
void driver_dirty(struct driver *d, u64 gpa, u64 len);

#endif
