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
// the space again a whole segment is emptied, and what is alive in it is carried elsewhere first,
// but for what has faded (prefix_lru.h), which goes: the one is taken that has the least to carry,
// and that is mostly an old one.  What is carried has an open segment of its own, and the last
// empty one of a directory is kept for it: what was alive in one segment fits the next, so emptying
// one is always possible, gives one back, and never needs a byte beyond the budget.  (But for a
// restart that found no empty one, after a crash in the middle of carrying or with a smaller
// budget: then there may be no room to carry to, and what would have been carried is dropped.)
//
// A segment in use by a read or write in flight (hold()) is not emptied; its generation, which each
// filling begins anew, tells a reader in another process that what it has read is gone.
//
// What is left at the end of a full segment, too little for the block that came then, is its tail:
// nobody has it, and with large blocks it is much.  Emptying the segment would not win it, for what
// is carried leaves the like elsewhere.  Only what a restart has cut short is won.
//
// One that the disk would not flush is given up: what it has stays until it goes, and nothing is
// put into it again before the next restart.
//
// A segment's number says where it lies, whatever the budgets are: directory x 4,096 + its place
// there.
//
// Decides and counts; opens no file.  The driver's alone.

#pragma once

#include <cstdint>
#include <vector>

namespace bwrt::runtime {

constexpr std::uint64_t kMebibyte = std::uint64_t{1} << 20;

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
    enum class State : std::uint8_t { kEmpty, kOpen, kFull, kEmptying, kGivenUp };

    enum class Purpose : std::uint8_t {
        kStore,  // new blocks; leaves the directory's last empty segment alone
        kCarry,  // blocks of the segment that is being emptied
    };

    static constexpr std::uint32_t kDirectoryCountMax = 16;  // so that 16 bits number all segments
    static constexpr std::uint32_t kCountMax = 4096;         // of one directory

    // One filled with what is new, one with what is carried, one empty, one to be emptied.
    static constexpr std::uint32_t kCountMin = 4;

    // Budgets are rounded down to whole segments; a directory has from kCountMin to kCountMax, or
    // none.  segment_bytes is a multiple of 4 KiB, at most 4 GiB.  A new generation is
    // `generation_step` above the one before; a restart that takes another step than the life
    // before it never gives a generation again whose beginning was lost.
    Segments(const std::vector<DirectoryBudget>& directories, std::uint64_t segment_bytes,
             std::uint64_t generation_step = 1);

    // A 128th of the smallest directory's budget in whole MiB, at most 4 GiB; at least 16 of the
    // longest runs, but of such a bound no more than 16 MiB and no less than one.
    [[nodiscard]] static std::uint64_t segment_bytes_for(
        const std::vector<DirectoryBudget>& directories, std::uint64_t run_bytes_max) noexcept;

    // ---- after a restart, in the order of the log; then settle()

    // False, and nothing is changed, when there is no such segment or place.
    bool restore_generation(std::uint32_t segment, std::uint64_t generation) noexcept;
    bool restore_block(const DiskPlace& place, std::uint64_t bytes) noexcept;
    // Of those with something in them none is filled further: a write of the life before may still
    // be on its way to behind what the log knows of.  Only where no segment is empty the one with
    // the most room takes what is carried.
    void settle() noexcept;

    // ---- giving out

    // Whether a run of so many bytes, at most a segment's, can be had in the directory now.
    [[nodiscard]] bool has_room(std::uint32_t directory, std::uint64_t bytes,
                                Purpose purpose) const noexcept;

    // The run, alive from now on.  *opened_out: the segment was empty until now; its new generation
    // must be in the log before any block of it.  Only where has_room().
    [[nodiscard]] DiskPlace take(std::uint32_t directory, std::uint64_t bytes, Purpose purpose,
                                 bool* opened_out) noexcept;

    // The directory for the next run: by turns, those with room first, then any with segments.
    [[nodiscard]] std::uint32_t next_directory(std::uint64_t bytes) noexcept;

    // ---- dying

    // A block is no more, or lies elsewhere.
    void release(std::uint32_t segment, std::uint64_t bytes) noexcept;

    // What is alive there may go instead of being carried; or is to be carried again.
    void fade(std::uint32_t segment, std::uint64_t bytes) noexcept;
    void unfade(std::uint32_t segment, std::uint64_t bytes) noexcept;

    // Begins the emptying of the full segment of the directory that has the fewest bytes to carry,
    // of those without a holder by which gain_bytes_min or more are won: what is dead or faded in
    // it, and what is behind it where a restart has cut it short or that is half of it.  kNoSegment
    // when there is none, or one is being emptied.
    [[nodiscard]] std::uint32_t begin_emptying(std::uint32_t directory,
                                               std::uint64_t gain_bytes_min) noexcept;

    // Nothing more is put into it: from now on, or once it is emptied.
    void give_up(std::uint32_t segment) noexcept;

    // Of the one that is being emptied: nothing in it is alive and nobody holds it.
    [[nodiscard]] bool can_be_emptied(std::uint32_t segment) const noexcept;
    void emptied(std::uint32_t segment) noexcept;

