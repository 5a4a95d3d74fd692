// SPDX-License-Identifier: Apache-2.0
//
// test_validate.cpp — flat and 2-D operations, flushes and signals: each refusal starts from an
// operation that is taken and breaks one thing; the operation's number and the field are named
// and nothing is kept.  An operation in front that is right must be undone with it.

#include "runtime/validate.h"

#include "tests/runtime/table_world.h"

namespace {

using namespace bwrt::test;

struct Refusal {
    const char* field;
    bwrt_status status;
    void (*breaks)(bwrt_operation*, const TableWorld&);
};

// What stands in front: right, and in nobody's way.
bwrt_operation first_of(const TableWorld& world) {
    bwrt_operation op = copy_of(world, 8);
    op.source_offset_bytes = op.target_offset_bytes = kRegionBytes - 8;
    return op;
}

template <std::size_t kCount>
void check_refusals(const Refusal (&refusals)[kCount],
                    bwrt_operation (*good_of)(const TableWorld&)) {
    TableWorld world;
    for (const Refusal& refusal : refusals) {
        bwrt_operation operations[2] = {first_of(world), good_of(world)};
        refusal.breaks(&operations[1], world);
        expect_refusal(&world, wave_of(operations, 2), refusal.status, refusal.field, 1);
        // Alone it may take another way in, and is refused there too.
        expect_refusal(&world, wave_of(&operations[1], 1), refusal.status, refusal.field, 0);
    }
    const bwrt_operation operations[2] = {first_of(world), good_of(world)};
    bwrt_handle handle = 0;
    assert_int_equal(world.submit(wave_of(operations, 2), &handle, nullptr), BWRT_OK);
}

using Op = bwrt_operation;
using World = TableWorld;

bwrt_operation flat(const TableWorld& world) { return copy_of(world); }

const Refusal kFlat[] = {
    {"operations[].kind", BWRT_E_INVAL, [](Op* o, const World&) { o->kind = 0; }},
    {"operations[].kind", BWRT_E_INVAL, [](Op* o, const World&) { o->kind = BWRT_OP_GEMM + 1; }},
    {"operations[].flags", BWRT_E_INVAL, [](Op* o, const World&) { o->flags = 1; }},
    {"operations[].reserved", BWRT_E_INVAL, [](Op* o, const World&) { o->reserved = 1; }},
    {"operations[].value_done", BWRT_E_INVAL, [](Op* o, const World&) { o->value_done = 1; }},
    {"operations[].value_done", BWRT_E_INVAL, [](Op* o, const World&) { o->value_failed = 1; }},
    {"operations[].group", BWRT_E_RANGE, [](Op* o, const World&) { o->group = 16; }},
    {"operations[].source", BWRT_E_HANDLE, [](Op* o, const World&) { o->source = 0; }},
    {"operations[].target", BWRT_E_HANDLE, [](Op* o, const World&) { o->target = 0; }},
    {"operations[].source", BWRT_E_HANDLE, [](Op* o, const World&) { o->source += 1; }},
    {"operations[].target", BWRT_E_HANDLE, [](Op* o, const World&) { o->target ^= 3ull << 60; }},
    {"operations[].target", BWRT_E_INVAL, [](Op* o, const World& w) { o->target = w.read_only; }},
    {"operations[].source", BWRT_E_INVAL, [](Op* o, const World& w) { o->source = w.file; }},
    {"operations[].target", BWRT_E_INVAL, [](Op* o, const World& w) { o->target = w.file; }},
    {"operations[].source", BWRT_E_INVAL, [](Op* o, const World&) { o->kind = BWRT_OP_READ; }},
    {"operations[].target", BWRT_E_INVAL, [](Op* o, const World&) { o->kind = BWRT_OP_WRITE; }},
    {"operations[].length_bytes", BWRT_E_INVAL, [](Op* o, const World&) { o->length_bytes = 0; }},
    {"operations[].length_bytes", BWRT_E_RANGE,
     [](Op* o, const World&) { o->length_bytes = std::uint64_t{1} << 63; }},
    {"operations[].source_offset_bytes", BWRT_E_RANGE,
     [](Op* o, const World&) { o->source_offset_bytes = kRegionBytes - 63; }},
    {"operations[].target_offset_bytes", BWRT_E_RANGE,
     [](Op* o, const World&) { o->target_offset_bytes = kRegionBytes - 63; }},
    {"operations[].source_offset_bytes", BWRT_E_RANGE,
     [](Op* o, const World&) { o->source_offset_bytes = ~std::uint64_t{0} - 10; }},
    {"operations[].slot_count", BWRT_E_INVAL, [](Op* o, const World&) { o->slot_count = 1; }},
    {"operations[].slot_count", BWRT_E_INVAL,
     [](Op* o, const World&) { o->source_slots = &o->slot_count; }},
    {"operations[].slot_count", BWRT_E_INVAL,
     [](Op* o, const World&) { o->target_slots = &o->slot_count; }},
    {"operations[].plane_first", BWRT_E_INVAL, [](Op* o, const World&) { o->plane_first = 1; }},
    {"operations[].plane_first", BWRT_E_INVAL, [](Op* o, const World&) { o->plane_count = 1; }},
    {"operations[].plane_first", BWRT_E_INVAL,
     [](Op* o, const World&) { o->image_offset_bytes = 1; }},
    {"operations[].target_offset_bytes", BWRT_E_OVERLAP,
     [](Op* o, const World&) { o->target = o->source; }},
    {"operations[].target_offset_bytes", BWRT_E_OVERLAP,
     [](Op* o, const World&) {
         o->target = o->source;
         o->target_offset_bytes = 63;
     }},
    {"operations[].target_offset_bytes", BWRT_E_OVERLAP,
     [](Op* o, const World&) {
         o->target = o->source;
         o->source_offset_bytes = 63;
     }},
    {"operations[].source_offset_bytes", BWRT_E_RANGE,  // longer than all of it
     [](Op* o, const World& w) {
         o->kind = BWRT_OP_WRITE;
         o->target = w.file;
         o->length_bytes = kRegionBytes + 1;
     }},
    {"operations[].source", BWRT_E_INVAL,  // a NULL that went astray
     [](Op* o, const World&) {
         o->source = BWRT_PROCESS_MEMORY;
         o->source_offset_bytes = 4095;
     }},
    {"operations[].target_offset_bytes", BWRT_E_RANGE,
     [](Op* o, const World&) {
         o->target = BWRT_PROCESS_MEMORY;
         o->target_offset_bytes = ~std::uint64_t{0} - 62;
     }},
};

// Four rows of 16 bytes; the target's are given from the last to the first.
bwrt_operation rows(const TableWorld& world) {
    bwrt_operation op = copy_of(world, 16);
    op.row_count = 4;
    op.source_stride_bytes = 32;
    op.target_stride_bytes = -100;
    op.target_offset_bytes = 300;
    return op;
}

const Refusal kRows[] = {
    {"operations[].length_bytes", BWRT_E_RANGE,
     [](Op* o, const World&) { o->length_bytes = INT64_MAX / 4 + 1; }},
    {"operations[].target_offset_bytes", BWRT_E_RANGE,
     [](Op* o, const World&) { o->target_offset_bytes = 299; }},
    {"operations[].source_offset_bytes", BWRT_E_RANGE,
     [](Op* o, const World&) { o->source_offset_bytes = kRegionBytes - 3 * 32 - 15; }},
    {"operations[].source_offset_bytes", BWRT_E_RANGE,
     [](Op* o, const World&) { o->source_stride_bytes = INT64_MAX; }},
    {"operations[].target_stride_bytes", BWRT_E_OVERLAP,
     [](Op* o, const World&) { o->target_stride_bytes = -15; }},
    {"operations[].target_stride_bytes", BWRT_E_OVERLAP,
     [](Op* o, const World&) { o->target_stride_bytes = 15; }},
    {"operations[].target_offset_bytes", BWRT_E_OVERLAP,
     [](Op* o, const World&) {
         o->target = o->source;
         o->target_stride_bytes = 32;
         o->target_offset_bytes = 15;
     }},
};

bwrt_operation flush(const TableWorld& world) {
    bwrt_operation op = {};
    op.kind = BWRT_OP_FLUSH;
    op.target = world.file;
    return op;
}

const Refusal kFlush[] = {
    {"operations[].source", BWRT_E_INVAL, [](Op* o, const World& w) { o->source = w.memory; }},
    {"operations[].source", BWRT_E_INVAL, [](Op* o, const World&) { o->length_bytes = 1; }},
    {"operations[].source", BWRT_E_INVAL, [](Op* o, const World&) { o->target_offset_bytes = 1; }},
    {"operations[].target", BWRT_E_INVAL, [](Op* o, const World& w) { o->target = w.memory; }},
    {"operations[].target", BWRT_E_HANDLE, [](Op* o, const World&) { o->target += 1; }},
    {"operations[].slot_count", BWRT_E_INVAL, [](Op* o, const World&) { o->slot_count = 1; }},
    {"operations[].target", BWRT_E_INVAL,
     [](Op* o, const World&) { o->target = BWRT_PROCESS_MEMORY; }},
};

bwrt_operation signal_of(const TableWorld& world) {
    bwrt_operation op = {};
    op.kind = BWRT_OP_SIGNAL;
    op.target = world.memory;
    op.target_offset_bytes = kRegionBytes - 4;
    op.length_bytes = 4;
    op.value_done = 1;
    return op;
}

const Refusal kSignal[] = {
    {"operations[].source", BWRT_E_INVAL, [](Op* o, const World& w) { o->source = w.memory; }},
    {"operations[].length_bytes", BWRT_E_INVAL, [](Op* o, const World&) { o->length_bytes = 2; }},
    {"operations[].length_bytes", BWRT_E_INVAL, [](Op* o, const World&) { o->length_bytes = 0; }},
    {"operations[].value_failed", BWRT_E_INVAL, [](Op* o, const World&) { o->value_failed = 1; }},
    {"operations[].value_done", BWRT_E_RANGE,
     [](Op* o, const World&) { o->value_failed = std::uint64_t{1} << 32; }},
    {"operations[].target", BWRT_E_INVAL, [](Op* o, const World& w) { o->target = w.file; }},
    {"operations[].target", BWRT_E_INVAL, [](Op* o, const World& w) { o->target = w.read_only; }},
    {"operations[].target_offset_bytes", BWRT_E_INVAL,
     [](Op* o, const World&) { o->target_offset_bytes = 2; }},
    {"operations[].target_offset_bytes", BWRT_E_INVAL,
     [](Op* o, const World&) {
         o->length_bytes = 8;
         o->target_offset_bytes = 4;
     }},
    {"operations[].target_offset_bytes", BWRT_E_RANGE,
     [](Op* o, const World&) { o->target_offset_bytes = kRegionBytes; }},
    {"operations[].group", BWRT_E_RANGE, [](Op* o, const World&) { o->group = 16; }},
};

void a_flat_operation_is_refused_for_each_field_that_is_wrong(void**) {
    check_refusals(kFlat, flat);
}

void a_2d_operation_is_refused_for_each_field_that_is_wrong(void**) { check_refusals(kRows, rows); }

void a_flush_is_refused_for_each_field_that_is_wrong(void**) { check_refusals(kFlush, flush); }

void a_signal_is_refused_for_each_field_that_is_wrong(void**) {
    check_refusals(kSignal, signal_of);
}

void an_operation_may_reach_both_ends_of_its_regions(void**) {
    TableWorld world;
    bwrt_operation op = copy_of(world, kRegionBytes);
    bwrt_handle handle = 0;
    assert_int_equal(world.submit(wave_of(&op, 1), &handle, nullptr), BWRT_OK);

    op = rows(world);
    op.target_stride_bytes = -16;  // touching, not overlapping
    op.target_offset_bytes = 48;
    op.source_offset_bytes = kRegionBytes - 16 - 3 * 32;
    assert_int_equal(world.submit(wave_of(&op, 1), &handle, nullptr), BWRT_OK);
}

void a_quiesced_region_says_again_and_a_freed_one_is_stale(void**) {
    TableWorld world;
    const bwrt_operation op = copy_of(world);
    bwrt::runtime::Region* region = world.tables.regions.find(world.other_memory);

    assert_true(region->gate.close(region->generation));
    expect_refusal(&world, wave_of(&op, 1), BWRT_E_AGAIN, "operations[].target", 0);
    region->gate.free();
    expect_refusal(&world, wave_of(&op, 1), BWRT_E_HANDLE, "operations[].target", 0);
}

void a_longer_operation_is_taken_while_its_unknown_tail_is_zero(void**) {
    TableWorld world;
    struct {
        bwrt_operation known;
        std::uint64_t added_later;
    } longer[2] = {{first_of(world), 0}, {copy_of(world), 1}};
    bwrt_wave wave = wave_of(&longer[0].known, 2);
    wave.operation_bytes = sizeof longer[0];
    expect_refusal(&world, wave, BWRT_E_ABI, "wave.operation_bytes", 1);

    longer[1].added_later = 0;
    const Wave* taken = world.accept(wave);
    assert_int_equal(taken->bytes_total, 72);
}

void many_regions_of_one_wave_are_each_given_back_once(void**) {
    TableWorld world;
    bwrt_operation operations[10];
    bwrt_handle regions[10];
    for (std::uint32_t i = 0; i < 10; ++i) {
        regions[i] = world.add_host(world.base, 0);
        operations[i] = copy_of(world, 8);
        operations[i].source = regions[i];
        operations[i].target_offset_bytes = 8 * i;
    }
    bwrt_wave wave = wave_of(operations, 10);
    wave.wait_for[0] = 1;
    expect_refusal(&world, wave, BWRT_E_HANDLE, "wave.wait_for");

    wave.wait_for[0] = 0;
    // A page for operations and one for the regions beyond those that a wave has room for.
    assert_int_equal(expect_again_until_pages_suffice(&world, wave), 2);
    assert_int_equal(world.holdings().busy_gates, 11);
}

// Memory of the whole address space: nothing is moved here, so nothing has to be there.
bwrt_operation copy_of_half_of_everything(std::uint64_t target_offset, std::uint64_t length) {
    bwrt_operation op = {};
    op.kind = BWRT_OP_COPY;
    op.source = op.target = BWRT_PROCESS_MEMORY;
    op.source_offset_bytes = 4096;
    op.target_offset_bytes = target_offset;
    op.length_bytes = length;
    return op;
}

void the_bytes_of_a_wave_are_counted_up_to_the_last_of_63_bits(void**) {
    constexpr std::uint64_t kQuarter = std::uint64_t{1} << 62;
    TableWorld world;
    bwrt_operation operations[2] = {copy_of_half_of_everything(2 * kQuarter, kQuarter),
                                    copy_of_half_of_everything(3 * kQuarter, kQuarter)};
    expect_refusal(&world, wave_of(operations, 2), BWRT_E_RANGE, "operations[].length_bytes", 1);

    operations[1].length_bytes = kQuarter / 2;
    operations[1].row_count = 2;
    expect_refusal(&world, wave_of(operations, 2), BWRT_E_RANGE, "operations[].length_bytes", 1);

    operations[1].length_bytes = kQuarter - 1;
    operations[1].row_count = 1;
    const Wave* taken = world.accept(wave_of(operations, 2));
    assert_true(taken->bytes_total == static_cast<std::uint64_t>(INT64_MAX));
}

// Blocks of 2^61 bytes: three are fewer than 2^63, and so is one, but not all four.
void the_bytes_of_indexed_operations_are_counted_up_to_the_last_of_63_bits(void**) {
    constexpr std::uint64_t kBlockBytes = std::uint64_t{1} << 61;
    TableWorld world;
    bwrt_plane plane = {};
    plane.region = BWRT_PROCESS_MEMORY;
    plane.offset_bytes = 4 * kBlockBytes;
    plane.length_bytes = kBlockBytes;
    bwrt_layout layout = {};
    layout.struct_size = sizeof layout;
    layout.slot_count = 4;
    layout.block_bytes = kBlockBytes;
    layout.planes = &plane;
    layout.plane_count = 1;
    layout.plane_bytes = sizeof plane;
    bwrt_handle handle = 0;
    assert_int_equal(world.tables.layouts.add(layout, world.tables.regions, 8, &handle, {}), 0);
    const std::uint32_t slots[] = {0, 1, 2, 3};
    bwrt_operation operations[2] = {};
    for (std::uint32_t i = 0; i < 2; ++i) {
        operations[i].kind = BWRT_OP_COPY;
        operations[i].source = BWRT_PROCESS_MEMORY;
        operations[i].source_offset_bytes = 4096;
        operations[i].target = handle;
        operations[i].target_slots = &slots[3 * i];
        operations[i].slot_count = i == 0 ? 3 : 1;
    }
    expect_refusal(&world, wave_of(operations, 2), BWRT_E_RANGE, "operations[].length_bytes", 1);

    operations[1].length_bytes = kBlockBytes - 1;
    const Wave* taken = world.accept(wave_of(operations, 2));
    assert_true(taken->bytes_total == static_cast<std::uint64_t>(INT64_MAX));
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_flat_operation_is_refused_for_each_field_that_is_wrong),
        cmocka_unit_test(a_2d_operation_is_refused_for_each_field_that_is_wrong),
        cmocka_unit_test(a_flush_is_refused_for_each_field_that_is_wrong),
        cmocka_unit_test(a_signal_is_refused_for_each_field_that_is_wrong),
        cmocka_unit_test(an_operation_may_reach_both_ends_of_its_regions),
        cmocka_unit_test(a_quiesced_region_says_again_and_a_freed_one_is_stale),
        cmocka_unit_test(a_longer_operation_is_taken_while_its_unknown_tail_is_zero),
        cmocka_unit_test(many_regions_of_one_wave_are_each_given_back_once),
        cmocka_unit_test(the_bytes_of_a_wave_are_counted_up_to_the_last_of_63_bits),
        cmocka_unit_test(the_bytes_of_indexed_operations_are_counted_up_to_the_last_of_63_bits),
    };
    return cmocka_run_group_tests_name("runtime/validate.cpp", tests, nullptr, nullptr);
}
