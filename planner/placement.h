// SPDX-License-Identifier: Apache-2.0
//
// placement.h — which rows of a window move now: budgets, credits, deadlines and company, at once.
//
// Rows are looked at one by one, the most urgent first.  Of its pages, a row needs those that no
// operation moves yet, and pays for these alone: so a page moves once and is paid for once, by the
// most urgent that asks, and whoever asks later rides along.  A row is taken when
//
//   its tenant has the credit, its target the bytes and the operations left, over all sources, and
//   it would be done by its deadline behind everything that was taken before it.
//
// What does not fit is passed over, and the next row is looked at: nothing large stands in front of
// what is small.  What could never fit, being larger than a whole window's budget, moves in parts.
//
// Its pages join a neighbouring operation, and may so join two into one, only where nobody taken
// before is made late by it (bus_queue.h); else they become an operation of their own at the end of
// the queue.  Hence what is decided for a row depends on more urgent rows alone, and adding a row
// never makes one late that is more urgent than it.
//
// Gaps between neighbours are moved, too, when that is cheaper than another operation: up to
// `gap_bytes_max` for each operation saved.  At last, operations below `min_io_bytes` stay behind
// to wait for company, if the next window is soon enough for all of their rows.

#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "planner/bus_queue.h"
#include "planner/overlap.h"
#include "planner/page_groups.h"
#include "planner/page_runs.h"
#include "planner/plan.h"
#include "planner/radix_sort.h"
#include "planner/routes.h"
#include "planner/score.h"
#include "planner/zeroed.h"

namespace bwrt::planner {

// What one tier of one node takes in a window, whatever it comes from.
struct TierBudget {
    std::uint64_t bytes = ~std::uint64_t{0};
    std::uint32_t operation_count = ~std::uint32_t{0};
};

struct TenantCredit {
    std::uint64_t left_bytes = ~std::uint64_t{0};
    std::uint64_t burst_bytes = ~std::uint64_t{0};  // the most that it can ever have
};

// The arrays belong to the caller.
struct PlacementInputs {
    std::uint64_t now_ns = 0;
    std::uint64_t window_ns = 0;  // to the next one
    std::uint64_t min_io_bytes = 0;
    std::uint64_t gap_bytes_max = 0;
    std::uint8_t age_max = 8;  // windows that anything may be carried
    bool takes_late = false;   // what will be late moves all the same
    bool joins = true;         // false: each row that moves pages is an operation of its own
    const TierBudget* budgets = nullptr;    // [node][tier]
    const Route* routes = nullptr;          // [source][target]
    const Bus* buses = nullptr;             // [node][kBusCountMax]
    const TenantCredit* credits = nullptr;  // [tenant]
    OverlapRule overlap;
    const std::uint64_t* layer_ns = nullptr;  // [layer_count], and beyond them nothing is known
    std::uint32_t layer_count = 0;
};

class Placement {
 public:
    // A row makes one or two, before and behind what moves already.
    static constexpr std::uint32_t kOperationsPerRow = 2;

    // Takes its memory: some 600 bytes a row, touched as far as rows are taken.
    explicit Placement(const WindowLimits& limits);

    // `rows_by_urgency`: those that stay.  Writes their verdicts and what they paid.  The
    // operations come by group and page; whom they serve is not said yet (serve.h).
    void run(const RequestColumns& rows, const PageGroups& groups, const Zeroed<ScoredRow>& scored,
             const std::vector<KeyedRow>& rows_by_urgency, const PlacementInputs& inputs,
             std::vector<Operation>& operations_out, std::vector<Verdict>& verdicts_out,
             std::vector<std::uint64_t>& rest_first_out) noexcept;

    // Of the last run; a row that did not move paid nothing.
    [[nodiscard]] std::uint64_t paid_bytes(std::uint32_t row) const noexcept { return paid_[row]; }

 private:
    static constexpr std::uint32_t kPieceCountMax = 64;

    // An operation in the making.
    struct Making {
        std::uint64_t page_first, page_end, page_bytes, bytes;
        std::int64_t movable_bytes;  // by the deadline of the most urgent that it serves
        std::uint32_t position;
    };
    // A row that is being looked at, with what it stands for.
    struct Asking;

    void begin(const std::vector<KeyedRow>& rows_by_urgency) noexcept;
    [[nodiscard]] Verdict place(std::uint32_t row) noexcept;
    [[nodiscard]] bool look(Asking& asking) noexcept;
    [[nodiscard]] Verdict cut(Asking& asking) noexcept;
    [[nodiscard]] Verdict take(Asking& asking) noexcept;
    [[nodiscard]] bool fits_behind(const Asking& asking, std::uint64_t longer_bytes,
                                   std::uint64_t bytes) const noexcept;
    [[nodiscard]] bool widen(Asking& asking) noexcept;
    void hasten(const Asking& asking) noexcept;
    void bound(const Asking& asking, Making& making) noexcept;

    [[nodiscard]] bool join(Asking& asking, PageInterval piece) noexcept;
    [[nodiscard]] bool join_at(Asking& asking, PageRuns::Place place, PageInterval pages) noexcept;
    void unite(Asking& asking, PageRuns::Place place) noexcept;
    [[nodiscard]] bool unite_two(Asking& asking, PageRuns::Place left,
                                 PageRuns::Place right) noexcept;
    void append(Asking& asking, PageInterval piece) noexcept;

    [[nodiscard]] std::uint64_t gap_pages(std::uint64_t page_bytes) const noexcept;
    [[nodiscard]] std::int64_t end_bytes(const BusQueue& queue,
                                         const Making& making) const noexcept;
    [[nodiscard]] bool pays(const Asking& asking, std::uint64_t bytes) const noexcept;
    void pay(Asking& asking, std::uint64_t bytes) noexcept;

    void settle(std::vector<Operation>& operations_out) noexcept;

    WindowLimits limits_;
    PageRuns runs_;
    Zeroed<Making> making_;
    std::uint32_t making_count_ = 0;
    Zeroed<BusQueue::Node> nodes_;
    std::vector<BusQueue> queues_;            // [node][bus]
    std::vector<std::uint32_t> row_counts_;   // [node][bus]
    std::vector<TierBudget> left_;            // [node][tier]
    std::vector<std::uint64_t> credit_left_;  // [tenant]
    Zeroed<std::uint64_t> paid_;
    std::array<PageInterval, kPieceCountMax> pieces_;  // of a row, what nobody moves yet

    // Of the run under way.
    const RequestColumns* rows_ = nullptr;
    const PageGroups* groups_ = nullptr;
    const Zeroed<ScoredRow>* scored_ = nullptr;
    const PlacementInputs* inputs_ = nullptr;
    std::uint64_t* rest_first_ = nullptr;
};

}  // namespace bwrt::planner
