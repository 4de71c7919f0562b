/* SPDX-License-Identifier: GPL-2.0 */
/*
 * compat.h - what differs between the kernels we build for (6.12 and later).
 *
 * By symbol or feature, never by a ladder of distribution versions. Nothing
 * outside this file looks at LINUX_VERSION_CODE.
 */
#ifndef VXDP_COMPAT_H
#define VXDP_COMPAT_H

#include <linux/err.h>
#include <linux/sched/vhost_task.h>
#include <linux/skbuff.h>
#include <linux/spinlock.h>
#include <linux/version.h>
#include <linux/virtio_net.h>
#include <net/sock.h>
#include <net/xdp.h>
#include "core/net_hdr.h"

/* From 6.17 on skbs, taps and vhost-net know GSO frames in a UDP tunnel. */
#ifdef VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO_MAPPED
#define VXDP_TUNNEL_GSO	1
#else
#define VXDP_TUNNEL_GSO	0
#endif

/* As virtio_net_hdr_to_skb(), and of such tunnels, too, where they can be. */
static inline int vxdp_claim_to_skb(struct sk_buff *skb, const struct vxdp_claim *claim)
{
#if VXDP_TUNNEL_GSO
	struct virtio_net_hdr_v1_hash_tunnel hdr = {
		.outer_th_offset = cpu_to_le16(claim->outer_l4),
		.inner_nh_offset = cpu_to_le16(claim->inner_l3),
	};

	memcpy(&hdr, &claim->hdr, sizeof(claim->hdr));
	return virtio_net_hdr_tnl_to_skb(skb, &hdr, true, true, true);
#else
	return virtio_net_hdr_to_skb(skb, &claim->hdr, true);
#endif
}

/* 6.12 answered NULL before a stable update made it an error pointer. */
static inline struct vhost_task *
vxdp_vhost_task_create(bool (*fn)(void *), void (*handle_sigkill)(void *),
		       void *arg, const char *name)
{
	struct vhost_task *task = vhost_task_create(fn, handle_sigkill, arg, name);

	return task ? task : ERR_PTR(-ENOMEM);
}

/* 6.14 keeps the sum; before it, frags were taken for whole buffers anyway. */
static inline void vxdp_add_frags_truesize(struct skb_shared_info *sinfo, u32 size)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 14, 0)
	sinfo->xdp_frags_truesize += size;
#endif
}

static inline void vxdp_init_frags(struct skb_shared_info *sinfo)
{
	sinfo->nr_frags = 0;
	sinfo->xdp_frags_size = 0;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 14, 0)
	sinfo->xdp_frags_truesize = 0;
#endif
}

/* Whose memory a frame is; from 6.14 on the page itself says of which pool. */
static __always_inline void vxdp_frame_set_mem(struct xdp_frame *frame,
					       const struct xdp_mem_info *mem)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 14, 0)
	frame->mem_type = mem->type;
#else
	frame->mem = *mem;
#endif
}

static __always_inline struct xdp_mem_info vxdp_frame_mem(const struct xdp_frame *frame)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 14, 0)
	return (struct xdp_mem_info){ .type = frame->mem_type };
#else
	return frame->mem;
#endif
}

/* A kernel's socket holds its namespace from now on; see kmod/Makefile. */
static inline void vxdp_sk_hold_net(struct sock *sk)
{
#ifdef VXDP_SK_NET_REFCNT_UPGRADE
	sk_net_refcnt_upgrade(sk);
#else
	/* It came by a stable update of 6.12. Without it, for good. */
	get_net(sock_net(sk));
#endif
}

/* Until a stable update of 6.12 these did not take a frame that is const. */
#define xdp_buff_has_frags(xdp)		xdp_buff_has_frags((struct xdp_buff *)(xdp))
#define xdp_get_buff_len(xdp)		xdp_get_buff_len((struct xdp_buff *)(xdp))
#define xdp_get_shared_info_from_buff(xdp) \
	xdp_get_shared_info_from_buff((struct xdp_buff *)(xdp))
#define xdp_frame_has_frags(frame)	xdp_frame_has_frags((struct xdp_frame *)(frame))
#define xdp_get_frame_len(frame)	xdp_get_frame_len((struct xdp_frame *)(frame))
#define xdp_get_shared_info_from_frame(frame) \
	xdp_get_shared_info_from_frame((struct xdp_frame *)(frame))

/*
 * spin_lock(), spin_trylock() and spin_unlock() for who has softirqs off and cannot
 * be preempted anyway: a call and a preempt count less each. Not where somebody
 * watches locks, nor where they sleep.
 */
#if defined(CONFIG_SMP) && !defined(CONFIG_DEBUG_SPINLOCK) && \
	!defined(CONFIG_DEBUG_LOCK_ALLOC) && !defined(CONFIG_PREEMPT_RT)
static __always_inline void vxdp_lock(spinlock_t *lock)
{
	arch_spin_lock(&lock->rlock.raw_lock);
}

static __always_inline bool vxdp_trylock(spinlock_t *lock)
{
#if defined(CONFIG_X86) && defined(CONFIG_QUEUED_SPINLOCKS)
	/* As arch_spin_lock() begins: without a look first, for nobody has it. */
	int free = 0;

	return atomic_try_cmpxchg_acquire(&lock->rlock.raw_lock.val, &free, _Q_LOCKED_VAL);
#else
	return arch_spin_trylock(&lock->rlock.raw_lock);
#endif
}

static __always_inline void vxdp_unlock(spinlock_t *lock)
{
	arch_spin_unlock(&lock->rlock.raw_lock);
}
#else
static __always_inline void vxdp_lock(spinlock_t *lock)
{
	spin_lock(lock);
}

static __always_inline bool vxdp_trylock(spinlock_t *lock)
{
	return spin_trylock(lock);
}

static __always_inline void vxdp_unlock(spinlock_t *lock)
{
	spin_unlock(lock);
}
#endif

#endif /* VXDP_COMPAT_H */
