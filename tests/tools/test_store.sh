#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# test_store.sh CASE BWRT WRITE_STORE — one case of the tests of `bwrt store`, in a folder of its own.
# A case is a function; it fails with the first command that does.
#
# The stores are write_store's, the damage is read_store.py's, which knows docs/format.md alone; so
# two hands that do not know each other agree on what is where.  What lies in the store is said in
# tests/store/planted_store.h; its blocks are called here by the first two digits of their identities.
set -euo pipefail

test_case=$1 bwrt=$2 write_store=$3
python=/usr/bin/python3  # the one that packages are for
read_store=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../store/read_store.py")
if ! "$python" -c "import xxhash" 2>/dev/null; then
    echo "skipped: python3-xxhash is not here"
    exit 77
fi
folder=$(mktemp -d)
writer=
trap '[ -z "$writer" ] || kill "$writer"; rm -rf "$folder"' EXIT
cd "$folder"
export BWRT_TEST_SEED=${BWRT_TEST_SEED:-$RANDOM}
echo "seed $BWRT_TEST_SEED"
umask 022

# As planted_store.h has it; the other form, of digits, is tried once.
head -c 32 /dev/zero | tr '\0' '\7' >secret
seven=(--tenant 7 --secret-file secret)

fail() {
    echo "$*" >&2
    exit 1
}

# refused STATUS WORDS COMMAND...: it ends with STATUS and says WORDS; also of what is not refused.
refused() {
    local expected=$1 words=$2 status=0
    shift 2
    "$@" >said 2>&1 || status=$?
    [ "$status" -eq "$expected" ] || fail "status $status, not $expected: $*: $(cat said)"
    grep -qF -- "$words" said || fail "does not say '$words': $(cat said)"
}

plant() {
    rm -rf store
    "$write_store" blocks store
}

# All that a store is: names, modes, times and bytes.
looks_of() { find "$1" -printf '%p %m %T@ %s\n' | sort && find "$1" -type f | sort | xargs sha256sum; }

# blocks_are EXPECTED: the first two digits of their identities, in their order on the disk.
blocks_are() {
    local there
    there=$("$bwrt" store list store | awk '{ printf "%s ", substr($3, 1, 2) }')
    [ "$there" = "$1" ] || fail "there are: $there"
}

# verify STATUS: what it finds, a line each: the fault, the block where it is one's, the chunks.
findings() {
    local expected=$1 status=0
    "$bwrt" store verify store "${seven[@]}" --json >verified || status=$?
    [ "$status" -eq "$expected" ] || fail "status $status, not $expected: $(cat verified)"
    "$python" - <<'EOF'
import json
said = json.load(open("verified"))
(shard,) = said["shards"]
assert said["right"] == (not shard["findings"])
assert said["damaged"] == sum("identity" in one for one in shard["findings"])
assert said["verified"] + said["damaged"] == said["blocks"] and said["unverified"] == 0
for one in shard["findings"]:
    print(*[one["fault"], *[one[key][:2] for key in ("identity",) if key in one], *one.get("chunks", [])])
EOF
}

nothing_is_found() {
    findings 0 >found
    [ ! -s found ] || fail "$(cat found)"
}

