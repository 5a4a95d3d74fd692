// SPDX-License-Identifier: Apache-2.0

#include "tools/replay/policies/next_requests.h"

namespace bwrt::replay {

NextRequests::NextRequests(const Trace& trace)
    : trace_(trace), next_(trace.reference_count(), kNeverAgain) {
    std::vector<std::uint32_t> next(trace.block_count(), kNeverAgain);
    std::size_t reference = trace.reference_count();
    for (std::size_t i = trace.request_count(); i-- > 0;) {
        const auto request = trace.blocks_of(i);
        for (std::size_t k = request.size(); k-- > 0;) {
            next_[--reference] = next[request[k]];
            next[request[k]] = static_cast<std::uint32_t>(i);
        }
    }
}

}  // namespace bwrt::replay
