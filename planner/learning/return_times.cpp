// SPDX-License-Identifier: Apache-2.0

#include "planner/learning/return_times.h"

#include <algorithm>
#include <bit>

#include "planner/saturating.h"

namespace bwrt::planner {
namespace {

__extension__ typedef unsigned __int128 Wide;

constexpr std::uint64_t kOne = std::uint64_t{1} << 32;
constexpr std::uint32_t kMsShift = 20;     // ages are looked at in units of 1.05 ms
constexpr std::uint32_t kFirstOctave = 6;  // the first bin ends at 2^6 of them

constexpr std::uint32_t kWorkRows = 1;
constexpr std::uint32_t kPaceRows = kWorkRows + RestClass::kWorkCount;
constexpr std::uint32_t kGrowthRows = kPaceRows + RestClass::kWorkCount * RestClass::kPaceCount;
constexpr std::uint32_t kRowCount =
    kGrowthRows + RestClass::kWorkCount * RestClass::kPaceCount * RestClass::kGrowthCount;

std::uint32_t log2_of(std::uint64_t x) noexcept {
    return static_cast<std::uint32_t>(std::bit_width(x)) - 1;
}

std::uint64_t rest_bin_begin_ns(std::uint32_t bin) noexcept {
    return bin == 0 ? 0 : rest_bin_end_ns(bin - 1);
}

}  // namespace

std::uint32_t rest_bin(std::uint64_t age_ns) noexcept {
    const std::uint64_t units = age_ns >> kMsShift;
    if (units >> kFirstOctave == 0) return 0;
    const std::uint32_t octave = log2_of(units);
    const auto quarter = static_cast<std::uint32_t>((units >> (octave - 2)) & 3u);
    return std::min(1 + 4 * (octave - kFirstOctave) + quarter, kRestBinCount - 1);
}

std::uint64_t rest_bin_end_ns(std::uint32_t bin) noexcept {
    if (bin >= kRestBinCount - 1) return kNever;
    const std::uint32_t octave = kFirstOctave + bin / 4;
    return std::uint64_t{4 + bin % 4} << (octave - 2 + kMsShift);
}

std::uint8_t work_class(std::uint64_t work_ns) noexcept {
    const std::uint64_t halves = work_ns >> 29;  // of a second, nearly
    if (halves == 0) return 0;
    return static_cast<std::uint8_t>(std::min(1 + log2_of(halves), RestClass::kWorkCount - 1));
}

std::uint8_t pace_class(std::uint32_t mean_bin_16) noexcept {
    constexpr std::uint32_t kSecond = 17;  // the bin in which a second ends
    const std::uint32_t octaves =
        mean_bin_16 < 16 * kSecond ? 0 : (mean_bin_16 - 16 * kSecond) / 64;
    return static_cast<std::uint8_t>(1 + std::min(octaves, RestClass::kPaceCount - 2));
}

std::uint8_t growth_class(std::uint64_t bytes_before, std::uint64_t bytes) noexcept {
    if (bytes <= bytes_before) return 0;
    const std::uint64_t grown = bytes - bytes_before;
    if (grown <= bytes / 64) return 1;
    return grown <= bytes / 8 ? 2 : 3;
}

ReturnTimes::ReturnTimes() : counts_(std::size_t{kRowCount} * kRestBinCount) {}

ReturnTimes::Rows ReturnTimes::rows_of(const RestClass& rest) noexcept {
    const std::uint32_t pace = rest.work * RestClass::kPaceCount + rest.pace;
    const std::uint32_t growth = pace * RestClass::kGrowthCount + rest.growth;
    return {0, kWorkRows + rest.work, kPaceRows + pace, kGrowthRows + growth};
}

void ReturnTimes::add(const RestClass& rest, std::uint32_t bin, std::uint32_t returned) noexcept {
    for (const std::uint32_t row : rows_of(rest)) {
        Count& count = counts_[row * kRestBinCount + bin];
        if (count.exposed >= kMemoryCount * kUnit) {
            count.exposed /= 2;
            count.returned /= 2;
        }
        count.exposed += kUnit;
        count.returned += returned;
    }
}

std::uint64_t ReturnTimes::hazard(const Rows& rows, std::uint32_t bin) const noexcept {
    std::uint64_t hazard = 0;
    for (const std::uint32_t row : rows) {
        const Count& count = counts_[row * kRestBinCount + bin];
        const std::uint64_t wider = hazard * kBlendCount * kUnit;
        hazard = (count.returned * kOne + wider) / (count.exposed + kBlendCount * kUnit);
    }
    return hazard;
}

Return ReturnTimes::predict(const RestClass& rest, std::uint64_t age_ns, std::uint64_t horizon_ns,
                            std::uint32_t enough_milli) const noexcept {
    const std::uint64_t stays_enough = kOne - kOne * std::min(enough_milli, 1000u) / 1000;
    const Rows rows = rows_of(rest);
    const std::uint64_t end_ns = add_saturating(age_ns, horizon_ns);
    std::uint64_t stays = kOne;
    Wide weighed = 0;
    std::uint64_t from_ns = age_ns;
    for (std::uint32_t bin = rest_bin(age_ns);
         bin < kRestBinCount - 1 && from_ns < end_ns && stays > stays_enough; ++bin) {
        const std::uint64_t bin_ns = rest_bin_end_ns(bin) - rest_bin_begin_ns(bin);
        const std::uint64_t to_ns = std::min(end_ns, rest_bin_end_ns(bin));
        const std::uint64_t goes =
            static_cast<std::uint64_t>(Wide{hazard(rows, bin)} * (to_ns - from_ns) / bin_ns);
        const std::uint64_t returns = (stays * goes) >> 32;
        weighed += Wide{returns} * (from_ns + (to_ns - from_ns) / 2);
        stays -= returns;
        from_ns = to_ns;
    }
    const std::uint64_t returns = kOne - stays;
    if (returns == 0) return {};
    return {static_cast<std::uint32_t>((returns * 1000) >> 32),
            static_cast<std::uint64_t>(weighed / returns), from_ns};
}

}  // namespace bwrt::planner
