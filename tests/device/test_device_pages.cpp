// SPDX-License-Identifier: Apache-2.0
//
// Many small pieces: every byte where it belongs, whatever carries them, and few calls of the
// driver for many of them: a kernel's launch where it pays, a batch where there are batches, and a
// call each where there are few.  Run once for each kind of driver (pages_world.h).

#include <algorithm>

#include "tests/device/pages_world.h"
#include "tests/support/random.h"

namespace bwrt::test {
namespace {

constexpr const char* kAdverse = "delay=2000us; spoil";
constexpr std::size_t kFlight = std::size_t{256} << 10;
constexpr std::size_t kPage = 4096;

// 64 of them fill a flight's staging memory.
void small_pages_go_to_a_device_by_a_kernel_a_flight(void** state) {
    PagesWorld world;
    const Bytes source = pattern(4 * kFlight, 1);
    world.start_pages(state, kAdverse);
    const DeviceMemory device = world.memory(2 * source.size());
    world.count_calls();

    world.assert_runs({world.pages_in(source, device, kPage)});

    if (world.has_kernel) {
        world.assert_calls({4, 0, 0, 4});
    } else if (world.has_batch) {
        world.assert_calls({0, 4, 0, 4});
    } else {
        world.assert_calls({0, 0, 256, 4});
    }
    assert_true(world.are_there(device, source, kPage));
    world.end_copies();
}

void small_pages_go_from_a_device_by_a_batch_a_flight(void** state) {
    PagesWorld world;
    const Bytes source = pattern(4 * kFlight, 2);
    Bytes back(source.size());
    world.start_pages(state, kAdverse);
    const DeviceMemory device = world.memory(2 * source.size());
    world.assert_runs({world.pages_in(source, device, kPage)});
    world.count_calls();

    world.assert_runs({world.pages_out(device, &back, kPage)});

    world.assert_calls(world.has_batch ? Calls{0, 4, 0, 4} : Calls{0, 0, 256, 4});
    assert_true(back == source);
    world.end_copies();
}

// Where each may cost a call a flight has 64 of them.
void small_pages_go_from_place_to_place_on_a_device_by_a_kernel(void** state) {
    PagesWorld world;
    const Bytes source = pattern(256 * kPage, 3);
    world.start_pages(state, kAdverse);
    const DeviceMemory from = world.memory(source.size()), to = world.memory(2 * source.size());
    world.assert_runs({copy_in(source, from.region)});
    bwrt_operation pages = copy(from.region, 0, to.region, 0, kPage);
    pages.row_count = 256;
    pages.source_stride_bytes = kPage;
    pages.target_stride_bytes = 2 * kPage;
    world.count_calls();

    world.assert_runs({pages});

    const std::uint64_t flights = world.has_batch ? 1 : 4;
    if (world.has_kernel) {
        world.assert_calls({flights, 0, 0, flights});
    } else {
        world.assert_calls(world.has_batch ? Calls{0, 1, 0, 1} : Calls{0, 0, 256, 4});
    }
    assert_true(world.are_there(to, source, kPage));
    world.end_copies();
}

void long_pieces_are_left_to_the_copy_engine(void** state) {
    constexpr std::size_t kLong = 40 << 10;
    PagesWorld world;
    const Bytes source = pattern(40 * kLong, 4);
    world.start_pages(state, kAdverse);
    const DeviceMemory from = world.memory(source.size()), to = world.memory(2 * source.size());
    world.assert_runs({copy_in(source, from.region)});
    bwrt_operation pieces = copy(from.region, 0, to.region, 0, kLong);
    pieces.row_count = 40;
    pieces.source_stride_bytes = kLong;
    pieces.target_stride_bytes = 2 * kLong;
    world.count_calls();

    world.assert_runs({pieces});

    world.assert_calls(world.has_batch ? Calls{0, 1, 0, 1} : Calls{0, 0, 40, 1});
    assert_true(world.are_there(to, source, kLong));
    world.end_copies();
}

void a_few_pieces_are_a_call_each(void** state) {
    PagesWorld world;
    const Bytes source = pattern(3 * kPage, 5);
    Bytes back(source.size());
    world.start_pages(state, kAdverse);
    const DeviceMemory device = world.memory(2 * source.size());
    world.count_calls();

    world.assert_runs({world.pages_in(source, device, kPage)});
    world.assert_runs({world.pages_out(device, &back, kPage)});

    world.assert_calls({0, 0, 6, 2});
    assert_true(back == source);
    world.end_copies();
}

// A thousand are one flight, if they are not a thousand calls.
void tiny_pieces_go_by_a_batch(void** state) {
    constexpr std::size_t kTiny = 100;
    PagesWorld world;
    const Bytes source = pattern(1000 * kTiny, 6);
    world.start_pages(state, kAdverse);
    const DeviceMemory device = world.memory(2 * source.size());
    world.count_calls();

    world.assert_runs({world.pages_in(source, device, kTiny)});

    if (world.has_batch) {
        world.assert_calls({0, 1, 0, 1});
    } else {
        world.assert_calls(world.has_kernel ? Calls{1, 0, 0, 1} : Calls{0, 0, 1000, 16});
    }
    assert_true(world.are_there(device, source, kTiny));
    world.end_copies();
}

// No more than 1,024, however small.
void a_flight_has_a_bound(void** state) {
    PagesWorld world;
    const Bytes source = pattern(2500, 7);
    world.start_pages(state, kAdverse);
    const DeviceMemory device = world.memory(2 * source.size());
    world.count_calls();

    world.assert_runs({world.pages_in(source, device, 1)});

    if (world.has_batch) world.assert_calls({0, 3, 0, 3});
    assert_true(world.are_there(device, source, 1));
    world.end_copies();
}

void pages_and_longer_pieces_of_a_flight_go_by_two_calls(void** state) {
    constexpr std::size_t kLong = 30 << 10;
    PagesWorld world;
    const Bytes small = pattern(40 * 1024, 8), large = pattern(5 * kLong, 9);
    world.start_pages(state, kAdverse);
    const DeviceMemory device = world.memory(2 * small.size()), other = world.memory(10 * kLong);
    world.count_calls();

    world.assert_runs({world.pages_in(large, other, kLong), world.pages_in(small, device, 1024)});

    const std::uint64_t launches = world.has_kernel ? 1 : 0, batches = world.has_batch ? 1 : 0;
    world.assert_calls({launches, batches,
                        (launches == 0 && batches == 0 ? 40u : 0u) + (batches == 0 ? 5u : 0u), 1});
    assert_true(world.are_there(device, small, 1024));
    assert_true(world.are_there(other, large, kLong));
    world.end_copies();
}

// There, from place to place, and back.
struct Route {
    std::vector<bwrt_operation> ways[3];
};

Route random_route(Random* random, const Bytes& source, Bytes* back, bwrt_handle there,
                   bwrt_handle moved) {
    Route route;
    for (std::size_t at = 0; at < source.size();) {
        const std::uint64_t longest = random->one_in(20) ? 100 << 10 : 3000;
        const std::size_t bytes = std::min(source.size() - at, 1 + random->below(longest));
        const std::size_t place = 2 * at + random->below(bytes);  // no two side by side for long
        const auto host = reinterpret_cast<std::uint64_t>(source.data()) + at;
        const auto home = reinterpret_cast<std::uint64_t>(back->data()) + at;
        route.ways[0].push_back(copy(BWRT_PROCESS_MEMORY, host, there, place, bytes));
        route.ways[1].push_back(copy(there, place, moved, at, bytes));
        route.ways[2].push_back(copy(moved, at, BWRT_PROCESS_MEMORY, home, bytes));
        at += bytes;
    }
    for (std::vector<bwrt_operation>& way : route.ways) {
        std::shuffle(way.begin(), way.end(), random->engine());
    }
    return route;
}

void random_pages_are_what_they_were(void** state) {
    Random random(test_seed());
    for (int round = 0; round < 4; ++round) {
        PagesWorld world;
        const Bytes source = pattern(1'500'000 + random.below(1000), 10);
        Bytes back(source.size());
        world.start_pages(
            state, std::string(kAdverse) + "; seed=" + std::to_string(1 + random.below(1000)));
        const DeviceMemory there = world.memory(2 * source.size() + 100),
                           moved = world.memory(source.size());
        const Route route = random_route(&random, source, &back, there.region, moved.region);

        for (const std::vector<bwrt_operation>& way : route.ways) world.assert_runs(way);

        assert_true(back == source);
        if (world.has_kernel && fake_driver() != nullptr) {
            assert_true(fake_driver()->count("cuLaunchKernel") > 0);
        }
        world.end_copies();
    }
}

}  // namespace
}  // namespace bwrt::test

int main() {
    using namespace bwrt::test;
    const CMUnitTest tests[] = {
        BWRT_IN_BOTH_WAYS(small_pages_go_to_a_device_by_a_kernel_a_flight),
        BWRT_IN_BOTH_WAYS(small_pages_go_from_a_device_by_a_batch_a_flight),
        BWRT_IN_BOTH_WAYS(small_pages_go_from_place_to_place_on_a_device_by_a_kernel),
        BWRT_IN_BOTH_WAYS(long_pieces_are_left_to_the_copy_engine),
        BWRT_IN_BOTH_WAYS(a_few_pieces_are_a_call_each),
        BWRT_IN_BOTH_WAYS(tiny_pieces_go_by_a_batch),
        BWRT_IN_BOTH_WAYS(a_flight_has_a_bound),
        BWRT_IN_BOTH_WAYS(pages_and_longer_pieces_of_a_flight_go_by_two_calls),
        BWRT_IN_BOTH_WAYS(random_pages_are_what_they_were),
    };
    return run_on_driver(tests);
}
