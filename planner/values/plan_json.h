// SPDX-License-Identifier: Apache-2.0
//
// plan_json.h — plans as JSON text, in and out.
//
//   parse(print(x)) == x    for whatever has strings of UTF-8 without U+0000
//   print(parse(t))         is one text for all spellings of a plan
//
// What the text may say is written down in json_scan.h (the text), json_read.h (the values) and
// plan_fields.h (the fields).  A plan that was parsed holds what the text says; whether it makes
// sense is asked of plan_check.h.
//
// Several threads may parse and print at a time.  All throw std::bad_alloc.  A plan takes some four
// times its text while it is parsed; the most that a text of 64 MiB can take is below a gigabyte,
// by the limits on values and on the elements of a list.

#pragma once

#include <string>
#include <string_view>

#include "planner/values/cache_plan.h"
#include "planner/values/json_scan.h"
#include "planner/values/plan_error.h"
#include "planner/values/swap_plan.h"
#include "planner/values/wave_spec.h"

namespace bwrt::planner {

// On an error what is out is left as it was.
[[nodiscard]] PlanError parse(std::string_view text, CachePlan& out, const JsonLimits& limits = {});
[[nodiscard]] PlanError parse(std::string_view text, SwapPlan& out, const JsonLimits& limits = {});
[[nodiscard]] PlanError parse(std::string_view text, WaveSpec& out, const JsonLimits& limits = {});

[[nodiscard]] std::string print(const CachePlan& plan);
[[nodiscard]] std::string print(const SwapPlan& plan);
[[nodiscard]] std::string print(const WaveSpec& spec);

}  // namespace bwrt::planner
