// SPDX-License-Identifier: Apache-2.0
//
// lookup_split.h — how many of a lookup's leading hits to load, and from where on to compute
// (planner/split_point.h), by what the executor tells of its lanes.
//
// The mean rates are used, and not what the planner's feedback has in force: that is learnt from
// windows alone and is as old as the last of them, while whoever asks this may never plan.  A rate
// that is old is not believed.  By one that was bad everything would be computed for good, since
// nothing that is not loaded is measured.
//
// No lock, no memory, any thread.

#pragma once

#include <cstdint>

#include "include/bwrt.h"
#include "runtime/status.h"
#include "runtime/tables.h"

namespace bwrt::runtime {

constexpr std::uint64_t kRateAgeNsMax = 10'000'000'000;  // ours, not measured

// `split` is the caller's, not null and aligned.
bwrt_status read_split(const bwrt_split* split, const bwrt_lookup_answer* answers,
                       bwrt_split* checked_out, const ErrorSink& sink) noexcept;

// Of a checked question; writes what is out, and nothing else.
void find_split(const bwrt_split& checked, const LoadEstimate& load, std::uint64_t now_ns,
                const bwrt_lookup_answer* answers, std::uint32_t prefix_count,
                bwrt_split* split_out) noexcept;

}  // namespace bwrt::runtime
