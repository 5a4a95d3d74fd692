# SPDX-License-Identifier: Apache-2.0
"""Finds libbwrt.so.0, loads it, and declares its functions twice.

A call through ctypes either keeps Python's lock (PyDLL) or gives it up (CDLL).  Giving it up costs
nothing until another thread computes in Python: then the lock comes back after that thread's
switch interval, hundreds of microseconds for a call of half of one.  So:

  HOLDING    calls that return at once, and never wait for anything that needs the lock
  RELEASING  calls that wait: for I/O, for the driver's turn, for a thread

A log function written in Python needs the lock on whatever thread bwrt calls it.  A thread that
held the lock while it waited for the driver's turn, and the driver in the log function, would wait
for each other for ever; so a runtime with a log function uses RELEASING for everything.

The library is, in this order: what the environment variable BWRT_LIBRARY names, and then nothing
else; lib/libbwrt.so.0 beside this file, where a wheel has it; the one the system's loader finds.
"""

import ctypes
import os
from ctypes import POINTER, c_char_p, c_int32, c_int64, c_uint32, c_uint64, c_void_p
from pathlib import Path
from types import SimpleNamespace

from . import _abi

_SONAME = "libbwrt.so.0"

# Structs are passed by byref() or as NULL; the runtime as the c_void_p that close() empties.
_SIGNATURES = {
    "bwrt_abi_version": (c_uint32, []),
    "bwrt_status_name": (c_char_p, [c_int32]),
    "bwrt_open": (c_int32, [c_void_p, c_void_p, c_void_p]),
    "bwrt_shutdown": (c_int32, [c_void_p, c_uint32, c_int64, c_void_p]),
    "bwrt_close": (c_int32, [c_void_p, c_void_p]),
    "bwrt_get_caps": (c_int32, [c_void_p, c_void_p, c_void_p]),
    "bwrt_sample": (c_int32, [c_void_p, c_void_p, c_void_p]),
    "bwrt_region_add": (c_int32, [c_void_p, c_void_p, c_void_p, c_void_p, c_void_p]),
    "bwrt_region_set": (c_int32, [c_void_p, c_uint64, c_uint32, c_int64, c_void_p]),
    "bwrt_layout_add": (c_int32, [c_void_p, c_void_p, c_void_p, c_void_p]),
    "bwrt_release": (c_int32, [c_void_p, c_uint64, c_void_p]),
    "bwrt_submit_wave": (c_int32, [c_void_p, c_void_p, c_void_p, c_void_p]),
    "bwrt_wait": (c_int32, [c_void_p, c_uint64, c_int64, c_void_p, c_void_p]),
    "bwrt_poll": (c_int32, [c_void_p, c_void_p, c_uint32, POINTER(c_uint32), c_void_p]),
    "bwrt_plan_parse": (c_int32, [c_void_p, c_uint32, c_char_p, c_uint64, c_void_p, c_void_p]),
    "bwrt_plan_print": (c_int32, [c_void_p, c_uint64, c_void_p, c_void_p, c_void_p]),
    "bwrt_plan_submit": (c_int32, [c_void_p, c_uint64, c_void_p, c_void_p, c_void_p]),
    "bwrt_plan_window": (c_int32, [c_void_p, c_void_p, c_void_p, c_void_p]),
    "bwrt_advance": (c_int32, [c_void_p, c_uint64, c_void_p]),
    "bwrt_cancel": (c_int32, [c_void_p, c_uint64, c_void_p]),
    "bwrt_stream_wait": (c_int32, [c_void_p, c_uint64, c_uint32, c_uint32, c_uint64, c_int64,
                                   c_void_p]),
    "bwrt_event_fd": (c_int32, [c_void_p, POINTER(c_int32), c_void_p]),
    "bwrt_content_id": (c_int32, [c_void_p, c_uint32, c_void_p, c_void_p]),
    "bwrt_block_id": (c_int32, [c_void_p, c_void_p, c_uint32, POINTER(c_uint32), c_void_p]),
    "bwrt_tenant_set": (c_int32, [c_void_p, c_void_p, c_void_p]),
    "bwrt_lookup": (c_int32, [c_void_p, c_void_p, c_void_p, POINTER(c_uint32), POINTER(c_uint32),
                              c_void_p]),
    "bwrt_events": (c_int32, [c_void_p, POINTER(c_uint64), c_void_p, c_uint32, POINTER(c_uint32),
                              c_void_p]),
    "bwrt_sample_store": (c_int32, [c_void_p, c_void_p, c_void_p]),
}


def _load() -> ctypes.CDLL:
    named = os.environ.get("BWRT_LIBRARY")
    beside = Path(__file__).with_name("lib") / _SONAME
    path = named or (str(beside) if beside.exists() else _SONAME)
    try:
        return ctypes.CDLL(path)
    except OSError as error:
        source = "BWRT_LIBRARY names it" if named else "set BWRT_LIBRARY to its path"
        raise ImportError(f"bwrt cannot load its library: {error} ({source})") from None


def _declare(library: ctypes.CDLL) -> SimpleNamespace:
    functions = SimpleNamespace()
    for name, (result, arguments) in _SIGNATURES.items():
        try:
            function = getattr(library, name)
        except AttributeError:
            raise ImportError(f"{library._name} has no {name}: an older bwrt") from None
        function.restype = result
        function.argtypes = arguments
        setattr(functions, name[len("bwrt_"):], function)
    return functions


_loaded = _load()
RELEASING = _declare(_loaded)
HOLDING = _declare(ctypes.PyDLL(_loaded._name, handle=_loaded._handle))

_version = RELEASING.abi_version()
if _version >> 16 != _abi.BWRT_ABI_VERSION >> 16 or _version < _abi.BWRT_ABI_VERSION:
    raise ImportError(f"{_loaded._name} has ABI {_version >> 16}.{_version & 0xFFFF}, this package "
                      f"needs {_abi.BWRT_ABI_VERSION >> 16}.{_abi.BWRT_ABI_VERSION & 0xFFFF}")


def status_name(status: int) -> str:
    """The name of a status, "E_INVAL"; "unknown" for a number that is none."""
    return HOLDING.status_name(status).decode()
