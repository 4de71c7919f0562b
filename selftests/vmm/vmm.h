/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vmm.h - a VMM and its guest's virtio-net driver, small enough to test with.
 *
 * The VMM half owns the guest's memory and drives any node that speaks the
 * vhost-net ioctl ABI; the guest half fills virtqueues as a driver would.
 * Both are the real thing: what is on the other side is a kernel.
 *
 * mem	guest memory, one or several regions; guest physical addresses are not
 *	process addresses, nor at a constant distance from them
 * iommu	what a guest behind a virtual IOMMU has mapped, and its VMM's answers to misses
 * ring	one virtqueue, the driver's side: split (virtio 1.2, 2.7), or packed (1.3, 2.8)
 * dev	the vhost ioctls, each returning 0 or -errno
 * nic	a queue pair: a device, two rings and their buffers
 * proc	what the kernel says of itself
 */
#ifndef SELFTESTS_VMM_H
#define SELFTESTS_VMM_H

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vhost_later.h>

#ifndef VIRTIO_F_RING_RESET
#define VIRTIO_F_RING_RESET 40
#endif
#define BIT64(n) (1ULL << (n))

/* mem */

#define MEM_REGIONS_MAX 16

#define MEM_PAGE 4096UL
#define MEM_SPARE 512U	/* pages to move others to, a region */
#define MEM_DECOY 0xa5

/* The pages of a region that is behind an IOMMU: @count, in @slots places. */
struct mem_pages {
	size_t count, slots;
	uint8_t *view;		/* the VMM's own mapping, slot after slot */
	uint8_t *decoy;		/* its address is the region's iova; never touched */
	uint32_t *slot;		/* where each page is */
	uint8_t *perm;		/* VHOST_ACCESS_*: what the guest has mapped, or 0 */
	uint32_t spare[MEM_SPARE];	/* slots that no page is in; never touched */
	unsigned int next;	/* of the spare ones, that to be taken */
};

struct mem_region {
	uint64_t gpa;
	uint8_t *hva;
	size_t size;
	size_t used;		/* by mem_alloc() */
	int fd;			/* shared memory; -1: private */
	struct mem_pages *pages;	/* NULL: no IOMMU */
};

struct mem {
	unsigned int count;
	bool iommu;
	struct mem_region region[MEM_REGIONS_MAX];
};

/*
 * mem_init - @count regions of @size bytes each, with holes between them; @shared:
 * with a file behind each, for a device in another process
 */
void mem_init(struct mem *m, unsigned int count, size_t size, bool shared);
/* mem_init_iommu - the same behind an IOMMU; nothing is mapped in it */
void mem_init_iommu(struct mem *m, unsigned int count, size_t size);
void mem_free(struct mem *m);
/* mem_map - of a file, or of none (-1); @at NULL: anywhere */
void *mem_map(void *at, size_t size, int fd, size_t off);

/* mem_alloc - zeroed; from the first region with room, or from @region on */
void *mem_alloc(struct mem *m, size_t size, size_t align, unsigned int region);
const struct mem_region *mem_region_of(const struct mem *m, const void *hva);
uint64_t mem_gpa(const struct mem *m, const void *hva);
/* mem_dma - what the driver tells the device; mem_view - where the VMM has it */
uint64_t mem_dma(const struct mem *m, const void *hva);
uint8_t *mem_view(const struct mem *m, const void *hva);
/* mem_untouched - nobody has written where nothing is, or took an iova for an address */
bool mem_untouched(const struct mem *m);

/* iommu */

/* How the VMM hears of misses. */
enum iommu_how {
	IOMMU_SILENT,		/* not at all */
	IOMMU_BLOCK,		/* read() waits */
	IOMMU_POLL,		/* poll(), then read() */
	IOMMU_NONBLOCK,		/* the same with O_NONBLOCK, until EAGAIN */
};

struct iommu_cfg {
	bool on;
	bool v1;		/* messages of the first kind */
	bool ahead;		/* entries before they are asked for */
	bool closed;		/* the guest has mapped nothing */
	bool stray;		/* its rings may have any address in them */
	enum iommu_how how;
};

struct iommu {
	struct iommu_cfg cfg;
	struct mem *mem;
	int dev;
	pthread_t thread;
	pthread_mutex_t lock;	/* perm, slot and what the device was told of them */
	int stop;		/* eventfd */
	unsigned long misses, faults, updates;
};

/*
 * iommu_start - the guest maps all (unless .closed), entries are sent (.ahead; or of
 * @used alone, as QEMU does), misses are answered from now on. iommu_stop - no more;
 * of a blocking reader the rings have to be stopped.
 */
void iommu_start(struct iommu *u, const struct iommu_cfg *cfg, struct mem *m, int dev);
void iommu_stop(struct iommu *u);

/* iommu_send - one message, as it is; 0 or -errno */
int iommu_send(struct iommu *u, uint8_t type, uint64_t iova, uint64_t size,
	       uint64_t uaddr, uint8_t perm);

