// SPDX-License-Identifier: Apache-2.0
//
// test_clusters.cpp — clusters of a few prefixes as exact numbers; how many pairs of an exact
// likeness are put together, against the formula of the bands and of the minima that must be equal,
// within five standard deviations; what is forgotten, and that what is left is right: after each of
// thousands of random calls a cluster is the one that the prefix was told, and no founder is unlike
// those that joined it.
//
// Prints its seed and takes it back from BWRT_TEST_SEED.

#include "planner/learning/clusters.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <map>
#include <set>
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

Tokens random_tokens(bwrt::test::Random* random, std::uint32_t count) {
    return make_alike(random, count - kGramTokens + 1, 0).one;
}

void prefixes_without_likeness_are_numbered_as_they_come(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    PrefixClusters clusters({.prefix_count = 16});

    for (std::uint32_t i = 0; i < 10; ++i) {
        assert_int_equal(clusters.see(100 - i, random_tokens(&random, 80)), i);
    }
    for (std::uint32_t i = 0; i < 10; ++i) assert_int_equal(clusters.cluster_of(100 - i), i);

    assert_int_equal(clusters.prefix_count(), 10);
    assert_int_equal(clusters.cluster_count(), 10);
}

void the_same_tokens_are_one_cluster(void**) {
    PrefixClusters clusters({.prefix_count = 16});

    assert_int_equal(clusters.see(1, Tokens{1, 2, 3, 4, 5}), 0);
    assert_int_equal(clusters.see(2, Tokens{5, 4, 3, 2, 1}), 1);
    assert_int_equal(clusters.see(3, Tokens{1, 2, 3, 4, 5}), 0);

    assert_int_equal(clusters.cluster_count(), 2);
}

void an_edit_in_a_long_prefix_leaves_it_in_its_cluster(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    PrefixClusters clusters({.prefix_count = 16});
    Tokens tokens = random_tokens(&random, 1000);

    clusters.see(1, tokens);
    tokens[500] += 1;  // 4 of 997 grams

    assert_int_equal(clusters.see(2, tokens), 0);
}

void fewer_tokens_than_a_gram_are_compared_whole(void**) {
    PrefixClusters clusters({.prefix_count = 16});

    assert_int_equal(clusters.see(1, Tokens{7}), 0);
    assert_int_equal(clusters.see(2, Tokens{7, 8}), 1);
    assert_int_equal(clusters.see(3, Tokens{7, 8, 9}), 2);
    assert_int_equal(clusters.see(4, Tokens{7, 8}), 1);
    assert_int_equal(clusters.see(5, Tokens{8, 7}), 3);
}

void without_tokens_there_is_no_cluster(void**) {
    PrefixClusters clusters({.prefix_count = 16});

    assert_int_equal(clusters.see(1, {}), kNoCluster);
    assert_int_equal(clusters.see(2, {}), kNoCluster);
    assert_int_equal(clusters.cluster_of(1), kNoCluster);
    assert_int_equal(clusters.prefix_count(), 0);

    assert_int_equal(clusters.see(1, Tokens{1, 2, 3, 4}), 0);
}

void a_prefix_that_is_known_keeps_its_cluster(void**) {
    PrefixClusters clusters({.prefix_count = 16});

    clusters.see(1, Tokens{1, 2, 3, 4});
    clusters.see(2, Tokens{9, 9, 9, 9});

    assert_int_equal(clusters.see(1, Tokens{9, 9, 9, 9}), 0);
    assert_int_equal(clusters.see(1, {}), 0);
}

