# SPDX-License-Identifier: Apache-2.0
"""Where blocks are, and what comes and goes."""

import ctypes
from ctypes import byref, c_uint32, c_uint64, pointer
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Iterator, List, NamedTuple, Optional, Tuple, Union

from . import _abi
from ._checks import unsigned
from ._core import Core
from ._library import RELEASING
from .blocks import identities_of
from .counters import Tier
from .layout import Layout

# Some tens of microseconds: what takes longer gives up Python's lock.
_HOLDING_BLOCK_COUNT = 256

_NO_TENANT = (1 << 64) - 1


class Found(IntEnum):
    """What a lookup says of a block; PENDING: it is being stored."""

    MISS, HIT, PENDING = 0, 1, 2


@dataclass(frozen=True)
class Split:
    """What Runtime.lookup(split=Split(...)) has to know to say how much of a prompt to load.

      token_count           of the whole prompt
      block_tokens          of a block
      block_bytes           of a block, all parts that are asked for
      prefill_tokens_per_s  without attention
      attention_ps          that a token takes for one earlier token, over all layers
      deadline_ns           0: none
      layer_count           a layer is computed as soon as its own pages are there, so many of
                            them; 0: nothing before all that is loaded is there
      computes_least        the longest load that is in time, rather than the earliest end
    """

    token_count: int
    block_tokens: int
    block_bytes: int
    prefill_tokens_per_s: int
    attention_ps: int = 0
    deadline_ns: int = 0
    layer_count: int = 0
    computes_least: bool = False

    def as_c(self) -> Any:
        """The bwrt_split."""
        struct = _abi.bwrt_split(ctypes.sizeof(_abi.bwrt_split))
        for name in ("token_count", "block_tokens", "layer_count"):
            setattr(struct, name, unsigned(getattr(self, name), 32, name))
        for name in ("block_bytes", "prefill_tokens_per_s", "attention_ps", "deadline_ns"):
            setattr(struct, name, unsigned(getattr(self, name), 64, name))
        if self.layer_count:
            struct.flags |= _abi.BWRT_SPLIT_BY_LAYER
        if self.computes_least:
            struct.flags |= _abi.BWRT_SPLIT_LEAST_COMPUTE
        return struct


class SplitPoint(NamedTuple):
    """How many leading blocks to load, and what that is predicted to come to; see bwrt_split."""

    load_count: int
    is_late: bool
    loaded_ns: int
    finish_ns: int
    load_finish_ns: int
    compute_finish_ns: int
    disk_bytes_per_s: int
    host_bytes_per_s: int


class Lookup:
    """What Runtime.lookup() found, as of then.

    prefix_count  leading identities that are hits; to a reader of a store only those on the disk
    leased_count  of these, how many stay for as long as the lease; 0 without one
    answers       an array with (state, tier, ready_ns) of each identity, in its order, as
                  bwrt_lookup_answer has them; numpy.ctypeslib.as_array(found.answers) shows it as
                  a structured array
    split         a SplitPoint where it was asked for, else None
    """

    def __init__(self, prefix_count: int, leased_count: int, answers: Any,
                 split: Optional[SplitPoint] = None):
        self.prefix_count = prefix_count
        self.leased_count = leased_count
        self.answers = answers
        self.split = split

    def __len__(self) -> int:
        return len(self.answers)

    def __repr__(self) -> str:
        return (f"<bwrt.Lookup, the first {self.prefix_count} of {len(self)} are hits, "
                f"{self.leased_count} leased>")

    @property
    def states(self) -> List[Found]:
        """Each identity's Found."""
        return [Found(answer.state) for answer in self.answers]

    @property
    def tiers(self) -> List[Tier]:
        """Where each hit is, of the slowest part; NONE where it is none."""
        return [Tier(answer.tier) for answer in self.answers]


def _parts_of(parts: Any) -> Tuple[int, int]:
    if isinstance(parts, range):
        if parts.step != 1 or not parts:
            raise ValueError(f"parts {parts} are not one behind the other")
        return unsigned(parts.start, 32, "parts"), unsigned(len(parts), 32, "parts")
    return 0, unsigned(parts, 32, "parts")


