# SPDX-License-Identifier: Apache-2.0
"""The block store: blocks come back equal or not at all, in host memory, on disk, and after the
runtime that stored them is closed."""

import ctypes
import dataclasses
import hashlib
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import bwrt
from bwrt import EventKind, Found, Reason, StoreFlag, Tier
from support import PATTERN, far_window, main, run_python

BLOCK_BYTES = 40_000  # no multiple of a page, and in several chunks
HOST = dict(host_bytes=16 << 20, block_bytes_max=1 << 20)
DISK_BYTES = 128 << 20


def ids_of(count, model="m"):
    return bwrt.block_ids(range(count), 1, model=model)


def content(number, length_bytes=BLOCK_BYTES):
    """Bytes that no other number has, up to 9,000."""
    return PATTERN[7 * number:7 * number + length_bytes]


class StoreTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def open(self, **fields):
        runtime = bwrt.Runtime(store=bwrt.Store(**{**HOST, **fields}))
        self.addCleanup(runtime.close, cancel=True)
        self.runtime = runtime
        return runtime

    def open_disk(self, **fields):
        return self.open(**{"directories": [self.folder / "store"], "disk_bytes": DISK_BYTES,
                            "transit_bytes": 16 << 20, **fields})

    def put(self, ids, numbers=None, *, wave=None, **options):
        """Stores content(number) of each, and returns the wave's results."""
        numbers = range(len(ids)) if numbers is None else numbers
        memory = self.runtime.memory(b"".join(content(number) for number in numbers))
        done = self.runtime.submit([bwrt.put(memory, ids, BLOCK_BYTES, **options)], results=True,
                                   **(wave or {}))
        done.wait()
        return done.results

    def get(self, ids, *, wave=None, **options):
        """What the store has of each; whatever came raises if not all did."""
        count = len(ids) // 32 if isinstance(ids, (bytearray, memoryview)) else len(ids)
        buffer = bytearray(count * BLOCK_BYTES)
        done = self.runtime.submit([bwrt.get(ids, self.runtime.memory(buffer), BLOCK_BYTES,
                                             **options)], results=True, **(wave or {}))
        done.wait()
        self.results = done.results
        return [bytes(buffer[at:at + BLOCK_BYTES]) for at in range(0, len(buffer), BLOCK_BYTES)]

    def open_pair(self, shm):
        """A writer that shares its index, as self.runtime; the reader is returned."""
        self.open_disk(host_bytes=0, shared=True, index_directory=shm, block_count_max=1 << 12)
        reader = bwrt.Runtime(store=bwrt.Store(directories=[self.folder / "store"], reader=True,
                                               transit_bytes=16 << 20, block_bytes_max=1 << 20,
                                               index_directory=shm))
        self.addCleanup(reader.close, cancel=True)
        return reader

    def run_wave(self, *operations, **options):
        wave = self.runtime.submit(operations, results=True, **options)
        wave.wait()
        return wave.results

    def assert_there(self, ids, numbers=None, **options):
        numbers = range(len(ids)) if numbers is None else numbers
        got = self.get(ids, **options)
        self.assertEqual([one == content(number) for one, number in zip(got, numbers)],
                         [True] * len(got))

    def assert_missing(self, ids, **options):
        for one in ids:
            with self.assertRaises(bwrt.MissError):
                self.get([one], **options)


