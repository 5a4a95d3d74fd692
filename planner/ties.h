// SPDX-License-Identifier: Apache-2.0
//
// ties.h — which of two rows of a class goes first that are due at the same time: the smaller one.
//
// When not all of them can be there in time, the order decides how many are.  Of jobs with one
// deadline, shortest first ends the most of them in time (Moore, 1968), while the order in which
// they came may spend all there is on the largest.  A row's key is its own bytes, never a sum over
// others, so a row more still takes nothing from those before it.  Rows that are as large as each
// other stay as they came, and so do the layers of a request.

#pragma once

#include <cstdint>
#include <vector>

#include "planner/radix_sort.h"
#include "planner/score.h"

namespace bwrt::planner {

// Numbers the urgencies of the rows that stay anew, so that equal ones differ by bytes.  `order` is
// scratch, with room for all rows.
void put_smallest_first(std::uint32_t row_count, RadixSort& sort, std::vector<KeyedRow>& order,
                        Zeroed<ScoredRow>& scored) noexcept;

}  // namespace bwrt::planner
