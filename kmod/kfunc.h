/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kfunc.h - what XDP programs may call.
 */
#ifndef VXDP_KFUNC_H
#define VXDP_KFUNC_H

struct vxdp_egress;

int vxdp_kfunc_init(void);
void vxdp_kfunc_deliver_again(struct vxdp_egress *e, u32 port_id);

#endif /* VXDP_KFUNC_H */
