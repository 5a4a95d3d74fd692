// SPDX-License-Identifier: Apache-2.0
//
// test_miss_curve.cpp — the hit rates of all capacities at once, held against leaf-LRU in its
// plainest form at each capacity alone, and what is advised by them.

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/support/random.h"
#include "tools/replay/advice.h"
#include "tools/replay/miss_curve.h"
#include "tools/replay/trace_read.h"

// last, since it defines names that others use
#include "tests/support/cmocka.h"

namespace {

using namespace bwrt::replay;

using Prompts = std::vector<std::vector<std::uint64_t>>;

Trace trace_of(const Prompts& prompts) {
    TraceBuilder builder;
    std::uint64_t at_us = 0;
    for (const std::vector<std::uint64_t>& ids : prompts) {
        TraceRequest request;
        request.arrival_us = at_us += 1'000'000;
        request.input_tokens = static_cast<std::uint32_t>(512 * ids.size());
        const TraceError error = builder.add(request, ids);
        assert_string_equal(error.sentence.c_str(), "");
    }
    Trace trace;
    assert_false(static_cast<bool>(builder.finish(512, trace)));
    return trace;
}

// Prompts that share their beginnings, some longer than a small tier; of most blocks more than two
// uses, so that the curve's slots run out.
Prompts random_prompts(bwrt::test::Random& random) {
    Prompts prompts;
    std::uint64_t next = 1;
    for (int i = 0; i < 300; ++i) {
        std::vector<std::uint64_t> ids;
        if (!prompts.empty() && !random.one_in(4)) {
            ids = prompts[random.below(prompts.size())];
            ids.resize(random.between(ids.size() / 2, ids.size()));
        }
        const std::uint64_t more = random.one_in(3) ? random.below(6) : 0;
        for (std::uint64_t k = 0; k < more || ids.empty(); ++k) ids.push_back(next++);
        prompts.push_back(ids);
    }
    return prompts;
}

// Of the resident blocks without a resident child that the running request does not ask for, the
// one that was used longest ago goes; where none can, the rest of the request is not kept.
class LeafLru {
 public:
    LeafLru(const Trace& trace, std::uint32_t capacity)
        : trace_(trace), capacity_(capacity), used_(trace.block_count(), 0) {}

    std::uint64_t hits() {
        std::uint64_t count = 0;
        for (std::size_t i = 0; i < trace_.request_count(); ++i) count += ask(i);
        return count;
    }

 private:
    std::uint32_t ask(std::size_t request) {
        const auto blocks = trace_.blocks_of(request);
        std::uint32_t leading = 0;
        while (leading < blocks.size() && used_[blocks[leading]] != 0) ++leading;
        const std::uint64_t now = request + 2;
        for (std::uint32_t i = 0; i < leading; ++i) used_[blocks[i]] = now;
        for (std::size_t i = leading; i < blocks.size(); ++i) {
            if (resident() >= capacity_ && !evict(now)) break;
            used_[blocks[i]] = now;
        }
        return leading;
    }
    std::size_t resident() const {
        return used_.size() - static_cast<std::size_t>(std::count(used_.begin(), used_.end(), 0u));
    }
    bool evict(std::uint64_t now) {
        std::vector<bool> has_child(used_.size());
        for (std::uint32_t block = 0; block < used_.size(); ++block) {
            if (used_[block] != 0 && trace_.parent(block) != Trace::kNoBlock) {
                has_child[trace_.parent(block)] = true;
            }
        }
        std::uint32_t oldest = Trace::kNoBlock;
        for (std::uint32_t block = 0; block < used_.size(); ++block) {
            if (used_[block] == 0 || has_child[block] || used_[block] == now) continue;
            if (oldest == Trace::kNoBlock || used_[block] < used_[oldest]) oldest = block;
        }
        if (oldest == Trace::kNoBlock) return false;
        used_[oldest] = 0;
        return true;
    }

