// SPDX-License-Identifier: GPL-2.0
/*
 * control.c - the generic netlink family as <linux/vhost_xdp.h> specifies it:
 * making, changing, listing, watching and deleting ports, and who may.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../vmm/ktap.h"
#include "../vmm/vmm.h"
#include "../vmm/wire.h"

#define HAS(x) (1U << VHOST_XDP_A_##x)
#define FEATURES_ALL 0x10f3d008000ULL
#define MISC_MAJOR_NUMBER 10

static int do_new(const struct ctl_req *r, struct ctl_port *p)
{
	return ctl_do(VHOST_XDP_CMD_PORT_NEW, r, p);
}

static int do_set(const struct ctl_req *r, struct ctl_port *p)
{
	return ctl_do(VHOST_XDP_CMD_PORT_SET, r, p);
}

/* Refused with that error and a text that says why. */
static bool refused(int r, int error)
{
	if (r != error)
		ktap_diag("answer %s, expected %s",
			  r ? strerrorname_np(-r) : "0",
			  strerrorname_np(-error));
	return CHECK(r == error) && CHECK(*ctl_last_error());
}

static bool node_is(const char *name, mode_t mode)
{
	struct stat st;

	return CHECK(!stat(port_node(name), &st)) &&
	       CHECK(S_ISCHR(st.st_mode)) &&
	       CHECK(major(st.st_rdev) == MISC_MAJOR_NUMBER) &&
	       CHECK((st.st_mode & 0777) == mode) && CHECK(st.st_uid == 0) &&
	       CHECK(st.st_gid == 0);
}

static bool defaults(void)
{
	struct ctl_port p, q;

	if (!CHECK(!ctl_new("c0", NULL, &p)))
		return false;
	NEED(!ctl_get("c0", &q));
	return CHECK(p.id) && CHECK(!strcmp(p.name, "c0")) &&
	       CHECK(!(p.seen & HAS(IFINDEX))) &&
	       CHECK(p.queues == VHOST_XDP_QUEUES_DEFAULT) &&
	       CHECK(p.backlog == VHOST_XDP_BACKLOG_DEFAULT) &&
	       CHECK(p.mode == 0600) && CHECK(!p.opens) &&
	       CHECK(p.features == FEATURES_ALL) &&
	       CHECK(!(p.seen & HAS(EGRESS_ID))) && CHECK(q.id == p.id) &&
	       CHECK(q.seen & HAS(STATS)) && CHECK(!q.nqueues) &&
	       node_is("c0", 0600) && CHECK(!ctl_del("c0")) &&
	       CHECK(access(port_node("c0"), F_OK));
}

static bool everything(void)
{
	struct ctl_req r = {
		.has = HAS(IFINDEX) | HAS(QUEUES) | HAS(FEATURES) |
		       HAS(BACKLOG) | HAS(UID) | HAS(GID) | HAS(MODE) |
		       HAS(EGRESS_FD),
		.name = "c1", .ifindex = net_ifindex("up0"), .queues = 4,
		.features = BIT64(VIRTIO_F_VERSION_1) | BIT64(63),
		.backlog = 77, .uid = 65534, .gid = 65533, .mode = 0640,
		.egress_fd = net_xdp_prog(XDP_TX),
	};
	struct ctl_port p;
	bool ok;

	ok = CHECK(!do_new(&r, NULL)) && CHECK(!ctl_get("c1", &p)) &&
	     CHECK(p.ifindex == r.ifindex) && CHECK(p.queues == 4) &&
	     CHECK(p.features == BIT64(VIRTIO_F_VERSION_1)) &&
	     CHECK(p.backlog == 77) && CHECK(p.uid == 65534) &&
	     CHECK(p.gid == 65533) && CHECK(p.mode == 0640) &&
	     CHECK(p.egress_id) && node_is("c1", 0640);
	close(r.egress_fd);
	r.has = HAS(EGRESS_FD);
	r.egress_fd = -1;
	ok = ok && CHECK(!do_set(&r, &p)) && CHECK(!(p.seen & HAS(EGRESS_ID)));
	return CHECK(!ctl_del("c1")) && ok;
}

