#!/usr/bin/env bash
# Builds a free-threaded CPython (--disable-gil), for the stress tests that only threads without a GIL can fail.
#
#   tools/build-freethreaded.sh DESTINATION [TARBALL]
#
# DESTINATION  where it is installed; its python is DESTINATION/bin/python3
# TARBALL      CPython source, .tar.xz or .tar.gz; without one, apt fetches Debian's source package
#
# Environment: PACKAGE (python3.13), SUITE (trixie), JOBS (all cores). The apt lists of the machine are
# left as they are: the source entry lives in a private directory beside the build. -O2 and no PGO: the
# tests want a correct interpreter soon, not a fast one late.
set -euo pipefail

usage() {
    sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

# Print the path of the upstream tarball of $PACKAGE, fetched into directory $1 and checked by apt.
fetch_source() {
    local work=$1 uri keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    uri=$(apt-get indextargets --format '$(REPO_URI)' \
        'Origin: Debian' 'Component: main' 'Identifier: Packages' | awk 'NR == 1')
    if [ -z "$uri" ]; then
        echo "build-freethreaded: apt knows no Debian archive; run 'apt-get update' or give a tarball" >&2
        return 1
    fi
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
    echo "deb-src [signed-by=$keyring] $uri $SUITE main" > "$work/source.list"
    local private=(
        -o Dir::Etc::sourcelist="$work/source.list" -o Dir::Etc::sourceparts=-
        -o Dir::State::lists="$work/lists" -o Dir::Cache="$work/cache" -o APT::Sandbox::User=root
    )
    (cd "$work" && apt-get "${private[@]}" -q update &&
        apt-get "${private[@]}" -q source --download-only "$PACKAGE") >&2
    ls "$work"/*.orig.tar.*z
}

[ $# -ge 1 ] && [ $# -le 2 ] || usage
case $1 in -*) usage ;; esac
PACKAGE=${PACKAGE:-python3.13}
SUITE=${SUITE:-trixie}
mkdir -p "$1"
destination=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

tarball=${2:-$(fetch_source "$work")}
mkdir "$work/source"
tar -xf "$tarball" -C "$work/source" --strip-components=1
cd "$work/source"

# Upstream's --with-ensurepip needs the bundled wheel, which some source packages leave out; a
# virtual environment made by the caller's pip works without it.
ensurepip=install
ls Lib/ensurepip/_bundled/pip-*.whl > /dev/null 2>&1 || ensurepip=no

./configure -q --prefix="$destination" --disable-gil --disable-test-modules \
    --with-ensurepip="$ensurepip" CFLAGS=-O2
make -s -j "${JOBS:-$(nproc)}"
PIP_ROOT_USER_ACTION=ignore make -s install > /dev/null
"$destination/bin/python3" - <<'PYTHON'
import sys
import sysconfig

if not sysconfig.get_config_var("Py_GIL_DISABLED") or sys._is_gil_enabled():
    sys.exit("build-freethreaded: the interpreter has a GIL")
print(f"{sys.executable}: {sys.version}")
PYTHON
