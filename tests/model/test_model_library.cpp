// SPDX-License-Identifier: Apache-2.0
//
// test_model_library.cpp — the library that models, as a program has it: bwrt.h's functions, its
// own, and a store of which nothing is there but what is known of it.

#include <sys/stat.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "runtime/model/bwrt_model.h"
#include "tests/store/folder.h"

// last, since it defines names that others use
#include "tests/support/cmocka.h"

namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20, kTiB = std::uint64_t{1} << 40;
constexpr std::uint64_t kSecondNs = 1'000'000'000;
constexpr std::uint32_t kBlockBytes = 4 * kMiB;  // of many chunks
constexpr std::uint32_t kCount = 8;

class Modelled {
 public:
    explicit Modelled(std::uint64_t host_bytes = 64 * kMiB, std::uint64_t disk_bytes = 512 * kMiB,
                      const bwrt_model_machine* machine = nullptr) {
        assert_int_equal(bwrt_model_create(machine, &model, nullptr), BWRT_OK);
        const char* const directory = "store";
        bwrt_store store = {};
        store.struct_size = sizeof store;
        store.directories = &directory;
        store.directory_count = 1;
        store.disk_bytes = disk_bytes;
        store.host_bytes = host_bytes;
        store.transit_bytes = 64 * kMiB;
        store.block_bytes_max = kBlockBytes;
        bwrt_config config = {};
        config.struct_size = sizeof config;
        config.progress = BWRT_PROGRESS_CALLER;
        config.store = &store;
        bwrt_error error = {};
        const bwrt_status status = bwrt_model_open(model, &config, &runtime, &error);
        if (status != BWRT_OK) print_error("%s: %s\n", error.field, error.message);
        assert_int_equal(status, BWRT_OK);
        bwrt_region region = {};
        bwrt_region_info info = {};
        region.struct_size = sizeof region;
        region.kind = BWRT_REGION_ALLOCATED;
        region.length_bytes = kCount * kBlockBytes;
        info.struct_size = sizeof info;
        assert_int_equal(bwrt_region_add(runtime, &region, &memory, &info, nullptr), BWRT_OK);
        bytes = static_cast<char*>(info.address);
    }
    ~Modelled() {
        bwrt_shutdown(runtime, BWRT_SHUTDOWN_DRAIN, -1, nullptr);
        assert_int_equal(bwrt_close(runtime, nullptr), BWRT_OK);
        bwrt_model_destroy(model);
    }
    Modelled(const Modelled&) = delete;
    Modelled& operator=(const Modelled&) = delete;

    bwrt_completion run(std::uint32_t kind, std::uint32_t tier = BWRT_TIER_NONE) {
        bwrt_block blocks[kCount] = {};
        for (std::uint32_t i = 0; i < kCount; ++i)
            blocks[i].identity[0] = static_cast<uint8_t>(i + 1);
        bwrt_operation operation = {};
        operation.kind = kind;
        (kind == BWRT_OP_PUT ? operation.source : operation.target) = memory;
        operation.length_bytes = kBlockBytes;
        operation.slot_count = kCount;
        operation.tier = tier;
        bwrt_wave wave = {};
        wave.struct_size = sizeof wave;
        wave.operations = &operation;
        wave.operation_count = 1;
        wave.operation_bytes = sizeof operation;
        wave.blocks = blocks;
        wave.block_count = kCount;
        wave.block_bytes = sizeof blocks[0];
        bwrt_handle handle = 0;
        bwrt_error error = {};
        const bwrt_status status = bwrt_submit_wave(runtime, &wave, &handle, &error);
        if (status != BWRT_OK) print_error("%s: %s\n", error.field, error.message);
        assert_int_equal(status, BWRT_OK);
        bwrt_completion completion = {};
        assert_int_equal(bwrt_wait(runtime, handle, -1, &completion, nullptr), BWRT_OK);
        return completion;
    }
    [[nodiscard]] bwrt_store_counters counters() const {
        bwrt_store_counters counted = {};
        counted.struct_size = sizeof counted;
        assert_int_equal(bwrt_sample_store(runtime, &counted, nullptr), BWRT_OK);
        return counted;
    }
    void pass(std::uint64_t ns) { bwrt_model_pass(model, bwrt_model_now_ns(model) + ns); }

