// SPDX-License-Identifier: Apache-2.0

#include "tools/replay/policies/policy_cache.h"

#include <algorithm>
#include <utility>

namespace bwrt::replay {
namespace {

constexpr std::uint64_t kOperationBytesMax = std::uint64_t{1} << 20;  // the library's default

}  // namespace

PolicyCache::PolicyCache(const Trace& trace, std::unique_ptr<Policy> policy,
                         const PolicyCacheOptions& options)
    : policy_(std::move(policy)),
      options_(options),
      run_max_(options.merges ? static_cast<std::uint32_t>(std::max<std::uint64_t>(
                                    kOperationBytesMax / options.block_bytes, 1))
                              : 1),
      log_place_(trace.block_count()) {
    figures_.is_modelled = true;
}

Located PolicyCache::look_up(std::span<const std::uint32_t> blocks, const Asker&) {
    const std::size_t request = request_count_++;
    policy_->arrive(request);
    Located located;
    located_.clear();
    for (const std::uint32_t block : blocks) {
        const Place place = policy_->place_of(block);
        if (place == Place::kNowhere) break;
        ++(place == Place::kMemory ? located.host_count : located.disk_count);
        located_.push_back(place == Place::kMemory ? kInMemory : log_place_[block]);
    }
    located.block_count = located.host_count + located.disk_count;
    figures_.host_hit_count += located.host_count;
    figures_.disk_hit_count += located.disk_count;
    figures_.miss_count += blocks.size() - located.block_count;
    came_.memory_count = 0;
    came_.written.clear();
    policy_->serve(request, came_);
    take(came_);
    return located;
}

void PolicyCache::take(const Came& came) {
    figures_.host_written_bytes += came.memory_count * options_.block_bytes;
    for (const std::uint32_t block : came.written) log_place_[block] = log_end_++;
    const std::uint64_t count = came.written.size();
    figures_.stored_count += count;
    figures_.disk_written_bytes += count * options_.block_bytes;
    figures_.disk_written_piece_count += count;
    figures_.disk_written_count += (count + run_max_ - 1) / run_max_;
}

// Of the operation that reads the block `first` of those that were located.
std::uint32_t PolicyCache::run_length(std::size_t first, std::size_t count) const {
    std::uint32_t length = 1;
    while (length < run_max_ && first + length < count &&
           located_[first + length] == located_[first] + length) {
        ++length;
    }
    return length;
}

Loaded PolicyCache::load(std::span<const std::uint32_t> blocks, const Asker&,
                         std::uint64_t deadline_ns) {
    const double copy_ns = ns_of(options_.block_bytes, options_.device.copy_bytes_per_s);
    Loaded loaded;
    DiskTimes disk(options_.device);
    std::uint64_t copied_count = 0;
    for (std::size_t i = 0; i < blocks.size();) {
        std::uint32_t length = 1;
        std::uint64_t done_ns = 0;
        if (located_[i] == kInMemory) {
            done_ns = static_cast<std::uint64_t>(static_cast<double>(++copied_count) * copy_ns);
            figures_.host_read_bytes += options_.block_bytes;
        } else {
            length = run_length(i, blocks.size());
            done_ns = disk.read(length * options_.block_bytes);
            figures_.disk_read_bytes += length * options_.block_bytes;
            figures_.disk_delivered_bytes = figures_.disk_read_bytes;
            figures_.disk_piece_count += length;
            ++figures_.disk_read_count;
        }
        i += length;
        if (deadline_ns != 0 && done_ns > deadline_ns) loaded.is_late = true;
        if (loaded.is_late) continue;
        loaded.block_count += length;
        loaded.took_ns = std::max(loaded.took_ns, done_ns);
    }
    if (loaded.is_late) loaded.took_ns = deadline_ns;
    now_ns_ += loaded.took_ns;
    return loaded;
}

}  // namespace bwrt::replay
