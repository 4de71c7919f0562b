/* SPDX-License-Identifier: GPL-2.0 */
/*
 * local.h - frames from guest to guest.
 */
#ifndef SELFTESTS_LOCAL_H
#define SELFTESTS_LOCAL_H

#include "two.h"

extern const struct nic_cfg guest;

/* local_flood.c: many frames at a time, to several guests, and logged */
void flooded(void);
void logged_flood(void);

#endif
