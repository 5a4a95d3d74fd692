// SPDX-License-Identifier: Apache-2.0
//
// test_feedback.cpp — a route that takes a fixed time for each request, has streams of one rate and
// a bus of another, is counted, and what feedback makes of the counts is compared with what it is.
//
//   k requests of b bytes under way at a time, n of them finished:
//   one takes  fixed + b / stream          busy = n x max(that / k, b / bus), latency = k x busy
//
// What is in force may be a seventh away from what is measured.

#include "planner/learning/feedback.h"

#include <algorithm>

#include "planner/mix.h"
#include "tests/support/cmocka.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::planner;
using bwrt::test::Random;

constexpr MeasuredRoute kOneRoute[] = {{.bus = 2}};
constexpr std::uint64_t kKib = 1024, kMib = 1024 * kKib;
constexpr std::uint64_t kFixedNs = 100'000;
constexpr std::uint64_t kStream = 1'000'000;  // bytes a millisecond
constexpr std::uint64_t kBusRate = 3'000'000;

struct Device {
    std::uint64_t fixed_ns = kFixedNs;
    std::uint64_t stream = kStream;
    std::uint64_t bus = kBusRate;
    RouteSample counted;

    void serve(std::uint64_t count, std::uint64_t bytes, std::uint64_t under_way) {
        const std::uint64_t one_ns = fixed_ns + bytes * 1'000'000 / stream;
        const std::uint64_t busy_ns = count * std::max(one_ns / under_way, bytes * 1'000'000 / bus);
        counted.request_count += count;
        counted.bytes += count * bytes;
        counted.busy_ns += busy_ns;
        counted.latency_ns += busy_ns * under_way;
    }
};

// Windows of short requests and of long ones, one at a time.
void use_alone(Feedback& feedback, Device& device, int window_count) {
    for (int i = 0; i < window_count; ++i) {
        if (i % 2 == 0) {
            device.serve(40, 4 * kKib, 1);
        } else {
            device.serve(8, 4 * kMib, 1);
        }
        feedback.observe({&device.counted, 1}, {});
    }
}

void use_loaded(Feedback& feedback, Device& device, int window_count, std::uint64_t bytes) {
    for (int i = 0; i < window_count; ++i) {
        device.serve(64, bytes, 16);
        feedback.observe({&device.counted, 1}, {});
    }
}

// Plans that took so many thousandths of what was predicted.
void end_plans(Feedback& feedback, const Device& device, FinishSample& finishes,
               std::uint64_t milli, int window_count) {
    for (int i = 0; i < window_count; ++i) {
        finishes.count += 8;
        finishes.predicted_ns += 8'000'000;
        finishes.actual_ns += 8'000 * milli;
        feedback.observe({&device.counted, 1}, {.shorts = {}, .longs = finishes});
    }
}

void assert_about(std::uint64_t value, std::uint64_t expected, std::uint64_t percent) {
    assert_in_range(value, expected - expected * percent / 100,
                    expected + expected * percent / 100);
}

void what_is_not_measured_is_as_the_rule_says(void**) {
    Feedback feedback({.min_io_bytes = 123, .gap_bytes_max = 45}, kOneRoute);

    for (int i = 0; i < 10; ++i) feedback.observe({{RouteSample{}}}, {});

    assert_false(feedback.is_measured(0));
    assert_int_equal(feedback.route(0).min_io_bytes, 123);
    assert_int_equal(feedback.route(0).gap_bytes_max, 45);
    assert_int_equal(feedback.route(0).route.latency_ns, 0);
    assert_int_equal(feedback.route(0).route.stream_bytes_per_ms, 0);
    assert_int_equal(feedback.route(0).route.stream_count, 0);
    assert_int_equal(feedback.route(0).route.bus, 2);
    assert_int_equal(feedback.bus_bytes_per_ms(2), 0);
    assert_int_equal(feedback.correction_milli(), 1000);
}

void requests_alone_tell_the_fixed_time_and_the_stream(void**) {
    Feedback feedback({}, kOneRoute);
    Device device;

    use_alone(feedback, device, 60);

    assert_true(feedback.is_measured(0));
    assert_about(feedback.route(0).route.latency_ns, kFixedNs, 13);
    assert_about(feedback.route(0).route.stream_bytes_per_ms, kStream, 13);
    assert_int_equal(feedback.bus_bytes_per_ms(2), 0);  // never full: not known
}

