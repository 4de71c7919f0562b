#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# cli.sh - the vhost-xdp command itself: on veths, in the VM, with the module.
#
# That a failing attach leaves nothing, and that a killed one can be run again, is
# tried at many points of it: strace makes the n-th system call of a kind fail, or
# kills the command there.
set -euo pipefail

HERE=$(cd "$(dirname "$0")" && pwd)
UP=cli0 UP2=cli1
MAC=02:00:00:aa:00:01 MAC2=02:00:00:aa:00:02
PINS=/sys/fs/bpf/vhost-xdp
ERR=$(mktemp)
count=0 failed=0

skip_all() {
	echo "1..0 # SKIP $1"
	exit 4
}
[ -d /sys/module/vhost_xdp ] || skip_all "vhost_xdp is not loaded"
command -v strace > /dev/null || skip_all "no strace"

# Events, not guesses: the peer is made with the link and goes with it.
make_uplink() { # name
	ip link add "$1" type veth peer name "$1-far"
	ip link set "$1" up
	ip link set "$1-far" up
	ethtool -K "$1" rxvlan off > /dev/null
}

clean_up() {
	local port
	for port in $(vhost-xdp list --json 2> /dev/null | jq -r '.[].name'); do
		vhost-xdp detach "$port" || true
	done
	for dev in $UP $UP2; do
		ip link del "$dev" 2> /dev/null || true
	done
	rm -f "$ERR"
}
trap clean_up EXIT

# check NAME FUNCTION: a case; its failing commands are diagnostics.
check() {
	local rc=0 why
	count=$((count + 1))
	why=$(set +e; "$2" 2>&1) || rc=$?
	if [ $rc = 0 ] && [ -z "$why" ]; then
		echo "ok $count $1"
	else
		failed=$((failed + 1))
		echo "not ok $count $1"
		cut -c1-400 <<< "$why" | sed 's/^/# /'
	fi
}

# fails CODE TEXT COMMAND...: it does, with that exit code, and says so.
fails() {
	local want=$1 text=$2 rc=0
	shift 2
	"$@" > /dev/null 2> "$ERR" || rc=$?
	[ $rc = "$want" ] || echo "$*: exit $rc, not $want: $(cat "$ERR")"
	grep -q -- "$text" "$ERR" || echo "$*: does not say '$text': $(cat "$ERR")"
}

# works COMMAND...: exit 0, output dropped.
works() {
	"$@" > /dev/null 2> "$ERR" || echo "$*: exit $?: $(cat "$ERR")"
}

# json FILTER COMMAND...: the answer is JSON of which the filter is true.
json() {
	local filter=$1 answer
	shift
	answer=$("$@" --json) || echo "$*: exit $?"
	jq -e "$filter" <<< "$answer" > /dev/null || echo "$*: not $filter: $answer"
}

# says PATTERN COMMAND...: the answer has it. Not by a pipe to grep -q: that goes at
# the first match, and what still writes ends by SIGPIPE, which pipefail calls failed.
says() {
	grep -q -- "$1" <<< "$("${@:2}")"
}

# Nothing of ours is left at an uplink, in the kernel, in the pins.
nothing_at() { # uplink
	[ ! -d "/sys/class/net/$1" ] || {
		ip -j link show "$1" | jq -e '.[0] | (.xdp | not) and
			(.flags | index("ALLMULTI") | not)' > /dev/null ||
			echo "$1: $(ip -o link show "$1")"
		bridge fdb show dev "$1" | grep 02:00:00:aa || true
	}
}

nothing_left() {
	local what
	json '. == []' vhost-xdp list
	what=$(find $PINS /sys/fs/bpf/xdp/dispatch-* /dev/vhost-xdp -mindepth 1 2> /dev/null)
	[ -z "$what" ] || echo "left: $what"
	[ ! -e $PINS ] || echo "$PINS is left"
	nothing_at $UP
	nothing_at $UP2
}

# Told once; what follows begins anew.
nothing_left_after() { # what
	local why
	why=$(nothing_left)
	[ -n "$why" ] || return 0
	echo "after $1: $why"
	vhost-xdp detach p > /dev/null 2>&1 || true
	ip link set $UP xdpdrv off
	rm -rf /sys/fs/bpf/xdp/dispatch-*
}

