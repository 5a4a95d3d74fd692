// SPDX-License-Identifier: Apache-2.0
//
// handle.h — 64-bit handles: 4 bits of kind, 16 of slot, 44 of generation.
//
// A handle is looked up, never dereferenced.  Generations start at a random number per
// runtime and are never 0, so that a handle of another runtime, an old one or a guess is
// seen.  The all-ones handle, process memory, has kind 15 and is in no table.

#pragma once

#include <cstdint>

namespace bwrt::runtime {

enum class HandleKind : std::uint32_t { kRegion = 1, kLayout = 2, kWave = 3, kPlan = 4 };

constexpr std::uint64_t kGenerationMask = (std::uint64_t{1} << 44) - 1;

constexpr std::uint64_t make_handle(HandleKind kind, std::uint32_t slot, std::uint64_t generation) {
    return (static_cast<std::uint64_t>(kind) << 60) | (static_cast<std::uint64_t>(slot) << 44) |
           generation;
}

constexpr bool is_kind(std::uint64_t handle, HandleKind kind) {
    return handle >> 60 == static_cast<std::uint64_t>(kind);
}

constexpr std::uint32_t slot_of(std::uint64_t handle) {
    return static_cast<std::uint32_t>(handle >> 44) & 0xFFFFu;
}

constexpr std::uint64_t generation_of(std::uint64_t handle) { return handle & kGenerationMask; }

constexpr std::uint64_t next_generation(std::uint64_t generation) {
    const std::uint64_t next = (generation + 1) & kGenerationMask;
    return next == 0 ? 1 : next;
}

}  // namespace bwrt::runtime
