// SPDX-License-Identifier: Apache-2.0
//
// log_writer.h — records on their way into a log file: gathered while a write is out, written in
// one.
//
//   put() ──▶ [ gathering ]          [ being written ] ──▶ file
//                  └──── next(), once nothing is out ────▲
//
// Whoever must not be told before his record is on the disk keeps the ticket that put() gave him
// and compares it with written(): tickets are records, counted.  One write is out at a time, in
// order, so that a log never has a hole but by a crash.
//
// Does no I/O: the driver asks for the next write, does it, and says what came of it.  A write that
// failed ends the log (stop()): what a file system makes of a failed write nobody knows, so nothing
// is put behind it, and tickets that were not written by then never will be.

#pragma once

#include <cstdint>
#include <vector>

#include "runtime/store/log.h"

namespace bwrt::runtime {

class LogWriter {
 public:
    // Room for so many records beside those being written.
    explicit LogWriter(std::uint32_t record_count_max);

    // Goes on at the end of a log (create_log(), resume_log()).  Nothing may be out.
    void attach(const LogEnd& end) noexcept;

    // Goes on in another log, which says all that was written to this one: what is gathered is
    // sealed anew for it, and its tickets stay.  Nothing may be out.  One that was stopped stays
    // so: what its failed write lost was never written, and only attach() forgets those tickets.
    void move_to(const LogEnd& end) noexcept;

    // Numbers, seals and keeps the record.  False when there is no room, or the log was stopped.
    [[nodiscard]] bool put(Record record, std::uint64_t* ticket_out) noexcept;

    struct Write {
        const void* bytes;
        std::uint32_t length_bytes;
        std::uint64_t offset_bytes;
    };
    // What is to be written next; false when nothing is, or a write is out.
    [[nodiscard]] bool next(Write* write_out) noexcept;
    // So many of its bytes are in the file.  True when that was all; else the rest is in *rest_out,
    // to be written now.
    [[nodiscard]] bool done(std::uint32_t length_bytes, Write* rest_out) noexcept;
    void stop() noexcept { stopped_ = true; }
    // What was out failed.
    void fail() noexcept {
        stopped_ = true;
        out_bytes_ = 0;
    }

    [[nodiscard]] bool is_stopped() const noexcept { return stopped_; }
    [[nodiscard]] bool is_out() const noexcept { return out_bytes_ != 0; }
    // Tickets below it are in the file.
    [[nodiscard]] std::uint64_t written() const noexcept { return written_count_; }
    // Of the file, up to the last record of a write that is done.
    [[nodiscard]] std::uint64_t written_bytes() const noexcept { return written_bytes_; }
    [[nodiscard]] std::uint64_t length_bytes() const noexcept { return end_.offset_bytes(); }
    // Where the record lies in this log, once it is written.  Of one that was written to the log
    // before this one nobody counts where it has come to: then the beginning.
    [[nodiscard]] std::uint64_t offset_of(std::uint64_t ticket) const noexcept {
        if (ticket < first_ticket_) return sizeof(LogHeader);
        return first_offset_bytes_ + (ticket - first_ticket_) * sizeof(Record);
    }
    // Records that can be put now.
    [[nodiscard]] std::uint32_t room() const noexcept {
        return static_cast<std::uint32_t>(gathering_.size()) - gathered_count_;
    }

 private:
    void begin_at(const LogEnd& end) noexcept;

    std::vector<Record> gathering_, out_;
    std::uint32_t gathered_count_ = 0;
    std::uint32_t out_bytes_ = 0, out_done_bytes_ = 0;
    std::uint64_t out_offset_bytes_ = 0;
    std::uint64_t put_count_ = 0, written_count_ = 0;
    std::uint64_t written_bytes_ = 0;
    std::uint64_t first_ticket_ = 0, first_offset_bytes_ = 0;  // of this log
    LogEnd end_;
    bool stopped_ = true;  // until attach()
};

}  // namespace bwrt::runtime
