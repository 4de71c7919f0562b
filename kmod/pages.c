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
 *
 * The pages of the dirty log are found likewise. Whoever writes to a page of the guest
 * looks first whether its bit can be set, and sets it afterwards, without giving the
 * lock up in between: nothing is forgotten meanwhile, so no page is missed.
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

/* A table is @sets of VXDP_PAGES_WAYS pages. */
static void forget_all(struct vxdp_page *table, u32 sets)
{
	u32 i;

	for (i = 0; i < sets * VXDP_PAGES_WAYS; i++)
		table[i].base = vxdp_page_none(i / VXDP_PAGES_WAYS);
}

/* Page numbers, both included. */
static void forget_pages(struct vxdp_page *table, u32 sets, u64 first, u64 last)
{
	u64 number, base;
	u32 i, set;

	if (last - first >= sets) {
		for (i = 0; i < sets * VXDP_PAGES_WAYS; i++) {
			number = table[i].base >> PAGE_SHIFT;
			if (number >= first && number <= last)
				table[i].base = vxdp_page_none(i / VXDP_PAGES_WAYS);
		}
		return;
	}
	for (number = first; number <= last; number++) {
		base = number << PAGE_SHIFT;
		set = number % sets;
		for (i = set * VXDP_PAGES_WAYS; i < (set + 1) * VXDP_PAGES_WAYS; i++) {
			if (table[i].base == base)
				table[i].base = vxdp_page_none(set);
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
			forget_all(p->page[0], VXDP_PAGES_SETS);
			return;
		}
		forget_pages(p->page[0], VXDP_PAGES_SETS, (from + shift) >> PAGE_SHIFT,
			     (to - 1 + shift) >> PAGE_SHIFT);
	}
}

static void forget_log(struct vxdp_pages *p, u64 start, u64 end)
{
	if (p->log && start < end)
		forget_pages(p->log[0], VXDP_LOG_SETS, start >> PAGE_SHIFT,
			     (end - 1) >> PAGE_SHIFT);
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
	forget_log(p, range->start, range->end);
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
	forget_all(p->page[0], VXDP_PAGES_SETS);
	forget_log(p, 0, ULONG_MAX);
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
	forget_all(p->page[0], VXDP_PAGES_SETS);
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
	kfree(p->log);
	p->log = NULL;
}

/* In @set of a table, the first of whose pages is the one remembered last. */
static void remember(struct vxdp_page *set, u64 base, void *at)
{
	/* The first bit of the set's number is where "no page" differs. */
	bool none = (set[0].base ^ base) & PAGE_SIZE;

	if (!none && set[0].base != base)
		set[1] = set[0];
	set[0] = (struct vxdp_page){ base, at };
}

/* Return: where a whole page of the guest is one for the VMM too, or 0. */
static u64 user_page(const struct vxdp_pages *p, u64 base)
{
	struct iovec iov;
	u64 uaddr;

	if (vxdp_memory_translate(p->mem, base, PAGE_SIZE, &iov, 1) != 1)
		return 0;
	uaddr = (u64)iov.iov_base;
	return offset_in_page(uaddr) ? 0 : uaddr;
}

/* The page at @uaddr, as @base into @set. */
static bool fetch_user(struct vxdp_pages *p, struct vxdp_page *set, u64 base, u64 uaddr)
{
	u64 gone = read_gone(p);
	struct page *page;
	bool ok;

	if (get_user_pages_fast(uaddr, 1, FOLL_WRITE, &page) != 1)
		return false;
	/* Never: 64-bit kernels have all memory mapped. */
	BUILD_BUG_ON(IS_ENABLED(CONFIG_HIGHMEM));
	set_page_dirty_lock(page);
	spin_lock_bh(&p->lock);
	ok = still_there(p, gone, uaddr, uaddr + PAGE_SIZE);
	if (ok)
		remember(set, base, page_address(page));
	spin_unlock_bh(&p->lock);
	put_page(page);
	return ok;
}

/* To write to a page may itself have moved it: so once more. */
static bool fetch_page(struct vxdp_pages *p, struct vxdp_page *set, u64 base, u64 uaddr)
{
	return fetch_user(p, set, base, uaddr) || fetch_user(p, set, base, uaddr);
}

/* Only the worker remembers, so what is known may only go. */
static bool is_known(struct vxdp_pages *p, const struct vxdp_page *set, u64 addr)
{
	bool known;

	spin_lock_bh(&p->lock);
	known = vxdp_page_look(&set, &addr);
	spin_unlock_bh(&p->lock);
	return known;
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
	u64 left = PFN_UP(offset_in_page(gpa) + len), base = gpa & PAGE_MASK, uaddr;
	struct vxdp_page *set;
	u32 unknown = 0;

	for (; left; left--, base += PAGE_SIZE) {
		set = vxdp_pages_set(p, base);
		if (is_known(p, set, base))
			continue;
		unknown++;
		uaddr = user_page(p, base);
		if (!uaddr || !fetch_page(p, set, base, uaddr))
			break;
	}
	return unknown;
}

