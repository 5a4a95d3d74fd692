// SPDX-License-Identifier: Apache-2.0
//
// segments.h — where on the disk the next blocks go, and which segment is emptied for those after.
//
//   directory 0   [ full | full | open ▏    | empty | empty ]     each file preallocated once,
//   directory 1   [ full | open ▏    | empty | full | empty ]     filled from its beginning
//
//   empty --open()--> open --full--> full --reclaim--> emptying --emptied()--> empty
//
// Space is given out in runs: blocks of one wave and prefix lie behind each other and are read back
// as one extent.  Nothing is written over in place.  Blocks die one by one, where they lie; to have
// the space again a whole segment is emptied, the one with the least alive, and what is alive in it
// is carried elsewhere first.  What is carried has an open segment of its own, and the last empty
// one of a directory is kept for it: what was alive in one segment fits the next, so emptying one
// is always possible, gives one back, and never needs a byte beyond the budget.
//
// A segment in use by a read or write in flight (hold()) is not emptied; its generation, which each
// filling begins anew, tells a reader in another process that what it has read is gone.
//
// Decides and counts; opens no file.  The driver's alone.

#pragma once

#include <cstdint>
#include <vector>

namespace bwrt::runtime {

constexpr std::uint32_t kNoSegment = 0xFFFFFFFFu;

struct DiskPlace {
    std::uint32_t segment = kNoSegment;
    std::uint64_t offset_bytes = 0;
};

struct DirectoryBudget {
    std::uint64_t bytes;  // for segments, all of it
};

class Segments {
 public:
    enum class State : std::uint8_t { kEmpty, kOpen, kFull, kEmptying };

    enum class Purpose : std::uint8_t {
        kStore,  // new blocks; leaves the directory's last empty segment alone
        kCarry,  // blocks of the segment that is being emptied
    };

    // Budgets are rounded down to whole segments; a directory has at least kCountMin, or none;
    // all together have at most kCountMax.
    // segment_bytes is a multiple of 4 KiB.
    Segments(const std::vector<DirectoryBudget>& directories, std::uint64_t segment_bytes);

    // The index has 16 bits for them.
    static constexpr std::uint32_t kCountMax = 65'535;

    // One filled with what is new, one with what is carried, one empty, one to be emptied.
    static constexpr std::uint32_t kCountMin = 4;

    // A 64th of the smallest directory's budget in whole MiB, from 16 MiB to 4 GiB.
    [[nodiscard]] static std::uint64_t segment_bytes_for(
        const std::vector<DirectoryBudget>& directories) noexcept;

    // ---- after a restart, in the order of the log; then settle()

    void restore_generation(std::uint32_t segment, std::uint64_t generation) noexcept;
    void restore_block(const DiskPlace& place, std::uint64_t bytes) noexcept;
    void settle() noexcept;

    // ---- giving out

    // Whether a run of so many bytes, at most a segment's, can be had in the directory now.
    [[nodiscard]] bool has_room(std::uint32_t directory, std::uint64_t bytes,
                                Purpose purpose) const noexcept;

    // The run, alive from now on.  *opened_out: the segment was empty until now; its new generation
    // must be in the log before any block of it.  Only where has_room().
    [[nodiscard]] DiskPlace take(std::uint32_t directory, std::uint64_t bytes, Purpose purpose,
                                 bool* opened_out) noexcept;

    // The directory for the next run: by turns, those with room first.
    [[nodiscard]] std::uint32_t next_directory(std::uint64_t bytes) noexcept;

    // ---- dying

    // A block is no more, or lies elsewhere.
    void release(std::uint32_t segment, std::uint64_t bytes) noexcept;

    // Begins the emptying of the full segment of the directory that has the fewest live bytes and
    // no holder.  kNoSegment when none has live_bytes_max or fewer, or one is being emptied.
    [[nodiscard]] std::uint32_t begin_emptying(std::uint32_t directory,
                                               std::uint64_t live_bytes_max) noexcept;

    // Of the one that is being emptied: nothing in it is alive and nobody holds it.
    [[nodiscard]] bool can_be_emptied(std::uint32_t segment) const noexcept;
    void emptied(std::uint32_t segment) noexcept;

    void hold(std::uint32_t segment) noexcept { ++at(segment).holders; }
    void unhold(std::uint32_t segment) noexcept;

    // ---- asking

    [[nodiscard]] std::uint32_t count() const noexcept {
        return static_cast<std::uint32_t>(segments_.size());
    }
    [[nodiscard]] std::uint32_t directory_of(std::uint32_t segment) const noexcept;
    [[nodiscard]] State state_of(std::uint32_t segment) const noexcept { return at(segment).state; }
    [[nodiscard]] std::uint64_t generation_of(std::uint32_t segment) const noexcept {
        return at(segment).generation;
    }
    [[nodiscard]] std::uint64_t live_bytes_of(std::uint32_t segment) const noexcept {
        return at(segment).live_bytes;
    }
    [[nodiscard]] std::uint64_t segment_bytes() const noexcept { return segment_bytes_; }
    [[nodiscard]] std::uint64_t live_bytes() const noexcept { return live_bytes_; }
    [[nodiscard]] std::uint64_t budget_bytes() const noexcept {
        return segment_bytes_ * segments_.size();
    }
    [[nodiscard]] std::uint32_t empty_count(std::uint32_t directory) const noexcept {
        return directories_[directory].empty_count;
    }

 private:
    struct Segment {
        std::uint64_t generation = 0;  // 0: never filled, no file yet
        std::uint64_t used_bytes = 0;
        std::uint64_t live_bytes = 0;
        std::uint32_t holders = 0;
        State state = State::kEmpty;
    };
    struct Directory {
        std::uint32_t first = 0, count = 0;
        std::uint32_t empty_count = 0;
        std::uint32_t open[2] = {kNoSegment, kNoSegment};  // by Purpose
        std::uint32_t emptying = kNoSegment;
    };

    [[nodiscard]] const Segment& at(std::uint32_t segment) const noexcept {
        return segments_[segment];
    }
    [[nodiscard]] Segment& at(std::uint32_t segment) noexcept { return segments_[segment]; }
    [[nodiscard]] bool fits(std::uint32_t segment, std::uint64_t bytes) const noexcept {
        return segment != kNoSegment && segment_bytes_ - at(segment).used_bytes >= bytes;
    }

    std::uint64_t segment_bytes_;
    std::vector<Segment> segments_;
    std::vector<Directory> directories_;
    std::uint64_t live_bytes_ = 0;
    std::uint32_t turn_ = 0;
};

}  // namespace bwrt::runtime
