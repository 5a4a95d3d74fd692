# SPDX-License-Identifier: Apache-2.0
"""Identities of blocks: the vectors, which block_id_reference.py has written, random inputs
compared with what it makes of them, and what block_ids() takes and refuses."""

import ctypes
import json
import os
import random
import tempfile
import unittest
from array import array
from pathlib import Path

import block_id_reference as reference
import bwrt
from support import main

VECTORS = Path(os.environ["BWRT_SOURCES"], "tests/vectors/block_id.json")


def ids_of(case):
    """What the library says of a case of the vectors."""
    return bwrt.block_ids(
        case["tokens"], case.get("block_token_count", 0),
        parent=bytes.fromhex(case["parent"]) if "parent" in case else None,
        media=[(item["token_first"], item["token_count"], bytes.fromhex(item["digest"]))
               for item in case.get("media_items", [])],
        **{name: bytes.fromhex(case.get(name, "")) for name in reference.TEXTS},
        **{name: case.get(name, 0) for name in reference.NUMBERS})


def random_case(chance):
    def content(count_max):
        return bytes(chance.randrange(256) for _ in range(chance.randrange(count_max)))

    token_count = chance.randrange(1, 200)
    case = {"tokens": [chance.randrange(2**32) for _ in range(token_count)],
            "block_token_count": chance.choice((0, 1, 3, 16, 64)),
            "rank_count": chance.randrange(4), "layer_first": chance.randrange(2**20),
            "layer_count": chance.randrange(2**20),
            **{name: content(90).hex() for name in reference.TEXTS if chance.randrange(2)}}
    case["rank"] = chance.randrange(max(1, case["rank_count"]))
    if chance.randrange(2):
        case["parent"] = (b"\1" + chance.randbytes(31)).hex()
    places = []
    for _ in range(chance.randrange(6)):
        first = chance.randrange(-20 if "parent" in case else 0, token_count)
        end = chance.randrange(max(first, 0) + 1, token_count + 1)
        places.append((first, end - first))
    case["media_items"] = [
        {"token_first": first, "token_count": count, "digest": (b"d" + content(80)).hex()}
        for first, count in sorted(places)]
    return case


class Vectors(unittest.TestCase):
    def test_the_vectors_are_what_the_reference_writes(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "block_id.json")
            reference.write(path)
            self.assertEqual(path.read_text(), VECTORS.read_text())

    def test_every_vector_has_its_identities(self):
        cases = json.loads(VECTORS.read_text())["cases"]
        self.assertGreaterEqual(len(cases), 12)
        for case in cases:
            self.assertEqual([one.hex() for one in ids_of(case)], case["ids"], case["name"])

    def test_random_inputs_have_the_identities_of_the_reference(self):
        seed = int(os.environ.get("BWRT_TEST_SEED", random.randrange(2**32)))
        print(f"BWRT_TEST_SEED={seed}")
        chance = random.Random(seed)
        for _ in range(300):
            case = random_case(chance)
            self.assertEqual(ids_of(case), reference.ids_of(case), case)


class Tokens(unittest.TestCase):
    def setUp(self):
        self.tokens = [5, 2**32 - 1, 0, 7, 9]
        self.ids = bwrt.block_ids(self.tokens, 2)

    def test_a_prompt_has_an_identity_for_each_whole_block(self):
        self.assertEqual([len(one) for one in self.ids], [32, 32])
        self.assertEqual(bwrt.block_ids(self.tokens), bwrt.block_ids(self.tokens, 5))
        self.assertEqual(bwrt.block_ids([]), [])
        self.assertEqual(bwrt.block_ids([], 16), [])
        self.assertEqual(bwrt.block_ids(memoryview(b"12345678")[1:1].cast("I")), [])

    def test_any_sequence_of_integers_is_taken(self):
        self.assertEqual(bwrt.block_ids(tuple(self.tokens), 2), self.ids)
        self.assertEqual(bwrt.block_ids(array("I", self.tokens), 2), self.ids)
        self.assertEqual(bwrt.block_ids(array("q", self.tokens), 2), self.ids)
        self.assertEqual(bwrt.block_ids((ctypes.c_uint32 * 5)(*self.tokens), 2), self.ids)
        self.assertEqual(bwrt.block_ids((ctypes.c_int64 * 5)(*self.tokens), 2), self.ids)
        self.assertEqual(bwrt.block_ids(memoryview(array("I", [1] + self.tokens))[1:], 2), self.ids)

    def test_numbers_that_are_no_tokens_are_refused(self):
        for tokens in ([-1], [2**32], array("i", [-1]), (ctypes.c_int32 * 1)(-1),
                       array("Q", [2**32]), array("Q", [2**64 - 1])):
            with self.assertRaisesRegex(OverflowError, "^tokens: "):
                bwrt.block_ids(tokens)
        for tokens in ([0.5], ["a"], 7, array("d", [1]), b"abcd"):
            with self.assertRaisesRegex(TypeError, "^tokens"):
                bwrt.block_ids(tokens)
        with self.assertRaisesRegex(ValueError, "gaps"):
            bwrt.block_ids(memoryview(array("I", [1, 2, 3]))[::2])

    def test_a_long_prompt_is_named_as_a_short_one(self):
        tokens = list(range(10_000))
        ids = bwrt.block_ids(tokens, 16, model="m")

        self.assertEqual(len(ids), 625)
        self.assertEqual(ids, reference.ids_of({"tokens": tokens, "block_token_count": 16,
                                                "model": "6d"}))

    def test_several_calls_name_a_prompt_as_one(self):
        tokens = list(range(64))
        first = bwrt.block_ids(tokens[:32], 16, media=[bwrt.MediaItem(20, 12, "image")])
        rest = bwrt.block_ids(tokens[32:], 16, parent=first[-1],
                              media=[bwrt.MediaItem(-12, 20, "image")])

        self.assertEqual(first + rest,
                         bwrt.block_ids(tokens, 16, media=[bwrt.MediaItem(20, 20, "image")]))


