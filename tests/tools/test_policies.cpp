// SPDX-License-Identifier: Apache-2.0
//
// test_policies.cpp — the policies that `bwrt compare` shows beside bwrt: on traces made by hand;
// on drawn ones against the plainest program that does the same; on recorded ones, looked for in
// the folder that BWRT_TRACES names, against what an independent simulator reached on them.

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "runtime/model/model_storage.h"
#include "tests/support/random.h"
#include "tools/replay/policies/policy_cache.h"
#include "tools/replay/trace_read.h"

// last, since it defines names that others use
#include "tests/support/cmocka.h"

namespace {

using namespace bwrt::replay;

struct Line {
    std::uint64_t second;
    std::vector<std::uint64_t> ids;
};

Trace timed_trace_of(const std::vector<Line>& lines) {
    TraceBuilder builder;
    for (const Line& line : lines) {
        TraceRequest request;
        request.arrival_us = line.second * 1'000'000;
        request.input_tokens = static_cast<std::uint32_t>(line.ids.size()) * 16;
        assert_false(static_cast<bool>(builder.add(request, line.ids)));
    }
    Trace trace;
    assert_false(static_cast<bool>(builder.finish(16, trace)));
    return trace;
}

// A request a second.
Trace trace_of(const std::vector<std::vector<std::uint64_t>>& prompts) {
    std::vector<Line> lines;
    for (const auto& ids : prompts) lines.push_back({lines.size(), ids});
    return timed_trace_of(lines);
}

struct Sums {
    std::uint64_t host = 0, disk = 0;
    CacheFigures figures;
};

PolicyCacheOptions options_of(bool merges = false) {
    PolicyCacheOptions options;
    options.block_bytes = 65'536;
    options.merges = merges;
    return options;
}

Sums sums_of(const Trace& trace, std::unique_ptr<Policy> policy,
             const PolicyCacheOptions& options = options_of()) {
    PolicyCache cache(trace, std::move(policy), options);
    Sums sums;
    for (std::size_t i = 0; i < trace.request_count(); ++i) {
        const auto blocks = trace.blocks_of(i);
        const Located located = cache.look_up(blocks, {});
        assert_int_equal(located.block_count, located.host_count + located.disk_count);
        sums.host += located.host_count;
        sums.disk += located.disk_count;
        if (located.block_count == 0) continue;
        const Loaded loaded = cache.load(blocks.first(located.block_count), {}, 0);
        assert_int_equal(loaded.block_count, located.block_count);
    }
    sums.figures = cache.figures();
    return sums;
}

void equal(const Sums& sums, std::uint64_t host, std::uint64_t disk, std::uint64_t written) {
    if (sums.host == host && sums.disk == disk && sums.figures.stored_count == written) return;
    fail_msg("%llu in memory, %llu on disk, %llu written",
             static_cast<unsigned long long>(sums.host), static_cast<unsigned long long>(sums.disk),
             static_cast<unsigned long long>(sums.figures.stored_count));
}

// ---- by hand

void nothing_is_kept_by_no_policy(void**) {
    const Trace trace = trace_of({{1, 2}, {1, 2}, {1, 2}});
    equal(sums_of(trace, no_policy()), 0, 0, 0);
}

// What is used again moves to the front of an LRU, and not of a FIFO.
void fifo_drops_what_came_first_and_lru_what_was_used_last(void**) {
    const Trace trace = trace_of({{1}, {2}, {1}, {3}, {1}});
    equal(sums_of(trace, fifo_policy(trace, {2, 0})), 1, 0, 0);
    equal(sums_of(trace, lru_policy(trace, {2, 0})), 2, 0, 0);
}

// The last of a request is touched first: 1 is newer than 2 and 3.
void of_a_request_the_root_stays_longest(void**) {
    const Trace trace = trace_of({{1, 2, 3}, {7}, {1, 2, 3}});
    equal(sums_of(trace, lru_policy(trace, {3, 0})), 2, 0, 0);
    equal(sums_of(trace, fifo_policy(trace, {3, 0})), 2, 0, 0);
    equal(sums_of(trace, leaf_lru_policy(trace, {3, 0})), 2, 0, 0);
}

void what_has_left_memory_comes_from_disk_and_is_written_once(void**) {
    const Trace trace = trace_of({{1}, {2}, {3}, {1}, {2}});
    for (const auto make : {fifo_policy, lru_policy, leaf_lru_policy}) {
        const Sums sums = sums_of(trace, make(trace, {1, 3}));
        equal(sums, 0, 2, 3);
        assert_int_equal(sums.figures.disk_read_bytes, 2 * 65'536);
        assert_int_equal(sums.figures.disk_written_bytes, 3 * 65'536);
        assert_int_equal(sums.figures.host_written_bytes, 5 * 65'536);
        assert_int_equal(sums.figures.host_read_bytes, 0);
        assert_int_equal(sums.figures.miss_count, 3);
        assert_true(sums.figures.is_modelled);
    }
}

// Of two blocks memory has one: the root, and 2 is behind it on disk.
void memory_and_disk_are_one_prefix(void**) {
    const Trace trace = trace_of({{1, 2}, {1, 2}});
    equal(sums_of(trace, lru_policy(trace, {1, 2})), 1, 1, 2);
    equal(sums_of(trace, leaf_lru_policy(trace, {1, 2})), 1, 1, 2);
}

// 1, 2 and 3 leave by size: 1 and then 4 are the oldest, but have children.
void leaf_lru_drops_no_block_before_its_children(void**) {
    const Trace trace = trace_of({{1, 2, 3}, {1, 4}, {5}, {1, 4}, {1, 2}});
    equal(sums_of(trace, leaf_lru_policy(trace, {4, 0})), 1 + 2 + 2, 0, 0);
}

void a_request_that_is_larger_than_a_tier_leaves_its_head_there(void**) {
    const Trace trace = trace_of({{1, 2, 3, 4}, {1, 2, 3, 4}});
    equal(sums_of(trace, leaf_lru_policy(trace, {2, 0})), 2, 0, 0);
    equal(sums_of(trace, lru_policy(trace, {2, 0})), 2, 0, 0);
    equal(sums_of(trace, optimum_policy(trace, {2, 0})), 2, 0, 0);
}

void a_time_to_live_ends(void**) {
    // An hour for a first use times 1 + ln(2) / 4, 4,223 s; 4,588 s for a second one.
    const auto uses = [](std::uint64_t later) { return timed_trace_of({{0, {1}}, {later, {1}}}); };
    const Trace within = uses(4'222), behind = uses(4'223);
    equal(sums_of(within, ttl_policy(within, {1, 1})), 0, 1, 1);
    equal(sums_of(behind, ttl_policy(behind, {1, 1})), 0, 0, 2);
    const Trace again = timed_trace_of({{0, {1}}, {1, {1}}, {4'500, {1}}});
    equal(sums_of(again, ttl_policy(again, {0, 1})), 0, 2, 1);
}

// 1 was used twice and lives longer than 2, that was used after it.
void for_want_of_room_what_ends_first_goes(void**) {
    const Trace trace = trace_of({{1}, {1}, {2}, {3}, {1}});
    equal(sums_of(trace, ttl_policy(trace, {0, 2})), 0, 2, 3);
}

void memory_is_for_what_was_used_twice(void**) {
    const Trace trace = trace_of({{1}, {1}, {1}});
    const Sums sums = sums_of(trace, ttl_policy(trace, {1, 1}));
    equal(sums, 1, 1, 1);
    assert_int_equal(sums.figures.host_written_bytes, 65'536);
}

// 9 is needed by nobody, 1 and 2 are; memory has room for one, the nearer.
void the_optimum_keeps_what_is_needed_and_writes_what_memory_has_no_room_for(void**) {
    const Trace trace = trace_of({{1}, {2}, {9}, {1}, {2}});
    equal(sums_of(trace, optimum_policy(trace, {1, 0})), 1, 0, 0);
    equal(sums_of(trace, optimum_policy(trace, {1, 1})), 1, 1, 1);
    equal(sums_of(trace, optimum_policy(trace, {2, 2})), 2, 0, 0);
}

// What goes through it to the disk is not written to memory, and what comes back from there is.
void the_optimum_writes_to_memory_what_it_keeps_there(void**) {
    const Trace once = trace_of({{1}, {2}, {9}, {1}, {2}});
    const Trace twice = trace_of({{1}, {2}, {9}, {1}, {2}, {2}});
    const auto written = [](const Trace& trace, const PolicyRoom& room) {
        return sums_of(trace, optimum_policy(trace, room)).figures.host_written_bytes / 65'536;
    };
    assert_int_equal(written(once, {1, 1}), 1);
    assert_int_equal(written(once, {2, 2}), 2);
    assert_int_equal(written(twice, {1, 1}), 2);
}

void what_is_asked_for_soon_is_seen_to_be(void**) {
    const Trace trace = trace_of({{1}, {2}, {3}, {1}});
    equal(sums_of(trace, seeing_policy(trace, {2, 0}, 0)), 0, 0, 0);
    equal(sums_of(trace, seeing_policy(trace, {2, 0}, 3'000'000'000)), 1, 0, 0);
}

// 1 to 40 were written together: 16 blocks of 64 KiB a MiB.  50 came between 60's and them.
void blocks_that_were_written_together_are_read_together(void**) {
    std::vector<std::uint64_t> prompt;
    for (std::uint64_t id = 1; id <= 40; ++id) prompt.push_back(id);
    const Trace trace = trace_of({prompt, {1, 50}, {1, 2, 60}, prompt, {1, 2, 60}});
    const Sums merged = sums_of(trace, leaf_lru_policy(trace, {0, 100}), options_of(true));
    assert_int_equal(merged.figures.disk_piece_count, 1 + 2 + 40 + 3);
    assert_int_equal(merged.figures.disk_read_count, 1 + 1 + 3 + 2);
    assert_int_equal(merged.figures.disk_written_piece_count, 42);
    assert_int_equal(merged.figures.disk_written_count, 3 + 1 + 1);
    const Sums single = sums_of(trace, leaf_lru_policy(trace, {0, 100}));
    assert_int_equal(single.figures.disk_read_count, 1 + 2 + 40 + 3);
    assert_int_equal(single.figures.disk_written_count, 42);
}

// ---- time

PolicyCacheOptions slow_options() {
    PolicyCacheOptions options = options_of();
    options.device.read_bytes_per_s = 65'536'000;  // a block a millisecond
    options.device.read_latency_ns = 5'000'000;
    options.device.requests_per_s = 10'000;
    options.device.depth = 2;
    options.device.copy_bytes_per_s = 65'536'000;
    return options;
}

// Two are asked for at once: they leave the bus after 1 and 2 ms and are there after 6 and 7.  The
// third is asked for when the first is there, and is after 12.
void a_load_takes_as_long_as_the_table_says(void**) {
    const Trace trace = trace_of({{1, 2, 3}, {1, 2, 3}, {1, 2, 3}});
    PolicyCache cache(trace, lru_policy(trace, {0, 3}), slow_options());
    const auto blocks = trace.blocks_of(0);
    static_cast<void>(cache.look_up(blocks, {}));
    static_cast<void>(cache.look_up(blocks, {}));
    const Loaded loaded = cache.load(blocks, {}, 0);
    assert_int_equal(loaded.took_ns, 12'000'000);
    assert_int_equal(cache.now_ns(), 12'000'000);
    assert_false(loaded.is_late);

    PolicyCache in_memory(trace, lru_policy(trace, {3, 0}), slow_options());
    static_cast<void>(in_memory.look_up(blocks, {}));
    static_cast<void>(in_memory.look_up(blocks, {}));
    assert_int_equal(in_memory.load(blocks, {}, 0).took_ns, 3'000'000);
}

// Policies and bwrt stand in one table.
void a_policys_disk_is_that_of_the_modelled_world(void**) {
    const DeviceTable table;
    const bwrt::runtime::ModelMachine machine;
    assert_int_equal(table.depth, machine.depth);
    assert_int_equal(table.read_bytes_per_s, machine.read_bytes_per_s);
    assert_int_equal(table.read_latency_ns, machine.read_latency_ns);
    assert_int_equal(table.requests_per_s, machine.requests_per_s);
    assert_int_equal(table.copy_bytes_per_s, machine.copy_bytes_per_s);
}

// Five hundred a second are twice as long on the bus as a block's bytes: 2, 4 ms, and the latency.
void small_reads_are_limited_by_their_number(void**) {
    const Trace trace = trace_of({{1, 2}, {1, 2}});
    PolicyCacheOptions options = slow_options();
    options.device.requests_per_s = 500;
    PolicyCache cache(trace, lru_policy(trace, {0, 2}), options);
    static_cast<void>(cache.look_up(trace.blocks_of(0), {}));
    static_cast<void>(cache.look_up(trace.blocks_of(0), {}));
    assert_int_equal(cache.load(trace.blocks_of(0), {}, 0).took_ns, 9'000'000);
}

void a_load_that_is_late_has_what_was_there_by_the_deadline(void**) {
    const Trace trace = trace_of({{1, 2, 3}, {1, 2, 3}});
    PolicyCache cache(trace, lru_policy(trace, {0, 3}), slow_options());
    const auto blocks = trace.blocks_of(0);
    static_cast<void>(cache.look_up(blocks, {}));
    static_cast<void>(cache.look_up(blocks, {}));
    const Loaded loaded = cache.load(blocks, {}, 9'000'000);
    assert_int_equal(loaded.block_count, 2);
    assert_int_equal(loaded.took_ns, 9'000'000);
    assert_true(loaded.is_late);
}

// ---- drawn, against the plainest form

// A tree of ids: the children of a block are its own.
Trace drawn_trace(bwrt::test::Random& random, std::size_t request_count, std::size_t id_count,
                  std::size_t depth_max) {
    std::vector<std::uint64_t> parents = {0};  // of the id i; 0: a root
    for (std::size_t id = 1; id <= id_count; ++id) parents.push_back(random.below(id));
    std::vector<std::vector<std::uint64_t>> prompts;
    while (prompts.size() < request_count) {
        std::vector<std::uint64_t> prompt;
        for (std::uint64_t id = 1 + random.below(id_count); id != 0; id = parents[id]) {
            prompt.insert(prompt.begin(), id);
        }
        if (prompt.size() <= depth_max) prompts.push_back(prompt);
    }
    return trace_of(prompts);
}

// One list, the newest in front.
std::uint64_t plain_list_hits(const Trace& trace, std::size_t capacity, bool is_lru) {
    std::deque<std::uint32_t> list;
    std::uint64_t hits = 0;
    for (std::size_t i = 0; i < trace.request_count(); ++i) {
        const auto blocks = trace.blocks_of(i);
        for (const std::uint32_t block : blocks) {
            if (std::find(list.begin(), list.end(), block) == list.end()) break;
            ++hits;
        }
        for (std::size_t k = blocks.size(); k-- > 0;) {
            const auto place = std::find(list.begin(), list.end(), blocks[k]);
            if (place != list.end() && !is_lru) continue;
            if (place != list.end()) list.erase(place);
            list.push_front(blocks[k]);
            if (list.size() > capacity) list.pop_back();
        }
    }
    return hits;
}

void lists_have_the_hits_of_a_plain_list(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    for (int round = 0; round < 40; ++round) {
        const Trace trace = drawn_trace(random, 200, 60, 60);
        const auto room = static_cast<std::uint32_t>(1 + random.below(60));
        equal(sums_of(trace, fifo_policy(trace, {room, 0})), plain_list_hits(trace, room, false), 0,
              0);
        equal(sums_of(trace, lru_policy(trace, {room, 0})), plain_list_hits(trace, room, true), 0,
              0);
    }
}

// In a tree a list that is touched from the last to the first is closed under prefixes, and drops
// the same blocks.
void leaf_lru_has_the_hits_of_lru_in_both_tiers(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    for (int round = 0; round < 40; ++round) {
        const Trace trace = drawn_trace(random, 200, 60, 8);
        const auto memory = static_cast<std::uint32_t>(8 + random.below(20));
        const PolicyRoom room = {memory, memory + static_cast<std::uint32_t>(random.below(30))};
        const Sums lru = sums_of(trace, lru_policy(trace, room));
        const Sums leaf = sums_of(trace, leaf_lru_policy(trace, room));
        assert_int_equal(leaf.host, lru.host);
        assert_int_equal(leaf.disk, lru.disk);
        // A list may drop what the running request has not touched yet, and write it anew.
        assert_true(leaf.figures.stored_count <= lru.figures.stored_count);
    }
}

// Every set of blocks that may be kept after each request, with the hits that it can have had.
std::uint64_t best_hits(const Trace& trace, std::uint32_t capacity) {
    const std::uint32_t set_count = 1u << trace.block_count();
    std::vector<std::int64_t> best(set_count, -1), next(set_count);
    best[0] = 0;
    for (std::size_t i = 0; i < trace.request_count(); ++i) {
        std::uint32_t asked = 0;
        for (const std::uint32_t block : trace.blocks_of(i)) asked |= 1u << block;
        std::fill(next.begin(), next.end(), -1);
        for (std::uint32_t set = 0; set < set_count; ++set) {
            if (best[set] < 0) continue;
            std::int64_t hits = best[set];
            for (const std::uint32_t block : trace.blocks_of(i)) {
                if ((set >> block & 1) == 0) break;
                ++hits;
            }
            const std::uint32_t all = set | asked;
            for (std::uint32_t kept = all;; kept = (kept - 1) & all) {
                if (static_cast<std::uint32_t>(__builtin_popcount(kept)) <= capacity) {
                    next[kept] = std::max(next[kept], hits);
                }
                if (kept == 0) break;
            }
        }
        best.swap(next);
    }
    return static_cast<std::uint64_t>(*std::max_element(best.begin(), best.end()));
}

void nothing_has_more_hits_than_the_optimum(void**) {
    bwrt::test::Random random(bwrt::test::test_seed());
    for (int round = 0; round < 60; ++round) {
        const Trace trace = drawn_trace(random, 12, 7, 7);
        const auto room = static_cast<std::uint32_t>(1 + random.below(4));
        equal(sums_of(trace, optimum_policy(trace, {room, 0})), best_hits(trace, room), 0, 0);
        // What memory has no room for the disk has, until both are full.
        const auto disk = static_cast<std::uint32_t>(random.below(4));
        const Sums both = sums_of(trace, optimum_policy(trace, {room, disk}));
        assert_int_equal(both.host, best_hits(trace, room));
        assert_int_equal(both.host + both.disk, best_hits(trace, room + disk));
    }
}

// ---- recorded

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
    return trace;
}

PolicyRoom room_of(const Trace& trace, std::uint32_t memory_percent, std::uint32_t disk_percent) {
    const auto share = [&](std::uint64_t percent) {
        return static_cast<std::uint32_t>(trace.block_count() * percent / 100);
    };
    return {share(memory_percent), share(disk_percent)};
}

// Hits in per cent, to the digits that are known.
void near(const char* what, const Trace& trace, std::uint64_t hits, double percent) {
    const double is =
        100 * static_cast<double>(hits) / static_cast<double>(trace.reference_count());
    if (std::abs(is - percent) > 0.005001) fail_msg("%s: %.4f %%, not %.2f", what, is, percent);
}

// One tier at 1, 5, 10, 25 and 50 %; two of 10 and 50 %.
struct Reached {
    const char* name;
    double fifo[5], lru[5], optimum[5];
    double seeing_30_s[5];
    struct {
        double memory, disk;
        std::uint64_t read, written;
    } two_fifo, two_lru, two_optimum;
};
constexpr std::uint32_t kPercents[] = {1, 5, 10, 25, 50};

void one_tier_has_the_hits(const Trace& trace, const Reached& reached) {
    for (std::size_t i = 0; i < std::size(kPercents); ++i) {
        const PolicyRoom room = room_of(trace, kPercents[i], 0);
        near("fifo", trace, sums_of(trace, fifo_policy(trace, room)).host, reached.fifo[i]);
        near("lru", trace, sums_of(trace, lru_policy(trace, room)).host, reached.lru[i]);
        near("leaf-lru", trace, sums_of(trace, leaf_lru_policy(trace, room)).host, reached.lru[i]);
        near("seeing", trace, sums_of(trace, seeing_policy(trace, room, 30'000'000'000)).host,
             reached.seeing_30_s[i]);
        near("optimum", trace, sums_of(trace, optimum_policy(trace, room)).host,
             reached.optimum[i]);
    }
}

void two_tiers_have_the_hits(const Trace& trace, const Reached& reached) {
    const PolicyRoom room = room_of(trace, 10, 50);
    const auto same = [&](const char* what, std::unique_ptr<Policy> policy, const auto& known) {
        const Sums sums = sums_of(trace, std::move(policy));
        near(what, trace, sums.host, known.memory);
        near(what, trace, sums.disk, known.disk);
        assert_int_equal(sums.figures.disk_piece_count, known.read);
        assert_int_equal(sums.figures.stored_count, known.written);
    };
    same("fifo", fifo_policy(trace, room), reached.two_fifo);
    same("lru", lru_policy(trace, room), reached.two_lru);
    same("leaf-lru", leaf_lru_policy(trace, room), reached.two_lru);
    same("optimum", optimum_policy(trace, room), reached.two_optimum);
}

void the_figures_are_those_of(const Reached& reached) {
    const Trace trace = recorded(reached.name);
    one_tier_has_the_hits(trace, reached);
    two_tiers_have_the_hits(trace, reached);
}

// With what is seen of 30 s its times count, and they come in bins of 3 s: the figures are those of
// bench_policy, which spreads them as this does.
void recorded_chat_has_the_figures_of_an_independent_simulator(void**) {
    the_figures_are_those_of({"mooncake_conversation_h1.jsonl.zst",
                              {4.29, 9.83, 17.90, 26.63, 31.96},
                              {4.29, 10.37, 19.65, 29.56, 33.59},
                              {18.19, 32.23, 34.02, 34.02, 34.02},
                              {6.94, 15.11, 21.88, 30.09, 33.64},
                              {18.16, 14.12, 20'374, 97'271},
                              {19.65, 13.94, 20'112, 95'818},
                              {34.02, 0, 0, 0}});
}

void recorded_agents_have_the_figures_of_an_independent_simulator(void**) {
    the_figures_are_those_of({"lmcache_agent_b64.jsonl.zst",
                              {13.98, 56.41, 73.41, 88.78, 89.47},
                              {14.28, 61.57, 83.27, 89.68, 89.90},
                              {31.38, 75.02, 88.04, 89.90, 89.90},
                              {18.49, 69.98, 87.57, 89.78, 89.90},
                              {79.59, 10.16, 6'280, 6'319},
                              {83.27, 6.63, 4'101, 6'243},
                              {88.04, 1.86, 1'153, 1'153}});
}

void recorded_coding_agents_have_the_figures_of_an_independent_simulator(void**) {
    the_figures_are_those_of({"cc_dev_b512.jsonl.zst",
                              {6.25, 41.12, 68.01, 85.87, 92.23},
                              {8.08, 54.00, 82.88, 94.19, 95.69},
                              {35.26, 78.84, 91.06, 95.79, 95.96},
                              {31.74, 76.26, 86.28, 94.28, 95.69},
                              {76.87, 16.23, 576'971, 171'701},
                              {82.88, 12.80, 455'159, 153'382},
                              {91.06, 4.90, 174'087, 174'087}});
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_kept_by_no_policy),
        cmocka_unit_test(fifo_drops_what_came_first_and_lru_what_was_used_last),
        cmocka_unit_test(of_a_request_the_root_stays_longest),
        cmocka_unit_test(what_has_left_memory_comes_from_disk_and_is_written_once),
        cmocka_unit_test(memory_and_disk_are_one_prefix),
        cmocka_unit_test(leaf_lru_drops_no_block_before_its_children),
        cmocka_unit_test(a_request_that_is_larger_than_a_tier_leaves_its_head_there),
        cmocka_unit_test(a_time_to_live_ends),
        cmocka_unit_test(for_want_of_room_what_ends_first_goes),
        cmocka_unit_test(memory_is_for_what_was_used_twice),
        cmocka_unit_test(the_optimum_keeps_what_is_needed_and_writes_what_memory_has_no_room_for),
        cmocka_unit_test(the_optimum_writes_to_memory_what_it_keeps_there),
        cmocka_unit_test(what_is_asked_for_soon_is_seen_to_be),
        cmocka_unit_test(blocks_that_were_written_together_are_read_together),
        cmocka_unit_test(a_load_takes_as_long_as_the_table_says),
        cmocka_unit_test(a_policys_disk_is_that_of_the_modelled_world),
        cmocka_unit_test(small_reads_are_limited_by_their_number),
        cmocka_unit_test(a_load_that_is_late_has_what_was_there_by_the_deadline),
        cmocka_unit_test(lists_have_the_hits_of_a_plain_list),
        cmocka_unit_test(leaf_lru_has_the_hits_of_lru_in_both_tiers),
        cmocka_unit_test(nothing_has_more_hits_than_the_optimum),
        cmocka_unit_test(recorded_chat_has_the_figures_of_an_independent_simulator),
        cmocka_unit_test(recorded_agents_have_the_figures_of_an_independent_simulator),
        cmocka_unit_test(recorded_coding_agents_have_the_figures_of_an_independent_simulator),
    };
    return cmocka_run_group_tests_name("policies", tests, nullptr, nullptr);
}
