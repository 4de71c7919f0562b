// SPDX-License-Identifier: GPL-2.0
/*
 * net.c - namespaces and links, made by iproute2 and the ethtool ioctls.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktap.h"
#include "wire.h"

static int host_ns = -1, wire_ns = -1;

static int fresh_ns(void)
{
	int fd, f;

	NEED(!unshare(CLONE_NEWNET));
	/* No neighbour discovery among the frames we count. */
	f = open("/proc/sys/net/ipv6/conf/default/disable_ipv6", O_WRONLY);
	if (f >= 0) {
		NEED(write(f, "1", 1) == 1);
		close(f);
	}
	fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	NEED(fd >= 0);
	return fd;
}

void net_init(void)
{
	wire_ns = fresh_ns();
	NEED(!net_run("ip link set lo up"));
	host_ns = fresh_ns();
	NEED(!net_run("ip link set lo up"));
}

void net_enter_wire(void)
{
	NEED(!setns(wire_ns, CLONE_NEWNET));
}

void net_enter_host(void)
{
	NEED(!setns(host_ns, CLONE_NEWNET));
}

int net_run(const char *fmt, ...)
{
	char cmd[600], all[700], line[400];
	va_list ap;
	FILE *f;
	int r;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	snprintf(all, sizeof(all), "{ %s; } 2>&1", cmd);
	f = popen(all, "re");
	NEED(f);
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		ktap_diag("%.60s: %s", cmd, line);
	}
	r = pclose(f);
	return WIFEXITED(r) ? WEXITSTATUS(r) : 128 + WTERMSIG(r);
}

void net_uplink(const char *up, const char *wire, unsigned int mtu)
{
	NEED(!net_run("ip link add %s mtu %u type veth peer name %s mtu %u "
		      "netns /proc/%d/fd/%d", up, mtu, wire, mtu, getpid(),
		      wire_ns));
	net_link(up, true);
	net_enter_wire();
	net_link(wire, true);
	/* NAPI on the far end, without which a veth takes no XDP frames. */
	NEED(!net_ethtool(wire, ETHTOOL_SGRO, 1));
	net_enter_host();
}

void net_link(const char *ifname, bool up)
{
	struct ifreq ifr = { 0 };
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	NEED(s >= 0);
	snprintf(ifr.ifr_name, IFNAMSIZ, "%s", ifname);
	NEED(!ioctl(s, SIOCGIFFLAGS, &ifr));
	ifr.ifr_flags = up ? ifr.ifr_flags | IFF_UP : ifr.ifr_flags & ~IFF_UP;
	NEED(!ioctl(s, SIOCSIFFLAGS, &ifr));
	close(s);
}

int net_ethtool(const char *ifname, unsigned int cmd, unsigned int on)
{
	struct ethtool_value v = { .cmd = cmd, .data = on };
	struct ifreq ifr = { .ifr_data = (char *)&v };
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), r;

	NEED(s >= 0);
	snprintf(ifr.ifr_name, IFNAMSIZ, "%s", ifname);
	r = ioctl(s, SIOCETHTOOL, &ifr) ? -errno : 0;
	close(s);
	return r;
}

/* There is no legacy switch for USO: by number, from the string set. */
static void set_feature(const char *ifname, const char *name, bool on)
{
	struct {
		struct ethtool_sset_info info;
		uint32_t len;
	} ss = { .info = { .cmd = ETHTOOL_GSSET_INFO,
			   .sset_mask = 1ULL << ETH_SS_FEATURES } };
	struct ifreq ifr = { .ifr_data = (char *)&ss };
	struct ethtool_gstrings *str;
	struct ethtool_sfeatures *sf;
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	unsigned int i, n, blocks;

	NEED(s >= 0);
	snprintf(ifr.ifr_name, IFNAMSIZ, "%s", ifname);
	NEED(!ioctl(s, SIOCETHTOOL, &ifr));
	n = *(uint32_t *)ss.info.data;
	str = calloc(1, sizeof(*str) + n * ETH_GSTRING_LEN);
	blocks = (n + 31) / 32;
	sf = calloc(1, sizeof(*sf) + blocks * sizeof(sf->features[0]));
	NEED(str && sf);
	*str = (struct ethtool_gstrings){ .cmd = ETHTOOL_GSTRINGS,
					  .string_set = ETH_SS_FEATURES,
					  .len = n };
	ifr.ifr_data = (char *)str;
	NEED(!ioctl(s, SIOCETHTOOL, &ifr));
	sf->cmd = ETHTOOL_SFEATURES;
	sf->size = blocks;
	for (i = 0; i < n; i++) {
		if (strcmp((char *)str->data + i * ETH_GSTRING_LEN, name))
			continue;
		sf->features[i / 32].valid |= 1U << (i % 32);
		if (on)
			sf->features[i / 32].requested |= 1U << (i % 32);
	}
	ifr.ifr_data = (char *)sf;
	NEED(ioctl(s, SIOCETHTOOL, &ifr) >= 0);
	free(str);
	free(sf);
	close(s);
}

void net_offloads(const char *ifname, bool on)
{
	net_ethtool(ifname, ETHTOOL_STXCSUM, on);
	net_ethtool(ifname, ETHTOOL_SSG, on);
	net_ethtool(ifname, ETHTOOL_STSO, on);
	net_ethtool(ifname, ETHTOOL_SGSO, on);
	set_feature(ifname, "tx-udp-segmentation", on);
}

unsigned int net_ifindex(const char *ifname)
{
	unsigned int i = if_nametoindex(ifname);

	NEED(i);
	return i;
}

void net_mac(const char *ifname, uint8_t mac[6])
{
	struct ifreq ifr = { 0 };
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	NEED(s >= 0);
	snprintf(ifr.ifr_name, IFNAMSIZ, "%s", ifname);
	NEED(!ioctl(s, SIOCGIFHWADDR, &ifr));
	memcpy(mac, ifr.ifr_hwaddr.sa_data, 6);
	close(s);
}

int net_xdp_prog(unsigned int verdict)
{
	const struct bpf_insn insn[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = verdict },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr a = {
		.prog_type = BPF_PROG_TYPE_XDP,
		.insn_cnt = 2,
		.insns = (uintptr_t)insn,
		.license = (uintptr_t)"GPL",
		.prog_flags = BPF_F_XDP_HAS_FRAGS,
	};
	int prog = syscall(SYS_bpf, BPF_PROG_LOAD, &a, sizeof(a));

	NEED(prog >= 0);
	return prog;
}

int net_xdp_pass(const char *ifname)
{
	int prog = net_xdp_prog(XDP_PASS), link;
	union bpf_attr a = { 0 };

	a.link_create.prog_fd = prog;
	a.link_create.target_ifindex = net_ifindex(ifname);
	a.link_create.attach_type = BPF_XDP;
	link = syscall(SYS_bpf, BPF_LINK_CREATE, &a, sizeof(a));
	NEED(link >= 0);
	close(prog);
	return link;
}
