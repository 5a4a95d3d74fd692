#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# test_ptx_targets.sh NVCC PTX — the text of the kernels is what it says, PTX 7.4: an assembler makes
# machine code of it for every device that bwrt is meant for.  77 where there is no ptxas.
set -euo pipefail

nvcc=$1
text=$2
ptxas=$(command -v "$(dirname "$(realpath -m "$nvcc")")/ptxas" || command -v ptxas) ||
    { echo "skip: there is no ptxas"; exit 77; }
[ -f "$text" ] || { echo "skip: bwrt is built without kernels"; exit 77; }

for target in 80 86 87 89 90 100 103 120; do
    "$ptxas" -arch="sm_$target" "$text" -o /dev/null || { echo "not for sm_$target"; exit 1; }
done
echo "ok"
