// SPDX-License-Identifier: Apache-2.0
//
// tables.h — everything that was sized at open and that submitters and the executor share.

#pragma once

#include "ringbuf/command.h"
#include "ringbuf/doorbell.h"
#include "runtime/calibration.h"
#include "runtime/layout.h"
#include "runtime/page_pool.h"
#include "runtime/region.h"
#include "runtime/wave_table.h"

namespace bwrt::runtime {

// What the executor lets submitters know of its load, for BWRT_LATE_REFUSE.  Each value is by
// itself and may be a moment old: a prediction needs no more, so relaxed is enough.
struct LoadEstimate {
    std::atomic<std::uint64_t> queued_bytes[kLaneCount] = {};
    std::atomic<std::uint64_t> bytes_per_ms[kLaneCount] = {};  // 0: not measured yet
    std::atomic<std::uint64_t> measured_ns[kLaneCount] = {};   // when that was
};

struct Tables {
    Tables(const bwrt_config& checked, Calibration measured, std::uint64_t generation);

    bwrt_config limits;
    Calibration calibration;
    RegionTable regions;
    LayoutTable layouts;
    WaveTable waves;
    PagePool pages;
    ringbuf::CommandRing ring;
    ringbuf::BasicDoorbell<> doorbell;
    LoadEstimate load;
};

}  // namespace bwrt::runtime