    const Trace& trace_;
    std::uint32_t capacity_;
    std::vector<std::uint64_t> used_;  // when; 0: it is not there
};

void hits_at_each_capacity_are_those_of_leaf_lru(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    for (std::uint32_t round = 0; round < bwrt::test::share_of(10); ++round) {
        const Trace trace = trace_of(random_prompts(random));
        const MissCurve curve(trace, trace.request_count());
        assert_int_equal(curve.block_count(), trace.block_count());
        assert_int_equal(curve.hit_count(0), 0);
        for (std::uint32_t n = 1; n <= trace.block_count(); n += 1 + n / 8) {
            assert_int_equal(curve.hit_count(n), LeafLru(trace, n).hits());
        }
    }
}

void what_is_asked_for_again_is_the_ceiling(void**) {
    const Trace trace = trace_of({{1, 2, 3}, {1, 2, 4}, {1}, {9}});
    const MissCurve curve(trace, 4);
    assert_int_equal(curve.reference_count(), 8);
    assert_int_equal(curve.block_count(), 5);
    assert_int_equal(curve.single_count(), 3);  // 3, 4 and 9
    assert_int_equal(curve.hit_count(5), 3);
    assert_int_equal(curve.hit_count(1'000'000), 3);
    assert_int_equal(curve.hit_count(1), 2);  // block 1 alone
    assert_int_equal(curve.capacity_for(2), 1);
    assert_int_equal(curve.capacity_for(3), 2);
}

void requests_that_were_not_served_do_not_count(void**) {
    const Trace trace = trace_of({{1, 2}, {1, 2}, {1, 2}});
    assert_int_equal(MissCurve(trace, 2).hit_count(2), 2);
    assert_int_equal(MissCurve(trace, 2).reference_count(), 4);
    assert_true(MissCurve(trace, 0).hit_percent(2) == 0);
}

// Printed beside the traces: per cent at 1, 5, 10, 25, 50 and 100 % of the different blocks.
void recorded_traces_have_the_published_hits(void**) {
    const char* const folder = std::getenv("BWRT_TRACES");
    if (folder == nullptr) {
        print_message("BWRT_TRACES names no folder of traces\n");
        skip();
    }
    const struct {
        const char* name;
        double percent[6];
    } published[] = {
        {"mooncake_conversation_h1.jsonl.zst", {4.29, 10.37, 19.65, 29.56, 33.59, 34.02}},
        {"cc_dev_b512.jsonl.zst", {8.08, 54.00, 82.88, 94.19, 95.69, 95.96}},
        {"lmcache_agent_b64.jsonl.zst", {14.28, 61.57, 83.27, 89.68, 89.90, 89.90}}};
    constexpr std::uint64_t kShares[] = {1, 5, 10, 25, 50, 100};
    for (const auto& one : published) {
        Trace trace;
        assert_false(
            static_cast<bool>(read_trace(std::string(folder) + "/" + one.name, 0, {}, trace)));
        const MissCurve curve(trace, trace.request_count());
        for (int i = 0; i < 6; ++i) {
            const double percent = curve.hit_percent(trace.block_count() * kShares[i] / 100);
            assert_float_equal(percent, one.percent[i], 0.005);
        }
    }
}

// ---- what is advised

// A replay that had leading hits of so many blocks in memory and on disk.
ReplayResult result_of(const Trace& trace, std::uint32_t host_count, std::uint32_t disk_count) {
    ReplayResult result;
    for (std::size_t i = 0; i < trace.request_count(); ++i) {
        Served& served = result.served.emplace_back();
        served.block_count = trace.request(i).block_count;
        served.first_token_ns = 1'000'000;
    }
    result.served.back().host_count = host_count;
    result.served.back().disk_count = disk_count;
    return result;
}

// Ten prompts of ten blocks, one after the other, three times: LRU has none before it has room for
// all 100, and 200 of 300 then.
Prompts rounds() {
    Prompts prompts;
    for (int round = 0; round < 3; ++round) {
        for (std::uint64_t prompt = 0; prompt < 10; ++prompt) {
            std::vector<std::uint64_t>& ids = prompts.emplace_back();
            for (std::uint64_t k = 0; k < 10; ++k) ids.push_back(10 * prompt + k);
        }
    }
    return prompts;
}

std::string verdict_of(const ReplayResult& result, const Trace& trace, std::uint64_t host_blocks,
                       std::uint64_t disk_blocks) {
    const MissCurve curve(trace, trace.request_count());
    return advice_of({&result, 4'096, 4'096 * host_blocks, 4'096 * disk_blocks, 1}, curve).verdict;
}

bool begins(const std::string& text, const char* with) { return text.rfind(with, 0) == 0; }

void the_tier_is_short_of_which_twice_would_have_more(void**) {
    const Trace trace = trace_of(rounds());
    const ReplayResult nothing = result_of(trace, 0, 0);
    assert_true(begins(verdict_of(nothing, trace, 10, 60), "Disk is short"));
    assert_true(begins(verdict_of(nothing, trace, 60, 10), "Memory is short"));
    assert_true(begins(verdict_of(nothing, trace, 60, 0), "Memory is short"));
    ReplayResult on_disk = result_of(trace, 0, 200);
    on_disk.served.back().loaded_ns = 900'000;  // 3 % of what first tokens wait for
    assert_true(begins(verdict_of(on_disk, trace, 60, 100), "Memory is short"));
    assert_true(begins(verdict_of(on_disk, trace, 10, 100), "No tier is short"));
    const ReplayResult in_memory = result_of(trace, 200, 0);
    assert_true(begins(verdict_of(in_memory, trace, 100, 0), "The tier is not short"));
}

void memory_is_not_short_where_loading_takes_no_time(void**) {
    const Trace trace = trace_of(rounds());
    ReplayResult result = result_of(trace, 0, 200);
    result.served.back().loaded_ns = 200'000;  // of 30 ms
    const std::string verdict = verdict_of(result, trace, 60, 100);
    assert_true(begins(verdict, "No tier is short: more memory would"));
    assert_true(verdict.find("loading takes 0.7 %") != verdict.npos);
    // More of it is short all the same where nothing else has the blocks.
    assert_true(begins(verdict_of(result_of(trace, 0, 0), trace, 60, 0), "Memory is short"));
}

void no_size_is_blamed_for_what_is_missing_at_the_present_one(void**) {
    const Trace trace = trace_of(rounds());
    const std::string verdict = verdict_of(result_of(trace, 0, 100), trace, 10, 100);
    assert_true(begins(verdict, "Less was found than there is room for: 33.3 %"));
    assert_true(verdict.find("finds 66.7 % in the 400.00 KiB") != verdict.npos);
}

void the_room_of_a_tier_is_what_blocks_took_of_it(void**) {
    const Trace trace = trace_of(rounds());
    ReplayResult result = result_of(trace, 0, 0);
    result.samples.resize(3);
    result.samples[1].cache.disk_used_bytes = 4'096 * 60;
    result.samples[2].cache.host_used_bytes = 4'096 * 5;
    const Measured measured = {&result, 4'096, 4'096 * 10, 4'096 * 200, 1};
    assert_int_equal(room_of(measured).disk_bytes, 4'096 * 60);
    assert_int_equal(room_of(measured).host_bytes, 4'096 * 5);
    const std::string verdict = verdict_of(result, trace, 10, 200);
    assert_true(begins(verdict,
                       "Disk is short: with twice the room, --disk 1600k (480.00 KiB of "
                       "it blocks), leaf-LRU finds"));
}

std::string reasons_of(const Measured& measured, const Trace& trace) {
    std::string all;
    for (const std::string& reason :
         advice_of(measured, MissCurve(trace, trace.request_count())).reasons) {
        all += reason + "\n";
    }
    return all;
}

void assert_says(const std::string& text, const char* words, bool does = true) {
    if ((text.find(words) != text.npos) == does) return;
    fail_msg("'%s' is%s in: %s", words, does ? " not" : "", text.c_str());
}

// 40 blocks fill a tier of 200, so 100 want one of 500; 16 MiB and more are told in MiB.
void what_is_enough_is_told_as_an_option_takes_it(void**) {
    const Trace trace = trace_of(rounds());
    ReplayResult result = result_of(trace, 0, 0);
    result.samples.resize(2);
    result.samples[1].cache.disk_used_bytes = 4'096 * 40;
    assert_says(reasons_of({&result, 4'096, 0, 4'096 * 200, 1}, trace),
                "takes --disk 2000k (400.00 KiB of it blocks), room for 100.0 %");
    constexpr std::uint64_t kMiB = 1 << 20;
    result.samples.clear();
    assert_says(reasons_of({&result, kMiB, kMiB * 10, 0, 1}, trace),
                "takes --dram 100m (100.00 MiB of it blocks)");
    assert_says(reasons_of({&result, kMiB, kMiB * 10, kMiB * 130, 1}, trace),
                "takes 100.00 MiB of blocks, room for 100.0 % of the different ones: it is there");
}

// 10 blocks a prompt, of which the first 5 are everybody's.
Prompts beginnings() {
    Prompts prompts;
    for (std::uint64_t prompt = 0; prompt < 9; ++prompt) {
        std::vector<std::uint64_t>& ids = prompts.emplace_back();
        for (std::uint64_t k = 0; k < 10; ++k) ids.push_back(k < 5 ? k : 10 + 10 * prompt + k);
    }
    return prompts;
}

void fewer_writes_are_advised_where_blocks_never_return(void**) {
    const Trace single = trace_of(beginnings()), none = trace_of(rounds());
    ReplayResult result = result_of(single, 0, 5);
    result.cache.disk_written_bytes = 500 << 20;
    result.cache.disk_delivered_bytes = 100 << 20;
    result.cache.disk_read_bytes = 400 << 20;  // to carry it over
    const Measured measured = {&result, 4'096, 4'096 * 10, 4'096 * 100, 1};
    assert_says(reasons_of(measured, single),
                "500.00 MiB were written to disk for 100.00 MiB delivered from it, and 90 % of the "
                "different blocks were never asked for again. --write-touches 2 writes less, and "
                "finds less on disk");
    assert_says(reasons_of(measured, none), "--write-touches", false);
    Measured already = measured;
    already.write_touch_count = 2;
    assert_says(reasons_of(already, single), "--write-touches", false);
    result.cache.disk_delivered_bytes = 200 << 20;
    assert_says(reasons_of(measured, single), "--write-touches", false);
}

void a_replay_behind_its_arrivals_is_told_by_its_speed(void**) {
    const Trace trace = trace_of(rounds());
    ReplayResult result = result_of(trace, 0, 200);
    for (Served& served : result.served) served.begun_ns = served.loaded_ns = 600'000;
    Measured measured = {&result, 4'096, 4'096 * 10, 4'096 * 100, 1, 4};
    assert_says(reasons_of(measured, trace), "did not keep up with its --speed: a lower one");
    for (const double speed : {0.0, 1.0}) {
        measured.speed = speed;
        assert_says(reasons_of(measured, trace), "storing did not keep up with arrivals");
        assert_says(reasons_of(measured, trace), "--speed", false);
    }
}

void reasons_tell_the_numbers_that_they_come_from(void**) {
    const Trace trace = trace_of(rounds());
    ReplayResult result = result_of(trace, 30, 170);
    result.cache.corrupt_count = 3;
    const std::string all = reasons_of({&result, 4'096, 4'096 * 10, 4'096 * 100, 1}, trace);
    for (const char* words : {"3 blocks did not verify", "10.0 % were in memory", "56.7 % on disk",
                              "would have been 66.7 %"}) {
        assert_says(all, words);
    }
}

void of_nothing_nothing_is_said(void**) {
    const Trace trace = trace_of({{1}});
    const ReplayResult result;
    const Advice advice = advice_of({&result, 4'096, 4'096, 0, 1}, MissCurve(trace, 0));
    assert_true(begins(advice.verdict, "Nothing was asked for"));
    assert_true(advice.reasons.empty());
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(hits_at_each_capacity_are_those_of_leaf_lru),
        cmocka_unit_test(what_is_asked_for_again_is_the_ceiling),
        cmocka_unit_test(requests_that_were_not_served_do_not_count),
        cmocka_unit_test(recorded_traces_have_the_published_hits),
        cmocka_unit_test(the_tier_is_short_of_which_twice_would_have_more),
        cmocka_unit_test(memory_is_not_short_where_loading_takes_no_time),
        cmocka_unit_test(no_size_is_blamed_for_what_is_missing_at_the_present_one),
        cmocka_unit_test(the_room_of_a_tier_is_what_blocks_took_of_it),
        cmocka_unit_test(what_is_enough_is_told_as_an_option_takes_it),
        cmocka_unit_test(fewer_writes_are_advised_where_blocks_never_return),
        cmocka_unit_test(a_replay_behind_its_arrivals_is_told_by_its_speed),
        cmocka_unit_test(reasons_tell_the_numbers_that_they_come_from),
        cmocka_unit_test(of_nothing_nothing_is_said),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
