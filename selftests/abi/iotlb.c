// SPDX-License-Identifier: GPL-2.0
/*
 * iotlb.c - a guest behind a virtual IOMMU (VIRTIO_F_ACCESS_PLATFORM): what the
 * device may use it asks for, what was taken from it it does not use.
 *
 * Every page is an entry of its own, and what lies together for guest and device is
 * scattered for the VMM, so that rings, buffers and tables span entries. Where the
 * VMM has the device's addresses is other memory, which nobody may touch.
 *
 *	iotlb xdp|sock|intree [NAME]
 *
 * "intree" is /dev/vhost-net on a tap: the same answers, but where it says so.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <string.h>

#include "iotlb.h"

enum lane lane;

const struct nic_cfg behind = {
	.features = F_MODERN, .rx_num = 512, .tx_num = 512, .rx_len = 3000,
	.tx_len = 2048,
};

void iotlb_bench(struct bench *b, struct nic_cfg cfg, struct iommu_cfg how)
{
	how.on = true;
	cfg.iommu = how;
	bench_open(b, lane, cfg);
}

bool iotlb_close(struct bench *b)
{
	bool ok = mem_untouched(&b->nic.mem);

	bench_close(b);
	return ok;
}

void tx_offer(struct bench *b, unsigned int n)
{
	static const struct virtio_net_hdr_v1 plain = { .num_buffers = 0 };
	struct frame_stream *s = &b->to_wire;

	nic_tx_reclaim(&b->nic);
	for (; n; n--) {
		uint8_t *p = nic_tx_slot(&b->nic);

		NEED(p);
		frame_fill(s, p);
		NEED(nic_tx(&b->nic, &plain, frame_len(s), NIC_ONE, false));
	}
	ring_publish(&b->nic.ring[NIC_TX]);
}

void tx_hello(struct bench *b)
{
	static const struct virtio_net_hdr_v1 plain = { .num_buffers = 0 };
	struct frame_stream s = b->to_wire;
	uint8_t *p;

	nic_tx_reclaim(&b->nic);
	p = nic_tx_slot(&b->nic);
	NEED(p);
	frame_fill(&s, p);
	memset(p + 14, 0, frame_len(&s) - 14);
	NEED(nic_tx(&b->nic, &plain, frame_len(&s), NIC_ONE, false));
	ring_publish(&b->nic.ring[NIC_TX]);
}

void rx_offer(struct bench *b, unsigned int n)
{
	for (; n; n--) {
		frame_fill(&b->to_guest, pkt_room(&b->wire));
		pkt_queue(&b->wire, frame_len(&b->to_guest));
	}
	pkt_flush(&b->wire);
}

void all_memory(struct bench *b, void (*fn)(struct iommu *u, const void *hva, size_t size))
{
	struct mem *m = &b->nic.mem;
	unsigned int i;

	for (i = 0; i < m->count; i++)
		fn(&b->nic.iommu, m->region[i].hva, m->region[i].size);
}

unsigned long faults(const struct bench *b)
{
	return __atomic_load_n(&b->nic.iommu.faults, __ATOMIC_RELAXED);
}

bool told_of(struct bench *b, unsigned long before, unsigned int index)
{
	struct ring *r = &b->nic.ring[index];

	while (faults(b) == before) {
		if (eventfd_take(r->err)) {
			ktap_diag("ring %u: an error", index);
			return true;
		}
		sched_yield();
	}
	return true;
}

static bool run(struct nic_cfg cfg, struct iommu_cfg how, unsigned int len)
{
	struct bench b;
	bool ok;

	iotlb_bench(&b, cfg, how);
	if (cfg.indirect) {
		b.tx_layout = NIC_PIECES;
		b.tx_indirect = true;
	}
	bench_len(&b, len);
	ok = flow_run(&b, 600, 600) && CHECK(!b.nic.iommu.faults) &&
	     CHECK(!b.nic.iommu.misses == how.ahead);
	ktap_diag("%lu misses, %lu entries", b.nic.iommu.misses,
		  b.nic.iommu.updates);
	return iotlb_close(&b) && ok;
}

static bool before_v1(void)
{
	return run(behind, (struct iommu_cfg){ .v1 = true, .ahead = true,
					       .how = IOMMU_POLL }, 1514);
}

static bool before_v2(void)
{
	return run(behind, (struct iommu_cfg){ .ahead = true, .how = IOMMU_POLL },
		   1514);
}

static bool asked_block(void)
{
	return run(behind, (struct iommu_cfg){ .how = IOMMU_BLOCK }, 1514);
}

static bool asked_poll_v1(void)
{
	return run(behind, (struct iommu_cfg){ .v1 = true, .how = IOMMU_POLL }, 60);
}

static bool asked_nonblock(void)
{
	return run(behind, (struct iommu_cfg){ .how = IOMMU_NONBLOCK }, 1514);
}

/* One frame over many buffers, each on two pages. */
static bool asked_merged(void)
{
	struct nic_cfg cfg = behind;

	cfg.features |= F_MRG;
	cfg.rx_len = 1500;
	cfg.tx_len = 9100;
	cfg.tx_bufs = 64;
	return run(cfg, (struct iommu_cfg){ .how = IOMMU_POLL }, 9014);
}

