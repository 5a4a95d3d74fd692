#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# test_plan.sh CASE BWRT ORACLE — one case of the tests of `bwrt plan`, in a folder of its own.  A
# case is a function; it fails with the first command that does, and is skipped with status 77 where
# ORACLE, the folder of what was recorded of BCache's planner, is not at hand.
#
# What the planner decides is tested in tests/planner.  Here it is that a window's columns and the
# knobs reach it, that what is wrong is named, and that what is printed is what was planned.
set -euo pipefail

test_case=$1
bwrt=$2
oracle=${BWRT_ORACLE:-$3}
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

# says WORDS...: a line of `said`, blanks squeezed, is WORDS.
says() { tr -s ' ' <said | sed 's/^ //' | grep -qxF -- "$*" || fail "does not say '$*': $(cat said)"; }

# finds WORDS...: it is in a line of `said`, blanks squeezed.
finds() { tr -s ' ' <said | grep -qF -- "$*" || fail "does not say '$*': $(cat said)"; }

misses() { ! tr -s ' ' <said | grep -qF -- "$*" || fail "says '$*': $(cat said)"; }

plan() { "$bwrt" plan "$@" >said; }

# holds CONDITION: a Python expression over what was said, which is JSON.
holds() {
    python3 - "$1" <<'PYTHON'
import json
import sys

it = json.load(open("said"))
if not eval(f"({sys.argv[1]})", {"it": it}):
    sys.exit(f"not so: {sys.argv[1]}: {it}")
PYTHON
}

# write_window [STATEMENTS]: window.json, two nodes and one request of each fate, after STATEMENTS of
# Python that change `it`.
write_window() {
    python3 - "${1:-}" <<'PYTHON'
import json
import sys

MIB = 1 << 20


def request(number, node, prefix, layer, first, last, deadline_ms, **more):
    row = {"req_id": number, "node": node, "model_id": "m", "model_version": "v",
           "prefix_id": prefix, "layer": layer, "page_start": first, "page_end": last,
           "tier_src": 0, "tier_dst": 1, "deadline_ms": 1000.0 + deadline_ms,
           "page_bytes": MIB, "tenant": "A", "est_fill_ms": 1}
    row.update(more)
    return row


it = {"now_ms": 1000,
      "requests": [request(10, "n0", "p", 0, 0, 3, 10), request(11, "n0", "p", 0, 2, 5, 40),
                   request(12, "n0", "q", 1, 7, 7, 60, page_bytes=4096),
                   request(13, "n0", "q", 1, 20, 25, 80, tenant="B"),
                   request(14, "n0", "r", 2, 0, 7, 100),
                   request(15, "n1", "r", 2, 0, 1, 30),
                   request(16, "n1", "r", 2, 9, 9, -5),
                   request(17, "n1", "r", 3, 0, 7, 3)],
      "heat": [{"layer": 2, "page_id": 1, "decay_hits": 12.5},
               {"layer": 9, "page_id": 3, "decay_hits": 1, "size_bytes": MIB, "node": "n0",
                "tier": 1, "model_id": "m", "model_version": "v", "prefix_id": "old"},
               {"layer": 9, "page_id": 4, "decay_hits": 9, "size_bytes": MIB, "node": "n0",
                "tier": 1, "model_id": "m", "model_version": "v", "prefix_id": "old"}],
      "tier_caps": [{"tier": 1, "bandwidth_caps": 10 * MIB, "free_bytes": 5 * MIB}],
      "tenant_caps": [{"tenant": "B", "tier": 1, "bandwidth_caps": 5 * MIB}],
      "layer_lat": [{"layer": 0, "lat_ms": 13.5}, {"layer": 2, "lat_ms": 1.5}]}
exec(sys.argv[1])
json.dump(it, open("window.json", "w"))
PYTHON
}

