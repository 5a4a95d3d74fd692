# SPDX-License-Identifier: Apache-2.0
"""Plans: those of other programs, and waves that wait for the runtime's own."""

import array
import json
import time

import bwrt
from support import FileTest, main

WHOLE = {"pack_order": [1], "tile_order": [{"m": 0, "n": 0}], "bm": 128, "bn": 128, "bk": 64,
         "cluster_shape": {"x": 2, "y": 1},
         "tmem_layout": {"columns": 8, "phases": 4, "double_buffer": True, "stage_n": 2},
         "io_extents": [{"layer": "w", "start_pid": 1, "end_pid": 2}],
         "swap_window": {"begin": 4, "end": 9}, "page_bytes": 16}


class Plans(FileTest):
    def test_the_references_two_by_two_is_what_it_says(self):
        runtime = self.open_runtime()
        inputs = runtime.memory(array.array("f", [1, 2, 3, 4, 5, 6, 7, 8]))
        product = array.array("f", [0] * 4)
        plan = runtime.parse_plan(bwrt.PlanKind.WAVE_SPEC, json.dumps(
            {"bm": 2, "bn": 2, "bk": 2, "swap_begin": 0, "swap_end": 1}))
        waves = plan.submit({"a": inputs, "b": (inputs, 16)}, {"c": runtime.memory(product)})

        self.assertEqual([done.bytes for done in waves.wait(60)], [16])
        self.assertEqual(list(product), [19, 22, 43, 50])

    def test_extents_are_loaded_while_the_token_is_inside(self):
        runtime = self.open_runtime()
        source, target = bytes(range(64)), bytearray(64)
        plan = runtime.parse_plan(bwrt.PlanKind.WAVE_SPEC, json.dumps(WHOLE))
        waves = plan.submit({"w": runtime.memory(source)}, {"w": runtime.memory(target)})
        with self.assertRaises(bwrt.TimeoutError):
            waves.wait(0.001)
        runtime.advance(4)
        waves.wait(60)

        self.assertEqual(bytes(target), bytes(16) + source[16:48] + bytes(16))
        runtime.advance(9)
        with self.assertRaises(bwrt.WindowError):
            plan.submit({"w": runtime.memory(source)}, {"w": runtime.memory(target)}).wait(60)

    def test_a_plan_is_printed_as_it_was_understood(self):
        runtime = self.open_runtime()
        plan = runtime.parse_plan(bwrt.PlanKind.WAVE_SPEC, json.dumps(WHOLE))
        again = runtime.parse_plan(bwrt.PlanKind.WAVE_SPEC, plan.json())

        self.assertEqual(plan.json(), again.json())
        self.assertEqual(json.loads(plan.json())["bm"], 128)
        plan.release()
        plan.release()

    def test_what_is_dropped_makes_room(self):
        runtime = self.open_runtime(wave_count_max=4)
        source, target = runtime.memory(bytes(64)), runtime.memory(bytearray(64))
        for _ in range(300):  # more than there may be, of either
            plan = runtime.parse_plan(bwrt.PlanKind.WAVE_SPEC, json.dumps(
                {**WHOLE, "swap_window": {"begin": 0, "end": 1}}))
            for _ in range(50):
                try:
                    plan.submit({"w": source}, {"w": target})
                    break
                except bwrt.AgainError:
                    time.sleep(0.001)
            else:
                self.fail("waves that nobody waits for keep their places")

    def test_a_first_wave_whose_second_is_refused_keeps_no_place(self):
        runtime = self.open_runtime(wave_count_max=4)
        source, target = runtime.memory(bytes(64)), runtime.memory(bytearray(64))
        plan = runtime.parse_plan(bwrt.PlanKind.WAVE_SPEC, json.dumps(
            {**WHOLE, "swap_window": {"begin": 0, "end": 1}}))
        sources, targets = {"w": source, "a": source, "b": source}, {"w": target, "c": target}
        for _ in range(20):
            for _ in range(50):
                try:
                    plan.submit(sources, targets)
                except bwrt.AgainError:
                    time.sleep(0.001)
                    continue
                except bwrt.CallerError:
                    break
                self.fail("128 x 64 floats are no 64 bytes")
            else:
                self.fail("waves that nobody knows keep their places")

    def test_finalizers_never_call_the_library(self):
        runtime = self.open_runtime()
        plan = runtime.parse_plan(bwrt.PlanKind.WAVE_SPEC, json.dumps(WHOLE))
        handle = plan.handle
        del plan
        self.assertIn(handle, runtime._dropped_handles)

    def test_a_text_that_is_no_plan_names_its_field(self):
        runtime = self.open_runtime()
        with self.assertRaises(bwrt.Error) as caught:
            runtime.parse_plan(bwrt.PlanKind.CACHE, '{"ops": [{"length": -1}]}')
        self.assertEqual(caught.exception.field, "ops[0].length")

    def test_waves_wait_for_tokens_and_tokens_never_go_back(self):
        runtime = self.open_runtime()
        target = bytearray(4)
        wave = runtime.submit([bwrt.copy(runtime.memory(b"abcd"), runtime.memory(target), 4)],
                              window_tokens=(7, 8))
        with self.assertRaises(bwrt.TimeoutError):
            wave.wait(0.001)
        runtime.advance(7)
        wave.wait(60)
        self.assertEqual(target, b"abcd")
        with self.assertRaises(bwrt.CallerError):
            runtime.advance(6)
        with self.assertRaises(TypeError):
            runtime.prepare([], window_ns=(0, 1), window_tokens=(0, 1))

    def test_a_gemm_is_an_operation(self):
        runtime = self.open_runtime()
        a = runtime.memory(array.array("f", [1, 2, 3]))
        b = runtime.memory(array.array("f", [4, 5, 6]))
        c = array.array("f", [0])
        runtime.submit([bwrt.gemm(a, b, runtime.memory(c), 1, 1, 3)]).wait(60)

        self.assertEqual(list(c), [32])

    def test_planned_waves_are_counted(self):
        runtime = self.open_runtime(planner=bwrt.Planner(window_ns=1_000_000))
        target = bytearray(4)
        runtime.submit([bwrt.copy(runtime.memory(b"abcd"), runtime.memory(target), 4)],
                       planned=True, session=1).wait(60)
        counters = runtime.counters()

        self.assertEqual(target, b"abcd")
        self.assertEqual((counters.prefetch_count, counters.prefetch_missed_count), (0, 0))
        self.assertEqual((counters.plan_count, counters.plan_row_count, counters.plan_bytes),
                         (1, 1, 4096))

    def test_a_planner_is_refused_by_its_field(self):
        with self.assertRaises(bwrt.CallerError) as caught:
            self.open_runtime(planner=bwrt.Planner(window_ns=1))
        self.assertEqual(caught.exception.field, "planner.window_ns")
        with self.assertRaises(bwrt.CallerError) as caught:
            self.open_runtime(planner=bwrt.Planner(prefetch_bytes_max=1))
        self.assertEqual(caught.exception.field, "planner.prefetch_bytes_max")
        with self.assertRaises(ValueError):
            bwrt.Planner(umin_milli=1 << 31).as_c()
        runtime = self.open_runtime()
        with self.assertRaises(bwrt.UnsupportedError):
            runtime.submit([bwrt.copy(runtime.memory(b"a"), runtime.memory(bytearray(1)), 1)],
                           planned=True)


if __name__ == "__main__":
    main()
