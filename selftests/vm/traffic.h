/* SPDX-License-Identifier: GPL-2.0 */
/*
 * traffic.h - the parts of the traffic test.
 */
#ifndef SELFTESTS_TRAFFIC_H
#define SELFTESTS_TRAFFIC_H

#include "../vmm/flow.h"

void traffic_offload(enum lane lane);
void traffic_policy(enum lane lane);
void traffic_exception(enum lane lane);
void traffic_backends(enum lane lane);

#endif
