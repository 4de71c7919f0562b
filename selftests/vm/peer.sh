# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# peer.sh - a stream each way between the wire and the guest, and datagrams, all of
# which is checked, while something is done to the guest (peer.c). Sourced after
# guest.sh and ktap.sh.

PEER=$VXDP_ROOT/build/guest/root/bin/peer
PEER_PORT=7000
# KiB a second each way. What a slow host sends is under way for long, and its pages cannot
# be moved meanwhile: virtio-mem's driver then waits for minutes before it tries again.
PEER_RATE=${PEER_RATE:-$((1024 / ${VXDP_SLOW:-1}))}
declare -A PEER_HAS=()

# The guest's end leaves its last words in a file, and its end in a pipe.
peer_start() { # address of the wire
	coproc PEER_OF_WIRE { exec ip netns exec $WIRE "$PEER" serve $PEER_PORT "$PEER_RATE"; }
	PEER_PID=$!
	# The array is gone as soon as the program is.
	exec {PEER_OUT}<&"${PEER_OF_WIRE[0]}" {PEER_IN}>&"${PEER_OF_WIRE[1]}"
	peer_line
	guest "mkfifo over; (peer join $1 $PEER_PORT $PEER_RATE > said; echo \$? > over) > /dev/null &"
}

# At the end, whatever happened.
peer_kill() { [ -z "${PEER_PID:-}" ] || kill "$PEER_PID" 2> /dev/null || true; }

peer_line() {
	read -r -t $((120 * ${VXDP_SLOW:-1})) -u "$PEER_OUT" PEER_LINE ||
		{ echo "the wire's end says nothing more; its last words: ${PEER_LINE:-none}"; return 1; }
}

# What it has to say, a name and a number each, goes to PEER_HAS.
peer() { # words for peer.c
	local -a words
	echo "$*" >&"$PEER_IN"
	peer_line || return
	echo "$PEER_LINE"
	[[ $PEER_LINE == sent\ * ]] || return
	read -ra words <<< "$PEER_LINE"
	while [ ${#words[@]} -gt 0 ]; do
		PEER_HAS[${words[0]}]=${words[1]}
		words=("${words[@]:2}")
	done
}

# What one end has sent the other has received, to the byte.
peer_over() {
	local wire
	peer end || return
	wire="${PEER_HAS[sent]} ${PEER_HAS[received]}"
	# shellcheck disable=SC2016 # the guest expands it
	guest 'read -r status < over; cat said; exit $status' > "$GUEST_DIR/said" || { cat "$GUEST_DIR/said"; return 1; }
	echo "at the guest's end: $(cat "$GUEST_DIR/said")"
	[ "$wire" = "$(awk '{ print $6, $2 }' "$GUEST_DIR/said")" ]
}

# Frames that the network's own checks found wrong, of which the stream knows nothing
# for they are sent again.
bad_frames() { # of /proc/net/snmp
	awk '$1 in names { split(names[$1], name)
			for (i = 2; i <= NF; i++)
				if (name[i] ~ /^(InHdrErrors|InCsumErrors|InErrs)$/ && $i) { print $1, name[i], $i; bad = 1 } }
		{ names[$1] = $0 }
		END { exit bad }'
}
no_bad_frames() {
	wire cat /proc/net/snmp | bad_frames && guest cat /proc/net/snmp | bad_frames
}

# The guest's kernel has nothing to complain about, but that it is slow; and where the
# host is, the five seconds are short in which a queue is to have sent something.
guest_content() {
	local slow='soft lockup'
	[ "${VXDP_SLOW:-1}" = 1 ] || slow+='|NETDEV WATCHDOG'
	! guest dmesg | grep -E 'BUG:|WARNING:|Oops|Bad page|NETDEV WATCHDOG' | grep -vE "$slow"
}

# A port refused nothing. While no ring runs it has to drop what comes.
port_content() { # port
	vhost-xdp stats "$1" --json | jq -r '.[0].port[] | select((.name | test("_drop_|^ring_")) and .value > 0 and
		.name != "rx_drop_stopped") | "\(.name) \(.value)"' > "$GUEST_DIR/refused"
	cat "$GUEST_DIR/refused"
	[ ! -s "$GUEST_DIR/refused" ]
}
