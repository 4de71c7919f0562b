// SPDX-License-Identifier: GPL-2.0
/*
 * attach_opts.c - see attach.h.
 */
#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <string.h>

#include "attach.h"
#include "cli.h"
#include "port.h"
#include "text.h"

static const struct option long_options[] = {
	{ "port", required_argument, NULL, 'p' },
	{ "mac", required_argument, NULL, 'm' },
	{ "vlan", required_argument, NULL, 'v' },
	{ "queues", required_argument, NULL, 'q' },
	{ "lane", required_argument, NULL, 'l' },
	{ "queue", required_argument, NULL, 'n' },
	{ "mode", required_argument, NULL, 'x' },
	{ "owner", required_argument, NULL, 'o' },
	{ "features", required_argument, NULL, 'f' },
	{ "no-spoof-check", no_argument, NULL, 's' },
	{ "no-uplink", no_argument, NULL, 'u' },
	{},
};

static int take_name(struct attach_options *o, const char *arg)
{
	if (!port_name_ok(arg))
		return usage("attach",
			     "attach: '%s' is no port name: up to %d letters, digits, '.', '_' and '-', the first a letter or digit",
			     arg, VHOST_XDP_NAME_MAX - 1);
	o->name = arg;
	return EXIT_OK;
}

static int take_mac(struct attach_options *o, const char *arg)
{
	static const uint8_t zero[6];
	uint8_t mac[6];
	unsigned int i;

	if (!mac_parse(arg, mac))
		return usage("attach",
			     "attach: '%s' is no MAC address, like 02:00:00:00:00:01",
			     arg);
	if (mac[0] & 1 || !memcmp(mac, zero, sizeof(mac)))
		return usage("attach",
			     "attach: %s is not a unicast address: the first byte must be even, and not all zero",
			     arg);
	for (i = 0; i < o->n_mac; i++)
		if (!memcmp(o->mac[i], mac, sizeof(mac)))
			return usage("attach", "attach: --mac %s given twice",
				     arg);
	if (o->n_mac == ATTACH_MACS_MAX)
		return usage("attach", "attach: more than %d addresses",
			     ATTACH_MACS_MAX);
	memcpy(o->mac[o->n_mac++], mac, sizeof(mac));
	return EXIT_OK;
}

static int take_number(const char *arg, const char *what, unsigned long min,
		       unsigned long max, unsigned long *value)
{
	if (!number_parse(arg, min, max, value))
		return usage("attach", "attach: '%s' is no %s: %lu to %lu", arg,
			     what, min, max);
	return EXIT_OK;
}

static int take_vlan(struct attach_options *o, const char *arg)
{
	unsigned long value = 0;
	int ret = take_number(arg, "VLAN", 1, 4094, &value);

	o->vlan = value;
	return ret;
}

static int take_queues(struct attach_options *o, const char *arg)
{
	unsigned long value = 0;
	int ret = take_number(arg, "number of queue pairs", 1,
			      VHOST_XDP_QUEUES_MAX, &value);

	o->queues = value;
	return ret;
}

static int take_lane(struct attach_options *o, const char *arg)
{
	o->xsk = !strcmp(arg, "xsk");
	if (!o->xsk && strcmp(arg, "xdp"))
		return usage("attach", "attach: '%s' is no lane: 'xdp' or 'xsk'",
			     arg);
	return EXIT_OK;
}

static int take_nic_queue(struct attach_options *o, const char *arg)
{
	unsigned long value = 0;
	int ret = take_number(arg, "queue of an uplink", 0, UINT16_MAX, &value);

	o->nic_queue = value;
	o->nic_queue_said = true;
	return ret;
}

static int take_mode(struct attach_options *o, const char *arg)
{
	if (!strcmp(arg, "native"))
		o->mode = XDP_MODE_NATIVE;
	else if (!strcmp(arg, "skb"))
		o->mode = XDP_MODE_SKB;
	else
		return usage("attach",
			     "attach: '%s' is no mode: 'native' or 'skb'", arg);
	return EXIT_OK;
}

