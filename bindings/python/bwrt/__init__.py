# SPDX-License-Identifier: Apache-2.0
"""bwrt, the movement engine below an inference engine.

  with bwrt.Runtime() as runtime:
      file = runtime.file("weights")
      page = runtime.memory(bytearray(4096))
      wave = runtime.submit([bwrt.read(file, page, 4096)], deadline_s=0.05)
      print(wave.wait())

Regions are memory and files, layouts describe paged memory, a wave is a list of operations with a
deadline, and exactly one completion tells what became of it.  A Store keeps blocks of KV by their
identities: put() and get() them, lookup() which are there.  include/bwrt.h is the manual; here
the names are the same, times in seconds say so (timeout, deadline_s), and what a wave touches is
kept alive until it is over.
"""

from . import _abi
from .aio import as_finished
from .aio import wait as wait_async
from .blocks import Closure, drop, get, move, pin, prefetch, put, unpin
from .completion import Completion, Delivery, Late, Priority, Result, Verdict
from .counters import Caps, Counters, Feature, Histogram, Route, Tier, caps
from .errors import (AgainError, BlockError, BusyError, CallerError, CancelledError, ClosedError,
                     ConflictError, CorruptError, DependencyError, Error, ForkedError,
                     InternalError, LateError, LockedError, MissError, MomentError, Status,
                     TimeoutError, TruncatedError, UnsupportedError, WaveError, WindowError,
                     WorldError)
from .identity import MediaItem, block_ids, content_id
from .layout import Layout, Plane
from .lookup import Event, EventKind, Events, Found, Lookup, Reason, Split, SplitPoint
from .memory import Region, RegionInfo
from .operations import Operation, copy, flush, gemm, read, signal, write
from .plan import Plan, PlanKind, PlanWaves
from .planner import Planner
from .runtime import DeviceLook, Progress, Runtime, Storage
from .store import Eviction, Store, StoreCounters, StoreFlag, StoreInfo, TierCounters
from .wave import Wave
from .window import (Bus, Decided, Decision, PlannedWindow, Request, TenantCredit, TierBudget,
                     TierRoute, Transfer)

__version__ = "0.1.0"

NONE = _abi.BWRT_NONE
"""In an array of slots: skip this pair."""

PROCESS_MEMORY = _abi.BWRT_PROCESS_MEMORY
"""Any memory of this process; the offset is the address, and nothing checks it."""

__all__ = [
    "AgainError", "BlockError", "BusyError", "CallerError", "CancelledError", "Caps", "ClosedError",
    "Bus", "Closure", "Completion", "ConflictError", "CorruptError", "Counters", "Decided", "Decision", "Delivery",
    "DependencyError", "DeviceLook", "Error", "Event", "EventKind", "Events", "Eviction", "Feature", "ForkedError",
    "Found",
    "Histogram", "InternalError", "Late", "LateError", "Layout", "LockedError", "Lookup",
    "MediaItem", "MissError", "MomentError", "NONE", "Operation", "PROCESS_MEMORY", "Plan", "PlanKind",
    "PlanWaves", "Plane", "PlannedWindow", "Planner",
    "Priority", "Progress", "Reason", "Region", "RegionInfo", "Request", "Result", "Route", "Runtime",
    "Split", "SplitPoint", "Status", "Storage", "Store", "StoreCounters", "StoreFlag", "StoreInfo", "TenantCredit", "Tier", "TierBudget",
    "TierCounters", "TierRoute", "TimeoutError", "Transfer", "TruncatedError", "UnsupportedError", "Verdict", "Wave", "WaveError", "WindowError",
    "WorldError", "as_finished", "block_ids", "caps", "content_id", "copy", "drop", "flush", "gemm", "get", "move", "pin",
    "prefetch", "put", "read", "signal", "unpin", "wait_async", "write",
]
