/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pins.h - pins that outlive what they were for: libxdp's of an uplink that was
 * deleted, ours of a network namespace that is gone. Each holds a program, and
 * each program holds the module.
 */
#ifndef VHOST_XDP_PINS_H
#define VHOST_XDP_PINS_H

#include <stdbool.h>
#include <stdint.h>

/* Does the program use the map that is pinned as "vxdp_fdb" below @dir? */
bool uses_our_maps(int prog_fd, const char *dir);

/*
 * Removes libxdp's pins of a dispatcher for interface @ifindex (0: any) with our
 * ingress program on the maps below @dir, unless it is dispatcher @but.
 */
void pins_forget_dispatchers(uint32_t ifindex, const char *dir, uint32_t but);

/* Removes the pins of namespaces whose ports are all gone. */
void pins_forget_namespaces(void);

#endif /* VHOST_XDP_PINS_H */
