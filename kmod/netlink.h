/* SPDX-License-Identifier: GPL-2.0 */
/*
 * netlink.h - the generic netlink family "vhost_xdp".
 */
#ifndef VXDP_NETLINK_H
#define VXDP_NETLINK_H

#include "port.h"

void vxdp_netlink_notify(struct vxdp_port *port, u8 cmd);
int vxdp_netlink_init(void);
void vxdp_netlink_exit(void);

#endif /* VXDP_NETLINK_H */
