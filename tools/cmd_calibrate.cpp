// SPDX-License-Identifier: Apache-2.0
//
// cmd_calibrate.cpp — `bwrt calibrate DIR`: measures the device behind a folder once and writes
// what it chose into a table for bwrt_config.calibration.  The loops are those of `bwrt bench io`,
// so what is measured is what will run.

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "tools/calibration.h"
#include "tools/commands.h"
#include "tools/output.h"

namespace bwrt::tools {
namespace {

struct FileSystem {
    unsigned long magic;
    const char* name;
};

constexpr FileSystem kNetworks[] = {
    {NFS_SUPER_MAGIC, "nfs"}, {SMB_SUPER_MAGIC, "smb"}, {0xFF534D42, "cifs"},
    {0xFE534D42, "smb2"},     {0x00C36400, "ceph"},     {CODA_SUPER_MAGIC, "coda"},
    {AFS_SUPER_MAGIC, "afs"}, {V9FS_MAGIC, "9p"},       {0x0BD00BD0, "lustre"},
    {0x47504653, "gpfs"},     {0x19830326, "beegfs"}};
constexpr FileSystem kMemories[] = {{TMPFS_MAGIC, "tmpfs"}, {RAMFS_MAGIC, "ramfs"}};

// The name of the one among them on which the folder lies, or null.
template <std::size_t count>
const char* find(const FileSystem (&file_systems)[count], const std::string& directory) {
    struct statfs found = {};
    if (statfs(directory.c_str(), &found) != 0) fail_system(directory, errno);
    for (const FileSystem& one : file_systems) {
        if (static_cast<unsigned long>(found.f_type) == one.magic) return one.name;
    }
    return nullptr;
}

void check_directory(const CalibrateOptions& options) {
    struct stat stat = {};
    if (::stat(options.directory.c_str(), &stat) != 0) fail_system(options.directory, errno);
    if (!S_ISDIR(stat.st_mode)) {
        throw Failure("E_INVAL", options.directory + " is not a folder");
    }
    if (const char* memory = find(kMemories, options.directory)) {
        throw Failure("E_UNSUPPORTED", options.directory + " is in memory (" + memory +
                                           "): there is no device to measure");
    }
    // What another machine's load decides is no property of this one.
    const char* network = find(kNetworks, options.directory);
    if (network != nullptr && !options.network) {
        throw Failure("E_UNSUPPORTED",
                      options.directory + " is on a network file system (" + network +
                          "), whose speed is others' too; --network measures it all the same");
    }
}

void check(const CalibrateOptions& options) {
    constexpr std::uint64_t kUnitBytes = std::uint64_t{4} << 20;
    if (options.file_bytes < 16 * kUnitBytes || options.file_bytes % kUnitBytes != 0) {
        throw Failure("E_INVAL", "--bytes is not 64 MiB or more in steps of 4 MiB", 2);
    }
    if (options.output.empty()) throw Failure("E_INVAL", "--output is empty", 2);
    check_directory(options);
}

void print_text(const CalibrateOptions& options, const DeviceChoices& choices,
                const std::string& words) {
    std::printf("%-16s %10s %6s %10s %9s %14s\n", "", "block", "depth", "request", "GB/s",
                "CPU ms/GB");
    for (const Measurement& row : choices.measured) {
        std::printf("%-16s %10s %6u %10s %9.2f %14.1f\n", row.what.c_str(),
                    format_bytes(row.block_bytes).c_str(), row.depth,
                    format_bytes(row.io_bytes).c_str(), row.gb_per_s, row.cpu_ms_per_gb);
    }
    std::printf("queue depth      %u: the smallest within 5 %% of the best\n", choices.queue_depth);
    std::printf("request          %s: the smallest within 5 %% of the best\n",
                format_bytes(choices.io_bytes).c_str());
    std::printf("huge pages       %s\n", choices.huge_pages != 0
                                             ? "yes: 10 % faster than ordinary ones"
                                             : "no: not 10 % faster than ordinary ones");
    if (choices.stage_from_bytes == 0) {
        std::printf("staging          none: it is not 10 %% faster than ordinary pages\n");
    } else {
        std::printf(
            "staging          from %s on: 10 %% faster than ordinary pages, in %u buffers\n",
            format_bytes(choices.stage_from_bytes).c_str(), choices.staging_count);
    }
    std::printf("%s\nset bwrt_config.calibration to \"%s\"\n", words.c_str(),
                std::filesystem::absolute(options.output).c_str());
}

// What was measured as a table, which the library has taken.
Json measure(const CalibrateOptions& options, const std::string& machine,
             DeviceChoices* choices_out) {
    try {
        const bench::TestFile file(options.directory, options.file_bytes);
        if (!file.direct()) {
            throw Failure("E_UNSUPPORTED", options.directory +
                                               " has no direct I/O: its files are read through the "
                                               "page cache, and there is nothing to choose");
        }
        *choices_out = calibrate(file, machine, {options.round_count, options.sample_seconds});
        bench::throw_if_interrupted();
        Json table = table_with(options.output, machine, device_of(file.fd()),
                                std::filesystem::canonical(options.directory), *choices_out);
        static_cast<void>(caps_with(PrivateTable(table.get()).path()));
        return table;
    } catch (const bench::Failure& failure) {
        throw Failure(failure.code(), failure.what(), failure.code() == "interrupted" ? 130 : 1);
    }
}

}  // namespace

void run_calibrate(const CalibrateOptions& options, bool json) {
    check(options);
    bench::catch_signals();
    const std::string machine = caps_with(nullptr).machine;
    check_output(options.output, machine);
    DeviceChoices choices;
    const Json table = measure(options, machine, &choices);
    write_table(options.output, table.get());
    if (json) {
        std::printf("%s", text_of(table.get()).c_str());
        return;
    }
    print_text(options, choices, caps_with(options.output.c_str()).calibration_reason);
}

}  // namespace bwrt::tools
