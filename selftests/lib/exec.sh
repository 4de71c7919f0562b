# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# exec.sh - run one test program, on the host or in the VM, and judge it.
#
# Sourced by selftests/run and selftests/lib/vm-main. The caller sets OUT, the
# directory of logs and results. A caller may define after_test(), which prints
# one line for each thing that the test left behind; each line is a failure.

# Runs "$@" under a time limit, and ends what it left running: in the VM by a
# cgroup, which nothing escapes; else by the session.
contained() { # seconds, command...
	local limit=$1 rc=0 cg=/sys/fs/cgroup/vxdp-test pid
	shift
	if [ -n "${IN_VM:-}" ]; then
		mkdir -p $cg
		(echo "$BASHPID" > $cg/cgroup.procs && exec timeout -k 5 "$limit" "$@") || rc=$?
		# shellcheck disable=SC2034 # for after_test
		STRAYS=$(xargs -r ps -o comm= -p < $cg/cgroup.procs | xargs)
		echo 1 > $cg/cgroup.kill
		return $rc
	fi
	setsid timeout -k 5 "$limit" "$@" &
	pid=$!
	wait $pid || rc=$?
	pkill -KILL -s $pid || true
	return $rc
}

# Shows a growing file one level in, until the process $2 has ended.
follow() { # log, pid
	tail -s 0.2 -n +1 --pid="$2" -f "$1" 2> /dev/null | sed -u '/^K\?TAP version/d; s/^/  /'
}

slug() { # number, program and words: a file name
	printf '%02d-%s' "$1" "$(basename "$2")"
	shift 2
	printf '%s' "${*/#/-}" | tr -c 'A-Za-z0-9._-' '-'
}

# Prints the program's KTAP as it comes, one level in, then its own result line.
run_one() { # number, seconds, program, words...
	local n=$1 limit=$2 rc=0 log alive reader passed failed skipped reason start=$SECONDS left verdict=ok
	shift 2
	log=$OUT/$(slug "$n" "$@").log
	printf '  KTAP version 1\n  # Subtest: %s\n' "$*"
	: > "$log"
	sleep infinity &
	alive=$!
	follow "$log" $alive &
	reader=$!
	contained "$limit" "$@" > "$log" 2>&1 < /dev/null || rc=$?
	kill $alive
	wait $alive $reader 2> /dev/null || true
	read -r passed failed skipped reason < <(awk -v rc=$rc -v limit="$limit" -f "$LIB/count.awk" "$log")
	if declare -F after_test > /dev/null; then
		after_test "$log" > "$OUT/left" || echo "the checks after it did not end" >> "$OUT/left"
		while read -r left; do
			reason="$reason${reason:+; }$left"
			failed=$((failed + 1))
		done < "$OUT/left"
	fi
	[ "$failed" = 0 ] || verdict="not ok"
	echo "$verdict $n $* # $passed passed, $failed failed, $skipped skipped, $((SECONDS - start)) s${reason:+ - $reason}"
	echo "$n $passed $failed $skipped" >> "$OUT/results"
}