a_window_is_shown_with_what_became_of_each_request() {
    write_window
    plan window.json
    says '8 requests, a window of 20.00 ms'
    says '# node tiers model/prefix layer pages bytes deadline ms finish ms slack fan-out overlap'
    says '0 n0 0>1 m:v/p 0 0-3 4.00 MiB 10.00 8.00 10.0 2 1'
    says '1 n0 0>1 m:v/p 0 4-5 2.00 MiB 40.00 12.00 40.0 1 1'
    says '2 n1 0>1 m:v/r 2 0-1 2.00 MiB 30.00 4.00 30.0 1 3'
    says '3 10.00 MiB moves 10 11 15'
    says '1 4.00 KiB waits for company: below min-io 12'
    says '1 6.00 MiB waits: its tenant has used up its credit 13'
    says '1 8.00 MiB waits: the tier takes no more bytes 14'
    says '1 1.00 MiB ended: neither popular nor urgent enough 16'
    says '1 8.00 MiB ended: it would be late 17'
    says 'n0 1 m:v/old 9 3 1.00 MiB'
    says 'operations 3'
    says 'bytes 8.00 MiB move, for 3 of 8 requests, which ask for 10.00 MiB of 33.00 MiB'
    says 'average I/O 2730.7 KiB'
    says 'fan-out 1.333 requests an operation'
    says 'average finish 8.00 ms'
    says 'timeliness 1.000 of operations by their deadlines'
    says '1.000 by the end of their layer, in a pass that starts now'
}

each_knob_does_what_it_says() {
    write_window
    plan window.json --window-ms 40 # half as fast
    says '1 n0 0>1 m:v/q 1 20-21 2.00 MiB 80.00 24.00 80.0 1 3'
    says '2 12.00 MiB ended: it would be late 10 17'
    plan window.json --min-io 4096
    finds 'm:v/q 1 7 4.00 KiB'
    plan window.json --max-ops 1
    says '4 18.00 MiB waits: the tier takes no more operations 11 12 13 14'
    plan window.json --umin -6 --take-late
    misses 'neither popular'
    plan window.json --beta 1.001 --take-late # above pmin by the weight that all have
    misses 'neither popular'
    plan window.json --tenant-credits 4m
    says '4 14.00 MiB waits: its tenant has used up its credit 11 12 14 15'
    plan window.json --tenant-credits 0
    says '5 18.00 MiB waits: its tenant has used up its credit 10 11 12 14 15'
    plan window.json --now-ms 1035
    says '3 13.00 MiB ended: neither popular nor urgent enough 10 16 17'

    write_window 'it["heat"][0].update(page_id=9, as_of_ms=0)' # 12.5 hits a second ago, of request 16
    plan window.json --take-late --half-life 1
    says '2 n1 0>1 m:v/r 2 9 1.00 MiB -5.00 2.00 -5.0 1 2 late'
    plan window.json --take-late --half-life 1 --alpha 0.161
    finds 'n1 0>1 m:v/r 2 9 1.00 MiB'
    plan window.json --take-late --half-life 1 --alpha 0.16
    finds 'neither popular nor urgent enough 16'
    plan window.json --take-late --half-life 1 --pmin 6.26
    finds 'neither popular nor urgent enough 16'
    plan window.json --take-late --half-life 1 --pmin 6.24
    misses 'neither popular'
}

