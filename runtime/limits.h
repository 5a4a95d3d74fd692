// SPDX-License-Identifier: Apache-2.0
//
// limits.h — a bwrt_config after checking: every limit in force, none left at 0.

#pragma once

#include <cstddef>

#include "include/bwrt.h"
#include "runtime/calibration.h"
#include "runtime/status.h"

namespace bwrt::runtime {

// Of the first release: what a caller knows at least.
constexpr std::size_t kConfigBytesMin = 80;

// Replaces zeros by what the calibration table says, where one is named, or else by defaults, and
// refuses what is out of range, naming the field.  The path is not kept.  May throw std::bad_alloc.
bwrt_status check_config(const bwrt_config* config, bwrt_config* checked_out,
                         Calibration* calibration_out, const ErrorSink& sink);

}  // namespace bwrt::runtime
