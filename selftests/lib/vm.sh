# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# vm.sh - boot a Debian kernel as the host of guests, this machine's files as its
# root. Sourced by selftests/run and selftests/demo/demo.

# Hardware virtualization serves only where it nests, for there is a guest inside.
# VM_CPU_OPTS, words for QEMU, asks for an emulated CPU of that kind.
vm_accel() {
	local m
	if [ -n "${VM_CPU_OPTS:-}" ]; then
		printf '%s\n' --disable-kvm "--qemu-opts=$VM_CPU_OPTS"
		return
	fi
	if [ -r /dev/kvm ] && [ -w /dev/kvm ]; then
		for m in kvm_intel kvm_amd; do
			grep -qs '^[Y1]' /sys/module/$m/parameters/nested && return
		done
	fi
	# TCG emulates SVM with nested paging, so KVM works inside all the same.
	printf '%s\n' --disable-kvm '--qemu-opts=-cpu max'
}

# Boots kernel $1 for at most $2 seconds, its console to file $3, and runs $4 in
# it as root with the current directory. The kernel dies of the first warning; a
# triple fault, which leaves it no words, is in the same file with .cpu behind it.
# The pipes are needed: QEMU truncates a file that is its standard output.
vm_run() { # kernel, seconds, console log, command
	local -a accel
	mapfile -t accel < <(vm_accel)
	timeout --foreground -k 10 "$2" vng -r "/boot/vmlinuz-$1" --disable-microvm --force-9p --rw \
		--cpus "${VM_CPUS:-2}" --memory "${VM_MEM:-2G}" "${accel[@]}" --verbose \
		--qemu-opts="-d cpu_reset -D $3.cpu" \
		--append "loglevel=5 panic_on_warn=1 oops=panic panic=-1" -- "$4" 2> >(cat > "$3") | cat
}

# What the kernel said last, where that is why the VM ended.
vm_last_words() { # console log
	sed -n '/WARNING:\|BUG:\|Oops\|Kernel panic\|sysrq: /,$p' "$1" | tr -d '\r' | head -n "${2:-60}"
}
