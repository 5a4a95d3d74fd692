# SPDX-License-Identifier: Apache-2.0
"""numpy arrays as regions, slots and layouts.  Ends with status 77, skipped, without numpy."""

import gc
import sys
import weakref

import bwrt
from support import PATTERN, FileTest, far_window, main

try:
    import numpy
except ImportError:
    print("skipped: numpy is not installed")
    sys.exit(77)


class Arrays(FileTest):
    def setUp(self):
        super().setUp()
        self.runtime = self.open_runtime()
        self.file = self.runtime.file(self.path)

    def test_an_array_is_filled_in_place(self):
        page = numpy.zeros((32, 32), numpy.float32)
        self.runtime.submit([bwrt.read(self.file, self.runtime.memory(page), page.nbytes)]).wait()

        self.assertEqual(page.tobytes(), PATTERN[:4096])

    def test_an_array_of_any_type_is_bytes(self):
        for dtype in ("float16", "complex128", "datetime64[ns]", "S7", [("a", "i4"), ("b", "f8")]):
            array = numpy.zeros(16, dtype)
            self.runtime.submit([bwrt.read(self.file, self.runtime.memory(array),
                                           array.nbytes)]).wait()
            self.assertEqual(array.tobytes(), PATTERN[:array.nbytes])

    def test_arrays_with_gaps_are_refused_as_regions(self):
        whole = numpy.zeros((8, 8))
        for array in (whole[::2], whole.T, whole[:, 1:], whole[::-1]):
            with self.assertRaisesRegex(ValueError, "gaps"):
                self.runtime.memory(array)
        self.runtime.memory(numpy.zeros((1, 8))[::-1])  # one row has no gap

    def test_an_array_that_repeats_its_bytes_is_no_layout(self):
        one = numpy.zeros(64, numpy.uint8)
        with self.assertRaisesRegex(ValueError, "repeats"):
            self.runtime.layout([numpy.broadcast_to(one, (16, 64))])

    def test_a_read_only_array_is_no_target(self):
        array = numpy.zeros(64)
        array.flags.writeable = False
        with self.assertRaisesRegex(ValueError, "read-only"):
            bwrt.read(self.file, self.runtime.memory(array), 64)

    def test_an_array_is_not_resized_while_it_is_a_region(self):
        array = numpy.zeros(64)
        region = self.runtime.memory(array)
        with self.assertRaises(ValueError):
            array.resize(128)

        region.release()
        array.resize(128, refcheck=False)

    def test_an_array_lives_until_its_wave_is_over(self):
        array = numpy.zeros(4096, numpy.uint8)
        alive = weakref.ref(array)
        wave = self.runtime.submit([bwrt.read(self.file, self.runtime.memory(array), 4096)],
                                   window_ns=far_window())
        handle = wave._handle
        del array, wave
        gc.collect()
        self.runtime.memory(bytearray(1))

        self.assertIsNotNone(alive())
        self.runtime._call(self.runtime._quick.cancel, handle)
        self.runtime.close()
        gc.collect()
        self.assertIsNone(alive())

    def test_allocated_memory_is_an_array(self):
        region = self.runtime.allocate(8192)
        array = region.array(numpy.float32, (32, 64))
        self.runtime.submit([bwrt.read(self.file, region, 8192)]).wait()

        self.assertEqual(array.tobytes(), PATTERN[:8192])
        self.assertEqual(len(region.array()), 8192)
        with self.assertRaises(bwrt.BusyError):
            region.release()
        self.runtime.close()
        array[0, 0] = 1  # still there
        self.assertEqual(array[0, 0], 1)


