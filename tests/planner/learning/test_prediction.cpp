// SPDX-License-Identifier: Apache-2.0
//
// test_prediction.cpp — a chain that comes back like clockwork, a follower, each way in which a
// fetch can end, each limit, and what is learnt where nothing can be foretold.  Thousands of random
// calls are held against a ledger kept here, which knows how each fetch ended, and against a second
// predictor that gets the same calls.
//
// Prints its seed and takes it back from BWRT_TEST_SEED.

#include "planner/learning/prediction.h"

#include <map>
#include <stdexcept>
#include <vector>

#include "planner/mix.h"
#include "tests/support/cmocka.h"
#include "tests/support/random.h"

namespace {

using namespace bwrt::planner;

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kChainBytes = 100;

// All that is asked for is missing, or nothing is.
std::uint64_t missing_bytes(void* store, std::uint64_t /*key*/, std::uint32_t /*mark*/) {
    return *static_cast<std::uint64_t*>(store);
}

struct Round {
    std::vector<Prediction> fetches;
    std::vector<std::uint64_t> let_go;
};

class Caller {
 public:
    explicit Caller(const PredictionRule& rule = {}, const PredictionLimits& limits = {})
        : predictor(limits, rule) {}

    void use(std::uint64_t key, std::uint64_t session = 0, std::uint16_t tenant = 0) {
        predictor.used(
            {.blocks = {&key, 1}, .bytes = kChainBytes, .session = session, .tenant = tenant},
            now_ns);
    }
    Round plan(std::uint64_t bytes_max = ~std::uint64_t{0}) {
        Round round{std::vector<Prediction>(fetch_max), std::vector<std::uint64_t>(let_go_max)};
        const PredictionCounts counts = predictor.plan({.now_ns = now_ns,
                                                        .bytes_max = bytes_max,
                                                        .tenant_bytes = tenant_bytes,
                                                        .missing_bytes = missing_bytes,
                                                        .store = &missing,
                                                        .look_count_max = look_count_max,
                                                        .fetch_out = round.fetches,
                                                        .let_go_out = round.let_go});
        round.fetches.resize(counts.fetch_count);
        round.let_go.resize(counts.let_go_count);
        return round;
    }
    // A chain, again and again after ten seconds, until it is sure that it does so.
    void teach(std::uint64_t key) {
        for (int i = 0; i < 200; ++i, now_ns += 10 * kSecond) {
            use(key);
            (void)plan();
        }
        use(key);
        predictor.evicted(key, now_ns);
    }