# finds WHAT... -- LINE...: after that damage those findings, and no other.
finds() {
    local damage=()
    while [ "$1" != -- ]; do
        damage+=("$1")
        shift
    done
    shift
    plant
    "$python" "$read_store" corrupt store "${damage[@]}"
    printf '%s\n' "$@" >expected
    findings 1 >found
    cmp expected found || fail "${damage[*]}: found $(cat found)"
    # And the sentences name what the object does.
    "$bwrt" store verify store "${seven[@]}" >said || true
    [ "$(grep -c '^0: ' said)" -eq $# ] || fail "$(cat said)"
    grep -q 'not all is right$' said || fail "$(cat said)"
}

stat_says_what_is_there() {
    "$write_store" blocks store further
    "$bwrt" store stat store --directory further >said
    grep -Eqx 'store [0-9a-f]{32}, format 1, made [0-9TZ:-]*, 2 directories, 1 shard' said || fail "$(cat said)"
    grep -q 'writer     none; the last was process [0-9]*$' said || fail "$(cat said)"
    "$bwrt" store stat store --directory further --json >said
    "$python" - <<'EOF'
import json
said = json.load(open("said"))
assert (said["format"], said["directories"]) == (1, 2) and len(said["store_id"]) == 32
(shard,) = said["shards"]
assert shard["name"] == "0" and not shard["writer_is_there"] and shard["writer_pid"] > 0
# 12 stored, 1 removed, 4 segments; opened and snapshot's end.
assert shard["log"] == {"found": True, "number": 3, "bytes": 4096 + 19 * 256, "records": 19,
                        "ignored_bytes": 0, "passed_over": 0}, shard["log"]
lengths = {"own": [100, 65536, 200000, 200000, 5000, 300000, 65537], "other": [70000, 4096]}
place = lambda n: -(-n // 4096) * 4096 + (4096 if n > 65536 else 0)
assert shard["blocks"] == 9 and shard["bytes"] == sum(map(sum, lengths.values()))
assert shard["live_bytes"] == sum(place(n) for all in lengths.values() for n in all)
assert shard["dead_bytes"] == 4096  # of the block that was removed
assert (shard["segment_bytes"], shard["segment_files"], shard["segment_file_bytes"]) == (1 << 20, 3, 3 << 20)
assert [(one["segment"], one["state"], int(one["generation"], 16)) for one in shard["segments"]] == [
    (0, "in_use", 1), (1, "in_use", 2), (4096, "in_use", 1)]
tenants = {one["space"] == said["space_0"]: one for one in shard["tenants"]}
assert len(tenants) == 2 and tenants[True]["blocks"] == 7 and tenants[False]["bytes"] == 74096
EOF
}

# read_store.py says what the log says; what follows from that is worked out here a second time.
list_is_what_the_log_says() {
    plant
    "$python" "$read_store" store >records
    "$bwrt" store list store --json >said
    "$python" - <<'EOF'
import json
live, generation = {}, {}
for one in map(json.loads, open("records")):
    key = (one["space"], one["identity"], one["part"])
    if one["kind"] == "segment":
        generation[one["segment"]] = one["generation"]
        live = {k: v for k, v in live.items() if v["segment"] != one["segment"]}
    elif one["kind"] == "removed":
        del live[key]
    elif one["kind"] == "stored" and one["generation"] == generation[one["segment"]]:
        live[key] = one
none = "0" * 64
expected = [{
    "shard": "0", "space": f"{one['space']:016x}", "identity": one["identity"], "part": one["part"],
    "length": one["length"], "layout_digest": f"{one['layout']:016x}", "root": f"{one['root']:016x}",
    "segment": one["segment"], "generation": f"{one['generation']:016x}", "offset": one["offset"],
    "parent": "" if one["parent"] == none else one["parent"], "parent_part": one["parent_part"],
    "closure": "prefix", "window": 0, "accesses": 0, "stored_s": one["stored"], "expires_s": 0,
} for one in sorted(live.values(), key=lambda one: (one["segment"], one["offset"]))]
said = json.load(open("said"))
assert said == {"blocks": expected, "listed": 8, "found": 8}, said
with open("expected", "w") as lines:
    for one in expected:
        parent = f"{one['parent']} {one['parent_part']}" if one["parent"] else "-"
        print(*[one[k] for k in ("shard", "space", "identity", "part", "length", "layout_digest", "segment",
                                 "offset")], parent, file=lines)
EOF
    "$bwrt" store list store | cmp expected -
}

list_shows_one_tenant_and_no_more_than_the_limit() {
    plant
    "$bwrt" store list store --limit 3 >said 2>rest
    [ "$(wc -l <said)" -eq 3 ] || fail "$(cat said)"
    grep -q "5 more" rest || fail "$(cat rest)"
    "$bwrt" store list store "${seven[@]}" | awk '{ print substr($3, 1, 2) }' >said
    printf '05\n09\n' | cmp - said
    "$bwrt" store list store --tenant 0 | grep -c . | grep -qx 6
    "$bwrt" store list store --tenant 0 "${seven[@]}" | grep -c . | grep -qx 8
    # The same secret in digits, and another one.
    printf '07%.0s' {1..32} >digits
    echo >>digits
    "$bwrt" store list store --tenant 7 --secret-file digits | grep -c . | grep -qx 2
    head -c 32 /dev/zero >wrong
    "$bwrt" store list store --tenant 7 --secret-file wrong >said
    [ ! -s said ] || fail 'a wrong secret shows blocks'
    "$bwrt" store list store --json --limit 0 | tr -d ' \n' >said
    [ "$(cat said)" = '{"blocks":[],"listed":0,"found":8}' ] || fail "$(cat said)"
}

a_right_store_verifies() {
    plant
    "$bwrt" store verify store "${seven[@]}" | grep -qx '8 blocks, .*: 8 right, 0 damaged; all is right'
    nothing_is_found
    # Length that a file system gave the log, and no bytes yet.
    truncate -s +1000 store/shards/0/log.*
    nothing_is_found
    "$write_store" blocks two further
    "$bwrt" store verify two --directory further "${seven[@]}"
    refused 1 'segment 4096 lies in directory 1, which was not given' "$bwrt" store verify two "${seven[@]}"
}

blocks_of_unknown_tenants_are_counted() {
    plant
    refused 1 'unverified: 2, of tenants whose secret was not given or does not fit' "$bwrt" store verify store
    refused 0 '6 right, 0 damaged; all is right' "$bwrt" store verify store --skip-unknown
    refused 0 '"unverified":	2' "$bwrt" store verify store --skip-unknown --json
}

# Every kind of damage to bytes, of the first, a middle and the last chunk, of one and of several.
each_planted_corruption_of_bytes_is_found_and_nothing_else() {
    finds payload 01 0 -- 'chunks 01 0'
    finds payload 02 0 -- 'chunks 02 0'
    finds payload 03 0 -- 'chunks 03 0'
    finds payload 03 2 -- 'chunks 03 2'
    finds payload 03 3 -- 'chunks 03 3'
    finds payload 05 1 -- 'chunks 05 1'
    finds payload 06 0 -- 'chunks 06 0'
    finds payload 08 4 -- 'chunks 08 4'
    finds sums 03 -- 'sums 03'
    finds sums 05 -- 'sums 05'
    finds swap 03 04 -- 'chunks 03 0 1 2 3' 'chunks 04 0 1 2 3'
}

each_planted_corruption_of_a_segment_is_found_and_nothing_else() {
    finds truncate 1 311296 -- length
    finds truncate 1 311295 -- length 'short 09'
    finds truncate 1 0 -- length 'short 08' 'short 09'
    finds truncate 1 1048577 -- length
    finds zero 1 -- 'everything 08' 'chunks 09 0'
    finds remove 1 -- 'missing 08' 'missing 09'
    finds folder 1 -- 'not_a_file 08' 'not_a_file 09'
    finds link 1 -- 'not_a_file 08' 'not_a_file 09'
}

# The newest records first: those behind a damaged one are not there.
each_planted_corruption_of_the_log_is_found_and_nothing_else() {
    finds record 09 -- log
    blocks_are '01 02 03 04 05 06 08 '
    finds record 08 -- log
    grep -q '512 bytes from it on are ignored, 1 whole record' said || fail "$(cat said)"
    finds tear -- log
    finds log_header -- log
    blocks_are ''
    finds plant 03 -- 'tag 03'
    finds plant 09 -- 'tag 09'
    finds misplace 03 04 -- 'everything 03'
    finds misplace 02 01 -- 'chunks 02 0'
    finds nowhere 03 -- place
}

a_segment_that_may_not_be_read_is_found() {
    if [ "$(id -u)" -eq 0 ]; then
        echo 'skipped: root may read everything'
        exit 77
    fi
    finds unreadable 1 -- 'unreadable 08' 'unreadable 09'
}

several_corruptions_are_found_together() {
    plant
    local what
    for what in 'payload 01 0' 'payload 03 1' 'payload 03 3' 'sums 05' 'plant 04' 'truncate 1 4096'; do
        # shellcheck disable=SC2086
        "$python" "$read_store" corrupt store $what
    done
    findings 1 >found
    printf '%s\n' length 'chunks 01 0' 'chunks 03 1 3' 'tag 04' 'sums 05' 'short 08' 'short 09' >expected
    cmp expected found || fail "$(cat found)"
}

what_is_no_store_is_refused_and_untouched() {
    local what words
    mkdir empty
    refused 1 'empty holds no store' "$bwrt" store stat empty
    refused 1 'missing: no such directory' "$bwrt" store stat missing
    for what in 'version 2' 'version 0' superblock; do
        plant
        case $what in
            'version 2') words='is of store format 2, this library knows up to 1' ;;
            'version 0') words='is not of a bwrt store of this kind' ;;
            *) words='' ;;  # damaged, or of another kind, as chance has it
        esac
        # shellcheck disable=SC2086
        "$python" "$read_store" corrupt store $what
        looks_of store >before
        refused 1 "$words" "$bwrt" store stat store
        refused 1 "$words" "$bwrt" store list store
        refused 1 "$words" "$bwrt" store verify store
        refused 1 "$words" "$bwrt" store drop store --all
        refused 1 '"code":	"E_FORMAT"' "$bwrt" store verify store --json
        looks_of store | cmp before -
    done
    plant
    chmod 755 store && chmod 644 store/bwrt-store
    refused 1 'may be read by others' "$bwrt" store verify store
}

