# SPDX-License-Identifier: Apache-2.0
"""Operations on blocks of the store, beside those of operations.py in the same waves.

A block operation has the blocks that it names packed as the library reads them, 36 bytes each; the
wave that it becomes a part of puts those of all its operations in one array (wave.py).
"""

import ctypes
import sys
from ctypes import pointer
from enum import IntEnum
from typing import Any, List, Optional, Sequence, Tuple, Union

from . import _abi
from ._checks import bytes_of, slots, unsigned
from .counters import Tier
from .layout import Layout
from .operations import Operation, Side, _handle_of

_ID_BYTES = _abi.BWRT_BLOCK_ID_BYTES

Identity = Union[bytes, bytearray, memoryview, Any]
"""32 bytes: bytes, or anything else with the buffer protocol and no gaps."""

Blocks = Union[Identity, Sequence[Union[Identity, Tuple[Identity, int]]]]
"""Identities, as a list or one after the other, or a list of (identity, part)."""


class Closure(IntEnum):
    """With what else of its prefix a block is useful: all of it, the blocks of a window before it,
    or nothing, and it takes the place of its parent."""

    PREFIX, WINDOW, LAST_STATE = 0, 1, 2


# ---- what blocks are called

def _is_buffer(value: Any) -> bool:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return True
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.ndarray)


def _identity_of(value: Any, name: str) -> bytes:
    content = bytes_of(value, name)
    if len(content) != _ID_BYTES:
        raise ValueError(f"{name} has {len(content)} bytes, an identity 32")
    return content


def identities_of(values: Any, name: str) -> bytes:
    """Identities one after the other."""
    if not _is_buffer(values):
        return b"".join([_identity_of(one, name) for one in values])
    content = bytes_of(values, name)
    if len(content) % _ID_BYTES:
        raise ValueError(f"{name} has {len(content)} bytes, no multiple of an identity's 32")
    return content


def _part_of(part: Any) -> bytes:
    return unsigned(part, 32, "part").to_bytes(4, "little")


def _block_of(given: Any, part: bytes, name: str) -> bytes:
    """An identity with the part that goes without saying, or with its own."""
    if isinstance(given, tuple):
        identity, own_part = given
        return _identity_of(identity, name) + _part_of(own_part)
    return _identity_of(given, name) + part


def _blocks_of(given: Any, part: int, name: str) -> bytes:
    packed_part = _part_of(part)
    if _is_buffer(given):
        content = identities_of(given, name)
        return b"".join([content[at:at + _ID_BYTES] + packed_part
                         for at in range(0, len(content), _ID_BYTES)])
    return b"".join([_block_of(one, packed_part, name) for one in given])


# ---- operations

class _BlockOperation(Operation):
    """A block operation, with what it names and nothing of where the bytes are."""

    def __init__(self, kind: int, blocks: Any, part: int, parent: Any, unrelated: bool,
                 group: int):
        super().__init__(kind)
        self._blocks = _blocks_of(blocks, part, "blocks")
        count = len(self._blocks) // ctypes.sizeof(_abi.bwrt_block)
        self.slot_count = self.entry_count = count
        if parent is not None:
            if unrelated:
                raise TypeError("parent and unrelated are both given")
            self._blocks = _block_of(parent, _part_of(part), "parent") + self._blocks
            self._block_skip = 1
            self.flags = _abi.BWRT_BLOCK_CONTINUES
        elif unrelated:
            self.flags = _abi.BWRT_BLOCK_UNRELATED
        self.group = unsigned(group, 32, "group")
        self.group_end = self.group + 1
        self._named: List[Any] = []

    def set_slots(self, name: str, side: Side, given: Any) -> None:
        self._named.append(side)
        if given is None:
            return
        address, count, held = slots(given, name)
        if count != self.entry_count:
            raise ValueError(f"{name} has {count} slots for {self.entry_count} blocks")
        setattr(self, name, address)
        self._named.append(held)
        if isinstance(side, Layout):
            self.group_end += side.group_last

    def set_options(self, **options: int) -> None:
        if not any(options.values()):
            return
        struct = _abi.bwrt_block_options(ctypes.sizeof(_abi.bwrt_block_options), **{
            name: unsigned(value, 64 if name == "layout_digest" else 32, name)
            for name, value in options.items()})
        self.block_options = pointer(struct)
        self._named.append(struct)