# Request 16, for page 9 of prefix r, has no time left: it stays for its heat alone.
heat_is_that_of_the_hottest_page_that_is_a_requests_own() {
    local two='it["requests"][6]["page_end"] = 10
it["heat"][0].update(page_id=9, decay_hits=1)
it["heat"].append({"layer": 2, "page_id": 10, "decay_hits": 2'
    write_window "$two})"
    plan window.json --take-late
    misses 'neither popular'
    write_window "$two, 'prefix_id': 'r', 'model_id': 'm', 'model_version': 'v'})"
    plan window.json --take-late
    misses 'neither popular'
    local whose
    for whose in "'prefix_id': 'q'" "'model_id': 'n'" "'model_version': 'w'"; do
        write_window "$two, $whose})"
        plan window.json --take-late
        finds 'neither popular nor urgent enough 16'
    done
}

a_layer_of_which_nothing_is_said_takes_a_millisecond() {
    write_window 'it["layer_lat"][0]["lat_ms"] = 1.75' # 1.75 + 1 + 1.5 ms until layer 2 has ended
    plan window.json
    says '2 n1 0>1 m:v/r 2 0-1 2.00 MiB 30.00 4.00 30.0 1 3'
    says '0.333 by the end of their layer, in a pass that starts now'
}

each_switch_does_what_it_says() {
    write_window
    plan window.json --no-filter --take-late
    says '2 n1 0>1 m:v/r 2 9 1.00 MiB -5.00 2.00 -5.0 1 2 late'
    says 'timeliness 0.500 of operations by their deadlines'
    plan window.json --no-credits --no-budgets --no-eviction
    says '5 24.00 MiB moves 10 11 13 14 15'
    says 'bytes 22.00 MiB move, for 5 of 8 requests, which ask for 24.00 MiB of 33.00 MiB'
    says '0.600 by the end of their layer, in a pass that starts now'
    says 'room 15.00 MiB short: what may leave is not enough'
    misses 'to evict'
    plan window.json --no-overlap
    says '2 n1 0>1 m:v/r 2 0-1 2.00 MiB 30.00 4.00 30.0 1 1'
    plan window.json --no-eviction # and so no more than is free
    says '2 12.00 MiB waits: the tier takes no more bytes 11 14'
    misses 'to evict'

    write_window 'it["requests"][0]["deadline_ms"] = 1060'
    plan window.json
    says '0 n0 0>1 m:v/p 0 0-5 6.00 MiB 40.00 12.00 40.0 2 1'
    plan window.json --no-merge
    says '0 n0 0>1 m:v/p 0 2-5 4.00 MiB 40.00 8.00 40.0 2 1'

    write_window 'it["requests"][4].update(page_end=1, deadline_ms=1010)'
    plan window.json
    says '0 n0 0>1 m:v/p 0 0-3 4.00 MiB 10.00 8.00 10.0 2 1'
    plan window.json --smallest-first
    says '0 n0 0>1 m:v/r 2 0-1 2.00 MiB 10.00 4.00 10.0 1 3'

    write_window 'it["requests"][5]["tier_src"] = 2' # of tier 0's it is there already
    plan window.json
    says 'n1 0 m:v/r 2 0-1 2.00 MiB 12.5'
    plan window.json --no-admission
    misses 'to write'
    plan window.json --reuse-threshold 12.6
    misses 'to write'
}

settings_come_from_the_command_line_then_a_file_then_the_window() {
    write_window 'it["knobs"] = {"min_io_bytes": 4096, "umin": -6.0, "enforce_tier_caps": True}'
    cat >bcache.toml <<'TOML'
# as configs/runtime.yaml has them
window_ms = 40
max_ops_per_tier = 1
tenant_credits_bytes = 33554432
[popularity]
alpha = 1.0
beta = 0.0
[thresholds]
pmin = 1.0
umin = 0.0
[ab_flags]
enable_prefix_fanout = true
enable_eviction = false
enable_overlap = true
enforce_tier_caps = true
TOML
    plan window.json
    says '8 requests, a window of 20.00 ms'
    misses 'waits for company'
    misses 'neither popular'
    plan window.json --config bcache.toml
    says '8 requests, a window of 40.00 ms'
    misses 'waits for company'
    misses 'to evict'
    finds 'neither popular nor urgent enough 16'
    finds 'waits: the tier takes no more operations'
    plan window.json --config bcache.toml --window-ms 20 --umin -6
    says '8 requests, a window of 20.00 ms'
    misses 'neither popular'
    echo 'windows_ms = 40' >>bcache.toml
    refused 2 "bcache.toml: no key 'ab_flags.windows_ms'" "$bwrt" plan window.json --config bcache.toml
    echo 'window_ms = soon' >bcache.toml
    refused 2 '--window-ms' "$bwrt" plan window.json --config bcache.toml
    printf '[ab_flags]\nenable_eviction = perhaps\n' >bcache.toml
    refused 2 'bcache.toml: ab_flags.enable_eviction is neither true nor false' \
        "$bwrt" plan window.json --config bcache.toml
    refused 2 'missing.toml' "$bwrt" plan window.json --config missing.toml
}

# refused_window STATEMENTS WORDS: the window changed like that is refused with its name and WORDS.
refused_window() {
    write_window "$1"
    refused 2 "window.json: $2" "$bwrt" plan window.json
}

a_wrong_window_is_refused_by_row_and_column() {
    refused_window 'it["requests"][7]["page_bytes"] = 0' 'requests[7].page_bytes: must be 1 at least'
    refused_window 'it["requests"][7]["page_bytes"] = -1' 'requests[7].page_bytes: is below 0'
    refused_window 'it["requests"][2]["page_end"] = 6' 'requests[2].page_end: is below page_start'
    refused_window 'it["requests"][2]["page_end"] = "4611686018427387904"' \
        'requests[2].page_end: is beyond 2^62'
    refused_window 'it["requests"][2]["page_start"] = 7.5' \
        'requests[2].page_start: is not a whole number'
    refused_window 'it["requests"][1]["pages"] = 3' 'requests[1].pages: is no field of a request'
    refused_window 'del it["requests"][1]["prefix_id"]' 'requests[1].prefix_id: is missing'
    refused_window 'it["requests"][1]["node"] = None' 'requests[1].node: is missing'
    refused_window 'it["requests"][1]["layer"] = 65536' 'requests[1].layer: is above 65535'
    refused_window 'it["requests"][1]["tier_dst"] = 8' 'requests[1].tier_dst: is above 7'
    refused_window 'it["requests"][1]["tier_dst"] = 0' \
        'requests[1].tier_dst: must not be tier_src'
    refused_window 'it["requests"][1]["deadline_ms"] = "soon"' \
        'requests[1].deadline_ms: is not a number'
    refused_window 'it["requests"][1]["est_fill_ms"] = -0.5' 'requests[1].est_fill_ms: is below 0'
    refused_window 'it["requests"][1]["request_source"] = "guess"' \
        'requests[1].request_source: "guess" is none of live, demand, hint, prediction'
    refused_window 'it["requests"][3]["page_bytes"] = 1 << 53; it["requests"][3]["page_end"] = 1 << 20' \
        'requests[3].page_bytes: makes more than 2^61 - 1 bytes in this window'
    refused_window 'del it["heat"][1]["page_id"]' 'heat[1].page_id: is missing'
    refused_window 'del it["heat"][1]["node"]' \
        'heat[1].node: is missing: the tier is of one of several nodes'
    refused_window 'it["heat"][0]["decay_hits"] = -1' 'heat[0].decay_hits: is below 0'
    refused_window 'it["tier_caps"] *= 2' 'tier_caps[1].tier: is there twice'
    refused_window 'it["tier_caps"][0]["bandwidth_caps"] = -1.5' \
        'tier_caps[0].bandwidth_caps: is below 0'
    refused_window 'it["tenant_caps"] *= 2' 'tenant_caps[1].tenant: is there twice'
    refused_window 'it["layer_lat"] *= 2' 'layer_lat[2].layer: is there twice'
    refused_window 'it["knobs"] = {"window_ms": 0}' 'knobs.window_ms: must be above 0'
    refused_window 'it["knobs"] = {"pmim": 0}' 'knobs.pmim: is no field of the knobs'
    refused_window 'del it["now_ms"]' 'now_ms: is missing, and --now-ms is not given'
    refused_window 'it["now_ns"] = 7' 'now_ns: is there beside now_ms'
    refused_window 'it["request"] = []' 'request: is no field of a window'
    refused_window 'it = it["knobs"] if "knobs" in it else {"row": 1}' \
        'is neither a window (requests) nor a plan'
    printf '{"requests": [' >window.json
    refused 2 'window.json: requests[0]: the text ends where a value should be' "$bwrt" plan window.json
    ("$bwrt" plan window.json --json 2>/dev/null || true) >said
    holds 'it["error"]["code"] == "E_FORMAT" and "(at byte 14)" in it["error"]["sentence"]'
    refused 1 'missing: No such file or directory' "$bwrt" plan missing
    refused 1 '.: Is a directory' "$bwrt" plan .
}

names_in_any_spelling_are_one() {
    write_window 'it["requests"][1]["req_id"] = "11"; it["requests"][1]["prefix_id"] = "\u0070"'
    plan window.json --json
    holds '[each["request_id"] for each in it["verdicts"]] == [10, 11, 12, 13, 14, 15, 16, 17]'
    plan window.json
    says '0 n0 0>1 m:v/p 0 0-3 4.00 MiB 10.00 8.00 10.0 2 1' # with a page of request 11's
    write_window 'it["requests"][1]["req_id"] = "second"' # as they come: they are no numbers
    plan window.json --json
    holds '[each["request_id"] for each in it["verdicts"]] == [0, 1, 2, 3, 4, 5, 6, 7]'
    plan window.json
    says '3 10.00 MiB moves 10 second 15'
    write_window 'it["requests"][1]["model_version"] = "w"'
    plan window.json # pages of another version are others
    says '0 n0 0>1 m:v/p 0 0-3 4.00 MiB 10.00 8.00 10.0 1 1'
    write_window 'it["requests"][0]["prefix_id"] = "\u001b[2J\u0085" + 50 * "ü"'
    plan window.json
    finds "m:v/?[2J?$(printf 'ü%.0s' {1..31}).. "
}

defaults_are_those_of_the_reference() {
    cat >window.json <<'JSON'
{"now_ns": 5000000000, "requests": [
  {"node": "n", "model_id": "m", "prefix_id": "p", "layer": 1, "page_start": 8, "page_end": 15},
  {"node": "n", "model_id": "m", "prefix_id": "p", "layer": 1, "page_start": 30, "page_end": 30}]}
JSON
    plan window.json
    says '0 n 0>2 m/p 1 8-15 2.00 MiB - 0.00 - 1 1'
    says '1 256.00 KiB waits for company: below min-io 1'
}

a_synthetic_window_is_the_same_each_time_and_stands_beside_the_references_figures() {
    plan --synthetic
    says "beside BCache's this plan its README 20 seeds"
    finds 'operations 34 18 31.25'
    finds 'average I/O, KiB 1792.0 2275.6 1893.8'
    finds 'average finish, ms'
    finds 'timeliness by layers 0.765 0.94 0.812'
    [ "$(grep -cE '^ *[0-9]+  node-[0-3] ' said)" -eq 34 ] || fail "$(cat said)"
    cp said first
    plan --synthetic --seed 7 --requests 200
    cmp said first
    plan --synthetic --seed 8
    ! cmp -s said first || fail 'another seed draws the same window'
    plan --synthetic --limit 3
    says 'and 31 more'
    [ "$(grep -cE '^ *[0-9]+  node-[0-3] ' said)" -eq 3 ] || fail "$(cat said)"
    plan --synthetic --requests 0
    says 'nothing moves'
    plan --synthetic --json
    holds 'len(it["ops"]) == 34 and len(it["verdicts"]) == 200 and it["window_ms"] == 20'
}

a_plan_that_was_printed_is_read_and_shown() {
    write_window
    plan window.json --json
    holds 'it["ops"][0]["src"] == "tier://n0/tier0" and it["ops"][0]["length"] == 4 << 20'
    holds 'it["ops"][1]["kv_refs"] == [{"tensor": "kv/m:v/p", "page": page, "head": 0, "layer": 0}
        for page in (4, 5)]'
    holds '[each["verdict"] for each in it["verdicts"]] == ["PLANNED", "PLANNED", "TOO_SMALL",
        "NO_CREDIT", "NO_BUDGET", "PLANNED", "NOT_WORTH", "LATE"]'
    mv said plan.json
    plan plan.json --json
    cmp said plan.json
    plan plan.json
    says 'cache plan window.json'
    says '1 STORAGE2H tier://n0/tier0 4194304 tier://n0/tier1 4194304 2.00 MiB kv/m:v/p 0:4 and 1 more'
    says 'operations 3'
    says 'bytes 8.00 MiB'
    says 'PLANNED 3 requests'
    sed -i '0,/"length": 4194304/s//"length": 0/' plan.json
    refused 2 'plan.json: ops[0].length: is 0' "$bwrt" plan plan.json
    refused 2 '--waves is for windows' "$bwrt" plan <(printf '{"plan_id": "p", "ops": []}') --waves
}