    bwrt_model* model = nullptr;
    bwrt_runtime* runtime = nullptr;
    bwrt_handle memory = 0;
    char* bytes = nullptr;
};

// So many as du would say.
std::uint64_t room_bytes(const std::string& folder) {
    std::uint64_t blocks = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
        struct stat stat = {};
        assert_int_equal(lstat(entry.path().c_str(), &stat), 0);
        blocks += static_cast<std::uint64_t>(stat.st_blocks);
    }
    return blocks * 512;
}

void what_was_put_is_got_and_no_byte_is_moved(void**) {
    Modelled world;
    assert_int_equal(world.run(BWRT_OP_PUT).status, BWRT_OK);
    world.pass(kSecondNs);
    assert_int_equal(world.counters().disk.block_count, kCount);
    std::memset(world.bytes, 7, kCount * kBlockBytes);
    const bwrt_completion completion = world.run(BWRT_OP_GET);
    assert_int_equal(completion.status, BWRT_OK);
    assert_int_equal(completion.bytes, kCount * kBlockBytes);
    assert_int_equal(world.counters().host.hit_count, kCount);
    for (std::size_t i = 0; i < kCount * kBlockBytes; i += 4'096) {
        assert_int_equal(world.bytes[i], 7);
    }
    assert_true(room_bytes("store") < 4 * kMiB);
}

void blocks_come_from_the_disk_where_memory_has_no_room_for_them(void**) {
    Modelled world(0);
    assert_int_equal(world.run(BWRT_OP_PUT).status, BWRT_OK);
    const std::uint64_t begin_ns = bwrt_model_now_ns(world.model);
    assert_int_equal(world.run(BWRT_OP_GET).status, BWRT_OK);
    const bwrt_store_counters counted = world.counters();
    assert_int_equal(counted.disk.hit_count, kCount);
    assert_int_equal(counted.corrupt_count, 0);
    // 32 MiB at 6.5 GB/s take 5.2 ms, and are copied at 12 GB/s, of which the last chunk at least
    // comes behind them.
    const std::uint64_t took_ns = bwrt_model_now_ns(world.model) - begin_ns;
    assert_in_range(took_ns, 5'160'000, 5'160'000 + 2'900'000);
}

