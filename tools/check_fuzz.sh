#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# check_fuzz.sh BUILD_FOLDER SECONDS — the fuzzers of the C interface and of plans, built and run for
# a while, both at a time: the seconds, and a third of them.
# check_fuzz.sh --works — whether a fuzzer can be built and runs here.
#
# Prints one line "ok", "not ok" or "skip" for each check; the status is 0 when none failed.
set -uo pipefail

folder=${1:?usage: check_fuzz.sh BUILD_FOLDER SECONDS | --works}
[ "$folder" = --works ] || seconds=${2:?usage: check_fuzz.sh BUILD_FOLDER SECONDS}
case $folder in /*) ;; *) folder=$PWD/$folder ;; esac
cd -- "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2

probe=$(mktemp -d)
trap 'rm -rf "$probe"' EXIT
echo 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }' \
    >"$probe/probe.cpp"
if ! clang++ -fsanitize=fuzzer,address "$probe/probe.cpp" -o "$probe/probe" >/dev/null 2>&1 ||
    ! "$probe/probe" -runs=1 >/dev/null 2>&1; then
    echo "skip the fuzzer: a program built with clang++ -fsanitize=fuzzer,address does not run here"
    [ "$1" != --works ]
    exit
fi
[ "$1" != --works ] || exit 0

fuzz() { # WHAT ARGUMENTS_OF_TOOLS_FUZZ...
    local what=$1 count said
    shift
    said=$(BWRT_BUILD_DIR=$folder tools/fuzz "$@" 2>&1)
    case $? in
        0)
            count=$(sed -nE 's/^stat::number_of_executed_units: *([0-9]+)$/\1/p' <<<"$said")
            if [ "${count:-0}" -gt 0 ]; then
                echo "ok $what: $count in ${*: -1} s, no finding"
                return 0
            fi
            echo "not ok the fuzzer of $what has run" ;;
        1) echo "not ok $what: a finding" ;;
        *) echo "not ok the fuzzer of $what is built" ;;
    esac
    printf '%s\n' "$said" | sed 's/^/    /'
    return 1
}
fuzz "texts as plans" --plans $((seconds / 3 + 1)) >"$probe/plans" &
failed=0
fuzz "sequences of calls" "$seconds" || failed=1
wait $! || failed=1
cat "$probe/plans"
exit "$failed"
