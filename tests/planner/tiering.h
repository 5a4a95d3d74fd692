// SPDX-License-Identifier: Apache-2.0
//
// tiering.h — sessions that come again, and a device that holds a third of their pages.
//
// The workload and its rules are those of the tiering simulation that BCache's planner is shown
// with.  Forty sessions, a quarter of them interactive, make 600 requests in 12 windows of 50 ms.
// A request reads its session's prefix (8 to 32 pages) and a tail (Zipf, 1 to 48 pages) in each of
// 8 layers; tails of a session share their page numbers.  A page has 256 KiB; the device takes
// 4,096 pages, and in a window 256 MiB and 128 operations.  Interactive requests are due 25 ms
// after their window begins, others three windows later.
//
// Of each window is said, and of the run the mean over its windows:
//
//   hit                of the pages that are asked for, those that were there before the window
//   prefix hit         the same of the pages of prefixes
//   interactive hit    of the pages that interactive requests ask for, those there when planned
//   served             of the interactive requests, those with 95 % of their pages there by then
//
// Three policies: `reference` runs reference_window.h; `naive` takes what still fits in the order
// in which it comes; `ours` runs the planner twice a window.  The first turn has what is due before
// the next one; the second, 25 ms later, has what can wait, with the bytes and operations that are
// left, and what the first turn brought may go again.  The first two evict as that simulation does:
// before a window's plan, down to 85 % of the device, what was hit least.  Ours evicts what makes
// room: the pages that are the least likely to be asked for again, by how many of their session's
// requests asked for them, and never one that this turn fetches or, in the first, that an
// interactive request needs.

#pragma once

#include <cstdint>
#include <vector>

namespace bwrt::test {

struct TieringRequest {
    std::uint32_t id = 0;
    std::uint32_t session = 0;
    std::uint32_t window = 0;
    std::uint32_t prefix_pages = 0;
    std::uint32_t pages = 0;
    bool is_interactive = false;
};

struct TieringResult {
    double hit = 0;
    double prefix_hit = 0;
    double interactive_hit = 0;
    double served = 0;
    double operations = 0;  // a window
    std::uint64_t planned_bytes = 0;
    std::uint64_t evicted_bytes = 0;
};

enum class TieringPolicy { kReference, kNaive, kOurs };

// Empty, and said so, where the generator of these draws is not at hand.
std::vector<TieringRequest> draw_tiering(std::uint32_t seed);

TieringResult simulate_tiering(const std::vector<TieringRequest>& requests, TieringPolicy policy);

}  // namespace bwrt::test
