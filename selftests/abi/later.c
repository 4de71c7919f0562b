// SPDX-License-Identifier: GPL-2.0
/*
 * later.c - what <linux/vhost.h> has got since 6.12 and concerns net: features
 * beyond the 64th, and a kernel thread as worker. The answers that an in-tree
 * vhost-net of 6.12 gives, too, are compared in compat.c.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../vmm/flow.h"

#define WORDS 64
#define OFFERED 0x10f3d008000ULL
#define KTHREADD 2

static const struct nic_cfg guest = {
	.features = F_MODERN | F_MRG, .rx_num = 256, .tx_num = 256,
	.rx_len = 1536, .tx_len = 1600, .regions = 2, .kthread = true,
};

/* The second word: as the kernel's own vhost-net has it, where it has one. */
static uint64_t more_offered;

/* Two pages, of which only the first can be touched. */
static uint64_t *edge;

static uint64_t *at_edge(unsigned int words)
{
	return edge + 512 - words;
}

static int get_array(int fd, uint64_t *a, uint64_t count)
{
	a[0] = count;
	return dev_ioctl(fd, VHOST_GET_FEATURES_ARRAY, a);
}

static bool array_read(void)
{
	int fd = dev_open(port_node(PORT));
	uint64_t a[WORDS + 2];
	bool ok = true;
	unsigned int i;

	NEED(fd >= 0);
	memset(a, 0xee, sizeof(a));
	ok = CHECK(!get_array(fd, a, 0)) && CHECK(a[1] == 0xeeeeeeeeeeeeeeeeULL);
	ok = ok && CHECK(!get_array(fd, a, 1)) && CHECK(a[1] == OFFERED) &&
	     CHECK(a[2] == 0xeeeeeeeeeeeeeeeeULL);
	ok = ok && CHECK(!get_array(fd, a, WORDS)) && CHECK(a[1] == OFFERED);
	ok = ok && CHECK(a[2] == more_offered);
	for (i = 3; i <= WORDS; i++)
		ok = ok && CHECK(!a[i]);
	ok = ok && CHECK(a[WORDS + 1] == 0xeeeeeeeeeeeeeeeeULL);
	ok = ok && CHECK(get_array(fd, a, WORDS + 1) == -E2BIG) &&
	     CHECK(get_array(fd, a, ~0ULL) == -E2BIG) &&
	     CHECK(get_array(fd, a, 1ULL << 61) == -E2BIG);
	/* The count can be read, what is behind it cannot be written. */
	ok = ok && CHECK(get_array(fd, at_edge(1), 1) == -EFAULT) &&
	     CHECK(get_array(fd, at_edge(2), 2) == -EFAULT) &&
	     CHECK(!get_array(fd, at_edge(1), 0)) &&
	     CHECK(dev_ioctl(fd, VHOST_GET_FEATURES_ARRAY, edge + 512) == -EFAULT);
	close(fd);
	return ok;
}

static bool array_written(void)
{
	int fd = dev_open(port_node(PORT));
	const uint64_t modern = BIT64(VIRTIO_F_VERSION_1);
	uint64_t a[WORDS + 2] = { 1, modern };
	bool ok;

	NEED(fd >= 0);
	ok = CHECK(!dev_ioctl(fd, VHOST_SET_FEATURES_ARRAY, a));
	a[0] = WORDS;
	ok = ok && CHECK(!dev_ioctl(fd, VHOST_SET_FEATURES_ARRAY, a));
	a[WORDS] = 1;
	ok = ok && CHECK(dev_ioctl(fd, VHOST_SET_FEATURES_ARRAY, a) == -EOPNOTSUPP);
	a[0] = WORDS - 1;
	ok = ok && CHECK(!dev_ioctl(fd, VHOST_SET_FEATURES_ARRAY, a));
	a[2] = more_offered;
	ok = ok && CHECK(!dev_ioctl(fd, VHOST_SET_FEATURES_ARRAY, a));
	a[2] = ~more_offered;
	ok = ok && CHECK(dev_ioctl(fd, VHOST_SET_FEATURES_ARRAY, a) == -EOPNOTSUPP);
	a[0] = 1;
	a[1] = modern | BIT64(63);
	ok = ok && CHECK(dev_ioctl(fd, VHOST_SET_FEATURES_ARRAY, a) == -EOPNOTSUPP);
	a[0] = WORDS + 1;
	ok = ok && CHECK(dev_ioctl(fd, VHOST_SET_FEATURES_ARRAY, a) == -E2BIG);
	a[0] = 0;
	ok = ok && CHECK(!dev_ioctl(fd, VHOST_SET_FEATURES_ARRAY, a));
	*at_edge(1) = 1;
	ok = ok && CHECK(dev_ioctl(fd, VHOST_SET_FEATURES_ARRAY, at_edge(1)) == -EFAULT);
	close(fd);
	return ok;
}