    Predictor predictor;
    std::uint64_t now_ns = kSecond;
    std::uint64_t missing = kChainBytes;
    std::size_t fetch_max = 8, let_go_max = 8;
    std::uint32_t look_count_max = ~0u;
    std::vector<std::uint64_t> tenant_bytes;
};

bool adds_up(const PredictionReport& report) {
    const auto count =
        report.right.count + report.late.count + report.wasted.count + report.failed.count;
    const auto bytes =
        report.right.bytes + report.late.bytes + report.wasted.bytes + report.failed.bytes;
    return report.ordered.count == count + report.open.count &&
           report.ordered.bytes == bytes + report.open.bytes;
}

void no_chains_or_too_many_are_refused(void**) {
    int refused_count = 0;
    for (const PredictionLimits& limits :
         {PredictionLimits{0, 1}, PredictionLimits{(1u << 24) + 1, 1},
          PredictionLimits{1, (1u << 24) + 1}}) {
        try {
            const Predictor predictor(limits, {});
        } catch (const std::length_error&) {
            ++refused_count;
        }
    }
    assert_int_equal(refused_count, 3);
}

void what_comes_back_after_ten_seconds_is_there_before(void**) {
    Caller caller;
    caller.teach(7);

    const Round round = caller.plan();

    assert_int_equal(round.fetches.size(), 1);
    const Prediction& fetch = round.fetches[0];
    assert_true(fetch.key == 7 && fetch.bytes == kChainBytes);
    assert_in_range(fetch.probability_milli, 800, 1000);
    assert_in_range(fetch.expected_ns, caller.now_ns + 9 * kSecond, caller.now_ns + 11 * kSecond);
    assert_in_range(fetch.until_ns, caller.now_ns + 10 * kSecond, caller.now_ns + 12 * kSecond);
    caller.now_ns += 2 * kSecond;
    caller.predictor.fetched(7, caller.now_ns);
    caller.now_ns += 8 * kSecond;
    caller.use(7);
    const PredictionReport report = caller.predictor.report();
    assert_int_equal(report.right.count, 1);
    assert_true(report.lead_mean_ns() == 8 * kSecond);
    assert_int_equal(report.accuracy_milli(), 1000);
    assert_int_equal(report.coverage_milli(), 1000);
    assert_true(adds_up(report));
}

void what_is_near_or_on_its_way_is_not_ordered_again(void**) {
    Caller caller;
    caller.teach(7);

    assert_int_equal(caller.plan().fetches.size(), 1);
    assert_int_equal(caller.plan().fetches.size(), 0);
    caller.predictor.evicted(7, caller.now_ns);
    assert_int_equal(caller.plan().fetches.size(), 0);
    caller.predictor.fetched(7, caller.now_ns);
    assert_int_equal(caller.plan().fetches.size(), 0);
    assert_true(caller.predictor.held_bytes() == kChainBytes);
}

void what_is_there_after_all_is_not_fetched(void**) {
    Caller caller;
    caller.teach(7);
    caller.missing = 0;

    assert_int_equal(caller.plan().fetches.size(), 0);
    caller.missing = kChainBytes;
    assert_int_equal(caller.plan().fetches.size(), 0);
    caller.predictor.evicted(7, caller.now_ns);
    assert_int_equal(caller.plan().fetches.size(), 1);
}

void what_was_just_used_is_there(void**) {
    Caller caller;
    caller.teach(7);

    caller.use(7);

    assert_int_equal(caller.plan().fetches.size(), 0);
    assert_int_equal(caller.predictor.report().returned_gone.count, 1);
    assert_int_equal(caller.predictor.report().coverage_milli(), 0);
}

void a_use_before_the_arrival_is_late(void**) {
    Caller caller;
    caller.teach(7);
    (void)caller.plan();

    caller.use(7);
    caller.predictor.fetched(7, caller.now_ns);
    caller.use(7);

    const PredictionReport report = caller.predictor.report();
    assert_int_equal(report.late.count, 1);
    assert_int_equal(report.right.count, 0);
    assert_int_equal(report.returned_gone.count, 1);
    assert_true(caller.predictor.held_bytes() == 0 && adds_up(report));
}

void what_did_not_come_is_let_go_once_and_wasted_when_it_is_dropped(void**) {
    Caller caller;
    caller.teach(7);
    const std::uint64_t until_ns = caller.plan().fetches[0].until_ns;
    caller.predictor.fetched(7, caller.now_ns);

    caller.now_ns = until_ns - 1;
    assert_int_equal(caller.plan().let_go.size(), 0);
    caller.now_ns = until_ns;
    caller.let_go_max = 0;
    assert_int_equal(caller.plan().let_go.size(), 0);
    caller.let_go_max = 8;
    const Round round = caller.plan();
    assert_int_equal(round.let_go.size(), 1);
    assert_true(round.let_go[0] == 7);
    assert_int_equal(caller.plan().let_go.size(), 0);
    assert_true(caller.predictor.held_bytes() == 0);
    assert_int_equal(caller.predictor.report().wasted.count, 0);
    caller.predictor.evicted(7, caller.now_ns);
    assert_int_equal(caller.predictor.report().wasted.count, 1);
    assert_int_equal(caller.predictor.report().wasted_milli(), 1000);
    assert_true(adds_up(caller.predictor.report()));
}

void what_was_let_go_and_is_used_all_the_same_was_right(void**) {
    Caller caller;
    caller.teach(7);
    (void)caller.plan();
    caller.predictor.fetched(7, caller.now_ns);
    caller.now_ns += 100 * kSecond;
    assert_int_equal(caller.plan().let_go.size(), 1);

    caller.use(7);

    assert_int_equal(caller.predictor.report().right.count, 1);
    assert_true(adds_up(caller.predictor.report()));
}

void a_fetch_that_failed_is_not_tried_again_at_once(void**) {
    Caller caller;
    caller.teach(7);
    (void)caller.plan();

    caller.predictor.failed(7, caller.now_ns);

    assert_int_equal(caller.plan().fetches.size(), 0);
    caller.now_ns += kSecond;
    assert_int_equal(caller.plan().fetches.size(), 1);
    assert_int_equal(caller.predictor.report().failed.count, 1);
    assert_true(adds_up(caller.predictor.report()));
}

void no_limit_is_exceeded(void**) {
    Caller caller({.held_bytes_max = 3 * kChainBytes});
    caller.teach(7);
    for (std::uint64_t key = 10; key < 20; ++key) {
        caller.use(key, 0, key % 2 == 0 ? 1 : 0);
        caller.predictor.evicted(key, caller.now_ns);
    }
    // Ten that are as new as the first was, and will be as it is once they are a second old.
    caller.predictor.failed(7, caller.now_ns);

    caller.tenant_bytes = {1000 * kChainBytes, kChainBytes};
    assert_int_equal(caller.plan(kChainBytes - 1).fetches.size(), 0);
    assert_int_equal(caller.plan(kChainBytes).fetches.size(), 1);
    const Round round = caller.plan();
    assert_int_equal(round.fetches.size(), 2);
    assert_true(caller.predictor.held_bytes() == 3 * kChainBytes);
    assert_int_equal(caller.plan().fetches.size(), 0);
    assert_true(caller.tenant_bytes[0] + caller.tenant_bytes[1] == 998 * kChainBytes);
}

void a_tenant_without_credit_waits(void**) {
    Caller caller;
    caller.teach(7);
    caller.tenant_bytes = {kChainBytes - 1};

    assert_int_equal(caller.plan().fetches.size(), 0);
    caller.tenant_bytes = {kChainBytes};
    assert_int_equal(caller.plan().fetches.size(), 1);
    assert_true(caller.tenant_bytes[0] == 0);
}

// A use, and two seconds later what it has added, each half a minute.
void teach_with_additions(Caller* caller, std::uint64_t first) {
    for (std::uint64_t key = first; key < first + 200; ++key) {
        caller->use(key);
        caller->now_ns += 2 * kSecond;
        const std::uint64_t blocks[] = {key, key + 1};
        caller->predictor.extended({.blocks = blocks, .bytes = 1}, caller->now_ns);
        caller->now_ns += 28 * kSecond;
        (void)caller->plan();
    }
}

void what_a_use_has_added_is_its_head_and_no_return(void**) {
    Caller caller;
    teach_with_additions(&caller, 1000);

    assert_int_equal(caller.predictor.chain_count(), 1);
    assert_int_equal(caller.predictor.report().return_count, 199);
    caller.use(1200);
    caller.now_ns += 12 * kSecond;
    const std::uint64_t blocks[] = {1200, 1201};
    caller.predictor.extended({.blocks = blocks, .bytes = 1}, caller.now_ns);
    caller.predictor.evicted(1200, caller.now_ns);  // is nobody's head any more
    caller.now_ns += 15 * kSecond;
    assert_int_equal(caller.plan().fetches.size(), 0);
    caller.predictor.evicted(1201, caller.now_ns, 77);
    // It rests since then, and not since its use.
    const Round round = caller.plan();
    assert_int_equal(round.fetches.size(), 1);
    assert_true(round.fetches[0].key == 1201 && round.fetches[0].mark == 77);
    assert_in_range(round.fetches[0].expected_ns, caller.now_ns + 10 * kSecond,
                    caller.now_ns + 16 * kSecond);
}

void what_was_fetched_and_only_added_to_is_wasted(void**) {
    for (const bool has_come : {false, true}) {
        Caller caller;
        caller.teach(7);
        assert_int_equal(caller.plan().fetches.size(), 1);
        if (has_come) caller.predictor.fetched(7, caller.now_ns);
        assert_true(caller.predictor.waits_for(7));

        const std::uint64_t blocks[] = {7, 8};
        caller.predictor.extended({.blocks = blocks, .bytes = 1}, caller.now_ns);

        assert_false(caller.predictor.waits_for(7));
        assert_false(caller.predictor.waits_for(8));
        caller.predictor.fetched(7, caller.now_ns);  // too late for anything
        assert_int_equal(caller.predictor.report().wasted.count, 1);
        assert_true(caller.predictor.held_bytes() == 0);
        assert_true(adds_up(caller.predictor.report()));
    }
}

void only_what_is_gone_or_near_is_looked_at_by_the_clock(void**) {
    Caller caller;
    caller.use(7);
    assert_true(caller.predictor.next_look_ns() == ~std::uint64_t{0});
    caller.predictor.evicted(7, caller.now_ns);
    const std::uint64_t next_ns = caller.predictor.next_look_ns();
    assert_true(next_ns > caller.now_ns && next_ns < caller.now_ns + kSecond);
    caller.use(7);
    assert_true(caller.predictor.next_look_ns() == ~std::uint64_t{0});
    caller.teach(7);
    assert_int_equal(caller.plan().fetches.size(), 1);
    assert_true(caller.predictor.next_look_ns() == ~std::uint64_t{0});  // on its way
    caller.predictor.fetched(7, caller.now_ns);
    assert_true(caller.predictor.next_look_ns() != ~std::uint64_t{0});
    caller.use(7);
    assert_true(caller.predictor.next_look_ns() == ~std::uint64_t{0});
}

void nothing_is_fetched_before_all_is_looked_at(void**) {
    Caller caller;
    caller.teach(7);
    for (std::uint64_t key = 100; key < 104; ++key) caller.use(key);
    caller.now_ns += 5 * kSecond;

    caller.look_count_max = 4;
    assert_int_equal(caller.plan().fetches.size(), 0);
    assert_true(caller.predictor.is_behind());
    int looks = 0;
    while (caller.predictor.is_behind()) {
        assert_true(++looks < 10);
        const Round round = caller.plan();
        assert_int_equal(round.fetches.size(), caller.predictor.is_behind() ? 0 : 1);
    }
}

// Two chains in turn, by one session; the times are without any rule.
void what_a_session_uses_next_is_fetched_when_it_uses_what_is_before(void**) {
    Caller caller;
    bwrt::test::Random random(bwrt::test::test_seed());
    for (int i = 0; i < 40; ++i) {  // more than are counted without halving
        for (const std::uint64_t key : {3u, 4u}) {
            caller.use(key, 99);
            caller.now_ns += random.between(kSecond, 5 * kSecond);
        }
    }
    caller.predictor.evicted(4, caller.now_ns);
    caller.now_ns += 1000 * kSecond;
    assert_int_equal(caller.plan().fetches.size(), 0);

    caller.use(3, 99);

    const Round round = caller.plan();
    assert_int_equal(round.fetches.size(), 1);
    assert_true(round.fetches[0].key == 4);
    assert_in_range(round.fetches[0].expected_ns, caller.now_ns + kSecond,
                    caller.now_ns + 5 * kSecond);
    assert_in_range(round.fetches[0].probability_milli, 900, 990);  // by Laplace never sure
    // It is waited for until then, wherever bins of its age end.
    caller.predictor.fetched(4, caller.now_ns);
    caller.now_ns = round.fetches[0].until_ns - 1;
    assert_int_equal(caller.plan().let_go.size(), 0);
    ++caller.now_ns;
    assert_int_equal(caller.plan().let_go.size(), 1);
}

// 3 and then 4 by one session, always a second later; 4 alone comes back no more.
void teach_to_follow(Caller* caller) {
    for (int i = 0; i < 40; ++i) {
        for (const std::uint64_t key : {3u, 4u}) {
            caller->use(key, 99);
            caller->predictor.ended(key, caller->now_ns);
            caller->now_ns += kSecond;
        }
    }
    caller->now_ns += 1000 * kSecond;
    (void)caller->plan();
}

void a_follower_is_expected_until_the_horizon_ends_and_no_longer(void**) {
    for (const std::uint64_t early_ns : {1u, 0u}) {
        Caller caller;
        teach_to_follow(&caller);
        caller.use(3, 99);

        caller.now_ns += PredictionRule{}.horizon_ns - early_ns;
        caller.predictor.evicted(4, caller.now_ns);

        assert_int_equal(caller.plan().fetches.size(), early_ns);
    }
}

// Between two windows what was probable may have ceased to be.
void what_is_not_probable_any_more_is_not_fetched(void**) {
    Caller caller;
    teach_to_follow(&caller);
    caller.predictor.evicted(4, caller.now_ns);
    caller.use(3, 99);

    caller.now_ns += PredictionRule{}.horizon_ns;

    assert_false(caller.predictor.is_behind());  // so nothing else would have noticed
    assert_int_equal(caller.plan().fetches.size(), 0);
}

void a_follower_in_use_is_not_fetched_before_its_use_has_ended(void**) {
    Caller caller({.ends_are_told = true});
    teach_to_follow(&caller);
    caller.use(4, 99);
    caller.predictor.evicted(4, caller.now_ns);

    caller.use(3, 99);

    assert_int_equal(caller.plan().fetches.size(), 0);
    caller.predictor.ended(4, caller.now_ns);
    assert_int_equal(caller.plan().fetches.size(), 1);
}

void what_a_session_uses_later_than_the_horizon_is_not_fetched(void**) {
    Caller caller;
    for (int i = 0; i < 20; ++i) {
        for (const std::uint64_t key : {3u, 4u}) {
            caller.use(key, 99);
            caller.now_ns += 30 * kSecond;
        }
    }
    caller.predictor.evicted(4, caller.now_ns);
    caller.now_ns += 1000 * kSecond;

    caller.use(3, 99);

    assert_int_equal(caller.plan().fetches.size(), 0);
}

void a_session_that_has_changed_its_ways_is_believed(void**) {
    Caller caller;
    for (int i = 0; i < 60; ++i) {
        for (const std::uint64_t key : {std::uint64_t{3}, std::uint64_t{i < 20 ? 4u : 5u}}) {
            caller.use(key, 99);
            caller.now_ns += kSecond;
        }
    }
    for (const std::uint64_t key : {4u, 5u}) caller.predictor.evicted(key, caller.now_ns);
    caller.now_ns += 1000 * kSecond;

    caller.use(3, 99);

    const Round round = caller.plan();
    assert_int_equal(round.fetches.size(), 1);
    assert_true(round.fetches[0].key == 5);
}

void another_session_says_nothing_of_this_ones_followers(void**) {
    for (const std::uint32_t session_count : {1024u, 1u, 0u}) {
        Caller caller({}, {.session_count = session_count});
        for (int i = 0; i < 20; ++i) {
            caller.use(3, 99);
            caller.use(5, 98);
            caller.use(4, 97);
            caller.now_ns += 1000 * kSecond;
        }
        caller.predictor.evicted(5, caller.now_ns);
        caller.use(3, 99);

        assert_int_equal(caller.plan().fetches.size(), 0);
    }
}

void a_chain_keeps_its_past_when_it_grows(void**) {
    Caller caller;
    caller.teach(7);
    const std::uint64_t grown[] = {7, 8, 9};
    caller.predictor.used({.blocks = grown, .bytes = kChainBytes}, caller.now_ns);
    caller.predictor.evicted(9, caller.now_ns);

    assert_int_equal(caller.predictor.chain_count(), 1);
    const Round round = caller.plan();
    assert_int_equal(round.fetches.size(), 1);
    assert_true(round.fetches[0].key == 9);
}

void return_after(Caller* caller, std::uint64_t key, std::uint64_t seconds, int count) {
    for (int i = 0; i < count; ++i) {
        caller->use(key);
        caller->now_ns += seconds * kSecond;
        (void)caller->plan();
    }
    caller->use(key);
}

// One chain always comes back after eight seconds, another one after one.
void a_chain_comes_back_like_others_of_the_mean_of_its_rests(void**) {
    Caller caller;
    return_after(&caller, 1, 8, 200);
    return_after(&caller, 2, 1, 200);

    const auto is_like_the_first = [&](std::uint64_t key) {
        caller.predictor.evicted(key, caller.now_ns);
        const Round round = caller.plan();
        assert_int_equal(round.fetches.size(), 1);
        assert_in_range(round.fetches[0].expected_ns, caller.now_ns + 7 * kSecond,
                        caller.now_ns + 9 * kSecond);
    };
    return_after(&caller, 3, 8, 1);
    is_like_the_first(3);
    // Sixteen seconds, and once, a quarter of the mean of octaves, one.
    return_after(&caller, 4, 16, 20);
    caller.now_ns += kSecond;
    caller.use(4);
    is_like_the_first(4);
}

void a_chain_does_not_rest_before_its_use_has_ended(void**) {
    Caller caller({.ends_are_told = true});
    for (int i = 0; i < 200; ++i, caller.now_ns += 10 * kSecond) {
        caller.use(7);
        caller.now_ns += 5 * kSecond;
        caller.predictor.ended(7, caller.now_ns);
        (void)caller.plan();
    }
    caller.use(7);
    caller.predictor.evicted(7, caller.now_ns);
    caller.now_ns += 5 * kSecond;
    assert_int_equal(caller.plan().fetches.size(), 0);

    caller.predictor.ended(7, caller.now_ns);

    const Round round = caller.plan();
    assert_int_equal(round.fetches.size(), 1);
    assert_in_range(round.fetches[0].expected_ns, caller.now_ns + 9 * kSecond,
                    caller.now_ns + 11 * kSecond);
}

// Returns at any time, or never: the share of wasted ones is kept, or nothing is fetched.
void where_nothing_can_be_foretold_fetching_ends(void**) {
    Caller caller({.wasted_milli_max = 100});
    bwrt::test::Random random(bwrt::test::test_seed());
    std::uint64_t late_fetch_count = 0;
    for (std::uint64_t i = 0; i < 4000; ++i, caller.now_ns += kSecond) {
        const std::uint64_t key = 100 + i % 50;
        if (random.one_in(2)) caller.use(key);
        caller.predictor.evicted(key, caller.now_ns);
        for (const Prediction& fetch : caller.plan().fetches) {
            caller.predictor.fetched(fetch.key, caller.now_ns);
            late_fetch_count += i >= 3000 ? 1 : 0;
        }
    }
    assert_true(caller.predictor.report().wasted.count < 100);
    assert_true(late_fetch_count < 20);
}

void the_share_that_is_wasted_comes_near_the_one_that_the_rule_allows(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    for (const std::uint32_t wasted_milli : {200u, 400u}) {
        Caller caller({.wasted_milli_max = wasted_milli});
        std::map<std::uint64_t, std::uint64_t> due;  // a third soon, the rest at any time
        caller.fetch_max = 64;
        caller.let_go_max = 64;
        for (std::uint64_t step = 0; step < 40'000; ++step, caller.now_ns += kSecond / 4) {
            if (step < 200) due[caller.now_ns] = 1000 + step;
            while (!due.empty() && due.begin()->first <= caller.now_ns) {
                const std::uint64_t key = due.begin()->second;
                due.erase(due.begin());
                caller.use(key);
                caller.predictor.evicted(key, caller.now_ns);
                const std::uint64_t rest_ns = random.one_in(3)
                                                  ? 8 * kSecond + random.below(kSecond)
                                                  : random.between(kSecond, 100 * kSecond);
                due[caller.now_ns + rest_ns + key] = key;
            }
            const Round round = caller.plan();
            for (const Prediction& fetch : round.fetches) {
                caller.predictor.fetched(fetch.key, caller.now_ns);
            }
            for (const std::uint64_t key : round.let_go) {
                caller.predictor.evicted(key, caller.now_ns);
            }
        }
        const PredictionReport report = caller.predictor.report();
        assert_true(report.right.count > 100);
        assert_in_range(report.wasted_milli(), wasted_milli - 60, wasted_milli + 60);
    }
}

// Chains that come back after ten seconds in three of five cases are worth their fetch, until it is
// seen that these are not, whatever else is under way.
void what_is_wasted_is_learnt_from_with_many_fetches_open(void**) {
    Caller caller({.wasted_milli_max = 500});
    caller.fetch_max = 256;
    for (int i = 0; i < 200; ++i) {
        caller.use(7);
        caller.now_ns += (i % 5 < 3 ? 10 : 100) * kSecond;
        (void)caller.plan();
    }
    for (std::uint64_t key = 1000; key < 1200; ++key) {
        caller.use(key);
        caller.predictor.evicted(key, caller.now_ns);
    }
    std::size_t fetch_count = caller.plan().fetches.size();
    assert_int_equal(fetch_count, 200);
    for (std::uint64_t key = 1000; key < 1200; ++key) caller.predictor.fetched(key, caller.now_ns);

    int round_count = 0;
    for (; fetch_count > 0 && round_count < 30; ++round_count) {
        for (std::uint64_t key = 1000; key < 1050; ++key) {
            caller.predictor.evicted(key, caller.now_ns);
            assert_true(caller.predictor.report().open.count >= 150);
        }
        fetch_count = caller.plan().fetches.size();
        for (std::uint64_t key = 1000; key < 1050; ++key) {
            caller.predictor.fetched(key, caller.now_ns);
        }
    }
    assert_in_range(round_count, 2, 29);
}

// The least probability stays where what is nearly sure is above it.
void what_is_nearly_sure_is_fetched_however_much_was_wasted(void**) {
    Caller caller({.wasted_milli_max = 400});
    caller.teach(7);

    for (int i = 0; i < 300; ++i) {
        assert_int_equal(caller.plan().fetches.size(), 1);
        caller.predictor.fetched(7, caller.now_ns);
        caller.predictor.evicted(7, caller.now_ns);
    }
    assert_int_equal(caller.predictor.report().wasted.count, 300);
}

void too_many_chains_push_out_the_one_used_longest_ago(void**) {
    Caller caller({}, {.chain_count = 4, .session_count = 1});
    for (std::uint64_t key = 1; key <= 1000; ++key) caller.use(key, key);
    assert_int_equal(caller.predictor.chain_count(), 4);
    assert_true(caller.predictor.report().return_count == 0);

    caller.use(997);
    assert_true(caller.predictor.report().return_count == 1);
    caller.use(996);
    assert_true(caller.predictor.report().return_count == 1);
    caller.use(998);  // it was the oldest, 996 has its place now
    assert_true(caller.predictor.report().return_count == 1);
}

void a_fetch_of_a_chain_that_was_forgotten_is_wasted(void**) {
    Caller caller({}, {.chain_count = 4});
    caller.teach(7);
    (void)caller.plan();
    for (std::uint64_t key = 10; key < 20; ++key) caller.use(key);

    caller.predictor.fetched(7, caller.now_ns);

    assert_int_equal(caller.predictor.report().wasted.count, 1);
    assert_true(caller.predictor.held_bytes() == 0 && adds_up(caller.predictor.report()));
}

// How each fetch ended, as its caller sees it.
class Ledger {
 public:
    void used(std::uint64_t key) {
        const auto at = open_.find(key);
        if (at == open_.end()) return;
        (at->second.is_near ? right : late).add(at->second.bytes);
        open_.erase(at);
    }
    void evicted(std::uint64_t key) {
        const auto at = open_.find(key);
        if (at == open_.end() || !at->second.is_near) return;
        wasted.add(at->second.bytes);
        open_.erase(at);
    }
    void extended(std::uint64_t key) {
        const auto at = open_.find(key);
        if (at == open_.end()) return;
        wasted.add(at->second.bytes);
        open_.erase(at);
    }
    void fetched(std::uint64_t key) {
        const auto at = open_.find(key);
        if (at != open_.end()) at->second.is_near = true;
    }
    void failed_at(std::uint64_t key) {
        const auto at = open_.find(key);
        if (at == open_.end() || at->second.is_near) return;
        failed.add(at->second.bytes);
        open_.erase(at);
    }
    // Whether it was not open.
    bool ordered_at(std::uint64_t key, std::uint64_t bytes) {
        ordered.add(bytes);
        return open_.insert({key, {bytes, false, true}}).second;
    }
    bool let_go(std::uint64_t key) {
        const auto at = open_.find(key);
        if (at == open_.end() || !at->second.is_near || !at->second.is_held) return false;
        at->second.is_held = false;
        return true;
    }
    [[nodiscard]] std::uint64_t held_bytes() const {
        std::uint64_t bytes = 0;
        for (const auto& [key, item] : open_) bytes += item.is_held ? item.bytes : 0;
        return bytes;
    }
    [[nodiscard]] std::uint64_t open_count() const { return open_.size(); }
    [[nodiscard]] bool waits_for(std::uint64_t key) const {
        const auto at = open_.find(key);
        return at != open_.end() && at->second.is_held;
    }

