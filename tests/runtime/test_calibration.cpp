// SPDX-License-Identifier: Apache-2.0
//
// test_calibration.cpp — a table by `bwrt calibrate`: what of it is taken, what is refused and with
// which sentence, and what it changes: the limits where the caller left them open, and which direct
// reads go through the staging arena.  The bytes are the same either way.

#include "runtime/calibration.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "include/bwrt.h"
#include "tests/support/cmocka.h"

namespace {

using bwrt::runtime::Calibration;
using bwrt::runtime::machine_identity;
using bwrt::runtime::read_calibration;

constexpr std::uint32_t kFileBytes = 1u << 20;
constexpr std::uint32_t kStageFromBytes = 128u << 10;

// A file in the current folder, gone at the end.
struct File {
    std::string path = "calibration-test-XXXXXX";
    int fd = mkstemp(path.data());

    explicit File(const std::string& text = {}) {
        assert_true(fd >= 0);
        assert_int_equal(write(fd, text.data(), text.size()), text.size());
    }
    ~File() {
        close(fd);
        unlink(path.c_str());
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;

    [[nodiscard]] std::string device() const {
        struct stat stat = {};
        assert_int_equal(fstat(fd, &stat), 0);
        return std::to_string(major(stat.st_dev)) + ":" + std::to_string(minor(stat.st_dev));
    }
};

std::string device_of(const std::string& name, const std::string& stage_from_bytes) {
    return R"({"device": ")" + name + R"(", "queue_depth": 32, "io_bytes": 262144,)" +
           R"( "staging_count": 8, "stage_from_bytes": )" + stage_from_bytes +
           R"(, "measured": [{"what": "read"}]})";
}

std::string table_of(const std::string& devices, const std::string& machine = machine_identity()) {
    return R"({"bwrt_calibration": 1, "machine": ")" + machine + R"(", "made": "today",)" +
           R"( "devices": [)" + devices + "]}";
}

const std::string kDevice = device_of("254:3", "131072");

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    const std::size_t at = text.find(from);
    assert_true(at != std::string::npos);
    return text.replace(at, from.size(), to);
}

void expect_refusal(const std::string& text, bwrt_status status, const char* says) {
    const File file(text);
    Calibration calibration;
    bwrt_error error = {};
    assert_int_equal(read_calibration(file.path.c_str(), &calibration, {&error, BWRT_NONE}),
                     status);
    assert_string_equal(error.field, "config.calibration");
    if (std::strstr(error.message, says) == nullptr) fail_msg("\"%s\"", error.message);
    assert_true(calibration.devices.empty());
    assert_true(calibration.reason.empty());
}

void a_table_of_this_machine_is_taken(void**) {
    const File file(table_of(kDevice + ", " + device_of("7:1", "0")));
    Calibration calibration;
    assert_int_equal(read_calibration(file.path.c_str(), &calibration, {}), BWRT_OK);
    assert_int_equal(calibration.devices.size(), 2);
    const Calibration::Device* device = calibration.find(makedev(254, 3));
    assert_non_null(device);
    assert_int_equal(device->queue_depth, 32);
    assert_int_equal(device->io_bytes, 262144);
    assert_int_equal(device->staging_count, 8);
    assert_int_equal(device->stage_from_bytes, 131072);
    assert_null(calibration.find(makedev(254, 4)));
    assert_int_equal(calibration.most(&Calibration::Device::stage_from_bytes), 131072);
    assert_true(calibration.stages());
    assert_non_null(std::strstr(calibration.reason.c_str(), "254:3: depth 32, 256 KiB"));
    assert_non_null(std::strstr(calibration.reason.c_str(), "staged from 128 KiB"));
    assert_non_null(std::strstr(calibration.reason.c_str(), "nothing staged"));
}

// A table made before there was the choice has what was done then.
void huge_pages_are_taken_unless_every_device_that_stages_does_without(void**) {
    const auto wants = [](const std::string& devices) {
        const File file(table_of(devices));
        Calibration calibration;
        assert_int_equal(read_calibration(file.path.c_str(), &calibration, {}), BWRT_OK);
        const bool said = std::strstr(calibration.reason.c_str(), "in huge pages") != nullptr;
        assert_int_equal(said, calibration.wants_huge_pages());
        return calibration.wants_huge_pages();
    };
    const auto with = [](const std::string& device, const char* choice) {
        return replaced(device, "\"staging_count", choice + std::string(", \"staging_count"));
    };
    const std::string without = with(kDevice, "\"huge_pages\": 0");
    assert_true(wants(kDevice));
    assert_true(wants(with(kDevice, "\"huge_pages\": 1")));
    assert_false(wants(without));
    assert_true(wants(without + ", " + device_of("7:1", "65536")));
    assert_false(wants(without + ", " + device_of("7:1", "0")));
}

// Of two devices, one large and few, one small and many, the arena holds what either wants.
void the_arena_is_as_large_as_the_device_that_wants_most_and_no_larger(void**) {
    Calibration calibration;
    calibration.devices = {{1, 8, 4u << 20, 16, 65536, 1}, {2, 128, 256u << 10, 200, 65536, 1}};
    assert_int_equal(calibration.staging_count(4u << 20), 16);
    assert_int_equal(calibration.staging_count(16u << 20), 4);
    assert_int_equal(calibration.staging_count(256u << 10), 256);
    calibration.devices[0].stage_from_bytes = 0;
    assert_int_equal(calibration.staging_count(4u << 20), 12);
    calibration.devices[1].stage_from_bytes = 0;
    assert_int_equal(calibration.staging_count(4u << 20), 0);
}

void a_table_of_another_machine_is_not_used_and_says_so(void**) {
    const File file(table_of(kDevice, "a typewriter"));
    Calibration calibration;
    assert_int_equal(read_calibration(file.path.c_str(), &calibration, {}), BWRT_OK);
    assert_true(calibration.devices.empty());
    assert_int_equal(calibration.most(&Calibration::Device::queue_depth), 0);
    assert_non_null(std::strstr(calibration.reason.c_str(), "made on \"a typewriter\""));
    assert_non_null(std::strstr(calibration.reason.c_str(), machine_identity().c_str()));
}

void a_damaged_table_is_refused(void**) {
    const std::string whole = table_of(kDevice);
    for (std::size_t length = 0; length < whole.size(); ++length) {
        expect_refusal(whole.substr(0, length), BWRT_E_PARSE, "not JSON");
    }
    expect_refusal(whole + "x", BWRT_E_PARSE, "not JSON");
    expect_refusal(std::string(5000, '['), BWRT_E_PARSE, "not JSON");
    expect_refusal(whole + std::string(1 << 20, ' '), BWRT_E_FORMAT, "more than 1048576");
    expect_refusal("[]", BWRT_E_FORMAT, "bwrt_calibration is not 1");
    expect_refusal(replaced(whole, "\": 1,", "\": 2,"), BWRT_E_FORMAT, "bwrt_calibration");
    expect_refusal(replaced(whole, "machine", "engine"), BWRT_E_FORMAT, "machine");
    expect_refusal(table_of(""), BWRT_E_FORMAT, "devices is not an array of 1 to");
    expect_refusal(table_of(kDevice + "," + kDevice), BWRT_E_FORMAT, "devices[1] was there before");
    expect_refusal(table_of("7"), BWRT_E_FORMAT, "devices[0].device");
}

void a_choice_out_of_its_range_is_refused_by_name(void**) {
    const struct {
        const char *from, *to, *says;
    } wrong[] = {
        {"254:3", "254", "devices[0].device"},
        {"254:3", "254:3x", "devices[0].device"},
        {": 32", ": 0", "devices[0].queue_depth"},
        {": 32", ": 4097", "devices[0].queue_depth"},
        {": 32", ": -1", "devices[0].queue_depth"},
        {": 32", ": 1.5", "devices[0].queue_depth"},
        {": 32", ": 1e300", "devices[0].queue_depth"},
        {": 32", ": \"32\"", "devices[0].queue_depth"},
        {": 262144", ": 262145", "devices[0].io_bytes"},
        {": 262144", ": 4096", "devices[0].io_bytes"},
        {": 8", ": 257", "devices[0].staging_count"},
        {"staging_count", "count", "devices[0].staging_count"},
        {": 131072", ": 131073", "devices[0].stage_from_bytes"},
        {": 131072", ": 33554432", "devices[0].stage_from_bytes"},
        {"\"staging_count", "\"huge_pages\": 2, \"staging_count", "devices[0].huge_pages"},
    };
    for (const auto& one : wrong) {
        expect_refusal(table_of(replaced(kDevice, one.from, one.to)), BWRT_E_FORMAT, one.says);
    }
}

void a_table_that_cannot_be_read_is_an_error_of_open(void**) {
    bwrt_config config = {};
    config.struct_size = sizeof config;
    bwrt_runtime* runtime = nullptr;
    bwrt_error error = {};
    config.calibration = "no-such-table.json";
    assert_int_equal(bwrt_open(&config, &runtime, &error), BWRT_E_IO);
    assert_string_equal(error.field, "config.calibration");
    assert_int_equal(error.os_code, ENOENT);
    config.calibration = ".";
    assert_int_equal(bwrt_open(&config, &runtime, &error), BWRT_E_FORMAT);
    assert_null(runtime);
}

// ---- what it changes

struct Engine {
    bwrt_runtime* runtime = nullptr;
    bwrt_handle file = 0, ordinary = 0, huge = 0;
    bwrt_region_info file_info = {}, huge_info = {};
    std::vector<unsigned char> memory = std::vector<unsigned char>(kFileBytes + 4096);
    unsigned char* aligned = nullptr;
};

void open_engine(Engine* engine, const File& table, int fd, std::uint32_t queue_depth) {
    bwrt_config config = {};
    config.struct_size = sizeof config;
    config.calibration = table.path.c_str();
    config.queue_depth = queue_depth;
    assert_int_equal(bwrt_open(&config, &engine->runtime, nullptr), BWRT_OK);
    bwrt_region region = {};
    region.struct_size = sizeof region;
    region.kind = BWRT_REGION_FILE;
    region.flags = BWRT_REGION_DIRECT;
    region.fd = fd;
    engine->file_info.struct_size = engine->huge_info.struct_size = sizeof engine->file_info;
    assert_int_equal(
        bwrt_region_add(engine->runtime, &region, &engine->file, &engine->file_info, nullptr), 0);
    engine->aligned = engine->memory.data() + 4096 -
                      reinterpret_cast<std::uintptr_t>(engine->memory.data()) % 4096;
    region = {};
    region.struct_size = sizeof region;
    region.kind = BWRT_REGION_HOST;
    region.address = engine->aligned;
    region.length_bytes = kFileBytes;
    assert_int_equal(bwrt_region_add(engine->runtime, &region, &engine->ordinary, nullptr, nullptr),
                     0);
    region = {};
    region.struct_size = sizeof region;
    region.kind = BWRT_REGION_ALLOCATED;
    region.flags = BWRT_REGION_HUGE;
    region.length_bytes = kFileBytes;
    assert_int_equal(
        bwrt_region_add(engine->runtime, &region, &engine->huge, &engine->huge_info, nullptr), 0);
}

void close_engine(Engine* engine) {
    assert_int_equal(bwrt_shutdown(engine->runtime, BWRT_SHUTDOWN_DRAIN, -1, nullptr), BWRT_OK);
    assert_int_equal(bwrt_close(engine->runtime, nullptr), BWRT_OK);
}

void fill(int fd) {
    std::vector<unsigned char> bytes(kFileBytes);
    for (std::uint32_t i = 0; i < kFileBytes; ++i) bytes[i] = static_cast<unsigned char>(i * 7 / 5);
    assert_int_equal(pwrite(fd, bytes.data(), kFileBytes, 0), kFileBytes);
    assert_int_equal(fsync(fd), 0);
}

unsigned char byte_at(std::uint64_t offset) { return static_cast<unsigned char>(offset * 7 / 5); }

// Does it, and returns how much of it was staged.
std::uint64_t staged_by(const Engine& engine, const bwrt_operation& operation) {
    bwrt_route before[4] = {}, after[4] = {};
    const auto sample = [&](bwrt_route* routes) {
        bwrt_counters counters = {};
        counters.struct_size = sizeof counters;
        counters.routes = routes;
        counters.route_bytes = sizeof *routes;
        counters.route_capacity = 4;
        assert_int_equal(bwrt_sample(engine.runtime, &counters, nullptr), BWRT_OK);
    };
    sample(before);
    bwrt_wave wave = {};
    wave.struct_size = sizeof wave;
    wave.operations = &operation;
    wave.operation_count = 1;
    wave.operation_bytes = sizeof operation;
    bwrt_handle handle = 0;
    bwrt_completion completion = {};
    assert_int_equal(bwrt_submit_wave(engine.runtime, &wave, &handle, nullptr), BWRT_OK);
    assert_int_equal(bwrt_wait(engine.runtime, handle, -1, &completion, nullptr), BWRT_OK);
    assert_int_equal(completion.status, BWRT_OK);
    sample(after);
    std::uint64_t staged = 0;
    for (int i = 0; i < 4; ++i) staged += after[i].staged_bytes - before[i].staged_bytes;
    return staged;
}

bwrt_operation operation_of(std::uint32_t kind, bwrt_handle source, bwrt_handle target,
                            std::uint64_t offset, std::uint64_t length) {
    bwrt_operation operation = {};
    operation.kind = kind;
    operation.source = source;
    operation.target = target;
    operation.source_offset_bytes = operation.target_offset_bytes = offset;
    operation.length_bytes = length;
    return operation;
}

void expect_bytes(const unsigned char* bytes, std::uint64_t offset, std::uint64_t length) {
    for (std::uint64_t i = 0; i < length; ++i) {
        if (bytes[i] != byte_at(offset + i)) {
            fail_msg("byte %llu is wrong", static_cast<unsigned long long>(offset + i));
        }
    }
}

// Reads [offset, + length) to the same place of `target`.
std::uint64_t read_staged(const Engine& engine, bwrt_handle target, std::uint64_t offset,
                          std::uint64_t length, const unsigned char* target_bytes) {
    const std::uint64_t staged =
        staged_by(engine, operation_of(BWRT_OP_READ, engine.file, target, offset, length));
    expect_bytes(target_bytes + offset, offset, length);
    return staged;
}

// Writes [offset, + length) from the same place of `source` over zeros.
std::uint64_t write_staged(const Engine& engine, int fd, bwrt_handle source, std::uint64_t offset,
                           std::uint64_t length, unsigned char* source_bytes) {
    std::vector<unsigned char> there(length);
    assert_int_equal(pwrite(fd, there.data(), length, static_cast<off_t>(offset)), length);
    assert_int_equal(fsync(fd), 0);
    for (std::uint64_t i = offset; i < offset + length; ++i) source_bytes[i] = byte_at(i);
    const std::uint64_t staged =
        staged_by(engine, operation_of(BWRT_OP_WRITE, source, engine.file, offset, length));
    assert_int_equal(pread(fd, there.data(), length, static_cast<off_t>(offset)), length);
    expect_bytes(there.data(), offset, length);
    return staged;
}

void long_direct_reads_into_ordinary_pages_are_staged_where_the_table_says_so(void**) {
    const File data;
    fill(data.fd);
    const File table(table_of(device_of(data.device(), std::to_string(kStageFromBytes))));
    Engine engine;
    open_engine(&engine, table, data.fd, 0);
    if ((engine.file_info.flags & BWRT_REGION_DIRECT) == 0) {
        print_message("not direct here: %s\n", engine.file_info.reason);
        close_engine(&engine);
        skip();
    }
    const unsigned char* ordinary = engine.aligned;
    const auto* huge = static_cast<const unsigned char*>(engine.huge_info.address);
    assert_int_equal(read_staged(engine, engine.ordinary, 0, kFileBytes, ordinary), kFileBytes);
    assert_int_equal(read_staged(engine, engine.ordinary, 4096, kStageFromBytes, ordinary),
                     kStageFromBytes);
    assert_int_equal(read_staged(engine, engine.ordinary, 4096, kStageFromBytes - 4096, ordinary),
                     0);
    if ((engine.huge_info.flags & BWRT_REGION_HUGE) != 0) {
        assert_int_equal(read_staged(engine, engine.huge, 0, kFileBytes, huge), 0);
    }
    close_engine(&engine);
}

void long_direct_writes_from_ordinary_pages_are_staged_likewise(void**) {
    const File data;
    fill(data.fd);
    const File table(table_of(device_of(data.device(), std::to_string(kStageFromBytes))));
    Engine engine;
    open_engine(&engine, table, data.fd, 0);
    if ((engine.file_info.flags & BWRT_REGION_DIRECT) == 0) {
        print_message("not direct here: %s\n", engine.file_info.reason);
        close_engine(&engine);
        skip();
    }
    unsigned char* ordinary = engine.aligned;
    auto* huge = static_cast<unsigned char*>(engine.huge_info.address);
    const int fd = data.fd;
    assert_int_equal(write_staged(engine, fd, engine.ordinary, 0, kFileBytes, ordinary),
                     kFileBytes);
    assert_int_equal(write_staged(engine, fd, engine.ordinary, 4096, kStageFromBytes, ordinary),
                     kStageFromBytes);
    assert_int_equal(
        write_staged(engine, fd, engine.ordinary, 4096, kStageFromBytes - 4096, ordinary), 0);
    if ((engine.huge_info.flags & BWRT_REGION_HUGE) != 0) {
        assert_int_equal(write_staged(engine, fd, engine.huge, 0, kFileBytes, huge), 0);
    }
    close_engine(&engine);
}

void a_device_that_the_table_does_not_know_is_read_as_without_one(void**) {
    const File data;
    fill(data.fd);
    const File table(table_of(device_of("4095:77", "4096")));
    Engine engine;
    open_engine(&engine, table, data.fd, 0);
    assert_int_equal(read_staged(engine, engine.ordinary, 0, kFileBytes, engine.aligned), 0);
    close_engine(&engine);
}

void what_the_caller_set_stands_and_what_he_left_open_is_the_tables(void**) {
    const File data;
    fill(data.fd);
    const File table(table_of(kDevice));
    Engine engine;
    open_engine(&engine, table, data.fd, 7);
    bwrt_caps caps = {};
    caps.struct_size = sizeof caps;
    assert_int_equal(bwrt_get_caps(engine.runtime, &caps, nullptr), BWRT_OK);
    assert_int_equal(caps.queue_depth, 7);
    assert_int_equal(caps.io_bytes_max, 262144);
    assert_int_equal(caps.staging_count, 8);
    assert_string_equal(caps.machine, machine_identity().c_str());
    assert_non_null(std::strstr(caps.calibration_reason, table.path.c_str()));
    assert_non_null(std::strstr(caps.calibration_reason, "254:3: depth 32"));
    close_engine(&engine);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_table_of_this_machine_is_taken),
        cmocka_unit_test(huge_pages_are_taken_unless_every_device_that_stages_does_without),
        cmocka_unit_test(the_arena_is_as_large_as_the_device_that_wants_most_and_no_larger),
        cmocka_unit_test(a_table_of_another_machine_is_not_used_and_says_so),
        cmocka_unit_test(a_damaged_table_is_refused),
        cmocka_unit_test(a_choice_out_of_its_range_is_refused_by_name),
        cmocka_unit_test(a_table_that_cannot_be_read_is_an_error_of_open),
        cmocka_unit_test(long_direct_writes_from_ordinary_pages_are_staged_likewise),
        cmocka_unit_test(long_direct_reads_into_ordinary_pages_are_staged_where_the_table_says_so),
        cmocka_unit_test(a_device_that_the_table_does_not_know_is_read_as_without_one),
        cmocka_unit_test(what_the_caller_set_stands_and_what_he_left_open_is_the_tables),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
