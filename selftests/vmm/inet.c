// SPDX-License-Identifier: GPL-2.0
/*
 * inet.c - TCP and UDP frames for the offloads: built with a partial checksum
 * as a guest's stack does, taken apart as a receiver would, and the payload
 * compared byte by byte with what its place in the stream says.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>

#include "ktap.h"
#include "wire.h"

#define SRC4 0x0a000001U	/* 10.0.0.1 */
#define DST4 0x0a000002U

static uint8_t payload_byte(uint32_t n)
{
	return (n * 2654435761U) >> 24;
}

static uint32_t csum_add(uint32_t sum, const uint8_t *p, unsigned int len)
{
	unsigned int i;

	for (i = 0; i + 1 < len; i += 2)
		sum += p[i] << 8 | p[i + 1];
	if (len & 1)
		sum += p[len - 1] << 8;
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static unsigned int l4_len(const struct inet_spec *s)
{
	return s->udp ? sizeof(struct udphdr) : sizeof(struct tcphdr);
}

static unsigned int ip_len(const struct inet_spec *s)
{
	return s->v6 ? sizeof(struct ip6_hdr) : sizeof(struct iphdr);
}

unsigned int inet_hlen(const struct inet_spec *s)
{
	return ETH_HLEN + ip_len(s) + l4_len(s);
}

/* Not folded: addresses, protocol, length (RFC 9293, 3.1). */
static uint32_t pseudo(const struct inet_spec *s, const uint8_t *ip,
		       unsigned int len)
{
	uint32_t sum = len + (s->udp ? IPPROTO_UDP : IPPROTO_TCP);

	return s->v6 ? csum_add(sum, ip + 8, 32) : csum_add(sum, ip + 12, 8);
}

static void put_ip(const struct inet_spec *s, uint8_t *ip, unsigned int l4)
{
	uint8_t proto = s->udp ? IPPROTO_UDP : IPPROTO_TCP;
	struct ip6_hdr h6 = { 0 };
	struct iphdr h4 = {
		.version = 4, .ihl = 5, .ttl = 64, .protocol = proto,
		.tot_len = htons(sizeof(h4) + l4), .id = htons(s->seq),
		.frag_off = htons(0x4000),
		.saddr = htonl(SRC4), .daddr = htonl(DST4),
	};

	if (!s->v6) {
		/* A 64 KiB frame fills tot_len; above it there is none. */
		h4.check = htons(~fold(csum_add(0, (void *)&h4, sizeof(h4))));
		memcpy(ip, &h4, sizeof(h4));
		return;
	}
	h6.ip6_flow = htonl(6U << 28);
	h6.ip6_plen = htons(l4);
	h6.ip6_nxt = proto;
	h6.ip6_hlim = 64;
	h6.ip6_src.s6_addr[0] = h6.ip6_dst.s6_addr[0] = 0xfd;
	h6.ip6_src.s6_addr[15] = 1;
	h6.ip6_dst.s6_addr[15] = 2;
	memcpy(ip, &h6, sizeof(h6));
}

static void put_l4(const struct inet_spec *s, uint8_t *l4, unsigned int len)
{
	struct udphdr u = { .source = htons(1000), .dest = htons(2000),
			    .len = htons(len) };
	struct tcphdr t = { .source = htons(1000), .dest = htons(2000),
			    .seq = htonl(s->seq), .doff = 5, .ack = 1,
			    .ack_seq = htonl(1), .window = htons(65535) };

	if (s->udp)
		memcpy(l4, &u, sizeof(u));
	else
		memcpy(l4, &t, sizeof(t));
}

unsigned int inet_build(const struct inet_spec *s, uint8_t *p, bool partial)
{
	uint8_t *ip = p + ETH_HLEN, *l4 = ip + ip_len(s);
	unsigned int len = l4_len(s) + s->payload, i;
	uint16_t proto = htons(s->v6 ? ETH_P_IPV6 : ETH_P_IP), c;

	memcpy(p, s->dst, 6);
	memcpy(p + 6, s->src, 6);
	memcpy(p + 12, &proto, 2);
	put_ip(s, ip, len);
	put_l4(s, l4, len);
	for (i = 0; i < s->payload; i++)
		l4[l4_len(s) + i] = payload_byte(s->first + i);
	c = fold(pseudo(s, ip, len));
	if (!partial) {
		c = ~fold(csum_add(pseudo(s, ip, len), l4, len));
		c = c ? c : 0xffff;
	}
	c = htons(c);
	memcpy(l4 + (s->udp ? 6 : 16), &c, 2);
	return ETH_HLEN + ip_len(s) + len;
}

static bool ip_good(const struct inet_spec *s, const uint8_t *ip,
		    unsigned int len)
{
	uint16_t tot;

	if (s->v6) {
		memcpy(&tot, ip + 4, 2);
		return CHECK(ip[0] >> 4 == 6) &&
		       CHECK(ntohs(tot) + sizeof(struct ip6_hdr) == len);
	}
	memcpy(&tot, ip + 2, 2);
	return CHECK(ip[0] == 0x45) && CHECK(ntohs(tot) == len) &&
	       CHECK(fold(csum_add(0, ip, sizeof(struct iphdr))) == 0xffff);
}

static bool l4_good(const struct inet_spec *s, const uint8_t *ip,
		    const uint8_t *l4, unsigned int len, bool partial)
{
	uint16_t c;

	if (s->udp) {
		memcpy(&c, l4 + 4, 2);
		if (!CHECK(ntohs(c) == len))
			return false;
	}
	memcpy(&c, l4 + (s->udp ? 6 : 16), 2);
	if (partial)
		return CHECK(ntohs(c) == fold(pseudo(s, ip, len)));
	if (s->udp && !CHECK(c))
		return false;
	return CHECK(fold(csum_add(pseudo(s, ip, len), l4, len)) == 0xffff);
}

bool inet_verify(const struct inet_spec *s, const uint8_t *p, unsigned int len,
		 bool partial, uint32_t *at, unsigned int *bytes)
{
	const uint8_t *ip = p + ETH_HLEN, *l4 = ip + ip_len(s);
	unsigned int hlen = inet_hlen(s), i;
	uint32_t seq;

	if (!CHECK(len > hlen) || !CHECK(!memcmp(p, s->dst, 6)) ||
	    !CHECK(!memcmp(p + 6, s->src, 6)))
		return false;
	if (!ip_good(s, ip, len - ETH_HLEN) ||
	    !l4_good(s, ip, l4, len - ETH_HLEN - ip_len(s), partial))
		return false;
	*bytes = len - hlen;
	if (!s->udp) {
		memcpy(&seq, l4 + 4, 4);
		*at = ntohl(seq) - s->seq;
	}
	/* UDP has no place of its own: the caller's, in order. */
	for (i = 0; i < *bytes; i++)
		if (p[hlen + i] != payload_byte(s->first + *at + i)) {
			ktap_diag("payload byte %u of %u (place %u) differs",
				  i, *bytes, *at);
			return false;
		}
	return true;
}
