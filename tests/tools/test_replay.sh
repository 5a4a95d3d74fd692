#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# test_replay.sh CASE BWRT FAULTS — one case of the tests of `bwrt replay`, in a folder of its own.
# FAULTS is the folder of the fault-injecting library.  A case is a function; it fails with the first
# command that does.
#
# The way of a request is tested in test_replay.cpp.  Here real blocks go through a real runtime.
set -euo pipefail

test_case=$1
bwrt=$2
faults=$3
tests=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir place

fail() {
    echo "$*" >&2
    exit 1
}

# refused WORDS COMMAND...: it ends with status 2, says WORDS and leaves nothing.
refused() {
    local words=$1 status=0
    shift
    "$@" >said 2>&1 || status=$?
    [ "$status" -eq 2 ] || fail "status $status, not 2: $*: $(cat said)"
    grep -qF -- "$words" said || fail "does not say '$words': $(cat said)"
    is_empty
}

is_empty() { [ -z "$(ls place)" ] || fail "left behind: $(ls -R place)"; }

# replay OPTIONS...: as fast as it goes, in blocks of 16 KiB; what it says is JSON in `said`.
replay() { replay_at 0 "$@"; }
replay_at() { "$bwrt" --json replay --folder place --block-bytes 16k --speed "$@" >said; }

# holds CONDITION: a Python expression over what was said.
holds() {
    python3 - "$1" <<'PYTHON'
import json
import sys

it = json.load(open("said"))
if not eval(f"({sys.argv[1]})", {"it": it}):
    sys.exit(f"not so: {sys.argv[1]}: {it}")
PYTHON
}

every_kind_of_trace_is_replayed_and_every_block_is_right() {
    local kind
    for kind in chat agent rollout eval tenants; do
        replay --generate "$kind" --seconds 20
        holds 'it["request_count"] > 10 and it["wrong_block_count"] == 0'
        holds '0 < it["hit_percent"] < 100 and it["failed_load_count"] == 0'
        holds 'it["delivered_percent"] == it["hit_percent"] and it["ttft_p50_ms"] > 0'
        is_empty
    done
    holds 'len(it["tenants"]) >= 4 and all(t["ttft_p99_ms"] > 0 for t in it["tenants"])' # tenants
}

# The store tells times to a 30th of a second: which of two requests in it was the last is anybody's
# guess.  At the speed of life it is equal to the last digit.
hits_in_memory_are_those_of_leaf_lru() {
    "$bwrt" trace --generate agent --seconds 30 --write trace.jsonl >/dev/null
    replay_at 2 trace.jsonl --dram 64m --disk-percent 0
    holds "abs(it['hit_host_percent'] - $(python3 "$tests/leaf_lru.py" trace.jsonl 4096)) < 1.5"
    holds 'it["hit_disk_percent"] == 0 and it["disk_read_bytes"] == 0'
}

what_memory_has_no_room_for_comes_from_disk_in_few_operations() {
    replay --generate agent --seconds 30 --dram 8m --disk 512m
    holds 'it["hit_disk_percent"] > 20 and it["disk_blocks_per_operation"] > 2'
    holds 'it["disk_read_bytes"] > 0 and it["disk_written_bytes"] > 0'
    holds 'it["disk_gb_per_s"] > 0'
}

# Of a disk that is too small for all, segments are emptied: what lives in them is read and written
# once more, and was not asked for.
what_is_carried_over_is_told_apart_from_what_is_delivered() {
    replay --mode model --generate agent --seconds 60 --dram 8m --disk 128m
    holds '0 < it["carried_bytes"] < it["disk_written_bytes"]'
    holds '0 < it["disk_delivered_bytes"] <= it["disk_read_bytes"] - it["carried_bytes"]'
    holds 'abs(it["written_per_delivered"] * it["disk_delivered_bytes"] - it["disk_written_bytes"]) < 1'
    replay --mode model --generate agent --seconds 60 --dram 8m --disk 2g
    holds 'it["carried_bytes"] == 0 and it["disk_delivered_bytes"] == it["disk_read_bytes"] > 0'
}

