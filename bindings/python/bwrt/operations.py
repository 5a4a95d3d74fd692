# SPDX-License-Identifier: Apache-2.0
"""Operations, each the bwrt_operation it stands for and a reference to what it names."""

import ctypes
from typing import Any, Callable, Optional, Union

from . import _abi
from ._checks import signed, slots, unsigned
from .layout import Layout
from .memory import Region

Side = Union[Region, Layout, int]

_KINDS = ("", "copy", "read", "write", "flush", "signal", "put", "get", "prefetch", "move", "drop",
          "pin", "unpin", "gemm")


class Operation(_abi.bwrt_operation):
    """Made by copy(), read(), write(), flush() and signal(), and by put() and the others of blocks;
    its fields can be read."""

    _named: Any = None  # regions, layouts and slot arrays, kept as long as this
    _blocks: bytes = b""  # that it names, packed
    _block_skip: int = 0  # how many of them are not its own: the parent
    entry_count: int = 1  # of the results of its wave
    group_end: int = 1  # one more than the last group it counts in

    def __repr__(self) -> str:
        kind = _KINDS[self.kind]
        return f"<bwrt.{kind} of {self.entry_count} entries>"


def _handle_of(side: Any, name: str, is_target: bool) -> int:
    if isinstance(side, (Region, Layout)):
        if is_target and side.read_only:
            raise ValueError(f"{name} is read-only: {side!r}")
        return side.handle
    if side == _abi.BWRT_PROCESS_MEMORY and isinstance(side, int):
        return side
    raise TypeError(f"{name} is a {type(side).__name__}, not a region or layout; "
                    "Runtime.memory() makes a region of a buffer")


def _move(kind: int, source: Side, target: Side, length_bytes: int, shape: dict) -> Operation:
    operation = Operation(kind, 0, _handle_of(source, "source", False),
                          _handle_of(target, "target", True))
    if length_bytes:
        operation.length_bytes = unsigned(length_bytes, 64, "length_bytes")
    source_slots = shape.pop("source_slots")
    target_slots = shape.pop("target_slots")
    for name, value in shape.items():
        if value:
            is_signed = name.endswith("stride_bytes")
            setattr(operation, name, signed(value, name) if is_signed else
                    unsigned(value, 64 if name.endswith("_bytes") else 32, name))
    operation._named = [source, target]
    group_last = operation.group
    counts = set()
    for name, given in (("source_slots", source_slots), ("target_slots", target_slots)):
        if given is not None:
            address, count, held = slots(given, name)
            setattr(operation, name, address)
            operation._named.append(held)
            counts.add(count)
    if len(counts) > 1:
        raise ValueError(f"source_slots and target_slots have different lengths: {sorted(counts)}")
    if counts:
        operation.slot_count = operation.entry_count = counts.pop()
        group_last += max(side.group_last for side in (source, target)
                          if isinstance(side, Layout)) if _has_layout(source, target) else 0
    operation.group_end = group_last + 1
    return operation


def _has_layout(*sides: Side) -> bool:
    return any(isinstance(side, Layout) for side in sides)


def _mover(kind: int, name: str, summary: str) -> Callable[..., Operation]:
    def move(source: Side, target: Side, length_bytes: int = 0, *, source_offset_bytes: int = 0,
             target_offset_bytes: int = 0, group: int = 0, row_count: int = 0,
             source_stride_bytes: int = 0, target_stride_bytes: int = 0,
             source_slots: Optional[Any] = None, target_slots: Optional[Any] = None,
             slot_count: int = 0, plane_first: int = 0, plane_count: int = 0,
             image_offset_bytes: int = 0) -> Operation:
        return _move(kind, source, target, length_bytes, dict(
            source_offset_bytes=source_offset_bytes, target_offset_bytes=target_offset_bytes,
            group=group, row_count=row_count, source_stride_bytes=source_stride_bytes,
            target_stride_bytes=target_stride_bytes, source_slots=source_slots,
            target_slots=target_slots, slot_count=slot_count, plane_first=plane_first,
            plane_count=plane_count, image_offset_bytes=image_offset_bytes))

    move.__name__ = move.__qualname__ = name
    move.__doc__ = f"""{summary}

    flat      length_bytes from source + source_offset_bytes to target + target_offset_bytes
    2-D       row_count rows of length_bytes, source_stride_bytes and target_stride_bytes apart
    indexed   a side is a layout: its slots are an array of uint32 (int32 and int64 will do, -1 or
              bwrt.NONE skips), of all planes, of plane_count from plane_first on, or of
              length_bytes from image_offset_bytes of the block's image on.  On a region side the
              blocks lie one after the other from its offset on.

    An array of uint32 is not copied here: each submission reads it as it is then.
    group: the layer, say; groups are served in ascending order and accounted apart.
    """
    return move


