// SPDX-License-Identifier: Apache-2.0
//
// report_replay.h — what a report tells of one run of `bwrt replay`.

#pragma once

#include <string>
#include <vector>

#include "tools/replay/runtime_cache.h"
#include "tools/report.h"

namespace bwrt::tools {

[[nodiscard]] ReportContent report_of_replay(const std::string& trace_name,
                                             const replay::Trace& trace,
                                             const replay::RuntimeCacheOptions& cache,
                                             const replay::ReplayRule& rule,
                                             const replay::ReplayResult& result,
                                             const std::vector<replay::Figure>& figures);

}  // namespace bwrt::tools
