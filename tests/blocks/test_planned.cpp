// SPDX-License-Identifier: Apache-2.0
//
// test_planned.cpp — waves that wait for their plan: what they move is what any wave moves, and
// when they move is what the plan says.
//
// A window lasts ten seconds, and the clock is set forward where the next one is to come: what a
// test submits between two windows is planned together.

#include <atomic>
#include <memory>
#include <thread>

#include "tests/blocks/block_world.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::test;

const StoreOf kHostOnly(16 * kMib, 0);
const StoreOf kDiskOnly(0, kDiskBytes);
const StoreOf kBoth(16 * kMib, kDiskBytes);

constexpr std::uint64_t kWindowNs = 10 * kSecondNs;
constexpr std::uint32_t kAgeMax = 3;

bwrt_planner planner_of_test() {
    bwrt_planner planner = {};
    planner.struct_size = sizeof planner;
    planner.window_ns = kWindowNs;
    planner.age_first = kAgeMax - 1;
    planner.age_max = kAgeMax;
    return planner;
}

// A wave of one block operation that is planned.
struct Planned : Request {
    Planned(BlockWorld* in, std::uint32_t kind, Key from, std::uint32_t block_count = 1)
        : Request(in, kind, from, block_count) {
        wave.flags = BWRT_WAVE_PLANNED;
    }
    [[nodiscard]] bool is_over() {
        return bwrt_wait(world->runtime, handle, 0, &completion, nullptr) == BWRT_OK;
    }
    // One that still waits when its test is over.
    void cancel() {
        assert_int_equal(bwrt_cancel(world->runtime, handle, nullptr), BWRT_OK);
        assert_int_equal(finish(), BWRT_E_CANCELLED);
    }
};

std::uint64_t plan_count(BlockWorld* world) { return counters_of(world->runtime).plan_count; }

void wait_for_plan(BlockWorld* world, std::uint64_t count) {
    drive_until(world, [&] { return plan_count(world) >= count; });
}

// From here on what comes is planned together, at the next window.
void open_with_a_plan_behind(BlockWorld* world, const StoreOf& store, const bwrt_planner& planner) {
    world->planner = planner;
    world->open(store);
    Planned first(world, BWRT_OP_PUT, {99, 0});
    first.operation.tier = store.store.host_bytes != 0 ? BWRT_TIER_HOST : BWRT_TIER_DISK;
    first.wave.deadline_ns = kWindowNs / 2;  // company would come too late
    first.wave.flags |= BWRT_WAVE_DEADLINE_RELATIVE;
    assert_int_equal(first.run(), BWRT_OK);
}

void next_window(BlockWorld* world) {
    const std::uint64_t before = plan_count(world);
    world->clock->set_forward(kWindowNs);
    world->storage->wake();
    wait_for_plan(world, before + 1);
}

// ---- what moves

void what_is_planned_is_moved_like_everything_else(void** state) {
    BlockWorld* world = world_of(state);
    const bwrt_planner planner = planner_of_test();
    world->planner = planner;
    world->open(kBoth);
    assert_int_equal(put(world, {1, 0}, 4), BWRT_OK);
    Planned getter(world, BWRT_OP_GET, {1, 0}, 4);
    assert_int_equal(getter.run(), BWRT_OK);
    assert_true(getter.holds_all());
    const bwrt_counters counters = counters_of(world->runtime);
    assert_int_equal(counters.plan_count, 1);
    assert_int_equal(counters.plan_row_count, 1);
    assert_int_equal(counters.plan_operation_count, 1);
    assert_int_equal(counters.plan_bytes, 4 * kLength);
    assert_int_equal(counters.plan_carried_count, 0);
}

// A PUT, a READ, a COPY and a FLUSH: three ways, a row each.
struct OfEveryKind : Planned {
    bwrt_operation operations[4] = {};
    Bytes copied;

