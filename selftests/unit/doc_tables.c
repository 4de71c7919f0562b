// SPDX-License-Identifier: GPL-2.0
/*
 * doc_tables.c - the tables of docs/abi.md that come from the header, as Markdown.
 * doc_check compares them with what stands there.
 */
#include <linux/vhost_xdp.h>
#include <stdio.h>

#define ROW(sym, name, doc)						\
	printf("| %d | `%s` | %s |\n", VHOST_XDP_STAT_##sym, name, doc);

int main(void)
{
	printf("| | counter | what it counts |\n|---|---|---|\n");
	VHOST_XDP_STATS(ROW)
	return 0;
}