/**
 * vxdp_pages_start_log() - prepare for pages of the log
 * @p: started
 *
 * Context: process; the receive ring's lock.
 * Return: false where there is no memory.
 */
bool vxdp_pages_start_log(struct vxdp_pages *p)
{
	struct vxdp_page (*log)[VXDP_PAGES_WAYS];

	if (p->log)
		return true;
	log = kmalloc_array(VXDP_LOG_SETS, sizeof(*log), GFP_KERNEL_ACCOUNT);
	if (!log)
		return false;
	forget_all(log[0], VXDP_LOG_SETS);
	spin_lock_bh(&p->lock);
	p->log = log;
	spin_unlock_bh(&p->lock);
	return true;
}

static struct vxdp_page *log_set(const struct vxdp_pages *p, u64 uaddr)
{
	return p->log[(uaddr >> PAGE_SHIFT) % VXDP_LOG_SETS];
}

/**
 * vxdp_pages_fetch_log() - fault the log's pages for a guest range in, remember them
 * @p: started
 * @base: user address of the log
 * @gpa: guest-physical address
 * @len: bytes, of pages that are in the memory table
 *
 * Context: as vxdp_pages_fetch(). Does nothing before vxdp_pages_start_log().
 */
void vxdp_pages_fetch_log(struct vxdp_pages *p, u64 base, u64 gpa, u64 len)
{
	u64 page = gpa / VXDP_LOG_PAGE, last = (gpa + len - 1) / VXDP_LOG_PAGE, uaddr;
	struct vxdp_log_word word;
	struct vxdp_page *set;

	if (!p->log || !len)
		return;
	for (; page <= last && vxdp_log_word(base, page, last, &word); page += word.pages) {
		uaddr = word.addr & PAGE_MASK;
		set = log_set(p, uaddr);
		if (!is_known(p, set, uaddr) && !fetch_page(p, set, uaddr, uaddr))
			break;
	}
}

static void *find_log(const struct vxdp_pages *p, u64 uaddr)
{
	const struct vxdp_page *page = p->log ? log_set(p, uaddr) : NULL;

	return page && vxdp_page_look(&page, &uaddr) ? page->at + uaddr : NULL;
}

/**
 * vxdp_pages_has_log() - can it be logged that a guest range was written?
 * @p: started
 * @base: user address of the log
 * @gpa: guest-physical address
 * @len: bytes, not 0, of a page that vxdp_pages_find() finds
 *
 * Context: @p->lock.
 * Return: false where the page of the log is not known.
 */
bool vxdp_pages_has_log(const struct vxdp_pages *p, u64 base, u64 gpa, u64 len)
{
	u64 page = gpa / VXDP_LOG_PAGE, last = (gpa + len - 1) / VXDP_LOG_PAGE;
	struct vxdp_log_word word;

	for (; page <= last; page += word.pages) {
		if (!vxdp_log_word(base, page, last, &word) || !find_log(p, word.addr))
			return false;
	}
	return true;
}

/**
 * vxdp_pages_log() - log that a guest range was written
 * @p: as for vxdp_pages_has_log(), as all that follows
 * @base: user address of the log
 * @gpa: guest-physical address
 * @len: bytes
 *
 * Context: @p->lock, which is held since vxdp_pages_has_log() said yes and the range
 * was written.
 */
void vxdp_pages_log(const struct vxdp_pages *p, u64 base, u64 gpa, u64 len)
{
	u64 page = gpa / VXDP_LOG_PAGE, last = (gpa + len - 1) / VXDP_LOG_PAGE;
	struct vxdp_log_word word;
	atomic_t *at;

	lockdep_assert_held(&p->lock);
	/* Pairs with the VMM's fetch-and-clear before it reads the page. */
	smp_wmb();
	for (; page <= last && vxdp_log_word(base, page, last, &word); page += word.pages) {
		at = find_log(p, word.addr);
		if (!WARN_ON_ONCE(!at))
			atomic_or(word.bits, at);
	}
}

/**
 * vxdp_pages_log_used() - log that the used ring was written
 * @p: its area of the log is mapped
 * @base: user address of the log
 * @gpa: guest-physical address, for the log
 * @len: bytes, of the used ring
 *
 * Context: @p->lock, which is held since the range was written, or since it was found
 * that the area is still mapped.
 */
void vxdp_pages_log_used(const struct vxdp_pages *p, u64 base, u64 gpa, u64 len)
{
	const struct vxdp_area *a = &p->area[VXDP_AREA_LOG];
	u64 page = gpa / VXDP_LOG_PAGE, last = (gpa + len - 1) / VXDP_LOG_PAGE;
	struct vxdp_log_word word;

	lockdep_assert_held(&p->lock);
	/* Pairs as in vxdp_pages_log(). */
	smp_wmb();
	for (; page <= last && vxdp_log_word(base, page, last, &word); page += word.pages)
		atomic_or(word.bits, a->at + (word.addr - a->uaddr));
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
		forget_all(p->page[0], VXDP_PAGES_SETS);
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
	if (!want->len)
		return true;
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
