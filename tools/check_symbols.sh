#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# check_symbols.sh LIBRARY [HEADER [LIST]] — what libbwrt.so shows to the world and asks of it.
#
# The exported names stand in three places that must agree: the header (the promise), the
# committed list with their versions (what was released), and the library (what is true).
# Prints one line "ok" or "not ok" for each check; the status is 0 when all are ok.
set -uo pipefail
export LC_ALL=C

if [ $# -lt 1 ]; then
    echo "usage: check_symbols.sh LIBRARY [HEADER [LIST]]" >&2
    exit 2
fi
root=$(dirname "${BASH_SOURCE[0]}")/..
library=$1
header=${2:-$root/include/bwrt.h}
list=${3:-$root/tests/abi/symbols.txt}
for file in "$library" "$header" "$list"; do
    [ -r "$file" ] || { echo "not ok $file can be read"; exit 1; }
done
failed=0

verdict() { # CHECK WHAT_IS_WRONG
    if [ -z "$2" ]; then
        echo "ok $1"
    else
        echo "not ok $1"
        printf '%s\n' "$2" | sed 's/^/    /'
        failed=1
    fi
}

same() { verdict "$1" "$(diff <(printf '%s\n' "$2") <(printf '%s\n' "$3") | grep '^[<>]')"; }

# Absolute symbols are the version nodes themselves.
exported=$(nm -D --defined-only --with-symbol-versions "$library" | awk '$2 != "A" {print $3}' | sort)
committed=$(grep -vE '^(#|$)' "$list" | sort)
# A declaration starts with BWRT_API; its function is the first name before a parenthesis.
declared=$(tr '\n' ' ' <"$header" | grep -oE 'BWRT_API [^;(]*\(' | grep -oE 'bwrt_[a-z0-9_]+ *\(' |
    tr -d ' (' | sort)

same "exported symbols and their versions are those of the committed list" "$committed" "$exported"
same "exported symbols are the header's functions" "$declared" \
    "$(printf '%s\n' "$exported" | sed 's/@.*//')"
verdict "no symbol is unique to the process (that would pin the library)" \
    "$(nm -D --defined-only "$library" | awk '$2 == "u"')"

dynamic=$(readelf -dW "$library")
segments=$(readelf -lW "$library")
verdict "the soname is libbwrt.so.0" \
    "$(grep -q 'SONAME.*\[libbwrt\.so\.0\]' <<<"$dynamic" || grep SONAME <<<"$dynamic" || echo 'no SONAME')"
verdict "only libc, the compiler's runtime and libcjson are needed" \
    "$(grep NEEDED <<<"$dynamic" |
        grep -vE '\[(libc\.so\.6|libm\.so\.6|libstdc\+\+\.so\.6|libgcc_s\.so\.1|libcjson\.so\.1|ld-linux[^]]*)\]')"
verdict "no path to libraries is built in" "$(grep -E '\((RPATH|RUNPATH)\)' <<<"$dynamic")"
verdict "it stays loaded once loaded (NODELETE)" \
    "$(grep -q 'FLAGS_1.*NODELETE' <<<"$dynamic" || echo 'FLAGS_1 lacks NODELETE')"
verdict "symbols are bound at load (NOW)" \
    "$(grep -qE 'FLAGS_1.*NOW|BIND_NOW' <<<"$dynamic" || echo 'FLAGS_1 lacks NOW')"
verdict "no text relocations" "$(grep TEXTREL <<<"$dynamic")"
verdict "the stack is not executable" \
    "$(grep -qE 'GNU_STACK +([^ ]+ +){5}RW +' <<<"$segments" || grep GNU_STACK <<<"$segments" || echo 'no GNU_STACK')"
verdict "relocated data is read-only after load (RELRO)" \
    "$(grep -q GNU_RELRO <<<"$segments" || echo 'no GNU_RELRO')"
exit "$failed"