static bool asked_indirect(void)
{
	struct nic_cfg cfg = behind;

	cfg.indirect = true;
	cfg.rx_num = cfg.tx_num = 128;
	cfg.rx_layout = NIC_PIECES;
	return run(cfg, (struct iommu_cfg){ .how = IOMMU_POLL }, 1514);
}

static bool asked_regions(void)
{
	struct nic_cfg cfg = behind;

	cfg.regions = 3;
	cfg.rx_num = cfg.tx_num = 64;
	return run(cfg, (struct iommu_cfg){ .how = IOMMU_POLL }, 1514);
}

static bool packed(struct nic_cfg cfg, struct iommu_cfg how, unsigned int len)
{
	cfg.features |= BIT64(VIRTIO_F_RING_PACKED);
	return run(cfg, how, len);
}

static bool packed_before(void)
{
	return packed(behind, (struct iommu_cfg){ .ahead = true,
						  .how = IOMMU_POLL }, 1514);
}

static bool packed_asked(void)
{
	return packed(behind, (struct iommu_cfg){ .how = IOMMU_POLL }, 1514);
}

static bool packed_indirect(void)
{
	struct nic_cfg cfg = behind;

	cfg.indirect = true;
	cfg.rx_num = cfg.tx_num = 200;
	cfg.features |= F_MRG;
	return packed(cfg, (struct iommu_cfg){ .how = IOMMU_POLL }, 1514);
}

/* Ring positions are as they were, and so is what the driver sees. */
static bool waits(struct bench *b, const unsigned int *used)
{
	unsigned int i, base;
	bool ok = true;

	for (i = 0; i < 2; i++) {
		struct ring *r = &b->nic.ring[i];

		ok = CHECK(ring_base(r) == used[i]) && ok;
		ok = CHECK(!dev_backend(b->nic.dev, i, -1)) && ok;
		ok = CHECK(!dev_vring_base(b->nic.dev, i, &base)) && ok;
		ok = CHECK(base == used[i]) && ok;
		ok = CHECK(!eventfd_take(r->err)) && ok;
	}
	return ok;
}

/*
 * All is taken away: the rings wait, can be stopped, not started; and go on with the
 * same chains when the guest has mapped all again.
 */
static bool never(void)
{
	unsigned int used[2], i;
	unsigned long before;
	struct bench b;
	bool ok;

	iotlb_bench(&b, behind, (struct iommu_cfg){ .how = IOMMU_POLL });
	b.tolerant = true;
	ok = flow_run(&b, 50, 50);
	nic_tx_reclaim(&b.nic);
	all_memory(&b, iommu_take);
	/* Not before: the kernel at the other end sends what it likes. */
	for (i = 0; i < 2; i++)
		used[i] = ring_base(&b.nic.ring[i]);
	before = faults(&b);
	tx_offer(&b, 20);
	ok = told_of(&b, before, NIC_TX) && ok;
	before = faults(&b);
	bench_hello(&b);
	ok = told_of(&b, before, NIC_RX) && ok;
	ok = waits(&b, used) && ok;
	/* What the start has to read and write the VMM has to know. */
	ok = CHECK(nic_resume(&b.nic) == -EFAULT) && ok;
	for (i = 0; i < b.nic.mem.count; i++)
		iommu_allow(&b.nic.iommu, b.nic.mem.region[i].hva,
			    b.nic.mem.region[i].size, RW);
	all_memory(&b, iommu_tell);
	ok = CHECK(!nic_resume(&b.nic)) && ok;
	ok = flow_run(&b, 50, 50) && ok;
	return iotlb_close(&b) && ok;
}

