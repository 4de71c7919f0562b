// SPDX-License-Identifier: GPL-2.0
/*
 * bench - measure the paths, print a line of JSON for each load.
 *
 *	bench [--quick] [--list] [--rounds N] [--only PATTERN]... [OUT]
 *
 * Runs in the VM, see bench.h. Each path has a process of its own, so that its
 * namespaces and devices go away with it. Appends to OUT, progress on stdout.
 */
#include <dirent.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define CASES_MAX 256
#define FILES_MAX 4096
#define PATTERNS_MAX 32

static struct bench_case cases[CASES_MAX];
static FILE *out;

static void print_samples(const struct result *r)
{
	unsigned int i;

	fprintf(out, ", \"samples\": [");
	for (i = 0; i < r->samples; i++)
		fprintf(out, "%s%.1f", i ? ", " : "",
			(double)r->cost[i] / r->frames);
	fprintf(out, "]");
}

static double report(const struct bench_case *c, struct result *r)
{
	char name[64];
	double cost;

	case_name(c, name, sizeof(name));
	fprintf(out, "{\"case\": \"%s\"", name);
	print_samples(r);
	cost = (double)meter_median(r->cost, r->samples) / r->frames;
	fprintf(out, ", \"cost\": %.1f, \"guest\": %.1f, \"bytes\": %.1f",
		cost, (double)r->guest / r->frames,
		(double)r->bytes / r->frames);
	fprintf(out, ", \"frames\": %llu",
		(unsigned long long)r->frames * r->samples);
	fprintf(out, ", \"idle\": %llu, \"switches\": %.4f, \"wakeups\": %.4f",
		(unsigned long long)r->idle, r->switches, r->wakeups);
	fprintf(out, ", \"kicks\": %.4f, \"calls\": %.4f}\n", r->kicks,
		r->calls);
	fflush(out);
	return cost;
}

/*
 * From guest to guest there are two workers, and which runs first after a wake-up
 * would be the scheduler's luck. Of the class SCHED_BATCH nobody breaks in on the
 * other: the first does what it has to do, then the second.
 */
static void workers_in_turn(void)
{
	struct sched_param sp = { 0 };
	DIR *d = opendir("/proc/self/task");
	struct dirent *e;
	pid_t tid;

	NEED(d);
	while ((e = readdir(d))) {
		tid = atoi(e->d_name);
		if (tid && tid != getpid())
			NEED(!sched_setscheduler(tid, SCHED_BATCH, &sp));
	}
	closedir(d);
}

static void run_group(const struct bench_case *c, unsigned int n)
{
	struct sched_param sp = { 0 };
	static struct result r;
	static struct path p;
	unsigned int i;
	char name[64];
	double cost;

	path_open(&p, c->kind, c->guests, c->pairs, c->gso);
	/*
	 * Not before: the vhost workers would be of that class too. Where a process
	 * polls for ever, ours has to go first when it has something to do.
	 */
	sp.sched_priority = p.dpdk ? 1 : 0;
	if (c->guests == 2)
		workers_in_turn();
	NEED(!sched_setscheduler(0, p.dpdk ? SCHED_FIFO : SCHED_IDLE, &sp));
	for (i = 0; i < n; i++) {
		case_name(&c[i], name, sizeof(name));
		load_run(&p, &c[i].load, &r);
		cost = report(&c[i], &r);
		meter_count_write(&c[i] - cases);
		printf("  %-28s %9.0f instructions a %s, %.3f wake-ups, %.3f calls, %.3f kicks\n",
		       name, cost,
		       c[i].load.dir == LOAD_IDLE ? "second" : "frame",
		       r.wakeups, r.calls, r.kicks);
		fflush(stdout);
	}
	path_close(&p);
}

static void print_memory(const char *when, const struct meter_memory *m)
{
	fprintf(out, ", \"%s\": {\"kernel\": %lld, \"slab\": %lld, \"percpu\": %lld, \"stack\": %lld}",
		when, (long long)m->kernel, (long long)m->slab,
		(long long)m->percpu, (long long)m->stack);
	printf("  %-12s %9lld bytes a port: slab %lld, per CPU %lld, stacks %lld, pages for the rest\n",
	       when, (long long)m->kernel, (long long)m->slab,
	       (long long)m->percpu, (long long)m->stack);
}

static void run_memory(const struct bench_case *c)
{
	struct memory m;
	char name[64];

	memory_run(c->kind, &m);
	meter_count_write(c - cases);
	case_name(c, name, sizeof(name));
	fprintf(out, "{\"case\": \"%s\", \"cost\": %lld", name,
		(long long)m.started.kernel);
	print_memory("attached", &m.attached);
	print_memory("started", &m.started);
	print_memory("used", &m.used);
	fprintf(out, "}\n");
	fflush(out);
	fflush(stdout);
}

