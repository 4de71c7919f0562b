// SPDX-License-Identifier: GPL-2.0
/*
 * tap.c - the sockets that a VMM hands to VHOST_NET_SET_BACKEND.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "ktap.h"
#include "wire.h"

int tap_open(const char *name, unsigned int flags, int hdrsz)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | flags };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	NEED(fd >= 0);
	snprintf(ifr.ifr_name, IFNAMSIZ, "%s", name);
	NEED(!ioctl(fd, TUNSETIFF, &ifr));
	if (hdrsz)
		NEED(!ioctl(fd, TUNSETVNETHDRSZ, &hdrsz));
	return fd;
}

int macvtap_open(const char *name, int hdrsz)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/dev/tap%u", net_ifindex(name));
	fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (hdrsz)
		NEED(!ioctl(fd, TUNSETVNETHDRSZ, &hdrsz));
	return fd;
}
