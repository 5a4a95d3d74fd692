// SPDX-License-Identifier: Apache-2.0
//
// test_prefix_lru_reuse.cpp — a PrefixLru that learns: who goes first once blocks have shown how
// soon they return, who is refused, and that without shadows nothing of it happens.

#include "planner/tiers/prefix_lru.h"
#include "tests/support/cmocka.h"

namespace {

using namespace bwrt::planner;

constexpr Tick kSlot = 1u << ReuseRates::kSlotShift;
constexpr std::uint32_t kCapacity = 8;

Arrival arrival_of(std::uint64_t fingerprint) {
    Arrival arrival;
    arrival.bytes = 1;
    arrival.fingerprint = fingerprint;
    return arrival;
}

// Blocks 0 to 3 are used every two slots.  Each slot another one comes, in the places from 4 on,
// and is never asked for again.
Tick learn(PrefixLru& policy) {
    Tick now = kSlot;
    for (std::uint32_t block = 0; block < 4; ++block) {
        policy.insert(block, arrival_of(1 + block), now);
    }
    for (std::uint32_t i = 0; i < 400; ++i) {
        now += kSlot;
        for (std::uint32_t block = i % 2; block < 4; block += 2) policy.touch(block, now);
        const std::uint32_t block = 4 + i % 4;
        if (policy.knows(block)) policy.remove(block, 1);
        while (policy.take_free() != kNoBlock) {
        }
        policy.insert(block, arrival_of(1000 + i), now);
    }
    return now;
}

void what_never_returned_goes_before_what_is_older_and_returns(void**) {
    PrefixLru learning({kCapacity, 1, 0, kCapacity, 64});
    PrefixLru plain({kCapacity, 1, 0, kCapacity});
    const Tick now = learn(learning) + 1;
    learn(plain);

    // Of the four that never returned the oldest came three slots ago; blocks 0 and 2 rest for one.
    for (std::uint32_t block = 4; block < 8; ++block) {
        learning.remove(block, 1);
        plain.remove(block, 1);
        while (learning.take_free() != kNoBlock) {
        }
        while (plain.take_free() != kNoBlock) {
        }
        learning.insert(block, arrival_of(5000 + block), now);
        plain.insert(block, arrival_of(5000 + block), now);
    }

    const Room learnt = learning.make_room(arrival_of(9000), now);
    const Room oldest = plain.make_room(arrival_of(9000), now);
    assert_int_equal(learnt.verdict, RoomVerdict::kOldest);
    assert_true(learnt.block >= 4);
    assert_int_equal(oldest.verdict, RoomVerdict::kOldest);
    assert_true(oldest.block < 4);
}

void who_is_worth_less_than_all_is_refused_where_that_is_allowed(void**) {
    PrefixLru refusing({kCapacity, 1, 0, kCapacity, 64, true});
    PrefixLru taking({kCapacity, 1, 0, kCapacity, 64, false});
    const Tick now = learn(refusing) + 1;
    learn(taking);
    for (PrefixLru* policy : {&refusing, &taking}) {
        for (std::uint32_t block = 4; block < 8; ++block) policy->pin(block);
    }

    const Room refused = refusing.make_room(arrival_of(9000), now);
    const Room taken = taking.make_room(arrival_of(9000), now);
    assert_int_equal(refused.verdict, RoomVerdict::kUnworthy);
    assert_int_equal(refused.block, kNoBlock);
    assert_int_equal(taken.verdict, RoomVerdict::kOldest);
    assert_true(taken.block < 4);
}

void who_was_refused_comes_in_when_he_has_shown_that_he_returns(void**) {
    PrefixLru policy({kCapacity, 1, 0, kCapacity, 64, true});
    Tick now = learn(policy) + 1;
    for (std::uint32_t block = 4; block < 8; ++block) policy.pin(block);
    assert_int_equal(policy.make_room(arrival_of(9000), now).verdict, RoomVerdict::kUnworthy);

    for (int i = 0; i < 3; ++i) {
        now += 2 * kSlot;
        for (std::uint32_t block = 0; block < 4; ++block) policy.touch(block, now);
        policy.miss(9000, now);
    }

    assert_int_equal(policy.make_room(arrival_of(9001), now).verdict, RoomVerdict::kUnworthy);
    assert_int_equal(policy.make_room(arrival_of(9000), now).verdict, RoomVerdict::kOldest);
}

// What came is used once more after twelve slots and then removed, so that one that rests for so
// long is worth more than one that has just come.
Tick learn_that_all_return_late(PrefixLru& policy) {
    Tick now = kSlot;
    for (std::uint32_t i = 0; i < 400; ++i) {
        policy.insert(0, arrival_of(1000 + i), now);
        now += 12 * kSlot;
        policy.touch(0, now);
        policy.remove(0, 1);
        while (policy.take_free() != kNoBlock) {
        }
    }
    return now;
}

void of_two_that_never_returned_the_newcomer_is_not_refused(void**) {
    PrefixLru policy({kCapacity, 1, 0, kCapacity, 64, true});
    const Tick begun = learn_that_all_return_late(policy);
    for (std::uint32_t block = 0; block < kCapacity; ++block) {
        policy.insert(block, arrival_of(1 + block), begun);
    }

    for (Tick rest = 0; rest < 5000 * kSlot; rest += kSlot + rest / 2) {
        assert_int_equal(policy.make_room(arrival_of(9000), begun + rest).verdict,
                         RoomVerdict::kOldest);
    }
}

void who_must_come_is_not_refused(void**) {
    PrefixLru policy({kCapacity, 1, 0, kCapacity, 64, true});
    const Tick now = learn(policy) + 1;
    for (std::uint32_t block = 4; block < 8; ++block) policy.pin(block);
    Arrival arrival = arrival_of(9000);

    const Room refused = policy.make_room(arrival, now);
    arrival.must_come = true;
    const Room room = policy.make_room(arrival, now);

    assert_int_equal(refused.verdict, RoomVerdict::kUnworthy);
    assert_int_equal(room.verdict, RoomVerdict::kOldest);
    assert_true(room.block < 4);
}

// A block of which nothing is known comes behind it each second slot, and goes.
void a_child_that_comes_is_no_use_of_its_parent(void**) {
    PrefixLru policy({kCapacity, 1, 0, kCapacity, 64});
    Tick now = learn(policy) + 1;
    for (std::uint32_t block = 4; block < 8; ++block) policy.remove(block, 1);
    while (policy.take_free() != kNoBlock) {
    }
    policy.insert(4, arrival_of(8000), now);
    Arrival child;
    child.parent = 4;
    child.bytes = 1;
    for (int i = 0; i < 8; ++i) {
        now += 2 * kSlot;
        for (std::uint32_t block = 0; block < 4; ++block) policy.touch(block, now);
        policy.insert(5, child, now);
        policy.remove(5, 1);
        while (policy.take_free() != kNoBlock) {
        }
    }
    now += kSlot;
    for (std::uint32_t block = 5; block < 8; ++block) {
        policy.insert(block, arrival_of(8001 + block), now);
    }

    const Room room = policy.make_room(arrival_of(9000), now);
    assert_int_equal(room.verdict, RoomVerdict::kOldest);
    assert_int_equal(room.block, 4);  // of those that never returned it is the oldest
}

// The root is used with each of its children, so it is of another class than they are.
void a_parent_of_another_class_stays_until_its_last_child_has_gone(void**) {
    PrefixLru policy({kCapacity, 1, 0, 4, 64});
    Tick now = kSlot;
    policy.insert(0, arrival_of(1), now);
    for (std::uint32_t block = 1; block < 4; ++block) {
        now += 4 * kSlot;
        Arrival arrival = arrival_of(1 + block);
        arrival.parent = 0;
        policy.touch(0, now);
        policy.insert(block, arrival, now);
    }

    for (std::uint32_t left = 4; left > 0; --left) {
        const Room room = policy.make_room(arrival_of(9000), now + (5 - left) * 1000 * kSlot);
        const Room full = policy.make_room(arrival_of(9000), now + (5 - left) * 1000 * kSlot);
        if (room.verdict == RoomVerdict::kFits) break;
        assert_int_equal(room.verdict, RoomVerdict::kOldest);
        assert_int_equal(full.block, room.block);
        assert_int_not_equal(room.block, 0);
        policy.remove(room.block, 1);
        while (policy.take_free() != kNoBlock) {
        }
        policy.insert(4 + left - 1, arrival_of(100 + left), now + (5 - left) * 1000 * kSlot);
        policy.pin(4 + left - 1);
        if (left == 2) break;
    }
    const Room last = policy.make_room(arrival_of(9000), now + 5000 * kSlot);
    assert_int_equal(last.verdict, RoomVerdict::kOldest);
    assert_int_equal(last.block, 0);
}

// What a newcomer hears of whom `block` is the only one that could go for.
RoomVerdict against(PrefixLru& policy, std::uint32_t block, Tick now) {
    for (std::uint32_t other = 0; other < kCapacity; ++other) {
        if (other != block) policy.pin(other);
    }
    const Room room = policy.make_room(arrival_of(9000), now);
    for (std::uint32_t other = 0; other < kCapacity; ++other) {
        if (other != block) policy.drop_pin(other);
    }
    return room.verdict;
}

// In one tier blocks fade and are used again, in the other they go and come.
void what_fades_is_learnt_of_as_what_goes(void**) {
    PrefixLru fading({kCapacity, 1, 0, kCapacity, 64, true});
    PrefixLru going({kCapacity, 1, 0, kCapacity, 64, true});
    Tick now = learn(fading);
    learn(going);
    std::uint32_t unworthy_count = 0;

    for (std::uint32_t i = 0; i < 400; ++i) {
        const std::uint32_t block = i % kCapacity;
        now += kSlot;
        fading.fade(block, 1);
        going.remove(block, 1);
        while (going.take_free() != kNoBlock) {
        }
        now += (1 + i % 5) * kSlot;
        fading.revive(block, 1, 1 + block, now);
        going.insert(block, arrival_of(1 + block), now);
        for (std::uint32_t each = 0; each < kCapacity; ++each) {
            const RoomVerdict verdict = against(going, each, now);
            assert_int_equal(against(fading, each, now), verdict);
            if (verdict == RoomVerdict::kUnworthy) ++unworthy_count;
        }
        assert_int_equal(fading.make_room(arrival_of(9000), now).block,
                         going.make_room(arrival_of(9000), now).block);
    }

    assert_in_range(unworthy_count, 1, 400 * kCapacity - 1);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(what_never_returned_goes_before_what_is_older_and_returns),
        cmocka_unit_test(who_is_worth_less_than_all_is_refused_where_that_is_allowed),
        cmocka_unit_test(who_was_refused_comes_in_when_he_has_shown_that_he_returns),
        cmocka_unit_test(of_two_that_never_returned_the_newcomer_is_not_refused),
        cmocka_unit_test(who_must_come_is_not_refused),
        cmocka_unit_test(a_child_that_comes_is_no_use_of_its_parent),
        cmocka_unit_test(a_parent_of_another_class_stays_until_its_last_child_has_gone),
        cmocka_unit_test(what_fades_is_learnt_of_as_what_goes),
    };
    return cmocka_run_group_tests_name("planner/tiers/prefix_lru.cpp, learning", tests, nullptr,
                                       nullptr);
}
