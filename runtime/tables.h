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
    std::atomic<std::uint64_t> queued_bytes[kBusCount] = {};
    std::atomic<std::uint64_t> bytes_per_ms[kBusCount] = {};  // 0: not measured yet
    std::atomic<std::uint64_t> measured_ns[kBusCount] = {};   // when that was
};

class Store;
class StoreView;
class Tenants;

// What of a store those must know who check block operations.
struct BlockTerms {
    const Tenants* tenants = nullptr;  // null: there is no store
    std::uint32_t block_bytes_max = 0;
    bool has_host = false;
    bool has_disk = false;
    bool reads_only = false;
    std::uint32_t tenant_count = 1;  // their indices lie below it
};

// Places of the store's own, behind those of callers.
struct OwnCounts {
    std::uint32_t waves = 0;
    std::uint32_t regions = 0;
};

struct Tables {
    Tables(const bwrt_config& checked, Calibration measured, std::uint64_t generation,
           const OwnCounts& own = {});

    // How the device behind the file is best read, where that was measured.
    void calibrate(FileState* file) const noexcept;
    [[nodiscard]] bool has_planner() const noexcept { return planner.struct_size != 0; }

    bwrt_config limits;
    Calibration calibration;
    std::string tuning_reason;  // what a tuning file set, and what it did not; empty: none
    RegionTable regions;
    LayoutTable layouts;
    WaveTable waves;
    PagePool pages;
    ringbuf::CommandRing ring;
    ringbuf::BasicDoorbell<> doorbell;
    LoadEstimate load;
    std::atomic<std::uint64_t> token{0};  // of bwrt_advance(); written by any thread
    Store* store = nullptr;               // the runtime's, if it has one that it writes
    StoreView* view = nullptr;            // or one that it reads
    BlockTerms blocks;
    bwrt_planner planner = {};  // checked, with its defaults; without one struct_size is 0
    std::uint32_t flight_count_max = 0;
};

}  // namespace bwrt::runtime
