# SPDX-License-Identifier: Apache-2.0
"""examples/hello.py as a user runs it, and that README.md shows it."""

import os
import re
import subprocess
import sys
from pathlib import Path

from support import PATTERN, FileTest, main

SOURCES = Path(os.environ.get("BWRT_SOURCES", Path(__file__).resolve().parents[2]))
HELLO = SOURCES / "examples" / "hello.py"


class Hello(FileTest):
    def say(self, *arguments):
        return subprocess.run([sys.executable, HELLO, *arguments], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)

    def test_hello_reads_a_file(self):
        said = self.say(self.path)

        self.assertEqual((said.returncode, said.stderr), (0, ""))
        self.assertRegex(said.stdout, r"^loaded: 4096 bytes in \d+ us: " +
                         re.escape(repr(PATTERN[:24])) + "\nwaves: 1 of 1 ended well\n$")

    def test_hello_reads_all_of_a_short_file(self):
        (self.folder / "short").write_bytes(b"five!")

        self.assertIn("loaded: 5 bytes", self.say(self.folder / "short").stdout)

    def test_hello_says_how_it_is_used(self):
        (self.folder / "empty").write_bytes(b"")
        for arguments in ([], [self.folder / "missing"], [self.folder], [self.folder / "empty"],
                          [self.path, self.path]):
            said = self.say(*arguments)
            self.assertEqual((said.returncode, said.stdout), (1, ""))
            self.assertRegex(said.stderr, "^usage: ")

    def test_the_readme_shows_hello(self):
        readme = (SOURCES / "README.md").read_text()
        if "```python" not in readme:
            self.skipTest("README.md has no Python in it")

        self.assertIn(f"```python\n{HELLO.read_text()}```", readme)


if __name__ == "__main__":
    main()
