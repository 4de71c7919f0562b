// SPDX-License-Identifier: GPL-2.0
/*
 * test_vring_notify.c - who tells whom, and the log of what was written: the parts
 * of kmod/core/vring.c where being wrong shows as a stall, or after a migration.
 */
#include <linux/vhost_xdp.h>

#include "guest.h"
#include "ktap.h"
#include "random.h"

static struct guest guest, *g = &guest;
static struct vxdp_used used[4096];

static u16 *used_event(void)
{
	return &g->avail->ring[g->vr.num];
}

static u16 *avail_event(void)
{
	return (u16 *)&g->used->ring[g->vr.num];
}

static bool give(u16 n)
{
	return CHECK(!vxdp_vring_add_used(&g->vr, used, n));
}

static bool by_flags(void)
{
	guest_make(g, 4, 0, 0);
	if (!give(1) || !CHECK(vxdp_vring_need_signal(&g->vr)))
		return false;
	g->avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
	if (!give(1) || !CHECK(!vxdp_vring_need_signal(&g->vr)))
		return false;
	/* Other flags mean nothing. */
	g->avail->flags = 0xfffe;
	return CHECK(vxdp_vring_need_signal(&g->vr));
}

static bool first_is_signalled(void)
{
	guest_make(g, 4, F_EVENT_IDX, 77);
	*used_event() = 77 + 100;
	return give(1) && CHECK(vxdp_vring_need_signal(&g->vr)) && give(1) &&
	       CHECK(!vxdp_vring_need_signal(&g->vr));
}

/* After the first, exactly as the specification's own formula says. */
static bool by_event(void)
{
	u32 i, said = 0;
	bool need;
	u16 old, n;

	guest_make(g, 4096, F_EVENT_IDX, random_u64());
	for (i = 0; i < 20000; i++) {
		old = g->vr.last_used;
		n = 1 + random_below(random_below(8) ? 4 : 4096);
		*used_event() = old + random_below(n * 2 + 2) - 1 - (random_below(4) ? 0 : n);
		if (!give(n))
			return false;
		need = vxdp_vring_need_signal(&g->vr);
		if (i && !CHECK(need == !!vring_need_event(*used_event(), old + n, old)))
			return false;
		said += need;
	}
	return CHECK(said > 1000) && CHECK(said < 19000);
}

/* Several batches before anybody asks count together. */
static bool batches_add_up(void)
{
	guest_make(g, 256, F_EVENT_IDX, 0);
	if (!give(1) || !CHECK(vxdp_vring_need_signal(&g->vr)))
		return false;
	*used_event() = 3;
	return give(2) && CHECK(!vxdp_vring_need_signal(&g->vr)) && give(5) && give(5) &&
	       CHECK(vxdp_vring_need_signal(&g->vr)) &&
	       CHECK(!vxdp_vring_need_signal(&g->vr));
}

/* 65536 entries without a question: old and new look the same, so tell. */
static bool once_around(void)
{
	u32 i;

	guest_make(g, 4096, F_EVENT_IDX, 0);
	if (!give(1) || !CHECK(vxdp_vring_need_signal(&g->vr)))
		return false;
	*used_event() = 0x4000;
	for (i = 0; i < 16; i++) {
		if (!give(4096))
			return false;
	}
	return CHECK(vxdp_vring_need_signal(&g->vr));
}

static bool unreadable_wish(void)
{
	u64 features[] = { 0, F_EVENT_IDX };
	u32 i;

	for (i = 0; i < 2; i++) {
		guest_make(g, 4, features[i], 0);
		g->avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
		*(features[i] ? used_event() : &g->avail->flags) = 0xff;
		if (!give(1))
			return false;
		vxdp_vring_need_signal(&g->vr);
		if (!give(1) || !CHECK(!vxdp_vring_need_signal(&g->vr)) || !give(1))
			return false;
		us_unmap(UA_AVAIL);
		if (!CHECK(vxdp_vring_need_signal(&g->vr)) || !CHECK(!g->vr.error))
			return false;
		guest_drop(g);
	}
	return true;
}

/* VIRTIO_F_NOTIFY_ON_EMPTY goes before what the driver wishes. */
static bool on_empty(u64 features)
{
	u32 i;

	guest_make(g, 4, F_ON_EMPTY | features, 0);
	guest_desc(g->desc, 0, 0, 8, 0, 0);
	for (i = 0; i < 3; i++)
		guest_offer(g, 0);
	if (!CHECK(guest_next(g) == 1) || !give(1))
		return false;
	vxdp_vring_need_signal(&g->vr);
	g->avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
	if (features)
		*used_event() = 0x8000;
	return CHECK(guest_next(g) == 1) && give(1) &&
	       CHECK(!vxdp_vring_need_signal(&g->vr)) && CHECK(guest_next(g) == 1) &&
	       give(1) && CHECK(vxdp_vring_need_signal(&g->vr));
}

