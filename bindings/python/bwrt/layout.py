# SPDX-License-Identifier: Apache-2.0
"""Layouts: paged memory described once, by planes or by the arrays themselves.

An array of a paged cache has an axis of slots (blocks), often one of layers, and the rest is what
one slot keeps.  Each index of the layer axis, and of each axis in `split_axes`, is a plane; what is
left of the array has to be rows of bytes without gaps, one stride apart, because that is what a
plane can say:

  shape  (2, 4096, 16, 8, 128)   float16, slot_axis 1, split_axes 0: K and V, two planes
          |  slots  `--.---'
       planes          rows: nothing between them, so one row of 32,768 bytes

The block's image has the planes in order of their groups, so that a layer lies together.
"""

import ctypes
from ctypes import byref, c_uint64
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, List, Optional, Sequence, Tuple, Union

from . import _abi
from ._checks import Pin, signed, unsigned
from ._core import Core
from ._library import RELEASING
from .memory import Region, add_pinned


@dataclass(frozen=True)
class Plane:
    """Where a part of every block lies; see bwrt_plane, whose fields these are.

    block_offset_bytes None: right after the plane before it.
    """

    region: Union[Region, int]  # or bwrt.PROCESS_MEMORY
    offset_bytes: int
    slot_stride_bytes: int  # 0: rows packed
    length_bytes: int  # of one row
    row_count: int = 1
    row_stride_bytes: int = 0  # 0: packed
    group: int = 0
    block_offset_bytes: Optional[int] = None
    block_row_stride_bytes: int = 0

    @property
    def total_bytes(self) -> int:
        """What it has of one block."""
        return self.length_bytes * max(1, self.row_count)


class Layout:
    """Made by Runtime.layout(); a source or target of indexed operations."""

    def __init__(self, runtime: Core, planes: Sequence[Plane], slot_count: int,
                 block_bytes: Optional[int], salt: int = 0):
        self.handle = 0
        self.runtime = runtime
        self.slot_count = unsigned(slot_count, 32, "slot_count")
        placed: List[Plane] = []
        end_bytes = 0
        for plane in planes:
            if plane.block_offset_bytes is None:
                plane = replace(plane, block_offset_bytes=end_bytes)
            placed.append(plane)
            end_bytes = max(end_bytes, plane.block_offset_bytes + plane.total_bytes)
        self.planes: Tuple[Plane, ...] = tuple(placed)
        self.block_bytes = unsigned(end_bytes if block_bytes is None else block_bytes, 64,
                                    "block_bytes")
        self.salt = unsigned(salt, 64, "salt")
        self.group_last = max((plane.group for plane in placed), default=0)
        self.read_only = any(isinstance(plane.region, Region) and plane.region.read_only
                             for plane in placed)
        array = (_abi.bwrt_plane * len(placed))(*(_as_c(plane) for plane in placed))
        layout = _abi.bwrt_layout(ctypes.sizeof(_abi.bwrt_layout), self.slot_count,
                                  self.block_bytes, array, len(placed),
                                  ctypes.sizeof(_abi.bwrt_plane), self.salt)
        handle = c_uint64()
        runtime._call(RELEASING.layout_add, byref(layout), byref(handle))
        self.handle = handle.value

    def __repr__(self) -> str:
        return (f"<bwrt.Layout {self.slot_count} slots of {self.block_bytes} bytes in "
                f"{len(self.planes)} planes>")

    def packed_in(self, region: Region, slot_count: int, *, offset_bytes: int = 0) -> "Layout":
        """The same blocks, one whole image after the other in a region, a file say.

        Copies and reads between the two layouts need no further description.
        """
        planes = [replace(plane, region=region, slot_stride_bytes=self.block_bytes,
                          offset_bytes=offset_bytes + (plane.block_offset_bytes or 0),
                          row_stride_bytes=plane.block_row_stride_bytes)
                  for plane in self.planes]
        return Layout(self.runtime, planes, slot_count, self.block_bytes, self.salt)

    def release(self) -> None:
        """Ends the layout, its regions can be released after it.  BusyError: a wave uses it."""
        if self.handle and not self.runtime.closed:
            self.runtime._release(self.handle)
        self.handle = 0

    def __enter__(self) -> "Layout":
        return self

    def __exit__(self, kind: Any, value: Any, traceback: Any) -> None:
        self.release()

    def __del__(self) -> None:
        if self.handle:
            self.runtime._dropped_handles.append(self.handle)


def _as_c(plane: Plane) -> _abi.bwrt_plane:
    region = plane.region
    if isinstance(region, Region):
        region = region.handle
    return _abi.bwrt_plane(
        unsigned(region, 64, "region"), unsigned(plane.offset_bytes, 64, "offset_bytes"),
        signed(plane.slot_stride_bytes, "slot_stride_bytes"),
        signed(plane.row_stride_bytes, "row_stride_bytes"),
        unsigned(plane.length_bytes, 64, "length_bytes"),
        unsigned(plane.row_count, 32, "row_count"), unsigned(plane.group, 32, "group"),
        unsigned(plane.block_offset_bytes, 64, "block_offset_bytes"),
        unsigned(plane.block_row_stride_bytes, 64, "block_row_stride_bytes"))


