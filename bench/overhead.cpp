// SPDX-License-Identifier: Apache-2.0
//
// overhead.cpp — what bwrt costs above the bare system calls.
//
// Everything is read from the page cache, so no device hides the software.  The reference is a raw
// liburing loop (raw_hot.h).  Rounds alternate reference and bwrt; a row is the median over rounds
// (minimum to maximum), a ratio is formed inside each round and has the interval of its median.
//
// A raw loop that is more than 15 % slower than it should be on this class of machine (2 cores,
// EPYC, kernel 6.18, quiet) voids the run: the figures it should reach are constants below.
//
//   bench_overhead [rounds [folder of the temporary file]]        default 15, here

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "bench/overhead_own.h"
#include "bench/raw_hot.h"

namespace {

using namespace bwrt::bench;

// Nanoseconds: of one read; of CPU a read in bulk; of CPU a block in merged runs of 16.
constexpr double kRawSingleNs = 700;
constexpr double kRawBulkNs = 680;
constexpr double kRawMergedNs = 270;
constexpr double kVoidAbove = 1.15;

void void_above(const char* what, const Samples& raw_ns, double should_ns) {
    if (raw_ns.median() <= kVoidAbove * should_ns) return;
    char why[160];
    std::snprintf(why, sizeof why, "overhead: %s: the raw loop took %.0f ns, not %.0f", what,
                  raw_ns.median(), should_ns);
    print_void(why);
}

struct Bulk {
    const char* title;
    std::uint32_t run;
    double bar;
    double raw_should_ns;  // 0: of another row
};

void run_bulk(RawHotReads* raw, HotReads* reads, const Bulk& bulk, std::uint32_t rounds) {
    constexpr double kCount = HotReads::kBlockCount;
    struct Contestant {
        const char* name;
        Samples cpu, wall, ratio;
    } all[3] = {{"raw loop", {}, {}, {}},
                {"bwrt, one indexed operation", {}, {}, {}},
                {"bwrt, 65,536 flat operations", {}, {}, {}}};
    for (std::uint32_t round = 0; round <= rounds; ++round) {
        const auto blocks = scattered_blocks(bulk.run, round);
        const Cost costs[3] = {cost_of([&] { raw->read(blocks, bulk.run); }),
                               cost_of([&] { reads->read_indexed(blocks); }),
                               cost_of([&] { reads->read_flat(blocks); })};
        check_blocks(blocks, raw->memory());
        check_blocks(blocks, reads->memory());
        throw_if_interrupted();
        if (round == 0) continue;  // warms up
        for (int one = 0; one < 3; ++one) {
            all[one].cpu.add(costs[one].cpu_ns / kCount);
            all[one].wall.add(costs[one].wall_ns / kCount);
            all[one].ratio.add(costs[one].cpu_ns / costs[0].cpu_ns);
        }
    }
    std::printf("%s\n", bulk.title);
    for (const Contestant& one : all) {
        const std::string name = one.name;
        print_row((name + ", CPU").c_str(), one.cpu, "ns/block",
                  &one == &all[0] ? nullptr : &one.ratio);
        print_row((name + ", wall").c_str(), one.wall, "ns/block");
    }
    for (int one = 1; one < 3; ++one) {
        print_goal(std::string(bulk.title) + ": " + all[one].name, Bar::kAtMost, bulk.bar,
                   all[one].ratio);
    }
    if (bulk.raw_should_ns > 0) void_above(bulk.title, all[0].cpu, bulk.raw_should_ns);
}

// One read at a time, submit to done.
void run_single(RawHotReads* raw, HotReads* reads, std::uint32_t rounds) {
    constexpr std::uint32_t kCount = 20000;
    Samples raw_ns, bwrt_ns, ratio;
    const auto blocks = scattered_blocks(1, 7);
    std::vector<std::uint32_t> one(1);
    for (std::uint32_t round = 0; round <= rounds; ++round) {
        const Cost raw_cost = cost_of([&] {
            for (std::uint32_t i = 0; i < kCount; ++i) {
                one[0] = blocks[i];
                raw->read(one, 1);
            }
        });
        const Cost bwrt_cost = cost_of([&] {
            for (std::uint32_t i = 0; i < kCount; ++i) reads->read_one(blocks[i]);
        });
        check_blocks({blocks[kCount - 1]}, reads->memory());
        throw_if_interrupted();
        if (round == 0) continue;  // warms up
        raw_ns.add(raw_cost.wall_ns / kCount);
        bwrt_ns.add(bwrt_cost.wall_ns / kCount);
        ratio.add(bwrt_cost.wall_ns / raw_cost.wall_ns);
    }
    std::printf("one hot 4 KiB read, caller mode, submit to done\n");
    print_row("raw loop", raw_ns, "ns");
    print_row("bwrt", bwrt_ns, "ns", &ratio);
    print_goal("one hot 4 KiB read, submit to done, against the raw loop", Bar::kAtMost, 1.7,
               ratio);
    void_above("one hot 4 KiB read", raw_ns, kRawSingleNs);
}

void run_submission(Runtime* runtime, const char* title, const SubmissionShape& shape,
                    std::uint32_t rounds, bool is_goal) {
    Samples p50, p50_less_clock, p99, cpu, line;
    for (std::uint32_t round = 0; round < rounds; ++round) {
        const SubmissionCost cost = submission_cost(runtime, shape);
        p50.add(cost.p50_ns);
        p50_less_clock.add(cost.p50_ns - clock_read_ns());
        p99.add(cost.p99_ns);
        cpu.add(cost.cpu_ns);
        if (is_goal) line.add(line_round_trip_ns());
    }
    std::printf("bwrt_submit_wave, one 64-byte copy, thread mode: %s\n", title);
    print_row("p50 (a clock read included)", p50, "ns");
    print_row("p99", p99, "ns");
    print_row("process CPU a wave, submit to waited for", cpu, "ns");
    if (is_goal) {
        print_row("a cache line to the other core and back", line, "ns");
        print_goal("bwrt_submit_wave, p50 without the clock read, ns", Bar::kAtMost, 150,
                   p50_less_clock);
    }
}

void run(std::uint32_t rounds, const std::string& folder) {
    print_machine();
    std::printf("%u rounds; median (least to most), ratio (95 %% interval)\n", rounds);
    const TestFile file(folder, HotReads::kFileBytes, Cache::kThrough);
    {
        HotReads reads(file, BWRT_PROGRESS_THREAD);
        run_submission(reads.runtime(), "1 thread, 1 region", {1, 1, false}, rounds, true);
        run_submission(reads.runtime(), "1 thread, 64 regions, with deadline", {1, 64, true},
                       rounds, false);
        run_submission(reads.runtime(), "8 threads, 64 regions, with deadline", {8, 64, true},
                       rounds, false);
        const Samples submit_us = large_submission_us(reads.runtime(), rounds);
        std::printf("bwrt_submit_wave, one indexed copy of 2,048 slots x 160 planes\n");
        print_row("submission", submit_us, "us");
        print_goal("submission of 2,048 slots x 160 planes, us", Bar::kAtMost, 100, submit_us);
    }
    RawHotReads raw(file);
    {
        HotReads reads(file, BWRT_PROGRESS_CALLER);
        run_single(&raw, &reads, rounds);
        run_bulk(&raw, &reads,
                 {"65,536 scattered hot 4 KiB reads, caller mode", 1, 1.1, kRawBulkNs}, rounds);
        run_bulk(&raw, &reads,
                 {"the same in file-contiguous runs of 16, raw merges", 16, 1.2, kRawMergedNs},
                 rounds);
    }
    HotReads reads(file, BWRT_PROGRESS_THREAD);
    run_bulk(&raw, &reads, {"65,536 scattered hot 4 KiB reads, thread mode", 1, 1.1, 0}, rounds);
}

}  // namespace

int main(int argc, char** argv) {
    const int rounds = argc > 1 ? std::atoi(argv[1]) : 15;
    if (rounds < 1) {
        std::fprintf(stderr, "usage: bench_overhead [rounds [folder]]\n");
        return 2;
    }
    catch_signals();
    try {
        run(static_cast<std::uint32_t>(rounds), argc > 2 ? argv[2] : ".");
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bench_overhead: %s\n", error.what());
        return 1;
    }
}
