/* SPDX-License-Identifier: GPL-2.0 */
/*
 * xsk_ring.h - the four rings of an AF_XDP socket, from the side that a program
 * in user space has of them, and the chunks of memory that go around in them.
 *
 * The kernel is at the other end, but nothing here depends on what it writes:
 * every index and every descriptor is read once and checked, and what is wrong is
 * refused. Nothing here locks or sleeps; each half has one user at a time.
 */
#ifndef VXDP_XSK_RING_H
#define VXDP_XSK_RING_H

#include "platform.h"

/* A frame begins this far into its chunk, if it was received. */
#define VXDP_XSK_HEADROOM	256
#define VXDP_XSK_CHUNK		2048
/* Chunks of one frame that was received: VHOST_XDP_FRAME_MAX and a tag. */
#define VXDP_XSK_PIECES_MAX	6

/**
 * struct vxdp_xring - one ring, shared with the kernel
 * @producer: shared
 * @consumer: shared
 * @desc: shared; struct xdp_desc (RX, TX) or u64 (FILL, COMPLETION)
 * @num: entries, a power of two
 * @prod: our own index where we produce, else the kernel's as last read
 * @cons: our own index where we consume
 */
struct vxdp_xring {
	u32 *producer;
	u32 *consumer;
	void *desc;
	u32 num;
	u32 prod;
	u32 cons;
};

/* A part of a frame. */
struct vxdp_piece {
	const void *at;
	u32 len;
};

/**
 * struct vxdp_xsk_frame - a frame that was received, still in its chunks
 * @len: bytes
 * @nr: of @piece, and of descriptors
 * @piece: where the bytes are
 * @chunk: where those are, as FILL wants it
 */
struct vxdp_xsk_frame {
	u32 len;
	u32 nr;
	struct vxdp_piece piece[VXDP_XSK_PIECES_MAX];
	u64 chunk[VXDP_XSK_PIECES_MAX];
};

/**
 * struct vxdp_xsk_rx - the receiving half
 * @umem: memory of all chunks; the first @chunks are this half's
 * @chunks: at most fill.num
 * @fill: chunks for the kernel to fill
 * @rx: frames
 */
struct vxdp_xsk_rx {
	const u8 *umem;
	u32 chunks;
	struct vxdp_xring fill;
	struct vxdp_xring rx;
};

/**
 * struct vxdp_xsk_tx - the sending half
 * @umem: memory of all chunks
 * @first: number of the first chunk that is this half's
 * @chunks: how many, at most tx.num and comp.num
 * @tx: frames
 * @comp: chunks that were sent
 * @nr_free: of @free
 * @free: numbers of chunks, counted from @first; room for all
 * @busy: by that number: the kernel has it
 */
struct vxdp_xsk_tx {
	u8 *umem;
	u32 first;
	u32 chunks;
	struct vxdp_xring tx;
	struct vxdp_xring comp;
	u32 nr_free;
	u16 *free;
	bool *busy;
};

void vxdp_xsk_rx_start(struct vxdp_xsk_rx *rx);
int vxdp_xsk_rx_peek(struct vxdp_xsk_rx *rx, struct vxdp_xsk_frame *frame);
void vxdp_xsk_rx_done(struct vxdp_xsk_rx *rx, const struct vxdp_xsk_frame *frame);
void vxdp_xsk_rx_flush(struct vxdp_xsk_rx *rx);

void vxdp_xsk_tx_start(struct vxdp_xsk_tx *tx);
bool vxdp_xsk_tx_add(struct vxdp_xsk_tx *tx, const struct vxdp_piece *piece, u32 len);
void vxdp_xsk_tx_flush(struct vxdp_xsk_tx *tx);
u32 vxdp_xsk_tx_waiting(const struct vxdp_xsk_tx *tx);
u32 vxdp_xsk_tx_reap(struct vxdp_xsk_tx *tx);
u32 vxdp_xsk_tx_abandon(struct vxdp_xsk_tx *tx);

#endif /* VXDP_XSK_RING_H */
