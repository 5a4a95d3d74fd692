// SPDX-License-Identifier: Apache-2.0

#include "bench/predict_reference.h"

#include <algorithm>

namespace bwrt::bench {

void Held::add(std::uint32_t head, std::uint64_t blocks, std::uint64_t now_ns) {
    drop(head);
    orders_[head] = {blocks, now_ns + limits_.horizon_ns};
    block_count_ += blocks;
}

void Held::drop(std::uint32_t head) {
    const auto at = orders_.find(head);
    if (at == orders_.end()) return;
    block_count_ -= at->second.blocks;
    orders_.erase(at);
}

void Held::drop_used(std::span<const std::uint32_t> blocks) {
    for (const std::uint32_t block : blocks) drop(block);
}

void Held::let_go(std::uint64_t now_ns, std::vector<std::uint32_t>& let_go_out) {
    for (auto at = orders_.begin(); at != orders_.end();) {
        if (at->second.until_ns > now_ns) {
            ++at;
            continue;
        }
        let_go_out.push_back(at->first);
        block_count_ -= at->second.blocks;
        at = orders_.erase(at);
    }
}

BackAtOnce::BackAtOnce(const replay::Trace& trace, const PredictWorld& world,
                       const HoldLimits& limits)
    : world_(world), held_(limits), is_head_(trace.block_count()) {}

void BackAtOnce::used(std::size_t /*request*/, std::span<const std::uint32_t> blocks,
                      std::uint64_t /*now_ns*/) {
    held_.drop_used(blocks);
    for (const std::uint32_t block : blocks) is_head_[block] = 0;
    is_head_[blocks.back()] = 1;
}

void BackAtOnce::evicted(std::uint32_t block, std::uint64_t /*now_ns*/) {
    if (is_head_[block] == 0) return;
    held_.drop(block);
    gone_.push_back(block);
}

void BackAtOnce::plan(std::uint64_t now_ns, std::uint64_t blocks_max,
                      std::vector<Order>& orders_out, std::vector<std::uint32_t>& let_go_out) {
    held_.let_go(now_ns, let_go_out);
    while (!gone_.empty()) {
        const std::uint32_t head = gone_.back();
        const std::uint64_t count = is_head_[head] != 0 ? world_.missing_count(head) : 0;
        if (count > std::min(blocks_max, held_.left())) return;
        gone_.pop_back();
        if (count == 0 || held_.has(head)) continue;
        blocks_max -= count;
        held_.add(head, count, now_ns);
        orders_out.push_back({head});
    }
}

Clairvoyant::Clairvoyant(const replay::Trace& trace, const PredictWorld& world,
                         const HoldLimits& limits)
    : world_(world),
      limits_(limits),
      held_(limits),
      next_ns_(trace.request_count()),
      head_due_ns_(trace.block_count()) {
    std::vector<std::uint64_t> used_ns(trace.block_count());
    for (std::size_t i = trace.request_count(); i-- > 0;) {
        const auto blocks = trace.blocks_of(i).first(trace.full_count(i));
        if (!blocks.empty()) next_ns_[i] = used_ns[blocks.back()];
        for (const std::uint32_t block : blocks) used_ns[block] = trace.arrival_ns(i);
    }
}

void Clairvoyant::used(std::size_t request, std::span<const std::uint32_t> blocks,
                       std::uint64_t /*now_ns*/) {
    held_.drop_used(blocks);
    for (const std::uint32_t block : blocks) {
        gone_.erase({head_due_ns_[block], block});
        head_due_ns_[block] = 0;
    }
    head_due_ns_[blocks.back()] = next_ns_[request];
}

void Clairvoyant::evicted(std::uint32_t block, std::uint64_t /*now_ns*/) {
    if (head_due_ns_[block] == 0) return;
    held_.drop(block);
    gone_.insert({head_due_ns_[block], block});
}

void Clairvoyant::plan(std::uint64_t now_ns, std::uint64_t blocks_max,
                       std::vector<Order>& orders_out, std::vector<std::uint32_t>& let_go_out) {
    held_.let_go(now_ns, let_go_out);
    for (auto at = gone_.begin(); at != gone_.end() && at->first <= now_ns + limits_.horizon_ns;) {
        const std::uint64_t count = world_.missing_count(at->second);
        if (count > std::min(blocks_max, held_.left())) return;
        if (count > 0) {
            blocks_max -= count;
            held_.add(at->second, count, now_ns);
            orders_out.push_back({at->second});
        }
        at = gone_.erase(at);
    }
}

}  // namespace bwrt::bench
