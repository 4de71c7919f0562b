// SPDX-License-Identifier: GPL-2.0
/*
 * test_xsk_ring.c - the rings of an AF_XDP socket (kmod/core/xsk_ring.c), against
 * a kernel that keeps to the rules and one that writes what it likes.
 */
#include "ktap.h"
#include "random.h"
#include "xsk_ring.h"

#define RX_CHUNKS	16
#define TX_CHUNKS	8
#define CHUNK		VXDP_XSK_CHUNK
#define UMEM_SIZE	((RX_CHUNKS + TX_CHUNKS) * CHUNK)

/* What is shared with the kernel, each in memory of its own, to the byte. */
struct shared {
	u32 *index;		/* producer, consumer */
	void *desc;
};

static u8 *umem;
static struct shared fill, rx_ring, tx_ring, comp;
static struct vxdp_xsk_rx rx;
static struct vxdp_xsk_tx tx;
static u16 tx_free[TX_CHUNKS];
static bool tx_busy[TX_CHUNKS];

static struct vxdp_xring share(struct shared *s, u32 num, u32 entry)
{
	s->index = calloc(2, sizeof(u32));
	s->desc = calloc(num, entry);
	NEED(s->index && s->desc);
	return (struct vxdp_xring){ .producer = s->index, .consumer = s->index + 1,
				    .desc = s->desc, .num = num };
}

static void unshare(struct shared *s)
{
	free(s->index);
	free(s->desc);
}

static void setup(void)
{
	umem = calloc(1, UMEM_SIZE);
	NEED(umem);
	memset(tx_busy, 0, sizeof(tx_busy));
	rx = (struct vxdp_xsk_rx){
		.umem = umem, .chunks = RX_CHUNKS,
		.fill = share(&fill, RX_CHUNKS, sizeof(u64)),
		.rx = share(&rx_ring, RX_CHUNKS, sizeof(struct xdp_desc)),
	};
	tx = (struct vxdp_xsk_tx){
		.umem = umem, .first = RX_CHUNKS, .chunks = TX_CHUNKS,
		.tx = share(&tx_ring, TX_CHUNKS, sizeof(struct xdp_desc)),
		.comp = share(&comp, TX_CHUNKS, sizeof(u64)),
		.free = tx_free, .busy = tx_busy,
	};
	vxdp_xsk_rx_start(&rx);
	vxdp_xsk_tx_start(&tx);
}

static void teardown(void)
{
	free(umem);
	unshare(&fill);
	unshare(&rx_ring);
	unshare(&tx_ring);
	unshare(&comp);
}

static void put_rx(u64 addr, u32 len, u32 options)
{
	struct xdp_desc *desc = rx_ring.desc;

	desc[rx_ring.index[0]++ % RX_CHUNKS] = (struct xdp_desc){ addr, len, options };
}

static u64 take_fill(void)
{
	const u64 *desc = fill.desc;

	NEED(fill.index[0] != fill.index[1]);
	return desc[fill.index[1]++ % RX_CHUNKS];
}

/* As the kernel's copy mode receives: headroom, and on to more chunks. */
static void receive(const u8 *from, u32 len)
{
	u32 room = CHUNK - VXDP_XSK_HEADROOM, part;
	u64 at;

	for (; len; len -= part, from += part) {
		part = min(len, room);
		at = take_fill() + VXDP_XSK_HEADROOM;
		memcpy(umem + at, from, part);
		put_rx(at, part, len > part ? XDP_PKT_CONTD : 0);
	}
}

static bool same(const struct vxdp_xsk_frame *f, const u8 *want, u32 len)
{
	u32 i, at = 0;

	if (!CHECK(f->len == len))
		return false;
	for (i = 0; i < f->nr; at += f->piece[i++].len)
		if (!CHECK(!memcmp(f->piece[i].at, want + at, f->piece[i].len)))
			return false;
	return CHECK(at == len);
}

static void noise(u8 *p, u32 len)
{
	while (len--)
		*p++ = random_u64();
}

