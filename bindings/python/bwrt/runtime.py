# SPDX-License-Identifier: Apache-2.0
"""The runtime: what a program opens, and makes everything else with."""

import os
import threading
import weakref
from ctypes import byref, c_int32, c_uint32
from enum import IntEnum
from typing import Any, Callable, Iterable, List, Optional, Sequence, Union

from . import _abi
from ._checks import unsigned
from ._core import Core
from ._library import HOLDING
from .blocks import Blocks
from .completion import Completion, Delivery, Late, Priority
from .counters import Caps, Counters
from .counters import caps as caps_of
from .counters import sample
from .layout import Layout, Plane, layout_of_arrays
from .lookup import Events, Lookup, Split, look_up
from .memory import Region, add_file, add_memory
from .operations import Operation
from .plan import Plan
from .planner import Planner
from .store import Store, StoreCounters, StoreInfo, sample_store, set_tenant
from .store import store_info as store_info_of
from .wave import Wave
from .window import Bus, PlannedWindow, Request, TenantCredit, TierBudget, TierRoute, plan_window


class Progress(IntEnum):
    """Who drives the work: a thread of the runtime's own, or whoever waits or polls."""

    THREAD, CALLER = 0, 1


class DeviceLook(IntEnum):
    LATER, LOAD, START = 0, 1, 2


class Storage(IntEnum):
    """How files are reached: io_uring where it works, io_uring or not at all, threads."""

    AUTO, URING, POOL = 0, 1, 2


