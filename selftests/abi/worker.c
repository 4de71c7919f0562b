// SPDX-License-Identifier: GPL-2.0
/*
 * worker.c - whose thread the worker is: one for each queue pair, from the owner's
 * first word to its last, in the VMM's cgroup, wherever that is moved, and no more
 * of them than it may have.
 *
 *	worker xdp|intree
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../vmm/flow.h"

#define PAIRS 4

static const struct nic_cfg guest = {
	.features = F_MODERN | F_MRG, .rx_num = 256, .tx_num = 256,
	.rx_len = 1536, .tx_len = 1600,
};

static enum lane lane;
static const char *node;
/* cgroup2; two in it; and where we come from. */
static char groups[] = "/tmp/worker-XXXXXX", A[32], B[32], home[256];

/* The file of a group; "" is the root. */
static const char *file_of(const char *group, const char *file)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s/%s", groups, group, file);
	return path;
}

static int put_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t len = strlen(text);
	int ret;

	if (fd < 0)
		return -errno;
	ret = write(fd, text, len) == len ? 0 : -errno;
	close(fd);
	return ret;
}

static void get_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, text, size - 1);

	text[len < 0 ? 0 : len] = 0;
	if (fd >= 0)
		close(fd);
}

static void groups_make(void)
{
	char text[4096], *line;

	snprintf(A, sizeof(A), "worker-%d-a", getpid());
	snprintf(B, sizeof(B), "worker-%d-b", getpid());
	get_text("/proc/self/cgroup", text, sizeof(text));
	line = strstr(text, "0::/");
	NEED(line);
	sscanf(line, "0::/%255s", home);
	NEED(mkdtemp(groups) && !mount("none", groups, "cgroup2", 0, NULL));
	NEED(!mkdir(file_of(A, ""), 0755) && !mkdir(file_of(B, ""), 0755));
}

/* A process that has ended may be in its cgroup a moment longer. */
static void group_remove(const char *path)
{
	while (rmdir(path))
		NEED(errno == EBUSY && !poll(NULL, 0, 10));
}

static void groups_remove(void)
{
	ktap_case(60, "nothing is left in its cgroups");
	group_remove(file_of(A, ""));
	group_remove(file_of(B, ""));
	NEED(!umount(groups) && !rmdir(groups));
	ktap_ok(true);
}

static int join(const char *group)
{
	return put_text(file_of(group, "cgroup.procs"), "0");
}

/* Of /proc/PID/cgroup the line of version 2 starts so. */
static bool is_in(const char *where, const char *pid, const char *group)
{
	char path[300], text[4096], want[32], *line;

	snprintf(path, sizeof(path), "%s/%s/cgroup", where, pid);
	get_text(path, text, sizeof(text));
	snprintf(want, sizeof(want), "0::/%s", group);
	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		if (!strcmp(line, want))
			return true;
	return false;
}

/*
 * Workers by their name: of /proc/self/task this process's, of /proc the kernel's; where
 * @in is a group only those in it.
 */
static unsigned int workers(const char *where, const char *in)
{
	const char *name = lane == LANE_INTREE ? "vhost-" : "vxdp-";
	DIR *d = opendir(where);
	unsigned int n = 0;
	struct dirent *e;

	NEED(d);
	while ((e = readdir(d))) {
		char path[300], comm[64];

		snprintf(path, sizeof(path), "%s/%s/comm", where, e->d_name);
		get_text(path, comm, sizeof(comm));
		if (!strncmp(comm, name, strlen(name)) && (!in || is_in(where, e->d_name, in)))
			n++;
	}
	closedir(d);
	return n;
}

static unsigned int mine(void)
{
	return workers("/proc/self/task", NULL);
}

/* One that has ended is still seen until the kernel has looked after it. */
static bool left(const char *where, unsigned int n)
{
	int i;

	for (i = 0; i < 500 * (int)ktap_slow() && workers(where, NULL) != n; i++)
		poll(NULL, 0, 10);
	return CHECK(workers(where, NULL) == n);
}

static bool open_all(int fd[PAIRS])
{
	bool ok = CHECK(!mine());
	unsigned int i;

	for (i = 0; i < PAIRS; i++) {
		fd[i] = dev_open(node);
		NEED(fd[i] >= 0);
		ok = ok && CHECK(mine() == i) && CHECK(!dev_ioctl(fd[i], VHOST_SET_OWNER, NULL)) &&
		     CHECK(mine() == i + 1);
	}
	return ok;
}