class HostTier(StoreTest):
    def setUp(self):
        super().setUp()
        self.open()
        self.ids = ids_of(4)

    def test_what_was_put_comes_back(self):
        results = self.put(self.ids)

        self.assertEqual([(one.ok, one.present, one.bytes, one.tier) for one in results],
                         [(True, False, BLOCK_BYTES, Tier.HOST)] * 4)
        self.assert_there(self.ids)
        self.assertEqual([(one.tier, one.flags) for one in self.results], [(Tier.HOST, 0)] * 4)
        self.assert_there([self.ids[2], self.ids[0]], [2, 0], unrelated=True)

    def test_equal_bytes_under_their_own_name_are_stored_once(self):
        runtime = self.open()
        k, v = content(1)[:30_000], content(1)[30_000:]
        name = bwrt.content_id(k, bytearray(v))

        self.assertEqual(name, hashlib.sha256(k + v).hexdigest()[:32].encode())
        self.assertFalse(self.put([name], [1], unrelated=True, content=True)[0].present)
        self.assertTrue(self.put([name], [1], unrelated=True, content=True)[0].present)
        counters = runtime.store_counters()
        self.assertEqual((counters.dedup_count, counters.dedup_bytes), (1, BLOCK_BYTES))
        self.assertEqual(counters.host.block_count, 1)
        with self.assertRaises(bwrt.Error):
            bwrt.content_id()

    def test_a_second_put_is_present_and_changes_nothing(self):
        self.put(self.ids[:2])
        results = self.put(self.ids, [9, 9, 2, 3])

        self.assertEqual([one.present for one in results], [True, True, False, False])
        self.assert_there(self.ids)

    def test_a_strict_put_of_what_is_there_is_a_conflict(self):
        self.put(self.ids[:1])
        with self.assertRaises(bwrt.ConflictError) as caught:
            self.put(self.ids[:1], strict=True)

        self.assertEqual(caught.exception.name, "E_CONFLICT")
        self.assert_there(self.ids[:1])

    def test_another_length_or_layout_is_a_conflict_to_a_put_and_a_miss_to_a_get(self):
        self.put(self.ids[:1], layout_digest=5)
        for length_bytes, digest in ((BLOCK_BYTES - 1, 5), (BLOCK_BYTES, 6), (BLOCK_BYTES, 0)):
            memory = self.runtime.memory(bytearray(BLOCK_BYTES))
            with self.assertRaises(bwrt.ConflictError):
                self.run_wave(bwrt.put(memory, self.ids[:1], length_bytes, layout_digest=digest))
            with self.assertRaises(bwrt.MissError):
                self.run_wave(bwrt.get(self.ids[:1], memory, length_bytes, layout_digest=digest))
        self.assert_there(self.ids[:1], layout_digest=5)

    def test_a_miss_says_how_many_before_it_are_right(self):
        self.put(self.ids[:2])
        target = bytearray(3 * BLOCK_BYTES)
        wave = self.runtime.submit([bwrt.get(self.ids[:3], self.runtime.memory(target),
                                             BLOCK_BYTES)], results=True)
        with self.assertRaisesRegex(bwrt.MissError, "E_MISS") as caught:
            wave.wait()

        self.assertIsInstance(caught.exception, bwrt.BlockError)
        self.assertEqual(caught.exception.completion.prefix_count, 2)
        self.assertEqual(caught.exception.completion.verdict, bwrt.Verdict.PARTIAL)
        self.assertEqual([one.status for one in wave.results], [0, 0, bwrt.Status.E_MISS])
        self.assertTrue(target[:2 * BLOCK_BYTES] == content(0) + content(1))

    def test_blocks_have_parts(self):
        one = self.ids[0]
        self.put([(one, 0), (one, 7)], [0, 1], unrelated=True)

        self.assert_there([(one, 7), (one, 0)], [1, 0], unrelated=True)
        self.assert_there([one], [1], part=7)
        self.assert_missing([(one, 1)])

    def test_identities_come_in_several_forms(self):
        self.put(b"".join(self.ids), range(4))
        self.assert_there(bytearray(self.ids[3]), [3])
        self.assert_there(self.ids[:1])
        self.assert_there(memoryview(b"".join(self.ids))[32:96], [1, 2])

    def test_what_is_no_identity_is_refused_by_name(self):
        memory = self.runtime.memory(bytearray(64))
        for blocks, kind in ((b"short", ValueError), ([b"short"], ValueError), (7, TypeError),
                             ([7], TypeError), (["x" * 32], TypeError),
                             ([(self.ids[0], -1)], ValueError)):
            with self.subTest(blocks=blocks), self.assertRaises(kind):
                bwrt.put(memory, blocks, 64)
        with self.assertRaisesRegex(TypeError, "parent and unrelated"):
            bwrt.put(memory, self.ids[:1], 64, parent=self.ids[1], unrelated=True)
        with self.assertRaises(bwrt.CallerError):
            self.run_wave(bwrt.put(memory, bytes(32), 64))

    def test_a_wave_has_blocks_beside_copies_and_each_has_its_own(self):
        self.put(self.ids)
        source, target = self.runtime.memory(content(8)), bytearray(3 * BLOCK_BYTES)
        into = self.runtime.memory(target)
        wave = self.runtime.submit([
            bwrt.get(self.ids[3:], into, BLOCK_BYTES, target_offset_bytes=2 * BLOCK_BYTES,
                     parent=self.ids[2]),
            bwrt.copy(source, into, BLOCK_BYTES, target_offset_bytes=BLOCK_BYTES),
            bwrt.get(self.ids[1:2], into, BLOCK_BYTES, parent=(self.ids[0], 0))])
        wave.wait()

        self.assertTrue(target == content(1) + content(8) + content(3))

    def test_a_wave_is_submitted_again(self):
        target = bytearray(BLOCK_BYTES)
        self.put(self.ids[:1])
        wave = self.runtime.prepare([bwrt.get(self.ids[:1], self.runtime.memory(target),
                                              BLOCK_BYTES)])
        for _ in range(3):
            target[:] = bytes(BLOCK_BYTES)
            wave.submit().wait()
            self.assertTrue(target == content(0))

    def test_a_wave_that_is_cancelled_before_it_starts_stores_nothing(self):
        target = bytearray(BLOCK_BYTES)
        operations = [bwrt.put(self.runtime.memory(content(0)), self.ids[:1], BLOCK_BYTES),
                      bwrt.get(self.ids[1:2], self.runtime.memory(target), BLOCK_BYTES),
                      bwrt.drop(self.ids[2:3]), bwrt.pin(self.ids[3:])]
        self.put(self.ids[1:], range(1, 4))
        wave = self.runtime.submit(operations, window_ns=far_window(), results=True)
        wave.cancel()
        with self.assertRaises(bwrt.CancelledError):
            wave.wait()

        self.assertEqual([one.status for one in wave.results], [bwrt.Status.E_CANCELLED] * 4)
        self.assert_missing(self.ids[:1])
        self.assert_there(self.ids[1:], range(1, 4))
        self.assertEqual(target.count(0), BLOCK_BYTES)
        self.run_wave(bwrt.drop(self.ids[3:]))  # it was not pinned

    def test_a_drop_takes_blocks_away_and_again_does_nothing(self):
        self.put(self.ids)
        for _ in range(2):
            self.run_wave(bwrt.drop(self.ids[2:]))
        self.assert_missing(self.ids[2:])
        self.assert_there(self.ids[:2])

    def test_a_pin_says_where_the_bytes_are(self):
        self.put(self.ids)
        pinned = self.run_wave(bwrt.pin(self.ids[1:3], parent=self.ids[0]))

        for number, one in zip((1, 2), pinned):
            self.assertTrue(ctypes.string_at(one.address, BLOCK_BYTES) == content(number))
        with self.assertRaises(bwrt.BusyError):
            self.run_wave(bwrt.drop(self.ids[1:2]))
        self.run_wave(bwrt.unpin(self.ids[1:3]))
        self.run_wave(bwrt.drop(self.ids[1:2]))
        with self.assertRaises(bwrt.MissError):
            self.run_wave(bwrt.unpin(self.ids[1:2]))

    def test_a_pin_needs_results(self):
        self.put(self.ids)
        with self.assertRaisesRegex(bwrt.CallerError, "PIN") as caught:
            self.runtime.submit([bwrt.pin(self.ids)])
        self.assertEqual(caught.exception.field, "wave.results")

    def test_what_has_no_room_makes_the_oldest_go_and_what_is_pinned_stays(self):
        ids = ids_of(1000, "many")
        self.put(ids[:1])
        self.run_wave(bwrt.pin(ids[:1]))
        for at in range(1, 1000, 50):
            self.put(ids[at:at + 50], range(at, min(1000, at + 50)), unrelated=True)

        self.assertGreater(self.runtime.store_counters().host.evicted_count, 100)
        self.assert_there(ids[:1])
        self.assert_there(ids[-1:], [999])
        self.assert_missing(ids[1:2])

    def test_a_prefetch_of_what_is_there_succeeds_and_else_misses(self):
        self.put(self.ids[:1])
        self.run_wave(bwrt.prefetch(self.ids[:1]))
        with self.assertRaises(bwrt.MissError):
            self.run_wave(bwrt.prefetch(self.ids[1:2]))

    def test_what_needs_a_disk_is_unsupported(self):
        memory = self.runtime.memory(content(0))
        for operation in (bwrt.move(self.ids[:1], Tier.DISK),
                          bwrt.put(memory, self.ids[:1], BLOCK_BYTES, tier=Tier.DISK),
                          bwrt.put(memory, self.ids[:1], BLOCK_BYTES, durable=True)):
            with self.assertRaises(bwrt.UnsupportedError):
                self.runtime.submit([operation])

    def test_options_are_taken_or_refused_by_name(self):
        self.put(self.ids, closure=bwrt.Closure.WINDOW, window_blocks=2, ttl_s=60,
                 access_count=3, complexity_milli=500, time_variance_milli=100)
        self.assert_there(self.ids)
        with self.assertRaises(bwrt.CallerError) as caught:
            self.put(self.ids, window_blocks=2)
        self.assertEqual(caught.exception.field, "block_options.window_blocks")
        with self.assertRaisesRegex(ValueError, "ttl_s"):
            self.put(self.ids, ttl_s=-1)

    def test_without_a_store_there_are_no_blocks(self):
        with bwrt.Runtime() as runtime:
            for call in (lambda: runtime.lookup(self.ids), runtime.store_counters,
                         runtime.store_info,
                         lambda: runtime.events().poll(),
                         lambda: runtime.set_tenant(1, bytes(32)),
                         lambda: runtime.submit([bwrt.drop(self.ids)])):
                with self.assertRaises(bwrt.UnsupportedError):
                    call()