copy = _mover(_abi.BWRT_OP_COPY, "copy", "Moves bytes from memory to memory.")
read = _mover(_abi.BWRT_OP_READ, "read", "Moves bytes from a file to memory.")
write = _mover(_abi.BWRT_OP_WRITE, "write", "Moves bytes from memory to a file.")


def flush(target: Side, *, group: int = 0) -> Operation:
    """Makes what was written to a file before this wave started survive a crash (fdatasync)."""
    operation = Operation(_abi.BWRT_OP_FLUSH, 0, 0, _handle_of(target, "target", True))
    operation.group = unsigned(group, 32, "group")
    operation.group_end = operation.group + 1
    operation._named = target
    return operation


def signal(target: Side, done: int = 1, failed: int = 2, *, offset_bytes: int = 0,
           length_bytes: int = 8, group: int = 0) -> Operation:
    """Sets 4 or 8 aligned bytes of memory once the group's bytes are visible, or have failed.

    done, failed: the two values, which differ; one of them is always written.
    """
    operation = Operation(_abi.BWRT_OP_SIGNAL, 0, 0, _handle_of(target, "target", True))
    operation.target_offset_bytes = unsigned(offset_bytes, 64, "offset_bytes")
    operation.length_bytes = unsigned(length_bytes, 64, "length_bytes")
    operation.group = unsigned(group, 32, "group")
    operation.value_done = unsigned(done, 64, "done")
    operation.value_failed = unsigned(failed, 64, "failed")
    operation.group_end = operation.group + 1
    operation._named = target
    return operation


def gemm(a: Side, b: Side, c: Side, m: int, n: int, k: int, *, a_offset_bytes: int = 0,
         b_offset_bytes: int = 0, c_offset_bytes: int = 0, a_stride_bytes: int = 0,
         b_stride_bytes: int = 0, c_stride_bytes: int = 0, group: int = 0) -> Operation:
    """c = a x b in float32, in host memory: m x k by k x n, row-major, strides of rows 0 being packed.

    The compute of a wave where there is no device, and no fast one.
    """
    operation = Operation(_abi.BWRT_OP_GEMM, 0, _handle_of(a, "a", False), _handle_of(c, "c", True))
    operation.source_offset_bytes = unsigned(a_offset_bytes, 64, "a_offset_bytes")
    operation.target_offset_bytes = unsigned(c_offset_bytes, 64, "c_offset_bytes")
    operation.source_stride_bytes = signed(a_stride_bytes, "a_stride_bytes")
    operation.target_stride_bytes = signed(c_stride_bytes, "c_stride_bytes")
    operation.group = unsigned(group, 32, "group")
    operation.group_end = operation.group + 1
    shape = _abi.bwrt_gemm(ctypes.sizeof(_abi.bwrt_gemm), unsigned(m, 32, "m"),
                           unsigned(n, 32, "n"), unsigned(k, 32, "k"), _handle_of(b, "b", False),
                           unsigned(b_offset_bytes, 64, "b_offset_bytes"),
                           signed(b_stride_bytes, "b_stride_bytes"))
    operation.gemm = ctypes.pointer(shape)
    operation._named = (a, b, c)
    return operation
