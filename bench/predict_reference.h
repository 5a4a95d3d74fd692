// SPDX-License-Identifier: Apache-2.0
//
// predict_reference.h — what a prediction is held against, with the same disk and as much memory.
//
//   back at once   what was evicted last is fetched back, and waited for as long as the rule of
//                  the prediction allows: whoever knows nothing but that there is time
//   clairvoyant    knows when each chain is used next, and fetches those for which that is within
//                  the horizon, the soonest first: nothing it fetches is useless, and nobody who
//                  has to learn can be better with these limits

#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "bench/predict_world.h"

namespace bwrt::bench {

struct HoldLimits {
    std::uint64_t horizon_ns = 0;
    std::uint64_t held_blocks_max = 0;
};

// What was ordered and not used yet.
class Held {
 public:
    explicit Held(const HoldLimits& limits) : limits_(limits) {}
    [[nodiscard]] std::uint64_t left() const {
        return limits_.held_blocks_max - std::min(limits_.held_blocks_max, block_count_);
    }
    [[nodiscard]] bool has(std::uint32_t head) const { return orders_.count(head) != 0; }
    void add(std::uint32_t head, std::uint64_t blocks, std::uint64_t now_ns);
    void drop(std::uint32_t head);
    void drop_used(std::span<const std::uint32_t> blocks);
    void let_go(std::uint64_t now_ns, std::vector<std::uint32_t>& let_go_out);

 private:
    struct Item {
        std::uint64_t blocks, until_ns;
    };
    HoldLimits limits_;
    std::map<std::uint32_t, Item> orders_;
    std::uint64_t block_count_ = 0;
};

class BackAtOnce final : public Foresight {
 public:
    BackAtOnce(const replay::Trace& trace, const PredictWorld& world, const HoldLimits& limits);
    void used(std::size_t request, std::span<const std::uint32_t> blocks,
              std::uint64_t now_ns) override;
    void evicted(std::uint32_t block, std::uint64_t now_ns) override;
    void plan(std::uint64_t now_ns, std::uint64_t blocks_max, std::vector<Order>& orders_out,
              std::vector<std::uint32_t>& let_go_out) override;

 private:
    const PredictWorld& world_;
    Held held_;
    std::vector<char> is_head_;
    std::vector<std::uint32_t> gone_;  // the last at the end
};

class Clairvoyant final : public Foresight {
 public:
    Clairvoyant(const replay::Trace& trace, const PredictWorld& world, const HoldLimits& limits);
    void used(std::size_t request, std::span<const std::uint32_t> blocks,
              std::uint64_t now_ns) override;
    void evicted(std::uint32_t block, std::uint64_t now_ns) override;
    void plan(std::uint64_t now_ns, std::uint64_t blocks_max, std::vector<Order>& orders_out,
              std::vector<std::uint32_t>& let_go_out) override;

 private:
    using Due = std::pair<std::uint64_t, std::uint32_t>;  // when a head is used, and the head

    const PredictWorld& world_;
    HoldLimits limits_;
    Held held_;
    std::vector<std::uint64_t> next_ns_;      // of a request's head, after the request
    std::vector<std::uint64_t> head_due_ns_;  // by block, 0: no head, or never again
    std::set<Due> gone_;
};

}  // namespace bwrt::bench
