// SPDX-License-Identifier: Apache-2.0
//
// published.h — the statistics of recorded traces that generated ones imitate, to be printed beside
// theirs.  What was not counted of a trace is not a number.

#pragma once

#include "tools/replay/generate.h"
#include "tools/replay/statistics.h"

namespace bwrt::replay {

struct PublishedTrace {
    const char* name = nullptr;
    const char* source = nullptr;
    TraceStatistics statistics;
};

// Null for a kind that imitates none.
[[nodiscard]] const PublishedTrace* published_trace(TraceKind kind);

}  // namespace bwrt::replay
