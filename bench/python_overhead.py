#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""python_overhead.py — what a wave costs from Python above the same wave from C.

One 4 KiB read from the page cache, submitted and waited for.  The C loop is compiled here (cc) and
called with the very runtime and wave that Python uses, in rounds that alternate; a row is the
median over rounds (minimum to maximum), the difference is formed inside each round.

  PYTHONPATH=bindings/python BWRT_LIBRARY=build/libbwrt.so python3 bench/python_overhead.py [rounds]
"""

import ctypes
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from array import array
from pathlib import Path

import bwrt
from bwrt import _library

WAVE_COUNT = 5000
SLOT_COUNT = 4096

C_LOOP = r"""
#include <bwrt.h>
#include <stddef.h>
int c_loop(bwrt_runtime* runtime, const bwrt_wave* wave, int count,
           bwrt_status (*submit)(bwrt_runtime*, const bwrt_wave*, bwrt_handle*, bwrt_error*),
           bwrt_status (*wait)(bwrt_runtime*, bwrt_handle, int64_t, bwrt_completion*,
                               bwrt_error*)) {
    for (int i = 0; i < count; ++i) {
        bwrt_handle handle;
        bwrt_completion completion;
        bwrt_error error;
        bwrt_status status = submit(runtime, wave, &handle, &error);
        if (status == BWRT_OK) status = wait(runtime, handle, -1, &completion, &error);
        if (status == BWRT_OK) status = completion.status;
        if (status != BWRT_OK) return status;
    }
    return 0;
}
"""


def compile_c_loop(folder):
    """The loop as a function of Python, and the library's functions it is given."""
    source = Path(folder, "loop.c")
    source.write_text(C_LOOP)
    include = Path(__file__).resolve().parent.parent / "include"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", f"-I{include}", str(source), "-o",
                    f"{folder}/loop.so"], check=True)
    loop = ctypes.CDLL(f"{folder}/loop.so").c_loop
    loop.argtypes = [ctypes.c_void_p] * 2 + [ctypes.c_int] + [ctypes.c_void_p] * 2
    submit = ctypes.cast(_library.RELEASING.submit_wave, ctypes.c_void_p)
    wait = ctypes.cast(_library.RELEASING.wait, ctypes.c_void_p)
    return lambda wave: loop(wave.runtime._cell, ctypes.byref(wave._wave), WAVE_COUNT, submit, wait)


def microseconds(body):
    start_ns = time.perf_counter_ns()
    body()
    return (time.perf_counter_ns() - start_ns) / 1000


def print_row(name, values, unit="us"):
    print(f"  {name:<46}{statistics.median(values):9.2f} "
          f"({min(values):.2f} to {max(values):.2f}) {unit}")


def measure_read(mode, path, c_loop, round_count):
    with bwrt.Runtime(progress=mode) as runtime:
        file, page = runtime.file(path), runtime.memory(bytearray(4096))
        wave = runtime.prepare([bwrt.read(file, page, 4096)])

        def prepared():
            for _ in range(WAVE_COUNT):
                wave.submit().wait()

        def fresh():
            for _ in range(WAVE_COUNT):
                runtime.submit([bwrt.read(file, page, 4096)]).wait()

        def from_c():
            if c_loop(wave) != 0:
                sys.exit("the C loop failed")

        rows = {"C": [], "Python, a prepared wave": [], "Python, a new wave each time": []}
        extra = []
        for _ in range(round_count):
            for values, body in zip(rows.values(), (from_c, prepared, fresh)):
                values.append(microseconds(body) / WAVE_COUNT)
            extra.append(rows["Python, a prepared wave"][-1] - rows["C"][-1])
    print(f"one hot 4 KiB read, submitted and waited for, {mode.name.lower()} mode")
    for name, values in rows.items():
        print_row(name, values)
    print_row("Python, prepared, above C", extra)


def measure_slots(round_count):
    """4,096 slots: how long it takes to make an operation of them, and to submit it."""
    memory = bytearray(64 * SLOT_COUNT)
    kinds = {"array of uint32": array("I", range(SLOT_COUNT))}
    try:
        import numpy
        kinds["numpy uint32"] = numpy.arange(SLOT_COUNT, dtype=numpy.uint32)
        kinds["numpy int64"] = numpy.arange(SLOT_COUNT, dtype=numpy.int64)
    except ImportError:
        pass
    print(f"an indexed copy of {SLOT_COUNT} slots of 64 bytes")
    with bwrt.Runtime() as runtime:
        source = runtime.memory(memory)
        layout = runtime.layout([bwrt.Plane(runtime.memory(bytearray(64 * SLOT_COUNT)), 0, 64, 64)],
                                slot_count=SLOT_COUNT)
        for name, slots in kinds.items():
            made, submitted = [], []
            for _ in range(round_count * 10):
                made.append(microseconds(lambda: bwrt.copy(source, layout, target_slots=slots)))
                wave = runtime.prepare([bwrt.copy(source, layout, target_slots=slots)])
                submitted.append(microseconds(wave.submit))
                wave.wait()
            print_row(f"{name}: the operation", made)
            print_row(f"{name}: the submission", submitted)


def measure_beside_a_busy_thread(path, round_count):
    """Calls that keep Python's lock and calls that give it up, while another thread computes."""
    stop = threading.Event()

    def compute():
        while not stop.is_set():
            sum(range(1000))

    with bwrt.Runtime() as runtime:
        page = runtime.memory(bytearray(4096))
        wave = runtime.prepare([bwrt.read(runtime.file(path), page, 4096)])
        thread = threading.Thread(target=compute)
        thread.start()
        rows = {"submit, keeping the lock": [], "submit, giving it up": []}
        for _ in range(round_count * 10):
            for values, functions in zip(rows.values(), (_library.HOLDING, _library.RELEASING)):
                runtime._submit = functions.submit_wave
                values.append(microseconds(wave.submit))
                wave.wait()
        stop.set()
        thread.join()
    print("beside a thread that computes in Python")
    for name, values in rows.items():
        print_row(name, values)


def main():
    round_count = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    print(f"python {sys.version.split()[0]}, {round_count} rounds of {WAVE_COUNT} waves, "
          f"load average {os.getloadavg()[0]:.2f}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        path.write_bytes(bytes(1 << 20))
        c_loop = compile_c_loop(folder)
        for mode in (bwrt.Progress.CALLER, bwrt.Progress.THREAD):
            measure_read(mode, path, c_loop, round_count)
        measure_slots(round_count)
        measure_beside_a_busy_thread(path, round_count)


if __name__ == "__main__":
    main()
