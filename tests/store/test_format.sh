#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# test_format.sh WRITE_STORE — what the library writes is what a program reads that knows only
# docs/format.md; and that program reads no more than the library would of a damaged log.
set -euo pipefail
write_store=$1 python=/usr/bin/python3  # the one that packages are for
read_store=$(realpath "$(dirname "${BASH_SOURCE[0]}")/read_store.py")
if ! "$python" -c "import xxhash" 2>/dev/null; then
    echo "skipped: python3-xxhash is not here"
    exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export BWRT_TEST_SEED=${BWRT_TEST_SEED:-$RANDOM}
echo "seed $BWRT_TEST_SEED"

"$write_store" store 50 >written
"$python" "$read_store" store >read
cmp written read
[ "$(wc -l <read)" -eq 52 ]

# The identity of record 40: its checksum does not fit any more.
log=store/shards/0/log.0000000000000003
printf 'damaged!' | dd of="$log" bs=1 seek=$((4096 + 40 * 256 + 24)) conv=notrunc status=none
"$python" "$read_store" store >read
head -n 40 written | cmp - read
