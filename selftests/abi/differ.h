/* SPDX-License-Identifier: GPL-2.0 */
/*
 * differ.h - sequences made up from a seed, played on /dev/vhost-net and on a
 * port over the same memory layout, and what was observed compared.
 *
 * A sequence is abstract: operations with their arguments. It is made once and
 * played on each node; a step that needs many values (chains, frames) has a seed
 * of its own. What a step shows is a list of notes; those of two nodes are the
 * same, or differ in a way that differ_allow.c names with its reason.
 */
#ifndef SELFTESTS_DIFFER_H
#define SELFTESTS_DIFFER_H

#include "../vmm/vmm.h"
#include "../vmm/wire.h"

struct rng {
	uint64_t state;
};

uint64_t rng_next(struct rng *r);
uint64_t rng_below(struct rng *r, uint64_t n);
bool rng_chance(struct rng *r, unsigned int percent);

enum op {
	/* One ioctl or system call each: differ_ctl.c. */
	OP_OWNER, OP_RESET, OP_FEATURES, OP_GET_FEATURES, OP_BACKEND_FEATURES,
	OP_GET_BACKEND_FEATURES, OP_ARRAY, OP_MEM, OP_LOG_BASE, OP_LOG_FD,
	OP_NUM, OP_BASE, OP_GET_BASE, OP_ADDR, OP_KICK_FD, OP_CALL_FD,
	OP_ERR_FD, OP_BUSYLOOP, OP_GET_BUSYLOOP, OP_ENDIAN, OP_BACKEND,
	OP_POINTER, OP_UNKNOWN, OP_FILE, OP_FORK, OP_GET_FORK, OP_STRANGER,
	OP_CTL_END,
	/* A guest at work, and its VMM: differ_guest.c, differ_ring.c. */
	OP_TX = OP_CTL_END, OP_POST, OP_FRAMES, OP_CALLS_WANTED, OP_RESTART,
	OP_LOG, OP_REMAP, OP_SWAP, OP_BAD, OP_SPURIOUS, OP_REBIRTH, OP_ENTRIES,
	OP_END,
};

extern const char *const op_name[OP_END];

struct dstep {
	uint8_t op;
	uint8_t ring;		/* of frames: NIC_RX, NIC_TX; else any value */
	uint16_t n;		/* how many; which kind */
	uint64_t val;
	uint64_t seed;
};

#define DSTEPS 64

enum kind {
	SEQ_CTL,		/* ioctls in any order */
	SEQ_FRAMES,		/* a guest at work */
	SEQ_IOTLB,		/* the same behind an IOMMU */
};

struct dseq {
	uint64_t seed;
	enum kind kind;
	/* of a guest at work: */
	uint64_t features;
	unsigned int num[2];
	uint16_t base[2];
	unsigned int pieces;	/* of guest memory, each a region */
	uint32_t cut[3];	/* where the second and so on begin */
	bool bounded;		/* tap with a bounded sndbuf: vhost-net sends one by one */
	bool polite;		/* kicks only where the device wants that */
	bool msg_v2;		/* of a guest behind an IOMMU: second kind of message */
	unsigned int n;
	struct dstep step[DSTEPS];
};

/* differ_gen.c: the sequence of a seed */
void seq_make(struct dseq *s, uint64_t seed, enum kind kind);

enum what {
	SAW_ANSWER,		/* return value and, of what reads, the value */
	SAW_USED,		/* used index moved by */
	SAW_ELEMENTS,		/* ids and lengths of the new used elements */
	SAW_NUM_BUFFERS,	/* where the header has it and nothing is merged */
	SAW_DATA,		/* bytes in the guest's receive buffers */
	SAW_WIRE,		/* frames at the tap, and their bytes */
	SAW_CALLS,		/* signals of both call eventfds */
	SAW_ERROR,		/* the error eventfd was signalled */
	SAW_BASE,		/* GET_VRING_BASE, from the used index */
	SAW_LOG,		/* pages in the log */
	SAW_LOG_CALL,		/* the log's eventfd was signalled */
	SAW_STUCK,		/* something awaited did not come */
	SAW_IMAGE,		/* all of guest memory, at the end */
	SAW_KINDS,
};

extern const char *const what_name[SAW_KINDS];

struct note {
	uint16_t step;
	uint8_t what;
	long ret;
	uint64_t val;
};

#define NOTES (DSTEPS * 64)

/* Guest memory: GUEST_SIZE bytes from GUEST_GPA on, in pieces here and there. */
#define GUEST_GPA	0x100000ULL
#define GUEST_SIZE	(1UL << 20)
#define TABLE_GPA	0x4000000ULL	/* of a guest behind an IOMMU, in the table */
#define RINGS_SIZE	0x70000UL	/* of it, at its start: never cut */
#define RX_AT		0x70800UL	/* buffers that cross pages */
#define RX_SLOT		4096UL
#define RX_SLOTS	64
#define TX_AT		0xb1000UL
#define TX_SIZE		0x3f000UL
#define PAD_AT		0xf0000UL
#define PAGE		4096UL
#define LOG_SIZE	PAGE		/* for far more than all of it */