swaps_and_waves_are_shown_and_checked() {
    cat >swap.json <<'JSON'
{"plan_id": "s", "manifest_from": {"model_id": "m", "version": "1", "files": []},
 "manifest_to": {"model_id": "m", "version": "2",
                 "files": [{"path": "a.bin", "offset": 0, "length": 4096, "sha256": ""}]},
 "ops": [{"kind": "STORAGE2H", "src": "file:///w/a.bin", "dst": "tier://n/tier1", "length": 4096}],
 "window": {"t_start_ns": 0, "t_deadline_ns": 2000000}}
JSON
    plan swap.json
    says 'to m 2: 1 chunks, 4.00 KiB'
    says '0 STORAGE2H file:///w/a.bin 0 tier://n/tier1 0 4.00 KiB -'
    says 'window 2.00 ms'
    plan swap.json --json
    holds 'it["ops"][0]["length"] == 4096'
    sed -i 's/2000000}/0}/; s/"t_start_ns": 0/"t_start_ns": 5/' swap.json
    refused 2 'swap.json: window' "$bwrt" plan swap.json

    write_window
    plan window.json --waves
    holds 'len(it) == 2 and it[0]["io_extents"] == [["0", 0, 3], ["0", 4, 5]]'
    holds 'it[0]["pack_order"] == [10, 11] and it[1]["pack_order"] == [15]'
    python3 -c 'import json; json.dump(json.load(open("said"))[0], open("wave.json", "w"))'
    plan wave.json
    says 'wave spec'
    says '0 4 5'
    says 'tile 128 x 128 x 64'
    says 'requests 2'
    echo '{"bm": 2, "bn": 2}' >wave.json
    refused 2 'wave.json: ' "$bwrt" plan wave.json
}

