#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# worker.sh PROGRAM [WORDS]... - run a test program with the fast receive lane off,
# so that every frame is the worker's.
set -euo pipefail

echo N > /sys/module/vhost_xdp/parameters/fast_rx
exec "$@"
