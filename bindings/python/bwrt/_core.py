# SPDX-License-Identifier: Apache-2.0
"""The life of a runtime: how it is called, what it keeps alive, and how it ends.

Three rules make it safe to drop anything at any time:

  - Whoever calls a function that gives up Python's lock is counted in `_inside` first.  close()
    empties the pointer, so that newcomers pass NULL, and then waits for those inside.
  - Finalizers never call the library: they may run on any thread at any point.  They leave a note
    in `_dropped_waves` or `_dropped_handles`, and the next ordinary call acts on it.  A note keeps
    the memory that the library may still touch.
  - A runtime that is not closed is held here and ended at interpreter exit.

A child of fork() has all of this as its parent had it, and touches none of it.
"""

import atexit
import ctypes
import os
import sys
import threading
import time
import weakref
from collections import deque
from ctypes import byref, c_void_p
from typing import Any, Callable, Deque, Dict, List, Optional, Set, Tuple

from . import _abi, errors
from ._checks import Pin, duration_ns
from ._library import HOLDING, RELEASING

SLICE_NS = 100_000_000  # a wait returns to Python this often, so that signals are handled
EXIT_NS = 2_000_000_000  # what waves in flight are given at interpreter exit

_open_runtimes: Set["Core"] = set()
_lingering: Set["Core"] = set()  # closed, but a view of allocated memory is alive


