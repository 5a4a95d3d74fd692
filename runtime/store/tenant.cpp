// SPDX-License-Identifier: Apache-2.0

#include "runtime/store/tenant.h"

#include <cstring>

namespace bwrt::runtime {
namespace {

constexpr char kDomain[] = "bwrt/tenant/1";

Sha256Digest keys_of(std::uint64_t number, const std::uint8_t (&secret)[kSecretBytes]) noexcept {
    unsigned char message[sizeof kDomain - 1 + sizeof number];
    std::memcpy(message, kDomain, sizeof kDomain - 1);
    std::memcpy(message + sizeof kDomain - 1, &number, sizeof number);
    return HmacSha256(secret, sizeof secret).digest(message, sizeof message);
}

std::uint64_t word_at(const Sha256Digest& digest, std::size_t at) noexcept {
    std::uint64_t word;
    std::memcpy(&word, digest.data() + at, sizeof word);
    return word;
}

Sha256Digest tag_of(const HmacSha256& tags, const Record& record) noexcept {
    return tags.digest(reinterpret_cast<const char*>(&record) + kTaggedFirst, kTaggedBytes);
}

}  // namespace

TenantKeys::TenantKeys(std::uint64_t number, const std::uint8_t (&secret)[kSecretBytes]) noexcept
    : TenantKeys(keys_of(number, secret)) {}

TenantKeys::TenantKeys(const Sha256Digest& keys) noexcept
    : space_(word_at(keys, 0)), seed_(word_at(keys, 8)), tags_(keys.data(), keys.size()) {}

void TenantKeys::put_tag(Record* record) const noexcept {
    std::memcpy(record->tag, tag_of(tags_, *record).data(), sizeof record->tag);
}

bool TenantKeys::has_made(const Record& record) const noexcept {
    return record.key.space == space_ &&
           equal_in_constant_time(record.tag, tag_of(tags_, record).data(), sizeof record.tag);
}

}  // namespace bwrt::runtime
