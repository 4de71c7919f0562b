#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# migrate.sh - an unmodified QEMU guest migrates between hosts while it sends and
# receives.
#
# A "host" is an uplink into a bridge, which is the network, with what a guest plugs
# into there: a port, or for comparison in-tree vhost_net over a tap in a bridge.
# Each hop starts a QEMU on the next one, lets the guest's memory be copied so slowly
# at first that frames certainly come meanwhile, then as fast as it goes; the old QEMU
# ends. One TCP connection outlives them all (see peer.c).
#
#	migrate.sh [port | intree | mixed | packed | narrow] [HOPS]
#
# between two ports, back and forth; between two that are in-tree; from a port to
# another, to in-tree and back to the first; between two ports with packed rings, after
# it was refused on one that does not offer them; or between two that both do not, with
# a QEMU that would have them. How long the guest stood by QEMU's account and
# for how long the wire had no answer is printed; these say little of a real host.
set -euo pipefail

cd "${VXDP_ROOT:?run by selftests/run}"
# shellcheck source=selftests/lib/ktap.sh
. selftests/lib/ktap.sh
# shellcheck source=selftests/vm/guest.sh
. selftests/vm/guest.sh
# shellcheck source=selftests/vm/peer.sh
. selftests/vm/peer.sh
# shellcheck source=selftests/lib/near.sh
. selftests/lib/near.sh

KIND=${1:-port}
HOPS=${2:-3}
MAC=52:54:00:00:00:01
NARROW="--features -RING_PACKED"
OFFER=		# words for attach
RINGS=		# what the guest's are to be, "": as may be
UNLIKE=		# a host that does not offer what the others do
# shellcheck disable=SC2034 # for guest.sh
case $KIND in
port) HOSTS=(port0 port1) ;;
intree) HOSTS=(tree0 tree1) ;;
mixed) HOSTS=(port0 port1 tree0) ;;
packed) HOSTS=(port0 port1) RINGS=packed GUEST_NIC=,packed=on UNLIKE=port2 ;;
narrow) HOSTS=(port0 port1) RINGS=split GUEST_NIC=,packed=on OFFER=$NARROW ;;
*) echo "migrate.sh: $KIND: no such kind" >&2; exit 2 ;;
esac
[ -e /dev/kvm ] || skip_all "no /dev/kvm here: nothing to run a guest on"

clean() {
	local host
	peer_kill
	[ -z "${OTHER_PID:-}" ] || kill "$OTHER_PID" 2> /dev/null || true
	guest_clean
	for host in "${HOSTS[@]}" $UNLIKE; do
		ip link del "up-$host" 2> /dev/null || true
		ip link del "br-$host" 2> /dev/null || true
	done
}
trap clean EXIT

network() {
	ip netns add $WIRE
	ip -n $WIRE link set lo up
	ip -n $WIRE link add net0 type bridge
	ip -n $WIRE addr add 10.7.0.1/24 dev net0
	ip -n $WIRE link set net0 up
}

declare -A NODES=()

# As in wire_up, but for where the far end goes.
add_host() { # name
	local -n cards=CARDS_$1
	ip link add "up-$1" type veth peer name "to-$1" netns $WIRE
	ip netns exec $WIRE ethtool -K "to-$1" tx off tso off gso off txvlan off gro on > /dev/null
	ip -n $WIRE link set "to-$1" master net0 up
	ip link set "up-$1" up
	case $1 in
	port*) add_port "$1" ;;
	tree*) add_tree "$1" ;;
	esac
	# shellcheck disable=SC2034 # by its name
	cards=("${GUEST_CARDS[@]}")
	NODES[$1]=$GUEST_NODES
}

add_port() {
	ethtool -K "up-$1" rxvlan off
	# shellcheck disable=SC2086 # words
	vhost-xdp attach "up-$1" --port "$1" --mac $MAC $OFFER > /dev/null
	guest_cards "$1"
}

add_tree() {
	ip tuntap add dev "$1-tap" mode tap vnet_hdr
	GUEST_TAPS+=("$1-tap")
	ip link add "br-$1" type bridge
	ip link set "up-$1" master "br-$1"
	ip link set "$1-tap" master "br-$1" up
	ip link set "br-$1" up
	GUEST_NODES=
	GUEST_CARDS=(-netdev "tap,id=n0,ifname=$1-tap,script=no,downscript=no,vhost=on")
	GUEST_CARDS+=(-device "virtio-net-pci,netdev=n0,mac=$MAC,id=nic0")
}

