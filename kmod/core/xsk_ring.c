// SPDX-License-Identifier: GPL-2.0
/*
 * xsk_ring.c - frames in and out of the rings of an AF_XDP socket.
 *
 *	producer				consumer
 *
 *	read desc's room: consumer (A)		LOAD.acq producer (C)
 *	write desc				read desc
 *	STORE.rel producer (B)			STORE.rel consumer (D)
 *
 * (B) pairs with (C): who sees the index sees the entry. (D) pairs with (A): who
 * sees the room does not write over what is still being read; for (A) the control
 * dependency is enough. The other end is the kernel's net/xdp/xsk_queue.h.
 */
#include "xsk_ring.h"

/* Entries to consume; more than the ring has is a lie. Return: or -EIO. */
static int to_consume(struct vxdp_xring *r)
{
	/* (C) */
	r->prod = smp_load_acquire(r->producer);
	if (r->prod - r->cons > r->num) {
		/* Nothing in it can be believed. */
		r->cons = r->prod;
		return -EIO;
	}
	return r->prod - r->cons;
}

static bool has_room(const struct vxdp_xring *r)
{
	/* (A) */
	return r->prod - READ_ONCE(*r->consumer) < r->num;
}

static void release(struct vxdp_xring *r)
{
	/* (D) */
	smp_store_release(r->consumer, r->cons);
}

static void publish(struct vxdp_xring *r)
{
	/* (B) */
	smp_store_release(r->producer, r->prod);
}

/* The chunk goes missing where an index lies; with the kernel there is room. */
static void give_chunk(struct vxdp_xsk_rx *rx, u64 addr)
{
	u64 *desc = rx->fill.desc;

	if (!has_room(&rx->fill))
		return;
	WRITE_ONCE(desc[rx->fill.prod & (rx->fill.num - 1)], addr);
	rx->fill.prod++;
}

/**
 * vxdp_xsk_rx_start() - have the kernel fill all chunks
 * @rx: its fields up to the rings' @num are set, the rings are new
 */
void vxdp_xsk_rx_start(struct vxdp_xsk_rx *rx)
{
	u32 i;

	for (i = 0; i < rx->chunks; i++)
		give_chunk(rx, (u64)i * VXDP_XSK_CHUNK);
	publish(&rx->fill);
}

static bool take_piece(const struct vxdp_xsk_rx *rx, u64 addr, u32 len,
		       struct vxdp_xsk_frame *frame)
{
	u32 off = addr % VXDP_XSK_CHUNK;

	if (addr >= (u64)rx->chunks * VXDP_XSK_CHUNK || !len ||
	    len > VXDP_XSK_CHUNK - off || frame->nr == VXDP_XSK_PIECES_MAX)
		return false;
	frame->piece[frame->nr] = (struct vxdp_piece){ rx->umem + addr, len };
	frame->chunk[frame->nr] = addr - off;
	frame->nr++;
	frame->len += len;
	return true;
}

/* All up to the end of the frame that is not wanted, as far as it is there. */
static void skip_frame(struct vxdp_xsk_rx *rx, u32 nr)
{
	const struct xdp_desc *table = rx->rx.desc;
	u32 options = XDP_PKT_CONTD, mask = rx->rx.num - 1;
	u64 addr;

	for (; nr && options & XDP_PKT_CONTD; nr--) {
		const struct xdp_desc *desc = &table[rx->rx.cons++ & mask];

		addr = READ_ONCE(desc->addr);
		options = READ_ONCE(desc->options);
		if (addr < (u64)rx->chunks * VXDP_XSK_CHUNK)
			give_chunk(rx, addr - addr % VXDP_XSK_CHUNK);
	}
}

/**
 * vxdp_xsk_rx_peek() - the next frame, which stays where it is
 * @rx: the half
 * @frame: out: the frame
 *
 * Return: 1; 0 where there is none; -EIO where what is there cannot be right, and
 * was skipped.
 */
int vxdp_xsk_rx_peek(struct vxdp_xsk_rx *rx, struct vxdp_xsk_frame *frame)
{
	const struct xdp_desc *table = rx->rx.desc, *desc;
	u32 mask = rx->rx.num - 1;
	int i, nr = to_consume(&rx->rx);

	if (nr <= 0)
		return nr;
	frame->len = 0;
	frame->nr = 0;
	for (i = 0; i < nr; i++) {
		desc = &table[(rx->rx.cons + i) & mask];
		if (!take_piece(rx, READ_ONCE(desc->addr), READ_ONCE(desc->len), frame))
			break;
		if (!(READ_ONCE(desc->options) & XDP_PKT_CONTD))
			return 1;
	}
	/* The kernel shows a frame whole, or not at all. */
	skip_frame(rx, nr);
	return -EIO;
}

/**
 * vxdp_xsk_rx_done() - a frame's chunks may be filled again
 * @rx: the half
 * @frame: what vxdp_xsk_rx_peek() gave last
 */
