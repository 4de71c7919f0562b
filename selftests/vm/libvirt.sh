#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# libvirt.sh - the XML of docs/libvirt.md, as it stands there, by libvirt itself.
#
# libvirt's QEMU driver runs inside virsh (qemu:///embed), with a directory of its own
# for all it keeps, so that no daemon is started. Each <interface> of the document goes into a
# domain: libvirt turns it into QEMU's words, and starts a guest with it, which
# pings the wire. QEMU runs as another user than root, who could not open the node.
set -euo pipefail

cd "${VXDP_ROOT:?run by selftests/run}"
# shellcheck source=selftests/lib/ktap.sh
. selftests/lib/ktap.sh
# shellcheck source=selftests/vm/guest.sh
. selftests/vm/guest.sh

DOC=docs/libvirt.md
USER_ID=64055		# Debian's libvirt-qemu, whose package is not needed here
GUEST_RUN=$GUEST_DIR
ROOT=$GUEST_DIR/libvirt
MOUNTED=()
VIRSH_PID=
SAID=

[ -e /dev/kvm ] || skip_all "no /dev/kvm here: nothing to run a guest on"
[ -x "$(command -v virsh)" ] || skip_all "no virsh here"

# Lines in place of a file's, for as long as this runs.
stand_in() { # file; lines to add on stdin
	cat "$1" - > "$GUEST_DIR/${1//\//-}"
	mount --bind "$GUEST_DIR/${1//\//-}" "$1"
	MOUNTED+=("$1")
}

setup() {
	wire_up 1500
	ip -n $WIRE addr add 10.7.0.1/24 dev wire0
	chmod 755 "$GUEST_DIR"
	stand_in /etc/passwd <<< "libvirt-qemu:x:$USER_ID:$USER_ID::/:/usr/sbin/nologin"
	stand_in /etc/group <<-E
		libvirt-qemu:x:$USER_ID:
		vxdp-kvm:x:$(stat -c %g /dev/kvm):libvirt-qemu
	E
	chmod g+rw /dev/kvm
	mkdir -p "$ROOT/etc"
	cat > "$ROOT/etc/qemu.conf" <<-E
		security_driver = "none"
		dynamic_ownership = 0
		remember_owner = 0
		stdio_handler = "file"
		cgroup_controllers = [ ]
		namespaces = [ ]
	E
	cp "/boot/vmlinuz-$(cat build/guest/kver)" "$GUEST_DIR/kernel"
	cp build/guest/initrd "$GUEST_DIR/initrd"
	mkfifo "$GUEST_DIR"/virsh.{in,out}
	exec 7<> "$GUEST_DIR/virsh.in" 8<> "$GUEST_DIR/virsh.out"
	virsh -c "qemu:///embed?root=$ROOT" < "$GUEST_DIR/virsh.in" > "$GUEST_DIR/virsh.out" 2>&1 &
	VIRSH_PID=$!
}

cleanup() {
	local it
	[ -z "$GUEST_PID" ] || kill "$GUEST_PID" 2> /dev/null || true
	GUEST_PID=		# no child of ours
	[ -z "$VIRSH_PID" ] || kill "$VIRSH_PID" 2> /dev/null || true
	wait 2> /dev/null || true
	for it in "${MOUNTED[@]}"; do
		umount "$it" || true
	done
	guest_clean
}

# Has virsh carry something out; what it says is in SAID.
virsh_do() { # words
	local until=$((SECONDS + 120 * ${VXDP_SLOW:-1})) line
	printf '%s\necho @end\n' "$*" >&7
	SAID=
	while [[ $SAID != *$'\n@end\n' ]]; do
		if IFS= read -r -t 1 -u 8 line; then
			SAID+=$line$'\n'
			continue
		fi
		SAID+=$line
		kill -0 "$VIRSH_PID" 2> /dev/null || { echo "virsh ended: $SAID"; return 1; }
		[ $SECONDS -lt $until ] || { echo "virsh is silent: $SAID"; return 1; }
	done
	! grep '^error:' <<< "$SAID"
}

# The n-th <interface> of the document.
interface() { awk -v n="$1" '/^```xml/ { in_it = ++i == n; next } /^```/ { in_it = 0 } in_it' $DOC; }

domain() { # n, CPUs
	cat <<-E
		<domain type='kvm'>
		  <name>vm0</name>
		  <memory unit='MiB'>256</memory>
		  <vcpu>$2</vcpu>
		  <os>
		    <type arch='x86_64' machine='q35'>hvm</type>
		    <kernel>$GUEST_DIR/kernel</kernel>
		    <initrd>$GUEST_DIR/initrd</initrd>
		    <cmdline>console=ttyS0 loglevel=4 panic=-1</cmdline>
		  </os>
		  <features><acpi/></features>
		  <cpu mode='host-passthrough'/>
		  <devices>
		    <emulator>$(command -v qemu-system-x86_64)</emulator>
		    <controller type='usb' model='none'/>
		$(interface "$1")
		    <serial type='file'><source path='$GUEST_DIR/console'/><target port='0'/></serial>
		    <serial type='pipe'><source path='$GUEST_DIR/ctl'/><target port='1'/></serial>
		    <memballoon model='none'/>
		  </devices>
		</domain>
	E
}