void nothing_happens_unless_time_passes(void**) {
    Modelled world;
    const std::uint64_t begin_ns = bwrt_model_now_ns(world.model);
    assert_int_equal(begin_ns, kSecondNs);
    assert_int_equal(world.run(BWRT_OP_PUT).status, BWRT_OK);
    assert_true(world.counters().flight_count > 0);
    bwrt_model_pass(world.model, begin_ns);  // which was long ago
    assert_true(world.counters().flight_count > 0);
    world.pass(kSecondNs);
    assert_int_equal(world.counters().flight_count, 0);
    const std::uint64_t end_ns = bwrt_model_now_ns(world.model);
    world.pass(3'600 * kSecondNs);
    assert_int_equal(bwrt_model_now_ns(world.model), end_ns + 3'600 * kSecondNs);
}

// The thread sanitizer leaves a program a terabyte and a half of them, and where in there its own
// mappings lie is drawn: a whole one is not always free.
constexpr std::uint64_t kHostBytes = bwrt::test::kThreadSanitizer ? kTiB / 16 : kTiB;

void a_terabyte_of_memory_is_only_addresses(void**) {
    Modelled world(kHostBytes, 8 * kTiB);
    assert_int_equal(world.run(BWRT_OP_PUT).status, BWRT_OK);
    world.pass(kSecondNs);
    assert_int_equal(world.counters().host.block_count, kCount);
    assert_true(room_bytes("store") < 4 * kMiB);
}

void a_slower_disk_takes_longer(void**) {
    std::uint64_t took_ns[2] = {};
    for (const int slower : {0, 1}) {
        bwrt_model_machine machine = {};
        machine.struct_size = sizeof machine;
        machine.read_bytes_per_s = slower != 0 ? 100'000'000 : 1'000'000'000;
        Modelled world(0, 512 * kMiB, &machine);
        assert_int_equal(world.run(BWRT_OP_PUT).status, BWRT_OK);
        const std::uint64_t begin_ns = bwrt_model_now_ns(world.model);
        assert_int_equal(world.run(BWRT_OP_GET).status, BWRT_OK);
        took_ns[slower] = bwrt_model_now_ns(world.model) - begin_ns;
        std::filesystem::remove_all("store");
    }
    assert_true(took_ns[1] > 9 * took_ns[0]);
}

void the_ways_past_the_model_are_refused(void**) {
    bwrt_error error = {};
    bwrt_config config = {};
    config.struct_size = sizeof config;
    bwrt_runtime* runtime = nullptr;
    config.progress = BWRT_PROGRESS_CALLER;
    assert_int_equal(bwrt_open(&config, &runtime, &error), BWRT_E_UNSUPPORTED);
    assert_non_null(std::strstr(error.message, "bwrt_model_open"));
    bwrt_model* model = nullptr;
    assert_int_equal(bwrt_model_create(nullptr, &model, &error), BWRT_OK);
    config.progress = BWRT_PROGRESS_THREAD;
    assert_int_equal(bwrt_model_open(model, &config, &runtime, &error), BWRT_E_INVAL);
    assert_string_equal(error.field, "config.progress");
    assert_int_equal(bwrt_model_open(model, nullptr, &runtime, &error), BWRT_E_INVAL);
    config.progress = BWRT_PROGRESS_CALLER;
    assert_int_equal(bwrt_model_open(nullptr, &config, &runtime, &error), BWRT_E_INVAL);
    assert_int_equal(bwrt_model_open(model, &config, nullptr, &error), BWRT_E_INVAL);
    assert_int_equal(bwrt_model_open(model, &config, &runtime, &error), BWRT_OK);
    bwrt_runtime* second = nullptr;
    assert_int_equal(bwrt_model_open(model, &config, &second, &error), BWRT_E_INVAL);
    assert_string_equal(error.field, "model");
    bwrt_shutdown(runtime, BWRT_SHUTDOWN_DRAIN, -1, nullptr);
    assert_int_equal(bwrt_close(runtime, nullptr), BWRT_OK);
    bwrt_model_destroy(model);
    bwrt_model_destroy(nullptr);
}

void a_machine_that_is_none_is_refused(void**) {
    bwrt_error error = {};
    bwrt_model* model = nullptr;
    bwrt_model_machine machine = {};
    assert_int_equal(bwrt_model_create(&machine, &model, &error), BWRT_E_ABI);
    assert_string_equal(error.field, "machine.struct_size");
    assert_int_equal(bwrt_model_create(nullptr, nullptr, &error), BWRT_E_INVAL);
    assert_null(model);
}

void a_modelled_world_has_no_devices(void**) {
    Modelled modelled;
    bwrt_region region = {};
    bwrt_error error = {};
    bwrt_handle handle = 77;
    region.struct_size = sizeof region;
    region.kind = BWRT_REGION_DEVICE;
    region.length_bytes = kMiB;

    assert_int_equal(bwrt_region_add(modelled.runtime, &region, &handle, nullptr, &error),
                     BWRT_E_UNSUPPORTED);

    assert_string_equal(error.field, "region.kind");
    assert_string_equal(error.message, "a modelled world has no devices");
    assert_int_equal(handle, 77);
}

}  // namespace

int main() {
    using bwrt::test::enter_folder, bwrt::test::leave_folder;
    const CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_put_is_got_and_no_byte_is_moved, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(blocks_come_from_the_disk_where_memory_has_no_room_for_them,
                                        enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(nothing_happens_unless_time_passes, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(a_terabyte_of_memory_is_only_addresses, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(a_slower_disk_takes_longer, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(a_modelled_world_has_no_devices, enter_folder,
                                        leave_folder),
        cmocka_unit_test(the_ways_past_the_model_are_refused),
        cmocka_unit_test(a_machine_that_is_none_is_refused),
    };
    return cmocka_run_group_tests_name("model_library", tests, nullptr, nullptr);
}
