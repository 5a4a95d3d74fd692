#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# test_compare.sh CASE BWRT — one case of the tests of `bwrt compare`, in a folder of its own.  A
# case is a function; it fails with the first command that does.
#
# What the policies do is tested in test_policies.cpp.  Here it is that each has its column, that
# bwrt's is that of `bwrt replay`, and that nothing is left behind.
set -euo pipefail

test_case=$1
bwrt=$2
tests=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir place

fail() {
    echo "$*" >&2
    exit 1
}

is_empty() { [ -z "$(ls -A place)" ] || fail "left behind: $(ls -AR place)"; }

# refused WORDS OPTIONS...: it ends with status 2, says WORDS and leaves nothing.
refused() {
    local words=$1 status=0
    shift
    "$bwrt" compare --folder place "$@" >said 2>&1 || status=$?
    [ "$status" -eq 2 ] || fail "status $status, not 2: $*: $(cat said)"
    grep -qF -- "$words" said || fail "does not say '$words': $(cat said)"
    is_empty
}

# compare OPTIONS...: in blocks of 16 KiB; what it says is JSON in `said`.
compare() { "$bwrt" --json compare --folder place --block-bytes 16k "$@" >said; }

# holds CONDITION: a Python expression over what was said, `by` being its columns by name.
holds() {
    python3 - "$1" <<'PYTHON'
import json
import sys

it = json.load(open("said"))
by = {column["name"]: column for column in it.get("columns", [])}
if not eval(f"({sys.argv[1]})", {"it": it, "by": by}):
    sys.exit(f"not so: {sys.argv[1]}: {it}")
PYTHON
}

each_column_has_the_figures_of_its_policy() {
    compare --generate chat --seconds 120 --disk 1g
    holds '[c["name"] for c in it["columns"]] == ["none", "fifo", "lru", "leaf-lru", "ttl", "bwrt",
        "bwrt-foretelling", "bwrt-lookahead", "optimum"]'
    holds 'it["lookahead_s"] == 30'
    holds 'by["bwrt-lookahead"]["hit_host_percent"] > by["bwrt"]["hit_host_percent"]'
    holds 'all(c["policy"] != c["name"].startswith("bwrt") for c in it["columns"])'
    holds 'by["none"]["hit_percent"] == 0 and by["none"]["gpu_busy_percent"] > 60'
    holds 'by["lru"]["hit_host_percent"] == by["leaf-lru"]["hit_host_percent"] > 0'
    holds 'by["lru"]["disk_read_count"] == by["lru"]["disk_piece_count"] > 0'
    holds '0 < by["leaf-lru"]["disk_read_count"] < by["leaf-lru"]["disk_piece_count"] / 2'
    holds 'all(c["hit_percent"] <= by["optimum"]["hit_percent"] + 1e-9 for c in it["columns"])'
    holds 'all(c["hit_host_percent"] <= by["optimum"]["hit_host_percent"] for c in it["columns"])'
    holds 'all(c["ttft_p50_ms"] < by["none"]["ttft_p50_ms"] for c in it["columns"][1:])'
    holds 'all("cpu_s" in c and "memory_peak_bytes" in c for c in it["columns"] if not c["policy"])'
    holds 'not any("cpu_s" in c or "wall_s" in c for c in it["columns"] if c["policy"])'
    holds '"gap_host_percent" in by["bwrt"] and "gap_host_percent" not in by["fifo"]'
    holds 'it["mode"] == "model" and not it["interrupted"]'
    holds 'not any("wrong_block_count" in c or "corrupt_count" in c for c in it["columns"])'
    holds 'all(("failed_load_count" in c) != c["policy"] for c in it["columns"])'
    is_empty
}

# As a plain program finds it, to the digits that it prints.
hits_of_leaf_lru_are_those_of_another_program() {
    "$bwrt" trace --generate agent --seconds 30 --write trace.jsonl >/dev/null
    compare trace.jsonl --dram 64m --disk-percent 0 --policies leaf-lru
    holds "abs(by['leaf-lru']['hit_percent'] - $(python3 "$tests/leaf_lru.py" trace.jsonl 4096)) < 1e-4"
    holds 'by["leaf-lru"]["disk_written_bytes"] == 0 and it["disk_bytes"] == 0'
}

# Not all of a disk can be blocks (docs/operations.md, Stores, Room).
the_room_that_bwrt_has_on_disk_is_told() {
    local options=(--generate chat --seconds 20 --policies leaf-lru,bwrt)
    compare "${options[@]}" --disk 512m
    holds '0.7 * it["disk_bytes"] < by["bwrt"]["disk_room_bytes"] < 0.9 * it["disk_bytes"]'
    holds '"disk_room_bytes" not in by["leaf-lru"]'
    "$bwrt" compare --folder place --block-bytes 64k "${options[@]}" --disk 512m >said
    grep -qE '^bwrt has room for 4[0-5].\.[0-9]+ MiB of blocks in 512.00 MiB of disk; pol' said ||
        fail "$(cat said)"
    "$bwrt" compare --folder place "${options[@]}" --disk 0 >said
    ! grep -q 'bwrt has room' said || fail "$(cat said)"
}

the_column_of_bwrt_is_its_replay() {
    local options=(--generate tenants --seconds 60 --dram 16m --disk 512m --streams 3 --deadline-ms 900)
    "$bwrt" --json replay --folder place --block-bytes 16k --mode model "${options[@]}" >replayed
    compare "${options[@]}" --policies bwrt
    python3 - <<'PYTHON'
import json

replayed = json.load(open("replayed"))
column = json.load(open("said"))["columns"][0]
here = {"cpu_s", "wall_s", "memory_peak_bytes", "name", "policy", "what", "disk_reached_percent",
        "disk_room_bytes"}
for key in set(column) - here:
    assert column[key] == replayed[key], f"{key}: {column[key]}, {replayed[key]}"
assert len(column["tenants"]) >= 4 and column["past_deadline_percent"] > 0, column
PYTHON
}

