// SPDX-License-Identifier: GPL-2.0
/*
 * main.c - vhost-xdp: gives guests a place on an uplink's XDP path.
 *
 * Only the command table; each command has a file of its own, cmd_*.c.
 */
#include <stdio.h>
#include <string.h>

#include "bpflog.h"
#include "cli.h"

static int cmd_help(int argc, char **argv);

static const struct command commands[] = {
	{ "attach", cmd_attach, "UPLINK|--no-uplink --port NAME [OPTION]...",
	  "make a port for a guest\n"
	  "  UPLINK              network interface that the guest shares\n"
	  "  --no-uplink         none: plain vhost-net over the VMM's tap\n"
	  "  --port NAME         the node becomes /dev/vhost-xdp/NAME\n"
	  "  --mac MAC           address of the guest, may be repeated (random)\n"
	  "  --vlan ID           access VLAN, 1 to 4094 (untagged)\n"
	  "  --queues N          queue pairs, 1 to 256 (1)\n"
	  "  --lane xdp|xsk      the driver's XDP, or AF_XDP on queues of its own (xdp)\n"
	  "  --queue N           with xsk: the uplink's first queue for it (0)\n"
	  "  --mode native|skb   how XDP runs at the uplink (native)\n"
	  "  --owner USER        who may open the node (root)\n"
	  "  --features LIST     offer only these to the guest, or all but -these\n"
	  "  --no-spoof-check    let the guest send from any address" },
	{ "detach", cmd_detach, "NAME", "take a port down again" },
	{ "list", cmd_list, "", "all ports, one a line" },
	{ "show", cmd_show, "NAME", "all about one port" },
	{ "stats", cmd_stats, "[NAME] [--all]",
	  "what was carried by which lane, and what was dropped and why\n"
	  "  --all               the drops that did not happen, too" },
	{ "doctor", cmd_doctor, "[UPLINK]",
	  "what this kernel and this NIC can do, and what to mend" },
	{ "qemu-args", cmd_qemu_args, "NAME",
	  "the options that give a port to QEMU" },
	{ "run", cmd_run, "NAME -- COMMAND [ARGUMENT]...",
	  "start QEMU with the tap and the node open, for several queue pairs" },
	{ "help", cmd_help, "[COMMAND]", "this list, or all about one command" },
};

static const struct command *find_command(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static void print_commands(FILE *to)
{
	size_t i;

	fputs("Usage: vhost-xdp COMMAND [ARGUMENT]... [--json] [--verbose]\n\n"
	      "Commands:\n", to);
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(to, "  %-10s %.*s\n", commands[i].name,
			(int)strcspn(commands[i].help, "\n"), commands[i].help);
	fputs("\nOptions:\n"
	      "  --json     answer in JSON\n"
	      "  --verbose  what libbpf and libxdp have to say\n"
	      "  --version  print the version\n\n"
	      "See vhost-xdp(8).\n", to);
}

static int help_json(void)
{
	json_t *doc = json_array();
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		json_array_append_new(doc, json_pack("{ssssss}",
			"command", commands[i].name,
			"arguments", commands[i].args,
			"help", commands[i].help));
	return print_json(doc);
}

static int cmd_help(int argc, char **argv)
{
	const struct command *cmd;

	if (options.json)
		return help_json();
	if (argc < 2) {
		print_commands(stdout);
		return EXIT_OK;
	}
	cmd = find_command(argv[1]);
	if (!cmd)
		return usage("", "help: no command '%s'", argv[1]);
	printf("Usage: vhost-xdp %s %s\n\n%s\n", cmd->name, cmd->args,
	       cmd->help);
	return EXIT_OK;
}

static int print_version(void)
{
	if (options.json)
		return print_json(json_pack("{ss}", "version",
					    VHOST_XDP_VERSION));
	puts("vhost-xdp " VHOST_XDP_VERSION);
	return EXIT_OK;
}

int main(int argc, char **argv)
{
	const struct command *cmd;

	argc = take_global_options(argc, argv);
	bpflog_init();
	if (argc < 2) {
		print_commands(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--version"))
		return print_version();
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return cmd_help(1, argv);
	cmd = find_command(argv[1]);
	if (!cmd)
		return usage("", "no command '%s'", argv[1]);
	if (argc > 2 && !strcmp(argv[2], "--help"))
		return cmd_help(2, (char *[]){ "help", argv[1], NULL });
	return cmd->run(argc - 1, argv + 1);
}
