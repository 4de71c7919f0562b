// SPDX-License-Identifier: GPL-2.0
/*
 * log.c - the dirty log of live migration.
 *
 * Bit n of the VMM's log stands for guest page n. Whoever writes guest memory
 * logs after the write, so that the VMM, which clears a bit and then reads the
 * page, sees the bit again or the whole write.
 */
#include "log.h"

/**
 * vxdp_log_word() - where the bits of pages are
 * @base: user address of the log
 * @page: number of the first page, its guest-physical address / VXDP_LOG_PAGE
 * @last: number of the last page, not before @page
 * @word: out: the word that has the bit of @page, with those of pages behind it
 *
 * The words are aligned, so the few bytes beside the log that one may cover are on a
 * page of the log, and are not changed.
 *
 * Context: any.
 * Return: false where there is none: the address wraps.
 */
bool vxdp_log_word(u64 base, u64 page, u64 last, struct vxdp_log_word *word)
{
	u64 addr = base + page / 8;
	u32 shift = (addr & 3) * 8 + page % 8;

	word->addr = addr & ~3ULL;
	word->pages = min_t(u64, last - page + 1, 32 - shift);
	word->bits = (word->pages == 32 ? ~0U : (1U << word->pages) - 1) << shift;
	return addr >= base;
}

/**
 * vxdp_log_access_ok() - may the log hold the bits of a guest range?
 * @base: user address of the log
 * @gpa: guest-physical start
 * @len: bytes
 *
 * Return: false where an address wraps or is not the VMM's to write.
 */
bool vxdp_log_access_ok(u64 base, u64 gpa, u64 len)
{
	u64 first = gpa / VXDP_LOG_PAGE / 8;
	u64 bytes;

	if (!len)
		return true;
	if (gpa + (len - 1) < gpa || base + first < base)
		return false;
	bytes = (gpa + (len - 1)) / VXDP_LOG_PAGE / 8 - first + 1;
	return vxdp_access_ok(base + first, bytes);
}

/**
 * vxdp_log_memory_ok() - may the log hold the bits of all guest memory?
 * @base: user address of the log
 * @mem: the table
 *
 * Return: as vxdp_log_access_ok(), for each region.
 */
bool vxdp_log_memory_ok(u64 base, const struct vxdp_memory *mem)
{
	u32 i;

	for (i = 0; i < mem->nr; i++) {
		if (!vxdp_log_access_ok(base, mem->region[i].guest_phys_addr,
					mem->region[i].memory_size))
			return false;
	}
	return true;
}

/**
 * vxdp_log_write() - mark the pages of a guest range as written
 * @base: user address of the log
 * @gpa: guest-physical start, checked by vxdp_log_access_ok() or not: the write
 *	itself fails on what is not the VMM's
 * @len: bytes written; 0 marks nothing
 *
 * Sets a word at a time.
 *
 * Context: process, in the VMM's address space, after the write to guest memory.
 * Return: 0, or -EFAULT.
 */
int vxdp_log_write(u64 base, u64 gpa, u64 len)
{
	struct vxdp_log_word word;
	u64 page, last;

	if (!len)
		return 0;
	if (gpa + (len - 1) < gpa)
		return -EFAULT;

	/* Pairs with the VMM's fetch-and-clear before it reads the page. */
	smp_wmb();
	last = (gpa + (len - 1)) / VXDP_LOG_PAGE;
	for (page = gpa / VXDP_LOG_PAGE; page <= last; page += word.pages) {
		if (!vxdp_log_word(base, page, last, &word) ||
		    vxdp_or_u32(word.bits, word.addr))
			return -EFAULT;
	}
	return 0;
}

/* Of a range that begins at @uaddr, bytes that the same regions have; 0: none has any. */
static u64 same_regions(const struct vxdp_memory *mem, u64 uaddr, u64 len)
{
	const struct vhost_memory_region *r;
	bool found = false;
	u64 off;

	for (r = mem->region; r < mem->region + mem->nr; r++) {
		off = uaddr - r->userspace_addr;
		if (off < r->memory_size) {
			found = true;
			len = min(len, r->memory_size - off);
		} else if (r->userspace_addr > uaddr) {
			len = min(len, r->userspace_addr - uaddr);
		}
	}
	return found ? len : 0;
}

/**
 * vxdp_log_write_user() - mark the pages of a range of user addresses as written
 * @base: user address of the log
 * @mem: the memory table, or NULL: nothing is mapped
 * @uaddr: user address, any value
 * @len: bytes written; 0 marks nothing
 *
 * More than one region may have it: each guest page is marked. Bounded by the ends of
 * the regions.
 *
 * Context: as vxdp_log_write().
 * Return: 0, or -EFAULT, also where no region has a byte of it.
 */
int vxdp_log_write_user(u64 base, const struct vxdp_memory *mem, u64 uaddr, u64 len)
{
	const struct vhost_memory_region *r;
	u64 part, off;

	if (!mem)
		return -EFAULT;
	for (; len; len -= part, uaddr += part) {
		part = same_regions(mem, uaddr, len);
		if (!part)
			return -EFAULT;
		for (r = mem->region; r < mem->region + mem->nr; r++) {
			off = uaddr - r->userspace_addr;
			if (off < r->memory_size &&
			    vxdp_log_write(base, r->guest_phys_addr + off, part))
				return -EFAULT;
		}
	}
	return 0;
}
