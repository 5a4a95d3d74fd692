// SPDX-License-Identifier: Apache-2.0
//
// report_replay.h — what a report tells of one run of `bwrt replay`.

#pragma once

#include <string>
#include <vector>

#include "tools/replay/runtime_cache.h"
#include "tools/report.h"

namespace bwrt::tools {

// How it was measured, but for what a run is: the bytes, the time, the processors, the deadline.
[[nodiscard]] std::vector<std::string> notes_of(const replay::RuntimeCacheOptions& cache,
                                                const replay::ReplayRule& rule,
                                                std::uint64_t wrong_block_count);

// "as fast as recorded", "20 times as fast as recorded", "as fast as it goes".
[[nodiscard]] std::string speed_text(double speed);

[[nodiscard]] ReportContent report_of_replay(const std::string& trace_name,
                                             const replay::Trace& trace,
                                             const replay::RuntimeCacheOptions& cache,
                                             const replay::ReplayRule& rule,
                                             const replay::ReplayResult& result,
                                             const std::vector<replay::Figure>& figures);

}  // namespace bwrt::tools
