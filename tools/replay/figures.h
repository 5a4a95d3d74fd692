// SPDX-License-Identifier: Apache-2.0
//
// figures.h — what a replay says in the end: one figure a row, for people and for programs.
//
// Rates are prefix hit rates: of all blocks that were asked for, the leading ones that were there,
// by the tier that they came from.  Times to first token are on the trace's clock.  Bytes and
// operations are the library's own counts of what it asked the device for, and the kernel's of the
// process.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tools/output.h"
#include "tools/replay/replay.h"
#include "tools/replay/trace.h"

namespace bwrt::replay {

struct Figure {
    std::string key;                         // "hit_host_percent"
    std::string label;                       // "prefix hits in memory"
    double value = 0;                        // NaN: there is none
    std::string text;                        // with its unit: "27.89 %"
    std::optional<std::string> tenant = {};  // whose; none: everybody's
};

[[nodiscard]] std::vector<Figure> figures_of(const ReplayResult& result, const Trace& trace,
                                             std::uint64_t block_bytes);

// By their keys, those of tenants in a list beside their names, and those that there are not left
// out: {"hit_percent": 36, "tenants": [{"name": "blue", "ttft_p99_ms": 1200}]}.
void add_figures(tools::JsonObject& object, const std::vector<Figure>& figures);

// Rows of labels, a column for each run.
struct FigureColumn {
    std::string title;
    std::vector<Figure> figures;  // of all columns the same keys in the same order
};

// Makes it so: what a column does not have is "-" there.
void align(std::vector<FigureColumn>& columns);
[[nodiscard]] std::string table_of(const std::vector<FigureColumn>& columns);

// A number as `format` says; what is rounded to 0 has no sign.
[[nodiscard]] std::string number_text(const char* format, double value);

// The value at that rank; 0 of none.  Sorts what it is given.
[[nodiscard]] std::uint64_t quantile(std::vector<std::uint64_t>& values, double rank);

}  // namespace bwrt::replay
