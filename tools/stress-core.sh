#!/usr/bin/env bash
# Threads in the engine without Python, under ThreadSanitizer: tests/stress/core_*.c.
#
#   tools/stress-core.sh [ROUNDS]
#
# ROUNDS  operations of each thread in each storage mode (3000)
#
# Environment: CC (gcc). First a build with a race in it must be reported, or nothing would be.
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=${1:-3000}
out=build/stress-core
mkdir -p "$out"
data=$(mktemp -d -p "$([ -w /dev/shm ] && echo /dev/shm || echo "$out")")
trap 'rm -rf "$data"' EXIT

# -Wno-tsan: gcc warns at each fence that ThreadSanitizer does not model it.
build() {
    "${CC:-gcc}" -std=gnu11 -O1 -g -fsanitize=thread -fno-omit-frame-pointer -Wall -Wextra \
        -Wno-unused-parameter -Wno-tsan -DVEL_DEBUG -DVEL_FREE_THREADED=1 "${@:2}" \
        -Ivelocity/_core tests/stress/core_*.c $(find velocity/_core -name '*.c' ! -name 'py*') \
        -o "$out/$1" -pthread
}

build canary -DCANARY
if "$out/canary" "$data/canary" 300 > "$out/canary.log" 2>&1 ||
    ! grep -q 'data race' "$out/canary.log"; then
    echo "stress-core: the canary's race was not reported ($out/canary.log)" >&2
    exit 1
fi
build core_threads
TSAN_OPTIONS=halt_on_error=1 "$out/core_threads" "$data" "$rounds"
