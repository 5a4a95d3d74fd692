#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# check_abi.sh [--renew] BUILD_DIR_OR_LIBRARY [GOLDEN [HEADERS]] — the built library, as its debug
# information tells it, against the one that was released.
#
# The golden file (tests/abi/golden/libbwrt.abi.xml) is what abidw read from the library of the last
# minor version: functions with their types, structs with their fields.  New functions pass, and so
# do new fields behind the last one of a struct that may grow; every other difference fails.
# docs/abi.md says what may grow; what this cannot see (constants) tests/abi/test_layout.c does.
#
# abidiff's own licence to grow is not used: it forgives a struct whatever else happened to it once
# something was appended.  Instead the new fields are cut off, and what remains has to be equal.
#
# --renew writes the golden file: for a release with a new minor version, in the commit that raises
# BWRT_ABI_VERSION, and never to make a failure go away.
#
# Prints one line "ok", "not ok" or "skip" for each check; the status is 0 when none failed.
set -uo pipefail
export LC_ALL=C

renew=
if [ "${1:-}" = --renew ]; then
    renew=1
    shift
fi
if [ $# -lt 1 ]; then
    echo "usage: check_abi.sh [--renew] BUILD_DIR_OR_LIBRARY [GOLDEN [HEADERS]]" >&2
    exit 2
fi
root=$(dirname "${BASH_SOURCE[0]}")/..
library=$1
[ -d "$library" ] && library=$library/libbwrt.so
golden=${2:-$root/tests/abi/golden/libbwrt.abi.xml}
headers=${3:-$root/include}
what="the library's types and functions are those of the release, or grew as they may"

skip() {
    echo "skip $what: $1"
    exit 0
}
command -v abidw >/dev/null && command -v abidiff >/dev/null ||
    skip "no abidiff here (Debian: abigail-tools)"
command -v python3 >/dev/null || skip "no python3 here"
[ "$(uname -m)" = x86_64 ] || skip "the golden file is of x86_64, this is $(uname -m)"
[ -r "$library" ] || { echo "not ok $library can be read"; exit 1; }

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# read_library OUT: public types only, and nothing that tells where it was built.
read_library() {
    abidw --headers-dir "$headers" --drop-private-types --exported-interfaces-only \
        --no-architecture --no-corpus-path --no-comp-dir-path --no-show-locs --no-elf-needed \
        --no-parameter-names --type-id-style hash --out-file "$folder/read.xml" "$library" &&
        sed -E "s| path='[^']*/([^/']*)'| path='\1'|" "$folder/read.xml" >"$1"
}

# cut_growth NEW RELEASED OUT: NEW without what was appended to structs that may grow: those whose
# first field is struct_size, and elements of arrays that carry their size beside their count.
cut_growth() {
    python3 - "$@" <<'PYTHON'
import sys
import xml.etree.ElementTree as xml

ELEMENTS = {"bwrt_plane", "bwrt_operation", "bwrt_result", "bwrt_group_result", "bwrt_media_item",
            "bwrt_route", "bwrt_request", "bwrt_tier_budget", "bwrt_tier_route", "bwrt_bus",
            "bwrt_tenant_credit", "bwrt_decision", "bwrt_transfer"}


def structs(tree):
    return {node.get("name"): node for node in tree.iter("class-decl") if node.get("size-in-bits")}


def fields(struct):
    return struct.findall("data-member")


new, released = xml.parse(sys.argv[1]), xml.parse(sys.argv[2])
after = structs(new)
for name, before in structs(released).items():
    starts_with_size = [f.find("var-decl").get("name") for f in fields(before)][:1] == ["struct_size"]
    if name not in after or not (starts_with_size or name in ELEMENTS):
        continue
    released_bits = int(before.get("size-in-bits"))
    if int(after[name].get("size-in-bits")) <= released_bits:
        continue
    for field in fields(after[name]):
        if int(field.get("layout-offset-in-bits")) >= released_bits:
            print("grown:", name, field.find("var-decl").get("name"))
            after[name].remove(field)
    after[name].set("size-in-bits", str(released_bits))
new.write(sys.argv[3])
PYTHON
}

if ! said=$(read_library "$folder/new.xml" 2>&1); then
    printf 'not ok abidw reads the library\n%s\n' "$said"
    exit 1
fi
if ! grep -q "class-decl name='bwrt_config' size-in-bits" "$folder/new.xml"; then
    echo "not ok the library has debug information"
    exit 1
fi
if [ -n "$renew" ]; then
    cp "$folder/new.xml" "$golden" && echo "ok $golden renewed"
    exit
fi
if ! said=$(cut_growth "$folder/new.xml" "$golden" "$folder/cut.xml" 2>&1); then
    printf 'not ok the golden file can be compared\n%s\n' "$said"
    exit 1
fi
grown=$said
if said=$(abidiff --no-added-syms "$golden" "$folder/cut.xml" 2>&1); then
    echo "ok $what"
    printf '%s' "${grown:+$grown$'\n'}"
else
    echo "not ok $what"
    printf '%s\n' "$said" | sed 's/^/    /'
    exit 1
fi
