// SPDX-License-Identifier: Apache-2.0
//
// residents.h — what lies where, as a window sees it: a page of a tier of a node in each row.
//
// A table by columns that belongs to the caller, who knows what is resident; nothing of it is kept
// from window to window.  Keys are those of requests (request_window.h).

#pragma once

#include <cstdint>

namespace bwrt::planner {

constexpr std::uint32_t kNoResident = 0xFFFF'FFFF;

// All columns of `count`; those that may be nullptr say what then counts.
struct Residents {
    std::uint32_t count = 0;
    const std::uint16_t* node = nullptr;
    const std::uint8_t* tier = nullptr;
    const std::uint32_t* model = nullptr;
    const std::uint32_t* prefix = nullptr;
    const std::uint16_t* layer = nullptr;
    const std::uint64_t* page = nullptr;
    const std::uint64_t* bytes = nullptr;
    const std::uint32_t* parent = nullptr;      // row that this one needs, or none; nullptr: none
    const std::uint64_t* heat_milli = nullptr;  // nullptr: all cold
    const std::uint64_t* used_ns = nullptr;     // last; nullptr: at once
    const std::uint64_t* came_ns = nullptr;     // nullptr: long ago
    const std::uint64_t* left_ns = nullptr;     // when it was evicted, before it came back; 0 and
                                                // nullptr: never
};

}  // namespace bwrt::planner
