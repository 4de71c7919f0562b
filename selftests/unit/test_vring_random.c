// SPDX-License-Identifier: GPL-2.0
/*
 * test_vring_random.c - a driver and a device that uses kmod/core/vring.c or packed.c,
 * step by random step, the driver acting in between any two accesses of the device.
 *
 * Each chain must come out once, in order and whole; what the device writes must
 * come back, and nothing else be written; neither side may sleep while the other
 * has something for it; and a VMM that migrates meanwhile, by the dirty log, must
 * end with the same memory. All that also behind an IOMMU, of which the VMM tells piece
 * by piece, when it is asked, and takes back what it has told.
 */
#include <linux/vhost_xdp.h>

#include "driver.h"
#include "iommu.h"
#include "plain.h"
#include "ktap.h"
#include "random.h"

#define BATCH_MAX	64
#define USED_GPA	(GPA_HIGH + 0xf0000 - 24)

static struct guest guest, *g = &guest;
static struct driver driver, *d = &driver;

/* table: NULL where the guest is not behind one */
static struct iommu iommu;

static struct {
	u64 taken;		/* chains; that of the next one is its serial */
	struct vxdp_used used[BATCH_MAX];
	u32 nr_used;
	bool asleep;
	bool busy;		/* the hook is not to run within itself */
	bool driver_lazy;	/* so that rings run empty as well as full */
	u64 slept, woken, signals, rewound, plain;
} dev;

/* The VMM at the other end of the migration. */
static u8 low[SIZE_LOW], mid[SIZE_MID], high[SIZE_HIGH], used_copy[8 * 32768];
static u8 ring_copy[16 * DRIVER_NUM_MAX];

/* A packed ring is in memory that the log knows. */
static void copy_ring(u64 page)
{
	u64 size = vxdp_vring_desc_size(g->vr.num), i;

	for (i = 0; g->packed && i < size; i++) {
		if ((GPA_RING + i) / 4096 == page)
			ring_copy[i] = ((u8 *)g->packed)[i];
	}
}

/* The device area: of a split ring the used ring. */
static u8 *device_area(void)
{
	return us_at(UA_USED, vxdp_vring_used_size(&g->vr, g->vr.num));
}

static void copy_used(u64 page)
{
	u64 size = vxdp_vring_used_size(&g->vr, g->vr.num), i;

	for (i = 0; i < size; i++) {
		if ((USED_GPA + i) / 4096 == page)
			used_copy[i] = device_area()[i];
	}
}

static void copy_page(u64 page)
{
	u64 gpa = page * 4096;

	copy_used(page);
	copy_ring(page);
	if (gpa < GPA_MID)
		memcpy(low + gpa, guest_at(gpa, 4096), 4096);
	else if (gpa < GPA_MID + SIZE_MID)
		memcpy(mid + (gpa - GPA_MID), guest_at(gpa, 4096), 4096);
	else if (gpa >= GPA_HIGH)
		memcpy(high + (gpa - GPA_HIGH), guest_at(gpa, 4096), 4096);
}

static void migrate_range(u8 *log, u64 gpa, u64 size)
{
	u64 page;
	u8 bit;

	for (page = gpa / 4096; page < (gpa + size) / 4096; page++) {
		bit = 1 << page % 8;
		if (!(log[page / 8] & bit))
			continue;
		log[page / 8] &= ~bit;
		copy_page(page);
	}
}

static void migrate(void)
{
	u8 *log = us_at(UA_LOG, LOG_BYTES);

	migrate_range(log, GPA_LOW, SIZE_LOW + SIZE_MID);
	migrate_range(log, GPA_RING & ~4095ULL, 2 * 4096);
	migrate_range(log, GPA_HIGH, SIZE_HIGH);
}