void the_shortest_that_pays_alone_takes_as_long_for_its_bytes_as_for_the_request(void**) {
    Feedback feedback({}, kOneRoute);
    Device device;

    use_alone(feedback, device, 60);

    // 100 us of 1 GB/s.
    assert_about(feedback.route(0).min_io_bytes, 100'000, 13);
    assert_about(feedback.route(0).gap_bytes_max, 100'000, 13);
}

void a_load_tells_what_the_bus_carries(void**) {
    Feedback feedback({}, kOneRoute);
    Device device;

    use_loaded(feedback, device, 10, kMib);

    assert_about(feedback.bus_bytes_per_ms(2), kBusRate, 1);
    // Streams that fill the bus hide all of it: nothing more is gained by longer requests.
    assert_about(feedback.route(0).min_io_bytes, 0, 0);
    assert_int_equal(feedback.route(0).route.latency_ns, 0);  // not seen
}

void a_bus_is_known_when_it_was_full(void**) {
    Feedback feedback({}, kOneRoute);
    Device device;

    for (int i = 0; i < 20; ++i) {
        device.serve(64, 64 * kKib, 7);
        feedback.observe({&device.counted, 1}, {});
    }
    assert_true(feedback.is_measured(0));
    assert_int_equal(feedback.bus_bytes_per_ms(2), 0);

    for (int i = 0; i < 20; ++i) {
        device.serve(64, 64 * kKib, 8);
        feedback.observe({&device.counted, 1}, {});
    }
    assert_true(feedback.bus_bytes_per_ms(2) != 0);
}

void a_route_of_one_stream_fills_its_bus_alone(void**) {
    constexpr MeasuredRoute kOneStream[] = {{.bus = 2, .stream_count_max = 1}};
    Feedback feedback({}, kOneStream);
    Device device;

    use_alone(feedback, device, 60);

    assert_about(feedback.bus_bytes_per_ms(2), kStream, 13);
    assert_about(feedback.route(0).route.latency_ns, kFixedNs, 15);
    assert_int_equal(feedback.route(0).route.stream_count, 1);
}

void a_load_of_short_requests_tells_what_they_cost_the_bus(void**) {
    Feedback feedback({}, kOneRoute);
    Device device;

    use_loaded(feedback, device, 10, kMib);
    use_loaded(feedback, device, 60, 4 * kKib);

    // 104 us for 16 of them: 6.5 us each, in which the bus, at most 3 GB/s, carries 19.5 KB.
    assert_in_range(feedback.route(0).min_io_bytes, 6'000, 15'400);
}

void streams_are_so_many_that_the_bus_is_never_waited_for(void**) {
    Feedback feedback({}, kOneRoute);
    Device device;

    use_alone(feedback, device, 60);
    use_loaded(feedback, device, 60, kMib);

    // 3 GB/s x (0.1 ms + 1.05 ms) / 1 MiB = 3.3
    assert_int_equal(feedback.route(0).route.stream_count, 4);
}

void requests_alone_say_nothing_of_the_bus(void**) {
    Feedback feedback({}, kOneRoute);
    Device device;
    use_loaded(feedback, device, 10, kMib);

    use_alone(feedback, device, 10);

    assert_about(feedback.bus_bytes_per_ms(2), kBusRate, 1);
}

void a_bus_that_became_slower_is_seen(void**) {
    Feedback feedback({}, kOneRoute);
    Device device;
    use_loaded(feedback, device, 10, kMib);

    device.bus = kBusRate / 3;
    use_loaded(feedback, device, 100, kMib);

    assert_about(feedback.bus_bytes_per_ms(2), kBusRate / 3, 15);
}

void noise_moves_nothing_and_a_step_does_after_three_windows(void**) {
    Feedback feedback({}, kOneRoute);
    Device device;
    use_loaded(feedback, device, 20, kMib);
    const std::uint64_t settled = feedback.bus_bytes_per_ms(2);

    for (int i = 0; i < 50; ++i) {
        device.bus = kBusRate + (i % 2 == 0 ? kBusRate / 10 : 0);
        use_loaded(feedback, device, 1, kMib);
        assert_int_equal(feedback.bus_bytes_per_ms(2), settled);
    }
    device.bus = 2 * kBusRate;
    use_loaded(feedback, device, 2, kMib);
    assert_int_equal(feedback.bus_bytes_per_ms(2), settled);
    use_loaded(feedback, device, 1, kMib);
    assert_true(feedback.bus_bytes_per_ms(2) > settled);
}

void a_few_requests_are_not_believed(void**) {
    Feedback feedback({}, kOneRoute);
    Device device;

    for (int i = 0; i < 31; ++i) {
        device.serve(1, 4 * kMib, 16);
        feedback.observe({&device.counted, 1}, {});
    }
    assert_false(feedback.is_measured(0));
    assert_int_equal(feedback.bus_bytes_per_ms(2), 0);
    assert_int_equal(feedback.route(0).min_io_bytes, 524'288);

    for (int i = 0; i < 3; ++i) {
        device.serve(1, 4 * kMib, 16);
        feedback.observe({&device.counted, 1}, {});
    }
    assert_true(feedback.is_measured(0));
    assert_true(feedback.bus_bytes_per_ms(2) != 0);
}

void windows_in_which_little_was_busy_count_together(void**) {
    Feedback at_once({}, kOneRoute), in_steps({}, kOneRoute);
    Device device;

    for (int i = 0; i < 40; ++i) {
        for (const std::uint64_t fixed_ns : {50'000u, 250'000u}) {  // 0.2 and 1.0 ms
            device.fixed_ns = fixed_ns;
            device.serve(4, 4 * kKib, 1);
            in_steps.observe({&device.counted, 1}, {});
        }
        at_once.observe({&device.counted, 1}, {});
    }

    assert_true(at_once.route(0).route.stream_bytes_per_ms != 0);
    assert_int_equal(at_once.route(0).route.stream_bytes_per_ms,
                     in_steps.route(0).route.stream_bytes_per_ms);
}

void nothing_leaves_its_bounds(void**) {
    FeedbackRule rule;
    rule.latency_ns_max = 50'000;
    rule.min_io_bytes_most = 70'000;
    rule.gap_bytes_most = 60'000;
    constexpr MeasuredRoute kTwoStreams[] = {{.bus = 2, .stream_count_max = 2}};
    Feedback feedback(rule, kTwoStreams);
    Device device;

    use_alone(feedback, device, 60);
    use_loaded(feedback, device, 60, kMib);
    assert_int_equal(feedback.route(0).route.stream_count, 2);
    use_alone(feedback, device, 60);

    assert_in_range(feedback.route(0).route.latency_ns, 44'000, 50'000);
    assert_in_range(feedback.route(0).min_io_bytes, 61'000, 70'000);
    assert_in_range(feedback.route(0).gap_bytes_max, 52'000, 60'000);
}

void what_is_frozen_stays_and_learns_nothing_later(void**) {
    Feedback feedback({}, kOneRoute);
    Device device;
    use_loaded(feedback, device, 20, kMib);
    const std::uint64_t settled = feedback.bus_bytes_per_ms(2);

    feedback.freeze(true);
    device.bus = 10 * kBusRate;
    device.stream = 10 * kStream;
    use_loaded(feedback, device, 20, kMib);
    FinishSample finishes;
    end_plans(feedback, device, finishes, 4000, 20);
    assert_int_equal(feedback.bus_bytes_per_ms(2), settled);
    assert_int_equal(feedback.correction_milli(), 1000);

    feedback.freeze(false);
    device.bus = kBusRate;
    device.stream = kStream;
    end_plans(feedback, device, finishes, 1000, 3);
    use_loaded(feedback, device, 20, kMib);
    assert_int_equal(feedback.bus_bytes_per_ms(2), settled);
    assert_int_equal(feedback.correction_milli(), 1000);
}

void counters_that_begin_anew_are_learnt_from_the_next_time(void**) {
    Feedback feedback({}, kOneRoute);
    Device device;
    use_loaded(feedback, device, 20, kMib);
    const std::uint64_t settled = feedback.bus_bytes_per_ms(2);

    device.bus = 10 * kBusRate;
    device.stream = 10 * kStream;
    for (std::uint64_t count = 60; count > 40; --count) {  // and each time anew
        device.counted = {};
        device.serve(count, kMib, 16);
        feedback.observe({&device.counted, 1}, {});
    }
    assert_int_equal(feedback.bus_bytes_per_ms(2), settled);
}

void routes_of_one_bus_are_measured_apart_and_their_bus_together(void**) {
    constexpr MeasuredRoute kRoutes[] = {{1}, {1}, {0}};
    Feedback feedback({}, kRoutes);
    Device reads, writes, others;
    writes.fixed_ns = 3 * kFixedNs;
    others.bus = kBusRate / 10;
    for (int i = 0; i < 60; ++i) {
        for (Device* device : {&reads, &writes}) {
            if (i % 2 == 0) device->serve(40, 4 * kKib, 1);
            if (i % 2 != 0) device->serve(8, 4 * kMib, 1);
        }
        others.serve(64, kMib, 16);
        const RouteSample samples[] = {reads.counted, writes.counted, others.counted};
        feedback.observe(samples, {});
    }

    assert_about(feedback.route(0).route.latency_ns, kFixedNs, 13);
    assert_about(feedback.route(1).route.latency_ns, 3 * kFixedNs, 13);
    assert_int_equal(feedback.bus_bytes_per_ms(1), 0);
    assert_about(feedback.bus_bytes_per_ms(0), kBusRate / 10, 1);
}

void plans_that_take_twice_as_long_are_predicted_to(void**) {
    Feedback feedback({}, kOneRoute);
    Device device;
    use_alone(feedback, device, 60);
    use_loaded(feedback, device, 10, kMib);
    const Route before = feedback.route(0).route;
    const std::uint64_t bus = feedback.bus_bytes_per_ms(2);
    const std::uint64_t min_io_bytes = feedback.route(0).min_io_bytes;

    FinishSample finishes;
    end_plans(feedback, device, finishes, 2000, 10);

    assert_int_equal(feedback.correction_milli(), 2000);
    assert_int_equal(feedback.route(0).route.latency_ns, 2 * before.latency_ns);
    assert_int_equal(feedback.route(0).route.stream_bytes_per_ms, before.stream_bytes_per_ms / 2);
    assert_int_equal(feedback.bus_bytes_per_ms(2), bus / 2);
    assert_int_equal(feedback.route(0).min_io_bytes, min_io_bytes);
    assert_int_equal(feedback.uncorrected_ns(3'000), 1'500);
}

void what_short_plans_take_beyond_their_prediction_leads_all(void**) {
    Feedback feedback({}, kOneRoute);
    Device device;
    use_alone(feedback, device, 60);
    const std::uint64_t before_ns = feedback.route(0).route.latency_ns;

    FinishSamples finishes;
    for (int i = 0; i < 80; ++i) {
        finishes.add(FinishSamples::kLongNs - 1, FinishSamples::kLongNs + 299'999);
        feedback.observe({&device.counted, 1}, finishes);
    }
    assert_about(feedback.lead_ns(), 300'000, 13);
    assert_int_equal(feedback.route(0).route.latency_ns, before_ns + feedback.lead_ns());
    assert_int_equal(feedback.correction_milli(), 1000);
    assert_int_equal(feedback.uncorrected_ns(feedback.lead_ns() + 5), 5);
    assert_int_equal(feedback.uncorrected_ns(7), 0);

    // Long ones are expected to have it, too: nothing is left for them to correct.
    for (int i = 0; i < 80; ++i) {
        finishes.add(FinishSamples::kLongNs, FinishSamples::kLongNs + 300'000);
        feedback.observe({&device.counted, 1}, finishes);
    }
    assert_int_equal(feedback.correction_milli(), 1000);

    assert_int_equal(finishes.longs.count, 80);
    for (int i = 0; i < 400; ++i) {
        finishes.add(1, 1'000'000'000);
        feedback.observe({&device.counted, 1}, finishes);
    }
    assert_about(feedback.lead_ns(), 100'000'000, 13);  // bounded
}

void the_correction_is_bounded_and_needs_plans_that_ended(void**) {
    Feedback feedback({}, kOneRoute);
    const Device device;
    FinishSample finishes;

    end_plans(feedback, device, finishes, 100'000, 13);
    assert_int_equal(feedback.correction_milli(), 4000);
    end_plans(feedback, device, finishes, 1, 40);
    const std::uint32_t low = feedback.correction_milli();
    assert_in_range(low, 500, 562);

    for (std::uint64_t i = 0; i < 7; ++i) {  // of 8
        ++finishes.count;
        finishes.predicted_ns += 1'000;
        finishes.actual_ns += 100'000;
        feedback.observe({&device.counted, 1}, {.shorts = {}, .longs = finishes});
    }
    assert_int_equal(feedback.correction_milli(), low);
}

void numbers_at_their_ends_are_taken(void**) {
    constexpr MeasuredRoute kOneStream[] = {{.bus = 2, .stream_count_max = 1}};
    Feedback feedback({}, kOneStream);
    constexpr std::uint64_t kMost = ~std::uint64_t{0};
    RouteSample sample;

    for (std::uint64_t i = 1; i < 40; ++i) {
        sample = {.request_count = kMost / 40 * i,
                  .bytes = kMost / 40 * i,
                  .busy_ns = kMost / 40 * i,
                  .latency_ns = kMost / 40 * i};
        feedback.observe({&sample, 1}, {.shorts = {}, .longs = {i * 8, kMost / 40 * i, i}});
    }
    assert_in_range(feedback.bus_bytes_per_ms(2), 1'777'000, 2'000'000);  // a byte a ns
    assert_int_equal(feedback.correction_milli(), 500);

    sample = {.request_count = 1, .bytes = kMost, .busy_ns = 0, .latency_ns = kMost};
    feedback.observe({&sample, 1}, {});
    sample.request_count = kMost;
    sample.busy_ns = 1'000'000;
    for (int i = 0; i < 4; ++i) feedback.observe({&sample, 1}, {});
    assert_true(feedback.route(0).route.stream_count <= 64);
}

void every_knob_has_the_bits_that_it_has_elsewhere(void**) {
    constexpr MeasuredRoute kRoutes[] = {{0}, {0}, {1, 1}, {2}};
    Feedback feedback({}, kRoutes);
    Random random(12345);
    RouteSample samples[4];
    FinishSamples finishes;
    std::uint64_t sum = 0;

    for (int window = 0; window < 10'000; ++window) {
        for (RouteSample& sample : samples) {
            if (random.one_in(3)) continue;
            const std::uint64_t count = random.between(1, 200);
            const std::uint64_t busy_ns = random.between(1, 20'000'000);
            sample.request_count += count;
            sample.bytes += count * (std::uint64_t{512} << random.below(13));
            sample.busy_ns += busy_ns;
            sample.latency_ns += busy_ns * random.between(1, 20);
            if (random.one_in(500)) sample = {};
        }
        for (std::uint64_t ended = random.below(12); ended > 0; --ended) {
            const std::uint64_t predicted_ns = random.below(4'000'000);
            finishes.add(predicted_ns, random.below(8'000'000));
        }
        feedback.observe(samples, finishes);
        for (std::size_t i = 0; i < 4; ++i) {
            const TunedRoute& route = feedback.route(i);
            sum = mix(sum + route.route.latency_ns);
            sum = mix(sum + route.route.stream_bytes_per_ms);
            sum = mix(sum + route.route.stream_count);
            sum = mix(sum + route.min_io_bytes);
            sum = mix(sum + route.gap_bytes_max);
            sum = mix(sum + feedback.bus_bytes_per_ms(route.route.bus));
        }
        sum = mix(sum + feedback.correction_milli() + feedback.lead_ns());
    }

    assert_int_equal(sum, 0x19DD'382B'DD25'738E);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_measured_is_as_the_rule_says),
        cmocka_unit_test(requests_alone_tell_the_fixed_time_and_the_stream),
        cmocka_unit_test(
            the_shortest_that_pays_alone_takes_as_long_for_its_bytes_as_for_the_request),
        cmocka_unit_test(a_load_tells_what_the_bus_carries),
        cmocka_unit_test(a_bus_is_known_when_it_was_full),
        cmocka_unit_test(a_route_of_one_stream_fills_its_bus_alone),
        cmocka_unit_test(a_load_of_short_requests_tells_what_they_cost_the_bus),
        cmocka_unit_test(streams_are_so_many_that_the_bus_is_never_waited_for),
        cmocka_unit_test(requests_alone_say_nothing_of_the_bus),
        cmocka_unit_test(a_bus_that_became_slower_is_seen),
        cmocka_unit_test(noise_moves_nothing_and_a_step_does_after_three_windows),
        cmocka_unit_test(a_few_requests_are_not_believed),
        cmocka_unit_test(windows_in_which_little_was_busy_count_together),
        cmocka_unit_test(nothing_leaves_its_bounds),
        cmocka_unit_test(what_is_frozen_stays_and_learns_nothing_later),
        cmocka_unit_test(counters_that_begin_anew_are_learnt_from_the_next_time),
        cmocka_unit_test(routes_of_one_bus_are_measured_apart_and_their_bus_together),
        cmocka_unit_test(plans_that_take_twice_as_long_are_predicted_to),
        cmocka_unit_test(what_short_plans_take_beyond_their_prediction_leads_all),
        cmocka_unit_test(the_correction_is_bounded_and_needs_plans_that_ended),
        cmocka_unit_test(numbers_at_their_ends_are_taken),
        cmocka_unit_test(every_knob_has_the_bits_that_it_has_elsewhere),
    };
    return cmocka_run_group_tests_name("planner/learning/feedback.cpp", tests, nullptr, nullptr);
}
