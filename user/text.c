// SPDX-License-Identifier: GPL-2.0
/*
 * text.c - see text.h.
 */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "cli.h"
#include "text.h"

const char *mac_text(const uint8_t *mac)
{
	static char bufs[4][18];
	static unsigned int next;
	char *buf = bufs[next++ % ARRAY_SIZE(bufs)];

	snprintf(buf, sizeof(bufs[0]), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0],
		 mac[1], mac[2], mac[3], mac[4], mac[5]);
	return buf;
}

bool mac_parse(const char *text, uint8_t *mac)
{
	int end = 0;

	return strlen(text) == 17 &&
	       strspn(text, "0123456789abcdefABCDEF:") == 17 &&
	       sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0],
		      &mac[1], &mac[2], &mac[3], &mac[4], &mac[5], &end) == 6 &&
	       end == 17;
}

int mac_random(uint8_t *mac)
{
	if (getrandom(mac, 6, 0) != 6)
		return -errno;
	mac[0] = (mac[0] & ~1) | 2;
	return 0;
}

bool number_parse(const char *text, unsigned long min, unsigned long max,
		  unsigned long *value)
{
	char *end;

	if (strspn(text, "0123456789") != strlen(text) || !*text)
		return false;
	errno = 0;
	*value = strtoul(text, &end, 10);
	return !errno && !*end && *value >= min && *value <= max;
}

/* Of virtio-net and vhost-net; bit 27 is ANY_LAYOUT to virtio. */
static const char *const feature_name[64 * FEATURE_WORDS] = {
	[0] = "CSUM",
	[1] = "GUEST_CSUM",
	[7] = "GUEST_TSO4",
	[8] = "GUEST_TSO6",
	[9] = "GUEST_ECN",
	[10] = "GUEST_UFO",
	[11] = "HOST_TSO4",
	[12] = "HOST_TSO6",
	[13] = "HOST_ECN",
	[14] = "HOST_UFO",
	[15] = "MRG_RXBUF",
	[24] = "NOTIFY_ON_EMPTY",
	[26] = "LOG_ALL",
	[27] = "VIRTIO_NET_HDR",
	[28] = "INDIRECT_DESC",
	[29] = "EVENT_IDX",
	[32] = "VERSION_1",
	[33] = "ACCESS_PLATFORM",
	[34] = "RING_PACKED",
	[35] = "IN_ORDER",
	[40] = "RING_RESET",
	[54] = "GUEST_USO4",
	[55] = "GUEST_USO6",
	[56] = "HOST_USO",
	[57] = "HASH_REPORT",
	[65] = "GUEST_UDP_TUNNEL_GSO",
	[66] = "GUEST_UDP_TUNNEL_GSO_CSUM",
	[67] = "HOST_UDP_TUNNEL_GSO",
	[68] = "HOST_UDP_TUNNEL_GSO_CSUM",
};

json_t *feature_names(const uint64_t features[FEATURE_WORDS])
{
	json_t *names = json_array();
	unsigned int bit;
	char number[16];

	for (bit = 0; bit < ARRAY_SIZE(feature_name); bit++) {
		if (!(features[bit / 64] >> bit % 64 & 1))
			continue;
		snprintf(number, sizeof(number), "bit%u", bit);
		json_array_append_new(names, json_string(
			feature_name[bit] ? feature_name[bit] : number));
	}
	return names;
}

int feature_bit(const char *name)
{
	unsigned int bit;

	for (bit = 0; bit < ARRAY_SIZE(feature_name); bit++)
		if (feature_name[bit] && !strcasecmp(feature_name[bit], name))
			return bit;
	return -ENOENT;
}

const char *user_text(uint32_t uid)
{
	static char text[64];
	struct passwd *pw = getpwuid(uid);

	if (pw)
		snprintf(text, sizeof(text), "%s", pw->pw_name);
	else
		snprintf(text, sizeof(text), "%u", uid);
	return text;
}

char *join(json_t *strings, const char *with)
{
	size_t size = 1, i;
	char *text;

	for (i = 0; i < json_array_size(strings); i++)
		size += strlen(with) +
			json_string_length(json_array_get(strings, i));
	text = calloc(1, size);
	for (i = 0; text && i < json_array_size(strings); i++) {
		if (i)
			strcat(text, with);
		strcat(text, json_string_value(json_array_get(strings, i)));
	}
	return text;
}
