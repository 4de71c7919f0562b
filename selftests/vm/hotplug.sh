#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# hotplug.sh - an unmodified QEMU guest gets memory and gives it back while it sends
# and receives: DIMMs, of private and of shared memory, and virtio-mem. Each change
# replaces the memory table of rings that run.
#
# The guest takes what is plugged as movable memory, so that it can give it back; it
# has what it sends there (see peer.c). A last DIMM it takes as any other memory, so
# that what it receives is there, too.
#
#	hotplug.sh [ROUNDS]
#
# shellcheck disable=SC2086 # numbers
set -euo pipefail

cd "${VXDP_ROOT:?run by selftests/run}"
# shellcheck source=selftests/lib/ktap.sh
. selftests/lib/ktap.sh
# shellcheck source=selftests/vm/guest.sh
. selftests/vm/guest.sh
# shellcheck source=selftests/vm/peer.sh
. selftests/vm/peer.sh

ROUNDS=${1:-1}
DIMM=$((128 << 20))
MOVED=$((512 << 10))	# bytes of the stream that have to move each way after each step
LEAK=$((64 << 10))	# KiB: what the host's memory may differ by from itself

[ -e /dev/kvm ] || skip_all "no /dev/kvm here: nothing to run a guest on"
trap 'peer_kill; guest_clean' EXIT

# shellcheck disable=SC2034 # for guest.sh
boot() {
	GUEST_QEMU=(-m "256M,slots=4,maxmem=1G" -object "memory-backend-ram,id=pool,size=$DIMM"
		-device "virtio-mem-pci,id=vmem,memdev=pool,requested-size=0")
	GUEST_WORDS=memhp_default_state=online_movable
	guest_start vm0
	guest_ready
	guest 'ip link set nic0 up && ip addr add 10.7.0.2/24 dev nic0'
}

# Pages in use of one of the guest's zones. At first it has none of these two, for
# 256 MiB lie below them.
zone_used() { # zone
	guest cat /proc/zoneinfo |
		awk -v zone="$1" '/^Node/ { here = $4 == zone } here && $1 == "pages" && $2 == "free" { u -= $3 }
			here && $1 == "managed" { u += $2 } END { print u + 0 }'
}

# What is plugged comes online a while after, block by block. An eighth may be the kernel's.
zone_is_online() { # zone
	guest cat /proc/zoneinfo |
		awk -v zone="$1" -v least=$((DIMM / 4096 * 7 / 8)) '/^Node/ { here = $4 == zone }
			here && $1 == "managed" { n += $2 } END { exit n < least }'
}

zone_is_used() { [ "$(zone_used "$1")" -gt "$2" ]; }
zone_is_empty() { [ "$(zone_used "$1")" = 0 ]; }

# The stream goes on out of the new memory, every page of which the guest has.
moves_in() { # zone
	await 60 zone_is_online "$1" || { echo "zone $1 does not come online"; return 1; }
	await 60 zone_is_used "$1" 0 || { echo "the guest has no use for zone $1"; return 1; }
	guest "dd if=/dev/zero of=fill bs=1M count=$((DIMM * 5 / 8 >> 20))" || return
	zone_is_used "$1" $((DIMM / 2 / 4096)) || { echo "the file is elsewhere: $(zone_used "$1") pages"; return 1; }
	peer more $MOVED || return
	SILENT=${PEER_HAS[silent]}
	guest rm fill || return
	peer more $MOVED || return
	zone_is_used "$1" 16
}

sends_from() { # name, zone
	peer status > /dev/null
	check "$1: the guest sends from there" moves_in "$2"
	diag "$1 filled: ${SILENT:-?} ms without an answer"
}

plug() { # name, kind of memory, more words for it
	qmp '{"execute":"object-add","arguments":{"id":"'"$1"'","size":'$DIMM',"qom-type":"memory-backend-'"$2"'"'"$3"'}}' ||
		return
	qmp '{"execute":"device_add","arguments":{"driver":"pc-dimm","id":"dimm-'"$1"'","memdev":"'"$1"'"}}'
}

unplug() { # name
	qmp '{"execute":"device_del","arguments":{"id":"dimm-'"$1"'"}}' || return
	qmp_event "@(DEVICE_DELETED|MEM_UNPLUG_ERROR|DEVICE_UNPLUG_GUEST_ERROR)*dimm-$1" 120 || return
	[[ $LINE == *DEVICE_DELETED* ]] || { echo "$LINE"; return 1; }
	qmp '{"execute":"object-del","arguments":{"id":"'"$1"'"}}'
}

resize() { # bytes
	qmp '{"execute":"qom-set","arguments":{"path":"/machine/peripheral/vmem","property":"requested-size","value":'"$1"'}}' ||
		return
	qmp_event 'MEMORY_DEVICE_SIZE_CHANGE*"size": '"$1[,}]" 120
}

# Once nothing of it is in the tables, the host has back what it had before.
has_it_back() { [ "$(available)" -gt $((AVAILABLE - LEAK)) ]; }
available() { awk '/^MemAvailable/ { print $2 }' /proc/meminfo; }

step() { # name, command...
	peer status > /dev/null
	check "$@"
	check "$1: the stream goes on" peer more $MOVED
	diag "$1: ${PEER_HAS[silent]} ms without an answer"
}

dimm() { # name, plug's words...
	AVAILABLE=$(available)
	step "$1 plugged" plug "$@"
	sends_from "$1" Movable
	step "$1 unplugged" unplug "$1"
	check "$1: the guest has no more of it" zone_is_empty Movable
	check "$1: the host has it again" await 10 has_it_back
}

virtio_mem() {
	AVAILABLE=$(available)
	step "virtio-mem grown" resize $DIMM
	sends_from virtio-mem Movable
	step "virtio-mem shrunk" resize 0
	check "virtio-mem: the guest has no more of it" await 10 zone_is_empty Movable
	check "virtio-mem: the host has it again" await 10 has_it_back
}

# This stays.
for_receiving() {
	guest 'echo online_kernel > /sys/devices/system/memory/auto_online_blocks'
	step "a DIMM for all plugged" plug all ram ""
	check "a DIMM for all: the guest sends and receives there" moves_in Normal
}

plan $((2 + ROUNDS * 3 * 7 + 3 + 4))
wire_up 1500
ip -n $WIRE addr add 10.7.0.1/24 dev wire0
vhost-xdp attach $UPLINK --port vm0 --mac 52:54:00:00:00:01 > /dev/null
boot
pass "guest boots"
peer_start 10.7.0.1
check "the stream flows" peer more $MOVED
for ((n = 0; n < ROUNDS; n++)); do
	dimm "private$n" ram ""
	dimm "shared$n" memfd ',"share":true'
	virtio_mem
done
for_receiving
check "both streams arrived, to the byte" peer_over
check "no frame was found wrong on the way" no_bad_frames
check "the guest's kernel is content" guest_content
check "the port refused nothing" port_content vm0
guest_stop
finish
