// SPDX-License-Identifier: GPL-2.0
/*
 * prog.c - see prog.h.
 *
 * The ingress program goes through libxdp's dispatcher, so that it shares the
 * uplink with other XDP programs. Where the dispatcher cannot be had it takes
 * the uplink for itself.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <linux/if_link.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpflog.h"
#include "cli.h"
#include "maps.h"
#include "pins.h"
#include "prog.h"
#include "../bpf/vhost_xdp_egress.skel.h"
#include "../bpf/vhost_xdp_ingress.skel.h"

#define EGRESS_PIN	"vhost_xdp_egress"
#define INGRESS_NAME	"vhost_xdp_ingress"

/* The kernel keeps 15 characters of a program's name. */
#define KERNEL_NAME_LEN	15

static int prog_info(int fd, struct bpf_prog_info *info)
{
	__u32 len = sizeof(*info);

	return bpf_obj_get_info_by_fd(fd, info, &len);
}

static int load_failed(const char *which, int err)
{
	if (access("/sys/kernel/btf/vhost_xdp", F_OK))
		return fail(EXIT_UNSUPPORTED,
			    "cannot load the %s program: module vhost_xdp is not loaded or carries no BTF; see 'vhost-xdp doctor'",
			    which);
	return fail(exit_of(err),
		    "cannot load the %s program: %s (%s); see 'vhost-xdp doctor', or --verbose for the verifier's log",
		    which, strerror(err < 0 ? -err : err), bpflog_last());
}

static int make_pin_dir(void)
{
	if ((mkdir(VXDP_PIN_DIR, 0700) && errno != EEXIST) ||
	    (mkdir(pin_dir(), 0700) && errno != EEXIST))
		return fail(exit_of(errno),
			    "cannot make %s: %s; is a BPF filesystem mounted? 'mount -t bpf bpf /sys/fs/bpf'",
			    pin_dir(), strerror(errno));
	return EXIT_OK;
}

/* A section of data cannot ask to be pinned, as the other maps do. */
static int share_epoch(struct bpf_map *map)
{
	return bpf_map__set_pin_path(map, pin_path("vxdp_epoch"));
}

static int egress_load(int *fd)
{
	DECLARE_LIBBPF_OPTS(bpf_object_open_opts, opts,
			    .pin_root_path = pin_dir());
	struct vhost_xdp_egress *skel;
	int err, ret;

	ret = make_pin_dir();
	if (ret)
		return ret;
	bpflog_reset();
	skel = vhost_xdp_egress__open_opts(&opts);
	if (!skel)
		return load_failed("egress", errno);
	err = share_epoch(skel->maps.data_epoch);
	if (!err)
		err = vhost_xdp_egress__load(skel);
	if (err) {
		ret = load_failed("egress", err);
		goto out;
	}
	*fd = dup(bpf_program__fd(skel->progs.vhost_xdp_egress));
	if (*fd < 0 || bpf_obj_pin(*fd, pin_path(EGRESS_PIN))) {
		ret = fail(EXIT_FAILED, "cannot pin %s: %s",
			   pin_path(EGRESS_PIN), strerror(errno));
		if (*fd >= 0)
			close(*fd);
	}
out:
	vhost_xdp_egress__destroy(skel);
	return ret;
}

int egress_open(int *fd)
{
	*fd = bpf_obj_get(pin_path(EGRESS_PIN));
	return *fd >= 0 ? EXIT_OK : egress_load(fd);
}

uint32_t egress_pinned_id(void)
{
	struct bpf_prog_info info = {};
	int fd = bpf_obj_get(pin_path(EGRESS_PIN));

	if (fd < 0)
		return 0;
	if (prog_info(fd, &info))
		info.id = 0;
	close(fd);
	return info.id;
}

void egress_unpin(void)
{
	unlink(pin_path(EGRESS_PIN));
}

static bool is_ingress(const struct xdp_program *prog)
{
	return !strncmp(xdp_program__name(prog), INGRESS_NAME, KERNEL_NAME_LEN);
}

