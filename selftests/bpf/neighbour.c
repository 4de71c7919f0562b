// SPDX-License-Identifier: GPL-2.0
/*
 * neighbour - another user of libxdp on the same uplink, for cli.sh.
 *
 *	neighbour attach|detach|there IFNAME OBJECT
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <xdp/libxdp.h>

#define NAME "neighbour"

static struct xdp_program *find(struct xdp_multiprog *mp)
{
	struct xdp_program *prog = NULL;

	while ((prog = xdp_multiprog__next_prog(prog, mp)))
		if (!strcmp(xdp_program__name(prog), NAME))
			return prog;
	return NULL;
}

static int attach(int ifindex, const char *object)
{
	struct xdp_program *prog = xdp_program__open_file(object, "xdp", NULL);

	if (libxdp_get_error(prog))
		return libxdp_get_error(prog);
	return xdp_program__attach(prog, ifindex, XDP_MODE_NATIVE, 0);
}

static int there(int ifindex, int detach)
{
	struct xdp_multiprog *mp = xdp_multiprog__get_from_ifindex(ifindex);
	struct xdp_program *prog;

	if (!mp || libxdp_get_error(mp))
		return -ENOENT;
	prog = find(mp);
	if (!prog)
		return -ENOENT;
	return detach ? xdp_program__detach(prog, ifindex, XDP_MODE_NATIVE, 0) :
	       0;
}

int main(int argc, char **argv)
{
	int ifindex, err;

	if (argc != 4)
		return 2;
	ifindex = if_nametoindex(argv[2]);
	if (!strcmp(argv[1], "attach"))
		err = attach(ifindex, argv[3]);
	else
		err = there(ifindex, !strcmp(argv[1], "detach"));
	if (err)
		fprintf(stderr, "neighbour: %s %s: %s\n", argv[1], argv[2],
			strerror(-err));
	return err ? 1 : 0;
}
