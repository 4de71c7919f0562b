/* SPDX-License-Identifier: GPL-2.0 */
/*
 * stats.h - a port's counters, see VHOST_XDP_STATS.
 */
#ifndef VXDP_STATS_H
#define VXDP_STATS_H

#include <linux/percpu.h>
#include <linux/vhost_xdp.h>

#define VXDP_STATS_NR	(VHOST_XDP_STAT_MAX + 1)

/* One a CPU and port; a 64-bit add cannot tear, so there is no lock. */
struct vxdp_stats {
	u64 val[VXDP_STATS_NR];
};

static inline void vxdp_stats_add(struct vxdp_stats __percpu *stats,
				  enum vhost_xdp_stat stat, u64 n)
{
	this_cpu_add(stats->val[stat], n);
}

/* A packet and its bytes: each *_PACKETS is followed by its *_BYTES. */
static inline void vxdp_stats_packet(struct vxdp_stats __percpu *stats,
				     enum vhost_xdp_stat packets, u64 bytes)
{
	this_cpu_inc(stats->val[packets]);
	this_cpu_add(stats->val[packets + 1], bytes);
}

#endif /* VXDP_STATS_H */
