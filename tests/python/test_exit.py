# SPDX-License-Identifier: Apache-2.0
"""The end of an interpreter, and children of fork(): each in a process of its own, with waves that
are certainly in flight, which has to end cleanly and soon."""

from support import FileTest, main, run_python

PREAMBLE = """
import multiprocessing, os, sys, threading, time
import bwrt
path = sys.argv[1]
page = bytearray(4096)
with open(path, "rb") as opened:
    first = opened.read(4096)
runtime = bwrt.Runtime(progress=bwrt.Progress[sys.argv[2]])
file, memory = runtime.file(path), runtime.memory(page)
far = (time.monotonic_ns() + 3600 * 10**9, 0)
wave = runtime.submit([bwrt.read(file, memory, 4096)], window_ns=far, results=True)
"""


class Ends(FileTest):
    maxDiff = None

    def both_modes(self, script, expected):
        for mode in ("THREAD", "CALLER"):
            with self.subTest(mode):
                status, said = run_python(PREAMBLE + script, self.path, mode)
                self.assertEqual((status, said), (0, expected))

    def test_an_interpreter_ends_with_waves_in_flight(self):
        self.both_modes("", "")

    def test_an_interpreter_ends_with_a_large_read_under_way(self):
        self.both_modes("""
large = bytearray(1 << 20)
target = runtime.memory(large)
waves = [runtime.submit([bwrt.read(file, target, 1 << 20)]) for _ in range(100)]
queued = runtime.submit([bwrt.read(file, target, 1 << 20)], delivery=bwrt.Delivery.QUEUE)
del large, target, file, memory, page
""", "")

    def test_an_interpreter_ends_with_an_exception_and_waves_in_flight(self):
        status, said = run_python(PREAMBLE + "raise SystemExit(3)", self.path, "THREAD")

        self.assertEqual((status, said), (3, ""))

    def test_an_interpreter_ends_while_a_thread_waits(self):
        self.both_modes("""
def wait():
    try:
        wave.wait()
    except bwrt.Error:
        pass
threading.Thread(target=wait, daemon=True).start()
time.sleep(0.05)
""", "")

    def test_an_interpreter_ends_with_views_of_allocated_memory(self):
        self.both_modes("view = runtime.allocate(1 << 20).view\nview[7] = 1\n", "")

    def test_an_interpreter_ends_though_a_wave_does_not(self):
        script = """
from bwrt import _core
_core.EXIT_NS = 50_000_000
_core.RELEASING.shutdown = lambda *arguments: bwrt.Status.E_TIMEOUT
"""
        self.both_modes(script,
                        "bwrt: a wave does not end; its memory is left to the system\n")

    def test_an_interpreter_ends_with_a_log_function(self):
        status, said = run_python("""
import bwrt
runtime = bwrt.Runtime(storage=bwrt.Storage.POOL, log=lambda level, sentence: None)
wave = runtime.submit([bwrt.copy(runtime.memory(bytes(8)), runtime.memory(bytearray(8)), 8)])
""")
        self.assertEqual((status, said), (0, ""))

    def test_a_child_of_fork_gets_its_own_exception_and_the_parent_goes_on(self):
        self.both_modes("""
def child(results):
    said = []
    for call in (wave.wait, wave.cancel, runtime.poll, runtime.counters, runtime.caps,
                 runtime.close, runtime.shutdown, runtime.event_fd,
                 lambda: runtime.memory(bytearray(8)), lambda: runtime.file(path),
                 runtime.prepare([bwrt.read(file, memory, 8)]).submit,
                 lambda: runtime.layout([memoryview(bytearray(64)).cast("B", (4, 16))])):
        try:
            call()
            said.append("nothing")
        except bwrt.ForkedError as error:
            said.append(error.name)
    results.put(said)

fork = multiprocessing.get_context("fork")
results = fork.Queue()
process = fork.Process(target=child, args=(results,))
process.start()
print(set(results.get(timeout=30)))
process.join(30)
print(process.exitcode)
wave.cancel()
print(wave.wait(check=False).status)
runtime.submit([bwrt.read(file, memory, 4096)]).wait()
print(bytes(page) == first)
""", "{'E_FORKED'}\n0\n-30\nTrue\n")

    def test_a_child_that_raises_comes_back_as_forked(self):
        self.both_modes("""
def child(number):
    runtime.submit([bwrt.read(file, memory, 4096)])

with multiprocessing.get_context("fork").Pool(2) as pool:
    try:
        pool.map(child, range(4))
    except bwrt.ForkedError as error:
        print(error.name)
runtime.submit([bwrt.read(file, memory, 4096)]).wait()
""", "E_FORKED\n")

    def test_a_child_s_exit_disturbs_nobody(self):
        self.both_modes("""
region = runtime.allocate(4096)
with runtime:
    if os.fork() == 0:
        del region, memory, wave
        sys.exit(5)  # out of the context, through atexit
    print(os.waitstatus_to_exitcode(os.wait()[1]))
    print(wave.done(), wave.cancel())
    runtime.submit([bwrt.read(file, memory, 4096)]).wait()
print(bytes(page) == first)
""", "5\nFalse True\nTrue\n")

    def test_a_child_opens_a_runtime_of_its_own(self):
        self.both_modes("""
def child(number):
    own = bytearray(4096)
    with bwrt.Runtime() as second:
        second.submit([bwrt.read(second.file(path), second.memory(own), 4096)]).wait()
    return bytes(own)

with multiprocessing.get_context("fork").Pool(2) as pool:
    print(len(set(pool.map(child, range(4)))))
""", "1\n")

    def test_a_wait_is_ended_by_a_signal(self):
        status, said = run_python(PREAMBLE + """
import signal
def stop(*_):
    raise KeyboardInterrupt
signal.signal(signal.SIGALRM, stop)
signal.setitimer(signal.ITIMER_REAL, 0.05)
try:
    wave.wait()
except KeyboardInterrupt:
    print("interrupted")
print(wave.done())
""", self.path, "THREAD")
        self.assertEqual((status, said), (0, "interrupted\nFalse\n"))


if __name__ == "__main__":
    main()
