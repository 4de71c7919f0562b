// SPDX-License-Identifier: GPL-2.0
/*
 * redirect.c - an egress program that says XDP_REDIRECT: frames leave by another device
 * than the uplink, short ones padded, GSO frames not; none goes to an AF_XDP socket.
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_ether.h>
#include <linux/if_xdp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../vmm/flow.h"
#include "redirect.skel.h"

#define BATCH 64	/* frames that one kick brings and one batch takes */
#define DEVICE "red0"
#define BEHIND "redw0"

static const struct nic_cfg guest = {
	.features = F_MODERN | F_MRG, .rx_num = 256, .tx_num = 256,
	.rx_len = 1536, .tx_len = 9018,
};

static struct bench bench;
static struct redirect_bpf *bpf;
static struct pkt behind;

static void setup(void)
{
	uint32_t key = 0, device;

	net_ready(LANE_XDP);
	net_uplink(DEVICE, BEHIND, 1500);
	device = net_ifindex(DEVICE);
	net_enter_wire();
	pkt_open(&behind, BEHIND, 9100, false);
	net_enter_host();
	port_attach(LANE_XDP, PORT, mac_guest, 0, "");
	bench_open(&bench, LANE_XDP, guest);
	bpf = redirect_bpf__open_and_load();
	NEED(bpf);
	NEED(!bpf_map__update_elem(bpf->maps.devices, &key, sizeof(key), &device, sizeof(device), 0));
	NEED(!ctl_egress(PORT, bpf_program__fd(bpf->progs.redirect)));
}

static void teardown(void)
{
	bench_close(&bench);
	redirect_bpf__destroy(bpf);
	port_detach(LANE_XDP, PORT);
	pkt_close(&behind);
	NEED(!net_run("ip link del " DEVICE));
}

/* Then all of them are dealt with. */
static bool kick(void)
{
	ring_publish(&bench.nic.ring[NIC_TX]);
	return flow_all_sent(&bench.nic);
}

static void add(const void *frame, unsigned int len, const struct virtio_net_hdr_v1 *h)
{
	static const struct virtio_net_hdr_v1 plain = { 0 };
	uint8_t *p = nic_tx_slot(&bench.nic);

	NEED(p);
	memcpy(p, frame, len);
	NEED(nic_tx(&bench.nic, h ?: &plain, len, NIC_ONE, false));
}

static void add_many(struct frame_stream *s)
{
	static uint8_t frame[2048];
	unsigned int i;

	for (i = 0; i < BATCH; i++) {
		frame_fill(s, frame);
		add(frame, frame_len(s), NULL);
	}
}

static struct frame_stream stream(unsigned int id, unsigned int len)
{
	struct frame_stream s = { .id = id, .len = len };

	memcpy(s.dst, mac_wire, 6);
	memcpy(s.src, mac_guest, 6);
	return s;
}

static bool to_device(unsigned int id, unsigned int len)
{
	uint64_t before = ctl_stat(PORT, VHOST_XDP_STAT_TX_REDIRECT_PACKETS);
	struct frame_stream s = stream(id, len), got = s;

	add_many(&s);
	return kick() && flow_expect_wire(&behind, &got, BATCH) &&
	       CHECK(ctl_stat(PORT, VHOST_XDP_STAT_TX_REDIRECT_PACKETS) == before + BATCH);
}

/*
 * The device may be a NIC that does not pad by itself. @move bytes lie in front of what
 * the program makes of it, as where it takes a tunnel's headers off.
 */
static bool padded(struct pkt *at, unsigned int len, unsigned int move)
{
	uint8_t sent[512];

	memset(sent, 0xee, move);
	flow_short_fill(sent + move, len);
	add(sent, move + len, NULL);
	if (kick() && flow_short_expect(at, len))
		return true;
	ktap_diag("behind %u bytes", move);
	return false;
}

static bool all_padded_at(struct pkt *at)
{
	static const uint32_t move[] = { 0, 4, 50, 62, 70, 100, 200 };
	unsigned int len, i;

	for (i = 0; i < sizeof(move) / sizeof(move[0]); i++) {
		bpf->bss->move = move[i];
		for (len = ETH_HLEN; len <= ETH_ZLEN; len++)
			if (!padded(at, len, move[i]))
				return false;
	}
	bpf->bss->move = 0;
	return true;
}

static bool all_padded(void)
{
	uint64_t skbs = ctl_stat(PORT, VHOST_XDP_STAT_TX_SKB_PACKETS);
	unsigned int i;
	bool ok;

	/* New pages are used up: from now on they are some that held a frame. */
	for (i = 0; i < 5; i++)
		if (!to_device(20 + i, 1514))
			return false;
	if (!all_padded_at(&behind))
		return false;
	/* By the uplink as frames, not as skbs: else they would overtake others. */
	bpf->bss->by_uplink = 1;
	ok = all_padded_at(&bench.wire);
	bpf->bss->by_uplink = 0;
	return ok && CHECK(ctl_stat(PORT, VHOST_XDP_STAT_TX_SKB_PACKETS) == skbs);
}

