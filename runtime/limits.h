// SPDX-License-Identifier: Apache-2.0
//
// limits.h — a bwrt_config after checking: every limit in force, none left at 0.

#pragma once

#include "include/bwrt.h"
#include "runtime/status.h"

namespace bwrt::runtime {

// Replaces zeros by defaults and refuses what is out of range, naming the field.
bwrt_status check_config(const bwrt_config* config, bwrt_config* checked_out,
                         const ErrorSink& sink) noexcept;

}  // namespace bwrt::runtime
