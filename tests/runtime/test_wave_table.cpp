// SPDX-License-Identifier: Apache-2.0
//
// test_wave_table.cpp — slots and their handles: what finds a wave, what holds it, and that a
// stale or foreign handle does neither.

#include "runtime/wave_table.h"

#include "tests/support/cmocka.h"

namespace {

using bwrt::runtime::generation_of;
using bwrt::runtime::HandleKind;
using bwrt::runtime::make_handle;
using bwrt::runtime::next_generation;
using bwrt::runtime::slot_of;
using bwrt::runtime::Wave;
using bwrt::runtime::WaveTable;

constexpr std::uint64_t kGeneration = 100;

// As a submission makes it live.
bwrt_handle publish(Wave* wave) {
    wave->generation = next_generation(wave->generation);
    wave->handle = make_handle(HandleKind::kWave, wave->index, wave->generation);
    wave->references.store(1);
    wave->ticket.store(wave->handle);
    return wave->handle;
}

void every_slot_can_be_taken_once(void**) {
    WaveTable table(3, kGeneration);
    Wave* waves[3] = {table.take(), table.take(), table.take()};

    assert_null(table.take());
    for (std::uint32_t i = 0; i < 3; ++i) {
        assert_ptr_equal(waves[i], &table.at(waves[i]->index));
        assert_int_equal(waves[i]->generation, kGeneration);
    }
    assert_true(waves[0] != waves[1] && waves[1] != waves[2] && waves[0] != waves[2]);

    table.put_back(waves[1]);
    assert_ptr_equal(table.take(), waves[1]);
}

void a_handle_finds_its_slot_and_others_find_none(void**) {
    WaveTable table(3, kGeneration);
    Wave* wave = table.take();
    const bwrt_handle handle = publish(wave);

    assert_ptr_equal(table.find(handle), wave);
    assert_null(table.find(0));
    assert_null(table.find(BWRT_PROCESS_MEMORY));
    assert_null(table.find(make_handle(HandleKind::kRegion, 0, kGeneration)));
    assert_null(table.find(make_handle(HandleKind::kLayout, 0, kGeneration)));
    assert_null(table.find(make_handle(HandleKind::kWave, 3, kGeneration)));
}

void a_held_slot_is_free_after_its_last_release(void**) {
    WaveTable table(1, kGeneration);
    Wave* wave = table.take();
    const bwrt_handle handle = publish(wave);
    assert_int_equal(table.count_taken(), 1);

    assert_true(table.hold(handle));
    table.release(wave);
    assert_null(table.take());
    table.release(wave);

    assert_int_equal(table.count_taken(), 0);
    assert_ptr_equal(table.take(), wave);
}

void a_delivered_wave_cannot_be_held(void**) {
    WaveTable table(1, kGeneration);
    Wave* wave = table.take();
    const bwrt_handle handle = publish(wave);
    wave->ticket.store(0);

    assert_false(table.hold(handle));
    assert_int_equal(wave->references.load(), 1);
}

void a_stale_handle_does_not_hold_the_slots_next_wave(void**) {
    WaveTable table(1, kGeneration);
    Wave* wave = table.take();
    const bwrt_handle stale = publish(wave);
    wave->ticket.store(0);
    table.release(wave);
    const bwrt_handle live = publish(table.take());

    assert_true(stale != live);
    assert_false(table.hold(stale));
    assert_int_equal(wave->references.load(), 1);
    assert_true(table.hold(live));
}

// Between its claim and its last release: the ticket was still there when we looked.
void a_slot_that_nobody_holds_any_more_is_not_brought_back(void**) {
    WaveTable table(1, kGeneration);
    Wave* wave = table.take();
    const bwrt_handle handle = publish(wave);
    wave->references.store(0);

    assert_false(table.hold(handle));

    assert_int_equal(wave->references.load(), 0);
    assert_null(table.take());
}

void what_is_no_wave_cannot_be_held(void**) {
    WaveTable table(1, kGeneration);

    assert_false(table.hold(0));
    assert_false(table.hold(make_handle(HandleKind::kWave, 0, kGeneration)));
    assert_false(table.hold(make_handle(HandleKind::kWave, 7, kGeneration)));
    assert_int_equal(table.count_taken(), 0);
}

void a_handle_is_taken_apart_as_it_was_put_together(void**) {
    const bwrt_handle handle =
        make_handle(HandleKind::kLayout, 0xFFFF, bwrt::runtime::kGenerationMask);

    assert_int_equal(slot_of(handle), 0xFFFF);
    assert_true(generation_of(handle) == bwrt::runtime::kGenerationMask);
    assert_true(bwrt::runtime::is_kind(handle, HandleKind::kLayout));
    assert_false(bwrt::runtime::is_kind(handle, HandleKind::kRegion));
    assert_false(bwrt::runtime::is_kind(BWRT_PROCESS_MEMORY, HandleKind::kWave));
}

void a_generation_is_never_0_so_no_handle_is(void**) {
    assert_int_equal(next_generation(1), 2);
    assert_int_equal(next_generation(bwrt::runtime::kGenerationMask), 1);
    assert_int_equal(next_generation(0), 1);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(every_slot_can_be_taken_once),
        cmocka_unit_test(a_handle_finds_its_slot_and_others_find_none),
        cmocka_unit_test(a_held_slot_is_free_after_its_last_release),
        cmocka_unit_test(a_delivered_wave_cannot_be_held),
        cmocka_unit_test(a_stale_handle_does_not_hold_the_slots_next_wave),
        cmocka_unit_test(a_slot_that_nobody_holds_any_more_is_not_brought_back),
        cmocka_unit_test(what_is_no_wave_cannot_be_held),
        cmocka_unit_test(a_handle_is_taken_apart_as_it_was_put_together),
        cmocka_unit_test(a_generation_is_never_0_so_no_handle_is),
    };
    return cmocka_run_group_tests_name("runtime/wave_table.h, handle.h", tests, nullptr, nullptr);
}