static bool receives(void)
{
	static const u32 lens[] = { 1, 60, 1792, 1793, 3584, 9014, 9728 };
	struct vxdp_xsk_frame f;
	u8 frame[9728];
	u32 i, k;

	for (k = 0; k < 20; k++) {
		for (i = 0; i < ARRAY_SIZE(lens); i++) {
			noise(frame, lens[i]);
			receive(frame, lens[i]);
			/* A look changes nothing. */
			if (!CHECK(vxdp_xsk_rx_peek(&rx, &f) == 1) ||
			    !CHECK(vxdp_xsk_rx_peek(&rx, &f) == 1) ||
			    !same(&f, frame, lens[i]))
				return false;
			vxdp_xsk_rx_done(&rx, &f);
			if (!CHECK(rx_ring.index[1] != rx_ring.index[0]))
				return false;
			vxdp_xsk_rx_flush(&rx);
			if (!CHECK(rx_ring.index[1] == rx_ring.index[0]) ||
			    !CHECK(fill.index[0] - fill.index[1] == RX_CHUNKS) ||
			    !CHECK(!vxdp_xsk_rx_peek(&rx, &f)))
				return false;
		}
	}
	return true;
}

/* Every chunk is with the kernel, or in the ring; none is there twice. */
static bool chunks_whole(void)
{
	bool seen[RX_CHUNKS] = { 0 };
	const u64 *desc = fill.desc;
	u32 i;

	if (!CHECK(fill.index[0] - fill.index[1] == RX_CHUNKS))
		return false;
	for (i = fill.index[1]; i != fill.index[0]; i++) {
		u64 addr = desc[i % RX_CHUNKS];

		if (!CHECK(!(addr % CHUNK)) || !CHECK(addr / CHUNK < RX_CHUNKS) ||
		    !CHECK(!seen[addr / CHUNK]))
			return false;
		seen[addr / CHUNK] = true;
	}
	return true;
}

static bool refused(u64 addr, u32 len)
{
	u64 chunk = take_fill();
	struct vxdp_xsk_frame f;
	bool ok;

	/* Its chunk comes back where the address still tells which it was. */
	put_rx(addr == ~0ULL ? addr : chunk + addr, len, 0);
	ok = CHECK(vxdp_xsk_rx_peek(&rx, &f) == -EIO) && CHECK(!vxdp_xsk_rx_peek(&rx, &f));
	vxdp_xsk_rx_flush(&rx);
	return ok && CHECK(rx_ring.index[1] == rx_ring.index[0]);
}

static bool bad_rx_entries(void)
{
	return refused(0, 0) && chunks_whole() &&
	       refused(256, CHUNK - 255) && chunks_whole() &&
	       refused(CHUNK - 1, 2) && chunks_whole() &&
	       refused(0, ~0U) && chunks_whole() &&
	       /* These name the sender's half, and nothing at all. */
	       refused(RX_CHUNKS * CHUNK, 60) && refused(~0ULL, 60);
}

/* Too long, or cut short: skipped up to its end, the next is whole. */
static bool bad_rx_frames(void)
{
	struct vxdp_xsk_frame f;
	u8 frame[60];
	u32 i;

	for (i = 0; i <= VXDP_XSK_PIECES_MAX; i++)
		put_rx(take_fill() + 256, 100, i < VXDP_XSK_PIECES_MAX ? XDP_PKT_CONTD : 0);
	noise(frame, sizeof(frame));
	receive(frame, sizeof(frame));
	if (!CHECK(vxdp_xsk_rx_peek(&rx, &f) == -EIO) ||
	    !CHECK(vxdp_xsk_rx_peek(&rx, &f) == 1) || !same(&f, frame, sizeof(frame)))
		return false;
	vxdp_xsk_rx_done(&rx, &f);
	put_rx(take_fill() + 256, 100, XDP_PKT_CONTD);
	if (!CHECK(vxdp_xsk_rx_peek(&rx, &f) == -EIO) || !CHECK(!vxdp_xsk_rx_peek(&rx, &f)))
		return false;
	vxdp_xsk_rx_flush(&rx);
	return chunks_whole();
}

static bool bad_rx_index(void)
{
	struct vxdp_xsk_frame f;
	u8 frame[60] = { 0 };
	bool ok;

	rx_ring.index[0] += RX_CHUNKS + 1;
	ok = CHECK(vxdp_xsk_rx_peek(&rx, &f) == -EIO) && CHECK(!vxdp_xsk_rx_peek(&rx, &f));
	receive(frame, sizeof(frame));
	ok = ok && CHECK(vxdp_xsk_rx_peek(&rx, &f) == 1);
	rx_ring.index[0] -= 3;
	return ok && CHECK(vxdp_xsk_rx_peek(&rx, &f) == -EIO);
}

