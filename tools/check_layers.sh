#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# check_layers.sh [ROOT] — dependencies point one way.
#
#   ringbuf  <--  runtime  -->  planner        backends know the seam and leaf headers only;
#                    |                         the planner has no clock, no thread and no I/O;
#                    v                         clients (tests/abi, examples, bindings) know bwrt.h;
#                 backend  <--  faulty         nobody knows the fault-injecting world, and of the
#                    ^--------  model          modelled one replays its header alone; bench
#                                              measures through bwrt.h, and ringbuf, planner
#                                              and the block index themselves; the command knows
#                                              bwrt.h, and the files of a store, and
#                                              asks the planner; of it traces and what
#                                              replays them (tools/replay) stand alone
#
# Each rule says what the files of a folder may include; all else is named with its line.
# Prints one line "ok" or "not ok" for each rule; the status is 0 when all are ok.
set -uo pipefail

root=${1:-$(dirname "${BASH_SOURCE[0]}")/..}
cd -- "$root" || exit 2
failed=0

# includes FOLDER: "file:line:<header>" or "file:line:"header"" of every include below it.
includes() {
    [ -d "$1" ] || return 0
    find "$1" -type f \( -name '*.h' -o -name '*.hpp' -o -name '*.c' -o -name '*.cpp' -o -name '*.cu' \) \
        -print0 | sort -z | xargs -0 -r grep -nHE '^[[:space:]]*#[[:space:]]*include' |
        sed -E 's/^([^:]+:[0-9]+:)[[:space:]]*#[[:space:]]*include[[:space:]]*/\1/'
}

verdict() { # RULE OFFENDERS
    if [ -z "$2" ]; then
        echo "ok $1"
    else
        echo "not ok $1"
        printf '%s\n' "$2" | sed 's/^/    /'
        failed=1
    fi
}

# ours_only RULE FOLDER PATTERN: quoted includes match PATTERN, the whole path.
ours_only() {
    verdict "$1" "$(includes "$2" | grep -E '^[^:]+:[0-9]+:"' |
        grep -vE "^[^:]+:[0-9]+:\"($3)\"")"
}

# never RULE FOLDER PATTERN: no include, of either form, matches PATTERN.
never() {
    verdict "$1" "$(includes "$2" | grep -E "^[^:]+:[0-9]+:[<\"]($3)[>\"]")"
}

for folder in ringbuf planner runtime/backend runtime/faulty runtime/model include tests/abi; do
    [ -n "$(includes "$folder")" ] || { echo "not ok $folder has sources to look at"; failed=1; }
done
ours_only "ringbuf includes nothing of ours but itself" ringbuf 'ringbuf/[^"]*'
ours_only "planner includes nothing of ours but itself" planner 'planner/[^"]*'
never "planner has no clock, no thread and no I/O" planner \
    'thread|mutex|shared_mutex|condition_variable|future|semaphore|latch|barrier|stop_token|pthread\.h|chrono|ctime|time\.h|fstream|iostream|filesystem|unistd\.h|fcntl\.h|poll\.h|liburing\.h|sys/[^>"]*|linux/[^>"]*'
ours_only "a backend includes the seam, ringbuf and leaf headers only" runtime/backend \
    '(include/)?bwrt\.h|ringbuf/[^"]*|runtime/backend/[^"]*\.h|runtime/(check|status|memory|stream_copy)\.h'
ours_only "the fault-injecting world includes the seam and leaf headers only" runtime/faulty \
    '(include/)?bwrt\.h|runtime/backend/backend\.h|runtime/faulty/[^"]*|runtime/(check|status|memory)\.h'
verdict "the fault-injecting world is known to itself and to tests only" \
    "$(for folder in ringbuf planner runtime bench tools; do includes "$folder"; done |
        grep -E ':["<]runtime/faulty/' | grep -vE '^runtime/faulty/')"
ours_only "the modelled world includes the runtime only" runtime/model \
    '(include/)?bwrt\.h|runtime/[^"]*'
never "the modelled world knows no real one" runtime/model \
    'runtime/(faulty/[^">]*|backend/[^b"][^">]*|stream_copy\.h)'
