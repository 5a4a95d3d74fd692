// SPDX-License-Identifier: Apache-2.0
//
// test_trace_statistics.cpp — what is counted of a trace: of a small one against figures made by
// hand, of recorded ones against what others counted of them.  The latter are looked for in the
// folder that BWRT_TRACES names.

#include <cmath>
#include <cstdlib>
#include <initializer_list>
#include <string>
#include <vector>

#include "tests/support/cmocka.h"
#include "tools/replay/published.h"
#include "tools/replay/statistics.h"
#include "tools/replay/trace_read.h"

namespace {

using namespace bwrt::replay;

struct Line {
    std::uint64_t second;
    std::uint32_t input_tokens;
    std::vector<std::uint64_t> ids;
    const char* tenant = "";
};

TraceStatistics statistics_of(std::initializer_list<Line> lines) {
    TraceBuilder builder;
    for (const Line& line : lines) {
        TraceRequest request;
        request.arrival_us = line.second * 1'000'000;
        request.input_tokens = line.input_tokens;
        request.output_tokens = 10 * line.input_tokens;
        request.tenant = builder.tenant(line.tenant);
        assert_false(static_cast<bool>(builder.add(request, line.ids)));
    }
    Trace trace;
    assert_false(static_cast<bool>(builder.finish(16, trace)));
    return count_statistics(trace);
}

void near(double value, double expected, double unit = 1e-6) {
    if (std::isnan(expected) || std::fabs(value - expected) <= unit / 2) return;
    fail_msg("%.6f, not %.6f", value, expected);
}

// Blocks a to f get the numbers 0 to 5.
TraceStatistics small() {
    return statistics_of({{0, 40, {'a', 'b', 'c'}},
                          {10, 50, {'a', 'd'}},
                          {30, 10, {'a', 'b', 'c', 'e'}},
                          {70, 20, {'f'}, "x"},
                          {100, 30, {'a', 'd'}, "x"}});
}

void references_and_hits_are_counted(void**) {
    const TraceStatistics it = small();
    assert_int_equal(it.request_count, 5);
    assert_int_equal(it.reference_count, 12);
    assert_int_equal(it.block_count, 6);
    near(it.seconds, 100);
    near(it.hit_ceiling, 0.5);
    near(it.never_again_share, 2.0 / 6);    // e and f
    near(it.hottest_reuse_share, 3.0 / 6);  // a
    near(it.shared_share.mean, (0 + 0.5 + 0.75 + 0 + 1) / 5);
    near(it.shared_share.p50, 0.5);
    near(it.few_hits_share, 3.0 / 5);
    near(it.hit_blocks.p50, 1);
    near(it.hit_blocks.p90, 3);
    near(it.runs_per_prefix, 4.0 / 3);  // a; a b c; a, d
    near(it.blocks_per_run, 6.0 / 4);
}

void lengths_and_times_are_counted(void**) {
    const TraceStatistics it = small();
    near(it.input_tokens.mean, 30);
    near(it.input_tokens.p50, 30);
    near(it.input_tokens.p90, 50);
    near(it.output_tokens.p99, 500);
    near(it.interarrival_s.mean, 25);
    near(it.interarrival_s.p99, 40);
    near(it.interarrival_variation, std::sqrt((225 + 25 + 225 + 25) / 4.0) / 25);
    near(it.reuse_s.mean, (10 + 20 + 30 + 30 + 70 + 90) / 6.0);
    near(it.reuse_s.p50, 30);
    near(it.reuse_s.p99, 90);
}

// Touched last to first: c b a | d a | e c b a | f | d a.
void stack_distances_are_those_of_an_lru(void**) {
    const TraceStatistics it = small();
    // a with d is 2; c with b d a e is 5; b and a are 5 and 4; d and a of the last are 6 and 3.
    near(it.stack_share.p50 * 6, 5);
    near(it.stack_share.p99 * 6, 6);
    near(it.stack_share.mean * 6, (2 + 5 + 5 + 4 + 6 + 3) / 6.0);
}

void live_blocks_are_those_that_are_used_again(void**) {
    const TraceStatistics it = small();
    // a for 100 s, b and c for 30, d from 10 to 100.
    near(it.live_mean, (100 + 30 + 30 + 90) / 100.0);
    assert_int_equal(it.live_peak, 4);
}

void a_working_set_counts_a_block_once_in_each_stretch(void**) {
    const TraceStatistics it = small();
    near(it.working_set[0], 5);  // a b c d e; the second minute is not over
    near(it.working_set[1], 6);
    near(statistics_of({{0, 1, {1, 2}}, {59, 1, {1}}, {61, 1, {1}}, {119, 1, {3}}}).working_set[0],
         2);
}

void tenants_are_counted_apart(void**) {
    const TraceStatistics it = small();
    assert_int_equal(it.tenants.size(), 2);
    assert_int_equal(it.tenants[0].request_count, 3);
    assert_int_equal(it.tenants[0].reference_count, 9);
    assert_int_equal(it.tenants[0].hit_count, 4);
    assert_int_equal(it.tenants[1].request_count, 2);
    assert_int_equal(it.tenants[1].hit_count, 2);
}

// ---- recorded traces

Trace recorded(const char* name) {
    const char* folder = std::getenv("BWRT_TRACES");
    if (folder == nullptr) {
        print_message("BWRT_TRACES names no folder of traces\n");
        skip();
    }
    Trace trace;  // not before, since who skips destroys nothing
    const std::string path = std::string(folder) + "/" + name;
    if (const TraceError error = read_trace(path, 0, {}, trace)) {
        fail_msg("%s: %s", path.c_str(), error.text().c_str());
    }
    assert_int_equal(trace.tolerated().misfit_count, 0);
    assert_int_equal(trace.tolerated().late_count, 0);
    return trace;
}

// To the digits that are published.
void equals(const TraceStatistics& it, const TraceStatistics& published) {
    assert_int_equal(it.request_count, published.request_count);
    assert_int_equal(it.reference_count, published.reference_count);
    assert_int_equal(it.block_count, published.block_count);
    near(it.seconds, published.seconds, 1);
    near(it.hit_ceiling, published.hit_ceiling, 1e-4);
    near(it.never_again_share, published.never_again_share, 1e-3);
    near(it.hottest_reuse_share, published.hottest_reuse_share, 1e-3);
    near(it.input_tokens.mean, published.input_tokens.mean, 2);
    near(it.input_tokens.p50, published.input_tokens.p50);
    near(it.input_tokens.p90, published.input_tokens.p90);
    near(it.input_tokens.p99, published.input_tokens.p99);
    near(it.output_tokens.mean, published.output_tokens.mean, 1);
    near(it.output_tokens.p50, published.output_tokens.p50);
    near(it.output_tokens.p99, published.output_tokens.p99);
    near(it.shared_share.mean, published.shared_share.mean, 1e-3);
    near(it.shared_share.p50, published.shared_share.p50, 1e-3);
    near(it.few_hits_share, published.few_hits_share, 1e-3);
    near(it.hit_blocks.p50, published.hit_blocks.p50);
    near(it.hit_blocks.p90, published.hit_blocks.p90);
    near(it.hit_blocks.p99, published.hit_blocks.p99);
    near(it.runs_per_prefix, published.runs_per_prefix, 0.1);
    near(it.blocks_per_run, published.blocks_per_run, 0.1);
    near(it.interarrival_s.p99, published.interarrival_s.p99, 0.01);
    near(it.interarrival_variation, published.interarrival_variation, 0.1);
    near(it.stack_share.p50, published.stack_share.p50, 1e-3);
    near(it.stack_share.p90, published.stack_share.p90, 1e-3);
    near(it.stack_share.p99, published.stack_share.p99, 1e-3);
    near(it.live_mean, published.live_mean, 1);
    assert_int_equal(it.live_peak, published.live_peak);
    for (std::size_t i = 0; i < 3; ++i) near(it.working_set[i], published.working_set[i], 1);
}

void the_recorded_agents_have_the_figures_that_are_published(void**) {
    const Trace trace = recorded("cc_dev_b512.jsonl.zst");
    const TraceStatistics it = count_statistics(trace);
    equals(it, published_trace(TraceKind::kAgent)->statistics);
    assert_int_equal(it.session_count, 447);
    assert_int_equal(trace.block_tokens(), 512);
    near(it.reuse_s.p50, 15, 1);
    near(it.reuse_s.p90, 101, 1);
    near(it.reuse_s.p99, 913, 1);
}

void the_recorded_small_agents_have_the_figures_that_are_published(void**) {
    const Trace trace = recorded("lmcache_agent_b64.jsonl.zst");
    TraceStatistics published;
    published.request_count = 1370;
    published.reference_count = 61'828;
    published.block_count = 6243;
    published.seconds = 1774;
    published.hit_ceiling = 0.8990;
    published.never_again_share = 0.257;
    published.hottest_reuse_share = 0.047;
    published.input_tokens = {2920, 1363, 7143, 28'295};
    published.output_tokens = {374, 181, 459, 9872};
    published.interarrival_s.p99 = 10.9;
    published.interarrival_variation = 6.7;
    published.shared_share = {0.860, 1, 1, 1};
    published.few_hits_share = 0.106;
    published.hit_blocks = {0, 18, 105, 414};
    published.runs_per_prefix = 3.1;
    published.blocks_per_run = 13.7;
    published.stack_share = {0, 0.050, 0.099, 0.160};
    published.live_mean = 190;
    published.live_peak = 898;
    published.working_set = {373, 1238, 3146};
    const TraceStatistics it = count_statistics(trace);
    equals(it, published);
    assert_int_equal(trace.block_tokens(), 64);
    near(it.reuse_s.p50, 1.4, 0.1);
    near(it.reuse_s.p90, 12, 1);
    near(it.reuse_s.p99, 95, 1);
}

void half_an_hour_of_recorded_chat_has_the_figures_that_are_published(void**) {
    const Trace trace = recorded("mooncake_conversation_h1.jsonl.zst");
    const TraceStatistics it = count_statistics(trace);
    assert_int_equal(it.request_count, 5606);
    assert_int_equal(it.block_count, 95'189);
    assert_int_equal(it.reference_count, 144'280);
    near(it.seconds, 1770, 2);
    near(it.hit_ceiling, 0.3402, 1e-4);
    assert_int_equal(trace.block_tokens(), 512);
    assert_int_equal(trace.bin_us(), 2'999'000);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(references_and_hits_are_counted),
        cmocka_unit_test(lengths_and_times_are_counted),
        cmocka_unit_test(stack_distances_are_those_of_an_lru),
        cmocka_unit_test(live_blocks_are_those_that_are_used_again),
        cmocka_unit_test(a_working_set_counts_a_block_once_in_each_stretch),
        cmocka_unit_test(tenants_are_counted_apart),
        cmocka_unit_test(the_recorded_agents_have_the_figures_that_are_published),
        cmocka_unit_test(the_recorded_small_agents_have_the_figures_that_are_published),
        cmocka_unit_test(half_an_hour_of_recorded_chat_has_the_figures_that_are_published),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
