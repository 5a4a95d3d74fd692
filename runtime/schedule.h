// SPDX-License-Identifier: Apache-2.0
//
// schedule.h — which wave is served next on a lane.
//
// By priority; inside one, earliest deadline first.  Two rules keep everything moving:
//   - a wave without a deadline, or with a distant one, counts as due a second after its
//     submission, and one whose deadline has passed as due when it was submitted, so a stream of
//     urgent deadlines delays a wave by a second and no more;
//   - every 16th pick goes to a lower priority that has work, each of them in turn.

#pragma once

#include <algorithm>
#include <cstdint>

#include "include/bwrt.h"
#include "runtime/clock.h"
#include "runtime/wave_heap.h"

namespace bwrt::runtime {

constexpr std::uint64_t kPatienceNs = 1'000'000'000;
constexpr std::uint32_t kLowerShare = 16;

template <Lane kLane>
class ReadyQueue {
 public:
    explicit ReadyQueue(const WaveTable* waves)
        : heaps_{WaveHeap<Place>(waves), WaveHeap<Place>(waves), WaveHeap<Place>(waves)} {}

    void insert(Wave* wave) noexcept {
        const std::uint64_t patience_ns = wave->submitted_ns + kPatienceNs;
        const std::uint64_t due_ns = std::clamp(wave->deadline_ns, wave->submitted_ns, patience_ns);
        heaps_[rank_of(*wave)].insert(wave, {due_ns, wave->sequence});
    }

    [[nodiscard]] static bool has(Wave& wave) noexcept { return Place::of(wave) != kNoIndex; }

    // Does nothing for a wave that is not here.
    void remove(Wave* wave) noexcept { heaps_[rank_of(*wave)].remove(wave); }

    [[nodiscard]] bool is_empty() const noexcept {
        for (const auto& heap : heaps_) {
            if (!heap.is_empty()) return false;
        }
        return true;
    }

    // Its most urgent wave goes before that of the other, which like this one has some.
    [[nodiscard]] bool goes_before(const ReadyQueue& other) const noexcept {
        const std::uint32_t rank = first_rank(), other_rank = other.first_rank();
        if (rank != other_rank) return rank < other_rank;
        return heaps_[rank].top_key() < other.heaps_[rank].top_key();
    }

    // The wave to serve now, which stays in the queue; null when there is none.
    [[nodiscard]] Wave* pick() noexcept {
        std::uint32_t rank = first_rank();
        if (rank == kRankCount) return nullptr;
        if (++pick_count_ % kLowerShare == 0) {
            for (std::uint32_t i = 0; i < kRankCount; ++i) {
                lower_turn_ = (lower_turn_ + 1) % kRankCount;
                if (lower_turn_ > rank && !heaps_[lower_turn_].is_empty()) {
                    rank = lower_turn_;
                    break;
                }
            }
        }
        return &heaps_[rank].top();
    }

 private:
    struct Place {
        static std::uint32_t& of(Wave& wave) noexcept {
            return wave.ready_place[static_cast<std::uint32_t>(kLane)];
        }
    };
    static constexpr std::uint32_t kRankCount = 3;

    [[nodiscard]] std::uint32_t first_rank() const noexcept {
        std::uint32_t rank = 0;
        while (rank < kRankCount && heaps_[rank].is_empty()) ++rank;
        return rank;
    }

    // URGENT, NORMAL, BACKGROUND.
    static std::uint32_t rank_of(const Wave& wave) noexcept {
        constexpr std::uint32_t kRanks[] = {1, 0, 2};
        static_assert(BWRT_PRIORITY_NORMAL == 0 && BWRT_PRIORITY_URGENT == 1 &&
                      BWRT_PRIORITY_BACKGROUND == 2);
        return kRanks[wave.priority];
    }

    WaveHeap<Place> heaps_[kRankCount];
    std::uint32_t pick_count_ = 0;
    std::uint32_t lower_turn_ = 0;
};

}  // namespace bwrt::runtime
