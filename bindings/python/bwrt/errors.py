# SPDX-License-Identifier: Apache-2.0
"""What can go wrong, one class for each group of bwrt.h's statuses.

  Error
    CallerError     the caller's: a wrong argument, a stale handle, something still in use
      BusyError, ClosedError, ForkedError
    MomentError     the moment's: nothing was taken, try again
      AgainError, TimeoutError (a builtin TimeoutError too)
    WaveError       a wave's: it did not run to its end
      CancelledError, LateError, WindowError, DependencyError
    BlockError      a block's
      MissError, CorruptError, ConflictError
    WorldError      the world's: storage, memory, what this machine has not
      TruncatedError, LockedError, UnsupportedError
    InternalError   ours

Mistakes seen before the library is called are Python's own TypeError, ValueError and BufferError.
"""

import builtins
import os
from enum import IntEnum
from typing import Optional

from . import _abi
from ._library import status_name


Status = IntEnum("Status", {name[len("BWRT_"):]: value for name, value in vars(_abi).items()
                             if name.startswith("BWRT_E_") or name == "BWRT_OK"})


class Error(Exception):
    """A call that failed, or a wave that did.

    status           the number, one of bwrt.Status
    name             its name, "E_RANGE"
    field            the field that was wrong, "operations[].length_bytes"; empty when none
    operation_index  the operation that was wrong or failed first; None when none
    os_code          the system's errno behind it, or 0
    completion       of a wave that failed: its completion; None for a call
    """

    def __init__(self, message: str, status: int = 0, *, field: str = "",
                 operation_index: Optional[int] = None, os_code: int = 0, completion=None):
        super().__init__(f"{field}: {message}" if field else message)
        self.status = status
        self.name = status_name(status)
        self.field = field
        self.operation_index = operation_index
        self.os_code = os_code
        self.completion = completion


class CallerError(Error):
    """The caller's: E_INVAL, E_ABI, E_HANDLE, E_RANGE, E_OVERLAP and those below."""


class BusyError(CallerError):
    """In use; finish or release that first."""


class ClosedError(CallerError):
    """The runtime is shutting down, or closed."""


class ForkedError(CallerError):
    """Called in a child of fork(): the runtime is the parent's."""


class MomentError(Error):
    """The moment's: nothing was taken, try again."""


class AgainError(MomentError):
    """A bounded table is full, or a region is quiesced."""


class TimeoutError(MomentError, builtins.TimeoutError):
    """The wait ended; what was waited for goes on."""


class WaveError(Error):
    """A wave's: it ended without having done all."""


class CancelledError(WaveError):
    """It was cancelled."""


class LateError(WaveError):
    """Its deadline passed, or cannot be met."""


class WindowError(WaveError):
    """Its window closed."""


class DependencyError(WaveError):
    """A wave it waited for failed."""


class BlockError(Error):
    """A block's."""


class MissError(BlockError):
    """Not stored, or not with this length and layout."""


class CorruptError(BlockError):
    """What was stored did not come back whole; it is gone now."""


class ConflictError(BlockError):
    """Stored with another length or layout; with strict: at all."""


class WorldError(Error):
    """The world's: E_IO, E_NOSPC, E_NOMEM, devices and formats, and those below."""


class TruncatedError(WorldError):
    """The file ended before the bytes asked for."""


class LockedError(WorldError):
    """Another process writes this shard of a store."""


class UnsupportedError(WorldError):
    """Not on this machine, or not in this version."""


class InternalError(Error):
    """Ours: please report it."""


_EXACT = {
    _abi.BWRT_E_BUSY: BusyError,
    _abi.BWRT_E_CLOSED: ClosedError,
    _abi.BWRT_E_FORKED: ForkedError,
    _abi.BWRT_E_AGAIN: AgainError,
    _abi.BWRT_E_TIMEOUT: TimeoutError,
    _abi.BWRT_E_CANCELLED: CancelledError,
    _abi.BWRT_E_LATE: LateError,
    _abi.BWRT_E_WINDOW: WindowError,
    _abi.BWRT_E_DEPENDENCY: DependencyError,
    _abi.BWRT_E_MISS: MissError,
    _abi.BWRT_E_CORRUPT: CorruptError,
    _abi.BWRT_E_CONFLICT: ConflictError,
    _abi.BWRT_E_TRUNCATED: TruncatedError,
    _abi.BWRT_E_LOCKED: LockedError,
    _abi.BWRT_E_UNSUPPORTED: UnsupportedError,
}

# A status that is not known yet belongs to the group whose numbers it lies among.
_GROUPS = ((-19, CallerError), (-29, MomentError), (-39, WaveError), (-49, BlockError),
           (-89, WorldError), (-99, InternalError))

_TIERS = {_abi.BWRT_TIER_DEVICE: " on the device", _abi.BWRT_TIER_HOST: " in host memory",
          _abi.BWRT_TIER_DISK: " on disk"}


def class_of(status: int) -> type:
    """The exception class of a status."""
    if status in _EXACT:
        return _EXACT[status]
    return next((group for last, group in _GROUPS if last <= status < 0), Error)


def from_call(status: int, error: _abi.bwrt_error) -> Error:
    """The exception of a call that failed; its message is the library's sentence."""
    index = error.operation_index
    return class_of(status)(
        error.message.decode(errors="replace"), status,
        field=error.field.decode(errors="replace"),
        operation_index=None if index == _abi.BWRT_NONE else index, os_code=error.os_code)


def from_completion(completion) -> Error:
    """The exception of a wave that failed."""
    status, index = completion.status, completion.operation_index
    where = "the wave" if index == _abi.BWRT_NONE else f"operation {index}"
    why = f": {os.strerror(completion.os_code)}" if completion.os_code else ""
    message = (f"{where} failed with {status_name(status)}{_TIERS.get(completion.tier, '')}{why}; "
               f"the first {completion.prefix_count} entries are right")
    return class_of(status)(
        message, status, operation_index=None if index == _abi.BWRT_NONE else index,
        os_code=completion.os_code, completion=completion)


def closed() -> ClosedError:
    """The exception of any call after close()."""
    return ClosedError("the runtime is closed", _abi.BWRT_E_CLOSED, field="runtime")
