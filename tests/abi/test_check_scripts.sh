#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# test_check_scripts.sh CC — a check that cannot fail checks nothing.  Each script of tools/ is
# given a small world in which all is well, and then one violation of each of its rules at a time:
# it must pass the first and name the rule in every other.
set -uo pipefail

cc=${1:-cc}
tools=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../../tools")
world=$(mktemp -d)
trap 'rm -rf "$world"' EXIT
cd "$world" || exit 1
failed=0

# accepts WHAT COMMAND...
accepts() {
    local what=$1 said
    shift
    if said=$("$@" 2>&1) && ! grep -q '^not ok' <<<"$said"; then
        echo "ok accepted: $what"
    else
        printf 'not ok accepted: %s\n%s\n' "$what" "$said"
        failed=1
    fi
}

# refuses RULE COMMAND...: fails, on that rule and on no other
refuses() {
    local rule=$1 said status
    shift
    said=$("$@" 2>&1)
    status=$?
    if [ "$status" -ne 0 ] && [ "$(grep '^not ok' <<<"$said")" = "not ok $rule" ]; then
        echo "ok refused: $rule"
    else
        printf 'not ok refused: %s (status %d)\n%s\n' "$rule" "$status" "$said"
        failed=1
    fi
}

# Layers.

plant_layers() {
    rm -rf tree
    mkdir -p tree/{include,ringbuf,planner,runtime/{backend/cuda,faulty,model},tests/abi,bindings,examples,bench,tools/replay}
    echo '#include <stdint.h>' >tree/include/bwrt.h
    echo '#include "ringbuf/command.h"' >tree/ringbuf/ring.h
    echo '#include <cstdio>' >tree/planner/predict.cpp
    echo '#include "runtime/backend/backend.h"' >tree/runtime/backend/uring.cpp
    echo '#include <liburing.h>' >>tree/runtime/backend/uring.cpp
    printf '#include <cuda.h>\n#include "runtime/backend/cuda/driver.h"\n' >tree/runtime/backend/cuda/driver.cpp
    echo '#include "runtime/faulty/plan.h"' >tree/runtime/faulty/seam.cpp
    echo '#include "planner/predict.h"' >tree/runtime/submit.cpp
    echo '#include "runtime/runtime.h"' >tree/runtime/model/model.cpp
    echo '#include "bwrt.h"' >tree/tests/abi/test_status.c
    printf '#include <bwrt.h>\n#include "trace.h"\n' >tree/examples/hello.c
    printf '#include <bwrt.h>\n#include "bench/measure.h"\n' >tree/bench/io.cpp
    echo '#include "ringbuf/command.h"' >tree/bench/ring_own.cpp
    printf '#include "planner/predict.h"\n#include "tools/replay/trace.h"\n#include "tools/replay/policies/optimum.h"\n' >tree/bench/policy.cpp
    printf '#include "bench/measure.h"\n#include "tools/output.h"\n' >tree/tools/bwrt.cpp
    echo '#include <CLI/CLI.hpp>' >tree/tools/command_line.cpp
    echo '#include "planner/predict.h"' | tee tree/tools/cmd_plan.cpp >tree/tools/plan_window.h
    echo '#include "planner/json_scan.h"' >tree/tools/replay/trace_read.cpp
    echo '#include "runtime/model/bwrt_model.h"' >tree/tools/replay/library.h
    printf '#include <zstd.h>\n#include "tools/replay/trace.h"\n' >tree/tools/replay/line_source.cpp
    echo '#include "runtime/store/inspect.h"' | tee tree/tools/cmd_store_list.cpp >tree/tools/store_options.h
}

# breaks_layers RULE FILE INCLUDE
breaks_layers() {
    plant_layers
    printf '%s\n' "$3" >>"tree/$2"
    refuses "$1" "$tools/check_layers.sh" tree
}

