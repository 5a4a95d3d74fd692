#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# test_trace.sh CASE BWRT — one case of the tests of `bwrt trace`, in a folder of its own.  A case is
# a function; it fails with the first command that does.
#
# What is counted and what is drawn is tested in test_trace_*.cpp.  Here it is that it reaches who
# asks, that what is wrong is named, and that nothing is left of it.
set -euo pipefail

test_case=$1
bwrt=$2
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
says() { tr -s ' ' <said | sed 's/^ //; s/ $//' | grep -qxF -- "$*" || fail "does not say '$*': $(cat said)"; }

trace() { "$bwrt" trace "$@" >said; }

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

write_small() {
    cat >small.jsonl <<'END'
{"timestamp": 0, "input_length": 1100, "output_length": 10, "hash_ids": [1, 2, 3]}
{"timestamp": 30000, "input_length": 1500, "output_length": 20, "hash_ids": [1, 2, 4], "tenant": "blue"}
{"timestamp": 60000, "input_length": 500, "output_length": 30, "hash_ids": [5], "tenant": "blue", "session_id": "x"}
END
}

a_trace_is_shown_with_what_was_counted() {
    write_small
    trace small.jsonl
    says 'small.jsonl: 1 session, blocks of 512 tokens'
    says 'requests 3'
    says 'seconds 60'
    says 'references to blocks 7'
    says 'blocks 5'
    says 'hit ceiling, % 28.57'
    says 'input tokens, mean p50 p90 p99 1033 / 1100 / 1500 / 1500'
    says 'reuse time s, p50 p90 p99 30.0 / 30.0 / 30.0'
    says '(none) 1 33.3 % 0.00 %'
    says 'blue 2 66.7 % 50.00 %'
    trace small.jsonl --block-tokens 100
    says '3 requests whose number of blocks is not that of their tokens'
    sed -i 's/60000/29000/' small.jsonl
    trace small.jsonl
    says '1 requests told after a later one, by 1.000 s at most: they arrive with it'
}

a_trace_is_read_plain_packed_and_from_standard_input() {
    write_small
    trace small.jsonl --json
    sed -i '/"trace":/d' said && mv said plain
    zstd -q small.jsonl -o packed
    for from in packed -; do
        trace "$from" --json <packed
        sed '/"trace":/d' said | cmp - plain
    done
}

a_drawn_trace_stands_beside_the_one_that_it_imitates() {
    trace --generate chat --seconds 60
    grep -q '^ *here  *Mooncake conversation$' said
    tr -s ' ' <said | grep -qx ' requests [0-9]* 12031'
    tr -s ' ' <said | grep -qx ' between arrivals s, mean p99 [0-9.]* / [0-9.]* 0.294 / -'
    grep -q '^Mooncake conversation: conversation_trace.jsonl of kvcache-ai/Mooncake' said
    trace --generate agent --seconds 30 --json
    holds 'it["published"]["hit_ceiling"] == 0.9596 and it["statistics"]["input_tokens"]["p50"] > 50000'
    holds 'it["published"]["reuse_s"] == {"p50": 15, "p90": 101, "p99": 913}'
    trace --generate rollout --seconds 60 --json
    holds '"published" not in it and it["block_tokens"] == 64'
    trace --generate tenants --seconds 60
    tr -s ' ' <said | grep -q '^ tenant-1 .* 12.5 %$'
}

a_drawn_trace_is_the_same_each_time_and_what_is_asked_for() {
    trace --generate eval --seconds 20 --seed 5 --json && mv said first
    trace --generate eval --seconds 20 --seed 5 --json && cmp said first
    trace --generate eval --seconds 20 --seed 6 --json && ! cmp -s said first
    trace --generate eval --seconds 20 --rate 50 --block-tokens 16 --json
    holds '800 < it["statistics"]["requests"] < 1200 and it["block_tokens"] == 16'
}

