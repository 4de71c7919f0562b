/* SPDX-License-Identifier: GPL-2.0 */
/*
 * iotlb.h - a guest behind a virtual IOMMU, and a VMM that says what it likes.
 */
#ifndef SELFTESTS_IOTLB_H
#define SELFTESTS_IOTLB_H

#include "../vmm/flow.h"

#define MSG_SIZE sizeof(struct vhost_msg_v2)
#define FAR (1ULL << 50)	/* nobody's iova */
#define RW (VHOST_ACCESS_RO | VHOST_ACCESS_WO)

extern enum lane lane;

/* Rings and buffers over many pages, each an entry of its own. */
extern const struct nic_cfg behind;

/* iotlb_bench - at work behind an IOMMU of that kind; iotlb_close - and its end */
void iotlb_bench(struct bench *b, struct nic_cfg cfg, struct iommu_cfg how);
bool iotlb_close(struct bench *b);

/* tx_offer, rx_offer - frames of the stream, which nobody waits for yet */
void tx_offer(struct bench *b, unsigned int n);
void rx_offer(struct bench *b, unsigned int n);
/* tx_hello - a frame of no stream */
void tx_hello(struct bench *b);

/* all_memory - @fn on each region */
void all_memory(struct bench *b, void (*fn)(struct iommu *u, const void *hva, size_t size));

/* told_of - until @n more misses were not answered, or ring @index stopped by an error */
bool told_of(struct bench *b, unsigned long before, unsigned int index);
unsigned long faults(const struct bench *b);

/* iotlb_ring.c: what the guest does */
bool rights_rx(void);
bool rights_tx(void);
bool rights_used(void);
bool logged(void);
bool restarted(void);
bool owner_reset(void);
bool switched(void);
bool moved_ahead(void);
bool moved_asked(void);

/* drain - read whatever is there to be read; how many messages */
unsigned int drain(int dev);

/* iotlb_msg.c: what the VMM writes and reads */
bool messages(void);
bool reads(void);
bool bytes_v1(void);
bool bytes_v2(void);
bool ranges(void);

/* iotlb_abuse.c */
bool flood_updates(void);
bool flood_misses(void);
bool many_misses(void);
bool bad_entries(void);
bool stranger(void);
bool killed(void);

#endif
