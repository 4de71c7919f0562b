// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz_xsk_ring.c - the rings of an AF_XDP socket (kmod/core/xsk_ring.c) with a
 * kernel at their other end that writes what it likes: nothing outside of the chunks
 * is named, none is given out twice, and each call ends.
 */
#include "feed.h"
#include "xsk_ring.h"

#define RX_CHUNKS	8
#define TX_CHUNKS	4
#define OPS_MAX		256
#define UMEM_SIZE	((RX_CHUNKS + TX_CHUNKS) * VXDP_XSK_CHUNK)

enum { FILL, RX, TX, COMP, RINGS };

static const u32 entry[RINGS] = {
	sizeof(u64), sizeof(struct xdp_desc), sizeof(struct xdp_desc), sizeof(u64)
};

struct sock_rings {
	u8 *umem;
	u32 *index[RINGS];	/* producer, consumer */
	void *desc[RINGS];
	struct vxdp_xsk_rx rx;
	struct vxdp_xsk_tx tx;
	u16 *free;
	bool *busy;
};

static u32 nr_of(int ring)
{
	return ring == FILL || ring == RX ? RX_CHUNKS : TX_CHUNKS;
}

static struct vxdp_xring share(struct sock_rings *s, int ring)
{
	u32 nr = nr_of(ring);

	s->index[ring] = exactly(NULL, 2 * sizeof(u32));
	s->desc[ring] = exactly(NULL, nr * entry[ring]);
	memset(s->index[ring], 0, 2 * sizeof(u32));
	memset(s->desc[ring], 0, nr * entry[ring]);
	return (struct vxdp_xring){ .producer = s->index[ring], .consumer = s->index[ring] + 1,
				    .desc = s->desc[ring], .num = nr };
}

static void make(struct sock_rings *s)
{
	s->umem = exactly(NULL, UMEM_SIZE);
	s->free = exactly(NULL, TX_CHUNKS * sizeof(*s->free));
	s->busy = exactly(NULL, TX_CHUNKS * sizeof(*s->busy));
	memset(s->umem, 0, UMEM_SIZE);
	memset(s->busy, 0, TX_CHUNKS * sizeof(*s->busy));
	s->rx = (struct vxdp_xsk_rx){ .umem = s->umem, .chunks = RX_CHUNKS,
				      .fill = share(s, FILL), .rx = share(s, RX) };
	s->tx = (struct vxdp_xsk_tx){ .umem = s->umem, .first = RX_CHUNKS, .chunks = TX_CHUNKS,
				      .tx = share(s, TX), .comp = share(s, COMP),
				      .free = s->free, .busy = s->busy };
	vxdp_xsk_rx_start(&s->rx);
	vxdp_xsk_tx_start(&s->tx);
}

static void drop(struct sock_rings *s)
{
	int i;

	for (i = 0; i < RINGS; i++) {
		free(s->index[i]);
		free(s->desc[i]);
	}
	free(s->umem);
	free(s->free);
	free(s->busy);
}

/* Each chunk is free or busy, and that once. */
static void chunks_ok(const struct vxdp_xsk_tx *tx)
{
	bool seen[TX_CHUNKS] = { 0 };
	u32 i;

	MUST(tx->nr_free <= TX_CHUNKS);
	for (i = 0; i < tx->nr_free; i++) {
		MUST(tx->free[i] < TX_CHUNKS && !seen[tx->free[i]] && !tx->busy[tx->free[i]]);
		seen[tx->free[i]] = true;
	}
	for (i = 0; i < TX_CHUNKS; i++)
		MUST(seen[i] || tx->busy[i]);
}

static void frame_ok(const struct sock_rings *s, const struct vxdp_xsk_frame *frame)
{
	u32 i, sum = 0;

	MUST(frame->nr >= 1 && frame->nr <= VXDP_XSK_PIECES_MAX && frame->nr <= RX_CHUNKS);
	for (i = 0; i < frame->nr; i++) {
		u64 at = (const u8 *)frame->piece[i].at - s->umem, len = frame->piece[i].len;

		MUST(len && at + len <= RX_CHUNKS * VXDP_XSK_CHUNK);
		MUST(at / VXDP_XSK_CHUNK == (at + len - 1) / VXDP_XSK_CHUNK);
		MUST(frame->chunk[i] == at - at % VXDP_XSK_CHUNK);
		sum += len;
	}
	MUST(sum == frame->len);
}