def _split_point_of(struct: _abi.bwrt_split) -> SplitPoint:
    values = {name: getattr(struct, name) for name in SplitPoint._fields}
    values["is_late"] = bool(struct.is_late)
    return SplitPoint(**values)


def look_up(runtime: Core, identities: Any, parts: Union[int, range], tenant: int, lease_ms: int,
            expected_ms: int, layout: Optional[Layout], split: Optional[Split] = None) -> Lookup:
    """See Runtime.lookup()."""
    if lease_ms and expected_ms:
        raise ValueError("lease_ms or expected_ms: blocks have to stay, or should")
    content = identities_of(identities, "identities")
    query = _abi.bwrt_lookup_query(ctypes.sizeof(_abi.bwrt_lookup_query))
    query.tenant = unsigned(tenant, 64, "tenant")
    query.identity_count = len(content) // _abi.BWRT_BLOCK_ID_BYTES
    query.identities = ctypes.cast(content, ctypes.c_void_p)
    query.part_first, query.part_count = _parts_of(parts)
    query.lease_ms = (unsigned(lease_ms, 32, "lease_ms") or
                      unsigned(expected_ms, 32, "expected_ms"))
    query.flags = _abi.BWRT_QUERY_EXPECTED if expected_ms else 0
    if layout is not None:
        query.layout = layout.handle
    struct = split.as_c() if split is not None else None
    if struct is not None:
        query.split = pointer(struct)
    answers = (_abi.bwrt_lookup_answer * query.identity_count)()
    if not query.identity_count:
        return Lookup(0, 0, answers)
    prefix_count, leased_count = c_uint32(), c_uint32()
    is_short = query.identity_count * max(1, query.part_count) <= _HOLDING_BLOCK_COUNT
    functions = runtime._quick if is_short and not query.lease_ms else RELEASING
    runtime._call(functions.lookup, byref(query), answers, byref(prefix_count),
                  byref(leased_count))
    return Lookup(prefix_count.value, leased_count.value, answers,
                  None if struct is None else _split_point_of(struct))


# ---- events

class EventKind(IntEnum):
    """STORED: the block is in that tier now; REMOVED: not any more; RESYNC: forget all, what
    follows begins anew with all that is there."""

    STORED, REMOVED, RESYNC = 1, 2, 3


class Reason(IntEnum):
    NONE, PUT, PROMOTED, EVICTED, EXPIRED, DROPPED, MOVED, CORRUPT, SNAPSHOT = range(9)


class Event(NamedTuple):
    """A block that came or went; see bwrt_event."""

    kind: EventKind
    tier: Tier
    reason: Reason
    identity: bytes
    part: int
    tenant: Optional[int]  # its number; None of a block whose tenant was not set
    time_ns: int


def _event_of(struct: _abi.bwrt_event) -> Event:
    return Event(EventKind(struct.kind), Tier(struct.tier), Reason(struct.reason),
                 bytes(struct.identity), struct.part,
                 None if struct.tenant == _NO_TENANT else struct.tenant, struct.time_ns)


class Events:
    """A reader of what comes and goes, made by Runtime.events().

    Iterating gives what there is, and ends; iterated again it goes on from there.
    cursor: where it is, for another reader to go on from; of this process alone.
    """

    def __init__(self, runtime: Core, cursor: int):
        self.runtime = runtime
        self._cursor = c_uint64(unsigned(cursor, 64, "cursor"))

    def __repr__(self) -> str:
        return f"<bwrt.Events at {self.cursor}>"

    @property
    def cursor(self) -> int:
        return self._cursor.value

    def poll(self, capacity: int = 1024) -> List[Event]:
        """Up to `capacity` events; none when nothing has happened since."""
        array = (_abi.bwrt_event * max(1, unsigned(capacity, 20, "capacity")))()
        count = c_uint32()
        self.runtime._call(RELEASING.events, byref(self._cursor), array, len(array), byref(count))
        return [_event_of(struct) for struct in array[: count.value]]

    def __iter__(self) -> Iterator[Event]:
        while True:
            events = self.poll()
            if not events:
                return
            yield from events
