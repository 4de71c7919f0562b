# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# guest.sh - an unmodified QEMU guest and the wire it talks to. Sourced by the
# end-to-end tests and by the demo, in the VM that plays the host.
#
# The wire is a network namespace behind a veth pair, whose near end is the
# uplink. The guest obeys commands on its second serial port (guest-init).
# Whoever sources this calls guest_clean at the end, whatever happened.

: "${VXDP_ROOT:?run by selftests/run or the demo}"
GUEST_DIR=$(mktemp -d)
GUEST_RUN=$GUEST_DIR/qemu	# of the QEMU that is spoken to: pipes and logs
GUEST_PID=
GUEST_EVENTS=
GUEST_TAPS=()
WIRE=vxdp-wire
UPLINK=vxup0
WWW=$GUEST_DIR/www
GUEST_RUN_BY=()		# what starts it
# Which QEMU, more options for it and for a card each, and words for the guest's kernel.
GUEST_PROGRAM=qemu-system-x86_64
GUEST_QEMU=()
GUEST_NICS=()
GUEST_WORDS=

# Makes the wire: $1 is the MTU, $2 how many queues either end has. A checksum or a
# VLAN tag left for "hardware" of a veth is in no frame when XDP takes it, so the far
# end does its own; its GRO gives it the NAPI that ndo_xdp_xmit wants there.
wire_up() { # mtu, queues
	local queues="numtxqueues ${2:-1} numrxqueues ${2:-1}"
	ip netns add $WIRE
	# shellcheck disable=SC2086 # words
	ip link add $UPLINK mtu "$1" $queues type veth peer name wire0 mtu "$1" $queues netns $WIRE
	ip netns exec $WIRE ethtool -K wire0 tx off tso off gso off txvlan off gro on > /dev/null
	ethtool -K $UPLINK rxvlan off
	ip -n $WIRE link set lo up
	ip -n $WIRE link set wire0 up
	ip link set $UPLINK up
}

wire() { ip netns exec $WIRE "$@"; }

# An HTTP server on the wire: GET /file, POST /cgi-bin/put answers with the
# checksum of what came.
wire_serve() { # MiB
	mkdir -p "$WWW/cgi-bin"
	head -c "$(($1 << 20))" /dev/urandom > "$WWW/file"
	# shellcheck disable=SC2034 # for who sources this
	FILE_SUM=$(sum_of "$WWW/file")
	cat > "$WWW/cgi-bin/put" <<-E
		#!/bin/sh
		head -c "\$CONTENT_LENGTH" > $GUEST_DIR/received
		printf 'Content-Type: text/plain\r\n\r\n'
		sha256sum < $GUEST_DIR/received
	E
	chmod +x "$WWW/cgi-bin/put"
	ip netns exec $WIRE busybox httpd -f -p 80 -h "$WWW" &
	HTTPD_PID=$!
	await 10 wire_listens
}

wire_listens() { [ -n "$(wire ss -Hltn 'sport = 80')" ]; }

sum_of() { sha256sum "$1" | cut -d' ' -f1; }

# Waits for what has no event to wait for, a state of the kernel's.
await() { # seconds, command...
	local until=$((SECONDS + $1 * ${VXDP_SLOW:-1}))
	shift
	until "$@" > /dev/null 2>&1; do
		[ $SECONDS -lt $until ] || return 1
		sleep 0.1
	done
}

# What QEMU has to be told for ports: for each the options that the tool says, and
# GUEST_NIC, and its own of GUEST_NICS. Makes their taps.
guest_cards() { # port...
	local port args run_by n=0
	GUEST_NODES="" GUEST_CARDS=() GUEST_RUN_BY=()
	for port; do
		args=$(vhost-xdp qemu-args "$port" --json)
		eval "$(jq -r .tap_command <<< "$args")"
		GUEST_TAPS+=("$(jq -r .tap <<< "$args")")
		GUEST_CARDS+=(-netdev "$(jq -r .netdev <<< "$args" | renumber $n)")
		GUEST_CARDS+=(-device "$(jq -r .device <<< "$args" | renumber $n),id=nic$n${GUEST_NIC:-}${GUEST_NICS[n]:-}")
		run_by=$(jq -r .run_by <<< "$args")
		if [ -n "$run_by" ]; then
			read -ra GUEST_RUN_BY <<< "$run_by"
		else
			GUEST_NODES+=" $((10 + n))<>$(jq -r .node <<< "$args")"
		fi
		n=$((n + 1))
	done
}

guest_start() { # port...
	guest_cards "$@"
	guest_boot "$GUEST_NODES" "${GUEST_CARDS[@]}"
}

# The tool numbers the devices of one port; here are several, of which one may have
# several queue pairs, with the descriptors that it was told.
renumber() { sed "s/\bn0\b/n$1/; s/\bvhostfd=[0-9]*/vhostfd=$((10 + $1))/"; }

