// SPDX-License-Identifier: Apache-2.0
//
// plan_heat.h — how hot the pages of a request are, by a window's table of heat.

#pragma once

#include <cstdint>
#include <vector>

#include "tools/plan_file.h"

namespace bwrt::tools {

// In thousandths; halved for each half-life since as_of_ms, where the row says it.
[[nodiscard]] std::uint64_t decayed_heat_milli(const HeatRow& row, std::uint64_t half_life_ns,
                                               std::uint64_t now_ns);

class HeatTable {
 public:
    // The rows must live as long as this.
    HeatTable(const std::vector<HeatRow>& rows, std::uint64_t half_life_ns, std::uint64_t now_ns);

    // That of the hottest page, of equal ones the first; null when nothing is said of any.
    [[nodiscard]] const HeatRow* hottest(const RequestRow& request) const;

    [[nodiscard]] std::uint64_t heat_milli(const HeatRow& row) const {
        return decayed_heat_milli(row, half_life_ns_, now_ns_);
    }

 private:
    const std::vector<HeatRow>& rows_;
    std::uint64_t half_life_ns_;
    std::uint64_t now_ns_;
    std::vector<std::uint32_t> order_;  // by layer, page, and as they stand in the file
};

}  // namespace bwrt::tools
