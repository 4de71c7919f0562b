// SPDX-License-Identifier: GPL-2.0
/*
 * maps.c - see maps.h.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "maps.h"

const char *pin_dir(void)
{
	static char dir[sizeof(VXDP_PIN_DIR) + 32];
	struct stat ours, init;

	if (dir[0])
		return dir;
	if (!stat("/proc/self/ns/net", &ours) &&
	    !stat("/proc/1/ns/net", &init) && ours.st_ino != init.st_ino)
		snprintf(dir, sizeof(dir), VXDP_PIN_DIR "/netns-%lu",
			 (unsigned long)ours.st_ino);
	else
		snprintf(dir, sizeof(dir), "%s", VXDP_PIN_DIR);
	return dir;
}

const char *pin_path(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", pin_dir(), name);
	return path;
}

static int open_one(const char *name, int *err)
{
	int fd = bpf_obj_get(pin_path(name));

	if (fd < 0 && !*err)
		*err = -errno;
	return fd;
}

int maps_open(struct maps *m)
{
	int err = 0;

	m->fdb = open_one("vxdp_fdb", &err);
	m->flood = open_one("vxdp_flood", &err);
	m->ports = open_one("vxdp_ports", &err);
	m->counters = open_one("vxdp_counters", &err);
	m->epoch = open_one("vxdp_epoch", &err);
	m->hidden = err == -EPERM || err == -EACCES;
	return err;
}

void maps_close(struct maps *m)
{
	int *fds[] = { &m->fdb, &m->flood, &m->ports, &m->counters, &m->epoch };
	size_t i;

	for (i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}

void maps_unpin(void)
{
	unlink(pin_path("vxdp_fdb"));
	unlink(pin_path("vxdp_flood"));
	unlink(pin_path("vxdp_counters"));
	unlink(pin_path("vxdp_epoch"));
	unlink(pin_path("vxdp_ports"));
	rmdir(pin_dir());
	rmdir(VXDP_PIN_DIR);
}

/*
 * The programs are to look again. By an atomic add, for another run of the tool may
 * be at it too. Where that is not possible they look again a little later.
 */
static void next_epoch(const struct maps *m)
{
	long page = sysconf(_SC_PAGESIZE);
	uint64_t *epoch = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED,
			       m->epoch, 0);

	if (epoch == MAP_FAILED)
		return;
	__atomic_fetch_add(epoch, 1, __ATOMIC_SEQ_CST);
	munmap(epoch, page);
}

int maps_port_get(const struct maps *m, uint32_t id, struct vxdp_port *port)
{
	return bpf_map_lookup_elem(m->ports, &id, port) ? -errno : 0;
}

int maps_port_put(const struct maps *m, uint32_t id,
		  const struct vxdp_port *port)
{
	int err = bpf_map_update_elem(m->ports, &id, port, BPF_ANY) ? -errno : 0;

	next_epoch(m);
	return err;
}

bool maps_port_next(const struct maps *m, uint32_t *id, struct vxdp_port *port)
{
	uint32_t prev = *id;

	while (!bpf_map_get_next_key(m->ports, prev ? &prev : NULL, id)) {
		if (!maps_port_get(m, *id, port))
			return true;
		prev = *id;
	}
	return false;
}

int maps_port_by_name(const struct maps *m, const char *name, uint32_t *id,
		      struct vxdp_port *port)
{
	*id = 0;
	while (maps_port_next(m, id, port))
		if (!strncmp(port->name, name, sizeof(port->name)))
			return 0;
	return -ENOENT;
}

bool maps_uplink_shared(const struct maps *m, uint32_t ifindex, uint32_t but,
			uint32_t *other)
{
	struct vxdp_port port;
	uint32_t id = 0;

	while (maps_port_next(m, &id, &port)) {
		if (id == but || port.ifindex != ifindex)
			continue;
		if (other)
			*other = id;
		return true;
	}
	return false;
}

void maps_port_forget(const struct maps *m, uint32_t id)
{
	bpf_map_delete_elem(m->counters, &id);
	bpf_map_delete_elem(m->ports, &id);
	next_epoch(m);
}

int maps_fdb_add(const struct maps *m, const struct vxdp_fdb_key *key,
		 uint32_t port)
{
	struct vxdp_fdb_entry entry = { .port = port };
	int err = bpf_map_update_elem(m->fdb, key, &entry, BPF_NOEXIST) ?
		  -errno : 0;

	next_epoch(m);
	return err;
}

void maps_fdb_del(const struct maps *m, const struct vxdp_fdb_key *key)
{
	bpf_map_delete_elem(m->fdb, key);
	next_epoch(m);
}

