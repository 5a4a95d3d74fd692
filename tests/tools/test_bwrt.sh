#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# test_bwrt.sh CASE BWRT DAMAGING_LIBRARY — one case of the bwrt command's tests, in a folder of its
# own.  A case is a function; it fails with the first command that does.
set -euo pipefail

test_case=$1
bwrt=$2
damaging_library=$3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

fail() {
    echo "$*" >&2
    exit 1
}

# refused STATUS WORDS COMMAND...: it ends with STATUS and says WORDS.
refused() {
    local expected=$1 words=$2 status=0
    shift 2
    "$@" >said 2>&1 || status=$?
    [ "$status" -eq "$expected" ] || fail "status $status, not $expected: $*: $(cat said)"
    grep -qF -- "$words" said || fail "does not say '$words': $(cat said)"
}

nothing_left_behind() {
    local left
    left=$(find . -name '.bwrt-copy-*' -o -name '.bwrt-bench-*')
    [ -z "$left" ] || fail "left behind: $left"
}

bytes() { head -c "$1" /dev/urandom >"$2"; }

copy_each_size() {
    local size
    for size in 0 1 4095 4096 4097 $((3 * 1024 * 1024 + 17)); do
        bytes "$size" source
        "$bwrt" copy "$@" source target
        cmp source target
    done
    nothing_left_behind
}

a_copy_equals_its_source_at_every_size() {
    copy_each_size
    copy_each_size --chunk 64k --depth 3
    copy_each_size --chunk 4096 --depth 1
}

a_direct_copy_equals_its_source() {
    copy_each_size --direct
    copy_each_size --direct --chunk 64k --depth 3
}

the_hash_is_xxh3_also_of_nothing() {
    printf '' >source
    "$bwrt" copy source target >said
    grep -q 'XXH3 2d06800538d394c2$' said || fail "$(cat said)"
    printf 'bwrt' >source
    "$bwrt" copy --json source target >said
    /usr/bin/python3 -c '
import json
import xxhash
assert json.load(open("said"))["xxh3"] == xxhash.xxh3_64_hexdigest(b"bwrt")
'
}

a_sparse_file_is_copied() {
    truncate -s 5M source
    printf 'end' >>source
    "$bwrt" copy source target
    cmp source target
}

an_existing_target_is_replaced_and_keeps_its_mode() {
    bytes 5000 source
    bytes 9000 target
    chmod 640 target
    "$bwrt" copy source target
    cmp source target
    [ "$(stat -c %a target)" = 640 ] || fail "mode $(stat -c %a target)"
    umask 027
    chmod 666 source
    "$bwrt" copy source fresh
    [ "$(stat -c %a fresh)" = 640 ] || fail "mode $(stat -c %a fresh)"
}

a_target_behind_a_link_is_replaced_and_the_link_stays() {
    bytes 5000 source
    mkdir elsewhere
    bytes 10 elsewhere/target
    ln -s elsewhere/target link
    "$bwrt" copy source link
    [ -L link ] || fail "the link is gone"
    cmp source elsewhere/target
}

a_missing_source_is_refused() {
    refused 1 'missing: No such file or directory' "$bwrt" copy missing target
    [ ! -e target ] || fail "a target appeared"
}

a_directory_is_refused_on_both_sides() {
    bytes 10 source
    mkdir inside
    refused 1 'inside: is a directory' "$bwrt" copy source inside
    refused 1 'inside: is a directory' "$bwrt" copy inside target
    refused 1 'none: No such file or directory' "$bwrt" copy source none/target
    refused 1 '/dev/null: is not a regular file' "$bwrt" copy source /dev/null
    nothing_left_behind
}

the_same_file_is_refused_under_every_name() {
    bytes 5000 source
    cp source before
    ln source hard
    ln -s source soft
    local name
    for name in source ./source hard soft; do
        refused 1 'are the same file' "$bwrt" copy source "$name"
    done
    cmp source before
}

a_file_without_a_length_is_refused() {
    refused 1 'does not say how long it is' "$bwrt" copy /proc/self/status target
    mkfifo pipe
    refused 1 'neither a regular file nor a block device' "$bwrt" copy pipe target
}

a_wrong_command_line_is_refused() {
    refused 2 'DST' "$bwrt" copy source
    refused 2 'subcommand' "$bwrt"
    refused 2 '--chunk' "$bwrt" copy --chunk 5000 source target
    refused 2 '--depth' "$bwrt" copy --depth 0 source target
    refused 0 'caps' "$bwrt" --help
    refused 2 "no command 'foo'; there are: caps, copy, bench, calibrate, plan, trace, replay, compare, tune, store" "$bwrt" foo
    refused 2 "no command 'foo'" "$bwrt" --json foo
    refused 2 "no command 'foo'; there are: io, overhead, ring" "$bwrt" bench foo
    refused 2 '--depht' "$bwrt" copy --depht 3 source target
}

# A limit on the size of files stands for a disk that is full.
a_full_disk_leaves_nothing_behind() {
    bytes 1000000 source
    printf 'as before' >target
    (
        ulimit -f 100
        refused 1 'target' "$bwrt" copy source target
    )
    [ "$(cat target)" = 'as before' ] || fail "the target changed"
    nothing_left_behind
}

# Small chunks one at a time take long enough for the signal; should the copy be quicker, it has
# to be whole.
an_interrupted_copy_leaves_nothing_behind() {
    local status=0 copy
    truncate -s 512M source
    "$bwrt" copy --chunk 4096 --depth 1 source target &
    copy=$!
    until compgen -G '.bwrt-copy-*' >/dev/null || ! kill -0 "$copy" 2>/dev/null; do
        sleep 0.01
    done
    kill -INT "$copy" || true
    wait "$copy" || status=$?
    case $status in
        130) [ ! -e target ] || fail "a target appeared" ;;
        0) cmp source target ;;
        *) fail "status $status" ;;
    esac
    nothing_left_behind
}

