/* SPDX-License-Identifier: GPL-2.0 */
/*
 * cli.h - what every command of vhost-xdp shares: exit codes, the way errors are
 * told, and the global options.
 *
 * Functions that can fail for a reason the user must know tell it themselves by
 * fail() and return the exit code, 0 being success; their callers only pass it
 * on. An error says what failed, on what, and what to do next.
 */
#ifndef VHOST_XDP_CLI_H
#define VHOST_XDP_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>

#define VHOST_XDP_VERSION	"0.1.0"

/* The exit codes; vhost-xdp(8) documents them. */
enum exit_code {
	EXIT_OK = 0,
	EXIT_FAILED = 1,	/* anything that has no code of its own */
	EXIT_USAGE = 2,		/* the command line */
	EXIT_NOT_FOUND = 3,	/* no such port, uplink or user */
	EXIT_DENIED = 4,	/* not permitted */
	EXIT_TAKEN = 5,		/* name, address or uplink in use */
	EXIT_UNSUPPORTED = 6,	/* this kernel or NIC cannot do it as it is */
};

struct options {
	bool json;
	bool verbose;
};

extern struct options options;

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *args;
	const char *help;
};

int cmd_attach(int argc, char **argv);
int cmd_detach(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_stats(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_qemu_args(int argc, char **argv);
int cmd_run(int argc, char **argv);

/* Prints "vhost-xdp: ..." and returns @code, for return fail(...). */
int fail(enum exit_code code, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The same for what is not fatal. */
void warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* A usage error of @cmd, with the way to its help. */
int usage(const char *cmd, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The exit code that suits a negative errno. */
enum exit_code exit_of(int err);

/* Prints @doc (and frees it) on standard output, as JSON. */
int print_json(json_t *doc);

/*
 * Cuts the options that stand for themselves anywhere on a command line, up to "--",
 * (--json, --verbose) out of it and returns what is left of @argc.
 */
int take_global_options(int argc, char **argv);
/* The one operand of a command that takes one; NULL after telling it. */
const char *one_operand(const char *cmd, const char *what, int argc,
			char **argv);

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#endif /* VHOST_XDP_CLI_H */
