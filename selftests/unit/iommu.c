// SPDX-License-Identifier: GPL-2.0
/*
 * iommu.c - a guest behind an IOMMU, and a VMM that answers for it. See iommu.h.
 */
#include "iommu.h"
#include "ktap.h"
#include "random.h"

/* From what is mapped to its alias. */
#define ALIAS	0x4000000ULL

struct place {
	u64 iova;
	u64 size;
	u64 uaddr;
	u64 gpa;
	u32 perm;
};

#define PLACES	6

static void find_places(const struct iommu *m, struct place *p)
{
	const struct vxdp_vring *vr = &m->g->vr;
	const u32 ro = VHOST_ACCESS_RO, rw = VHOST_ACCESS_RW;

	p[0] = (struct place){ UA_DESC, vxdp_vring_desc_size(vr->num), UA_DESC, GPA_RING,
			       vxdp_vring_packed(vr) ? rw : ro };
	p[1] = (struct place){ UA_AVAIL, vxdp_vring_avail_size(vr, vr->num), UA_AVAIL, 0, ro };
	p[2] = (struct place){ UA_USED, vxdp_vring_used_size(vr, vr->num), UA_USED,
			       m->used_gpa, rw };
	p[3] = (struct place){ GPA_LOW, SIZE_LOW, UA_LOW, GPA_LOW, rw };
	p[4] = (struct place){ GPA_MID, SIZE_MID, UA_MID, GPA_MID, rw };
	p[5] = (struct place){ GPA_HIGH, SIZE_HIGH, UA_HIGH, GPA_HIGH, rw };
}

static struct place place_of(const struct iommu *m, u64 iova)
{
	struct place p[PLACES];
	u32 i;

	find_places(m, p);
	for (i = 0; i < PLACES; i++) {
		if (iova - p[i].iova < p[i].size)
			return p[i];
	}
	ktap_bail("nothing is at %#llx", iova);
}

/* The log is of guest-physical addresses: what the device may write has one. */
static struct vxdp_memory *make_memory(const struct place *p)
{
	struct vhost_memory_region r[2 * PLACES];
	u32 i, nr = 0;
	int err;

	for (i = 0; i < PLACES; i++) {
		if (!(p[i].perm & VHOST_ACCESS_WO))
			continue;
		r[nr++] = (struct vhost_memory_region){
			.guest_phys_addr = p[i].gpa, .memory_size = p[i].size,
			.userspace_addr = p[i].uaddr,
		};
		r[nr] = r[nr - 1];
		r[nr++].userspace_addr += ALIAS;
	}
	return vxdp_memory_create(r, nr, &err);
}

void iommu_make(struct iommu *m, struct guest *g, u64 chunk, u64 used_gpa)
{
	struct place p[PLACES];
	u32 i;

	*m = (struct iommu){ .g = g, .chunk = chunk, .used_gpa = used_gpa };
	m->table = vxdp_iotlb_create();
	NEED(m->table);
	find_places(m, p);
	for (i = 0; i < PLACES; i++)
		us_alias(p[i].uaddr + ALIAS, p[i].uaddr);
	vxdp_memory_free(g->mem);
	g->mem = make_memory(p);
	NEED(g->mem);
	g->vr.mem = g->mem;
	vxdp_vring_set_iotlb(&g->vr, m->table);
	vxdp_vring_set_addr(&g->vr, UA_DESC, UA_AVAIL, UA_USED);
	while (vxdp_vring_start(&g->vr))
		NEED(iommu_answer(m));
}

void iommu_drop(struct iommu *m)
{
	vxdp_vring_set_iotlb(&m->g->vr, NULL);
	vxdp_iotlb_free(m->table);
	m->table = NULL;
}

void iommu_map(struct iommu *m, u64 iova, u32 perm)
{
	struct place p = place_of(m, iova);
	u64 n = (iova - p.iova) / m->chunk, off = n * m->chunk;

	NEED(!vxdp_iotlb_add(m->table, p.iova + off, min(m->chunk, p.size - off),
			     p.uaddr + off + (n % 2 ? ALIAS : 0), perm));
}

bool iommu_answer(struct iommu *m)
{
	const struct vxdp_miss miss = m->g->vr.miss;
	struct iovec piece;

	if (!miss.perm || !miss.ask)
		return false;
	/* It asks for what it does not know, and may do. */
	if (!CHECK(vxdp_iotlb_piece(m->table, miss.iova, 1, miss.perm, &piece) == -EAGAIN) ||
	    !CHECK((place_of(m, miss.iova).perm & miss.perm) == miss.perm))
		m->failed = true;
	iommu_map(m, miss.iova, place_of(m, miss.iova).perm);
	m->g->vr.miss = (struct vxdp_miss){};
	m->answered++;
	return true;
}

static void retract(struct iommu *m)
{
	struct place p[PLACES];
	u32 i = random_below(PLACES);

	find_places(m, p);
	m->retracted++;
	if (!random_below(20))
		vxdp_iotlb_remove(m->table, 0, 0);
	else
		vxdp_iotlb_remove(m->table, p[i].iova + random_below(p[i].size),
				  1 + random_below(p[i].size));
}

void iommu_turn(struct iommu *m)
{
	if (!random_below(20))
		retract(m);
	while (!vxdp_vring_ready(&m->g->vr)) {
		if (iommu_answer(m))
			continue;
		CHECK(!"a ring that the VMM knows of misses nothing, or asks");
		m->failed = true;
		return;
	}
}
