# SPDX-License-Identifier: Apache-2.0
"""Waves in asyncio: awaited over the event fd, in both progress modes, from several loops."""

import asyncio
import os
import threading

import bwrt
from support import PATTERN, FileTest, far_window, main

QUEUE = bwrt.Delivery.QUEUE


class Awaiting(FileTest):
    def setUp(self):
        super().setUp()
        self.open(bwrt.Progress.THREAD)

    def open(self, progress):
        self.runtime = self.open_runtime(progress=progress)
        self.file = self.runtime.file(self.path)
        self.pages = bytearray(64 * 4096)
        self.memory = self.runtime.memory(self.pages)

    def read(self, page, **options):
        return self.runtime.submit(
            [bwrt.read(self.file, self.memory, 4096, source_offset_bytes=4096 * page,
                       target_offset_bytes=4096 * page)], delivery=QUEUE, **options)

    def run_loop(self, coroutine):
        return asyncio.run(asyncio.wait_for(coroutine, 30))

    def test_an_awaited_wave_gives_its_completion_in_both_modes(self):
        async def load():
            return [await self.read(page) for page in range(64)]

        for progress in bwrt.Progress:
            self.open(progress)
            completions = self.run_loop(load())
            self.assertEqual(sum(done.bytes for done in completions), 64 * 4096)
            self.assertEqual(self.pages, PATTERN[:64 * 4096])

    def test_many_waves_are_awaited_at_once(self):
        async def load():
            await asyncio.gather(*(_completion(self.read(page)) for page in range(64)))
            return asyncio.get_running_loop().remove_reader(self.runtime.event_fd())

        for progress in bwrt.Progress:
            self.open(progress)
            still_watched = self.run_loop(load())
            self.assertEqual(self.pages, PATTERN[:64 * 4096])
            self.assertFalse(still_watched)

    def test_waves_are_given_out_as_they_end(self):
        async def load():
            late = self.read(0, window_ns=far_window())
            order = []
            async for wave in bwrt.as_finished([late] + [self.read(page) for page in range(1, 5)]):
                order.append(wave)
                if len(order) == 4:
                    late.cancel()
            return late, order

        late, order = self.run_loop(load())
        self.assertEqual(len(set(order)), 5)
        self.assertIs(order[-1], late)
        self.assertEqual(late.completion.status, bwrt.Status.E_CANCELLED)

    def test_a_failed_wave_raises_where_it_is_awaited(self):
        async def load():
            wave = self.read(0, window_ns=far_window())
            wave.cancel()
            with self.assertRaises(bwrt.CancelledError):
                await wave
            self.assertEqual((await bwrt.wait_async(wave, check=False)).status,
                             bwrt.Status.E_CANCELLED)

        self.run_loop(load())

    def test_a_wave_that_is_over_is_awaited_without_the_loop(self):
        wave = self.read(3)
        while not self.runtime.poll():
            pass

        async def load():
            return await wave

        self.assertEqual(self.run_loop(load()).bytes, 4096)

    def test_only_waves_of_the_queue_are_awaited(self):
        async def load(wave):
            await wave

        with self.assertRaisesRegex(TypeError, "QUEUE"):
            self.run_loop(load(self.runtime.submit([bwrt.read(self.file, self.memory, 8)])))
        with self.assertRaisesRegex(ValueError, "not submitted"):
            self.run_loop(load(self.runtime.prepare([bwrt.read(self.file, self.memory, 8)],
                                                    delivery=QUEUE)))

    def test_a_cancelled_task_leaves_its_wave_to_run(self):
        async def load():
            wave = self.read(0, window_ns=far_window())
            task = asyncio.ensure_future(_completion(wave))
            await asyncio.sleep(0.01)
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task
            self.assertFalse(wave.done())
            wave.cancel()
            return await bwrt.wait_async(wave, check=False)

        self.assertEqual(self.run_loop(load()).status, bwrt.Status.E_CANCELLED)

    def test_loops_of_several_threads_wake_each_other(self):
        failed = []

        async def load(first):
            for turn in range(50):
                await asyncio.gather(*(_completion(self.read(page))
                                       for page in range(first, first + 8)))

        def work(first):
            try:
                self.run_loop(load(first))
            except BaseException as error:
                failed.append(error)

        threads = [threading.Thread(target=work, args=(8 * index,)) for index in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failed, [])
        self.assertEqual(self.pages[:32 * 4096], PATTERN[:32 * 4096])

    def test_closing_ends_what_another_task_awaits(self):
        async def load():
            wave = self.read(0, window_ns=far_window())
            task = asyncio.ensure_future(bwrt.wait_async(wave, check=False))
            await asyncio.sleep(0.01)
            self.runtime.close(cancel=True)
            return await task

        self.assertEqual(self.run_loop(load()).status, bwrt.Status.E_CANCELLED)

    def test_the_event_fd_is_one_and_stays_open(self):
        fd = self.runtime.event_fd()
        self.run_loop(_completion(self.read(1)))

        self.assertEqual(self.runtime.event_fd(), fd)
        os.fstat(fd)


async def _completion(wave):
    return await wave


if __name__ == "__main__":
    main()
