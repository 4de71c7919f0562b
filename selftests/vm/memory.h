/* SPDX-License-Identifier: GPL-2.0 */
/*
 * memory.h - a guest whose receive buffers and receive ring lie in memory of
 * their own, which a VMM can do things to.
 */
#ifndef SELFTESTS_MEMORY_H
#define SELFTESTS_MEMORY_H

#include "../vmm/flow.h"

/* A slot holds one buffer, across a page boundary; all of them are 2 MiB. */
#define SLOT 8192UL
#define SLOTS 256U
#define BUF_AT 3392UL
#define BUFS_SIZE (SLOT * SLOTS)
#define RING_SIZE (3 * 4096UL)	/* descriptors, avail, used: a page each */

enum part { BUFS, RING, PARTS };

/*
 * Where the memory is a file, it is twice as long as the guest sees: a half is
 * the guest's and the other is not, and all can be seen through @view.
 */
struct part_mem {
	uint8_t *at;
	uint8_t *view;
	size_t size;
	int file;
};

struct guest {
	struct bench b;
	struct part_mem part[PARTS];
	bool shared;
	bool may_lose;		/* what the VMM itself threw away reads as zeros */
	unsigned int erased;
};

void guest_open(struct guest *g, bool shared);
void guest_close(struct guest *g);

/* guest_moved - the part is there now for the VMM: tell the device */
void guest_moved(struct guest *g, enum part p, uint8_t *at);

/* guest_renew - whatever happened: new rings, and frames flow without fault */
bool guest_renew(struct guest *g);

/*
 * guest_stream - so many frames to the guest, in order, none lost, all right.
 * With may_lose a byte may be zero instead; each such frame is counted.
 */
bool guest_stream(struct guest *g, unsigned int n);

/* guest_poke - as if each side had told the other of something */
void guest_poke(struct guest *g);

/* guest_stopped_well - an error was told if and only if it was counted */
bool guest_stopped_well(struct guest *g);

/* memory_files.c: what can only be tried with memory that is a file */
void memory_files(void);

#endif
