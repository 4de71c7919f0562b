// SPDX-License-Identifier: GPL-2.0
/*
 * cli.c - errors, warnings and the options common to all commands.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

struct options options;

static void tell(const char *prefix, const char *fmt, va_list ap)
{
	fflush(stdout);
	fprintf(stderr, "vhost-xdp: %s", prefix);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

int fail(enum exit_code code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell("", fmt, ap);
	va_end(ap);
	return code;
}

void warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell("warning: ", fmt, ap);
	va_end(ap);
}

int usage(const char *cmd, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell("", fmt, ap);
	va_end(ap);
	fprintf(stderr, "Try 'vhost-xdp help%s%s'.\n", *cmd ? " " : "", cmd);
	return EXIT_USAGE;
}

enum exit_code exit_of(int err)
{
	switch (err < 0 ? -err : err) {
	case 0:
		return EXIT_OK;
	case ENOENT:
	case ENODEV:
		return EXIT_NOT_FOUND;
	case EPERM:
	case EACCES:
		return EXIT_DENIED;
	case EEXIST:
	case EBUSY:
		return EXIT_TAKEN;
	case EOPNOTSUPP:
		return EXIT_UNSUPPORTED;
	default:
		return EXIT_FAILED;
	}
}

int print_json(json_t *doc)
{
	int err = -1;

	if (doc)
		err = json_dumpf(doc, stdout, JSON_INDENT(2));
	json_decref(doc);
	if (err || putchar('\n') == EOF || fflush(stdout))
		return fail(EXIT_FAILED, "cannot write the JSON answer: %s",
			    strerror(errno));
	return EXIT_OK;
}

int take_global_options(int argc, char **argv)
{
	bool over = false;
	int from, to = 1;

	for (from = 1; from < argc; from++) {
		over = over || !strcmp(argv[from], "--");
		if (!over && !strcmp(argv[from], "--json"))
			options.json = true;
		else if (!over && !strcmp(argv[from], "--verbose"))
			options.verbose = true;
		else
			argv[to++] = argv[from];
	}
	argv[to] = NULL;
	return to;
}

const char *one_operand(const char *cmd, const char *what, int argc,
			char **argv)
{
	if (argc == 2 && argv[1][0] != '-')
		return argv[1];
	if (argc < 2)
		usage(cmd, "%s: %s is missing", cmd, what);
	else if (argv[1][0] == '-')
		usage(cmd, "%s: unknown option '%s'", cmd, argv[1]);
	else
		usage(cmd, "%s: one %s only, '%s' is too much", cmd, what,
		      argv[2]);
	return NULL;
}
