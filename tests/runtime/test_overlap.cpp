// SPDX-License-Identifier: Apache-2.0
//
// test_overlap.cpp — the O(1) decision against byte sets: over small random rows it never says
// "overlap" wrongly, and misses one only where bwrt.h leaves it to the caller, between two rows
// of different strides.  And the sort of operations: order, stability, nothing lost.

#include "runtime/overlap.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <vector>

#include "tests/support/cmocka.h"
#include "tests/support/random.h"

namespace {

using bwrt::runtime::make_progression;
using bwrt::runtime::Operation;
using bwrt::runtime::overlap_is_proved;
using bwrt::runtime::Progression;
using bwrt::runtime::sort_operations;
using bwrt::test::Random;

struct Rows {
    std::uint64_t start;
    std::int64_t stride;
    std::uint64_t count;
    std::uint64_t length;

    [[nodiscard]] Progression progression(std::uint64_t space = 0) const {
        return make_progression(space, start, stride, count, length);
    }
    [[nodiscard]] std::set<std::uint64_t> bytes() const {
        std::set<std::uint64_t> all;
        for (std::uint64_t row = 0; row < count; ++row) {
            const std::uint64_t first =
                start + static_cast<std::uint64_t>(stride * static_cast<std::int64_t>(row));
            for (std::uint64_t i = 0; i < length; ++i) all.insert(first + i);
        }
        return all;
    }
};

bool share_bytes(const Rows& a, const Rows& b) {
    const std::set<std::uint64_t> x = a.bytes(), y = b.bytes();
    return std::any_of(x.begin(), x.end(), [&](std::uint64_t byte) { return y.count(byte) != 0; });
}

Rows draw_rows(Random* random) {
    Rows rows = {200 + random->below(40), static_cast<std::int64_t>(random->between(1, 9)),
                 random->between(1, 5), random->between(1, 6)};
    if (random->one_in(2)) rows.stride = -rows.stride;
    return rows;
}

void the_decision_agrees_with_sets_of_bytes(void**) {
    Random random(bwrt::test::test_seed());
    int overlaps = 0, misses = 0;
    for (int i = 0; i < 60'000; ++i) {
        const Rows a = draw_rows(&random), b = draw_rows(&random);
        const Progression x = a.progression(), y = b.progression();
        const bool share = share_bytes(a, b);
        const bool proved = overlap_is_proved(x, y);
        assert_int_equal(proved, overlap_is_proved(y, x));
        if (proved) assert_true(share);
        overlaps += share;
        if (!share || proved) continue;
        ++misses;
        assert_true(x.count > 1 && y.count > 1 && x.stride_bytes != y.stride_bytes);
    }
    assert_true(overlaps > 10'000 && misses < overlaps);
}

void a_progression_covers_the_bytes_of_its_rows(void**) {
    Random random(bwrt::test::test_seed());
    for (int i = 0; i < 5000; ++i) {
        const Rows rows = draw_rows(&random);
        const std::set<std::uint64_t> bytes = rows.bytes();
        const Progression made = rows.progression();
        assert_true(made.low == *bytes.begin());
        assert_true(made.high() == bwrt::runtime::Wide{*bytes.rbegin()} + 1);
    }
}

void rows_that_touch_are_one_interval(void**) {
    const Progression rows = make_progression(0, 100, -8, 4, 8);

    assert_int_equal(rows.count, 1);
    assert_int_equal(rows.low, 76);
    assert_int_equal(rows.length_bytes, 32);
}

void neighbours_do_not_overlap(void**) {
    const Progression a = make_progression(0, 0, 0, 1, 64), b = make_progression(0, 64, 0, 1, 64);

    assert_false(overlap_is_proved(a, b));
    assert_true(overlap_is_proved(a, make_progression(0, 63, 0, 1, 64)));
}

void other_spaces_and_unknown_targets_never_overlap(void**) {
    const Progression a = make_progression(0, 0, 0, 1, 64), b = make_progression(1, 0, 0, 1, 64);

    assert_false(overlap_is_proved(a, b));
    assert_false(overlap_is_proved(a, Progression{}));
    assert_false(overlap_is_proved(Progression{}, Progression{}));
}

void the_ends_of_the_address_space_do_not_wrap(void**) {
    const std::uint64_t top = ~std::uint64_t{0} - 63;
    const Progression last = make_progression(0, top, 0, 1, 64);
    const Progression first = make_progression(0, 0, 0, 1, 64);
    const Progression rows = make_progression(0, 0, INT64_MAX, 3, 8);

    assert_false(overlap_is_proved(last, first));
    assert_true(overlap_is_proved(last, make_progression(0, top + 63, 0, 1, 1)));
    assert_true(
        overlap_is_proved(rows, make_progression(0, 2 * std::uint64_t{INT64_MAX}, 0, 1, 1)));
    assert_false(overlap_is_proved(rows, make_progression(0, INT64_MAX - 1, 0, 1, 1)));
}

void the_longest_negative_stride_is_taken(void**) {
    const std::uint64_t half = std::uint64_t{1} << 63;
    const Progression rows = make_progression(0, half, INT64_MIN, 2, 8);

    assert_true(rows.low == 0);
    assert_true(rows.stride_bytes == half);
}

void sorting_keeps_all_and_the_order_of_equals(void**) {
    Random random(bwrt::test::test_seed());
    for (std::uint32_t count = 0; count < 200; ++count) {
        std::vector<Operation> operations(count);
        for (std::uint32_t i = 0; i < count; ++i) {
            operations[i].index = i;
            operations[i].group = random.between32(0, 7);
            operations[i].next = i + 1 < count ? &operations[i + 1] : nullptr;
        }
        const auto by_group = [](const Operation& a, const Operation& b) {
            return a.group < b.group;
        };
        Operation* sorted = sort_operations(count > 0 ? operations.data() : nullptr, by_group);

        std::vector<std::uint32_t> model(count);
        std::iota(model.begin(), model.end(), 0);
        std::stable_sort(model.begin(), model.end(), [&](std::uint32_t a, std::uint32_t b) {
            return operations[a].group < operations[b].group;
        });
        for (const std::uint32_t expected : model) {
            assert_non_null(sorted);
            assert_int_equal(sorted->index, expected);
            sorted = sorted->next;
        }
        assert_null(sorted);
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(the_decision_agrees_with_sets_of_bytes),
        cmocka_unit_test(a_progression_covers_the_bytes_of_its_rows),
        cmocka_unit_test(rows_that_touch_are_one_interval),
        cmocka_unit_test(neighbours_do_not_overlap),
        cmocka_unit_test(other_spaces_and_unknown_targets_never_overlap),
        cmocka_unit_test(the_ends_of_the_address_space_do_not_wrap),
        cmocka_unit_test(the_longest_negative_stride_is_taken),
        cmocka_unit_test(sorting_keeps_all_and_the_order_of_equals),
    };
    return cmocka_run_group_tests_name("runtime/overlap.cpp", tests, nullptr, nullptr);
}