damaged_blocks_are_found_and_computed_anew() {
    export LD_LIBRARY_PATH=$faults BWRT_FAULTS='seed=3; read:flip%5'
    replay --generate agent --seconds 30 --dram 8m --disk 512m
    holds 'it["corrupt_count"] > 0 and it["failed_load_count"] > 0'
    holds 'it["wrong_block_count"] == 0 and it["delivered_percent"] < it["hit_percent"]'
    is_empty
}

a_deadline_cuts_loads_off() {
    export LD_LIBRARY_PATH=$faults BWRT_FAULTS='read:delay=50ms'
    replay --generate agent --seconds 5 --dram 2m --disk 512m --deadline-ms 20
    holds 'it["late_load_count"] > 0 and it["past_deadline_percent"] > 0'
    holds 'it["wrong_block_count"] == 0 and it["delivered_percent"] < it["hit_percent"]'
}

a_tier_of_0_is_none_and_one_that_is_too_small_is_raised_and_told() {
    replay --mode model --generate chat --seconds 5 --dram 0 2>told
    holds 'it["host_bytes"] == 0 and it["disk_bytes"] == 128 << 20'
    grep -qE '^bwrt: disk: [0-9.]+ MiB is raised to 128.00 MiB, the least$' told || fail "$(cat told)"
    ! grep -q memory told || fail "$(cat told)"
    replay --mode model --generate chat --seconds 5 --dram 1m --disk 0 2>told
    holds 'it["host_bytes"] == 2 << 20 and it["disk_bytes"] == 0'
    grep -q '^bwrt: memory: 1.00 MiB is raised to 2.00 MiB, the least$' told || fail "$(cat told)"
    ! grep -q disk told || fail "$(cat told)"
    replay --mode model --generate chat --seconds 5 --dram 2m --disk 128m 2>told
    [ ! -s told ] || fail "$(cat told)"
}

names_of_files_are_shown_without_harm() {
    local name=$'\xff\e[2J.jsonl'
    printf '{"timestamp": 0, "input_length": 512, "output_length": 1, "hash_ids": [1]}\n' >"$name"
    "$bwrt" replay --folder place --mode model "$name" >said
    "$bwrt" trace "$name" >>said
    ! grep -q $'\e' said || fail "$(cat -v said)"
    [ "$(grep -ac '?\[2J.jsonl: [01] ' said)" -eq 2 ] || fail "$(cat -v said)"
    replay --mode model "$name"
    python3 -c 'import json; assert json.load(open("said", encoding="utf-8"))["trace"] == "\ufffd\x1b[2J.jsonl"'
}

what_takes_long_is_told_where_nobody_sees_it() {
    local options=(--generate chat --seconds 30 --dram 8m --disk 0) status=0
    "$bwrt" replay --folder place "${options[@]}" --speed 2 >said 2>told &
    until [ -s told ]; do
        kill -0 $! || fail "it ended by itself"
        sleep 0.01
    done
    kill -INT $!
    wait $! || status=$?
    grep -q '^bwrt: this takes 1[45] s; with --speed 20 a tenth of that$' told || fail "$(cat told)"
    replay_at 0 --generate chat --seconds 20 --dram 8m --disk 0 2>told
    replay_at 1 --mode model "${options[@]}" 2>>told
    [ ! -s told ] || fail "$(cat told)"
}

# As nohup has it.
a_hangup_that_is_ignored_ends_nothing() {
    (trap '' HUP && exec "$bwrt" --json replay --folder place --generate chat --seconds 3 --speed 1 \
        --dram 8m --disk 0 >said) &
    until compgen -G 'place/bwrt-replay-*' >/dev/null; do
        kill -0 $! || fail "it ended by itself"
        sleep 0.01
    done
    kill -HUP $!
    wait $! || fail "status $?"
    holds 'not it["interrupted"]'
}

an_interrupted_replay_tells_what_was_measured_and_leaves_nothing() {
    local status=0
    "$bwrt" --json replay --folder place --generate chat --seconds 600 --speed 1 >said &
    sleep 2
    kill -INT $!
    wait $! || status=$?
    [ "$status" -eq 130 ] || fail "status $status"
    holds 'it["interrupted"] and 0 < it["request_count"] < 600'
    is_empty
}

