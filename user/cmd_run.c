// SPDX-License-Identifier: GPL-2.0
/*
 * cmd_run.c - vhost-xdp run: start QEMU with descriptors of a port.
 *
 * QEMU takes vhost descriptors of several queue pairs only beside descriptors of the
 * tap's queues, and those a shell cannot open: a queue of a tap is made by an ioctl.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli.h"
#include "port.h"

/* Whatever has that number goes; those below are taken. */
static int give_number(int fd, int number)
{
	int ret;

	if (fd < 0 || fd == number)
		return fd;
	ret = dup2(fd, number);
	close(fd);
	return ret;
}

/* As `ip tuntap add` of qemu-args has made it, and as QEMU would open it. */
static int open_tap(const char *tap, bool several)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd, err;

	/* It would be made, and go with us. */
	if (!if_nametoindex(tap))
		return -ENODEV;
	fd = open("/dev/net/tun", O_RDWR);
	if (fd < 0)
		return -errno;
	if (several)
		ifr.ifr_flags |= IFF_MULTI_QUEUE;
	strcpy(ifr.ifr_name, tap);
	if (!ioctl(fd, TUNSETIFF, &ifr))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static int open_taps(const struct port *port)
{
	const char *tap = port_tap(port->name);
	unsigned int i;
	int fd;

	for (i = 0; i < port->queues; i++) {
		fd = open_tap(tap, port->queues > 1);
		if (fd < 0)
			return fail(exit_of(fd), "cannot open queue %u of the tap %s: %s; see 'vhost-xdp qemu-args %s' for how it is made",
				    i, tap, strerror(-fd), port->name);
		if (give_number(fd, PORT_FIRST_FD + i) < 0)
			return fail(EXIT_FAILED, "cannot have descriptor %u: %s",
				    PORT_FIRST_FD + i, strerror(errno));
	}
	return EXIT_OK;
}

static int open_nodes(const struct port *port)
{
	const char *node = port_node(port->name);
	unsigned int i;
	int fd, err;

	for (i = 0; i < port->queues; i++) {
		fd = open(node, O_RDWR);
		if (fd < 0) {
			err = errno;
			return fail(exit_of(err), "cannot open %s for queue pair %u: %s",
				    node, i, strerror(err));
		}
		if (give_number(fd, PORT_FIRST_FD + port->queues + i) < 0)
			return fail(EXIT_FAILED, "cannot have descriptor %u: %s",
				    PORT_FIRST_FD + port->queues + i,
				    strerror(errno));
	}
	return EXIT_OK;
}

int cmd_run(int argc, char **argv)
{
	struct port port;
	int ret;

	if (argc < 2 || argv[1][0] == '-')
		return usage("run", "run: NAME is missing");
	if (argc < 4 || strcmp(argv[2], "--"))
		return usage("run", "run: -- and a COMMAND are missing");
	ret = port_show(argv[1], &port);
	if (ret)
		return ret;
	ret = open_taps(&port);
	if (!ret)
		ret = open_nodes(&port);
	port_free(&port);
	if (ret)
		return ret;
	execvp(argv[3], argv + 3);
	return fail(exit_of(errno), "cannot start %s: %s", argv[3],
		    strerror(errno));
}
