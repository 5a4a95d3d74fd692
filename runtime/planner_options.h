// SPDX-License-Identifier: Apache-2.0
//
// planner_options.h — a bwrt_planner after checking: every option in force.

#pragma once

#include "include/bwrt.h"
#include "planner/planner.h"
#include "runtime/status.h"
#include "runtime/tuning.h"

namespace bwrt::runtime {

// What the caller gave, with what a tuning file says in the place of its zeros, then with defaults.
// Without a planner struct_size is 0; refuses what is out of range, naming the field.
bwrt_status read_planner(const bwrt_planner* planner, Tuning* tuning, bwrt_planner* checked_out,
                         const ErrorSink& sink);

// Of options that were read: whether a checked store, or none, can do what they want of it.
bwrt_status check_prefetch(const bwrt_planner& checked, const bwrt_store* store,
                           const ErrorSink& sink);

// What a planner goes by that is told these.
planner::PlannerRule planner_rule(const bwrt_planner& options);

}  // namespace bwrt::runtime
