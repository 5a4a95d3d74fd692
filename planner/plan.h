// SPDX-License-Identifier: Apache-2.0
//
// plan.h — what a window becomes: operations in the order in which they should run, and for each
// row of the window what became of it; what leaves to make room, and what is worth writing down.

#pragma once

#include <cstdint>
#include <vector>

#include "planner/request_window.h"

namespace bwrt::planner {

// An operation moves a run of pages of one layer of one prefix; each page once, however many ask.
struct Operation {
    std::uint64_t page_first = 0;
    std::uint64_t page_end = 0;    // one past the last
    std::uint64_t page_bytes = 0;  // the largest of those that ask: a page is never cut short
    std::uint64_t bytes = 0;       // of all pages, those of gaps between them, too
    std::uint64_t deadline_ns = kNoDeadline;  // the first of those that ask
    std::uint64_t finish_ns = 0;              // predicted
    std::uint64_t urgency = 0;                // of the most urgent of those that ask (score.h)
    std::int64_t slack_milli = 0;             // the least of those that ask (score.h)
    std::uint64_t popularity_milli = 0;       // the most of those that ask (score.h)
    std::uint32_t model = 0;
    std::uint32_t prefix = 0;
    std::uint32_t group = 0;     // of the window (page_groups.h)
    std::uint32_t row = 0;       // of the most urgent of those that ask, the first
    std::uint32_t fan_out = 0;   // how many rows it serves
    std::uint32_t position = 0;  // on its bus: those with a smaller one go before it
    std::uint16_t layer = 0;
    std::uint16_t node = 0;
    std::uint8_t tier_src = 0;
    std::uint8_t tier_dst = 0;
    std::uint8_t age = 0;      // windows that the oldest of those that ask has waited
    std::uint8_t overlap = 1;  // copies of its layer that should be under way at once (overlap.h)
    RequestClass request_class = RequestClass::kPrediction;  // the most urgent of those that ask
};

// What became of a row.  Those that are carried come again in the next window, one older.
enum class Verdict : std::uint8_t {
    kPlanned,      // its pages move in this window
    kPlannedPart,  // the first of them do; the rest is carried
    kNoCredit,     // carried: its tenant has used up what it may move
    kNoBudget,     // carried: the tier takes no more bytes in this window
    kNoOperation,  // carried: the tier takes no more operations in this window
    kNoPlace,      // carried: its pages are too scattered among those that move already, or larger
                   // than these, which cannot grow
    kTooSmall,     // carried: it waits for company
    kNotWorth,     // ended: neither popular nor urgent enough
    kLate,         // ended: it would be done after its deadline
    kWaited,       // ended: it was carried as often as anything may be
};

[[nodiscard]] constexpr bool is_carried(Verdict verdict) noexcept {
    return verdict >= Verdict::kPlannedPart && verdict <= Verdict::kTooSmall;
}

// A page that should leave its tier (eviction_list.h).
struct EvictedPage {
    std::uint64_t page = 0;
    std::uint64_t bytes = 0;
    std::uint32_t model = 0;
    std::uint32_t prefix = 0;
    std::uint32_t resident = 0;  // its row in the table of residents
    std::uint16_t layer = 0;
    std::uint16_t node = 0;
    std::uint8_t tier = 0;
};

// A run of pages that is worth writing to a tier (admission_list.h).
struct AdmittedRun {
    std::uint64_t page_first = 0;
    std::uint64_t page_end = 0;  // one past the last
    std::uint64_t page_bytes = 0;
    std::uint64_t bytes = 0;
    std::uint64_t heat_milli = 0;  // of the hottest of them
    std::uint32_t model = 0;
    std::uint32_t prefix = 0;
    std::uint16_t layer = 0;
    std::uint16_t node = 0;
    std::uint8_t tier = 0;
};

// Which operations move a row's pages.
struct ServedBy {
    std::uint32_t operation = 0;  // of the plan, the last of them to finish
    std::uint32_t count = 0;      // 0: it does not move

    friend bool operator==(const ServedBy&, const ServedBy&) = default;
};

struct Plan {
    std::vector<Operation> operations;      // by node, source and target; on each bus by position
    std::vector<Verdict> verdicts;          // of each row of the window
    std::vector<std::uint64_t> rest_first;  // of kPlannedPart: the first page that is carried
    std::vector<std::uint64_t> finish_ns;   // of each row that moves, where the rule asks for it
    std::vector<ServedBy> served_by;        // likewise
    std::vector<EvictedPage> evict;         // in the order in which they should leave
    std::vector<AdmittedRun> admit;         // by node, model, prefix, layer and page
};

}  // namespace bwrt::planner
