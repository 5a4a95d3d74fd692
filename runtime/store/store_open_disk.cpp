// SPDX-License-Identifier: Apache-2.0
//
// store_open_disk.cpp — what an earlier process left in the directories, and a disk tier that goes
// on from there: how they are cut, what the log says of blocks, which of them stay.

#include <algorithm>
#include <cerrno>

#include "runtime/clock.h"
#include "runtime/store/segment_file.h"
#include "runtime/store/store.h"
#include "runtime/store/view.h"

namespace bwrt::runtime {
namespace {

constexpr std::uint64_t kLogBytesPerBlock = 4 * sizeof(Record);

// Each of two logs may have that much of the first directory, so that a new one fits beside the
// old one, and blocks are few enough that their records take a quarter of one.  A 64th is enough
// for blocks of 64 KiB in one directory; where all are shorter, or there are more directories, it
// is up to a 16th.
std::uint64_t log_bytes_of(const bwrt_store& checked) noexcept {
    const std::uint64_t each_bytes =
        std::max<std::uint64_t>(place_bytes(checked.block_bytes_max), kBoundedBlockBytesMin);
    const std::uint64_t block_count = std::min<std::uint64_t>(
        checked.disk_bytes / each_bytes * checked.directory_count, checked.block_count_max);
    const std::uint64_t wanted_bytes = std::clamp(block_count * kLogBytesPerBlock,
                                                  checked.disk_bytes / 64, checked.disk_bytes / 16);
    return std::max<std::uint64_t>(wanted_bytes / 4096 * 4096, kMebibyte);
}

std::vector<DirectoryBudget> budgets_of(const bwrt_store& checked) {
    std::vector<DirectoryBudget> budgets(checked.directory_count, {checked.disk_bytes});
    if (!budgets.empty()) budgets[0].bytes -= 2 * log_bytes_of(checked);
    return budgets;
}

// A directory has so many segments, as long as the shard's first writer made them: what is left of
// its budget then.
std::string what_is_left(const std::vector<DirectoryBudget>& budgets, std::uint64_t segment_bytes,
                         std::uint64_t count_max, std::uint32_t block_bytes_max) {
    const auto is_left = [&](const DirectoryBudget& budget) {
        return budget.bytes >= (count_max + 1) * segment_bytes;
    };
    if (std::none_of(budgets.begin(), budgets.end(), is_left)) return {};
    const bool for_less =
        segment_bytes < Segments::segment_bytes_for(budgets, place_bytes(block_bytes_max));
    return "segments are of " + std::to_string(segment_bytes / kMebibyte) + " MiB, " +
           (for_less ? "made for a smaller disk_bytes" : "the longest there are") +
           ", and a directory has at most " + std::to_string(count_max);
}

// How the budgets of its directories are cut.
struct Geometry {
    std::vector<DirectoryBudget> budgets;
    std::uint64_t segment_bytes = 0;
    std::string said;  // what that leaves out
};

// `made_bytes`: of a segment of the shard, as its first writer made it; 0: this is the first.
bwrt_status find_geometry(const bwrt_store& checked, std::uint64_t made_bytes,
                          std::uint64_t count_max, Geometry* out, const ErrorSink& sink) {
    const std::uint64_t place = place_bytes(checked.block_bytes_max);
    const bool begins = made_bytes == 0;
    std::uint64_t segment_bytes = made_bytes;
    out->budgets = budgets_of(checked);
    if (begins) {
        segment_bytes = Segments::segment_bytes_for(out->budgets, place);
        while (segment_bytes < place) segment_bytes += kMebibyte;
    }
    out->segment_bytes = segment_bytes;
    out->said = what_is_left(out->budgets, segment_bytes, count_max, checked.block_bytes_max);
    if (segment_bytes < place) {
        out->said += std::string(out->said.empty() ? "" : "; ") +
                     "blocks that are longer than a segment of " +
                     std::to_string(segment_bytes / kMebibyte) +
                     " MiB, as an earlier writer made them, are not written to the disk";
    }
    for (DirectoryBudget& budget : out->budgets) {
        budget.bytes = std::min(budget.bytes, count_max * segment_bytes);
        if (budget.bytes / segment_bytes > Segments::kCountMin) continue;
        if (begins) {
            return fail(sink, BWRT_E_INVAL, "store.disk_bytes",
                        "%llu bytes are less than two logs and five segments of %llu, as long as "
                        "store.block_bytes_max %u needs them",
                        ull(checked.disk_bytes), ull(segment_bytes), checked.block_bytes_max);
        }
        return fail(sink, BWRT_E_INVAL, "store.disk_bytes",
                    "%llu bytes are less than two logs and five segments of %llu, as long as the "
                    "shard's first writer made them: give more, or another shard or directory",
                    ull(checked.disk_bytes), ull(segment_bytes));
    }
    return BWRT_OK;
}

DiskTierLimits limits_of(const bwrt_store& checked, std::uint64_t left_bytes) noexcept {
    DiskTierLimits limits;
    limits.entry_count = checked.block_count_max;
    limits.log_bytes_max = log_bytes_of(checked);
    limits.block_count_max = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(checked.block_count_max, limits.log_bytes_max / kLogBytesPerBlock));
    limits.tenant_count = checked.tenant_count_max;
    limits.lease_count = checked.lease_count_max;
    limits.learns = checked.eviction == BWRT_EVICTION_LEARNED;
    limits.admission.touches_min = checked.write_touch_count;
    limits.admission.identity_count = std::uint64_t{4} * checked.block_count_max;
    limits.admission.bytes_per_day = checked.write_bytes_per_day;
    limits.admission.burst_bytes = checked.write_bytes_per_day;
    limits.admission.left_bytes = left_bytes;
    return limits;
}

}  // namespace

