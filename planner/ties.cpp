// SPDX-License-Identifier: Apache-2.0

#include "planner/ties.h"

namespace bwrt::planner {

void put_smallest_first(std::uint32_t row_count, RadixSort& sort, std::vector<KeyedRow>& order,
                        Zeroed<ScoredRow>& scored) noexcept {
    order.clear();
    for (std::uint32_t row = 0; row < row_count; ++row) {
        if (scored[row].stays) order.push_back({scored[row].bytes(), row});
    }
    sort.sort(order);
    for (KeyedRow& keyed : order) keyed.key = scored[keyed.row].urgency;
    sort.sort(order);
    std::uint64_t number = 0, urgency = 0, bytes = 0;
    for (const KeyedRow& keyed : order) {
        ScoredRow& row = scored[keyed.row];
        if (keyed.key != urgency || row.bytes() != bytes) ++number;
        urgency = keyed.key;
        bytes = row.bytes();
        row.urgency = number;
    }
}

}  // namespace bwrt::planner