clusters_order_the_requests_of_a_wave() {
    write_window 'for row, cluster in zip(it["requests"], (9, 9, 3, 3, 3, 3, 3, 3)):
    row["pcluster"] = cluster'
    plan window.json --waves --no-credits --no-budgets --no-eviction
    holds 'it[0]["pack_order"] == [13, 14, 10, 11]'
    write_window 'for row in it["requests"][:2]:
    row["pcluster"] = 9'
    plan window.json --waves --no-credits --no-budgets --no-eviction # what has none is behind
    holds 'it[0]["pack_order"] == [10, 11, 13, 14]'
    write_window 'for row in it["requests"][3:]:
    row["pcluster"] = 9'
    plan window.json --waves --no-credits --no-budgets --no-eviction
    holds 'it[0]["pack_order"] == [13, 14, 10, 11]'
}

# BCache's planner gives four of these operations and their overlaps; it has no other, since it drops
# what is small and what exceeds a credit, where ours moves what is due and the part that fits.
a_recorded_window_of_the_reference_gives_its_operations() {
    [ -f "$oracle/01_bcache_window.json" ] || {
        echo "skipped: $oracle/01_bcache_window.json is not at hand"
        exit 77
    }
    python3 - "$oracle/01_bcache_window.json" <<'PYTHON'
import json
import sys

it = json.load(open(sys.argv[1]))
json.dump(it["inputs"], open("inputs.json", "w"))
json.dump(dict(it["inputs"], now_ms=it["now_ms"], knobs=it["knobs"]), open("window.json", "w"))
PYTHON
    refused 2 'inputs.json: now_ms: is missing' "$bwrt" plan inputs.json
    plan inputs.json --now-ms 1700000000000
    cp said first
    plan window.json
    cmp said first
    plan window.json --no-budgets --take-late
    python3 - "$oracle/01_bcache_window.json" <<'PYTHON'
import json
import re
import sys

it = json.load(open(sys.argv[1]))
ours = {}
for line in open("said"):
    cells = re.split(r"  +", line.strip())
    if len(cells) >= 12 and cells[0].isdigit():
        first, _, last = cells[5].partition("-")
        ours[cells[1], int(cells[4]), int(first), int(last or first)] = cells
for each in it["outputs"]["plan_no_tier_caps"]:
    cells = ours[each["node"], each["layer"], each["start_pid"], each["end_pid"]]
    count, unit = cells[6].split()
    assert float(count) * {"KiB": 2**10, "MiB": 2**20}[unit] == each["bytes"], (each, cells)
    assert int(cells[10]) == each["fanout"] and int(cells[11]) == each["overlap"], (each, cells)
    assert float(cells[7]) == each["deadline_ms"] - it["now_ms"], (each, cells)
    assert float(cells[9]) == each["priority"], (each, cells)
PYTHON
}

a_wrong_plan_command_line_is_refused() {
    write_window
    refused 2 'bwrt plan takes either a file or --synthetic' "$bwrt" plan
    refused 2 'synthetic' "$bwrt" plan window.json --synthetic
    refused 2 '--seed' "$bwrt" plan window.json --seed 3
    refused 2 '--pmin' "$bwrt" plan window.json --pmin -1
    refused 2 '--window-ms' "$bwrt" plan window.json --window-ms 0
    refused 2 '--half-lives' "$bwrt" plan window.json --half-lives 1
    refused 0 '--take-late' "$bwrt" plan --help
}

"$test_case"
