# SPDX-License-Identifier: Apache-2.0
"""Regions: the memory and the files that operations name.

A region of the caller's memory pins its buffer: the object lives, and its memory does not move,
until the region is released and no wave uses it, whatever references were dropped.  Memory that
bwrt allocated is shown as views, which keep the region; it cannot be released under them.
"""

import ctypes
import os
import weakref
from ctypes import byref, c_uint64
from dataclasses import dataclass
from typing import Any, Optional

from . import _abi, errors
from ._checks import Pin, duration_ns, unsigned
from ._core import Core
from ._library import RELEASING


@dataclass(frozen=True)
class RegionInfo:
    """What was made of a region; see bwrt_region_info."""

    flags: int  # bwrt.REGION_* in force
    length_bytes: int
    registered: bool  # the ring has the memory as a fixed buffer
    memory_align_bytes: int  # DIRECT: what I/O without a bounce needs, of the address
    offset_align_bytes: int  # and of offsets and lengths
    fd: int  # EXPORT: the memfd, bwrt's own; else -1
    reason: str  # why something asked for is not in force


class Kept:
    """What the user named as owner of an address, in the place of a pin."""

    def __init__(self, owner: Any):
        self.owner = owner

    def release(self) -> None:
        self.owner = None


class Region:
    """Made by Runtime.memory(), .allocate() and .file()."""

    def __init__(self, runtime: Core, region: _abi.bwrt_region, pin: Optional[Pin] = None,
                 owner: Any = None):
        self.handle = 0
        self.runtime = runtime
        self._array: Any = lambda: None
        handle, info = c_uint64(), _abi.bwrt_region_info()
        region.struct_size = ctypes.sizeof(region)
        info.struct_size = ctypes.sizeof(info)
        try:
            if runtime._dropped_handles:
                runtime._reap_handles()
            runtime._call(RELEASING.region_add, byref(region), byref(handle), byref(info))
        except BaseException:
            if pin is not None and not handle.value:
                pin.release()
            raise
        # Until the release succeeds, also that of a region which was dropped under its waves.
        runtime._pins[handle.value] = Kept(owner) if pin is None and owner is not None else pin
        self.handle = handle.value
        self.kind = region.kind
        self.address: int = info.address or 0
        self.length_bytes: int = info.length_bytes
        self.read_only = bool(region.flags & _abi.BWRT_REGION_READ_ONLY)
        self.info = RegionInfo(
            info.flags, info.length_bytes, bool(info.registered), info.memory_align_bytes,
            info.offset_align_bytes, info.fd, info.reason.decode(errors="replace"))

    def __len__(self) -> int:
        return self.length_bytes

    def __repr__(self) -> str:
        kind = {1: "memory", 2: "allocated", 3: "file", 4: "device"}[self.kind]
        return f"<bwrt.Region {kind}, {self.length_bytes} bytes>"

    @property
    def view(self) -> memoryview:
        """The bytes of an allocated region, writable.  A view in use keeps the memory."""
        if self.kind != _abi.BWRT_REGION_ALLOCATED:
            raise TypeError("only an allocated region is shown as a view: you have the others")
        if self.handle == 0 or self.runtime.closed:
            raise errors.closed()
        array = self._array()
        if array is None:
            array = (ctypes.c_ubyte * self.length_bytes).from_address(self.address)
            array._region = self
            self._array = weakref.ref(array)
            self.runtime._views = [v for v in self.runtime._views if v() is not None]
            self.runtime._views.append(self._array)
        return memoryview(array).cast("B")

    def array(self, dtype: Any = "uint8", shape: Any = None) -> Any:
        """An allocated region as a numpy array of that dtype and shape (None: as long as it is)."""
        import numpy

        array = numpy.frombuffer(self.view, dtype=dtype, count=-1 if shape is None else
                                 int(numpy.prod(shape, dtype=numpy.int64)))
        return array if shape is None else array.reshape(shape)

    def quiesce(self, timeout: Optional[float] = None) -> None:
        """Returns once no wave uses the region; new ones get AgainError until resume().

        timeout: seconds, None for ever.  TimeoutError: undone, waves still use it.
        """
        timeout_ns = -1 if timeout is None else duration_ns(timeout, "timeout")
        self.runtime._call(RELEASING.region_set, self.handle, _abi.BWRT_REGION_QUIESCE, timeout_ns)

    def resume(self) -> None:
        """Ends a quiesce."""
        self.runtime._call(RELEASING.region_set, self.handle, _abi.BWRT_REGION_RESUME, 0)

    def release(self) -> None:
        """Ends the region.  BusyError while a wave, a layout or a view uses it."""
        if self.handle == 0 or self.runtime.closed:
            return
        if self._array() is not None:
            raise errors.BusyError("a view of the region is alive", _abi.BWRT_E_BUSY)
        self.runtime._release(self.handle)
        self.handle = 0

    def __enter__(self) -> "Region":
        return self

    def __exit__(self, kind: Any, value: Any, traceback: Any) -> None:
        self.release()

    def __del__(self) -> None:
        if self.handle:
            self.runtime._dropped_handles.append(self.handle)


