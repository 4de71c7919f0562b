/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pages.h - pages of the guest, and of its dirty log, as the kernel addresses them,
 * for as long as they are where the VMM put them.
 */
#ifndef VXDP_PAGES_H
#define VXDP_PAGES_H

#include <linux/mmu_notifier.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include "core/log.h"

/* Pages that are remembered: sets of two, 16 KiB in all. */
#define VXDP_PAGES_SETS	512
#define VXDP_PAGES_WAYS	2

/* Pages of the log, likewise: 4 KiB in all. Each stands for 128 MiB of the guest's. */
#define VXDP_LOG_SETS	128

/**
 * struct vxdp_page - a page that is remembered
 * @base: the address that it is remembered by; or, where none is, one that is looked for
 *	in another set: see vxdp_page_none()
 * @at: where the kernel has it
 */
struct vxdp_page {
	u64 base;
	void *at;
};

/* What stands for no page in set @set: what is looked for there differs. */
static inline u64 vxdp_page_none(u32 set)
{
	return (u64)(set ^ 1) << PAGE_SHIFT;
}

/**
 * struct vxdp_area - a range of user memory, in one piece for the kernel
 * @uaddr: where it is for the VMM
 * @len: bytes
 * @at: where it is for us
 * @map: what vunmap() wants; NULL where it is on one page
 *
 * All zero where there is none.
 */
struct vxdp_area {
	u64 uaddr;
	u64 len;
	void *at;
	void *map;
};

enum vxdp_area_index {
	VXDP_AREA_DESC,
	VXDP_AREA_AVAIL,
	VXDP_AREA_USED,
	VXDP_AREA_LOG,		/* of the log, what stands for the used ring */
	VXDP_AREAS,
};

/**
 * struct vxdp_pages - what is known of a VMM's pages
 * @notifier: tells before a page goes, and when it has gone
 * @lost: called under @lock when an area is about to go, which is still there then
 * @lock: protects what follows; softirqs off. Whoever uses an address from here
 *	holds it, and the notifier takes it before the page goes: that is all the
 *	pinning there is
 * @going: how many ranges are just going
 * @going_start: where they begin, all of them taken together
 * @going_end: where they end
 * @gone: counts the ranges that have gone
 * @areas_ok: the areas are mapped and true
 * @area: the areas; @map is the worker's to undo
 * @mem: the memory table, or NULL; of all pages below it says where they are for
 *	the VMM. Changes under @lock and the receive ring's lock, read under either
 * @page: the pages by guest-physical address: set address / PAGE_SIZE % VXDP_PAGES_SETS
 * @log: pages of the log likewise, by the VMM's address; NULL until they are wanted
 */
struct vxdp_pages {
	struct mmu_notifier notifier;
	void (*lost)(struct vxdp_pages *p);
	spinlock_t lock;
	u32 going;
	unsigned long going_start;
	unsigned long going_end;
	u64 gone;
	bool areas_ok;
	struct vxdp_area area[VXDP_AREAS];
	const struct vxdp_memory *mem;
	struct vxdp_page (*page)[VXDP_PAGES_WAYS];
	struct vxdp_page (*log)[VXDP_PAGES_WAYS];
};

/*
 * Look for an address in its set. In: @page is the set and @off the address; out: the
 * page and where it is in that.
 * Return: false where it is not known.
 */
static __always_inline bool vxdp_page_look(const struct vxdp_page **page, u64 *off)
{
	*off -= (*page)->base;
	if (unlikely(*off >= PAGE_SIZE)) {
		/* Lest the compiler keep what it knew before. */
		OPTIMIZER_HIDE_VAR(*page);
		OPTIMIZER_HIDE_VAR(*off);
		*off += (*page)->base;
		(*page)++;
		*off -= (*page)->base;
		if (*off >= PAGE_SIZE)
			return false;
	}
	/* As speculation ignores the checks; hidden, or the compiler does not. */
	OPTIMIZER_HIDE_VAR(*off);
	*off = offset_in_page(*off);
	return true;
}

static __always_inline struct vxdp_page *vxdp_pages_set(const struct vxdp_pages *p, u64 gpa)
{
	return p->page[(gpa >> PAGE_SHIFT) % VXDP_PAGES_SETS];
}

/*
 * Context: @p->lock.
 * Return: the kernel's address of a guest-physical address, or NULL.
 */
static inline void *vxdp_pages_find(const struct vxdp_pages *p, u64 gpa)
{
	const struct vxdp_page *page = vxdp_pages_set(p, gpa);

	return vxdp_page_look(&page, &gpa) ? page->at + gpa : NULL;
}

void vxdp_pages_init(struct vxdp_pages *p, void (*lost)(struct vxdp_pages *p));
int vxdp_pages_start(struct vxdp_pages *p);
void vxdp_pages_stop(struct vxdp_pages *p, struct mm_struct *mm);
u32 vxdp_pages_fetch(struct vxdp_pages *p, u64 gpa, u64 len);
bool vxdp_pages_start_log(struct vxdp_pages *p);
void vxdp_pages_fetch_log(struct vxdp_pages *p, u64 base, u64 gpa, u64 len);
bool vxdp_pages_has_log(const struct vxdp_pages *p, u64 base, u64 gpa, u64 len);
void vxdp_pages_log(const struct vxdp_pages *p, u64 base, u64 gpa, u64 len);
void vxdp_pages_log_used(const struct vxdp_pages *p, u64 base, u64 gpa, u64 len);
void vxdp_pages_set_memory(struct vxdp_pages *p, const struct vxdp_memory *mem);
bool vxdp_pages_map(struct vxdp_pages *p, const struct vxdp_area want[VXDP_AREAS]);
void vxdp_pages_unmap(struct vxdp_pages *p);

#endif /* VXDP_PAGES_H */
