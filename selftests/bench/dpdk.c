// SPDX-License-Identifier: GPL-2.0
/*
 * dpdk.c - DPDK between guest and wire: testpmd forwards from a vhost-user socket
 * (its net_vhost driver) to the uplink (its AF_XDP driver) and back.
 *
 * It is a process of its own, of the default policy, and polls for ever. What is
 * measured is what runs from the first frame to the last, its empty polls on the
 * way included; there are few, because frames always wait for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define SOCKET "/tmp/vxdp-bench.sock"
#define LOG "/tmp/vxdp-testpmd.log"
#define DRIVERS "/usr/lib/*/dpdk/pmds-*/librte_net_%s.so*"

struct dpdk {
	pid_t pid;
	int stdin;	/* testpmd runs until this ends */
	int sock;
};

static bool driver_installed(const char *name)
{
	char pattern[128];
	glob_t g;
	int e;

	snprintf(pattern, sizeof(pattern), DRIVERS, name);
	e = glob(pattern, 0, NULL, &g);
	globfree(&g);
	return !e;
}

bool dpdk_available(void)
{
	return !access("/usr/bin/dpdk-testpmd", X_OK) &&
	       driver_installed("af_xdp") && driver_installed("vhost");
}

static void be_testpmd(const char *uplink, int in)
{
	char vdev[128];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(vdev, sizeof(vdev), "net_af_xdp0,iface=%s", uplink);
	NEED(dup2(in, 0) == 0);
	NEED(freopen(LOG, "w", stdout));
	NEED(dup2(1, 2) == 2);
	execl("/usr/bin/dpdk-testpmd", "dpdk-testpmd", "--no-shconf",
	      "--no-huge", "-m", "256", "--no-pci", "--no-telemetry",
	      "--lcores", "0@0,1@0", "--vdev", vdev, "--vdev",
	      "net_vhost0,iface=" SOCKET, "--", "--auto-start",
	      "--forward-mode=io", "--nb-cores=1", "--total-num-mbufs=16384",
	      "--disable-link-check", "--no-lsc-interrupt", NULL);
	ktap_bail("testpmd: %s", strerror(errno));
}

static int try_connect(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = SOCKET };
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	NEED(s >= 0);
	if (!connect(s, (struct sockaddr *)&a, sizeof(a)))
		return s;
	close(s);
	return -1;
}

struct dpdk *dpdk_start(const char *uplink)
{
	struct dpdk *d = calloc(1, sizeof(*d));
	int pipes[2];

	NEED(d && !pipe2(pipes, O_CLOEXEC));
	unlink(SOCKET);
	d->pid = fork();
	NEED(d->pid >= 0);
	if (!d->pid) {
		ktap_child();
		be_testpmd(uplink, pipes[0]);
	}
	close(pipes[0]);
	d->stdin = pipes[1];
	/*
	 * It loads hundreds of drivers, and has no other way to tell that it listens.
	 * No limit of time: waiting for a disk, virtual time flies.
	 */
	while ((d->sock = try_connect()) < 0) {
		if (waitpid(d->pid, NULL, WNOHANG))
			ktap_bail("testpmd ended, see " LOG);
		usleep(10000);
	}
	return d;
}

/* It forwards once a frame of the guest's has been taken. */
void dpdk_connect(struct dpdk *d, struct nic *n)
{
	struct virtio_net_hdr_v1 hdr = { 0 };

	vhost_user_start(d->sock, n);
	NEED(nic_tx(n, &hdr, 64, NIC_ONE, false));
	ring_publish(&n->ring[NIC_TX]);
	NEED(wait_fd(n->ring[NIC_TX].call, -1));
	NEED(nic_tx_reclaim(n) == 1);
	eventfd_take(n->ring[NIC_TX].call);
}

void dpdk_stop(struct dpdk *d)
{
	close(d->sock);
	close(d->stdin);
	kill(d->pid, SIGTERM);
	NEED(waitpid(d->pid, NULL, 0) == d->pid);
	free(d);
}
