// SPDX-License-Identifier: GPL-2.0
/*
 * meter.c - the kernel's own counters, exact ones only.
 */
#include <dirent.h>
#include <ifaddrs.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
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

uint64_t meter_arrived(const char *ifname)
{
	struct ifaddrs *all, *a;
	uint64_t packets = 0;

	NEED(!getifaddrs(&all));
	for (a = all; a; a = a->ifa_next)
		if (a->ifa_addr && a->ifa_addr->sa_family == AF_PACKET &&
		    a->ifa_data && !strcmp(a->ifa_name, ifname))
			packets = ((struct rtnl_link_stats *)a->ifa_data)->rx_packets;
	freeifaddrs(all);
	return packets;
}

static void write_file(const char *path, const char *what)
{
	FILE *f = fopen(path, "we");

	NEED(f && fputs(what, f) > 0 && !fclose(f));
}

static int64_t meminfo(const char *what)
{
	return field("/proc/meminfo", what, true) * 1024;
}

/* MemFree is without the free pages that CPUs keep for themselves: megabytes. */
static int64_t cpus_free_pages(void)
{
	return field("/proc/zoneinfo", "count", true) * sysconf(_SC_PAGESIZE);
}

static int64_t kernel_memory(void)
{
	write_file("/proc/sys/vm/drop_caches", "3");
	write_file("/proc/sys/vm/compact_memory", "1");
	return meminfo("MemTotal") - meminfo("MemFree") - cpus_free_pages() -
	       meminfo("Buffers") - meminfo("Cached") - meminfo("AnonPages") -
	       meminfo("PageTables");
}

/* Much is freed after a grace period, of which nobody tells: until no more is. */
void meter_memory(struct meter_memory *m)
{
	int64_t now = kernel_memory();
	unsigned int same = 0;

	m->kernel = now;
	while (same < 5) {
		usleep(50000);
		now = kernel_memory();
		same = now < m->kernel ? 0 : same + 1;
		if (now < m->kernel)
			m->kernel = now;
	}
	m->slab = meminfo("Slab");
	m->percpu = meminfo("Percpu");
	m->stack = meminfo("KernelStack");
}

void meter_read(struct meter *m)
{
	m->switches = field("/proc/stat", "ctxt", true);
	m->wakeups = worker_sleeps();
}

/* A nop that plugin.c looks for. */
#define MARK(n) asm volatile(".byte 0x0f, 0x1f, 0x80, " #n ", 0x64, 0x78, 0x76" \
			     ::: "memory")

void meter_count(bool on)
{
	if (on)
		MARK(1);
	else
		MARK(2);
}

/* Programs and modules come and go; the kernel's own symbols stay. */
void meter_count_write(unsigned int nr)
{
	const char *dir = getenv("BENCH_COUNT");
	char path[256], line[512];
	FILE *in, *out;

	if (!dir)
		return;
	snprintf(path, sizeof(path), "%s/symbols.%u", dir, nr);
	in = fopen("/proc/kallsyms", "re");
	out = fopen(path, "we");
	NEED(in && out);
	while (fgets(line, sizeof(line), in))
		if (strchr(line, '['))
			fputs(line, out);
	fclose(in);
	NEED(!fclose(out));
	MARK(3);
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
