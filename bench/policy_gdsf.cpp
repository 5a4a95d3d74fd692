// SPDX-License-Identifier: Apache-2.0
//
// GDSF with unit size and cost, after Cherkasova, "Improving WWW Proxies Performance with
// Greedy-Dual-Size-Frequency Caching Policy" (HP Labs 1998): LFU that ages, for what leaves raises
// the priority with which the others come in.  Plain, and with leaves alone as victims.

#include <set>
#include <tuple>
#include <vector>

#include "bench/policy_replay.h"

namespace bwrt::bench {
namespace {

class Gdsf {
 public:
    Gdsf(const replay::Trace& trace, std::uint32_t capacity)
        : trace_(trace), blocks_(trace.block_count()), capacity_(capacity) {}

    [[nodiscard]] bool is_resident(std::uint32_t block) const { return blocks_[block].uses > 0; }

    void access(std::uint32_t block) {
        if (is_resident(block)) {
            order_.erase(place_of(block));
        } else if (order_.size() == capacity_) {
            const std::uint32_t victim = std::get<2>(*order_.begin());
            floor_ = blocks_[victim].priority;
            order_.erase(order_.begin());
            blocks_[victim].uses = 0;
        }
        use(block);
        order_.insert(place_of(block));
    }

    // What the running request uses is no leaf until it is over.
    void run(std::span<const std::uint32_t> request) {
        std::size_t used = 0;
        for (; used < request.size() && is_resident(request[used]); ++used) {
            order_.erase(place_of(request[used]));
            blocks_[request[used]].is_running = true;
        }
        while (used < request.size() && (resident_count_ < capacity_ || evict_leaf())) {
            const std::uint32_t block = request[used++];
            blocks_[block].is_running = true;
            ++resident_count_;
            const std::uint32_t parent = trace_.parent(block);
            if (parent != replay::Trace::kNoBlock) ++blocks_[parent].child_count;
            blocks_[block].uses = 0;
        }
        for (std::size_t k = used; k-- > 0;) {
            use(request[k]);
            blocks_[request[k]].is_running = false;
            if (blocks_[request[k]].child_count == 0) order_.insert(place_of(request[k]));
        }
    }

 private:
    struct Block {
        std::uint64_t priority = 0;
        std::uint64_t used_at = 0;
        std::uint32_t uses = 0;
        std::uint32_t child_count = 0;
        bool is_running = false;
    };
    using Place = std::tuple<std::uint64_t, std::uint64_t, std::uint32_t>;

    [[nodiscard]] Place place_of(std::uint32_t block) const {
        return {blocks_[block].priority, blocks_[block].used_at, block};
    }
    void use(std::uint32_t block) {
        blocks_[block].priority = floor_ + ++blocks_[block].uses;
        blocks_[block].used_at = ++time_;
    }
    bool evict_leaf() {
        if (order_.empty()) return false;
        const std::uint32_t victim = std::get<2>(*order_.begin());
        floor_ = blocks_[victim].priority;
        order_.erase(order_.begin());
        blocks_[victim].uses = 0;
        --resident_count_;
        const std::uint32_t parent = trace_.parent(victim);
        if (parent == replay::Trace::kNoBlock || --blocks_[parent].child_count > 0) return true;
        if (!blocks_[parent].is_running) order_.insert(place_of(parent));
        return true;
    }

    const replay::Trace& trace_;
    std::vector<Block> blocks_;
    std::set<Place> order_;  // of what may go
    std::uint32_t capacity_;
    std::uint32_t resident_count_ = 0;
    std::uint64_t floor_ = 0;
    std::uint64_t time_ = 0;
};

}  // namespace

Hits replay_gdsf(const replay::Trace& trace, std::uint32_t capacity) {
    return replay_tail_first(trace, Gdsf(trace, capacity));
}

Hits replay_leaf_gdsf(const replay::Trace& trace, std::uint32_t capacity) {
    Gdsf cache(trace, capacity);
    Hits hits;
    for (std::size_t i = 0; i < trace.request_count(); ++i) {
        count_hits(
            trace.blocks_of(i), [&](std::uint32_t block) { return cache.is_resident(block); },
            &hits);
        cache.run(trace.blocks_of(i));
    }
    return hits;
}

}  // namespace bwrt::bench
