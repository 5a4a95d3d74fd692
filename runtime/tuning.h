// SPDX-License-Identifier: Apache-2.0
//
// tuning.h — policy that `bwrt tune` chose for a kind of traffic, as a runtime takes it.
//
//   {
//     "bwrt_tuning": 1,                                       the format
//     "trace": "agents.jsonl",                                what it was chosen on, and why: both
//     "why": "more prefix hits in the rest: 61.2 and ...",    are for people and may be missing
//     "store": {"eviction": "learned", "write_touch_count": 2},
//     "planner": {"prefetch_wasted_milli": 100}
//   }
//
// `store` and `planner` have fields of bwrt_store and bwrt_planner, by their names there: those
// that say how room and time are used.  Sizes, paths, quotas, credits and budgets are not among
// them, nor are the flags that switch the latter off: they are promises to somebody, and no file
// makes them.
//
// What the file says holds where the caller's own field is 0; what he set is his.  Every
// combination of the two is one that he could have set himself, so that nothing is refused later
// for the sake of the file.  Only age_first and age_max go together: they hold where he has set
// neither.
//
// Nobody meant a file that cannot be understood to be like that, so it is an error of bwrt_open(),
// and so is a key that is not known: misspelt, it would be a policy that is never in force.

#pragma once

#include <string>
#include <string_view>

#include "include/bwrt.h"
#include "planner/values/plan_error.h"
#include "runtime/status.h"

namespace bwrt::runtime {

struct Tuning {
    // Only what a file can set; 0: it says nothing of it.
    bwrt_store store = {};
    bwrt_planner planner = {};
    std::string reason;  // what it set, and what it did not; empty: no file

    // Into the zeros of what the caller gave, null where he gave none, and says so in `reason`.
    void fill_in(bwrt_store* given);
    void fill_in(bwrt_planner* given);
};

// The text of a file: BWRT_E_PARSE where it is no JSON, BWRT_E_FORMAT where it is no tuning; which
// byte and which field says the error.  May throw std::bad_alloc.
bwrt_status parse_tuning(std::string_view text, Tuning* tuning_out, planner::PlanError* error_out);

// Reads the file at `path`.  May throw std::bad_alloc.
bwrt_status read_tuning(const char* path, Tuning* tuning_out, const ErrorSink& sink);

}  // namespace bwrt::runtime
