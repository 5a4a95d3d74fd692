// SPDX-License-Identifier: Apache-2.0

#include "runtime/store/log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <functional>

namespace bwrt::runtime {
namespace {

constexpr std::size_t kReadBytes = 1 << 20;

struct LogName {
    char text[32];
    explicit LogName(std::uint64_t number, const char* suffix = "") {
        std::snprintf(text, sizeof text, "log.%016llx%s", ull(number), suffix);
    }
};

// Newest first.  Nothing but what a writer named counts.
bwrt_status list_logs(const Shard& shard, std::vector<std::uint64_t>* numbers_out,
                      const ErrorSink& sink) {
    std::vector<std::string> names;
    if (!list_directory(shard.directory.fd(), &names)) return fail_io(".", sink);
    numbers_out->clear();
    for (const std::string& name : names) {
        unsigned long long number = 0;
        if (std::sscanf(name.c_str(), "log.%16llx", &number) == 1 && name == LogName(number).text) {
            numbers_out->push_back(number);
        }
    }
    std::sort(numbers_out->begin(), numbers_out->end(), std::greater<>());
    return BWRT_OK;
}

// Reads records to the first that is not whole.  False and errno when the file cannot be read.
bool read_records(int fd, LogReader* reader, LogEnd* end, bool* has_snapshot_out) {
    std::vector<Record> records(kReadBytes / sizeof(Record));
    for (;;) {
        const ssize_t got =
            read_at(fd, records.data(), records.size() * sizeof(Record), end->offset_bytes());
        if (got < 0) return false;
        const std::size_t count = static_cast<std::size_t>(got) / sizeof(Record);
        for (std::size_t i = 0; i < count; ++i) {
            const Record& record = records[i];
            if (!end->pass(record)) return true;
            switch (record.kind) {
                case RecordKind::kOpened:
                    break;
                case RecordKind::kSnapshotEnd:
                    *has_snapshot_out = true;
                    break;
                case RecordKind::kStored:
                case RecordKind::kRemoved:
                case RecordKind::kSegment:
                case RecordKind::kBudget:
                    reader->take(record);
            }
        }
        if (count < records.size()) return true;
    }
}

// An open log and its header; not open where it does not count by that, or is gone.
struct OpenLog {
    OpenFile file;
    LogHeader header = {};
    std::uint64_t length_bytes = 0;
    bool gone = false;
};

bwrt_status open_log(const Shard& shard, const Superblock& store, std::uint64_t number,
                     OpenLog* log_out, const ErrorSink& sink) {
    const LogName name(number);
    OpenFile file = open_beneath(shard.directory.fd(), name.text, O_RDONLY);
    log_out->gone = !file.is_open() && errno == ENOENT;
    if (log_out->gone) return BWRT_OK;
    struct stat stat = {};
    if (!file.is_open() || fstat(file.fd(), &stat) != 0) return fail_io(name.text, sink);
    if (!S_ISREG(stat.st_mode)) return BWRT_OK;
    LogHeader& header = log_out->header;
    const std::int64_t got = read_at(file.fd(), &header, sizeof header, 0);
    if (got < 0) return fail_io(name.text, sink);
    const Sealed sealed = got == sizeof header ? check(header) : Sealed::kDamaged;
    if (sealed == Sealed::kNewer) {
        return fail(sink, BWRT_E_FORMAT, kDirectoriesField,
                    "%s is of store format %u, this library knows up to %u", name.text,
                    header.version, kFormatVersion);
    }
    if (sealed != Sealed::kGood || header.log_number != number ||
        std::memcmp(header.store_id, store.store_id, sizeof store.store_id) != 0) {
        return BWRT_OK;
    }
    log_out->length_bytes = static_cast<std::uint64_t>(stat.st_size);
    log_out->file = std::move(file);
    return BWRT_OK;
}

bwrt_status read_one(const Shard& shard, const Superblock& store, std::uint64_t number,
                     LogReader* reader, LogReport* report, bool* gone_out, const ErrorSink& sink) {
    OpenLog log;
    if (const bwrt_status status = open_log(shard, store, number, &log, sink)) return status;
    *gone_out = log.gone;
    if (!log.file.is_open()) return BWRT_OK;
    report->end = {number, 0, first_life(log.header)};
    static_cast<void>(posix_fadvise(log.file.fd(), 0, 0, POSIX_FADV_SEQUENTIAL));
    if (!read_records(log.file.fd(), reader, &report->end, &report->found)) {
        return fail_io(LogName(number).text, sink);
    }
    report->ignored_bytes =
        log.length_bytes - std::min(log.length_bytes, report->end.offset_bytes());
    return BWRT_OK;
}

// Those that there are now.  *gone_out: one went while we looked, and another has come.
bwrt_status read_newest(const Shard& shard, const Superblock& store, LogReader* reader,
                        LogReport* report, bool* gone_out, const ErrorSink& sink) {
    std::vector<std::uint64_t> numbers;
    if (const bwrt_status status = list_logs(shard, &numbers, sink)) return status;
    *report = {};
    if (!numbers.empty()) report->next_number = numbers.front() + 1;
    *gone_out = false;
    for (const std::uint64_t number : numbers) {
        reader->restart();
        if (const bwrt_status status =
                read_one(shard, store, number, reader, report, gone_out, sink)) {
            return status;
        }
        if (report->found || *gone_out) return BWRT_OK;
        ++report->passed_over;
    }
    reader->restart();
    report->end = {};
    report->ignored_bytes = 0;
    return BWRT_OK;
}

// The first record of a life: sealed as the one before would have been.
bwrt_status begin_life(int fd, const char* name, LogEnd* end, const ErrorSink& sink) {
    Record record = {};
    record.kind = RecordKind::kOpened;
    if (!fill_random(&record.nonce, sizeof record.nonce)) return fail_io("getrandom", sink);
    LogEnd next = *end;
    next.put(&record);
    next.life = next_life(next.life, record.nonce);
    if (!write_at(fd, &record, sizeof record, end->offset_bytes())) return fail_io(name, sink);
    *end = next;
    return BWRT_OK;
}

bwrt_status write_beginning(int fd, const Superblock& store, const char* name,
                            std::uint64_t segment_bytes, LogEnd* end, const ErrorSink& sink) {
    LogHeader header = {};
    header.log_number = end->log_number;
    header.segment_bytes = segment_bytes;
    std::memcpy(header.store_id, store.store_id, sizeof header.store_id);
    seal(&header);
    if (!write_at(fd, &header, sizeof header, 0)) return fail_io(name, sink);
    end->life = first_life(header);
    return begin_life(fd, name, end, sink);
}

}  // namespace

void LogEnd::put(Record* record) noexcept {
    record->sequence = sequence++;
    seal(record, life);
}

bool LogEnd::pass(const Record& record) noexcept {
    if (record.sequence != sequence || !is_whole(record, life)) return false;
    ++sequence;
    if (record.kind == RecordKind::kOpened) life = next_life(life, record.nonce);
    return true;
}

bwrt_status find_segment_bytes(const Shard& shard, const Superblock& store,
                               std::uint64_t* segment_bytes_out, const ErrorSink& sink) {
    std::vector<std::uint64_t> numbers;
    if (const bwrt_status status = list_logs(shard, &numbers, sink)) return status;
    *segment_bytes_out = 0;
    for (const std::uint64_t number : numbers) {
        OpenLog log;
        if (const bwrt_status status = open_log(shard, store, number, &log, sink)) return status;
        if (!log.file.is_open()) continue;
        *segment_bytes_out = log.header.segment_bytes;
        break;
    }
    return BWRT_OK;
}

bwrt_status read_log(const Shard& shard, const Superblock& store, LogReader* reader,
                     LogReport* report_out, const ErrorSink& sink) {
    constexpr int kTryCount = 16;  // a writer makes a new log once in many thousands of blocks
    LogReport report;
    bool gone = true;
    for (int i = 0; i < kTryCount && gone; ++i) {
        if (const bwrt_status status = read_newest(shard, store, reader, &report, &gone, sink)) {
            return status;
        }
    }
    if (gone) {
        errno = ENOENT;
        return fail_io("log", sink);
    }
    *report_out = report;
    return BWRT_OK;
}

bwrt_status create_log(const Shard& shard, const Superblock& store, std::uint64_t number,
                       std::uint64_t segment_bytes, OpenFile* file_out, LogEnd* end_out,
                       const ErrorSink& sink) {
    const LogName draft(number, ".new");
    const int directory = shard.directory.fd();
    OpenFile file = open_beneath(directory, draft.text, O_RDWR | O_CREAT | O_TRUNC);
    if (!file.is_open()) return fail_io(draft.text, sink);
    LogEnd end = {number, 0, 0};
    if (const bwrt_status status =
            write_beginning(file.fd(), store, draft.text, segment_bytes, &end, sink)) {
        discard_log(shard, number);  // on a full disk its bytes are missed
        return status;
    }
    *file_out = std::move(file);
    *end_out = end;
    return BWRT_OK;
}

void discard_log(const Shard& shard, std::uint64_t number) noexcept {
    unlinkat(shard.directory.fd(), LogName(number, ".new").text, 0);
}

bwrt_status publish_log(const Shard& shard, std::uint64_t number, bool* counts_out,
                        const ErrorSink& sink) {
    const int directory = shard.directory.fd();
    const LogName draft(number, ".new"), name(number);
    *counts_out = renameat(directory, draft.text, directory, name.text) == 0;
    if (!*counts_out || !flush(directory)) return fail_io(draft.text, sink);
    // One that stays, for whatever reason, is read only should this one be lost.
    std::vector<std::uint64_t> numbers;
    if (list_logs(shard, &numbers, {}) != BWRT_OK) return BWRT_OK;
    for (const std::uint64_t other : numbers) {
        if (other != number) unlinkat(directory, LogName(other).text, 0);
    }
    return BWRT_OK;
}

bwrt_status resume_log(const Shard& shard, OpenFile* file_out, LogEnd* end, const ErrorSink& sink) {
    const LogName name(end->log_number);
    OpenFile file = open_beneath(shard.directory.fd(), name.text, O_RDWR);
    if (!file.is_open() || ftruncate(file.fd(), static_cast<off_t>(end->offset_bytes())) != 0) {
        return fail_io(name.text, sink);
    }
    if (const bwrt_status status = begin_life(file.fd(), name.text, end, sink)) return status;
    *file_out = std::move(file);
    return BWRT_OK;
}

}  // namespace bwrt::runtime
