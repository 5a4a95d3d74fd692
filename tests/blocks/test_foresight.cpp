// SPDX-License-Identifier: Apache-2.0
//
// test_foresight.cpp — what comes back at its time is in memory before it is asked for, nobody who
// asks for something waits for that, and each chain that was ordered has ended in one way.
//
// The clock stands and is set forward by what chains rest, so that what the machine takes for a use
// is no time.  A chain is taught by using it so often that it is sure to come back.

#include <atomic>
#include <thread>

#include "tests/blocks/segment_places.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::test;

constexpr std::uint64_t kHostBytes = 16 * kMib;
constexpr std::uint32_t kCount = 8;  // blocks of a chain
constexpr std::uint64_t kChainBytes = kCount * kLength;
constexpr std::uint64_t kRestNs = 10 * kSecondNs;
constexpr std::uint32_t kFiller = 1000;  // chains that push others out

const StoreOf kHostOnly(kHostBytes, 0);
const StoreOf kDiskOnly(0, kDiskBytes);
const StoreOf kBoth(kHostBytes, kDiskBytes);

bwrt_planner planner_of_test() {
    bwrt_planner planner = {};
    planner.struct_size = sizeof planner;
    planner.window_ns = 100'000;
    planner.prefetch_bytes_max = 4 * kMib;
    return planner;
}

void open_with(BlockWorld* world, const bwrt_planner& planner) {
    world->planner = planner;
    world->open(kBoth);
    world->clock->stop_while_not_asked();
}

bwrt_counters counters(BlockWorld* world) {
    const bwrt_counters c = counters_of(world->runtime);
    assert_int_equal(c.prefetch_count, c.prefetch_right_count + c.prefetch_late_count +
                                           c.prefetch_wasted_count + c.prefetch_failed_count +
                                           c.prefetch_open_count);
    assert_int_equal(c.prefetch_bytes, c.prefetch_right_bytes + c.prefetch_late_bytes +
                                           c.prefetch_wasted_bytes + c.prefetch_failed_bytes +
                                           c.prefetch_open_bytes);
    return c;
}

bool is_in_memory(BlockWorld* world, std::uint32_t chain, std::uint32_t count = kCount) {
    const Answers answers = look_up(world, {chain, 0}, count);
    for (const bwrt_lookup_answer& answer : answers.of) {
        if (answer.state != BWRT_LOOKUP_HIT || answer.tier != BWRT_TIER_HOST) return false;
    }
    return true;
}

// On both tiers.
void store(BlockWorld* world, std::uint32_t chain, std::uint32_t count = kCount) {
    assert_int_equal(put_to(world, BWRT_TIER_DISK, {chain, 0}, count), BWRT_OK);
    settle(world);
}

bwrt_status use(BlockWorld* world, std::uint32_t chain, std::uint32_t count = kCount,
                std::uint64_t session = 0) {
    Request request(world, BWRT_OP_GET, {chain, 0}, count);
    request.wave.session = session;
    const bwrt_status status = request.run();
    if (status == BWRT_OK) assert_true(request.holds_all());
    return status;
}

void teach(BlockWorld* world, std::initializer_list<std::uint32_t> chains,
           std::uint64_t rest_ns = kRestNs) {
    for (const std::uint32_t chain : chains) store(world, chain);
    for (std::uint32_t round = 0; round < 100; ++round) {
        for (const std::uint32_t chain : chains) assert_int_equal(use(world, chain), BWRT_OK);
        let_time_pass(world, rest_ns);
    }
    for (const std::uint32_t chain : chains) assert_int_equal(use(world, chain), BWRT_OK);
    assert_int_equal(counters(world).prefetch_count, 0);
}

// Everything that may go from host memory goes, for blocks that are nowhere else.
void push_out(BlockWorld* world, std::uint32_t filler = kFiller) {
    for (std::uint32_t i = 0; i < 8; ++i) {
        assert_int_equal(put_to(world, BWRT_TIER_HOST, {filler + i, 0}, 32), BWRT_OK);
    }
}

