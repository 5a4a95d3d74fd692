// SPDX-License-Identifier: Apache-2.0
//
// test_replay_modes.cpp — the same trace through the real runtime and through the one in a modelled
// world: request by request the same hits, and in the end the same bytes and operations.
//
// Both are driven so that how long things take decides nothing: what is being written is waited for
// before the next request, requests are further apart than the steps in which a store tells ages,
// and the disk has room for all.  Not compared is how many requests the writes were merged into:
// that is what had come together when the disk was free.

#include <algorithm>
#include <vector>

#include "tests/store/folder.h"
#include "tests/support/random.h"
#include "tools/replay/replay.h"
#include "tools/replay/runtime_cache.h"

// last, since it defines names that others use
#include "tests/support/cmocka.h"

namespace {

using namespace bwrt::replay;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kApartNs = 70'000'000;  // a store's step is 67 ms
constexpr std::uint32_t kRequestCount = 40;

// Conversations behind one of two system prompts: each turn has what came before it, and more.
Trace drawn_trace(std::uint64_t seed) {
    bwrt::test::Random random(seed);
    std::vector<std::vector<std::uint64_t>> sessions(8);
    TraceBuilder builder;
    std::uint64_t next = 1'000;
    for (std::uint32_t i = 0; i < kRequestCount; ++i) {
        const std::size_t number = random.below(sessions.size());
        std::vector<std::uint64_t>& prompt = sessions[number];
        if (prompt.empty() || prompt.size() > 100) {
            prompt.clear();
            for (std::uint64_t id = 0; id < 20; ++id) prompt.push_back(number % 2 * 100 + id);
        }
        for (std::uint64_t more = 5 + random.below(20); more > 0; --more) prompt.push_back(next++);
        TraceRequest request;
        request.input_tokens = static_cast<std::uint32_t>(prompt.size()) * 16;
        assert_false(static_cast<bool>(builder.add(request, prompt)));
    }
    Trace trace;
    assert_false(static_cast<bool>(builder.finish(16, trace)));
    return trace;
}

ReplayResult replayed(const Trace& trace, RuntimeCacheOptions options, bool is_modelled) {
    options.is_modelled = is_modelled;
    RuntimeCache cache(options, trace);
    ReplayRule rule;
    rule.speed = 0;
    rule.settles = true;
    return replay(trace, rule, cache, [&](const ReplayResult&) {
        cache.sleep_until(cache.now_ns() + kApartNs);  // from the end of the one before
        return true;
    });
}

void assert_same(const ReplayResult& real, const ReplayResult& model) {
    assert_int_equal(real.served.size(), model.served.size());
    for (std::size_t i = 0; i < real.served.size(); ++i) {
        const Served& one = real.served[i];
        const Served& other = model.served[i];
        if (one.host_count != other.host_count || one.disk_count != other.disk_count ||
            one.delivered_count != other.delivered_count) {
            fail_msg("request %zu: %u and %u hits, %u delivered; modelled %u, %u, %u", i,
                     one.host_count, one.disk_count, one.delivered_count, other.host_count,
                     other.disk_count, other.delivered_count);
        }
    }
    assert_int_equal(real.wrong_block_count + model.wrong_block_count, 0);
    assert_int_equal(real.failed_load_count, model.failed_load_count);
    const CacheFigures& a = real.cache;
    const CacheFigures& b = model.cache;
    assert_int_equal(a.host_hit_count, b.host_hit_count);
    assert_int_equal(a.disk_hit_count, b.disk_hit_count);
    assert_int_equal(a.miss_count, b.miss_count);
    assert_int_equal(a.stored_count, b.stored_count);
    assert_int_equal(a.refused_count, b.refused_count);
    assert_int_equal(a.host_evicted_count, b.host_evicted_count);
    assert_int_equal(a.disk_evicted_count, b.disk_evicted_count);
    assert_int_equal(a.disk_read_bytes, b.disk_read_bytes);
    assert_int_equal(a.disk_read_count, b.disk_read_count);
    assert_int_equal(a.disk_piece_count, b.disk_piece_count);
    assert_int_equal(a.disk_written_bytes, b.disk_written_bytes);
}

void both_modes_have_the_same(const RuntimeCacheOptions& options) {
    const Trace trace = drawn_trace(bwrt::test::test_seed());
    const ReplayResult real = replayed(trace, options, false);
    assert_true(real.cache.host_hit_count > 0);
    assert_true(options.disk_bytes == 0 || real.cache.disk_read_count > 0);
    assert_same(real, replayed(trace, options, true));
}

RuntimeCacheOptions options_of(std::uint64_t block_bytes, std::uint64_t host_bytes,
                               std::uint64_t disk_bytes) {
    RuntimeCacheOptions options;
    options.block_bytes = block_bytes;
    options.host_bytes = host_bytes;
    options.disk_bytes = disk_bytes;
    return options;
}

void memory_and_disk_have_the_same_in_both_modes(void**) {
    both_modes_have_the_same(options_of(16'384, 4 * kMiB, 256 * kMiB));
}

void blocks_of_many_chunks_are_the_same_in_both_modes(void**) {
    both_modes_have_the_same(options_of(200'704, 48 * kMiB, 512 * kMiB));
}

void unplanned_loads_are_the_same_in_both_modes(void**) {
    RuntimeCacheOptions options = options_of(16'384, 4 * kMiB, 256 * kMiB);
    options.is_planned = false;
    options.write_touch_count = 2;
    both_modes_have_the_same(options);
}

void memory_alone_has_the_same_in_both_modes(void**) {
    both_modes_have_the_same(options_of(65'536, 16 * kMiB, 0));
}

// With nothing waited for, and requests as close as they come.
void a_modelled_replay_is_the_same_each_time(void**) {
    const Trace trace = drawn_trace(bwrt::test::test_seed());
    RuntimeCacheOptions options = options_of(1'048'576, 32 * kMiB, 128 * kMiB);
    options.is_modelled = true;
    ReplayResult results[2];
    for (ReplayResult& result : results) {
        RuntimeCache cache(options, trace);
        ReplayRule rule;
        rule.speed = 0;
        rule.deadline_ns = 3'000'000;
        rule.prefill.tokens_per_s = 1'000'000;
        result = replay(trace, rule, cache, nullptr);
    }
    assert_same(results[0], results[1]);
    assert_true(results[0].cache.disk_evicted_count + results[0].late_load_count > 0);
    assert_int_equal(results[0].cache_ns, results[1].cache_ns);
    assert_int_equal(results[0].cache.disk_written_count, results[1].cache.disk_written_count);
    for (std::size_t i = 0; i < results[0].served.size(); ++i) {
        assert_int_equal(results[0].served[i].first_token_ns, results[1].served[i].first_token_ns);
    }
}

void a_modelled_year_takes_no_time(void**) {
    TraceBuilder builder;
    const std::vector<std::uint64_t> prompt = {1, 2, 3};
    TraceRequest request;
    request.input_tokens = 48;
    assert_false(static_cast<bool>(builder.add(request, prompt)));
    request.arrival_us = 365ull * 86'400 * 1'000'000;
    assert_false(static_cast<bool>(builder.add(request, prompt)));
    Trace trace;
    assert_false(static_cast<bool>(builder.finish(16, trace)));
    RuntimeCacheOptions options = options_of(16'384, 4 * kMiB, 128 * kMiB);
    options.is_modelled = true;
    RuntimeCache cache(options, trace);
    const ReplayResult result = replay(trace, {}, cache, nullptr);
    assert_int_equal(result.served[1].host_count, 3);
    assert_true(result.cache_ns >= 365ull * 86'400 * 1'000'000'000);
}

}  // namespace

int main() {
    using bwrt::test::enter_folder, bwrt::test::leave_folder;
    const CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(memory_and_disk_have_the_same_in_both_modes, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(blocks_of_many_chunks_are_the_same_in_both_modes,
                                        enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(unplanned_loads_are_the_same_in_both_modes, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(memory_alone_has_the_same_in_both_modes, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(a_modelled_replay_is_the_same_each_time, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(a_modelled_year_takes_no_time, enter_folder, leave_folder),
    };
    return cmocka_run_group_tests_name("replay_modes", tests, nullptr, nullptr);
}
