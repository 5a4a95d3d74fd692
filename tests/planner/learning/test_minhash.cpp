// SPDX-License-Identifier: Apache-2.0
//
// test_minhash.cpp — which sequences are the same set of grams, that the share of equal minima is
// the share of common grams, of pairs that are built to have exactly that share, and the minima of
// one sequence as they are on every machine.
//
// Prints its seed and takes it back from BWRT_TEST_SEED.

#include "planner/learning/minhash.h"

#include <cmath>
#include <vector>

#include "planner/mix.h"
#include "tests/planner/alike.h"
#include "tests/support/cmocka.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::planner;
using bwrt::test::AlikePair;
using bwrt::test::make_alike;
using Tokens = std::vector<std::uint32_t>;

std::uint32_t equal(const Tokens& one, const Tokens& other) {
    return equal_minima(min_hash_of(one), min_hash_of(other));
}

void the_same_tokens_have_the_same_minima(void**) {
    assert_int_equal(equal({1, 2, 3, 4, 5, 6}, {1, 2, 3, 4, 5, 6}), 32);
    assert_int_equal(equal({7}, {7}), 32);
}

void other_tokens_have_others(void**) {
    assert_int_equal(equal({1, 2, 3, 4}, {1, 2, 3, 5}), 0);
    assert_int_equal(equal({1, 2, 3, 4}, {5, 2, 3, 4}), 0);
}

void the_order_within_a_gram_counts(void**) {
    assert_int_equal(equal({1, 2, 3, 4}, {4, 3, 2, 1}), 0);
    assert_int_equal(equal({1, 2, 3, 4}, {2, 1, 3, 4}), 0);
}

void how_often_a_gram_occurs_does_not_count(void**) {
    // Grams 1212 and 2121, both times.
    assert_int_equal(equal({1, 2, 1, 2, 1}, {1, 2, 1, 2, 1, 2, 1, 2, 1, 2}), 32);
}

// The window that has rolled on is the one that begins there.
void a_gram_is_the_same_wherever_it_stands(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    Tokens tokens;
    for (int i = 0; i < 100; ++i) tokens.push_back(random.between32(0, 0xFFFF'FFFF));

    MinHash expected = min_hash_of(std::span(tokens).first(4));
    for (std::size_t i = 1; i + 4 <= tokens.size(); ++i) {
        const MinHash gram = min_hash_of(std::span(tokens).subspan(i, 4));
        for (std::uint32_t row = 0; row < kMinima; ++row) {
            expected.minima[row] = std::min(expected.minima[row], gram.minima[row]);
        }
    }

    assert_int_equal(equal_minima(expected, min_hash_of(tokens)), 32);
}

void fewer_tokens_than_a_gram_are_a_gram(void**) {
    assert_int_equal(equal({1, 2, 3}, {1, 2, 3}), 32);
    assert_int_equal(equal({1, 2, 3}, {1, 2}), 0);
    assert_int_equal(equal({1, 2, 3}, {1, 2, 3, 4}), 0);
    assert_int_equal(equal({1, 2, 3}, {0, 1, 2, 3}), 0);
    assert_int_equal(equal({0}, {0, 0}), 0);
}

void the_share_of_equal_minima_is_the_share_of_common_grams(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    constexpr int kPairs = 2000;

    // Grams in both, grams in only one of them on each side.
    const std::uint32_t shapes[][2] = {{20, 40}, {52, 26}, {78, 11}, {72, 4}};
    for (const auto& [common, own] : shapes) {
        const double share = double{common * 1.0} / (common + 2 * own);
        std::uint32_t count = 0;
        for (int i = 0; i < kPairs; ++i) {
            const AlikePair pair = make_alike(&random, common, own);
            count += equal(pair.one, pair.other);
        }
        const double mean = count / (32.0 * kPairs);
        // Of independent orders; the orders of one pair depend on its grams, so five of these.
        const double deviation = std::sqrt(share * (1 - share) / (32.0 * kPairs));
        print_message("%.3f of the grams, %.4f of the minima\n", share, mean);

        assert_true(std::abs(mean - share) < 5 * deviation);
    }
}

void the_minima_are_what_they_are_elsewhere(void**) {
    Tokens tokens;
    for (std::uint32_t i = 0; i < 80; ++i) tokens.push_back(i * i);

    const MinHash hash = min_hash_of(tokens);
    std::uint64_t sum = 0;
    for (const std::int32_t minimum : hash.minima) {
        sum = mix(sum + static_cast<std::uint32_t>(minimum));
    }

    assert_int_equal(sum, 0x90DB'7F81'5ED6'6A16);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(the_same_tokens_have_the_same_minima),
        cmocka_unit_test(other_tokens_have_others),
        cmocka_unit_test(the_order_within_a_gram_counts),
        cmocka_unit_test(how_often_a_gram_occurs_does_not_count),
        cmocka_unit_test(a_gram_is_the_same_wherever_it_stands),
        cmocka_unit_test(fewer_tokens_than_a_gram_are_a_gram),
        cmocka_unit_test(the_share_of_equal_minima_is_the_share_of_common_grams),
        cmocka_unit_test(the_minima_are_what_they_are_elsewhere),
    };
    return cmocka_run_group_tests_name("planner/learning/minhash.cpp", tests, nullptr, nullptr);
}
