// SPDX-License-Identifier: Apache-2.0
//
// steady_value.h — numbers that follow what is measured, in integers: the same bits from every
// compiler.
//
//   WindowMean   an exponentially weighted mean over windows, mean += (sample - mean) / 2^shift,
//                with 8 bits behind the unit: at rest it is less than a unit off for shifts up to 8
//   SteadyValue  a value in force, which moves to what is wanted only when that has been more than
//                a share away, on the same side, for so many windows in turn: what was chosen by it
//                does not flutter with the noise of the mean

#pragma once

#include <algorithm>
#include <cstdint>

namespace bwrt::planner {

class WindowMean {
 public:
    static constexpr std::uint32_t kFractionBits = 8;
    static constexpr std::uint64_t kSampleMax = std::uint64_t{1} << 48;

    // The first sample is the mean.
    void add(std::uint64_t sample, std::uint32_t shift) noexcept {
        const std::uint64_t wanted = std::min(sample, kSampleMax) << kFractionBits;
        if (!is_known_) {
            is_known_ = true;
            scaled_ = wanted;
        } else if (wanted > scaled_) {
            scaled_ += (wanted - scaled_) >> shift;
        } else {
            scaled_ -= (scaled_ - wanted) >> shift;
        }
    }

    [[nodiscard]] bool is_known() const noexcept { return is_known_; }
    [[nodiscard]] std::uint64_t value() const noexcept { return scaled_ >> kFractionBits; }

 private:
    std::uint64_t scaled_ = 0;
    bool is_known_ = false;
};

struct SteadyRule {
    std::uint32_t share_milli = 125;  // of the value in force; what is nearer moves nothing
    std::uint32_t window_count = 3;   // in turn
};

class SteadyValue {
 public:
    explicit SteadyValue(std::uint64_t value = 0) : value_(value) {}

    void follow(std::uint64_t wanted, const SteadyRule& rule) noexcept {
        __extension__ typedef unsigned __int128 Wide;
        const bool is_above = wanted > value_;
        const std::uint64_t apart = is_above ? wanted - value_ : value_ - wanted;
        if (Wide{apart} * 1000 <= Wide{value_} * rule.share_milli) {
            away_count_ = 0;
            return;
        }
        away_count_ = is_above == was_above_ ? away_count_ + 1 : 1;
        was_above_ = is_above;
        if (away_count_ < rule.window_count) return;
        value_ = wanted;
        away_count_ = 0;
    }

    [[nodiscard]] std::uint64_t value() const noexcept { return value_; }

 private:
    std::uint64_t value_;
    std::uint32_t away_count_ = 0;  // windows in turn, all of them on the side of was_above_
    bool was_above_ = false;
};

}  // namespace bwrt::planner
