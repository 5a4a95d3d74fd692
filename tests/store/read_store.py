# SPDX-License-Identifier: Apache-2.0
"""Reads a store from docs/format.md alone: read_store.py ROOT [SHARD] prints what a shard's log says,
one JSON object a line.  It shares no line with the library, on purpose."""
import json
import pathlib
import struct
import sys

from xxhash import xxh3_64_intdigest as xxh3

FIELDS = struct.Struct("<IIQ Q32sI4xI4xQQ16s I4xQQ 32sIBxHI4x QQQ 48xQ")
KINDS = {1: "stored", 2: "removed", 3: "segment", 4: "snapshot end", 5: "opened"}


def header(data, magic):
    good = (data[:8] == magic and struct.unpack_from("<II", data, 8) == (1, 0x01020304)
            and len(data) == 4096 and xxh3(data[:4088]) == struct.unpack_from("<Q", data, 4088)[0])
    return data[16:32] if good else None


def records(data, number):
    store = header(data[:4096], b"bwrt-log")
    if store is None or struct.unpack_from("<QI", data, 32) != (number, 256):
        return
    life = xxh3(store, number)
    for count, at in enumerate(range(4096, len(data) - 255, 256)):
        (kind, _, sequence, space, identity, part, length, layout, root, tag, segment, generation, offset,
         parent, parent_part, closure, window, accesses, stored, expires, nonce,
         checksum) = FIELDS.unpack_from(data, at)
        if sequence != count or xxh3(data[at:at + 248], life) != checksum:
            return
        if kind == 5:
            life = xxh3(struct.pack("<Q", nonce), life)
        yield {"kind": KINDS[kind], "space": space, "identity": identity.hex(), "part": part, "length": length,
               "layout": layout, "root": root, "tag": tag.hex(), "segment": segment,
               "generation": generation, "offset": offset, "parent": parent.hex(), "parent_part": parent_part,
               "closure": closure, "window": window, "accesses": accesses, "stored": stored, "expires": expires}


def newest(shard):
    logs = sorted(path for path in shard.glob("log.*") if len(path.name) == 20)
    for path in reversed(logs):
        said = list(records(path.read_bytes(), int(path.name[4:], 16)))
        if any(record["kind"] == "snapshot end" for record in said):
            return said
    return []


if __name__ == "__main__":
    store = pathlib.Path(sys.argv[1])
    assert header((store / "bwrt-store").read_bytes(), b"bwrtstor"), "no store of this format"
    for line in newest(store / "shards" / (sys.argv[2] if len(sys.argv) > 2 else "0")):
        print(json.dumps(line))