static bool names(void)
{
	static const char *const bad[] = {
		"", ".", "..", ".a", "-a", "_a", "a/b", "../a", "a b", "a\tb",
		"a\nb", "a:b", "\303\244", "a\303\244",
		"12345678901234567890123456789012",
		"1234567890123456789012345678901234567890",
	};
	static const char *const good[] = {
		"a", "0", "A.b_c-1", "1234567890123456789012345678901",
	};
	unsigned int i;
	bool ok = true;
	int r;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		r = ctl_new(bad[i], NULL, NULL);
		if (r != -EINVAL) {
			ktap_diag("name '%s': %d", bad[i], r);
			ok = false;
		}
		if (!r)
			ctl_del(bad[i]);
	}
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ok = CHECK(!ctl_new(good[i], NULL, NULL)) &&
		     node_is(good[i], 0600) && CHECK(!ctl_del(good[i])) && ok;
	return ok;
}

static bool values(void)
{
	const struct { const char *what; int error; struct ctl_req r; } bad[] = {
		{ "no name", -EINVAL, { 0 } },
		{ "queues 0", -ERANGE, { .has = HAS(QUEUES), .queues = 0 } },
		{ "queues 257", -ERANGE, { .has = HAS(QUEUES),
		  .queues = VHOST_XDP_QUEUES_MAX + 1 } },
		{ "backlog 0", -ERANGE, { .has = HAS(BACKLOG) } },
		{ "backlog 65537", -ERANGE, { .has = HAS(BACKLOG),
		  .backlog = VHOST_XDP_BACKLOG_MAX + 1 } },
		{ "mode 01000", -ERANGE, { .has = HAS(MODE), .mode = 01000 } },
		{ "mode 0100600", -ERANGE, { .has = HAS(MODE),
		  .mode = 0100600 } },
		{ "ifindex 0", -ERANGE, { .has = HAS(IFINDEX) } },
		{ "ifindex 99999", -ENODEV, { .has = HAS(IFINDEX),
		  .ifindex = 99999 } },
		{ "loopback", -EINVAL, { .has = HAS(IFINDEX),
		  .ifindex = net_ifindex("lo") } },
		{ "user -1", -EINVAL, { .has = HAS(UID), .uid = -1 } },
		{ "group -1", -EINVAL, { .has = HAS(GID), .gid = -1 } },
		{ "egress 9999", -EBADF, { .has = HAS(EGRESS_FD),
		  .egress_fd = 9999 } },
		{ "egress -2", -ERANGE, { .has = HAS(EGRESS_FD),
		  .egress_fd = -2 } },
		{ "egress stdin", -EINVAL, { .has = HAS(EGRESS_FD),
		  .egress_fd = 0 } },
	};
	unsigned int i;
	bool ok = true;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct ctl_req r = bad[i].r;

		r.name = i ? "bad" : NULL;
		if (refused(do_new(&r, NULL), bad[i].error))
			continue;
		ktap_diag("... for %s", bad[i].what);
		ok = false;
		ctl_del("bad");
	}
	return ok && CHECK(ctl_dump(NULL, 0) == 0);
}

static bool taken(void)
{
	struct ctl_port p, q;
	bool ok;

	NEED(!ctl_new("t0", NULL, &p));
	ok = refused(ctl_new("t0", "up0", NULL), -EEXIST) &&
	     CHECK(!ctl_get("t0", &q)) && CHECK(q.id == p.id) &&
	     CHECK(!(q.seen & HAS(IFINDEX)));
	/* Unique over all namespaces, visible in one. */
	net_enter_wire();
	ok = ok && refused(ctl_new("t0", NULL, NULL), -EEXIST) &&
	     refused(ctl_get("t0", &q), -ENODEV) &&
	     refused(ctl_del("t0"), -ENODEV) && CHECK(!ctl_dump(NULL, 0));
	net_enter_host();
	NEED(!ctl_del("t0"));
	/* The number is not used again. */
	ok = ok && CHECK(!ctl_new("t0", NULL, &q)) && CHECK(q.id != p.id);
	return CHECK(!ctl_del("t0")) && ok;
}

