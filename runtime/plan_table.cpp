// SPDX-License-Identifier: Apache-2.0

#include "runtime/plan_table.h"

#include <algorithm>

namespace bwrt::runtime {

bool PlanTable::is_full() const noexcept {
    return std::none_of(places_.begin(), places_.end(),
                        [](const Place& place) { return place.plan == nullptr; });
}

bwrt_handle PlanTable::add(std::unique_ptr<PlanValue> plan) noexcept {
    const auto free = std::find_if(places_.begin(), places_.end(),
                                   [](const Place& place) { return place.plan == nullptr; });
    if (free == places_.end()) return 0;
    generation_ = next_generation(generation_);
    free->plan = std::move(plan);
    free->generation = generation_;
    return make_handle(HandleKind::kPlan, static_cast<std::uint32_t>(free - places_.begin()),
                       generation_);
}

const PlanValue* PlanTable::find(bwrt_handle handle) const noexcept {
    if (!is_kind(handle, HandleKind::kPlan) || slot_of(handle) >= kCountMax) return nullptr;
    const Place& place = places_[slot_of(handle)];
    return place.generation == generation_of(handle) ? place.plan.get() : nullptr;
}

bool PlanTable::remove(bwrt_handle handle) noexcept {
    if (find(handle) == nullptr) return false;
    places_[slot_of(handle)].plan.reset();
    return true;
}

}  // namespace bwrt::runtime
