// SPDX-License-Identifier: Apache-2.0
//
// test_large_waves.cpp — what the default limits promise: 2,048 slots x 160 planes in one wave,
// from memory and from a file, every byte right; and as many operations, of whatever form, as
// operation_count_max says.

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <vector>

#include "runtime/runtime.h"
#include "tests/support/cmocka.h"
#include "tests/support/random.h"

namespace {

constexpr std::uint32_t kSlots = 2048;
constexpr std::uint32_t kPlanes = 160;
constexpr std::uint64_t kRowBytes = 48;
constexpr std::uint64_t kBlockBytes = kPlanes * kRowBytes;
constexpr std::uint64_t kAllBytes = kSlots * kBlockBytes;

bwrt_runtime* open_runtime(const bwrt_config* limits) {
    bwrt_config config = limits != nullptr ? *limits : bwrt_config{};
    config.struct_size = sizeof config;
    config.progress = BWRT_PROGRESS_CALLER;
    bwrt_runtime* runtime = nullptr;
    assert_int_equal(bwrt_open(&config, &runtime, nullptr), BWRT_OK);
    return runtime;
}

void close_runtime(bwrt_runtime* runtime) {
    assert_int_equal(bwrt_shutdown(runtime, BWRT_SHUTDOWN_DRAIN, -1, nullptr), BWRT_OK);
    assert_int_equal(bwrt_close(runtime, nullptr), BWRT_OK);
}

bwrt_handle add_region(bwrt_runtime* runtime, std::uint32_t kind, void* address, int fd,
                       std::uint64_t length) {
    bwrt_region region = {};
    region.struct_size = sizeof region;
    region.kind = kind;
    region.address = address;
    region.fd = fd;
    region.length_bytes = length;
    bwrt_handle handle = 0;
    assert_int_equal(bwrt_region_add(runtime, &region, &handle, nullptr, nullptr), BWRT_OK);
    return handle;
}

// Plane by plane in memory; in a file block by block.
bwrt_handle add_layout(bwrt_runtime* runtime, bwrt_handle region, bool by_block) {
    std::vector<bwrt_plane> planes(kPlanes);
    for (std::uint32_t i = 0; i < kPlanes; ++i) {
        planes[i].region = region;
        planes[i].offset_bytes = by_block ? i * kRowBytes : i * kRowBytes * kSlots;
        planes[i].slot_stride_bytes = by_block ? static_cast<std::int64_t>(kBlockBytes) : 0;
        planes[i].length_bytes = kRowBytes;
        planes[i].group = i / 2;
        planes[i].block_offset_bytes = i * kRowBytes;
    }
    bwrt_layout layout = {};
    layout.struct_size = sizeof layout;
    layout.slot_count = kSlots;
    layout.block_bytes = kBlockBytes;
    layout.planes = planes.data();
    layout.plane_count = kPlanes;
    layout.plane_bytes = sizeof(bwrt_plane);
    bwrt_handle handle = 0;
    assert_int_equal(bwrt_layout_add(runtime, &layout, &handle, nullptr), BWRT_OK);
    return handle;
}

std::vector<std::uint8_t> known_bytes() {
    std::vector<std::uint8_t> bytes(kAllBytes);
    std::uint32_t state = 1;
    for (std::uint8_t& byte : bytes) {
        state = state * 1664525 + 1013904223;
        byte = static_cast<std::uint8_t>(state >> 24);
    }
    return bytes;
}

// Moves all slots, in random order on both sides, and compares each row.
void move_everything(bool from_file) {
    bwrt::test::Random random(bwrt::test::test_seed());
    std::vector<std::uint8_t> source = known_bytes(), target(kAllBytes);
    bwrt_runtime* runtime = open_runtime(nullptr);
    int fd = 0;
    if (from_file) {
        char path[] = "bwrt-test-XXXXXX";
        fd = mkstemp(path);
        assert_true(fd >= 0);
        unlink(path);
        assert_int_equal(pwrite(fd, source.data(), kAllBytes, 0), kAllBytes);
    }
    const bwrt_handle from =
        add_layout(runtime,
                   add_region(runtime, from_file ? BWRT_REGION_FILE : BWRT_REGION_HOST,
                              from_file ? nullptr : source.data(), fd, kAllBytes),
                   from_file);
    if (from_file) close(fd);
    const bwrt_handle to = add_layout(
        runtime, add_region(runtime, BWRT_REGION_HOST, target.data(), 0, kAllBytes), false);
    std::vector<std::uint32_t> source_slots(kSlots), target_slots(kSlots);
    std::iota(source_slots.begin(), source_slots.end(), 0);
    target_slots = source_slots;
    std::shuffle(source_slots.begin(), source_slots.end(), random.engine());
    std::shuffle(target_slots.begin(), target_slots.end(), random.engine());
    bwrt_operation op = {};
    op.kind = from_file ? BWRT_OP_READ : BWRT_OP_COPY;
    op.source = from;
    op.target = to;
    op.source_slots = source_slots.data();
    op.target_slots = target_slots.data();
    op.slot_count = kSlots;
    std::vector<bwrt_result> results(kSlots);
    std::vector<bwrt_group_result> groups(kPlanes / 2);
    bwrt_wave wave = {};
    wave.struct_size = sizeof wave;
    wave.operations = &op;
    wave.operation_count = 1;
    wave.operation_bytes = sizeof op;
    wave.results = results.data();
    wave.result_count = kSlots;
    wave.result_bytes = sizeof(bwrt_result);
    wave.groups = groups.data();
    wave.group_count = kPlanes / 2;
    wave.group_bytes = sizeof(bwrt_group_result);
    bwrt_handle handle = 0;
    bwrt_completion done = {};

    assert_int_equal(bwrt_submit_wave(runtime, &wave, &handle, nullptr), BWRT_OK);
    assert_int_equal(bwrt_wait(runtime, handle, -1, &done, nullptr), BWRT_OK);

    close_runtime(runtime);
    assert_int_equal(done.status, BWRT_OK);
    assert_int_equal(done.bytes, kAllBytes);
    assert_int_equal(done.prefix_count, kSlots);
    for (const bwrt_result& result : results) assert_int_equal(result.bytes, kBlockBytes);
    for (const bwrt_group_result& group : groups) {
        assert_int_equal(group.bytes, 2 * kRowBytes * kSlots);
    }
    for (std::uint32_t i = 0; i < kSlots; ++i) {
        for (std::uint64_t p = 0; p < kPlanes; ++p) {
            const std::uint64_t at = from_file
                                         ? source_slots[i] * kBlockBytes + p * kRowBytes
                                         : p * kRowBytes * kSlots + source_slots[i] * kRowBytes;
            const std::uint64_t here = p * kRowBytes * kSlots + target_slots[i] * kRowBytes;
            if (std::memcmp(&source[at], &target[here], kRowBytes) == 0) continue;
            fail_msg("slot %u of plane %llu is wrong", i, static_cast<unsigned long long>(p));
        }
    }
}

void a_wave_of_2048_slots_and_160_planes_is_copied(void**) { move_everything(false); }

void a_wave_of_2048_slots_and_160_planes_is_read(void**) { move_everything(true); }

constexpr std::uint32_t kCount = 3000;

struct FullWave {
    FullWave() {
        bwrt_config limits = {};
        limits.operation_count_max = kCount;
        limits.slot_count_max = kCount;
        limits.wave_count_max = 1;
        limits.group_count_max = kPlanes;
        runtime = open_runtime(&limits);
        source_region = add_region(runtime, BWRT_REGION_HOST, source.data(), 0, kAllBytes);
        target_region = add_region(runtime, BWRT_REGION_HOST, target.data(), 0, kAllBytes);
    }
    // Submits the operations, waits and closes; the bytes moved.
    std::uint64_t run() {
        bwrt_wave wave = {};
        wave.struct_size = sizeof wave;
        wave.operations = operations.data();
        wave.operation_count = kCount;
        wave.operation_bytes = sizeof(bwrt_operation);
        bwrt_handle handle = 0;
        bwrt_completion done = {};
        bwrt_error error = {};
        if (bwrt_submit_wave(runtime, &wave, &handle, &error) != BWRT_OK) {
            fail_msg("%s: %s: %s", bwrt_status_name(error.status), error.field, error.message);
        }
        assert_int_equal(bwrt_wait(runtime, handle, -1, &done, nullptr), BWRT_OK);
        close_runtime(runtime);
        assert_int_equal(done.status, BWRT_OK);
        return done.bytes;
    }

