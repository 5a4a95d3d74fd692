#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# test_run_blocks.sh — a runner that cannot fail proves nothing: run_blocks.py is given documents
# that are right, and ones that are wrong in one way each.
set -uo pipefail

runner=$(realpath "$(dirname "${BASH_SOURCE[0]}")")/run_blocks.py
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
mkdir -p build/examples
printf '#!/bin/sh\necho "said $*"\n' >build/examples/example
chmod +x build/examples/example
failed=0

# expect STATUS WHAT PATTERN: of the document on standard input
expect() {
    local said status
    cat >document.md
    said=$(python3 "$runner" document.md --build build 2>&1)
    status=$?
    if [ "$status" -eq "$1" ] && grep -q -- "$3" <<<"$said"; then
        echo "ok $2"
    else
        printf 'not ok %s (status %d)\n%s\n' "$2" "$status" "$said"
        failed=1
    fi
}

expect 0 "a block is run, and finds sources, build and programs" '^said hello$' <<'MARKDOWN'
```sh
test -f README.md && test -f include/bwrt.h
build/examples/example hello >said
```
Words, and something that is not run:
```text
exit 3
```
```sh
cat said
test "$(example)" = "said "
```
MARKDOWN
expect 0 "a block with a file's name becomes the file, and a slow one is not run" '^int x;$' <<'MARKDOWN'
```c some.c
int x;
```
```sh
cat some.c
```
```sh norun
false
```
MARKDOWN
expect 1 "a command that fails fails, in the middle, too" 'document.md:2: block 1 of 1 ended' <<'MARKDOWN'
```sh
false
true
```
MARKDOWN
expect 1 "a command that fails in a pipe fails" 'ended with status' <<'MARKDOWN'
```sh
false | cat
```
MARKDOWN
expect 1 "a variable that is not set fails" 'unbound variable' <<'MARKDOWN'
```sh
echo $no_such_variable
```
MARKDOWN
expect 1 "a document without blocks is a mistake" 'has no sh block' <<'MARKDOWN'
```c
int x;
```
MARKDOWN
expect 1 "nor is one with files only anything to run" 'has no sh block' <<'MARKDOWN'
```c some.c
int x;
```
MARKDOWN
expect 1 "a block without an end is a mistake" 'has no end' <<'MARKDOWN'
```sh
true
MARKDOWN
# A checkout where a reader has typed a document already.
mkdir -p tree/tests/docs
cp "$runner" tree/tests/docs/
printf '/made\n' >tree/.gitignore
touch tree/made tree/tracked
runner=$folder/tree/tests/docs/run_blocks.py
expect 0 "what a reader has made before is not in the way" '^ok ' <<'MARKDOWN'
```c made
int x;
```
```sh
grep -q x made
test -e tracked
```
MARKDOWN
if [ -s tree/made ]; then
    echo "not ok what a reader has made before is left alone"
    failed=1
fi
if [ -n "$(find . -newer build/examples/example -name said)" ]; then
    echo "not ok blocks run in a folder of their own"
    failed=1
fi
exit "$failed"
