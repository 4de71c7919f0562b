#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# deps.sh - install what building, the demo and the tests need (Debian 12, 13).
#
#   deps.sh            install what is missing; a second where nothing is
#   deps.sh --bench    also what only the benchmark compares with (DPDK)
#   deps.sh --list     name every package and whether it is there
#   deps.sh --kernel   print the kernel to build for and boot, such as
#                      6.12.117+deb12-amd64; fails where none is installed
#   deps.sh --uri      print where this machine gets Debian's packages from
#
# On Debian 12 two things must be newer than the release: QEMU 10 comes from its
# backports (the TCG of 7.2 oopses kernels at random) and virtme-ng from trixie
# (it is all-arch). Both sources are derived from where this machine already
# gets its Debian from, and pinned, so that nothing else moves. Debian 12's own QEMU,
# which cannot be installed beside that, is unpacked into build/qemu-7.2, as a client
# to be tested. On Debian 13 the release itself has everything.
set -euo pipefail

SOURCES=/etc/apt/sources.list.d/vhost-xdp.sources
PREFS=/etc/apt/preferences.d/vhost-xdp

note() { printf '  %-8s %s\n' DEPS "$*"; }
die() { echo "deps: $*" >&2; exit 1; }

# What each is for: docs/testing.md.
PACKAGES="build-essential clang llvm lld libclang-rt-dev
libbpf-dev libxdp-dev libmnl-dev libjansson-dev libelf-dev zlib1g-dev pkg-config bpftool dwarves
kmod udev iproute2 iputils-ping ethtool strace procps jq python3 xz-utils cpio busybox-static
qemu-system-x86 virtme-ng libvirt-clients libvirt-daemon-driver-qemu"
BENCH_PACKAGES="dpdk-dev libdpdk-dev"
OLD_QEMU=$(dirname "$0")/../../build/qemu-7.2
OLD_QEMU_PACKAGES="libaio1"	# what it wants that the new one does not

codename() {
	# shellcheck disable=SC1091
	(. /etc/os-release && echo "${VERSION_CODENAME:-}") 2>/dev/null || true
}

[ "$(codename)" != bookworm ] || PACKAGES="$PACKAGES $OLD_QEMU_PACKAGES"

check_release() {
	case "$(codename)" in
	bookworm | trixie) ;;
	*) die "this is not Debian 12 or 13; install what 'selftests/setup/deps.sh --list' names by hand" ;;
	esac
	[ "$(dpkg --print-architecture)" = amd64 ] ||
		die "this is $(dpkg --print-architecture); only amd64 is known to work"
}