# ---- from arrays

def layout_of_arrays(runtime: Any, arrays: Sequence[Any], slot_axis: int,
                     layer_axis: Optional[int], split_axes: Union[int, Sequence[int]],
                     groups: Optional[Sequence[int]], salt: int = 0) -> Layout:
    """See Runtime.layout()."""
    if groups is None:
        groups = [0] * len(arrays)
    if len(groups) != len(arrays):
        raise ValueError(f"{len(groups)} groups for {len(arrays)} arrays")
    splits = (split_axes,) if isinstance(split_axes, int) else tuple(split_axes)
    planes: List[Plane] = []
    slot_counts = set()
    for array, group in zip(arrays, groups):
        pin = Pin(array, "an array of the layout")
        region, start_bytes = _region_of(runtime, pin)  # takes the pin over
        slot_counts.add(pin.shape[_axis(pin, slot_axis, "slot_axis")] if pin.shape else 0)
        planes += _planes_of(pin, region, start_bytes, slot_axis, layer_axis, splits, group)
    if len(slot_counts) != 1:
        raise ValueError(f"the arrays have different numbers of slots: {sorted(slot_counts)}")
    planes.sort(key=lambda plane: plane.group)  # stable: arrays stay in their order
    return Layout(runtime, planes, slot_counts.pop(), None, salt)


def _axis(pin: Pin, axis: int, name: str) -> int:
    dimensions = len(pin.shape)
    if not -dimensions <= axis < dimensions:
        raise ValueError(f"{name} {axis}: the array has {dimensions} dimensions")
    return axis % dimensions


def _keeps_memory(runtime: Any, region: Region) -> bool:
    """A region of a bare address keeps nothing alive."""
    return (region.kind == _abi.BWRT_REGION_ALLOCATED
            or runtime._pins.get(region.handle) is not None)


def _region_of(runtime: Any, pin: Pin) -> Tuple[Region, int]:
    """A region with the array's memory, one there is or a new one, and where element 0 lies."""
    low = pin.address + sum(min(0, (count - 1) * stride)
                            for count, stride in zip(pin.shape, pin.strides))
    high = pin.address + pin.item_bytes + sum(max(0, (count - 1) * stride)
                                              for count, stride in zip(pin.shape, pin.strides))
    for reference in runtime._memory:
        region = reference()
        if (region is not None and region.handle and _keeps_memory(runtime, region)
                and region.address <= low and high <= region.address + region.length_bytes
                and region.read_only == pin.read_only):
            start_bytes = pin.address - region.address
            pin.release()  # the region has the memory pinned
            return region, start_bytes
    if 0 in pin.shape:
        pin.release()
        raise ValueError(f"an array of the layout is empty: shape {pin.shape}")
    return runtime._remember(add_pinned(runtime, pin, low, high - low)), pin.address - low


def _planes_of(pin: Pin, region: Region, start_bytes: int, slot_axis: int,
               layer_axis: Optional[int], split_axes: Tuple[int, ...],
               group: int) -> List[Plane]:
    slot = _axis(pin, slot_axis, "slot_axis")
    layer = None if layer_axis is None else _axis(pin, layer_axis, "layer_axis")
    cut = ([] if layer is None else [layer]) + [_axis(pin, a, "split_axes") for a in split_axes]
    if len({slot, *cut}) != 1 + len(cut):
        raise ValueError("an axis is named twice among slot_axis, layer_axis and split_axes")
    if any(stride == 0 and count > 1 for count, stride in zip(pin.shape, pin.strides)):
        raise ValueError(f"an axis repeats the same bytes: shape {pin.shape}, strides {pin.strides}")
    rest = [axis for axis in range(len(pin.shape)) if axis != slot and axis not in cut]
    row_count, row_stride_bytes, length_bytes = _rows(pin, rest)
    planes = []
    for indices in product(*(range(pin.shape[axis]) for axis in cut)):
        offset_bytes = start_bytes + sum(
            index * pin.strides[axis] for index, axis in zip(indices, cut))
        planes.append(Plane(
            region, offset_bytes, pin.strides[slot], length_bytes, row_count, row_stride_bytes,
            group + (indices[0] if layer is not None else 0)))
    return planes


def _rows(pin: Pin, axes: Sequence[int]) -> Tuple[int, int, int]:
    """(count, stride, bytes) of the rows that these axes are, in C order."""
    length_bytes = pin.item_bytes
    strided: List[Tuple[int, int]] = []  # (count, stride), innermost first
    for axis in reversed(axes):
        count, stride = pin.shape[axis], pin.strides[axis]
        if count == 1:
            continue
        if not strided and stride == length_bytes:
            length_bytes *= count
        elif strided and stride == strided[-1][0] * strided[-1][1]:
            strided[-1] = (count * strided[-1][0], strided[-1][1])
        else:
            strided.append((count, stride))
    if len(strided) > 1:
        raise ValueError(
            f"shape {pin.shape} with strides {pin.strides} has more than one strided axis in a "
            "slot: name the outer ones in split_axes")
    count, stride = strided[0] if strided else (1, 0)
    return count, stride, length_bytes
