// SPDX-License-Identifier: Apache-2.0

#include "tools/calibration.h"

#include <algorithm>

#include "bench/bwrt_io.h"

namespace bwrt::tools {
namespace {

using bench::BwrtIo;
using bench::BwrtOptions;
using bench::Pages;
using bench::Samples;

constexpr double kNearlyBest = 0.95;
constexpr double kWorthIt = 1.10;
constexpr std::uint64_t kArenaBytesMax = std::uint64_t{64} << 20;
constexpr std::uint32_t kDepths[] = {8, 16, 32, 64, 128};
constexpr std::uint32_t kRequestBytes[] = {256u << 10, 512u << 10, 1u << 20, 2u << 20, 4u << 20};
constexpr std::uint64_t kStagedBlockBytes[] = {16u << 10, 64u << 10, 256u << 10, 1u << 20,
                                               4u << 20};

struct Contestant {
    Measurement row;
    BwrtOptions options;
};

// All of them in turn, round by round; the first round warms up.
void compete(const bench::TestFile& file, const CalibrationOptions& options,
             std::vector<Contestant>* contestants) {
    std::vector<std::unique_ptr<BwrtIo>> loops;
    std::vector<Samples> speeds(contestants->size()), costs(contestants->size());
    std::vector<bench::IoJob> jobs;
    for (const Contestant& one : *contestants) {
        jobs.push_back({bench::Direction::kRead, one.row.block_bytes, one.row.depth,
                        static_cast<std::uint64_t>(1e9 * options.sample_seconds), 0, false});
        loops.push_back(std::make_unique<BwrtIo>(file, jobs.back(), one.options));
    }
    for (std::uint32_t round = 0; round <= options.round_count; ++round) {
        for (std::size_t i = 0; i < loops.size(); ++i) {
            jobs[i].seed = round + 1;
            const bench::IoResult result = loops[i]->run(jobs[i]);
            if (round == 0) continue;
            speeds[i].add(result.gb_per_s());
            costs[i].add(result.cpu_ms_per_gb());
        }
    }
    for (std::size_t i = 0; i < contestants->size(); ++i) {
        (*contestants)[i].row.gb_per_s = speeds[i].at(1);
        (*contestants)[i].row.cpu_ms_per_gb = costs[i].at(0);
    }
}

std::vector<double> speeds_of(const std::vector<Contestant>& contestants) {
    std::vector<double> speeds;
    for (const Contestant& one : contestants) speeds.push_back(one.row.gb_per_s);
    return speeds;
}

void keep(const std::vector<Contestant>& contestants, DeviceChoices* choices) {
    for (const Contestant& one : contestants) choices->measured.push_back(one.row);
}

// Of blocks in flight: as many as are wanted and fit into 64 MiB, and one.
std::uint32_t depth_of(std::uint64_t block_bytes, std::uint64_t wanted) {
    return static_cast<std::uint32_t>(
        std::clamp<std::uint64_t>(wanted, 1, kArenaBytesMax / block_bytes));
}

void choose_depth(const bench::TestFile& file, const CalibrationOptions& options,
                  DeviceChoices* choices) {
    std::vector<Contestant> contestants;
    for (const std::uint32_t depth : kDepths) {
        contestants.push_back({{"depth", 64u << 10, depth, 1u << 20, 0, 0}, {}});
        contestants.back().options.waves = bench::Waves::kBatched;
    }
    compete(file, options, &contestants);
    choices->queue_depth = kDepths[first_within(speeds_of(contestants), kNearlyBest)];
    keep(contestants, choices);
}

// At the depth that was chosen, with which they will run, as far as the memory goes.
void choose_request(const bench::TestFile& file, const CalibrationOptions& options,
                    DeviceChoices* choices) {
    std::vector<Contestant> contestants;
    for (const std::uint32_t io_bytes : kRequestBytes) {
        const std::uint32_t depth = depth_of(io_bytes, choices->queue_depth);
        contestants.push_back({{"request", io_bytes, depth, io_bytes, 0, 0}, {}});
        contestants.back().options.waves = bench::Waves::kBatched;
        contestants.back().options.io_bytes_max = io_bytes;
    }
    compete(file, options, &contestants);
    choices->io_bytes = kRequestBytes[first_within(speeds_of(contestants), kNearlyBest)];
    keep(contestants, choices);
}

void choose_pages(const bench::TestFile& file, const CalibrationOptions& options,
                  DeviceChoices* choices) {
    constexpr std::uint64_t kBlockBytes = 1 << 20;
    const std::uint32_t depth = depth_of(kBlockBytes, choices->queue_depth);
    std::vector<Contestant> pair;
    for (const Pages pages : {Pages::kOwn, Pages::kHuge}) {
        const char* what = pages == Pages::kOwn ? "own pages" : "own huge pages";
        pair.push_back({{what, kBlockBytes, depth, choices->io_bytes, 0, 0}, {}});
        pair.back().options.waves = bench::Waves::kBatched;
        pair.back().options.memory = pages;
        pair.back().options.io_bytes_max = choices->io_bytes;
    }
    compete(file, options, &pair);
    choices->huge_pages = pair[1].row.gb_per_s >= kWorthIt * pair[0].row.gb_per_s ? 1 : 0;
    keep(pair, choices);
}

void choose_staging(const bench::TestFile& file, const CalibrationOptions& options,
                    const std::string& machine, DeviceChoices* choices) {
    choices->staging_count = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(
        kArenaBytesMax / choices->io_bytes, 2, std::min(2 * choices->queue_depth, 256u)));
    DeviceChoices always = *choices;
    always.stage_from_bytes = bench::kPageBytes;
    const std::string device = device_of(file.fd());
    const PrivateTable with(table_with("", machine, device, "", always).get());
    const PrivateTable without(table_with("", machine, device, "", *choices).get());

