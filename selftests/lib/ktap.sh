# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# ktap.sh - KTAP for test programs in shell. Sourced.
#
#	plan 3
#	check "the sum is right" test "$sum" = "$want"
#	...
#	finish
#
# A check runs a command; what that says is shown as a diagnostic where it fails.
# (set -e does not reach into what a check runs. What must not fail goes outside,
# with a pass behind it: the program ends there and the plan is not kept.)

KTAP_RUN=0
KTAP_FAILED=0
KTAP_OUT=$(mktemp)

plan() { # cases
	echo "KTAP version 1"
	echo "1..$1"
}

skip_all() { # reason
	echo "KTAP version 1"
	echo "1..0 # SKIP $*"
	exit 4
}

# shellcheck disable=SC2001
diag() { sed 's/^/# /' <<< "$*"; }

pass() { KTAP_RUN=$((KTAP_RUN + 1)); echo "ok $KTAP_RUN $*"; }

fail() {
	KTAP_RUN=$((KTAP_RUN + 1))
	KTAP_FAILED=$((KTAP_FAILED + 1))
	echo "not ok $KTAP_RUN $*"
}

# The command runs in this shell: what it sets, stays set.
check() { # name, command...
	local name=$1
	shift
	if "$@" > "$KTAP_OUT" 2>&1; then
		pass "$name"
		return
	fi
	diag "failed: $*"
	[ ! -s "$KTAP_OUT" ] || diag "$(cat "$KTAP_OUT")"
	fail "$name"
}

finish() { [ $KTAP_FAILED = 0 ] || exit 1; exit 0; }
