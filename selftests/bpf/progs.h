/* SPDX-License-Identifier: GPL-2.0 */
/*
 * progs.h - the programs under test, real ports with a guest on each, and one
 * run of a program on one frame.
 */
#ifndef SELFTESTS_BPF_PROGS_H
#define SELFTESTS_BPF_PROGS_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/bpf.h>
#include <linux/vhost_xdp.h>
#include <vhost_xdp_maps.h>

#include "../vmm/ktap.h"
#include "../vmm/vmm.h"
#include "../vmm/wire.h"

/* The ports; as bits they name who is to get a frame. */
enum {
	PORT_A,		/* untagged */
	PORT_B,		/* untagged */
	PORT_C,		/* VLAN 5 */
	PORT_D,		/* VLAN 5 */
	PORT_IDLE,	/* untagged; no guest has it open */
	PORTS,
};
#define A	(1U << PORT_A)
#define B	(1U << PORT_B)
#define C	(1U << PORT_C)
#define D	(1U << PORT_D)
#define IDLE	(1U << PORT_IDLE)

#define VLAN	5
#define JUMBO	65000		/* the module refuses it, the program must not */
#define FRAME_SIZE_MAX	66000

struct test_port {
	struct ctl_port ctl;
	uint8_t mac[6];
	uint16_t vlan;
	struct nic nic;
	int tap;
};

extern struct test_port ports[PORTS];

/* What the programs count, over all ports, since the last look. */
struct counts {
	unsigned int flood, refused;	/* bit a port: it counted one */
	struct vxdp_counters port[PORTS];
};

/* One frame through one program. */
struct run {
	uint8_t in[FRAME_SIZE_MAX];
	unsigned int in_len;
	bool meta;			/* give it struct vhost_xdp_meta */
	struct vhost_xdp_meta value;

	uint32_t verdict;
	uint8_t out[FRAME_SIZE_MAX];
	unsigned int out_len;
	struct counts counts;
};

void progs_init(void);
void progs_exit(void);

/* The frame: addresses, tag (tpid 0: none), ethertype, pattern up to @len. */
void frame_build(struct run *r, const uint8_t *dst, const uint8_t *src,
		 uint16_t tpid, uint16_t tci, unsigned int len);

/* False, with a diagnostic, where the kernel refuses the run itself. */
bool run_ingress(struct run *r);
bool run_egress(struct run *r, unsigned int from, uint32_t flags);

/* port_set - change the policy of a port under test */
void port_policy(unsigned int port, uint16_t flags);

/*
 * guest_got - the next frame of that port's guest is these bytes. guest_nothing
 * is for the end: none has a frame left.
 */
bool guest_got(unsigned int port, const uint8_t *data, unsigned int len);
uint64_t now_ms(void);
bool guests_empty(void);
/* Who got the frame that somebody gets; -1, with a diagnostic, where nobody did. */
int guest_which(void);
/* The address of one port goes to another. @tell: not by hand, see vxdp_epoch. */
void address_move(unsigned int of, unsigned int to, bool tell);

void ingress_cases(void);
void egress_cases(void);

extern const uint8_t mac_stranger[6], mac_broadcast[6], mac_multicast[6];

#endif
