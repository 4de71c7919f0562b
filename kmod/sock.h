/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sock.h - the VMM's socket: tap, macvtap or AF_PACKET.
 */
#ifndef VXDP_SOCK_H
#define VXDP_SOCK_H

#include <linux/net.h>
#include <linux/uio.h>

struct socket *vxdp_sock_get(int fd);
int vxdp_sock_peek(struct socket *sock);
int vxdp_sock_send(struct socket *sock, struct iov_iter *it);
int vxdp_sock_recv(struct socket *sock, struct iov_iter *it, size_t len);
bool vxdp_sock_writable(struct socket *sock);

#endif /* VXDP_SOCK_H */
