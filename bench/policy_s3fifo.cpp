// SPDX-License-Identifier: Apache-2.0
//
// S3-FIFO, after Yang, Zhang, Qiu, Yue and Rashmi, "FIFO queues are all you need for cache
// eviction" (SOSP 2023): a tenth is a queue for what is new, from which only what was used there
// goes on to the main queue; what was not leaves a ghost, and with a ghost one is not new.

#include <algorithm>
#include <vector>

#include "bench/policy_replay.h"

namespace bwrt::bench {
namespace {

class S3Fifo {
 public:
    S3Fifo(std::uint32_t block_count, std::uint32_t capacity)
        : lists_(block_count, 3),
          uses_(block_count),
          capacity_(capacity),
          small_count_(std::max(1u, capacity / 10)) {}

    [[nodiscard]] bool is_resident(std::uint32_t block) const {
        return lists_.is_in(block, kSmall) || lists_.is_in(block, kMain);
    }
    void access(std::uint32_t block) {
        if (is_resident(block)) {
            uses_[block] = static_cast<std::uint8_t>(std::min(uses_[block] + 1, 3));
            return;
        }
        const bool is_ghost = lists_.is_in(block, kGhost);
        lists_.remove(block);
        while (lists_.count(kSmall) + lists_.count(kMain) >= capacity_) evict();
        uses_[block] = 0;
        lists_.move_to(block, is_ghost ? kMain : kSmall);
    }

 private:
    enum List : std::uint8_t { kSmall, kMain, kGhost };

    void evict() {
        if (lists_.count(kSmall) >= small_count_ || lists_.count(kMain) == 0) {
            evict_small();
        } else {
            evict_main();
        }
    }
    void evict_small() {
        while (lists_.count(kSmall) > 0) {
            const std::uint32_t block = lists_.oldest(kSmall);
            if (uses_[block] <= kUsesEnough) {
                lists_.move_to(block, kGhost);
                if (lists_.count(kGhost) > capacity_ * 9 / 10) {
                    lists_.remove(lists_.oldest(kGhost));
                }
                return;
            }
            uses_[block] = 0;
            lists_.move_to(block, kMain);
        }
    }
    void evict_main() {
        for (;;) {
            const std::uint32_t block = lists_.oldest(kMain);
            if (uses_[block] == 0) {
                lists_.remove(block);
                return;
            }
            --uses_[block];
            lists_.move_to(block, kMain);
        }
    }

    static constexpr std::uint8_t kUsesEnough = 1;

    BlockLists lists_;
    std::vector<std::uint8_t> uses_;
    std::uint32_t capacity_;
    std::uint32_t small_count_;
};

}  // namespace

Hits replay_s3_fifo(const replay::Trace& trace, std::uint32_t capacity) {
    return replay_tail_first(trace, S3Fifo(trace.block_count(), capacity));
}

}  // namespace bwrt::bench