# A QEMU on that host is the one that is spoken to.
start() { # host, more words for QEMU
	# shellcheck disable=SC2178 # by its name
	local -n cards=CARDS_$1
	GUEST_RUN=$GUEST_DIR/$1
	GUEST_EVENTS=
	guest_boot "${NODES[$1]}" "${cards[@]}" "${@:2}"
}

# The other QEMU is spoken to, and this one is the other. (9 is for the change.)
exec 13<> /dev/null 14<> /dev/null 15<> /dev/null 16<> /dev/null
OTHER_PID="" OTHER_RUN="" OTHER_EVENTS=""
swap() {
	local pid=$GUEST_PID run=$GUEST_RUN events=$GUEST_EVENTS
	GUEST_PID=$OTHER_PID GUEST_RUN=$OTHER_RUN GUEST_EVENTS=$OTHER_EVENTS
	OTHER_PID=$pid OTHER_RUN=$run OTHER_EVENTS=$events
	exec 9<&13 13<&3 3<&9 9<&14 14<&4 4<&9 9<&15 15<&5 5<&9 9<&16 16<&6 6<&9 9<&-
}

speed() { # bytes a second
	qmp '{"execute":"migrate-set-parameters","arguments":{"max-bandwidth":'"$1"'}}'
}

# Both rings of a port write down what they write to.
logged() { vhost-xdp show "$1" --json | jq -e '.queue_pairs[0].features | index("LOG_ALL")'; }

# Frames while the guest's memory is copied. At this speed that takes minutes.
frames_while_copied() { # host, what else is to be said to QEMU
	"${2:-true}" || return
	speed $((1 << 20)) || return
	qmp '{"execute":"migrate-set-capabilities","arguments":{"capabilities":[{"capability":"events","state":true}]}}' ||
		return
	qmp '{"execute":"migrate","arguments":{"uri":"unix:'"$GUEST_DIR"'/migration"}}' || return
	qmp_event 'MIGRATION*@(active|failed)' 60 || return
	[[ $1 != port* ]] || await 30 logged "$1" || { echo "nothing is logged"; return 1; }
	peer more $((256 << 10))
}

ends() { # status
	speed $((1 << 40)) || return
	qmp_event 'MIGRATION*@(completed|failed)' 300 || return
	qmp '{"execute":"query-migrate"}' || return
	echo "$LINE"
	MIGRATED=$LINE
	[[ $LINE == *'"status": "'"$1"'"'* ]]
}

migrated() { jq ".return$1" <<< "$MIGRATED"; }

# The network looks for the guest at the new host.
found_at() { # host
	[[ "$(bridge -n "$WIRE" fdb show dev "to-$1")" == *"$MAC "* ]]
}

# Of the rings that the guest has there.
rings_are() { # host, kind
	vhost-xdp show "$1" --json |
		jq -re '.queue_pairs[0].features | if index("RING_PACKED") then "packed" else "split" end' | grep -x "$2"
}

check_rings() { # name, host
	[ -z "$RINGS" ] || check "$1: the rings are $RINGS" rings_are "$2" $RINGS
}

declare -A DOWNTIMES=()
hop() { # number, from, to
	local name="hop $1, $2 to $3"
	swap
	start "$3" -incoming "unix:$GUEST_DIR/migration"
	swap
	check "$name: frames while memory is copied" frames_while_copied "$2"
	peer status > /dev/null
	check "$name: QEMU has migrated" ends completed
	guest_stop
	exec 3<> /dev/null 4<> /dev/null 5<> /dev/null 6<> /dev/null
	swap
	check "$name: the stream goes on" peer more $((256 << 10))
	check "$name: the network has found the guest" await 10 found_at "$3"
	diag "$name: downtime $(migrated .downtime) ms; ${PEER_HAS[silent]} ms without an answer;" \
		"$(($(migrated .ram.transferred) >> 10)) KiB in $(migrated '["total-time"]') ms"
	check_rings "$name" "$3"
	DOWNTIMES[${2%?} to ${3%?}]+="$(migrated .downtime) "
}

# By a return path the source hears of what becomes of the guest; else it would have
# completed as soon as all was sent.
with_return_path() {
	qmp '{"execute":"migrate-set-capabilities","arguments":{"capabilities":[{"capability":"return-path","state":true}]}}'
}

