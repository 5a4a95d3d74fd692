// SPDX-License-Identifier: Apache-2.0
//
// leaf-LRU that sees what is asked for within so many seconds: a leaf that is not goes first, the
// least recently used; where all are, the one that is needed last.  It lets everything in.

#include <set>
#include <vector>

#include "bench/policy_replay.h"

namespace bwrt::bench {
namespace {

constexpr std::uint32_t kNever = 0xFFFF'FFFF;

class Lookahead {
 public:
    Lookahead(const replay::Trace& trace, std::uint32_t capacity, std::uint64_t horizon_ns)
        : trace_(trace),
          blocks_(trace.block_count()),
          capacity_(capacity),
          horizon_ns_(horizon_ns) {}

    [[nodiscard]] bool is_resident(std::uint32_t block) const { return blocks_[block].is_resident; }

    // `next_of`: for each block of the request, which request asks for it next.
    void run(std::span<const std::uint32_t> request, std::span<const std::uint32_t> next_of,
             std::uint32_t index) {
        index_ = index;
        come_near();
        std::size_t used = 0;
        for (; used < request.size() && is_resident(request[used]); ++used) {
            forget(request[used]);
            blocks_[request[used]].used_at = index + 1;
        }
        while (used < request.size() && (resident_count_ < capacity_ || evict())) {
            insert(request[used++]);
        }
        for (std::size_t k = 0; k < used; ++k) {
            blocks_[request[k]].next = next_of[k];
            if (blocks_[request[k]].child_count == 0) list(request[k]);
        }
    }

 private:
    struct Block {
        std::uint32_t used_at = 0;
        std::uint32_t next = kNever;
        std::uint32_t child_count = 0;
        bool is_resident = false;
    };
    using Order = std::set<std::pair<std::uint32_t, std::uint32_t>>;

    [[nodiscard]] std::uint64_t arrival_ns(std::size_t request) const {
        return trace_.request(request).arrival_us * 1'000;
    }
    [[nodiscard]] bool is_near(std::uint32_t next) const {
        return next != kNever && arrival_ns(next) <= arrival_ns(index_) + horizon_ns_;
    }
    void list(std::uint32_t block) {
        const Block& leaf = blocks_[block];
        if (is_near(leaf.next)) {
            near_.insert({leaf.next, block});
            return;
        }
        far_.insert({leaf.used_at, block});
        if (leaf.next != kNever) coming_.insert({leaf.next, block});
    }
    void forget(std::uint32_t block) {
        const Block& leaf = blocks_[block];
        near_.erase({leaf.next, block});
        far_.erase({leaf.used_at, block});
        coming_.erase({leaf.next, block});
    }
    void come_near() {
        while (!coming_.empty() && is_near(coming_.begin()->first)) {
            const auto [next, block] = *coming_.begin();
            forget(block);
            near_.insert({next, block});
        }
    }
    bool evict() {
        if (far_.empty() && near_.empty()) return false;
        const std::uint32_t block = far_.empty() ? near_.rbegin()->second : far_.begin()->second;
        forget(block);
        blocks_[block].is_resident = false;
        --resident_count_;
        const std::uint32_t parent = trace_.parent(block);
        if (parent == replay::Trace::kNoBlock || --blocks_[parent].child_count > 0) return true;
        if (blocks_[parent].used_at != index_ + 1) list(parent);
        return true;
    }
    void insert(std::uint32_t block) {
        blocks_[block].is_resident = true;
        blocks_[block].used_at = index_ + 1;
        ++resident_count_;
        const std::uint32_t parent = trace_.parent(block);
        if (parent != replay::Trace::kNoBlock) ++blocks_[parent].child_count;
    }

    const replay::Trace& trace_;
    std::vector<Block> blocks_;
    Order far_;     // leaves that are not needed soon, by use
    Order coming_;  // those of them that are needed, by when
    Order near_;    // leaves that are needed soon, by when
    std::uint32_t capacity_;
    std::uint32_t resident_count_ = 0;
    std::uint32_t index_ = 0;
    std::uint64_t horizon_ns_;
};

}  // namespace

std::vector<std::uint32_t> next_requests(const replay::Trace& trace) {
    std::vector<std::uint32_t> next_of(trace.reference_count(), kNever);
    std::vector<std::uint32_t> next(trace.block_count(), kNever);
    std::size_t reference = trace.reference_count();
    for (std::size_t i = trace.request_count(); i-- > 0;) {
        const auto request = trace.blocks_of(i);
        for (std::size_t k = request.size(); k-- > 0;) {
            next_of[--reference] = next[request[k]];
            next[request[k]] = static_cast<std::uint32_t>(i);
        }
    }
    return next_of;
}

Hits replay_lookahead(const replay::Trace& trace, std::uint32_t capacity,
                      std::uint64_t horizon_ns) {
    const std::vector<std::uint32_t> next_of = next_requests(trace);
    Lookahead cache(trace, capacity, horizon_ns);
    Hits hits;
    std::size_t reference = 0;
    for (std::size_t i = 0; i < trace.request_count(); ++i) {
        const auto request = trace.blocks_of(i);
        count_hits(
            request, [&](std::uint32_t block) { return cache.is_resident(block); }, &hits);
        cache.run(request, std::span(next_of).subspan(reference, request.size()),
                  static_cast<std::uint32_t>(i));
        reference += request.size();
    }
    return hits;
}

}  // namespace bwrt::bench
