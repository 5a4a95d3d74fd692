// SPDX-License-Identifier: Apache-2.0
//
// policy.cpp — which blocks are still there when they are asked for: planner/tiers/prefix_lru.h on
// a trace of real requests, beside plainer policies and the optimum.
//
//   one tier     hits at 1 to 100 % of the trace's blocks, of all references.  Where a policy has
//                blocks whose prefix is gone, "all / usable" are given.  PrefixLru must equal a
//                search for the oldest leaf in every digit, or the run fails.
//                "bwrt, learning" is PrefixLru with four shadows a block, which may refuse; its
//                ticks are those of a store, 67 ms.  It is held against the best of the policies
//                that see no future: at least that at 5, 10 and 25 %, and half a point less at 1 %
//                (the bars); and of what lies between leaf-LRU and the optimum, the share it has.
//   two tiers    memory 10 % and disk 50 %, each with a PrefixLru of its own, all written through,
//                or what planner/tiers/admission.h lets: hits against what is written for them
//   time         CPU time that the policy needs for an event (a block touched, inserted, removed)
//
//   zstd -dc TRACE | bench_policy [name [rounds]]        default "stdin", 5

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "bench/measure.h"
#include "bench/policy_reference.h"
#include "bench/policy_tier.h"
#include "bench/policy_trace.h"
#include "planner/tiers/admission.h"

