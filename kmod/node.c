// SPDX-License-Identifier: GPL-2.0
/*
 * node.c - /dev/vhost-xdp/<port>: the file operations, and the ioctls that concern
 * the queue pair as a whole. Those that name a virtqueue are in ring.c.
 *
 * Numbers and semantics are those of <linux/vhost.h> and the in-tree vhost-net:
 * who checks what first is part of that, because VMMs see it as the error.
 */
#include <linux/eventfd.h>
#include <linux/fs.h>
#include <vhost_later.h>
#include "node.h"
#include "queue.h"

static int open(struct inode *inode, struct file *file)
{
	/* The misc core has put it there, and holds its lock against deletion. */
	struct miscdevice *misc = file->private_data;
	struct vxdp_queue *q;

	q = vxdp_queue_create(container_of(misc, struct vxdp_port, misc));
	if (IS_ERR(q))
		return PTR_ERR(q);
	file->private_data = q;
	return 0;
}

static int release(struct inode *inode, struct file *file)
{
	vxdp_queue_close(file->private_data);
	return 0;
}

static long put_u64(void __user *argp, u64 val)
{
	return copy_to_user(argp, &val, sizeof(val)) ? -EFAULT : 0;
}

static long set_features(struct vxdp_queue *q, void __user *argp)
{
	u64 features;

	if (copy_from_user(&features, argp, sizeof(features)))
		return -EFAULT;
	if (features & ~q->offered)
		return -EOPNOTSUPP;
	return vxdp_queue_set_features(q, features, 0);
}

/* Words of features that are read behind the count: what more is for is not known. */
#define FEATURE_WORDS_MAX	64

/* What there is room for; zeroes behind the words that there are. */
static long get_features_array(struct vxdp_queue *q, u64 __user *argp)
{
	u64 count, word[FEATURE_WORDS_MAX] = { q->offered, q->offered_more };

	if (copy_from_user(&count, argp, sizeof(count)))
		return -EFAULT;
	if (count > FEATURE_WORDS_MAX)
		return -E2BIG;
	return copy_to_user(argp + 1, word, count * sizeof(*word)) ? -EFAULT : 0;
}

static long set_features_array(struct vxdp_queue *q, u64 __user *argp)
{
	u64 count, word[FEATURE_WORDS_MAX] = { 0 };

	if (copy_from_user(&count, argp, sizeof(count)))
		return -EFAULT;
	if (count > FEATURE_WORDS_MAX)
		return -E2BIG;
	if (copy_from_user(word, argp + 1, count * sizeof(*word)))
		return -EFAULT;
	if (word[0] & ~q->offered || word[1] & ~q->offered_more ||
	    memchr_inv(word + 2, 0, sizeof(word) - 2 * sizeof(*word)))
		return -EOPNOTSUPP;
	return vxdp_queue_set_features(q, word[0], word[1]);
}

static long set_fork(struct vxdp_queue *q, u8 __user *argp)
{
	u8 kind;

	/* The worker is there already. */
	if (q->mm)
		return -EBUSY;
	if (get_user(kind, argp))
		return -EFAULT;
	if (kind != VHOST_FORK_OWNER_TASK && kind != VHOST_FORK_OWNER_KTHREAD)
		return -EINVAL;
	q->vmm_thread = kind == VHOST_FORK_OWNER_TASK;
	return 0;
}

static long get_fork(struct vxdp_queue *q, u8 __user *argp)
{
	u8 kind = q->vmm_thread ? VHOST_FORK_OWNER_TASK : VHOST_FORK_OWNER_KTHREAD;

	return put_user(kind, argp);
}

static long set_backend_features(struct vxdp_queue *q, void __user *argp)
{
	u64 features;

	if (copy_from_user(&features, argp, sizeof(features)))
		return -EFAULT;
	if (features & ~VXDP_BACKEND_FEATURES)
		return -EOPNOTSUPP;
	vxdp_queue_set_backend_features(q, features);
	return 0;
}

static long set_backend(struct vxdp_queue *q, void __user *argp)
{
	struct vhost_vring_file f;

	if (copy_from_user(&f, argp, sizeof(f)))
		return -EFAULT;
	return vxdp_queue_set_backend(q, f.index, f.fd);
}

