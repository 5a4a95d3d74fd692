# SPDX-License-Identifier: Apache-2.0
"""Reads a store from docs/format.md alone: read_store.py ROOT [SHARD] prints what a shard's log says,
one JSON object a line.  It shares no line with the library, on purpose.

Knowing where everything lies, it also does damage: read_store.py corrupt ROOT WHAT [ARGUMENT...] does
to shard 0 what the function of that name at its end says.  A block is named by the first digits of
its identity.  Where chance decides it is that of BWRT_TEST_SEED."""
import json
import os
import pathlib
import random
import struct
import sys

from xxhash import xxh3_64_intdigest as xxh3

FIELDS = struct.Struct("<IIQ Q32sI4xI4xQQ16s I4xQQ 32sIBxHI4x QQQ 48xQ")
KINDS = {1: "stored", 2: "removed", 3: "segment", 4: "snapshot end", 5: "opened", 6: "budget"}


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


# Damage.

def newest_log(shard):
    return max(path for path in shard.glob("log.*") if len(path.name) == 20)


def flip(path, first, count=1):
    """One bit of one of the bytes [first, first + count)."""
    data = bytearray(path.read_bytes())
    data[random.randrange(first, first + count)] ^= 1 << random.randrange(8)
    path.write_bytes(data)


def segment_file(shard, number):
    return shard / f"segment.{int(number):08x}"


def at_of(shard, block):
    """The index in the log of the record that says last where the block is, and the record."""
    return [(i, one) for i, one in enumerate(newest(shard))
            if one["kind"] == "stored" and one["identity"].startswith(block)][-1]


def place_of(shard, block):
    record = at_of(shard, block)[1]
    return segment_file(shard, record["segment"]), record["offset"], record["length"]


def append(shard, raw):
    """A record that is whole in every respect that a checksum knows of."""
    path = newest_log(shard)
    said, data = newest(shard), path.read_bytes()
    life = xxh3(data[16:32], int(path.name[4:], 16))
    for i, record in enumerate(said):
        if record["kind"] == "opened":
            life = xxh3(data[4096 + i * 256 + 192:4096 + i * 256 + 200], life)
    raw[8:16] = struct.pack("<Q", len(said))
    raw[248:] = struct.pack("<Q", xxh3(bytes(raw[:248]), life))
    path.write_bytes(data[:4096 + len(said) * 256] + raw)


def raw_of(shard, block):
    at = 4096 + at_of(shard, block)[0] * 256
    return bytearray(newest_log(shard).read_bytes()[at:at + 256])


def payload(shard, block, chunk):
    """A bit of that chunk."""
    path, offset, length = place_of(shard, block)
    first = int(chunk) * 65536
    flip(path, offset + first, min(65536, length - first))


def sums(shard, block):
    """A bit of the sums beside the payload."""
    path, offset, length = place_of(shard, block)
    flip(path, offset + -(-length // 4096) * 4096, -(-length // 65536) * 8)


def swap(shard, one, other):
    """The payloads of two blocks of one length: each is unharmed, at the other's place."""
    (a, a_at, length), (b, b_at, b_length) = place_of(shard, one), place_of(shard, other)
    assert length == b_length and a == b
    data = bytearray(a.read_bytes())
    data[a_at:a_at + length], data[b_at:b_at + length] = data[b_at:b_at + length], data[a_at:a_at + length]
    a.write_bytes(data)


def truncate(shard, segment, length):
    os.truncate(segment_file(shard, segment), int(length))


def zero(shard, segment):
    path = segment_file(shard, segment)
    path.write_bytes(bytes(path.stat().st_size))


def remove(shard, segment):
    segment_file(shard, segment).unlink()


def folder(shard, segment):
    remove(shard, segment)
    segment_file(shard, segment).mkdir()


def link(shard, segment):
    path = segment_file(shard, segment)
    path.symlink_to(path.rename(shard / "elsewhere").name)


def unreadable(shard, segment):
    segment_file(shard, segment).chmod(0)


def record(shard, block):
    """A bit of the record that says where the block is."""
    flip(newest_log(shard), 4096 + at_of(shard, block)[0] * 256, 256)


def log_header(shard):
    flip(newest_log(shard), 16, 4080)


def tear(shard):
    """Half a record behind the log's end."""
    with newest_log(shard).open("ab") as file:
        file.write(random.randbytes(128))


def plant(shard, block):
    """A record of a block, by someone who does not know the tenant's secret."""
    raw = raw_of(shard, block)
    raw[80] ^= 1
    append(shard, raw)


def misplace(shard, block, other):
    """The block's own record, and the place of another one."""
    raw = raw_of(shard, block)
    raw[104:128] = raw_of(shard, other)[104:128]
    append(shard, raw)


def nowhere(shard, block):
    """The block's own record, and a place that no segment has."""
    raw = raw_of(shard, block)
    raw[120:128] = struct.pack("<Q", 1 << 40)
    append(shard, raw)


def version(shard, number):
    """Another format version, with a checksum that fits."""
    path = shard.parent.parent / "bwrt-store"
    data = bytearray(path.read_bytes())
    data[8:12] = struct.pack("<I", int(number))
    data[4088:] = struct.pack("<Q", xxh3(bytes(data[:4088])))
    path.write_bytes(data)


def superblock(shard):
    flip(shard.parent.parent / "bwrt-store", 16, 4080)


if __name__ == "__main__":
    if sys.argv[1] == "corrupt":
        random.seed(int(os.environ["BWRT_TEST_SEED"]))
        sys.exit(globals()[sys.argv[3]](pathlib.Path(sys.argv[2]) / "shards" / "0", *sys.argv[4:]))
    store = pathlib.Path(sys.argv[1])
    assert header((store / "bwrt-store").read_bytes(), b"bwrtstor"), "no store of this format"
    for line in newest(store / "shards" / (sys.argv[2] if len(sys.argv) > 2 else "0")):
        print(json.dumps(line))
