// SPDX-License-Identifier: Apache-2.0
//
// log_compaction.h — a new log with what is still true in the old one, made beside the driver,
// which goes on writing to the old one.
//
//   log.7      [ ....... old records ....... |  written meanwhile  |  the rest ]
//                      read twice            P         copied as it is
//                          ▼                           ▼                ▼
//   log.8.new  [ opened | generations | stored, true | .............. | .... | snapshot end ]
//                └──────────── begin(): long ───────────────────┘ └ finish(): short ┘
//
// Nothing but records makes the new log: tags and parents of tenants that this process does not
// know cannot be made anew.  So records are copied, in their order, and only sealed anew.
//
// What is true of the records before P the index says, and it may be asked by any thread.  Asked
// later than P it may be ahead: it has lost or moved a block that was at its place at P.  Then a
// record of that comes behind P, and will be copied with all the others there.  It may not be
// behind: a block whose record is written and which the index does not have there yet would be
// lost.  So P is not how far the log is written but how far it is settled.  An entry that is just
// being changed is waited for: to guess would lose the block or bring it back.
//
// A block that left the index without a record, as those of a segment do that is emptied, is not in
// the new log; by the old one a restart would have found it until the segment's next generation.
//
// Generations come first, one of each segment: the last one before P.  A stored record of an
// earlier one is dead, whatever the index says, and one of this generation finds it begun, wherever
// it comes in the log.
//
// Blocks of a tenant that the index has no number for are kept by their records alone: stored,
// removed, and removed where a segment took them with it.
//
// The old log is read up to where the driver says that it is written, and every record is looked
// at: damage must not be sealed as if it were whole.  Until publish_log() the old log is the truth,
// and whatever fails before that leaves it as it is and the draft removed.

#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "runtime/janitor.h"
#include "runtime/store/index.h"
#include "runtime/store/log.h"
#include "runtime/store/recovery.h"

namespace bwrt::runtime {

// One at a time, again and again.  All but run() is the driver's.
class LogCompaction final : public Job {
 public:
    enum class State : std::uint8_t {
        kIdle,
        kCopying,    // to be run
        kCopied,     // finish() comes next, or cancel()
        kFinishing,  // to be run
        kSwitched,   // take_file() and end() are the new log's: LogWriter::move_to()
        kFailed,     // the old log goes on as if nothing had been
        kUnsure,     // the new log is read from now on, but a power cut may bring the old one back:
                     // no record may be put into either
    };

    // All three stay as long as this does.
    LogCompaction(const Shard* shard, const Superblock* store, const IndexReader* index) noexcept;
    ~LogCompaction();
    LogCompaction(const LogCompaction&) = delete;
    LogCompaction& operator=(const LogCompaction&) = delete;

    // Of the log in `old_fd`, which stays open meanwhile, into log `number`, which was never that
    // of a log (LogReport::next_number).  Of all records before settled_bytes the index has what
    // they say; LogWriter::offset_of() tells where the first lies of which it has not.  Then a
    // janitor runs it.  BWRT_E_NOMEM, and nothing has begun.
    bwrt_status begin(int old_fd, std::uint64_t settled_bytes, std::uint64_t written_bytes,
                      std::uint64_t number, const Spaces& spaces) noexcept;

    // More of the old log is written.  Any time until finish().
    void grown_to(std::uint64_t written_bytes) noexcept {
        written_bytes_.store(written_bytes, std::memory_order_release);
    }

    // After kCopied: this is all there will be in the old log.  Then a janitor runs it again.
    void finish(std::uint64_t written_bytes) noexcept;

    // Any time: a run that is on its way ends soon, with kFailed and BWRT_E_CANCELLED, but where
    // the new log had its name already.  In kCopied a janitor must run it again, to remove the
    // draft.
    void cancel() noexcept { cancelled_.store(true, std::memory_order_relaxed); }

    // These four not while a janitor has it.
    [[nodiscard]] State state() const noexcept { return state_; }
    [[nodiscard]] const bwrt_error& error() const noexcept { return error_; }  // kFailed, kUnsure
    [[nodiscard]] OpenFile take_file() noexcept { return std::move(file_); }
    [[nodiscard]] const LogEnd& end() const noexcept { return end_; }

    void run() noexcept override;

 private:
    struct Buffers;

    bwrt_status copy();
    bwrt_status copy_rest(bool* counts_out);
    bwrt_status fail_cancelled() noexcept;
    bwrt_status begin_old(LogHeader* header_out);
    template <typename Visit>
    bwrt_status read_old(LogEnd* from, std::uint64_t until_bytes, Visit&& visit);
    bwrt_status put_generations();
    bwrt_status put_true(std::span<const Record> records);
    bwrt_status put_all(std::span<const Record> records);
    bwrt_status put_meanwhile();
    bwrt_status put(Record record);
    bwrt_status write_out();
    void ask_index(std::span<const Record> records) noexcept;
    [[nodiscard]] bool may_be_there(const Record& record) const noexcept;
    [[nodiscard]] bool was_there(const Record& record) const noexcept;
    [[nodiscard]] bool is_known(const Record& record) const noexcept;
    [[nodiscard]] bool is_there(const Record& record, BlockAnswer answer,
                                const IndexKey& key) const noexcept;
    [[nodiscard]] std::uint64_t unread_bytes() const noexcept;
    [[nodiscard]] ErrorSink sink() noexcept { return {&error_}; }

    const Shard& shard_;
    const Superblock& store_;
    const IndexReader& index_;

    State state_ = State::kIdle;
    int old_fd_ = -1;
    std::uint64_t number_ = 0;
    std::uint64_t settled_bytes_ = 0;  // P
    SpaceNumbers spaces_;
    std::atomic<std::uint64_t> written_bytes_{0};  // release by the driver behind its write
    std::atomic<bool> cancelled_{false};           // relaxed: says nothing but itself

    LogEnd old_;  // copied up to here
    LogEnd end_;
    OpenFile file_;
    std::unique_ptr<Buffers> buffers_;
    bwrt_error error_ = {};
};

}  // namespace bwrt::runtime
