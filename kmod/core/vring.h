/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vring.h - the device side of a virtqueue, split (virtio 1.2, section 2.7) or packed
 * (virtio 1.3, section 2.8), as VIRTIO_F_RING_PACKED says.
 *
 * Nothing here locks: a ring belongs to whoever holds the lock of the object it
 * is embedded in. All functions that touch the ring run in process context in the
 * VMM's address space; those that do not (advance_used, wants_signal) in any.
 */
#ifndef VXDP_VRING_H
#define VXDP_VRING_H

#include "iotlb.h"
#include "log.h"

/* UIO_MAXIOV: buffers of one chain, in pieces after translation. */
#define VXDP_CHAIN_IOV_MAX	1024

/*
 * Descriptors of one chain, empty ones and those of indirect tables included. More
 * that hold anything would not fit into the iovecs.
 */
#define VXDP_CHAIN_DESC_MAX	VXDP_CHAIN_IOV_MAX

/* A used element as it stands in guest memory, for add_used(). */
struct vxdp_used {
	u32 id;
	u32 len;
};

enum vxdp_part {
	VXDP_PART_DESC,
	VXDP_PART_AVAIL,
	VXDP_PART_USED,
	VXDP_PARTS,
};

/**
 * struct vxdp_miss - an address that the IOTLB does not know, or not so
 * @iova: the address
 * @perm: what was to be done there, VHOST_ACCESS_*; 0: nothing is missing
 * @ask: the VMM is to be asked; not where it has said that this may not be done
 */
struct vxdp_miss {
	u64 iova;
	u32 perm;
	bool ask;
};

/**
 * struct vxdp_vring - a virtqueue, as the device sees it
 * @num: entries, 1 to 32768; of a split ring a power of two
 * @desc: user address of the descriptor table, or of the packed ring
 * @avail: user address of the driver area, or of the driver's event structure
 * @used: user address of the device area, or of the device's event structure
 *	(all three, of a ring behind an IOTLB: when the table was @seen)
 * @features: what the driver acknowledged
 * @mem: the memory table, or NULL
 * @iotlb: the table of the IOMMU that the guest is behind, or NULL
 * @scattered: desc, avail or used is in pieces: see parts.h
 * @log_all: buffers are logged (VHOST_F_LOG_ALL)
 * @log_used: the used ring is logged (VHOST_VRING_F_LOG)
 * @log_base: user address of the log
 * @log_addr: guest-physical address of the used ring
 * @avail_idx: the driver's index as we last read it; split only
 * @last_avail: the next entry to take. This, @last_used and @signalled_used of a
 *	packed ring: an index, and in bit 15 the wrap counter
 * @last_used: the next entry to give back
 * @signalled_used: @last_used when we last decided whether to notify
 * @signalled_valid: @signalled_used means something
 * @used_flags: what we wrote, VRING_USED_F_* or VRING_PACKED_EVENT_FLAG_*
 * @moved: addresses were set since, so that something else may stand there
 * @ahead: descriptors put back by a rewind and not taken again; packed only
 * @error: enum vhost_xdp_stat of what broke the ring; 0 while it is whole
 * @iova: where desc, avail and used are by @iotlb, as the VMM said; else 0
 * @seen: the table's @gen when they were looked for and found; 0: look again
 * @miss: what the last turn needs of the VMM before it can go on
 */
struct vxdp_vring {
	u32 num;
	u64 desc;
	u64 avail;
	u64 used;
	u64 features;
	const struct vxdp_memory *mem;
	const struct vxdp_iotlb *iotlb;
	bool scattered;
	bool log_all;
	bool log_used;
	u64 log_base;
	u64 log_addr;

	u16 avail_idx;
	u16 last_avail;
	u16 last_used;
	u16 signalled_used;
	bool signalled_valid;
	bool moved;
	u16 used_flags;
	u16 ahead;
	u32 error;

	u64 iova[VXDP_PARTS];
	u64 seen;
	struct vxdp_miss miss;
};

/**
 * struct vxdp_chain - one descriptor chain, translated
 * @head: its number, to give back; opaque
 * @out_num: iovecs to read, first in @iov
 * @in_num: iovecs to write, behind them
 * @out_len: bytes to read
 * @in_len: bytes to write
 * @desc_num: descriptors it has, for the bound
 * @seg_num: entries of @seg
 * @iov_max: room in @iov and @seg
 * @out_only: the ring's driver only sends: of a packed table all is to read. DPDK's
 *	virtio-user (22.11) leaves F_WRITE in the entry of the header there
 * @iov: pieces, the caller's room
 * @seg: ranges to write, for the log: the caller's room; NULL where the ring is not
 *	logged. Guest-physical; behind an IOTLB, as user addresses
 */
struct vxdp_chain {
	u32 head;
	u32 out_num;
	u32 in_num;
	u64 out_len;
	u64 in_len;
	u32 desc_num;
	u32 seg_num;
	u32 iov_max;
	bool out_only;
	struct iovec *iov;
	struct vxdp_seg {
		u64 addr;
		u64 len;
	} *seg;
};

static inline bool vxdp_vring_has(const struct vxdp_vring *vr, int bit)
{
	return vr->features & (1ULL << bit);
}

static inline bool vxdp_vring_packed(const struct vxdp_vring *vr)
{
	return vxdp_vring_has(vr, VIRTIO_F_RING_PACKED);
}

/* How far the chain of that head is to be rewound. Of a packed ring it is in there. */
static inline u32 vxdp_vring_steps(const struct vxdp_vring *vr, u32 head)
{
	return vxdp_vring_packed(vr) ? head >> 16 : 1;
}

/* @n chains were written to the used ring of a split virtqueue. */
static inline void vxdp_vring_advance_used(struct vxdp_vring *vr, u16 n)
{
	vr->last_used += n;
	/* Past the driver's event once around: it cannot tell old from new. */
	if ((u16)(vr->last_used - vr->signalled_used) < n)
		vr->signalled_valid = false;
}

u64 vxdp_vring_desc_size(u32 num);
u64 vxdp_vring_avail_size(const struct vxdp_vring *vr, u32 num);
u64 vxdp_vring_used_size(const struct vxdp_vring *vr, u32 num);
bool vxdp_vring_access_ok(const struct vxdp_vring *vr, u64 desc, u64 avail, u64 used);
void vxdp_vring_set_addr(struct vxdp_vring *vr, u64 desc, u64 avail, u64 used);
void vxdp_vring_set_iotlb(struct vxdp_vring *vr, const struct vxdp_iotlb *iotlb);
bool vxdp_vring_ready(struct vxdp_vring *vr);
int vxdp_vring_start(struct vxdp_vring *vr);
int vxdp_vring_next(struct vxdp_vring *vr, struct vxdp_chain *chain);
void vxdp_vring_rewind(struct vxdp_vring *vr, u16 n);
bool vxdp_vring_empty(struct vxdp_vring *vr);
int vxdp_vring_log_chain(struct vxdp_vring *vr, const struct vxdp_chain *chain, u64 len);
int vxdp_vring_add_used(struct vxdp_vring *vr, const struct vxdp_used *elem, u16 n);
bool vxdp_vring_need_signal(struct vxdp_vring *vr);
bool vxdp_vring_wants_signal(struct vxdp_vring *vr, u16 flags, u16 event);
bool vxdp_vring_enable_kick(struct vxdp_vring *vr);
void vxdp_vring_disable_kick(struct vxdp_vring *vr);

#endif /* VXDP_VRING_H */
