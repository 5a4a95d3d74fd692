// SPDX-License-Identifier: Apache-2.0
//
// order_test.cpp — in which order waves are served, seen on a device that takes
// one request at a time: then waves end in the order in which they were begun.
//
// Each test submits all its waves before anything drives, so all are ready at
// the first turn.

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <vector>

#include "runtime/runtime.h"
#include "tests/sim/sim_storage.h"
#include "tests/support/cmocka.h"

namespace {

using namespace bwrt::sim;

constexpr std::uint64_t kBlockBytes = 4096;
constexpr std::uint64_t kBlockCount = 64;

// A device without faults, a file of 64 blocks, and memory for them.
struct OneAtATime {
    Random random{7};
    SimClock clock;
    FaultOptions options;
    FaultTable table;
    Verdict verdict{7};
    SimStorage storage{&clock, &random, &options, &table, &verdict};
    SimHost host{&clock, &random, &options, &table};
    std::array<std::byte, kBlockBytes* kBlockCount> memory = {};
    bwrt_runtime* runtime = nullptr;
    bwrt_handle file = 0;
    std::uint64_t next_block = 0;

    OneAtATime() {
        storage.world_states = host.world_states = [] { return 0u; };
        storage.is_callers_memory = [](const void*) { return true; };
        storage.is_target = [](std::uint32_t, std::uint64_t, std::uint64_t) { return false; };
        bwrt_config config = {};
        config.struct_size = sizeof config;
        config.progress = BWRT_PROGRESS_CALLER;
        config.queue_depth = 1;
        assert_int_equal(
            bwrt::runtime::open_runtime(&config, {&clock, &storage, &host}, &runtime, nullptr),
            BWRT_OK);
        const int fd = memfd_create("bwrt-order", MFD_CLOEXEC);
        assert_int_equal(ftruncate(fd, sizeof memory), 0);
        storage.add_image(fd, sizeof memory, sizeof memory);
        bwrt_region region = {};
        region.struct_size = sizeof region;
        region.kind = BWRT_REGION_FILE;
        region.fd = fd;
        assert_int_equal(bwrt_region_add(runtime, &region, &file, nullptr, nullptr), BWRT_OK);
        close(fd);
    }
    ~OneAtATime() {
        bwrt_shutdown(runtime, BWRT_SHUTDOWN_CANCEL, -1, nullptr);
        bwrt_close(runtime, nullptr);
    }

    void submit(std::uint64_t user_data, std::uint64_t deadline_ns, std::uint32_t priority) {
        bwrt_operation read = {};
        read.kind = BWRT_OP_READ;
        read.source = file;
        read.target = BWRT_PROCESS_MEMORY;
        read.source_offset_bytes = next_block * kBlockBytes;
        read.target_offset_bytes =
            reinterpret_cast<std::uintptr_t>(memory.data()) + next_block * kBlockBytes;
        read.length_bytes = kBlockBytes;
        bwrt_wave wave = {};
        wave.struct_size = sizeof wave;
        wave.operations = &read;
        wave.operation_count = 1;
        wave.operation_bytes = sizeof read;
        wave.priority = priority;
        wave.delivery = BWRT_DELIVER_QUEUE;
        wave.deadline_ns = deadline_ns;
        wave.user_data = user_data;
        bwrt_handle handle = 0;
        assert_int_equal(bwrt_submit_wave(runtime, &wave, &handle, nullptr), BWRT_OK);
        ++next_block;
    }

    // The user_data of all waves, as they ended.
    std::vector<std::uint64_t> run_all() {
        std::vector<std::uint64_t> order;
        while (order.size() < next_block) {
            bwrt_completion completion = {};
            std::uint32_t count = 0;
            assert_int_equal(bwrt_poll(runtime, &completion, 1, &count, nullptr), BWRT_OK);
            if (count != 0) order.push_back(completion.user_data);
            clock.advance(10'000);
        }
        return order;
    }
};

void waves_of_one_priority_are_served_by_deadline(void**) {
    OneAtATime world;
    std::vector<std::uint64_t> deadlines;

    for (int i = 0; i < 40; ++i) {
        deadlines.push_back(world.clock.peek_ns() + world.random.between(1, 900'000'000));
        world.submit(deadlines.back(), deadlines.back(), BWRT_PRIORITY_NORMAL);
    }
    const std::vector<std::uint64_t> order = world.run_all();

    std::sort(deadlines.begin(), deadlines.end());
    assert_true(order == deadlines);
}

void a_wave_without_a_deadline_counts_as_due_a_second_after_submission(void**) {
    OneAtATime world;
    const std::uint64_t now_ns = world.clock.peek_ns();

    world.submit(3, now_ns + 1'000'000'001, BWRT_PRIORITY_NORMAL);
    world.submit(2, 0, BWRT_PRIORITY_NORMAL);
    world.submit(1, now_ns + 999'999'999, BWRT_PRIORITY_NORMAL);
    const std::vector<std::uint64_t> order = world.run_all();

    // A later deadline is held to be due a second after submission too: then it
    // is first come.
    assert_true((order == std::vector<std::uint64_t>{1, 3, 2}));
}

void an_urgent_wave_goes_before_a_normal_one_and_that_before_one_in_the_background(void**) {
    OneAtATime world;

    world.submit(3, world.clock.peek_ns() + 1, BWRT_PRIORITY_BACKGROUND);
    world.submit(2, world.clock.peek_ns() + 2, BWRT_PRIORITY_NORMAL);
    world.submit(1, world.clock.peek_ns() + 3, BWRT_PRIORITY_URGENT);
    const std::vector<std::uint64_t> order = world.run_all();

    assert_true((order == std::vector<std::uint64_t>{1, 2, 3}));
}

void lower_priorities_keep_a_sixteenth_of_the_requests(void**) {
    OneAtATime world;

    world.submit(2, 0, BWRT_PRIORITY_BACKGROUND);
    for (int i = 0; i < 40; ++i) world.submit(1, 0, BWRT_PRIORITY_URGENT);
    const std::vector<std::uint64_t> order = world.run_all();

    const auto background = std::find(order.begin(), order.end(), 2) - order.begin();
    assert_int_equal(background, 15);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(waves_of_one_priority_are_served_by_deadline),
        cmocka_unit_test(a_wave_without_a_deadline_counts_as_due_a_second_after_submission),
        cmocka_unit_test(
            an_urgent_wave_goes_before_a_normal_one_and_that_before_one_in_the_background),
        cmocka_unit_test(lower_priorities_keep_a_sixteenth_of_the_requests),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
