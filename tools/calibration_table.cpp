// SPDX-License-Identifier: Apache-2.0
//
// calibration_table.cpp — the file that bwrt_config.calibration names, written: one entry a device,
// the measurements beside the choices for whoever wonders why.  What the library reads of it and in
// which ranges is said in docs/operations.md.
//
// What an operator has is kept: what is no table is refused and stays, and a new one is a draft
// beside the old until the whole of it is on the disk.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tools/calibration.h"
#include "tools/draft_file.h"
#include "tools/output.h"

namespace bwrt::tools {
namespace {

constexpr int kFormat = 1;
constexpr std::uintmax_t kTableBytesMax = 1 << 20;

std::string now_utc() {
    const std::time_t now = std::time(nullptr);
    std::tm parts = {};
    gmtime_r(&now, &parts);
    char text[32];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text;
}

cJSON* entry_of(const std::string& device, const std::string& directory,
                const DeviceChoices& choices) {
    cJSON* entry = cJSON_CreateObject();
    cJSON_AddStringToObject(entry, "device", device.c_str());
    cJSON_AddStringToObject(entry, "directory", directory.c_str());
    cJSON_AddStringToObject(entry, "made", now_utc().c_str());
    cJSON_AddNumberToObject(entry, "queue_depth", choices.queue_depth);
    cJSON_AddNumberToObject(entry, "io_bytes", choices.io_bytes);
    cJSON_AddNumberToObject(entry, "staging_count", choices.staging_count);
    cJSON_AddNumberToObject(entry, "stage_from_bytes", choices.stage_from_bytes);
    cJSON_AddNumberToObject(entry, "huge_pages", choices.huge_pages);
    cJSON* rows = cJSON_AddArrayToObject(entry, "measured");
    for (const Measurement& row : choices.measured) {
        cJSON* json = cJSON_CreateObject();
        cJSON_AddStringToObject(json, "what", row.what.c_str());
        cJSON_AddNumberToObject(json, "block_bytes", static_cast<double>(row.block_bytes));
        cJSON_AddNumberToObject(json, "depth", row.depth);
        cJSON_AddNumberToObject(json, "io_bytes", row.io_bytes);
        cJSON_AddNumberToObject(json, "gb_per_s", row.gb_per_s);
        cJSON_AddNumberToObject(json, "cpu_ms_per_gb", row.cpu_ms_per_gb);
        cJSON_AddItemToArray(rows, json);
    }
    return entry;
}

// Null when the text is no table.
Json parse(const std::string& text) {
    Json table(nullptr, cJSON_Delete);
    if (text.size() > kTableBytesMax) return table;
    table.reset(cJSON_ParseWithLengthOpts(text.c_str(), text.size() + 1, nullptr, 1));
    const cJSON* format = cJSON_GetObjectItemCaseSensitive(table.get(), "bwrt_calibration");
    if (!cJSON_IsNumber(format) || format->valuedouble != kFormat ||
        !cJSON_IsString(cJSON_GetObjectItemCaseSensitive(table.get(), "machine")) ||
        !cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(table.get(), "devices"))) {
        table.reset();
    }
    return table;
}

Json new_table(const std::string& machine) {
    Json table(cJSON_CreateObject(), cJSON_Delete);
    cJSON_AddNumberToObject(table.get(), "bwrt_calibration", kFormat);
    cJSON_AddStringToObject(table.get(), "machine", machine.c_str());
    cJSON_AddArrayToObject(table.get(), "devices");
    return table;
}

}  // namespace

PrivateTable::PrivateTable(const cJSON* table)
    : fd_(memfd_create("bwrt-calibration", MFD_CLOEXEC)),
      path_("/proc/self/fd/" + std::to_string(fd_)) {
    if (fd_ < 0) fail_system("memfd_create", errno);
    const int os_code = write_all(fd_, text_of(table));
    if (os_code == 0) return;
    close(fd_);
    fail_system("the private table", os_code);
}

PrivateTable::~PrivateTable() { close(fd_); }

std::string text_of(const cJSON* table) {
    const std::unique_ptr<char, void (*)(void*)> text(cJSON_Print(table), cJSON_free);
    if (text == nullptr) throw Failure("E_NOMEM", "out of memory");
    return std::string(text.get()) + "\n";
}

std::string device_of(int fd) {
    struct stat stat = {};
    if (fstat(fd, &stat) != 0) fail_system("fstat", errno);
    return std::to_string(major(stat.st_dev)) + ":" + std::to_string(minor(stat.st_dev));
}

bwrt_caps caps_with(const char* table, std::uint32_t device) {
    bwrt_config config = {};
    config.struct_size = sizeof config;
    config.calibration = table;
    config.device = device;
    bwrt_caps caps = {};
    caps.struct_size = sizeof caps;
    bwrt_runtime* runtime = nullptr;
    bwrt_error error = {};
    must(bwrt_open(&config, &runtime, &error), error);
    const bwrt_status status = bwrt_get_caps(runtime, &caps, &error);
    bwrt_shutdown(runtime, BWRT_SHUTDOWN_CANCEL, -1, nullptr);
    bwrt_close(runtime, nullptr);
    must(status, error);
    return caps;
}

Json table_with(const std::string& path, const std::string& machine, const std::string& device,
                const std::string& directory, const DeviceChoices& choices) {
    const std::string text = path.empty() ? std::string() : text_at(path);
    Json table = text.empty() ? new_table(machine) : parse(text);
    if (table == nullptr) {
        throw Failure("E_FORMAT", path +
                                      " is not a calibration table and stays as it is: remove it "
                                      "or choose another --output");
    }
    const char* made_on =
        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(table.get(), "machine"));
    if (machine != made_on) table = new_table(machine);
    cJSON* devices = cJSON_GetObjectItemCaseSensitive(table.get(), "devices");
    for (int i = cJSON_GetArraySize(devices) - 1; i >= 0; --i) {
        const char* name = cJSON_GetStringValue(
            cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(devices, i), "device"));
        if (name != nullptr && device == name) cJSON_DeleteItemFromArray(devices, i);
    }
    cJSON_AddItemToArray(devices, entry_of(device, directory, choices));
    return table;
}

void check_output(const std::string& path, const std::string& machine) {
    static_cast<void>(table_with(path, machine, "", "", {}));
    // An empty file is no table yet.
    if (!text_at(path).empty()) static_cast<void>(caps_with(path.c_str()));
    const DraftFile draft(path);
}

void write_table(const std::string& path, const cJSON* table) {
    DraftFile draft(path);
    draft.append(text_of(table));
    draft.take_place();
}

}  // namespace bwrt::tools
