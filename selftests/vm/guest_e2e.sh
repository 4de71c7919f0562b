#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# guest_e2e.sh - an unmodified QEMU guest on the wire, end to end.
#
# One guest with two cards, QEMU's default offloads on both: nic0 on a port of
# the untagged network, nic1 on an access port of VLAN 100, both of one uplink
# of MTU 9000. Files of 16 MiB go both ways by HTTP and are compared by checksum;
# each time the tap's counters must show that it did not carry them.
#
#	guest_e2e.sh packed		the shorter: with packed virtqueues
#	guest_e2e.sh iommu		the shorter: behind a virtual IOMMU that forgets each
#					buffer as soon as it is given back; files of 2 MiB
#	guest_e2e.sh mq			two CPUs and nic0 with two queue pairs, which
#					are used, taken away and given back; files of 4 MiB
#	guest_e2e.sh qemu72		the shorter: by Debian 12's own QEMU, 7.2, one card with
#					split virtqueues, the other with packed ones; files of 4 MiB
set -euo pipefail

cd "${VXDP_ROOT:?run by selftests/run}"
# shellcheck source=selftests/lib/ktap.sh
. selftests/lib/ktap.sh
# shellcheck source=selftests/vm/guest.sh
. selftests/vm/guest.sh

MODE=${1:-}
MIB=${GUEST_MIB:-16}	# fewer where the kernel is slow
PAIRS=1			# of nic0's queues
# shellcheck disable=SC2034 # for guest.sh
case "$MODE" in
packed) GUEST_NIC=,packed=on ;;
iommu) guest_iommu; MIB=2 ;;
mq) GUEST_QEMU=(-smp 2) PAIRS=2; MIB=${GUEST_MIB:-4} ;;
qemu72)
	GUEST_PROGRAM=build/qemu-7.2/usr/bin/qemu-system-x86_64	# deps.sh puts it there
	[ -x $GUEST_PROGRAM ] || skip_all "QEMU 7.2 is Debian 12's: there is no $GUEST_PROGRAM"
	# It looks for what it loads beside itself first.
	GUEST_QEMU=(-L /usr/share/qemu -L /usr/share/seabios -L /usr/lib/ipxe/qemu)
	GUEST_NICS=("" ",packed=on")
	MIB=${GUEST_MIB:-4}
	;;
esac
NOISE=65536		# bytes: what multicast may put on a tap during a transfer

[ -e /dev/kvm ] || skip_all "no /dev/kvm here: nothing to run a guest on"
trap guest_clean EXIT

setup() {
	wire_up 9000 $PAIRS
	ip -n $WIRE addr add 10.7.0.1/24 dev wire0
	ip -n $WIRE link add wire0.100 link wire0 type vlan id 100
	ip -n $WIRE addr add 10.7.100.1/24 dev wire0.100
	ip -n $WIRE link set wire0.100 up
	wire_serve "$MIB"
	vhost-xdp attach $UPLINK --port vm0 --mac 52:54:00:00:00:01 --queues $PAIRS
	vhost-xdp attach $UPLINK --port vm1 --mac 52:54:00:00:00:02 --vlan 100
}

# The host has nothing to say by the tap, whose frames go to either ring of many.
quiet_tap() { [ ! -e /proc/sys/net/ipv6 ] || sysctl -qw "net.ipv6.conf.$1.disable_ipv6=1"; }

boot() {
	guest_start vm0 vm1
	[ "$MODE" != mq ] || quiet_tap vm0-tap
	guest_ready
	configure
}

configure() {
	guest 'ip link set nic0 up && ip link set nic1 up &&
		ip addr add 10.7.0.2/24 dev nic0 && ip addr add 10.7.100.2/24 dev nic1'
}

equal() { # what, got, expected
	[ "$2" = "$3" ] || { echo "$1: got $2, expected $3"; return 1; }
}

at_least() { # what, got, least
	[ "$2" -ge "$3" ] || { echo "$1: $2, expected at least $3"; return 1; }
}

at_most() { # what, got, most
	[ "$2" -le "$3" ] || { echo "$1: $2, expected at most $3"; return 1; }
}

