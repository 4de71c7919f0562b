// SPDX-License-Identifier: GPL-2.0
/*
 * programs - the ingress and egress programs, frame by frame (BPF_PROG_TEST_RUN),
 * on real maps and ports. In the VM, with the module loaded.
 */
#include "progs.h"

int main(void)
{
	if (!ctl_present()) {
		ktap_skip("programs", "vhost_xdp is not loaded");
		return ktap_done();
	}
	ktap_case(60, "load both programs, make five ports, start four guests");
	progs_init();
	ktap_ok(true);
	ingress_cases();
	egress_cases();
	progs_exit();
	return ktap_done();
}
