// SPDX-License-Identifier: Apache-2.0
//
// test_prefix_lru.cpp — who goes first, by small cases: chains and branches, pins, leases, the
// three closures, tenants, expiry, and blocks that are gone while others refer to them.  Blocks
// are of one byte unless a test says otherwise, and it is the tier's next tick with each call.
// The random cases are in test_prefix_lru_model.cpp.

#include "planner/tiers/prefix_lru.h"

#include <initializer_list>

#include "tests/support/cmocka.h"

namespace {

using namespace bwrt::planner;

struct Put {
    std::uint32_t parent = kNoBlock;
    std::uint32_t tenant = 0;
    Closure closure = Closure::kPrefix;
    std::uint32_t window_count = 0;
    Tick expires = 0;
};

class Tier {
 public:
    explicit Tier(std::uint64_t capacity_bytes, std::uint32_t lease_count = 4)
        : policy({256, 4, lease_count, capacity_bytes}) {}

    static Arrival arrival_of(const Put& put) {
        return {put.parent, put.tenant, put.closure, put.window_count, put.expires, 1};
    }
    void put(std::uint32_t block, const Put& put = {}) {
        const Arrival arrival = arrival_of(put);
        ++now;
        assert_true(policy.make_room(arrival, now).verdict == RoomVerdict::kFits);
        policy.insert(block, arrival, now);
    }
    // A chain of blocks, root first, within one tick.
    void put_chain(std::initializer_list<std::uint32_t> blocks, Put put = {}) {
        ++now;
        for (const std::uint32_t block : blocks) {
            policy.insert(block, arrival_of(put), now);
            put.parent = block;
        }
    }
    void touch(std::uint32_t block) { policy.touch(block, ++now); }

    Room make_room(const Put& put = {}) { return policy.make_room(arrival_of(put), ++now); }

    // Removes the victim and gives its number.
    std::uint32_t evict(const Put& put = {}) {
        const Room room = make_room(put);
        if (room.block != kNoBlock) drop(room.block);
        return room.block;
    }
    void drop(std::uint32_t block) {
        policy.remove(block, 1);
        while (policy.take_free() != kNoBlock) {
        }
    }