static bool get_and_del(void)
{
	struct ctl_port p, q, all[4];
	struct ctl_req r = { .has = HAS(ID) };
	bool ok;

	NEED(!ctl_new("g0", NULL, &p) && !ctl_new("g1", "up0", &q));
	ok = CHECK(ctl_dump(all, 4) == 2) && CHECK(all[0].id == p.id) &&
	     CHECK(all[1].id == q.id) && CHECK(all[0].id < all[1].id) &&
	     CHECK(!strcmp(all[1].name, "g1")) &&
	     CHECK(all[1].ifindex == net_ifindex("up0"));
	r.id = p.id;
	ok = ok && CHECK(!ctl_do(VHOST_XDP_CMD_PORT_GET, &r, &all[2])) &&
	     CHECK(!strcmp(all[2].name, "g0")) &&
	     CHECK(!ctl_do(VHOST_XDP_CMD_PORT_DEL, &r, NULL)) &&
	     refused(ctl_do(VHOST_XDP_CMD_PORT_DEL, &r, NULL), -ENODEV) &&
	     refused(ctl_do(VHOST_XDP_CMD_PORT_GET, &r, NULL), -ENODEV) &&
	     refused(ctl_del("g0"), -ENODEV);
	r = (struct ctl_req){ 0 };
	ok = ok && refused(ctl_do(VHOST_XDP_CMD_PORT_DEL, &r, NULL), -EINVAL) &&
	     refused(ctl_do(VHOST_XDP_CMD_PORT_GET, &r, NULL), -EINVAL) &&
	     CHECK(ctl_do(99, &r, NULL) == -EOPNOTSUPP);
	return CHECK(!ctl_del("g1")) && ok;
}

static bool set_all_or_none(void)
{
	struct ctl_req r = {
		.name = "s0", .queues = 8, .backlog = 5, .mode = 0666,
		.has = HAS(QUEUES) | HAS(BACKLOG) | HAS(MODE),
	};
	struct ctl_port p;
	bool ok;

	NEED(!ctl_new("s0", NULL, NULL));
	ok = CHECK(!do_set(&r, &p)) && CHECK(p.queues == 8) &&
	     CHECK(p.backlog == 5) && CHECK(p.mode == 0666);
	/* One bad value, and the good ones do not count either. */
	r = (struct ctl_req){
		.name = "s0", .queues = 9, .backlog = 6, .egress_fd = 9999,
		.has = HAS(QUEUES) | HAS(BACKLOG) | HAS(EGRESS_FD),
	};
	ok = ok && refused(do_set(&r, NULL), -EBADF) &&
	     CHECK(!ctl_get("s0", &p)) && CHECK(p.queues == 8) &&
	     CHECK(p.backlog == 5);
	r.name = "s1";
	r.has = HAS(QUEUES);
	ok = ok && refused(do_set(&r, NULL), -ENODEV);
	return CHECK(!ctl_del("s0")) && ok;
}

static bool event_is(int fd, int cmd, const char *name, struct ctl_port *p)
{
	return CHECK(!ctl_event(fd, p, 5000)) && CHECK(p->cmd == cmd) &&
	       CHECK(!strcmp(p->name, name)) && CHECK(p->seen & HAS(ID));
}

static bool notifications(void)
{
	struct ctl_req r = { .name = "n0", .has = HAS(QUEUES), .queues = 3 };
	struct ctl_port p;
	int here, fd;
	bool ok;

	net_enter_wire();
	fd = ctl_listen();
	net_enter_host();
	NEED(!ctl_new("n9", NULL, NULL) && !ctl_del("n9"));
	ok = CHECK(ctl_event(fd, &p, 100) == -ETIME);
	ctl_unlisten(fd);

	here = ctl_listen();
	NEED(!net_run("ip link add nup type veth peer name nwire"));
	NEED(!ctl_new("n0", "nup", NULL));
	ok = ok && event_is(here, VHOST_XDP_CMD_PORT_NEW, "n0", &p) &&
	     CHECK(p.seen & HAS(IFINDEX)) && CHECK(!(p.seen & HAS(STATS)));
	NEED(!do_set(&r, NULL));
	ok = ok && event_is(here, VHOST_XDP_CMD_PORT_SET, "n0", &p) &&
	     CHECK(p.queues == 3) && CHECK(!(p.seen & HAS(STATS)));
	/* The uplink goes: the port stays, without. */
	NEED(!net_run("ip link del nup"));
	ok = ok && event_is(here, VHOST_XDP_CMD_PORT_SET, "n0", &p) &&
	     CHECK(!(p.seen & HAS(IFINDEX)));
	NEED(!ctl_del("n0"));
	ok = ok && event_is(here, VHOST_XDP_CMD_PORT_DEL, "n0", &p) &&
	     CHECK(ctl_event(here, &p, 0) == -ETIME);
	ctl_unlisten(here);
	return ok;
}

/* In a child that is nobody: 0 where all is as it should be. */
static int as_nobody(void)
{
	struct ctl_req r = { .name = "p0", .has = HAS(QUEUES), .queues = 2 };
	struct ctl_port p;

	if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
		return 1;
	return !(CHECK(ctl_new("p1", NULL, NULL) == -EPERM) &&
		 CHECK(do_set(&r, NULL) == -EPERM) &&
		 CHECK(ctl_del("p0") == -EPERM) &&
		 CHECK(!ctl_get("p0", &p)) && CHECK(ctl_dump(&p, 1) == 1) &&
		 CHECK(open(port_node("p0"), O_RDWR) < 0) &&
		 CHECK(errno == EACCES));
}

