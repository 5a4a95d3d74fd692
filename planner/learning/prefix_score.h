// SPDX-License-Identifier: Apache-2.0
//
// prefix_score.h — how much of a prefix has been moved lately: what b-prefix-index keeps of each.
//
//   score = sum of bytes x 2^-(age / half-life)      an event of the future has no age
//
// Kept in parts of 2^-16 of a byte, as of its own tick: what is later moves it there, what is
// earlier is decayed up to it, so events and scores add up in any order.  It is right to 2^-24 of a
// half-life (4.2e-8 of itself) and 1.5 x 2^-16 of a byte an event; it holds up to 2^48 bytes, 281
// TB, and stays there.
//
// In b-prefix-index what was kept is decayed from the last event and not from when it was computed,
// where it had been decayed up to already: twice for the same time.  Here once.

#pragma once

#include <algorithm>
#include <cstdint>

#include "planner/learning/decay.h"

namespace bwrt::planner {

class PrefixScore {
 public:
    // Something of `bytes` was moved at event_ns, told at now_ns.
    void add(const Decay& decay, std::uint64_t bytes, std::uint64_t event_ns,
             std::uint64_t now_ns) noexcept {
        PrefixScore event;
        event.score_ = std::min(bytes, kScoreMax >> kFractionBits) << kFractionBits;
        event.tick_ = decay.tick_of(std::min(event_ns, now_ns));
        event.event_count_ = 1;
        event.bytes_ = bytes;
        event.last_ns_ = event_ns;
        merge(event);
    }

    // What another has seen is added, both of one half-life.
    void merge(const PrefixScore& other) noexcept {
        const std::uint64_t tick = std::max(tick_, other.tick_);
        score_ =
            sum(Decay::fade(score_, tick - tick_), Decay::fade(other.score_, tick - other.tick_));
        tick_ = tick;
        event_count_ = sum(event_count_, other.event_count_);
        bytes_ = sum(bytes_, other.bytes_);
        last_ns_ = std::max(last_ns_, other.last_ns_);
    }

    // In thousandths of a byte.
    [[nodiscard]] std::uint64_t score_milli(const Decay& decay,
                                            std::uint64_t now_ns) const noexcept {
        const std::uint64_t tick = std::max(tick_, decay.tick_of(now_ns));
        const std::uint64_t score = Decay::fade(score_, tick - tick_);
        const std::uint64_t fraction = score & ((std::uint64_t{1} << kFractionBits) - 1);
        return (score >> kFractionBits) * 1000 +
               ((fraction * 1000 + (std::uint64_t{1} << (kFractionBits - 1))) >> kFractionBits);
    }

    [[nodiscard]] std::uint64_t event_count() const noexcept { return event_count_; }
    [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }  // without decay
    [[nodiscard]] std::uint64_t last_ns() const noexcept { return last_ns_; }

 private:
    static constexpr std::uint32_t kFractionBits = 16;
    static constexpr std::uint64_t kScoreMax = ~std::uint64_t{0};

    static std::uint64_t sum(std::uint64_t one, std::uint64_t other) noexcept {
        return one + std::min(other, kScoreMax - one);
    }

    std::uint64_t score_ = 0;  // bytes x 2^16, at tick_
    std::uint64_t tick_ = 0;
    std::uint64_t event_count_ = 0;
    std::uint64_t bytes_ = 0;
    std::uint64_t last_ns_ = 0;  // of the latest event
};

}  // namespace bwrt::planner
