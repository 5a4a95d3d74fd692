#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# test_check_abi.sh CXX — what tools/check_abi.sh lets pass and what it stops.  The golden file is
# the real one; the library compared with it has no code, only the header's functions with empty
# bodies, and each case edits its own copy of that header in one place.
set -uo pipefail

cxx=${1:-g++}
root=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")
for tool in "$cxx" abidw abidiff python3; do command -v "$tool" >/dev/null || exit 77; done
[ "$(uname -m)" = x86_64 ] || exit 77
world=$(mktemp -d)
trap 'rm -rf "$world"' EXIT
cd "$world" || exit 1
failed=0
verdicts=(ok 'not ok')

# build EDIT...: the library of a header that went through sed -E with each EDIT.
build() {
    local edits=(-e '') edit
    for edit in "$@"; do edits+=(-e "$edit"); done
    sed -E "${edits[@]}" "$root/include/bwrt.h" >bwrt.h || return
    if [ $# -gt 0 ] && cmp -s "$root/include/bwrt.h" bwrt.h; then
        echo "the edit changed nothing: $*"
        return 1
    fi
    python3 - >stub.cpp <<'PYTHON'
import re

header = re.sub(r"/\*.*?\*/", "", open("bwrt.h").read(), flags=re.S)
print('#include "bwrt.h"')
for declaration in re.findall(r"BWRT_API ([^;]*\));", header):
    print(declaration, "{ return 0; }")
PYTHON
    sed -E 's/^( *)bwrt_wait;/&\n\1bwrt_added;/' "$root/runtime/bwrt.map" >stub.map
    "$cxx" -std=c++20 -g -w -fPIC -shared -I. stub.cpp -o libbwrt.so \
        -Wl,--version-script=stub.map -Wl,-soname,libbwrt.so.0
}

check_abi() {
    "$root/tools/check_abi.sh" "$world" "$root/tests/abi/golden/libbwrt.abi.xml" "$world" 2>&1
}

# expect STATUS WHAT EDIT...
expect() {
    local status=$1 what=$2 said
    shift 2
    if ! said=$(build "$@" 2>&1); then
        printf 'not ok built: %s\n%s\n' "$what" "$said"
        failed=1
        return
    fi
    said=$(check_abi)
    if [ $? -eq "$status" ] && grep -q "^${verdicts[status]} the library's types" <<<"$said"; then
        echo "ok $what"
    else
        printf 'not ok %s\n%s\n' "$what" "$said"
        failed=1
    fi
}

if grep -nE "['/](home|root|tmp|work|usr|src)/|='/" "$root/tests/abi/golden/libbwrt.abi.xml"; then
    echo "not ok the golden file names no place of a machine"
    failed=1
else
    echo "ok the golden file names no place of a machine"
fi

append() { printf 's/^\\} %s;/    uint64_t added_later;\\n&/' "$1"; }

expect 0 "the header as it is passes"
expect 0 "a field at the end of bwrt_config passes" "$(append bwrt_config)"
expect 0 "a field at the end of bwrt_caps passes" "$(append bwrt_caps)"
expect 0 "a field at the end of an element passes" "$(append bwrt_operation)"
expect 0 "a new function passes" 's/^BWRT_API bwrt_status bwrt_wait\(/BWRT_API int32_t bwrt_added(void);\n&/'
expect 0 "another parameter name passes" 's/(bwrt_abi_version|bwrt_status_name)\(bwrt_status status\)/\1(bwrt_status code)/'
expect 1 "a field at the end of bwrt_error is stopped" "$(append bwrt_error)"
expect 1 "a field at the end of bwrt_completion is stopped" "$(append bwrt_completion)"
expect 1 "a field at the front is stopped" 's/^    uint32_t progress; /    uint32_t added_first;\n&/'
expect 1 "two fields that changed places are stopped" \
    's/^(    uint32_t )queue_depth;/\1placeholder;/' 's/^(    uint32_t )io_bytes_max;/\1queue_depth;/' \
    's/^(    uint32_t )placeholder;/\1io_bytes_max;/'
expect 1 "so are they when a field was appended too" "$(append bwrt_config)" \
    's/^(    uint32_t )queue_depth;/\1placeholder;/' 's/^(    uint32_t )io_bytes_max;/\1queue_depth;/' \
    's/^(    uint32_t )placeholder;/\1io_bytes_max;/'
expect 1 "a field of another type is stopped" 's/^    uint64_t length_bytes; \/\* FILE/    int64_t length_bytes; \/* FILE/'
expect 1 "a removed field is stopped" '/^    uint64_t resubmit_count;/d'
expect 1 "a removed function is stopped" '/^BWRT_API bwrt_status bwrt_cancel\(/d'
expect 1 "a parameter of another type is stopped" 's/bwrt_handle handle, bwrt_error/uint32_t handle, bwrt_error/'
expect 1 "another result is stopped" 's/^BWRT_API uint32_t bwrt_abi_version/BWRT_API uint64_t bwrt_abi_version/'
exit "$failed"