    void hold(std::uint32_t segment) noexcept { ++at(segment).holders; }
    void unhold(std::uint32_t segment) noexcept;

    // ---- asking

    [[nodiscard]] bool exists(std::uint32_t segment) const noexcept {
        return segment / kCountMax < directories_.size() &&
               segment % kCountMax < directories_[segment / kCountMax].segments.size();
    }
    [[nodiscard]] static std::uint32_t directory_of(std::uint32_t segment) noexcept {
        return segment / kCountMax;
    }
    template <typename Visit>
    void for_each(Visit&& visit) const {
        for (std::uint32_t directory = 0; directory < directories_.size(); ++directory) {
            const auto count = static_cast<std::uint32_t>(directories_[directory].segments.size());
            for (std::uint32_t i = 0; i < count; ++i) visit(directory * kCountMax + i);
        }
    }
    [[nodiscard]] State state_of(std::uint32_t segment) const noexcept { return at(segment).state; }
    [[nodiscard]] std::uint64_t generation_of(std::uint32_t segment) const noexcept {
        return at(segment).generation;
    }
    [[nodiscard]] std::uint64_t live_bytes_of(std::uint32_t segment) const noexcept {
        return at(segment).live_bytes;
    }
    // Of what is alive there what would have to be carried.
    [[nodiscard]] std::uint64_t carry_bytes_of(std::uint32_t segment) const noexcept {
        return carried_of(at(segment));
    }
    [[nodiscard]] bool is_given_up(std::uint32_t segment) const noexcept {
        return at(segment).is_given_up;
    }
    // From the segment's beginning to behind the last block that was put into it.
    [[nodiscard]] std::uint64_t used_bytes_of(std::uint32_t segment) const noexcept {
        return at(segment).used_bytes;
    }
    [[nodiscard]] std::uint64_t segment_bytes() const noexcept { return segment_bytes_; }
    [[nodiscard]] std::uint64_t live_bytes() const noexcept { return live_bytes_; }
    [[nodiscard]] std::uint64_t faded_bytes() const noexcept { return faded_bytes_; }
    // Of all full segments but those cut short, and how many full ones there are.
    [[nodiscard]] std::uint64_t tail_bytes() const noexcept { return tail_bytes_; }
    [[nodiscard]] std::uint64_t full_count() const noexcept { return full_count_; }
    // It changes when there is more to win than there was.
    [[nodiscard]] std::uint64_t release_count() const noexcept { return release_count_; }
    [[nodiscard]] std::uint64_t budget_bytes() const noexcept { return segment_bytes_ * count_; }
    [[nodiscard]] std::uint32_t directory_count() const noexcept {
        return static_cast<std::uint32_t>(directories_.size());
    }
    [[nodiscard]] std::uint32_t empty_count(std::uint32_t directory) const noexcept {
        return directories_[directory].empty_count;
    }

 private:
    struct Segment {
        std::uint64_t generation = 0;  // 0: never filled, no file yet
        std::uint64_t used_bytes = 0;
        std::uint64_t live_bytes = 0;
        std::uint64_t faded_bytes = 0;    // of the live ones
        std::uint64_t longest_bytes = 0;  // of the blocks that a restart has found
        std::uint32_t holders = 0;
        State state = State::kEmpty;
        bool is_given_up = false;
        bool is_cut = false;  // the next block would have fitted
    };
    struct Directory {
        std::vector<Segment> segments;
        std::uint32_t empty_count = 0;
        std::uint32_t open[2] = {kNoSegment, kNoSegment};  // by Purpose
        std::uint32_t emptying = kNoSegment;
    };

    [[nodiscard]] const Segment& at(std::uint32_t segment) const noexcept {
        return directories_[segment / kCountMax].segments[segment % kCountMax];
    }
    [[nodiscard]] Segment& at(std::uint32_t segment) noexcept {
        return directories_[segment / kCountMax].segments[segment % kCountMax];
    }
    void close(std::uint32_t segment) noexcept;
    void forget_tail(const Segment& segment) noexcept;
    [[nodiscard]] std::uint64_t left_of(const Segment& segment) const noexcept {
        return segment_bytes_ - segment.used_bytes;
    }
    [[nodiscard]] std::uint64_t tail_of(const Segment& segment) const noexcept {
        return segment.is_cut ? 0 : left_of(segment);
    }
    [[nodiscard]] static std::uint64_t carried_of(const Segment& segment) noexcept {
        return segment.live_bytes - segment.faded_bytes;
    }
    [[nodiscard]] bool fits(std::uint32_t segment, std::uint64_t bytes) const noexcept {
        return segment != kNoSegment && segment_bytes_ - at(segment).used_bytes >= bytes;
    }

    std::uint64_t segment_bytes_;
    std::uint64_t generation_step_;
    std::vector<Directory> directories_;
    std::uint64_t count_ = 0;
    std::uint64_t live_bytes_ = 0;
    std::uint64_t faded_bytes_ = 0;
    std::uint64_t tail_bytes_ = 0;
    std::uint64_t full_count_ = 0;
    std::uint64_t release_count_ = 0;
    std::uint32_t turn_ = 0;
};

}  // namespace bwrt::runtime
