// SPDX-License-Identifier: Apache-2.0
//
// cmd_bench.cpp — `bwrt bench io PLACE`, `bwrt bench overhead`, `bwrt bench ring`: how fast bwrt is
// on this machine, without anything to compare it with; bench/run does that.
//
// The loops are those of bench/.  What is read is compared with what the file holds, by sample, and
// what was written is read back: wrong bytes are a failure, not a figure.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "bench/bwrt_io.h"
#include "bench/overhead_own.h"
#include "bench/ring_own.h"
#include "tools/commands.h"
#include "tools/output.h"

namespace bwrt::tools {
namespace {

using bench::Direction;
using bench::Samples;

// What the loops throw, as this command says it.
template <typename Body>
void measure(Body&& body) {
    bench::catch_signals();
    try {
        body();
    } catch (const bench::Failure& failure) {
        throw Failure(failure.code(), failure.what(), failure.code() == "interrupted" ? 130 : 1);
    }
}

struct IoRow {
    Direction direction;
    std::uint64_t block_bytes;
    double gb_per_s;
    double cpu_ms_per_gb;
    double p50_us;  // of one block at a time
    double p99_us;
};

const char* name_of(Direction direction) {
    return direction == Direction::kRead ? "read" : "write";
}

std::uint64_t ns_of(double seconds) { return static_cast<std::uint64_t>(1e9 * seconds); }

void check(const BenchIoOptions& options) {
    constexpr std::uint64_t kMemoryMax = std::uint64_t{4} << 30;
    if (options.file_bytes % bench::kPageBytes != 0)
        throw Failure("E_INVAL", "--bytes is not a multiple of 4096", 2);
    for (const std::uint64_t size : options.sizes) {
        if (size < bench::kPageBytes || size % bench::kPageBytes != 0)
            throw Failure("E_INVAL", "--sizes: " + std::to_string(size) + " is not of 4096", 2);
        if (size * options.depth > options.file_bytes)
            throw Failure("E_INVAL", "--bytes is less than --depth blocks of the largest size", 2);
        if (2 * size * options.depth > kMemoryMax)
            throw Failure("E_INVAL", "--sizes and --depth need more than 4 GiB of memory", 2);
    }
}

// Many in flight, and then one at a time for the latencies.
IoRow run_io(const bench::TestFile& file, const BenchIoOptions& options, Direction direction,
             std::uint64_t block_bytes) {
    const bench::Pages pages = options.caller_pages ? bench::Pages::kOrdinary : bench::Pages::kHuge;
    bench::IoJob job = {direction, block_bytes, options.depth, ns_of(options.seconds), 1, false};
    const bench::IoResult many =
        bench::BwrtIo(file, job, {BWRT_PROGRESS_THREAD, bench::Waves::kBatched, pages, 0}).run(job);
    job.depth = 1;
    job.duration_ns = ns_of(std::min(options.seconds, 0.5));
    job.seed = 2;
    job.latencies = true;
    const bench::IoResult one =
        bench::BwrtIo(file, job, {BWRT_PROGRESS_THREAD, bench::Waves::kSingle, pages, 0}).run(job);
    return {direction,
            block_bytes,
            many.gb_per_s(),
            many.cpu_ms_per_gb(),
            one.latencies_ns.median() / 1000,
            one.latencies_ns.at(0.99) / 1000};
}

void print_io_text(const IoRow& row) {
    std::printf("%-6s %10s %9.2f %14.1f %12.1f %12.1f\n", name_of(row.direction),
                format_bytes(row.block_bytes).c_str(), row.gb_per_s, row.cpu_ms_per_gb, row.p50_us,
                row.p99_us);
    std::fflush(stdout);
}

void print_io_json(const BenchIoOptions& options, bool direct, const std::vector<IoRow>& rows) {
    JsonObject object;
    object.add("file_bytes", options.file_bytes);
    object.add("direct", direct);
    object.add("depth", options.depth);
    object.add("memory", options.caller_pages ? "caller" : "own");
    std::vector<JsonObject> results;
    for (const IoRow& row : rows) {
        JsonObject& result = results.emplace_back();
        result.add("direction", name_of(row.direction));
        result.add("block_bytes", row.block_bytes);
        result.add("gb_per_s", row.gb_per_s);
        result.add("cpu_ms_per_gb", row.cpu_ms_per_gb);
        result.add("latency_p50_us", row.p50_us);
        result.add("latency_p99_us", row.p99_us);
    }
    object.add("results", std::move(results));
    object.print();
}

// Reads first: writing changes what a read must find.
void bench_io(const BenchIoOptions& options, bool json) {
    check(options);
    const bench::TestFile file(options.place, options.file_bytes);
    std::vector<IoRow> rows;
    if (!json) {
        std::printf(
            "random places of a file of %s%s, %s\n", format_bytes(options.file_bytes).c_str(),
            file.direct() ? "" : " (through the page cache: this file system has no other way)",
            options.caller_pages ? "4 KiB pages of the caller" : "memory of bwrt's own");
        std::printf("%-6s %10s %9s %14s %12s %12s\n", "", "block", "GB/s", "CPU ms/GB", "p50 us",
                    "p99 us");
        std::printf("%-6s %10s %24s %25s\n", "", "",
                    ("depth " + std::to_string(options.depth)).c_str(), "one at a time");
    }
    for (const Direction direction : {Direction::kRead, Direction::kWrite}) {
        if (direction == Direction::kRead ? options.write_only : options.read_only) continue;
        for (const std::uint64_t size : options.sizes) {
            rows.push_back(run_io(file, options, direction, size));
            if (!json) print_io_text(rows.back());
        }
    }
    if (json) print_io_json(options, file.direct(), rows);
}

struct Figure {
    const char* name;   // in JSON
    const char* label;  // for people
    const char* unit;
    double value;
};

void print_figures(const std::vector<Figure>& figures, bool json) {
    JsonObject object;
    for (const Figure& figure : figures) {
        if (json) {
            object.add(figure.name, figure.value);
        } else {
            std::printf("%-58s %10.1f %s\n", figure.label, figure.value, figure.unit);
        }
    }
    if (json) object.print();
}

double median_of(std::uint32_t round_count, double (*sample)(std::size_t, std::size_t),
                 std::size_t producer_count, std::size_t command_count) {
    Samples samples;
    for (std::uint32_t round = 0; round < round_count; ++round) {
        bench::throw_if_interrupted();
        samples.add(sample(producer_count, command_count));
    }
    return samples.median();
}

void bench_ring(const BenchRingOptions& options, bool json) {
    const auto ns = [&](std::size_t producer_count) {
        return median_of(options.round_count, bench::ring_ns, producer_count,
                         options.command_count);
    };
    const bench::PartCosts parts = bench::part_costs(options.command_count);
    print_figures({{"one_thread_ns", "a command pushed and popped by one thread", "ns", ns(0)},
                   {"producers_1_ns", "handed over, 1 producer", "ns", ns(1)},
                   {"producers_2_ns", "handed over, 2 producers", "ns", ns(2)},
                   {"producers_4_ns", "handed over, 4 producers", "ns", ns(4)},
                   {"index_stack_ns", "an index taken and given back", "ns", parts.stack_ns},
                   {"doorbell_ns", "the doorbell, nobody asleep", "ns", parts.doorbell_ns}},
                  json);
}

// Medians over rounds; the first of each warms up.
void bench_overhead(const BenchOverheadOptions& options, bool json) {
    using bench::HotReads;
    const bench::TestFile file(options.place, HotReads::kFileBytes, bench::Cache::kThrough);
    Samples p50, p99, single, scattered, merged;
    double large_us = 0;
    {
        HotReads thread(file, BWRT_PROGRESS_THREAD);
        for (std::uint32_t round = 0; round < options.round_count; ++round) {
            bench::throw_if_interrupted();
            const bench::SubmissionCost cost =
                bench::submission_cost(thread.runtime(), {1, 1, false, options.wave_count});
            p50.add(cost.p50_ns - bench::clock_read_ns());
            p99.add(cost.p99_ns);
        }
        large_us = bench::large_submission_us(thread.runtime(), options.round_count).median();
    }
    HotReads caller(file, BWRT_PROGRESS_CALLER);
    for (std::uint32_t round = 0; round <= options.round_count; ++round) {
        bench::throw_if_interrupted();
        const auto blocks = bench::scattered_blocks(1, round);
        const auto runs = bench::scattered_blocks(16, round);
        const double one = bench::cost_of([&] {
                               for (std::uint32_t i = 0; i < options.wave_count; ++i)
                                   caller.read_one(blocks[i % blocks.size()]);
                           }).wall_ns;
        const double bulk = bench::cost_of([&] { caller.read_indexed(blocks); }).cpu_ns;
        bench::check_blocks(blocks, caller.memory());
        const double run = bench::cost_of([&] { caller.read_indexed(runs); }).cpu_ns;
        bench::check_blocks(runs, caller.memory());
        if (round == 0) continue;
        single.add(one / options.wave_count);
        scattered.add(bulk / HotReads::kBlockCount);
        merged.add(run / HotReads::kBlockCount);
    }
    print_figures(
        {{"submit_p50_ns", "bwrt_submit_wave, one small copy, p50", "ns", p50.median()},
         {"submit_p99_ns", "the same, p99, a clock read included", "ns", p99.median()},
         {"submit_large_us", "bwrt_submit_wave, 2,048 slots x 160 planes", "us", large_us},
         {"read_one_ns", "a cached 4 KiB read, submit to done", "ns", single.median()},
         {"read_scattered_cpu_ns", "65,536 of them in one wave, CPU each", "ns",
          scattered.median()},
         {"read_merged_cpu_ns", "the same in runs of 16, CPU each", "ns", merged.median()}},
        json);
}

}  // namespace

void run_bench_io(const BenchIoOptions& options, bool json) {
    measure([&] { bench_io(options, json); });
}

void run_bench_overhead(const BenchOverheadOptions& options, bool json) {
    measure([&] { bench_overhead(options, json); });
}

void run_bench_ring(const BenchRingOptions& options, bool json) {
    measure([&] { bench_ring(options, json); });
}

}  // namespace bwrt::tools
