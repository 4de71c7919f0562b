// SPDX-License-Identifier: GPL-2.0
/*
 * frame.c - frames that prove themselves: stream, sequence number, length and a
 * sum over the payload, which differs from frame to frame.
 *
 *	Ethernet header (tag) | magic | stream | sequence | length | sum | payload
 *
 * The payload is a window on a pool of noise, so that the sender's sum is the
 * difference of two prefix sums; the receiver adds up what really arrived.
 */
#define _GNU_SOURCE
#include <string.h>

#include "ktap.h"
#include "wire.h"

#define MAGIC 0x76786470U
#define WORDS (1 << 12)
#define WINDOWS 1024

struct proof {
	uint32_t magic, stream, seq, len;
	uint64_t sum;
} __attribute__((packed));

static uint64_t pool[WORDS + 2], prefix[WORDS + 1];

static void pool_init(void)
{
	uint64_t x = 88172645463325252ULL;
	int i;

	if (prefix[WORDS])
		return;
	for (i = 0; i < WORDS; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		pool[i] = x;
		prefix[i + 1] = prefix[i] + x;
	}
}

static unsigned int window(const struct frame_stream *s, uint32_t seq)
{
	return (seq * 37 + s->id * 101) % WINDOWS;
}

static unsigned int head_len(const struct frame_stream *s)
{
	return 14 + (s->vlan ? 4 : 0);
}

unsigned int frame_len(const struct frame_stream *s)
{
	return s->len + (s->vlan ? 4 : 0);
}

static uint64_t tail_word(const void *p, unsigned int bytes)
{
	uint64_t w = 0;

	memcpy(&w, p, bytes);
	return w;
}

static uint64_t pool_sum(unsigned int at, unsigned int bytes)
{
	return prefix[at + bytes / 8] - prefix[at] +
	       tail_word(&pool[at + bytes / 8], bytes % 8);
}

static uint64_t sum(const uint8_t *p, unsigned int bytes)
{
	uint64_t s = 0, w;

	for (; bytes >= 8; bytes -= 8, p += 8) {
		memcpy(&w, p, 8);
		s += w;
	}
	return s + tail_word(p, bytes);
}

static unsigned int put_header(const struct frame_stream *s, uint8_t *p)
{
	unsigned int n = 12;

	memcpy(p, s->dst, 6);
	memcpy(p + 6, s->src, 6);
	if (s->vlan) {
		p[n++] = 0x81;
		p[n++] = 0x00;
		p[n++] = s->vlan >> 8;
		p[n++] = s->vlan;
	}
	p[n++] = FRAME_ETHERTYPE >> 8;
	p[n++] = FRAME_ETHERTYPE & 0xff;
	return n;
}

void frame_fill(struct frame_stream *s, uint8_t *p)
{
	unsigned int n = put_header(s, p);
	unsigned int bytes = s->len - 14 - sizeof(struct proof);
	unsigned int at = window(s, s->next);
	struct proof proof = {
		.magic = MAGIC,
		.stream = s->id,
		.seq = s->next++,
		.len = s->len,
	};

	pool_init();
	NEED(s->len >= 14 + sizeof(proof));
	proof.sum = pool_sum(at, bytes);
	memcpy(p + n, &proof, sizeof(proof));
	memcpy(p + n + sizeof(proof), &pool[at], bytes);
}

static const char *fault(const struct frame_stream *s, const uint8_t *p,
			 unsigned int len, const struct proof *f)
{
	unsigned int n = head_len(s), bytes;
	uint8_t head[18];

	put_header(s, head);
	if (f->stream != s->id)
		return "of another stream";
	if (f->seq != s->next)
		return f->seq < s->next ? "twice or too late" : "loss before";
	if (len != frame_len(s) || f->len != s->len)
		return "wrong length";
	if (memcmp(head, p, n))
		return "wrong Ethernet header";
	bytes = len - n - sizeof(*f);
	if (f->sum != pool_sum(window(s, f->seq), bytes))
		return "wrong sum in it";
	if (f->sum != sum(p + n + sizeof(*f), bytes))
		return "payload does not match its sum";
	return NULL;
}

int frame_check(struct frame_stream *s, const uint8_t *p, unsigned int len)
{
	unsigned int n = head_len(s);
	struct proof f;
	const char *why;

	pool_init();
	if (len < n + sizeof(f)) {
		s->alien++;
		return 0;
	}
	memcpy(&f, p + n, sizeof(f));
	if (f.magic != MAGIC) {
		s->alien++;
		return 0;
	}
	why = fault(s, p, len, &f);
	if (why) {
		ktap_diag("frame %u of stream %u, %u bytes: %s (expected %u of %u, %u bytes)",
			  f.seq, f.stream, len, why, s->next, s->id,
			  frame_len(s));
		return -1;
	}
	s->next++;
	return 1;
}
