/* SPDX-License-Identifier: GPL-2.0 */
/*
 * thread.h - what a worker runs on: a thread of the VMM, or a kernel thread.
 */
#ifndef VXDP_THREAD_H
#define VXDP_THREAD_H

#include <linux/types.h>

struct vxdp_thread;

/**
 * struct vxdp_thread_ops - what the thread does
 * @run: called in state TASK_INTERRUPTIBLE; returns false to sleep
 * @killed: a signal ended the VMM's thread; @run is not called any more
 */
struct vxdp_thread_ops {
	bool (*run)(void *data);
	void (*killed)(void *data);
};

struct vxdp_thread *vxdp_thread_create(const struct vxdp_thread_ops *ops, void *data,
				       bool of_vmm);
void vxdp_thread_start(struct vxdp_thread *t);
void vxdp_thread_wake(struct vxdp_thread *t);
void vxdp_thread_stop(struct vxdp_thread *t);

#endif /* VXDP_THREAD_H */
