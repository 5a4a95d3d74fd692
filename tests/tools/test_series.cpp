// SPDX-License-Identifier: Apache-2.0
//
// test_series.cpp — a replay over time: which request falls into which part, what moved in it, and
// when a replay looks at its cache's counters.

#include <vector>

#include "tools/replay/replay.h"
#include "tools/replay/series.h"

// last, since it defines names that others use
#include "tests/support/cmocka.h"

namespace {

using namespace bwrt::replay;

constexpr std::uint64_t kMs = 1'000'000;
constexpr std::uint64_t kSecond = 1'000 * kMs;

// Requests of one block at these seconds.
Trace trace_at(const std::vector<std::uint64_t>& seconds) {
    TraceBuilder builder;
    for (std::size_t i = 0; i < seconds.size(); ++i) {
        TraceRequest request;
        request.arrival_us = seconds[i] * 1'000'000;
        request.input_tokens = 512;
        const std::uint64_t id = i;
        assert_false(static_cast<bool>(builder.add(request, {&id, 1})));
    }
    Trace trace;
    assert_false(static_cast<bool>(builder.finish(512, trace)));
    return trace;
}

Trace trace_of_rate(std::size_t request_count, std::uint64_t gap_s) {
    std::vector<std::uint64_t> seconds;
    for (std::size_t i = 0; i < request_count; ++i) seconds.push_back(i * gap_s);
    return trace_at(seconds);
}

void a_part_is_round_and_has_some_25_requests(void**) {
    assert_int_equal(part_ns_of(trace_of_rate(100, 1)), 50 * kSecond);  // 99 s in four, rounded up
    assert_int_equal(part_ns_of(trace_of_rate(3, 1)), 5 * kSecond);
    assert_int_equal(part_ns_of(trace_of_rate(10'000, 1)), 100 * kSecond);  // 120 at most
    assert_int_equal(part_ns_of(trace_at({0})), kMs);
    assert_int_equal(part_ns_of(Trace()), kMs);
}

// Has nothing, and has moved a little more each time that it is asked.
class CountingCache final : public Cache {
 public:
    Located look_up(std::span<const std::uint32_t>, const Asker&) override { return {}; }
    Loaded load(std::span<const std::uint32_t>, const Asker&, std::uint64_t) override { return {}; }
    void store(std::span<const std::uint32_t>, std::uint32_t, const Asker&) override {
        written_bytes += 100;
    }
    void settle() override { written_bytes += 7; }
    CacheFigures figures() override {
        ++asked_count;
        return {.disk_written_bytes = written_bytes, .disk_used_bytes = written_bytes / 2};
    }

    std::uint64_t written_bytes = 0;
    int asked_count = 0;
};

void what_moved_in_a_part_is_that_of_its_requests(void**) {
    const Trace trace = trace_at({0, 1, 9, 10, 35, 36});
    CountingCache cache;
    const ReplayResult result = replay(trace, {.speed = 0, .part_ns = 10 * kSecond}, cache, {});

    const std::vector<SeriesPart> parts = parts_of(result);
    assert_int_equal(parts.size(), 4);
    const std::uint64_t requests[] = {3, 1, 0, 2};
    const std::uint64_t written[] = {300, 100, 0, 207};  // settling is the last one's
    for (std::size_t i = 0; i < 4; ++i) {
        assert_int_equal(parts[i].start_ns, 10 * kSecond * i);
        assert_int_equal(parts[i].request_count, requests[i]);
        assert_int_equal(parts[i].disk_written_bytes, written[i]);
        assert_int_equal(parts[i].is_sampled, i != 2);
    }
    assert_int_equal(parts[1].disk_used_bytes, 200);
    assert_int_equal(parts[3].disk_used_bytes, 303);
}

void counters_are_asked_once_a_part_and_without_parts_at_the_end(void**) {
    const Trace trace = trace_of_rate(1'000, 1);
    CountingCache cache;
    const ReplayResult all = replay(trace, {.speed = 0, .part_ns = 100 * kSecond}, cache, {});
    assert_int_equal(cache.asked_count, 12);  // ten, the end of the last, and the whole
    assert_int_equal(all.samples.size(), 11);

    CountingCache other;
    const ReplayResult none = replay(trace, {.speed = 0}, other, {});
    assert_int_equal(other.asked_count, 1);
    assert_true(none.samples.empty());
    assert_true(parts_of(none).empty());
}

void an_interrupted_replay_has_the_parts_that_it_came_to(void**) {
    const Trace trace = trace_of_rate(1'000, 1);
    CountingCache cache;
    const ReplayResult result =
        replay(trace, {.speed = 0, .part_ns = 100 * kSecond}, cache,
               [](const ReplayResult& so_far) { return so_far.served.size() < 250; });
    const std::vector<SeriesPart> parts = parts_of(result);
    assert_int_equal(parts.size(), 3);
    assert_int_equal(parts[2].request_count, 50);
    assert_int_equal(parts[2].disk_written_bytes, 5'007);

    CountingCache idle;
    const ReplayResult nothing = replay(trace, {.speed = 0, .part_ns = kSecond}, idle,
                                        [](const ReplayResult&) { return false; });
    assert_true(parts_of(nothing).empty());
    assert_true(distribution_of(nothing).empty());
}

// Requests that were answered after 1, 2, 3, ... ms.
ReplayResult answered(std::uint64_t request_count) {
    ReplayResult result;
    result.part_ns = kSecond;
    for (std::uint64_t i = 0; i < request_count; ++i) {
        Served& served = result.served.emplace_back();
        served.first_token_ns = (i + 1) * kMs;
        served.block_count = 10;
        served.host_count = 3;
        served.disk_count = 2;
        served.delivered_count = 4;
        served.is_late = i < 5;
    }
    return result;
}

void a_part_adds_its_requests_up(void**) {
    const std::vector<SeriesPart> parts = parts_of(answered(100));
    assert_int_equal(parts.size(), 1);
    assert_int_equal(parts[0].block_count, 1'000);
    assert_int_equal(parts[0].host_count, 300);
    assert_int_equal(parts[0].disk_count, 200);
    assert_int_equal(parts[0].delivered_count, 400);
    assert_int_equal(parts[0].late_count, 5);
    assert_int_equal(parts[0].ttft_p50_ns, 51 * kMs);
    assert_int_equal(parts[0].ttft_p90_ns, 91 * kMs);
    assert_int_equal(parts[0].ttft_p99_ns, 100 * kMs);
}

void a_distribution_goes_from_the_shortest_to_the_longest(void**) {
    const std::vector<RankedTime> ranked = distribution_of(answered(1'000));
    assert_int_equal(ranked.front().per_mille, 0);
    assert_int_equal(ranked.front().ttft_ns, 1 * kMs);
    assert_int_equal(ranked.back().per_mille, 1'000);
    assert_int_equal(ranked.back().ttft_ns, 1'000 * kMs);
    bool has_median = false, has_999 = false;
    for (std::size_t i = 1; i < ranked.size(); ++i) {
        assert_true(ranked[i].per_mille > ranked[i - 1].per_mille);
        assert_true(ranked[i].ttft_ns >= ranked[i - 1].ttft_ns);
        has_median |= ranked[i].per_mille == 500 && ranked[i].ttft_ns == 501 * kMs;
        has_999 |= ranked[i].per_mille == 999 && ranked[i].ttft_ns == 1'000 * kMs;
    }
    assert_true(has_median && has_999);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_part_is_round_and_has_some_25_requests),
        cmocka_unit_test(what_moved_in_a_part_is_that_of_its_requests),
        cmocka_unit_test(counters_are_asked_once_a_part_and_without_parts_at_the_end),
        cmocka_unit_test(an_interrupted_replay_has_the_parts_that_it_came_to),
        cmocka_unit_test(a_part_adds_its_requests_up),
        cmocka_unit_test(a_distribution_goes_from_the_shortest_to_the_longest),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