static int parent_of(const char *pid)
{
	char path[300], line[512], *p;
	int parent = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	f = fopen(path, "re");
	if (!f)
		return -1;
	p = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
	if (p)
		sscanf(p, ") %*c %d", &parent);
	fclose(f);
	return parent;
}

/* Processes of the kernel by the name of our workers. */
static unsigned int kernel_workers(void)
{
	DIR *d = opendir("/proc");
	unsigned int n = 0;
	struct dirent *e;

	NEED(d);
	while ((e = readdir(d))) {
		char path[300], comm[64] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%s/comm", e->d_name);
		f = isdigit(e->d_name[0]) ? fopen(path, "re") : NULL;
		if (!f)
			continue;
		if (fgets(comm, sizeof(comm), f) && !strncmp(comm, "vxdp-", 5) &&
		    parent_of(e->d_name) == KTHREADD)
			n++;
		fclose(f);
	}
	closedir(d);
	return n;
}

/* One that has ended is still seen until init or kthreadd has looked after it. */
static bool no_kernel_worker(void)
{
	int i;

	for (i = 0; i < 500 && kernel_workers(); i++)
		poll(NULL, 0, 10);
	return CHECK(!kernel_workers());
}

static bool kernel_thread(enum lane lane)
{
	struct bench b;
	bool ok;

	bench_open(&b, lane, guest);
	bench_len(&b, 1514);
	ok = CHECK(kernel_workers() == 1) && flow_run(&b, 2000, 2000) &&
	     bench_quiet(&b);
	/* Stopped and started, it is the same thread. */
	ok = ok && CHECK(!nic_stop(&b.nic)) && CHECK(!nic_resume(&b.nic)) &&
	     CHECK(kernel_workers() == 1) && flow_run(&b, 2000, 2000);
	ok = ok && CHECK(!nic_stop(&b.nic)) &&
	     CHECK(!dev_ioctl(b.nic.dev, VHOST_RESET_OWNER, NULL)) &&
	     no_kernel_worker();
	bench_abandon(&b);
	return ok;
}

static bool nobody_has_it_open(void)
{
	struct ctl_port p;

	NEED(!ctl_get(PORT, &p));
	return p.opens == 0;
}

/* With frames under way; and what it held of the VMM's memory goes with it. */
static bool vmm_killed(enum lane lane)
{
	struct bench b;
	int i, ready[2];
	char byte;
	pid_t pid;

	NEED(!pipe(ready));
	pid = fork();
	NEED(pid >= 0);
	if (!pid) {
		ktap_child();
		bench_open(&b, lane, guest);
		bench_len(&b, 60);
		NEED(flow_run(&b, 100, 100));
		NEED(write(ready[1], "", 1) == 1);
		for (;;)
			flow_run(&b, 1000, 1000);
	}
	close(ready[1]);
	NEED(read(ready[0], &byte, 1) == 1);
	close(ready[0]);
	i = kernel_workers();
	NEED(!kill(pid, SIGKILL));
	NEED(waitpid(pid, NULL, 0) == pid);
	/* Its files are closed before its parent hears of it. */
	return CHECK(i == 1) && CHECK(nobody_has_it_open()) &&
	       no_kernel_worker();
}

