#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# check_wheel.sh BUILD_DIR — the wheel of a Release build works where it was not built: in a fresh
# virtual environment, installed without an index, with no library of ours to be found elsewhere.
#
# Prints one line "ok", "not ok" or "skip" for each check; the status is 0 when none failed.
set -uo pipefail
export LC_ALL=C

if [ $# -ne 1 ]; then
    echo "usage: check_wheel.sh BUILD_DIR" >&2
    exit 2
fi
root=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")
build=$(realpath "$1")
world=$(mktemp -d)
trap 'rm -rf "$world"' EXIT
cd "$world" || exit 2
unset BWRT_LIBRARY PYTHONPATH LD_LIBRARY_PATH
failed=0

check() { # WHAT COMMAND...
    local what=$1 said
    shift
    if said=$("$@" 2>&1 </dev/null); then
        echo "ok $what"
    else
        echo "not ok $what"
        printf '%s\n' "$said" | tail -n 40 | sed 's/^/    /'
        failed=1
        return 1
    fi
}

build_the_wheel() { "$root/tools/wheel" "$build" "$world/wheel"; }

same_sources_give_the_same_wheel() {
    "$root/tools/wheel" "$build" "$world/again" && cmp "$wheel" again/*.whl
}

names_no_place() { # nothing in it tells where it was built
    mkdir unpacked && "$python" -m zipfile -e "$wheel" unpacked || return
    ! grep -rlF -e "$root" -e "$build" unpacked
}

install() { venv/bin/python -m pip install --no-index --disable-pip-version-check "$wheel"; }

loads_its_own_library() {
    venv/bin/python - <<'PYTHON'
import pathlib, sys
import bwrt
maps = pathlib.Path("/proc/self/maps").read_text()
loaded = {line.split()[-1] for line in maps.splitlines() if "libbwrt" in line}
sys.exit(0 if loaded == {str(pathlib.Path(bwrt.__file__).with_name("lib") / "libbwrt.so.0")}
         else f"loaded: {loaded}")
PYTHON
}

reads_a_file() {
    head -c 5000 /dev/zero | tr '\0' 'b' >file
    venv/bin/python "$root/examples/hello.py" file >said &&
        grep -qE "^loaded: 4096 bytes in [0-9]+ us: b'b{24}'$" said &&
        grep -qx 'waves: 1 of 1 ended well' said || { cat said; return 1; }
}

needs_nothing_else() { # no module beside the standard library
    venv/bin/python -c '
import sys
import bwrt
others = {name for name in ("numpy", "torch", "cupy") if name in sys.modules}
sys.exit(f"imported: {others}" if others else 0)'
}

installs_from_the_source_folder() { # without the library, which BWRT_LIBRARY then names
    "$python" -m venv bare && cp -r "$root/bindings/python" source &&
        bare/bin/python -m pip install --no-index --disable-pip-version-check ./source || return
    ! bare/bin/python -c 'import bwrt' 2>said || return
    grep -q 'set BWRT_LIBRARY to its path' said || { cat said; return 1; }
    BWRT_LIBRARY=$build/libbwrt.so.0 bare/bin/python "$root/examples/hello.py" file
}

python=/usr/bin/python3
[ -x "$python" ] || python=$(command -v python3) || { echo "skip the wheel: no python3"; exit 0; }
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    echo "skip the wheel: python3-venv is not installed"
    exit 0
fi
check "the wheel is built" build_the_wheel || exit 1
wheel=$(ls wheel/bwrt-*.whl)
check "the same sources give the same wheel" same_sources_give_the_same_wheel
check "the wheel tells no place it was built in" names_no_place
check "a fresh environment is made" "$python" -m venv venv || exit 1
check "it installs without an index" install || exit 1
check "it loads the library inside it" loads_its_own_library
check "it needs no other module" needs_nothing_else
check "examples/hello.py reads a file" reads_a_file
if ldconfig -p | grep -q 'libbwrt\.so'; then
    echo "skip the source folder: a libbwrt.so of the system would be found"
else
    check "the source folder installs, and asks for the library" installs_from_the_source_folder
fi
exit "$failed"
