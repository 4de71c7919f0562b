// SPDX-License-Identifier: GPL-2.0
/*
 * xsk.c - ports on the xsk lane, as they are made and deleted: which queues they
 * can have, who may, and that nothing of it is left anywhere.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/capability.h>
#include <linux/ethtool.h>
#include <linux/if_xdp.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../vmm/ktap.h"
#include "../vmm/vmm.h"
#include "../vmm/wire.h"

#define HAS(x) (1U << VHOST_XDP_A_##x)
#define UPLINK "up0"
#define SENDER "up1"		/* more queues to send by than to receive by */
#define QUEUES 4		/* of the uplink */

#ifndef SOL_XDP
#define SOL_XDP 283
#endif

static int new_of(const char *dev, const char *name, unsigned int first,
		  unsigned int queues, struct ctl_port *p)
{
	struct ctl_req r = {
		.has = HAS(IFINDEX) | HAS(XSK_QUEUE) | HAS(QUEUES),
		.name = name, .ifindex = net_ifindex(dev),
		.xsk_queue = first, .queues = queues,
	};

	return ctl_do(VHOST_XDP_CMD_PORT_NEW, &r, p);
}

static int new_on(const char *name, unsigned int first, unsigned int queues,
		  struct ctl_port *p)
{
	return new_of(UPLINK, name, first, queues, p);
}

/* Refused with that error and a text that says why. */
static bool refused(int r, int error)
{
	if (r != error)
		ktap_diag("answer %d, expected %d", r, error);
	return CHECK(r == error) && CHECK(*ctl_last_error());
}

/* All queues are there to be had. */
static bool all_free(void)
{
	int r = new_on("all", 0, QUEUES, NULL);

	if (r)
		ktap_diag("not all queues are free: %d (%s)", r, ctl_last_error());
	return CHECK(!r) && CHECK(!ctl_del("all"));
}

static bool told(void)
{
	struct ctl_port p, q;
	bool ok;

	ok = CHECK(!new_on("x0", 2, 2, &p)) && CHECK(!ctl_get("x0", &q)) &&
	     CHECK(p.seen & HAS(XSK_QUEUE)) && CHECK(p.xsk_queue == 2) &&
	     CHECK(q.xsk_queue == 2) && CHECK(q.queues == 2) &&
	     CHECK(!ctl_del("x0"));
	return ok && CHECK(!ctl_new("x1", UPLINK, &p)) &&
	       CHECK(!(p.seen & HAS(XSK_QUEUE))) && CHECK(!ctl_del("x1"));
}

static bool values(void)
{
	struct ctl_req r = { .has = HAS(XSK_QUEUE), .name = "x0" };

	return refused(ctl_do(VHOST_XDP_CMD_PORT_NEW, &r, NULL), -EINVAL) &&
	       refused(new_on("x0", 65536, 1, NULL), -ERANGE) &&
	       refused(new_on("x0", 65535, 2, NULL), -EINVAL) &&
	       refused(new_on("x0", QUEUES, 1, NULL), -EINVAL) &&
	       refused(new_on("x0", QUEUES - 1, 2, NULL), -EINVAL) &&
	       CHECK(!ctl_dump(NULL, 0)) && all_free();
}

/* A queue that receives nothing is of no use. */
static bool sends_only(void)
{
	bool ok;

	NEED(!net_run("ip link add " SENDER " numrxqueues 1 numtxqueues 2 type"
		      " veth peer name far1 numrxqueues 2 numtxqueues 1"));
	net_link(SENDER, true);
	ok = refused(new_of(SENDER, "x0", 1, 1, NULL), -EINVAL) &&
	     refused(new_of(SENDER, "x0", 0, 2, NULL), -EINVAL) &&
	     CHECK(!new_of(SENDER, "x0", 0, 1, NULL)) && CHECK(!ctl_del("x0"));
	NEED(!net_run("ip link del " SENDER));
	return ok;
}

