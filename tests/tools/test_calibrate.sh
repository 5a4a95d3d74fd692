#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# test_calibrate.sh CASE BWRT OTHER_FILE_SYSTEM — one case of the tests of `bwrt calibrate`, in a
# folder of its own below the current one, which should lie on a disk.  A case is a function; it
# fails with the first command that does, and is skipped with status 77 where the machine does not
# have what it needs.
set -euo pipefail

test_case=$1
bwrt=$2
other_file_system=$3
folder=$(mktemp -d -p "$PWD" calibrate-XXXXXX)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

fail() {
    echo "$*" >&2
    exit 1
}

skip() {
    echo "skipped: $*"
    exit 77
}

# refused STATUS WORDS COMMAND...: it ends with STATUS and says WORDS.
refused() {
    local expected=$1 words=$2 status=0
    shift 2
    "$@" >said 2>&1 || status=$?
    [ "$status" -eq "$expected" ] || fail "status $status, not $expected: $*: $(cat said)"
    grep -qF -- "$words" said || fail "does not say '$words': $(cat said)"
}

# only NAME...: the folder holds these files, what was said, and no other.
only() {
    local left
    left=$(find . -mindepth 1 -type f ! -name said -printf '%P\n' | sort | xargs)
    [ "$left" = "$(printf '%s\n' "$@" | sort | xargs)" ] || fail "it holds '$left', not '$*'"
}

needs_a_disk() {
    case $(stat -f -c %T .) in tmpfs | ramfs) skip "$PWD is in memory" ;; esac
    dd if=/dev/zero of=probe bs=4096 count=1 oflag=direct 2>said || skip "$(cat said)"
    rm probe said
}

# Every contestant in every question, for no longer than it takes to have run.
calibrate() { "$bwrt" calibrate "$@" --bytes 64m --rounds 1 --seconds 0.001; }

# For what is refused at once: this would take hours.
calibrate_for_hours() { timeout 60 "$bwrt" calibrate "$@" --bytes 64m --rounds 1000 --seconds 60; }

# holds FILE CONDITION: JSON, and a Python expression over it.
holds() {
    python3 - "$1" "$2" <<'PYTHON'
import json
import sys

it = json.load(open(sys.argv[1]))
if not eval(f"({sys.argv[2]})", {"it": it}):
    sys.exit(f"not so: {sys.argv[2]}: {it}")
PYTHON
}

# plant FILE DEVICE [MACHINE]: a table.
plant() {
    "$bwrt" caps --json >caps
    python3 - "$@" <<'PYTHON'
import json
import sys

machine = sys.argv[3] if len(sys.argv) > 3 else json.load(open("caps"))["machine"]
device = {"device": sys.argv[2], "queue_depth": 77, "io_bytes": 131072, "staging_count": 5,
          "stage_from_bytes": 8192}
json.dump({"bwrt_calibration": 1, "machine": machine, "devices": [device]},
          open(sys.argv[1], "w"))
PYTHON
    rm caps
}

a_short_calibration_writes_a_table_that_is_taken() {
    needs_a_disk
    calibrate . >said
    only bwrt-calibration.json
    [ "$(stat -c %a bwrt-calibration.json)" = 644 ] || fail "mode $(stat -c %a *.json)"
    [ "$(grep -cE '^(depth|request|own pages|own huge pages|ordinary pages|staged) +[0-9.]+ [KM]iB ' said)" \
        -eq 22 ] ||
        fail "$(cat said)"
    grep -qE '^queue depth +[0-9]+: ' said
    grep -qE '^request +[0-9.]+ [KM]iB: ' said
    grep -qE '^staging +(none: |from )' said
    grep -qxF "set bwrt_config.calibration to \"$(pwd -P)/bwrt-calibration.json\"" said
    holds bwrt-calibration.json 'it["bwrt_calibration"] == 1 and len(it["devices"]) == 1'
    holds bwrt-calibration.json 'set(it["devices"][0]) == {"device", "directory", "made",
        "queue_depth", "io_bytes", "staging_count", "stage_from_bytes", "huge_pages",
        "measured"}'
    holds bwrt-calibration.json "it['devices'][0]['directory'] == '$PWD'"
    holds bwrt-calibration.json 'len(it["devices"][0]["measured"]) == 22'
    holds bwrt-calibration.json 'all(row["gb_per_s"] > 0 and row["cpu_ms_per_gb"] >= 0
        for row in it["devices"][0]["measured"])'
    "$bwrt" caps --calibration bwrt-calibration.json >said
    grep -qE '^calibration +bwrt-calibration.json; [0-9]+:[0-9]+: depth ' said || fail "$(cat said)"
}

