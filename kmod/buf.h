/* SPDX-License-Identifier: GPL-2.0 */
/*
 * buf.h - room for the frames that guests send: pages of a page_pool, one a CPU,
 * cut into pieces.
 *
 * A pool a CPU and not a queue pair, so that a port at rest holds no pages, that
 * what comes back in a softirq of the same CPU is used again without a lock, and
 * that a page, still in the cache, serves the next port.
 */
#ifndef VXDP_BUF_H
#define VXDP_BUF_H

#include <linux/bpf.h>
#include <linux/percpu.h>
#include <linux/skbuff.h>
#include <net/page_pool/types.h>
#include <net/xdp.h>

/* Behind each frame, where XDP and skbs keep what they know of its frags. */
#define VXDP_BUF_TAIL	SKB_DATA_ALIGN(sizeof(struct skb_shared_info))
/* Longest frame, or first part of one, that a page has room for. */
#define VXDP_BUF_MAX	(PAGE_SIZE - XDP_PACKET_HEADROOM - VXDP_BUF_TAIL)

/**
 * struct vxdp_buf - a CPU's room
 * @next: where the next piece begins
 * @end: of the page that is being cut
 * @users: pieces cut from it so far
 * @page: that page, or NULL
 * @mem: the pool, as XDP knows it
 * @pool: the pool
 *
 * Softirqs off, of this CPU.
 */
struct vxdp_buf {
	void *next;
	void *end;
	u32 users;
	struct page *page;
	struct xdp_mem_info mem;
	struct page_pool *pool;
};

DECLARE_PER_CPU(struct vxdp_buf, vxdp_buf);

bool vxdp_buf_renew(struct vxdp_buf *b);
bool vxdp_buf_pages(struct vxdp_buf *b, struct page **page, u32 nr);
void vxdp_buf_put(void *at);
void vxdp_buf_put_many(void *at, u32 nr);
int vxdp_buf_init(void);
void vxdp_buf_exit(void);

/* Bytes of the piece for a frame of @len bytes, at most VXDP_BUF_MAX. */
static inline u32 vxdp_buf_size(u32 len)
{
	return XDP_PACKET_HEADROOM + SKB_DATA_ALIGN(len) + VXDP_BUF_TAIL;
}

/*
 * Context: softirqs off. @size is from vxdp_buf_size(). The piece is given back by
 * vxdp_buf_put(), or by XDP and skbs as any memory of a page_pool.
 * Return: the piece, or NULL: no memory.
 */
static inline void *vxdp_buf_cut(struct vxdp_buf *b, u32 size)
{
	void *at;

	if (unlikely(b->end - b->next < size) && !vxdp_buf_renew(b))
		return NULL;
	at = b->next;
	b->next += size;
	b->users++;
	return at;
}

#endif /* VXDP_BUF_H */
