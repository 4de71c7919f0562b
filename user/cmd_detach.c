// SPDX-License-Identifier: GPL-2.0
/*
 * cmd_detach.c - vhost-xdp detach: takes a port down, whatever is left of it.
 *
 * The uplink may be gone, the port may be gone with its entries still there, or
 * the port may never have had any.
 */
#include <errno.h>
#include <string.h>

#include "cli.h"
#include "port.h"
#include "state.h"

static int report(const char *name)
{
	if (options.json)
		return print_json(json_pack("{ss}", "detached", name));
	return EXIT_OK;
}

static int detach(struct control *ctl, const struct maps *maps,
		  const char *name)
{
	struct vxdp_port entry;
	struct port port;
	uint32_t id = 0;
	int err, ret = EXIT_OK;

	if (maps->ports >= 0 && maps_port_by_name(maps, name, &id, &entry))
		id = 0;
	err = port_name_ok(name) ? port_get(ctl, name, &port) : -ENODEV;
	if (err && err != -ENODEV)
		return fail(exit_of(err), "detach %s: %s%s", name,
			    strerror(-err), nl_why(&ctl->nl));
	if (err && !id)
		return fail(EXIT_NOT_FOUND,
			    "detach %s: no such port; see 'vhost-xdp list'",
			    name);
	if (!err) {
		ret = state_teardown(ctl, maps, port.id, name);
		port_free(&port);
	}
	/* An entry of that name whose port is another one, or no more. */
	if (!ret && id && (err || id != port.id))
		ret = state_teardown(ctl, maps, id, name);
	return ret;
}

int cmd_detach(int argc, char **argv)
{
	const char *name = one_operand("detach", "NAME", argc, argv);
	struct control ctl;
	struct maps maps;
	int ret;

	if (!name)
		return EXIT_USAGE;
	ret = state_begin("detach");
	if (!ret)
		ret = control_open(&ctl);
	if (ret)
		return ret;
	maps_open(&maps);
	ret = detach(&ctl, &maps, name);
	maps_close(&maps);
	if (!ret)
		ret = state_clean(&ctl);
	state_unpin_if_unused(&ctl);
	control_close(&ctl);
	return ret ? ret : report(name);
}