static bool in_child(int (*fn)(void))
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	NEED(pid >= 0);
	if (!pid)
		_exit(fn());
	NEED(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

static bool permissions(void)
{
	bool ok;

	NEED(!ctl_new("p0", NULL, NULL));
	ok = in_child(as_nobody);
	return CHECK(!ctl_del("p0")) && ok;
}

/* Its own network namespace is its own, what ports there have of the host's memory not. */
static int as_tenant(void)
{
	struct ctl_req memory[] = {
		{ .name = "t0", .has = HAS(QUEUES), .queues = 2 },
		{ .name = "t0", .has = HAS(BACKLOG), .backlog = 2 },
	}, features = {
		.name = "t0", .has = HAS(FEATURES), .features = BIT64(VIRTIO_F_VERSION_1),
	};

	return !(CHECK(do_set(&memory[0], NULL) == -EPERM) &&
		 CHECK(strstr(ctl_last_error(), "QUEUES and BACKLOG")) &&
		 CHECK(do_set(&memory[1], NULL) == -EPERM) &&
		 CHECK(!do_set(&features, NULL)) && CHECK(!ctl_del("t0")));
}

static void ns_enter(pid_t pid)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	NEED(fd >= 0 && !setns(fd, CLONE_NEWNET));
	close(fd);
}

/* The host's admin makes a port in a container, whose root may not make it larger. */
static bool tenant(void)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int ready = eventfd(0, EFD_CLOEXEC), go = eventfd(0, EFD_CLOEXEC), status;
	eventfd_t n;
	pid_t pid;

	NEED(home >= 0 && ready >= 0 && go >= 0);
	fflush(stdout);
	pid = fork();
	NEED(pid >= 0);
	if (!pid) {
		NEED(!unshare(CLONE_NEWUSER | CLONE_NEWNET) && !eventfd_write(ready, 1) &&
		     !eventfd_read(go, &n));
		_exit(as_tenant());
	}
	NEED(!eventfd_read(ready, &n));
	ns_enter(pid);
	NEED(!ctl_new("t0", NULL, NULL) && !setns(home, CLONE_NEWNET) && !eventfd_write(go, 1));
	NEED(waitpid(pid, &status, 0) == pid);
	close(home);
	close(ready);
	close(go);
	return CHECK(WIFEXITED(status) && !WEXITSTATUS(status));
}

static int own_namespace(void)
{
	NEED(!unshare(CLONE_NEWNET));
	/* Left behind: the namespace ends with this process. */
	return !CHECK(!ctl_new("left", NULL, NULL));
}

/* A namespace takes its ports with it; that happens a while after. */
static bool namespace_goes(void)
{
	int in = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	char buf[4096];
	bool ok;

	NEED(!ctl_new("keep", NULL, NULL));
	NEED(in >= 0 && inotify_add_watch(in, "/dev/" VHOST_XDP_DEV_DIR,
					  IN_DELETE) >= 0);
	ok = in_child(own_namespace);
	while (ok && !access(port_node("left"), F_OK)) {
		ok = CHECK(wait_fd(in, 10000));
		(void)!read(in, buf, sizeof(buf));
	}
	close(in);
	return CHECK(!ctl_del("keep")) && ok;
}

static bool queue_limit(void)
{
	struct ctl_req r = { .name = "q0", .has = HAS(QUEUES), .queues = 2 };
	struct ctl_port p;
	int a, b, c;
	bool ok;

	NEED(!do_new(&r, NULL));
	a = dev_open(port_node("q0"));
	b = dev_open(port_node("q0"));
	ok = CHECK(a >= 0) && CHECK(b >= 0) &&
	     CHECK(dev_open(port_node("q0")) == -EBUSY) &&
	     CHECK(!ctl_get("q0", &p)) && CHECK(p.opens == 2) &&
	     CHECK(p.nqueues == 2) && CHECK(p.queue[0].index == 0) &&
	     CHECK(p.queue[1].index == 1);
	close(a);
	c = dev_open(port_node("q0"));
	ok = ok && CHECK(c >= 0) && CHECK(dev_open(port_node("q0")) == -EBUSY);
	r.queues = 3;
	ok = ok && CHECK(!do_set(&r, NULL)) &&
	     CHECK((a = dev_open(port_node("q0"))) >= 0);
	/* Fewer than are open: those stay, no new one comes. */
	r.queues = 1;
	ok = ok && CHECK(!do_set(&r, NULL)) && CHECK(!ctl_get("q0", &p)) &&
	     CHECK(p.opens == 3) &&
	     CHECK(dev_open(port_node("q0")) == -EBUSY);
	close(a);
	close(b);
	close(c);
	ok = ok && CHECK(!ctl_get("q0", &p)) && CHECK(p.opens == 0);
	return CHECK(!ctl_del("q0")) && ok;
}

