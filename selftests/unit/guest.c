// SPDX-License-Identifier: GPL-2.0
/*
 * guest.c - guest memory and a virtqueue in it. See guest.h.
 */
#include "guest.h"
#include "ktap.h"

static const struct vhost_memory_region regions[] = {
	{ .guest_phys_addr = GPA_LOW, .memory_size = SIZE_LOW, .userspace_addr = UA_LOW },
	{ .guest_phys_addr = GPA_HIGH, .memory_size = SIZE_HIGH, .userspace_addr = UA_HIGH },
	{ .guest_phys_addr = GPA_MID, .memory_size = SIZE_MID, .userspace_addr = UA_MID },
	{ .guest_phys_addr = GPA_UNMAPPED, .memory_size = SIZE_UNMAPPED,
	  .userspace_addr = UA_UNMAPPED },
};

static void map_packed(struct guest *g)
{
	g->packed = us_map(UA_DESC, vxdp_vring_desc_size(g->vr.num));
	g->driver_event = us_map(UA_AVAIL, sizeof(*g->driver_event));
	g->device_event = us_map(UA_USED, sizeof(*g->device_event));
	us_allow(UA_USED, sizeof(*g->device_event), true);
	g->vr.last_used = g->vr.last_avail;
}

static void map_split(struct guest *g)
{
	const struct vxdp_vring *vr = &g->vr;

	g->desc = us_map(UA_DESC, vxdp_vring_desc_size(vr->num));
	g->avail = us_map(UA_AVAIL, vxdp_vring_avail_size(vr, vr->num));
	g->used = us_map(UA_USED, vxdp_vring_used_size(vr, vr->num));
	us_allow(UA_USED, vxdp_vring_used_size(vr, vr->num), true);
	g->avail->idx = vr->last_avail;
	g->used->idx = vr->last_avail;
}

/* What a VMM's memory table says of it all. */
static struct vxdp_memory *make_memory(const struct guest *g)
{
	struct vhost_memory_region r[ARRAY_SIZE(regions) + 1];
	u32 nr = ARRAY_SIZE(regions);
	int err;

	memcpy(r, regions, sizeof(regions));
	if (vxdp_vring_packed(&g->vr))
		r[nr++] = (struct vhost_memory_region){
			.guest_phys_addr = GPA_RING,
			.memory_size = vxdp_vring_desc_size(g->vr.num),
			.userspace_addr = UA_DESC
		};
	return vxdp_memory_create(r, nr, &err);
}

void guest_make(struct guest *g, u32 num, u64 features, u16 base)
{
	us_reset();
	memset(g, 0, sizeof(*g));
	us_map(UA_LOW, SIZE_LOW);
	us_map(UA_MID, SIZE_MID);
	us_map(UA_HIGH, SIZE_HIGH);
	g->vr.num = num;
	g->vr.features = features;
	g->mem = make_memory(g);
	NEED(g->mem);
	g->vr.desc = UA_DESC;
	g->vr.avail = UA_AVAIL;
	g->vr.used = UA_USED;
	g->vr.mem = g->mem;
	g->vr.last_avail = base;
	if (vxdp_vring_packed(&g->vr))
		map_packed(g);
	else
		map_split(g);
	NEED(!vxdp_vring_start(&g->vr));
}

void guest_drop(struct guest *g)
{
	vxdp_memory_free(g->mem);
	g->mem = NULL;
}

void guest_desc(struct vring_desc *table, u32 i, u64 gpa, u32 len, u16 flags, u16 next)
{
	table[i] = (struct vring_desc){ gpa, len, flags, next };
}

void guest_offer(struct guest *g, u16 head)
{
	g->avail->ring[g->avail->idx % g->vr.num] = head;
	g->avail->idx++;
}

void *guest_at(u64 gpa, u64 len)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(regions); i++) {
		if (gpa - regions[i].guest_phys_addr < regions[i].memory_size)
			return us_at(regions[i].userspace_addr +
				     (gpa - regions[i].guest_phys_addr), len);
	}
	ktap_bail("no guest memory at %#llx", gpa);
}

int guest_next(struct guest *g)
{
	memset(&g->chain, 0xa5, sizeof(g->chain));
	g->chain.iov = g->iov;
	g->chain.iov_max = VXDP_CHAIN_IOV_MAX;
	g->chain.out_only = g->out_only;
	g->chain.seg = g->vr.log_all ? g->seg : NULL;
	return vxdp_vring_next(&g->vr, &g->chain);
}

u8 *guest_log(struct guest *g, u64 gpa)
{
	u8 *log = us_map(UA_LOG, LOG_BYTES + 8);

	us_allow(UA_LOG, LOG_BYTES, true);
	g->vr.log_base = UA_LOG;
	g->vr.log_addr = gpa;
	g->vr.log_used = true;
	g->vr.log_all = true;
	return log;
}