static void one_each(void)
{
	int fd[PAIRS];
	bool ok;

	ktap_case(60, "a worker for each queue pair that has an owner");
	ok = open_all(fd);
	ok = ok && CHECK(dev_ioctl(fd[0], VHOST_SET_OWNER, NULL) == -EBUSY) && CHECK(mine() == PAIRS);
	ok = ok && CHECK(!dev_ioctl(fd[1], VHOST_RESET_OWNER, NULL)) &&
	     left("/proc/self/task", PAIRS - 1);
	ok = ok && CHECK(!dev_ioctl(fd[1], VHOST_SET_OWNER, NULL)) && CHECK(mine() == PAIRS);
	close(fd[0]);
	ok = ok && left("/proc/self/task", PAIRS - 1);
	close(fd[1]);
	close(fd[2]);
	close(fd[3]);
	ktap_ok(ok && left("/proc/self/task", 0));
}

static void in_its_group(void)
{
	int fd[PAIRS], i;
	bool ok;

	ktap_case(60, "each in the VMM's cgroup, and where that is moved to");
	NEED(!join(A));
	ok = open_all(fd);
	ok = ok && CHECK(workers("/proc/self/task", A) == PAIRS);
	NEED(!join(B));
	ok = ok && CHECK(workers("/proc/self/task", B) == PAIRS);
	for (i = 0; i < PAIRS; i++)
		close(fd[i]);
	ok = ok && left("/proc/self/task", 0);
	NEED(!join(home));
	ktap_ok(ok);
}

static bool has_word(const char *file, const char *word)
{
	char text[4096];

	get_text(file_of("", file), text, sizeof(text));
	return strstr(text, word);
}

static bool needs_pids(const char *name)
{
	if (has_word("cgroup.controllers", "pids"))
		return true;
	ktap_skip(name, "no pids controller in cgroup2 here");
	return false;
}

/* Of the thread that it wants there is none; with one more it has it. */
static bool refused(void)
{
	int fd = dev_open(node);
	bool ok;

	NEED(fd >= 0 && !put_text(file_of(A, "pids.max"), "1"));
	ok = CHECK(dev_ioctl(fd, VHOST_SET_OWNER, NULL) == -ENOMEM) && CHECK(!mine()) &&
	     CHECK(dev_ioctl(fd, VHOST_SET_VRING_NUM, NULL) == -EPERM);
	NEED(!put_text(file_of(A, "pids.max"), "2"));
	ok = ok && CHECK(!dev_ioctl(fd, VHOST_SET_OWNER, NULL)) && CHECK(mine() == 1);
	close(fd);
	return ok && left("/proc/self/task", 0);
}

/* One of the kernel's counts there, but is not refused. */
static bool not_refused(void)
{
	uint8_t kthread = VHOST_FORK_OWNER_KTHREAD;
	int fd = dev_open(node);
	char current[32];
	bool ok;

	NEED(fd >= 0 && !put_text(file_of(A, "pids.max"), "1"));
	ok = CHECK(!dev_ioctl(fd, VHOST_SET_FORK_FROM_OWNER, &kthread)) &&
	     CHECK(!dev_ioctl(fd, VHOST_SET_OWNER, NULL)) && CHECK(!mine()) &&
	     CHECK(workers("/proc", A) == 1);
	get_text(file_of(A, "pids.current"), current, sizeof(current));
	ok = ok && CHECK(!strcmp(current, "2\n"));
	close(fd);
	return ok && left("/proc", 0);
}

/* @test runs in a cgroup whose threads are counted. */
static void with_pids(const char *name, bool (*test)(void))
{
	bool had;

	if (!needs_pids(name))
		return;
	ktap_case(60, "%s", name);
	had = has_word("cgroup.subtree_control", "pids");
	NEED(had || !put_text(file_of("", "cgroup.subtree_control"), "+pids"));
	NEED(!join(A));
	ktap_ok(test());
	NEED(!join(home));
	NEED(had || !put_text(file_of("", "cgroup.subtree_control"), "-pids"));
}

/* In-tree from 6.17 on, and in Debian's 6.12. */
static bool has_kthreads(void)
{
	uint8_t kthread = VHOST_FORK_OWNER_KTHREAD;
	int fd = dev_open(node);
	bool has;

	NEED(fd >= 0);
	has = !dev_ioctl(fd, VHOST_SET_FORK_FROM_OWNER, &kthread);
	close(fd);
	return has || lane != LANE_INTREE;
}

/* Says with a byte that frames went both ways once more. */
static pid_t start_vmm(int *progress)
{
	int fd[2];
	pid_t pid;

	NEED(!pipe2(fd, O_CLOEXEC | O_NONBLOCK));
	pid = fork();
	NEED(pid >= 0);
	if (!pid) {
		struct bench b;

		ktap_child();
		NEED(!prctl(PR_SET_PDEATHSIG, SIGKILL) && !join(A));
		bench_open(&b, lane, guest);
		bench_len(&b, 60);
		for (;;) {
			NEED(flow_run(&b, 50, 50));
			NEED(write(fd[1], "", 1) == 1 || errno == EAGAIN);
		}
	}
	close(fd[1]);
	*progress = fd[0];
	return pid;
}