/* The same, and it is closed as it stands, misses and all. */
static bool never_closed(void)
{
	unsigned long before;
	struct bench b;
	bool ok;

	iotlb_bench(&b, behind, (struct iommu_cfg){ .how = IOMMU_POLL });
	all_memory(&b, iommu_take);
	before = faults(&b);
	tx_offer(&b, 20);
	ok = told_of(&b, before, NIC_TX);
	bench_hello(&b);
	ok = mem_untouched(&b.nic.mem) && ok;
	bench_abandon(&b);
	return ok;
}

/* Where the guest's buffers wait for their entries, frames wait, and others pass. */
static bool late(void)
{
	unsigned long before;
	struct bench b;
	struct nic *n = &b.nic;
	size_t size;
	bool ok;

	iotlb_bench(&b, behind, (struct iommu_cfg){ .how = IOMMU_POLL });
	size = n->rx_bufs * n->rx_stride;
	iommu_take(&n->iommu, n->rx_buf, size);
	before = faults(&b);
	rx_offer(&b, 30);
	ok = told_of(&b, before, NIC_RX);
	tx_offer(&b, 100);
	ok = ok && flow_expect_wire(&b.wire, &b.at_wire, b.to_wire.next);
	ok = CHECK(!n->ring[NIC_RX].used->idx) && ok;
	iommu_allow(&n->iommu, n->rx_buf, size, RW);
	iommu_tell(&n->iommu, n->rx_buf, size);
	ok = ok && flow_run(&b, 100, 100);
	return iotlb_close(&b) && ok;
}

static const struct test { const char *name; bool (*fn)(void); } tests[] = {
	{ "mapped before, first kind of message", before_v1 },
	{ "mapped before", before_v2 },
	{ "mapped when asked for, read() waits", asked_block },
	{ "mapped when asked for, first kind, poll()", asked_poll_v1 },
	{ "mapped when asked for, O_NONBLOCK", asked_nonblock },
	{ "mapped when asked for, merged buffers", asked_merged },
	{ "mapped when asked for, indirect tables", asked_indirect },
	{ "mapped when asked for, three regions", asked_regions },
	{ "never mapped: rings wait", never },
	{ "never mapped: closed", never_closed },
	{ "buffers mapped late", late },
	{ "pages moved, mapped before", moved_ahead },
	{ "pages moved, mapped when asked for", moved_asked },
	{ "buffers that cannot be written", rights_rx },
	{ "buffers that cannot be read", rights_tx },
	{ "a used ring that cannot be written", rights_used },
	{ "what is written is logged", logged },
	{ "stopped and started", restarted },
	{ "owner reset", owner_reset },
	{ "switched off and on, ring addresses stale", switched },
	{ "messages, right and wrong", messages },
	{ "read() and poll()", reads },
	{ "bytes that nobody set, first kind", bytes_v1 },
	{ "bytes that nobody set", bytes_v2 },
	{ "ranges that overflow", ranges },
	{ "a flood of entries", flood_updates },
	{ "a flood of misses", flood_misses },
	{ "entries for memory that is none", bad_entries },
	{ "another process writes", stranger },
	{ "the VMM is killed while it reads", killed },
}, ours[] = {
	{ "more misses than are kept", many_misses },
	{ "packed, mapped before", packed_before },
	{ "packed, mapped when asked for", packed_asked },
	{ "packed, indirect, merged, mapped when asked for", packed_indirect },
};

static void run_tests(const struct test *t, unsigned int n, const char *only)
{
	for (; n; n--, t++) {
		if (only && !strstr(t->name, only))
			continue;
		ktap_case(60, "%s", t->name);
		ktap_ok(t->fn());
	}
}

#define RUN(t, only) run_tests(t, sizeof(t) / sizeof((t)[0]), only)

int main(int argc, char **argv)
{
	const char *only = argc > 2 ? argv[2] : NULL;

	lane = lane_of(argc > 1 ? argv[1] : "xdp");
	ktap_case(60, "setup");
	net_ready(lane);
	port_attach(lane, PORT, mac_guest, 0, "");
	RUN(tests, only);
	/* No bound, no packed rings: in-tree vhost-net has neither. */
	if (lane != LANE_INTREE)
		RUN(ours, only);
	port_detach(lane, PORT);
	return ktap_done();
}
