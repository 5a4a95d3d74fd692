# SPDX-License-Identifier: Apache-2.0
"""The structs and constants of bwrt/_abi.py against what a C compiler makes of bwrt.h, as the
program in BWRT_ABI_LAYOUT (bindings/abi_layout.c) prints it; and what the package says of
itself."""

import ctypes
import json
import os
import subprocess
import unittest

import bwrt
from bwrt import _abi
from support import main, run_python


STRUCTS = [name for name, value in vars(_abi).items()
           if isinstance(value, type) and issubclass(value, ctypes.Structure) and
           value is not ctypes.Structure]
CONSTANTS = [name for name in vars(_abi) if name.startswith("BWRT_")]


class Abi(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.layout = json.loads(subprocess.check_output([os.environ["BWRT_ABI_LAYOUT"]]))

    def test_every_struct_has_the_size_of_the_header(self):
        for name in STRUCTS:
            self.assertEqual(ctypes.sizeof(getattr(_abi, name)),
                             self.layout["structs"][name]["size"], name)

    def test_every_field_lies_where_the_header_has_it_and_none_is_missing(self):
        for name in STRUCTS:
            struct = getattr(_abi, name)
            ours = {field: {"offset": getattr(struct, field).offset,
                            "size": getattr(struct, field).size} for field, *_ in struct._fields_}
            self.assertEqual(ours, self.layout["structs"][name]["fields"], name)

    def test_every_constant_has_the_value_of_the_header(self):
        for name in CONSTANTS:
            self.assertEqual(getattr(_abi, name), self.layout["constants"][name], name)

    def test_every_status_has_a_name(self):
        known = {name[len("BWRT_"):]: value for name, value in self.layout["constants"].items()
                 if name.startswith("BWRT_E_") or name == "BWRT_OK"}

        self.assertEqual({status.name: int(status) for status in bwrt.Status}, known)

    def test_enums_have_the_values_of_the_header(self):
        families = {bwrt.Priority: "PRIORITY", bwrt.Delivery: "DELIVER", bwrt.Late: "LATE",
                    bwrt.Verdict: "VERDICT", bwrt.Progress: "PROGRESS", bwrt.Storage: "STORAGE",
                    bwrt.Feature: "FEATURE", bwrt.Tier: "TIER",
                    bwrt.Decided: "DECISION"}
        for enum, family in families.items():
            named = {f"BWRT_{family}_{member.name}": int(member) for member in enum}
            known = {name: value for name, value in self.layout["constants"].items()
                     if name.startswith(f"BWRT_{family}_")}
            self.assertEqual(named, known)

    def test_the_package_has_the_version_of_the_library(self):
        self.assertEqual(bwrt.__version__, bwrt.caps().version)
        self.assertEqual(bwrt.__version__, os.environ.get("BWRT_VERSION", bwrt.__version__))
        self.assertEqual(bwrt.caps().abi_version, self.layout["abi_version"])


class Loading(unittest.TestCase):
    def refused(self, library):
        status, said = run_python("import bwrt", BWRT_LIBRARY=library)
        self.assertEqual(status, 1)
        return said.splitlines()[-1]

    def test_a_library_that_is_not_there_is_an_import_error(self):
        self.assertRegex(self.refused("/nowhere/libbwrt.so.0"),
                         "^ImportError: bwrt cannot load its library: /nowhere.*BWRT_LIBRARY")

    def test_a_library_that_is_another_is_an_import_error(self):
        self.assertRegex(self.refused("libc.so.6"), "^ImportError: libc.so.6 has no bwrt_")


if __name__ == "__main__":
    main()
