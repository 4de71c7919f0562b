// SPDX-License-Identifier: GPL-2.0
/*
 * differ_allow.c - the differences that are meant, each with its reason; they
 * stand in docs/abi.md. The first column is in-tree vhost-net, the second a port.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/utsname.h>

#include "differ.h"

#define FITS(name)							\
	static bool name(const struct dseq *q, const struct dstep *s,	\
			 const struct note *intree, const struct note *ours)

static bool answers(const struct note *n, long ret, uint64_t val)
{
	return n->what == SAW_ANSWER && n->ret == ret && n->val == val;
}

/* Packed rings and buffers in order are a port's own. */
FITS(features_offered)
{
	const uint64_t ours_only = BIT64(34) | BIT64(35);

	(void)q;
	return s->op == OP_GET_FEATURES && answers(intree, 0, intree->val) &&
	       answers(ours, 0, ours->val) &&
	       !((intree->val ^ ours->val) & ~ours_only);
}

FITS(features_array)
{
	(void)q;
	return s->op == OP_ARRAY && ours->ret == 0 &&
	       (intree->ret < 0 || intree->val != ours->val);
}

FITS(no_memory)
{
	(void)q;
	return s->op == OP_MEM && s->n >= 8 && answers(intree, 0, 0) &&
	       answers(ours, -EFAULT, 0);
}

/* Was the used ring to be logged, at some time before? */
static bool logged_before(const struct dseq *q, const struct dstep *s)
{
	const struct dstep *x;

	for (x = q->step; x < s; x++)
		if (x->op == OP_ADDR && (x->n == 1 || (x->n == 2 && x->val == 1)))
			return true;
	return false;
}

/* Was the log to be where none can be? */
static bool mislaid_before(const struct dseq *q, const struct dstep *s)
{
	const struct dstep *x;

	for (x = q->step; x < s; x++)
		if (x->op == OP_LOG_BASE && x->val >> 47)
			return true;
	return false;
}

/*
 * In-tree goes on, and may find that the socket is dead. And where it refused a log for
 * the one ring, it has moved the other's all the same, which then cannot start.
 */
FITS(no_log)
{
	if (s->op != OP_BACKEND)
		return false;
	if (answers(intree, -EFAULT, 0))
		return answers(ours, 0, 0) && mislaid_before(q, s);
	return logged_before(q, s) && answers(ours, -EFAULT, 0) &&
	       (answers(intree, 0, 0) || answers(intree, -EINVAL, 0));
}

FITS(num_buffers)
{
	(void)q;
	(void)s;
	return intree->what == SAW_NUM_BUFFERS && intree->val == 0xa5a5 &&
	       ours->val == 1;
}

static bool is_bad(const struct dstep *s, const char *first, const char *second)
{
	const char *name = s->op == OP_BAD ? bad_name(s->n) : "";

	return !__builtin_strcmp(name, first) ||
	       !__builtin_strcmp(name, second);
}

FITS(skipped)
{
	(void)q;
	return intree->what == SAW_BASE && intree->val == 1 && !ours->val &&
	       is_bad(s, "zero length", "wrong direction");
}

FITS(out_of_order)
{
	(void)q;
	return intree->what == SAW_WIRE && intree->ret == 1 &&
	       ours->ret == 1 && is_bad(s, "indirect, out of order", "");
}

/* Is the kernel of that version, or a later one? */
static bool since(unsigned int major, unsigned int minor)
{
	unsigned int a = 0, b = 0;
	struct utsname u;

	if (uname(&u) || sscanf(u.release, "%u.%u", &a, &b) != 2)
		return false;
	return a > major || (a == major && b >= minor);
}

/* What it was asked for and not told is taken away by withhold(). */
FITS(asks_again)
{
	(void)q;
	return s->op == OP_ENTRIES && answers(intree, 0, 0) && answers(ours, 1, 0) &&
	       since(6, 13);
}

const struct allowed allowed_ctl[] = {
	{ "features offered", "in-tree has neither packed rings nor buffers in order", features_offered, false },
	{ "features array", "newer than 6.12", features_array, false },
	{ "memory that is none", "in-tree looks only while a ring runs", no_memory, true },
	{ "log that is none", "in-tree starts and loses pages, or has moved one ring's log and refused the other's", no_log, true },
	{ NULL, NULL, NULL, false },
};

const struct allowed allowed_frames[] = {
	{ "num_buffers", "virtio 1.2, 5.1.6.4.1: 1, also where nothing is merged; in-tree leaves it", num_buffers, false },
	{ "base after a chain refused", "in-tree passes over it, and never gives it back", skipped, false },
	{ "IOTLB asked again", "in-tree of 7.3 asks for one part at a time, once", asks_again, false },
	{ "indirect table out of order", "virtio 1.2, 2.7.5.3: linked by next; in-tree reads on", out_of_order, false },
	{ NULL, NULL, NULL, false },
};

/*
 * In-tree has set num_buffers, too, since it has buffers in order. Of which kernel on it
 * asks once is not known: it is one from 6.13 to 7.3.
 */
bool allowance_needed(const struct allowed *a, uint64_t offered)
{
	if (a->fits == asks_again)
		return since(7, 3);
	return a->fits != num_buffers || !(offered & BIT64(35));
}

const struct allowed *allowance(const struct dseq *q, const struct note *intree,
				const struct note *ours)
{
	const struct allowed *a = q->kind != SEQ_CTL ? allowed_frames : allowed_ctl;
	static const struct dstep none = { .op = OP_END };
	const struct dstep *s = intree->step < q->n ? &q->step[intree->step] :
						      &none;

	if (intree->what != ours->what || intree->step != ours->step)
		return NULL;
	for (; a->what; a++)
		if (a->fits(q, s, intree, ours))
			return a;
	/* A guest at work may meet the ioctls' differences, too. */
	for (a = allowed_ctl; q->kind != SEQ_CTL && a->what; a++)
		if (a->fits(q, s, intree, ours))
			return a;
	return NULL;
}