// Blocks as the log has them, until all of it is read: only then is it known which stay, and which
// is whose parent.
class Store::Found final : public RecoveryObserver {
 public:
    struct Block {
        std::uint32_t parent = kNoEntry;
        std::uint16_t window_blocks = 0;
        Closure closure = Closure::kPrefix;
        bool is_there = false;
        std::uint64_t expires_s = 0;
        std::uint64_t order = 0;  // of the latest record
    };

    explicit Found(std::uint32_t count) : blocks_(count) {}

    void block_found(std::uint32_t entry, std::uint32_t parent,
                     const Record& record) noexcept override {
        blocks_[entry] = {parent, record.window_blocks, record.closure,
                          true,   record.expires_s,     ++order_};
    }
    void block_gone(std::uint32_t entry) noexcept override { blocks_[entry].is_there = false; }

    [[nodiscard]] Block& at(std::uint32_t entry) noexcept { return blocks_[entry]; }
    [[nodiscard]] std::uint32_t count() const noexcept {
        return static_cast<std::uint32_t>(blocks_.count());
    }

 private:
    Table<Block> blocks_;
    std::uint64_t order_ = 0;
};

bwrt_status Store::open_disk(const bwrt_store& checked, std::uint64_t now_ns,
                             const ErrorSink& sink) {
    const std::uint64_t begun_ns = MonotonicClock().now_ns();
    std::uint64_t made_bytes = 0;
    if (const bwrt_status status =
            find_segment_bytes(shards_[0], roots_[0].superblock, &made_bytes, sink)) {
        return status;
    }
    Geometry geometry;
    if (const bwrt_status status =
            find_geometry(checked, made_bytes, segment_count_max(checked), &geometry, sink)) {
        return status;
    }
    const std::uint64_t segment_bytes = geometry.segment_bytes;
    segments_each_ = static_cast<std::uint32_t>(
        std::min(checked.disk_bytes / segment_bytes, segment_count_max(checked)));
    report_.set_segment_count(checked.directory_count * segments_each_);
    segments_ =
        std::make_unique<Segments>(geometry.budgets, segment_bytes, 1 + random_word() % 1021);
    Found found(checked.block_count_max);
    Losses losses;
    Recovery recovery(index_.get(), segments_.get(), &spaces_, &found, &losses);
    LogReport report;
    if (const bwrt_status status =
            read_log(shards_[0], roots_[0].superblock, &recovery, &report, sink)) {
        return status;
    }
    if (spaces_.count() > tenant_count_max_) {  // what is counted by tenant has so many places
        return fail(sink, BWRT_E_RANGE, "store.tenant_count_max",
                    "%zu tenants have blocks here: the limit is %u", spaces_.count(),
                    tenant_count_max_);
    }
    if (const bwrt_status status = match_segments(&recovery, sink)) return status;
    const std::string lost = losses.sentences(*segments_);
    const bool says_both = !geometry.said.empty() && !lost.empty();
    const std::string said = geometry.said + (says_both ? "; " : "") + lost;
    if (!said.empty()) report_.say_disk(said.c_str());
    segments_->settle();
    const DiskTierLimits limits =
        limits_of(checked, left_today(recovery.budget(), checked.write_bytes_per_day));
    disk_ = std::make_unique<DiskTier>(segments_.get(), limits, now_ns);
    restore(&found);
    if (const bwrt_status status = open_segments(sink)) return status;
    if (const bwrt_status status = open_log(report, sink)) return status;
    count_.recovery_ns = MonotonicClock().now_ns() - begun_ns;
    return BWRT_OK;
}