void set_credit(BlockWorld* world, std::uint64_t bytes_per_s) {
    bwrt_tenant tenant = {};
    tenant.struct_size = sizeof tenant;
    tenant.credit_bytes_per_s = bytes_per_s;
    tenant.credit_burst_bytes = bytes_per_s;
    assert_int_equal(bwrt_tenant_set(world->runtime, &tenant, nullptr), BWRT_OK);
}

void wait_until_in_memory(BlockWorld* world, std::uint32_t chain) {
    drive_until(world, [&] { return is_in_memory(world, chain); });
    // It is there for the prediction, too, when a turn has seen it.
    let_time_pass(world, kSecondNs / 100);
}

// ---- how a fetch ends

void what_comes_back_at_its_time_is_in_memory_before(void** state) {
    BlockWorld* world = world_of(state);
    open_with(world, planner_of_test());
    teach(world, {1});
    push_out(world);
    wait_until_in_memory(world, 1);
    const bwrt_counters before = counters(world);
    assert_int_equal(before.prefetch_open_count, 1);
    const std::uint64_t hit_count = sample_store(world).disk.hit_count;

    let_time_pass(world, kRestNs - kSecondNs);
    Request request(world, BWRT_OP_GET, {1, 0}, kCount);
    assert_int_equal(request.run(), BWRT_OK);

    assert_true(request.holds_all());
    for (const bwrt_result& result : request.results) {
        assert_int_equal(result.tier, BWRT_TIER_HOST);
    }
    const bwrt_counters after = counters(world);
    assert_int_equal(after.prefetch_count, 1);
    assert_int_equal(after.prefetch_right_count, 1);
    assert_int_equal(after.prefetch_right_bytes, kChainBytes);
    assert_int_equal(after.prefetch_missed_count, before.prefetch_missed_count);
    assert_true(after.prefetch_lead_ns >= kRestNs - kSecondNs);
    assert_int_equal(sample_store(world).disk.hit_count, hit_count);  // nobody asked the disk
}

void without_leave_nothing_is_read_before_it_is_asked_for(void** state) {
    BlockWorld* world = world_of(state);
    bwrt_planner planner = planner_of_test();
    planner.prefetch_bytes_max = 0;
    open_with(world, planner);
    teach(world, {1});
    push_out(world);
    let_time_pass(world, kSecondNs);
    assert_false(is_in_memory(world, 1));
    assert_int_equal(use(world, 1), BWRT_OK);
    assert_int_equal(counters(world).prefetch_missed_count, 0);
}

// What follows a use and is stored behind it is no return of its own.
void what_is_put_behind_a_chain_is_fetched_with_it(void** state) {
    BlockWorld* world = world_of(state);
    bwrt_planner planner = planner_of_test();
    planner.prefetch_bytes_max = kHostBytes / 2;
    open_with(world, planner);
    std::uint32_t count = 1;
    assert_int_equal(put(world, {1, 0}), BWRT_OK);
    for (; count < 100; ++count) {
        let_time_pass(world, kRestNs);
        assert_int_equal(use(world, 1, count), BWRT_OK);
        let_time_pass(world, kSecondNs);
        assert_int_equal(put(world, {1, count}), BWRT_OK);
        settle(world);
    }
    push_out(world);
    drive_until(world, [&] { return is_in_memory(world, 1, count); });
    let_time_pass(world, kSecondNs);
    assert_int_equal(counters(world).prefetch_count, 1);
    assert_int_equal(use(world, 1, count), BWRT_OK);
    assert_int_equal(counters(world).prefetch_right_count, 1);
}

// It was never in memory.
void what_was_put_on_the_disk_alone_is_fetched(void** state) {
    BlockWorld* world = world_of(state);
    open_with(world, planner_of_test());
    store(world, 1, 1);
    for (std::uint32_t count = 1; count < 60; ++count) {
        let_time_pass(world, kRestNs);
        assert_int_equal(use(world, 1, count), BWRT_OK);
        let_time_pass(world, kSecondNs);
        assert_int_equal(put_to(world, BWRT_TIER_DISK, {1, count}), BWRT_OK);
        let_time_pass(world, kSecondNs / 1000);
        for (int i = 0; i < 30; ++i) drive(world);
        settle(world);
    }
    assert_true(counters(world).prefetch_right_count > 10);
}

