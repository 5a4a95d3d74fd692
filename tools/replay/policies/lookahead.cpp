// SPDX-License-Identifier: Apache-2.0

#include "tools/replay/policies/lookahead.h"

namespace bwrt::replay {

std::span<const std::uint32_t> Lookahead::run(std::span<const std::uint32_t> request,
                                              std::span<const std::uint32_t> next_of,
                                              std::uint32_t index) {
    index_ = index;
    come_near();
    std::size_t used = 0;
    for (; used < request.size() && has(request[used]); ++used) {
        forget(request[used]);
        blocks_[request[used]].used_at = index + 1;
    }
    const std::size_t first = used;
    while (used < request.size() && (here_count_ < capacity_ || evict())) insert(request[used++]);
    for (std::size_t k = 0; k < used; ++k) {
        blocks_[request[k]].next = next_of[k];
        if (blocks_[request[k]].child_count == 0) list(request[k]);
    }
    return request.subspan(first, used - first);
}

void Lookahead::list(std::uint32_t block) {
    const Block& leaf = blocks_[block];
    if (is_near(leaf.next)) {
        near_.insert({leaf.next, block});
        return;
    }
    far_.insert({leaf.used_at, block});
    if (leaf.next != kNeverAgain) coming_.insert({leaf.next, block});
}

void Lookahead::forget(std::uint32_t block) {
    const Block& leaf = blocks_[block];
    near_.erase({leaf.next, block});
    far_.erase({leaf.used_at, block});
    coming_.erase({leaf.next, block});
}

void Lookahead::come_near() {
    while (!coming_.empty() && is_near(coming_.begin()->first)) {
        const auto [next, block] = *coming_.begin();
        forget(block);
        near_.insert({next, block});
    }
}

bool Lookahead::evict() {
    if (far_.empty() && near_.empty()) return false;
    const std::uint32_t block = far_.empty() ? near_.rbegin()->second : far_.begin()->second;
    forget(block);
    blocks_[block].is_here = false;
    --here_count_;
    const std::uint32_t parent = trace_.parent(block);
    if (parent == Trace::kNoBlock || --blocks_[parent].child_count > 0) return true;
    if (blocks_[parent].used_at != index_ + 1) list(parent);
    return true;
}

void Lookahead::insert(std::uint32_t block) {
    blocks_[block].is_here = true;
    blocks_[block].used_at = index_ + 1;
    ++here_count_;
    const std::uint32_t parent = trace_.parent(block);
    if (parent != Trace::kNoBlock) ++blocks_[parent].child_count;
}

}  // namespace bwrt::replay