what_is_foretold_is_read_and_right_too() {
    replay_at 6 --generate agent --seconds 30 --dram 16m --disk 512m --prefetch-percent 25
    holds 'it["wrong_block_count"] == 0 and it["failed_load_count"] == 0'
    holds 'it["prefetch_right_percent"] + it["prefetch_wasted_percent"] <= 100.01
        if it["prefetch_bytes"] else it["prefetch_right_percent"] == 0'
}

a_table_is_for_people() {
    "$bwrt" replay --folder place --generate chat --seconds 20 --speed 0 >said
    grep -q '^prefix hits in memory  *[0-9.]* %$' said || fail "$(cat said)"
    grep -q '^every delivered block was what its id says$' said || fail "$(cat said)"
    "$bwrt" replay --folder place --generate chat --seconds 5 --speed 0 --model llama3-8b \
        --scale 1024 >said
    grep -q 'blocks of 64.00 KiB' said || fail "$(cat said)"
    grep -q '^memory .*, as fast as it goes$' said || fail "$(cat said)"
    "$bwrt" replay --folder place --mode model --generate chat --seconds 5 >said
    grep -q '^memory .*, as fast as recorded$' said || fail "$(cat said)"
    "$bwrt" replay --folder place --mode model --generate chat --seconds 5 --speed 2 >said
    grep -q '^memory .*, 2 times as fast as recorded$' said || fail "$(cat said)"
}

# But for processor time, wall time and memory, the figures are the same each time.
a_modelled_replay_moves_nothing_and_is_the_same_each_time() {
    local options=(--mode model --generate chat --seconds 600 --block-bytes 64k --dram 64m --disk 1g)
    for run in first second; do
        "$bwrt" --json replay --folder place "${options[@]}" --speed 1 >said
        is_empty
        grep -vE '"(cpu_s|wall_s|memory_peak_bytes)"' said >"$run"
    done
    cmp first second
    holds 'it["mode"] == "model" and it["modelled_s"] > 500 and it["hit_disk_percent"] > 0'
    holds 'it["disk_read_bytes"] > 0 and "process_read_bytes" not in it'
    holds '"wrong_block_count" not in it and "corrupt_count" not in it' # nobody looked
    "$bwrt" replay --folder place "${options[@]}" >said
    grep -q '^wrong blocks delivered  *-$' said || fail "$(cat said)"
    grep -q '^a modelled world: no byte was moved, and none compared$' said || fail "$(cat said)"
}

# And what is said on the command line stands before it.
a_tuning_file_says_what_the_command_line_does_not() {
    local options=(--mode model --generate agent --seconds 30 --dram 8m --disk 512m)
    echo '{"bwrt_tuning": 1, "store": {"eviction": "learned", "write_touch_count": 2}}' >tuning.json
    replay "${options[@]}"
    holds 'it["policy"] == "lru" and it["write_touch_count"] == 1'
    python3 -c 'import json; print(json.load(open("said"))["disk_written_bytes"])' >written
    replay "${options[@]}" --config tuning.json
    holds 'it["policy"] == "learned" and it["write_touch_count"] == 2'
    holds "it['disk_written_bytes'] < 0.8 * $(cat written)"
    replay "${options[@]}" --config tuning.json --policy lru --write-touches 3
    holds 'it["policy"] == "lru" and it["write_touch_count"] == 3'
    "$bwrt" replay --folder place "${options[@]}" --config tuning.json >said
    grep -qx 'policy learned, written at use 2 (config tuning.json)' said || fail "$(cat said)"
    echo '{"bwrt_tuning": 1, "store": {"evictoin": "lru"}}' >wrong.json
    local status=0
    "$bwrt" replay --folder place "${options[@]}" --config wrong.json >said 2>&1 || status=$?
    [ "$status" -eq 1 ] || fail "status $status"
    grep -qF 'store.evictoin: is no field of a tuning file (at byte 29), in wrong.json' said ||
        fail "$(cat said)"
    is_empty
}

