// SPDX-License-Identifier: Apache-2.0

#include "runtime/host_lane.h"

#include <algorithm>
#include <cerrno>

#include "runtime/block_task.h"
#include "runtime/gemm.h"
#include "runtime/pieces.h"

namespace bwrt::runtime {
namespace {

// The first lines of what is copied after this piece.  The processor's own prefetcher sees a
// sequence only once it is in it, which for scattered pages is every page anew: 6.3 GB/s instead of
// 5.5 (65,536 pages of 4 KiB in random order, memcpy, AMD EPYC); more lines bring no more.
constexpr std::uint64_t kPrefetchBytes = 256;

// A step takes some 60 us: a turn is two of them, and the driver looks around.
constexpr std::uint64_t kStepsPerSlice = 2;

void prefetch(const Operation& operation) noexcept {
    Piece flat;
    const Piece& next = piece_of(operation, &flat);
    if (next.length_bytes < kPrefetchBytes) return;
    const auto* line = reinterpret_cast<const char*>(next.source);
    for (std::uint64_t at = 0; at < kPrefetchBytes; at += 64) __builtin_prefetch(line + at);
}

}  // namespace

HostLane::HostLane(Tables* tables, HostBackend* backend, const Ledger* ledger, Counters* counters,
                   const Clock* clock, WaveOwner* owner)
    : backend_(*backend),
      ledger_(*ledger),
      counters_(*counters),
      clock_(*clock),
      owner_(*owner),
      ready_(&tables->waves) {}

bool HostLane::run() noexcept {
    std::uint64_t budget = kSliceBytes;
    std::uint64_t before_ns = 0;
    while (budget > 0) {
        Wave* wave = ready_.pick();
        if (wave == nullptr) return false;
        if (before_ns == 0) before_ns = clock_.now_ns();
        ++wave->inflight_count;  // ours: it must not be over while we look at it
        const Served served = serve(wave, budget);
        if (wave->list(Lane::kHost).is_empty()) ready_.remove(wave);
        const std::uint64_t after_ns = clock_.now_ns();
        if (served.bytes != 0) {
            counters_.request_started(Route::kCopy);
            counters_.request_finished(Route::kCopy, served.bytes, after_ns - before_ns, false);
        }
        if (served.looked_bytes == 0) {  // otherwise it is not the rate of a copy
            rate_.add(served.bytes, after_ns - before_ns);
            counters_.moved(Route::kCopy, served.bytes, after_ns - before_ns, after_ns - before_ns);
            measured_ns_ = after_ns;
        }
        before_ns = after_ns;
        if (--wave->inflight_count == 0 && wave->unresolved == 0) owner_.wave_resolved(wave);
        budget -= std::min(budget, served.both());
    }
    return !ready_.is_empty();
}

// It copies or it multiplies: what a product takes is no copy's time.
HostLane::Served HostLane::serve(Wave* wave, std::uint64_t bytes_max) noexcept {
    OperationList& list = wave->list(Lane::kHost);
    Served served;
    Piece piece;
    // Looks for the next piece even when the slice is used up: a served list must be empty.
    while (next_piece(&list, &piece) && served.both() < bytes_max) {
        if (list.head->kind == BWRT_OP_GEMM) {
            if (served.bytes != 0) break;
            multiply(wave, list.head, &served);
        } else {
            if (served.bytes == 0 && served.looked_bytes != 0) break;
            copy(wave, list.head, piece, bytes_max - served.both(), &served);
        }
    }
    return served;
}

void HostLane::multiply(Wave* wave, Operation* operation, Served* served) noexcept {
    const std::uint64_t bytes = operation->gemm()->step();
    served->looked_bytes += kSliceBytes / kStepsPerSlice;
    if (bytes == 0) return;
    operation->length_bytes -= bytes;
    ledger_.good(wave, operation->entry_first, operation->group, bytes);
}

void HostLane::copy(Wave* wave, Operation* operation, const Piece& piece, std::uint64_t bytes_max,
                    Served* served) noexcept {
    std::uint64_t bytes = std::min(piece.length_bytes, bytes_max);
    const bool is_block = is_block_kind(operation->kind);
    if (is_block) bytes = blocks_->copy_limit(*operation, piece, bytes);
    ++counters_.at(Route::kCopy).piece_count;
    advance(operation, bytes);
    lane_bytes(wave) -= bytes;
    queued_bytes_ -= bytes;
    prefetch(*operation);
    std::uint64_t looked_bytes = 0;
    const bool copied = (!is_block || blocks_->copying(operation, piece, bytes, &looked_bytes)) &&
                        backend_.copy(reinterpret_cast<void*>(piece.target),
                                      reinterpret_cast<const void*>(piece.source), bytes);
    if (is_block) {
        blocks_->copied(wave, operation, piece, bytes, copied);
    } else if (copied) {
        ledger_.good(wave, piece.entry, piece.group, bytes);
    } else {
        ++counters_.at(Route::kCopy).error_count;
        ledger_.failed(wave, {BWRT_E_IO, EIO, BWRT_TIER_HOST, operation->index}, piece.entry,
                       piece.group, bytes);
    }
    served->bytes += bytes;
    served->looked_bytes += looked_bytes;
}

}  // namespace bwrt::runtime
