// SPDX-License-Identifier: Apache-2.0
//
// test_key_slots.cpp — thousands of random insertions and erasures against a map, in tables that
// are full and over keys that are near each other, so that runs of slots grow, wrap and close.
//
// Prints its seed and takes it back from BWRT_TEST_SEED.

#include "planner/learning/key_slots.h"

#include <map>
#include <vector>

#include "tests/support/cmocka.h"
#include "tests/support/random.h"

namespace {

using bwrt::planner::KeySlots;

void an_empty_index_finds_nothing(void**) {
    const KeySlots slots(1);
    const auto key_of = [](std::uint32_t) noexcept { return std::uint64_t{0}; };

    assert_true(slots.find(0, key_of) == KeySlots::kNone);
    assert_true(slots.find(~std::uint64_t{0}, key_of) == KeySlots::kNone);
}

void it_finds_what_a_map_finds(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    int wrong_count = 0;

    for (const std::uint32_t entry_count : {1u, 2u, 5u, 8u, 33u}) {
        std::vector<std::uint64_t> keys(entry_count);
        const auto key_of = [&](std::uint32_t entry) noexcept { return keys[entry]; };
        KeySlots slots(entry_count);
        std::map<std::uint64_t, std::uint32_t> map;
        std::vector<std::uint32_t> free;
        for (std::uint32_t entry = 0; entry < entry_count; ++entry) free.push_back(entry);

        for (int i = 0; i < 20'000; ++i) {
            const std::uint64_t key = random.below(2 * entry_count) << random.below(2) * 40;
            const auto known = map.find(key);
            if (known != map.end()) {
                slots.erase(key, key_of);
                free.push_back(known->second);
                map.erase(known);
            } else if (!free.empty()) {
                const std::uint32_t entry = free.back();
                free.pop_back();
                slots.insert(key, entry, key_of);
                keys[entry] = key;
                map[key] = entry;
            }
            for (std::uint64_t other = 0; other < 2 * entry_count; ++other) {
                const auto found = map.find(other);
                const std::uint32_t expected = found == map.end() ? KeySlots::kNone : found->second;
                wrong_count += slots.find(other, key_of) != expected;
            }
        }
    }

    assert_int_equal(wrong_count, 0);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_index_finds_nothing),
        cmocka_unit_test(it_finds_what_a_map_finds),
    };
    return cmocka_run_group_tests_name("planner/learning/key_slots.h", tests, nullptr, nullptr);
}
