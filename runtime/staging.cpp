// SPDX-License-Identifier: Apache-2.0

#include "runtime/staging.h"

#include <sys/mman.h>

#include <algorithm>

#include "runtime/check.h"

namespace bwrt::runtime {

Staging::Staging(std::uint32_t buffer_count, std::uint32_t io_bytes_max,
                 std::uint32_t transfer_count)
    : buffer_count_(buffer_count),
      buffer_bytes_(std::size_t{io_bytes_max} + 2 * 4096),
      memory_(Mapping::table(buffer_bytes_ * buffer_count)) {
    // The kernel writes here while a fork may happen: the parent must keep these very pages.
    madvise(memory_.address(), memory_.length_bytes(), MADV_DONTFORK);
    free_.reserve(buffer_count);
    edges_.reserve(std::size_t{2} * std::max(buffer_count, transfer_count));
    for (std::uint32_t buffer = buffer_count; buffer > 0; --buffer) free_.push_back(buffer - 1);
}

void Staging::make_fast(StorageBackend* backend, bool huge_pages) noexcept {
    madvise(memory_.address(), memory_.length_bytes(),
            huge_pages ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    fixed_buffer_ = backend->attach_buffer(memory_.address(), memory_.length_bytes());
}

bool Staging::take_buffer(Transfer* transfer) noexcept {
    if (transfer->staging != kNoIndex) return true;
    if (free_.empty()) return false;
    transfer->staging = free_.back();
    free_.pop_back();
    return true;
}

bool Staging::is_locked(const Edge& edge) const noexcept {
    return std::any_of(edges_.begin(), edges_.end(), [&](const Edge& held) {
        return held.device == edge.device && held.inode == edge.inode && held.block == edge.block;
    });
}

bool Staging::lock_edges(Transfer* transfer) noexcept {
    if (transfer->has_edges || transfer->kind != IoKind::kWrite) return true;
    const FileState& file = *transfer->region->file;
    const std::uint64_t unit = file.offset_align_bytes;
    const std::uint64_t end = transfer->offset + transfer->bytes;
    const Edge head = {file.device, file.inode, transfer->offset / unit, transfer};
    const Edge tail = {file.device, file.inode, end / unit, transfer};
    const bool has_head = transfer->offset % unit != 0;
    const bool has_tail = end % unit != 0 && !(has_head && tail.block == head.block);
    if ((has_head && is_locked(head)) || (has_tail && is_locked(tail))) return false;
    if (has_head) edges_.push_back(head);
    if (has_tail) edges_.push_back(tail);
    transfer->has_edges = true;
    return true;
}

void Staging::give_back_buffer(Transfer* transfer) noexcept {
    if (transfer->staging == kNoIndex) return;
    free_.push_back(transfer->staging);
    transfer->staging = kNoIndex;
}

bool Staging::give_back(Transfer* transfer) noexcept {
    const bool had_any = transfer->staging != kNoIndex || transfer->has_edges;
    give_back_buffer(transfer);
    if (transfer->has_edges) {
        std::erase_if(edges_, [&](const Edge& edge) { return edge.holder == transfer; });
        transfer->has_edges = false;
    }
    return had_any;
}

}  // namespace bwrt::runtime
