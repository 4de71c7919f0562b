// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz_plain.c - many plain chains at a time (kmod/core/plain.c), held against the
 * same ring taken chain by chain (vring.c): those, no others, and as many.
 */
#include "plain.h"
#include "world.h"

#define OPS_MAX	256
#define MAX	80

/* The ring of the two, one behind the other. */
static bool next_is_plain(const struct world *w, struct vxdp_vring *vr, struct vxdp_plain *p,
			  u16 flags, u32 min_len, u32 max_len)
{
	struct vxdp_chain chain = { .iov_max = VXDP_CHAIN_IOV_MAX };
	const struct vring_desc *d;
	bool plain;

	chain.iov = exactly(NULL, chain.iov_max * sizeof(*chain.iov));
	plain = vxdp_vring_next(vr, &chain) == 1 && chain.out_num + chain.in_num == 1;
	if (plain) {
		d = &w->desc[chain.head];
		plain = d->flags == flags && d->len >= min_len && d->len <= max_len;
		*p = (struct vxdp_plain){ (u64)chain.iov[0].iov_base, chain.iov[0].iov_len,
					  chain.head };
	}
	free(chain.iov);
	return plain;
}

static void compare(struct world *w, struct feed *f)
{
	u16 flags = feed_u8(f) & 1 ? VRING_DESC_F_WRITE : 0;
	u32 min_len = 1 + feed_u8(f), max_len = min_len + feed_u16(f), max = feed_u8(f) % MAX;
	struct vxdp_plain *to = exactly(NULL, max * sizeof(*to)), want;
	struct vxdp_vring by_book = w->vr;
	u16 ready;
	u32 i, n;

	world_limit(8 + 4 * max);
	n = vxdp_plain_next(&w->vr, to, max, flags, min_len, max_len);
	world_limit(0);
	/* The book does not fault. */
	us_fail_access(0);
	MUST(n <= max && w->vr.last_avail == (u16)(by_book.last_avail + n));
	MUST(w->vr.error == by_book.error);
	for (i = 0; i < n; i++) {
		MUST(next_is_plain(w, &by_book, &want, flags, min_len, max_len));
		MUST(to[i].uaddr == want.uaddr && to[i].len == want.len && to[i].head == want.head);
	}
	ready = w->avail->idx - w->vr.last_avail;
	if (n < max && ready && ready <= w->vr.num)
		MUST(w->faults || !next_is_plain(w, &by_book, &want, flags, min_len, max_len));
	free(to);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct feed f = { data, size };
	struct vxdp_used used = { 0 };
	struct world w;
	u32 i;
	u8 op;

	world_make(&w, &f, 0);
	for (i = 0; i < OPS_MAX && f.left; i++) {
		op = feed_u8(&f);
		if (!(op & 8))
			world_act(&w, &f, op % 8);
		else if (op & 7)
			compare(&w, &f);
		else
			vxdp_vring_add_used(&w.vr, &used, 1);
		world_ok(&w);
	}
	world_drop(&w);
	return 0;
}
