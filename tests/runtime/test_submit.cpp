// SPDX-License-Identifier: Apache-2.0
//
// test_submit.cpp — the wave's header: each refusal starts from a wave that would be taken and
// breaks one thing; what is refused leaves pages, slots, gates, ring and outputs as they were.

#include "runtime/submit.h"

#include "runtime/validate.h"
#include "tests/runtime/table_world.h"

namespace {

using namespace bwrt::test;
using bwrt::runtime::generation_of;
using bwrt::runtime::kNeverNs;
using bwrt::runtime::Wave;

struct Refusal {
    const char* field;
    bwrt_status status;
    void (*breaks)(bwrt_wave*);
};

bwrt_result some_results[4];
bwrt_group_result some_groups[4];

const Refusal kRefusals[] = {
    {"wave.struct_size", BWRT_E_ABI, [](bwrt_wave* w) { w->struct_size = 128; }},
    {"wave.flags", BWRT_E_INVAL, [](bwrt_wave* w) { w->flags = 1u << 4; }},
    {"wave.flags", BWRT_E_UNSUPPORTED, [](bwrt_wave* w) { w->flags = BWRT_WAVE_PLANNED; }},
    {"wave.operations", BWRT_E_INVAL, [](bwrt_wave* w) { w->operations = nullptr; }},
    {"wave.operation_count", BWRT_E_INVAL, [](bwrt_wave* w) { w->operation_count = 0; }},
    {"wave.operation_count", BWRT_E_RANGE, [](bwrt_wave* w) { w->operation_count = 65; }},
    {"wave.operation_bytes", BWRT_E_ABI, [](bwrt_wave* w) { w->operation_bytes = 120; }},
    {"wave.priority", BWRT_E_INVAL, [](bwrt_wave* w) { w->priority = 3; }},
    {"wave.delivery", BWRT_E_INVAL, [](bwrt_wave* w) { w->delivery = 3; }},
    {"wave.late", BWRT_E_INVAL, [](bwrt_wave* w) { w->late = 3; }},
    {"wave.window", BWRT_E_INVAL, [](bwrt_wave* w) { w->window = 3; }},
    {"wave.deadline_ns", BWRT_E_INVAL, [](bwrt_wave* w) { w->late = BWRT_LATE_ABORT; }},
    {"wave.deadline_ns", BWRT_E_INVAL,
     [](bwrt_wave* w) { w->flags = BWRT_WAVE_DEADLINE_RELATIVE; }},
    {"wave.window", BWRT_E_INVAL, [](bwrt_wave* w) { w->window_start = 1; }},
    {"wave.window", BWRT_E_INVAL, [](bwrt_wave* w) { w->window_end = 1; }},
    {"wave.window", BWRT_E_INVAL, [](bwrt_wave* w) { w->flags = BWRT_WAVE_WINDOW_ABORT; }},
    {"wave.window_end", BWRT_E_INVAL,
     [](bwrt_wave* w) {
         w->window = BWRT_WINDOW_TIME;
         w->window_start = w->window_end = 5;
     }},
    {"wave.results", BWRT_E_INVAL,
     [](bwrt_wave* w) {
         w->delivery = BWRT_DELIVER_DETACHED;
         w->results = some_results;
         w->result_count = 4;
         w->result_bytes = sizeof(bwrt_result);
     }},
    {"wave.results", BWRT_E_INVAL,
     [](bwrt_wave* w) {
         w->delivery = BWRT_DELIVER_DETACHED;
         w->groups = some_groups;
         w->group_count = 4;
         w->group_bytes = sizeof(bwrt_group_result);
     }},
    {"wave.result_bytes", BWRT_E_ABI,
     [](bwrt_wave* w) {
         w->results = some_results;
         w->result_count = 4;
         w->result_bytes = sizeof(bwrt_result) - 1;
     }},
    {"wave.group_bytes", BWRT_E_ABI,
     [](bwrt_wave* w) {
         w->groups = some_groups;
         w->group_count = 4;
         w->group_bytes = sizeof(bwrt_group_result) - 1;
     }},
    {"wave.result_count", BWRT_E_RANGE,
     [](bwrt_wave* w) {
         w->results = some_results;
         w->result_count = 1;
         w->result_bytes = sizeof(bwrt_result);
     }},
    {"wave.group_count", BWRT_E_RANGE,
     [](bwrt_wave* w) {
         w->groups = some_groups;
         w->group_count = 2;
         w->group_bytes = sizeof(bwrt_group_result);
     }},
    {"wave.wait_for", BWRT_E_HANDLE, [](bwrt_wave* w) { w->wait_for[3] = 12345; }},
};

// Two operations, the second in group 2: two entries and three groups.
struct TwoOperations {
    explicit TwoOperations(const TableWorld& world) {
        operations[0] = copy_of(world);
        operations[1] = copy_of(world);
        operations[1].source_offset_bytes = operations[1].target_offset_bytes = 64;
        operations[1].group = 2;
        wave = wave_of(operations, 2);
    }
    bwrt_operation operations[2];
    bwrt_wave wave;
};

void a_wave_is_refused_for_each_field_that_is_wrong_and_leaves_no_trace(void**) {
    TableWorld world;
    const TwoOperations good(world);
    for (const Refusal& refusal : kRefusals) {
        bwrt_wave broken = good.wave;
        refusal.breaks(&broken);
        expect_refusal(&world, broken, refusal.status, refusal.field);
    }

    bwrt_handle handle = 0;
    assert_int_equal(world.submit(good.wave, &handle, nullptr), BWRT_OK);
}

void a_refused_wave_leaves_its_results_untouched(void**) {
    TableWorld world;
    TwoOperations good(world);
    bwrt_result results[2];
    std::memset(results, 0x5A, sizeof results);
    good.wave.results = results;
    good.wave.result_count = 2;
    good.wave.result_bytes = sizeof(bwrt_result);
    good.wave.wait_for[0] = 12345;

    expect_refusal(&world, good.wave, BWRT_E_HANDLE, "wave.wait_for");

    bwrt_result untouched[2];
    std::memset(untouched, 0x5A, sizeof untouched);
    assert_memory_equal(results, untouched, sizeof results);
}

void a_longer_wave_is_taken_while_its_unknown_tail_is_zero(void**) {
    TableWorld world;
    const TwoOperations good(world);
    struct {
        bwrt_wave known;
        std::uint64_t added_later;
    } longer = {good.wave, 1};
    longer.known.struct_size = sizeof longer;

    expect_refusal(&world, longer.known, BWRT_E_ABI, "wave.struct_size");

    longer.added_later = 0;
    bwrt_handle handle = 0;
    assert_int_equal(world.submit(longer.known, &handle, nullptr), BWRT_OK);
}

void a_taken_wave_is_in_the_ring_with_all_of_its_header(void**) {
    TableWorld world;
    TwoOperations good(world);
    good.wave.user_data = 42;
    good.wave.priority = BWRT_PRIORITY_URGENT;
    good.wave.deadline_ns = 5000;
    good.wave.flags = BWRT_WAVE_DEADLINE_RELATIVE | BWRT_WAVE_BARRIER;
    good.wave.window = BWRT_WINDOW_TIME;
    good.wave.window_start = 7;

    const Wave* wave = world.accept(good.wave);

    assert_int_equal(wave->user_data, 42);
    assert_int_equal(wave->priority, BWRT_PRIORITY_URGENT);
    assert_int_equal(wave->submitted_ns, world.clock.now);
    assert_int_equal(wave->deadline_ns, world.clock.now + 5000);
    assert_int_equal(wave->window_start, 7);
    assert_true(wave->window_end == kNeverNs);
    assert_int_equal(wave->flags, good.wave.flags);
    assert_int_equal(wave->operation_count, 2);
    assert_int_equal(wave->entry_count, 2);
    assert_int_equal(wave->group_count, 3);
    assert_int_equal(wave->bytes_total, 128);
    assert_int_equal(wave->unresolved, 128);
    assert_true(wave->ticket.load() == wave->handle);
}

void a_relative_deadline_past_the_end_of_time_is_none(void**) {
    TableWorld world;
    TwoOperations good(world);
    good.wave.deadline_ns = ~std::uint64_t{0} - 1;
    good.wave.flags = BWRT_WAVE_DEADLINE_RELATIVE;

    assert_true(world.accept(good.wave)->deadline_ns == kNeverNs);
}

void one_flat_operation_travels_in_the_command(void**) {
    TableWorld world;
    const bwrt_operation op = copy_of(world, 100);
    const Holdings before = world.holdings();
    bwrt_handle handle = 0;

    assert_int_equal(world.submit(wave_of(&op, 1), &handle, nullptr), BWRT_OK);

    bwrt::ringbuf::Command command;
    assert_true(world.tables.ring.pop(&command));
    assert_int_equal(command.op_kind, BWRT_OP_COPY);
    assert_int_equal(command.length, 100);
    assert_true(command.wave == handle);
    assert_true(command.source_offset == reinterpret_cast<std::uintptr_t>(world.base));
    assert_int_equal(world.holdings().pages, before.pages);
}

void when_every_wave_is_taken_the_next_is_told_to_come_again(void**) {
    TableWorld world;
    const TwoOperations good(world);
    bwrt_handle handle = 0;
    for (int i = 0; i < 4; ++i) {
        assert_int_equal(world.submit(good.wave, &handle, nullptr), BWRT_OK);
    }

    expect_refusal(&world, good.wave, BWRT_E_AGAIN, "config.wave_count_max");
}

void when_the_ring_is_full_the_wave_is_told_to_come_again(void**) {
    TableWorld world;
    TwoOperations good(world);
    bwrt_handle other = 0;
    assert_int_equal(world.submit(good.wave, &other, nullptr), BWRT_OK);
    good.wave.wait_for[0] = other;
    bwrt::ringbuf::Command filler = {};
    filler.kind = bwrt::ringbuf::CommandKind::kCancel;
    while (world.tables.ring.push(filler)) {
    }

    expect_refusal(&world, good.wave, BWRT_E_AGAIN, "");

    assert_int_equal(world.tables.waves.find(other)->references.load(), 1);
}

void when_the_pages_run_out_the_wave_gives_back_those_it_had(void**) {
    TableWorld world;
    const bwrt_handle from = world.add_layout(world.memory);
    const bwrt_handle to = world.add_layout(world.other_memory);
    std::uint32_t slots[10] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    bwrt_operation op = {};
    op.kind = BWRT_OP_COPY;
    op.source = from;
    op.target = to;
    op.source_slots = op.target_slots = slots;
    op.slot_count = 10;
    bwrt_group_result groups[2];
    bwrt_wave wave = wave_of(&op, 1);
    wave.groups = groups;
    wave.group_count = 2;
    wave.group_bytes = sizeof(bwrt_group_result);

    // A page for slots, one for the groups and one that leads to them.
    assert_int_equal(expect_again_until_pages_suffice(&world, wave), 3);
}

void a_wave_waits_for_what_is_undelivered_and_not_detached(void**) {
    TableWorld world;
    TwoOperations good(world);
    bwrt_handle first = 0, detached = 0;
    assert_int_equal(world.submit(good.wave, &first, nullptr), BWRT_OK);
    good.wave.delivery = BWRT_DELIVER_DETACHED;
    assert_int_equal(world.submit(good.wave, &detached, nullptr), BWRT_OK);
    good.wave.delivery = BWRT_DELIVER_WAIT;

    good.wave.wait_for[0] = first;
    good.wave.wait_for[1] = detached;
    expect_refusal(&world, good.wave, BWRT_E_HANDLE, "wave.wait_for");
    assert_int_equal(world.tables.waves.find(first)->references.load(), 1);

    good.wave.wait_for[1] = first;  // twice does no harm
    const Wave* wave = world.tables.waves.find(first);
    bwrt_handle last = 0;
    assert_int_equal(world.submit(good.wave, &last, nullptr), BWRT_OK);
    assert_int_equal(wave->references.load(), 3);
}

void a_deadline_that_the_measured_rate_cannot_meet_is_refused_as_late(void**) {
    TableWorld world;
    TwoOperations good(world);
    world.tables.load.bytes_per_ms[1].store(128);  // of the host lane: 128 bytes take 1 ms
    good.wave.late = BWRT_LATE_REFUSE;
    good.wave.flags = BWRT_WAVE_DEADLINE_RELATIVE;
    good.wave.deadline_ns = 1'000'000;

    expect_refusal(&world, good.wave, BWRT_E_LATE, "wave.deadline_ns");

    good.wave.deadline_ns = 1'000'001;
    bwrt_handle handle = 0;
    assert_int_equal(world.submit(good.wave, &handle, nullptr), BWRT_OK);
    world.tables.load.queued_bytes[1].store(1);
    expect_refusal(&world, good.wave, BWRT_E_LATE, "wave.deadline_ns");
    world.tables.load.bytes_per_ms[0].store(1);  // the other lane is not used
    world.tables.load.bytes_per_ms[1].store(0);  // and nothing is known of this one
    assert_int_equal(world.submit(good.wave, &handle, nullptr), BWRT_OK);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_wave_is_refused_for_each_field_that_is_wrong_and_leaves_no_trace),
        cmocka_unit_test(a_refused_wave_leaves_its_results_untouched),
        cmocka_unit_test(a_longer_wave_is_taken_while_its_unknown_tail_is_zero),
        cmocka_unit_test(a_taken_wave_is_in_the_ring_with_all_of_its_header),
        cmocka_unit_test(a_relative_deadline_past_the_end_of_time_is_none),
        cmocka_unit_test(one_flat_operation_travels_in_the_command),
        cmocka_unit_test(when_every_wave_is_taken_the_next_is_told_to_come_again),
        cmocka_unit_test(when_the_ring_is_full_the_wave_is_told_to_come_again),
        cmocka_unit_test(when_the_pages_run_out_the_wave_gives_back_those_it_had),
        cmocka_unit_test(a_wave_waits_for_what_is_undelivered_and_not_detached),
        cmocka_unit_test(a_deadline_that_the_measured_rate_cannot_meet_is_refused_as_late),
    };
    return cmocka_run_group_tests_name("runtime/submit.cpp", tests, nullptr, nullptr);
}
