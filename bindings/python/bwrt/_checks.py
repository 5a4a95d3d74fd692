# SPDX-License-Identifier: Apache-2.0
"""Numbers and buffers, checked before they reach C.

ctypes stores -1 in an unsigned field without a word, so every number passes unsigned() or signed().
A buffer is pinned by the buffer protocol itself: while a Pin lasts, its object lives and its memory
does not move (a bytearray refuses to grow, an mmap to close).  The protocol is called through
ctypes, for a read-only buffer has no other way to tell its address without numpy.
"""

import ctypes
import operator
import sys
from array import array
from ctypes import POINTER, Structure, byref, c_char_p, c_int, c_ssize_t, c_void_p, py_object
from typing import Any, Optional, Tuple

from . import _abi

_PYBUF_STRIDES = 0x0010 | 0x0008  # shape and strides, no format: not every dtype has one
_PYBUF_FORMAT = 0x0004


class _PyBuffer(Structure):
    """Py_buffer of the stable interface of Python 3.11, the same in 3.9."""

    _fields_ = [("buf", c_void_p), ("obj", c_void_p), ("len", c_ssize_t), ("itemsize", c_ssize_t),
                ("readonly", c_int), ("ndim", c_int), ("format", c_char_p),
                ("shape", POINTER(c_ssize_t)), ("strides", POINTER(c_ssize_t)),
                ("suboffsets", POINTER(c_ssize_t)), ("internal", c_void_p)]


_get_buffer = ctypes.pythonapi.PyObject_GetBuffer
_get_buffer.argtypes = [py_object, c_void_p, c_int]
_get_buffer.restype = c_int
_release_buffer = ctypes.pythonapi.PyBuffer_Release
_release_buffer.argtypes = [c_void_p]
_release_buffer.restype = None


class Pin:
    """Holds the memory of an object that has the buffer protocol until release().

    There is deliberately no __del__: who forgets a pin leaks a buffer, and never frees one that
    the library may still write to.
    """

    def __init__(self, owner: Any, what: str, flags: int = _PYBUF_STRIDES):
        self._buffer = _PyBuffer()
        try:
            _get_buffer(owner, byref(self._buffer), flags)
        except TypeError:
            raise TypeError(f"{what} is a {type(owner).__name__}, which is no buffer") from None
        buffer = self._buffer
        self.address: int = buffer.buf or 0
        self.length_bytes: int = buffer.len
        self.item_bytes: int = buffer.itemsize
        self.read_only: bool = bool(buffer.readonly)
        self.format: Optional[bytes] = buffer.format
        self.shape: Tuple[int, ...] = tuple(buffer.shape[: buffer.ndim]) if buffer.ndim else ()
        self.strides: Tuple[int, ...] = self._strides()

    def _strides(self) -> Tuple[int, ...]:
        if self._buffer.strides:
            return tuple(self._buffer.strides[: len(self.shape)])
        return self._packed_strides()  # NULL, as ctypes leaves it, means without gaps

    def _packed_strides(self) -> Tuple[int, ...]:
        strides, stride = [], self.item_bytes
        for count in reversed(self.shape):
            strides.append(stride)
            stride *= count
        return tuple(reversed(strides))

    @property
    def is_contiguous(self) -> bool:
        """Whether its bytes lie without gaps and in C order."""
        return 0 in self.shape or all(
            count == 1 or stride == packed for count, stride, packed in
            zip(self.shape, self.strides, self._packed_strides()))

    def release(self) -> None:
        buffer, self._buffer = self._buffer, None
        if buffer is not None:
            _release_buffer(byref(buffer))


def bytes_of(value: Any, name: str) -> bytes:
    """The bytes of a buffer without gaps."""
    if isinstance(value, bytes):
        return value
    pin = Pin(value, name)
    try:
        if not pin.is_contiguous:
            raise ValueError(f"{name} has gaps")
        return ctypes.string_at(pin.address, pin.length_bytes)
    finally:
        pin.release()


