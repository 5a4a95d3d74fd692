// SPDX-License-Identifier: Apache-2.0

#include "runtime/store/log_writer.h"

#include "runtime/check.h"

namespace bwrt::runtime {

LogWriter::LogWriter(std::uint32_t record_count_max)
    : gathering_(record_count_max), out_(record_count_max) {}

void LogWriter::begin_at(const LogEnd& end) noexcept {
    BWRT_CHECK(!is_out());
    end_ = end;
    written_bytes_ = first_offset_bytes_ = end.offset_bytes();
    first_ticket_ = written_count_;
}

void LogWriter::attach(const LogEnd& end) noexcept {
    begin_at(end);
    gathered_count_ = 0;
    put_count_ = written_count_;
    stopped_ = false;
}

void LogWriter::move_to(const LogEnd& end) noexcept {
    begin_at(end);
    for (std::uint32_t i = 0; i < gathered_count_; ++i) end_.put(&gathering_[i]);
}

bool LogWriter::put(Record record, std::uint64_t* ticket_out) noexcept {
    if (stopped_ || gathered_count_ == gathering_.size()) return false;
    end_.put(&record);
    gathering_[gathered_count_++] = record;
    *ticket_out = put_count_++;
    return true;
}

bool LogWriter::next(Write* write_out) noexcept {
    if (stopped_ || is_out() || gathered_count_ == 0) return false;
    gathering_.swap(out_);
    out_bytes_ = gathered_count_ * static_cast<std::uint32_t>(sizeof(Record));
    out_done_bytes_ = 0;
    out_offset_bytes_ = end_.offset_bytes() - out_bytes_;
    gathered_count_ = 0;
    *write_out = {out_.data(), out_bytes_, out_offset_bytes_};
    return true;
}

bool LogWriter::done(std::uint32_t length_bytes, Write* rest_out) noexcept {
    out_done_bytes_ += length_bytes;
    BWRT_CHECK(out_done_bytes_ <= out_bytes_);
    if (out_done_bytes_ < out_bytes_) {
        *rest_out = {reinterpret_cast<const char*>(out_.data()) + out_done_bytes_,
                     out_bytes_ - out_done_bytes_, out_offset_bytes_ + out_done_bytes_};
        return false;
    }
    written_count_ += out_bytes_ / sizeof(Record);
    written_bytes_ += out_bytes_;
    out_bytes_ = 0;
    return true;
}

}  // namespace bwrt::runtime
