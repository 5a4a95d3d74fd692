// SPDX-License-Identifier: Apache-2.0
//
// test_fading.cpp — a block that had to go from the disk stays until the segment that it is in is
// emptied, and is no burden then.
//
// The disk has seven segments of 16 MiB, of which the policy counts on four: 56 MiB and less, as a
// block of 1 MiB and its sums leave a tail.  In four segments there are 60 such blocks.

#include "tests/blocks/block_world.h"

namespace {

using namespace bwrt::test;

constexpr std::uint64_t kLong = 1 * kMib;
const StoreOf kDiskOnly(0, kDiskBytes);

void put_one(BlockWorld* world, Key key) {
    assert_int_equal(put(world, key, 1, kLong), BWRT_OK);
    let_time_pass(world, kSecondNs);
}

std::uint32_t hit_count(BlockWorld* world, std::uint32_t chain_count) {
    std::uint32_t count = 0;
    for (std::uint32_t chain = 0; chain < chain_count; ++chain) {
        if (is_hit(world, {chain, 0})) ++count;
    }
    return count;
}

void what_had_to_go_is_there_until_its_segment_is_emptied(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kDiskOnly);
    for (std::uint32_t chain = 0; chain < 59; ++chain) put_one(world, {chain, 0});

    const bwrt_store_counters full = sample_store(world);
    assert_true(full.disk.used_bytes <= full.disk.capacity_bytes);
    assert_true(full.disk.capacity_bytes < 58 * kLong);
    assert_int_equal(hit_count(world, 59), 59);
    assert_int_equal(full.disk.evicted_count, 0);

    for (std::uint32_t chain = 59; chain < 200; ++chain) put_one(world, {chain, 0});
    const bwrt_store_counters after = sample_store(world);
    assert_true(after.disk.evicted_count >= 200 - 90);
    assert_false(is_hit(world, {0, 0}));
}

void who_is_used_after_he_had_to_go_counts_again(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kDiskOnly);
    for (std::uint32_t chain = 0; chain < 59; ++chain) put_one(world, {chain, 0});
    assert_int_equal(get(world, {1, 0}, 1, kLong), BWRT_OK);  // by a GET, or a PUT of the same
    assert_int_equal(put(world, {2, 0}, 1, kLong), BWRT_OK);
    let_time_pass(world, kSecondNs);

    for (std::uint32_t chain = 100; chain < 135; ++chain) put_one(world, {chain, 0});
    settle(world);
    assert_int_equal(get(world, {1, 0}, 1, kLong), BWRT_OK);
    assert_int_equal(get(world, {2, 0}, 1, kLong), BWRT_OK);
    assert_false(is_hit(world, {0, 0}));
    assert_true(sample_store(world).carried_bytes >= 2 * kLong);
}

// A chain's blocks lie in different segments, and the one that the root is in is emptied first.
void no_block_is_left_behind_without_those_that_it_needs(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kDiskOnly);
    constexpr std::uint32_t kChainCount = 12, kDepth = 5;
    for (std::uint32_t depth = 0; depth < kDepth; ++depth) {
        for (std::uint32_t chain = 0; chain < kChainCount; ++chain) put_one(world, {chain, depth});
    }
    for (std::uint32_t i = 0; i < 120; ++i) {
        put_one(world, {100 + i, 0});
        for (std::uint32_t chain = 0; chain < kChainCount; ++chain) {
            std::uint32_t hits = 0;
            for (std::uint32_t depth = 0; depth < kDepth; ++depth) {
                if (is_hit(world, {chain, depth})) ++hits;
            }
            assert_int_equal(look_up(world, {chain, 0}, kDepth).prefix_count, hits);
        }
    }
    assert_int_equal(hit_count(world, kChainCount), 0);
}

// All three of its blocks have faded; with the middle one goes what needs it.
void a_faded_block_that_is_dropped_takes_what_needs_it_along(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kDiskOnly);
    for (std::uint32_t depth = 0; depth < 3; ++depth) put_one(world, {0, depth});
    for (std::uint32_t chain = 1; chain < 57; ++chain) put_one(world, {chain, 0});
    assert_int_equal(look_up(world, {0, 0}, 3).prefix_count, 3);

    assert_int_equal(ask(world, BWRT_OP_DROP, {0, 1}), BWRT_OK);

    assert_int_equal(get(world, {0, 2}, 1, kLong), BWRT_E_MISS);
    assert_int_equal(get(world, {0, 0}, 1, kLong), BWRT_OK);
    assert_int_equal(put(world, {0, 1}, 2, kLong), BWRT_OK);
    for (std::uint32_t chain = 100; chain < 250; ++chain) put_one(world, {chain, 0});
    assert_false(is_hit(world, {0, 0}));
    std::uint32_t hits = 0;
    for (std::uint32_t chain = 100; chain < 250; ++chain) hits += is_hit(world, {chain, 0});
    assert_in_range(hits, 45, 75);  // as many as ever
}

// Where numbers are what there is too little of, who has to go gives his to the next one.
void who_goes_for_a_number_does_not_fade(void** state) {
    BlockWorld* world = world_of(state);
    StoreOf few = kDiskOnly;
    few.store.block_count_max = 50;
    world->open(few);
    for (std::uint32_t chain = 0; chain < 150; ++chain) {
        assert_int_equal(put(world, {chain, 0}), BWRT_OK);
        let_time_pass(world, kSecondNs);
    }
    settle(world);
    const std::uint64_t counted = sample_store(world).disk.used_bytes / kLength;
    assert_in_range(counted, 40, 60);
    assert_in_range(hit_count(world, 150), 40, 50);
    assert_false(is_hit(world, {0, 0}));
    assert_true(is_hit(world, {149, 0}));
}

// A block whose time is over goes though one that needs it has faded and lies elsewhere.
void what_has_expired_goes_though_what_needs_it_has_faded(void** state) {
    BlockWorld* world = world_of(state);
    world->open(kDiskOnly);
    Request root(world, BWRT_OP_PUT, {0, 0}, 1, kLong);
    root.options.ttl_s = 3600;
    assert_int_equal(root.run(), BWRT_OK);
    put_one(world, {0, 1});
    for (std::uint32_t chain = 1; chain < 57; ++chain) put_one(world, {chain, 0});
    assert_int_equal(look_up(world, {0, 0}, 2).prefix_count, 2);

    let_time_pass(world, 3601 * kSecondNs);
    drive_until(world, [&] { return !is_hit(world, {0, 0}); });

    assert_int_equal(sample_store(world).disk.expired_count, 1);
    assert_false(is_hit(world, {0, 1}));
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        IN_BLOCK_WORLD(what_had_to_go_is_there_until_its_segment_is_emptied),
        IN_BLOCK_WORLD(who_is_used_after_he_had_to_go_counts_again),
        IN_BLOCK_WORLD(no_block_is_left_behind_without_those_that_it_needs),
        IN_BLOCK_WORLD(a_faded_block_that_is_dropped_takes_what_needs_it_along),
        IN_BLOCK_WORLD(who_goes_for_a_number_does_not_fade),
        IN_BLOCK_WORLD(what_has_expired_goes_though_what_needs_it_has_faded),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
