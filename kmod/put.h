/* SPDX-License-Identifier: GPL-2.0 */
/*
 * put.h - what nearly every frame is, put into the guest's buffer: here, for it is
 * inlined where programs call.
 *
 * The frame is in one buffer itself, and goes into one buffer of the guest's, on a
 * page or two that are known. Every instruction here is one a packet.
 */
#ifndef VXDP_PUT_H
#define VXDP_PUT_H

#include <linux/unaligned.h>
#include "compat.h"
#include "queue.h"

/* What is copied by registers, in two halves which overlap where it is less than 64. */
#define VXDP_SHORT_HALF	32UL

static __always_inline bool vxdp_is_short(unsigned long len)
{
	return len - VXDP_SHORT_HALF <= VXDP_SHORT_HALF;
}

static __always_inline void vxdp_put_short(void *to, const void *from, unsigned long len)
{
	const unsigned long half = VXDP_SHORT_HALF;

	__builtin_memcpy(to, from, half);
	__builtin_memcpy(to + len - half, from + len - half, half);
}

/* Any length; most frames are short, and 64 bytes are cheapest by registers. */
static __always_inline void vxdp_put_bytes(void *to, const void *from, unsigned long len)
{
#ifdef CONFIG_X86_64
	unsigned long count = len;
	u64 last;
	void *end;
#endif

	if (likely(vxdp_is_short(len))) {
		vxdp_put_short(to, from, len);
		return;
	}
#ifdef CONFIG_X86_64
	/*
	 * As copy_to_user() does it; without FSRM memcpy() is a loop of moves. And
	 * a call less, which counts where this is inlined.
	 */
	if (unlikely(len < VXDP_SHORT_HALF)) {
		asm volatile("rep movsb" : "+D" (to), "+S" (from), "+c" (count) :: "memory");
		return;
	}
	count /= 8;
	last = get_unaligned((const u64 *)(from + len - 8));
	end = to + len - 8;
	asm volatile("rep movsq" : "+D" (to), "+S" (from), "+c" (count) :: "memory");
	put_unaligned(last, (u64 *)end);
#else
	memcpy(to, from, len);
#endif
}

/* Bytes that vxdp_put_header() writes; a header of 10 and the shortest frame have them. */
#define VXDP_PUT_HEADER	(VXDP_TUNNEL_GSO ? sizeof(struct vxdp_net_hdr) : \
			 sizeof(struct virtio_net_hdr_mrg_rxbuf))
static_assert(sizeof(struct vxdp_net_hdr) <= sizeof(struct virtio_net_hdr) + ETH_HLEN);

/*
 * The header: nothing, but one buffer where that is said. However long it is; what is
 * behind its end is the frame's, which comes next.
 */
static __always_inline void vxdp_put_header(void *at)
{
	put_unaligned(0ULL, (u64 *)at);
	if (VXDP_TUNNEL_GSO) {
		put_unaligned_le64(1U << 16, at + 8);
		put_unaligned(0ULL, (u64 *)(at + 16));
	} else {
		put_unaligned_le32(1U << 16, at + 8);
	}
}

/*
 * Into a buffer that crosses into a second page, @at on the first.
 * Return: false where that is not known, or there is a third; nothing has happened.
 */
static __always_inline bool vxdp_put_across(const struct vxdp_fast *f, u64 gpa, void *at,
					    const void *data, u32 len)
{
	u32 part = PAGE_SIZE - offset_in_page(gpa);
	void *next = vxdp_pages_find(&f->pages, gpa + part);

	if (!next || part < VXDP_PUT_HEADER ||
	    f->hdr_len + len - part > PAGE_SIZE)
		return false;
	vxdp_put_header(at);
	part -= f->hdr_len;
	vxdp_put_bytes(at + f->hdr_len, data, part);
	vxdp_put_bytes(next, data + part, len - part);
	return true;
}

/*
 * Every field is read where it is needed, and every variable ends as early as it can:
 * what needs no register of the caller's saves two instructions.
 *
 * Context: fast.pages.lock; f->next is not f->stop.
 * @is_short: of the length, what vxdp_is_short() says, where that is known
 * @across: also where the buffer crosses into another page
 * @log: what says how buffers are logged, where they are (f->log), then not @across
 * Return: false where it is not so simple; nothing has happened then.
 */
static __always_inline bool vxdp_put_simple(struct vxdp_fast *f, const void *data,
					    unsigned long len, bool is_short, bool across,
					    const struct vxdp_vring *log)
{
	unsigned long need = f->hdr_len + len;
	u32 head, mask = f->mask;
	const struct vring_desc *desc;
	struct vring_used_elem *elem;
	const struct vxdp_page *page;
	u64 off;
	void *at;

	head = READ_ONCE(f->avail->ring[f->next & mask]);
	if (unlikely(head > mask))
		return false;
	/* Masked, for speculation ignores the check above. */
	desc = &f->desc[head & mask];
	/* No READ_ONCE(): nothing is made of them but one look each, by one instruction. */
	if (unlikely(desc->flags != VRING_DESC_F_WRITE))
		return false;
	if (unlikely(desc->len < (u32)need))
		return false;
	off = READ_ONCE(desc->addr);
	page = vxdp_pages_set(&f->pages, off);
	if (unlikely(!vxdp_page_look(&page, &off)))
		return false;

	at = page->at + off;
	if (likely(off + need <= PAGE_SIZE)) {
		if (log && log->log_all &&
		    !vxdp_pages_has_log(&f->pages, log->log_base, page->base + off, need))
			return false;
		vxdp_put_header(at);
		if (is_short)
			vxdp_put_short(at + f->hdr_len, data, len);
		else
			vxdp_put_bytes(at + f->hdr_len, data, len);
		if (log && log->log_all)
			vxdp_pages_log(&f->pages, log->log_base, page->base + off, need);
	} else if (!across || !vxdp_put_across(f, page->base + off, at, data, len)) {
		return false;
	}
	elem = &f->used->ring[(f->next + f->shift) & f->mask];
	WRITE_ONCE(elem->id, head);
	WRITE_ONCE(elem->len, need);
	f->next++;
	f->bytes += need;
	return true;
}

bool vxdp_put(struct vxdp_queue *q, const struct xdp_buff *xdp, u32 len, bool strip,
	      bool local);
bool vxdp_put_gso(struct vxdp_queue *q, const struct xdp_buff *xdp, u32 len,
		  const struct vxdp_claim *claim);
bool vxdp_put_possible(struct vxdp_queue *q);
int vxdp_put_init(void);
void vxdp_put_exit(void);

#endif /* VXDP_PUT_H */