// What was left, and what has come to it since.
std::uint64_t Store::left_today(const BudgetMark& mark,
                                std::uint64_t bytes_per_day) const noexcept {
    constexpr std::uint64_t kDayS = 86'400;
    const std::uint64_t now_s = wall_s();
    const std::uint64_t gone_s = now_s > mark.said_s ? now_s - mark.said_s : 0;
    if (gone_s >= kDayS || mark.left_bytes >= bytes_per_day) return bytes_per_day;
    const std::uint64_t come_bytes =
        bytes_per_day / kDayS * gone_s + bytes_per_day % kDayS * gone_s / kDayS;
    return std::min(bytes_per_day, mark.left_bytes + come_bytes);
}

bwrt_status Store::open_log(const LogReport& report, const ErrorSink& sink) {
    OpenFile file;
    LogEnd end = report.end;
    if (report.found) {
        if (const bwrt_status status = resume_log(shards_[0], &file, &end, sink)) return status;
    } else {
        bwrt_status status = create_log(shards_[0], roots_[0].superblock, report.next_number,
                                        segments_->segment_bytes(), &file, &end, sink);
        if (status != BWRT_OK) return status;
        Record record = {};
        record.kind = RecordKind::kSnapshotEnd;
        const std::uint64_t offset_bytes = end.offset_bytes();
        end.put(&record);
        if (!write_at(file.fd(), &record, sizeof record, offset_bytes) || !flush(file.fd())) {
            return fail_os(sink, BWRT_E_IO, errno, "store.directories", "the log: %s",
                           errno_name(errno));
        }
        bool counts = false;
        status = publish_log(shards_[0], report.next_number, &counts, sink);
        if (status != BWRT_OK) return status;
    }
    disk_->log().attach(end);
    next_log_number_ = std::max(report.next_number, end.log_number + 1);
    compaction_ =
        std::make_unique<LogCompaction>(&shards_[0], &roots_[0].superblock, &index_->reader());
    return open_log_region(file, sink);
}

// Parents first, and otherwise in the order of the log.  What the policy has no room for, or whose
// time is over, is gone.
void Store::restore(Found* found) noexcept {
    std::vector<std::uint32_t> order;
    index_->for_each([&](std::uint32_t entry) { order.push_back(entry); });
    std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
        return found->at(a).order < found->at(b).order;
    });
    std::vector<std::uint32_t> chain;
    const auto put = [&](std::uint32_t entry) {
        Found::Block& block = found->at(entry);
        const BlockFields fields = index_->fields_of(entry);
        Arriving arriving;
        arriving.entry = entry;
        arriving.length_bytes = fields.length_bytes;
        arriving.tenant = index_->key_of(entry).tenant;
        arriving.closure = static_cast<planner::Closure>(block.closure);
        arriving.window_blocks = block.window_blocks;
        arriving.expires = tick_of_wall(block.expires_s);
        arriving.fingerprint = index_->reader().hash_of(index_->key_of(entry));
        disk_->restore(arriving, block.parent, tick_);
        TierCount& count = counts_[arriving.tenant].disk;
        ++count.block_count;
        ++count_.recovered_count;
        block.is_there = false;  // done
    };
    for (const std::uint32_t first : order) {
        chain.clear();
        std::uint32_t entry = first;
        while (entry != kNoEntry && found->at(entry).is_there) {
            chain.push_back(entry);
            found->at(entry).is_there = false;  // also ends a circle, which only damage can make
            entry = found->at(entry).parent;
        }
        for (; !chain.empty(); chain.pop_back()) put(chain.back());
    }
}

}  // namespace bwrt::runtime