static bool migrated(void)
{
	u64 i, left = 0;
	u8 *log;

	if (!d->logs)
		return true;
	migrate();
	log = us_at(UA_LOG, LOG_BYTES);
	for (i = 0; i < LOG_BYTES; i++)
		left += log[i];
	return CHECK(!memcmp(low, guest_at(GPA_LOW, SIZE_LOW), SIZE_LOW)) &&
	       CHECK(!memcmp(mid, guest_at(GPA_MID, SIZE_MID), SIZE_MID)) &&
	       CHECK(!memcmp(high, guest_at(GPA_HIGH, SIZE_HIGH), SIZE_HIGH)) &&
	       CHECK(!memcmp(used_copy, device_area(), vxdp_vring_used_size(&g->vr, g->vr.num))) &&
	       CHECK(!g->packed || !memcmp(ring_copy, g->packed,
					   vxdp_vring_desc_size(g->vr.num))) &&
	       CHECK(!left);
}

static void others_act(void)
{
	if (dev.busy)
		return;
	dev.busy = true;
	if (!random_below(dev.driver_lazy ? 30 : 3))
		driver_step(d);
	if (d->logs && !random_below(100))
		migrate();
	dev.busy = false;
}

static void fail(const char *why)
{
	ktap_diag("%s", why);
	d->failed = true;
}

/* What the driver meant the device to read. */
static void check_out(u64 serial)
{
	const struct vxdp_chain *c = &g->chain;
	u8 buf[DRIVER_BUF_SIZE];
	u32 i, j, k = 0;

	for (i = 0; i < c->out_num; i++) {
		NEED(g->iov[i].iov_len <= sizeof(buf));
		if (us_read(buf, (u64)g->iov[i].iov_base, g->iov[i].iov_len))
			fail("a buffer cannot be read");
		for (j = 0; j < g->iov[i].iov_len; j++, k++) {
			if (buf[j] != driver_out_byte(serial, k)) {
				fail("a buffer to read is not the driver's");
				return;
			}
		}
	}
}

static void write_in(struct driver_chain *want)
{
	const struct vxdp_chain *c = &g->chain;
	u32 left = want->used_len, k = 0, i, j;
	u8 buf[DRIVER_BUF_SIZE];

	for (i = c->out_num; i < c->out_num + c->in_num && left; i++) {
		u32 part = min_t(u32, left, g->iov[i].iov_len);

		for (j = 0; j < part; j++, k++)
			buf[j] = driver_in_byte(want->serial, k);
		if (us_write((u64)g->iov[i].iov_base, buf, part))
			fail("a buffer cannot be written");
		left -= part;
	}
	if (vxdp_vring_log_chain(&g->vr, c, want->used_len))
		fail("the log failed");
}

static void lengths_match(const struct driver_chain *want)
{
	u64 out = 0, in = 0;
	u32 i;

	for (i = 0; i < want->nr; i++)
		*(i < want->out ? &out : &in) += want->buf[i].len;
	if (!CHECK(g->chain.out_len == out) || !CHECK(g->chain.in_len == in))
		d->failed = true;
}

static void serve(struct driver_chain *want)
{
	u32 steps = vxdp_vring_packed(&g->vr) ? want->descs : 1;

	if (want->serial != dev.taken || (u16)g->chain.head != want->slot || want->taken ||
	    vxdp_vring_steps(&g->vr, g->chain.head) != steps) {
		fail("not the next chain");
		return;
	}
	lengths_match(want);
	check_out(want->serial);
	want->taken = true;
	want->used_len = random_below(g->chain.in_len + 1);
	/* In order, nothing written says: to its end. */
	if (d->in_order && g->chain.in_len)
		want->used_len = max(want->used_len, 1U);
	write_in(want);
	dev.used[dev.nr_used++] = (struct vxdp_used){ g->chain.head, want->used_len };
	dev.taken++;
}

static void publish(void)
{
	if (!dev.nr_used)
		return;
	if (vxdp_vring_add_used(&g->vr, dev.used, dev.nr_used))
		fail("used entries were refused");
	dev.nr_used = 0;
	if (vxdp_vring_need_signal(&g->vr)) {
		d->interrupted = true;
		dev.signals++;
	}
}