a_tuning_file_is_for_bwrts_columns() {
    local options=(--generate agent --seconds 30 --dram 8m --disk 512m --policies leaf-lru,bwrt)
    echo '{"bwrt_tuning": 1, "store": {"write_touch_count": 2}}' >tuning.json
    compare "${options[@]}"
    python3 -c 'import json; print([c["disk_written_bytes"] for c in json.load(open("said"))["columns"]])' >before
    compare "${options[@]}" --config tuning.json
    holds "by['leaf-lru']['disk_written_bytes'] == $(cat before)[0]"
    holds "by['bwrt']['disk_written_bytes'] < 0.8 * $(cat before)[1]"
    is_empty
}

it_is_the_same_each_time() {
    local run
    for run in first second; do
        compare --generate agent --seconds 30
        python3 - >"$run" <<'PYTHON'
import json

it = json.load(open("said"))
for column in it["columns"]:
    for key in ("cpu_s", "wall_s", "memory_peak_bytes"):
        column.pop(key, None)
print(json.dumps(it, indent=1))
PYTHON
    done
    diff first second
}

on_a_real_disk_every_byte_is_compared() {
    compare --generate chat --seconds 20 --mode real --speed 0 --dram 2m --disk 512m \
        --policies lru,bwrt,optimum
    holds 'by["bwrt"]["wrong_block_count"] == 0 and it["mode"] == "real"'
    holds '"wrong_block_count" not in by["lru"] and "corrupt_count" not in by["optimum"]'
    holds '0 < by["bwrt"]["delivered_percent"] == by["bwrt"]["hit_percent"]'
    holds 'it["disk"]["read_bytes_per_s"] > 1e6 and it["disk"]["read_latency_ns"] > 0'
    is_empty
}

# Nobody is advised on a policy, unless there is nothing else.
a_report_of_a_comparison_is_on_bwrt() {
    local policies subject
    for policies in none,lru,bwrt,optimum:2 bwrt,bwrt-foretelling:0 lru,optimum:0; do
        subject=${policies#*:}
        compare --generate chat --seconds 20 --disk 128m --policies "${policies%:*}" --report out.html
        python3 - "$subject" <<'PYTHON'
import json
import re
import sys

page = open("out.html", encoding="utf-8").read()
it = json.loads(re.search(r'id="data">(.*?)</script>', page, re.S).group(1))
assert it["subject"] == int(sys.argv[1]), (it["subject"], [run["title"] for run in it["runs"]])
PYTHON
    done
}

an_interrupted_comparison_tells_the_columns_that_are_whole() {
    local status=0
    "$bwrt" --json compare --folder place --generate chat --seconds 600 --mode real --speed 1 \
        --policies none,lru,bwrt >said &
    until compgen -G 'place/bwrt-replay-*' >/dev/null; do
        kill -0 $! || fail "it ended by itself"
        sleep 0.01
    done
    kill -INT $!
    wait $! || status=$?
    [ "$status" -eq 130 ] || fail "status $status"
    holds 'it["interrupted"] and list(by) == ["none", "lru"] and by["lru"]["request_count"] > 100'
    is_empty
}

a_comparison_is_a_table_for_people() {
    "$bwrt" compare --folder place --generate chat --seconds 60 --block-bytes 16k --disk 1g >said
    grep -q '^  *no cache  *FIFO  *LRU  *leaf-LRU  *TTL  *bwrt  *bwrt-foretelling  *bwrt-lookahead  *optimum$' said ||
        fail "$(cat said)"
    grep -qE '^prefix hits in memory( +[0-9.]+ %){9}$' said || fail "$(cat said)"
    grep -qE '^processor time of this run( +-){5}( +[0-9.]+ s){3} +-$' said || fail "$(cat said)"
    grep -q '^FIFO  *policy: ' said || fail "$(cat said)"
    grep -q '^leaf-LRU  *policy: what was used longest ago' said || fail "$(cat said)"
    printf '{"timestamp": 0, "input_length": 512, "output_length": 1, "hash_ids": [1]}\n' >one.jsonl
    "$bwrt" compare --folder place one.jsonl --policies bwrt,foretelling --streams 1 >said
    grep -q '^one.jsonl: 1 request in 0 s, 1 different block of ' said || fail "$(cat said)"
    grep -q ', 1 processor$' said || fail "$(cat said)"
    grep -q '^  *bwrt  *bwrt-foretelling$' said || fail "$(cat said)"
    grep -q '^A policy moves nothing' said || fail "$(cat said)"
}

a_wrong_compare_command_line_is_refused() {
    refused 'either a trace in a file or --generate'
    refused "no 'mru'; there are: none, fifo, lru" --generate chat --policies lru,mru
    refused 'bwrt-foretelling: needs both tiers' --generate chat --seconds 5 --disk-percent 0 \
        --policies bwrt-foretelling
    refused 'bwrt-lookahead: needs a --lookahead and a --speed' --generate chat --seconds 5 \
        --speed 0 --policies bwrt-lookahead
    refused '--streams' --generate chat --streams -1
    refused '--calibration' --generate chat --seconds 5 --mode real --calibration none.json
    refused '--mode' --generate chat --mode dream
    printf '{"timestamp": 0, "input_length": 512, "output_length": 1, "hash_ids": [1]}\n{"timest' \
        >cut.jsonl
    refused 'cut.jsonl: line 2' cut.jsonl
}

"$test_case"