    std::vector<double> direct, staged;
    for (const std::uint64_t block_bytes : kStagedBlockBytes) {
        const std::uint64_t request_count =
            (block_bytes + choices->io_bytes - 1) / choices->io_bytes;
        const std::uint32_t depth = depth_of(block_bytes, choices->queue_depth / request_count);
        std::vector<Contestant> pair;
        for (const char* what : {"ordinary pages", "staged"}) {
            pair.push_back({{what, block_bytes, depth, choices->io_bytes, 0, 0}, {}});
            pair.back().options.waves = bench::Waves::kBatched;
            pair.back().options.memory = Pages::kOrdinary;
            pair.back().options.io_bytes_max = choices->io_bytes;
            pair.back().options.calibration = (pair.size() == 1 ? without : with).path();
        }
        compete(file, options, &pair);
        direct.push_back(pair[0].row.gb_per_s);
        staged.push_back(pair[1].row.gb_per_s);
        keep(pair, choices);
    }
    const std::size_t first = first_gain(direct, staged, kWorthIt);
    if (first < direct.size()) {
        choices->stage_from_bytes = static_cast<std::uint32_t>(kStagedBlockBytes[first]);
    }
}

}  // namespace

std::size_t first_within(const std::vector<double>& speeds, double share) {
    const double best = *std::max_element(speeds.begin(), speeds.end());
    std::size_t first = 0;
    while (speeds[first] < share * best) ++first;
    return first;
}

std::size_t first_gain(const std::vector<double>& direct, const std::vector<double>& staged,
                       double gain) {
    std::size_t first = direct.size();
    while (first > 0 && staged[first - 1] >= gain * direct[first - 1]) --first;
    return first;
}

DeviceChoices calibrate(const bench::TestFile& file, const std::string& machine,
                        const CalibrationOptions& options) {
    DeviceChoices choices;
    choose_depth(file, options, &choices);
    choose_request(file, options, &choices);
    choose_pages(file, options, &choices);
    choose_staging(file, options, machine, &choices);
    return choices;
}

}  // namespace bwrt::tools
