# SPDX-License-Identifier: Apache-2.0
"""Waves: what they move, how they end, and that dropping them is safe."""

import array
import ctypes
import gc
import threading
import time
import weakref

import bwrt
from bwrt import _library
from support import FILE_BYTES, PATTERN, FileTest, far_window, main


class Waves(FileTest):
    def setUp(self):
        super().setUp()
        self.runtime = self.open_runtime()
        self.file = self.runtime.file(self.path, writable=True)
        self.page = bytearray(4096)
        self.memory = self.runtime.memory(self.page)

    def pending(self, **options):
        return self.runtime.submit([bwrt.read(self.file, self.memory, 4096)],
                                   window_ns=far_window(), **options)

    def test_a_read_fills_its_target_and_says_so(self):
        wave = self.runtime.submit([bwrt.read(self.file, self.memory, 4000,
                                              source_offset_bytes=5000, target_offset_bytes=7)])
        done = wave.wait()

        self.assertEqual(self.page, bytes(7) + PATTERN[5000:9000] + bytes(89))
        self.assertEqual((done.ok, done.bytes, done.verdict), (True, 4000, bwrt.Verdict.LOADED))
        self.assertGreater(done.duration_ns, 0)
        self.assertIs(wave.completion, done)

    def test_a_write_a_flush_and_a_signal_do_what_they_say(self):
        self.page[:] = bytes(range(256)) * 16
        word = bytearray(8)
        written = self.runtime.submit([
            bwrt.write(self.memory, self.file, 4096, target_offset_bytes=100),
            bwrt.signal(self.runtime.memory(word), 0x0102, 9)])
        self.runtime.submit([bwrt.flush(self.file)], wait_for=[written]).wait()
        written.wait()

        self.assertEqual(self.path.read_bytes()[100:4196], self.page)
        self.assertEqual(int.from_bytes(word, "little"), 0x0102)

    def test_rows_go_where_their_strides_say(self):
        target = bytearray(64)
        self.runtime.submit([bwrt.copy(
            self.runtime.memory(PATTERN[:64]), self.runtime.memory(target), 4, row_count=3,
            source_stride_bytes=10, target_offset_bytes=40, target_stride_bytes=-20)]).wait()

        for row in range(3):
            at = 40 - 20 * row
            self.assertEqual(target[at:at + 4], PATTERN[10 * row:10 * row + 4])

    def test_an_indexed_copy_takes_slots_of_arrays_and_lists(self):
        cache = bytearray(64 * 16)
        layout = self.runtime.layout([bwrt.Plane(self.runtime.memory(cache), 0, 16, 16)],
                                     slot_count=64)
        for slots in ([5, 1, 63], array.array("I", [5, 1, 63]), (5, 1, 63),
                      memoryview(array.array("i", [5, 1, 63]))):
            cache[:] = bytes(64 * 16)
            self.runtime.submit([bwrt.read(self.file, layout, target_slots=slots)]).wait()
            for place, slot in enumerate((5, 1, 63)):
                self.assertEqual(cache[16 * slot:][:16], PATTERN[16 * place:][:16])
            self.assertEqual(cache.count(0), 64 * 16 - 48 + PATTERN[:48].count(0))

    def test_a_skipped_slot_is_left_alone(self):
        cache = bytearray(4 * 16)
        layout = self.runtime.layout([bwrt.Plane(self.runtime.memory(cache), 0, 16, 16)],
                                     slot_count=4)
        self.runtime.submit([bwrt.read(self.file, layout, target_slots=[-1, 2, bwrt.NONE])]).wait()

        self.assertEqual(cache, bytes(32) + PATTERN[16:32] + bytes(16))

    def test_slots_of_a_wrong_type_are_refused_before_the_library_is_asked(self):
        layout = self.runtime.layout([bwrt.Plane(self.memory, 0, 16, 16)], slot_count=4)
        refused = self.runtime.counters().waves_refused
        for slots, kind in (([0.5], TypeError), ("ab", TypeError),
                            (array.array("d", [1]), TypeError),
                            (b"\0\0\0\0", TypeError), ([1 << 33], OverflowError),
                            ([-2], OverflowError), (3, TypeError),
                            (memoryview(array.array("I", [1, 2, 3]))[::2], ValueError)):
            with self.subTest(slots=slots), self.assertRaisesRegex(kind, "target_slots"):
                bwrt.read(self.file, layout, target_slots=slots)
        self.assertEqual(self.runtime.counters().waves_refused, refused)

    def test_a_number_that_does_not_fit_is_refused(self):
        for options in ({"length_bytes": -1}, {"source_offset_bytes": -1}, {"group": 1 << 32},
                        {"source_stride_bytes": 1 << 63}, {"length_bytes": 1.5}):
            name, kind = next(iter(options)), ValueError
            if isinstance(options[name], float):
                kind = TypeError
            with self.subTest(options), self.assertRaisesRegex(kind, name):
                bwrt.read(self.file, self.memory, **options)

    def test_an_operand_that_is_no_region_is_refused(self):
        with self.assertRaisesRegex(TypeError, "source is a bytearray, not a region"):
            bwrt.copy(self.page, self.memory, 1)

    def test_a_refusal_is_the_library_s_sentence(self):
        wave = self.runtime.prepare([bwrt.read(self.file, self.memory, 4096),
                                     bwrt.copy(self.memory, self.memory, 8192)])
        with self.assertRaises(bwrt.CallerError) as caught:
            wave.submit()

        refusal = caught.exception
        self.assertEqual((refusal.name, refusal.status), ("E_RANGE", bwrt.Status.E_RANGE))
        self.assertEqual(refusal.operation_index, 1)
        self.assertIn("8192", str(refusal))
        self.assertIn("operations[].", refusal.field)
        self.assertIsNone(wave.completion)

    def test_a_failed_wave_raises_or_returns_its_completion(self):
        file = self.runtime.file(self.path, length_bytes=FILE_BYTES + 8192)
        wave = self.runtime.prepare([bwrt.read(file, self.memory, 4096,
                                               source_offset_bytes=FILE_BYTES - 1000)])
        with self.assertRaises(bwrt.TruncatedError) as caught:
            wave.submit().wait()
        done = wave.submit().wait(check=False)

        self.assertEqual(caught.exception.operation_index, 0)
        self.assertIs(type(caught.exception.completion), bwrt.Completion)
        self.assertIn("E_TRUNCATED", str(caught.exception))
        self.assertEqual((done.ok, done.status, done.bytes), (False, bwrt.Status.E_TRUNCATED, 1000))

    def test_results_and_groups_say_what_each_part_did(self):
        file = self.runtime.file(self.path, length_bytes=FILE_BYTES + 8192)
        wave = self.runtime.submit([
            bwrt.read(file, self.memory, 100),
            bwrt.read(file, self.memory, 100, source_offset_bytes=FILE_BYTES,
                      target_offset_bytes=200, group=2)], results=True, groups=True)
        wave.wait(check=False)

        self.assertEqual([result.status for result in wave.results], [0, bwrt.Status.E_TRUNCATED])
        self.assertEqual([result.bytes for result in wave.results], [100, 0])
        self.assertEqual([group.status for group in wave.groups], [0, 0, bwrt.Status.E_TRUNCATED])
        self.assertEqual([group.prefix_count for group in wave.groups], [2, 2, 1])

    def test_an_indexed_operation_has_a_result_for_each_pair(self):
        layout = self.runtime.layout([bwrt.Plane(self.file, 0, 4096, 4096)], slot_count=256)
        target = self.runtime.memory(bytearray(3 * 4096))
        wave = self.runtime.submit([bwrt.read(layout, target, source_slots=[9, 200, 9]),
                                    bwrt.read(self.file, self.memory, 10)], results=True)
        wave.wait()

        self.assertEqual([result.bytes for result in wave.results], [4096, 4096, 4096, 10])

    def test_results_are_not_read_in_flight(self):
        wave = self.pending(results=True)
        with self.assertRaises(bwrt.BusyError):
            wave.results

        wave.cancel()
        wave.wait(check=False)
        self.assertEqual(wave.results[0].status, bwrt.Status.E_CANCELLED)

    def test_a_prepared_wave_is_submitted_again_and_again(self):
        slots = array.array("I", [0])
        layout = self.runtime.layout([bwrt.Plane(self.file, 0, 4096, 4096)],
                                     slot_count=FILE_BYTES // 4096)
        wave = self.runtime.prepare([bwrt.read(layout, self.memory, source_slots=slots)])
        completions = []
        for slot in (3, 200, 17):
            slots[0] = slot  # read as it is at each submission
            completions.append(wave.submit().wait())
            self.assertEqual(self.page, PATTERN[4096 * slot:4096 * (slot + 1)])

        self.assertEqual(len({id(completion) for completion in completions}), 3)

    def test_a_wave_in_flight_is_not_submitted_again(self):
        wave = self.pending()
        with self.assertRaisesRegex(bwrt.BusyError, "in flight"):
            wave.submit()
        wave.cancel()

    def test_waiting_ends_with_its_timeout_and_the_wave_goes_on(self):
        wave = self.pending()
        for timeout in (0, 0.01, 0.25):
            with self.assertRaises(TimeoutError):
                wave.wait(timeout)
        self.assertFalse(wave.done())

        self.assertTrue(wave.cancel())
        with self.assertRaises(bwrt.CancelledError):
            wave.wait()
        self.assertTrue(wave.done())
        self.assertFalse(wave.cancel())

    def test_waiting_without_a_timeout_goes_on_until_the_end(self):
        wave = self.pending()
        threading.Timer(0.3, wave.cancel).start()

        self.assertEqual(wave.wait(check=False).status, bwrt.Status.E_CANCELLED)

    def test_a_negative_or_absurd_time_is_refused(self):
        wave = self.pending()
        for timeout, kind in ((-1, ValueError), (float("nan"), ValueError), ("1", TypeError)):
            with self.subTest(timeout), self.assertRaises(kind):
                wave.wait(timeout)
        with self.assertRaises(ValueError):
            self.pending(deadline_s=-1)
        wave.cancel()
        wave.wait(float("inf"), check=False)

    def test_of_two_waiters_both_learn_the_outcome(self):
        for _ in range(50):
            wave, seen = self.pending(), []
            threads = [threading.Thread(target=lambda: seen.append(wave.wait(check=False)))
                       for _ in range(2)]
            for thread in threads:
                thread.start()
            wave.cancel()
            for thread in threads:
                thread.join()
            self.assertEqual([done.status for done in seen], [bwrt.Status.E_CANCELLED] * 2)

    def test_a_deadline_ends_a_wave_that_is_to_be_aborted(self):
        wave = self.pending(deadline_s=0.02, late=bwrt.Late.ABORT)
        with self.assertRaises(bwrt.LateError):
            wave.wait()
        with self.assertRaises(bwrt.LateError):
            self.pending(deadline_ns=time.monotonic_ns() + 20_000_000,
                         late=bwrt.Late.ABORT).wait()
        right = self.runtime.submit([bwrt.read(self.file, self.memory, 4096)], deadline_s=60,
                                    late=bwrt.Late.ABORT)
        self.assertFalse(right.wait().late)

    def test_a_late_wave_is_flagged_and_a_deadline_can_be_given_anew(self):
        wave = self.runtime.prepare([bwrt.read(self.file, self.memory, 4096)], deadline_s=60)
        self.assertFalse(wave.submit().wait().late)

        self.assertTrue(wave.submit(deadline_ns=time.monotonic_ns() - 1).wait().late)

    def test_a_window_that_is_over_ends_its_wave(self):
        now = time.monotonic_ns()
        with self.assertRaises(bwrt.WindowError):
            self.runtime.submit([bwrt.read(self.file, self.memory, 8)],
                                window_ns=(now - 2000, now - 1000)).wait()

    def test_a_wave_runs_after_those_it_waits_for(self):
        first = self.pending()
        second = self.runtime.submit([bwrt.read(self.file, self.memory, 8)], wait_for=[first])
        with self.assertRaises(TimeoutError):
            second.wait(0.02)
        first.cancel()
        first.wait(check=False)

        with self.assertRaises(bwrt.DependencyError):
            second.wait()
        with self.assertRaises(bwrt.DependencyError):  # it is over, and had failed
            self.runtime.submit([bwrt.read(self.file, self.memory, 8)], wait_for=[first])
        right = self.runtime.submit([bwrt.read(self.file, self.memory, 8)])
        right.wait()
        again = self.runtime.submit([bwrt.read(self.file, self.memory, 8)], wait_for=[right])
        again.wait()
        third = self.pending()
        again.submit(wait_for=[third])
        third.cancel()
        self.assertEqual(again.wait(check=False).status, bwrt.Status.E_DEPENDENCY)
        third.wait(check=False)
        again.submit().wait()  # waits for nobody

    def test_a_wave_of_the_queue_is_polled_and_not_waited_for(self):
        wave = self.runtime.submit([bwrt.read(self.file, self.memory, 4096)],
                                   delivery=bwrt.Delivery.QUEUE, user_data="mine")
        with self.assertRaises(bwrt.CallerError):
            wave.wait(0)
        ended = []
        while not ended:
            ended = self.runtime.poll()

        self.assertIs(ended[0], wave)
        self.assertEqual((wave.wait().bytes, wave.user_data), (4096, "mine"))
        self.assertEqual(self.runtime.poll(), [])

    def test_a_detached_wave_is_counted(self):
        wave = self.runtime.submit([bwrt.read(self.file, self.memory, 4096)],
                                   delivery=bwrt.Delivery.DETACHED)
        self.runtime.shutdown()

        self.assertEqual(self.runtime.counters().waves_ok, 1)
        self.assertEqual(self.page, PATTERN[:4096])
        with self.assertRaisesRegex(ValueError, "DETACHED"):
            wave.wait()

    def test_process_memory_is_an_operand_whose_offset_is_an_address(self):
        source = ctypes.create_string_buffer(PATTERN[:64], 64)
        self.runtime.submit([bwrt.copy(bwrt.PROCESS_MEMORY, self.memory, 64,
                                       source_offset_bytes=ctypes.addressof(source))]).wait()

        self.assertEqual(self.page[:64], PATTERN[:64])

    def test_dropped_waves_do_not_fill_the_table(self):
        runtime = self.open_runtime(wave_count_max=4)
        file, memory = runtime.file(self.path), runtime.memory(bytearray(4096))
        for _ in range(200):
            try:
                runtime.submit([bwrt.read(file, memory, 4096)], results=True)
            except bwrt.AgainError:  # these four are still under way
                time.sleep(0.001)
        runtime.shutdown()
        runtime._reap_waves()

        counters = runtime.counters()
        self.assertEqual((counters.undelivered, len(runtime._dropped_waves)), (0, 0))
        self.assertGreater(counters.waves_ok, 4)

    def test_what_a_wave_touches_lives_until_it_is_over(self):
        page = array.array("B", bytes(4096))
        alive = weakref.ref(page)
        wave = self.runtime.submit([bwrt.read(self.file, self.runtime.memory(page), 4096)],
                                   window_ns=far_window(), results=True, groups=True)
        handle, results = wave._handle, weakref.ref(wave._results)
        del page, wave
        gc.collect()
        self.runtime.memory(bytearray(8))  # would release what is not in use

        self.assertIsNotNone(alive())
        self.assertIsNotNone(results())
        self.runtime._call(self.runtime._quick.cancel, handle)
        self.runtime.shutdown()
        self.runtime._reap_waves()
        gc.collect()
        self.runtime._reap_handles()
        self.assertIsNone(results())
        self.assertIsNone(alive())

    def test_what_a_detached_wave_touches_lives_until_it_is_over(self):
        page = bytearray(4096)
        self.runtime.submit([bwrt.read(self.file, self.runtime.memory(page), 4096)],
                            window_ns=far_window(), delivery=bwrt.Delivery.DETACHED)
        for _ in range(3):
            self.runtime.memory(bytearray(8))  # would release what is not in use
        with self.assertRaises(BufferError):
            page.clear()

        self.runtime.shutdown(cancel=True)
        self.runtime._reap_handles()
        page.clear()

    def test_the_owner_of_an_address_outlives_a_detached_wave(self):
        class Owner(bytearray):
            pass

        memory = (ctypes.c_ubyte * 4096)()
        owner = Owner()
        alive = weakref.ref(owner)
        self.runtime.submit(
            [bwrt.read(self.file, self.runtime.memory(ctypes.addressof(memory), 4096, owner=owner),
                       4096)],
            window_ns=far_window(), delivery=bwrt.Delivery.DETACHED)
        del owner
        for _ in range(3):
            self.runtime.memory(bytearray(8))
        self.assertIsNotNone(alive())

        self.runtime.shutdown(cancel=True)
        self.runtime._reap_handles()
        self.assertIsNone(alive())

    def test_a_refused_argument_leaves_nothing_to_wait_for(self):
        first = self.pending()
        wave = self.runtime.prepare([bwrt.read(self.file, self.memory, 8)])
        with self.assertRaises((ValueError, OverflowError)):
            wave.submit(wait_for=[first], deadline_ns=-1)

        wave.submit().wait(20)
        first.cancel()
        first.wait(check=False)

    def test_after_close_everything_says_closed(self):
        wave = self.pending()
        self.runtime.close(cancel=True)
        self.runtime.close()

        for call in (wave.wait, wave.cancel, self.runtime.counters, self.runtime.caps,
                     self.runtime.poll, lambda: self.runtime.memory(bytearray(8)),
                     self.runtime.prepare([bwrt.flush(self.file)]).submit, self.runtime.event_fd):
            with self.assertRaises(bwrt.ClosedError):
                call()

    def test_closing_waits_for_a_call_that_is_inside(self):
        left = []

        def leave():
            left.append(True)
            self.runtime._inside.discard(left_token)

        left_token = object()
        self.runtime._inside.add(left_token)
        threading.Timer(0.1, leave).start()
        self.runtime.close()

        self.assertEqual(left, [True])

    def test_closing_beside_waiters_ends_them(self):
        for _ in range(20):
            runtime = bwrt.Runtime()
            page = runtime.memory(bytearray(8))
            wave = runtime.submit([bwrt.copy(runtime.memory(bytes(8)), page, 8)],
                                  window_ns=far_window())
            seen = []

            def wait():
                try:
                    seen.append(wave.wait(check=False).status)
                except bwrt.ClosedError:
                    seen.append("closed")

            threads = [threading.Thread(target=wait) for _ in range(3)]
            for thread in threads:
                thread.start()
            runtime.close(cancel=True)
            for thread in threads:
                thread.join()
            self.assertEqual(len(seen), 3)

    def test_a_closed_context_has_finished_its_waves(self):
        page = bytearray(4096)
        with bwrt.Runtime() as runtime:
            runtime.submit([bwrt.read(runtime.file(self.path), runtime.memory(page), 4096)])
        self.assertEqual(page, PATTERN[:4096])

        with self.assertRaises(KeyError):
            with bwrt.Runtime() as runtime:
                runtime.submit([bwrt.read(runtime.file(self.path), runtime.memory(page), 4096)],
                               window_ns=far_window())
                raise KeyError  # an exception cancels: this would take an hour

    def test_caller_mode_does_all_this_without_a_thread(self):
        runtime = self.open_runtime(progress=bwrt.Progress.CALLER)
        page = bytearray(4096)
        file, memory = runtime.file(self.path), runtime.memory(page)
        runtime.submit([bwrt.read(file, memory, 4096)]).wait()
        self.assertEqual(page, PATTERN[:4096])

        queued = runtime.submit([bwrt.read(file, memory, 8)], delivery=bwrt.Delivery.QUEUE)
        while not runtime.poll():
            pass
        self.assertTrue(queued.completion.ok)

    def test_a_log_function_is_called_and_the_runtime_works_beside_it(self):
        said = []
        runtime = self.open_runtime(storage=bwrt.Storage.POOL,
                                    log=lambda level, sentence: said.append((level, sentence)))
        page = bytearray(4096)
        runtime.submit([bwrt.read(runtime.file(self.path), runtime.memory(page), 4096)]).wait()
        runtime.counters()

        self.assertEqual(page, PATTERN[:4096])
        for level, sentence in said:
            self.assertIn(level, (1, 2, 3))
            self.assertIsInstance(sentence, str)
        self.assertIsNot(runtime._submit, _library.HOLDING.submit_wave)
        self.assertIs(self.runtime._submit, _library.HOLDING.submit_wave)

    def test_an_operation_can_be_used_in_many_waves_and_threads(self):
        reads = [bwrt.read(self.file, self.memory, 4096)]

        def work():
            for _ in range(200):
                self.runtime.submit(reads).wait()

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(self.runtime.counters().waves_ok, 800)


if __name__ == "__main__":
    main()
