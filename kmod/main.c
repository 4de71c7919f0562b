// SPDX-License-Identifier: GPL-2.0
/*
 * main.c - load and unload.
 */
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/vhost_xdp.h>
#include <net/net_namespace.h>
#include "buf.h"
#include "fast.h"
#include "kfunc.h"
#include "netlink.h"
#include "port.h"
#include "put.h"
#include "queue.h"
#include "taker.h"
#include "uplink.h"

static struct pernet_operations pernet_ops = {
	.exit = vxdp_port_delete_net,
};

static int __init vxdp_init(void)
{
	int ret;

	vxdp_ports_init();
	ret = vxdp_put_init();
	if (ret)
		return ret;
	ret = vxdp_fast_init();
	if (ret)
		goto exit_put;
	ret = vxdp_buf_init();
	if (ret)
		goto exit_fast;
	ret = vxdp_taker_init();
	if (ret)
		goto exit_buf;
	ret = vxdp_uplink_init();
	if (ret)
		goto exit_taker;
	ret = register_pernet_subsys(&pernet_ops);
	if (ret)
		goto exit_uplink;
	ret = vxdp_kfunc_init();
	if (ret)
		goto exit_pernet;
	ret = vxdp_netlink_init();
	if (ret)
		goto exit_pernet;
	return 0;

exit_pernet:
	unregister_pernet_subsys(&pernet_ops);
exit_uplink:
	vxdp_uplink_exit();
exit_taker:
	vxdp_taker_exit();
exit_buf:
	vxdp_buf_exit();
exit_fast:
	vxdp_fast_exit();
exit_put:
	vxdp_put_exit();
	return ret;
}

/*
 * Every port and every open holds the module, so none is left here, nor a program
 * that calls the kfunc. What may be left is memory that waits for a grace period.
 */
static void __exit vxdp_exit(void)
{
	vxdp_netlink_exit();
	unregister_pernet_subsys(&pernet_ops);
	vxdp_uplink_exit();
	vxdp_taker_exit();
	vxdp_fast_exit();
	vxdp_put_exit();
	vxdp_buf_exit();
	vxdp_scratch_exit();
	rcu_barrier();
}

module_init(vxdp_init);
module_exit(vxdp_exit);

MODULE_DESCRIPTION("vhost-net with XDP in place of the tap");
MODULE_LICENSE("GPL");
MODULE_ALIAS("net-pf-16-proto-16-family-" VHOST_XDP_GENL_NAME);
