// SPDX-License-Identifier: GPL-2.0
/*
 * lifecycle.c - things end, or change, while frames are moving: the VMM is
 * killed, the uplink or the port goes, the module is to be removed, memory
 * table, log, eventfds and backends are swapped. Ten times each. And owners come
 * and go, hundreds. Afterwards all works as before and nothing is left behind.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "load.h"

#define TIMES (ktap_slow() > 1 ? 3 : 10)

static enum lane lane;

static struct nic_cfg guest = {
	.features = F_MODERN | F_MRG, .rx_num = 256, .tx_num = 256,
	.rx_len = 1536, .tx_len = 9018, .regions = 2,
};

/* A fresh VMM on the port moves frames without losing one. */
static bool works(void)
{
	struct bench b;
	bool ok;

	bench_open(&b, lane, guest);
	bench_len(&b, 1514);
	ok = flow_run(&b, 100, 100);
	bench_close(&b);
	return ok;
}

static bool nobody_has_it_open(void)
{
	struct ctl_port p;

	NEED(!ctl_get(PORT, &p));
	return CHECK(p.opens == 0);
}

static bool vmm_killed(void)
{
	struct load l;
	int i;

	for (i = 0; i < TIMES; i++) {
		load_start(&l, lane, &guest);
		if (!load_kill(&l) || !nobody_has_it_open())
			return false;
	}
	return works();
}

static bool link_down_up(void)
{
	struct load l;
	bool ok = true;
	int i;

	load_start(&l, lane, &guest);
	for (i = 0; i < TIMES && ok; i++) {
		net_link(UPLINK, false);
		net_link(UPLINK, true);
		ok = load_progress(&l);
	}
	ok = load_stop(&l) && ok;
	return ok && works();
}

/* The far end's cable, so to speak: carrier goes, the device stays. */
static bool carrier_off_on(void)
{
	struct load l;
	bool ok = true;
	int i;

	load_start(&l, lane, &guest);
	for (i = 0; i < TIMES && ok; i++) {
		net_enter_wire();
		net_link(WIRE, false);
		net_link(WIRE, true);
		net_enter_host();
		ok = load_progress(&l);
	}
	ok = load_stop(&l) && ok;
	return ok && works();
}

static bool uplink_deleted(void)
{
	struct ctl_port p;
	struct load l;
	int i;

	for (i = 0; i < TIMES; i++) {
		load_start(&l, lane, &guest);
		NEED(!net_run("ip link del " UPLINK));
		if (!CHECK(!ctl_get(PORT, &p)) ||
		    !CHECK(!(p.seen & (1U << VHOST_XDP_A_IFINDEX))) ||
		    !CHECK(p.opens == 1) || !load_stop(&l))
			return false;
		port_detach(lane, PORT);
		net_uplink(UPLINK, WIRE, 9000);
		port_attach(lane, PORT, mac_guest, 0, "");
	}
	return works();
}

static bool port_deleted(void)
{
	struct load l;
	int i;

	for (i = 0; i < TIMES; i++) {
		load_start(&l, lane, &guest);
		port_detach(lane, PORT);
		if (!CHECK(access(port_node(PORT), F_OK)))
			return false;
		/* The name is free while the old one is still open. */
		port_attach(lane, PORT, mac_guest, 0, "");
		if (!nobody_has_it_open() || !load_severed(&l))
			return false;
	}
	return works();
}

static long rmmod(void)
{
	return syscall(SYS_delete_module, "vhost_xdp", O_NONBLOCK) ? -errno : 0;
}

/*
 * Programs that were detached give the module back only when RCU and a work
 * item have freed them, which nobody is told: look until it is so.
 */
static bool module_is_free(void)
{
	int i;

	for (i = 0; i < 500; i++) {
		if (!proc_number("/sys/module/vhost_xdp/refcnt", ""))
			return true;
		poll(NULL, 0, 10);
	}
	ktap_diag("module has %ld references",
		  proc_number("/sys/module/vhost_xdp/refcnt", ""));
	return CHECK(!"module is free");
}