class Slots(FileTest):
    def setUp(self):
        super().setUp()
        self.runtime = self.open_runtime()
        self.file = self.runtime.file(self.path)
        self.cache = numpy.zeros((64, 16), numpy.uint8)
        self.layout = self.runtime.layout([self.cache])

    def read(self, slots):
        self.cache[:] = 0
        self.runtime.submit([bwrt.read(self.file, self.layout, target_slots=slots)]).wait()

    def test_slots_of_every_integer_type_name_the_same_blocks(self):
        for dtype in ("u4", "i4", "i8", "u8", "i2", "u1", ">i4"):
            with self.subTest(dtype):
                self.read(numpy.array([5, 1, 63], dtype))
                for place, slot in enumerate((5, 1, 63)):
                    self.assertEqual(self.cache[slot].tobytes(), PATTERN[16 * place:][:16])

    def test_minus_one_skips_in_every_signed_type(self):
        for dtype in ("i4", "i8", "i2"):
            self.read(numpy.array([-1, 2], dtype))
            self.assertEqual(self.cache[2].tobytes(), PATTERN[16:32])
            self.assertEqual(numpy.count_nonzero(self.cache.any(axis=1)), 1)

    def test_slots_with_gaps_are_gathered(self):
        self.read(numpy.arange(20, dtype=numpy.uint32)[::10])

        self.assertEqual(self.cache[10].tobytes(), PATTERN[16:32])

    def test_a_uint32_array_is_not_copied(self):
        slots = numpy.array([3], numpy.uint32)
        wave = self.runtime.prepare([bwrt.read(self.file, self.layout, target_slots=slots)])
        slots[0] = 7
        wave.submit().wait()

        self.assertEqual(self.cache[7].tobytes(), PATTERN[:16])
        self.assertFalse(self.cache[3].any())

    def test_wrong_types_shapes_and_values_are_refused(self):
        for slots, kind, words in ((numpy.array([1.0]), TypeError, "float64"),
                                   (numpy.array([True]), TypeError, "bool"),
                                   (numpy.array([[1]]), ValueError, "2 dimensions"),
                                   (numpy.array([-2]), ValueError, "outside"),
                                   (numpy.array([1 << 32]), ValueError, "outside"),
                                   (numpy.array([1 << 63], "u8"), ValueError, "outside"),
                                   (numpy.array([-2], "i4"), ValueError, "outside")):
            with self.subTest(words), self.assertRaisesRegex(kind, f"target_slots.*{words}"):
                bwrt.read(self.file, self.layout, target_slots=slots)

    def test_thousands_of_slots_are_not_looked_at_one_by_one(self):
        class Counted(numpy.ndarray):
            looks = 0

            def __getitem__(self, index):
                Counted.looks += 1
                return super().__getitem__(index)

            def __iter__(self):
                Counted.looks += 1
                return super().__iter__()

        for dtype in (numpy.uint32, numpy.int32, numpy.int64):
            slots = (numpy.arange(4096, dtype=dtype) % 64).view(Counted)
            operation = bwrt.read(self.file, self.layout, target_slots=slots)
            self.assertEqual(operation.slot_count, 4096)
        self.assertEqual(Counted.looks, 0)


class Layouts(FileTest):
    def test_strides_are_those_of_the_arrays(self):
        runtime = self.open_runtime()
        # As an engine has it: K and V in one array of layers, of which every other block is ours.
        whole = numpy.zeros((3, 2, 32, 4, 8), numpy.uint16)
        ours = whole[:, :, ::2]
        layout = runtime.layout([ours[layer] for layer in range(3)], slot_axis=1, split_axes=0,
                                groups=range(3))
        file = runtime.file(self.path)

        self.assertEqual((layout.slot_count, layout.block_bytes, len(layout.planes)), (16, 384, 6))
        runtime.submit([bwrt.read(file, layout, target_slots=numpy.array([9, 0]))]).wait()
        self.assertEqual(ours[:, :, 9].tobytes(), PATTERN[:384])
        self.assertEqual(ours[:, :, 0].tobytes(), PATTERN[384:768])
        self.assertFalse(whole[:, :, 1::2].any())

    def test_negative_strides_are_strides(self):
        runtime = self.open_runtime()
        cache = numpy.zeros((8, 4, 16), numpy.uint8)
        layout = runtime.layout([cache[::-1, ::-1]])
        runtime.submit([bwrt.read(runtime.file(self.path), layout, target_slots=[1])]).wait()

        self.assertEqual(cache[6, ::-1].tobytes(), PATTERN[:64])
        self.assertEqual(numpy.count_nonzero(cache.any(axis=(1, 2))), 1)

    def test_an_axis_broadcast_over_one_place_is_refused(self):
        runtime = self.open_runtime()
        cache = numpy.broadcast_to(numpy.zeros((8, 1, 16), numpy.uint8), (8, 4, 16))
        with self.assertRaises((ValueError, bwrt.CallerError)):
            layout = runtime.layout([cache])
            bwrt.read(runtime.file(self.path), layout, target_slots=[0])

    def test_an_empty_array_is_refused(self):
        with self.assertRaisesRegex(ValueError, "empty"):
            self.open_runtime().layout([numpy.zeros((0, 16), numpy.uint8)])


if __name__ == "__main__":
    main()