class Core:
    """What bwrt.Runtime is built on."""

    def __init__(self, config: _abi.bwrt_config, log: Optional[Callable[[int, str], Any]]):
        _free_lingering()
        self._cell = c_void_p()
        self._pid = os.getpid()
        self._ending = threading.Lock()
        self._inside: Set[object] = set()
        self._dropped_waves: Deque[Tuple[Any, Any]] = deque()
        self._dropped_handles: Deque[int] = deque()
        self._pins: Dict[int, Any] = {}  # a Pin, or what else is kept, or None
        self._views: List["weakref.ref[Any]"] = []  # of allocated memory
        self._queued: Dict[int, Any] = {}
        self._quick = HOLDING if log is None else RELEASING
        # In caller mode looking drives, which is work: others may compute meanwhile.
        drives = config.progress == _abi.BWRT_PROGRESS_CALLER
        self._looking = RELEASING if drives else self._quick
        if log is not None:
            self._log = _abi.bwrt_log_function(
                lambda user, level, sentence: log(level, sentence.decode(errors="replace")))
            config.log = self._log
        config.struct_size = ctypes.sizeof(config)
        error = _abi.bwrt_error()
        status = RELEASING.open(byref(config), byref(self._cell), byref(error))
        if status:
            raise errors.from_call(status, error)
        _open_runtimes.add(self)

    def _call(self, function: Callable[..., int], *arguments: Any) -> None:
        """Calls function(runtime, *arguments, error) and raises what it says."""
        error = _abi.bwrt_error()
        token = byref(error)
        self._inside.add(token)
        try:
            status = function(self._cell, *arguments, token)
        finally:
            self._inside.discard(token)
        if status:
            raise self._failure(status, error)

    def _submit(self, *arguments: Any) -> int:
        """bwrt_submit_wave() of a runtime with a log function, which gives up Python's lock."""
        token = object()
        self._inside.add(token)
        try:
            return RELEASING.submit_wave(*arguments)
        finally:
            self._inside.discard(token)

    def _failure(self, status: int, error: _abi.bwrt_error) -> errors.Error:
        if self._cell.value is None:
            return errors.closed()
        return errors.from_call(status, error)

    @property
    def closed(self) -> bool:
        """Whether close() has done its work."""
        return self._cell.value is None

    # ---- what was dropped

    def _reap_waves(self) -> int:
        """Lets go of the memory of dropped waves that are over; how many there were."""
        over_count, token = 0, byref(_abi.bwrt_completion())
        for _ in range(len(self._dropped_waves)):
            try:
                handle, held = self._dropped_waves.popleft()
            except IndexError:
                break
            status = _abi.BWRT_OK
            self._inside.add(token)
            try:
                if handle.value:
                    status = self._looking.wait(self._cell, handle, 0, token, None)
            finally:
                self._inside.discard(token)
            if status in (_abi.BWRT_OK, _abi.BWRT_E_HANDLE):
                over_count += 1
            else:
                self._dropped_waves.append((handle, held))
        return over_count

    def _reap_handles(self) -> None:
        """Releases dropped regions and layouts that nothing uses any more."""
        for _ in range(len(self._dropped_handles)):
            try:
                handle = self._dropped_handles.popleft()
            except IndexError:
                break
            try:
                self._release(handle)
            except errors.BusyError:
                self._dropped_handles.append(handle)

    def _release(self, handle: int) -> None:
        self._call(RELEASING.release, handle)
        pin = self._pins.pop(handle, None)
        if pin is not None:
            pin.release()

    # ---- the end

    def shutdown(self, *, cancel: bool = False, timeout: Optional[float] = None) -> None:
        """Refuses new waves and waits until no accepted one runs.

        cancel: accepted waves are cancelled instead of running to their end.
        timeout: seconds; None waits for ever.  TimeoutError: some still run; call it again.
        """
        flags = _abi.BWRT_SHUTDOWN_CANCEL if cancel else _abi.BWRT_SHUTDOWN_DRAIN
        until_ns = None
        if timeout is not None:
            until_ns = time.monotonic_ns() + duration_ns(timeout, "timeout")
        while True:
            left_ns = SLICE_NS if until_ns is None else until_ns - time.monotonic_ns()
            try:
                return self._call(RELEASING.shutdown, flags, max(0, min(left_ns, SLICE_NS)))
            except errors.TimeoutError:
                if left_ns <= 0:
                    raise

    def close(self, *, cancel: bool = False, timeout: Optional[float] = None) -> None:
        """Shuts down and frees the runtime; its regions' buffers are the caller's again.

        Waves of the queue are all finished by then; those of wait() that nobody waited for are
        forgotten.  While views of allocated regions are alive their memory stays, and with it
        what the library holds.  Closing a closed runtime does nothing.
        """
        if self.closed:
            return
        try:
            self.shutdown(cancel=cancel, timeout=timeout)
            while self.poll():  # the futures of whoever awaits a wave
                pass
        except errors.ClosedError:
            return  # by another thread, meanwhile
        with self._ending:
            pointer = self._cell.value
            if pointer is None:
                return
            self._cell.value = None
            patience_ns = time.monotonic_ns() + EXIT_NS
            while self._inside:  # no wave runs, so nothing keeps them
                if time.monotonic_ns() > patience_ns:
                    self._cell.value = pointer
                    raise errors.BusyError("another thread is in a call", _abi.BWRT_E_BUSY)
                time.sleep(0.0001)
            self._pointer = pointer
        for pin in self._pins.values():
            if pin is not None:
                pin.release()
        self._pins.clear()
        _open_runtimes.discard(self)
        _lingering.add(self)
        _free_lingering()

    def poll(self, capacity: int = 64) -> Any:
        raise NotImplementedError

    def __enter__(self) -> Any:
        return self

    def __exit__(self, kind: Any, value: Any, traceback: Any) -> None:
        """Waits for what was submitted; after an exception, cancels it."""
        if os.getpid() == self._pid:  # a child has nothing to end
            self.close(cancel=kind is not None)

    def _end_at_exit(self) -> None:
        try:
            self.close(cancel=True, timeout=EXIT_NS / 1e9)
        except errors.TimeoutError:
            # Never freed: the library may write to what dropped waves hold.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self))
            print("bwrt: a wave does not end; its memory is left to the system", file=sys.stderr)
        except errors.Error as error:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self))
            print(f"bwrt: not closed at exit: {error}", file=sys.stderr)


def _free_lingering() -> None:
    for runtime in list(_lingering):
        if runtime._pid != os.getpid():
            continue
        if any(view() is not None for view in runtime._views):
            continue
        try:
            _lingering.remove(runtime)  # by one thread only
        except KeyError:
            continue
        RELEASING.close(runtime._pointer, None)


@atexit.register
def _end_all() -> None:
    for runtime in list(_open_runtimes):
        if runtime._pid == os.getpid():
            runtime._end_at_exit()
