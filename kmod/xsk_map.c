// SPDX-License-Identifier: GPL-2.0
/*
 * xsk_map.c - memory and rings of an AF_XDP socket.
 *
 * An AF_XDP socket is made for a program: its memory is what the program has
 * mapped, and its rings are reached by mmap. So all of this happens in the address
 * space of who makes the port, who is in a system call of ours meanwhile: memory
 * and rings are mapped there, pinned, mapped for the kernel, and unmapped there
 * again. What is left belongs to no process.
 *
 * A thread of that process could keep a mapping, and so write to rings and memory
 * later on: core/xsk_ring.c believes nothing that is written there. It would also
 * hold the file, see vxdp_xsk_create().
 */
#include <linux/if_xdp.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/net.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <net/sock.h>
#include "xsk.h"

#define UMEM_SIZE	((VXDP_XSK_RX_CHUNKS + VXDP_XSK_TX_CHUNKS) * VXDP_XSK_CHUNK)

/* Each ring: how the socket calls it, and its entries. */
static const struct ring_kind {
	int option;
	u64 pgoff;
	u32 num;
	u32 entry;
} kinds[VXDP_XSK_MAPS] = {
	[VXDP_XSK_FILL] = { XDP_UMEM_FILL_RING, XDP_UMEM_PGOFF_FILL_RING,
			    VXDP_XSK_RX_CHUNKS, sizeof(u64) },
	[VXDP_XSK_COMP] = { XDP_UMEM_COMPLETION_RING, XDP_UMEM_PGOFF_COMPLETION_RING,
			    VXDP_XSK_TX_CHUNKS, sizeof(u64) },
	[VXDP_XSK_RX] = { XDP_RX_RING, XDP_PGOFF_RX_RING,
			  VXDP_XSK_RX_CHUNKS, sizeof(struct xdp_desc) },
	[VXDP_XSK_TX] = { XDP_TX_RING, XDP_PGOFF_TX_RING,
			  VXDP_XSK_TX_CHUNKS, sizeof(struct xdp_desc) },
};

static void unmap(struct vxdp_xsk_map *map)
{
	if (map->at)
		vunmap(map->at);
	if (map->page)
		unpin_user_pages(map->page, map->nr);
	kvfree(map->page);
	*map = (struct vxdp_xsk_map){};
}

/* Pages that the caller has mapped at @uaddr become ours as well. */
static int take_pages(struct vxdp_xsk_map *map, unsigned long uaddr, unsigned long len,
		      unsigned int flags)
{
	unsigned long nr = PAGE_ALIGN(len) >> PAGE_SHIFT;
	struct page **page;
	long got;

	page = kvcalloc(nr, sizeof(*page), GFP_KERNEL_ACCOUNT);
	if (!page)
		return -ENOMEM;
	mmap_read_lock(current->mm);
	got = pin_user_pages(uaddr, nr, FOLL_WRITE | flags, page);
	mmap_read_unlock(current->mm);
	if (got <= 0) {
		kvfree(page);
		return got ? got : -EFAULT;
	}
	map->page = page;
	map->nr = got;
	map->at = got == nr ? vmap(page, nr, VM_MAP, PAGE_KERNEL) : NULL;
	if (map->at)
		return 0;
	unmap(map);
	return -ENOMEM;
}

/* It fails where the caller is being killed, for one. Return: the first error. */
static int unmap_user(unsigned long uaddr, unsigned long len, int ret)
{
	int err = vm_munmap(uaddr, len);

	return ret ? ret : err;
}

static int set_option(struct socket *sock, int option, void *val, unsigned int len)
{
	return sock->ops->setsockopt(sock, SOL_XDP, option, KERNEL_SOCKPTR(val), len);
}

/* The answer goes to user memory only, so by way of what is to be the UMEM. */
static int get_offsets(struct socket *sock, unsigned long uaddr, struct xdp_mmap_offsets *off)
{
	int __user *len = (int __user *)(uaddr + sizeof(*off));
	char __user *at = (char __user *)uaddr;
	int ret;

	if (put_user((int)sizeof(*off), len))
		return -EFAULT;
	/* The socket's own call has another form from 7.x on; "compat": not for BPF to see. */
	ret = do_sock_getsockopt(sock, true, SOL_XDP, XDP_MMAP_OFFSETS, USER_SOCKPTR(at),
				 USER_SOCKPTR(len));
	if (!ret && copy_from_user(off, at, sizeof(*off)))
		ret = -EFAULT;
	return ret;
}

