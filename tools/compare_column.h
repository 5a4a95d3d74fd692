// SPDX-License-Identifier: Apache-2.0
//
// compare_column.h — one column of `bwrt compare`: what a replay said, and how it stands to others.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/replay/figures.h"
#include "tools/replay/policies/device.h"
#include "tools/replay_scene.h"

namespace bwrt::tools {

// Between these two the gap lies of which bwrt closes a share.
constexpr const char* kGapFrom = "leaf-lru";
constexpr const char* kGapTo = "optimum";

struct Column {
    std::string name;   // "leaf-lru"
    std::string title;  // "leaf-LRU"
    std::string what;   // a sentence
    bool is_policy = true;
    std::vector<replay::Figure> figures;
    std::uint64_t host_count = 0, count = 0;  // prefix hits: in memory, together
    std::uint64_t wrong_count = 0;
    std::uint64_t disk_room_bytes = 0;  // bwrt's, for blocks
};

// Fills in figures and counts.
void measure(Column& column, const Scene& scene, const replay::DeviceTable& device,
             const replay::ReplayResult& result);

// To those of bwrt the share of the gap, where both ends of it are there and apart.
void add_gaps(std::vector<Column>& columns);

}  // namespace bwrt::tools