/* Nothing there, or too little: give back, ask for a kick, look once more. */
static void go_to_sleep(void)
{
	publish();
	if (vxdp_vring_enable_kick(&g->vr)) {
		vxdp_vring_disable_kick(&g->vr);
		return;
	}
	dev.asleep = true;
	dev.slept++;
}

/* Nothing of a chain is taken that the VMM has still to tell of. */
static int next_chain(void)
{
	u16 before = g->vr.last_avail;
	int ret = guest_next(g);

	while (ret < 0 && iommu.table && !g->vr.error) {
		if (g->vr.last_avail != before || !iommu_answer(&iommu))
			fail("a miss that is none");
		if (d->failed)
			break;
		/* Who answers changes the table: in another turn. */
		iommu_turn(&iommu);
		ret = guest_next(g);
	}
	return ret;
}

/* As for a frame over several chains of which there are not enough. */
static void take_and_rewind(void)
{
	u32 n = 0, want;
	int ret = 1;

	for (want = 1 + random_below(4); want; want--) {
		ret = next_chain();
		if (ret <= 0)
			break;
		n += vxdp_vring_steps(&g->vr, g->chain.head);
	}
	vxdp_vring_rewind(&g->vr, n);
	dev.rewound += n;
	if (ret < 0)
		fail("the ring broke");
	if (!ret)
		go_to_sleep();
}

/* Those that are plain, as many as there are, as the transmit side does. */
static void take_plain(void)
{
	struct vxdp_plain plain[8];
	u32 i, n, max = 1 + random_below(8);

	if (dev.nr_used + max > BATCH_MAX)
		publish();
	n = vxdp_plain_next(&g->vr, plain, max, 0, 1, DRIVER_BUF_SIZE);
	for (i = 0; i < n; i++) {
		g->chain = (struct vxdp_chain){
			.head = plain[i].head,
			.iov = g->iov,
			.out_num = 1,
			.out_len = plain[i].len,
		};
		g->iov[0] = vxdp_iovec(plain[i].uaddr, plain[i].len);
		serve(driver_chain(d, dev.taken));
	}
	dev.plain += n;
}

static void device_step(void)
{
	int ret;

	if (iommu.table)
		iommu_turn(&iommu);
	if (!random_below(8)) {
		take_and_rewind();
		return;
	}
	if (random_below(2))
		take_plain();
	if (random_below(4) == 0)
		publish();
	if (vxdp_vring_empty(&g->vr)) {
		go_to_sleep();
		return;
	}
	ret = next_chain();
	if (ret != 1)
		fail("a chain that was there is not");
	else
		serve(driver_chain(d, dev.taken));
	if (dev.nr_used == BATCH_MAX)
		publish();
}

/* A frame may come for the guest without a kick; so it wakes up now and then. */
static void device_wakes(void)
{
	if (!d->kicked && random_below(50))
		return;
	d->kicked = false;
	dev.asleep = false;
	dev.woken++;
	if (iommu.table)
		iommu_turn(&iommu);
	vxdp_vring_disable_kick(&g->vr);
}

/* Has the driver put anything behind what the device has seen? */
static bool unseen(void)
{
	u32 seen;

	if (!g->packed)
		return g->avail->idx != g->vr.avail_idx;
	seen = (g->vr.last_avail & 0x7fff) + g->vr.ahead;
	return seen % g->vr.num != (d->avail_place & 0x7fffU);
}

static void nobody_is_forgotten(void)
{
	if (dev.asleep && !d->kicked && !d->kick_due && unseen())
		fail("the device sleeps and was not kicked");
	if (d->state == DRIVER_ASLEEP && !d->interrupted && d->ops->used(d) > d->delay)
		fail("the driver sleeps and was not interrupted");
}

