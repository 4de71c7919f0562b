// SPDX-License-Identifier: GPL-2.0
/*
 * proc.c - what the kernel says of itself.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ktap.h"
#include "vmm.h"

long proc_number(const char *path, const char *key)
{
	FILE *f = fopen(path, "re");
	size_t n = strlen(key);
	char line[256];
	long val = -1;

	NEED(f);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, key, n))
			val = atol(line + n + strspn(line + n, ": \t"));
	fclose(f);
	return val;
}
