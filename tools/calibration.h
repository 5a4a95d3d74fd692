// SPDX-License-Identifier: Apache-2.0
//
// calibration.h — what `bwrt calibrate` measures of a device and what it chooses from it.
//
// Of ways that differ in cost besides speed the cheaper is taken unless the dearer is clearly
// faster:
//
//   depth     the smallest that reaches 95 % of the best: more only queues
//   request   the same, at that depth: longer ones hold memory
//   staging   from the smallest block on from which, for it and all larger ones, reading into the
//             arena and copying is 10 % faster than reading straight into the caller's ordinary
//             pages: it costs a copy
//   pages     huge ones for what bwrt allocates when 1 MiB blocks come in 10 % faster than into
//             ordinary pages that the ring has registered likewise: they come in units of 2 MiB
//
// A disk's speed drifts more from one second to the next than the contestants of a question differ,
// so they take turns, round by round.  The best round of each is compared: what else goes on in the
// machine only takes speed away, and from one round more than from another.

#pragma once

#include <bwrt.h>
#include <cjson/cJSON.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/test_file.h"

namespace bwrt::tools {

struct CalibrationOptions {
    std::uint32_t round_count;
    double sample_seconds;
};

// One row of what was measured: the best of the rounds.
struct Measurement {
    std::string what;  // "depth", "request", "own pages", "own huge pages", ...
    std::uint64_t block_bytes;
    std::uint32_t depth;
    std::uint32_t io_bytes;
    double gb_per_s;
    double cpu_ms_per_gb;
};

struct DeviceChoices {
    std::uint32_t queue_depth = 0;
    std::uint32_t io_bytes = 0;
    std::uint32_t staging_count = 0;
    std::uint32_t stage_from_bytes = 0;
    std::uint32_t huge_pages = 1;
    std::vector<Measurement> measured;
};

// The first whose speed is `share` of the greatest or more.  Not empty.
[[nodiscard]] std::size_t first_within(const std::vector<double>& speeds, double share);

// The first from which on every `staged` is `gain` times `direct` or more; the count when there is
// none.
[[nodiscard]] std::size_t first_gain(const std::vector<double>& direct,
                                     const std::vector<double>& staged, double gain);

[[nodiscard]] DeviceChoices calibrate(const bench::TestFile& file, const std::string& machine,
                                      const CalibrationOptions& options);

using Json = std::unique_ptr<cJSON, void (*)(cJSON*)>;

// "254:0" for the device that the open file lies on.
[[nodiscard]] std::string device_of(int fd);

// What the library says of itself when it is opened with the table at this path; null: with none;
// and looks for devices as a BWRT_DEVICE_* says.  Throws when it refuses the table.
[[nodiscard]] bwrt_caps caps_with(const char* table, std::uint32_t device = BWRT_DEVICE_LATER);

// The table at `path` with this device's entry new or replaced; a new table when there is none, or
// that of another machine.  Throws when what is there is no table.  An empty path has none.
[[nodiscard]] Json table_with(const std::string& path, const std::string& machine,
                              const std::string& device, const std::string& directory,
                              const DeviceChoices& choices);

[[nodiscard]] std::string text_of(const cJSON* table);

// A table that only this process sees, for the runtimes that it opens.
class PrivateTable {
 public:
    explicit PrivateTable(const cJSON* table);
    ~PrivateTable();
    PrivateTable(const PrivateTable&) = delete;
    PrivateTable& operator=(const PrivateTable&) = delete;

    [[nodiscard]] const char* path() const { return path_.c_str(); }

 private:
    int fd_;
    std::string path_;
};

// Throws what stands in the way of write_table(), which is better known before the measuring.
void check_output(const std::string& path, const std::string& machine);

// Replaces `path` as a whole, with mode 0644, or leaves it alone and throws.
void write_table(const std::string& path, const cJSON* table);

}  // namespace bwrt::tools