looking_changes_nothing() {
    plant
    "$python" "$read_store" corrupt store tear
    looks_of store >before
    "$bwrt" store stat store >/dev/null
    "$bwrt" store list store >/dev/null
    "$bwrt" store verify store "${seven[@]}" >/dev/null || true
    looks_of store | cmp before -
}

dropped() { # EXPECTED BLOCKS LEFT, of: bwrt store drop store OPTIONS...
    local count=$1 left=$2
    shift 2
    plant
    "$bwrt" store drop store "$@" >said
    grep -q "^$count blocks dropped, " said || fail "$(cat said)"
    blocks_are "$left"
    nothing_is_found
    # What another program reads: as many removed ones more, in a life of their own.
    "$python" "$read_store" store | grep -c '"removed"' | grep -qx "$((count + 1))" || fail 'not removed'
}

identity() { printf '%s%061d1' "$1" 0; }

drop_takes_out_what_it_is_told() {
    dropped 8 '' --all
    dropped 1 '01 02 04 05 06 08 09 ' --identity "$(identity 03)"
    dropped 1 '01 02 03 04 05 06 09 ' --identity "$(identity 08)" --part 3
    dropped 0 '01 02 03 04 05 06 08 09 ' --identity "$(identity 08)" --part 2
    dropped 0 '01 02 03 04 05 06 08 09 ' --identity "$(identity ff)"
    dropped 2 '01 02 03 04 06 08 ' "${seven[@]}"
    dropped 6 '05 09 ' --tenant 0
    dropped 0 '01 02 03 04 05 06 08 09 ' --identity "$(identity 03)" "${seven[@]}"
    # And once more: nothing is left to drop, and nothing is written.
    plant
    refused 0 '"dropped":	8' "$bwrt" store drop store --all --json
    sha256sum store/shards/0/log.* >before
    refused 0 '"dropped":	0' "$bwrt" store drop store --all --json
    sha256sum store/shards/0/log.* | cmp before -
}