/* Our program among those that are there; @mp owns it. */
static struct xdp_program *find_ingress(struct xdp_multiprog *mp, bool *others)
{
	struct xdp_program *prog = NULL, *found = NULL;

	*others = false;
	if (xdp_multiprog__is_legacy(mp)) {
		prog = xdp_multiprog__main_prog(mp);
		if (prog && is_ingress(prog))
			return prog;
		*others = true;
		return NULL;
	}
	while ((prog = xdp_multiprog__next_prog(prog, mp))) {
		if (is_ingress(prog))
			found = prog;
		else
			*others = true;
	}
	return found;
}

void ingress_query(uint32_t ifindex, struct ingress *in)
{
	struct xdp_multiprog *mp = xdp_multiprog__get_from_ifindex(ifindex);
	struct xdp_program *prog;

	memset(in, 0, sizeof(*in));
	if (!mp || libxdp_get_error(mp))
		return;
	prog = find_ingress(mp, &in->others);
	in->dispatcher = !xdp_multiprog__is_legacy(mp);
	if (prog) {
		in->mode = xdp_multiprog__attach_mode(mp);
		in->stale = !uses_our_maps(xdp_program__fd(prog), pin_dir());
	}
	xdp_multiprog__close(mp);
}

const char *mode_name(enum xdp_attach_mode mode)
{
	switch (mode) {
	case XDP_MODE_NATIVE:
		return "native";
	case XDP_MODE_SKB:
		return "skb";
	case XDP_MODE_HW:
		return "offloaded";
	default:
		return "none";
	}
}

static struct vhost_xdp_ingress *ingress_object(void)
{
	DECLARE_LIBBPF_OPTS(bpf_object_open_opts, opts,
			    .pin_root_path = pin_dir());
	struct vhost_xdp_ingress *skel;
	int err;

	bpflog_reset();
	skel = vhost_xdp_ingress__open_opts(&opts);
	err = skel ? share_epoch(skel->maps.data_epoch) : 0;
	if (err) {
		vhost_xdp_ingress__destroy(skel);
		errno = -err;
		return NULL;
	}
	return skel;
}

/* 0 or -errno. */
static int attach_shared(uint32_t ifindex, enum xdp_attach_mode mode)
{
	struct vhost_xdp_ingress *skel = ingress_object();
	DECLARE_LIBXDP_OPTS(xdp_program_opts, opts);
	struct xdp_program *prog;
	int err;

	if (!skel)
		return -errno;
	opts.obj = skel->obj;
	opts.prog_name = INGRESS_NAME;
	prog = xdp_program__create(&opts);
	err = libxdp_get_error(prog);
	if (!err) {
		/* Without it no attach at an MTU above a page. */
		err = xdp_program__set_xdp_frags_support(prog, true);
		if (!err)
			err = xdp_program__attach(prog, ifindex, mode, 0);
		xdp_program__close(prog);
	}
	vhost_xdp_ingress__destroy(skel);
	return err;
}

static __u32 mode_flags(enum xdp_attach_mode mode)
{
	return mode == XDP_MODE_SKB ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
}

static int attach_alone(uint32_t ifindex, enum xdp_attach_mode mode)
{
	__u32 flags = XDP_FLAGS_UPDATE_IF_NOEXIST | mode_flags(mode);
	struct vhost_xdp_ingress *skel = ingress_object();
	int err;

	if (!skel)
		return -errno;
	err = vhost_xdp_ingress__load(skel);
	if (!err)
		err = bpf_xdp_attach(ifindex,
				     bpf_program__fd(skel->progs.vhost_xdp_ingress),
				     flags, NULL);
	vhost_xdp_ingress__destroy(skel);
	return err;
}

