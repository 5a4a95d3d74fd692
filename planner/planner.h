// SPDX-License-Identifier: Apache-2.0
//
// planner.h — from what was asked for to what moves: one window after the other.
//
//   request()  rows of the window, besides those that an earlier one carried   request_window.h
//   plan()     what each row is worth, and the order                           score.h
//              groups of the same pages                                        page_groups.h
//              all of it can move: the union                                   coalesce.h
//              else: what fits, the most urgent first                          placement.h
//              for whom, in which order, done when; what is too small waits    schedule.h
//              and how many copies of its layer should be under way            overlap.h
//              what leaves to make room for what comes                         eviction_list.h
//              what is worth writing down                                      admission_list.h
//   next()     what waits comes again, and what was asked for is a hit         heat.h
//
// A planner is a value: it has no clock, does no I/O, starts no thread, and the same calls give the
// same plans, to the bit.  All of its memory is taken when it is made and when the first window of
// a size comes.  It is not for several threads at a time.
//
// Nothing starves: what is carried comes again, one window older; from `age_first` windows on it
// goes before everything younger, and after `age_max` it is given back as kWaited.
//
// Heat.  What a window asks for counts as a hit once it has been planned, and not before: so what a
// row is worth depends on earlier windows alone, and no row can keep another one that takes the
// place of a third, more urgent than itself.  Demands and hints count, predictions do not, and what
// is carried has been counted.

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "planner/admission_list.h"
#include "planner/coalesce.h"
#include "planner/credits.h"
#include "planner/eviction_list.h"
#include "planner/learning/heat.h"
#include "planner/overlap.h"
#include "planner/page_groups.h"
#include "planner/placement.h"
#include "planner/plan.h"
#include "planner/radix_sort.h"
#include "planner/request_window.h"
#include "planner/schedule.h"
#include "planner/score.h"

namespace bwrt::planner {

// Each stage can be switched off: what it would keep back then moves.
struct PlannerRule {
    ScoreRule score;
    OverlapRule overlap;
    EvictionRule eviction;
    AdmissionRule admission;
    HeatLimits heat;
    std::uint64_t window_ns = 20'000'000;
    std::uint64_t min_io_bytes = 524'288;
    std::uint64_t gap_bytes_max = 0;
    std::uint8_t age_first = 4;
    std::uint8_t age_max = 8;  // 1: nothing is carried
    bool takes_late = false;
    bool has_credits = true;
    bool has_budgets = true;
    bool merges = true;        // false: a row is an operation, unless another row moves its pages
    bool takes_small = false;  // what is below min_io_bytes does not wait
    bool has_overlap = true;   // false: one copy of a layer at a time
    bool has_eviction = true;
    bool has_admission = true;
    bool has_heat = false;      // true: the planner counts hits itself
    bool has_finishes = false;  // true: a plan tells when each row is done, and by what
};

constexpr std::uint64_t kAsTheRule = ~std::uint64_t{0};

// What is measured, as of now; the arrays belong to the caller.
struct WindowState {
    std::uint64_t now_ns = 0;
    const TierBudget* budgets = nullptr;        // [node][tier]
    const Route* routes = nullptr;              // [source][target]
    const Bus* buses = nullptr;                 // [node][kBusCountMax]
    const std::uint64_t* heat_milli = nullptr;  // of each row's pages; nullptr: as was counted, and
                                                // all cold where nothing is
    const std::uint64_t* layer_ns = nullptr;    // that each layer takes to compute; 0: not known
    std::uint32_t layer_count = 0;              // of layer_ns; those beyond are not known
    const Residents* residents = nullptr;       // nullptr: nothing is evicted or admitted
    const std::uint64_t* free_bytes = nullptr;  // [node][tier]; nullptr: nothing is evicted
    std::uint64_t min_io_bytes = kAsTheRule;    // in this window (feedback.h)
    std::uint64_t gap_bytes_max = kAsTheRule;
};

class Planner {
 public:
    // Throws std::bad_alloc.
    Planner(const WindowLimits& limits, const PlannerRule& rule);