    std::vector<std::uint8_t> source = known_bytes();
    std::vector<std::uint8_t> target = std::vector<std::uint8_t>(kAllBytes);
    std::vector<bwrt_operation> operations = std::vector<bwrt_operation>(kCount);
    bwrt_runtime* runtime = nullptr;
    bwrt_handle source_region = 0;
    bwrt_handle target_region = 0;
};

void a_wave_may_have_as_many_2d_operations_as_the_limit_says(void**) {
    FullWave wave;
    for (std::uint32_t i = 0; i < kCount; ++i) {
        bwrt_operation& op = wave.operations[i];
        op.kind = BWRT_OP_COPY;
        op.source = wave.source_region;
        op.target = wave.target_region;
        op.target_offset_bytes = op.source_offset_bytes = std::uint64_t{64} * i;
        op.length_bytes = 8;
        op.row_count = 2;
        op.source_stride_bytes = op.target_stride_bytes = 32;
    }

    assert_int_equal(wave.run(), 16 * kCount);
}

void a_wave_may_have_as_many_operations_of_one_slot_as_the_limit_says(void**) {
    FullWave wave;
    const bwrt_handle from = add_layout(wave.runtime, wave.source_region, true);
    const bwrt_handle to = add_layout(wave.runtime, wave.target_region, true);
    std::vector<std::uint32_t> slots(kCount);
    for (std::uint32_t i = 0; i < kCount; ++i) {
        bwrt_operation& op = wave.operations[i];
        slots[i] = i % kSlots;
        op.kind = BWRT_OP_COPY;
        op.source = from;
        op.target = to;
        op.source_slots = op.target_slots = &slots[i];
        op.slot_count = 1;
        op.plane_first = i / kSlots;
        op.plane_count = 1;
    }

    assert_int_equal(wave.run(), kRowBytes * kCount);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_wave_of_2048_slots_and_160_planes_is_copied),
        cmocka_unit_test(a_wave_of_2048_slots_and_160_planes_is_read),
        cmocka_unit_test(a_wave_may_have_as_many_2d_operations_as_the_limit_says),
        cmocka_unit_test(a_wave_may_have_as_many_operations_of_one_slot_as_the_limit_says),
    };
    return cmocka_run_group_tests_name("large waves", tests, nullptr, nullptr);
}
