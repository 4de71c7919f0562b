// SPDX-License-Identifier: GPL-2.0
/*
 * iotlb.c - the table of a virtual IOMMU: IO virtual to the VMM's user addresses.
 *
 * As in-tree vhost has it, ranges may overlap, and of those that have an address the one
 * that starts lowest says where it is, of those that start there the oldest; what is
 * taken out goes in whole ranges.
 *
 * A sorted array: it is searched for every buffer and changed by a system call each.
 * The highest end so far (reach) never falls along it, so that the first range that
 * does not end in front of an address is found by bisection, whatever overlaps; and
 * if that starts behind the address, all behind it do.
 */
#include "iotlb.h"

/**
 * vxdp_iotlb_create() - a table that knows no address
 *
 * Context: process, may sleep.
 * Return: the table, or NULL.
 */
struct vxdp_iotlb *vxdp_iotlb_create(void)
{
	struct vxdp_iotlb *t = vxdp_zalloc(sizeof(*t));

	if (t)
		t->gen = 1;
	return t;
}

/**
 * vxdp_iotlb_free() - free a table that no ring uses any more
 * @t: the table, or NULL
 */
void vxdp_iotlb_free(struct vxdp_iotlb *t)
{
	vxdp_free(t);
}

/*
 * What is at @from has changed, and no other range behind @until: where its reach is then
 * what it was, so is that of all behind it.
 */
static void reach_anew(struct vxdp_iotlb *t, u32 from, u32 until)
{
	u64 reach = from ? t->range[from - 1].reach : 0;
	u32 i;

	for (i = from; i < t->nr; i++) {
		reach = max(reach, t->range[i].last);
		if (i > until && t->range[i].reach == reach)
			break;
		t->range[i].reach = reach;
	}
	t->gen++;
}

static void remove_oldest(struct vxdp_iotlb *t)
{
	struct vxdp_iotlb_range *r = t->range, *oldest = r;

	for (; r < t->range + t->nr; r++) {
		if (r->age < oldest->age)
			oldest = r;
	}
	t->nr--;
	memmove(oldest, oldest + 1, (t->range + t->nr - oldest) * sizeof(*r));
	reach_anew(t, oldest - t->range, oldest - t->range);
}

