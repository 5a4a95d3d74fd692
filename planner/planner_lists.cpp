// SPDX-License-Identifier: Apache-2.0
//
// What a plan says besides what moves: what leaves, and what is worth writing down; and the heat
// that windows leave behind.  Nothing of this changes what moves in a window.

#include <algorithm>

#include "planner/planner.h"

namespace bwrt::planner {
namespace {

constexpr std::uint64_t kHitMilli = 1'000;

// Of a row, looked at one by one for what is hot in it: 16,384 pages with groups of 16.
constexpr std::uint64_t kHeatGroupsMax = 1'024;

PagePlace place_of(const RequestColumns& rows, std::uint32_t row) noexcept {
    return {rows.model[row], rows.prefix[row], rows.layer[row]};
}

}  // namespace

// As of before this window.
const std::uint64_t* Planner::find_heat(const WindowState& state) noexcept {
    if (state.heat_milli != nullptr || !heat_) return state.heat_milli;
    const RequestColumns& rows = window_.rows();
    heat_milli_.clear();
    for (std::uint32_t row = 0; row < row_count(); ++row) {
        heat_milli_.push_back(heat_->estimate_pages(place_of(rows, row), rows.page_first[row],
                                                    rows.page_end(row) - 1, state.now_ns));
    }
    return heat_milli_.data();
}

// A row that has waited was counted when it came, here or by whoever carried it.
void Planner::count_hits() noexcept {
    const RequestColumns& rows = window_.rows();
    for (std::uint32_t row = counted_row_count_; heat_ && row < planned_row_count_; ++row) {
        if (rows.request_class[row] == RequestClass::kPrediction || rows.age[row] > 0) continue;
        heat_->add_pages(place_of(rows, row), rows.page_first[row], rows.page_end(row) - 1,
                         kHitMilli, inputs_.now_ns);
    }
    planned_row_count_ = 0;
}

void Planner::list_evictions(const WindowState& state) noexcept {
    plan_.evict.clear();
    const bool knows = state.residents != nullptr && state.free_bytes != nullptr;
    if (!rule_.has_eviction || !knows) return;
    eviction_list_.make(*state.residents, plan_.operations, state.free_bytes, state.now_ns,
                        rule_.window_ns, rule_.eviction, plan_.evict);
}

// Whether a row moves does not matter: it has been asked for.
void Planner::list_admissions(const WindowState& state, const std::uint64_t* heat_milli) noexcept {
    plan_.admit.clear();
    if (!rule_.has_admission || state.residents == nullptr || heat_milli == nullptr) return;
    const RequestColumns& rows = window_.rows();
    admission_list_.clear();
    for (std::uint32_t row = 0; row < row_count(); ++row) {
        if (rows.request_class[row] == RequestClass::kPrediction) continue;
        if (!admission_list_.is_hot(heat_milli[row])) continue;
        if (heat_milli == state.heat_milli) {
            admission_list_.add(rows, row, rows.page_first[row], rows.page_end(row),
                                heat_milli[row]);
        } else {
            admit_hot_parts(row);
        }
    }
    admission_list_.make(*state.residents, state.now_ns, plan_.admit);
}

// Groups that are hot and beside each other are one part.
void Planner::admit_hot_parts(std::uint32_t row) noexcept {
    const RequestColumns& rows = window_.rows();
    const std::uint32_t bits = rule_.heat.group_bits;
    const std::uint64_t end = rows.page_end(row);
    std::uint64_t part_first = rows.page_first[row];
    std::uint64_t part_heat_milli = 0;
    std::uint64_t first = part_first;
    for (std::uint64_t group = 0; group < kHeatGroupsMax && first < end; ++group) {
        const std::uint64_t next = std::min(end, ((first >> bits) + 1) << bits);
        const std::uint64_t heat_milli =
            heat_->estimate_pages(place_of(rows, row), first, next - 1, inputs_.now_ns);
        if (admission_list_.is_hot(heat_milli)) {
            part_heat_milli = std::max(part_heat_milli, heat_milli);
        } else {
            if (part_first < first) {
                admission_list_.add(rows, row, part_first, first, part_heat_milli);
            }
            part_first = next;
            part_heat_milli = 0;
        }
        first = next;
    }
    if (part_first < first) admission_list_.add(rows, row, part_first, first, part_heat_milli);
}

}  // namespace bwrt::planner