static uint64_t more_intree(void)
{
	int fd = dev_open("/dev/vhost-net");
	uint64_t more;

	NEED(fd >= 0);
	dev_features_more(fd, &more);
	close(fd);
	return more;
}

/* Each word is narrowed by itself; the tool and netlink say what is left. */
static bool array_narrowed(const char *options, uint64_t word, uint64_t more)
{
	uint64_t a[3] = { 2, 0, 0 };
	struct ctl_port p;
	bool ok;
	int fd;

	port_attach(LANE_XDP, PORT, mac_guest, 0, options);
	fd = dev_open(port_node(PORT));
	NEED(fd >= 0 && !ctl_get(PORT, &p));
	ok = CHECK(p.features == word) && CHECK(p.features_more == more) &&
	     CHECK(!dev_ioctl(fd, VHOST_GET_FEATURES_ARRAY, a)) &&
	     CHECK(a[1] == word) && CHECK(a[2] == more);
	/* What was taken away cannot be had; what is left can. */
	a[2] = more_offered & ~more;
	ok = ok && CHECK(dev_ioctl(fd, VHOST_SET_FEATURES_ARRAY, a) == (a[2] ? -EOPNOTSUPP : 0));
	a[2] = more;
	ok = ok && CHECK(!dev_ioctl(fd, VHOST_SET_FEATURES_ARRAY, a)) &&
	     CHECK(!ctl_get(PORT, &p)) && CHECK(p.queue[0].features == word) &&
	     CHECK(p.queue[0].features_more == more);
	close(fd);
	port_detach(LANE_XDP, PORT);
	return ok;
}

static bool arrays_narrowed(void)
{
	const uint64_t modern = BIT64(VIRTIO_F_VERSION_1), tunnels = BIT64(65 - 64) | BIT64(67 - 64);

	return array_narrowed("--features -IN_ORDER", OFFERED & ~BIT64(35), more_offered) &&
	       array_narrowed("--features VERSION_1", modern, 0) &&
	       array_narrowed("--features -GUEST_UDP_TUNNEL_GSO", OFFERED, more_offered & ~BIT64(1)) &&
	       array_narrowed("--features -GUEST_UDP_TUNNEL_GSO,-HOST_UDP_TUNNEL_GSO,-RING_PACKED",
			      OFFERED & ~BIT64(34), more_offered & ~tunnels);
}

static void arrays(void)
{
	more_offered = more_intree();
	edge = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	NEED(edge != MAP_FAILED && !mprotect(edge + 512, 4096, PROT_NONE));
	port_attach(LANE_SOCK, PORT, mac_guest, 0, "");
	ktap_case(30, "features array: read");
	ktap_ok(array_read());
	ktap_case(30, "features array: written");
	ktap_ok(array_written());
	port_detach(LANE_SOCK, PORT);
	ktap_case(60, "features array: of a port that offers less");
	ktap_ok(arrays_narrowed());
}

int main(void)
{
	static const char *const lanes[] = { "xdp", "xsk", "sock" };
	unsigned int i;

	ktap_case(60, "setup");
	net_ready(LANE_XDP);
	arrays();
	for (i = 0; i < sizeof(lanes) / sizeof(lanes[0]); i++) {
		enum lane lane = lane_of(lanes[i]);

		ktap_case(60, "%s: a kernel thread as worker", lanes[i]);
		port_attach(lane, PORT, mac_guest, 0, "");
		ktap_ok(kernel_thread(lane));
		ktap_case(60, "%s: its VMM killed", lanes[i]);
		ktap_ok(vmm_killed(lane));
		port_detach(lane, PORT);
	}
	return ktap_done();
}
