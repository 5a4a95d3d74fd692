// SPDX-License-Identifier: Apache-2.0

#include "runtime/store/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>

namespace bwrt::runtime {
namespace {

constexpr const char* kField = "config.store_directories";
constexpr std::size_t kReadBytes = 1 << 20;

struct LogName {
    char text[32];
    explicit LogName(std::uint64_t number, const char* suffix = "") {
        std::snprintf(text, sizeof text, "log.%016llx%s", ull(number), suffix);
    }
};

bwrt_status fail_io(const char* name, const ErrorSink& sink) {
    return fail_os(sink, BWRT_E_IO, errno, kField, "%s: %s", name, errno_name(errno));
}

// Newest first.  Nothing but what a writer named counts.
bwrt_status list_logs(const Shard& shard, std::vector<std::uint64_t>* numbers_out,
                      const ErrorSink& sink) {
    const int fd = openat(shard.directory.fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return fail_io(".", sink);
    const std::unique_ptr<DIR, int (*)(DIR*)> entries(fdopendir(fd), closedir);
    if (entries == nullptr) {
        close(fd);
        return fail_io(".", sink);
    }
    while (const dirent* entry = readdir(entries.get())) {
        unsigned long long number = 0;
        if (std::sscanf(entry->d_name, "log.%16llx", &number) == 1 &&
            std::strcmp(entry->d_name, LogName(number).text) == 0) {
            numbers_out->push_back(number);
        }
    }
    std::sort(numbers_out->begin(), numbers_out->end(), std::greater<>());
    return BWRT_OK;
}

// Bytes read, less than asked for at the file's end; -1 and errno.
ssize_t read_at(int fd, void* bytes, std::size_t count, std::uint64_t offset_bytes) {
    std::size_t done = 0;
    while (done < count) {
        const ssize_t got = pread(fd, static_cast<char*>(bytes) + done, count - done,
                                  static_cast<off_t>(offset_bytes + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return -1;
        if (got == 0) break;
        done += static_cast<std::size_t>(got);
    }
    return static_cast<ssize_t>(done);
}

bool write_at(int fd, const void* bytes, std::size_t count, std::uint64_t offset_bytes) {
    std::size_t done = 0;
    while (done < count) {
        const ssize_t put = pwrite(fd, static_cast<const char*>(bytes) + done, count - done,
                                   static_cast<off_t>(offset_bytes + done));
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) {
            if (put == 0) errno = ENOSPC;
            return false;
        }
        done += static_cast<std::size_t>(put);
    }
    return true;
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
            if (record.sequence != end->sequence || !is_whole(record, end->life)) return true;
            ++end->sequence;
            switch (record.kind) {
                case RecordKind::kOpened:
                    end->life = next_life(end->life, record.nonce);
                    break;
                case RecordKind::kSnapshotEnd:
                    *has_snapshot_out = true;
                    break;
                case RecordKind::kStored:
                case RecordKind::kRemoved:
                case RecordKind::kSegment:
                    reader->take(record);
            }
        }
        if (count < records.size()) return true;
    }
}

bwrt_status read_one(const Shard& shard, const Superblock& store, std::uint64_t number,
                     LogReader* reader, LogReport* report, const ErrorSink& sink) {
    const LogName name(number);
    const OpenFile file = open_beneath(shard.directory.fd(), name.text, O_RDONLY);
    struct stat stat = {};
    if (!file.is_open() || fstat(file.fd(), &stat) != 0) return fail_io(name.text, sink);
    if (!S_ISREG(stat.st_mode)) return BWRT_OK;  // does not count
    LogHeader header = {};
    const ssize_t got = read_at(file.fd(), &header, sizeof header, 0);
    if (got < 0) return fail_io(name.text, sink);
    const Sealed sealed = got == sizeof header ? check(header) : Sealed::kDamaged;
    if (sealed == Sealed::kNewer) {
        return fail(sink, BWRT_E_FORMAT, kField,
                    "%s is of store format %u, this library knows up to %u", name.text,
                    header.version, kFormatVersion);
    }
    if (sealed != Sealed::kGood || header.log_number != number ||
        std::memcmp(header.store_id, store.store_id, sizeof store.store_id) != 0) {
        return BWRT_OK;
    }
    report->end = {number, 0, first_life(header)};
    static_cast<void>(posix_fadvise(file.fd(), 0, 0, POSIX_FADV_SEQUENTIAL));
    if (!read_records(file.fd(), reader, &report->end, &report->found)) {
        return fail_io(name.text, sink);
    }
    const auto length = static_cast<std::uint64_t>(stat.st_size);
    report->ignored_bytes = length - std::min(length, report->end.offset_bytes());
    return BWRT_OK;
}

// The first record of a life: sealed as the one before would have been.
bwrt_status begin_life(int fd, const char* name, LogEnd* end, const ErrorSink& sink) {
    Record record = {};
    record.kind = RecordKind::kOpened;
    if (getrandom(&record.nonce, sizeof record.nonce, 0) != sizeof record.nonce) {
        return fail_io("getrandom", sink);
    }
    const std::uint64_t offset_bytes = end->offset_bytes();
    end->put(&record);
    end->life = next_life(end->life, record.nonce);
    if (!write_at(fd, &record, sizeof record, offset_bytes)) return fail_io(name, sink);
    return BWRT_OK;
}

}  // namespace

void LogEnd::put(Record* record) noexcept {
    record->sequence = sequence++;
    seal(record, life);
}

bwrt_status read_log(const Shard& shard, const Superblock& store, LogReader* reader,
                     LogReport* report_out, const ErrorSink& sink) {
    std::vector<std::uint64_t> numbers;
    LogReport report;
    if (const bwrt_status status = list_logs(shard, &numbers, sink)) return status;
    for (const std::uint64_t number : numbers) {
        reader->restart();
        if (const bwrt_status status = read_one(shard, store, number, reader, &report, sink)) {
            return status;
        }
        if (report.found) break;
        ++report.passed_over;
    }
    if (!report.found) {
        reader->restart();
        report.end = {};
        report.ignored_bytes = 0;
        // A new log must not take the name of one that is there.
        if (!numbers.empty()) report.end.log_number = numbers.front();
    }
    *report_out = report;
    return BWRT_OK;
}

bwrt_status create_log(const Shard& shard, const Superblock& store, std::uint64_t number,
                       OpenFile* file_out, LogEnd* end_out, const ErrorSink& sink) {
    const LogName draft(number, ".new");
    LogHeader header = {};
    header.log_number = number;
    std::memcpy(header.store_id, store.store_id, sizeof header.store_id);
    seal(&header);
    OpenFile file = open_beneath(shard.directory.fd(), draft.text, O_RDWR | O_CREAT | O_TRUNC);
    if (!file.is_open() || !write_at(file.fd(), &header, sizeof header, 0)) {
        return fail_io(draft.text, sink);
    }
    LogEnd end = {number, 0, first_life(header)};
    if (const bwrt_status status = begin_life(file.fd(), draft.text, &end, sink)) return status;
    *file_out = std::move(file);
    *end_out = end;
    return BWRT_OK;
}

bwrt_status publish_log(const Shard& shard, std::uint64_t number, const ErrorSink& sink) {
    const int directory = shard.directory.fd();
    const LogName draft(number, ".new"), name(number);
    if (renameat(directory, draft.text, directory, name.text) != 0 || fsync(directory) != 0) {
        return fail_io(draft.text, sink);
    }
    std::vector<std::uint64_t> numbers;
    if (const bwrt_status status = list_logs(shard, &numbers, sink)) return status;
    for (const std::uint64_t other : numbers) {
        // One that stays is read only should this one be lost.
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
