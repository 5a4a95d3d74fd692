// SPDX-License-Identifier: Apache-2.0
//
// queue.h — what an engine can see of the future: the requests that arrive within so long.
//
// The cache is told of each when it comes into sight, and again when blocks that it will ask for
// have been stored.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tools/replay/cache.h"
#include "tools/replay/trace.h"

namespace bwrt::replay {

class Queue {
 public:
    // `to_cache` turns a time on the trace's clock into one on the cache's.
    Queue(const Trace& trace, Cache& cache, std::uint64_t horizon_ns,
          std::function<std::uint64_t(std::uint64_t)> to_cache)
        : trace_(trace), cache_(cache), horizon_ns_(horizon_ns), to_cache_(std::move(to_cache)) {}

    // It is this one's turn: all that come soon after it are in sight.
    void come_to(std::size_t request);
    // Its blocks from `first` on were stored.
    void stored(std::span<const std::uint32_t> blocks, std::uint32_t first);

 private:
    void see(std::size_t request);
    void tell(std::size_t request);

    const Trace& trace_;
    Cache& cache_;
    std::uint64_t horizon_ns_;
    std::function<std::uint64_t(std::uint64_t)> to_cache_;
    std::size_t now_ = 0;                                                 // whose turn it is
    std::size_t next_ = 0;                                                // not in sight yet
    std::unordered_map<std::uint32_t, std::vector<std::size_t>> asking_;  // [block]: who will
};

}  // namespace bwrt::replay