    [[nodiscard]] Refusal request(const Request& request) noexcept {
        return window_.append(request);
    }
    // Takes back all rows but the first so many, which were there after next().
    void withdraw(std::uint32_t row_count) noexcept { window_.truncate(row_count); }
    // Of what next() carried, the rows of requests that are gone, by their ids in ascending order.
    void forget(std::span<const std::uint64_t> gone) noexcept;
    // Those of the window that comes next; of the one that was planned last until the next request.
    [[nodiscard]] const RequestColumns& rows() const noexcept { return window_.rows(); }
    [[nodiscard]] std::uint32_t row_count() const noexcept { return window_.row_count(); }
    [[nodiscard]] Request row(std::uint32_t index) const noexcept { return window_.row(index); }

    [[nodiscard]] Credits& credits() noexcept { return credits_; }

    // Of the rows there are.  Then next() must come before anything is requested.
    [[nodiscard]] const Plan& plan(const WindowState& state) noexcept;

    // Ends the window: what its plan carries is in the next one already, but for rows of requests
    // that are gone, by their ids in ascending order.
    void next(std::span<const std::uint64_t> gone = {}) noexcept;
    // Ends it and carries nothing.
    void clear() noexcept;

 private:
    // Of rows with one source and target; what is true of them all need not be asked of each.
    struct Way {
        std::uint64_t deadline_ns_min;
        std::uint64_t row_bytes_max;
        std::uint32_t row_count;
    };

    void begin(const WindowState& state) noexcept;
    void read_rows(const WindowState& state, const std::uint64_t* heat_milli) noexcept;
    [[nodiscard]] std::uint32_t key_by_page(std::uint32_t first, std::uint32_t end,
                                            std::uint32_t kept) noexcept;
    [[nodiscard]] bool keys_have_groups() const noexcept;
    void forget_ways() noexcept;
    void look_at_ways(std::uint32_t first, std::uint32_t end) noexcept;
    [[nodiscard]] bool is_soon_enough(std::size_t way, std::uint64_t deadline_ns,
                                      std::uint64_t bytes) const noexcept;
    [[nodiscard]] bool refuse_late() noexcept;
    void sort_by_page() noexcept;
    void place() noexcept;
    [[nodiscard]] bool all_can_move(const Coalesced& whole) noexcept;
    [[nodiscard]] bool tenants_can_pay() noexcept;
    [[nodiscard]] bool targets_have_room(std::uint64_t bytes) noexcept;
    [[nodiscard]] bool buses_are_soon_enough(std::uint64_t bytes) noexcept;
    [[nodiscard]] std::int64_t movable_by_all(std::size_t way) const noexcept;
    void end_what_waited() noexcept;
    void charge(bool was_placed) noexcept;

    [[nodiscard]] const std::uint64_t* find_heat(const WindowState& state) noexcept;
    void count_hits() noexcept;
    void list_evictions(const WindowState& state) noexcept;
    void list_admissions(const WindowState& state, const std::uint64_t* heat_milli) noexcept;
    void admit_hot_parts(std::uint32_t row) noexcept;

    [[nodiscard]] std::size_t way_of(std::uint32_t row) const noexcept;
    [[nodiscard]] const Route& route_of(std::size_t way) const noexcept;
    [[nodiscard]] const Bus& bus_of(std::size_t way) const noexcept;

    PlannerRule rule_;
    RequestWindow window_;
    Credits credits_;
    PageGroups groups_;
    RadixSort sort_;
    Placement placement_;
    Schedule schedule_;
    EvictionList eviction_list_;
    AdmissionList admission_list_;
    std::optional<HeatSketch> heat_;
    Zeroed<ScoredRow> scored_;
    PlacementInputs inputs_;
    std::vector<Way> ways_;  // [node][source][target]
    std::vector<KeyedRow> by_page_;
    std::vector<KeyedRow> by_urgency_;
    std::vector<Operation> operations_;
    std::vector<TierBudget> no_budgets_;       // [node][tier]
    std::vector<TenantCredit> no_credits_;     // [tenant]
    std::vector<TierBudget> asked_;            // [node][tier]
    std::vector<std::uint64_t> tenant_asked_;  // [tenant]
    std::vector<std::uint64_t> bus_asked_;     // [node][bus]
    std::vector<std::uint64_t> heat_milli_;    // of each row
    std::vector<Request> carried_;
    std::uint32_t counted_row_count_ = 0;  // the first of the window, whose hits are counted
    std::uint32_t planned_row_count_ = 0;  // when it was planned last
    Plan plan_;
};

}  // namespace bwrt::planner