# Who erases a tenant must not take a wrong secret for success.
drop_under_a_wrong_secret_is_no_success() {
    plant
    head -c 32 /dev/zero >wrong
    refused 1 'tenant 7: the shard has no block under this secret' \
        "$bwrt" store drop store --tenant 7 --secret-file wrong
    grep -q '^0 blocks dropped, .*; 8 kept$' said || fail "$(cat said)"
    refused 1 '"tenant":	7' "$bwrt" store drop store --tenant 7 --secret-file wrong --json
    # The right one beside it is done all the same; tenant 0's secret cannot be wrong.
    refused 1 '2 blocks dropped' "$bwrt" store drop store "${seven[@]}" --tenant 8 --secret-file wrong
    grep -q '^tenant 8: ' said || fail "$(cat said)"
    ! grep -q '^tenant 7: ' said || fail "$(cat said)"
    refused 0 '6 blocks dropped' "$bwrt" store drop store --tenant 0
    refused 0 '"without_blocks":	[]' "$bwrt" store drop store --tenant 0 --json
    # Once erased, a tenant is as good as one that never was.
    refused 1 'tenant 7: ' "$bwrt" store drop store "${seven[@]}"
}

# share SHARD [draft]: an index in memory, whose writer lives until it is ended by end_share.
share() {
    mkfifo held
    "$write_store" share store "$indices" "$@" <held >ready &
    writer=$!
    exec 9>held
    until grep -q ready ready; do
        kill -0 "$writer" || fail 'the writer ended'
        sleep 0.01
    done
}

