#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# deps.sh - install what building, the demo and the tests need (Debian 12, 13).
#
# On Debian 12 two things are newer than the release itself: QEMU 10 comes from
# its backports (7.2's TCG oopses kernels at random) and virtme-ng from trixie
# (all-arch). Both sources are derived from the machine's own apt
# configuration and pinned, so that nothing else moves. Idempotent: where all is
# installed it says so and touches nothing.
set -euo pipefail

note() { printf '  %-8s %s\n' DEPS "$*"; }
die() { echo "deps: $*" >&2; exit 1; }

[ -r /etc/os-release ] || die "no /etc/os-release: only Debian 12 and 13 are known; install the packages of docs/testing.md by hand"
# shellcheck disable=SC1091
. /etc/os-release
case "${VERSION_CODENAME:-}" in
bookworm | trixie) ;;
*) die "this is ${PRETTY_NAME:-unknown}: only Debian 12 and 13 are known; install the packages of docs/testing.md by hand" ;;
esac

build="build-essential clang llvm clang-format libbpf-dev libxdp-dev libmnl-dev libelf-dev zlib1g-dev pkg-config
bpftool dwarves kmod iproute2 ethtool busybox-static cpio python3-minimal jq udev strace libcap2-bin"
[ "$VERSION_CODENAME" = trixie ] && build="$build libcap-ng-utils"
libasan="libclang-rt-$(apt-cache show clang 2>/dev/null | sed -n 's/^Depends:.*clang-\([0-9]*\).*/\1/p' | head -n1)-dev"

missing() {
	local p
	for p in "$@"; do
		dpkg-query -W -f='${db:Status-Status}\n' "$p" 2>/dev/null | grep -qx installed || echo "$p"
	done
}

# The newest 6.12 that has both image and headers.
newest_kernel() {
	apt-cache pkgnames linux-headers-6.12 |
		sed -n 's/^linux-headers-\(6\.12\.[0-9]*+deb1[23]-amd64\)$/\1/p' | sort -V |
		while read -r v; do
			apt-cache show "linux-image-$v" >/dev/null 2>&1 && echo "$v"
		done | tail -n 1
}