uint32_t maps_fdb_owner(const struct maps *m, const struct vxdp_fdb_key *key)
{
	struct vxdp_fdb_entry entry;

	return bpf_map_lookup_elem(m->fdb, key, &entry) ? 0 : entry.port;
}

bool maps_fdb_next(const struct maps *m, uint32_t port,
		   struct vxdp_fdb_key *key)
{
	const struct vxdp_fdb_key none = {};
	struct vxdp_fdb_key prev = *key;
	bool first = !memcmp(key, &none, sizeof(none));

	while (!bpf_map_get_next_key(m->fdb, first ? NULL : &prev, key)) {
		if (maps_fdb_owner(m, key) == port)
			return true;
		prev = *key;
		first = false;
	}
	return false;
}

bool maps_mac_shared(const struct maps *m, const struct vxdp_fdb_key *mine)
{
	struct vxdp_fdb_key key, prev;
	void *from = NULL;

	while (!bpf_map_get_next_key(m->fdb, from, &key)) {
		if (key.ifindex == mine->ifindex && key.vlan != mine->vlan &&
		    !memcmp(key.mac, mine->mac, sizeof(key.mac)))
			return true;
		prev = key;
		from = &prev;
	}
	return false;
}

int maps_flood_join(const struct maps *m, uint32_t ifindex, uint16_t vlan,
		    uint32_t port)
{
	struct vxdp_flood_key key = { .ifindex = ifindex, .vlan = vlan };
	struct vxdp_flood_entry list = {};

	if (bpf_map_lookup_elem(m->flood, &key, &list) && errno != ENOENT)
		return -errno;
	if (list.count >= VXDP_FLOOD_MAX)
		return -ENOSPC;
	list.port[list.count++] = port;
	return bpf_map_update_elem(m->flood, &key, &list, BPF_ANY) ? -errno : 0;
}

static bool flood_remove(struct vxdp_flood_entry *list, uint32_t port)
{
	uint32_t i, kept = 0, was = list->count;

	for (i = 0; i < was && i < VXDP_FLOOD_MAX; i++)
		if (list->port[i] != port)
			list->port[kept++] = list->port[i];
	for (i = kept; i < was && i < VXDP_FLOOD_MAX; i++)
		list->port[i] = 0;
	list->count = kept;
	return kept != was;
}

/*
 * Looks at every list, since the entry that names the VLAN may be lost. The walk
 * begins anew after each change, for a deleted key leads nowhere.
 */
void maps_flood_leave(const struct maps *m, uint32_t port)
{
	struct vxdp_flood_entry list;
	struct vxdp_flood_key key, prev;
	void *from = NULL;

	while (!bpf_map_get_next_key(m->flood, from, &key)) {
		prev = key;
		from = &prev;
		if (bpf_map_lookup_elem(m->flood, &key, &list) ||
		    !flood_remove(&list, port))
			continue;
		if (list.count) {
			bpf_map_update_elem(m->flood, &key, &list, BPF_EXIST);
			continue;
		}
		bpf_map_delete_elem(m->flood, &key);
		from = NULL;
	}
}

/* Per-CPU values come as an array over all possible CPUs. */
static struct vxdp_counters *percpu_values(int *cpus)
{
	*cpus = libbpf_num_possible_cpus();
	if (*cpus <= 0)
		return NULL;
	return calloc(*cpus, sizeof(struct vxdp_counters));
}

int maps_counters_new(const struct maps *m, uint32_t port)
{
	struct vxdp_counters *zero;
	int cpus, err;

	zero = percpu_values(&cpus);
	if (!zero)
		return -ENOMEM;
	err = bpf_map_update_elem(m->counters, &port, zero, BPF_ANY) ?
	      -errno : 0;
	free(zero);
	return err;
}

bool maps_counters_get(const struct maps *m, uint32_t port,
		       struct vxdp_counters *sum)
{
	const size_t fields = sizeof(*sum) / sizeof(__u64);
	struct vxdp_counters *values;
	bool found = false;
	size_t f;
	int cpus, cpu;

	memset(sum, 0, sizeof(*sum));
	values = percpu_values(&cpus);
	if (!values)
		return false;
	if (m->counters >= 0 &&
	    !bpf_map_lookup_elem(m->counters, &port, values)) {
		found = true;
		for (cpu = 0; cpu < cpus; cpu++)
			for (f = 0; f < fields; f++)
				((__u64 *)sum)[f] += ((__u64 *)&values[cpu])[f];
	}
	free(values);
	return found;
}
