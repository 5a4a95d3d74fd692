// SPDX-License-Identifier: Apache-2.0
//
// tenant.h — what a tenant's secret is turned into, once, when the tenant is set (docs/format.md).
//
//   secret, number --HMAC--> K     space: K's first 8 bytes, in every key of the tenant's blocks
//                                  seed:  the next 8, in every sum of their bytes
//                                  tags:  HMAC under K, in every record on the disk
//
// So another secret is another tenant: its lookups miss, in the time that any miss takes, and what
// it wrote fails to verify.  The secret itself is not kept.

#pragma once

#include <cstdint>

#include "runtime/store/format.h"
#include "runtime/store/sha256.h"

namespace bwrt::runtime {

class TenantKeys {
 public:
    TenantKeys(std::uint64_t number, const std::uint8_t (&secret)[kSecretBytes]) noexcept;

    [[nodiscard]] std::uint64_t space() const noexcept { return space_; }
    [[nodiscard]] std::uint64_t seed() const noexcept { return seed_; }

    // Over what the record says of its block, not of its place: a block may be moved.
    void put_tag(Record* record) const noexcept;
    [[nodiscard]] bool has_made(const Record& record) const noexcept;

 private:
    explicit TenantKeys(const Sha256Digest& keys) noexcept;

    std::uint64_t space_;
    std::uint64_t seed_;
    HmacSha256 tags_;
};

}  // namespace bwrt::runtime
