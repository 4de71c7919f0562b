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

vm_is_emulated() { vm_accel | grep -x -e --disable-kvm > /dev/null; }

# What can end a VM, none of it often: a reset by the keyboard's controller, too.
VM_TRACE=cpu_reset,trace:qemu_system_shutdown_request,trace:runstate_set,trace:watchdog_perform_action
VM_TRACE+=,trace:tco_timer_expired,trace:pckbd_kbd_write_command,trace:port92_write

# Boots kernel $1, a version of Debian's or a directory where one was built, for
# at most $2 seconds, its console to file $3, and runs $4 in it as root with the
# current directory. The kernel dies of the first warning; how QEMU ended is in the same
# file with .cpu behind it, for a triple fault leaves the kernel no words.
# VM_WORDS are more words for the kernel.
# The pipes are needed: QEMU truncates a file that is its standard output.
vm_run() { # kernel, seconds, console log, command
	local -a accel
	local words="loglevel=5 panic_on_warn=1 oops=panic panic=-1 ${VM_WORDS:-}"
	if [[ $1 = /* ]]; then
		vm_run_bare "$1" "$2" "$3" "$4" "$words"
		return
	fi
	mapfile -t accel < <(vm_accel)
	timeout --foreground -k 10 "$2" vng -r "/boot/vmlinuz-$1" --disable-microvm --force-9p --rw \
		--cpus "${VM_CPUS:-2}" --memory "${VM_MEM:-2G}" "${accel[@]}" --verbose \
		--qemu-opts="-d $VM_TRACE -D $3.cpu" \
		--append "$words" -- "$4" 2> >(cat > "$3") | cat
}

# The same for a kernel that was built in a directory, with 9p and all else built in,
# and is too slow for what virtme-ng starts: two minutes are not enough for udev there.
# The files are cached, for nobody else changes them while it runs: a program starts in
# a third of the time. The console and QEMU's own words are appended to the same file.
vm_run_bare() { # directory, seconds, console log, command, words for the kernel
	local command=${3%.log}.command
	printf '%s\n' "$4" > "$command"
	: > "$3"
	timeout --foreground -k 10 "$2" qemu-system-x86_64 -name vhost-xdp-debug -nodefaults -display none -no-reboot \
		-smp "${VM_CPUS:-2}" -m "${VM_MEM:-2G}" -cpu max -d $VM_TRACE -D "$3.cpu" \
		-fsdev local,id=root,path=/,security_model=none,multidevs=remap \
		-device virtio-9p-pci,fsdev=root,mount_tag=/dev/root -device virtio-rng-pci \
		-chardev "file,id=console,path=$3,append=on" -serial chardev:console -chardev file,id=out,path=/dev/stdout \
		-device virtio-serial-pci -device virtserialport,chardev=out -kernel "$1/arch/x86/boot/bzImage" \
		-append "console=ttyS0 root=/dev/root rootfstype=9p rootflags=version=9p2000.L,trans=virtio,access=any,msize=262144,cache=loose rw
			$5 VXDP_DIR=$PWD VXDP_COMMAND=$command VXDP_MODULES=$1/mods/lib/modules init=$PWD/selftests/lib/bare-init" 2>> "$3" | cat
}

KERNEL_WORDS='WARNING:|BUG:|Oops|Out of memory|Kernel panic|sysrq: '

# Why the VM ended: what its kernel said of it, the last of its console, for QEMU's own
# words are there, too, and what QEMU was asked for: 6 by the kernel (enum ShutdownCause),
# or to reset. Of a trace the frames that are sure and where it was, for
# who keeps only the end of what a run says has room for little more.
vm_last_words() { # console log
	tr -d '\r' < "$1" | sed -nE "/$KERNEL_WORDS/,\$p" |
		grep -vE '\] ( \? |(R([A-D]X|[SD]I|[BS]P|[0-9]{2}|IP: 0033)|FS|CS|DR[0-9]|PKRU):|Modules linked|---\[ cut)' |
		head -n "${2:-40}"
	echo "last on the console:"
	tr -d '\r' < "$1" | tail -n 8
	echo "last of QEMU:"
	grep -sE '^(Triple fault|(qemu_system|runstate|watchdog|tco|port92)_[a-z_]+ |pckbd_kbd_write_command 0xf)' "$1.cpu" | tail -n 6
}

# Did the emulated CPU take the VM away, and not its kernel, or whoever ended QEMU? A
# kernel that finds itself stopped for long says so, but goes on (softlockup_panic=0).
vm_lost() { # console log, exit status of vm_run
	[[ $2 = @(0|255) ]] && ! grep -E "$KERNEL_WORDS|terminating on signal" "$1" | grep -v 'soft lockup' > /dev/null &&
		! grep -qs '^qemu_system_shutdown_request reason=6' "$1.cpu"
}
