// SPDX-License-Identifier: Apache-2.0

#include "runtime/calibration.h"

#include <cjson/cJSON.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <mutex>
#include <utility>

#include "runtime/text_file.h"

namespace bwrt::runtime {
namespace {

constexpr const char* kField = "config.calibration";
constexpr int kFormat = 1;
constexpr std::size_t kTableBytesMax = 1 << 20;
constexpr int kDeviceCountMax = 64;

struct Choice {
    const char* name;
    std::uint32_t Calibration::Device::*field;
    std::uint32_t minimum;
    std::uint32_t maximum;
    std::uint32_t unit;  // it is a multiple of
    bool may_be_zero;
    bool may_be_missing;  // in tables made before there was the choice: the maximum, as it was then
};

// The ranges are bwrt_config's.
constexpr Choice kChoices[] = {
    {"queue_depth", &Calibration::Device::queue_depth, 1, 4096, 1, false, false},
    {"io_bytes", &Calibration::Device::io_bytes, 64u << 10, 16u << 20, 4096, false, false},
    {"staging_count", &Calibration::Device::staging_count, 1, 256, 1, false, false},
    {"stage_from_bytes", &Calibration::Device::stage_from_bytes, 4096, 16u << 20, 4096, true,
     false},
    {"huge_pages", &Calibration::Device::huge_pages, 0, 1, 1, true, true},
};

struct JsonDelete {
    void operator()(cJSON* json) const noexcept { cJSON_Delete(json); }
};
using Json = std::unique_ptr<cJSON, JsonDelete>;

// cJSON keeps where the last error was in a variable of its own, which two runtimes that are opened
// at once would both write.
Json parse(const std::string& text, const char** end_out) {
    static std::mutex one_at_a_time;
    const std::lock_guard<std::mutex> lock(one_at_a_time);
    return Json(cJSON_ParseWithLengthOpts(text.c_str(), text.size() + 1, end_out, 1));
}

// "254:0" as st_dev has it.
bool read_device(const cJSON* json, std::uint64_t* device_out) {
    const char* text = cJSON_GetStringValue(json);
    unsigned major_number = 0, minor_number = 0;
    int end = 0;
    if (text == nullptr ||
        std::sscanf(text, "%8u:%8u%n", &major_number, &minor_number, &end) != 2 ||
        text[end] != '\0') {
        return false;
    }
    *device_out = makedev(major_number, minor_number);
    return true;
}

bool read_choice(const cJSON* device, const Choice& choice, std::uint32_t* value_out) {
    const cJSON* json = cJSON_GetObjectItemCaseSensitive(device, choice.name);
    if (json == nullptr && choice.may_be_missing) {
        *value_out = choice.maximum;
        return true;
    }
    if (!cJSON_IsNumber(json)) return false;
    const double number = json->valuedouble;
    if (!(number >= 0) || number > choice.maximum) return false;
    const auto value = static_cast<std::uint32_t>(number);
    if (value != number || value % choice.unit != 0) return false;
    if (value < choice.minimum && !(value == 0 && choice.may_be_zero)) return false;
    *value_out = value;
    return true;
}

bwrt_status read_entry(const char* path, int index, const cJSON* entry,
                       Calibration* calibration_out, const ErrorSink& sink) {
    Calibration::Device device = {};
    if (!read_device(cJSON_GetObjectItemCaseSensitive(entry, "device"), &device.device)) {
        return fail(sink, BWRT_E_FORMAT, kField, "%s: devices[%d].device is not \"major:minor\"",
                    path, index);
    }
    for (const Choice& choice : kChoices) {
        if (read_choice(entry, choice, &(device.*choice.field))) continue;
        return fail(sink, BWRT_E_FORMAT, kField, "%s: devices[%d].%s is not %u to %u, of %u%s",
                    path, index, choice.name, choice.minimum, choice.maximum, choice.unit,
                    choice.may_be_zero ? ", or 0" : "");
    }
    if (calibration_out->find(device.device) != nullptr) {
        return fail(sink, BWRT_E_FORMAT, kField, "%s: devices[%d] was there before", path, index);
    }
    calibration_out->devices.push_back(device);
    char sentence[96];
    std::snprintf(sentence, sizeof sentence, "; %u:%u: depth %u, %u KiB a request, ",
                  major(device.device), minor(device.device), device.queue_depth,
                  device.io_bytes >> 10);
    calibration_out->reason += sentence;
    if (device.stage_from_bytes == 0) {
        calibration_out->reason += "nothing staged";
    } else {
        std::snprintf(
            sentence, sizeof sentence,
            device.huge_pages != 0 ? "staged from %u KiB in huge pages" : "staged from %u KiB",
            device.stage_from_bytes >> 10);
        calibration_out->reason += sentence;
    }
    return BWRT_OK;
}

std::string processor_name() {
    std::ifstream cpuinfo("/proc/cpuinfo");
    for (std::string line; std::getline(cpuinfo, line);) {
        const std::size_t colon = line.find(": ");
        if (line.rfind("model name", 0) == 0 && colon != std::string::npos) {
            return line.substr(colon + 2, 64);
        }
    }
    return "processor";
}

}  // namespace

const Calibration::Device* Calibration::find(std::uint64_t device) const noexcept {
    for (const Device& known : devices) {
        if (known.device == device) return &known;
    }
    return nullptr;
}

bool Calibration::stages() const noexcept { return most(&Device::stage_from_bytes) != 0; }

bool Calibration::wants_huge_pages() const noexcept {
    return std::any_of(devices.begin(), devices.end(), [](const Device& device) {
        return device.stage_from_bytes != 0 && device.huge_pages != 0;
    });
}

std::uint32_t Calibration::most(std::uint32_t Device::*choice) const noexcept {
    std::uint32_t value = 0;
    for (const Device& device : devices) value = std::max(value, device.*choice);
    return value;
}

// Not the largest count times the largest request: they may be different devices', and the arena is
// resident from the start.
std::uint32_t Calibration::staging_count(std::uint32_t io_bytes_max) const noexcept {
    std::uint64_t bytes = 0;
    for (const Device& device : devices) {
        if (device.stage_from_bytes == 0) continue;
        bytes = std::max(bytes, std::uint64_t{device.staging_count} * device.io_bytes);
    }
    if (bytes == 0) return 0;
    return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(bytes / io_bytes_max, 2, 256));
}