static bool insmod(void)
{
	const char *path = getenv("VXDP_MODULE");
	long r;
	int fd;

	/* The runner's: it may be trying another than the tree's own. */
	if (!path || !*path)
		path = "kmod/vhost_xdp.ko";
	fd = open(path, O_RDONLY | O_CLOEXEC);
	NEED(fd >= 0);
	r = syscall(SYS_finit_module, fd, "", 0);
	close(fd);
	return CHECK(!r) && CHECK(ctl_present());
}

static bool module_removed(void)
{
	struct load l;
	long r;
	int i;

	for (i = 0; i < TIMES; i++) {
		load_start(&l, lane, &guest);
		r = rmmod();
		if (!CHECK(r == -EWOULDBLOCK || r == -EBUSY) ||
		    !load_progress(&l) || !load_stop(&l))
			return false;
		r = rmmod();
		if (!CHECK(r == -EWOULDBLOCK || r == -EBUSY))
			return false;
		port_detach(lane, PORT);
		if (!module_is_free() || !CHECK(!rmmod()) || !insmod())
			return false;
		port_attach(lane, PORT, mac_guest, 0, "");
	}
	return works();
}

/* The whole table anew, its regions in another order each time. */
static void swap_memory(struct bench *b, unsigned int round)
{
	struct mem m = b->nic.mem;

	if (round & 1) {
		m.region[0] = b->nic.mem.region[1];
		m.region[1] = b->nic.mem.region[0];
	}
	NEED(!dev_set_mem(b->nic.dev, &m));
}

static uint64_t log_base;

static void toggle_log(struct bench *b, unsigned int round)
{
	uint64_t f = b->nic.cfg.features;
	unsigned int i;
	bool on = !(round & 1);

	if (on) {
		f |= BIT64(VHOST_F_LOG_ALL);
		NEED(!dev_ioctl(b->nic.dev, VHOST_SET_LOG_BASE, &log_base));
	}
	NEED(!dev_set_features(b->nic.dev, f));
	for (i = 0; i < 2; i++) {
		struct ring *r = &b->nic.ring[i];

		NEED(!dev_vring_addr(b->nic.dev, i, r, on,
				     mem_gpa(r->mem, r->used)));
	}
}

/* What falls between the two is made up for, as QEMU does it. */
static void poke(int fd)
{
	uint64_t one = 1;

	NEED(write(fd, &one, sizeof(one)) == sizeof(one));
}

static void swap_eventfds(struct bench *b, unsigned int round)
{
	int dev = b->nic.dev;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		struct ring *r = &b->nic.ring[i];
		bool twin = round & 1;

		if (round % 16 == 7)
			NEED(!dev_vring_file(dev, VHOST_SET_VRING_CALL, i, -1));
		NEED(!dev_vring_file(dev, VHOST_SET_VRING_CALL, i,
				     twin ? r->call2 : r->call));
		poke(r->call);
		if (round % 16 == 11)
			NEED(!dev_vring_file(dev, VHOST_SET_VRING_KICK, i, -1));
		NEED(!dev_vring_file(dev, VHOST_SET_VRING_KICK, i,
				     twin ? r->kick2 : r->kick));
		poke(twin ? r->kick2 : r->kick);
	}
}

static void rebind(struct bench *b, unsigned int round)
{
	unsigned int i = round & 1;

	NEED(!dev_backend(b->nic.dev, i, -1));
	NEED(!dev_backend(b->nic.dev, i, b->tap));
}