struct world {
	int tap[2];		/* with a virtio-net header, and without */
	struct pkt pkt[2];
	int odd[8];		/* files that are neither eventfd nor backend */
};

/* A receive buffer that is out, and a frame that waits for one. */
struct rx_slot {
	bool out;
	unsigned int segs, size;
	struct ring_seg seg[8];
};

struct waiting {
	unsigned int len;
	uint64_t hash;
};

#define WAITING_MAX 256

struct drun {
	const struct dseq *seq;
	struct world *w;
	int fd;
	unsigned int at;	/* the step that is played */
	struct note note[NOTES];
	unsigned int n;
	uint8_t image[GUEST_SIZE];

	/* ioctls in any order: may the worker have moved the ring's index? */
	bool moved[2], plain_addr[2];
	unsigned int set_base[2];

	/* A guest at work. */
	struct mem mem;		/* for the rings and their tables only */
	struct ring ring[2];
	bool steady[2];		/* a call was decided on since the start */
	bool other_call[2];
	struct rx_slot slot[RX_SLOTS];
	uint16_t fifo[RX_SLOTS];	/* slots in the order of posting */
	unsigned int fifo_first, fifo_n;
	struct waiting waiting[WAITING_MAX];
	unsigned int wait_first, wait_n;
	unsigned int hlen;
	bool logging;
	unsigned int log_at;	/* which of the two logs */
	bool log_used[2];	/* chains were used while it was on */
	int log_call;
	bool stuck;
	unsigned int wrong;	/* frames that are not what was sent */
};

void note(struct drun *t, enum what what, long ret, uint64_t val);

/* hash_more - FNV over words and what is left of them */
#define HASH_INIT 0xcbf29ce484222325ULL
uint64_t hash_more(uint64_t h, const void *p, size_t len);

/* differ_mem.c: memory at addresses that are the same in every run */
void arena_init(void);
void arena_clear(void);
uint8_t *guest_hva(const struct dseq *s, uint64_t off);
/* guest_together - from @off on, how many of @len bytes lie together */
size_t guest_together(const struct dseq *s, uint64_t off, size_t len);
void guest_put(const struct dseq *s, uint64_t off, const void *p, size_t len);
void guest_get(const struct dseq *s, uint64_t off, void *p, size_t len);
void guest_fill(const struct dseq *s, uint64_t off, uint8_t byte, size_t len);
uint8_t *log_area(unsigned int which);
uint8_t *ring_part(unsigned int ring, unsigned int part);
void *nowhere(void);
int guest_set_mem(struct drun *t, unsigned int more_cuts, bool backwards);

/* differ_ctl.c */
void ctl_step(struct drun *t, const struct dstep *s);
int file_of(struct drun *t, unsigned int kind);

/* differ_guest.c: the VMM's part */
void guest_start(struct drun *t);
void guest_end(struct drun *t);
void guest_step(struct drun *t, const struct dstep *s);
int ring_setup(struct drun *t, unsigned int index, uint16_t base);
int ring_stop(struct drun *t, unsigned int index);
int ring_begin(struct drun *t, unsigned int index);
void ring_anew(struct drun *t, unsigned int index, uint16_t base);
unsigned int ring_barrier(struct drun *t, unsigned int index);

/* differ_ring.c: the guest's part */
void do_tx(struct drun *t, const struct dstep *s);
void do_post(struct drun *t, const struct dstep *s);
void do_frames(struct drun *t, const struct dstep *s);
unsigned int tx_good(struct drun *t, struct rng *g, unsigned int n,
		     bool *one_batch);
void tx_settle(struct drun *t, unsigned int n, bool one_batch);
void send_frame(struct drun *t, struct rng *g, unsigned int len);
bool await_used(struct drun *t, const struct ring *r, uint16_t idx);
void publish(struct drun *t, struct ring *r);
void note_wire(struct drun *t);
void note_log(struct drun *t);

/* differ_iotlb.c: each does nothing where there is none */
void iotlb_serve(struct drun *t);	/* answer what was asked */
void iotlb_ring(struct drun *t, unsigned int index);	/* what a start needs */
int iotlb_start(struct drun *t);
void do_entries(struct drun *t, const struct dstep *s);

/* differ_bad.c: chains that stop a ring */
void do_bad(struct drun *t, const struct dstep *s);
extern const unsigned int bad_kinds;
unsigned int bad_kind_iotlb(struct rng *g);
const char *bad_name(unsigned int kind);

/* differ_allow.c */
struct allowed {
	const char *what;	/* in a few words, for the count */
	const char *why;
	bool (*fits)(const struct dseq *q, const struct dstep *s,
		     const struct note *intree, const struct note *ours);
	bool parts;		/* from here on the two are in different states */
};

const struct allowed *allowance(const struct dseq *q, const struct note *intree,
				const struct note *ours);
/* allowance_needed - on a kernel whose vhost-net offers that? */
bool allowance_needed(const struct allowed *a, uint64_t offered);

extern const struct allowed allowed_ctl[], allowed_frames[];

#endif