/* More chunks come out than went in: FILL is never more than full. */
static bool doubled_chunks(void)
{
	struct vxdp_xsk_frame f;
	u32 i;

	for (i = 0; i < 5 * RX_CHUNKS; i++) {
		put_rx(256, 60, 0);
		if (!CHECK(vxdp_xsk_rx_peek(&rx, &f) == 1))
			return false;
		vxdp_xsk_rx_done(&rx, &f);
		vxdp_xsk_rx_flush(&rx);
		if (!CHECK(fill.index[0] - fill.index[1] <= RX_CHUNKS))
			return false;
	}
	return true;
}

/* As the kernel sends: one frame, its chunks completed or held back. */
static u32 sent(u8 *to, u32 *held, u64 *hold)
{
	const struct xdp_desc *desc = tx_ring.desc;
	u32 len = 0, options;

	do {
		const struct xdp_desc *d = &desc[tx_ring.index[1]++ % TX_CHUNKS];

		NEED(d->addr >= RX_CHUNKS * CHUNK && d->addr + d->len <= UMEM_SIZE);
		NEED(d->len && d->addr / CHUNK == (d->addr + d->len - 1) / CHUNK);
		memcpy(to + len, umem + d->addr, d->len);
		len += d->len;
		options = d->options;
		hold[(*held)++] = d->addr;
	} while (options & XDP_PKT_CONTD);
	return len;
}

static void complete(u64 addr)
{
	((u64 *)comp.desc)[comp.index[0]++ % TX_CHUNKS] = addr;
}

/* Frames in one to three pieces, sent at once or not, completed in any order. */
static bool sends(void)
{
	u8 frame[3 * CHUNK], got[3 * CHUNK];
	u64 hold[TX_CHUNKS];
	u32 i, k, len, held = 0;

	for (i = 0; i < 3000; i++) {
		struct vxdp_piece piece[3];
		u32 at = 0;

		len = 1 + random_below(random_below(2) ? 200 : sizeof(frame));
		noise(frame, len);
		for (k = 0; k < 3; k++) {
			u32 part = k == 2 ? len - at : random_below(len - at + 1);

			piece[k] = (struct vxdp_piece){ frame + at, part };
			at += part;
		}
		if (vxdp_xsk_tx_add(&tx, piece, len)) {
			if (!CHECK(tx_ring.index[0] == tx_ring.index[1]))
				return false;
			vxdp_xsk_tx_flush(&tx);
			if (!CHECK(vxdp_xsk_tx_waiting(&tx) == DIV_ROUND_UP(len, CHUNK)) ||
			    !CHECK(sent(got, &held, hold) == len) ||
			    !CHECK(!memcmp(got, frame, len)))
				return false;
		} else if (!CHECK(TX_CHUNKS - held < DIV_ROUND_UP(len, CHUNK))) {
			return false;
		}
		for (k = random_below(held + 1); k; k--) {
			u32 one = random_below(held);

			complete(hold[one]);
			hold[one] = hold[--held];
		}
		if (!CHECK(!vxdp_xsk_tx_reap(&tx)) || !CHECK(tx.nr_free == TX_CHUNKS - held))
			return false;
	}
	return true;
}

static bool bad_completions(void)
{
	const struct vxdp_piece piece = { "x", 1 };
	u64 hold[TX_CHUNKS], first = RX_CHUNKS * CHUNK;
	u32 held = 0;
	u8 got[1];

	if (!CHECK(vxdp_xsk_tx_add(&tx, &piece, 1)))
		return false;
	vxdp_xsk_tx_flush(&tx);
	sent(got, &held, hold);
	complete(hold[0] + 1);		/* in the middle of it */
	complete(0);			/* the other half's */
	complete(first - CHUNK);
	complete(UMEM_SIZE);		/* behind the last */
	complete(~0ULL);
	if (!CHECK(vxdp_xsk_tx_reap(&tx) == 5) || !CHECK(tx.nr_free == TX_CHUNKS - 1))
		return false;
	complete(hold[0]);
	complete(hold[0]);		/* twice */
	if (!CHECK(vxdp_xsk_tx_reap(&tx) == 1) || !CHECK(tx.nr_free == TX_CHUNKS))
		return false;
	comp.index[0] += TX_CHUNKS + 1;
	return CHECK(vxdp_xsk_tx_reap(&tx) == 1) && CHECK(tx.nr_free == TX_CHUNKS) &&
	       CHECK(!vxdp_xsk_tx_reap(&tx));
}