def add_memory(runtime: Core, buffer: Any, length_bytes: Optional[int], read_only: Optional[bool],
               owner: Any) -> Region:
    """See Runtime.memory()."""
    region = _abi.bwrt_region(kind=_abi.BWRT_REGION_HOST)
    if isinstance(buffer, int):
        if length_bytes is None:
            raise TypeError("an address needs length_bytes")
        region.address = unsigned(buffer, 64, "address")
        region.length_bytes = unsigned(length_bytes, 64, "length_bytes")
        region.flags = _abi.BWRT_REGION_READ_ONLY if read_only else 0
        return Region(runtime, region, None, owner)
    pin = Pin(buffer, "the buffer")
    try:
        if not pin.is_contiguous:
            raise ValueError(f"the buffer has gaps: shape {pin.shape}, strides {pin.strides}; "
                             "a layout can describe it, a region cannot")
        if pin.read_only and read_only is False:
            raise BufferError("the buffer is read-only and read_only is False")
        if length_bytes is not None and length_bytes != pin.length_bytes:
            raise ValueError(f"length_bytes {length_bytes}: the buffer has {pin.length_bytes}")
    except BaseException:
        pin.release()
        raise
    return add_pinned(runtime, pin, pin.address, pin.length_bytes, bool(read_only))


def add_pinned(runtime: Core, pin: Pin, address: int, length_bytes: int,
               read_only: bool = False) -> Region:
    """A region of pinned memory, which it takes over also when it cannot be made."""
    region = _abi.bwrt_region(kind=_abi.BWRT_REGION_HOST, address=address,
                              length_bytes=length_bytes)
    if pin.read_only or read_only:
        region.flags = _abi.BWRT_REGION_READ_ONLY
    return Region(runtime, region, pin)


def add_file(runtime: Core, file: Any, writable: Optional[bool], direct: bool,
             length_bytes: int) -> Region:
    """See Runtime.file()."""
    import fcntl

    region = _abi.bwrt_region(kind=_abi.BWRT_REGION_FILE)
    region.length_bytes = unsigned(length_bytes, 64, "length_bytes")
    own_fd = -1
    if isinstance(file, (str, bytes, os.PathLike)):
        own_fd = fd = os.open(file, (os.O_RDWR if writable else os.O_RDONLY) | os.O_CLOEXEC)
        writable = bool(writable)
    else:
        if hasattr(file, "flush") and getattr(file, "writable", lambda: False)():
            file.flush()  # what its buffer holds is to be in the file
        fd = file if isinstance(file, int) else file.fileno()
        if writable is None:
            writable = fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDWR
    try:
        region.fd = fd
        region.flags = 0 if writable else _abi.BWRT_REGION_READ_ONLY
        if direct:
            region.flags |= _abi.BWRT_REGION_DIRECT
        return Region(runtime, region)
    except errors.Error as error:
        if own_fd >= 0:  # a number that the caller never saw
            error.args = (f"{os.fsdecode(file)}: {error}".replace(f": fd {fd} ", ": ", 1),)
        raise
    finally:
        if own_fd >= 0:
            os.close(own_fd)
