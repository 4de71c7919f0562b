/* SPDX-License-Identifier: GPL-2.0 */
/*
 * uplink.h - the network device that carries a port's frames.
 */
#ifndef VXDP_UPLINK_H
#define VXDP_UPLINK_H

#include <linux/netdevice.h>
#include <net/xdp.h>
#include "port.h"

struct vxdp_claim;
struct vxdp_xsk;

/**
 * struct vxdp_out - frames that are to leave together
 * @port: who counts
 * @dev: its uplink
 * @xsk: the AF_XDP socket that takes frames in the driver's place, or NULL
 * @problem: why no frame can leave just now, or 0
 * @max_len: longest frame
 * @frames: driver or socket takes frames as they are
 * @frags: those of several buffers, too
 * @nr: frames in @frame
 * @bytes: of them
 * @frame: room for VXDP_TX_BATCH
 *
 * On the stack of who sends; softirqs off and RCU from begin to flush.
 */
struct vxdp_out {
	struct vxdp_port *port;
	struct net_device *dev;
	struct vxdp_xsk *xsk;
	u32 problem;
	u32 max_len;
	bool frames;
	bool frags;
	u32 nr;
	u64 bytes;
	struct xdp_frame **frame;
};

int vxdp_uplink_attach(struct vxdp_port *port, u32 ifindex);
void vxdp_uplink_detach(struct vxdp_port *port);
void vxdp_uplink_begin(struct vxdp_out *out, struct vxdp_port *port,
		       struct net_device *dev, struct xdp_frame **frame, struct vxdp_xsk *xsk);
void vxdp_uplink_add_other(struct vxdp_out *out, struct xdp_frame *frame);
void vxdp_uplink_flush(struct vxdp_out *out);
bool vxdp_uplink_may_redirect(struct xdp_buff *xdp, bool gso);
void vxdp_uplink_send_skb(struct vxdp_out *out, struct xdp_frame *frame);
void vxdp_uplink_send_gso(struct vxdp_port *port, struct net_device *dev,
			  struct xdp_frame *frame, const struct vxdp_claim *claim,
			  bool shared);
int vxdp_uplink_init(void);
void vxdp_uplink_exit(void);

/*
 * Send a frame, which is gone afterwards, behind those that were added before.
 * Context: as vxdp_uplink_begin(); @out has room.
 */
static inline void vxdp_uplink_add(struct vxdp_out *out, struct xdp_frame *frame)
{
	if (unlikely(!out->frames || xdp_frame_has_frags(frame) ||
		     frame->len > out->max_len || frame->len < ETH_ZLEN)) {
		vxdp_uplink_add_other(out, frame);
		return;
	}
	out->bytes += frame->len;
	out->frame[out->nr++] = frame;
}

#endif /* VXDP_UPLINK_H */