static void run_fair(const struct bench_case *c)
{
	struct sched_param sp = { .sched_priority = 1 };
	static struct path p;
	struct fair f;
	char name[64];
	double lost;

	path_open(&p, c->kind, c->guests, 1, false);
	NEED(!sched_setscheduler(0, SCHED_FIFO, &sp));
	fair_run(&p, c->load.dir, &f);
	meter_count_write(c - cases);
	path_close(&p);
	lost = 1 - (double)f.arrived / f.offered;
	case_name(c, name, sizeof(name));
	fprintf(out, "{\"case\": \"%s\", \"cost\": %.4f, \"offered\": %llu, \"arrived\": %llu, \"flood\": %llu}\n",
		name, lost, (unsigned long long)f.offered,
		(unsigned long long)f.arrived, (unsigned long long)f.flood);
	fflush(out);
	printf("  %-28s %9.1f %% of %llu frames, beside %llu\n", name,
	       100 - 100 * lost, (unsigned long long)f.offered,
	       (unsigned long long)f.flood);
	fflush(stdout);
}

static void run_prog(const struct bench_case *c)
{
	static struct path p;
	unsigned int cost;
	char name[64];

	path_open(&p, c->kind, 1, 1, false);
	cost = prog_run(&p, c->load.dir);
	meter_count_write(c - cases);
	path_close(&p);
	case_name(c, name, sizeof(name));
	fprintf(out, "{\"case\": \"%s\", \"cost\": %u}\n", name, cost);
	fflush(out);
	printf("  %-28s %9u instructions a run\n", name, cost);
	fflush(stdout);
}

static bool same_path(const struct bench_case *a, const struct bench_case *b)
{
	return a->load.dir < LOAD_MEMORY && b->load.dir < LOAD_MEMORY &&
	       a->kind == b->kind && a->guests == b->guests &&
	       a->pairs == b->pairs && a->gso == b->gso;
}

static int run_forked(const struct bench_case *c, unsigned int n)
{
	pid_t pid = fork();
	int status;

	NEED(pid >= 0);
	if (!pid) {
		ktap_child();
		if (c->load.dir == LOAD_MEMORY)
			run_memory(c);
		else if (c->load.dir >= LOAD_PROG_PASS)
			run_prog(c);
		else if (c->load.dir > LOAD_MEMORY)
			run_fair(c);
		else
			run_group(c, n);
		exit(0);
	}
	NEED(waitpid(pid, &status, 0) == pid);
	return !WIFEXITED(status) || WEXITSTATUS(status);
}

static int run_all(unsigned int n)
{
	unsigned int i, k;
	int bad = 0;

	for (i = 0; i < n; i += k) {
		for (k = 1; i + k < n && same_path(&cases[i], &cases[i + k]);
		     k++)
			;
		printf("[%3u %%] %s, %u guests%s\n", i * 100 / n, cases[i].path,
		       cases[i].guests, cases[i].gso ? ", GSO" : "");
		fflush(stdout);
		bad |= run_forked(cases + i, k);
	}
	return bad;
}

static void list_all(unsigned int n)
{
	char name[64];
	unsigned int i;

	for (i = 0; i < n; i++) {
		case_name(&cases[i], name, sizeof(name));
		puts(name);
	}
}

int main(int argc, char **argv)
{
	static const struct option opts[] = {
		{ "quick", no_argument, NULL, 'q' },
		{ "list", no_argument, NULL, 'l' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "only", required_argument, NULL, 'o' },
		{ 0 },
	};
	unsigned int n, i, rounds = 0, nr_patterns = 0;
	const char *patterns[PATTERNS_MAX];
	bool quick = false, list = false;
	int o;

	while ((o = getopt_long(argc, argv, "", opts, NULL)) != -1) {
		if (o == 'q')
			quick = true;
		else if (o == 'l')
			list = true;
		else if (o == 'r')
			rounds = atoi(optarg);
		else if (o == 'o' && nr_patterns < PATTERNS_MAX)
			patterns[nr_patterns++] = optarg;
		else
			return 2;
	}
	/* A guest has eight descriptors and the VMM's side two more. */
	NEED(!setrlimit(RLIMIT_NOFILE, &(struct rlimit){ FILES_MAX, FILES_MAX }));
	n = cases_build(cases, CASES_MAX, quick, patterns,
			nr_patterns);
	for (i = 0; i < n && rounds; i++)
		cases[i].load.rounds = rounds > LOAD_SAMPLES_MAX ?
				       LOAD_SAMPLES_MAX : rounds;
	if (list) {
		list_all(n);
		return 0;
	}
	out = fopen(optind < argc ? argv[optind] : "/dev/stdout", "ae");
	NEED(out);
	return run_all(n);
}
