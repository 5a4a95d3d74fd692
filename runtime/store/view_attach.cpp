// SPDX-License-Identifier: Apache-2.0
//
// view_attach.cpp — what of a view blocks: directories, indices that come and go, segments.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <new>

#include "runtime/boundary.h"
#include "runtime/store/inspect.h"
#include "runtime/store/segment_file.h"
#include "runtime/store/segments.h"
#include "runtime/store/view.h"

namespace bwrt::runtime {

bwrt_status StoreView::open(const bwrt_store& checked, RegionTable* regions, std::uint64_t now_ns,
                            const ErrorSink& sink) {
    regions_ = regions;
    checked_ = checked;
    checked_.directories = nullptr;
    shared_path_ = checked.index_directory != nullptr ? checked.index_directory : kSharedDirectory;
    checked_.shard = checked_.index_directory = nullptr;
    block_bytes_max_ = checked.block_bytes_max;
    tenant_count_max_ = checked.tenant_count_max;
    tenants_ = std::make_unique<Tenants>(tenant_count_max_);
    counts_.resize(tenant_count_max_);
    places_ = std::make_unique<Place[]>(kShardCountMax);
    followed_.resize(kShardCountMax);
    bad_ = std::make_unique<std::atomic<std::uint64_t>[]>(kBadCount);
    for (std::uint32_t i = 0; i < checked.directory_count; ++i) {
        StoreRoot root;
        if (const bwrt_status status =
                open_root(checked.directories[i], i, i == 0 ? nullptr : &roots_[0], Access::kRead,
                          &root, sink)) {
            return status;
        }
        roots_.push_back(std::move(root));
    }
    if (const bwrt_status status =
            open_shared_directory(checked.index_directory, &shared_directory_, sink)) {
        return status;
    }
    bwrt_region description = {};
    description.kind = BWRT_REGION_ALLOCATED;
    description.flags = (checked.flags & BWRT_STORE_HUGE) != 0 ? BWRT_REGION_HUGE : 0;
    description.length_bytes = checked.transit_bytes;
    char reason[160];
    if (const bwrt_status status =
            regions_->fill_own(own_slot(kTransitSlot), description, reason, sizeof reason, sink)) {
        return status;
    }
    transit_ = std::make_unique<MemoryPlaces>(regions_->at(own_slot(kTransitSlot)),
                                              own_slot(kTransitSlot));
    const TenantKeys keys(0, roots_[0].superblock.secret);
    static_cast<void>(tenants_->add(0, 0, keys));
    tenant_count_ = 1;
    refresh(now_ns);
    return BWRT_OK;
}

// ---- shards that come and go

bool StoreView::is_due(const Doubt& doubt, std::uint64_t now_ns) const noexcept {
    if (doubt.retired) return true;
    return doubt.missed && now_ns >= refreshed_ns_.load(std::memory_order_relaxed) + kRefreshNs;
}

void StoreView::refresh(std::uint64_t now_ns) noexcept {
    refresh_all();
    refreshed_ns_.store(now_ns, std::memory_order_relaxed);
    look_.store(Look::kNone, std::memory_order_release);
}

// An index that is over, or whose shard was removed: of one whose writer was killed it stays.
bool StoreView::is_over(const Place& place, const std::vector<std::string>* names) const {
    const std::string& shard = shards_[place.shard];
    if (place.index->is_retired()) return true;
    if (place.has_writer.load(std::memory_order_relaxed)) return false;
    if (names != nullptr && std::find(names->begin(), names->end(), shard) == names->end()) {
        return true;
    }
    return !place.index->has_its_name(shared_directory_.fd(), SharedName(roots_[0], shard.c_str()));
}

// What there is no memory for is not there; the next one looks again.  Of a writer that has begun
// anew both indices are attached for a moment, so that nobody finds neither.
void StoreView::refresh_all() try {
    reap();
    std::vector<std::string> names;
    const OpenFile shards =
        open_beneath(roots_[0].directory.fd(), "shards", O_RDONLY | O_DIRECTORY);
    const bool is_listed = shards.is_open() && list_directory(shards.fd(), &names);
    std::vector<bool> is_attached(shards_.size());
    std::vector<Place*> over;
    const std::uint32_t count = place_count_.load(std::memory_order_relaxed);
    for (std::uint32_t i = 0; i < count; ++i) {
        Place& place = places_[i];
        if (place.life.load(std::memory_order_relaxed) == 0) continue;
        place.has_writer.store(place.index->has_writer(), std::memory_order_relaxed);
        if (is_over(place, is_listed ? &names : nullptr)) {
            over.push_back(&place);
        } else {
            is_attached[place.shard] = true;
        }
    }
    if (!is_listed) names.clear();
    for (std::size_t i = is_listed ? complaints_.size() : 0; i > 0; --i) {  // of shards that went
        const std::string shard = complaints_[i - 1].shard;
        if (std::find(names.begin(), names.end(), shard) == names.end()) forget(shard);
    }
    const auto is_new = [&](const std::string& name) {
        if (!is_shard_name(name.c_str())) return false;
        const std::uint32_t shard = ordinal_of(name);
        return shard >= is_attached.size() || !is_attached[shard];
    };
    std::erase_if(names, [&](const std::string& name) { return !is_new(name); });
    std::erase_if(names, [&](const std::string& name) {
        const Attached attached = attach(name);
        if (attached != Attached::kFull || over.empty()) complain(name, attached);
        return attached != Attached::kFull;
    });
    if (over.empty()) return;
    for (Place* place : over) detach(place);
    reap();
    for (const std::string& name : names) complain(name, attach(name));  // in the places of those
} catch (const std::bad_alloc&) {
}

std::uint32_t StoreView::ordinal_of(const std::string& name) {
    const auto found = std::find(shards_.begin(), shards_.end(), name);
    const auto ordinal = static_cast<std::uint32_t>(found - shards_.begin());
    if (found == shards_.end()) shards_.push_back(name);
    return ordinal;
}

StoreView::Attached StoreView::attach(const std::string& name) {
    const SharedName shared(roots_[0], name.c_str());
    auto index = std::make_unique<SharedIndexReader>();
    const SharedIndexReader::Opened opened = index->open(shared_directory_.fd(), shared);
    if (opened == SharedIndexReader::Opened::kOther) return Attached::kRefused;
    if (opened == SharedIndexReader::Opened::kNone) return Attached::kNone;
    if (index->is_retired()) return Attached::kOver;  // for a moment: it has lost its name
    for (std::uint32_t i = 0; i < kShardCountMax; ++i) {
        Place& place = places_[i];
        if (place.index != nullptr) continue;
        place.numbers = std::make_unique<std::atomic<std::uint64_t>[]>(tenant_count_max_);
        place.shard = ordinal_of(name);
        place.has_writer.store(index->has_writer(), std::memory_order_relaxed);
        place.index = std::move(index);
        const std::uint64_t life = ++last_life_;
        place.gate.open(life);
        place.life.store(life, std::memory_order_release);
        if (i >= place_count_.load(std::memory_order_relaxed)) {
            place_count_.store(i + 1, std::memory_order_release);
        }
        return Attached::kYes;
    }
    return Attached::kFull;
}

// Once of each shard, until it is as it should be, or wrong in another way.  Whoever has no log
// function is told the last of it by bwrt_sample_store().
void StoreView::complain(const std::string& name, Attached why) noexcept try {
    if (why == Attached::kYes || why == Attached::kOver ||
        (why == Attached::kNone && !is_written(name))) {
        forget(name);
        return;
    }
    for (const Complaint& told : complaints_) {
        if (told.shard == name && told.why == why) return;
    }
    forget(name);
    complaints_.push_back({name, why, ""});
    auto& sentence = complaints_.back().sentence;
    if (why == Attached::kFull) {
        std::snprintf(sentence, sizeof sentence, "shard %s is not read: a reader has at most %u",
                      name.c_str(), kShardCountMax);
    } else if (why == Attached::kNone) {
        std::snprintf(sentence, sizeof sentence,
                      "shard %s is not read: it has no index in %s; its writer has not "
                      "BWRT_STORE_SHARED, or another index_directory",
                      name.c_str(), shared_path_.c_str());
    } else {
        std::snprintf(sentence, sizeof sentence,
                      "shard %s is not read: its index is damaged, of another version or user, or "
                      "cannot be opened",
                      name.c_str());
    }
    report_.say_disk(sentence);
    if (log_ != nullptr) log_(log_user_, BWRT_LOG_WARNING, sentence);
} catch (const std::bad_alloc&) {
}

void StoreView::forget(const std::string& name) noexcept {
    const auto told = std::find_if(complaints_.begin(), complaints_.end(),
                                   [&](const Complaint& of) { return of.shard == name; });
    if (told == complaints_.end()) return;
    complaints_.erase(told);
    report_.say_disk(complaints_.empty() ? nullptr : complaints_.back().sentence);
}

// Or was once: what is no shard has no lock.
bool StoreView::is_written(const std::string& name) const {
    return faccessat(roots_[0].directory.fd(), ("shards/" + name + "/lock").c_str(), F_OK,
                     AT_SYMLINK_NOFOLLOW) == 0;
}

// Nobody comes in any more; reap() takes the index away when nobody is inside.  Who finds the gate
// closed or the life gone sees that it was counted, and what was attached before: W1 -> W2.
void StoreView::detach(Place* place) noexcept {
    departures_.fetch_add(1, std::memory_order_release);
    static_cast<void>(place->gate.close(place->life.load(std::memory_order_relaxed)));
    place->life.store(0, std::memory_order_release);  // W1, as is the gate's
}

void StoreView::reap() noexcept {
    for (std::uint32_t i = 0; i < place_count_.load(std::memory_order_relaxed); ++i) {
        Place& place = places_[i];
        if (place.index == nullptr || place.life.load(std::memory_order_relaxed) != 0) continue;
        if (!place.gate.is_idle()) continue;
        place.index.reset();
        place.numbers.reset();
    }
}

// ---- segments

bwrt_status StoreView::open_segment_region(std::uint32_t place, const Sighting& where,
                                           const ErrorSink& sink) {
    const std::uint16_t slot = own_slot(kSegmentSlot + place);
    if (regions_->at(slot).generation != 0) regions_->remove(slot);
    Shard shard;
    OpenFile file;
    SegmentReport report;
    bwrt_status status =
        open_shard(roots_[Segments::directory_of(where.segment)], shards_[where.shard].c_str(),
                   Access::kRead, false, &shard, sink);
    if (status == BWRT_OK) {
        status = open_segment(shard.directory.fd(), where.segment, where.segment_bytes,
                              Access::kRead, &file, &report, sink);
    }
    if (status != BWRT_OK) return status;
    bwrt_region description = {};
    description.kind = BWRT_REGION_FILE;
    description.flags = BWRT_REGION_DIRECT | BWRT_REGION_READ_ONLY;
    description.fd = file.fd();
    description.length_bytes = where.segment_bytes;
    char reason[160];
    status = regions_->fill_own(slot, description, reason, sizeof reason, sink);
    if (status == BWRT_OK && (regions_->at(slot).flags & BWRT_REGION_DIRECT) == 0) {
        report_.segment_not_direct(reason);
    }
    return status;
}

}  // namespace bwrt::runtime