/* Waits until frames went that were not under way before: the first byte may be of such. */
static bool goes_on(int progress)
{
	struct pollfd p = { progress, POLLIN, 0 };
	char old[512];

	while (read(progress, old, sizeof(old)) > 0)
		;
	return CHECK(poll(&p, 1, -1) == 1) && CHECK(read(progress, old, 1) == 1) &&
	       CHECK(poll(&p, 1, -1) == 1) && CHECK(p.revents == POLLIN);
}

static void freeze(bool on)
{
	const char *want = on ? "frozen 1" : "frozen 0";
	struct pollfd p = { .events = POLLPRI };
	char text[256] = "";
	ssize_t len;

	p.fd = open(file_of(A, "cgroup.events"), O_RDONLY | O_CLOEXEC);
	NEED(p.fd >= 0 && !put_text(file_of(A, "cgroup.freeze"), on ? "1" : "0"));
	for (;;) {
		len = pread(p.fd, text, sizeof(text) - 1, 0);
		NEED(len >= 0);
		text[len] = 0;
		if (strstr(text, want))
			break;
		NEED(poll(&p, 1, -1) == 1);
	}
	close(p.fd);
}

/* All of its threads rest, or the cgroup would not say that it is frozen. */
static void frozen(void)
{
	bool ok = true;
	int progress, i;
	pid_t pid;

	ktap_case(60, "it is frozen with its VMM, under load, and goes on with it");
	pid = start_vmm(&progress);
	for (i = 0; i < 10 && ok; i++) {
		ok = goes_on(progress);
		freeze(true);
		freeze(false);
	}
	ok = ok && goes_on(progress);
	NEED(!kill(pid, SIGKILL) && waitpid(pid, NULL, 0) == pid);
	close(progress);
	ktap_ok(ok);
}

/* Owns @fd, and has it kicked by @kick, until it is killed. */
static pid_t start_owner(int fd, int kick)
{
	unsigned int i;
	pid_t pid = fork();

	NEED(pid >= 0);
	if (!pid) {
		ktap_child();
		NEED(!prctl(PR_SET_PDEATHSIG, SIGKILL) && !dev_ioctl(fd, VHOST_SET_OWNER, NULL));
		for (i = 0; i < 2; i++)
			NEED(!dev_vring_file(fd, VHOST_SET_VRING_KICK, i, kick));
		NEED(eventfd_write(kick, 1) == 0);
		for (;;)
			pause();
	}
	return pid;
}

/*
 * The worker dies with its VMM, but whoever else has the descriptors may go on: there
 * is nobody to be woken then. One that comes after is served.
 */
static void outlived(void)
{
	uint64_t features;
	bool ok = true;
	int i, k;

	ktap_case(60, "it dies with its VMM: kicks from a process that outlives that wake nobody");
	for (i = 0; i < 20 && ok; i++) {
		int kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), fd = dev_open(node);
		struct pollfd taken = { kick, POLLIN, 0 };
		pid_t pid;

		NEED(kick >= 0 && fd >= 0);
		pid = start_owner(fd, kick);
		/* Both rings' kicks are set then. */
		NEED(poll(&taken, 1, -1) == 1);
		NEED(!kill(pid, SIGKILL) && waitpid(pid, NULL, 0) == pid);
		for (k = 0; k < 4; k++)
			NEED(eventfd_write(kick, 1) == 0);
		ok = CHECK(!dev_features(fd, &features)) &&
		     CHECK(dev_ioctl(fd, VHOST_SET_OWNER, NULL) == -EBUSY) &&
		     CHECK(dev_ioctl(fd, VHOST_RESET_OWNER, NULL) == -EPERM);
		close(fd);
		close(kick);
	}
	ktap_ok(ok);
}

int main(int argc, char **argv)
{
	lane = lane_of(argc > 1 ? argv[1] : "xdp");
	ktap_case(60, "setup");
	net_ready(lane);
	port_attach(lane, PORT, mac_guest, 0, "--queues 4");
	node = lane == LANE_INTREE ? "/dev/vhost-net" : port_node(PORT);
	groups_make();
	one_each();
	in_its_group();
	with_pids("no more threads than its cgroup may have: refused, and later not", refused);
	if (has_kthreads())
		with_pids("a thread of the kernel's is in that cgroup, too, but is never refused",
			  not_refused);
	else
		ktap_skip("a thread of the kernel's", "this vhost-net has no VHOST_SET_FORK_FROM_OWNER");
	frozen();
	outlived();
	groups_remove();
	port_detach(lane, PORT);
	return ktap_done();
}
