/* SPDX-License-Identifier: GPL-2.0 */
/*
 * node.h - the character device of a port.
 */
#ifndef VXDP_NODE_H
#define VXDP_NODE_H

#include <linux/fs.h>

extern const struct file_operations vxdp_node_fops;

#endif /* VXDP_NODE_H */