static int attach_failed(const char *ifname, enum xdp_attach_mode mode, int err)
{
	if (err == -EBUSY || err == -EEXIST)
		return fail(EXIT_TAKEN,
			    "attach %s: another XDP program is there that does not share; see 'ip link show %s', take it off by 'ip link set dev %s xdp off' or load it with xdp-loader",
			    ifname, ifname, ifname);
	if (err == -EOPNOTSUPP && mode == XDP_MODE_NATIVE)
		return fail(EXIT_UNSUPPORTED,
			    "attach %s: its driver has no native XDP; try --mode skb, or see 'vhost-xdp doctor %s'",
			    ifname, ifname);
	return fail(exit_of(err),
		    "attach %s: cannot attach the ingress program in %s mode: %s (%s); see 'vhost-xdp doctor %s'",
		    ifname, mode_name(mode), strerror(-err), bpflog_last(),
		    ifname);
}

/*
 * Programs are known by their names. Where memory is short, libbpf may take the
 * kernel for one that keeps no names, and what it attached would never be found
 * again to be detached.
 */
static int verify_attached(uint32_t ifindex, const char *ifname,
			   enum xdp_attach_mode mode)
{
	struct ingress in;

	ingress_query(ifindex, &in);
	if (in.mode != XDP_MODE_UNSPEC)
		return EXIT_OK;
	bpf_xdp_detach(ifindex, mode_flags(mode), NULL);
	pins_forget_dispatchers(ifindex, pin_dir(), 0);
	return fail(EXIT_FAILED,
		    "attach %s: the ingress program was attached but cannot be found; is memory short? Try again",
		    ifname);
}

int ingress_attach(uint32_t ifindex, const char *ifname,
		   enum xdp_attach_mode mode)
{
	char why[256];
	int err;

	err = attach_shared(ifindex, mode);
	if (!err)
		return verify_attached(ifindex, ifname, mode);
	snprintf(why, sizeof(why), "%s", bpflog_last());
	err = attach_alone(ifindex, mode);
	if (err)
		return attach_failed(ifname, mode, err);
	warn("attach %s: libxdp's dispatcher did not work here (%s); attached without it, no other XDP program can share %s",
	     ifname, why[0] ? why : "no reason given", ifname);
	return verify_attached(ifindex, ifname, mode);
}

/* Of the dispatcher that is still there, for other programs; or 0. */
static uint32_t dispatcher_id(uint32_t ifindex)
{
	__u32 id = 0;

	return bpf_xdp_query_id(ifindex, 0, &id) ? 0 : id;
}

static void detach_alone(uint32_t ifindex, enum xdp_attach_mode mode, int fd)
{
	DECLARE_LIBBPF_OPTS(bpf_xdp_attach_opts, opts, .old_prog_fd = fd);
	__u32 flags = mode_flags(mode) | XDP_FLAGS_REPLACE;

	if (bpf_xdp_detach(ifindex, flags, &opts))
		warn("cannot take the ingress program off interface %u: %s; try 'ip link set dev NAME xdp off'",
		     ifindex, strerror(errno));
}

static void detach_from(struct xdp_multiprog *mp, uint32_t ifindex)
{
	enum xdp_attach_mode mode = xdp_multiprog__attach_mode(mp);
	struct xdp_program *prog;
	bool others;
	int err;

	prog = find_ingress(mp, &others);
	if (!prog)
		return;
	if (xdp_multiprog__is_legacy(mp)) {
		detach_alone(ifindex, mode, xdp_program__fd(prog));
		return;
	}
	err = others ? xdp_program__detach(prog, ifindex, mode, 0) :
	      xdp_multiprog__detach(mp);
	if (err)
		warn("cannot take the ingress program off interface %u: %s (%s)",
		     ifindex, strerror(-err), bpflog_last());
}

void ingress_detach(uint32_t ifindex)
{
	struct xdp_multiprog *mp;

	bpflog_reset();
	mp = xdp_multiprog__get_from_ifindex(ifindex);
	if (mp && !libxdp_get_error(mp)) {
		detach_from(mp, ifindex);
		xdp_multiprog__close(mp);
	}
	pins_forget_dispatchers(ifindex, pin_dir(), dispatcher_id(ifindex));
}