static void receive(struct sock_rings *s, bool flush)
{
	struct vxdp_xsk_frame frame;
	struct vxdp_xring *fill = &s->rx.fill;
	u32 prod = fill->prod;
	int ret = vxdp_xsk_rx_peek(&s->rx, &frame);

	MUST(ret == 1 || ret == 0 || ret == -EIO);
	if (ret == 1) {
		frame_ok(s, &frame);
		vxdp_xsk_rx_done(&s->rx, &frame);
	}
	/* Nothing is put where there is no room. */
	MUST(fill->prod == prod || fill->prod - *fill->consumer <= fill->num);
	if (flush) {
		vxdp_xsk_rx_flush(&s->rx);
		MUST(*s->rx.rx.consumer == s->rx.rx.cons);
	}
}

static void transmit(struct sock_rings *s, struct feed *f)
{
	u32 len = 1 + feed_u16(f) % (3 * VXDP_XSK_CHUNK), before = s->tx.nr_free, i;
	u32 split = feed_u16(f) % len, need = DIV_ROUND_UP(len, VXDP_XSK_CHUNK);
	u8 *a = exactly(NULL, split), *b = exactly(NULL, len - split);
	struct vxdp_piece *piece = exactly(NULL, 2 * sizeof(*piece));
	u32 prod = s->tx.tx.prod;
	const struct xdp_desc *desc = s->desc[TX];

	memset(a, 1, split);
	memset(b, 2, len - split);
	piece[0] = (struct vxdp_piece){ a, split };
	piece[1] = (struct vxdp_piece){ b, len - split };
	if (vxdp_xsk_tx_add(&s->tx, piece, len)) {
		MUST(before >= need && s->tx.nr_free == before - need);
		MUST(s->tx.tx.prod == prod + need);
		for (i = 0; i < need; i++, prod++)
			MUST(desc[prod % TX_CHUNKS].addr >= RX_CHUNKS * VXDP_XSK_CHUNK &&
			     desc[prod % TX_CHUNKS].addr < UMEM_SIZE);
	} else {
		MUST(before < need && s->tx.nr_free == before);
	}
	free(a);
	free(b);
	free(piece);
}

/* The kernel's side: an index, or an entry, or both as they should be. */
static void kernel(struct sock_rings *s, struct feed *f, u8 op)
{
	int ring = op % RINGS;
	u32 nr = nr_of(ring), *index = s->index[ring];
	u64 *word = s->desc[ring];

	switch (op / RINGS % 4) {
	case 0:
		index[feed_u8(f) % 2] += (int8_t)feed_u8(f);
		break;
	case 1:
		index[feed_u8(f) % 2] = feed_u32(f);
		break;
	case 2:
		word[feed_u8(f) % (nr * entry[ring] / 8)] = feed_u64(f);
		break;
	default:
		if (ring == COMP)
			word[index[0]++ % nr] = (u64)(feed_u8(f) % (RX_CHUNKS + TX_CHUNKS + 1)) *
						VXDP_XSK_CHUNK;
		if (ring == RX)
			((struct xdp_desc *)word)[index[0]++ % nr] = (struct xdp_desc){
				feed_u16(f), feed_u16(f) % (VXDP_XSK_CHUNK + 2),
				feed_u8(f) % 3
			};
		break;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct feed f = { data, size };
	struct sock_rings s;
	u32 i;
	u8 op;

	make(&s);
	for (i = 0; i < OPS_MAX && f.left; i++) {
		op = feed_u8(&f);
		switch (op % 8) {
		case 0:
		case 1:
			receive(&s, op % 8);
			break;
		case 2:
			transmit(&s, &f);
			break;
		case 3:
			vxdp_xsk_tx_flush(&s.tx);
			MUST(*s.tx.tx.producer == s.tx.tx.prod);
			break;
		case 4:
			MUST(vxdp_xsk_tx_reap(&s.tx) <= TX_CHUNKS);
			break;
		case 5:
			if (op >= 0x80)
				MUST(vxdp_xsk_tx_abandon(&s.tx) <= TX_CHUNKS);
			MUST(vxdp_xsk_tx_waiting(&s.tx) <= TX_CHUNKS);
			break;
		default:
			kernel(&s, &f, op / 8);
		}
		chunks_ok(&s.tx);
	}
	drop(&s);
	return 0;
}
