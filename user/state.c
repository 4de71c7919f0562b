// SPDX-License-Identifier: GPL-2.0
/*
 * state.c - see state.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "cli.h"
#include "link.h"
#include "pins.h"
#include "prog.h"
#include "state.h"
#include "text.h"

#define LOCK_FILE	"/run/vhost-xdp.lock"

/* A ^C in the middle of a change is heard when it is complete. */
static void hold_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

int state_begin(const char *what)
{
	int fd;

	if (geteuid())
		return fail(EXIT_DENIED,
			    "%s: only root may; try 'sudo vhost-xdp %s'", what,
			    what);
	fd = open(LOCK_FILE, O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fail(EXIT_FAILED, "cannot open %s: %s", LOCK_FILE,
			    strerror(errno));
	while (flock(fd, LOCK_EX))
		if (errno != EINTR)
			return fail(EXIT_FAILED, "cannot lock %s: %s",
				    LOCK_FILE, strerror(errno));
	hold_signals();
	return EXIT_OK;
}

static void forget_mac(const struct maps *m, const struct vxdp_fdb_key *key)
{
	struct link link;
	int err = 0;

	/* The entry goes last: what tells a next run that there is work left. */
	if (!maps_mac_shared(m, key) && link_by_index(key->ifindex, &link))
		err = link_del_mac(key->ifindex, key->mac);
	maps_fdb_del(m, key);
	if (err && err != -ENOENT && err != -EOPNOTSUPP)
		warn("%s still hears %s: %s; try 'bridge fdb del %s dev %s self'",
		     link.name, mac_text(key->mac), strerror(-err),
		     mac_text(key->mac), link.name);
}

static void forget_macs(const struct maps *m, uint32_t id)
{
	struct vxdp_fdb_key key = {};

	/* From the start each time: the key that was deleted leads nowhere. */
	while (maps_fdb_next(m, id, &key)) {
		forget_mac(m, &key);
		memset(&key, 0, sizeof(key));
	}
}

/* Hands the duty to turn all-multicast off to a port that stays, or does it. */
static void forget_allmulti(const struct maps *m, uint32_t id,
			    const struct vxdp_port *entry)
{
	struct vxdp_port heir;
	uint32_t other;

	if (!(entry->flags & VXDP_PORT_ALLMULTI))
		return;
	if (maps_uplink_shared(m, entry->ifindex, id, &other)) {
		if (maps_port_get(m, other, &heir))
			return;
		heir.flags |= VXDP_PORT_ALLMULTI;
		maps_port_put(m, other, &heir);
		return;
	}
	link_set_allmulti(entry->ifindex, false);
}

static void forget_port(const struct maps *m, uint32_t id,
			const struct vxdp_port *entry)
{
	maps_flood_leave(m, id);
	forget_macs(m, id);
	forget_allmulti(m, id, entry);
	if (entry->ifindex && !maps_uplink_shared(m, entry->ifindex, id, NULL))
		ingress_detach(entry->ifindex);
	maps_port_forget(m, id);
}

static int delete_port(struct control *ctl, uint32_t id, const char *name)
{
	int err = port_del(ctl, id);

	if (!err || err == -ENODEV)
		return EXIT_OK;
	return fail(exit_of(err), "cannot delete port %s: %s%s", name,
		    strerror(-err), nl_why(&ctl->nl));
}

int state_teardown(struct control *ctl, const struct maps *m, uint32_t id,
		   const char *name)
{
	struct vxdp_port entry, was;
	bool known = m->ports >= 0 && !maps_port_get(m, id, &entry);
	int ret;

	if (known) {
		was = entry;
		entry.flags |= VXDP_PORT_UNFINISHED;
		maps_port_put(m, id, &entry);
	}
	ret = delete_port(ctl, id, name);
	if (!known)
		return ret;
	if (ret)
		maps_port_put(m, id, &was);
	else
		forget_port(m, id, &entry);
	return ret;
}

/*
 * Two kinds of remains: an entry that says so or whose port is gone, and a port
 * with our program that has not got an entry yet.
 */
static bool entry_is_stale(const struct port_list *list, uint32_t id,
			   const struct vxdp_port *entry)
{
	return entry->flags & VXDP_PORT_UNFINISHED ||
	       !port_list_by_id(list, id);
}

static bool port_is_stale(const struct maps *m, const struct port *port,
			  uint32_t egress_id)
{
	struct vxdp_port entry;

	return egress_id && port->egress_id == egress_id &&
	       maps_port_get(m, port->id, &entry) == -ENOENT;
}

static const char *entry_name(const struct vxdp_port *entry)
{
	static char name[sizeof(entry->name) + 1];

	snprintf(name, sizeof(name), "%.*s", (int)sizeof(entry->name),
		 entry->name);
	return name;
}

/*
 * Finds the next remains, beginning anew each time, as a walk does not go on
 * from a deleted entry. Returns the port's number or 0; @skip were not mended.
 */
static uint32_t next_stale(const struct maps *m, const struct port_list *list,
			   char *name, size_t size, unsigned int skip)
{
	uint32_t egress_id = egress_pinned_id(), id = 0;
	struct vxdp_port entry;
	unsigned int i;

	while (maps_port_next(m, &id, &entry)) {
		if (!entry_is_stale(list, id, &entry) || skip--)
			continue;
		snprintf(name, size, "%s", entry_name(&entry));
		return id;
	}
	for (i = 0; i < list->n; i++) {
		if (!port_is_stale(m, &list->port[i], egress_id) || skip--)
			continue;
		snprintf(name, size, "%s", list->port[i].name);
		return list->port[i].id;
	}
	return 0;
}

int state_clean(struct control *ctl)
{
	char name[VHOST_XDP_NAME_MAX + 1];
	struct port_list list;
	unsigned int failed = 0;
	struct maps maps;
	uint32_t id;
	int ret;

	pins_forget_namespaces();
	if (maps_open(&maps)) {
		maps_close(&maps);
		return EXIT_OK;
	}
	while (!(ret = port_list_get(ctl, &list))) {
		id = next_stale(&maps, &list, name, sizeof(name), failed);
		port_list_free(&list);
		if (!id)
			break;
		warn("removing what an interrupted run left of port %s", name);
		if (state_teardown(ctl, &maps, id, name))
			failed++;
	}
	maps_close(&maps);
	return ret;
}

unsigned int state_stale(struct control *ctl, char *name, size_t size)
{
	struct port_list list;
	unsigned int n = 0;
	struct maps maps;

	if (!maps_open(&maps) && !port_list_get(ctl, &list)) {
		while (next_stale(&maps, &list, name, size, n))
			n++;
		port_list_free(&list);
	}
	maps_close(&maps);
	return n;
}

void state_unpin_if_unused(struct control *ctl)
{
	uint32_t egress_id = egress_pinned_id(), id = 0;
	struct port_list list;
	struct vxdp_port entry;
	struct maps maps;
	bool used = false;
	unsigned int i;

	if (port_list_get(ctl, &list))
		return;
	for (i = 0; i < list.n; i++)
		used |= egress_id && list.port[i].egress_id == egress_id;
	port_list_free(&list);
	maps_open(&maps);
	if (maps.ports >= 0)
		used |= maps_port_next(&maps, &id, &entry);
	maps_close(&maps);
	if (used)
		return;
	egress_unpin();
	maps_unpin();
}