# Fetches and returns the file; compares what either end has; then asks port $2
# whether the frames went by XDP, and its tap whether it saw them.
transfer() { # name, port, address
	local tap rx tx
	tap=$(tap_bytes "$2") rx=$(rx_bytes "$2") tx=$(tx_bytes "$2")
	check "$1: fetch $MIB MiB" equal checksum "$(guest_fetch "$3")" "$FILE_SUM"
	check "$1: send $MIB MiB" equal checksum "$(guest_post "$3")" "$FILE_SUM"
	check "$1: the file that arrived" equal checksum "$(sum_of "$GUEST_DIR/received")" "$FILE_SUM"
	check "$1: received by XDP" at_least bytes $(($(rx_bytes "$2") - rx)) $((MIB << 20))
	check "$1: sent by XDP" at_least bytes $(($(tx_bytes "$2") - tx)) $((MIB << 20))
	check "$1: not by the tap" at_most bytes $(($(tap_bytes "$2") - tap)) $NOISE
}

TRANSFER_CASES=6

port_stat() { # port, counter
	vhost-xdp stats "$1" --json | jq -r --arg c "$2" '.[0].port[] | select(.name == $c).value'
}
rx_bytes() { port_stat "$1" rx_xdp_bytes; }
tx_bytes() { echo $(($(port_stat "$1" tx_xdp_bytes) + $(port_stat "$1" tx_skb_bytes))); }

test_plain() {
	check "guest pings the wire" guest 'ping -c 3 -W 5 10.7.0.1'
	check "wire pings the guest" wire ping -c 3 -W 5 10.7.0.2
	transfer "MTU 1500" vm0 10.7.0.1
}

test_jumbo() {
	check "guest takes MTU 9000" guest 'ip link set nic0 mtu 9000'
	check "guest pings with 8972 bytes" guest 'ping -c 3 -W 5 -s 8972 10.7.0.1'
	check "wire pings with 8972 bytes, unfragmented" wire ping -c 3 -W 5 -s 8972 -M 'do' 10.7.0.2
	transfer "MTU 9000" vm0 10.7.0.1
	guest 'ip link set nic0 mtu 1500'
}

test_vlan_pings() {
	check "guest pings VLAN 100" guest 'ping -c 3 -W 5 10.7.100.1'
	check "VLAN 100 pings the guest" wire ping -c 3 -W 5 10.7.100.2
}

test_vlan() {
	test_vlan_pings
	transfer "VLAN 100" vm1 10.7.100.1
}

# Between host and guest by way of the tap, which is what it is for.
test_exception_path() {
	local rx tx
	rx=$(port_stat vm0 rx_sock_packets) tx=$(port_stat vm0 tx_sock_packets)
	ip addr add 10.8.0.1/24 dev vm0-tap
	guest 'ip addr add 10.8.0.2/24 dev nic0'
	check "host pings the guest by the tap" ping -c 3 -W 5 10.8.0.2
	check "guest pings the host by the tap" guest 'ping -c 3 -W 5 10.8.0.1'
	check "these came from the socket" at_least packets $(($(port_stat vm0 rx_sock_packets) - rx)) 6
	check "these went to the socket" at_least packets $(($(port_stat vm0 tx_sock_packets) - tx)) 6
	check "the wire still answers" guest 'ping -c 1 -W 5 10.7.0.1'
}

# QEMU stops the rings and starts them again, the driver anew.
test_reset() {
	qmp '{"execute":"set-action","arguments":{"reboot":"reset"}}'
	qmp '{"execute":"system_reset"}'
	check "guest boots again" guest_ready
	qmp '{"execute":"set-action","arguments":{"reboot":"shutdown"}}'
	check "guest configures its cards again" configure
	check "guest pings the wire again" guest 'ping -c 3 -W 5 10.7.0.1'
	check "guest fetches again" equal checksum "$(guest_fetch 10.7.0.1)" "$FILE_SUM"
}

ring_errors() { vhost-xdp stats "$1" --json | jq '[.[0].port[] | select(.name | startswith("ring_")).value] | add'; }

# One file after the other is fetched, as long as "fetch" is there; prints each
# checksum that came of it.
FETCH='while [ -e fetch ]; do
		wget -q -O file http://10.7.0.1/file || echo failed; sha256sum file | cut -d" " -f1;
	done'