/* iommu_allow - the guest maps pages; the device is not told */
void iommu_allow(struct iommu *u, const void *hva, size_t size, uint8_t perm);
/* iommu_tell - the entries of pages, before they are asked for */
void iommu_tell(struct iommu *u, const void *hva, size_t size);
/* iommu_take - the guest takes pages away: when this returns nobody uses them */
void iommu_take(struct iommu *u, const void *hva, size_t size);
/* iommu_move - pages are elsewhere now; nobody may write to where they were */
void iommu_move(struct iommu *u, const void *hva, size_t size);

/*
 * iommu_read - one message, of @len bytes of room; what read() returned or -errno;
 * iommu_miss - its contents, of either kind
 */
int iommu_read(int dev, void *buf, size_t len);
bool iommu_miss(const void *buf, struct vhost_iotlb_msg *m);

/* ring */

struct ring_seg {
	void *hva;		/* in guest memory, or NULL: use gpa as it is */
	uint64_t gpa;
	uint32_t len;
};

/* A packed ring is where desc is; avail and used are the event structures. */
struct ring_packed {
	struct vring_packed_desc *desc;
	struct vring_packed_desc_event *driver, *device;
	struct vring_packed_desc *indirect;
	uint16_t next, used;	/* places: index, and the wrap counter in bit 15 */
	uint16_t held, held_flags;	/* the first that was added and not published */
	uint16_t added;		/* descriptors since the last look whether to kick */
	unsigned int base;	/* for VHOST_SET_VRING_BASE */
	uint16_t *id;		/* free ones */
	unsigned int ids;
};

struct ring {
	struct mem *mem;
	unsigned int num;
	bool event_idx;
	bool is_packed;
	bool in_order;
	struct ring_packed packed;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	struct vring_desc *indirect;	/* num tables of RING_INDIRECT_MAX */
	uint16_t *avail_event, *used_event;
	uint16_t avail_idx, last_used, kicked;
	unsigned int free_count;
	uint16_t free_head;
	uint32_t *token;
	uint16_t *chain;	/* descriptors that a head took */
	uint16_t *order;	/* heads that are out, in order, from @reaped to @out */
	unsigned int out, reaped;
	bool batch;		/* in order, one that stands for all up to it: */
	uint32_t batch_head, batch_len;
	int kick, call, err;
	int kick2, call2;	/* twins to swap them with, or -1 */
	uint64_t kicks;		/* written to the eventfd */
};

#define RING_INDIRECT_MAX 32

/* ring_init - in @mem's region @region, indexes starting at @base (packed: index) */
void ring_init(struct ring *r, struct mem *mem, unsigned int num,
	       unsigned int region, uint16_t base, uint64_t features,
	       bool indirect);
void ring_free(struct ring *r);

/* ring_reset - as new, whatever was in it; the eventfds stay */
void ring_reset(struct ring *r, uint16_t base);

/* ring_base - for VHOST_SET_VRING_BASE, where all that was taken is used */
unsigned int ring_base(const struct ring *r);

/* For tests that write descriptors by hand. */
void ring_desc(struct ring *r, unsigned int i, uint64_t gpa, uint32_t len,
	       uint16_t flags, uint16_t next);
void ring_avail(struct ring *r, uint16_t head);	/* as it stands, and kick */

/*
 * ring_add - offer a chain: @out readable segments, then @in writable ones.
 * Returns false where descriptors are short. @token comes back from ring_reap().
 */
bool ring_add(struct ring *r, const struct ring_seg *seg, unsigned int out,
	      unsigned int in, bool indirect, uint32_t token);

/* ring_publish - show the device what was added; kick it if it asks for that */
void ring_publish(struct ring *r);
void ring_kick(struct ring *r);

/* ring_reap - one used element; false where there is none */
bool ring_reap(struct ring *r, uint32_t *token, uint32_t *len);
bool ring_has_used(struct ring *r);

/*
 * ring_call_on - ask for a call at the next used element. False: there is one
 * already, do not wait. ring_call_off - rather not (a hint, with event idx).
 */
bool ring_call_on(struct ring *r);
void ring_call_off(struct ring *r);

/* For ring.c: the same of a packed ring. */
void packed_alloc(struct ring *r, unsigned int region, bool indirect);
void packed_reset(struct ring *r, uint16_t base);
uint16_t packed_add(struct ring *r, const struct ring_seg *seg, unsigned int out,
		    unsigned int in, bool indirect);
void packed_publish(struct ring *r);
bool packed_has_used(struct ring *r, uint32_t *head, uint32_t *len);
void packed_put(struct ring *r, uint16_t head);
void packed_call(struct ring *r, bool on);

/* dev */

int dev_open(const char *node);
int dev_ioctl(int fd, unsigned long req, void *arg);
int dev_features(int fd, uint64_t *features);
int dev_set_features(int fd, uint64_t features);
/* Those from the 64th on, too; -ENOTTY or so where the kernel has no such call. */
int dev_features_more(int fd, uint64_t *more);
int dev_set_features_more(int fd, uint64_t features, uint64_t more);
int dev_set_mem(int fd, const struct mem *m);
int dev_vring_state(int fd, unsigned long req, unsigned int index,
		    unsigned int num);
