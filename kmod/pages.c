// SPDX-License-Identifier: GPL-2.0
/*
 * pages.c - find the guest's pages for a softirq, which cannot fault them in, and
 * without pinning them.
 *
 * The worker faults a page in and remembers where the kernel has it, without a
 * reference. Before the page is unmapped, moved, shared, write-protected or
 * swapped out, the MMU notifier calls; it takes the lock under which addresses
 * are used, and forgets the page.
 *
 * A page that is faulted in while ranges go is remembered only if it is in none of
 * them and none has gone meanwhile, as KVM has it. Nobody waits for a range: it may
 * be long on its way, and not even concern us.
 *
 * A page is marked dirty when it is remembered, for what is written to it by our
 * address does not show in the VMM's page table.
 */
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include "pages.h"

static bool overlaps(const struct vxdp_area *a, unsigned long start, unsigned long end)
{
	return a->uaddr < end && a->uaddr + a->len > start;
}

static void forget_all(struct vxdp_pages *p)
{
	memset(p->page, 0xff, VXDP_PAGES_SETS * sizeof(*p->page));
}

/* Both numbers included. */
static void forget_pages(struct vxdp_pages *p, u64 first, u64 last)
{
	struct vxdp_page *page = p->page[0];
	u64 number;
	u32 i;

	if (last - first >= VXDP_PAGES_SETS) {
		for (i = 0; i < VXDP_PAGES_SETS * VXDP_PAGES_WAYS; i++) {
			if (page[i].number >= first && page[i].number <= last)
				page[i].number = VXDP_PAGE_NONE;
		}
		return;
	}
	for (number = first; number <= last; number++) {
		page = p->page[number % VXDP_PAGES_SETS];
		for (i = 0; i < VXDP_PAGES_WAYS; i++) {
			if (page[i].number == number)
				page[i].number = VXDP_PAGE_NONE;
		}
	}
}

/*
 * A page that is remembered was found by a region, so by that one it is found here;
 * other regions that have the same user memory cost but a look.
 */
static void forget_range(struct vxdp_pages *p, u64 start, u64 end)
{
	const struct vhost_memory_region *r;
	u64 from, to, shift;
	u32 i, looks = 0;

	for (i = 0; p->mem && i < p->mem->nr; i++) {
		r = &p->mem->region[i];
		from = max(start, r->userspace_addr);
		to = min(end, r->userspace_addr + r->memory_size);
		shift = r->guest_phys_addr - r->userspace_addr;
		if (from >= to)
			continue;
		/* The VMM says how many regions have it, and a softirq waits. */
		looks += min_t(u64, PFN_UP(to - from), VXDP_PAGES_SETS);
		if (looks > 2 * VXDP_PAGES_SETS) {
			forget_all(p);
			return;
		}
		forget_pages(p, (from + shift) >> PAGE_SHIFT, (to - 1 + shift) >> PAGE_SHIFT);
	}
}

static void lose_areas(struct vxdp_pages *p, unsigned long start, unsigned long end)
{
	int i;

	for (i = 0; p->areas_ok && i < VXDP_AREAS; i++) {
		if (overlaps(&p->area[i], start, end)) {
			p->lost(p);
			p->areas_ok = false;
		}
	}
}

static int range_start(struct mmu_notifier *notifier, const struct mmu_notifier_range *range)
{
	struct vxdp_pages *p = container_of(notifier, struct vxdp_pages, notifier);

	spin_lock_bh(&p->lock);
	if (!p->going++) {
		p->going_start = range->start;
		p->going_end = range->end;
	} else {
		p->going_start = min(p->going_start, range->start);
		p->going_end = max(p->going_end, range->end);
	}
	lose_areas(p, range->start, range->end);
	forget_range(p, range->start, range->end);
	spin_unlock_bh(&p->lock);
	return 0;
}

static void range_end(struct mmu_notifier *notifier, const struct mmu_notifier_range *range)
{
	struct vxdp_pages *p = container_of(notifier, struct vxdp_pages, notifier);

	spin_lock_bh(&p->lock);
	p->gone++;
	p->going--;
	spin_unlock_bh(&p->lock);
}

