/* SPDX-License-Identifier: GPL-2.0 */
/*
 * xsk_map.h - memory and rings of an AF_XDP socket, where the kernel reaches them.
 */
#ifndef VXDP_XSK_MAP_H
#define VXDP_XSK_MAP_H

#include <linux/types.h>

struct socket;
struct file;
struct page;
struct vxdp_xsk;

enum vxdp_xsk_map_index {
	VXDP_XSK_UMEM,
	VXDP_XSK_FILL,
	VXDP_XSK_COMP,
	VXDP_XSK_RX,
	VXDP_XSK_TX,
	VXDP_XSK_MAPS,
};

/**
 * struct vxdp_xsk_map - pages, in one piece for the kernel
 * @at: where
 * @page: the pages, each of them pinned
 * @nr: how many
 */
struct vxdp_xsk_map {
	void *at;
	struct page **page;
	unsigned long nr;
};

int vxdp_xsk_map(struct vxdp_xsk *x, struct socket *sock, struct file *file);
void vxdp_xsk_unmap(struct vxdp_xsk *x);

#endif /* VXDP_XSK_MAP_H */