verdict "the modelled world is known to itself, to tests and, by its header, to replays only" \
    "$(for folder in ringbuf planner runtime bench tools; do includes "$folder"; done |
        grep -E ':["<]runtime/model/' | grep -vE '^runtime/model/' |
        grep -vE '^tools/replay/[^:]*:[0-9]+:"runtime/model/bwrt_model\.h"')"
verdict "liburing is known to backends only" \
    "$(for folder in ringbuf planner runtime; do includes "$folder"; done |
        grep -E ':<liburing[^>]*>' | grep -vE '^runtime/backend/')"
verdict "CUDA is known to its backend only" \
    "$(for folder in ringbuf planner runtime bench tools include; do includes "$folder"; done |
        grep -E ':(<cuda[^>]*>|["<]runtime/backend/cuda/)' | grep -vE '^runtime/backend/cuda/')"
verdict "OpenSSL is known to sha256.cpp only" \
    "$(for folder in ringbuf planner runtime bench tools; do includes "$folder"; done |
        grep -E ':<openssl/[^>]*>' | grep -vE '^runtime/store/sha256\.cpp:')"
never "nothing we ship includes a test" runtime 'tests/[^>"]*'
ours_only "tests of the promise include bwrt.h only" tests/abi 'bwrt\.h|bindings/layout\.def|tests/(abi|support)/[^"]*'
ours_only "bench includes bwrt.h, its own files, ringbuf, planner, traces and policies only" bench \
    'bwrt\.h|(bench|ringbuf|planner)/[^"]*|tools/replay/(trace[^"/]*|policies/[^"]*)|runtime/store/(index|log|root|tenant)\.h'
verdict "of bench only the index's benchmark knows the block index" \
    "$(includes bench | grep -E ':["<]runtime/store/index\.h' | grep -vE '^bench/index\.cpp:')"
verdict "of bench only that of a killed store writes a log" \
    "$(includes bench | grep -E ':["<]runtime/store/(log|root|tenant)\.h' |
        grep -vE '^bench/recovery\.cpp:')"
verdict "of bench only the policy's benchmark knows traces" \
    "$(includes bench | grep -E ':["<]tools/replay/' | grep -vE '^bench/(policy|predict)[^/]*:[0-9]+:')"
verdict "of bench only the ring's benchmark knows ringbuf" \
    "$(includes bench | grep -E ':["<]ringbuf/' | grep -vE '^bench/ring[^/]*:[0-9]+:')"
verdict "of bench only the policy's benchmark knows planner" \
    "$(includes bench | grep -E ':["<]planner/' | grep -vE '^bench/(plan|policy|predict)[^/]*:[0-9]+:')"
ours_only "the bwrt command includes bwrt.h, its own files, bench's loops, planner and the store only" \
    tools 'bwrt\.h|(tools|bench|planner|runtime/store)/[^"]*|runtime/model/bwrt_model\.h'
verdict "of the bwrt command only \`bwrt plan\` and replays know planner" \
    "$(includes tools | grep -E ':["<]planner/' |
        grep -vE '^tools/((cmd_)?plan_?[^/]*|replay/[^:]*):[0-9]+:')"
ours_only "a replay includes bwrt.h, its own files, planner and how the command speaks only" \
    tools/replay 'bwrt\.h|(tools/replay|planner)/[^"]*|tools/output\.h|runtime/model/bwrt_model\.h'
verdict "zstd is known to line_source.cpp only" \
    "$(for folder in ringbuf planner runtime bench tools; do includes "$folder"; done |
        grep -E ':<zstd[^>]*>' | grep -vE '^tools/replay/line_source\.cpp:')"
verdict "of the bwrt command only \`bwrt store\` knows the store" \
    "$(includes tools | grep -E ':["<]runtime/store/' | grep -vE '^tools/(cmd_)?store_?[^/]*:[0-9]+:')"
verdict "of the bwrt command only the command line knows CLI11" \
    "$(includes tools | grep -E ':<CLI/[^>]*>' | grep -vE '^tools/command_line[^:]*:')"
ours_only "examples include bwrt.h and each other only" examples '[^"/]*'
ours_only "bindings include bwrt.h only" bindings 'bwrt\.h|bindings/[^"]*'
verdict "the public header includes <stdint.h> only" \
    "$(includes include | grep -vE ':<stdint\.h>')"
exit "$failed"