void any_number_is_a_prefix(void**) {
    PrefixClusters clusters({.prefix_count = 16});

    assert_int_equal(clusters.cluster_of(0), kNoCluster);
    assert_int_equal(clusters.cluster_of(0xFFFF'FFFF), kNoCluster);
    assert_int_equal(clusters.see(0xFFFF'FFFF, Tokens{1, 2, 3, 4}), 0);
    assert_int_equal(clusters.see(0, Tokens{2, 2, 3, 4}), 1);
    assert_int_equal(clusters.cluster_of(0xFFFF'FFFF), 0);
}

void of_a_prefix_that_is_too_long_the_first_tokens_count(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    PrefixClusters clusters({.prefix_count = 16, .token_count_max = 8});
    const Tokens tokens = random_tokens(&random, 100);

    assert_int_equal(clusters.see(1, tokens), 0);
    assert_int_equal(clusters.see(2, std::span(tokens).first(8)), 0);
    assert_int_equal(clusters.see(3, std::span(tokens).first(4)), 1);
}

// Each is like the next, and the last nothing like the first.
void a_chain_of_likeness_is_many_clusters(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    PrefixClusters clusters({.prefix_count = 1024});
    const Tokens tokens = random_tokens(&random, 1100);
    std::map<std::uint32_t, std::set<std::uint32_t>> members;

    for (std::uint32_t i = 0; i < 1000; ++i) {
        members[clusters.see(i, std::span(tokens).subspan(i, 100))].insert(i);
    }

    // Of 97 grams 19 of 32 minima: some 25 further on it would be luck.
    for (const auto& [cluster, prefixes] : members) {
        assert_true(*prefixes.rbegin() - *prefixes.begin() < 60);
    }
    assert_true(members.size() > 20);
}

void a_newcomer_joins_the_founder_it_is_most_like(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    int best_count = 0;

    for (int i = 0; i < 100; ++i) {
        PrefixClusters clusters({.prefix_count = 16});
        const Tokens tokens = random_tokens(&random, 400);
        // Half a likeness to each other, both like what lies between, the second one more.
        clusters.see(1, std::span(tokens).subspan(0, 200));
        clusters.see(2, std::span(tokens).subspan(70, 200));
        if (clusters.cluster_count() != 2) continue;
        best_count += clusters.see(3, std::span(tokens).subspan(60, 200)) == 1;
    }

    assert_true(best_count >= 60);
}

void a_million_copies_are_one_cluster(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    PrefixClusters clusters({.prefix_count = 1024});
    const Tokens copy = random_tokens(&random, 8);
    const Tokens other = random_tokens(&random, 8);
    clusters.see(0xFFFF'FFFF, other);
    int wrong_count = 0;

    for (std::uint32_t i = 0; i < bwrt::test::share_of(1'000'000); ++i) {
        wrong_count += clusters.see(i, copy) != 1;
        if (i % 1000 == 0) wrong_count += clusters.see(0xFFFF'FFFF, {}) != 0;
    }

    assert_int_equal(wrong_count, 0);
    assert_int_equal(clusters.cluster_count(), 2);
    assert_int_equal(clusters.prefix_count(), 1024);
}

void the_one_not_seen_for_longest_is_forgotten(void**) {
    PrefixClusters clusters({.prefix_count = 4});
    for (std::uint32_t i = 0; i < 4; ++i) clusters.see(i, Tokens{i, i, i, i});

    clusters.see(0, {});
    clusters.see(4, Tokens{4, 4, 4, 4});

    assert_int_equal(clusters.cluster_of(1), kNoCluster);
    assert_int_equal(clusters.cluster_of(0), 0);
    assert_int_equal(clusters.cluster_of(4), 1);  // the number is used again
    assert_int_equal(clusters.prefix_count(), 4);
    assert_int_equal(clusters.cluster_count(), 4);
}

void a_cluster_outlives_its_founder(void**) {
    PrefixClusters clusters({.prefix_count = 4});
    clusters.see(0, Tokens{1, 2, 3, 4});
    clusters.see(1, Tokens{1, 2, 3, 4});
    for (std::uint32_t i = 2; i < 5; ++i) clusters.see(i, Tokens{i, i, i, i});
    assert_int_equal(clusters.cluster_of(0), kNoCluster);

    assert_int_equal(clusters.see(1, {}), 0);
    assert_int_equal(clusters.see(5, Tokens{1, 2, 3, 4}), 0);
}

void a_cluster_that_is_gone_is_not_joined(void**) {
    PrefixClusters clusters({.prefix_count = 4});
    for (std::uint32_t i = 0; i < 5; ++i) clusters.see(i, Tokens{i, i, i, i});

    // 0 is gone, and 4 has its number: what is like 0 founds another, where 1 was.
    assert_int_equal(clusters.cluster_of(4), 0);
    assert_int_equal(clusters.see(5, Tokens{0, 0, 0, 0}), 1);
}

// The last member of a cluster is the oldest when the next one comes.
void a_newcomer_keeps_its_cluster_from_going(void**) {
    PrefixClusters clusters({.prefix_count = 4});
    for (std::uint32_t i = 0; i < 4; ++i) clusters.see(i, Tokens{i, i, i, i});

    assert_int_equal(clusters.see(4, Tokens{0, 0, 0, 0}), 0);

    assert_int_equal(clusters.cluster_of(0), kNoCluster);
    assert_int_equal(clusters.cluster_count(), 4);
}

void the_smallest_table_is_one(void**) {
    PrefixClusters clusters({.prefix_count = 1});

    assert_int_equal(clusters.see(1, Tokens{1, 1, 1, 1}), 0);
    assert_int_equal(clusters.see(2, Tokens{2, 2, 2, 2}), 0);
    assert_int_equal(clusters.cluster_of(1), kNoCluster);
    assert_int_equal(clusters.cluster_of(2), 0);
}

double choose(int n, int k) {
    return std::exp(std::lgamma(n + 1.0) - std::lgamma(k + 1.0) - std::lgamma(n - k + 1.0));
}

// Of each number of equal minima, the probability that there are that many, in so many bands; of
// bands that are not full, if so asked.
std::array<double, 33> distribution(double share, bool has_no_full_band) {
    std::array<double, 33> all{1.0};
    for (int band = 0; band < 8; ++band) {
        std::array<double, 33> next{};
        for (int equal = 0; equal <= 28; ++equal) {
            for (int more = 0; more <= (has_no_full_band ? 3 : 4); ++more) {
                next[static_cast<std::size_t>(equal + more)] +=
                    all[static_cast<std::size_t>(equal)] * choose(4, more) * std::pow(share, more) *
                    std::pow(1 - share, 4 - more);
            }
        }
        all = next;
    }
    return all;
}

// A full band and enough equal minima: 1 - (1 - J^4)^8 where one is enough.
double theory(double share, std::uint32_t equal_min) {
    const auto all = distribution(share, false);
    const auto without = distribution(share, true);
    double sum = 0;
    for (std::size_t equal = equal_min; equal < 33; ++equal) sum += all[equal] - without[equal];
    return sum;
}

double joined_share(bwrt::test::Random* random, std::uint32_t common, std::uint32_t own,
                    int pair_count) {
    PrefixClusters clusters({.prefix_count = 4096});
    int joined_count = 0;
    for (int i = 0; i < pair_count; ++i) {
        const AlikePair pair = make_alike(random, common, own);
        const auto prefix = static_cast<std::uint32_t>(2 * i);
        joined_count += clusters.see(prefix, pair.one) == clusters.see(prefix + 1, pair.other);
    }
    return 1.0 * joined_count / pair_count;
}

void pairs_are_joined_as_often_as_theory_says(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    const auto pair_count = static_cast<int>(bwrt::test::share_of(5000));
    assert_true(std::abs(theory(0.78, 0) - (1 - std::pow(1 - std::pow(0.78, 4), 8))) < 1e-12);

    const std::uint32_t shapes[][2] = {{20, 40}, {36, 42}, {44, 33}, {52, 26}, {60, 20},
                                       {66, 17}, {70, 15}, {78, 11}, {72, 4}};
    for (const auto& [common, own] : shapes) {
        const double share = 1.0 * common / (common + 2 * own);
        const double expected = theory(share, PrefixClusters::kEqualMin);
        const double joined = joined_share(&random, common, own, pair_count);
        print_message("J %.3f: joined %.2f %%, theory %.2f %%, bands alone %.2f %%\n", share,
                      100 * joined, 100 * expected, 100 * theory(share, 0));

        const double deviation = std::sqrt(expected * (1 - expected) / pair_count);
        assert_true(std::abs(joined - expected) < 5 * deviation + 5.0 / pair_count);
    }
}

void what_is_alike_is_found_and_what_is_not_is_left_alone(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());

    assert_true(joined_share(&random, 78, 11, 5000) >= 0.95);  // J = 0.78
    assert_true(joined_share(&random, 20, 40, 5000) <= 0.01);  // J = 0.2
}

// The index forgets on its own: in a table that is full of founders the likeness is still found.
void a_full_table_finds_what_is_alike(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    constexpr std::uint32_t kPrefixes = 2048;
    PrefixClusters clusters({.prefix_count = kPrefixes});
    std::deque<std::pair<std::uint32_t, Tokens>> waiting;
    int asked_count = 0, joined_count = 0;

    for (std::uint32_t i = 0; i < 4 * kPrefixes; ++i) {
        AlikePair pair = make_alike(&random, 78, 11);
        waiting.emplace_back(clusters.see(2 * i, pair.one), std::move(pair.other));
        // Its like comes when it is nearly the oldest.
        if (waiting.size() < kPrefixes / 2 - 8) continue;
        joined_count += clusters.see(2 * i + 1, waiting.front().second) == waiting.front().first;
        ++asked_count;
        waiting.pop_front();
    }
    print_message("%d of %d\n", joined_count, asked_count);

    assert_true(joined_count >= asked_count * 95 / 100);
}

bool is_like(const MinHash& one, const MinHash& other) {
    return equal_minima(one, other) >= PrefixClusters::kEqualMin;
}

struct Told {
    std::uint32_t cluster;
    Tokens tokens;
};

// Families of like prefixes come and go in small tables.
void random_calls_keep_every_promise(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    constexpr std::uint32_t kPrefixes = 32;
    PrefixClusters clusters({.prefix_count = kPrefixes});
    PrefixClusters again({.prefix_count = kPrefixes});
    std::vector<Tokens> families;
    for (int i = 0; i < 30; ++i) families.push_back(random_tokens(&random, 60));
    std::deque<std::uint32_t> seen;  // the oldest first
    std::map<std::uint32_t, Told> told;
    std::map<std::uint32_t, std::vector<MinHash>> founders;  // whoever it may be
    int wrong_count = 0;

    for (int i = 0; i < 10'000; ++i) {
        const auto prefix = static_cast<std::uint32_t>(random.below(100));
        Tokens tokens = families[random.below(families.size())];
        for (std::uint64_t edits = random.below(6); edits > 0; --edits) {
            tokens[random.below(tokens.size())] = static_cast<std::uint32_t>(random.bits());
        }
        const std::uint32_t cluster = clusters.see(prefix, tokens);
        wrong_count += again.see(prefix, tokens) != cluster;

        const auto known = told.find(prefix);
        const bool is_new = known == told.end();
        if (!is_new) {
            wrong_count += known->second.cluster != cluster;
            std::erase(seen, prefix);
        }
        seen.push_back(prefix);
        if (seen.size() > kPrefixes) {
            told.erase(seen.front());
            seen.pop_front();
        }
        std::set<std::uint32_t> alive;
        for (const auto& [other, one] : told) {
            wrong_count += clusters.cluster_of(other) != one.cluster;
            alive.insert(one.cluster);
        }
        if (is_new) {
            // The number of one that has gone with its last prefix is taken, or it was joined.
            const MinHash hash = min_hash_of(tokens);
            std::vector<MinHash>& maybe = founders[cluster];
            if (!alive.contains(cluster)) {
                std::erase_if(maybe, [&](const MinHash& one) { return !is_like(one, hash); });
                maybe.push_back(hash);
            }
            wrong_count += std::none_of(maybe.begin(), maybe.end(),
                                        [&](const MinHash& one) { return is_like(one, hash); });
            // Nobody founds a cluster beside one who did with the same tokens.
            for (const auto& [other, found] : founders) {
                wrong_count += alive.contains(other) && !alive.contains(cluster) &&
                               found.size() == 1 && equal_minima(found[0], hash) == kMinima;
            }
            told[prefix] = {cluster, tokens};
            alive.insert(cluster);
        }
        std::erase_if(founders, [&](const auto& one) { return !alive.contains(one.first); });
        wrong_count += clusters.cluster_of(prefix) != cluster;
        wrong_count += clusters.cluster_count() != alive.size();
        wrong_count += clusters.prefix_count() != told.size();
        wrong_count += *alive.rbegin() >= kPrefixes;
    }

    assert_int_equal(wrong_count, 0);
}

void the_clusters_are_what_they_are_elsewhere(void**) {
    PrefixClusters clusters({.prefix_count = 64});
    std::uint64_t sum = 0;

    std::uint64_t state = 0;
    const auto below = [&](std::uint64_t count) { return mix(++state * kGolden) % count; };
    for (std::uint32_t i = 0; i < 5000; ++i) {
        Tokens tokens;
        const auto family = static_cast<std::uint32_t>(below(20));
        for (std::uint32_t place = 0; place < 40; ++place) tokens.push_back(family * 100 + place);
        tokens[below(40)] = static_cast<std::uint32_t>(below(1000));
        tokens[below(40)] = static_cast<std::uint32_t>(below(1000));
        const auto prefix = static_cast<std::uint32_t>(below(300));
        sum = mix(sum + clusters.see(prefix, tokens));
    }

    assert_int_equal(sum, 0xEF6F'A44E'BDE8'A77E);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(prefixes_without_likeness_are_numbered_as_they_come),
        cmocka_unit_test(the_same_tokens_are_one_cluster),
        cmocka_unit_test(an_edit_in_a_long_prefix_leaves_it_in_its_cluster),
        cmocka_unit_test(fewer_tokens_than_a_gram_are_compared_whole),
        cmocka_unit_test(without_tokens_there_is_no_cluster),
        cmocka_unit_test(a_prefix_that_is_known_keeps_its_cluster),
        cmocka_unit_test(any_number_is_a_prefix),
        cmocka_unit_test(of_a_prefix_that_is_too_long_the_first_tokens_count),
        cmocka_unit_test(a_chain_of_likeness_is_many_clusters),
        cmocka_unit_test(a_newcomer_joins_the_founder_it_is_most_like),
        cmocka_unit_test(a_million_copies_are_one_cluster),
        cmocka_unit_test(the_one_not_seen_for_longest_is_forgotten),
        cmocka_unit_test(a_cluster_outlives_its_founder),
        cmocka_unit_test(a_cluster_that_is_gone_is_not_joined),
        cmocka_unit_test(a_newcomer_keeps_its_cluster_from_going),
        cmocka_unit_test(the_smallest_table_is_one),
        cmocka_unit_test(pairs_are_joined_as_often_as_theory_says),
        cmocka_unit_test(what_is_alike_is_found_and_what_is_not_is_left_alone),
        cmocka_unit_test(a_full_table_finds_what_is_alike),
        cmocka_unit_test(random_calls_keep_every_promise),
        cmocka_unit_test(the_clusters_are_what_they_are_elsewhere),
    };
    return cmocka_run_group_tests_name("planner/learning/clusters.cpp", tests, nullptr, nullptr);
}
