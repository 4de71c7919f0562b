/* SPDX-License-Identifier: GPL-2.0 */
/*
 * log.h - the dirty log: which guest pages we have written.
 */
#ifndef VXDP_LOG_H
#define VXDP_LOG_H

#include "memory.h"

/* VHOST_PAGE_SIZE: a bit of the log stands for so many bytes. */
#define VXDP_LOG_PAGE	0x1000

/**
 * struct vxdp_log_word - a word of the log, and the bits of it that are to be set
 * @addr: user address, aligned to 4
 * @bits: which; never 0
 * @pages: for how many pages they stand
 */
struct vxdp_log_word {
	u64 addr;
	u32 bits;
	u32 pages;
};

bool vxdp_log_word(u64 base, u64 page, u64 last, struct vxdp_log_word *word);
bool vxdp_log_access_ok(u64 base, u64 gpa, u64 len);
bool vxdp_log_memory_ok(u64 base, const struct vxdp_memory *mem);
int vxdp_log_write(u64 base, u64 gpa, u64 len);
int vxdp_log_write_user(u64 base, const struct vxdp_memory *mem, u64 uaddr, u64 len);

#endif /* VXDP_LOG_H */
