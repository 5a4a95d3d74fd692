// SPDX-License-Identifier: Apache-2.0
//
// recovery.h — what a restart finds: from the log's records to the index and the segments.
//
//   log ──read_log()──▶ Recovery ──▶ index     which blocks, where
//                                ──▶ segments  what is alive in each
//                                ──▶ observer  what the policy is to know
//                                ──▶ losses    which blocks cannot be had any more
//
// The time it takes is that of reading the log, and so of what there are blocks, not bytes: no
// block is looked at.  A record may be whole and yet say what cannot be any more, of a segment
// beyond a budget that became smaller, say, or more blocks than the index has room for: then that
// block is missing, and counted.

#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "runtime/store/index.h"
#include "runtime/store/log.h"
#include "runtime/store/losses.h"
#include "runtime/store/segments.h"

namespace bwrt::runtime {

// Tenants' spaces by the numbers that the index has for them.
class Spaces {
 public:
    static constexpr std::uint16_t kNone = 0xFFFF;

    // The number, a new one when the space is new; kNone when there are 65,535.
    [[nodiscard]] std::uint16_t number_of(std::uint64_t space);
    // kNone for one that is not there.
    [[nodiscard]] std::uint16_t find(std::uint64_t space) const noexcept;
    [[nodiscard]] std::uint64_t space_of(std::uint16_t number) const noexcept {
        return spaces_[number];
    }
    [[nodiscard]] std::size_t count() const noexcept { return spaces_.size(); }

 private:
    std::vector<std::uint64_t> spaces_;
};

// The numbers that an index has for tenants, as they were at one moment; any thread may ask.
class SpaceNumbers {
 public:
    SpaceNumbers() = default;
    explicit SpaceNumbers(const Spaces& spaces);  // throws std::bad_alloc

    // Spaces::kNone for one that was not there.
    [[nodiscard]] std::uint16_t number_of(std::uint64_t space) const noexcept;

 private:
    std::vector<std::pair<std::uint64_t, std::uint16_t>> numbers_;  // by space
};

// Is told which blocks there are in the end, and which were there on the way.
class RecoveryObserver {
 public:
    // `parent` is its entry, kNoEntry where it has none or that is not there.
    virtual void block_found(std::uint32_t entry, std::uint32_t parent,
                             const Record& record) noexcept = 0;
    virtual void block_gone(std::uint32_t entry) noexcept = 0;

 protected:
    ~RecoveryObserver() = default;
};

struct RecoveryCounts {
    std::uint64_t records = 0;
    std::uint64_t no_room = 0;    // the index was full, or the spaces
    std::uint64_t no_place = 0;   // outside of the segments that there are
    std::uint64_t reclaimed = 0;  // of a generation of its segment that is over
};

// What was left of the write budget, and when (seconds since 1970).
struct BudgetMark {
    std::uint64_t left_bytes = ~std::uint64_t{0};  // nobody has said: all of it
    std::uint64_t said_s = 0;
};

class Recovery final : public LogReader {
 public:
    // The three and the losses are empty; observer and losses may be null.  A stored record's
    // generation is that of its segment when it was written.
    Recovery(IndexWriter* index, Segments* segments, Spaces* spaces, RecoveryObserver* observer,
             Losses* losses = nullptr)
        : index_(*index),
          segments_(*segments),
          spaces_(*spaces),
          observer_(observer),
          losses_(losses) {}

    void restart() noexcept override;
    void take(const Record& record) noexcept override;

    // Behind the log: there is no file of that segment, and so nothing of what the log says is in
    // it.
    void lose_segment(std::uint32_t segment) noexcept;

    [[nodiscard]] const RecoveryCounts& counts() const noexcept { return counts_; }
    [[nodiscard]] const BudgetMark& budget() const noexcept { return budget_; }

 private:
    void store(const Record& record) noexcept;
    void begin_segment(std::uint32_t segment, std::uint64_t generation) noexcept;
    void forget(std::uint32_t entry) noexcept;
    [[nodiscard]] bool is_place(const Record& record) const noexcept;
    [[nodiscard]] bool key_of(std::uint64_t space, const std::uint8_t* identity, std::uint32_t part,
                              IndexKey* key_out) noexcept;
    [[nodiscard]] std::uint32_t parent_of(const Record& record) noexcept;

    IndexWriter& index_;
    Segments& segments_;
    Spaces& spaces_;
    RecoveryObserver* observer_;
    Losses* losses_;
    RecoveryCounts counts_;
    BudgetMark budget_;
};

// Bytes that a block takes in its segment.
[[nodiscard]] inline std::uint64_t place_bytes(std::uint32_t length_bytes) noexcept {
    return payload_bytes_on_disk(length_bytes) + sums_bytes_on_disk(length_bytes);
}

}  // namespace bwrt::runtime