    PredictionSum ordered, right, late, wasted, failed;

 private:
    struct Item {
        std::uint64_t bytes;
        bool is_near;
        bool is_held;
    };
    std::map<std::uint64_t, Item> open_;
};

bool is_equal(const PredictionSum& left, const PredictionSum& right) {
    return left.count == right.count && left.bytes == right.bytes;
}

bool agrees(const PredictionReport& report, const Ledger& ledger, std::uint64_t held_bytes) {
    return is_equal(report.ordered, ledger.ordered) && is_equal(report.right, ledger.right) &&
           is_equal(report.late, ledger.late) && is_equal(report.wasted, ledger.wasted) &&
           is_equal(report.failed, ledger.failed) && report.open.count == ledger.open_count() &&
           held_bytes == ledger.held_bytes() && adds_up(report);
}

// Some chains come back after a time of their own, by sessions that go from one to the next, and
// everything else happens at random.
void random_calls_give_the_same_twice_and_the_sums_of_a_ledger(void**) {
    constexpr std::uint64_t kHeldMax = 5 * kChainBytes;
    bwrt::test::Random random(bwrt::test::test_seed());
    const PredictionRule rule{.wasted_milli_max = 500, .held_bytes_max = kHeldMax};
    Caller callers[] = {Caller(rule, {.chain_count = 64}), Caller(rule, {.chain_count = 64})};
    Ledger ledger;
    int wrong_count = 0;
    for (std::uint32_t step = bwrt::test::share_of(60'000); step > 0; --step) {
        const std::uint64_t key = 1 + random.below(40);
        const std::uint64_t what = random.below(8), pause_ns = random.below(kSecond / 2);
        const std::uint64_t bytes_max = random.below(6 * kChainBytes);
        const std::uint64_t missing = random.below(2 * kChainBytes);
        const bool is_told = random.one_in(4);
        const bool adds = what == 3 && !is_told && random.one_in(8);
        Round rounds[2];
        for (int i = 0; i < 2; ++i) {
            Caller& caller = callers[i];
            caller.now_ns += pause_ns;
            caller.missing = missing;
            caller.fetch_max = 1 + step % 3;
            caller.let_go_max = step % 3;
            if (what < 2) caller.use(key, 1 + key % 5);
            if (what == 2) caller.predictor.evicted(key, caller.now_ns);
            if (what == 3 && is_told) caller.predictor.failed(key, caller.now_ns);
            if (what == 4) caller.predictor.fetched(key, caller.now_ns);
            if (adds) {
                caller.predictor.extended({.blocks = {&key, 1}, .bytes = 1}, caller.now_ns);
            }
            if (what > 4) rounds[i] = caller.plan(bytes_max);
        }
        if (what < 2) ledger.used(key);
        if (what == 2) ledger.evicted(key);
        if (what == 3 && is_told) ledger.failed_at(key);
        if (what == 4) ledger.fetched(key);
        if (adds) ledger.extended(key);
        std::uint64_t sum_bytes = 0;
        wrong_count += rounds[0].fetches.size() != rounds[1].fetches.size();
        wrong_count += rounds[0].let_go != rounds[1].let_go;
        for (const std::uint64_t head : rounds[0].let_go) wrong_count += !ledger.let_go(head);
        for (std::size_t k = 0; k < rounds[0].fetches.size(); ++k) {
            const Prediction& fetch = rounds[0].fetches[k];
            const Prediction& again = rounds[1].fetches[k];
            sum_bytes += fetch.bytes;
            wrong_count += !ledger.ordered_at(fetch.key, fetch.bytes);
            wrong_count += fetch.key != again.key || fetch.expected_ns != again.expected_ns ||
                           fetch.probability_milli != again.probability_milli;
            wrong_count += fetch.expected_ns < callers[0].now_ns;
        }
        wrong_count += callers[0].predictor.waits_for(key) != ledger.waits_for(key);
        wrong_count += sum_bytes > bytes_max || ledger.held_bytes() > kHeldMax;
        wrong_count +=
            !agrees(callers[0].predictor.report(), ledger, callers[0].predictor.held_bytes());
    }
    assert_int_equal(wrong_count, 0);
    assert_true(ledger.right.count > 0 && ledger.late.count > 0 && ledger.wasted.count > 0);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(no_chains_or_too_many_are_refused),
        cmocka_unit_test(what_comes_back_after_ten_seconds_is_there_before),
        cmocka_unit_test(what_is_near_or_on_its_way_is_not_ordered_again),
        cmocka_unit_test(what_is_there_after_all_is_not_fetched),
        cmocka_unit_test(what_was_just_used_is_there),
        cmocka_unit_test(a_use_before_the_arrival_is_late),
        cmocka_unit_test(what_did_not_come_is_let_go_once_and_wasted_when_it_is_dropped),
        cmocka_unit_test(what_was_let_go_and_is_used_all_the_same_was_right),
        cmocka_unit_test(a_fetch_that_failed_is_not_tried_again_at_once),
        cmocka_unit_test(no_limit_is_exceeded),
        cmocka_unit_test(a_tenant_without_credit_waits),
        cmocka_unit_test(what_a_use_has_added_is_its_head_and_no_return),
        cmocka_unit_test(what_was_fetched_and_only_added_to_is_wasted),
        cmocka_unit_test(only_what_is_gone_or_near_is_looked_at_by_the_clock),
        cmocka_unit_test(nothing_is_fetched_before_all_is_looked_at),
        cmocka_unit_test(what_a_session_uses_next_is_fetched_when_it_uses_what_is_before),
        cmocka_unit_test(what_a_session_uses_later_than_the_horizon_is_not_fetched),
        cmocka_unit_test(a_follower_is_expected_until_the_horizon_ends_and_no_longer),
        cmocka_unit_test(what_is_not_probable_any_more_is_not_fetched),
        cmocka_unit_test(a_follower_in_use_is_not_fetched_before_its_use_has_ended),
        cmocka_unit_test(a_session_that_has_changed_its_ways_is_believed),
        cmocka_unit_test(another_session_says_nothing_of_this_ones_followers),
        cmocka_unit_test(a_chain_keeps_its_past_when_it_grows),
        cmocka_unit_test(a_chain_comes_back_like_others_of_the_mean_of_its_rests),
        cmocka_unit_test(a_chain_does_not_rest_before_its_use_has_ended),
        cmocka_unit_test(where_nothing_can_be_foretold_fetching_ends),
        cmocka_unit_test(the_share_that_is_wasted_comes_near_the_one_that_the_rule_allows),
        cmocka_unit_test(what_is_wasted_is_learnt_from_with_many_fetches_open),
        cmocka_unit_test(what_is_nearly_sure_is_fetched_however_much_was_wasted),
        cmocka_unit_test(too_many_chains_push_out_the_one_used_longest_ago),
        cmocka_unit_test(a_fetch_of_a_chain_that_was_forgotten_is_wasted),
        cmocka_unit_test(random_calls_give_the_same_twice_and_the_sums_of_a_ledger),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
