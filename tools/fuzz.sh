#!/usr/bin/env bash
# Fuzzes the decoders with libFuzzer, under AddressSanitizer and UndefinedBehaviorSanitizer.
#
#   tools/fuzz.sh [SECONDS [TARGET...]]
#
# SECONDS  for each target (60)
# TARGET   a file of tests/fuzz without its .c (all but canary)
#
# Environment: CLANG (clang), PYTHON (.venv/bin/python; `decode` has it inside), JOBS: targets at a
# time (1). First the canary must be found. Starts from tests/fuzz/corpus; what is new goes to
# build/fuzz/corpus, inputs that fail to build/fuzz/found. docs/testing.md says what to do with one.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-60}
shift $(($# > 0))
targets=("$@")
clang=${CLANG:-clang}
python=${PYTHON:-.venv/bin/python}
out=build/fuzz
flags=(-std=gnu11 -g -O1 -DVEL_DEBUG -fno-omit-frame-pointer -Wall -Wextra -Wno-unused-parameter
    -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -Ivelocity/_core)
core=(base xxh3 value value_check value_compare value_lookup value_merge value_key value_order names
    record fileio segment hint manifest checkpoint checkpoint_check path filter_build filter_match
    index_keys column group sort rfc3339 schema)
codec=(pynames pycodec pydecode pyshape pytime)

if ! command -v "$clang" > /dev/null; then
    echo "fuzz: clang is needed (Debian: clang and libclang-rt-dev); CLANG names another" >&2
    exit 1
fi
if [ ${#targets[@]} -eq 0 ]; then
    for file in tests/fuzz/*.c; do targets+=("$(basename "$file" .c)"); done
fi

# The directories and the library of the interpreter that `decode` embeds.
python_flags() {
    "$python" - "$1" <<'PYTHON'
import sys
import sysconfig

name = sysconfig.get_config_var
if sys.argv[1] == "compile":
    print(f"-I{sysconfig.get_path('include')}")
else:
    lib = name("LIBDIR")
    print(f"-L{lib} -Wl,-rpath,{lib} -lpython{name('LDVERSION')} {name('LIBS')}")
PYTHON
}

build() {
    local target=$1 name objects=() link=(-pthread)
    for name in "${core[@]}"; do objects+=("$out/core/$name.o"); done
    if [ "$target" = decode ]; then
        # shellcheck disable=SC2207
        local compile=($(python_flags compile))
        link+=($(python_flags link))
        for name in "${codec[@]}"; do
            "$clang" "${flags[@]}" "${compile[@]}" -c "velocity/_core/$name.c" \
                -o "$out/core/$name.o"
            objects+=("$out/core/$name.o")
        done
        flags+=("${compile[@]}")
    fi
    "$clang" "${flags[@]}" -c "tests/fuzz/$target.c" -o "$out/$target.o"
    "$clang" -fsanitize=fuzzer,address,undefined "$out/$target.o" "${objects[@]}" "${link[@]}" \
        -o "$out/$target"
}

run() {
    local target=$1 corpus=tests/fuzz/corpus/$1
    mkdir -p "$out/corpus/$target" "$out/found"
    "$out/$target" -max_total_time="$seconds" -max_len=2048 -timeout=20 -print_final_stats=1 \
        -artifact_prefix="$out/found/$target-" "$out/corpus/$target" "$corpus" \
        > "$out/$target.log" 2>&1
}

mkdir -p "$out/core"
for name in "${core[@]}"; do
    "$clang" "${flags[@]}" -c "velocity/_core/$name.c" -o "$out/core/$name.o"
done

build canary
if "$out/canary" -max_total_time=60 -artifact_prefix="$out/" > "$out/canary.log" 2>&1 ||
    ! grep -q heap-buffer-overflow "$out/canary.log"; then
    echo "fuzz: the canary's fault was not found: the fuzzer finds nothing ($out/canary.log)" >&2
    exit 1
fi

report() {
    if run "$1"; then
        grep 'stat::number_of_executed_units' "$out/$1.log" | sed "s/.*: */$1: inputs /"
    else
        tail -n 40 "$out/$1.log" >&2
        echo "fuzz: $1: a finding; $out/$1.log names the input" >&2
        return 1
    fi
}

pids=()
for target in "${targets[@]}"; do
    [ "$target" = canary ] && continue
    build "$target"
    while [ "$(jobs -rp | wc -l)" -ge "${JOBS:-1}" ]; do wait -n || true; done
    report "$target" &
    pids+=($!)
done
failed=0
for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
exit $failed
