// SPDX-License-Identifier: Apache-2.0
//
// test_validate_wave.cpp — the indexed form's refusals, and what concerns a wave as a whole:
// targets that overlap, the order in which its operations will be served, and what it counts.

#include <algorithm>
#include <vector>

#include "runtime/validate.h"
#include "tests/runtime/table_world.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::test;
using bwrt::runtime::Lane;
using bwrt::runtime::Operation;

struct IndexedWorld : TableWorld {
    bwrt_handle from = add_layout(memory);
    bwrt_handle to = add_layout(other_memory);
    bwrt_handle on_file = add_layout(file);
    bwrt_handle read_only_layout = add_layout(read_only);
};

const std::uint32_t kSlots[] = {3, BWRT_NONE, 9, 0};
const std::uint32_t kWrongSlots[] = {3, BWRT_NONE, 10, 0};

bwrt_operation indexed(const IndexedWorld& world) {
    bwrt_operation op = {};
    op.kind = BWRT_OP_COPY;
    op.source = world.from;
    op.target = world.to;
    op.source_slots = op.target_slots = kSlots;
    op.slot_count = 4;
    return op;
}

struct Refusal {
    const char* field;
    bwrt_status status;
    void (*breaks)(bwrt_operation*, const IndexedWorld&);
};

using Op = bwrt_operation;
using World = IndexedWorld;

const Refusal kRefusals[] = {
    {"operations[].slot_count", BWRT_E_INVAL, [](Op* o, const World&) { o->slot_count = 0; }},
    {"operations[].slot_count", BWRT_E_RANGE, [](Op* o, const World&) { o->slot_count = 4097; }},
    {"operations[].source_slots", BWRT_E_INVAL,
     [](Op* o, const World&) { o->source_slots = nullptr; }},
    {"operations[].target_slots", BWRT_E_INVAL,
     [](Op* o, const World&) { o->target_slots = nullptr; }},
    {"operations[].source_slots", BWRT_E_INVAL,
     [](Op* o, const World& w) { o->source = w.memory; }},
    {"operations[].source_slots", BWRT_E_RANGE,
     [](Op* o, const World&) { o->source_slots = kWrongSlots; }},
    {"operations[].target_slots", BWRT_E_RANGE,
     [](Op* o, const World&) { o->target_slots = kWrongSlots; }},
    {"operations[].plane_first", BWRT_E_RANGE, [](Op* o, const World&) { o->plane_first = 2; }},
    {"operations[].plane_first", BWRT_E_RANGE, [](Op* o, const World&) { o->plane_count = 3; }},
    {"operations[].plane_first", BWRT_E_RANGE,
     [](Op* o, const World&) {
         o->plane_first = 1;
         o->plane_count = BWRT_NONE;
     }},
    {"operations[].image_offset_bytes", BWRT_E_RANGE,
     [](Op* o, const World&) { o->image_offset_bytes = 64; }},
    {"operations[].image_offset_bytes", BWRT_E_RANGE,
     [](Op* o, const World&) { o->length_bytes = 65; }},
    {"operations[].image_offset_bytes", BWRT_E_RANGE,
     [](Op* o, const World&) {
         o->image_offset_bytes = 1;
         o->length_bytes = ~std::uint64_t{0};
     }},
    {"operations[].image_offset_bytes", BWRT_E_INVAL,
     [](Op* o, const World&) {
         o->plane_count = 1;
         o->image_offset_bytes = 1;
     }},
    {"operations[].group", BWRT_E_RANGE, [](Op* o, const World&) { o->group = 15; }},
    {"operations[].row_count", BWRT_E_INVAL, [](Op* o, const World&) { o->row_count = 1; }},
    {"operations[].row_count", BWRT_E_INVAL,
     [](Op* o, const World&) { o->target_stride_bytes = 1; }},
    {"operations[].source_offset_bytes", BWRT_E_INVAL,
     [](Op* o, const World&) { o->source_offset_bytes = 1; }},
    {"operations[].target_offset_bytes", BWRT_E_INVAL,
     [](Op* o, const World&) { o->target_offset_bytes = 1; }},
    {"operations[].target", BWRT_E_INVAL,
     [](Op* o, const World& w) { o->target = w.read_only_layout; }},
    {"operations[].source", BWRT_E_INVAL, [](Op* o, const World& w) { o->source = w.on_file; }},
    {"operations[].target", BWRT_E_HANDLE, [](Op* o, const World&) { o->target += 1; }},
    {"operations[].target_offset_bytes", BWRT_E_RANGE,  // the fourth block passes the end
     [](Op* o, const World& w) {
         o->target = w.memory;
         o->target_slots = nullptr;
         o->target_offset_bytes = kRegionBytes - 4 * 64 + 1;
     }},
};

