// SPDX-License-Identifier: GPL-2.0
/*
 * vhost_user.c - the VMM's side of the vhost-user protocol, as much of it as starts
 * two rings: no protocol features, so rings are enabled as soon as they are kicked.
 *
 * The numbers are QEMU's docs/interop/vhost-user.rst.
 */
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

enum {
	VU_GET_FEATURES = 1,
	VU_SET_FEATURES = 2,
	VU_SET_OWNER = 3,
	VU_SET_MEM_TABLE = 5,
	VU_SET_VRING_NUM = 8,
	VU_SET_VRING_ADDR = 9,
	VU_SET_VRING_BASE = 10,
	VU_GET_VRING_BASE = 11,
	VU_SET_VRING_KICK = 12,
	VU_SET_VRING_CALL = 13,
};

#define VU_VERSION 1

struct vu_msg {
	uint32_t request, flags, size;
	union {
		uint64_t u64;
		struct vhost_vring_state state;
		struct vhost_vring_addr addr;
		struct {
			uint32_t count, padding;
			struct {
				uint64_t gpa, size, hva, offset;
			} region[8];
		} mem;
	};
} __attribute__((packed));

#define VU_HEADER (3 * sizeof(uint32_t))

static void send_msg(int sock, struct vu_msg *m, uint32_t size, const int *fd,
		     unsigned int nfd)
{
	struct iovec iov = { .iov_base = m, .iov_len = VU_HEADER + size };
	char control[CMSG_SPACE(8 * sizeof(int))] = { 0 };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	m->flags = VU_VERSION;
	m->size = size;
	if (nfd) {
		h.msg_control = control;
		h.msg_controllen = CMSG_SPACE(nfd * sizeof(int));
		c = CMSG_FIRSTHDR(&h);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(nfd * sizeof(int));
		memcpy(CMSG_DATA(c), fd, nfd * sizeof(int));
	}
	NEED(sendmsg(sock, &h, 0) == (ssize_t)iov.iov_len);
}

static void read_reply(int sock, struct vu_msg *m, uint32_t request)
{
	NEED(recv(sock, m, VU_HEADER, MSG_WAITALL) == VU_HEADER);
	NEED(m->request == request && m->size <= sizeof(*m) - VU_HEADER);
	NEED(recv(sock, &m->u64, m->size, MSG_WAITALL) == (ssize_t)m->size);
}

static void send_u64(int sock, uint32_t request, uint64_t v)
{
	struct vu_msg m = { .request = request };

	m.u64 = v;
	send_msg(sock, &m, sizeof(m.u64), NULL, 0);
}

static void send_state(int sock, uint32_t request, unsigned int index,
		       unsigned int num)
{
	struct vu_msg m = { .request = request };

	m.state.index = index;
	m.state.num = num;
	send_msg(sock, &m, sizeof(m.state), NULL, 0);
}

static void send_file(int sock, uint32_t request, unsigned int index, int fd)
{
	struct vu_msg m = { .request = request };

	m.u64 = index;
	send_msg(sock, &m, sizeof(m.u64), &fd, 1);
}

static void send_mem(int sock, const struct mem *mem)
{
	struct vu_msg m = { .request = VU_SET_MEM_TABLE };
	unsigned int i;
	int fd[8];

	NEED(mem->count <= 8);
	m.mem.count = mem->count;
	for (i = 0; i < mem->count; i++) {
		m.mem.region[i].gpa = mem->region[i].gpa;
		m.mem.region[i].size = mem->region[i].size;
		m.mem.region[i].hva = (uintptr_t)mem->region[i].hva;
		fd[i] = mem->region[i].fd;
	}
	send_msg(sock, &m, 8 + mem->count * sizeof(m.mem.region[0]), fd,
		 mem->count);
}

static void send_addr(int sock, unsigned int index, const struct ring *r)
{
	struct vu_msg m = { .request = VU_SET_VRING_ADDR };

	m.addr.index = index;
	m.addr.desc_user_addr = (uintptr_t)r->desc;
	m.addr.avail_user_addr = (uintptr_t)r->avail;
	m.addr.used_user_addr = (uintptr_t)r->used;
	send_msg(sock, &m, sizeof(m.addr), NULL, 0);
}

void vhost_user_start(int sock, struct nic *n)
{
	struct vu_msg m = { .request = VU_GET_FEATURES };
	unsigned int i;

	send_u64(sock, VU_SET_OWNER, 0);
	m.size = 0;
	send_msg(sock, &m, 0, NULL, 0);
	read_reply(sock, &m, VU_GET_FEATURES);
	if (n->cfg.features & ~m.u64)
		ktap_bail("the device offers %#llx only",
			  (unsigned long long)m.u64);
	send_u64(sock, VU_SET_FEATURES, n->cfg.features);
	send_mem(sock, &n->mem);
	for (i = 0; i < 2; i++) {
		send_state(sock, VU_SET_VRING_NUM, i, n->ring[i].num);
		send_state(sock, VU_SET_VRING_BASE, i,
			   n->cfg.features & BIT64(VIRTIO_F_RING_PACKED) ?
			   ring_base(&n->ring[i]) : n->cfg.base);
		send_addr(sock, i, &n->ring[i]);
		send_file(sock, VU_SET_VRING_CALL, i, n->ring[i].call);
		send_file(sock, VU_SET_VRING_KICK, i, n->ring[i].kick);
	}
}

void vhost_user_stop(int sock, struct nic *n)
{
	struct vu_msg m = { 0 };
	unsigned int i;

	for (i = 0; i < 2; i++) {
		send_state(sock, VU_GET_VRING_BASE, i, 0);
		read_reply(sock, &m, VU_GET_VRING_BASE);
		/* Of a packed ring the driver cannot tell. */
		NEED(n->ring[i].is_packed || (uint16_t)m.state.num == n->ring[i].used->idx);
	}
}