installed() { # package
	[ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing() {
	local p
	for p in $PACKAGES; do
		installed "$p" || echo "$p"
	done
}

# The newest 6.12 of Debian that has its image, its modules and its headers here.
usable_kernel() {
	local d v
	for d in /usr/src/linux-headers-6.12.*-amd64; do
		v=${d#/usr/src/linux-headers-}
		[[ $v =~ ^6\.12\.[0-9]+\+deb1[23]-amd64$ ]] || continue
		[ -e "/boot/vmlinuz-$v" ] && [ -d "/lib/modules/$v/kernel" ] &&
			[ -e "/lib/modules/$v/build/Makefile" ] && echo "$v"
	done | sort -V | tail -n 1 | grep .
}

# Is QEMU new enough? One that is there from the release may be 7.2.
qemu_is_old() {
	local v
	v=$(dpkg-query -W -f='${Version}' qemu-system-x86 2>/dev/null) || return 0
	dpkg --compare-versions "$v" lt 1:9
}

candidate() { # package: the version that apt would install
	apt-cache policy "$1" 2>/dev/null | awk '$1 == "Candidate:" && $2 != "(none)" { print $2 }'
}

# The newest 6.12 that apt can install image and headers of.
newest_kernel() {
	local v
	apt-cache pkgnames linux-headers-6.12. |
		sed -n 's/^linux-headers-\(6\.12\.[0-9]*+deb1[23]-amd64\)$/\1/p' | sort -rV |
		while read -r v; do
			[ -n "$(candidate "linux-image-$v")" ] || continue
			[ -n "$(candidate "linux-headers-$v")" ] || continue
			echo "$v"
			break
		done
}

# An image that is here already (Debian 13 boots one) only wants its headers.
wanted_kernel() {
	local f v
	for f in /boot/vmlinuz-6.12.*-amd64; do
		v=${f#/boot/vmlinuz-}
		[[ $v =~ ^6\.12\.[0-9]+\+deb1[23]-amd64$ ]] || continue
		[ -n "$(candidate "linux-headers-$v")" ] && echo "$v"
	done | sort -V | tail -n 1 | grep . || newest_kernel
}

# Where this machine gets the release's own packages from.
debian_uri() {
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(CREATED_BY)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)' |
		awk -F'|' -v rel="$(codename)" '
			$1 == "Packages" && $4 == "main" && $2 !~ /^cdrom:/ &&
			($3 == rel || $3 == "stable" || $3 == "oldstable") { print $2; exit }'
}

# Is a suite configured by somebody else already? (grep -q would go at the first
# match, and pipefail take the SIGPIPE of what is before it for a no.)
has_suite() { # suite
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(CREATED_BY)|$(RELEASE)|$(COMPONENT)|$(SOURCESENTRY)' |
		grep -v "|$SOURCES:" | grep -c "^Packages|$1|main|" > /dev/null
}

write_if_new() { # file; content on stdin; true where it changed
	local new
	new=$(cat)
	[ -e "$1" ] && [ "$(cat "$1")" = "$new" ] && return 1
	printf '%s\n' "$new" > "$1"
}

add_bookworm_sources() {
	local uri suites="" s
	uri=$(debian_uri)
	[ -n "$uri" ] || die "apt knows no source of Debian's main; put one into /etc/apt/sources.list and run this again"
	for s in bookworm-backports trixie; do
		has_suite "$s" || suites="$suites $s"
	done
	write_if_new $PREFS <<-E || true
		# Of the suites that vhost-xdp needs, only what it needs.
		Package: *
		Pin: release n=trixie
		Pin-Priority: -10

		Package: virtme-ng
		Pin: release n=trixie
		Pin-Priority: 500

		Package: *
		Pin: release n=bookworm-backports
		Pin-Priority: 100

		Package: qemu-* seabios ipxe-qemu
		Pin: release n=bookworm-backports
		Pin-Priority: 500
	E
	[ -n "$suites" ] || return 0
	write_if_new $SOURCES <<-E || true
		# Written by vhost-xdp's selftests/setup/deps.sh, pinned by preferences.d/vhost-xdp.
		Types: deb
		URIs: $uri
		Suites:$suites
		Components: main
		Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
	E
}

apt_quiet() { # words of apt-get; its output only where it fails
	local log
	log=$(mktemp)
	if ! DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 "$@" > "$log" 2>&1 < /dev/null; then
		cat "$log" >&2
		rm -f "$log"
		die "apt-get $1 failed (its words are above)"
	fi
	rm -f "$log"
}

# Is Debian 12's own QEMU wanted, and not there?
old_qemu_missing() {
	[ "$(codename)" = bookworm ] && [ ! -x "$OLD_QEMU/usr/bin/qemu-system-x86_64" ]
}

old_qemu_version() { apt-cache madison qemu-system-x86 | awk '$3 ~ /^1:7\.2/ && !n++ { print $3 }'; }

fetch_old_qemu() {
	local v tmp
	v=$(old_qemu_version)
	[ -n "$v" ] || apt_quiet update
	v=$(old_qemu_version)
	[ -n "$v" ] || die "apt offers no QEMU 7.2, though this is Debian 12; is its main suite configured?"
	note "unpacking QEMU $v into build/qemu-7.2"
	tmp=$(mktemp -d)
	(cd "$tmp" && apt_quiet download -o APT::Sandbox::User=root "qemu-system-x86=$v")
	rm -rf "$OLD_QEMU"
	mkdir -p "$OLD_QEMU"
	dpkg -x "$tmp"/*.deb "$OLD_QEMU"
	rm -r "$tmp"
}

install_all() {
	local k pkgs
	[ "$(id -u)" = 0 ] || die "packages are missing ($(missing | xargs)): run this as root"
	check_release
	[ "$(codename)" = bookworm ] && add_bookworm_sources
	note "apt-get update"
	apt_quiet update
	pkgs=$(missing | xargs)
	! qemu_is_old || [[ " $pkgs " = *" qemu-system-x86 "* ]] || pkgs="$pkgs qemu-system-x86"
	if ! usable_kernel > /dev/null; then
		k=$(wanted_kernel)
		[ -n "$k" ] || die "apt offers no Debian kernel 6.12 with headers; is the security suite configured?"
		pkgs="$pkgs linux-image-$k linux-headers-$k"
	fi
	note "installing $pkgs (a few minutes)"
	# shellcheck disable=SC2086
	apt_quiet install -y --no-install-recommends $pkgs
	ldconfig
}

list() {
	local p
	for p in $PACKAGES $BENCH_PACKAGES; do
		printf '%-20s %s\n' "$p" "$(dpkg-query -W -f='${Version}' "$p" 2>/dev/null || echo missing)"
	done
	printf '%-20s %s\n' "kernel, headers" "$(usable_kernel || echo missing)"
}

if [ "${1:-}" = --bench ]; then
	PACKAGES="$PACKAGES $BENCH_PACKAGES"
	shift
fi
case "${1:-}" in
--kernel) usable_kernel || die "no Debian kernel 6.12 with its headers is installed: run 'make deps' first" ;;
--list) list ;;
--uri) debian_uri | grep . || die "apt knows no source of Debian's main" ;;
"")
	if [ -n "$(missing)" ] || qemu_is_old || ! usable_kernel > /dev/null; then
		install_all
	fi
	! old_qemu_missing || fetch_old_qemu
	note "all there; kernel $(usable_kernel)"
	;;
*) die "unknown word $1 (try: --bench, --list, --kernel, --uri)" ;;
esac
