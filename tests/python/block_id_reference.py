# SPDX-License-Identifier: Apache-2.0
"""Identities of blocks as docs/format.md describes them, made with hashlib and nothing of bwrt.

  block_id_reference.py FILE      writes the test vectors: tests/vectors/block_id.json

Byte strings are hexadecimal in the file, and what a case leaves out is zero or empty.  "context" is
the digest of what the blocks share, which no function returns: for whoever writes another.
"""

import hashlib
import json
import struct
import sys

TEXTS = ("model", "weights", "adapter", "dtype", "layout", "rope", "salt", "prompt_embeddings")
NUMBERS = ("layer_first", "layer_count", "rank", "rank_count")


def field(content):
    return struct.pack("<Q", len(content)) + content


def context_of(case):
    numbers = {name: case.get(name, 0) for name in NUMBERS}
    numbers["rank_count"] = numbers["rank_count"] or 1
    return hashlib.sha256(
        field(b"bwrt/id/1/context") +
        b"".join(field(bytes.fromhex(case.get(name, ""))) for name in TEXTS) +
        b"".join(field(struct.pack("<I", numbers[name])) for name in NUMBERS)).digest()


def media_of(case, first, end):
    """The parts of the media items in tokens [first, end)."""
    parts = []
    for item in case.get("media_items", []):
        item_end = item["token_first"] + item["token_count"]
        part_first, part_end = max(first, item["token_first"]), min(end, item_end)
        if part_first < part_end:
            digest = bytes.fromhex(item["digest"])
            parts.append(struct.pack("<IIQQ", part_first - first, part_end - part_first,
                                     part_first - item["token_first"], len(digest)) + digest)
    return parts


def ids_of(case):
    """The identities of a case's whole blocks."""
    tokens, context = case["tokens"], context_of(case)
    count = case.get("block_token_count", 0) or len(tokens)
    parent, ids = bytes.fromhex(case.get("parent", "00" * 32)), []
    for first in range(0, len(tokens) - count + 1, count) if count else ():
        parts = media_of(case, first, first + count)
        parent = hashlib.sha256(
            b"bwrt/id/1/block".ljust(32, b"\0") + context + parent +
            struct.pack("<II", count, len(parts)) +
            struct.pack(f"<{count}I", *tokens[first:first + count]) + b"".join(parts)).digest()
        ids.append(parent)
    return ids


def text(content):
    return content.encode().hex()


def cases():
    """The vectors: each shows what the one before it did not."""
    llama = {"model": text("llama-3.1-70b"), "weights": text("a1b2c3"), "dtype": text("bfloat16"),
             "layout": text("K,V;layer;token;head"), "rope": text("500000"), "layer_count": 80,
             "rank": 3, "rank_count": 8}
    image = hashlib.sha256(b"an image").hexdigest()
    sound = hashlib.sha256(b"a sound").hexdigest()
    whole = {**llama, "tokens": list(range(100, 148)), "block_token_count": 16}
    second = ids_of(whole)[1].hex()
    yield "nothing but one token", {"tokens": [0]}
    yield "no tokens, no block", {"tokens": [], "block_token_count": 16}
    yield "fewer tokens than a block", {"tokens": [1, 2, 3], "block_token_count": 4}
    yield "all tokens are one block", {"tokens": [1, 2, 3]}
    yield "two blocks and a rest", {"tokens": [1, 2, 3, 4, 5], "block_token_count": 2}
    yield "the largest token and blocks of one", {"tokens": [4294967295, 0], "block_token_count": 1}
    yield "a served model, three blocks of 16", whole
    yield "the third block, its parent given", {
        **llama, "tokens": whole["tokens"][32:], "block_token_count": 16, "parent": second}
    yield "one rank, said and not said", {"tokens": [7], "rank_count": 1}
    yield "every text, with characters beyond ASCII", {
        **{name: text(f"{name} \u00fc \U0001f40d") for name in TEXTS}, "tokens": [7]}
    yield "layers 8 to 16 for a tenant with salt and an adapter", {
        **llama, "layer_first": 8, "layer_count": 8, "salt": text("tenant 7"),
        "adapter": hashlib.sha256(b"a LoRA").hexdigest(), "tokens": list(range(64)),
        "block_token_count": 64}
    yield "embeddings in place of tokens", {
        "tokens": [0] * 32, "block_token_count": 16,
        "prompt_embeddings": hashlib.sha256(b"embeddings").hexdigest()}
    yield "an image over two blocks, a sound within it, a block without", {
        **llama, "tokens": list(range(48)), "block_token_count": 16, "media_items": [
            {"token_first": 10, "token_count": 16, "digest": image},
            {"token_first": 12, "token_count": 2, "digest": sound}]}
    yield "the same from the second block on: the image began before", {
        **llama, "tokens": list(range(16, 48)), "block_token_count": 16, "parent": None,
        "media_items": [{"token_first": -6, "token_count": 16, "digest": image}]}
    yield "a long digest", {"tokens": [1, 2], "media_items": [
        {"token_first": 0, "token_count": 2, "digest": bytes(range(256)).hex()}]}


def write(path):
    written = []
    for name, case in cases():
        if case.get("parent", "") is None:  # the one before it, continued
            case["parent"] = written[-1]["ids"][0]
        written.append({"name": name, **case, "context": context_of(case).hex(),
                        "ids": [one.hex() for one in ids_of(case)]})
    lines = ",\n  ".join(json.dumps(case) for case in written)
    with open(path, "w", encoding="ascii") as file:
        file.write(f'{{"encoding": "bwrt/id/1", "cases": [\n  {lines}\n]}}\n')


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    write(sys.argv[1])