guest_boot() { # redirections, QEMU's options...
	local redirections=$1
	shift
	mkdir -p "$GUEST_RUN"
	mkfifo "$GUEST_RUN"/{ctl,qmp}.{in,out}
	# A guest that starts anew would answer as if nothing had been: it is to be seen.
	set -- "${GUEST_RUN_BY[@]}" "$GUEST_PROGRAM" -accel kvm -machine q35 -cpu host -m 256M -nodefaults -display none -no-reboot \
		-kernel "/boot/vmlinuz-$(cat "$VXDP_ROOT/build/guest/kver")" \
		-initrd "$VXDP_ROOT/build/guest/initrd" -append "console=ttyS0 loglevel=4 panic=-1 $GUEST_WORDS" \
		-serial "file:$GUEST_RUN/console" \
		-chardev "pipe,id=ctl,path=$GUEST_RUN/ctl" -serial chardev:ctl \
		-chardev "pipe,id=qmp,path=$GUEST_RUN/qmp" -mon chardev=qmp,mode=control "${GUEST_QEMU[@]}" "$@"
	eval "exec \"\$@\" $redirections" > "$GUEST_RUN/qemu.log" 2>&1 < /dev/null &
	GUEST_PID=$!
	exec 3<> "$GUEST_RUN/ctl.in" 4<> "$GUEST_RUN/ctl.out" 5<> "$GUEST_RUN/qmp.in" 6<> "$GUEST_RUN/qmp.out"
	qmp '{"execute":"qmp_capabilities"}'
}

# The file that the guest has, by HTTP to the wire's server $1. busybox wget
# posts no binary file.
# shellcheck disable=SC2016 # the guest expands it
GUEST_POST='{ printf "POST /cgi-bin/put HTTP/1.0\r\nContent-Length: %d\r\n\r\n" "$(stat -c %s file)"; cat file; }'
guest_post() { # address; prints the checksum of what came there
	guest "$GUEST_POST | nc $1 80 | tail -n 1 | cut -d' ' -f1"
}

guest_fetch() { # address; prints the checksum of what came here
	guest "wget -q -O file http://$1/file && sha256sum file | cut -d' ' -f1"
}

# The next line that QEMU writes to descriptor $1, as long as there is a QEMU. A
# read that times out leaves the beginning of the line.
next_line() { # descriptor, seconds
	local until=$((SECONDS + $2 * ${VXDP_SLOW:-1})) part
	LINE=
	while ! read -r -t 1 -u "$1" part; do
		LINE+=$part
		kill -0 "$GUEST_PID" 2> /dev/null || {
			echo "QEMU ended: $(cat "$GUEST_RUN/qemu.log"); the guest's console: $(tail -n 30 "$GUEST_RUN/console")"
			return 1
		}
		[ $SECONDS -lt $until ] || { echo "silent for $2 s; the guest's console: $(tail -n 5 "$GUEST_RUN/console")"; return 1; }
	done
	LINE+=$part
	LINE=${LINE%$'\r'}
}

guest_ready() {
	LINE=
	while [ "$LINE" != @ready ]; do
		next_line 4 120 || return
	done
}

# Runs a command in the guest; prints what it prints, returns its status.
guest() { # words of a shell command
	echo "${*//$'\n'/ }" >&3
	while next_line 4 60; do
		case "$LINE" in
		"@done "*) return "${LINE#@done }" ;;
		*) echo "$LINE" ;;
		esac
	done
	return 255
}

# Tells QEMU's monitor something and waits for its answer, in LINE; keeps the events
# that come before.
qmp() { # JSON
	echo "$1" >&5
	LINE=
	until [[ $LINE =~ ^\{\"(return|error)\" ]]; do
		[[ $LINE != *'"event"'* ]] || GUEST_EVENTS+=$LINE$'\n'
		next_line 6 30 || return
	done
	[[ $LINE == '{"return"'* ]] || { echo "$LINE"; return 1; }
}

# Waits for an event whose line has this pattern in it, the first since the last one
# that was waited for.
qmp_event() { # pattern, seconds
	local seen=$GUEST_EVENTS
	GUEST_EVENTS=
	while [ -n "$seen" ]; do
		LINE=${seen%%$'\n'*} seen=${seen#*$'\n'}
		# shellcheck disable=SC2053 # a pattern
		[[ $LINE != *$1* ]] || { GUEST_EVENTS=$seen; return; }
	done
	LINE=
	# shellcheck disable=SC2053
	until [[ $LINE == *'"event"'* && $LINE == *$1* ]]; do
		next_line 6 "$2" || return
	done
}

# Puts the guest's cards behind a virtual IOMMU whose entries are taken away as soon as
# a buffer is given back.
guest_iommu() {
	GUEST_QEMU=(-device intel-iommu,intremap=off,device-iotlb=on)
	GUEST_WORDS="intel_iommu=on iommu.strict=1"
	GUEST_NIC=,iommu_platform=on,ats=on,disable-legacy=on
}

guest_stop() {
	[ -n "$GUEST_PID" ] || return 0
	qmp '{"execute":"quit"}' || kill "$GUEST_PID"
	wait "$GUEST_PID" || true
	GUEST_PID=
	exec 3>&- 4>&- 5>&- 6>&-
	rm -f "$GUEST_RUN"/{ctl,qmp}.{in,out}
}

guest_clean() {
	[ -z "$GUEST_PID" ] || kill "$GUEST_PID" 2> /dev/null || true
	[ -z "${HTTPD_PID:-}" ] || kill "$HTTPD_PID" 2> /dev/null || true
	wait 2> /dev/null || true
	local it
	for it in $(vhost-xdp list --json 2> /dev/null | jq -r '.[].name'); do
		vhost-xdp detach "$it" || true
	done
	for it in "${GUEST_TAPS[@]}"; do
		ip link del "$it" 2> /dev/null || true
	done
	ip link del $UPLINK 2> /dev/null || true
	ip netns del $WIRE 2> /dev/null || true
	rm -rf "$GUEST_DIR"
}

tap_bytes() { # port: what its tap carried, both ways
	cat "/sys/class/net/$1-tap/statistics/rx_bytes" "/sys/class/net/$1-tap/statistics/tx_bytes" |
		awk '{ s += $1 } END { print s }'
}