static long set_mem_table(struct vxdp_queue *q, void __user *argp)
{
	struct vhost_memory_region *regions;
	struct vhost_memory head;
	struct vxdp_memory *mem;
	size_t size;
	int ret;

	if (copy_from_user(&head, argp, sizeof(head)))
		return -EFAULT;
	if (head.padding)
		return -EOPNOTSUPP;
	if (head.nregions > VXDP_MEM_REGIONS_MAX)
		return -E2BIG;

	size = head.nregions * sizeof(*regions);
	regions = kvmalloc(size, GFP_KERNEL);
	if (!regions)
		return -ENOMEM;
	ret = -EFAULT;
	if (copy_from_user(regions, argp + sizeof(head), size))
		goto free_regions;
	mem = vxdp_memory_create(regions, head.nregions, &ret);
	if (!mem)
		goto free_regions;
	ret = vxdp_queue_set_memory(q, mem);
	if (ret)
		vxdp_memory_free(mem);
free_regions:
	kvfree(regions);
	return ret;
}

static long set_log_base(struct vxdp_queue *q, void __user *argp)
{
	u64 base;

	if (copy_from_user(&base, argp, sizeof(base)))
		return -EFAULT;
	return vxdp_queue_set_log_base(q, base);
}

static long set_log_fd(struct vxdp_queue *q, void __user *argp)
{
	struct eventfd_ctx *ctx = NULL;
	int fd;

	if (get_user(fd, (int __user *)argp))
		return -EFAULT;
	if (fd != VHOST_FILE_UNBIND) {
		ctx = eventfd_ctx_fdget(fd);
		if (IS_ERR(ctx))
			return PTR_ERR(ctx);
	}
	vxdp_queue_set_log_fd(q, ctx);
	return 0;
}

static long owner_ioctl(struct vxdp_queue *q, unsigned int cmd, void __user *argp)
{
	int ret = vxdp_queue_check_owner(q);

	if (ret)
		return ret;
	switch (cmd) {
	case VHOST_SET_MEM_TABLE:
		return set_mem_table(q, argp);
	case VHOST_SET_LOG_BASE:
		return set_log_base(q, argp);
	case VHOST_SET_LOG_FD:
		return set_log_fd(q, argp);
	default:
		return vxdp_ring_ioctl(q, cmd, argp);
	}
}

static long ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vxdp_queue *q = file->private_data;
	void __user *argp = (void __user *)arg;
	long ret;

	mutex_lock(&q->lock);
	switch (cmd) {
	case VHOST_GET_FEATURES:
		ret = put_u64(argp, q->offered);
		break;
	case VHOST_SET_FEATURES:
		ret = set_features(q, argp);
		break;
	case VHOST_GET_FEATURES_ARRAY:
		ret = get_features_array(q, argp);
		break;
	case VHOST_SET_FEATURES_ARRAY:
		ret = set_features_array(q, argp);
		break;
	case VHOST_GET_BACKEND_FEATURES:
		ret = put_u64(argp, VXDP_BACKEND_FEATURES);
		break;
	case VHOST_SET_BACKEND_FEATURES:
		ret = set_backend_features(q, argp);
		break;
	case VHOST_SET_OWNER:
		ret = vxdp_queue_set_owner(q);
		break;
	case VHOST_SET_FORK_FROM_OWNER:
		ret = set_fork(q, argp);
		break;
	case VHOST_GET_FORK_FROM_OWNER:
		ret = get_fork(q, argp);
		break;
	case VHOST_RESET_OWNER:
		ret = vxdp_queue_reset_owner(q);
		break;
	case VHOST_NET_SET_BACKEND:
		ret = set_backend(q, argp);
		break;
	default:
		ret = owner_ioctl(q, cmd, argp);
	}
	mutex_unlock(&q->lock);
	return ret;
}

static ssize_t read(struct kiocb *iocb, struct iov_iter *to)
{
	struct file *file = iocb->ki_filp;

	return vxdp_message_read(file->private_data, to, file->f_flags & O_NONBLOCK);
}

static ssize_t write(struct kiocb *iocb, struct iov_iter *from)
{
	return vxdp_message_write(iocb->ki_filp->private_data, from);
}

static __poll_t poll(struct file *file, poll_table *table)
{
	return vxdp_message_poll(file->private_data, file, table);
}

/* The operations of every port's node. */
const struct file_operations vxdp_node_fops = {
	.owner		= THIS_MODULE,
	.open		= open,
	.release	= release,
	.read_iter	= read,
	.write_iter	= write,
	.poll		= poll,
	.unlocked_ioctl	= ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.llseek		= noop_llseek,
};
