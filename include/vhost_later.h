/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * vhost_later.h - what <linux/vhost.h>, <linux/virtio_net.h> and <linux/if_tun.h>
 * have got since the oldest headers we are built with. The only place for such
 * copies; module and tests include it.
 */
#ifndef VHOST_LATER_H
#define VHOST_LATER_H

#include <linux/vhost.h>
#include <linux/virtio_net.h>

/* 6.2: GSO frames of UDP datagrams. */
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4	5
#endif
#ifndef TUN_F_USO4
#define TUN_F_USO4			0x20
#define TUN_F_USO6			0x40
#endif

/* 6.4; a port has none of these. */
#ifndef VHOST_NEW_WORKER
#define VHOST_NEW_WORKER		_IOR(VHOST_VIRTIO, 0x8, __u32)
#define VHOST_FREE_WORKER		_IOW(VHOST_VIRTIO, 0x9, __u32)
#define VHOST_ATTACH_VRING_WORKER	_IOW(VHOST_VIRTIO, 0x15, __u64)
#define VHOST_GET_VRING_WORKER		_IOWR(VHOST_VIRTIO, 0x16, __u64)
#endif

/* 6.17, and 6.12 by a stable update: who the worker is. */
#ifndef VHOST_SET_FORK_FROM_OWNER
#define VHOST_SET_FORK_FROM_OWNER	_IOW(VHOST_VIRTIO, 0x84, __u8)
#define VHOST_GET_FORK_FROM_OWNER	_IOR(VHOST_VIRTIO, 0x85, __u8)
#define VHOST_FORK_OWNER_KTHREAD	0
#define VHOST_FORK_OWNER_TASK		1
#endif

/*
 * 6.17: features beyond the 64th. The argument is a struct vhost_features_array, a
 * __u64 count and as many words of features behind it.
 */
#ifndef VHOST_GET_FEATURES_ARRAY
#define VHOST_GET_FEATURES_ARRAY	_IOR(VHOST_VIRTIO, 0x83, __u64)
#define VHOST_SET_FEATURES_ARRAY	_IOW(VHOST_VIRTIO, 0x83, __u64)
#endif

/* 6.17: GSO frames in a UDP tunnel (virtio 1.4). */
#ifndef VIRTIO_NET_HDR_GSO_UDP_TUNNEL
#define VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO	65
#define VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO	67
#define VIRTIO_NET_HDR_F_UDP_TUNNEL_CSUM	8
#define VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV4	0x20
#define VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV6	0x40
#define VIRTIO_NET_HDR_GSO_UDP_TUNNEL		(VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV4 | \
						 VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV6)
#endif
#ifndef TUN_F_UDP_TUNNEL_GSO
#define TUN_F_UDP_TUNNEL_GSO		0x080
#define TUN_F_UDP_TUNNEL_GSO_CSUM	0x100
#endif

#endif /* VHOST_LATER_H */
