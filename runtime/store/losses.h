// SPDX-License-Identifier: Apache-2.0
//
// losses.h — blocks that a log has and the store that is opened with it cannot have: what an
// operator would want to hear of, and who opened it with less than before would not.
//
//   record of a block ──its segment is not here──▶ put() ─┐
//                     ──no room in the index─────▶ put() ─┤  a later record of it, or of its
//   segment's file ─────is missing──▶ put_file_missing()  │  segment, takes it out again
//                                                         ▼
//                                                sentences(), what is left
//
// A block is known here by a hash of its key: this is a count and decides nothing.  It takes memory
// by what is lost, and none where nothing is.  Where that memory cannot be had the count is less
// than there was, and what was lost is lost all the same.

#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "runtime/store/format.h"
#include "runtime/store/segments.h"

namespace bwrt::runtime {

class Losses {
 public:
    // The log began anew.
    void clear() noexcept;

    // In the order of the log: a block that cannot be had; one that is, or is gone; a segment that
    // is filled anew, with nothing in it.
    void put(const Record& record) noexcept;
    void remove(const BlockKey& key) noexcept {
        if (!blocks_.empty()) blocks_.erase(name_of(key));
    }
    void begin_segment(std::uint32_t segment, std::uint64_t generation) noexcept;

    // Behind the log: blocks of a segment that has no file.
    void put_file_missing(std::uint32_t segment, std::uint64_t block_count) noexcept {
        file_missing_[Segments::directory_of(segment)] += block_count;
    }

    // One for each kind, with "; " between them; empty where nothing is lost.
    [[nodiscard]] std::string sentences(const Segments& segments) const;

 private:
    struct Place {
        std::uint32_t segment;
        std::uint64_t generation;
    };
    [[nodiscard]] static std::uint64_t name_of(const BlockKey& key) noexcept;

    std::unordered_map<std::uint64_t, Place> blocks_;
    std::unordered_map<std::uint32_t, std::uint64_t> generations_;  // of segments not here
    std::uint64_t file_missing_[Segments::kDirectoryCountMax] = {};
};

}  // namespace bwrt::runtime
