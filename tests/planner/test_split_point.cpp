// SPDX-License-Identifier: Apache-2.0
//
// test_split_point.cpp — where a prefix is split: by hand where the answer is known, and against
// every split of random prefixes, whose finish is reckoned layer by layer and block by block.

#include "planner/split_point.h"

#include <algorithm>
#include <vector>

#include "tests/support/cmocka.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::planner;
using bwrt::test::Random;

constexpr std::uint64_t kMs = 1'000'000;
constexpr std::uint64_t kNow = 1'000 * kMs;

// Ten blocks of 100 tokens on tier 0, to tier 2; a token takes 10 us, so a block's prefill a ms.
struct Prefix {
    std::vector<LoadableBlock> blocks;
    Route routes[9];
    Bus buses[kBusCountMax];
    SplitQuestion question;

    explicit Prefix(std::uint64_t block_us) : blocks(10, LoadableBlock{1'000, 0}) {
        buses[0].bytes_per_ms = 1'000'000 / block_us;
        question = {.now_ns = kNow,
                    .token_count = 1'000,
                    .block_tokens = 100,
                    .block_count = 10,
                    .prefill = {.tokens_per_s = 100'000, .attention_ps = 0},
                    .tier_count = 3,
                    .tier_dst = 2};
    }
    [[nodiscard]] SplitPoint split() {
        question.blocks = blocks.data();
        question.routes = routes;
        question.buses = buses;
        return find_split_point(question);
    }
};

void what_is_loaded_faster_than_it_is_computed_is_loaded_whole(void**) {
    Prefix prefix(500);

    const SplitPoint split = prefix.split();
    assert_int_equal(split.verdict, SplitVerdict::kLoad);
    assert_int_equal(split.load_count, 10);
    assert_int_equal(split.load_bytes, 10'000);
    assert_int_equal(split.loaded_ns, kNow + 5 * kMs);
    assert_int_equal(split.finish_ns, kNow + 5 * kMs);
    assert_int_equal(split.load_finish_ns, kNow + 5 * kMs);
    assert_int_equal(split.compute_finish_ns, kNow + 10 * kMs);
    assert_false(split.is_late);
}

void what_is_computed_faster_than_it_is_loaded_is_computed(void**) {
    Prefix prefix(2'000);

    const SplitPoint split = prefix.split();
    assert_int_equal(split.verdict, SplitVerdict::kRecompute);
    assert_int_equal(split.load_count, 0);
    assert_int_equal(split.load_bytes, 0);
    assert_int_equal(split.loaded_ns, kNow);
    assert_int_equal(split.finish_ns, kNow + 10 * kMs);
    assert_int_equal(split.load_finish_ns, kNow + 20 * kMs);
}

void of_two_tiers_the_slow_part_is_computed(void**) {
    Prefix prefix(100);
    for (std::size_t i = 4; i < 10; ++i) prefix.blocks[i].tier = 1;
    prefix.routes[1 * 3 + 2].bus = 1;
    prefix.buses[1].bytes_per_ms = 250;  // 4 ms a block

    const SplitPoint split = prefix.split();
    assert_int_equal(split.verdict, SplitVerdict::kPartial);
    assert_int_equal(split.load_count, 4);
    assert_int_equal(split.load_bytes, 4'000);
    assert_int_equal(split.loaded_ns, kNow + 400'000);
    assert_int_equal(split.finish_ns, kNow + 400'000 + 6 * kMs);
    assert_int_equal(split.load_finish_ns, kNow + 24 * kMs);
}

// A block costs 1.0 ms at first and 1.9 ms at the end to compute, and 1.45 ms to load.
void attention_makes_the_later_blocks_dearer_to_compute(void**) {
    Prefix prefix(1'450);
    prefix.question.prefill.attention_ps = 10'000;  // 100 tokens, each to 100 more: 0.1 ms
    const SplitPoint with = prefix.split();
    prefix.question.prefill.attention_ps = 0;
    const SplitPoint without = prefix.split();

    // 1,000 tokens have 499,500 pairs: 5 ms; all loads take 14.5 ms.
    assert_int_equal(with.compute_finish_ns, kNow + 10 * kMs + 4'995'000);
    assert_int_equal(with.load_count, 10);
    assert_int_equal(with.finish_ns, kNow + 14'513'788);
    assert_int_equal(without.load_count, 0);
}

void what_is_there_already_costs_nothing(void**) {
    Prefix prefix(2'000);
    for (std::size_t i = 0; i < 3; ++i) prefix.blocks[i].tier = 2;

    const SplitPoint split = prefix.split();
    assert_int_equal(split.load_count, 3);
    assert_int_equal(split.load_bytes, 0);
    assert_int_equal(split.loaded_ns, kNow);
    assert_int_equal(split.finish_ns, kNow + 7 * kMs);
    assert_int_equal(split.verdict, SplitVerdict::kPartial);
}

void a_queue_on_the_bus_makes_loading_later(void**) {
    Prefix prefix(500);
    prefix.buses[0].queued_bytes = 9'998;  // 4,999 us
    assert_int_equal(prefix.split().load_count, 10);
    prefix.buses[0].queued_bytes = 10'002;
    assert_int_equal(prefix.split().load_count, 0);
    prefix.buses[0].queued_bytes = 0;
    prefix.routes[2].latency_ns = 5 * kMs + 1;
    assert_int_equal(prefix.split().load_count, 0);
}

void of_equal_splits_the_longest_load_is_taken(void**) {
    Prefix prefix(1'000);

    const SplitPoint split = prefix.split();
    assert_int_equal(split.load_count, 10);
    assert_int_equal(split.finish_ns, kNow + 10 * kMs);
}

// Ten layers: the first is there after a tenth of the load, the last is computed in a tenth.
void by_layer_loading_and_computing_go_on_at_once(void**) {
    Prefix prefix(1'000);
    prefix.question.model = SplitModel::kByLayer;
    prefix.question.layer_count = 10;
    prefix.question.block_count = 5;

    const SplitPoint split = prefix.split();
    assert_int_equal(split.load_count, 5);
    assert_int_equal(split.finish_ns, kNow + 500'000 + 5 * kMs);
    prefix.question.layer_count = 1;
    assert_int_equal(prefix.split().finish_ns, kNow + 10 * kMs);
}

void tokens_that_no_block_holds_are_always_computed(void**) {
    Prefix prefix(500);
    prefix.question.token_count = 1'050;
    assert_int_equal(prefix.split().finish_ns, kNow + 5 * kMs + 500'000);

    prefix.question.token_count = 901;  // the last block has a token
    const SplitPoint split = prefix.split();
    assert_int_equal(split.load_count, 9);
    assert_int_equal(split.finish_ns, kNow + 4'510'000);
    assert_int_equal(split.load_finish_ns, kNow + 5 * kMs);
}

void a_part_of_a_nanosecond_is_a_whole_one(void**) {
    Prefix prefix(500);
    prefix.question.block_count = 0;
    prefix.question.token_count = 1;
    prefix.question.prefill.tokens_per_s = 3'000'000'000;
    assert_int_equal(prefix.split().finish_ns, kNow + 1);
    prefix.question.token_count = 3;
    assert_int_equal(prefix.split().finish_ns, kNow + 2);  // of 334 ps each
}

void blocks_beyond_the_prompt_are_not_looked_at(void**) {
    Prefix prefix(500);
    prefix.question.token_count = 300;

    const SplitPoint split = prefix.split();
    assert_int_equal(split.load_count, 3);
    assert_int_equal(split.verdict, SplitVerdict::kLoad);
}

void nothing_that_could_be_loaded_is_computed(void**) {
    Prefix prefix(500);
    prefix.question.block_count = 0;

    const SplitPoint split = prefix.split();
    assert_int_equal(split.verdict, SplitVerdict::kRecompute);
    assert_int_equal(split.finish_ns, kNow + 10 * kMs);
    assert_int_equal(split.load_finish_ns, split.finish_ns);
}

void without_a_stated_prefill_everything_is_loaded(void**) {
    Prefix prefix(2'000);
    prefix.question.prefill = {};

    const SplitPoint split = prefix.split();
    assert_int_equal(split.verdict, SplitVerdict::kLoad);
    assert_int_equal(split.finish_ns, kNow + 20 * kMs);
}

void a_bus_of_which_nothing_is_known_takes_no_time(void**) {
    Prefix prefix(2'000);
    prefix.buses[0].bytes_per_ms = 0;

    assert_int_equal(prefix.split().verdict, SplitVerdict::kLoad);
}

void it_is_late_when_no_split_is_done_by_the_deadline(void**) {
    Prefix prefix(500);
    prefix.question.deadline_ns = kNow + 5 * kMs;
    assert_false(prefix.split().is_late);
    prefix.question.deadline_ns = kNow + 5 * kMs - 1;
    const SplitPoint split = prefix.split();
    assert_true(split.is_late);
    assert_int_equal(split.load_count, 10);
}

// Each block that is loaded makes it a millisecond later: 10 ms for none, 20 for all.
void least_compute_loads_as_much_as_the_deadline_allows(void**) {
    Prefix prefix(2'000);
    prefix.question.aim = SplitAim::kLeastCompute;
    assert_int_equal(prefix.split().load_count, 0);  // without a deadline, the earliest
    prefix.question.deadline_ns = kNow + 14 * kMs;
    assert_int_equal(prefix.split().load_count, 4);
    prefix.question.deadline_ns = kNow + 14 * kMs - 1;
    assert_int_equal(prefix.split().load_count, 3);
    prefix.question.deadline_ns = kNow + 10 * kMs - 1;
    assert_int_equal(prefix.split().load_count, 0);
    assert_true(prefix.split().is_late);
    prefix.question.deadline_ns = kNow + 20 * kMs;
    assert_int_equal(prefix.split().verdict, SplitVerdict::kLoad);
}

void sums_beyond_64_bits_are_never_and_not_soon(void**) {
    Prefix prefix(1);
    prefix.buses[0].bytes_per_ms = 1;
    for (LoadableBlock& block : prefix.blocks) block.bytes = ~std::uint64_t{0} >> 1;
    prefix.question.token_count = ~0u;
    prefix.question.prefill = {1, ~std::uint64_t{0}};

    for (const SplitModel model : {SplitModel::kInTurn, SplitModel::kByLayer}) {
        prefix.question.model = model;
        const SplitPoint split = prefix.split();
        assert_true(split.compute_finish_ns == ~std::uint64_t{0});
        assert_true(split.load_finish_ns == ~std::uint64_t{0});
    }
}

Prefix draw(Random& random) {
    Prefix prefix(100);
    SplitQuestion& question = prefix.question;
    prefix.blocks.resize(random.between(0, 40));
    for (LoadableBlock& block : prefix.blocks) {
        block = {random.between(1, 5'000), static_cast<std::uint8_t>(random.below(3))};
    }
    if (random.one_in(2)) {  // as it would be: what is farther back is farther away
        std::sort(prefix.blocks.begin(), prefix.blocks.end(),
                  [](const auto& one, const auto& other) { return one.tier > other.tier; });
    }
    for (Route& route : prefix.routes) {
        route.bus = static_cast<std::uint8_t>(random.below(2));
        if (random.one_in(2)) route.latency_ns = random.below(4) * kMs;
        if (random.one_in(2)) route.stream_bytes_per_ms = random.between(100, 4'000);
    }
    for (Bus& bus : prefix.buses) {
        bus.bytes_per_ms = random.between(200, 8'000);
        if (random.one_in(3)) bus.queued_bytes = random.below(8'000);
    }
    question.block_count = static_cast<std::uint32_t>(prefix.blocks.size());
    question.block_tokens = random.between32(1, 64);
    question.token_count = random.between32(0, 40 * question.block_tokens + 9);
    question.layer_count = random.between32(1, 12);
    question.prefill = {random.between(1'000, 2'000'000), random.one_in(2) ? random.below(900) : 0};
    question.model = random.one_in(2) ? SplitModel::kInTurn : SplitModel::kByLayer;
    question.aim = random.one_in(3) ? SplitAim::kLeastCompute : SplitAim::kEarliest;
    if (random.one_in(2)) question.deadline_ns = kNow + random.below(60) * kMs;
    return prefix;
}

// In nanoseconds, by the sentences of the header and no formula of the code: each token and each
// layer by itself.
double finish_of(const Prefix& prefix, std::uint32_t count) {
    const SplitQuestion& question = prefix.question;
    double compute = 0;
    for (std::uint64_t token = std::uint64_t{count} * question.block_tokens;
         token < question.token_count; ++token) {
        compute += 1e9 / static_cast<double>(question.prefill.tokens_per_s) +
                   static_cast<double>(question.prefill.attention_ps * token) * 1e-3;
    }
    double begin[kBusCountMax] = {};
    double loaded[kBusCountMax] = {};
    double bytes[kBusCountMax] = {};
    for (std::uint32_t i = 0; i < count; ++i) {
        const LoadableBlock& block = prefix.blocks[i];
        if (block.tier == 2) continue;
        const Route& route = prefix.routes[block.tier * 3 + 2];
        const Bus& bus = prefix.buses[route.bus];
        const auto rate = static_cast<double>(bus.bytes_per_ms);
        const double own = route.stream_bytes_per_ms == 0
                               ? rate
                               : std::min(rate, static_cast<double>(route.stream_bytes_per_ms));
        const auto latency = static_cast<double>(route.latency_ns);
        const double queued = static_cast<double>(bus.queued_bytes) / rate * 1e6;
        const auto own_bytes = static_cast<double>(block.bytes);
        begin[route.bus] = std::max(begin[route.bus], latency + queued);
        loaded[route.bus] =
            std::max(loaded[route.bus],
                     latency + queued + bytes[route.bus] / rate * 1e6 + own_bytes / own * 1e6);
        bytes[route.bus] += own_bytes;
    }
    const double layers = question.model == SplitModel::kByLayer ? question.layer_count : 1;
    double done = 0;
    for (double layer = 1; layer <= layers; ++layer) {
        double there = 0;
        for (std::size_t bus = 0; bus < kBusCountMax; ++bus) {
            there = std::max(there, begin[bus] + (loaded[bus] - begin[bus]) * layer / layers);
        }
        done = std::max(done, there) + compute / layers;
    }
    return done;
}

void a_finish_is_that_of_every_token_block_and_layer(void**) {
    Random random(bwrt::test::test_seed());
    for (int i = 0; i < 20'000; ++i) {
        Prefix prefix = draw(random);
        prefix.question.block_count =
            std::min(prefix.question.block_count,
                     (prefix.question.token_count + prefix.question.block_tokens - 1) /
                         prefix.question.block_tokens);
        const SplitPoint split = prefix.split();
        const auto is_near = [](std::uint64_t finish_ns, double expected) {
            // Rounded up to a nanosecond each, and a token's time to a picosecond; what a slow
            // stream takes more is whole bytes of the bus, of up to 5 us.
            const double error = static_cast<double>(finish_ns - kNow) - expected;
            return error > -5'100 && error < 5'100;
        };
        assert_true(is_near(split.finish_ns, finish_of(prefix, split.load_count)));
        assert_true(is_near(split.compute_finish_ns, finish_of(prefix, 0)));
        assert_true(is_near(split.load_finish_ns, finish_of(prefix, prefix.question.block_count)));
        assert_int_equal(split.is_late, split.finish_ns > prefix.question.deadline_ns);
    }
}

void no_other_split_is_better(void**) {
    Random random(bwrt::test::test_seed());
    int counts[3] = {};
    for (int i = 0; i < 20'000; ++i) {
        Prefix prefix = draw(random);
        SplitQuestion& question = prefix.question;
        const SplitPoint split = prefix.split();
        ++counts[static_cast<int>(split.verdict)];

        // Of fewer blocks, to load them all is the split behind them.
        std::uint32_t best = 0;
        std::uint64_t best_ns = split.compute_finish_ns;
        std::uint32_t longest_in_time = 0;
        bool has_in_time = split.compute_finish_ns <= question.deadline_ns;
        const std::uint32_t blocks =
            std::min(question.block_count,
                     (question.token_count + question.block_tokens - 1) / question.block_tokens);
        for (std::uint32_t count = 1; count <= blocks; ++count) {
            question.block_count = count;
            const std::uint64_t finish_ns = prefix.split().load_finish_ns;
            if (finish_ns <= best_ns) {
                best = count;
                best_ns = finish_ns;
            }
            if (finish_ns <= question.deadline_ns) {
                longest_in_time = count;
                has_in_time = true;
            }
        }
        const bool waits =
            question.aim == SplitAim::kLeastCompute && question.deadline_ns != kNoDeadline;
        assert_int_equal(split.load_count, waits && has_in_time ? longest_in_time : best);
        if (!waits) assert_true(split.finish_ns == best_ns);
    }
    for (const int count : counts) assert_true(count > 500);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(what_is_loaded_faster_than_it_is_computed_is_loaded_whole),
        cmocka_unit_test(what_is_computed_faster_than_it_is_loaded_is_computed),
        cmocka_unit_test(of_two_tiers_the_slow_part_is_computed),
        cmocka_unit_test(attention_makes_the_later_blocks_dearer_to_compute),
        cmocka_unit_test(what_is_there_already_costs_nothing),
        cmocka_unit_test(a_queue_on_the_bus_makes_loading_later),
        cmocka_unit_test(of_equal_splits_the_longest_load_is_taken),
        cmocka_unit_test(by_layer_loading_and_computing_go_on_at_once),
        cmocka_unit_test(tokens_that_no_block_holds_are_always_computed),
        cmocka_unit_test(a_part_of_a_nanosecond_is_a_whole_one),
        cmocka_unit_test(blocks_beyond_the_prompt_are_not_looked_at),
        cmocka_unit_test(nothing_that_could_be_loaded_is_computed),
        cmocka_unit_test(without_a_stated_prefill_everything_is_loaded),
        cmocka_unit_test(a_bus_of_which_nothing_is_known_takes_no_time),
        cmocka_unit_test(it_is_late_when_no_split_is_done_by_the_deadline),
        cmocka_unit_test(least_compute_loads_as_much_as_the_deadline_allows),
        cmocka_unit_test(sums_beyond_64_bits_are_never_and_not_soon),
        cmocka_unit_test(a_finish_is_that_of_every_token_block_and_layer),
        cmocka_unit_test(no_other_split_is_better),
    };
    return cmocka_run_group_tests_name("split point", tests, nullptr, nullptr);
}
