/* SPDX-License-Identifier: GPL-2.0 */
/*
 * message.h - messages between the IOTLB and the VMM.
 */
#ifndef VXDP_MESSAGE_H
#define VXDP_MESSAGE_H

#include <linux/poll.h>
#include <linux/spinlock.h>
#include <linux/uio.h>
#include <linux/wait.h>

struct vxdp_queue;
struct vxdp_ring;

/* Misses that wait to be read. One more, and the oldest goes. */
#define VXDP_MESSAGES_MAX	32

/**
 * struct vxdp_message - a ring misses an address
 * @iova: the address
 * @ring: enum vxdp_ring_index
 * @perm: what it wants to do there, VHOST_ACCESS_*
 * @type: VHOST_IOTLB_MSG or _V2, as the VMM wanted them when it was written
 */
struct vxdp_message {
	u64 iova;
	u8 ring;
	u8 perm;
	u8 type;
};

/**
 * struct vxdp_messages - those that the VMM has not read
 * @lock: protects the others; a leaf
 * @wait: readers and pollers
 * @nr: how many
 * @entry: the oldest first, no two alike
 */
struct vxdp_messages {
	spinlock_t lock;
	wait_queue_head_t wait;
	u32 nr;
	struct vxdp_message entry[VXDP_MESSAGES_MAX];
};

void vxdp_messages_init(struct vxdp_messages *ms);
void vxdp_messages_clear(struct vxdp_messages *ms);
void vxdp_message_forget(struct vxdp_ring *ring);
void vxdp_message_ask(struct vxdp_ring *ring);
ssize_t vxdp_message_read(struct vxdp_queue *q, struct iov_iter *to, bool nonblock);
ssize_t vxdp_message_write(struct vxdp_queue *q, struct iov_iter *from);
__poll_t vxdp_message_poll(struct vxdp_queue *q, struct file *file, poll_table *table);

#endif /* VXDP_MESSAGE_H */