/* Let everything come out. */
static bool drain(void)
{
	u32 i;

	us_hook(NULL);
	if (iommu.table)
		iommu_turn(&iommu);
	vxdp_vring_disable_kick(&g->vr);
	for (i = 0; i < 10000 && !vxdp_vring_empty(&g->vr) && !d->failed; i++)
		device_step();
	publish();
	driver_reap(d);
	return CHECK(!d->failed) && CHECK(!iommu.failed) && CHECK(!g->vr.error) && CHECK(d->reaped == d->offered) &&
	       CHECK(d->reaped == dev.taken) && CHECK(d->nr_free == d->num);
}

/* @chunk: bytes that the IOMMU has on end; 0: there is none */
static bool run(u32 num, u64 features, bool logs, u64 chunk, u32 steps)
{
	/* A packed ring is wherever it was when it was stopped last. */
	u16 base = features & F_PACKED ? 0x8000 | num / 3 : 0xff00;
	u32 i;

	guest_make(g, num, features, base);
	if (chunk)
		iommu_make(&iommu, g, chunk, USED_GPA);
	driver_init(d, g);
	memset(&dev, 0, sizeof(dev));
	if (logs) {
		guest_log(g, USED_GPA);
		memset(low, 0, sizeof(low));
		memset(mid, 0, sizeof(mid));
		memset(high, 0, sizeof(high));
		memset(ring_copy, 0, sizeof(ring_copy));
		memcpy(used_copy, device_area(), vxdp_vring_used_size(&g->vr, num));
		d->logs = true;
	}
	us_hook(others_act);
	for (i = 0; i < steps && !d->failed; i++) {
		dev.driver_lazy = i / 512 % 2;
		if (!dev.driver_lazy || !random_below(8))
			driver_step(d);
		if (dev.asleep)
			device_wakes();
		else
			device_step();
		if (!d->kick_due)
			nobody_is_forgotten();
	}
	if (d->failed)
		ktap_diag("in step %u", i);
	/* Else it showed less than it says. */
	return drain() && migrated() && CHECK(d->offered > steps / 20) &&
	       CHECK(dev.slept > 10) && CHECK(dev.rewound > 10) && CHECK(dev.signals > 10) &&
	       CHECK(g->packed || chunk || dev.plain > 10) &&
	       CHECK(!chunk || (iommu.answered > 100 && iommu.retracted > 10)) && CHECK(!d->in_order || num == 1 || d->skipped > 10);
}

static const u64 features[] = {
	0, F_EVENT_IDX, F_EVENT_IDX | F_ON_EMPTY, F_EVENT_IDX | F_IN_ORDER,
	F_PACKED, F_PACKED | F_EVENT_IDX, F_PACKED | F_EVENT_IDX | F_IN_ORDER,
};

static const char *const names[] = {
	"flags", "event index", "event index, on empty", "event index, in order",
	"packed, flags", "packed, event index", "packed, event index, in order",
};

static void ring_of(u32 num, u64 chunk, u32 steps)
{
	u32 k, logs;
	bool ok;

	for (k = 0; k < ARRAY_SIZE(features); k++) {
		if (num & (num - 1) && !(features[k] & F_PACKED))
			continue;
		for (logs = 0; logs < 2; logs++) {
			ktap_case(60, "driver and device, ring of %u, %s%s%s", num, names[k],
				  logs ? ", migrating" : "", chunk ? ", behind an IOMMU" : "");
			ok = run(num, features[k], logs, chunk, steps);
			if (chunk)
				iommu_drop(&iommu);
			guest_drop(g);
			ktap_ok(us_clean() && ok);
		}
	}
}

int main(void)
{
	static const u32 nums[] = { 1, 2, 3, 4, 32, 250, 256 };
	u32 i;

	random_seed("selftests/unit/vring_random");
	for (i = 0; i < ARRAY_SIZE(nums); i++)
		ring_of(nums[i], 0, 20000);
	/* 6 and 24 bytes: descriptors in pieces. */
	ring_of(4, 6, 4000);
	ring_of(33, 24, 4000);
	ring_of(64, 4096, 5000);
	us_reset();
	return ktap_done();
}
