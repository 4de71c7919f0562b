# SPDX-License-Identifier: GPL-2.0
#
# vhost-xdp: the module, the XDP programs, the tool, and what shows that they work.
#
# Words to set on the command line:
#   KVER=6.12.x+deb1y-amd64   kernel to build for and to boot (the newest 6.12 with headers)
#   PREFIX=/usr/local         where `install` puts the tool and its man page
#   DESTDIR=                  root of the installation, for packagers
#   T=PATTERN                 the checks run only the tests whose path matches
#   DEMO=keep                 `demo` leaves a shell in its VM, the guest still running
#   QUICK=1                   `bench` runs the loads that matter most, in a few minutes
#   PROFILE=1                 `bench` shows instead where our instructions go, by function
#   COUNT=1                   `bench` counts first what instructions hide: atomics, allocations, copies
#   TIME=600                  `fuzz` gives each fuzzer so many seconds (60)
#   V=1                       show the commands

PREFIX	?= /usr/local
DEPS	:= selftests/setup/deps.sh
# Late, because `make deps` may be what installs the kernel.
KVER	?= $(shell $(DEPS) --kernel)
MODDIR	 = $(DESTDIR)/lib/modules/$(KVER)/extra
SBINDIR	 = $(DESTDIR)$(PREFIX)/sbin
MAN8DIR	 = $(DESTDIR)$(PREFIX)/share/man/man8
COMPDIR	 = $(DESTDIR)$(PREFIX)/share/bash-completion/completions

export V
MAKEFLAGS += --no-print-directory

.PHONY: all help deps kmod bpf user tests man check check-host check-vm check-long check-poison check-newer debug-kernel check-debug check-debug-long fuzz demo bench
.PHONY: bench-native bench-reference install uninstall clean
.DEFAULT_GOAL := all

all: kmod bpf user			## the module, the XDP programs and the tool (the default)

help:					## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | \
		while IFS='	' read -r t d; do printf '  %-12s %s\n' "$$t" "$$d"; done
	@sed -n '/^# Words/,/^$$/s/^# \{0,1\}/  /p' $(firstword $(MAKEFILE_LIST))

deps:					## install what building and testing need (Debian 12 or 13, root)
	@$(DEPS)

kmod:					## kmod/vhost_xdp.ko, for kernel KVER
	@$(MAKE) -C kmod KVER=$(KVER)

bpf:					## the XDP programs and their skeletons
	@$(MAKE) -C bpf KVER=$(KVER)

user: bpf				## user/vhost-xdp, the tool
	@$(MAKE) -C user KVER=$(KVER)

tests: all				## the test programs and the guest of the VM tests
	@for m in $(wildcard selftests/*/Makefile); do \
		$(MAKE) -C $${m%/Makefile} KVER=$(KVER) || exit 1; done
	@selftests/vm/guest-build $(KVER)

man:					## docs/vhost-xdp.8 from its Markdown
	@$(MAKE) -C user man

check: deps				## everything: install, build with -Werror, run all tests (KTAP)
	@$(MAKE) all tests
	@selftests/run $(if $(T),'$(T)')

check-host: all tests			## only the tests that need no VM
	@selftests/run --host-only $(if $(T),'$(T)')

check-vm: all tests			## only the tests that run in the VM
	@selftests/run --vm-only $(if $(T),'$(T)')

fuzz: deps				## fuzzers of the datapath core, TIME seconds each (KTAP)
	@$(MAKE) -s -C selftests/fuzz fuzzers
	@selftests/fuzz/run $(if $(TIME),--seconds $(TIME)) $(T)

debug-kernel: deps			## a kernel with KASAN, lockdep, kmemleak... in ~/.cache (half an hour, once)
	@selftests/setup/debug-kernel

check-poison: all tests			## the tests that run in the VM, freed memory poisoned (no other kernel needed)
	@selftests/run --poison $(if $(T),'$(T)')

check-long:				## tests that take longer: 20 migrations, DPDK, thousands of sequences (an hour and more)
	@$(DEPS) --bench
	@$(MAKE) all tests
	@TESTS_LIST=selftests/long.list selftests/run --vm-only $(if $(T),'$(T)')

check-newer:				## the tests that run in the VM, on Debian's newest kernel (see docs/testing.md)
	@selftests/setup/newer-kernel
	@selftests/setup/newer-kernel --run '$(T)'

check-debug-long:			## those of check-long, on the kernel of check-debug (T=fuzz: a thousand seconds)
	@$(DEPS) --bench
	@TESTS_LIST=selftests/long.list $(MAKE) check-debug

check-debug: debug-kernel		## the tests that run in the VM, on that kernel
	@$(MAKE) all tests
	@selftests/setup/debug-kernel --module
	@selftests/run --debug $(if $(T),'$(T)')

demo: deps				## the main job, end to end, in a VM: a guest on the wire
	@$(MAKE) all
	@DEMO=$(DEMO) KVER=$(KVER) selftests/demo/demo

bench:					## instructions a packet, beside vhost_net with a tap (see docs/performance.md)
	@$(DEPS) --bench
	@$(MAKE) all
	@$(MAKE) -C selftests/bench KVER=$(KVER)
ifdef PROFILE
	@KVER=$(KVER) selftests/bench/run profile
	@cat build/bench/profile.txt
else
ifdef COUNT
	@KVER=$(KVER) selftests/bench/run count --quick --rounds 2
endif
	@selftests/bench/native/run
	@KVER=$(KVER) selftests/bench/run $(if $(QUICK),--quick)
	@selftests/bench/report build/bench
endif

bench-native:				## nanoseconds a frame of the core, beside DPDK's vhost library
	@$(DEPS) --bench
	@selftests/bench/native/run

bench-reference: all			## measure anew what `check` holds the costs against
	@$(MAKE) -C selftests/bench KVER=$(KVER)
	@KVER=$(KVER) selftests/bench/check --commit

install: all man			## module, tool and man page below DESTDIR and PREFIX
	install -D -m 644 kmod/vhost_xdp.ko $(MODDIR)/vhost_xdp.ko
	$(if $(DESTDIR),,depmod $(KVER))
	install -D -m 755 user/vhost-xdp $(SBINDIR)/vhost-xdp
	install -D -m 644 docs/vhost-xdp.8 $(MAN8DIR)/vhost-xdp.8

uninstall:				## take out again what install put there
	rm -f $(MODDIR)/vhost_xdp.ko $(SBINDIR)/vhost-xdp $(MAN8DIR)/vhost-xdp.8
	$(if $(DESTDIR),,depmod $(KVER))

clean:					## what was built
	@for d in kmod bpf user $(wildcard selftests/*/Makefile); do \
		d=$${d%/Makefile}; [ ! -e $$d/Makefile ] || $(MAKE) -C $$d clean KVER=$(KVER); done
	@rm -rf build
