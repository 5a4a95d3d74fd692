# SPDX-License-Identifier: Apache-2.0
"""Layouts from multi-dimensional buffers (memoryviews here, test_numpy.py has the rest): their
planes, and the bytes that move through them compared with plain indexing."""

import ctypes
import os
import random

import bwrt
from support import PATTERN, FileTest, main, pattern


def view(buffer, *shape):
    return memoryview(buffer).cast("B", shape)


class Layouts(FileTest):
    def setUp(self):
        super().setUp()
        self.runtime = self.open_runtime()

    def test_one_plane_an_array(self):
        k, v = bytearray(8 * 4 * 16), bytearray(8 * 4 * 16)
        layout = self.runtime.layout([view(k, 8, 4, 16), view(v, 8, 4, 16)])

        self.assertEqual((layout.slot_count, layout.block_bytes, layout.group_last), (8, 128, 0))
        self.assertEqual([(p.offset_bytes, p.slot_stride_bytes, p.length_bytes, p.row_count,
                           p.block_offset_bytes) for p in layout.planes],
                         [(0, 64, 64, 1, 0), (0, 64, 64, 1, 64)])

    def test_a_layer_axis_makes_groups_and_lays_a_layer_together(self):
        k, v = bytearray(3 * 8 * 64), bytearray(3 * 8 * 64)
        layout = self.runtime.layout([view(k, 3, 8, 64), view(v, 3, 8, 64)], slot_axis=1,
                                     layer_axis=0)

        self.assertEqual([(p.group, p.offset_bytes) for p in layout.planes],
                         [(0, 0), (0, 0), (1, 512), (1, 512), (2, 1024), (2, 1024)])
        self.assertEqual([p.block_offset_bytes for p in layout.planes],
                         [0, 64, 128, 192, 256, 320])
        self.assertEqual(layout.group_last, 2)

    def test_rows_apart_become_rows_of_a_plane(self):
        cache = bytearray(4 * 8 * 16)  # rows, slots, bytes
        layout = self.runtime.layout([view(cache, 4, 8, 16)], slot_axis=1)

        plane = layout.planes[0]
        self.assertEqual((plane.row_count, plane.row_stride_bytes, plane.length_bytes,
                          plane.slot_stride_bytes), (4, 128, 16, 16))

    def test_axes_that_no_plane_can_say_are_refused_or_split(self):
        array = view(bytearray(2 * 8 * 3 * 5 * 16), 2, 8, 3, 5, 16)
        with self.assertRaisesRegex(ValueError, "split_axes"):
            self.runtime.layout([array], slot_axis=1, layer_axis=3)

        layout = self.runtime.layout([array], slot_axis=1, layer_axis=3, split_axes=0)
        self.assertEqual([(p.row_count, p.row_stride_bytes, p.length_bytes, p.group)
                          for p in layout.planes],
                         [(3, 80, 16, layer) for layer in range(5) for _ in range(2)])

    def test_strided_axes_that_follow_each_other_are_one(self):
        array = view(bytearray(2 * 3 * 8 * 16), 2, 3, 8, 16)
        layout = self.runtime.layout([array], slot_axis=2)

        self.assertEqual([(p.row_count, p.row_stride_bytes) for p in layout.planes], [(6, 128)])

    def test_axes_are_named_once_and_exist(self):
        array = view(bytearray(64), 4, 4, 4)
        for options in ({"slot_axis": 3}, {"slot_axis": 0, "layer_axis": 0},
                        {"slot_axis": 1, "split_axes": (0, -3)}, {"slot_axis": -4}):
            with self.subTest(options), self.assertRaises(ValueError):
                self.runtime.layout([array], **options)

    def test_arrays_of_different_slots_are_refused(self):
        with self.assertRaisesRegex(ValueError, r"numbers of slots: \[4, 8\]"):
            self.runtime.layout([view(bytearray(64), 4, 16), view(bytearray(64), 8, 8)])

    def test_planes_need_their_slots_and_arrays_have_them(self):
        region = self.runtime.memory(bytearray(64))
        with self.assertRaises(TypeError):
            self.runtime.layout([bwrt.Plane(region, 0, 8, 8)])
        with self.assertRaises(TypeError):
            self.runtime.layout([view(bytearray(64), 4, 16)], slot_count=4)
        with self.assertRaises(TypeError):
            self.runtime.layout([])

    def test_a_layout_outside_its_region_is_the_library_s_refusal(self):
        region = self.runtime.memory(bytearray(64))
        with self.assertRaises(bwrt.CallerError) as caught:
            self.runtime.layout([bwrt.Plane(region, 0, 8, 8)], slot_count=9)

        self.assertEqual(caught.exception.name, "E_RANGE")

    def test_an_array_in_a_region_uses_that_region(self):
        region = self.runtime.allocate(4096)
        layout = self.runtime.layout([view(region.view[1024:2048], 8, 128)])

        self.assertIs(layout.planes[0].region, region)
        self.assertEqual(layout.planes[0].offset_bytes, 1024)
        layout.release()
        region.release()  # no view was kept

    def test_a_region_of_a_bare_address_is_not_relied_upon(self):
        cache = bytearray(64)
        seen = (ctypes.c_ubyte * 64).from_buffer(cache)
        region = self.runtime.memory(ctypes.addressof(seen), 64)
        del seen
        layout = self.runtime.layout([view(cache, 4, 16)])

        self.assertIsNot(layout.planes[0].region, region)
        with self.assertRaises(BufferError):
            cache.clear()

    def test_a_layout_keeps_its_arrays_until_it_is_released(self):
        cache = bytearray(64)
        layout = self.runtime.layout([view(cache, 4, 16)])
        with self.assertRaises(BufferError):
            cache.clear()

        region = layout.planes[0].region
        with self.assertRaises(bwrt.BusyError):
            region.release()
        layout.release()
        region.release()
        cache.clear()

    def test_dropped_layouts_make_room(self):
        for _ in range(300):  # the table has 64
            self.runtime.layout([view(bytearray(64), 4, 16)])
            self.runtime.memory(bytearray(1))

    def test_a_read_only_array_is_no_target(self):
        layout = self.runtime.layout([view(bytes(64), 4, 16)])
        with self.assertRaisesRegex(ValueError, "read-only"):
            bwrt.read(self.runtime.file(self.path), layout, target_slots=[0])

    def test_blocks_go_to_a_file_and_come_back_exactly(self):
        seed = int(os.environ.get("BWRT_TEST_SEED", random.randrange(1 << 32)))
        print(f"seed {seed}")
        dice = random.Random(seed)
        layers, slots, rows, width = 3, 16, 4, 24
        shape = (layers, 2, rows, slots, width)
        size = layers * 2 * rows * slots * width
        cache = bytearray(pattern(size, seed & 0xFF))
        before = bytes(cache)
        memory = self.runtime.layout([view(cache, *shape)], slot_axis=3, layer_axis=0,
                                     split_axes=1)
        with open(self.folder / "blocks", "w+b") as file:
            file.truncate(memory.block_bytes * slots + 100)
            stored = memory.packed_in(self.runtime.file(file), slots, offset_bytes=100)
            kept = dice.sample(range(slots), 7)
            places = dice.sample(range(slots), 7)
            self.runtime.submit([bwrt.write(memory, stored, source_slots=kept,
                                            target_slots=places)]).wait()
            on_disk = (self.folder / "blocks").read_bytes()
            cache[:] = bytes(size)
            moved = dice.sample(range(slots), 7)
            wave = self.runtime.submit([bwrt.read(stored, memory, source_slots=places,
                                                  target_slots=moved)], groups=True)
            wave.wait()

        after, then = view(cache, *shape), view(before, *shape)
        for slot in range(slots):
            for layer in range(layers):
                for part in range(2):
                    for row in range(rows):
                        expected = bytes(width)
                        if slot in moved:
                            expected = _row(then, layer, part, row, kept[moved.index(slot)])
                        self.assertEqual(_row(after, layer, part, row, slot), expected)
        image = b"".join(_row(then, layer, part, row, kept[0]) for layer in range(layers)
                         for part in range(2) for row in range(rows))
        self.assertEqual(on_disk[100 + places[0] * memory.block_bytes:][:memory.block_bytes],
                         image)
        self.assertEqual([group.status for group in wave.groups], [0] * layers)

    def test_a_range_of_planes_moves_alone(self):
        cache = bytearray(4 * 8 * 16)
        layout = self.runtime.layout([view(cache, 4, 8, 16)], slot_axis=1, layer_axis=0)
        file = self.runtime.file(self.path)
        stored = layout.packed_in(file, 8)
        self.runtime.submit([bwrt.read(stored, layout, source_slots=[2], target_slots=[5],
                                       plane_first=1, plane_count=2)]).wait()

        for layer in range(4):
            expected = PATTERN[2 * 64 + 16 * layer:][:16] if layer in (1, 2) else bytes(16)
            self.assertEqual(cache[layer * 128 + 5 * 16:][:16], expected)


def _row(array, *indices):
    start = 0
    for index, stride in zip(indices, array.strides):
        start += index * stride
    return bytes(array.cast("B")[start:start + array.shape[-1]])


if __name__ == "__main__":
    main()
