// SPDX-License-Identifier: Apache-2.0
//
// test_radix_sort.cpp — the order of a stable sort, for keys of any shape.

#include "planner/radix_sort.h"

#include <algorithm>

#include "tests/support/random.h"

namespace {

using namespace bwrt::planner;

bool is_same(const std::vector<KeyedRow>& a, const std::vector<KeyedRow>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
        return x.key == y.key && x.row == y.row;
    });
}

std::vector<KeyedRow> rows_of(std::initializer_list<std::uint64_t> keys) {
    std::vector<KeyedRow> rows;
    for (const std::uint64_t key : keys) {
        rows.push_back({key, static_cast<std::uint32_t>(rows.size())});
    }
    return rows;
}

void assert_sorted(RadixSort& sort, std::vector<KeyedRow> rows) {
    std::vector<KeyedRow> expected = rows;
    std::stable_sort(expected.begin(), expected.end(),
                     [](const KeyedRow& a, const KeyedRow& b) { return a.key < b.key; });
    sort.sort(rows);
    assert_true(is_same(rows, expected));
}

void none_and_one_are_sorted(void**) {
    RadixSort sort(0);
    assert_sorted(sort, {});
    assert_sorted(sort, rows_of({7}));
}

void rows_of_equal_keys_stay_as_they_stood(void**) {
    RadixSort sort(8);
    assert_sorted(sort, rows_of({5, 5, 5, 5}));
    assert_sorted(sort, rows_of({9, 5, 9, 5, 9, 5}));
}

void keys_differ_in_the_lowest_and_in_the_highest_bit(void**) {
    RadixSort sort(8);
    const std::uint64_t high = std::uint64_t{1} << 63;
    assert_sorted(sort, rows_of({1, 0}));
    assert_sorted(sort, rows_of({high, 0}));
    assert_sorted(sort, rows_of({high + 1, high, 1, 0, ~std::uint64_t{0}}));
}

// Two digits that differ with one between them that does not, and digits that no key begins at.
void digits_that_all_keys_share_change_nothing(void**) {
    RadixSort sort(8);
    const std::uint64_t middle = std::uint64_t{0x2A5} << 11;
    assert_sorted(sort,
                  rows_of({(1u << 22) + middle, middle + 3, (1u << 22) + middle + 2, middle}));
    assert_sorted(sort, rows_of({0x5000, 0x3000, 0x1000, 0x2000}));
    assert_sorted(sort, rows_of({std::uint64_t{3} << 54, std::uint64_t{1} << 60, 1u << 10}));
}

// `turn_count` lists of up to `row_count_max` rows.
void assert_any_sorted(int turn_count, std::uint32_t row_count_max) {
    bwrt::test::Random random(bwrt::test::test_seed());
    RadixSort sort(row_count_max);
    for (int turn = 0; turn < turn_count; ++turn) {
        std::vector<KeyedRow> rows(random.below(row_count_max + 1));
        const std::uint64_t mask =
            turn % 3 == 0 ? ~std::uint64_t{0} : random.bits() & random.bits();
        const std::uint64_t shared = random.bits() & ~mask;
        for (std::uint32_t i = 0; i < rows.size(); ++i) {
            rows[i] = {(random.bits() & mask) | shared, i};
        }
        assert_sorted(sort, rows);
    }
}

void any_keys_come_in_order(void**) { assert_any_sorted(3'000, 300); }

void many_rows_have_wider_digits_and_come_in_order_too(void**) {
    assert_any_sorted(200, 1'000);
    assert_any_sorted(60, 10'000);
}

// Bits that differ in one, two or three digits, with shared ones around and between them, and
// numbers of rows of any length: what fits into a word and what does not.
void rows_of_any_number_come_in_order_by_few_bits(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    RadixSort sort(5'000);
    for (int turn = 0; turn < 600; ++turn) {
        std::uint64_t mask = 0;
        for (std::uint64_t i = random.between(1, 3); i > 0; --i) {
            mask |= ((std::uint64_t{2} << random.below(11)) - 1) << random.below(64);
        }
        const std::uint64_t shared = random.bits() & ~mask;
        const std::uint32_t row_first = random.between32(0, 0xFFFF'FFFF) >> random.below(32);
        std::vector<KeyedRow> rows(random.below(random.one_in(8) ? 5'001 : 300));
        for (std::uint32_t i = 0; i < rows.size(); ++i) {
            rows[i] = {(random.bits() & mask) | shared, row_first + i};
        }
        assert_sorted(sort, rows);
    }
}

void digits_and_numbers_that_fit_into_no_word_come_in_order(void**) {
    constexpr std::uint64_t kThreeDigits = 0xFFFull << 40 | 0xFFFull << 20 | 0xFFF;  // and 32 bits
    bwrt::test::Random random(bwrt::test::test_seed());
    std::vector<KeyedRow> rows(5'000);
    for (std::uint32_t i = 0; i < rows.size(); ++i) {
        rows[i] = {random.bits() & kThreeDigits, 0xFFFF'0000 + i};
    }
    RadixSort sort(5'000);
    assert_sorted(sort, rows);
}

void a_million_duplicates_keep_their_order(void**) {
    std::vector<KeyedRow> rows(1'000'000);
    for (std::uint32_t i = 0; i < rows.size(); ++i) rows[i] = {i % 2 == 0 ? 9u : 8u, i};
    RadixSort sort(1'000'000);
    sort.sort(rows);
    for (std::uint32_t i = 0; i < 500'000; ++i) {
        assert_int_equal(rows[i].row, 2 * i + 1);
        assert_int_equal(rows[500'000 + i].row, 2 * i);
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(none_and_one_are_sorted),
        cmocka_unit_test(rows_of_equal_keys_stay_as_they_stood),
        cmocka_unit_test(keys_differ_in_the_lowest_and_in_the_highest_bit),
        cmocka_unit_test(digits_that_all_keys_share_change_nothing),
        cmocka_unit_test(any_keys_come_in_order),
        cmocka_unit_test(many_rows_have_wider_digits_and_come_in_order_too),
        cmocka_unit_test(rows_of_any_number_come_in_order_by_few_bits),
        cmocka_unit_test(digits_and_numbers_that_fit_into_no_word_come_in_order),
        cmocka_unit_test(a_million_duplicates_keep_their_order),
    };
    return cmocka_run_group_tests_name("radix sort", tests, nullptr, nullptr);
}
