#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run_blocks.py FILE --build DIR: what a document says to type is typed.

Each ```sh block of the markdown FILE is run by `bash -euo pipefail`, in order, in one temporary
folder that looks like a checkout: it has everything of the source tree's top folder but what a reader
has made there, which git ignores, and the build folder as `build`.  The first block that fails ends the run with its number, line and output.
A block with the name of a file behind its kind (```c slots.c) becomes that file of the folder.
Blocks of other kinds (```text, ```console, ```c, none) are not run, and neither is ```sh norun: what
takes too long or another system.  tests/docs/CMakeLists.txt says which check runs that.

The examples and the command of the build are on PATH, its library on LD_LIBRARY_PATH.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[2]
TIMEOUT_S = 300


def blocks_of(text):
    """The ```sh blocks and the files as (line number of the first line, text, None or file name)."""
    blocks, lines, fence, first = [], [], None, 0
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if fence is None and stripped.startswith("```"):
            fence, first, lines = stripped[3:].strip(), number + 1, []
        elif fence is not None and stripped == "```":
            kind, _, name = fence.partition(" ")
            if fence == "sh" or (name and kind != "sh"):
                blocks.append((first, "\n".join(lines) + "\n", name or None))
            fence = None
        elif fence is not None:
            lines.append(line)
    if fence is not None:
        sys.exit(f"the block before line {first} has no end")
    return blocks


def make_checkout(folder, build):
    rules = SOURCE / ".gitignore"
    ignored = {line.strip("/") for line in (rules.read_text().splitlines() if rules.exists() else ())
               if line.startswith("/")}
    for entry in SOURCE.iterdir():
        if not entry.name.startswith((".", "build")) and entry.name not in ignored:
            (folder / entry.name).symlink_to(entry)
    (folder / "build").symlink_to(build)


def environment_of(build):
    environment = dict(os.environ)
    environment.pop("BWRT_FAULTS", None)
    places = [str(build / "examples"), str(build / "tools"), environment.get("PATH", "")]
    environment["PATH"] = os.pathsep.join(places)
    environment["LD_LIBRARY_PATH"] = str(build)
    return environment


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=pathlib.Path)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    blocks = blocks_of(arguments.file.read_text(encoding="utf-8"))
    if all(name is not None for _, _, name in blocks):
        sys.exit(f"{arguments.file} has no sh block")

    with tempfile.TemporaryDirectory() as folder_name:
        folder = pathlib.Path(folder_name)
        make_checkout(folder, build)
        for number, (line, text, name) in enumerate(blocks, 1):
            where = f"{arguments.file}:{line}: block {number} of {len(blocks)}"
            if name is not None:
                with open(folder / name, "x", encoding="utf-8") as file:  # nothing of the checkout
                    file.write(text)
                continue
            try:
                done = subprocess.run(
                    ["bash", "-euo", "pipefail", "-c", text], cwd=folder, text=True,
                    env=environment_of(build), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT, timeout=TIMEOUT_S, check=False)
            except subprocess.TimeoutExpired as late:
                sys.exit(f"{where} ran longer than {TIMEOUT_S} s\n{text}{late.output or ''}")
            print(done.stdout, end="")
            if done.returncode != 0:
                sys.exit(f"{where} ended with status {done.returncode}\n{text}")
            print(f"ok {where}")


if __name__ == "__main__":
    main()
