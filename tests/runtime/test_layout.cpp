// SPDX-License-Identifier: Apache-2.0
//
// test_layout.cpp — each refusal starts from a layout that is taken and breaks one thing: the
// field is named, the handle untouched, and the regions can be released as if nothing had been.

#include "runtime/layout.h"

#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <vector>

#include "tests/support/cmocka.h"

namespace {

constexpr std::uint64_t kMemoryBytes = 4096;

// 2 rows of 24 bytes and 1 of 16 in blocks of 64; four slots, of which the last plane's reach
// the region's very end.
struct Description {
    bwrt_layout layout;
    bwrt_plane planes[2];
};

struct World {
    bwrt_runtime* runtime = nullptr;
    alignas(64) std::uint8_t bytes[kMemoryBytes] = {};
    bwrt_handle memory = 0;
    bwrt_handle file = 0;
    Description good = {};
};

bwrt_handle add_region(bwrt_runtime* runtime, std::uint32_t kind, void* address, int fd) {
    bwrt_region region = {};
    region.struct_size = sizeof region;
    region.kind = kind;
    region.address = address;
    region.fd = fd;
    region.length_bytes = kMemoryBytes;
    bwrt_handle handle = 0;
    assert_int_equal(bwrt_region_add(runtime, &region, &handle, nullptr, nullptr), BWRT_OK);
    return handle;
}

int open_world(void** state) {
    auto* world = new World;
    bwrt_config config = {};
    config.struct_size = sizeof config;
    config.progress = BWRT_PROGRESS_CALLER;
    config.storage = BWRT_STORAGE_POOL;
    config.layout_count_max = 2;
    config.plane_count_max = 2;
    assert_int_equal(bwrt_open(&config, &world->runtime, nullptr), BWRT_OK);
    char path[] = "bwrt-test-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    unlink(path);
    world->memory = add_region(world->runtime, BWRT_REGION_HOST, world->bytes, 0);
    world->file = add_region(world->runtime, BWRT_REGION_FILE, nullptr, fd);
    close(fd);

    Description& good = world->good;
    good.layout.struct_size = sizeof good.layout;
    good.layout.slot_count = 4;
    good.layout.block_bytes = 64;
    good.layout.plane_count = 2;
    good.layout.plane_bytes = sizeof(bwrt_plane);
    good.planes[0].region = good.planes[1].region = world->memory;
    good.planes[0].length_bytes = 24;
    good.planes[0].row_count = 2;
    good.planes[1].length_bytes = 16;
    good.planes[1].offset_bytes = kMemoryBytes - 64;
    good.planes[1].block_offset_bytes = 48;
    *state = world;
    return 0;
}

// Nothing that a test was refused may keep anything from being released.
int close_world(void** state) {
    auto* world = static_cast<World*>(*state);
    assert_int_equal(bwrt_release(world->runtime, world->memory, nullptr), BWRT_OK);
    assert_int_equal(bwrt_release(world->runtime, world->file, nullptr), BWRT_OK);
    assert_int_equal(bwrt_shutdown(world->runtime, BWRT_SHUTDOWN_DRAIN, -1, nullptr), BWRT_OK);
    assert_int_equal(bwrt_close(world->runtime, nullptr), BWRT_OK);
    delete world;
    return 0;
}

bwrt_status add(World* world, const Description& description, bwrt_handle* handle_out,
                bwrt_error* error) {
    Description copy = description;
    if (copy.layout.planes == nullptr) copy.layout.planes = copy.planes;
    return bwrt_layout_add(world->runtime, &copy.layout, handle_out, error);
}

void expect_refusal(World* world, const Description& broken, bwrt_status status,
                    const char* field) {
    bwrt_handle handle = 77;
    bwrt_error error = {};
    const bwrt_status got = add(world, broken, &handle, &error);
    if (got != status || std::strcmp(error.field, field) != 0) {
        fail_msg("%s at \"%s\" (%s), not %s at \"%s\"", bwrt_status_name(got), error.field,
                 error.message, bwrt_status_name(status), field);
    }
    assert_int_equal(handle, 77);
}

struct Refusal {
    const char* field;
    bwrt_status status;
    void (*breaks)(Description*);
};

const Refusal kRefusals[] = {
    {"layout.struct_size", BWRT_E_ABI, [](Description* d) { d->layout.struct_size = 24; }},
    {"layout.slot_count", BWRT_E_INVAL, [](Description* d) { d->layout.slot_count = 0; }},
    {"layout.slot_count", BWRT_E_INVAL, [](Description* d) { d->layout.slot_count = BWRT_NONE; }},
    {"layout.block_bytes", BWRT_E_INVAL, [](Description* d) { d->layout.block_bytes = 0; }},
    {"layout.block_bytes", BWRT_E_INVAL, [](Description* d) { d->layout.block_bytes = 65; }},
    {"layout.planes", BWRT_E_INVAL, [](Description* d) { d->layout.plane_count = 0; }},
    {"layout.plane_count", BWRT_E_RANGE, [](Description* d) { d->layout.plane_count = 3; }},
    {"layout.plane_bytes", BWRT_E_ABI, [](Description* d) { d->layout.plane_bytes -= 8; }},
    {"planes[].region", BWRT_E_HANDLE, [](Description* d) { d->planes[1].region = 0; }},
    {"planes[].region", BWRT_E_HANDLE, [](Description* d) { d->planes[1].region += 1; }},
    {"planes[].length_bytes", BWRT_E_INVAL, [](Description* d) { d->planes[0].length_bytes = 0; }},
    {"planes[].length_bytes", BWRT_E_RANGE,
     [](Description* d) { d->planes[0].length_bytes = INT64_MAX / 2 + 1; }},
    {"planes[].group", BWRT_E_RANGE, [](Description* d) { d->planes[1].group = 65536; }},
    // Out of the region: a byte, a slot, a stride, before its start, around the address space.
    {"planes[].offset_bytes", BWRT_E_RANGE, [](Description* d) { d->planes[1].offset_bytes += 1; }},
    {"planes[].offset_bytes", BWRT_E_RANGE, [](Description* d) { d->layout.slot_count = 5; }},
    {"planes[].offset_bytes", BWRT_E_RANGE,
     [](Description* d) { d->planes[1].slot_stride_bytes = 17; }},
    {"planes[].offset_bytes", BWRT_E_RANGE,
     [](Description* d) { d->planes[0].slot_stride_bytes = -48; }},
    {"planes[].offset_bytes", BWRT_E_RANGE,
     [](Description* d) { d->planes[0].row_stride_bytes = -24; }},
    {"planes[].offset_bytes", BWRT_E_RANGE,
     [](Description* d) { d->planes[0].row_stride_bytes = 4096; }},
    {"planes[].offset_bytes", BWRT_E_RANGE,
     [](Description* d) { d->planes[1].offset_bytes = ~std::uint64_t{0} - 20; }},
    {"planes[].offset_bytes", BWRT_E_RANGE,
     [](Description* d) { d->planes[1].slot_stride_bytes = INT64_MAX; }},
    {"planes[].offset_bytes", BWRT_E_RANGE,
     [](Description* d) { d->planes[1].slot_stride_bytes = INT64_MIN; }},
    // Not a tiling: a gap, an overlap, a row past the end, too many rows.
    {"planes[].block_offset_bytes", BWRT_E_INVAL,
     [](Description* d) {
         d->planes[1].block_offset_bytes = 49;
         d->layout.block_bytes = 65;
     }},
    {"planes[].block_offset_bytes", BWRT_E_OVERLAP,
     [](Description* d) { d->planes[1].block_offset_bytes = 47; }},
    {"planes[].block_offset_bytes", BWRT_E_OVERLAP,
     [](Description* d) { d->planes[0].block_row_stride_bytes = 23; }},
    {"planes[].block_offset_bytes", BWRT_E_RANGE,
     [](Description* d) { d->planes[0].block_row_stride_bytes = 1 << 20; }},
    {"planes[].block_offset_bytes", BWRT_E_RANGE,
     [](Description* d) { d->planes[1].block_offset_bytes = ~std::uint64_t{0}; }},
    {"planes[].row_count", BWRT_E_INVAL,
     [](Description* d) {
         d->planes[1].row_count = 100;
         d->planes[1].length_bytes = 1;
         d->planes[1].offset_bytes = 0;
     }},
};

void a_layout_is_refused_for_each_thing_that_is_wrong(void** state) {
    auto* world = static_cast<World*>(*state);
    for (const Refusal& refusal : kRefusals) {
        Description broken = world->good;
        refusal.breaks(&broken);
        expect_refusal(world, broken, refusal.status, refusal.field);
    }

    bwrt_handle handle = 0;
    assert_int_equal(add(world, world->good, &handle, nullptr), BWRT_OK);
    assert_int_equal(bwrt_release(world->runtime, handle, nullptr), BWRT_OK);
}

void planes_lie_all_in_memory_or_all_in_files(void** state) {
    auto* world = static_cast<World*>(*state);
    Description mixed = world->good;
    mixed.planes[1].region = world->file;
    expect_refusal(world, mixed, BWRT_E_INVAL, "planes[].region");

    mixed.planes[0].region = world->file;
    bwrt_handle handle = 0;
    assert_int_equal(add(world, mixed, &handle, nullptr), BWRT_OK);
    assert_int_equal(bwrt_release(world->runtime, handle, nullptr), BWRT_OK);
}

void a_handle_that_is_no_region_is_refused(void** state) {
    auto* world = static_cast<World*>(*state);
    bwrt_handle layout = 0;
    assert_int_equal(add(world, world->good, &layout, nullptr), BWRT_OK);
    Description broken = world->good;
    broken.planes[0].region = layout;

    expect_refusal(world, broken, BWRT_E_HANDLE, "planes[].region");

    assert_int_equal(bwrt_release(world->runtime, layout, nullptr), BWRT_OK);
}

void a_quiesced_region_says_again(void** state) {
    auto* world = static_cast<World*>(*state);
    const auto set = [&](std::uint32_t action) {
        return bwrt_region_set(world->runtime, world->memory, action, -1, nullptr);
    };
    assert_int_equal(set(BWRT_REGION_QUIESCE), BWRT_OK);
    expect_refusal(world, world->good, BWRT_E_AGAIN, "planes[].region");

    assert_int_equal(set(BWRT_REGION_RESUME), BWRT_OK);
    bwrt_handle handle = 0;
    assert_int_equal(add(world, world->good, &handle, nullptr), BWRT_OK);
    assert_int_equal(bwrt_release(world->runtime, handle, nullptr), BWRT_OK);
}

void negative_strides_may_reach_the_regions_first_byte(void** state) {
    auto* world = static_cast<World*>(*state);
    Description reversed = world->good;
    reversed.planes[0].slot_stride_bytes = -48;
    reversed.planes[0].row_stride_bytes = -24;
    reversed.planes[0].offset_bytes = 3 * 48 + 24;
    bwrt_handle handle = 0;
    assert_int_equal(add(world, reversed, &handle, nullptr), BWRT_OK);
    assert_int_equal(bwrt_release(world->runtime, handle, nullptr), BWRT_OK);

    reversed.planes[0].offset_bytes -= 1;
    expect_refusal(world, reversed, BWRT_E_RANGE, "planes[].offset_bytes");
}

void a_regions_release_waits_for_its_layouts(void** state) {
    auto* world = static_cast<World*>(*state);
    bwrt_handle first = 0, second = 0;
    assert_int_equal(add(world, world->good, &first, nullptr), BWRT_OK);
    assert_int_equal(add(world, world->good, &second, nullptr), BWRT_OK);

    assert_int_equal(bwrt_release(world->runtime, world->memory, nullptr), BWRT_E_BUSY);
    assert_int_equal(bwrt_release(world->runtime, first, nullptr), BWRT_OK);
    assert_int_equal(bwrt_release(world->runtime, world->memory, nullptr), BWRT_E_BUSY);
    assert_int_equal(bwrt_release(world->runtime, second, nullptr), BWRT_OK);
    assert_int_equal(bwrt_release(world->runtime, second, nullptr), BWRT_E_HANDLE);
}

void a_full_table_says_again_until_one_is_released(void** state) {
    auto* world = static_cast<World*>(*state);
    bwrt_handle first = 0, second = 0, third = 0;
    assert_int_equal(add(world, world->good, &first, nullptr), BWRT_OK);
    assert_int_equal(add(world, world->good, &second, nullptr), BWRT_OK);
    expect_refusal(world, world->good, BWRT_E_AGAIN, "config.layout_count_max");

    assert_int_equal(bwrt_release(world->runtime, first, nullptr), BWRT_OK);
    assert_int_equal(add(world, world->good, &third, nullptr), BWRT_OK);
    assert_true(third != first);
    assert_int_equal(bwrt_release(world->runtime, first, nullptr), BWRT_E_HANDLE);
    assert_int_equal(bwrt_release(world->runtime, second, nullptr), BWRT_OK);
    assert_int_equal(bwrt_release(world->runtime, third, nullptr), BWRT_OK);
}

void longer_planes_are_taken_while_their_unknown_tails_are_zero(void** state) {
    auto* world = static_cast<World*>(*state);
    struct {
        bwrt_plane known;
        std::uint64_t added_later;
    } longer[2] = {{world->good.planes[0], 0}, {world->good.planes[1], 1}};
    Description description = world->good;
    description.layout.planes = &longer[0].known;
    description.layout.plane_bytes = sizeof longer[0];
    expect_refusal(world, description, BWRT_E_ABI, "layout.plane_bytes");

    longer[1].added_later = 0;
    bwrt_handle handle = 0;
    assert_int_equal(add(world, description, &handle, nullptr), BWRT_OK);
    assert_int_equal(bwrt_release(world->runtime, handle, nullptr), BWRT_OK);
}

}  // namespace

#define LAYOUT_TEST(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main() {
    const CMUnitTest tests[] = {
        LAYOUT_TEST(a_layout_is_refused_for_each_thing_that_is_wrong),
        LAYOUT_TEST(planes_lie_all_in_memory_or_all_in_files),
        LAYOUT_TEST(a_handle_that_is_no_region_is_refused),
        LAYOUT_TEST(a_quiesced_region_says_again),
        LAYOUT_TEST(negative_strides_may_reach_the_regions_first_byte),
        LAYOUT_TEST(a_regions_release_waits_for_its_layouts),
        LAYOUT_TEST(a_full_table_says_again_until_one_is_released),
        LAYOUT_TEST(longer_planes_are_taken_while_their_unknown_tails_are_zero),
    };
    return cmocka_run_group_tests_name("runtime/layout.cpp", tests, nullptr, nullptr);
}
