# SPDX-License-Identifier: Apache-2.0
"""Windows of an engine's own queue."""

import json
import threading

import bwrt
from bwrt import Decided, Request, Tier
from support import FileTest, main

MS = 1_000_000
NOW = 1_000 * MS
PAGE = 4096


class Windows(FileTest):
    def setUp(self):
        super().setUp()
        self.runtime = self.open_runtime(planner=bwrt.Planner())

    def test_what_moves_is_said_in_order_and_of_each_row_what_became_of_it(self):
        bus = bwrt.Bus(Tier.DISK, bytes_per_s=1000 * PAGE)  # a page in a millisecond
        window = self.runtime.plan_window(
            [Request(1, 0, 4, PAGE, deadline_ns=NOW + 20 * MS, layer_first=2, layer_count=2),
             Request(2, 3, 2, PAGE, deadline_ns=NOW + 20 * MS, layer_first=3),
             Request(3, 9, 1, PAGE, deadline_ns=NOW - 1),
             Request(4, 0, 2, PAGE, priority=bwrt.Priority.URGENT, prefix=7)],
            now_ns=NOW, buses=[bus], layer_ns=[MS] * 4)

        self.assertEqual([(each.id, each.layer, each.verdict, each.transfer) for each in
                          window.decisions],
                         [(1, 2, Decided.PLANNED, 1), (1, 3, Decided.PLANNED, 2),
                          (2, 3, Decided.PLANNED, 2), (3, 0, Decided.NOT_WORTH, None),
                          (4, 0, Decided.PLANNED, 0)])
        self.assertEqual([(each.prefix, each.layer, each.page_first, each.page_count)
                          for each in window.transfers], [(7, 0, 0, 2), (0, 2, 0, 4), (0, 3, 0, 5)])
        self.assertEqual([each.finish_ns for each in window.transfers],
                         [NOW + 2 * MS, NOW + 6 * MS, NOW + 11 * MS])
        self.assertIs(window.transfers[0].priority, bwrt.Priority.URGENT)
        self.assertEqual((window.carried_count, window.plan), (0, None))

    def test_what_is_carried_comes_again_unless_it_is_cancelled(self):
        full = [bwrt.TierBudget(Tier.HOST, 0)]
        requests = [Request(number, 10 * number, 1, PAGE) for number in range(5)]
        window = self.runtime.plan_window(requests, tiers=full)
        self.assertEqual(window.carried_count, 5)
        window = self.runtime.plan_window(cancelled=[1, 3])
        self.assertEqual([(each.id, each.age) for each in window.decisions],
                         [(0, 1), (2, 1), (4, 1)])
        self.assertEqual(self.runtime.plan_window().decisions, [])

    def test_credits_and_routes_are_those_that_are_given(self):
        route = bwrt.TierRoute(Tier.HOST, Tier.DEVICE, latency_ns=MS, stream_bytes_per_s=500 * PAGE,
                               stream_count=2, bus=5)
        window = self.runtime.plan_window(
            [Request(number, 10 * number, 2, PAGE, tenant=9, node=3, source_tier=Tier.HOST,
                     target_tier=Tier.DEVICE) for number in range(2)],
            now_ns=NOW, routes=[route], buses=[bwrt.Bus(5, 1000 * PAGE, PAGE, node=3)],
            tenants=[bwrt.TenantCredit(9, PAGE, 3 * PAGE)])

        self.assertEqual([each.verdict for each in window.decisions],
                         [Decided.PLANNED, Decided.NO_CREDIT])
        self.assertEqual(window.decisions[0].finish_ns, NOW + 6 * MS)
        self.assertEqual(window.transfers[0].overlap, 2)

    def test_a_window_can_be_had_as_a_plan(self):
        window = self.runtime.plan_window([Request(5, 0, 2, PAGE)], as_plan=True, measured=True)
        value = json.loads(window.plan.json())

        self.assertEqual(value["ops"][0]["src"], "tier://0/tier3")
        self.assertEqual(value["verdicts"], [{"request_id": 5, "verdict": "PLANNED"}])
        for _ in range(600):  # those that are dropped make room
            window = self.runtime.plan_window([Request(5, 0, 2, PAGE)], as_plan=True)
        window.plan.release()

    def test_a_wrong_request_is_named_and_nothing_is_left_of_its_window(self):
        full = [bwrt.TierBudget(Tier.HOST, 0)]
        with self.assertRaises(bwrt.CallerError) as caught:
            self.runtime.plan_window([Request(1, 0, 1, PAGE), Request(2, 0, 1, 0)], tiers=full)
        self.assertEqual(caught.exception.field, "requests[1].page_bytes")
        with self.assertRaises(ValueError):
            self.runtime.plan_window([Request(-1, 0, 1, PAGE)])
        with self.assertRaises(bwrt.UnsupportedError):
            self.open_runtime().plan_window()
        self.assertEqual(self.runtime.plan_window().decisions, [])

    def test_layers_without_end_are_refused_before_room_is_made_for_them(self):
        with self.assertRaisesRegex(bwrt.Error, "layer_count"):
            self.runtime.plan_window([Request(1, 0, 4, PAGE, layer_count=2**32 - 1)], now_ns=NOW)

    def test_many_threads_may_ask(self):
        decided = []

        def ask(first):
            for number in range(first, first + 50):
                full = [bwrt.TierBudget(Tier.HOST, PAGE * (number % 3))]
                window = self.runtime.plan_window([Request(number, 10 * number, 1, PAGE)],
                                                  now_ns=NOW, tiers=full)
                decided.extend(each.id for each in window.decisions
                               if each.verdict in (Decided.PLANNED, Decided.WAITED))

        threads = [threading.Thread(target=ask, args=(1000 * i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        decided.extend(each.id for each in self.runtime.plan_window(now_ns=NOW).decisions)
        self.assertEqual(sorted(decided), sorted(1000 * i + k for i in range(4) for k in range(50)))


if __name__ == "__main__":
    main()