/* Behind all that start there. */
static u32 place_for(const struct vxdp_iotlb *t, u64 start)
{
	u32 low = 0, high = t->nr, mid;

	while (low < high) {
		mid = (low + high) / 2;
		if (t->range[mid].start <= start)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/**
 * vxdp_iotlb_add() - VHOST_IOTLB_UPDATE
 * @t: the table
 * @iova: the first address, any value
 * @size: bytes, any value
 * @uaddr: user address of the first, any value
 * @perm: VHOST_ACCESS_RO, VHOST_ACCESS_WO, both or neither; other bits mean nothing
 *
 * A full table loses its oldest range.
 *
 * Return: 0; -EINVAL for no bytes, -EFAULT where an address wraps, or is not in user
 * space and can be accessed. Then nothing has changed.
 */
int vxdp_iotlb_add(struct vxdp_iotlb *t, u64 iova, u64 size, u64 uaddr, u32 perm)
{
	const u64 last = iova + (size - 1);
	struct vxdp_iotlb_range *r;

	perm &= VHOST_ACCESS_RW;
	if (!size)
		return -EINVAL;
	if (last < iova || uaddr + (size - 1) < uaddr ||
	    (perm && !vxdp_access_ok(uaddr, size)))
		return -EFAULT;

	if (t->nr == VXDP_IOTLB_MAX)
		remove_oldest(t);
	r = t->range + place_for(t, iova);
	memmove(r + 1, r, (t->range + t->nr - r) * sizeof(*r));
	*r = (struct vxdp_iotlb_range){
		.start = iova, .last = last, .uaddr = uaddr, .age = t->age++, .perm = perm,
	};
	t->nr++;
	reach_anew(t, r - t->range, r - t->range);
	return 0;
}

/**
 * vxdp_iotlb_remove() - VHOST_IOTLB_INVALIDATE
 * @t: the table
 * @iova: the first address, any value
 * @size: bytes, any value; 0 from address 0 on is all there are
 *
 * Ranges of which any byte is in there go as a whole: the VMM is asked again for the
 * rest.
 */
void vxdp_iotlb_remove(struct vxdp_iotlb *t, u64 iova, u64 size)
{
	const u64 last = iova + size - 1;
	struct vxdp_iotlb_range *r = t->range, *to = r, *end = r + t->nr;

	for (; r < end; r++) {
		if (r->start <= last && r->last >= iova)
			continue;
		if (to != r)
			*to = *r;
		to++;
	}
	t->nr = to - t->range;
	reach_anew(t, 0, t->nr);
}

static const struct vxdp_iotlb_range *find(const struct vxdp_iotlb *t, u64 iova)
{
	u32 low = 0, high = t->nr, mid;
	const struct vxdp_iotlb_range *r;

	while (low < high) {
		mid = (low + high) / 2;
		if (t->range[mid].reach < iova)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == t->nr)
		return NULL;
	r = &t->range[vxdp_nospec(low, VXDP_IOTLB_MAX)];
	return r->start <= iova ? r : NULL;
}

/**
 * vxdp_iotlb_piece() - find the first bytes of a buffer
 * @t: the table
 * @iova: address, any value
 * @len: bytes, not 0; what they wrap to is not looked at
 * @perm: what is to be done with them
 * @piece: out: where they are, as many as the range has
 *
 * Context: any; does not touch guest memory.
 *
 * Return: 0; -EAGAIN where the table does not know the address; -EPERM where it does
 * not allow that.
 */
int vxdp_iotlb_piece(const struct vxdp_iotlb *t, u64 iova, u64 len, u32 perm,
		     struct iovec *piece)
{
	const struct vxdp_iotlb_range *r = find(t, iova);

	if (!r)
		return -EAGAIN;
	if ((r->perm & perm) != perm)
		return -EPERM;
	*piece = vxdp_iovec(r->uaddr + (iova - r->start), min(len, r->last - iova + 1));
	return 0;
}

/**
 * vxdp_iotlb_cover() - is all of a buffer known?
 * @t: the table
 * @iova: address, any value
 * @len: bytes, not 0
 * @perm: what is to be done with it
 * @uaddr: out: where its first byte is
 * @missing: out: the first address that is not known, or must not be used so
 *
 * Bounded by the table's size: each piece is another range.
 *
 * Context: any.
 * Return: 1 where it is, on end for us, too; 0 where it is, in pieces; -EAGAIN, -EPERM;
 * -EFAULT where it wraps.
 */
int vxdp_iotlb_cover(const struct vxdp_iotlb *t, u64 iova, u64 len, u32 perm, u64 *uaddr,
		     u64 *missing)
{
	const u64 from = iova;
	struct iovec piece;
	int ret, whole = 1;

	if (iova + (len - 1) < iova)
		return -EFAULT;
	for (; len; len -= piece.iov_len, iova += piece.iov_len) {
		*missing = iova;
		ret = vxdp_iotlb_piece(t, iova, len, perm, &piece);
		if (ret)
			return ret;
		if (iova == from)
			*uaddr = (u64)piece.iov_base;
		else if ((u64)piece.iov_base != *uaddr + (iova - from))
			whole = 0;
	}
	return whole;
}

/**
 * vxdp_iotlb_translate() - find the user addresses of a guest's buffer
 * @t: the table
 * @iova: address, any value
 * @len: bytes, any value; 0 gives no iovec
 * @perm: what is to be done with it
 * @iov: out: a piece for each range that the buffer crosses
 * @max: room in @iov
 * @missing: out: the first address that is not known
 *
 * Context: any; does not touch guest memory.
 *
 * Return: iovecs written; -EAGAIN where a byte is not known; -EPERM where it must not
 * be used so; -EFAULT where the buffer wraps; -ENOBUFS where @max is too small.
 */
int vxdp_iotlb_translate(const struct vxdp_iotlb *t, u64 iova, u64 len, u32 perm,
			 struct iovec *iov, unsigned int max, u64 *missing)
{
	unsigned int n;
	int ret;

	if (len && iova + (len - 1) < iova)
		return -EFAULT;
	for (n = 0; len; n++) {
		if (n == max)
			return -ENOBUFS;
		*missing = iova;
		ret = vxdp_iotlb_piece(t, iova, len, perm, &iov[n]);
		if (ret)
			return ret;
		len -= iov[n].iov_len;
		iova += iov[n].iov_len;
	}
	return n;
}