void what_a_session_asks_for_next_is_fetched(void** state) {
    BlockWorld* world = world_of(state);
    open_with(world, planner_of_test());
    store(world, 1);
    store(world, 2);
    Random random(test_seed());
    for (std::uint32_t round = 0; round < 20; ++round) {
        for (const std::uint32_t chain : {1u, 2u}) {
            assert_int_equal(use(world, chain, kCount, 77), BWRT_OK);
            let_time_pass(world, random.between(kSecondNs, 5 * kSecondNs));
        }
    }
    let_time_pass(world, 3000 * kSecondNs);
    push_out(world);
    assert_int_equal(use(world, 1, kCount, 77), BWRT_OK);
    wait_until_in_memory(world, 2);
    assert_int_equal(use(world, 2, kCount, 77), BWRT_OK);
    assert_int_equal(counters(world).prefetch_right_count, 1);
}

void random_chat_is_not_fetched(void** state) {
    BlockWorld* world = world_of(state);
    open_with(world, planner_of_test());
    for (std::uint32_t chain = 1; chain <= 20; ++chain) store(world, chain, 2);
    Random random(test_seed());
    for (std::uint32_t i = 0; i < 300; ++i) {
        const auto chain = static_cast<std::uint32_t>(1 + random.below(20));
        assert_int_equal(use(world, chain, 2), BWRT_OK);
        if (i % 20 == 0) push_out(world, kFiller + 10 * i);
        let_time_pass(world, random.between(10 * kSecondNs, 100 * kSecondNs));
    }
    const bwrt_counters after = counters(world);
    assert_true(after.prefetch_missed_count > 20);
    assert_true(after.prefetch_count < 5);
}

void a_use_before_it_has_arrived_is_late_and_gets_every_byte(void** state) {
    BlockWorld* world = world_of(state);
    open_with(world, planner_of_test());
    teach(world, {1});
    const std::uint64_t missed_count = counters(world).prefetch_missed_count;
    hold_all(world, IoKind::kRead);
    push_out(world);
    drive_until(world, [&] { return world->storage->held_count() != 0; });

    Request request(world, BWRT_OP_GET, {1, 0}, kCount);
    request.start();
    drive(world);
    world->storage->script = nullptr;
    world->storage->let_go();

    assert_int_equal(request.finish(), BWRT_OK);
    assert_true(request.holds_all());
    settle(world);
    let_time_pass(world, kSecondNs);
    assert_int_equal(counters(world).prefetch_late_count, 1);
    assert_int_equal(counters(world).prefetch_missed_count, missed_count + 1);
    assert_int_equal(counters(world).prefetch_open_count, 0);
}

void what_was_waited_for_in_vain_is_let_go_and_wasted_when_it_goes(void** state) {
    BlockWorld* world = world_of(state);
    open_with(world, planner_of_test());
    teach(world, {1});
    push_out(world);
    wait_until_in_memory(world, 1);
    push_out(world, kFiller + 10);  // it is held
    assert_true(is_in_memory(world, 1));

    let_time_pass(world, 1000 * kSecondNs);
    assert_true(is_in_memory(world, 1));
    assert_int_equal(counters(world).prefetch_open_count, 1);
    push_out(world, kFiller + 20);

    assert_false(is_in_memory(world, 1));
    assert_int_equal(counters(world).prefetch_wasted_count, 1);
    assert_int_equal(counters(world).prefetch_wasted_bytes, kChainBytes);
}

void what_is_not_what_was_stored_is_a_miss_and_has_failed(void** state) {
    BlockWorld* world = world_of(state);
    open_with(world, planner_of_test());
    teach(world, {1});
    flip(place_of({1, 5}), 77, 3);
    push_out(world);
    drive_until(world, [&] { return counters(world).prefetch_failed_count >= 1; });
    settle(world);
    assert_int_equal(sample_store(world).corrupt_count, 1);
    assert_int_equal(get(world, {1, 0}, 5), BWRT_OK);
    assert_int_equal(get(world, {1, 5}), BWRT_E_MISS);
    assert_int_equal(counters(world).prefetch_right_count, 0);
}

