/* SPDX-License-Identifier: GPL-2.0 */
/*
 * taker.h - which GSO frames a guest takes whole.
 */
#ifndef VXDP_TAKER_H
#define VXDP_TAKER_H

#include <linux/list.h>
#include <linux/types.h>

struct net;
struct virtio_net_hdr;
struct socket;

/**
 * struct vxdp_taker - what the tap of a queue pair was told by the VMM
 * @node: in the list of those whose tap is known, or empty; own lock
 * @net: namespace of the tap, to compare with only; own lock
 * @ifindex: the tap; own lock
 * @takes: BIT(VIRTIO_NET_HDR_GSO_*) of what the guest takes, VXDP_TAKES_*; written
 *	under the lock, read without
 */
struct vxdp_taker {
	struct list_head node;
	const struct net *net;
	int ifindex;
	u32 takes;
};

/* Also where TCP's CWR is set in it. */
#define VXDP_TAKES_ECN		BIT(31)
/* Also in a UDP tunnel; and where the tunnel's checksum is to be completed. */
#define VXDP_TAKES_TUNNEL	BIT(30)
#define VXDP_TAKES_TUNNEL_CSUM	BIT(29)

void vxdp_taker_init_one(struct vxdp_taker *t);
void vxdp_taker_learn(struct vxdp_taker *t, struct socket *sock);
void vxdp_taker_forget(struct vxdp_taker *t);
bool vxdp_taker_takes(const struct vxdp_taker *t, const struct virtio_net_hdr *hdr);
int vxdp_taker_init(void);
void vxdp_taker_exit(void);

#endif /* VXDP_TAKER_H */
