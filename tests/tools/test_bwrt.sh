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
    left=$(find . -name '.bwrt-copy-*')
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
    ! grep -Eq '^[a-z_ /IO]+ no *$' said || fail "$(cat said)"
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

"$test_case"