static bool on_empty_flags(void)	{ return on_empty(0); }
static bool on_empty_event(void)	{ return on_empty(F_EVENT_IDX); }

static bool kick_flags(void)
{
	unsigned long before;

	guest_make(g, 4, 0, 0);
	vxdp_vring_disable_kick(&g->vr);
	if (!CHECK(g->used->flags == VRING_USED_F_NO_NOTIFY))
		return false;
	before = us_accesses();
	vxdp_vring_disable_kick(&g->vr);
	return CHECK(us_accesses() == before) && CHECK(!vxdp_vring_enable_kick(&g->vr)) &&
	       CHECK(g->used->flags == 0) && CHECK(!g->vr.error);
}

static bool kick_event(void)
{
	guest_make(g, 4, F_EVENT_IDX, 0xfffe);
	*avail_event() = 0x1234;
	vxdp_vring_disable_kick(&g->vr);
	if (!CHECK(*avail_event() == 0x1234) || !CHECK(g->used->flags == 0) ||
	    !CHECK(!vxdp_vring_enable_kick(&g->vr)) || !CHECK(*avail_event() == 0xfffe))
		return false;
	guest_desc(g->desc, 0, 0, 8, 0, 0);
	guest_offer(g, 0);
	guest_offer(g, 0);
	guest_offer(g, 0);
	/* Three there, one taken and put back: the event is behind all of them. */
	if (!CHECK(guest_next(g) == 1))
		return false;
	vxdp_vring_rewind(&g->vr, 1);
	return CHECK(!vxdp_vring_enable_kick(&g->vr)) && CHECK(*avail_event() == 1);
}

static bool armed;

/* The driver's part of the race: it offers just before it could see the wish. */
static void offer_once(void)
{
	if (armed)
		guest_offer(g, 0);
	armed = false;
}

static bool chain_comes_meanwhile(u64 features)
{
	guest_make(g, 4, features, 5);
	guest_desc(g->desc, 0, 0, 8, 0, 0);
	vxdp_vring_disable_kick(&g->vr);
	armed = true;
	us_hook(offer_once);
	if (!CHECK(guest_next(g) == 1) || !CHECK(guest_next(g) == 0))
		return false;
	armed = true;
	return CHECK(vxdp_vring_enable_kick(&g->vr)) && CHECK(guest_next(g) == 1);
}

static bool meanwhile_flags(void)	{ return chain_comes_meanwhile(0); }
static bool meanwhile_event(void)	{ return chain_comes_meanwhile(F_EVENT_IDX); }

/* Pages of the log that are set, for the ranges below. */
static bool logged(const u8 *log, const u64 *pages, u32 nr)
{
	u64 bits = 0, i;
	u32 k;

	for (i = 0; i < LOG_BYTES; i++)
		bits += __builtin_popcount(log[i]);
	if (!CHECK(bits == nr)) {
		ktap_diag("%llu pages are logged, not %u", bits, nr);
		return false;
	}
	for (k = 0; k < nr; k++) {
		if (!CHECK(log[pages[k] / 8] & 1 << pages[k] % 8))
			return false;
	}
	return true;
}

/* A used ring of 1024 entries at x...f00 covers three pages and a bit. */
#define USED_GPA	(GPA_HIGH + 0x3f00)
#define USED_PAGE(off)	((USED_GPA + (off)) / 4096)

static bool log_of_used(void)
{
	u8 *log;

	guest_make(g, 1024, F_EVENT_IDX, 1022);
	log = guest_log(g, USED_GPA);
	g->vr.log_all = false;
	/* Two at the end, two at the start, and the index. */
	return give(4) && logged(log, (u64[]){ USED_PAGE(4 + 1022 * 8), USED_PAGE(2) }, 2) &&
	       CHECK(!vxdp_vring_enable_kick(&g->vr)) &&
	       logged(log, (u64[]){ USED_PAGE(4 + 1022 * 8), USED_PAGE(2) }, 2);
}

static bool log_of_avail_event(void)
{
	/* 4 + 1024 * 8 bytes after this the next page begins. */
	u64 gpa = GPA_HIGH + 0x3000 - 4;
	u8 *log;

	guest_make(g, 1024, F_EVENT_IDX, 0);
	log = guest_log(g, gpa);
	return CHECK(!vxdp_vring_enable_kick(&g->vr)) &&
	       logged(log, (u64[]){ (gpa + 4 + 8192) / 4096 }, 1);
}