usage_errors() {
	fails 2 'Usage' vhost-xdp
	fails 2 'no command' vhost-xdp frobnicate
	fails 2 'which uplink' vhost-xdp attach --port p
	fails 2 '--port NAME is missing' vhost-xdp attach $UP
	fails 2 'no port name' vhost-xdp attach $UP --port ../p
	fails 2 'no port name' vhost-xdp attach $UP --port a123456789012345678901234567890x
	fails 2 'no MAC' vhost-xdp attach $UP --port p --mac 02:00:00:00:00
	fails 2 'not a unicast' vhost-xdp attach $UP --port p --mac 01:00:00:00:00:01
	fails 2 'given twice' vhost-xdp attach $UP --port p --mac $MAC --mac $MAC
	fails 2 'no VLAN' vhost-xdp attach $UP --port p --vlan 4095
	fails 2 'queue pairs' vhost-xdp attach $UP --port p --queues 257
	fails 2 'no mode' vhost-xdp attach $UP --port p --mode fast
	fails 2 'no lane' vhost-xdp attach $UP --port p --lane fast
	fails 2 'no queue of an uplink' vhost-xdp attach $UP --port p --lane xsk --queue 65536
	fails 2 'is for --lane xsk' vhost-xdp attach $UP --port p --queue 1
	fails 2 'want an uplink' vhost-xdp attach --no-uplink --port p --lane xsk
	fails 2 'wants a value' vhost-xdp attach $UP --port
	fails 2 'unknown option' vhost-xdp attach $UP --port p --frob
	fails 2 'want an uplink' vhost-xdp attach --no-uplink --port p --vlan 3
	fails 2 'too much' vhost-xdp attach --no-uplink --port p $UP
	fails 2 'too much' vhost-xdp list p
	fails 2 'missing' vhost-xdp show
	fails 2 'NAME is missing' vhost-xdp run
	fails 2 'COMMAND are missing' vhost-xdp run p
	fails 2 'COMMAND are missing' vhost-xdp run p true
	works vhost-xdp help attach
	json '.version' vhost-xdp --version
	json 'length > 5' vhost-xdp help
	nothing_left
}

refusals() {
	fails 3 'no such interface' vhost-xdp attach nosuch --port p
	fails 3 'no user' vhost-xdp attach $UP --port p --owner nosuchuser
	fails 6 'loopback' vhost-xdp attach lo --port p
	fails 5 "own address" vhost-xdp attach $UP --port p --mac "$(cat /sys/class/net/$UP/address)"
	fails 3 'no such port' vhost-xdp detach p
	fails 3 'no such port' vhost-xdp show p
	fails 3 'no such port' vhost-xdp stats p
	fails 3 'no such port' vhost-xdp qemu-args ../p
	fails 3 'no such port' vhost-xdp run p -- true
	fails 4 'only root' setpriv --reuid nobody --clear-groups vhost-xdp attach $UP --port p
	nothing_left
}

