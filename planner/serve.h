// SPDX-License-Identifier: Apache-2.0
//
// serve.h — what an operation is to the rows that it serves, one row after the other.

#pragma once

#include <algorithm>

#include "planner/page_groups.h"
#include "planner/plan.h"
#include "planner/score.h"

namespace bwrt::planner {

// Makes it one for pages of a group, which serves nobody yet, whatever it was.  All fields are set
// where it lies: a copy would be read in wider parts than it was just written in, and wait for
// them.
inline void begin_operation(const PageGroups& groups, std::uint32_t group, std::uint64_t page_first,
                            std::uint64_t page_end, std::uint64_t page_bytes,
                            Operation& operation_out) noexcept {
    const PageGroup key = groups[group];
    operation_out.page_first = page_first;
    operation_out.page_end = page_end;
    operation_out.page_bytes = page_bytes;
    operation_out.bytes = 0;
    operation_out.deadline_ns = kNoDeadline;
    operation_out.finish_ns = 0;
    operation_out.urgency = ~std::uint64_t{0};
    operation_out.slack_milli = kSlackMax;
    operation_out.popularity_milli = 0;
    operation_out.model = key.model;
    operation_out.prefix = key.prefix;
    operation_out.group = group;
    operation_out.row = 0;
    operation_out.fan_out = 0;
    operation_out.position = 0;
    operation_out.layer = key.layer;
    operation_out.node = key.node;
    operation_out.tier_src = key.tier_src;
    operation_out.tier_dst = key.tier_dst;
    operation_out.age = 0;
    operation_out.overlap = 1;
    operation_out.request_class = RequestClass::kPrediction;
}

// `Served` is an operation, or what is one in the making.
template <typename Served>
void serve(Served& served, std::uint32_t index, const ScoredRow& row) noexcept {
    if (row.urgency < served.urgency) {
        served.urgency = row.urgency;
        served.row = index;
    } else if (row.urgency == served.urgency) {
        served.row = std::min(served.row, index);
    }
    served.deadline_ns = std::min(served.deadline_ns, row.deadline_ns);
    served.slack_milli = std::min(served.slack_milli, row.slack_milli);
    served.popularity_milli = std::max(served.popularity_milli, row.popularity_milli);
    served.request_class = std::min(served.request_class, row.request_class);
    served.age = std::max(served.age, row.age);
    ++served.fan_out;
}

}  // namespace bwrt::planner