# Meanwhile either ring is taken away and given back shorter or longer, by itself, so
# many times.
RESIZE='touch fetch; { '$FETCH'; } > sums &
	for n in 128 64 256 32 256 128 64 256; do
		ethtool -G nic0 rx $n && ethtool -G nic0 tx $n || echo "not resized to $n";
	done; rm fetch; wait; sort -u sums'

test_resize() {
	check "guest took RING_RESET" has_feature vm0 RING_RESET
	check "rings are resized while the guest fetches" equal checksum "$(guest "$RESIZE")" "$FILE_SUM"
	check "resized: guest pings the wire" guest 'ping -c 3 -W 5 10.7.0.1'
	check "resized: no ring stopped" equal errors "$(ring_errors vm0)" 0
}

link() { # on or off
	qmp '{"execute":"set_link","arguments":{"name":"nic0","up":'"$1"'}}'
}

carrier() { guest 'cat /sys/class/net/nic0/carrier'; }
carrier_is() { [ "$(carrier)" = "$1" ]; }

test_link() {
	link false
	check "link off: guest sees it" await 10 carrier_is 0
	link true
	check "link on: guest sees it" await 10 carrier_is 1
	check "link on: guest pings the wire" guest 'ping -c 3 -W 5 10.7.0.1'
}

# What the guest's driver took, of each ring of a card.
has_feature() { vhost-xdp show "$1" --json | jq -e --arg f "$2" '.queue_pairs[0].features | index($f)'; }

test_packed() {
	check "vm0's rings are packed" has_feature vm0 RING_PACKED
	check "vm1's rings are packed" has_feature vm1 RING_PACKED
}

pairs_run() {
	vhost-xdp show vm0 --json |
		jq -e --argjson n $PAIRS '.queue_pairs | length == $n and all(.rx.running and .tx.running)'
}

pairs_used() { guest 'ethtool -l nic0' | awk '$1 == "Combined:" { n = $2 } END { print n }'; }

# How often each ring of nic0 had something to say, a line each.
calls() { # input or output
	guest 'grep "$(basename "$(readlink /sys/class/net/nic0/device)")-'"$1"'" /proc/interrupts' |
		awk '{ n = 0; for (i = 2; $i ~ /^[0-9]+$/; i++) n += $i; print n }'
}

# Each ring has more to say than it had.
all_called() { # input or output, what that had
	local have
	have=$(calls "$1")
	[ "$(paste <(echo "$2") <(echo "$have") | awk '$2 > $1' | wc -l)" = $PAIRS ] ||
		{ echo "had $2; have $have"; return 1; }
}

# One datagram each of so many flows, whose queues on the wire are by their hash: of two
# none is left out.
FLOWS=64
# shellcheck disable=SC2016 # the other shell expands it
flows() { wire bash -c 'for ((i = 0; i < $0; i++)); do echo $i > /dev/udp/10.7.0.2/9; done' $FLOWS; }

unheard() { guest cat /proc/net/snmp | awk '/^Udp: [0-9]/ { print $3 }'; }
unheard_are() { [ "$(unheard)" = "$1" ]; }

flows_arrive() {
	local had
	had=$(unheard)
	flows
	await 10 unheard_are $((had + FLOWS)) || equal datagrams $(($(unheard) - had)) $FLOWS
}

flows_use_all() {
	local had sock
	had=$(calls input) sock=$(port_stat vm0 rx_sock_packets)
	flows_arrive || return
	all_called input "$had" || return
	equal "frames from the tap" $(($(port_stat vm0 rx_sock_packets) - sock)) 0
}

CPUS_PING='for cpu in 1 2; do taskset $cpu ping -c 3 -W 5 10.7.0.1 || exit; done'
cpus_use_all() {
	local had
	had=$(calls output)
	guest "$CPUS_PING" || return
	all_called output "$had"
}

# Three fetch, each one file after the other; until they are done one pair of queues is
# taken away and given back.
SWITCH='(for i in 1 2 3; do
		for n in 1 2; do
			wget -q -O file$i http://10.7.0.1/file || echo failed; sha256sum file$i | cut -d" " -f1;
		done > sums$i &
	done; wait; touch over) &
	n=0; while [ ! -e over ]; do
		ethtool -L nic0 combined 1 && ethtool -L nic0 combined 2 || { echo "not switched"; break; };
		n=$((n + 1));
	done > said; wait; rm over; echo $n > switched; sort -u sums? said'