# The lines of the document that make port and tap, for so many queue pairs.
make_port() { # queue pairs
	local queues="" tap=""
	[ "$1" = 1 ] || queues=" --queues $1" tap=" multi_queue"
	sed -n '/^## libvirt/,/^```/s/^    //p' $DOC | sed "s/ eth0 / $UPLINK /
		s/^vhost-xdp attach.*/&$queues/; s/^ip tuntap.*/&$tap/" > "$GUEST_DIR/make"
	GUEST_TAPS+=(vm0-tap)
	bash -eux "$GUEST_DIR/make"
}

# Words that libvirt would start QEMU with; domxml-to-native knows of no <backend>.
to_native() {
	virsh_do "domxml-to-native qemu-argv $GUEST_DIR/domain.xml"
	[[ $SAID =~ -netdev\ \'\{\"type\":\"tap\",\"fd\":\"[0-9]+\",\"vhost\":true,\"vhostfd\":\"[0-9]+\" ]] || {
		echo "$SAID"
		return 1
	}
}

start() {
	mkfifo "$GUEST_DIR"/ctl.{in,out}
	chown $USER_ID "$GUEST_DIR"/ctl.{in,out}
	exec 3<> "$GUEST_DIR/ctl.in" 4<> "$GUEST_DIR/ctl.out"
	virsh_do "create $GUEST_DIR/domain.xml"
	GUEST_PID=$(cat "$ROOT"/run/qemu/vm0.pid)
	ln -sf "$ROOT/log/qemu/vm0.log" "$GUEST_RUN/qemu.log"
	guest_ready
}

# What stands behind QEMU's tap and its vhostfd, a line a queue pair.
behind() {
	local netdev fd
	netdev=$(tr '\0' '\n' < "/proc/$GUEST_PID/cmdline" | grep '"type":"tap"')
	for fd in $(jq -r '"\(.fd // .fds) \(.vhostfd // .vhostfds)" | gsub("[: ]"; "\n")' <<< "$netdev"); do
		readlink "/proc/$GUEST_PID/fd/$fd"
	done | sort | uniq -c | xargs
}

is() { # got, expected
	[ "$1" = "$2" ] || { echo "$1"; return 1; }
}

qemu_cannot_open() {
	[ "$(stat -c %u "/proc/$GUEST_PID")" = $USER_ID ] && [ "$(stat -c '%u %a' /dev/vhost-xdp/vm0)" = "0 600" ]
}

pings() {
	guest 'ip link set nic0 up && ip addr add 10.7.0.2/24 dev nic0 && ping -c 3 -W 5 10.7.0.1'
}

moved() {
	vhost-xdp stats vm0 --json | jq -e '[.[0].port[] |
		select(.name == "rx_xdp_packets" or .name == "tx_xdp_packets").value] | all(. > 2)'
}

is_packed() { vhost-xdp show vm0 --json | jq -e '.queue_pairs[0].features | index("RING_PACKED")'; }
is_split() { ! is_packed; }

stop() {
	virsh_do "destroy vm0"
	GUEST_PID=
	exec 3>&- 4>&-
	rm "$GUEST_DIR"/ctl.{in,out}
	vhost-xdp detach vm0
	ip link del vm0-tap
}

# A CPU for each pair, and the guest uses what its CPUs can.
pairs_used() { # pairs
	local used
	used=$(guest 'ethtool -l nic0' | awk '$1 == "Combined:" { n = $2 } END { print n }')
	[ "$used" = "$1" ] || { echo "it uses $used"; return 1; }
	vhost-xdp show vm0 --json |
		jq -e --argjson n "$1" '.queue_pairs | length == $n and all(.rx.running and .tx.running)'
}

CASES=10
test_interface() { # n, queue pairs, kind of ring
	domain "$1" "$2" > "$GUEST_DIR/domain.xml"
	check "$2 queue pairs: port and tap are made" make_port "$2"
	check "$2 queue pairs: libvirt knows QEMU's words for it" to_native
	check "$2 queue pairs: the domain starts" start
	check "$2 queue pairs: QEMU has the tap and the node" is "$(behind)" "$2 /dev/net/tun $2 /dev/vhost-xdp/vm0"
	check "$2 queue pairs: and could not open it" qemu_cannot_open
	check "$2 queue pairs: rings are $3" "is_$3"
	check "$2 queue pairs: the guest pings the wire" pings
	check "$2 queue pairs: the guest uses them, and all rings run" pairs_used "$2"
	check "$2 queue pairs: its frames went by the port" moved
	check "$2 queue pairs: the domain ends" stop
}

plan $((2 * CASES))
trap cleanup EXIT
setup
test_interface 1 1 split
test_interface 2 2 packed
finish