int dev_vring_file(int fd, unsigned long req, unsigned int index, int file);
int dev_vring_base(int fd, unsigned int index, unsigned int *base);
int dev_vring_addr(int fd, unsigned int index, const struct ring *r,
		   bool log, uint64_t log_gpa);
int dev_backend(int fd, unsigned int index, int sock);

/* nic */

enum { NIC_RX, NIC_TX };

/* With the features of a word further on, the header is longer (virtio 1.4, 5.1.6). */
#define TUNNEL_MORE	(BIT64(VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO - 64) |	\
			 BIT64(VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO - 64))
#define TUNNEL_HLEN	24

/* How the segments of a frame are laid out in descriptors. */
enum nic_layout {
	NIC_ONE,		/* header and frame in one descriptor */
	NIC_SPLIT,		/* header, frame */
	NIC_PIECES,		/* header, 14 bytes, the rest in five parts */
};

struct nic_cfg {
	const char *node;	/* NULL: nic_init() opens no device */
	bool shared;		/* guest memory that another process can map */
	int backend;		/* tap or socket */
	uint64_t features;	/* without those the program adds itself */
	unsigned int rx_num, tx_num;
	unsigned int regions;	/* 0: one */
	unsigned int rx_len;	/* bytes of one receive buffer, header included */
	unsigned int rx_bufs;	/* 0: as many as the ring takes */
	unsigned int tx_len;	/* longest frame to send */
	unsigned int tx_bufs;	/* 0: as many as the ring takes, up to 256 */
	enum nic_layout rx_layout;
	bool indirect;
	uint16_t base;		/* where the ring indexes start */
	bool kthread;		/* the kernel's thread as worker, not one of ours */
	bool tunnel;		/* GSO frames in UDP tunnels: TUNNEL_MORE, TUNNEL_HLEN */
	struct iommu_cfg iommu;
};

struct nic {
	struct nic_cfg cfg;
	struct mem mem;
	struct iommu iommu;
	struct ring ring[2];
	int dev;
	unsigned int hlen;	/* virtio-net header */
	uint16_t outer_l4, inner_l3;	/* what it says of the next frames' tunnel */
	uint8_t *rx_buf, *tx_buf;
	size_t rx_stride, tx_stride;
	unsigned int rx_bufs, tx_bufs;
	uint32_t *tx_free;
	unsigned int tx_nfree;
	uint8_t *scratch;	/* for a frame that came in several buffers */
	unsigned int held;	/* receive buffers nic_rx() handed out */
	uint32_t hold[64];
	uint64_t tx_used_len;	/* sum of what the device wrote in tx: 0 */
};

struct nic_frame {
	struct virtio_net_hdr_mrg_rxbuf hdr;
	uint16_t outer_l4, inner_l3;	/* 0 where the header does not say */
	uint8_t *data;
	unsigned int len;
	unsigned int buffers;
};

/* nic_init - memory, rings, device opened; nothing told to the device yet */
void nic_init(struct nic *n, const struct nic_cfg *cfg);

/* nic_open - open the device that nic_init() was not told of */
void nic_open(struct nic *n, const char *node);

/* nic_start - the ioctls that a VMM does at DRIVER_OK; 0 or -errno */
int nic_start(struct nic *n);

/* nic_stop - backends off; ring positions kept so nic_resume() can follow */
int nic_stop(struct nic *n);
int nic_resume(struct nic *n);
void nic_free(struct nic *n);

/* nic_reset - stop whatever state the rings are in, start with new ones */
int nic_reset(struct nic *n);

/* nic_setup_ring - NUM, BASE, ADDR, KICK, CALL, ERR of one ring */
int nic_setup_ring(struct nic *n, unsigned int index, unsigned int base);

/* nic_rx_fill - post every receive buffer there is */
void nic_rx_fill(struct nic *n);

/*
 * nic_rx - take one received frame. It stays valid until nic_rx_done(), which
 * posts its buffers again (visible to the device at ring_publish()).
 */
bool nic_rx(struct nic *n, struct nic_frame *f);
void nic_rx_done(struct nic *n);

/* nic_tx_slot - room for a frame in guest memory, or NULL: none free */
uint8_t *nic_tx_slot(struct nic *n);

/* nic_tx - offer the slot's first @len bytes with that header */
bool nic_tx(struct nic *n, const struct virtio_net_hdr_v1 *hdr,
	    unsigned int len, enum nic_layout layout, bool indirect);

/* nic_tx_reclaim - take back what was sent; how many */
unsigned int nic_tx_reclaim(struct nic *n);

/* eventfd_take - reset an eventfd; what it held. wait_fd - poll for input */
uint64_t eventfd_take(int fd);
bool wait_fd(int fd, int timeout_ms);

/* proc */

/* proc_number - behind @key, which begins a line of that file; -1: there is none */
long proc_number(const char *path, const char *key);

#endif
