// SPDX-License-Identifier: Apache-2.0

#include "tools/replay/policies/leaf_lru.h"

namespace bwrt::replay {

std::span<const std::uint32_t> LeafLru::run(std::span<const std::uint32_t> request,
                                            std::uint64_t time) {
    time_ = time;
    std::size_t used = 0;
    for (; used < request.size() && has(request[used]); ++used) {
        leaves_.erase({blocks_[request[used]].time, request[used]});
        blocks_[request[used]].time = time;
    }
    const std::size_t first = used;
    while (used < request.size() && (here_count_ < capacity_ || evict())) insert(request[used++]);
    for (const std::uint32_t block : request.first(used)) {
        if (blocks_[block].child_count == 0) leaves_.insert({time, block});
    }
    return request.subspan(first, used - first);
}

bool LeafLru::evict() {
    if (leaves_.empty()) return false;
    const std::uint32_t block = leaves_.begin()->second;
    leaves_.erase(leaves_.begin());
    blocks_[block].is_here = false;
    --here_count_;
    const std::uint32_t parent = trace_.parent(block);
    if (parent == Trace::kNoBlock || --blocks_[parent].child_count > 0) return true;
    if (blocks_[parent].time != time_) leaves_.insert({blocks_[parent].time, parent});
    return true;
}

void LeafLru::insert(std::uint32_t block) {
    blocks_[block].is_here = true;
    blocks_[block].time = time_;
    ++here_count_;
    const std::uint32_t parent = trace_.parent(block);
    if (parent != Trace::kNoBlock) ++blocks_[parent].child_count;
}

}  // namespace bwrt::replay
