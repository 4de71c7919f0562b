/* SPDX-License-Identifier: GPL-2.0 */
/*
 * uplink.h - the network device that carries a port's frames.
 */
#ifndef VXDP_UPLINK_H
#define VXDP_UPLINK_H

#include <linux/netdevice.h>
#include <net/xdp.h>
#include "port.h"

struct virtio_net_hdr;

int vxdp_uplink_attach(struct vxdp_port *port, u32 ifindex);
void vxdp_uplink_detach(struct vxdp_port *port);
void vxdp_uplink_send(struct vxdp_port *port, struct net_device *dev,
		      struct xdp_frame **frames, u32 nr);
void vxdp_uplink_send_skb(struct vxdp_port *port, struct net_device *dev,
			  struct xdp_frame *frame);
void vxdp_uplink_send_gso(struct vxdp_port *port, struct net_device *dev,
			  struct xdp_frame *frame, const struct virtio_net_hdr *hdr,
			  int shift);
int vxdp_uplink_init(void);
void vxdp_uplink_exit(void);

#endif /* VXDP_UPLINK_H */
