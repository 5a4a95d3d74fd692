// SPDX-License-Identifier: Apache-2.0
//
// test_trace_generate.cpp — traces drawn at random: the same seed gives the same bytes, and for
// several seeds the figures are near those of the trace that is imitated, or what the kind's
// definition says.  The ranges are what these seeds had with some room.

#include <algorithm>
#include <set>
#include <string>

#include "tests/support/cmocka.h"
#include "tools/replay/draw.h"
#include "tools/replay/generate.h"
#include "tools/replay/published.h"
#include "tools/replay/statistics.h"
#include "tools/replay/trace_write.h"

namespace {

using namespace bwrt::replay;

Trace drawn(const GenerateOptions& options) {
    Trace trace;
    const TraceError error = generate_trace(options, {}, trace);
    if (error) fail_msg("%s", error.text().c_str());
    assert_int_equal(trace.tolerated().late_count, 0);
    assert_int_equal(trace.tolerated().misfit_count, 0);
    return trace;
}

// FNV-1a of the lines, of which each is told.
std::uint64_t hash_of(const Trace& trace) {
    std::uint64_t hash = 0xCBF2'9CE4'8422'2325u;
    std::string text;
    for (std::size_t i = 0; i < trace.request_count(); ++i) {
        text.clear();
        append_line(trace, i, text);
        for (const char byte : text) {
            hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100'0000'01B3u;
        }
    }
    return hash;
}

void within(const char* what, double value, double least, double most) {
    if (value < least || value > most) fail_msg("%s is %f", what, value);
}

void the_same_seed_gives_the_same_bytes_everywhere(void**) {
    constexpr std::uint64_t kHashes[] = {0x39DB'5FDA'23F9'7202, 0xD8DD'21C5'4F55'C325,
                                         0xE10A'62C1'4AFB'641D, 0xAA50'13BA'F734'D41F,
                                         0xA200'DF08'498F'2D52};
    for (std::uint32_t kind = 0; kind < kTraceKindNames.size(); ++kind) {
        const Trace trace = drawn({.kind = static_cast<TraceKind>(kind), .seed = 7, .seconds = 60});
        const std::uint64_t hash = hash_of(trace);
        if (hash != kHashes[kind]) {
            fail_msg("%s: 0x%016llX", kTraceKindNames[kind], static_cast<unsigned long long>(hash));
        }
    }
}

void another_seed_gives_another_trace(void**) {
    for (std::uint32_t kind = 0; kind < kTraceKindNames.size(); ++kind) {
        std::set<std::uint64_t> hashes;
        for (std::uint64_t seed = 0; seed < 4; ++seed) {
            hashes.insert(hash_of(
                drawn({.kind = static_cast<TraceKind>(kind), .seed = seed, .seconds = 30})));
        }
        assert_int_equal(hashes.size(), 4);
    }
}

void rate_length_and_block_size_are_as_asked_for(void**) {
    for (std::uint32_t kind = 0; kind < kTraceKindNames.size(); ++kind) {
        const Trace trace = drawn({.kind = static_cast<TraceKind>(kind),
                                   .seconds = 300,
                                   .rate_milli = 20'000,
                                   .block_tokens = 128});
        assert_int_equal(trace.block_tokens(), 128);
        within("its rate", static_cast<double>(trace.request_count()) / 300, 14, 26);
        assert_true(trace.duration_us() <= 300'000'000);
        assert_true(trace.duration_us() >= 280'000'000);
    }
}

void chat_is_like_the_conversations_of_mooncake(void**) {
    for (const std::uint32_t seed : {1u, 2u, 3u, 4u, 5u}) {
        const TraceStatistics it =
            count_statistics(drawn({.kind = TraceKind::kChat, .seed = seed, .seconds = 3537}));
        const TraceStatistics& real = published_trace(TraceKind::kChat)->statistics;
        const auto near = [](const char* what, double value, double expected, double share) {
            within(what, value, expected * (1 - share), expected * (1 + share));
        };
        near("requests", static_cast<double>(it.request_count), 12'031, 0.05);
        near("references a block",
             static_cast<double>(it.reference_count) / static_cast<double>(it.block_count), 1.58,
             0.08);
        within("hit ceiling", it.hit_ceiling - real.hit_ceiling, -0.03, 0.04);
        within("never again", it.never_again_share - real.never_again_share, -0.09, 0.02);
        near("input mean", it.input_tokens.mean, real.input_tokens.mean, 0.10);
        near("input p50", it.input_tokens.p50, real.input_tokens.p50, 0.10);
        near("input p90", it.input_tokens.p90, real.input_tokens.p90, 0.12);
        near("input p99", it.input_tokens.p99, real.input_tokens.p99, 0.12);
        near("output mean", it.output_tokens.mean, real.output_tokens.mean, 0.05);
        near("output p50", it.output_tokens.p50, real.output_tokens.p50, 0.05);
        near("output p99", it.output_tokens.p99, real.output_tokens.p99, 0.08);
        within("few hits", it.few_hits_share - real.few_hits_share, -0.02, 0.06);
        near("reuse p50", it.reuse_s.p50, real.reuse_s.p50, 0.2);
        near("reuse p90", it.reuse_s.p90, real.reuse_s.p90, 0.3);
        near("reuse p99", it.reuse_s.p99, real.reuse_s.p99, 0.3);
        near("stack distance p50", it.stack_share.p50, real.stack_share.p50, 0.25);
        near("stack distance p90", it.stack_share.p90, real.stack_share.p90, 0.25);
        near("runs", it.runs_per_prefix, real.runs_per_prefix, 0.2);
        near("live blocks", it.live_mean, real.live_mean, 0.2);
        near("15 minutes", it.working_set[2], real.working_set[2], 0.1);
    }
}

void agents_are_like_recorded_coding_agents(void**) {
    for (const std::uint32_t seed : {1u, 2u, 3u}) {
        const TraceStatistics it =
            count_statistics(drawn({.kind = TraceKind::kAgent, .seed = seed, .seconds = 7192}));
        const TraceStatistics& real = published_trace(TraceKind::kAgent)->statistics;
        const auto near = [](const char* what, double value, double expected, double share) {
            within(what, value, expected * (1 - share), expected * (1 + share));
        };
        near("requests", static_cast<double>(it.request_count), 20'784, 0.15);
        near("references a block",
             static_cast<double>(it.reference_count) / static_cast<double>(it.block_count), 24.75,
             0.15);
        within("hit ceiling", it.hit_ceiling - real.hit_ceiling, -0.01, 0.01);
        within("never again", it.never_again_share - real.never_again_share, -0.03, 0.04);
        near("input mean", it.input_tokens.mean, real.input_tokens.mean, 0.12);
        near("input p50", it.input_tokens.p50, real.input_tokens.p50, 0.18);
        near("input p90", it.input_tokens.p90, real.input_tokens.p90, 0.1);
        near("input p99", it.input_tokens.p99, real.input_tokens.p99, 0.2);
        near("output p50", it.output_tokens.p50, real.output_tokens.p50, 0.05);
        within("shared", it.shared_share.mean - real.shared_share.mean, -0.02, 0.02);
        within("few hits", it.few_hits_share, 0, 0.005);
        near("blocks hit", it.hit_blocks.p50, real.hit_blocks.p50, 0.2);
        near("reuse p50", it.reuse_s.p50, real.reuse_s.p50, 0.25);
        near("reuse p90", it.reuse_s.p90, real.reuse_s.p90, 0.15);
        near("reuse p99", it.reuse_s.p99, real.reuse_s.p99, 0.4);
        near("runs", it.runs_per_prefix, real.runs_per_prefix, 0.3);
        near("live blocks", it.live_mean, real.live_mean, 0.25);
        near("15 minutes", it.working_set[2], real.working_set[2], 0.25);
    }
}

void a_rollout_asks_for_each_prompt_sixteen_times_at_once(void**) {
    for (const std::uint32_t seed : {1u, 2u, 3u}) {
        const Trace trace = drawn({.kind = TraceKind::kRollout, .seed = seed, .seconds = 600});
        for (std::size_t i = 0; i + 1 < trace.request_count(); ++i) {
            const TraceRequest& one = trace.request(i);
            const TraceRequest& next = trace.request(i + 1);
            assert_int_equal(one.session, i / 16 + 1);
            if (one.session != next.session) continue;
            assert_int_equal(next.block_count, one.block_count);
            assert_int_equal(next.input_tokens, one.input_tokens);
            assert_int_equal(trace.blocks_of(i)[0], trace.blocks_of(i + 1)[0]);
            assert_true(next.arrival_us - one.arrival_us <= 2000);
        }
        const TraceStatistics it = count_statistics(trace);
        within("references a block", 1 / (1 - it.hit_ceiling), 15.5, 16);
        within("reuse p99", it.reuse_s.p99, 0, 0.002);
    }
}

void an_evaluation_has_its_subjects_examples_before_each_question(void**) {
    for (const std::uint32_t seed : {1u, 2u, 3u}) {
        const Trace trace = drawn({.kind = TraceKind::kEval, .seed = seed, .seconds = 1200});
        std::set<std::uint32_t> roots;
        for (std::size_t i = 0; i < trace.request_count(); ++i) {
            roots.insert(trace.blocks_of(i)[0]);
            // A hundred questions of a subject, each with a block of its own at least.
            assert_int_equal(trace.blocks_of(i)[0], trace.blocks_of(i / 100 * 100)[0]);
            assert_true(trace.full_count(i) + 1u >= trace.request(i).block_count);
        }
        assert_int_equal(roots.size(), 57);
        const TraceStatistics it = count_statistics(trace);
        within("hit ceiling", it.hit_ceiling, 0.82, 0.92);
        within("never again", it.never_again_share, 0.9, 1);
        within("runs", it.runs_per_prefix, 1, 1.1);
    }
}

void tenants_ask_at_skewed_rates_share_nothing_and_have_quotas(void**) {
    for (const std::uint32_t seed : {1u, 2u, 3u}) {
        const Trace trace = drawn({.kind = TraceKind::kTenants, .seed = seed, .seconds = 3600});
        const TraceStatistics it = count_statistics(trace);
        assert_int_equal(trace.tenants().size(), kTenantCount + 1);
        assert_int_equal(it.tenants[0].request_count, 0);
        for (std::uint32_t k = 1; k <= kTenantCount; ++k) {
            assert_int_equal(trace.tenants()[k].quota_milli, 125);
            const double share = static_cast<double>(it.tenants[k].request_count) /
                                 static_cast<double>(it.request_count);
            const double expected = 1 / (2.717857 * k);
            within("a tenant's share", share / expected, 0.3, 2);
        }
        std::vector<std::uint32_t> owner(trace.block_count());
        for (std::size_t i = 0; i < trace.request_count(); ++i) {
            for (const std::uint32_t block : trace.blocks_of(i)) {
                if (owner[block] == 0) owner[block] = trace.request(i).tenant;
                assert_int_equal(owner[block], trace.request(i).tenant);
            }
        }
    }
}

void a_trace_beyond_its_limits_is_not_drawn(void**) {
    Trace trace = drawn({.kind = TraceKind::kChat, .seconds = 10});
    const std::size_t count = trace.request_count();
    const TraceError error =
        generate_trace({.kind = TraceKind::kAgent}, {.reference_count_max = 1000}, trace);
    assert_string_equal(error.text().c_str(), "hash_ids: the trace has more than 1000 ids");
    assert_int_equal(trace.request_count(), count);
}

// Before the first request is drawn, those that go before the trace among them.
void a_rate_that_no_memory_holds_is_refused_at_once(void**) {
    Trace trace;
    const TraceError agents = generate_trace(
        {.kind = TraceKind::kAgent, .seconds = 1, .rate_milli = 100'000'000}, {}, trace);
    assert_string_equal(agents.text().c_str(),
                        "--rate: 100000 requests a second are more than 16777216 in 1 s and the "
                        "7200 s before them");
    const TraceError eval = generate_trace(
        {.kind = TraceKind::kEval, .seconds = 200, .rate_milli = 100'000'000}, {}, trace);
    assert_string_equal(eval.text().c_str(),
                        "--rate: 100000 requests a second are more than 16777216 in 200 s");
    assert_int_equal(trace.request_count(), 0);
}

void times_between_events_are_exponential(void**) {
    Draw draw(1);
    constexpr int kCount = 200'000;
    constexpr std::uint64_t kMean = 1'000'000;
    double sum = 0, squares = 0;
    int above = 0;
    for (int i = 0; i < kCount; ++i) {
        const auto value = static_cast<double>(draw.exponential(kMean));
        sum += value;
        squares += value * value;
        above += value > 3 * static_cast<double>(kMean) ? 1 : 0;
    }
    within("the mean", sum / kCount / 1e6, 0.99, 1.01);
    within("the square's mean", squares / kCount / 1e12, 1.95, 2.05);
    within("what is above three means", static_cast<double>(above) / kCount, 0.048, 0.0515);
}

void a_table_of_quantiles_is_drawn_from_as_it_says(void**) {
    constexpr Quantiles kTable = {{1, 2, 10, 20, 100, 200, 300, 1000, 2000, 4000, 5000}};
    Draw draw(2);
    std::vector<std::uint32_t> values;
    for (int i = 0; i < 100'000; ++i) values.push_back(draw.from(kTable));
    std::sort(values.begin(), values.end());
    assert_true(values.front() >= 1);
    assert_true(values.back() <= 5000);
    within("p25", values[25'000], 19, 21);
    within("p50", values[50'000], 97, 103);
    within("p90", values[90'000], 295, 320);
    within("p99", values[99'000], 1900, 2100);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_bytes_everywhere),
        cmocka_unit_test(another_seed_gives_another_trace),
        cmocka_unit_test(rate_length_and_block_size_are_as_asked_for),
        cmocka_unit_test(chat_is_like_the_conversations_of_mooncake),
        cmocka_unit_test(agents_are_like_recorded_coding_agents),
        cmocka_unit_test(a_rollout_asks_for_each_prompt_sixteen_times_at_once),
        cmocka_unit_test(an_evaluation_has_its_subjects_examples_before_each_question),
        cmocka_unit_test(tenants_ask_at_skewed_rates_share_nothing_and_have_quotas),
        cmocka_unit_test(a_trace_beyond_its_limits_is_not_drawn),
        cmocka_unit_test(a_rate_that_no_memory_holds_is_refused_at_once),
        cmocka_unit_test(times_between_events_are_exponential),
        cmocka_unit_test(a_table_of_quantiles_is_drawn_from_as_it_says),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
