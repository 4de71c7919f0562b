// SPDX-License-Identifier: GPL-2.0
/*
 * doctor_host.c - what `vhost-xdp doctor` looks at on any machine (doctor.h).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <linux/magic.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "doctor.h"
#include "maps.h"
#include "port.h"
#include "state.h"

#define KERNEL_MAJOR	6
#define KERNEL_MINOR	12
#define MODULE		"vhost_xdp"
#define KFUNC		"bpf_vhost_xdp_deliver"
#define DISPATCHER	"xdp-dispatcher.o"

static void examine_user(struct findings *f)
{
	if (geteuid())
		found(f, FOUND_WARN, "user", "run doctor as root",
		      "not root: attach and detach will be refused, and some of this could not be looked at");
	else
		found(f, FOUND_OK, "user", NULL, "root");
}

static void examine_kernel(struct findings *f)
{
	int major = 0, minor = 0;
	struct utsname un;

	uname(&un);
	sscanf(un.release, "%d.%d", &major, &minor);
	if (major > KERNEL_MAJOR ||
	    (major == KERNEL_MAJOR && minor >= KERNEL_MINOR))
		found(f, FOUND_OK, "kernel", NULL, "%s", un.release);
	else
		found(f, FOUND_BLOCK, "kernel",
		      "boot a kernel 6.12 or later; Debian 12 has one in its backports",
		      "%s is older than %d.%d", un.release, KERNEL_MAJOR,
		      KERNEL_MINOR);
}

/* Does modprobe know it? */
static bool module_installed(void)
{
	struct utsname un;
	char line[1024];
	bool known = false;
	FILE *dep;

	uname(&un);
	snprintf(line, sizeof(line), "/lib/modules/%s/modules.dep", un.release);
	dep = fopen(line, "re");
	if (!dep)
		return false;
	while (!known && fgets(line, sizeof(line), dep))
		known = strstr(line, "/" MODULE ".ko");
	fclose(dep);
	return known;
}

/* Returns whether it is loaded. */
static bool examine_module(struct findings *f)
{
	if (!access("/sys/module/" MODULE, F_OK)) {
		found(f, FOUND_OK, "module", NULL, MODULE " is loaded");
		return true;
	}
	if (module_installed())
		found(f, FOUND_BLOCK, "module", "modprobe " MODULE,
		      MODULE " is installed but not loaded");
	else
		found(f, FOUND_BLOCK, "module",
		      "'make kmod && insmod kmod/" MODULE ".ko' in the sources, or 'make install'",
		      MODULE " is neither loaded nor installed for this kernel");
	return false;
}

static bool module_has_kfunc(void)
{
	struct btf *base, *btf;
	bool has = false;

	base = btf__load_vmlinux_btf();
	if (!base)
		return false;
	btf = btf__load_module_btf(MODULE, base);
	if (btf)
		has = btf__find_by_name_kind(btf, KFUNC, BTF_KIND_FUNC) > 0;
	btf__free(btf);
	btf__free(base);
	return has;
}

static void examine_btf(struct findings *f)
{
	if (access("/sys/kernel/btf/vmlinux", F_OK))
		found(f, FOUND_BLOCK, "btf",
		      "boot a kernel with CONFIG_DEBUG_INFO_BTF=y",
		      "the kernel carries no BTF");
	else if (access("/sys/kernel/btf/" MODULE, F_OK))
		found(f, FOUND_BLOCK, "btf",
		      "rebuild it where linux-headers have 'vmlinux' and pahole (package dwarves) is installed",
		      "the module carries no BTF, so programs cannot call it");
	else if (!module_has_kfunc())
		found(f, FOUND_BLOCK, "btf",
		      "unload " MODULE " and load the one that belongs to this tool",
		      "the module's BTF has no %s, or cannot be read", KFUNC);
	else
		found(f, FOUND_OK, "btf", NULL, "%s is there for programs",
		      KFUNC);
}

