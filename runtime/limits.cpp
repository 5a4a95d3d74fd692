// SPDX-License-Identifier: Apache-2.0

#include "runtime/limits.h"

#include <cstdio>
#include <utility>

#include "runtime/boundary.h"

namespace bwrt::runtime {
namespace {

struct Limit {
    const char* name;
    std::uint32_t bwrt_config::*field;
    std::uint32_t minimum;
    std::uint32_t maximum;
    std::uint32_t otherwise;
    std::uint32_t Calibration::Device::*measured = nullptr;
};

// Defaults admit a wave of 2,048 slots x 160 planes (4,096 slot indices, 160 groups) many
// times over, and 65,536 flat operations in one wave.
constexpr Limit kLimits[] = {
    {"wave_count_max", &bwrt_config::wave_count_max, 1, 32768, 1024},
    {"operation_count_max", &bwrt_config::operation_count_max, 1, 1u << 22, 131072},
    {"slot_count_max", &bwrt_config::slot_count_max, 1, 1u << 26, 1u << 20},
    {"region_count_max", &bwrt_config::region_count_max, 1, 65535, 1024},
    {"layout_count_max", &bwrt_config::layout_count_max, 1, 65535, 64},
    {"plane_count_max", &bwrt_config::plane_count_max, 1, 65536, 4096},
    {"group_count_max", &bwrt_config::group_count_max, 1, 32768, 1024},
    {"queue_depth", &bwrt_config::queue_depth, 1, 4096, 128, &Calibration::Device::queue_depth},
    {"io_bytes_max", &bwrt_config::io_bytes_max, 64u << 10, 16u << 20, 1u << 20,
     &Calibration::Device::io_bytes},
    {"staging_count", &bwrt_config::staging_count, 1, 256, 16},
    {"pool_thread_count", &bwrt_config::pool_thread_count, 1, 64, 4},
};

}  // namespace

bwrt_status check_config(const bwrt_config* config, bwrt_config* checked_out,
                         Calibration* calibration_out, const ErrorSink& sink) {
    bwrt_config checked = {};
    Calibration calibration;
    if (config != nullptr) {
        const bwrt_status status = copy_in(&checked, config, config->struct_size, kConfigBytesMin,
                                           "config.struct_size", sink);
        if (status != BWRT_OK) return status;
    }
    if (checked.calibration != nullptr) {
        const bwrt_status status = read_calibration(checked.calibration, &calibration, sink);
        if (status != BWRT_OK) return status;
        checked.calibration = nullptr;
    }
    if (checked.progress > BWRT_PROGRESS_CALLER) {
        return fail(sink, BWRT_E_INVAL, "config.progress", "progress %u is not a BWRT_PROGRESS_*",
                    checked.progress);
    }
    if (checked.storage > BWRT_STORAGE_POOL) {
        return fail(sink, BWRT_E_INVAL, "config.storage", "storage %u is not a BWRT_STORAGE_*",
                    checked.storage);
    }
    if (checked.device > BWRT_DEVICE_START) {
        return fail(sink, BWRT_E_INVAL, "config.device", "device %u is not a BWRT_DEVICE_*",
                    checked.device);
    }
    if (checked.reserved != 0) {
        return fail(sink, BWRT_E_INVAL, "config.reserved", "reserved is not zero");
    }
    if (checked.reserved2 != 0) {
        return fail(sink, BWRT_E_INVAL, "config.reserved2", "reserved2 is not zero");
    }
    for (const Limit& limit : kLimits) {
        std::uint32_t& value = checked.*limit.field;
        if (value == 0 && limit.measured != nullptr) value = calibration.most(limit.measured);
        if (value == 0 && limit.field == &bwrt_config::staging_count) {
            value = calibration.staging_count(checked.io_bytes_max);  // checked before it
        }
        if (value == 0) value = limit.otherwise;
        if (value >= limit.minimum && value <= limit.maximum) continue;
        char field[48];
        std::snprintf(field, sizeof field, "config.%s", limit.name);
        return fail(sink, BWRT_E_INVAL, field, "%s %u is outside %u to %u", limit.name, value,
                    limit.minimum, limit.maximum);
    }
    if (checked.io_bytes_max % 4096 != 0) {
        return fail(sink, BWRT_E_INVAL, "config.io_bytes_max",
                    "io_bytes_max %u is not a multiple of 4096", checked.io_bytes_max);
    }
    if (checked.spin_ns == 0) checked.spin_ns = 20'000;
    if (checked.spin_ns == BWRT_NONE) checked.spin_ns = 0;
    *checked_out = checked;
    *calibration_out = std::move(calibration);
    return BWRT_OK;
}

}  // namespace bwrt::runtime