end_share() {
    exec 9>&-
    wait "$writer"
    writer=
    rm held
}

stat_names_indices_also_of_writers_that_are_gone() {
    plant
    indices=$(mktemp -d -p /dev/shm bwrt-test-XXXXXX)
    trap '[ -z "$writer" ] || kill "$writer"; rm -rf "$folder" "$indices"' EXIT
    refused 0 '"indices":	[]' "$bwrt" store stat store --json --index-directory "$indices"
    share 0
    refused 0 'shared by a writer' "$bwrt" store stat store --index-directory "$indices"
    grep -Eqx "index of shard 0: $indices/bwrt-[0-9a-f]{32}, .*; shared by a writer" said || fail "$(cat said)"
    refused 0 '"writer_is_there":	true' "$bwrt" store stat store --json --index-directory "$indices"
    end_share
    refused 0 'its writer is gone; readers find by it what is on disk' \
        "$bwrt" store stat store --index-directory "$indices"
    # One of a shard that was removed, and what a writer left that was killed before it was done.
    cp -r store/shards/0 store/shards/old
    share old
    end_share
    rm -r store/shards/old
    share 0 draft
    end_share
    touch "$indices/bwrt-nothing" "$indices/other"
    "$bwrt" store stat store --index-directory "$indices" >said
    [ "$(grep -c '^index of shard ' said)" -eq 3 ] || fail "$(cat said)"
    grep -q '^index of shard old: .*; its shard is not here, nor is its writer: remove it$' said || fail "$(cat said)"
    grep -q '^index of shard 0: .*\.new, .*; a draft of a writer that is gone: remove it$' said || fail "$(cat said)"
    "$bwrt" store stat store --shard 0 --json --index-directory "$indices" >said
    "$python" - <<'EOF'
import json
indices = json.load(open("said"))["indices"]
found = sorted((one["shard"], one["shard_is_there"], one["draft"], one["writer_is_there"]) for one in indices)
assert found == [("0", True, False, False), ("0", True, True, False), ("old", False, False, False)], found
assert all(one["bytes"] > 4 << 20 for one in indices), indices
EOF
    # Of another store none is said.
    "$write_store" blocks other_store
    refused 0 '"indices":	[]' "$bwrt" store stat other_store --json --index-directory "$indices"
    refused 1 'is in no memory file system' "$bwrt" store stat store --index-directory /proc
}

drop_refuses_an_unclear_order() {
    plant
    looks_of store >before
    refused 2 '--all' "$bwrt" store drop store
    refused 2 '--all' "$bwrt" store drop store --all --tenant 0
    refused 2 '--part' "$bwrt" store drop store --tenant 0 --part 3
    refused 2 '--identity' "$bwrt" store drop store --identity 03
    refused 2 '--secret-file' "$bwrt" store drop store --tenant 7
    refused 2 '--secret-file' "$bwrt" store drop store --all --secret-file secret
    head -c 31 secret >short
    refused 1 'neither 32 bytes nor 64' "$bwrt" store drop store --tenant 7 --secret-file short
    refused 1 'none: No such file' "$bwrt" store drop store --tenant 7 --secret-file none
    cp -r store/shards/0 store/shards/1
    refused 2 'several shards' "$bwrt" store drop store --all
    refused 1 'other: ENOENT' "$bwrt" store drop store --all --shard other
    refused 1 'not 1 to 64 letters' "$bwrt" store drop store --all --shard ../0
    rm -r store/shards/1
    looks_of store | grep -v ' 5 \|shards ' >after || true
    grep -v ' 5 \|shards ' before | cmp - after
}

