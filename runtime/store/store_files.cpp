// SPDX-License-Identifier: Apache-2.0
//
// store_files.cpp — the files of a store as regions: its log, the one after it, and its segments.
// When it is opened, or by the janitor's thread.

#include <cerrno>
#include <new>

#include "runtime/boundary.h"
#include "runtime/store/segment_file.h"
#include "runtime/store/store.h"

namespace bwrt::runtime {
namespace {

constexpr std::uint64_t kLogRegionBytes = std::uint64_t{1} << 40;

}  // namespace

// ---- the log

bwrt_status Store::begin_compaction(std::uint64_t settled_bytes) noexcept {
    const FileState& old = *regions_->at(own_slot(kLogSlot)).file;
    return compaction_->begin(old.fd, settled_bytes, disk_->log().written_bytes(),
                              next_log_number_++, spaces_);
}

// With an error the log has no region any more.
bwrt_status Store::switch_log() noexcept try {
    const OpenFile file = compaction_->take_file();
    regions_->remove(own_slot(kLogSlot));
    return open_log_region(file, {nullptr, BWRT_NONE});
} catch (const std::bad_alloc&) {
    return BWRT_E_NOMEM;
}

bwrt_status Store::open_log_region(const OpenFile& file, const ErrorSink& sink) {
    bwrt_region description = {};
    description.kind = BWRT_REGION_FILE;
    description.fd = file.fd();
    description.length_bytes = kLogRegionBytes;
    char reason[160];
    return regions_->fill_own(own_slot(kLogSlot), description, reason, sizeof reason, sink);
}

// ---- segments

std::uint32_t Store::slot_of_segment(std::uint32_t segment) const noexcept {
    return own_slot(kSegmentSlot) + Segments::directory_of(segment) * segments_each_ +
           segment % Segments::kCountMax;
}

bwrt_status Store::open_segment_region(std::uint32_t segment, Access access,
                                       const ErrorSink& sink) {
    const int directory = shards_[Segments::directory_of(segment)].directory.fd();
    OpenFile file;
    SegmentReport report;
    if (const bwrt_status status = open_segment(directory, segment, segments_->segment_bytes(),
                                                access, &file, &report, sink)) {
        return status;
    }
    bwrt_region description = {};
    description.kind = BWRT_REGION_FILE;
    description.flags = BWRT_REGION_DIRECT;
    description.fd = file.fd();
    description.length_bytes = segments_->segment_bytes();
    char reason[160];
    const std::uint32_t slot = slot_of_segment(segment);
    const bwrt_status status = regions_->fill_own(slot, description, reason, sizeof reason, sink);
    if (status != BWRT_OK) return status;
    Region& region = regions_->at(slot);
    region.file->is_verified = true;
    report_.segment_opened(slot - own_slot(kSegmentSlot), access, report);
    if ((region.flags & BWRT_REGION_DIRECT) == 0) report_.segment_not_direct(reason);
    return BWRT_OK;
}

// What a larger budget left behind this one goes at once, and with it the blocks that the log has
// there; a budget that is larger again finds the log still saying so, and no files.  So does what
// another log had, which is lost, if it was longer: nothing could be written to it.
bwrt_status Store::match_segments(Recovery* recovery, const ErrorSink& sink) {
    std::vector<bool> has_file(Segments::kDirectoryCountMax * Segments::kCountMax);
    std::vector<std::uint32_t> numbers;
    for (std::uint32_t i = 0; i < shards_.size(); ++i) {
        const int directory = shards_[i].directory.fd();
        if (const bwrt_status status = list_segments(directory, &numbers, sink)) return status;
        for (const std::uint32_t segment : numbers) {
            if (Segments::directory_of(segment) != i) continue;  // none of ours
            const bool is_unknown = segments_->exists(segment) &&
                                    segments_->generation_of(segment) == 0 &&
                                    is_longer(directory, segment, segments_->segment_bytes());
            if (segments_->exists(segment) && !is_unknown) {
                has_file[segment] = true;
            } else if (const bwrt_status status = remove_segment(directory, segment, sink)) {
                return status;
            }
        }
    }
    segments_->for_each([&](std::uint32_t segment) {
        if (!has_file[segment]) recovery->lose_segment(segment);
    });
    return BWRT_OK;
}

// Those with blocks.  One that cannot be opened fails its reads, and so its blocks one by one; but
// none is given up because this process may not have more files open.
bwrt_status Store::open_segments(const ErrorSink& sink) {
    bwrt_status status = BWRT_OK;
    segments_->for_each([&](std::uint32_t segment) {
        if (segments_->live_bytes_of(segment) == 0 || status != BWRT_OK) return;
        bwrt_error error = {};
        if (open_segment_region(segment, Access::kRead, {&error, BWRT_NONE}) == BWRT_OK) return;
        if (error.os_code != EMFILE && error.os_code != ENFILE && error.os_code != ENOMEM) return;
        status = fail_os(sink, BWRT_E_AGAIN, error.os_code, "store.directories",
                         "segment %u: %s; RLIMIT_NOFILE must leave two for each segment", segment,
                         errno_name(error.os_code));
    });
    return status;
}

}  // namespace bwrt::runtime