def unsigned(value: Any, bits: int, name: str) -> int:
    """`value` as an integer of that many bits, or an exception that names it."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is a {type(value).__name__}, not an integer") from None
    if not 0 <= number < 1 << bits:
        raise ValueError(f"{name} {number} is outside [0, 2^{bits})")
    return number


def signed(value: Any, name: str, bits: int = 64) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is a {type(value).__name__}, not an integer") from None
    if not -(1 << bits - 1) <= number < 1 << bits - 1:
        raise ValueError(f"{name} {number} is outside [-2^{bits - 1}, 2^{bits - 1})")
    return number


def duration_ns(seconds: Any, name: str) -> int:
    """Seconds, 0 or more, as nanoseconds that fit the library's int64_t."""
    try:
        nanoseconds = seconds * 1_000_000_000
        if not nanoseconds >= 0:  # also not a number
            raise ValueError(f"{name} {seconds} s is not 0 or more")
        return min(int(nanoseconds), (1 << 62)) if nanoseconds < 1 << 62 else 1 << 62
    except TypeError:
        raise TypeError(f"{name} is a {type(seconds).__name__}, not seconds") from None


def slots(values: Any, name: str) -> Tuple[int, int, Any]:
    """(address, count, what keeps it) of an array of uint32 slot indices.

    uint32 and int32 arrays without gaps are taken as they lie, without a copy; other integer
    arrays are converted by numpy, lists by array.  -1 and bwrt.NONE both skip the pair.
    """
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(values, numpy.ndarray):
        values = _numpy_slots(numpy, values, name)
    try:
        view = memoryview(values)
    except TypeError:
        try:
            view = memoryview(array("I", [_abi.BWRT_NONE if s == -1 else s for s in values]))
        except (TypeError, OverflowError) as error:
            raise type(error)(f"{name}: {error}") from None
    return _pinned(view, name)


def _pinned(view: memoryview, name: str) -> Tuple[int, int, Any]:
    if view.itemsize != 4 or view.format.lstrip("@=<") not in ("I", "L", "i", "l"):
        raise TypeError(f"{name} has items of format '{view.format}', not uint32")
    if view.ndim != 1 or not view.c_contiguous:
        raise ValueError(f"{name} is not a one-dimensional array without gaps")
    pin = Pin(view, name)
    address = pin.address
    pin.release()  # the view pins it from here on
    return address, view.shape[0], view


def _numpy_slots(numpy: Any, values: Any, name: str) -> Any:
    if values.dtype.kind not in "iu":
        raise TypeError(f"{name} has dtype {values.dtype}, not an integer one")
    if values.ndim != 1:
        raise ValueError(f"{name} has {values.ndim} dimensions, not one")
    if values.dtype == numpy.uint32 and values.flags.c_contiguous and values.flags.aligned:
        return values
    if values.size and (int(values.min()) < -1 or int(values.max()) > _abi.BWRT_NONE):
        raise ValueError(f"{name} has values outside [-1, 2^32)")
    if values.dtype == numpy.int32 and values.flags.c_contiguous and values.flags.aligned:
        return values.view(numpy.uint32)  # -1 has the bits of NONE
    return numpy.ascontiguousarray(values).astype(numpy.int64).astype(numpy.uint32)


def tokens_of(values: Any, name: str) -> Tuple[int, int, Any]:
    """(address, count, what keeps it) of an array of uint32 tokens.

    uint32 arrays without gaps are taken as they lie; of other integers, which are copied, all have
    to be in [0, 2^32).
    """
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(values, numpy.ndarray):
        values = _numpy_tokens(numpy, values, name)
    try:
        try:
            view = memoryview(values)
            code = view.format.lstrip("@=<")
            if view.ndim == 1 and (code in ("i", "l", "q", "Q") or
                                   (code == "L" and view.itemsize == 8)):
                # Through bytes, for "<i" cannot be cast.  Signed: what is too large is negative.
                plain = "i" if view.itemsize == 4 else "q"
                view = memoryview(array("I", memoryview(view.tobytes()).cast(plain)))
        except TypeError:  # no buffer
            view = memoryview(array("I", values))
    except (TypeError, OverflowError) as error:
        raise type(error)(f"{name}: {error}") from None
    return _pinned(view, name)


def _numpy_tokens(numpy: Any, values: Any, name: str) -> Any:
    if values.dtype.kind not in "iu":
        raise TypeError(f"{name} has dtype {values.dtype}, not an integer one")
    if values.size and (int(values.min()) < 0 or int(values.max()) > 0xFFFFFFFF):
        raise ValueError(f"{name} has values outside [0, 2^32)")
    return numpy.require(values, numpy.uint32, ["C", "A"])