json_is_json_also_for_a_failure() {
    bytes 5000 source
    "$bwrt" copy --json source target | python3 -m json.tool >copied
    grep -q '"verified": true' copied
    grep -q '"bytes": 5000' copied
    "$bwrt" --json caps | python3 -m json.tool >found
    grep -q '"limits"' found
    ("$bwrt" copy --json missing target 2>/dev/null || true) | python3 -m json.tool >failed
    grep -q '"sentence": "missing: No such file or directory"' failed
}

caps_says_why_not() {
    "$bwrt" caps >said
    grep -q '^bwrt [0-9]' said
    grep -q '^wave_count_max  *1024$' said
    # What is not there has a reason beside it.
    ! grep -Eq '^[A-Za-z_ /]+ no *$' said || fail "$(cat said)"
}

the_version_is_that_of_caps() {
    "$bwrt" --version >said
    grep -Eqx 'bwrt [0-9]+\.[0-9]+\.[0-9]+, ABI [0-9]+\.[0-9]+' said || fail "$(cat said)"
    "$bwrt" caps | head -n 1 | cmp - said
    "$bwrt" --help | grep -qE -- '--version +Print the version'
    "$bwrt" --version --json | python3 -m json.tool >found
    grep -q "\"version\": \"$(sed 's/bwrt //; s/,.*//' said)\"" found || fail "$(cat found)"
}

a_copy_that_reads_back_wrong_is_refused() {
    bytes 100000 source
    printf 'as before' >target
    refused 1 'does not read back as it was written' \
        env LD_PRELOAD="$damaging_library" "$bwrt" copy source target
    [ "$(cat target)" = 'as before' ] || fail "the target changed"
    nothing_left_behind
}

# Long enough for every loop to be entered, too short for a figure.
short_io=(--bytes 32m --seconds 0.01 --sizes 4k,256k --depth 4)

bench_io_measures_and_leaves_nothing_behind() {
    local pages
    for pages in '' --caller-pages; do
        "$bwrt" bench io . "${short_io[@]}" $pages >said
        [ "$(grep -cE '^(read|write) ' said)" -eq 4 ] || fail "$(cat said)"
    done
    "$bwrt" bench io named "${short_io[@]}" --reads >said
    [ "$(grep -c '^read ' said)" -eq 2 ] || fail "$(cat said)"
    ! grep -q '^write ' said || fail "$(cat said)"
    [ ! -e named ] || fail "the file is still there"
    nothing_left_behind
}

bench_io_speaks_json() {
    "$bwrt" bench io . "${short_io[@]}" --writes --json >said
    python3 -c '
import json
said = json.load(open("said"))
assert said["file_bytes"] == 32 << 20 and said["depth"] == 4 and said["memory"] == "own"
assert [one["block_bytes"] for one in said["results"]] == [4096, 256 << 10]
for one in said["results"]:
    assert one["direction"] == "write"
    assert one["gb_per_s"] > 0 and one["cpu_ms_per_gb"] >= 0
    assert 0 < one["latency_p50_us"] <= one["latency_p99_us"]
'
}

bench_io_refuses_an_existing_file() {
    printf 'as before' >mine
    refused 1 'File exists' "$bwrt" bench io mine "${short_io[@]}"
    [ "$(cat mine)" = 'as before' ] || fail "the file changed"
    refused 1 'No such file or directory' "$bwrt" bench io none/file "${short_io[@]}"
}

a_wrong_bench_command_line_is_refused() {
    refused 2 'subcommand' "$bwrt" bench
    refused 2 'PLACE' "$bwrt" bench io
    refused 2 '--sizes' "$bwrt" bench io . --sizes 5000
    refused 2 '--bytes' "$bwrt" bench io . --bytes 5000
    refused 2 '--bytes is less' "$bwrt" bench io . --bytes 1m --sizes 64k --depth 17
    refused 2 'memory' "$bwrt" bench io . --bytes 100g --sizes 1g --depth 32
    refused 2 '--reads' "$bwrt" bench io . --reads --writes
    nothing_left_behind
}

# A limit on the size of files stands for a disk that is full.
a_bench_without_space_leaves_nothing_behind() {
    (
        ulimit -f 100
        refused 1 'File too large' "$bwrt" bench io . "${short_io[@]}"
    )
    nothing_left_behind
}

an_interrupted_bench_leaves_nothing_behind() {
    local status=0 bench
    "$bwrt" bench io . --bytes 32m --seconds 60 --sizes 64k >said &
    bench=$!
    until [ -s said ] || compgen -G '.bwrt-bench-*' >/dev/null; do
        kill -0 "$bench" || fail "it ended by itself"
        sleep 0.01
    done
    kill -INT "$bench"
    wait "$bench" || status=$?
    [ "$status" -eq 130 ] || fail "status $status"
    nothing_left_behind
}

bench_ring_and_overhead_speak_json() {
    "$bwrt" bench ring --rounds 1 --commands 1000 --json | python3 -m json.tool >said
    grep -q '"producers_4_ns"' said
    "$bwrt" bench overhead . --rounds 1 --waves 200 --json | python3 -m json.tool >said
    grep -q '"read_merged_cpu_ns"' said
    nothing_left_behind
}

# One wave after the other, so that no block is written again, and rightly, after the damage.
a_bench_of_wrong_bytes_fails() {
    refused 1 'wrong bytes' env LD_PRELOAD="$damaging_library" \
        "$bwrt" bench io . --bytes 256m --sizes 1m --depth 1 --seconds 0.001 --writes
    nothing_left_behind
}

"$test_case"
