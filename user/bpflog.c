// SPDX-License-Identifier: GPL-2.0
/*
 * bpflog.c - see bpflog.h.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <bpf/libbpf.h>
#include <xdp/libxdp.h>

#include "bpflog.h"
#include "cli.h"

static char last[512];

static int keep(bool warning, const char *fmt, va_list ap)
{
	va_list copy;
	int n = 0;

	if (options.verbose) {
		va_copy(copy, ap);
		n = vfprintf(stderr, fmt, copy);
		va_end(copy);
	}
	if (warning) {
		vsnprintf(last, sizeof(last), fmt, ap);
		last[strcspn(last, "\n")] = '\0';
	}
	return n;
}

static int from_libbpf(enum libbpf_print_level level, const char *fmt,
		       va_list ap)
{
	return level == LIBBPF_DEBUG ? 0 : keep(level == LIBBPF_WARN, fmt, ap);
}

static int from_libxdp(enum libxdp_print_level level, const char *fmt,
		       va_list ap)
{
	return level == LIBXDP_DEBUG ? 0 : keep(level == LIBXDP_WARN, fmt, ap);
}

void bpflog_init(void)
{
	libbpf_set_print(from_libbpf);
	libxdp_set_print(from_libxdp);
}

void bpflog_reset(void)
{
	last[0] = '\0';
}

const char *bpflog_last(void)
{
	return last;
}