static bool features_narrowed(void)
{
	struct ctl_req r = {
		.name = "f0", .has = HAS(FEATURES) | HAS(QUEUES), .queues = 2,
		.features = BIT64(VIRTIO_F_VERSION_1),
	};
	uint64_t old = 0, new = 0;
	int a, b;
	bool ok;

	NEED(!ctl_new("f0", NULL, NULL));
	a = dev_open(port_node("f0"));
	NEED(a >= 0 && !do_set(&r, NULL));
	b = dev_open(port_node("f0"));
	NEED(b >= 0 && !dev_features(a, &old) && !dev_features(b, &new));
	ok = CHECK(old == FEATURES_ALL) && CHECK(new == r.features) &&
	     CHECK(!dev_set_features(a, BIT64(VIRTIO_RING_F_EVENT_IDX))) &&
	     CHECK(dev_set_features(b, BIT64(VIRTIO_RING_F_EVENT_IDX)) ==
		   -EOPNOTSUPP) &&
	     CHECK(!dev_set_features(b, BIT64(VIRTIO_F_VERSION_1)));
	close(a);
	close(b);
	return CHECK(!ctl_del("f0")) && ok;
}

static bool delete_while_open(void)
{
	uint64_t f;
	int fd, r;
	bool ok;

	NEED(!ctl_new("d0", NULL, NULL));
	fd = dev_open(port_node("d0"));
	NEED(fd >= 0);
	NEED(!dev_ioctl(fd, VHOST_SET_OWNER, NULL));
	ok = CHECK(!ctl_del("d0")) && CHECK(access(port_node("d0"), F_OK)) &&
	     CHECK(ctl_dump(NULL, 0) == 0);
	/* The VMM that has it open may still ask, unbind and let go. */
	r = dev_features(fd, &f);
	ok = ok && CHECK(!r || r == -ENODEV);
	r = dev_backend(fd, 0, 9999);
	ok = ok && CHECK(r < 0);
	/* The name is free at once, and a new port is not the old one. */
	ok = ok && CHECK(!ctl_new("d0", NULL, NULL)) && node_is("d0", 0600);
	close(fd);
	return CHECK(!ctl_del("d0")) && ok;
}

static long rmmod(void)
{
	return syscall(SYS_delete_module, "vhost_xdp", O_NONBLOCK) ? -errno : 0;
}

static bool rmmod_refused(void)
{
	long r;
	bool ok;
	int fd;

	NEED(!ctl_new("r0", NULL, NULL));
	r = rmmod();
	if (!CHECK(r == -EWOULDBLOCK || r == -EBUSY))
		return false;
	fd = dev_open(port_node("r0"));
	NEED(fd >= 0 && !ctl_del("r0"));
	r = rmmod();
	ok = CHECK(r == -EWOULDBLOCK || r == -EBUSY);
	close(fd);
	return ok;
}

int main(void)
{
	static const struct { const char *name; bool (*fn)(void); } tests[] = {
		{ "defaults", defaults },
		{ "every attribute", everything },
		{ "names", names },
		{ "values out of range", values },
		{ "taken name, other namespace", taken },
		{ "get, dump, delete", get_and_del },
		{ "set: all or none", set_all_or_none },
		{ "notifications", notifications },
		{ "without CAP_NET_ADMIN", permissions },
		{ "namespace takes its ports with it", namespace_goes },
		{ "queue pair limit", queue_limit },
		{ "a tenant of the namespace", tenant },
		{ "features narrowed", features_narrowed },
		{ "deleted while open", delete_while_open },
		{ "rmmod refused while used", rmmod_refused },
	};
	unsigned int i;

	ktap_case(60, "setup");
	NEED(ctl_present());
	net_init();
	net_uplink("up0", "wire0", 1500);
	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		ktap_case(30, "%s", tests[i].name);
		ktap_ok(tests[i].fn());
	}
	return ktap_done();
}
