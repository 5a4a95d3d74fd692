#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# test_caps_command.sh BWRT FAKE_FOLDER — what `bwrt caps` says of the CUDA driver, on the fake one.
set -euo pipefail

bwrt=$1
export LD_LIBRARY_PATH=$2
world=$(mktemp -d)
trap 'rm -rf "$world"' EXIT
cd "$world"

# says PATTERN PLAN ARGUMENTS...: one line of it matches, under this plan of the fake.
says() {
    local pattern=$1 plan=$2
    shift 2
    FAKE_CUDA=$plan "$bwrt" caps "$@" >said
    grep -Eq "$pattern" said || { echo "no line matches $pattern:"; cat said; exit 1; }
}

says '^CUDA driver +yes +of CUDA 13\.0, batch copies as of 13\.0$' ''
says '^CUDA driver +yes +of CUDA 12\.8, batch copies as of 12\.8; devices: 3$' \
    'version=12.8; devices=3' --device
says '^CUDA driver +yes +of CUDA 12\.4, no batch copies$' 'version=12.4'
says '^CUDA driver +no +libcuda\.so\.1 is a toolkit' 'stub'
says '^CUDA driver +yes ' 'cuInit:1:803' # it is not started
says '^CUDA driver +no +cuInit: CUDA_ERROR_SYSTEM_DRIVER_MISMATCH \(803\)$' 'cuInit:1:803' --device
says '^CUDA driver +no +cuInit: CUDA_ERROR_NO_DEVICE \(100\)$' 'devices=0' --device

FAKE_CUDA='version=12.8; devices=1' "$bwrt" caps --device --json >said
python3 - <<'END'
import json
said = json.load(open("said"))
assert said["driver_version"] == 12080 and said["batch_copy_abi"] == 12080, said
assert said["device_count"] == 1 and said["features"]["cuda"]["found"], said
END
echo "ok"