test_mq() {
	check "guest uses two queue pairs by itself" equal pairs "$(pairs_used)" 2
	check "vm0's rings all run" pairs_run
	check "$FLOWS flows arrive, by both rings" flows_use_all
	check "either CPU sends, each by its own ring" cpus_use_all
	check "queues go and come while the guest fetches" equal checksum "$(guest "$SWITCH")" "$FILE_SUM"
	check "they did, in the meantime" at_least times "$(guest cat switched)" 3
	check "one pair: guest takes it" guest 'ethtool -L nic0 combined 1'
	check "one pair: $FLOWS flows arrive" flows_arrive
	check "one pair: either CPU pings the wire" guest "$CPUS_PING"
	check "one pair: wire pings the guest" wire ping -c 3 -W 5 10.7.0.2
	check "two pairs again: guest takes them" guest 'ethtool -L nic0 combined 2'
	check "two pairs again: $FLOWS flows arrive, by both rings" flows_use_all
	check "two pairs again: either CPU sends, each by its own ring" cpus_use_all
	check "two pairs again: vm0's rings all run" pairs_run
	check "two pairs again: no ring stopped" equal errors "$(ring_errors vm0)" 0
}

# Each card is in a group of the IOMMU that translates and whose entries are not kept.
test_iommu() {
	check "guest has an IOMMU" guest 'dmesg | grep "DMAR: IOMMU enabled"'
	check "guest's IOMMU forgets at once" guest 'dmesg | grep "invalidation policy: strict"'
	check "guest's cards are behind it" guest 'for n in nic0 nic1; do
		grep -q "^DMA$" /sys/class/net/$n/device/../iommu_group/type || exit 1; done'
	check "guest took ACCESS_PLATFORM" guest 'cut -c34 /sys/class/net/nic0/device/features | grep 1'
	check "vm0's rings are behind it" has_feature vm0 ACCESS_PLATFORM
	check "vm1's rings are behind it" has_feature vm1 ACCESS_PLATFORM
	check "vm0's rings lacked addresses and asked" at_least misses "$(port_stat vm0 iotlb_misses)" 1
}

is_qemu72() {
	qmp '{"execute":"query-version"}'
	jq -e '.return.qemu | .major == 7 and .minor == 2' <<< "$LINE"
}
is_split() { ! has_feature "$1" RING_PACKED; }

test_qemu72() {
	check "it is QEMU 7.2" is_qemu72
	check "vm0's rings are split" is_split vm0
	check "vm1's rings are packed" has_feature vm1 RING_PACKED
	test_vlan_pings
}

test_quit() {
	guest_stop
	check "QEMU gone: no queue is open" equal queues "$(vhost-xdp show vm0 --json | jq .open_queues)" 0
	check "port vm0 is detached" vhost-xdp detach vm0
	check "port vm1 is detached" vhost-xdp detach vm1
}

case "$MODE" in
packed) plan $((2 + 2 + 2 + TRANSFER_CASES + 4 + 4 + 3 + 3)) ;;
iommu) plan $((2 + 7 + 2 + TRANSFER_CASES + 4 + 3)) ;;
mq) plan $((2 + 2 + TRANSFER_CASES + 15 + 4 + 5 + 3)) ;;
qemu72) plan $((2 + 2 + TRANSFER_CASES + 5 + 4 + 4 + 3)) ;;
*) plan $((2 + 2 + 3 + 2 + 3 * TRANSFER_CASES + 5 + 4 + 4 + 3 + 3)) ;;
esac
setup
pass "ports are attached"
boot
pass "guest boots"
test_plain
case "$MODE" in
packed) test_packed ;;
iommu) test_iommu ;;
mq) test_mq ;;
qemu72) test_qemu72 ;;
*)
	test_jumbo
	test_vlan
	test_exception_path
	;;
esac
[ "$MODE" = iommu ] || test_resize
test_reset
case "$MODE" in
iommu | qemu72) ;;
mq) check "booted again: vm0's rings all run" pairs_run ;;
*) test_link ;;
esac
test_quit
finish
