/* SPDX-License-Identifier: GPL-2.0 */
/*
 * rings.h - what the hostile guests of split and packed rings share.
 */
#ifndef ABI_RINGS_H
#define ABI_RINGS_H

#include "../vmm/flow.h"

#define NUM 16

struct hostile {
	const char *name;
	unsigned int ring;
	unsigned int stat;
	void (*spoil)(struct bench *b, struct ring *r);
	bool after_good;	/* the receive ring has good buffers before it */
};

#define BOTH(name, stat, fn)						\
	{ name, NIC_TX, VHOST_XDP_STAT_RING_##stat, fn, false },	\
	{ name, NIC_RX, VHOST_XDP_STAT_RING_##stat, fn, false }

/* Guest memory to point at: 64 KiB that nothing else uses. */
extern uint8_t *pad;
extern uint64_t pad_gpa;

/* protect - the pages that hold @p, until the case is over */
void protect(void *p, int prot);

extern const struct hostile packed_hostiles[];
extern const unsigned int packed_hostiles_nr;

/* packed_abi - what a VMM may say of packed rings, right and wrong */
void packed_abi(struct bench *b);

#endif