    PrefixLru policy;
    Tick now = 0;
};

void a_tier_with_room_gives_up_nothing(void**) {
    Tier tier(3);

    tier.put(0);
    tier.put(1);
    tier.put(2);

    assert_int_equal(tier.policy.used_bytes(), 3);
    assert_true(tier.make_room().verdict == RoomVerdict::kOldest);
}

void the_least_recently_used_goes_first(void**) {
    Tier tier(3);
    tier.put(0);
    tier.put(1);
    tier.put(2);

    tier.touch(0);

    assert_int_equal(tier.evict(), 1);
    assert_int_equal(tier.policy.used_bytes(), 2);
}

void what_is_larger_than_the_tier_drives_nobody_out(void**) {
    Tier tier(3);
    tier.put(0);
    Arrival arrival;
    arrival.bytes = 4;

    const Room room = tier.policy.make_room(arrival, 9);

    assert_true(room.verdict == RoomVerdict::kFull);
    assert_int_equal(room.block, kNoBlock);
}

void a_chain_goes_from_its_leaf(void**) {
    Tier tier(4);

    tier.put_chain({7, 3, 9, 1});

    assert_int_equal(tier.evict(), 1);
    tier.put(20);
    assert_int_equal(tier.evict(), 9);
    tier.put(21);
    assert_int_equal(tier.evict(), 3);
}

void using_a_leaf_is_using_its_prefix(void**) {
    Tier tier(5);
    tier.put_chain({0, 1, 2});
    tier.put_chain({3, 4});

    tier.touch(2);

    assert_int_equal(tier.evict(), 4);
    tier.put(20);
    assert_int_equal(tier.evict(), 3);
    tier.put(21);
    assert_int_equal(tier.evict(), 2);
}

void the_order_of_touches_within_a_tick_does_not_matter(void**) {
    Tier root_first(4), leaf_first(4);
    for (Tier* tier : {&root_first, &leaf_first}) {
        tier->put_chain({0, 1, 2});
        tier->put(3);
    }

    for (const std::uint32_t block : {0u, 1u, 2u}) root_first.policy.touch(block, 9);
    for (const std::uint32_t block : {2u, 1u, 0u}) leaf_first.policy.touch(block, 9);

    for (Tier* tier : {&root_first, &leaf_first}) {
        tier->now = 9;
        assert_int_equal(tier->evict(), 3);
        tier->put(4);
        assert_int_equal(tier->evict(), 2);
        tier->put(5);
        assert_int_equal(tier->evict(), 1);
    }
}

void within_a_tick_a_child_has_its_place_behind_its_parent(void**) {
    Tier tier(3);
    tier.put_chain({0, 1});
    tier.put(2);

    for (const std::uint32_t block : {0u, 2u, 1u}) tier.policy.touch(block, 9);
    tier.now = 9;

    assert_int_equal(tier.evict(), 1);
    tier.put(3);
    assert_int_equal(tier.evict(), 0);
}

void a_block_put_again_within_the_tick_of_its_last_use_has_a_place(void**) {
    Tier tier(1);
    tier.put(0);
    tier.drop(0);

    --tier.now;
    tier.put(0);

    assert_int_equal(tier.evict(), 0);
}

void a_shared_prefix_stays_while_a_branch_does(void**) {
    Tier tier(4);
    tier.put_chain({0, 1});
    tier.put_chain({2}, {.parent = 0});
    tier.put_chain({3}, {.parent = 0});

    assert_int_equal(tier.evict(), 1);
    tier.drop(2);
    tier.drop(3);
    tier.put(10);
    tier.put(11);
    tier.put(12);

    assert_int_equal(tier.evict(), 0);
}

void the_parent_of_what_arrives_is_no_victim(void**) {
    Tier tier(2);
    tier.put_chain({0, 1});

    assert_true(tier.make_room({.parent = 1}).verdict == RoomVerdict::kFull);

    assert_int_equal(tier.evict(), 1);
}

void the_parent_of_what_arrives_is_a_victim_again_afterwards(void**) {
    Tier tier(2);
    tier.put(0);
    tier.put(1);

    assert_int_equal(tier.make_room({.parent = 0}).block, 1);
    assert_int_equal(tier.make_room().block, 0);
}

void a_pin_keeps_a_block_and_its_prefix(void**) {
    Tier tier(3);
    tier.put_chain({0, 1});
    tier.put(2);

    tier.policy.pin(1);
    assert_int_equal(tier.evict(), 2);
    tier.put(3);
    tier.policy.pin(3);

    assert_true(tier.make_room().verdict == RoomVerdict::kFull);
}

void pins_are_counted_and_the_last_one_is_a_use(void**) {
    Tier tier(3);
    tier.put(0);
    tier.put(1);
    tier.put(2);
    tier.policy.pin(0);
    tier.policy.pin(0);

    tier.policy.unpin(0, ++tier.now);
    assert_int_equal(tier.evict(), 1);
    tier.put(1);
    tier.policy.unpin(0, ++tier.now);

    assert_int_equal(tier.evict(), 2);
    tier.put(2);
    assert_int_equal(tier.evict(), 1);
    tier.put(1);
    assert_int_equal(tier.evict(), 0);
}

void a_pin_that_is_dropped_was_no_use(void**) {
    Tier tier(3);
    tier.put(0);
    tier.put(1);
    tier.put(2);
    tier.policy.pin(0);
    assert_int_equal(tier.evict(), 1);
    tier.put(1);

    ++tier.now;
    tier.policy.drop_pin(0);

    assert_int_equal(tier.evict(), 0);
}

// Its parent was still on its way when it came.
void a_superseded_state_whose_pin_is_dropped_goes_first_all_the_same(void**) {
    Tier tier(3);
    tier.put(2);
    tier.put(0, {.closure = Closure::kLastState});
    tier.policy.pin(0);
    tier.put(1, {.parent = 0, .closure = Closure::kLastState});

    ++tier.now;
    tier.policy.drop_pin(0);

    assert_int_equal(tier.evict(), 0);
}

void a_lease_protects_until_its_tick_and_the_block_keeps_its_age(void**) {
    Tier tier(3);
    tier.put(0);
    tier.put(1);
    tier.put(2);

    assert_int_not_equal(tier.policy.lease(0, 100), kNoLease);

    tier.now = 98;
    assert_int_equal(tier.make_room().block, 1);
    assert_int_equal(tier.make_room().block, 0);
}

void a_lease_may_be_released_early(void**) {
    Tier tier(2);
    tier.put(0);
    tier.put(1);
    const std::uint32_t lease = tier.policy.lease(0, 100);
    assert_int_equal(tier.make_room().block, 1);

    tier.policy.release(lease);

    assert_int_equal(tier.make_room().block, 0);
}

void there_are_as_many_leases_as_were_asked_for(void**) {
    Tier tier(2, 1);
    tier.put(0);
    tier.put(1);

    assert_int_not_equal(tier.policy.lease(0, 100), kNoLease);
    assert_int_equal(tier.policy.lease(1, 100), kNoLease);

    assert_false(tier.policy.is_held(1));
}

void what_is_expected_goes_behind_all_else_and_the_latest_of_it_first(void**) {
    Tier tier(4);
    for (std::uint32_t block = 0; block < 4; ++block) tier.put(block);

    assert_true(tier.policy.expect(0, 300));
    assert_true(tier.policy.expect(1, 500));
    assert_true(tier.policy.expect(2, 400));

    for (const std::uint32_t victim : {3u, 1u, 2u, 0u}) {
        assert_int_equal(tier.evict(), victim);
        tier.policy.insert(10 + victim, Tier::arrival_of({}), tier.now);
        tier.policy.pin(10 + victim);
    }
    assert_true(tier.make_room().verdict == RoomVerdict::kFull);
}

// One expectation of its last block keeps a chain.
void a_chain_that_is_expected_loses_its_end_first(void**) {
    Tier tier(6);
    tier.put_chain({0, 1, 2});
    tier.put_chain({3, 4, 5});

    assert_true(tier.policy.expect(2, 500));
    assert_true(tier.policy.expect(5, 400));

    for (const std::uint32_t victim : {2u, 1u, 0u, 5u, 4u, 3u}) {
        assert_int_equal(tier.evict(), victim);
        tier.policy.insert(10 + victim, Tier::arrival_of({}), tier.now);
        tier.policy.pin(10 + victim);
    }
}

void what_is_expected_twice_goes_when_neither_use_can_wait(void**) {
    Tier tier(2);
    tier.put(0);
    tier.put(1);

    assert_true(tier.policy.expect(0, 900));
    assert_true(tier.policy.expect(0, 300));
    assert_true(tier.policy.expect(1, 600));

    assert_int_equal(tier.evict(), 1);
}

// What is given up for it may be what was expected of itself, when it was here before.
void who_comes_again_while_its_number_is_free_is_a_block_like_others(void**) {
    Tier tier(2);
    tier.put_chain({0, 1});
    assert_true(tier.policy.expect(1, 500));
    tier.policy.remove(1, 1);
    tier.put(2);
    tier.policy.pin(2);
    assert_int_equal(tier.make_room().block, 0);
    tier.policy.remove(0, 1);
    assert_true(tier.make_room().verdict == RoomVerdict::kFits);
    tier.policy.insert(1, Tier::arrival_of({}), tier.now);

    assert_int_equal(tier.policy.take_free(), 0);
    assert_int_equal(tier.policy.take_free(), kNoBlock);
    assert_true(tier.policy.knows(1) && tier.policy.knows(2));
    tier.policy.drop_pin(2);
    assert_int_equal(tier.evict(), 2);
    assert_int_equal(tier.evict({.parent = 1}), kNoBlock);
}

void an_expectation_ends_at_its_tick(void**) {
    Tier tier(2);
    tier.put(0);
    tier.put(1);

    assert_true(tier.policy.expect(0, 100));

    tier.now = 98;
    assert_int_equal(tier.make_room().block, 1);
    assert_int_equal(tier.make_room().block, 0);
}

void there_are_no_more_expectations_than_leases(void**) {
    Tier tier(2, 1);
    tier.put(0);
    tier.put(1);

    assert_true(tier.policy.expect(0, 100));
    assert_false(tier.policy.expect(1, 100));

    assert_false(tier.policy.is_held(1));
}

void a_tenant_at_its_quota_loses_what_it_expects_and_nobody_else_does(void**) {
    Tier tier(4);
    tier.policy.set_quota(1, 2);
    tier.put(0, {.tenant = 1});
    tier.put(1, {.tenant = 1});
    tier.put(2);

    assert_true(tier.policy.expect(0, 300));
    assert_true(tier.policy.expect(1, 400));
    assert_true(tier.policy.expect(2, 500));

    const Room room = tier.make_room({.tenant = 1});
    assert_true(room.verdict == RoomVerdict::kQuota);
    assert_int_equal(room.block, 1);
    assert_true(tier.policy.is_held(2));
}

void what_has_expired_goes_first(void**) {
    Tier tier(3);
    tier.put(0);
    tier.put(1, {.expires = 50});
    tier.put(2);

    tier.now = 48;
    assert_false(tier.policy.is_expired(1, 49));
    assert_int_equal(tier.make_room().block, 0);

    assert_true(tier.policy.is_expired(1, 50));
    assert_int_equal(tier.policy.find_expired(50), 1);
    const Room room = tier.make_room();
    assert_true(room.verdict == RoomVerdict::kExpired);
    assert_int_equal(room.block, 1);
}

void what_has_expired_goes_before_the_tenants_own(void**) {
    Tier tier(9);
    tier.policy.set_quota(1, 1);
    tier.put(0, {.tenant = 1});
    tier.put(1, {.expires = 3});

    tier.now = 3;

    assert_int_equal(tier.make_room({.tenant = 1}).block, 1);
    tier.drop(1);
    assert_int_equal(tier.make_room({.tenant = 1}).block, 0);
}

void an_expired_block_waits_for_its_pins_and_children(void**) {
    Tier tier(9);
    tier.put_chain({0, 1}, {.expires = 5});
    tier.policy.pin(1);

    assert_int_equal(tier.policy.find_expired(5), kNoBlock);

    tier.policy.unpin(1, 6);
    assert_int_equal(tier.policy.find_expired(6), 1);
    tier.drop(1);
    assert_int_equal(tier.policy.find_expired(6), 0);
}

void an_expiry_can_be_put_off(void**) {
    Tier tier(9);
    tier.put(0, {.expires = 5});

    tier.policy.renew(0, 8);

    assert_int_equal(tier.policy.find_expired(7), kNoBlock);
    assert_int_equal(tier.policy.find_expired(8), 0);
    tier.policy.renew(0, 0);
    assert_int_equal(tier.policy.find_expired(kTickMax), kNoBlock);
}

void a_tenant_at_its_quota_loses_its_own(void**) {
    Tier tier(9);
    tier.policy.set_quota(1, 2);
    tier.put(0);
    tier.put(1, {.tenant = 1});
    tier.put(2, {.tenant = 1});
    tier.touch(1);

    const Room room = tier.make_room({.tenant = 1});

    assert_true(room.verdict == RoomVerdict::kQuota);
    assert_int_equal(room.block, 2);
    assert_true(tier.make_room().verdict == RoomVerdict::kFits);
}

void a_tenant_at_its_quota_never_takes_from_another(void**) {
    Tier tier(9);
    tier.policy.set_quota(1, 1);
    tier.put(0);
    tier.put(1, {.tenant = 1});
    tier.policy.pin(1);

    assert_true(tier.make_room({.tenant = 1}).verdict == RoomVerdict::kFull);
}

void what_is_larger_than_a_quota_drives_nobody_out(void**) {
    Tier tier(9);
    tier.policy.set_quota(1, 1);
    tier.put(1, {.tenant = 1});
    Arrival arrival;
    arrival.tenant = 1;
    arrival.bytes = 2;

    assert_true(tier.policy.make_room(arrival, 9).verdict == RoomVerdict::kFull);
}

void in_a_full_tier_the_oldest_goes_whosesoever_it_is(void**) {
    Tier tier(4);
    tier.put(0, {.tenant = 3});
    tier.put(1, {.tenant = 1});
    tier.put(2, {.tenant = 2});
    tier.put(3, {.tenant = 3});
    tier.touch(0);

    assert_int_equal(tier.evict(), 1);
    tier.put(1, {.tenant = 1});
    assert_int_equal(tier.evict(), 2);
    tier.put(2, {.tenant = 2});
    assert_int_equal(tier.evict(), 3);
}

void who_is_above_its_quota_loses_first(void**) {
    Tier tier(4);
    tier.put(0);
    tier.put(1, {.tenant = 1});
    tier.put(2, {.tenant = 1});
    tier.put(3);

    tier.policy.set_quota(1, 1);

    const Room room = tier.make_room();
    assert_true(room.verdict == RoomVerdict::kQuota);
    assert_int_equal(room.block, 1);
    tier.drop(1);
    assert_int_equal(tier.policy.used_bytes(1), 1);
    tier.put(4);
    assert_int_equal(tier.make_room().block, 0);
}

// As a store does that finds its blocks at open.
void what_is_inserted_unasked_counts_and_who_is_above_its_quota_by_it_loses_first(void**) {
    Tier tier(3);
    tier.policy.set_quota(1, 1);

    tier.put_chain({0});
    tier.put_chain({1}, {.tenant = 1});
    tier.put_chain({2}, {.tenant = 1});

    assert_int_equal(tier.policy.used_bytes(), 3);
    assert_int_equal(tier.evict(), 1);
    assert_true(tier.make_room().verdict == RoomVerdict::kFits);
}

void a_child_of_another_tenant_keeps_its_parent(void**) {
    Tier tier(3);
    tier.put(0);
    tier.put(1, {.parent = 0, .tenant = 1});
    tier.put(2);
    tier.policy.set_quota(0, 2);

    assert_int_equal(tier.make_room().block, 2);
    assert_int_equal(tier.make_room({.tenant = 1}).block, 1);
    tier.drop(1);
    assert_int_equal(tier.make_room().block, 0);
}

void beyond_its_window_a_chain_goes_from_its_root(void**) {
    Tier tier(6);
    Put put = {.closure = Closure::kWindow, .window_count = 2};
    for (std::uint32_t block = 0; block < 6; ++block) {
        tier.put(block, put);
        put.parent = block;
    }

    // 3 and 4 are the two before 5; 0 was last used when 2 arrived.
    assert_int_equal(tier.evict(), 0);
    tier.put(10);
    assert_int_equal(tier.evict(), 1);
    tier.put(11);
    assert_int_equal(tier.evict(), 2);
    tier.put(12);
    tier.touch(10);
    tier.touch(11);
    tier.touch(12);
    assert_int_equal(tier.evict(), 5);
}

void a_window_is_kept_with_a_pinned_end(void**) {
    Tier tier(5);
    Put put = {.closure = Closure::kWindow, .window_count = 2};
    for (std::uint32_t block = 0; block < 5; ++block) {
        tier.put(block, put);
        put.parent = block;
    }

    tier.policy.pin(4);

    assert_int_equal(tier.evict(), 0);
    assert_int_equal((tier.put(10), tier.evict()), 1);
    assert_int_equal((tier.put(11), tier.evict()), 10);
    assert_int_equal((tier.put(12), tier.evict()), 11);
}

void a_window_too_long_to_be_kept_keeps_the_whole_prefix(void**) {
    Tier tier(3);
    const Put put = {.closure = Closure::kWindow, .window_count = PrefixLru::kWindowMax + 1};

    tier.put_chain({0, 1, 2}, put);

    assert_int_equal(tier.evict(), 2);
}

void of_states_the_superseded_go_first_and_earlier_ones_before_later(void**) {
    Tier tier(5);
    Put put = {.closure = Closure::kLastState};
    tier.put(9);
    for (std::uint32_t block = 0; block < 4; ++block) {
        tier.put(block, put);
        put.parent = block;
    }

    assert_int_equal(tier.evict(), 0);
    tier.put(10);
    assert_int_equal(tier.evict(), 1);
    tier.put(11);
    assert_int_equal(tier.evict(), 2);
    tier.put(12);
    assert_int_equal(tier.evict(), 9);
}

void a_superseded_state_goes_before_older_blocks_of_other_tenants(void**) {
    Tier tier(3);
    tier.put(0, {.tenant = 0});
    tier.put(1, {.tenant = 1, .closure = Closure::kLastState});
    tier.put(2, {.parent = 1, .tenant = 1, .closure = Closure::kLastState});

    assert_int_equal(tier.evict(), 1);
    tier.put(3);
    assert_int_equal(tier.evict(), 0);
}

void a_superseded_state_that_is_used_again_is_like_others(void**) {
    Tier tier(3);
    tier.put(0, {.closure = Closure::kLastState});
    tier.put(1, {.parent = 0, .closure = Closure::kLastState});
    tier.put(2);

    tier.touch(0);

    assert_int_equal(tier.evict(), 1);
}

void a_dropped_parent_keeps_its_number_while_children_refer_to_it(void**) {
    Tier tier(3);
    tier.put_chain({0, 1, 2});

    tier.policy.remove(1, 1);
    assert_int_equal(tier.policy.take_free(), kNoBlock);
    tier.policy.remove(2, 1);

    assert_int_equal(tier.policy.take_free(), 1);
    assert_int_equal(tier.policy.take_free(), 2);
    assert_int_equal(tier.policy.take_free(), kNoBlock);
    assert_int_equal(tier.policy.used_bytes(), 1);
    assert_false(tier.policy.is_held(0));
}

void a_parent_put_again_has_its_children(void**) {
    Tier tier(3);
    tier.put_chain({0, 1, 2});
    tier.policy.remove(1, 1);

    tier.put(1, {.parent = 0});

    assert_int_equal(tier.evict(), 2);
    tier.put(3);
    assert_int_equal(tier.evict(), 1);
    tier.put(4);
    assert_int_equal(tier.evict(), 0);
}

void a_dropped_block_keeps_its_number_while_it_is_pinned(void**) {
    Tier tier(3);
    tier.put(0);
    tier.policy.pin(0);

    tier.policy.remove(0, 1);
    assert_int_equal(tier.policy.take_free(), kNoBlock);
    tier.policy.unpin(0, ++tier.now);

    assert_int_equal(tier.policy.take_free(), 0);
}

void a_long_chain_of_dropped_blocks_is_freed_at_once(void**) {
    constexpr std::uint32_t kCount = 1'000'000;
    PrefixLru policy({kCount, 1, 0, kCount});
    Arrival arrival;
    arrival.bytes = 1;
    for (std::uint32_t block = 0; block < kCount; ++block) {
        policy.insert(block, arrival, 1);
        arrival.parent = block;
    }

    for (std::uint32_t block = 0; block < kCount; ++block) policy.remove(block, 1);

    std::uint32_t free_count = 0;
    while (policy.take_free() != kNoBlock) ++free_count;
    assert_int_equal(free_count, kCount);
    assert_int_equal(policy.used_bytes(), 0);
}

void ticks_of_a_clock_begin_at_one_and_end_at_the_last(void**) {
    assert_int_equal(tick_at(0), 1);
    assert_int_equal(tick_at((std::uint64_t{1} << kTickShift) - 1), 1);
    assert_int_equal(tick_at(std::uint64_t{1} << kTickShift), 2);
    assert_int_equal(tick_at(~std::uint64_t{0}), kTickMax);
}

// ---- what has faded

void what_has_faded_counts_no_more_and_its_parent_is_a_leaf(void**) {
    Tier tier(3);
    tier.put_chain({7, 3, 9});

    tier.policy.fade(9, 1);

    assert_true(tier.policy.is_faded(9) && tier.policy.knows(9));
    assert_int_equal(tier.policy.used_bytes(), 2);
    tier.put(20);
    assert_int_equal(tier.make_room().block, 3);
}

void what_is_revived_counts_again_and_holds_its_parent(void**) {
    Tier tier(3);
    tier.put_chain({7, 3, 9});
    tier.policy.fade(9, 1);
    tier.policy.fade(3, 1);

    tier.policy.revive(3, 1, 0, ++tier.now);
    tier.policy.revive(9, 1, 0, tier.now);

    assert_int_equal(tier.policy.used_bytes(), 3);
    assert_int_equal(tier.policy.arrival_of(9).parent, 3);
    for (const std::uint32_t block : {9u, 3u, 7u}) {
        assert_int_equal(tier.evict(), block);
        tier.put(20 + block);
    }
}

void the_deepest_that_has_faded_below_a_block_is_found(void**) {
    Tier tier(5);
    tier.put_chain({7, 3, 9});
    tier.put(4, {.parent = 3});
    for (const std::uint32_t block : {9u, 4u, 3u}) tier.policy.fade(block, 1);

    std::uint32_t count = 0;
    for (;; ++count) {
        const std::uint32_t below = tier.policy.faded_below(7);
        if (below == kNoBlock) break;
        assert_true(count == 2 ? below == 3 : below == 9 || below == 4);
        tier.drop(below);
    }
    assert_int_equal(count, 3);
    assert_int_equal(tier.policy.used_bytes(), 1);
    assert_int_equal(tier.evict({}), kNoBlock);
}

// So that its number is not another's while a child still names it.
void a_parent_that_is_gone_is_remembered_while_a_faded_child_names_it(void**) {
    Tier tier(3);
    tier.put_chain({7, 3});
    tier.policy.fade(3, 1);

    tier.policy.remove(7, 1);
    assert_int_equal(tier.policy.take_free(), kNoBlock);
    tier.policy.remove(3, 1);

    assert_int_equal(tier.policy.take_free(), 7);
    assert_int_equal(tier.policy.take_free(), 3);
    assert_int_equal(tier.policy.used_bytes(), 0);
}

void what_has_faded_expires_once_nothing_faded_needs_it(void**) {
    Tier tier(3);
    tier.put_chain({7, 3}, {.expires = 5});
    tier.policy.fade(3, 1);
    tier.policy.fade(7, 1);

    assert_int_equal(tier.policy.find_expired(9), 3);
    tier.drop(3);
    assert_int_equal(tier.policy.find_expired(9), 7);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_tier_with_room_gives_up_nothing),
        cmocka_unit_test(the_least_recently_used_goes_first),
        cmocka_unit_test(what_is_larger_than_the_tier_drives_nobody_out),
        cmocka_unit_test(a_chain_goes_from_its_leaf),
        cmocka_unit_test(using_a_leaf_is_using_its_prefix),
        cmocka_unit_test(the_order_of_touches_within_a_tick_does_not_matter),
        cmocka_unit_test(within_a_tick_a_child_has_its_place_behind_its_parent),
        cmocka_unit_test(a_block_put_again_within_the_tick_of_its_last_use_has_a_place),
        cmocka_unit_test(a_shared_prefix_stays_while_a_branch_does),
        cmocka_unit_test(the_parent_of_what_arrives_is_no_victim),
        cmocka_unit_test(the_parent_of_what_arrives_is_a_victim_again_afterwards),
        cmocka_unit_test(a_pin_keeps_a_block_and_its_prefix),
        cmocka_unit_test(pins_are_counted_and_the_last_one_is_a_use),
        cmocka_unit_test(a_pin_that_is_dropped_was_no_use),
        cmocka_unit_test(a_superseded_state_whose_pin_is_dropped_goes_first_all_the_same),
        cmocka_unit_test(a_lease_protects_until_its_tick_and_the_block_keeps_its_age),
        cmocka_unit_test(a_lease_may_be_released_early),
        cmocka_unit_test(there_are_as_many_leases_as_were_asked_for),
        cmocka_unit_test(what_is_expected_goes_behind_all_else_and_the_latest_of_it_first),
        cmocka_unit_test(a_chain_that_is_expected_loses_its_end_first),
        cmocka_unit_test(what_is_expected_twice_goes_when_neither_use_can_wait),
        cmocka_unit_test(who_comes_again_while_its_number_is_free_is_a_block_like_others),
        cmocka_unit_test(an_expectation_ends_at_its_tick),
        cmocka_unit_test(there_are_no_more_expectations_than_leases),
        cmocka_unit_test(a_tenant_at_its_quota_loses_what_it_expects_and_nobody_else_does),
        cmocka_unit_test(what_has_expired_goes_first),
        cmocka_unit_test(what_has_expired_goes_before_the_tenants_own),
        cmocka_unit_test(an_expired_block_waits_for_its_pins_and_children),
        cmocka_unit_test(an_expiry_can_be_put_off),
        cmocka_unit_test(a_tenant_at_its_quota_loses_its_own),
        cmocka_unit_test(a_tenant_at_its_quota_never_takes_from_another),
        cmocka_unit_test(what_is_larger_than_a_quota_drives_nobody_out),
        cmocka_unit_test(in_a_full_tier_the_oldest_goes_whosesoever_it_is),
        cmocka_unit_test(who_is_above_its_quota_loses_first),
        cmocka_unit_test(
            what_is_inserted_unasked_counts_and_who_is_above_its_quota_by_it_loses_first),
        cmocka_unit_test(a_child_of_another_tenant_keeps_its_parent),
        cmocka_unit_test(beyond_its_window_a_chain_goes_from_its_root),
        cmocka_unit_test(a_window_is_kept_with_a_pinned_end),
        cmocka_unit_test(a_window_too_long_to_be_kept_keeps_the_whole_prefix),
        cmocka_unit_test(of_states_the_superseded_go_first_and_earlier_ones_before_later),
        cmocka_unit_test(a_superseded_state_goes_before_older_blocks_of_other_tenants),
        cmocka_unit_test(a_superseded_state_that_is_used_again_is_like_others),
        cmocka_unit_test(a_dropped_parent_keeps_its_number_while_children_refer_to_it),
        cmocka_unit_test(a_parent_put_again_has_its_children),
        cmocka_unit_test(a_dropped_block_keeps_its_number_while_it_is_pinned),
        cmocka_unit_test(a_long_chain_of_dropped_blocks_is_freed_at_once),
        cmocka_unit_test(ticks_of_a_clock_begin_at_one_and_end_at_the_last),
        cmocka_unit_test(what_has_faded_counts_no_more_and_its_parent_is_a_leaf),
        cmocka_unit_test(what_is_revived_counts_again_and_holds_its_parent),
        cmocka_unit_test(the_deepest_that_has_faded_below_a_block_is_found),
        cmocka_unit_test(a_parent_that_is_gone_is_remembered_while_a_faded_child_names_it),
        cmocka_unit_test(what_has_faded_expires_once_nothing_faded_needs_it),
    };
    return cmocka_run_group_tests_name("planner/tiers/prefix_lru.cpp", tests, nullptr, nullptr);
}
