// SPDX-License-Identifier: Apache-2.0

#include "planner/schedule.h"

#include <algorithm>
#include <utility>

namespace bwrt::planner {
namespace {

constexpr std::size_t kAhead = 12;  // operations, as long as memory takes to answer

}  // namespace

Schedule::Schedule(const WindowLimits& limits)
    : limits_(limits),
      sort_(limits.row_count_max * Placement::kOperationsPerRow),
      places_(limits.row_count_max * Placement::kOperationsPerRow),
      fronts_(std::size_t{limits.node_count} * kBusCountMax),
      way_places_(std::size_t{limits.node_count} * limits.tier_count * limits.tier_count) {
    const std::size_t operation_count_max =
        std::size_t{limits.row_count_max} * Placement::kOperationsPerRow;
    stays_behind_.reserve(operation_count_max);
    order_.reserve(operation_count_max);
}

void Schedule::arrange(const Zeroed<ScoredRow>& scored, const std::vector<KeyedRow>& rows_by_page,
                       const PlacementInputs& inputs, bool has_positions,
                       std::vector<Operation>& operations, Plan& plan_out) noexcept {
    list(scored, static_cast<std::uint32_t>(plan_out.verdicts.size()), has_positions, operations);
    sort_.sort(order_);
    if (inputs.min_io_bytes > 0) {
        predict(inputs, operations);
        if (leave_behind(inputs, operations)) {
            keep_whole(scored, rows_by_page, operations, plan_out.verdicts);
        }
    }
    write(inputs, operations, plan_out);
    if (!plan_out.served_by.empty()) tell_rows(scored, rows_by_page, operations, plan_out);
}

// By position, or by urgency, and those that are as urgent as each other in the order in which
// their rows came: a row is served by one operation, so each has a row of its own, and its urgency.
void Schedule::list(const Zeroed<ScoredRow>& scored, std::uint32_t row_count, bool has_positions,
                    const std::vector<Operation>& operations) noexcept {
    constexpr std::uint32_t kNobody = 0xFFFF'FFFF;
    if (!has_positions) std::fill_n(&places_[0], row_count, kNobody);
    std::fill(way_places_.begin(), way_places_.end(), 0);
    way_first_ = way_places_.size();
    way_end_ = 0;
    order_.resize(operations.size());
    for (std::uint32_t i = 0; i < operations.size(); ++i) {
        const std::size_t way = way_of(operations[i]);
        ++way_places_[way];
        way_first_ = std::min(way_first_, way);
        way_end_ = std::max(way_end_, way + 1);
        if (has_positions) {
            order_[i] = {operations[i].position, i};
        } else {
            places_[operations[i].row] = i;
        }
    }
    std::uint32_t listed = 0;
    for (std::uint32_t row = 0; !has_positions && row < row_count; ++row) {
        if (places_[row] != kNobody) order_[listed++] = {scored[row].urgency, places_[row]};
    }
}

// Each bus moves its operations in their order.
void Schedule::predict(const PlacementInputs& inputs, std::vector<Operation>& operations) noexcept {
    std::fill(fronts_.begin(), fronts_.end(), Front{0, 0});
    for (const KeyedRow& keyed : order_) {
        Operation& operation = operations[keyed.row];
        const Route& route =
            inputs.routes[operation.tier_src * limits_.tier_count + operation.tier_dst];
        const std::size_t bus = std::size_t{operation.node} * kBusCountMax + route.bus;
        operation.finish_ns =
            finish_ns(route, inputs.buses[bus], inputs.now_ns, fronts_[bus].bytes, operation.bytes);
        fronts_[bus].bytes += operation.bytes;
    }
}

bool Schedule::leave_behind(const PlacementInputs& inputs,
                            const std::vector<Operation>& operations) noexcept {
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

// What is said of a row is true of all its pages: none of them waits for company while another
// operation moves others.
void Schedule::keep_whole(const Zeroed<ScoredRow>& scored,
                          const std::vector<KeyedRow>& rows_by_page,
                          const std::vector<Operation>& operations,
                          std::vector<Verdict>& verdicts_out) noexcept {
    for_each_served(scored, rows_by_page, verdicts_out, operations,
                    [&](std::uint32_t row, std::uint32_t index) {
                        if (scored[row].page_first < operations[index].page_first ||
                            scored[row].page_end > operations[index].page_end) {
                            stays_behind_[index] = 0;
                        }
                    });
    for_each_served(scored, rows_by_page, verdicts_out, operations,
                    [&](std::uint32_t row, std::uint32_t index) {
                        if (stays_behind_[index] == 0) return;
                        verdicts_out[row] = Verdict::kTooSmall;
                    });
    std::erase_if(order_, [&](const KeyedRow& keyed) {
        if (stays_behind_[keyed.row] == 0) return false;
        --way_places_[way_of(operations[keyed.row])];
        return true;
    });
}

void Schedule::write(const PlacementInputs& inputs, const std::vector<Operation>& operations,
                     Plan& plan_out) noexcept {
    std::uint32_t begin = 0;  // of the next way; so counts become places
    for (std::size_t way = way_first_; way < way_end_; ++way) {
        begin += std::exchange(way_places_[way], begin);
    }
    std::fill(fronts_.begin(), fronts_.end(), Front{0, 0});
    plan_out.operations.resize(order_.size());  // as many as in the window before are there already
    const std::size_t count = order_.size();
    for (std::size_t i = 0; i < count; ++i) {
        // The order of urgency is none in memory; an operation lies in two or three cache lines.
        const Operation& ahead = operations[order_[std::min(i + kAhead, count - 1)].row];
        __builtin_prefetch(&ahead);
        __builtin_prefetch(&ahead.popularity_milli);
        __builtin_prefetch(&ahead.request_class);
        const std::uint32_t index = order_[i].row;
        Operation& operation =
            plan_out.operations[places_[index] = way_places_[way_of(operations[index])]++];
        operation = operations[index];
        foretell(inputs, operation);
    }
}

void Schedule::foretell(const PlacementInputs& inputs, Operation& operation) noexcept {
    const Route& route =
        inputs.routes[operation.tier_src * limits_.tier_count + operation.tier_dst];
    const std::size_t bus_index = std::size_t{operation.node} * kBusCountMax + route.bus;
    const Bus& bus = inputs.buses[bus_index];
    Front& front = fronts_[bus_index];
    operation.position = front.count++;
    operation.finish_ns = inputs.now_ns;
    if (bus.bytes_per_ms == 0) return;  // nothing is known, and copies do not overlap
    operation.finish_ns = finish_ns(route, bus, inputs.now_ns, front.bytes, operation.bytes);
    front.bytes += operation.bytes;
    const std::uint64_t layer_ns =
        operation.layer < inputs.layer_count ? inputs.layer_ns[operation.layer] : 0;
    operation.overlap = overlap_depth(route, bus, operation.bytes, layer_ns, inputs.overlap);
}

// Rows are told by which operation they are served, and when the last of several is done.
void Schedule::tell_rows(const Zeroed<ScoredRow>& scored, const std::vector<KeyedRow>& rows_by_page,
                         const std::vector<Operation>& operations, Plan& plan_out) const noexcept {
    for_each_served(scored, rows_by_page, plan_out.verdicts, operations,
                    [&](std::uint32_t row, std::uint32_t index) {
                        const std::uint64_t finish_ns =
                            plan_out.operations[places_[index]].finish_ns;
                        ServedBy& served_by = plan_out.served_by[row];
                        if (served_by.count++ != 0 && finish_ns <= plan_out.finish_ns[row]) return;
                        plan_out.finish_ns[row] = finish_ns;
                        served_by.operation = places_[index];
                    });
}

}  // namespace bwrt::planner
