/* SPDX-License-Identifier: GPL-2.0 */
/*
 * parts.h - a ring's three parts, read and written wherever they are.
 *
 * Behind an IOTLB a part may be in pieces that do not follow each other for us: then
 * every access looks for its piece. All others are at an address.
 */
#ifndef VXDP_PARTS_H
#define VXDP_PARTS_H

#include "vring.h"

bool vxdp_parts_start(struct vxdp_vring *vr);
int vxdp_iova_read(const struct vxdp_vring *vr, u64 iova, void *to, u64 len);
int vxdp_iova_write(const struct vxdp_vring *vr, u64 iova, const void *from, u64 len);
int vxdp_iova_get_u16(const struct vxdp_vring *vr, u16 *val, u64 iova);
int vxdp_iova_put_u16(const struct vxdp_vring *vr, u16 val, u64 iova);
int vxdp_parts_log(const struct vxdp_vring *vr, enum vxdp_part part, u64 off, u64 len);

static __always_inline u64 vxdp_part_at(const struct vxdp_vring *vr, enum vxdp_part part)
{
	return part == VXDP_PART_DESC ? vr->desc :
	       part == VXDP_PART_AVAIL ? vr->avail : vr->used;
}

/* As vxdp_get_u16() and its like. */
static __always_inline int vxdp_part_get_u16(const struct vxdp_vring *vr, u16 *val,
					     enum vxdp_part part, u64 off)
{
	if (unlikely(vr->scattered))
		return vxdp_iova_get_u16(vr, val, vr->iova[part] + off);
	return vxdp_get_u16(val, vxdp_part_at(vr, part) + off);
}

static __always_inline int vxdp_part_put_u16(const struct vxdp_vring *vr, u16 val,
					     enum vxdp_part part, u64 off)
{
	if (unlikely(vr->scattered))
		return vxdp_iova_put_u16(vr, val, vr->iova[part] + off);
	return vxdp_put_u16(val, vxdp_part_at(vr, part) + off);
}

static __always_inline int vxdp_part_read(const struct vxdp_vring *vr, void *to,
					  enum vxdp_part part, u64 off, u64 len)
{
	if (unlikely(vr->scattered))
		return vxdp_iova_read(vr, vr->iova[part] + off, to, len);
	return vxdp_copy_from_user(to, vxdp_part_at(vr, part) + off, len);
}

static __always_inline int vxdp_part_write(const struct vxdp_vring *vr, enum vxdp_part part,
					   u64 off, const void *from, u64 len)
{
	if (unlikely(vr->scattered))
		return vxdp_iova_write(vr, vr->iova[part] + off, from, len);
	return vxdp_copy_to_user(vxdp_part_at(vr, part) + off, from, len);
}

#endif /* VXDP_PARTS_H */
