// SPDX-License-Identifier: GPL-2.0
/*
 * buf.c - room for the frames that guests send.
 */
#include <linux/mm.h>
#include <linux/topology.h>
#include <net/page_pool/helpers.h>
#include "buf.h"

/* Pages that a CPU keeps of those that come back from other CPUs. */
#define POOL_SIZE	512

/* References a page starts with; more than it can be cut into. */
#define BIAS		(PAGE_SIZE / SMP_CACHE_BYTES)

/* Not GFP_ATOMIC: what is kept for receiving in need is not for a guest to use up. */
#define GFP_BUF		(GFP_NOWAIT | __GFP_NOWARN)

DEFINE_PER_CPU(struct vxdp_buf, vxdp_buf);

/* No more is cut from the page; it goes when its last piece does. */
static void finish_page(struct vxdp_buf *b)
{
	struct page *page = b->page;

	b->page = NULL;
	b->next = NULL;
	b->end = NULL;
	if (page && !page_pool_unref_page(page, BIAS - b->users))
		page_pool_put_unrefed_page(b->pool, page, -1, false);
}

/**
 * vxdp_buf_renew() - begin to cut a new page
 * @b: this CPU's
 *
 * Context: softirqs off.
 * Return: false where there is no memory.
 */
bool vxdp_buf_renew(struct vxdp_buf *b)
{
	finish_page(b);
	b->page = page_pool_alloc_pages(b->pool, GFP_BUF);
	if (!b->page)
		return false;
	page_pool_fragment_page(b->page, BIAS);
	b->users = 0;
	b->next = page_address(b->page);
	b->end = b->next + PAGE_SIZE;
	return true;
}

/**
 * vxdp_buf_pages() - whole pages, for a frame that needs several
 * @b: this CPU's
 * @page: out: the pages, all of one pool
 * @nr: how many
 *
 * Context: softirqs off.
 * Return: false where there is no memory; then there are none.
 */
bool vxdp_buf_pages(struct vxdp_buf *b, struct page **page, u32 nr)
{
	u32 i;

	for (i = 0; i < nr; i++) {
		page[i] = page_pool_alloc_pages(b->pool, GFP_BUF);
		if (!page[i]) {
			while (i--)
				vxdp_buf_put(page_address(page[i]));
			return false;
		}
	}
	return true;
}

/**
 * vxdp_buf_put() - give a piece or a page back
 * @at: anywhere in it
 *
 * Context: any but hard interrupts.
 */
void vxdp_buf_put(void *at)
{
	struct page *page = virt_to_head_page(at);

	page_pool_put_full_page(page->pp, page, false);
}

/**
 * vxdp_buf_put_many() - give pieces of one page back
 * @at: the page
 * @nr: how many; 0 does nothing
 *
 * Context: any but hard interrupts.
 */
void vxdp_buf_put_many(void *at, u32 nr)
{
	struct page *page;

	if (!nr)
		return;
	page = virt_to_head_page(at);
	if (!page_pool_unref_page(page, nr))
		page_pool_put_unrefed_page(page->pp, page, -1, false);
}

static int init_one(int cpu)
{
	struct page_pool_params params = {
		.pool_size = POOL_SIZE,
		.nid = cpu_to_mem(cpu),
	};
	struct vxdp_buf *b = per_cpu_ptr(&vxdp_buf, cpu);
	struct page_pool *pool;
	int ret;

	pool = page_pool_create_percpu(&params, cpu);
	if (IS_ERR(pool))
		return PTR_ERR(pool);
	ret = xdp_reg_mem_model(&b->mem, MEM_TYPE_PAGE_POOL, pool);
	if (ret) {
		page_pool_destroy(pool);
		return ret;
	}
	b->pool = pool;
	return 0;
}

/**
 * vxdp_buf_init() - at module load
 *
 * Return: 0 or an error.
 */
int vxdp_buf_init(void)
{
	int cpu, ret = 0;

	for_each_possible_cpu(cpu) {
		ret = init_one(cpu);
		if (ret)
			break;
	}
	if (ret)
		vxdp_buf_exit();
	return ret;
}

/**
 * vxdp_buf_exit() - at module unload, when no queue pair is left
 *
 * Pages that a driver or a socket still has go back to their pool, which outlives
 * the module. They may do so just now, on the pool's CPU, into its cache, which has
 * no lock and is emptied below, maybe on another: from the grace period on, nobody
 * uses a cache but we.
 *
 * Context: process.
 */
void vxdp_buf_exit(void)
{
	struct vxdp_buf *b;
	int cpu;

	for_each_possible_cpu(cpu) {
		b = per_cpu_ptr(&vxdp_buf, cpu);
		if (b->pool)
			page_pool_disable_direct_recycling(b->pool);
	}
	/* Who has read before that it may, has had softirqs off since. */
	synchronize_net();
	for_each_possible_cpu(cpu) {
		b = per_cpu_ptr(&vxdp_buf, cpu);
		if (!b->pool)
			continue;
		finish_page(b);
		/* One reference is the memory model's, one is ours. */
		xdp_unreg_mem_model(&b->mem);
		page_pool_destroy(b->pool);
		b->pool = NULL;
	}
}
