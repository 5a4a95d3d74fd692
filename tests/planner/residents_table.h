// SPDX-License-Identifier: Apache-2.0
//
// residents_table.h — a table of residents that a test fills row by row.

#pragma once

#include <vector>

#include "planner/residents.h"

namespace bwrt::test {

struct ResidentPage {
    std::uint64_t page = 0;
    std::uint64_t heat_milli = 0;
    std::uint64_t bytes = 4096;
    std::uint64_t used_ns = 0;
    std::uint64_t came_ns = 0;
    std::uint64_t left_ns = 0;
    std::uint32_t model = 0;
    std::uint32_t prefix = 0;
    std::uint32_t parent = planner::kNoResident;
    std::uint16_t layer = 0;
    std::uint16_t node = 0;
    std::uint8_t tier = 1;
};

class ResidentsTable {
 public:
    ResidentsTable() = default;
    explicit ResidentsTable(const std::vector<ResidentPage>& pages) {
        for (const ResidentPage& page : pages) add(page);
    }

    void add(const ResidentPage& of) {
        page_.push_back(of.page);
        heat_milli_.push_back(of.heat_milli);
        bytes_.push_back(of.bytes);
        used_ns_.push_back(of.used_ns);
        came_ns_.push_back(of.came_ns);
        left_ns_.push_back(of.left_ns);
        model_.push_back(of.model);
        prefix_.push_back(of.prefix);
        parent_.push_back(of.parent);
        layer_.push_back(of.layer);
        node_.push_back(of.node);
        tier_.push_back(of.tier);
    }

    [[nodiscard]] planner::Residents columns() const {
        return {.count = static_cast<std::uint32_t>(page_.size()),
                .node = node_.data(),
                .tier = tier_.data(),
                .model = model_.data(),
                .prefix = prefix_.data(),
                .layer = layer_.data(),
                .page = page_.data(),
                .bytes = bytes_.data(),
                .parent = parent_.data(),
                .heat_milli = heat_milli_.data(),
                .used_ns = used_ns_.data(),
                .came_ns = came_ns_.data(),
                .left_ns = left_ns_.data()};
    }

 private:
    std::vector<std::uint64_t> page_, heat_milli_, bytes_, used_ns_, came_ns_, left_ns_;
    std::vector<std::uint32_t> model_, prefix_, parent_;
    std::vector<std::uint16_t> layer_, node_;
    std::vector<std::uint8_t> tier_;
};

}  // namespace bwrt::test
