/* SPDX-License-Identifier: GPL-2.0 */
/*
 * platform.h - the userspace twin of kmod/core/platform.h (same guard).
 *
 * The Makefile includes it before each file of kmod/core, which so compiles as it
 * is. What the kernel's header takes from the kernel is here: types, checksums,
 * barriers. What it takes from the VMM's address space is in uspace.h: an address
 * space of the test's own, in which nothing is reached by accident.
 */
#ifndef VXDP_PLATFORM_H
#define VXDP_PLATFORM_H

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include <linux/types.h>
#include <linux/if_ether.h>
#include <linux/if_xdp.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;

#ifndef __counted_by
#define __counted_by(member)
#endif

#ifndef __always_inline
#define __always_inline	inline __attribute__((always_inline))
#endif
#ifndef XDP_PKT_CONTD			/* <linux/if_xdp.h> of 6.6 */
#define XDP_PKT_CONTD		(1 << 0)
#endif

#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)
#define U16_MAX			UINT16_MAX
#define le16_to_cpu(x)		((u16)(x))
#define cpu_to_le16(x)		((__le16)(x))
#define VLAN_HLEN		4
#define TCP_MIN_GSO_SIZE	8
#define CSUM_MANGLED_0		((__sum16)0xffff)
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#define DIV_ROUND_UP(n, d)	(((n) + (d) - 1) / (d))
#define struct_size(p, member, n) (sizeof(*(p)) + sizeof((p)->member[0]) * (n))

#define min(a, b)							\
	({								\
		__auto_type _a = (a);					\
		__auto_type _b = (b);					\
		_a < _b ? _a : _b;					\
	})
#define max(a, b)							\
	({								\
		__auto_type _a = (a);					\
		__auto_type _b = (b);					\
		_a > _b ? _a : _b;					\
	})
#define min_t(type, a, b)	min((type)(a), (type)(b))
#define max_t(type, a, b)	max((type)(a), (type)(b))

#include "uspace.h"

#ifndef smp_mb	/* selftests/bench/native has the machine's */
#define smp_mb()	us_barrier()
#define smp_wmb()	us_barrier()
#define smp_rmb()	us_barrier()
#endif

/* Of memory that the kernel shares, not of a VMM's. */
#define READ_ONCE(x)		(*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, val)	(*(volatile __typeof__(x) *)&(x) = (val))
#define smp_load_acquire(p)	__atomic_load_n(p, __ATOMIC_ACQUIRE)
#define smp_store_release(p, v)	__atomic_store_n(p, v, __ATOMIC_RELEASE)

static inline void *vxdp_zalloc(size_t size)
{
	return us_zalloc(size);
}

static inline void vxdp_free(const void *p)
{
	us_free(p);
}

static inline bool vxdp_access_ok(u64 uaddr, u64 len)
{
	return us_access_ok(uaddr, len);
}

static inline int vxdp_copy_from_user(void *dst, u64 uaddr, size_t len)
{
	return us_read(dst, uaddr, len);
}

static inline int vxdp_copy_to_user(u64 uaddr, const void *src, size_t len)
{
	return us_write(uaddr, src, len);
}

static inline int vxdp_get_u16(u16 *val, u64 uaddr)
{
	us_aligned(uaddr, sizeof(*val));
	return us_read(val, uaddr, sizeof(*val));
}

static inline int vxdp_put_u16(u16 val, u64 uaddr)
{
	us_aligned(uaddr, sizeof(val));
	return us_write(uaddr, &val, sizeof(val));
}

static inline bool vxdp_user_begin(u64 uaddr, u64 len)
{
	return us_access_ok(uaddr, len);
}

static inline void vxdp_user_end(void)
{
}

#define vxdp_user_get(val, uaddr, type, label)				\
	do {								\
		type _v;						\
									\
		us_aligned(uaddr, sizeof(_v) > 2 ? 4 : sizeof(_v));	\
		if (us_read(&_v, uaddr, sizeof(_v)))			\
			goto label;					\
		(val) = _v;						\
	} while (0)

#define vxdp_nospec(index, size)	(index)

static inline int vxdp_or_u32(u32 bits, u64 uaddr)
{
	us_aligned(uaddr, sizeof(bits));
	return us_or(uaddr, bits);
}

static inline struct iovec vxdp_iovec(u64 uaddr, u64 len)
{
	return (struct iovec){ .iov_base = (void *)uaddr, .iov_len = len };
}

static inline void sort(void *base, size_t num, size_t size,
			int (*cmp)(const void *, const void *), void *swap)
{
	(void)swap;
	qsort(base, num, size, cmp);
}

/* RFC 1071 over words in memory order, as the kernel's. */
static inline __wsum csum_partial(const void *buff, int len, __wsum sum)
{
	const u8 *p = buff;
	u64 s = sum;
	u16 word;

	for (; len > 1; len -= 2, p += 2) {
		memcpy(&word, p, sizeof(word));
		s += word;
	}
	if (len)
		s += *p;
	while (s >> 32)
		s = (s & UINT32_MAX) + (s >> 32);
	return s;
}

static inline __sum16 csum_fold(__wsum sum)
{
	u32 s = sum;

	s = (s & U16_MAX) + (s >> 16);
	s = (s & U16_MAX) + (s >> 16);
	return ~s;
}

static inline __sum16 ip_fast_csum(const void *iph, unsigned int ihl)
{
	return csum_fold(csum_partial(iph, ihl * 4, 0));
}

static inline __sum16 csum_tcpudp_magic(__be32 saddr, __be32 daddr, u32 len,
					u8 proto, __wsum sum)
{
	__be32 tail[] = { saddr, daddr, htonl(proto), htonl(len) };

	return csum_fold(csum_partial(tail, sizeof(tail), sum));
}

static inline __sum16 csum_ipv6_magic(const struct in6_addr *saddr,
				      const struct in6_addr *daddr, u32 len,
				      u8 proto, __wsum sum)
{
	__be32 tail[] = { htonl(proto), htonl(len) };

	sum = csum_partial(saddr, sizeof(*saddr), sum);
	sum = csum_partial(daddr, sizeof(*daddr), sum);
	return csum_fold(csum_partial(tail, sizeof(tail), sum));
}

#endif /* VXDP_PLATFORM_H */
