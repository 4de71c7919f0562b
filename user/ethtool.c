// SPDX-License-Identifier: GPL-2.0
/*
 * ethtool.c - what a NIC's driver is and which of its offloads are on, by the
 * SIOCETHTOOL ioctl (see link.h).
 */
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>

#include "link.h"

static int ethtool(const char *ifname, void *data)
{
	struct ifreq ifr = { .ifr_data = data };
	int fd, err;

	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	err = ioctl(fd, SIOCETHTOOL, &ifr);
	close(fd);
	return err;
}

void ethtool_driver(const char *ifname, char *driver, size_t size)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };

	driver[0] = '\0';
	if (!ethtool(ifname, &info))
		snprintf(driver, size, "%.*s", (int)sizeof(info.driver),
			 info.driver);
}

static struct ethtool_gstrings *feature_names(const char *ifname)
{
	struct {
		struct ethtool_sset_info info;
		__u32 count;
	} sset = {
		.info.cmd = ETHTOOL_GSSET_INFO,
		.info.sset_mask = 1ULL << ETH_SS_FEATURES,
	};
	struct ethtool_gstrings *names;

	if (ethtool(ifname, &sset) || !sset.info.sset_mask)
		return NULL;
	names = calloc(1, sizeof(*names) + sset.count * ETH_GSTRING_LEN);
	if (!names)
		return NULL;
	names->cmd = ETHTOOL_GSTRINGS;
	names->string_set = ETH_SS_FEATURES;
	names->len = sset.count;
	if (!ethtool(ifname, names))
		return names;
	free(names);
	return NULL;
}

static bool feature_active(const char *ifname, __u32 bit, __u32 count)
{
	__u32 blocks = (count + 31) / 32;
	struct ethtool_gfeatures *f;
	bool on = false;

	f = calloc(1, sizeof(*f) + blocks * sizeof(f->features[0]));
	if (!f)
		return false;
	f->cmd = ETHTOOL_GFEATURES;
	f->size = blocks;
	if (!ethtool(ifname, f))
		on = f->features[bit / 32].active & (1U << bit % 32);
	free(f);
	return on;
}

bool ethtool_feature_on(const char *ifname, const char *feature)
{
	struct ethtool_gstrings *names = feature_names(ifname);
	bool on = false;
	__u32 i;

	if (!names)
		return false;
	for (i = 0; i < names->len; i++) {
		const char *name = (char *)names->data + i * ETH_GSTRING_LEN;

		if (strncmp(name, feature, ETH_GSTRING_LEN))
			continue;
		on = feature_active(ifname, i, names->len);
		break;
	}
	free(names);
	return on;
}
