// SPDX-License-Identifier: Apache-2.0
//
// Copies to, from and within devices: every byte where it belongs, in every form of an operation,
// in both ways of progress, and compared by the driver's own copies; what a version does not do is
// refused by name.  On the fake driver what is enqueued runs as late as it may.

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "tests/device/copy_world.h"
#include "tests/support/random.h"

namespace bwrt::test {
namespace {

constexpr std::size_t kBytes = std::size_t{1} << 20;
constexpr const char* kAdverse = "delay=3000us; spoil";

void bytes_go_to_a_device_and_come_back(void** state) {
    CopyWorld world;
    world.start_copies(state, kAdverse);
    const DeviceMemory device = world.memory(4 * kBytes);

    for (const std::size_t bytes : {std::size_t{1}, std::size_t{4095}, std::size_t{256} << 10,
                                    (std::size_t{256} << 10) + 1, 3 * kBytes + 7}) {
        const Bytes source = pattern(bytes, static_cast<std::uint32_t>(bytes));
        Bytes target(bytes);
        world.assert_runs({copy_in(source, device.region, 5)});
        assert_true(world.look(device.address + 5, bytes) == source);
        world.assert_runs({copy_out(device.region, &target, 5)});
        assert_true(target == source);
    }

    // None that would have kept the driver waiting.
    if (fake_driver() != nullptr) assert_int_equal(fake_driver()->count("pageable"), 5);
    world.end_copies();
}

void bytes_go_from_one_place_to_another_on_a_device(void** state) {
    CopyWorld world;
    const Bytes source = pattern(kBytes, 3);
    world.start_copies(state, kAdverse);
    const DeviceMemory first = world.memory(2 * kBytes), second = world.memory(kBytes);
    world.assert_runs({copy_in(source, first.region, 7)});

    world.assert_runs({copy(first.region, 7, second.region, 0, kBytes),
                       copy(first.region, 7, first.region, kBytes + 7, kBytes - 7)});

    assert_true(world.look(second.address, kBytes) == source);
    assert_memory_equal(world.look(first.address + kBytes + 7, kBytes - 7).data(), source.data(),
                        kBytes - 7);
    world.end_copies();
}

void rows_go_each_to_its_own_place(void** state) {
    constexpr std::size_t kRow = 1000, kRows = 300;
    CopyWorld world;
    Bytes source = pattern(kRows * 1500, 4), target(kRows * kRow);
    world.start_copies(state, kAdverse);
    const DeviceMemory device = world.memory(kBytes);
    bwrt_operation rows = copy_in(source, device.region);
    rows.length_bytes = kRow;
    rows.row_count = kRows;
    rows.source_stride_bytes = 1500;
    rows.target_stride_bytes = 3000;
    bwrt_operation back = copy_out(device.region, &target);
    back.length_bytes = kRow;
    back.row_count = kRows;
    back.source_stride_bytes = 3000;

    world.assert_runs({rows});
    world.assert_runs({back});

    for (std::size_t row = 0; row < kRows; ++row) {
        assert_memory_equal(target.data() + row * kRow, source.data() + row * 1500, kRow);
    }
    world.end_copies();
}

// Two planes on the device, K and V apart, and blocks as they come on the host.
struct PagedWorld : CopyWorld {
    static constexpr std::uint32_t kSlots = 64;
    static constexpr std::uint64_t kPlane = 4096;
    DeviceMemory planes[2];
    bwrt_handle layout = 0;