void what_cannot_be_read_has_failed(void** state) {
    BlockWorld* world = world_of(state);
    open_with(world, planner_of_test());
    teach(world, {1});
    world->storage->script = [](const IoRequest& request, std::uint64_t) {
        return is_block_io(request, IoKind::kRead) ? Action::answer(-EIO) : Action::pass();
    };
    push_out(world);
    drive_until(world, [&] { return counters(world).prefetch_failed_count >= 1; });
    settle(world);
    assert_true(sample_store(world).failed_count != 0);
    assert_int_equal(get(world, {1, 0}), BWRT_E_MISS);
}

// ---- who goes first, and how much there may be

void a_demand_goes_first(void** state) {
    BlockWorld* world = world_of(state);
    open_with(world, planner_of_test());
    store(world, 50, 1);
    teach(world, {1});
    hold_all(world, IoKind::kRead);
    Request demand(world, BWRT_OP_GET, {50, 0}, 1);
    demand.start();
    drive_until(world, [&] { return world->storage->held_count() == 1; });

    push_out(world);
    drive_until(world, [&] { return counters(world).prefetch_count >= 1; });
    for (int i = 0; i < 20; ++i) let_time_pass(world, kSecondNs / 1000);
    assert_int_equal(world->storage->held_count(), 1);

    world->storage->script = nullptr;
    world->storage->let_go();
    assert_int_equal(demand.finish(), BWRT_OK);
    wait_until_in_memory(world, 1);
}

void what_waits_for_the_disk_for_too_long_has_failed(void** state) {
    BlockWorld* world = world_of(state);
    open_with(world, planner_of_test());
    store(world, 50, 1);
    teach(world, {1});
    hold_all(world, IoKind::kRead);
    Request demand(world, BWRT_OP_GET, {50, 0}, 1);
    demand.start();
    push_out(world);
    drive_until(world, [&] { return counters(world).prefetch_count >= 1; });

    let_time_pass(world, 1000 * kSecondNs);
    drive_until(world, [&] { return counters(world).prefetch_failed_count >= 1; });

    world->storage->script = nullptr;
    world->storage->let_go();
    assert_int_equal(demand.finish(), BWRT_OK);
    assert_false(is_in_memory(world, 1));
}

void no_more_is_held_than_may_be(void** state) {
    BlockWorld* world = world_of(state);
    bwrt_planner planner = planner_of_test();
    planner.prefetch_bytes_max = 2 * kChainBytes + kLength;
    open_with(world, planner);
    teach(world, {1, 2, 3});
    push_out(world);
    drive_until(world, [&] { return counters(world).prefetch_count == 2; });
    const auto count_there = [&] {
        int count = 0;
        for (const std::uint32_t chain : {1u, 2u, 3u}) count += is_in_memory(world, chain);
        return count;
    };
    drive_until(world, [&] { return count_there() == 2; });
    let_time_pass(world, kSecondNs);
    assert_int_equal(counters(world).prefetch_count, 2);
    assert_int_equal(count_there(), 2);

    // One that is used makes room for the third.
    assert_int_equal(use(world, is_in_memory(world, 1) ? 1 : 2), BWRT_OK);
    drive_until(world, [&] { return counters(world).prefetch_count == 3; });
}

void what_is_longer_than_may_be_held_is_not_fetched(void** state) {
    BlockWorld* world = world_of(state);
    bwrt_planner planner = planner_of_test();
    planner.prefetch_bytes_max = kChainBytes - 1;
    open_with(world, planner);
    teach(world, {1});
    push_out(world);
    for (int i = 0; i < 20; ++i) let_time_pass(world, kSecondNs / 10);
    assert_int_equal(counters(world).prefetch_count, 0);
}

void a_tenants_credit_is_for_what_nobody_asked_for_too(void** state) {
    BlockWorld* world = world_of(state);
    open_with(world, planner_of_test());
    teach(world, {1});
    set_credit(world, 1);
    push_out(world);
    drive_until(world, [&] { return counters(world).prefetch_failed_count >= 1; });
    assert_true(counters(world).plan_waited_count != 0);
    assert_false(is_in_memory(world, 1));

    set_credit(world, 0);
    let_time_pass(world, kSecondNs);
    wait_until_in_memory(world, 1);
}

