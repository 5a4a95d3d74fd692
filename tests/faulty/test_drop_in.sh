#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# test_drop_in.sh CASE SOURCE_FOLDER BUILD_FOLDER — unchanged programs on the fault-injecting
# library, in a folder of their own.  A case is a function; it fails with the first command that
# does.
#
# The engine's loop (examples/engine_loop.c) is run under one plan a case, and its counts are what
# the plan says, as far as they do not depend on how fast the machine is.
set -euo pipefail

test_case=$1
sources=$2
build=$3
real=$build/libbwrt.so
faulty=$build/bwrt-faults/libbwrt.so.0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
unset BWRT_FAULTS

fail() {
    echo "$*" >&2
    exit 1
}

# under PLAN COMMAND...
under() {
    BWRT_FAULTS=$1 LD_LIBRARY_PATH=$build/bwrt-faults "${@:2}"
}

# loop PLAN [ARGUMENTS...]: its counts become variables
loop() {
    under "$1" "$build/examples/engine_loop" cache "${@:2}" >said || fail "$(cat said)"
    cat said
    grep -qE '^io=[0-9]+ ' said || fail "no counts"
    while IFS='=' read -r name value; do declare -g "$name=$value"; done < <(tr ' ' '\n' <said)
}

expect() { # CONDITION over the counts
    (($1)) || fail "not so: $1"
}

without_the_library_nothing_fails() {
    BWRT_FAULTS='any:eio' LD_LIBRARY_PATH=$build "$build/examples/engine_loop" cache 100 10000 >said
    grep -q '^io=0 truncated=0 .* failed=0 corrupt=0$' said || fail "$(cat said)"
}

an_unchanged_program_fails_as_it_is_told() {
    head -c 5000 /dev/urandom >file
    under '' "$build/examples/epoll_loop" file | grep -q '^5000 bytes in 1 waves'
    ! under 'read:eio@1' "$build/examples/epoll_loop" file 2>said || fail "nothing failed"
    grep -q '^a wave ended with E_IO, os_code 5$' said || fail "$(cat said)"
    under 'read:eio@2' "$build/examples/epoll_loop" file | grep -q '^5000 bytes in 1 waves'
    ! under 'read:hang' "$build/examples/hello" file >said || fail "nothing failed"
    grep -q '^E_LATE: 0 bytes' said || fail "$(cat said)"
}

a_wrong_plan_is_said_by_the_program() {
    ! under 'read:eoi' "$build/examples/hello" "$0" 2>said || fail "it was taken"
    grep -q '^E_INVAL: BWRT_FAULTS: "read:eoi": no fault "eoi"; there are ' said || fail "$(cat said)"
}

it_can_be_preloaded() {
    ! BWRT_FAULTS='read:eio' LD_PRELOAD=$faulty LD_LIBRARY_PATH=$build \
        "$build/examples/epoll_loop" "$0" 2>said || fail "nothing failed"
    grep -q '^a wave ended with E_IO, os_code 5$' said || fail "$(cat said)"
}

the_library_for_use_has_nothing_of_it() {
    local word
    for word in BWRT_FAULTS FaultyStorage FaultPlan fault-injecting; do
        ! grep -qa "$word" "$real" || fail "$real has $word"
        grep -qa "$word" "$faulty" || fail "$faulty has no $word"
    done
}

its_face_is_the_same() {
    "$sources/tools/check_symbols.sh" "$faulty"
}

a_loop_without_faults_loads_most_and_fails_nothing() {
    loop '' 200 10000 0
    expect 'wrong == 0 && io + truncated + late + failed + corrupt + no_space == 0'
    expect 'loaded > computed && stored >= 64'
}

errors_of_reads_are_counted_and_computed() {
    loop 'read:eio@3..5; read:enomem@20' 200 2000 0
    expect 'wrong == 0 && io == 3 && failed == 1 && corrupt == 0 && stored >= 68'
}

a_bad_sector_is_met_again_and_again() {
    loop 'read:eio at=81920' 200 2000 0
    expect 'wrong == 0 && io > 5 && loaded > 0'
    loop 'any:eio at=81920' 200 2000 0
    expect 'wrong == 0 && io == 0 && not_stored > 0 && stored >= 63'
}

flips_are_found_by_the_checksum() {
    loop 'read:flip@2; read:flip@30..33' 200 2000 0
    expect 'wrong == 0 && corrupt == 5'
    loop 'read:flip' 200 2000 0
    expect 'wrong == 0 && loaded == 0 && corrupt > 0'
}

torn_and_lost_writes_are_found_by_the_checksum() {
    loop 'write:torn@2; write:lost@4' 200 2000 0
    expect 'wrong == 0 && corrupt + truncated == 2 && stored >= 66'
}

a_file_that_ends_too_soon_is_seen_as_such() {
    loop 'write:lost at=1032192' 200 2000 0
    expect 'wrong == 0 && truncated > 2 && corrupt == 0'
}

no_space_is_no_error_of_a_request() {
    loop 'write:enospc@1..2; write:edquot@3; write:efbig@4' 200 2000 0
    expect 'wrong == 0 && no_space == 4 && io == 0 && stored >= 64'
    loop 'write:enospc@10+' 200 2000 0
    expect 'wrong == 0 && stored == 9 && no_space > 0'
}

what_hangs_is_late_and_no_more() {
    loop 'read:hang@5' 200 2000 0
    expect 'wrong == 0 && late == 1'
    loop 'write:hang@1..3' 200 500 0
    expect 'wrong == 0 && stored >= 64 && not_stored >= 3'
    loop 'any:hang' 20 60000
    expect 'wrong == 0 && stored == 0 && loaded == 0'
}

slow_writes_make_it_wait_its_turn() {
    loop 'write:delay=20ms' 100 2000
    expect 'wrong == 0 && again + not_stored > 0 && io + failed == 0'
}

slow_reads_are_cancelled_with_their_clients() {
    loop 'read:delay=5ms' 64 2000
    expect 'wrong == 0 && cancelled > 0 && io + failed == 0'
}

short_full_and_reordered_is_not_seen() {
    loop 'any:short%50; any:reorder%50; start:full%20; any:eintr%10' 200 2000 0
    expect 'wrong == 0 && io + truncated + late + failed + corrupt + no_space == 0 && loaded > 0'
}

everything_at_once_lets_no_wrong_byte_through() {
    local seed
    for seed in 1 2 3; do
        loop "seed=$seed; any:eio%5; read:flip%5; write:torn%5; write:lost%5; any:short%20; \
any:delay=1ms%20; any:reorder%20; start:full%10; read:hang%0.5" 100 100
        expect 'wrong == 0 && io > 0 && corrupt > 0'
    done
}

"$test_case"
