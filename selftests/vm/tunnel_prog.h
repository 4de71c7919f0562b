/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tunnel_prog.h - what the program of tunnel.bpf.c is told to do with a frame.
 */
#ifndef SELFTESTS_TUNNEL_PROG_H
#define SELFTESTS_TUNNEL_PROG_H

enum change {
	KEEP,
	PUSH_TAG,
	POP_TAG,
	PUSH_TUNNEL,	/* a copy of the outer headers in front of them */
	POP_TUNNEL,
	PUSH_NOTHING,	/* room for a tag, and no more is done */
	TRIM,		/* its end */
};

#endif
