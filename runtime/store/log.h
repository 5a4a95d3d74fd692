// SPDX-License-Identifier: Apache-2.0
//
// log.h — the index log of a shard: what is where, said once and in order.
//
//   log.7      [ header | opened | stored, removed, segment ... ]      grows at its end
//   log.8.new  [ header | opened | every block there is, and what happens meanwhile | snapshot end
//   ]
//                 becomes log.8 when its end is on the disk; then log.7 goes
//
// A log counts when it has its snapshot's end; the newest that counts is the truth.  It is read up
// to the first record that is not whole, and a writer cuts it there and goes on in a new life
// (format.h).  So a crash costs records at the end, and what they said: a block that is missing, or
// one at a place that holds other bytes by now, which its checksum tells.

#pragma once

#include <cstdint>
#include <vector>

#include "runtime/status.h"
#include "runtime/store/format.h"
#include "runtime/store/root.h"

namespace bwrt::runtime {

// Where the next record goes, and how it is sealed.
struct LogEnd {
    std::uint64_t log_number = 0;
    std::uint64_t sequence = 0;
    std::uint64_t life = 0;

    [[nodiscard]] std::uint64_t offset_bytes() const noexcept {
        return sizeof(LogHeader) + sequence * sizeof(Record);
    }
    // Numbers and seals the record; the next one comes behind it.  When its write then fails, this
    // end is no place to go on from: the record before it is.
    void put(Record* record) noexcept;
    // Whether this is the record that comes here, and whole; then the end is behind it.
    [[nodiscard]] bool pass(const Record& record) noexcept;
};

// Is told what a log says.
class LogReader {
 public:
    virtual void restart() noexcept = 0;                   // forget all: that log did not count
    virtual void take(const Record& record) noexcept = 0;  // no kSnapshotEnd, no kOpened

 protected:
    ~LogReader() = default;
};

struct LogReport {
    LogEnd end;
    std::uint64_t ignored_bytes = 0;  // behind the end, in the log that counts
    std::uint32_t passed_over = 0;    // newer logs that did not count
    std::uint64_t next_number = 1;    // for the next log: no name is taken twice
    bool found = false;               // false: there is none that counts
};

// The length of the shard's segments, from any log of it; 0 when there is none yet.
bwrt_status find_segment_bytes(const Shard& shard, const Superblock& store,
                               std::uint64_t* segment_bytes_out, const ErrorSink& sink);

// Reads the newest log that counts.  BWRT_E_IO when one cannot be read, BWRT_E_FORMAT when it is of
// a newer format: neither is a reason to begin anew over it.  A writer may replace the log
// meanwhile.
bwrt_status read_log(const Shard& shard, const Superblock& store, LogReader* reader,
                     LogReport* report_out, const ErrorSink& sink);

// Creates log `number` under its draft's name, with header and kOpened; nothing is left of it when
// that fails.  The caller writes the snapshot and its end, flushes, and publishes.
bwrt_status create_log(const Shard& shard, const Superblock& store, std::uint64_t number,
                       std::uint64_t segment_bytes, OpenFile* file_out, LogEnd* end_out,
                       const ErrorSink& sink);

// Removes the draft: its log is not to be.
void discard_log(const Shard& shard, std::uint64_t number) noexcept;

// Gives the draft, which is whole and on the disk, its name, and removes older logs.  Once
// *counts_out is set the new log is the one that is read, whatever is returned: with an error it
// may not be there after a power cut, and no record may be put into either.
bwrt_status publish_log(const Shard& shard, std::uint64_t number, bool* counts_out,
                        const ErrorSink& sink);

// Opens the log to go on at its end: cuts what is behind it and begins a new life.  *end is that of
// the new life, and unchanged when that fails: it may be tried again.
bwrt_status resume_log(const Shard& shard, OpenFile* file_out, LogEnd* end, const ErrorSink& sink);

}  // namespace bwrt::runtime