def put(source: Side, blocks: Blocks, length_bytes: int = 0, *, source_offset_bytes: int = 0,
        source_slots: Optional[Any] = None, part: int = 0, parent: Optional[Any] = None,
        unrelated: bool = False, tier: int = Tier.NONE, strict: bool = False,
        durable: bool = False, content: bool = False, closure: int = Closure.PREFIX, window_blocks: int = 0,
        ttl_s: int = 0, layout_digest: int = 0, access_count: int = 0, complexity_milli: int = 0,
        time_variance_milli: int = 0, group: int = 0) -> Operation:
    """Stores blocks; what is there already stays as it is, and its result says `present`.

    source         a layout with source_slots, one a block (-1 or bwrt.NONE skips it); or a region,
                   where blocks of length_bytes lie one after the other from source_offset_bytes on
    blocks         identities as bwrt.block_ids() returns them, or one after the other as bytes or
                   an array; (identity, part) where parts differ, which else are `part`
    parent         the block before the first; None: the first is a root.  unrelated: none has one
    tier           HOST or DISK; NONE: by the store's own rules
    strict         what is there already is ConflictError
    durable        over only when it is on the disk to stay
    content        the blocks are named by bwrt.content_id(): what that saves is counted
    closure, window_blocks    see Closure; window_blocks with WINDOW, 1 to 2,047
    ttl_s          served so many seconds; 0: as long as there is room
    layout_digest  of a region: how the bytes of a block lie, in the caller's numbers
    access_count, complexity_milli, time_variance_milli   hints, from which ttl_s and tier follow
                   where they are not given
    """
    operation = _BlockOperation(_abi.BWRT_OP_PUT, blocks, part, parent, unrelated, group)
    operation.source = _handle_of(source, "source", False)
    operation.source_offset_bytes = unsigned(source_offset_bytes, 64, "source_offset_bytes")
    operation.length_bytes = unsigned(length_bytes, 64, "length_bytes")
    operation.tier = Tier(tier)
    operation.flags |= ((_abi.BWRT_BLOCK_STRICT if strict else 0) |
                        (_abi.BWRT_BLOCK_DURABLE if durable else 0) |
                        (_abi.BWRT_BLOCK_CONTENT if content else 0))
    operation.set_slots("source_slots", source, source_slots)
    operation.set_options(closure=Closure(closure), window_blocks=window_blocks, ttl_s=ttl_s,
                          layout_digest=layout_digest, access_count=access_count,
                          complexity_milli=complexity_milli,
                          time_variance_milli=time_variance_milli)
    return operation


def get(blocks: Blocks, target: Side, length_bytes: int = 0, *, target_offset_bytes: int = 0,
        target_slots: Optional[Any] = None, part: int = 0, parent: Optional[Any] = None,
        unrelated: bool = False, layout_digest: int = 0, group: int = 0) -> Operation:
    """Fills a target with exactly what was stored, verified, or fails with MissError; so does a
    block of another length or layout.  The arguments are those of put()."""
    operation = _BlockOperation(_abi.BWRT_OP_GET, blocks, part, parent, unrelated, group)
    operation.target = _handle_of(target, "target", True)
    operation.target_offset_bytes = unsigned(target_offset_bytes, 64, "target_offset_bytes")
    operation.length_bytes = unsigned(length_bytes, 64, "length_bytes")
    operation.set_slots("target_slots", target, target_slots)
    operation.set_options(layout_digest=layout_digest)
    return operation


def prefetch(blocks: Blocks, *, part: int = 0, parent: Optional[Any] = None,
             unrelated: bool = False, group: int = 0) -> Operation:
    """Brings blocks into the host tier, for a get() to come."""
    return _BlockOperation(_abi.BWRT_OP_PREFETCH, blocks, part, parent, unrelated, group)


def move(blocks: Blocks, tier: int, *, part: int = 0, parent: Optional[Any] = None,
         unrelated: bool = False, group: int = 0) -> Operation:
    """Brings blocks to a tier, HOST or DISK, and takes them out of the other one."""
    operation = _BlockOperation(_abi.BWRT_OP_MOVE, blocks, part, parent, unrelated, group)
    operation.tier = Tier(tier)
    return operation


def drop(blocks: Blocks, *, part: int = 0, group: int = 0) -> Operation:
    """Takes blocks out of all tiers; one that is not there is dropped already."""
    return _BlockOperation(_abi.BWRT_OP_DROP, blocks, part, None, False, group)


def pin(blocks: Blocks, *, part: int = 0, parent: Optional[Any] = None, unrelated: bool = False,
        group: int = 0) -> Operation:
    """Brings blocks into the host tier, to stay there until as many unpin() as pin().

    The wave needs results=True: results[i].address is where block i lies, to be read and never
    written, until its last unpin() is submitted.
    """
    return _BlockOperation(_abi.BWRT_OP_PIN, blocks, part, parent, unrelated, group)


def unpin(blocks: Blocks, *, part: int = 0, group: int = 0) -> Operation:
    """Ends what pin() began."""
    return _BlockOperation(_abi.BWRT_OP_UNPIN, blocks, part, None, False, group)
