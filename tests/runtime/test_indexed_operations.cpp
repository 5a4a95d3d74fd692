// SPDX-License-Identifier: Apache-2.0
//
// test_indexed_operations.cpp — indexed operations from the interface to the bytes: random
// layouts and random waves run on a real backend (the program's argument: pool or uring), driven
// by the caller, and after each wave every byte of memory and file is compared with a model that
// moves one byte at a time.  So are results, groups and the completion, and in the end every
// region, layout and page of the runtime must be free again.

#include <cstring>
#include <string>

#include "runtime/runtime.h"
#include "tests/runtime/indexed_model.h"

namespace {

using bwrt::test::Expected;
using bwrt::test::IndexedModel;
using bwrt::test::LayoutWorld;
using bwrt::test::Random;
using bwrt::test::Scale;

std::uint32_t storage = BWRT_STORAGE_POOL;

// Null where the machine has no io_uring.
bwrt_runtime* open_runtime(Random* random) {
    bwrt_config config = {};
    config.struct_size = sizeof config;
    config.progress = BWRT_PROGRESS_CALLER;
    config.storage = storage;
    config.wave_count_max = 8;
    config.slot_count_max = 1 << 16;
    config.operation_count_max = 64;
    config.queue_depth = random->between32(1, 12);
    config.io_bytes_max = 4096 * random->between32(16, 40);
    config.staging_count = random->between32(1, 3);
    config.pool_thread_count = 2;
    bwrt_runtime* runtime = nullptr;
    bwrt_error error = {};
    const bwrt_status status = bwrt_open(&config, &runtime, &error);
    if (status == BWRT_OK) return runtime;
    if (status != BWRT_E_UNSUPPORTED) fail_msg("open: %s", error.message);
    print_message("no io_uring: %s\n", error.message);
    return nullptr;
}

void close_runtime(bwrt_runtime* runtime) {
    assert_int_equal(bwrt_shutdown(runtime, BWRT_SHUTDOWN_DRAIN, -1, nullptr), BWRT_OK);
    assert_int_equal(bwrt_close(runtime, nullptr), BWRT_OK);
}

void check_results(const std::vector<bwrt_result>& results, const Expected& expected) {
    for (std::size_t i = 0; i < results.size(); ++i) {
        const bwrt_result right = {BWRT_OK, 0, expected.entry_bytes[i], 0, BWRT_TIER_NONE, 0};
        if (std::memcmp(&results[i], &right, sizeof right) == 0) continue;
        fail_msg("entry %zu: status %d, %llu bytes, not 0 and %llu", i, results[i].status,
                 static_cast<unsigned long long>(results[i].bytes),
                 static_cast<unsigned long long>(expected.entry_bytes[i]));
    }
}

void check_groups(const std::vector<bwrt_group_result>& groups, const Expected& expected) {
    for (std::size_t i = 0; i < expected.group_bytes.size(); ++i) {
        assert_int_equal(groups[i].status, BWRT_OK);
        assert_int_equal(groups[i].prefix_count, expected.entry_bytes.size());
        assert_int_equal(groups[i].bytes, expected.group_bytes[i]);
    }
}

void run_a_wave(bwrt_runtime* runtime, LayoutWorld* world, Random* random) {
    IndexedModel model(world, random);
    std::uint32_t count = random->between32(1, 6);
    while (count > 0 && (model.draw_operation() || random->one_in(8))) --count;
    std::vector<bwrt_operation> operations = model.describe();
    if (operations.empty()) return;
    const Expected expected = model.apply();
    std::vector<bwrt_result> results(expected.entry_bytes.size());
    std::vector<bwrt_group_result> groups(expected.group_bytes.size());
    bwrt_wave wave = {};
    wave.struct_size = sizeof wave;
    wave.operations = operations.data();
    wave.operation_count = static_cast<std::uint32_t>(operations.size());
    wave.operation_bytes = sizeof(bwrt_operation);
    wave.priority = random->between32(0, 2);
    const bool with_results = !random->one_in(4);
    const bool with_groups = !random->one_in(4);
    if (with_results) {
        wave.results = results.data();
        wave.result_count = static_cast<std::uint32_t>(results.size());
        wave.result_bytes = sizeof(bwrt_result);
    }
    if (with_groups) {
        wave.groups = groups.data();
        wave.group_count = static_cast<std::uint32_t>(groups.size());
        wave.group_bytes = sizeof(bwrt_group_result);
    }
    bwrt_handle handle = 0;
    bwrt_error error = {};
    if (bwrt_submit_wave(runtime, &wave, &handle, &error) != BWRT_OK) {
        fail_msg("operation %u: %s: %s", error.operation_index, error.field, error.message);
    }
    // The caller's again: whoever still looked would see other slots.
    for (bwrt_operation& operation : operations) operation = {};
    bwrt_completion completion = {};
    assert_int_equal(bwrt_wait(runtime, handle, -1, &completion, nullptr), BWRT_OK);

    world->check_all();
    assert_int_equal(completion.status, BWRT_OK);
    assert_int_equal(completion.verdict, BWRT_VERDICT_LOADED);
    assert_int_equal(completion.bytes, expected.bytes);
    assert_int_equal(completion.prefix_count, expected.entry_bytes.size());
    if (with_results) check_results(results, expected);
    if (with_groups) check_groups(groups, expected);
}

void run_cases(Scale scale, std::uint32_t case_count, std::uint32_t file_flags) {
    const std::uint64_t seed = bwrt::test::test_seed();
    for (std::uint32_t i = 0; i < bwrt::test::share_of(case_count); ++i) {
        Random random(seed + i);
        bwrt_runtime* runtime = open_runtime(&random);
        if (runtime == nullptr) skip();
        const std::uint32_t free_before = runtime->runtime.tables().pages.count_free();
        LayoutWorld world(scale, &random);
        world.create(runtime, file_flags);
        for (int wave = 0; wave < 4; ++wave) run_a_wave(runtime, &world, &random);
        world.release(runtime);
        assert_int_equal(runtime->runtime.tables().pages.count_free(), free_before);
        assert_int_equal(runtime->runtime.tables().waves.count_taken(), 0);
        close_runtime(runtime);
    }
}

void every_byte_of_small_blocks_lands_where_the_model_says(void**) {
    run_cases(Scale::kSmall, 60, 0);
}

void every_byte_of_large_blocks_in_several_bands_lands_where_the_model_says(void**) {
    run_cases(Scale::kFewLargeBlocks, 8, 0);
}

void every_byte_of_more_slots_than_a_page_holds_lands_where_the_model_says(void**) {
    run_cases(Scale::kManyTinyBlocks, 8, 0);
}

void every_byte_past_the_page_cache_lands_where_the_model_says(void**) {
    run_cases(Scale::kSmall, 12, BWRT_REGION_DIRECT);
    run_cases(Scale::kFewLargeBlocks, 3, BWRT_REGION_DIRECT);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc > 1 && std::string(argv[1]) == "uring") storage = BWRT_STORAGE_URING;
    const CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_of_small_blocks_lands_where_the_model_says),
        cmocka_unit_test(every_byte_of_large_blocks_in_several_bands_lands_where_the_model_says),
        cmocka_unit_test(every_byte_of_more_slots_than_a_page_holds_lands_where_the_model_says),
        cmocka_unit_test(every_byte_past_the_page_cache_lands_where_the_model_says),
    };
    return cmocka_run_group_tests_name("indexed operations", tests, nullptr, nullptr);
}
