/* SPDX-License-Identifier: GPL-2.0 */
/*
 * platform.h - all that the datapath core needs of its surroundings.
 *
 * The files of this directory reach the kernel through this header only, so that
 * unit tests and fuzzers compile them as they are: they include their own twin
 * of this header (same guard) first.
 *
 * Guest memory and log are reached by user addresses (u64) of the VMM. Functions
 * here run in process context in the VMM's address space and may sleep.
 */
#ifndef VXDP_PLATFORM_H
#define VXDP_PLATFORM_H

#include <linux/mutex.h>
#include <linux/futex.h>
#include <linux/if_ether.h>
#include <linux/if_xdp.h>
#include <linux/if_vlan.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/sort.h>
#include <linux/tcp.h>
#include <linux/uaccess.h>
#include <linux/udp.h>
#include <linux/uio.h>
#include <linux/vhost_types.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <net/checksum.h>
#include <net/ip6_checksum.h>
#include <net/tcp.h>
#include <asm/barrier.h>
#include <asm/futex.h>

#if !defined(CONFIG_64BIT) || defined(__BIG_ENDIAN)
#error "vhost_xdp wants a 64-bit little-endian kernel"
#endif

static inline void *vxdp_zalloc(size_t size)
{
	return kvzalloc(size, GFP_KERNEL_ACCOUNT);
}

static inline void vxdp_free(const void *p)
{
	kvfree(p);
}

static inline bool vxdp_access_ok(u64 uaddr, u64 len)
{
	return access_ok((void __user *)uaddr, len);
}

static inline int vxdp_copy_from_user(void *dst, u64 uaddr, size_t len)
{
	return copy_from_user(dst, (void __user *)uaddr, len) ? -EFAULT : 0;
}

static inline int vxdp_copy_to_user(u64 uaddr, const void *src, size_t len)
{
	return copy_to_user((void __user *)uaddr, src, len) ? -EFAULT : 0;
}

/* One access each, never torn: @uaddr is aligned to 2. */
static inline int vxdp_get_u16(u16 *val, u64 uaddr)
{
	return get_user(*val, (u16 __user *)uaddr);
}

static inline int vxdp_put_u16(u16 val, u64 uaddr)
{
	return put_user(val, (u16 __user *)uaddr);
}

/*
 * Several accesses on end: between vxdp_user_begin(), which checks the range and
 * may say no, and vxdp_user_end() nothing is called that is not inline. A read that
 * faults goes to @label, in there.
 */
static __always_inline __must_check bool vxdp_user_begin(u64 uaddr, u64 len)
{
	return user_access_begin((void __user *)uaddr, len);
}

static __always_inline void vxdp_user_end(void)
{
	user_access_end();
}

#define vxdp_user_get(val, uaddr, type, label) \
	unsafe_get_user(val, (type __user *)(uaddr), label)

/* @index, which is below @size, also where the CPU speculates that it is. */
#define vxdp_nospec(index, size)	array_index_nospec(index, size)

/* Of an atomic operation that a CPU has given up. */
#define VXDP_OR_TRIES	1000

/*
 * Sets bits of the 32-bit word at @uaddr, aligned to 4, atomically against the
 * VMM, which fetches and clears them. This is what the futex operations do; no
 * page need be pinned for it. Where others write the word all the time some CPUs
 * give up after a while (arm64: -EAGAIN).
 */
static inline int vxdp_or_u32(u32 bits, u64 uaddr)
{
	int old, ret, tries = 0;

	if (!access_ok((void __user *)uaddr, sizeof(u32)))
		return -EFAULT;
	do {
		ret = arch_futex_atomic_op_inuser(FUTEX_OP_OR, bits, &old,
						  (u32 __user *)uaddr);
	} while (ret == -EAGAIN && ++tries < VXDP_OR_TRIES);
	return ret ? -EFAULT : 0;
}

static inline struct iovec vxdp_iovec(u64 uaddr, u64 len)
{
	return (struct iovec){ .iov_base = (void __user *)uaddr, .iov_len = len };
}

#endif /* VXDP_PLATFORM_H */
