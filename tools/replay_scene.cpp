// SPDX-License-Identifier: Apache-2.0

#include "tools/replay_scene.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>
#include <utility>

#include "tools/output.h"
#include "tools/replay/machine.h"
#include "tools/replay/series.h"
#include "tools/trace_source.h"

namespace bwrt::tools {
namespace {

using namespace bwrt::replay;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kHostBytesMin = 2 * kMiB, kDiskBytesMin = 128 * kMiB;
constexpr double kHorizonNs = 20e9;  // the library's own
constexpr std::uint64_t kHorizonNsMin = 100'000'000;
constexpr double kRedrawSeconds = 0.1;
// Of processor time that requests without a cache take, what is planned for.
constexpr double kBusyMost = 0.8;

std::uint64_t kv_bytes_of_token(const std::string& model) {
    // 2 (K and V) x layers x key-value heads x head size x 2 bytes
    if (model == "llama3-70b") return 2ull * 80 * 8 * 128 * 2;
    if (model == "llama3-8b") return 2ull * 32 * 8 * 128 * 2;
    throw Failure("E_INVAL", "--model: no model '" + model + "'", 2);
}

std::uint64_t block_bytes_of(const ReplayOptions& options, const Trace& trace) {
    std::uint64_t bytes = options.block_bytes;
    if (!options.model.empty()) {
        const double whole =
            static_cast<double>(kv_bytes_of_token(options.model) * trace.block_tokens());
        bytes = static_cast<std::uint64_t>(whole / options.scale) / 4'096 * 4'096;
    }
    if (bytes < 4'096 || bytes > 256 * kMiB || bytes % 8 != 0) {
        throw Failure("E_RANGE",
                      "a block of " + std::to_string(bytes) +
                          " bytes: 4 KiB to 256 MiB, in whole words of 8, can be replayed",
                      2);
    }
    return bytes;
}

std::uint32_t eviction_of(const std::string& policy) {
    if (policy.empty()) return BWRT_EVICTION_DEFAULT;
    if (policy == "learned") return BWRT_EVICTION_LEARNED;
    return policy == "ranked" ? BWRT_EVICTION_RANKED : BWRT_EVICTION_LRU;
}

// Bytes if they are given, else a share of the trace's blocks; none of 0.
std::uint64_t capacity_of(const char* tier, std::optional<std::uint64_t> given, double percent,
                          std::uint64_t least, std::uint64_t block_bytes, const Trace& trace) {
    if (given.has_value() ? *given == 0 : percent <= 0) return 0;
    const std::uint64_t bytes = given.value_or(
        static_cast<std::uint64_t>(trace.block_count() * percent / 100) * block_bytes);
    if (bytes >= least) return bytes;
    std::fprintf(stderr, "bwrt: %s: %s is raised to %s, the least\n", tier,
                 format_bytes(bytes).c_str(), format_bytes(least).c_str());
    return least;
}

}  // namespace

Scene scene_of(const ReplayOptions& options) {
    Scene scene;
    scene.name = name_of(options.source);
    scene.trace = trace_of(options.source);
    RuntimeCacheOptions& cache = scene.cache;
    cache.folder = options.folder;
    cache.block_bytes = block_bytes_of(options, scene.trace);
    cache.host_bytes =
        capacity_of("memory", options.host_bytes, options.host_percent,
                    std::max(kHostBytesMin, 8 * cache.block_bytes), cache.block_bytes, scene.trace);
    cache.disk_bytes = capacity_of("disk", options.disk_bytes, options.disk_percent, kDiskBytesMin,
                                   cache.block_bytes, scene.trace);
    if (cache.host_bytes + cache.disk_bytes == 0) {
        throw Failure("E_INVAL", "no tier: --dram or --disk must be more than 0", 2);
    }
    cache.is_planned = !options.no_plan;
    cache.prefetch_bytes = static_cast<std::uint64_t>(static_cast<double>(cache.host_bytes) *
                                                      options.prefetch_percent / 100);
    // What is learnt is learnt on the wall's clock, where all is `speed` times as soon.
    if (options.speed > 1) {
        cache.prefetch_horizon_ns =
            std::max(kHorizonNsMin, static_cast<std::uint64_t>(kHorizonNs / options.speed));
    }
    if (cache.prefetch_bytes != 0 && (options.no_plan || cache.disk_bytes == 0)) {
        throw Failure("E_INVAL", "--prefetch-percent: plans and a tier on disk are needed", 2);
    }
    cache.write_touch_count = options.write_touch_count;
    cache.tuning = options.tuning;
    cache.eviction = eviction_of(options.policy);
    cache.checked = options.sample ? Checked::kSample : Checked::kAll;
    cache.salt = options.source.seed;
    cache.is_modelled = options.mode == "model";
    if (!cache.is_modelled && !options.calibration.empty()) {
        throw Failure("E_INVAL", "--calibration: of a modelled disk, with --mode model", 2);
    }
    if (!options.calibration.empty()) {
        cache.machine = read_machine(options.calibration, options.folder);
    }
    if (options.lookahead_s > 0 && options.speed <= 0) {
        throw Failure("E_INVAL", "--lookahead: with --speed 0 nobody waits for an arrival", 2);
    }
    scene.rule.speed = options.speed;
    scene.rule.lookahead_ns = static_cast<std::uint64_t>(options.lookahead_s * 1e9);
    scene.rule.deadline_ns = static_cast<std::uint64_t>(options.deadline_ms * 1e6);
    scene.rule.prefill = {options.streams, options.prefill_rate};
    if (!options.report.empty()) scene.rule.part_ns = part_ns_of(scene.trace);
    return scene;
}

std::uint32_t streams_of(const Trace& trace, std::uint64_t tokens_per_s) {
    double tokens = 0;
    for (std::size_t i = 0; i < trace.request_count(); ++i) tokens += trace.request(i).input_tokens;
    const double seconds = std::max(static_cast<double>(trace.duration_us()) / 1e6, 1e-3);
    const double streams = tokens / seconds / static_cast<double>(tokens_per_s) / kBusyMost;
    return static_cast<std::uint32_t>(std::clamp(std::ceil(streams), 1.0, 4'096.0));
}

void print_scene(const Scene& scene) {
    const Trace& trace = scene.trace;
    std::printf("%s: %s in %.0f s, %s of %s\n", shown_name(scene.name, kPathColumnsMax).c_str(),
                counted(trace.request_count(), "request").c_str(),
                static_cast<double>(trace.duration_us()) / 1e6,
                counted(trace.block_count(), "different block").c_str(),
                format_bytes(scene.cache.block_bytes).c_str());
    std::printf("memory %s, disk %s, ", format_bytes(scene.cache.host_bytes).c_str(),
                format_bytes(scene.cache.disk_bytes).c_str());
}

ReplayLine::ReplayLine(const Trace& trace, std::string title)
    : trace_(trace),
      title_(std::move(title)),
      start_(seconds_now()),
      is_terminal_(isatty(STDERR_FILENO) == 1) {}

ReplayLine::~ReplayLine() {
    if (is_terminal_) std::fputs("\r\x1b[K", stderr);
}

void ReplayLine::draw(const ReplayResult& so_far) {
    for (; counted_ < so_far.served.size(); ++counted_) {
        blocks_ += so_far.served[counted_].block_count;
        host_ += so_far.served[counted_].host_count;
        disk_ += so_far.served[counted_].disk_count;
    }
    const double now = seconds_now();
    if (!is_terminal_ || now - drawn_ < kRedrawSeconds || counted_ == 0) return;
    drawn_ = now;
    const auto done = static_cast<double>(counted_);
    const auto all = static_cast<double>(trace_.request_count());
    const auto blocks = static_cast<double>(std::max<std::uint64_t>(blocks_, 1));
    const double elapsed = std::max(now - start_, 1e-3);
    std::fprintf(stderr,
                 "\r%s%3.0f %%  %.0f of %.0f requests, %.0f/s  hits %.1f %% memory, %.1f %% "
                 "disk  %.0f s left\x1b[K",
                 title_.c_str(), 100 * done / all, done, all, done / elapsed,
                 100 * static_cast<double>(host_) / blocks,
                 100 * static_cast<double>(disk_) / blocks, elapsed / done * (all - done));
}

}  // namespace bwrt::tools
