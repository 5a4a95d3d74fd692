// SPDX-License-Identifier: Apache-2.0
//
// cmd_caps.cpp — `bwrt caps`: what was found on this machine, what was not and why not,
// and the limits in force.  It shows what bwrt_open() with all defaults would give, or with a
// calibration table and otherwise all defaults; and of the CUDA driver its version, for which it is
// loaded and not started: that is for --device to say, since it takes as long as it takes.

#include <cstdint>
#include <cstdio>
#include <iterator>
#include <string>

#include "tools/calibration.h"
#include "tools/commands.h"
#include "tools/output.h"

namespace bwrt::tools {
namespace {

struct Feature {
    const char* name;
    const char* label;
    bool found;
    const char* reason;  // empty when there is nothing to say
};

struct Limit {
    const char* name;
    std::uint32_t value;
};

void print_text(const bwrt_caps& caps, const Feature* features, std::size_t feature_count,
                const Limit* limits, std::size_t limit_count) {
    std::printf("bwrt %s, ABI %u.%u\n\n", caps.version, caps.abi_version >> 16,
                caps.abi_version & 0xFFFF);
    for (std::size_t i = 0; i < feature_count; i++) {
        std::printf("%-22s %-4s %s\n", features[i].label, features[i].found ? "yes" : "no",
                    features[i].reason);
    }
    std::printf("%-22s %s\n", "files go through",
                caps.storage == BWRT_STORAGE_URING ? "io_uring" : "a pool of threads");
    std::printf("%-22s %s\n", "driven by",
                caps.progress == BWRT_PROGRESS_CALLER ? "the caller" : "a thread of its own");
    std::printf("%-22s %s\n", "machine", caps.machine);
    std::printf("%-22s %s\n\n", "calibration",
                caps.calibration_reason[0] == '\0' ? "none" : caps.calibration_reason);
    for (std::size_t i = 0; i < limit_count; i++)
        std::printf("%-22s %10u\n", limits[i].name, limits[i].value);
}

void print_json(const bwrt_caps& caps, const Feature* features, std::size_t feature_count,
                const Limit* limits, std::size_t limit_count) {
    JsonObject object;
    object.add("version", caps.version);
    object.add("abi_version", caps.abi_version);
    object.add("storage", caps.storage == BWRT_STORAGE_URING ? "io_uring" : "pool");
    object.add("progress", caps.progress == BWRT_PROGRESS_CALLER ? "caller" : "thread");
    object.add("machine", caps.machine);
    object.add("calibration_reason", caps.calibration_reason);
    object.add("driver_version", caps.driver_version);
    object.add("batch_copy_abi", caps.batch_copy_abi);
    object.add("device_count", caps.device_count);
    JsonObject found;
    for (std::size_t i = 0; i < feature_count; i++) {
        JsonObject feature;
        feature.add("found", features[i].found);
        feature.add("reason", features[i].reason);
        found.add(features[i].name, std::move(feature));
    }
    object.add("features", std::move(found));
    JsonObject in_force;
    for (std::size_t i = 0; i < limit_count; i++) in_force.add(limits[i].name, limits[i].value);
    object.add("limits", std::move(in_force));
    object.print();
}

std::string version_text(std::uint32_t version) {
    return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

// What the driver is, or why there is none.
std::string device_text(const bwrt_caps& caps, bool is_started) {
    if (caps.device_reason[0] != '\0') return caps.device_reason;
    std::string text = "of CUDA " + version_text(caps.driver_version);
    text += caps.batch_copy_abi == 0 ? ", no batch copies"
                                     : ", batch copies as of " + version_text(caps.batch_copy_abi);
    if (is_started) text += "; devices: " + std::to_string(caps.device_count);
    return text;
}

}  // namespace

void run_caps(const CapsOptions& options, bool json) {
    const std::string& table = options.calibration;
    const bwrt_caps caps = caps_with(table.empty() ? nullptr : table.c_str(),
                                     options.device ? BWRT_DEVICE_START : BWRT_DEVICE_LOAD);
    const std::string devices = device_text(caps, options.device);
    const auto has = [&](std::uint32_t feature) { return (caps.features & feature) != 0; };
    const Feature features[] = {
        {"io_uring", "io_uring", has(BWRT_FEATURE_URING), caps.storage_reason},
        {"fixed_buffers", "registered buffers", has(BWRT_FEATURE_FIXED_BUFFERS),
         caps.fixed_buffers_reason},
        {"fixed_files", "registered files", has(BWRT_FEATURE_FIXED_FILES), caps.fixed_files_reason},
        {"huge_pages", "huge pages", has(BWRT_FEATURE_HUGE_PAGES), caps.huge_pages_reason},
        {"direct_alignment", "direct I/O alignment", has(BWRT_FEATURE_DIRECT),
         has(BWRT_FEATURE_DIRECT) ? "" : "statx() does not report it"},
        {"cuda", "CUDA driver", caps.device_reason[0] == '\0', devices.c_str()},
    };
    const Limit limits[] = {
        {"wave_count_max", caps.wave_count_max},
        {"operation_count_max", caps.operation_count_max},
        {"slot_count_max", caps.slot_count_max},
        {"region_count_max", caps.region_count_max},
        {"layout_count_max", caps.layout_count_max},
        {"plane_count_max", caps.plane_count_max},
        {"group_count_max", caps.group_count_max},
        {"queue_depth", caps.queue_depth},
        {"io_bytes_max", caps.io_bytes_max},
        {"staging_count", caps.staging_count},
        {"pool_thread_count", caps.pool_thread_count},
        {"spin_ns", caps.spin_ns},
    };
    (json ? print_json : print_text)(caps, features, std::size(features), limits,
                                     std::size(limits));
}

}  // namespace bwrt::tools
