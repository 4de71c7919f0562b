#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# fast.sh PROGRAM [WORDS]... - run a test program on the fast receive lane, which
# the module has off by default (fast_rx, see docs/design.md).
set -euo pipefail

echo Y > /sys/module/vhost_xdp/parameters/fast_rx
exec "$@"
