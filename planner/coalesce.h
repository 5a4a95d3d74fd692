// SPDX-License-Identifier: Apache-2.0
//
// coalesce.h — the union of what a window asks for, when all of it can move.
//
// Within a group, rows whose pages overlap, meet, or lie at most a worthwhile gap apart become one
// operation.  A row is compared with the farthest page so far and not with the row before it, so
// what lies within an earlier row moves once ([0,100], [5,6], [50,60] is one run).
//
// placement.h does the same for a window of which something has to stay behind, one row after the
// other and twenty times slower; where nothing has to, both give the same operations.

#pragma once

#include <cstdint>
#include <vector>

#include "planner/page_groups.h"
#include "planner/plan.h"
#include "planner/radix_sort.h"
#include "planner/score.h"

namespace bwrt::planner {

struct Coalesced {
    bool is_whole = true;     // false: an operation is too large for 61 bits, or its gaps depend on
                              // which of several page sizes came first; placement.h must do it
    bool is_own = true;       // false: some row pays for other bytes than it asks for, as pages are
                              // shared, gaps are moved, or pages of several sizes meet
    std::uint64_t bytes = 0;  // of all operations; saturated, as each of them may be too large
};

// `rows_by_page`: by group and first page.  The operations come in this order, and say what they
// are to those whom they serve (serve.h).
[[nodiscard]] Coalesced coalesce(const PageGroups& groups, const Zeroed<ScoredRow>& scored,
                                 const std::vector<KeyedRow>& rows_by_page,
                                 std::uint64_t gap_bytes_max,
                                 std::vector<Operation>& operations_out) noexcept;

}  // namespace bwrt::planner
