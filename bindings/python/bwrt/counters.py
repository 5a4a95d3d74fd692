# SPDX-License-Identifier: Apache-2.0
"""What the library found on this machine, and what it has done: caps and counters."""

import ctypes
from ctypes import POINTER, byref, cast
from dataclasses import dataclass, fields
from enum import IntEnum, IntFlag
from typing import Any, Optional, Tuple

from . import _abi, errors
from ._core import Core
from ._library import RELEASING

_ROUTE_CAPACITY = 16


class Feature(IntFlag):
    URING, FIXED_BUFFERS, FIXED_FILES, HUGE_PAGES, DIRECT, CUDA = 1, 2, 4, 8, 16, 32


class Tier(IntEnum):
    NONE, DEVICE, HOST, DISK = 0, 1, 2, 3


@dataclass(frozen=True)
class Caps:
    """See bwrt_caps: what is there, the limits in force, and why something is not there."""

    abi_version: int
    version: str
    features: Feature
    progress: int
    storage: int
    wave_count_max: int
    operation_count_max: int
    slot_count_max: int
    region_count_max: int
    layout_count_max: int
    plane_count_max: int
    group_count_max: int
    queue_depth: int
    io_bytes_max: int
    staging_count: int
    pool_thread_count: int
    spin_ns: int
    storage_reason: str
    fixed_buffers_reason: str
    fixed_files_reason: str
    huge_pages_reason: str
    machine: str  # what a calibration table is bound to
    calibration_reason: str  # what the table chose, or why it is not in force
    driver_version: int  # of CUDA: 13000; 0: none was loaded
    batch_copy_abi: int
    device_count: int
    device_reason: str
    tuning_reason: str  # what a tuning file set, and what it left to the caller


class Histogram:
    """Latencies in log-linear buckets, within 3.2 % of any value."""

    def __init__(self, buckets: Tuple[int, ...]):
        self.buckets = buckets

    def __sub__(self, earlier: "Histogram") -> "Histogram":
        """What was counted since an earlier snapshot."""
        return Histogram(tuple(a - b for a, b in zip(self.buckets, earlier.buckets)))

    @property
    def count(self) -> int:
        return sum(self.buckets)

    @staticmethod
    def bounds_ns(index: int) -> Tuple[int, int]:
        """The half-open range of a bucket."""
        if index < 16:
            return index, index + 1
        octave, part = divmod(index - 16, 16)
        return (16 + part) << octave, (17 + part) << octave

    def percentile_ns(self, percent: float) -> Optional[float]:
        """The middle of the bucket with the value that `percent` of all are not above; None
        without values.  percent: 0 to 100."""
        if not 0 <= percent <= 100:
            raise ValueError(f"percent {percent} is outside [0, 100]")
        rank = max(1, -(-self.count * percent // 100))
        seen = 0
        for index, count in enumerate(self.buckets):
            seen += count
            if seen >= rank:
                low, high = self.bounds_ns(index)
                return (low + high - 1) / 2
        return None


@dataclass(frozen=True)
class Route:
    """One pair of tiers; see bwrt_route.  Equal DISK tiers are flushes."""

    source_tier: Tier
    target_tier: Tier
    request_count: int
    piece_count: int
    bytes: int
    error_count: int
    resubmit_count: int
    staged_bytes: int
    inflight_count: int
    latency_sum_ns: int
    latency: Histogram


@dataclass(frozen=True)
class Counters:
    """A consistent snapshot; see bwrt_counters."""

    time_ns: int
    waves_accepted: int
    waves_refused: int
    waves_pending: int
    waves_ok: int
    waves_cancelled: int
    waves_late: int
    waves_window: int
    waves_dependency: int
    waves_failed: int
    waves_overdue: int
    undelivered: int
    ring_occupancy: int
    ring_capacity: int
    queued_bytes: int
    inflight_count: int
    sleeps: int
    wakes: int
    unknown_completions: int
    plan_count: int
    plan_row_count: int
    plan_carried_count: int
    plan_late_count: int
    plan_waited_count: int
    plan_operation_count: int
    plan_served_count: int
    plan_bytes: int
    plan_ns: int
    token: int
    plan_finished_count: int
    plan_on_time_count: int
    plan_error_ns: int
    prefetch_count: int
    prefetch_bytes: int
    prefetch_right_count: int
    prefetch_right_bytes: int
    prefetch_late_count: int
    prefetch_late_bytes: int
    prefetch_wasted_count: int
    prefetch_wasted_bytes: int
    prefetch_failed_count: int
    prefetch_failed_bytes: int
    prefetch_open_count: int
    prefetch_open_bytes: int
    prefetch_lead_ns: int
    prefetch_missed_count: int
    routes: Tuple[Route, ...]

    def route(self, source: int, target: int) -> Route:
        """The route between two tiers."""
        return next(r for r in self.routes if (r.source_tier, r.target_tier) == (source, target))


def _values(kind: Any, struct: Any, **others: Any) -> Any:
    """A dataclass of the struct's fields of the same names."""
    taken = {}
    for field in fields(kind):
        value = others[field.name] if field.name in others else getattr(struct, field.name)
        taken[field.name] = value.decode(errors="replace") if isinstance(value, bytes) else value
    return kind(**taken)


def caps(runtime: Optional[Core] = None) -> Caps:
    """What Runtime() would find on this machine; of a runtime: what it found."""
    struct = _abi.bwrt_caps(struct_size=ctypes.sizeof(_abi.bwrt_caps))
    if runtime is not None:
        if runtime.closed:  # without a runtime the library would look at the machine anew
            raise errors.closed()
        runtime._call(runtime._quick.get_caps, byref(struct))
    else:
        error = _abi.bwrt_error()
        status = RELEASING.get_caps(None, byref(struct), byref(error))
        if status:
            raise errors.from_call(status, error)
    return _values(Caps, struct, features=Feature(struct.features))


def sample(runtime: Core) -> Counters:
    """See Runtime.counters()."""
    routes = (_abi.bwrt_route * _ROUTE_CAPACITY)()
    struct = _abi.bwrt_counters(ctypes.sizeof(_abi.bwrt_counters), _ROUTE_CAPACITY,
                                cast(routes, POINTER(_abi.bwrt_route)),
                                ctypes.sizeof(_abi.bwrt_route))
    runtime._call(runtime._quick.sample, byref(struct))
    written = routes[: min(struct.route_count, _ROUTE_CAPACITY)]
    return _values(Counters, struct, routes=tuple(
        _values(Route, route, source_tier=Tier(route.source_tier),
                target_tier=Tier(route.target_tier),
                latency=Histogram(tuple(route.latency_buckets))) for route in written))