void an_indexed_operation_is_refused_for_each_field_that_is_wrong(void**) {
    IndexedWorld world;
    for (const Refusal& refusal : kRefusals) {
        bwrt_operation operations[2] = {copy_of(world, 8), indexed(world)};
        operations[0].source_offset_bytes = operations[0].target_offset_bytes = kRegionBytes - 8;
        refusal.breaks(&operations[1], world);
        expect_refusal(&world, wave_of(operations, 2), refusal.status, refusal.field, 1);
    }

    const bwrt_operation good = indexed(world);
    const Wave* wave = world.accept(wave_of(&good, 1));
    assert_int_equal(wave->entry_count, 4);
    assert_int_equal(wave->bytes_total, 3 * 64);
    assert_int_equal(wave->group_count, 2);
}

void layouts_that_cut_their_blocks_differently_are_refused(void**) {
    IndexedWorld world;
    bwrt_plane plane = {};
    plane.region = world.other_memory;
    plane.length_bytes = 64;
    bwrt_layout layout = {};
    layout.struct_size = sizeof layout;
    layout.slot_count = 10;
    layout.block_bytes = 64;
    layout.planes = &plane;
    layout.plane_count = 1;
    layout.plane_bytes = sizeof plane;
    bwrt_operation op = indexed(world);
    assert_int_equal(world.tables.layouts.add(layout, world.tables.regions, 8, &op.target, {}),
                     BWRT_OK);

    expect_refusal(&world, wave_of(&op, 1), BWRT_E_INVAL, "operations[].target", 0);
}

void slots_of_all_operations_of_a_wave_are_limited_together(void**) {
    bwrt_config config = small_config();
    config.slot_count_max = 7;
    TableWorld world(config);
    const bwrt_handle from = world.add_layout(world.memory);
    bwrt_operation operations[2] = {copy_of(world), copy_of(world)};
    for (bwrt_operation& op : operations) {
        op.source = from;
        op.source_slots = kSlots;
        op.slot_count = 4;
        op.length_bytes = 0;
    }
    operations[1].target_offset_bytes = 4 * 64;

    expect_refusal(&world, wave_of(operations, 2), BWRT_E_RANGE, "operations[].slot_count", 1);
}

void targets_that_overlap_are_refused_in_any_order(void**) {
    Random random(test_seed());
    TableWorld world;
    for (int i = 0; i < 200; ++i) {
        const std::uint32_t count = random.between32(2, 30);
        std::vector<bwrt_operation> operations(count);
        for (std::uint32_t k = 0; k < count; ++k) {
            operations[k] = copy_of(world, 16);
            operations[k].target_offset_bytes = 16 * k;
        }
        std::shuffle(operations.begin(), operations.end(), random.engine());
        bwrt_wave wave = wave_of(operations.data(), count);
        Wave* taken = world.accept(wave);
        const Operation* op = taken->list(Lane::kHost).head;
        for (std::uint32_t k = 0; k < count; ++k, op = op->next) assert_int_equal(op->index, k);
        assert_null(op);
        taken->pages.give_back(&world.tables.pages);
        for (std::uint32_t k = 0; k < taken->use_count; ++k) taken->uses[k].gate->give_back();
        world.tables.waves.release(taken);

        bwrt_operation& moved = operations[random.below(count)];
        // A byte into a neighbour.
        moved.target_offset_bytes += moved.target_offset_bytes == 0 ? 1 : ~std::uint64_t{0};
        const Holdings before = world.holdings();
        bwrt_handle handle = 77;
        bwrt_error error = {};
        assert_int_equal(world.submit(wave, &handle, &error), BWRT_E_OVERLAP);
        assert_string_equal(error.field, "operations[].target");
        assert_true(error.operation_index < count);
        assert_true(world.holdings() == before);
    }
}

