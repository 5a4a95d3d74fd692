// SPDX-License-Identifier: Apache-2.0
//
// lookup.h — where blocks are, asked from any thread.

#pragma once

#include <cstdint>

#include "include/bwrt.h"
#include "runtime/status.h"
#include "runtime/store/store.h"

namespace bwrt::runtime {

// A checked question.
struct Lookup {
    const Tenant* tenant;
    const std::byte* identities;
    std::uint32_t identity_count;
    std::uint32_t part_first;
    std::uint32_t part_count;  // not 0
    bool of_layout;            // only hits with this digest
    std::uint64_t layout_digest;
};

constexpr std::uint32_t kLookupIdentityCountMax = 1 << 20;
constexpr std::uint32_t kLookupPartCountMax = 1 << 16;

// Answers, where they are not null, for each identity; `pending_ns` is what a PENDING one is told.
// Returns the count of leading hits.  No lock, no memory, any thread.
std::uint32_t look_up(const IndexReader& reader, const Lookup& lookup, std::uint64_t pending_ns,
                      bwrt_lookup_answer* answers) noexcept;

}  // namespace bwrt::runtime