class Fields(unittest.TestCase):
    def test_text_is_utf_8_and_anything_else_its_bytes(self):
        for same in ("\u00fc", b"\xc3\xbc", bytearray(b"\xc3\xbc"), memoryview(b"\xc3\xbc")):
            self.assertEqual(bwrt.block_ids([1], model=same),
                             reference.ids_of({"tokens": [1], "model": "c3bc"}))

    def test_what_is_no_text_is_refused_by_its_name(self):
        with self.assertRaisesRegex(TypeError, "^salt is a int, neither str nor bytes$"):
            bwrt.block_ids([1], salt=7)
        with self.assertRaisesRegex(TypeError, "^model is a NoneType, neither str nor bytes$"):
            bwrt.block_ids([1], model=None)
        with self.assertRaisesRegex(TypeError, "^digest is a NoneType"):
            bwrt.block_ids([1], media=[(0, 1, None)])
        with self.assertRaisesRegex(ValueError, "^model has gaps"):
            bwrt.block_ids([1], model=memoryview(b"abcd")[::2])

    def test_a_number_that_is_none_is_refused_by_its_name(self):
        for name in ("layer_first", "layer_count", "rank", "rank_count"):
            with self.assertRaisesRegex(ValueError, f"^{name} -1 "):
                bwrt.block_ids([1], **{name: -1})
        with self.assertRaisesRegex(ValueError, "^block_token_count"):
            bwrt.block_ids([1], 2**32)

    def test_a_parent_is_an_identity(self):
        for parent in (b"", b"1" * 31, b"1" * 33):
            with self.assertRaisesRegex(ValueError, "^parent has"):
                bwrt.block_ids([1], parent=parent)
        with self.assertRaises(bwrt.CallerError) as caught:
            bwrt.block_ids([1], parent=bytes(32))
        self.assertEqual((caught.exception.name, caught.exception.field),
                         ("E_INVAL", "input.parent"))

    def test_what_the_library_refuses_is_its_error(self):
        with self.assertRaises(bwrt.CallerError) as caught:
            bwrt.block_ids([1, 2], media=[(1, 2, b"d")])
        self.assertEqual((caught.exception.name, caught.exception.field),
                         ("E_RANGE", "input.media_items[].token_first"))


try:
    import numpy
except ImportError:
    numpy = None


@unittest.skipIf(numpy is None, "numpy is not installed")
class Arrays(unittest.TestCase):
    def test_arrays_of_any_integers_are_taken(self):
        tokens = [5, 2**31 - 1, 0, 7]
        ids = bwrt.block_ids(tokens, 2)
        for dtype in ("uint32", "int32", "int64", "uint64", ">u4"):
            self.assertEqual(bwrt.block_ids(numpy.array(tokens, dtype), 2), ids, dtype)
        column = numpy.array([[token, 0] for token in tokens], "uint32")[:, 0]
        self.assertEqual(bwrt.block_ids(column, 2), ids)
        self.assertEqual(bwrt.block_ids(numpy.array(tokens), 2, parent=numpy.frombuffer(
            ids[1], numpy.uint8)), bwrt.block_ids(tokens, 2, parent=ids[1]))

    def test_arrays_of_others_are_refused(self):
        for wrong in (numpy.array([-1]), numpy.array([2**32]), numpy.zeros((2, 2), "uint32")):
            with self.assertRaisesRegex(ValueError, "^tokens "):
                bwrt.block_ids(wrong)
        with self.assertRaisesRegex(TypeError, "^tokens has dtype float64"):
            bwrt.block_ids(numpy.zeros(2))


if __name__ == "__main__":
    main()
