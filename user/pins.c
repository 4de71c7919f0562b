// SPDX-License-Identifier: GPL-2.0
/*
 * pins.c - see pins.h.
 *
 * Interface numbers mean nothing in another namespace, but all share the one
 * directory of libxdp. So a dispatcher is known to be ours by what it runs: a
 * program on the maps that are pinned for our namespace. libxdp's own cleaning,
 * which goes by the interface's number, would take others' away.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "cli.h"
#include "maps.h"
#include "pins.h"
#include "port.h"

#define XDP_DIR		"/sys/fs/bpf/xdp"

static bool has_map(int prog_fd, __u32 map_id)
{
	__u32 ids[16], i;
	struct bpf_prog_info info = {
		.nr_map_ids = ARRAY_SIZE(ids),
		.map_ids = (__u64)(unsigned long)ids,
	};
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(prog_fd, &info, &len))
		return false;
	for (i = 0; i < info.nr_map_ids && i < ARRAY_SIZE(ids); i++)
		if (ids[i] == map_id)
			return true;
	return false;
}

bool uses_our_maps(int prog_fd, const char *dir)
{
	struct bpf_map_info map = {};
	__u32 len = sizeof(map);
	char path[PATH_MAX];
	int fd, err;

	snprintf(path, sizeof(path), "%s/vxdp_fdb", dir);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return false;
	err = bpf_obj_get_info_by_fd(fd, &map, &len);
	close(fd);
	return !err && has_map(prog_fd, map.id);
}

/* Runs @each on "<dir>/<name>" for every name but "." and "..". */
static void for_each_in(const char *dir, void (*each)(const char *path,
						      void *arg), void *arg)
{
	char path[PATH_MAX];
	struct dirent *e;
	DIR *d = opendir(dir);

	if (!d)
		return;
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		each(path, arg);
	}
	closedir(d);
}

static void unlink_each(const char *path, void *arg)
{
	(void)arg;
	unlink(path);
}

struct search {
	const char *maps_dir;
	uint32_t ifindex;
	uint32_t but;
	bool found;
};

static void look_at_pin(const char *path, void *arg)
{
	struct search *s = arg;
	int fd;

	if (s->found || strcmp(path + strlen(path) - strlen("-prog"), "-prog"))
		return;
	fd = bpf_obj_get(path);
	if (fd < 0)
		return;
	s->found = uses_our_maps(fd, s->maps_dir);
	close(fd);
}

static void look_at_dispatcher(const char *path, void *arg)
{
	struct search *s = arg;
	uint32_t ifindex, id;

	if (sscanf(path, XDP_DIR "/dispatch-%u-%u", &ifindex, &id) != 2 ||
	    (s->ifindex && ifindex != s->ifindex) || id == s->but)
		return;
	s->found = false;
	for_each_in(path, look_at_pin, s);
	if (!s->found)
		return;
	for_each_in(path, unlink_each, NULL);
	rmdir(path);
}

void pins_forget_dispatchers(uint32_t ifindex, const char *dir, uint32_t but)
{
	struct search s = { .maps_dir = dir, .ifindex = ifindex, .but = but };

	for_each_in(XDP_DIR, look_at_dispatcher, &s);
}

/* Port names are unique over all namespaces, and so are their nodes. */
static bool any_port_alive(const char *dir)
{
	struct maps m = MAPS_NONE;
	char path[PATH_MAX], name[VHOST_XDP_NAME_MAX + 1];
	struct vxdp_port port;
	bool alive = false;
	uint32_t id = 0;

	snprintf(path, sizeof(path), "%s/vxdp_ports", dir);
	m.ports = bpf_obj_get(path);
	if (m.ports < 0)
		return errno != ENOENT;
	while (!alive && maps_port_next(&m, &id, &port)) {
		snprintf(name, sizeof(name), "%.*s", (int)sizeof(port.name),
			 port.name);
		alive = !access(port_node(name), F_OK);
	}
	maps_close(&m);
	return alive;
}

static void look_at_namespace(const char *path, void *arg)
{
	(void)arg;
	if (strncmp(path, VXDP_PIN_DIR "/netns-", strlen(VXDP_PIN_DIR "/netns-")) ||
	    !strcmp(path, pin_dir()) || any_port_alive(path))
		return;
	pins_forget_dispatchers(0, path, 0);
	for_each_in(path, unlink_each, NULL);
	rmdir(path);
}

void pins_forget_namespaces(void)
{
	for_each_in(VXDP_PIN_DIR, look_at_namespace, NULL);
}