ended() { ! kill -0 "$1"; }

# The other QEMU has said why, and ended.
other_refused() {
	local status=0
	await 120 ended "$OTHER_PID" || { echo "it has not ended"; return 1; }
	wait "$OTHER_PID" || status=$?
	OTHER_PID=
	cat "$OTHER_RUN/qemu.log"
	[ $status = 1 ] && grep -E 'Features 0x[0-9a-f]+ unsupported' "$OTHER_RUN/qemu.log"
}

guest_goes_on() {
	await 30 not_logged "$1" || { echo "it is still logged"; return 1; }
	qmp '{"execute":"query-status"}' || return
	[[ $LINE == *'"status": "running"'* ]] || { echo "$LINE"; return 1; }
	peer more $((256 << 10))
}
not_logged() { ! logged "$1"; }

# The destination does not offer what the guest took.
refused() { # from, to
	local name="from $1 to $2, which offers less"
	swap
	start "$2" -incoming "unix:$GUEST_DIR/migration"
	swap
	check "$name: frames while memory is copied" frames_while_copied "$1" with_return_path
	check "$name: QEMU does not complete" ends failed
	check "$name: QEMU there has refused, and says what" other_refused
	check "$name: the guest goes on where it was" guest_goes_on "$1"
	check_rings "$name" "$1"
	exec 13<> /dev/null 14<> /dev/null 15<> /dev/null 16<> /dev/null
}

median() { tr ' ' '\n' | sort -n | awk 'NF { v[++n] = $1 } END { print n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2 }'; }

show_downtimes() {
	local kind
	for kind in "${!DOWNTIMES[@]}"; do
		diag "downtime, $kind: median $(median <<< "${DOWNTIMES[$kind]}") ms of ${DOWNTIMES[$kind]}"
	done
}

# Of the bytes of the stream each way.
went_by_ports() {
	local port
	for port in "${HOSTS[@]}"; do
		[[ $port != port* ]] || vhost-xdp stats "$port" --json
	done | jq -s 'map(.[0].port[] | select(.name | test("^rx_xdp_bytes|^tx_(xdp|skb)_bytes"))) |
		map({(.name[:2]): .value}) | [map(.rx // 0), map(.tx // 0)] | map(add)' -c > "$GUEST_DIR/bytes"
	cat "$GUEST_DIR/bytes"
	jq -e "all(. > $((HOPS * 512 << 10)))" "$GUEST_DIR/bytes"
}

ports=0
for host in "${HOSTS[@]}"; do
	[[ $host != port* ]] || ports=$((ports + 1))
done
cases=$((2 + 4 * HOPS + 3 + ports + (ports > 0)))
[ -z "$RINGS" ] || cases=$((cases + 1 + HOPS))
[ -z "$UNLIKE" ] || cases=$((cases + 5))
plan $cases
modprobe -a bridge vhost_net
[ "$HOPS" -le 4 ] || near qemu-system-x86_64
network
for host in "${HOSTS[@]}"; do
	add_host "$host"
done
if [ -n "$UNLIKE" ]; then
	OFFER=$NARROW
	add_host "$UNLIKE"
fi
GUEST_QEMU=(-m 160M)	# the less there is to be copied
start "${HOSTS[0]}"
guest_ready
pass "guest boots"
guest 'ip link set nic0 up && ip addr add 10.7.0.2/24 dev nic0'
peer_start 10.7.0.1
check "the stream flows" peer more $((256 << 10))
check_rings "${HOSTS[0]}" "${HOSTS[0]}"
[ -z "$UNLIKE" ] || refused "${HOSTS[0]}" "$UNLIKE"
for ((n = 0; n < HOPS; n++)); do
	hop $((n + 1)) "${HOSTS[n % ${#HOSTS[@]}]}" "${HOSTS[(n + 1) % ${#HOSTS[@]}]}"
done
show_downtimes
check "both streams arrived, to the byte" peer_over
check "no frame was found wrong on the way" no_bad_frames
check "the guest's kernel is content" guest_content
for host in "${HOSTS[@]}"; do
	[[ $host != port* ]] || check "$host refused nothing" port_content "$host"
done
[ $ports = 0 ] || check "ports moved the frames" went_by_ports
guest_stop
finish