// ---- what others do meanwhile

void what_is_held_can_be_dropped_and_moved(void** state) {
    BlockWorld* world = world_of(state);
    open_with(world, planner_of_test());
    teach(world, {1, 2});
    push_out(world);
    wait_until_in_memory(world, 1);
    wait_until_in_memory(world, 2);
    for (std::uint32_t i = kCount; i > 0; --i) {
        assert_int_equal(ask(world, BWRT_OP_DROP, {1, i - 1}), BWRT_OK);
        assert_int_equal(ask(world, BWRT_OP_MOVE, {2, i - 1}, 1, BWRT_TIER_DISK), BWRT_OK);
    }
    let_time_pass(world, kSecondNs / 100);
    assert_int_equal(counters(world).prefetch_wasted_count, 2);
    assert_int_equal(get(world, {1, 0}), BWRT_E_MISS);
    assert_int_equal(use(world, 2), BWRT_OK);
}

void what_is_held_expires(void** state) {
    BlockWorld* world = world_of(state);
    open_with(world, planner_of_test());
    Request putter(world, BWRT_OP_PUT, {1, 0}, kCount);
    putter.options.ttl_s = 1200;
    putter.operation.tier = BWRT_TIER_DISK;
    assert_int_equal(putter.run(), BWRT_OK);
    settle(world);
    for (std::uint32_t round = 0; round < 100; ++round) {
        assert_int_equal(use(world, 1), BWRT_OK);
        let_time_pass(world, kRestNs);
    }
    assert_int_equal(use(world, 1), BWRT_OK);
    let_time_pass(world, 195 * kSecondNs);
    assert_int_equal(use(world, 1), BWRT_OK);
    push_out(world);
    wait_until_in_memory(world, 1);
    let_time_pass(world, 6 * kSecondNs);
    assert_int_equal(get(world, {1, 0}), BWRT_E_MISS);
    drive_until(world, [&] { return counters(world).prefetch_open_count == 0; });
}

void who_needs_room_gets_it(void** state) {
    BlockWorld* world = world_of(state);
    open_with(world, planner_of_test());
    teach(world, {1});
    push_out(world);
    wait_until_in_memory(world, 1);
    // All the rest is pinned.
    std::uint32_t count = 0;
    for (; count < 300; ++count) {
        const Key key = {kFiller + 100, count};
        const bwrt_status status = put_to(world, BWRT_TIER_HOST, key);
        if (status != BWRT_OK) break;
        assert_int_equal(ask(world, BWRT_OP_PIN, key), BWRT_OK);
        if (!is_in_memory(world, 1)) break;
    }
    assert_false(is_in_memory(world, 1));
    assert_true(count > 200);
    for (; count > 0; --count) {
        static_cast<void>(ask(world, BWRT_OP_UNPIN, {kFiller + 100, count - 1}));
    }
}

// What is asked for holds what is there of its chain, and the planner may take its time.
void who_needs_room_does_not_wait_for_the_planner(void** state) {
    BlockWorld* world = world_of(state);
    bwrt_planner planner = planner_of_test();
    planner.window_ns = 10 * kSecondNs;
    planner.age_max = 255;
    planner.prefetch_horizon_ns = 7200 * kSecondNs;
    open_with(world, planner);
    teach(world, {1}, 600 * kSecondNs);
    set_credit(world, 1);
    std::uint32_t count = 0;
    const auto put_pinned = [&] {
        const Key key = {kFiller + 100, count++};
        assert_int_equal(put_to(world, BWRT_TIER_HOST, key), BWRT_OK);
        assert_int_equal(ask(world, BWRT_OP_PIN, key), BWRT_OK);
    };
    while (is_in_memory(world, 1)) put_pinned();
    let_time_pass(world, 2 * planner.window_ns);
    drive_until(world, [&] { return counters(world).prefetch_count == 1; });
    assert_true(is_in_memory(world, 1, 1));

    while (is_in_memory(world, 1, 1)) put_pinned();
    assert_true(count > 200);
    assert_int_equal(counters(world).prefetch_failed_count, 1);
    for (; count > 0; --count) {
        assert_int_equal(ask(world, BWRT_OP_UNPIN, {kFiller + 100, count - 1}), BWRT_OK);
    }
}

