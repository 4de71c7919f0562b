// SPDX-License-Identifier: GPL-2.0
/*
 * dpdk.c - DPDK's vhost library as a device side: rte_vhost behind a vhost-user
 * socket in this very process, enqueue and dequeue called from this thread.
 */
#include <fcntl.h>
#include <pthread.h>
#include <rte_eal.h>
#include <rte_mbuf.h>
#include <rte_vhost.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "native.h"
#include "../bench.h"

static char path[64];
static struct rte_mempool *pool;
static struct rte_mbuf *out[BURST], *in[BURST];
static unsigned int nr_in;
static int sock = -1, vid = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static void set_vid(int to)
{
	pthread_mutex_lock(&lock);
	vid = to;
	pthread_cond_signal(&changed);
	pthread_mutex_unlock(&lock);
}

static int new_device(int v)
{
	set_vid(v);
	return 0;
}

static void destroy_device(int v)
{
	(void)v;
	set_vid(-1);
}

static const struct rte_vhost_device_ops ops = {
	.new_device = new_device,
	.destroy_device = destroy_device,
};

static void start_library(void)
{
	static char *args[] = {
		"native", "--no-shconf", "--no-huge", "-m", "64", "--no-pci",
		"--no-telemetry", "--log-level=3", "--lcores", NULL,
	};
	char cores[32];

	/* The EAL pins this thread; where we are pinned already. */
	snprintf(cores, sizeof(cores), "0@%d", sched_getcpu());
	args[9] = cores;
	NEED(rte_eal_init(10, args) >= 0);
	pool = rte_pktmbuf_pool_create("frames", 4095, 128, 0,
				       RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	NEED(pool);
	snprintf(path, sizeof(path), "/tmp/vxdp-native.%d", getpid());
	NEED(!rte_vhost_driver_register(path, 0));
	NEED(!rte_vhost_driver_callback_register(path, &ops));
	NEED(!rte_vhost_driver_start(path));
}

static void open_dpdk(struct nic *n)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (!pool)
		start_library();
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	NEED(sock >= 0 && !connect(sock, (struct sockaddr *)&a, sizeof(a)));
	vhost_user_start(sock, n);
	pthread_mutex_lock(&lock);
	while (vid < 0)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
	rte_vhost_enable_guest_notification(vid, NIC_TX, 0);
}

static void prepare(const uint8_t *frame, unsigned int len)
{
	unsigned int i;
	void *data;

	NEED(!out[0] || (rte_pktmbuf_free_bulk(out, BURST), true));
	NEED(!rte_pktmbuf_alloc_bulk(pool, out, BURST));
	for (i = 0; i < BURST; i++) {
		data = rte_pktmbuf_append(out[i], len);
		NEED(data);
		memcpy(data, frame, len);
	}
}

static unsigned int rx(void)
{
	return rte_vhost_enqueue_burst(vid, NIC_RX, out, BURST);
}

static unsigned int tx(void)
{
	nr_in = rte_vhost_dequeue_burst(vid, NIC_TX, pool, in, BURST);
	return nr_in;
}

static void done(const uint8_t *frame, unsigned int len)
{
	unsigned int i;

	for (i = 0; i < nr_in; i++)
		NEED(rte_pktmbuf_pkt_len(in[i]) == len &&
		     !memcmp(rte_pktmbuf_mtod(in[i], void *), frame, len));
	rte_pktmbuf_free_bulk(in, nr_in);
}

static void close_dpdk(struct nic *n)
{
	vhost_user_stop(sock, n);
	close(sock);
	pthread_mutex_lock(&lock);
	while (vid >= 0)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

const struct side side_dpdk = {
	.name = "dpdk",
	.open = open_dpdk,
	.prepare = prepare,
	.rx = rx,
	.tx = tx,
	.done = done,
	.close = close_dpdk,
};