# Of the same disk four times as slow, loads take about four times as long.
a_calibrated_disk_is_modelled() {
    local rate load
    for rate in 4 1; do
        cat >table.json <<JSON
{"bwrt_calibration": 1, "machine": "another", "devices": [{"device": "0:0", "measured": [
 {"what": "depth", "block_bytes": 65536, "depth": 8, "gb_per_s": $rate}]}]}
JSON
        replay --mode model --generate agent --seconds 30 --dram 8m --disk 512m \
            --calibration table.json --no-plan
        load=$(python3 -c 'import json; print(json.load(open("said"))["disk_gb_per_s"])')
        [ "$rate" = 4 ] && echo "$load" >fast
    done
    python3 -c "import sys; sys.exit(not 2 < $(cat fast) / $load < 5)" || fail "$(cat fast), $load"
    echo '{"bwrt_calibration": 2}' >table.json
    refused 'is not a calibration table' "$bwrt" replay --folder place --mode model \
        --generate chat --calibration table.json
    echo '{"bwrt_calibration": 1, "devices": []}' >table.json
    refused 'table.json has no device' "$bwrt" replay --folder place --mode model \
        --generate chat --calibration table.json
    echo '{"bwrt_calibration": 1, "devices": [{"device": "0:0"}, {"device": "0:1"}]}' >table.json
    refused 'several devices' "$bwrt" replay --folder place --mode model --generate chat \
        --calibration table.json
    echo '{"bwrt_calibration": 1, "devices": [{"device": "0:0", "measured": [{}]}]}' >table.json
    refused 'nothing was measured' "$bwrt" replay --folder place --mode model --generate chat \
        --calibration table.json
}

# Beside the library that is loaded, and nowhere else.
a_library_that_models_is_asked_for_by_name() {
    local status=0
    LD_LIBRARY_PATH=$faults "$bwrt" replay --folder place --generate chat --seconds 5 \
        --mode model >said 2>&1 || status=$?
    [ "$status" -eq 1 ] || fail "status $status: $(cat said)"
    grep -q -- '--mode model: .*libbwrt_model.so.0' said || fail "$(cat said)"
    is_empty
}

a_wrong_replay_command_line_is_refused() {
    local replay=("$bwrt" replay --folder place)
    refused 'bwrt: replay takes either a trace in a file or --generate' "${replay[@]}"
    refused 'bwrt: trace takes either a trace in a file or --generate' "$bwrt" trace
    refused 'not trace.jsonl and that' "${replay[@]}" trace.jsonl --generate chat
    refused '--polcy' "${replay[@]}" --generate chat --polcy ranked
    refused '--generate: chats not in {chat' "${replay[@]}" --generate chats
    refused '--dram: Value -5 is less than 0' "${replay[@]}" --generate chat --dram -5
    refused 'llama3-70b' "${replay[@]}" --generate chat --model gpt
    refused 'a block of 314572800 bytes' "${replay[@]}" --generate chat --seconds 2 \
        --block-bytes 300m
    refused 'no tier' "${replay[@]}" --generate chat --dram-percent 0 --disk-percent 0
    refused 'no tier' "${replay[@]}" --generate chat --dram 0 --disk 0
    refused '--prefetch-percent: plans' "${replay[@]}" --generate chat --prefetch-percent 10 --no-plan
    refused '--speed' "${replay[@]}" --generate chat --speed -1
    refused '--lookahead: with --speed 0' "${replay[@]}" --generate chat --seconds 2 --speed 0 \
        --lookahead 30
    refused '--mode' "${replay[@]}" --generate chat --mode dream
    refused '--calibration: of a modelled disk' "${replay[@]}" --generate chat --seconds 2 \
        --calibration cut.jsonl
    refused '--speed: Value nan' "${replay[@]}" --generate chat --seconds 2 --speed nan
    refused '--dram-percent: Value nan' "${replay[@]}" --generate chat --dram-percent nan
    printf '{"timestamp": 0, "input_length": 512, "output_length": 1, "hash_ids": [1]}\n{"timest' \
        >cut.jsonl
    refused 'cut.jsonl: line 2' "${replay[@]}" cut.jsonl
}

what_is_not_there_is_named() {
    local status=0
    "$bwrt" replay --generate chat --seconds 5 --folder nowhere >said 2>&1 || status=$?
    [ "$status" -eq 1 ] || fail "status $status: $(cat said)"
    grep -qF 'nowhere: No such file or directory' said || fail "$(cat said)"
    status=0
    "$bwrt" replay missing.jsonl >said 2>&1 || status=$?
    [ "$status" -eq 1 ] || fail "status $status: $(cat said)"
    grep -qF 'missing.jsonl: No such file or directory' said || fail "$(cat said)"
}

"$test_case"