static void examine_bpffs(struct findings *f)
{
	struct statfs fs;

	if (!statfs("/sys/fs/bpf", &fs) && fs.f_type == BPF_FS_MAGIC)
		found(f, FOUND_OK, "bpffs", NULL, "/sys/fs/bpf is mounted");
	else
		found(f, FOUND_BLOCK, "bpffs", "mount -t bpf bpf /sys/fs/bpf",
		      "no BPF filesystem at /sys/fs/bpf to pin objects in");
}

static void examine_jit(struct findings *f)
{
	FILE *sysctl = fopen("/proc/sys/net/core/bpf_jit_enable", "re");
	int on = -1;

	if (sysctl) {
		if (fscanf(sysctl, "%d", &on) != 1)
			on = -1;
		fclose(sysctl);
	}
	if (on > 0)
		found(f, FOUND_OK, "jit", NULL, "the BPF JIT is on");
	else if (!on)
		found(f, FOUND_BLOCK, "jit",
		      "sysctl -w net.core.bpf_jit_enable=1",
		      "the BPF JIT is off; programs that call the module need it");
	else
		found(f, FOUND_WARN, "jit",
		      "look at net.core.bpf_jit_enable in the initial network namespace",
		      "cannot tell whether the BPF JIT is on");
}

/* libxdp looks below its own libdir, which Debian makes multiarch. */
static bool dispatcher_installed(void)
{
	static const char *const dirs[] = {
		"/usr/lib/x86_64-linux-gnu/bpf", "/usr/lib/aarch64-linux-gnu/bpf",
		"/usr/lib64/bpf", "/usr/lib/bpf", "/usr/local/lib/bpf",
	};
	const char *env = secure_getenv("LIBXDP_OBJECT_PATH");
	char path[512];
	size_t i;

	if (env) {
		snprintf(path, sizeof(path), "%s/" DISPATCHER, env);
		return !access(path, R_OK);
	}
	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		snprintf(path, sizeof(path), "%s/" DISPATCHER, dirs[i]);
		if (!access(path, R_OK))
			return true;
	}
	return false;
}

static void examine_libxdp(struct findings *f)
{
	if (dispatcher_installed())
		found(f, FOUND_OK, "libxdp", NULL,
		      "its dispatcher is installed; an uplink can be shared with other XDP programs");
	else
		found(f, FOUND_WARN, "libxdp", "install the package libxdp1",
		      "its dispatcher (%s) is not installed; an uplink will be taken whole",
		      DISPATCHER);
}

static void examine_dev(struct findings *f)
{
	struct statfs fs;

	/* devtmpfs says TMPFS_MAGIC; a container's tmpfs does so, too. */
	if (!statfs("/dev", &fs) && fs.f_type == TMPFS_MAGIC)
		found(f, FOUND_OK, "dev", NULL, "/dev is a devtmpfs or like it");
	else
		found(f, FOUND_WARN, "dev",
		      "make the nodes by hand from /sys/class/misc, or run on the host",
		      "/dev is no devtmpfs, so ports may get no node");
}

static void examine_state(struct findings *f)
{
	char name[VHOST_XDP_NAME_MAX + 1] = "";
	struct control ctl;
	unsigned int n;

	if (control_open(&ctl))
		return;
	n = state_stale(&ctl, name, sizeof(name));
	control_close(&ctl);
	if (n)
		found(f, FOUND_WARN, "state",
		      "the next attach or detach removes them",
		      "%u interrupted runs left remains, of port %s and so on, below %s",
		      n, name, pin_dir());
	else
		found(f, FOUND_OK, "state", NULL,
		      "no remains of interrupted runs");
}

void examine_host(struct findings *f)
{
	bool loaded;

	examine_user(f);
	examine_kernel(f);
	loaded = examine_module(f);
	if (loaded)
		examine_btf(f);
	examine_bpffs(f);
	examine_jit(f);
	examine_libxdp(f);
	examine_dev(f);
	if (loaded && !geteuid())
		examine_state(f);
}