attach_shows() {
	json ".state == \"ok\" and .macs == [\"$MAC\"] and .vlan == 7 and .queues == 2 and
		.owner == \"nobody\" and .uplink == \"$UP\" and .xdp_mode == \"native\" and
		.xdp_shared and .spoof_check and (.features | index(\"MRG_RXBUF\"))" \
		vhost-xdp attach $UP --port p --mac $MAC --vlan 7 --queues 2 --owner nobody
	[ "$(stat -c %U:%a /dev/vhost-xdp/p)" = nobody:600 ] || stat /dev/vhost-xdp/p
	says $MAC bridge fdb show dev $UP || echo "$UP does not hear $MAC"
	says ALLMULTI ip link show $UP || echo "$UP does not hear multicast"
	json '.[0].name == "p" and length == 1' vhost-xdp list
	json '.name == "p" and .queue_pairs == []' vhost-xdp show p
	json '.[0].name == "p" and (.[0].port | length > 40) and (.[0].programs | length == 9)' vhost-xdp stats
	json '.fit' vhost-xdp doctor $UP
	json '.netdev | contains(",fds=3:4,") and contains("vhostfds=5:6")' vhost-xdp qemu-args p
	json '.[0].formatted.value.name == "p" and .[0].formatted.value.flags == 3' bpftool map dump pinned $PINS/vxdp_ports
	says rx_xdp vhost-xdp stats p || echo "stats: no lanes"
	says tx_drop_gso vhost-xdp stats p --all || echo "stats --all: no drops"
	vhost-xdp stats p | grep tx_drop_gso || true
	says "mac .*$MAC" vhost-xdp show p || echo "show: no address"
	json '.[0].state == "ok" and .[0].maps_hidden' setpriv --reuid nobody --clear-groups vhost-xdp list
	fails 5 'already' vhost-xdp attach $UP --port p
	fails 5 "port p's already" vhost-xdp attach $UP --port q --mac $MAC --vlan 7
	json '.detached == "p"' vhost-xdp detach p
	nothing_left
}

random_mac() {
	json '.macs[0] | test("^.[26ae]:")' vhost-xdp attach $UP --port p
	works vhost-xdp detach p
	nothing_left
}

no_uplink() {
	json '.state == "no uplink" and .uplink == null and .macs == []' vhost-xdp attach --no-uplink --port p --owner nobody
	[ "$(stat -c %U /dev/vhost-xdp/p)" = nobody ] || stat /dev/vhost-xdp/p
	works vhost-xdp detach p
	nothing_left
}

# What stands behind the descriptors from 3 on, one after the other.
# shellcheck disable=SC2016 # the other shell expands it
BEHIND='for fd in 3 4 5 6 7; do readlink /proc/$$/fd/$fd || echo none; done | xargs; echo $0'

# As the owner of node and tap, where udev lets all open taps. Options of the command's
# own are left to it.
runs() { # queue pairs, what stands behind
	local -a as=()
	[ "$(stat -c %a /dev/net/tun)" != 666 ] || as=(setpriv --reuid nobody --clear-groups)
	works vhost-xdp attach --no-uplink --port p --queues "$1" --owner nobody
	fails 3 'cannot open queue 0 of the tap p-tap' vhost-xdp run p -- true
	bash -c "$(vhost-xdp qemu-args p --json | jq -r .tap_command)"
	says "^$2$" "${as[@]}" vhost-xdp run p -- bash -c "$BEHIND" || echo "not $2"
	says '^--json$' vhost-xdp run p -- bash -c "$BEHIND" --json || echo "its option is gone"
	fails 3 'cannot start nosuch' vhost-xdp run p -- nosuch
	fails 5 'cannot open' vhost-xdp run p -- vhost-xdp run p -- true
	ip link del p-tap
	works vhost-xdp detach p
}

run_opens() {
	local tap=/dev/net/tun node=/dev/vhost-xdp/p
	runs 1 "$tap $node none none none"
	runs 2 "$tap $tap $node $node none"
	nothing_left
}

# A port that has the uplink's only queue by AF_XDP, beside one that shares it.
xsk_lane() {
	local i queues="each queue"
	# Without CONFIG_RPS the kernel lists no queue that receives.
	[ ! -d /sys/class/net/$UP/queues/rx-0 ] || queues="1 queue "
	json '.lane == "xsk" and .nic_queue == 0 and .xdp_mode == "native"' \
		vhost-xdp attach $UP --port p --mac $MAC --lane xsk --queue 0
	json '.lane == "xdp" and (has("nic_queue") | not)' vhost-xdp attach $UP --port q --mac $MAC2
	json 'map(.lane) == ["xsk", "xdp"]' vhost-xdp list
	says "^p .* xsk " vhost-xdp list || vhost-xdp list
	says "lane .*xsk, queue 0" vhost-xdp show p || vhost-xdp show p
	json '.findings | any(.check == "xsk" and .verdict == "ok" and (.text | startswith("'"$queues"'")))' vhost-xdp doctor $UP
	fails 5 'AF_XDP socket already' vhost-xdp attach $UP --port r --lane xsk
	fails 1 'no such queue' vhost-xdp attach $UP --port r --lane xsk --queues 2
	fails 1 'no such queue' vhost-xdp attach $UP --port r --lane xsk --queue 1
	json 'map(.name) == ["p", "q"]' vhost-xdp list
	works vhost-xdp detach q
	works vhost-xdp detach p
	# The queue is there to be had again, at once.
	for i in 1 2 3; do
		json '.lane == "xsk"' vhost-xdp attach $UP --port p --lane xsk
		works vhost-xdp detach p
	done
	json '.lane == "sock"' vhost-xdp attach --no-uplink --port p
	works vhost-xdp detach p
	nothing_left
}

# What fails behind it gives the queue back; a kill leaves it to the next run.
xsk_rollback() {
	local how
	for how in chown:error=EPERM:when=1 bpf:error=ENOMEM:when=12; do
		under_strace -e "inject=$how" vhost-xdp attach $UP --port p --lane xsk --owner nobody > /dev/null 2> "$ERR" &&
			works vhost-xdp detach p
		nothing_left_after "$how"
	done
	for how in chown:signal=KILL:when=1 sendto:signal=KILL:when=5; do
		under_strace -e "inject=$how" vhost-xdp attach $UP --port p --lane xsk --owner nobody > /dev/null 2>&1
		json '.lane == "xsk" and .state == "ok"' vhost-xdp attach $UP --port p --lane xsk 2> "$ERR"
		works vhost-xdp detach p
		nothing_left_after "$how"
	done
}

# What a port offers can be narrowed; a name that is none, or not there, is told.
features() {
	json '.features == ["MRG_RXBUF", "VERSION_1"]' vhost-xdp attach $UP --port p --features version_1,MRG_RXBUF
	json '.features == ["MRG_RXBUF", "VERSION_1"]' vhost-xdp show p
	works vhost-xdp detach p
	json '.features | index("EVENT_IDX", "LOG_ALL") | not' vhost-xdp attach --no-uplink --port p --features=-EVENT_IDX,-LOG_ALL
	json '.features | index("VERSION_1")' vhost-xdp show p
	works vhost-xdp detach p
	fails 2 "'X' is no feature" vhost-xdp attach $UP --port p --features VERSION_1,X
	fails 2 "'' is no feature" vhost-xdp attach $UP --port p --features=-
	fails 2 'not both' vhost-xdp attach $UP --port p --features=VERSION_1,-LOG_ALL
	fails 2 'names none' vhost-xdp attach $UP --port p --features ''
	fails 6 'does not offer GUEST_UDP_TUNNEL_GSO_CSUM' vhost-xdp attach $UP --port p --features VERSION_1,GUEST_UDP_TUNNEL_GSO_CSUM
	fails 6 'does not offer HASH_REPORT' vhost-xdp attach $UP --port p --features VERSION_1,HASH_REPORT
	nothing_left
}

# Two ports of an uplink, two uplinks; what is shared goes with the last.
several() {
	works vhost-xdp attach $UP --port a --mac $MAC
	works vhost-xdp attach $UP --port b --mac $MAC --vlan 5 --mac $MAC2
	works vhost-xdp attach $UP2 --port c --mac $MAC --mode skb
	fails 5 'in native mode' vhost-xdp attach $UP --port d --mode skb
	json 'map(.name) == ["a", "b", "c"]' vhost-xdp list
	json '.[0].formatted.value.count == 1' bpftool map dump pinned $PINS/vxdp_flood
	works vhost-xdp detach a
	says $MAC bridge fdb show dev $UP || echo "b's address went with a"
	says ALLMULTI ip link show $UP || echo "all-multicast went with a"
	json '.xdp_mode == "native"' vhost-xdp show b
	json '.xdp_mode == "skb"' vhost-xdp show c
	works vhost-xdp detach b
	nothing_at $UP
	[ -e $PINS/vxdp_fdb ] || echo "the pins went though c is there"
	works vhost-xdp detach c
	nothing_left
}

# What the administrator set before is not ours to take away.
allmulti_kept() {
	ip link set $UP allmulticast on
	works vhost-xdp attach $UP --port p
	works vhost-xdp detach p
	says ALLMULTI ip link show $UP || echo "the administrator's flag is gone"
	ip link set $UP allmulticast off
	nothing_left
}

taken_address() {
	ip link add link $UP name climv type macvlan mode bridge
	ip link set climv address $MAC up
	fails 5 'in use there already' vhost-xdp attach $UP --port p --mac $MAC
	says $MAC bridge fdb show dev $UP || echo "the macvlan lost its address"
	ip link del climv
	nothing_left
}

jumbo() {
	ip link set $UP-far mtu 9000
	ip link set $UP mtu 9000
	json '.xdp_mode == "native" and .xdp_shared' vhost-xdp attach $UP --port p
	works vhost-xdp detach p
	ip link set $UP mtu 1500
	ip link set $UP-far mtu 1500
	nothing_left
}

shared_dispatcher() {
	local neighbour="$HERE/neighbour"
	works "$neighbour" attach $UP "$HERE/pass.bpf.o"
	json '.xdp_shared' vhost-xdp attach $UP --port p
	works "$neighbour" there $UP -
	works vhost-xdp detach p
	works "$neighbour" there $UP -
	json '.state == "ok" and .xdp_mode == "native"' vhost-xdp attach $UP --port p
	works "$neighbour" detach $UP -
	json '.state == "ok" and .xdp_mode == "native"' vhost-xdp show p
	works vhost-xdp detach p
	nothing_left
}

foreign_program() {
	works bpftool prog load "$HERE/pass.bpf.o" /sys/fs/bpf/cli-pass type xdp
	works bpftool net attach xdpdrv pinned /sys/fs/bpf/cli-pass dev $UP
	fails 5 'does not share' vhost-xdp attach $UP --port p
	fails 6 'Not fit' bash -c "vhost-xdp doctor $UP >&2"
	works bpftool net detach xdpdrv dev $UP
	rm -f /sys/fs/bpf/cli-pass
	nothing_left
}

without_dispatcher() {
	export LIBXDP_OBJECT_PATH=/nonexistent
	json '.xdp_mode == "native" and (.xdp_shared | not)' vhost-xdp attach $UP --port p 2> "$ERR"
	grep -q 'attached without it' "$ERR" || echo "does not say so: $(cat "$ERR")"
	works vhost-xdp detach p
	nothing_left
}

uplink_deleted() {
	works vhost-xdp attach $UP2 --port p --mac $MAC
	works vhost-xdp attach $UP --port q --mac $MAC
	ip link del $UP2
	json '.state == "uplink gone" and .uplink == null' vhost-xdp show p
	works vhost-xdp detach p
	json '.state == "ok"' vhost-xdp show q
	works vhost-xdp detach q
	make_uplink $UP2
	nothing_left
}

# A namespace of its own has pins of its own, which go when it does.
namespaces() {
	local ns=/run/netns/cli
	ip netns add cli
	ip -n cli link add $UP type veth peer name $UP-far
	ip -n cli link set $UP up
	works vhost-xdp attach $UP --port p --mac $MAC
	works nsenter --net=$ns vhost-xdp attach $UP --port q --mac $MAC
	json 'map(.name) == ["p"]' vhost-xdp list
	json 'map(.name) == ["q"]' nsenter --net=$ns vhost-xdp list
	works vhost-xdp detach p
	json '.state == "ok" and .xdp_mode == "native"' nsenter --net=$ns vhost-xdp show q
	works nsenter --net=$ns vhost-xdp detach q
	[ ! -e $PINS ] || echo "pins are left: $(find $PINS)"
	works nsenter --net=$ns vhost-xdp attach $UP --port q --mac $MAC
	ip netns del cli
	# The kernel takes a namespace down from a work queue.
	timeout $((10 * ${VXDP_SLOW:-1})) bash -c 'while [ -e /dev/vhost-xdp/q ]; do sleep 0.1; done' ||
		echo "port q outlived its namespace"
	works vhost-xdp attach $UP --port p
	works vhost-xdp detach p
	nothing_left
}

under_strace() { # options and command
	strace -f --seccomp-bpf -qq -o /dev/null "$@"
}

attach_under() { # strace's injection
	under_strace -e "$1" vhost-xdp attach $UP --port p --mac $MAC --vlan 3 --owner nobody
}

# The bpf calls of a command that change something, by their number: most of them
# only look at the BTF of every module, and how many those are is the machine's.
changing_calls() { # every-nth first command...
	local every=$1 first=$2
	shift 2
	strace -f --seccomp-bpf -qq -e trace=bpf -o "$ERR" "$@" > /dev/null
	awk -v every="$every" -v first="$first" \
		'/BPF_(MAP_CREATE|MAP_UPDATE|MAP_DELETE|OBJ_PIN|LINK_CREATE|PROG_LOAD)/ && n++ % every == first { print NR }' "$ERR"
}

# No n-th call may fail without the attach either working or leaving nothing.
failing_at() { # call numbers
	local call=$1 n
	shift
	for n; do
		if attach_under "inject=$call:error=ENOMEM:when=$n" > /dev/null 2> "$ERR"; then
			json '.state == "ok"' vhost-xdp show p
			works vhost-xdp detach p
		fi
		nothing_left_after "$call $n failing"
	done
}

# Wherever it was killed, it can be run again, and a detach leaves nothing.
killed_at() { # call numbers
	local call=$1 n why
	shift
	for n; do
		attach_under "inject=$call:signal=KILL:when=$n" > /dev/null 2>&1
		why=$(vhost-xdp attach $UP --port p --mac $MAC --vlan 3 2>&1 > /dev/null) ||
			echo "killed at $call $n, not to be run again: $why"
		json ".state == \"ok\" and .macs == [\"$MAC\"]" vhost-xdp show p
		works vhost-xdp detach p
		nothing_left_after "a kill at $call $n"
	done
}

detach_killed_at() { # call numbers
	local call=$1 n
	shift
	for n; do
		works vhost-xdp attach $UP --port p --mac $MAC
		under_strace -e "inject=$call:signal=KILL:when=$n" vhost-xdp detach p > /dev/null 2>&1
		# Whole or gone: a second one either works or finds nothing.
		vhost-xdp detach p > /dev/null 2> "$ERR" || grep -q 'no such port' "$ERR" || cat "$ERR"
		works vhost-xdp attach $UP2 --port other
		works vhost-xdp detach other
		nothing_left_after "a kill at $call $n"
	done
}

attach_calls() { # every-nth first
	changing_calls "$1" "$2" vhost-xdp attach $UP --port p --mac $MAC --vlan 3 --owner nobody
	works vhost-xdp detach p
}

fail_netlink() { failing_at sendto 3 4 5 8; }
# shellcheck disable=SC2046
fail_bpf() { failing_at bpf $(attach_calls 9 2); }
fail_chown() { failing_at chown 1; }
kill_netlink() { killed_at sendto 4 5 8; }
# shellcheck disable=SC2046
kill_bpf() { killed_at bpf $(attach_calls 9 6); }
kill_detach() { detach_killed_at bpf 12 20; }

two_at_once() {
	local i pids=()
	for i in 1 2 3 4; do
		vhost-xdp attach $UP --port p$i > /dev/null 2>> "$ERR" &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i" || cat "$ERR"; done
	json 'length == 4 and all(.state == "ok")' vhost-xdp list
	json '.[0].formatted.value.count == 4' bpftool map dump pinned $PINS/vxdp_flood
	pids=()
	for i in 1 2 3 4; do
		vhost-xdp detach p$i > /dev/null 2>> "$ERR" &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i" || cat "$ERR"; done
	nothing_left
}

make_uplink $UP
make_uplink $UP2
check "the command line is refused where it is wrong" usage_errors
check "what cannot be is refused with its reason" refusals
check "attach, list, show, stats, doctor, qemu-args, detach" attach_shows
check "an address is made up where none is given" random_mac
check "a port without an uplink" no_uplink
check "run opens tap and node for a command" run_opens
check "a port with a queue of its own by AF_XDP" xsk_lane
check "--features narrows what is offered" features
check "two ports of an uplink, and a second uplink" several
check "all-multicast that was on before stays on" allmulti_kept
check "an address that a macvlan has is refused" taken_address
check "an uplink with MTU 9000" jumbo
check "another program shares the uplink by libxdp's dispatcher" shared_dispatcher
check "another program that does not share is told of" foreign_program
check "without the dispatcher the uplink is taken whole" without_dispatcher
check "detach after the uplink was deleted" uplink_deleted
check "network namespaces are apart" namespaces
check "four attaches and four detaches at once" two_at_once
check "attach leaves nothing, whichever netlink request fails" fail_netlink
check "attach leaves nothing, whichever bpf call fails" fail_bpf
check "attach leaves nothing where the node cannot be given away" fail_chown
check "attach --lane xsk gives the queue back where it fails or is killed" xsk_rollback
check "attach can be run again after a kill at a netlink request" kill_netlink
check "attach can be run again after a kill at a bpf call" kill_bpf
check "detach can be run again after a kill" kill_detach
echo "1..$count"
[ $failed = 0 ]
