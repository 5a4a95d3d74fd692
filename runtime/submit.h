// SPDX-License-Identifier: Apache-2.0
//
// submit.h — from a caller's wave to a command in the ring, all or nothing.

#pragma once

#include "include/bwrt.h"
#include "runtime/clock.h"
#include "runtime/tables.h"

namespace bwrt::runtime {

// On BWRT_OK the wave is the executor's and *handle_out set.  *wake_out says that the executor
// sleeps and must be woken.  Any thread; does not block, allocate or make a system call.
bwrt_status submit_wave(Tables* tables, const Clock& clock, const bwrt_wave* wave,
                        bwrt_handle* handle_out, bool* wake_out, bwrt_error* error) noexcept;

}  // namespace bwrt::runtime