void vxdp_xsk_rx_done(struct vxdp_xsk_rx *rx, const struct vxdp_xsk_frame *frame)
{
	u32 i;

	for (i = 0; i < frame->nr; i++)
		give_chunk(rx, frame->chunk[i]);
	rx->rx.cons += frame->nr;
}

/**
 * vxdp_xsk_rx_flush() - let the kernel see what was done
 * @rx: the half
 */
void vxdp_xsk_rx_flush(struct vxdp_xsk_rx *rx)
{
	if (READ_ONCE(*rx->rx.consumer) == rx->rx.cons)
		return;
	release(&rx->rx);
	publish(&rx->fill);
}

/**
 * vxdp_xsk_tx_start() - all chunks are free
 * @tx: its fields up to the rings' @num are set, the rings are new
 */
void vxdp_xsk_tx_start(struct vxdp_xsk_tx *tx)
{
	for (tx->nr_free = 0; tx->nr_free < tx->chunks; tx->nr_free++)
		tx->free[tx->nr_free] = tx->nr_free;
}

static u32 copy_pieces(u8 *to, u32 room, const struct vxdp_piece **piece, u32 *off)
{
	u32 part, done = 0;

	while (done < room) {
		part = min(room - done, (*piece)->len - *off);
		memcpy(to + done, (*piece)->at + *off, part);
		done += part;
		*off += part;
		if (*off == (*piece)->len) {
			(*piece)++;
			*off = 0;
		}
	}
	return done;
}

/**
 * vxdp_xsk_tx_add() - copy a frame into free chunks, and those into the ring
 * @tx: the half
 * @piece: where the frame is: pieces of together at least @len bytes
 * @len: bytes, not 0
 *
 * Return: false where there are not as many chunks.
 */
bool vxdp_xsk_tx_add(struct vxdp_xsk_tx *tx, const struct vxdp_piece *piece, u32 len)
{
	struct xdp_desc *table = tx->tx.desc, *desc;
	u32 off = 0, part;
	u64 addr;
	u16 nr;

	if (DIV_ROUND_UP(len, VXDP_XSK_CHUNK) > tx->nr_free)
		return false;
	while (len) {
		part = min_t(u32, len, VXDP_XSK_CHUNK);
		len -= part;
		nr = tx->free[--tx->nr_free];
		tx->busy[nr] = true;
		addr = (u64)(tx->first + nr) * VXDP_XSK_CHUNK;
		copy_pieces(tx->umem + addr, part, &piece, &off);
		/* Room is where a chunk is: what is in the ring has one. */
		desc = &table[tx->tx.prod++ & (tx->tx.num - 1)];
		WRITE_ONCE(desc->addr, addr);
		WRITE_ONCE(desc->len, part);
		WRITE_ONCE(desc->options, len ? XDP_PKT_CONTD : 0);
	}
	return true;
}

/**
 * vxdp_xsk_tx_flush() - let the kernel see what was added
 * @tx: the half
 */
void vxdp_xsk_tx_flush(struct vxdp_xsk_tx *tx)
{
	publish(&tx->tx);
}

/**
 * vxdp_xsk_tx_waiting() - descriptors that the kernel has not taken yet
 * @tx: the half
 *
 * Return: how many; whatever is said there, at most what the ring holds.
 */
u32 vxdp_xsk_tx_waiting(const struct vxdp_xsk_tx *tx)
{
	return min(tx->tx.prod - READ_ONCE(*tx->tx.consumer), tx->tx.num);
}

/**
 * vxdp_xsk_tx_reap() - take back the chunks that were sent
 * @tx: the half
 *
 * Return: entries that name none of them, or one twice; refused.
 */
u32 vxdp_xsk_tx_reap(struct vxdp_xsk_tx *tx)
{
	const u64 *desc = tx->comp.desc;
	int nr = to_consume(&tx->comp);
	u32 bad = nr < 0;
	u64 addr, i;

	for (; nr > 0; nr--) {
		addr = READ_ONCE(desc[tx->comp.cons++ & (tx->comp.num - 1)]);
		i = addr / VXDP_XSK_CHUNK - tx->first;
		if (addr % VXDP_XSK_CHUNK || i >= tx->chunks || !tx->busy[i]) {
			bad++;
			continue;
		}
		tx->busy[i] = false;
		tx->free[tx->nr_free++] = i;
	}
	release(&tx->comp);
	return bad;
}

/**
 * vxdp_xsk_tx_abandon() - nobody takes what is in the ring any more
 * @tx: the half, of a socket that is bound to nothing
 *
 * Return: frames that were in there.
 */
u32 vxdp_xsk_tx_abandon(struct vxdp_xsk_tx *tx)
{
	const struct xdp_desc *table = tx->tx.desc;
	u32 left = vxdp_xsk_tx_waiting(tx), nr = 0;

	for (; left; left--) {
		tx->tx.prod--;
		nr += !(READ_ONCE(table[tx->tx.prod & (tx->tx.num - 1)].options) & XDP_PKT_CONTD);
	}
	publish(&tx->tx);
	return nr;
}