/* Nobody behind a redirect would cut it. */
static bool no_gso(void)
{
	uint64_t before = ctl_stat(PORT, VHOST_XDP_STAT_TX_DROP_REDIRECT);
	const struct virtio_net_hdr_v1 h = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16,
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 1000, .hdr_len = 54,
	};
	struct inet_spec s = { .payload = 4000 };
	static uint8_t frame[8192];

	memcpy(s.dst, mac_wire, 6);
	memcpy(s.src, mac_guest, 6);
	add(frame, inet_build(&s, frame, true), &h);
	return kick() && CHECK(ctl_stat(PORT, VHOST_XDP_STAT_TX_DROP_REDIRECT) == before + 1);
}

/* An AF_XDP socket of the uplink's queue, ready to receive. */
struct xsk {
	int fd;
	uint32_t *received;	/* its producer's index */
	void *rx;
	size_t rx_size;
};

#define XSK_RING 256U
#define XSK_CHUNK 4096U

static void *map_ring(int fd, size_t size, uint64_t which)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, which);

	NEED(at != MAP_FAILED);
	return at;
}

static void xsk_open(struct xsk *x)
{
	static uint8_t umem[XSK_RING * XSK_CHUNK] __attribute__((aligned(4096)));
	struct xdp_umem_reg reg = { .addr = (uintptr_t)umem, .len = sizeof(umem),
				    .chunk_size = XSK_CHUNK };
	struct sockaddr_xdp addr = { .sxdp_family = AF_XDP, .sxdp_flags = XDP_COPY,
				     .sxdp_ifindex = net_ifindex(UPLINK) };
	struct xdp_mmap_offsets off;
	socklen_t len = sizeof(off);
	unsigned int num = XSK_RING, i;
	uint8_t *fill;

	x->fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	NEED(x->fd >= 0);
	NEED(!setsockopt(x->fd, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg)));
	NEED(!setsockopt(x->fd, SOL_XDP, XDP_UMEM_FILL_RING, &num, sizeof(num)));
	NEED(!setsockopt(x->fd, SOL_XDP, XDP_UMEM_COMPLETION_RING, &num, sizeof(num)));
	NEED(!setsockopt(x->fd, SOL_XDP, XDP_RX_RING, &num, sizeof(num)));
	NEED(!getsockopt(x->fd, SOL_XDP, XDP_MMAP_OFFSETS, &off, &len));
	x->rx_size = off.rx.desc + num * sizeof(struct xdp_desc);
	x->rx = map_ring(x->fd, x->rx_size, XDP_PGOFF_RX_RING);
	fill = map_ring(x->fd, off.fr.desc + num * sizeof(uint64_t), XDP_UMEM_PGOFF_FILL_RING);
	x->received = x->rx + off.rx.producer;
	for (i = 0; i < num; i++)
		((uint64_t *)(fill + off.fr.desc))[i] = i * XSK_CHUNK;
	__atomic_store_n((uint32_t *)(fill + off.fr.producer), num, __ATOMIC_RELEASE);
	NEED(!munmap(fill, off.fr.desc + num * sizeof(uint64_t)));
	NEED(!bind(x->fd, (struct sockaddr *)&addr, sizeof(addr)));
}

static void xsk_close(struct xsk *x)
{
	NEED(!munmap(x->rx, x->rx_size));
	close(x->fd);
}

/* Its rings are those of the queue's NAPI, which the sender is not. */
static bool no_socket(void)
{
	uint64_t before = ctl_stat(PORT, VHOST_XDP_STAT_TX_DROP_REDIRECT);
	struct frame_stream s = stream(9, 100);
	uint32_t key = 0, fd;
	struct xsk x;
	bool ok;

	xsk_open(&x);
	fd = x.fd;
	NEED(!bpf_map__update_elem(bpf->maps.sockets, &key, sizeof(key), &fd, sizeof(fd), 0));
	bpf->bss->to_socket = 1;
	add_many(&s);
	ok = kick() && CHECK(!__atomic_load_n(x.received, __ATOMIC_ACQUIRE)) &&
	     CHECK(ctl_stat(PORT, VHOST_XDP_STAT_TX_DROP_REDIRECT) == before + BATCH);
	bpf->bss->to_socket = 0;
	NEED(!bpf_map__delete_elem(bpf->maps.sockets, &key, sizeof(key), 0));
	xsk_close(&x);
	return to_device(10, 100) && ok;
}

int main(void)
{
	ktap_case(60, "setup");
	setup();
	ktap_case(30, "frames leave by the other device");
	ktap_ok(to_device(1, 60) && to_device(2, 1514));
	ktap_case(30, "short ones padded with zeroes");
	ktap_ok(all_padded());
	ktap_case(30, "a GSO frame does not");
	ktap_ok(no_gso());
	ktap_case(30, "none goes to an AF_XDP socket of the uplink's queue");
	ktap_ok(no_socket());
	teardown();
	return ktap_done();
}