static bool disturbed(void (*op)(struct bench *b, unsigned int round),
		      bool to_guest)
{
	struct disturber d;
	unsigned int i;
	struct bench b;
	bool ok = true;

	bench_open(&b, lane, guest);
	bench_len(&b, 1514);
	for (i = 0; i < 2; i++) {
		b.nic.ring[i].kick2 = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		b.nic.ring[i].call2 = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	}
	for (i = 0; i < TIMES && ok; i++) {
		disturb_start(&d, &b, op);
		do
			ok = flow_run(&b, to_guest ? 600 : 0, 600);
		while (ok && disturb_rounds(&d) < 4);
		disturb_stop(&d);
	}
	for (i = 0; i < 2; i++) {
		close(b.nic.ring[i].kick2);
		close(b.nic.ring[i].call2);
	}
	bench_abandon(&b);
	return ok && works();
}

static bool memory_swapped(void)
{
	return disturbed(swap_memory, true);
}

static bool log_toggled(void)
{
	void *log = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool ok;

	NEED(log != MAP_FAILED);
	log_base = (uintptr_t)log;
	ok = disturbed(toggle_log, true);
	munmap(log, 1 << 20);
	return ok;
}

static bool eventfds_swapped(void)
{
	return disturbed(swap_eventfds, true);
}

/* While its ring has no backend a port drops what comes, and counts it. */
static bool rebound(void)
{
	return disturbed(rebind, false);
}

/* Workers are threads of the VMM or of the kernel; none may outlive the VMM. */
static bool no_worker_left(void)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	bool ok = true;

	NEED(d);
	while ((e = readdir(d))) {
		char path[300], comm[64] = "";
		FILE *f;

		if (!isdigit(e->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", e->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fgets(comm, sizeof(comm), f) && !strncmp(comm, "vxdp-", 5)) {
			ktap_diag("process %s is %s", e->d_name, comm);
			ok = false;
		}
		fclose(f);
	}
	closedir(d);
	return ok;
}

#define OWNERS (ktap_slow() > 1 ? 50 : 200)

/*
 * An owner that sends: what it has the kernel allocate is a page_pool with what
 * belongs to it. Only the transmit ring runs, for starting and stopping the other
 * waits for RCU. Every other owner resigns before it goes.
 */
static bool owner(struct bench *b, const struct nic_cfg *cfg, bool resign)
{
	struct nic *n = &b->nic;
	bool ok;

	nic_init(n, cfg);
	NEED(!dev_ioctl(n->dev, VHOST_SET_OWNER, NULL) &&
	     !dev_set_features(n->dev, cfg->features) &&
	     !dev_set_mem(n->dev, &n->mem) &&
	     !nic_setup_ring(n, NIC_TX, ring_base(&n->ring[NIC_TX])) &&
	     !dev_backend(n->dev, NIC_TX, cfg->backend));
	ok = flow_run(b, 0, 4);
	if (resign) {
		NEED(!dev_backend(n->dev, NIC_TX, -1));
		ok = CHECK(!dev_ioctl(n->dev, VHOST_RESET_OWNER, NULL)) && ok;
	}
	nic_free(n);
	return ok;
}

/* Objects in use of that size, by whichever of the kernel's caches. */
static long slab_objects(const char *size)
{
	FILE *f = fopen("/proc/slabinfo", "re");
	char line[256], name[64];
	long sum = 0, active;

	NEED(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%63s %ld", name, &active) == 2 &&
		    !strncmp(name, "kmalloc-", 8) && strstr(name, size))
			sum += active;
	fclose(f);
	return sum;
}

/* KASAN keeps what was freed; on a kernel that has it, kmemleak looks instead. */
static bool slab_tells(void)
{
	return access("/sys/kernel/debug/kmemleak", F_OK);
}

/* What RCU and work items free they free later, and tell nobody. */
static bool slab_settles(const char *size, long limit)
{
	int i;

	if (!slab_tells())
		return true;
	for (i = 0; i < 500 && slab_objects(size) > limit; i++)
		poll(NULL, 0, 10);
	return CHECK(slab_objects(size) <= limit);
}

