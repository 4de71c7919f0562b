// SPDX-License-Identifier: GPL-2.0
/*
 * cmd_doctor.c - vhost-xdp doctor: what this kernel and this NIC can do, in
 * words, with the mend for each defect.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "doctor.h"

static const char *const verdict_name[] = {
	[FOUND_OK] = "ok",
	[FOUND_WARN] = "warning",
	[FOUND_BLOCK] = "blocks",
};

void found(struct findings *f, enum verdict verdict, const char *check,
	   const char *mend, const char *fmt, ...)
{
	char text[512];
	json_t *one;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	one = json_pack("{ss ss ss}", "check", check, "verdict",
			verdict_name[verdict], "text", text);
	if (one && mend)
		json_object_set_new(one, "mend", json_string(mend));
	json_array_append_new(f->list, one);
	f->blocks += verdict == FOUND_BLOCK;
	f->warnings += verdict == FOUND_WARN;
}

static void print_findings(const struct findings *f)
{
	const char *check, *verdict, *text, *mend;
	json_t *one;
	size_t i;

	json_array_foreach(f->list, i, one) {
		mend = NULL;
		json_unpack(one, "{ss ss ss s?s}", "check", &check, "verdict",
			    &verdict, "text", &text, "mend", &mend);
		printf("%-8s %-14s %s\n", verdict, check, text);
		if (mend)
			printf("%-23s -> %s\n", "", mend);
	}
	printf("\n%s: %u that block, %u warnings\n",
	       f->blocks ? "Not fit yet" : "Fit", f->blocks, f->warnings);
}

int cmd_doctor(int argc, char **argv)
{
	struct findings f = { .list = json_array() };
	struct link link;
	int ret = EXIT_OK;

	if (argc > 2 || (argc == 2 && argv[1][0] == '-'))
		return usage("doctor", "doctor: '%s' is too much",
			     argv[argc - 1]);
	if (argc == 2)
		ret = link_find("doctor", argv[1], &link);
	if (ret)
		goto out;
	examine_host(&f);
	if (argc == 2)
		examine_uplink(&f, &link);
	if (options.json)
		ret = print_json(json_pack("{sb si si sO}", "fit", !f.blocks,
					   "blocks", f.blocks, "warnings",
					   f.warnings, "findings", f.list));
	else
		print_findings(&f);
	if (!ret && f.blocks)
		ret = EXIT_UNSUPPORTED;
out:
	json_decref(f.list);
	return ret;
}
