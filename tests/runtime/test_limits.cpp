// SPDX-License-Identifier: Apache-2.0
//
// test_limits.cpp — bwrt_config against the numbers of bwrt.h, field by field: the default for 0,
// both ends taken, one step past them refused with the field's name and nothing written.

#include "runtime/limits.h"

#include <cstring>
#include <string>

#include "tests/support/cmocka.h"

namespace {

using bwrt::runtime::check_config;

bwrt::runtime::Calibration unused;  // no table is named here: see test_calibration.cpp

// As bwrt.h states them.
struct Promise {
    const char* name;
    std::uint32_t bwrt_config::*field;
    std::uint32_t minimum;
    std::uint32_t maximum;
    std::uint32_t otherwise;
    std::uint32_t step;
};

const Promise kPromises[] = {
    {"config.wave_count_max", &bwrt_config::wave_count_max, 1, 32768, 1024, 1},
    {"config.operation_count_max", &bwrt_config::operation_count_max, 1, 4194304, 131072, 1},
    {"config.slot_count_max", &bwrt_config::slot_count_max, 1, 67108864, 1048576, 1},
    {"config.region_count_max", &bwrt_config::region_count_max, 1, 65535, 1024, 1},
    {"config.layout_count_max", &bwrt_config::layout_count_max, 1, 65535, 64, 1},
    {"config.plane_count_max", &bwrt_config::plane_count_max, 1, 65536, 4096, 1},
    {"config.group_count_max", &bwrt_config::group_count_max, 1, 32768, 1024, 1},
    {"config.queue_depth", &bwrt_config::queue_depth, 1, 4096, 128, 1},
    {"config.io_bytes_max", &bwrt_config::io_bytes_max, 65536, 16777216, 1048576, 4096},
    {"config.staging_count", &bwrt_config::staging_count, 1, 256, 16, 1},
    {"config.pool_thread_count", &bwrt_config::pool_thread_count, 1, 64, 4, 1},
};

bwrt_config empty_config() {
    bwrt_config config = {};
    config.struct_size = sizeof config;
    return config;
}

void expect_refusal(const bwrt_config& config, bwrt_status status, const char* field) {
    bwrt_config untouched, result;
    std::memset(&untouched, 0x5A, sizeof untouched);
    std::memset(&result, 0x5A, sizeof result);
    bwrt_error error = {};

    assert_int_equal(check_config(&config, &result, &unused, {&error, BWRT_NONE}), status);

    assert_string_equal(error.field, field);
    assert_true(error.message[0] != '\0');
    assert_memory_equal(&result, &untouched, sizeof result);
}

void no_config_takes_every_default(void**) {
    bwrt_config result = {};

    assert_int_equal(check_config(nullptr, &result, &unused, {}), BWRT_OK);

    for (const Promise& promise : kPromises) {
        assert_int_equal(result.*promise.field, promise.otherwise);
    }
    assert_int_equal(result.progress, BWRT_PROGRESS_THREAD);
    assert_int_equal(result.storage, BWRT_STORAGE_AUTO);
    assert_int_equal(result.spin_ns, 20000);
}

void zero_is_the_default_of_every_field(void**) {
    const bwrt_config config = empty_config();
    bwrt_config result = {}, without = {};

    assert_int_equal(check_config(&config, &result, &unused, {}), BWRT_OK);
    assert_int_equal(check_config(nullptr, &without, &unused, {}), BWRT_OK);

    result.struct_size = without.struct_size;
    assert_memory_equal(&result, &without, sizeof result);
}

void both_ends_of_every_range_are_taken(void**) {
    for (const Promise& promise : kPromises) {
        for (const std::uint32_t value : {promise.minimum, promise.maximum}) {
            bwrt_config config = empty_config(), result = {};
            config.*promise.field = value;
            assert_int_equal(check_config(&config, &result, &unused, {}), BWRT_OK);
            assert_int_equal(result.*promise.field, value);
        }
    }
}

void one_past_every_range_is_refused_by_name(void**) {
    for (const Promise& promise : kPromises) {
        bwrt_config config = empty_config();
        config.*promise.field = promise.maximum + promise.step;
        expect_refusal(config, BWRT_E_INVAL, promise.name);
        if (promise.minimum <= promise.step) continue;
        config.*promise.field = promise.minimum - promise.step;
        expect_refusal(config, BWRT_E_INVAL, promise.name);
    }
}

void the_largest_request_is_whole_pages(void**) {
    bwrt_config config = empty_config();
    config.io_bytes_max = (1 << 20) + 512;

    expect_refusal(config, BWRT_E_INVAL, "config.io_bytes_max");
}

void progress_storage_and_reserved_are_checked(void**) {
    bwrt_config config = empty_config();
    config.progress = BWRT_PROGRESS_CALLER + 1;
    expect_refusal(config, BWRT_E_INVAL, "config.progress");

    config = empty_config();
    config.storage = BWRT_STORAGE_POOL + 1;
    expect_refusal(config, BWRT_E_INVAL, "config.storage");

    config = empty_config();
    config.reserved = 1;
    expect_refusal(config, BWRT_E_INVAL, "config.reserved");
}

void spinning_can_be_set_and_turned_off(void**) {
    bwrt_config config = empty_config(), result = {};

    config.spin_ns = 17;
    assert_int_equal(check_config(&config, &result, &unused, {}), BWRT_OK);
    assert_int_equal(result.spin_ns, 17);

    config.spin_ns = BWRT_NONE;
    assert_int_equal(check_config(&config, &result, &unused, {}), BWRT_OK);
    assert_int_equal(result.spin_ns, 0);
}

void a_config_of_another_size_is_judged_by_its_tail(void**) {
    struct {
        bwrt_config known;
        std::uint64_t added_later;
    } longer = {empty_config(), 0};
    bwrt_config result = {};
    longer.known.struct_size = sizeof longer;
    assert_int_equal(check_config(&longer.known, &result, &unused, {}), BWRT_OK);

    longer.added_later = 1;
    expect_refusal(longer.known, BWRT_E_ABI, "config.struct_size");
    longer.known.struct_size = 80 - 8;  // below that of the first release
    expect_refusal(longer.known, BWRT_E_ABI, "config.struct_size");
    longer.known.struct_size = 0;
    expect_refusal(longer.known, BWRT_E_ABI, "config.struct_size");
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(no_config_takes_every_default),
        cmocka_unit_test(zero_is_the_default_of_every_field),
        cmocka_unit_test(both_ends_of_every_range_are_taken),
        cmocka_unit_test(one_past_every_range_is_refused_by_name),
        cmocka_unit_test(the_largest_request_is_whole_pages),
        cmocka_unit_test(progress_storage_and_reserved_are_checked),
        cmocka_unit_test(spinning_can_be_set_and_turned_off),
        cmocka_unit_test(a_config_of_another_size_is_judged_by_its_tail),
    };
    return cmocka_run_group_tests_name("runtime/limits.cpp", tests, nullptr, nullptr);
}
