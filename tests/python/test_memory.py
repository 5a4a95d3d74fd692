# SPDX-License-Identifier: Apache-2.0
"""Regions: which buffers are taken, which are refused before the library is asked, and that none
moves or dies under a region."""

import array
import ctypes
import gc
import mmap
import os
import weakref

import bwrt
from bwrt._checks import Pin
from support import PATTERN, FileTest, far_window, main


class Regions(FileTest):
    def setUp(self):
        super().setUp()
        self.runtime = self.open_runtime()

    def load(self, target, length=4096):
        self.runtime.submit([bwrt.read(self.runtime.file(self.path), target, length)]).wait()

    def test_every_kind_of_writable_buffer_becomes_a_region(self):
        anonymous = mmap.mmap(-1, 4096)
        for buffer in (bytearray(4096), memoryview(bytearray(4096)), array.array("I", bytes(4096)),
                       (ctypes.c_char * 4096)(), anonymous,
                       memoryview(bytearray(4096)).cast("B", (2, 2048))):
            with self.subTest(type(buffer).__name__):
                with self.runtime.memory(buffer) as region:
                    self.assertEqual(len(region), 4096)
                    self.load(region)
                self.assertEqual(bytes(memoryview(buffer).cast("B")
                                       if not isinstance(buffer, mmap.mmap) else buffer[:]),
                                 PATTERN[:4096])
        anonymous.close()

    def test_an_address_becomes_a_region_and_keeps_its_owner(self):
        owner = (ctypes.c_char * 4096)()
        region = self.runtime.memory(ctypes.addressof(owner), 4096, owner=owner)
        alive = weakref.ref(owner)
        del owner
        gc.collect()

        self.load(region)
        self.assertEqual(alive().raw, PATTERN[:4096])

    def test_an_address_without_a_length_is_refused(self):
        with self.assertRaisesRegex(TypeError, "length_bytes"):
            self.runtime.memory(4096)

    def test_what_is_no_buffer_is_refused(self):
        with self.assertRaisesRegex(TypeError, "str, which is no buffer"):
            self.runtime.memory("text")

    def test_a_buffer_with_gaps_is_refused_as_a_region(self):
        with self.assertRaisesRegex(ValueError, "gaps"):
            self.runtime.memory(memoryview(bytearray(64))[::2])

    def test_a_read_only_buffer_is_a_source_and_no_target(self):
        source = self.runtime.memory(PATTERN[:4096])
        target = bytearray(4096)
        self.runtime.submit([bwrt.copy(source, self.runtime.memory(target), 4096)]).wait()

        self.assertEqual(target, PATTERN[:4096])
        with self.assertRaisesRegex(ValueError, "target is read-only"):
            bwrt.copy(source, source, 4096)
        with self.assertRaisesRegex(BufferError, "read-only"):
            self.runtime.memory(PATTERN, read_only=False)

    def test_a_writable_buffer_can_be_declared_read_only(self):
        region = self.runtime.memory(bytearray(64), read_only=True)

        with self.assertRaisesRegex(ValueError, "read-only"):
            bwrt.read(self.runtime.file(self.path), region, 64)

    def test_a_bytearray_cannot_grow_while_it_is_a_region(self):
        buffer = bytearray(4096)
        region = self.runtime.memory(buffer)
        with self.assertRaises(BufferError):
            buffer.extend(b"more")

        region.release()

        buffer.extend(b"more")
        self.assertEqual(len(buffer), 4100)

    def test_a_refused_region_lets_go_of_its_buffer(self):
        buffer = bytearray()
        with self.assertRaises(bwrt.CallerError):
            self.runtime.memory(buffer)

        buffer.extend(b"more")

    def test_closing_the_runtime_lets_go_of_buffers(self):
        buffer = bytearray(4096)
        self.runtime.memory(buffer)
        region = self.runtime.memory(buffer)
        self.runtime.close()

        buffer.extend(b"more")
        region.release()  # nothing is left to do

    def test_a_dropped_region_is_released_by_the_next_one(self):
        buffer = bytearray(4096)
        for _ in range(3000):  # more than there is room for
            self.runtime.memory(buffer)
        last = self.runtime.memory(bytearray(1))
        last.release()

        buffer.extend(b"more")

    def test_a_region_in_use_is_not_released(self):
        region = self.runtime.memory(bytearray(4096))
        wave = self.runtime.submit([bwrt.read(self.runtime.file(self.path), region, 4096)],
                                   window_ns=far_window())
        with self.assertRaisesRegex(bwrt.BusyError, "a wave uses"):
            region.release()

        wave.cancel()
        wave.wait(check=False)
        region.release()

    def test_allocated_memory_is_a_view_that_keeps_it(self):
        region = self.runtime.allocate(8192, prefault=True)
        view = region.view
        self.load(region)

        self.assertEqual(view[:4096], PATTERN[:4096])
        self.assertEqual(bytes(view[4096:]), bytes(4096))
        with self.assertRaisesRegex(bwrt.BusyError, "view"):
            region.release()
        del view
        region.release()

    def test_allocated_memory_outlives_its_runtime_while_it_is_seen(self):
        view = self.runtime.allocate(8192).view
        self.runtime.close()

        view[0] = 9
        self.assertEqual(view[0], 9)
        self.assertEqual(bytes(view[1:]), bytes(8191))

    def test_only_allocated_memory_is_shown(self):
        with self.assertRaisesRegex(TypeError, "allocated"):
            self.runtime.memory(bytearray(8)).view

    def test_a_file_is_a_path_a_file_object_or_an_fd(self):
        with open(self.path, "rb") as file:
            for given in (self.path, str(self.path), file, file.fileno()):
                region = self.runtime.file(given)
                self.assertEqual((len(region), region.read_only), (len(PATTERN), True))
        with open(self.path, "r+b") as file:
            self.assertFalse(self.runtime.file(file).read_only)

    def test_what_a_file_object_buffers_is_in_its_region(self):
        page = bytearray(5)
        with open(self.folder / "new", "w+b") as file:
            file.write(b"later")
            region = self.runtime.file(file)
            self.runtime.submit([bwrt.read(region, self.runtime.memory(page), 5)]).wait()

        self.assertEqual(page, b"later")

    def test_a_missing_file_is_an_os_error_and_a_folder_one_of_ours(self):
        fds = len(os.listdir("/proc/self/fd"))
        with self.assertRaises(FileNotFoundError):
            self.runtime.file(self.folder / "missing")
        with self.assertRaises(bwrt.Error):
            self.runtime.file(self.folder)
        with self.assertRaisesRegex(bwrt.CallerError, "^/dev/null: region.fd: is neither a regular"):
            self.runtime.file("/dev/null")
        with open("/dev/null", "rb") as file:
            with self.assertRaisesRegex(bwrt.CallerError, f"^region.fd: fd {file.fileno()} is neither"):
                self.runtime.file(file)
        self.assertEqual(len(os.listdir("/proc/self/fd")), fds)

    def test_a_quiesced_region_takes_no_wave_until_it_is_resumed(self):
        region = self.runtime.memory(bytearray(4096))
        region.quiesce(timeout=5)
        with self.assertRaises(bwrt.AgainError):
            self.load(region)

        region.resume()
        self.load(region)

    def test_a_pin_tells_shape_and_strides(self):
        pin = Pin(memoryview(bytearray(24)).cast("H", (3, 4)), "it")

        self.assertEqual((pin.shape, pin.strides, pin.item_bytes, pin.length_bytes),
                         ((3, 4), (8, 2), 2, 24))
        self.assertTrue(pin.is_contiguous)
        pin.release()


if __name__ == "__main__":
    main()
