# SPDX-License-Identifier: Apache-2.0
"""The block store of a runtime: how it is described, whose blocks it has, and what it has done."""

import ctypes
import os
from ctypes import byref, c_char_p, cast, c_void_p, pointer
from dataclasses import dataclass, fields
from enum import IntEnum, IntFlag
from typing import Any, Optional, Sequence, Union

from . import _abi
from ._checks import bytes_of, unsigned
from ._core import Core
from ._library import RELEASING

Path = Union[str, bytes, "os.PathLike[str]"]

_SECRET_BYTES = 32
_WIDE = ("disk_bytes", "host_bytes", "transit_bytes", "write_bytes_per_day")
_NARROW = ("block_count_max", "block_bytes_max", "flight_count_max", "tenant_count_max",
           "lease_count_max", "write_touch_count", "eviction")


class Eviction(IntEnum):
    """Who goes from a tier that is full."""

    DEFAULT = _abi.BWRT_EVICTION_DEFAULT
    """LRU."""
    LRU = _abi.BWRT_EVICTION_LRU
    """What was used least recently; whoever comes has a place."""
    LEARNED = _abi.BWRT_EVICTION_LEARNED
    """What is worth least, by what was learnt; who would be worth less is not kept."""
    RANKED = _abi.BWRT_EVICTION_RANKED
    """In host memory what is worth least, and whoever comes has a place; on disk LRU."""


@dataclass(frozen=True)
class Store:
    """A tier of blocks in host memory, one on disk, or both: Runtime(store=Store(...)).

    The fields are those of bwrt_store, where 0 stands for the default:

      directories          one a device, always in the same order; none: no disk tier
      shard                who writes, where several processes share directories; "0"
      disk_bytes           in each directory, never exceeded; at least 128 MiB
      host_bytes           of the host tier, 2 MiB or more; 0: none
      transit_bytes        memory on the way to and from the disk, 2 MiB or more; 128 MiB
      write_bytes_per_day  to the disk, for the life of flash; 0: as many as come
      block_count_max      known at a time; 16 to 2^27; 1,048,576
      block_bytes_max      4 KiB to 256 MiB, and an eighth of each memory above; that, or 16 MiB
      flight_count_max     blocks on their way at a time; 2 to 65,536; 1,024
      tenant_count_max     with blocks here; 1 to 4,096; 64
      lease_count_max      at a time, in each tier; 1 to 2^24; 65,536
      write_touch_count    a block goes to the disk when asked for or put that often; 1 to 15; 1
      eviction             who goes when there is no room: an Eviction
      huge                 its memory in huge pages where the system has them
      shared               readers in other processes may look at the index
      reader               reads all shards and writes none: lookups, GETs and events
      index_directory      where shared indices lie, in a tmpfs; /dev/shm
      export               its host tier in a memfd that others can map; see StoreInfo.host_fd
    """

    directories: Sequence[Path] = ()
    shard: Optional[str] = None
    disk_bytes: int = 0
    host_bytes: int = 0
    transit_bytes: int = 0
    write_bytes_per_day: int = 0
    block_count_max: int = 0
    block_bytes_max: int = 0
    flight_count_max: int = 0
    tenant_count_max: int = 0
    lease_count_max: int = 0
    write_touch_count: int = 0
    eviction: int = 0
    huge: bool = False
    shared: bool = False
    reader: bool = False
    index_directory: Optional[Path] = None
    export: bool = False

    def as_c(self) -> Any:
        """A pointer to the bwrt_store, which keeps all that it points to."""
        if isinstance(self.directories, (str, bytes, os.PathLike)):
            raise TypeError("directories is one path, not a sequence of them")
        paths = [os.fsencode(path) for path in self.directories]
        struct = _abi.bwrt_store(ctypes.sizeof(_abi.bwrt_store))
        struct.flags = ((_abi.BWRT_STORE_HUGE if self.huge else 0)
                        | (_abi.BWRT_STORE_SHARED if self.shared else 0)
                        | (_abi.BWRT_STORE_READER if self.reader else 0)
                        | (_abi.BWRT_STORE_EXPORT if self.export else 0))
        if self.index_directory is not None:
            struct.index_directory = os.fsencode(self.index_directory)
        if paths:
            struct.directories = (c_char_p * len(paths))(*paths)
            struct.directory_count = len(paths)
        if self.shard is not None:
            struct.shard = os.fsencode(self.shard)
        for bits, names in ((64, _WIDE), (32, _NARROW)):
            for name in names:
                setattr(struct, name, unsigned(getattr(self, name), bits, name))
        return pointer(struct)


