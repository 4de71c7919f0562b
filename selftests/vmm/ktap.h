/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ktap.h - test results in KTAP, and a deadline for everything that waits.
 *
 * Nothing in these tests sleeps: they wait for events, and every wait falls
 * under the deadline of the test case it is in. A case that overruns is a
 * failure that names the case, and ends the program.
 */
#ifndef SELFTESTS_KTAP_H
#define SELFTESTS_KTAP_H

#include <stdbool.h>

#define KTAP_SKIP 4

/*
 * ktap_slow - how much slower this kernel is than one that checks nothing: 1, or
 * what VXDP_SLOW says. Deadlines are multiplied by it, work may be divided by it.
 */
unsigned int ktap_slow(void);

/* ktap_case - name the case that follows and give it so many seconds */
void ktap_case(unsigned int seconds, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* ktap_ok - the result of the current case */
void ktap_ok(bool ok);

/* ktap_result - one line for a result that has no deadline of its own */
void ktap_result(bool ok, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

void ktap_skip(const char *name, const char *why);
/* ktap_mute - no diagnostics, where failing is what is tested */
void ktap_mute(bool mute);
void ktap_diag(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* ktap_bail - the test cannot go on: report the current case and exit */
void ktap_bail(const char *fmt, ...)
	__attribute__((format(printf, 1, 2), noreturn));

/* ktap_child - after fork(): the results are the parent's, bailing out is exit 1 */
void ktap_child(void);

/* ktap_done - print the plan; the exit code of the program */
int ktap_done(void);

/* Where the condition does not hold, say so and give false. */
#define CHECK(cond) ktap_check((cond), #cond, __FILE__, __LINE__)
bool ktap_check(bool cond, const char *text, const char *file, int line);

/* What the test's own machinery cannot do without. */
#define NEED(cond)							\
	do {								\
		if (!(cond))						\
			ktap_bail("%s:%d: %s: %m", __FILE__, __LINE__,	\
				  #cond);				\
	} while (0)

#endif
