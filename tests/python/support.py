# SPDX-License-Identifier: Apache-2.0
"""What the tests share: a file with known bytes, and a wave that is certainly in flight."""

import os
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import bwrt

FILE_BYTES = 1 << 20


def pattern(count, seed=7):
    """Bytes that differ from page to page."""
    return bytes((i * 31 + (i >> 8) + seed) & 0xFF for i in range(count))


PATTERN = pattern(FILE_BYTES)


class FileTest(unittest.TestCase):
    """A folder of its own with `self.path`, a file of PATTERN."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.path = self.folder / "file"
        self.path.write_bytes(PATTERN)

    def open_runtime(self, **config):
        runtime = bwrt.Runtime(**config)
        self.addCleanup(runtime.close, cancel=True)
        return runtime


def far_window():
    """A window that opens in an hour: until it is cancelled, such a wave is in flight."""
    return time.monotonic_ns() + 3600 * 10**9, 0


def run_python(script, *arguments, timeout=60, **environment):
    """Runs a script in an interpreter of its own; (status, what it said)."""
    # Newer Pythons warn of fork() beside threads, which is what is tested.
    command = [sys.executable, "-X", "dev", "-W", "ignore::DeprecationWarning", "-c", script]
    ended = subprocess.run(command + [str(argument) for argument in arguments],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                           timeout=timeout, env={**os.environ, **environment})
    return ended.returncode, ended.stdout


def main():
    unittest.main(verbosity=2)
