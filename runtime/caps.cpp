// SPDX-License-Identifier: Apache-2.0
//
// caps.cpp — what was found, what was not, and why not.

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdio>

#include "runtime/backend/device.h"
#include "runtime/runtime.h"

namespace bwrt::runtime {
namespace {

bool direct_is_reported() noexcept {
#ifdef STATX_DIOALIGN
    struct statx extended = {};
    return statx(AT_FDCWD, "/proc/self/exe", 0, STATX_DIOALIGN, &extended) == 0 &&
           (extended.stx_mask & STATX_DIOALIGN) != 0;
#else
    return false;
#endif
}

void set(char* target, std::size_t size, const std::string& text) {
    std::snprintf(target, size, "%s", text.c_str());
}

}  // namespace

void Runtime::caps(bwrt_caps* caps_out) {
    const StorageReport& report = progress_.report();
    const bwrt_config& limits = tables_.limits;
    bwrt_caps caps = {};
    caps.abi_version = BWRT_ABI_VERSION;
    std::snprintf(caps.version, sizeof caps.version, "%s", BWRT_VERSION);
    caps.progress = limits.progress;
    caps.storage = report.storage;
    caps.wave_count_max = limits.wave_count_max;
    caps.operation_count_max = limits.operation_count_max;
    caps.slot_count_max = limits.slot_count_max;
    caps.region_count_max = limits.region_count_max;
    caps.layout_count_max = limits.layout_count_max;
    caps.plane_count_max = limits.plane_count_max;
    caps.group_count_max = limits.group_count_max;
    caps.queue_depth = limits.queue_depth;
    caps.io_bytes_max = limits.io_bytes_max;
    caps.staging_count = limits.staging_count;
    caps.pool_thread_count = report.pool_thread_count;
    caps.spin_ns = limits.spin_ns;
    if (report.storage == BWRT_STORAGE_URING) caps.features |= BWRT_FEATURE_URING;
    if (report.fixed_buffers) caps.features |= BWRT_FEATURE_FIXED_BUFFERS;
    if (report.fixed_files) caps.features |= BWRT_FEATURE_FIXED_FILES;
    if (direct_is_reported()) caps.features |= BWRT_FEATURE_DIRECT;
    set(caps.storage_reason, sizeof caps.storage_reason, report.storage_reason);
    set(caps.fixed_buffers_reason, sizeof caps.fixed_buffers_reason, report.fixed_buffers_reason);
    set(caps.fixed_files_reason, sizeof caps.fixed_files_reason, report.fixed_files_reason);
    if (huge_pages_available(caps.huge_pages_reason, sizeof caps.huge_pages_reason)) {
        caps.features |= BWRT_FEATURE_HUGE_PAGES;
    }
    set(caps.machine, sizeof caps.machine, machine_identity());
    set(caps.calibration_reason, sizeof caps.calibration_reason, tables_.calibration.reason);
    const DeviceReport devices = known_devices();
    if (devices.is_built) caps.features |= BWRT_FEATURE_CUDA;
    caps.driver_version = devices.driver_version;
    caps.batch_copy_abi = devices.batch_copy_abi;
    caps.device_count = devices.device_count;
    set(caps.device_reason, sizeof caps.device_reason, devices.reason);
    set(caps.tuning_reason, sizeof caps.tuning_reason, tables_.tuning_reason);
    *caps_out = caps;
}

}  // namespace bwrt::runtime