std::string machine_identity() {
    utsname system = {};
    unsigned release = 0, patch = 0;
    uname(&system);
    static_cast<void>(std::sscanf(system.release, "%8u.%8u", &release, &patch));
    return processor_name() + ", " + std::to_string(sysconf(_SC_NPROCESSORS_CONF)) +
           " cores, Linux " + std::to_string(release) + "." + std::to_string(patch);
}

bwrt_status read_calibration(const char* path, Calibration* calibration_out,
                             const ErrorSink& sink) {
    std::string text;
    if (const bwrt_status status = read_text_file(path, kTableBytesMax, kField, &text, sink)) {
        return status;
    }
    const char* end = nullptr;
    const Json table = parse(text, &end);
    if (table == nullptr) {
        return fail(sink, BWRT_E_PARSE, kField, "%s: not JSON at byte %td", path,
                    end == nullptr ? 0 : end - text.c_str());
    }
    const cJSON* format = cJSON_GetObjectItemCaseSensitive(table.get(), "bwrt_calibration");
    if (!cJSON_IsNumber(format) || format->valuedouble != kFormat) {
        return fail(sink, BWRT_E_FORMAT, kField, "%s: bwrt_calibration is not %d", path, kFormat);
    }
    const char* machine =
        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(table.get(), "machine"));
    if (machine == nullptr) {
        return fail(sink, BWRT_E_FORMAT, kField, "%s: machine is not a string", path);
    }
    const cJSON* devices = cJSON_GetObjectItemCaseSensitive(table.get(), "devices");
    const int count = cJSON_IsArray(devices) ? cJSON_GetArraySize(devices) : 0;
    if (count < 1 || count > kDeviceCountMax) {
        return fail(sink, BWRT_E_FORMAT, kField, "%s: devices is not an array of 1 to %d", path,
                    kDeviceCountMax);
    }
    Calibration calibration;
    calibration.reason = path;
    int index = 0;
    for (const cJSON* entry = devices->child; entry != nullptr; entry = entry->next, ++index) {
        if (const bwrt_status status = read_entry(path, index, entry, &calibration, sink)) {
            return status;
        }
    }
    const std::string here = machine_identity();
    if (machine != here) {
        calibration.devices.clear();
        calibration.reason = std::string(path) + " is not used: it was made on \"" + machine +
                             "\", this is \"" + here + "\"; run bwrt calibrate";
    }
    *calibration_out = std::move(calibration);
    return BWRT_OK;
}

}  // namespace bwrt::runtime
