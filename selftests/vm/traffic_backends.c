// SPDX-License-Identifier: GPL-2.0
/*
 * traffic_backends.c - a port without an uplink over each kind of socket that
 * vhost-net takes: tap (everything else here), macvtap, AF_PACKET.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "traffic.h"

static int packet_backend(const char *ifname)
{
	struct sockaddr_ll a = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = net_ifindex(ifname),
	};
	int one = 1, big = 16 << 20;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	NEED(fd >= 0 && !bind(fd, (struct sockaddr *)&a, sizeof(a)));
	NEED(!setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one,
			 sizeof(one)));
	NEED(!setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof(big)));
	return fd;
}

static void with_backend(enum lane lane, const char *name, int backend,
			 bool vnet)
{
	struct nic_cfg cfg = {
		.features = BIT64(VIRTIO_F_VERSION_1) |
			    BIT64(VIRTIO_RING_F_EVENT_IDX) |
			    (vnet ? 0 : BIT64(VHOST_NET_F_VIRTIO_NET_HDR)),
		.rx_num = 256, .tx_num = 256, .rx_len = 9216, .tx_len = 9018,
	};
	struct bench b;
	bool ok;

	ktap_case(60, "%s as backend", name);
	bench_open(&b, lane, cfg);
	pkt_close(&b.wire);
	net_enter_wire();
	pkt_open(&b.wire, "bwire", 9100, false);
	net_enter_host();
	NEED(!dev_backend(b.nic.dev, NIC_RX, backend));
	NEED(!dev_backend(b.nic.dev, NIC_TX, backend));
	bench_len(&b, 60);
	ok = flow_run(&b, 2000, 2000);
	bench_len(&b, 1514);
	ok = ok && flow_run(&b, 2000, 2000);
	bench_close(&b);
	close(backend);
	ktap_ok(ok);
}

void traffic_backends(enum lane lane)
{
	int fd;

	net_uplink("bup", "bwire", 9000);
	with_backend(lane, "AF_PACKET socket", packet_backend("bup"), false);
	NEED(!net_run("ip link add link bup name mvt0 address %02x:%02x:%02x:%02x:%02x:%02x mtu 9000 type macvtap mode bridge",
		      mac_guest[0], mac_guest[1], mac_guest[2], mac_guest[3],
		      mac_guest[4], mac_guest[5]));
	net_link("mvt0", true);
	fd = macvtap_open("mvt0", 12);
	if (fd < 0)
		ktap_skip("macvtap as backend", strerror(-fd));
	else
		with_backend(lane, "macvtap", fd, true);
	NEED(!net_run("ip link del bup"));
}
