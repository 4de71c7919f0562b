/* SPDX-License-Identifier: GPL-2.0 */
/*
 * doctor.h - findings of `vhost-xdp doctor`, and who looks for them.
 */
#ifndef VHOST_XDP_DOCTOR_H
#define VHOST_XDP_DOCTOR_H

#include <jansson.h>
#include <stdbool.h>

#include "link.h"

enum verdict {
	FOUND_OK,
	FOUND_WARN,		/* works, but less well or not for all */
	FOUND_BLOCK,		/* an attach or the traffic will fail */
};

struct findings {
	json_t *list;
	unsigned int blocks;
	unsigned int warnings;
};

/* Adds one. @mend is what to do about it, NULL where all is well. */
void found(struct findings *f, enum verdict verdict, const char *check,
	   const char *mend, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/* This kernel, this machine, what earlier runs left. */
void examine_host(struct findings *f);
/* One uplink. */
void examine_uplink(struct findings *f, const struct link *link);

#endif /* VHOST_XDP_DOCTOR_H */
