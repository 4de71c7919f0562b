/* SPDX-License-Identifier: GPL-2.0 */
/*
 * native.h - nanoseconds a frame on this machine's CPU: the core of vhost-xdp, and
 * DPDK's vhost library, on the same rings with the same guest.
 *
 * Each is the device side of a queue pair. What is timed is that side alone: taking
 * descriptors, translating, copying and giving back a burst of frames. The guest's
 * side runs before and after, on the same CPU, and is not timed.
 */
#ifndef BENCH_NATIVE_H
#define BENCH_NATIVE_H

#include "../../vmm/ktap.h"
#include "../../vmm/vmm.h"

#define BURST 32

struct side {
	const char *name;

	/* open - make @n, whose rings are filled and known to nobody yet, work */
	void (*open)(struct nic *n);

	/* The burst of frames of @len bytes that rx() gives to the guest. */
	void (*prepare)(const uint8_t *frame, unsigned int len);

	/* Timed. How many frames went to the guest or came from it. */
	unsigned int (*rx)(void);
	unsigned int (*tx)(void);

	/* done - what tx() got is looked at (@frame: it must be that) and freed */
	void (*done)(const uint8_t *frame, unsigned int len);
	void (*close)(struct nic *n);
};

extern const struct side side_core, side_dpdk;

#endif
