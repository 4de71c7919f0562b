#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# readme.sh - the lines of the README's "Use it", one after another as they stand.
#
# What they need is made first: a NIC called eth0 with a wire behind it. The "..."
# of the VMM's line stands for the options that have nothing to do with the port:
# those of guest.sh. `make install` writes where the machine's own files are and
# takes minutes in an emulated VM, so it is left to who runs this: where it was run
# on the machine whose files the VM has, modprobe and the tool are its; elsewhere
# these two lines are not among the cases.
set -euo pipefail

cd "${VXDP_ROOT:?run by selftests/run}"
# shellcheck source=selftests/lib/ktap.sh
. selftests/lib/ktap.sh

[ -e /dev/kvm ] || skip_all "no /dev/kvm here: nothing to run a guest on"
# shellcheck source=selftests/vm/guest.sh
. selftests/vm/guest.sh
UPLINK=eth0

INSTALLED=/lib/modules/$(uname -r)/extra/vhost_xdp.ko

# The section's code, a command a line.
lines() {
	sed -n '/^## Use it/,/^## What is where/s/^    //p' README.md |
		sed -e ':a' -e '/\\$/{N; s/ *\\\n */ /; ba' -e '}' |
		grep -v "^make install$([ -e "$INSTALLED" ] || echo '\|^modprobe')"
}

tap_line() { grep -o '`ip tuntap [^`]*`' README.md | tr -d '`'; }

setup() {
	wire_up 1500
	ip -n $WIRE addr add 10.7.0.1/24 dev wire0
	[ -e "$INSTALLED" ] || return 0
	rmmod vhost_xdp
	PATH=${PATH#"$VXDP_ROOT/user:"}
}

# The tap's line is in the README's text and comes before the VMM.
start_vmm() { # words behind "..."
	local -a options=()
	local word to=""
	for word; do
		case $word in
		*'<>'*) to+=" $word" ;;
		*) options+=("$word") ;;
		esac
	done
	GUEST_TAPS+=(vm0-tap)
	eval "$(tap_line)"
	guest_boot "$to" "${options[@]}"
	guest_ready
	guest 'ip link set nic0 up && ip addr add 10.7.0.2/24 dev nic0 && ping -c 3 -W 5 10.7.0.1'
}

run_line() { # line
	local -a words
	case $1 in
	qemu-system-x86_64*)
		read -ra words <<< "${1#*...}"
		start_vmm "${words[@]}"
		;;
	*) bash -euc "$1" ;;
	esac
}

frames_moved() {
	vhost-xdp stats vm0 --json | jq -e '[.[0].port[] | select(.name == "rx_xdp_packets" or .name == "tx_xdp_packets").value] | all(. > 2)'
}

mapfile -t LINES_OF_USE < <(lines)
plan $((${#LINES_OF_USE[@]} + 1))
trap guest_clean EXIT
setup
for line in "${LINES_OF_USE[@]}"; do
	[[ $line != "vhost-xdp detach"* ]] || check "the guest's frames went by the port" frames_moved
	check "${line%% #*}" run_line "$line"
done
finish
