/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * vhost_later.h - what <linux/vhost.h> has got since the oldest headers we are
 * built with. The only place for such copies; module and tests include it.
 */
#ifndef VHOST_LATER_H
#define VHOST_LATER_H

#include <linux/vhost.h>

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
 * 6.18: features beyond the 64th. The argument is a struct vhost_features_array, a
 * __u64 count and as many words of features behind it.
 */
#ifndef VHOST_GET_FEATURES_ARRAY
#define VHOST_GET_FEATURES_ARRAY	_IOR(VHOST_VIRTIO, 0x83, __u64)
#define VHOST_SET_FEATURES_ARRAY	_IOW(VHOST_VIRTIO, 0x83, __u64)
#endif

#endif /* VHOST_LATER_H */
