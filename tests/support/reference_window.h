// SPDX-License-Identifier: Apache-2.0
//
// reference_window.h — the window of BCache's planner, stated plainly, for comparison alone.
//
//   score      keeps a row when popularity > pmin or urgency > umin; urgency is slack over fill
//   tenants    running sum of bytes by (node, target, tenant) in order of deadlines
//   coalesce   a run goes on while a row begins no later than one past the end of the row BEFORE it
//   tiers      running sum of bytes by (node, source, target), then a number of operations
//   evict      the coldest pages while their sum stays within what does not fit
//   admit      first pages with ten hits or more
//
// Its faults are part of it, since what is measured against it is measured against what it does:
// what was rejected still counts in both running sums, so that one large row stands in front of
// all behind it; a row within an earlier but one is moved twice; each source has a budget of its
// own; what is small or did not fit is dropped for ever; a page is known by layer and number alone;
// and a page may be evicted that the same window fetches.
//
// test_reference_window.cpp compares each stage with what was recorded of that planner.  Pages that
// are equally cold have no order there; here they go as they come.  A tier, a tenant's tier, a
// layer and a page have one row at most.

#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace bwrt::test {

constexpr double kReferenceNoCap = 9223372036854775807.0;

// Names are numbers that sort as the names do.  The last page is one of the interval.
struct ReferenceRequest {
    std::int64_t id = 0;
    std::int64_t node = 0;
    std::int64_t cluster = 0;
    std::int64_t layer = 0;
    std::int64_t page_first = 0;
    std::int64_t page_last = 0;
    std::int64_t tier_src = 0;
    std::int64_t tier_dst = 0;
    std::int64_t deadline_ms = 0;
    std::int64_t page_bytes = 262'144;
    std::int64_t tenant = 0;
    double fill_ms = 1.0;
};

struct ReferenceHeat {
    std::int64_t layer = 0;
    std::int64_t page = 0;
    std::int64_t hits = 0;
    double weight = 1.0;
    std::int64_t size_bytes = 262'144;
};

struct ReferenceTierCap {
    std::int64_t tier = 0;
    std::int64_t window_bytes = 0;
    std::int64_t free_bytes = 0;
};

struct ReferenceTenantCap {
    std::int64_t tenant = 0;
    std::int64_t tier = 0;
    std::int64_t window_bytes = 0;
};

struct ReferenceLatency {
    std::int64_t layer = 0;
    double ms = 1.0;
};

struct ReferenceRule {
    std::int64_t now_ms = 0;
    double alpha = 1.0;
    double beta = 0.0;
    double pmin = 1.0;
    double umin = 0.0;
    std::int64_t min_io_bytes = 524'288;
    std::int64_t window_ms = 20;
    std::int64_t operation_count_max = 64;
};

struct ReferenceInputs {
    std::vector<ReferenceRequest> requests;
    std::vector<ReferenceHeat> heat;
    std::vector<ReferenceTierCap> tiers;
    std::vector<ReferenceTenantCap> tenants;
    std::vector<ReferenceLatency> latencies;
};

// A request behind the first two stages.
struct ReferenceRow {
    ReferenceRequest request;
    std::int64_t hits = 0;
    double weight = 1.0;
    double popularity = 0;
    double urgency = 0;
    std::int64_t bytes = 0;      // behind the second
    double cap_bytes = 0;        // behind the second
    std::int64_t sum_bytes = 0;  // behind the second
};

struct ReferenceRun {
    std::int64_t node = 0;
    std::int64_t tier_src = 0;
    std::int64_t tier_dst = 0;
    std::int64_t cluster = 0;
    std::int64_t layer = 0;
    std::int64_t run = 0;
    std::int64_t bytes = 0;
    std::int64_t deadline_ms = 0;
    std::int64_t fan_out = 0;
    double urgency = 0;
    std::int64_t page_first = 0;
    std::int64_t page_last = 0;
    std::int64_t page_bytes = 0;
    std::int64_t overlap = 0;  // behind the fourth stage
};

using ReferencePage = std::pair<std::int64_t, std::int64_t>;  // layer, page

struct ReferencePlan {
    std::vector<ReferenceRun> runs;
    std::vector<ReferencePage> evicted;
    std::vector<ReferencePage> admitted;
};

std::vector<ReferenceRow> reference_score(const ReferenceInputs& inputs, const ReferenceRule& rule);
std::vector<ReferenceRow> reference_limit_tenants(std::vector<ReferenceRow> rows,
                                                  const std::vector<ReferenceTenantCap>& tenants);
std::vector<ReferenceRun> reference_coalesce(std::vector<ReferenceRow> rows,
                                             std::int64_t min_io_bytes);
std::vector<ReferenceRun> reference_limit_tiers(std::vector<ReferenceRun> runs,
                                                const ReferenceInputs& inputs,
                                                const ReferenceRule& rule);
std::vector<ReferencePage> reference_evict(const std::vector<ReferenceRun>& runs,
                                           std::vector<ReferenceHeat> heat,
                                           const std::vector<ReferenceTierCap>& tiers);
std::vector<ReferencePage> reference_admit(const ReferenceInputs& inputs);

// All stages, one after the other.
ReferencePlan reference_window(const ReferenceInputs& inputs, const ReferenceRule& rule);

}  // namespace bwrt::test