// ---- the end

void a_runtime_that_ends_waits_for_nothing_that_was_foretold(void** state) {
    BlockWorld* world = world_of(state);
    open_with(world, planner_of_test());
    teach(world, {1});
    set_credit(world, 1);
    push_out(world);
    drive_until(world, [&] { return counters(world).prefetch_count >= 1; });
    assert_int_equal(bwrt_shutdown(world->runtime, BWRT_SHUTDOWN_DRAIN, kPatienceNs, nullptr), 0);
    const bwrt_counters after = counters(world);
    assert_int_equal(after.prefetch_failed_count, after.prefetch_count);
    assert_int_equal(after.prefetch_open_count, 0);
}

void a_runtime_that_ends_in_the_middle_of_a_fetch_begins_no_other_read(void** state) {
    BlockWorld* world = world_of(state);
    open_with(world, planner_of_test());
    store(world, 1, 40);
    for (std::uint32_t round = 0; round < 100; ++round) {
        assert_int_equal(use(world, 1, 40), BWRT_OK);
        let_time_pass(world, kRestNs);
    }
    assert_int_equal(use(world, 1, 40), BWRT_OK);
    hold_all(world, IoKind::kRead);
    push_out(world);
    drive_until(world, [&] { return world->storage->held_count() != 0; });
    for (int i = 0; i < 10; ++i) drive(world);
    const std::uint64_t read_count = world->storage->count(IoKind::kRead);
    assert_true(world->storage->held_count() < 40);
    assert_int_equal(bwrt_shutdown(world->runtime, BWRT_SHUTDOWN_DRAIN, 0, nullptr),
                     BWRT_E_TIMEOUT);
    world->storage->script = nullptr;
    world->storage->let_go();
    assert_int_equal(bwrt_shutdown(world->runtime, BWRT_SHUTDOWN_DRAIN, kPatienceNs, nullptr), 0);
    assert_int_equal(world->storage->count(IoKind::kRead), read_count);
    assert_int_equal(counters(world).prefetch_failed_count, 1);
    assert_int_equal(sample_store(world).flight_count, 0);
}

