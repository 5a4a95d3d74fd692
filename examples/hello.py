# SPDX-License-Identifier: Apache-2.0
"""hello FILE: reads the first 4 KiB of a file in a wave that has 50 ms for it."""
import os
import sys

import bwrt

path = sys.argv[1] if len(sys.argv) == 2 else ""
if not os.path.isfile(path) or os.path.getsize(path) == 0:
    sys.exit(f"usage: {sys.argv[0]} FILE, one that is not empty")
page = bytearray(min(4096, os.path.getsize(path)))

with bwrt.Runtime() as runtime:
    load = bwrt.read(runtime.file(path), runtime.memory(page), len(page))
    done = runtime.submit([load], deadline_s=0.05, late=bwrt.Late.ABORT).wait()
    counters = runtime.counters()

print(f"loaded: {done.bytes} bytes in {done.duration_ns // 1000} us: {bytes(page[:24])!r}")
print(f"waves: {counters.waves_ok} of {counters.waves_accepted} ended well")
