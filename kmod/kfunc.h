/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kfunc.h - what XDP programs may call.
 */
#ifndef VXDP_KFUNC_H
#define VXDP_KFUNC_H

int vxdp_kfunc_init(void);

#endif /* VXDP_KFUNC_H */
