# SPDX-License-Identifier: Apache-2.0
"""Identities of blocks: 32 bytes made of all that shaped their KV; bwrt.h has the manual."""

import ctypes
from ctypes import byref, c_uint32
from typing import Any, List, NamedTuple, Optional, Sequence, Union

from . import _abi, errors
from ._checks import bytes_of, signed, tokens_of, unsigned
from ._library import HOLDING, RELEASING

# Some tens of microseconds: what takes longer gives up Python's lock.
_HOLDING_TOKEN_COUNT = 4096

_NOTHING = b""
_TEXTS = ("model", "weights", "adapter", "dtype", "layout", "rope", "salt", "prompt_embeddings")

Text = Union[str, bytes, bytearray, memoryview, Any]
"""A str is taken in UTF-8; anything else has the buffer protocol and no gaps."""


class MediaItem(NamedTuple):
    """What some tokens stand for: an image, a sound."""

    token_first: int  # counted from the call's first; negative: it began before the call
    token_count: int
    digest: Text  # of its content, with shape and dtype


def _bytes_of(value: Text, name: str) -> bytes:
    return value.encode() if isinstance(value, str) else bytes_of(value, name)


class _Input:
    """A bwrt_block_id_input, and what keeps the bytes that it points to."""

    def __init__(self) -> None:
        self.struct = _abi.bwrt_block_id_input(ctypes.sizeof(_abi.bwrt_block_id_input))
        self._kept: List[Any] = []

    def keep(self, value: Any) -> Any:
        self._kept.append(value)
        return value

    def span(self, value: Text, name: str) -> _abi.bwrt_span:
        try:
            content = self.keep(_bytes_of(value, name))
        except TypeError:
            raise TypeError(f"{name} is a {type(value).__name__}, neither str nor bytes") from None
        return _abi.bwrt_span(ctypes.cast(content, ctypes.c_void_p), len(content))

    def set_media(self, media: Sequence[MediaItem]) -> None:
        items = self.keep((_abi.bwrt_media_item * len(media))())
        for item, given in zip(items, media):
            first, count, digest = given
            item.token_first = signed(first, "token_first")
            item.token_count = unsigned(count, 32, "token_count")
            item.digest = self.span(digest, "digest")
        self.struct.media_items = items
        self.struct.media_item_count = len(media)
        self.struct.media_item_bytes = ctypes.sizeof(_abi.bwrt_media_item)

    def set_parent(self, parent: Any) -> None:
        content = self.keep(_bytes_of(parent, "parent"))
        if len(content) != _abi.BWRT_BLOCK_ID_BYTES:
            raise ValueError(f"parent has {len(content)} bytes, an identity 32")
        self.struct.parent = ctypes.cast(content, ctypes.c_void_p)


def block_ids(tokens: Any, block_token_count: int = 0, *, parent: Optional[Any] = None,
              media: Sequence[MediaItem] = (), model: Text = _NOTHING, weights: Text = _NOTHING,
              adapter: Text = _NOTHING, dtype: Text = _NOTHING, layout: Text = _NOTHING,
              rope: Text = _NOTHING, salt: Text = _NOTHING, prompt_embeddings: Text = _NOTHING,
              layer_first: int = 0, layer_count: int = 0, rank: int = 0,
              rank_count: int = 0) -> List[bytes]:
    """The identities of a prompt's whole blocks, 32 bytes each, in order.

    tokens             numbers below 2^32: a one-dimensional array, read where it lies if it is of
                       uint32, or any sequence of integers
    block_token_count  tokens of a block; 0: all tokens are one block
    parent             the identity of the block before the first; None: the first one is a root
    media              MediaItems, or tuples of their fields; token_first, in tokens, ascends
    layer_count        0: all layers from layer_first on
    rank_count         0: one

    The rest are names, versions and digests, as str or bytes; what is left empty does not tell
    blocks apart.  A prompt may be named in several calls, parent being the last identity of the
    one before.  As an array of numpy: frombuffer(b"".join(ids), uint8).reshape(-1, 32).
    """
    given = _Input()
    struct = given.struct
    texts = (model, weights, adapter, dtype, layout, rope, salt, prompt_embeddings)
    for name, text in zip(_TEXTS, texts):
        if text is not _NOTHING:
            setattr(struct, name, given.span(text, name))
    struct.block_token_count = unsigned(block_token_count, 32, "block_token_count")
    struct.layer_first = unsigned(layer_first, 32, "layer_first")
    struct.layer_count = unsigned(layer_count, 32, "layer_count")
    struct.rank = unsigned(rank, 32, "rank")
    struct.rank_count = unsigned(rank_count, 32, "rank_count")
    if parent is not None:
        given.set_parent(parent)
    given.set_media(media)

    address, token_count, pin = tokens_of(tokens, "tokens")
    try:
        struct.tokens = address
        struct.token_count = unsigned(token_count, 32, "token_count")
        return _call(struct)
    finally:
        pin.release()


def _call(struct: _abi.bwrt_block_id_input) -> List[bytes]:
    block_token_count = struct.block_token_count or struct.token_count or 1
    capacity = struct.token_count // block_token_count
    ids = ctypes.create_string_buffer(max(1, capacity * _abi.BWRT_BLOCK_ID_BYTES))
    count, error = c_uint32(), _abi.bwrt_error()
    functions = HOLDING if struct.token_count <= _HOLDING_TOKEN_COUNT else RELEASING
    status = functions.block_id(byref(struct), ids, capacity, byref(count), byref(error))
    if status:
        raise errors.from_call(status, error)
    content = ids.raw
    step = _abi.BWRT_BLOCK_ID_BYTES
    return [content[at:at + step] for at in range(0, count.value * step, step)]


def content_id(*parts: Any) -> bytes:
    """The name of a block by its bytes: SHA-256 over all parts one after the other, K and then V,
    say; the first 32 hexadecimal digits.  Put it with content=True and unrelated=True."""
    given = _Input()
    spans = (_abi.bwrt_span * max(1, len(parts)))()
    for span, part in zip(spans, parts):
        taken = given.span(part, "part")
        span.address, span.length_bytes = taken.address, taken.length_bytes
    name, error = ctypes.create_string_buffer(_abi.BWRT_BLOCK_ID_BYTES), _abi.bwrt_error()
    status = RELEASING.content_id(spans, len(parts), name, byref(error))
    if status:
        raise errors.from_call(status, error)
    return name.raw