a_calibration_speaks_json() {
    needs_a_disk
    calibrate . --output table.json --json >said
    only table.json
    cmp said table.json
    holds said '[row["what"] for row in it["devices"][0]["measured"]] ==
        ["depth"] * 5 + ["request"] * 5 + ["own pages", "own huge pages"] +
        ["ordinary pages", "staged"] * 5'
    holds said 'it["devices"][0]["queue_depth"] in (8, 16, 32, 64, 128)'
    (calibrate missing --json 2>/dev/null || true) >said
    holds said 'it["error"]["sentence"] == "missing: No such file or directory"'
}

other_devices_are_kept_and_another_machine_is_not() {
    needs_a_disk
    local number
    number=$(stat -c '%Hd:%Ld' .)
    plant table.json 4095:9
    calibrate . --output table.json >said
    holds table.json '[one["queue_depth"] == 77 for one in it["devices"]] == [True, False]'
    plant table.json "$number"
    calibrate . --output table.json >said
    holds table.json "[one['device'] for one in it['devices']] == ['$number']"
    holds table.json 'it["devices"][0]["queue_depth"] != 77'
    plant table.json 4095:9 'a typewriter'
    calibrate . --output table.json >said
    holds table.json 'it["machine"] != "a typewriter"'
    holds table.json "[one['device'] for one in it['devices']] == ['$number']"
    only table.json
}

caps_show_what_a_table_changes() {
    plant table.json 4095:9
    "$bwrt" caps --calibration table.json >said
    grep -qxE 'queue_depth +77' said || fail "$(cat said)"
    grep -qE '^calibration +table.json; 4095:9: depth 77, 128 KiB a request, staged' said
    "$bwrt" caps --calibration table.json --json >said
    holds said 'it["limits"]["staging_count"] == 5 and "4095:9" in it["calibration_reason"]'
    "$bwrt" caps >said
    grep -qxE 'calibration +none' said || fail "$(cat said)"
    grep -qE '^machine +.*, [0-9]+ cores, Linux [0-9]' said || fail "$(cat said)"
    "$bwrt" caps --json >said
    holds said 'it["limits"]["queue_depth"] == 128 and it["calibration_reason"] == ""'
    plant table.json 4095:9 'a typewriter'
    "$bwrt" caps --calibration table.json >said
    grep -q '^calibration .* is not used: it was made on "a typewriter"' said || fail "$(cat said)"
    grep -qxE 'queue_depth +128' said
    printf '{' >table.json
    refused 1 'table.json: not JSON at byte' "$bwrt" caps --calibration table.json
    refused 1 'missing: ENOENT' "$bwrt" caps --calibration missing
    ("$bwrt" caps --calibration missing --json 2>/dev/null || true) >said
    holds said 'it["error"]["code"] == "E_IO"'
}

# Once when the file has appeared, most likely while it is filled, and once when it is read, which
# more than one thread does.
an_interrupted_calibration_leaves_nothing_behind() {
    needs_a_disk
    local signal tasks=1 calibration status
    plant table.json 4095:9
    for signal in INT TERM; do
        "$bwrt" calibrate . --output table.json --bytes 64m --rounds 1000 --seconds 60 >said 2>&1 &
        calibration=$!
        until compgen -G '.bwrt-bench-*' >/dev/null &&
            [ "$(find "/proc/$calibration/task" -mindepth 1 -maxdepth 1 | wc -l)" -ge "$tasks" ]; do
            kill -0 "$calibration" || fail "it ended by itself: $(cat said)"
            sleep 0.01
        done
        kill -"$signal" "$calibration"
        status=0
        wait "$calibration" || status=$?
        [ "$status" -eq 130 ] || fail "status $status: $(cat said)"
        grep -qx 'bwrt: interrupted' said || fail "$(cat said)"
        only table.json
        holds table.json '[one["queue_depth"] for one in it["devices"]] == [77]'
        tasks=2
    done
}

a_wrong_calibrate_command_line_is_refused() {
    refused 2 'DIR' "$bwrt" calibrate
    refused 2 '--bytes' "$bwrt" calibrate . --bytes 60m
    refused 2 '--bytes' "$bwrt" calibrate . --bytes 65m
    refused 2 '--rounds' "$bwrt" calibrate . --rounds 0
    refused 2 '--seconds' "$bwrt" calibrate . --seconds 0
    refused 2 '--output is empty' "$bwrt" calibrate . --output ''
    only
}

a_folder_that_cannot_be_measured_is_refused() {
    printf 'as before' >file
    refused 1 'missing: No such file or directory' calibrate_for_hours missing
    refused 1 'file is not a folder' calibrate_for_hours file
    refused 1 '/proc/.bwrt-bench-' calibrate_for_hours /proc
    [ "$(cat file)" = 'as before' ] || fail "the file changed"
    if [ "$(stat -f -c %T /dev/shm)" = tmpfs ]; then
        refused 1 '/dev/shm is in memory (tmpfs): there is no device' calibrate_for_hours /dev/shm
    fi
    only file
}

