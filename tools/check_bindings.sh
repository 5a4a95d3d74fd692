#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# check_bindings.sh BUILD_DIR — the examples of the Rust and the Go binding are built against the
# library in BUILD_DIR and copy files as the C interface promises: whole, or with the sentence that
# says why not.  What Rust declares by hand is compared with what the C compiler makes of the
# header; Go includes it.  Both are built from copies, with nothing from a network.
#
# Prints one line "ok", "not ok" or "skip" for each check; the status is 0 when none failed.
set -uo pipefail
export LC_ALL=C

if [ $# -ne 1 ]; then
    echo "usage: check_bindings.sh BUILD_DIR" >&2
    exit 2
fi
root=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")
build=$(realpath "$1")
[ -r "$build/libbwrt.so" ] || { echo "not ok $build/libbwrt.so can be read"; exit 1; }
world=$(mktemp -d)
trap 'chmod -R u+w "$world"; rm -rf "$world"' EXIT
export LD_LIBRARY_PATH=$build${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
failed=0

# check WHAT COMMAND...
check() {
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

# The copy example, whatever it is written in.

copies() { # COPY BYTES
    local said
    head -c "$2" /dev/urandom >"$world/source"
    said=$("$1" "$world/source" "$world/target") || return
    printf '%s\n' "$said"
    cmp "$world/source" "$world/target" || return
    [ "$2" -eq 0 ] && return
    grep -q "^read: $2 bytes in " <<<"$said" && grep -q "^written: $2 bytes in " <<<"$said"
}

refuses() { # PATTERN COMMAND...: fails with status 1 and says PATTERN
    local pattern=$1 said
    shift
    said=$("$@" 2>&1)
    [ $? -eq 1 ] && grep -qE "$pattern" <<<"$said" && return
    printf '%s\n' "no '$pattern' with status 1 in:" "$said"
    return 1
}

# A limit on the size of files stands for a disk that is full.
on_a_full_disk() { (ulimit -f 100 && exec "$@"); }

check_copy() { # LANGUAGE COPY
    local size
    for size in 0 1 1048576 9000017; do
        check "the $1 example copies $size bytes and tells what the counters say" copies "$2" "$size"
    done
    check "the $1 example says why a folder is refused" \
        refuses '^E_INVAL: .*neither a regular file nor' "$2" "$world" "$world/target"
    check "the $1 example says how a wave ended that met a full disk" \
        refuses '^a wave ended with E_NOSPC' on_a_full_disk "$2" "$world/source" "$world/target"
}

build_rust() {
    cp -r "$root/bindings/rust" "$world/rust" &&
        BWRT_LIB_DIR=$build CARGO_TARGET_DIR=$world/rust-target CARGO_NET_OFFLINE=true \
            RUSTFLAGS='-D warnings' cargo build --manifest-path "$world/rust/Cargo.toml" --examples
}

rust_declares_the_header() {
    cc -I"$root" -I"$root/include" "$root/bindings/abi_layout.c" -o "$world/abi_layout" &&
        "$world/abi_layout" >"$world/c.json" && "$rust/layout" >"$world/rust.json" &&
        python3 - "$world/c.json" "$world/rust.json" "$root/tests/abi/symbols.txt" <<'PYTHON'
import json
import sys


def flat(value, name):
    if isinstance(value, dict):
        return {k: v for key in value for k, v in flat(value[key], f"{name}.{key}").items()}
    return {name: value}


c, rust = (json.load(open(path)) for path in sys.argv[1:3])
lines = [line.strip() for line in open(sys.argv[3])]
c["functions"] = {line.split("@")[0]: 1 for line in lines if line and not line.startswith("#")}
rust["functions"] = {name: 1 for name in rust["functions"]}
c, rust = flat(c, "header"), flat(rust, "header")
for name in sorted(c.keys() | rust.keys()):
    if c.get(name) != rust.get(name):
        print(f"{name}: {c.get(name)} in C, {rust.get(name)} in Rust")
sys.exit(c != rust)
PYTHON
}

build_go() {
    cp -r "$root/bindings/go" "$world/go" && cd "$world/go" &&
        GOCACHE=$world/go-cache GOPATH=$world/go-path GOPROXY=off GOFLAGS=-mod=mod CGO_ENABLED=1 \
            CGO_CFLAGS="-I$root/include" CGO_LDFLAGS="-L$build" go build -o "$world/go-copy" ./copy
}

rust=$world/rust-target/debug/examples
if ! command -v cargo >/dev/null || ! command -v rustc >/dev/null; then
    echo "skip the Rust binding: no cargo and rustc here"
elif check "the Rust binding builds, without another crate and without a warning" build_rust; then
    if command -v python3 >/dev/null; then
        check "the Rust binding declares what bwrt.h does" rust_declares_the_header
    else
        echo "skip the Rust binding declares what bwrt.h does: no python3 here"
    fi
    check_copy Rust "$rust/copy"
fi
if ! command -v go >/dev/null; then
    echo "skip the Go binding: no go here"
elif check "the Go binding builds" build_go; then
    check_copy Go "$world/go-copy"
fi
exit "$failed"
