// SPDX-License-Identifier: Apache-2.0

#include "planner/schedule.h"

#include <algorithm>

namespace bwrt::planner {

Schedule::Schedule(const WindowLimits& limits)
    : limits_(limits),
      sort_(limits.row_count_max * Placement::kOperationsPerRow),
      places_(limits.row_count_max * Placement::kOperationsPerRow),
      fronts_(std::size_t{limits.node_count} * kBusCountMax) {
    const std::size_t operation_count_max =
        std::size_t{limits.row_count_max} * Placement::kOperationsPerRow;
    stays_behind_.reserve(operation_count_max);
    order_.reserve(operation_count_max);
}

void Schedule::arrange(const Zeroed<ScoredRow>& scored, const std::vector<KeyedRow>& rows_by_page,
                       const PlacementInputs& inputs, bool has_positions,
                       std::vector<Operation>& operations, Plan& plan_out) noexcept {
    order_.clear();
    if (has_positions) {
        for (std::uint32_t i = 0; i < operations.size(); ++i) {
            order_.push_back({operations[i].position, i});
        }
    } else {
        list_by_row(static_cast<std::uint32_t>(plan_out.verdicts.size()), operations);
    }
    sort_.sort(order_);
    predict(inputs, operations);
    if (leave_behind(inputs, operations)) {
        // What is said of a row is true of all its pages: none of them waits for company while
        // another operation moves others.
        for_each_served(scored, rows_by_page, plan_out.verdicts, operations,
                        [&](std::uint32_t row, std::uint32_t index) {
                            if (scored[row].page_first < operations[index].page_first ||
                                scored[row].page_end > operations[index].page_end) {
                                stays_behind_[index] = 0;
                            }
                        });
        for_each_served(scored, rows_by_page, plan_out.verdicts, operations,
                        [&](std::uint32_t row, std::uint32_t index) {
                            if (stays_behind_[index] == 0) return;
                            plan_out.verdicts[row] = Verdict::kTooSmall;
                        });
        std::erase_if(order_, [&](const KeyedRow& keyed) { return stays_behind_[keyed.row] != 0; });
        predict(inputs, operations);
    }
    if (!plan_out.finish_ns.empty()) {
        for_each_served(scored, rows_by_page, plan_out.verdicts, operations,
                        [&](std::uint32_t row, std::uint32_t index) {
                            const std::uint64_t finish_ns = operations[index].finish_ns;
                            ServedBy& served_by = plan_out.served_by[row];
                            if (served_by.count++ != 0 && finish_ns <= plan_out.finish_ns[row]) {
                                return;
                            }
                            plan_out.finish_ns[row] = finish_ns;
                            served_by.operation = index;
                        });
    }
    for (KeyedRow& keyed : order_) {
        const Operation& operation = operations[keyed.row];
        keyed.key = std::uint64_t{operation.node} << 16 | std::uint64_t{operation.tier_src} << 8 |
                    operation.tier_dst;
    }
    sort_.sort(order_);
    plan_out.operations.clear();
    for (const KeyedRow& keyed : order_) {
        plan_out.operations.push_back(operations[keyed.row]);
        Operation& operation = plan_out.operations.back();
        operation.overlap = depth_of(inputs, operation);
    }
    tell_places(plan_out);
    operations.clear();
}

// By urgency, and those that are as urgent as each other in the order in which their rows came: a
// row is served by one operation, so each has a row of its own.
void Schedule::list_by_row(std::uint32_t row_count,
                           const std::vector<Operation>& operations) noexcept {
    constexpr std::uint32_t kNobody = 0xFFFF'FFFF;
    for (std::uint32_t row = 0; row < row_count; ++row) places_[row] = kNobody;
    for (std::uint32_t i = 0; i < operations.size(); ++i) places_[operations[i].row] = i;
    for (std::uint32_t row = 0; row < row_count; ++row) {
        if (places_[row] == kNobody) continue;
        order_.push_back({operations[places_[row]].urgency, places_[row]});
    }
}

// Rows know by which operation they are served; and now where that has come to stand.
void Schedule::tell_places(Plan& plan_out) noexcept {
    if (plan_out.served_by.empty()) return;
    for (std::uint32_t i = 0; i < order_.size(); ++i) places_[order_[i].row] = i;
    for (ServedBy& served_by : plan_out.served_by) {
        if (served_by.count != 0) served_by.operation = places_[served_by.operation];
    }
}

std::uint8_t Schedule::depth_of(const PlacementInputs& inputs,
                                const Operation& operation) const noexcept {
    const Route& route =
        inputs.routes[operation.tier_src * limits_.tier_count + operation.tier_dst];
    const Bus& bus = inputs.buses[std::size_t{operation.node} * kBusCountMax + route.bus];
    const std::uint64_t layer_ns =
        operation.layer < inputs.layer_count ? inputs.layer_ns[operation.layer] : 0;
    return overlap_depth(route, bus, operation.bytes, layer_ns, inputs.overlap);
}

// Each bus moves its operations in their order.
void Schedule::predict(const PlacementInputs& inputs, std::vector<Operation>& operations) noexcept {
    std::fill(fronts_.begin(), fronts_.end(), Front{0, 0});
    for (const KeyedRow& keyed : order_) {
        Operation& operation = operations[keyed.row];
        const Route& route =
            inputs.routes[operation.tier_src * limits_.tier_count + operation.tier_dst];
        const std::size_t bus = std::size_t{operation.node} * kBusCountMax + route.bus;
        Front& front = fronts_[bus];
        operation.position = front.count++;
        operation.finish_ns =
            finish_ns(route, inputs.buses[bus], inputs.now_ns, front.bytes, operation.bytes);
        front.bytes += operation.bytes;
    }
}

bool Schedule::leave_behind(const PlacementInputs& inputs,
                            const std::vector<Operation>& operations) noexcept {
    if (inputs.min_io_bytes == 0) return false;
    bool has_any = false;
    stays_behind_.assign(operations.size(), 0);
    for (std::uint32_t index = 0; index < operations.size(); ++index) {
        const Operation& operation = operations[index];
        const bool is_due = operation.age + 1 >= inputs.age_max;
        if (operation.bytes >= inputs.min_io_bytes || is_due) continue;
        const std::uint64_t next_finish_ns =
            operation.finish_ns + std::min(inputs.window_ns, ~operation.finish_ns);
        if (next_finish_ns > operation.deadline_ns) continue;
        stays_behind_[index] = 1;
        has_any = true;
    }
    return has_any;
}

}  // namespace bwrt::planner