class Layouts(StoreTest):
    """Blocks of a layout: keys and values of two layers in arrays of their own."""

    def setUp(self):
        super().setUp()
        self.open()
        self.ids = ids_of(3)

    def cache(self, fill):
        arrays = [memoryview(bytearray(fill(n) for n in range(8 * 4096))).cast("B", (8, 4096))
                  for _ in range(4)]
        return arrays

    def layout(self, arrays, **options):
        return self.runtime.layout(arrays, groups=[0, 0, 1, 1], **options)

    def test_blocks_go_from_slots_and_to_slots_and_none_skips(self):
        source = self.cache(lambda n: (n * 7 + n // 4096) & 0xFF)
        target = self.cache(lambda n: 0xEE)
        skipped = [6, bwrt.NONE, 1]
        self.run_wave(bwrt.put(self.layout(source), self.ids, source_slots=[5, 0, 3]))
        results = self.run_wave(bwrt.get(self.ids, self.layout(target), target_slots=skipped),
                               groups=True)

        self.assertEqual([one.status for one in results], [0, 0, 0])
        for ours, theirs in zip(target, source):
            self.assertEqual(ours.tolist()[6], theirs.tolist()[5])
            self.assertEqual(ours.tolist()[1], theirs.tolist()[3])
            for slot in (0, 2, 3, 4, 5, 7):
                self.assertEqual(set(ours.tolist()[slot]), {0xEE})

    def test_groups_are_those_of_the_layout(self):
        self.run_wave(bwrt.put(self.layout(self.cache(lambda n: n & 0xFF)), self.ids,
                              source_slots=[0, 1, 2]))
        wave = self.runtime.submit([bwrt.get(
            self.ids, self.layout(self.cache(lambda n: 0)), target_slots=[0, 1, 2], group=2)],
            groups=True)
        wave.wait()

        self.assertEqual([one.bytes for one in wave.groups], [0, 0, 3 * 8192, 3 * 8192])

    def test_a_block_is_of_its_layout_and_of_its_salt(self):
        one, slots = self.ids[:1], [0]
        arrays = self.cache(lambda n: n & 0xFF)
        layout = self.layout(arrays, salt=16)
        self.run_wave(bwrt.put(layout, one, source_slots=slots))

        self.run_wave(bwrt.get(one, self.layout(self.cache(lambda n: 0), salt=16),
                              target_slots=slots))
        self.assertEqual(self.runtime.lookup(one, layout=layout).prefix_count, 1)
        other = self.layout(arrays, salt=8)
        with self.assertRaises(bwrt.MissError):
            self.run_wave(bwrt.get(one, other, target_slots=slots))
        self.assertEqual(self.runtime.lookup(one, layout=other).states, [Found.MISS])

    def test_as_many_slots_as_blocks(self):
        with self.assertRaisesRegex(ValueError, "source_slots has 2 slots for 3 blocks"):
            bwrt.put(self.layout(self.cache(lambda n: 0)), self.ids, source_slots=[0, 1])


class Asking(StoreTest):
    def setUp(self):
        super().setUp()
        self.open()
        self.ids = ids_of(5)

    def test_a_lookup_finds_the_prefix_that_is_there(self):
        self.put([self.ids[0], self.ids[1], self.ids[3]], unrelated=True)
        found = self.runtime.lookup(self.ids)

        self.assertEqual((found.prefix_count, found.leased_count, len(found)), (2, 0, 5))
        self.assertEqual(found.states, [Found.HIT, Found.HIT, Found.MISS, Found.HIT, Found.MISS])
        self.assertEqual(found.tiers, [Tier.HOST, Tier.HOST, Tier.NONE, Tier.HOST, Tier.NONE])
        self.assertEqual(self.runtime.lookup(b"".join(self.ids)).prefix_count, 2)
        self.assertEqual(self.runtime.lookup([]).prefix_count, 0)

    def test_a_lookup_says_how_many_blocks_to_load(self):
        self.put(self.ids[:3])
        split = bwrt.Split(token_count=90, block_tokens=16, block_bytes=4096,
                           prefill_tokens_per_s=1000, layer_count=4)
        found = self.runtime.lookup(self.ids, split=split)

        self.assertEqual(found.split.load_count, 3)
        self.assertIs(found.split.is_late, False)
        self.assertLess(found.split.finish_ns, found.split.compute_finish_ns)
        self.assertIsNone(self.runtime.lookup(self.ids).split)
        late = dataclasses.replace(split, deadline_ns=1, computes_least=True)
        self.assertIs(self.runtime.lookup(self.ids, split=late).split.is_late, True)
        self.assertEqual(late.as_c().flags, split.as_c().flags | 2)  # BWRT_SPLIT_LEAST_COMPUTE
        with self.assertRaisesRegex(bwrt.CallerError, "split.block_tokens"):
            self.runtime.lookup(self.ids, split=dataclasses.replace(split, block_tokens=0))
        with self.assertRaisesRegex(ValueError, "token_count"):
            self.runtime.lookup(self.ids, split=dataclasses.replace(split, token_count=-1))

    def test_a_block_is_there_when_all_its_parts_are(self):
        self.put([(self.ids[0], part) for part in range(3)], unrelated=True)

        self.assertEqual(self.runtime.lookup(self.ids[:1], parts=3).prefix_count, 1)
        self.assertEqual(self.runtime.lookup(self.ids[:1], parts=4).prefix_count, 0)
        self.assertEqual(self.runtime.lookup(self.ids[:1], parts=range(1, 3)).prefix_count, 1)
        self.assertEqual(self.runtime.lookup(self.ids[:1], parts=range(2, 5)).prefix_count, 0)
        with self.assertRaisesRegex(ValueError, "parts"):
            self.runtime.lookup(self.ids, parts=range(0, 4, 2))

    def test_what_is_leased_does_not_go(self):
        self.put(self.ids)
        found = self.runtime.lookup(self.ids[:2], lease_ms=600_000)
        self.assertEqual((found.prefix_count, found.leased_count), (2, 2))
        others = ids_of(1000, "others")
        for at in range(0, 1000, 50):
            self.put(others[at:at + 50], [0] * 50, unrelated=True)

        self.assert_there(self.ids[:2])
        self.assertEqual(self.runtime.lookup(self.ids[2:]).prefix_count, 0)

    def test_what_is_expected_goes_last(self):
        self.put(self.ids)
        found = self.runtime.lookup(self.ids[:2], expected_ms=600_000)
        self.assertEqual((found.prefix_count, found.leased_count), (2, 2))
        others = ids_of(1000, "others")
        for at in range(0, 1000, 50):
            self.put(others[at:at + 50], [0] * 50, unrelated=True)

        self.assert_there(self.ids[:2])
        self.assertEqual(self.runtime.lookup(self.ids[2:]).prefix_count, 0)
        with self.assertRaisesRegex(ValueError, "lease_ms or expected_ms"):
            self.runtime.lookup(self.ids, lease_ms=1, expected_ms=1)

    def test_a_long_lookup_answers_as_a_short_one(self):
        ids = ids_of(1000, "long")
        self.put(ids[:3])
        found = self.runtime.lookup(ids)

        self.assertEqual(found.prefix_count, 3)
        self.assertEqual(sum(state == Found.HIT for state in found.states), 3)

    def test_tenants_do_not_see_each_other_s_blocks(self):
        secret = bytes(range(32))
        self.runtime.set_tenant(7, secret)
        self.put(self.ids[:1], [1])
        self.assert_missing(self.ids[:1], wave=dict(tenant=7))
        self.assertEqual(self.runtime.lookup(self.ids[:1], tenant=7).prefix_count, 0)

        self.put(self.ids[:1], [2], wave=dict(tenant=7))
        self.assert_there(self.ids[:1], [1])
        self.assert_there(self.ids[:1], [2], wave=dict(tenant=7))
        self.run_wave(bwrt.drop(self.ids[:1]), tenant=7)
        self.assert_there(self.ids[:1], [1])

        self.runtime.set_tenant(7, host_quota_bytes=1 << 20)
        with self.assertRaises(bwrt.BusyError):
            self.runtime.set_tenant(7, bytes(32))
        with self.assertRaisesRegex(ValueError, "secret has 3 bytes"):
            self.runtime.set_tenant(8, b"abc")
        with self.assertRaises(bwrt.CallerError):
            self.runtime.set_tenant(8)
        with self.assertRaises(bwrt.CallerError):
            self.put(self.ids[:1], wave=dict(tenant=8))

    def test_a_tenant_keeps_to_its_quota(self):
        self.runtime.set_tenant(7, b"s" * 32, host_quota_bytes=10 * 49152)
        ids = ids_of(40)
        self.put(self.ids[:1], [1])
        for at in range(0, 40, 5):
            self.put(ids[at:at + 5], wave=dict(tenant=7), unrelated=True)

        counters = self.runtime.store_counters(tenant=7)
        self.assertEqual(counters.host.capacity_bytes, 10 * 49152)
        self.assertEqual(counters.put_count, 40)
        self.assertGreater(counters.host.evicted_count, 0)
        self.assertLess(counters.host.block_count, 40)
        self.assert_there(self.ids[:1], [1])

    def test_counters_say_what_was_done(self):
        self.put(self.ids[:3])
        self.put(self.ids[:2])
        self.get(self.ids[:2])
        self.assert_missing(self.ids[3:4])
        counters = self.runtime.store_counters()

        self.assertEqual((counters.put_count, counters.present_count, counters.present_bytes,
                          counters.miss_count), (3, 2, 2 * BLOCK_BYTES, 1))
        self.assertEqual((counters.host.block_count, counters.host.hit_count,
                          counters.host.hit_bytes, counters.host.stored_bytes),
                         (3, 2, 2 * BLOCK_BYTES, 3 * BLOCK_BYTES))
        self.assertEqual(counters.host.capacity_bytes, HOST["host_bytes"])
        self.assertEqual((counters.disk.block_count, counters.flight_count), (0, 0))
        self.assertEqual(self.runtime.store_counters(tenant=0).put_count, 3)
        with self.assertRaises(bwrt.CallerError):
            self.runtime.store_counters(tenant=5)


class Following(StoreTest):
    """Events."""

    def setUp(self):
        super().setUp()
        self.open()
        self.ids = ids_of(4)

    def test_a_new_reader_begins_with_all_there_is(self):
        self.put(self.ids[:2])
        events = list(self.runtime.events())

        self.assertEqual(events[0].kind, EventKind.RESYNC)
        self.assertEqual({(one.kind, one.tier, one.reason, one.identity, one.part, one.tenant)
                          for one in events[1:]},
                         {(EventKind.STORED, Tier.HOST, Reason.SNAPSHOT, identity, 0, 0)
                          for identity in self.ids[:2]})

    def test_a_reader_follows_what_comes_and_goes(self):
        reader = self.runtime.events()
        self.assertEqual([one.kind for one in reader], [EventKind.RESYNC])
        self.assertEqual(reader.poll(), [])

        self.put(self.ids[:2])
        self.run_wave(bwrt.drop(self.ids[:1]))
        self.assertEqual([(one.kind, one.tier, one.reason, one.identity) for one in reader],
                         [(EventKind.STORED, Tier.HOST, Reason.PUT, self.ids[0]),
                          (EventKind.STORED, Tier.HOST, Reason.PUT, self.ids[1]),
                          (EventKind.REMOVED, Tier.HOST, Reason.DROPPED, self.ids[0])])
        self.assertEqual(list(reader), [])

    def test_another_reader_goes_on_from_a_cursor(self):
        reader = self.runtime.events()
        list(reader)
        self.put(self.ids)
        first = reader.poll(capacity=3)
        rest = self.runtime.events(reader.cursor).poll()

        self.assertEqual([one.identity for one in first + rest], self.ids)

    def test_a_snapshot_is_read_in_pieces(self):
        self.put(ids_of(10))
        reader = self.runtime.events()
        seen = [one for _ in range(6) for one in reader.poll(capacity=2)]

        self.assertEqual([one.kind for one in seen],
                         [EventKind.RESYNC] + [EventKind.STORED] * 10)
        self.assertEqual(reader.poll(), [])

    def test_a_reader_that_is_too_late_begins_anew(self):
        reader = self.runtime.events()
        self.put(self.ids[:1])
        list(reader)
        more = ids_of(512, "short")
        memory = self.runtime.memory(bytes(512 * 64))
        put = self.runtime.prepare([bwrt.put(memory, more, 64, unrelated=True)])
        drop = self.runtime.prepare([bwrt.drop(more)])
        for _ in range(65):  # 66,560 events, 65,536 are kept
            put.submit().wait()
            drop.submit().wait()
        events = list(reader)

        self.assertEqual([one.kind for one in events], [EventKind.RESYNC, EventKind.STORED])
        self.assertEqual(events[1].identity, self.ids[0])


class DiskTier(StoreTest):
    def damage(self, block):
        """Flips a bit of a block in whichever file it lies."""
        for path in (self.folder / "store").rglob("*"):
            image = path.read_bytes() if path.is_file() else b""
            for at in range(0, len(image), 4096):
                if image[at:at + len(block)] == block:
                    with open(path, "r+b") as file:
                        file.seek(at + 100)
                        file.write(bytes([block[100] ^ 1]))
                    return
        self.fail("the block is in no file")

    def test_what_was_put_is_there_after_a_restart(self):
        ids = ids_of(8)
        with self.open_disk():
            results = self.put(ids, durable=True)
            self.assertEqual([(one.ok, one.tier) for one in results], [(True, Tier.DISK)] * 8)
        for host_bytes in (0, 16 << 20):
            with self.open_disk(host_bytes=host_bytes) as runtime:
                self.assertEqual(runtime.lookup(ids).tiers, [Tier.DISK] * 8)
                self.assertEqual(runtime.store_counters().recovered_count, 8)
                self.assert_there(ids)
                self.assertEqual([one.tier for one in self.results], [Tier.DISK] * 8)

    def test_what_was_put_without_care_is_there_after_a_clean_end(self):
        ids = ids_of(8)
        with self.open_disk():
            self.put(ids)
        with self.open_disk():
            self.assert_there(ids)

    def test_it_tells_what_became_of_it(self):
        ids = ids_of(1)
        with self.open_disk():
            info = self.runtime.store_info()
            self.put(ids, tier=Tier.DISK)
            pinned = self.run_wave(bwrt.pin(ids))[0].address
            self.assertIn(pinned, range(info.host_address, info.host_address + info.host_bytes))
            self.run_wave(bwrt.unpin(ids))
            self.assertEqual(info.disk_bytes, info.segment_count * info.segment_bytes)
            self.assertEqual((info.directory_count, info.host_fd, info.flags), (1, -1, 0))
            self.assertIn(info.checksum, ("SSE2", "AVX2"))
            self.assertIn("not on Lustre", info.striping_reason)
            self.assertEqual((info.huge_reason, info.disk_reason), (None, None))
            filled = self.runtime.store_info()
            self.assertEqual(filled.reserved_count + filled.unreserved_count, 1)
            self.assertGreater(filled.log_bytes, info.log_bytes)

    def test_another_process_reads_what_is_pinned(self):
        ids = ids_of(2)
        with self.open_disk(export=True):
            info = self.runtime.store_info()
            self.put(ids)
            address = self.run_wave(bwrt.pin(ids))[1].address
            program = ("import mmap, sys; fd, size, offset, count = map(int, sys.argv[1:]);"
                       "view = mmap.mmap(fd, size, prot=mmap.PROT_READ);"
                       "sys.stdout.buffer.write(view[offset:offset + count])")
            numbers = [info.host_fd, info.host_bytes, address - info.host_address, BLOCK_BYTES]
            seen = subprocess.run([sys.executable, "-c", program, *map(str, numbers)],
                                  pass_fds=[info.host_fd], stdout=subprocess.PIPE, check=True)
            self.assertEqual(seen.stdout, content(1))
            self.assertIn(StoreFlag.EXPORT, info.flags)
            self.run_wave(bwrt.unpin(ids))

    def test_it_is_in_memory_after_a_get(self):
        ids = ids_of(4)
        with self.open_disk():
            self.put(ids, tier=Tier.DISK)
            self.assertEqual(self.runtime.lookup(ids).tiers, [Tier.DISK] * 4)
            self.assert_there(ids)
            self.assert_there(ids)
            self.assertEqual([one.tier for one in self.results], [Tier.HOST] * 4)
            counters = self.runtime.store_counters()
            self.assertEqual((counters.disk.hit_count, counters.host.hit_count), (4, 4))

    def test_blocks_move_between_tiers(self):
        ids = ids_of(3)
        with self.open_disk():
            reader = self.runtime.events()
            self.put(ids, tier=Tier.HOST)
            list(reader)
            self.run_wave(bwrt.move(ids, Tier.DISK))
            self.assertEqual(self.runtime.lookup(ids).tiers, [Tier.DISK] * 3)
            self.assertEqual({(one.kind, one.tier) for one in reader},
                             {(EventKind.STORED, Tier.DISK), (EventKind.REMOVED, Tier.HOST)})
            self.run_wave(bwrt.move(ids, Tier.HOST))
            counters = self.runtime.store_counters()
            self.assertEqual((counters.host.block_count, counters.disk.block_count), (3, 0))
            self.run_wave(bwrt.prefetch(ids))
        with self.open_disk():
            self.assert_missing(ids)

    def test_a_prefetch_and_a_pin_bring_blocks_to_memory(self):
        ids = ids_of(4)
        with self.open_disk():
            self.put(ids, tier=Tier.DISK)
            self.run_wave(bwrt.prefetch(ids[:2]))
            pinned = self.run_wave(bwrt.pin(ids[2:], parent=ids[1]))
            self.assertEqual(self.runtime.lookup(ids).tiers, [Tier.HOST] * 4)
            for number, one in zip((2, 3), pinned):
                self.assertTrue(ctypes.string_at(one.address, BLOCK_BYTES) == content(number))
            self.run_wave(bwrt.unpin(ids[2:]))

    def test_dropped_blocks_stay_away(self):
        ids = ids_of(4)
        with self.open_disk():
            self.put(ids, durable=True)
            self.run_wave(bwrt.drop(ids[:2]))
        with self.open_disk():
            self.assert_missing(ids[:2])
            self.assert_there(ids[2:], [2, 3], parent=ids[1])

    def test_a_tenant_s_blocks_are_found_with_its_secret_and_not_with_another(self):
        ids, secret = ids_of(2), b"k" * 32
        with self.open_disk() as runtime:
            runtime.set_tenant(5, secret)
            self.put(ids, wave=dict(tenant=5))
            self.put(ids, [8, 9])
        with self.open_disk() as runtime:
            tenants = {one.tenant for one in runtime.events() if one.kind == EventKind.STORED}
            self.assertEqual(tenants, {0, None})
            runtime.set_tenant(6, b"x" * 32)
            self.assert_missing(ids, wave=dict(tenant=6))
            runtime.set_tenant(9, secret)
            self.assert_missing(ids, wave=dict(tenant=9))
            runtime.set_tenant(5, secret)
            self.assert_there(ids, wave=dict(tenant=5))
            self.assert_there(ids, [8, 9])

    def test_more_tenants_than_there_may_be_are_refused(self):
        ids = ids_of(1)
        with self.open_disk(host_bytes=0) as runtime:
            for tenant in range(1, 6):
                runtime.set_tenant(tenant, bytes([tenant]) * 32)
                self.put(ids, wave=dict(tenant=tenant), durable=True)
        with self.assertRaises(bwrt.CallerError) as caught:
            self.open_disk(host_bytes=0, tenant_count_max=2)
        self.assertEqual((caught.exception.name, caught.exception.field),
                         ("E_RANGE", "store.tenant_count_max"))
        with self.open_disk(host_bytes=0, tenant_count_max=6) as runtime:
            with self.assertRaises(bwrt.AgainError):
                runtime.set_tenant(9, b"9" * 32)
            self.assertEqual(runtime.store_counters().recovered_count, 5)

    def test_a_damaged_block_is_told_and_gone(self):
        ids = ids_of(2)
        with self.open_disk():
            self.put(ids, durable=True)
        self.damage(content(1))
        with self.open_disk():
            with self.assertRaises(bwrt.CorruptError):
                self.get(ids[1:], parent=ids[0])
            self.assert_missing(ids[1:])
            self.assert_there(ids[:1])
            self.assertEqual(self.runtime.store_counters().corrupt_count, 1)
            self.put(ids[1:], [1], parent=ids[0])
            self.assert_there(ids)

    def test_another_writer_of_the_shard_is_locked_out(self):
        script = ("import bwrt, sys\n"
                  "try: bwrt.Runtime(store=bwrt.Store([sys.argv[1]], shard=sys.argv[2], "
                  f"disk_bytes={DISK_BYTES})).close(); print('opened')\n"
                  "except bwrt.LockedError as error: print('locked', error.name)")
        with self.open_disk(shard="a"):
            self.assertEqual(run_python(script, self.folder / "store", "a"),
                             (0, "locked E_LOCKED\n"))
            self.assertEqual(run_python(script, self.folder / "store", "b"), (0, "opened\n"))

    def test_a_reader_has_what_the_writer_puts(self):
        if not os.access("/dev/shm", os.W_OK):
            self.skipTest("no /dev/shm")
        shm = tempfile.TemporaryDirectory(dir="/dev/shm")
        self.addCleanup(shm.cleanup)
        ids = ids_of(4)
        reader = self.open_pair(shm.name)
        self.put(ids[:3])
        self.assertEqual(reader.lookup(ids).prefix_count, 3)
        events = list(reader.events())
        self.assertEqual({one.identity for one in events[1:]}, set(ids[:3]))
        self.runtime = reader
        self.assert_there(ids[:3])
        self.assert_missing(ids[3:])
        for refused in (bwrt.drop(ids[:1]), bwrt.prefetch(ids[:1])):
            with self.assertRaises(bwrt.UnsupportedError):
                reader.submit([refused])
        with self.assertRaises(bwrt.UnsupportedError):
            reader.lookup(ids, lease_ms=1)
        self.assertEqual(reader.store_counters().disk.hit_count, 3)
        with self.assertRaises(bwrt.CallerError) as caught:
            bwrt.Runtime(store=bwrt.Store(directories=[self.folder / "store"], reader=True,
                                          shard="0"))
        self.assertEqual(caught.exception.field, "store.shard")

    def test_more_blocks_than_flights_and_transit_memory_wait_for_their_turn(self):
        ids = ids_of(200)
        for fields in (dict(flight_count_max=2), dict(transit_bytes=2 << 20, block_bytes_max=65536),
                       dict(host_bytes=0, flight_count_max=4),
                       dict(host_bytes=0, transit_bytes=2 << 20, block_bytes_max=65536)):
            with self.subTest(fields), self.open_disk(**fields) as runtime:
                runtime.submit([bwrt.drop(ids)]).wait()
                self.put(ids, tier=Tier.DISK, durable=True)
                self.assert_there(ids)
                self.assertEqual(runtime.store_counters().flight_count, 0)

    def test_what_is_there_is_made_durable_when_others_have_let_it_through(self):
        ids = ids_of(20)
        with self.open_disk(host_bytes=0, flight_count_max=2) as runtime:
            self.put(ids)
            source = runtime.memory(bytearray(18 * BLOCK_BYTES))
            target = runtime.memory(bytearray(2 * BLOCK_BYTES))
            results = self.run_wave(bwrt.get(ids[:2], target, BLOCK_BYTES),
                                   bwrt.put(source, ids[2:], BLOCK_BYTES, durable=True))
            self.assertEqual([(one.present, one.tier) for one in results],
                             [(False, Tier.DISK)] * 2 + [(True, Tier.DISK)] * 18)
            self.assert_there(ids)

    def test_several_directories_share_the_blocks(self):
        ids = ids_of(64)
        directories = [self.folder / name for name in "abc"]
        with self.open_disk(directories=directories):
            self.put(ids, unrelated=True)
        with self.open_disk(directories=directories):
            self.assert_there(ids, unrelated=True)

    def test_more_than_the_disk_holds_makes_the_oldest_go(self):
        with self.open_disk(host_bytes=0):
            for at in range(0, 4000, 100):
                ids = ids_of(at + 100, "much")[at:]
                self.put(ids, [at % 7] * 100, unrelated=True)
            counters = self.runtime.store_counters()
            self.assertGreater(counters.disk.evicted_count, 500)
            self.assert_there(ids[-5:], [at % 7] * 5, unrelated=True)
        used = sum(path.stat().st_blocks * 512 for path in (self.folder / "store").rglob("*"))
        self.assertLessEqual(used, DISK_BYTES)

    def test_a_store_is_described_by_its_fields(self):
        with self.assertRaisesRegex(TypeError, "directories is one path"):
            bwrt.Runtime(store=bwrt.Store(directories="store"))
        with self.assertRaisesRegex(ValueError, "disk_bytes"):
            bwrt.Runtime(store=bwrt.Store(directories=["x"], disk_bytes=-1))
        with self.assertRaises(bwrt.CallerError) as caught:
            bwrt.Runtime(store=bwrt.Store())
        self.assertEqual(caught.exception.field, "store.directories")
        with self.assertRaises(bwrt.CallerError) as caught:
            bwrt.Runtime(store=bwrt.Store([self.folder / "x"], shard=".x", disk_bytes=DISK_BYTES))
        self.assertFalse(os.path.exists(self.folder / "x" / ".x"))


if __name__ == "__main__":
    main()