static bool owners_come_and_go(void)
{
	struct nic_cfg cfg = guest;
	bool ok = true;
	struct bench b;
	long before;
	int i;

	cfg.rx_num = cfg.tx_num = 16;
	bench_open(&b, lane, cfg);
	cfg = b.nic.cfg;
	NEED(!nic_stop(&b.nic));
	nic_free(&b.nic);
	before = slab_objects("-2k");
	for (i = 0; i < OWNERS && ok; i++)
		ok = owner(&b, &cfg, i & 1);
	pkt_close(&b.wire);
	close(b.tap);
	ok = slab_settles("-2k", before + OWNERS / 4) && ok;
	ktap_diag("%d owners: %ld objects of 2 KiB before, %ld after", i,
		  before, slab_objects("-2k"));
	return ok;
}

/*
 * CPUs hand in what they have counted from time to time, or when asked. The two
 * counts are next to each other, and read at once: everybody's direct I/O moves them.
 */
static long pages_pinned(void)
{
	int fd = open("/proc/sys/vm/stat_refresh", O_WRONLY | O_CLOEXEC);
	FILE *f = fopen("/proc/vmstat", "re");
	long acquired = -1, released = -2;
	char line[256];

	NEED(fd >= 0 && f && write(fd, "1", 1) == 1);
	close(fd);
	while (fgets(line, sizeof(line), f)) {
		sscanf(line, "nr_foll_pin_acquired %ld", &acquired);
		sscanf(line, "nr_foll_pin_released %ld", &released);
	}
	fclose(f);
	return acquired - released;
}

/*
 * The kernel gives an AF_XDP socket's UMEM back in a work of its own, after a
 * grace period, when nobody holds the socket any more: no event says so.
 */
static bool nothing_pinned(void)
{
	long pinned = pages_pinned();
	int i;

	for (i = 0; i < 1000 && pinned; i++) {
		poll(NULL, 0, 10);
		pinned = pages_pinned();
	}
	ktap_diag("%ld pages pinned after %d ms", pinned, 10 * i);
	return CHECK(!pinned);
}

static long slab_before;

/* The log of the kernel is read by the runner. */
static bool nothing_left(void)
{
	long slab;

	port_detach(lane, PORT);
	slab = proc_number("/proc/meminfo", "SUnreclaim");
	ktap_diag("unreclaimable slab: %ld kB before, %ld kB after",
		  slab_before, slab);
	return CHECK(ctl_dump(NULL, 0) == 0) && no_worker_left() &&
	       module_is_free() && nothing_pinned() &&
	       CHECK(slab < slab_before + 8192 || !slab_tells()) &&
	       CHECK(!rmmod()) && insmod();
}

/* lifecycle xdp|xsk [packed] [NAME] */
int main(int argc, char **argv)
{
	static const struct { const char *name; bool (*fn)(void); } tests[] = {
		{ "VMM killed", vmm_killed },
		{ "link down and up", link_down_up },
		{ "carrier off and on", carrier_off_on },
		{ "uplink deleted", uplink_deleted },
		{ "port deleted", port_deleted },
		{ "module removal refused, then done", module_removed },
		{ "memory table replaced", memory_swapped },
		{ "logging toggled", log_toggled },
		{ "eventfds swapped", eventfds_swapped },
		{ "backend taken away and given back", rebound },
		{ "owners come and go", owners_come_and_go },
		{ "nothing left", nothing_left },
	};
	unsigned int i;

	lane = lane_of(argc > 1 ? argv[1] : "xdp");
	if (argc > 2 && !strcmp(argv[2], "packed")) {
		guest.features |= F_PACKED;
		argc--, argv++;
	}
	ktap_case(60, "setup");
	net_ready(lane);
	port_attach(lane, PORT, mac_guest, 0, "");
	NEED(works());
	slab_before = proc_number("/proc/meminfo", "SUnreclaim");
	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		if (argc > 2 && !strstr(tests[i].name, argv[2]))
			continue;
		ktap_case(240, "under load: %s", tests[i].name);
		ktap_ok(tests[i].fn());
	}
	return ktap_done();
}