namespace {

using namespace bwrt::bench;
using namespace bwrt::planner;
using bwrt::replay::Trace;

constexpr std::uint32_t kPercents[] = {1, 5, 10, 25, 50, 100};

std::uint32_t share_of(const Trace& trace, std::uint32_t percent) {
    return std::max(1u,
                    static_cast<std::uint32_t>(std::uint64_t{trace.block_count()} * percent / 100));
}

struct Replay {
    Hits hits;
    double ns_per_event = 0;
};

// A tick a request; the leading run is touched, the rest inserted as far as it fits.
Replay replay_own(const Trace& trace, std::uint32_t capacity) {
    Tier tier(trace, capacity);
    Replay replay;
    const std::uint64_t begin_ns = cpu_ns();
    for (std::size_t i = 0; i < trace.request_count(); ++i) {
        const auto request = trace.blocks_of(i);
        const Tick now = static_cast<Tick>(i + 1);
        std::size_t used = 0;
        for (; used < request.size() && tier.has(request[used]); ++used) {
            tier.touch(request[used], now);
        }
        replay.hits.prefix += used;
        for (std::size_t k = used; k < request.size() && tier.put(request[k], now); ++k) {
        }
    }
    replay.hits.blocks = replay.hits.prefix;  // it is closed under prefixes
    replay.ns_per_event =
        static_cast<double>(cpu_ns() - begin_ns) / static_cast<double>(tier.event_count());
    return replay;
}

// Ticks of the clock; what could not be put is told to have been asked for.
Replay replay_learning(const Trace& trace, std::uint32_t capacity) {
    Tier tier(trace, capacity, 4 * capacity, true);
    Replay replay;
    const std::uint64_t begin_ns = cpu_ns();
    for (std::size_t i = 0; i < trace.request_count(); ++i) {
        const auto request = trace.blocks_of(i);
        const Tick now = tick_at(trace.request(i).arrival_us * 1'000);
        std::size_t used = 0;
        for (; used < request.size() && tier.has(request[used]); ++used) {
            tier.touch(request[used], now);
        }
        replay.hits.prefix += used;
        while (used < request.size() && tier.put(request[used], now)) ++used;
        for (; used < request.size(); ++used) tier.miss(request[used], now);
    }
    replay.hits.blocks = replay.hits.prefix;
    replay.ns_per_event =
        static_cast<double>(cpu_ns() - begin_ns) / static_cast<double>(tier.event_count());
    return replay;
}

struct Flow {
    std::uint64_t memory_hits = 0, disk_hits = 0, written = 0;
};

// What is new is written, if it is admitted and its parent is there; memory holds copies.
Flow replay_two_tiers(const Trace& trace, const AdmissionLimits& limits) {
    Tier memory(trace, share_of(trace, 10));
    Tier disk(trace, share_of(trace, 50));
    Admission admission(limits, 0);
    Flow flow;
    for (std::size_t i = 0; i < trace.request_count(); ++i) {
        const Tick now = static_cast<Tick>(i + 1);
        bool is_leading = true;
        for (const std::uint32_t block : trace.blocks_of(i)) {
            const bool in_memory = memory.has(block);
            const bool on_disk = disk.has(block);
            const std::uint32_t parent = trace.parent(block);
            is_leading = is_leading && (in_memory || on_disk);
            if (is_leading) ++(in_memory ? flow.memory_hits : flow.disk_hits);
            if (on_disk) {
                disk.touch(block, now);
            } else if (admission.decide(fingerprint_of(block), 1, false, i) == Admittance::kWrite &&
                       (parent == kNoBlock || disk.has(parent)) && disk.put(block, now)) {
                ++flow.written;
            }
            if (in_memory) {
                memory.touch(block, now);
            } else if (parent == kNoBlock || memory.has(parent)) {
                memory.put(block, now);
            }
        }
    }
    return flow;
}

double percent_of(const Trace& trace, std::uint64_t count) {
    return 100 * static_cast<double>(count) / static_cast<double>(trace.reference_count());
}

template <typename Policy>
std::vector<Hits> print_policy(const Trace& trace, const char* name, const Policy& policy) {
    std::vector<Hits> all;
    std::printf("  %-22s", name);
    for (const std::uint32_t percent : kPercents) {
        const Hits hits = policy(trace, share_of(trace, percent));
        char text[32];
        if (hits.blocks == hits.prefix) {
            std::snprintf(text, sizeof text, "%.2f", percent_of(trace, hits.prefix));
        } else {
            std::snprintf(text, sizeof text, "%.2f / %.2f", percent_of(trace, hits.blocks),
                          percent_of(trace, hits.prefix));
        }
        std::printf("  %13s", text);
        std::fflush(stdout);
        all.push_back(hits);
    }
    std::printf("\n");
    return all;
}

// Of what leaf-LRU leaves to the optimum.
void print_gap(const std::vector<Hits>& own, const std::vector<Hits>& from,
               const std::vector<Hits>& to) {
    std::printf("  %-22s", "  of the gap, learning");
    for (std::size_t i = 0; i < own.size(); ++i) {
        const double gap = static_cast<double>(to[i].prefix) - static_cast<double>(from[i].prefix);
        const double won = static_cast<double>(own[i].prefix) - static_cast<double>(from[i].prefix);
        std::printf("  %11.0f %%", gap > 0 ? 100 * won / gap : 0.0);
    }
    std::printf("\n");
}

// How far the learning policy is above the best of the others, in points.
void print_margins(const Trace& trace, const std::string& name, const std::vector<Hits>& own,
                   const std::vector<std::vector<Hits>>& others) {
    for (std::size_t i = 0; i < own.size() && kPercents[i] <= 25; ++i) {
        std::uint64_t best = 0;
        for (const std::vector<Hits>& other : others) best = std::max(best, other[i].prefix);
        Samples margin;
        margin.add(percent_of(trace, own[i].prefix) - percent_of(trace, best));
        print_goal(name + ": points above the best other at " + std::to_string(kPercents[i]) + " %",
                   Bar::kAtLeast, kPercents[i] == 1 ? -0.5 : 0, margin);
    }
}

void compare_one_tier(const Trace& trace, const std::string& name) {
    std::printf("  %-22s", "hits in %, of blocks");
    for (const std::uint32_t percent : kPercents) std::printf("  %11u %%", percent);
    std::printf("\n");
    print_policy(trace, "FIFO", replay_fifo);
    print_policy(trace, "LRU", replay_lru);
    const auto searched = print_policy(trace, "leaf-LRU, by search", replay_leaf_lru);
    const std::vector<std::vector<Hits>> others = {
        searched,
        print_policy(trace, "GDSF", replay_gdsf),
        print_policy(trace, "leaf-GDSF", replay_leaf_gdsf),
        print_policy(trace, "ARC", replay_arc),
        print_policy(trace, "S3-FIFO", replay_s3_fifo),
        print_policy(trace, "W-TinyLFU", replay_w_tinylfu),
    };
    const auto own = print_policy(trace, "bwrt", [](const Trace& all, std::uint32_t size) {
        return replay_own(all, size).hits;
    });
    const auto learning = print_policy(
        trace, "bwrt, learning",
        [](const Trace& all, std::uint32_t size) { return replay_learning(all, size).hits; });
    for (const std::uint64_t seconds : {std::uint64_t{5}, std::uint64_t{30}}) {
        const std::string label = "leaf-LRU + " + std::to_string(seconds) + " s seen";
        print_policy(trace, label.c_str(), [&](const Trace& all, std::uint32_t size) {
            return replay_lookahead(all, size, seconds * 1'000'000'000);
        });
    }
    const auto best = print_policy(trace, "optimum", replay_optimum);
    print_gap(learning, searched, best);
    print_margins(trace, name, learning, others);

    Samples equal;
    for (std::size_t i = 0; i < own.size(); ++i) {
        if (own[i].prefix > best[i].prefix) throw Failure("E_INTERNAL", "above the optimum");
        equal.add(own[i].prefix == searched[i].prefix ? 1 : 0);
    }
    print_goal(name + ": hits are those of a search for the oldest leaf (1: at a size)",
               Bar::kAtLeast, 1, equal);
    if (equal.at(0) < 1)
        throw Failure("E_INTERNAL", "not the hits of a search for the oldest leaf");
}

void print_flow(const Trace& trace, const char* name, const Flow& flow) {
    std::printf("  %-22s  %11.2f %%  %11.2f %%  %11.2f %%  %13" PRIu64 "\n", name,
                percent_of(trace, flow.memory_hits), percent_of(trace, flow.disk_hits),
                percent_of(trace, flow.memory_hits + flow.disk_hits), flow.written);
}

void compare_admission(const Trace& trace) {
    std::printf("  %-22s  %13s  %13s  %13s  %13s\n", "memory 10 %, disk 50 %", "memory", "disk",
                "together", "blocks written");
    AdmissionLimits limits;
    print_flow(trace, "everything", replay_two_tiers(trace, limits));
    limits.touches_min = 2;
    limits.identity_count = trace.block_count();
    print_flow(trace, "second touch", replay_two_tiers(trace, limits));
    limits.identity_count = share_of(trace, 10);
    print_flow(trace, "  of a tenth remembered", replay_two_tiers(trace, limits));
}

void run(const std::string& name, int rounds) {
    const Trace trace = trace_from_stdin();
    std::printf("%s: %zu requests, %zu references to %u blocks\n", name.c_str(),
                trace.request_count(), trace.reference_count(), trace.block_count());
    compare_one_tier(trace, name);
    compare_admission(trace);
    Samples us_per_thousand;
    for (int i = 0; i < rounds; ++i) {
        us_per_thousand.add(replay_own(trace, share_of(trace, 10)).ns_per_event);
    }
    print_row("1,000 events, CPU", us_per_thousand, "us");
    print_goal(name + ": CPU us for 1,000 events", Bar::kAtMost, 100, us_per_thousand);
    Samples learning_us;
    for (int i = 0; i < rounds; ++i) {
        learning_us.add(replay_learning(trace, share_of(trace, 10)).ns_per_event);
    }
    print_row("1,000 events, learning", learning_us, "us");
    print_goal(name + ": CPU us for 1,000 events, learning", Bar::kAtMost, 100, learning_us);
}

}  // namespace

int main(int argc, char** argv) {
    const int rounds = argc > 2 ? std::atoi(argv[2]) : 5;
    if (rounds < 1) {
        std::fprintf(stderr, "usage: bench_policy [name [rounds]] <LINES\n");
        return 2;
    }
    try {
        run(argc > 1 ? argv[1] : "stdin", rounds);
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bench_policy: %s\n", error.what());
        return 1;
    }
}
