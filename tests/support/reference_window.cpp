// SPDX-License-Identifier: Apache-2.0

#include "tests/support/reference_window.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace bwrt::test {
namespace {

// Of a running sum of each key.
template <typename Key>
class Sums {
 public:
    std::int64_t add(const Key& key, std::int64_t value) { return sums_[key] += value; }

 private:
    std::map<Key, std::int64_t> sums_;
};

auto way_of(const ReferenceRequest& request) {
    return std::tuple(request.node, request.tier_src, request.tier_dst, request.cluster,
                      request.layer);
}

std::map<ReferencePage, const ReferenceHeat*> by_page(const std::vector<ReferenceHeat>& heat) {
    std::map<ReferencePage, const ReferenceHeat*> pages;
    for (const ReferenceHeat& page : heat) pages[{page.layer, page.page}] = &page;
    return pages;
}

const ReferenceTierCap* cap_of(const std::vector<ReferenceTierCap>& tiers, std::int64_t tier) {
    for (const ReferenceTierCap& cap : tiers) {
        if (cap.tier == tier) return &cap;
    }
    return nullptr;
}

// How many copies of a layer at once: more where one takes longer than the layer.
std::int64_t overlap_of(const ReferenceRun& run, const ReferenceTierCap* cap,
                        const std::vector<ReferenceLatency>& latencies, std::int64_t window_ms) {
    if (cap == nullptr) return 1;
    double layer_ms = 1.0;
    for (const ReferenceLatency& latency : latencies) {
        if (latency.layer == run.layer) layer_ms = latency.ms;
    }
    const auto bytes_a_window = static_cast<double>(std::max<std::int64_t>(cap->window_bytes, 1));
    const double copy_ms =
        static_cast<double>(run.bytes) / bytes_a_window * static_cast<double>(window_ms);
    return 1 + (copy_ms > layer_ms ? 1 : 0) + (copy_ms > 2 * layer_ms ? 1 : 0);
}

}  // namespace

std::vector<ReferenceRow> reference_score(const ReferenceInputs& inputs,
                                          const ReferenceRule& rule) {
    const auto heat = by_page(inputs.heat);
    std::vector<ReferenceRow> rows;
    for (const ReferenceRequest& request : inputs.requests) {
        ReferenceRow row;
        row.request = request;
        const auto found = heat.find({request.layer, request.page_first});
        if (found != heat.end()) {
            row.hits = found->second->hits;
            row.weight = found->second->weight;
        }
        row.popularity = rule.alpha * static_cast<double>(row.hits) + rule.beta * row.weight;
        row.urgency =
            static_cast<double>(request.deadline_ms - rule.now_ms) / std::max(request.fill_ms, 1.0);
        if (row.popularity > rule.pmin || row.urgency > rule.umin) rows.push_back(row);
    }
    return rows;
}

std::vector<ReferenceRow> reference_limit_tenants(std::vector<ReferenceRow> rows,
                                                  const std::vector<ReferenceTenantCap>& tenants) {
    std::stable_sort(rows.begin(), rows.end(), [](const ReferenceRow& a, const ReferenceRow& b) {
        const auto key = [](const ReferenceRequest& request) {
            return std::tuple(request.node, request.tier_dst, request.tenant, request.deadline_ms);
        };
        return key(a.request) < key(b.request);
    });
    Sums<std::tuple<std::int64_t, std::int64_t, std::int64_t>> sums;
    std::vector<ReferenceRow> kept;
    for (ReferenceRow& row : rows) {
        const ReferenceRequest& request = row.request;
        row.bytes = (request.page_last - request.page_first + 1) * request.page_bytes;
        row.cap_bytes = kReferenceNoCap;
        for (const ReferenceTenantCap& cap : tenants) {
            if (cap.tenant == request.tenant && cap.tier == request.tier_dst) {
                row.cap_bytes = static_cast<double>(cap.window_bytes);
            }
        }
        row.sum_bytes = sums.add({request.node, request.tier_dst, request.tenant}, row.bytes);
        if (static_cast<double>(row.sum_bytes) <= row.cap_bytes) kept.push_back(row);
    }
    return kept;
}

