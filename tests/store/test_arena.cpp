// SPDX-License-Identifier: Apache-2.0
//
// test_arena.cpp — no two blocks share a byte, none is lost, and memory that is free in sum can be
// had for a block of any length.

#include "runtime/store/arena.h"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "tests/support/cmocka.h"
#include "tests/support/random.h"

namespace {

using bwrt::runtime::Arena;
using bwrt::runtime::kNoPlace;
using bwrt::test::Random;

constexpr std::uint32_t kUnit = Arena::kUnitBytes;
constexpr std::uint32_t kSlab = 64 * kUnit;

struct AllMayGo final : Arena::Judge {
    bool may_go(std::uint32_t) const noexcept override { return true; }
};

struct NotThese final : Arena::Judge {
    std::set<std::uint32_t> pinned;
    bool may_go(std::uint32_t owner) const noexcept override { return pinned.count(owner) == 0; }
};

std::uint32_t units_of(std::uint32_t bytes) { return (bytes + kUnit - 1) / kUnit; }

void blocks_of_one_length_fill_all_of_it(void**) {
    Arena arena(16 * kSlab + kUnit, kSlab);
    assert_true(arena.capacity_bytes() == 16 * kSlab);
    std::set<std::uint32_t> places;
    for (std::uint32_t i = 0; i < 16 * 16; ++i) {
        const std::uint32_t place = arena.allocate(4 * kUnit, i);
        assert_true(place % 4 == 0 && place < 16 * 64);
        assert_true(places.insert(place).second);
    }
    assert_true(arena.used_bytes() == arena.capacity_bytes());
    assert_true(arena.allocate(4 * kUnit, 999) == kNoPlace);
    assert_true(arena.allocate(1, 999) == kNoPlace);
    for (const std::uint32_t place : places) arena.free(place);
    assert_true(arena.used_bytes() == 0);
    // Nobody's again: one block may have it all.
    assert_true(arena.allocate(16 * kSlab, 1) == 0);
}

void a_length_is_rounded_to_units_and_no_further(void**) {
    Arena arena(kSlab, kSlab);
    assert_true(arena.allocate(1, 1) == 0);
    assert_true(arena.allocate(kUnit, 2) == 1);
    assert_true(arena.allocate(kUnit - 1, 3) == 2);
    assert_true(arena.used_bytes() == 3 * kUnit);
}

void a_block_longer_than_half_a_slab_has_whole_ones_in_a_row(void**) {
    Arena arena(8 * kSlab, kSlab);
    const std::uint32_t small = arena.allocate(kUnit, 1);
    const std::uint32_t one = arena.allocate(kSlab / 2 + 1, 2);
    const std::uint32_t three = arena.allocate(2 * kSlab + 1, 3);
    assert_true(small == 0 && one == 64 && three == 128);
    assert_true(arena.used_bytes() == kUnit + 33 * kUnit + 129 * kUnit);
    assert_true(arena.allocate(3 * kSlab + 1, 4) == kNoPlace);  // three slabs are left
    assert_true(arena.allocate(3 * kSlab, 4) == 5 * 64);
    arena.free(one);
    arena.free(small);
    assert_true(arena.allocate(2 * kSlab, 5) == 0);
}

void what_was_given_back_is_taken_again_before_a_fresh_slab(void**) {
    Arena arena(4 * kSlab, kSlab);
    std::vector<std::uint32_t> places;
    for (std::uint32_t i = 0; i < 40; ++i) places.push_back(arena.allocate(3 * kUnit, i));
    std::vector<std::uint32_t> freed = {places[3], places[17], places[30]};
    for (const std::uint32_t place : freed) arena.free(place);
    std::vector<std::uint32_t> again;
    for (std::uint32_t i = 0; i < 3; ++i) again.push_back(arena.allocate(3 * kUnit, 100 + i));
    std::sort(freed.begin(), freed.end());
    std::sort(again.begin(), again.end());
    assert_true(freed == again);
}

void the_cheapest_slab_is_named_when_the_lengths_change(void**) {
    Arena arena(3 * kSlab, kSlab);
    std::map<std::uint32_t, std::uint32_t> place_of;
    for (std::uint32_t i = 0; i < 3 * 16; ++i) place_of[i] = arena.allocate(4 * kUnit, i);
    // The middle slab keeps two.
    for (std::uint32_t i = 16; i < 30; ++i) arena.free(place_of[i]);
    assert_true(arena.allocate(5 * kUnit, 99) == kNoPlace);
    NotThese judge;
    std::vector<std::uint32_t> named = arena.evictees(5 * kUnit, judge);
    std::sort(named.begin(), named.end());
    assert_true((named == std::vector<std::uint32_t>{30, 31}));
    judge.pinned = {31};
    assert_int_equal(arena.evictees(5 * kUnit, judge).size(), 16);
    judge.pinned = {0, 31, 47};
    assert_true(arena.evictees(5 * kUnit, judge).empty());
    for (const std::uint32_t owner : {30u, 31u}) arena.free(place_of[owner]);
    assert_true(arena.allocate(5 * kUnit, 99) != kNoPlace);
}

void a_span_goes_as_a_whole_and_is_named_once(void**) {
    Arena arena(4 * kSlab, kSlab);
    const std::uint32_t span = arena.allocate(3 * kSlab, 7);
    assert_true(arena.allocate(kUnit, 8) == 3 * 64);
    assert_true(arena.evictees(2 * kSlab, AllMayGo()) == std::vector<std::uint32_t>{7});
    NotThese judge;
    judge.pinned = {7};
    assert_true(arena.evictees(2 * kSlab, judge).empty());
    assert_true((arena.evictees(4 * kSlab, AllMayGo()) == std::vector<std::uint32_t>{7, 8}));
    assert_true(arena.evictees(5 * kSlab, AllMayGo()).empty());
    arena.free(span);
    assert_true(arena.allocate(2 * kSlab, 9) == 0);
}

// Any lengths in any order, against a map of who has which unit.
void no_unit_is_ever_anybodys_twice_and_none_is_lost(void**) {
    Random random(bwrt::test::test_seed());
    for (int round = 0; round < 40; ++round) {
        const std::uint32_t slab_count = random.between32(1, 24);
        Arena arena(std::uint64_t{slab_count} * kSlab, kSlab);
        std::map<std::uint32_t, std::pair<std::uint32_t, std::uint32_t>>
            held;  // owner: place, units
        std::vector<std::uint32_t> holder(slab_count * 64, kNoPlace);
        const std::uint32_t length_count = random.between32(1, 6);
        std::vector<std::uint32_t> lengths;
        for (std::uint32_t i = 0; i < length_count; ++i) {
            lengths.push_back(random.between32(1, random.one_in(4) ? 3 * kSlab : kSlab / 2));
        }
        const auto release = [&](std::uint32_t owner) {
            const auto [place, units] = held.at(owner);
            std::fill_n(holder.begin() + place, units, kNoPlace);
            arena.free(place);
            held.erase(owner);
        };
        std::uint64_t used_units = 0;
        for (std::uint32_t owner = 0; owner < 600; ++owner) {
            const std::uint32_t bytes = lengths[random.below(lengths.size())];
            std::uint32_t place = arena.allocate(bytes, owner);
            if (place == kNoPlace && random.one_in(2)) {
                NotThese judge;
                for (const auto& [other, at] : held) {
                    if (random.one_in(8)) judge.pinned.insert(other);
                }
                const std::vector<std::uint32_t> named = arena.evictees(bytes, judge);
                for (const std::uint32_t other : named) {
                    assert_true(judge.may_go(other));
                    used_units -= held.at(other).second;
                    release(other);
                }
                place = arena.allocate(bytes, owner);
                assert_true(named.empty() || place != kNoPlace);
            }
            if (place != kNoPlace) {
                const std::uint32_t units = units_of(bytes);
                assert_true(place + units <= holder.size());
                for (std::uint32_t unit = place; unit < place + units; ++unit) {
                    assert_true(holder[unit] == kNoPlace);
                    holder[unit] = owner;
                }
                held[owner] = {place, units};
                used_units += units;
            }
            while (!held.empty() && random.one_in(3)) {
                const auto victim =
                    std::next(held.begin(), static_cast<std::ptrdiff_t>(random.below(held.size())));
                used_units -= victim->second.second;
                release(victim->first);
            }
            assert_true(arena.used_bytes() == used_units * kUnit);
        }
        while (!held.empty()) release(held.begin()->first);
        assert_true(arena.used_bytes() == 0);
        assert_true(arena.allocate(slab_count * kSlab, 1) == 0);
    }
}

void slabs_are_a_64th_in_huge_pages(void**) {
    constexpr std::uint64_t kMebibyte = 1 << 20;
    assert_true(Arena::slab_bytes_for(0) == 2 * kMebibyte);
    assert_true(Arena::slab_bytes_for(1024 * kMebibyte) == 16 * kMebibyte);
    assert_true(Arena::slab_bytes_for(1100 * kMebibyte) == 16 * kMebibyte);
    assert_true(Arena::slab_bytes_for(kMebibyte << 20) == 64 * kMebibyte);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(blocks_of_one_length_fill_all_of_it),
        cmocka_unit_test(a_length_is_rounded_to_units_and_no_further),
        cmocka_unit_test(a_block_longer_than_half_a_slab_has_whole_ones_in_a_row),
        cmocka_unit_test(what_was_given_back_is_taken_again_before_a_fresh_slab),
        cmocka_unit_test(the_cheapest_slab_is_named_when_the_lengths_change),
        cmocka_unit_test(a_span_goes_as_a_whole_and_is_named_once),
        cmocka_unit_test(no_unit_is_ever_anybodys_twice_and_none_is_lost),
        cmocka_unit_test(slabs_are_a_64th_in_huge_pages),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