plant_layers
accepts "a tree whose dependencies point one way" "$tools/check_layers.sh" tree
breaks_layers "ringbuf includes nothing of ours but itself" ringbuf/ring.h '#include "runtime/check.h"'
breaks_layers "ringbuf includes nothing of ours but itself" ringbuf/ring.h '#include "../runtime/check.h"'
breaks_layers "planner includes nothing of ours but itself" planner/predict.cpp '  #  include "runtime/clock.h"'
breaks_layers "planner has no clock, no thread and no I/O" planner/predict.cpp '#include <chrono>'
breaks_layers "planner has no clock, no thread and no I/O" planner/predict.cpp '#include <thread>'
breaks_layers "planner has no clock, no thread and no I/O" planner/predict.cpp '#include <sys/mman.h>'
breaks_layers "planner has no clock, no thread and no I/O" planner/predict.cpp '#include <unistd.h>'
breaks_layers "a backend includes the seam, ringbuf and leaf headers only" \
    runtime/backend/uring.cpp '#include "runtime/executor.h"'
breaks_layers "the fault-injecting world includes the seam and leaf headers only" \
    runtime/faulty/seam.cpp '#include "runtime/backend/uring.h"'
breaks_layers "the fault-injecting world is known to itself and to tests only" \
    runtime/submit.cpp '#include "runtime/faulty/plan.h"'
breaks_layers "the modelled world includes the runtime only" \
    runtime/model/model.cpp '#include "planner/predict.h"'
breaks_layers "the modelled world knows no real one" \
    runtime/model/model.cpp '#include "runtime/backend/uring.h"'
breaks_layers "the modelled world is known to itself, to tests and, by its header, to replays only" \
    runtime/submit.cpp '#include "runtime/model/model_clock.h"'
breaks_layers "the modelled world is known to itself, to tests and, by its header, to replays only" \
    tools/bwrt.cpp '#include "runtime/model/bwrt_model.h"'
breaks_layers "liburing is known to backends only" runtime/submit.cpp '#include <liburing.h>'
breaks_layers "CUDA is known to its backend only" runtime/backend/uring.cpp '#include <cudaTypedefs.h>'
breaks_layers "CUDA is known to its backend only" runtime/submit.cpp '#include "runtime/backend/cuda/driver.h"'
breaks_layers "OpenSSL is known to sha256.cpp only" runtime/submit.cpp '#include <openssl/sha.h>'
breaks_layers "nothing we ship includes a test" runtime/submit.cpp '#include "tests/support/seed.h"'
breaks_layers "tests of the promise include bwrt.h only" tests/abi/test_status.c '#include "runtime/status.h"'
breaks_layers "bench includes bwrt.h, its own files, ringbuf, planner, traces and policies only" bench/io.cpp '#include "runtime/status.h"'
breaks_layers "bench includes bwrt.h, its own files, ringbuf, planner, traces and policies only" bench/ring_own.cpp '#include "tools/output.h"'
breaks_layers "of bench only the index's benchmark knows the block index" \
    bench/io.cpp '#include "runtime/store/index.h"'
breaks_layers "of bench only that of a killed store writes a log" bench/io.cpp '#include "runtime/store/log.h"'
breaks_layers "bench includes bwrt.h, its own files, ringbuf, planner, traces and policies only" \
    bench/policy.cpp '#include "tools/replay/statistics.h"'
breaks_layers "of bench only the policy's benchmark knows traces" bench/io.cpp '#include "tools/replay/trace.h"'
breaks_layers "of bench only the ring's benchmark knows ringbuf" bench/io.cpp '#include "ringbuf/command.h"'
breaks_layers "of bench only the policy's benchmark knows planner" bench/io.cpp '#include "planner/predict.h"'
breaks_layers "the bwrt command includes bwrt.h, its own files, bench's loops, planner and the store only" \
    tools/bwrt.cpp '#include "runtime/status.h"'
breaks_layers "the bwrt command includes bwrt.h, its own files, bench's loops, planner and the store only" \
    tools/bwrt.cpp '#include "ringbuf/command.h"'
breaks_layers "of the bwrt command only \`bwrt store\` knows the store" \
    tools/bwrt.cpp '#include "runtime/store/inspect.h"'
breaks_layers "of the bwrt command only \`bwrt plan\` and replays know planner" \
    tools/bwrt.cpp '#include "planner/predict.h"'
