// SPDX-License-Identifier: Apache-2.0
//
// plan_run.h — a plan's values as operations: names become regions, by the caller's bindings.
//
//   cache plan, swap plan   a COPY, READ or WRITE for each transfer, as its regions are
//   wave spec               the same for each extent; a GEMM of its tiles where a, b and c are
//   bound
//
// What moves and what is computed are two waves, the second of which waits for the first.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "include/bwrt.h"
#include "runtime/plan_table.h"
#include "runtime/status.h"
#include "runtime/tables.h"

namespace bwrt::runtime {

struct PlanBinding {
    std::string name;
    bwrt_plan_binding given;
};

struct PlanWork {
    std::vector<bwrt_operation> moves;
    bwrt_operation gemm = {};  // kind 0: none; its shape is `shape`
    bwrt_gemm shape = {};
    std::uint32_t window = BWRT_WINDOW_NONE;
    std::uint64_t window_start = 0, window_end = 0;
};

// Throws std::bad_alloc.  `page_bytes` where the plan says nothing of its pages.
bwrt_status make_plan_work(const PlanValue& plan, const std::vector<PlanBinding>& bindings,
                           std::uint64_t page_bytes, const RegionTable& regions, PlanWork* work_out,
                           const ErrorSink& sink);

}  // namespace bwrt::runtime