static bool by_ports(void)
{
	bool ok;

	NEED(!new_on("x0", 1, 2, NULL));
	ok = refused(new_on("x1", 1, 1, NULL), -EBUSY) &&
	     refused(new_on("x1", 0, 2, NULL), -EBUSY) &&
	     refused(new_on("x1", 2, 2, NULL), -EBUSY) &&
	     CHECK(!new_on("x1", 0, 1, NULL)) &&
	     CHECK(!new_on("x3", 3, 1, NULL)) && CHECK(!ctl_del("x1")) &&
	     CHECK(!ctl_del("x3"));
	NEED(!ctl_del("x0"));
	return ok && all_free();
}

/* A program's own AF_XDP socket, as DPDK would have it. */
static int xdp_socket(unsigned int queue)
{
	static uint8_t umem[65536] __attribute__((aligned(4096)));
	struct xdp_umem_reg reg = { .addr = (uintptr_t)umem,
				    .len = sizeof(umem), .chunk_size = 4096 };
	struct sockaddr_xdp addr = { .sxdp_family = AF_XDP,
				     .sxdp_ifindex = net_ifindex(UPLINK),
				     .sxdp_queue_id = queue };
	int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0), num = 16;

	NEED(fd >= 0);
	NEED(!setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg)));
	NEED(!setsockopt(fd, SOL_XDP, XDP_UMEM_FILL_RING, &num, sizeof(num)));
	NEED(!setsockopt(fd, SOL_XDP, XDP_UMEM_COMPLETION_RING, &num,
			 sizeof(num)));
	NEED(!setsockopt(fd, SOL_XDP, XDP_RX_RING, &num, sizeof(num)));
	NEED(!bind(fd, (struct sockaddr *)&addr, sizeof(addr)));
	return fd;
}

static bool by_others(void)
{
	int fd = xdp_socket(1), i, r;
	bool ok;

	ok = refused(new_on("x0", 1, 1, NULL), -EBUSY) &&
	     refused(new_on("x0", 0, 4, NULL), -EBUSY) &&
	     CHECK(!new_on("x0", 2, 2, NULL)) && CHECK(!ctl_del("x0"));
	close(fd);
	/* A program's queue is free only when RCU and a work item say so. */
	for (i = 0; (r = new_on("x0", 1, 1, NULL)) == -EBUSY && i < 500; i++)
		poll(NULL, 0, 10);
	return CHECK(!r) && CHECK(!ctl_del("x0")) && ok;
}

static bool free_at_once(void)
{
	bool ok = true;
	int i;

	for (i = 0; i < 20 && ok; i++)
		ok = CHECK(!new_on("x0", i % QUEUES, 1, NULL)) &&
		     CHECK(!ctl_del("x0"));
	return ok;
}

static unsigned int maps_lines(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	unsigned int n = 0;
	int c;

	NEED(f);
	while ((c = fgetc(f)) != EOF)
		n += c == '\n';
	fclose(f);
	return n;
}

/* No mapping of it stays in the process that made it, nor a descriptor. */
static bool nothing_kept(void)
{
	unsigned int maps = maps_lines();
	int fd = dup(0), next;
	bool ok;

	close(fd);
	NEED(!new_on("x0", 0, QUEUES, NULL));
	next = dup(0);
	ok = CHECK(maps_lines() == maps) && CHECK(next == fd);
	close(next);
	return CHECK(!ctl_del("x0")) && ok;
}

static bool in_child(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	NEED(pid >= 0);
	if (!pid) {
		ktap_child();
		_exit(fn());
	}
	NEED(waitpid(pid, &status, 0) == pid);
	return CHECK(!status);
}

static void without(unsigned int cap)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2];

	NEED(!syscall(SYS_capget, &h, d));
	d[cap / 32].effective &= ~(1U << cap % 32);
	d[cap / 32].permitted &= ~(1U << cap % 32);
	NEED(!syscall(SYS_capset, &h, d));
}

