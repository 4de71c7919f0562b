// SPDX-License-Identifier: GPL-2.0
/*
 * load.c - traffic that does not mind losing frames, for tests in which the
 * ground is taken away from under it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "load.h"

#define TELL_EVERY 200		/* frames that arrived, for each byte of progress */
#define PATIENCE_MS 10000
#define LOAD_ERRORS 10		/* exit code: and so many rings stopped */

static unsigned int blast_to_guest(struct bench *b)
{
	struct nic_frame f;
	unsigned int i, got = 0;

	for (i = 0; i < PKT_BATCH; i++) {
		frame_fill(&b->to_guest, pkt_room(&b->wire));
		pkt_queue(&b->wire, frame_len(&b->to_guest));
	}
	pkt_flush(&b->wire);
	while (nic_rx(&b->nic, &f)) {
		nic_rx_done(&b->nic);
		got++;
	}
	ring_publish(&b->nic.ring[NIC_RX]);
	return got;
}

static unsigned int blast_to_wire(struct bench *b)
{
	static const struct virtio_net_hdr_v1 plain = { 0 };
	unsigned int got = 0, len;
	uint8_t *p;

	nic_tx_reclaim(&b->nic);
	while ((p = nic_tx_slot(&b->nic))) {
		frame_fill(&b->to_wire, p);
		NEED(nic_tx(&b->nic, &plain, b->to_wire.len, NIC_ONE, false));
	}
	ring_publish(&b->nic.ring[NIC_TX]);
	while (pkt_recv(&b->wire, &len, NULL))
		got++;
	return got;
}

/* A while without a call is no error here: the link may be down. */
static bool told_to_stop(struct bench *b, int stop, bool idle)
{
	struct pollfd p[4] = {
		{ .fd = stop, .events = POLLIN },
		{ .fd = b->nic.ring[NIC_RX].call, .events = POLLIN },
		{ .fd = b->nic.ring[NIC_TX].call, .events = POLLIN },
		{ .fd = b->wire.fd, .events = POLLIN },
	};
	int i;

	if (idle)
		for (i = 0; i < 2; i++)
			idle = ring_call_on(&b->nic.ring[i]) && idle;
	NEED(poll(p, 4, idle ? 20 : 0) >= 0);
	for (i = 1; i < 3; i++)
		if (p[i].revents)
			eventfd_take(p[i].fd);
	return p[0].revents;
}

static int load_main(enum lane lane, const struct nic_cfg *cfg, int progress, int stop)
{
	unsigned int guest = 0, wire = 0, errors, g, w;
	struct bench b;

	bench_open(&b, lane, *cfg);
	b.wire.lossy = true;
	bench_len(&b, 1400);
	for (;;) {
		g = blast_to_guest(&b);
		w = blast_to_wire(&b);
		guest += g;
		wire += w;
		/* Progress is progress in both directions. */
		if (guest >= TELL_EVERY && wire >= TELL_EVERY) {
			guest = wire = 0;
			(void)!write(progress, "", 1);
		}
		if (told_to_stop(&b, stop, !g && !w))
			break;
	}
	errors = !!eventfd_take(b.nic.ring[NIC_RX].err) +
		 !!eventfd_take(b.nic.ring[NIC_TX].err);
	NEED(!dev_backend(b.nic.dev, NIC_RX, -1));
	NEED(!dev_backend(b.nic.dev, NIC_TX, -1));
	bench_abandon(&b);
	return errors ? LOAD_ERRORS + errors : 0;
}

void load_start(struct load *l, enum lane lane, const struct nic_cfg *guest)
{
	int prog[2], stop[2];

	NEED(!pipe2(prog, O_CLOEXEC | O_NONBLOCK) && !pipe2(stop, O_CLOEXEC));
	fflush(stdout);
	l->pid = fork();
	NEED(l->pid >= 0);
	if (!l->pid) {
		ktap_child();
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(stop[1]);
		_exit(load_main(lane, guest, prog[1], stop[0]));
	}
	close(prog[1]);
	close(stop[0]);
	l->progress = prog[0];
	l->stop = stop[1];
	if (!load_progress(l))
		ktap_bail("the load does not start");
}

bool load_progress(struct load *l)
{
	char buf[4096];
	int i;

	while (read(l->progress, buf, sizeof(buf)) > 0)
		;
	for (i = 0; i < 2; i++) {
		if (!CHECK(wait_fd(l->progress, PATIENCE_MS)))
			return false;
		/* The end of the pipe: the load ended. */
		if (!CHECK(read(l->progress, buf, 1) == 1))
			return false;
	}
	return true;
}

static int reap(struct load *l)
{
	int status;

	NEED(waitpid(l->pid, &status, 0) == l->pid);
	close(l->progress);
	close(l->stop);
	return status;
}

static bool ends_with(struct load *l, int code)
{
	int status;

	NEED(write(l->stop, "", 1) == 1);
	status = reap(l);
	if (WIFEXITED(status) && WEXITSTATUS(status) == code)
		return true;
	ktap_diag("the VMM ended with status %#x, not code %d", status, code);
	return false;
}

bool load_stop(struct load *l)
{
	return ends_with(l, 0);
}

bool load_severed(struct load *l)
{
	return ends_with(l, LOAD_ERRORS + 2);
}

bool load_kill(struct load *l)
{
	int status;

	NEED(!kill(l->pid, SIGKILL));
	status = reap(l);
	return CHECK(WIFSIGNALED(status));
}

static void *disturb(void *arg)
{
	struct disturber *d = arg;

	while (!__atomic_load_n(&d->stop, __ATOMIC_RELAXED))
		d->op(d->b, __atomic_fetch_add(&d->rounds, 1,
					       __ATOMIC_RELAXED));
	return NULL;
}

void disturb_start(struct disturber *d, struct bench *b,
		   void (*op)(struct bench *b, unsigned int round))
{
	memset(d, 0, sizeof(*d));
	d->b = b;
	d->op = op;
	NEED(!pthread_create(&d->thread, NULL, disturb, d));
}

unsigned int disturb_rounds(struct disturber *d)
{
	return __atomic_load_n(&d->rounds, __ATOMIC_RELAXED);
}

void disturb_stop(struct disturber *d)
{
	__atomic_store_n(&d->stop, true, __ATOMIC_RELAXED);
	NEED(!pthread_join(d->thread, NULL));
}
