# SPDX-License-Identifier: Apache-2.0
"""Waves: submitted, waited for, and used again.

A wave is made ready once, its C structs included, so that submitting it is one call into the
library and waiting for it another.  Whether it is over is read from its completion: the library
writes that, no Python statement between two calls can lose it.
"""

import ctypes
import time
from ctypes import POINTER, byref, c_uint64, cast
from typing import Any, Generator, Iterable, Optional, Sequence, Union

from . import _abi, aio, errors
from ._checks import duration_ns, unsigned
from ._core import SLICE_NS, Core
from ._library import RELEASING
from .completion import Completion, Delivery, Late, Priority, Result
from .operations import Operation


class Wave:
    """Made by Runtime.prepare() and Runtime.submit().

    A dropped wave runs to its end like any other, and what it touches stays alive until then.
    user_data: anything; the caller's.
    """

    def __init__(self, runtime: Core, operations: Iterable[Operation], *,
                 deadline_s: Optional[float], deadline_ns: Optional[int], late: int, priority: int,
                 delivery: int, barrier: bool, window_ns: Optional[Sequence[int]],
                 window_abort: bool, results: bool, groups: Union[bool, int], tenant: int,
                 session: int, window_tokens: Optional[Sequence[int]], planned: bool,
                 user_data: Any):
        self._flying = False
        self.runtime = runtime
        self.user_data = user_data
        self.operations = list(operations)
        for operation in self.operations:
            if not isinstance(operation, Operation):
                raise TypeError(f"{type(operation).__name__} is no operation")
        count = len(self.operations)
        array = (_abi.bwrt_operation * count)(*self.operations)
        wave = _abi.bwrt_wave(ctypes.sizeof(_abi.bwrt_wave), 0,
                              cast(array, POINTER(_abi.bwrt_operation)), count,
                              ctypes.sizeof(_abi.bwrt_operation))
        wave.priority, wave.delivery, wave.late = Priority(priority), Delivery(delivery), Late(late)
        wave.flags = ((_abi.BWRT_WAVE_BARRIER if barrier else 0) |
                      (_abi.BWRT_WAVE_WINDOW_ABORT if window_abort else 0) |
                      (_abi.BWRT_WAVE_PLANNED if planned else 0))
        if deadline_s is not None and deadline_ns is not None:
            raise TypeError("deadline_s and deadline_ns are both given")
        if deadline_s is not None:
            wave.flags |= _abi.BWRT_WAVE_DEADLINE_RELATIVE
            wave.deadline_ns = max(1, duration_ns(deadline_s, "deadline_s"))
        elif deadline_ns is not None:
            wave.deadline_ns = unsigned(deadline_ns, 64, "deadline_ns")
        if window_ns is not None and window_tokens is not None:
            raise TypeError("window_ns and window_tokens are both given")
        for name, kind, window in (("window_ns", _abi.BWRT_WINDOW_TIME, window_ns),
                                   ("window_tokens", _abi.BWRT_WINDOW_TOKEN, window_tokens)):
            if window is not None:
                wave.window = kind
                start, end = window
                wave.window_start = unsigned(start, 64, f"{name}[0]")
                wave.window_end = unsigned(end, 64, f"{name}[1]")
        self._results = self._groups = None
        if results:
            entry_count = sum(operation.entry_count for operation in self.operations)
            self._results = (Result * max(1, entry_count))()
            wave.results = cast(self._results, POINTER(_abi.bwrt_result))
            wave.result_count = entry_count
            wave.result_bytes = ctypes.sizeof(_abi.bwrt_result)
        if groups:
            group_end = max((operation.group_end for operation in self.operations), default=1)
            group_count = group_end if groups is True else unsigned(groups, 32, "groups")
            self._groups = (_abi.bwrt_group_result * group_count)()
            wave.groups = cast(self._groups, POINTER(_abi.bwrt_group_result))
            wave.group_count = group_count
            wave.group_bytes = ctypes.sizeof(_abi.bwrt_group_result)
        wave.session = unsigned(session, 64, "session")
        blocks = self._name_blocks(wave, array, tenant)
        self._held = (self.operations, array, blocks, self._results, self._groups)
        self._wave = wave
        self._handle = c_uint64()
        self._error = _abi.bwrt_error()
        self._wave_ref, self._error_ref = byref(wave), byref(self._error)
        self._handle_ref = byref(self._handle)
        self._completion: Optional[Completion] = None
        self._waiting: list = []  # (loop, future) of those who await it
        self._queued = delivery == Delivery.QUEUE
        if self._queued:
            wave.user_data = id(self)  # kept in runtime._queued from submission on

    def __repr__(self) -> str:
        if self._completion is None:
            return "<bwrt.Wave, not submitted>"
        return f"<bwrt.Wave {'in flight' if self._flying else self._completion!r}>"

    def _name_blocks(self, wave: _abi.bwrt_wave, array: Any, tenant: int) -> bytes:
        """Puts the blocks of all operations one after the other; tells each where its own are."""
        step = ctypes.sizeof(_abi.bwrt_block)
        packed, block_count = [], 0
        for operation, struct in zip(self.operations, array):
            if operation._blocks:
                struct.block_first = block_count + operation._block_skip
                packed.append(operation._blocks)
                block_count += len(operation._blocks) // step
        blocks = b"".join(packed)
        wave.tenant = unsigned(tenant, 64, "tenant")
        if block_count:
            wave.blocks = cast(blocks, POINTER(_abi.bwrt_block))
            wave.block_count = block_count
            wave.block_bytes = step
        return blocks

    # ---- submitting

    def submit(self, *, wait_for: Iterable["Wave"] = (),
               deadline_ns: Optional[int] = None) -> "Wave":
        """Hands the wave over, whole, and returns it at once; also again after it has ended.

        wait_for: up to four waves that have to end well before this one starts.
        deadline_ns: another one, of time.monotonic_ns(), than it was made with.
        """
        runtime = self.runtime
        if self._flying:
            raise errors.BusyError("the wave is in flight", _abi.BWRT_E_BUSY)
        if runtime._dropped_waves:
            runtime._reap_waves()
        if deadline_ns is not None:
            self._wave.deadline_ns = unsigned(deadline_ns, 64, "deadline_ns")
            self._wave.flags &= ~_abi.BWRT_WAVE_DEADLINE_RELATIVE
        if wait_for:  # last of what may raise: the next submission would still wait
            self._set_dependencies(wait_for)
        self._completion = completion = Completion()
        self._completion_ref = byref(completion)
        self._flying = True  # first, so that a wave in flight is never taken for an idle one
        if self._queued:
            runtime._queued[id(self)] = self
        status = runtime._submit(runtime._cell, self._wave_ref, self._handle_ref, self._error_ref)
        if status == _abi.BWRT_E_AGAIN and runtime._reap_waves():
            status = runtime._submit(runtime._cell, self._wave_ref, self._handle_ref,
                                     self._error_ref)
        if status or self._wave.delivery == Delivery.DETACHED or wait_for:
            self._submitted(status)
        return self

    def _submitted(self, status: int) -> None:
        self._wave.wait_for = (c_uint64 * 4)()
        if status == _abi.BWRT_OK:
            if self._wave.delivery == Delivery.DETACHED:  # nobody will tell
                self._flying, self._completion = False, None
            return
        self._flying = False
        self._completion = None
        self.runtime._queued.pop(id(self), None)
        raise self.runtime._failure(status, self._error)

    def _set_dependencies(self, wait_for: Iterable["Wave"]) -> None:
        handles = []
        for wave in wait_for:
            completion = wave._completion
            if completion is None:
                raise ValueError("wait_for has a wave that was not submitted")
            if wave._flying:
                handles.append(wave._handle.value)
            elif completion.status:
                raise errors.DependencyError("a wave of wait_for has failed",
                                             _abi.BWRT_E_DEPENDENCY, completion=completion)
        if len(handles) > 4:
            raise ValueError(f"wait_for has {len(handles)} waves in flight, 4 are the most")
        for index, handle in enumerate(handles):
            self._wave.wait_for[index] = handle

    # ---- its end

    def wait(self, timeout: Optional[float] = None, *, check: bool = True) -> Completion:
        """Waits for the end of a submitted wave.

        timeout: seconds, 0 only looks, None waits for ever; TimeoutError: it goes on.
        check: a wave that failed raises; False returns its completion instead.
        """
        completion = self._completion
        if completion is None:
            raise ValueError("the wave was not submitted, or is DETACHED")
        if self._flying:
            self._wait(completion, timeout)
        if check and completion.status:
            raise errors.from_completion(completion)
        return completion

    def _wait(self, completion: Completion, timeout: Optional[float]) -> None:
        runtime, wait, inside = self.runtime, RELEASING.wait, self.runtime._inside
        left_ns, until_ns = SLICE_NS, None
        if timeout is not None:
            left_ns = duration_ns(timeout, "timeout")
            if left_ns > SLICE_NS:
                until_ns = time.monotonic_ns() + left_ns
        token = object()
        while True:
            inside.add(token)
            try:
                status = wait(runtime._cell, self._handle, left_ns if left_ns < SLICE_NS else
                              SLICE_NS, self._completion_ref, self._error_ref)
            finally:
                inside.discard(token)
            if status == 0:
                self._flying = False
                return
            if status == _abi.BWRT_E_HANDLE and self._other_waiter_has_it(completion):
                return
            if status != _abi.BWRT_E_TIMEOUT:
                raise runtime._failure(status, self._error)
            if timeout is None:
                continue
            left_ns = 0 if until_ns is None else until_ns - time.monotonic_ns()
            if left_ns <= 0:
                raise runtime._failure(status, self._error)

    def _other_waiter_has_it(self, completion: Completion) -> bool:
        """Of two waiters one gets the completion, and writes it here in a moment."""
        until_ns = time.monotonic_ns() + SLICE_NS
        while self._flying and time.monotonic_ns() < until_ns:
            if completion.wave:  # written; that waiter may have been interrupted since
                until_ns = min(until_ns, time.monotonic_ns() + 1_000_000)
            time.sleep(0.00005)
        self._flying = self._flying and not completion.wave
        return not self._flying

    def done(self) -> bool:
        """Whether it is over; looks, and does not wait.  Of a DETACHED wave nobody learns it."""
        if self._completion is None:
            return False
        if self._flying and not self._queued:
            try:
                self.wait(0, check=False)
            except errors.TimeoutError:
                pass
        return not self._flying

    def cancel(self) -> bool:
        """Asks a wave in flight to end; False when it is over.  It still ends as waves do: its
        memory is the caller's after wait(), poll() or await, and not before."""
        if not self._flying:
            return False
        runtime = self.runtime
        try:
            runtime._call(runtime._quick.cancel, self._handle)
        except errors.CallerError as error:
            if error.status != _abi.BWRT_E_HANDLE:
                raise
            return False
        return True

    def _finish(self, completion: Completion) -> None:
        """What poll() found: the end of a wave of the queue."""
        self._completion = completion
        self._flying = False
        aio.resolve(self)

    def __await__(self) -> Generator[Any, None, Completion]:
        return aio.wait(self).__await__()

    def __del__(self) -> None:
        if self._flying:
            self.runtime._dropped_waves.append((self._handle, self._held))

    # ---- what came of it

    @property
    def completion(self) -> Optional[Completion]:
        """The completion of the last submission; None while it is in flight."""
        return None if self._flying else self._completion

    @property
    def results(self) -> Any:
        """An array of one Result (status, flags, bytes, address, tier, os_code) for each entry,
        when asked for.

        numpy.ctypeslib.as_array(wave.results) shows it as a structured array."""
        self._must_not_fly()
        return self._results

    @property
    def groups(self) -> Any:
        """An array of one result (status, prefix_count, bytes) for each group, when asked for."""
        self._must_not_fly()
        return self._groups

    def _must_not_fly(self) -> None:
        if self._flying:
            raise errors.BusyError("the wave is in flight: its arrays are the library's",
                                   _abi.BWRT_E_BUSY)