static int map_umem(struct vxdp_xsk *x, struct socket *sock, struct xdp_mmap_offsets *off)
{
	struct xdp_umem_reg reg = {
		.len = UMEM_SIZE,
		.chunk_size = VXDP_XSK_CHUNK,
	};
	unsigned long uaddr;
	int ret;

	uaddr = vm_mmap(NULL, 0, UMEM_SIZE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, 0);
	if (IS_ERR_VALUE(uaddr))
		return uaddr;
	reg.addr = uaddr;
	ret = get_offsets(sock, uaddr, off);
	if (!ret)
		ret = set_option(sock, XDP_UMEM_REG, &reg, sizeof(reg));
	if (!ret)
		ret = take_pages(&x->map[VXDP_XSK_UMEM], uaddr, UMEM_SIZE, FOLL_LONGTERM);
	return unmap_user(uaddr, UMEM_SIZE, ret);
}

static bool fits(u64 off, u64 size, u64 len)
{
	return off < len && size <= len - off && !(off % sizeof(u64));
}

static int map_ring(struct vxdp_xsk *x, enum vxdp_xsk_map_index i, struct file *file,
		    const struct xdp_ring_offset *off, struct vxdp_xring *ring)
{
	const struct ring_kind *kind = &kinds[i];
	struct vxdp_xsk_map *map = &x->map[i];
	u64 len = off->desc + (u64)kind->num * kind->entry;
	unsigned long uaddr;
	int ret;

	/* What went through user memory is looked at again. */
	if (len > SZ_1M || !fits(off->producer, sizeof(u32), len) ||
	    !fits(off->consumer, sizeof(u32), len) ||
	    !fits(off->desc, (u64)kind->num * kind->entry, len))
		return -EFAULT;
	uaddr = vm_mmap(file, 0, len, PROT_READ | PROT_WRITE, MAP_SHARED, kind->pgoff);
	if (IS_ERR_VALUE(uaddr))
		return uaddr;
	ret = take_pages(map, uaddr, len, 0);
	ret = unmap_user(uaddr, len, ret);
	if (ret)
		return ret;
	*ring = (struct vxdp_xring){
		.producer = map->at + off->producer,
		.consumer = map->at + off->consumer,
		.desc = map->at + off->desc,
		.num = kind->num,
	};
	return 0;
}

static int make_rings(struct socket *sock)
{
	int i, ret = 0;

	for (i = VXDP_XSK_FILL; i < VXDP_XSK_MAPS && !ret; i++) {
		int num = kinds[i].num;

		ret = set_option(sock, kinds[i].option, &num, sizeof(num));
	}
	return ret;
}

/**
 * vxdp_xsk_map() - give a socket its memory and its rings, and get at them
 * @x: where to note them; on failure too, vxdp_xsk_unmap() has to follow
 * @sock: a new AF_XDP socket
 * @file: its file
 *
 * The memory counts as the caller's: for its limit of locked memory and its
 * cgroup.
 *
 * Context: process, with an address space.
 * Return: 0; -ENOBUFS where locked memory is limited; -ENOMEM; what mmap says.
 */
int vxdp_xsk_map(struct vxdp_xsk *x, struct socket *sock, struct file *file)
{
	struct xdp_mmap_offsets off;
	int ret;

	ret = make_rings(sock);
	if (!ret)
		ret = map_umem(x, sock, &off);
	if (!ret)
		ret = map_ring(x, VXDP_XSK_FILL, file, &off.fr, &x->rx.fill);
	if (!ret)
		ret = map_ring(x, VXDP_XSK_RX, file, &off.rx, &x->rx.rx);
	if (!ret)
		ret = map_ring(x, VXDP_XSK_TX, file, &off.tx, &x->tx.tx);
	if (!ret)
		ret = map_ring(x, VXDP_XSK_COMP, file, &off.cr, &x->tx.comp);
	if (ret)
		return ret;
	x->rx.umem = x->map[VXDP_XSK_UMEM].at;
	x->rx.chunks = VXDP_XSK_RX_CHUNKS;
	x->tx.umem = x->map[VXDP_XSK_UMEM].at;
	x->tx.first = VXDP_XSK_RX_CHUNKS;
	x->tx.chunks = VXDP_XSK_TX_CHUNKS;
	x->tx.free = x->tx_free;
	x->tx.busy = x->tx_busy;
	return 0;
}

/**
 * vxdp_xsk_unmap() - let go of memory and rings
 * @x: whose; nobody uses them any more
 *
 * Context: process.
 */
void vxdp_xsk_unmap(struct vxdp_xsk *x)
{
	int i;

	for (i = 0; i < VXDP_XSK_MAPS; i++)
		unmap(&x->map[i]);
}
