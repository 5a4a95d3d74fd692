// SPDX-License-Identifier: Apache-2.0
//
// ARC, after Megiddo and Modha, "ARC: A Self-Tuning, Low Overhead Replacement Cache" (FAST 2003):
// what was used once and what was used again have a list each, and so have those that left them;
// a miss that is in one of the latter moves the target of the former's sizes.

#include <algorithm>

#include "bench/policy_replay.h"

namespace bwrt::bench {
namespace {

class Arc {
 public:
    Arc(std::uint32_t block_count, std::uint32_t capacity)
        : lists_(block_count, 4), capacity_(capacity) {}

    [[nodiscard]] bool is_resident(std::uint32_t block) const {
        return lists_.is_in(block, kOnce) || lists_.is_in(block, kAgain);
    }
    void access(std::uint32_t block) {
        if (is_resident(block)) {
            lists_.move_to(block, kAgain);
        } else if (lists_.is_in(block, kOnceGone)) {
            once_target_ = std::min<double>(capacity_, once_target_ + step(kAgainGone, kOnceGone));
            make_room(false);
            lists_.move_to(block, kAgain);
        } else if (lists_.is_in(block, kAgainGone)) {
            once_target_ = std::max(0.0, once_target_ - step(kOnceGone, kAgainGone));
            make_room(true);
            lists_.move_to(block, kAgain);
        } else {
            make_room_for_new();
            lists_.move_to(block, kOnce);
        }
    }

 private:
    enum List : std::uint8_t { kOnce, kAgain, kOnceGone, kAgainGone };

    [[nodiscard]] double step(List of, List by) const {
        return std::max(1.0, static_cast<double>(lists_.count(of)) / lists_.count(by));
    }
    void make_room(bool is_again_gone) {
        const std::uint32_t once = lists_.count(kOnce);
        const auto whole = static_cast<std::uint32_t>(once_target_);
        if (once > 0 && (once > whole || (is_again_gone && once == whole))) {
            lists_.move_to(lists_.oldest(kOnce), kOnceGone);
        } else {
            lists_.move_to(lists_.oldest(kAgain), kAgainGone);
        }
    }
    void make_room_for_new() {
        const std::uint32_t once = lists_.count(kOnce) + lists_.count(kOnceGone);
        const std::uint32_t all = once + lists_.count(kAgain) + lists_.count(kAgainGone);
        if (once == capacity_) {
            if (lists_.count(kOnce) == capacity_) {
                lists_.remove(lists_.oldest(kOnce));
                return;
            }
            lists_.remove(lists_.oldest(kOnceGone));
            make_room(false);
        } else if (all >= capacity_) {
            if (all == 2 * capacity_) lists_.remove(lists_.oldest(kAgainGone));
            make_room(false);
        }
    }

    BlockLists lists_;
    std::uint32_t capacity_;
    double once_target_ = 0;
};

}  // namespace

Hits replay_arc(const replay::Trace& trace, std::uint32_t capacity) {
    return replay_tail_first(trace, Arc(trace.block_count(), capacity));
}

}  // namespace bwrt::bench
