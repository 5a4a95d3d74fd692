// SPDX-License-Identifier: Apache-2.0
//
// tenant_order.h — which of many tenants has the least key: a tree of pairwise winners, changed in
// the logarithm of the tenants and, where a new key does not change who wins, in less.

#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

namespace bwrt::planner {

class TenantOrder {
 public:
    static constexpr std::uint64_t kNoKey = ~std::uint64_t{0};

    explicit TenantOrder(std::uint32_t tenant_count)
        : leaf_first_(std::bit_ceil(tenant_count)), keys_(std::size_t{2} * leaf_first_, kNoKey) {}

    void set(std::uint32_t tenant, std::uint64_t key) noexcept {
        std::uint32_t place = leaf_first_ + tenant;
        if (keys_[place] == key) return;
        keys_[place] = key;
        while (place > 1) {
            place /= 2;
            const std::uint64_t least = std::min(keys_[2 * place], keys_[2 * place + 1]);
            if (keys_[place] == least) return;
            keys_[place] = least;
        }
    }
    [[nodiscard]] std::uint64_t least() const noexcept { return keys_[1]; }

 private:
    std::uint32_t leaf_first_;
    std::vector<std::uint64_t> keys_;  // place 1 is the root; the children of p are 2p and 2p + 1
};

}  // namespace bwrt::planner