void many_threads_use_chains_and_every_byte_is_right(void** state) {
    BlockWorld* world = world_of(state);
    world->planner = planner_of_test();
    world->open(kBoth);
    for (std::uint32_t chain = 1; chain <= 40; ++chain) store(world, chain);
    const std::uint64_t seed = test_seed();
    std::vector<std::thread> threads;
    std::atomic<std::uint32_t> wrong{0};
    for (std::uint32_t number = 0; number < 3; ++number) {
        threads.emplace_back([&, number] {
            Random random(seed + number);
            for (std::uint32_t round = 0; round < share_of(400); ++round) {
                const auto chain = static_cast<std::uint32_t>(1 + 13 * number + round % 13);
                Request getter(world, BWRT_OP_GET, {chain, 0}, kCount);
                getter.wave.session = random.below(4);
                if (getter.submit() != BWRT_OK) {
                    ++wrong;
                    return;
                }
                const bool cancels = random.one_in(16);
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
                world->clock->set_forward(random.below(kSecondNs / 10));
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    assert_int_equal(wrong.load(), 0);
    settle(world);
    const bwrt_counters after = counters(world);
    print_message("ordered %llu, right %llu, late %llu\n",
                  static_cast<unsigned long long>(after.prefetch_count),
                  static_cast<unsigned long long>(after.prefetch_right_count),
                  static_cast<unsigned long long>(after.prefetch_late_count));
}

// ---- what is refused

struct Refusal {
    const char* field;
    void (*spoil)(bwrt_planner* planner);
};

void options_out_of_range_are_refused_by_their_names(void** state) {
    BlockWorld* world = world_of(state);
    const Refusal refusals[] = {
        {"planner.prefetch_bytes_max",
         [](bwrt_planner* p) { p->prefetch_bytes_max = kHostBytes / 2 + 1; }},
        {"planner.prefetch_horizon_ns",
         [](bwrt_planner* p) { p->prefetch_horizon_ns = 99'999'999; }},
        {"planner.prefetch_horizon_ns",
         [](bwrt_planner* p) { p->prefetch_horizon_ns = 7'200'000'000'001; }},
        {"planner.prefetch_wasted_milli", [](bwrt_planner* p) { p->prefetch_wasted_milli = 901; }},
        {"planner.prefetch_chain_count_max",
         [](bwrt_planner* p) { p->prefetch_chain_count_max = (1u << 24) + 1; }},
    };
    for (const Refusal& refusal : refusals) {
        world->planner = planner_of_test();
        refusal.spoil(&world->planner);
        assert_int_equal(world->try_open(kBoth), BWRT_E_INVAL);
        assert_string_equal(world->error.field, refusal.field);
    }
    world->planner = planner_of_test();
    world->planner.prefetch_bytes_max = kHostBytes / 2;
    world->planner.prefetch_horizon_ns = 7'200'000'000'000;
    world->planner.prefetch_wasted_milli = 900;
    world->planner.prefetch_chain_count_max = 1;
    world->open(kBoth);
}

void only_a_store_with_both_tiers_can_read_ahead(void** state) {
    BlockWorld* world = world_of(state);
    world->planner = planner_of_test();
    world->planner.prefetch_bytes_max = 1;
    for (const StoreOf& given : {kHostOnly, kDiskOnly}) {
        assert_int_equal(world->try_open(given), BWRT_E_INVAL);
        assert_string_equal(world->error.field, "planner.prefetch_bytes_max");
    }
    world->open(kBoth);
}

const CMUnitTest kTests[] = {
    IN_BLOCK_WORLD(what_comes_back_at_its_time_is_in_memory_before),
    IN_BLOCK_WORLD(without_leave_nothing_is_read_before_it_is_asked_for),
    IN_BLOCK_WORLD(what_is_put_behind_a_chain_is_fetched_with_it),
    IN_BLOCK_WORLD(what_was_put_on_the_disk_alone_is_fetched),
    IN_BLOCK_WORLD(what_a_session_asks_for_next_is_fetched),
    IN_BLOCK_WORLD(random_chat_is_not_fetched),
    IN_BLOCK_WORLD(a_use_before_it_has_arrived_is_late_and_gets_every_byte),
    IN_BLOCK_WORLD(what_was_waited_for_in_vain_is_let_go_and_wasted_when_it_goes),
    IN_BLOCK_WORLD(what_is_not_what_was_stored_is_a_miss_and_has_failed),
    IN_BLOCK_WORLD(what_cannot_be_read_has_failed),
    IN_BLOCK_WORLD(a_demand_goes_first),
    IN_BLOCK_WORLD(what_waits_for_the_disk_for_too_long_has_failed),
    IN_BLOCK_WORLD(no_more_is_held_than_may_be),
    IN_BLOCK_WORLD(what_is_longer_than_may_be_held_is_not_fetched),
    IN_BLOCK_WORLD(a_tenants_credit_is_for_what_nobody_asked_for_too),
    IN_BLOCK_WORLD(what_is_held_can_be_dropped_and_moved),
    IN_BLOCK_WORLD(what_is_held_expires),
    IN_BLOCK_WORLD(who_needs_room_gets_it),
    IN_BLOCK_WORLD(who_needs_room_does_not_wait_for_the_planner),
    IN_BLOCK_WORLD(a_runtime_that_ends_waits_for_nothing_that_was_foretold),
    IN_BLOCK_WORLD(a_runtime_that_ends_in_the_middle_of_a_fetch_begins_no_other_read),
    IN_BLOCK_WORLD(many_threads_use_chains_and_every_byte_is_right),
    IN_BLOCK_WORLD(options_out_of_range_are_refused_by_their_names),
    IN_BLOCK_WORLD(only_a_store_with_both_tiers_can_read_ahead),
};

}  // namespace

int main() {
    int failures = 0;
    // Which backend reads is no matter here, and the planner's thread is there in every mode.
    RUN_IN_MODES(kTests, kThreadSanitizer ? 1 : 2, failures);
    return failures;
}
