// SPDX-License-Identifier: Apache-2.0

#include "tools/replay/policies/policy.h"

#include "tools/replay/policies/leaf_lru.h"
#include "tools/replay/policies/list_tier.h"
#include "tools/replay/policies/lookahead.h"
#include "tools/replay/policies/optimum.h"

namespace bwrt::replay {
namespace {

class NoPolicy final : public Policy {
 public:
    [[nodiscard]] Place place_of(std::uint32_t) const override { return Place::kNowhere; }
    void serve(std::size_t, Came&) override {}
};

// Of two tiers of the same kind.
template <typename Tier>
class TwoTiers : public Policy {
 public:
    TwoTiers(const Trace& trace, Tier memory, Tier disk)
        : trace_(trace), memory_(std::move(memory)), disk_(std::move(disk)) {}

    [[nodiscard]] Place place_of(std::uint32_t block) const override {
        if (memory_.has(block)) return Place::kMemory;
        return disk_.has(block) ? Place::kDisk : Place::kNowhere;
    }

 protected:
    const Trace& trace_;
    Tier memory_, disk_;
};

class ListPolicy final : public TwoTiers<ListTier> {
 public:
    ListPolicy(const Trace& trace, const PolicyRoom& room, ListOrder order)
        : TwoTiers(trace, {trace.block_count(), room.memory_count, order},
                   {trace.block_count(), room.disk_count, order}) {}

    void serve(std::size_t request, Came& came_out) override {
        const auto blocks = trace_.blocks_of(request);
        for (std::size_t k = blocks.size(); k-- > 0;) touch(blocks[k], came_out);
    }

 private:
    void touch(std::uint32_t block, Came& came_out) {
        const Place place = place_of(block);
        if (disk_.has(block) || place == Place::kNowhere) disk_.access(block);
        memory_.access(block);
        if (place == Place::kNowhere && disk_.has(block)) came_out.written.push_back(block);
        if (place != Place::kMemory && memory_.has(block)) ++came_out.memory_count;
    }
};

class LeafPolicy final : public TwoTiers<LeafLru> {
 public:
    LeafPolicy(const Trace& trace, const PolicyRoom& room)
        : TwoTiers(trace, {trace, room.memory_count}, {trace, room.disk_count}) {}

    void serve(std::size_t request, Came& came_out) override {
        const auto blocks = trace_.blocks_of(request);
        came_out.memory_count = memory_.run(blocks, request + 1).size();
        const auto written = disk_.run(blocks, request + 1);
        came_out.written.assign(written.begin(), written.end());
    }
};

class SeeingPolicy final : public TwoTiers<Lookahead> {
 public:
    SeeingPolicy(const Trace& trace, const PolicyRoom& room, std::uint64_t horizon_ns)
        : TwoTiers(trace, {trace, room.memory_count, horizon_ns},
                   {trace, room.disk_count, horizon_ns}),
          next_(trace) {}

    void serve(std::size_t request, Came& came_out) override {
        const auto blocks = trace_.blocks_of(request);
        const auto index = static_cast<std::uint32_t>(request);
        came_out.memory_count = memory_.run(blocks, next_.of(request), index).size();
        const auto written = disk_.run(blocks, next_.of(request), index);
        came_out.written.assign(written.begin(), written.end());
    }

 private:
    NextRequests next_;
};

class OptimumPolicy final : public TwoTiers<Optimum> {
 public:
    OptimumPolicy(const Trace& trace, const PolicyRoom& room)
        : TwoTiers(trace, {trace.block_count(), room.memory_count},
                   {trace.block_count(), room.disk_count}),
          next_(trace) {}

    void serve(std::size_t request, Came& came_out) override {
        const auto blocks = trace_.blocks_of(request);
        came_.clear();
        for (std::uint32_t depth = 0; depth < blocks.size(); ++depth) {
            if (!memory_.has(blocks[depth])) came_.push_back(blocks[depth]);
            disk_.remove(blocks[depth]);
            memory_.keep({next_.of(request)[depth], depth, blocks[depth]});
        }
        memory_.shrink(gone_);
        for (const std::uint32_t block : came_) came_out.memory_count += memory_.has(block) ? 1 : 0;
        for (const Optimum::Kept& kept : gone_) disk_.keep(kept);
        disk_.shrink(dropped_);
        for (std::size_t k = gone_.size(); k-- > 0;) {
            if (disk_.has(gone_[k].block)) came_out.written.push_back(gone_[k].block);
        }
    }

 private:
    NextRequests next_;
    std::vector<std::uint32_t> came_;
    std::vector<Optimum::Kept> gone_, dropped_;
};

}  // namespace

std::unique_ptr<Policy> no_policy() { return std::make_unique<NoPolicy>(); }

std::unique_ptr<Policy> fifo_policy(const Trace& trace, const PolicyRoom& room) {
    return std::make_unique<ListPolicy>(trace, room, ListOrder::kFifo);
}

std::unique_ptr<Policy> lru_policy(const Trace& trace, const PolicyRoom& room) {
    return std::make_unique<ListPolicy>(trace, room, ListOrder::kLru);
}

std::unique_ptr<Policy> leaf_lru_policy(const Trace& trace, const PolicyRoom& room) {
    return std::make_unique<LeafPolicy>(trace, room);
}

std::unique_ptr<Policy> seeing_policy(const Trace& trace, const PolicyRoom& room,
                                      std::uint64_t horizon_ns) {
    return std::make_unique<SeeingPolicy>(trace, room, horizon_ns);
}

std::unique_ptr<Policy> optimum_policy(const Trace& trace, const PolicyRoom& room) {
    return std::make_unique<OptimumPolicy>(trace, room);
}

}  // namespace bwrt::replay