    void add_layout() {
        bwrt_plane of_layout[2] = {};
        for (std::uint32_t i = 0; i < 2; ++i) {
            planes[i] = memory(kSlots * kPlane);
            of_layout[i].region = planes[i].region;
            of_layout[i].length_bytes = kPlane;
            of_layout[i].group = i;
            of_layout[i].block_offset_bytes = i * kPlane;
        }
        bwrt_layout description = {};
        description.struct_size = sizeof description;
        description.slot_count = kSlots;
        description.block_bytes = 2 * kPlane;
        description.planes = of_layout;
        description.plane_count = 2;
        description.plane_bytes = sizeof of_layout[0];
        assert_int_equal(bwrt_layout_add(runtime, &description, &layout, &error), BWRT_OK);
    }
};

void slots_of_a_layout_on_a_device_are_filled_and_emptied(void** state) {
    PagedWorld world;
    const Bytes blocks = pattern(40 * 2 * PagedWorld::kPlane, 5);
    Bytes back(blocks.size());
    std::vector<std::uint32_t> slots;
    for (std::uint32_t i = 0; i < 40; ++i) slots.push_back((i * 37 + 11) % PagedWorld::kSlots);
    slots[7] = BWRT_NONE;
    world.start_copies(state, kAdverse);
    world.add_layout();
    bwrt_operation in = copy_in(blocks, world.layout);
    in.length_bytes = 0;
    in.target_slots = slots.data();
    in.slot_count = 40;
    bwrt_operation out = copy_out(world.layout, &back);
    out.length_bytes = 0;
    out.source_slots = slots.data();
    out.slot_count = 40;

    world.assert_runs({in});
    world.assert_runs({out});

    for (std::uint32_t i = 0; i < 40; ++i) {
        if (slots[i] == BWRT_NONE) continue;
        const unsigned char* const block = blocks.data() + i * 2 * PagedWorld::kPlane;
        for (std::uint32_t plane = 0; plane < 2; ++plane) {
            const Bytes there = world.look(
                world.planes[plane].address + slots[i] * PagedWorld::kPlane, PagedWorld::kPlane);
            assert_memory_equal(there.data(), block + plane * PagedWorld::kPlane, there.size());
        }
        assert_memory_equal(back.data() + i * 2 * PagedWorld::kPlane, block,
                            2 * PagedWorld::kPlane);
    }
    world.end_copies();
}

void a_wave_of_several_ways_is_accounted_by_operation_and_group(void** state) {
    CopyWorld world;
    const Bytes source = pattern(kBytes, 6);
    Bytes target(kBytes), on_host(100);
    alignas(8) static std::uint64_t signals[2];
    bwrt_result results[6] = {};
    bwrt_group_result groups[2] = {};
    bwrt_wave wave = {};
    world.start_copies(state, kAdverse);
    const DeviceMemory first = world.memory(kBytes), second = world.memory(kBytes);
    world.assert_runs({copy_in(source, first.region)});
    wave.results = results;
    wave.result_count = 6;
    wave.result_bytes = sizeof results[0];
    wave.groups = groups;
    wave.group_count = 2;
    wave.group_bytes = sizeof groups[0];
    std::vector<bwrt_operation> operations = {
        copy_out(first.region, &target), copy(first.region, 0, second.region, 0, kBytes / 2),
        copy_in(target, second.region, kBytes / 2), copy_in(on_host, BWRT_PROCESS_MEMORY)};
    operations[2].length_bytes = kBytes / 2;
    operations[2].source_offset_bytes = reinterpret_cast<std::uint64_t>(source.data());
    operations[3].source_offset_bytes = reinterpret_cast<std::uint64_t>(source.data());
    operations[3].target_offset_bytes = reinterpret_cast<std::uint64_t>(on_host.data());
    operations[1].group = operations[3].group = 1;
    for (std::uint32_t group = 0; group < 2; ++group) {
        bwrt_operation signal = {};
        signal.kind = BWRT_OP_SIGNAL;
        signal.target = BWRT_PROCESS_MEMORY;
        signal.target_offset_bytes = reinterpret_cast<std::uint64_t>(&signals[group]);
        signal.length_bytes = 8;
        signal.value_done = 7 + group;
        signal.group = group;
        operations.push_back(signal);
    }

    const bwrt_completion completion = world.run(operations, wave);

    assert_int_equal(completion.status, BWRT_OK);
    assert_int_equal(completion.bytes, 2 * kBytes + 100);
    assert_int_equal(results[0].bytes, kBytes);
    assert_int_equal(results[1].bytes, kBytes / 2);
    assert_int_equal(groups[0].bytes, kBytes + kBytes / 2);
    assert_int_equal(groups[1].bytes, kBytes / 2 + 100);
    assert_int_equal(signals[0], 7);
    assert_int_equal(signals[1], 8);
    assert_true(target == source);
    assert_memory_equal(world.look(second.address, kBytes / 2).data(), source.data(), kBytes / 2);
    assert_memory_equal(world.look(second.address + kBytes / 2, kBytes / 2).data(), source.data(),
                        kBytes / 2);
    world.end_copies();
}

void routes_of_devices_are_counted(void** state) {
    CopyWorld world;
    const Bytes source = pattern(kBytes, 8);
    Bytes target(kBytes / 2);
    bwrt_route routes[8] = {};
    bwrt_counters counters = {};
    world.start_copies(state, "");
    const DeviceMemory device = world.memory(2 * kBytes);
    counters.struct_size = sizeof counters;
    counters.routes = routes;
    counters.route_capacity = 8;
    counters.route_bytes = sizeof routes[0];

    world.assert_runs({copy_in(source, device.region)});
    world.assert_runs({copy_out(device.region, &target)});
    world.assert_runs({copy(device.region, 0, device.region, kBytes, 4096)});
    assert_int_equal(bwrt_sample(world.runtime, &counters, nullptr), BWRT_OK);

    assert_int_equal(counters.route_count, 7);
    const std::uint64_t bytes[] = {kBytes, kBytes / 2, 4096};
    const std::uint32_t tiers[][2] = {{BWRT_TIER_HOST, BWRT_TIER_DEVICE},
                                      {BWRT_TIER_DEVICE, BWRT_TIER_HOST},
                                      {BWRT_TIER_DEVICE, BWRT_TIER_DEVICE}};
    for (std::uint32_t i = 0; i < 3; ++i) {
        const bwrt_route& route = routes[4 + i];
        assert_int_equal(route.source_tier, tiers[i][0]);
        assert_int_equal(route.target_tier, tiers[i][1]);
        assert_int_equal(route.bytes, bytes[i]);
        assert_int_equal(route.staged_bytes, i < 2 ? bytes[i] : 0);
        assert_int_equal(route.inflight_count, 0);
        assert_int_equal(route.error_count, 0);
    }
    assert_int_equal(counters.queued_bytes, 0);
    world.end_copies();
}

void a_wave_may_have_sides_on_two_devices(void** state) {
    CopyWorld world;
    const Bytes a = pattern(kBytes, 9), b = pattern(kBytes, 10);
    Bytes from_a(kBytes), from_b(kBytes);
    need_fake();  // of a machine with two
    world.start_copies(state, kAdverse);
    const DeviceMemory first = world.memory(kBytes, 0), second = world.memory(kBytes, 1);

    world.assert_runs({copy_in(a, first.region), copy_in(b, second.region)});
    world.assert_runs({copy_out(second.region, &from_b), copy_out(first.region, &from_a)});

    assert_true(from_a == a);
    assert_true(from_b == b);
    world.end_copies();
}

// Driven by nothing but an event loop: its timer wakes whoever has to ask the device.
void an_event_loop_is_woken_for_a_device(void** state) {
    CopyWorld world;
    const Bytes source = pattern(kBytes, 11);
    bwrt_wave wave = {};
    bwrt_completion completion = {};
    std::int32_t fd = -1;
    std::uint32_t count = 0;
    world.start_copies(state, kAdverse);
    const DeviceMemory device = world.memory(kBytes);
    assert_int_equal(bwrt_event_fd(world.runtime, &fd, nullptr), BWRT_OK);
    wave.delivery = BWRT_DELIVER_QUEUE;

    world.submitted({copy_in(source, device.region)}, wave);
    while (count == 0) {
        pollfd watched = {fd, POLLIN, 0};
        assert_int_equal(poll(&watched, 1, 60'000), 1);
        assert_int_equal(bwrt_poll(world.runtime, &completion, 1, &count, nullptr), BWRT_OK);
    }

    assert_int_equal(completion.status, BWRT_OK);
    assert_true(world.look(device.address, kBytes) == source);
    world.end_copies();
}

// Waves at once, of pieces of any length, over memory that each has a part of.
void random_waves_leave_what_they_should(void** state) {
    constexpr std::size_t kWaves = 12, kPart = 96 << 10;
    Random random(test_seed());
    CopyWorld world;
    const std::string plan = "delay=2000us; spoil; seed=" + std::to_string(1 + random.below(1000));
    world.start_copies(state, plan.c_str());
    const DeviceMemory device = world.memory(2 * kWaves * kPart);
    const Bytes source = pattern(kWaves * kPart, 12);
    Bytes back(source.size());
    std::vector<std::vector<bwrt_operation>> waves[3];
    for (std::size_t i = 0; i < kWaves; ++i) {
        std::vector<bwrt_operation> ways[3];
        for (std::size_t at = i * kPart, end = at + kPart; at < end;) {
            const std::size_t bytes = std::min<std::size_t>(end - at, 1 + random.below(9000));
            const auto host = reinterpret_cast<std::uint64_t>(source.data()) + at;
            const auto home = reinterpret_cast<std::uint64_t>(back.data()) + at;
            const std::size_t moved = kWaves * kPart + at;
            ways[0].push_back(copy(BWRT_PROCESS_MEMORY, host, device.region, at, bytes));
            ways[1].push_back(copy(device.region, at, device.region, moved, bytes));
            ways[2].push_back(copy(device.region, moved, BWRT_PROCESS_MEMORY, home, bytes));
            at += bytes;
        }
        for (std::size_t way = 0; way < 3; ++way) {
            for (std::size_t n = ways[way].size(); n > 1; --n) {
                std::swap(ways[way][n - 1], ways[way][random.below(n)]);
            }
            waves[way].push_back(ways[way]);
        }
    }

    std::vector<bwrt_handle> handles;
    bwrt_wave after[3] = {};
    after[1].flags = after[2].flags = BWRT_WAVE_BARRIER;
    for (std::size_t way = 0; way < 3; ++way) {
        for (const auto& operations : waves[way]) {
            handles.push_back(world.submitted(operations, after[way]));
        }
    }
    for (const bwrt_handle handle : handles) {
        assert_int_equal(world.outcome(handle).status, BWRT_OK);
    }

    assert_true(back == source);
    world.end_copies();
}

void what_this_version_does_not_do_on_a_device_is_refused_by_name(void** state) {
    CopyWorld world;
    Bytes host(kBytes);
    bwrt_handle handle = 77;
    bwrt_region file = {};
    world.start_copies(state, "");
    const DeviceMemory device = world.memory(kBytes);
    file.struct_size = sizeof file;
    file.kind = BWRT_REGION_FILE;
    char name[] = "bwrt-test-XXXXXX";
    file.fd = mkstemp(name);
    file.length_bytes = kBytes;
    unlink(name);
    const bwrt_handle disk = world.added(file);
    const auto refused = [&](const bwrt_operation& operation, const char* field,
                             const char* words) {
        assert_int_equal(world.submit({}, {operation}, &handle), BWRT_E_UNSUPPORTED);
        assert_string_equal(world.error.field, field);
        assert_true(has(world.error.message, words));
        assert_int_equal(handle, 77);
    };
    bwrt_operation read = copy(disk, 0, device.region, 0, 64), write = read;
    read.kind = BWRT_OP_READ;
    write.kind = BWRT_OP_WRITE;
    std::swap(write.source, write.target);
    bwrt_gemm shape = {};
    shape.struct_size = sizeof shape;
    shape.m = shape.n = shape.k = 1;
    shape.b = BWRT_PROCESS_MEMORY;
    shape.b_offset_bytes = reinterpret_cast<std::uint64_t>(host.data());
    bwrt_operation gemm = {};
    gemm.kind = BWRT_OP_GEMM;
    gemm.source = device.region;
    gemm.target = BWRT_PROCESS_MEMORY;
    gemm.target_offset_bytes = shape.b_offset_bytes + 64;
    gemm.gemm = &shape;

    refused(read, "operations[].target", "a READ has no side on a device");
    refused(write, "operations[].source", "a WRITE has no side on a device");
    refused(gemm, "operations[].source", "a GEMM has no side on a device");
    if (fake_driver() != nullptr) {
        const DeviceMemory other = world.memory(kBytes, 1);
        refused(copy(device.region, 0, other.region, 0, 64), "operations[].target",
                "not to another one");
    }
    assert_int_equal(world.submit({}, {copy(device.region, 0, device.region, 63, 64)}, &handle),
                     BWRT_E_OVERLAP);
    assert_int_equal(world.submit({}, {copy(device.region, 0, device.region, kBytes, 64)}, &handle),
                     BWRT_E_RANGE);
    ::close(file.fd);
    world.end_copies();
}

void neither_plans_nor_blocks_reach_a_device(void**) {
    CopyWorld world;
    bwrt_config config = {};
    bwrt_planner planner = {};
    bwrt_store store = {};
    bwrt_wave planned = {}, with_block = {};
    bwrt_block block = {};
    bwrt_handle handle = 77;
    const Bytes source(64);
    world.start_on_any("");
    world.close();
    planner.struct_size = sizeof planner;
    store.struct_size = sizeof store;
    store.host_bytes = 4 * kBytes;
    store.block_bytes_max = 4096;
    config.struct_size = sizeof config;
    config.planner = &planner;
    config.store = &store;
    assert_int_equal(bwrt_open(&config, &world.runtime, &world.error), BWRT_OK);
    const DeviceMemory device = world.memory(kBytes);
    planned.flags = BWRT_WAVE_PLANNED;
    block.identity[0] = 1;
    with_block.blocks = &block;
    with_block.block_count = 1;
    with_block.block_bytes = sizeof block;
    bwrt_operation put = {};
    put.kind = BWRT_OP_PUT;
    put.source = device.region;
    put.length_bytes = 4096;
    put.slot_count = 1;
    bwrt_operation get = put;
    get.kind = BWRT_OP_GET;
    std::swap(get.source, get.target);

    assert_int_equal(world.submit(planned, {copy_in(source, device.region)}, &handle),
                     BWRT_E_UNSUPPORTED);
    assert_true(has(world.error.message, "a planned wave has no side on a device"));
    assert_int_equal(world.submit(with_block, {put}, &handle), BWRT_E_UNSUPPORTED);
    assert_string_equal(world.error.field, "operations[].source");
    assert_true(has(world.error.message, "a PUT has no side on a device"));
    assert_int_equal(world.submit(with_block, {get}, &handle), BWRT_E_UNSUPPORTED);
    assert_string_equal(world.error.field, "operations[].target");
    assert_int_equal(handle, 77);
    world.end();
}

void planes_on_a_device_and_elsewhere_make_no_layout(void** state) {
    CopyWorld world;
    static unsigned char host[8192];
    bwrt_handle layout = 77;
    world.start_copies(state, "");
    bwrt_plane planes[2] = {};
    planes[0].region = world.memory(8192).region;
    planes[1].region = world.added(host_region(host, sizeof host));
    planes[0].length_bytes = planes[1].length_bytes = planes[1].block_offset_bytes = 4096;
    bwrt_layout description = {};
    description.struct_size = sizeof description;
    description.slot_count = 2;
    description.block_bytes = 8192;
    description.planes = planes;
    description.plane_count = 2;
    description.plane_bytes = sizeof planes[0];

    assert_int_equal(bwrt_layout_add(world.runtime, &description, &layout, &world.error),
                     BWRT_E_INVAL);
    assert_string_equal(world.error.field, "planes[].region");
    assert_int_equal(layout, 77);
    world.end_copies();
}

}  // namespace
}  // namespace bwrt::test

int main() {
    using namespace bwrt::test;
    const CMUnitTest tests[] = {
        BWRT_IN_BOTH_WAYS(bytes_go_to_a_device_and_come_back),
        BWRT_IN_BOTH_WAYS(bytes_go_from_one_place_to_another_on_a_device),
        BWRT_IN_BOTH_WAYS(rows_go_each_to_its_own_place),
        BWRT_IN_BOTH_WAYS(slots_of_a_layout_on_a_device_are_filled_and_emptied),
        BWRT_IN_BOTH_WAYS(a_wave_of_several_ways_is_accounted_by_operation_and_group),
        BWRT_IN_BOTH_WAYS(routes_of_devices_are_counted),
        BWRT_IN_BOTH_WAYS(a_wave_may_have_sides_on_two_devices),
        BWRT_IN_BOTH_WAYS(an_event_loop_is_woken_for_a_device),
        BWRT_IN_BOTH_WAYS(random_waves_leave_what_they_should),
        BWRT_IN_BOTH_WAYS(what_this_version_does_not_do_on_a_device_is_refused_by_name),
        cmocka_unit_test(neither_plans_nor_blocks_reach_a_device),
        BWRT_IN_BOTH_WAYS(planes_on_a_device_and_elsewhere_make_no_layout),
    };
    return run_on_driver(tests);
}
