#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# testpmd.sh - DPDK's virtio-user as the client, unmodified, by its testpmd.
#
# It plays VMM and guest: opens the port's node as it opens /dev/vhost-net, makes a
# tap for the exception path, and polls rings that are in its own memory. Each kind of
# ring answers pings from the wire (whose data is compared), by testpmd's icmpecho,
# is reset and pinged anew, and sends UDP frames that the wire's
# own stack counts. Their memory is hugepages without files, whose table is six regions
# of 16 and 32 GiB, hugepages in files, or none.
set -euo pipefail

cd "${VXDP_ROOT:?run by selftests/run}"
# shellcheck source=selftests/lib/ktap.sh
. selftests/lib/ktap.sh
# shellcheck source=selftests/lib/near.sh
. selftests/lib/near.sh
# shellcheck source=selftests/vm/guest.sh
. selftests/vm/guest.sh

MAC=52:54:00:00:00:0	# and the port's number
HUGE=$GUEST_DIR/huge
HUGEPAGES=96		# of 2 MiB
PINGS=200
FRAMES=5000		# sent by each kind of ring, at least
LIB=$GUEST_DIR/lib
DRIVERS=
SECOND=10.7.0.10	# the second port's address
PMD_PID=
SEGMENTS=64,400,300
SAID=""
SAID_STARTED=""
SAID_ATTACHED=""

[ -x "$(command -v dpdk-testpmd)" ] || skip_all "no dpdk-testpmd here"

