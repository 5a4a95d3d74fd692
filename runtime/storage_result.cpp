// SPDX-License-Identifier: Apache-2.0
//
// storage_result.cpp — what a result means, and what is done about it.

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "runtime/check.h"
#include "runtime/status.h"
#include "runtime/storage_lane.h"
#include "runtime/stream_copy.h"

namespace bwrt::runtime {

bool StorageLane::reap(std::uint64_t now_ns) noexcept {
    now_ns_ = now_ns;
    constexpr std::uint32_t kBatch = 64;
    IoResult results[kBatch];
    bool any = false;
    for (;;) {
        const std::uint32_t count = backend_.reap(results, kBatch);
        for (std::uint32_t i = 0; i < count; ++i) {
            const std::uint32_t place = results[i].tag & ((1u << kTagPlaceBits) - 1);
            Transfer* transfer = place < transfers_.count() ? &transfers_[place] : nullptr;
            if (transfer == nullptr || transfer->tag != results[i].tag || !transfer->in_backend) {
                ++unknown_count_;  // nothing of ours: nothing to do but say so
                continue;
            }
            transfer->in_backend = false;
            transfer->tag += 1u << kTagPlaceBits;  // a second answer is nobody's
            on_result(transfer, results[i].result);
        }
        any = any || count != 0;
        if (count < kBatch) break;
    }
    return any;
}

void StorageLane::on_result(Transfer* transfer, std::int32_t result) noexcept {
    if (transfer->kind == IoKind::kFlush) {
        on_flushed(transfer, result);
    } else if (result < 0) {
        on_error(transfer, -result);
    } else if (transfer->staged) {
        on_staged(transfer, static_cast<std::uint32_t>(result));
    } else {
        on_plain(transfer, static_cast<std::uint32_t>(result));
    }
}

void StorageLane::on_error(Transfer* transfer, int os_code) noexcept {
    const bool stopping = transfer->wave->phase == Phase::kStopping;
    if (os_code == EINTR || os_code == EAGAIN || (os_code == ECANCELED && stopping)) {
        ++counters_.at(transfer->route).resubmit_count;
        request(transfer);
    } else if (os_code == EINVAL && transfer->direct) {
        // The file system takes O_DIRECT at open and refuses it at the first request.
        transfer->region->file->direct_file = -1;
        go_plain(transfer);
    } else if (transfer->window_count > 1) {
        // Someone in here is to blame: ask one by one.
        if (!stopping) {
            transfer->isolated = true;
            open_window(transfer, 0, 1);
        }
        request(transfer);
    } else {
        fail_window(transfer, {status_of_io_errno(os_code), os_code, BWRT_TIER_DISK,
                               transfer->accounts[transfer->window_first].operation->index});
    }
}

// After a failed flush the kernel marks the pages clean: a later one would succeed and prove
// nothing.  So the file is not believed again.
void StorageLane::on_flushed(Transfer* transfer, std::int32_t result) noexcept {
    if (result >= 0) {
        resolve_window(transfer, 0, nullptr);
        return;
    }
    const bool stopping = transfer->wave->phase == Phase::kStopping;
    if (result == -EINTR || result == -EAGAIN || (result == -ECANCELED && stopping)) {
        ++counters_.at(Route::kFlush).resubmit_count;
        request(transfer);
        return;
    }
    FileState& file = *transfer->region->file;
    file.poisoned = true;
    file.poison_errno = -result;
    fail_window(transfer, {status_of_io_errno(-result), -result, BWRT_TIER_DISK,
                           transfer->accounts[0].operation->index});
}

void StorageLane::on_plain(Transfer* transfer, std::uint32_t count) noexcept {
    transfer->window_done += count;
    BWRT_CHECK(transfer->window_done <= transfer->window_bytes);
    if (transfer->window_done == transfer->window_bytes) {
        resolve_window(transfer, transfer->window_bytes, nullptr);
        return;
    }
    const Account& first = transfer->accounts[transfer->window_first];
    if (count == 0) {
        const bool reading = transfer->kind == IoKind::kRead;
        const Failure failure = {reading ? BWRT_E_TRUNCATED : BWRT_E_NOSPC, 0, BWRT_TIER_DISK,
                                 first.operation->index};
        resolve_window(transfer, transfer->window_done, &failure);
        return;
    }
    ++counters_.at(transfer->route).resubmit_count;
    // Direct I/O ends off a block only at the end of the file; what follows, if anything, is
    // asked for through the page cache.
    if (transfer->direct && count % transfer->region->file->offset_align_bytes != 0) {
        transfer->direct = false;
    }
    request(transfer);
}

void StorageLane::on_staged(Transfer* transfer, std::uint32_t count) noexcept {
    const FileState& file = *transfer->region->file;
    const std::uint32_t unit = file.offset_align_bytes;
    const std::uint32_t index = transfer->accounts[transfer->window_first].operation->index;
    if (transfer->step != Transfer::Step::kMove) {
        if (count != unit) {  // the file was cut under us
            fail_window(transfer, {BWRT_E_TRUNCATED, 0, BWRT_TIER_DISK, index});
            return;
        }
        transfer->step = transfer->step == Transfer::Step::kHeadEdge ? Transfer::Step::kTailEdge
                                                                     : Transfer::Step::kMove;
        request(transfer);
        return;
    }
    transfer->staged_done += count;
    const auto head = static_cast<std::uint32_t>(transfer->window_offset - transfer->staged_offset);
    const std::uint32_t good = std::min(
        transfer->staged_done > head ? transfer->staged_done - head : 0, transfer->window_bytes);
    const bool reading = transfer->kind == IoKind::kRead;
    if (reading ? good == transfer->window_bytes
                : transfer->staged_done == transfer->staged_bytes) {
        counters_.at(transfer->route).staged_bytes += good;
        if (reading) {
            land(transfer);
        } else {
            resolve_window(transfer, good, nullptr);
        }
        return;
    }
    if (count != 0 && count % unit == 0) {
        ++counters_.at(transfer->route).resubmit_count;
        request(transfer);
        return;
    }
    if (reading) copy_staged(*transfer, good, false);
    if (count != 0) {
        transfer->window_done = good;
        go_plain(transfer);
        return;
    }
    const Failure failure = {reading ? BWRT_E_TRUNCATED : BWRT_E_NOSPC, 0, BWRT_TIER_DISK, index};
    resolve_window(transfer, good, &failure);
}

void StorageLane::land(Transfer* transfer) noexcept {
    transfer->next = nullptr;
    *landed_end_ = transfer;
    landed_end_ = &transfer->next;
}

bool StorageLane::unload(std::uint64_t now_ns) noexcept {
    now_ns_ = now_ns;
    std::uint64_t copied_bytes = 0;
    while (landed_ != nullptr && copied_bytes < kUnloadBytes) {
        Transfer* transfer = landed_;
        landed_ = transfer->next;
        if (landed_ == nullptr) landed_end_ = &landed_;
        copied_bytes += transfer->window_bytes;
        copy_staged(*transfer, transfer->window_bytes, false);
        resolve_window(transfer, transfer->window_bytes, nullptr);
    }
    return landed_ != nullptr;
}

// The rest through the page cache, from the caller's memory.
void StorageLane::go_plain(Transfer* transfer) noexcept {
    ++counters_.at(transfer->route).resubmit_count;
    transfer->direct = transfer->staged = false;
    transfer->step = Transfer::Step::kMove;
    staging_.give_back_buffer(transfer);
    request(transfer);
}

// Between the staging buffer and the window's accounts, `bytes` from the front.
void StorageLane::copy_staged(const Transfer& transfer, std::uint32_t bytes,
                              bool into_staging) noexcept {
    std::byte* staged =
        staging_.buffer(transfer) + (transfer.window_offset - transfer.staged_offset);
    for (std::uint32_t i = transfer.window_first; bytes > 0; ++i) {
        const Account& account = transfer.accounts[i];
        const std::uint32_t run = std::min(account.bytes, bytes);
        auto* memory = reinterpret_cast<std::byte*>(account.address);
        if (into_staging) {
            stream_copy(staged, memory, run);
        } else {
            stream_copy(memory, staged, run);
        }
        staged += run;
        bytes -= run;
    }
}

void StorageLane::fail_window(Transfer* transfer, const Failure& failure) noexcept {
    resolve_window(transfer, transfer->staged ? 0 : transfer->window_done, &failure);
}

// The first good_bytes of the window are good, the rest, if any, failed.
void StorageLane::resolve_window(Transfer* transfer, std::uint32_t good_bytes,
                                 const Failure* failure) noexcept {
    Wave* wave = transfer->wave;
    const std::uint32_t last = transfer->window_first + transfer->window_count;
    if (wave->own != nullptr) {
        resolve_own(transfer, good_bytes, failure);
    } else if (failure == nullptr && wave->results == nullptr && wave->group_root == nullptr &&
               transfer->kind != IoKind::kFlush) {
        ledger_.good(wave, 0, 0, good_bytes);
    } else {
        for (std::uint32_t i = transfer->window_first; i < last; ++i) {
            const Account& account = transfer->accounts[i];
            const std::uint32_t good = std::min(account.bytes, good_bytes);
            good_bytes -= good;
            if (transfer->kind == IoKind::kFlush && failure == nullptr) {
                ledger_.flushed(wave, account.entry, account.group);
                continue;
            }
            if (good != 0) ledger_.good(wave, account.entry, account.group, good);
            const std::uint32_t bad = transfer->kind == IoKind::kFlush ? 1 : account.bytes - good;
            if (bad == 0) continue;
            Failure own = *failure;
            if (own.operation_index != BWRT_NONE) own.operation_index = account.operation->index;
            ledger_.failed(wave, own, account.entry, account.group, bad);
            if (!account.operation->is_indexed()) account.operation->failed = true;
        }
        if (failure != nullptr) ++counters_.at(transfer->route).error_count;
    }
    if (transfer->isolated && last < transfer->account_count && wave->phase != Phase::kStopping) {
        open_window(transfer, last, 1);
        request(transfer);
        return;
    }
    if (last < transfer->account_count) {  // stopped in the middle of taking it apart
        const Failure stopped = {wave->stop_status, 0, BWRT_TIER_NONE, BWRT_NONE};
        for (std::uint32_t i = last; i < transfer->account_count; ++i) {
            const Account& account = transfer->accounts[i];
            ledger_.failed(wave, stopped, account.entry, account.group, account.bytes);
        }
    }
    finish(transfer);
}

// Likewise, of a wave of the store's own.  It may start others for it meanwhile.
void StorageLane::resolve_own(Transfer* transfer, std::uint32_t good_bytes,
                              const Failure* failure) noexcept {
    Wave* wave = transfer->wave;
    const bool flushing = transfer->kind == IoKind::kFlush;
    const std::uint32_t last = transfer->window_first + transfer->window_count;
    for (std::uint32_t i = transfer->window_first; i < last; ++i) {
        const Account& account = transfer->accounts[i];
        const std::uint32_t bytes = flushing ? 1 : account.bytes;
        const std::uint32_t good =
            flushing ? (failure == nullptr ? 1 : 0) : std::min(account.bytes, good_bytes);
        good_bytes -= flushing ? 0 : good;
        wave->unresolved -= bytes;
        if (good != bytes) account.operation->failed = true;
        wave->own->moved(account.operation, good, bytes - good, failure);
    }
    if (failure != nullptr) ++counters_.at(transfer->route).error_count;
}

void StorageLane::finish(Transfer* transfer) noexcept {
    Wave* wave = transfer->wave;
    static_cast<void>(staging_.give_back(transfer));
    counters_.request_finished(transfer->route, transfer->bytes, now_ns_ - transfer->started_ns,
                               false);
    // A flush says nothing about the rate of bytes, and neither does a failure.
    if (transfer->route != Route::kFlush) {
        if (wave->completion.status == BWRT_OK) {
            rate_.add(transfer->bytes, now_ns_ - busy_since_ns_);
            counters_.moved(transfer->route, transfer->bytes, now_ns_ - busy_since_ns_,
                            now_ns_ - transfer->started_ns);
            measured_ns_ = now_ns_;
        }
        busy_since_ns_ = now_ns_;
        --moving_count_;
    }
    queued_bytes_ -= transfer->bytes;
    transfer->next = free_;
    free_ = transfer;
    --inflight_count_;
    --wave->inflight_count;
    if (wave->unresolved == 0 && wave->inflight_count == 0) owner_.wave_resolved(wave);
}

}  // namespace bwrt::runtime
