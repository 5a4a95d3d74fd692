// SPDX-License-Identifier: Apache-2.0

#include "runtime/store/log_compaction.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "runtime/check.h"

namespace bwrt::runtime {
namespace {

constexpr std::size_t kBatchCount = 4096;  // 1 MiB of records a call
constexpr std::uint32_t kSegmentCount = Segments::kDirectoryCountMax * Segments::kCountMax;

// So much is left to the short step: a few milliseconds of copying.  Who writes faster than is
// copied is not chased for ever.
constexpr std::uint64_t kRestBytes = 1 << 20;
constexpr int kRoundCount = 64;

Record removed(const BlockKey& key) {
    Record record = {};
    record.kind = RecordKind::kRemoved;
    record.key = key;
    return record;
}

}  // namespace

struct LogCompaction::Buffers {
    std::vector<Record> in{kBatchCount};
    std::vector<Record> out{kBatchCount};
    std::size_t out_count = 0;
    std::vector<IndexKey> keys{kBatchCount};
    std::vector<BlockAnswer> answers{kBatchCount};
    Record budget = {};  // the last before P, if there is one
    std::vector<std::uint64_t> last = std::vector<std::uint64_t>(kSegmentCount);  // before P
    std::vector<std::uint64_t> here = std::vector<std::uint64_t>(kSegmentCount);  // at this record
};

LogCompaction::LogCompaction(const Shard* shard, const Superblock* store,
                             const IndexReader* index) noexcept
    : shard_(*shard), store_(*store), index_(*index) {}

LogCompaction::~LogCompaction() = default;

// ---- the driver's

bwrt_status LogCompaction::begin(int old_fd, std::uint64_t settled_bytes,
                                 std::uint64_t written_bytes, std::uint64_t number,
                                 const Spaces& spaces) noexcept {
    BWRT_CHECK(settled_bytes <= written_bytes);
    BWRT_CHECK(state_ != State::kCopying && state_ != State::kCopied &&
               state_ != State::kFinishing);
    try {
        spaces_ = SpaceNumbers(spaces);
    } catch (const std::bad_alloc&) {
        return BWRT_E_NOMEM;
    }
    old_fd_ = old_fd;
    number_ = number;
    settled_bytes_ = settled_bytes;
    cancelled_.store(false, std::memory_order_relaxed);
    grown_to(written_bytes);
    error_ = {};
    state_ = State::kCopying;
    return BWRT_OK;
}

void LogCompaction::finish(std::uint64_t written_bytes) noexcept {
    BWRT_CHECK(state_ == State::kCopied);
    grown_to(written_bytes);
    state_ = State::kFinishing;
}

// ---- the janitor's

void LogCompaction::run() noexcept {
    const bool is_first = state_ == State::kCopying;
    bool counts = false;
    bwrt_status status = BWRT_OK;
    try {
        if (is_first) {
            status = copy();
        } else if (state_ == State::kFinishing) {
            status = copy_rest(&counts);
        } else {
            status = fail_cancelled();
        }
    } catch (const std::bad_alloc&) {
        // Once it counts and is on the disk, memory is only for finding older logs to remove.
        if (!counts)
            status = fail(sink(), BWRT_E_NOMEM, kDirectoriesField, "a new log: out of memory");
    }
    if (status == BWRT_OK) {
        state_ = is_first ? State::kCopied : State::kSwitched;
    } else if (counts) {
        state_ = State::kUnsure;
    } else {
        file_ = OpenFile();
        discard_log(shard_, number_);
        state_ = State::kFailed;
    }
    if (state_ != State::kCopied) buffers_.reset();
}

bwrt_status LogCompaction::copy() {
    buffers_ = std::make_unique<Buffers>();
    LogHeader header;
    if (const bwrt_status status = begin_old(&header)) return status;
    LogEnd start = old_;
    const auto note = [this](std::span<const Record> records) {
        for (const Record& record : records) {
            if (record.kind == RecordKind::kSegment && record.segment < kSegmentCount) {
                buffers_->last[record.segment] = record.generation;
            }
            if (record.kind == RecordKind::kBudget) buffers_->budget = record;
        }
        return BWRT_OK;
    };
    if (const bwrt_status status = read_old(&start, settled_bytes_, note)) return status;
    if (const bwrt_status status =
            create_log(shard_, store_, number_, header.segment_bytes, &file_, &end_, sink())) {
        return status;
    }
    if (const bwrt_status status = put_generations()) return status;
    if (buffers_->budget.kind == RecordKind::kBudget) {
        if (const bwrt_status status = put(buffers_->budget)) return status;
    }
    const auto keep = [this](std::span<const Record> records) { return put_true(records); };
    if (const bwrt_status status = read_old(&old_, settled_bytes_, keep)) return status;
    if (const bwrt_status status = put_meanwhile()) return status;
    // Most of it is on the disk before anyone waits for the rest, and what came during that
    // follows.
    if (!flush(file_.fd())) return fail_io("flush of the new log", sink());
    return put_meanwhile();
}

bwrt_status LogCompaction::copy_rest(bool* counts_out) {
    if (cancelled_.load(std::memory_order_relaxed)) return fail_cancelled();
    const auto all = [this](std::span<const Record> records) { return put_all(records); };
    const std::uint64_t until_bytes = written_bytes_.load(std::memory_order_acquire);
    if (const bwrt_status status = read_old(&old_, until_bytes, all)) return status;
    Record last = {};
    last.kind = RecordKind::kSnapshotEnd;
    if (const bwrt_status status = put(last)) return status;
    if (const bwrt_status status = write_out()) return status;
    if (!flush(file_.fd())) return fail_io("flush of the new log", sink());
    return publish_log(shard_, number_, counts_out, sink());
}

bwrt_status LogCompaction::fail_cancelled() noexcept {
    return fail(sink(), BWRT_E_CANCELLED, kDirectoriesField, "the new log was given up");
}

bwrt_status LogCompaction::begin_old(LogHeader* header_out) {
    const std::int64_t got = read_at(old_fd_, header_out, sizeof *header_out, 0);
    if (got < 0) return fail_io("the log", sink());
    if (got != sizeof *header_out || check(*header_out) != Sealed::kGood) {
        return fail(sink(), BWRT_E_CORRUPT, kDirectoriesField, "the log's header is damaged");
    }
    old_ = {header_out->log_number, 0, first_life(*header_out)};
    static_cast<void>(posix_fadvise(old_fd_, 0, 0, POSIX_FADV_SEQUENTIAL));
    return BWRT_OK;
}

// Gives the records up to there to `visit`, a batch a call.
template <typename Visit>
bwrt_status LogCompaction::read_old(LogEnd* from, std::uint64_t until_bytes, Visit&& visit) {
    while (from->offset_bytes() < until_bytes) {
        if (cancelled_.load(std::memory_order_relaxed)) return fail_cancelled();
        const std::size_t count = std::min<std::size_t>(
            kBatchCount, (until_bytes - from->offset_bytes()) / sizeof(Record));
        const std::size_t bytes = count * sizeof(Record);
        BWRT_CHECK(count != 0);  // records are written whole
        const std::int64_t got = read_at(old_fd_, buffers_->in.data(), bytes, from->offset_bytes());
        if (got < 0) return fail_io("the log", sink());
        if (got != static_cast<std::int64_t>(bytes)) {
            return fail(
                sink(), BWRT_E_TRUNCATED, kDirectoriesField, "the log ends at %llu of %llu bytes",
                ull(from->offset_bytes() + static_cast<std::uint64_t>(got)), ull(until_bytes));
        }
        const std::span<const Record> records(buffers_->in.data(), count);
        for (const Record& record : records) {
            if (from->pass(record)) continue;
            return fail(sink(), BWRT_E_CORRUPT, kDirectoriesField,
                        "record %llu of the log is damaged", ull(from->sequence));
        }
        if (const bwrt_status status = visit(records)) return status;
    }
    return BWRT_OK;
}

// ---- what is put

bwrt_status LogCompaction::put_generations() {
    for (std::uint32_t segment = 0; segment < kSegmentCount; ++segment) {
        if (buffers_->last[segment] == 0) continue;  // nothing was ever in it
        Record record = {};
        record.kind = RecordKind::kSegment;
        record.segment = segment;
        record.generation = buffers_->last[segment];
        if (const bwrt_status status = put(record)) return status;
    }
    return BWRT_OK;
}

bool LogCompaction::is_known(const Record& record) const noexcept {
    return spaces_.number_of(record.key.space) != Spaces::kNone;
}

// On the disk at exactly this place, now.  Whoever changes the entry is of this process and will be
// done.
bool LogCompaction::is_there(const Record& record, BlockAnswer answer,
                             const IndexKey& key) const noexcept {
    while (answer.found == Found::kBusy && !cancelled_.load(std::memory_order_relaxed)) {
        answer = index_.find(key);
    }
    return answer.found == Found::kHit && (answer.fields.flags & kOnDisk) != 0 &&
           answer.fields.disk_segment == record.segment &&
           answer.fields.disk_page * std::uint64_t{kUnitBytes} == record.offset_bytes &&
           answer.fields.length_bytes == record.length_bytes;
}

// When it was written.
bool LogCompaction::was_there(const Record& record) const noexcept {
    return record.segment < kSegmentCount && record.generation == buffers_->here[record.segment];
}

// Of an earlier generation than its segment's last before P it is over, whatever the index says.
bool LogCompaction::may_be_there(const Record& record) const noexcept {
    return record.kind == RecordKind::kStored && record.segment < kSegmentCount &&
           record.generation == buffers_->last[record.segment];
}

// All at once: the cache misses overlap.
void LogCompaction::ask_index(std::span<const Record> records) noexcept {
    std::size_t count = 0;
    for (const Record& record : records) {
        if (!may_be_there(record) || !is_known(record)) continue;
        IndexKey& key = buffers_->keys[count++];
        std::memcpy(key.identity, record.key.identity, sizeof key.identity);
        key.part = record.key.part;
        key.tenant = spaces_.number_of(record.key.space);
    }
    index_.find_many({buffers_->keys.data(), count}, buffers_->answers.data());
}

bwrt_status LogCompaction::put_true(std::span<const Record> records) {
    Buffers& with = *buffers_;
    std::size_t answer = 0;
    ask_index(records);
    for (const Record& record : records) {
        const bool known = is_known(record);
        bool keep = false;
        if (may_be_there(record)) {
            keep = !known || is_there(record, with.answers[answer], with.keys[answer]);
            if (known) ++answer;
        } else if (record.kind == RecordKind::kSegment && record.segment < kSegmentCount) {
            with.here[record.segment] = record.generation;
        } else if (record.kind == RecordKind::kRemoved) {
            keep = !known;
        } else if (record.kind == RecordKind::kStored && !known && was_there(record)) {
            // It ended what was said of its block before, and then its segment took it.
            if (const bwrt_status status = put(removed(record.key))) return status;
        }
        if (!keep) continue;
        if (const bwrt_status status = put(record)) return status;
    }
    return BWRT_OK;
}

bwrt_status LogCompaction::put_all(std::span<const Record> records) {
    for (const Record& record : records) {
        switch (record.kind) {
            case RecordKind::kStored:
            case RecordKind::kRemoved:
            case RecordKind::kSegment:
            case RecordKind::kBudget:
                if (const bwrt_status status = put(record)) return status;
                break;
            case RecordKind::kSnapshotEnd:
            case RecordKind::kOpened:
                break;  // the old log's own
        }
    }
    return BWRT_OK;
}

std::uint64_t LogCompaction::unread_bytes() const noexcept {
    return written_bytes_.load(std::memory_order_acquire) - old_.offset_bytes();
}

bwrt_status LogCompaction::put_meanwhile() {
    const auto all = [this](std::span<const Record> records) { return put_all(records); };
    for (int round = 0; round < kRoundCount && unread_bytes() >= kRestBytes; ++round) {
        const std::uint64_t until_bytes = written_bytes_.load(std::memory_order_acquire);
        if (const bwrt_status status = read_old(&old_, until_bytes, all)) return status;
    }
    return write_out();
}

bwrt_status LogCompaction::put(Record record) {
    if (buffers_->out_count == kBatchCount) {
        if (const bwrt_status status = write_out()) return status;
    }
    end_.put(&record);
    buffers_->out[buffers_->out_count++] = record;
    return BWRT_OK;
}

bwrt_status LogCompaction::write_out() {
    const std::size_t bytes = buffers_->out_count * sizeof(Record);
    if (!write_at(file_.fd(), buffers_->out.data(), bytes, end_.offset_bytes() - bytes)) {
        return fail_io("the new log", sink());
    }
    buffers_->out_count = 0;
    return BWRT_OK;
}

}  // namespace bwrt::runtime
