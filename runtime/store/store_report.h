// SPDX-License-Identifier: Apache-2.0
//
// store_report.h — what is not as it was asked for, in words: the reasons in bwrt_store_info.
//
// Told when memory and directories are opened, and of segments by the janitor while the runtime
// runs.  A reason is one of few, of one sentence or several.  It is kept where it was first put
// down and never changed, so that whoever asks may read it without a copy for as long as there is a
// store.

#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "include/bwrt.h"
#include "runtime/region.h"
#include "runtime/store/segment_file.h"

namespace bwrt::runtime {

class StoreReport {
 public:
    // Segments are numbered by their place in the region table.
    void set_segment_count(std::uint32_t place_count) { marks_.resize(place_count); }
    // NULL: no longer.
    void say_disk(const char* reason) noexcept { say(&disk_, reason); }
    void say_striping(const char* reason) noexcept { say(&striping_, reason); }

    // Of a segment that is there to be written to, or only to be read.
    void segment_opened(std::uint32_t place, Access access, const SegmentReport& report) noexcept;
    void segment_not_direct(const char* reason) noexcept { say(&direct_, reason); }

    void write(bwrt_store_info* info_out) const noexcept;

 private:
    enum Mark : std::uint8_t { kReserved = 1, kUnreserved = 2, kStriped = 4 };

    void say(const char** reason, const char* text) noexcept;
    [[nodiscard]] const char* keep(const char* text) noexcept;

    mutable std::mutex mutex_;
    std::vector<std::uint8_t> marks_;  // by place
    const char* disk_ = nullptr;
    const char* direct_ = nullptr;
    const char* reserve_ = nullptr;
    const char* striping_ = nullptr;
    static constexpr std::size_t kTextBytes = 1024;  // all sixteen directories in one sentence
    char texts_[16][kTextBytes] = {};
};

// Of memory: whether all that is there has the huge pages it was to have, and why not.
void write_memory(const Region* host, const Region* transit, bwrt_store_info* info_out) noexcept;

}  // namespace bwrt::runtime