# In a world of its own, in which it may mount.
alone() { unshare --mount --map-root-user bash -euo pipefail -c "$@"; }

a_read_only_folder_is_refused() {
    alone 'mount --bind . . && mount -o remount,bind,ro .' 2>said || skip "$(cat said)"
    rm said
    mkdir fixed
    plant fixed/table.json 4095:9
    refused 1 'Read-only file system' alone 'mount --bind fixed fixed
        mount -o remount,bind,ro fixed
        timeout 60 "$0" calibrate fixed --output table.json --bytes 64m' "$bwrt"
    only fixed/table.json
    refused 1 'fixed/table.json: Read-only file system' alone 'mount --bind fixed fixed
        mount -o remount,bind,ro fixed
        timeout 60 "$0" calibrate . --output fixed/table.json --bytes 64m --rounds 1000 --seconds 60
        ' "$bwrt"
    only fixed/table.json
    holds fixed/table.json '[one["queue_depth"] for one in it["devices"]] == [77]'
}

# A limit on the size of files stands for a disk that is full.
a_folder_without_space_leaves_nothing_behind() {
    (
        ulimit -f 100
        refused 1 'File too large' calibrate_for_hours .
    )
    only
}

# The folder first, and then the table, which has no space only when it is written.
a_full_device_leaves_nothing_behind() {
    needs_a_disk
    truncate -s 8M image
    mkfs.ext4 -q -m 0 image
    mkdir full
    unshare --mount mount -o loop image full 2>said || skip "$(cat said)"
    plant table.json 4095:9
    refused 1 'No space left on device' unshare --mount bash -euo pipefail -c '
        mount -o loop image full
        status=0
        timeout 60 "$0" calibrate full --output table.json --bytes 64m || status=$?
        [ "$(ls -A full)" = lost+found ] || exit 3
        exit "$status"' "$bwrt"
    refused 1 'full/table.json: No space left on device' unshare --mount bash -euo pipefail -c '
        mount -o loop image full
        cp table.json full/
        ! cat /dev/zero 2>/dev/null >full/zeros
        while head -c 1024 /dev/zero 2>/dev/null >>full/zeros; do sync full/zeros; done
        status=0
        "$0" calibrate . --output full/table.json --bytes 64m --rounds 1 --seconds 0.001 ||
            status=$?
        cmp table.json full/table.json
        [ "$(ls -A full | xargs)" = "lost+found table.json zeros" ] || exit 3
        exit "$status"' "$bwrt"
    only image table.json
}

# Each before the measuring, which would take hours.
an_output_that_cannot_be_a_table_is_refused_and_stays() {
    needs_a_disk
    mkdir inside
    mkfifo pipe
    ln -s nothing link
    plant table.json 4095:9
    head -c 100 table.json >half
    sed 's/"queue_depth": 77/"queue_depth": 7777/' table.json >beyond
    printf 'my notes\n' >notes
    mkdir kept
    cp half beyond notes kept
    local stays='is not a calibration table and stays as it is: remove it or choose another'
    refused 1 "half $stays" calibrate_for_hours . --output half
    refused 1 "notes $stays" calibrate_for_hours . --output notes
    refused 1 'beyond: devices[0].queue_depth is not 1 to 4096' \
        calibrate_for_hours . --output beyond
    refused 1 'inside is not a regular file' calibrate_for_hours . --output inside
    refused 1 'pipe is not a regular file' calibrate_for_hours . --output pipe
    refused 1 '/dev/null is not a regular file' calibrate_for_hours . --output /dev/null
    refused 1 'link is a symbolic link to nothing' calibrate_for_hours . --output link
    refused 1 'none/table.json: No such file or directory' \
        calibrate_for_hours . --output none/table.json
    refused 1 '/proc/table.json: No such file or directory' \
        calibrate_for_hours . --output /proc/table.json
    local name
    for name in half beyond notes; do cmp "$name" "kept/$name"; done
    only beyond half notes table.json kept/beyond kept/half kept/notes
}

a_network_folder_is_measured_only_when_asked_for() {
    needs_a_disk
    export BWRT_TEST_FILE_SYSTEM=nfs
    refused 1 "is on a network file system (nfs), whose speed is others' too; --network" \
        env LD_PRELOAD="$other_file_system" timeout 60 "$bwrt" calibrate .
    only
    LD_PRELOAD=$other_file_system calibrate . --network >said
    only bwrt-calibration.json
}

a_folder_without_direct_io_is_refused() {
    export BWRT_TEST_FILE_SYSTEM=buffered
    refused 1 '. has no direct I/O: its files are read through the page cache' \
        env LD_PRELOAD="$other_file_system" timeout 60 "$bwrt" calibrate . --bytes 64m
    only
}

"$test_case"
