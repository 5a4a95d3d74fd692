// SPDX-License-Identifier: Apache-2.0
//
// W-TinyLFU, after Einziger, Friedman and Manes, "TinyLFU: A Highly Efficient Cache Admission
// Policy" (ACM Transactions on Storage 2017): a window of 1 % for what is new, behind it a
// segmented LRU of which four fifths are protected, and between them the question which of two
// blocks was used more often.  Counts are exact here up to 15, and all halved after ten uses a
// place.

#include <algorithm>
#include <vector>

#include "bench/policy_replay.h"

namespace bwrt::bench {
namespace {

class WindowTinyLfu {
 public:
    WindowTinyLfu(std::uint32_t block_count, std::uint32_t capacity)
        : lists_(block_count, 3),
          uses_(block_count),
          window_count_(std::max(1u, capacity / 100)),
          main_count_(capacity - window_count_),
          protected_count_(main_count_ * 8 / 10),
          halving_period_(std::uint64_t{10} * capacity) {}

    [[nodiscard]] bool is_resident(std::uint32_t block) const {
        return lists_.is_in(block, kWindow) || lists_.is_in(block, kProbation) ||
               lists_.is_in(block, kProtected);
    }
    void access(std::uint32_t block) {
        count(block);
        if (lists_.is_in(block, kProbation)) {
            lists_.move_to(block, kProtected);
            if (lists_.count(kProtected) > protected_count_) {
                lists_.move_to(lists_.oldest(kProtected), kProbation);
            }
        } else if (lists_.is_in(block, kProtected)) {
            lists_.move_to(block, kProtected);
        } else {
            lists_.move_to(block, kWindow);
            if (lists_.count(kWindow) > window_count_) admit(lists_.oldest(kWindow));
        }
    }

 private:
    enum List : std::uint8_t { kWindow, kProbation, kProtected };

    void count(std::uint32_t block) {
        uses_[block] = std::min(uses_[block] + 1, kUsesMax);
        if (++use_count_ < halving_period_) return;
        use_count_ = 0;
        for (std::uint32_t& uses : uses_) uses /= 2;
    }
    void admit(std::uint32_t candidate) {
        if (lists_.count(kProbation) + lists_.count(kProtected) < main_count_) {
            lists_.move_to(candidate, kProbation);
            return;
        }
        if (main_count_ == 0) {
            lists_.remove(candidate);
            return;
        }
        const std::uint32_t victim =
            lists_.oldest(lists_.count(kProbation) > 0 ? kProbation : kProtected);
        if (uses_[candidate] > uses_[victim]) {
            lists_.remove(victim);
            lists_.move_to(candidate, kProbation);
        } else {
            lists_.remove(candidate);
        }
    }

    static constexpr std::uint32_t kUsesMax = 15;  // of four bits

    BlockLists lists_;
    std::vector<std::uint32_t> uses_;
    std::uint32_t window_count_;
    std::uint32_t main_count_;
    std::uint32_t protected_count_;
    std::uint64_t halving_period_;
    std::uint64_t use_count_ = 0;
};

}  // namespace

Hits replay_w_tinylfu(const replay::Trace& trace, std::uint32_t capacity) {
    return replay_tail_first(trace, WindowTinyLfu(trace.block_count(), capacity));
}

}  // namespace bwrt::bench