void a_signal_may_not_lie_in_another_operations_target(void**) {
    TableWorld world;
    bwrt_operation operations[2] = {copy_of(world), {}};
    operations[1].kind = BWRT_OP_SIGNAL;
    operations[1].target = world.other_memory;
    operations[1].target_offset_bytes = 60;
    operations[1].length_bytes = 4;
    operations[1].value_done = 1;
    bwrt_handle handle = 0;
    bwrt_error error = {};
    assert_int_equal(world.submit(wave_of(operations, 2), &handle, &error), BWRT_E_OVERLAP);

    operations[1].target_offset_bytes = 64;
    assert_int_equal(world.submit(wave_of(operations, 2), &handle, &error), BWRT_OK);
}

void the_same_offset_in_two_files_is_no_overlap(void**) {
    TableWorld world;
    bwrt_operation operations[3] = {copy_of(world), copy_of(world), copy_of(world)};
    for (int i = 0; i < 2; ++i) {
        operations[i].kind = BWRT_OP_WRITE;
        operations[i].target = i == 0 ? world.file : world.other_file;
    }
    bwrt_handle handle = 0;

    assert_int_equal(world.submit(wave_of(operations, 3), &handle, nullptr), BWRT_OK);
    operations[1].target = world.file;
    bwrt_error error = {};
    assert_int_equal(world.submit(wave_of(operations, 3), &handle, &error), BWRT_E_OVERLAP);
}

void what_lies_in_the_gap_of_a_skipped_block_does_not_overlap(void**) {
    IndexedWorld world;
    bwrt_operation operations[2] = {indexed(world), copy_of(world)};
    operations[0].target = world.other_memory;
    operations[0].target_slots = nullptr;
    operations[1].target_offset_bytes = 64;  // pair 1 is skipped
    bwrt_handle handle = 0;
    bwrt_error error = {};
    assert_int_equal(world.submit(wave_of(operations, 2), &handle, &error), BWRT_OK);

    const std::uint32_t all[] = {3, 4, 9, 0};
    operations[0].source_slots = all;
    assert_int_equal(world.submit(wave_of(operations, 2), &handle, &error), BWRT_E_OVERLAP);
}

void operations_stand_in_ascending_groups_and_equal_ones_as_given(void**) {
    TableWorld world;
    const std::uint32_t groups[] = {3, 1, 3, 0, 1};
    bwrt_operation operations[5];
    for (std::uint32_t i = 0; i < 5; ++i) {
        operations[i] = copy_of(world);
        operations[i].target_offset_bytes = 64 * i;
        operations[i].group = groups[i];
    }

    Wave* wave = world.accept(wave_of(operations, 5));

    const Operation* op = wave->list(Lane::kHost).head;
    for (const std::uint32_t index : {3u, 1u, 4u, 0u, 2u}) {
        assert_int_equal(op->index, index);
        assert_int_equal(op->entry_first, index);
        op = op->next;
    }
    assert_null(op);
    assert_int_equal(wave->list(Lane::kHost).tail->index, 2);
    for (std::uint32_t group = 0; group < 4; ++group) {
        assert_int_equal(wave->group(group).unresolved, 64 * std::count(groups, groups + 5, group));
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(an_indexed_operation_is_refused_for_each_field_that_is_wrong),
        cmocka_unit_test(layouts_that_cut_their_blocks_differently_are_refused),
        cmocka_unit_test(slots_of_all_operations_of_a_wave_are_limited_together),
        cmocka_unit_test(targets_that_overlap_are_refused_in_any_order),
        cmocka_unit_test(a_signal_may_not_lie_in_another_operations_target),
        cmocka_unit_test(the_same_offset_in_two_files_is_no_overlap),
        cmocka_unit_test(what_lies_in_the_gap_of_a_skipped_block_does_not_overlap),
        cmocka_unit_test(operations_stand_in_ascending_groups_and_equal_ones_as_given),
    };
    return cmocka_run_group_tests_name("runtime/validate_wave.cpp, validate_indexed.cpp", tests,
                                       nullptr, nullptr);
}
