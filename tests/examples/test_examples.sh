#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# test_examples.sh CASE SOURCE_FOLDER EXAMPLES — one case of the examples' tests, in a folder of its
# own, which is also where temporary files go.  A case is a function; it fails with the first
# command that does, and is skipped with status 77.
set -euo pipefail

test_case=$1
sources=$2
examples=$3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir tmp
export TMPDIR=$folder/tmp

fail() {
    echo "$*" >&2
    exit 1
}

replay() { "$examples/replay_trace" "$@"; }

# Small caches, so that much comes from the file.
replay_small() { replay --memory-blocks 300 --disk-blocks 4000 --speed 0 --json "$@"; }

# expect RESULT CONDITION: a JSON object and a Python expression over its fields.
expect() {
    python3 - "$1" "$2" <<'PYTHON'
import json
import sys

result = json.load(open(sys.argv[1]))
if not eval(sys.argv[2], {}, result):
    sys.exit(f"not so: {sys.argv[2]}: {result}")
PYTHON
}

the_readme_shows_hello() {
    python3 - "$sources" <<'PYTHON'
import sys

readme = open(sys.argv[1] + "/README.md").read()
hello = open(sys.argv[1] + "/examples/hello.c").read()
sys.exit(0 if hello in readme else "README.md does not contain examples/hello.c")
PYTHON
}

hello_reads_a_file() {
    head -c 5000 /dev/urandom >file
    "$examples/hello" file >said
    grep -q '^loaded: 4096 bytes in ' said
    printf 'short' >file
    "$examples/hello" file >said
    grep -q '^loaded: 5 bytes in ' said
}

hello_says_what_is_wrong() {
    ! "$examples/hello" 2>said || fail "read no file"
    grep -q '^usage: .*hello FILE$' said || fail "$(cat said)"
    : >file
    ! "$examples/hello" file 2>said || fail "read an empty file"
    grep -q '^E_INVAL: .*the file is empty' said || fail "$(cat said)"
    ! "$examples/hello" missing 2>said || fail "read a missing file"
    grep -q '^missing: No such file or directory' said || fail "$(cat said)"
    ! "$examples/hello" /dev/null 2>said || fail "read a device"
    grep -q '^E_INVAL: ..*' said || fail "$(cat said)"
}

the_demo_says_how_it_is_used() {
    local status=0
    "$sources/tools/demo" --help >said
    grep -q '^usage: tools/demo$' said && grep -q BWRT_TRACE said && grep -q TMPDIR said ||
        fail "$(cat said)"
    "$sources/tools/demo" trace.jsonl >said 2>complaint || status=$?
    [ "$status" -eq 2 ] && [ ! -s said ] && grep -q '^usage: ' complaint || fail "status $status"
}

epoll_loop_reads_a_whole_file() {
    head -c 5000017 /dev/urandom >file
    "$examples/epoll_loop" file >said
    grep -q '^5000017 bytes in 20 waves, 8 at a time: ' said
    "$examples/epoll_loop" file 64 >said
    grep -q '^5000017 bytes in 20 waves, 64 at a time: ' said
    "$examples/epoll_loop" file 1 >said
    grep -q '^5000017 bytes in 20 waves, 1 at a time: ' said
}

kv_cache_finds_its_blocks_after_a_restart() {
    "$examples/kv_cache" cache >said
    printf '%s\n' 'life 1: found 0, loaded 0, computed 8, stored 8' \
        'life 2: found 8, loaded 8, computed 0, stored 0' | cmp - said
    "$examples/kv_cache" cache >said
    [ "$(grep -c ': found 8, loaded 8, computed 0, stored 0$' said)" -eq 2 ] || fail "$(cat said)"
    ! "$examples/kv_cache" 2>said || fail "needs no directory"
    grep -q '^usage: .*kv_cache DIRECTORY$' said || fail "$(cat said)"
    : >file
    ! "$examples/kv_cache" file 2>said || fail "a file is no directory"
    grep -q '^E_IO: store.directories: file' said || fail "$(cat said)"
}

# From the rotten block on; those behind it are there already, and stay as they are.
kv_cache_computes_what_does_not_verify() {
    "$examples/kv_cache" cache >said
    printf 'x' | dd of=cache/shards/0/segment.00000000 bs=1 seek=$((3 * 266240 + 100)) conv=notrunc status=none
    "$examples/kv_cache" cache >said 2>complaint
    printf '%s\n' 'life 1: found 8, loaded 3, computed 5, stored 5' \
        'life 2: found 8, loaded 8, computed 0, stored 0' | cmp - said
    [ "$(cat complaint)" = 'GET: E_CORRUPT' ] || fail "$(cat complaint)"
}