breaks_layers "of the bwrt command only \`bwrt plan\` and replays know planner" \
    tools/cmd_store_list.cpp '#include "planner/predict.h"'
breaks_layers "a replay includes bwrt.h, its own files, planner and how the command speaks only" \
    tools/replay/trace_read.cpp '#include "tools/commands.h"'
breaks_layers "zstd is known to line_source.cpp only" tools/replay/trace_read.cpp '#include <zstd.h>'
breaks_layers "of the bwrt command only the command line knows CLI11" tools/bwrt.cpp '#include <CLI/CLI.hpp>'
breaks_layers "examples include bwrt.h and each other only" examples/hello.c '#include "runtime/status.h"'
breaks_layers "bindings include bwrt.h only" bindings/abi_layout.c '#include "runtime/status.h"'
breaks_layers "the public header includes <stdint.h> only" include/bwrt.h '#include <stdbool.h>'
plant_layers
rm tree/planner/*
refuses "planner has sources to look at" "$tools/check_layers.sh" tree

# The header alone.

echo '#include <stdint.h>
typedef struct { uint32_t size; } bwrt_thing;' >once.h
echo '#ifndef BWRT_H
#define BWRT_H
#include <stdint.h>
typedef struct { uint32_t size; } bwrt_thing;
#endif' >good.h
echo '#ifndef BWRT_H
#define BWRT_H
typedef struct { uint32_t size; } bwrt_thing;
#endif' >needy.h
echo '#ifndef BWRT_H
#define BWRT_H
typedef struct { int class; } bwrt_thing;
#endif' >only_c.h
accepts "a header that stands alone" "$tools/check_headers.sh" good.h
for header in once needy only_c; do
    said=$("$tools/check_headers.sh" "$header.h" 2>&1)
    if [ $? -eq 1 ] && grep -q '^not ok the header alone compiles as c++20 with g++' <<<"$said"; then
        echo "ok refused: $header.h"
    else
        printf 'not ok refused: %s.h\n%s\n' "$header" "$said"
        failed=1
    fi
done

# The library's face.  The small one exports what the small header and list say.

echo '#define BWRT_API __attribute__((visibility("default")))
BWRT_API int bwrt_first(void);
BWRT_API const char*
bwrt_second(int number);' >small.h
printf '# comment\nbwrt_first@@BWRT_0.1\nbwrt_second@@BWRT_0.1\n' >small.txt
echo 'BWRT_0.1 { global: bwrt_*; local: *; };' >small.map
echo '#include "small.h"
int bwrt_first(void) { return 1; }
const char* bwrt_second(int number) { return number != 0 ? "yes" : "no"; }' >small.c
echo 'int other(void) { return 1; }' >other.c
"$cc" -shared -fPIC other.c -o libother.so

# build FLAGS...: later flags win over these
build() {
    "$cc" -O1 -fPIC -shared small.c -o libsmall.so -Wl,--version-script=small.map \
        -Wl,-soname,libbwrt.so.0 -Wl,-z,relro,-z,now,-z,nodelete,-z,noexecstack "$@"
}

symbols() { "$tools/check_symbols.sh" libsmall.so "${1:-small.h}" "${2:-small.txt}"; }

build
accepts "a library with the right face" symbols
sed 's/^BWRT_API int/BWRT_API int bwrt_third(void);\n&/' small.h >more.h
refuses "exported symbols are the header's functions" symbols more.h
printf 'bwrt_third@@BWRT_0.2\n' | cat small.txt - >more.txt
refuses "exported symbols and their versions are those of the committed list" symbols small.h more.txt
sed 's/0\.1/0.2/' small.txt >versions.txt
refuses "exported symbols and their versions are those of the committed list" symbols small.h versions.txt
build -Wl,-soname,libbwrt.so.1
refuses "the soname is libbwrt.so.0" symbols
build -Wl,--no-as-needed -L. -lother
refuses "only libc, the compiler's runtime and libcjson are needed" symbols
build -Wl,-rpath,/opt/lib
refuses "no path to libraries is built in" symbols
build -Wl,-z,execstack
refuses "the stack is not executable" symbols
build -Wl,-z,norelro
refuses "relocated data is read-only after load (RELRO)" symbols
build -Wl,-z,lazy
refuses "symbols are bound at load (NOW)" symbols
"$cc" -O1 -fPIC -shared small.c -o libsmall.so -Wl,--version-script=small.map \
    -Wl,-soname,libbwrt.so.0 -Wl,-z,relro,-z,now,-z,noexecstack
refuses "it stays loaded once loaded (NODELETE)" symbols
if [ "$(uname -m)" = x86_64 ]; then
    echo '__asm__(".text\n.quad bwrt_first\n");' | cat small.c - >small_text.c
    "$cc" -O1 -fPIC -shared small_text.c -o libsmall.so -Wl,--version-script=small.map \
        -Wl,-soname,libbwrt.so.0 -Wl,-z,relro,-z,now,-z,nodelete,-z,noexecstack,-z,notext 2>/dev/null
    refuses "no text relocations" symbols
fi
echo '__asm__(".data\n.globl bwrt_first_object\n.type bwrt_first_object, @gnu_unique_object\n"
        "bwrt_first_object: .byte 0\n.size bwrt_first_object, 1\n");' | cat small.c - >unique.c
cp small.c kept.c
cp unique.c small.c
build
cp kept.c small.c
printf 'bwrt_first_object@@BWRT_0.1\n' | cat small.txt - >unique.txt
sed 's/^BWRT_API int/BWRT_API int bwrt_first_object();\n&/' small.h >unique.h
refuses "no symbol is unique to the process (that would pin the library)" symbols unique.h unique.txt

# Packages: what is there is never asked for, what is missing is asked for once and together.

mkdir -p bin
printf '#!/bin/sh\necho "$@" >>%s/asked\n[ ! -e %s/broken ] || { echo "no such package" >&2; exit 100; }\n' \
    "$world" "$world" >bin/apt-get
printf '#!/bin/sh\nexec "$@"\n' >bin/sudo
chmod +x bin/*
install() { PATH=$world/bin:$PATH bash -c 'source "$0/packages.sh"; install_missing "$@"' "$tools" "$@"; }

install sh=dash '<stdio.h>=libc6-dev' '/bin/s?=dash'
if [ ! -e asked ]; then echo "ok nothing is missing, nobody is asked"; else
    echo "not ok nothing is missing, nobody is asked: $(cat asked)"
    failed=1
fi
install sh=dash no-such-command=first '<no/such/header.h>=second' '/no/such/*=third' >/dev/null
if grep -q ' install first second third$' asked; then echo "ok the missing are asked for together"; else
    echo "not ok the missing are asked for together: $(cat asked)"
    failed=1
fi
touch broken
if said=$(install no-such-command=first 2>&1); then
    echo "not ok a failed installation is a failure"
    failed=1
elif ! grep -q 'no such package' <<<"$said"; then
    echo "not ok a failed installation says why: $said"
    failed=1
else
    echo "ok a failed installation is a failure and says why"
fi

# The closing line and the status of tools/check, in a world where only the layers exist.

plant_layers
cp "$tools"/check "$tools"/check_*.sh tree/tools/
echo 'install_missing() { :; }' >tree/tools/packages.sh
said=$(tree/tools/check layers 2>&1)
if [ $? -eq 0 ] && tail -n 1 <<<"$said" | grep -qE '^[1-9][0-9]* passed, 0 failed$'; then
    echo "ok a clean check ends with its count and status 0"
else
    printf 'not ok a clean check ends with its count and status 0\n%s\n' "$said"
    failed=1
fi
echo '#include <chrono>' >>tree/planner/predict.cpp
said=$(tree/tools/check layers 2>&1)
if [ $? -eq 1 ] && tail -n 1 <<<"$said" | grep -qE '^[1-9][0-9]* passed, 1 failed$'; then
    echo "ok a failed check ends with its count and status 1"
else
    printf 'not ok a failed check ends with its count and status 1\n%s\n' "$said"
    failed=1
fi
exit "$failed"
