// SPDX-License-Identifier: Apache-2.0

#include "tools/replay/queue.h"

#include <algorithm>
#include <set>

namespace bwrt::replay {
namespace {

// Loads of those in front take their time.
constexpr std::uint64_t kSlackNs = 50'000'000;

}  // namespace

void Queue::come_to(std::size_t request) {
    // Its own turn has come: nobody is told of it any more.
    for (const std::uint32_t block : trace_.blocks_of(request)) {
        const auto asking = asking_.find(block);
        if (asking == asking_.end()) continue;
        std::erase(asking->second, request);
        if (asking->second.empty()) asking_.erase(asking);
    }
    now_ = request;
    next_ = std::max(next_, request + 1);
    const std::uint64_t end_us = trace_.request(request).arrival_us + horizon_ns_ / 1'000;
    while (next_ < trace_.request_count() && trace_.request(next_).arrival_us <= end_us) {
        see(next_++);
    }
}

void Queue::see(std::size_t request) {
    for (const std::uint32_t block : trace_.blocks_of(request)) asking_[block].push_back(request);
    tell(request);
}

void Queue::stored(std::span<const std::uint32_t> blocks, std::uint32_t first) {
    std::set<std::size_t> requests;
    for (const std::uint32_t block : blocks.subspan(first)) {
        const auto asking = asking_.find(block);
        if (asking != asking_.end()) requests.insert(asking->second.begin(), asking->second.end());
    }
    for (const std::size_t request : requests) tell(request);
}

// Those in front are behind their times as much as this one is.
void Queue::tell(std::size_t request) {
    const TraceRequest& about = trace_.request(request);
    const std::uint64_t away_us = about.arrival_us - trace_.request(now_).arrival_us;
    cache_.expect(trace_.blocks_of(request), {about.tenant, about.session},
                  to_cache_(away_us * 1'000 + kSlackNs));
}

}  // namespace bwrt::replay
