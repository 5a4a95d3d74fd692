// SPDX-License-Identifier: Apache-2.0
//
// admission_list.h — which pages that a window asks for are worth writing to a tier that keeps
// them.
//
// What has been asked for often lately is likely to be asked for again: a run of pages is written
// when its heat, hits halved with each half-life (heat.h), is `heat_milli_min` at least.  The
// threshold is BCache's, ten hits.  Each page is listed once for a node however many ask; what the
// residents say is on the tier, or what comes from it or goes there by itself, is not listed.
//
// Each write wears the flash, so a node has a budget (token_bucket.h).  The hottest run takes from
// it first; of the one that does not fit the leading pages are taken, since what follows is worth
// nothing without them, and the next one may still find room.
//
//   rows ──heat──▶ runs by key, their union ──▶ less what is there ──▶ hottest first, the budget
//   ──▶ by key
//
// A row is as hot as whoever adds it says.  The planner adds a row whose heat its sketch tells in
// parts, by groups of pages: of a conversation that begins with a prompt that everybody has, that
// is the prompt.
//
// admission.h decides for a store, block by block and as it is written, by what it has seen itself;
// this proposes, from what windows ask for.

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "planner/plan.h"
#include "planner/radix_sort.h"
#include "planner/request_window.h"
#include "planner/residents.h"
#include "planner/token_bucket.h"

namespace bwrt::planner {

struct AdmissionRule {
    std::uint64_t heat_milli_min = 10'000;
    TokenRate writes;       // of each node; 0 bytes: no limit
    std::uint8_t tier = 0;  // that is written to
};

class AdmissionList {
 public:
    static constexpr std::size_t kRunsPerRow = 2;

    // Takes 72 bytes for each of two runs a row, and 16 for each resident; runs beyond those are
    // not listed, and none where no resident is looked at.
    AdmissionList(const WindowLimits& limits, const AdmissionRule& rule);

    // Begins the list of a window.
    void clear() noexcept { runs_.clear(); }

    [[nodiscard]] bool is_hot(std::uint64_t heat_milli) const noexcept {
        return heat_milli >= rule_.heat_milli_min;
    }

    // Pages [first, end) of a row, with the heat that they have.
    void add(const RequestColumns& rows, std::uint32_t row, std::uint64_t page_first,
             std::uint64_t page_end, std::uint64_t heat_milli) noexcept;

    // Ends it, and pays for it.  `list_out` has room for two runs a row, or takes memory.
    void make(const Residents& residents, std::uint64_t now_ns,
              std::vector<AdmittedRun>& list_out) noexcept;

 private:
    void unite() noexcept;
    void leave_out(const Residents& residents, std::vector<AdmittedRun>& list_out) noexcept;
    void pay(std::uint64_t now_ns, std::vector<AdmittedRun>& list_out) noexcept;
    [[nodiscard]] std::uint32_t run_of(const Residents& residents,
                                       std::uint32_t resident) const noexcept;

    WindowLimits limits_;
    AdmissionRule rule_;
    std::vector<TokenBucket> budgets_;  // [node]
    std::vector<AdmittedRun> runs_;
    std::vector<KeyedRow> present_;  // page and run, of those that are there
    std::vector<KeyedRow> order_;
};

}  // namespace bwrt::planner
