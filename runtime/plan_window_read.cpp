// SPDX-License-Identifier: Apache-2.0
//
// plan_window_read.cpp — a window of requests as it comes in: every number is looked at before any
// is believed, and the first that is wrong is named with its element, "requests[3].page_bytes".

#include <algorithm>

#include "runtime/plan_window_array.h"

namespace bwrt::runtime {
namespace {

constexpr ArrayName kRequests = {"requests", "window.requests", "window.request_bytes"};

planner::RequestClass class_of(std::uint32_t priority) noexcept {
    return priority == BWRT_PRIORITY_URGENT   ? planner::RequestClass::kDemand
           : priority == BWRT_PRIORITY_NORMAL ? planner::RequestClass::kHint
                                              : planner::RequestClass::kPrediction;
}

bwrt_status check_request(std::uint32_t index, const bwrt_request& given,
                          const ErrorSink& sink) noexcept {
    if (given.node >= WindowPlanner::kNodeCount) {
        return blame(sink, kRequests, index, "node", "%u is not below %u", given.node,
                     WindowPlanner::kNodeCount);
    }
    if (!is_tier(given.source_tier)) {
        return blame(sink, kRequests, index, "source_tier", "%u is not known", given.source_tier);
    }
    if (!is_tier(given.target_tier) || given.target_tier == given.source_tier) {
        return blame(sink, kRequests, index, "target_tier", "%u is not another tier",
                     given.target_tier);
    }
    if (given.priority > BWRT_PRIORITY_BACKGROUND) {
        return blame(sink, kRequests, index, "priority", "%u is not known", given.priority);
    }
    const std::uint64_t layer_count = std::max(given.layer_count, 1u);
    if (given.layer_first + layer_count > WindowPlanner::kLayerCountMax) {
        return blame(sink, kRequests, index, "layer_count", "%u from %u on goes beyond 65,534",
                     given.layer_count, given.layer_first);
    }
    if (given.reserved != 0) return blame(sink, kRequests, index, "reserved", "is not zero");
    return BWRT_OK;
}

}  // namespace

bwrt_status WindowPlanner::read(const bwrt_request_window& window, const ErrorSink& sink) noexcept {
    ++window_number_;
    carried_row_count_ = planner_.row_count();
    bwrt_status status = read_time(window, sink);
    if (status == BWRT_OK) status = read_layers(window, sink);
    if (status == BWRT_OK) status = read_cancelled(window, sink);
    if (status == BWRT_OK) status = read_tiers(window, sink);
    if (status == BWRT_OK) status = read_routes(window, sink);
    if (status == BWRT_OK) status = read_buses(window, sink);
    if (status == BWRT_OK) status = read_tenants(window, sink);
    if (status == BWRT_OK) status = read_requests(window, sink);
    return status == BWRT_OK ? check_outputs(window, sink) : status;
}

bwrt_status WindowPlanner::read_time(const bwrt_request_window& window,
                                     const ErrorSink& sink) noexcept {
    if ((window.flags & ~std::uint32_t{BWRT_REQUEST_WINDOW_MEASURED}) != 0) {
        return fail(sink, BWRT_E_INVAL, "window.flags",
                    "flags 0x%x are not all BWRT_REQUEST_WINDOW_*", window.flags);
    }
    if (window.reserved != 0) return fail(sink, BWRT_E_INVAL, "window.reserved", "not zero");
    if (window.now_ns != 0 && window.now_ns < last_ns_) {
        return fail(sink, BWRT_E_INVAL, "window.now_ns", "%llu is before the last window's %llu",
                    ull(window.now_ns), ull(last_ns_));
    }
    now_ns_ = window.now_ns != 0 ? window.now_ns : std::max(clock_.now_ns(), last_ns_);
    return BWRT_OK;
}

bwrt_status WindowPlanner::read_layers(const bwrt_request_window& window,
                                       const ErrorSink& sink) noexcept {
    if (window.layer_count > kLayerCountMax) {
        return fail(sink, BWRT_E_RANGE, "window.layer_count", "%u passes %u", window.layer_count,
                    kLayerCountMax);
    }
    layer_count_ = window.layer_count;
    layer_ns_ = window.layer_ns;
    const bool is_aligned =
        reinterpret_cast<std::uintptr_t>(window.layer_ns) % alignof(std::uint64_t) == 0;
    if (layer_count_ == 0 || (layer_ns_ != nullptr && is_aligned)) return BWRT_OK;
    return fail(sink, BWRT_E_INVAL, "window.layer_ns", "%s",
                layer_ns_ == nullptr ? "NULL" : "not aligned to 8 bytes");
}

bwrt_status WindowPlanner::read_cancelled(const bwrt_request_window& window,
                                          const ErrorSink& sink) noexcept {
    cancelled_.clear();
    if (window.cancelled_count == 0) return BWRT_OK;
    if (window.cancelled_count > row_count_max_) {
        return fail(sink, BWRT_E_RANGE, "window.cancelled_count", "%u passes row_count_max %u",
                    window.cancelled_count, row_count_max_);
    }
    const std::uint64_t* const ids = window.cancelled_ids;
    if (ids == nullptr || reinterpret_cast<std::uintptr_t>(ids) % alignof(std::uint64_t) != 0) {
        return fail(sink, BWRT_E_INVAL, "window.cancelled_ids", "%s",
                    ids == nullptr ? "NULL" : "not aligned to 8 bytes");
    }
    cancelled_.assign(ids, ids + window.cancelled_count);
    std::sort(cancelled_.begin(), cancelled_.end());
    return BWRT_OK;
}

// ---- requests

bwrt_status WindowPlanner::read_requests(const bwrt_request_window& window,
                                         const ErrorSink& sink) noexcept {
    if (window.request_count > row_count_max_) {
        return fail(sink, BWRT_E_RANGE, "window.request_count", "%u passes row_count_max %u",
                    window.request_count, row_count_max_);
    }
    return read_array(window.requests, window.request_count, window.request_bytes, kRequests, sink,
                      [&](std::uint32_t index, const bwrt_request& given) {
                          return add_request(index, given, sink);
                      });
}

// What the planner's numbers have no bits for is looked at here, the rest by the planner.
bwrt_status WindowPlanner::add_request(std::uint32_t index, const bwrt_request& given,
                                       const ErrorSink& sink) noexcept {
    const std::uint32_t tenant = find_tenant(given.tenant);
    if (tenant == kNoTenant) {
        return blame(sink, kRequests, index, "tenant", "%llu was never named", ull(given.tenant));
    }
    if (const bwrt_status status = check_request(index, given, sink)) return status;
    const std::uint32_t layer_count = std::max(given.layer_count, 1u);
    if (layer_count > row_count_max_ - planner_.row_count()) {
        const bool may_fit_later = carried_row_count_ != 0;
        return fail(sink, may_fit_later ? BWRT_E_AGAIN : BWRT_E_RANGE, "window.requests",
                    "the rows up to request %u, and %u carried, pass row_count_max %u", index,
                    carried_row_count_, row_count_max_);
    }
    const planner::Refusal refusal = planner_.request(
        {.id = given.id,
         .page_first = given.page_first,
         .page_count = given.page_count,
         .page_bytes = given.page_bytes,
         .arrival_ns = now_ns_,
         .deadline_ns = given.deadline_ns != 0 ? given.deadline_ns : planner::kNoDeadline,
         .fill_ns = given.fill_ns,
         .model = given.model,
         .prefix = given.prefix,
         .weight_milli = given.weight_milli != 0 ? given.weight_milli : 1'000,
         .layer_first = static_cast<std::uint16_t>(given.layer_first),
         .layer_count = static_cast<std::uint16_t>(layer_count),
         .tenant = static_cast<std::uint16_t>(tenant),
         .node = static_cast<std::uint16_t>(given.node),
         .tier_src = static_cast<std::uint8_t>(given.source_tier),
         .tier_dst = static_cast<std::uint8_t>(given.target_tier),
         .request_class = class_of(given.priority)});
    if (!refusal) return BWRT_OK;
    return blame(sink, kRequests, index, refusal.field, "%s", refusal.rule);
}

// ---- outputs

// How many operations there will be nobody knows yet, but no row makes more than two.
bwrt_status WindowPlanner::check_outputs(const bwrt_request_window& window,
                                         const ErrorSink& sink) const noexcept {
    const std::uint64_t row_count = planner_.row_count();
    if (window.decisions != nullptr) {
        if (const bwrt_status status =
                check_array(window.decisions, "window.decisions", window.decision_bytes,
                            sizeof(bwrt_decision), "window.decision_bytes", sink)) {
            return status;
        }
        if (window.decision_capacity < row_count) {
            return fail(sink, BWRT_E_RANGE, "window.decision_capacity",
                        "%u, and there are %llu rows", window.decision_capacity, ull(row_count));
        }
    }
    if (window.transfers == nullptr) return BWRT_OK;
    if (const bwrt_status status =
            check_array(window.transfers, "window.transfers", window.transfer_bytes,
                        sizeof(bwrt_transfer), "window.transfer_bytes", sink)) {
        return status;
    }
    constexpr std::uint64_t kPerRow = planner::Placement::kOperationsPerRow;
    if (window.transfer_capacity >= kPerRow * row_count) return BWRT_OK;
    return fail(sink, BWRT_E_RANGE, "window.transfer_capacity", "%u, and %llu rows may need %llu",
                window.transfer_capacity, ull(row_count), ull(kPerRow * row_count));
}

}  // namespace bwrt::runtime