class Runtime(Core):
    """Starts a runtime; end it with `with`, or with close().

    The arguments are the fields of bwrt_config, where 0 stands for the default:

      wave_count_max       undelivered waves; 1 to 32,768; 1,024
      operation_count_max  operations in all of them; up to 2^22; 131,072
      slot_count_max       slot indices in all of them; up to 2^26; 1,048,576
      region_count_max     1 to 65,535; 1,024
      layout_count_max     1 to 65,535; 64
      plane_count_max      planes of one layout; 1 to 65,536; 4,096
      group_count_max      groups of one wave; 1 to 32,768; 1,024
      queue_depth          I/O requests in flight; 1 to 4,096; 128
      io_bytes_max         the largest one; 64 KiB to 16 MiB, of 4 KiB; 1 MiB
      staging_count        bounce buffers of io_bytes_max; 1 to 256; 16
      pool_thread_count    of the pool; 1 to 64; 4
      spin_ns              before a thread sleeps; 20,000; bwrt.NONE: none
      store                a Store, where blocks are kept; None: none
      planner              a Planner, of waves that are submitted with planned=True; None: none
      calibration          path of a table by `bwrt calibrate`; None: none
      tuning               path of a file by `bwrt tune`: in the place of zeros in store and planner
      device               DeviceLook.LOAD or START: look for the CUDA driver, for caps()
      log                  called with (level, sentence), on any thread; must not use bwrt

    All methods may be called from any thread.  A child of fork() gets ForkedError.
    """

    def __init__(self, *, progress: int = Progress.THREAD, storage: int = Storage.AUTO,
                 wave_count_max: int = 0, operation_count_max: int = 0, slot_count_max: int = 0,
                 region_count_max: int = 0, layout_count_max: int = 0, plane_count_max: int = 0,
                 group_count_max: int = 0, queue_depth: int = 0, io_bytes_max: int = 0,
                 staging_count: int = 0, pool_thread_count: int = 0, spin_ns: int = 0,
                 store: Optional[Store] = None, planner: Optional[Planner] = None,
                 calibration: Optional[Union[str, bytes, "os.PathLike[str]"]] = None,
                 tuning: Optional[Union[str, bytes, "os.PathLike[str]"]] = None,
                 device: int = DeviceLook.LATER, log: Optional[Callable[[int, str], Any]] = None):
        limits = dict(wave_count_max=wave_count_max, operation_count_max=operation_count_max,
                      slot_count_max=slot_count_max, region_count_max=region_count_max,
                      layout_count_max=layout_count_max, plane_count_max=plane_count_max,
                      group_count_max=group_count_max, queue_depth=queue_depth,
                      io_bytes_max=io_bytes_max, staging_count=staging_count,
                      pool_thread_count=pool_thread_count, spin_ns=spin_ns)
        config = _abi.bwrt_config(progress=Progress(progress), storage=Storage(storage),
                                  device=DeviceLook(device), **{
            name: unsigned(value, 32, name) for name, value in limits.items()})
        if store is not None:
            config.store = store.as_c()
        if planner is not None:
            config.planner = planner.as_c()
        if calibration is not None:
            config.calibration = os.fsencode(calibration)
        if tuning is not None:
            config.tuning = os.fsencode(tuning)
        self._memory: List["weakref.ref[Region]"] = []
        self._watchers: Any = weakref.WeakKeyDictionary()
        self._event_fd = -1
        self._windows = threading.Lock()
        self._window_carried_count = 0
        super().__init__(config, log)
        if log is None:
            self._submit = HOLDING.submit_wave  # nobody can come between while it runs

    def __repr__(self) -> str:
        return f"<bwrt.Runtime{', closed' if self.closed else ''}>"

    # ---- memory

    def memory(self, buffer: Any, length_bytes: Optional[int] = None, *,
               read_only: Optional[bool] = None, owner: Any = None) -> Region:
        """A region of the caller's memory.

        buffer: anything with the buffer protocol that lies without gaps (bytearray, memoryview,
        mmap, array, a numpy array), or an address with length_bytes.  A buffer is pinned until the
        region is released or dropped and no wave uses it; an address is only as good as its
        owner, which is kept as long as the region object.
        read_only: it may not be a target; so is what cannot be written to.
        """
        region = add_memory(self, buffer, length_bytes, read_only, owner)
        return self._remember(region)

    def allocate(self, length_bytes: int, *, huge: bool = False, prefault: bool = False,
                 export: bool = False) -> Region:
        """A region of memory that bwrt allocates, zeroed and on 2 MiB bounds; see Region.view.

        huge: huge pages where there are some.  prefault: touches every page now.
        export: a memfd that another process can map; see Region.info.fd.
        """
        region = _abi.bwrt_region(kind=_abi.BWRT_REGION_ALLOCATED)
        region.length_bytes = unsigned(length_bytes, 64, "length_bytes")
        region.flags = ((_abi.BWRT_REGION_HUGE if huge else 0) |
                        (_abi.BWRT_REGION_PREFAULT if prefault else 0) |
                        (_abi.BWRT_REGION_EXPORT if export else 0))
        return self._remember(Region(self, region))

    def file(self, file: Any, *, writable: Optional[bool] = None, direct: bool = False,
             length_bytes: int = 0) -> Region:
        """A region of a regular file or block device; see bwrt_region_add().

        file: a path, a file object or an fd, which stays the caller's to close.
        writable: None takes an open file as it was opened, and a path read-only.
        direct: past the page cache where the file system can.
        length_bytes: 0 is the file's length now.
        """
        return add_file(self, file, writable, direct, length_bytes)

    def _remember(self, region: Region) -> Region:
        self._memory = [known for known in self._memory if known() is not None]
        self._memory.append(weakref.ref(region))
        return region

    def layout(self, parts: Sequence[Any], *, slot_axis: int = 0,
               layer_axis: Optional[int] = None, split_axes: Union[int, Sequence[int]] = (),
               groups: Optional[Sequence[int]] = None, slot_count: Optional[int] = None,
               block_bytes: Optional[int] = None, salt: int = 0) -> Layout:
        """Describes paged memory once.

        parts: arrays (strides are theirs), each of which lies in a region or becomes one, or
        bwrt.Plane objects with slot_count.
        slot_axis: its indices are the slots.  layer_axis: each index is a plane, in the group of
        that number.  split_axes: each index is a plane as well, K and V say.
        groups: one for each array, added to the layer; for lists with an array a layer.
        salt: part of what its blocks must have been stored with, beside how they lie: a dtype, say.
        """
        if parts and all(isinstance(part, Plane) for part in parts):
            if slot_count is None:
                raise TypeError("planes need slot_count")
            return Layout(self, parts, slot_count, block_bytes, salt)
        if not parts or slot_count is not None or block_bytes is not None:
            raise TypeError("slot_count and block_bytes go with planes, arrays have their own")
        return layout_of_arrays(self, parts, slot_axis, layer_axis, split_axes, groups, salt)

    # ---- work

    def prepare(self, operations: Iterable[Operation], *, deadline_s: Optional[float] = None,
                deadline_ns: Optional[int] = None, late: int = Late.FINISH,
                priority: int = Priority.NORMAL, delivery: int = Delivery.WAIT,
                barrier: bool = False, window_ns: Optional[Sequence[int]] = None,
                window_abort: bool = False, results: bool = False,
                groups: Union[bool, int] = False, tenant: int = 0, session: int = 0,
                window_tokens: Optional[Sequence[int]] = None, planned: bool = False,
                user_data: Any = None) -> Wave:
        """A wave to submit() again and again, each time with one call into the library.

        deadline_s: seconds from submission; deadline_ns: a time of time.monotonic_ns().
        late: what the deadline means.  barrier: waits for all waves accepted before it.
        window_ns: (start, end) of time.monotonic_ns(), end 0 is open: the wave starts inside or
        ends with WindowError; window_abort: the end aborts it while it runs, too.
        window_tokens: likewise, of advance().
        results, groups: one result for each entry or group; see Wave.
        tenant: whose its blocks are; see set_tenant().
        session: whose request it is, so that what comes next can be foretold; see Planner.
        planned: it waits for its plan; see Planner.
        """
        return Wave(self, operations, deadline_s=deadline_s, deadline_ns=deadline_ns, late=late,
                    priority=priority, delivery=delivery, barrier=barrier, window_ns=window_ns,
                    window_abort=window_abort, results=results, groups=groups,
                    tenant=tenant, session=session, window_tokens=window_tokens, planned=planned,
                    user_data=user_data)

    def submit(self, operations: Iterable[Operation], *, wait_for: Iterable[Wave] = (),
               **options: Any) -> Wave:
        """Prepares a wave, with the options of prepare(), and submits it."""
        return self.prepare(operations, **options).submit(wait_for=wait_for)

    def poll(self, capacity: int = 64) -> List[Wave]:
        """Up to `capacity` waves of Delivery.QUEUE that have ended, in that order.

        In caller mode it drives."""
        completions = (Completion * unsigned(capacity, 16, "capacity"))()
        count = c_uint32()
        self._call(self._looking.poll, byref(completions), capacity, byref(count))
        ended = []
        for completion in completions[: count.value]:
            wave = self._queued.pop(completion.user_data)
            wave._finish(Completion.from_buffer_copy(completion))
            ended.append(wave)
        return ended

    def parse_plan(self, kind: int, text: Union[str, bytes]) -> Plan:
        """A plan of another program, as JSON: a PlanKind and its text.  ParseError or CallerError
        tells the text's own field, "ops[3].length"."""
        return Plan(self, kind, text)

    def plan_window(self, requests: Iterable[Request] = (), *, now_ns: int = 0,
                    cancelled: Iterable[int] = (), tiers: Iterable[TierBudget] = (),
                    routes: Iterable[TierRoute] = (), buses: Iterable[Bus] = (),
                    tenants: Iterable[TenantCredit] = (), layer_ns: Iterable[int] = (),
                    measured: bool = False, as_plan: bool = False) -> PlannedWindow:
        """Plans a window of an engine's own queue, and moves nothing; needs a planner.

        What is carried, tenants' credits and heat are kept for the next window.
        cancelled: ids of earlier requests that nobody wants any more.
        now_ns: of whatever clock the deadlines are; 0: of time.monotonic_ns().
        measured: the disk's bus of node 0 is as this runtime has measured its own.
        as_plan: the result has a Plan, where one can say it.
        """
        return plan_window(self, requests, now_ns, cancelled, tiers, routes, buses, tenants,
                           layer_ns, measured, as_plan)

    def advance(self, token: int) -> None:
        """The engine has come to this token: waves whose window_tokens begin start, those whose end
        has come end.  It begins at 0 and never goes back."""
        self._call(self._quick.advance, unsigned(token, 64, "token"))

    def event_fd(self) -> int:
        """An fd for poll() and event loops, readable while poll() has something to do.  It is the
        runtime's: never read or close it.  asyncio needs it not: await a wave."""
        if self._event_fd < 0:
            fd = c_int32()
            self._call(self._quick.event_fd, byref(fd))
            self._event_fd = fd.value
        return self._event_fd

    # ---- blocks

    def set_tenant(self, number: int, secret: Optional[Any] = None, host_quota_bytes: int = 0,
                   disk_quota_bytes: int = 0, credit_bytes_per_s: int = 0,
                   credit_burst_bytes: int = 0) -> None:
        """Adds a tenant to the store, or changes its quotas and credits, 0 being none.

        Tenants do not see each other's blocks.  Tenant 0 is there from the start.
        secret: 32 bytes, the same in each process, or the blocks are not found; None leaves that of
        a tenant who has one.  BusyError: it has another.
        credit_bytes_per_s: that its planned waves may move; what it does not use is kept, up to
        credit_burst_bytes, a second's by default.
        """
        set_tenant(self, number, secret, host_quota_bytes=host_quota_bytes,
                   disk_quota_bytes=disk_quota_bytes, credit_bytes_per_s=credit_bytes_per_s,
                   credit_burst_bytes=credit_burst_bytes)

    def lookup(self, identities: Blocks, *, parts: Union[int, range] = 1, tenant: int = 0,
               lease_ms: int = 0, expected_ms: int = 0, layout: Optional[Layout] = None,
               split: Optional[Split] = None) -> Lookup:
        """Asks where blocks are; see Lookup.

        identities: in the order of their prefix, as bwrt.block_ids() returns them, or one after the
        other as bytes or an array.
        parts: how many, from 0 on, or a range; a block is there when all of them are.
        lease_ms: the leading hits stay for that long; up to 600,000.
        expected_ms: instead: they will have been asked for by then, and stay as long as anything
        else can go; what is expected last goes first when nothing else can.
        layout: a hit must have been stored with one like it.
        split: how fast the engine computes; Lookup.split then says how many blocks to load.  Without
        identities it is not asked.
        """
        return look_up(self, identities, parts, tenant, lease_ms, expected_ms, layout, split)

    def events(self, cursor: int = 0) -> Events:
        """A reader of what comes to the store and goes; cursor 0 begins with all there is."""
        return Events(self, cursor)

    def store_counters(self, tenant: Optional[int] = None) -> StoreCounters:
        """What the store has and has done; of one tenant, where it is given."""
        return sample_store(self, tenant)

    def store_info(self) -> StoreInfo:
        """What became of the store: limits, addresses, sizes, and why something is not in force."""
        return store_info_of(self)

    # ---- asking

    def caps(self) -> Caps:
        """What this runtime found, and why not the rest."""
        return caps_of(self)

    def counters(self) -> Counters:
        """A consistent snapshot of what it has done."""
        return sample(self)
