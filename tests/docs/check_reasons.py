#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check_reasons.py [DOCUMENT]: docs/operations.md has every reason of caps, regions and stores, and
no other.

Sentences are put together from literals, so their pieces are compared, what varies cut out: each
piece of a reason in the document is in a source, and each literal of several words that is no
error's message is in the document.
"""

import pathlib
import re
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[2]
SPOKEN = ["runtime/backend/ladder.cpp", "runtime/backend/uring_setup.cpp", "runtime/memory.cpp",
          "runtime/region_file.cpp", "runtime/calibration.cpp",
          "runtime/backend/cuda/driver.cpp", "runtime/backend/cuda/device.cpp",
          "runtime/backend/no_device.cpp",
          "runtime/store/segment_file.cpp", "runtime/store/view_attach.cpp"]  # reasons, and errors' messages
QUOTED = SPOKEN + ["runtime/faulty/seam.cpp", "runtime/tuning.cpp", "runtime/store/losses.cpp",
                   "runtime/store/store_open.cpp", "runtime/store/store_open_disk.cpp",
                   "tools/cmd_caps.cpp"]  # and other sentences
NO_REASON = {"model name", "cores, Linux",  # how a machine is called
             "stripes of", "as it was made"}  # how a segment is striped
VARIES = re.compile(r"(?:0x)?%\w+|\b(?:E[A-Z]+|E|N\.N|0xN|N|PATH|\d+:\d+)\b|\.\.\.|[,;:()\"]")


def pieces_of(text):
    return {piece.strip(" ,.\n") for piece in VARIES.split(text.replace('\\"', '"'))
            if re.search("[a-z]{2}", piece)}


def literals_of(names):
    """The string literals, those that stand together as one."""
    text = "\n".join((SOURCE / name).read_text() for name in names)
    text = re.sub(r"//.*|#include.*", "", text)
    text = re.sub(r"\bfail(?:_os)?\(sink.*?;\n", "", text, flags=re.S)  # errors
    text = re.sub(r'(?<!\\)"\s*"', "", text)
    return re.findall(r'"((?:[^"\\]|\\.)*)"', text)


def reasons_of(document):
    section = document[document.index("\n## The reasons"):]
    rows = section[:section.index("\n## ", 1)].splitlines()
    return [reason for row in rows if row.startswith("| `")
            for reason in re.findall("`([^`]*)`", row.split(" | ")[0])]


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else SOURCE / "docs/operations.md"
    reasons = reasons_of(pathlib.Path(path).read_text())
    documented = " ".join(reasons)
    said = " ".join(literals_of(QUOTED)).replace("\\", "")
    faults = [f'said by nobody: "{piece}" of "{reason}"' for reason in reasons
              for piece in pieces_of(reason) if piece not in said]
    spoken = {piece for literal in literals_of(SPOKEN) for piece in pieces_of(literal)
              if " " in piece} - NO_REASON
    faults += [f'not among the reasons: "{piece}"' for piece in spoken if piece not in documented]
    print(f"{len(reasons)} reasons in the document, {len(spoken)} sentences in the sources")
    if len(spoken) < 15:
        faults.append("the sources are not understood")
    sys.exit("\n".join(faults) or 0)


if __name__ == "__main__":
    main()
