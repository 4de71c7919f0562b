// SPDX-License-Identifier: GPL-2.0
/*
 * plugin.c - a plugin for QEMU's TCG: how often each piece of kernel code ran.
 *
 *	-plugin libcount.so,out=PREFIX
 *
 * The emulator translates code in blocks that run from their first instruction to
 * their last. Each block of the kernel has a counter here, so what comes out is no
 * sample but every instruction that was executed, with its bytes, from which
 * `count` reads functions, atomic operations, allocations and copies.
 *
 * The program in the VM marks what it wants counted by three instructions that do
 * nothing (MARK() in meter.c): start, stop, and write what was counted to
 * PREFIX.0, PREFIX.1, ... One vCPU only.
 *
 * A line of output is a block: address, times, instructions, bytes in hexadecimal;
 * the first line is what ran in user mode, as one block.
 *
 * QEMU's header for plugins is not packaged. What follows is what is used of that
 * interface, version 4, by its documentation (docs/devel/tcg-plugins.rst).
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define API __attribute__((visibility("default")))

struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_scoreboard;

struct counter {	/* qemu_plugin_u64 */
	struct qemu_plugin_scoreboard *score;
	size_t offset;
};

enum { INLINE_ADD_U64 };
enum { CB_NO_REGS };

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
					   void (*cb)(uint64_t id,
						      struct qemu_plugin_tb *tb));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb,
						 size_t i);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *dest,
			     size_t len);
void qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(struct qemu_plugin_tb *tb,
						       int op,
						       struct counter entry,
						       uint64_t imm);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    void (*cb)(unsigned int cpu,
						       void *data),
					    int flags, void *data);
struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t size);
void *qemu_plugin_scoreboard_find(struct qemu_plugin_scoreboard *score,
				  unsigned int cpu);

API int qemu_plugin_version = 4;

#define BLOCKS_MAX (1U << 20)
#define BUCKETS (1U << 18)
#define INSN_MAX 15
#define BYTES_MAX (512 * INSN_MAX)
#define MARK_SIZE 7

/* A long nop; the fourth byte says which. */
static const uint8_t mark[MARK_SIZE] = { 0x0f, 0x1f, 0x80, 0, 0x64, 0x78, 0x76 };

enum { MARK_START = 1, MARK_STOP, MARK_WRITE };

struct block {
	uint64_t addr;
	uint32_t next;		/* in its bucket */
	uint16_t insns, size;
	uint8_t *bytes;
};

/* The first is for all of user mode: its counter counts instructions. */
static struct block blocks[BLOCKS_MAX];
static uint32_t nr_blocks = 1, bucket[BUCKETS];
static uint64_t since[BLOCKS_MAX], sum[BLOCKS_MAX];
static struct qemu_plugin_scoreboard *score;
static const char *prefix;
static unsigned int written;

static uint64_t *counts(void)
{
	return qemu_plugin_scoreboard_find(score, 0);
}

static void start(void)
{
	memcpy(since, counts(), nr_blocks * sizeof(since[0]));
	memset(since + nr_blocks, 0, (BLOCKS_MAX - nr_blocks) * sizeof(since[0]));
}

static void stop(void)
{
	const uint64_t *now = counts();
	uint32_t i;

	for (i = 0; i < nr_blocks; i++)
		sum[i] += now[i] - since[i];
}

static void print_block(FILE *f, const struct block *b, uint64_t times)
{
	unsigned int i;

	fprintf(f, "%" PRIx64 " %" PRIu64 " %u ", b->addr, times, b->insns);
	for (i = 0; i < b->size; i++)
		fprintf(f, "%02x", b->bytes[i]);
	fputc('\n', f);
}

static void write_out(void)
{
	char path[4096];
	uint32_t i;
	FILE *f;

	snprintf(path, sizeof(path), "%s.%u", prefix, written++);
	f = fopen(path, "we");
	if (!f)
		return;
	if (nr_blocks == BLOCKS_MAX)
		fprintf(f, "overflow\n");
	for (i = 0; i < nr_blocks; i++)
		if (!i || sum[i])
			print_block(f, &blocks[i], sum[i]);
	fclose(f);
	memset(sum, 0, sizeof(sum));
}

static void marked(unsigned int cpu, void *data)
{
	uintptr_t what = (uintptr_t)data;

	(void)cpu;
	if (what == MARK_START)
		start();
	else if (what == MARK_STOP)
		stop();
	else if (what == MARK_WRITE)
		write_out();
}

static bool same(const struct block *b, uint64_t addr, const uint8_t *bytes,
		 size_t size)
{
	return b->addr == addr && b->size == size &&
	       !memcmp(b->bytes, bytes, size);
}

/* Code is translated anew now and then: it keeps its counter. */
static uint32_t find_block(uint64_t addr, size_t insns, const uint8_t *bytes,
			   size_t size)
{
	uint32_t *head = &bucket[(addr ^ addr >> 18) % BUCKETS], i;
	struct block *b;

	for (i = *head; i; i = blocks[i].next)
		if (same(&blocks[i], addr, bytes, size))
			return i;
	if (nr_blocks == BLOCKS_MAX)
		return 0;
	b = &blocks[nr_blocks];
	*b = (struct block){ addr, *head, insns, size, malloc(size) };
	if (!b->bytes)
		return 0;
	memcpy(b->bytes, bytes, size);
	*head = nr_blocks;
	return nr_blocks++;
}

static void count(struct qemu_plugin_tb *tb, uint32_t i, uint64_t by)
{
	struct counter c = { score, i * sizeof(uint64_t) };

	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, INLINE_ADD_U64, c,
							  by);
}

static void user_block(struct qemu_plugin_tb *tb, size_t n)
{
	struct qemu_plugin_insn *insn;
	uint8_t b[MARK_SIZE];
	size_t i;

	for (i = 0; i < n; i++) {
		insn = qemu_plugin_tb_get_insn(tb, i);
		if (qemu_plugin_insn_size(insn) != MARK_SIZE ||
		    qemu_plugin_insn_data(insn, b, MARK_SIZE) != MARK_SIZE)
			continue;
		if (!memcmp(b, mark, 3) && !memcmp(b + 4, mark + 4, 3))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, marked,
							       CB_NO_REGS,
							       (void *)(uintptr_t)b[3]);
	}
	count(tb, 0, n);
}

static void translated(uint64_t id, struct qemu_plugin_tb *tb)
{
	uint64_t addr = qemu_plugin_tb_vaddr(tb);
	size_t n = qemu_plugin_tb_n_insns(tb), size = 0, i;
	uint8_t bytes[BYTES_MAX];
	uint32_t slot;

	(void)id;
	if (!(addr >> 63)) {
		user_block(tb, n);
		return;
	}
	for (i = 0; i < n && size + INSN_MAX <= BYTES_MAX; i++)
		size += qemu_plugin_insn_data(qemu_plugin_tb_get_insn(tb, i),
					      bytes + size, INSN_MAX);
	slot = find_block(addr, n, bytes, size);
	if (slot)
		count(tb, slot, 1);
}

API int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	int i;

	(void)info;
	for (i = 0; i < argc; i++)
		if (!strncmp(argv[i], "out=", 4))
			prefix = strdup(argv[i] + 4);
	if (!prefix) {
		fprintf(stderr, "libcount: where to? (out=PREFIX)\n");
		return -1;
	}
	score = qemu_plugin_scoreboard_new(BLOCKS_MAX * sizeof(uint64_t));
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
