/* SPDX-License-Identifier: GPL-2.0 */
/*
 * world.h - guest memory and a virtqueue for the fuzzers, and a driver that does what
 * the input says.
 *
 * All of it is mapped, so a ring that breaks for a fault was followed somewhere
 * where it must not be.
 */
#ifndef FUZZ_WORLD_H
#define FUZZ_WORLD_H

#include <linux/vhost_xdp.h>
#include "feed.h"
#include "vring.h"

/* Memory from here on has no bit in the log. */
#define WORLD_LOG_END	(64 * VXDP_LOG_PAGE)

struct world {
	struct vxdp_vring vr;
	struct vxdp_memory *mem;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	/* Of a packed ring, in place of those. */
	struct vring_packed_desc *packed;
	struct vring_packed_desc_event *driver_event;
	struct vring_packed_desc_event *device_event;
	u8 *log;		/* of the used ring's pages; NULL where there is none */
	bool faults;		/* an access was made to fail */
};

/* What the specification makes of a chain. */
struct expected {
	u32 error;		/* enum vhost_xdp_stat, 0: none */
	u64 out_len;
	u64 in_len;
	u32 iovs;
};

/* world_make - as the input's first bytes say; @features: more that were acknowledged */
void world_make(struct world *w, struct feed *f, u64 features);

/* world_drop - free it; judges what the core did */
void world_drop(struct world *w);

/* world_act - the driver writes something somewhere */
void world_act(struct world *w, struct feed *f, u8 op);

/* world_limit - from now on the core may access the guest so often; 0: no limit */
void world_limit(u32 accesses);

/* world_ok - is what may be asked of the ring at any time so? */
void world_ok(const struct world *w);

/* world_pieces - iovecs of a buffer; -EFAULT: not all is guest memory; -ENOBUFS */
int world_pieces(const struct world *w, u64 gpa, u64 len, u32 room);

/* world_read - what the guest has there, which is all in its memory */
void world_read(const struct world *w, u64 gpa, void *to, u32 len);

/* world_write - the other way, into each memory that has that address */
void world_write(u64 gpa, const void *from, u32 len);

/* world_gpa - mostly an address that is somewhere */
u64 world_gpa(struct feed *f);

/* world_buffer - one more of a chain, by the book; what is wrong with it */
u32 world_buffer(const struct world *w, u64 gpa, u32 len, bool write, u32 iov_max, u32 *descs,
		 struct expected *e);

/* world_chain - follow the split ring's chain of that head, by the book */
struct expected world_chain(const struct world *w, u16 head, u32 iov_max);

#endif
