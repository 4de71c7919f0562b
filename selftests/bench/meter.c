// SPDX-License-Identifier: GPL-2.0
/*
 * meter.c - the kernel's own counters, exact ones only.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"

/* The number behind @key in @path, summed over the lines that start with it. */
static uint64_t field(const char *path, const char *key, bool needed)
{
	unsigned long long v, sum = 0;
	FILE *f = fopen(path, "re");
	bool found = false;
	char line[512];
	char *p;

	if (!f && !needed)
		return 0;
	NEED(f);
	while (fgets(line, sizeof(line), f)) {
		p = line + strspn(line, " .");
		if (strncmp(p, key, strlen(key)))
			continue;
		p += strlen(key);
		p += strspn(p, " \t:");
		if (sscanf(p, "%llu", &v) == 1) {
			sum += v;
			found = true;
		}
	}
	fclose(f);
	if (!found && needed)
		ktap_bail("no %s in %s", key, path);
	return sum;
}

/* A vhost worker is a thread of this process, and nothing else is. */
static uint64_t worker_sleeps(void)
{
	DIR *d = opendir("/proc/self/task");
	struct dirent *e;
	uint64_t sum = 0;
	char path[300];

	NEED(d);
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.' ||
		    atoi(e->d_name) == (int)syscall(SYS_gettid))
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%s/status",
			 e->d_name);
		sum += field(path, "voluntary_ctxt_switches", false);
	}
	closedir(d);
	return sum;
}

/* To the ns, and without the interrupts that came while it was idle. */
uint64_t meter_idle(void)
{
	return field("/proc/timer_list", "idle_sleeptime", true);
}

void meter_read(struct meter *m)
{
	m->switches = field("/proc/stat", "ctxt", true);
	m->wakeups = worker_sleeps();
}

static void say(const char *fifo, const char *what)
{
	FILE *f = fopen(fifo, "we");

	NEED(f && fputs(what, f) > 0 && !fclose(f));
}

void meter_profile(bool on)
{
	const char *ctl = getenv("BENCH_PERF"), *ack = getenv("BENCH_PERF_ACK");
	char answer[16];
	FILE *f;

	if (!ctl || !ack)
		return;
	say(ctl, on ? "enable\n" : "disable\n");
	f = fopen(ack, "re");
	NEED(f && fgets(answer, sizeof(answer), f));
	fclose(f);
}

static int ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

uint64_t meter_median(uint64_t *v, unsigned int n)
{
	NEED(n);
	qsort(v, n, sizeof(*v), ascending);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}
