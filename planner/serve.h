// SPDX-License-Identifier: Apache-2.0
//
// serve.h — what an operation is to the rows that it serves, one row after the other.

#pragma once

#include <algorithm>

#include "planner/page_groups.h"
#include "planner/plan.h"
#include "planner/score.h"

namespace bwrt::planner {

// An operation for pages of a group, which serves nobody yet.
[[nodiscard]] inline Operation operation_for(const PageGroups& groups, std::uint32_t group,
                                             std::uint64_t page_first, std::uint64_t page_end,
                                             std::uint64_t page_bytes) noexcept {
    Operation operation;
    operation.page_first = page_first;
    operation.page_end = page_end;
    operation.page_bytes = page_bytes;
    operation.urgency = ~std::uint64_t{0};
    operation.slack_milli = kSlackMax;
    operation.model = groups[group].model;
    operation.prefix = groups[group].prefix;
    operation.group = group;
    operation.layer = groups[group].layer;
    operation.node = groups[group].node;
    operation.tier_src = groups[group].tier_src;
    operation.tier_dst = groups[group].tier_dst;
    return operation;
}

inline void serve(Operation& operation, std::uint32_t index, const ScoredRow& row) noexcept {
    if (row.urgency < operation.urgency) {
        operation.urgency = row.urgency;
        operation.row = index;
    } else if (row.urgency == operation.urgency) {
        operation.row = std::min(operation.row, index);
    }
    operation.deadline_ns = std::min(operation.deadline_ns, row.deadline_ns);
    operation.slack_milli = std::min(operation.slack_milli, row.slack_milli);
    operation.popularity_milli = std::max(operation.popularity_milli, row.popularity_milli);
    operation.request_class = std::min(operation.request_class, row.request_class);
    operation.age = std::max(operation.age, row.age);
    ++operation.fan_out;
}

}  // namespace bwrt::planner
