// SPDX-License-Identifier: Apache-2.0
//
// next_requests.h — for each reference of a trace, the next request that has its block: what
// policies see that know the future.

#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tools/replay/trace.h"

namespace bwrt::replay {

constexpr std::uint32_t kNeverAgain = 0xFFFF'FFFF;

class NextRequests {
 public:
    explicit NextRequests(const Trace& trace);

    // kNeverAgain where there is none.
    [[nodiscard]] std::span<const std::uint32_t> of(std::size_t request) const {
        const TraceRequest& asked = trace_.request(request);
        return std::span(next_).subspan(asked.first_reference, asked.block_count);
    }

 private:
    const Trace& trace_;
    std::vector<std::uint32_t> next_;
};

}  // namespace bwrt::replay
