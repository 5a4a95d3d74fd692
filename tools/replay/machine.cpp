// SPDX-License-Identifier: Apache-2.0

#include "tools/replay/machine.h"

#include <cjson/cJSON.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <memory>

#include "tools/output.h"

namespace bwrt::replay {
namespace {

constexpr double kClearly = 0.9;
constexpr std::uint64_t kDefaultWriteRate = 3'500'000'000;
constexpr std::uintmax_t kTableBytesMax = 1 << 20;

double number(const cJSON* object, const char* name) {
    const cJSON* const value = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNumber(value) ? value->valuedouble : 0;
}

std::string device_of(const std::string& folder) {
    struct stat stat = {};
    if (::stat(folder.c_str(), &stat) != 0) tools::fail_system(folder, errno);
    return std::to_string(major(stat.st_dev)) + ":" + std::to_string(minor(stat.st_dev));
}

std::string text_of(const std::string& file) {
    std::ifstream stream(file);
    if (!stream) tools::fail_system(file, errno);
    std::string text(kTableBytesMax + 1, '\0');
    stream.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(stream.gcount()));
    return text;
}

const cJSON* entry_of(const cJSON* devices, const std::string& device) {
    const cJSON* one = nullptr;
    cJSON_ArrayForEach(one, devices) {
        const char* const name =
            cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(one, "device"));
        if (name != nullptr && device == name) return one;
    }
    return cJSON_GetArraySize(devices) == 1 ? cJSON_GetArrayItem(devices, 0) : nullptr;
}

std::vector<MeasuredRow> rows_of(const cJSON* entry) {
    std::vector<MeasuredRow> rows;
    const cJSON* one = nullptr;
    cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(entry, "measured")) {
        MeasuredRow row;
        const double bytes = number(one, "block_bytes"), depth = number(one, "depth");
        row.bytes_per_s = 1e9 * number(one, "gb_per_s");
        if (!(bytes >= 512 && bytes < 1e12 && depth >= 1 && depth < 1e6 && row.bytes_per_s >= 1 &&
              row.bytes_per_s < 1e15)) {
            continue;
        }
        row.block_bytes = static_cast<std::uint64_t>(bytes);
        row.depth = static_cast<std::uint32_t>(depth);
        rows.push_back(row);
    }
    return rows;
}

}  // namespace

bwrt_model_machine machine_of(const std::vector<MeasuredRow>& rows) {
    double best = 0, requests = 0;
    for (const MeasuredRow& row : rows) {
        best = std::max(best, row.bytes_per_s);
        requests = std::max(requests, row.bytes_per_s / static_cast<double>(row.block_bytes));
    }
    bwrt_model_machine machine = {};
    machine.struct_size = sizeof machine;
    if (rows.empty()) return machine;
    machine.read_bytes_per_s = static_cast<std::uint64_t>(best);
    machine.write_bytes_per_s = std::min(machine.read_bytes_per_s, kDefaultWriteRate);
    const auto flying = [](const MeasuredRow& row) {
        return static_cast<double>(row.block_bytes) * row.depth;
    };
    const MeasuredRow& least = *std::min_element(
        rows.begin(), rows.end(),
        [&](const auto& one, const auto& other) { return flying(one) < flying(other); });
    for (const MeasuredRow& row : rows) {
        const double its = row.bytes_per_s / static_cast<double>(row.block_bytes);
        if (its == requests && row.bytes_per_s < kClearly * best) {
            machine.requests_per_s = static_cast<std::uint64_t>(its);
        }
    }
    if (least.bytes_per_s < kClearly * best) {
        const double bus_s = static_cast<double>(least.block_bytes) / best;
        const double latency_s = flying(least) / least.bytes_per_s - bus_s;
        machine.read_latency_ns = static_cast<std::uint64_t>(std::max(latency_s * 1e9, 1.0));
    }
    return machine;
}

bwrt_model_machine read_machine(const std::string& file, const std::string& folder) {
    const std::string text = text_of(file);
    const std::unique_ptr<cJSON, void (*)(cJSON*)> table(
        cJSON_ParseWithLength(text.c_str(), text.size()), cJSON_Delete);
    const cJSON* const devices = cJSON_GetObjectItemCaseSensitive(table.get(), "devices");
    if (text.size() > kTableBytesMax || number(table.get(), "bwrt_calibration") != 1 ||
        !cJSON_IsArray(devices)) {
        throw tools::Failure("E_FORMAT", file + " is not a calibration table", 2);
    }
    const std::string device = device_of(folder);
    const cJSON* const entry = entry_of(devices, device);
    if (cJSON_GetArraySize(devices) == 0) {
        throw tools::Failure("E_FORMAT", file + " has no device", 2);
    }
    if (entry == nullptr) {
        throw tools::Failure("E_INVAL",
                             file + " has several devices and not that of --folder, " + device, 2);
    }
    const std::vector<MeasuredRow> rows = rows_of(entry);
    if (rows.empty()) {
        throw tools::Failure("E_FORMAT", file + ": nothing was measured of the device", 2);
    }
    return machine_of(rows);
}

}  // namespace bwrt::replay
