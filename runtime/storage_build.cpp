// SPDX-License-Identifier: Apache-2.0
//
// storage_build.cpp — from a wave's pieces to a transfer: what lies together in the file is
// asked for together, up to io_bytes_max and kAccountCountMax pieces.

#include <algorithm>

#include "runtime/pieces.h"
#include "runtime/storage_lane.h"

namespace bwrt::runtime {
namespace {

// Large enough that splitting off an unaligned head is worth a request of its own.
constexpr std::uint64_t kSplitHeadBytes = 64 << 10;

FilePiece orient(const Piece& piece, bool reading) noexcept {
    return reading
               ? FilePiece{piece.source, piece.target, piece.source_region, piece.target_region}
               : FilePiece{piece.target, piece.source, piece.target_region, piece.source_region};
}

void add_account(Transfer* transfer, Operation* operation, const Piece& piece,
                 const FilePiece& place, std::uint32_t bytes) noexcept {
    if (transfer->account_count > 0) {
        Account& last = transfer->accounts[transfer->account_count - 1];
        if (last.operation == operation && last.entry == piece.entry && last.group == piece.group &&
            last.address + last.bytes == place.address &&
            last.memory_region == place.memory_region) {
            last.bytes += bytes;
            transfer->bytes += bytes;
            return;
        }
    }
    transfer->accounts[transfer->account_count++] = {
        operation, place.address, piece.entry, piece.group, bytes, place.memory_region};
    transfer->bytes += bytes;
}

}  // namespace

void StorageLane::build_flush(Wave* wave, Transfer* transfer) noexcept {
    Operation* flush = wave->list(Lane::kStorage).pop_front();
    transfer->kind = IoKind::kFlush;
    transfer->route = Route::kFlush;
    transfer->region = &tables_.regions.at(flush->target_region);
    transfer->accounts[0] = {flush, 0, flush->entry_first, flush->group, 0, 0};
    transfer->account_count = 1;
}

// Whether a direct request that could go straight from or to the caller's memory should not
// (calibration.h).  Memory of bwrt's own that has its huge pages is as good as the arena.
bool StorageLane::staging_is_faster(const Piece& piece, const FilePiece& place,
                                    const Transfer& transfer) const noexcept {
    const std::uint32_t from_bytes = transfer.region->file->stage_from_bytes;
    if (from_bytes == 0 || piece.length_bytes < from_bytes) return false;
    return place.memory_region == kProcessSlot ||
           (tables_.regions.at(place.memory_region).flags & BWRT_REGION_HUGE) == 0;
}

// Direct or buffered, plain or staged; returns the most bytes that may be gathered.
std::uint64_t StorageLane::choose_path(const Piece& piece, const FilePiece& place,
                                       Transfer* transfer) const noexcept {
    const FileState& file = *transfer->region->file;
    const std::uint64_t address = place.address;
    const std::uint64_t limit = file.io_bytes_max;
    const std::uint64_t offset = transfer->offset;
    transfer->direct = file.direct_file >= 0 && offset < file.direct_end;
    if (!transfer->direct) return limit;

    const std::uint64_t unit = file.offset_align_bytes;
    const std::uint64_t most = std::min(limit, file.direct_end - offset);
    const bool aligned = offset % unit == 0 && address % file.memory_align_bytes == 0;
    transfer->staged = !aligned || piece.length_bytes < unit;
    if (!transfer->staged) {
        transfer->staged = staging_is_faster(piece, place, *transfer);
        return most / unit * unit;
    }
    const bool congruent =
        (address - offset) % std::max<std::uint64_t>(unit, file.memory_align_bytes) == 0;
    if (congruent && offset % unit != 0 && piece.length_bytes >= kSplitHeadBytes) {
        return std::min(most, unit - offset % unit);
    }
    return most;
}

// How much of the piece goes into the transfer; 0 when it has to wait for another.
std::uint32_t StorageLane::fitting_bytes(const Piece& piece, std::uint64_t address,
                                         std::uint64_t limit,
                                         const Transfer& transfer) const noexcept {
    std::uint64_t bytes = std::min(piece.length_bytes, limit - transfer.bytes);
    if (transfer.direct && !transfer.staged) {
        const FileState& file = *transfer.region->file;
        if (address % file.memory_align_bytes != 0) return 0;
        bytes = bytes / file.offset_align_bytes * file.offset_align_bytes;
    }
    return static_cast<std::uint32_t>(bytes);
}

// False when the wave's list turns out to be empty.
bool StorageLane::build(Wave* wave, Transfer* transfer) noexcept {
    OperationList& list = wave->list(Lane::kStorage);
    transfer->wave = wave;
    transfer->bytes = transfer->account_count = 0;
    transfer->in_backend = transfer->direct = transfer->staged = false;
    transfer->isolated = transfer->has_edges = false;
    transfer->staging = kNoIndex;
    if (!has_piece(&list)) {
        if (list.is_empty()) return false;
        build_flush(wave, transfer);
        return true;
    }
    Piece flat;
    const Piece* piece = &piece_of(*list.head, &flat);
    const std::uint8_t kind = list.head->kind;
    const bool reading = kind == BWRT_OP_READ;
    FilePiece place = orient(*piece, reading);
    const std::uint32_t file_region = place.file_region;
    transfer->kind = reading ? IoKind::kRead : IoKind::kWrite;
    transfer->route = reading ? Route::kRead : Route::kWrite;
    transfer->region = &tables_.regions.at(file_region);
    transfer->offset = place.offset;
    const std::uint64_t limit = choose_path(*piece, place, transfer);
    std::uint32_t piece_count = 0;
    do {
        Operation* operation = list.head;
        const std::uint32_t bytes = fitting_bytes(*piece, place.address, limit, *transfer);
        if (bytes == 0) break;
        add_account(transfer, operation, *piece, place, bytes);
        ++piece_count;
        advance(operation, bytes);
        if (!has_piece(&list) || list.head->kind != kind) break;
        piece = &piece_of(*list.head, &flat);
        place = orient(*piece, reading);
    } while (place.file_region == file_region &&
             place.offset == transfer->offset + transfer->bytes && transfer->bytes < limit &&
             transfer->account_count < kAccountCountMax && !list.head->failed);
    counters_.at(transfer->route).piece_count += piece_count;
    lane_bytes(wave) -= transfer->bytes;
    return true;
}

}  // namespace bwrt::runtime
