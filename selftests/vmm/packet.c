// SPDX-License-Identifier: GPL-2.0
/*
 * packet.c - raw frames in and out of a device, a batch a system call.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ktap.h"
#include "wire.h"

#define CTL_LEN 64
#define TAG_ROOM 16		/* in front of the frame, for the VLAN tag */
#define VNET_LEN sizeof(struct virtio_net_hdr)

static void set_options(struct pkt *p)
{
	int one = 1, big = 64 << 20;

	NEED(!setsockopt(p->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one,
			 sizeof(one)));
	NEED(!setsockopt(p->fd, SOL_PACKET, PACKET_AUXDATA, &one,
			 sizeof(one)));
	if (p->vnet)
		NEED(!setsockopt(p->fd, SOL_PACKET, PACKET_VNET_HDR, &one,
				 sizeof(one)));
	else
		NEED(!setsockopt(p->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one,
				 sizeof(one)));
	NEED(!setsockopt(p->fd, SOL_SOCKET, SO_RCVBUFFORCE, &big,
			 sizeof(big)));
	NEED(!setsockopt(p->fd, SOL_SOCKET, SO_SNDBUFFORCE, &big,
			 sizeof(big)));
}

void pkt_open(struct pkt *p, const char *ifname, unsigned int size, bool vnet)
{
	struct sockaddr_ll a = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = net_ifindex(ifname),
	};
	struct packet_mreq promisc = {
		.mr_ifindex = a.sll_ifindex,
		.mr_type = PACKET_MR_PROMISC,
	};

	memset(p, 0, sizeof(*p));
	p->vnet = vnet;
	p->size = (size + TAG_ROOM + VNET_LEN + 63) & ~63U;
	p->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	NEED(p->fd >= 0);
	set_options(p);
	NEED(!setsockopt(p->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promisc,
			 sizeof(promisc)));
	NEED(!bind(p->fd, (struct sockaddr *)&a, sizeof(a)));
	/* The first half receives, the second sends. */
	p->buf = malloc((size_t)p->size * PKT_BATCH * 2);
	p->msg = calloc(PKT_BATCH * 2, sizeof(*p->msg));
	p->iov = calloc(PKT_BATCH * 2, sizeof(*p->iov));
	p->ctl = calloc(PKT_BATCH, CTL_LEN);
	NEED(p->buf && p->msg && p->iov && p->ctl);
}

void pkt_close(struct pkt *p)
{
	close(p->fd);
	free(p->buf);
	free(p->msg);
	free(p->iov);
	free(p->ctl);
}

uint8_t *pkt_room(struct pkt *p)
{
	if (p->queued == PKT_BATCH)
		pkt_flush(p);
	return p->buf + (size_t)(PKT_BATCH + p->queued) * p->size;
}

void pkt_queue(struct pkt *p, unsigned int len)
{
	struct mmsghdr *m = &p->msg[PKT_BATCH + p->queued];
	struct iovec *v = &p->iov[PKT_BATCH + p->queued];

	*v = (struct iovec){ pkt_room(p), len };
	memset(m, 0, sizeof(*m));
	m->msg_hdr.msg_iov = v;
	m->msg_hdr.msg_iovlen = 1;
	p->queued++;
}

void pkt_flush(struct pkt *p)
{
	unsigned int done = 0;
	int n;

	while (done < p->queued) {
		n = sendmmsg(p->fd, p->msg + PKT_BATCH + done,
			     p->queued - done, 0);
		if (n <= 0 && p->lossy)
			break;
		NEED(n > 0);
		done += n;
	}
	p->queued = 0;
}

static bool refill(struct pkt *p)
{
	unsigned int i;
	int n;

	for (i = 0; i < PKT_BATCH; i++) {
		p->iov[i] = (struct iovec){
			p->buf + (size_t)i * p->size + TAG_ROOM,
			p->size - TAG_ROOM,
		};
		memset(&p->msg[i], 0, sizeof(p->msg[i]));
		p->msg[i].msg_hdr.msg_iov = &p->iov[i];
		p->msg[i].msg_hdr.msg_iovlen = 1;
		p->msg[i].msg_hdr.msg_control = p->ctl + i * CTL_LEN;
		p->msg[i].msg_hdr.msg_controllen = CTL_LEN;
	}
	p->at = p->have = 0;
	n = recvmmsg(p->fd, p->msg, PKT_BATCH, MSG_DONTWAIT, NULL);
	if (n < 0) {
		/* A device that goes down or away says so once here. */
		NEED(errno == EAGAIN || errno == ENETDOWN || errno == ENXIO ||
		     errno == ENODEV);
		return false;
	}
	p->have = n;
	return n > 0;
}

/* The kernel took the tag out of the frame; put it back where it was. */
static uint8_t *retag(struct msghdr *h, uint8_t *frame, unsigned int *len)
{
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		struct tpacket_auxdata *a = (void *)CMSG_DATA(c);

		if (c->cmsg_level != SOL_PACKET ||
		    c->cmsg_type != PACKET_AUXDATA ||
		    !(a->tp_status & TP_STATUS_VLAN_VALID))
			continue;
		memmove(frame - 4, frame, 12);
		frame -= 4;
		frame[12] = a->tp_vlan_tpid >> 8;
		frame[13] = a->tp_vlan_tpid;
		frame[14] = a->tp_vlan_tci >> 8;
		frame[15] = a->tp_vlan_tci;
		*len += 4;
	}
	return frame;
}

uint8_t *pkt_recv(struct pkt *p, unsigned int *len,
		  struct virtio_net_hdr *hdr)
{
	struct mmsghdr *m;
	uint8_t *f;

	if (p->at == p->have && !refill(p))
		return NULL;
	m = &p->msg[p->at];
	f = p->iov[p->at++].iov_base;
	*len = m->msg_len;
	if (m->msg_hdr.msg_flags & MSG_TRUNC)
		ktap_bail("frame above %u bytes on the wire", p->size);
	if (p->vnet) {
		if (hdr)
			memcpy(hdr, f, VNET_LEN);
		f += VNET_LEN;
		*len -= VNET_LEN;
	}
	return retag(&m->msg_hdr, f, len);
}

unsigned int pkt_dropped(struct pkt *p)
{
	struct tpacket_stats st;
	socklen_t l = sizeof(st);

	NEED(!getsockopt(p->fd, SOL_PACKET, PACKET_STATISTICS, &st, &l));
	return st.tp_drops;
}
