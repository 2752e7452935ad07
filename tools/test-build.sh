#!/usr/bin/env bash
# Runs tests on another build of the core, in a copy of the tree: the one in place stays as it is.
#
#   tools/test-build.sh KIND [PYTEST ARGUMENT...]
#
# KIND          debug         assertions on every invariant
#               asan          those, AddressSanitizer (also for leaks), UndefinedBehaviorSanitizer
#               tsan          ThreadSanitizer
#               freethreaded  a CPython without a GIL, made by build-freethreaded.sh if need be
#
# The copy is build/KIND and is brought up to date; docs/testing.md says more. debug, asan and tsan
# use the virtual environment of the tree.
set -euo pipefail
cd "$(dirname "$0")/.."

kind=${1:-}
[ $# -eq 0 ] || shift
root=$PWD copy=$PWD/build/$kind venv=$PWD/.venv interpreter=python3
preload=()

case $kind in
debug)
    export VELOCITY_DEBUG=1
    ;;
asan)
    export VELOCITY_DEBUG=1 VELOCITY_SANITIZE=address
    preload=(libasan.so libubsan.so)
    # From malloc, so that the sanitizer knows a freed object. SIGSEGV is left to itself: a test
    # wants it.
    export PYTHONMALLOC=malloc
    export ASAN_OPTIONS=detect_leaks=1:handle_segv=0
    export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
    export LSAN_OPTIONS=print_suppressions=0:suppressions=$root/tools/lsan.supp
    ;;
tsan)
    export VELOCITY_SANITIZE=thread
    preload=(libtsan.so)
    export TSAN_OPTIONS=halt_on_error=1:suppressions=$root/tools/tsan.supp
    ;;
freethreaded)
    venv=$copy/.venv interpreter=$root/build/cpython-freethreaded/bin/python3
    [ -x "$interpreter" ] || tools/build-freethreaded.sh build/cpython-freethreaded
    export PYTHON_GIL=0         # whatever a package of the tests would like
    export PIP_PREFER_BINARY=1  # some packages have wheels for it only of older versions
    ;;
*)
    sed -n '2,12s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac

# Files as they are now, with their times, so that only what has changed is built again.
mkdir -p "$copy"
find "$copy" \( -path "$copy/build" -o -path "$copy/.venv" \) -prune \
    -o -type f ! -name '*.so' -exec rm -f {} +
tar -cf - --exclude=./build --exclude=./dist --exclude='./.venv*' --exclude='./.*_cache' \
    --exclude=./.git --exclude='*.so' --exclude=__pycache__ . | tar -xf - -C "$copy"
make --no-print-directory -C "$copy" PYTHON="$interpreter" VENV="$venv" build "$venv/.test"

cd "$copy"
export PYTHONPATH=$copy
if [ ${#preload[@]} -gt 0 ]; then
    LD_PRELOAD=$(printf -- '-print-file-name=%s\n' "${preload[@]}" | xargs -n 1 "${CC:-cc}" | xargs)
    export LD_PRELOAD
fi
# --capture=sys: what a sanitizer or an assertion writes before it ends the process is shown.
exec "$venv/bin/python" -m pytest -p no:cacheprovider --capture=sys "$@"
