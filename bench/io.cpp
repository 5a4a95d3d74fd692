// SPDX-License-Identifier: Apache-2.0
//
// io.cpp — cold direct I/O at random places: bwrt, a raw liburing loop, and fio.
//
//   for each direction and size:  15 rounds of { every contestant once, in rotating order }
//
// All do the same job (io_job.h) on the same file at the same depth.  A ratio is formed inside a
// round, against the fio that is better at this size by its median; its interval is that of the
// median (measure.h).  Reads come first: writing changes what a read must find.
//
// Into a caller's ordinary pages bwrt reads directly, or, with a calibration table that says so, by
// way of its staging arena.
//
//   bench_io [--file PLACE] [--bytes 1g] [--rounds 15] [--ms 250] [--sizes 64k,1m] [--with NAMES]
//
// --help lists the contestants.  The file is new, and removed at the end.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "bench/bwrt_io.h"
#include "bench/fio.h"
#include "bench/io_contestants.h"
#include "bench/raw_io.h"

namespace {

using namespace bwrt::bench;

struct Options {
    std::string place = ".";
    std::uint64_t file_bytes = std::uint64_t{1} << 30;
    std::uint32_t rounds = 15;
    std::uint64_t duration_ms = 250;
    std::uint32_t depth = 32;
    std::uint32_t run_blocks = 1;
    std::vector<std::uint64_t> sizes = {65536, 262144, 655360, 1u << 20, 4u << 20};
    std::vector<std::string> names = {"fio-plain", "fio-huge",    "raw",
                                      "bwrt",      "bwrt-caller", "bwrt-plain"};
    ContestantOptions contestants;
    bool reads = false;
    bool writes = false;
    bool latency = false;
};

struct Row {
    const Contestant* kind;
    Contestant::Run run;
    std::vector<double> gb_per_s;  // by round
    std::vector<double> cpu_ms_per_gb;
};

Samples samples_of(const std::vector<double>& values) {
    Samples samples;
    for (const double value : values) samples.add(value);
    return samples;
}

Samples ratios_of(const std::vector<double>& values, const std::vector<double>& references) {
    Samples samples;
    for (std::size_t i = 0; i < values.size(); ++i) samples.add(values[i] / references[i]);
    return samples;
}

std::string size_text(std::uint64_t bytes) {
    return bytes % (1 << 20) == 0 ? std::to_string(bytes >> 20) + " MiB"
                                  : std::to_string(bytes >> 10) + " KiB";
}

Row* find(std::vector<Row>* rows, const std::string& name) {
    for (Row& row : *rows) {
        if (row.kind->name == name) return &row;
    }
    return nullptr;
}

// The better fio; without any, the raw loop; without it, the first.
const Row& reference_of(const std::vector<Row>& rows) {
    const Row* best = nullptr;
    for (const Row& row : rows) {
        if (std::string(row.kind->name).rfind("fio", 0) != 0) continue;
        if (best == nullptr ||
            samples_of(row.gb_per_s).median() > samples_of(best->gb_per_s).median()) {
            best = &row;
        }
    }
    for (const Row& row : rows) {
        if (best == nullptr && row.kind->name == std::string("raw")) best = &row;
    }
    return best != nullptr ? *best : rows.front();
}

void print_rows(const std::vector<Row>& rows, const Row& reference) {
    std::printf("  %-34s %-22s %-25s %-21s %s\n", "", "GB/s", "CPU ms/GB", "x GB/s", "x CPU");
    for (const Row& row : rows) {
        const Samples rate = samples_of(row.gb_per_s), cpu = samples_of(row.cpu_ms_per_gb);
        const Samples rates = ratios_of(row.gb_per_s, reference.gb_per_s);
        const Samples cpus = ratios_of(row.cpu_ms_per_gb, reference.cpu_ms_per_gb);
        std::printf("  %-34s %5.2f (%.2f to %.2f)   %6.1f (%.1f to %.1f)", row.kind->what,
                    rate.median(), rate.interval().low, rate.interval().high, cpu.median(),
                    cpu.interval().low, cpu.interval().high);
        if (&row == &reference) {
            std::printf("    reference\n");
            continue;
        }
        std::printf("    %.2f (%.2f to %.2f)   %.2f (%.2f to %.2f)\n", rates.median(),
                    rates.interval().low, rates.interval().high, cpus.median(), cpus.interval().low,
                    cpus.interval().high);
    }
    std::fflush(stdout);
}

void print_goals(std::vector<Row>* rows, const Row& reference, const IoJob& shape) {
    const bool reading = shape.direction == Direction::kRead;
    const std::string name =
        (shape.run_blocks > 1 ? "prefixes of " + std::to_string(shape.run_blocks) + " blocks of "
         : reading            ? "cold random reads of "
                              : "random writes of ") +
        size_text(shape.block_bytes);
    if (std::string(reference.kind->name).rfind("fio", 0) != 0) return;
    const Row* const loop = find(rows, "raw");
    if (loop != nullptr) {
        const double ratio = ratios_of(loop->gb_per_s, reference.gb_per_s).median();
        if (ratio < 0.85) print_void("io: the raw loop is slower than fio at " + name);
    }
    if (shape.block_bytes < 65536) return;
    if (const Row* own = find(rows, "bwrt"); own != nullptr) {
        print_goal(name + ", own memory, against fio", Bar::kAtLeast, 0.97,
                   ratios_of(own->gb_per_s, reference.gb_per_s));
        print_goal(name + ", own memory, CPU against fio", Bar::kAtMost, 1.0,
                   ratios_of(own->cpu_ms_per_gb, reference.cpu_ms_per_gb));
    }
    if (const Row* caller = find(rows, "bwrt-caller"); caller != nullptr) {
        print_goal(name + ", caller mode, CPU against fio", Bar::kAtMost, 1.0,
                   ratios_of(caller->cpu_ms_per_gb, reference.cpu_ms_per_gb));
    }
    for (const char* const which : {"store", "store-caller"}) {
        const Row* const got = find(rows, which);
        if (got == nullptr) continue;
        print_goal(name + ", GET from the store, verified, against fio (" + which + ")",
                   Bar::kAtLeast, 0.95, ratios_of(got->gb_per_s, reference.gb_per_s));
        const Row* const own = find(rows, "bwrt");
        if (own == nullptr) continue;
        print_goal(name + ", verified, against reads that are not (" + which + ")", Bar::kAtLeast,
                   0.95, ratios_of(got->gb_per_s, own->gb_per_s));
    }
    if (const Row* plain = find(rows, "bwrt-plain"); plain != nullptr) {
        print_goal(name + ", plain pages, against fio", Bar::kAtLeast, 0.9,
                   ratios_of(plain->gb_per_s, reference.gb_per_s));
    }
}

void compare(const TestFile& file, const Options& options, IoJob shape) {
    std::vector<Row> rows;
    for (const std::string& name : options.names) {
        const auto kind = std::find_if(contestants().begin(), contestants().end(),
                                       [&](const Contestant& one) { return one.name == name; });
        rows.push_back({&*kind, kind->make(file, shape, options.contestants), {}, {}});
    }
    for (std::uint32_t round = 0; round < options.rounds; ++round) {
        for (std::size_t turn = 0; turn < rows.size(); ++turn) {
            Row& row = rows[(round + turn) % rows.size()];
            shape.seed = round * 64 + static_cast<std::uint32_t>(turn) + 1;
            const IoResult result = row.run(shape);
            row.gb_per_s.push_back(result.gb_per_s());
            row.cpu_ms_per_gb.push_back(result.cpu_ms_per_gb());
        }
    }
    std::printf("%s of %s, depth %u\n",
                shape.direction == Direction::kWrite ? "random writes"
                : shape.run_blocks > 1               ? "runs of neighbours (fio: sequential reads)"
                                                     : "random reads",
                size_text(shape.block_bytes).c_str(), shape.depth);
    const Row& reference = reference_of(rows);
    print_rows(rows, reference);
    print_goals(&rows, reference, shape);
}

// One 4 KiB read at a time, submit to done.
void compare_latency(const TestFile& file, const Options& options) {
    IoJob job = {Direction::kRead, kPageBytes, 1, options.duration_ms * 1'000'000, 0, true};
    RawIo loop(file, job, {});
    BwrtIo caller(file, job, {BWRT_PROGRESS_CALLER, Waves::kSingle, Pages::kHuge});
    BwrtIo thread(file, job, {BWRT_PROGRESS_THREAD, Waves::kSingle, Pages::kHuge});
    Samples p50[3], p99[3], cpu[3], ratios[3];
    for (std::uint32_t round = 0; round < options.rounds; ++round) {
        double medians[3] = {};
        for (std::uint32_t turn = 0; turn < 3; ++turn) {
            const std::uint32_t one = (round + turn) % 3;
            job.seed = round * 64 + turn + 1;
            const IoResult result = one == 0   ? loop.run(job)
                                    : one == 1 ? caller.run(job)
                                               : thread.run(job);
            const auto count = static_cast<double>(result.bytes / kPageBytes);
            medians[one] = result.latencies_ns.median();
            p50[one].add(medians[one] / 1000);
            p99[one].add(result.latencies_ns.at(0.99) / 1000);
            cpu[one].add(static_cast<double>(result.cpu_ns) / 1000 / count);
        }
        for (int one = 0; one < 3; ++one) ratios[one].add(medians[one] / medians[0]);
    }
    std::printf("random reads of 4 KiB, depth 1, submit to done\n");
    const char* const names[3] = {"raw loop", "bwrt, caller mode", "bwrt, thread mode"};
    for (int one = 0; one < 3; ++one) {
        const std::string name = names[one];
        print_row((name + ", p50").c_str(), p50[one], "us", one > 0 ? &ratios[one] : nullptr);
        print_row((name + ", p99").c_str(), p99[one], "us");
        print_row((name + ", CPU").c_str(), cpu[one], "us/read");
    }
}

void run(const Options& options) {
    const std::string fio_version = find_fio();
    Options known = options;
    if (fio_version.empty()) {
        std::printf("no fio: the ratios are to the raw loop\n");
        std::erase_if(known.names, [](const std::string& name) { return name.find("fio") == 0; });
    }
    print_machine();
    const TestFile file(options.place, options.file_bytes);
    std::printf("%s, file of %s%s, %u rounds of %u ms; median (95 %% interval)\n",
                fio_version.empty() ? "no fio" : fio_version.c_str(),
                size_text(options.file_bytes).c_str(), file.direct() ? "" : " (NOT DIRECT)",
                options.rounds, static_cast<unsigned>(options.duration_ms));
    std::printf("%s\n", options.contestants.calibration.empty() ? "not calibrated" : "calibrated");
    if (options.latency) compare_latency(file, known);
    for (const Direction direction : {Direction::kRead, Direction::kWrite}) {
        if (direction == Direction::kRead ? !options.reads : !options.writes) continue;
        for (const std::uint64_t size : options.sizes) {
            compare(file, known,
                    {direction, size, options.depth, options.duration_ms * 1'000'000, 0, false,
                     options.run_blocks});
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    CLI::App app{"Cold direct I/O at random places: bwrt, a raw liburing loop, and fio"};
    std::vector<std::string> names;
    std::string listed = "Contestants:";
    for (const Contestant& kind : contestants()) {
        names.emplace_back(kind.name);
        listed += "\n  " + std::string(kind.name) + ": " + kind.what;
    }
    app.footer(listed);
    app.add_option("--file", options.place, "A folder, or the name of a new file");
    app.add_option("--bytes", options.file_bytes, "Of the file")
        ->transform(CLI::AsSizeValue(false));
    app.add_option("--rounds", options.rounds, "Rounds of every contestant")
        ->check(CLI::Range(1, 1000));
    app.add_option("--ms", options.duration_ms, "Of one contestant in one round")
        ->check(CLI::Range(1, 60000));
    app.add_option("--depth", options.depth, "Blocks in flight")->check(CLI::Range(1, 1024));
    app.add_option("--run", options.run_blocks, "Blocks that follow each other; fio reads in order")
        ->check(CLI::Range(1, 256));
    app.add_option("--sizes", options.sizes, "Of a block")
        ->delimiter(',')
        ->transform(CLI::AsSizeValue(false));
    app.add_option("--with", options.names, "Contestants, see below")
        ->delimiter(',')
        ->check(CLI::IsMember(names));
    app.add_option("--spread", options.contestants.spread_bytes, "Memory that raw-staged copies to")
        ->transform(CLI::AsSizeValue(false));
    app.add_option("--io-bytes", options.contestants.io_bytes_max, "bwrt's io_bytes_max")
        ->transform(CLI::AsSizeValue(false));
    app.add_option("--calibration", options.contestants.calibration, "A table by `bwrt calibrate`");
    app.add_flag("--reads", options.reads, "Only what is named of reads, writes and latency");
    app.add_flag("--writes", options.writes);
    app.add_flag("--latency", options.latency);
    CLI11_PARSE(app, argc, argv);
    if (!options.reads && !options.writes && !options.latency) {
        options.reads = options.writes = options.latency = true;
    }
    catch_signals();
    try {
        run(options);
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bench_io: %s\n", error.what());
        return 1;
    }
}