    OfEveryKind(BlockWorld* in, Key key, bwrt_handle file, std::uint64_t read_bytes)
        : Planned(in, BWRT_OP_PUT, key), copied(read_bytes) {
        const auto address = reinterpret_cast<std::uintptr_t>(copied.data());
        operations[0] = operation;
        operations[1].kind = BWRT_OP_READ;
        operations[1].source = file;
        operations[1].target = BWRT_PROCESS_MEMORY;
        operations[1].target_offset_bytes = address;
        operations[1].length_bytes = read_bytes / 2;
        operations[2].kind = BWRT_OP_COPY;
        operations[2].source = operations[2].target = BWRT_PROCESS_MEMORY;
        operations[2].source_offset_bytes = reinterpret_cast<std::uintptr_t>(memory.data());
        operations[2].target_offset_bytes = address + read_bytes / 2;
        operations[2].length_bytes = read_bytes / 2;
        operations[3].kind = BWRT_OP_FLUSH;
        operations[3].target = file;
        wave.operations = operations;
        wave.operation_count = 4;
        results.resize(4);
    }
};

bwrt_handle add_file(BlockWorld* world) {
    const int fd = pattern_file(65536);
    const bwrt_region description = file_region_of(fd, 0, 0);
    bwrt_handle file = 0;
    assert_int_equal(bwrt_region_add(world->runtime, &description, &file, nullptr, nullptr), 0);
    close(fd);
    return file;
}

