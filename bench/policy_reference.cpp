// SPDX-License-Identifier: Apache-2.0

#include "bench/policy_reference.h"

#include <list>
#include <queue>
#include <set>
#include <tuple>
#include <vector>

#include "bench/policy_replay.h"

namespace bwrt::bench {
namespace {

constexpr std::uint32_t kNever = 0xFFFF'FFFF;

Hits replay_list(const replay::Trace& trace, std::uint32_t capacity, bool moves_on_hit) {
    std::list<std::uint32_t> order;  // newest first
    std::vector<std::list<std::uint32_t>::iterator> places(trace.block_count(), order.end());
    const auto is_resident = [&](std::uint32_t block) { return places[block] != order.end(); };
    Hits hits;
    for (std::size_t i = 0; i < trace.request_count(); ++i) {
        count_hits(trace.blocks_of(i), is_resident, &hits);
        for (const std::uint32_t block : trace.blocks_of(i)) {
            if (is_resident(block)) {
                if (moves_on_hit) order.splice(order.begin(), order, places[block]);
                continue;
            }
            if (order.size() == capacity) {
                places[order.back()] = order.end();
                order.pop_back();
            }
            order.push_front(block);
            places[block] = order.begin();
        }
    }
    return hits;
}

class LeafLru {
 public:
    LeafLru(const replay::Trace& trace, std::uint32_t capacity)
        : trace_(trace), blocks_(trace.block_count()), capacity_(capacity) {}

    [[nodiscard]] bool is_resident(std::uint32_t block) const { return blocks_[block].is_resident; }

    // What the running request uses has its time, and is no leaf until it is over.
    void run(std::span<const std::uint32_t> request, std::uint64_t time) {
        time_ = time;
        std::size_t used = 0;
        for (; used < request.size() && is_resident(request[used]); ++used) {
            leaves_.erase({blocks_[request[used]].time, request[used]});
            blocks_[request[used]].time = time;
        }
        while (used < request.size() && (resident_count_ < capacity_ || evict())) {
            insert(request[used++]);
        }
        for (const std::uint32_t block : request.first(used)) {
            if (blocks_[block].child_count == 0) leaves_.insert({time, block});
        }
    }

 private:
    struct Block {
        std::uint64_t time = 0;
        std::uint32_t child_count = 0;
        bool is_resident = false;
    };

    bool evict() {
        if (leaves_.empty()) return false;
        const std::uint32_t block = leaves_.begin()->second;
        leaves_.erase(leaves_.begin());
        blocks_[block].is_resident = false;
        --resident_count_;
        const std::uint32_t parent = trace_.parent(block);
        if (parent == replay::Trace::kNoBlock || --blocks_[parent].child_count > 0) return true;
        if (blocks_[parent].time != time_) leaves_.insert({blocks_[parent].time, parent});
        return true;
    }
    void insert(std::uint32_t block) {
        blocks_[block].is_resident = true;
        blocks_[block].time = time_;
        ++resident_count_;
        const std::uint32_t parent = trace_.parent(block);
        if (parent != replay::Trace::kNoBlock) ++blocks_[parent].child_count;
    }

    const replay::Trace& trace_;
    std::vector<Block> blocks_;
    std::set<std::pair<std::uint64_t, std::uint32_t>> leaves_;
    std::uint32_t capacity_;
    std::uint32_t resident_count_ = 0;
    std::uint64_t time_ = 0;
};

}  // namespace

Hits replay_fifo(const replay::Trace& trace, std::uint32_t capacity) {
    return replay_list(trace, capacity, false);
}

Hits replay_lru(const replay::Trace& trace, std::uint32_t capacity) {
    return replay_list(trace, capacity, true);
}

Hits replay_leaf_lru(const replay::Trace& trace, std::uint32_t capacity) {
    LeafLru cache(trace, capacity);
    Hits hits;
    for (std::size_t i = 0; i < trace.request_count(); ++i) {
        count_hits(
            trace.blocks_of(i), [&](std::uint32_t block) { return cache.is_resident(block); },
            &hits);
        cache.run(trace.blocks_of(i), i + 1);
    }
    return hits;
}

Hits replay_optimum(const replay::Trace& trace, std::uint32_t capacity) {
    const std::vector<std::uint32_t> next_of = next_requests(trace);

    // Farthest first, of one request the deepest; what has been used since is passed over.
    std::priority_queue<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>> farthest;
    std::vector<std::uint32_t> needed_at(trace.block_count(), kNever);  // of the resident ones
    std::uint32_t resident_count = 0;
    std::size_t reference = 0;
    Hits hits;
    for (std::size_t i = 0; i < trace.request_count(); ++i) {
        const auto request = trace.blocks_of(i);
        count_hits(
            request, [&](std::uint32_t block) { return needed_at[block] != kNever; }, &hits);
        for (std::uint32_t depth = 0; depth < request.size(); ++depth, ++reference) {
            const std::uint32_t block = request[depth];
            if (needed_at[block] != kNever) --resident_count;
            needed_at[block] = next_of[reference];
            if (needed_at[block] == kNever) continue;
            ++resident_count;
            farthest.emplace(needed_at[block], depth, block);
        }
        while (resident_count > capacity) {
            const auto [request_index, depth, block] = farthest.top();
            farthest.pop();
            if (needed_at[block] != request_index) continue;
            needed_at[block] = kNever;
            --resident_count;
        }
    }
    return hits;
}

}  // namespace bwrt::bench
