// SPDX-License-Identifier: Apache-2.0
//
// eviction_list.h — what leaves a tier to make room for what a window brings there.
//
//   deficit[node][tier] = bytes that the plan moves there - bytes that are free there
//
// Pages go the coldest first: by heat, then by last use, then by model, prefix, layer and page, so
// that the order is total.  A page goes only when
//
//   - its tier has a deficit left: the list of a tier ends with the page that reaches it, and
//     without that page it would not be reached;
//   - nothing that needs it stays: children before parents, so every prefix stays closed.  What a
//     parent's link means is the caller's: of another tier or node, it holds all the same;
//   - this window does not fetch it: neither what comes to the tier nor what is read from it.
//
// Churn.  What came less than `fresh_windows` ago has not had its time yet, and what was evicted
// less than `returned_windows` ago and is back would go round: both are passed over as long as
// anything else may go.  Both are 4 and 16 windows unless said otherwise: as long as a row waits
// until it goes first (planner.h), and four times that; they are not measured.
//
//   leaves ──▶ heap of what may go ──coldest──▶ fetched? passed over, and so is what it needs
//                    ▲                            └─no─▶ listed ──last child? its parent──┐
//                    └────────────────────────────────────────────────────────────────────┘
//
// The heap is made in linear time, and only what is listed is sorted: n + k log n.  BCache sorts
// all and stops below the deficit, so that a single large page stops it at nothing; it knows no
// tier of a page, and a sixth of what it lists is fetched by the same plan.
//
// eviction.h is what a store does when it must; this is what a planner proposes before.

#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "planner/plan.h"
#include "planner/radix_sort.h"
#include "planner/request_window.h"
#include "planner/residents.h"

namespace bwrt::planner {

struct EvictionRule {
    std::uint32_t fresh_windows = 4;      // 0: nothing is too fresh
    std::uint32_t returned_windows = 16;  // 0: nothing has gone and come back
};

class EvictionList {
 public:
    // Takes 20 bytes for each of `limits.resident_count_max`, and 64 for each operation.  Residents
    // beyond that number, or of nodes and tiers that the limits do not have, are not looked at.
    EvictionList(const WindowLimits& limits, std::uint32_t operation_count_max);

    // `free_bytes`: [node][tier].  `list_out` has room for all residents, or takes memory.
    void make(const Residents& residents, std::span<const Operation> operations,
              const std::uint64_t* free_bytes, std::uint64_t now_ns, std::uint64_t window_ns,
              const EvictionRule& rule, std::vector<EvictedPage>& list_out) noexcept;

 private:
    // Pages of a tier that are fetched, or read to be.
    struct Fetched {
        std::uint64_t place;  // node, tier and layer
        std::uint64_t whose;  // model and prefix
        std::uint64_t page_first;
        std::uint64_t page_end;
    };

    [[nodiscard]] bool find_deficits(std::span<const Operation> operations,
                                     const std::uint64_t* free_bytes) noexcept;
    void note_fetched(std::span<const Operation> operations) noexcept;
    void gather_leaves() noexcept;

    [[nodiscard]] std::size_t cell_of(std::uint16_t node, std::uint8_t tier) const noexcept;
    [[nodiscard]] std::uint64_t& deficit_of(std::uint32_t resident) noexcept;
    [[nodiscard]] std::uint32_t parent_of(std::uint32_t resident) const noexcept;
    [[nodiscard]] KeyedRow keyed(std::uint32_t resident) const noexcept;
    [[nodiscard]] bool goes_after(const KeyedRow& one, const KeyedRow& other) const noexcept;
    [[nodiscard]] bool is_fetched(std::uint32_t resident) const noexcept;

    WindowLimits limits_;
    std::vector<std::uint64_t> deficits_;  // [node][tier], and one more that has none
    std::uint32_t open_count_ = 0;         // of deficits that are not reached
    std::vector<Fetched> fetched_;         // by place and page; none overlap
    std::vector<std::uint32_t> child_counts_;
    std::vector<KeyedRow> heap_;

    // Of the call under way.
    const Residents* residents_ = nullptr;
    std::uint32_t count_ = 0;
    std::uint64_t fresh_ns_ = 0;     // what came after that is too fresh
    std::uint64_t returned_ns_ = 0;  // what was evicted after that has come back
};

}  // namespace bwrt::planner
