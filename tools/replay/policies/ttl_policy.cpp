// SPDX-License-Identifier: Apache-2.0
//
// Times to live, by the rules of LMCache's TTL branch as planner/tiers/lifetime.h has them.  What a
// trace says nothing of, complexity and variance, is 0.

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "planner/tiers/lifetime.h"
#include "tools/replay/policies/policy.h"

namespace bwrt::replay {
namespace {

constexpr std::uint64_t kSecondNs = 1'000'000'000;

// Blocks by when they end; of those that end together the one that was used first goes first.
class TtlTier {
 public:
    TtlTier(std::uint32_t block_count, std::uint32_t capacity)
        : ends_(block_count), capacity_(capacity) {}

    [[nodiscard]] bool has(std::uint32_t block) const { return ends_[block].use != 0; }

    void expire(std::uint64_t now_ns) {
        while (!order_.empty() && std::get<0>(*order_.begin()) <= now_ns) drop_first();
    }
    // False where there is no room at all.
    bool use(std::uint32_t block, std::uint64_t end_ns) {
        if (capacity_ == 0) return false;
        if (has(block)) {
            order_.erase({ends_[block].at_ns, ends_[block].use, block});
        } else if (order_.size() == capacity_) {
            drop_first();
        }
        ends_[block] = {end_ns, ++use_count_};
        order_.insert({end_ns, use_count_, block});
        return true;
    }

 private:
    struct End {
        std::uint64_t at_ns = 0;
        std::uint64_t use = 0;  // 0: it is not here
    };

    void drop_first() {
        ends_[std::get<2>(*order_.begin())] = {};
        order_.erase(order_.begin());
    }

    std::vector<End> ends_;
    std::set<std::tuple<std::uint64_t, std::uint64_t, std::uint32_t>> order_;
    std::uint32_t capacity_;
    std::uint64_t use_count_ = 0;
};

class TtlPolicy final : public Policy {
 public:
    TtlPolicy(const Trace& trace, const PolicyRoom& room)
        : trace_(trace),
          memory_(trace.block_count(), room.memory_count),
          disk_(trace.block_count(), room.disk_count),
          uses_(trace.block_count()) {}

    void arrive(std::size_t request) override {
        memory_.expire(trace_.arrival_ns(request));
        disk_.expire(trace_.arrival_ns(request));
    }
    [[nodiscard]] Place place_of(std::uint32_t block) const override {
        if (memory_.has(block)) return Place::kMemory;
        return disk_.has(block) ? Place::kDisk : Place::kNowhere;
    }
    void serve(std::size_t request, Came& came_out) override {
        const auto blocks = trace_.blocks_of(request);
        for (std::size_t k = blocks.size(); k-- > 0;) {
            touch(blocks[k], trace_.arrival_ns(request), came_out);
        }
    }

 private:
    struct Uses {
        std::uint32_t count = 0;
        std::uint64_t last_ns = 0;
    };

    void touch(std::uint32_t block, std::uint64_t now_ns, Came& came_out) {
        Uses& uses = uses_[block];
        planner::BlockHints hints;
        hints.access_count = ++uses.count;
        hints.idle_seconds = static_cast<std::uint32_t>((now_ns - uses.last_ns) / kSecondNs);
        uses.last_ns = now_ns;
        const std::uint64_t end_ns = now_ns + kSecondNs * planner::ttl_of(hints);

        const Place place = place_of(block);
        if (disk_.has(block) || place == Place::kNowhere) {
            if (disk_.use(block, end_ns) && place == Place::kNowhere) {
                came_out.written.push_back(block);
            }
        }
        const bool is_for_memory = planner::tier_of(hints) == planner::TierChoice::kMemory;
        if (place != Place::kMemory && !is_for_memory) return;
        if (memory_.use(block, end_ns) && place != Place::kMemory) ++came_out.memory_count;
    }

    const Trace& trace_;
    TtlTier memory_, disk_;
    std::vector<Uses> uses_;
};

}  // namespace

std::unique_ptr<Policy> ttl_policy(const Trace& trace, const PolicyRoom& room) {
    return std::make_unique<TtlPolicy>(trace, room);
}

}  // namespace bwrt::replay
