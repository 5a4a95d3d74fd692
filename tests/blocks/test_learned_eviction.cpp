// SPDX-License-Identifier: Apache-2.0
//
// test_learned_eviction.cpp — a store that learns which blocks return (BWRT_EVICTION_LEARNED): who
// stays, who is not taken, where he goes then, and that LRU knows nothing of it.
//
// The tier holds 32 blocks of 64 KiB.  31 of them are asked for every second; each second another
// one comes, which nobody ever asks for.  So what has just come is worth less than those.

#include "tests/blocks/block_world.h"

namespace {

using namespace bwrt::test;

constexpr std::uint32_t kHotCount = 31;
constexpr std::uint32_t kHot = 1;      // their chain
constexpr std::uint32_t kCold = 1000;  // and that of the last one that came
constexpr std::uint32_t kRounds = 200;

StoreOf store_with(std::uint32_t eviction, std::uint64_t disk_bytes = 0) {
    StoreOf given(2 * kMib, disk_bytes, 0, kMib / 4);
    given.store.eviction = eviction;
    return given;
}

// Time passes as the test says, and in no other way: to whom all are late, none is worth keeping.
void open(BlockWorld* world, const StoreOf& given) {
    world->open(given);
    world->clock->stop_while_not_asked();
}

void later(BlockWorld* world) { let_time_pass(world, kSecondNs); }

bwrt_status put_unrelated(BlockWorld* world, Key first, std::uint32_t count = 1,
                          std::uint32_t tier = BWRT_TIER_NONE) {
    Request request(world, BWRT_OP_PUT, first, count);
    request.operation.flags = BWRT_BLOCK_UNRELATED;
    request.operation.tier = static_cast<std::uint16_t>(tier);
    return request.run();
}

std::uint32_t host_count(BlockWorld* world, Key first, std::uint32_t count) {
    std::uint32_t hits = 0;
    for (const bwrt_lookup_answer& answer : look_up(world, first, count).of) {
        if (answer.state == BWRT_LOOKUP_HIT && answer.tier == BWRT_TIER_HOST) ++hits;
    }
    return hits;
}

// Until something is learnt they go for each other, and are stored anew.
void teach(BlockWorld* world) {
    for (std::uint32_t i = 0; i < kRounds; ++i) {
        later(world);
        static_cast<void>(put_unrelated(world, {kHot, 0}, kHotCount));
        static_cast<void>(ask(world, BWRT_OP_PREFETCH, {kHot, 0}, kHotCount));
        static_cast<void>(put_unrelated(world, {kCold + 1 + i, 0}));
        settle(world);
    }
    later(world);
    const Key cold = {kCold, 0};
    assert_int_equal(put_unrelated(world, {kHot, 0}, kHotCount, BWRT_TIER_HOST), BWRT_OK);
    assert_int_equal(ask(world, BWRT_OP_PREFETCH, {kHot, 0}, kHotCount), BWRT_OK);
    assert_int_equal(put_unrelated(world, cold, 1, BWRT_TIER_HOST), BWRT_OK);
    later(world);
    assert_true(host_count(world, {kHot, 0}, kHotCount) >= kHotCount - 1);
}

// The one that came last stays whatever it is worth, so that only the others may go.
void teach_and_fill(BlockWorld* world) {
    teach(world);
    assert_int_equal(ask(world, BWRT_OP_PIN, {kCold, 0}), BWRT_OK);
}

void what_returns_stays_while_a_crowd_passes_that_does_not(void** state) {
    BlockWorld* world = world_of(state);
    open(world, store_with(BWRT_EVICTION_LEARNED));
    teach(world);

    for (std::uint32_t i = 0; i < 64; ++i) {
        assert_int_equal(put_unrelated(world, {2000 + i, 0}), BWRT_OK);
    }

    assert_true(host_count(world, {kHot, 0}, kHotCount) >= kHotCount - 1);
}

// Half as many as there is room for.
void what_is_ranked_stays_too_and_whoever_comes_has_a_place(void** state) {
    BlockWorld* world = world_of(state);
    open(world, store_with(BWRT_EVICTION_RANKED));
    teach(world);

    for (std::uint32_t i = 0; i < 16; ++i) {
        assert_int_equal(put_unrelated(world, {2000 + i, 0}), BWRT_OK);
        assert_int_equal(host_count(world, {2000 + i, 0}, 1), 1);
    }

    assert_true(host_count(world, {kHot, 0}, kHotCount) >= kHotCount - 1);
    assert_int_equal(sample_store(world).unworthy_count, 0);
}

void what_is_ranked_goes_for_a_crowd_that_fills_the_tier_at_once(void** state) {
    BlockWorld* world = world_of(state);
    open(world, store_with(BWRT_EVICTION_RANKED));
    teach(world);
    assert_int_equal(ask(world, BWRT_OP_PREFETCH, {kHot, 0}, kHotCount), BWRT_OK);

    for (std::uint32_t i = 0; i < 80; ++i) {
        assert_int_equal(put_unrelated(world, {2000 + i, 0}), BWRT_OK);
    }

    assert_int_equal(host_count(world, {kHot, 0}, kHotCount), 0);
}

void it_goes_for_the_crowd_in_a_store_that_was_not_told_to_learn(void** state) {
    BlockWorld* world = world_of(state);
    open(world, store_with(BWRT_EVICTION_DEFAULT));
    teach(world);

    for (std::uint32_t i = 0; i < 64; ++i) {
        assert_int_equal(put_unrelated(world, {2000 + i, 0}), BWRT_OK);
    }

    assert_int_equal(host_count(world, {kHot, 0}, kHotCount), 0);
    assert_int_equal(sample_store(world).unworthy_count, 0);
}

void who_is_worth_less_than_all_is_not_taken(void** state) {
    BlockWorld* world = world_of(state);
    open(world, store_with(BWRT_EVICTION_LEARNED));
    teach_and_fill(world);
    Request request(world, BWRT_OP_PUT, {3000, 0}, 1);
    const bwrt_store_counters before = sample_store(world);

    assert_int_equal(request.run(), BWRT_E_NOSPC);

    assert_int_equal(request.results[0].tier, BWRT_TIER_HOST);
    assert_int_equal(sample_store(world).unworthy_count, before.unworthy_count + 1);
    assert_int_equal(sample_store(world).refused_count, before.refused_count + 1);
    assert_true(host_count(world, {kHot, 0}, kHotCount) >= kHotCount - 1);
    assert_int_equal(ask(world, BWRT_OP_UNPIN, {kCold, 0}), BWRT_OK);
}

// Of two that would have to go the first is worth no more than who comes.  So it comes: nobody goes
// for nothing, whatever the second is worth.
void who_has_let_one_go_comes(void** state) {
    BlockWorld* world = world_of(state);
    open(world, store_with(BWRT_EVICTION_LEARNED));
    teach(world);
    const std::uint64_t unworthy = sample_store(world).unworthy_count;
    Request long_one(world, BWRT_OP_PUT, {3000, 0}, 1, 2 * kLength);
    long_one.operation.flags = BWRT_BLOCK_UNRELATED;

    assert_int_equal(long_one.run(), BWRT_OK);

    assert_true(is_hit(world, {3000, 0}));
    assert_false(is_hit(world, {kCold, 0}));
    assert_int_equal(sample_store(world).unworthy_count, unworthy);
}

// Its parent is not there, so nobody would go for it anyway.
void nor_are_the_blocks_behind_it(void** state) {
    BlockWorld* world = world_of(state);
    open(world, store_with(BWRT_EVICTION_LEARNED));
    teach_and_fill(world);

    const bwrt_store_counters before = sample_store(world);
    Request request(world, BWRT_OP_PUT, {3000, 0}, 4);
    assert_int_equal(request.run(), BWRT_E_NOSPC);

    assert_int_equal(request.count_of(BWRT_E_NOSPC), 4);
    assert_int_equal(sample_store(world).refused_count, before.refused_count + 4);
    assert_true(host_count(world, {kHot, 0}, kHotCount) >= kHotCount - 1);
    assert_int_equal(ask(world, BWRT_OP_UNPIN, {kCold, 0}), BWRT_OK);
}

void who_names_the_tier_has_a_place_in_it(void** state) {
    BlockWorld* world = world_of(state);
    open(world, store_with(BWRT_EVICTION_LEARNED));
    teach_and_fill(world);
    const bwrt_store_counters before = sample_store(world);

    assert_int_equal(put_unrelated(world, {3000, 0}, 1, BWRT_TIER_HOST), BWRT_OK);

    assert_true(is_hit(world, {3000, 0}));
    assert_int_equal(sample_store(world).unworthy_count, before.unworthy_count);
    assert_int_equal(ask(world, BWRT_OP_UNPIN, {kCold, 0}), BWRT_OK);
}

void who_was_refused_is_taken_when_he_returns_as_fast(void** state) {
    BlockWorld* world = world_of(state);
    open(world, store_with(BWRT_EVICTION_LEARNED));
    teach_and_fill(world);

    std::uint32_t refused_count = 0;
    while (put_unrelated(world, {3000, 0}) == BWRT_E_NOSPC) {
        assert_true(++refused_count < 10);
        assert_int_equal(put_unrelated(world, {4000 + refused_count, 0}), BWRT_E_NOSPC);
        later(world);
        assert_int_equal(get(world, {kHot, 0}, kHotCount), BWRT_OK);
    }

    assert_true(refused_count >= 1);
    assert_true(is_hit(world, {3000, 0}));
    assert_int_equal(ask(world, BWRT_OP_UNPIN, {kCold, 0}), BWRT_OK);
}

void what_memory_does_not_take_is_on_the_disk_and_read_from_there(void** state) {
    BlockWorld* world = world_of(state);
    open(world, store_with(BWRT_EVICTION_LEARNED, kDiskBytes));
    teach_and_fill(world);
    Request request(world, BWRT_OP_PUT, {3000, 0}, 1);
    const bwrt_store_counters before = sample_store(world);

    assert_int_equal(request.run(), BWRT_OK);
    settle(world);

    assert_int_equal(request.results[0].tier, BWRT_TIER_DISK);
    assert_int_equal(sample_store(world).unworthy_count, before.unworthy_count + 1);
    assert_int_equal(sample_store(world).refused_count, before.refused_count);
    assert_int_equal(tier_of_get(world, {3000, 0}), BWRT_TIER_DISK);
    assert_int_equal(host_count(world, {3000, 0}, 1), 0);
    assert_int_equal(sample_store(world).unworthy_count, before.unworthy_count + 2);
    assert_int_equal(ask(world, BWRT_OP_PREFETCH, {3000, 0}), BWRT_OK);
    assert_int_equal(host_count(world, {3000, 0}, 1), 1);
    assert_int_equal(ask(world, BWRT_OP_UNPIN, {kCold, 0}), BWRT_OK);
}

// It is refused by memory in its first second, and again in each that it waits for another way.
void who_waits_for_transit_memory_is_no_return(void** state) {
    BlockWorld* world = world_of(state);
    StoreOf given = store_with(BWRT_EVICTION_LEARNED, kDiskBytes);
    given.store.transit_bytes = 2 * kMib;
    open(world, given);
    teach_and_fill(world);
    assert_int_equal(put_unrelated(world, {5000, 0}, 48, BWRT_TIER_DISK), BWRT_OK);
    settle(world);
    hold_all(world, bwrt::runtime::IoKind::kRead);
    Request request(world, BWRT_OP_GET, {5000, 0}, 48);
    request.operation.flags = BWRT_BLOCK_UNRELATED;
    request.start();
    drive_until(world, [&] { return sample_store(world).flight_count >= 32; });

    for (int second = 0; second < 6; ++second) {
        later(world);
        for (int turn = 0; turn < 3; ++turn) drive(world);
        assert_int_equal(get(world, {kHot, 0}, kHotCount), BWRT_OK);
    }
    world->storage->script = nullptr;
    world->storage->let_go();
    assert_int_equal(request.finish(), BWRT_OK);
    settle(world);

    assert_int_equal(ask(world, BWRT_OP_UNPIN, {kCold, 0}), BWRT_OK);
    assert_int_equal(host_count(world, {5000, 0}, 48), 0);
}

// Of those that were used once the oldest goes, however long it was on its way.  There is room for
// three at most.
void a_slow_load_is_one_use(void** state) {
    BlockWorld* world = world_of(state);
    open(world, store_with(BWRT_EVICTION_LEARNED, kDiskBytes));
    assert_int_equal(put_unrelated(world, {5000, 0}, 1, BWRT_TIER_DISK), BWRT_OK);
    teach(world);
    assert_int_equal(ask(world, BWRT_OP_DROP, {kCold, 0}), BWRT_OK);
    assert_int_equal(ask(world, BWRT_OP_DROP, {kHot, kHotCount - 1}), BWRT_OK);
    hold_all(world, bwrt::runtime::IoKind::kRead);
    Request request(world, BWRT_OP_PREFETCH, {5000, 0}, 1);
    request.start();
    drive_until(world, [&] { return sample_store(world).flight_count == 1; });
    let_time_pass(world, kSecondNs / 4);  // some ticks
    world->storage->script = nullptr;
    world->storage->let_go();
    assert_int_equal(request.finish(), BWRT_OK);
    assert_int_equal(host_count(world, {5000, 0}, 1), 1);
    static_cast<void>(ask(world, BWRT_OP_PREFETCH, {kHot, 0}, kHotCount - 1));

    for (std::uint32_t i = 1; i <= 4; ++i) {
        assert_int_equal(put_unrelated(world, {5000 + i, 0}, 1, BWRT_TIER_HOST), BWRT_OK);
    }

    assert_int_equal(host_count(world, {5000, 0}, 1), 0);
}

// All that the disk has is asked for every second or leased.  Some 320 of the 400 MiB are spent by
// then.
void who_is_not_written_spends_no_budget(void** state) {
    constexpr std::uint32_t kCount = 30, kComing = 150;
    BlockWorld* world = world_of(state);
    StoreOf given(0, kDiskBytes, 0, kMib);
    given.store.eviction = BWRT_EVICTION_LEARNED;
    given.store.write_bytes_per_day = 400 * kMib;
    open(world, given);
    Request hot(world, BWRT_OP_PUT, {kHot, 0}, kCount, kMib);
    hot.operation.flags = BWRT_BLOCK_UNRELATED;
    for (std::uint32_t i = 0; i < kComing; ++i) {
        later(world);
        static_cast<void>(hot.run());
        static_cast<void>(put(world, {kCold + i, 0}, 1, kMib));
        settle(world);
    }
    later(world);
    static_cast<void>(hot.run());
    for (std::uint32_t i = 0; i < kComing; ++i) {
        static_cast<void>(look_up(world, {kCold + i, 0}, 1, 600'000));
    }
    const std::uint64_t unworthy = sample_store(world).unworthy_count;

    for (std::uint32_t i = 0; i < kComing; ++i) {
        assert_int_equal(put(world, {3000 + i, 0}, 1, kMib), BWRT_E_NOSPC);
    }

    assert_int_equal(sample_store(world).unworthy_count, unworthy + kComing);
    assert_int_equal(put_to(world, BWRT_TIER_DISK, {4000, 0}, 1, kMib), BWRT_OK);
}

const CMUnitTest kTests[] = {
    IN_BLOCK_WORLD(what_returns_stays_while_a_crowd_passes_that_does_not),
    IN_BLOCK_WORLD(who_waits_for_transit_memory_is_no_return),
    IN_BLOCK_WORLD(what_is_ranked_stays_too_and_whoever_comes_has_a_place),
    IN_BLOCK_WORLD(what_is_ranked_goes_for_a_crowd_that_fills_the_tier_at_once),
    IN_BLOCK_WORLD(it_goes_for_the_crowd_in_a_store_that_was_not_told_to_learn),
    IN_BLOCK_WORLD(who_is_worth_less_than_all_is_not_taken),
    IN_BLOCK_WORLD(who_has_let_one_go_comes),
    IN_BLOCK_WORLD(nor_are_the_blocks_behind_it),
    IN_BLOCK_WORLD(who_names_the_tier_has_a_place_in_it),
    IN_BLOCK_WORLD(who_was_refused_is_taken_when_he_returns_as_fast),
    IN_BLOCK_WORLD(what_memory_does_not_take_is_on_the_disk_and_read_from_there),
    IN_BLOCK_WORLD(a_slow_load_is_one_use),
    IN_BLOCK_WORLD(who_is_not_written_spends_no_budget),
};

}  // namespace

int main() {
    int failures = 0;
    RUN_IN_MODES(kTests, kThreadSanitizer ? 1 : 2, failures);
    return failures;
}