shards_are_looked_at_one_or_all() {
    plant
    cp -r store/shards/0 store/shards/b
    "$python" "$read_store" corrupt store payload 03 1
    "$bwrt" store list store | grep -c . | grep -qx 16
    "$bwrt" store list store --shard b | grep -c '^b ' | grep -qx 8
    refused 0 '8 right' "$bwrt" store verify store --shard b "${seven[@]}"
    refused 1 'all is right' "$bwrt" store verify store "${seven[@]}"
    grep -q '16 blocks, .*: 15 right, 1 damaged; not all is right' said || fail "$(cat said)"
    "$bwrt" store stat store | grep -c '^shard [0b]$' | grep -qx 2
    refused 0 '8 blocks dropped' "$bwrt" store drop store --shard b --all
    "$bwrt" store list store | grep -c '^0 ' | grep -qx 8
}

churn() {
    "$write_store" churn store >ready &
    writer=$!
    until grep -q ready ready; do
        kill -0 "$writer" || fail 'the writer ended'
        sleep 0.01
    done
}

a_store_that_is_written_is_locked() {
    churn
    "$bwrt" store stat store >said
    grep -qx "  writer     process $writer" said || fail "$(cat said)"
    refused 0 '"writer_is_there":	true' "$bwrt" store stat store --json
    refused 1 "shard 0 is written by process $writer" "$bwrt" store drop store --all
    refused 1 '"code":	"E_LOCKED"' "$bwrt" store drop store --all --json
    kill -9 "$writer"
    wait "$writer" 2>/dev/null || true
    refused 0 "writer     none; the last was process $writer" "$bwrt" store stat store
    writer=
    "$bwrt" store drop store --all >said
    blocks_are ''
}

# Any block it looks at may be overwritten before it gets there, and the log be replaced: until enough
# went and enough came back elsewhere, or with other bytes.
a_store_that_is_written_meanwhile_verifies() {
    local i gone=0 moved=0
    churn
    for i in {1..300}; do
        "$bwrt" store verify store --json >said || fail "$(cat said)"
        gone=$((gone + $(awk '/"gone"/ { print $2 + 0; exit }' said)))
        moved=$((moved + $(awk '/"moved"/ { print $2 + 0; exit }' said)))
        [ "$gone" -lt 50 ] || [ "$moved" -lt 50 ] || break
        "$bwrt" store list store >/dev/null
    done
    echo "$gone blocks went and $moved moved in $i runs"
    kill -0 "$writer" || fail 'the writer ended'
    # Killed in the middle of whatever it does, it leaves nothing wrong behind.
    kill -9 "$writer"
    wait "$writer" 2>/dev/null || true
    writer=
    refused 0 ' damaged; all is right' "$bwrt" store verify store
}

a_wrong_store_command_line_is_refused() {
    plant
    refused 2 "no command 'foo'; there are: stat, list, verify, drop" "$bwrt" store foo
    refused 2 'subcommand' "$bwrt" store
    refused 2 'DIR' "$bwrt" store verify
    refused 2 '--limit' "$bwrt" store list store --limit -1
    refused 2 '--secret-file' "$bwrt" store list store --tenant 7
    refused 0 'Read every block' "$bwrt" store --help
    refused 0 'store' "$bwrt" --help
    "$write_store" blocks one two
    refused 1 'two is directory 1 of its store, not 0' "$bwrt" store stat two
    refused 1 'one belongs to another store' "$bwrt" store stat store --directory one
    refused 1 'one is directory 0 of its store, not 1' "$bwrt" store stat one --directory one
}

# It has parts of the library in it, and still runs on the one that is installed.
the_command_runs_on_the_shared_library() {
    local name
    readelf -d "$bwrt" >said
    grep -q 'NEEDED.*libbwrt\.so\.0' said || fail "$(cat said)"
    nm -D "$bwrt" >said
    for name in bwrt_open bwrt_submit_wave bwrt_close; do
        grep -q " U $name@" said || fail "$name is not the shared library's"
    done
    ! grep '[^U] bwrt_' said || fail 'a name of the library is the command'"'"'s'
}

"$test_case"
