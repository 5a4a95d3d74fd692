// SPDX-License-Identifier: Apache-2.0
//
// placement_asking.h — a row that is being placed.  For placement*.cpp alone.

#pragma once

#include <algorithm>

#include "planner/placement.h"

namespace bwrt::planner {

// More than any window holds, where it does not fit into 64 bits.
[[nodiscard]] inline std::uint64_t bytes_of(const PageInterval& pages,
                                            std::uint64_t page_bytes) noexcept {
    std::uint64_t bytes = 0;
    return __builtin_mul_overflow(pages.end - pages.first, page_bytes, &bytes)
               ? RequestWindow::kBytesMax + 1
               : std::min(bytes, RequestWindow::kBytesMax + 1);
}

struct Placement::Asking {
    std::uint32_t row;
    std::uint32_t group;
    PageInterval pages;
    std::uint64_t page_bytes;
    const Route* route;
    const Bus* bus;
    BusQueue* queue;
    TierBudget* budget;
    TierBudget full_budget;
    std::uint64_t* credit;
    std::uint64_t burst_bytes;
    std::int64_t movable_bytes;          // by its deadline
    bool meets_smaller_pages = false;    // among what moves already
    std::uint32_t piece_count = 0;       // of pieces_
    std::uint64_t bytes = 0;             // of the pieces
    std::uint64_t reserved_bytes = 0;    // of those that are not taken yet
    std::int64_t covered_end_bytes = 0;  // when the last is moved of what others move for it
};

}  // namespace bwrt::planner
