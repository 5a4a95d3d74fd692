# SPDX-License-Identifier: Apache-2.0
"""An engine's own queue, planned window by window; see bwrt_plan_window()."""

import ctypes
from ctypes import byref, c_uint64
from dataclasses import dataclass, field, fields
from enum import IntEnum
from typing import Any, Iterable, List, NamedTuple, Optional, Sequence

from . import _abi
from ._checks import unsigned
from ._core import Core
from ._library import RELEASING
from .completion import Priority
from .counters import Tier
from .plan import Plan, PlanKind

_NONE = _abi.BWRT_NONE


class Decided(IntEnum):
    """What became of a row; from PLANNED_PART to TOO_SMALL it is in the next window, too."""

    PLANNED, PLANNED_PART, NO_CREDIT, NO_BUDGET, NO_OPERATION = 1, 2, 3, 4, 5
    NO_PLACE, TOO_SMALL, NOT_WORTH, LATE, WAITED = 6, 7, 8, 9, 10


@dataclass
class Request:
    """Pages wanted on another tier; the fields are those of bwrt_request, each layer is a row."""

    id: int
    page_first: int
    page_count: int
    page_bytes: int
    deadline_ns: int = 0  # of time.monotonic_ns(), or whatever now_ns counts; 0: none
    fill_ns: int = 0
    tenant: int = 0
    model: int = 0
    prefix: int = 0
    layer_first: int = 0
    layer_count: int = 1
    node: int = 0
    source_tier: int = Tier.DISK
    target_tier: int = Tier.HOST
    priority: int = Priority.NORMAL
    weight_milli: int = 0


@dataclass
class TierBudget:
    """What a tier of a node takes in a window; 0 bytes: nothing."""

    tier: int
    bytes: int = (1 << 64) - 1
    operation_count_max: int = 0
    node: int = 0


@dataclass
class TierRoute:
    """How pages get from a tier to another one."""

    source_tier: int
    target_tier: int
    latency_ns: int = 0
    stream_bytes_per_s: int = 0
    stream_count: int = 0
    bus: int = 0


@dataclass
class Bus:
    """What routes share, on a node."""

    bus: int
    bytes_per_s: int = 0
    queued_bytes: int = 0
    node: int = 0


@dataclass
class TenantCredit:
    """What a tenant may have moved; 0: as many bytes as come."""

    tenant: int
    bytes_per_s: int = 0
    burst_bytes: int = 0


class Decision(NamedTuple):
    """What became of a row; see bwrt_decision."""

    id: int
    layer: int
    verdict: Decided
    finish_ns: int
    rest_first: int
    transfer: Optional[int]  # the last of those that move its pages; None: none does
    transfer_count: int
    age: int


class Transfer(NamedTuple):
    """A run of pages that moves; see bwrt_transfer."""

    page_first: int
    page_count: int
    page_bytes: int
    bytes: int
    deadline_ns: int
    finish_ns: int
    model: int
    prefix: int
    layer: int
    node: int
    source_tier: Tier
    target_tier: Tier
    priority: Priority
    served_count: int
    position: int
    overlap: int


@dataclass
class PlannedWindow:
    """decisions: of what was carried, then of the requests, layer by layer; carried_count: rows
    that are in the next window, too; plan: the window as a value, where it was asked for."""

    decisions: List[Decision]
    transfers: List[Transfer]
    carried_count: int
    plan: Optional[Plan] = field(default=None)


_LAYER_COUNT_MAX = 65_535


def _array(struct: Any, values: Sequence[Any]) -> Any:
    """The values as an array of structs; a field without a value is 0."""
    array = (struct * max(1, len(values)))()
    widths = {name: ctypes.sizeof(kind) * 8 for name, kind in struct._fields_}
    for target, value in zip(array, values):
        for each in fields(value):
            setattr(target, each.name,
                    unsigned(getattr(value, each.name), widths[each.name], each.name))
    return array


def _give(window: Any, name: str, one: str, struct: Any, values: Iterable[Any]) -> int:
    listed = list(values)
    setattr(window, name, _array(struct, listed))
    setattr(window, f"{one}_count", len(listed))
    setattr(window, f"{one}_bytes", ctypes.sizeof(struct))
    if name != "requests":
        return 0
    # What is more than the library takes is refused by it, and needs no room before.
    return sum(min(max(1, value.layer_count), _LAYER_COUNT_MAX) for value in listed)


def _numbers(values: Iterable[int], name: str) -> Any:
    listed = [unsigned(value, 64, name) for value in values]
    return (c_uint64 * max(1, len(listed)))(*listed), len(listed)


def _decision_of(struct: Any) -> Decision:
    return Decision(struct.id, struct.layer, Decided(struct.verdict), struct.finish_ns,
                    struct.rest_first,
                    None if struct.transfer_index == _NONE else struct.transfer_index,
                    struct.transfer_count, struct.age)


def _transfer_of(struct: Any) -> Transfer:
    values = {name: getattr(struct, name) for name in Transfer._fields}
    values.update(source_tier=Tier(struct.source_tier), target_tier=Tier(struct.target_tier),
                  priority=Priority(struct.priority))
    return Transfer(**values)


def plan_window(runtime: Core, requests: Iterable[Request], now_ns: int, cancelled: Iterable[int],
                tiers: Iterable[TierBudget], routes: Iterable[TierRoute], buses: Iterable[Bus],
                tenants: Iterable[TenantCredit], layer_ns: Iterable[int], measured: bool,
                as_plan: bool) -> PlannedWindow:
    """See Runtime.plan_window()."""
    window = _abi.bwrt_request_window(ctypes.sizeof(_abi.bwrt_request_window))
    window.flags = _abi.BWRT_REQUEST_WINDOW_MEASURED if measured else 0
    window.now_ns = unsigned(now_ns, 64, "now_ns")
    row_count = _give(window, "requests", "request", _abi.bwrt_request, requests)
    _give(window, "tiers", "tier", _abi.bwrt_tier_budget, tiers)
    _give(window, "routes", "route", _abi.bwrt_tier_route, routes)
    _give(window, "buses", "bus", _abi.bwrt_bus, buses)
    _give(window, "tenants", "tenant", _abi.bwrt_tenant_credit, tenants)
    window.cancelled_ids, window.cancelled_count = _numbers(cancelled, "cancelled")
    window.layer_ns, window.layer_count = _numbers(layer_ns, "layer_ns")
    if as_plan and runtime._dropped_handles:  # of plans there is room for few
        runtime._reap_handles()
    handle = c_uint64()
    with runtime._windows:  # how many rows are carried must be so when the call is made
        room = row_count + runtime._window_carried_count
        decisions = (_abi.bwrt_decision * max(1, room))()
        transfers = (_abi.bwrt_transfer * max(1, 2 * room))()
        window.decisions, window.decision_capacity = decisions, len(decisions)
        window.decision_bytes = ctypes.sizeof(_abi.bwrt_decision)
        window.transfers, window.transfer_capacity = transfers, len(transfers)
        window.transfer_bytes = ctypes.sizeof(_abi.bwrt_transfer)
        runtime._call(RELEASING.plan_window, byref(window), byref(handle) if as_plan else None)
        runtime._window_carried_count = window.carried_count
    plan = Plan.of_handle(runtime, PlanKind.CACHE, handle.value) if handle.value else None
    return PlannedWindow([_decision_of(each) for each in decisions[: window.decision_count]],
                         [_transfer_of(each) for each in transfers[: window.transfer_count]],
                         window.carried_count, plan)