# ---- tenants

def set_tenant(runtime: Core, number: int, secret: Optional[Any], **limits: int) -> None:
    """See Runtime.set_tenant()."""
    struct = _abi.bwrt_tenant(ctypes.sizeof(_abi.bwrt_tenant))
    struct.number = unsigned(number, 64, "number")
    for name, value in limits.items():
        setattr(struct, name, unsigned(value, 64, name))
    content = None if secret is None else bytes_of(secret, "secret")
    if content is not None:
        if len(content) != _SECRET_BYTES:
            raise ValueError(f"secret has {len(content)} bytes, not {_SECRET_BYTES}")
        struct.secret = cast(c_char_p(content), c_void_p)
    runtime._call(RELEASING.tenant_set, byref(struct))


# ---- counters

@dataclass(frozen=True)
class TierCounters:
    """One tier, or what a tenant has of it; see bwrt_tier_counters."""

    capacity_bytes: int  # of a tenant its quota; 0: none
    used_bytes: int
    block_count: int
    hit_count: int
    hit_bytes: int
    stored_count: int
    stored_bytes: int
    evicted_count: int
    expired_count: int


@dataclass(frozen=True)
class StoreCounters:
    """What the store has done; see bwrt_store_counters.  Of a tenant what is behind dedup_bytes
    is 0."""

    host: TierCounters
    disk: TierCounters
    miss_count: int
    put_count: int
    present_count: int
    present_bytes: int
    joined_count: int
    corrupt_count: int
    failed_count: int
    dedup_count: int
    dedup_bytes: int
    written_bytes: int
    carried_bytes: int
    refused_count: int
    write_budget_left_bytes: int
    log_bytes: int
    recovery_ns: int
    recovered_count: int
    flight_count: int
    unworthy_count: int


def _tier(struct: _abi.bwrt_tier_counters) -> TierCounters:
    return TierCounters(*(getattr(struct, field.name) for field in fields(TierCounters)))


def sample_store(runtime: Core, tenant: Optional[int]) -> StoreCounters:
    """See Runtime.store_counters()."""
    struct = _abi.bwrt_store_counters(ctypes.sizeof(_abi.bwrt_store_counters))
    if tenant is not None:
        struct.flags = _abi.BWRT_COUNTERS_TENANT
        struct.tenant = unsigned(tenant, 64, "tenant")
    runtime._call(RELEASING.sample_store, byref(struct))
    numbers = (getattr(struct, field.name) for field in fields(StoreCounters)[2:])
    return StoreCounters(_tier(struct.host), _tier(struct.disk), *numbers)


# ---- what became of it

class StoreFlag(IntFlag):
    HUGE, SHARED, READER, EXPORT = 1, 2, 4, 8


@dataclass(frozen=True)
class StoreInfo:
    """What of a Store is in force, and why the rest is not; see bwrt_store_info.

    What there is none of is 0, None or, an fd, -1; reasons are None where all is as it was asked
    for.
    """

    flags: StoreFlag
    host_address: Optional[int]
    host_bytes: int
    transit_bytes: int
    disk_bytes: int
    segment_bytes: int
    log_bytes: int
    log_bytes_max: int
    host_fd: int
    block_count_max: int
    block_bytes_max: int
    flight_count_max: int
    tenant_count_max: int
    lease_count_max: int
    disk_block_count_max: int
    directory_count: int
    segment_count: int
    reserved_count: int
    unreserved_count: int
    striped_count: int
    stripe_count: int
    stripe_bytes: int
    checksum: str
    huge_reason: Optional[str]
    disk_reason: Optional[str]
    direct_reason: Optional[str]
    reserve_reason: Optional[str]
    striping_reason: Optional[str]
    write_touch_count: int
    eviction: int


def store_info(runtime: Core) -> StoreInfo:
    """See Runtime.store_info()."""
    struct = _abi.bwrt_store_info(ctypes.sizeof(_abi.bwrt_store_info))
    counters = _abi.bwrt_store_counters(ctypes.sizeof(_abi.bwrt_store_counters))
    counters.info = ctypes.pointer(struct)
    runtime._call(RELEASING.sample_store, byref(counters))
    values = [getattr(struct, field.name) for field in fields(StoreInfo)]
    values = [one.decode() if isinstance(one, bytes) else one for one in values]
    return StoreInfo(StoreFlag(values[0]), *values[1:])
