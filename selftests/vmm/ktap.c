// SPDX-License-Identifier: GPL-2.0
/*
 * ktap.c - test results in KTAP. See ktap.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ktap.h"

static unsigned int count, failed, skipped;
static char current[160];
static struct timespec started;
static bool child, muted;

static void overrun(int sig)
{
	char line[256];
	int n;

	(void)sig;
	/* Only write(): stdio may be in the middle of something. */
	n = snprintf(line, sizeof(line),
		     "not ok %u %s # deadline passed\n1..%u\n",
		     count + 1, current, count + 1);
	if (write(STDOUT_FILENO, line, n) != n)
		_exit(2);
	_exit(1);
}

unsigned int ktap_slow(void)
{
	const char *slow = getenv("VXDP_SLOW");
	int n = slow ? atoi(slow) : 1;

	return n > 0 ? n : 1;
}

void ktap_case(unsigned int seconds, const char *fmt, ...)
{
	va_list ap;

	setvbuf(stdout, NULL, _IOLBF, 0);
	va_start(ap, fmt);
	vsnprintf(current, sizeof(current), fmt, ap);
	va_end(ap);
	clock_gettime(CLOCK_MONOTONIC, &started);
	signal(SIGALRM, overrun);
	alarm(seconds * ktap_slow());
}

static double elapsed(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - started.tv_sec +
	       (now.tv_nsec - started.tv_nsec) / 1e9;
}

void ktap_ok(bool ok)
{
	double t = elapsed();

	alarm(0);
	failed += !ok;
	printf("%sok %u %s", ok ? "" : "not ", ++count, current);
	if (t >= 1.0)
		printf(" # %.1f s", t);
	printf("\n");
	fflush(stdout);
}

void ktap_result(bool ok, const char *fmt, ...)
{
	char name[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(name, sizeof(name), fmt, ap);
	va_end(ap);
	failed += !ok;
	printf("%sok %u %s\n", ok ? "" : "not ", ++count, name);
	fflush(stdout);
}

void ktap_skip(const char *name, const char *why)
{
	alarm(0);
	skipped++;
	printf("ok %u %s # SKIP %s\n", ++count, name, why);
	fflush(stdout);
}

void ktap_mute(bool mute)
{
	muted = mute;
}

void ktap_diag(const char *fmt, ...)
{
	va_list ap;

	if (muted)
		return;
	va_start(ap, fmt);
	printf("# ");
	vprintf(fmt, ap);
	printf("\n");
	va_end(ap);
	fflush(stdout);
}

void ktap_bail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("# ");
	vprintf(fmt, ap);
	printf("\n");
	va_end(ap);
	if (child) {
		fflush(stdout);
		_exit(1);
	}
	printf("not ok %u %s\n1..%u\n", count + 1, current, count + 1);
	fflush(stdout);
	exit(1);
}

void ktap_child(void)
{
	child = true;
	signal(SIGALRM, SIG_DFL);
}

bool ktap_check(bool cond, const char *text, const char *file, int line)
{
	if (!cond)
		ktap_diag("%s:%d: not so: %s", file, line, text);
	return cond;
}

int ktap_done(void)
{
	printf("1..%u\n", count);
	if (failed)
		return 1;
	return count && skipped == count ? KTAP_SKIP : 0;
}