std::vector<ReferenceRun> reference_coalesce(std::vector<ReferenceRow> rows,
                                             std::int64_t min_io_bytes) {
    std::stable_sort(rows.begin(), rows.end(), [](const ReferenceRow& a, const ReferenceRow& b) {
        const auto key = [](const ReferenceRequest& request) {
            return std::tuple_cat(way_of(request),
                                  std::tuple(request.page_first, request.page_last));
        };
        return key(a.request) < key(b.request);
    });
    std::vector<ReferenceRun> runs;
    const ReferenceRequest* before = nullptr;
    std::int64_t run_number = 0, farthest = -1, page_count = 0;
    for (const ReferenceRow& row : rows) {
        const ReferenceRequest& request = row.request;
        const bool is_group_new = before == nullptr || way_of(*before) != way_of(request);
        const std::int64_t end_before = is_group_new ? -1 : before->page_last;
        const bool breaks = request.page_first > end_before + 1;
        run_number = (is_group_new ? 0 : run_number) + (breaks ? 1 : 0);
        if (is_group_new || breaks) {
            runs.push_back({request.node, request.tier_src, request.tier_dst, request.cluster,
                            request.layer, run_number, 0, request.deadline_ms, 0, row.urgency,
                            request.page_first, request.page_last, request.page_bytes});
            farthest = -1;
            page_count = 0;
        }
        const std::int64_t first = std::max(request.page_first, farthest + 1);
        page_count += std::max<std::int64_t>(0, request.page_last - first + 1);
        farthest = std::max(farthest, request.page_last);
        ReferenceRun& run = runs.back();
        run.page_bytes = std::max(run.page_bytes, request.page_bytes);
        run.bytes = page_count * run.page_bytes;
        run.deadline_ms = std::min(run.deadline_ms, request.deadline_ms);
        run.urgency = std::min(run.urgency, row.urgency);
        run.page_last = std::max(run.page_last, request.page_last);
        ++run.fan_out;
        before = &request;
    }
    std::erase_if(runs, [&](const ReferenceRun& run) { return run.bytes < min_io_bytes; });
    return runs;
}

std::vector<ReferenceRun> reference_limit_tiers(std::vector<ReferenceRun> runs,
                                                const ReferenceInputs& inputs,
                                                const ReferenceRule& rule) {
    std::stable_sort(runs.begin(), runs.end(), [](const ReferenceRun& a, const ReferenceRun& b) {
        return std::tuple(a.node, a.tier_src, a.tier_dst, a.deadline_ms) <
               std::tuple(b.node, b.tier_src, b.tier_dst, b.deadline_ms);
    });
    Sums<std::tuple<std::int64_t, std::int64_t, std::int64_t>> bytes;
    Sums<std::pair<std::int64_t, std::int64_t>> operations;
    std::vector<ReferenceRun> kept;
    for (ReferenceRun& run : runs) {
        const ReferenceTierCap* cap = cap_of(inputs.tiers, run.tier_dst);
        const double cap_bytes =
            cap == nullptr ? kReferenceNoCap
                           : static_cast<double>(std::min(cap->window_bytes, cap->free_bytes));
        const std::int64_t sum = bytes.add({run.node, run.tier_src, run.tier_dst}, run.bytes);
        if (static_cast<double>(sum) > cap_bytes) continue;
        if (operations.add({run.node, run.tier_dst}, 1) > rule.operation_count_max) continue;
        run.overlap = overlap_of(run, cap, inputs.latencies, rule.window_ms);
        kept.push_back(run);
    }
    return kept;
}

std::vector<ReferencePage> reference_evict(const std::vector<ReferenceRun>& runs,
                                           std::vector<ReferenceHeat> heat,
                                           const std::vector<ReferenceTierCap>& tiers) {
    std::int64_t target = 0;
    for (const ReferenceTierCap& cap : tiers) {
        std::int64_t used = 0;
        for (const ReferenceRun& run : runs) used += run.tier_dst == cap.tier ? run.bytes : 0;
        target += std::max<std::int64_t>(0, used - cap.free_bytes);
    }
    std::vector<ReferencePage> evicted;
    std::stable_sort(heat.begin(), heat.end(), [](const ReferenceHeat& a, const ReferenceHeat& b) {
        return a.hits < b.hits;
    });
    std::int64_t sum = 0;
    for (const ReferenceHeat& page : heat) {
        sum += page.size_bytes;
        if (target > 0 && sum <= target) evicted.push_back({page.layer, page.page});
    }
    return evicted;
}

std::vector<ReferencePage> reference_admit(const ReferenceInputs& inputs) {
    constexpr std::int64_t kHitsMin = 10;
    const auto heat = by_page(inputs.heat);
    std::set<ReferencePage> admitted;
    for (const ReferenceRequest& request : inputs.requests) {
        const auto found = heat.find({request.layer, request.page_first});
        if (found != heat.end() && found->second->hits >= kHitsMin) {
            admitted.insert({request.layer, request.page_first});
        }
    }
    return {admitted.begin(), admitted.end()};
}

ReferencePlan reference_window(const ReferenceInputs& inputs, const ReferenceRule& rule) {
    ReferencePlan plan;
    plan.runs = reference_limit_tiers(
        reference_coalesce(reference_limit_tenants(reference_score(inputs, rule), inputs.tenants),
                           rule.min_io_bytes),
        inputs, rule);
    plan.evicted = reference_evict(plan.runs, inputs.heat, inputs.tiers);
    plan.admitted = reference_admit(inputs);
    return plan;
}

}  // namespace bwrt::test