static int take_owner(struct attach_options *o, const char *arg)
{
	struct passwd *pw = getpwnam(arg);
	unsigned long uid;

	if (!pw && number_parse(arg, 0, UINT32_MAX - 1, &uid))
		pw = getpwuid(uid);
	if (!pw)
		return fail(EXIT_NOT_FOUND,
			    "attach: no user '%s'; see 'getent passwd'", arg);
	o->uid = pw->pw_uid;
	o->gid = pw->pw_gid;
	o->owner = true;
	return EXIT_OK;
}

/* "A,B": these and no others. "-A,-B": all but these. */
static int take_features(struct attach_options *o, char *arg)
{
	uint64_t named[FEATURE_WORDS] = {};
	bool but = *arg == '-';
	bool any = false;
	char *name, *rest;
	int bit, word;

	for (name = strtok_r(arg, ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
		if ((*name == '-') != but)
			return usage("attach",
				     "attach: --features takes either names, or names with '-' in front, not both");
		bit = feature_bit(name + but);
		if (bit < 0)
			return usage("attach",
				     "attach: '%s' is no feature; 'vhost-xdp show PORT' names what a port offers",
				     name + but);
		named[bit / 64] |= 1ULL << bit % 64;
		any = true;
	}
	if (!any)
		return usage("attach", "attach: --features names none");
	for (word = 0; word < FEATURE_WORDS; word++) {
		o->features[word] = but ? ~named[word] : named[word];
		o->must_offer[word] = but ? 0 : named[word];
	}
	return EXIT_OK;
}

static int take_option(struct attach_options *o, int opt, char **argv)
{
	switch (opt) {
	case 'p':
		return take_name(o, optarg);
	case 'm':
		return take_mac(o, optarg);
	case 'v':
		return take_vlan(o, optarg);
	case 'q':
		return take_queues(o, optarg);
	case 'l':
		return take_lane(o, optarg);
	case 'n':
		return take_nic_queue(o, optarg);
	case 'x':
		return take_mode(o, optarg);
	case 'o':
		return take_owner(o, optarg);
	case 'f':
		return take_features(o, optarg);
	case 's':
		o->spoof_check = false;
		return EXIT_OK;
	case 'u':
		return EXIT_OK;	/* attach_parse() looks at it */
	case ':':
		return usage("attach", "attach: '%s' wants a value",
			     argv[optind - 1]);
	default:
		return usage("attach", "attach: unknown option '%s'",
			     argv[optind - 1]);
	}
}

/* What only makes sense on an uplink is refused without one, not ignored. */
static int check_no_uplink(const struct attach_options *o)
{
	if (o->n_mac || o->vlan || o->mode != XDP_MODE_UNSPEC ||
	    !o->spoof_check || o->xsk)
		return usage("attach",
			     "attach: --mac, --vlan, --mode, --lane xsk and --no-spoof-check want an uplink, --no-uplink says there is none");
	return EXIT_OK;
}

static int check_uplink(struct attach_options *o)
{
	int err;

	if (o->n_mac)
		return EXIT_OK;
	err = mac_random(o->mac[0]);
	if (err)
		return fail(EXIT_FAILED, "attach: cannot make up an address: %s",
			    strerror(-err));
	o->n_mac = 1;
	return EXIT_OK;
}

int attach_parse(int argc, char **argv, struct attach_options *o)
{
	bool no_uplink = false;
	int opt, ret;

	*o = (struct attach_options){
		.queues = VHOST_XDP_QUEUES_DEFAULT,
		.mode = XDP_MODE_UNSPEC,
		.spoof_check = true,
		.features = { ~0ULL, ~0ULL },
	};
	opterr = 0;
	while ((opt = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
		no_uplink |= opt == 'u';
		ret = take_option(o, opt, argv);
		if (ret)
			return ret;
	}
	if (optind + 1 < argc || (no_uplink && optind < argc))
		return usage("attach", "attach: '%s' is too much",
			     argv[argc - 1]);
	if (!no_uplink && optind == argc)
		return usage("attach",
			     "attach: which uplink? Name one, or say --no-uplink");
	if (!o->name)
		return usage("attach", "attach: --port NAME is missing");
	if (o->nic_queue_said && !o->xsk)
		return usage("attach",
			     "attach: --queue is for --lane xsk; for the number of queue pairs there is --queues");
	if (no_uplink)
		return check_no_uplink(o);
	o->uplink = argv[optind];
	return check_uplink(o);
}