static int without_raw(void)
{
	without(CAP_NET_RAW);
	return !(refused(new_on("x0", 0, 1, NULL), -EPERM) &&
		 CHECK(!ctl_new("x0", UPLINK, NULL)) && CHECK(!ctl_del("x0")));
}

static int without_memlock(void)
{
	const struct rlimit none = { 65536, 65536 };

	without(CAP_IPC_LOCK);
	NEED(!setrlimit(RLIMIT_MEMLOCK, &none));
	return !refused(new_on("x0", 0, 1, NULL), -ENOBUFS);
}

static bool privileges(void)
{
	return in_child(without_raw) && in_child(without_memlock) && all_free();
}

static int own_namespace(void)
{
	NEED(!unshare(CLONE_NEWNET));
	NEED(!net_run("ip link add " UPLINK " type veth peer name far &&"
		      " ip link set " UPLINK " up && ip link set far up"));
	return !CHECK(!new_on("left", 0, 1, NULL));
}

/* It goes with its namespace, though it has a socket there: a while after. */
static bool namespace_goes(void)
{
	int i;

	if (!in_child(own_namespace))
		return false;
	for (i = 0; i < 1000 && !access(port_node("left"), F_OK); i++)
		poll(NULL, 0, 10);
	return CHECK(access(port_node("left"), F_OK));
}

static int set_channels(unsigned int n)
{
	struct ethtool_channels c = { .cmd = ETHTOOL_SCHANNELS, .rx_count = n,
				      .tx_count = n };
	struct ifreq ifr = { .ifr_name = UPLINK, .ifr_data = (char *)&c };
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), r;

	NEED(s >= 0);
	r = ioctl(s, SIOCETHTOOL, &ifr) ? -errno : 0;
	close(s);
	return r;
}

/* The kernel keeps a queue that has a socket. */
static bool queues_lowered(void)
{
	bool ok;

	NEED(!new_on("x0", QUEUES - 1, 1, NULL));
	ok = CHECK(set_channels(2) == -EINVAL);
	NEED(!ctl_del("x0"));
	ok = CHECK(!set_channels(2)) && ok &&
	     refused(new_on("x0", QUEUES - 1, 1, NULL), -EINVAL);
	return CHECK(!set_channels(QUEUES)) && ok && all_free();
}

/* Opened, then deleted: the memory stays until the close, the queue does not. */
static bool deleted_while_open(void)
{
	bool ok;
	int fd;

	NEED(!new_on("x0", 0, 1, NULL));
	fd = dev_open(port_node("x0"));
	ok = CHECK(fd >= 0) && CHECK(!ctl_del("x0")) && all_free();
	close(fd);
	return ok;
}

int main(void)
{
	static const struct { const char *name; bool (*fn)(void); } tests[] = {
		{ "the queue is told", told },
		{ "queues that are not there", values },
		{ "queues that only send", sends_only },
		{ "queues that other ports have", by_ports },
		{ "a queue that a program has", by_others },
		{ "a queue is free when its port is deleted", free_at_once },
		{ "the loader keeps nothing", nothing_kept },
		{ "privileges are the loader's", privileges },
		{ "namespace takes its ports with it", namespace_goes },
		{ "queue count lowered", queues_lowered },
		{ "deleted while open", deleted_while_open },
	};
	unsigned int i;

	ktap_case(60, "setup");
	NEED(ctl_present());
	net_init();
	NEED(!net_run("ip link add " UPLINK " numrxqueues %d numtxqueues %d type"
		      " veth peer name far numrxqueues %d numtxqueues %d",
		      QUEUES, QUEUES, QUEUES, QUEUES));
	net_link(UPLINK, true);
	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		ktap_case(60, "%s", tests[i].name);
		ktap_ok(tests[i].fn());
	}
	return ktap_done();
}
