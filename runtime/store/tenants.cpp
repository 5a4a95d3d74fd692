// SPDX-License-Identifier: Apache-2.0

#include "runtime/store/tenants.h"

namespace bwrt::runtime {

Tenants::Tenants(std::uint32_t count_max)
    : count_max_(count_max), places_(std::size_t{2} * count_max), by_index_(count_max) {}

const Tenant* Tenants::add(std::uint64_t number, std::uint16_t index, const TenantKeys& keys) {
    if (tenants_.size() == count_max_ || index >= by_index_.size()) return nullptr;
    tenants_.push_back(std::make_unique<Tenant>(Tenant{number, index, keys}));
    const Tenant* tenant = tenants_.back().get();
    std::uint64_t at = home_of(number);
    while (places_[at % places_.size()].load(std::memory_order_relaxed) != nullptr) ++at;
    by_index_[index].store(tenant, std::memory_order_release);              // T1
    places_[at % places_.size()].store(tenant, std::memory_order_release);  // T1
    return tenant;
}

}  // namespace bwrt::runtime
