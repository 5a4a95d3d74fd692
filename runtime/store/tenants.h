// SPDX-License-Identifier: Apache-2.0
//
// tenants.h — who there is: numbers of callers, looked up by any submitter without a lock.
//
//   number ──find()──▶ Tenant: its index in the store, its keys
//
// A tenant stays as long as the store.  What the index and the policies know it by is its *space*'s
// number (recovery.h), so blocks that a restart found wait for the tenant that has their secret.
// Added under the control plane's lock, published by T1 -> T2.

#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/store/tenant.h"

namespace bwrt::runtime {

struct Tenant {
    std::uint64_t number;
    std::uint16_t index;  // of its space
    TenantKeys keys;
};

class Tenants {
 public:
    explicit Tenants(std::uint32_t count_max);

    // Any thread.  Null for one that was not set.
    [[nodiscard]] const Tenant* find(std::uint64_t number) const noexcept {
        for (std::uint64_t at = home_of(number);; ++at) {
            const Tenant* tenant =
                places_[at % places_.size()].load(std::memory_order_acquire);  // T2
            if (tenant == nullptr || tenant->number == number) return tenant;
        }
    }
    [[nodiscard]] std::uint32_t index_count() const noexcept {
        return static_cast<std::uint32_t>(by_index_.size());
    }
    // Whoever has this index, or null.
    [[nodiscard]] const Tenant* at(std::uint16_t index) const noexcept {
        return index < by_index_.size() ? by_index_[index].load(std::memory_order_acquire)  // T2
                                        : nullptr;
    }

    // One at a time.  A number that is not there yet; null when there are count_max.
    const Tenant* add(std::uint64_t number, std::uint16_t index, const TenantKeys& keys);

 private:
    [[nodiscard]] std::uint64_t home_of(std::uint64_t number) const noexcept {
        return (number * 0x9E3779B97F4A7C15u) >> 32;
    }

    std::uint32_t count_max_;
    std::vector<std::unique_ptr<Tenant>> tenants_;
    std::vector<std::atomic<const Tenant*>> places_;  // twice as many: a search ends
    std::vector<std::atomic<const Tenant*>> by_index_;
};

}  // namespace bwrt::runtime