/* The address space goes, or we leave it: in both cases nothing is known any more. */
static void release(struct mmu_notifier *notifier, struct mm_struct *mm)
{
	struct vxdp_pages *p = container_of(notifier, struct vxdp_pages, notifier);

	spin_lock_bh(&p->lock);
	p->gone++;
	lose_areas(p, 0, ULONG_MAX);
	forget_all(p);
	spin_unlock_bh(&p->lock);
}

static const struct mmu_notifier_ops notifier_ops = {
	.invalidate_range_start = range_start,
	.invalidate_range_end = range_end,
	.release = release,
};

/* Context: @p->lock. Is what was faulted in since @gone still what is there? */
static bool still_there(const struct vxdp_pages *p, u64 gone, u64 start, u64 end)
{
	lockdep_assert_held(&p->lock);
	if (p->going && start < p->going_end && end > p->going_start)
		return false;
	return p->gone == gone;
}

static u64 read_gone(struct vxdp_pages *p)
{
	u64 gone;

	spin_lock_bh(&p->lock);
	gone = p->gone;
	spin_unlock_bh(&p->lock);
	return gone;
}

/**
 * vxdp_pages_init() - know nothing
 * @p: zeroed memory
 * @lost: see struct vxdp_pages
 */
void vxdp_pages_init(struct vxdp_pages *p, void (*lost)(struct vxdp_pages *p))
{
	spin_lock_init(&p->lock);
	p->lost = lost;
}

/**
 * vxdp_pages_start() - begin to watch the caller's address space
 * @p: not started
 *
 * Context: process, the VMM.
 * Return: 0, -ENOMEM, or -ERESTARTNOINTR where a signal came.
 */
int vxdp_pages_start(struct vxdp_pages *p)
{
	int ret;

	p->page = kvmalloc_array(VXDP_PAGES_SETS, sizeof(*p->page), GFP_KERNEL_ACCOUNT);
	if (!p->page)
		return -ENOMEM;
	forget_all(p);
	p->notifier.ops = &notifier_ops;
	p->going = 0;
	ret = mmu_notifier_register(&p->notifier, current->mm);
	if (ret) {
		kvfree(p->page);
		p->page = NULL;
	}
	/* VMMs do not expect EINTR of an ioctl that never gave it. */
	return ret == -EINTR ? -ERESTARTNOINTR : ret;
}

/**
 * vxdp_pages_stop() - watch no more
 * @p: started or not; nobody uses an address from it
 * @mm: the address space it was started in
 *
 * Context: process, may sleep.
 */
void vxdp_pages_stop(struct vxdp_pages *p, struct mm_struct *mm)
{
	if (!p->page)
		return;
	mmu_notifier_unregister(&p->notifier, mm);
	vxdp_pages_unmap(p);
	kvfree(p->page);
	p->page = NULL;
}

static void remember(struct vxdp_pages *p, u64 number, void *at)
{
	struct vxdp_page *set = p->page[number % VXDP_PAGES_SETS];

	if (set[0].number != VXDP_PAGE_NONE && set[0].number != number)
		set[1] = set[0];
	set[0] = (struct vxdp_page){ number, at };
}

/* Return: where a whole page of the guest is one for the VMM too, or 0. */
static u64 user_page(const struct vxdp_pages *p, u64 number)
{
	struct iovec iov;
	u64 uaddr;

	if (vxdp_memory_translate(p->mem, number << PAGE_SHIFT, PAGE_SIZE, &iov, 1) != 1)
		return 0;
	uaddr = (u64)iov.iov_base;
	return offset_in_page(uaddr) ? 0 : uaddr;
}

static bool fetch_page(struct vxdp_pages *p, u64 number)
{
	u64 gone = read_gone(p), uaddr = user_page(p, number);
	struct page *page;
	bool ok;

	if (!uaddr || get_user_pages_fast(uaddr, 1, FOLL_WRITE, &page) != 1)
		return false;
	/* Never: 64-bit kernels have all memory mapped. */
	BUILD_BUG_ON(IS_ENABLED(CONFIG_HIGHMEM));
	set_page_dirty_lock(page);
	spin_lock_bh(&p->lock);
	ok = still_there(p, gone, uaddr, uaddr + PAGE_SIZE);
	if (ok)
		remember(p, number, page_address(page));
	spin_unlock_bh(&p->lock);
	put_page(page);
	return ok;
}

