/* SPDX-License-Identifier: GPL-2.0 */
/*
 * bpflog.h - what libbpf and libxdp print.
 *
 * Their warnings are for developers and come by the dozen. They are kept back
 * unless --verbose asks for them; the last one goes into our own error message.
 */
#ifndef VHOST_XDP_BPFLOG_H
#define VHOST_XDP_BPFLOG_H

void bpflog_init(void);
/* Forgets what was said up to here. */
void bpflog_reset(void);
/* The last warning, on one line; "" where there was none. */
const char *bpflog_last(void);

#endif /* VHOST_XDP_BPFLOG_H */
