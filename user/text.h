/* SPDX-License-Identifier: GPL-2.0 */
/*
 * text.h - what numbers look like to people, and the way back.
 */
#ifndef VHOST_XDP_TEXT_H
#define VHOST_XDP_TEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>

/* Features of virtio and vhost, bit by bit, as VHOST_GET_FEATURES_ARRAY has them. */
#define FEATURE_WORDS	2

/* "02:00:00:00:00:01", in one of a few static buffers. */
const char *mac_text(const uint8_t *mac);
bool mac_parse(const char *text, uint8_t *mac);
/* A random, locally administered unicast address. 0 or -errno. */
int mac_random(uint8_t *mac);

/* A whole decimal number from @min to @max. */
bool number_parse(const char *text, unsigned long min, unsigned long max,
		  unsigned long *value);

/* Names of the virtio and vhost feature bits that are set. */
json_t *feature_names(const uint64_t features[FEATURE_WORDS]);

/* The bit of such a name, in whichever case; -ENOENT: it is none. */
int feature_bit(const char *name);

/* The user's login name, or the number, in a static buffer. */
const char *user_text(uint32_t uid);

/* The elements of an array of strings, joined; to be freed. */
char *join(json_t *strings, const char *with);

#endif /* VHOST_XDP_TEXT_H */
