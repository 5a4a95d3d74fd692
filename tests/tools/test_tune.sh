#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# test_tune.sh CASE BWRT — one case of the tests of `bwrt tune`, in a folder of its own.  A case is a
# function; it fails with the first command that does.
#
# Which configuration is chosen is tested in test_tune_choice.cpp.  Here it is that the replays are
# those of `bwrt replay`, that the file is taken, and that nothing else is left behind.
set -euo pipefail

test_case=$1
bwrt=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir place out

fail() {
    echo "$*" >&2
    exit 1
}

is_empty() { [ -z "$(ls -A place)$(ls -A out)" ] || fail "left behind: $(ls -AR place out)"; }

# refused STATUS WORDS OPTIONS...: it ends with STATUS, says WORDS and leaves nothing.
refused() {
    local wanted=$1 words=$2 status=0
    shift 2
    "$bwrt" tune --folder place --out out/tuning.json "$@" >said 2>&1 || status=$?
    [ "$status" -eq "$wanted" ] || fail "status $status, not $wanted: $*: $(cat said)"
    grep -qF -- "$words" said || fail "does not say '$words': $(cat said)"
    is_empty
}

tune() { "$bwrt" --json tune --folder place --out out/tuning.json --block-bytes 16k "$@" >said; }

# holds CONDITION: a Python expression over what was said, `by` being its candidates by name.
holds() {
    python3 - "$1" <<'PYTHON'
import json
import sys

it = json.load(open("said"))
by = {one["name"]: one for one in it.get("candidates", [])}
if not eval(f"({sys.argv[1]})", {"it": it, "by": by}):
    sys.exit(f"not so: {sys.argv[1]}: {it}")
PYTHON
}

the_file_is_taken_and_both_parts_are_those_of_a_replay() {
    tune --generate agent --seconds 40 --dram 16m --disk 512m --train 0.4
    holds 'len(by) == 9 and sum("rest" in one for one in by.values()) == 4 and "rest" in by["default"]'
    holds 'it["first_request_count"] == int(0.4 * it["request_count"])'
    local chosen written
    chosen=$(python3 -c 'import json; print(json.load(open("said"))["chosen"])')
    written=$(python3 -c "import json; one = {c['name']: c for c in json.load(open('said'))['candidates']}['$chosen']; print(one['first']['written_bytes'] + one['rest']['written_bytes'])")
    "$bwrt" --json replay --folder place --block-bytes 16k --mode model --generate agent \
        --seconds 40 --dram 16m --disk 512m --streams 4 --config out/tuning.json >said
    holds "it['disk_written_bytes'] == $written"
    [ "$(ls out)" = tuning.json ] && [ -z "$(ls -A place)" ] || fail "$(ls -AR place out)"
}

how_many_run_at_a_time_changes_nothing() {
    local jobs
    for jobs in 1 5; do
        tune --generate chat --seconds 40 --dram 8m --disk 256m --jobs "$jobs" \
            --prefetch-percent 20
        cp said "said-$jobs"
        cp out/tuning.json "file-$jobs"
    done
    holds 'len(by) == 17'
    diff said-1 said-5
    diff file-1 file-5
}

without_a_disk_nothing_is_written_and_no_candidate_is_about_it() {
    tune --generate chat --seconds 20 --dram 8m --disk 0
    holds 'list(by) == ["default", "eviction learned, write_touch_count 1", "eviction ranked, write_touch_count 1"]'
    holds 'by["default"]["rest"]["written_bytes"] == 0'
}

an_interrupted_tuning_leaves_nothing() {
    local status=0
    "$bwrt" tune --folder place --out out/tuning.json --generate agent --seconds 2000 --jobs 2 \
        >said 2>&1 &
    until compgen -G 'place/bwrt-replay-*/bwrt-replay-*' >/dev/null; do
        kill -0 $! || fail "it ended by itself: $(cat said)"
        sleep 0.01
    done
    kill -INT $!
    wait $! || status=$?
    [ "$status" -eq 130 ] || fail "status $status: $(cat said)"
    is_empty
}

what_somebody_has_is_not_written_over() {
    "$bwrt" trace --generate chat --seconds 20 --write trace.jsonl >/dev/null
    echo notes >notes.txt
    cp trace.jsonl kept.jsonl
    local status=0
    "$bwrt" tune trace.jsonl --folder place --out trace.jsonl >said 2>&1 || status=$?
    [ "$status" -eq 2 ] && grep -q -- '--out: trace.jsonl is the trace' said || fail "$(cat said)"
    cmp trace.jsonl kept.jsonl
    status=0
    "$bwrt" tune trace.jsonl --folder place --out notes.txt >said 2>&1 || status=$?
    [ "$status" -eq 2 ] && grep -q 'notes.txt is not a tuning file' said || fail "$(cat said)"
    [ "$(cat notes.txt)" = notes ] || fail "notes.txt: $(cat notes.txt)"
    status=0
    "$bwrt" replay trace.jsonl --folder place --mode model --report trace.jsonl >said 2>&1 ||
        status=$?
    [ "$status" -eq 2 ] && grep -q -- '--report: trace.jsonl is the trace' said || fail "$(cat said)"
    cmp trace.jsonl kept.jsonl
    : >out/tuning.json
    tune trace.jsonl --dram 8m --disk 0
    tune trace.jsonl --dram 8m --disk 0
    grep -q bwrt_tuning out/tuning.json
}

a_wrong_tune_command_line_is_refused() {
    refused 2 'either a trace in a file or --generate'
    refused 2 '--train' --generate chat --train 0.99
    refused 2 '--policy' --generate chat --policy ranked
    refused 2 '--jobs' --generate chat --jobs 0
    refused 2 'plans and a tier on disk are needed' --generate chat --seconds 5 --disk 0 \
        --prefetch-percent 10
    printf '{"timestamp": 0, "input_length": 512, "output_length": 1, "hash_ids": [1]}\n' >one.jsonl
    refused 2 'a trace of one request has no rest' one.jsonl
    printf '{"timest' >>one.jsonl
    refused 2 'one.jsonl: line 2' one.jsonl
    local status=0
    "$bwrt" tune --generate chat --seconds 5 --folder place --out nowhere/t.json >said 2>&1 || status=$?
    [ "$status" -eq 1 ] || fail "status $status"
    grep -qF 'nowhere/t.json: No such file' said || fail "$(cat said)"
}

"$test_case"
