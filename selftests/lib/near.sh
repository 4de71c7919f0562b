# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# near.sh - programs that a VM starts hundreds of times. Its root is a 9p that caches
# nothing, so each start reads the program and its libraries anew, for the better part
# of a second. Sourced in the VM. (The debug kernel's is cached: nothing to do.)

# Puts copies of programs and of their libraries, in memory, over them.
near() { # program...
	local file copy
	! grep -q ' / 9p [^ ]*cache=' /proc/mounts || return 0
	mkdir -p /run/near
	# shellcheck disable=SC2046 # words, each
	set -- $(command -v "$@")
	while read -r file; do
		copy=/run/near/${file//\//-}
		[ ! -e "$copy" ] || continue
		cp "$file" "$copy"
		mount --bind "$copy" "$file"
	done < <({ printf '%s\n' "$@"; ldd "$@" | grep -o '/[^ :]*\.so[^ :]*'; } | xargs readlink -f | sort -u)
}
