// SPDX-License-Identifier: GPL-2.0
/*
 * sock.c - the socket behind the fd that VHOST_NET_SET_BACKEND was given: the
 * backend of a port without an uplink, and the exception path of one with.
 */
#include <linux/file.h>
#include <linux/if_tap.h>
#include <linux/if_tun.h>
#include <linux/if_vlan.h>
#include <linux/poll.h>
#include <net/sock.h>
#include "sock.h"

static bool is_packet(const struct socket *sock)
{
	return sock->sk->sk_type == SOCK_RAW && sock->sk->sk_family == AF_PACKET;
}

/**
 * vxdp_sock_get() - the socket of a VMM's fd
 * @fd: of a tap, a macvtap or a raw AF_PACKET socket
 *
 * The fd is looked up once: it may be another file a moment later.
 *
 * Context: process; the fd is the caller's.
 * Return: the socket, with a reference to its file that sockfd_put() drops, or
 * -ENOTSOCK, whatever is wrong with it, as in-tree vhost-net answers.
 */
struct socket *vxdp_sock_get(int fd)
{
	struct file *file = fget(fd);
	struct socket *sock;

	if (!file)
		return ERR_PTR(-ENOTSOCK);
	sock = sock_from_file(file);
	if (sock && is_packet(sock))
		return sock;
	sock = tun_get_socket(file);
	if (!IS_ERR(sock))
		return sock;
	sock = tap_get_socket(file);
	if (!IS_ERR(sock))
		return sock;
	fput(file);
	return ERR_PTR(-ENOTSOCK);
}

/**
 * vxdp_sock_peek() - the length of the frame that waits in a socket
 * @sock: the socket
 *
 * Return: bytes, without a virtio-net header; 0 where none waits.
 */
int vxdp_sock_peek(struct socket *sock)
{
	struct sk_buff_head *queue = &sock->sk->sk_receive_queue;
	struct sk_buff *skb;
	unsigned long flags;
	int len = 0;

	if (sock->ops->peek_len)
		return sock->ops->peek_len(sock);

	spin_lock_irqsave(&queue->lock, flags);
	skb = skb_peek(queue);
	if (skb)
		len = skb->len + (skb_vlan_tag_present(skb) ? VLAN_HLEN : 0);
	spin_unlock_irqrestore(&queue->lock, flags);
	return len;
}

/**
 * vxdp_sock_send() - give a frame to the socket
 * @sock: the socket
 * @it: the frame, behind its virtio-net header where the socket has one
 *
 * Context: process, may sleep for memory but not for room.
 * Return: 0; -EAGAIN where there is no room now; another error where the frame is
 * not wanted.
 */
int vxdp_sock_send(struct socket *sock, struct iov_iter *it)
{
	struct msghdr msg = {
		.msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL,
		.msg_iter = *it,
	};
	size_t len = iov_iter_count(it);
	int ret;

	ret = sock->ops->sendmsg(sock, &msg, len);
	if (ret < 0)
		return ret;
	return ret == len ? 0 : -EMSGSIZE;
}

/**
 * vxdp_sock_recv() - take a frame from the socket
 * @sock: the socket
 * @it: where to, at least @len bytes
 * @len: what vxdp_sock_peek() said, and the header's length where the socket has
 *	one; 0 takes the frame and throws it away
 *
 * Return: 0; -EAGAIN where there is none; -EMSGSIZE where it was another frame
 * than the one peeked at, which is gone; another error.
 */
int vxdp_sock_recv(struct socket *sock, struct iov_iter *it, size_t len)
{
	struct msghdr msg = { .msg_iter = *it };
	int ret;

	ret = sock->ops->recvmsg(sock, &msg, len, MSG_DONTWAIT | MSG_TRUNC);
	if (ret < 0)
		return ret;
	return ret == len ? 0 : -EMSGSIZE;
}

/**
 * vxdp_sock_writable() - is there room, after vxdp_sock_send() said there is none?
 * @sock: the socket
 *
 * Return: true, or false with a wakeup to come.
 */
bool vxdp_sock_writable(struct socket *sock)
{
	return vfs_poll(sock->file, NULL) & EPOLLOUT;
}
