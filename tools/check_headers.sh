#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# check_headers.sh [HEADER] — the public header stands alone: it compiles, included twice and with
# nothing before it, in every language and with every compiler it names.
#
# Prints one line "ok" or "not ok" for each check; the status is 0 when all are ok.
set -uo pipefail

header=${1:-$(dirname "${BASH_SOURCE[0]}")/../include/bwrt.h}
header=$(realpath -- "$header") || exit 2
warnings=(-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wundef -Werror)
failed=0

# compiles LANGUAGE STANDARD COMPILER
compiles() {
    local what="the header alone compiles as $2 with $3" said
    if ! command -v "$3" >/dev/null; then
        echo "skip $what: no $3"
    elif said=$(printf '#include "%s"\n#include "%s"\n' "$header" "$header" |
        "$3" -x "$1" -std="$2" "${warnings[@]}" -fsyntax-only - 2>&1); then
        echo "ok $what"
    else
        echo "not ok $what"
        printf '%s\n' "$said" | sed 's/^/    /'
        failed=1
    fi
}

for compiler in gcc clang; do
    for standard in c99 c11 c17; do compiles c "$standard" "$compiler"; done
done
for compiler in g++ clang++; do
    for standard in c++11 c++14 c++17 c++20; do compiles c++ "$standard" "$compiler"; done
done
exit "$failed"
