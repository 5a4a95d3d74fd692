# SPDX-License-Identifier: Apache-2.0
"""Writes a wheel of the package, with or without the library inside; a PEP 517 backend.

A wheel is a zip of the package and four files about it, so no tool is needed to write one, and the
same sources give the same bytes: times are fixed and names sorted.

  build_wheel.py OUTPUT_FOLDER LIBRARY_FOLDER PLATFORM     prints the wheel's path

LIBRARY_FOLDER's files go to bwrt/lib; PLATFORM is the tag they run on, "manylinux_2_34_x86_64".
"""

import base64
import hashlib
import re
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent

METADATA = """\
Metadata-Version: 2.1
Name: bwrt
Version: {version}
Summary: The movement engine below an inference engine: files and host memory, in waves
License: Apache-2.0
Requires-Python: >=3.9
Classifier: License :: OSI Approved :: Apache Software License
Classifier: Operating System :: POSIX :: Linux
Classifier: Programming Language :: Python :: 3
Classifier: Typing :: Typed
Provides-Extra: numpy
Requires-Dist: numpy; extra == 'numpy'
"""

WHEEL = """\
Wheel-Version: 1.0
Generator: bwrt build_wheel.py
Root-Is-Purelib: {pure}
Tag: py3-none-{platform}
"""


def version():
    return re.search(r'^__version__ = "(.+)"$', (HERE / "bwrt/__init__.py").read_text(),
                     re.MULTILINE).group(1)


def files_of(library_folder, platform):
    """{name in the wheel: bytes}, RECORD left out."""
    information = f"bwrt-{version()}.dist-info"
    files = {f"bwrt/{path.name}": path.read_bytes() for path in (HERE / "bwrt").iterdir()
             if path.suffix == ".py" or path.name == "py.typed"}
    if library_folder is not None:
        for path in Path(library_folder).iterdir():
            files[f"bwrt/lib/{path.name}"] = path.read_bytes()
    files[f"{information}/METADATA"] = METADATA.format(version=version()).encode()
    files[f"{information}/WHEEL"] = WHEEL.format(
        platform=platform, pure=str(library_folder is None).lower()).encode()
    licence = HERE.parent.parent / "LICENSE"
    if licence.exists():
        files[f"{information}/LICENSE"] = licence.read_bytes()
    return files


def write(output_folder, library_folder=None, platform="any"):
    """Writes the wheel and returns its name."""
    files = files_of(library_folder, platform)
    record = []
    for name, content in sorted(files.items()):
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        record.append(f"{name},sha256={digest},{len(content)}\n")
    record_name = f"bwrt-{version()}.dist-info/RECORD"
    files[record_name] = "".join(record + [f"{record_name},,\n"]).encode()

    name = f"bwrt-{version()}-py3-none-{platform}.whl"
    with zipfile.ZipFile(Path(output_folder, name), "w", zipfile.ZIP_DEFLATED) as wheel:
        # RECORD last, as the format asks.
        for path in sorted(files, key=lambda path: (path == record_name, path)):
            entry = zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = (0o755 if path.startswith("bwrt/lib/") else 0o644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            wheel.writestr(entry, files[path])
    return name


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    """The hook that pip calls: the package alone."""
    return write(wheel_directory)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: build_wheel.py OUTPUT_FOLDER LIBRARY_FOLDER PLATFORM")
    print(Path(sys.argv[1], write(*sys.argv[1:])))