a_written_trace_is_read_back_as_the_same() {
    local kind
    for kind in chat agent rollout eval tenants; do
        trace --generate "$kind" --seconds 60 --json --write written.jsonl
        mv said drawn
        trace written.jsonl --json
        python3 - "$kind" <<'PYTHON'
import json
import sys

drawn, read = (json.load(open(name)) for name in ("drawn", "said"))
for it in (drawn, read):
    for tenant in it["tenants"]:
        del tenant["quota_milli"]
    it["tenants"] = sorted((t for t in it["tenants"] if t["requests"]), key=lambda t: t["name"])
    del it["trace"]
drawn.pop("published", None)
assert drawn == read, f"{sys.argv[1]} is another when it is read: {drawn}: {read}"
PYTHON
    done
    python3 - <<'PYTHON'
import json

keys = {"timestamp", "input_length", "output_length", "hash_ids", "session_id", "tenant"}
for line in open("written.jsonl"):
    it = json.loads(line)
    assert set(it) == keys, it
    assert all(type(it[key]) is int for key in keys - {"hash_ids", "tenant"}), it
    assert len(it["hash_ids"]) in (it["input_length"] // 512, -(-it["input_length"] // 512)), it
PYTHON
    [ "$(ls)" = "$(printf 'drawn\nsaid\nwritten.jsonl')" ]
}

a_wrong_trace_is_refused_by_line_and_field_and_nothing_is_left() {
    write_small
    echo '{"timestamp": 61000, "input_length": 1, "output_length": 1, "hash_ids": [2]}' >>small.jsonl
    refused 2 'bwrt: small.jsonl: line 4: hash_ids[0]: 2 begins a prompt here and follows 1 in a request above it' \
        "$bwrt" trace small.jsonl --write out.jsonl
    [ ! -e out.jsonl ]
    : >empty
    refused 2 'empty: the trace has no requests' "$bwrt" trace empty
    refused 1 'missing: No such file or directory' "$bwrt" trace missing
    refused 2 '.: Is a directory' "$bwrt" trace .
    head -c 300 small.jsonl >cut.jsonl
    refused 2 'cut.jsonl: line 3: ' "$bwrt" trace cut.jsonl
    "$bwrt" trace small.jsonl --json >said 2>/dev/null || true
    holds 'it["error"]["code"] == "E_FORMAT" and "line 4" in it["error"]["sentence"]'
}

an_output_that_cannot_be_written_leaves_what_was_there() {
    refused 1 'no/where.jsonl: No such file or directory' \
        "$bwrt" trace --generate chat --seconds 5 --write no/where.jsonl
    echo old >out.jsonl
    (ulimit -f 4 && trap '' XFSZ &&
        refused 1 'out.jsonl: File too large' "$bwrt" trace --generate agent --seconds 60 --write out.jsonl)
    [ "$(cat out.jsonl)" = old ]
    mkfifo pipe
    refused 1 'pipe is not a regular file' \
        "$bwrt" trace --generate chat --seconds 5 --write pipe
    [ -p pipe ]
    [ "$(ls)" = "$(printf 'out.jsonl\npipe\nsaid')" ]
}

an_interrupted_write_leaves_nothing_behind() {
    local status=0 trace
    "$bwrt" trace --generate agent --seconds 2400 --block-tokens 64 --write out.jsonl >said 2>&1 &
    trace=$!
    until compgen -G '*out.jsonl*' >/dev/null; do
        kill -0 "$trace" || fail "it ended by itself: $(cat said)"
    done
    kill -INT "$trace"
    wait "$trace" || status=$?
    [ "$status" -eq 130 ] || fail "status $status: $(cat said)"
    [ "$(ls -A)" = said ] || fail "left behind: $(ls -A)"
}

names_in_a_trace_cannot_write_on_the_terminal() {
    echo '{"timestamp": 0, "input_length": 1, "output_length": 1, "hash_ids": [1], "tenant": "a\u001b[31m\nb"}' \
        >names.jsonl
    "$bwrt" trace names.jsonl >said
    grep -q '^  a?\[31m?b  *1 ' said || fail "$(cat -v said)"
    "$bwrt" replay names.jsonl --speed 0 --block-bytes 16k >said
    grep -q 'p99 of a?\[31m?b  ' said || fail "$(cat -v said)"
}

a_wrong_trace_command_line_is_refused() {
    write_small
    refused 2 'takes either a trace in a file or --generate' "$bwrt" trace
    refused 2 '--generate' "$bwrt" trace small.jsonl --generate chat
    refused 2 '--generate' "$bwrt" trace --generate dance
    refused 2 '--seed' "$bwrt" trace small.jsonl --seed 3
    refused 2 '--rate' "$bwrt" trace --generate chat --rate 0
    refused 2 '--rate: Value nan' "$bwrt" trace --generate chat --seconds 2 --rate nan
    refused 2 '--seconds' "$bwrt" trace --generate chat --seconds 0
    refused 2 '--block-tokens' "$bwrt" trace small.jsonl --block-tokens 0
    refused 2 '--rate: 100000 requests a second are more than 16777216 in 600 s and the 7200 s' \
        "$bwrt" trace --generate agent --rate 100000
    refused 0 '--generate KIND' "$bwrt" trace --help
    refused 2 'rollout' "$bwrt" trace --generate dance
}

"$test_case"