# It loads sixty libraries and every driver there is, from a 9p that caches nothing:
# have it in memory, and of the drivers only those that it needs.
near_testpmd() {
	mkdir "$LIB" "$GUEST_DIR/drivers"
	# shellcheck disable=SC2046 # words, each
	cp -L "$(command -v dpdk-testpmd)" \
		$(ldd "$(command -v dpdk-testpmd)" | grep -o '/[^ :]*\.so[^ :]*') "$LIB"
	DRIVERS=$(echo /usr/lib/*/dpdk/pmds-*)
	cp "$DRIVERS"/librte_{mempool_ring,net_virtio}.so "$GUEST_DIR/drivers"
	mount --bind "$GUEST_DIR/drivers" "$DRIVERS"
	near ping
}

# Two receive queues, so that there is something to spread over two queue pairs. Who
# answers to which address is given, as testpmd answers to all of them.
setup() {
	local n
	wire_up 1500
	ethtool -L $UPLINK rx 2
	wire ethtool -L wire0 tx 2
	ip -n $WIRE addr add 10.7.0.1/24 dev wire0
	ip -n $WIRE addr add 198.18.0.2/24 dev wire0	# to which testpmd's frames go
	for n in {2..9}; do
		ip -n $WIRE neigh add 10.7.0."$n" lladdr ${MAC}0 dev wire0
	done
	ip -n $WIRE neigh add $SECOND lladdr ${MAC}1 dev wire0
	for n in 0 1; do
		vhost-xdp attach $UPLINK --port vm$n --mac $MAC$n --queues 2 > /dev/null
	done
	near_testpmd
	echo $HUGEPAGES > /proc/sys/vm/nr_hugepages
	mkdir "$HUGE"
	mount -t hugetlbfs none "$HUGE"
}

cleanup() {
	[ -z "$PMD_PID" ] || kill "$PMD_PID" 2> /dev/null || true
	wait 2> /dev/null || true
	umount "$HUGE" "$DRIVERS" 2> /dev/null || true
	echo 0 > /proc/sys/vm/nr_hugepages
	guest_clean
}

# What testpmd says to its next prompt, in SAID.
answer() {
	local until=$((SECONDS + 60 * ${VXDP_SLOW:-1})) part
	SAID=
	until [[ $SAID == *testpmd\> ]]; do
		if IFS= read -r -d '>' -t 1 -u 8 part; then
			SAID+="$part>"
			continue
		fi
		SAID+=$part
		kill -0 "$PMD_PID" 2> /dev/null || { echo "testpmd ended: $SAID"; return 1; }
		[ $SECONDS -lt $until ] || { echo "testpmd is silent: $SAID"; return 1; }
	done
}

pmd() { # command; its answer in SAID
	echo "$*" >&7
	answer
}

pmd_start() { # words for EAL, for virtio-user, for testpmd
	rm -f "$GUEST_DIR"/pmd.{in,out}
	mkfifo "$GUEST_DIR"/pmd.{in,out}
	exec 7<> "$GUEST_DIR/pmd.in" 8<> "$GUEST_DIR/pmd.out"
	# shellcheck disable=SC2086 # words
	LD_LIBRARY_PATH=$LIB stdbuf -oL "$LIB/dpdk-testpmd" -l 0,1 --no-pci --no-telemetry --iova-mode=va \
		--log-level=pmd.net.virtio.driver:debug $1 "--vdev=$(vdev 0),iface=vm0-tap,$2" \
		-- -i --nb-cores=1 --total-num-mbufs=4096 --forward-mode=icmpecho \
		--eth-peer=0,"$(wire cat /sys/class/net/wire0/address)" $3 \
		< "$GUEST_DIR/pmd.in" > "$GUEST_DIR/pmd.out" 2>&1 &
	PMD_PID=$!
	answer || return
	SAID_STARTED=$SAID
	pmd start
}

vdev() { echo "net_virtio_user$1,path=/dev/vhost-xdp/vm$1,mac=$MAC$1"; } # port

pmd_stop() {
	pmd stop
	echo quit >&7
	wait "$PMD_PID"
	PMD_PID=
	[ "$(vhost-xdp show vm0 --json | jq .open_queues)" = 0 ]
}

counters() { vhost-xdp stats "${1:-vm0}" --json | jq -c '[.[0].port[] | {(.name): .value}] | add'; }

# How much more it counts than it did at the start of this kind of ring.
more() { jq -n --argjson old "$BEFORE" --argjson new "$(counters)" "[$1] | map(\$new[.] - \$old[.]) | add"; }

rings() { # how they are to be
	local is
	is=$(vhost-xdp show vm0 --json | jq -r '[.queue_pairs[].features |
		map(select(IN("MRG_RXBUF", "RING_PACKED", "IN_ORDER"))) | sort | join(" ")] | join(", ")')
	[ "$is" = "$1" ] || { echo "they are: $is"; return 1; }
}

# The data is compared, by ping; several are under way at a time.
answers_pings() { # address, bytes...
	local to=$1 bytes said got
	shift
	kill -0 "$PMD_PID" || return
	for bytes; do
		said=$(wire ping -A -l 16 -c $PINGS -w $((30 * ${VXDP_SLOW:-1})) -s "$bytes" "$to" 2>&1) || true
		# It sends some more than it waits for.
		got=$(sed -n 's/.* \([0-9]*\) received,.*/\1/p' <<< "$said")
		if grep -q 'wrong data' <<< "$said" || [ "${got:-0}" -lt $PINGS ]; then
			tail -n 4 <<< "$said"
			return 1
		fi
	done
}

# Another feature, so that the device is reset: it gets new rings, and its table anew.
starts_again() {
	pmd stop && pmd port stop 0 && pmd port config 0 rx_offload udp_cksum on && pmd port start 0 || return
	grep 'index=0 addr=' <<< "$SAID" && pmd start && answers_pings 10.7.0.2 56
}

no_ports() { wire awk '$1 == "Udp:" { n = $3 } END { print n }' /proc/net/snmp; }
arrived() { [ $(($(no_ports) - UDP_BEFORE)) -ge "$1" ]; }
accounted() { [ "$(more '"tx_xdp_packets", "tx_drop_uplink"')" -ge "$1" ]; }

# UDP frames to a port where nobody listens, of the buffers in SEGMENTS. All that testpmd
# sent have left, or the wire's queue was full; all that left have arrived, their IP
# headers right.
sends() {
	local sent left
	pmd stop && pmd set fwd txonly && pmd set txpkts "$SEGMENTS" || return
	BEFORE=$(counters) UDP_BEFORE=$(no_ports)
	pmd clear port stats 0 && pmd start && await 60 arrived $FRAMES || return
	pmd stop && pmd show port stats 0 || return
	sent=$(grep -o 'TX-packets: *[0-9]*' <<< "$SAID" | grep -o '[0-9]*$') || { echo "$SAID"; return 1; }
	await 20 accounted "$sent" || { echo "sent $sent, but: $(counters)"; return 1; }
	left=$(more '"tx_xdp_packets"')
	await 20 arrived "$left"
	echo "sent $sent, left $left, arrived $(($(no_ports) - UDP_BEFORE))"
	[ $(($(no_ports) - UDP_BEFORE)) = "$left" ]
}

echoes() { pmd stop && pmd set fwd icmpecho && pmd start; }

# No ring stopped, and no frame was at fault.
nothing_refused() { # port
	local refused
	refused=$(counters "$1" | jq -r 'to_entries[] | select(.value > 0 and (.key | test("^ring_|^[rt]x_drop_")) and
		(.key | IN("rx_drop_stopped", "tx_drop_uplink") | not)) | "\(.key) \(.value)"')
	[ -z "$refused" ] || { echo "$refused"; return 1; }
}

KIND_CASES=7
test_kind() { # name, how the rings are to be, bytes of the pings, words as for pmd_start
	check "$1: testpmd starts" pmd_start "$4" "$5" "${6:-}"
	check "$1: the rings are: ${2:-neither packed, in order, nor merging}" rings "$2"
	# shellcheck disable=SC2086 # words
	check "$1: answers pings" answers_pings 10.7.0.2 $3
	check "$1: answers when it was stopped and started" starts_again
	check "$1: what it sends arrives" sends
	[ -z "${7:-}" ] || $7
	check "$1: nothing refused" nothing_refused vm0
	check "$1: ends, and no queue is open" pmd_stop
}

# A region for each of its segment lists, most of it without memory.
six_regions() { # output
	local lengths
	lengths=$(grep -o 'index=[0-9] addr=[^ ]* len=[0-9]*' <<< "$1" | tail -n 6 | grep -o '[0-9]*$' | xargs)
	[ "$lengths" = "34359738368 34359738368 17179869184 17179869184 17179869184 17179869184" ] || {
		echo "lengths: $lengths"
		return 1
	}
}

# Once for the second device, once more for the first.
sent_for_both() { # output
	[ "$(grep -c 'index=5 addr=' <<< "$1")" -ge 2 ] || { echo "$1"; return 1; }
}

# A second device wants memory that is not there yet: testpmd stops the rings of the
# first, sends the table again and lets them go on.
attach_second() {
	local pings
	answers_pings 10.7.0.2 57 &
	pings=$!
	pmd port attach "$(vdev 1),iface=vm1-tap,queue_size=32768,queues=2,cq=1"
	SAID_ATTACHED=$SAID
	pmd port start 1
	SAID_ATTACHED+=$SAID
	wait $pings
}

second_answers() { echoes && answers_pings $SECOND 56; }

# virtio-user gives the tap its own address, of which the port's policy passes nothing.
host_pings() {
	ip link set vm0-tap address 02:00:00:00:00:01
	ip addr add 10.8.0.1/24 dev vm0-tap
	ip link set vm0-tap up
	ping -c 3 -W 5 10.8.0.2
}

MEMORY_CASES=7
test_memory() {
	check "six regions of 16 and 32 GiB" six_regions "$SAID_STARTED"
	check "echoes again" echoes
	check "answers while memory is added" attach_second
	check "the table was sent for both" sent_for_both "$SAID_ATTACHED"
	check "a second port in the same memory answers" second_answers
	check "nothing refused by the second" nothing_refused vm1
	check "answers the host by the tap" host_pings
}

queue_answers() { # number
	pmd show port xstats 0
	[ "$(grep -c "[rt]x_q$1_good_packets: [1-9]" <<< "$SAID")" = 2 ] || { echo "$SAID"; return 1; }
}

more_addresses() {
	local n PINGS=50
	for n in {3..9}; do
		answers_pings 10.7.0."$n" 56 || return
	done
}

QUEUES_CASES=4
test_queues() {
	local n
	check "echoes again" echoes
	check "answers to seven more addresses" more_addresses
	for n in 0 1; do
		check "queue pair $n received and sent" queue_answers $n
	done
}

plan $((1 + 4 * KIND_CASES + MEMORY_CASES + QUEUES_CASES))
trap cleanup EXIT
setup
pass "ports are attached"
test_kind split "MRG_RXBUF" "56 1400" \
	--in-memory mrg_rxbuf=1,in_order=0 "--mbuf-size=640 --enable-scatter --tx-offloads=0x8000" test_memory
test_kind "split, in order" "IN_ORDER" "56 1400" "--huge-dir $HUGE" mrg_rxbuf=0,in_order=1
test_kind packed "RING_PACKED" "56 1400" "--no-huge -m 64" packed_vq=1,mrg_rxbuf=0,in_order=0
test_kind "packed, in order, two queues" "IN_ORDER MRG_RXBUF RING_PACKED, IN_ORDER MRG_RXBUF RING_PACKED" "56 1400" \
	"--huge-dir $HUGE" packed_vq=1,mrg_rxbuf=1,in_order=1,queues=2,cq=1 "--rxq=2 --txq=2" test_queues
finish
