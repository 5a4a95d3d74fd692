# SPDX-License-Identifier: Apache-2.0
"""Caps, counters, the percentiles of latencies, and the exceptions' classes."""

import pickle
import unittest

import bwrt
from bwrt import errors
from support import FileTest, main


class Counting(FileTest):
    def test_counters_add_up(self):
        runtime = self.open_runtime()
        memory = runtime.memory(bytearray(8192))
        for _ in range(10):
            runtime.submit([bwrt.read(runtime.file(self.path), memory, 4096)]).wait()
        with self.assertRaises(bwrt.CallerError):
            runtime.submit([bwrt.copy(memory, memory, 8192, target_offset_bytes=4096)])
        counters = runtime.counters()

        self.assertEqual((counters.waves_accepted, counters.waves_ok, counters.waves_refused),
                         (10, 10, 1))
        route = counters.route(bwrt.Tier.DISK, bwrt.Tier.HOST)
        self.assertEqual((route.bytes, route.request_count, route.latency.count),
                         (40960, 10, 10))
        low, high = route.latency.percentile_ns(0), route.latency.percentile_ns(100)
        self.assertLessEqual(low, route.latency_sum_ns / 10 * 1.04)
        self.assertGreaterEqual(high, route.latency_sum_ns / 10 * 0.96)

    def test_caps_say_what_is_in_force(self):
        runtime = self.open_runtime(wave_count_max=17, queue_depth=9, storage=bwrt.Storage.POOL)
        caps = runtime.caps()

        self.assertEqual((caps.wave_count_max, caps.queue_depth, caps.storage), (17, 9, 2))
        self.assertNotIn(bwrt.Feature.URING, caps.features)
        self.assertEqual(bwrt.caps().wave_count_max, 1024)

    def test_a_calibration_table_is_named_by_its_path(self):
        with self.assertRaises(bwrt.WorldError) as caught:
            bwrt.Runtime(calibration=self.folder / "missing")
        self.assertEqual((caught.exception.name, caught.exception.os_code), ("E_IO", 2))
        with self.assertRaises(bwrt.WorldError) as caught:
            bwrt.Runtime(calibration=str(self.path))
        self.assertIn(caught.exception.name, ("E_PARSE", "E_FORMAT"))
        self.assertNotEqual(bwrt.caps().machine, "")

    def test_limits_are_checked_by_name(self):
        with self.assertRaisesRegex(ValueError, "queue_depth"):
            bwrt.Runtime(queue_depth=-1)
        with self.assertRaisesRegex(TypeError, "queue_depth"):
            bwrt.Runtime(queue_depth="9")
        with self.assertRaises(bwrt.CallerError) as caught:
            bwrt.Runtime(queue_depth=1 << 20)
        self.assertIn("queue_depth", caught.exception.field)
        with self.assertRaises(TypeError):
            bwrt.Runtime(depth=9)


class Histograms(unittest.TestCase):
    def histogram(self, **counts):
        buckets = [0] * 592
        for name, count in counts.items():
            buckets[int(name[1:])] = count
        return bwrt.Histogram(tuple(buckets))

    def test_bounds_are_those_of_the_header(self):
        self.assertEqual(bwrt.Histogram.bounds_ns(0), (0, 1))
        self.assertEqual(bwrt.Histogram.bounds_ns(15), (15, 16))
        for octave in range(36):
            for part in range(16):
                self.assertEqual(bwrt.Histogram.bounds_ns(16 + 16 * octave + part),
                                 ((16 + part) << octave, (17 + part) << octave))
        self.assertEqual(bwrt.Histogram.bounds_ns(591)[1], 1 << 40)

    def test_a_percentile_is_the_middle_of_the_bucket_of_its_rank(self):
        histogram = self.histogram(b3=50, b40=49, b100=1)

        self.assertEqual(histogram.percentile_ns(50), 3)
        self.assertEqual(histogram.percentile_ns(50.5), sum(bwrt.Histogram.bounds_ns(40)) / 2 - 0.5)
        self.assertEqual(histogram.percentile_ns(99), histogram.percentile_ns(51))
        self.assertEqual(histogram.percentile_ns(99.1),
                         sum(bwrt.Histogram.bounds_ns(100)) / 2 - 0.5)
        self.assertEqual(histogram.percentile_ns(0), 3)

    def test_an_empty_histogram_has_no_percentile(self):
        self.assertIsNone(self.histogram().percentile_ns(50))
        with self.assertRaises(ValueError):
            self.histogram(b1=1).percentile_ns(101)

    def test_the_difference_is_what_was_counted_between(self):
        between = self.histogram(b3=5, b9=2) - self.histogram(b3=4)

        self.assertEqual((between.count, between.percentile_ns(10)), (3, 3))


class Classes(unittest.TestCase):
    def test_every_status_has_the_class_of_its_group(self):
        groups = {range(-8, 0): bwrt.CallerError, range(-21, -19): bwrt.MomentError,
                  range(-33, -29): bwrt.WaveError, range(-42, -39): bwrt.BlockError,
                  range(-59, -49): bwrt.WorldError, range(-99, -98): bwrt.InternalError}
        for status in bwrt.Status:
            if status != bwrt.Status.OK:
                group = next(cls for numbers, cls in groups.items() if status in numbers)
                self.assertTrue(issubclass(errors.class_of(status), group), status)

    def test_a_status_of_a_later_library_is_an_error_all_the_same(self):
        self.assertIs(errors.class_of(-9), bwrt.CallerError)
        self.assertIs(errors.class_of(-34), bwrt.WaveError)
        self.assertIs(errors.class_of(-150), bwrt.Error)

    def test_an_exception_can_be_sent_to_another_process(self):
        error = bwrt.LateError("too late", bwrt.Status.E_LATE, operation_index=3)
        copy = pickle.loads(pickle.dumps(error))

        self.assertEqual((type(copy), str(copy), copy.status, copy.name, copy.operation_index),
                         (bwrt.LateError, "too late", -31, "E_LATE", 3))

    def test_a_timeout_is_python_s_too(self):
        self.assertTrue(issubclass(bwrt.TimeoutError, TimeoutError))


if __name__ == "__main__":
    main()
