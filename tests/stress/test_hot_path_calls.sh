#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Counts the system calls of a program that submits host copies to an executor that is awake and
# waits for each of them spinning.  A few hundred waves more must cost next to none: an open and a
# close have their own, and a time slice that ends in a spin may add a handful.
#
#   test_hot_path_calls.sh hot_path_driver
set -u

driver=$1
few=100
many=600 # not more: on one core each of them costs a time slice or two
allowed=100 # one for five waves; a call that a wave makes is five times as many

if ! command -v strace >/dev/null; then
    echo "skipped: there is no strace"
    exit 77
fi
if ! strace -o /dev/null true 2>/dev/null; then
    echo "skipped: strace may not trace here"
    exit 77
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# The calls of all threads; clock_gettime() is answered without one.
count_calls() {
    strace -f -o "$scratch/calls" "$driver" "$1" || return 1
    wc -l <"$scratch/calls"
}

with_few=$(count_calls $few) || { echo "the driver failed"; exit 1; }
with_many=$(count_calls $many) || { echo "the driver failed"; exit 1; }
more=$((with_many - with_few))
echo "$with_few calls for $few waves, $with_many for $many: $more more for $((many - few)) waves"
if [ "$more" -gt "$allowed" ]; then
    echo "more than $allowed; the most frequent:"
    sed 's/^[0-9]* *//; s/(.*//' "$scratch/calls" | sort | uniq -c | sort -rn | head -5
    exit 1
fi