static bool abandons(void)
{
	struct vxdp_piece piece = { umem, 100 };
	u32 i;

	for (i = 0; i < 3; i++)
		NEED(vxdp_xsk_tx_add(&tx, &piece, 100));
	piece.len = 2 * CHUNK + 1;
	NEED(vxdp_xsk_tx_add(&tx, &piece, piece.len));
	vxdp_xsk_tx_flush(&tx);
	if (!CHECK(vxdp_xsk_tx_waiting(&tx) == 6) || !CHECK(vxdp_xsk_tx_abandon(&tx) == 4) ||
	    !CHECK(!vxdp_xsk_tx_waiting(&tx)))
		return false;
	/* Whatever the consumer says, it ends. */
	tx_ring.index[1] += 1000;
	return CHECK(vxdp_xsk_tx_waiting(&tx) == TX_CHUNKS) &&
	       CHECK(vxdp_xsk_tx_abandon(&tx) <= TX_CHUNKS);
}

/* All that is shared changes at random, all the time. */
static bool anything_goes(void)
{
	const struct shared *all[] = { &fill, &rx_ring, &tx_ring, &comp };
	const u32 bytes[] = { RX_CHUNKS * sizeof(u64), RX_CHUNKS * sizeof(struct xdp_desc),
			      TX_CHUNKS * sizeof(struct xdp_desc), TX_CHUNKS * sizeof(u64) };
	u8 frame[9728], byte = 0;
	struct vxdp_xsk_frame f;
	u32 i, k, at;

	for (i = 0; i < 20000; i++) {
		const struct shared *s = all[k = random_below(4)];
		struct vxdp_piece piece = { frame, 1 + random_below(sizeof(frame)) };

		if (random_below(2))
			s->index[random_below(2)] += random_below(8) ? random_below(4) :
						     random_u64();
		noise((u8 *)s->desc + random_below(bytes[k] / 8) * 8, 1 + random_below(8));
		switch (random_below(3)) {
		case 0:
			if (vxdp_xsk_rx_peek(&rx, &f) != 1)
				break;
			for (at = 0; at < f.nr; at++) {
				byte ^= *(const u8 *)f.piece[at].at;
				byte ^= ((const u8 *)f.piece[at].at)[f.piece[at].len - 1];
			}
			vxdp_xsk_rx_done(&rx, &f);
			vxdp_xsk_rx_flush(&rx);
			break;
		case 1:
			vxdp_xsk_tx_add(&tx, &piece, piece.len);
			vxdp_xsk_tx_flush(&tx);
			break;
		default:
			vxdp_xsk_tx_reap(&tx);
			if (!CHECK(tx.nr_free <= TX_CHUNKS))
				return false;
		}
	}
	(void)byte;
	return true;
}

static const struct {
	const char *name;
	bool (*run)(void);
} cases[] = {
	{ "frames of one to six chunks are received, chunks go round", receives },
	{ "entries outside of a chunk or of the half are refused", bad_rx_entries },
	{ "frames too long or cut short are skipped, the next is not", bad_rx_frames },
	{ "an index that the ring has no room for", bad_rx_index },
	{ "a chunk received over and over does not overflow FILL", doubled_chunks },
	{ "frames are sent whole, chunks come back in any order", sends },
	{ "completions of what was not sent, or twice", bad_completions },
	{ "what nobody takes is abandoned, frame by frame", abandons },
	{ "all that is shared changes at random", anything_goes },
};

int main(void)
{
	unsigned int i;
	bool ok;

	random_seed("selftests/unit/xsk_ring");
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		us_reset();
		ktap_case(30, "xsk_ring: %s", cases[i].name);
		setup();
		ok = cases[i].run();
		teardown();
		ktap_ok(ok);
	}
	us_reset();
	return ktap_done();
}