a_replay_finds_every_byte_right() {
    replay_small --generate 1 --deadline-ms 0 >result
    expect result 'wrong_bytes == 0 and failed_waves == 0 and late_waves == 0'
    expect result 'blocks_loaded > 1000 and blocks_from_memory > 1000 and load_waves > 100'
    expect result 'requests == requests_planned and not interrupted'
    replay --generate 1 --seconds 60 >said
    grep -q '^wrong bytes  *0$' said
}

a_replay_past_the_page_cache_finds_every_byte_right() {
    replay_small --generate 2 --deadline-ms 0 --direct >result
    expect result 'wrong_bytes == 0 and failed_waves == 0 and blocks_loaded > 1000'
}

# Prompts are longer than what fits: tails are not kept, and slots change hands all the time.
a_replay_in_too_little_memory_finds_every_byte_right() {
    replay --generate 3 --memory-blocks 40 --disk-blocks 70 --in-flight 8 --speed 0 --json >result
    expect result 'wrong_bytes == 0 and failed_waves == 0 and blocks_from_memory > 0'
    replay --generate 3 --memory-blocks 40 --disk-blocks 2000 --in-flight 8 --speed 0 --json >result
    expect result 'wrong_bytes == 0 and failed_waves == 0 and blocks_loaded > 0'
    replay --generate 3 --memory-blocks 1 --disk-blocks 1 --in-flight 1 --speed 0 --json >result
    expect result 'wrong_bytes == 0 and failed_waves == 0'
}

a_replay_finds_flipped_bits() {
    local status=0
    replay_small --generate 1 --deadline-ms 0 --damage 10 >result || status=$?
    [ "$status" -eq 1 ] || fail "status $status"
    # One bit a block, and a block found wrong is stored anew.
    expect result '0 < wrong_bytes <= blocks_damaged and failed_waves == 0'
}

# One request at a time and no deadline: then the counts are those of two plain LRU lists.
a_replay_loads_what_a_model_says() {
    local seed
    for seed in 1 2 3; do
        python3 "$sources/tests/examples/lru_model.py" make "$seed" >trace
        replay --memory-blocks 60 --disk-blocks 300 --in-flight 1 --deadline-ms 0 --speed 0 \
            --json trace >result
        python3 "$sources/tests/examples/lru_model.py" check 60 300 trace result
    done
}

# A microsecond is never enough: what would have been loaded is late and computed, and the replay is
# as right as ever.
a_replay_with_hopeless_deadlines_computes_instead() {
    replay_small --generate 1 --deadline-ms 0.001 >result
    expect result 'late_waves > 0 and wrong_bytes == 0 and failed_waves == 0'
    expect result 'requests == requests_planned'
}

a_replay_unpacks_zstd() {
    command -v zstd >/dev/null || exit 77
    python3 "$sources/tests/examples/lru_model.py" make 1 >trace
    zstd -q trace -o packed.zst
    replay --speed 0 --deadline-ms 0 --in-flight 1 --json trace >plain
    replay --speed 0 --deadline-ms 0 --in-flight 1 --json packed.zst >packed
    replay --speed 0 --deadline-ms 0 --in-flight 1 --json - <trace >standard_input
    local blocks
    blocks=$(python3 -c 'import json; print(json.load(open("plain"))["blocks_computed"])')
    expect packed "blocks_computed == $blocks > 0"
    expect standard_input "blocks_computed == $blocks"
    head -c 100 packed.zst >cut.zst
    ! replay cut.zst 2>said || fail "replayed half a file"
    grep -q 'zstd could not read it to its end' said || fail "$(cat said)"
}

a_replay_names_the_wrong_line() {
    printf '{"timestamp": 0, "hash_ids": [1]}\n{"timestamp": 1, "hash_ids": [-1]}\n' >trace
    ! replay trace 2>said || fail "took a negative id"
    grep -q '^trace:2: hash_ids' said || fail "$(cat said)"
    ! replay --speed fast trace 2>said || fail "took a speed that is no number"
    grep -q '^--speed fast is not a number' said || fail "$(cat said)"
}

an_interrupted_replay_says_what_it_measured() {
    timeout --preserve-status -s INT 4 \
        "$examples/replay_trace" --generate 1 --speed 1 --json >result
    expect result 'interrupted and 0 < requests < requests_planned and wrong_bytes == 0'
    [ -z "$(ls tmp)" ] || fail "left behind: $(ls tmp)"
}

a_replay_leaves_no_file_behind() {
    replay_small --generate 1 --seconds 30 >result
    [ -z "$(ls tmp)" ] || fail "left behind: $(ls tmp)"
    replay_small --generate 1 --seconds 30 --file kept >result
    [ "$(stat -c %s kept)" -eq $((4000 * 16384)) ] || fail "the named file has another length"
}

"$test_case"
