// SPDX-License-Identifier: GPL-2.0
/*
 * thread.c - a thread with the VMM's address space: one of the VMM's own, or, where
 * it asked for that (VHOST_SET_FORK_FROM_OWNER), one of the kernel's.
 *
 * The first (a vhost_task) lives in the VMM's cgroups, counts among its threads and
 * dies with it. The second is what vhost had before 6.4: it joins the cgroups that the
 * VMM is in and counts there, but no limit refuses it, and it is not moved, frozen or
 * killed with them, so that such a cgroup never says that it is frozen. It holds the
 * address space until it is stopped, by RESET_OWNER or the close of the node.
 */
#include <linux/cgroup.h>
#include <linux/kthread.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include "compat.h"
#include "thread.h"

/**
 * struct vxdp_thread - one of two kinds; immutable
 * @ops: what it does
 * @data: for @ops
 * @vmm: the VMM's thread, or NULL
 * @kernel: the kernel's, or NULL
 * @mm: the address space of @kernel, which holds it in use
 */
struct vxdp_thread {
	const struct vxdp_thread_ops *ops;
	void *data;
	struct vhost_task *vmm;
	struct task_struct *kernel;
	struct mm_struct *mm;
};

static bool run(void *data)
{
	struct vxdp_thread *t = data;

	return t->ops->run(t->data);
}

static void killed(void *data)
{
	struct vxdp_thread *t = data;

	t->ops->killed(t->data);
}

/* As vhost_task_fn() does it, without signals: nobody sends any to a kthread. */
static int loop(void *data)
{
	struct vxdp_thread *t = data;

	kthread_use_mm(t->mm);
	for (;;) {
		/* Before the look for work: see worker.c. */
		set_current_state(TASK_INTERRUPTIBLE);
		if (kthread_should_stop())
			break;
		if (!t->ops->run(t->data))
			schedule();
	}
	__set_current_state(TASK_RUNNING);
	kthread_unuse_mm(t->mm);
	return 0;
}

static int create_of_vmm(struct vxdp_thread *t, const char *name)
{
	struct vhost_task *task = vxdp_vhost_task_create(run, killed, t, name);

	if (IS_ERR(task))
		return PTR_ERR(task);
	t->vmm = task;
	return 0;
}

static int create_of_kernel(struct vxdp_thread *t, const char *name)
{
	struct task_struct *task;
	int ret;

	t->mm = get_task_mm(current);
	if (!t->mm)
		return -EINVAL;
	task = kthread_create(loop, t, "%s", name);
	ret = PTR_ERR_OR_ZERO(task);
	if (ret)
		goto put_mm;
	ret = cgroup_attach_task_all(current, task);
	if (ret) {
		/* It was never woken, so loop() is not called. */
		kthread_stop(task);
		goto put_mm;
	}
	t->kernel = task;
	return 0;

put_mm:
	mmput(t->mm);
	return ret;
}

/**
 * vxdp_thread_create() - make a thread with the caller's address space
 * @ops: what it does
 * @data: for @ops
 * @of_vmm: a thread of the caller's process; else one of the kernel's
 *
 * It runs from vxdp_thread_start() on; vxdp_thread_stop() ends it.
 *
 * Context: process.
 * Return: the thread; -ENOMEM for whatever reason, as vhost_net says, also that the VMM or
 * its cgroup has as many as it may; or -ERESTARTNOINTR where a signal came in between,
 * for the VMM cannot know that it has to try again, which vhost_net leaves to it.
 */
struct vxdp_thread *vxdp_thread_create(const struct vxdp_thread_ops *ops, void *data,
				       bool of_vmm)
{
	struct vxdp_thread *t = kzalloc(sizeof(*t), GFP_KERNEL_ACCOUNT);
	char name[TASK_COMM_LEN];
	int ret;

	if (!t)
		return ERR_PTR(-ENOMEM);
	t->ops = ops;
	t->data = data;
	snprintf(name, sizeof(name), "vxdp-%d", current->pid);
	ret = of_vmm ? create_of_vmm(t, name) : create_of_kernel(t, name);
	if (!ret)
		return t;
	kfree(t);
	return ERR_PTR(ret == -ERESTARTNOINTR ? ret : -ENOMEM);
}

/**
 * vxdp_thread_start() - have a new thread run
 * @t: the thread, which wakers may know already
 *
 * Context: process.
 */
void vxdp_thread_start(struct vxdp_thread *t)
{
	if (t->vmm)
		vhost_task_start(t->vmm);
	else
		wake_up_process(t->kernel);
}

/**
 * vxdp_thread_wake() - have run() called (again)
 * @t: the thread; a full barrier before it reads its state
 *
 * Context: any, interrupts on or off.
 */
void vxdp_thread_wake(struct vxdp_thread *t)
{
	if (t->vmm)
		vhost_task_wake(t->vmm);
	else
		wake_up_process(t->kernel);
}

/**
 * vxdp_thread_stop() - end the thread, wait for it, free it
 * @t: which nobody wakes any more
 *
 * Context: process; no lock that run() takes.
 */
void vxdp_thread_stop(struct vxdp_thread *t)
{
	if (t->vmm) {
		vhost_task_stop(t->vmm);
	} else {
		kthread_stop(t->kernel);
		mmput(t->mm);
	}
	kfree(t);
}
