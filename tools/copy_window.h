// SPDX-License-Identifier: Apache-2.0
//
// copy_window.h — moves a file through a window of buffers: several chunks read, hashed
// and written at once, in order.
//
//   written_count ≤ hashed_count ≤ asked_count ≤ written_count + depth
//        └─ writing ─┘    └─ reading ─┘
//
// Chunk c lies in buffer c % depth from the submission of its read until its write is
// over.  Reads may end in any order; hashing follows the file, so that the digest is that of
// the whole file and any other XXH3 tool gives the same.

#pragma once

#include <bwrt.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tools/output.h"

namespace bwrt::tools {

struct FileInfo {
    bwrt_handle region = 0;
    std::uint64_t length_bytes = 0;
    bool direct = false;
};

// The XXH3 of no bytes, which is not 0.
[[nodiscard]] std::uint64_t hash_of_nothing();

// A runtime and its buffers.  Leaving cancels what still runs.
class CopyWindow {
 public:
    // Looks between chunks whether it is interrupted (signals.h).
    CopyWindow(std::uint64_t chunk_bytes, std::uint32_t depth);
    ~CopyWindow();
    CopyWindow(const CopyWindow&) = delete;
    CopyWindow& operator=(const CopyWindow&) = delete;

    FileInfo add_file(int fd, std::uint32_t flags);
    void release_file(const FileInfo& file);

    // Reads the source from its start to length_bytes, writes it to the same place of the
    // target unless that is NULL, and returns the XXH3 of what was read.  Throws a Failure.
    std::uint64_t run(const FileInfo& source, const std::string& source_name,
                      const FileInfo* target, const std::string& target_name,
                      std::uint64_t length_bytes, ProgressBar* progress);

    // The target's bytes are on the device after this.
    void flush(const FileInfo& target, const std::string& target_name);

    const char* storage() const;

 private:
    bwrt_handle submit(std::uint32_t kind, bwrt_handle file, std::uint64_t chunk,
                       std::uint64_t length_bytes);
    // False when the wave still runs after the time.
    bool wait(bwrt_handle wave, bool look_only, const std::string& doing);

    bwrt_runtime* runtime_ = nullptr;
    bwrt_handle memory_ = 0;
    const char* bytes_ = nullptr;
    std::uint64_t chunk_bytes_;
    std::vector<bwrt_handle> waves_;  // by buffer
};

}  // namespace bwrt::tools