static bool log_of_flags(void)
{
	u8 *log;

	guest_make(g, 1024, 0, 0);
	log = guest_log(g, GPA_HIGH + 0x2ffc);
	vxdp_vring_disable_kick(&g->vr);
	return logged(log, (u64[]){ (GPA_HIGH + 0x2ffc) / 4096 }, 1);
}

static bool log_at_start(void)
{
	u8 *log;

	guest_make(g, 4, 0, 0);
	log = guest_log(g, GPA_HIGH);
	return CHECK(!vxdp_vring_start(&g->vr)) &&
	       logged(log, (u64[]){ GPA_HIGH / 4096 }, 1);
}

static bool no_log(void)
{
	u8 *log;

	guest_make(g, 4, 0, 0);
	log = guest_log(g, GPA_HIGH);
	g->vr.log_used = false;
	g->vr.log_all = false;
	guest_desc(g->desc, 0, 0, 8, D_WRITE, 0);
	guest_offer(g, 0);
	return CHECK(guest_next(g) == 1) &&
	       CHECK(!vxdp_vring_log_chain(&g->vr, &g->chain, 8)) && give(1) &&
	       CHECK(!vxdp_vring_enable_kick(&g->vr)) && logged(log, NULL, 0);
}

/* Only what was written, from the start of the writable part on. */
static bool log_of_buffers(void)
{
	static const struct {
		u64 len;
		u32 nr;
	} steps[] = { { 0, 0 }, { 1, 1 }, { 100, 1 }, { 101, 2 }, { 4195, 2 }, { 4196, 3 },
		      { 8291, 3 }, { 8292, 4 }, { 8293, 5 }, { 8297, 5 }, { 8298, 6 },
		      { 1 << 20, 6 } };
	/* 100 bytes, 8192 bytes that begin at the end of a page, 10 over two regions. */
	static const u64 pages[] = { 2, 4, 5, 6, 15, 16 };
	u32 i;
	u8 *log;
	bool ok;

	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		guest_make(g, 8, 0, 0);
		log = guest_log(g, GPA_HIGH);
		guest_desc(g->desc, 0, 0x1000, 50, D_NEXT, 1);
		guest_desc(g->desc, 1, 0x2800, 100, D_NEXT | D_WRITE, 2);
		guest_desc(g->desc, 2, 0x4000, 0, D_NEXT | D_WRITE, 3);
		guest_desc(g->desc, 3, 0x4001, 8192, D_NEXT | D_WRITE, 4);
		guest_desc(g->desc, 4, GPA_MID - 5, 10, D_WRITE, 0);
		guest_offer(g, 0);
		ok = CHECK(guest_next(g) == 1) && CHECK(g->chain.seg_num == 3) &&
		     CHECK(!vxdp_vring_log_chain(&g->vr, &g->chain, steps[i].len)) &&
		     logged(log, pages, steps[i].nr);
		guest_drop(g);
		if (!ok) {
			ktap_diag("of %llu bytes", steps[i].len);
			return false;
		}
	}
	return true;
}

static const struct {
	const char *name;
	bool (*run)(void);
} cases[] = {
	{ "signal by flags", by_flags },
	{ "signal by event: the first always", first_is_signalled },
	{ "signal by event: as vring_need_event() says", by_event },
	{ "signal by event: batches add up", batches_add_up },
	{ "signal by event: once around the index", once_around },
	{ "signal where the wish cannot be read", unreadable_wish },
	{ "signal on empty, with flags", on_empty_flags },
	{ "signal on empty, with event", on_empty_event },
	{ "kicks on and off by flags", kick_flags },
	{ "kicks on and off by event", kick_event },
	{ "a chain that comes while kicks go on, with flags", meanwhile_flags },
	{ "a chain that comes while kicks go on, with event", meanwhile_event },
	{ "log of used entries and index, over the wrap", log_of_used },
	{ "log of the avail event", log_of_avail_event },
	{ "log of the flags", log_of_flags },
	{ "log at start", log_at_start },
	{ "nothing is logged that is not to be", no_log },
	{ "log of buffers, as far as written", log_of_buffers },
};

int main(void)
{
	unsigned int i;
	bool ok;

	random_seed("selftests/unit/vring_notify");
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		us_reset();
		ktap_case(60, "notify: %s", cases[i].name);
		ok = cases[i].run();
		guest_drop(g);
		ktap_ok(us_clean() && ok);
	}
	us_reset();
	return ktap_done();
}