void operations_of_every_kind_can_be_planned(void** state) {
    BlockWorld* world = world_of(state);
    const bwrt_planner planner = planner_of_test();
    world->planner = planner;
    world->open(kBoth);
    OfEveryKind all(world, {2, 0}, add_file(world), 10'000);
    assert_int_equal(all.run(), BWRT_OK);
    assert_int_equal(all.count_of(BWRT_OK), 4);
    assert_memory_equal(all.copied.data() + 5000, all.memory.data(), 5000);
    assert_int_equal(get(world, {2, 0}), BWRT_OK);
    // The block, and 5,000 bytes as two pages, twice.
    assert_int_equal(counters_of(world->runtime).plan_bytes, kLength + 2 * 8192);
    assert_int_equal(counters_of(world->runtime).plan_row_count, 3);
}

void what_moves_nothing_waits_for_no_plan(void** state) {
    BlockWorld* world = world_of(state);
    const bwrt_planner planner = planner_of_test();
    open_with_a_plan_behind(world, kBoth, planner);
    Planned miss(world, BWRT_OP_GET, {7, 0});
    assert_int_equal(miss.run(), BWRT_E_MISS);
    Planned drop(world, BWRT_OP_DROP, {99, 0});
    assert_int_equal(drop.run(), BWRT_OK);
    assert_int_equal(plan_count(world), 1);
}

void blocks_that_several_want_are_counted_once(void** state) {
    BlockWorld* world = world_of(state);
    const bwrt_planner planner = planner_of_test();
    open_with_a_plan_behind(world, kDiskOnly, planner);
    assert_int_equal(put_to(world, BWRT_TIER_DISK, {1, 0}, 8), BWRT_OK);
    const bwrt_counters before = counters_of(world->runtime);
    Planned front(world, BWRT_OP_GET, {1, 0}, 6), back(world, BWRT_OP_GET, {1, 2}, 6);
    front.start();
    back.start();
    next_window(world);
    assert_int_equal(front.finish(), BWRT_OK);
    assert_int_equal(back.finish(), BWRT_OK);
    assert_true(front.holds_all() && back.holds_all());
    const bwrt_counters after = counters_of(world->runtime);
    // Eight blocks that lie side by side, of which either wants six: one operation.
    assert_int_equal(after.plan_bytes - before.plan_bytes, 8 * kLength);
    assert_int_equal(after.plan_operation_count - before.plan_operation_count, 1);
    assert_int_equal(after.plan_served_count - before.plan_served_count, 2);
}

// Three lie side by side, of which the first and the last are asked for.
void blocks_that_lie_apart_are_runs_of_their_own(void** state) {
    BlockWorld* world = world_of(state);
    const bwrt_planner planner = planner_of_test();
    open_with_a_plan_behind(world, kDiskOnly, planner);
    for (const std::uint32_t chain : {1u, 2u, 3u}) {
        assert_int_equal(put_to(world, BWRT_TIER_DISK, {chain, 0}), BWRT_OK);
    }
    const bwrt_counters before = counters_of(world->runtime);
    Planned getter(world, BWRT_OP_GET, {1, 0}, 2);
    getter.blocks[1] = block_of({3, 0});
    getter.operation.flags = BWRT_BLOCK_UNRELATED;
    getter.start();
    next_window(world);
    assert_int_equal(getter.finish(), BWRT_OK);
    assert_true(is_block(getter.memory.data() + kLength, {3, 0}, kLength));
    const bwrt_counters after = counters_of(world->runtime);
    assert_int_equal(after.plan_row_count - before.plan_row_count, 2);
    assert_int_equal(after.plan_operation_count - before.plan_operation_count, 2);
    assert_int_equal(after.plan_bytes - before.plan_bytes, 2 * kLength);
}

void neighbours_of_which_one_goes_to_memory_are_two_runs(void** state) {
    BlockWorld* world = world_of(state);
    const bwrt_planner planner = planner_of_test();
    open_with_a_plan_behind(world, kBoth, planner);
    assert_int_equal(put_to(world, BWRT_TIER_DISK, {1, 0}, 2), BWRT_OK);
    const bwrt_counters before = counters_of(world->runtime);
    const Request prefetch(world, BWRT_OP_PREFETCH, {1, 1}, 1);
    Planned getter(world, BWRT_OP_GET, {1, 0});
    getter.blocks = prefetch.blocks;  // the first, and the one behind it
    const bwrt_operation operations[] = {getter.operation, prefetch.operation};
    getter.wave.operations = operations;
    getter.wave.operation_count = 2;
    getter.results.resize(2);
    getter.start();
    next_window(world);
    assert_int_equal(getter.finish(), BWRT_OK);
    assert_int_equal(counters_of(world->runtime).plan_row_count - before.plan_row_count, 2);
}

// ---- when it moves

void a_tier_gets_no_more_in_a_window_than_its_budget(void** state) {
    BlockWorld* world = world_of(state);
    bwrt_planner planner = planner_of_test();
    planner.caller_budget_bytes = 4 * kLength;
    open_with_a_plan_behind(world, kHostOnly, planner);
    assert_int_equal(put(world, {1, 0}, 4), BWRT_OK);
    Planned first(world, BWRT_OP_GET, {1, 0}, 3), second(world, BWRT_OP_GET, {1, 0}, 3);
    first.start();
    second.start();
    next_window(world);
    assert_int_equal(first.finish(), BWRT_OK);
    assert_false(second.is_over());
    assert_int_equal(counters_of(world->runtime).plan_carried_count, 1);
    next_window(world);
    assert_int_equal(second.finish(), BWRT_OK);
    assert_true(second.holds_all());
}

void the_first_deadline_and_the_higher_priority_go_first(void** state) {
    BlockWorld* world = world_of(state);
    bwrt_planner planner = planner_of_test();
    planner.caller_budget_bytes = kLength;
    planner.age_first = 254;
    planner.age_max = 255;
    open_with_a_plan_behind(world, kHostOnly, planner);
    assert_int_equal(put(world, {1, 0}), BWRT_OK);
    Planned waits(world, BWRT_OP_GET, {1, 0}), late(world, BWRT_OP_GET, {1, 0}),
        early(world, BWRT_OP_GET, {1, 0}), urgent(world, BWRT_OP_GET, {1, 0});
    late.wave.deadline_ns = 3000 * kSecondNs;
    early.wave.deadline_ns = 2000 * kSecondNs;
    late.wave.flags |= BWRT_WAVE_DEADLINE_RELATIVE;
    early.wave.flags |= BWRT_WAVE_DEADLINE_RELATIVE;
    urgent.wave.priority = BWRT_PRIORITY_URGENT;
    for (Planned* one : {&waits, &late, &early, &urgent}) one->start();
    Planned* const order[] = {&urgent, &early, &late};
    for (Planned* const one : order) {
        next_window(world);
        assert_int_equal(one->finish(), BWRT_OK);
        if (one == &urgent) assert_false(early.is_over());
        if (one != &late) assert_false(late.is_over());
        assert_false(waits.is_over());
    }
    waits.cancel();
}

void what_waited_for_as_long_as_anything_may_is_given_back(void** state) {
    BlockWorld* world = world_of(state);
    const bwrt_planner planner = planner_of_test();
    open_with_a_plan_behind(world, kHostOnly, planner);
    bwrt_tenant tenant = {};
    tenant.struct_size = sizeof tenant;
    tenant.credit_bytes_per_s = 1;
    tenant.credit_burst_bytes = kLength;
    assert_int_equal(bwrt_tenant_set(world->runtime, &tenant, nullptr), BWRT_OK);
    assert_int_equal(put(world, {1, 0}), BWRT_OK);  // not planned: no credits
    Planned paid(world, BWRT_OP_GET, {1, 0}), poor(world, BWRT_OP_GET, {1, 0});
    paid.start();
    poor.start();
    next_window(world);
    assert_int_equal(paid.finish(), BWRT_OK);
    for (std::uint32_t window = 1; window < kAgeMax; ++window) {
        assert_false(poor.is_over());
        next_window(world);
    }
    assert_int_equal(poor.finish(), BWRT_E_AGAIN);
    assert_int_equal(poor.completion.bytes, 0);
    assert_true(poor.is_untouched(0));
    assert_int_equal(counters_of(world->runtime).plan_waited_count, 1);
}

void a_tenant_pays_for_itself_alone(void** state) {
    BlockWorld* world = world_of(state);
    const bwrt_planner planner = planner_of_test();
    open_with_a_plan_behind(world, kHostOnly, planner);
    const unsigned char secret[32] = {1, 2, 3};
    bwrt_tenant tenant = {};
    tenant.struct_size = sizeof tenant;
    tenant.number = 5;
    tenant.secret = secret;
    tenant.credit_bytes_per_s = 1;
    tenant.credit_burst_bytes = 1;
    assert_int_equal(bwrt_tenant_set(world->runtime, &tenant, nullptr), BWRT_OK);
    Planned poor(world, BWRT_OP_PUT, {1, 0}), rich(world, BWRT_OP_PUT, {2, 0});
    poor.wave.tenant = 5;
    poor.start();
    rich.start();
    next_window(world);
    assert_int_equal(rich.finish(), BWRT_OK);
    assert_false(poor.is_over());
    poor.cancel();
}

void what_would_be_late_ends_or_goes_on_without_its_deadline(void** state) {
    BlockWorld* world = world_of(state);
    const bwrt_planner planner = planner_of_test();
    open_with_a_plan_behind(world, kHostOnly, planner);
    assert_int_equal(put(world, {1, 0}), BWRT_OK);
    Planned finishes(world, BWRT_OP_GET, {1, 0});
    finishes.wave.deadline_ns = 1;  // long ago
    finishes.start();
    next_window(world);
    assert_int_equal(counters_of(world->runtime).plan_late_count, 1);
    assert_false(finishes.is_over());
    next_window(world);
    assert_int_equal(finishes.finish(), BWRT_OK);
    assert_true(finishes.holds_all());
    assert_int_equal(finishes.completion.flags, BWRT_COMPLETION_LATE);

    Planned aborts(world, BWRT_OP_GET, {1, 0});
    aborts.wave.deadline_ns = kWindowNs / 2;
    aborts.wave.flags |= BWRT_WAVE_DEADLINE_RELATIVE;
    aborts.wave.late = BWRT_LATE_ABORT;
    aborts.start();
    world->clock->set_forward(kWindowNs / 2);
    world->storage->wake();
    assert_int_equal(aborts.finish(), BWRT_E_LATE);
    assert_true(aborts.is_untouched(0));
}

void what_is_small_waits_for_company(void** state) {
    BlockWorld* world = world_of(state);
    bwrt_planner planner = planner_of_test();
    planner.min_io_bytes = 4 * kLength;
    open_with_a_plan_behind(world, kDiskOnly, planner);
    assert_int_equal(put_to(world, BWRT_TIER_DISK, {1, 0}, 4), BWRT_OK);
    Planned small(world, BWRT_OP_GET, {1, 0}, 1);
    small.start();
    next_window(world);
    assert_false(small.is_over());
    Planned rest(world, BWRT_OP_GET, {1, 1}, 3);
    rest.start();
    next_window(world);
    assert_int_equal(small.finish(), BWRT_OK);
    assert_int_equal(rest.finish(), BWRT_OK);
    Planned alone(world, BWRT_OP_GET, {1, 0}, 1);
    alone.start();
    for (std::uint32_t window = 0; window + 1 < kAgeMax; ++window) {
        next_window(world);
        assert_false(alone.is_over());
    }
    next_window(world);
    assert_int_equal(alone.finish(), BWRT_OK);
}

void who_fills_the_window_does_not_keep_others_out(void** state) {
    BlockWorld* world = world_of(state);
    bwrt_planner planner = planner_of_test();
    planner.row_count_max = 2048;
    open_with_a_plan_behind(world, kHostOnly, planner);
    const unsigned char secret[32] = {4, 5, 6};
    bwrt_tenant tenant = {};
    tenant.struct_size = sizeof tenant;
    tenant.number = 5;
    tenant.secret = secret;
    tenant.credit_bytes_per_s = 1;
    tenant.credit_burst_bytes = 1;
    assert_int_equal(bwrt_tenant_set(world->runtime, &tenant, nullptr), BWRT_OK);
    // More rows than the window has room for, and nothing that pays for them.
    const bwrt_handle file = add_file(world);
    std::vector<std::unique_ptr<OfEveryKind>> flood;
    for (std::uint32_t i = 0; i < 800; ++i) {
        flood.push_back(std::make_unique<OfEveryKind>(world, Key{i, 0}, file, 64));
        flood.back()->wave.tenant = 5;
        flood.back()->start();
    }
    OfEveryKind other(world, {2000, 0}, file, 64);
    other.start();
    next_window(world);
    assert_int_equal(other.finish(), BWRT_OK);
    assert_true(counters_of(world->runtime).plan_carried_count <= 1024);
    assert_int_equal(world->close_with(BWRT_SHUTDOWN_CANCEL), 0);
}

// ---- what is switched off

// Two that want the same three blocks at once; how many of them the first window moves.
std::uint32_t moved_of_two(BlockWorld* world) {
    assert_int_equal(put(world, {1, 0}, 3), BWRT_OK);
    Planned first(world, BWRT_OP_GET, {1, 0}, 3), second(world, BWRT_OP_GET, {1, 0}, 3);
    first.start();
    second.start();
    const std::uint64_t before = counters_of(world->runtime).plan_carried_count;
    next_window(world);
    assert_int_equal(first.finish(), BWRT_OK);
    if (counters_of(world->runtime).plan_carried_count != before) {
        second.cancel();
        return 1;
    }
    assert_int_equal(second.finish(), BWRT_OK);
    return 2;
}

void without_budgets_what_comes_moves(void** state) {
    BlockWorld* world = world_of(state);
    bwrt_planner planner = planner_of_test();
    planner.caller_budget_bytes = 3 * kLength;
    planner.flags = BWRT_PLANNER_NO_BUDGETS;
    open_with_a_plan_behind(world, kHostOnly, planner);
    assert_int_equal(moved_of_two(world), 2);
}

void without_credits_who_has_none_is_served(void** state) {
    BlockWorld* world = world_of(state);
    for (const std::uint32_t flags : {0u, std::uint32_t{BWRT_PLANNER_NO_CREDITS}}) {
        bwrt_planner planner = planner_of_test();
        planner.flags = flags;
        open_with_a_plan_behind(world, kHostOnly, planner);
        bwrt_tenant tenant = {};
        tenant.struct_size = sizeof tenant;
        tenant.credit_bytes_per_s = 1;
        tenant.credit_burst_bytes = 3 * kLength;
        assert_int_equal(bwrt_tenant_set(world->runtime, &tenant, nullptr), BWRT_OK);
        assert_int_equal(moved_of_two(world), flags == 0 ? 1 : 2);
        world->close();
    }
}

void without_merging_each_run_is_an_operation(void** state) {
    BlockWorld* world = world_of(state);
    bwrt_planner planner = planner_of_test();
    planner.flags = BWRT_PLANNER_NO_MERGE;
    open_with_a_plan_behind(world, kDiskOnly, planner);
    assert_int_equal(put_to(world, BWRT_TIER_DISK, {1, 0}, 3), BWRT_OK);
    const std::uint64_t before = counters_of(world->runtime).plan_operation_count;
    Planned front(world, BWRT_OP_GET, {1, 0}, 2), back(world, BWRT_OP_GET, {1, 1}, 2);
    front.start();
    back.start();
    next_window(world);
    assert_int_equal(front.finish(), BWRT_OK);
    assert_int_equal(back.finish(), BWRT_OK);
    assert_int_equal(counters_of(world->runtime).plan_operation_count - before, 2);
}

// ---- how it ends

void a_wave_that_waits_for_its_plan_can_be_cancelled(void** state) {
    BlockWorld* world = world_of(state);
    bwrt_planner planner = planner_of_test();
    planner.caller_budget_bytes = kLength;
    open_with_a_plan_behind(world, kHostOnly, planner);
    assert_int_equal(put(world, {1, 0}), BWRT_OK);
    Planned first(world, BWRT_OP_GET, {1, 0}), asked(world, BWRT_OP_GET, {1, 0}),
        carried(world, BWRT_OP_GET, {1, 0}), last(world, BWRT_OP_GET, {1, 0});
    asked.start();
    assert_int_equal(bwrt_cancel(world->runtime, asked.handle, nullptr), BWRT_OK);
    assert_int_equal(asked.finish(), BWRT_E_CANCELLED);
    first.start();
    carried.start();
    next_window(world);
    assert_int_equal(first.finish(), BWRT_OK);
    assert_int_equal(bwrt_cancel(world->runtime, carried.handle, nullptr), BWRT_OK);
    assert_int_equal(carried.finish(), BWRT_E_CANCELLED);
    assert_true(carried.is_untouched(0));
    // What it would have had is the next one's.
    last.start();
    next_window(world);
    assert_int_equal(last.finish(), BWRT_OK);
}

void a_planned_wave_waits_for_others_first(void** state) {
    BlockWorld* world = world_of(state);
    const bwrt_planner planner = planner_of_test();
    open_with_a_plan_behind(world, kHostOnly, planner);
    Planned writer(world, BWRT_OP_PUT, {1, 0}), reader(world, BWRT_OP_GET, {1, 0}),
        behind(world, BWRT_OP_PUT, {2, 0});
    writer.start();
    reader.wave.wait_for[0] = writer.handle;
    behind.wave.flags |= BWRT_WAVE_BARRIER;
    reader.start();
    behind.start();
    next_window(world);
    assert_int_equal(writer.finish(), BWRT_OK);
    // It moved nothing when it was submitted, so there is nothing to wait for.
    assert_int_equal(reader.finish(), BWRT_OK);
    assert_true(reader.holds_all());
    assert_false(behind.is_over());
    next_window(world);
    assert_int_equal(behind.finish(), BWRT_OK);
}

void a_runtime_that_ends_moves_what_is_planned_or_cancels_it(void** state) {
    BlockWorld* world = world_of(state);
    bwrt_planner planner = planner_of_test();
    planner.window_ns = 100'000;
    planner.host_budget_bytes = kLength;
    world->planner = planner;
    for (const std::uint32_t how : {BWRT_SHUTDOWN_DRAIN, BWRT_SHUTDOWN_CANCEL}) {
        world->open(kHostOnly);
        std::vector<std::unique_ptr<Planned>> writers;
        for (std::uint32_t i = 0; i < 3; ++i) {
            writers.push_back(std::make_unique<Planned>(world, BWRT_OP_PUT, Key{i, 0}));
            writers.back()->operation.tier = BWRT_TIER_HOST;
            writers.back()->start();
        }
        assert_int_equal(bwrt_shutdown(world->runtime, how, kPatienceNs, nullptr), BWRT_OK);
        for (const auto& writer : writers) {
            const bwrt_status status = writer->finish();
            if (how == BWRT_SHUTDOWN_DRAIN) assert_int_equal(status, BWRT_OK);
            assert_true(status == BWRT_OK || status == BWRT_E_CANCELLED);
        }
        world->close();
    }
}

void many_threads_plan_and_every_byte_is_right(void** state) {
    BlockWorld* world = world_of(state);
    bwrt_planner planner = planner_of_test();
    planner.window_ns = 100'000;
    planner.age_max = 255;
    planner.caller_budget_bytes = 64 * kLength;
    world->planner = planner;
    world->open(kBoth);
    assert_int_equal(put(world, {1, 0}, 16), BWRT_OK);
    assert_int_equal(put_to(world, BWRT_TIER_DISK, {2, 0}, 16), BWRT_OK);
    const std::uint64_t seed = test_seed();
    std::vector<std::thread> threads;
    std::atomic<std::uint32_t> wrong{0};
    for (std::uint32_t number = 0; number < 3; ++number) {
        threads.emplace_back([&, number] {
            Random random(seed + number);
            for (std::uint32_t round = 0; round < share_of(40); ++round) {
                const auto first = static_cast<std::uint32_t>(random.below(16));
                const auto count = static_cast<std::uint32_t>(1 + random.below(16 - first));
                Planned getter(world, BWRT_OP_GET,
                               {static_cast<std::uint32_t>(1 + random.below(2)), first}, count);
                if (random.one_in(3)) getter.wave.flags = 0;
                if (getter.submit() != BWRT_OK) {
                    ++wrong;
                    return;
                }
                const bool cancels = random.one_in(8);
                if (cancels) (void)bwrt_cancel(world->runtime, getter.handle, nullptr);
                if (bwrt_wait(world->runtime, getter.handle, kPatienceNs, &getter.completion,
                              nullptr) != BWRT_OK) {
                    ++wrong;
                    return;
                }
                const bwrt_status status = getter.completion.status;
                if (status == BWRT_OK ? !getter.holds_all()
                                      : !(cancels && status == BWRT_E_CANCELLED)) {
                    ++wrong;
                }
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    assert_int_equal(wrong.load(), 0);
}

// ---- what is refused

void options_out_of_range_are_refused_by_their_names(void** state) {
    BlockWorld* world = world_of(state);
    struct Case {
        const char* field;
        void (*spoil)(bwrt_planner*);
    };
    const Case cases[] = {
        {"planner.flags", [](bwrt_planner* p) { p->flags = 1u << 6; }},
        {"planner.window_ns", [](bwrt_planner* p) { p->window_ns = 99'999; }},
        {"planner.window_ns", [](bwrt_planner* p) { p->window_ns = 10'000'000'001; }},
        {"planner.row_count_max", [](bwrt_planner* p) { p->row_count_max = 2047; }},
        {"planner.row_count_max", [](bwrt_planner* p) { p->row_count_max = (1u << 20) + 1; }},
        {"planner.half_life_ns", [](bwrt_planner* p) { p->half_life_ns = 16'777'215; }},
        {"planner.age_first", [](bwrt_planner* p) { p->age_first = p->age_max = 255; }},
        {"planner.age_max", [](bwrt_planner* p) { p->age_max = p->age_first; }},
        {"planner.age_max", [](bwrt_planner* p) { p->age_max = 256; }},
    };
    for (const Case& one : cases) {
        bwrt_planner planner = planner_of_test();
        one.spoil(&planner);
        world->planner = planner;
        assert_int_equal(world->try_open(kHostOnly), BWRT_E_INVAL);
        assert_string_equal(world->error.field, one.field);
    }
    bwrt_planner planner = planner_of_test();
    planner.struct_size = 8;
    world->planner = planner;
    assert_int_equal(world->try_open(kHostOnly), BWRT_E_ABI);
    assert_string_equal(world->error.field, "planner.struct_size");
}

void credits_need_a_planner(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kHostOnly);
    bwrt_tenant tenant = {};
    tenant.struct_size = sizeof tenant;
    tenant.credit_bytes_per_s = 1;
    assert_int_equal(bwrt_tenant_set(world->runtime, &tenant, &world->error), BWRT_E_UNSUPPORTED);
    assert_string_equal(world->error.field, "tenant.credit_bytes_per_s");
    world->close();
    const bwrt_planner planner = planner_of_test();
    world->planner = planner;
    world->open(kHostOnly);
    assert_int_equal(bwrt_tenant_set(world->runtime, &tenant, nullptr), BWRT_OK);
    tenant.credit_bytes_per_s = 0;
    tenant.credit_burst_bytes = 1;
    assert_int_equal(bwrt_tenant_set(world->runtime, &tenant, &world->error), BWRT_E_INVAL);
    assert_string_equal(world->error.field, "tenant.credit_burst_bytes");
}

const CMUnitTest kTests[] = {
    IN_BLOCK_WORLD(what_is_planned_is_moved_like_everything_else),
    IN_BLOCK_WORLD(operations_of_every_kind_can_be_planned),
    IN_BLOCK_WORLD(what_moves_nothing_waits_for_no_plan),
    IN_BLOCK_WORLD(blocks_that_several_want_are_counted_once),
    IN_BLOCK_WORLD(blocks_that_lie_apart_are_runs_of_their_own),
    IN_BLOCK_WORLD(neighbours_of_which_one_goes_to_memory_are_two_runs),
    IN_BLOCK_WORLD(a_tier_gets_no_more_in_a_window_than_its_budget),
    IN_BLOCK_WORLD(the_first_deadline_and_the_higher_priority_go_first),
    IN_BLOCK_WORLD(what_waited_for_as_long_as_anything_may_is_given_back),
    IN_BLOCK_WORLD(a_tenant_pays_for_itself_alone),
    IN_BLOCK_WORLD(what_would_be_late_ends_or_goes_on_without_its_deadline),
    IN_BLOCK_WORLD(what_is_small_waits_for_company),
    IN_BLOCK_WORLD(who_fills_the_window_does_not_keep_others_out),
    IN_BLOCK_WORLD(without_budgets_what_comes_moves),
    IN_BLOCK_WORLD(without_credits_who_has_none_is_served),
    IN_BLOCK_WORLD(without_merging_each_run_is_an_operation),
    IN_BLOCK_WORLD(a_wave_that_waits_for_its_plan_can_be_cancelled),
    IN_BLOCK_WORLD(a_planned_wave_waits_for_others_first),
    IN_BLOCK_WORLD(a_runtime_that_ends_moves_what_is_planned_or_cancels_it),
    IN_BLOCK_WORLD(many_threads_plan_and_every_byte_is_right),
    IN_BLOCK_WORLD(options_out_of_range_are_refused_by_their_names),
    IN_BLOCK_WORLD(credits_need_a_planner),
};

}  // namespace

int main() {
    int failures = 0;
    RUN_IN_ALL_MODES(kTests, failures);
    return failures;
}