/**
 * vxdp_pages_fetch() - fault pages in and remember them
 * @p: started
 * @gpa: guest-physical address
 * @len: bytes
 *
 * Context: process, the VMM's address space, the receive ring's lock; may sleep.
 * Where a page is not there, or is just going: do without it.
 *
 * Return: pages that were not known before.
 */
u32 vxdp_pages_fetch(struct vxdp_pages *p, u64 gpa, u64 len)
{
	u64 left = PFN_UP(offset_in_page(gpa) + len);
	u32 unknown = 0;
	bool known;

	for (; left; left--, gpa += PAGE_SIZE) {
		/* Only the worker remembers, so what is known may only go. */
		spin_lock_bh(&p->lock);
		known = vxdp_pages_find(p, gpa);
		spin_unlock_bh(&p->lock);
		if (known)
			continue;
		unknown++;
		/* To write to it may itself have moved it: so once more. */
		if (!fetch_page(p, gpa >> PAGE_SHIFT) && !fetch_page(p, gpa >> PAGE_SHIFT))
			break;
	}
	return unknown;
}

/**
 * vxdp_pages_set_memory() - the guest's memory is elsewhere from now on
 * @p: started or not
 * @mem: the memory table, or NULL
 *
 * Context: process; the receive ring's lock. Afterwards nobody uses the old table.
 */
void vxdp_pages_set_memory(struct vxdp_pages *p, const struct vxdp_memory *mem)
{
	spin_lock_bh(&p->lock);
	p->mem = mem;
	if (p->page)
		forget_all(p);
	spin_unlock_bh(&p->lock);
}

static bool map_area(struct vxdp_area *a, const struct vxdp_area *want)
{
	u64 first = want->uaddr & PAGE_MASK;
	u32 nr = (PAGE_ALIGN(want->uaddr + want->len) - first) >> PAGE_SHIFT;
	struct page **pages;
	int got, i;

	*a = *want;
	a->at = NULL;
	a->map = NULL;
	pages = kvmalloc_array(nr, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return false;
	got = get_user_pages_fast(first, nr, FOLL_WRITE, pages);
	if (got == nr && nr == 1)
		a->at = page_address(pages[0]) + offset_in_page(want->uaddr);
	if (got == nr && nr > 1)
		a->map = vmap(pages, nr, VM_MAP, PAGE_KERNEL);
	if (a->map)
		a->at = a->map + offset_in_page(want->uaddr);
	for (i = 0; i < got; i++) {
		set_page_dirty_lock(pages[i]);
		put_page(pages[i]);
	}
	kvfree(pages);
	return a->at;
}

/**
 * vxdp_pages_map() - map the areas
 * @p: started, the areas not in use
 * @want: where they are for the VMM
 *
 * Context: process, the VMM's address space; may sleep.
 * Return: false where a page is not there, or is just going; do without.
 */
bool vxdp_pages_map(struct vxdp_pages *p, const struct vxdp_area want[VXDP_AREAS])
{
	u64 gone = read_gone(p);
	bool ok = true;
	int i;

	vxdp_pages_unmap(p);
	for (i = 0; ok && i < VXDP_AREAS; i++)
		ok = map_area(&p->area[i], &want[i]);
	spin_lock_bh(&p->lock);
	for (i = 0; ok && i < VXDP_AREAS; i++)
		ok = still_there(p, gone, want[i].uaddr & PAGE_MASK,
				 want[i].uaddr + want[i].len);
	p->areas_ok = ok;
	spin_unlock_bh(&p->lock);
	if (!ok)
		vxdp_pages_unmap(p);
	return ok;
}

/**
 * vxdp_pages_unmap() - undo vxdp_pages_map()
 * @p: the areas not in use
 *
 * Context: process, may sleep.
 */
void vxdp_pages_unmap(struct vxdp_pages *p)
{
	int i;

	spin_lock_bh(&p->lock);
	p->areas_ok = false;
	spin_unlock_bh(&p->lock);
	for (i = 0; i < VXDP_AREAS; i++) {
		if (p->area[i].map)
			vunmap(p->area[i].map);
		p->area[i] = (struct vxdp_area){};
	}
}
